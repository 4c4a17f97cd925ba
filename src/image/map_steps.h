// map_steps.h: one M op as a coordinate map, exactly and in double; map.c composes them.
#ifndef IML_IMAGE_MAP_STEPS_H
#define IML_IMAGE_MAP_STEPS_H

#include "src/image/map.h"

// Sizes, matrices, u of the perspective. scale: of the perspective, see iml__map.
iml_status iml__step_init(iml__map_step *s, const iml__op *op, double w, double h, double *scale,
                          iml_err *e);
// Displacements of elastic and grid from a; lg: log2 of elastic's pitch.
iml_status iml__step_field(iml__map_step *s, iml_arena *a, iml_err *e);
bool iml__step_displaces(const iml__map_step *s);
bool iml__step_straight(const iml__map_step *s);
int iml__elastic_lg(double sigma);
// From the result back to what was given (n points), and forth. scale: distortion_scale.
void iml__step_back(const iml__map_step *s, double scale, double *x, double *y, size_t n);
void iml__step_forth(const iml__map_step *s, double scale, double *x, double *y, size_t n);

#endif
