// k_warp_avx512.c: AVX-512 twins of k_warp.c where a map is gentle, as nearly all are.
//
// Eight neighbours of a row then have their taps within 32 bytes of two or three rows (sixteen, of
// one channel). Those are loaded once, and VBMI's byte shuffle puts each pixel's two taps side by
// side for pmaddwd: a quarter of the work of sixteen loads of eight bytes. Coordinates are made
// eight cells at a time. Whatever is not gentle goes to the AVX2 twins.
#include "src/kernel/kernel_twins.h"

#include <immintrin.h>

// ---- Coordinates

struct cells { // eight cells of an axis: high + ((low + d u) >> (2 lg + 8)), as in k_warp_avx2.c
    __m512i high, low, d; // in the lower half
};

// False: one of them is wild.
static inline bool cells_of(const int64_t *a, const int64_t *b, int v, int lg, struct cells *c)
{
    const __m512i p = _mm512_set1_epi64((1 << lg) - v), q = _mm512_set1_epi64(v);
    const __m512i half = _mm512_set1_epi64(((int64_t)1 << 2 * lg >> 1) + ((int64_t)128 << 2 * lg));
    int shift = 2 * lg + 8;
    __m512i here = _mm512_add_epi64(_mm512_mullo_epi64(_mm512_loadu_si512(a), p),
                                    _mm512_mullo_epi64(_mm512_loadu_si512(b), q));
    __m512i next = _mm512_add_epi64(_mm512_mullo_epi64(_mm512_loadu_si512(a + 1), p),
                                    _mm512_mullo_epi64(_mm512_loadu_si512(b + 1), q));
    __m512i s = _mm512_add_epi64(_mm512_slli_epi64(here, (unsigned)lg), half);
    __m512i d = _mm512_sub_epi64(next, here), high = _mm512_srai_epi64(s, (unsigned)shift);
    __m512i low = _mm512_and_si512(s, _mm512_set1_epi64(((int64_t)1 << shift) - 1));
    if (_mm512_cmpgt_epi64_mask(_mm512_abs_epi64(d), _mm512_set1_epi64(1 << 27)) |
        _mm512_cmpgt_epi64_mask(_mm512_abs_epi64(high), _mm512_set1_epi64(1 << 29)))
        return false;
    c->high = _mm512_castsi256_si512(_mm512_cvtepi64_epi32(high));
    c->low = _mm512_castsi256_si512(_mm512_cvtepi64_epi32(low));
    c->d = _mm512_castsi256_si512(_mm512_cvtepi64_epi32(d));
    return true;
}

// Sixteen pixels: of the cells that `pick` names, each at its u.
static inline __m512i along(const struct cells *c, __m512i pick, __m512i u, __m128i shift)
{
    __m512i v = _mm512_add_epi32(_mm512_mullo_epi32(_mm512_permutexvar_epi32(pick, c->d), u),
                                 _mm512_permutexvar_epi32(pick, c->low));
    return _mm512_add_epi32(_mm512_sra_epi32(v, shift), _mm512_permutexvar_epi32(pick, c->high));
}

void iml__lattice_row_avx512(int32_t *cx, int32_t *cy, size_t n, const int64_t *ax,
                             const int64_t *ay, const int64_t *bx, const int64_t *by, int u0, int v,
                             int lg)
{
    size_t i = 0, many = (size_t)8 << lg, node = 0;
    if (lg >= 2 && !u0) {
        const __m512i lane =
            _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        const __m512i u = _mm512_and_si512(lane, _mm512_set1_epi32((1 << lg) - 1));
        const __m128i shift = _mm_cvtsi32_si128(2 * lg + 8);
        for (; i + many <= n; i += many, node += 8) {
            struct cells x, y;
            if (!cells_of(ax + node, bx + node, v, lg, &x) ||
                !cells_of(ay + node, by + node, v, lg, &y)) {
                iml__lattice_row_avx2(cx + i, cy + i, many, ax + node, ay + node, bx + node,
                                      by + node, 0, v, lg);
                continue;
            }
            __m512i pick = _mm512_srli_epi32(lane, (unsigned)lg);
            for (size_t k = 0; k < many; k += 16) {
                _mm512_storeu_si512(cx + i + k, along(&x, pick, u, shift));
                _mm512_storeu_si512(cy + i + k, along(&y, pick, u, shift));
                pick = _mm512_add_epi32(pick, _mm512_set1_epi32(16 >> lg));
            }
        }
    }
    if (i < n)
        iml__lattice_row_avx2(cx + i, cy + i, n - i, ax + node, ay + node, bx + node, by + node, u0,
                              v, lg);
}

// ---- Samples

