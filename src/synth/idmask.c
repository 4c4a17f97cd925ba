// idmask.c: masks of numbers.
//
// Each unit's (line's) own coverage is moved as the picture is, bilinear in the unit's box, and the
// pixel goes to the largest; of equals to the first. Moving the numbers themselves was rejected:
// between two letters there is no number in between, and nearest neighbours tear thin strokes.
// Where the picture is scaled afterwards, a pixel goes to the number with most coverage in the
// stretch that it shows. In the end there is a number exactly where the mask of the text has ink:
// bicubic and scaling filters reach a little farther than that stretch, or round it away.
#include "src/synth/idmask.h"

#include "src/base/arena.h"
#include "src/base/err.h"

#include <math.h>
#include <string.h>

enum { ROW = 256, GROWN = 3, NEAR = 16 };

typedef struct plane { // of the picture, before it is scaled
    int32_t w, h;
    uint32_t *best; // coverage x 2^16, of id
    uint16_t *id;
} plane;

typedef struct group { // a unit or a line
    const iml__lay_stamp *stamp;
    uint32_t n;
    int32_t at[4]; // where it may lie in the picture: x0 y0 x1 y1
    uint16_t id;
} group;

static bool stamps_box(const group *u, int32_t box[4])
{
    box[0] = box[1] = INT32_MAX, box[2] = box[3] = INT32_MIN;
    for (uint32_t k = 0; k < u->n; k++) {
        const iml__lay_stamp *s = &u->stamp[k];
        int32_t x = s->x + s->bm->left, y = s->y + s->bm->top;
        if (s->bm->ink[2] <= s->bm->ink[0]) continue;
        box[0] = IML_MIN(box[0], x + s->bm->ink[0]), box[2] = IML_MAX(box[2], x + s->bm->ink[2]);
        box[1] = IML_MIN(box[1], y + s->bm->ink[1]), box[3] = IML_MAX(box[3], y + s->bm->ink[3]);
    }
    return box[0] < box[2] && box[1] < box[3];
}

static uint32_t at(const iml__lay_plane *p, int32_t x, int32_t y)
{
    bool in = x >= 0 && y >= 0 && x < p->w && y < p->h;
    return in ? p->px[(size_t)y * p->stride + (size_t)x] : 0;
}

// Coverage x 2^16 at a place in 1/256 px of the plane, pixel centres at whole numbers.
static uint32_t bilinear(const iml__lay_plane *p, int32_t cx, int32_t cy)
{
    int32_t x = cx >> 8, y = cy >> 8;
    uint32_t u = (uint32_t)cx & 255, v = (uint32_t)cy & 255;
    if (x < -1 || y < -1 || x >= p->w || y >= p->h) return 0;
    return (at(p, x, y) * (256 - u) + at(p, x + 1, y) * u) * (256 - v) +
           (at(p, x, y + 1) * (256 - u) + at(p, x + 1, y + 1) * u) * v;
}

// What rounds to no coverage counts as none, as in the mask of the text.
static void take(plane *m, int32_t x, int32_t y, uint32_t sum, uint16_t id)
{
    size_t k = (size_t)y * (size_t)m->w + (size_t)x;
    if (sum < 32768 || sum <= m->best[k]) return;
    m->best[k] = sum, m->id[k] = id;
}

static iml_status draw(const iml__geometry *g, const group *u, plane *m, iml_arena *a, iml_err *e)
{
    int32_t box[4], cx[ROW], cy[ROW];
    if (!stamps_box(u, box)) return IML_OK;
    iml__lay_plane p = {.w = box[2] - box[0],
                        .h = box[3] - box[1],
                        .stride = (size_t)(box[2] - box[0]),
                        .ox = box[0],
                        .oy = box[1]};
    if (!(p.px = iml_arena_calloc(a, (size_t)p.h, p.stride)))
        return IML_FAIL(e, IML_ENOMEM, "no memory for the ink of a unit");
    for (uint32_t k = 0; k < u->n; k++) iml__lay_stamp_coverage(&u->stamp[k], &p);
    int32_t sx = -(g->ox + box[0]), sy = -(g->oy + box[1]); // of the canvas in the plane
    for (int32_t y = u->at[1]; y < u->at[3]; y++)
        for (int32_t x = u->at[0]; x < u->at[2]; x += ROW) {
            int32_t n = IML_MIN(u->at[2] - x, (int32_t)ROW);
            if (g->moves) iml__map_taps(&g->map, x, y, n, sx, sy, cx, cy);
            for (int32_t i = 0; i < n; i++) {
                if (!g->moves) cx[i] = (x + i + sx) * 256, cy[i] = (y + sy) * 256;
                take(m, x + i, y, bilinear(&p, cx[i], cy[i]), u->id);
            }
        }
    return IML_OK;
}

