// itemfiles.h: all that one item writes: its picture and what --labels asks for.
#ifndef IML_SYNTH_ITEMFILES_H
#define IML_SYNTH_ITEMFILES_H

#include "src/synth/outputs.h"
#include "src/synth/synth.h"

enum { IML__STEM = 80 };
// "000000/000000017" among loose files, "000000017" in shards.
void iml__synth_stem(const iml__synth *s, uint64_t index, char out[IML__STEM]);
const char *iml__synth_suffix(const iml__synth *s); // "png", "jpg", "webp"

// Encodes, labels and counts item x; it: whose buffers and stages. *left_out: a format that takes
// one line got several and no crops.
iml_status iml__synth_files(const iml__synth *s, iml_item *it, iml__synth_worker *w,
                            const iml__synth_item *x, iml__outputs *out, bool *left_out,
                            iml_err *e);

#endif
