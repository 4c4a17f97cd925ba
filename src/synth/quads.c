// quads.c: the quads of units, words and lines, the polygons of curved lines, the block's box.
//
// A quad is the box, in its frame, of all its ink pixels' centres, grown by half a pixel on each
// side. For unturned text that is exactly the box of the pixels; turned, a pixel's corner sticks
// out by at most 0.21 px. Frames: a unit's own; a word's or line's: its units' if all with ink are
// held alike against the line, else the page's; on curves turned by the chord from the first to the
// last.
#include "src/synth/stage.h"

#include <math.h>

#include "src/base/err.h"
#include "src/base/fmath.h"

enum { PUSHES = 200, FAR = 1 << 30 };

typedef struct box {
    double x0, y0, x1, y1;
} box;
static const box nothing = {1e30, 1e30, -1e30, -1e30};

typedef struct frame {
    double c, n; // cosine and sine of its turn
} frame;
static const frame page = {1, 0};

static void grow(box *q, double x, double y, frame f)
{
    double u = f.c * x + f.n * y, v = f.c * y - f.n * x;
    q->x0 = IML_MIN(q->x0, u), q->x1 = IML_MAX(q->x1, u);
    q->y0 = IML_MIN(q->y0, v), q->y1 = IML_MAX(q->y1, v);
}

// The stamp's ink seen along the axes of a frame; the first and last pixel of each row decide.
static void grow_stamp(box *q, const iml__lay_stamp *s, frame f)
{
    const iml__lay_bitmap *b = s->bm;
    double left = s->x + b->left + 0.5, top = s->y + b->top + 0.5;
    if (f.c == 0 || f.n == 0) {
        grow(q, left + b->ink[0], top + b->ink[1], f);
        grow(q, left + b->ink[2] - 1, top + b->ink[3] - 1, f);
        return;
    }
    size_t n = (size_t)b->channels;
    for (int32_t y = b->ink[1]; y < b->ink[3]; y++) {
        const uint8_t *row = b->px + (size_t)y * (size_t)b->w * n + n - 1;
        int32_t x0 = b->ink[0], x1 = b->ink[2] - 1;
        while (x0 <= x1 && !row[(size_t)x0 * n]) x0++;
        while (x1 > x0 && !row[(size_t)x1 * n]) x1--;
        if (x0 > x1) continue;
        grow(q, left + x0, top + y, f);
        grow(q, left + x1, top + y, f);
    }
}

static void corners(const box *q, frame f, double half, double *out)
{
    double x0 = q->x0 - half, x1 = q->x1 + half, y0 = q->y0 - half, y1 = q->y1 + half;
    double u[4] = {x0, x1, x1, x0}, v[4] = {y0, y0, y1, y1};
    for (int k = 0; k < 4; k++)
        out[2 * k] = f.c * u[k] - f.n * v[k], out[2 * k + 1] = f.n * u[k] + f.c * v[k];
}

static void grow_points(box *q, const double *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) grow(q, p[2 * i], p[2 * i + 1], page);
}

static frame frame_of(const iml__lay_work *w, const iml__lay_line *l, uint32_t from, uint32_t n)
{
    const iml__lay_block *b = w->b;
    const iml__lay_unit *one = NULL, *first = NULL, *last = NULL;
    double lo = 1e30, hi = -1e30;
    bool upright = false;
    for (uint32_t i = from; i < from + n; i++) {
        const iml__lay_unit *u = &l->units[i];
        if (!u->inked) continue;
        bool up = l->runs[u->run].upright != 0;
        if (one && up != upright) return page;
        upright = up, one = u;
        double s = iml__lay_middle(l, u);
        if (s < lo) lo = s, first = u;
        if (s > hi) hi = s, last = u;
    }
    if (!one) return page;
    if (first == last) return (frame){one->c, one->n};
    iml__lay_spot p = iml__lay_spot_at(b, w->o, l, lo), q = iml__lay_spot_at(b, w->o, l, hi);
    frame f = {p.c, p.n}; // straight: the same all along the line
    double dx = q.x - p.x, dy = q.y - p.y, d = iml__hypot(dx, dy);
    if (b->table && d > 1e-9) f = (frame){dx / d, dy / d};
    if (!upright) return f;
    return b->par.ccw ? (frame){-f.n, f.c} : (frame){f.n, -f.c};
}

// ---- Polygons

// By winding: where the ends of a line around a whole circle meet, its polygon lies over itself.
static bool inside(const double *poly, uint32_t n, double x, double y)
{
    int turns = 0;
    for (uint32_t i = 0, j = n - 1; i < n; j = i++) {
        double xi = poly[2 * i], yi = poly[2 * i + 1], xj = poly[2 * j], yj = poly[2 * j + 1];
        if ((yi > y) != (yj > y) && x < (xj - xi) * (y - yi) / (yj - yi) + xi)
            turns += yi > y ? 1 : -1;
    }
    return turns != 0;
}

static bool holds_all(const iml__lay_line *l)
{
    for (uint32_t i = 0; i < l->nunits; i++)
        for (int k = 0; k < 8 && l->units[i].inked; k += 2)
            if (!inside(l->polygon, l->npolygon, l->units[i].quad[k], l->units[i].quad[k + 1]))
                return false;
    return true;
}

