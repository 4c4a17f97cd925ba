// background.h: what lies under the text: picture files, the eight built-in kinds, plain colours.
//
// A background is a function on the whole plane of the canvas, so a map may ask for parts beyond
// the canvas: pictures continue by reflection, built-in kinds simply go on. Integer arithmetic on
// hashed lattices only: the same bytes everywhere (synth.md 4.8).
//
// Decoded files live in a cache of bounded bytes that all workers of a process share. A cache size
// changes no byte of any picture: it only saves decoding.
#ifndef IML_SYNTH_BACKGROUND_H
#define IML_SYNTH_BACKGROUND_H

#include "src/image/image.h"

enum iml__bg_kind {
    IML__BG_NONE,   // transparent
    IML__BG_COLOUR, // white, #rrggbb
    IML__BG_IMAGE,
    IML__BG_SOLID, // the first built-in kind: a pale colour of its own
    IML__BG_GRADIENT,
    IML__BG_PAPER,
    IML__BG_RULED,
    IML__BG_NOISE,
    IML__BG_CRYSTAL,
    IML__BG_STRIPES_SHAPES,
    IML__BG_BLOBS,
    IML__BG_KINDS
};
enum { IML__BG_BUILTIN = IML__BG_SOLID, IML__BG_BUILTINS = IML__BG_KINDS - IML__BG_SOLID };
const char *iml__bg_kind_name(enum iml__bg_kind k);       // "stripes_shapes"; "colour", "image"
int iml__bg_kind_find(const char *name);                  // -1: none
bool iml__bg_colour_parse(const char *s, uint8_t rgb[3]); // "white", "#rrggbb"

// In the order of the enumeration background_mode.
enum iml__bg_mode { IML__BG_CROP_RANDOM, IML__BG_CROP_TOP_LEFT, IML__BG_TILE, IML__BG_SCALE };

typedef struct iml__bg_picture iml__bg_picture; // decoded, RGB; refcounted by its cache

typedef struct iml__render_bg {
    enum iml__bg_kind kind;
    uint8_t rgb[3];                 // COLOUR
    const iml__bg_picture *picture; // IMAGE: *borrowed*, held by the caller until it has rendered
    enum iml__bg_mode mode;
    double u[2];     // CROP_RANDOM and SCALE, in [0, 1): left = floor(u (W - w + 1))
    bool crop_given; // replay: crop[] instead of u
    int32_t crop[2];
} iml__render_bg;

// Draws the rectangle (x, y, out->w, out->h) of the plane; the canvas is (0, 0, w, h). out: RGB.
// Built-in kinds draw from stream synth.bg.proc at (seed, index). crop, scale: where the canvas
// lies in the picture (0, 0, w, h and 1 for other kinds).
iml_status iml__bg_draw(const iml__render_bg *bg, uint64_t seed, uint64_t index, int32_t w,
                        int32_t h, int32_t x, int32_t y, iml_image *out, int32_t crop[4],
                        double *scale, iml_arena *scratch, iml_err *e);

// ---- Files. Safe to call from any thread.

typedef struct iml__bg_cache iml__bg_cache;
iml_status iml__bg_cache_new(iml__bg_cache **c, size_t max_bytes, iml_err *e);
void iml__bg_cache_free(iml__bg_cache **c); // no picture may be held
// Larger files are refused, IML_ELIMIT; 0: 500 MP. Before the first file.
void iml__bg_cache_max_pixels(iml__bg_cache *c, uint64_t max_pixels);
// Decodes the file or finds it. *pic is held for the caller until iml__bg_release. IML_EINPUT,
// IML_ELIMIT: not usable as a background, with the reason: draw another; this is a property of the
// file, remembered, so every worker gets the same answer. max_side 2048: JPEG by DCT scaling.
// sha256: of the file, in hex, or NULL; IML_EAGAIN: it has another one now, or cannot be read.
iml_status iml__bg_get(iml__bg_cache *c, const char *path, const char *sha256,
                       const iml__bg_picture **pic, iml_arena *scratch, iml_err *e);
void iml__bg_release(iml__bg_cache *c, const iml__bg_picture **pic);
size_t iml__bg_cache_bytes(iml__bg_cache *c);               // held now
const iml_image *iml__bg_image(const iml__bg_picture *pic); // RGB
void iml__bg_size(const iml__bg_picture *pic, int32_t *w, int32_t *h);
// A picture that is already in memory (tests, textures), RGB. *borrowed*: m must outlive it.
const iml__bg_picture *iml__bg_wrap(const iml_image *m, iml_arena *a);

#endif
