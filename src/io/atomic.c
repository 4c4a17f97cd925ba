// atomic.c: temporary names, renames, cached directories, and the sentence for a full disk.
//
// Invariants: a name that a reader can see is only ever made by a rename of a file that was written
// to its end; no path component that is a symbolic link is followed; a descriptor in use is never
// closed by the cache; a failed fsync is reported by the sync that follows and never retried (Linux
// drops the dirty pages and says so once). Rejected: O_TMPFILE + linkat for named files (the same
// price as a rename, and it cannot replace a file); one descriptor per file kept until the commit
// (a batch of 10,000 would need as many).
#include "src/io/atomic.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/str.h"
#include "src/io/safe.h"
#include "src/io/vfs.h"

enum { CACHED = 64 };

struct entry {
    char *path; // relative to the root; "" is the root itself
    int fd;
    uint32_t uses;
    uint64_t last; // tick of the last use
    bool changed;  // names came or went since the last sync
};

struct iml__dirs {
    char *root;
    int fd;
    pthread_mutex_t lock; // guards all below
    struct entry *entry;
    uint32_t n, cap, recent; // recent: place of the last use
    uint64_t tick;
    bool root_changed, durable;
    int sync_failed; // errno of an fsync at an eviction, until iml__dirs_sync tells it
};

// ---- The sentence

static const char *advice(int sys)
{
    switch (sys) {
    case ENOSPC:
    case EDQUOT: return "free some space and run the same command again, it goes on from here";
    case EROFS: return "the file system is read-only, choose another output directory";
    case EACCES:
    case EPERM: return "check the permissions of the directory";
    case EMFILE:
    case ENFILE: return "raise the limit of open files (ulimit -n) and run again";
    case ENAMETOOLONG: return "choose a shorter output directory";
    case ELOOP:
    case ENOTDIR: return "a part of the path is a link or a file, remove it";
    case ENOENT: return "choose another output directory";
    case ENOMEM: return "lower --memory or --workers and run again, it goes on from here";
    case EFBIG: return "the file system takes no larger files, choose smaller shards";
    case EISDIR:
    case ENOTEMPTY:
    case EEXIST: return "something else has that name: move it away and run the same command again";
    default: return "check the disk or network share and run the same command again";
    }
}

iml_status iml__sink_error_set(iml_err *e, int sys, const char *verb, const char *root,
                               const char *name)
{
    char path[100];
    size_t a = root ? strlen(root) : 0, b = strlen(name);
    const char *slash = a && b ? "/" : "";
    if (a + b + 1 < sizeof path)
        (void)snprintf(path, sizeof path, "%s%s%s", root ? root : "", slash, name);
    else // the end of a path tells more than its beginning
        (void)snprintf(path, sizeof path, "...%s", b > 95 ? name + b - 95 : name);
    iml_status st = IML_FAIL(e, IML_ESINK, "cannot %s %s: %s; %s", verb, path, iml__errno_text(sys),
                             advice(sys));
    if (e) e->sys = sys;
    return st;
}

// ---- Directories

// Makes path and its parents; what exists is fine.
static int make_dirs(int dir, const char *path)
{
    char part[IML__NAME_MAX + 1];
    size_t n = strlen(path);
    if (n >= sizeof part) return errno = ENAMETOOLONG, -1;
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i]) continue;
        char c = part[i];
        part[i] = 0;
        if (iml__mkdirat(dir, part, 0777) < 0 && errno != EEXIST) return -1;
        part[i] = c;
    }
    return 0;
}

