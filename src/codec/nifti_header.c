// nifti_header.c: what the first bytes of a volume say, and whether its file can hold it.
//
// Rules that every field obeys before anything is allocated:
//  - sizeof_hdr (348 or 540) in either byte order gives version and byte order; nothing else does.
//  - A field is taken as its standard says or refused with a code; none is repaired in silence.
//  - Products are checked; what a gzip file may unfold to is bounded by deflate's 1032 : 1.
// The layout is that of nifti1.h and nifti2.h (NIfTI Data Format Working Group); Analyze 7.5 is
// what has NIfTI-1's size, no magic and a sane dim[0].
#include "src/codec/nifti.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "src/base/str.h"

enum { RATIO = 1032 }; // deflate's most: 258 bytes from 2 bits

// ---- Failures with a code

iml_status iml__coded_set(iml_err *e, iml_status st, const char *code, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return IML_FAIL(e, st, "%s [%s]", text, code);
}

void iml__coded_split(const char *msg, char code[24], size_t *n)
{
    size_t len = strlen(msg), at = len;
    code[0] = 0, *n = len;
    if (!len || msg[len - 1] != ']') return;
    while (at && msg[at - 1] != '[') at--;
    if (at < 2 || msg[at - 2] != ' ' || len - 1 - at >= 24) return;
    memcpy(code, msg + at, len - 1 - at);
    code[len - 1 - at] = 0;
    *n = at - 2;
}

// ---- Fields

struct head { // a header's bytes
    const uint8_t *p;
    bool swap;
};

static uint64_t bits(struct head h, size_t at, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned k = 0; k < bytes; k++)
        v |= (uint64_t)h.p[at + (h.swap ? bytes - 1 - k : k)] << 8 * k;
    return v;
}

static int i16(struct head h, size_t at) { return (int16_t)bits(h, at, 2); }
static int32_t i32(struct head h, size_t at) { return (int32_t)bits(h, at, 4); }
static int64_t i64(struct head h, size_t at) { return (int64_t)bits(h, at, 8); }

static double f32(struct head h, size_t at)
{
    uint32_t v = (uint32_t)bits(h, at, 4);
    float f;
    memcpy(&f, &v, sizeof f);
    return (double)f;
}

static double f64(struct head h, size_t at)
{
    uint64_t v = bits(h, at, 8);
    double f;
    memcpy(&f, &v, sizeof f);
    return f;
}

struct raw { // the fields of either version
    int64_t dim[8];
    double pixdim[8], vox_offset, quatern[3], qoffset[3];
    int64_t vox_offset_2;
    int bitpix, units;
};

static void read_1(struct head h, struct raw *r, iml_nifti_info *o)
{
    for (size_t k = 0; k < 8; k++) {
        r->dim[k] = i16(h, 40 + 2 * k);
        r->pixdim[k] = f32(h, 76 + 4 * k);
    }
    o->datatype = i16(h, 70), r->bitpix = i16(h, 72);
    r->vox_offset = f32(h, 108);
    o->slope = f32(h, 112), o->inter = f32(h, 116);
    r->units = h.p[123];
    o->qform_code = i16(h, 252), o->sform_code = i16(h, 254);
    for (size_t k = 0; k < 3; k++) {
        r->quatern[k] = f32(h, 256 + 4 * k);
        r->qoffset[k] = f32(h, 268 + 4 * k);
    }
    for (size_t k = 0; k < 12; k++) o->sform[k] = f32(h, 280 + 4 * k);
}

static void read_2(struct head h, struct raw *r, iml_nifti_info *o)
{
    o->datatype = i16(h, 12), r->bitpix = i16(h, 14);
    for (size_t k = 0; k < 8; k++) {
        r->dim[k] = i64(h, 16 + 8 * k);
        r->pixdim[k] = f64(h, 104 + 8 * k);
    }
    r->vox_offset_2 = i64(h, 168);
    o->slope = f64(h, 176), o->inter = f64(h, 184);
    o->qform_code = i32(h, 344), o->sform_code = i32(h, 348);
    for (size_t k = 0; k < 3; k++) {
        r->quatern[k] = f64(h, 352 + 8 * k);
        r->qoffset[k] = f64(h, 376 + 8 * k);
    }
    for (size_t k = 0; k < 12; k++) o->sform[k] = f64(h, 400 + 8 * k);
    r->units = i32(h, 500);
}

// ---- What it is, if it is none

static bool all_text(const uint8_t *p, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if ((p[k] < 32 && p[k] != '\t' && p[k] != '\n' && p[k] != '\r') || p[k] == 127)
            return false;
    return n > 0;
}

