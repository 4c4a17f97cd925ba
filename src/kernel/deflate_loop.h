// deflate_loop.h: the two inner loops of DEFLATE that the twins share: greedy matches, and bits.
//
// Each twin brings its way to measure a match and its own -m flags (shifts by a variable
// are an instruction each with BMI2, three without); all else is this one text, so all give the
// same tokens and bits.
//
// Matches: one table of last positions by a hash of six bytes, one probe a place, the first match
// is taken, or what stands one row above if that is longer by two bytes. Of a match the second and
// the last three places go into the table: inserting all of them is what makes others slow on clean
// pictures, where runs of zeros are thousands of bytes long.
//
// Measured on filtered rows (clean, textured, photographs; size, time): without the row above +2 %
// on clean pictures; only the last place inserted +2..3 %, x 0.97; a hash and least match of 4
// bytes +4 %, x 1.3 (short matches far away cost more bits than their literals, and nobody can
// predict their branches), of 7 up to +10 %; matches longer than 258 bytes in pieces +6 % on clean
// pictures (a run's pieces then stand far away instead of at distance 1); tables of 2^13 and 2^15
// entries +1 % and -1 %; passing over places where nothing matched for long: no gain.
#ifndef IML_KERNEL_DEFLATE_LOOP_H
#define IML_KERNEL_DEFLATE_LOOP_H

#include "src/io/deflate_block.h"
#include "src/kernel/kernel.h"

enum { LZ_TAIL = 11 }; // eight bytes and three more: so near the end nothing is looked for

static inline uint64_t lz_load(const uint8_t *p)
{
    uint64_t v = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&v, p, 8);
#else
    for (int i = 0; i < 8; i++) v |= (uint64_t)p[i] << 8 * i;
#endif
    return v;
}

static inline uint32_t lz_hash(uint64_t v) // of the six low bytes
{
    return (uint32_t)((v << 16) * 0x9E3779B97F4A7C15u >> (64 - IML__LZ_BITS));
}

// In how many of at most `most` bytes a and b agree from the first on.
typedef size_t (*lz_extend)(const uint8_t *a, const uint8_t *b, size_t most);

static inline __attribute__((always_inline)) size_t lz_greedy(lz_extend extend, iml__tok *tok,
                                                              size_t ntok, size_t *at,
                                                              const uint8_t *p, size_t n,
                                                              size_t row, uint32_t *table)
{
    const size_t end = n < LZ_TAIL ? 0 : n - LZ_TAIL;
    size_t i = *at;
    iml__tok *t = tok, *full = tok + ntok;
    while (i < end && t < full) {
        // A token is a byte at least: one test in the loop instead of two.
        size_t stop = IML_MIN(end, i + (size_t)(full - t));
        while (i < stop) {
            uint64_t v = lz_load(p + i);
            uint32_t h = lz_hash(v);
            size_t c = table[h], d = i - c;
            table[h] = (uint32_t)i;
            // What stands in an empty or old entry is a place like any other: the bytes decide. And
            // they do first: that they differ can be predicted, that a place is near cannot.
            if ((lz_load(p + c) ^ v) << 16 || d - 1 >= IML__DEFLATE_WINDOW) {
                *t++ = iml__tok_literal((uint8_t)v);
                i++;
                continue;
            }
            size_t most = IML_MIN(n - i, (size_t)IML__DEFLATE_MAX);
            size_t len = extend(p + i, p + c, most);
            if (i >= row && lz_load(p + i - row) == v) { // it takes 8 bytes to be better
                size_t above = extend(p + i, p + i - row, most);
                bool better = above > len + 1;
                len = better ? above : len, d = better ? row : d;
            }
            *t++ = iml__tok_match((uint32_t)len, (uint32_t)d);
            table[lz_hash(v >> 8)] = (uint32_t)(i + 1);
            i += len;
            if (i >= end) break;
            v = lz_load(p + i - 3);
            table[lz_hash(v)] = (uint32_t)(i - 3);
            table[lz_hash(v >> 8)] = (uint32_t)(i - 2);
            table[lz_hash(v >> 16)] = (uint32_t)(i - 1);
        }
    }
    if (i >= end)
        while (i < n && t < full) *t++ = iml__tok_literal(p[i++]);
    *at = i;
    return (size_t)(t - tok);
}

// A token's bits, at most 15 + 5 + 15 + 13, and how many they are.
static inline unsigned token_bits(const struct iml__dblock *b, iml__tok t, uint64_t *v)
{
    uint32_t l = b->litlen_put[t & 1023], d = b->dist_put[t >> 10 & 31];
    uint64_t rest = d >> 16 | (uint64_t)(t >> 15) << (d >> 8 & 63);
    *v = l >> 8 | rest << (l & 63);
    return (l + d) & 255;
}

static inline void put_tokens(const struct iml__dblock *b, iml__bits *w, const iml__tok *tok,
                              size_t n)
{
    iml__bits o = *w; // in registers
    size_t i = 0;
    for (; i + 2 <= n; i += 2) { // two at a time: they are hardly ever more than 56 bits
        uint64_t v0, v1;
        unsigned n0 = token_bits(b, tok[i], &v0), n1 = token_bits(b, tok[i + 1], &v1);
        if (n0 + n1 > 56) {
            iml__bits_put(&o, v0, n0);
            iml__bits_put(&o, v1, n1);
        } else {
            iml__bits_put(&o, v0 | v1 << n0, n0 + n1);
        }
    }
    if (i < n) {
        uint64_t v;
        unsigned k = token_bits(b, tok[i], &v);
        iml__bits_put(&o, v, k);
    }
    *w = o;
}

#endif
