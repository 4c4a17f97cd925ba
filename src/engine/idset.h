// idset.h: a set of numbers below 2^48 that is cheap where it is dense, and bounded where it is
// not.
//
// Long runs cost 24 bytes each, whatever their length; a block of 65,536 numbers of which only some
// are there costs a bitmap of 8 KiB. So 10^9 finished units are one run and a bitmap, and the every
// n-th unit that one of n nodes has done costs n bits a unit of its own, never a list.
#ifndef IML_ENGINE_IDSET_H
#define IML_ENGINE_IDSET_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

struct iml__run_of_blocks {
    uint64_t block, n; // blocks block..block+n-1 are full, or, with bits, one block that is not
    uint64_t *bits;    // *owned*
};

struct iml__idset {                 // all zero: empty
    struct iml__run_of_blocks *run; // sorted, apart or of another kind than their neighbours
    size_t nrun, cap;
    size_t last; // where the last look-up ended: neighbours come in order
    uint64_t count;
};

void iml__idset_free(struct iml__idset *s);
iml_status iml__idset_add(struct iml__idset *s, uint64_t id);    // IML_ENOMEM; IML_ELIMIT: >= 2^48
iml_status iml__idset_remove(struct iml__idset *s, uint64_t id); // IML_ENOMEM
bool iml__idset_has(const struct iml__idset *s, uint64_t id);
// The first member, or the first that is none, in [from, end); UINT64_MAX: there is none.
uint64_t iml__idset_next(const struct iml__idset *s, uint64_t from, uint64_t end);
uint64_t iml__idset_next_gap(const struct iml__idset *s, uint64_t from, uint64_t end);
// Members below end that are k modulo n.
uint64_t iml__idset_count(const struct iml__idset *s, uint64_t end, uint64_t k, uint64_t n);

// The numbers below end that are k modulo n and not in the set, by rank: the r-th of them is found
// in O(log), whatever lies between. The set stays as it is meanwhile. All zero: none.
struct iml__gaps {
    const struct iml__idset *s; // *borrowed*
    uint64_t k, n, count;
    struct iml__gap { // numbers from first to end, of them those that are missing in bits
        uint64_t first, end, before; // before: of smaller rank
        const uint64_t *bits;        // of the block that first lies in; NULL: all are missing
    } * gap;
    size_t ngap, cap;
};
bool iml__gaps_open(struct iml__gaps *g, const struct iml__idset *s, uint64_t end, uint64_t k,
                    uint64_t n); // false: no memory
void iml__gaps_close(struct iml__gaps *g);
uint64_t iml__gaps_at(const struct iml__gaps *g, uint64_t rank); // rank < count

#endif
