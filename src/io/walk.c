// walk.c: listing, sorting, hashing; and the sweep for temporary files.
//
// The order of getdents differs between file systems, machines and even calls, so a listing is
// sorted by the bytes of the path before anything looks at it, and its hash covers path and size.
// The modification time is left out: a copied data set is the same data set. A loop of links is
// found by comparing device and inode with those of the directories above, so that a link to a
// sibling is still followed. Rejected: nftw (no descriptors, so long paths and races), fts (leaks
// on error), a visited set over the whole walk (a second link to a directory would list it or not,
// depending on the order).
#include "src/io/walk.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/str.h"
#include "src/io/atomic.h"
#include "src/io/safe.h"
#include "src/io/vfs.h"

int iml__dirread_open(struct iml__dirread *r, int dir, const char *name)
{
    r->n = r->at = 0;
    r->fd = iml__openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    return r->fd < 0 ? -1 : 0;
}

void iml__dirread_close(struct iml__dirread *r) { iml__close(&r->fd); }

static enum iml__entry_type type_of_mode(mode_t m)
{
    return S_ISREG(m)   ? IML__ENTRY_FILE
           : S_ISDIR(m) ? IML__ENTRY_DIR
           : S_ISLNK(m) ? IML__ENTRY_LINK
                        : IML__ENTRY_OTHER;
}

int iml__dirread_next(struct iml__dirread *r, const char **name, enum iml__entry_type *type)
{
    for (;;) {
        if (r->at >= r->n) {
            ssize_t n = iml__getdents(r->fd, r->buf, sizeof r->buf);
            if (n <= 0) return (int)n;
            r->n = (size_t)n, r->at = 0;
        }
        const struct dirent64 *d = (const void *)(r->buf + r->at);
        r->at += d->d_reclen;
        *name = d->d_name;
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) continue;
        struct stat st;
        switch (d->d_type) {
        case DT_REG: *type = IML__ENTRY_FILE; break;
        case DT_DIR: *type = IML__ENTRY_DIR; break;
        case DT_LNK: *type = IML__ENTRY_LINK; break;
        case DT_UNKNOWN: // some file systems do not say
            if (iml__fstatat(r->fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                if (errno == ENOENT) continue; // gone since it was listed
                return -1;
            }
            *type = type_of_mode(st.st_mode);
            break;
        default: *type = IML__ENTRY_OTHER;
        }
        return 1;
    }
}

// ---- A tree

struct file {
    size_t path; // offset in text
    uint64_t size;
    int64_t mtime_ns;
};

struct level { // a directory above the one being read
    dev_t dev;
    ino_t ino;
    const struct level *up;
};

struct walker {
    const struct iml__walk_opts *o;
    const char *root;
    iml__str text; // paths, each with its 0
    iml__str path; // of the directory being read, with a slash at its end unless empty
    struct file *file;
    size_t n, cap;
    uint64_t max_files, loops, other;
    uint32_t max_depth;
    iml_err *e;
};

static iml_status input_error(struct walker *w, int sys, const char *name)
{
    return IML_FAIL_SYS(w->e, iml__input_status(sys), sys, "cannot list %.80s/%.80s%.40s", w->root,
                        iml__str_text(&w->path), name);
}

static bool wanted(const struct iml__walk_opts *o, const char *name)
{
    if (name[0] == '.' && (!o->hidden || iml__tmp_is(name, NULL))) return false;
    if (!o->suffixes) return true;
    size_t n = strlen(name);
    for (const char *const *s = o->suffixes; *s; s++) {
        size_t k = strlen(*s), i = 0;
        if (k > n) continue;
        for (; i < k; i++) {
            char c = name[n - k + i];
            if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != (*s)[i]) break;
        }
        if (i == k) return true;
    }
    return false;
}

static iml_status add_file(struct walker *w, const char *name, const struct stat *st)
{
    if (w->n >= w->max_files)
        return IML_FAIL(w->e, IML_ELIMIT, "%s holds more than %llu files", w->root,
                        (unsigned long long)w->max_files);
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 256;
        struct file *grown = iml__realloc(w->file, cap, sizeof *grown);
        if (!grown) return IML_FAIL(w->e, IML_ENOMEM, "no memory to list %s", w->root);
        w->file = grown, w->cap = cap;
    }
    size_t at = w->text.n;
    iml__str_add(&w->text, iml__str_text(&w->path), w->path.n);
    iml__str_add(&w->text, name, strlen(name) + 1);
    if (w->text.failed) return IML_FAIL(w->e, IML_ENOMEM, "no memory to list %s", w->root);
    w->file[w->n++] = (struct file){at, (uint64_t)st->st_size,
                                    (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec};
    return IML_OK;
}

