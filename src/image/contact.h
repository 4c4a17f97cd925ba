// contact.h: contact sheets: planes as tiles, labels over them, captions, a legend.
//
// A tile is IML__TILE pixels square, RGB. A plane is fitted into it with the aspect of its pixels
// and centred. All sums are made in one fixed order, so a sheet has the same bytes everywhere.
#ifndef IML_IMAGE_CONTACT_H
#define IML_IMAGE_CONTACT_H

#include "src/image/image.h"

enum { IML__TILE = 192, IML__TILE_BYTES = IML__TILE * IML__TILE * 3, IML__SHEET_COLOURS = 20 };

struct iml__fit { // where a plane lies on its tile
    int32_t x, y, w, h;
};
// rows x cols pixels of dy x dx (any unit; not above 0: 1).
struct iml__fit iml__sheet_fit(uint64_t rows, uint64_t cols, double dy, double dx);

// Values lo..hi as black to white, by a triangle as wide as a pixel of the coarser grid. scratch:
// rows * fit.w floats.
void iml__sheet_grey(uint8_t *tile, const struct iml__fit *f, const float *v, size_t rows,
                     size_t cols, float lo, float hi, float *scratch);
// Labels above or below 0 at 40 % in their colours, their edges in full.
void iml__sheet_labels(uint8_t *tile, const struct iml__fit *f, const int32_t *label, size_t rows,
                       size_t cols);
const uint8_t *iml__sheet_colour(int32_t label); // RGB
// Letters at the left, right, upper and lower edge; 0: none.
void iml__sheet_sides(uint8_t *tile, const char side[4]);

// ---- The sheet itself

struct iml__sheet {
    iml_image m;
    int32_t cols, rows, legend; // legend: y of its first line
};
struct iml__sheet_entry {
    int32_t label;
    const char *name;
};
// legend_lines: from iml__sheet_legend_lines. IML_ELIMIT: too large; IML_ENOMEM.
iml_status iml__sheet_new(iml_arena *a, uint32_t rows, uint32_t cols, uint32_t legend_lines,
                          struct iml__sheet *s, iml_err *e);
void iml__sheet_put(struct iml__sheet *s, uint32_t row, uint32_t col, const uint8_t *tile,
                    const char *caption);
void iml__sheet_say(struct iml__sheet *s, uint32_t row, const char *text); // instead of tiles
void iml__sheet_frame(struct iml__sheet *s, uint32_t row);                 // red, around a row
uint32_t iml__sheet_legend_lines(uint32_t cols, const struct iml__sheet_entry *entry, size_t n);
void iml__sheet_legend(struct iml__sheet *s, const struct iml__sheet_entry *entry, size_t n);

#endif
