// map.c: composes M ops into one lattice, moves labels through it, resamples once.
//
// Invariants: the lattice is the only map after build. Pixels and labels see the same 16.16 nodes,
// bilinear between, so a label cannot drift from its ink by more than the 1/512 px that the pixels'
// 8-bit fractions round away. Nodes stand on pixel centres, (i g + 1/2, j g + 1/2), so whole-number
// weights reach every pixel exactly and a quarter turn moves samples without changing one.
// Rejected: composing 3x3 matrices apart from displacements (two code paths, two roundings); a
// displacement for every pixel (64 times the nodes for nothing that shows).
#include "src/image/map.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/image/map_steps.h"
#include "src/kernel/kernel.h"

#include <math.h>
#include <string.h>

enum {
    SIDE_MAX = 1 << 22, // px: what 1/256 px in 32 bits can address, with room
    RUN = 128           // nodes of a row at a time
};

void iml__map_init(iml__map *m, int32_t w, int32_t h)
{
    *m = (iml__map){.src_w = w, .src_h = h, .w = w, .h = h, .lg = 3};
    m->distortion_scale = m->perspective_scale = 1;
}

iml_status iml__map_add(iml__map *m, const iml__op *op, iml_err *e)
{
    IML_TRY(iml__op_check(op, e));
    const iml__op_row *r = iml__op_row_of(op->id);
    if (r->cls != IML__OP_M)
        return IML_FAIL(e, IML_EARG, "%s does not move points by a map", r->name);
    if (m->ready || m->x) return IML_FAIL(e, IML_EARG, "%s comes after the map was built", r->name);
    m->edge = (enum iml__edge)(int)op->v[r->nparams - 2];
    m->bicubic |= op->v[r->nparams - 1] == 1;
    if (iml__op_neutral(op, m->w, m->h)) return IML_OK;
    if (m->nsteps == IML__MAP_STEPS)
        return IML_FAIL(e, IML_EARG, "more than %d transforms in one map", IML__MAP_STEPS);
    iml__map_step *s = &m->step[m->nsteps];
    IML_TRY(iml__step_init(s, op, m->w, m->h, &m->perspective_scale, e));
    if (s->ow > SIDE_MAX || s->oh > SIDE_MAX)
        return IML_FAIL(e, IML_ELIMIT, "%s makes a picture of %.0f x %.0f px", r->name, s->ow,
                        s->oh);
    m->w = (int32_t)s->ow, m->h = (int32_t)s->oh;
    if (op->id == IML__OP_ELASTIC)
        m->lg = IML_MIN(m->lg, iml__elastic_lg(op->v[IML__ELASTIC_SIGMA]));
    m->nsteps++;
    return IML_OK;
}

// n points of the destination, in place.
static void back_all(const iml__map *m, double scale, double *x, double *y, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] += m->ox, y[i] += m->oy;
    for (int32_t k = m->nsteps; k-- > 0;) iml__step_back(&m->step[k], scale, x, y, n);
}

static void forth_all(const iml__map *m, double *x, double *y, size_t n)
{
    for (int32_t k = 0; k < m->nsteps; k++)
        iml__step_forth(&m->step[k], m->distortion_scale, x, y, n);
    for (size_t i = 0; i < n; i++) x[i] -= m->ox, y[i] -= m->oy;
}

// Up to RUN points x0 y0 x1 y1 .. forth.
static size_t some_forth(const iml__map *m, const double *xy, size_t n, double *x, double *y)
{
    n = IML_MIN(n, (size_t)RUN);
    for (size_t i = 0; i < n; i++) x[i] = xy[2 * i], y[i] = xy[2 * i + 1];
    forth_all(m, x, y, n);
    return n;
}

// ---- The lattice

// Nodes (i0, j) .. (i0 + n - 1, j), n <= RUN.
static void nodes(const iml__map *m, double scale, int32_t i0, int32_t j, size_t n, int64_t *x,
                  int64_t *y)
{
    double px[RUN], py[RUN];
    int g = 1 << m->lg;
    for (size_t i = 0; i < n; i++)
        px[i] = ((double)i0 + (double)i) * g + 0.5, py[i] = (double)j * g + 0.5;
    back_all(m, scale, px, py, n);
    iml__kernel()->fixed_f64(x, px, n);
    iml__kernel()->fixed_f64(y, py, n);
}

