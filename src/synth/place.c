// place.c: where lines and units stand: pitch, alignment, columns, curves, cells.
//
// A curve is a table of points and directions at whole pixels of arc length, made once a block,
// linear between (at a radius of 45 px, the tightest there is, that is off by less than 0.003 px)
// and straight beyond its ends. Sines of evenly spaced angles come from rotations by one small
// angle, begun anew from an exact value every 32 points: half a million exact sines a second would
// cost more than all glyphs. x(s) of the sine wave is integrated by the midpoint rule, so that
// steep parts do not pull the letters apart.
#include "src/synth/stage.h"

#include <math.h>

#include "src/base/err.h"
#include "src/base/fmath.h"

enum { TABLE_MAX = 1 << 22, RENEW = 32, EXTENT_MAX = 1 << 24 };

// ---- Curves

typedef struct turn {
    double c, s;
} turn;

static turn turn_of(double angle) { return (turn){iml__cos(angle), iml__sin(angle)}; }

// Rotation by a small angle: Taylor to the 14th power, exact to the last bit but one below 1/2.
static turn small_turn(double d)
{
    if (fabs(d) > 0.5) return turn_of(d);
    double q = d * d, s = 1, c = 1;
    for (int k = 6; k >= 1; k--) {
        s = 1 - q / ((2 * k) * (2 * k + 1)) * s;
        c = 1 - q / ((2 * k - 1) * (2 * k)) * c;
    }
    return (turn){c, d * s};
}

static turn add_turn(turn a, turn b)
{
    return (turn){a.c * b.c - a.s * b.s, a.s * b.c + a.c * b.s};
}

static void arc_table(const iml__lay_block *b, const iml__lay_opt *o, iml__lay_spot *t,
                      int32_t half)
{
    double r = b->radius;
    turn step = small_turn(1 / r), at = {1, 0};
    for (int32_t k = 0; k <= half; k++) {
        at = k % RENEW ? add_turn(at, step) : turn_of(k / r);
        double x = r * at.s, y = r * (1 - at.c), n = at.s;
        if (o->concave) y = -y, n = -n;
        t[half + k] = (iml__lay_spot){x, y, at.c, n};
        t[half - k] = (iml__lay_spot){-x, y, at.c, -n};
    }
}

static void sine_table(const iml__lay_block *b, const iml__lay_opt *o, iml__lay_spot *t,
                       int32_t half)
{
    double A = b->amplitude, f = o->frequency;
    for (int way = -1; way <= 1; way += 2) {
        double x = 0;
        turn at = {1, 0};
        for (int32_t k = 0; k <= half; k++) {
            if (k % RENEW == 0) at = turn_of(f * x + o->phase);
            double slope = A * f * at.c, c = 1 / sqrt(1 + slope * slope);
            t[half + way * k] = (iml__lay_spot){x, A * at.s, c, slope * c};
            double half_step = way * 0.5 * c;
            double mid = A * f * add_turn(at, small_turn(f * half_step)).c;
            double whole = way / sqrt(1 + mid * mid);
            at = add_turn(at, small_turn(f * whole));
            x += whole;
        }
    }
}

static iml_status curve_table(const iml__lay_work *w)
{
    iml__lay_block *b = w->b;
    bool arc = w->o->curve == IML__LAY_ARC && b->radius > 1;
    bool sine = w->o->curve == IML__LAY_SINE && b->amplitude > 0.1;
    if (!arc && !sine) return IML_OK;
    double half = floor(b->length / 2) + 4.0 * w->o->faces[0]->spec.size;
    if (half > TABLE_MAX || (sine && fabs(w->o->frequency * half) + fabs(w->o->phase) > 1e6)) {
        iml__lay_trouble(b, IML__LAY_TOO_LARGE, 0);
        return IML_OK;
    }
    b->table_n = 2 * (int32_t)half + 1;
    iml__lay_spot *t = iml_arena_alloc(w->a, (size_t)b->table_n * sizeof *t);
    if (!t) return IML_FAIL(w->e, IML_ENOMEM, "no memory for a curve of %d px", b->table_n);
    if (arc)
        arc_table(b, w->o, t, (int32_t)half);
    else
        sine_table(b, w->o, t, (int32_t)half);
    b->table = t;
    return IML_OK;
}

