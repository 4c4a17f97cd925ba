// k_deflate.c: greedy matches and the bits of tokens, scalar (deflate_loop.h).
#include "src/kernel/kernel_twins.h"

#include "src/kernel/deflate_loop.h"

static inline size_t extend(const uint8_t *a, const uint8_t *b, size_t most)
{
    size_t n = 0;
    for (; n + 8 <= most; n += 8) {
        uint64_t x = lz_load(a + n) ^ lz_load(b + n);
        if (x) return n + (size_t)(__builtin_ctzll(x) >> 3);
    }
    while (n < most && a[n] == b[n]) n++;
    return n;
}

size_t iml__lz_greedy_scalar(uint32_t *tok, size_t ntok, size_t *at, const uint8_t *p, size_t n,
                             size_t row, uint32_t *table)
{
    return lz_greedy(extend, tok, ntok, at, p, n, row, table);
}

void iml__deflate_put_scalar(const struct iml__dblock *b, struct iml__bits *w, const uint32_t *tok,
                             size_t n)
{
    put_tokens(b, w, tok, n);
}
