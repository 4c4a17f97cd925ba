// ink.c: placed units -> stamps, and stamps -> coverage planes.
//
// Straight text: every glyph is quantised in its own upright frame (1/4 px along, 1 px across),
// drawn from the cache and, in a turned run, turned by moving pixels: no second rendering, and the
// same coverage as upright. Curves and units that jitter turns: outlines are turned (rigid) or
// mapped point by point (bent), without quantising. Colour glyphs are never turned but by quarters.
#include "src/synth/stage.h"

#include <math.h>

#include "src/base/err.h"
#include "src/synth/glyph.h"

typedef struct bend {
    const iml__lay_block *b;
    const iml__lay_opt *o;
    const iml__lay_line *l;
    const iml__lay_unit *u;
    double dx, dy, x0,
        y0; // the glyph's place in the unit's frame, y down; the stamp's in the picture
    double centre, middle;
    bool upright;
} bend;

// A glyph's point (pixels, y up, from the glyph's origin) to the picture (y up, relative to x0,
// y0).
static void bend_point(void *cookie, double *x, double *y)
{
    const bend *c = cookie;
    double lx = c->dx + *x, ly = c->dy - *y, along = lx, across = ly + c->centre;
    if (c->upright && !c->b->par.ccw)
        along = ly, across = -lx;
    else if (c->upright)
        along = -ly, across = lx;
    iml__lay_spot p = iml__lay_spot_at(c->b, c->o, c->l, c->middle + along);
    *x = p.x - p.n * across - c->x0;
    *y = -(p.y + p.c * across - c->y0);
}

static bend bend_of(const iml__lay_work *w, const iml__lay_line *l, const iml__lay_unit *u,
                    double lx, double ly)
{
    bool upright = l->runs[u->run].upright;
    bool mixed = iml__lay_column(w->o) && !w->b->par.sideways;
    return (bend){.b = w->b,
                  .o = w->o,
                  .l = l,
                  .u = u,
                  .dx = lx,
                  .dy = ly,
                  .x0 = floor(u->x),
                  .y0 = floor(u->y),
                  .centre = mixed && !upright ? iml__lay_centre(w->o) : 0,
                  .middle = iml__lay_middle(l, u),
                  .upright = upright};
}

typedef struct place {
    uint32_t line, unit;
    double lx, ly; // glyph's origin from the unit's anchor, in its reading frame, y down
    int quarter;   // of a turned run: 0, 1 clockwise, 3
} place;

static iml_status straight_stamp(const iml__lay_work *w, iml__face *f, uint32_t gid,
                                 const place *at, iml__lay_stamp *s)
{
    const iml__lay_unit *u = &w->b->lines[at->line].units[at->unit];
    // In the reading frame: x along, y across.
    double px = u->x + at->lx, py = u->y + at->ly;
    if (at->quarter == 1) px = u->y + at->lx, py = -u->x + at->ly;
    if (at->quarter == 3) px = -u->y + at->lx, py = u->x + at->ly;
    int32_t q = (int32_t)floor(px * 4 + 0.5), row = (int32_t)floor(py + 0.5), column = q >> 2;
    if (f->file->colour) column = (int32_t)floor(px + 0.5);
    IML_TRY(iml__glyph_bitmap(f, gid, (uint32_t)q & 3, s->layer, w->a, &s->bm, w->e));
    s->x = column, s->y = row;
    if (!at->quarter || !s->bm->w) return IML_OK;
    IML_TRY(iml__glyph_quarter(s->bm, at->quarter, w->a, &s->bm, w->e));
    s->x = at->quarter == 1 ? -row : row, s->y = at->quarter == 1 ? column : -column;
    return IML_OK;
}

// A picture on a curve or in a jittered unit: not turned, its middle where the unit's frame has it.
static iml_status picture_stamp(const iml__lay_work *w, iml__face *f, uint32_t gid, const place *at,
                                iml__lay_stamp *s)
{
    const iml__lay_unit *u = &w->b->lines[at->line].units[at->unit];
    s->x = (int32_t)floor(u->x + u->c * at->lx - u->n * at->ly + 0.5);
    s->y = (int32_t)floor(u->y + u->n * at->lx + u->c * at->ly + 0.5);
    return iml__glyph_bitmap(f, gid, 0, s->layer, w->a, &s->bm, w->e);
}

