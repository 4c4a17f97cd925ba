// stage.h: the stages between paragraph and ink, for layout.c and the tests.
#ifndef IML_SYNTH_STAGE_H
#define IML_SYNTH_STAGE_H

#include "src/synth/face.h"

typedef struct iml__lay_work { // what every stage has at hand
    iml__setter *s;
    iml__lay_block *b;
    const iml__lay_opt *o;
    iml_arena *a;
    iml_err *e;
} iml__lay_work;

static inline bool iml__lay_column(const iml__lay_opt *o)
{
    return o->dir == IML__LAY_TTB || o->dir == IML__LAY_BTT;
}
// The first problem is the one that is told.
static inline void iml__lay_trouble(iml__lay_block *b, enum iml__lay_problem p, uint32_t cp)
{
    if (!b->problem) b->problem = p, b->problem_cp = cp;
}
// 26.6 of the column's middle above the first face's baseline: half of ascent + descent.
static inline double iml__lay_centre(const iml__lay_opt *o)
{
    return (o->faces[0]->ascent + o->faces[0]->descent) / 128.0;
}
static inline double iml__lay_middle(const iml__lay_line *l, const iml__lay_unit *u)
{
    return l->u0 + (u->u + u->adv / 2.0) / 64.0;
}

// Runs, glyphs, units, words of code points start..end as a line of their own.
iml_status iml__lay_shape(const iml__lay_work *w, uint32_t start, uint32_t end, iml__lay_line *l);
iml_status iml__lay_lines(const iml__lay_work *w);
iml_status iml__lay_place(const iml__lay_work *w);
iml_status iml__lay_ink(const iml__lay_work *w);
iml_status iml__lay_quads(const iml__lay_work *w);
// The curve at s: place and direction.
iml__lay_spot iml__lay_spot_at(const iml__lay_block *b, const iml__lay_opt *o,
                               const iml__lay_line *l, double s);

#endif
