// png.h: between the reader and the writer of PNG; and the header, for those who walk chunks.
#ifndef IML_CODEC_PNG_H
#define IML_CODEC_PNG_H

#include "src/codec/formats.h"

struct iml__png_head {
    iml__picture_info info; // channels with the alpha that tRNS gives
    int bits, type;         // as in IHDR
    bool interlaced, trns;
};

// Walks the chunks up to the first IDAT. EINPUT, ELIMIT.
iml_status iml__png_head_read(const uint8_t *p, size_t n, const iml__limits *l,
                              struct iml__png_head *h, iml_err *e);

size_t iml__png_bound(const iml_image *m, const iml__encode_opts *o);
iml_status iml__png_encode(const iml_image *m, const iml__encode_opts *o, iml_arena *scratch,
                           uint8_t *out, size_t cap, size_t *n, iml_err *e);

#endif
