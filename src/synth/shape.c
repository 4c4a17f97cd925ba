// shape.c: runs, glyphs and units of one line.
//
// Nothing kerns or joins across runs; joining does look across them, since HarfBuzz gets the whole
// line as context. A run never cuts a cluster: a cluster has one face, the first that covers all of
// it, so a mark never leaves its base. A unit is the smallest range of whole grapheme clusters and
// whole HarfBuzz clusters. A unit with ink but no advance (the alef of a lam-alef that a face draws
// as two glyphs) is part of its neighbour.
#include "src/synth/stage.h"

#include <math.h>
#include <string.h>

#include "src/base/err.h"

enum { UNIT_MAX = 64, FEATURES_MAX = 64, WIDTH_MAX = 1 << 30, ADVANCE_MAX = 1 << 26 };

static iml_status no_memory(iml_err *e, uint32_t n)
{
    return IML_FAIL(e, IML_ENOMEM, "no memory to shape %u characters", n);
}

// ---- Runs

static bool mixed_column(const iml__lay_par *p, const iml__lay_opt *o)
{
    return o->dir == IML__LAY_TTB && !p->sideways && !p->upright_all;
}

static bool covers_all(const iml__lay_par *p, iml__face *f, uint32_t start, uint32_t end,
                       bool *emoji)
{
    bool all = true;
    for (uint32_t i = start; i < end && all; i++) {
        all = iml__face_covers(f, p->cp[i]);
        *emoji = *emoji || p->cp[i] == 0xFE0F;
    }
    return all;
}

// In a column, dashes and dots that the first face lacks come from a face made for columns: a Latin
// one has them on its baseline, which is the column's edge once it is turned.
static uint32_t column_face(const iml__lay_par *p, const iml__lay_opt *o, uint32_t start,
                            uint32_t end)
{
    bool emoji = false;
    if (p->cp[start] < 0x2010 || covers_all(p, o->faces[0], start, end, &emoji)) return o->nfaces;
    for (uint32_t k = 1; k < o->nfaces; k++)
        if (iml__face_vert(o->faces[k], 0x3001) && covers_all(p, o->faces[k], start, end, &emoji))
            return k;
    return o->nfaces;
}

// The first face that covers the whole cluster; options.nfaces if there is none.
static uint32_t face_for(const iml__lay_par *p, const iml__lay_opt *o, uint32_t start, uint32_t end)
{
    bool common = p->flags[start] & IML__LAY_COMMON;
    if (mixed_column(p, o) && common && (p->vo[start] == IML__VO_Tr || p->vo[start] == IML__VO_Tu))
        for (uint32_t k = 0; k < o->nfaces;
             k++) // punctuation comes from the first face with its vertical form
            if (iml__face_vert(o->faces[k], p->cp[start])) return k;
    if (mixed_column(p, o) && common) {
        uint32_t k = column_face(p, o, start, end);
        if (k < o->nfaces) return k;
    }
    for (uint32_t k = 0; k < o->nfaces; k++) {
        if (k && !o->fallback_any && !common) break;
        bool emoji = false;
        if (mixed_column(p, o) && iml__lay_needs_vert(p->cp[start]) &&
            !iml__face_vert(o->faces[k], p->cp[start]))
            continue;
        if (!covers_all(p, o->faces[k], start, end, &emoji)) continue;
        // Asked for in colour: a later colour face goes before an earlier plain one.
        for (uint32_t j = k + 1; emoji && !iml__face_colour(o->faces[k]) && j < o->nfaces; j++)
            if (iml__face_colour(o->faces[j]) && covers_all(p, o->faces[j], start, end, &emoji))
                return j;
        return k;
    }
    return o->nfaces;
}

static uint8_t upright(const iml__lay_par *p, const iml__lay_opt *o, iml__face *f, uint32_t i)
{
    if (!iml__lay_column(o) || p->sideways) return 0;
    if (p->upright_all) return IML__LAY_STACKED;
    switch (p->vo[i]) {
    case IML__VO_U:
    case IML__VO_Tu: return IML__LAY_TTB_RUN;
    // Vertical forms read downward only.
    case IML__VO_Tr:
        return o->dir == IML__LAY_TTB && iml__face_vert(f, p->cp[i]) ? IML__LAY_TTB_RUN : 0;
    default: return 0;
    }
}

