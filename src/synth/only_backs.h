// only_backs.h: pictures of built-in backgrounds alone (--backgrounds-only), for use elsewhere.
#ifndef IML_SYNTH_ONLY_BACKS_H
#define IML_SYNTH_ONLY_BACKS_H

#include "src/base/str.h"
#include "src/synth/config.h"

typedef struct iml__backs_opts {
    int32_t w, h;           // px
    const char *background; // a built-in kind; NULL or "builtin": any of them
    uint64_t seed, count;
    iml__output output; // format, colour (DEFAULT: rgb), quality, container
} iml__backs_opts;

typedef struct iml__backs {
    iml__backs_opts o;
    int kind; // of enum iml__bg_kind; BG_KINDS: any
    bool tar;
    iml__str settings, versions; // JSON objects
    iml_job job;
} iml__backs;

// IML_EARG: a kind or colour that cannot be. *owned*: iml__backs_close.
iml_status iml__backs_open(const iml__backs_opts *o, iml__backs **out, iml_err *e);
void iml__backs_close(iml__backs **b);

#endif
