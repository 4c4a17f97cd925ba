// window.h: which planes stand beside a slice, and when a plane is last wanted (slice.md 4.6).
#ifndef IML_SLICE_WINDOW_H
#define IML_SLICE_WINDOW_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

enum iml__padding {
    IML__PAD_ZERO,       // 0.0; after a z-score that is the mean, not air
    IML__PAD_BACKGROUND, // the normalised minimum
    IML__PAD_REPLICATE,
    IML__PAD_MIRROR, // the older tool's, asymmetric
    IML__PAD_REFLECT,
    IML__PAD_SYMMETRIC
};
#define IML__PADDINGS "zero|background|replicate|mirror|reflect|symmetric"

enum { IML__PLANE_ZERO = -1, IML__PLANE_BACKGROUND = -2 };

// Plane of channel c (0..2w) of slice k of depth planes, or IML__PLANE_ZERO, _BACKGROUND.
int64_t iml__window_plane(enum iml__padding pad, int64_t k, int c, int w, int step, int64_t depth);

// Over the slices that are written (sorted): until[p] = 1 + the last of them, by its place in the
// list, that shows plane p (0: none does); need[j] = the highest plane that slice j shows.
void iml__window_uses(enum iml__padding pad, int w, int step, int64_t depth, const int64_t *slice,
                      size_t nslices, uint32_t *until, int64_t *need);

#endif
