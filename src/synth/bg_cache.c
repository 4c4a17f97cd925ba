// bg_cache.c: decoded background files, shared by the workers of a process.
//
// Invariants. 1: whether a file is usable is a property of its bytes, so a refusal is remembered
// and every worker gets the same answer; failures that a retry may cure are not. 2: bytes held by
// unused pictures stay within max_bytes; pictures in use are the callers' and may go beyond it. 3:
// decoding happens outside the lock; if two workers decode the same file at once, the later one
// throws its copy away. 4: nothing of this shows in a picture's bytes.
#include "src/synth/background.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/codec/codec.h"
#include "src/io/vfs.h"

enum { BUCKETS = 1024, MAX_SIDE = 2048 };
static const uint64_t max_file = (uint64_t)1 << 30;

struct iml__bg_picture {
    iml_image m;
    size_t bytes;
    uint32_t refs; // 0: only the cache holds it
    iml_status status;
    char *reason; // why it is not usable
    char *path;
    iml__bg_picture *next;          // in its bucket
    iml__bg_picture *older, *newer; // among the unused
};

struct iml__bg_cache {
    pthread_mutex_t lock; // guards everything below, and refs, next, older, newer of pictures
    size_t max_bytes, unused_bytes, bytes;
    uint64_t max_pixels; // 0: the decoder's own limit; not changed once workers run
    iml__bg_picture *bucket[BUCKETS];
    iml__bg_picture *oldest, *newest; // unused pictures
};

iml_status iml__bg_cache_new(iml__bg_cache **out, size_t max_bytes, iml_err *e)
{
    iml__bg_cache *c = iml__calloc(1, sizeof *c);
    if (!c) return IML_FAIL(e, IML_ENOMEM, "no memory for the cache of backgrounds");
    if (pthread_mutex_init(&c->lock, NULL)) {
        IML_FREE(c);
        return IML_FAIL(e, IML_ENOMEM, "no lock for the cache of backgrounds");
    }
    c->max_bytes = max_bytes;
    *out = c;
    return IML_OK;
}

static void picture_free(iml__bg_picture *p)
{
    if (!p) return;
    IML_FREE(p->m.px);
    IML_FREE(p->reason);
    IML_FREE(p->path);
    IML_FREE(p);
}

void iml__bg_cache_max_pixels(iml__bg_cache *c, uint64_t max_pixels) { c->max_pixels = max_pixels; }

void iml__bg_cache_free(iml__bg_cache **cp)
{
    iml__bg_cache *c = *cp;
    if (!c) return;
    for (int i = 0; i < BUCKETS; i++)
        for (iml__bg_picture *p = c->bucket[i], *next; p; p = next) {
            next = p->next;
            picture_free(p);
        }
    pthread_mutex_destroy(&c->lock);
    IML_FREE(*cp);
}

static iml__bg_picture **bucket_of(iml__bg_cache *c, const char *path)
{
    return &c->bucket[iml__xxh3_text(path) % BUCKETS];
}

// ---- Under the lock

static iml__bg_picture *find(iml__bg_cache *c, const char *path)
{
    iml__bg_picture *p = *bucket_of(c, path);
    while (p && strcmp(p->path, path) != 0) p = p->next;
    return p;
}

static void leave_unused(iml__bg_cache *c, iml__bg_picture *p)
{
    *(p->older ? &p->older->newer : &c->oldest) = p->newer;
    *(p->newer ? &p->newer->older : &c->newest) = p->older;
    p->older = p->newer = NULL;
    c->unused_bytes -= p->bytes;
}

static void join_unused(iml__bg_cache *c, iml__bg_picture *p)
{
    p->older = c->newest, p->newer = NULL;
    *(c->newest ? &c->newest->newer : &c->oldest) = p;
    c->newest = p;
    c->unused_bytes += p->bytes;
}

static void trim(iml__bg_cache *c)
{
    while (c->oldest && c->unused_bytes > c->max_bytes) {
        iml__bg_picture *p = c->oldest, **at = bucket_of(c, p->path);
        leave_unused(c, p);
        while (*at != p) at = &(*at)->next;
        *at = p->next;
        c->bytes -= p->bytes;
        picture_free(p);
    }
}

static void hold(iml__bg_cache *c, iml__bg_picture *p)
{
    if (p->status != IML_OK) return;
    if (p->refs++ == 0) leave_unused(c, p);
}

// ----

// The part in eighths that brings the longer side to at most MAX_SIDE, told to the decoder as the
// side it gives.
static int32_t side_wanted(const uint8_t *bytes, size_t n, const iml__limits *l)
{
    const iml__codec *codec = iml__codec_probe(bytes, n);
    iml__picture_info info;
    iml_err e;
    if (!codec || codec->header(bytes, n, l, &info, &e) != IML_OK) return 0;
    int64_t side = IML_MAX(info.w, info.h);
    int eighths = 8;
    while (eighths > 1 && (side * eighths + 7) / 8 > MAX_SIDE) eighths /= 2;
    return (int32_t)((side * eighths + 7) / 8);
}