typedef struct band { // of a line beside its curve: along, above, below
    double lo, hi, up, down;
} band;

static band band_of(const iml__lay_work *w, const iml__lay_line *l)
{
    band r = {1e30, -1e30, 0, 0};
    for (uint32_t i = 0; i < l->nunits; i++) {
        const iml__lay_unit *u = &l->units[i];
        if (!u->inked) continue;
        double s = iml__lay_middle(l, u);
        iml__lay_spot p = iml__lay_spot_at(w->b, w->o, l, s);
        for (int k = 0; k < 8; k += 2) {
            double dx = u->quad[k] - p.x, dy = u->quad[k + 1] - p.y;
            double along = p.c * dx + p.n * dy, across = p.c * dy - p.n * dx;
            r.lo = IML_MIN(r.lo, s + along), r.hi = IML_MAX(r.hi, s + along);
            r.up = IML_MAX(r.up, -across), r.down = IML_MAX(r.down, across);
        }
    }
    return r;
}

// Two rows of points beside the curve, pushed out in half pixels until every unit's quad is inside.
static iml_status polygon(const iml__lay_work *w, iml__lay_line *l)
{
    band r = band_of(w, l);
    if (r.hi < r.lo) return IML_OK;
    double step = IML_MAX(4.0, w->o->faces[0]->spec.size / 2.0);
    uint32_t n = 2 + (uint32_t)((r.hi - r.lo) / step);
    l->polygon = iml_arena_alloc(w->a, 4 * ((size_t)n + 1) * sizeof *l->polygon);
    if (!l->polygon) return IML_FAIL(w->e, IML_ENOMEM, "no memory for a line's polygon");
    l->npolygon = 2 * (n + 1);
    for (int push = 0; push < PUSHES; push++) {
        double m = push * 0.5;
        for (uint32_t i = 0; i <= n; i++) {
            iml__lay_spot p =
                iml__lay_spot_at(w->b, w->o, l, r.lo - m + (r.hi - r.lo + 2 * m) * i / n);
            double *a = l->polygon + 2 * (size_t)i, *b = l->polygon + 2 * (size_t)(2 * n + 1 - i);
            a[0] = p.x + p.n * (r.up + m), a[1] = p.y - p.c * (r.up + m);
            b[0] = p.x - p.n * (r.down + m), b[1] = p.y + p.c * (r.down + m);
        }
        if (holds_all(l)) break;
    }
    return IML_OK;
}

// ---- All of them

static void unit_quad(const iml__lay_block *b, iml__lay_unit *u)
{
    box q = nothing;
    frame f = {u->c, u->n};
    for (uint32_t g = u->stamp; g < u->stamp + u->stamps; g++) grow_stamp(&q, &b->stamps[g], f);
    if (u->inked) corners(&q, f, 0.5, u->quad);
}

// The quad of units from..from+n; false if they have no ink.
static bool group_quad(const iml__lay_work *w, const iml__lay_line *l, uint32_t from, uint32_t n,
                       double *quad, double *cell)
{
    frame f = frame_of(w, l, from, n);
    box q = nothing, c = nothing;
    for (uint32_t k = from; k < from + n; k++) {
        const iml__lay_unit *u = &l->units[k];
        for (uint32_t g = u->stamp; g < u->stamp + u->stamps; g++)
            grow_stamp(&q, &w->b->stamps[g], f);
        for (int p = 0; p < 8; p += 2) grow(&c, u->cell[p], u->cell[p + 1], f);
    }
    if (cell) corners(&c, f, 0, cell);
    if (q.x0 > q.x1) return false;
    corners(&q, f, 0.5, quad);
    return true;
}

iml_status iml__lay_quads(const iml__lay_work *w)
{
    iml__lay_block *b = w->b;
    box all = nothing;
    for (uint32_t i = 0; i < b->nlines; i++) {
        iml__lay_line *l = &b->lines[i];
        for (uint32_t k = 0; k < l->nunits; k++) {
            unit_quad(b, &l->units[k]);
            grow_points(&all, l->units[k].cell, 4);
            if (l->units[k].inked) grow_points(&all, l->units[k].quad, 4);
        }
        for (uint32_t k = 0; k < l->nwords; k++) {
            iml__lay_word *v = &l->words[k];
            v->inked = group_quad(w, l, v->unit, v->units, v->quad, NULL);
            if (v->inked) grow_points(&all, v->quad, 4);
        }
        l->inked = group_quad(w, l, 0, l->nunits, l->quad, l->cell);
        if (l->inked) grow_points(&all, l->quad, 4);
        if (b->table) IML_TRY(polygon(w, l));
        grow_points(&all, l->polygon, l->npolygon);
    }
    b->box[0] = all.x0, b->box[1] = all.y0, b->box[2] = all.x1, b->box[3] = all.y1;
    for (int k = 0; k < 4; k++)
        if (!(fabs(b->box[k]) < FAR)) iml__lay_trouble(b, IML__LAY_TOO_LARGE, 0);
    return IML_OK;
}
