// nifti.c: opening volumes and reading their voxels.
//
// Two ways to the voxels. iml__nifti_load takes a whole frame into an arena (libdeflate for gzip).
// A stream gives them in file order with no more memory than its window, for passes that need not
// hold the volume. Both look at everything there is to check before they say that all is well:
// lengths, each gzip member's CRC and size, that the file stayed the same. Which of two files of a
// pair was named does not matter. Rejected: libnifti2 (gzread: 2.5 times the time, whole images
// only, errors as text on stderr); it and nibabel are the tests' oracles.
#include "src/codec/nifti.h"

#include <stdio.h>
#include <strings.h>

#include "src/base/buf.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/gunzip.h"
#include "src/io/vfs.h"

enum { EXTENSIONS_MAX = 16 << 20, CHUNK = 1 << 16 };
#define FILE_MAX ((uint64_t)1 << 40)

// ---- A file's bytes, inflated if need be

struct flow {
    int fd;
    struct iml__gzr *gz; // NULL: plain
    uint64_t size;       // of the file
    int64_t mtime_ns;
};

static int64_t pull(void *user, void *p, size_t n)
{
    const struct flow *f = user;
    return iml__read_all(f->fd, p, n);
}

static int64_t mtime_of(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static void flow_close(struct flow *f)
{
    iml__gzr_close(&f->gz);
    iml__close(&f->fd);
}

static iml_status flow_open(struct flow *f, const char *path, iml_err *e)
{
    uint8_t magic[2];
    struct stat st;
    *f = (struct flow){.fd = -1};
    iml_err why = {0};
    iml_status s = iml__file_open(AT_FDCWD, path, &f->fd, &f->size, &why);
    if (s && !why.sys) return IML_FAIL(e, s, "it is no regular file");
    if (s) return IML_FAIL_SYS(e, s, why.sys, "it cannot be opened"); // callers name it
    ssize_t n = iml__fstat(f->fd, &st) < 0 ? -1 : iml__pread_all(f->fd, magic, 2, 0);
    if (n < 0) {
        int sys = errno;
        flow_close(f);
        return IML_FAIL_SYS(e, iml__input_status(sys), sys, "cannot be read");
    }
    f->mtime_ns = mtime_of(&st);
    if (!iml__gz_is(magic, (size_t)n)) return IML_OK;
    s = iml__gzr_open(&f->gz, pull, f, path, e);
    if (s) flow_close(f);
    return s;
}

static iml_status gzip_fault(enum iml__gz_fault fault, iml_err *e)
{
    switch (fault) {
    case IML__GZ_TRUNCATED:
        return iml__coded(e, IML_EINPUT, "gzip-truncated",
                          "the gzip stream ends early (file cut short)");
    case IML__GZ_GARBAGE:
        return iml__coded(e, IML_EINPUT, "gzip-garbage",
                          "bytes that are not gzip stand behind the gzip stream");
    default: return iml__coded(e, IML_EINPUT, "gzip-crc", "gzip CRC differs (file damaged)");
    }
}

// Up to n bytes; *got fewer only at the end. p NULL skips.
static iml_status flow_read(struct flow *f, void *p, size_t n, size_t *got, iml_err *e)
{
    if (f->gz) {
        iml_status st = iml__gzr_read(f->gz, p, n, got, e);
        enum iml__gz_fault fault = iml__gzr_sum(f->gz)->fault;
        return st == IML_EINPUT && fault ? gzip_fault(fault, e) : st;
    }
    uint8_t waste[4096];
    for (*got = 0; *got < n;) {
        size_t want = p ? n - *got : IML_MIN(n - *got, sizeof waste);
        ssize_t r = iml__read_all(f->fd, p ? (uint8_t *)p + *got : waste, want);
        if (r < 0) {
            int sys = errno;
            return IML_FAIL_SYS(e, iml__input_status(sys), sys, "cannot be read");
        }
        *got += (size_t)r;
        if ((size_t)r < want) break;
    }
    return IML_OK;
}

// ---- Opening

static bool ends(const char *s, size_t n, const char *tail)
{
    size_t t = strlen(tail);
    return n > t && !strncasecmp(s + n - t, tail, t);
}

// The other file of a pair beside path (whose own ending has `cut` bytes): .img or .img.gz;
// *owned*.
static iml_status sibling(const char *path, size_t cut, const char *want, char **out, iml_err *e)
{
    static const char *const tails[] = {"", ".gz"};
    size_t n = strlen(path) - cut;
    bool upper = path[n + 1] == 'H' || path[n + 1] == 'I';
    for (int k = 0; k < 2; k++) {
        struct stat st;
        char *p = iml__alloc(n + 16);
        if (!p) return IML_FAIL(e, IML_ENOMEM, "no memory to open a volume");
        memcpy(p, path, n);
        (void)snprintf(p + n, 16, "%s%s", want, tails[k]);
        for (size_t i = n + 1; upper && i < n + 4; i++) p[i] = (char)(p[i] - 32);
        bool there = iml__fstatat(AT_FDCWD, p, &st, 0) == 0;
        int sys = errno;
        if (there) return *out = p, IML_OK;
        IML_FREE(p);
        if (sys != ENOENT && sys != ENOTDIR)
            return IML_FAIL_SYS(e, iml__input_status(sys), sys, "its %s cannot be read", want);
    }
    return iml__coded(e, IML_EINPUT, "pair-missing", "the %s that belongs to it is missing", want);
}

// path to header and image file; both *owned*.
static iml_status two_files(const char *path, char **head, char **image, bool *pair, iml_err *e)
{
    size_t n = strlen(path), gz = ends(path, n, ".gz") ? 3 : 0;
    bool hdr = ends(path, n - gz, ".hdr"), img = ends(path, n - gz, ".img");
    *pair = hdr || img;
    if (!img) *head = iml__strdup(path);
    if (!hdr) *image = iml__strdup(path);
    if ((!img && !*head) || (!hdr && !*image))
        return IML_FAIL(e, IML_ENOMEM, "no memory to open a volume");
    return *pair ? sibling(path, 4 + gz, hdr ? ".img" : ".hdr", hdr ? image : head, e) : IML_OK;
}

static iml_status read_extensions(iml_nifti *n, struct flow *f, const uint8_t *start, size_t have,
                                  iml_err *e)
{
    size_t all = (size_t)n->info.data_offset, got = 0, flag = n->info.version == 2 ? 540 : 348;
    if (n->info.pair || all <= have || have <= flag || !start[flag])
        return iml__nifti_extensions(start, have, &n->info, e);
    if (all > EXTENSIONS_MAX)
        return iml__coded(e, IML_ELIMIT, "offset",
                          "%zu bytes of header extensions; the limit is %d", all, EXTENSIONS_MAX);
    uint8_t *p = iml__alloc(all);
    if (!p) return IML_FAIL(e, IML_ENOMEM, "no memory for %zu bytes of header extensions", all);
    memcpy(p, start, have);
    iml_status st = flow_read(f, p + have, all - have, &got, e);
    if (!st) st = iml__nifti_extensions(p, have + got, &n->info, e);
    IML_FREE(p);
    return st;
}

static iml_status read_head(iml_nifti *n, const char *path, int affine, iml_err *e)
{
    struct flow f;
    uint8_t p[IML__NIFTI_HEAD];
    size_t got = 0;
    IML_TRY(flow_open(&f, path, e));
    n->size = f.size, n->mtime_ns = f.mtime_ns;
    iml_status st = flow_read(&f, p, sizeof p, &got, e);
    if (!st) st = iml__nifti_header(p, got, affine, &n->info, e);
    n->info.gzip = f.gz != NULL;
    if (!st && !n->info.pair) st = iml__nifti_sizes(&n->info, n->size, n->info.gzip, e);
    if (!st) st = read_extensions(n, &f, p, got, e);
    flow_close(&f);
    return st;
}

// Of a pair: the image's own size and compression count.
static iml_status look_at_image(iml_nifti *n, iml_err *e)
{
    struct flow f;
    IML_TRY(flow_open(&f, n->image, e));
    n->size = f.size, n->mtime_ns = f.mtime_ns, n->info.gzip = f.gz != NULL;
    flow_close(&f);
    return iml__nifti_sizes(&n->info, n->size, n->info.gzip, e);
}

static iml_status open_it(iml_nifti *n, const char *path, int affine, iml_err *e)
{
    bool pair;
    IML_TRY(two_files(path, &n->path, &n->image, &pair, e));
    IML_TRY(read_head(n, n->path, affine, e));
    if (pair != n->info.pair)
        return iml__coded(e, IML_EINPUT, "not-nifti",
                          pair ? "its magic is that of a single file, but it is called .hdr or .img"
                               : "its magic says that the voxels are in a .img of their own");
    if (pair) IML_TRY(look_at_image(n, e));
    n->warnings = iml__nifti_warnings(&n->info);
    return IML_OK;
}

iml_status iml__nifti_open(const char *path, int affine, iml_nifti **out, iml_err *e)
{
    iml_nifti *n = iml__calloc(1, sizeof *n);
    *out = NULL;
    if (!n) return IML_FAIL(e, IML_ENOMEM, "no memory to open %s", path);
    iml_status st = open_it(n, path, affine, e);
    if (st) iml_nifti_close(&n);
    *out = n;
    return st;
}

iml_status iml_nifti_open(const char *path, int affine, iml_nifti **out, iml_err *e)
{
    iml_err why = {0};
    iml_status st = iml__nifti_open(path, affine, out, &why);
    char code[24];
    size_t n;
    if (!st) return st;
    iml__coded_split(why.msg, code, &n);
    if (code[0]) return iml__coded(e, st, code, "%.120s: %.*s", path, (int)n, why.msg);
    (void)IML_FAIL(e, st, "%.120s: %s", path, why.msg);
    if (e) e->sys = why.sys;
    return iml__failed(st);
}

const iml_nifti_info *iml_nifti_about(const iml_nifti *n) { return &n->info; }

void iml_nifti_close(iml_nifti **n)
{
    if (!*n) return;
    IML_FREE((*n)->path);
    IML_FREE((*n)->image);
    IML_FREE(*n);
}

// ---- What it was when it was opened, it must be until the end

static iml_status unchanged(iml_nifti *n, const struct flow *f, iml_err *e)
{
    struct stat st;
    if (iml__fstat(f->fd, &st) == 0 && (uint64_t)st.st_size == n->size &&
        mtime_of(&st) == n->mtime_ns)
        return IML_OK;
    n->changed = true;
    return iml__coded(e, IML_EAGAIN, "changed", "the file changed while it was read");
}

static void swap_bytes(const iml_nifti_info *i, void *p, size_t bytes)
{
    const uint16_t one = 1;
    bool little = *(const uint8_t *)&one == 1;
    if (i->big_endian != little || i->item_bytes == 1) return;
    for (size_t k = 0; k + (size_t)i->item_bytes <= bytes; k += (size_t)i->item_bytes) {
        uint8_t *q = (uint8_t *)p + k;
        uint16_t a;
        uint32_t b;
        uint64_t c;
        switch (i->item_bytes) {
        case 2: memcpy(&a, q, 2), a = __builtin_bswap16(a), memcpy(q, &a, 2); break;
        case 4: memcpy(&b, q, 4), b = __builtin_bswap32(b), memcpy(q, &b, 4); break;
        default: memcpy(&c, q, 8), c = __builtin_bswap64(c), memcpy(q, &c, 8); break;
        }
    }
}

static uint64_t frame_bytes(const iml_nifti_info *i) { return i->voxels * (uint64_t)i->item_bytes; }

static uint64_t file_bytes(const iml_nifti_info *i)
{
    uint64_t n = frame_bytes(i);
    for (int k = 3; k < 7; k++) n *= i->dim[k];
    return n;
}

static iml_status short_data(const iml_nifti_info *i, uint64_t have, iml_err *e)
{
    uint64_t all = file_bytes(i), missing = IML_MIN(i->data_offset + all - have, all);
    return iml__coded(e, IML_EINPUT, "short-data",
                      "%llu bytes of voxels are missing of %llu; the file is cut short",
                      (unsigned long long)missing, (unsigned long long)all);
}

// ---- Streams

struct iml__nifti_stream {
    iml_nifti *n;
    struct flow f;
    uint64_t at;  // bytes of the (inflated) file so far
    uint32_t crc; // of the voxels given out
};

static iml_status skip(struct iml__nifti_stream *s, uint64_t bytes, iml_err *e)
{
    while (bytes) {
        size_t want = (size_t)IML_MIN(bytes, (uint64_t)1 << 30), got = 0;
        IML_TRY(flow_read(&s->f, NULL, want, &got, e));
        s->at += got, bytes -= got;
        if (got < want) return short_data(&s->n->info, s->at, e);
    }
    return IML_OK;
}

iml_status iml__nifti_stream_open(iml_nifti *n, uint64_t frame, struct iml__nifti_stream **out,
                                  iml_err *e)
{
    *out = NULL;
    if (frame >= file_bytes(&n->info) / frame_bytes(&n->info))
        return iml__coded(e, IML_EINPUT, "frames", "there is no frame %llu",
                          (unsigned long long)frame);
    struct iml__nifti_stream *s = iml__calloc(1, sizeof *s);
    if (!s) return IML_FAIL(e, IML_ENOMEM, "no memory to read a volume");
    s->n = n;
    iml_status st = flow_open(&s->f, n->image, e);
    if (!st) st = unchanged(n, &s->f, e);
    if (!st) st = skip(s, n->info.data_offset + frame * frame_bytes(&n->info), e);
    if (st) iml__nifti_stream_close(&s);
    *out = s;
    return st;
}

iml_status iml__nifti_stream_read(struct iml__nifti_stream *s, void *out, size_t bytes, iml_err *e)
{
    size_t got = 0;
    IML_TRY(flow_read(&s->f, out, bytes, &got, e));
    s->at += got;
    if (got < bytes) return short_data(&s->n->info, s->at, e);
    s->crc = iml__crc32(s->crc, out, bytes);
    swap_bytes(&s->n->info, out, bytes);
    return IML_OK;
}

// What stands behind the last voxel is read (and so checked) to its end. *more: how much it was.
static iml_status read_rest(struct iml__nifti_stream *s, uint64_t *more, iml_err *e)
{
    const iml_nifti_info *i = &s->n->info;
    *more = 0;
    IML_TRY(skip(s, i->data_offset + file_bytes(i) - s->at, e));
    for (size_t got = CHUNK; got == CHUNK; *more += got)
        IML_TRY(flow_read(&s->f, NULL, CHUNK, &got, e));
    return IML_OK;
}

iml_status iml__nifti_stream_end(struct iml__nifti_stream *s, uint32_t *crc, iml_err *e)
{
    uint64_t more;
    IML_TRY(read_rest(s, &more, e));
    if (more) s->n->warnings |= IML__NIFTI_WARN_LONGER;
    *crc = s->crc;
    return unchanged(s->n, &s->f, e);
}

void iml__nifti_stream_close(struct iml__nifti_stream **s)
{
    if (!*s) return;
    flow_close(&(*s)->f);
    IML_FREE(*s);
}

iml_status iml_nifti_read(iml_nifti *n, uint64_t frame, void *out, size_t cap, iml_err *e)
{
    struct iml__nifti_stream *s;
    uint32_t crc;
    size_t bytes = (size_t)frame_bytes(&n->info);
    if (cap < bytes)
        return IML_FAIL(e, IML_EARG, "%zu bytes are too few for a frame of %zu", cap, bytes);
    IML_TRY(iml__nifti_stream_open(n, frame, &s, e));
    iml_status st = iml__nifti_stream_read(s, out, bytes, e);
    if (!st) st = iml__nifti_stream_end(s, &crc, e);
    iml__nifti_stream_close(&s);
    return st;
}

iml_status iml_nifti_read_f32(iml_nifti *n, uint64_t frame, float *out, size_t count, iml_err *e)
{
    struct iml__nifti_stream *s;
    uint32_t crc;
    if (count < n->info.voxels)
        return IML_FAIL(e, IML_EARG, "%zu values are too few for a frame of %llu", count,
                        (unsigned long long)n->info.voxels);
    uint8_t *raw = iml__alloc(CHUNK);
    if (!raw) return IML_FAIL(e, IML_ENOMEM, "no memory to read a volume");
    iml_status st = iml__nifti_stream_open(n, frame, &s, e);
    size_t item = (size_t)n->info.item_bytes;
    for (uint64_t at = 0; !st && at < n->info.voxels;) {
        size_t k = (size_t)IML_MIN(n->info.voxels - at, (uint64_t)(CHUNK / item));
        st = iml__nifti_stream_read(s, raw, k * item, e);
        if (!st) iml__nifti_to_f32(&n->info, raw, k, out + at);
        at += k;
    }
    if (!st) st = iml__nifti_stream_end(s, &crc, e);
    iml__nifti_stream_close(&s);
    IML_FREE(raw);
    return st;
}

// ---- A whole frame

// data: the file from its first byte, or NULL for a file on disk.
static iml_status load_gzip(iml_nifti *n, const iml_buf *file, uint8_t *p, size_t cap, iml_err *e)
{
    struct iml__gz_sum sum = {0};
    uint64_t want = n->info.data_offset + file_bytes(&n->info);
    iml_buf *b = (iml_buf *)file;
    iml_status st = iml__gunzip(n->image, iml_buf_data(b), iml_buf_size(file), p, cap, &sum, e);
    if (st == IML_EINPUT && sum.fault) return gzip_fault(sum.fault, e);
    IML_TRY(st);
    if (sum.size < want) return short_data(&n->info, sum.size, e);
    if (sum.size > want) n->warnings |= IML__NIFTI_WARN_LONGER;
    return IML_OK;
}

static iml_status load_first(iml_nifti *n, const iml_buf *input, uint8_t *p, size_t cap, iml_err *e)
{
    struct flow f;
    iml_buf *own = NULL;
    IML_TRY(flow_open(&f, n->image, e));
    iml_status st = unchanged(n, &f, e);
    if (!st && !input) st = iml__file_read(AT_FDCWD, n->image, FILE_MAX, &own, e);
    if (!st) st = load_gzip(n, input ? input : own, p, cap, e);
    if (!st) st = unchanged(n, &f, e);
    if (own) iml_buf_unref(&own);
    flow_close(&f);
    return st;
}

iml_status iml__nifti_load(iml_nifti *n, uint64_t frame, const iml_buf *input, iml_arena *a,
                           void **voxels, iml_err *e)
{
    size_t bytes = (size_t)frame_bytes(&n->info), item = (size_t)n->info.item_bytes;
    // Inflating whole needs room for what stands before the voxels; that of a later frame is more.
    bool whole = n->info.gzip && frame == 0 && n->info.data_offset <= EXTENSIONS_MAX;
    size_t before = whole ? (size_t)n->info.data_offset : 0;
    uint8_t *p = iml_arena_alloc(a, before + bytes);
    *voxels = NULL;
    if (!p) return IML_FAIL(e, IML_ENOMEM, "no memory for %zu bytes of voxels", bytes);
    if (!whole) {
        IML_TRY(iml_nifti_read(n, frame, p, bytes, e));
        *voxels = p;
        return IML_OK;
    }
    if (input && iml_buf_size(input) != n->size) input = NULL; // it has grown since
    IML_TRY(load_first(n, input, p, before + bytes, e));
    if (before % item) memmove(p, p + before, bytes), before = 0;
    swap_bytes(&n->info, p + before, bytes);
    *voxels = p + before;
    return IML_OK;
}

// ---- Values

// nibabel multiplies and adds in double only where slope and inter are not 1 and 0.
#define CONVERT(type, to)                                                                          \
    do {                                                                                           \
        const type *r = raw;                                                                       \
        if (!i->scaled)                                                                            \
            for (size_t k = 0; k < n; k++) out[k] = (to)(double)r[k];                              \
        else if (i->inter == 0)                                                                    \
            for (size_t k = 0; k < n; k++) out[k] = (to)((double)r[k] * slope);                    \
        else                                                                                       \
            for (size_t k = 0; k < n; k++) out[k] = (to)((double)r[k] * slope + inter);            \
    } while (0)
#define CONVERT_ALL(to)                                                                            \
    switch (i->datatype) {                                                                         \
    case IML_NIFTI_U8: CONVERT(uint8_t, to); break;                                                \
    case IML_NIFTI_I8: CONVERT(int8_t, to); break;                                                 \
    case IML_NIFTI_U16: CONVERT(uint16_t, to); break;                                              \
    case IML_NIFTI_I16: CONVERT(int16_t, to); break;                                               \
    case IML_NIFTI_U32: CONVERT(uint32_t, to); break;                                              \
    case IML_NIFTI_I32: CONVERT(int32_t, to); break;                                               \
    case IML_NIFTI_U64: CONVERT(uint64_t, to); break;                                              \
    case IML_NIFTI_I64: CONVERT(int64_t, to); break;                                               \
    case IML_NIFTI_F32: CONVERT(float, to); break;                                                 \
    default: CONVERT(double, to); break;                                                           \
    }

void iml__nifti_to_f32(const iml_nifti_info *i, const void *raw, size_t n, float *out)
{
    double slope = i->slope, inter = i->inter;
    CONVERT_ALL(float)
}

void iml__nifti_to_f64(const iml_nifti_info *i, const void *raw, size_t n, double *out)
{
    double slope = i->slope, inter = i->inter;
    CONVERT_ALL(double)
}

float iml__nifti_value(const iml_nifti_info *i, uint32_t bits)
{
    float v;
    if (i->item_bytes == 1) {
        uint8_t b = (uint8_t)bits;
        iml__nifti_to_f32(i, &b, 1, &v);
    } else {
        uint16_t b = (uint16_t)bits;
        iml__nifti_to_f32(i, &b, 1, &v);
    }
    return v;
}
