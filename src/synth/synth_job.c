// synth_job.c: what the engine calls: make item i, encode it, name its files (synth.md 3.1).
//
// Loose files stand in folders of 1,000; in shards the key is nine digits, members in the order
// that feed.md 3.1 asks for: the picture, json, then by suffix. JSON lines go to the aggregate
// labels.jsonl, which the engine keeps in parts and joins in index order.
#include "src/synth/synth_job.h"

#include "src/base/err.h"
#include "src/codec/codec.h"

#include <stdio.h>
#include <string.h>

enum { NAME = 64, PREFIX = 80, BYTES_A_PIXEL = 24 };

static iml_status worker_init(void *user, int worker, void **state, iml_err *e)
{
    iml__synth_worker *w;
    (void)worker;
    IML_TRY(iml__synth_worker_new(user, &w, e));
    *state = w;
    return IML_OK;
}

static void worker_free(void *user, void *state)
{
    iml__synth_worker *w = state;
    (void)user;
    iml__synth_worker_free(&w);
}

iml_status iml__synth_encode(const iml__synth *s, iml_item *it, iml_arena *a,
                             const iml__synth_item *x, iml_buf **out, iml_err *e)
{
    static const char *const formats[] = {"png", "jpeg", "webp"};
    const iml__codec *c = iml__codec_by_name(formats[s->config->output.format]);
    iml__encode_opts o;
    size_t n;
    iml__encode_opts_default(&o);
    o.quality = x->plan.quality;
    IML_TRY(iml_buf_new(it, c->bound(&x->out.image, &o), out, e));
    iml_status st = c->encode(&x->out.image, &o, a, iml_buf_data(*out), iml_buf_cap(*out), &n, e);
    if (st)
        iml_buf_unref(out);
    else
        iml_buf_set_size(*out, n);
    return st;
}

static iml_status add(iml_item *it, iml_out *out, size_t *n, iml_buf *b, const char *name,
                      unsigned flags, iml_err *e)
{
    iml_frag *f = iml_arena_alloc(it->arena, sizeof *f);
    size_t len = strlen(name) + 1;
    char *copy = iml_arena_alloc(it->arena, len);
    if (!f || !copy) {
        iml_buf_unref(&b);
        return IML_FAIL(e, IML_ENOMEM, "no memory for the name of an output");
    }
    memcpy(copy, name, len);
    *f = (iml_frag){.data = b, .off = 0, .len = iml_buf_size(b)};
    out[(*n)++] = (iml_out){.name = copy, .frag = f, .nfrag = 1, .flags = flags};
    return IML_OK;
}

static iml_status add_text(iml_item *it, iml_out *out, size_t *n, const char *p, size_t len,
                           const char *name, unsigned flags, iml_err *e)
{
    iml_buf *b;
    IML_TRY(iml_buf_new(it, len ? len : 1, &b, e));
    if (len) memcpy(iml_buf_data(b), p, len);
    iml_buf_set_size(b, len);
    return add(it, out, n, b, name, flags, e);
}

static iml_status write_files(const iml__synth *s, iml_item *it, const iml__synth_item *x,
                              iml_out *out, size_t *n, iml_err *e)
{
    static const char *const suffix[] = {"png", "jpg", "webp"};
    iml__synth_worker *w = it->worker_state;
    const iml__output *o = &s->config->output;
    char stem[NAME], name[PREFIX];
    iml_buf *picture;
    if (s->tar)
        (void)snprintf(stem, sizeof stem, "%09llu", (unsigned long long)it->index);
    else
        (void)snprintf(stem, sizeof stem, "%06llu/%09llu", (unsigned long long)(it->index / 1000),
                       (unsigned long long)it->index);
    iml_stage(it, IML_STAGE_ENCODE);
    IML_TRY(iml__synth_encode(s, it, it->arena, x, &picture, e));
    iml_stage(it, IML__STAGE_LABEL);
    (void)snprintf(name, sizeof name, "%s.%s", stem, suffix[o->format]);
    const uint8_t *bytes = iml_buf_data(picture);
    size_t nbytes = iml_buf_size(picture);
    char file[PREFIX];
    memcpy(file, name, sizeof file);
    IML_TRY(add(it, out, n, picture, name, 0, e));
    if (o->labels & IML__LABEL_JSON) {
        iml__str_clear(&w->label);
        iml__synth_label(s, x, file, bytes, nbytes, 1, &w->label);
        if (w->label.failed)
            return IML_FAIL(e, w->label.failed, "the label does not fit in memory");
        (void)snprintf(name, sizeof name, "%s.json", stem);
        IML_TRY(add_text(it, out, n, w->label.p, w->label.n, name, 0, e));
    }
    if (s->tar) {
        (void)snprintf(name, sizeof name, "%s.txt", stem);
        IML_TRY(add_text(it, out, n, x->text.utf8, x->text.len, name, 0, e));
    }
    if (o->labels & IML__LABEL_JSONL) {
        iml__str_clear(&w->label);
        iml__synth_label(s, x, file, bytes, nbytes, 0, &w->label);
        if (w->label.failed)
            return IML_FAIL(e, w->label.failed, "the label does not fit in memory");
        IML_TRY(add_text(it, out, n, w->label.p, w->label.n, "labels.jsonl", IML_OUT_APPEND, e));
    }
    return IML_OK;
}

