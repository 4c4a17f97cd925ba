// uax.h: text properties of a paragraph: what holds whatever faces and widths come later.
#ifndef IML_SYNTH_UAX_H
#define IML_SYNTH_UAX_H

#include "src/synth/layout.h"
#include "src/synth/ucd.h"

// Levels after L1 of one paragraph that is one line. *base: 0, 1, or -1 = of the first strong
// character (P2, P3); the resolved one comes back.
iml_status iml__lay_levels(const uint32_t *cp, uint32_t n, int *base, uint8_t *levels, iml_arena *a,
                           iml_err *e);
// L2: visual[i] = index of what stands at place i.
void iml__lay_reorder(const uint8_t *levels, uint32_t n, uint32_t *visual);
// Grapheme cluster boundaries: bit 0 of start[i] is set where one starts (UAX 29).
void iml__lay_graphemes(const uint32_t *cp, uint32_t n, uint8_t *start);
// UAX 14 opportunities: may[i] = a line may end before i; SA characters stay together. may[0] = 0.
void iml__lay_breaks(const uint32_t *cp, uint32_t n, uint8_t *may);
// Opportunities inside runs of Thai letters, by libthai: none if we are built without it (*t may be
// NULL then) or its dictionary is missing, which iml__thai_ready tells. Only want of memory fails,
// since it must not change a picture.
typedef struct iml__thai iml__thai;
iml_status iml__thai_new(iml__thai **t, iml_err *e);
void iml__thai_free(iml__thai **t);
bool iml__thai_ready(iml__thai *t);
iml_status iml__thai_breaks(iml__thai *t, const uint32_t *cp, uint32_t n, uint8_t *may,
                            iml_arena *a, iml_err *e);
// "libthai 0.1.29, breaks 9f..", the latter a hash of what it finds in a text; "" without it. The
// library cannot tell which dictionary it uses, so its answers are asked instead.
void iml__thai_version(const char *utf8, size_t n, char *out, size_t cap);
// Of a column read downward, set mixed: whether this character has to come with its vertical form.
// Other Tu characters stay upright as they are and Tr characters are turned (UAX 50).
bool iml__lay_needs_vert(uint32_t cp);
// The whole: *p from text. Problems of the text are told in *bad.
iml_status iml__lay_paragraph(iml__lay_par *p, const char *utf8, size_t len, const iml__lay_opt *o,
                              iml__thai *thai, enum iml__lay_problem *bad, iml_arena *a,
                              iml_err *e);

#endif
