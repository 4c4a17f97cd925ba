// tarw.c: the tar writer: the same members give the same bytes, on any machine, at any time.
//
// Everything that could vary is a constant: mtime, uid, gid and device are 0, owner names empty,
// mode 0444. A pax header costs 1,536 bytes and some readers stumble over it, so it is written only
// where ustar cannot say it. Bytes go through one buffer of 1 MiB; the whole archive and each
// member are hashed on the way, so that nothing is read again.
#include "src/io/tar.h"

#include <stdio.h>
#include <string.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/vfs.h"

enum { BUFFER = 1 << 20, NAME_FIELD = 100, PREFIX_FIELD = 155 };
#define OCTAL_LIMIT ((uint64_t)1 << 33) // eleven octal digits

static void octal(uint8_t *p, int digits, uint64_t v)
{
    for (int i = digits - 1; i >= 0; i--, v >>= 3) p[i] = (uint8_t)('0' + (v & 7));
    p[digits] = 0;
}

static void seal(uint8_t h[IML__TAR_BLOCK])
{
    uint32_t sum = 0;
    memset(h + 148, ' ', 8);
    for (int i = 0; i < IML__TAR_BLOCK; i++) sum += h[i];
    octal(h + 148, 6, sum); // six digits, NUL, then the blank that stands there already
}

// name as far as it fits; prefix may be empty.
static void block(uint8_t h[IML__TAR_BLOCK], const char *prefix, size_t prefix_n, const char *name,
                  size_t name_n, uint64_t size, char type)
{
    memset(h, 0, IML__TAR_BLOCK);
    memcpy(h, name, IML_MIN(name_n, (size_t)NAME_FIELD));
    octal(h + 100, 7, 0444);
    octal(h + 108, 7, 0);
    octal(h + 116, 7, 0);
    octal(h + 124, 11, size);
    octal(h + 136, 11, 0);
    h[156] = (uint8_t)type;
    memcpy(h + 257, "ustar\00000", 8);
    memcpy(h + 345, prefix, IML_MIN(prefix_n, (size_t)PREFIX_FIELD));
    seal(h);
}

// Where to cut a long name: the slash nearest the end whose left side fits the prefix and whose
// right side fits the name. 0: ustar cannot hold it.
static size_t cut_of(const char *name, size_t n)
{
    for (size_t i = IML_MIN(n, (size_t)PREFIX_FIELD + 1); i-- > 1;)
        if (name[i] == '/' && n - i - 1 <= NAME_FIELD && n - i - 1 > 0) return i;
    return 0;
}

// "LEN key=value\n", where LEN counts itself too.
static size_t pax_record(uint8_t *out, const char *key, const char *value, size_t n)
{
    size_t body = strlen(key) + n + 3, digits = 1; // blank, '=', newline
    for (size_t limit = 10; body + digits >= limit; limit *= 10) digits++;
    int head = snprintf((char *)out, 64, "%zu %s=", body + digits, key);
    memcpy(out + head, value, n);
    out[(size_t)head + n] = '\n';
    return (size_t)head + n + 1;
}

size_t iml__tar_header(uint8_t out[IML__TAR_HEADER_MAX], const char *name, uint64_t size)
{
    size_t n = strlen(name), cut = n > NAME_FIELD ? cut_of(name, n) : 0, at = 0;
    bool long_name = n > NAME_FIELD && !cut, large = size >= OCTAL_LIMIT;
    if (n == 0 || n > 4095) return 0;
    if (long_name || large) {
        uint8_t *body = out + IML__TAR_BLOCK;
        size_t len = 0;
        if (long_name) len += pax_record(body, "path", name, n);
        if (large) {
            char digits[24];
            int k = snprintf(digits, sizeof digits, "%llu", (unsigned long long)size);
            len += pax_record(body + len, "size", digits, (size_t)k);
        }
        static const char pax_name[] = "././@PaxHeader";
        block(out, "", 0, pax_name, sizeof pax_name - 1, len, 'x');
        size_t padded = (len + IML__TAR_BLOCK - 1) / IML__TAR_BLOCK * IML__TAR_BLOCK;
        memset(body + len, 0, padded - len);
        at = IML__TAR_BLOCK + padded;
    }
    block(out + at, name, cut, name + (cut ? cut + 1 : 0), n - (cut ? cut + 1 : 0),
          large ? 0 : size, '0');
    return at + IML__TAR_BLOCK;
}

