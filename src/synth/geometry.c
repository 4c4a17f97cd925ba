// geometry.c: canvas, map, and labels moved through it (synth.md 4.7, 3.2).
//
// The canvas is the block's box in whole pixels and the padding around it; where the picture may
// not cut ink it is at least one pixel wider than every ink quad on each side. Then all geometry is
// one map, so that what the pixels do the labels do.
//
// Where something moves, a pixel of ink is spread by the interpolation over its neighbours: its
// coverage is > 0 up to one source pixel from its centre, twice as far as its own edge. Quads are
// therefore grown by half a source pixel before they move, or every hundredth of the ink would lie
// outside. Straight maps then move the corners. Under elastic, grid and lens the ink's boundary is
// moved, and each edge of the moved quad goes along its normal until it touches.
#include "src/synth/geometry.h"

#include <math.h>
#include <string.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/synth/tighten.h"

enum { TRIES = 5 };
static const double spread = 0.5;     // px that interpolation adds to ink
static const double outline_step = 8; // px between points of a line's polygon

// ---- Canvas

static void quad_box(const double q[8], double box[4])
{
    for (int k = 0; k < 8; k += 2) {
        box[0] = IML_MIN(box[0], q[k]), box[1] = IML_MIN(box[1], q[k + 1]);
        box[2] = IML_MAX(box[2], q[k]), box[3] = IML_MAX(box[3], q[k + 1]);
    }
}

static iml_status canvas(const iml__render_params *p, iml__geometry *g, iml_err *e)
{
    const double *box = g->b->box;
    double x0 = floor(box[0]) - p->pad[0], y0 = floor(box[1]) - p->pad[1];
    double x1 = ceil(box[2]) + p->pad[2], y1 = ceil(box[3]) + p->pad[3];
    double ink[4] = {1e30, 1e30, -1e30, -1e30};
    for (uint32_t i = 0; i < g->b->nlines; i++)
        if (g->b->lines[i].inked) quad_box(g->b->lines[i].quad, ink);
    if (!p->clip_allow && ink[0] <= ink[2]) {
        x0 = IML_MIN(x0, floor(ink[0] - 1)), y0 = IML_MIN(y0, floor(ink[1] - 1));
        x1 = IML_MAX(x1, ceil(ink[2] + 1)), y1 = IML_MAX(y1, ceil(ink[3] + 1));
    }
    x1 = IML_MAX(x1, x0 + 1), y1 = IML_MAX(y1, y0 + 1);
    if (!((x1 - x0) * (y1 - y0) <= (double)p->max_canvas))
        return IML_FAIL(e, IML_ELIMIT, "the text needs a picture of %.0f x %.0f px", x1 - x0,
                        y1 - y0);
    g->ox = (int32_t)-x0, g->oy = (int32_t)-y0;
    g->canvas_w = (int32_t)(x1 - x0), g->canvas_h = (int32_t)(y1 - y0);
    return IML_OK;
}

// ---- Map

static iml_status add(const iml__render_params *p, iml__map *m, enum iml__op_id id,
                      const char *name, double v0, double v1, double v2, iml_err *e)
{
    iml__op op;
    iml__op_init(&op, id, p->seed, p->index, name);
    const iml__op_row *row = iml__op_row_of(id);
    double v[3] = {v0, v1, v2};
    // The last two parameters of every M op are edge and filter.
    for (uint32_t k = 0; k < 3 && k + 2 < row->nparams; k++) op.v[k] = v[k];
    op.v[row->nparams - 1] = p->bicubic;
    return iml__map_add(m, &op, e);
}

