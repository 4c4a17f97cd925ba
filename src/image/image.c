// image.c: pictures in an arena, and the conversions that readers and writers share.
//
// Rows start 64-byte aligned, so that kernels meet whole vectors; nothing may rely on the bytes
// between a row's end and the next row. A view shares its picture's rows and is aligned to nothing.
#include "src/image/image.h"

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/image/convert.h"
#include "src/kernel/kernel.h"

#include <string.h>

static size_t row_bytes(const iml_image *m)
{
    return (size_t)m->w * (size_t)m->channels * iml__depth_bytes(m->depth);
}

static bool stride_of(int32_t w, int32_t channels, enum iml__depth d, size_t *out)
{
    if (w < 1 || channels < 1 || channels > 4) return false;
    size_t n;
    if (iml__mul_overflow((size_t)w, (size_t)channels * iml__depth_bytes(d), &n)) return false;
    if (iml__add_overflow(n, 63, &n)) return false;
    *out = n & ~(size_t)63;
    return true;
}

bool iml__image_bytes(int32_t w, int32_t h, int32_t channels, enum iml__depth d, size_t *out)
{
    size_t stride;
    return h >= 1 && stride_of(w, channels, d, &stride) &&
           !iml__mul_overflow(stride, (size_t)h, out);
}

iml_status iml__image_new(iml_arena *a, int32_t w, int32_t h, int32_t channels, enum iml__depth d,
                          iml_image *out, iml_err *e)
{
    size_t n;
    if (!iml__image_bytes(w, h, channels, d, &n))
        return IML_FAIL(e, IML_ELIMIT, "a picture of %d x %d with %d channels cannot be made",
                        (int)w, (int)h, (int)channels);
    uint8_t *px = iml_arena_alloc(a, n);
    if (!px) return IML_FAIL(e, IML_ENOMEM, "no memory for a picture of %d x %d", (int)w, (int)h);
    *out = (iml_image){
        .w = w, .h = h, .channels = channels, .depth = d, .stride = n / (size_t)h, .px = px};
    return IML_OK;
}

iml_status iml__image_copy(iml_arena *a, const iml_image *m, iml_image *out, iml_err *e)
{
    iml_image c;
    IML_TRY(iml__image_new(a, m->w, m->h, m->channels, m->depth, &c, e));
    for (int32_t y = 0; y < m->h; y++)
        memcpy(iml__image_row(&c, y), iml__image_row(m, y), row_bytes(m));
    *out = c;
    return IML_OK;
}

iml_image iml__image_view(const iml_image *m, int32_t x, int32_t y, int32_t w, int32_t h)
{
    iml_image v = *m;
    v.w = w, v.h = h;
    v.px = iml__image_row(m, y) + (size_t)x * (size_t)m->channels * iml__depth_bytes(m->depth);
    return v;
}

void iml__image_fill(iml_image *m, const uint8_t *pixel)
{
    size_t size = (size_t)m->channels * iml__depth_bytes(m->depth), n = row_bytes(m);
    bool even = true;
    for (size_t i = 1; i < size; i++) even &= pixel[i] == pixel[0];
    uint8_t *first = iml__image_row(m, 0);
    if (even)
        memset(first, pixel[0], n);
    else
        for (size_t i = 0; i < n; i += size) memcpy(first + i, pixel, size);
    for (int32_t y = 1; y < m->h; y++) memcpy(iml__image_row(m, y), first, n);
}

uint64_t iml__image_hash(const iml_image *m)
{
    // Rows are hashed one by one, then their hashes: equal for any stride, and without a heap
    // state.
    int32_t head[4] = {m->w, m->h, m->channels, (int32_t)m->depth};
    uint64_t h = iml__xxh3(head, sizeof head);
    for (int32_t y = 0; y < m->h; y++) {
        uint64_t pair[2] = {h, iml__xxh3(iml__image_row(m, y), row_bytes(m))};
        h = iml__xxh3(pair, sizeof pair);
    }
    return h;
}

// ---- Conversions (convert.h)

static void to_rgb(const uint8_t *s, int from, uint8_t rgb[3])
{
    rgb[0] = s[0], rgb[1] = from > 2 ? s[1] : s[0], rgb[2] = from > 2 ? s[2] : s[0];
}

static void row_u8(uint8_t *d, int to, const uint8_t *s, int from, size_t n)
{
    if (to == 1 && from >= 3) {
        iml__kernel()->luma_u8(d, s, n, from);
        return;
    }
    for (size_t i = 0; i < n; i++, d += to, s += from) {
        if (to <= 2)
            d[0] = s[0];
        else
            to_rgb(s, from, d);
        if (to == 2 || to == 4) d[to - 1] = from == 2 || from == 4 ? s[from - 1] : 255;
    }
}

