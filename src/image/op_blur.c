// op_blur.c: the separable Gaussian in integers (ops.md 9).
//
// Rows are filtered into a ring of as many rows as the columns need, so a picture of any height
// costs 2r+1 rows of scratch, and the result may overwrite its source. Edges reflect-101.
#include "src/image/ops.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/fmath.h"
#include "src/kernel/kernel.h"

#include <math.h>
#include <string.h>

int iml__gauss_weights(double sigma, int16_t w[IML__GAUSS_TAPS])
{
    if (!(sigma > 0)) {
        w[0] = 1 << 14;
        return 0;
    }
    const int most = IML__GAUSS_TAPS / 2;
    int r = (int)IML_MIN(ceil(3 * sigma), (double)most), sum = 0;
    double g[IML__GAUSS_TAPS / 2 + 1] = {0}, total = 0;
    for (int k = 0; k <= r; k++) g[k] = iml__exp(-(double)k * k / (2 * sigma * sigma));
    for (int k = 1; k <= r; k++) total += 2 * g[k];
    total += g[0];
    for (int k = -r; k <= r; k++) {
        w[r + k] = (int16_t)floor(16384 * (g[k < 0 ? -k : k] / total) + 0.5);
        sum += w[r + k];
    }
    w[r] = (int16_t)(w[r] + 16384 - sum);
    return r;
}

struct blur {
    const iml_image *m;
    const int16_t *w;
    int r;
    size_t n;        // samples a row
    uint8_t *padded; // a source row with r pixels of reflection on both sides
    uint8_t *ring;   // rows of u16 (u8 pictures) or u32
    int32_t nring;
    size_t pitch;
    const void **rows; // 2r+1 of them
};

static void pad_row(const struct blur *b, const uint8_t *s)
{
    size_t size = (size_t)b->m->channels * iml__depth_bytes(b->m->depth);
    int32_t w = b->m->w;
    memcpy(b->padded + (size_t)b->r * size, s, (size_t)w * size);
    for (int k = 1; k <= b->r; k++) {
        size_t left = (size_t)iml__reflect101(-k, w),
               right = (size_t)iml__reflect101((int64_t)w - 1 + k, w);
        memcpy(b->padded + (size_t)(b->r - k) * size, s + left * size, size);
        memcpy(b->padded + ((size_t)b->r + (size_t)w - 1 + (size_t)k) * size, s + right * size,
               size);
    }
}

static void row_pass(const struct blur *b, int32_t y)
{
    pad_row(b, iml__image_row(b->m, y));
    void *out = b->ring + (size_t)(y % b->nring) * b->pitch;
    size_t step = (size_t)b->m->channels;
    if (b->m->depth == IML__U8) {
        iml__kernel()->blur_row_u8(out, b->padded, b->n, step, b->w, b->r);
        return;
    }
    const uint16_t *s = (const uint16_t *)(const void *)b->padded;
    uint32_t *d = out;
    for (size_t i = 0; i < b->n; i++) {
        int64_t sum = 128;
        for (int k = 0; k <= 2 * b->r; k++) sum += (int64_t)b->w[k] * s[i + (size_t)k * step];
        d[i] = (uint32_t)(sum >> 8);
    }
}

static void col_pass(const struct blur *b, int32_t y)
{
    for (int k = 0; k <= 2 * b->r; k++) {
        int32_t at = iml__reflect101((int64_t)y + k - b->r, b->m->h);
        b->rows[k] = b->ring + (size_t)(at % b->nring) * b->pitch;
    }
    uint8_t *d = iml__image_row(b->m, y);
    if (b->m->depth == IML__U8) {
        iml__kernel()->blur_col_u8(d, (const uint16_t *const *)b->rows, b->n, b->w, b->r);
        return;
    }
    const uint32_t *const *rows = (const uint32_t *const *)b->rows;
    uint16_t *out = (uint16_t *)(void *)d;
    for (size_t i = 0; i < b->n; i++) {
        int64_t sum = 1 << 19;
        for (int k = 0; k <= 2 * b->r; k++) sum += (int64_t)b->w[k] * rows[k][i];
        out[i] = (uint16_t)(sum >> 20);
    }
}

iml_status iml__blur_gauss(double sigma, iml_arena *scratch, iml_image *m, iml_err *e)
{
    int16_t w[IML__GAUSS_TAPS];
    struct blur b = {.m = m, .w = w, .n = (size_t)m->w * (size_t)m->channels};
    if (m->depth == IML__F32) return IML_FAIL(e, IML_EARG, "blur does not work on float pictures");
    b.r = iml__gauss_weights(sigma, w);
    if (!b.r) return IML_OK;
    size_t mark = iml__arena_mark(scratch), taps = 2 * (size_t)b.r + 1;
    b.nring = (int32_t)IML_MIN((int64_t)taps, (int64_t)m->h);
    b.pitch = (b.n * (m->depth == IML__U8 ? 2 : 4) + 63) & ~(size_t)63;
    b.padded = iml_arena_alloc(scratch, (b.n + (taps - 1) * (size_t)m->channels) *
                                            iml__depth_bytes(m->depth));
    b.ring = iml_arena_alloc(scratch, b.pitch * (size_t)b.nring);
    b.rows = iml_arena_alloc(scratch, taps * sizeof *b.rows);
    if (!b.padded || !b.ring || !b.rows) {
        iml__arena_release(scratch, mark);
        return IML_FAIL(e, IML_ENOMEM, "no memory to blur a picture of %d x %d", (int)m->w,
                        (int)m->h);
    }
    iml__premultiply(m);
    int32_t done = 0;
    for (int32_t y = 0; y < m->h; y++) {
        // A reflected row lies within the window too, so nring rows are enough.
        int32_t need = (int32_t)IML_MIN((int64_t)y + b.r, (int64_t)m->h - 1);
        while (done <= need) row_pass(&b, done++);
        col_pass(&b, y);
    }
    iml__unpremultiply(m);
    iml__arena_release(scratch, mark);
    return IML_OK;
}