static void itemize(const iml__lay_work *w, iml__lay_line *l)
{
    const iml__lay_par *p = &w->b->par;
    const iml__lay_opt *o = w->o;
    for (uint32_t i = l->start, j; i < l->end; i = j) {
        for (j = i + 1; j < l->end && !(p->flags[j] & IML__LAY_CLUSTER);) j++;
        if (j - i > UNIT_MAX) iml__lay_trouble(w->b, IML__LAY_LONG_UNIT, i);
        uint32_t f = face_for(p, o, i, j);
        if (f == o->nfaces) {
            iml__lay_trouble(w->b, IML__LAY_NO_FACE, i);
            f = 0;
        }
        uint8_t up = upright(p, o, o->faces[f], i);
        hb_script_t s = (hb_script_t)iml__ucd_script[p->script[i]];
        iml__lay_run *r = l->nruns ? &l->runs[l->nruns - 1] : NULL;
        if (r && r->face == f && r->script == s && r->level == p->level[i] && r->upright == up)
            r->end = j;
        else
            l->runs[l->nruns++] = (iml__lay_run){
                .start = i, .end = j, .face = f, .script = s, .level = p->level[i], .upright = up};
    }
}

// ---- Glyphs

static uint32_t features_of(const iml__lay_opt *o, const iml__lay_run *r, hb_feature_t *out)
{
    uint32_t n = IML_MIN(o->nfeatures, (uint32_t)FEATURES_MAX - 3);
    for (uint32_t i = 0; i < n; i++) out[i] = o->features[i];
    static const hb_feature_t off[] = {{HB_TAG('v', 'e', 'r', 't'), 0, 0, UINT32_MAX},
                                       {HB_TAG('l', 'i', 'g', 'a'), 0, 0, UINT32_MAX},
                                       {HB_TAG('c', 'l', 'i', 'g'), 0, 0, UINT32_MAX}};
    if (r->upright == IML__LAY_STACKED) // stacked letters must not be ligated side by side
        out[n++] = off[1], out[n++] = off[2];
    else if (r->upright == IML__LAY_TTB_RUN && o->dir == IML__LAY_BTT)
        out[n++] = off[0]; // vertical forms are drawn for reading downward
    return n;
}

static iml_status shape_run(const iml__lay_work *w, iml__lay_line *l, iml__lay_run *r,
                            uint32_t *cap)
{
    const iml__lay_par *p = &w->b->par;
    hb_buffer_t *hb = w->s->buffer;
    hb_feature_t features[FEATURES_MAX];
    bool down = r->upright == IML__LAY_TTB_RUN;
    hb_buffer_clear_contents(hb);
    hb_buffer_set_cluster_level(hb, HB_BUFFER_CLUSTER_LEVEL_MONOTONE_GRAPHEMES);
    hb_buffer_add_codepoints(hb, p->cp + l->start, (int)(l->end - l->start), r->start - l->start,
                             (int)(r->end - r->start));
    hb_buffer_set_direction(hb, down           ? HB_DIRECTION_TTB
                                : r->level & 1 ? HB_DIRECTION_RTL
                                               : HB_DIRECTION_LTR);
    hb_buffer_set_script(hb, r->script);
    hb_buffer_set_language(hb,
                           hb_language_from_string(w->o->language ? w->o->language : "und", -1));
    hb_buffer_set_flags(hb, (r->start == l->start ? HB_BUFFER_FLAG_BOT : 0) |
                                (r->end == l->end ? HB_BUFFER_FLAG_EOT : 0));
    hb_shape(w->o->faces[r->face]->hb, hb, features, features_of(w->o, r, features));
    if (!hb_buffer_allocation_successful(hb)) {
        hb_buffer_reset(hb);
        return no_memory(w->e, r->end - r->start);
    }
    unsigned n;
    const hb_glyph_info_t *gi = hb_buffer_get_glyph_infos(hb, &n);
    const hb_glyph_position_t *gp = hb_buffer_get_glyph_positions(hb, NULL);
    if (l->nglyphs + n > *cap) {
        uint32_t want = 2 * (l->nglyphs + n);
        iml__lay_glyph *grown = iml_arena_alloc(w->a, want * sizeof *grown);
        if (!grown) return no_memory(w->e, want);
        if (l->nglyphs) memcpy(grown, l->glyphs, l->nglyphs * sizeof *grown);
        l->glyphs = grown, *cap = want;
    }
    r->glyph = l->nglyphs, r->glyphs = n;
    for (uint32_t i = 0; i < n; i++)
        l->glyphs[l->nglyphs++] = (iml__lay_glyph){gi[i].codepoint, l->start + gi[i].cluster,
                                                   down ? -gp[i].y_advance : gp[i].x_advance,
                                                   gp[i].x_offset, gp[i].y_offset};
    return IML_OK;
}

// ---- Units

static uint8_t joining(const iml__lay_par *p, uint32_t from, uint32_t to, bool last)
{
    uint8_t type = IML__JT_U;
    for (uint32_t i = from; i < to; i++) {
        uint8_t j = iml__ucd_get(p->cp[i])->jt;
        if (j == IML__JT_T) continue;
        type = j;
        if (!last) break;
    }
    return type;
}

