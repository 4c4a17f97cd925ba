// case.h: one case on its way from files to slices; shared by case.c, case_load.c, slice_emit.c and
// slice_meta.c.
//
// Everything lies in the item's arena but what crosses threads (buffers). Stages: open and check
// headers; load and check every voxel, statistics, labels; then planes, encode, emit. Nothing is
// emitted before the second stage has ended, so a damaged case leaves no file.
#ifndef IML_SLICE_CASE_H
#define IML_SLICE_CASE_H

#include <pthread.h>

#include "src/codec/nifti.h"
#include "src/slice/slicer.h"
#include "src/slice/volume.h"

enum { // stages of the report
    IML__STAGE_LOAD = IML_STAGE_DECODE,
    IML__STAGE_STATS = IML_STAGE_COMPUTE,
    IML__STAGE_SLICES = IML_STAGE_ENCODE,
};

struct iml__channel { // one input volume
    iml_nifti *n;     // *borrowed* from image[]
    const char *path;
    uint64_t frame;
    const uint8_t *data; // voxels in file order: all, or those of a round
    uint32_t crc;        // of the first pass over them, and whether there was one
    bool seen;
    struct iml__stats stats;
    float *value; // [65536] of 8- and 16-bit types: scaled, odd ones treated, clipped; else NULL
    uint64_t odd; // NaN and infinite voxels
    float lowest; // what stands for them under --nan background
};

struct iml__group { // planes of one channel under one norm
    struct iml__channel *ch;
    struct iml__normer normer;
    const struct iml__norm *norm;
    void *table;     // [65536] of stored values, or NULL
    uint8_t fill[4]; // the stored value of the minimum
    uint8_t zero[4]; // of 0.0
};

struct iml__label {
    iml_nifti *n;
    const uint8_t *data; // raw items of 1 or 2 bytes, or int32
    int bytes;           // of an item in data
    int32_t *table;      // [65536] where bytes is 1 or 2
    void *stored;        // [65536] of stored labels, likewise
    enum iml__label_type type;
    struct iml__label_counts counts;
    struct iml__turn turn; // image axis -> label axis
    uint32_t crc;          // as of a channel
    bool seen;
};

struct iml__warning {
    const char *code, *text;
};

struct iml__plane {   // encoded; guarded by the part that makes it, then read only
    iml_buf *form[2]; // alone, behind; or the raw plane (small ones)
    uint32_t crc;
    uint32_t uses; // atomic: that are still to come
};

struct iml__case {
    const iml__slicer *s;
    const struct iml__slice_conf *conf;
    const struct iml__case_files *files;
    uint64_t index; // in the plan
    iml_item *it;
    iml_arena *a;

    iml_nifti *image[IML__CHANNELS_MAX]; // opened
    struct iml__channel ch[IML__CHANNELS_MAX];
    uint32_t nimages, nch;
    struct iml__label *label; // NULL: none
    iml_orient orient;        // of the file's axes
    bool oriented;            // letters are known
    struct iml__layout layout;
    struct iml__box box; // that counts, in file axes
    double affine[12];   // of the view, after turn and crop
    double zoom[3];      // of the view
    uint64_t crop_lo[3];
    bool cropped;
    enum { IML__IN_MEMORY, IML__SEQUENCE, IML__SLABS } residence; // see case_stream.c
    bool hold;                                                    // all of it, whatever it takes
    bool show;           // for the contact sheet: planes as they are looked at, of their own size
    int res_axis;        // file axis along which only a part is held
    uint64_t held_bytes; // that all voxels and labels would take
    iml_arena *arena_counts;

    struct iml__group *group; // [ngroups]
    uint32_t ngroups;
    int64_t depth;
    int64_t *slice; // written ones, ascending
    size_t nslices;

    struct iml__warning warning[32];
    uint32_t nwarnings;
    iml__str note;
};

// Opens case `index` for item it: headers are checked, axes settled. Nothing is held on failure.
iml_status iml__case_begin(const iml__slicer *s, uint64_t index, bool show, iml_item *it,
                           struct iml__case **out, iml_err *e);
void iml__case_end(struct iml__case **c);
// Bytes that the item returns under name.
iml_status iml__hand_over(iml_item *it, const char *name, const void *p, size_t bytes, iml_out *out,
                          size_t *n, iml_err *e);
// "slice: case NAME: FILE: TEXT; case not sliced [code]", class ITEM.
iml_status iml__case_fail_as(const struct iml__case *c, iml_err *e, const char *file,
                             const char *code, const char *fmt, ...) IML_PRINTF(5, 6) IML_COLD;
