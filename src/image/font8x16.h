// font8x16.h: captions without a font: one bitmap face of ASCII, 8 x 16 pixels a sign.
#ifndef IML_IMAGE_FONT8X16_H
#define IML_IMAGE_FONT8X16_H

#include "src/image/image.h"

enum { IML__GLYPH_W = 8, IML__GLYPH_H = 16 };

// n bytes of text (UTF-8; what is not ASCII shows as ?) with its upper left corner at (x, y) of an
// RGB picture, cut at its edges. Returns the x behind it.
int32_t iml__text8x16(iml_image *m, int32_t x, int32_t y, const char *text, size_t n,
                      const uint8_t rgb[3]);

#endif
