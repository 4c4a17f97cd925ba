// slice.h: medical volumes: reading NIfTI, and what an affine says of its axes.
//
// A volume is read as stored (one frame, native byte order, x fastest) or as the single-precision
// values that nibabel's get_fdata().astype(float32) gives, bit for bit. Nothing is allocated for
// what a header merely claims; every failure that is the file's own is of class ITEM and its
// message ends with a short code in brackets, such as "[gzip-crc]".
#ifndef IML_SLICE_H
#define IML_SLICE_H

#include "imloom.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- NIfTI-1, NIfTI-2, Analyze 7.5

typedef struct iml_nifti iml_nifti; // *owned*: iml_nifti_close

enum { IML_AFFINE_AUTO, IML_AFFINE_SFORM, IML_AFFINE_QFORM, IML_AFFINE_PIXDIM };

// Codes of the datatype field that are read.
enum {
    IML_NIFTI_U8 = 2,
    IML_NIFTI_I16 = 4,
    IML_NIFTI_I32 = 8,
    IML_NIFTI_F32 = 16,
    IML_NIFTI_F64 = 64,
    IML_NIFTI_I8 = 256,
    IML_NIFTI_U16 = 512,
    IML_NIFTI_U32 = 768,
    IML_NIFTI_I64 = 1024,
    IML_NIFTI_U64 = 1280
};

typedef struct iml_nifti_info {
    int version;     // 1, 2; 0: Analyze 7.5
    bool big_endian; // of the file; what is read is in native order
    bool pair;       // .hdr and .img
    bool gzip;
    int datatype, item_bytes;
    int ndim;            // without trailing dimensions of 1, at least 3
    uint64_t dim[7];     // dim[0] = x, fastest; 1 beyond ndim
    uint64_t voxels;     // of one frame: dim[0] * dim[1] * dim[2]
    uint64_t frames;     // dim[3]
    double zoom[3];      // pixdim as stored
    double unit_mm;      // of the zooms: 1, 1000 or 0.001
    bool scaled;         // slope and inter apply
    double slope, inter; // 1 and 0 where they do not
    int sform_code, qform_code;
    double sform[12], qform[12]; // rows x, y, z of a 3x4 matrix, voxel to RAS+ mm
    double affine[12];           // the one that counts, and which it is (IML_AFFINE_*)
    int affine_source;
    uint64_t data_offset;     // where the voxels begin in the (inflated) image file
    uint64_t extension_bytes; // of header extensions
} iml_nifti_info;

// Opens path (.nii, .nii.gz, or either file of a pair) and checks its header against the size of
// the file. affine: IML_AFFINE_*. IML_EINPUT, IML_ELIMIT, IML_EAGAIN, IML_ENOMEM.
IML_API iml_status iml_nifti_open(const char *path, int affine, iml_nifti **out, iml_err *e);
IML_API const iml_nifti_info *iml_nifti_about(const iml_nifti *n); // *borrowed* until close
// One frame as stored, in native byte order: voxels * item_bytes bytes. Looks at everything there
// is to check: lengths, every gzip member, its CRC and size.
IML_API iml_status iml_nifti_read(iml_nifti *n, uint64_t frame, void *out, size_t cap, iml_err *e);
// The same as float values, scaled: voxels floats.
IML_API iml_status iml_nifti_read_f32(iml_nifti *n, uint64_t frame, float *out, size_t count,
                                      iml_err *e);
IML_API void iml_nifti_close(iml_nifti **n);

// ---- Orientation

typedef struct iml_orient {
    int axis[3];     // of array axis k: 0 R/L, 1 A/P, 2 S/I
    int sign[3];     // 1: the index grows toward R, A, S; -1: toward L, P, I
    char letters[4]; // "LPS": where each array axis grows to
} iml_orient;

// The anatomical axis nearest each array axis, as nibabel's io_orientation. affine: rows of a 3x4
// matrix. IML_EINPUT [orient]: singular.
IML_API iml_status iml_orient_from_affine(const double affine[12], iml_orient *out, iml_err *e);

#ifdef __cplusplus
}
#endif
#endif
