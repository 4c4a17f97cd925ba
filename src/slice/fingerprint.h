// fingerprint.h: what all cases of a set have in common: nnU-Net's dataset_fingerprint.json
// (slice.md 3.5), exact over every voxel with a label above 0.
//
// Cases are added in item order. Of 8- and 16-bit volumes each value comes with its count, which is
// all there is to know; of others come moments and the counts of upper halves of their order keys,
// and a second pass over those cases counts the lower halves of the few bins that hold the median
// and both percentiles. If distinct values are too many to keep, every case is looked at again.
// Rejected: nnU-Net's sampling with replacement (another set of numbers with each version of
// numpy).
#ifndef IML_SLICE_FINGERPRINT_H
#define IML_SLICE_FINGERPRINT_H

#include "imloom/slice.h"
#include "src/base/iml_attr.h"
#include "src/base/str.h"
#include "src/slice/norm.h"

enum { IML__FP_BINS = 6 }; // lower and upper rank of median and two percentiles

struct iml__fp_count {
    uint64_t count;
    uint32_t key, pad; // iml__float_key of a value (exact), or its upper half
};
struct iml__fp_part { // of one case and channel; counts sorted by key
    uint32_t channel; // its number in the set: "_0000" is 0
    uint32_t n;
    uint64_t exact, count;
    double mean, squares; // squares: sum of squared distances from mean
    double min, max;
};
struct iml__fp_case {
    double spacing[3];  // mm; z, y, x as nnU-Net reads them
    uint64_t shape[3];  // after crop; z, y, x
    uint64_t all, left; // voxels before and after crop
};

typedef struct iml__fingerprint iml__fingerprint;
iml_status iml__fingerprint_new(iml__fingerprint **f, iml_err *e); // *owned*
void iml__fingerprint_free(iml__fingerprint **f);
iml_status iml__fingerprint_case(iml__fingerprint *f, const struct iml__fp_case *c, iml_err *e);
iml_status iml__fingerprint_part(iml__fingerprint *f, const struct iml__fp_part *p,
                                 const struct iml__fp_count *counts, iml_err *e);
// Whether any case must be looked at again, and whether all must.
bool iml__fingerprint_again(const iml__fingerprint *f, bool *all);
// After the last part: which upper halves a second pass counts. Once, before workers ask.
void iml__fingerprint_settle(iml__fingerprint *f);
// Those of a channel; how many. 0: an unknown channel. Many threads may ask, also while what they
// counted is added.
uint32_t iml__fingerprint_bins(const iml__fingerprint *f, uint32_t channel,
                               uint32_t upper[IML__FP_BINS]);
// Adds what it counted: key is the lower half, in bin `bin`.
iml_status iml__fingerprint_low(iml__fingerprint *f, uint32_t channel, uint32_t bin,
                                const struct iml__fp_count *counts, uint32_t n, iml_err *e);
// The file's text. IML_EINPUT: a channel has no voxel with a label.
iml_status iml__fingerprint_text(iml__fingerprint *f, iml__str *out, iml_err *e);

// What the ct norm needs, from a fingerprint's text, ours or nnU-Net's: ct[k] of channel[k]; of
// channels 0..IML_SLICE_CHANNELS-1 where nchannels is 0. *n: how many there are. name: of the file,
// for messages. IML_EARG.
iml_status iml__fingerprint_read(const char *text, size_t len, const char *name, const int *channel,
                                 uint32_t nchannels, struct iml__ct *ct, uint32_t cap, uint32_t *n,
                                 iml_err *e);

#endif
