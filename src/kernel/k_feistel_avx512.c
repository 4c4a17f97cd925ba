// k_feistel_avx512.c: thirty-two values of a permutation at a time (k_feistel_avx2.c at four times
// the width).
//
// A step is eighty rounds that wait for one another, so two vectors take turns: one alone would
// leave the multipliers idle for half of the time.
#include "src/kernel/kernel_twins.h"

#include "src/base/rng.h"

#include <immintrin.h>

enum { VECTORS = 2, LANES = 16 * VECTORS };

static inline __m512i all(uint32_t v) { return _mm512_set1_epi32((int)v); }

static inline void mul(__m512i a, __m512i m, __m512i *high, __m512i *low)
{
    __m512i even = _mm512_mul_epu32(a, m), odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), m);
    *high = _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xaaaa, odd);
    *low = _mm512_mask_mov_epi32(even, 0xaaaa, _mm512_slli_epi64(odd, 32));
}

static inline __m512i xor3(__m512i a, __m512i b, __m512i c)
{
    return _mm512_ternarylogic_epi32(a, b, c, 0x96);
}

struct feistel {
    uint32_t key[2], stream, low, high, mask;
    int half; // bits
};

static inline void words0(const struct feistel *f, __m512i c0[VECTORS]) // of Philox4x32-10
{
    const __m512i m0 = all(IML__PHILOX_M0), m1 = all(IML__PHILOX_M1);
    __m512i c1[VECTORS], c2[VECTORS], c3[VECTORS];
    uint32_t k0 = f->key[0], k1 = f->key[1];
    for (int v = 0; v < VECTORS; v++)
        c1[v] = all(f->stream), c2[v] = all(f->low), c3[v] = all(f->high);
    for (int r = 0; r < 10; r++, k0 += IML__PHILOX_W0, k1 += IML__PHILOX_W1)
        for (int v = 0; v < VECTORS; v++) {
            __m512i h0, l0, h1, l1;
            mul(c0[v], m0, &h0, &l0);
            mul(c2[v], m1, &h1, &l1);
            c0[v] = xor3(h1, c1[v], all(k0)), c1[v] = l1;
            c2[v] = xor3(h0, c3[v], all(k1)), c3[v] = l0;
        }
}

static void step(const struct feistel *f, uint32_t k[LANES])
{
    const __m128i half = _mm_cvtsi32_si128(f->half);
    const __m512i mask = all(f->mask);
    __m512i left[VECTORS], right[VECTORS];
    for (int v = 0; v < VECTORS; v++) {
        __m512i x = _mm512_loadu_si512(k + 16 * v);
        left[v] = _mm512_and_si512(_mm512_srl_epi32(x, half), mask);
        right[v] = _mm512_and_si512(x, mask);
    }
    for (uint32_t r = 0; r < 8; r++) {
        __m512i w[VECTORS];
        for (int v = 0; v < VECTORS; v++)
            w[v] = _mm512_or_si512(_mm512_slli_epi32(right[v], 3), all(r));
        words0(f, w);
        for (int v = 0; v < VECTORS; v++) {
            __m512i next = _mm512_xor_si512(left[v], _mm512_and_si512(w[v], mask));
            left[v] = right[v], right[v] = next;
        }
    }
    for (int v = 0; v < VECTORS; v++)
        _mm512_storeu_si512(k + 16 * v, _mm512_or_si512(_mm512_sll_epi32(left[v], half), right[v]));
}

void iml__feistel_avx512(uint64_t *out, size_t count, uint64_t first, uint64_t n, uint64_t seed,
                         uint64_t index, uint32_t stream)
{
    if (n < 2 || n > (uint64_t)1 << 32 || first + count > (uint64_t)1 << 32 || count < 12) {
        iml__feistel_avx2(out, count, first, n, seed, index, stream);
        return;
    }
    struct feistel f = {{(uint32_t)seed, (uint32_t)(seed >> 32)},
                        stream,
                        (uint32_t)index,
                        (uint32_t)(index >> 32),
                        0,
                        (64 - __builtin_clzll(n - 1) + 1) / 2};
    f.mask = (uint32_t)(((uint64_t)1 << f.half) - 1);
    uint32_t k[LANES];
    size_t place[LANES], given = IML_MIN(count, (size_t)LANES), done = 0; // count: no value
    for (size_t i = 0; i < LANES; i++) {
        k[i] = (uint32_t)(first + (i < count ? i : 0));
        place[i] = i < count ? i : count;
    }
    while (done < count) {
        step(&f, k);
        for (int v = 0; v < VECTORS; v++) {
            __mmask16 in =
                n >> 32 ? 0xFFFF
                        : _mm512_cmplt_epu32_mask(_mm512_loadu_si512(k + 16 * v), all((uint32_t)n));
            for (uint32_t left = in; left; left &= left - 1) {
                int i = 16 * v + __builtin_ctz(left);
                if (place[i] == count) continue;
                out[place[i]] = k[i];
                done++;
                place[i] = given < count ? given : count;
                if (given < count) k[i] = (uint32_t)(first + given++);
            }
        }
    }
}
