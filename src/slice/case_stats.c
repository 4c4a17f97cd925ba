// case_stats.c: what the voxels of a case's box say: range, mean, deviation, percentiles, oddities.
//
// Passes over the box are made of blocks of 65,536 voxels in file order. A case in memory splits
// them over idle workers; one that passes by is read again for every pass. Either way each block's
// result has its fixed place; only counts are added up as they come.
#include "src/slice/case.h"

#include <math.h>
#include <stdio.h>

#include "src/base/arena.h"

enum { GROUP = 16 }; // blocks that one part takes

static iml_status no_memory(iml_err *e) { return IML_FAIL(e, IML_ENOMEM, "no memory for a case"); }

static bool small(const iml_nifti_info *i) { return i->item_bytes <= 2; }

// ---- Values

static float treated(const struct iml__case *c, const struct iml__channel *ch, float v)
{
    if (!isfinite(v)) {
        if (c->conf->o.nan != IML_SLICE_NAN_BACKGROUND) return v;
        v = ch->lowest;
    }
    float lo = (float)c->conf->o.clip_min, hi = (float)c->conf->o.clip_max; // NAN: no bound
    return v < lo ? lo : v > hi ? hi : v;
}

void iml__channel_values(const struct iml__case *c, const struct iml__channel *ch, const void *raw,
                         size_t count, float *out)
{
    if (ch->value && ch->n->info.item_bytes == 1) {
        for (size_t k = 0; k < count; k++) out[k] = ch->value[((const uint8_t *)raw)[k]];
    } else if (ch->value) {
        for (size_t k = 0; k < count; k++) out[k] = ch->value[((const uint16_t *)raw)[k]];
    } else {
        iml__nifti_to_f32(&ch->n->info, raw, count, out);
        for (size_t k = 0; k < count; k++) out[k] = treated(c, ch, out[k]);
    }
}

// ---- Passes over the voxels of the box

enum pass_kind { PASS_BINS, PASS_RANGE, PASS_SUM, PASS_SQUARES, PASS_UPPER, PASS_LOWER };

struct pass {
    struct iml__case *c;
    struct iml__channel *ch;
    enum pass_kind kind;
    enum iml__mask mask;
    uint64_t count, *bins, *masked; // bins and masked are guarded by lock
    struct iml__block *block;
    float min;
    double mean, squares;             // once they are known
    double percent[IML__PERCENTILES]; // that are wanted; NAN: none
    float least, most;                // PASS_UPPER: of what was counted; guarded by lock
    const uint32_t *upper;            // PASS_LOWER: of each of nupper rows of bins
    uint32_t nupper;
    pthread_mutex_t lock;
};

static void add_bins(struct pass *p, uint64_t *to, const uint64_t *from, size_t n)
{
    pthread_mutex_lock(&p->lock);
    for (size_t k = 0; k < n; k++) to[k] += from[k];
    pthread_mutex_unlock(&p->lock);
}

struct scratch { // of one part
    void *raw, *label_raw;
    int32_t *label;
    uint8_t *mask;
    float *v;
    uint64_t *bins, *masked;
    float least, most;
};

static bool take_scratch(const struct pass *p, iml_arena *a, struct scratch *s)
{
    *s = (struct scratch){.least = INFINITY,
                          .most = -INFINITY,
                          .raw = iml_arena_alloc(a, (size_t)IML__STAT_BLOCK * 8),
                          .v = iml_arena_alloc(a, IML__STAT_BLOCK * sizeof *s->v)};
    if (!s->raw || !s->v) return false;
    if (p->mask == IML__MASK_LABEL) {
        s->label_raw = iml_arena_alloc(a, (size_t)IML__STAT_BLOCK * 4);
        s->label = iml_arena_alloc(a, IML__STAT_BLOCK * sizeof *s->label);
        s->mask = iml_arena_alloc(a, IML__STAT_BLOCK);
        if (!s->label_raw || !s->label || !s->mask) return false;
    }
    if (p->bins) {
        size_t rows = p->kind == PASS_LOWER ? p->nupper : 1;
        s->bins = iml_arena_calloc(a, rows * IML__STAT_BINS, sizeof *s->bins);
        s->masked = p->masked ? iml_arena_calloc(a, IML__STAT_BINS, sizeof *s->masked) : NULL;
        if (!s->bins || (p->masked && !s->masked)) return false;
    }
    return true;
}

