// volume.h: where the voxels of a plane are: turned, cropped, laid out; and cutting planes out.
//
// A volume in memory is a run of items in file order (x fastest) or a part of it. A box says what
// counts of it; a layout says which of its voxels stand where on a plane. Nothing here knows what a
// value means: planes are copied, or looked up in a table by the bits of 8- and 16-bit items.
#ifndef IML_SLICE_VOLUME_H
#define IML_SLICE_VOLUME_H

#include "src/base/iml_attr.h"
#include "src/slice/orient.h"

struct iml__box { // in file axes
    uint64_t dim[3], lo[3], n[3];
};
static inline struct iml__box iml__box_all(const uint64_t dim[3])
{
    struct iml__box b = {{dim[0], dim[1], dim[2]}, {0, 0, 0}, {dim[0], dim[1], dim[2]}};
    return b;
}
static inline uint64_t iml__box_count(const struct iml__box *b)
{
    return b->n[0] * b->n[1] * b->n[2];
}
static inline bool iml__box_whole(const struct iml__box *b)
{
    return b->n[0] == b->dim[0] && b->n[1] == b->dim[1] && b->n[2] == b->dim[2];
}
// "(i, j, k)", the file's indices of the box's at-th voxel; text is returned.
const char *iml__box_voxel(const struct iml__box *b, uint64_t at, char text[72]);
// count items of the box from its from-th on, in file order. Where they lie together: their place
// in data; else they are copied to tmp (count * item bytes).
const void *iml__box_take(const struct iml__box *b, size_t item, const void *data, uint64_t from,
                          size_t count, void *tmp);
// The same of another volume of the same box, whose voxels lie at origin + x sx + y sy + z sz.
void iml__box_take_strided(const struct iml__box *b, size_t item, const void *data, int64_t origin,
                           const int64_t stride[3], uint64_t from, size_t count, void *out);

// ---- Layout of planes

struct iml__layout {
    uint64_t dim[3];       // of the volume, file axes
    struct iml__turn turn; // view axis -> file axis
    uint64_t lo[3], n[3];  // what is left of the view after cropping
    int axis, row, col;    // view axes: across planes, down, and along a row
    bool row_flip, col_flip;
    uint64_t height, width;       // of a plane as written
    int64_t row_shift, col_shift; // its pixel (i, j) shows row i + row_shift, column j + col_shift
};

// A layout without crop: planes along view axis `axis`, the others in order.
struct iml__layout iml__layout_of(const uint64_t dim[3], const struct iml__turn *turn, int axis);
void iml__layout_crop(struct iml__layout *l, const uint64_t lo[3], const uint64_t n[3]);
// Centre crop or padding to a size; 0 keeps.
void iml__layout_size(struct iml__layout *l, uint64_t height, uint64_t width);
struct iml__box iml__layout_box(const struct iml__layout *l); // in file axes
static inline uint64_t iml__layout_planes(const struct iml__layout *l) { return l->n[l->axis]; }
static inline size_t iml__layout_pixels(const struct iml__layout *l)
{
    return (size_t)(l->height * l->width);
}

struct iml__raster { // strides in items, from the first item of a volume in memory
    int64_t origin, plane, row, col;
    int64_t height, width;                // of a plane as written
    int64_t row_lo, row_n, col_lo, col_n; // the part of it that shows voxels
};
// first: the file plane along z (or whatever axis 2 of the file is) that the memory begins with.
struct iml__raster iml__raster_of(const struct iml__layout *l, uint64_t first);
// Of another volume whose file axes are turned against those of l's: view-on-file turn t2, dims.
struct iml__raster iml__raster_turned(const struct iml__layout *l, const struct iml__turn *label,
                                      const uint64_t label_dim[3]);
// Column by column instead of row by row (Fortran order).
struct iml__raster iml__raster_transposed(const struct iml__raster *c);

// Planes from..to-1 of data one behind the other, in_bytes items copied (in_bytes == out_bytes,
// table NULL) or looked up: table[bits] of out_bytes each (in_bytes 1 or 2). What shows no voxel is
// *fill.
void iml__raster_planes(const struct iml__raster *c, const void *data, int64_t from, int64_t to,
                        int in_bytes, int out_bytes, const void *table, const void *fill,
                        void *out);

#endif