// 32 bytes of a row from p on, of which `left` are its own.
static inline __m256i row_at(const uint8_t *p, size_t left)
{
    __mmask32 own = left < 32 ? ((__mmask32)1 << left) - 1 : ~(__mmask32)0;
    return _mm256_maskz_loadu_epi8(own, p);
}

static inline __m512i both(__m256i a, __m256i b)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
}

// Pairs of taps, a word each, by the byte that the first stands at (doubled into the high half).
static inline __m512i pairs(__m512i rows, __m512i at)
{
    return _mm512_maskz_permutexvar_epi8(0x5555555555555555, at, rows);
}

static inline __m512i down(__m512i top, __m512i bottom, __m512i wy) // as in k_warp_avx2.c
{
    __m512i v = _mm512_xor_si512(_mm512_or_si512(top, _mm512_slli_epi32(bottom, 16)),
                                 _mm512_set1_epi32((int)0x80008000));
    return _mm512_srli_epi32(
        _mm512_add_epi32(_mm512_madd_epi16(v, wy), _mm512_set1_epi32(32768 * 256 + 32768)), 16);
}

struct near {                 // where the taps of a group lie
    const uint8_t *p;         // its first byte
    size_t left, next, after; // bytes of the row from p on; offsets of the rows below
};

static inline struct near near_of(const uint8_t *s, size_t stride, int32_t x0, int32_t y0,
                                  int32_t w, int32_t h, size_t ch)
{
    size_t after = (size_t)IML_MIN(h - 1 - y0, 2) * stride; // the third row may be needless
    return (struct near){s + (size_t)y0 * stride + (size_t)x0 * ch, (size_t)(w - x0) * ch, stride,
                         after};
}

static size_t warp_rgb(uint8_t *d, size_t n, const int32_t *cx, const int32_t *cy, const uint8_t *s,
                       size_t stride, int32_t w, int32_t h, const uint8_t *fill)
{
    const __m512i first = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const __m512i second = _mm512_setr_epi32(4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7);
    const __m512i channel = _mm512_broadcast_i32x4( // c, and the next pixel's at c + 3
        _mm_setr_epi32(0x030000, 0x040001, 0x050002, 0x050002));
    // Word 8 k + c is channel c of pixel k, word 8 k + 4 + c that of pixel k + 4.
    _Alignas(32) static const uint8_t order[32] = {0, 2,  4,  16, 18, 20, 32, 34, 36, 48, 50, 52,
                                                   8, 10, 12, 24, 26, 28, 40, 42, 44, 56, 58, 60};
    const __m512i close = _mm512_castsi256_si512(_mm256_load_si256((const void *)order));
    const __m256i low = _mm256_set1_epi32(255), full = _mm256_set1_epi32(256);
    size_t i = 0;
    for (; i + 8 <= n; i += 8, d += 24) {
        __m256i vx = _mm256_loadu_si256((const void *)(cx + i));
        __m256i vy = _mm256_loadu_si256((const void *)(cy + i));
        __m256i x = _mm256_srai_epi32(vx, 8), y = _mm256_srai_epi32(vy, 8);
        int32_t x0 = IML_MIN(cx[i], cx[i + 7]) >> 8, y0 = IML_MIN(cy[i], cy[i + 7]) >> 8;
        __m256i dx = _mm256_sub_epi32(x, _mm256_set1_epi32(x0));
        __m256i dy = _mm256_sub_epi32(y, _mm256_set1_epi32(y0));
        // Two taps of the last end at byte 8 * 3 + 5.
        __mmask8 gentle = _mm256_cmple_epu32_mask(dx, _mm256_set1_epi32(8)) &
                          _mm256_cmple_epu32_mask(dy, _mm256_set1_epi32(1)) &
                          _mm256_cmple_epi32_mask(x, _mm256_set1_epi32(w - 2)) &
                          _mm256_cmple_epi32_mask(y, _mm256_set1_epi32(h - 2));
        if (gentle != 0xFF || x0 < 0 || y0 < 0) {
            iml__warp_row_u8_avx2(d, 8, cx + i, cy + i, s, stride, w, h, 3, fill);
            continue;
        }
        struct near p = near_of(s, stride, x0, y0, w, h, 3);
        __m256i middle = row_at(p.p + p.next, p.left);
        __m512i top = both(row_at(p.p, p.left), middle);
        __m512i bottom = both(middle, row_at(p.p + p.after, p.left));
        __m256i at = _mm256_add_epi32(_mm256_slli_epi32(dy, 5),
                                      _mm256_add_epi32(dx, _mm256_slli_epi32(dx, 1)));
        at = _mm256_or_si256(at, _mm256_slli_epi32(at, 16));
        __m256i fx = _mm256_and_si256(vx, low), fy = _mm256_and_si256(vy, low);
        fx = _mm256_or_si256(_mm256_sub_epi32(full, fx), _mm256_slli_epi32(fx, 16));
        fy = _mm256_or_si256(_mm256_sub_epi32(full, fy), _mm256_slli_epi32(fy, 16));
        __m512i at8 = _mm512_castsi256_si512(at), x8 = _mm512_castsi256_si512(fx),
                y8 = _mm512_castsi256_si512(fy), out[2];
        for (int k = 0; k < 2; k++) {
            const __m512i spread = k ? second : first;
            __m512i tap = _mm512_add_epi32(_mm512_permutexvar_epi32(spread, at8), channel);
            __m512i wx = _mm512_permutexvar_epi32(spread, x8);
            out[k] = down(_mm512_madd_epi16(pairs(top, tap), wx),
                          _mm512_madd_epi16(pairs(bottom, tap), wx),
                          _mm512_permutexvar_epi32(spread, y8));
        }
        __m512i bytes = _mm512_permutexvar_epi8(close, _mm512_packs_epi32(out[0], out[1]));
        _mm256_mask_storeu_epi8(d, 0xFFFFFF, _mm512_castsi512_si256(bytes));
    }
    return i;
}