static uint32_t luma_u16(const uint16_t *s)
{
    return (uint32_t)((19595ull * s[0] + 38470ull * s[1] + 7471ull * s[2] + 32768) >> 16);
}

static void row_u16(uint16_t *d, int to, const uint16_t *s, int from, size_t n)
{
    for (size_t i = 0; i < n; i++, d += to, s += from) {
        if (to <= 2)
            d[0] = (uint16_t)(from >= 3 ? luma_u16(s) : s[0]);
        else
            d[0] = s[0], d[1] = s[from > 2 ? 1 : 0], d[2] = s[from > 2 ? 2 : 0];
        if (to == 2 || to == 4) d[to - 1] = from == 2 || from == 4 ? s[from - 1] : 65535;
    }
}

static void row_f32(float *d, int to, const float *s, int from, size_t n)
{
    for (size_t i = 0; i < n; i++, d += to, s += from) {
        if (to <= 2)
            d[0] = from < 3 ? s[0]
                            : (float)((19595.0 * s[0] + 38470.0 * s[1] + 7471.0 * s[2]) / 65536.0);
        else
            d[0] = s[0], d[1] = s[from > 2 ? 1 : 0], d[2] = s[from > 2 ? 2 : 0];
        if (to == 2 || to == 4) d[to - 1] = from == 2 || from == 4 ? s[from - 1] : 1;
    }
}

static void grey_alpha_u8(uint8_t *d, const uint8_t *s, int from, size_t n)
{
    for (size_t i = 0; i < n; i++, d += 2, s += from) {
        iml__kernel_at(IML__SIMD_SCALAR)->luma_u8(d, s, 1, from);
        d[1] = from == 4 ? s[3] : 255;
    }
}

void iml__convert_row(void *d, int to, const void *s, int from, enum iml__depth depth, size_t n)
{
    if (to == from)
        memcpy(d, s, n * (size_t)to * iml__depth_bytes(depth));
    else if (depth == IML__U16)
        row_u16(d, to, s, from, n);
    else if (depth == IML__F32)
        row_f32(d, to, s, from, n);
    else if (to == 2 && from >= 3)
        grey_alpha_u8(d, s, from, n);
    else
        row_u8(d, to, s, from, n);
}

iml_status iml__convert(iml_arena *a, iml_image *m, int channels, bool depth8, iml_err *e)
{
    enum iml__depth depth = depth8 && m->depth == IML__U16 ? IML__U8 : m->depth;
    if (!channels) channels = m->channels;
    if (channels == m->channels && depth == m->depth) return IML_OK;
    iml_image out;
    IML_TRY(iml__image_new(a, m->w, m->h, channels, depth, &out, e));
    size_t mark = iml__arena_mark(a);
    uint8_t *tmp = NULL;
    if (depth != m->depth && channels != m->channels &&
        !(tmp = iml_arena_alloc(a, (size_t)m->w * (size_t)channels * 2)))
        return IML_FAIL(e, IML_ENOMEM, "no memory to convert a picture of %d x %d", (int)m->w,
                        (int)m->h);
    for (int32_t y = 0; y < m->h; y++) {
        const uint8_t *s = iml__image_row(m, y);
        uint8_t *d = iml__image_row(&out, y);
        if (depth == m->depth) {
            iml__convert_row(d, channels, s, m->channels, depth, (size_t)m->w);
            continue;
        }
        // Channels first, at the full depth, so that luma is rounded once from 16 bits.
        if (tmp) iml__convert_row(tmp, channels, s, m->channels, IML__U16, (size_t)m->w);
        iml__kernel()->depth_16_to_8(d, (const uint16_t *)(const void *)(tmp ? tmp : s),
                                     (size_t)m->w * (size_t)channels);
    }
    iml__arena_release(a, mark);
    *m = out;
    return IML_OK;
}

// EXIF 2.3, tag 0x0112: where the stored (0, 0) is seen. Values 5..8 swap the sides.
iml_status iml__orient(iml_arena *a, iml_image *m, int orientation, iml_err *e)
{
    if (orientation < 2 || orientation > 8) return IML_OK;
    bool swap = orientation >= 5;
    iml_image out;
    IML_TRY(
        iml__image_new(a, swap ? m->h : m->w, swap ? m->w : m->h, m->channels, m->depth, &out, e));
    size_t size = (size_t)m->channels * iml__depth_bytes(m->depth);
    bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    for (int32_t y = 0; y < out.h; y++) {
        uint8_t *d = iml__image_row(&out, y);
        for (int32_t x = 0; x < out.w; x++, d += size) {
            int32_t sx = swap ? y : x, sy = swap ? x : y;
            if (flip_x) sx = m->w - 1 - sx;
            if (flip_y) sy = m->h - 1 - sy;
            memcpy(d, iml__image_row(m, sy) + (size_t)sx * size, size);
        }
    }
    *m = out;
    return IML_OK;
}
