// resample.c: weights of the resamplers and the two passes (ops.md 8, curate.md 4.4).
//
// Weights are made in double by + - * / alone, normalised in tap order, rounded to Q14 with the
// residual on the largest (first of equals), so they sum to 2^14 exactly and a flat picture stays
// flat. area is made in whole numbers. Vertical first: it halves the rows that the horizontal pass
// sees when reducing.
#include "src/image/resample.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/image/op_files.h"
#include "src/kernel/kernel.h"

#include <math.h>
#include <string.h>

struct taps {
    int32_t n;              // outputs
    int32_t *first, *count; // of output i
    int16_t *w;             // Q14 at w + i * pitch
    double *wd;             // the same before rounding
    size_t pitch;
};

int32_t iml__scaled_side(int32_t side, double s)
{
    double n = rint(side * s);
    return n < 1 ? 1 : n > INT32_MAX ? INT32_MAX : (int32_t)n;
}

static double kernel_at(enum iml__filter f, double x)
{
    if (f == IML__FILTER_BOX) return x > -0.5 && x <= 0.5;
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

// Overlap of [i m, (i+1) m) and [j n, (j+1) n), in 1/n pixels of the source.
static int64_t overlap(int64_t i, int64_t j, int64_t m, int64_t n)
{
    int64_t lo = IML_MAX(i * m, j * n), hi = IML_MIN((i + 1) * m, (j + 1) * n);
    return hi > lo ? hi - lo : 0;
}

// Which source pixels output i of n looks at, of m.
static void span(enum iml__filter f, int32_t i, int32_t m, int32_t n, int32_t *first,
                 int32_t *count)
{
    int64_t a, b;
    double ratio = (double)m / n, wide = ratio > 1 ? ratio : 1, c = (i + 0.5) * ratio;
    if (f == IML__FILTER_AREA) {
        a = (int64_t)i * m / n;
        b = (((int64_t)i + 1) * m + n - 1) / n;
    } else if (f == IML__FILTER_NEAREST) {
        a = (2 * (int64_t)i + 1) * m / (2 * (int64_t)n);
        b = a + 1;
    } else {
        double support = (f == IML__FILTER_BOX ? 0.5 : 1) * wide;
        a = (int64_t)floor(c - support + 0.5);
        b = (int64_t)floor(c + support + 0.5);
    }
    a = IML_CLAMP(a, 0, (int64_t)m - 1);
    b = IML_CLAMP(b, a + 1, (int64_t)m);
    *first = (int32_t)a, *count = (int32_t)(b - a);
}

static void weigh(enum iml__filter f, int32_t i, int32_t m, int32_t n, const struct taps *t)
{
    double *wd = t->wd + (size_t)i * t->pitch, total = 0;
    int16_t *w = t->w + (size_t)i * t->pitch;
    int32_t first = t->first[i], count = t->count[i], largest = 0, sum = 0;
    double ratio = (double)m / n, wide = ratio > 1 ? ratio : 1, c = (i + 0.5) * ratio - 0.5;
    for (int32_t k = 0; k < count; k++) {
        if (f == IML__FILTER_NEAREST)
            wd[k] = 1;
        else if (f == IML__FILTER_AREA)
            wd[k] = (double)overlap(i, first + k, m, n);
        else
            wd[k] = kernel_at(f, (first + k - c) / wide);
        total += wd[k];
    }
    if (!(total > 0)) wd[0] = total = 1;
    for (int32_t k = 0; k < count; k++) {
        wd[k] /= total;
        w[k] = (int16_t)floor(16384 * wd[k] + 0.5);
        sum += w[k];
        if (wd[k] > wd[largest]) largest = k;
    }
    w[largest] = (int16_t)(w[largest] + 16384 - sum);
}

static iml_status make_taps(enum iml__filter f, int32_t m, int32_t n, iml_arena *a, struct taps *t,
                            iml_err *e)
{
    *t = (struct taps){.n = n};
    t->first = iml_arena_alloc(a, (size_t)n * sizeof *t->first);
    t->count = iml_arena_alloc(a, (size_t)n * sizeof *t->count);
    if (!t->first || !t->count)
        return IML_FAIL(e, IML_ENOMEM, "no memory for a resampler's weights");
    for (int32_t i = 0; i < n; i++) {
        span(f, i, m, n, &t->first[i], &t->count[i]);
        t->pitch = IML_MAX(t->pitch, (size_t)t->count[i]);
    }
    t->w = iml_arena_calloc(a, (size_t)n * t->pitch, sizeof *t->w);
    t->wd = iml_arena_calloc(a, (size_t)n * t->pitch, sizeof *t->wd);
    if (!t->w || !t->wd) return IML_FAIL(e, IML_ENOMEM, "no memory for a resampler's weights");
    for (int32_t i = 0; i < n; i++) weigh(f, i, m, n, t);
    return IML_OK;
}

// ---- Passes. One output row: down the columns into `line`, then along it.

static void col_wide(const iml_image *m, const struct taps *t, int32_t y, void *line)
{
    const int16_t *w = t->w + (size_t)y * t->pitch;
    const double *wd = t->wd + (size_t)y * t->pitch;
    size_t n = (size_t)m->w * (size_t)m->channels;
    for (size_t i = 0; i < n; i++) {
        int64_t sum = 8192;
        float f = 0;
        for (int32_t k = 0; k < t->count[y]; k++) {
            const uint8_t *row = iml__image_row(m, t->first[y] + k);
            if (m->depth == IML__U16)
                sum += (int64_t)w[k] * ((const uint16_t *)(const void *)row)[i];
            else
                f += (float)wd[k] * ((const float *)(const void *)row)[i];
        }
        if (m->depth == IML__U16)
            ((uint16_t *)line)[i] = (uint16_t)IML_CLAMP(sum >> 14, 0, 65535);
        else
            ((float *)line)[i] = f;
    }
}

static void row_wide(const iml_image *out, const struct taps *t, int32_t y, const void *line)
{
    int ch = out->channels;
    uint8_t *row = iml__image_row(out, y);
    for (int32_t i = 0; i < t->n; i++)
        for (int c = 0; c < ch; c++) {
            int64_t sum = 8192;
            float f = 0;
            for (int32_t k = 0; k < t->count[i]; k++) {
                size_t at = (size_t)(t->first[i] + k) * (size_t)ch + (size_t)c;
                if (out->depth == IML__U16)
                    sum += (int64_t)t->w[(size_t)i * t->pitch + (size_t)k] *
                           ((const uint16_t *)line)[at];
                else
                    f += (float)t->wd[(size_t)i * t->pitch + (size_t)k] * ((const float *)line)[at];
            }
            size_t o = (size_t)i * (size_t)ch + (size_t)c;
            if (out->depth == IML__U16)
                ((uint16_t *)(void *)row)[o] = (uint16_t)IML_CLAMP(sum >> 14, 0, 65535);
            else
                ((float *)(void *)row)[o] = f;
        }
}

static iml_status passes(const iml_image *m, const struct taps *v, const struct taps *h,
                         iml_arena *a, iml_image *out, iml_err *e)
{
    const iml__kernels *k = iml__kernel();
    size_t n = (size_t)m->w * (size_t)m->channels;
    void *line = iml_arena_alloc(a, n * iml__depth_bytes(m->depth));
    const uint8_t **rows = iml_arena_alloc(a, v->pitch * sizeof *rows);
    if (!line || !rows) return IML_FAIL(e, IML_ENOMEM, "no memory to resize a picture");
    for (int32_t y = 0; y < out->h; y++) {
        if (m->depth != IML__U8) {
            col_wide(m, v, y, line);
            row_wide(out, h, y, line);
            continue;
        }
        for (int32_t t = 0; t < v->count[y]; t++) rows[t] = iml__image_row(m, v->first[y] + t);
        k->resample_col_u8(line, rows, n, v->w + (size_t)y * v->pitch, v->count[y]);
        k->resample_row_u8(iml__image_row(out, y), line, (size_t)out->w, m->channels, h->first,
                           h->count, h->w, h->pitch);
    }
    return IML_OK;
}

static iml_status resize_into(const iml_image *m, enum iml__filter f, iml_arena *a, iml_image *out,
                              iml_err *e)
{
    struct taps v, h;
    iml_image src = *m;
    bool alpha = m->channels == 2 || m->channels == 4;
    if (alpha) {
        IML_TRY(iml__image_copy(a, m, &src, e));
        iml__premultiply(&src);
    }
    IML_TRY(make_taps(f, m->h, out->h, a, &v, e));
    IML_TRY(make_taps(f, m->w, out->w, a, &h, e));
    IML_TRY(passes(&src, &v, &h, a, out, e));
    if (alpha) iml__unpremultiply(out);
    return IML_OK;
}

iml_status iml__resize(const iml_image *m, int32_t w, int32_t h, enum iml__filter f, iml_arena *a,
                       iml_image *out, iml_err *e)
{
    iml_image r;
    size_t before = iml__arena_mark(a);
    IML_TRY(iml__image_new(a, w, h, m->channels, m->depth, &r, e));
    size_t mark = iml__arena_mark(a);
    iml_status st = resize_into(m, f, a, &r, e);
    iml__arena_release(a, st == IML_OK ? mark : before);
    if (st == IML_OK) *out = r;
    return st;
}

iml_status iml__op_resize(const iml__op *op, iml_arena *a, iml_image *m, iml_err *e)
{
    int32_t w = (int32_t)op->v[IML__RESIZE_W], h = (int32_t)op->v[IML__RESIZE_H];
    if (!w) w = iml__scaled_side(m->w, (double)h / m->h);
    if (!h) h = iml__scaled_side(m->h, (double)w / m->w);
    return iml__resize(m, w, h, (enum iml__filter)(int)op->v[IML__RESIZE_FILTER], a, m, e);
}
