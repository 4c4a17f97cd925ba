// bench_run.h: other programs (and ourselves) as what they cost: CPU, time, memory, pictures.
#ifndef IML_CMD_BENCH_RUN_H
#define IML_CMD_BENCH_RUN_H

#include "src/base/str.h"

struct iml__cost {
    double cpu_s, wall_s, rss_mb; // of the process and all that it waited for
};

// Runs argv to its end, stdout and stderr into the file log. env: "NAME=VALUE" to add, NULL at the
// end. A failure of the program names it and its last line.
iml_status iml__bench_run(char *const argv[], char *const env[], const char *log,
                          struct iml__cost *c, iml_err *e);

// Runs n programs at once and waits for all; wall_s: until the last ended.
iml_status iml__bench_run_all(char *const *const argv[], size_t n, const char *log,
                              struct iml__cost *c, iml_err *e);

iml_status iml__bench_remove(const char *path, iml_err *e); // a tree that a benchmark made

struct iml__made { // what lies below a directory
    uint64_t pictures;
    double width, height, pixels; // means
    double bytes;                 // of all files
    double characters;            // units in the labels, or what characters.txt says
};
iml_status iml__bench_look(const char *dir, struct iml__made *m, iml_err *e);

#endif
