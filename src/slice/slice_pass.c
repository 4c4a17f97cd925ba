// slice_pass.c: a pass over all cases before the run: their fingerprint, for --norm ct.
//
// It is a run of the engine whose results are pulled in item order, so the fingerprint does not
// depend on workers. A case that fails here has no part in it; the run itself says why. What was
// found is kept in OUT/.imloom/fingerprint, so a resumed run does not look at all voxels again, and
// a case that was mended in between is sliced with the numbers of its neighbours.
#include "src/slice/slice_pass.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/engine/each.h"
#include "src/codec/nifti.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"
#include "src/slice/case.h"
#include "src/slice/fingerprint.h"

// ---- The items

struct pass_job {
    const iml__slicer *s;
    const iml__fingerprint *f; // of the first look; NULL: this is it
    uint64_t *item;            // cases that are looked at; NULL: all
    size_t n, cap;
};

static uint64_t case_of(const struct pass_job *p, uint64_t i) { return p->item ? p->item[i] : i; }

static uint64_t cost(void *user, uint64_t i)
{
    const struct pass_job *p = user;
    return p->s->cases.item[case_of(p, i)].bytes;
}

static void label(void *user, uint64_t i, char *text, size_t cap)
{
    const struct pass_job *p = user;
    (void)snprintf(text, cap, "%s", p->s->cases.item[case_of(p, i)].name);
}

static uint32_t number_of(const struct iml__slice_conf *conf, uint32_t channel)
{
    return conf->nchannels ? (uint32_t)conf->channel[channel] : channel;
}

static struct iml__fp_case about(const struct iml__case *c)
{
    struct iml__fp_case a = {.all = c->ch[0].n->info.voxels, .left = iml__box_count(&c->box)};
    for (int k = 0; k < 3; k++) {
        a.spacing[k] = fabs(c->zoom[2 - k]) * c->ch[0].n->info.unit_mm;
        a.shape[k] = c->layout.n[2 - k];
    }
    return a;
}

