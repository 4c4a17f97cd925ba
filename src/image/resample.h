// resample.h: separable resampling in integers (ops.md 8, curate.md 4.4): vertical first, Q14
// weights, 8 (16) bits between the passes, outside taps dropped (renorm).
#ifndef IML_IMAGE_RESAMPLE_H
#define IML_IMAGE_RESAMPLE_H

#include "src/image/image.h"

enum iml__filter { IML__FILTER_TRIANGLE, IML__FILTER_BOX, IML__FILTER_AREA, IML__FILTER_NEAREST };

// out: w x h from a. With alpha the samples are premultiplied and divided again.
iml_status iml__resize(const iml_image *m, int32_t w, int32_t h, enum iml__filter f, iml_arena *a,
                       iml_image *out, iml_err *e);
// n = max(1, rint_half_even(side * s)).
int32_t iml__scaled_side(int32_t side, double s);

#endif
