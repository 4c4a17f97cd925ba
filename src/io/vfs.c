// vfs.c: the posix table, and the helpers that make a call whole.
//
// The table in use is the process's own state, the second exception to "no hidden globals" beside
// mem.c: a file call deep in a library has no context to ask, and only tests ever change it.
// Rejected: io_uring (linked open/write/close costs 2.5 times the CPU of the plain calls here) and
// LD_PRELOAD fault injection (libfiu does not wrap openat and renameat, which is all we use).
#include "src/io/vfs.h"

#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "src/base/arena.h"
#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/mem.h"

static int posix_openat(int dir, const char *path, int flags, mode_t mode)
{
    return openat(dir, path, flags, mode);
}

static int posix_openat2(int dir, const char *path, const struct open_how *how, size_t size)
{
    return (int)syscall(SYS_openat2, dir, path, how, size);
}

static ssize_t posix_getdents(int fd, void *p, size_t n) { return getdents64(fd, p, n); }

static int posix_fadvise_(int fd, off_t at, off_t n, int advice)
{
    int r = posix_fadvise(fd, at, n, advice); // returns the error instead of setting errno
    if (r) errno = r;
    return r ? -1 : 0;
}

const iml__vfs iml__vfs_posix = {
    .openat = posix_openat,
    .openat2 = posix_openat2,
    .close = close,
    .read = read,
    .pread = pread,
    .write = write,
    .pwrite = pwrite,
    .writev = writev,
    .fstat = fstat,
    .fstatat = fstatat,
    .fstatfs = fstatfs,
    .readlinkat = readlinkat,
    .renameat = renameat,
    .linkat = linkat,
    .symlinkat = symlinkat,
    .faccessat = faccessat,
    .unlinkat = unlinkat,
    .mkdirat = mkdirat,
    .ftruncate = ftruncate,
    .fsync = fsync,
    .fdatasync = fdatasync,
    .syncfs = syncfs,
    .flock = flock,
    .getdents = posix_getdents,
    .fadvise = posix_fadvise_,
};

// Relaxed: swapped only while no other thread makes file calls.
static _Atomic(const iml__vfs *) table = &iml__vfs_posix;

static const iml__vfs *vfs(void) { return atomic_load_explicit(&table, memory_order_relaxed); }

const iml__vfs *iml__vfs_swap(const iml__vfs *v)
{
    const iml__vfs *old = vfs();
    atomic_store_explicit(&table, v ? v : &iml__vfs_posix, memory_order_relaxed);
    return old;
}

#define RETRY(type, call)                                                                          \
    do {                                                                                           \
        type r_;                                                                                   \
        do r_ = (call);                                                                            \
        while (r_ < 0 && errno == EINTR);                                                          \
        return r_;                                                                                 \
    } while (0)

int iml__openat(int dir, const char *path, int flags, mode_t mode)
{
    RETRY(int, vfs()->openat(dir, path, flags | O_CLOEXEC, mode));
}

int iml__openat2(int dir, const char *path, const struct open_how *how)
{
    RETRY(int, vfs()->openat2(dir, path, how, sizeof *how));
}

int iml__close(int *fd)
{
    int f = *fd;
    *fd = -1;
    if (f < 0) return 0;
    int r = vfs()->close(f);
    return r < 0 && errno == EINTR ? 0 : r;
}

int iml__fstat(int fd, struct stat *st) { RETRY(int, vfs()->fstat(fd, st)); }

int iml__fstatat(int dir, const char *path, struct stat *st, int flags)
{
    RETRY(int, vfs()->fstatat(dir, path, st, flags));
}

int iml__fstatfs(int fd, struct statfs *st) { RETRY(int, vfs()->fstatfs(fd, st)); }

ssize_t iml__readlinkat(int dir, const char *path, char *text, size_t cap)
{
    RETRY(ssize_t, vfs()->readlinkat(dir, path, text, cap));
}

int iml__renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    RETRY(int, vfs()->renameat(from_dir, from, to_dir, to));
}

int iml__linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    RETRY(int, vfs()->linkat(from_dir, from, to_dir, to, flags));
}

int iml__symlinkat(const char *text, int dir, const char *path)
{
    RETRY(int, vfs()->symlinkat(text, dir, path));
}

int iml__may_write(const char *dir)
{
    RETRY(int, vfs()->faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS));
}