static bool page(const uint8_t *p, size_t n) // of the web
{
    size_t k = 0;
    while (k < n && (p[k] == ' ' || p[k] == '\t' || p[k] == '\n' || p[k] == '\r')) k++;
    const char *at = (const char *)p + k;
    return n - k >= 14 && (!strncasecmp(at, "<!doctype html", 14) || !strncasecmp(at, "<html", 5));
}

// What stands there instead, and what helps.
static void looks_like(const uint8_t *p, size_t n, char text[96])
{
    static const struct {
        const char *magic, *name;
        size_t at, len;
    } known[] = {
        {"DICM", "it looks like DICOM: convert it first, for example with dcm2niix", 128, 4},
        {"\x89PNG", "it looks like a PNG picture", 0, 4},
        {"\xff\xd8\xff", "it looks like a JPEG picture", 0, 3},
        {"NRRD", "it looks like NRRD: convert it to NIfTI first", 0, 4},
        {"ObjectType", "it looks like a MetaImage header: convert it to NIfTI first", 0, 10},
        {"\x89HDF", "it looks like HDF5 (MINC?): convert it to NIfTI first", 0, 4},
        {"PK\3\4", "it looks like a ZIP archive: unpack it first", 0, 4},
        {"\x93NUMPY", "it looks like a numpy array", 0, 6},
        {"\x28\xb5\x2f\xfd", "it looks like zstd: this build reads .nii and .nii.gz", 0, 4},
        {"\x1f\x8b", "it looks like gzip inside gzip: unpack it once", 0, 2},
        {"BZh", "it looks like bzip2: this build reads .nii and .nii.gz", 0, 3},
        {"\xfd"
         "7zXZ",
         "it looks like xz: this build reads .nii and .nii.gz", 0, 5},
        {"version https://git-lfs", "it is a pointer of Git LFS: git lfs pull fetches the file", 0,
         23},
        {"/annex/objects/", "it is a pointer of git-annex: git annex get fetches the file", 0, 15},
    };
    bool zero = true;
    const char *what = NULL;
    for (size_t k = 0; k < IML_COUNT_OF(known) && !what; k++)
        if (n >= known[k].at + known[k].len &&
            !memcmp(p + known[k].at, known[k].magic, known[k].len))
            what = known[k].name;
    for (size_t k = 0; k < n; k++) zero = zero && !p[k];
    if (!what && zero)
        what = n ? "it holds nothing but zeros: copy it again" : "it is empty: copy it again";
    if (!what && page(p, n)) what = "it is a web page: the download went wrong";
    if (!what && all_text(p, IML_MIN(n, (size_t)256))) what = "it looks like text";
    if (what) {
        (void)snprintf(text, 96, "%s", what);
        return;
    }
    int at = snprintf(text, 96, "it begins with");
    for (size_t k = 0; k < n && k < 8; k++)
        at += snprintf(text + at, 96 - (size_t)at, " %02x", p[k]);
}

// ---- Data types

static const struct type {
    int code, bytes;
    const char *name;
    bool integer;
} types[] = {
    {IML_NIFTI_U8, 1, "uint8", true},     {IML_NIFTI_I8, 1, "int8", true},
    {IML_NIFTI_I16, 2, "int16", true},    {IML_NIFTI_U16, 2, "uint16", true},
    {IML_NIFTI_I32, 4, "int32", true},    {IML_NIFTI_U32, 4, "uint32", true},
    {IML_NIFTI_I64, 8, "int64", true},    {IML_NIFTI_U64, 8, "uint64", true},
    {IML_NIFTI_F32, 4, "float32", false}, {IML_NIFTI_F64, 8, "float64", false},
};

static const struct type *type_of(int code)
{
    for (size_t k = 0; k < IML_COUNT_OF(types); k++)
        if (types[k].code == code) return &types[k];
    return NULL;
}

const char *iml__nifti_type_name(int code)
{
    const struct type *t = type_of(code);
    return t ? t->name : NULL;
}

bool iml__nifti_is_integer(int code)
{
    const struct type *t = type_of(code);
    return t && t->integer;
}

