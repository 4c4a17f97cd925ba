// glyph.h: glyphs as coverage. IML_EINPUT: FreeType refuses the glyph; IML_ENOMEM.
#ifndef IML_SYNTH_GLYPH_H
#define IML_SYNTH_GLYPH_H

#include "src/synth/face.h"

// phase: quarter pixels to the right. From the cache while there is room, else from a.
iml_status iml__glyph_bitmap(iml__face *f, uint32_t gid, uint32_t phase, uint32_t layer,
                             iml_arena *a, const iml__lay_bitmap **bm, iml_err *e);
// The outline by a matrix (x' = xx x + xy y), then moved; pixels, y up.
typedef struct iml__glyph_move {
    double xx, xy, yx, yy, dx, dy;
} iml__glyph_move;
iml_status iml__glyph_turned(iml__face *f, uint32_t gid, const iml__glyph_move *m, uint32_t layer,
                             iml_arena *a, const iml__lay_bitmap **bm, iml_err *e);
// Every point of the outline through map (pixels, y up), after cutting it into steps of so many
// pixels.
typedef void (*iml__glyph_map)(void *cookie, double *x, double *y);
iml_status iml__glyph_bent(iml__face *f, uint32_t gid, iml__glyph_map map, void *cookie,
                           double step, uint32_t layer, iml_arena *a, const iml__lay_bitmap **bm,
                           iml_err *e);
// A colour glyph's or a cached bitmap's pixels turned by quarters: 1 clockwise, 3
// counter-clockwise.
iml_status iml__glyph_quarter(const iml__lay_bitmap *b, int quarter, iml_arena *a,
                              const iml__lay_bitmap **bm, iml_err *e);

#endif
