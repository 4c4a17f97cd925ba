// map_row.h: what the kernels that move a row of points need to know of a step.
#ifndef IML_KERNEL_MAP_ROW_H
#define IML_KERNEL_MAP_ROW_H

#include "src/base/iml_attr.h"

typedef struct iml__field { // displacements at nodes, bilinear between, constant outside
    const double *d;        // dx, dy of node (i, j) at d[2 (j nx + i)]
    int32_t nx, ny;         // at least 2 each
    double px, py;          // pitch; the first node stands at (half, half)
    double half, scale;     // scale: of every displacement
} iml__field;

// The displacement at one place, before it is scaled.
static inline void iml__field_at(const iml__field *f, double x, double y, double *dx, double *dy)
{
    double u = (x - f->half) / f->px, v = (y - f->half) / f->py;
    u = IML_CLAMP(u, 0.0, (double)(f->nx - 1)), v = IML_CLAMP(v, 0.0, (double)(f->ny - 1));
    int32_t col = (int32_t)IML_MIN(u, (double)(f->nx - 2));
    int32_t row = (int32_t)IML_MIN(v, (double)(f->ny - 2));
    const double *a = f->d + 2 * ((size_t)row * (size_t)f->nx + (size_t)col);
    const double *b = a + 2 * (size_t)f->nx;
    u -= col, v -= row;
    *dx = (a[0] * (1 - u) + a[2] * u) * (1 - v) + (b[0] * (1 - u) + b[2] * u) * v;
    *dy = (a[1] * (1 - u) + a[3] * u) * (1 - v) + (b[1] * (1 - u) + b[3] * u) * v;
}

// A point through a 3x3.
static inline void iml__project(const double m[9], double *x, double *y)
{
    double w = m[6] * *x + m[7] * *y + m[8];
    // Behind the horizon nothing is seen; far away on this side is as good.
    if (w < 1e-6) w = 1e-6;
    double u = (m[0] * *x + m[1] * *y + m[2]) / w, v = (m[3] * *x + m[4] * *y + m[5]) / w;
    *x = u, *y = v;
}

// r (1 + k1 q + k2 q^2), q = r^2, in units of ux, uy from (cx, cy). From q > end on a line: base
// plus a quarter of what r is above rest; end is INFINITY where the lens never turns.
typedef struct iml__lens {
    double cx, cy, ux, uy, k1, k2, end, rest, base;
} iml__lens;

#endif