static iml_status check_type(const struct raw *r, iml_nifti_info *o, iml_err *e)
{
    static const struct {
        int code;
        const char *name, *todo;
    } refused[] = {
        {1, "binary (1 bit)", "store it as uint8"},
        {32, "complex64", "store its magnitude as float32"},
        {128, "RGB24", "store grey values, or channels as files _0000, _0001, _0002"},
        {1536, "float128", "store it as float64"},
        {1792, "complex128", "store its magnitude as float32"},
        {2048, "complex256", "store its magnitude as float32"},
        {2304, "RGBA32", "store grey values, or channels as files _0000, _0001, _0002"},
    };
    const struct type *t = type_of(o->datatype);
    for (size_t k = 0; k < IML_COUNT_OF(refused) && !t; k++)
        if (refused[k].code == o->datatype)
            return iml__coded(e, IML_EINPUT, "dtype", "voxels are %s, which cannot be sliced; %s",
                              refused[k].name, refused[k].todo);
    if (!t)
        return iml__coded(e, IML_EINPUT, "dtype", "datatype %d is none of NIfTI's", o->datatype);
    if (r->bitpix != 8 * t->bytes)
        return iml__coded(e, IML_EINPUT, "dtype",
                          "bitpix is %d, but %s has %d bits; the header is damaged", r->bitpix,
                          t->name, 8 * t->bytes);
    o->item_bytes = t->bytes;
    return IML_OK;
}

// ---- Dimensions

static iml_status check_dims(const struct raw *r, iml_nifti_info *o, iml_err *e)
{
    if (r->dim[0] < 1 || r->dim[0] > 7)
        return iml__coded(e, IML_EINPUT, "dims",
                          "the header has %lld dimensions; 1 to 7 are possible",
                          (long long)r->dim[0]);
    size_t all = (size_t)o->item_bytes;
    o->ndim = 3, o->voxels = 1;
    for (int k = 0; k < 7; k++) {
        o->dim[k] = 1;
        if (k >= r->dim[0]) continue;
        if (r->dim[k + 1] < 1)
            return iml__coded(e, IML_EINPUT, "dims", "dimension %d is %lld; the header is damaged",
                              k + 1, (long long)r->dim[k + 1]);
        o->dim[k] = (uint64_t)r->dim[k + 1];
        if (o->dim[k] > 1 && k >= o->ndim) o->ndim = k + 1;
        if (o->dim[k] > INT32_MAX || iml__mul_overflow(all, (size_t)o->dim[k], &all))
            return iml__coded(e, IML_EINPUT, "dims",
                              "the dimensions multiply to more than can be addressed");
        if (k < 3) o->voxels *= o->dim[k];
    }
    o->frames = o->dim[3];
    return IML_OK;
}

static uint64_t all_bytes(const iml_nifti_info *i)
{
    uint64_t n = (uint64_t)i->item_bytes;
    for (int k = 0; k < 7; k++) n *= i->dim[k]; // fits: check_dims
    return n;
}

iml_status iml__nifti_sizes(const iml_nifti_info *i, uint64_t size, bool gzip, iml_err *e)
{
    uint64_t need = all_bytes(i), end;
    if (__builtin_add_overflow(need, i->data_offset, &end) || end / RATIO > size)
        return iml__coded(e, IML_EINPUT, "dims",
                          "the header claims %llu bytes of voxels; a file of %llu cannot hold them",
                          (unsigned long long)need, (unsigned long long)size);
    if (!gzip && end > size)
        return iml__coded(e, IML_EINPUT, "short-data",
                          "%llu bytes of voxels are missing of %llu; the file is cut short",
                          (unsigned long long)IML_MIN(end - size, need), (unsigned long long)need);
    return IML_OK;
}

// ---- Where the voxels are

// As a whole number, or -1; text says what stands there.
static int64_t offset_of(const struct raw *r, const iml_nifti_info *o, char text[32])
{
    double at = r->vox_offset;
    if (o->version == 2) {
        (void)snprintf(text, 32, "%lld", (long long)r->vox_offset_2);
        return r->vox_offset_2;
    }
    if (o->version == 0 && !(at >= 0)) at = 0; // Analyze: a field that few wrote
    text[iml__num_short(text, at)] = 0;
    return at >= 0 && at <= 1e15 && at == floor(at) ? (int64_t)at : -1;
}

static iml_status check_offset(const struct raw *r, iml_nifti_info *o, iml_err *e)
{
    char text[32];
    int64_t at = offset_of(r, o, text);
    uint64_t least = o->pair ? 0 : o->version == 2 ? 544 : 352;
    if (at < 0 || at > INT64_C(1000000000000000))
        return iml__coded(e, IML_EINPUT, "offset", "vox_offset is %s, which is no place in a file",
                          text);
    o->data_offset = (uint64_t)at;
    if (o->data_offset < least)
        return iml__coded(e, IML_EINPUT, "offset",
                          "vox_offset is %llu, inside the header of %llu bytes",
                          (unsigned long long)o->data_offset, (unsigned long long)least);
    return IML_OK;
}

