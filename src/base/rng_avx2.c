// rng_avx2.c: a field's groups of 32 words, eight Philox blocks at a time; the words of the scalar
// loop in rng.c. Its own object, built with -mavx2 and called only where CPUID allows.
//
// A group is eight consecutive blocks in the eight lanes, so word k of all blocks is one vector and
// goes out as it stands: the field's order was defined that way. AVX2 multiplies 32 x 32 -> 64 only
// in even lanes; odd ones are shifted down, and the halves blended back.
#include "src/base/rng.h"

#if defined(__x86_64__)
#include <immintrin.h>

static inline void mul(__m256i a, __m256i m, __m256i *high, __m256i *low)
{
    __m256i even = _mm256_mul_epu32(a, m), odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), m);
    *high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
    *low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
}

static inline __m256i xor3(__m256i a, __m256i b, __m256i c)
{
    return _mm256_xor_si256(_mm256_xor_si256(a, b), c);
}

static inline __m256i all(uint32_t v) { return _mm256_set1_epi32((int)v); }

void iml__rng_field_avx2(const uint32_t key[2], const uint32_t ctr[4], size_t groups, uint32_t *out)
{
    const __m256i m0 = all(IML__PHILOX_M0), m1 = all(IML__PHILOX_M1);
    const __m256i step = all(8), stream = all(ctr[1]), low = all(ctr[2]), high = all(ctr[3]);
    __m256i block = _mm256_add_epi32(all(ctr[0]), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    for (size_t g = 0; g < groups; g++, out += 32) {
        __m256i c0 = block, c1 = stream, c2 = low, c3 = high;
        uint32_t k0 = key[0], k1 = key[1];
        for (int r = 0; r < 10; r++) {
            __m256i h0, l0, h1, l1;
            mul(c0, m0, &h0, &l0);
            mul(c2, m1, &h1, &l1);
            c0 = xor3(h1, c1, all(k0)), c1 = l1;
            c2 = xor3(h0, c3, all(k1)), c3 = l0;
            k0 += IML__PHILOX_W0, k1 += IML__PHILOX_W1;
        }
        _mm256_storeu_si256((__m256i *)out, c0);
        _mm256_storeu_si256((__m256i *)(out + 8), c1);
        _mm256_storeu_si256((__m256i *)(out + 16), c2);
        _mm256_storeu_si256((__m256i *)(out + 24), c3);
        block = _mm256_add_epi32(block, step);
    }
}
#else
typedef int iml__rng_avx2_is_empty;
#endif
