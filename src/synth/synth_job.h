// synth_job.h: the job that the engine runs.
#ifndef IML_SYNTH_SYNTH_JOB_H
#define IML_SYNTH_SYNTH_JOB_H

#include "src/synth/synth.h"

// Fills s->job; all that it needs is open.
iml_status iml__synth_job(iml__synth *s, iml_err *e);

// m in the job's format, or as PNG; *owned*. it NULL: on the heap.
iml_status iml__synth_encode_as(const iml__synth *s, iml_item *it, iml_arena *a, const iml_image *m,
                                bool png, int quality, iml_buf **out, iml_err *e);
// The picture in the job's format; *owned*. it NULL: on the heap.
iml_status iml__synth_encode(const iml__synth *s, iml_item *it, iml_arena *a,
                             const iml__synth_item *x, iml_buf **out, iml_err *e);

#endif
