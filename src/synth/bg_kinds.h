// bg_kinds.h: the eight built-in backgrounds, each a function on the whole plane.
#ifndef IML_SYNTH_BG_KINDS_H
#define IML_SYNTH_BG_KINDS_H

#include "src/synth/background.h"

typedef struct iml__bg_plane {
    uint64_t seed, index;
    int32_t w, h; // of the canvas, which is (0, 0, w, h)
    int32_t x, y; // of out's pixel (0, 0)
} iml__bg_plane;

// kind: IML__BG_SOLID and later. out: RGB.
iml_status iml__bg_kind_draw(enum iml__bg_kind kind, const iml__bg_plane *p, iml_image *out,
                             iml_arena *scratch, iml_err *e);

#endif