static iml__lay_spot on_curve(const iml__lay_block *b, double s)
{
    if (!b->table) return (iml__lay_spot){s, 0, 1, 0};
    const int32_t middle = b->table_n / 2;
    double at = s + middle, in = IML_CLAMP(at, 0.0, b->table_n - 1.0), over = at - in;
    int32_t k = (int32_t)in;
    if (k >= b->table_n - 1) k = b->table_n - 2;
    const iml__lay_spot *p = &b->table[k], *q = p + 1;
    double t = in - k;
    iml__lay_spot r = {p->x + (q->x - p->x) * t, p->y + (q->y - p->y) * t, p->c + (q->c - p->c) * t,
                       p->n + (q->n - p->n) * t};
    r.x += over * r.c, r.y += over * r.n;
    return r;
}

// The frame of a column is turned as a whole.
iml__lay_spot iml__lay_spot_at(const iml__lay_block *b, const iml__lay_opt *o,
                               const iml__lay_line *l, double s)
{
    iml__lay_spot p = on_curve(b, s);
    p.y += l->v0;
    if (!iml__lay_column(o)) return p;
    return b->par.ccw ? (iml__lay_spot){p.y, -p.x, p.n, -p.c}
                      : (iml__lay_spot){-p.y, p.x, -p.n, p.c};
}

void iml__lay_curve_at(const iml__lay_block *b, const iml__lay_opt *o, const iml__lay_line *l,
                       double s, double *x, double *y, double *angle)
{
    iml__lay_spot p = iml__lay_spot_at(b, o, l, s);
    *x = p.x, *y = p.y;
    *angle = iml__atan2(p.n, p.c);
}

// ---- Lines

static void effective_curve(iml__lay_block *b, const iml__lay_opt *o)
{
    double up = IML_MAX(b->ascent, b->descent), steepest = 1;
    double span = b->nlines > 1 ? IML_MIN(o->max_span, 120.0) : o->max_span;
    if (o->curve == IML__LAY_ARC && o->radius > 1) {
        double least = IML_MAX(b->length * 180 / (IML__PI * span), 1.5 * up);
        b->radius = IML_MAX(o->radius, least);
        steepest = iml__cos(b->length / 2 / b->radius);
    } else if (o->curve == IML__LAY_SINE && o->frequency > 0) {
        double f =
            o->frequency; // no tighter than a circle of 1.5 ascents, no steeper than 60 degrees
        double most = IML_MIN(1 / (1.5 * up * f * f), sqrt(3) / f);
        b->amplitude = IML_MIN(o->amplitude, most);
        steepest = 1 / sqrt(1 + b->amplitude * f * b->amplitude * f);
    }
    b->pitch /= IML_MAX(steepest, 0.5);
}

static void metrics(iml__lay_block *b, const iml__lay_opt *o)
{
    double column = 1.2 * o->faces[0]->spec.size;
    for (uint32_t i = 0; i < b->nlines; i++) {
        const iml__lay_line *l = &b->lines[i];
        for (uint32_t r = 0; r < l->nruns; r++) {
            const iml__face *f = o->faces[l->runs[r].face];
            b->ascent = IML_MAX(b->ascent, f->ascent / 64.0);
            b->descent = IML_MAX(b->descent, -f->descent / 64.0);
            column = IML_MAX(column, f->column / 64.0);
        }
        b->length = IML_MAX(b->length, l->width / 64.0);
    }
    if (iml__lay_column(o) && !b->par.sideways)
        b->ascent = b->descent = IML_MAX(column, b->ascent + b->descent) / 2;
    b->pitch = o->line_spacing * (b->ascent + b->descent);
    effective_curve(b, o);
}

static void justify(iml__lay_line *l, double rest)
{
    uint32_t gaps = 0, done = 0;
    int32_t shift = 0;
    int64_t extra = (int64_t)(rest * 64);
    for (uint32_t i = 1; i < l->nunits; i++) gaps += l->units[l->visual[i]].white;
    for (uint32_t i = 0; gaps && i < l->nunits; i++) {
        iml__lay_unit *u = &l->units[l->visual[i]];
        u->u += shift;
        if (!i || !u->white) continue;
        int32_t now = (int32_t)(extra * ++done / gaps);
        u->adv += now - shift, shift = now;
    }
    if (gaps) l->width += (int32_t)extra;
}

// Share of the free room that lies before the line's left (upper, in columns read downward) end.
static double share_before(const iml__lay_block *b, const iml__lay_opt *o)
{
    bool column = iml__lay_column(o), backward = b->par.base_level & 1;
    enum iml__lay_align a = o->align;
    bool fits = column ? a == IML__LAY_TOP || a == IML__LAY_BOTTOM
                       : a == IML__LAY_LEFT || a == IML__LAY_RIGHT;
    if (fits) {
        bool far = a == IML__LAY_RIGHT || a == IML__LAY_BOTTOM;
        return far != (column && b->par.ccw);
    }
    if (a == IML__LAY_CENTER) return 0.5;
    return (a == IML__LAY_END) != backward;
}

