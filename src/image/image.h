// image.h: pictures in memory: interleaved samples, rows with a stride, views without copies.
#ifndef IML_IMAGE_IMAGE_H
#define IML_IMAGE_IMAGE_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

enum iml__depth { IML__U8, IML__U16, IML__F32 };

typedef struct iml_image {
    int32_t w, h;
    int32_t channels; // 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA (straight alpha, last)
    enum iml__depth depth;
    size_t stride; // bytes from a row to the next; rows start 64-byte aligned unless a view
    uint8_t *px;   // *borrowed*: from an arena, or inside another image
} iml_image;

static inline size_t iml__depth_bytes(enum iml__depth d)
{
    return d == IML__U8 ? 1 : d == IML__U16 ? 2 : 4;
}
static inline uint8_t *iml__image_row(const iml_image *m, int32_t y)
{
    return m->px + (size_t)y * m->stride;
}

// Bytes that such a picture takes in an arena; false: it does not fit in size_t.
bool iml__image_bytes(int32_t w, int32_t h, int32_t channels, enum iml__depth d, size_t *out);
// Not cleared. IML_ELIMIT: sides < 1 or too large; IML_ENOMEM.
iml_status iml__image_new(iml_arena *a, int32_t w, int32_t h, int32_t channels, enum iml__depth d,
                          iml_image *out, iml_err *e);
iml_status iml__image_copy(iml_arena *a, const iml_image *m, iml_image *out, iml_err *e);
iml_image iml__image_view(const iml_image *m, int32_t x, int32_t y, int32_t w,
                          int32_t h);                     // clipped by the caller
void iml__image_fill(iml_image *m, const uint8_t *pixel); // channels * depth bytes
uint64_t iml__image_hash(const iml_image *m);             // xxh3 of size, format and samples

#endif
