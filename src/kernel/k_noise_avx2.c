// k_noise_avx2.c: AVX2 twin of k_noise.c: one gather a sample; the tails' buckets by search.
#include "src/kernel/kernel_twins.h"

#include <immintrin.h>

static inline __m256i levels(const uint32_t *words, const iml__noise_table *t, __m256i *codes)
{
    const int shift = 32 - IML__NOISE_BITS;
    __m256i word = _mm256_loadu_si256((const __m256i *)words);
    __m256i b = _mm256_i32gather_epi32((const int *)(const void *)t->bucket,
                                       _mm256_srli_epi32(word, shift), 4);
    __m256i low = _mm256_and_si256(word, _mm256_set1_epi32((1 << shift) - 1));
    __m256i step = _mm256_and_si256(b, _mm256_set1_epi32((2 << shift) - 1));
    __m256i code = _mm256_srli_epi32(b, shift + 1);
    *codes = _mm256_cmpeq_epi32(code, _mm256_set1_epi32(IML__NOISE_SEARCH));
    // One more if the word is at or past the step: 1 + (-1 if it is before).
    return _mm256_add_epi32(_mm256_sub_epi32(code, _mm256_set1_epi32(511)),
                            _mm256_cmpgt_epi32(step, low));
}

void iml__noise_s16_avx2(int16_t *k, const uint32_t *words, size_t n, const iml__noise_table *t)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i ca, cb, a = levels(words + i, t, &ca), b = levels(words + i + 8, t, &cb);
        __m256i v = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
        _mm256_storeu_si256((__m256i *)(k + i), v);
        unsigned search = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(ca)) |
                          (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(cb)) << 8;
        for (; search; search &= search - 1) {
            size_t j = i + (size_t)__builtin_ctz(search);
            k[j] = (int16_t)iml__noise_search(t, words[j]);
        }
    }
    iml__noise_s16_scalar(k + i, words + i, n - i, t);
}
