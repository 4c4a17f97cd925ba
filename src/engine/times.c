// times.c: a table of modification times by the hashes of names.
#include "src/engine/times.h"

#include <stdio.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"

enum { ROW = 16 };

struct iml__times {
    uint64_t *key; // 0: free
    int64_t *time;
    size_t slots; // a power of two, at most half full
};

static uint64_t key_of(const char *name)
{
    uint64_t k = iml__xxh3_text(name);
    return k ? k : 1;
}

void iml__times_row(iml__str *s, const char *name, int64_t mtime_ns)
{
    uint8_t row[ROW];
    uint64_t k = key_of(name), v = (uint64_t)mtime_ns;
    for (int i = 0; i < 8; i++) row[i] = (uint8_t)(k >> 8 * i), row[8 + i] = (uint8_t)(v >> 8 * i);
    iml__str_add(s, row, sizeof row);
}

static void put(struct iml__times *t, uint64_t key, int64_t time)
{
    size_t at = (size_t)key & (t->slots - 1);
    while (t->key[at] && t->key[at] != key) at = (at + 1) & (t->slots - 1);
    t->key[at] = key, t->time[at] = time;
}

bool iml__times_known(const struct iml__times *t, const char *name, int64_t *mtime_ns)
{
    if (!t) return false;
    uint64_t key = key_of(name);
    size_t at = (size_t)key & (t->slots - 1);
    while (t->key[at] && t->key[at] != key) at = (at + 1) & (t->slots - 1);
    *mtime_ns = t->time[at];
    return t->key[at] != 0;
}

static iml_status no_memory(iml_err *e)
{
    return IML_FAIL(e, IML_ENOMEM, "no memory to read the times of files");
}

static iml_status read_node(iml__str *all, struct iml__dirs *d, const char *node, bool *any,
                            iml_err *e)
{
    char name[128], *p;
    size_t n;
    struct stat st;
    (void)snprintf(name, sizeof name, ".imloom/times.%.64s", node);
    if (iml__fstatat(iml__dirs_root_fd(d), name, &st, AT_SYMLINK_NOFOLLOW) < 0) return IML_OK;
    IML_TRY(iml__file_read_heap(iml__dirs_root_fd(d), name, (uint64_t)1 << 36, &p, &n, e));
    iml__str_add(all, p, n / ROW * ROW); // a torn last row is none
    IML_FREE(p);
    *any = true;
    return all->failed ? no_memory(e) : IML_OK;
}

iml_status iml__times_load(struct iml__times **out, struct iml__dirs *d, const char *const *node,
                           size_t nodes, iml_err *e)
{
    iml__str all;
    bool any = false;
    iml_status st = IML_OK;
    *out = NULL;
    iml__str_init(&all, (size_t)1 << 38);
    for (size_t k = 0; k < nodes && !st; k++) st = read_node(&all, d, node[k], &any, e);
    struct iml__times *t = !st && any ? iml__calloc(1, sizeof *t) : NULL;
    if (t) {
        for (t->slots = 64; t->slots < 2 * (all.n / ROW + 1);) t->slots *= 2;
        t->key = iml__calloc(t->slots, sizeof *t->key),
        t->time = iml__calloc(t->slots, sizeof *t->time);
    }
    if (!st && any && (!t || !t->key || !t->time)) {
        st = no_memory(e);
        iml__times_free(&t);
    }
    for (size_t at = 0; t && at + ROW <= all.n; at += ROW) {
        const uint8_t *row = (const uint8_t *)all.p + at;
        uint64_t k = 0, v = 0;
        for (int i = 0; i < 8; i++)
            k |= (uint64_t)row[i] << 8 * i, v |= (uint64_t)row[8 + i] << 8 * i;
        if (k) put(t, k, (int64_t)v);
    }
    iml__str_free(&all);
    *out = t;
    return st;
}

void iml__times_free(struct iml__times **t)
{
    if (!*t) return;
    IML_FREE((*t)->key);
    IML_FREE((*t)->time);
    IML_FREE(*t);
}
