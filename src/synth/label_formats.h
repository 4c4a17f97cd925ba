// label_formats.h: label formats: the table of them, and what a writer is given.
//
// A writer turns one item into pieces: files of its own beside the picture, or pieces of files that
// all items append to. It decides nothing: text, places and which pictures a recogniser may see
// are settled before.
#ifndef IML_SYNTH_LABEL_FORMATS_H
#define IML_SYNTH_LABEL_FORMATS_H

#include "src/synth/outputs.h"
#include "src/synth/synth.h"

enum { IML__FORMAT_RECOGNISES = 1, IML__FORMAT_DETECTS = 2 };

// What a recogniser reads: a picture of one line, whole or cut out of a larger one.
typedef struct iml__sample {
    const char *file, *stem; // as aggregates name it; without its suffix
    const char *text;        // not terminated
    size_t len;
    uint32_t line;
    int32_t w, h;
    const double *to; // 3x3: from places in the whole picture to places in this one; NULL: the same
} iml__sample;

typedef struct iml__labelled {
    const iml__synth *s;
    const iml__synth_item *item;
    const char *file, *stem; // of the picture
    const uint8_t *bytes;    // as encoded
    size_t nbytes;
    const iml__sample *sample; // none: a picture of several lines, without crops
    uint32_t nsamples;
    iml__str *text; // scratch
    iml__outputs *out;
} iml__labelled;

typedef iml_status iml__format_writer(const iml__labelled *l, iml_err *e);

typedef struct iml__format {
    const char *name, *alias, *about;
    unsigned flags;
    iml__format_writer *write;
} iml__format;
extern const iml__format iml__formats[IML__LABELS];

// All formats of `labels` that are asked for. IML_ENOMEM.
iml_status iml__formats_write(const iml__labelled *l, unsigned labels, iml_err *e);
bool iml__formats_recognise(unsigned labels); // some of them take pictures of one line only

// What the job declares: pieces and files of the formats asked for, from a. IML_ENOMEM.
iml_status iml__formats_declare(unsigned labels, iml_arena *a, iml_job *job, iml_err *e);

// ---- For the writers

// The picture's file with another suffix: ".box", or in gt/ as a format wants it.
iml_status iml__format_file(const iml__labelled *l, const char *suffix, iml_err *e);  // of l->text
iml_status iml__format_piece(const iml__labelled *l, const char *pieces, iml_err *e); // likewise

typedef struct iml__region { // a line or word with ink
    const char *text;        // not terminated
    size_t len;
    const double *quad, *polygon; // npolygon points; 0: its quad
    uint32_t npolygon;
} iml__region;
// By det_unit, in reading order; *borrowed* from the item and the arena. IML_ENOMEM.
iml_status iml__format_regions(const iml__labelled *l, const iml__region **out, uint32_t *n,
                               iml_err *e);
// Outermost pixels x0 y0 x1 y1 of n points.
void iml__format_box(const double *xy, size_t n, int32_t box[4]);
// A box as far as it lies in a picture of w x h, 1 px at least: readers cut it out.
void iml__format_within(int32_t box[4], int32_t w, int32_t h);
int64_t iml__format_round(double v); // floor(v + 1/2)

#define IML_LABELS(name, alias, flags, writer, about) iml__format_writer writer;
#include "src/synth/label_formats.def"

#endif
