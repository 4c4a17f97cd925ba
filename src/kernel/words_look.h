// words_look.h: the first half of word_matches as the AVX2 and AVX-512 twins share it: hashes of a
// chunk eight at a time, then the tables, then distances. For files built with -mavx2.
#ifndef IML_KERNEL_WORDS_LOOK_H
#define IML_KERNEL_WORDS_LOOK_H

#include "src/kernel/words.h"

#ifdef __AVX2__ // elsewhere there is nothing to share
#include <immintrin.h>

static inline __m256i iml__mix_8(__m256i x)
{
    x = _mm256_mullo_epi32(_mm256_xor_si256(x, _mm256_srli_epi32(x, 15)),
                           _mm256_set1_epi32((int)IML__WORD_MIX1));
    x = _mm256_mullo_epi32(_mm256_xor_si256(x, _mm256_srli_epi32(x, 12)),
                           _mm256_set1_epi32((int)IML__WORD_MIX2));
    return _mm256_xor_si256(x, _mm256_srli_epi32(x, 15));
}

static inline __m256i iml__join_8(__m256i h, __m256i mix)
{
    return _mm256_xor_si256(_mm256_or_si256(_mm256_slli_epi32(h, 5), _mm256_srli_epi32(h, 27)),
                            mix);
}

struct iml__word_slots {
    uint32_t word[IML__WORD_CHUNK], pair[IML__WORD_CHUNK], triple[IML__WORD_CHUNK];
};

// Slots of n positions from p on; reads the two words behind them, no more.
static inline void iml__word_slots(struct iml__word_slots *s, const uint8_t *p, size_t n,
                                   unsigned bits)
{
    uint32_t mix[IML__WORD_CHUNK + 16];
    const __m128i shift = _mm_cvtsi32_si128((int)(32 - bits));
    const __m128i word_shift = _mm_cvtsi32_si128((int)(32 - iml__word_bits(bits)));
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (size_t i = 0; i < n + 2; i += 8) {
        __m256i there = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n + 2 - i)), lane);
        __m256i x = _mm256_maskload_epi32((const int *)(const void *)(p + 4 * i), there);
        _mm256_storeu_si256((__m256i *)(void *)(mix + i), iml__mix_8(x));
    }
    _mm256_storeu_si256((__m256i *)(void *)(mix + (n + 9) / 8 * 8), _mm256_setzero_si256());
    for (size_t i = 0; i < n; i += 8) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(mix + i));
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(mix + i + 1));
        __m256i c = _mm256_loadu_si256((const __m256i *)(const void *)(mix + i + 2));
        b = iml__join_8(a, b), c = iml__join_8(b, c);
        _mm256_storeu_si256((__m256i *)(void *)(s->word + i), _mm256_srl_epi32(a, word_shift));
        _mm256_storeu_si256((__m256i *)(void *)(s->pair + i), _mm256_srl_epi32(b, shift));
        _mm256_storeu_si256((__m256i *)(void *)(s->triple + i), _mm256_srl_epi32(c, shift));
    }
}

static inline void iml__word_look(struct iml__word_found *f, struct iml__word_tables *t,
                                  unsigned bits, const uint8_t *p, size_t from, size_t to)
{
    struct iml__word_slots s;
    const size_t n = to - from;
    uint64_t unused[IML__WORD_CHUNK], *back = f ? f->back : unused;
    iml__word_slots(&s, p + 4 * from, n, bits);
    for (size_t i = 0; i < n; i++) {
        uint16_t *word = &t->word[s.word[i]], *triple = &t->triple[s.triple[i]];
        uint32_t *pair = &t->pair[s.pair[i]], at = (uint32_t)(from + i) & 0xFFFF;
        back[i] = *triple | (uint64_t)*pair << 16 | (uint64_t)*word << 48;
        *word = *triple = (uint16_t)at;
        *pair = *pair << 16 | at;
    }
    // Positions to distances, 0 beyond the window; four positions a register. What lies behind n
    // in the last register is of no concern: a chunk is a multiple of four.
    if (!f) return;
    __m256i at =
        _mm256_add_epi16(_mm256_set1_epi16((short)from),
                         _mm256_setr_epi16(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
    for (size_t i = 0; i < n; i += 4) {
        __m256i *v = (__m256i *)(void *)(back + i);
        __m256i d = _mm256_sub_epi16(at, _mm256_loadu_si256(v));
        __m256i less = _mm256_add_epi16(d, _mm256_set1_epi16(-1)); // as unsigned < the window
        __m256i far = _mm256_subs_epu16(less, _mm256_set1_epi16(IML__WORD_WINDOW - 1));
        d = _mm256_and_si256(d, _mm256_cmpeq_epi16(far, _mm256_setzero_si256()));
        _mm256_storeu_si256(v, d);
        at = _mm256_add_epi16(at, _mm256_set1_epi16(4));
    }
}

// The best of n positions from their scores: 16 bits of ~back below, above a run that is more than
// one, two, three, four of `more` for so many words.
static inline void iml__word_best(struct iml__word_found *f, const uint32_t *score, size_t n,
                                  const int more[4])
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (size_t i = 0; i < n; i += 8) {
        __m256i s = _mm256_loadu_si256((const __m256i *)(const void *)(score + i));
        __m256i run = _mm256_srli_epi32(s, 16), words = _mm256_setzero_si256();
        for (int k = 0; k < 4; k++)
            words = _mm256_sub_epi32(words, _mm256_cmpgt_epi32(run, _mm256_set1_epi32(more[k])));
        __m256i best = _mm256_or_si256(_mm256_slli_epi32(words, 16),
                                       _mm256_andnot_si256(s, _mm256_set1_epi32(0xFFFF)));
        best = _mm256_and_si256(best, _mm256_cmpgt_epi32(words, _mm256_setzero_si256()));
        __m256i there = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n - i)), lane);
        _mm256_maskstore_epi32((int *)(void *)(f->best + i), there, best);
    }
}

static inline __m128i iml__words_4(const uint8_t *q, uint64_t back)
{
    return _mm_loadu_si128((const __m128i *)(const void *)(q - 4 * (back & 0xFFFF)));
}

#endif // __AVX2__
#endif
