// journal.c: records on disk.
//
// A record is written by one write of a multiple of 48 bytes at the end of a file that only the
// owner of its lock appends to. A crash can leave the last one torn, a bad disk any one flipped:
// reading stops at the first that does not check, because nothing says what the ones behind it were
// written on top of (I4). Rejected: a log of JSON lines (a torn line may still parse), SQLite (its
// locks do not work on every network file system, and a record a unit needs no index).
#include "src/engine/journal.h"

#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"

enum { MAGIC = 0x4A49, BATCH_RECORDS = 256 }; // "IJ"

static void put(uint8_t *p, int n, uint64_t v)
{
    for (int i = 0; i < n; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

void iml__record_encode(uint8_t out[IML__RECORD], const struct iml__record *r)
{
    put(out, 2, MAGIC);
    out[2] = (uint8_t)r->type, out[3] = 0;
    put(out + 4, 4, r->ok);
    put(out + 8, 4, r->bad);
    put(out + 12, 4, r->run);
    put(out + 16, 8, r->id);
    put(out + 24, 8, r->bytes);
    put(out + 32, 8, r->content);
    put(out + 40, 8, iml__xxh3(out, 40));
}

bool iml__record_decode(const uint8_t in[IML__RECORD], struct iml__record *r)
{
    if (get(in, 2) != MAGIC || in[3] != 0 || in[2] < IML__REC_BEGIN || in[2] > IML__REC_END)
        return false;
    if (get(in + 40, 8) != iml__xxh3(in, 40)) return false;
    *r = (struct iml__record){(enum iml__rec)in[2],     (uint32_t)get(in + 4, 4),
                              (uint32_t)get(in + 8, 4), (uint32_t)get(in + 12, 4),
                              get(in + 16, 8),          get(in + 24, 8),
                              get(in + 32, 8)};
    return true;
}

iml_status iml__journal_parse(const uint8_t *p, size_t n, struct iml__record **rec, size_t *count,
                              uint64_t *good, iml_err *e)
{
    size_t max = n / IML__RECORD, k = 0;
    struct iml__record *r = iml__calloc(max, sizeof *r);
    *rec = r, *count = 0, *good = 0;
    if (!r) return IML_FAIL(e, IML_ENOMEM, "no memory to read a journal of %zu records", max);
    bool begun = false;
    uint32_t run = 0;
    for (; k < max && iml__record_decode(p + k * IML__RECORD, &r[k]); k++) {
        if (r[k].type == IML__REC_BEGIN) {
            begun = true, run = (uint32_t)r[k].bytes;
        }
        if (!begun || r[k].run != run) break;
    }
    *count = k, *good = (uint64_t)k * IML__RECORD;
    return IML_OK;
}

// ---- The own journal

iml_status iml__journal_open(struct iml__journal *j, struct iml__dirs *d, const char *node,
                             iml_err *e)
{
    struct iml__dir use;
    const char *leaf;
    struct stat st;
    *j = (struct iml__journal){.dirs = d, .fd = -1};
    (void)snprintf(j->name, sizeof j->name, ".imloom/journal.%s", node);
    IML_TRY(iml__dirs_get(d, j->name, true, &use, &leaf, e));
    // O_APPEND: a signal handler may write a record by write(2) alone.
    j->fd = iml__openat(use.fd, leaf, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0666);
    int sys = errno;
    iml__dirs_put_changed(d, &use); // it may be new
    if (j->fd < 0) return iml__sink_error(e, sys, "open", iml__dirs_root(d), j->name);
    if (iml__flock(j->fd, LOCK_EX | LOCK_NB) < 0 && errno != ENOTSUP && errno != ENOSYS &&
        errno != ENOLCK && errno != EINVAL) { // some network mounts know no locks
        sys = errno;
        iml__close(&j->fd);
        if (sys == EWOULDBLOCK)
            return IML_FAIL(e, IML_EARG,
                            "another run is writing to %.120s; wait for it or choose another "
                            "output directory",
                            iml__dirs_root(d));
        return iml__sink_error(e, sys, "lock", iml__dirs_root(d), j->name);
    }
    if (iml__fstat(j->fd, &st) < 0) {
        sys = errno;
        iml__close(&j->fd);
        return iml__sink_error(e, sys, "read", iml__dirs_root(d), j->name);
    }
    if (!S_ISREG(st.st_mode)) {
        iml__close(&j->fd);
        return IML_FAIL(e, IML_ESINK, "%.120s/%s is no regular file; remove it", iml__dirs_root(d),
                        j->name);
    }
    j->size = (uint64_t)st.st_size;
    return IML_OK;
}

iml_status iml__journal_cut(struct iml__journal *j, uint64_t size, iml_err *e)
{
    if (size == j->size) return IML_OK;
    if (iml__ftruncate(j->fd, size) < 0)
        return iml__sink_error(e, errno, "cut", iml__dirs_root(j->dirs), j->name);
    j->size = size;
    return IML_OK;
}

iml_status iml__journal_append(struct iml__journal *j, const struct iml__record *r, size_t n,
                               iml_err *e)
{
    uint8_t b[BATCH_RECORDS * IML__RECORD];
    uint64_t size = j->size;
    for (size_t done = 0; done < n;) {
        size_t k = IML_MIN(n - done, (size_t)BATCH_RECORDS);
        for (size_t i = 0; i < k; i++) iml__record_encode(b + i * IML__RECORD, &r[done + i]);
        if (iml__write_all(j->fd, b, k * IML__RECORD) < 0) {
            int sys = errno;
            (void)iml__ftruncate(j->fd, j->size); // else the reader cuts it
            return iml__sink_error(e, sys, "write", iml__dirs_root(j->dirs), j->name);
        }
        done += k, size += k * IML__RECORD;
    }
    j->size = size;
    return IML_OK;
}

iml_status iml__journal_sync(struct iml__journal *j, iml_err *e)
{
    if (iml__fdatasync(j->fd) == 0) return IML_OK;
    return iml__sink_error(e, errno, "sync", iml__dirs_root(j->dirs), j->name);
}

void iml__journal_close(struct iml__journal *j) { iml__close(&j->fd); }

uint64_t iml__boot_hash(void)
{
    char text[64];
    int fd = iml__openat(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY, 0);
    ssize_t n = fd < 0 ? -1 : iml__read_all(fd, text, sizeof text);
    iml__close(&fd);
    return n > 0 ? iml__xxh3(text, (size_t)n) : 0;
}
