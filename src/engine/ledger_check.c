// ledger_check.c: the files of a data set against what the journals say of them.
//
// A record says that files were written, not that they are still there. Rejected: stat of every
// index (shards need one stat for thousands of items).
#include "src/engine/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/engine/commit_in.h"
#include "src/engine/ledger_in.h"
#include "src/engine/parts.h"
#include "src/engine/times.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"

// fresh: where the file's time is another than *mtime (NULL: unknown), it is read too.
static iml_status match(struct iml__dirs *d, const char *name, uint64_t size, uint64_t xxh3,
                        bool deep, bool fresh, const int64_t *mtime, enum iml__match *m, iml_err *e)
{
    struct iml__dir use;
    const char *leaf;
    struct stat st;
    *m = IML__MATCH_MISSING;
    // A directory that is missing, or is now a link or a file, holds none of our files.
    if (iml__dirs_get(d, name, false, &use, &leaf, NULL)) return IML_OK;
    int r = iml__fstatat(use.fd, leaf, &st, AT_SYMLINK_NOFOLLOW), sys = errno;
    int fd = -1;
    if (r == 0 && fresh)
        deep |= !mtime || (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec != *mtime;
    if (r == 0 && deep && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size) {
        fd = iml__openat(use.fd, leaf, O_RDONLY | O_NOFOLLOW, 0);
        sys = errno;
    }
    iml__dirs_put(d, &use);
    if (r < 0)
        return sys == ENOENT ? IML_OK
                             : IML_FAIL_SYS(e, iml__input_status(sys), sys,
                                            "cannot look at %.100s/%.80s", iml__dirs_root(d), name);
    if (!S_ISREG(st.st_mode)) return IML_OK;
    *m = (uint64_t)st.st_size == size ? IML__MATCH_SAME : IML__MATCH_SIZE;
    if (!deep || *m != IML__MATCH_SAME) return IML_OK;
    enum { CHUNK = 1 << 20 };
    uint8_t *chunk = fd < 0 ? NULL : iml__alloc(CHUNK);
    iml__xxh3_state *h = chunk ? iml__xxh3_new() : NULL;
    ssize_t n = -1;
    while (h && (n = iml__read_all(fd, chunk, CHUNK)) > 0) iml__xxh3_add(h, chunk, (size_t)n);
    if (fd >= 0 && n < 0) sys = h ? errno : ENOMEM;
    if (n == 0 && iml__xxh3_end(h) != xxh3) *m = IML__MATCH_CONTENT;
    iml__xxh3_free(&h);
    IML_FREE(chunk);
    iml__close(&fd);
    if (n == 0) return IML_OK;
    return IML_FAIL_SYS(e, iml__input_status(sys), sys, "cannot read %.100s/%.80s",
                        iml__dirs_root(d), name);
}

iml_status iml__ledger_match(struct iml__dirs *d, const char *name, uint64_t size, uint64_t xxh3,
                             bool deep, enum iml__match *m, iml_err *e)
{
    return match(d, name, size, xxh3, deep, false, NULL, m, e);
}

struct check {
    struct iml__ledger *l;
    struct iml__times *times; // NULL: nobody wrote any
    uint64_t *redo; // found now; the sorted array must not change while lines are looked at
    size_t n, cap;
};

static iml_status check_lines(struct check *c, const struct iml__live *v, bool deep, iml_err *e)
{
    struct iml__ledger *l = c->l;
    const struct iml__ledger_node *k = &l->node[l->segment[v->segment].node];
    struct iml__lines it;
    struct iml__line line;
    iml__lines_begin(&it, k->list, v->off, v->off + v->len);
    while (iml__lines_next(&it, &line)) {
        if (line.kind != IML__LINE_FILE || !iml__ledger_counts(l, v, &line)) continue;
        enum iml__match m;
        int64_t time;
        bool known = iml__times_known(c->times, line.name, &time);
        IML_TRY(match(l->dirs, line.name, line.size, line.xxh3, deep, c->times != NULL,
                      known ? &time : NULL, &m, e));
        if (m == IML__MATCH_SAME) continue;
        uint64_t unit = v->batch ? line.item : v->unit;
        if (c->n && c->redo[c->n - 1] == unit) continue;
        IML_TRY(iml__ledger_push(&c->redo, &c->n, &c->cap, unit, e));
    }
    return IML_OK;
}

static iml_status check_parts(struct check *c, const struct iml__live *v, bool deep, iml_err *e)
{
    struct iml__unit_file u = {0};
    iml__str text;
    iml__str_init(&text, (size_t)1 << 30);
    bool same = iml__unit_text(c->l->dirs, v->unit, &text, NULL) == IML_OK &&
                iml__unit_parse(iml__str_text(&text), text.n, &u, NULL) == IML_OK;
    iml_status st = IML_OK;
    for (size_t i = 0; same && !st && i < u.parts; i++) {
        char name[320];
        enum iml__match m = IML__MATCH_MISSING;
        if (iml__part_name(name, u.part[i].name, v->unit))
            st = iml__ledger_match(c->l->dirs, name, u.part[i].size, u.part[i].xxh3, deep, &m, e);
        same = m == IML__MATCH_SAME;
    }
    iml__unit_file_free(&u);
    iml__str_free(&text);
    if (!st && !same) st = iml__ledger_push(&c->redo, &c->n, &c->cap, v->unit, e);
    return st;
}

// Where the lines of aggregates begin that a run has made: they stand at the end of its own.
static size_t joined_from(const struct iml__ledger *l, const struct iml__segment *s)
{
    static const char start[] = "{\"name\":";
    const char *list = l->node[s->node].list;
    size_t at = s->list_to;
    while (at > s->list_from) {
        size_t line = at - 1;
        while (line > s->list_from && list[line - 1] != '\n') line--;
        if (at - line < sizeof start || memcmp(list + line, start, sizeof start - 1) != 0) break;
        at = line;
    }
    return at;
}

// The last run that has made any made all of them; of a name that was merged again the last counts.
static iml_status check_joined(const struct check *c, iml_err *e)
{
    struct iml__ledger *l = c->l;
    size_t i = l->segments;
    while (i > 0 && joined_from(l, &l->segment[i - 1]) == l->segment[i - 1].list_to) i--;
    if (!i) return IML_OK;
    const struct iml__segment *s = &l->segment[i - 1];
    struct iml__lines it, behind;
    struct iml__line line, later;
    iml__lines_begin(&it, l->node[s->node].list, joined_from(l, s), s->list_to);
    while (!l->joined_differ && iml__lines_next(&it, &line)) {
        enum iml__match m;
        int64_t time;
        bool again = line.kind != IML__LINE_JOINED;
        iml__lines_begin(&behind, it.text, it.at, s->list_to);
        while (!again && iml__lines_next(&behind, &later))
            again = later.kind == IML__LINE_JOINED && strcmp(later.name, line.name) == 0;
        if (again) continue;
        bool known = iml__times_known(c->times, line.name, &time);
        IML_TRY(match(l->dirs, line.name, line.size, line.xxh3, false, c->times != NULL,
                      known ? &time : NULL, &m, e));
        l->joined_differ = m != IML__MATCH_SAME;
    }
    return IML_OK;
}

static iml_status check_redo(void *user, uint64_t unit, iml_err *e)
{
    struct check *c = user;
    return iml__ledger_push(&c->redo, &c->n, &c->cap, unit, e);
}

static iml_status load_times(struct check *c, iml_err *e)
{
    const struct iml__ledger *l = c->l;
    const char **name = iml__calloc(l->nodes, sizeof *name);
    if (!name) return iml__ledger_no_memory(e);
    for (size_t k = 0; k < l->nodes; k++) name[k] = l->node[k].name;
    iml_status st = iml__times_load(&c->times, l->dirs, name, l->nodes, e);
    IML_FREE(name);
    return st;
}

iml_status iml__ledger_check(struct iml__ledger *l, uint64_t boot, iml_err *e)
{
    struct check c = {.l = l};
    iml_status st = load_times(&c, e);
    if (!st) st = iml__bad_check(l, check_redo, &c, e);
    for (size_t i = 0; i < l->lives && !st; i++) {
        const struct iml__live *v = &l->live[i];
        const struct iml__segment *s = &l->segment[v->segment];
        const struct iml__record *begin = &l->node[s->node].rec[s->from];
        bool synced =
            v->rec < l->node[s->node].rec + s->synced || begin->bad == IML_DURABILITY_ITEM;
        bool deep = !synced && boot && begin->content && begin->content != boot;
        st = check_lines(&c, v, deep, e);
        if (!st && l->parts && !v->batch) st = check_parts(&c, v, deep, e);
    }
    if (!st && l->parts) st = check_joined(&c, e);
    for (size_t i = 0; i < c.n && !st; i++) {
        if (iml__past_clear(l->past, c.redo[i])) st = iml__ledger_no_memory(e);
        if (!st) st = iml__ledger_push(&l->redo, &l->nredo, &l->redo_cap, c.redo[i], e);
    }
    if (l->nredo) qsort(l->redo, l->nredo, sizeof *l->redo, iml__by_u64);
    IML_FREE(c.redo);
    iml__times_free(&c.times);
    return st;
}

iml_status iml__ledger_redo(struct iml__ledger *l, uint64_t unit, iml_err *e)
{
    if (iml__past_clear(l->past, unit)) return iml__ledger_no_memory(e);
    IML_TRY(iml__ledger_push(&l->redo, &l->nredo, &l->redo_cap, unit, e));
    qsort(l->redo, l->nredo, sizeof *l->redo, iml__by_u64);
    return IML_OK;
}
