// slice_sheet.h: the contact sheet of a set (slice.md 3.7).
#ifndef IML_SLICE_SLICE_SHEET_H
#define IML_SLICE_SLICE_SHEET_H

#include "src/slice/slicer.h"

// Reads evenly chosen cases again and writes their planes as a PNG to conf.o.sheet: the
// radiological view, whatever the slices are. Cases that cannot be sliced have a row that says why.
// IML_ELIMIT: too large; IML_ESINK.
iml_status iml__slice_sheet(const iml__slicer *s, iml_ctx *ctx, const iml_run_opts *o, iml_err *e);

#endif
