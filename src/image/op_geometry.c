// op_geometry.c: rotate, skew, trapezoid, perspective, lens, elastic, grid as maps of points
// (ops.md 4).
//
// Each is defined by the way back, from a point of its result to one of what it was given; the way
// forth inverts exactly that. The first four are 3x3 matrices. lens is radial and inverts by Newton
// in one variable; elastic and grid are displacements at nodes, bilinear between, constant outside,
// and invert by iteration, which the folding guard makes a contraction.
#include "src/image/map_steps.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/fmath.h"
#include "src/base/rng.h"
#include "src/kernel/kernel.h"

#include <math.h>
#include <string.h>

// ---- 3x3, row by row

static void mul(const double a[9], const double b[9], double out[9])
{
    double r[9];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            r[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
    memcpy(out, r, sizeof r);
}

static void invert(const double m[9], double out[9])
{
    double c[9] = {m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
                   m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
                   m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]};
    double det = m[0] * c[0] + m[1] * c[3] + m[2] * c[6];
    for (int i = 0; i < 9; i++) out[i] = c[i] / det;
}

// The w x h frame onto the quad TL TR BR BL (Heckbert 1989, unit square to quad).
static void quad_map(double w, double h, const double q[8], double out[9])
{
    double sx = q[0] - q[2] + q[4] - q[6], sy = q[1] - q[3] + q[5] - q[7];
    double dx1 = q[2] - q[4], dy1 = q[3] - q[5], dx2 = q[6] - q[4], dy2 = q[7] - q[5];
    double det = dx1 * dy2 - dx2 * dy1;
    double g = (sx * dy2 - dx2 * sy) / det, k = (dx1 * sy - sx * dy1) / det;
    double m[9] = {q[2] - q[0] + g * q[2],
                   q[6] - q[0] + k * q[6],
                   q[0],
                   q[3] - q[1] + g * q[3],
                   q[7] - q[1] + k * q[7],
                   q[1],
                   g,
                   k,
                   1};
    for (int i = 0; i < 9; i += 3) m[i] /= w, m[i + 1] /= h;
    memcpy(out, m, sizeof m);
}

// cos and sin in degrees, exact at the quarter turns: a picture turned by 90 must not grow by a
// pixel.
static void turn(double deg, double *c, double *s)
{
    double q = rint(deg / 90), r = deg - 90 * q;
    double cr = r == 0 ? 1 : iml__cos(r * IML__DEG), sr = r == 0 ? 0 : iml__sin(r * IML__DEG);
    switch ((int)fmod(fmod(q, 4) + 4, 4)) {
    case 0: *c = cr, *s = sr; break;
    case 1: *c = -sr, *s = cr; break;
    case 2: *c = -cr, *s = -sr; break;
    default: *c = sr, *s = -cr; break;
    }
}

static iml_status init_rotate(iml__map_step *t, iml_err *e)
{
    double c, s, w = t->w, h = t->h;
    turn(t->op.v[IML__ROTATE_DEG], &c, &s);
    double ac = fabs(c), as = fabs(s);
    int border = (int)t->op.v[IML__ROTATE_BORDER];
    if (border == IML__ROTATE_GROW) {
        t->ow = ceil(w * ac + h * as), t->oh = ceil(w * as + h * ac);
    } else if (border == IML__ROTATE_CROP) {
        double f = IML_MIN(w / (w * ac + h * as), h / (w * as + h * ac));
        t->ow = IML_MAX(1, floor(w * f)), t->oh = IML_MAX(1, floor(h * f));
    }
    if (t->ow > INT32_MAX / 2 || t->oh > INT32_MAX / 2)
        return IML_FAIL(e, IML_ELIMIT, "a rotated picture of %.0f x %.0f is too large", t->ow,
                        t->oh);
    // y points down, so counter-clockwise turns (1, 0) towards (0, -1).
    double cx = w / 2, cy = h / 2, ox = t->ow / 2, oy = t->oh / 2;
    double m[9] = {c, s, ox - c * cx - s * cy, -s, c, oy + s * cx - c * cy, 0, 0, 1};
    memcpy(t->fwd, m, sizeof m);
    return IML_OK;
}