static void count(iml_item *it, const iml__synth_item *x)
{
    if (x->text_attempt) iml_count(it, IML__COUNT_TEXT, x->text_attempt);
    if (x->face_attempt) iml_count(it, IML__COUNT_FACE, x->face_attempt);
    if (x->back_attempt) iml_count(it, IML__COUNT_BACK, x->back_attempt);
    for (uint32_t k = 0; k < x->back_attempt; k++)
        if (x->refused[k] < IML_COUNTERS_MAX) iml_count(it, x->refused[k], 1);
    if (x->text.skipped) iml_count(it, IML__COUNT_SKIPPED, x->text.skipped);
    if (x->text.dropped) iml_count(it, IML__COUNT_INVALID, x->text.dropped);
    if (x->windows) iml_count(it, IML__COUNT_WINDOWS, x->windows);
    if (x->out.ink_forced) iml_count(it, IML__COUNT_FORCED, 1);
}

static iml_status run(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    const iml__synth *s = user;
    iml__synth_item x;
    (void)cap; // at least IML_OUT_MAX; four are used
    *n = 0;
    iml_status st = iml__synth_item_make(s, it->worker_state, it->index, it->arena, it, &x, e);
    if (!st) {
        st = write_files(s, it, &x, out, n, e);
    }
    iml__synth_item_done(s, &x);
    if (!st) count(it, &x);
    for (size_t k = 0; st && k < *n; k++) {
        iml_buf *b = out[k].frag->data;
        iml_buf_unref(&b);
    }
    if (st) *n = 0;
    return st;
}

static void label(void *user, uint64_t i, char *text, size_t cap)
{
    const iml__synth *s = user;
    uint64_t k;
    (void)snprintf(text, cap, "%s", s->config->spec[iml__seat(&s->seats, i, &k)].name);
}

iml_status iml__synth_job(iml__synth *s, iml_err *e)
{
    static const char *const named[IML__SYNTH_COUNTERS] = {
        "texts_redrawn", "faces_redrawn", "backgrounds_redrawn", "colours_forced",
        "units_skipped", "invalid_bytes", "invalid_windows"};
    uint64_t all = IML__SYNTH_COUNTERS + (s->images ? 2 * (uint64_t)s->nback : 0);
    uint32_t ncounters = (uint32_t)IML_MIN(all, (uint64_t)IML_COUNTERS_MAX);
    const char **counters = iml_arena_calloc(&s->arena, ncounters, sizeof *counters);
    if (!counters) return IML_FAIL(e, IML_ENOMEM, "no memory for a job");
    memcpy(counters, named, sizeof named);
    static const char *const stages[IML_STAGE_MAX] = {
        [IML_STAGE_DECODE] = "background", [IML_STAGE_ENCODE] = "encode",
        [IML_STAGE_WRITE] = "write",       [IML__STAGE_LAYOUT] = "layout",
        [IML__STAGE_RENDER] = "render",    [IML__STAGE_LABEL] = "label"};
    uint64_t reuse = 1;
    if (s->images)
        for (uint32_t k = 0; k < s->config->nspec; k++)
            reuse = IML_MAX(reuse, (uint64_t)s->config->spec[k].num[IML__N_background_reuse].lo);
    s->job = (iml_job){.name = "synth",
                       .count = s->count,
                       .user = s,
                       .config_hash = s->config_hash,
                       .grain = (uint32_t)IML_MIN(reuse * s->config->nspec, (uint64_t)64),
                       .ncounters = ncounters,
                       .counter_names = counters,
                       .stage_names = stages,
                       .appends = (s->config->output.labels & IML__LABEL_JSONL) != 0,
                       .grows = true,
                       .foreign = s->foreign,
                       .worker_init = worker_init,
                       .worker_free = worker_free,
                       .run = run,
                       .label = label,
                       .settings_json = iml__str_text(&s->settings),
                       .versions_json = iml__str_text(&s->versions),
                       .inputs_json = iml__str_text(&s->inputs)};
    return IML_OK;
}
