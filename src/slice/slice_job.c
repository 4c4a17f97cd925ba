// slice_job.c: opening a job: settings, cases, patients, parts; and how the engine sees it.
#include "src/slice/slicer.h"

#include <math.h>
#include <stdio.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"
#include "src/io/wdeflate.h"
#include "src/slice/case.h"
#include "src/slice/fingerprint.h"
#include "src/slice/slice_info.h"
#include "src/slice/slice_pass.h"
#include "src/slice/slice_sheet.h"

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
    uint32_t n = iml__slice_aggregates(s, s->aggregate);
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

// ---- The fingerprint

static iml_status ct_of(iml__slicer *s, const char *text, size_t n, const char *name, iml_err *e)
{
    struct iml__slice_conf *c = &s->conf;
    return iml__fingerprint_read(text, n, name, c->channel, c->nchannels, c->ct, IML__CHANNELS_MAX,
                                 &c->nct, e);
}

static iml_status read_stats(iml__slicer *s, iml_err *e)
{
    char *p;
    size_t n;
    const char *path = s->conf.o.stats;
    if (!path) return IML_OK;
    if (!s->conf.any_ct)
        return IML_FAIL(e, IML_EARG, "--stats is for --norm ct; another norm reads no fingerprint");
    if (iml__file_read_heap(AT_FDCWD, path, 256 << 20, &p, &n, e)) {
        if (e) e->status = IML_EARG;
        return IML_EARG;
    }
    iml_status st = ct_of(s, p, n, path, e);
    IML_FREE(p);
    return st;
}

// What a fingerprint of this plan and these settings begins with, where it is kept.
static void kept_key(const iml__slicer *s, char out[24])
{
    iml__str settings;
    iml__str_init(&settings, 1 << 20);
    iml__slice_conf_json(&s->conf, &settings);
    uint64_t h[2] = {iml__xxh3(settings.p, settings.n), s->cases.hash};
    (void)snprintf(out, 24, "%016llx\n", (unsigned long long)iml__xxh3(h, sizeof h));
    iml__str_free(&settings);
}

static bool read_kept(iml__slicer *s, const char *path, const char *key)
{
    char *p;
    size_t n, k = strlen(key);
    if (iml__file_read_heap(AT_FDCWD, path, 256 << 20, &p, &n, NULL)) return false;
    bool fits = n > k && !memcmp(p, key, k) && !ct_of(s, p + k, n - k, path, NULL);
    if (fits) iml__str_add(&s->fingerprint, p + k, n - k);
    IML_FREE(p);
    return fits;
}

// Only saves the next run a pass, so what fails is left.
static void keep(const iml__slicer *s, const char *out, const char *path, const char *key)
{
    char dir[4096];
    iml__str text;
    iml__str_init(&text, 256 << 20);
    iml__str_adds(&text, key), iml__str_add(&text, s->fingerprint.p, s->fingerprint.n);
    (void)snprintf(dir, sizeof dir, "%s/.imloom", out);
    (void)iml__mkdirat(AT_FDCWD, out, 0777), (void)iml__mkdirat(AT_FDCWD, dir, 0777);
    if (!text.failed)
        (void)iml__file_write_path(path, text.p, text.n, IML_DURABILITY_PROCESS, NULL);
    iml__str_free(&text);
}

static iml_status find_ct(iml__slicer *s, iml_ctx *ctx, const iml_run_opts *o, iml__str *notes,
                          iml_err *e)
{
    char path[4200], key[24];
    struct iml__pass_result r = {.ok = 0};
    if (o->shard_count > 1)
        return IML_FAIL(e, IML_EARG,
                        "--norm ct needs the fingerprint of the whole set: write it once with "
                        "--stats-only and give it to each --shard with --stats");
    if (!s->cases.labels)
        return IML_FAIL(e, IML_EARG,
                        "--norm ct takes its numbers from labelled voxels: give labels, or a "
                        "fingerprint with --stats");
    kept_key(s, key);
    (void)snprintf(path, sizeof path, "%s/.imloom/fingerprint", o->out_dir ? o->out_dir : "");
    if (o->out_dir && !(o->flags & IML_RUN_OVERWRITE) && read_kept(s, path, key)) return IML_OK;
    iml__str_init(&r.said, 1 << 20);
    iml_status st = iml__slice_fingerprint(s, ctx, o, &s->fingerprint, &r, e);
    iml__str_free(&r.said);
    if (st) return st;
    iml__str_addf(notes, "fingerprint of %llu cases", (unsigned long long)r.ok);
    if (r.bad) iml__str_addf(notes, "; %llu could not be read", (unsigned long long)r.bad);
    iml__str_addc(notes, '\n');
    IML_TRY(ct_of(s, s->fingerprint.p, s->fingerprint.n, "the fingerprint", e));
    if (o->out_dir) keep(s, o->out_dir, path, key);
    return IML_OK;
}

