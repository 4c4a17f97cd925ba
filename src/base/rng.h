// rng.h: what ops.md 2 defines on top of the public Philox stream: slots, distributions' bricks,
// fields of noise, permutations.
#ifndef IML_BASE_RNG_H
#define IML_BASE_RNG_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

// One block: out = philox4x32-10(ctr, key). Salmon et al., SC 2011; published vectors in the tests.
void iml__philox(const uint32_t ctr[4], const uint32_t key[2], uint32_t out[4]);

// A draw's own place: block = 256 slot, so that no value shifts another (slot 0 = p, then the
// parameters in their row's order).
iml_rng iml__rng_slot(uint64_t seed, uint64_t index, uint32_t stream, uint32_t slot);

double iml__rng_normal(iml_rng *r);        // F^-1(u)
bool iml__rng_fires(iml_rng *r, double p); // word < floor(p 2^32); p >= 1 always, draws one word
size_t iml__rng_choice(iml_rng *r, const double *weight, size_t n); // first k: cumulated > u total

// Field words: out[k] = the 32-bit word of sample first + k (raster order, channels innermost):
// word (s div 8) mod 4 of block 8 (s div 32) + s mod 8. u = (word + 1/2) 2^-32. Eight lanes wide;
// the AVX2 twin gives the same words. A stream has words for 2^34 samples, then they repeat.
void iml__rng_field(uint64_t seed, uint64_t index, uint32_t stream, uint64_t first, uint32_t *out,
                    size_t n);

// Whole groups of 32 samples, from block ctr[0] on: what iml__rng_field is made of.
void iml__rng_field_scalar(const uint32_t key[2], const uint32_t ctr[4], size_t groups,
                           uint32_t *out);
void iml__rng_field_avx2(const uint32_t key[2], const uint32_t ctr[4], size_t groups,
                         uint32_t *out);
#define IML__PHILOX_M0 0xD2511F53u
#define IML__PHILOX_M1 0xCD9E8D57u
#define IML__PHILOX_W0 0x9E3779B9u
#define IML__PHILOX_W1 0xBB67AE85u

// Permutations of 0..n-1; k < n. iml__perm is feed.md 5's whole definition: for n <= 65,536 a
// Fisher-Yates shuffle, of which one value costs O(n - k) draws and 128 KiB of stack (take
// iml__perm_fill for many), above that iml__feistel. iml__feistel: keyed Feistel network with cycle
// walking, O(1), random access; alone only where a few first values are wanted (ops.md 2), since
// for n = 5..7 it is measurably biased.
uint64_t iml__perm(uint64_t seed, uint64_t index, uint32_t stream, uint64_t n, uint64_t k);
uint64_t iml__feistel(uint64_t seed, uint64_t index, uint32_t stream, uint64_t n, uint64_t k);
void iml__perm_fill(uint64_t seed, uint64_t index, uint32_t stream, uint32_t n,
                    uint32_t *out); // out[n]

#endif
