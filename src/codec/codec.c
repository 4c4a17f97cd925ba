// codec.c: the registry of picture formats, limits that all of them obey, decoding by content.
//
// A file is what its bytes say: suffixes lie. The limits are checked against the header before a
// byte is allocated for the picture, and again by each codec against what it really reads.
#include "src/codec/codec.h"

#include "src/base/err.h"
#include "src/codec/formats.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const iml__codec *const codecs[] = {
#define IML_CODEC(name) &iml__codec_##name,
#include "src/codec/codecs.def"
#undef IML_CODEC
};

void iml__limits_default(iml__limits *l)
{
    *l = (iml__limits){
        .max_pixels = 500000000, .max_scans = 100, .max_memory = 1ull << 30, .max_ratio = 1000};
}

void iml__decode_opts_default(iml__decode_opts *o)
{
    *o = (iml__decode_opts){.orient = true};
    iml__limits_default(&o->limits);
}

void iml__encode_opts_default(iml__encode_opts *o)
{
    *o = (iml__encode_opts){.quality = 90, .level = 1};
}

size_t iml__codec_count(void) { return IML_COUNT_OF(codecs); }
const iml__codec *iml__codec_at(size_t i) { return i < IML_COUNT_OF(codecs) ? codecs[i] : NULL; }

const iml__codec *iml__codec_by_name(const char *name)
{
    for (size_t i = 0; i < IML_COUNT_OF(codecs); i++)
        if (!strcmp(codecs[i]->name, name)) return codecs[i];
    return NULL;
}

const iml__codec *iml__codec_by_ext(const char *path)
{
    const char *dot = strrchr(path, '.');
    if (!dot || strchr(dot, '/')) return NULL;
    size_t n = strlen(dot);
    for (size_t i = 0; i < IML_COUNT_OF(codecs); i++)
        for (const char *p = codecs[i]->exts; *p;) {
            size_t len = strcspn(p, " ");
            if (len == n && !strncasecmp(p, dot, n)) return codecs[i];
            p += len + (p[len] == ' ');
        }
    return NULL;
}

const iml__codec *iml__codec_probe(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < IML_COUNT_OF(codecs); i++)
        if (codecs[i]->probe(p, n)) return codecs[i];
    return NULL;
}

iml_status iml__codec_size_check(uint64_t w, uint64_t h, uint64_t pixel_bytes, size_t file_bytes,
                                 const iml__limits *l, iml_err *e)
{
    if (!w || !h)
        return IML_FAIL(e, IML_EINPUT, "the header says %llu x %llu pixels", (unsigned long long)w,
                        (unsigned long long)h);
    if (w > INT32_MAX || h > INT32_MAX || w > l->max_pixels / h)
        return IML_FAIL(e, IML_ELIMIT, "%llu x %llu pixels, the limit is %llu (--max-pixels)",
                        (unsigned long long)w, (unsigned long long)h,
                        (unsigned long long)l->max_pixels);
    // What a header claims beyond 64 MiB must be backed by bytes of the file.
    double claimed = (double)w * (double)h * (double)pixel_bytes;
    if (claimed > 64.0 * 1048576 && claimed > l->max_ratio * (double)file_bytes)
        return IML_FAIL(e, IML_ELIMIT,
                        "%llu x %llu pixels in a file of %zu bytes: more than %.0f times its size",
                        (unsigned long long)w, (unsigned long long)h, file_bytes, l->max_ratio);
    return IML_OK;
}

iml_status iml__picture_decode(const char *name, const uint8_t *p, size_t n,
                               const iml__decode_opts *o, iml_arena *a, iml_image *out, iml_err *e)
{
    const iml__codec *c = iml__codec_probe(p, n);
    if (!c && !n) return IML_FAIL(e, IML_EINPUT, "%s: the file is empty", name);
    if (!c) return IML_FAIL(e, IML_EINPUT, "%s: no picture format that this program reads", name);
    iml_err inner = {0};
    iml_status st = c->decode(p, n, o, a, out, &inner);
    if (st == IML_OK) return IML_OK;
    return iml__failed(iml__err_set(e, st, inner.sys, inner.file ? inner.file : __FILE__,
                                    inner.line, "%s: %s: %s", name, c->name, inner.msg));
}
