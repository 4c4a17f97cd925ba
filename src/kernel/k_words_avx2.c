// k_words_avx2.c: word_matches with the four candidates of a position compared in two registers.
//
// Rejected: gathers across positions, slow since the microcode updates of 2023.
#include "src/kernel/kernel_twins.h"

#include "src/kernel/words_look.h"

// The four comparisons as bytes (in the order 0 2 1 3) of 2^(2 n + 1) - 1 for n equal words; 255
// for four. Bits above the low run of ones do not count.
static inline uint32_t runs(const uint8_t *q, uint64_t back)
{
    __m256i a = _mm256_broadcastsi128_si256(iml__words_4(q, 0));
    __m256i b = _mm256_inserti128_si256(_mm256_castsi128_si256(iml__words_4(q, back)),
                                        iml__words_4(q, back >> 16), 1);
    __m256i c = _mm256_inserti128_si256(_mm256_castsi128_si256(iml__words_4(q, back >> 32)),
                                        iml__words_4(q, back >> 48), 1);
    b = _mm256_packs_epi32(_mm256_cmpeq_epi32(a, b), _mm256_cmpeq_epi32(a, c));
    uint32_t equal = (uint32_t)_mm256_movemask_epi8(b) & 0x7F7F7F7F; // two bits a word, less one
    return equal ^ (equal + 0x01010101);
}

void iml__word_matches_avx2(struct iml__word_found *f, struct iml__word_tables *t, unsigned bits,
                            const uint8_t *p, size_t from, size_t to)
{
    if (from >= to) return;
    iml__word_look(f, t, bits, p, from, to);
    if (!f) return;
    const size_t n = to - from;
    uint32_t score[IML__WORD_CHUNK];
    for (size_t i = 0; i < n; i++) {
        const uint64_t back = f->back[i];
        __m128i run = _mm_cvtepu8_epi16(_mm_cvtsi32_si128((int)runs(p + 4 * (from + i), back)));
        __m128i b = _mm_shufflelo_epi16(_mm_cvtsi64_si128((long long)back), 0xD8);
        run = _mm_andnot_si128(_mm_cmpeq_epi16(b, _mm_setzero_si128()), run);
        __m128i s = _mm_unpacklo_epi16(_mm_andnot_si128(b, _mm_set1_epi16(-1)), run);
        s = _mm_max_epu32(s, _mm_shuffle_epi32(s, 0x4E));
        s = _mm_max_epu32(s, _mm_shuffle_epi32(s, 0xB1));
        score[i] = (uint32_t)_mm_cvtsi128_si32(s);
    }
    iml__word_best(f, score, n, (const int[4]){1, 7, 31, 127});
}
