// fontindex.h: which faces there are, proved, and which of them can draw a text.
//
// The index is made once, before the first item, and is then read-only: workers may share it. What
// a face covers is asked of a setter's own copy of the face and remembered in that setter's cover
// table, as bit rows over the faces of the index. Order: by relative path (bytes), then face
// number, so that only contents and names below the given directories decide.
#ifndef IML_SYNTH_FONTINDEX_H
#define IML_SYNTH_FONTINDEX_H

#include "src/base/str.h"
#include "src/synth/layout.h"

enum { IML__FONT_PAGES = 0x1100 / 64 };
typedef struct iml__font {
    const char *path; // what is opened
    const char *name; // relative to its directory, what labels show and the index is sorted by
    const char *family, *style;
    const char *reason; // why not usable; NULL: usable
    int32_t index;      // of the face in its file
    char sha256[65];    // of the file
    bool colour, variable, vert;
    const uint64_t *pages; // bit per 256 code points that the cmap speaks of: IML__FONT_PAGES words
    uint64_t size;         // of the file
    iml__file_stamp stamp; // of the file when it was proved
    uint32_t tags;         // of all that added it
} iml__font;

typedef struct iml__fontindex iml__fontindex;

// Proves one face of bytes (pure; safe to run in a worker process). Strings go to a. IML_EINPUT
// with the reason in e if the face cannot be used. *nfaces: faces of the file, also set on failure
// if known.
iml_status iml__font_prove_bytes(const uint8_t *bytes, size_t n, int32_t index, iml__font *f,
                                 int32_t *nfaces, iml_arena *a, iml_err *e);
// The same from a file, which must be a regular one of at most 256 MB.
iml_status iml__font_prove(const char *path, int32_t index, iml__font *f, int32_t *nfaces,
                           iml_arena *a, iml_err *e);

iml_status iml__fontindex_new(iml__fontindex **x, iml_err *e);
void iml__fontindex_free(iml__fontindex **x);
// What is added from now on carries these bits too, until they are set anew; 0 at first.
void iml__fontindex_tag(iml__fontindex *x, uint32_t tags);
// Each adds files; a file that is no usable font is remembered with its reason. IML_EINPUT: the
// directory or file itself is missing or unreadable.
iml_status iml__fontindex_add_dir(iml__fontindex *x, const char *dir, iml_err *e);
iml_status iml__fontindex_add_file(iml__fontindex *x, const char *path, iml_err *e);
// fontconfig's list, else the standard directories; only the packaged default set if all of it is
// there.
iml_status iml__fontindex_add_system(iml__fontindex *x, iml_err *e);
// Before finish: proofs are taken from this file where they still hold, and it is written anew if
// they do not. A file that cannot be read or written is no error.
iml_status iml__fontindex_use_cache(iml__fontindex *x, const char *path, iml_err *e);
// Where such a file belongs: $XDG_CACHE_HOME or ~/.cache, imloom/fonts.tsv; its directory is made.
// False: there is no such place.
bool iml__fontindex_cache_place(char *path, size_t cap);
// Proves what was added, sorts, drops doubles. Call once. IML_EINPUT if no face is usable.
iml_status iml__fontindex_finish(iml__fontindex *x, iml_err *e);

// ---- Proving elsewhere: a font that hangs or crashes a library should cost a worker process.
// Between prepare and finish, each unknown file's rows may be made by iml__font_prove_file in any
// process and handed in; a file whose worker died is blamed. What has no answer is proved by finish
// itself.
//
//     iml__fontindex_prepare(x, e);
//     for (k = 0; k < iml__fontindex_unknown(x); k++) ... iml__fontindex_unknown_path(x, k) ...

iml_status iml__fontindex_prepare(iml__fontindex *x,
                                  iml_err *e); // sorts, drops doubles, asks the cache
size_t iml__fontindex_unknown(const iml__fontindex *x);
const char *iml__fontindex_unknown_path(const iml__fontindex *x, size_t k); // *borrowed* from x
// Pure. Appends one line for each face, usable or not; a is scratch. IML_ENOMEM.
iml_status iml__font_prove_file(const char *path, iml__str *rows, iml_arena *a, iml_err *e);
iml_status iml__fontindex_answer(iml__fontindex *x, size_t k, const char *rows, size_t n,
                                 iml_err *e);
iml_status iml__fontindex_blame(iml__fontindex *x, size_t k, const char *why, iml_err *e);
// All of that by the engine: after prepare, proves the unknown files in workers of this IML_MODE_,
// each under a time limit; a file whose worker died or hung is blamed. *done = false: there are no
// worker processes in this build, and finish will prove here. inject: as in iml_run_opts, for
// tests.
iml_status iml__fontindex_prove_apart(iml__fontindex *x, int mode, double timeout_s,
                                      const char *inject, bool *done, iml_err *e);

// ---- What there is

size_t iml__fontindex_count(const iml__fontindex *x);                    // usable faces, 0..count-1
const iml__font *iml__fontindex_font(const iml__fontindex *x, size_t i); // *borrowed* from x
size_t iml__fontindex_bad_count(const iml__fontindex *x);
const iml__font *iml__fontindex_bad(const iml__fontindex *x, size_t i);
size_t
iml__fontindex_proved(const iml__fontindex *x); // files looked at; the others came from the cache
bool iml__fontindex_default_set(const iml__fontindex *x); // only the packaged set was used
// The first usable face of this family ("Noto Sans") and style ("Regular"; NULL: any); count if
// none.
size_t iml__fontindex_find(const iml__fontindex *x, const char *family, const char *style);

// ---- Which faces can draw a text. Rows are of iml__fontindex_words(x) 64-bit words, bit i = face
// i.

size_t iml__fontindex_words(const iml__fontindex *x);
// row: in, the faces to look at; out, those that cover every one of the n code points. With common,
// Common and Inherited characters covered by one of these faces (indices of x) ask nothing of the
// row's. Faces that break on being opened are left out.
iml_status iml__fontindex_cover(const iml__fontindex *x, iml__setter *s, const uint32_t *cp,
                                size_t n, const size_t *common, size_t ncommon, uint64_t *row,
                                iml_err *e);
// For columns read downward (text_direction top_to_bottom): takes out of the row the faces that
// have no proved vertical form where layout would refuse them for it (small kana; comma and full
// stop, unless a face of common has it). Asks nothing if the text is not set mixed.
iml_status iml__fontindex_cover_column(const iml__fontindex *x, iml__setter *s, const uint32_t *cp,
                                       size_t n, enum iml__lay_vertical vertical,
                                       const size_t *common, size_t ncommon, uint64_t *row,
                                       iml_err *e);
// The face of the index as a setter's face.
iml_status iml__fontindex_face(const iml__fontindex *x, size_t i, iml__setter *s, int32_t size,
                               iml__face **f, iml_err *e);
// Indices of the fallback faces for Common characters: Noto Sans, Noto Serif, IPAGothic, as far as
// present.
size_t iml__fontindex_fallbacks(const iml__fontindex *x, size_t out[3]);

#endif
