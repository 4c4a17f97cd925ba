// slice_job.c: opening a job: settings, cases, patients, parts; and how the engine sees it.
#include "src/slice/slicer.h"

#include <math.h>
#include <stdio.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/io/wdeflate.h"
#include "src/slice/case.h"
#include "src/slice/slice_info.h"

static uint64_t cost(void *user, uint64_t i)
{
    const iml__slicer *s = user;
    return s->cases.item[i].bytes;
}

static iml_status input(void *user, uint64_t i, char *path, size_t cap)
{
    const iml__slicer *s = user;
    const struct iml__case_files *c = &s->cases.item[i];
    if (c->bad_code || !c->image[0] || strlen(c->image[0]) >= cap) return IML_EINPUT;
    (void)snprintf(path, cap, "%s", c->image[0]);
    return IML_OK;
}

static void label(void *user, uint64_t i, char *text, size_t cap)
{
    const iml__slicer *s = user;
    (void)snprintf(text, cap, "%s", s->cases.item[i].name);
}

static iml_status run(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    (void)cap; // one is used
    return iml__case_run(user, it, out, n, e);
}

static bool still(void *user, uint64_t i, const char *piece, size_t n)
{
    return iml__case_still(user, i, piece, n);
}

static const char *const stages[IML_STAGE_MAX] = {
    [IML_STAGE_READ] = "open",      [IML__STAGE_LOAD] = "load",  [IML__STAGE_STATS] = "statistics",
    [IML__STAGE_SLICES] = "slices", [IML_STAGE_WRITE] = "write",
};

static const iml_pieces pieces[] = {{"cases", NULL, ""}};

static iml_status make_job(iml__slicer *s, iml_err *e)
{
    (void)e;
    uint32_t n = iml__slice_aggregates(&s->conf, s->aggregate);
    s->job = (iml_job){.name = "slice",
                       .count = s->cases.n,
                       .user = s,
                       .config_hash = s->config_hash,
                       .plan_hash = s->cases.hash,
                       .part_items = 1,
                       .appends = true,
                       .splits = true,
                       .stage_names = stages,
                       .cost = cost,
                       .input = input,
                       .run = run,
                       .label = label,
                       .still = still,
                       .settings_json = iml__str_text(&s->settings),
                       .versions_json = iml__str_text(&s->versions),
                       .inputs_json = iml__str_text(&s->inputs),
                       .pieces = pieces,
                       .npieces = IML_COUNT_OF(pieces),
                       .aggregates = s->aggregate,
                       .naggregates = n,
                       .context_json = iml__str_text(&s->context)};
    return IML_OK;
}

// ---- Texts

static iml_status texts(iml__slicer *s, iml_err *e)
{
    iml__jsonw w;
    iml__slice_conf_json(&s->conf, &s->settings);
    iml__jsonw_init(&w, &s->versions, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "slice"), iml__jsonw_u64(&w, 1); // of the files' format
    iml__jsonw_key(&w, "wdeflate"), iml__jsonw_u64(&w, IML__WDEFLATE_VERSION);
    iml__jsonw_end(&w);
    iml__jsonw_init(&w, &s->inputs, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "cases"), iml__jsonw_u64(&w, s->cases.n);
    iml__jsonw_end(&w);
    IML_TRY(iml__slice_context(s, &s->context, e));
    if (s->settings.failed || s->versions.failed || s->inputs.failed || s->context.failed)
        return IML_FAIL(e, IML_ENOMEM, "no memory for settings");
    uint64_t h[4] = {iml__xxh3(s->settings.p, s->settings.n),
                     iml__xxh3(s->versions.p, s->versions.n), iml__xxh3(s->context.p, s->context.n),
                     s->part ? iml__xxh3(s->part, s->cases.n) : 0};
    s->config_hash = iml__xxh3(h, sizeof h);
    return IML_OK;
}

iml_status iml__slicer_open(const iml_slice_opts *o, iml__slicer **out, iml_err *e)
{
    iml__slicer *s = iml__calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return IML_FAIL(e, IML_ENOMEM, "no memory for a job");
    s->arena.fd = -1;
    iml__str_init(&s->settings, 1 << 20), iml__str_init(&s->versions, 1 << 16);
    iml__str_init(&s->inputs, 1 << 16), iml__str_init(&s->context, 64 << 20),
        iml__str_init(&s->notes, 1 << 16);
    iml_status st = iml__arena_open(&s->arena, 0, -1, e);
    if (!st) st = iml__slice_conf_read(o, &s->arena, &s->conf, e);
    if (!st) st = iml__cases_list(&s->conf, &s->arena, &s->cases, &s->notes, e);
    if (!st) st = iml__slice_patients(s, e);
    if (!st) st = texts(s, e);
    if (!st) st = make_job(s, e);
    if (st) iml__slicer_close(&s);
    *out = s;
    return st;
}

void iml__slicer_close(iml__slicer **out)
{
    iml__slicer *s = *out;
    *out = NULL;
    if (!s) return;
    iml__str_free(&s->settings), iml__str_free(&s->versions), iml__str_free(&s->inputs);
    iml__str_free(&s->context), iml__str_free(&s->notes);
    if (s->arena.base) iml__arena_close(&s->arena);
    IML_FREE(s);
}

iml_status iml_slice_run(iml_ctx *c, const iml_slice_opts *o, const iml_run_opts *run_opts,
                         iml_report *r, iml_err *e)
{
    iml__slicer *s;
    IML_TRY(iml__slicer_open(o, &s, e));
    iml_status st = iml_run(c, &s->job, iml_sink_file(), run_opts, r, e);
    iml__slicer_close(&s);
    return st;
}
