// slice_label.h: labels: whole numbers, mapped, counted, and stored without ever wrapping.
//
// A label volume is scaled in double; a value within 1e-3 of an integer is that integer, any other
// refuses the case. --label-map comes before all else. In memory a label is its raw 8- or 16-bit
// item, looked up in a table, or (any other type) an int32.
#ifndef IML_SLICE_SLICE_LABEL_H
#define IML_SLICE_SLICE_LABEL_H

#include "imloom/slice.h"
#include "src/base/iml_attr.h"

enum iml__label_type {
    IML__LABEL_AUTO,
    IML__LABEL_I8,
    IML__LABEL_U8,
    IML__LABEL_I16,
    IML__LABEL_I32
};
#define IML__LABEL_TYPES "auto|i8|u8|i16|i32"
static inline int iml__label_bytes(enum iml__label_type t)
{
    return t == IML__LABEL_I16 ? 2 : t == IML__LABEL_I32 ? 4 : 1;
}
const char *iml__label_descr(enum iml__label_type t); // numpy's: "|i1"
const char *iml__label_type_name(enum iml__label_type t);

// ---- --label-map "1:1,2:1,*:0", or the same from a file, a pair a line

enum { IML__LABEL_PAIRS = 4096 };
struct iml__label_map {
    int32_t (*pair)[2]; // sorted by [0]; *borrowed*
    uint32_t n;
    bool other; // *: what is not named becomes other_to
    int32_t other_to;
};
iml_status iml__label_map_parse(const char *text, int32_t pair[][2], size_t cap,
                                struct iml__label_map *out, iml_err *e);
int32_t iml__label_mapped(const struct iml__label_map *m, int32_t v);

// ---- Values

enum { IML__LABEL_ODD = INT32_MIN }; // stands for a value that is none

// The label of each bit pattern of an 8- or 16-bit type, mapped; IML__LABEL_ODD where it is none.
void iml__label_table(const iml_nifti_info *i, const struct iml__label_map *m, int32_t *table);
// n items of any type to labels.
void iml__label_convert(const iml_nifti_info *i, const struct iml__label_map *m, const void *raw,
                        size_t n, int32_t *out);
// The value of one item as it stands in the file, for messages.
double iml__label_raw(const iml_nifti_info *i, const void *raw, size_t at);

// ---- Counts: how many voxels have which label; at most IML__LABELS_MAX different ones

enum { IML__LABELS_MAX = 65536 };
struct iml__label_counts { // open hashing; all zero at first, tables from the arena
    int32_t *value;
    uint64_t *count;
    uint32_t n, cap;
    bool full;
};
iml_status iml__label_counts_add(struct iml__label_counts *c, iml_arena *a, int32_t v, uint64_t n,
                                 iml_err *e);
// Sorted by value, in place of the hash table; call once, at the end.
void iml__label_counts_sort(struct iml__label_counts *c);
// The smallest type that holds them all: i8, i16, i32.
enum iml__label_type iml__label_fit(const struct iml__label_counts *c);
bool iml__label_fits(enum iml__label_type t, int32_t v);
// n labels as type t.
void iml__label_store(enum iml__label_type t, const int32_t *v, size_t n, void *out);

#endif
