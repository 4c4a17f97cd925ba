// tighten.h: quads and polygons drawn tight around points that a map has moved.
#ifndef IML_SYNTH_TIGHTEN_H
#define IML_SYNTH_TIGHTEN_H

#include "src/synth/render.h"

// Pushes the edges of a quad outwards by d (negative: inwards), each along its normal.
void iml__quad_push(double quad[8], double d);
// Moves each edge of the quad along its normal until it just touches the n points (x, y pairs)
// grown by d; the edges keep their directions.
void iml__quad_touch(double quad[8], const double *xy, size_t n, double d);
double iml__quad_area(const double quad[8]);

// Ink boundary of one stamp: centres of the first and last ink pixel of each row and column, in
// the block's frame. xy has room for iml__boundary_room(s) pairs; returns how many.
size_t iml__boundary_room(const iml__lay_stamp *s);
size_t iml__boundary(const iml__lay_stamp *s, double *xy);

// The upper and lower edge of a quad in steps of at most `step` px, clockwise from the top left.
// out has room for iml__outline_room(quad, step) pairs; returns how many.
size_t iml__outline_room(const double quad[8], double step);
size_t iml__outline(const double quad[8], double step, double *out);
// Pushes all points of a clockwise polygon outwards by half pixels until the corners of all inked
// units lie inside; scratch: n pairs.
void iml__polygon_hold(double *xy, size_t n, const iml__render_unit *units, uint32_t nunits,
                       double *scratch);

#endif