static int by_key(const void *a, const void *b)
{
    const struct iml__fp_count *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

// Counts of bits as counts of values; equal values of different bits (clipped ones) as one.
static uint32_t values_of(const struct iml__channel *ch, const uint64_t *bins,
                          struct iml__fp_count *to)
{
    uint32_t n = 0, k = 0;
    for (uint32_t b = 0; b < IML__STAT_BINS; b++)
        if (bins[b] && isfinite(ch->value[b]))
            to[n++] = (struct iml__fp_count){.count = bins[b], .key = iml__float_key(ch->value[b])};
    if (!n) return 0;
    qsort(to, n, sizeof *to, by_key);
    for (uint32_t i = 1; i < n; i++) {
        if (to[i].key == to[k].key)
            to[k].count += to[i].count;
        else
            to[++k] = to[i];
    }
    return k + 1;
}

static uint32_t counts_of(const uint64_t *bins, struct iml__fp_count *to)
{
    uint32_t n = 0;
    for (uint32_t b = 0; b < IML__STAT_BINS; b++)
        if (bins[b]) to[n++] = (struct iml__fp_count){.count = bins[b], .key = b};
    return n;
}

static iml_status first_look(struct iml__case *c, iml__str *out, iml_err *e)
{
    struct iml__fp_case head = about(c);
    struct iml__fp_count *counts = iml_arena_alloc(c->a, IML__STAT_BINS * sizeof *counts);
    if (!counts) return IML_FAIL(e, IML_ENOMEM, "no memory for a case's counts");
    iml__str_add(out, (const char *)&head, sizeof head);
    for (uint32_t k = 0; k < c->nch; k++) {
        struct iml__foreground f;
        IML_TRY(iml__case_foreground(c, &c->ch[k], &f, e));
        struct iml__fp_part p = {.channel = number_of(c->conf, k),
                                 .exact = f.exact,
                                 .count = f.count,
                                 .mean = f.mean,
                                 .squares = f.squares,
                                 .min = (double)f.min,
                                 .max = (double)f.max};
        p.n = f.exact ? values_of(&c->ch[k], f.by_bits, counts) : counts_of(f.by_upper, counts);
        iml__str_add(out, (const char *)&p, sizeof p);
        iml__str_add(out, (const char *)counts, p.n * sizeof *counts);
    }
    return IML_OK;
}

struct low { // before the counts of a bin
    uint32_t channel, bin, n, pad;
};

// Channels whose values were all kept need no second look, unless they were too many.
static iml_status second_look(const iml__fingerprint *f, struct iml__case *c, iml__str *out,
                              iml_err *e)
{
    bool all;
    (void)iml__fingerprint_again(f, &all);
    struct iml__fp_count *counts = iml_arena_alloc(c->a, IML__STAT_BINS * sizeof *counts);
    uint64_t *bins = iml_arena_alloc(c->a, (size_t)IML__FP_BINS * IML__STAT_BINS * sizeof *bins);
    if (!counts || !bins) return IML_FAIL(e, IML_ENOMEM, "no memory for a case's counts");
    for (uint32_t k = 0; k < c->nch; k++) {
        uint32_t upper[IML__FP_BINS], n;
        if (c->ch[k].n->info.item_bytes <= 2 && !all) continue;
        n = iml__fingerprint_bins(f, number_of(c->conf, k), upper);
        memset(bins, 0, (size_t)IML__FP_BINS * IML__STAT_BINS * sizeof *bins);
        if (n) IML_TRY(iml__case_foreground_low(c, &c->ch[k], upper, n, bins, e));
        for (uint32_t b = 0; b < n; b++) {
            struct low p = {.channel = number_of(c->conf, k), .bin = b};
            p.n = counts_of(bins + (size_t)b * IML__STAT_BINS, counts);
            iml__str_add(out, (const char *)&p, sizeof p);
            iml__str_add(out, (const char *)counts, p.n * sizeof *counts);
        }
    }
    return IML_OK;
}

static iml_status run_item(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                           iml_err *e)
{
    const struct pass_job *p = user;
    struct iml__case *c;
    iml__str text;
    (void)cap; // one is used
    *n = 0;
    IML_TRY(iml__case_begin(p->s, case_of(p, it->index), false, it, &c, e));
    iml__str_init(&text, (size_t)1 << 30);
    c->hold = true; // labels are asked for voxel by voxel
    iml_status st = iml__case_load(c, e);
    if (!st) st = p->f ? second_look(p->f, c, &text, e) : first_look(c, &text, e);
    if (!st && text.failed) st = IML_FAIL(e, IML_ENOMEM, "no memory for a case's counts");
    if (!st) st = iml__hand_over(it, "counts", text.p, text.n, out, n, e);
    iml__str_free(&text);
    iml__case_end(&c);
    return st;
}

// ---- Taking what they found

static iml_status short_message(iml_err *e) { return IML_FAIL(e, IML_EBUG, "counts end early"); }

static iml_status take_first(iml__fingerprint *f, const uint8_t *p, size_t n, bool *exact,
                             iml_err *e)
{
    struct iml__fp_case head;
    struct iml__fp_part part;
    if (n < sizeof head) return short_message(e);
    memcpy(&head, p, sizeof head);
    IML_TRY(iml__fingerprint_case(f, &head, e));
    for (p += sizeof head, n -= sizeof head; n; n -= part.n * sizeof(struct iml__fp_count)) {
        if (n < sizeof part) return short_message(e);
        memcpy(&part, p, sizeof part);
        p += sizeof part, n -= sizeof part;
        if (n / sizeof(struct iml__fp_count) < part.n) return short_message(e);
        IML_TRY(iml__fingerprint_part(f, &part, (const void *)p, e));
        *exact &= part.exact;
        p += part.n * sizeof(struct iml__fp_count);
    }
    return IML_OK;
}

static iml_status take_second(iml__fingerprint *f, const uint8_t *p, size_t n, iml_err *e)
{
    struct low low;
    for (; n; n -= low.n * sizeof(struct iml__fp_count)) {
        if (n < sizeof low) return short_message(e);
        memcpy(&low, p, sizeof low);
        p += sizeof low, n -= sizeof low;
        if (n / sizeof(struct iml__fp_count) < low.n) return short_message(e);
        IML_TRY(iml__fingerprint_low(f, low.channel, low.bin, (const void *)p, low.n, e));
        p += low.n * sizeof(struct iml__fp_count);
    }
    return IML_OK;
}

struct taking {
    struct pass_job *job;
    iml__fingerprint *f;
    struct iml__pass_result *result;
    uint64_t *again; // cases that need a second look
    size_t nagain;
};

static iml_status take_one(struct taking *t, const uint8_t *p, size_t n, uint64_t i, iml_err *e)
{
    bool exact = true;
    if (t->job->f) return take_second(t->f, p, n, e);
    t->result->ok++;
    IML_TRY(take_first(t->f, p, n, &exact, e));
    if (!exact) t->again[t->nagain++] = i;
    return IML_OK;
}

// A case that is damaged has no part in the fingerprint, and none in the set either. One that could
// not be read this time may be readable in a moment: the set would have it, the fingerprint not.
static iml_status no_fingerprint(iml_status st, const iml_err *why, bool second, iml_err *e)
{
    char code[24];
    size_t n;
    iml__coded_split(why->msg, code, &n);
    bool own = iml_status_class(st) == IML_CLASS_ITEM && strcmp(code, "unreadable") != 0 &&
               strcmp(code, "changed") != 0;
    if (own && !second) return IML_OK;
    const char *from = why->msg + (strncmp(why->msg, "slice: ", 7) ? 0 : 7),
               *to = strstr(from, "; case not sliced");
    return IML_FAIL_SYS(e, st, why->sys, "no fingerprint: %.*s; run again, or choose --case",
                        to ? (int)(to - from) : (int)strlen(from), from);
}

static iml_status take(void *user, uint64_t i, const uint8_t *p, size_t n, iml_status st,
                       const iml_err *why, iml_err *e)
{
    struct taking *t = user;
    if (!st) return take_one(t, p, n, i, e);
    t->result->bad++; // the run says why; --stats-only says it here
    iml__str_addf(&t->result->said, "%s\n", why->msg);
    return no_fingerprint(st, why, t->job->f != NULL, e);
}

void iml__pull_opts(const iml_run_opts *from, iml_run_opts *o)
{
    iml_run_opts_default(o);
    o->workers = from->workers, o->mode = from->mode, o->memory_bytes = from->memory_bytes;
    o->timeout_s = from->timeout_s, o->retries = from->retries, o->cancel = from->cancel;
    o->max_error_rate = -1, o->max_errors = UINT64_MAX; // the run counts them
}

static iml_status one_pass(struct taking *t, iml_ctx *ctx, const iml_run_opts *from, iml_err *e)
{
    iml_job job = {.name = "slice",
                   .count = t->job->n,
                   .user = t->job,
                   .splits = true,
                   .cost = cost,
                   .run = run_item,
                   .label = label};
    iml_run_opts o;
    iml__pull_opts(from, &o);
    return iml__run_each(ctx, &job, &o, take, t, e);
}

static iml_status both_passes(const iml__slicer *s, iml_ctx *ctx, const iml_run_opts *o,
                              iml__fingerprint *f, uint64_t *again, struct iml__pass_result *r,
                              iml_err *e)
{
    struct pass_job job = {.s = s, .n = s->cases.n};
    struct taking t = {.job = &job, .f = f, .result = r, .again = again};
    bool all;
    IML_TRY(one_pass(&t, ctx, o, e));
    if (!iml__fingerprint_again(f, &all)) return IML_OK;
    job.f = f;
    if (!all) job.item = again, job.n = t.nagain;
    iml__fingerprint_settle(f); // before there are workers that read it
    return one_pass(&t, ctx, o, e);
}

iml_status iml__slice_fingerprint(const iml__slicer *s, iml_ctx *ctx, const iml_run_opts *o,
                                  iml__str *text, struct iml__pass_result *r, iml_err *e)
{
    iml__fingerprint *f = NULL;
    uint64_t *again = iml__calloc(s->cases.n + 1, sizeof *again);
    iml_status st = again ? iml__fingerprint_new(&f, e)
                          : IML_FAIL(e, IML_ENOMEM, "no memory for a fingerprint");
    if (!st) st = both_passes(s, ctx, o, f, again, r, e);
    if (!st) st = iml__fingerprint_text(f, text, e);
    iml__fingerprint_free(&f);
    IML_FREE(again);
    return st;
}
