// verify.c: a finished data set against its manifest, its journals and its own indexes.
//
// Verify changes nothing and believes nothing: what the journals record is compared with the disk,
// the manifest's sums are made again from the records, a shard's indexes are read and their members
// compared with the archive's. Files that nobody recorded are findings too, since a loader would
// read them.
#include "src/engine/merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/engine/commit_in.h"
#include "src/io/shardidx.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"

struct verify {
    struct iml__dirs *dirs;
    bool quick;
    void (*found)(void *user, const struct iml__finding *f);
    void *user;
    struct iml__verified *v;
    iml__str names; // recorded names
    size_t *name;   // offsets, sorted by text in the end
    size_t n, cap;
    const char *root;
    iml_err *e;
};

static void find(struct verify *v, const char *path, const char *cause)
{
    struct iml__finding f = {path, cause};
    v->v->findings++;
    if (v->found) v->found(v->user, &f);
}

static iml_status no_memory(struct verify *v)
{
    return IML_FAIL(v->e, IML_ENOMEM, "no memory to verify %.120s", v->root);
}

static iml_status note(struct verify *v, const char *name)
{
    if (v->n == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 256;
        size_t *grown = iml__realloc(v->name, cap, sizeof *grown);
        if (!grown) return no_memory(v);
        v->name = grown, v->cap = cap;
    }
    v->name[v->n++] = v->names.n;
    iml__str_add(&v->names, name, strlen(name) + 1);
    return v->names.failed ? no_memory(v) : IML_OK;
}

static iml_status check_file(struct verify *v, const char *name, uint64_t size, uint64_t xxh3)
{
    static const char *const causes[] = {"", "it is missing", "its size is not the recorded one",
                                         "its content is not the recorded one"};
    enum iml__match m;
    iml_err inner = {0};
    v->v->files++, v->v->bytes += size;
    if (iml__ledger_match(v->dirs, name, size, xxh3, !v->quick, &m, &inner))
        find(v, name, inner.msg);
    else if (m != IML__MATCH_SAME)
        find(v, name, causes[m]);
    return note(v, name);
}

// ---- A shard's indexes

struct in_step {
    const struct iml__imx *x;
    uint64_t at;
    bool differs;
};

static iml_status compare_member(void *user, uint64_t sample, const struct iml__idx_member *m,
                                 iml_err *e)
{
    struct in_step *s = user;
    (void)sample, (void)e;
    if (s->at >= s->x->members || s->x->member[s->at].offset != m->offset ||
        s->x->member[s->at].size != m->size)
        s->differs = true;
    s->at++;
    return IML_OK;
}

// Every member of the binary index against the archive's bytes.
static const char *compare_archive(const struct verify *v, const char *tar,
                                   const struct iml__imx *x)
{
    int fd = iml__openat(iml__dirs_root_fd(v->dirs), tar, O_RDONLY | O_NOFOLLOW, 0);
    const char *fault = fd < 0 ? "it cannot be opened" : NULL;
    for (uint64_t i = 0; i < x->members && !fault; i++) {
        const struct iml__imx_member *m = &x->member[i];
        if (m->size > (uint64_t)1 << 34) continue; // its bytes were hashed with the archive's
        uint8_t *p = iml__alloc((size_t)m->size);
        if (!p)
            fault = "no memory to read a member";
        else if (iml__pread_all(fd, p, (size_t)m->size, m->offset) != (ssize_t)m->size ||
                 iml__xxh3(p, (size_t)m->size) != m->hash)
            fault = "a member is not what the index says";
        IML_FREE(p);
    }
    iml__close(&fd);
    return fault;
}

static iml_status check_shard(struct verify *v, const char *tar, uint64_t size)
{
    char idx[64], imx[64], *text = NULL, *bin = NULL;
    size_t n = strlen(tar), text_n, bin_n;
    struct iml__imx x;
    uint64_t samples;
    iml_err inner = {0};
    if (n >= sizeof idx) return IML_OK;
    memcpy(idx, tar, n + 1), memcpy(imx, tar, n + 1);
    memcpy(idx + n - 3, "idx", 3), memcpy(imx + n - 3, "imx", 3);
    int root = iml__dirs_root_fd(v->dirs);
    if (iml__file_read_heap(root, idx, (uint64_t)1 << 36, &text, &text_n, &inner) ||
        iml__file_read_heap(root, imx, (uint64_t)1 << 36, &bin, &bin_n, &inner)) {
        find(v, tar, inner.msg);
    } else if (iml__imx_read(imx, bin, bin_n, &x, &inner)) {
        find(v, imx, inner.msg);
    } else {
        struct in_step s = {.x = &x};
        if (x.tar_size != size) find(v, imx, "it was made for an archive of another size");
        if (iml__idx_read(idx, text, text_n, compare_member, &s, &samples, &inner))
            find(v, idx, inner.msg);
        else if (s.differs || s.at != x.members || samples != x.samples)
            find(v, idx, "it does not say what the other index says");
        const char *fault = v->quick ? NULL : compare_archive(v, tar, &x);
        if (fault) find(v, tar, fault);
    }
    IML_FREE(text);
    IML_FREE(bin);
    return IML_OK;
}