#define iml__case_fail(c, e, file, ...)                                                            \
    iml__failed(iml__case_fail_as((c), (e), (file), __VA_ARGS__))
// The same from what a reader said ("TEXT [code]"); other classes pass.
iml_status iml__case_wrap(const struct iml__case *c, iml_err *e, const char *file, iml_status st);
// A warning is kept for dataset_info.json; with --strict it fails the case.
iml_status iml__case_warn(struct iml__case *c, iml_err *e, const char *file, const char *code,
                          const char *fmt, ...) IML_PRINTF(5, 6);

// case_load.c
iml_status iml__case_load(struct iml__case *c, iml_err *e);   // voxels, labels, crop
iml_status iml__case_select(struct iml__case *c, iml_err *e); // which slices are written
struct iml__foresight { // of headers alone: crops by content and empty slices are not known
    uint64_t slices, memory;
};
iml_status iml__case_foresee(struct iml__case *c, struct iml__foresight *f, iml_err *e);
// count labels of the box from place `from` on, through tmp (count items of up to 4 bytes).
void iml__case_labels(const struct iml__case *c, uint64_t from, size_t count, void *tmp,
                      int32_t *out);

// case_stats.c
iml_status iml__case_measure_all(struct iml__case *c, iml_err *e);
// ch->stats of all voxels, with these two percentiles.
iml_status iml__case_grey_range(struct iml__case *c, struct iml__channel *ch, double low,
                                double high, iml_err *e);
struct iml__foreground { // of the voxels of one channel that have a label above 0
    uint64_t count;
    double mean, squares; // squares: sum of squared distances from mean
    float min, max;
    bool exact;                         // by_bits is filled, else by_upper
    const uint64_t *by_bits, *by_upper; // [65536]: of stored items; of upper halves of float keys
};
iml_status iml__case_foreground(struct iml__case *c, struct iml__channel *ch,
                                struct iml__foreground *out, iml_err *e);
// Adds the same voxels' lower halves to n rows of [65536] bins, of those with these upper ones.
iml_status iml__case_foreground_low(struct iml__case *c, struct iml__channel *ch,
                                    const uint32_t *upper, uint32_t n, uint64_t *bins, iml_err *e);
// count values of a channel: scaled, odd ones treated, clipped.
void iml__channel_values(const struct iml__case *c, const struct iml__channel *ch, const void *raw,
                         size_t count, float *out);

// case_stream.c
void iml__case_residence(struct iml__case *c); // settles c->residence
// One pass over a channel: fn for each block of IML__STAT_BLOCK voxels of the box, in order.
iml_status iml__stream_blocks(struct iml__case *c, struct iml__channel *ch,
                              void (*fn)(void *arg, uint64_t block, const void *raw, size_t n),
                              void *arg, iml_err *e);
iml_status iml__stream_labels(struct iml__case *c, iml_err *e); // checks and counts them
// Planes round by round: from..to-1 are new, up to lead planes before them are held too; channels'
// and label's data and *layout are of what is held. IML_END when all planes were given.
struct iml__rounds; // in the arena; iml__rounds_close
iml_status iml__rounds_open(struct iml__case *c, int64_t block, int64_t lead,
                            struct iml__rounds **r, iml_err *e);
iml_status iml__rounds_next(struct iml__rounds *r, int64_t *from, int64_t *to,
                            struct iml__layout *layout, iml_err *e);
iml_status iml__rounds_end(struct iml__rounds *r, iml_err *e); // the rest is read and checked
void iml__rounds_close(struct iml__rounds *r);

// Labels of one plane, what shows no voxel is 0.
void iml__label_plane(const struct iml__label *l, const struct iml__raster *cut, int64_t p,
                      int32_t *out);

// slice_emit.c
iml_status iml__case_emit(struct iml__case *c, iml_err *e);

// slice_meta.c: metadata of a slice: a text with three holes that differ from slice to slice.
struct iml__meta {
    iml__str part[4];     // around the holes
    double plane_step[3]; // of slice_affine's origin, from plane to plane
    double plane_first[3];
    double row[3], col[3];
};
iml_status iml__meta_make(struct iml__case *c, struct iml__meta *m, iml_err *e);
void iml__meta_text(const struct iml__meta *m, int64_t k, iml__str *out);
void iml__meta_free(struct iml__meta *m);
// The case's line of the set's table: an object on one line.
iml_status iml__case_note(struct iml__case *c, iml_err *e);
// A float as Python's repr; non-finite: "null".
size_t iml__py_float(char out[32], double v);

#endif
