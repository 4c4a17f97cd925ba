// tone.c: whole-picture statistics, lookup tables and alpha (ops.md 1, 5, 9).
#include "src/image/ops.h"
#include "src/kernel/kernel.h"

#include <string.h>

static int colours(const iml_image *m) { return m->channels <= 2 ? 1 : 3; }
static bool has_alpha(const iml_image *m) { return m->channels == 2 || m->channels == 4; }

bool iml__is_grey(const iml_image *m)
{
    if (m->channels <= 2) return true;
    for (int32_t y = 0; y < m->h; y++) {
        const uint8_t *s = iml__image_row(m, y);
        if (m->depth == IML__U8 && m->channels == 3) {
            if (!iml__kernel()->is_grey_rgb_u8(s, (size_t)m->w)) return false;
            continue;
        }
        size_t size = iml__depth_bytes(m->depth);
        for (int32_t x = 0; x < m->w; x++, s += size * (size_t)m->channels)
            if (memcmp(s, s + size, size) != 0 || memcmp(s, s + 2 * size, size) != 0) return false;
    }
    return true;
}

static uint64_t sum_row_u8(const uint8_t *s, const iml_image *m)
{
    const iml__kernels *k = iml__kernel();
    if (m->channels == 1) return k->sum_u8(s, (size_t)m->w);
    uint8_t luma[1024];
    uint64_t sum = 0;
    for (int32_t x = 0; x < m->w; x += (int32_t)sizeof luma) {
        size_t n = (size_t)IML_MIN(m->w - x, (int32_t)sizeof luma);
        const uint8_t *p = s + (size_t)x * (size_t)m->channels;
        if (m->channels == 2)
            for (size_t i = 0; i < n; i++) luma[i] = p[2 * i];
        else
            k->luma_u8(luma, p, n, m->channels);
        sum += k->sum_u8(luma, n);
    }
    return sum;
}

static uint64_t sum_row_u16(const uint16_t *s, const iml_image *m)
{
    uint64_t sum = 0;
    for (int32_t x = 0; x < m->w; x++, s += m->channels)
        sum += m->channels <= 2
                   ? s[0]
                   : (19595ull * s[0] + 38470ull * s[1] + 7471ull * s[2] + 32768) >> 16;
    return sum;
}

uint32_t iml__mean_luma(const iml_image *m)
{
    uint64_t sum = 0, n = (uint64_t)m->w * (uint64_t)m->h;
    for (int32_t y = 0; y < m->h; y++) {
        const uint8_t *s = iml__image_row(m, y);
        sum += m->depth == IML__U16 ? sum_row_u16((const uint16_t *)(const void *)s, m)
                                    : sum_row_u8(s, m);
    }
    return (uint32_t)((sum + n / 2) / n); // floor(mean + 1/2), for odd n too: n / 2 is below a half
}

void iml__apply_lut(iml_image *m, const uint8_t lut[256])
{
    for (int32_t y = 0; y < m->h; y++) {
        uint8_t *d = iml__image_row(m, y);
        if (!has_alpha(m)) {
            iml__kernel()->lut_u8(d, d, (size_t)m->w * (size_t)m->channels, lut);
            continue;
        }
        for (int32_t x = 0; x < m->w; x++, d += m->channels)
            for (int c = 0; c < colours(m); c++) d[c] = lut[d[c]];
    }
}

// ---- Alpha

static void premultiply_row(uint8_t *row, const iml_image *m)
{
    int ch = m->channels;
    if (m->depth == IML__U8 && ch == 4) {
        iml__kernel()->premultiply_u8(row, row, (size_t)m->w);
        return;
    }
    uint16_t *s = (uint16_t *)(void *)row;
    float *f = (float *)(void *)row;
    for (int32_t x = 0; x < m->w; x++)
        for (int c = 0; c < ch - 1; c++) {
            size_t i = (size_t)x * (size_t)ch, k = i + (size_t)c, a = i + (size_t)ch - 1;
            if (m->depth == IML__U8)
                row[k] = (uint8_t)iml__div255((uint32_t)row[k] * row[a]);
            else if (m->depth == IML__U16)
                s[k] = (uint16_t)(((uint64_t)s[k] * s[a] + 32767) / 65535);
            else
                f[k] *= f[a];
        }
}

static void unpremultiply_row(uint8_t *row, const iml_image *m)
{
    int ch = m->channels;
    uint16_t *s = (uint16_t *)(void *)row;
    float *f = (float *)(void *)row;
    for (int32_t x = 0; x < m->w; x++)
        for (int c = 0; c < ch - 1; c++) {
            size_t i = (size_t)x * (size_t)ch, k = i + (size_t)c, a = i + (size_t)ch - 1;
            if (m->depth == IML__U8) {
                uint32_t v = row[a] == 255 ? row[k]
                             : row[a]      ? (255u * row[k] + row[a] / 2) / row[a]
                                           : 0;
                row[k] = (uint8_t)IML_MIN(255u, v);
            } else if (m->depth == IML__U16) {
                uint64_t v = s[a] ? (65535ull * s[k] + s[a] / 2) / s[a] : 0;
                s[k] = (uint16_t)IML_MIN(65535ull, v);
            } else
                f[k] = f[a] > 0 ? f[k] / f[a] : 0;
        }
}

void iml__premultiply(iml_image *m)
{
    for (int32_t y = 0; y < m->h && has_alpha(m); y++) premultiply_row(iml__image_row(m, y), m);
}

void iml__unpremultiply(iml_image *m)
{
    for (int32_t y = 0; y < m->h && has_alpha(m); y++) unpremultiply_row(iml__image_row(m, y), m);
}
