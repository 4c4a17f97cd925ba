// bench_workers.h: `imloom bench engine`: what the engine costs, and what more workers bring here.
#ifndef IML_CMD_BENCH_WORKERS_H
#define IML_CMD_BENCH_WORKERS_H

#include "imloom/imloom.h"

// A line of JSON a figure on stdout. self: this program, for independent runs; log: a file for what
// they say; workers: IML_WORKERS_AUTO or a number.
iml_status iml__bench_workers(const char *self, const char *log, int workers, int64_t rounds,
                              iml_err *e);
// One of the independent runs: count items of us microseconds by one worker. Says nothing.
iml_status iml__bench_one(uint64_t us, uint64_t count, iml_err *e);

#endif