static void fill(const iml__map *m, double scale, int64_t *x, int64_t *y)
{
    for (int32_t j = 0; j < m->ny; j++)
        for (int32_t i = 0; i < m->nx; i += RUN) {
            size_t n = (size_t)IML_MIN(m->nx - i, (int32_t)RUN);
            size_t at = (size_t)j * (size_t)m->nx + (size_t)i;
            nodes(m, scale, i, j, n, x + at, y + at);
        }
}

// Of the cell between nodes 0, 1 above and 2, 3 below, in the kernel's measure.
static double least_jacobian(const int64_t x[4], const int64_t y[4])
{
    double least = INFINITY;
    for (int k = 0; k < 4; k++) { // a row's edge and a column's edge meet at each corner
        int row = k & 2, col = k & 1;
        double ax = (double)(x[row + 1] - x[row]), ay = (double)(y[row + 1] - y[row]);
        double bx = (double)(x[col + 2] - x[col]), by = (double)(y[col + 2] - y[col]);
        least = IML_MIN(least, ax * by - ay * bx);
    }
    return least;
}

// Folded cells are those where the Jacobian (a bilinear map has its least at a corner) falls to a
// quarter of that without elastic and grid, or of 1: a strong perspective alone may lie below 1/4.
// A cell above a quarter is therefore safe, and the plain map is only asked for about others.
static bool folds(const iml__map *m, const int64_t *x, const int64_t *y)
{
    const iml__kernels *k = iml__kernel();
    size_t nx = (size_t)m->nx;
    double one = 65536.0 * 65536.0 * (double)((int64_t)1 << 2 * m->lg);
    for (int32_t j = 0; j + 1 < m->ny; j++) {
        const int64_t *ax = x + (size_t)j * nx, *ay = y + (size_t)j * nx;
        for (size_t i = 0; i + 1 < nx; i++) {
            i += k->fold_row(ax + i, ay + i, ax + nx + i, ay + nx + i, nx - 1 - i, 0.25 * one);
            if (i + 1 >= nx) break;
            int64_t px[4], py[4];
            nodes(m, 0, (int32_t)i, j, 2, px, py);
            nodes(m, 0, (int32_t)i, j + 1, 2, px + 2, py + 2);
            double limit = 0.25 * IML_MIN(one, least_jacobian(px, py));
            if (!k->fold_row(ax + i, ay + i, ax + nx + i, ay + nx + i, 1, limit)) return true;
        }
    }
    return false;
}

static bool displaces(const iml__map *m)
{
    for (int32_t k = 0; k < m->nsteps; k++)
        if (iml__step_displaces(&m->step[k])) return true;
    return false;
}

// Nodes of the destination as it is; lowers distortion_scale until nothing folds.
static iml_status lattice(iml__map *m, iml_arena *a, iml_err *e)
{
    m->nx = ((m->w - 1) >> m->lg) + 2, m->ny = ((m->h - 1) >> m->lg) + 2;
    size_t n = (size_t)m->nx * (size_t)m->ny;
    m->x = iml_arena_alloc(a, n * sizeof *m->x);
    m->y = iml_arena_alloc(a, n * sizeof *m->y);
    if (!m->x || !m->y)
        return IML_FAIL(e, IML_ENOMEM, "no memory for a map of %d x %d nodes", (int)m->nx,
                        (int)m->ny);
    fill(m, m->distortion_scale, m->x, m->y);
    if (!displaces(m)) return IML_OK;
    for (int tries = 0; m->distortion_scale > 0 && folds(m, m->x, m->y); tries++) {
        m->distortion_scale = tries < 40 ? m->distortion_scale * 0.8 : 0;
        fill(m, m->distortion_scale, m->x, m->y);
    }
    return IML_OK;
}

