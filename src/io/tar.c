// tar.c: reading archives that others wrote, and unpacking what is safe to unpack.
//
// A tar is hostile input: every number is checked before it is used, names are bounded, records
// before a member are limited in size and number, and the reader never seeks, so that it takes
// pipes. Unpacking restores names and bytes and nothing else: no link, device, mode, owner or time.
#include "src/io/tar.h"

#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/atomic.h"
#include "src/io/safe.h"
#include "src/io/vfs.h"

enum { PAX_MAX = 1 << 20, NAME_MAX_ = 4095, RECORDS_MAX = 64 };

static int64_t read_fd(void *user, void *p, size_t n)
{
    return iml__read_all(*(const int *)user, p, n);
}

void iml__tarr_begin(struct iml__tarr *r, int64_t (*read)(void *, void *, size_t), void *user,
                     const char *label)
{
    *r = (struct iml__tarr){.read = read, .user = user, .label = label};
    iml__str_init(&r->name, NAME_MAX_ + 1);
    iml__str_init(&r->long_name, NAME_MAX_ + 1);
    iml__str_init(&r->global_path, NAME_MAX_ + 1);
    iml__str_init(&r->pax, PAX_MAX);
}

void iml__tarr_begin_fd(struct iml__tarr *r, const int *fd, const char *label)
{
    iml__tarr_begin(r, read_fd, (void *)(uintptr_t)fd, label);
}

void iml__tarr_free(struct iml__tarr *r)
{
    iml__str_free(&r->name);
    iml__str_free(&r->long_name);
    iml__str_free(&r->global_path);
    iml__str_free(&r->pax);
}

static iml_status damaged(const struct iml__tarr *r, const char *what, iml_err *e)
{
    return IML_FAIL(e, IML_EINPUT, "%.100s is damaged at byte %llu: %s", r->label,
                    (unsigned long long)r->at, what);
}

// Exactly n bytes, or *got fewer at the end of the archive.
static iml_status fetch(struct iml__tarr *r, void *p, size_t n, size_t *got, iml_err *e)
{
    *got = 0;
    while (*got < n) {
        int64_t k = r->read(r->user, (char *)p + *got, n - *got);
        if (k < 0)
            return IML_FAIL_SYS(e, iml__input_status(errno), errno, "cannot read %.100s", r->label);
        if (k == 0) break;
        *got += (size_t)k, r->at += (uint64_t)k;
    }
    return IML_OK;
}

static iml_status skip(struct iml__tarr *r, uint64_t n, iml_err *e)
{
    uint8_t waste[8192];
    while (n) {
        size_t k = (size_t)IML_MIN(n, (uint64_t)sizeof waste), got;
        IML_TRY(fetch(r, waste, k, &got, e));
        if (got < k) return damaged(r, "a member ends before its size", e);
        n -= k;
    }
    return IML_OK;
}

// Octal with blanks or NUL around it, or GNU's base 256. false: neither, negative, or too large.
static bool number(const uint8_t *p, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    if (p[0] & 0x80) {
        if (p[0] & 0x40) return false; // negative
        v = p[0] & 0x3F;
        for (size_t i = 1; i < n; i++) {
            if (v >> 55) return false;
            v = v << 8 | p[i];
        }
    } else {
        size_t i = 0;
        while (i < n && p[i] == ' ') i++;
        for (; i < n && p[i] >= '0' && p[i] <= '7'; i++) {
            if (v >> 60) return false;
            v = v << 3 | (uint64_t)(p[i] - '0');
        }
        if (i < n && p[i] && p[i] != ' ') return false;
    }
    *out = v;
    return v <= INT64_MAX / 2;
}

static bool checksum_fits(const uint8_t h[IML__TAR_BLOCK])
{
    uint64_t want;
    uint32_t sum = 8 * ' ';
    int32_t old = 8 * ' '; // some old programs summed signed bytes
    for (int i = 0; i < IML__TAR_BLOCK; i++) {
        if (i >= 148 && i < 156) continue;
        sum += h[i], old += (int8_t)h[i];
    }
    return number(h + 148, 8, &want) && (want == sum || (int64_t)want == old);
}

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i]) return false;
    return true;
}

