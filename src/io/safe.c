// safe.c: opening beneath a root, and what a name may be.
//
// The kernel does the walk where it can (openat2, Linux 5.6: RESOLVE_BENEATH | NO_SYMLINKS |
// NO_MAGICLINKS), because only it can do so without a race; containers whose seccomp filter knows
// no openat2 answer ENOSYS or EPERM and get the walk part by part with O_NOFOLLOW, which opens each
// directory and so cannot be turned aside by a later rename. Rejected: realpath and a prefix test
// (a race between look and use, and wrong under bind mounts).
#include "src/io/safe.h"

#include <linux/openat2.h>
#include <stdatomic.h>
#include <string.h>

#include "src/base/err.h"
#include "src/io/vfs.h"

// Relaxed: settled once; a second thread that asks the kernel too learns the same.
static _Atomic bool no_openat2;

void iml__safe_without_openat2(bool on)
{
    atomic_store_explicit(&no_openat2, on, memory_order_relaxed);
}

const char *iml__name_fault(const char *name, size_t n)
{
    if (n == 0) return "it is empty";
    if (n > IML__NAME_MAX) return "it is longer than 4,095 bytes";
    if (name[0] == '/') return "it is absolute";
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F) return "it holds a control byte";
    for (size_t from = 0; from <= n;) {
        const char *slash = memchr(name + from, '/', n - from);
        size_t len = slash ? (size_t)(slash - name) - from : n - from;
        if (len == 0) return "it has an empty part";
        if (len > 255) return "a part of it is longer than 255 bytes";
        if (name[from] == '.' && (len == 1 || (len == 2 && name[from + 1] == '.')))
            return len == 2 ? "it leads out of the directory" : "it has a part \".\"";
        from += len + 1;
    }
    return NULL;
}

iml_status iml__name_check(const char *name, iml_err *e)
{
    const char *fault = iml__name_fault(name, strlen(name));
    if (!fault && strncmp(name, ".imloom", 7) == 0 && (!name[7] || name[7] == '/'))
        fault = "the directory .imloom belongs to the engine";
    if (!fault) return IML_OK;
    return IML_FAIL(e, IML_EINPUT, "\"%.120s\" cannot name a file of the data set: %s", name,
                    fault);
}

static int open_by_parts(int dir, const char *name, int flags, mode_t mode)
{
    int at = dir;
    for (;;) {
        char part[256];
        const char *slash = strchr(name, '/');
        if (!slash) break;
        size_t n = (size_t)(slash - name);
        memcpy(part, name, n);
        part[n] = 0;
        int next = iml__openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
        int sys = errno;
        if (at != dir) iml__close(&at);
        if (next < 0) return errno = sys, -1;
        at = next, name = slash + 1;
    }
    int fd = iml__openat(at, name, flags | O_NOFOLLOW, mode);
    int sys = errno;
    if (at != dir) iml__close(&at);
    return errno = sys, fd;
}

int iml__open_beneath(int dir, const char *name, int flags, unsigned mode)
{
    const char *fault = iml__name_fault(name, strlen(name));
    if (fault) return errno = strstr(fault, "leads out") || name[0] == '/' ? EXDEV : EINVAL, -1;
    if (!atomic_load_explicit(&no_openat2, memory_order_relaxed)) {
        struct open_how how = {
            .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
            .mode = (flags & (O_CREAT | __O_TMPFILE)) ? mode : 0,
            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        for (int tries = 0; tries < 8; tries++) {
            int fd = iml__openat2(dir, name, &how);
            if (fd >= 0) return fd;
            if (errno != EAGAIN) break; // EAGAIN: a rename raced with the walk; ask again
        }
        if (errno != ENOSYS && errno != EPERM && errno != E2BIG && errno != EAGAIN) return -1;
        if (errno == ENOSYS) atomic_store_explicit(&no_openat2, true, memory_order_relaxed);
    }
    return open_by_parts(dir, name, flags, mode);
}
