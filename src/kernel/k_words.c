// k_words.c: candidates for matches of 32-bit words, and the best of them; scalar.
//
// Looking up and comparing every position costs more work than doing so where a match begins, but
// none of it waits for the length of the match before, which is what an ordinary greedy loop does
// (measured: half the time). Nothing here branches on the data.
#include "src/kernel/kernel_twins.h"

#include "src/kernel/words.h"

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline uint64_t within(size_t at, uint64_t position)
{
    uint16_t back = (uint16_t)(at - position);
    return (uint16_t)(back - 1) < IML__WORD_WINDOW ? back : 0;
}

// Equal words, 0..4, above; the nearer the larger below. 0 for back 0.
static inline uint32_t score(const uint8_t *q, uint32_t back, uint64_t a, uint64_t b)
{
    const uint8_t *r = q - 4 * (size_t)back;
    uint64_t x = load64(r) ^ a, y = load64(r + 8) ^ b;
    uint32_t two = x == 0;
    uint32_t n = ((uint32_t)x == 0) + two + (two & ((uint32_t)y == 0)) + (two & (y == 0));
    return ((n << 16) + (0xFFFF - back)) & -(uint32_t)(back != 0);
}

void iml__word_matches_scalar(struct iml__word_found *f, struct iml__word_tables *t, unsigned bits,
                              const uint8_t *p, size_t from, size_t to)
{
    if (from >= to) return;
    const unsigned shift = 32 - bits, word_shift = 32 - iml__word_bits(bits);
    uint32_t a = iml__word_mix(iml__word_at(p + 4 * from));
    uint32_t b = iml__word_mix(iml__word_at(p + 4 * from + 4));
    for (size_t i = from; i < to; i++) {
        uint32_t c = iml__word_mix(iml__word_at(p + 4 * i + 8));
        uint32_t two = iml__word_join(a, b), three = iml__word_join(two, c);
        uint16_t *word = &t->word[a >> word_shift], *triple = &t->triple[three >> shift];
        uint32_t *pair = &t->pair[two >> shift];
        if (f)
            f->back[i - from] = within(i, *triple) | within(i, *pair) << 16 |
                                within(i, *pair >> 16) << 32 | within(i, *word) << 48;
        *word = *triple = (uint16_t)i;
        *pair = *pair << 16 | (uint16_t)i;
        a = b, b = c;
    }
    for (size_t i = from; f && i < to; i++) {
        const uint8_t *q = p + 4 * i;
        const uint64_t back = f->back[i - from], x = load64(q), y = load64(q + 8);
        uint32_t s0 = score(q, back & 0xFFFF, x, y), s1 = score(q, back >> 16 & 0xFFFF, x, y);
        uint32_t s2 = score(q, back >> 32 & 0xFFFF, x, y), s3 = score(q, back >> 48 & 0xFFFF, x, y);
        s0 = IML_MAX(s0, s1), s2 = IML_MAX(s2, s3);
        s0 = IML_MAX(s0, s2);
        f->best[i - from] = (s0 ^ 0xFFFF) & -(uint32_t)(s0 > 0xFFFF);
    }
}
