// formats.h: what the format files of this room share.
#ifndef IML_CODEC_FORMATS_H
#define IML_CODEC_FORMATS_H

#include "src/codec/codec.h"

#define IML_CODEC(name) extern const iml__codec iml__codec_##name;
#include "src/codec/codecs.def"
#undef IML_CODEC

// A claimed size against the limits; ELIMIT or EINPUT. pixel_bytes: of the decoded picture.
iml_status iml__codec_size_check(uint64_t w, uint64_t h, uint64_t pixel_bytes, size_t file_bytes,
                                 const iml__limits *l, iml_err *e);
// Orientation 1..8 from a TIFF block as EXIF has it; 1 if it is absent or makes no sense.
int iml__exif_orientation(const uint8_t *p, size_t n);

#endif
