// missing.h: what happens to characters that no face draws, beside another face or text.
#ifndef IML_SYNTH_MISSING_H
#define IML_SYNTH_MISSING_H

#include "src/synth/synth.h"

enum { IML__MISSING_OTHER, IML__MISSING_FALLBACK, IML__MISSING_SKIP, IML__MISSING_ERROR };

// skip: row becomes the faces that may be chosen for a text of these code points.
iml_status iml__missing_faces(const iml__synth *s, uint32_t spec, iml__setter *set,
                              const uint32_t *cp, size_t n, uint64_t *row, iml_err *e);
// skip: the text without what this face cannot draw. *fine = false: not enough is left.
iml_status iml__missing_skip(const iml__synth *s, const iml__item_plan *p, iml__setter *set,
                             size_t face, iml__text *t, iml_arena *a, bool *fine, iml_err *e);
// error: complains about characters of the corpora that no face of their specification draws.
iml_status iml__missing_check(iml__synth *s, iml__complaints *talk, iml_err *e);

// Takes out of the \p classes of patterns what no face of their specification draws; complains
// about a class that is empty then.
iml_status iml__missing_patterns(iml__synth *s, iml__complaints *talk, iml_err *e);

#endif
