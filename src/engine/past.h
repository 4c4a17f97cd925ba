// past.h: what the journals say of earlier runs: units covered, bad items, deaths.
//
// Kept as ranges, so that 10^9 finished items cost a few bytes. The loader (journal.c) has cut each
// journal at its first bad checksum and folds its records in order.
#ifndef IML_ENGINE_PAST_H
#define IML_ENGINE_PAST_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"
#include "src/engine/idset.h"

enum iml__rec {
    IML__REC_BEGIN = 1,
    IML__REC_VOID,
    IML__REC_UNIT,
    IML__REC_BATCH,
    IML__REC_BAD,
    IML__REC_SUSPECT,
    IML__REC_END
};

struct iml__past; // *owned*: iml__past_free

struct iml__past *iml__past_new(uint32_t unit_items); // NULL: no memory
void iml__past_free(struct iml__past **p);
// Each returns IML_ENOMEM at worst. indices: how many the record covers (a set that has grown
// redoes its last unit, whose record covers fewer than it has now).
iml_status iml__past_void(struct iml__past *p, uint64_t unit, uint32_t indices);
iml_status iml__past_unit(struct iml__past *p, uint64_t unit, uint32_t indices);
iml_status iml__past_bad(struct iml__past *p, uint64_t index);
void iml__past_not_bad(struct iml__past *p, uint64_t index); // nothing is known of it
iml_status iml__past_suspect(struct iml__past *p, uint64_t index);
iml_status iml__past_clear(struct iml__past *p, uint64_t unit); // its files do not match: redo

uint32_t iml__past_span(const struct iml__past *p, uint64_t unit); // indices covered, 0: none
bool iml__past_is_bad(const struct iml__past *p, uint64_t index);
bool iml__past_unit_has_bad(const struct iml__past *p, uint64_t unit);
uint32_t iml__past_deaths(const struct iml__past *p, uint64_t index);
uint64_t iml__past_suspects(const struct iml__past *p); // items that have killed a run
uint64_t iml__past_covered(const struct iml__past *p);  // units with a span
// The first unit in [from, end) whose record is of fewer than unit_items indices; UINT64_MAX: none.
uint64_t iml__past_next_open(const struct iml__past *p, uint64_t from, uint64_t end);
// The units below end that are shard modulo nshards and have no such record, by rank; past NULL:
// all of them. false: no memory.
bool iml__past_gaps(const struct iml__past *p, uint64_t end, uint32_t shard, uint32_t nshards,
                    struct iml__gaps *g);
// The first unit in [from, end) that holds a bad item; UINT64_MAX: none.
uint64_t iml__past_next_bad(const struct iml__past *p, uint64_t from, uint64_t end);
// Bad items below count, of this share, in units that are covered: what a run finds and leaves.
uint64_t iml__past_bad_count(const struct iml__past *p, uint64_t count, uint32_t shard,
                             uint32_t nshards);
// How many units u of [0, end) with u mod nshards == shard are not open; with retry_bad, of those
// that hold no bad item.
uint64_t iml__past_count(const struct iml__past *p, uint64_t end, uint32_t shard, uint32_t nshards,
                         bool retry_bad);

#endif
