// pattern.h: texts made by a pattern instead of a corpus: a bounded grammar (synth.md 4.2).
//
//     pattern := seq ('|' seq)*                    each alternative as likely as any other
//     seq     := (atom ('{' m '}' | '{' m ',' n '}' | '?')?)*       any number of m..n as likely
//     atom    := character | class | '(' pattern ')'
//     class   := '[' ['^'] (character | character '-' character | escape)+ ']' | escape
//     escape  := \d \w \s \p{Script=Greek} \p{Lu} \xHH \u{HEX} \t, or \ before a special character
//
// A class gives each of its characters as often as any other. [^..] is printable ASCII without what
// stands there. What has no end (* + {m,}) or no meaning here (. ^ $ lookaround, references) is
// refused with its place.
#ifndef IML_SYNTH_PATTERN_H
#define IML_SYNTH_PATTERN_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

typedef struct iml__pattern iml__pattern; // lies in the arena; read-only once it is made and kept

// IML_EARG: a sentence with the character's number.
iml_status iml__pattern_make(const char *text, size_t n, iml_arena *a, iml__pattern **out,
                             iml_err *e);
// Takes out of the \p classes what keep says no to, since they name more than any font draws.
// IML_EARG: one of them is empty then.
typedef iml_status (*iml__pattern_keep_fn)(void *user, uint32_t cp, bool *keep, iml_err *e);
iml_status iml__pattern_keep(iml__pattern *p, iml_arena *a, iml__pattern_keep_fn keep, void *user,
                             iml_err *e);
// One text as UTF-8, 0-terminated. Pure in the state of g.
iml_status iml__pattern_draw(const iml__pattern *p, iml_rng *g, iml_arena *a, const char **text,
                             size_t *n, iml_err *e);

#endif