// ---- Records before a member

static iml_status body(struct iml__tarr *r, uint64_t size, size_t max, iml__str *s, iml_err *e)
{
    iml__str_clear(s);
    if (size > max)
        return IML_FAIL(e, IML_ELIMIT,
                        "%.100s: a header of %llu bytes is above the "
                        "limit of %zu",
                        r->label, (unsigned long long)size, max);
    uint8_t b[IML__TAR_BLOCK];
    for (uint64_t left = size; left;) {
        size_t got, k = (size_t)IML_MIN(left, (uint64_t)sizeof b);
        IML_TRY(fetch(r, b, sizeof b, &got, e));
        if (got < sizeof b) return damaged(r, "a header ends early", e);
        iml__str_add(s, b, k);
        left -= k;
    }
    if (s->failed) return IML_FAIL(e, IML_ENOMEM, "%.100s: no memory for a header", r->label);
    return IML_OK;
}

static iml_status pax_apply(struct iml__tarr *r, bool global, const char *key, size_t key_n,
                            const char *value, size_t n, iml_err *e)
{
    iml__str *path = global ? &r->global_path : &r->long_name;
    if (key_n == 4 && memcmp(key, "path", 4) == 0) {
        if (n == 0 || n > NAME_MAX_) return damaged(r, "a pax path is empty or too long", e);
        iml__str_clear(path);
        iml__str_add(path, value, n);
        if (path->failed) return IML_FAIL(e, IML_ENOMEM, "%.100s: no memory", r->label);
        r->has_global_path |= global;
    } else if (key_n == 4 && memcmp(key, "size", 4) == 0 && !global) {
        uint64_t v = 0;
        if (n == 0 || n > 18) return damaged(r, "a pax size is no number", e);
        for (size_t i = 0; i < n; i++) {
            if (value[i] < '0' || value[i] > '9') return damaged(r, "a pax size is no number", e);
            v = v * 10 + (uint64_t)(value[i] - '0');
        }
        r->pax_size = v, r->has_pax_size = true;
    } else if (key_n >= 10 && memcmp(key, "GNU.sparse", 10) == 0) {
        r->pax_sparse = true;
    }
    return IML_OK;
}

static iml_status pax_parse(struct iml__tarr *r, bool global, iml_err *e)
{
    const char *p = iml__str_text(&r->pax);
    size_t left = r->pax.n;
    while (left) {
        size_t len = 0, i = 0;
        for (; i < left && i < 8 && p[i] >= '0' && p[i] <= '9'; i++)
            len = len * 10 + (size_t)(p[i] - '0');
        if (i == 0 || i >= left || p[i] != ' ' || len <= i + 1 || len > left || p[len - 1] != '\n')
            return damaged(r, "a pax header is malformed", e);
        const char *key = p + i + 1, *equal = memchr(key, '=', len - i - 2);
        if (!equal) return damaged(r, "a pax header is malformed", e);
        IML_TRY(pax_apply(r, global, key, (size_t)(equal - key), equal + 1,
                          (size_t)(p + len - 1 - (equal + 1)), e));
        p += len, left -= len;
    }
    return IML_OK;
}

static iml_status record(struct iml__tarr *r, char type, uint64_t size, iml_err *e)
{
    switch (type) {
    case 'x':
    case 'g': IML_TRY(body(r, size, PAX_MAX, &r->pax, e)); return pax_parse(r, type == 'g', e);
    case 'L':
        IML_TRY(body(r, size, NAME_MAX_ + 1, &r->long_name, e));
        while (r->long_name.n && !r->long_name.p[r->long_name.n - 1]) r->long_name.n--;
        return r->long_name.n ? IML_OK : damaged(r, "a long name is empty", e);
    default: // K: the target of a link, which nobody follows
        return skip(r, (size + IML__TAR_BLOCK - 1) / IML__TAR_BLOCK * IML__TAR_BLOCK, e);
    }
}

