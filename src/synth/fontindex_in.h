// fontindex_in.h: the index's own memory, for the files that make it and ask it.
#ifndef IML_SYNTH_FONTINDEX_IN_H
#define IML_SYNTH_FONTINDEX_IN_H

#include "src/base/arena.h"
#include "src/synth/fontcache.h"
#include "src/synth/fontindex.h"

typedef struct iml__font_found {
    const char *path, *name;
    iml__fontcache_row *row; // what is known of its faces; NULL: nothing yet
    size_t nrows;
    size_t order; // as it was added
    uint32_t tags;
} iml__font_found;

struct iml__fontindex {
    iml_arena arena; // names, reasons, pages
    iml__font_found *found;
    size_t nfound, cap_found;
    iml__font *font, *bad; // usable, sorted; unusable
    size_t nfont, cap_font, nbad, cap_bad;
    uint64_t id; // of the faces' contents, in order
    bool default_set;
    uint32_t tags;    // of what is added now
    char *cache_path; // NULL: none
    iml__fontcache cache;
    iml__str cache_out;
    size_t *unknown; // of found: files that the cache does not know
    size_t nunknown, proved;
    bool prepared;
};

#endif