static iml_status curved_stamp(const iml__lay_work *w, iml__face *f, uint32_t gid, const place *at,
                               iml__lay_stamp *s)
{
    const iml__lay_line *l = &w->b->lines[at->line];
    const iml__lay_unit *u = &l->units[at->unit];
    s->x = (int32_t)floor(u->x), s->y = (int32_t)floor(u->y);
    if (w->b->bent && u->scale == 1 && !w->o->jitter) {
        bend c = bend_of(w, l, u, at->lx, at->ly);
        return iml__glyph_bent(f, gid, bend_point, &c, 2, s->layer, w->a, &s->bm, w->e);
    }
    double c = u->c * u->scale, n = u->n * u->scale;
    iml__glyph_move m = {.xx = c, .xy = n, .yx = -n, .yy = c};
    m.dx = u->x + c * at->lx - n * at->ly - s->x;
    m.dy = -(u->y + n * at->lx + c * at->ly - s->y);
    return iml__glyph_turned(f, gid, &m, s->layer, w->a, &s->bm, w->e);
}

static iml_status stamp(const iml__lay_work *w, iml__face *f, uint32_t gid, const place *at,
                        uint32_t layer)
{
    const iml__lay_unit *u = &w->b->lines[at->line].units[at->unit];
    iml__lay_stamp s = {.line = at->line, .unit = at->unit, .layer = layer};
    // A jittered unit is off its quarter turn or has another size.
    bool straight = !w->b->table && u->scale == 1 && (u->c == 0 || u->n == 0);
    iml_status st = straight          ? straight_stamp(w, f, gid, at, &s)
                    : f->file->colour ? picture_stamp(w, f, gid, at, &s)
                                      : curved_stamp(w, f, gid, at, &s);
    if (st == IML_EINPUT) { // the font's fault: another face may do
        iml__lay_trouble(w->b, IML__LAY_BAD_GLYPH, u->start);
        return IML_OK;
    }
    IML_TRY(st);
    if (s.bm->ink[2] <= s.bm->ink[0]) return IML_OK;
    w->b->colour = w->b->colour || s.bm->channels == 4;
    w->b->stamps[w->b->nstamps++] = s;
    return IML_OK;
}

static iml_status stamp_unit(const iml__lay_work *w, uint32_t li, uint32_t ui)
{
    iml__lay_line *l = &w->b->lines[li];
    iml__lay_unit *u = &l->units[ui];
    const iml__lay_run *r = &l->runs[u->run];
    iml__face *f = w->o->faces[r->face];
    place at = {.line = li, .unit = ui};
    int64_t pen = 0;
    if (iml__lay_column(w->o) && !r->upright) at.quarter = w->b->par.ccw ? 3 : 1;
    u->stamp = w->b->nstamps;
    for (uint32_t g = u->glyph; g < u->glyph + u->glyphs; g++) {
        const iml__lay_glyph *gl = &l->glyphs[g];
        at.lx = ((double)(pen + gl->dx) - u->adv / 2.0) / 64.0, at.ly = -gl->dy / 64.0;
        if (r->upright == IML__LAY_TTB_RUN) {
            at.lx = gl->dx / 64.0;
            at.ly = ((double)(pen - gl->dy) - u->adv / 2.0) / 64.0;
        } else if (r->upright == IML__LAY_STACKED) {
            // Its row in the middle of the column, its line's height in the middle of the cell.
            at.lx = ((double)(pen + gl->dx) - u->wide / 2.0) / 64.0;
            at.ly += iml__lay_centre(w->o);
        }
        pen += gl->adv;
        if (f->border) IML_TRY(stamp(w, f, gl->gid, &at, IML__LAY_BORDER));
        IML_TRY(stamp(w, f, gl->gid, &at, IML__LAY_FILL));
    }
    u->stamps = w->b->nstamps - u->stamp;
    u->inked = u->stamps > 0;
    return IML_OK;
}