static void name_of(struct iml__tarr *r, const uint8_t h[IML__TAR_BLOCK])
{
    iml__str_clear(&r->name);
    if (r->long_name.n) {
        iml__str_add(&r->name, r->long_name.p, r->long_name.n);
        return;
    }
    if (r->has_global_path) {
        iml__str_add(&r->name, r->global_path.p, r->global_path.n);
        return;
    }
    // GNU's old magic uses the prefix field for other things.
    if (memcmp(h + 257, "ustar\0", 6) == 0 && h[345]) {
        iml__str_add(&r->name, h + 345, strnlen((const char *)h + 345, 155));
        iml__str_addc(&r->name, '/');
    }
    iml__str_add(&r->name, h, strnlen((const char *)h, 100));
}

// Reads header blocks up to a member's own. IML_END at the end of the archive.
static iml_status header(struct iml__tarr *r, uint8_t h[IML__TAR_BLOCK], uint64_t *size, iml_err *e)
{
    r->long_name.n = 0, r->has_pax_size = r->pax_sparse = false;
    for (int records = 0; records < RECORDS_MAX; records++) {
        size_t got;
        IML_TRY(fetch(r, h, IML__TAR_BLOCK, &got, e));
        if (got == 0) return IML_END; // no end blocks: some programs write none
        if (got < IML__TAR_BLOCK) return damaged(r, "a header block is cut off", e);
        if (all_zero(h, IML__TAR_BLOCK)) return IML_END; // what follows is junk
        if (!checksum_fits(h)) return damaged(r, "the checksum of a header does not fit", e);
        if (!number(h + 124, 12, size)) return damaged(r, "a size is no number", e);
        char type = (char)h[156];
        if (type != 'x' && type != 'g' && type != 'L' && type != 'K') return IML_OK;
        IML_TRY(record(r, type, *size, e));
    }
    return IML_FAIL(e, IML_ELIMIT, "%.100s: more than %d headers before one member", r->label,
                    RECORDS_MAX);
}

iml_status iml__tarr_next(struct iml__tarr *r, struct iml__tar_member *m, iml_err *e)
{
    uint8_t h[IML__TAR_BLOCK];
    *m = (struct iml__tar_member){0};
    if (r->done) return IML_END;
    IML_TRY(skip(r, r->data_left + r->pad, e));
    r->data_left = r->pad = 0;
    uint64_t size;
    iml_status st = header(r, h, &size, e);
    if (st) {
        r->done = true; // nothing behind damage is believed
        return st;
    }
    if (r->has_pax_size) size = r->pax_size;
    name_of(r, h);
    if (r->name.failed) {
        r->done = true;
        return IML_FAIL(e, r->name.failed, "%.100s: a name is too long", r->label);
    }
    m->name = iml__str_text(&r->name), m->name_len = r->name.n;
    m->type = h[156] == 0 || h[156] == '7' ? '0' : (char)h[156];
    // v7 says "directory" by a slash at the end of the name.
    if (m->type == '0' && m->name_len && m->name[m->name_len - 1] == '/') m->type = '5';
    m->sparse = m->type == 'S' || r->pax_sparse;
    // Links and devices have no data, whatever their size field says.
    m->size = m->type >= '1' && m->type <= '6' ? 0 : size;
    m->offset = r->at;
    r->data_left = m->size;
    r->pad = -m->size & (IML__TAR_BLOCK - 1);
    return IML_OK;
}

iml_status iml__tarr_read(struct iml__tarr *r, void *p, size_t n, size_t *got, iml_err *e)
{
    n = (size_t)IML_MIN((uint64_t)n, r->data_left);
    IML_TRY(fetch(r, p, n, got, e));
    r->data_left -= *got;
    if (*got < n) {
        r->done = true;
        return damaged(r, "a member ends before its size", e);
    }
    return IML_OK;
}

// ---- Unpacking

struct unpack {
    struct iml__dirs *dirs;
    const char *node;
    uint64_t left; // bytes that may still be written
    void (*skipped)(void *, const char *, const char *);
    void *user;
    uint64_t *seen; // hashes of the names so far, in lower case: open addressing, 0 is free
    size_t n, cap;
    iml_err *e;
};

