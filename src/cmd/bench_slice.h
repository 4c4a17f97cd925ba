// bench_slice.h: `imloom bench slice IN`: what more workers bring on this machine and this set.
#ifndef IML_CMD_BENCH_SLICE_H
#define IML_CMD_BENCH_SLICE_H

#include "src/base/str.h"

enum { IML__BENCH_COUNTS = 32 };

struct iml__bench_slice_opts {
    const char *self, *dir, *input; // the program; where it works; what is sliced
    const char *const *more;        // options of slice: passed on
    size_t nmore;
    const int *workers; // to be compared; nworkers 0: 1 2 4 ... as the machine has CPUs
    size_t nworkers;
    int64_t rounds;
};

// Measures and puts the table into out: a line a number of workers.
iml_status iml__bench_slice(const struct iml__bench_slice_opts *o, iml__str *out, iml_err *e);

#endif
