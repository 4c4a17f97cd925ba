// k_noise.c: field words to levels of noise by the staircase of noise.h, scalar.
#include "src/kernel/kernel_twins.h"

int iml__noise_search(const iml__noise_table *t, uint32_t word)
{
    int32_t lo = 0, hi = t->nsteps; // number of steps at or before the word
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (t->step[mid] <= word)
            lo = mid + 1;
        else
            hi = mid;
    }
    return t->lo + lo;
}

void iml__noise_s16_scalar(int16_t *k, const uint32_t *words, size_t n, const iml__noise_table *t)
{
    const int shift = 32 - IML__NOISE_BITS;
    for (size_t i = 0; i < n; i++) {
        uint32_t b = t->bucket[words[i] >> shift], code = b >> (shift + 1);
        uint32_t low = words[i] & ((1u << shift) - 1), step = b & ((2u << shift) - 1);
        if (code == IML__NOISE_SEARCH)
            k[i] = (int16_t)iml__noise_search(t, words[i]);
        else
            k[i] = (int16_t)((int)code - 512 + (low >= step));
    }
}
