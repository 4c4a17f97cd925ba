// deflate_block.h: DEFLATE (RFC 1951) from tokens to bits; what every encoder of ours ends in.
//
// An encoder finds literals and matches, packs each into a token and hands over some thousands at a
// time together with the bytes that they stand for. A block comes out: the smallest of dynamic,
// fixed and stored. Plain C on integers, and no library: the bytes depend on the tokens alone.
//
//     iml__bits_init(&w, out);
//     tok[n++] = iml__tok_literal(byte); tok[n++] = iml__tok_match(len, dist); ...
//     iml__dblock_write(&scratch, &w, tok, n, raw, raw_n, final);
//     end = iml__bits_end(&w);
//
// Memory: the writer stores 8 bytes at a time; out needs iml__deflate_bound.
#ifndef IML_IO_DEFLATE_BLOCK_H
#define IML_IO_DEFLATE_BLOCK_H

#include "src/base/iml_attr.h"

enum {
    IML__DEFLATE_MIN = 3,   // shortest and
    IML__DEFLATE_MAX = 258, // longest match, in bytes
    IML__DEFLATE_WINDOW = 32768,
    IML__STORED_MAX = 65535, // bytes of one stored block
    IML__BITS_SLACK = 8,     // bytes behind the last that the writer may touch
};

// ---- Bits, least significant first.

typedef struct iml__bits {
    uint8_t *at;  // where acc goes
    uint64_t acc; // bits not yet behind `at`
    unsigned n;   // how many: 0..7 between calls
} iml__bits;

static inline void iml__bits_init(iml__bits *w, uint8_t *out) { *w = (iml__bits){.at = out}; }

// The low n <= 56 bits of v, whose other bits are 0. Touches 8 bytes from w->at on.
static inline void iml__bits_put(iml__bits *w, uint64_t v, unsigned n)
{
    w->acc |= v << w->n;
    w->n += n;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(w->at, &w->acc, 8);
#else
    for (int i = 0; i < 8; i++) w->at[i] = (uint8_t)(w->acc >> 8 * i);
#endif
    w->at += w->n >> 3;
    w->acc >>= w->n & ~7u;
    w->n &= 7;
}

// Zero bits up to the next byte boundary; where that is.
static inline uint8_t *iml__bits_end(iml__bits *w)
{
    iml__bits_put(w, 0, -w->n & 7);
    return w->at;
}

// ---- Tokens: bits 0..9 a literal, or 256 + length; 10..14 the distance's symbol (31: a literal);
// from 15 on the distance's extra bits. What the emitting loop needs, so that it has no branches.

typedef uint32_t iml__tok;

static inline iml__tok iml__tok_literal(uint8_t byte) { return byte | 31u << 10; }

// Distance symbol and extra bits of dist, as a token's upper part.
static inline iml__tok iml__tok_distance(uint32_t dist)
{
    uint32_t d = dist - 1, top = 31u - (uint32_t)__builtin_clz(d | 1), low = top - (top > 0);
    return (2 * top + (d >> low & 1)) << 10 | (d & ((1u << low) - 1)) << 15;
}

// len 3..258, dist 1..32768.
static inline iml__tok iml__tok_match(uint32_t len, uint32_t dist)
{
    return (256 + len) | iml__tok_distance(dist);
}

static inline bool iml__tok_is_match(iml__tok t) { return (t & 1023) > 255; }
static inline uint32_t iml__tok_length(iml__tok t) { return (t & 1023) - 256; } // of a match

// ---- Blocks

enum {
    IML__LITLENS = 286,   // literals, end of block, lengths
    IML__DISTS = 30,      // distances
    IML__PRELENS = 19,    // code lengths
    IML__CODE_MAX = 15,   // longest code of the first two, in bits
    IML__PRECODE_MAX = 7, // and of the third
};

// Scratch of one caller; nothing in it needs to be set. litlen_bits and dist_bits are the code
// lengths of the last block (0: no code; of a stored one: of its dynamic rival), for encoders that
// weigh their choices.
struct iml__dblock {
    uint32_t litlen_count[IML__LITLENS + 2], dist_count[IML__DISTS + 2];
    uint8_t litlen_bits[IML__LITLENS + 2], dist_bits[IML__DISTS + 2];
    uint16_t litlen_code[IML__LITLENS + 2], dist_code[IML__DISTS + 2];
    uint32_t litlen_put[256 + IML__DEFLATE_MAX + 1]; // by bits 0..9 of a token: bits << 8 | n
    uint32_t dist_put[32]; // code << 16 | n of the code << 8 | n with the extra bits
};

// One block that codes raw[0..raw_n), which the tokens must spell exactly. The smallest of the
// three kinds; among equals stored before fixed before dynamic. ntok < 2^32.
void iml__dblock_write(struct iml__dblock *b, iml__bits *w, const iml__tok *tok, size_t ntok,
                       const uint8_t *raw, size_t raw_n, bool final);

// Bits that a block of these tokens takes, unless it is stored; its code lengths into b. Nothing is
// written.
uint64_t iml__dblock_measure(struct iml__dblock *b, const iml__tok *tok, size_t ntok);

// raw as stored blocks of at most 65,535 bytes; one empty block if raw_n is 0. The last ends at a
// byte boundary. raw_n 0 and not final is zlib's "sync flush": 3 zero bits, padding, 00 00 FF FF.
void iml__deflate_stored(iml__bits *w, const uint8_t *raw, size_t raw_n, bool final);

// Most bytes, slack included, that n bytes may take in blocks that code at least `least` bytes each
// (all but the last of them), with an empty stored block behind.
size_t iml__deflate_bound(size_t n, size_t least);

// Code lengths of at most `limit` bits for n <= 288 symbols; complete (Kraft sum 1), so that every
// decoder takes them: with fewer than two symbols in use, the first unused ones get a code too.
// Optimal unless the limit bites. 2^limit >= n.
void iml__huffman_lengths(const uint32_t *count, unsigned n, unsigned limit, uint8_t *bits);

#endif
