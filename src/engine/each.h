// each.h: short runs inside a command, to look at many inputs: proofs of fonts, a fingerprint,
// tiles.
#ifndef IML_ENGINE_EACH_H
#define IML_ENGINE_EACH_H

#include "imloom/imloom.h"

// What came of an item: n bytes at p, *borrowed* for the call; or p NULL, and st and why say why
// there is none. Any status but IML_OK ends the run and is returned.
typedef iml_status iml__each_fn(void *user, uint64_t index, const uint8_t *p, size_t n,
                                iml_status st, const iml_err *why, iml_err *e);

// Runs a job whose items hand over one file of one fragment, and gives take all of them in index
// order. IML_ECANCEL, IML_EARG, IML_EBUG, IML_ESINK: of the run.
iml_status iml__run_each(iml_ctx *ctx, const iml_job *j, const iml_run_opts *o, iml__each_fn *take,
                         void *user, iml_err *e);

#endif
