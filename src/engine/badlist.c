// badlist.c: the nodes' lists of bad items: united for the reader, and held against the journals.
//
// A BAD record says that an item is bad, its line in bad.NODE.jsonl says why. Lists are appended to
// before the record is written, but a loss of power may take the line and leave the record; such an
// item is tried again, for a bad item that nobody can explain is worth less than a second attempt.
// Rejected: the hash of the list in the record (48 bytes are full, and lists of nodes are united).
#include "src/engine/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/engine/commit_in.h"
#include "src/io/vfs.h"

struct bad_line {
    uint64_t index;
    size_t off, len, seq;
};
struct bad_lines {
    struct bad_line *l;
    size_t n, cap;
    iml__str text;
};

static int by_index(const void *a, const void *b)
{
    const struct bad_line *x = a, *y = b;
    if (x->index != y->index) return x->index < y->index ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

// A loss of power may leave zeros in the middle of what looks like a line.
static bool whole(const char *p, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        if ((unsigned char)p[i] < 0x20) return false;
    return true;
}

// Lines whose item is bad now. They are ours, so their form is known; damaged ones are left out.
static bool take_bad(struct bad_lines *b, const struct iml__ledger *l, size_t from)
{
    static const char head[] = "{\"index\":";
    while (from < b->text.n) {
        const char *p = b->text.p + from, *end = memchr(p, '\n', b->text.n - from);
        if (!end) break;
        struct bad_line row = {.off = from, .len = (size_t)(end - p) + 1, .seq = b->n};
        from += row.len;
        if (row.len < sizeof head + 2 || memcmp(p, head, sizeof head - 1) != 0 || end[-1] != '}' ||
            !whole(p, row.len))
            continue;
        const char *q = p + sizeof head - 1;
        for (; *q >= '0' && *q <= '9'; q++) row.index = row.index * 10 + (uint64_t)(*q - '0');
        if (*q != ',' || !iml__past_is_bad(l->past, row.index)) continue;
        if (b->n == b->cap) {
            size_t cap = b->cap ? b->cap * 2 : 64;
            struct bad_line *grown = iml__realloc(b->l, cap, sizeof *grown);
            if (!grown) return false;
            b->l = grown, b->cap = cap;
        }
        b->l[b->n++] = row;
    }
    return true;
}

static int by_index_of(const void *key, const void *row)
{
    uint64_t k = *(const uint64_t *)key, i = ((const struct bad_line *)row)->index;
    return k < i ? -1 : k > i;
}

// The lines of all nodes, sorted by index, of one index in the order of their lists. A failure has
// its message, but for IML_ENOMEM. *b is the caller's to free on failure too.
static iml_status read_lists(struct bad_lines *b, struct iml__dirs *d, const struct iml__ledger *l,
                             iml_err *e)
{
    iml_status st = IML_OK;
    iml__str_init(&b->text, (size_t)1 << 36);
    for (size_t i = 0; i < l->nodes && !st; i++) {
        char one[128], *p;
        size_t n, from = b->text.n;
        struct stat at;
        (void)snprintf(one, sizeof one, ".imloom/bad.%s.jsonl", l->node[i].name);
        if (iml__fstatat(iml__dirs_root_fd(d), one, &at, AT_SYMLINK_NOFOLLOW) < 0) {
            int sys = errno;
            if (sys != ENOENT)
                st = IML_FAIL_SYS(e, iml__input_status(sys), sys, "cannot look at %.100s/%.80s",
                                  iml__dirs_root(d), one);
            continue;
        }
        st = iml__file_read_heap(iml__dirs_root_fd(d), one, (uint64_t)1 << 36, &p, &n, e);
        if (st) break;
        iml__str_add(&b->text, p, n);
        IML_FREE(p);
        if (b->text.failed || !take_bad(b, l, from)) st = IML_ENOMEM;
    }
    if (b->n) qsort(b->l, b->n, sizeof *b->l, by_index);
    return st;
}

static void free_lists(struct bad_lines *b)
{
    IML_FREE(b->l);
    iml__str_free(&b->text);
}

iml_status iml__bad_unite(struct iml__dirs *d, const char *node, const struct iml__ledger *l,
                          int durability, iml_err *e)
{
    static const char name[] = ".imloom/bad.jsonl";
    struct bad_lines b = {0};
    iml__str out;
    iml__str_init(&out, (size_t)1 << 36);
    iml_status st = read_lists(&b, d, l, NULL);
    for (size_t i = 0; i < b.n && !st; i++) // the last line of an item counts
        if (i + 1 == b.n || b.l[i + 1].index != b.l[i].index)
            iml__str_add(&out, b.text.p + b.l[i].off, b.l[i].len);
    if (st || out.failed)
        st = iml__sink_error(e, st == IML_ENOMEM || !st ? ENOMEM : EIO, "write", iml__dirs_root(d),
                             name);
    else if (out.n)
        st = iml__file_write(d, name, node, out.p, out.n, durability, e);
    else
        st = iml__dirs_unlink(d, name, e);
    free_lists(&b);
    iml__str_free(&out);
    return st;
}

iml_status iml__bad_check(struct iml__ledger *l,
                          iml_status (*redo)(void *user, uint64_t unit, iml_err *e), void *user,
                          iml_err *e)
{
    struct bad_lines b = {0};
    bool any = false;
    for (size_t i = 0; i < l->nodes && !any; i++)
        for (size_t k = 0; k < l->node[i].n && !any; k++)
            any = l->node[i].rec[k].type == IML__REC_BAD;
    if (!any) return IML_OK;
    iml_status st = read_lists(&b, l->dirs, l, e);
    for (size_t i = 0; i < l->nodes; i++)
        for (size_t k = 0; k < l->node[i].n && !st; k++) {
            const struct iml__record *r = &l->node[i].rec[k];
            if (r->type != IML__REC_BAD || !iml__past_is_bad(l->past, r->id)) continue;
            if (b.n && bsearch(&r->id, b.l, b.n, sizeof *b.l, by_index_of)) continue;
            uint64_t unit = r->id / l->unit_items;
            iml__past_not_bad(l->past, r->id);
            if (iml__past_span(l->past, unit)) st = redo(user, unit, e);
        }
    free_lists(&b);
    if (st == IML_ENOMEM)
        return IML_FAIL(e, IML_ENOMEM, "no memory to read the lists of bad items");
    return st;
}
