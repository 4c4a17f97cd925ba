// script.c: see script.h. Errors come back as a run would see them; nothing here asserts.
#include "tests/fault/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"

enum { UNIT = 10, COUNTERS = 3, NAME = 64, FILES = 8 };

bool script_is_bad(uint64_t index) { return index % 13 == 5; }

// it NULL: heap memory, outside a run.
static iml_buf *content(const struct script *s, iml_item *it, uint64_t index, uint32_t which)
{
    iml_rng r = iml_rng_at(s->seed, index, 77 + which);
    size_t n = 100 + (size_t)iml_rng_bounded(&r, 900);
    iml_buf *b = NULL;
    if (iml_buf_new(it, n, &b, NULL)) return NULL;
    for (size_t i = 0; i < n; i++) iml_buf_data(b)[i] = (uint8_t)iml_rng_u32(&r);
    iml_buf_set_size(b, n);
    return b;
}

struct file { // one output; frag refers to data
    char name[NAME];
    iml_frag frag[2];
    iml_out out;
};

static bool make_file(const struct script *s, iml_item *it, uint64_t index, uint32_t which,
                      const char *name, uint32_t flags, struct file *f)
{
    iml_buf *b = content(s, it, index, which);
    if (!b) return false;
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    size_t half = iml_buf_size(b) / 3;
    f->frag[0] = (iml_frag){b, 0, half};
    f->frag[1] = (iml_frag){iml_buf_ref(b), half, iml_buf_size(b) - half};
    f->out = (iml_out){f->name, f->frag, 2, flags};
    return true;
}

// A short text instead of random bytes.
static bool make_text(iml_item *it, const char *text, const char *name, struct file *f)
{
    size_t n = strlen(text);
    iml_buf *b = NULL;
    if (iml_buf_new(it, n ? n : 1, &b, NULL)) return false;
    memcpy(iml_buf_data(b), text, n);
    iml_buf_set_size(b, n);
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    f->frag[0] = (iml_frag){b, 0, n / 2};
    f->frag[1] = (iml_frag){iml_buf_ref(b), n / 2, n - n / 2};
    f->out = (iml_out){f->name, f->frag, 2, IML_OUT_APPEND};
    return true;
}

// Pieces of declared aggregates; every seventh item's are empty.
static bool declared(iml_item *it, uint64_t i, struct file *f, size_t *n)
{
    char text[96];
    unsigned long long k = i;
    (void)snprintf(text, sizeof text, i % 7 == 6 ? "" : "{\"item\":%llu}", k);
    if (!make_text(it, text, "items", &f[*n])) return false;
    ++*n;
    (void)snprintf(text, sizeof text, "%llu", k * k);
    if (i % 3 == 0 && !make_text(it, text, "squares", &f[*n])) return false;
    *n += i % 3 == 0;
    (void)snprintf(text, sizeof text, "w%llu\t1\t%llu\nword\tof %llu\t2\t%llu\n", k % 5, k, k % 2,
                   k % 30);
    if (!make_text(it, text, "words", &f[*n])) return false;
    ++*n;
    (void)snprintf(text, sizeof text, "%c\n%c\n", (char)('a' + i % 11), (char)('a' + i % 3));
    if (!make_text(it, text, "letters", &f[*n])) return false;
    ++*n;
    return true;
}

static bool shards(const struct script *s) { return s->kind >= SCRIPT_SHARDS; }
static bool parts(const struct script *s)
{
    return s->kind == SCRIPT_PARTS || s->kind == SCRIPT_SHARD_PARTS;
}

// The item's outputs into f; returns how many. Every eleventh has no file.
static size_t outputs(const struct script *s, iml_item *it, uint64_t i, struct file f[FILES])
{
    char name[NAME];
    size_t n = 0;
    bool ok = true;
    if (i % 11 != 7) {
        (void)snprintf(name, sizeof name, shards(s) ? "%09llu.bin" : "%03llu/%09llu.bin",
                       (unsigned long long)(shards(s) ? i : i / 20), (unsigned long long)i);
        ok = make_file(s, it, i, 0, name, 0, &f[n]);
        n += ok;
        if (ok && i % 3 == 1) {
            memcpy(name + strlen(name) - 3, "txt", 3);
            ok = make_file(s, it, i, 1, name, 0, &f[n]);
            n += ok;
        }
    }
    if (ok && parts(s)) {
        ok = make_file(s, it, i, 2, "labels.tsv", IML_OUT_APPEND, &f[n]);
        n += ok;
        if (ok && i % 4 == 0) {
            ok = make_file(s, it, i, 3, "sub/boxes.bin", IML_OUT_APPEND, &f[n]);
            n += ok;
        }
        ok = ok && declared(it, i, f, &n);
    }
    if (ok) return n;
    for (size_t k = 0; k < n; k++)
        for (int j = 0; j < 2; j++) iml_buf_unref(&f[k].frag[j].data);
    return SIZE_MAX;
}

