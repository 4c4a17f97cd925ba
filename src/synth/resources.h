// resources.h: the fonts and the background pictures of a job, found and shared out.
#ifndef IML_SYNTH_RESOURCES_H
#define IML_SYNTH_RESOURCES_H

#include "src/synth/synth.h"

// PATH=W: the weight behind the last '='; none: 1. path may be *borrowed* from text.
iml_status iml__split_weight(iml_arena *a, const char *option, const char *text, const char **path,
                             double *w, iml_err *e);
// --text, --pattern, --corpus or --corpus-dir alone as a configuration.
iml_status iml__one_spec_yaml(const iml__synth_opts *o, iml_arena *a, iml__str *out,
                              iml__complaints *talk, iml_err *e);
// Each complains about all that is missing, and returns IML_EARG only if nothing can follow.
iml_status iml__find_fonts(iml__synth *s, const iml__synth_opts *o, iml__complaints *talk,
                           iml_err *e);
iml_status iml__find_backgrounds(iml__synth *s, const iml__synth_opts *o, iml__complaints *talk,
                                 iml_err *e);
// What specifications of their own fonts or pictures use, as far as bytes depend on it.
void iml__resources_hashed(const iml__synth *s, iml__str *out);

#endif
