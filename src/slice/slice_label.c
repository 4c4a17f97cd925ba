// slice_label.c: reading, mapping, counting and storing labels.
#include "src/slice/slice_label.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/err.h"
#include "src/base/str.h"
#include "src/codec/nifti.h"

const char *iml__label_descr(enum iml__label_type t)
{
    static const char *const descr[] = {"|i1", "|i1", "|u1", "<i2", "<i4"};
    return descr[t];
}

const char *iml__label_type_name(enum iml__label_type t)
{
    static const char *const names[] = {"i8", "i8", "u8", "i16", "i32"};
    return names[t];
}

// ---- The map

static bool whole(const char *text, size_t n, int32_t *out)
{
    char word[24];
    int64_t v;
    while (n && (*text == ' ' || *text == '\t')) text++, n--;
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t' || text[n - 1] == '\r')) n--;
    if (!n || n >= sizeof word) return false;
    memcpy(word, text, n), word[n] = 0;
    if (!iml__parse_i64(word, &v) || v <= INT32_MIN || v > INT32_MAX) return false;
    *out = (int32_t)v;
    return true;
}

static int by_key(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;
    return (x[0] > y[0]) - (x[0] < y[0]);
}

iml_status iml__label_map_parse(const char *text, int32_t pair[][2], size_t cap,
                                struct iml__label_map *out, iml_err *e)
{
    *out = (struct iml__label_map){.pair = pair};
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, ",\n"), colon = 0;
        while (colon < n && p[colon] != ':') colon++;
        size_t blank = strspn(p, " \t\r");
        bool star = colon == blank + 1 && p[blank] == '*';
        int32_t from = 0, to = 0;
        if (blank >= n) {
            p += n + (p[n] != 0);
            continue;
        }
        if (colon >= n || !whole(p + colon + 1, n - colon - 1, &to) ||
            (!star && !whole(p, colon, &from)))
            return IML_FAIL(e, IML_EARG, "--label-map: '%.*s' is not FROM:TO in whole numbers",
                            (int)IML_MIN(n, (size_t)40), p);
        if (!star && out->n == cap)
            return IML_FAIL(e, IML_EARG, "--label-map: more than %zu pairs", cap);
        if (star)
            out->other = true, out->other_to = to;
        else
            pair[out->n][0] = from, pair[out->n++][1] = to;
        p += n + (p[n] != 0);
    }
    qsort(pair, out->n, sizeof *pair, by_key);
    for (uint32_t k = 1; k < out->n; k++)
        if (pair[k][0] == pair[k - 1][0])
            return IML_FAIL(e, IML_EARG, "--label-map: %d is mapped twice", pair[k][0]);
    return IML_OK;
}

