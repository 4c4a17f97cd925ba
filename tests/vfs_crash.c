// vfs_crash.c: see vfs_crash.h.
//
// A node is a file or directory, known by its inode number for as long as it has a name. The log
// holds directory operations (make, rename, remove) in the order of their directory, and writes,
// cuts and syncs in the order of their file. Between two syncs a file system may keep any prefix
// of either; what it must keep is what fsync of that very file or directory, or syncfs, has
// covered: an fsync of a new file does not save its name here, as POSIX has it. Nameless files
// (O_TMPFILE) never have a node.
#include "tests/vfs_crash.h"

#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { MAKE, RENAME, REMOVE, WRITE, CUT, SYNC, SYNC_ALL };

struct op {
    enum kind kind;
    int node, dir; // dir: that the name stands in
    char name[64], to[64];
    uint64_t at;
    size_t n;
    uint8_t *data;
};

struct node {
    ino_t ino; // 0: it has no name any more
    bool is_dir;
    char name[64]; // the first it had
};

static struct op *ops;
static size_t nops, ops_cap;
static struct node *nodes;
static int nnodes, nodes_cap;

// ---- Recording

static int node_of(ino_t ino)
{
    for (int i = nnodes - 1; i >= 0; i--)
        if (nodes[i].ino == ino) return i;
    return -1;
}

static int node_fd(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? node_of(st.st_ino) : -1;
}

static int node_new(ino_t ino, bool is_dir, const char *name)
{
    if (nnodes == nodes_cap) {
        nodes_cap = nodes_cap ? nodes_cap * 2 : 64;
        if (!(nodes = realloc(nodes, (size_t)nodes_cap * sizeof *nodes))) abort();
    }
    nodes[nnodes] = (struct node){.ino = ino, .is_dir = is_dir};
    (void)snprintf(nodes[nnodes].name, sizeof nodes->name, "%s", name);
    return nnodes++;
}

static struct op *op_new(enum kind k, int node)
{
    if (nops == ops_cap) {
        ops_cap = ops_cap ? ops_cap * 2 : 256;
        if (!(ops = realloc(ops, ops_cap * sizeof *ops))) abort();
    }
    ops[nops] = (struct op){.kind = k, .node = node, .dir = -1};
    return &ops[nops++];
}

static void name_in(char out[64], const char *name)
{
    if (strchr(name, '/') || strlen(name) >= 64) abort(); // the log knows names of one part only
    memcpy(out, name, strlen(name) + 1);
}