iml_status iml__map_prepare(iml__map *m, iml_arena *a, iml_err *e)
{
    if (m->ready) return IML_OK;
    for (int32_t k = 0; k < m->nsteps; k++)
        if (iml__step_displaces(&m->step[k])) IML_TRY(iml__step_field(&m->step[k], a, e));
    m->ready = true;
    if (!displaces(m)) return IML_OK;
    // The guard sees the map before it grows, so that grow's points are near.
    iml_status st = lattice(m, a, e);
    m->early_x = m->x, m->early_y = m->y;
    m->x = m->y = NULL;
    return st;
}

iml_status iml__map_grow(iml__map *m, iml_arena *a, const double *xy, size_t n, double margin,
                         uint64_t max_pixels, iml_err *e)
{
    if (m->x) return IML_FAIL(e, IML_EARG, "a built map cannot grow");
    IML_TRY(iml__map_prepare(m, a, e));
    double x0 = 0, y0 = 0, x1 = m->w, y1 = m->h;
    for (size_t done = 0, k; done < n; done += k) {
        double x[RUN], y[RUN];
        k = some_forth(m, xy + 2 * done, n - done, x, y);
        for (size_t i = 0; i < k; i++) {
            x0 = IML_MIN(x0, floor(x[i] - margin)), y0 = IML_MIN(y0, floor(y[i] - margin));
            x1 = IML_MAX(x1, ceil(x[i] + margin)), y1 = IML_MAX(y1, ceil(y[i] + margin));
        }
    }
    double w = x1 - x0, h = y1 - y0;
    if (!(w <= SIDE_MAX && h <= SIDE_MAX) || (max_pixels && w * h > (double)max_pixels))
        return IML_FAIL(e, IML_ELIMIT,
                        "the picture would grow to %.0f x %.0f px so that nothing is cut", w, h);
    m->grown |= x0 != 0 || y0 != 0 || (int32_t)w != m->w || (int32_t)h != m->h;
    m->ox += x0, m->oy += y0;
    m->w = (int32_t)w, m->h = (int32_t)h;
    return IML_OK;
}

iml_status iml__map_build(iml__map *m, iml_arena *a, iml_err *e)
{
    if (m->x) return IML_FAIL(e, IML_EARG, "the map is built already");
    IML_TRY(iml__map_prepare(m, a, e));
    if (m->early_x && !m->grown) { // the same nodes
        m->x = m->early_x, m->y = m->early_y;
        return IML_OK;
    }
    iml_status st = lattice(m, a, e);
    if (st != IML_OK) m->x = m->y = NULL;
    return st;
}

bool iml__map_identity(const iml__map *m)
{
    return m->nsteps == 0 && m->ox == 0 && m->oy == 0 && m->w == m->src_w && m->h == m->src_h;
}

bool iml__map_straight(const iml__map *m)
{
    for (int32_t k = 0; k < m->nsteps; k++)
        if (!iml__step_straight(&m->step[k])) return false;
    return true;
}

void iml__map_source_box(const iml__map *m, int64_t box[4])
{
    size_t n = (size_t)m->nx * (size_t)m->ny;
    int64_t x0 = m->x[0], y0 = m->y[0], x1 = x0, y1 = y0;
    for (size_t i = 1; i < n; i++) {
        x0 = IML_MIN(x0, m->x[i]), x1 = IML_MAX(x1, m->x[i]);
        y0 = IML_MIN(y0, m->y[i]), y1 = IML_MAX(y1, m->y[i]);
    }
    // The first tap of a point lies half a pixel before it; the second is its neighbour.
    box[0] = (x0 - 32768) >> 16, box[1] = (y0 - 32768) >> 16;
    box[2] = ((x1 - 32768) >> 16) + 2, box[3] = ((y1 - 32768) >> 16) + 2;
}

// ---- Labels

struct at {
    double x, y, xu, yu, xv, yv;
}; // a place of the lattice and its derivatives, px and px / px

