// orient.h: the anatomy of a volume's axes, and turning them into another order.
#ifndef IML_SLICE_ORIENT_H
#define IML_SLICE_ORIENT_H

#include "imloom/slice.h"

// A view of a volume with its axes permuted and flipped: axis k of the view is axis from[k] of the
// volume, backwards if flip[k].
struct iml__turn {
    int from[3];
    bool flip[3];
};

extern const struct iml__turn iml__turn_none;

// "RAS", "LPI" ...: 3 letters of R L, A P, S I, one of each pair, any case, in any order.
bool iml__orient_letters(const char *text, int axis[3], int sign[3]);
// The turn that gives a volume the wanted axes, as nibabel's reorientation does.
struct iml__turn iml__turn_to(const iml_orient *now, const int axis[3], const int sign[3]);
// Anatomical axis (0 R/L, 1 A/P, 2 S/I) to the array axis nearest it.
int iml__orient_find(const iml_orient *o, int anatomical);
// --axis auto: the largest spacing; where others are within 1 % of it, axial (no orientation: 2).
int iml__axis_auto(const double zoom[3], const iml_orient *view);
// Dimensions, zooms or letters of the view.
void iml__turn_u64(const struct iml__turn *t, const uint64_t in[3], uint64_t out[3]);
void iml__turn_double(const struct iml__turn *t, const double in[3], double out[3]);
void iml__turn_orient(const struct iml__turn *t, const iml_orient *in, iml_orient *out);
// The view's affine: same millimetres. dim: of the volume.
void iml__turn_affine(const struct iml__turn *t, const uint64_t dim[3], const double in[12],
                      double out[12]);
// The affine after the first lo[k] indices of each axis are cut off.
void iml__shift_affine(double affine[12], const double lo[3]);

// World to voxel; false: singular.
bool iml__affine_invert(const double m[12], double out[12]);
// How far (in voxels of a) b's corners lie from a's: label geometry.
double iml__affine_corner_distance(const double a[12], const double b[12], const uint64_t dim[3]);

#endif
