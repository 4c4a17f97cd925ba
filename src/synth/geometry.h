// geometry.h: the size of a picture, its map, and what labels become under it.
#ifndef IML_SYNTH_GEOMETRY_H
#define IML_SYNTH_GEOMETRY_H

#include "src/image/map.h"
#include "src/synth/render.h"

typedef struct iml__geometry {
    const iml__lay_block *b;
    int32_t ox, oy; // where the block's origin lies on the canvas
    int32_t canvas_w, canvas_h;
    bool moves; // false: the picture is the canvas, map is not used
    iml__map map;
    int32_t w, h;    // of the picture
    int32_t part[4]; // x0 y0 x1 y1 of the canvas's plane that the picture shows
    bool part_cut;   // part was bounded: beyond it the edge is repeated
    iml__render_line *lines;
} iml__geometry;

// Canvas, map, size, part, and the labels' places. IML_ELIMIT: over max_canvas.
iml_status iml__geometry_make(const iml__render_params *p, const iml__lay_block *b, iml_arena *a,
                              iml__geometry *g, iml_err *e);
// The visible share of every unit; cutout: x y w h in the picture, w 0: none.
iml_status iml__geometry_visible(iml__geometry *g, const int32_t cutout[4], iml_arena *a,
                                 iml_err *e);
void iml__geometry_scale(iml__geometry *g, double sx, double sy); // of all places

#endif