static iml_status check_line(void *user, const struct iml__ledger_node *node,
                             const struct iml__line *line, iml_err *e)
{
    struct verify *v = user;
    (void)node, (void)e;
    if (line->kind != IML__LINE_FILE) return IML_OK;
    size_t before = (size_t)v->v->findings, n = strlen(line->name);
    IML_TRY(check_file(v, line->name, line->size, line->xxh3));
    bool tar =
        n > 4 && strcmp(line->name + n - 4, ".tar") == 0 && strncmp(line->name, "shard-", 6) == 0;
    return tar && v->v->findings == before ? check_shard(v, line->name, line->size) : IML_OK;
}

// ---- Aggregates: what their parts say they must be

static iml_status check_joined(void *user, const char *name, uint64_t size, uint64_t xxh3,
                               iml_err *e)
{
    (void)e;
    return check_file(user, name, size, xxh3);
}

static iml_status check_aggregates(struct verify *v, const struct iml__set *s)
{
    uint64_t units = (s->count + s->unit_items - 1) / s->unit_items, *sum;
    iml_err inner = {0};
    if (!s->parts || v->v->missing) return IML_OK;
    if (!(sum = iml__calloc(s->ncounters, sizeof *sum))) return no_memory(v);
    struct iml__join_conf conf = {.dirs = v->dirs,
                                  .aggregates = &s->aggregates,
                                  .units = units,
                                  .ncounters = s->ncounters,
                                  .sum = sum};
    iml_status st = iml__join(&conf, check_joined, v, &inner);
    IML_FREE(sum);
    if (st) find(v, ".imloom/parts", inner.msg);
    return IML_OK;
}

// ---- Strangers

static int by_text(const void *a, const void *b, void *names)
{
    return strcmp((char *)names + *(const size_t *)a, (char *)names + *(const size_t *)b);
}

