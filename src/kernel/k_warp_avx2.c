// k_warp_avx2.c: AVX2 twins of k_warp.c.
//
// Gathers lose here: two taps of a pixel lie side by side, so two 8-byte loads fetch all four,
// where gathers would take four. Groups of eight pixels that touch an edge go through the scalar
// twin.
#include "src/kernel/kernel_twins.h"

#include <immintrin.h>
#include <string.h>

// A cell of one axis at row v: (A (g - u) + B u + g g / 2) >> 2 lg, then (.. + 128) >> 8, is
// high + ((low + D u) >> (2 lg + 8)) with D = B - A, which fits 32 bits unless the map is wild.
struct cell {
    int32_t high, low, d;
    bool wild;
};

static inline struct cell cell_of(int64_t a, int64_t b, int lg)
{
    int shift = 2 * lg + 8;
    int64_t s = a * ((int64_t)1 << lg) + ((int64_t)1 << 2 * lg >> 1) + ((int64_t)128 << 2 * lg),
            d = b - a;
    int64_t high = s >> shift;
    struct cell c = {(int32_t)high, (int32_t)(s & (((int64_t)1 << shift) - 1)), (int32_t)d, false};
    c.wild = d > 1 << 27 || d < -(1 << 27) || high > 1 << 29 || high < -(1 << 29);
    return c;
}

static inline __m256i along(struct cell c, int lg)
{
    const __m256i u = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i v =
        _mm256_add_epi32(_mm256_mullo_epi32(_mm256_set1_epi32(c.d), u), _mm256_set1_epi32(c.low));
    return _mm256_add_epi32(_mm256_sra_epi32(v, _mm_cvtsi32_si128(2 * lg + 8)),
                            _mm256_set1_epi32(c.high));
}

// (v + 512) >> 10, saturated to 32 bits in the low half of each lane; |v| < 2^49.
static inline __m256i quarter(__m256i v)
{
    const __m256i most = _mm256_set1_epi64x(INT32_MAX), least = _mm256_set1_epi64x(INT32_MIN);
    const int64_t bias = (int64_t)1 << 60; // AVX2 shifts 64 bits without their sign only
    v = _mm256_srli_epi64(_mm256_add_epi64(v, _mm256_set1_epi64x(bias + 512)), 10);
    v = _mm256_sub_epi64(v, _mm256_set1_epi64x(bias >> 10));
    v = _mm256_blendv_epi8(v, most, _mm256_cmpgt_epi64(v, most));
    return _mm256_blendv_epi8(v, least, _mm256_cmpgt_epi64(least, v));
}

static inline __m256i nodes(const int64_t *a, const int64_t *b, int v)
{
    __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)a);
    return _mm256_add_epi64(x, v ? _mm256_loadu_si256((const __m256i *)(const void *)b) : x);
}

// Two pixels a cell: node i at 2 i, the mean with its neighbour at 2 i + 1. The halves of g g / 2
// are (.. + 2) >> 2 before (.. + 128) >> 8, together (.. + 514) >> 10.
static size_t cells_of_two(int32_t *d, size_t n, const int64_t *a, const int64_t *b, int v)
{
    const __m256i two = _mm256_set1_epi64x(2);
    size_t i = 0;
    for (; i + 8 <= n; i += 8, a += 4, b += 4) {
        __m256i here = nodes(a, b, v);
        __m256i next = nodes(a + 1, b + 1, v);
        __m256i even = quarter(_mm256_add_epi64(_mm256_add_epi64(here, here), two));
        __m256i odd = quarter(_mm256_add_epi64(_mm256_add_epi64(here, next), two));
        _mm256_storeu_si256((__m256i *)(void *)(d + i),
                            _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA));
    }
    return i;
}

