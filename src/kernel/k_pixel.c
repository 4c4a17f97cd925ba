// k_pixel.c: the scalar truth of the loops that look at one sample or pixel at a time.
#include "src/kernel/kernel_twins.h"

#include <string.h>

void iml__max_u8_scalar(uint8_t *d, const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) d[i] = a[i] > b[i] ? a[i] : b[i];
}

void iml__min_u8_scalar(uint8_t *d, const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) d[i] = a[i] < b[i] ? a[i] : b[i];
}

void iml__over_colour_u8_scalar(uint8_t *d, const uint8_t *mask, size_t n, int channels,
                                const uint8_t c[4])
{
    for (size_t i = 0; i < n; i++, d += channels) {
        uint32_t a = mask[i];
        if (!a) continue;
        for (int k = 0; k < channels; k++) d[k] = (uint8_t)iml__div255(c[k] * a + d[k] * (255 - a));
    }
}

void iml__over_rgba_rgb_u8_scalar(uint8_t *d, const uint8_t *s, size_t n)
{
    for (size_t i = 0; i < n; i++, d += 3, s += 4) {
        uint32_t a = s[3];
        if (!a) continue;
        for (int k = 0; k < 3; k++) d[k] = (uint8_t)iml__div255(s[k] * a + d[k] * (255 - a));
    }
}

void iml__lut_u8_scalar(uint8_t *d, const uint8_t *s, size_t n, const uint8_t lut[256])
{
    for (size_t i = 0; i < n; i++) d[i] = lut[s[i]];
}

void iml__luma_u8_scalar(uint8_t *d, const uint8_t *s, size_t n, int channels)
{
    for (size_t i = 0; i < n; i++, s += channels)
        d[i] = (uint8_t)((19595u * s[0] + 38470u * s[1] + 7471u * s[2] + 32768u) >> 16);
}

uint64_t iml__sum_u8_scalar(const uint8_t *s, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += s[i];
    return sum;
}

void iml__sum_rgb_u8_scalar(const uint8_t *s, size_t n, uint64_t sum[3])
{
    for (size_t i = 0; i < n; i++, s += 3) sum[0] += s[0], sum[1] += s[1], sum[2] += s[2];
}

void iml__add_s16_u8_scalar(uint8_t *d, const int16_t *k, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int v = d[i] + k[i];
        d[i] = (uint8_t)IML_CLAMP(v, 0, 255);
    }
}

bool iml__is_grey_rgb_u8_scalar(const uint8_t *s, size_t n)
{
    for (size_t i = 0; i < n; i++, s += 3)
        if (s[0] != s[1] || s[1] != s[2]) return false;
    return true;
}

void iml__depth_16_to_8_scalar(uint8_t *d, const uint16_t *s, size_t n)
{
    for (size_t i = 0; i < n; i++) d[i] = (uint8_t)((s[i] + 128u) / 257u);
}

void iml__premultiply_u8_scalar(uint8_t *d, const uint8_t *s, size_t n)
{
    for (size_t i = 0; i < n; i++, d += 4, s += 4) {
        uint32_t a = s[3];
        for (int k = 0; k < 3; k++) d[k] = (uint8_t)iml__div255(s[k] * a);
        d[3] = (uint8_t)a;
    }
}

void iml__swap_u16_scalar(uint8_t *d, const uint8_t *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        d[2 * i] = s[2 * i + 1];
        d[2 * i + 1] = s[2 * i];
    }
}
