// gunzip_stream.c: gzip as a stream: headers, bodies by ISA-L or zlib, trailers.
//
// States: at a member's begin, in its body, at the end. Input comes in chunks; eight bytes of the
// chunk before stay in front of a new one, because ISA-L reads that far ahead and gives back. The
// header and trailer are read here, byte by byte, so that both libraries are told to inflate and
// nothing else, and what is wrong is told apart in one place.
#include "src/io/gunzip.h"

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/vfs.h"

#ifdef IML_ISAL
#include <isa-l.h>
#else
#include <zlib.h>
#endif
#include <stdio.h>

enum { AHEAD = 8, CHUNK = 1 << 16, WASTE = 1 << 15 };

struct iml__gzr {
    int64_t (*read)(void *user, void *p, size_t n);
    void *user;
    const char *label;
    const uint8_t *mem; // of iml__gzr_open_mem: what is left
    size_t mem_n;
    enum { BEGIN, BODY, END } state;
    struct iml__gz_sum sum;
    uint64_t member; // bytes of the one that is open
    uint32_t crc;    // of them
    bool eof;
    iml_err failed;  // status IML_OK: it has not
    uint64_t base;   // where in the file the chunk begins
    ptrdiff_t at, n; // in the chunk; at may be in what stands in front of it
    uint8_t in[AHEAD + CHUNK], waste[WASTE];
#ifdef IML_ISAL
    struct inflate_state inflate;
#else
    z_stream inflate;
    bool open;
#endif
};

// ---- The library

#ifdef IML_ISAL

const char *iml__gzr_library(void)
{
    static char text[32];
    if (!text[0])
        (void)snprintf(text, sizeof text, "isa-l %d.%d.%d", ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION,
                       ISAL_PATCH_VERSION);
    return text;
}

static bool body_begin(struct iml__gzr *r)
{
    isal_inflate_init(&r->inflate);
    return true;
}

static void body_close(struct iml__gzr *r) { (void)r; }

// IML_EINPUT: cannot be inflated.
static iml_status body_step(struct iml__gzr *r, uint8_t *out, size_t cap, size_t *made, bool *end)
{
    struct inflate_state *s = &r->inflate;
    s->next_in = r->in + AHEAD + r->at, s->avail_in = (uint32_t)(r->n - r->at);
    s->next_out = out, s->avail_out = (uint32_t)cap;
    int st = isal_inflate(s);
    *made = cap - s->avail_out;
    *end = s->block_state == ISAL_BLOCK_FINISH;
    r->at = r->n - (ptrdiff_t)s->avail_in;
    if (*end) r->at -= s->read_in_length / 8; // bytes that were taken in advance
    return st < 0 ? IML_EINPUT : IML_OK;
}

#else

const char *iml__gzr_library(void)
{
    static char text[32];
    if (!text[0]) (void)snprintf(text, sizeof text, "zlib %.20s", zlibVersion());
    return text;
}

static void *z_alloc(void *user, unsigned count, unsigned size)
{
    (void)user;
    return iml__calloc(count, size);
}

static void z_free(void *user, void *p)
{
    (void)user;
    iml__free_(p);
}

static bool body_begin(struct iml__gzr *r)
{
    if (r->open) return inflateReset(&r->inflate) == Z_OK;
    r->inflate = (z_stream){.zalloc = z_alloc, .zfree = z_free};
    r->open = inflateInit2(&r->inflate, -15) == Z_OK;
    return r->open;
}

static void body_close(struct iml__gzr *r)
{
    if (r->open) inflateEnd(&r->inflate);
}

static iml_status body_step(struct iml__gzr *r, uint8_t *out, size_t cap, size_t *made, bool *end)
{
    z_stream *z = &r->inflate;
    z->next_in = r->in + AHEAD + r->at, z->avail_in = (unsigned)(r->n - r->at);
    z->next_out = out, z->avail_out = (unsigned)cap;
    int st = inflate(z, Z_NO_FLUSH);
    *made = cap - z->avail_out;
    *end = st == Z_STREAM_END;
    r->at = r->n - (ptrdiff_t)z->avail_in;
    if (st == Z_MEM_ERROR) return IML_ENOMEM;
    return st == Z_OK || st == Z_STREAM_END || st == Z_BUF_ERROR ? IML_OK : IML_EINPUT;
}

#endif

// ---- Input

