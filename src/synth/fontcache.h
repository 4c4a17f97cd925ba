// fontcache.h: what the proofs said, kept between runs in one file.
#ifndef IML_SYNTH_FONTCACHE_H
#define IML_SYNTH_FONTCACHE_H

#include <sys/stat.h>

#include "src/base/str.h"
#include "src/synth/fontindex.h"

typedef struct iml__fontcache_row { // one face of a file as it was
    uint64_t size, ino;
    int64_t mtime_ns;
    iml__font font; // path, index, sha256, family, style, reason, flags, pages
} iml__fontcache_row;

typedef struct iml__fontcache {
    iml__fontcache_row *row; // sorted by path, then face; heap
    size_t n, cap;
} iml__fontcache;

// Strings and pages go to a. A file that is not there, of another version or damaged is an empty
// cache.
iml_status iml__fontcache_load(iml__fontcache *c, const char *path, iml_arena *a, iml_err *e);
void iml__fontcache_free(iml__fontcache *c);
// The rows of this path, if the file is still the one that was proved; else NULL.
const iml__fontcache_row *iml__fontcache_find(const iml__fontcache *c, const char *path,
                                              const struct stat *st, size_t *n);

// Adds the rows of such lines, which are cut up in place. *fine = false: they are none.
iml_status iml__fontcache_parse(iml__fontcache *c, char *text, size_t n, bool *fine, iml_arena *a,
                                iml_err *e);

void iml__fontcache_begin(iml__str *out);
// One line. A font without sha256 (its bytes were not read) gets zeros; control characters become
// '?'.
void iml__fontcache_add(iml__str *out, const iml__font *f, const struct stat *st);
void iml__fontcache_copy(iml__str *out, const iml__fontcache_row *r);
iml_status iml__fontcache_save(iml__str *out, const char *path, iml_err *e); // adds the end line

#endif