static iml_status add_all(const iml__render_params *p, iml__map *m, iml_err *e)
{
    if (p->skew_x != 0 || p->skew_y != 0)
        IML_TRY(add(p, m, IML__OP_SKEW, "synth.skew", p->skew_x, p->skew_y, 0, e));
    if (p->trapezoid_x != 0 || p->trapezoid_y != 0)
        IML_TRY(
            add(p, m, IML__OP_TRAPEZOID, "synth.trapezoid", p->trapezoid_x, p->trapezoid_y, 0, e));
    if (p->rotation != 0)
        IML_TRY(
            add(p, m, IML__OP_ROTATE, "synth.rotation_angle", p->rotation, IML__ROTATE_GROW, 0, e));
    if (p->perspective > 0)
        IML_TRY(add(p, m, IML__OP_PERSPECTIVE, "synth.perspective_warp_magnitude", p->perspective,
                    0, 0, e));
    if (p->elastic_alpha > 0 && p->elastic_sigma > 0)
        IML_TRY(add(p, m, IML__OP_ELASTIC, "synth.elastic_distortion", p->elastic_alpha,
                    p->elastic_sigma, 0, e));
    if (p->grid_steps >= 2 && p->grid_limit > 0)
        IML_TRY(
            add(p, m, IML__OP_GRID, "synth.grid_distortion", p->grid_steps, p->grid_limit, 0, e));
    if (p->optical != 0)
        IML_TRY(add(p, m, IML__OP_LENS, "synth.optical_distortion_limit", p->optical, p->optical,
                    IML__LENS_SIZE, e));
    return IML_OK;
}

// Corners of all ink quads on the canvas, as grown by the spread.
static iml_status ink_corners(const iml__geometry *g, iml_arena *a, double **xy, size_t *n,
                              iml_err *e)
{
    size_t count = 0;
    for (uint32_t i = 0; i < g->b->nlines; i++)
        count += 1 + g->b->lines[i].nunits + g->b->lines[i].nwords;
    double *q = iml_arena_alloc(a, count * 8 * sizeof *q);
    if (!q) return IML_FAIL(e, IML_ENOMEM, "no memory for the corners of the text");
    *xy = q;
    for (uint32_t i = 0; i < g->b->nlines; i++) {
        const iml__lay_line *l = &g->b->lines[i];
        for (uint32_t k = 0; k <= l->nunits + l->nwords; k++) {
            const iml__lay_word *w = k < l->nwords ? &l->words[k] : NULL;
            const iml__lay_unit *u = !w && k > l->nwords ? &l->units[k - l->nwords - 1] : NULL;
            if (!(w ? w->inked : u ? u->inked : l->inked)) continue;
            memcpy(q, w ? w->quad : u ? u->quad : l->quad, 8 * sizeof *q);
            iml__quad_push(q, spread);
            for (int c = 0; c < 8; c += 2) q[c] += g->ox, q[c + 1] += g->oy;
            q += 8;
        }
    }
    *n = (size_t)(q - *xy) / 2;
    return IML_OK;
}

// Bounds part where a strong perspective asks for far too much: the horizon has no end.
static void bound_part(iml__geometry *g, const int64_t box[4])
{
    int64_t w = g->canvas_w, h = g->canvas_h, far = 2 * (w + h);
    double limit = 4 * ((double)w * (double)h + (double)g->w * (double)g->h) + 1e6;
    int64_t q[4];
    do {
        far /= 2;
        q[0] = IML_CLAMP(box[0], -far, w - 1), q[1] = IML_CLAMP(box[1], -far, h - 1);
        q[2] = IML_CLAMP(box[2], q[0] + 1, w + far), q[3] = IML_CLAMP(box[3], q[1] + 1, h + far);
    } while (far > 0 && (double)(q[2] - q[0]) * (double)(q[3] - q[1]) > limit);
    for (int k = 0; k < 4; k++) {
        g->part[k] = (int32_t)q[k];
        if (q[k] != box[k]) g->part_cut = true;
    }
}

// ---- Labels

static void shift(const double *in, int n, double dx, double dy, double *out)
{
    for (int k = 0; k < n; k += 2) out[k] = in[k] + dx, out[k + 1] = in[k + 1] + dy;
}

static void move(const iml__geometry *g, const double *in, int n, double *out)
{
    shift(in, n, g->ox, g->oy, out);
    if (g->moves) iml__map_points(&g->map, out, (size_t)n / 2);
}

// An ink quad through a straight map, or through none.
static void move_quad(const iml__geometry *g, const double in[8], double out[8])
{
    double q[8];
    memcpy(q, in, sizeof q);
    if (g->moves) iml__quad_push(q, spread);
    move(g, q, 8, out);
}

