// op_noise.c: noise on colour channels (ops.md 6); alpha is left alone.
//
// Every sample has its own word of the field, by its place in the picture, so a strip made alone
// has the noise of the whole. gauss and uniform go through the staircase of noise.h; salt and
// pepper fall on exactly floor(share w h) pixels, the first of a permutation, black or white by
// their word.
#include "src/image/op_files.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/fmath.h"
#include "src/base/rng.h"
#include "src/kernel/kernel.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 1536 }; // samples at a time; a multiple of three

static int colours(const iml_image *m) { return m->channels <= 2 ? 1 : 3; }

static double wide_level(const iml__op *op, uint32_t word)
{
    double sigma = op->v[IML__NOISE_SIGMA] * 257, u = (word + 0.5) * 0x1p-32;
    bool gauss = op->v[IML__NOISE_KIND] == IML__NOISE_GAUSS;
    return floor(sigma * (gauss ? iml__norm_inv(u) : 1.7320508075688772935 * (2 * u - 1)) + 0.5);
}

static void add_u16(const iml__op *op, iml_image *m, int32_t y, int32_t x, const uint32_t *words,
                    int32_t n, int per)
{
    uint16_t *d = (uint16_t *)(void *)iml__image_row(m, y) + (size_t)x * (size_t)m->channels;
    for (int32_t i = 0; i < n; i++, d += m->channels)
        for (int c = 0; c < colours(m); c++) {
            double v = d[c] + wide_level(op, words[i * per + (per > 1 ? c : 0)]);
            d[c] = (uint16_t)(v < 0 ? 0 : v > 65535 ? 65535 : v);
        }
}

static void add_u8(iml_image *m, int32_t y, int32_t x, const int16_t *k, int32_t n, int per)
{
    uint8_t *d = iml__image_row(m, y) + (size_t)x * (size_t)m->channels;
    if (m->channels == per) {
        iml__kernel()->add_s16_u8(d, k, (size_t)n * (size_t)per);
        return;
    }
    for (int32_t i = 0; i < n; i++, d += m->channels)
        for (int c = 0; c < colours(m); c++) {
            int v = d[c] + k[i * per + (per > 1 ? c : 0)];
            d[c] = (uint8_t)IML_CLAMP(v, 0, 255);
        }
}

static iml_status dense(const iml__op *op, iml_arena *a, iml_image *m, iml_err *e)
{
    iml__noise_table *t = iml_arena_alloc(a, sizeof *t);
    if (!t) return IML_FAIL(e, IML_ENOMEM, "no memory for a table of noise");
    bool gauss = op->v[IML__NOISE_KIND] == IML__NOISE_GAUSS;
    if (m->depth == IML__U8)
        (gauss ? iml__noise_gauss : iml__noise_uniform)(t, op->v[IML__NOISE_SIGMA]);
    int per = op->v[IML__NOISE_GRAY] != 0 ? 1 : colours(m); // words a pixel
    uint32_t groups[CHUNK + 64];
    int16_t k[CHUNK];
    for (int32_t y = 0; y < m->h; y++)
        for (int32_t x = 0; x < m->w; x += CHUNK / per) {
            int32_t n = IML_MIN(m->w - x, CHUNK / per);
            uint64_t first = ((uint64_t)y * (uint64_t)m->w + (uint64_t)x) * (uint64_t)per;
            // Whole groups of 32: a part of one costs as much as eight by the fast way.
            size_t count = (size_t)n * (size_t)per, skip = first % 32;
            const uint32_t *words = groups + skip;
            iml__rng_field(op->seed, op->index, op->field, first - skip, groups,
                           (skip + count + 31) & ~(size_t)31);
            if (m->depth == IML__U16) {
                add_u16(op, m, y, x, words, n, per);
                continue;
            }
            iml__kernel()->noise_s16(k, words, count, t);
            add_u8(m, y, x, k, n, per);
        }
    return IML_OK;
}

// The field word of one sample (ops.md 2), without the 31 others of its group.
static uint32_t field_word(const iml__op *op, uint64_t s)
{
    const uint32_t key[2] = {(uint32_t)op->seed, (uint32_t)(op->seed >> 32)};
    const uint32_t ctr[4] = {(uint32_t)(8 * (s / 32) + s % 8), op->field, (uint32_t)op->index,
                             (uint32_t)(op->index >> 32)};
    uint32_t out[4];
    iml__philox(ctr, key, out);
    return out[s / 8 % 4];
}

static void sparse(const iml__op *op, iml_image *m)
{
    uint64_t all = (uint64_t)m->w * (uint64_t)m->h, at[256];
    uint64_t n = (uint64_t)floor(op->v[IML__NOISE_SHARE] * (double)all);
    int kind = (int)op->v[IML__NOISE_KIND];
    size_t size = iml__depth_bytes(m->depth), pixel = size * (size_t)m->channels;
    for (uint64_t i = 0; i < n; i++) {
        size_t k = i % IML_COUNT_OF(at), left = (size_t)IML_MIN(n - i, IML_COUNT_OF(at));
        if (k == 0) iml__kernel()->feistel(at, left, i, all, op->seed, op->index, op->stream);
        uint64_t p = at[k], y = p / (uint64_t)m->w, x = p % (uint64_t)m->w;
        bool white = kind == IML__NOISE_SALT;
        if (kind == IML__NOISE_SALT_PEPPER) white = field_word(op, p) & 1;
        uint8_t *d = iml__image_row(m, (int32_t)y) + (size_t)x * pixel;
        memset(d, white ? 255 : 0, size * (size_t)colours(m));
    }
}

iml_status iml__op_noise(const iml__op *op, iml_arena *a, iml_image *m, iml_err *e)
{
    if (op->v[IML__NOISE_KIND] >= IML__NOISE_SALT) {
        sparse(op, m);
        return IML_OK;
    }
    size_t mark = iml__arena_mark(a);
    iml_status st = dense(op, a, m, e);
    iml__arena_release(a, mark);
    return st;
}
