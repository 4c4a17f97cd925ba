// noise.h: field words to whole levels of noise, exactly and fast.
//
// k(word) = floor(sigma F^-1(u) + 1/2), u = (word + 1/2) 2^-32 (ops.md 6), is a staircase: a table
// of the words where it steps, made once a picture, replaces an inverse normal for every sample. Of
// 4096 buckets by the word's top bits all but a few in the tails hold at most one step.
#ifndef IML_KERNEL_NOISE_H
#define IML_KERNEL_NOISE_H

#include "src/base/iml_attr.h"

enum { IML__NOISE_BITS = 12, IML__NOISE_MAX = 255, IML__NOISE_SEARCH = 2047 };

typedef struct iml__noise_table {
    // low 21 bits: the step's low 20 bits of the word (2^20: none); high 11: level below it + 512,
    // or IML__NOISE_SEARCH: look through step[].
    uint32_t bucket[1 << IML__NOISE_BITS];
    uint32_t step[2 * IML__NOISE_MAX + 1]; // first word whose level is lo + 1 + i
    int32_t lo, nsteps;                    // level of word 0; levels are lo..lo+nsteps
} iml__noise_table;

void iml__noise_gauss(iml__noise_table *t, double sigma); // sigma in levels, >= 0; clipped to +-255
void iml__noise_uniform(iml__noise_table *t, double sigma);      // sigma sqrt(3) (2u - 1)
int iml__noise_search(const iml__noise_table *t, uint32_t word); // by bisection; the truth

#endif