// One attempt: hands over what outputs says; an early file first where the sink keeps order.
static iml_status attempt(const struct script *s, struct iml__commit *c, uint64_t i, iml_err *e)
{
    struct file f[FILES];
    iml_out out[FILES];
    size_t n = outputs(s, NULL, i, f), from = 0;
    if (n == SIZE_MAX)
        return IML_FAIL(e, IML_ENOMEM, "no memory for item %llu", (unsigned long long)i);
    for (size_t k = 0; k < n; k++) out[k] = f[k].out;
    if (n && i % 5 == 0) {
        iml_status st =
            shards(s) ? iml__commit_spool(c, i, &out[0], e) : iml__commit_put(c, i, &out[0], 1, e);
        if (st) {
            for (size_t k = 1; k < n; k++)
                for (int j = 0; j < 2; j++) iml_buf_unref(&f[k].frag[j].data);
            return st;
        }
        from = 1;
    }
    return iml__commit_put(c, i, out + from, n - from, e);
}

static iml_status bad(const struct script *s, struct iml__commit *c, uint64_t i, bool death,
                      iml_err *e)
{
    char path[NAME];
    (void)snprintf(path, sizeof path, "in/%llu.png", (unsigned long long)i);
    struct iml__bad b = {.index = i,
                         .path = path,
                         .status = death ? IML_EBUG : IML_EINPUT,
                         .stage = "decode",
                         .signal = death ? 11 : 0,
                         .tries = death ? 2 : 1,
                         .message = "the header is cut off"};
    (void)s;
    return iml__commit_item_bad(c, &b, e);
}

static iml_status run_item(const struct script *s, struct iml__commit *c, uint64_t i, iml_err *e)
{
    bool death = s->deadly && i == 2;
    if (!shards(s) && (i % 17 == 3 || death)) { // an attempt that fails after it has written
        IML_TRY(attempt(s, c, i, e));
        iml__commit_discard(c, i);
    }
    if (death || (script_is_bad(i) && !s->mended)) return bad(s, c, i, death, e);
    IML_TRY(attempt(s, c, i, e));
    struct iml__tally t[2] = {{0, 1}, {1 + (uint32_t)(i & 1), i}};
    return iml__commit_item_ok(c, i, t, parts(s) ? 2 : 0, e);
}

static iml_status no_run(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    (void)user, (void)it, (void)out, (void)cap, (void)n;
    return IML_FAIL(e, IML_EBUG, "the script runs its items itself");
}

struct driver {
    const struct script *s;
    struct iml__commit *c;
    struct iml__past *past;
    uint32_t unit_items;
    uint64_t made, pending[64];
    size_t n;
};

static iml_status flush(struct driver *d, iml_err *e)
{
    iml_status st = d->n ? iml__commit_units(d->c, d->pending, d->n, e) : IML_OK;
    d->n = 0;
    return st;
}

static iml_status run_unit(struct driver *d, uint64_t unit, iml_err *e)
{
    const struct script *s = d->s;
    uint64_t from = unit * d->unit_items, to = IML_MIN(from + d->unit_items, s->count);
    bool back = s->reverse && !shards(s);
    for (uint64_t k = from; k < to; k++) {
        uint64_t i = back ? to - 1 - (k - from) : k;
        if (s->stop_after && d->made == s->stop_after) return IML_END;
        // Remembered from an earlier run: not tried again without --retry-bad.
        if (iml__past_is_bad(d->past, i) && !(s->flags & IML_RUN_RETRY_BAD)) {
            struct iml__bad b = {.index = i};
            IML_TRY(iml__commit_item_bad(d->c, &b, e));
            continue;
        }
        IML_TRY(run_item(s, d->c, i, e));
        d->made++;
    }
    d->pending[d->n++] = unit;
    size_t batch = s->batch ? s->batch : 4;
    return d->n >= (d->unit_items > 1 ? 1 : batch) ? flush(d, e) : IML_OK;
}

