// synth_replay.h: the parts of `imloom synth` that make no data set: --replay and --plan.
#ifndef IML_CMD_SYNTH_REPLAY_H
#define IML_CMD_SYNTH_REPLAY_H

#include "src/synth/replay.h"

typedef struct iml__replay_run {
    const char *what, *out; // out NULL: only check
    bool check;
    iml__replay_opts where;
} iml__replay_run;
int iml__synth_replay(const iml__replay_run *r, iml_err *e); // exit code; has complained
int iml__synth_write_plan(const iml__synth *s, const char *path, iml_err *e);

#endif