static uint8_t joins(const iml__lay_par *p, const iml__lay_unit *a, const iml__lay_unit *b)
{
    uint8_t x = joining(p, a->start, a->end, true), y = joining(p, b->start, b->end, false),
            s = p->script[a->start];
    if ((x == IML__JT_D || x == IML__JT_L || x == IML__JT_C) &&
        (y == IML__JT_D || y == IML__JT_R || y == IML__JT_C))
        return IML__LAY_JOINS;
    bool line = s == IML__SC_Deva || s == IML__SC_Beng || s == IML__SC_Guru;
    return line && !a->white && !b->white && s == p->script[b->start] ? IML__LAY_HEADLINE : 0;
}

static void merge_flat(iml__lay_line *l, uint32_t first)
{
    uint32_t n = first;
    for (uint32_t i = first; i < l->nunits; i++) {
        iml__lay_unit *u = &l->units[i], *to = n > first ? &l->units[n - 1] : NULL;
        if (!to || (u->adv > 0 && to->adv > 0) || u->white || to->white) {
            l->units[n++] = *u;
            continue;
        }
        if (!to->glyphs || (u->glyphs && u->glyph < to->glyph)) to->glyph = u->glyph;
        to->end = u->end, to->graphemes += u->graphemes;
        to->glyphs += u->glyphs;
        to->adv = IML_CLAMP(to->adv + u->adv, -ADVANCE_MAX, ADVANCE_MAX);
    }
    l->nunits = n;
}

static bool asked_for(const iml__lay_par *p, const iml__lay_unit *u, uint32_t cp)
{
    for (uint32_t i = u->start; i < u->end; i++)
        if (p->cp[i] == cp) return true;
    return false;
}

// A lying font's advances must not overflow: a million pixels are too many.
static bool bounded(int64_t v) { return v <= ADVANCE_MAX && v >= -ADVANCE_MAX; }

static void give_glyphs(const iml__lay_work *w, iml__lay_line *l, const iml__lay_run *r,
                        const uint32_t *unit)
{
    const iml__lay_par *p = &w->b->par;
    hb_codepoint_t circle = 0;
    hb_font_get_nominal_glyph(w->o->faces[r->face]->hb, 0x25CC, &circle);
    for (uint32_t g = r->glyph; g < r->glyph + r->glyphs; g++) {
        const iml__lay_glyph *gl = &l->glyphs[g];
        iml__lay_unit *u = &l->units[unit[gl->cluster - r->start]];
        u->glyph = u->glyphs++ ? u->glyph : g;
        int64_t adv = (int64_t)u->adv + gl->adv;
        if (!bounded(adv) || !bounded(gl->dx) || !bounded(gl->dy)) {
            iml__lay_trouble(w->b, IML__LAY_TOO_LARGE, u->start);
            adv = 0;
        }
        u->adv = (int32_t)adv;
        if (!gl->gid) iml__lay_trouble(w->b, IML__LAY_TOFU, u->start);
        if (circle && gl->gid == circle && !asked_for(p, u, 0x25CC))
            iml__lay_trouble(w->b, IML__LAY_DOTTED_CIRCLE, u->start);
    }
}

static iml_status units_of(const iml__lay_work *w, iml__lay_line *l, uint32_t ri)
{
    const iml__lay_par *p = &w->b->par;
    const iml__lay_run *r = &l->runs[ri];
    uint32_t n = r->end - r->start, first = l->nunits;
    uint8_t *starts = iml_arena_calloc(w->a, n, 1);
    uint32_t *unit = iml_arena_alloc(w->a, n * sizeof *unit);
    if (!starts || !unit) return no_memory(w->e, n);
    for (uint32_t g = r->glyph; g < r->glyph + r->glyphs; g++)
        starts[l->glyphs[g].cluster - r->start] = 1;
    starts[0] = 1;
    for (uint32_t i = 0; i < n; i++) {
        bool cluster = p->flags[r->start + i] & IML__LAY_CLUSTER;
        if (starts[i] && (cluster || !i))
            l->units[l->nunits++] = (iml__lay_unit){
                .start = r->start + i, .run = ri, .face = r->face, .white = true, .scale = 1};
        iml__lay_unit *u = &l->units[l->nunits - 1];
        u->end = r->start + i + 1;
        u->graphemes += cluster || !u->graphemes;
        u->white = u->white && p->flags[r->start + i] & (IML__LAY_WHITE | IML__LAY_IGNORABLE);
        unit[i] = l->nunits - 1;
    }
    give_glyphs(w, l, r, unit);
    merge_flat(l, first);
    for (uint32_t i = first; i < l->nunits; i++) {
        iml__lay_unit *u = &l->units[i];
        if (u->end - u->start > UNIT_MAX) iml__lay_trouble(w->b, IML__LAY_LONG_UNIT, u->start);
        u->byte0 = p->byte[u->start], u->byte1 = p->byte[u->end];
        if (r->upright != IML__LAY_STACKED) continue;
        u->wide = u->adv;
        u->adv = w->o->faces[0]->ascent - w->o->faces[0]->descent;
    }
    return IML_OK;
}