// The name's inode, 0 if there is none.
static ino_t ino_at(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

static void lost_name(ino_t ino)
{
    int k = ino ? node_of(ino) : -1;
    if (k >= 0) nodes[k].ino = 0;
}

static void made(int dir, const char *name, bool is_dir)
{
    int d = node_fd(dir);
    if (d < 0) return;
    struct op *o = op_new(MAKE, node_new(ino_at(dir, name), is_dir, name));
    o->dir = d;
    name_in(o->name, name);
}

static int c_openat(int dir, const char *p, int flags, mode_t m)
{
    bool makes = (flags & O_CREAT) && dir != AT_FDCWD && !ino_at(dir, p);
    int fd = openat(dir, p, flags, m);
    if (fd >= 0 && makes) made(dir, p, false);
    return fd;
}

static int c_mkdirat(int dir, const char *p, mode_t m)
{
    int r = mkdirat(dir, p, m);
    if (r == 0 && dir != AT_FDCWD) made(dir, p, true);
    return r;
}

static void wrote(int fd, const void *p, size_t n, off_t at)
{
    int k = node_fd(fd);
    if (k < 0 || !n) return;
    struct op *o = op_new(WRITE, k);
    o->at = (uint64_t)at, o->n = n;
    if (!(o->data = malloc(n))) abort();
    memcpy(o->data, p, n);
}

static ssize_t c_write(int fd, const void *p, size_t n)
{
    ssize_t r = write(fd, p, n);
    if (r > 0) wrote(fd, p, (size_t)r, lseek(fd, 0, SEEK_CUR) - r);
    return r;
}

static ssize_t c_pwrite(int fd, const void *p, size_t n, off_t at)
{
    ssize_t r = pwrite(fd, p, n, at);
    if (r > 0) wrote(fd, p, (size_t)r, at);
    return r;
}

static ssize_t c_writev(int fd, const struct iovec *v, int n)
{
    ssize_t sum = 0;
    for (int i = 0; i < n; i++) {
        ssize_t r = v[i].iov_len ? c_write(fd, v[i].iov_base, v[i].iov_len) : 0;
        if (r < 0) return sum ? sum : -1;
        sum += r;
        if ((size_t)r < v[i].iov_len) break;
    }
    return sum;
}

static int c_renameat(int d1, const char *a, int d2, const char *b)
{
    ino_t over = ino_at(d2, b);
    int r = renameat(d1, a, d2, b), d = node_fd(d1);
    if (r < 0 || d < 0) return r;
    if (d != node_fd(d2)) abort(); // two directories may reach the disk apart
    lost_name(over);
    struct op *o = op_new(RENAME, -1);
    o->dir = d;
    name_in(o->name, a), name_in(o->to, b);
    return r;
}

static int c_linkat(int d1, const char *a, int d2, const char *b, int flags)
{
    (void)d1, (void)a, (void)d2, (void)b, (void)flags;
    abort(); // not in the log
}

static int c_unlinkat(int dir, const char *p, int flags)
{
    ino_t ino = ino_at(dir, p);
    int r = unlinkat(dir, p, flags), d = node_fd(dir);
    if (r < 0 || d < 0) return r;
    lost_name(ino);
    struct op *o = op_new(REMOVE, -1);
    o->dir = d;
    name_in(o->name, p);
    return r;
}

static int c_ftruncate(int fd, off_t n)
{
    int r = ftruncate(fd, n), k = node_fd(fd);
    if (r == 0 && k >= 0) op_new(CUT, k)->at = (uint64_t)n;
    return r;
}

static int c_sync(int fd)
{
    int k = node_fd(fd);
    if (k >= 0) (void)op_new(SYNC, k);
    return 0;
}

static int c_syncfs(int fd)
{
    (void)fd;
    (void)op_new(SYNC_ALL, -1);
    return 0;
}

void crash_record(const char *root)
{
    static iml__vfs v;
    struct stat st;
    v = iml__vfs_posix;
    v.openat = c_openat, v.mkdirat = c_mkdirat, v.write = c_write, v.pwrite = c_pwrite;
    v.writev = c_writev, v.renameat = c_renameat, v.linkat = c_linkat, v.unlinkat = c_unlinkat;
    v.ftruncate = c_ftruncate, v.fsync = c_sync, v.fdatasync = c_sync, v.syncfs = c_syncfs;
    crash_forget();
    if (stat(root, &st)) abort();
    (void)node_new(st.st_ino, true, "OUT");
    iml__vfs_swap(&v);
}

size_t crash_recorded(void)
{
    iml__vfs_swap(NULL);
    return nops;
}

void crash_forget(void)
{
    for (size_t i = 0; i < nops; i++) free(ops[i].data);
    free(ops), free(nodes);
    ops = NULL, nodes = NULL;
    nops = ops_cap = 0, nnodes = nodes_cap = 0;
}

// ---- Images

struct entry {
    char name[64];
    int node;
};

struct image { // of one call; n: operations before the loss
    size_t n, last_write;
    enum crash_mode mode;
    iml_rng *rng;
};

// Operations of a node that must have reached the disk: those before this number.
static size_t synced(const struct image *m, int node)
{
    for (size_t i = m->n; i > 0; i--)
        if (ops[i - 1].kind == SYNC_ALL || (ops[i - 1].kind == SYNC && ops[i - 1].node == node))
            return i;
    return 0;
}

// How far the operations of a node have got.
static size_t reached(const struct image *m, int node, bool names)
{
    bool lost = m->mode == CRASH_BOTH || m->mode == (names ? CRASH_NAMES : CRASH_DATA);
    if (m->mode != CRASH_RANDOM) return lost ? synced(m, node) : m->n;
    size_t from = synced(m, node);
    uint64_t r = iml_rng_bounded(m->rng, 4);
    return r == 0 ? from : r == 1 ? m->n : from + iml_rng_bounded(m->rng, m->n - from + 1);
}

static uint8_t *content(const struct image *m, int node, size_t *size)
{
    size_t to = reached(m, node, false), solid = synced(m, node), n = 0, last = to;
    bool tear = m->mode == CRASH_RANDOM && iml_rng_bounded(m->rng, 2);
    uint8_t *p = NULL;
    for (size_t i = to; tear && i > solid && last == to; i--)
        if (ops[i - 1].kind == WRITE && ops[i - 1].node == node) last = i - 1;
    if (m->mode == CRASH_TORN) last = m->last_write;
    for (size_t i = 0; i < to; i++) {
        const struct op *o = &ops[i];
        if (o->node != node || (o->kind != WRITE && o->kind != CUT)) continue;
        size_t k = o->n;
        if (o->kind == WRITE && i == last && i >= solid)
            k = (size_t)iml_rng_bounded(m->rng, (k + 511) / 512) * 512;
        size_t end = o->kind == CUT ? (size_t)o->at : (size_t)o->at + k;
        if (end > n || o->kind == CUT) {
            if (!(p = realloc(p, end + 1))) abort();
            if (end > n) memset(p + n, 0, end - n);
            n = end;
        }
        if (o->kind == CUT || !k) continue;
        if (m->mode == CRASH_ZEROS && i >= solid)
            memset(p + o->at, 0, k);
        else
            memcpy(p + o->at, o->data, k);
    }
    *size = n;
    return p;
}

static void write_file(const struct image *m, int dir, const struct entry *f)
{
    size_t n;
    uint8_t *p = content(m, f->node, &n);
    int fd = openat(dir, f->name, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd < 0 || (n && write(fd, p, n) != (ssize_t)n) || close(fd)) abort();
    free(p);
}

static size_t find(const struct entry *e, size_t n, const char *name)
{
    size_t i = 0;
    while (i < n && strcmp(e[i].name, name) != 0) i++;
    return i;
}

static size_t entries(const struct image *m, int dir, struct entry *e, size_t cap)
{
    size_t to = reached(m, dir, true), n = 0;
    for (size_t i = 0; i < to; i++) {
        const struct op *o = &ops[i];
        if (o->dir != dir) continue;
        size_t a = find(e, n, o->name);
        if (o->kind == MAKE) {
            if (a < n || n == cap) abort();
            memcpy(e[n].name, o->name, sizeof o->name);
            e[n++].node = o->node;
            continue;
        }
        if (a == n) abort();
        struct entry moved = e[a];
        e[a] = e[--n];
        if (o->kind == REMOVE) continue;
        memcpy(moved.name, o->to, sizeof o->to);
        size_t b = find(e, n, o->to);
        e[b] = moved;
        if (b == n) n++;
    }
    return n;
}

static void write_dir(const struct image *m, int fd, int node)
{
    enum { CAP = 256 };
    struct entry *e = malloc(CAP * sizeof *e);
    if (!e) abort();
    size_t n = entries(m, node, e, CAP);
    for (size_t i = 0; i < n; i++) {
        if (!nodes[e[i].node].is_dir) {
            write_file(m, fd, &e[i]);
            continue;
        }
        if (mkdirat(fd, e[i].name, 0777)) abort();
        int sub = openat(fd, e[i].name, O_RDONLY | O_DIRECTORY);
        if (sub < 0) abort();
        write_dir(m, sub, e[i].node);
        (void)close(sub);
    }
    free(e);
}

void crash_image(const char *dir, size_t n, enum crash_mode mode, iml_rng *rng)
{
    struct image m = {.n = n, .mode = mode, .rng = rng, .last_write = SIZE_MAX};
    for (size_t i = n; i > 0 && m.last_write == SIZE_MAX; i--)
        if (ops[i - 1].kind == WRITE) m.last_write = i - 1;
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    if (fd < 0) abort();
    write_dir(&m, fd, 0);
    (void)close(fd);
}

size_t crash_syncs(size_t n, const char *name)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        k += ops[i].kind == SYNC && strcmp(nodes[ops[i].node].name, name) == 0;
    return k;
}

