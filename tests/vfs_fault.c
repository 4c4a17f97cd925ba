// vfs_fault.c: see vfs_fault.h. Only calls that a mode can hit are counted, so that n has no gaps.
#include "tests/vfs_fault.h"

#include <linux/openat2.h>
#include <stdatomic.h>

static enum fault_mode mode;
static uint64_t at;
static bool always, struck;
static _Atomic uint64_t count;

enum kind { LOOKS, MAKES, TRANSFERS_IN, TRANSFERS_OUT };

// 0: the call goes through; -1: it fails with errno; 1: it moves one byte.
static int strike(enum kind k)
{
    bool makes = k == MAKES || k == TRANSFERS_OUT, moves = k == TRANSFERS_IN || k == TRANSFERS_OUT;
    if ((mode == FAULT_ENOSPC || mode == FAULT_EROFS) && !makes) return 0;
    if (mode == FAULT_SHORT && !moves) return 0;
    uint64_t c = ++count;
    bool hit = at && (c == at || (always && c > at && (mode != FAULT_EINTR || (c - at) % 2 == 0)));
    if (!hit || mode == FAULT_NONE) return 0;
    struck = true;
    if (mode == FAULT_SHORT) return 1;
    errno = mode == FAULT_EIO      ? EIO
            : mode == FAULT_ENOSPC ? ENOSPC
            : mode == FAULT_EROFS  ? EROFS
                                   : EINTR;
    return -1;
}

static int f_openat(int d, const char *p, int flags, mode_t m)
{
    return strike(flags & (O_CREAT | O_TMPFILE) & ~O_DIRECTORY ? MAKES : LOOKS)
               ? -1
               : iml__vfs_posix.openat(d, p, flags, m);
}
static int f_openat2(int d, const char *p, const struct open_how *how, size_t n)
{
    return strike(LOOKS) ? -1 : iml__vfs_posix.openat2(d, p, how, n);
}
static ssize_t f_read(int fd, void *p, size_t n)
{
    int s = strike(TRANSFERS_IN);
    return s < 0 ? -1 : iml__vfs_posix.read(fd, p, s && n ? 1 : n);
}
static ssize_t f_pread(int fd, void *p, size_t n, off_t o)
{
    int s = strike(TRANSFERS_IN);
    return s < 0 ? -1 : iml__vfs_posix.pread(fd, p, s && n ? 1 : n, o);
}
static ssize_t f_write(int fd, const void *p, size_t n)
{
    int s = strike(TRANSFERS_OUT);
    if (s < 0 && n > 1 && errno == ENOSPC && count == at)
        (void)!iml__vfs_posix.write(fd, p, n / 2), errno = ENOSPC;
    return s < 0 ? -1 : iml__vfs_posix.write(fd, p, s && n ? 1 : n);
}
static ssize_t f_pwrite(int fd, const void *p, size_t n, off_t o)
{
    int s = strike(TRANSFERS_OUT);
    return s < 0 ? -1 : iml__vfs_posix.pwrite(fd, p, s && n ? 1 : n, o);
}
static ssize_t f_writev(int fd, const struct iovec *v, int n)
{
    int s = strike(TRANSFERS_OUT);
    if (s > 0 && v->iov_len) return iml__vfs_posix.write(fd, v->iov_base, 1);
    return s < 0 ? -1 : iml__vfs_posix.writev(fd, v, n);
}
static int f_close(int fd)
{
    int s = strike(LOOKS), sys = errno;
    int r = iml__vfs_posix.close(fd); // the descriptor is gone whatever is said
    if (s) errno = sys;
    return s ? -1 : r;
}
static int f_fstat(int fd, struct stat *st)
{
    return strike(LOOKS) ? -1 : iml__vfs_posix.fstat(fd, st);
}
static int f_fstatat(int d, const char *p, struct stat *st, int f)
{
    return strike(LOOKS) ? -1 : iml__vfs_posix.fstatat(d, p, st, f);
}
static int f_renameat(int d, const char *a, int d2, const char *b)
{
    return strike(MAKES) ? -1 : iml__vfs_posix.renameat(d, a, d2, b);
}
static int f_linkat(int d, const char *a, int d2, const char *b, int f)
{
    return strike(MAKES) ? -1 : iml__vfs_posix.linkat(d, a, d2, b, f);
}
static int f_unlinkat(int d, const char *p, int f)
{
    return strike(LOOKS) ? -1 : iml__vfs_posix.unlinkat(d, p, f);
}
static int f_mkdirat(int d, const char *p, mode_t m)
{
    return strike(MAKES) ? -1 : iml__vfs_posix.mkdirat(d, p, m);
}
static int f_ftruncate(int fd, off_t n)
{
    return strike(LOOKS) ? -1 : iml__vfs_posix.ftruncate(fd, n);
}
static int f_fsync(int fd) { return strike(MAKES) ? -1 : iml__vfs_posix.fsync(fd); }
static int f_fdatasync(int fd) { return strike(MAKES) ? -1 : iml__vfs_posix.fdatasync(fd); }
static int f_syncfs(int fd) { return strike(MAKES) ? -1 : iml__vfs_posix.syncfs(fd); }
static int f_flock(int fd, int op) { return strike(LOOKS) ? -1 : iml__vfs_posix.flock(fd, op); }
static ssize_t f_getdents(int fd, void *p, size_t n)
{
    return strike(LOOKS) ? -1 : iml__vfs_posix.getdents(fd, p, n);
}

void fault_begin(enum fault_mode m, uint64_t n, bool forever)
{
    static iml__vfs v;
    v = iml__vfs_posix;
    v.openat = f_openat, v.openat2 = f_openat2, v.close = f_close, v.read = f_read;
    v.pread = f_pread, v.write = f_write, v.pwrite = f_pwrite, v.writev = f_writev;
    v.fstat = f_fstat, v.fstatat = f_fstatat, v.renameat = f_renameat, v.linkat = f_linkat;
    v.unlinkat = f_unlinkat, v.mkdirat = f_mkdirat, v.ftruncate = f_ftruncate, v.fsync = f_fsync;
    v.fdatasync = f_fdatasync, v.syncfs = f_syncfs, v.flock = f_flock, v.getdents = f_getdents;
    mode = m, at = n, always = forever, struck = false, count = 0;
    iml__vfs_swap(&v);
}

uint64_t fault_end(void)
{
    iml__vfs_swap(NULL);
    return count;
}

bool fault_struck(void) { return struck; }

const char *fault_name(enum fault_mode m)
{
    static const char *const names[] = {"none", "EIO", "ENOSPC", "EROFS", "EINTR", "short"};
    return names[m];
}
