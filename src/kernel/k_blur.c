// k_blur.c: the two passes of the Gaussian, scalar (ops.md 9).
#include "src/kernel/kernel_twins.h"

void iml__blur_row_u8_scalar(uint16_t *d, const uint8_t *s, size_t n, size_t step, const int16_t *w,
                             int r)
{
    for (size_t i = 0; i < n; i++) {
        int32_t sum = 128;
        for (int k = 0; k <= 2 * r; k++) sum += w[k] * s[i + (size_t)k * step];
        d[i] = (uint16_t)(sum >> 8);
    }
}

void iml__blur_col_u8_scalar(uint8_t *d, const uint16_t *const *rows, size_t n, const int16_t *w,
                             int r)
{
    for (size_t i = 0; i < n; i++) {
        int32_t sum = 1 << 19;
        for (int k = 0; k <= 2 * r; k++) sum += w[k] * rows[k][i];
        d[i] = (uint8_t)(sum >> 20);
    }
}