int iml__unlinkat(int dir, const char *path, int flags)
{
    RETRY(int, vfs()->unlinkat(dir, path, flags));
}

int iml__mkdirat(int dir, const char *path, mode_t mode)
{
    RETRY(int, vfs()->mkdirat(dir, path, mode));
}

int iml__ftruncate(int fd, uint64_t n)
{
    if (n > INT64_MAX) return errno = EFBIG, -1;
    RETRY(int, vfs()->ftruncate(fd, (off_t)n));
}

static int synced(int r) { return r < 0 && (errno == EINVAL || errno == ENOTSUP) ? 0 : r; }

// A sync that was interrupted has not reported its errors yet, so asking again is right; one that
// failed is final (the kernel has dropped the pages), and no caller may retry it.
int iml__fsync(int fd)
{
    int r;
    do r = vfs()->fsync(fd);
    while (r < 0 && errno == EINTR);
    return synced(r);
}

int iml__fdatasync(int fd)
{
    int r;
    do r = vfs()->fdatasync(fd);
    while (r < 0 && errno == EINTR);
    return synced(r);
}

int iml__syncfs(int fd) { RETRY(int, vfs()->syncfs(fd)); }
int iml__flock(int fd, int op) { RETRY(int, vfs()->flock(fd, op)); }
ssize_t iml__getdents(int fd, void *p, size_t n) { RETRY(ssize_t, vfs()->getdents(fd, p, n)); }

int iml__fadvise(int fd, uint64_t at, uint64_t n, int advice)
{
    return vfs()->fadvise(fd, (off_t)at, (off_t)n, advice);
}

// ---- Whole transfers

ssize_t iml__read_all(int fd, void *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t r = vfs()->read(fd, (char *)p + done, n - done);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return -1;
        if (r == 0) break;
        done += (size_t)r;
    }
    return (ssize_t)done;
}

ssize_t iml__pread_all(int fd, void *p, size_t n, uint64_t at)
{
    size_t done = 0;
    while (done < n) {
        ssize_t r = vfs()->pread(fd, (char *)p + done, n - done, (off_t)(at + done));
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return -1;
        if (r == 0) break;
        done += (size_t)r;
    }
    return (ssize_t)done;
}

int iml__write_all(int fd, const void *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t r = vfs()->write(fd, (const char *)p + done, n - done);
        if (r < 0 && errno == EINTR) continue;
        if (r == 0) errno = EIO; // would loop for ever
        if (r <= 0) return -1;
        done += (size_t)r;
    }
    return 0;
}

int iml__pwrite_all(int fd, const void *p, size_t n, uint64_t at)
{
    size_t done = 0;
    while (done < n) {
        ssize_t r = vfs()->pwrite(fd, (const char *)p + done, n - done, (off_t)(at + done));
        if (r < 0 && errno == EINTR) continue;
        if (r == 0) errno = EIO;
        if (r <= 0) return -1;
        done += (size_t)r;
    }
    return 0;
}

int iml__writev_all(int fd, struct iovec *iov, int n)
{
    enum { BATCH = 64 }; // below every system's IOV_MAX
    while (n > 0) {
        if (iov->iov_len == 0) {
            iov++, n--;
            continue;
        }
        ssize_t r = vfs()->writev(fd, iov, IML_MIN(n, BATCH));
        if (r < 0 && errno == EINTR) continue;
        if (r == 0) errno = EIO;
        if (r <= 0) return -1;
        for (size_t left = (size_t)r; left;) {
            size_t k = IML_MIN(left, iov->iov_len);
            iov->iov_base = (char *)iov->iov_base + k, iov->iov_len -= k, left -= k;
            if (iov->iov_len == 0) iov++, n--;
        }
    }
    return 0;
}

// ---- Whole files

iml_status iml__input_status(int sys)
{
    switch (sys) {
    case EAGAIN:
    case ESTALE:
    case ETIMEDOUT:
    case EMFILE:
    case ENFILE:
    case ENOBUFS: return IML_EAGAIN;
    case ENOMEM: return IML_ENOMEM;
    default: return IML_EINPUT;
    }
}

