// colour.h: text colours: which colour a unit gets, and how well it stands out (ops.md 9).
#ifndef IML_SYNTH_COLOUR_H
#define IML_SYNTH_COLOUR_H

#include "src/synth/render.h"

// Relative luminance of an sRGB colour, 65535 = white.
double iml__luminance(const uint8_t rgb[3]);
// WCAG contrast ratio, 1..21; the order does not matter.
double iml__contrast(const uint8_t a[3], const uint8_t b[3]);
// floor(mean + 1/2) of each channel of a rectangle of a u8 picture of 1 or 3 channels, clipped.
void iml__mean_colour(const iml_image *m, int32_t x, int32_t y, int32_t w, int32_t h,
                      uint8_t rgb[3]);

// The colour of unit i of n in its line; k counts through all lines.
void iml__ink_at(const iml__ink *ink, uint32_t k, uint32_t i, uint32_t n, uint8_t rgb[3]);
// The ratio of its worst colour (of a gradient, at nine places) to the background.
double iml__ink_contrast(const iml__ink *ink, const uint8_t bg[3]);
bool iml__ink_is_grey(const iml__ink *ink);

// The first ink that reaches min_contrast over bg; none does: the best, or, with force, black or
// white into forced. Sets contrast, ink_used, ink_forced, forced_rgb of out. Returns the ink to
// draw with (of p, or forced).
const iml__ink *iml__ink_choose(const iml__render_params *p, const uint8_t bg[3], iml__ink *forced,
                                iml__render_out *out);

#endif
