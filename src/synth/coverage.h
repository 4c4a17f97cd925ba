// coverage.h: which characters were drawn, how often, by which faces (synth.md 3.4).
//
// Every item adds lines to a table of the engine: sums that no order, share or kill can change.
// When the set is complete, three files are made of it.
#ifndef IML_SYNTH_COVERAGE_H
#define IML_SYNTH_COVERAGE_H

#include "src/engine/aggregate.h"
#include "src/synth/label_formats.h"

// Declares the table and its files, and makes the job's context: faces, and the characters that
// are asked for: those of charset, else of a sample of the corpora (all of what has 1 MiB, of
// larger ones 64 stretches of 16 KiB). IML_ENOMEM.
iml_status iml__coverage_declare(iml__synth *s, iml_err *e);

// What a worker remembers of units it met; *owned*: iml__coverage_free.
typedef struct iml__coverage iml__coverage;
void iml__coverage_free(iml__coverage **c);
// The lines of one item; *c is made when it is first needed.
iml_status iml__coverage_add(const iml__labelled *l, iml__synth_worker *w, iml_err *e);

// coverage.tsv, coverage.json and fonts.tsv, for those who close a set.
extern const struct iml__renderers iml__synth_renderers;
iml_render iml__coverage_tsv, iml__coverage_json, iml__coverage_fonts;

#endif
