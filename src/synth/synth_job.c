// synth_job.c: what the engine calls: make item i, encode it, write it down, count.
#include "src/synth/synth_job.h"

#include "src/base/err.h"
#include "src/codec/codec.h"
#include "src/synth/coverage.h"
#include "src/synth/label_formats.h"
#include "src/synth/itemfiles.h"

#include <stdio.h>
#include <string.h>

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

iml_status iml__synth_encode_as(const iml__synth *s, iml_item *it, iml_arena *a, const iml_image *m,
                                bool png, int quality, iml_buf **out, iml_err *e)
{
    static const char *const formats[] = {"png", "jpeg", "webp"};
    const iml__codec *c = iml__codec_by_name(formats[png ? 0 : s->config->output.format]);
    iml__encode_opts o;
    size_t n;
    iml__encode_opts_default(&o);
    o.quality = quality;
    IML_TRY(iml_buf_new(it, c->bound(m, &o), out, e));
    iml_status st = c->encode(m, &o, a, iml_buf_data(*out), iml_buf_cap(*out), &n, e);
    if (st)
        iml_buf_unref(out);
    else
        iml_buf_set_size(*out, n);
    return st;
}

iml_status iml__synth_encode(const iml__synth *s, iml_item *it, iml_arena *a,
                             const iml__synth_item *x, iml_buf **out, iml_err *e)
{
    return iml__synth_encode_as(s, it, a, &x->out.image, false, x->plan.quality, out, e);
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
    iml__synth_worker *w = it->worker_state;
    iml__synth_item x;
    iml__outputs files;
    bool left_out = false;
    *n = 0;
    iml__outputs_init(&files, it, it->arena);
    iml_status st = iml__synth_item_make(s, w, it->index, it->arena, it, &x, e);
    if (!st) st = iml__synth_files(s, it, w, &x, &files, &left_out, e);
    iml__synth_item_done(s, &x);
    if (st) {
        iml__outputs_drop(&files);
        return st;
    }
    count(it, &x);
    if (left_out) iml_count(it, IML__COUNT_LEFT_OUT, 1);
    return iml__outputs_hand(&files, out, cap, n, e);
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
        "units_skipped", "invalid_bytes", "invalid_windows",     "recognition_left_out"};
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
                       .part_items = 100,
                       .grain = (uint32_t)IML_MIN(reuse * s->config->nspec, (uint64_t)64),
                       .ncounters = ncounters,
                       .counter_names = counters,
                       .stage_names = stages,
                       .grows = true,
                       .foreign = s->foreign,
                       .worker_init = worker_init,
                       .worker_free = worker_free,
                       .run = run,
                       .label = label,
                       .settings_json = iml__str_text(&s->settings),
                       .versions_json = iml__str_text(&s->versions),
                       .inputs_json = iml__str_text(&s->inputs)};
    IML_TRY(iml__formats_declare(s->config->output.labels, &s->arena, &s->job, e));
    return s->config->output.no_coverage ? IML_OK : iml__coverage_declare(s, e);
}
