// manifest.c: what closes a data set: aggregates, the united list of bad items, manifest.json.
//
// Everything in the manifest is a function of the data set alone: no time, host, path, worker or
// node, so that it obeys the promise of same bytes like the data (I8). Names are sorted once here;
// that is also where two items that wrote the same name are found. Its rename is the last change
// of a run (I5).
#include "src/engine/commit_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"

#define NO_ITEM UINT64_MAX // an aggregate

struct row {
    size_t name; // offset in names
    uint64_t item, size, xxh3;
};

struct table {
    struct iml__dirs *dirs;
    struct row *row;
    size_t n, cap;
    iml__str names, joined; // joined: lines for the node's list
    uint64_t items, bad, last_item;
    const struct iml__ledger *ledger;
};

static iml_status no_memory(const struct table *t, iml_err *e)
{
    return iml__sink_error(e, ENOMEM, "write", iml__dirs_root(t->dirs), "manifest.json");
}

static iml_status add_row(struct table *t, uint64_t item, const char *name, uint64_t size,
                          uint64_t xxh3, iml_err *e)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 256;
        struct row *grown = iml__realloc(t->row, cap, sizeof *grown);
        if (!grown) return no_memory(t, e);
        t->row = grown, t->cap = cap;
    }
    t->row[t->n++] = (struct row){t->names.n, item, size, xxh3};
    iml__str_add(&t->names, name, strlen(name) + 1);
    return t->names.failed ? no_memory(t, e) : IML_OK;
}

static iml_status take_line(void *user, const struct iml__ledger_node *node,
                            const struct iml__line *line, iml_err *e)
{
    struct table *t = user;
    (void)node;
    if (line->item != t->last_item) { // an item's lines stand together
        t->last_item = line->item;
        t->items++;
        t->bad += iml__past_is_bad(t->ledger->past, line->item);
    }
    if (line->kind != IML__LINE_FILE) return IML_OK;
    return add_row(t, line->item, line->name, line->size, line->xxh3, e);
}

static iml_status take_joined(void *user, const char *name, uint64_t size, uint64_t xxh3,
                              iml_err *e)
{
    struct table *t = user;
    iml__line_joined(&t->joined, name, size, xxh3);
    return add_row(t, NO_ITEM, name, size, xxh3, e);
}

static int by_name(const void *a, const void *b, void *names)
{
    const struct row *x = a, *y = b;
    const char *t = names;
    int k = strcmp(t + x->name, t + y->name);
    if (k) return k;
    return x->item < y->item ? -1 : x->item > y->item;
}

// Sorted rows; the same file recorded twice (by two nodes) counts once.
static iml_status sort_rows(struct table *t, iml_err *e)
{
    size_t n = 0;
    if (t->n) qsort_r(t->row, t->n, sizeof *t->row, by_name, t->names.p);
    for (size_t i = 0; i < t->n; i++) {
        const struct row *r = &t->row[i], *p = n ? &t->row[n - 1] : NULL;
        const char *name = t->names.p + r->name;
        if (p && strcmp(t->names.p + p->name, name) == 0) {
            if (p->item != r->item)
                return IML_FAIL(e, IML_EBUG,
                                "%.120s was written by two items, %lld and %lld; names "
                                "must differ",
                                name, (long long)p->item, (long long)r->item);
            if (p->size != r->size || p->xxh3 != r->xxh3)
                return IML_FAIL(e, IML_EBUG,
                                "item %llu was made twice and %.120s differs; its bytes "
                                "depend on more than settings, seed and index",
                                (unsigned long long)r->item, name);
            continue;
        }
        t->row[n++] = *r;
    }
    t->n = n;
    return IML_OK;
}

static iml_status content_of(struct table *t, struct iml__manifest *m, iml_err *e)
{
    iml__xxh3_state *h = iml__xxh3_new();
    if (!h) return no_memory(t, e);
    m->files = t->n, m->bytes = 0;
    for (size_t i = 0; i < t->n; i++) {
        const char *name = t->names.p + t->row[i].name;
        uint8_t two[16];
        for (int k = 0; k < 8; k++) {
            two[k] = (uint8_t)(t->row[i].size >> (8 * k));
            two[8 + k] = (uint8_t)(t->row[i].xxh3 >> (8 * k));
        }
        iml__xxh3_add(h, name, strlen(name) + 1);
        iml__xxh3_add(h, two, sizeof two);
        m->bytes += t->row[i].size;
    }
    m->content = iml__xxh3_end(h);
    iml__xxh3_free(&h);
    return IML_OK;
}

// ---- The text

