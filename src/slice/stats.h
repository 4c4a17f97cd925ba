// stats.h: minimum, maximum, mean, deviation and exact percentiles of a volume (slice.md 4.4).
//
// 8- and 16-bit voxels are counted by their bits once; everything follows from the counts. Other
// types take passes over blocks of 65,536 values, whose sums are added in one fixed order, so that
// neither threads nor SIMD show in a result.
#ifndef IML_SLICE_STATS_H
#define IML_SLICE_STATS_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

enum iml__mask {          // which voxels the statistics are of
    IML__MASK_FOREGROUND, // above the minimum after clipping; none: all
    IML__MASK_ALL,
    IML__MASK_NONZERO,
    IML__MASK_LABEL // with a label above 0
};
#define IML__MASKS "foreground|all|nonzero|label"

enum { IML__STAT_BLOCK = 65536, IML__STAT_BINS = 65536, IML__PERCENTILES = 3 };

struct iml__stats {
    float min, max;          // of all finite voxels
    float mean, std;         // of the mask; std: of the population, below 1e-8: 1
    uint64_t count;          // voxels of the mask
    uint64_t odd, first_odd; // voxels that are NaN or infinite, and the first's place in the file
    float percentile[IML__PERCENTILES];
};

// ---- Counts

// n[bits] += 1 for each of count items of 1 or 2 bytes; with a mask only where mask[k] is not 0.
void iml__bins_add(uint64_t n[IML__STAT_BINS], int item_bytes, const void *raw, size_t count,
                   const uint8_t *mask);
// From the counts: value[bits] is what each stands for, after scaling and clipping; is_signed: the
// bits are two's complement; masked: counts of the voxels that have a label (IML__MASK_LABEL), or
// NULL. q: percents of the percentiles wanted, NAN: not this one.
void iml__stats_of_bins(const uint64_t n[IML__STAT_BINS], const uint64_t *masked, int item_bytes,
                        bool is_signed, const float *value, enum iml__mask mask,
                        const double q[IML__PERCENTILES], struct iml__stats *out);

// ---- Blocks of values

struct iml__block {
    double sum;
    uint64_t count, odd, first_odd;
    float min, max; // INFINITY, -INFINITY: nothing finite
};

// Minimum, maximum, what is not finite. at: place of v[0] in the file.
void iml__block_range(const float *v, size_t n, uint64_t at, struct iml__block *b);
// Sum and count (mean NULL), or sum of squared distances from *mean, of the voxels of the mask.
void iml__block_sum(const float *v, const uint8_t *label, size_t n, enum iml__mask mask, float min,
                    const double *mean, struct iml__block *b);
// Folds the blocks: ranges, or sums by a pairwise tree.
void iml__blocks_range(const struct iml__block *b, size_t n, struct iml__stats *out);
double iml__blocks_sum(struct iml__block *b, size_t n, uint64_t *count); // spoils b
float iml__deviation(double squares, uint64_t count);

// Exact percentiles of floats: their order as unsigned numbers, counted by upper, then by lower
// halves.
static inline uint32_t iml__float_key(float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}
float iml__float_of_key(uint32_t key);
bool iml__in_mask(float v, uint8_t label, enum iml__mask mask, float min);

// Ranks of a percentile among n sorted values, as numpy's "linear": lower, upper and the weight.
struct iml__rank {
    uint64_t lo, hi;
    double t;
};
struct iml__rank iml__rank_of(uint64_t n, double percent);
double iml__rank_mix(const struct iml__rank *r, double lo, double hi);
// The bin that holds the rank-th (from 0) value; *before: how many stand in lower bins.
uint32_t iml__rank_bin(const uint64_t n[IML__STAT_BINS], uint64_t rank, uint64_t *before);

#endif
