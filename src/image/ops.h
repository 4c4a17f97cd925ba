// ops.h: the one list of image transforms (ops.md): rows, parameters, and how to carry one out.
//
// A system chooses the values (its own key names, distributions and defaults) and hands them over
// as an iml__op; the formula is here. M ops may also join a coordinate map (map.h), so that a run
// of them costs one resampling. Nothing here draws a parameter; own draws and fields come from
// op->stream and op->field at (seed, index).
#ifndef IML_IMAGE_OPS_H
#define IML_IMAGE_OPS_H

#include "src/image/image.h"

enum iml__op_id {
#define IML_OP(id, name, cls, kind, types, own, params) IML__OP_##id,
#include "src/image/ops.def"
#undef IML_OP
    IML__OP_COUNT
};

// Places of the parameters in iml__op.v: IML__ROTATE_DEG, IML__ROTATE_BORDER, ...
#define P(id, param, name, type, def, lo, hi, choices) IML__##id##_##param,
#define IML_OP(id, name, cls, kind, types, own, params) enum { params IML__##id##_PARAMS };
#include "src/image/ops.def"
#undef IML_OP
#undef P

enum iml__edge { IML__EDGE_REFLECT, IML__EDGE_SYMMETRIC, IML__EDGE_REPLICATE, IML__EDGE_CONSTANT };
enum { IML__ROTATE_GROW, IML__ROTATE_CROP, IML__ROTATE_KEEP };
enum { IML__LENS_HALF_DIAGONAL, IML__LENS_SIZE };
enum { IML__MORPH_MIN, IML__MORPH_MAX }; // erode and dilate of a bright figure
enum {
    IML__NOISE_GAUSS,
    IML__NOISE_UNIFORM,
    IML__NOISE_SALT,
    IML__NOISE_PEPPER,
    IML__NOISE_SALT_PEPPER
};

enum { IML__OP_PARAMS_MAX = 8 };
enum iml__op_type { IML__OP_NUMBER, IML__OP_INTEGER, IML__OP_ENUM, IML__OP_BOOLEAN };
enum iml__op_class { IML__OP_M = 'M', IML__OP_X = 'X', IML__OP_S = 'S', IML__OP_P = 'P' };
enum { IML__OP_INT = 1 << IML__U8 | 1 << IML__U16, IML__OP_ALL = IML__OP_INT | 1 << IML__F32 };

typedef struct iml__op_param {
    const char *name;
    enum iml__op_type type;
    double def, lo, hi;
    const char *choices; // of an enumeration, with spaces between; else NULL
} iml__op_param;

typedef struct iml__op_row {
    const char *name;
    enum iml__op_class cls;
    char kind;      // G T D
    unsigned types; // bit 1 << enum iml__depth
    uint32_t own;   // first slot of the op's own draws
    uint32_t nparams;
    const iml__op_param *param;
} iml__op_row;

typedef struct iml__op { // by value
    enum iml__op_id id;
    double v[IML__OP_PARAMS_MAX]; // in the row's order
    uint64_t seed, index;
    uint32_t stream, field; // of NAME and of NAME.field
} iml__op;

const iml__op_row *iml__op_row_of(enum iml__op_id id);
const iml__op_row *iml__op_find(const char *name); // NULL: none
// Defaults; name is that of the draws ("synth.rotation_angle").
void iml__op_init(iml__op *op, enum iml__op_id id, uint64_t seed, uint64_t index, const char *name);
// IML_EARG: a value out of its range, names parameter and range.
iml_status iml__op_check(const iml__op *op, iml_err *e);
// The op leaves a w x h picture exactly as it is.
bool iml__op_neutral(const iml__op *op, int32_t w, int32_t h);
// Carries out one op. *m may be changed in place or replaced by a picture from a; so a view must
// own its pixels. An M op alone makes a map of one. IML_EARG: parameters, type; IML_ENOMEM;
// IML_ELIMIT.
iml_status iml__op_apply(const iml__op *op, iml_arena *a, iml_image *m, iml_err *e);

// ---- Pieces that systems also call by themselves

// Q14 weights of a Gaussian, 2r+1 of them, r = ceil(3 sigma) <= 300. Returns r; 0: sigma is 0.
enum { IML__GAUSS_TAPS = 601 };
int iml__gauss_weights(double sigma, int16_t w[IML__GAUSS_TAPS]);
iml_status iml__blur_gauss(double sigma, iml_arena *scratch, iml_image *m, iml_err *e); // in place
// floor(mean Y + 1/2) of a u8 or u16 picture, in its own levels.
uint32_t iml__mean_luma(const iml_image *m);
// d = lut[s] in all colour channels of a u8 picture.
void iml__apply_lut(iml_image *m, const uint8_t lut[256]);
// u8: the contrast op about another mean than the picture's own.
void iml__contrast_about(iml_image *m, double x, double mean);
void iml__premultiply(iml_image *m);   // u8, u16, f32; 2 or 4 channels, else nothing
void iml__unpremultiply(iml_image *m); // min(255, (255 c + a / 2) / a), 0 where a = 0
bool iml__is_grey(const iml_image *m); // u8: r = g = b everywhere, or one channel

#endif
