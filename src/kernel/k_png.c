// k_png.c: PNG's filters Sub and Up, scalar (PNG specification, section 9).
#include "src/kernel/kernel_twins.h"

#include <string.h>

static inline uint32_t residual(uint8_t v, uint8_t of)
{
    uint32_t r = (uint8_t)(v - of);
    return r < 128 ? r : 256 - r;
}

void iml__png_sums_scalar(const uint8_t *s, const uint8_t *prev, size_t n, int bpp,
                          uint64_t sums[2])
{
    uint64_t sub = 0, up = 0;
    for (size_t i = 0; i < n; i++) {
        sub += residual(s[i], i < (size_t)bpp ? 0 : s[i - (size_t)bpp]);
        up += residual(s[i], prev[i]);
    }
    sums[0] = sub, sums[1] = up;
}

void iml__png_sub_scalar(uint8_t *d, const uint8_t *s, size_t n, int bpp)
{
    memcpy(d, s, (size_t)bpp);
    for (size_t i = (size_t)bpp; i < n; i++) d[i] = (uint8_t)(s[i] - s[i - (size_t)bpp]);
}

void iml__png_up_scalar(uint8_t *d, const uint8_t *s, const uint8_t *prev, size_t n)
{
    for (size_t i = 0; i < n; i++) d[i] = (uint8_t)(s[i] - prev[i]);
}
