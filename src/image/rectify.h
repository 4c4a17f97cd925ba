// rectify.h: a quadrilateral of a picture as an upright picture of its own.
#ifndef IML_IMAGE_RECTIFY_H
#define IML_IMAGE_RECTIFY_H

#include "src/image/image.h"

// Corners clockwise from the top left as it is to stand. Width: the longer of top and bottom edge,
// height: of the sides, rounded up. to: 3x3 from places in the picture to places in the cut;
// from: back. False: corners that span no area, or not convex: there is no such cut.
typedef struct iml__cut {
    int32_t w, h;
    double to[9], from[9];
} iml__cut;
bool iml__cut_of(const double quad[8], iml__cut *c);
// u8; bilinear, 8-bit weights, (sum + 2^15) >> 16; beyond the picture its edge is repeated.
iml_status iml__rectify(const iml_image *m, const iml__cut *c, iml_arena *a, iml_image *out,
                        iml_err *e);

#endif
