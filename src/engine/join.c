// join.c: aggregates out of the parts of finished units.
//
// Two passes. The first reads every unit file: counters, the names of parts that no aggregate
// declares, and tables, which are added up in memory (their keys are a vocabulary, not items). The
// second makes one file after the other, walking the unit files again for each stretch of pieces:
// they are small, and nothing has to be kept. The same code tells sizes and hashes without writing
// (node NULL), which is how verify knows what an aggregate must be.
#include "src/engine/aggregate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/engine/parts.h"
#include "src/engine/table.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"

enum { CHUNK = 1 << 16 };

struct join {
    const struct iml__join_conf *c;
    struct iml__table **table; // [npieces]; NULL: pieces that are joined
    char **plain;              // names of parts that are not declared
    size_t nplain;
    uint8_t *chunk;
    iml_err *e;
};

struct output { // one aggregate
    struct join *j;
    const char *name;
    int fd;
    uint64_t size;
    iml__xxh3_state *hash;
    int sys; // the first failed write
};

static iml_status no_memory(iml_err *e)
{
    return iml__sink_error(e, ENOMEM, "join", NULL, "the pieces of label files");
}

static iml_status part_error(const struct join *j, int sys, const char *verb, const char *name)
{
    return iml__sink_error(j->e, sys, verb, iml__dirs_root(j->c->dirs), name);
}

// ---- Units and their parts

static iml_status unit_file(const struct join *j, uint64_t unit, struct iml__unit_file *u)
{
    iml__str text;
    iml__str_init(&text, (size_t)1 << 30);
    iml_status st = iml__unit_text(j->c->dirs, unit, &text, j->e);
    if (!st) st = iml__unit_parse(iml__str_text(&text), text.n, u, j->e);
    iml__str_free(&text);
    if (st == IML_ENOMEM) return no_memory(j->e);
    if (!st) return IML_OK;
    char name[64];
    iml__unit_name(name, unit);
    return part_error(j, EIO, "read", name);
}

static iml_status open_part(const struct join *j, const struct iml__part *p, uint64_t unit,
                            char name[320], int *fd)
{
    if (!iml__part_name(name, p->name, unit)) return part_error(j, EIO, "read", p->name);
    *fd = iml__openat(iml__dirs_root_fd(j->c->dirs), name, O_RDONLY | O_NOFOLLOW, 0);
    return *fd < 0 ? part_error(j, errno, "open", name) : IML_OK;
}

static iml_status add_to_table(const struct join *j, struct iml__table *t,
                               const struct iml__part *p, uint64_t unit)
{
    char name[320];
    int fd, sys = 0;
    IML_TRY(open_part(j, p, unit, name, &fd));
    char *text = p->size < (uint64_t)1 << 40 ? iml__alloc((size_t)p->size + 1) : NULL;
    iml_status st = text ? IML_OK : no_memory(j->e);
    if (text && iml__read_all(fd, text, (size_t)p->size) != (ssize_t)p->size) sys = EIO;
    if (text && !sys && iml__xxh3(text, (size_t)p->size) != p->xxh3) sys = EIO;
    if (text && !sys) {
        st = iml__table_add(t, text, (size_t)p->size, j->e);
        if (st == IML_EINPUT) sys = EIO;
        if (st == IML_ENOMEM) st = no_memory(j->e);
    }
    iml__close(&fd);
    IML_FREE(text);
    return sys ? part_error(j, sys, "join", name) : st;
}

static iml_status note_plain(struct join *j, const char *name)
{
    for (size_t k = 0; k < j->nplain; k++)
        if (strcmp(j->plain[k], name) == 0) return IML_OK;
    char **grown = iml__realloc(j->plain, j->nplain + 1, sizeof *grown);
    if (!grown) return no_memory(j->e);
    j->plain = grown;
    if (!(j->plain[j->nplain] = iml__strdup(name))) return no_memory(j->e);
    j->nplain++;
    return IML_OK;
}

