// merge.c: one manifest over what several nodes made.
//
// Merge trusts journals, not exit codes: a node that was killed and one that failed look the same,
// as units without record. It holds the lock of every node's journal while it works, so that a
// node that is still alive is refused instead of overtaken, and their stale temporary files can be
// removed. Files of other output directories are linked, never moved: a merge that is killed half
// way is run again. Rejected: concatenating journals (the nodes' own would no longer say where
// their lists are).
#include "src/engine/merge.h"

#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/base/str.h"
#include "src/engine/commit_in.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"

struct merge {
    struct iml__dirs *dirs;
    bool durable;
    struct iml__set set;
    const struct iml__renderers *renderers;
    int *lock; // [nodes]
    size_t nlock;
    const struct iml__ledger_node *first;
    iml_err *e;
};

// ---- Several directories into one

// What is brought in and how: to where, and whether each copy is synced by itself.
struct import {
    struct iml__dirs *to;
    bool sync_each;
    iml_err *e;
};

static iml_status copy_file(const struct import *m, const struct iml__walk_entry *f, int from)
{
    struct iml__dirs *to = m->to;
    iml_err *e = m->e;
    enum { CHUNK = 1 << 20 };
    int in = iml__openat(from, f->path, O_RDONLY | O_NOFOLLOW, 0), out = -1;
    uint8_t *chunk = iml__alloc(CHUNK);
    iml_status st = IML_OK;
    ssize_t n = -1;
    if (in < 0 || !chunk) st = iml__sink_error(e, in < 0 ? errno : ENOMEM, "copy", NULL, f->path);
    if (!st) st = iml__tmp_create(to, f->path, "merge", &out, e);
    while (!st && (n = iml__read_all(in, chunk, CHUNK)) > 0)
        if (iml__write_all(out, chunk, (size_t)n) < 0)
            st = iml__sink_error(e, errno, "write", iml__dirs_root(to), f->path);
    if (!st && n < 0) st = iml__sink_error(e, errno, "copy", NULL, f->path);
    iml__close(&in);
    if (!st && m->sync_each && iml__fdatasync(out) < 0)
        st = iml__sink_error(e, errno, "sync", iml__dirs_root(to), f->path);
    if (iml__close(&out) < 0 && !st)
        st = iml__sink_error(e, errno, "write", iml__dirs_root(to), f->path);
    IML_FREE(chunk);
    if (!st) st = iml__tmp_rename(to, f->path, "merge", e);
    if (st) iml__tmp_remove(to, f->path, "merge");
    return st;
}