iml_status iml__dirs_open(struct iml__dirs **out, const char *root, iml_err *e)
{
    struct iml__dirs *d = iml__calloc(1, sizeof *d);
    *out = NULL;
    if (!d || !(d->root = iml__strdup(root))) {
        IML_FREE(d);
        return iml__sink_error(e, ENOMEM, "open", NULL, root);
    }
    size_t n = strlen(d->root);
    while (n > 1 && d->root[n - 1] == '/') d->root[--n] = 0;
    d->fd = -1;
    if (pthread_mutex_init(&d->lock, NULL)) {
        IML_FREE(d->root);
        IML_FREE(d);
        return iml__sink_error(e, ENOMEM, "open", NULL, root);
    }
    d->fd = iml__openat(AT_FDCWD, d->root, O_RDONLY | O_DIRECTORY, 0);
    if (d->fd < 0 && errno == ENOENT && make_dirs(AT_FDCWD, d->root) == 0)
        d->fd = iml__openat(AT_FDCWD, d->root, O_RDONLY | O_DIRECTORY, 0);
    if (d->fd < 0) {
        int sys = errno;
        iml__dirs_close(&d);
        return iml__sink_error(e, sys, "open the directory", NULL, root);
    }
    *out = d;
    return IML_OK;
}

void iml__dirs_close(struct iml__dirs **out)
{
    struct iml__dirs *d = *out;
    *out = NULL;
    if (!d) return;
    for (uint32_t i = 0; i < d->n; i++) {
        iml__close(&d->entry[i].fd);
        IML_FREE(d->entry[i].path);
    }
    IML_FREE(d->entry);
    iml__close(&d->fd);
    pthread_mutex_destroy(&d->lock);
    IML_FREE(d->root);
    IML_FREE(d);
}

void iml__dirs_durable(struct iml__dirs *d, bool on) { d->durable = on; }
int iml__dirs_root_fd(const struct iml__dirs *d) { return d->fd; }
const char *iml__dirs_root(const struct iml__dirs *d) { return d->root; }

// With d->lock held. The least recently used entry that nobody uses; NULL: there is none.
static struct entry *evictable(struct iml__dirs *d)
{
    struct entry *best = NULL;
    for (uint32_t i = 0; i < d->n; i++)
        if (!d->entry[i].uses && (!best || d->entry[i].last < best->last)) best = &d->entry[i];
    return best;
}

// With d->lock held. A free place for a directory, found or made; NULL: no memory. Places keep
// their number, since a use refers to them by it; so the array only grows.
static struct entry *place(struct iml__dirs *d)
{
    struct entry *old = d->n >= CACHED ? evictable(d) : NULL;
    if (old) {
        if (old->path && old->changed && iml__fsync(old->fd) < 0) d->sync_failed = errno;
        iml__close(&old->fd);
        IML_FREE(old->path);
        *old = (struct entry){.fd = -1};
        return old;
    }
    if (d->n == d->cap) {
        uint32_t cap = d->cap ? d->cap * 2 : 16;
        struct entry *grown = iml__realloc(d->entry, cap, sizeof *grown);
        if (!grown) return NULL;
        d->entry = grown, d->cap = cap;
    }
    IML_ASSUME(d->entry);
    d->entry[d->n] = (struct entry){.fd = -1};
    return &d->entry[d->n++];
}

// With d->lock held. Makes path and its parents below the root, through no symbolic link: each
// parent is opened beneath the root before its child is made in it.
static int make_beneath(struct iml__dirs *d, const char *path)
{
    char part[IML__NAME_MAX + 1];
    size_t n = strlen(path), from = 0;
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i]) continue;
        char c = part[i];
        part[i] = 0;
        int parent = d->fd;
        if (from) {
            part[from - 1] = 0;
            parent = iml__open_beneath(d->fd, part, O_RDONLY | O_DIRECTORY, 0);
            part[from - 1] = '/';
        }
        if (parent < 0) return -1;
        int r = iml__mkdirat(parent, part + from, 0777);
        if (r == 0 && d->durable) r = iml__fsync(parent);
        if (r < 0 && errno == EEXIST) r = 0;
        int sys = errno;
        if (from) iml__close(&parent);
        if (r < 0) return errno = sys, -1;
        part[i] = c, from = i + 1;
    }
    return 0;
}