// Samples of a shard: the number in the first line of its index.
static iml_status samples_of(struct iml__dirs *d, const char *tar, uint64_t *samples, iml_err *e)
{
    char name[64], head[32];
    size_t n = strlen(tar);
    if (n < 4 || n >= sizeof name) return IML_FAIL(e, IML_EBUG, "%.60s is no shard's name", tar);
    memcpy(name, tar, n + 1);
    memcpy(name + n - 3, "idx", 3);
    int fd = iml__openat(iml__dirs_root_fd(d), name, O_RDONLY | O_NOFOLLOW, 0);
    ssize_t got = fd < 0 ? -1 : iml__read_all(fd, head, sizeof head - 1);
    int sys = errno;
    iml__close(&fd);
    if (got < 0) return iml__sink_error(e, sys, "read", iml__dirs_root(d), name);
    head[got] = 0;
    char *stop = strchr(head, '\n');
    if (stop) *stop = 0;
    if (!stop || strncmp(head, "v1.2 ", 5) != 0 || !iml__parse_u64(head + 5, samples))
        return iml__sink_error(e, EIO, "read", iml__dirs_root(d), name);
    return IML_OK;
}

static iml_status shards_json(struct table *t, iml__jsonw *w, iml_err *e)
{
    iml__jsonw_key(w, "shards"), iml__jsonw_array(w);
    for (size_t i = 0; i < t->n; i++) {
        const char *name = t->names.p + t->row[i].name;
        size_t n = strlen(name);
        uint64_t samples;
        if (t->row[i].item == NO_ITEM || n < 4 || strcmp(name + n - 4, ".tar") != 0) continue;
        IML_TRY(samples_of(t->dirs, name, &samples, e));
        iml__jsonw_object(w), iml__jsonw_inline(w);
        iml__jsonw_key(w, "name"), iml__jsonw_str(w, name);
        iml__jsonw_key(w, "samples"), iml__jsonw_u64(w, samples);
        iml__jsonw_key(w, "bytes"), iml__jsonw_u64(w, t->row[i].size);
        iml__jsonw_key(w, "xxh3"), iml__jsonw_hex64(w, t->row[i].xxh3);
        iml__jsonw_end(w);
    }
    iml__jsonw_end(w);
    return IML_OK;
}

// The system's own object: its counters' sums under the command's name.
static void counters_json(const struct iml__set *s, const uint64_t *sum, iml__jsonw *w)
{
    if (!s->ncounters) return;
    iml__jsonw_key(w, s->command), iml__jsonw_object(w);
    iml__jsonw_key(w, "counters"), iml__jsonw_object(w);
    for (uint32_t i = 0; i < s->ncounters; i++) {
        char number[16];
        (void)snprintf(number, sizeof number, "%u", i);
        bool named = s->counter_names && s->counter_names[i] && *s->counter_names[i];
        if (!named && !sum[i]) continue; // a large table of unnamed counters: what is not 0
        iml__jsonw_key(w, named ? s->counter_names[i] : number);
        iml__jsonw_u64(w, sum[i]);
    }
    iml__jsonw_end(w);
    iml__jsonw_end(w);
}

static iml_status text_of(struct table *t, const struct iml__set *s, const struct iml__manifest *m,
                          const uint64_t *sum, iml__str *text, iml_err *e)
{
    iml__jsonw w;
    iml__jsonw_init(&w, text, 1);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "imloom"), iml__jsonw_u64(&w, 1);
    iml__jsonw_key(&w, "program"), iml__jsonw_str(&w, IML_VERSION);
    iml__jsonw_key(&w, "command"), iml__jsonw_str(&w, s->command);
    iml__jsonw_key(&w, "config"), iml__jsonw_hex64(&w, s->config);
    iml__jsonw_key(&w, "plan"), iml__jsonw_hex64(&w, s->plan);
    iml__jsonw_key(&w, "seed"), iml__jsonw_u64(&w, s->seed);
    iml__jsonw_key(&w, "items"), iml__jsonw_u64(&w, m->items);
    iml__jsonw_key(&w, "ok"), iml__jsonw_u64(&w, m->ok);
    iml__jsonw_key(&w, "bad"), iml__jsonw_u64(&w, m->bad);
    iml__jsonw_key(&w, "files"), iml__jsonw_u64(&w, m->files);
    iml__jsonw_key(&w, "bytes"), iml__jsonw_u64(&w, m->bytes);
    iml__jsonw_key(&w, "content"), iml__jsonw_hex64(&w, m->content);
    iml__jsonw_key(&w, "settings"), iml__jsonw_raw(&w, s->settings ? s->settings : "{}");
    iml__jsonw_key(&w, "versions"), iml__jsonw_raw(&w, s->versions ? s->versions : "{}");
    iml__jsonw_key(&w, "inputs"), iml__jsonw_raw(&w, s->inputs ? s->inputs : "{}");
    counters_json(s, sum, &w);
    if (strcmp(s->sink, "tar") == 0) IML_TRY(shards_json(t, &w, e));
    uint64_t all = iml__xxh3(text->p, text->n);
    iml__jsonw_key(&w, "sum"), iml__jsonw_hex64(&w, all);
    iml__jsonw_end(&w);
    iml__str_addc(text, '\n');
    return text->failed ? no_memory(t, e) : IML_OK;
}

