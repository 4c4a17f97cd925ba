// nifti.h: NIfTI volumes inside the program: headers from memory, whole frames, streams of voxels.
#ifndef IML_CODEC_NIFTI_H
#define IML_CODEC_NIFTI_H

#include "imloom/slice.h"
#include "src/base/err.h"

// A failure that is the file's own: e->msg is "sentence [code]"; the code is kept whatever the
// length. The caller says whose file it is.
iml_status iml__coded_set(iml_err *e, iml_status st, const char *code, const char *fmt, ...)
    IML_PRINTF(4, 5) IML_COLD;
#define iml__coded(e, st, ...) iml__failed(iml__coded_set((e), (st), __VA_ARGS__))
// The code of such a message ("gzip-crc"), or ""; *n: length of the sentence before it.
void iml__coded_split(const char *msg, char code[24], size_t *n);

// ---- Headers

enum { IML__NIFTI_HEAD = 544 }; // bytes that hold any header

enum {                           // warnings, bits
    IML__NIFTI_WARN_ANALYZE = 1, // no orientation
    IML__NIFTI_WARN_LONGER = 2,  // bytes behind the voxels
    IML__NIFTI_WARN_ZOOM = 4,    // a pixdim of 0
    IML__NIFTI_WARN_FORMS = 8,   // sform and qform differ
    IML__NIFTI_WARN_SHEAR = 16,  // the axes are not at right angles
};

// Reads the header at p: n bytes of the beginning of the header's file (at least IML__NIFTI_HEAD
// where it has so many). IML_EINPUT with a code of slice.md 7.
iml_status iml__nifti_header(const uint8_t *p, size_t n, int affine, iml_nifti_info *out,
                             iml_err *e);
// Checks the chain of extensions between header and voxels: p holds the file up to data_offset.
iml_status iml__nifti_extensions(const uint8_t *p, size_t n, iml_nifti_info *info, iml_err *e);
// Whether a file of size bytes can hold what the header claims; before any allocation.
iml_status iml__nifti_sizes(const iml_nifti_info *i, uint64_t size, bool gzip, iml_err *e);
const char *iml__nifti_type_name(int datatype); // "int16"; NULL: not one that is read
bool iml__nifti_is_integer(int datatype);
unsigned iml__nifti_warnings(const iml_nifti_info *i);

// ---- Files

struct iml_nifti {
    iml_nifti_info info;
    char *path, *image; // as opened; the file of the voxels (the same, but in a pair)
    uint64_t size;      // of the image file
    int64_t mtime_ns;
    unsigned warnings; // IML__NIFTI_WARN_*
    bool changed;      // it was not the same file while it was read
};

// As iml_nifti_open, but the caller says whose file it is.
iml_status iml__nifti_open(const char *path, int affine, iml_nifti **out, iml_err *e);
// A whole frame in native byte order, into the arena: voxels * item_bytes bytes, aligned to an
// item. input: the image file's bytes, read ahead, or NULL. IML_EAGAIN with n->changed: the file
// changed.
iml_status iml__nifti_load(iml_nifti *n, uint64_t frame, const iml_buf *input, iml_arena *a,
                           void **voxels, iml_err *e);

// A stream of one frame's voxels in file order, native byte order.
struct iml__nifti_stream;
iml_status iml__nifti_stream_open(iml_nifti *n, uint64_t frame, struct iml__nifti_stream **s,
                                  iml_err *e);
iml_status iml__nifti_stream_read(struct iml__nifti_stream *s, void *out, size_t bytes,
                                  iml_err *e); // exactly so many
// Reads the rest and checks everything that comes behind the voxels. crc: over all that was
// inflated, so that a second pass can be held against the first.
iml_status iml__nifti_stream_end(struct iml__nifti_stream *s, uint32_t *crc, iml_err *e);
void iml__nifti_stream_close(struct iml__nifti_stream **s);

// Voxels as float: out[k] = f32(f64(raw) * slope + inter), both rounded, as nibabel.
void iml__nifti_to_f32(const iml_nifti_info *i, const void *raw, size_t n, float *out);
// The same for one value of an 8- or 16-bit type, by its bits.
float iml__nifti_value(const iml_nifti_info *i, uint32_t bits);
void iml__nifti_to_f64(const iml_nifti_info *i, const void *raw, size_t n, double *out);

#endif