static size_t warp_grey(uint8_t *d, size_t n, const int32_t *cx, const int32_t *cy,
                        const uint8_t *s, size_t stride, int32_t w, int32_t h, const uint8_t *fill)
{
    const __m512i low = _mm512_set1_epi32(255), full = _mm512_set1_epi32(256);
    size_t i = 0;
    for (; i + 16 <= n; i += 16, d += 16) {
        __m512i vx = _mm512_loadu_si512(cx + i), vy = _mm512_loadu_si512(cy + i);
        __m512i x = _mm512_srai_epi32(vx, 8), y = _mm512_srai_epi32(vy, 8);
        int32_t x0 = IML_MIN(cx[i], cx[i + 15]) >> 8, y0 = IML_MIN(cy[i], cy[i + 15]) >> 8;
        __m512i dx = _mm512_sub_epi32(x, _mm512_set1_epi32(x0));
        __m512i dy = _mm512_sub_epi32(y, _mm512_set1_epi32(y0));
        __mmask16 gentle = _mm512_cmple_epu32_mask(dx, _mm512_set1_epi32(30)) &
                           _mm512_cmple_epu32_mask(dy, _mm512_set1_epi32(1)) &
                           _mm512_cmple_epi32_mask(x, _mm512_set1_epi32(w - 2)) &
                           _mm512_cmple_epi32_mask(y, _mm512_set1_epi32(h - 2));
        if (gentle != 0xFFFF || x0 < 0 || y0 < 0) {
            iml__warp_row_u8_avx2(d, 16, cx + i, cy + i, s, stride, w, h, 1, fill);
            continue;
        }
        struct near p = near_of(s, stride, x0, y0, w, h, 1);
        __m256i middle = row_at(p.p + p.next, p.left);
        __m512i top = both(row_at(p.p, p.left), middle);
        __m512i bottom = both(middle, row_at(p.p + p.after, p.left));
        __m512i at = _mm512_add_epi32(_mm512_slli_epi32(dy, 5), dx);
        at = _mm512_add_epi32(_mm512_or_si512(at, _mm512_slli_epi32(at, 16)),
                              _mm512_set1_epi32(0x10000));
        __m512i fx = _mm512_and_si512(vx, low), fy = _mm512_and_si512(vy, low);
        fx = _mm512_or_si512(_mm512_sub_epi32(full, fx), _mm512_slli_epi32(fx, 16));
        fy = _mm512_or_si512(_mm512_sub_epi32(full, fy), _mm512_slli_epi32(fy, 16));
        __m512i out = down(_mm512_madd_epi16(pairs(top, at), fx),
                           _mm512_madd_epi16(pairs(bottom, at), fx), fy);
        _mm_storeu_si128((void *)d, _mm512_cvtepi32_epi8(out));
    }
    return i;
}

void iml__warp_row_u8_avx512(uint8_t *d, size_t n, const int32_t *cx, const int32_t *cy,
                             const uint8_t *s, size_t stride, int32_t w, int32_t h, int channels,
                             const uint8_t *fill)
{
    size_t i = 0;
    if (channels == 3)
        i = warp_rgb(d, n, cx, cy, s, stride, w, h, fill);
    else if (channels == 1)
        i = warp_grey(d, n, cx, cy, s, stride, w, h, fill);
    iml__warp_row_u8_avx2(d + i * (size_t)channels, n - i, cx + i, cy + i, s, stride, w, h,
                          channels, fill);
}