static struct at look(const iml__map *m, double qx, double qy)
{
    int g = 1 << m->lg;
    double u = (qx - 0.5) / g, v = (qy - 0.5) / g;
    double i = IML_CLAMP(floor(u), 0.0, (double)(m->nx - 2)),
           j = IML_CLAMP(floor(v), 0.0, (double)(m->ny - 2));
    size_t n = (size_t)m->nx, o = (size_t)j * n + (size_t)i;
    u -= i, v -= j;
    double s = 1.0 / 65536, x00 = (double)m->x[o] * s, x10 = (double)m->x[o + 1] * s;
    double x01 = (double)m->x[o + n] * s, x11 = (double)m->x[o + n + 1] * s;
    double y00 = (double)m->y[o] * s, y10 = (double)m->y[o + 1] * s;
    double y01 = (double)m->y[o + n] * s, y11 = (double)m->y[o + n + 1] * s;
    struct at r;
    r.x = (x00 * (1 - u) + x10 * u) * (1 - v) + (x01 * (1 - u) + x11 * u) * v;
    r.y = (y00 * (1 - u) + y10 * u) * (1 - v) + (y01 * (1 - u) + y11 * u) * v;
    r.xu = ((x10 - x00) * (1 - v) + (x11 - x01) * v) / g,
    r.yu = ((y10 - y00) * (1 - v) + (y11 - y01) * v) / g;
    r.xv = ((x01 - x00) * (1 - u) + (x11 - x10) * u) / g,
    r.yv = ((y01 - y00) * (1 - u) + (y11 - y10) * u) / g;
    return r;
}

void iml__map_back(const iml__map *m, double x, double y, double *sx, double *sy)
{
    struct at p = look(m, x, y);
    *sx = p.x, *sy = p.y;
}

// Newton from *qx, *qy, where p is the lattice; leaves place and derivatives of the end there.
static void solve(const iml__map *m, double x, double y, double *qx, double *qy, struct at *p)
{
    for (int i = 0; i < 30; i++) {
        double ex = x - p->x, ey = y - p->y, det = p->xu * p->yv - p->xv * p->yu;
        if (fabs(det) < 1e-9) break;
        double ux = (ex * p->yv - ey * p->xv) / det, uy = (ey * p->xu - ex * p->yu) / det;
        if (fabs(ux) < 1.0 / 8192 && fabs(uy) < 1.0 / 8192) break;
        // A step over a kink between cells may lead farther away: half of it then.
        for (int k = 0; k < 8; k++, ux /= 2, uy /= 2) {
            struct at next = look(m, *qx + ux, *qy + uy);
            double fx = x - next.x, fy = y - next.y;
            if (fx * fx + fy * fy >= ex * ex + ey * ey && k < 7) continue;
            *qx += ux, *qy += uy, *p = next;
            break;
        }
    }
}

void iml__map_point(const iml__map *m, double x, double y, double *dx, double *dy)
{
    double xy[2] = {x, y};
    iml__map_points(m, xy, 1);
    *dx = xy[0], *dy = xy[1];
}

void iml__map_trail(const iml__map *m, double *xy, size_t n)
{
    enum { NEAR = 64 }; // px: farther points begin anew
    double qx = 0, qy = 0, x = 1e300, y = 1e300;
    struct at p = {0};
    for (size_t i = 0; i < n; i++, xy += 2) {
        if (!(fabs(xy[0] - x) < NEAR && fabs(xy[1] - y) < NEAR)) {
            qx = xy[0], qy = xy[1];
            forth_all(m, &qx, &qy, 1);
            p = look(m, qx, qy);
        }
        x = xy[0], y = xy[1];
        solve(m, x, y, &qx, &qy, &p);
        if (fabs(x - p.x) > 1.0 / 1024 || fabs(y - p.y) > 1.0 / 1024) {
            iml__map_point(m, x, y, &qx, &qy);
            p = look(m, qx, qy);
        }
        xy[0] = qx, xy[1] = qy;
    }
}

void iml__map_points(const iml__map *m, double *xy, size_t n)
{
    for (size_t done = 0, k; done < n; done += k) {
        double x[RUN], y[RUN], *to = xy + 2 * done;
        k = some_forth(m, to, n - done, x, y); // within a fraction of a pixel of the lattice
        for (size_t i = 0; i < k; i++) {
            struct at p = look(m, x[i], y[i]);
            solve(m, to[2 * i], to[2 * i + 1], &x[i], &y[i], &p);
            to[2 * i] = x[i], to[2 * i + 1] = y[i];
        }
    }
}