static iml_status list(struct walker *w, int fd, const struct level *up, uint32_t depth);

// Goes into a directory, through a link or not.
static iml_status enter(struct walker *w, int fd, const char *name, const struct stat *st,
                        const struct level *here, uint32_t depth)
{
    for (const struct level *l = here; l; l = l->up)
        if (l->dev == st->st_dev && l->ino == st->st_ino) {
            w->loops++;
            return IML_OK;
        }
    if (depth >= w->max_depth)
        return IML_FAIL(w->e, IML_ELIMIT, "%.80s/%.100s is nested deeper than %u directories",
                        w->root, iml__str_text(&w->path), w->max_depth);
    int sub = iml__openat(fd, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
    if (sub < 0) return errno == ENOENT ? IML_OK : input_error(w, errno, name);
    size_t keep = w->path.n;
    iml__str_addf(&w->path, "%s/", name);
    struct level next = {st->st_dev, st->st_ino, here};
    iml_status s = w->path.failed ? IML_FAIL(w->e, IML_ENOMEM, "no memory to list %s", w->root)
                                  : list(w, sub, &next, depth + 1);
    w->path.n = keep;
    if (w->path.p) w->path.p[keep] = 0;
    iml__close(&sub);
    return s;
}

static iml_status visit(struct walker *w, int fd, const char *name, enum iml__entry_type type,
                        const struct level *here, uint32_t depth)
{
    struct stat st;
    if (w->o->odd && type != IML__ENTRY_FILE && wanted(w->o, name)) {
        // What it is, its reader says.
        bool file = !iml__fstatat(fd, name, &st, 0) && S_ISREG(st.st_mode);
        if (!file) st = (struct stat){0};
        return add_file(w, name, &st);
    }
    if (type == IML__ENTRY_OTHER || (type == IML__ENTRY_LINK && w->o->no_links)) {
        w->other += wanted(w->o, name);
        return IML_OK;
    }
    if (type == IML__ENTRY_FILE && !wanted(w->o, name)) return IML_OK;
    if (strcmp(name, ".imloom") == 0 || (name[0] == '.' && !w->o->hidden)) return IML_OK;
    if (type == IML__ENTRY_DIR && w->o->flat) return IML_OK;
    if (iml__fstatat(fd, name, &st, 0) < 0) {
        if (errno == ENOENT || errno == ELOOP) { // a dead link, or gone since it was listed
            w->other += wanted(w->o, name);
            return IML_OK;
        }
        return input_error(w, errno, name);
    }
    if (S_ISREG(st.st_mode)) return wanted(w->o, name) ? add_file(w, name, &st) : IML_OK;
    if (S_ISDIR(st.st_mode) && !w->o->flat) return enter(w, fd, name, &st, here, depth);
    return IML_OK;
}

static iml_status list(struct walker *w, int fd, const struct level *up, uint32_t depth)
{
    // On the heap: 256 levels of 16 KiB would be too much for a small thread's stack.
    struct iml__dirread *r = iml__alloc(sizeof *r);
    if (!r) return IML_FAIL(w->e, IML_ENOMEM, "no memory to list %s", w->root);
    iml_status st = IML_OK;
    const char *name;
    enum iml__entry_type type;
    int more = iml__dirread_open(r, fd, ".");
    if (more == 0) {
        while (!st && (more = iml__dirread_next(r, &name, &type)) > 0)
            st = visit(w, fd, name, type, up, depth);
    }
    if (!st && more < 0) st = input_error(w, errno, "");
    iml__dirread_close(r);
    IML_FREE(r);
    return st;
}

static int by_path(const void *a, const void *b, void *text)
{
    const char *t = text;
    return strcmp(t + ((const struct file *)a)->path, t + ((const struct file *)b)->path);
}

// Turns the walker's arrays into one block: entries, then their paths.
static iml_status finish(struct walker *w, struct iml__walk **out)
{
    if (w->n) qsort_r(w->file, w->n, sizeof *w->file, by_path, w->text.p);
    struct iml__walk *r = iml__calloc(1, sizeof *r);
    struct iml__walk_entry *en = iml__calloc(w->n, sizeof *en);
    iml__xxh3_state *h = iml__xxh3_new();
    if (!r || !en || !h) {
        IML_FREE(r);
        IML_FREE(en);
        iml__xxh3_free(&h);
        return IML_FAIL(w->e, IML_ENOMEM, "no memory to list %s", w->root);
    }
    for (size_t i = 0; i < w->n; i++) {
        en[i] = (struct iml__walk_entry){w->text.p + w->file[i].path, w->file[i].size,
                                         w->file[i].mtime_ns};
        uint8_t size[8];
        for (int k = 0; k < 8; k++) size[k] = (uint8_t)(en[i].size >> (8 * k));
        iml__xxh3_add(h, en[i].path, strlen(en[i].path) + 1);
        iml__xxh3_add(h, size, sizeof size);
    }
    r->entry = en, r->n = w->n, r->hash = iml__xxh3_end(h);
    r->skipped_loops = w->loops, r->skipped_other = w->other;
    r->memory = w->text.p;
    w->text.p = NULL;
    iml__xxh3_free(&h);
    *out = r;
    return IML_OK;
}

iml_status iml__walk(const char *root, const struct iml__walk_opts *o, struct iml__walk **out,
                     iml_err *e)
{
    static const struct iml__walk_opts plain;
    struct walker w = {.o = o ? o : &plain, .root = root, .e = e};
    w.max_files = w.o->max_files ? w.o->max_files : (uint64_t)1 << 40;
    w.max_depth = w.o->max_depth ? w.o->max_depth : 256;
    iml__str_init(&w.text, (size_t)1 << 40);
    iml__str_init(&w.path, (size_t)1 << 20);
    *out = NULL;
    iml_status st;
    struct stat at;
    int fd = iml__openat(AT_FDCWD, root, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
    if (fd < 0 || iml__fstat(fd, &at) < 0) {
        st = IML_FAIL_SYS(e, iml__input_status(errno), errno, "cannot list the directory %s", root);
    } else {
        struct level top = {at.st_dev, at.st_ino, NULL};
        st = list(&w, fd, &top, 0);
    }
    iml__close(&fd);
    if (!st) st = finish(&w, out);
    IML_FREE(w.file);
    iml__str_free(&w.text);
    iml__str_free(&w.path);
    return st;
}

void iml__walk_free(struct iml__walk **w)
{
    if (!*w) return;
    IML_FREE((*w)->entry);
    IML_FREE((*w)->memory);
    IML_FREE(*w);
}

// ---- The sweep

static int sweep(int fd, const char *node, uint64_t *removed, unsigned depth)
{
    struct iml__dirread *r = iml__alloc(sizeof *r);
    if (!r) return errno = ENOMEM, -1;
    const char *name;
    enum iml__entry_type type;
    int more = iml__dirread_open(r, fd, ".");
    while (more >= 0 && (more = iml__dirread_next(r, &name, &type)) > 0) {
        if (type == IML__ENTRY_FILE && iml__tmp_is(name, node)) {
            if (iml__unlinkat(fd, name, 0) == 0)
                ++*removed;
            else if (errno != ENOENT)
                more = -1;
        } else if (type == IML__ENTRY_DIR && depth < 256) {
            int sub = iml__openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
            if (sub < 0) continue; // not ours to read, so nothing of ours is in it
            int below = sweep(sub, node, removed, depth + 1), sys = errno;
            iml__close(&sub);
            if (below < 0) errno = sys, more = -1;
        }
        if (more < 0) break;
    }
    int sys = errno;
    iml__dirread_close(r);
    IML_FREE(r);
    return errno = sys, more;
}

iml_status iml__walk_remove_tmp(int dir, const char *root, const char *node, uint64_t *removed,
                                iml_err *e)
{
    uint64_t n = 0;
    int r = sweep(dir, node, &n, 0), sys = errno;
    if (removed) *removed = n;
    return r < 0 ? iml__sink_error(e, sys, "clear temporary files of", NULL, root) : IML_OK;
}
