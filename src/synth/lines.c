// lines.c: where lines end, by count or by width.
//
// The whole paragraph is shaped once; units and widths then say where lines may end; if there is
// more than one line, each is shaped again with itself as HarfBuzz's context, so a line's picture
// depends on the line's own text only and equals hb-shape of that text. By count, line k ends at
// the opportunity nearest to k total / lines units: greedy filling can need more lines than asked.
// White space at a break is in no line.
#include "src/synth/stage.h"

#include "src/base/err.h"

typedef struct cutter {
    const iml__lay_par *p;
    const iml__lay_opt *o;
    const iml__lay_line *whole;
    bool loose; // scripts without spaces and without a dictionary break between units
} cutter;

static bool no_dictionary(const iml__lay_work *w, uint32_t cp)
{
    const iml__ucd_rec *r = iml__ucd_get(cp);
    return r->lb == IML__LB_SA && (r->script != IML__SC_Thai || !iml__thai_ready(w->s->thai));
}

static bool may_break(const cutter *c, const iml__lay_work *w, uint32_t unit)
{
    const iml__lay_unit *u = &c->whole->units[unit];
    if (c->o->by_unit) return !u->white;
    if (c->p->flags[u->start] & IML__LAY_BREAK) return true;
    return c->loose && no_dictionary(w, c->p->cp[u->start]) &&
           no_dictionary(w, c->p->cp[u[-1].start]);
}

// Fewer opportunities than the lines asked for: dictionary scripts then break between units.
static bool too_few(const cutter *c, const iml__lay_work *w)
{
    uint32_t found = 0;
    if (c->o->by_unit) return false;
    if (!c->o->lines) return c->o->wrap > 0;
    for (uint32_t i = 1; i < c->whole->nunits; i++) found += may_break(c, w, i);
    return found + 1 < c->o->lines;
}

static uint32_t cut_by_count(const cutter *c, const iml__lay_work *w, uint32_t from, uint32_t k)
{
    uint32_t n = c->whole->nunits, cut = n;
    uint64_t want = (uint64_t)k * n, best = UINT64_MAX;
    for (uint32_t i = from + 1; i < n; i++) { // the earlier of two equally near
        uint64_t at = (uint64_t)i * c->o->lines, d = at > want ? at - want : want - at;
        if (at > want && d >= best) break;
        if (d < best && may_break(c, w, i)) best = d, cut = i;
    }
    return cut;
}

static uint32_t cut_by_width(const cutter *c, const iml__lay_work *w, uint32_t from)
{
    uint32_t n = c->whole->nunits, cut = n;
    double width = 0; // adds up in logical order; white space may hang over
    for (uint32_t i = from; i < n; i++) {
        if (i > from && may_break(c, w, i)) cut = i;
        width += c->whole->units[i].adv / 64.0;
        if (width > c->o->wrap && !c->whole->units[i].white && cut < n) return cut;
        if (i + 1 < n && i > from && !c->whole->units[i].white) width += c->o->letter_spacing;
    }
    return n;
}

iml_status iml__lay_lines(const iml__lay_work *w)
{
    iml__lay_block *b = w->b;
    iml__lay_line whole;
    IML_TRY(iml__lay_shape(w, 0, b->par.n, &whole));
    if (b->problem) return IML_OK;
    cutter c = {.p = &b->par, .o = w->o, .whole = &whole};
    c.loose = too_few(&c, w);
    uint32_t n = whole.nunits, most = w->o->lines ? IML_MIN(w->o->lines, n) : n;
    b->lines = iml_arena_alloc(w->a, (most + 1) * sizeof *b->lines);
    if (!b->lines) return IML_FAIL(w->e, IML_ENOMEM, "no memory for %u lines", most);
    for (uint32_t from = 0, k = 1, cut; from < n && !b->problem; from = cut, k++) {
        cut = n;
        if (w->o->lines > k)
            cut = cut_by_count(&c, w, from, k);
        else if (!w->o->lines && w->o->wrap > 0)
            cut = cut_by_width(&c, w, from);
        uint32_t x = from, y = cut;
        while (x < y && whole.units[x].white) x++;
        while (y > x && whole.units[y - 1].white) y--;
        if (x == y) continue;
        iml__lay_line *l = &b->lines[b->nlines++];
        if (x == 0 && y == n)
            *l = whole;
        else
            IML_TRY(iml__lay_shape(w, whole.units[x].start, whole.units[y - 1].end, l));
        b->nunits += l->nunits;
    }
    if (!b->nlines) iml__lay_trouble(b, IML__LAY_BAD_UTF8, 0); // white space only
    return IML_OK;
}
