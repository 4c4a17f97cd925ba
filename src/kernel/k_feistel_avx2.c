// k_feistel_avx2.c: eight values of a permutation at a time (rng.h, ops.md 2).
//
// A value walks until it falls inside, up to four steps on average and each its own number of them,
// so a lane that is done takes the next value at once; lanes that find none left walk on unseen.
#include "src/kernel/kernel_twins.h"

#include "src/base/rng.h"

#include <immintrin.h>

static inline __m256i all(uint32_t v) { return _mm256_set1_epi32((int)v); }

static inline void mul(__m256i a, __m256i m, __m256i *high, __m256i *low)
{
    __m256i even = _mm256_mul_epu32(a, m), odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), m);
    *high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    *low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
}

struct feistel {
    uint32_t key[2], stream, low, high, mask;
    int half; // bits
};

static __m256i word0(const struct feistel *f, __m256i c0) // of Philox4x32-10
{
    const __m256i m0 = all(IML__PHILOX_M0), m1 = all(IML__PHILOX_M1);
    __m256i c1 = all(f->stream), c2 = all(f->low), c3 = all(f->high), h0, l0, h1, l1;
    uint32_t k0 = f->key[0], k1 = f->key[1];
    for (int r = 0; r < 10; r++, k0 += IML__PHILOX_W0, k1 += IML__PHILOX_W1) {
        mul(c0, m0, &h0, &l0);
        mul(c2, m1, &h1, &l1);
        c0 = _mm256_xor_si256(_mm256_xor_si256(h1, c1), all(k0)), c1 = l1;
        c2 = _mm256_xor_si256(_mm256_xor_si256(h0, c3), all(k1)), c3 = l0;
    }
    return c0;
}

static __m256i step(const struct feistel *f, __m256i k)
{
    const __m128i half = _mm_cvtsi32_si128(f->half);
    const __m256i mask = all(f->mask);
    __m256i left = _mm256_and_si256(_mm256_srl_epi32(k, half), mask),
            right = _mm256_and_si256(k, mask);
    for (uint32_t r = 0; r < 8; r++) {
        __m256i w = word0(f, _mm256_or_si256(_mm256_slli_epi32(right, 3), all(r)));
        __m256i next = _mm256_xor_si256(left, _mm256_and_si256(w, mask));
        left = right, right = next;
    }
    return _mm256_or_si256(_mm256_sll_epi32(left, half), right);
}

void iml__feistel_avx2(uint64_t *out, size_t count, uint64_t first, uint64_t n, uint64_t seed,
                       uint64_t index, uint32_t stream)
{
    // Both halves of a value must fit one lane; longer permutations are not of pictures.
    if (n < 2 || n > (uint64_t)1 << 32 || first + count > (uint64_t)1 << 32 || count < 4) {
        iml__feistel_scalar(out, count, first, n, seed, index, stream);
        return;
    }
    struct feistel f = {{(uint32_t)seed, (uint32_t)(seed >> 32)},
                        stream,
                        (uint32_t)index,
                        (uint32_t)(index >> 32),
                        0,
                        0};
    f.half = (64 - __builtin_clzll(n - 1) + 1) / 2;
    f.mask = (uint32_t)(((uint64_t)1 << f.half) - 1);
    uint32_t k[8];
    size_t place[8], given = IML_MIN(count, 8), done = 0; // place: of a lane's value; count: none
    for (size_t i = 0; i < 8; i++) {
        k[i] = (uint32_t)(first + (i < count ? i : 0));
        place[i] = i < count ? i : count;
    }
    while (done < count) {
        __m256i v = step(&f, _mm256_loadu_si256((const __m256i *)(const void *)k));
        _mm256_storeu_si256((__m256i *)(void *)k, v);
        for (int i = 0; i < 8; i++) {
            if (k[i] >= n || place[i] == count) continue;
            out[place[i]] = k[i];
            done++;
            place[i] = given < count ? given : count;
            if (given < count) k[i] = (uint32_t)(first + given++);
        }
    }
}
