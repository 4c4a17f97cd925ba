// k_resample.c: the two passes of the Q14 resampler, scalar (ops.md 8).
#include "src/kernel/kernel_twins.h"

static inline uint8_t q14(int32_t sum)
{
    sum >>= 14;
    return (uint8_t)IML_CLAMP(sum, 0, 255);
}

void iml__resample_col_u8_scalar(uint8_t *d, const uint8_t *const *rows, size_t n, const int16_t *w,
                                 int taps)
{
    for (size_t i = 0; i < n; i++) {
        int32_t sum = 8192;
        for (int k = 0; k < taps; k++) sum += w[k] * rows[k][i];
        d[i] = q14(sum);
    }
}

void iml__resample_row_u8_scalar(uint8_t *d, const uint8_t *s, size_t n, int channels,
                                 const int32_t *first, const int32_t *count, const int16_t *w,
                                 size_t pitch)
{
    for (size_t i = 0; i < n; i++, d += channels, w += pitch) {
        const uint8_t *p = s + (size_t)first[i] * (size_t)channels;
        for (int c = 0; c < channels; c++) {
            int32_t sum = 8192;
            for (int32_t k = 0; k < count[i]; k++)
                sum += w[k] * p[(size_t)k * (size_t)channels + (size_t)c];
            d[c] = q14(sum);
        }
    }
}