static iml_status fault(struct iml__gzr *r, enum iml__gz_fault f, const char *what, iml_err *e)
{
    r->sum.fault = f;
    return IML_FAIL(e, IML_EINPUT, "%.120s: %s", r->label, what);
}

static iml_status truncated(struct iml__gzr *r, iml_err *e)
{
    return fault(r, IML__GZ_TRUNCATED, "gzip data ends too early (file truncated)", e);
}

static iml_status refill(struct iml__gzr *r, iml_err *e)
{
    memmove(r->in, r->in + r->n, AHEAD); // the last bytes, whatever n
    r->base += (uint64_t)r->n;
    r->at = r->n = 0;
    int64_t n = r->read(r->user, r->in + AHEAD, CHUNK);
    if (n < 0)
        return IML_FAIL_SYS(e, iml__input_status(errno), errno, "cannot read %.120s", r->label);
    r->n = (ptrdiff_t)n;
    r->eof = n == 0;
    return IML_OK;
}

// The next byte, -1 at the end of the file.
static iml_status next(struct iml__gzr *r, int *byte, iml_err *e)
{
    while (r->at >= r->n) {
        if (r->eof) return *byte = -1, IML_OK;
        IML_TRY(refill(r, e));
    }
    *byte = r->in[AHEAD + r->at++];
    return IML_OK;
}

// n bytes of a header or trailer, of which the first 10 are kept.
static iml_status take(struct iml__gzr *r, uint8_t *p, size_t n, uint32_t *crc, iml_err *e)
{
    for (size_t i = 0; i < n; i++) {
        int b;
        IML_TRY(next(r, &b, e));
        if (b < 0) return truncated(r, e);
        p[i] = (uint8_t)b;
    }
    if (crc) *crc = iml__crc32(*crc, p, n);
    return IML_OK;
}

static iml_status text(struct iml__gzr *r, uint32_t *crc, iml_err *e) // up to its 0
{
    uint8_t b;
    do IML_TRY(take(r, &b, 1, crc, e));
    while (b);
    return IML_OK;
}

// ---- Members

static iml_status foreign(struct iml__gzr *r, iml_err *e)
{
    if (r->sum.members) {
        char what[96];
        (void)snprintf(what, sizeof what,
                       "gzip data is followed by other bytes before byte %llu (not a gzip member)",
                       (unsigned long long)r->base + (unsigned long long)r->at);
        return fault(r, IML__GZ_GARBAGE, what, e);
    }
    return fault(r, IML__GZ_FOREIGN, r->base || r->at ? "is not gzip data" : "is empty", e);
}

static iml_status padding(struct iml__gzr *r, iml_err *e) // zeros to the end of the file
{
    int b;
    do {
        IML_TRY(next(r, &b, e));
        if (b > 0) return foreign(r, e);
    } while (b == 0);
    r->state = END;
    return IML_OK;
}

static iml_status head(struct iml__gzr *r, iml_err *e)
{
    enum { HEAD_CRC = 2, EXTRA = 4, NAME = 8, COMMENT = 16, RESERVED = 0xE0 };
    uint8_t h[10], two[2];
    int b[2];
    IML_TRY(next(r, &b[0], e));
    if (r->sum.members && b[0] < 0) return r->state = END, IML_OK;
    if (r->sum.members && b[0] == 0) return padding(r, e);
    b[1] = -1;
    if (b[0] >= 0) IML_TRY(next(r, &b[1], e));
    if (b[0] != 0x1F || b[1] != 0x8B) return foreign(r, e);
    h[0] = 0x1F, h[1] = 0x8B;
    IML_TRY(take(r, h + 2, 8, NULL, e));
    if (h[2] != 8 || (h[3] & RESERVED)) return foreign(r, e);
    uint32_t crc = iml__crc32(0, h, 10);
    if (h[3] & EXTRA) {
        uint8_t waste;
        IML_TRY(take(r, two, 2, &crc, e));
        for (size_t n = two[0] | (size_t)two[1] << 8; n; n--) IML_TRY(take(r, &waste, 1, &crc, e));
    }
    if (h[3] & NAME) IML_TRY(text(r, &crc, e));
    if (h[3] & COMMENT) IML_TRY(text(r, &crc, e));
    if (h[3] & HEAD_CRC) {
        IML_TRY(take(r, two, 2, NULL, e));
        if ((two[0] | (uint32_t)two[1] << 8) != (crc & 0xFFFF))
            return fault(r, IML__GZ_CRC, "gzip header CRC differs (file damaged)", e);
    }
    if (!body_begin(r)) return IML_FAIL(e, IML_ENOMEM, "%.120s: no memory to inflate it", r->label);
    r->state = BODY, r->member = 0, r->crc = 0;
    return IML_OK;
}

