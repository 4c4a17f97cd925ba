// config.h: what the user asked for, checked and complete: specifications, output, resources.
//
// A configuration is read once, all its errors are told together, and it is read-only afterwards:
// workers share it. Everything that an item draws stands here as a value, an enumeration or a
// colour range; drawing is itemplan.h's.
#ifndef IML_SYNTH_CONFIG_H
#define IML_SYNTH_CONFIG_H

#include <hb.h>

#include "src/base/arena.h"
#include "src/base/value.h"

enum {
#define IML_NUM(key, ...) IML__N_##key,
#include "src/synth/keys.def"
    IML__NUMS
};
enum {
#define IML_ENUM(key, ...) IML__E_##key,
#include "src/synth/keys.def"
    IML__ENUMS
};
enum {
#define IML_COLOUR(key, ...) IML__C_##key,
#include "src/synth/keys.def"
    IML__COLOURS
};

enum { IML__DIR_LTR, IML__DIR_RTL, IML__DIR_TTB, IML__DIR_BTT }; // text_direction
enum { IML__UNIT_CHARS, IML__UNIT_WORDS, IML__UNIT_LINES, IML__UNIT_PARAGRAPHS };
enum { IML__CASE_NONE, IML__CASE_UPPER, IML__CASE_LOWER, IML__CASE_TITLE }; // text_case
enum { IML__FORM_NONE, IML__FORM_NFC, IML__FORM_NFD };                      // normalization
enum { IML__PLACE_RANDOM, IML__PLACE_CENTER, IML__PLACE_TOP_LEFT };         // placement
enum { IML__SPEC_AXES = 8, IML__SPEC_FEATURES = 32 };
enum { IML__CURVE_NONE, IML__CURVE_ARC, IML__CURVE_SINE };
enum { IML__COLOR_UNIFORM, IML__COLOR_PER_GLYPH, IML__COLOR_GRADIENT };
enum { IML__CROP_RANDOM, IML__CROP_TOP_LEFT, IML__CROP_TILE, IML__CROP_SCALE };

typedef struct iml__key_num {
    iml__value_rule rule;
    bool prefix; // older fields are min_K and max_K
} iml__key_num;
typedef struct iml__key_enum {
    const char *key;
    const char *const *names; // NULL at the end
    uint32_t def;
} iml__key_enum;
typedef struct iml__key_colour {
    const char *key;
    int channels;
    uint8_t def[4];
} iml__key_colour;
extern const iml__key_num iml__key_nums[IML__NUMS];
extern const iml__key_enum iml__key_enums[IML__ENUMS];
extern const iml__key_colour iml__key_colours[IML__COLOURS];

typedef struct iml__colour_range {
    uint8_t lo[4], hi[4];
} iml__colour_range;

enum iml__corpus_kind {
    IML__CORPUS_FILE,
    IML__CORPUS_BUILTIN,
    IML__CORPUS_TEXT,
    IML__CORPUS_PATTERN
};
typedef struct iml__corpus_ref {
    enum iml__corpus_kind kind;
    const char *name; // as written: a path, a built-in's name, the text or pattern itself
    double weight;
    const iml__ynode *at; // where it was written; NULL: by the program
    uint32_t corpus;      // which of the loaded ones; set by iml__corpora_load
} iml__corpus_ref;

typedef struct iml__path_weight {
    const char *path;
    double weight;
    const iml__ynode *at;
} iml__path_weight;
typedef struct iml__sources {                     // a map `fonts` or `backgrounds`
    iml__path_weight *paths, *weights, *fallback; // trees and files; globs; font files
    uint32_t npaths, nweights, nfallback;
} iml__sources;

