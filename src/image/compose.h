// compose.h: glyph stamps into layers, layers on pictures. All u8, all clipped.
#ifndef IML_IMAGE_COMPOSE_H
#define IML_IMAGE_COMPOSE_H

#include "src/image/image.h"

// layer = max(layer, stamp), the stamp's top left at (x, y); layer has one channel.
void iml__stamp_max(iml_image *layer, int32_t x, int32_t y, const uint8_t *px, size_t pitch,
                    int32_t w, int32_t h);
// d = (c a + d (255 - a) + 127) / 255 with a from mask (one channel), mask's top left at (x, y) of
// d. d: 1, 3 channels: that formula; 2 or 4: as in iml__over.
void iml__over_colour(iml_image *d, int32_t x, int32_t y, const iml_image *mask,
                      const uint8_t rgba[4]);
// Source over with straight alpha; s: RGBA; d: RGB or RGBA. On RGBA: A = 255 as + ad (255 - as),
// colour (255 as cs + ad (255 - as) cd + A / 2) / A, alpha (A + 127) / 255.
void iml__over(iml_image *d, int32_t x, int32_t y, const iml_image *s);

#endif