static void init_skew(iml__map_step *t)
{
    double tx = iml__tan(t->op.v[IML__SKEW_X] * IML__DEG),
           ty = iml__tan(t->op.v[IML__SKEW_Y] * IML__DEG);
    double cx = t->w / 2, cy = t->h / 2;
    // x first, then y by the new x: the area stays, whatever the angles.
    double a[9] = {1, tx, -tx * cy, 0, 1, 0, 0, 0, 1}, b[9] = {1, 0, 0, ty, 1, -ty * cx, 0, 0, 1};
    mul(b, a, t->fwd);
}

static void init_trapezoid(iml__map_step *t)
{
    double w = t->w, h = t->h, x = t->op.v[IML__TRAPEZOID_X], y = t->op.v[IML__TRAPEZOID_Y];
    double l = x < 0 ? -x * h / 2 : 0, r = x > 0 ? x * h / 2 : 0;
    double up = y < 0 ? -y * w / 2 : 0, down = y > 0 ? y * w / 2 : 0;
    double qx[8] = {0, l, w, r, w, h - r, 0, h - l};
    double qy[8] = {up, 0, w - up, 0, w - down, h, down, h};
    double a[9], b[9];
    quad_map(w, h, qx, a);
    quad_map(w, h, qy, b);
    mul(b, a, t->fwd);
}

// Twice the area at each corner, against that of the frame: small means nearly folded.
static bool convex(const double q[8], double w, double h)
{
    for (int i = 0; i < 8; i += 2) {
        const double *p = &q[(i + 6) % 8], *o = &q[i], *n = &q[(i + 2) % 8];
        double cross = (o[0] - p[0]) * (n[1] - o[1]) - (o[1] - p[1]) * (n[0] - o[0]);
        if (cross < 0.05 * w * h) return false;
    }
    return true;
}

static void init_perspective(iml__map_step *t, double *scale)
{
    double w = t->w, h = t->h, reach = IML_MIN(w, h) * t->op.v[IML__PERSPECTIVE_AMOUNT] / 2, u[8];
    uint32_t own = iml__op_row_of(t->op.id)->own;
    for (uint32_t k = 0; k < 8; k++) {
        iml_rng r = iml__rng_slot(t->op.seed, t->op.index, t->op.stream, own + k);
        u[k] = iml_rng_unit(&r);
    }
    static const int sign[8] = {1, 1, -1, 1, -1, -1, 1, -1};
    for (double f = 1;; f *= 0.8) {
        double q[8] = {0, 0, w, 0, w, h, 0, h};
        for (int k = 0; k < 8; k++) q[k] += sign[k] * u[k] * reach * f;
        // From amounts of 0.6 on, corners may pass each other: smaller then, and said.
        if (!convex(q, w, h)) continue;
        quad_map(w, h, q, t->fwd);
        if (f < *scale) *scale = f;
        return;
    }
}

iml_status iml__step_init(iml__map_step *t, const iml__op *op, double w, double h, double *scale,
                          iml_err *e)
{
    *t = (iml__map_step){.op = *op, .w = w, .h = h, .ow = w, .oh = h};
    switch (op->id) {
    case IML__OP_ROTATE: IML_TRY(init_rotate(t, e)); break;
    case IML__OP_SKEW: init_skew(t); break;
    case IML__OP_TRAPEZOID: init_trapezoid(t); break;
    case IML__OP_PERSPECTIVE: init_perspective(t, scale); break;
    default: return IML_OK;
    }
    invert(t->fwd, t->inv);
    return IML_OK;
}

bool iml__step_displaces(const iml__map_step *s)
{
    return s->op.id == IML__OP_ELASTIC || s->op.id == IML__OP_GRID;
}

bool iml__step_straight(const iml__map_step *s)
{
    return s->op.id != IML__OP_LENS && !iml__step_displaces(s);
}

// ---- lens

