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

// Makes items j N / count of the job again and writes the sheet. A bad item's cell stays empty.
iml_status iml__synth_sheet_write(const iml__synth *s, const iml__synth_sheet *o, iml_err *e);

#endif
