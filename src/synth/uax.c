// uax.c: UTF-8 -> iml__lay_par. What it settles is a property of the paragraph alone.
//
// 1. A cluster of default-ignorable code points only (bidi marks, word joiner, soft hyphen) belongs
// to
//    the cluster before it, at the start to the one after it; so does a mark that follows one. It
//    takes that cluster's level: it must not make a run of its own, which would cut kerning and
//    joining.
// 2. All code points of a cluster have the level, script and orientation of its first one.
// 3. Common and Inherited take the script before them, at the start the one after them, and a
// closing
//    bracket that of its opening one, so that "(abc)" in Arabic is not shaped in three pieces.
// FriBidi gives levels only, from types of our own tables (1.0.8 knows Unicode 10). Its mirroring,
// joining and NSM reordering stay unused: HarfBuzz does these, and twice would be wrong.
#include "src/synth/uax.h"

#include <fribidi.h>
#include <string.h>
#include <utf8proc.h>

#include "src/base/err.h"
#include "src/synth/ucd_data.h"

enum { TEXT_MAX = 16 << 20, OPEN_MAX = 32 };

static FriBidiBracketType bracket(uint32_t cp)
{
    size_t lo = 0, hi = IML__UCD_BRACKETS;
    while (lo < hi) {
        size_t m = (lo + hi) / 2;
        if (iml__ucd_bracket[m].cp < cp)
            lo = m + 1;
        else
            hi = m;
    }
    return lo < IML__UCD_BRACKETS && iml__ucd_bracket[lo].cp == cp ? iml__ucd_bracket[lo].pair
                                                                   : FRIBIDI_NO_BRACKET;
}

// A paragraph without anything that raises a level is all 0; FriBidi would say the same at the
// price of an allocation for each of its runs.
static bool raises(FriBidiCharType t)
{
    return FRIBIDI_IS_RTL(t) || t == FRIBIDI_TYPE_AN || FRIBIDI_IS_ISOLATE(t) ||
           (t != FRIBIDI_TYPE_BN && FRIBIDI_IS_EXPLICIT_OR_BN(t));
}

iml_status iml__lay_levels(const uint32_t *cp, uint32_t n, int *base, uint8_t *levels, iml_arena *a,
                           iml_err *e)
{
    FriBidiCharType *types = iml_arena_calloc(a, n + 1, sizeof *types);
    if (!types) return IML_FAIL(e, IML_ENOMEM, "no memory for the bidi types of %u characters", n);
    bool plain = *base <= 0;
    for (uint32_t i = 0; i < n; i++) {
        types[i] = iml__ucd_bidi[iml__ucd_get(cp[i])->bidi];
        plain = plain && !raises(types[i]);
    }
    if (plain) {
        *base = 0;
        memset(levels, 0, n);
        return IML_OK;
    }
    FriBidiBracketType *br = iml_arena_calloc(a, n + 1, sizeof *br);
    if (!br) return IML_FAIL(e, IML_ENOMEM, "no memory for the brackets of %u characters", n);
    for (uint32_t i = 0; i < n; i++)
        br[i] = types[i] == FRIBIDI_TYPE_ON ? bracket(cp[i]) : FRIBIDI_NO_BRACKET;
    FriBidiParType dir = *base < 0 ? FRIBIDI_PAR_ON : *base ? FRIBIDI_PAR_RTL : FRIBIDI_PAR_LTR;
    if (!fribidi_get_par_embedding_levels_ex(types, br, (FriBidiStrIndex)n, &dir,
                                             (FriBidiLevel *)levels))
        return IML_FAIL(e, IML_ENOMEM, "no memory for the bidi levels of %u characters", n);
    *base = FRIBIDI_DIR_TO_LEVEL(dir);
    for (uint32_t i = n; i-- > 0; levels[i] = (uint8_t)*base) // L1
        if (types[i] != FRIBIDI_TYPE_WS && !FRIBIDI_IS_EXPLICIT_OR_BN(types[i]) &&
            !FRIBIDI_IS_ISOLATE(types[i]))
            break;
    return IML_OK;
}

void iml__lay_reorder(const uint8_t *levels, uint32_t n, uint32_t *visual)
{
    int top = 0, odd = 255;
    for (uint32_t i = 0; i < n; i++) {
        visual[i] = i;
        if (levels[i] > top) top = levels[i];
        if (levels[i] & 1 && levels[i] < odd) odd = levels[i];
    }
    for (int l = top; l >= odd; l--)
        for (uint32_t i = 0, j; i < n; i = j + 1) {
            for (j = i; j < n && levels[j] >= l;) j++;
            for (uint32_t p = i, q = j; p + 1 < q; p++, q--) {
                uint32_t t = visual[p];
                visual[p] = visual[q - 1], visual[q - 1] = t;
            }
        }
}

