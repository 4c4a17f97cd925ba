// sheet.h: the contact sheet of a synth job (synth.md 3.5).
#ifndef IML_SYNTH_SHEET_H
#define IML_SYNTH_SHEET_H

#include "src/synth/preview.h"
#include "src/synth/synth.h"

typedef struct iml__synth_sheet {
    const char *path; // of the PNG
    uint32_t count, columns;
    int32_t width;
    unsigned layers; // IML__SHEET_*
} iml__synth_sheet;

typedef struct iml__synth_shown {
    uint32_t pictures, bad;
    uint64_t first; // the first bad item, and why
    iml_err why;
} iml__synth_shown;

// Makes an item of each of `count` equal stretches of the job again and writes the sheet. A bad
// item's cell stays empty; how many there were stands in *shown, also after a failure.
iml_status iml__synth_sheet_write(const iml__synth *s, const iml__synth_sheet *o,
                                  iml__synth_shown *shown, iml_err *e);

#endif
