// words.h: what the twins of word_matches share: the hash and what goes into the tables.
#ifndef IML_KERNEL_WORDS_H
#define IML_KERNEL_WORDS_H

#include "src/kernel/word_match.h"

// Words and bytes are numbered as in memory of a little-endian machine.
static inline uint32_t iml__word_at(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    return v;
}

// A finaliser: floats that differ by a few units of the last place, or by their exponent alone, as
// z-scored integers do, must not meet. A lone multiplication let 787 values fall into 421 of 65,536
// slots: 7 % more bytes.
#define IML__WORD_MIX1 0x2C1B3C6Du
#define IML__WORD_MIX2 0x297A2D39u
static inline uint32_t iml__word_mix(uint32_t x)
{
    x = (x ^ x >> 15) * IML__WORD_MIX1;
    x = (x ^ x >> 12) * IML__WORD_MIX2;
    return x ^ x >> 15;
}

// Of a sequence from that of all but its last word, and its last word's mix. The upper bits count.
static inline uint32_t iml__word_join(uint32_t h, uint32_t mix) { return (h << 5 | h >> 27) ^ mix; }

#endif
