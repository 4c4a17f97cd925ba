// outputs.h: the files of one item, collected and then handed over in the order of a shard.
//
// The order is the one that feed.md 3.1 asks of a shard: the picture, its .json, the rest by
// suffix; crops are samples of their own and follow. Loose files are handed over in the same order,
// so the list of files does not depend on the container.
#ifndef IML_SYNTH_OUTPUTS_H
#define IML_SYNTH_OUTPUTS_H

#include "imloom/imloom.h"
#include "src/base/str.h"

struct iml__outfile;

typedef struct iml__outputs {
    iml_item *it;
    iml_arena *a;
    struct iml__outfile *file;
    size_t n, cap;
    uint32_t samples;
} iml__outputs;

void iml__outputs_init(iml__outputs *o, iml_item *it, iml_arena *a);
// b is *moved*; name is copied. flags: IML_OUT_APPEND: name is that of pieces.
iml_status iml__outputs_add(iml__outputs *o, const char *name, unsigned flags, iml_buf *b,
                            iml_err *e);
iml_status iml__outputs_text(iml__outputs *o, const char *name, unsigned flags, const iml__str *s,
                             iml_err *e);
// Into out[cap]; what is more than cap goes to the engine at once, in order. Nothing is left in o.
iml_status iml__outputs_hand(iml__outputs *o, iml_out out[], size_t cap, size_t *n, iml_err *e);
void iml__outputs_drop(iml__outputs *o); // of an item that failed

#endif
