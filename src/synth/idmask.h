// idmask.h: which unit or line has most of a pixel's ink (synth.md 3.1, masks).
#ifndef IML_SYNTH_IDMASK_H
#define IML_SYNTH_IDMASK_H

#include "src/synth/geometry.h"

// out: w x h, one channel, 16 bits: number + 1 of the unit (through all lines, logical order) or
// line with most coverage, 0: no ink. Places of g are still those of the map; w, h: what the
// picture is scaled to after it. IML_ELIMIT: more than 65,535 units.
iml_status iml__idmask(const iml__geometry *g, bool lines, int32_t w, int32_t h, iml_arena *a,
                       iml_image *out, iml_err *e);

#endif