// ---- Making it

uint64_t iml__set_missing_of(const struct iml__set *s, const struct iml__ledger *l, uint32_t share,
                             uint32_t of)
{
    uint64_t units = (s->count + s->unit_items - 1) / s->unit_items, missing = 0;
    for (uint64_t u = share; u < units; u += of) {
        uint32_t want = (uint32_t)IML_MIN((uint64_t)s->unit_items, s->count - u * s->unit_items);
        uint32_t have = iml__ledger_redone(l, u) ? 0 : iml__past_span(l->past, u);
        if (have < want) missing += want - have;
    }
    return missing;
}

uint64_t iml__set_missing(const struct iml__set *s, const struct iml__ledger *l)
{
    if (s->unit_items > 1) return iml__set_missing_of(s, l, 0, 1);
    uint64_t covered = iml__past_covered(l->past);
    if (iml__past_next_open(l->past, 0, s->count) == UINT64_MAX) return 0;
    return covered < s->count ? s->count - covered : 1;
}

static struct iml__join_conf join_conf(const struct table *t, const char *node,
                                       const struct iml__set *s, uint64_t *sum, bool sync)
{
    return (struct iml__join_conf){.dirs = t->dirs,
                                   .node = node,
                                   .aggregates = &s->aggregates,
                                   .units = (s->count + s->unit_items - 1) / s->unit_items,
                                   .ncounters = s->ncounters,
                                   .sum = sum,
                                   .sync = sync};
}

static iml_status join(struct table *t, const char *node, const struct iml__set *s, uint64_t *sum,
                       bool sync, iml_status (*list)(void *user, const iml__str *lines, iml_err *e),
                       void *user, iml_err *e)
{
    if (!s->parts) return IML_OK;
    size_t first = t->n;
    struct iml__join_conf conf = join_conf(t, node, s, sum, sync);
    iml_status st = iml__join(&conf, take_joined, t, e);
    if (!st && t->joined.failed) st = no_memory(t, e);
    for (size_t i = first; i < t->n && !st; i++)
        st = iml__claim(t->dirs, t->names.p + t->row[i].name, t->row[i].size, t->row[i].xxh3, e);
    if (!st && t->joined.n) st = list(user, &t->joined, e);
    size_t i = first;
    for (; i < t->n && !st; i++)
        st = iml__tmp_rename(t->dirs, t->names.p + t->row[i].name, node, e);
    for (i = first; i < t->n && st; i++)
        iml__tmp_remove(t->dirs, t->names.p + t->row[i].name, node);
    return st;
}

static iml_status make(struct table *t, const char *node, const struct iml__set *s, uint64_t *sum,
                       int durability,
                       iml_status (*list)(void *user, const iml__str *lines, iml_err *e),
                       void *user, struct iml__manifest *m, iml_err *e)
{
    bool sync = durability != IML_DURABILITY_PROCESS;
    IML_TRY(iml__ledger_each(t->ledger, take_line, t, e));
    IML_TRY(join(t, node, s, sum, sync, list, user, e));
    IML_TRY(sort_rows(t, e));
    IML_TRY(content_of(t, m, e));
    if (s->unit_items == 1)
        m->items = t->items, m->bad = t->bad;
    else
        m->items = t->ledger->ok + t->ledger->bad, m->bad = t->ledger->bad;
    m->ok = m->items - m->bad;
    if (sync) IML_TRY(iml__dirs_sync(t->dirs, e));
    iml__str text;
    iml__str_init(&text, (size_t)1 << 32);
    iml_status st = text_of(t, s, m, sum, &text, e);
    if (!st) st = iml__file_write(t->dirs, "manifest.json", node, text.p, text.n, durability, e);
    iml__str_free(&text);
    return st;
}