// g(r) = r (1 + k1 r^2 + k2 r^4), continued as a line of slope 1/4 from where its slope falls to
// that: a strong pincushion would turn back there and show the middle twice.
static double lens_end(double k1, double k2) // r^2 of that place; negative: never
{
    // 5 k2 q^2 + 3 k1 q + 3/4 = 0, the smallest positive root.
    double a = 5 * k2, b = 3 * k1, c = 0.75;
    if (a == 0) return b < 0 ? -c / b : -1;
    double d = b * b - 4 * a * c;
    if (d < 0) return -1;
    double s = sqrt(d), q1 = (-b - s) / (2 * a), q2 = (-b + s) / (2 * a);
    double lo = IML_MIN(q1, q2), hi = IML_MAX(q1, q2);
    return lo > 0 ? lo : hi > 0 ? hi : -1;
}

static iml__lens lens_of(const iml__map_step *s)
{
    double k1 = s->op.v[IML__LENS_K1], k2 = s->op.v[IML__LENS_K2], end = lens_end(k1, k2);
    bool size = s->op.v[IML__LENS_UNIT] == IML__LENS_SIZE;
    double half = iml__hypot(s->w, s->h) / 2;
    iml__lens l = {s->w / 2, s->h / 2, size ? s->w : half, size ? s->h : half, k1, k2, .end = end};
    if (end < 0)
        l.end = INFINITY;
    else
        l.rest = sqrt(end), l.base = l.rest * (1 + k1 * end + k2 * end * end);
    return l;
}

// g and its slope; the kernel has the same g.
static double lens_g(const iml__lens *l, double r, double *slope)
{
    double q = r * r;
    *slope = q > l->end ? 0.25 : 1 + 3 * l->k1 * q + 5 * l->k2 * q * q;
    return q > l->end ? l->base + 0.25 * (r - l->rest) : r * (1 + l->k1 * q + l->k2 * q * q);
}

static void lens_forth(const iml__map_step *s, double *x, double *y)
{
    iml__lens l = lens_of(s);
    double px = (*x - l.cx) / l.ux, py = (*y - l.cy) / l.uy, r = iml__hypot(px, py), to = r, slope;
    if (r == 0) return;
    for (int i = 0; i < 60; i++) {
        double f = lens_g(&l, to, &slope) - r;
        to -= f / IML_MAX(slope, 0.25);
        if (to < 0) to = 0;
        if (fabs(f) < 1e-13 * (1 + r)) break;
    }
    *x = l.cx + px * (to / r) * l.ux;
    *y = l.cy + py * (to / r) * l.uy;
}

// ---- elastic, grid

int iml__elastic_lg(double sigma)
{
    double most = sigma / 2 < 1 ? 1 : sigma / 2;
    return most >= 8 ? 3 : most >= 4 ? 2 : most >= 2 ? 1 : 0;
}

static double unit(uint32_t word) { return 2 * ((word + 0.5) * 0x1p-32) - 1; }

// Rows through a padded copy, then columns from a copy with rows to spare; edges reflect-101.
static void smooth(iml__map_step *s, const double *w, int r, double *copy)
{
    size_t row = 2 * (size_t)s->nx, pad = 2 * (size_t)r;
    for (int32_t y = 0; y < s->ny; y++) {
        double *d = s->d + (size_t)y * row;
        memcpy(copy + pad, d, row * sizeof *d);
        for (int32_t k = 1; k <= r; k++) {
            size_t left = 2 * (size_t)iml__reflect101(-k, s->nx);
            size_t right = 2 * (size_t)iml__reflect101((int64_t)s->nx - 1 + k, s->nx);
            double *l = copy + pad - 2 * (size_t)k, *e = copy + pad + row + 2 * (size_t)(k - 1);
            l[0] = d[left], l[1] = d[left + 1], e[0] = d[right], e[1] = d[right + 1];
        }
        iml__kernel()->gauss_f64(d, copy, row, 2, w, r);
    }
    for (int32_t y = -r; y < s->ny + r; y++)
        memcpy(copy + (size_t)(y + r) * row, s->d + (size_t)iml__reflect101(y, s->ny) * row,
               row * sizeof *copy);
    for (int32_t y = 0; y < s->ny; y++)
        iml__kernel()->gauss_f64(s->d + (size_t)y * row, copy + (size_t)y * row, row, row, w, r);
}