iml_status iml__file_open(int dir, const char *path, int *fd, uint64_t *size, iml_err *e)
{
    struct stat st;
    *fd = -1;
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    int f = iml__openat(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (f < 0 || iml__fstat(f, &st) < 0) {
        int sys = errno;
        iml__close(&f);
        return IML_FAIL_SYS(e, iml__input_status(sys), sys, "cannot open %s%s", path,
                            *path ? "" : "a file without a name");
    }
    if (!S_ISREG(st.st_mode)) {
        iml__close(&f);
        return IML_FAIL(e, IML_EINPUT, "cannot read %s: it is not a regular file", path);
    }
    *fd = f, *size = (uint64_t)st.st_size;
    return IML_OK;
}

static iml_status too_big(const char *path, uint64_t limit, iml_err *e)
{
    return IML_FAIL(e, IML_ELIMIT, "%s is larger than the limit of %llu bytes", path,
                    (unsigned long long)limit);
}

// Opens path and gives the size to read; the reader takes what is there, if it shrank meanwhile.
static iml_status open_within(int dir, const char *path, uint64_t limit, int *fd, size_t *size,
                              iml_err *e)
{
    uint64_t n;
    IML_TRY(iml__file_open(dir, path, fd, &n, e));
    if (n > limit || n > SIZE_MAX / 2) {
        iml__close(fd);
        return too_big(path, limit, e);
    }
    *size = (size_t)n;
    return IML_OK;
}

static iml_status read_body(int *fd, const char *path, void *p, size_t *n, iml_err *e)
{
    ssize_t r = iml__read_all(*fd, p, *n);
    int sys = errno;
    iml__close(fd);
    if (r < 0) return IML_FAIL_SYS(e, iml__input_status(sys), sys, "cannot read %s", path);
    *n = (size_t)r;
    return IML_OK;
}

iml_status iml__file_read(int dir, const char *path, uint64_t limit, iml_buf **out, iml_err *e)
{
    int fd;
    size_t n;
    *out = NULL;
    IML_TRY(open_within(dir, path, limit, &fd, &n, e));
    iml_buf *b = iml__buf_heap(n);
    if (!b) {
        iml__close(&fd);
        return IML_FAIL(e, IML_ENOMEM, "no memory to read %s (%zu bytes)", path, n);
    }
    iml_status st = read_body(&fd, path, iml_buf_data(b), &n, e);
    if (st) iml_buf_unref(&b);
    if (b) iml_buf_set_size(b, n);
    *out = b;
    return st;
}

iml_status iml__file_read_arena(int dir, const char *path, uint64_t limit, iml_arena *a,
                                uint8_t **p, size_t *n, iml_err *e)
{
    int fd;
    *p = NULL, *n = 0;
    size_t size;
    IML_TRY(open_within(dir, path, limit, &fd, &size, e));
    uint8_t *b = iml_arena_alloc(a, size + 1);
    if (!b) {
        iml__close(&fd);
        return IML_FAIL(e, IML_ENOMEM, "no memory to read %s (%zu bytes)", path, size);
    }
    IML_TRY(read_body(&fd, path, b, &size, e));
    b[size] = 0;
    *p = b, *n = size;
    return IML_OK;
}

iml_status iml__file_read_heap(int dir, const char *path, uint64_t limit, char **p, size_t *n,
                               iml_err *e)
{
    int fd;
    *p = NULL, *n = 0;
    size_t size;
    IML_TRY(open_within(dir, path, limit, &fd, &size, e));
    char *b = iml__alloc(size + 1);
    if (!b) {
        iml__close(&fd);
        return IML_FAIL(e, IML_ENOMEM, "no memory to read %s (%zu bytes)", path, size);
    }
    iml_status st = read_body(&fd, path, b, &size, e);
    if (st) {
        IML_FREE(b);
        return st;
    }
    b[size] = 0;
    *p = b, *n = size;
    return IML_OK;
}

bool iml__fs_is_network(int fd)
{
    // Magic numbers of statfs(2) and of the file systems' own sources.
    static const uint32_t network[] = {
        0x6969,     0x0BD00BD0, 0x47504653, 0xFF534D42, 0xFE534D42, 0x517B,
        0x01021997, 0x65735546, 0x5346414F, 0x00C36400, 0x19830326, 0x013111A8,
    };
    struct statfs st;
    if (iml__fstatfs(fd, &st) < 0) return false;
    for (size_t i = 0; i < IML_COUNT_OF(network); i++)
        if ((uint32_t)st.f_type == network[i]) return true;
    return false;
}
