// bench_synth.h: `imloom bench synth`: what a picture costs, beside other tools.
#ifndef IML_CMD_BENCH_SYNTH_H
#define IML_CMD_BENCH_SYNTH_H

#include "src/cmd/bench_cases.h"

struct iml__bench_opts {
    const char *self, *dir; // the program; where it works
    const char *peer;       // directory with the program `run`, or NULL
    const char *container, *format, *mode, *workers;
    uint64_t images, peer_images;
    int64_t rounds;
    bool scale;
};

// Measures one case and puts its line of JSON into out.
iml_status iml__bench_synth(const struct iml__bench_opts *o, const iml__bench_case *c,
                            iml__str *out, iml_err *e);

#endif