// With d->lock held. Opens (and makes) the directory path, part by part.
static int open_dir(struct iml__dirs *d, const char *path, bool make)
{
    const int flags = O_RDONLY | O_DIRECTORY;
    int fd = iml__open_beneath(d->fd, path, flags, 0);
    if (fd >= 0 || errno != ENOENT || !make) return fd;
    if (make_beneath(d, path) < 0) return -1;
    return iml__open_beneath(d->fd, path, flags, 0);
}

iml_status iml__dirs_get(struct iml__dirs *d, const char *name, bool make, struct iml__dir *out,
                         const char **leaf, iml_err *e)
{
    char path[IML__NAME_MAX + 1];
    const char *slash = strrchr(name, '/');
    size_t n = slash ? (size_t)(slash - name) : 0;
    *leaf = slash ? slash + 1 : name;
    *out = (struct iml__dir){.fd = d->fd, .entry = NULL};
    if (!n) return IML_OK;
    if (n >= sizeof path) return iml__sink_error(e, ENAMETOOLONG, "open", d->root, name);
    memcpy(path, name, n);
    path[n] = 0;
    int sys = 0;
    pthread_mutex_lock(&d->lock);
    IML_ASSUME(d->entry || (!d->n && !d->cap));
    struct entry *en = d->recent < d->n ? &d->entry[d->recent] : NULL; // neighbours come in order
    if (en && (!en->path || strcmp(en->path, path) != 0)) en = NULL;
    for (uint32_t i = 0; i < d->n && !en; i++)
        if (d->entry[i].path && strcmp(d->entry[i].path, path) == 0) en = &d->entry[i];
    if (!en) {
        int fd = open_dir(d, path, make);
        sys = fd < 0 ? errno : 0;
        char *copy = fd < 0 ? NULL : iml__strdup(path);
        en = copy ? place(d) : NULL;
        if (en) {
            en->fd = fd, en->path = copy;
        } else if (fd >= 0) {
            IML_FREE(copy);
            iml__close(&fd);
            sys = ENOMEM;
        }
    }
    if (en) {
        en->uses++, en->last = ++d->tick, d->recent = (uint32_t)(en - d->entry);
        out->fd = en->fd, out->entry = (void *)(uintptr_t)(en - d->entry + 1);
    }
    pthread_mutex_unlock(&d->lock);
    if (!sys) return IML_OK;
    if (sys == ENOENT && !make)
        return IML_FAIL_SYS(e, IML_EINPUT, sys, "cannot open the directory of %s/%s", d->root,
                            name);
    return iml__sink_error(e, sys, "open the directory of", d->root, name);
}

static void put(struct iml__dirs *d, struct iml__dir *use, bool changed)
{
    pthread_mutex_lock(&d->lock);
    if (use->entry) {
        struct entry *en = &d->entry[(uintptr_t)use->entry - 1];
        en->uses--;
        en->changed |= changed;
    } else {
        d->root_changed |= changed;
    }
    pthread_mutex_unlock(&d->lock);
    use->entry = NULL, use->fd = -1;
}

void iml__dirs_put(struct iml__dirs *d, struct iml__dir *use) { put(d, use, false); }

void iml__dirs_put_changed(struct iml__dirs *d, struct iml__dir *use) { put(d, use, true); }

void iml__dirs_forget(struct iml__dirs *d)
{
    pthread_mutex_lock(&d->lock);
    for (uint32_t i = 0; i < d->n; i++) {
        if (d->entry[i].uses || !d->entry[i].path) continue;
        iml__close(&d->entry[i].fd);
        IML_FREE(d->entry[i].path);
        d->entry[i].changed = false; // what is gone needs no sync, its parent does
        d->entry[i].last = 0;
    }
    d->root_changed = true;
    pthread_mutex_unlock(&d->lock);
}