// The same through a map that bends: xy are the boundary's n points, already moved.
static void bend_quad(const iml__geometry *g, const double in[8], const double *xy, size_t n,
                      double out[8])
{
    move(g, in, 8, out);
    double before = iml__quad_area(in), after = iml__quad_area(out);
    double scale = before > 0 ? sqrt(after / before) : 1;
    // Half a pixel of the pixel itself, half of the spread.
    iml__quad_touch(out, xy, n, IML_CLAMP(scale, 0.5, 2.0) * (0.5 + spread));
}

// Moved boundary points of a line's units: those of unit u are first[u] .. first[u + 1].
static iml_status boundary(const iml__geometry *g, const iml__lay_line *l, iml_arena *a,
                           double **xy, size_t **first, iml_err *e)
{
    size_t room = 0, n = 0;
    for (uint32_t u = 0; u < l->nunits; u++)
        for (uint32_t s = 0; s < l->units[u].stamps; s++)
            room += iml__boundary_room(&g->b->stamps[l->units[u].stamp + s]);
    *xy = iml_arena_alloc(a, (room + 1) * 2 * sizeof **xy);
    *first = iml_arena_alloc(a, ((size_t)l->nunits + 1) * sizeof **first);
    if (!*xy || !*first) return IML_FAIL(e, IML_ENOMEM, "no memory for the outline of the ink");
    for (uint32_t u = 0; u < l->nunits; u++) {
        (*first)[u] = n;
        for (uint32_t s = 0; s < l->units[u].stamps; s++)
            n += iml__boundary(&g->b->stamps[l->units[u].stamp + s], *xy + 2 * n);
    }
    (*first)[l->nunits] = n;
    for (size_t i = 0; i < n; i++) (*xy)[2 * i] += g->ox, (*xy)[2 * i + 1] += g->oy;
    iml__map_trail(&g->map, *xy, n);
    return IML_OK;
}

static iml_status polygon(const iml__geometry *g, const iml__lay_line *l, iml__render_line *out,
                          bool bends, iml_arena *a, iml_err *e)
{
    if (!l->npolygon && (!bends || !l->inked)) return IML_OK;
    size_t n = l->npolygon ? l->npolygon : iml__outline_room(l->quad, outline_step);
    double *xy = iml_arena_alloc(a, 4 * n * sizeof *xy);
    if (!xy) return IML_FAIL(e, IML_ENOMEM, "no memory for the outline of a line");
    if (l->npolygon)
        memcpy(xy, l->polygon, 2 * n * sizeof *xy);
    else
        n = iml__outline(l->quad, outline_step, xy);
    for (size_t i = 0; i < n; i++) xy[2 * i] += g->ox, xy[2 * i + 1] += g->oy;
    if (g->moves) {
        iml__map_points(&g->map, xy, n);
        iml__polygon_hold(xy, n, out->units, l->nunits, xy + 2 * n);
    }
    out->polygon = xy, out->npolygon = (uint32_t)n;
    return IML_OK;
}

static iml_status line_places(const iml__geometry *g, const iml__lay_line *l, bool bends,
                              iml__render_line *out, iml_arena *a, iml_err *e)
{
    double *xy = NULL;
    size_t *first = NULL;
    if (bends) IML_TRY(boundary(g, l, a, &xy, &first, e));
    for (uint32_t k = 0; k < l->nunits; k++) {
        const iml__lay_unit *u = &l->units[k];
        iml__render_unit *r = &out->units[k];
        r->inked = u->inked, r->visible = 1;
        move(g, u->cell, 8, r->cell);
        if (!u->inked) continue;
        if (bends)
            bend_quad(g, u->quad, xy + 2 * first[k], first[k + 1] - first[k], r->quad);
        else
            move_quad(g, u->quad, r->quad);
    }
    for (uint32_t k = 0; k < l->nwords; k++) {
        const iml__lay_word *w = &l->words[k];
        out->words[k].inked = w->inked;
        if (!w->inked) continue;
        if (bends)
            bend_quad(g, w->quad, xy + 2 * first[w->unit],
                      first[w->unit + w->units] - first[w->unit], out->words[k].quad);
        else
            move_quad(g, w->quad, out->words[k].quad);
    }
    out->inked = l->inked;
    if (l->inked && bends) bend_quad(g, l->quad, xy, first[l->nunits], out->quad);
    if (l->inked && !bends) move_quad(g, l->quad, out->quad);
    move(g, l->cell, 8, out->cell);
    move(g, l->baseline, 4, out->baseline);
    return polygon(g, l, out, bends, a, e);
}

