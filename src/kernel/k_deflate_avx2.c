// k_deflate_avx2.c: AVX2 twin of k_deflate.c: 32 bytes of a match at once, and BMI2's shifts.
#include "src/kernel/kernel_twins.h"

#include <immintrin.h>

#include "src/kernel/deflate_loop.h"

static inline size_t extend(const uint8_t *a, const uint8_t *b, size_t most)
{
    size_t n = 0;
    for (; n + 32 <= most; n += 32) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(a + n));
        __m256i y = _mm256_loadu_si256((const __m256i *)(b + n));
        uint32_t equal = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, y));
        if (equal != UINT32_MAX) return n + (size_t)__builtin_ctz(~equal);
    }
    while (n < most && a[n] == b[n]) n++;
    return n;
}

size_t iml__lz_greedy_avx2(uint32_t *tok, size_t ntok, size_t *at, const uint8_t *p, size_t n,
                           size_t row, uint32_t *table)
{
    return lz_greedy(extend, tok, ntok, at, p, n, row, table);
}

void iml__deflate_put_avx2(const struct iml__dblock *b, struct iml__bits *w, const uint32_t *tok,
                           size_t n)
{
    put_tokens(b, w, tok, n);
}
