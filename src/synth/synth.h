// synth.h: an opened synth job: configuration and everything it reads, ready for workers.
//
// synth_open.c finds and proves the resources, synth_item.c makes one item, label.c writes it down,
// synth_job.c is what the engine calls. After opening, everything here is read-only and shared by
// all workers; what belongs to one worker is iml__synth_worker.
#ifndef IML_SYNTH_SYNTH_H
#define IML_SYNTH_SYNTH_H

#include "src/synth/background.h"
#include "src/synth/fontindex.h"
#include "src/synth/itemplan.h"
#include "src/synth/render.h"

enum { IML__SYNTH_TABLES = 1 }; // version of keys, streams and formulas (synth.md 5)
enum { IML__TEXT_ATTEMPTS = 16, IML__FACE_ATTEMPTS = 4, IML__BACK_ATTEMPTS = 16 };
enum { IML__FALLBACKS_OURS = 3, IML__FALLBACKS = 8 + IML__FALLBACKS_OURS };
enum { IML__FACES = IML__FALLBACKS + 1 };
// Counters of a run. Behind the named ones stand two a background file: how often it was refused as
// broken, and as over --max-pixels.
enum {
    IML__COUNT_TEXT,
    IML__COUNT_FACE,
    IML__COUNT_BACK,
    IML__COUNT_FORCED,
    IML__COUNT_SKIPPED,  // clusters that on_missing_glyph skip left out
    IML__COUNT_INVALID,  // invalid bytes that on_invalid_utf8 skip or replace met
    IML__COUNT_WINDOWS,  // texts drawn again for invalid UTF-8 under on_invalid_utf8 error
    IML__COUNT_LEFT_OUT, // pictures of several lines that a recognition format could not take
    IML__SYNTH_COUNTERS
};

typedef struct iml__synth_opts { // from the command line; strings and lists are *borrowed*
    const char *config;          // its path, for messages and corpora beside it; NULL: none
    const char *text; // of the configuration; NULL: `corpora` below, else the embedded default
    size_t ntext;
    const char *const *set;
    size_t nset;
    const char *const *scripts; // of the embedded default; 0: all that have fonts
    size_t nscripts;
    // --corpus F[=W], --text S, --pattern P: one specification
    const char *const *corpora, *const *texts, *const *patterns;
    size_t ncorpora, ntexts, npatterns;
    const char *corpus_dir; // without any of these and without a configuration: all its *.txt
    const char *const *font_dirs, *const *fonts, *const *background_dirs; // background_dirs: D[=W]
    const char *const *fallback_fonts; // asked before the built-in fallbacks, in order
    size_t nfont_dirs, nfonts, nbackground_dirs, nfallback_fonts;
    const char *background; // images builtin none white #rrggbb, or a kind; NULL: by what is given
    uint64_t count;         // 0: of the configuration
    int format, colour, container, quality_lo, quality_hi; // -1: of the configuration
    unsigned labels, masks, crops, extras;                 // bits; 0: of the configuration
    int det_unit;                                          // -1
    int coverage;                                          // -1
    const uint64_t *seed;                                  // NULL: of the configuration
    uint64_t max_pixels;                                   // of pictures that are decoded
    size_t cache_bytes;                                    // of decoded backgrounds; 0: 192 MB
} iml__synth_opts;

typedef struct iml__back_file {
    const char *path;
    const char *name; // below its directory, what they are sorted by
    double weight;
    uint32_t owner; // the specification that it belongs to, UINT32_MAX: to all without their own
    char sha256[65];
} iml__back_file;

typedef struct iml__synth_spec { // beside config->spec
    uint64_t *row;               // its faces
    uint32_t faces;              // of them
    double *font_weight;         // of each usable face; NULL: all alike
    size_t fallback[IML__FALLBACKS], nfallback;
    uint32_t bg_stream;   // order of the background files
    enum iml__bg_kind bg; // IMAGE: files; BG_KINDS: any built-in kind; else that kind
    uint32_t *back, nback;
    double *back_weight; // of each of `back`; NULL: all alike
} iml__synth_spec;

