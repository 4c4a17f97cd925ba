// textlayer.h: ink of a block as masks or an RGBA layer, with its shadows, and onto a picture.
#ifndef IML_SYNTH_TEXTLAYER_H
#define IML_SYNTH_TEXTLAYER_H

#include "src/synth/render.h"

typedef struct iml__layer { // a picture at a place of the canvas; m.px NULL: nothing
    iml_image m;
    int32_t x, y;
} iml__layer;

typedef struct iml__textlayer {
    iml__layer ink;    // coverage of fill and border: what labels and masks speak of
    iml__layer soft;   // the same after ink bleed: what casts shadows, and what is drawn in rgba
    iml__layer border; // one colour only: border coverage, drawn first in params.border_rgba
    iml__layer fill;   // one colour only: fill coverage where there is a border
    iml__layer colour; // RGBA, of several colours; else m.px NULL
    uint8_t rgba[4];   // one colour: of the text, with its opacity
    bool empty;        // no ink at all
} iml__textlayer;

// (ox, oy): where the block's origin lies on the canvas. part: x0 y0 x1 y1 of the canvas that is
// of interest. ink as chosen.
iml_status iml__textlayer_make(const iml__render_params *p, const iml__ink *ink,
                               const iml__lay_block *b, int32_t ox, int32_t oy,
                               const int32_t part[4], iml_arena *a, iml__textlayer *t, iml_err *e);
// Block shadow, drop shadow, text onto pic, whose pixel (0, 0) is the canvas's (x, y). 1, 3 or 4
// channels; 1 only if every colour is grey.
iml_status iml__textlayer_draw(const iml__render_params *p, const iml__textlayer *t, iml_image *pic,
                               int32_t x, int32_t y, iml_arena *a, iml_err *e);

#endif