static iml_status words_of(const iml__lay_work *w, iml__lay_line *l)
{
    const uint32_t n = l->nunits;
    l->words = iml_arena_calloc(w->a, n + 1, sizeof *l->words);
    if (!l->words) return no_memory(w->e, n);
    for (uint32_t i = 0, j; i < n; i = j) {
        j = i + 1;
        if (l->units[i].white) continue;
        // The longest logical range without white space that is one visual interval: a word that
        // bidi tears apart becomes as many words as it has parts.
        uint32_t lo = l->units[i].visual, hi = lo;
        for (uint32_t k = i + 1; k < n && !l->units[k].white; k++) {
            uint32_t v = l->units[k].visual;
            lo = IML_MIN(lo, v), hi = IML_MAX(hi, v);
            if (hi - lo == k - i) j = k + 1;
        }
        l->words[l->nwords++] = (iml__lay_word){
            .unit = i, .units = j - i, .byte0 = l->units[i].byte0, .byte1 = l->units[j - 1].byte1};
    }
    return IML_OK;
}

static int32_t gap_after(const iml__lay_opt *o, const iml__lay_line *l, uint32_t me, uint32_t next)
{
    double gap = (o->letter_spacing - o->overlap * l->units[me].adv / 64.0) * 64;
    uint8_t held = next == me + 1 ? l->units[me].joins : me == next + 1 ? l->units[next].joins : 0;
    if (held == IML__LAY_JOINS || (held == IML__LAY_HEADLINE && gap > 0)) return 0;
    return (int32_t)floor(gap + 0.5);
}

// Visual order, and where each unit lies along the line.
static iml_status order(const iml__lay_work *w, iml__lay_line *l)
{
    const iml__lay_par *p = &w->b->par;
    uint32_t n = l->nunits;
    uint8_t *levels = iml_arena_alloc(w->a, n + 1);
    l->visual = iml_arena_alloc(w->a, (n + 1) * sizeof *l->visual);
    if (!levels || !l->visual) return no_memory(w->e, n);
    for (uint32_t i = 0; i < n; i++) {
        levels[i] = p->level[l->units[i].start];
        l->units[i].joins = i + 1 < n ? joins(p, &l->units[i], &l->units[i + 1]) : 0;
    }
    for (uint32_t i = n;
         i-- > 0 && l->units[i].white;) // L1 for a line that is not the paragraph's last
        levels[i] = p->base_level;
    iml__lay_reorder(levels, n, l->visual);
    int64_t width = 0;
    for (uint32_t i = 0; i < n; i++) {
        iml__lay_unit *u = &l->units[l->visual[i]];
        if (u->white && w->o->word_spacing != 0)
            u->adv = (int32_t)IML_MAX(0.0, floor(u->adv + w->o->word_spacing * 64 + 0.5));
        u->visual = i, u->u = (int32_t)width;
        width += u->adv;
        if (i + 1 < n) width += gap_after(w->o, l, l->visual[i], l->visual[i + 1]);
        if (width > WIDTH_MAX || width < -WIDTH_MAX) {
            iml__lay_trouble(w->b, IML__LAY_TOO_LARGE, u->start);
            width = 0;
        }
    }
    l->width = (int32_t)width;
    return IML_OK;
}

iml_status iml__lay_shape(const iml__lay_work *w, uint32_t start, uint32_t end, iml__lay_line *l)
{
    uint32_t n = end - start, cap = 2 * n + 16;
    const iml__lay_par *p = &w->b->par;
    *l =
        (iml__lay_line){.start = start, .end = end, .byte0 = p->byte[start], .byte1 = p->byte[end]};
    l->runs = iml_arena_alloc(w->a, n * sizeof *l->runs);
    l->units = iml_arena_alloc(w->a, n * sizeof *l->units);
    l->glyphs = iml_arena_alloc(w->a, cap * sizeof *l->glyphs);
    if (!l->runs || !l->units || !l->glyphs) return no_memory(w->e, n);
    itemize(w, l);
    if (w->b->problem) return IML_OK;
    for (uint32_t i = 0; i < l->nruns; i++) {
        IML_TRY(shape_run(w, l, &l->runs[i], &cap));
        IML_TRY(units_of(w, l, i));
    }
    IML_TRY(order(w, l));
    return words_of(w, l);
}
