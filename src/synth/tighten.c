// tighten.c: quads and polygons around moved ink (synth.md 4.7, labels).
//
// A quad here is any four corners in reading order, clockwise as seen (y down), so the outward
// normal of an edge (dx, dy) is (dy, -dx). Fitting a new rectangle to the points was rejected: the
// edges would turn with every stray serif, and a word's quad would not agree with its units'.
#include "src/synth/tighten.h"

#include <math.h>
#include <string.h>

#include "src/base/fmath.h"

enum { PUSHES = 200 };

typedef struct edge { // a point on it and its direction, of length 1
    double x, y, dx, dy;
} edge;

static void edges_of(const double q[8], edge out[4])
{
    for (int k = 0; k < 4; k++) {
        const double *p = q + 2 * k, *r = q + 2 * ((k + 1) & 3);
        double dx = r[0] - p[0], dy = r[1] - p[1], d = iml__hypot(dx, dy);
        if (d < 1e-9) { // A degenerate edge takes the direction of the page.
            static const double page[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
            dx = page[k][0], dy = page[k][1], d = 1;
        }
        out[k] = (edge){p[0], p[1], dx / d, dy / d};
    }
}

static void push_edge(edge *g, double d) { g->x += d * g->dy, g->y -= d * g->dx; }

// Corners where neighbours meet. Edges that hardly meet keep the corner of the second.
static void meet(const edge g[4], double q[8])
{
    for (int k = 0; k < 4; k++) {
        const edge *a = &g[(k + 3) & 3], *b = &g[k];
        double det = a->dx * b->dy - a->dy * b->dx;
        double t = fabs(det) < 1e-3 ? 0 : (b->y - a->y) * a->dx - (b->x - a->x) * a->dy;
        if (fabs(det) >= 1e-3) t /= det;
        // From b's point along b: solve a + s da = b + t db.
        q[2 * k] = b->x - t * b->dx, q[2 * k + 1] = b->y - t * b->dy;
    }
}

void iml__quad_push(double quad[8], double d)
{
    edge g[4];
    edges_of(quad, g);
    for (int k = 0; k < 4; k++) push_edge(&g[k], d);
    meet(g, quad);
}

void iml__quad_touch(double quad[8], const double *xy, size_t n, double d)
{
    edge g[4];
    if (!n) return;
    edges_of(quad, g);
    for (int k = 0; k < 4; k++) {
        double most = -1e30;
        for (size_t i = 0; i < n; i++) {
            double out = (xy[2 * i] - g[k].x) * g[k].dy - (xy[2 * i + 1] - g[k].y) * g[k].dx;
            if (out > most) most = out;
        }
        push_edge(&g[k], most + d);
    }
    meet(g, quad);
}

double iml__quad_area(const double q[8])
{
    double s = 0;
    for (int k = 0; k < 4; k++) {
        const double *p = q + 2 * k, *r = q + 2 * ((k + 1) & 3);
        s += p[0] * r[1] - r[0] * p[1];
    }
    return fabs(s) / 2;
}

// ---- Ink

size_t iml__boundary_room(const iml__lay_stamp *s)
{
    return 2 * ((size_t)(s->bm->ink[2] - s->bm->ink[0]) + (size_t)(s->bm->ink[3] - s->bm->ink[1]));
}

// First and last pixel with coverage among n, `step` bytes apart. False: none.
static bool ends(const uint8_t *p, size_t step, int32_t n, int32_t *first, int32_t *last)
{
    int32_t i = 0, j = n - 1;
    while (i < n && !p[(size_t)i * step]) i++;
    if (i == n) return false;
    while (!p[(size_t)j * step]) j--;
    *first = i, *last = j;
    return true;
}

size_t iml__boundary(const iml__lay_stamp *s, double *xy)
{
    const iml__lay_bitmap *m = s->bm;
    size_t n = 0, ch = (size_t)m->channels, row = (size_t)m->w * ch;
    int32_t w = m->ink[2] - m->ink[0], h = m->ink[3] - m->ink[1], i, j;
    double x0 = s->x + m->left + m->ink[0] + 0.5, y0 = s->y + m->top + m->ink[1] + 0.5;
    const uint8_t *px = m->px + (size_t)m->ink[1] * row + (size_t)m->ink[0] * ch + ch - 1;
    // Down one side and up the other, so that neighbours follow each other.
    for (int side = 0; side < 2; side++)
        for (int32_t k = 0; k < h; k++) {
            int32_t y = side ? h - 1 - k : k;
            if (!ends(px + (size_t)y * row, ch, w, &i, &j)) continue;
            xy[2 * n] = x0 + (side ? j : i), xy[2 * n + 1] = y0 + y, n++;
        }
    for (int side = 0; side < 2; side++)
        for (int32_t k = 0; k < w; k++) {
            int32_t x = side ? w - 1 - k : k;
            if (!ends(px + (size_t)x * ch, row, h, &i, &j)) continue;
            xy[2 * n] = x0 + x, xy[2 * n + 1] = y0 + (side ? j : i), n++;
        }
    return n;
}

// ---- Polygons

static size_t steps_of(const double q[8], double step)
{
    double top = iml__hypot(q[2] - q[0], q[3] - q[1]), low = iml__hypot(q[4] - q[6], q[5] - q[7]);
    double n = ceil(IML_MAX(top, low) / step);
    return n < 1 ? 1 : n > 4096 ? 4096 : (size_t)n;
}

size_t iml__outline_room(const double quad[8], double step)
{
    return 2 * (steps_of(quad, step) + 1);
}

size_t iml__outline(const double q[8], double step, double *out)
{
    size_t n = steps_of(q, step);
    for (size_t i = 0; i <= n; i++) {
        double t = (double)i / (double)n, *a = out + 2 * i, *b = out + 2 * (2 * n + 1 - i);
        a[0] = q[0] + (q[2] - q[0]) * t, a[1] = q[1] + (q[3] - q[1]) * t;
        b[0] = q[6] + (q[4] - q[6]) * t, b[1] = q[7] + (q[5] - q[7]) * t;
    }
    return 2 * (n + 1);
}

static bool inside(const double *xy, size_t n, double x, double y)
{
    bool in = false;
    for (size_t i = 0, j = n - 1; i < n; j = i++) {
        double xi = xy[2 * i], yi = xy[2 * i + 1], xj = xy[2 * j], yj = xy[2 * j + 1];
        if ((yi > y) != (yj > y) && x < (xj - xi) * (y - yi) / (yj - yi) + xi) in = !in;
    }
    return in;
}

static bool holds(const double *xy, size_t n, const iml__render_unit *u, uint32_t nunits)
{
    for (uint32_t i = 0; i < nunits; i++)
        for (int k = 0; k < 8 && u[i].inked; k += 2)
            if (!inside(xy, n, u[i].quad[k], u[i].quad[k + 1])) return false;
    return true;
}

void iml__polygon_hold(double *xy, size_t n, const iml__render_unit *units, uint32_t nunits,
                       double *scratch)
{
    memcpy(scratch, xy, 2 * n * sizeof *xy);
    for (int push = 0; push < PUSHES && !holds(xy, n, units, nunits); push++) {
        double d = 0.5 * (push + 1);
        for (size_t i = 0; i < n; i++) {
            const double *p = scratch + 2 * ((i + n - 1) % n), *q = scratch + 2 * i;
            const double *r = scratch + 2 * ((i + 1) % n);
            double ax = q[0] - p[0], ay = q[1] - p[1], al = iml__hypot(ax, ay);
            double bx = r[0] - q[0], by = r[1] - q[1], bl = iml__hypot(bx, by);
            // The sum of both edges' normals: a corner moves out along both.
            double nx = 0, ny = 0;
            if (al > 1e-9) nx += ay / al, ny -= ax / al;
            if (bl > 1e-9) nx += by / bl, ny -= bx / bl;
            double dot = al > 1e-9 && bl > 1e-9 ? (ax * bx + ay * by) / (al * bl) : 1;
            double k = d / (1 + IML_MAX(dot, -0.9)); // mitred, not beyond ten times
            xy[2 * i] = q[0] + k * nx, xy[2 * i + 1] = q[1] + k * ny;
        }
    }
}
