// k_png_avx2.c: AVX2 twins of k_png.c.
#include "src/kernel/kernel_twins.h"

#include <immintrin.h>
#include <string.h>

static inline __m256i load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline void store(void *p, __m256i v) { _mm256_storeu_si256((__m256i *)p, v); }

static inline __m256i cost(__m256i v, __m256i of) // sums of |residual|; |-128| is 128 as a byte
{
    return _mm256_sad_epu8(_mm256_abs_epi8(_mm256_sub_epi8(v, of)), _mm256_setzero_si256());
}

static uint64_t total(__m256i v)
{
    uint64_t s[4];
    store(s, v);
    return s[0] + s[1] + s[2] + s[3];
}

void iml__png_sums_avx2(const uint8_t *s, const uint8_t *prev, size_t n, int bpp, uint64_t sums[2])
{
    size_t b = (size_t)bpp, i = b;
    iml__png_sums_scalar(s, prev, b, bpp, sums);
    __m256i sub = _mm256_setzero_si256(), up = sub;
    for (; i + 32 <= n; i += 32) {
        __m256i v = load(s + i);
        sub = _mm256_add_epi64(sub, cost(v, load(s + i - b)));
        up = _mm256_add_epi64(up, cost(v, load(prev + i)));
    }
    sums[0] += total(sub), sums[1] += total(up);
    for (; i < n; i++) {
        uint32_t x = (uint8_t)(s[i] - s[i - b]), y = (uint8_t)(s[i] - prev[i]);
        sums[0] += x < 128 ? x : 256 - x, sums[1] += y < 128 ? y : 256 - y;
    }
}

void iml__png_sub_avx2(uint8_t *d, const uint8_t *s, size_t n, int bpp)
{
    size_t b = (size_t)bpp, i = b;
    memcpy(d, s, b);
    for (; i + 32 <= n; i += 32) store(d + i, _mm256_sub_epi8(load(s + i), load(s + i - b)));
    for (; i < n; i++) d[i] = (uint8_t)(s[i] - s[i - b]);
}

void iml__png_up_avx2(uint8_t *d, const uint8_t *s, const uint8_t *prev, size_t n)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32) store(d + i, _mm256_sub_epi8(load(s + i), load(prev + i)));
    iml__png_up_scalar(d + i, s + i, prev + i, n - i);
}