static void hold(const double q[8], const iml__geometry *g, int32_t box[4])
{
    for (int k = 0; k < 8; k += 2) {
        double x = IML_CLAMP(q[k], 0.0, (double)g->w), y = IML_CLAMP(q[k + 1], 0.0, (double)g->h);
        box[0] = IML_MIN(box[0], (int32_t)floor(x)), box[2] = IML_MAX(box[2], (int32_t)ceil(x));
        box[1] = IML_MIN(box[1], (int32_t)floor(y)), box[3] = IML_MAX(box[3], (int32_t)ceil(y));
    }
}

static void grow(const iml__geometry *g, int32_t box[4])
{
    box[0] = IML_MAX(box[0] - GROWN, 0), box[2] = IML_MIN(box[2] + GROWN, g->w);
    box[1] = IML_MAX(box[1] - GROWN, 0), box[3] = IML_MIN(box[3] + GROWN, g->h);
}

// The units first to last of a line as one group.
static iml_status draw_units(const iml__geometry *g, uint32_t line, uint32_t first, uint32_t last,
                             uint32_t number, plane *m, iml_arena *a, iml_err *e)
{
    const iml__lay_unit *units = g->b->lines[line].units;
    group u = {.at = {INT32_MAX, INT32_MAX, INT32_MIN, INT32_MIN}, .id = (uint16_t)(number + 1)};
    for (uint32_t k = first; k <= last; k++) { // stamps stand by line and unit
        if (!u.n) u.stamp = g->b->stamps + units[k].stamp;
        u.n += units[k].stamps;
        if (g->lines[line].units[k].inked) hold(g->lines[line].units[k].quad, g, u.at);
    }
    if (u.at[0] > u.at[2]) return IML_OK;
    grow(g, u.at);
    size_t mark = iml__arena_mark(a);
    iml_status st = draw(g, &u, m, a, e);
    iml__arena_release(a, mark);
    return st;
}

// ---- Scaling

typedef struct vote {
    uint16_t id;
    uint64_t sum;
} vote;

static uint16_t most(const plane *m, int32_t x0, int32_t x1, int32_t y0, int32_t y1)
{
    vote v[NEAR];
    size_t n = 0, best = 0;
    for (int32_t y = y0; y < y1; y++)
        for (int32_t x = x0; x < x1; x++) {
            size_t k = (size_t)y * (size_t)m->w + (size_t)x, i = 0;
            if (!m->id[k]) continue;
            while (i < n && v[i].id != m->id[k]) i++;
            if (i == NEAR) continue; // a pixel over so many letters has no true answer
            if (i == n) v[n++] = (vote){m->id[k], 0};
            v[i].sum += m->best[k];
        }
    for (size_t i = 1; i < n; i++)
        if (v[i].sum > v[best].sum || (v[i].sum == v[best].sum && v[i].id < v[best].id)) best = i;
    return n ? v[best].id : 0;
}

static void scale(const plane *m, iml_image *out)
{
    for (int32_t y = 0; y < out->h; y++) {
        uint16_t *d = (uint16_t *)(void *)iml__image_row(out, y);
        int32_t y0 = (int32_t)((int64_t)y * m->h / out->h);
        int32_t y1 = (int32_t)(((int64_t)(y + 1) * m->h + out->h - 1) / out->h);
        if (out->h >= m->h) y0 = (int32_t)((2 * (int64_t)y + 1) * m->h / (2 * out->h)), y1 = y0 + 1;
        for (int32_t x = 0; x < out->w; x++) {
            int32_t x0 = (int32_t)((int64_t)x * m->w / out->w);
            int32_t x1 = (int32_t)(((int64_t)(x + 1) * m->w + out->w - 1) / out->w);
            if (out->w >= m->w)
                x0 = (int32_t)((2 * (int64_t)x + 1) * m->w / (2 * out->w)), x1 = x0 + 1;
            d[x] = most(m, x0, x1, y0, y1);
        }
    }
}

