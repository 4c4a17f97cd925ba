// bench_cases.h: the cases of `imloom bench synth` (synth.md 6) and what they need on disk.
#ifndef IML_CMD_BENCH_CASES_H
#define IML_CMD_BENCH_CASES_H

#include "src/base/str.h"

typedef struct iml__bench_case {
    const char *name, *keys; // YAML members of its one specification
    bool textures;           // behind the text: eight JPEG textures, else a white PNG
    double pixels; // mean of a picture, width times height, that the figures are stated at
} iml__bench_case;

extern const iml__bench_case iml__bench_cases[];
extern const size_t iml__nbench_cases;
const iml__bench_case *iml__bench_case_find(const char *name); // NULL: none

enum { IML__BENCH_FONT = 32 }; // px, unless a peer's pictures are too small for it

// The case's configuration: faces one line each, padding low..high px.
iml_status iml__bench_config(const iml__bench_case *c, const char *dir, int font, double low,
                             double high, iml__str *out, iml_err *e);

// Writes DIR/white, DIR/textures, DIR/faces.txt (a path a line), DIR/text.txt (lines of 10 to 50
// characters). *faces: how many of the 24 faces are installed.
iml_status iml__bench_prepare(const char *dir, size_t *faces, iml_err *e);

#endif
