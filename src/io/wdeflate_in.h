// wdeflate_in.h: what wdeflate's files share: the context, and a plane while it is coded.
#ifndef IML_IO_WDEFLATE_IN_H
#define IML_IO_WDEFLATE_IN_H

#include "src/io/deflate_block.h"
#include "src/io/wdeflate.h"
#include "src/kernel/word_match.h"

// Encoder version 1. Changing one of these changes bytes: raise IML__WDEFLATE_VERSION.
enum {
    IML__WD_BLOCK = 4096,     // steps of a parse (a match, a word of literals) a block
    IML__WD_LONGEST = 131068, // bytes of a match, written in pieces of 258
    IML__WD_PIECES = 512,     // at most so many
    IML__WD_BYTE_BITS = 14,   // log2 of the slots for units of 1 and 2 bytes
    IML__WD_TOKENS = 4 * IML__WD_BLOCK + IML__WD_PIECES + 4,
};

struct iml__wdeflate {
    int level;
    struct iml__dblock block;
    iml__tok tok[IML__WD_TOKENS];
    union {
        struct { // units of 4
            struct iml__word_tables words;
            struct iml__word_found found;
        };
        uint64_t slot[1 << IML__WD_BYTE_BITS]; // of the last four positions with a hash
    };
};

// A plane with the history before it, as the parses see it: words of `unit` bytes, counted from the
// first of the history.
struct iml__wd_scan {
    const uint8_t *p;
    size_t n, at; // words in all; the next to be coded
    size_t row;   // words back to the row above; 0: unknown
    unsigned unit, bits;
    size_t from, to, chunk; // words: positions that found holds; how many it was asked for
};

// Tokens of the next block into c->tok, from s->at on; how many. begin comes first, s->at = words
// of history.
void iml__wd_words_begin(struct iml__wdeflate *c, struct iml__wd_scan *s);
uint32_t iml__wd_words(struct iml__wdeflate *c, struct iml__wd_scan *s);
size_t iml__wd_path_size(void); // bytes of level 9's own memory, behind the context
void iml__wd_path_begin(struct iml__wdeflate *c, struct iml__wd_scan *s);
uint32_t iml__wd_path(struct iml__wdeflate *c, struct iml__wd_scan *s);
void iml__wd_bytes_begin(struct iml__wdeflate *c, struct iml__wd_scan *s);
uint32_t iml__wd_bytes(struct iml__wdeflate *c, struct iml__wd_scan *s);

// log2 of n rounded up, between 8 and most.
static inline unsigned iml__wd_bits(size_t n, unsigned most)
{
    unsigned bits = 8;
    while (bits < most && (size_t)1 << bits < n) bits++;
    return bits;
}

// Appends a match of len bytes (4 to IML__WD_LONGEST) at dist. Pieces of 258, whose code has no
// extra bits; a rest of 1 or 2 cannot be coded and is avoided by one piece of 254.
static inline iml__tok *iml__wd_match(iml__tok *tok, uint32_t len, uint32_t dist)
{
    iml__tok d = iml__tok_distance(dist);
    for (; len > 260; len -= 258) *tok++ = (256 + 258) | d;
    if (len > 258) *tok++ = (256 + 254) | d, len -= 254;
    *tok++ = (256 + len) | d;
    return tok;
}

// Equal bytes of a and b, at most n, of which the first `at` are known to be equal.
static inline size_t iml__wd_equal(const uint8_t *a, const uint8_t *b, size_t at, size_t n)
{
    for (; at + 8 <= n; at += 8) {
        uint64_t x, y;
        memcpy(&x, a + at, 8), memcpy(&y, b + at, 8);
        if (x == y) continue;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        return at + ((size_t)__builtin_clzll(x ^ y) >> 3);
#else
        return at + ((size_t)__builtin_ctzll(x ^ y) >> 3);
#endif
    }
    while (at < n && a[at] == b[at]) at++;
    return at;
}

#endif