static void float_bins(const struct pass *p, struct scratch *s, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        if (!iml__in_mask(s->v[k], s->mask ? s->mask[k] : 0, p->mask, p->min)) continue;
        uint32_t key = iml__float_key(s->v[k]);
        if (p->kind == PASS_UPPER) {
            s->bins[key >> 16]++;
            s->least = fminf(s->least, s->v[k]), s->most = fmaxf(s->most, s->v[k]);
            continue;
        }
        for (uint32_t i = 0; i < p->nupper; i++)
            if (key >> 16 == p->upper[i]) s->bins[i * IML__STAT_BINS + (key & 0xffff)]++;
    }
}

static void one_block(const struct pass *p, struct scratch *s, uint64_t b, const void *raw,
                      size_t n)
{
    const iml_nifti_info *i = &p->ch->n->info;
    uint64_t from = b * IML__STAT_BLOCK;
    if (s->mask) {
        iml__case_labels(p->c, from, n, s->label_raw, s->label);
        for (size_t k = 0; k < n; k++) s->mask[k] = s->label[k] > 0;
    }
    switch (p->kind) {
    case PASS_BINS:
        iml__bins_add(s->bins, i->item_bytes, raw, n, NULL);
        if (s->masked) iml__bins_add(s->masked, i->item_bytes, raw, n, s->mask);
        return;
    case PASS_RANGE: // before anything is treated, so that what is odd is seen
        iml__nifti_to_f32(i, raw, n, s->v);
        iml__block_range(s->v, n, from, &p->block[b]);
        return;
    case PASS_SUM:
    case PASS_SQUARES:
        iml__channel_values(p->c, p->ch, raw, n, s->v);
        iml__block_sum(s->v, s->mask, n, p->mask, p->min, p->kind == PASS_SUM ? NULL : &p->mean,
                       &p->block[b]);
        return;
    case PASS_UPPER:
    case PASS_LOWER:
        iml__channel_values(p->c, p->ch, raw, n, s->v);
        float_bins(p, s, n);
        return;
    }
}

static void take_block(const struct pass *p, struct scratch *s, uint64_t b)
{
    size_t item = (size_t)p->ch->n->info.item_bytes;
    uint64_t from = b * IML__STAT_BLOCK;
    size_t n = (size_t)IML_MIN(p->count - from, (uint64_t)IML__STAT_BLOCK);
    one_block(p, s, b, iml__box_take(&p->c->box, item, p->ch->data, from, n, s->raw), n);
}

static void add_scratch(struct pass *p, const struct scratch *s)
{
    size_t rows = p->kind == PASS_LOWER ? p->nupper : 1;
    if (s->bins) add_bins(p, p->bins, s->bins, rows * IML__STAT_BINS);
    if (s->masked) add_bins(p, p->masked, s->masked, IML__STAT_BINS);
    pthread_mutex_lock(&p->lock);
    p->least = fminf(p->least, s->least), p->most = fmaxf(p->most, s->most);
    pthread_mutex_unlock(&p->lock);
}

static iml_status pass_part(void *arg, uint32_t k, iml_arena *a, iml_err *e)
{
    struct pass *p = arg;
    struct scratch s;
    uint64_t blocks = (p->count + IML__STAT_BLOCK - 1) / IML__STAT_BLOCK;
    if (!take_scratch(p, a, &s)) return no_memory(e);
    if (iml_cancelled(p->c->it)) return IML_FAIL(e, IML_ECANCEL, "the run stops");
    for (uint64_t b = (uint64_t)k * GROUP; b < blocks && b < (uint64_t)(k + 1) * GROUP; b++)
        take_block(p, &s, b);
    add_scratch(p, &s);
    return IML_OK;
}

struct passing { // a pass over what does not lie in memory
    struct pass *p;
    struct scratch s;
};

static void passing_block(void *arg, uint64_t b, const void *raw, size_t n)
{
    struct passing *x = arg;
    one_block(x->p, &x->s, b, raw, n);
}