static iml_status places(iml__geometry *g, iml_arena *a, iml_err *e)
{
    const iml__lay_block *b = g->b;
    bool bends = g->moves && !iml__map_straight(&g->map);
    g->lines = iml_arena_calloc(a, b->nlines, sizeof *g->lines);
    if (!g->lines) return IML_FAIL(e, IML_ENOMEM, "no memory for the labels of a picture");
    for (uint32_t i = 0; i < b->nlines; i++) {
        const iml__lay_line *l = &b->lines[i];
        iml__render_line *r = &g->lines[i];
        r->units = iml_arena_calloc(a, (size_t)l->nunits + 1, sizeof *r->units);
        r->words = iml_arena_calloc(a, (size_t)l->nwords + 1, sizeof *r->words);
        if (!r->units || !r->words)
            return IML_FAIL(e, IML_ENOMEM, "no memory for the labels of a picture");
        IML_TRY(line_places(g, l, bends, r, a, e));
    }
    return IML_OK;
}

// How far the farthest ink quad sticks out of the picture less one pixel.
static double sticks_out(const iml__geometry *g)
{
    double box[4] = {1, 1, g->w - 1.0, g->h - 1.0};
    for (uint32_t i = 0; i < g->b->nlines; i++) {
        const iml__render_line *r = &g->lines[i];
        if (r->inked) quad_box(r->quad, box);
        for (uint32_t k = 0; k < g->b->lines[i].nunits; k++)
            if (r->units[k].inked) quad_box(r->units[k].quad, box);
        for (uint32_t k = 0; k < g->b->lines[i].nwords; k++)
            if (r->words[k].inked) quad_box(r->words[k].quad, box);
    }
    double x = IML_MAX(1 - box[0], box[2] - (g->w - 1)),
           y = IML_MAX(1 - box[1], box[3] - (g->h - 1));
    return IML_MAX(x, y);
}

// ----

// The map of `plain`, as grown so that nothing is cut.
static iml_status make_map(const iml__render_params *p, const iml__map *plain, double margin,
                           iml_arena *a, iml__geometry *g, iml_err *e)
{
    g->map = *plain;
    g->w = g->canvas_w, g->h = g->canvas_h;
    if (!g->moves) return IML_OK;
    if (!p->clip_allow) {
        double *xy = NULL;
        size_t n = 0;
        IML_TRY(ink_corners(g, a, &xy, &n, e));
        IML_TRY(iml__map_grow(&g->map, a, xy, n, margin, p->max_canvas, e));
    }
    IML_TRY(iml__map_build(&g->map, a, e));
    g->w = g->map.w, g->h = g->map.h;
    if ((uint64_t)g->w * (uint64_t)g->h > p->max_canvas)
        return IML_FAIL(e, IML_ELIMIT, "the picture grew to %d x %d px", (int)g->w, (int)g->h);
    return IML_OK;
}

iml_status iml__geometry_make(const iml__render_params *p, const iml__lay_block *b, iml_arena *a,
                              iml__geometry *g, iml_err *e)
{
    iml__map plain;
    *g = (iml__geometry){.b = b};
    IML_TRY(canvas(p, g, e));
    iml__map_init(&plain, g->canvas_w, g->canvas_h);
    IML_TRY(add_all(p, &plain, e));
    g->moves = plain.nsteps > 0;
    if (g->moves) IML_TRY(iml__map_prepare(&plain, a, e));
    double margin = 1;
    for (int k = 0; k < TRIES; k++) {
        IML_TRY(make_map(p, &plain, margin, a, g, e));
        IML_TRY(places(g, a, e));
        // Edges of bent quads lie farther out than their corners told; the lattice between nodes
        // differs from the exact map by a little.
        double out = g->moves && !p->clip_allow ? sticks_out(g) : 0;
        if (!(out > 1e-3)) break;
        margin += ceil(out);
    }
    g->part[2] = g->w, g->part[3] = g->h;
    if (g->moves) {
        int64_t box[4];
        iml__map_source_box(&g->map, box);
        bound_part(g, box);
    }
    return IML_OK;
}

// ---- Visibility