// ---- As the text's mask has it

static uint16_t number_at(const iml_image *m, int32_t x, int32_t y)
{
    bool in = x >= 0 && y >= 0 && x < m->w && y < m->h;
    return in ? ((const uint16_t *)(const void *)iml__image_row(m, y))[x] : 0;
}

// The number nearest to a pixel, at most `far` away; of equals the first in raster order.
static uint16_t nearest(const iml_image *m, int32_t x, int32_t y, int32_t far)
{
    int32_t least = INT32_MAX;
    uint16_t id = 0;
    for (int32_t r = 1; r <= far && r * r < least; r++)
        for (int32_t j = -r; j <= r; j++) // the ring alone: what is inside was looked at
            for (int32_t i = -r; i <= r; i += j == -r || j == r ? 1 : 2 * r) {
                uint16_t v = number_at(m, x + i, y + j);
                int32_t d = i * i + j * j;
                if (v && d < least) least = d, id = v;
            }
    return id;
}

static void agree(const iml_image *text, int32_t far, const iml_image *from, iml_image *out)
{
    for (int32_t y = 0; y < out->h; y++) {
        const uint8_t *ink = iml__image_row(text, y);
        uint16_t *d = (uint16_t *)(void *)iml__image_row(out, y);
        for (int32_t x = 0; x < out->w; x++) {
            if (!ink[x])
                d[x] = 0;
            else if (!d[x])
                d[x] = nearest(from, x, y, far);
        }
    }
}

// ----

iml_status iml__idmask(const iml__geometry *g, bool lines, const iml_image *text, iml_arena *a,
                       iml_image *out, iml_err *e)
{
    int32_t w = text->w, h = text->h;
    const iml__lay_block *b = g->b;
    uint32_t groups = lines ? b->nlines : b->nunits, number = 0;
    if (groups > 65535)
        return IML_FAIL(e, IML_ELIMIT, "a mask of 16 bits has no room for %u %s", groups,
                        lines ? "lines" : "units");
    iml_image own;
    IML_TRY(iml__image_new(a, w, h, 1, IML__U16, out, e));
    size_t mark = iml__arena_mark(a), n = (size_t)g->w * (size_t)g->h;
    plane m = {g->w, g->h, iml_arena_calloc(a, n, sizeof *m.best),
               iml_arena_calloc(a, n, sizeof *m.id)};
    if (!m.best || !m.id) return IML_FAIL(e, IML_ENOMEM, "no memory for a mask");
    for (uint32_t i = 0; i < b->nlines; i++) {
        uint32_t units = b->lines[i].nunits;
        if (lines && units) IML_TRY(draw_units(g, i, 0, units - 1, i, &m, a, e));
        for (uint32_t k = 0; k < units && !lines; k++)
            IML_TRY(draw_units(g, i, k, k, number++, &m, a, e));
    }
    if (w == m.w && h == m.h)
        for (int32_t y = 0; y < h; y++)
            memcpy(iml__image_row(out, y), m.id + (size_t)y * (size_t)w, 2 * (size_t)w);
    else
        scale(&m, out);
    // A filter's reach: two pixels of the canvas (bicubic), one of them or of ours when scaled.
    int32_t far = 3 + IML_MAX(w / m.w, h / m.h);
    IML_TRY(iml__image_new(a, w, h, 1, IML__U16, &own, e));
    for (int32_t y = 0; y < h; y++)
        memcpy(iml__image_row(&own, y), iml__image_row(out, y), 2 * (size_t)w);
    agree(text, far, &own, out);
    iml__arena_release(a, mark);
    return IML_OK;
}
