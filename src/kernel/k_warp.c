// k_warp.c: source coordinates from the lattice, and bilinear samples at them; scalar (ops.md 3).
//
// Coordinates leave the lattice as whole 1/256 px in 32 bits, saturated: 8 million px either way,
// far beyond any picture, and reflected or filled there.
#include "src/kernel/kernel_twins.h"

static inline int32_t coordinate(int64_t v)
{
    v = (v + 128) >> 8;
    return (int32_t)IML_CLAMP(v, INT32_MIN, INT32_MAX);
}

void iml__lattice_row_scalar(int32_t *cx, int32_t *cy, size_t n, const int64_t *ax,
                             const int64_t *ay, const int64_t *bx, const int64_t *by, int u0, int v,
                             int lg)
{
    int g = 1 << lg;
    int64_t half = (int64_t)g * g / 2;
    for (size_t i = 0; i < n; i++) {
        size_t node = ((size_t)u0 + i) >> lg;
        int u = (int)(((size_t)u0 + i) & (size_t)(g - 1));
        int64_t x0 = ax[node] * (g - v) + bx[node] * v, y0 = ay[node] * (g - v) + by[node] * v;
        int64_t x1 = ax[node + 1] * (g - v) + bx[node + 1] * v;
        int64_t y1 = ay[node + 1] * (g - v) + by[node + 1] * v;
        cx[i] = coordinate((x0 * (g - u) + x1 * u + half) >> (2 * lg));
        cy[i] = coordinate((y0 * (g - u) + y1 * u + half) >> (2 * lg));
    }
}

void iml__warp_row_u8_scalar(uint8_t *d, size_t n, const int32_t *cx, const int32_t *cy,
                             const uint8_t *s, size_t stride, int32_t w, int32_t h, int channels,
                             const uint8_t *fill)
{
    size_t step = (size_t)channels;
    for (size_t i = 0; i < n; i++, d += channels) {
        int32_t x = cx[i] >> 8, y = cy[i] >> 8;
        uint32_t fx = cx[i] & 255, fy = cy[i] & 255;
        const uint8_t *p[4];
        if (x >= 0 && y >= 0 && x < w - 1 && y < h - 1) {
            p[0] = s + (size_t)y * stride + (size_t)x * step;
            p[1] = p[0] + step, p[2] = p[0] + stride, p[3] = p[2] + step;
        } else if (fill) {
            for (int k = 0; k < 4; k++) {
                int64_t tx = (int64_t)x + (k & 1), ty = (int64_t)y + (k >> 1);
                bool in = tx >= 0 && ty >= 0 && tx < w && ty < h;
                p[k] = in ? s + (size_t)ty * stride + (size_t)tx * step : fill;
            }
        } else {
            size_t x0 = (size_t)iml__reflect101(x, w),
                   x1 = (size_t)iml__reflect101((int64_t)x + 1, w);
            size_t y0 = (size_t)iml__reflect101(y, h),
                   y1 = (size_t)iml__reflect101((int64_t)y + 1, h);
            p[0] = s + y0 * stride + x0 * step, p[1] = s + y0 * stride + x1 * step;
            p[2] = s + y1 * stride + x0 * step, p[3] = s + y1 * stride + x1 * step;
        }
        for (int c = 0; c < channels; c++) {
            uint32_t top = p[0][c] * (256 - fx) + p[1][c] * fx;
            uint32_t bottom = p[2][c] * (256 - fx) + p[3][c] * fx;
            d[c] = (uint8_t)((top * (256 - fy) + bottom * fy + 32768) >> 16);
        }
    }
}
