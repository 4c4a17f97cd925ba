// preview.h: the contact sheet of a data set (synth.md 3.5): pictures scaled into cells, with what
// their labels say drawn over them.
//
// The sheet asks for one item after the other, so only one picture is in memory besides the sheet.
// Its bytes depend on the items and the options alone.
#ifndef IML_SYNTH_PREVIEW_H
#define IML_SYNTH_PREVIEW_H

#include "src/image/image.h"
#include "src/synth/layout.h"

enum { // layers, --preview-layers
    IML__SHEET_UNITS = 1,
    IML__SHEET_LINES = 2,
    IML__SHEET_WORDS = 4,
    IML__SHEET_BASELINE = 8,
    IML__SHEET_CELLS = 16,
    IML__SHEET_POLYGON = 32
};
// "units,lines" to bits. IML_EARG names the word that is none.
iml_status iml__sheet_layers(const char *list, unsigned *layers, iml_err *e);

// Geometry of one label, in px of its picture. Quads: 8 doubles; baselines: 4. A quad whose first
// value is NaN is left out (no ink).
typedef struct iml__sheet_item {
    iml_image image;             // u8; transparent parts are shown over white
    const char *caption;         // UTF-8
    const double *units, *cells; // nunits times 8, logical order through all lines
    size_t nunits;
    const double *words;
    size_t nwords;
    const double *lines, *baselines;
    size_t nlines;
    const double *const *polygons; // per line; NULL entries: none
    const uint32_t *npolygon;
} iml__sheet_item;

typedef struct iml__sheet_opts {
    uint32_t count, columns; // 24, 4
    int32_t width;           // of a cell's picture, 320
    unsigned layers;         // units | lines
    iml__face *const *faces; // of the captions, in order of preference; 0 faces: no captions
    uint32_t nfaces;
    iml__setter *setter;
} iml__sheet_opts;
void iml__sheet_defaults(iml__sheet_opts *o);

// Item k of count. The item lives in the given arena, which is emptied after each. IML_END: there
// is no such item, its cell stays empty.
typedef iml_status iml__sheet_get(void *user, uint32_t k, iml_arena *a, iml__sheet_item *item,
                                  iml_err *e);
// out: RGB, from a. scratch: another arena, for the items.
iml_status iml__sheet_make(const iml__sheet_opts *o, iml__sheet_get *get, void *user, iml_arena *a,
                           iml_arena *scratch, iml_image *out, iml_err *e);

#endif