void crash_say(size_t n, char text[320])
{
    static const char *const words[] = {"make", "rename", "remove", "write",
                                        "cut",  "sync",   "syncfs"};
    const struct op *o = &ops[n];
    (void)snprintf(text, 320, "%s %s %s (node %d %s, dir %d %s)", words[o->kind], o->name, o->to,
                   o->node, o->node >= 0 ? nodes[o->node].name : "", o->dir,
                   o->dir >= 0 ? nodes[o->dir].name : "");
}

const char *crash_mode_name(enum crash_mode mode)
{
    static const char *const names[] = {"all",  "data lost", "names lost",  "both lost",
                                        "torn", "zeros",     "some of each"};
    return names[mode];
}

// ---- After the loss

static int r_openat(int dir, const char *p, int flags, mode_t m)
{
    static const char id[] = "00000000-0000-4000-8000-000000000001\n";
    if (strcmp(p, "/proc/sys/kernel/random/boot_id") != 0) return openat(dir, p, flags, m);
    int fd = openat(AT_FDCWD, "/dev/shm", O_RDWR | O_TMPFILE, 0600);
    if (fd < 0) fd = openat(AT_FDCWD, "/tmp", O_RDWR | O_TMPFILE, 0600);
    if (fd < 0 || write(fd, id, sizeof id - 1) < 0 || lseek(fd, 0, SEEK_SET)) abort();
    return fd;
}

static int r_sync(int fd)
{
    (void)fd;
    return 0;
}

void crash_reboot(bool on)
{
    static iml__vfs v;
    v = iml__vfs_posix;
    v.openat = r_openat, v.fsync = v.fdatasync = v.syncfs = r_sync;
    iml__vfs_swap(on ? &v : NULL);
}