static iml_status smooth_all(iml__map_step *s, double sigma, iml_arena *a, iml_err *e)
{
    int r = (int)ceil(3 * sigma);
    size_t mark = iml__arena_mark(a), nx = (size_t)s->nx, ny = (size_t)s->ny, pad = 2 * (size_t)r;
    double *w = iml_arena_alloc(a, ((size_t)r + 1) * sizeof *w), total = 0;
    double *copy = iml_arena_alloc(a, 2 * IML_MAX(nx + pad, nx * (ny + pad)) * sizeof *copy);
    if (!w || !copy) return IML_FAIL(e, IML_ENOMEM, "no memory for an elastic field");
    for (int k = 0; k <= r; k++) w[k] = iml__exp(-(double)k * k / (2 * sigma * sigma));
    for (int k = 1; k <= r; k++) total += 2 * w[k];
    total += w[0];
    for (int k = 0; k <= r; k++) w[k] /= total;
    smooth(s, w, r, copy);
    iml__arena_release(a, mark);
    return IML_OK;
}

// Nodes times two samples of the field, dx then dy, raster order, scaled.
static iml_status draw_field(iml__map_step *s, double scale, iml_arena *a, iml_err *e)
{
    size_t n = 2 * (size_t)s->nx * (size_t)s->ny;
    s->d = iml_arena_alloc(a, n * sizeof *s->d);
    size_t mark = iml__arena_mark(a);
    uint32_t *words = iml_arena_alloc(a, n * sizeof *words);
    if (!words || !s->d) return IML_FAIL(e, IML_ENOMEM, "no memory for a field of displacements");
    iml__rng_field(s->op.seed, s->op.index, s->op.field, 0, words, n);
    for (size_t i = 0; i < n; i++) s->d[i] = unit(words[i]) * scale;
    iml__arena_release(a, mark);
    return IML_OK;
}

iml_status iml__step_field(iml__map_step *s, iml_arena *a, iml_err *e)
{
    if (s->op.id == IML__OP_GRID) {
        s->nx = s->ny = (int32_t)s->op.v[IML__GRID_STEPS];
        s->px = s->w / (s->nx - 1), s->py = s->h / (s->ny - 1);
        return draw_field(s, s->op.v[IML__GRID_LIMIT], a, e);
    }
    double sigma = s->op.v[IML__ELASTIC_SIGMA];
    int g = 1 << iml__elastic_lg(sigma);
    s->px = s->py = g;
    s->nx = (int32_t)((s->w + g - 1) / g) + 1, s->ny = (int32_t)((s->h + g - 1) / g) + 1;
    IML_TRY(draw_field(s, s->op.v[IML__ELASTIC_ALPHA] / g, a, e));
    return smooth_all(s, sigma / g, a, e);
}

static iml__field field_of(const iml__map_step *s, double scale)
{
    double half = s->op.id == IML__OP_ELASTIC ? 0.5 : 0;
    return (iml__field){s->d, s->nx, s->ny, s->px, s->py, half, scale};
}

void iml__step_back(const iml__map_step *s, double scale, double *x, double *y, size_t n)
{
    if (s->op.id == IML__OP_LENS) {
        iml__lens l = lens_of(s);
        iml__kernel()->lens_f64(x, y, n, &l);
    } else if (!iml__step_displaces(s)) {
        iml__kernel()->project_f64(x, y, n, s->inv);
    } else if (scale != 0) {
        iml__field f = field_of(s, scale);
        iml__kernel()->displace_f64(x, y, n, &f);
    }
}

void iml__step_forth(const iml__map_step *s, double scale, double *x, double *y, size_t n)
{
    if (s->op.id == IML__OP_LENS) {
        for (size_t i = 0; i < n; i++) lens_forth(s, &x[i], &y[i]);
    } else if (!iml__step_displaces(s)) {
        iml__kernel()->project_f64(x, y, n, s->fwd);
    } else {
        iml__field f = field_of(s, scale);
        iml__kernel()->undisplace_f64(x, y, n, &f);
    }
}
