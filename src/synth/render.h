// render.h: from placed ink to a finished picture with its moved quads (synth.md 4.7, 4.8, 3.2).
//
// The seam between deciding and drawing. iml__render_params holds every decision as a final value:
// no distribution, no probability, no file name. What the renderer still takes from the random
// numbers are fields and places that depend on the picture's size, all at (seed, index) and in the
// streams that synth.md 5 names, so a label that repeats the parameters repeats the picture. What
// it decides by itself (colours forced by contrast, distortions scaled against folding, where the
// crop lies) is told in iml__render_out.
//
// Order: text layer -> ink bleed -> shadows -> blend on the background -> one map (skew, trapezoid,
// rotation, perspective, elastic, grid, optical), one resampling -> cutout -> erosion or dilation
// -> gaussian noise, salt and pepper -> blur -> brightness, contrast, gamma -> image_height.
//
// Frames: the block's own (origin: middle of the first baseline) -> the canvas (block box and
// padding, whole px) -> the picture (after map and scaling). All results are in the picture's
// frame.
#ifndef IML_SYNTH_RENDER_H
#define IML_SYNTH_RENDER_H

#include "src/image/image.h"
#include "src/synth/background.h"
#include "src/synth/layout.h"

// One complete set of text colours; contrast may ask for another.
enum iml__ink_mode { IML__INK_UNIFORM, IML__INK_PER_GLYPH, IML__INK_GRADIENT };
typedef struct iml__ink {
    enum iml__ink_mode mode;
    uint32_t n;         // uniform 1; per_glyph 1..256, cycled over units through all lines;
    const uint8_t *rgb; // gradient 2: start and end of each line. n times 3 bytes
} iml__ink;

typedef struct iml__render_shadow { // off if both offsets are 0
    int32_t dx, dy;
    double sigma; // the key `radius`
    uint8_t rgba[4];
} iml__render_shadow;

enum iml__render_fit { IML__FIT_SHRINK, IML__FIT_SQUEEZE, IML__FIT_REJECT };
// RGB: alpha over white where the background is transparent. AUTO: grey if r = g = b everywhere.
enum iml__render_channels { IML__OUT_RGB, IML__OUT_RGBA, IML__OUT_GREY, IML__OUT_AUTO };

typedef struct iml__render_params { // iml__render_defaults, then set
    uint64_t seed, index;

    const iml__ink *ink; // ink[0] as drawn; the further draws for contrast follow (8 in synth.md)
    uint32_t ninks;
    double opacity;         // of the text, 0..1
    uint8_t border_rgba[4]; // of the stamps of layer BORDER
    double min_contrast;    // 0: as drawn
    bool contrast_force;    // black or white if no draw reaches it; else the best draw
    double ink_bleed;       // sigma, px
    iml__render_shadow drop, block;

    iml__render_bg bg;
    int32_t pad[4]; // left, top, right, bottom: padding with placement settled, >= 0

    double skew_x, skew_y, trapezoid_x, trapezoid_y; // degrees, shares
    double rotation;                                 // degrees, counter-clockwise
    double perspective;
    double elastic_alpha, elastic_sigma;
    int32_t grid_steps;
    double grid_limit;
    double optical;
    bool bicubic;
    bool clip_allow; // else the picture grows until every ink quad + 1 px is inside

    int32_t cutout_w, cutout_h; // skipped if either is 0 or not smaller than the picture
    double cutout_u[2];         // in [0, 1): left = floor(u (w - cutout_w + 1))
    bool cutout_given;          // replay: at cutout_at instead
    int32_t cutout_at[2];
    int32_t morph_k;       // <= 1: off
    bool morph_erode;      // thinner text; else thicker
    double gaussian_noise; // sigma, levels
    double noise_amount;   // share of salt and pepper
    double blur;           // sigma, px
    double brightness, contrast, gamma;

    int32_t image_height, max_width; // 0: as it comes
    enum iml__render_fit fit;        // what to do with a picture wider than max_width
    uint64_t max_canvas;             // pixels
    enum iml__render_channels channels;
    bool mask;                  // also the coverage of the ink after geometry
    bool unit_mask, line_mask;  // also which unit, which line has most of a pixel's ink
    bool text_free, text_alone; // also the picture without its text; the text on nothing
} iml__render_params;
void iml__render_defaults(iml__render_params *p); // black on white, padding 10, no effect

// Quads: top-left, top-right, bottom-right, bottom-left as read upright, as in layout.h.
typedef struct iml__render_unit {
    bool inked; // else no quad
    double quad[8], cell[8];
    double visible; // share of its ink inside the picture and outside the cutout; 1 without ink
    uint8_t rgb[3]; // the colour it was drawn in
} iml__render_unit;
typedef struct iml__render_word {
    bool inked;
    double quad[8];
} iml__render_word;
typedef struct iml__render_line {
    bool inked;
    double quad[8], cell[8], baseline[4];
    const double *polygon; // npolygon points, clockwise; only where the line is curved or warped
    uint32_t npolygon;
    iml__render_unit *units; // nunits and nwords are those of the block's line, same order
    iml__render_word *words;
} iml__render_line;

typedef struct iml__render_out { // everything in the arena
    iml_image image;
    iml_image mask; // one channel, same size; px NULL unless asked for, as all below
    iml_image unit_mask, line_mask; // 16 bits: number + 1, 0 none
    iml_image text_free;            // all effects, contrast about the mean of the picture with text
    iml_image text_alone;           // RGBA: with border and shadows, moved and scaled, no effects
    iml__render_line *lines; // nlines of the block
    uint32_t nlines;

    int32_t canvas_w, canvas_h; // before geometry
    bool has_contrast;          // false: no background
    double contrast;            // reached: the worst colour of the ink in use
    uint8_t bg_mean[3];         // of the background under the block
    uint32_t ink_used;          // which of params.ink
    bool ink_forced;            // black or white instead; then ink_used is 0
    uint8_t forced_rgb[3];
    int32_t crop[4]; // of a picture background, in px of the picture as scaled
    double crop_scale;
    double distortion_scale;  // 1, or what elastic and grid were scaled by against folding
    double perspective_scale; // 1, or what keeps its quad convex
    int32_t cutout[4];        // x y w h, before image_height; w 0: none
    double fit_x, fit_y;      // scale of image_height and fit; 1
    bool rejected;            // wider than max_width under fit reject: draw another text
} iml__render_out;

// IML_ELIMIT: over max_canvas; IML_EARG: a value out of its range; IML_ENOMEM. b must have no
// problem and at least one line.
iml_status iml__render(const iml__render_params *p, const iml__lay_block *b, iml_arena *a,
                       iml__render_out *out, iml_err *e);

#endif
