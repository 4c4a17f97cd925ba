// itemplan.h: every random decision of one item, as data (synth.md 5).
//
// config -> plan -> render -> label: a plan is drawn from (configuration, seed, index) alone, the
// picture from the plan, and the label writes the plan down, so a label can make its picture again.
// Rendering draws nothing but fields of noise, which come from seed and index by their names.
#ifndef IML_SYNTH_ITEMPLAN_H
#define IML_SYNTH_ITEMPLAN_H

#include "src/synth/alloc.h"
#include "src/synth/config.h"
#include "src/synth/corpus.h"

enum { IML__SIDE_LEFT, IML__SIDE_TOP, IML__SIDE_RIGHT, IML__SIDE_BOTTOM };
// Keys with a draw a unit: baseline_jitter, glyph_rotation, glyph_scale; -1: none of them.
enum { IML__UNIT_KEYS = 3 };
int iml__unit_key(int key);
enum { IML__PALETTE_MAX = 256, IML__CONTRAST_DRAWS = 9 };

typedef struct iml__streams { // of every key, by name; made once
    uint32_t num[IML__NUMS], en[IML__ENUMS], colour[IML__COLOURS];
} iml__streams;
void iml__streams_init(iml__streams *s);

typedef struct iml__item_plan {
    uint64_t seed, index;
    uint32_t spec;
    uint64_t ordinal;      // which of its specification's items this is
    double num[IML__NUMS]; // padding: of the left side
    uint32_t en[IML__ENUMS];
    uint8_t colour[IML__COLOURS][4]; // of draw 0
    int32_t padding[4];
    double crop[2];                        // where a background's cut lies, shares of the free play
    double cutout[2];                      // likewise of the black rectangle
    bool dilate;                           // erosion_dilation_mode, settled
    int quality;                           // of a lossy format
    bool given;                            // replay: from a label; nothing below is drawn
    const double *by_unit[IML__UNIT_KEYS]; // values of the units, *borrowed*; NULL: num of the key
    uint32_t nby_unit[IML__UNIT_KEYS];
    double axis[IML__SPEC_AXES]; // of variable fonts
} iml__item_plan;

// Everything that needs neither text nor face.
void iml__plan_draw(const iml__config *c, const iml__streams *s, const iml__seats *seats,
                    uint64_t seed, uint64_t index, iml__item_plan *p);

// Colour draw A (0 = the plan's; 1..8 are for contrast) of a colour key.
void iml__plan_colour(const iml__config *c, const iml__streams *s, const iml__item_plan *p,
                      uint32_t colour, uint32_t attempt, uint8_t out[4]);
// The palette of per_glyph: n colours within text_color's range, for contrast draw A.
void iml__plan_palette(const iml__config *c, const iml__streams *s, const iml__item_plan *p,
                       uint32_t n, uint32_t attempt, uint8_t (*out)[4]);

// One of n candidates by weight (weights NULL: alike), occurrence `attempt` of stream `name`.
size_t iml__plan_pick(const char *name, uint64_t seed, uint64_t index, uint32_t attempt,
                      const double *weight, size_t n);

#endif