iml_status iml__nifti_extensions(const uint8_t *p, size_t n, iml_nifti_info *o, iml_err *e)
{
    uint64_t at = o->version == 2 ? 544 : 352;
    o->extension_bytes = 0;
    if (o->pair || o->version == 0 || n < at || !p[at - 4]) return IML_OK;
    while (at + 8 <= o->data_offset && at + 8 <= n) {
        struct head h = {p, o->big_endian};
        int64_t esize = i32(h, at);
        if (esize == 0) break; // padding
        if (esize < 16 || (uint64_t)esize > o->data_offset - at)
            return iml__coded(e, IML_EINPUT, "offset",
                              "vox_offset %llu lies inside a header extension (%lld bytes at %llu)",
                              (unsigned long long)o->data_offset, (long long)esize,
                              (unsigned long long)at);
        at += (uint64_t)esize;
        o->extension_bytes += (uint64_t)esize;
    }
    return IML_OK;
}

// ---- Scaling and orientation

static iml_status check_scale(iml_nifti_info *o, iml_err *e)
{
    bool slope = isfinite(o->slope) && o->slope != 0;
    if (slope && o->version && !isfinite(o->inter))
        return iml__coded(e, IML_EINPUT, "scale",
                          "scl_slope is set, but scl_inter is not a number; the header is damaged");
    if (!slope) o->slope = 1, o->inter = 0;
    if (!o->version) o->inter = 0; // SPM's factor stands in Analyze's unused field; no offset does
    o->scaled = o->slope != 1 || o->inter != 0;
    return IML_OK;
}

// qform to matrix (nifti1.h, method 2): the quaternion's first part follows from the others.
static void qform_matrix(const struct raw *r, double m[12])
{
    double b = r->quatern[0], c = r->quatern[1], d = r->quatern[2];
    double aa = 1 - (b * b + c * c + d * d), a = aa > 0 ? sqrt(aa) : 0;
    double s = b * b + c * c + d * d;
    if (aa < 0 && s > 0) s = sqrt(s), b /= s, c /= s, d /= s;
    double zoom[3] = {r->pixdim[1], r->pixdim[2], r->pixdim[0] < 0 ? -r->pixdim[3] : r->pixdim[3]};
    double rot[9] = {a * a + b * b - c * c - d * d, 2 * (b * c - a * d),
                     2 * (b * d + a * c),           2 * (b * c + a * d),
                     a * a + c * c - b * b - d * d, 2 * (c * d - a * b),
                     2 * (b * d - a * c),           2 * (c * d + a * b),
                     a * a + d * d - b * b - c * c};
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++) m[4 * i + k] = rot[3 * i + k] * zoom[k];
        m[4 * i + 3] = r->qoffset[i];
    }
}

// Without codes: the axes of the file, x flipped, the volume's centre at 0 (nibabel's base affine).
static void pixdim_matrix(const iml_nifti_info *o, double m[12])
{
    memset(m, 0, 12 * sizeof *m);
    for (int i = 0; i < 3; i++) {
        double z = i ? o->zoom[i] : -o->zoom[i];
        m[4 * i + i] = z;
        m[4 * i + 3] = -((double)o->dim[i] - 1) / 2 * z;
    }
}

static iml_status choose_affine(const struct raw *r, int affine, iml_nifti_info *o, iml_err *e)
{
    static const char *const names[] = {"auto", "sform", "qform"};
    qform_matrix(r, o->qform);
    bool s = o->version && o->sform_code > 0, q = o->version && o->qform_code > 0;
    if ((affine == IML_AFFINE_SFORM && !s) || (affine == IML_AFFINE_QFORM && !q))
        return iml__coded(e, IML_EINPUT, "orient",
                          "the header has no %s, which --affine-source asks for", names[affine]);
    if (s && affine != IML_AFFINE_QFORM) {
        o->affine_source = IML_AFFINE_SFORM;
        memcpy(o->affine, o->sform, sizeof o->affine);
    } else if (q) {
        o->affine_source = IML_AFFINE_QFORM;
        memcpy(o->affine, o->qform, sizeof o->affine);
    } else {
        o->affine_source = IML_AFFINE_PIXDIM;
        pixdim_matrix(o, o->affine);
    }
    for (int k = 0; k < 12; k++)
        if (!isfinite(o->affine[k]))
            return iml__coded(e, IML_EINPUT, "orient",
                              "the matrix to millimetres holds NaN or infinity");
    return IML_OK;
}

// ---- Warnings

