// idmask.h: which unit or line has most of a pixel's ink (synth.md 3.1, masks).
#ifndef IML_SYNTH_IDMASK_H
#define IML_SYNTH_IDMASK_H

#include "src/synth/geometry.h"

// out: as large as text, one channel, 16 bits: number + 1 of the unit (through all lines, logical
// order) or line with most coverage, 0: no ink, which is exactly where text, the coverage of all
// ink in the finished picture (one channel, u8), is 0. Places of g are still those of the map.
// IML_ELIMIT: more than 65,535 units.
iml_status iml__idmask(const iml__geometry *g, bool lines, const iml_image *text, iml_arena *a,
                       iml_image *out, iml_err *e);

#endif
