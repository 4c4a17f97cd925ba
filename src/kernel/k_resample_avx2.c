// k_resample_avx2.c: AVX2 twins of k_resample.c; two taps a pmaddwd.
#include "src/kernel/kernel_twins.h"

#include <immintrin.h>
#include <string.h>

static inline __m256i bytes(const uint8_t *p)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
}

static inline int pair(const int16_t *w, bool two)
{
    return (int)((uint32_t)(uint16_t)w[0] | (two ? (uint32_t)(uint16_t)w[1] << 16 : 0));
}

void iml__resample_col_u8_avx2(uint8_t *d, const uint8_t *const *rows, size_t n, const int16_t *w,
                               int taps)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i lo = _mm256_set1_epi32(8192), hi = lo;
        for (int k = 0; k < taps; k += 2) {
            bool two = k + 1 < taps;
            __m256i x = bytes(rows[k] + i),
                    y = two ? bytes(rows[k + 1] + i) : _mm256_setzero_si256();
            __m256i ww = _mm256_set1_epi32(pair(w + k, two));
            lo = _mm256_add_epi32(lo, _mm256_madd_epi16(_mm256_unpacklo_epi16(x, y), ww));
            hi = _mm256_add_epi32(hi, _mm256_madd_epi16(_mm256_unpackhi_epi16(x, y), ww));
        }
        __m256i v = _mm256_packs_epi32(_mm256_srai_epi32(lo, 14), _mm256_srai_epi32(hi, 14));
        _mm_storeu_si128(
            (__m128i *)(void *)(d + i),
            _mm_packus_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
    }
    for (; i < n; i++) {
        int32_t sum = 8192;
        for (int k = 0; k < taps; k++) sum += w[k] * rows[k][i];
        sum >>= 14;
        d[i] = (uint8_t)IML_CLAMP(sum, 0, 255);
    }
}

static uint8_t one_channel(const uint8_t *p, int32_t count, const int16_t *w)
{
    __m128i acc = _mm_setzero_si128();
    int32_t k = 0, sum = 8192;
    for (; k + 8 <= count; k += 8) {
        __m128i v = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)(p + k)));
        acc = _mm_add_epi32(
            acc, _mm_madd_epi16(v, _mm_loadu_si128((const __m128i *)(const void *)(w + k))));
    }
    acc = _mm_add_epi32(acc, _mm_shuffle_epi32(acc, 0x4e));
    acc = _mm_add_epi32(acc, _mm_shuffle_epi32(acc, 0xb1));
    sum += _mm_cvtsi128_si32(acc);
    for (; k < count; k++) sum += w[k] * p[k];
    sum >>= 14;
    return (uint8_t)IML_CLAMP(sum, 0, 255);
}

// Three or four channels of one output in 32-bit lanes, eight bytes, two pixels and a bit, a load.
// Only near the row's end are they copied one by one.
static inline uint32_t colours(const uint8_t *p, const uint8_t *end, int32_t count,
                               const int16_t *w, size_t ch, __m128i order)
{
    __m128i acc = _mm_set1_epi32(8192);
    for (int32_t k = 0; k < count; k += 2, p += 2 * ch) {
        bool two = k + 1 < count;
        uint64_t v = 0;
        if (end - p >= 8)
            memcpy(&v, p, 8);
        else
            for (ptrdiff_t i = 0; i < end - p; i++) v |= (uint64_t)p[i] << 8 * i;
        __m128i x = _mm_shuffle_epi8(_mm_cvtsi64_si128((long long)v), order);
        acc = _mm_add_epi32(acc, _mm_madd_epi16(x, _mm_set1_epi32(pair(w + k, two))));
    }
    acc = _mm_srai_epi32(acc, 14);
    acc = _mm_packs_epi32(acc, acc);
    return (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(acc, acc));
}

void iml__resample_row_u8_avx2(uint8_t *d, const uint8_t *s, size_t n, int channels,
                               const int32_t *first, const int32_t *count, const int16_t *w,
                               size_t pitch)
{
    const __m128i of3 = _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
    const __m128i of4 = _mm_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1);
    size_t ch = (size_t)channels;
    if (channels == 2) {
        iml__resample_row_u8_scalar(d, s, n, channels, first, count, w, pitch);
        return;
    }
    if (!n) return;
    const uint8_t *end = s + ((size_t)first[n - 1] + (size_t)count[n - 1]) * ch;
    for (size_t i = 0; i < n; i++, d += ch, w += pitch) {
        const uint8_t *p = s + (size_t)first[i] * ch;
        if (channels == 1) {
            d[0] = one_channel(p, count[i], w);
            continue;
        }
        uint32_t v = colours(p, end, count[i], w, ch, channels == 3 ? of3 : of4);
        memcpy(d, &v, ch);
    }
}