static iml_status first_look(struct join *j, uint64_t unit)
{
    const struct iml__aggregates *g = j->c->aggregates;
    struct iml__unit_file u;
    IML_TRY(unit_file(j, unit, &u));
    iml_status st = IML_OK;
    for (size_t i = 0; i < u.parts && !st; i++) {
        const iml_pieces *p = iml__pieces_find(g, u.part[i].name);
        if (!p)
            st = note_plain(j, u.part[i].name);
        else if (p->columns)
            st = add_to_table(j, j->table[p - g->pieces], &u.part[i], unit);
    }
    for (size_t i = 0; i < u.counters; i++)
        if (u.counter[i].id < j->c->ncounters) j->c->sum[u.counter[i].id] += u.counter[i].sum;
    iml__unit_file_free(&u);
    return st;
}

// ---- Writing

static void add(void *to, const char *p, size_t n)
{
    struct output *o = to;
    if (o->sys || !n) return;
    if (o->fd >= 0 && iml__write_all(o->fd, p, n) < 0) {
        o->sys = errno;
        return;
    }
    iml__xxh3_add(o->hash, p, n);
    o->size += n;
}

static iml_status add_part(struct output *o, const struct iml__part *p, uint64_t unit)
{
    struct join *j = o->j;
    char name[320];
    int fd;
    IML_TRY(open_part(j, p, unit, name, &fd));
    int sys = 0;
    for (uint64_t left = p->size; left && !sys && !o->sys;) {
        size_t k = (size_t)IML_MIN(left, (uint64_t)CHUNK);
        ssize_t r = iml__read_all(fd, j->chunk, k);
        if (r != (ssize_t)k)
            sys = r < 0 ? errno : EIO; // shorter than it was
        else
            add(o, (const char *)j->chunk, k);
        left -= k;
    }
    iml__close(&fd);
    return sys ? part_error(j, sys, "join", name) : IML_OK;
}

static iml_status add_pieces(struct output *o, const char *pieces, const char *between)
{
    struct join *j = o->j;
    bool any = false;
    iml_status st = IML_OK;
    for (uint64_t unit = 0; unit < j->c->units && !st && !o->sys; unit++) {
        struct iml__unit_file u;
        IML_TRY(unit_file(j, unit, &u));
        for (size_t i = 0; i < u.parts && !st; i++) {
            if (strcmp(u.part[i].name, pieces) != 0 || !u.part[i].size) continue;
            if (any && between) add(o, between, strlen(between));
            any = true;
            st = add_part(o, &u.part[i], unit);
        }
        iml__unit_file_free(&u);
    }
    return st;
}

static iml_status add_table(struct output *o, const iml_pieces *p)
{
    iml__str text;
    iml__str_init(&text, (size_t)1 << 40);
    iml_status st = iml__table_text(o->j->table[p - o->j->c->aggregates->pieces], &text, o->j->e);
    if (!st) add(o, text.p, text.n);
    iml__str_free(&text);
    return st ? no_memory(o->j->e) : IML_OK;
}

static iml_status render(struct output *o, const iml_aggregate *g)
{
    const struct iml__aggregates *a = o->j->c->aggregates;
    const iml_table_row *row;
    size_t n;
    struct iml__table *t = o->j->table[iml__pieces_find(a, g->table) - a->pieces];
    if (iml__table_rows(t, &row, &n, o->j->e)) return no_memory(o->j->e);
    if (!g->render) return IML_FAIL(o->j->e, IML_EBUG, "%.100s: nobody renders it", g->name);
    iml_status st = g->render(a->context, row, n, add, o, o->j->e);
    return st == IML_ENOMEM ? no_memory(o->j->e) : st;
}