static iml_status import_file(const struct import *m, const struct iml__walk_entry *f, int from)
{
    struct iml__dirs *to = m->to;
    iml_err *e = m->e;
    struct iml__dir use;
    const char *leaf;
    struct stat st;
    IML_TRY(iml__dirs_get(to, f->path, true, &use, &leaf, e));
    int r = iml__linkat(from, f->path, use.fd, leaf, 0), sys = errno;
    bool there = r < 0 && sys == EEXIST;
    if (there && iml__fstatat(use.fd, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        (uint64_t)st.st_size == f->size)
        r = 0; // an earlier merge, or two nodes that made the same file; records are compared later
    iml__dirs_put_changed(to, &use);
    if (r == 0) return IML_OK;
    if (there && strstr(f->path, ".imloom/journal."))
        return IML_FAIL(e, IML_EARG,
                        "two of the directories hold a %.60s of their own; give each "
                        "node its --shard i/n",
                        f->path);
    return copy_file(m, f, from); // another file system, or one without links
}

static bool own_to_out(const char *path) // what each directory keeps for itself
{
    return strcmp(path, "manifest.json") == 0 || strcmp(path, ".imloom/bad.jsonl") == 0 ||
           strcmp(path, ".imloom/report.json") == 0;
}

// Lists a directory of an output that walk does not enter by itself.
static iml_status import_tree(const struct import *m, const char *out, const char *below)
{
    iml_err *e = m->e;
    char root[4096];
    struct iml__walk *w;
    struct iml__walk_opts o = {.hidden = true, .no_links = true};
    (void)snprintf(root, sizeof root, "%s%s", out, below);
    iml_status st = iml__walk(root, &o, &w, e);
    if (st) return st;
    int from = iml__openat(AT_FDCWD, out, O_RDONLY | O_DIRECTORY, 0);
    if (from < 0) st = iml__sink_error(e, errno, "open", NULL, out);
    for (size_t i = 0; i < w->n && !st; i++) {
        char path[4200];
        (void)snprintf(path, sizeof path, "%s%s%s", *below ? below + 1 : "", *below ? "/" : "",
                       w->entry[i].path);
        struct iml__walk_entry f = {path, w->entry[i].size, 0};
        if (!own_to_out(path)) st = import_file(m, &f, from);
    }
    iml__close(&from);
    iml__walk_free(&w);
    return st;
}

// Data before journals, so that a record never stands without its files. One syncfs makes all that
// was linked or copied last, and what the nodes have left unsynced with it; where the file system
// knows none, each copy is synced by itself.
static iml_status import_all(const struct merge *m, const char *const *out, size_t n)
{
    struct import x = {.to = m->dirs, .e = m->e};
    if (n < 2) return IML_OK;
    x.sync_each = m->durable && iml__syncfs(iml__dirs_root_fd(m->dirs)) < 0;
    for (size_t i = 1; i < n; i++) {
        IML_TRY(import_tree(&x, out[i], ""));
        IML_TRY(import_tree(&x, out[i], "/.imloom"));
    }
    if (!m->durable) return IML_OK;
    if (!x.sync_each && iml__syncfs(iml__dirs_root_fd(m->dirs)) < 0)
        return iml__sink_error(m->e, errno, "sync", NULL, iml__dirs_root(m->dirs));
    return iml__dirs_sync(m->dirs, m->e);
}

// ---- The nodes

static iml_status lock_nodes(struct merge *m, const struct iml__ledger *l)
{
    m->lock = iml__calloc(l->nodes, sizeof *m->lock);
    if (!m->lock) return iml__sink_error(m->e, ENOMEM, "merge", NULL, iml__dirs_root(m->dirs));
    for (size_t i = 0; i < l->nodes; i++) {
        char name[128];
        (void)snprintf(name, sizeof name, ".imloom/journal.%s", l->node[i].name);
        int fd = iml__openat(iml__dirs_root_fd(m->dirs), name, O_RDWR | O_NOFOLLOW, 0);
        if (fd < 0) return iml__sink_error(m->e, errno, "open", iml__dirs_root(m->dirs), name);
        m->lock[m->nlock++] = fd;
        if (iml__flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
            return IML_FAIL(m->e, IML_EARG,
                            "node %s is still writing to %.100s; merge when it has "
                            "ended",
                            l->node[i].name, iml__dirs_root(m->dirs));
    }
    return IML_OK;
}

// All nodes must have made the same set; the largest count counts (sets grow). Adds those of d.
static iml_status agree(struct merge *m, struct iml__dirs *d, const struct iml__ledger *l)
{
    for (size_t i = 0; i < l->nodes; i++) {
        struct iml__set s;
        bool found, any = m->set.command != NULL;
        IML_TRY(iml__set_read(&s, d, l->node[i].name, &found, m->e));
        if (!found) continue; // killed before it began
        char what[240];
        bool same =
            !any || (iml__set_run_hash(&s) == iml__set_run_hash(&m->set) && s.plan == m->set.plan);
        iml__set_difference(any ? &m->set : &s, &s, what, sizeof what);
        if (!same) {
            iml__set_free(&s);
            return IML_FAIL(m->e, IML_EARG, "node %s of %.60s was run with other settings (%s)",
                            l->node[i].name, iml__dirs_root(d), what);
        }
        uint64_t count = IML_MAX(s.count, any ? m->set.count : 0);
        if (any)
            iml__set_free(&s);
        else
            m->set = s;
        m->set.count = count;
    }
    if (m->set.command) return IML_OK;
    return IML_FAIL(m->e, IML_EARG, "%.120s holds no data set", iml__dirs_root(d));
}

static iml_status check_runs(struct merge *m, struct iml__dirs *d, const struct iml__ledger *l)
{
    uint64_t run = iml__set_run_hash(&m->set);
    for (size_t i = 0; i < l->segments; i++) {
        const struct iml__segment *s = &l->segment[i];
        const struct iml__record *b = &l->node[s->node].rec[s->from];
        if (b->bytes != run || b->id != m->set.plan)
            return IML_FAIL(m->e, IML_EARG,
                            "the journal of node %s in %.100s is of another "
                            "configuration or plan",
                            l->node[s->node].name, iml__dirs_root(d));
    }
    return IML_OK;
}

// A node's journal may stand in one directory only, or be the same in both (an earlier merge).
static iml_status check_journals(struct merge *m, const char *const *out, size_t at,
                                 const struct iml__ledger *l)
{
    for (size_t i = 0; i < l->nodes; i++)
        for (size_t k = 0; k < at; k++) {
            char path[4096];
            struct stat st;
            (void)snprintf(path, sizeof path, "%s/.imloom/journal.%s", out[k], l->node[i].name);
            if (iml__fstatat(AT_FDCWD, path, &st, 0) == 0 &&
                (uint64_t)st.st_size != l->node[i].size)
                return IML_FAIL(m->e, IML_EARG,
                                "%.60s and %.60s hold different journals of node %.60s; give each "
                                "node its --shard i/n",
                                out[k], out[at], l->node[i].name);
        }
    return IML_OK;
}

// Everything that can be refused is refused before the first file is linked: what stands in the
// target could not be told from its own later.
static iml_status check_all(struct merge *m, const char *const *out, size_t n)
{
    iml_status st = IML_OK;
    for (size_t i = 0; i < n && !st; i++) {
        struct iml__dirs *d = NULL;
        struct iml__ledger *l = NULL;
        struct stat at;
        if (iml__fstatat(AT_FDCWD, out[i], &at, 0) < 0 || !S_ISDIR(at.st_mode))
            return IML_FAIL(m->e, IML_EARG, "%.150s is no directory", out[i]);
        st = iml__dirs_open(&d, out[i], m->e);
        if (!st) st = iml__ledger_load(&l, d, 1, false, m->e);
        if (!st && i && !l->nodes)
            st = IML_FAIL(m->e, IML_EARG, "%.120s holds no data set", out[i]);
        // The target may be new and empty.
        if (!st && l->nodes) st = agree(m, d, l);
        if (!st && l->nodes) st = check_runs(m, d, l);
        if (!st && i) st = check_journals(m, out, i, l);
        iml__ledger_free(&l);
        iml__dirs_close(&d);
    }
    iml__set_free(&m->set);
    return st;
}

// Names of aggregates go into the first node's list, whose lock is held, after its last whole line.
static iml_status list_joined(void *user, const iml__str *lines, iml_err *e)
{
    struct merge *m = user;
    char name[128];
    (void)snprintf(name, sizeof name, ".imloom/files.%s.jsonl", m->first->name);
    int fd = iml__openat(iml__dirs_root_fd(m->dirs), name, O_WRONLY | O_CREAT | O_NOFOLLOW, 0666);
    int r = fd < 0 ? -1 : iml__ftruncate(fd, m->first->list_n);
    if (r == 0) r = iml__pwrite_all(fd, lines->p, lines->n, m->first->list_n);
    if (r == 0 && m->durable) r = iml__fdatasync(fd);
    int sys = errno;
    iml__close(&fd);
    return r < 0 ? iml__sink_error(e, sys, "write", iml__dirs_root(m->dirs), name) : IML_OK;
}

// "2-of-7", as a run names its node under --shard.
static bool node_share(const char *node, uint32_t *share, uint32_t *of)
{
    char first[12];
    uint64_t a, b;
    const char *mid = strstr(node, "-of-");
    if (!mid || (size_t)(mid - node) >= sizeof first) return false;
    memcpy(first, node, (size_t)(mid - node));
    first[mid - node] = 0;
    if (!iml__parse_u64(first, &a) || !iml__parse_u64(mid + 4, &b)) return false;
    if (b > UINT32_MAX || a >= b) return false;
    *share = (uint32_t)a, *of = (uint32_t)b;
    return true;
}

// Which shares are to be run (again).
static void tell_shares(const struct merge *m, const struct iml__ledger *l, struct iml__merged *out)
{
    uint32_t share, of;
    for (size_t i = 0; i < l->nodes; i++) {
        if (!node_share(l->node[i].name, &share, &of) || (out->of && out->of != of)) {
            out->of = 0;
            return;
        }
        out->of = of;
    }
    for (uint32_t k = 0; k < out->of && out->shares < IML__SHARES; k++) {
        struct iml__share s = {.share = k, .missing = iml__set_missing_of(&m->set, l, k, out->of)};
        for (size_t i = 0; i < l->nodes; i++)
            s.begun |= node_share(l->node[i].name, &share, &of) && share == k;
        if (s.missing) out->share[out->shares++] = s;
    }
}

static iml_status close_set(struct merge *m, struct iml__ledger *l, int durability,
                            struct iml__merged *out)
{
    struct iml__manifest made;
    // Boot 0: the journals are of other machines; sizes are looked at here, hashes by verify.
    IML_TRY(iml__ledger_check(l, 0, m->e));
    m->first = &l->node[0];
    for (size_t i = 0; i <= l->nodes; i++) {
        uint64_t n;
        const char *node = i < l->nodes ? l->node[i].name : "merge";
        IML_TRY(iml__walk_remove_tmp(iml__dirs_root_fd(m->dirs), iml__dirs_root(m->dirs), node, &n,
                                     m->e));
        out->temporaries += n;
    }
    m->set.count = IML_MAX(m->set.count, iml__ledger_extent(l));
    out->missing = iml__set_missing(&m->set, l);
    out->planned = m->set.count;
    if (out->missing) tell_shares(m, l, out);
    if (out->missing) return iml__bad_unite(m->dirs, "merge", l, durability, m->e);
    IML_TRY(iml__dirs_unlink(m->dirs, "manifest.json", m->e));
    IML_TRY(
        iml__manifest_make(m->dirs, "merge", &m->set, l, durability, list_joined, m, &made, m->e));
    out->items = made.items, out->ok = made.ok, out->bad = made.bad;
    out->files = made.files, out->bytes = made.bytes, out->content = made.content;
    return IML_OK;
}

static iml_status merge(struct merge *m, int durability, struct iml__merged *out)
{
    struct iml__ledger *l = NULL;
    // The first look finds the nodes and what a unit is; the second, under their locks, counts.
    IML_TRY(iml__ledger_load(&l, m->dirs, 1, false, m->e));
    iml_status st = lock_nodes(m, l);
    if (!st) st = agree(m, m->dirs, l);
    if (!st) st = iml__aggregates_bind(&m->set.aggregates, m->renderers, m->e);
    iml__ledger_free(&l);
    if (st) return st;
    IML_TRY(iml__ledger_load(&l, m->dirs, m->set.unit_items, m->set.parts, m->e));
    st = check_runs(m, m->dirs, l);
    if (!st && l->conflict)
        st = IML_FAIL(m->e, IML_EBUG,
                      "unit %llu was made by node %s and node %s with different "
                      "bytes; they depend on more than settings, seed and index",
                      (unsigned long long)l->conflict_unit, l->node[l->conflict_node[0]].name,
                      l->node[l->conflict_node[1]].name);
    if (!st) st = close_set(m, l, durability, out);
    iml__ledger_free(&l);
    return st;
}

iml_status iml__merge(const char *const *out, size_t n, int durability,
                      const struct iml__renderers *renderers, struct iml__merged *r, iml_err *e)
{
    struct merge m = {
        .e = e, .renderers = renderers, .durable = durability != IML_DURABILITY_PROCESS};
    struct stat st;
    *r = (struct iml__merged){0};
    if (!n || iml__fstatat(AT_FDCWD, out[0], &st, 0) < 0)
        return IML_FAIL(e, IML_EARG, "%.150s is no directory", n ? out[0] : "(nothing)");
    IML_TRY(iml__dirs_open(&m.dirs, out[0], e));
    iml__dirs_durable(m.dirs, m.durable);
    iml_status s = n > 1 ? check_all(&m, out, n) : IML_OK;
    if (!s) s = import_all(&m, out, n);
    if (!s) s = merge(&m, durability, r);
    for (size_t i = 0; i < m.nlock; i++) iml__close(&m.lock[i]);
    IML_FREE(m.lock);
    iml__set_free(&m.set);
    iml__dirs_close(&m.dirs);
    return s;
}
