// window.h: which planes stand beside a slice, and how often a plane is wanted (slice.md 4.6).
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

// How often each plane is shown, and in which form, over the slices that are written (ascending).
struct iml__window_uses {
    uint32_t *uses; // [depth + 2]: of planes, then of IML__PLANE_ZERO and _BACKGROUND
    uint8_t *forms; // [depth + 2]: IML__FORM_*
    int64_t *need;  // [nslices]: the highest plane that slice j shows
};
// ALONE: nothing known stands before it. BEHIND: it follows the plane `step` below it directly.
enum { IML__FORM_ALONE = 1, IML__FORM_BEHIND = 2 };

// Place of a plane (which may be IML__PLANE_ZERO, _BACKGROUND) in the tables.
static inline size_t iml__plane_slot(int64_t plane, int64_t depth)
{
    return (size_t)(plane >= 0 ? plane : depth - 1 - plane);
}

// Whether channel c of slice k stands directly behind the plane `step` below it.
bool iml__window_behind(enum iml__padding pad, int64_t k, int c, int w, int step, int64_t depth);
void iml__window_uses(enum iml__padding pad, int w, int step, int64_t depth, const int64_t *slice,
                      size_t nslices, struct iml__window_uses *out);

#endif
