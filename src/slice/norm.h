// norm.h: from a volume's values to what a network sees (slice.md 4.4).
#ifndef IML_SLICE_NORM_H
#define IML_SLICE_NORM_H

#include "src/slice/stats.h"

enum iml__norm_kind {
    IML__NORM_ZSCORE,
    IML__NORM_PERCENTILE, // minmax is percentile:0,100
    IML__NORM_WINDOW,
    IML__NORM_CT,
    IML__NORM_NONE
};

struct iml__norm { // as asked for; a window may stand beside others
    enum iml__norm_kind kind;
    double a, b;   // percents; or level, width
    char name[16]; // of a named window, else ""
};
// One word of --norm: "zscore", "percentile:1,99", "minmax", "window:L,W", "window:lung", "ct",
// "none". IML_EARG.
iml_status iml__norm_parse(const char *text, struct iml__norm *out, iml_err *e);
void iml__norm_text(const struct iml__norm *n, char out[96]); // the same in canonical spelling
bool iml__norm_unit(enum iml__norm_kind k);                   // results lie in 0..1

struct iml__normer { // settled for one volume
    enum iml__norm_kind kind;
    float sub, div; // (v - sub) / div
    float lo, hi;   // ct: clipped to, before
};
struct iml__ct { // of all cases together
    double mean, std, p_low, p_high;
};
// stats.percentile[0] and [1] are those of n's percents.
struct iml__normer iml__normer_of(const struct iml__norm *n, const struct iml__stats *s,
                                  const struct iml__ct *ct);

static inline float iml__norm_value(const struct iml__normer *n, float v)
{
    float x;
    switch (n->kind) {
    case IML__NORM_ZSCORE: return (v - n->sub) / n->div;
    case IML__NORM_CT: v = v < n->lo ? n->lo : v > n->hi ? n->hi : v; return (v - n->sub) / n->div;
    case IML__NORM_PERCENTILE:
    case IML__NORM_WINDOW:
        if (!(n->div > 0)) return 0;
        x = (v - n->sub) / n->div;
        return x < 0 ? 0 : x > 1 ? 1 : x; // NaN stays
    case IML__NORM_NONE: break;
    }
    return v;
}

// ---- What is stored

enum iml__out_type { IML__OUT_F32, IML__OUT_F16, IML__OUT_I16, IML__OUT_U8 };
#define IML__OUT_TYPES "f32|f16|i16|u8"
static inline size_t iml__out_bytes(enum iml__out_type t)
{
    return t == IML__OUT_F32 ? 4 : t == IML__OUT_U8 ? 1 : 2;
}
const char *iml__out_descr(enum iml__out_type t); // numpy's: "<f4"
// Nearest, ties to even; subnormals and infinities as IEEE 754 binary16.
uint16_t iml__half(float v);
// n values of type t. false: f16 or i16 is asked for, and a finite value does not fit; of i16, one
// that is no integer either.
bool iml__out_store(enum iml__out_type t, const float *v, size_t n, void *out);

#endif
