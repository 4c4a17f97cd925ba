// rng.c: Philox4x32-10 (Salmon et al., SC 2011) and what ops.md 2 builds on it.
//
// Key = the seed's two words; counter = {block, stream, index low, index high}. A stream holds 2^32
// blocks of four words; a slot starts every 256 blocks. Nothing here has state beyond the caller's
// iml_rng, so any draw can be made again alone. Rejected: squares64 (five times faster, but only
// with special keys), xoshiro seeded by item (no random access inside an item), MT19937 (2 us to
// seed). A change of any value in this file changes every data set: its tests hold fixed words.
#include "src/base/rng.h"

#include "src/base/cpu.h"
#include "src/base/fmath.h"
#include "src/base/hash.h"

enum { ROUNDS = 10, PERM_SMALL = 65536 };

void iml__philox(const uint32_t ctr[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = ctr[0], c1 = ctr[1], c2 = ctr[2], c3 = ctr[3], k0 = key[0], k1 = key[1];
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t p0 = (uint64_t)IML__PHILOX_M0 * c0, p1 = (uint64_t)IML__PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += IML__PHILOX_W0, k1 += IML__PHILOX_W1;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

uint32_t iml_stream(const char *name) { return (uint32_t)iml__xxh3_text(name); }

iml_rng iml_rng_at(uint64_t seed, uint64_t index, uint32_t stream)
{
    return (iml_rng){.ctr = {0, stream, (uint32_t)index, (uint32_t)(index >> 32)},
                     .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
                     .used = 4}; // nothing is computed before the first draw
}

iml_rng iml__rng_slot(uint64_t seed, uint64_t index, uint32_t stream, uint32_t slot)
{
    iml_rng r = iml_rng_at(seed, index, stream);
    r.ctr[0] = slot << 8;
    return r;
}

uint32_t iml_rng_u32(iml_rng *r)
{
    if (r->used >= 4) {
        iml__philox(r->ctr, r->key, r->out);
        r->ctr[0]++, r->used = 0;
    }
    return r->out[r->used++];
}

uint64_t iml_rng_u64(iml_rng *r)
{
    uint64_t low = iml_rng_u32(r);
    return low | (uint64_t)iml_rng_u32(r) << 32;
}

double iml_rng_unit(iml_rng *r)
{
    double u = ((double)(iml_rng_u64(r) >> 11) + 0.5) * 0x1p-53;
    // From 2^52 on the half rounds to even, so the very last step would give 1.
    return u < 1 ? u : 1 - 0x1p-53;
}

uint64_t iml_rng_bounded(iml_rng *r, uint64_t n)
{
    if (n <= (uint64_t)1 << 32) {
        uint64_t m = iml_rng_u32(r) * n;
        // 2^32 mod n < n, so the division is only needed where the cheap test cannot decide.
        if ((uint32_t)m < n && n) {
            uint32_t least = (uint32_t)(((uint64_t)1 << 32) % n);
            while ((uint32_t)m < least) m = iml_rng_u32(r) * n;
        }
        return m >> 32;
    }
    unsigned __int128 m = (unsigned __int128)iml_rng_u64(r) * n;
    if ((uint64_t)m < n) {
        uint64_t least = (0 - n) % n; // 2^64 mod n
        while ((uint64_t)m < least) m = (unsigned __int128)iml_rng_u64(r) * n;
    }
    return (uint64_t)(m >> 64);
}

double iml__rng_normal(iml_rng *r) { return iml__norm_inv(iml_rng_unit(r)); }

bool iml__rng_fires(iml_rng *r, double p)
{
    uint32_t word = iml_rng_u32(r);
    if (p >= 1) return true;
    return p > 0 && word < (uint64_t)(p * 0x1p32); // the cast is the floor; NaN never fires
}

size_t iml__rng_choice(iml_rng *r, const double *weight, size_t n)
{
    double total = 0, sum = 0;
    size_t last = 0;
    for (size_t k = 0; k < n; k++) total += weight[k];
    double mark = iml_rng_unit(r) * total;
    for (size_t k = 0; k < n; k++) {
        sum += weight[k];
        if (sum > mark) return k;
        if (weight[k] > 0) last = k;
    }
    return last; // all weights 0, or u * total rounded up to total
}

// ---- Fields

void iml__rng_field_scalar(const uint32_t key[2], const uint32_t ctr[4], size_t groups,
                           uint32_t *out)
{
    uint32_t c[4] = {ctr[0], ctr[1], ctr[2], ctr[3]};
    for (size_t g = 0; g < groups; g++, out += 32) {
        for (int lane = 0; lane < 8; lane++, c[0]++) {
            uint32_t w[4];
            iml__philox(c, key, w);
            for (int k = 0; k < 4; k++) out[8 * k + lane] = w[k];
        }
    }
}

void iml__rng_field(uint64_t seed, uint64_t index, uint32_t stream, uint64_t first, uint32_t *out,
                    size_t n)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t ctr[4] = {(uint32_t)(first / 32 * 8), stream, (uint32_t)index,
                       (uint32_t)(index >> 32)};
    uint32_t part[32];
    size_t skip = first % 32;
    if (skip && n) { // the rest of a group that a strip before this one began
        size_t take = IML_MIN(n, 32 - skip);
        iml__rng_field_scalar(key, ctr, 1, part);
        for (size_t i = 0; i < take; i++) out[i] = part[skip + i];
        out += take, n -= take, ctr[0] += 8;
    }
    size_t groups = n / 32;
#if defined(__x86_64__)
    if (iml__cpu_simd() >= IML__SIMD_AVX2)
        iml__rng_field_avx2(key, ctr, groups, out);
    else
#endif
        iml__rng_field_scalar(key, ctr, groups, out);
    out += 32 * groups, n -= 32 * groups, ctr[0] += (uint32_t)(8 * groups);
    if (n) {
        iml__rng_field_scalar(key, ctr, 1, part);
        for (size_t i = 0; i < n; i++) out[i] = part[i];
    }
}

// ---- Permutations

// Feistel with 8 rounds on two halves of b bits; what falls outside 0..n-1 walks on along its
// cycle, at most 4 steps on average. A half above 29 bits loses its top bits in the counter word:
// still a bijection, since a Feistel network is one whatever its round function.
uint64_t iml__feistel(uint64_t seed, uint64_t index, uint32_t stream, uint64_t n, uint64_t k)
{
    if (n < 2) return 0;
    unsigned bits = 64 - (unsigned)__builtin_clzll(n - 1), b = (bits + 1) / 2;
    uint32_t mask = (uint32_t)(((uint64_t)1 << b) - 1);
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    do {
        uint32_t left = (uint32_t)(k >> b) & mask, right = (uint32_t)k & mask;
        for (uint32_t r = 0; r < 8; r++) {
            uint32_t c[4] = {right << 3 | r, stream, (uint32_t)index, (uint32_t)(index >> 32)};
            uint32_t w[4];
            iml__philox(c, key, w);
            uint32_t next = left ^ (w[0] & mask);
            left = right, right = next;
        }
        k = (uint64_t)left << b | right;
    } while (k >= n);
    return k;
}

void iml__perm_fill(uint64_t seed, uint64_t index, uint32_t stream, uint32_t n, uint32_t *out)
{
    if (n > PERM_SMALL) {
        for (uint32_t k = 0; k < n; k++) out[k] = (uint32_t)iml__feistel(seed, index, stream, n, k);
        return;
    }
    iml_rng r = iml_rng_at(seed, index, stream);
    for (uint32_t k = 0; k < n; k++) out[k] = k;
    for (uint32_t i = n; i-- > 1;) {
        uint32_t j = (uint32_t)iml_rng_bounded(&r, i + 1), t = out[i];
        out[i] = out[j], out[j] = t;
    }
}

// The shuffle settles place i at step i and never touches it again. So the one value wanted is
// followed backwards from step k to step n - 1 through the exchange partners j alone.
static uint64_t shuffled(uint64_t seed, uint64_t index, uint32_t stream, uint32_t n, uint32_t k)
{
    uint16_t partner[PERM_SMALL];
    iml_rng r = iml_rng_at(seed, index, stream);
    uint32_t stop = k ? k : 1;
    for (uint32_t i = n; i-- > stop;) partner[i] = (uint16_t)iml_rng_bounded(&r, i + 1);
    uint32_t at = k;
    for (uint32_t i = stop; i < n; i++) {
        if (i == at)
            at = partner[i]; // only at i = k: place k takes what stood at its partner
        else if (partner[i] == at)
            at = i; // what stood at i was put here
    }
    return at;
}

uint64_t iml__perm(uint64_t seed, uint64_t index, uint32_t stream, uint64_t n, uint64_t k)
{
    if (n < 2) return 0;
    if (n > PERM_SMALL) return iml__feistel(seed, index, stream, n, k);
    return shuffled(seed, index, stream, (uint32_t)n, (uint32_t)k);
}