static iml_status fill(struct output *o, const iml_aggregate *g)
{
    const struct iml__aggregates *a = o->j->c->aggregates;
    if (!g) return add_pieces(o, o->name, NULL);
    if (g->table) return render(o, g);
    for (uint32_t k = 0; k < g->nsections; k++) {
        const iml_section *s = &g->section[k];
        const iml_pieces *p = s->pieces ? iml__pieces_find(a, s->pieces) : NULL;
        if (s->text) add(o, s->text, strlen(s->text));
        if (p && p->columns) IML_TRY(add_table(o, p));
        if (p && !p->columns) IML_TRY(add_pieces(o, p->name, p->between));
    }
    return IML_OK;
}

// g NULL: a plain name. *made: a temporary file may stand.
static iml_status make(struct join *j, const char *name, const iml_aggregate *g, uint64_t *size,
                       uint64_t *xxh3)
{
    const struct iml__join_conf *c = j->c;
    struct output o = {.j = j, .name = name, .fd = -1};
    if (!(o.hash = iml__xxh3_new())) return no_memory(j->e);
    iml_status st = c->node ? iml__tmp_create(c->dirs, name, c->node, &o.fd, j->e) : IML_OK;
    if (!st) st = fill(&o, g);
    if (!st && !o.sys && c->sync && o.fd >= 0 && iml__fdatasync(o.fd) < 0) o.sys = errno;
    if (iml__close(&o.fd) < 0 && !o.sys) o.sys = errno;
    if (!st && o.sys) st = part_error(j, o.sys, "write", name);
    *size = o.size, *xxh3 = iml__xxh3_end(o.hash);
    iml__xxh3_free(&o.hash);
    return st;
}

// ---- All of them