iml_status iml__slicer_settle(iml__slicer *s, iml_ctx *ctx, const iml_run_opts *o, iml__str *notes,
                              iml_err *e)
{
    s->out = o->out_dir;
    if (s->conf.any_ct && !s->conf.nct) IML_TRY(find_ct(s, ctx, o, notes, e));
    IML_TRY(texts(s, e));
    return make_job(s, e);
}

iml_status iml__slicer_open(const iml_slice_opts *o, iml__slicer **out, iml_err *e)
{
    iml__slicer *s = iml__calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return IML_FAIL(e, IML_ENOMEM, "no memory for a job");
    s->arena.fd = -1;
    iml__str_init(&s->settings, 1 << 20), iml__str_init(&s->versions, 1 << 16);
    iml__str_init(&s->inputs, 1 << 16), iml__str_init(&s->context, 256 << 20);
    iml__str_init(&s->notes, 1 << 16), iml__str_init(&s->fingerprint, 64 << 20);
    iml_status st = iml__arena_open(&s->arena, 0, -1, e);
    if (!st) st = iml__slice_conf_read(o, &s->arena, &s->conf, e);
    if (!st) st = iml__cases_list(&s->conf, &s->arena, &s->cases, &s->notes, e);
    if (!st) st = iml__slice_patients(s, e);
    if (!st) st = read_stats(s, e);
    if (st) iml__slicer_close(&s);
    *out = s;
    return st;
}

uint32_t iml__slicer_channels(const iml__slicer *s)
{
    const struct iml__slice_conf *c = &s->conf;
    return IML_MAX(s->cases.nchannels, 1u) * c->nnorms * (uint32_t)(2 * c->o.window + 1);
}

// A case is hundreds of files, not one: a batch of so many bytes of input, the engine's own of
// small cases.
uint64_t iml__slicer_batch(const iml__slicer *s)
{
    enum { BYTES = 8 << 20, MOST = 100 };
    uint64_t all = 0;
    for (size_t k = 0; k < s->cases.n; k++) all += s->cases.item[k].bytes;
    return IML_CLAMP(BYTES / IML_MAX(all / IML_MAX(s->cases.n, (size_t)1), (uint64_t)1), 1, MOST);
}

void iml__slicer_close(iml__slicer **out)
{
    iml__slicer *s = *out;
    *out = NULL;
    if (!s) return;
    iml__str_free(&s->settings), iml__str_free(&s->versions), iml__str_free(&s->inputs);
    iml__str_free(&s->context), iml__str_free(&s->notes), iml__str_free(&s->fingerprint);
    if (s->arena.base) iml__arena_close(&s->arena);
    IML_FREE(s);
}

iml_status iml_slice_run(iml_ctx *c, const iml_slice_opts *o, const iml_run_opts *run_opts,
                         iml_report *r, iml_err *e)
{
    iml__slicer *s;
    if (!run_opts || !run_opts->out_dir)
        return IML_FAIL(e, IML_EARG, "iml_slice_run: where to? set out_dir");
    IML_TRY(iml__slicer_open(o, &s, e));
    iml_run_opts ro = *run_opts;
    if (!ro.io_batch) ro.io_batch = iml__slicer_batch(s);
    iml_status st = iml__slicer_settle(s, c, &ro, &s->notes, e);
    if (!st) st = iml_run(c, &s->job, iml_sink_file(), &ro, r, e);
    if (!st && s->conf.o.sheet) st = iml__slice_sheet(s, c, &ro, e);
    iml__slicer_close(&s);
    return st;
}