static iml_status run_passing(struct pass *p, iml_err *e)
{
    struct passing x = {.p = p};
    size_t mark = iml__arena_mark(p->c->a);
    if (!take_scratch(p, p->c->a, &x.s)) return no_memory(e);
    IML_TRY(iml__stream_blocks(p->c, p->ch, passing_block, &x, e));
    add_scratch(p, &x.s);
    iml__arena_release(p->c->a, mark);
    return IML_OK;
}

static iml_status run_pass(struct pass *p, enum pass_kind kind, iml_err *e)
{
    uint64_t blocks = (p->count + IML__STAT_BLOCK - 1) / IML__STAT_BLOCK;
    p->kind = kind;
    if (p->c->residence != IML__IN_MEMORY) return run_passing(p, e);
    size_t bytes = (size_t)3 << 20;
    if (kind == PASS_LOWER) bytes += p->nupper * (size_t)IML__STAT_BINS * sizeof *p->bins;
    return iml_split(p->c->it, (uint32_t)((blocks + GROUP - 1) / GROUP), bytes, pass_part, p, e);
}

// ---- What is odd

static const char *nan_text(int policy, enum iml__norm_kind norm)
{
    if (policy == IML_SLICE_NAN_AUTO && norm == IML__NORM_NONE) return "kept";
    return policy == IML_SLICE_NAN_BACKGROUND ? "background"
           : policy == IML_SLICE_NAN_KEEP     ? "kept"
                                              : NULL;
}

static iml_status judge_odd(struct iml__case *c, struct iml__channel *ch, iml_err *e)
{
    if (!ch->stats.odd) return IML_OK;
    ch->odd = ch->stats.odd;
    const char *what = nan_text(c->conf->o.nan, c->conf->norm[0].kind);
    const char *s = ch->odd == 1 ? "" : "s";
    char at[100] = "", voxel[72];
    if (ch->stats.first_odd != UINT64_MAX)
        (void)snprintf(at, sizeof at, ", the first at %s",
                       iml__box_voxel(&c->box, ch->stats.first_odd, voxel));
    if (!what)
        return iml__case_fail(c, e, ch->path, "nan",
                              "%llu NaN or infinite voxel%s%s; --nan background or keep goes on",
                              (unsigned long long)ch->odd, s, at);
    return iml__case_warn(c, e, ch->path, "nan", "%llu NaN or infinite voxel%s%s (%s)",
                          (unsigned long long)ch->odd, s, at, what);
}

// ---- Statistics

static iml_status stats_of_bins(struct iml__case *c, struct iml__channel *ch, struct pass *p,
                                iml_err *e)
{
    const iml_nifti_info *i = &ch->n->info;
    uint32_t n = i->item_bytes == 1 ? 256 : 65536;
    bool sign = i->datatype == IML_NIFTI_I8 || i->datatype == IML_NIFTI_I16;
    p->bins = iml_arena_calloc(c->a, IML__STAT_BINS, sizeof *p->bins);
    if (p->mask == IML__MASK_LABEL)
        p->masked = iml_arena_calloc(c->a, IML__STAT_BINS, sizeof *p->masked);
    ch->value = iml_arena_alloc(c->a, IML__STAT_BINS * sizeof *ch->value);
    if (!p->bins || !ch->value || (p->mask == IML__MASK_LABEL && !p->masked)) return no_memory(e);
    IML_TRY(run_pass(p, PASS_BINS, e));
    // First as they stand (scaling may make infinities), then as they are treated.
    float least = INFINITY;
    for (uint32_t b = 0; b < n; b++) {
        ch->value[b] = iml__nifti_value(i, b);
        if (!p->bins[b]) continue;
        if (!isfinite(ch->value[b]))
            ch->stats.odd += p->bins[b];
        else
            least = fminf(least, ch->value[b]);
    }
    ch->lowest = isfinite(least) ? least : 0;
    ch->stats.first_odd = UINT64_MAX;
    IML_TRY(judge_odd(c, ch, e));
    for (uint32_t b = 0; b < n; b++) ch->value[b] = treated(c, ch, ch->value[b]);
    iml__stats_of_bins(p->bins, p->masked, i->item_bytes, sign, ch->value, p->mask, p->percent,
                       &ch->stats);
    return IML_OK;
}