void iml__lay_graphemes(const uint32_t *cp, uint32_t n, uint8_t *start)
{
    utf8proc_int32_t state = 0;
    for (uint32_t i = 0; i < n; i++)
        start[i] =
            !i || utf8proc_grapheme_break_stateful((int32_t)cp[i - 1], (int32_t)cp[i], &state);
}

static void clusters(iml__lay_par *p, enum iml__lay_problem *bad)
{
    iml__lay_graphemes(p->cp, p->n, p->flags); // bit 0 is IML__LAY_CLUSTER
    for (uint32_t i = 0; i < p->n; i++) {
        uint8_t f = iml__ucd_get(p->cp[i])->flags;
        p->flags[i] |= (uint8_t)((f & IML__UCD_WHITE ? IML__LAY_WHITE : 0) |
                                 (f & IML__UCD_IGNORABLE ? IML__LAY_IGNORABLE : 0) |
                                 (f & IML__UCD_MARK ? IML__LAY_IS_MARK : 0));
    }
    bool held = true; // everything so far is ignorable: the next cluster has to take it in
    for (uint32_t i = 0, j; i < p->n; i = j) {
        uint32_t show = i;
        for (j = i + 1; j < p->n && !(p->flags[j] & IML__LAY_CLUSTER);) j++;
        while (show < j && p->flags[show] & IML__LAY_IGNORABLE) show++;
        // A mark starts a cluster only after an ignorable or a control.
        bool mark = show < j && p->flags[show] & IML__LAY_IS_MARK;
        if (i && (held || show == j || mark)) p->flags[i] &= (uint8_t)~IML__LAY_CLUSTER;
        if (held && mark) *bad = IML__LAY_LEADING_MARK;
        held = held && show == j;
    }
    // A variation selector is a mark that cannot be seen: it may not stand first either.
    if (p->flags[0] & IML__LAY_IS_MARK) *bad = IML__LAY_LEADING_MARK;
    if (held) *bad = IML__LAY_BAD_UTF8; // nothing in it can be seen
}

typedef struct stack {
    struct {
        uint32_t id;
        uint8_t script;
    } at[OPEN_MAX];
    uint32_t depth;
} stack;

// The script of a Common character: of its bracket's opening half, else of what stands before.
static uint8_t common_script(stack *s, uint32_t cp, uint8_t cur)
{
    FriBidiBracketType b = bracket(cp);
    if (b && FRIBIDI_IS_BRACKET_OPEN(b)) {
        if (s->depth < OPEN_MAX)
            s->at[s->depth].id = FRIBIDI_BRACKET_ID(b), s->at[s->depth++].script = cur;
        return cur;
    }
    for (uint32_t d = b ? s->depth : 0; d-- > 0;)
        if (s->at[d].id == FRIBIDI_BRACKET_ID(b)) {
            s->depth = d;
            return s->at[d].script == IML__SC_Zyyy ? cur : s->at[d].script;
        }
    return cur;
}

static void scripts(iml__lay_par *p, uint32_t own)
{
    stack open = {.depth = 0};
    uint8_t cur = IML__SC_Zyyy;
    for (uint32_t i = 0; i < p->n; i++) {
        uint8_t s = iml__ucd_get(p->cp[i])->script;
        if (!(p->flags[i] & IML__LAY_CLUSTER) && i) {
            p->script[i] = cur;
            p->flags[i] |= p->flags[i - 1] & IML__LAY_COMMON;
            continue;
        }
        if (s == IML__SC_Zyyy || s == IML__SC_Zinh) {
            p->flags[i] |= IML__LAY_COMMON;
            cur = common_script(&open, p->cp[i], cur);
        } else {
            if (cur == IML__SC_Zyyy) memset(p->script, s, i);
            cur = s;
        }
        p->script[i] = cur;
    }
    for (int s = 0; cur == IML__SC_Zyyy && s < IML__SC_COUNT; s++)
        if (iml__ucd_script[s] == own) memset(p->script, s, p->n);
}

bool iml__lay_needs_vert(uint32_t cp)
{
    const iml__ucd_rec *r = iml__ucd_get(cp);
    return r->vo == IML__VO_Tu && (r->script == IML__SC_Hira || r->script == IML__SC_Kana ||
                                   cp == 0x3001 || cp == 0x3002 || cp == 0xFF0C || cp == 0xFF0E);
}