static iml_status trailer(struct iml__gzr *r, iml_err *e)
{
    uint8_t t[8];
    IML_TRY(take(r, t, 8, NULL, e));
    uint32_t crc = t[0] | (uint32_t)t[1] << 8 | (uint32_t)t[2] << 16 | (uint32_t)t[3] << 24;
    uint32_t size = t[4] | (uint32_t)t[5] << 8 | (uint32_t)t[6] << 16 | (uint32_t)t[7] << 24;
    if (crc != r->crc) return fault(r, IML__GZ_CRC, "gzip CRC differs (file damaged)", e);
    if (size != (uint32_t)r->member)
        return fault(r, IML__GZ_CRC, "gzip length differs (file damaged)", e);
    r->sum.crc = iml__crc32_join(iml__crc32_op(r->member), r->sum.crc, r->crc);
    r->sum.members++;
    r->state = BEGIN;
    return IML_OK;
}

static iml_status body(struct iml__gzr *r, uint8_t *out, size_t cap, size_t *made, iml_err *e)
{
    bool end;
    if (r->at == r->n && !r->eof) IML_TRY(refill(r, e));
    const ptrdiff_t at = r->at;
    iml_status st = body_step(r, out, cap, made, &end);
    if (st == IML_ENOMEM) return IML_FAIL(e, st, "%.120s: no memory to inflate it", r->label);
    if (st) return fault(r, IML__GZ_CRC, "gzip data cannot be inflated (file damaged)", e);
    r->crc = iml__crc32(r->crc, out, *made);
    r->member += *made, r->sum.size += *made;
    if (end) return trailer(r, e);
    if (*made == 0 && r->eof && at == r->at) return truncated(r, e);
    return IML_OK;
}

// ---- The reader

static iml_status open_with(struct iml__gzr **out, const char *label, iml_err *e)
{
    struct iml__gzr *r = iml__alloc(sizeof *r);
    if (!r) return IML_FAIL(e, IML_ENOMEM, "%.120s: no memory to inflate it", label);
    memset(r, 0, offsetof(struct iml__gzr, in) + AHEAD);
#ifndef IML_ISAL
    r->open = false;
#endif
    r->label = label;
    *out = r;
    return IML_OK;
}

iml_status iml__gzr_open(struct iml__gzr **r, int64_t (*read)(void *user, void *p, size_t n),
                         void *user, const char *label, iml_err *e)
{
    IML_TRY(open_with(r, label, e));
    (*r)->read = read, (*r)->user = user;
    return IML_OK;
}

static int64_t read_mem(void *user, void *p, size_t n)
{
    struct iml__gzr *r = user;
    n = IML_MIN(n, r->mem_n);
    if (n) memcpy(p, r->mem, n);
    r->mem += n, r->mem_n -= n;
    return (int64_t)n;
}

iml_status iml__gzr_open_mem(struct iml__gzr **r, const uint8_t *in, size_t n, const char *label,
                             iml_err *e)
{
    IML_TRY(open_with(r, label, e));
    (*r)->read = read_mem, (*r)->user = *r;
    (*r)->mem = in, (*r)->mem_n = n;
    return IML_OK;
}

iml_status iml__gzr_read(struct iml__gzr *r, void *p, size_t n, size_t *got, iml_err *e)
{
    iml_status st = r->failed.status;
    *got = 0;
    if (st && e) *e = r->failed;
    while (!st && *got < n && r->state != END) {
        size_t made = 0, cap = IML_MIN(n - *got, (size_t)1 << 30);
        if (r->state == BEGIN)
            st = head(r, &r->failed);
        else if (p)
            st = body(r, (uint8_t *)p + *got, cap, &made, &r->failed);
        else
            st = body(r, r->waste, IML_MIN(cap, (size_t)WASTE), &made, &r->failed);
        *got += made;
        if (st && e) *e = r->failed;
    }
    return st;
}

const struct iml__gz_sum *iml__gzr_sum(const struct iml__gzr *r) { return &r->sum; }

void iml__gzr_close(struct iml__gzr **r)
{
    if (!*r) return;
    body_close(*r);
    IML_FREE(*r);
}
