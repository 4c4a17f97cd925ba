// norm.c: reading, settling and storing norms.
#include "src/slice/norm.h"

#include <math.h>
#include <stdio.h>

#include "src/base/err.h"
#include "src/base/str.h"

// Level and width as radiologists name them, in HU.
static const struct {
    const char *name;
    double level, width;
} windows[] = {
    {"brain", 40, 80},    {"subdural", 75, 215},    {"stroke", 40, 40},   {"bone", 400, 1800},
    {"lung", -600, 1500}, {"mediastinum", 50, 350}, {"abdomen", 60, 400}, {"liver", 30, 150},
    {"spine", 50, 250},   {"angio", 300, 600},
};

static bool two_numbers(const char *text, double *a, double *b)
{
    char head[40];
    size_t n = strcspn(text, ",");
    if (!text[n] || n >= sizeof head) return false;
    memcpy(head, text, n), head[n] = 0;
    return iml__parse_double(head, a) && iml__parse_double(text + n + 1, b) && isfinite(*a) &&
           isfinite(*b);
}

static iml_status window_of(const char *text, struct iml__norm *out, iml_err *e)
{
    out->kind = IML__NORM_WINDOW;
    for (size_t k = 0; k < IML_COUNT_OF(windows); k++)
        if (!strcmp(text, windows[k].name)) {
            out->a = windows[k].level, out->b = windows[k].width;
            (void)snprintf(out->name, sizeof out->name, "%s", text);
            return IML_OK;
        }
    if (two_numbers(text, &out->a, &out->b) && out->b > 0) return IML_OK;
    return IML_FAIL(e, IML_EARG,
                    "--norm window:%.40s: L,W with W above 0, or brain subdural stroke bone lung "
                    "mediastinum abdomen liver spine angio",
                    text);
}

iml_status iml__norm_parse(const char *text, struct iml__norm *out, iml_err *e)
{
    *out = (struct iml__norm){.kind = IML__NORM_NONE};
    if (!strcmp(text, "none")) return IML_OK;
    if (!strcmp(text, "zscore")) return out->kind = IML__NORM_ZSCORE, IML_OK;
    if (!strcmp(text, "ct")) return out->kind = IML__NORM_CT, IML_OK;
    if (!strcmp(text, "minmax")) {
        out->kind = IML__NORM_PERCENTILE, out->b = 100;
        return IML_OK;
    }
    if (!strncmp(text, "window:", 7)) return window_of(text + 7, out, e);
    if (!strncmp(text, "percentile:", 11)) {
        out->kind = IML__NORM_PERCENTILE;
        if (two_numbers(text + 11, &out->a, &out->b) && out->a >= 0 && out->b <= 100 &&
            out->a < out->b)
            return IML_OK;
        return IML_FAIL(e, IML_EARG, "--norm %.40s: percentile:A,B with 0 <= A < B <= 100", text);
    }
    return IML_FAIL(
        e, IML_EARG,
        "--norm %.40s: zscore, percentile:A,B, minmax, window:L,W, window:NAME, ct or none", text);
}

void iml__norm_text(const struct iml__norm *n, char out[96])
{
    static const char *const names[] = {"zscore", "percentile", "window", "ct", "none"};
    char a[32], b[32];
    a[iml__num_short(a, n->a)] = 0, b[iml__num_short(b, n->b)] = 0;
    if (n->kind == IML__NORM_PERCENTILE || (n->kind == IML__NORM_WINDOW && !n->name[0]))
        (void)snprintf(out, 96, "%s:%s,%s", names[n->kind], a, b);
    else if (n->kind == IML__NORM_WINDOW)
        (void)snprintf(out, 96, "window:%s", n->name);
    else
        (void)snprintf(out, 96, "%s", names[n->kind]);
}

bool iml__norm_unit(enum iml__norm_kind k)
{
    return k == IML__NORM_PERCENTILE || k == IML__NORM_WINDOW;
}

struct iml__normer iml__normer_of(const struct iml__norm *n, const struct iml__stats *s,
                                  const struct iml__ct *ct)
{
    struct iml__normer r = {.kind = n->kind, .div = 1};
    switch (n->kind) {
    case IML__NORM_ZSCORE: r.sub = s->mean, r.div = s->std; break;
    case IML__NORM_PERCENTILE:
        r.sub = s->percentile[0], r.div = s->percentile[1] - s->percentile[0];
        break;
    case IML__NORM_WINDOW: r.sub = (float)(n->a - n->b / 2), r.div = (float)n->b; break;
    case IML__NORM_CT:
        r.lo = (float)ct->p_low, r.hi = (float)ct->p_high;
        r.sub = (float)ct->mean, r.div = (float)(ct->std > 1e-8 ? ct->std : 1e-8);
        break;
    case IML__NORM_NONE: break;
    }
    return r;
}

// ---- Storing

const char *iml__out_descr(enum iml__out_type t)
{
    static const char *const descr[] = {"<f4", "<f2", "<i2", "|u1"};
    return descr[t];
}

uint16_t iml__half(float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    uint32_t sign = u >> 16 & 0x8000u, mag = u & 0x7fffffffu;
    if (mag > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (mag >> 13 & 0x1ffu)); // NaN
    if (mag >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); // rounds to 2^16
    if (mag < 0x38800000u) { // subnormal: the number of 2^-24, to even
        if (mag < 0x33000001u) return (uint16_t)sign;
        uint32_t shift = 126 - (mag >> 23), man = (mag & 0x7fffffu) | 0x800000u;
        uint32_t q = man >> shift, rest = man & ((1u << shift) - 1), half = 1u << (shift - 1);
        return (uint16_t)(sign | (q + (rest > half || (rest == half && (q & 1)))));
    }
    uint32_t r = mag - 0x38000000u;
    return (uint16_t)(sign | (r + 0xfffu + (r >> 13 & 1)) >> 13);
}

bool iml__out_store(enum iml__out_type t, const float *v, size_t n, void *out)
{
    uint16_t *h = out;
    int16_t *s = out;
    uint8_t *b = out;
    switch (t) {
    case IML__OUT_F32: memcpy(out, v, n * sizeof *v); return true;
    case IML__OUT_F16: {
        bool fits = true; // a value that was finite stays so
        for (size_t k = 0; k < n; k++) {
            h[k] = iml__half(v[k]);
            fits = fits && ((h[k] & 0x7fffu) != 0x7c00u || isinf(v[k]));
        }
        return fits;
    }
    case IML__OUT_U8:
        for (size_t k = 0; k < n; k++) { // 0..1; NaN: 0
            float half_up = 255.0f * v[k] + 0.5f;
            b[k] = v[k] > 0 ? (uint8_t)half_up : 0;
        }
        return true;
    case IML__OUT_I16: break;
    }
    for (size_t k = 0; k < n; k++) {
        if (!(v[k] >= -32768 && v[k] <= 32767) || v[k] != floorf(v[k])) return false;
        s[k] = (int16_t)v[k];
    }
    return true;
}
