// layout.c: the stages in their order, the options' defaults and limits, the names of problems.
#include "src/synth/layout.h"

#include <math.h>

#include "src/base/err.h"
#include "src/synth/stage.h"

const char *iml__lay_problem_name(enum iml__lay_problem p)
{
    static const char *const names[IML__LAY_PROBLEMS] = {
        [IML__LAY_FINE] = "fine",
        [IML__LAY_BAD_UTF8] = "bad_utf8",
        [IML__LAY_NO_FACE] = "no_face",
        [IML__LAY_TOFU] = "tofu",
        [IML__LAY_DOTTED_CIRCLE] = "dotted_circle",
        [IML__LAY_LEADING_MARK] = "leading_mark",
        [IML__LAY_LONG_UNIT] = "long_unit",
        [IML__LAY_BAD_GLYPH] = "bad_glyph",
        [IML__LAY_TOO_LARGE] = "too_large",
    };
    return p < IML__LAY_PROBLEMS ? names[p] : "unknown";
}

void iml__lay_opt_default(iml__lay_opt *o)
{
    *o = (iml__lay_opt){.lines = 1, .line_spacing = 1, .max_span = 180, .concave = true};
}

static bool within(double v, double lo, double hi) { return v >= lo && v <= hi; } // not NaN

static iml_status check(const iml__lay_opt *o, iml_err *e)
{
    if (!o->nfaces || !o->faces) return IML_FAIL(e, IML_EARG, "layout: no face is given");
    for (uint32_t i = 0; i < o->nfaces; i++)
        if (!o->faces[i]) return IML_FAIL(e, IML_EARG, "layout: face %u is not there", i);
    const struct {
        const char *name;
        double v, lo, hi;
    } rows[] = {
        {"wrap", o->wrap, 0, 1e9},
        {"line_spacing", o->line_spacing, 0, 100},
        {"letter_spacing", o->letter_spacing, -1e4, 1e4},
        {"word_spacing", o->word_spacing, -1e4, 1e4},
        {"overlap", o->overlap, 0, 0.95},
        {"radius", o->radius, 0, 1e9},
        {"max_span", o->max_span, 1, 360},
        {"amplitude", o->amplitude, 0, 1e6},
        {"frequency", o->frequency, 0, 1e3},
        {"phase", o->phase, -1e4, 1e4},
    };
    for (size_t i = 0; i < IML_COUNT_OF(rows); i++)
        if (!within(rows[i].v, rows[i].lo, rows[i].hi))
            return IML_FAIL(e, IML_EARG, "layout: %s is out of range", rows[i].name);
    return IML_OK;
}

iml_status iml__lay_text(iml__setter *s, iml__lay_block *b, const char *utf8, size_t len,
                         const iml__lay_opt *o, iml_arena *a, iml_err *e)
{
    iml__lay_work w = {.s = s, .b = b, .o = o, .a = a, .e = e};
    static iml_status (*const stages[])(const iml__lay_work *) = {iml__lay_lines, iml__lay_place,
                                                                  iml__lay_ink, iml__lay_quads};
    *b = (iml__lay_block){0};
    IML_TRY(check(o, e));
    IML_TRY(iml__lay_paragraph(&b->par, utf8, len, o, s->thai, &b->problem, a, e));
    for (size_t i = 0; i < IML_COUNT_OF(stages) && !b->problem; i++) IML_TRY(stages[i](&w));
    return IML_OK;
}