// ---- The stream

int iml__tarw_begin(struct iml__tarw *w, int fd)
{
    *w = (struct iml__tarw){.fd = fd};
    iml__str_init(&w->names, (size_t)1 << 32);
    w->buf = iml__alloc(BUFFER);
    w->hash = iml__xxh3_new();
    w->member_hash = iml__xxh3_new();
    if (w->buf && w->hash && w->member_hash) return 0;
    iml__tarw_free(w);
    return errno = ENOMEM, -1;
}

void iml__tarw_free(struct iml__tarw *w)
{
    iml__xxh3_state *a = w->hash, *b = w->member_hash;
    iml__xxh3_free(&a);
    iml__xxh3_free(&b);
    IML_FREE(w->buf);
    IML_FREE(w->member);
    iml__str_free(&w->names);
    *w = (struct iml__tarw){.fd = -1};
}

static int flush(struct iml__tarw *w)
{
    int r = w->fill ? iml__write_all(w->fd, w->buf, w->fill) : 0;
    if (r == 0) w->fill = 0;
    return r;
}

static int add(struct iml__tarw *w, const void *p, size_t n)
{
    if (n == 0) return 0;
    iml__xxh3_add(w->hash, p, n);
    w->at += n;
    if (w->fill + n > BUFFER && flush(w) < 0) return -1;
    if (n >= BUFFER) return iml__write_all(w->fd, p, n);
    memcpy(w->buf + w->fill, p, n);
    w->fill += n;
    return 0;
}

static int zeros(struct iml__tarw *w, size_t n)
{
    static const uint8_t zero[IML__TAR_BLOCK];
    for (; n; n -= IML_MIN(n, sizeof zero))
        if (add(w, zero, IML_MIN(n, sizeof zero)) < 0) return -1;
    return 0;
}

// The hash of the member that is open, once all of its data came; and its padding.
static int close_member(struct iml__tarw *w)
{
    if (w->data_left) return errno = EINVAL, -1;
    if (!w->n) return 0;
    struct iml__tarw_member *m = &w->member[w->n - 1];
    m->hash = iml__xxh3_end(w->member_hash);
    return zeros(w, (size_t)(-m->size & (IML__TAR_BLOCK - 1)));
}

int iml__tarw_member(struct iml__tarw *w, const char *name, uint64_t size)
{
    uint8_t h[IML__TAR_HEADER_MAX];
    if (close_member(w) < 0) return -1;
    size_t n = iml__tar_header(h, name, size);
    if (!n) return errno = ENAMETOOLONG, -1;
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 64;
        struct iml__tarw_member *grown = iml__realloc(w->member, cap, sizeof *grown);
        if (!grown) return errno = ENOMEM, -1;
        w->member = grown, w->cap = cap;
    }
    size_t at = w->names.n;
    iml__str_add(&w->names, name, strlen(name) + 1);
    if (w->names.failed) return errno = ENOMEM, -1;
    if (add(w, h, n) < 0) return -1;
    w->member[w->n++] = (struct iml__tarw_member){at, w->at, size, 0};
    w->data_left = size;
    iml__xxh3_reset(w->member_hash);
    return 0;
}

int iml__tarw_data(struct iml__tarw *w, const void *p, size_t n)
{
    if (n > w->data_left) return errno = EINVAL, -1;
    w->data_left -= n;
    iml__xxh3_add(w->member_hash, p, n);
    return add(w, p, n);
}

int iml__tarw_end(struct iml__tarw *w, uint64_t *size, uint64_t *hash)
{
    if (close_member(w) < 0) return -1;
    if (zeros(w, 2 * IML__TAR_BLOCK) < 0) return -1;
    size_t odd = (size_t)(w->at % IML__TAR_RECORD);
    if (odd && zeros(w, IML__TAR_RECORD - odd) < 0) return -1;
    if (flush(w) < 0) return -1;
    *size = w->at, *hash = iml__xxh3_end(w->hash);
    return 0;
}

const char *iml__tarw_name(const struct iml__tarw *w, size_t member)
{
    return w->names.p + w->member[member].name;
}