struct file {
    const char *name;
    const iml_aggregate *aggregate; // NULL: plain
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

static iml_status make_all(struct join *j, struct file *f, size_t n,
                           iml_status (*joined)(void *user, const char *name, uint64_t size,
                                                uint64_t xxh3, iml_err *e),
                           void *user)
{
    size_t k = 0;
    iml_status st = IML_OK;
    for (; k < n && !st; k++) {
        uint64_t size = 0, xxh3 = 0;
        if (k && strcmp(f[k].name, f[k - 1].name) == 0)
            st = IML_FAIL(j->e, IML_EBUG, "%.100s is two aggregates", f[k].name);
        if (!st) st = make(j, f[k].name, f[k].aggregate, &size, &xxh3);
        if (!st) st = joined(user, f[k].name, size, xxh3, j->e);
    }
    for (size_t i = 0; i < k && st && j->c->node; i++)
        iml__tmp_remove(j->c->dirs, f[i].name, j->c->node);
    return st;
}

static iml_status tables(struct join *j)
{
    const struct iml__aggregates *g = j->c->aggregates;
    j->table = iml__calloc(g->npieces, sizeof(struct iml__table *));
    if (!j->table) return no_memory(j->e);
    for (uint32_t k = 0; k < g->npieces; k++)
        if (g->pieces[k].columns && iml__table_new(&j->table[k], g->pieces[k].columns, j->e))
            return no_memory(j->e);
    return IML_OK;
}

// ---- Rows of bad items, out of the united list

static void flat_text(iml__str *s, const char *text)
{
    for (; *text; text++) iml__str_addc(s, (unsigned char)*text < 0x20 ? ' ' : *text);
}

static iml_status bad_row(iml__jsonr *r, const char *word, iml__str *row, iml_err *e)
{
    uint64_t index = 0, signal = 0;
    enum iml__json_type t;
    iml__str label, why;
    iml__str_init(&label, 1 << 20), iml__str_init(&why, 1 << 20);
    iml_status st = iml__jsonr_next(r, &t, e);
    while (!st && !(st = iml__jsonr_next(r, &t, e)) && t == IML__JSON_KEY) {
        char key[16];
        (void)snprintf(key, sizeof key, "%.15s", iml__str_text(&r->token));
        iml__str *to = !strcmp(key, "path") ? &label : !strcmp(key, "message") ? &why : NULL;
        if (!strcmp(key, "index"))
            st = iml__jsonr_u64(r, &index, e);
        else if (!strcmp(key, "signal"))
            st = iml__jsonr_u64(r, &signal, e);
        else if (!to)
            st = iml__jsonr_skip(r, e);
        else if (!(st = iml__jsonr_next(r, &t, e)) && t == IML__JSON_STRING)
            flat_text(to, iml__str_text(&r->token));
    }
    if (!st)
        iml__str_addf(row, "%s\t%012llu\t%llu\t%s\t%s\n", word, (unsigned long long)index,
                      (unsigned long long)signal, iml__str_text(&label), iml__str_text(&why));
    if (label.failed || why.failed || row->failed) st = IML_ENOMEM;
    iml__str_free(&label), iml__str_free(&why);
    return st;
}

static iml_status bad_rows(const struct join *j, struct iml__table *t, const char *word)
{
    static const char name[] = ".imloom/bad.jsonl";
    char *p;
    size_t n;
    struct stat at;
    iml__str row;
    int dir = iml__dirs_root_fd(j->c->dirs);
    if (iml__fstatat(dir, name, &at, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) return IML_OK;
    iml_status st = iml__file_read_heap(dir, name, (uint64_t)1 << 36, &p, &n, j->e);
    if (st) return st == IML_ENOMEM ? no_memory(j->e) : part_error(j, EIO, "read", name);
    iml__str_init(&row, (size_t)1 << 36);
    for (size_t from = 0; from < n && !st;) {
        const char *end = memchr(p + from, '\n', n - from);
        size_t len = end ? (size_t)(end - (p + from)) : n - from;
        iml__jsonr r;
        iml__jsonr_init(&r, name, p + from, len);
        st = bad_row(&r, word, &row, NULL);
        iml__jsonr_free(&r);
        from += len + 1;
    }
    if (!st && row.n) st = iml__table_add(t, row.p, row.n, NULL);
    iml__str_free(&row);
    IML_FREE(p);
    if (!st) return IML_OK;
    return st == IML_ENOMEM ? no_memory(j->e) : part_error(j, EIO, "read", name);
}

static iml_status all_bad_rows(struct join *j)
{
    const struct iml__aggregates *g = j->c->aggregates;
    for (uint32_t k = 0; k < g->naggregates; k++) { // the same row again is the same row
        const iml_aggregate *f = &g->aggregate[k];
        if (!f->bad) continue;
        IML_TRY(bad_rows(j, j->table[iml__pieces_find(g, f->table) - g->pieces], f->bad));
    }
    return IML_OK;
}

iml_status iml__join(const struct iml__join_conf *c,
                     iml_status (*joined)(void *user, const char *name, uint64_t size,
                                          uint64_t xxh3, iml_err *e),
                     void *user, iml_err *e)
{
    const struct iml__aggregates *g = c->aggregates;
    struct join j = {.c = c, .chunk = iml__alloc(CHUNK), .e = e};
    struct file *f = NULL;
    iml_status st = j.chunk ? tables(&j) : no_memory(e);
    for (uint64_t u = 0; u < c->units && !st; u++) st = first_look(&j, u);
    if (!st) st = all_bad_rows(&j);
    size_t n = j.nplain + g->naggregates;
    if (!st && !(f = iml__calloc(n, sizeof *f))) st = no_memory(e);
    for (size_t k = 0; k < j.nplain && !st; k++) f[k].name = j.plain[k];
    for (uint32_t k = 0; k < g->naggregates && !st; k++)
        f[j.nplain + k] = (struct file){g->aggregate[k].name, &g->aggregate[k]};
    if (!st && n) qsort(f, n, sizeof *f, by_name);
    if (!st) st = make_all(&j, f, n, joined, user);
    for (size_t k = 0; k < j.nplain; k++) IML_FREE(j.plain[k]);
    for (uint32_t k = 0; j.table && k < g->npieces; k++) iml__table_free(&j.table[k]);
    IML_FREE(j.plain), IML_FREE(j.table), IML_FREE(j.chunk), IML_FREE(f);
    return st;
}