// Columns go right to left, except Mongolian and text that is turned counter-clockwise as a whole.
static bool columns_go_left(const iml__lay_block *b, const iml__lay_opt *o)
{
    if (o->columns != IML__LAY_COLUMNS_AUTO) return o->columns == IML__LAY_COLUMNS_RTL;
    bool mongolian = b->lines[0].nruns && b->lines[0].runs[0].script == HB_SCRIPT_MONGOLIAN;
    return !mongolian && !(b->par.sideways && b->par.ccw);
}

// ---- Units

static void rotate(iml__lay_unit *u, bool ccw)
{
    double c = u->c;
    u->c = ccw ? -u->n : u->n;
    u->n = ccw ? c : -c;
}

static void place_unit(const iml__lay_work *w, const iml__lay_line *l, iml__lay_unit *u,
                       uint32_t number, double centre)
{
    const iml__lay_block *b = w->b;
    const iml__lay_run *r = &l->runs[u->run];
    iml__lay_spot s = iml__lay_spot_at(b, w->o, l, iml__lay_middle(l, u));
    double half = u->adv / 128.0, box[4] = {-half, -b->ascent, half, b->descent};
    u->x = s.x, u->y = s.y, u->c = s.c, u->n = s.n;
    if (b->table) { // between two points of the table the direction is a little short
        double d = sqrt(s.c * s.c + s.n * s.n);
        u->c /= d, u->n /= d;
    }
    if (r->upright) { // undoes the column's turn
        rotate(u, b->par.ccw);
        box[0] = -b->ascent, box[1] = -half, box[2] = b->ascent, box[3] = half;
    } else if (centre != 0) { // from the column's middle down to the unit's own baseline
        u->x += -u->n * centre, u->y += u->c * centre;
        box[1] = -centre - b->ascent, box[3] = -centre + b->descent;
    }
    for (int q = 0; q < 4; q++) {
        double x = box[q == 1 || q == 2 ? 2 : 0], y = box[q < 2 ? 1 : 3];
        u->cell[2 * q] = u->x + u->c * x - u->n * y;
        u->cell[2 * q + 1] = u->y + u->n * x + u->c * y;
    }
    if (w->o->jitter) {
        iml__lay_jitter j = {.scale = 1};
        w->o->jitter(w->o->jitter_user, number, &j);
        u->x += -u->n * j.dy, u->y += u->c * j.dy;
        u->scale = j.scale;
        if (j.angle != 0) {
            turn t = add_turn((turn){u->c, u->n}, turn_of(j.angle));
            u->c = t.c, u->n = t.s;
        }
    }
    u->angle = u->n == 0 && u->c > 0 ? 0 : iml__atan2(u->n, u->c);
}

iml_status iml__lay_place(const iml__lay_work *w)
{
    iml__lay_block *b = w->b;
    const iml__lay_opt *o = w->o;
    metrics(b, o);
    if (b->pitch * b->nlines > EXTENT_MAX) iml__lay_trouble(b, IML__LAY_TOO_LARGE, 0);
    if (b->problem) return IML_OK;
    IML_TRY(curve_table(w));
    if (b->problem) return IML_OK;
    bool column = iml__lay_column(o);
    double sign = column && columns_go_left(b, o) == b->par.ccw ? -1 : 1;
    // A turned run hangs its baseline so that the first face's ascent and descent are centred.
    double centre = column && !b->par.sideways ? iml__lay_centre(o) : 0;
    double pitch = b->table ? b->pitch : floor(b->pitch + 0.5), before = share_before(b, o);
    uint32_t number = 0;
    for (uint32_t i = 0; i < b->nlines; i++) {
        iml__lay_line *l = &b->lines[i];
        if (o->align == IML__LAY_JUSTIFY && i + 1 < b->nlines)
            justify(l, b->length - l->width / 64.0);
        l->u0 = (b->length - l->width / 64.0) * before - b->length / 2;
        l->v0 = sign * i * pitch;
        iml__lay_spot e0 = iml__lay_spot_at(b, o, l, l->u0);
        iml__lay_spot e1 = iml__lay_spot_at(b, o, l, l->u0 + l->width / 64.0);
        l->baseline[0] = e0.x, l->baseline[1] = e0.y, l->baseline[2] = e1.x, l->baseline[3] = e1.y;
        for (uint32_t k = 0; k < l->nunits; k++) place_unit(w, l, &l->units[k], number++, centre);
    }
    return IML_OK;
}