// Notes a name. 1: it is new; 0: it came before, in this or another letter case; -1: no memory.
static int note_name(struct unpack *u, const char *name, size_t n)
{
    char folded[NAME_MAX_];
    for (size_t i = 0; i < n; i++)
        folded[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
    uint64_t h = iml__xxh3(folded, n) | 1;
    if (2 * (u->n + 1) > u->cap) {
        size_t cap = u->cap ? 2 * u->cap : 1024;
        uint64_t *grown = iml__calloc(cap, sizeof *grown);
        if (!grown) return -1;
        for (size_t i = 0; i < u->cap; i++) {
            if (!u->seen[i]) continue;
            size_t at = (size_t)(u->seen[i] >> 1) & (cap - 1);
            while (grown[at]) at = (at + 1) & (cap - 1);
            grown[at] = u->seen[i];
        }
        IML_FREE(u->seen);
        u->seen = grown, u->cap = cap;
    }
    size_t at = (size_t)(h >> 1) & (u->cap - 1);
    for (; u->seen[at]; at = (at + 1) & (u->cap - 1))
        if (u->seen[at] == h) return 0;
    u->seen[at] = h, u->n++;
    return 1;
}

// Why a member is left out, or NULL.
static const char *fault_of(const struct iml__tar_member *m)
{
    if (m->type != '0') return m->type == '5' ? "" : "it is a link or a device";
    if (m->sparse) return "it is sparse";
    const char *fault = iml__name_fault(m->name, m->name_len);
    if (fault) return fault;
    if (iml__name_check(m->name, NULL)) return "the directory .imloom belongs to the engine";
    return NULL;
}

static iml_status copy_out(struct unpack *u, struct iml__tarr *r, int fd, const char *name)
{
    uint8_t chunk[1 << 15];
    for (;;) {
        size_t got;
        IML_TRY(iml__tarr_read(r, chunk, sizeof chunk, &got, u->e));
        if (!got) return IML_OK;
        if (got > u->left)
            return IML_FAIL(u->e, IML_ELIMIT, "%.100s holds more than it may unpack to", r->label);
        u->left -= got;
        if (iml__write_all(fd, chunk, got) < 0)
            return iml__sink_error(u->e, errno, "write", iml__dirs_root(u->dirs), name);
    }
}

static iml_status unpack_one(struct unpack *u, struct iml__tarr *r, const struct iml__tar_member *m)
{
    int fd;
    char name[NAME_MAX_ + 1]; // the reader's copy goes with the next header
    memcpy(name, m->name, m->name_len);
    name[m->name_len] = 0;
    IML_TRY(iml__tmp_create(u->dirs, name, u->node, &fd, u->e));
    iml_status st = copy_out(u, r, fd, name);
    if (iml__close(&fd) < 0 && !st)
        st = iml__sink_error(u->e, errno, "write", iml__dirs_root(u->dirs), name);
    if (!st) st = iml__tmp_rename(u->dirs, name, u->node, u->e);
    if (st) iml__tmp_remove(u->dirs, name, u->node);
    return st;
}

iml_status iml__tar_unpack(struct iml__tarr *r, struct iml__dirs *d, const char *node,
                           uint64_t max_bytes, void (*skipped)(void *, const char *, const char *),
                           void *user, uint64_t *files, iml_err *e)
{
    struct unpack u = {
        .dirs = d, .node = node, .left = max_bytes, .skipped = skipped, .user = user, .e = e};
    struct iml__tar_member m;
    iml_status st;
    *files = 0;
    while ((st = iml__tarr_next(r, &m, e)) == IML_OK) {
        const char *fault = fault_of(&m);
        int fresh = fault ? 1 : note_name(&u, m.name, m.name_len);
        if (fresh < 0) {
            st = IML_FAIL(e, IML_ENOMEM, "no memory to unpack %.100s", r->label);
            break;
        }
        if (!fresh) fault = "a member of that name, in this or another letter case, came before";
        if (fault) {
            if (*fault && u.skipped) u.skipped(u.user, m.name, fault);
            continue;
        }
        if ((st = unpack_one(&u, r, &m))) break;
        ++*files;
    }
    IML_FREE(u.seen);
    return st == IML_END ? IML_OK : st;
}