iml_status iml__manifest_make(struct iml__dirs *d, const char *node, const struct iml__set *s,
                              const struct iml__ledger *l, int durability,
                              iml_status (*list)(void *user, const iml__str *lines, iml_err *e),
                              void *user, struct iml__manifest *m, iml_err *e)
{
    struct table t = {.dirs = d, .ledger = l, .last_item = UINT64_MAX};
    *m = (struct iml__manifest){0};
    if (l->conflict)
        return IML_FAIL(e, IML_EBUG,
                        "unit %llu was made by %s and %s with different bytes; they "
                        "depend on more than settings, seed and index",
                        (unsigned long long)l->conflict_unit, l->node[l->conflict_node[0]].name,
                        l->node[l->conflict_node[1]].name);
    iml__str_init(&t.names, (size_t)1 << 40);
    iml__str_init(&t.joined, (size_t)1 << 30);
    uint64_t *sum = iml__calloc(s->ncounters, sizeof *sum);
    iml_status st = sum ? IML_OK : no_memory(&t, e);
    if (!st) st = iml__bad_unite(d, node, l, durability, e);
    if (!st) st = make(&t, node, s, sum, durability, list, user, m, e);
    IML_FREE(sum);
    IML_FREE(t.row);
    iml__str_free(&t.names);
    iml__str_free(&t.joined);
    return st;
}

iml_status iml__set_content(struct iml__dirs *d, const struct iml__set *s,
                            const struct iml__ledger *l, uint64_t *content, iml_err *e)
{
    struct table t = {.dirs = d, .ledger = l, .last_item = UINT64_MAX};
    struct iml__manifest m = {0};
    iml__str_init(&t.names, (size_t)1 << 40);
    iml__str_init(&t.joined, (size_t)1 << 30);
    uint64_t *sum = iml__calloc(s->ncounters, sizeof *sum);
    struct iml__join_conf conf = join_conf(&t, NULL, s, sum, false);
    iml_status st = sum ? iml__ledger_each(l, take_line, &t, e) : no_memory(&t, e);
    if (!st && s->parts) st = iml__join(&conf, take_joined, &t, e);
    if (!st) st = sort_rows(&t, e);
    if (!st) st = content_of(&t, &m, e);
    *content = m.content;
    IML_FREE(sum);
    IML_FREE(t.row);
    iml__str_free(&t.names);
    iml__str_free(&t.joined);
    return st;
}

// ---- Reading it

// Whether the text ends in the sum of what stands before it.
static bool sound(const char *p, size_t n)
{
    char tail[40];
    const size_t len = sizeof ",\n \"sum\": \"0123456789abcdef\"\n}\n" - 1;
    if (n < len) return false;
    (void)snprintf(tail, sizeof tail, ",\n \"sum\": \"%016llx\"\n}\n",
                   (unsigned long long)iml__xxh3(p, n - len));
    return !memcmp(p + n - len, tail, len);
}

iml_status iml__manifest_read(struct iml__dirs *d, struct iml__manifest *m, bool *found, iml_err *e)
{
    char *p;
    size_t n;
    struct stat at;
    iml__jsonr r;
    enum iml__json_type t;
    *m = (struct iml__manifest){0};
    *found = false;
    if (iml__fstatat(iml__dirs_root_fd(d), "manifest.json", &at, AT_SYMLINK_NOFOLLOW) < 0 &&
        errno == ENOENT)
        return IML_OK;
    IML_TRY(iml__file_read_heap(iml__dirs_root_fd(d), "manifest.json", (size_t)1 << 32, &p, &n, e));
    if (!sound(p, n)) {
        IML_FREE(p);
        return IML_FAIL(e, IML_EINPUT, "it was changed since it was written");
    }
    iml__jsonr_init(&r, "manifest.json", p, n);
    iml_status st = iml__jsonr_next(&r, &t, e);
    if (!st && t != IML__JSON_OBJECT) st = IML_FAIL(e, IML_EINPUT, "manifest.json is no object");
    while (!st && !(st = iml__jsonr_next(&r, &t, e)) && t == IML__JSON_KEY) {
        const struct {
            const char *key;
            uint64_t *to;
        } number[] = {
            {"items", &m->items}, {"ok", &m->ok},       {"bad", &m->bad},
            {"files", &m->files}, {"bytes", &m->bytes},
        };
        uint64_t *to = NULL;
        for (size_t i = 0; i < IML_COUNT_OF(number); i++)
            if (strcmp(iml__str_text(&r.token), number[i].key) == 0) to = number[i].to;
        if (to) {
            st = iml__jsonr_u64(&r, to, e);
        } else if (strcmp(iml__str_text(&r.token), "content") == 0) {
            const char *hex = "";
            st = iml__jsonr_str(&r, &hex, e);
            for (; !st && *hex; hex++)
                m->content =
                    m->content << 4 | (uint64_t)(*hex <= '9' ? *hex - '0' : *hex - 'a' + 10);
        } else {
            st = iml__jsonr_skip(&r, e);
        }
    }
    iml__jsonr_free(&r);
    IML_FREE(p);
    *found = !st;
    return st;
}