// The file as it was when its hash was taken. Another one, or none, is no property of the inputs:
// to draw another background in its place would make other bytes of the same inputs.
static iml_status read_same(const char *path, const char *sha256, iml_arena *a, uint8_t **bytes,
                            size_t *n, iml_err *e)
{
    char now[65];
    iml_err why = {0};
    iml_status st = iml__file_read_arena(AT_FDCWD, path, max_file, a, bytes, n, &why);
    if (!st && sha256) st = iml__sha256_of(*bytes, *n, now);
    if (st == IML_EINPUT && sha256)
        return IML_FAIL(e, IML_EAGAIN, "background %.200s; it was there when the run began",
                        why.msg);
    if (st) return IML_FAIL(e, st, "%s", why.msg);
    if (sha256 && strcmp(now, sha256) != 0)
        return IML_FAIL(e, IML_EAGAIN,
                        "background %.200s is another file now than when the run began", path);
    return IML_OK;
}

static iml_status decode(const char *path, const char *sha256, uint64_t max_pixels, iml_arena *a,
                         iml_image *m, iml_err *e)
{
    uint8_t *bytes;
    size_t n;
    iml__decode_opts o;
    IML_TRY(read_same(path, sha256, a, &bytes, &n, e));
    iml__decode_opts_default(&o);
    if (max_pixels) o.limits.max_pixels = max_pixels;
    o.channels = 3, o.depth8 = true, o.orient = true;
    o.max_side = side_wanted(bytes, n, &o.limits);
    return iml__picture_decode(path, bytes, n, &o, a, m, e);
}

// A picture, or a refusal, on the heap.
static iml_status make(const char *path, const char *sha256, uint64_t max_pixels,
                       iml_arena *scratch, iml__bg_picture **out, iml_err *e)
{
    iml_image m;
    iml_err why = {0};
    size_t mark = iml__arena_mark(scratch);
    iml_status st = decode(path, sha256, max_pixels, scratch, &m, &why);
    iml__bg_picture *p = NULL;
    if (st != IML_OK && iml_status_class(st) != IML_CLASS_ITEM) {
        st = IML_FAIL(e, st, "%s", why.msg);
        goto done;
    }
    iml_status found = st;
    st = IML_ENOMEM;
    if (!(p = iml__calloc(1, sizeof *p)) || !(p->path = iml__strdup(path))) goto done;
    p->status = found;
    if (found != IML_OK) {
        if (!(p->reason = iml__strdup(why.msg))) goto done;
    } else {
        size_t row = (size_t)m.w * 3;
        p->m = m, p->m.stride = row;
        p->bytes = row * (size_t)m.h;
        if (!(p->m.px = iml__alloc(p->bytes))) goto done;
        for (int32_t y = 0; y < m.h; y++)
            memcpy(iml__image_row(&p->m, y), iml__image_row(&m, y), row);
    }
    st = IML_OK;
done:
    iml__arena_release(scratch, mark);
    if (st == IML_OK) {
        *out = p;
        return st;
    }
    picture_free(p);
    return st == IML_ENOMEM ? IML_FAIL(e, st, "no memory for background %s", path) : st;
}

iml_status iml__bg_get(iml__bg_cache *c, const char *path, const char *sha256,
                       const iml__bg_picture **pic, iml_arena *scratch, iml_err *e)
{
    pthread_mutex_lock(&c->lock);
    iml__bg_picture *p = find(c, path), *mine = NULL;
    if (p) hold(c, p);
    pthread_mutex_unlock(&c->lock);
    if (!p) {
        IML_TRY(make(path, sha256, c->max_pixels, scratch, &mine, e));
        pthread_mutex_lock(&c->lock);
        p = find(c, path);
        if (!p) {
            iml__bg_picture **at = bucket_of(c, path);
            p = mine, mine = NULL;
            p->next = *at, *at = p;
            c->bytes += p->bytes;
            if (p->status == IML_OK) join_unused(c, p);
        }
        hold(c, p);
        pthread_mutex_unlock(&c->lock);
        picture_free(mine);
    }
    // A refusal is never removed, so it may be read without the lock.
    if (p->status != IML_OK) return IML_FAIL(e, p->status, "%s", p->reason);
    *pic = p;
    return IML_OK;
}

void iml__bg_release(iml__bg_cache *c, const iml__bg_picture **pic)
{
    iml__bg_picture *p = (iml__bg_picture *)(uintptr_t)*pic;
    if (!p) return;
    *pic = NULL;
    pthread_mutex_lock(&c->lock);
    if (--p->refs == 0) join_unused(c, p), trim(c);
    pthread_mutex_unlock(&c->lock);
}

size_t iml__bg_cache_bytes(iml__bg_cache *c)
{
    pthread_mutex_lock(&c->lock);
    size_t n = c->bytes;
    pthread_mutex_unlock(&c->lock);
    return n;
}

void iml__bg_size(const iml__bg_picture *pic, int32_t *w, int32_t *h)
{
    *w = pic->m.w, *h = pic->m.h;
}

const iml_image *iml__bg_image(const iml__bg_picture *pic) { return &pic->m; }

const iml__bg_picture *iml__bg_wrap(const iml_image *m, iml_arena *a)
{
    iml__bg_picture *p = iml_arena_calloc(a, 1, sizeof *p);
    if (p) p->m = *m;
    return p;
}