int32_t iml__label_mapped(const struct iml__label_map *m, int32_t v)
{
    uint32_t lo = 0, hi = m->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (m->pair[mid][0] == v) return m->pair[mid][1];
        if (m->pair[mid][0] < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return m->other ? m->other_to : v;
}

// ---- Values

static int32_t label_of(double v, const struct iml__label_map *m)
{
    double near = floor(v + 0.5);
    if (!(fabs(v - near) <= 1e-3) || near <= INT32_MIN || near > INT32_MAX) return IML__LABEL_ODD;
    return iml__label_mapped(m, (int32_t)near);
}

void iml__label_table(const iml_nifti_info *i, const struct iml__label_map *m, int32_t *table)
{
    uint32_t n = i->item_bytes == 1 ? 256 : 65536;
    for (uint32_t k = 0; k < n; k++) {
        uint8_t a = (uint8_t)k;
        uint16_t b = (uint16_t)k;
        double v;
        iml__nifti_to_f64(i, i->item_bytes == 1 ? (const void *)&a : &b, 1, &v);
        table[k] = label_of(v, m);
    }
}

void iml__label_convert(const iml_nifti_info *i, const struct iml__label_map *m, const void *raw,
                        size_t n, int32_t *out)
{
    double v[256];
    for (size_t at = 0; at < n;) {
        size_t k = IML_MIN(n - at, IML_COUNT_OF(v));
        iml__nifti_to_f64(i, (const uint8_t *)raw + at * (size_t)i->item_bytes, k, v);
        for (size_t j = 0; j < k; j++) out[at + j] = label_of(v[j], m);
        at += k;
    }
}

double iml__label_raw(const iml_nifti_info *i, const void *raw, size_t at)
{
    double v;
    iml__nifti_to_f64(i, (const uint8_t *)raw + at * (size_t)i->item_bytes, 1, &v);
    return v;
}

// ---- Counts

static uint32_t place_of(const struct iml__label_counts *c, int32_t v)
{
    uint32_t at = ((uint32_t)v * 2654435761u) & (c->cap - 1);
    while (c->count[at] && c->value[at] != v) at = (at + 1) & (c->cap - 1);
    return at;
}

static iml_status grow(struct iml__label_counts *c, iml_arena *a, iml_err *e)
{
    struct iml__label_counts big = {.cap = c->cap ? c->cap * 4 : 256};
    big.value = iml_arena_calloc(a, big.cap, sizeof *big.value);
    big.count = iml_arena_calloc(a, big.cap, sizeof *big.count);
    if (!big.value || !big.count) return IML_FAIL(e, IML_ENOMEM, "no memory to count labels");
    for (uint32_t k = 0; k < c->cap; k++) {
        if (!c->count[k]) continue;
        uint32_t at = place_of(&big, c->value[k]);
        big.value[at] = c->value[k], big.count[at] = c->count[k];
    }
    big.n = c->n;
    *c = big;
    return IML_OK;
}

iml_status iml__label_counts_add(struct iml__label_counts *c, iml_arena *a, int32_t v, uint64_t n,
                                 iml_err *e)
{
    if (!n) return IML_OK;
    if (c->n * 2 >= c->cap) IML_TRY(grow(c, a, e));
    uint32_t at = place_of(c, v);
    if (!c->count[at]) {
        if (c->n == IML__LABELS_MAX)
            return iml__coded(e, IML_EINPUT, "label-values",
                              "more than %d different labels; is this an image?", IML__LABELS_MAX);
        c->value[at] = v, c->n++;
    }
    c->count[at] += n;
    return IML_OK;
}

struct pair {
    int32_t value;
    uint64_t count;
};

static void sift(struct iml__label_counts *c, uint32_t at, uint32_t n)
{
    for (uint32_t kid; (kid = 2 * at + 1) < n; at = kid) {
        if (kid + 1 < n && c->value[kid + 1] > c->value[kid]) kid++;
        if (c->value[at] >= c->value[kid]) return;
        struct pair t = {c->value[at], c->count[at]};
        c->value[at] = c->value[kid], c->count[at] = c->count[kid];
        c->value[kid] = t.value, c->count[kid] = t.count;
    }
}

void iml__label_counts_sort(struct iml__label_counts *c)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < c->cap; k++)
        if (c->count[k]) c->value[n] = c->value[k], c->count[n++] = c->count[k];
    for (uint32_t k = n / 2; k-- > 0;) sift(c, k, n);
    for (uint32_t k = n; k-- > 1;) {
        struct pair t = {c->value[0], c->count[0]};
        c->value[0] = c->value[k], c->count[0] = c->count[k];
        c->value[k] = t.value, c->count[k] = t.count;
        sift(c, 0, k);
    }
}

bool iml__label_fits(enum iml__label_type t, int32_t v)
{
    switch (t) {
    case IML__LABEL_I8: return v >= -128 && v <= 127;
    case IML__LABEL_U8: return v >= 0 && v <= 255;
    case IML__LABEL_I16: return v >= -32768 && v <= 32767;
    default: return true;
    }
}

enum iml__label_type iml__label_fit(const struct iml__label_counts *c)
{
    int32_t lo = c->n ? c->value[0] : 0, hi = c->n ? c->value[c->n - 1] : 0;
    static const enum iml__label_type small[] = {IML__LABEL_I8, IML__LABEL_I16};
    for (size_t k = 0; k < 2; k++)
        if (iml__label_fits(small[k], lo) && iml__label_fits(small[k], hi)) return small[k];
    return IML__LABEL_I32;
}

void iml__label_store(enum iml__label_type t, const int32_t *v, size_t n, void *out)
{
    uint8_t *b = out;
    uint16_t *h = out;
    if (iml__label_bytes(t) == 1)
        for (size_t k = 0; k < n; k++) b[k] = (uint8_t)v[k];
    else if (t == IML__LABEL_I16)
        for (size_t k = 0; k < n; k++) h[k] = (uint16_t)v[k];
    else
        memcpy(out, v, n * sizeof *v);
}