static bool open_unit(const struct driver *d, uint64_t unit)
{
    uint64_t from = unit * d->unit_items;
    uint32_t want = (uint32_t)IML_MIN((uint64_t)d->unit_items, d->s->count - from);
    if (d->s->only) return true;
    if (iml__past_span(d->past, unit) < want) return true;
    return (d->s->flags & IML_RUN_RETRY_BAD) && iml__past_unit_has_bad(d->past, unit);
}

static iml_status run_units(struct driver *d, iml_err *e)
{
    const struct script *s = d->s;
    for (size_t k = 0; s->only && k < s->n_only; k++) IML_TRY(run_unit(d, s->only[k], e));
    uint64_t units = s->only ? 0 : (s->count + d->unit_items - 1) / d->unit_items;
    for (uint64_t k = 0; k < units; k++) {
        uint64_t u = s->reverse && !shards(s) ? units - 1 - k : k;
        if (s->shards > 1 && u % s->shards != s->shard) continue;
        if (open_unit(d, u)) IML_TRY(run_unit(d, u, e));
    }
    return flush(d, e);
}

static const char *const counter_names[COUNTERS] = {"items", "even", "odd"};

static iml_status render_words(const char *context, const iml_table_row *row, size_t rows,
                               void (*add)(void *to, const char *p, size_t n), void *to, iml_err *e)
{
    char text[160];
    if (strcmp(context, "{\"unit\":\"words\"}") != 0)
        return IML_FAIL(e, IML_EBUG, "the context is %s", context);
    for (size_t k = 0; k < rows; k++) {
        (void)snprintf(text, sizeof text, "%s: %llu, at most %llu\n", row[k].key,
                       (unsigned long long)row[k].value[0], (unsigned long long)row[k].value[1]);
        add(to, text, strlen(text));
    }
    return IML_OK;
}

static const iml_renderer renderers[] = {{"script.words", render_words}};
const struct iml__renderers script_renderers = {renderers, IML_COUNT_OF(renderers)};
static const iml_pieces pieces[] = {
    {"items", ",\n", NULL}, {"squares", " ", NULL}, {"words", NULL, "+^"}, {"letters", NULL, ""}};
static const iml_section two_lists[] = {
    {"{\"items\": [\n", "items"}, {"],\n\"squares\": [", "squares"}, {"]}\n", NULL}};
static const iml_section headed[] = {{"letters\n", "letters"}};
static const iml_section lines[] = {{NULL, "words"}};
static const iml_aggregate aggregates[] = {
    {.name = "items.json", .section = two_lists, .nsections = IML_COUNT_OF(two_lists)},
    {.name = "letters.txt", .section = headed, .nsections = 1},
    {.name = "all/words.tsv", .section = lines, .nsections = 1},
    {.name = "words.txt", .table = "words", .render_name = "script.words", .render = render_words}};

static iml_job job_of(const struct script *s)
{
    return (iml_job){
        .name = "script",
        .count = s->count,
        .user = (void *)(uintptr_t)s,
        .config_hash = 42 + s->config,
        .plan_hash = 7,
        .part_items = UNIT,
        .run = no_run,
        .grows = true,
        .appends = parts(s),
        .ncounters = parts(s) ? COUNTERS : 0,
        .counter_names = counter_names,
        .settings_json = s->settings ? s->settings : "{\"size\":12}",
        .pieces = pieces,
        .npieces = parts(s) ? IML_COUNT_OF(pieces) : 0,
        .aggregates = aggregates,
        .naggregates = parts(s) ? IML_COUNT_OF(aggregates) : 0,
        .context_json = "{\"unit\":\"words\"}",
    };
}

static const iml_sink_ops *sink_of(const struct script *s)
{
    return shards(s) ? iml_sink_tar() : iml_sink_file();
}

static void set_opts(const struct script *s, iml_run_opts *o)
{
    o->out_dir = s->out, o->seed = s->seed, o->durability = s->durability,
    o->flags = s->flags | IML_RUN_RESUME;
    o->only = s->only, o->n_only = s->n_only, o->shard_samples = UNIT;
    o->shard_index = s->shard, o->shard_count = s->shards ? s->shards : 1;
    o->io_batch = s->batch;
}