typedef struct iml__synth {
    iml_arena arena;
    iml__config *config;
    iml__corpora *corpora;
    iml__fontindex *fonts;
    size_t fallback[IML__FALLBACKS], nfallback; // of specifications without their own
    iml__synth_spec *spec;
    iml__seats seats;
    iml__streams streams;
    iml__back_file *back;
    uint32_t nback;
    uint64_t max_pixels;  // of one that is decoded; 0: the decoder's own limit
    bool images;          // some specification has pictures behind its texts
    uint8_t bg_rgb[3];
    iml__bg_cache *cache;
    uint64_t seed, count, config_hash;
    bool embedded, foreign; // foreign: the user's own fonts or pictures
    bool tar;
    char freetype[32];                   // its version
    iml__str notes;                      // lines for the user: scripts left out, empty directories
    iml__str versions, settings, inputs; // JSON objects
    iml__str context;                    // likewise, of the coverage
    iml_job job;
} iml__synth;

// Reads, finds, proves. Complaints: all that is wrong with the configuration and its resources, one
// line each. IML_EARG then. *owned*: iml__synth_close.
iml_status iml__synth_open(const iml__synth_opts *o, iml__complaints *talk, iml__synth **out,
                           iml_err *e);
void iml__synth_close(iml__synth **s);

void iml__synth_versions(iml__synth *s); // fills versions and freetype
// Of a file's contents.
iml_status iml__synth_hash_file(const char *path, char hex[65], iml_err *e);

// The embedded default as YAML, with the specifications whose names are in `names` (NULL: all).
extern const char *const iml__default_names[];      // NULL at the end
const char *iml__default_package(const char *name); // of fonts, for those who lack them
iml_status iml__default_yaml(const char *const *names, size_t n, iml__str *out, iml_err *e);

// ---- Items

typedef struct iml__synth_worker {
    iml__setter *setter;
    iml__str label;
    uint64_t *row;
    struct iml__coverage *coverage; // faces that could draw the units met so far; or NULL
} iml__synth_worker;
iml_status iml__synth_worker_new(const iml__synth *s, iml__synth_worker **w, iml_err *e);
void iml__synth_worker_free(iml__synth_worker **w);

typedef struct iml__synth_item { // everything lies in the arena
    iml__item_plan plan;
    iml__text text;
    size_t font[IML__FACES]; // of the index; [0] draws what it can
    iml__face *face[IML__FACES];
    uint32_t nfaces;
    uint32_t text_attempt, face_attempt, back_attempt;
    uint32_t windows;                     // texts passed over for invalid UTF-8
    uint32_t refused[IML__BACK_ATTEMPTS]; // the counters of the files that back_attempt passed over
    int32_t back;                         // file, or -1
    const iml__bg_picture *picture;
    iml__lay_opt opt;
    iml__lay_block block;
    iml__render_params params;
    iml__render_out out;
} iml__synth_item;

enum { IML__STAGE_LAYOUT = IML_STAGE_USER, IML__STAGE_RENDER, IML__STAGE_LABEL };

// Draws, sets and renders item `index`. mark: told where the time goes, or NULL. IML_EINPUT: no
// face draws any of its texts, no background can be read; IML_ELIMIT: over max_canvas. Call
// iml__synth_item_done afterwards, failed or not.
iml_status iml__synth_item_make(const iml__synth *s, iml__synth_worker *w, uint64_t index,
                                iml_arena *a, iml_item *mark, iml__synth_item *item, iml_err *e);
void iml__synth_item_done(const iml__synth *s, iml__synth_item *item);
// A unit's own value of baseline_jitter, glyph_rotation or glyph_scale.
double iml__synth_unit_value(const iml__synth *s, const iml__item_plan *p, int key, uint32_t unit);
bool iml__synth_by_unit(const iml__synth *s, const iml__item_plan *p,
                        int key); // units differ in it
// A number of all the item's decisions: equal if and only if a label asks for the same picture.
uint64_t iml__synth_decisions(const iml__synth *s, const iml__synth_item *item);

// ---- Labels (synth.md 3.2)

// file: the picture's name; bytes: as encoded, NULL in a plan. indent: 0 for JSONL.
void iml__synth_label(const iml__synth *s, const iml__synth_item *item, const char *file,
                      const uint8_t *bytes, size_t nbytes, int indent, iml__str *out);

#endif