static bool hidden(const iml__geometry *g, const int32_t c[4], double x, double y)
{
    if (!(x >= 0 && y >= 0 && x < g->w && y < g->h)) return true;
    return c[2] > 0 && x >= c[0] && y >= c[1] && x < c[0] + c[2] && y < c[1] + c[3];
}

// Nothing can be hidden of a quad that lies inside and clear of the cutout.
static bool safe(const iml__geometry *g, const int32_t c[4], const double quad[8])
{
    double box[4] = {1e30, 1e30, -1e30, -1e30};
    quad_box(quad, box);
    if (box[0] < 0 || box[1] < 0 || box[2] > g->w || box[3] > g->h) return false;
    return c[2] <= 0 || box[2] < c[0] || box[3] < c[1] || box[0] > c[0] + c[2] ||
           box[1] > c[1] + c[3];
}

static iml_status visible_share(const iml__geometry *g, const iml__lay_unit *u,
                                const int32_t cutout[4], iml_arena *a, double *share, iml_err *e)
{
    const iml__lay_stamp *s = g->b->stamps + u->stamp;
    int32_t x0 = INT32_MAX, y0 = INT32_MAX, x1 = INT32_MIN, y1 = INT32_MIN;
    for (uint32_t k = 0; k < u->stamps; k++) {
        int32_t x = s[k].x + s[k].bm->left, y = s[k].y + s[k].bm->top;
        x0 = IML_MIN(x0, x), x1 = IML_MAX(x1, x + s[k].bm->w);
        y0 = IML_MIN(y0, y), y1 = IML_MAX(y1, y + s[k].bm->h);
    }
    if (x0 >= x1 || y0 >= y1) return IML_OK;
    iml__lay_plane p = {
        .w = x1 - x0, .h = y1 - y0, .stride = (size_t)(x1 - x0), .ox = x0, .oy = y0};
    if (!(p.px = iml_arena_calloc(a, (size_t)p.h, p.stride)))
        return IML_FAIL(e, IML_ENOMEM, "no memory for the ink of a unit");
    for (uint32_t k = 0; k < u->stamps; k++) iml__lay_stamp_coverage(&s[k], &p);
    uint64_t all = 0, seen = 0;
    for (int32_t y = 0; y < p.h; y++)
        for (int32_t x = 0; x < p.w; x++) {
            uint8_t c = p.px[(size_t)y * p.stride + (size_t)x];
            if (!c) continue;
            double at[2] = {x0 + x + 0.5, y0 + y + 0.5};
            move(g, at, 2, at);
            all += c;
            if (!hidden(g, cutout, at[0], at[1])) seen += c;
        }
    *share = all ? (double)seen / (double)all : 1;
    return IML_OK;
}

iml_status iml__geometry_visible(iml__geometry *g, const int32_t cutout[4], iml_arena *a,
                                 iml_err *e)
{
    for (uint32_t i = 0; i < g->b->nlines; i++)
        for (uint32_t k = 0; k < g->b->lines[i].nunits; k++) {
            iml__render_unit *r = &g->lines[i].units[k];
            if (!r->inked || safe(g, cutout, r->quad)) continue;
            size_t mark = iml__arena_mark(a);
            iml_status st = visible_share(g, &g->b->lines[i].units[k], cutout, a, &r->visible, e);
            iml__arena_release(a, mark);
            if (st != IML_OK) return st;
        }
    return IML_OK;
}

static void scale(double *xy, size_t n, double sx, double sy)
{
    for (size_t k = 0; k < n; k++) xy[2 * k] *= sx, xy[2 * k + 1] *= sy;
}

void iml__geometry_scale(iml__geometry *g, double sx, double sy)
{
    if (sx == 1 && sy == 1) return;
    for (uint32_t i = 0; i < g->b->nlines; i++) {
        iml__render_line *r = &g->lines[i];
        scale(r->quad, 4, sx, sy);
        scale(r->cell, 4, sx, sy);
        scale(r->baseline, 2, sx, sy);
        scale((double *)(uintptr_t)r->polygon, r->npolygon, sx, sy);
        for (uint32_t k = 0; k < g->b->lines[i].nunits; k++)
            scale(r->units[k].quad, 4, sx, sy), scale(r->units[k].cell, 4, sx, sy);
        for (uint32_t k = 0; k < g->b->lines[i].nwords; k++) scale(r->words[k].quad, 4, sx, sy);
    }
}
