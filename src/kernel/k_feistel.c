// k_feistel.c: many values of a permutation, one after the other.
#include "src/kernel/kernel_twins.h"

#include "src/base/rng.h"

void iml__feistel_scalar(uint64_t *out, size_t count, uint64_t first, uint64_t n, uint64_t seed,
                         uint64_t index, uint32_t stream)
{
    for (size_t i = 0; i < count; i++) out[i] = iml__feistel(seed, index, stream, n, first + i);
}
