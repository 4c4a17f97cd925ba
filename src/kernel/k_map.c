// k_map.c: a row of points through each kind of step of a map, and the guard against folding; in
// double, scalar (ops.md 3, synth.md 4.7).
//
// The twins do the same additions, products and divisions in the same order on four points at a
// time, which IEEE 754 makes equal in every bit as long as nothing is fused (-ffp-contract=off).
#include "src/kernel/kernel_twins.h"

#include <math.h>

void iml__gauss_f64_scalar(double *d, const double *s, size_t n, size_t step, const double *w,
                           int r)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (int k = -r; k <= r; k++) sum += w[k < 0 ? -k : k] * s[i + (size_t)(k + r) * step];
        d[i] = sum;
    }
}

void iml__project_f64_scalar(double *x, double *y, size_t n, const double m[9])
{
    for (size_t i = 0; i < n; i++) iml__project(m, &x[i], &y[i]);
}

void iml__displace_f64_scalar(double *x, double *y, size_t n, const iml__field *f)
{
    for (size_t i = 0; i < n; i++) {
        double dx, dy;
        iml__field_at(f, x[i], y[i], &dx, &dy);
        x[i] += f->scale * dx, y[i] += f->scale * dy;
    }
}

void iml__undisplace_f64_scalar(double *x, double *y, size_t n, const iml__field *f)
{
    for (size_t i = 0; i < n; i++) {
        double x0 = x[i], y0 = y[i], dx, dy;
        for (int k = 0; k < 60; k++) {
            iml__field_at(f, x[i], y[i], &dx, &dy);
            double nx = x0 - f->scale * dx, ny = y0 - f->scale * dy;
            double move = fabs(nx - x[i]) + fabs(ny - y[i]);
            x[i] = nx, y[i] = ny;
            if (move < 1e-6) break;
        }
    }
}

void iml__lens_f64_scalar(double *x, double *y, size_t n, const iml__lens *l)
{
    for (size_t i = 0; i < n; i++) {
        double px = (x[i] - l->cx) / l->ux, py = (y[i] - l->cy) / l->uy;
        double r = sqrt(px * px + py * py), q = r * r;
        if (r == 0) continue;
        double to =
            q > l->end ? l->base + 0.25 * (r - l->rest) : r * (1 + l->k1 * q + l->k2 * q * q);
        x[i] = l->cx + px * (to / r) * l->ux;
        y[i] = l->cy + py * (to / r) * l->uy;
    }
}

void iml__fixed_f64_scalar(int64_t *d, const double *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double v = IML_CLAMP(s[i], -(double)(1 << 28), (double)(1 << 28));
        d[i] = (int64_t)floor(v * 65536 + 0.5);
    }
}

size_t iml__fold_row_scalar(const int64_t *ax, const int64_t *ay, const int64_t *bx,
                            const int64_t *by, size_t n, double limit)
{
    for (size_t i = 0; i < n; i++) {
        double tx = (double)(ax[i + 1] - ax[i]), ty = (double)(ay[i + 1] - ay[i]);
        double ux = (double)(bx[i + 1] - bx[i]), uy = (double)(by[i + 1] - by[i]);
        double lx = (double)(bx[i] - ax[i]), ly = (double)(by[i] - ay[i]);
        double rx = (double)(bx[i + 1] - ax[i + 1]), ry = (double)(by[i + 1] - ay[i + 1]);
        double least = tx * ly - ty * lx, c = tx * ry - ty * rx;
        least = IML_MIN(least, c), c = ux * ly - uy * lx;
        least = IML_MIN(least, c), c = ux * ry - uy * rx;
        if (IML_MIN(least, c) <= limit) return i;
    }
    return n;
}