// Columns: how the paragraph as a whole is held, and from that the base direction (-1 = first
// strong).
static int hold(iml__lay_par *p, const iml__lay_opt *o)
{
    if (o->dir == IML__LAY_LTR || o->dir == IML__LAY_RTL) return o->dir == IML__LAY_RTL;
    bool upright = false, joined = false;
    for (uint32_t i = 0; i < p->n; i++) {
        const iml__ucd_rec *r = iml__ucd_get(p->cp[i]);
        bool shows = !(p->flags[i] & (IML__LAY_COMMON | IML__LAY_IGNORABLE));
        upright = upright || ((r->vo == IML__VO_U || r->vo == IML__VO_Tu) && shows);
        joined = joined || r->jt == IML__JT_D || r->jt == IML__JT_R;
    }
    enum iml__lay_vertical v = o->vertical != IML__LAY_AUTO ? o->vertical
                               : upright                    ? IML__LAY_MIXED
                               : joined                     ? IML__LAY_SIDEWAYS
                                                            : IML__LAY_UPRIGHT;
    p->upright_all = v == IML__LAY_UPRIGHT;
    p->sideways = v == IML__LAY_SIDEWAYS;
    return v == IML__LAY_SIDEWAYS ? -1 : 0;
}

static iml_status decode(iml__lay_par *p, size_t len, enum iml__lay_problem *bad, iml_arena *a,
                         iml_err *e)
{
    uint8_t *bytes;
    if (len > TEXT_MAX) {
        *bad = IML__LAY_TOO_LARGE;
        return IML_OK;
    }
    p->cp = iml_arena_alloc(a, (len + 1) * sizeof *p->cp);
    p->byte = iml_arena_alloc(a, (len + 1) * sizeof *p->byte);
    bytes = iml_arena_calloc(a, 4, len + 1);
    if (!p->cp || !p->byte || !bytes)
        return IML_FAIL(e, IML_ENOMEM, "no memory for a text of %zu bytes", len);
    p->level = bytes, p->script = bytes + len + 1;
    p->vo = p->script + len + 1, p->flags = p->vo + len + 1;
    for (size_t i = 0; i < len;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t k =
            utf8proc_iterate((const uint8_t *)p->utf8 + i, (utf8proc_ssize_t)(len - i), &c);
        if (k < 1) {
            *bad = IML__LAY_BAD_UTF8;
            return IML_OK;
        }
        p->cp[p->n] = (uint32_t)c, p->byte[p->n++] = (uint32_t)i;
        i += (size_t)k;
    }
    p->byte[p->n] = (uint32_t)len;
    if (!p->n) *bad = IML__LAY_BAD_UTF8;
    return IML_OK;
}

static iml_status opportunities(iml__lay_par *p, iml__thai *thai, iml_arena *a, iml_err *e)
{
    uint8_t *may = iml_arena_calloc(a, p->n + 1, 1);
    if (!may)
        return IML_FAIL(e, IML_ENOMEM, "no memory for the line breaks of %u characters", p->n);
    iml__lay_breaks(p->cp, p->n, may);
    IML_TRY(iml__thai_breaks(thai, p->cp, p->n, may, a, e));
    for (uint32_t i = 1; i < p->n; i++)
        if (may[i] && p->flags[i] & IML__LAY_CLUSTER && p->cp[i - 1] != 0xAD)
            p->flags[i] |= IML__LAY_BREAK;
    return IML_OK;
}

iml_status iml__lay_paragraph(iml__lay_par *p, const char *utf8, size_t len, const iml__lay_opt *o,
                              iml__thai *thai, enum iml__lay_problem *bad, iml_arena *a, iml_err *e)
{
    *p = (iml__lay_par){.utf8 = utf8, .dir = o->dir};
    IML_TRY(decode(p, len, bad, a, e));
    if (*bad) return IML_OK;
    clusters(p, bad);
    scripts(p, o->script);
    IML_TRY(opportunities(p, thai, a, e));
    int base = hold(p, o);
    IML_TRY(iml__lay_levels(p->cp, p->n, &base, p->level, a, e));
    if (p->upright_all) { // stacked letters run one way whatever their script
        memset(p->level, 0, p->n);
        base = 0;
    }
    p->base_level = (uint8_t)base;
    p->ccw = (o->dir == IML__LAY_BTT) != (p->sideways && base);
    for (uint32_t i = 0, lead = 0; i < p->n; i++) {
        if (p->flags[i] & IML__LAY_CLUSTER || !i)
            // The first code point that shows, for clusters that had to take ignorables in.
            for (lead = i; p->flags[lead] & IML__LAY_IGNORABLE && lead + 1 < p->n &&
                           !(p->flags[lead + 1] & IML__LAY_CLUSTER);)
                lead++;
        p->level[i] = p->level[lead];
        p->vo[i] = iml__ucd_get(p->cp[lead])->vo;
    }
    return IML_OK;
}