iml_status script_run(const struct script *s, struct script_result *r, iml_err *e)
{
    struct script_result none;
    iml_run_opts o = {0};
    if (!r) r = &none;
    *r = (struct script_result){0};
    set_opts(s, &o);
    iml_job job = job_of(s);
    const iml_sink_ops *sink = sink_of(s);
    struct iml__commit_conf conf = {.job = &job, .sink = sink, .opts = &o, .count = s->count};
    struct driver d = {.s = s, .unit_items = s->only ? 1 : iml__unit_items(&job, sink, &o)};
    conf.unit_items = d.unit_items;
    IML_TRY(iml__commit_open(&d.c, &conf, &d.past, e));
    iml_status st = run_units(&d, e);
    bool stopped = st == IML_END;
    if (!st) st = iml__commit_finish(d.c, &r->sums, e);
    iml__commit_close(&d.c);
    r->made = d.made;
    return stopped ? IML_OK : st;
}

// ---- Through the engine

static iml_status engine_item(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                              iml_err *e)
{
    const struct script *s = user;
    *n = 0;
    iml_stage(it, IML_STAGE_DECODE);
    if (script_is_bad(it->index) && !s->mended)
        return IML_FAIL(e, IML_EINPUT, "the header is cut off");
    struct file *f = iml_arena_alloc(it->arena, FILES * sizeof *f);
    size_t k = f ? outputs(s, it, it->index, f) : SIZE_MAX, from = 0;
    if (k == SIZE_MAX || k > cap) return IML_FAIL(e, IML_ENOMEM, "no memory for an item");
    if (k && it->index % 5 == 0) {
        iml_status st = iml_emit(it, &f[0].out, e);
        from = 1;
        for (size_t i = 1; st && i < k; i++)
            for (int j = 0; j < 2; j++) iml_buf_unref(&f[i].frag[j].data);
        if (st) return st;
    }
    if (parts(s)) iml_count(it, 0, 1), iml_count(it, 1 + (uint32_t)(it->index & 1), it->index);
    for (size_t i = from; i < k; i++) out[(*n)++] = f[i].out;
    return IML_OK;
}

iml_status script_engine_run(const struct script *s, int workers, iml_report *r, iml_err *e)
{
    iml_ctx *c;
    iml_run_opts o;
    iml_job job = job_of(s);
    iml_report none = {0};
    job.run = engine_item;
    IML_TRY(iml_ctx_new(&c, e));
    iml_run_opts_default(&o);
    set_opts(s, &o);
    o.workers = workers, o.mode = IML_MODE_THREAD,
    o.order = s->reverse ? IML_ORDER_RANDOM : IML_ORDER_AUTO;
    if (!r) r = &none;
    r->size = sizeof *r;
    iml_status st = iml_run(c, &job, sink_of(s), &o, r, e);
    iml_ctx_free(&c);
    return st;
}

// ---- Looking at the result

static void add_file(iml__xxh3_state *h, const char *root, const char *name)
{
    char path[4096], *p = NULL;
    size_t n = 0;
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    if (iml__file_read_heap(AT_FDCWD, path, 1 << 30, &p, &n, NULL)) return;
    iml__xxh3_add(h, name, strlen(name) + 1);
    iml__xxh3_add(h, p, n);
    IML_FREE(p);
}

static int count_tmp(int dir, const char *name)
{
    struct iml__dirread *r = malloc(sizeof *r);
    const char *leaf;
    enum iml__entry_type type;
    int n = 0;
    if (!r || iml__dirread_open(r, dir, name) < 0) return free(r), 0;
    while (iml__dirread_next(r, &leaf, &type) > 0) {
        size_t k = strlen(leaf);
        if (type == IML__ENTRY_DIR)
            n += count_tmp(r->fd, leaf);
        else if (k > 4 && strcmp(leaf + k - 4, ".tmp") == 0)
            n++;
    }
    iml__dirread_close(r);
    return free(r), n;
}

uint64_t script_digest(const char *out, int *tmp)
{
    struct iml__walk *w = NULL;
    struct iml__walk_opts o = {.hidden = true};
    iml__xxh3_state *h = iml__xxh3_new();
    if (!h || iml__walk(out, &o, &w, NULL)) abort();
    for (size_t i = 0; i < w->n; i++) add_file(h, out, w->entry[i].path);
    add_file(h, out, ".imloom/bad.jsonl");
    uint64_t v = iml__xxh3_end(h);
    iml__walk_free(&w);
    iml__xxh3_free(&h);
    if (tmp) *tmp = count_tmp(AT_FDCWD, out);
    return v;
}
