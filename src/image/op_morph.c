// op_morph.c: minimum and maximum over k x k (ops.md 6): offsets -floor(k/2) .. k-1-floor(k/2),
// samples outside the picture do not count. Alpha stays as it is: thicker ink must not open holes
// (synth.md 2.5).
//
// A window of k is built from two windows of the largest power of two below it, so the price is
// log2 k maxima a pass instead of k.
#include "src/image/op_files.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/kernel/kernel.h"

#include <string.h>

struct morph {
    bool max, wide; // wide: u16
    int k, before;  // window; pixels of it before the sample
};

static void pick(const struct morph *p, void *d, const void *a, const void *b, size_t n)
{
    const iml__kernels *k = iml__kernel();
    if (!p->wide) {
        (p->max ? k->max_u8 : k->min_u8)(d, a, b, n);
        return;
    }
    uint16_t *o = d;
    const uint16_t *x = a, *y = b;
    for (size_t i = 0; i < n; i++) o[i] = (x[i] > y[i]) == p->max ? x[i] : y[i];
}

// Turns line[i] into the best of line[i .. i+k-1], units of `size` bytes, n of them valid in the
// end. Works from the front in place: position i only reads from i on.
static void windows(const struct morph *p, uint8_t *line, size_t n, size_t unit, size_t samples)
{
    int have = 1;
    while (have < p->k) {
        int step = IML_MIN(have, p->k - have);
        size_t len = n + (size_t)(p->k - have - step);
        pick(p, line, line, line + (size_t)step * unit, len * samples);
        have += step;
    }
}

static iml_status pass_rows(const struct morph *p, iml_arena *a, iml_image *m, iml_err *e)
{
    size_t unit = (size_t)m->channels * iml__depth_bytes(m->depth), w = (size_t)m->w;
    uint8_t *line = iml_arena_alloc(a, (w + (size_t)p->k) * unit);
    if (!line) return IML_FAIL(e, IML_ENOMEM, "no memory for a row");
    for (int32_t y = 0; y < m->h; y++) {
        uint8_t *row = iml__image_row(m, y);
        // Outside: the neutral value, which never wins.
        memset(line, p->max ? 0 : 255, (w + (size_t)p->k) * unit);
        memcpy(line + (size_t)p->before * unit, row, w * unit);
        windows(p, line, w, unit, (size_t)m->channels);
        memcpy(row, line, w * unit);
    }
    return IML_OK;
}

static iml_status pass_columns(const struct morph *p, iml_arena *a, iml_image *m, iml_err *e)
{
    // The picture with neutral rows around it is one line whose unit is a row.
    size_t samples = (size_t)m->w * (size_t)m->channels,
           unit = samples * iml__depth_bytes(m->depth);
    size_t rows = (size_t)m->h + (size_t)p->k, n;
    uint8_t *line = iml__mul_overflow(rows, unit, &n) ? NULL : iml_arena_alloc(a, n);
    if (!line) return IML_FAIL(e, IML_ENOMEM, "no memory for a picture");
    memset(line, p->max ? 0 : 255, n);
    for (int32_t y = 0; y < m->h; y++)
        memcpy(line + ((size_t)p->before + (size_t)y) * unit, iml__image_row(m, y), unit);
    windows(p, line, (size_t)m->h, unit, samples);
    for (int32_t y = 0; y < m->h; y++) memcpy(iml__image_row(m, y), line + (size_t)y * unit, unit);
    return IML_OK;
}

static void copy_alpha(iml_image *d, const iml_image *s)
{
    size_t size = iml__depth_bytes(d->depth), step = size * (size_t)d->channels;
    for (int32_t y = 0; y < d->h; y++)
        for (int32_t x = 0; x < d->w; x++) {
            size_t at = (size_t)x * step + step - size;
            memcpy(iml__image_row(d, y) + at, iml__image_row(s, y) + at, size);
        }
}

iml_status iml__op_morph(const iml__op *op, iml_arena *a, iml_image *m, iml_err *e)
{
    struct morph p = {.max = op->v[IML__MORPH_MODE] == IML__MORPH_MAX,
                      .wide = m->depth == IML__U16,
                      .k = (int)op->v[IML__MORPH_K]};
    p.before = p.k / 2;
    bool alpha = m->channels == 2 || m->channels == 4;
    iml_image old;
    size_t mark = iml__arena_mark(a);
    iml_status st = alpha ? iml__image_copy(a, m, &old, e) : IML_OK;
    if (st == IML_OK) st = pass_rows(&p, a, m, e);
    if (st == IML_OK) st = pass_columns(&p, a, m, e);
    if (st == IML_OK && alpha) copy_alpha(m, &old);
    iml__arena_release(a, mark);
    return st;
}