static bool bends(const iml__lay_block *b, const iml__lay_opt *o)
{
    if (!b->table || o->bend != IML__LAY_BEND_AUTO) return b->table && o->bend == IML__LAY_BEND;
    for (uint32_t i = 0; i < b->nlines; i++)
        for (uint32_t k = 0; k < b->lines[i].nunits; k++)
            if (b->lines[i].units[k].joins) return true;
    return false;
}

iml_status iml__lay_ink(const iml__lay_work *w)
{
    iml__lay_block *b = w->b;
    size_t n = 0;
    for (uint32_t i = 0; i < b->nlines; i++) n += b->lines[i].nglyphs;
    b->stamps = iml_arena_calloc(w->a, 2 * n + 1, sizeof *b->stamps);
    if (!b->stamps) return IML_FAIL(w->e, IML_ENOMEM, "no memory for %zu glyphs", n);
    b->bent = bends(b, w->o);
    for (uint32_t i = 0; i < b->nlines; i++)
        for (uint32_t k = 0; k < b->lines[i].nunits && !b->problem; k++)
            IML_TRY(stamp_unit(w, i, k));
    return IML_OK;
}

// ---- Planes

typedef struct window {
    const uint8_t *from; // first byte of the first row
    size_t from_stride;
    uint8_t *to;
    int32_t w, h;
} window;

// The part of the stamp's ink that the plane shows. False: none.
static bool clip(const iml__lay_stamp *s, const iml__lay_plane *p, int32_t bytes, window *o)
{
    const iml__lay_bitmap *b = s->bm;
    int64_t left = (int64_t)s->x + b->left - p->ox, top = (int64_t)s->y + b->top - p->oy;
    int64_t x0 = IML_MAX(b->ink[0], -left), x1 = IML_MIN(b->ink[2], p->w - left);
    int64_t y0 = IML_MAX(b->ink[1], -top), y1 = IML_MIN(b->ink[3], p->h - top);
    if (x0 >= x1 || y0 >= y1) return false;
    o->w = (int32_t)(x1 - x0), o->h = (int32_t)(y1 - y0);
    o->from_stride = (size_t)b->w * (size_t)b->channels;
    o->from = b->px + (size_t)y0 * o->from_stride + (size_t)x0 * (size_t)b->channels;
    o->to = p->px + (size_t)(top + y0) * p->stride + (size_t)(left + x0) * (size_t)bytes;
    return true;
}

void iml__lay_stamp_coverage(const iml__lay_stamp *s, const iml__lay_plane *p)
{
    window o;
    if (!clip(s, p, 1, &o)) return;
    const int n = s->bm->channels;
    for (int32_t y = 0; y < o.h; y++, o.from += o.from_stride, o.to += p->stride)
        if (n == 1)
            for (int32_t x = 0; x < o.w; x++) o.to[x] = IML_MAX(o.to[x], o.from[x]);
        else
            for (int32_t x = 0; x < o.w; x++) o.to[x] = IML_MAX(o.to[x], o.from[4 * x + 3]);
}

void iml__lay_coverage(const iml__lay_block *b, uint32_t layer, const iml__lay_plane *p)
{
    for (uint32_t i = 0; i < b->nstamps; i++)
        if (b->stamps[i].layer == layer) iml__lay_stamp_coverage(&b->stamps[i], p);
}

static uint32_t div255(uint32_t v) { return (v + 127) / 255; }

// Source over with straight alpha on both sides.
static void over(uint8_t *to, const uint8_t *from)
{
    uint32_t a = from[3], under = div255(to[3] * (255 - a)), sum = a + under;
    if (!a) return;
    for (int c = 0; c < 3; c++) to[c] = (uint8_t)((from[c] * a + to[c] * under + sum / 2) / sum);
    to[3] = (uint8_t)sum;
}

void iml__lay_colours(const iml__lay_block *b, const iml__lay_plane *p)
{
    for (uint32_t i = 0; i < b->nstamps; i++) {
        window o;
        if (b->stamps[i].bm->channels != 4 || !clip(&b->stamps[i], p, 4, &o)) continue;
        for (int32_t y = 0; y < o.h; y++, o.from += o.from_stride, o.to += p->stride)
            for (int32_t x = 0; x < o.w; x++) over(o.to + 4 * (size_t)x, o.from + 4 * (size_t)x);
    }
}