iml_status iml__dirs_sync(struct iml__dirs *d, iml_err *e)
{
    int sys = 0;
    pthread_mutex_lock(&d->lock);
    sys = d->sync_failed;
    const char *where = "";
    for (uint32_t i = 0; i < d->n && !sys; i++) {
        struct entry *en = &d->entry[i];
        if (!en->changed) continue;
        if (iml__fsync(en->fd) < 0) sys = errno, where = en->path;
        en->changed = false;
    }
    if (!sys && d->root_changed && iml__fsync(d->fd) < 0) sys = errno;
    d->root_changed = false;
    char name[200];
    (void)snprintf(name, sizeof name, "%.190s", where);
    pthread_mutex_unlock(&d->lock);
    return sys ? iml__sink_error(e, sys, "sync the directory", d->root, name) : IML_OK;
}

// ---- Temporary files

void iml__tmp_name(char out[IML__TMP_CAP], const char *leaf, const char *node)
{
    int n = snprintf(out, IML__TMP_CAP, ".%s.%s.tmp", leaf, node);
    if (n > 0 && n < IML__TMP_CAP) return;
    char hex[17];
    iml__hex64(hex, iml__xxh3_text(leaf));
    (void)snprintf(out, IML__TMP_CAP, ".%s.%.100s.tmp", hex, node);
}

bool iml__tmp_is(const char *leaf, const char *node)
{
    size_t n = strlen(leaf);
    if (n < 7 || leaf[0] != '.' || strcmp(leaf + n - 4, ".tmp") != 0) return false;
    size_t k = 0; // length of the node's name
    while (k < n - 5 && leaf[n - 5 - k] != '.') k++;
    if (k == 0 || n - 5 - k < 2) return false; // ".": neither a name nor a node before ".tmp"
    return !node || (strlen(node) == k && memcmp(leaf + n - 4 - k, node, k) == 0);
}

iml_status iml__tmp_create(struct iml__dirs *d, const char *name, const char *node, int *fd,
                           iml_err *e)
{
    struct iml__dir use;
    const char *leaf;
    char tmp[IML__TMP_CAP];
    *fd = -1;
    IML_TRY(iml__dirs_get(d, name, true, &use, &leaf, e));
    iml__tmp_name(tmp, leaf, node);
    const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    *fd = iml__openat(use.fd, tmp, flags, 0666);
    if (*fd < 0 && errno == EEXIST && iml__unlinkat(use.fd, tmp, 0) == 0)
        *fd = iml__openat(use.fd, tmp, flags, 0666);
    int sys = errno;
    iml__dirs_put(d, &use);
    return *fd < 0 ? iml__sink_error(e, sys, "create", d->root, name) : IML_OK;
}

iml_status iml__tmp_rename(struct iml__dirs *d, const char *name, const char *node, iml_err *e)
{
    struct iml__dir use;
    const char *leaf;
    char tmp[IML__TMP_CAP];
    IML_TRY(iml__dirs_get(d, name, true, &use, &leaf, e));
    iml__tmp_name(tmp, leaf, node);
    int r = iml__renameat(use.fd, tmp, use.fd, leaf), sys = errno;
    put(d, &use, true);
    return r < 0 ? iml__sink_error(e, sys, "rename a finished file to", d->root, name) : IML_OK;
}

void iml__tmp_remove(struct iml__dirs *d, const char *name, const char *node)
{
    struct iml__dir use;
    const char *leaf;
    char tmp[IML__TMP_CAP];
    if (iml__dirs_get(d, name, false, &use, &leaf, NULL)) return;
    iml__tmp_name(tmp, leaf, node);
    (void)iml__unlinkat(use.fd, tmp, 0); // what stays is removed by the next run
    iml__dirs_put(d, &use);
}

iml_status iml__dirs_unlink(struct iml__dirs *d, const char *name, iml_err *e)
{
    struct iml__dir use;
    const char *leaf;
    iml_err inner = {0};
    iml_status st = iml__dirs_get(d, name, false, &use, &leaf, &inner);
    if (st == IML_EINPUT) return IML_OK; // no directory, no file
    if (st) {
        if (e) *e = inner;
        return st;
    }
    int r = iml__unlinkat(use.fd, leaf, 0), sys = errno;
    put(d, &use, r == 0);
    if (r == 0 || sys == ENOENT) return IML_OK;
    return iml__sink_error(e, sys, "remove", d->root, name);
}