static iml_status float_percentiles(struct pass *p, struct iml__stats *s, iml_err *e)
{
    const double *q = p->percent;
    struct iml__rank r[2];
    uint32_t upper[4];
    uint64_t rank[4], before[4];
    float v[4] = {0};
    if (isnan(q[0]) || !s->count) return IML_OK;
    p->bins = iml_arena_calloc(p->c->a, 4 * (size_t)IML__STAT_BINS, sizeof *p->bins);
    if (!p->bins) return no_memory(e);
    IML_TRY(run_pass(p, PASS_UPPER, e));
    for (int k = 0; k < 2; k++) {
        r[k] = iml__rank_of(s->count, q[k]);
        rank[2 * k] = r[k].lo, rank[2 * k + 1] = r[k].hi;
    }
    for (int k = 0; k < 4; k++) upper[k] = iml__rank_bin(p->bins, rank[k], &before[k]);
    memset(p->bins, 0, 4 * (size_t)IML__STAT_BINS * sizeof *p->bins);
    p->upper = upper, p->nupper = 4;
    IML_TRY(run_pass(p, PASS_LOWER, e));
    for (int k = 0; k < 4; k++) {
        uint64_t ignored;
        uint32_t low =
            iml__rank_bin(p->bins + (size_t)k * IML__STAT_BINS, rank[k] - before[k], &ignored);
        v[k] = iml__float_of_key(upper[k] << 16 | low);
    }
    for (int k = 0; k < 2; k++)
        s->percentile[k] = (float)iml__rank_mix(&r[k], (double)v[2 * k], (double)v[2 * k + 1]);
    return IML_OK;
}

static iml_status stats_of_values(struct iml__case *c, struct iml__channel *ch, struct pass *p,
                                  iml_err *e)
{
    uint64_t blocks = (p->count + IML__STAT_BLOCK - 1) / IML__STAT_BLOCK, n;
    struct iml__stats s;
    p->block = iml_arena_calloc(c->a, blocks, sizeof *p->block);
    if (!p->block) return no_memory(e);
    IML_TRY(run_pass(p, PASS_RANGE, e));
    iml__blocks_range(p->block, blocks, &ch->stats);
    s = ch->stats;
    if (s.min > s.max) s.min = s.max = 0; // nothing finite
    ch->lowest = s.min;
    IML_TRY(judge_odd(c, ch, e));
    s.min = treated(c, ch, s.min), s.max = treated(c, ch, s.max);
    p->min = s.min;
    IML_TRY(run_pass(p, PASS_SUM, e));
    double sum = iml__blocks_sum(p->block, blocks, &n);
    if (!n && p->mask == IML__MASK_FOREGROUND) { // constant: all of it
        p->mask = IML__MASK_ALL;
        IML_TRY(run_pass(p, PASS_SUM, e));
        sum = iml__blocks_sum(p->block, blocks, &n);
    }
    s.count = n, s.mean = 0, s.std = 1;
    if (n) {
        p->mean = sum / (double)n;
        IML_TRY(run_pass(p, PASS_SQUARES, e));
        p->squares = iml__blocks_sum(p->block, blocks, &n);
        s.mean = (float)p->mean;
        s.std = iml__deviation(p->squares, s.count);
    }
    IML_TRY(float_percentiles(p, &s, e));
    ch->stats = s;
    return IML_OK;
}

static iml_status pass_begin(struct pass *p, struct iml__case *c, struct iml__channel *ch,
                             enum iml__mask mask, iml_err *e)
{
    *p = (struct pass){.c = c,
                       .ch = ch,
                       .mask = mask,
                       .percent = {NAN, NAN, NAN},
                       .least = INFINITY,
                       .most = -INFINITY,
                       .count = iml__box_count(&c->box)};
    if (p->mask == IML__MASK_LABEL && !c->label)
        return iml__case_fail(c, e, ch->path, "label-missing",
                              "statistics of labelled voxels need a label");
    return pthread_mutex_init(&p->lock, NULL) ? no_memory(e) : IML_OK;
}

static iml_status stats_of(struct pass *p, iml_err *e)
{
    return small(&p->ch->n->info) ? stats_of_bins(p->c, p->ch, p, e)
                                  : stats_of_values(p->c, p->ch, p, e);
}

