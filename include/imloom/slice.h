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
// the file. affine: which matrix counts, IML_AFFINE_AUTO (sform, else qform, else zooms) ...
// IML_EINPUT: the file is not as it should be; IML_EAGAIN: it changed while it was read
// ("[changed]"); IML_ELIMIT, IML_ENOMEM. *out is NULL on failure.
IML_API iml_status iml_nifti_open(const char *path, int affine, iml_nifti **out, iml_err *e);
IML_API const iml_nifti_info *iml_nifti_about(const iml_nifti *n); // *borrowed* until close
// One frame (0 <= frame < frames) as stored, in native byte order, x fastest: voxels * item_bytes
// bytes into out, which has room for cap; IML_EARG where that is too little. Looks at everything
// there is to check: lengths, every gzip member, its CRC and size. IML_EINPUT also: no such frame;
// else as iml_nifti_open.
IML_API iml_status iml_nifti_read(iml_nifti *n, uint64_t frame, void *out, size_t cap, iml_err *e);
// The same as values: value = float(double(stored) * slope + inter), `voxels` floats into out,
// which has room for count.
IML_API iml_status iml_nifti_read_f32(iml_nifti *n, uint64_t frame, float *out, size_t count,
                                      iml_err *e);
IML_API void iml_nifti_close(iml_nifti **n); // *n becomes NULL; may be NULL

// ---- Orientation

typedef struct iml_orient {
    int axis[3];     // of array axis k: 0 R/L, 1 A/P, 2 S/I
    int sign[3];     // 1: the index grows toward R, A, S; -1: toward L, P, I
    char letters[4]; // "LPS": where each array axis grows to
} iml_orient;

// The anatomical axis nearest each array axis, as nibabel's io_orientation. affine: rows of a 3x4
// matrix from voxel indices to RAS+ mm (iml_nifti_info.affine). IML_EINPUT [orient]: singular.
IML_API iml_status iml_orient_from_affine(const double affine[12], iml_orient *out, iml_err *e);

// ---- Slicing

// Where the words of the command line are meant, they are spelt as there. Strings are *borrowed*
// until the call ends.
enum { IML_SLICE_TR, IML_SLICE_TS, IML_SLICE_ALL };
enum { IML_SLICE_NAN_AUTO, IML_SLICE_NAN_ERROR, IML_SLICE_NAN_BACKGROUND, IML_SLICE_NAN_KEEP };
enum { IML_SLICE_SKIP_NONE, IML_SLICE_SKIP_LABEL, IML_SLICE_SKIP_IMAGE };
enum { IML_SLICE_FLAT, IML_SLICE_BY_SPLIT, IML_SLICE_BY_CASE };

typedef struct iml_slice_opts {
    size_t size;              // iml_slice_opts_default sets it
    const char *input;        // nnU-Net or MSD folder, one volume, or a CSV of cases
    const char *images;       // or: a folder of images ...
    const char *labels;       // ... and one of labels, or NULL
    const char *label;        // of one volume
    bool no_label;            // write no label
    int subset;               // IML_SLICE_TR ...
    const char *const *cases; // globs; none: all
    size_t ncases;
    const char *channels;   // "0", "0,2", "all"
    int64_t volume;         // frame of a 4-D file; negative: none
    bool label_world;       // labels may be turned against their images
    int affine;             // IML_AFFINE_*
    int nan;                // IML_SLICE_NAN_*
    bool strict;            // warnings fail a case
    const char *axis;       // "0" "1" "2" "sagittal" "coronal" "axial" "auto"
    const char *orient;     // "native" or letters
    bool display;           // radiological rows and columns
    const char *crop;       // "none" "nonzero" "foreground" "above:T" "label" "i0:i1,j0:j1,k0:k1"
    double margin_mm;       // around the box of crop, >= 0
    const char *plane_size; // pixels, "H,W" or "WxH", or NULL
    double clip_min, clip_max; // of scaled values; NAN: none
    const char *const *norms;  // "zscore" ...; several windows are groups of channels
    size_t nnorms;
    int norm_mask;          // 0 foreground, 1 all, 2 nonzero, 3 label
    bool norm_outside_zero; // voxels outside the mask become 0
    const char *stats;      // a fingerprint to read, or NULL
    int dtype;              // 0 f32, 1 f16, 2 i16, 3 u8
    int window, step;       // neighbours on either side, and their distance
    int padding;            // 0 zero, 1 background, 2 replicate, 3 mirror, 4 reflect, 5 symmetric
    const char *slices;     // "all", "mid", "a:b[:s]"
    int skip_empty;         // IML_SLICE_SKIP_*
    uint64_t min_label_pixels;
    double keep_empty;        // share of the empty slices that is kept
    const char *label_map;    // "1:1,2:1,*:0" or a file, or NULL
    int label_type;           // 0 auto, 1 i8, 2 u8, 3 i16, 4 i32
    uint32_t one_hot;         // labels 0..N-1 as planes of their own; 0: none
    int level;                // of compression: 0 1 6 9
    int layout;               // IML_SLICE_FLAT ...
    int digits;               // of a slice's number in its name
    const char *splits;       // "0.8,0.1,0.1", or NULL
    uint32_t folds;           // 0: none
    const char *split_method; // "numpy", "hash", "file:F"
    uint64_t split_seed;
    const char *patient_regex, *patient_map;
    const char *sheet; // a contact sheet (PNG) after the run, or NULL
    uint32_t sheet_cases, sheet_slices;
    uint64_t max_pixels;   // of a plane
    uint64_t memory_bytes; // a case that would take more is read in several passes; 0: none is
    uint64_t seed;
} iml_slice_opts;

IML_API void iml_slice_opts_default(iml_slice_opts *o);
// Slices every case into run->out_dir: CASE_000.npz ... (image (C,H,W), label (H,W), metadata),
// dataset_info.json, splits. Cases are the items of run and report: r->bad of them were refused,
// and dataset_info.json says why; that is no failure of the call. IML_EARG: a setting cannot be, or
// there is no case; else as iml_run. c, o and run are *borrowed* until it returns; r may be NULL.
//
//     iml_slice_opts o;
//     iml_run_opts run;
//     iml_slice_opts_default(&o), iml_run_opts_default(&run);
//     o.input = "Dataset006", o.axis = "axial", run.out_dir = "out";
//     if (iml_ctx_new(&ctx, &e) || iml_slice_run(ctx, &o, &run, &report, &e)) ... e.msg
IML_API iml_status iml_slice_run(iml_ctx *c, const iml_slice_opts *o, const iml_run_opts *run,
                                 iml_report *r, iml_err *e);

#ifdef __cplusplus
}
#endif
#endif