static double furthest(const iml_nifti_info *i, const double *a, const double *b)
{
    double most = 0;
    for (int corner = 0; corner < 8; corner++) {
        double mm = 0;
        for (int r = 0; r < 3; r++) {
            double d = a[4 * r + 3] - b[4 * r + 3];
            for (int k = 0; k < 3; k++)
                if (corner >> k & 1) d += (a[4 * r + k] - b[4 * r + k]) * ((double)i->dim[k] - 1);
            mm += d * d;
        }
        if (mm > most) most = mm;
    }
    return sqrt(most);
}

static bool sheared(const double *m)
{
    for (int i = 0; i < 3; i++)
        for (int k = i + 1; k < 3; k++) {
            double dot = 0, a = 0, b = 0;
            for (int r = 0; r < 3; r++) {
                dot += m[4 * r + i] * m[4 * r + k];
                a += m[4 * r + i] * m[4 * r + i], b += m[4 * r + k] * m[4 * r + k];
            }
            if (dot * dot > 1e-6 * a * b) return true; // 0.06 degrees from a right angle
        }
    return false;
}

unsigned iml__nifti_warnings(const iml_nifti_info *i)
{
    unsigned w = i->version ? 0 : IML__NIFTI_WARN_ANALYZE;
    double least = INFINITY;
    for (int k = 0; k < 3; k++) {
        if (i->zoom[k] == 0) w |= IML__NIFTI_WARN_ZOOM;
        if (fabs(i->zoom[k]) > 0 && fabs(i->zoom[k]) < least) least = fabs(i->zoom[k]);
    }
    if (i->version && i->sform_code > 0 && i->qform_code > 0 && isfinite(least) &&
        furthest(i, i->sform, i->qform) > 0.1 * least)
        w |= IML__NIFTI_WARN_FORMS;
    if (i->version && sheared(i->affine)) w |= IML__NIFTI_WARN_SHEAR;
    return w;
}

// ---- All of it

static iml_status identify(const uint8_t *p, size_t n, struct head *h, iml_nifti_info *o,
                           iml_err *e)
{
    *h = (struct head){p, false};
    if (n >= 4) {
        int32_t size = i32(*h, 0);
        if (size != 348 && size != 540) h->swap = true, size = i32(*h, 0);
        o->big_endian = h->swap;
        if (size == 540 && n >= 540 && p[4] == 'n' && (p[5] == '+' || p[5] == 'i') && p[6] == '2' &&
            !memcmp(p + 7, "\0\r\n\032\n", 5)) {
            o->version = 2, o->pair = p[5] == 'i';
            return IML_OK;
        }
        if (size == 348 && n >= 348 && p[344] == 'n' && (p[345] == '+' || p[345] == 'i') &&
            p[346] == '1' && !p[347]) {
            o->version = 1, o->pair = p[345] == 'i';
            return IML_OK;
        }
        if (size == 348 && n >= 348 && !p[344] && i16(*h, 40) >= 1 && i16(*h, 40) <= 7) {
            o->version = 0, o->pair = true;
            return IML_OK;
        }
        if (size == 348 || size == 540)
            return iml__coded(
                e, IML_EINPUT, "not-nifti",
                n < (size_t)size ? "a NIfTI header that ends after %zu bytes"
                                 : "a NIfTI header without its magic (of %zu bytes); it is damaged",
                n);
    }
    char text[96];
    looks_like(p, n, text);
    return iml__coded(e, IML_EINPUT, "not-nifti", "this is no NIfTI file; %s", text);
}

iml_status iml__nifti_header(const uint8_t *p, size_t n, int affine, iml_nifti_info *o, iml_err *e)
{
    struct head h;
    struct raw r = {0};
    *o = (iml_nifti_info){0};
    IML_TRY(identify(p, n, &h, o, e));
    if (o->version == 2)
        read_2(h, &r, o);
    else
        read_1(h, &r, o);
    IML_TRY(check_type(&r, o, e));
    IML_TRY(check_dims(&r, o, e));
    IML_TRY(check_offset(&r, o, e));
    IML_TRY(check_scale(o, e));
    for (int k = 0; k < 3; k++) {
        r.pixdim[k + 1] = fabs(r.pixdim[k + 1]); // a size; some tools wrote a flip here
        o->zoom[k] = k < r.dim[0] ? r.pixdim[k + 1] : 1;
        if (!isfinite(o->zoom[k]))
            return iml__coded(e, IML_EINPUT, "dims", "pixdim[%d] is not a number", k + 1);
    }
    int unit = r.units & 7;
    o->unit_mm = unit == 1 ? 1000 : unit == 3 ? 0.001 : 1;
    return choose_affine(&r, affine, o, e);
}
