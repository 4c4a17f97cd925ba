// convert.h: channels, depth and orientation of a picture; what every reader does at its end.
#ifndef IML_IMAGE_CONVERT_H
#define IML_IMAGE_CONVERT_H

#include "src/base/arena.h"
#include "src/image/image.h"

// n pixels from `from` to `to` channels of the same depth: grey is Y (ops.md 9) or replicated,
// alpha is dropped, or full. d may not be s.
void iml__convert_row(void *d, int to, const void *s, int from, enum iml__depth depth, size_t n);
// *m becomes a new picture from a if anything changes. channels 0: as they are. depth8: u16 to u8,
// (v + 128) / 257.
iml_status iml__convert(iml_arena *a, iml_image *m, int channels, bool depth8, iml_err *e);
// Turns the stored picture as EXIF's orientation 1..8 asks; 1 and unknown values: nothing.
iml_status iml__orient(iml_arena *a, iml_image *m, int orientation, iml_err *e);

#endif
