// compose.c: glyph stamps into layers, layers on pictures; all the clipping that kernels do not do.
#include "src/image/compose.h"

#include "src/kernel/kernel.h"

// The part of a w x h block at (x, y) that lies in d; false: nothing.
struct clip {
    int32_t dx, dy, sx, sy, w, h;
};

static bool clip_to(const iml_image *d, int32_t x, int32_t y, int32_t w, int32_t h, struct clip *c)
{
    int64_t x0 = IML_MAX(x, 0), y0 = IML_MAX(y, 0);
    int64_t x1 = IML_MIN((int64_t)x + w, d->w), y1 = IML_MIN((int64_t)y + h, d->h);
    if (x0 >= x1 || y0 >= y1) return false;
    *c = (struct clip){(int32_t)x0,       (int32_t)y0,        (int32_t)(x0 - x),
                       (int32_t)(y0 - y), (int32_t)(x1 - x0), (int32_t)(y1 - y0)};
    return true;
}

void iml__stamp_max(iml_image *layer, int32_t x, int32_t y, const uint8_t *px, size_t pitch,
                    int32_t w, int32_t h)
{
    struct clip c;
    if (!clip_to(layer, x, y, w, h, &c)) return;
    const iml__kernels *k = iml__kernel();
    for (int32_t r = 0; r < c.h; r++) {
        uint8_t *d = iml__image_row(layer, c.dy + r) + c.dx;
        k->max_u8(d, d, px + (size_t)(c.sy + r) * pitch + c.sx, (size_t)c.w);
    }
}

// One pixel of straight RGBA over one with alpha. n colours, alpha behind them.
static void over_pixel(uint8_t *d, const uint8_t *colour, uint32_t as, int n)
{
    uint32_t ad = d[n], a = 255 * as + ad * (255 - as);
    if (!as) return;
    for (int c = 0; c < n; c++)
        d[c] = (uint8_t)((255 * as * colour[c] + ad * (255 - as) * d[c] + a / 2) / a);
    d[n] = (uint8_t)iml__div255(a);
}

void iml__over_colour(iml_image *d, int32_t x, int32_t y, const iml_image *mask,
                      const uint8_t rgba[4])
{
    struct clip c;
    if (!clip_to(d, x, y, mask->w, mask->h, &c) || !rgba[3]) return;
    int n = d->channels <= 2 ? 1 : 3;
    uint8_t colour[4] = {rgba[0], rgba[1], rgba[2], 255};
    if (n == 1) // grey takes the colour's luma
        iml__kernel_at(IML__SIMD_SCALAR)->luma_u8(colour, rgba, 1, 4);
    uint8_t scaled[512];
    for (int32_t r = 0; r < c.h; r++) {
        const uint8_t *m = iml__image_row(mask, c.sy + r) + c.sx;
        uint8_t *row = iml__image_row(d, c.dy + r) + (size_t)c.dx * (size_t)d->channels;
        for (int32_t at = 0; at < c.w; at += (int32_t)sizeof scaled) {
            size_t len = (size_t)IML_MIN(c.w - at, (int32_t)sizeof scaled);
            const uint8_t *a = m + at;
            uint8_t *p = row + (size_t)at * (size_t)d->channels;
            if (rgba[3] != 255) {
                for (size_t i = 0; i < len; i++)
                    scaled[i] = (uint8_t)iml__div255((uint32_t)a[i] * rgba[3]);
                a = scaled;
            }
            if (d->channels == n)
                iml__kernel()->over_colour_u8(p, a, len, n, colour);
            else
                for (size_t i = 0; i < len; i++, p += n + 1) over_pixel(p, colour, a[i], n);
        }
    }
}

void iml__over(iml_image *d, int32_t x, int32_t y, const iml_image *s)
{
    struct clip c;
    if (!clip_to(d, x, y, s->w, s->h, &c)) return;
    for (int32_t r = 0; r < c.h; r++) {
        const uint8_t *p = iml__image_row(s, c.sy + r) + (size_t)c.sx * 4;
        uint8_t *q = iml__image_row(d, c.dy + r) + (size_t)c.dx * (size_t)d->channels;
        if (d->channels == 3)
            iml__kernel()->over_rgba_rgb_u8(q, p, (size_t)c.w);
        else
            for (int32_t i = 0; i < c.w; i++, p += 4, q += 4) over_pixel(q, p, p[3], 3);
    }
}