void iml__lattice_row_avx2(int32_t *cx, int32_t *cy, size_t n, const int64_t *ax, const int64_t *ay,
                           const int64_t *bx, const int64_t *by, int u0, int v, int lg)
{
    size_t g = (size_t)1 << lg, i = 0;
    if (lg == 1 && !u0) {
        i = cells_of_two(cx, n, ax, bx, v);
        (void)cells_of_two(cy, n, ay, by, v);
        size_t at = i >> 1;
        iml__lattice_row_scalar(cx + i, cy + i, n - i, ax + at, ay + at, bx + at, by + at, 0, v, 1);
        return;
    }
    if (lg < 2 || u0) { // cells of one pixel gain nothing
        iml__lattice_row_scalar(cx, cy, n, ax, ay, bx, by, u0, v, lg);
        return;
    }
    int p = (int)g - v;
    // Of four-pixel cells the upper half of a store is written again by the next cell.
    for (size_t node = 0; i + 8 <= n; i += g, node++) {
        struct cell x =
            cell_of(ax[node] * p + bx[node] * v, ax[node + 1] * p + bx[node + 1] * v, lg);
        struct cell y =
            cell_of(ay[node] * p + by[node] * v, ay[node + 1] * p + by[node + 1] * v, lg);
        if (x.wild || y.wild) {
            iml__lattice_row_scalar(cx + i, cy + i, g, ax + node, ay + node, bx + node, by + node,
                                    0, v, lg);
            continue;
        }
        _mm256_storeu_si256((__m256i *)(cx + i), along(x, lg));
        _mm256_storeu_si256((__m256i *)(cy + i), along(y, lg));
    }
    size_t node = i >> lg;
    if (i < n)
        iml__lattice_row_scalar(cx + i, cy + i, n - i, ax + node, ay + node, bx + node, by + node,
                                0, v, lg);
}

// All eight have their taps inside, at x <= last_x.
static inline bool inside(__m256i x, __m256i y, int32_t last_x, int32_t last_y)
{
    __m256i bad =
        _mm256_or_si256(_mm256_or_si256(x, y), // a sign bit
                        _mm256_or_si256(_mm256_cmpgt_epi32(x, _mm256_set1_epi32(last_x)),
                                        _mm256_cmpgt_epi32(y, _mm256_set1_epi32(last_y))));
    return !_mm256_movemask_ps(_mm256_castsi256_ps(bad));
}

static inline __m256i weights(__m256i f) // words 256 - f and f
{
    return _mm256_or_si256(_mm256_sub_epi32(_mm256_set1_epi32(256), f), _mm256_slli_epi32(f, 16));
}

// top, bottom <= 65280 in 32-bit lanes, blended down the column: words are signed in pmaddwd, hence
// the bias.
static inline __m256i down(__m256i top, __m256i bottom, __m256i wy)
{
    __m256i v = _mm256_xor_si256(_mm256_or_si256(top, _mm256_slli_epi32(bottom, 16)),
                                 _mm256_set1_epi32((int)0x80008000));
    return _mm256_srli_epi32(
        _mm256_add_epi32(_mm256_madd_epi16(v, wy), _mm256_set1_epi32(32768 * 256 + 32768)), 16);
}

static inline __m128i taps(const uint8_t *p, size_t stride)
{
    __m128i top = _mm_loadl_epi64((const __m128i *)(const void *)p);
    return _mm_unpacklo_epi64(top, _mm_loadl_epi64((const __m128i *)(const void *)(p + stride)));
}

static void eight_grey(uint8_t *d, const uint8_t *const p[8], size_t stride, __m256i wx, __m256i wy)
{
    const __m256i top = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
    const __m256i bottom = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15, -1));
    uint16_t t[16];
    for (int k = 0; k < 8; k++) memcpy(&t[2 * k], p[k], 2), memcpy(&t[2 * k + 1], p[k] + stride, 2);
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)t);
    __m256i r = down(_mm256_madd_epi16(_mm256_shuffle_epi8(v, top), wx),
                     _mm256_madd_epi16(_mm256_shuffle_epi8(v, bottom), wx), wy);
    __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1));
    _mm_storel_epi64((__m128i *)(void *)d, _mm_packus_epi16(w, w));
}

// Pixels k and k + 4 share a vector, so that packing brings all eight into order.
static inline __m256i two(const uint8_t *const p[8], int k, size_t stride, __m256i wx, __m256i wy,
                          __m256i top, __m256i bottom)
{
    __m256i v = _mm256_inserti128_si256(_mm256_castsi128_si256(taps(p[k], stride)),
                                        taps(p[k + 4], stride), 1);
    __m256i pick = _mm256_setr_epi32(k, k, k, k, k + 4, k + 4, k + 4, k + 4);
    __m256i x = _mm256_permutevar8x32_epi32(wx, pick), y = _mm256_permutevar8x32_epi32(wy, pick);
    return down(_mm256_madd_epi16(_mm256_shuffle_epi8(v, top), x),
                _mm256_madd_epi16(_mm256_shuffle_epi8(v, bottom), x), y);
}

