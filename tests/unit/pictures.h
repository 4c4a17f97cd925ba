// pictures.h: pictures that tests make: noise, smooth, any format; and the same for all of them.
#ifndef IML_TEST_PICTURES_H
#define IML_TEST_PICTURES_H

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/image/image.h"

static inline uint32_t test_rand(uint64_t *s)
{
    *s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
    return (uint32_t)(*s >> 16);
}

// kind 0: noise in every sample; 1: smooth with edges, as pictures are; 2: grey in all channels.
static inline iml_image test_picture(iml_arena *a, int32_t w, int32_t h, int channels,
                                     enum iml__depth depth, int kind, uint64_t seed)
{
    iml_image m;
    iml_err e = {0};
    uint64_t s = seed * 0x9e3779b97f4a7c15u + 88172645463325252u;
    if (iml__image_new(a, w, h, channels, depth, &m, &e) != IML_OK) fail_msg("%s", e.msg);
    for (int32_t y = 0; y < h; y++) {
        uint8_t *p = iml__image_row(&m, y);
        for (int32_t x = 0; x < w; x++)
            for (int c = 0; c < channels; c++) {
                bool alpha = (channels == 2 || channels == 4) && c == channels - 1;
                uint32_t v = test_rand(&s) & 0xffff;
                if (kind == 1) {
                    int edge = (x / 9 + y / 7) & 1;
                    v = (uint32_t)(40 + 3 * (x % 40) + 2 * (y % 30) + 60 * edge + c * 9) * 257 +
                        (v & 0x1ff);
                }
                if (kind == 2 && c && !alpha) {
                    memcpy(p, p - iml__depth_bytes(depth), iml__depth_bytes(depth));
                    p += iml__depth_bytes(depth);
                    continue;
                }
                if (depth == IML__U8)
                    *p++ = (uint8_t)(v >> 8);
                else if (depth == IML__U16)
                    memcpy(p, &(uint16_t){(uint16_t)v}, 2), p += 2;
                else
                    memcpy(p, &(float){(float)v / 65535}, 4), p += 4;
            }
    }
    return m;
}

static inline bool test_equal(const iml_image *a, const iml_image *b)
{
    if (a->w != b->w || a->h != b->h || a->channels != b->channels || a->depth != b->depth)
        return false;
    for (int32_t y = 0; y < a->h; y++)
        if (memcmp(iml__image_row(a, y), iml__image_row(b, y),
                   (size_t)a->w * (size_t)a->channels * iml__depth_bytes(a->depth)))
            return false;
    return true;
}

#endif
