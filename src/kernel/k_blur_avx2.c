// k_blur_avx2.c: AVX2 twins of k_blur.c.
//
// The weights are symmetric, so the two samples of a weight are added first (they fit 16 bits), and
// two weights go into one pmaddwd: a tap costs a quarter of the plain way.
#include "src/kernel/kernel_twins.h"

#include <immintrin.h>

static inline __m256i load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

static inline __m256i bytes(const uint8_t *p)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
}

static inline __m256i pair(const int16_t *w, int k,
                           int r) // weights k and k + 1, the latter 0 past the centre
{
    return _mm256_set1_epi32(
        (int)((uint32_t)(uint16_t)w[k] | (k < r ? (uint32_t)(uint16_t)w[k + 1] << 16 : 0)));
}

struct acc {
    __m256i lo, hi;
};

static inline void add(struct acc *a, __m256i x, __m256i y, __m256i w)
{
    a->lo = _mm256_add_epi32(a->lo, _mm256_madd_epi16(_mm256_unpacklo_epi16(x, y), w));
    a->hi = _mm256_add_epi32(a->hi, _mm256_madd_epi16(_mm256_unpackhi_epi16(x, y), w));
}

void iml__blur_row_u8_avx2(uint16_t *d, const uint8_t *s, size_t n, size_t step, const int16_t *w,
                           int r)
{
    size_t i = 0, last = 2 * (size_t)r;
    for (; i + 16 <= n; i += 16) {
        struct acc a = {_mm256_set1_epi32(128), _mm256_set1_epi32(128)};
        const uint8_t *p = s + i;
        for (int k = 0; k <= r; k += 2) {
            size_t j = (size_t)k;
            __m256i x = bytes(p + j * step), y = _mm256_setzero_si256();
            if (k < r) {
                x = _mm256_add_epi16(x, bytes(p + (last - j) * step));
                y = bytes(p + (j + 1) * step);
                if (k + 1 < r) y = _mm256_add_epi16(y, bytes(p + (last - j - 1) * step));
            }
            add(&a, x, y, pair(w, k, r));
        }
        __m256i v = _mm256_packs_epi32(_mm256_srli_epi32(a.lo, 8), _mm256_srli_epi32(a.hi, 8));
        _mm256_storeu_si256((__m256i *)(d + i), v);
    }
    iml__blur_row_u8_scalar(d + i, s + i, n - i, step, w, r);
}

void iml__blur_col_u8_avx2(uint8_t *d, const uint16_t *const *rows, size_t n, const int16_t *w,
                           int r)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        struct acc a = {_mm256_set1_epi32(1 << 19), _mm256_set1_epi32(1 << 19)};
        for (int k = 0; k <= r; k += 2) {
            __m256i x = load(rows[k] + i), y = _mm256_setzero_si256();
            if (k < r) {
                x = _mm256_add_epi16(x, load(rows[2 * r - k] + i)); // at most 32640
                y = load(rows[k + 1] + i);
                if (k + 1 < r) y = _mm256_add_epi16(y, load(rows[2 * r - k - 1] + i));
            }
            add(&a, x, y, pair(w, k, r));
        }
        __m256i v = _mm256_packs_epi32(_mm256_srli_epi32(a.lo, 20), _mm256_srli_epi32(a.hi, 20));
        _mm_storeu_si128(
            (__m128i *)(void *)(d + i),
            _mm_packus_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
    }
    for (; i < n; i++) {
        int32_t sum = 1 << 19;
        for (int k = 0; k <= 2 * r; k++) sum += w[k] * rows[k][i];
        d[i] = (uint8_t)(sum >> 20);
    }
}