static iml_status measure(struct iml__case *c, struct iml__channel *ch, iml_err *e)
{
    struct pass p;
    const struct iml__norm *norm = &c->conf->norm[0];
    IML_TRY(pass_begin(&p, c, ch, (enum iml__mask)c->conf->o.norm_mask, e));
    if (norm->kind == IML__NORM_PERCENTILE) p.percent[0] = norm->a, p.percent[1] = norm->b;
    iml_status st = stats_of(&p, e);
    pthread_mutex_destroy(&p.lock);
    if (st) return st;
    if (!(ch->stats.max > ch->stats.min))
        return iml__case_warn(c, e, ch->path, "constant", "every voxel has the same value");
    return IML_OK;
}

iml_status iml__case_measure_all(struct iml__case *c, iml_err *e)
{
    for (uint32_t k = 0; k < c->nch; k++) IML_TRY(measure(c, &c->ch[k], e));
    return IML_OK;
}

iml_status iml__case_grey_range(struct iml__case *c, struct iml__channel *ch, double low,
                                double high, iml_err *e)
{
    struct pass p;
    IML_TRY(pass_begin(&p, c, ch, IML__MASK_ALL, e));
    p.percent[0] = low, p.percent[1] = high;
    iml_status st = stats_of(&p, e);
    pthread_mutex_destroy(&p.lock);
    return st;
}

// ---- Voxels with a label, for the set's fingerprint

// Mean and squares of counted values, which stand for themselves exactly.
static void moments_of_bins(const struct iml__channel *ch, const uint64_t *bins, uint32_t n,
                            struct iml__foreground *f)
{
    double sum = 0, squares = 0;
    for (uint32_t b = 0; b < n; b++) {
        if (!bins[b] || !isfinite(ch->value[b])) continue;
        f->count += bins[b];
        sum += (double)bins[b] * (double)ch->value[b];
        f->min = fminf(f->min, ch->value[b]), f->max = fmaxf(f->max, ch->value[b]);
    }
    f->mean = f->count ? sum / (double)f->count : 0;
    for (uint32_t b = 0; b < n; b++) {
        if (!bins[b] || !isfinite(ch->value[b])) continue;
        double d = (double)ch->value[b] - f->mean;
        squares += (double)bins[b] * (d * d);
    }
    f->squares = squares;
}

static iml_status foreground(struct pass *p, struct iml__foreground *f, iml_err *e)
{
    struct iml__channel *ch = p->ch;
    *f = (struct iml__foreground){.min = INFINITY, .max = -INFINITY};
    if (small(&ch->n->info)) {
        IML_TRY(stats_of_bins(p->c, ch, p, e));
        f->exact = true, f->by_bits = p->masked;
        moments_of_bins(ch, p->masked, ch->n->info.item_bytes == 1 ? 256 : 65536, f);
        return IML_OK;
    }
    IML_TRY(stats_of_values(p->c, ch, p, e));
    p->bins = iml_arena_calloc(p->c->a, IML__STAT_BINS, sizeof *p->bins);
    if (!p->bins) return no_memory(e);
    IML_TRY(run_pass(p, PASS_UPPER, e));
    f->count = ch->stats.count, f->mean = p->mean, f->squares = p->squares;
    f->min = p->least, f->max = p->most, f->by_upper = p->bins;
    return IML_OK;
}

iml_status iml__case_foreground(struct iml__case *c, struct iml__channel *ch,
                                struct iml__foreground *f, iml_err *e)
{
    struct pass p;
    IML_TRY(pass_begin(&p, c, ch, IML__MASK_LABEL, e));
    iml_status st = foreground(&p, f, e);
    pthread_mutex_destroy(&p.lock);
    return st;
}

iml_status iml__case_foreground_low(struct iml__case *c, struct iml__channel *ch,
                                    const uint32_t *upper, uint32_t n, uint64_t *bins, iml_err *e)
{
    struct pass p;
    IML_TRY(pass_begin(&p, c, ch, IML__MASK_LABEL, e));
    // Values as they were counted: what is treated must be known again.
    iml_status st = stats_of(&p, e);
    p.bins = bins, p.masked = NULL, p.upper = upper, p.nupper = n;
    if (!st) st = run_pass(&p, PASS_LOWER, e);
    pthread_mutex_destroy(&p.lock);
    return st;
}
