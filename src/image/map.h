// map.h: a run of M ops as ONE coordinate map and one resampling (ops.md 3, synth.md 4.7).
//
// Coordinates are continuous: pixel (x, y) covers [x, x+1) x [y, y+1). The map goes from the
// destination back to the source. It is built in three steps: add ops in the order in which they
// act on the picture; grow the destination so that some points stay inside (or not); build the
// lattice. After that pixels and labels move through the same lattice of 16.16 nodes.
//
//     iml__map_init(&map, w, h);
//     iml__map_add(&map, &rotate, e); iml__map_add(&map, &perspective, e);
//     iml__map_grow(&map, ink, n, 1, e);
//     iml__map_build(&map, arena, e);
//     iml__map_warp(&map, arena, &picture, 0, 0, IML__EDGE_REFLECT, NULL, &out, e);
//     iml__map_point(&map, x, y, &X, &Y);
#ifndef IML_IMAGE_MAP_H
#define IML_IMAGE_MAP_H

#include "src/image/ops.h"

enum { IML__MAP_STEPS = 16 };

typedef struct iml__map_step { // one op's inverse: from its own result back to what it was given
    iml__op op;
    double w, h;    // of what it was given
    double ow, oh;  // of its result
    double inv[9];  // rotate, skew, trapezoid, perspective: 3x3; result -> given
    double fwd[9];  // and back
    double *d;      // elastic, grid: dx, dy at nodes, in px (before distortion_scale)
    int32_t nx, ny; // of those nodes
    double px, py;  // their pitch; the first stands at (0, 0) (elastic: (1/2, 1/2))
} iml__map_step;

typedef struct iml__map {
    int32_t src_w, src_h;
    int32_t w, h;  // of the destination
    double ox, oy; // destination (0, 0) in the frame of the last step's result (whole px)
    iml__map_step step[IML__MAP_STEPS];
    int32_t nsteps;
    int32_t lg; // log2 of the pitch g
    bool bicubic;
    enum iml__edge edge;        // of the last op added
    double distortion_scale;    // 1, or what the guard against folding left of elastic and grid
    double perspective_scale;   // 1, or what keeps a perspective's quad convex
    bool ready;                 // fields are drawn, the guard has set distortion_scale
    bool grown;                 // since then
    int64_t *early_x, *early_y; // nodes of the destination before it grew; NULL: never made
    int32_t nx, ny; // nodes; node (i, j) stands at ((i g + 1/2), (j g + 1/2)) of the destination
    int64_t *x, *y; // source coordinates in 16.16; NULL before build
} iml__map;

void iml__map_init(iml__map *m, int32_t w, int32_t h);
// IML_EARG: not an M op, a value out of range, too many steps; IML_ELIMIT: the picture gets too
// large. A neutral op is taken and costs nothing.
iml_status iml__map_add(iml__map *m, const iml__op *op, iml_err *e);
// Draws the fields and lets the guard against folding set distortion_scale; grow and build do it
// where it is not done. A copy of the struct taken after it may grow and be built anew, within the
// life of the arena.
iml_status iml__map_prepare(iml__map *m, iml_arena *a, iml_err *e);
// Before build: moves and enlarges the destination (never shrinks it) until all n points (x, y
// pairs of the source) lie at least `margin` px inside. max_pixels 0: no limit but 2^31 px a side.
// IML_ELIMIT.
iml_status iml__map_grow(iml__map *m, iml_arena *a, const double *xy, size_t n, double margin,
                         uint64_t max_pixels, iml_err *e);
// Fields, folding guard, nodes: all from a. After it, add and grow are over.
iml_status iml__map_build(iml__map *m, iml_arena *a, iml_err *e);

bool iml__map_identity(const iml__map *m); // nothing moves: warp copies
bool iml__map_straight(const iml__map *m); // straight edges stay straight (no lens, elastic, grid)
// The part of the source's plane that the destination shows: x0 y0 x1 y1, rounded outwards, with
// the taps. A caller may draw its background that large instead of having it reflected.
void iml__map_source_box(const iml__map *m, int64_t box[4]);

// Labels: where a point of the source lies in the destination (Newton on the lattice, within
// 1/1024 px), and back. Points outside the lattice continue its outermost cells.
void iml__map_point(const iml__map *m, double x, double y, double *dx, double *dy);
void iml__map_back(const iml__map *m, double x, double y, double *sx, double *sy);
void iml__map_points(const iml__map *m, double *xy, size_t n); // in place, pairs
// The same, faster, for points that follow an outline: each begins where the one before was found.
// Equal to iml__map_points within 1/1024 px of the source.
void iml__map_trail(const iml__map *m, double *xy, size_t n);

// Where the warp takes n pixels of destination row y from, beginning at x: pixel centres of a
// source whose (0, 0) lies at (sx, sy), in 1/256 px. After build.
void iml__map_taps(const iml__map *m, int32_t x, int32_t y, int32_t n, int32_t sx, int32_t sy,
                   int32_t *cx, int32_t *cy);

// A new picture of m->w x m->h from a. (sx, sy): where the source's (0, 0) lies in src, which may
// be larger than the source. value: for IML__EDGE_CONSTANT, `channels` samples as stored; NULL:
// zeros. With alpha the samples are premultiplied, filtered and divided again.
iml_status iml__map_warp(const iml__map *m, iml_arena *a, const iml_image *src, int32_t sx,
                         int32_t sy, enum iml__edge edge, const void *value, iml_image *out,
                         iml_err *e);

#endif