iml_status iml__tmp_nameless(struct iml__dirs *d, const char *in_dir, int *fd, iml_err *e)
{
    struct iml__dir use;
    const char *leaf;
    char name[IML__NAME_MAX + 1];
    (void)snprintf(name, sizeof name, "%s/spool", in_dir);
    IML_TRY(iml__dirs_get(d, name, true, &use, &leaf, e));
    *fd = iml__openat(use.fd, ".", O_RDWR | O_TMPFILE, 0600);
    for (unsigned k = 0; *fd < 0 && k < 1000; k++) { // file systems without O_TMPFILE
        char tmp[64];
        (void)snprintf(tmp, sizeof tmp, ".spool-%u-%ld.tmp", k, (long)getpid());
        *fd = iml__openat(use.fd, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
        if (*fd >= 0)
            (void)iml__unlinkat(use.fd, tmp, 0);
        else if (errno != EEXIST)
            break;
    }
    int sys = errno;
    iml__dirs_put(d, &use);
    return *fd < 0 ? iml__sink_error(e, sys, "create a temporary file in", d->root, in_dir)
                   : IML_OK;
}

iml_status iml__file_write(struct iml__dirs *d, const char *name, const char *node, const void *p,
                           size_t n, int durability, iml_err *e)
{
    int fd;
    IML_TRY(iml__tmp_create(d, name, node, &fd, e));
    bool bad = iml__write_all(fd, p, n) < 0 ||
               (durability != IML_DURABILITY_PROCESS && iml__fdatasync(fd) < 0);
    int sys = errno;
    if (iml__close(&fd) < 0 && !bad) bad = true, sys = errno;
    if (bad) {
        iml__tmp_remove(d, name, node);
        return iml__sink_error(e, sys, "write", d->root, name);
    }
    iml_status st = iml__tmp_rename(d, name, node, e);
    if (st) iml__tmp_remove(d, name, node);
    if (!st && durability != IML_DURABILITY_PROCESS) st = iml__dirs_sync(d, e);
    return st;
}

iml_status iml__path_behind(const char *path, char out[IML__PATH_CAP], iml_err *e)
{
    struct stat st;
    char full[PATH_MAX];
    size_t n = strlen(path);
    bool link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
    if (link && (!realpath(path, full) || stat(full, &st)))
        return IML_FAIL_SYS(e, IML_EARG, errno, "%s: this link leads nowhere", path);
    if (link) path = full, n = strlen(full);
    if (n >= IML__PATH_CAP) return IML_FAIL(e, IML_EARG, "%.80s...: the path is too long", path);
    memmove(out, path, n + 1);
    if (lstat(path, &st) || S_ISREG(st.st_mode)) return IML_OK;
    return IML_FAIL(e, IML_EARG, "%s is %s and would be replaced; give the name of a file", path,
                    S_ISDIR(st.st_mode)    ? "a directory"
                    : S_ISFIFO(st.st_mode) ? "a pipe"
                    : S_ISSOCK(st.st_mode) ? "a socket"
                                           : "a device");
}

iml_status iml__file_write_path(const char *path, const void *p, size_t n, int durability,
                                iml_err *e)
{
    char dir[IML__NAME_MAX + 1], file[IML__PATH_CAP];
    IML_TRY(iml__path_behind(path, file, e));
    path = file;
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof dir) return iml__sink_error(e, ENAMETOOLONG, "write", NULL, path);
    memcpy(dir, path, len);
    dir[len] = 0;
    if (slash == path) memcpy(dir, "/", 2);
    if (!slash) memcpy(dir, ".", 2);
    struct iml__dirs *d;
    char node[32]; // two programs may write beside each other
    (void)snprintf(node, sizeof node, "p%ld", (long)getpid());
    IML_TRY(iml__dirs_open(&d, dir, e));
    iml_status st = iml__file_write(d, slash ? slash + 1 : path, node, p, n, durability, e);
    iml__dirs_close(&d);
    return st;
}