static bool known(const struct verify *v, const char *name)
{
    size_t lo = 0, hi = v->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int k = strcmp(v->names.p + v->name[mid], name);
        if (k == 0) return true;
        if (k < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

static void look_for_temporaries(struct verify *v, int dir, const char *below, int depth)
{
    struct iml__dirread *r = iml__alloc(sizeof *r);
    const char *name;
    enum iml__entry_type type;
    int more = r ? iml__dirread_open(r, dir, ".") : -1;
    while (more >= 0 && (more = iml__dirread_next(r, &name, &type)) > 0) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s%s%s", below, *below ? "/" : "", name);
        if (type == IML__ENTRY_FILE && iml__tmp_is(name, NULL))
            find(v, path, "a temporary file was left");
        if (type != IML__ENTRY_DIR || depth > 64) continue;
        int sub = iml__openat(r->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (sub >= 0) look_for_temporaries(v, sub, path, depth + 1);
        iml__close(&sub);
    }
    if (r) iml__dirread_close(r);
    IML_FREE(r);
}

// Whether the hash of the first unit that does not match must fail by its lines.
static bool unit_file_reads(const struct verify *v, const struct iml__ledger *l)
{
    iml__str text;
    iml__str_init(&text, (size_t)1 << 30);
    bool ok = !l->parts || iml__unit_text(v->dirs, l->redo[0], &text, NULL) == IML_OK;
    iml__str_free(&text);
    return ok;
}

// A damaged list or journal makes strangers of all that it named: it is the finding, not they.
// After a run has mended the set, old damage is of no concern any more; a torn end is cut then.
static bool damaged_records(struct verify *v, const struct iml__ledger *l)
{
    bool any = false;
    for (size_t i = 0; i < l->nodes; i++) {
        const struct iml__ledger_node *k = &l->node[i];
        if (!v->v->missing && k->list_n == k->list_size) continue;
        char name[96], text[96];
        struct iml__lines it;
        struct iml__line line = {0};
        uint64_t at = 1, end = 0;
        bool bad = false;
        (void)snprintf(name, sizeof name, ".imloom/journal.%s", k->name);
        (void)snprintf(text, sizeof text, "it is damaged at byte %llu; run the same command again",
                       (unsigned long long)k->good);
        if (k->good < k->size) find(v, name, text), any = true;
        for (size_t r = 0; r < k->n; r++)
            if (k->rec[r].type == IML__REC_BATCH) end = IML_MAX(end, k->rec[r].bytes);
        iml__lines_begin(&it, k->list, 0, k->list_n);
        for (; !bad && iml__lines_next(&it, &line); at += !bad) bad = line.kind == IML__LINE_BAD;
        bool cut = k->list_n < k->list_size || k->list_n < end;
        (void)snprintf(name, sizeof name, ".imloom/files.%s.jsonl", k->name);
        (void)snprintf(text, sizeof text, "it is %s at line %llu; run the same command again",
                       bad ? "damaged" : "cut", (unsigned long long)at);
        if (bad || cut)
            find(v, name, text), any = true;
        else if (l->nredo && unit_file_reads(v, l))
            find(v, name, "its hash differs from the journal's; run the same command again"),
                any = true;
    }
    return any;
}

static iml_status look_for_strangers(struct verify *v, const struct iml__ledger *l)
{
    struct iml__walk *w;
    struct iml__walk_opts o = {.hidden = true};
    if (v->n) qsort_r(v->name, v->n, sizeof *v->name, by_text, v->names.p);
    IML_TRY(iml__walk(v->root, &o, &w, v->e));
    bool damaged = damaged_records(v, l);
    for (size_t i = 0; i < w->n && !damaged; i++)
        if (strcmp(w->entry[i].path, "manifest.json") != 0 && !known(v, w->entry[i].path))
            find(v, w->entry[i].path, "it belongs to no item");
    iml__walk_free(&w);
    look_for_temporaries(v, iml__dirs_root_fd(v->dirs), "", 0);
    return IML_OK;
}

// ---- The whole

static iml_status check_manifest(struct verify *v, const struct iml__set *s,
                                 const struct iml__ledger *l)
{
    struct iml__manifest m;
    bool found;
    char text[96];
    iml_err inner = {0};
    v->v->planned = s->count;
    v->v->items = s->count - IML_MIN(s->count, v->v->missing);
    if (iml__manifest_read(v->dirs, &m, &found, &inner)) {
        find(v, "manifest.json", inner.msg);
        return IML_OK;
    }
    v->v->complete = found && !v->v->missing;
    if (!found) {
        (void)snprintf(text, sizeof text,
                       "the data set is incomplete: %llu of %llu items are recorded",
                       (unsigned long long)v->v->items, (unsigned long long)s->count);
        find(v, "manifest.json", text);
        return IML_OK;
    }
    v->v->items = m.items, v->v->bad = m.bad;
    if (v->v->missing) find(v, "manifest.json", "it stands, but items have no record");
    uint64_t content;
    if (iml__set_content(v->dirs, s, l, &content, &inner))
        find(v, "manifest.json", inner.msg);
    else if (content != m.content)
        find(v, "manifest.json", "its content hash is not that of the records");
    return IML_OK;
}

static iml_status any_set(struct verify *v, struct iml__set *s)
{
    struct iml__ledger *l;
    bool found = false, lost = false;
    iml_status st = iml__ledger_load(&l, v->dirs, 1, false, v->e);
    if (st) return st;
    uint64_t count = 0;
    for (size_t i = 0; i < l->nodes && !st; i++) {
        struct iml__set one;
        bool here;
        iml_err inner = {0};
        st = iml__set_read(&one, v->dirs, l->node[i].name, &here, &inner);
        if ((!st || st == IML_EINPUT) && !here && l->node[i].n) {
            char name[96];
            (void)snprintf(name, sizeof name, ".imloom/settings.%s.json", l->node[i].name);
            find(v, name,
                 "it is missing or damaged; run the same command again, it is written anew");
            lost = true, st = IML_OK;
        }
        if (st && v->e) *v->e = inner;
        if (st || !here) continue;
        count = IML_MAX(count, one.count);
        if (found)
            iml__set_free(&one);
        else
            *s = one, found = true;
        s->count = count;
    }
    iml__ledger_free(&l);
    if (st || found || lost) return st;
    return IML_FAIL(v->e, IML_EARG, "%.150s holds no data set", v->root);
}

iml_status iml__verify(const char *out, bool quick, const struct iml__renderers *renderers,
                       void (*found)(void *user, const struct iml__finding *f), void *user,
                       struct iml__verified *r, iml_err *e)
{
    struct verify v = {.quick = quick, .found = found, .user = user, .v = r, .root = out, .e = e};
    struct iml__set set = {0};
    struct iml__ledger *l = NULL;
    struct stat at;
    *r = (struct iml__verified){0};
    if (iml__fstatat(AT_FDCWD, out, &at, 0) < 0 || !S_ISDIR(at.st_mode))
        return IML_FAIL(e, IML_EARG, "%.150s is no directory", out);
    iml__str_init(&v.names, (size_t)1 << 40);
    iml_status st = iml__dirs_open(&v.dirs, out, e);
    if (!st) st = any_set(&v, &set);
    if (!st && !set.command) goto done; // without settings there is nothing to compare with
    if (!st) st = iml__aggregates_bind(&set.aggregates, renderers, e);
    if (!st) st = iml__ledger_load(&l, v.dirs, set.unit_items, set.parts, e);
    if (!st) set.count = IML_MAX(set.count, iml__ledger_extent(l));
    if (!st) st = iml__ledger_each(l, check_line, &v, e);
    if (!st) v.v->missing = iml__set_missing(&set, l);
    if (!st) st = check_aggregates(&v, &set);
    if (!st) st = check_manifest(&v, &set, l);
    if (!st) st = look_for_strangers(&v, l); // last: a killed run may have left thousands
done:
    iml__ledger_free(&l);
    iml__set_free(&set);
    iml__str_free(&v.names);
    IML_FREE(v.name);
    iml__dirs_close(&v.dirs);
    return st;
}
