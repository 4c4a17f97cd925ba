// slice_pass.h: what must be known of all cases before one is sliced.
#ifndef IML_SLICE_SLICE_PASS_H
#define IML_SLICE_SLICE_PASS_H

#include "src/slice/slicer.h"

struct iml__pass_result {
    uint64_t ok, bad; // cases
    iml__str said;    // why the bad ones are, a line each; *owned*: iml__str_free
};

// The fingerprint of all cases, as its file's text. IML_EINPUT: nobody has a label above 0;
// IML_ECANCEL.
iml_status iml__slice_fingerprint(const iml__slicer *s, iml_ctx *ctx, const iml_run_opts *o,
                                  iml__str *text, struct iml__pass_result *r, iml_err *e);

// Options of a run that only looks at cases, as the user's own.
void iml__pull_opts(const iml_run_opts *from, iml_run_opts *o);

// Settles what slices depend on besides settings: the ct norm's numbers, from --stats, from what an
// earlier run of the same plan left in o->out_dir, or by a pass over all cases; then the job. notes
// gets what is worth saying. IML_EARG.
iml_status iml__slicer_settle(iml__slicer *s, iml_ctx *ctx, const iml_run_opts *o, iml__str *notes,
                              iml_err *e);

#endif
