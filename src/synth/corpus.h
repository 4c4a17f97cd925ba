// corpus.h: where texts come from, and how an item takes one (synth.md 4.2).
//
// Small corpora are held, large ones read where they are needed; what an item gets is a pure
// function of (seed, index, attempt, bytes of the corpus). Read-only after loading: workers share
// them.
#ifndef IML_SYNTH_CORPUS_H
#define IML_SYNTH_CORPUS_H

#include <time.h>

#include "src/synth/config.h"
#include "src/synth/pattern.h"

typedef struct iml__corpus {
    enum iml__corpus_kind kind;
    const char *name; // what labels show
    const char *path; // FILE
    const uint8_t *p; // n bytes, without a byte order mark; NULL: it is read from fd where needed
    int fd;
    struct timespec mtime; // of a file that is read where needed: another one now is an error
    size_t n;
    size_t bom;        // bytes before p[0]
    char identity[65]; // sha-256; above 256 MB: of size and the xxh3 of 1,024 blocks
    bool valid;        // it is UTF-8; up to 256 MB
    size_t bad;        // its first byte that is none
    iml__pattern *pattern;
} iml__corpus;

enum {
    IML__CORPUS_CHECKED = 256 << 20, // larger ones are not read before the run
    IML__CORPUS_HELD = 16 << 20      // larger ones are read about the texts alone
};

typedef struct iml__corpora {
    iml__corpus *item;
    uint32_t n;
    uint64_t bytes;
} iml__corpora;

// Loads what the configuration's specifications name, each file once, and sets their references.
// dir: --corpus-dir, or NULL (then beside the configuration file `beside`, which may be NULL).
// Complains, and returns IML_EARG, about missing, empty, unreadable files and invalid UTF-8.
iml_status iml__corpora_load(iml__config *c, const char *dir, const char *beside,
                             iml__corpora **out, iml__complaints *talk, iml_err *e);
void iml__corpora_free(iml__corpora **c);
// n bytes from `at` on; fewer: errno, ESTALE if the file changed since it was opened.
size_t iml__corpus_read(const iml__corpus *c, size_t at, uint8_t *to, size_t n);
// Reads all of it; *bad: the first byte of the file that is no UTF-8.
bool iml__corpus_valid(const iml__corpus *c, size_t *bad);

typedef struct iml__text { // strings are *borrowed* from the arena
    const char *utf8;
    uint32_t len, clusters;
    uint32_t corpus;
    uint64_t offset, bytes; // in the corpus, as stored
    uint32_t dropped;       // invalid bytes skipped or replaced
    uint32_t least;         // fewest clusters that it may have
    uint32_t windows;       // texts passed over for invalid UTF-8 before this one
    uint32_t skipped;       // clusters that no face draws, left out by on_missing_glyph skip
} iml__text;

typedef struct iml__text_want { // as the plan drew text_unit, text_length, on_invalid_utf8 ..
    uint32_t unit, length;
    uint32_t most; // clusters; lines and paragraphs are not cut below it
    int invalid;
    bool keep;              // white space as it stands, a space for each
    uint32_t letters, form; // IML__CASE_, IML__FORM_
} iml__text_want;

// Takes a text for attempt A: of want->length clusters; of whole words within that or, if these are
// fewer than the specification's least, within want->most; a line or paragraph, whole if it has no
// more than want->most, else cut at a word. Then changes its letters and form
// and leaves out what charset and exclude forbid. found = false: this attempt met none that will do
// (too short, mark first, invalid bytes): draw again.
iml_status iml__text_draw(const iml__corpora *c, const iml__spec *s, uint64_t seed, uint64_t index,
                          uint32_t attempt, const iml__text_want *want, iml_arena *a, iml__text *t,
                          bool *found, iml_err *e);
// The changes alone: retext.c.
iml_status iml__text_rework(const iml__spec *s, const iml__text_want *want, uint32_t least,
                            iml_arena *a, iml__text *t, bool *fine, iml_err *e);
// charset and exclude of a specification, as texts.
iml_status iml__charset_make(const char *only, size_t nonly, const char *but, size_t nbut,
                             iml_arena *a, const struct iml__charset **out, iml_err *e);
uint64_t iml__charset_hash(const struct iml__charset *c);
bool iml__charset_allows(const struct iml__charset *c, uint32_t cp);
// A bit a code point, of those that charset names; NULL: it allows all but what exclude does.
const uint64_t *iml__charset_only(const struct iml__charset *c);
// Leaves out the clusters k with drop[k], of which n is the count, and the spaces that are doubled
// by it. *fine = false: what is left is shorter than least or begins with a mark.
iml_status iml__text_leave_out(const uint8_t *drop, uint32_t n, uint32_t least, iml_arena *a,
                               iml__text *t, bool *fine, iml_err *e);
bool iml__text_visible(const char *s, size_t n); // some character of it is more than white space
// Fewest clusters a text of this specification may have.
uint32_t iml__text_least(const iml__spec *s);
uint32_t iml__text_most(const iml__spec *s);

typedef struct iml__builtin_corpus {
    const char *name;
    const unsigned char *p;
    size_t n;
} iml__builtin_corpus;
extern const iml__builtin_corpus iml__builtin_corpora[]; // made from src/synth/corpora by CMake
extern const size_t iml__nbuiltin_corpora;

#endif
