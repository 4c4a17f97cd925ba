// synth_job.h: the job that the engine runs.
#ifndef IML_SYNTH_SYNTH_JOB_H
#define IML_SYNTH_SYNTH_JOB_H

#include "src/synth/synth.h"

// Fills s->job; all that it needs is open.
iml_status iml__synth_job(iml__synth *s, iml_err *e);

#endif
