// word_match.h: what the kernel word_matches finds: where 32-bit words stood before.
//
// The tables know, by hash, where a word stood last, a pair the last two times, a triple last.
// Positions are kept modulo 2^16; one that is too far back, or another value's by chance, is found
// out by comparing. A table is cleared by its user before the first position; an entry of 0 means
// position 0, which is as good a guess as any other.
#ifndef IML_KERNEL_WORD_MATCH_H
#define IML_KERNEL_WORD_MATCH_H

#include "src/base/iml_attr.h"

enum {
    IML__WORD_WINDOW = 8191, // most words back: 32,764 bytes
    IML__WORD_CHUNK = 64,    // most positions a call
    IML__WORD_BITS = 16,     // most bits of a hash
    IML__WORD_READ = 16,     // bytes read from a position on
};

// Entries of `word` are more: a word that another pushed out costs four literals.
static inline unsigned iml__word_bits(unsigned bits)
{
    return bits + 3 < IML__WORD_BITS ? bits + 3 : IML__WORD_BITS;
}

struct iml__word_tables { // [2^bits] of pair and triple, [2^iml__word_bits(bits)] of word
    uint32_t pair[1 << IML__WORD_BITS];
    uint16_t word[1 << IML__WORD_BITS], triple[1 << IML__WORD_BITS];
};

// Per position: what was found.
struct iml__word_found {
    // Words back of the last triple, last pair, pair before and last word with this hash, 16 bits
    // each from bit 0; 0: none within the window.
    uint64_t back[IML__WORD_CHUNK];
    // The longest match among the four, the nearest of equals: its length in words, at most 4, from
    // bit 16 on, words back below; 0: none.
    uint32_t best[IML__WORD_CHUNK];
};

#endif
