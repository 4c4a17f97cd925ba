// slice_split.h: who trains, who validates: the draws of numpy and scikit-learn, and a hash
// (slice.md 4.9).
#ifndef IML_SLICE_SLICE_SPLIT_H
#define IML_SLICE_SLICE_SPLIT_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

// numpy.random.RandomState(seed).permutation(n), seed < 2^32: MT19937 and masked rejection.
void iml__numpy_permutation(uint32_t seed, uint32_t n, uint32_t *out);

// Parts of a permutation: the first int(n * a), the next int(n * b), the rest.
struct iml__split_sizes {
    uint32_t train, val, test;
};
struct iml__split_sizes iml__split_sizes(uint32_t n, double a, double b);

// fold[i] of 0..k-1 for element i: scikit-learn's KFold(k, shuffle=True, random_state=seed).
void iml__kfold(uint32_t seed, uint32_t n, uint32_t k, uint32_t *fold);

// 0 train, 1 val, 2 test by the patient's name alone, so that new cases move none.
int iml__split_hash(const char *patient, uint64_t seed, double a, double b);

#endif