static inline __m256i eight(const uint8_t *const p[8], size_t stride, __m256i wx, __m256i wy,
                            __m256i top, __m256i bottom)
{
    __m256i a = _mm256_packs_epi32(two(p, 0, stride, wx, wy, top, bottom),
                                   two(p, 1, stride, wx, wy, top, bottom));
    __m256i b = _mm256_packs_epi32(two(p, 2, stride, wx, wy, top, bottom),
                                   two(p, 3, stride, wx, wy, top, bottom));
    return _mm256_packus_epi16(a, b);
}

static void eight_rgb(uint8_t *d, const uint8_t *const p[8], size_t stride, __m256i wx, __m256i wy)
{
    const __m128i t = _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
    const __m128i b = _mm_setr_epi8(8, -1, 11, -1, 9, -1, 12, -1, 10, -1, 13, -1, -1, -1, -1, -1);
    const __m256i close = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    __m256i v =
        eight(p, stride, wx, wy, _mm256_broadcastsi128_si256(t), _mm256_broadcastsi128_si256(b));
    v = _mm256_shuffle_epi8(v, close);
    __m128i hi = _mm256_extracti128_si256(v, 1);
    _mm_storeu_si128((__m128i *)(void *)d, _mm256_castsi256_si128(v));
    _mm_storel_epi64((__m128i *)(void *)(d + 12), hi); // 24 bytes in all, none beyond
    uint32_t last = (uint32_t)_mm_extract_epi32(hi, 2);
    memcpy(d + 20, &last, 4);
}

static void eight_rgba(uint8_t *d, const uint8_t *const p[8], size_t stride, __m256i wx, __m256i wy)
{
    const __m128i t = _mm_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1);
    const __m128i b = _mm_setr_epi8(8, -1, 12, -1, 9, -1, 13, -1, 10, -1, 14, -1, 11, -1, 15, -1);
    __m256i v =
        eight(p, stride, wx, wy, _mm256_broadcastsi128_si256(t), _mm256_broadcastsi128_si256(b));
    _mm256_storeu_si256((__m256i *)(void *)d, v);
}

void iml__warp_row_u8_avx2(uint8_t *d, size_t n, const int32_t *cx, const int32_t *cy,
                           const uint8_t *s, size_t stride, int32_t w, int32_t h, int channels,
                           const uint8_t *fill)
{
    size_t i = 0, ch = (size_t)channels;
    // Eight bytes from a pixel on must be the row's own: of three channels that is two pixels and
    // two thirds.
    int32_t last_x = channels == 3 ? w - 3 : w - 2;
    const __m256i low = _mm256_set1_epi32(255);
    for (; i + 8 <= n; i += 8) {
        __m256i vx = _mm256_loadu_si256((const __m256i *)(cx + i)),
                vy = _mm256_loadu_si256((const __m256i *)(cy + i));
        __m256i x = _mm256_srai_epi32(vx, 8), y = _mm256_srai_epi32(vy, 8);
        if (!inside(x, y, last_x, h - 2)) {
            iml__warp_row_u8_scalar(d + i * ch, 8, cx + i, cy + i, s, stride, w, h, channels, fill);
            continue;
        }
        const uint8_t *p[8];
        for (size_t k = 0; k < 8; k++)
            p[k] = s + (size_t)(cy[i + k] >> 8) * stride + (size_t)(cx[i + k] >> 8) * ch;
        __m256i wx = weights(_mm256_and_si256(vx, low)), wy = weights(_mm256_and_si256(vy, low));
        if (channels == 3)
            eight_rgb(d + 3 * i, p, stride, wx, wy);
        else if (channels == 4)
            eight_rgba(d + 4 * i, p, stride, wx, wy);
        else
            eight_grey(d + i, p, stride, wx, wy);
    }
    iml__warp_row_u8_scalar(d + i * ch, n - i, cx + i, cy + i, s, stride, w, h, channels, fill);
}
