// replay.h: from a label back to its picture (synth.md 5).
//
// A label holds every decision of its item, so it is read into the same plan that a configuration
// is drawn into, and drawn by the same code. What the label only names (fonts, pictures) is found
// at its path, else by content in the directories that the caller gives.
#ifndef IML_SYNTH_REPLAY_H
#define IML_SYNTH_REPLAY_H

#include "src/synth/synth.h"

typedef struct iml__replay_font {
    const char *path;
    int32_t face;
    char sha256[65];
} iml__replay_font;

typedef struct iml__replay { // one label, read and checked; strings lie in its arena
    const char *spec, *language, *text, *file;
    iml__item_plan plan;
    enum iml__render_channels channels;
    int format;    // of output.format, by the suffix of `file`
    bool has_hash; // plans have none
    uint64_t xxh3, decisions, tables;
    uint64_t config; // of the run that wrote it; passed on
    bool has_decisions;
    const char *freetype, *harfbuzz;
    iml__replay_font font[IML__FACES];
    uint32_t nfonts;
    hb_feature_t feature[IML__SPEC_FEATURES]; // of the first font, as its axes, whose values are
    char axis[IML__SPEC_AXES][5];             // plan.axis
    uint32_t nfeatures, naxes;
    bool ink_forced;    // black or white for contrast
    const uint8_t *ink; // text_color_effective; NULL: none
    uint32_t nink;
    int32_t cutout[4];
    enum iml__bg_kind bg;
    uint8_t bg_rgb[3];
    const char *bg_path;
    char bg_sha256[65];
    int32_t crop[2];
    const char *corpus;
    uint64_t offset, bytes;
    uint32_t attempt[3]; // text, font, background
} iml__replay;

// Reads one label. Keys that are not known are passed over. IML_EINPUT with name:line:column.
iml_status iml__replay_read(const char *name, const char *text, size_t n, iml_arena *a,
                            iml__replay *r, iml_err *e);

// Draws what the label says. Resources: font[] are faces of s's index, back a file of s, or -1.
iml_status iml__synth_item_replay(const iml__synth *s, iml__synth_worker *w, const iml__replay *r,
                                  const size_t *font, int32_t back, iml_arena *a,
                                  iml__synth_item *it, iml_err *e);

// ---- Many labels

typedef struct iml__replay_opts { // where resources may be that are not at their paths; *borrowed*
    const char *const *font_dirs, *const *fonts, *const *background_dirs;
    size_t nfont_dirs, nfonts, nbackground_dirs;
} iml__replay_opts;

typedef struct iml__replayed { // *borrowed* until the next one
    const iml__replay *label;
    const char *name;     // where the label stands, for messages
    const uint8_t *bytes; // the encoded picture
    size_t nbytes;
    const iml__str *text; // its label, written anew
    bool same;            // the picture is the one the label speaks of; or a plan, which has none
    bool edited;          // a value was changed since the label was written
    char why[256];        // neither: what differs
} iml__replayed;

typedef struct iml__replayer iml__replayer;
// what: a label, JSON lines of labels or plans, OUT:INDEX or SHARD.tar:INDEX. IML_EINPUT: no label,
// or a broken one (all are read before the first is drawn). *owned*: iml__replayer_close.
iml_status iml__replayer_open(const char *what, const iml__replay_opts *o, iml__replayer **out,
                              iml_err *e);
void iml__replayer_close(iml__replayer **r);
size_t iml__replayer_count(const iml__replayer *r);
// IML_EINPUT: a font or picture is nowhere, or the text cannot be set.
iml_status iml__replayer_make(iml__replayer *r, size_t k, iml__replayed *out, iml_err *e);

// Finds the labels that `what` names: the text of one label or of lines. *owned* heap text in out;
// name: where it was found.
iml_status iml__replay_find(const char *what, iml__str *out, iml__str *name, iml_err *e);

#endif
