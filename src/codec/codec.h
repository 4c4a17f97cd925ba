// codec.h: picture formats: one row in codecs.def and one file a format.
//
// decode and header meet foreign bytes: every failure is class ITEM with the reason, nothing is
// allocated for what a header merely claims beyond the limits, and a 12-bomb fixture set is refused
// within 50 ms and 64 MiB.
#ifndef IML_CODEC_CODEC_H
#define IML_CODEC_CODEC_H

#include "src/image/image.h"

typedef struct iml__limits {
    uint64_t max_pixels; // 500 MP
    uint32_t max_scans;  // 100: progressive JPEG
    uint64_t max_memory; // of the decoder's own; 1 GiB
    double max_ratio;    // decoded bytes : file bytes beyond 64 MiB; 1000
} iml__limits;
void iml__limits_default(iml__limits *l);

typedef struct iml__picture_info {
    int32_t w, h, channels;
    enum iml__depth depth; // as stored; 1-, 2-, 4-bit as u8
    int orientation;       // EXIF 1..8
    bool animated, cmyk, has_icc;
} iml__picture_info;

typedef struct iml__decode_opts {
    iml__limits limits;
    int channels;     // 0 as stored; 1, 3, 4 convert
    bool depth8;      // 16-bit becomes 8-bit ((v + 128) / 257)
    bool orient;      // apply EXIF orientation
    int32_t max_side; // JPEG: DCT scaling to the smallest that is still >= this; 0: full size
} iml__decode_opts;
void iml__decode_opts_default(iml__decode_opts *o);

typedef struct iml__encode_opts {
    int quality;        // jpeg, webp 1..100 (webp 100: lossless)
    int subsample;      // jpeg: 0 auto (4:2:0 below quality 92, else 4:4:4), 444, 422, 420
    int level;          // png 0..9: 0 stored, 1 our own encoder (default), 2..9 libdeflate's
    bool grey_if_equal; // write grey where r = g = b in every pixel
} iml__encode_opts;
void iml__encode_opts_default(iml__encode_opts *o);

typedef struct iml__codec {
    const char *name;                          // "png"
    const char *exts;                          // ".png" or ".jpg .jpeg"; the first is what we write
    bool (*probe)(const uint8_t *p, size_t n); // by its first bytes; n may be small
    iml_status (*header)(const uint8_t *p, size_t n, const iml__limits *l, iml__picture_info *out,
                         iml_err *e);
    iml_status (*decode)(const uint8_t *p, size_t n, const iml__decode_opts *o, iml_arena *a,
                         iml_image *out, iml_err *e);
    // A worst-case size for encode's buffer; then encode into it. u8 only for jpeg and webp.
    size_t (*bound)(const iml_image *m, const iml__encode_opts *o);
    iml_status (*encode)(const iml_image *m, const iml__encode_opts *o, iml_arena *scratch,
                         uint8_t *out, size_t cap, size_t *n, iml_err *e); // NULL: read only
    const char *(*version)(void); // of the library, for the configuration hash
} iml__codec;

const iml__codec *iml__codec_by_name(const char *name);         // NULL: unknown or not built in
const iml__codec *iml__codec_by_ext(const char *path);          // any case; NULL: none
const iml__codec *iml__codec_probe(const uint8_t *p, size_t n); // by content
size_t iml__codec_count(void);
const iml__codec *iml__codec_at(size_t i);

// Finds the codec by content and decodes. name: of the file, for messages.
iml_status iml__picture_decode(const char *name, const uint8_t *p, size_t n,
                               const iml__decode_opts *o, iml_arena *a, iml_image *out, iml_err *e);

#endif