typedef struct iml__spec {
    const char *name;
    double proportion; // as written; normalised: share
    double share;
    const iml__ynode *at;
    iml__value num[IML__NUMS];
    iml__choice en[IML__ENUMS];
    iml__colour_range colour[IML__COLOURS];
    iml__corpus_ref *corpus;
    uint32_t ncorpora;
    iml__sources fonts, backgrounds; // its own; what is empty is the configuration's
    const char *font_filter;       // or NULL
    const char *language;          // BCP 47, or NULL
    const char *script;            // builtin corpora: which faces are asked for first; or NULL
    const char *charset, *exclude; // as written: the characters, or a file of them; or NULL
    const iml__ynode *charset_at, *exclude_at;
    const struct iml__charset *chars; // both, once corpora are loaded; NULL: every character
    hb_feature_t feature[IML__SPEC_FEATURES];
    uint32_t nfeatures, naxes;
    struct iml__spec_axis { // of variable fonts
        char tag[5];
        iml__value value;
        uint32_t stream;
    } axis[IML__SPEC_AXES];
} iml__spec;

enum { IML__FORMAT_PNG, IML__FORMAT_JPEG, IML__FORMAT_WEBP };
enum { IML__COLOUR_DEFAULT, IML__COLOUR_RGB, IML__COLOUR_RGBA, IML__COLOUR_AUTO, IML__COLOUR_GREY };
enum { IML__CONTAINER_AUTO, IML__CONTAINER_DIR, IML__CONTAINER_TAR };
enum { // label formats, a row each
#define IML_LABELS(name, ...) IML__L_##name,
#include "src/synth/label_formats.def"
    IML__LABELS
};
#define IML__LABEL(name) (1u << IML__L_##name)
enum { IML__MASK_TEXT = 1, IML__MASK_UNIT = 2, IML__MASK_LINE = 4 };
enum { IML__CROPS_LINES = 1, IML__CROPS_WORDS = 2 };
enum { IML__EXTRA_BACKGROUND = 1, IML__EXTRA_TEXTLAYER = 2 };
enum { IML__DET_LINE, IML__DET_WORD };

typedef struct iml__output {
    int format, colour, container;
    int quality_lo, quality_hi;
    uint64_t shard_samples;                // 0: the engine's default
    unsigned labels, masks, crops, extras; // bits: IML__LABEL(), IML__MASK_, ..
    int det_unit;                          // what detection formats have a box for
    bool no_coverage;                      // count no characters
} iml__output;

// What --labels, --masks, --crops and --extras take: words with commas, as bits.
enum iml__output_list {
    IML__LIST_LABELS,
    IML__LIST_MASKS,
    IML__LIST_CROPS,
    IML__LIST_EXTRAS,
    IML__LISTS
};
// Adds the words of the text. IML_EARG names the word that is none, and the nearest one.
iml_status iml__output_words(enum iml__output_list which, const char *text, unsigned *bits,
                             iml_err *e);
void iml__output_names(enum iml__output_list which, unsigned bits, const char *between,
                       iml__str *out);

typedef struct iml__config {
    iml_arena arena;
    const char *file; // its name, "builtin" for the embedded one
    uint64_t total;   // total_images; 0: not given
    uint64_t seed;
    bool has_seed;
    iml__spec *spec;
    uint32_t nspec;
    iml__output output;
    iml__sources fonts, backgrounds; // of every specification that has none of its own
    const iml__ynode *options; // the command's own; or NULL
} iml__config;

// Reads a whole configuration; set: `KEY=VALUE` texts of --set, after everything else. need_total:
// total_images must be there. IML_EARG: c has the complaints. *owned*: iml__config_free.
iml_status iml__config_read(iml__config **out, const char *file, const char *text, size_t n,
                            const char *const *set, size_t nset, bool need_total,
                            iml__complaints *c, iml_err *e);
void iml__config_free(iml__config **c);

// Keeps the specifications whose names are in keep, shares made anew.
void iml__config_keep(iml__config *c, const bool *keep);

// The effective configuration as YAML that reads back as the same. hashed: only what an item's
// bytes depend on.
void iml__config_print(const iml__config *c, bool hashed, iml__str *out);
void iml__config_list_keys(iml__str *out);

#endif
