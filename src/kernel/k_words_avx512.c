// k_words_avx512.c: word_matches with the four candidates of a position compared in one register.
#include "src/kernel/kernel_twins.h"

#include "src/kernel/words_look.h"

// The four comparisons as 16-bit lanes of 2^(n + 1) - 1 for n equal words.
static inline uint64_t runs(const uint8_t *q, uint64_t back)
{
    __m512i a = _mm512_broadcast_i32x4(iml__words_4(q, 0));
    __m256i b = _mm256_inserti128_si256(_mm256_castsi128_si256(iml__words_4(q, back)),
                                        iml__words_4(q, back >> 16), 1);
    __m256i c = _mm256_inserti128_si256(_mm256_castsi128_si256(iml__words_4(q, back >> 32)),
                                        iml__words_4(q, back >> 48), 1);
    __m512i bc = _mm512_inserti64x4(_mm512_castsi256_si512(b), c, 1);
    uint64_t equal = _pdep_u64(_mm512_cmpeq_epi32_mask(a, bc), 0x000F000F000F000F);
    return equal ^ (equal + 0x0001000100010001);
}

void iml__word_matches_avx512(struct iml__word_found *f, struct iml__word_tables *t, unsigned bits,
                              const uint8_t *p, size_t from, size_t to)
{
    if (from >= to) return;
    iml__word_look(f, t, bits, p, from, to);
    if (!f) return;
    const size_t n = to - from;
    uint32_t score[IML__WORD_CHUNK];
    for (size_t i = 0; i < n; i++) {
        const uint64_t back = f->back[i];
        __m128i run = _mm_cvtsi64_si128((long long)runs(p + 4 * (from + i), back));
        __m128i b = _mm_cvtsi64_si128((long long)back);
        run = _mm_andnot_si128(_mm_cmpeq_epi16(b, _mm_setzero_si128()), run);
        __m128i s = _mm_unpacklo_epi16(_mm_andnot_si128(b, _mm_set1_epi16(-1)), run);
        s = _mm_max_epu32(s, _mm_shuffle_epi32(s, 0x4E));
        s = _mm_max_epu32(s, _mm_shuffle_epi32(s, 0xB1));
        score[i] = (uint32_t)_mm_cvtsi128_si32(s);
    }
    iml__word_best(f, score, n, (const int[4]){1, 3, 7, 15});
}
