// fingerprint.c: adding cases up to a fingerprint; writing and reading it.
#include "src/slice/fingerprint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/base/err.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/slice/stats.h"

enum { CHANNELS = 64, DISTINCT_MAX = 1 << 22 };
static const double percents[] = {0.5, 50, 99.5};

struct channel {
    uint32_t number;
    uint64_t count;
    double mean, squares, min, max;
    uint64_t *upper;             // [65536]
    struct iml__fp_count *value; // exact ones, sorted by key
    size_t nvalues;
    uint32_t bin[IML__FP_BINS];
    uint32_t nbins;
    uint64_t *low; // [nbins][65536]
};

struct iml__fingerprint {
    struct channel ch[CHANNELS];
    uint32_t nch;
    struct iml__fp_case *item;
    size_t nitems, cap;
    bool inexact, overflow;
};

static iml_status no_memory(iml_err *e)
{
    return IML_FAIL(e, IML_ENOMEM, "no memory for a fingerprint");
}

iml_status iml__fingerprint_new(iml__fingerprint **f, iml_err *e)
{
    *f = iml__calloc(1, sizeof **f);
    return *f ? IML_OK : no_memory(e);
}

void iml__fingerprint_free(iml__fingerprint **f)
{
    for (uint32_t k = 0; *f && k < (*f)->nch; k++) {
        struct channel *c = &(*f)->ch[k];
        IML_FREE(c->upper);
        IML_FREE(c->value);
        IML_FREE(c->low);
    }
    if (*f) IML_FREE((*f)->item);
    IML_FREE(*f);
}

// ---- Adding up

iml_status iml__fingerprint_case(iml__fingerprint *f, const struct iml__fp_case *c, iml_err *e)
{
    if (f->nitems == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 64;
        void *p = iml__realloc(f->item, cap, sizeof *f->item);
        if (!p) return no_memory(e);
        f->item = p, f->cap = cap;
    }
    f->item[f->nitems++] = *c;
    return IML_OK;
}

static struct channel *channel_of(const iml__fingerprint *f, uint32_t number)
{
    for (uint32_t k = 0; k < f->nch; k++)
        if (f->ch[k].number == number) return (struct channel *)&f->ch[k];
    return NULL;
}

static iml_status new_channel(iml__fingerprint *f, uint32_t number, struct channel **out,
                              iml_err *e)
{
    if (f->nch == CHANNELS) return IML_FAIL(e, IML_EINPUT, "more than %d channels", CHANNELS);
    struct channel *c = *out = &f->ch[f->nch];
    *c = (struct channel){.number = number, .min = INFINITY, .max = -INFINITY};
    c->upper = iml__calloc(IML__STAT_BINS, sizeof *c->upper);
    if (!c->upper) return no_memory(e);
    f->nch++;
    return IML_OK;
}

// Two sets of values as one (Chan, Golub, LeVeque 1979).
static void add_moments(struct channel *c, const struct iml__fp_part *p)
{
    if (!p->count) return;
    double a = (double)c->count, b = (double)p->count, d = p->mean - c->mean;
    c->mean = c->count ? c->mean + d * (b / (a + b)) : p->mean;
    c->squares = c->count ? c->squares + p->squares + d * d * (a * b / (a + b)) : p->squares;
    c->count += p->count;
    c->min = fmin(c->min, p->min), c->max = fmax(c->max, p->max);
}

static iml_status merge_values(iml__fingerprint *f, struct channel *c,
                               const struct iml__fp_count *v, size_t n, iml_err *e)
{
    if (c->nvalues + n > DISTINCT_MAX) f->overflow = true;
    if (f->overflow) return IML_OK;
    struct iml__fp_count *to = iml__calloc(c->nvalues + n + 1, sizeof *to);
    size_t i = 0, j = 0, k = 0;
    if (!to) return no_memory(e);
    while (i < c->nvalues || j < n) {
        if (j == n || (i < c->nvalues && c->value[i].key < v[j].key)) {
            to[k++] = c->value[i++];
        } else {
            to[k] = v[j++];
            if (i < c->nvalues && c->value[i].key == to[k].key) to[k].count += c->value[i++].count;
            k++;
        }
    }
    IML_FREE(c->value);
    c->value = to, c->nvalues = k;
    return IML_OK;
}

iml_status iml__fingerprint_part(iml__fingerprint *f, const struct iml__fp_part *p,
                                 const struct iml__fp_count *counts, iml_err *e)
{
    struct channel *c = channel_of(f, p->channel);
    if (!c) IML_TRY(new_channel(f, p->channel, &c, e));
    add_moments(c, p);
    for (uint32_t k = 0; k < p->n; k++)
        c->upper[p->exact ? counts[k].key >> 16 : counts[k].key & 0xffff] += counts[k].count;
    if (p->exact) return merge_values(f, c, counts, p->n, e);
    f->inexact = true;
    return IML_OK;
}

bool iml__fingerprint_again(const iml__fingerprint *f, bool *all)
{
    *all = f->overflow;
    return f->overflow || f->inexact;
}

// ---- Percentiles

static void find_bins(struct channel *c, uint64_t before[IML__FP_BINS], struct iml__rank *rank)
{
    c->nbins = 0;
    for (size_t k = 0; k < IML_COUNT_OF(percents); k++) {
        rank[k] = iml__rank_of(c->count, percents[k]);
        uint64_t at[2] = {rank[k].lo, rank[k].hi};
        for (int i = 0; i < 2; i++) {
            uint64_t seen;
            uint32_t bin = iml__rank_bin(c->upper, at[i], &seen);
            if (before) before[2 * k + (size_t)i] = seen;
            bool known = false;
            for (uint32_t b = 0; b < c->nbins; b++) known |= c->bin[b] == bin;
            if (!known) c->bin[c->nbins++] = bin;
        }
    }
}

void iml__fingerprint_settle(iml__fingerprint *f)
{
    struct iml__rank rank[IML_COUNT_OF(percents)];
    for (uint32_t k = 0; k < f->nch; k++)
        if (f->ch[k].count) find_bins(&f->ch[k], NULL, rank);
}

uint32_t iml__fingerprint_bins(const iml__fingerprint *f, uint32_t channel,
                               uint32_t upper[IML__FP_BINS])
{
    const struct channel *c = channel_of(f, channel);
    if (!c) return 0;
    memcpy(upper, c->bin, c->nbins * sizeof *upper);
    return c->nbins;
}

static iml_status need_low(struct channel *c, iml_err *e)
{
    if (!c->low) c->low = iml__calloc((size_t)c->nbins * IML__STAT_BINS, sizeof *c->low);
    return c->low ? IML_OK : no_memory(e);
}

iml_status iml__fingerprint_low(iml__fingerprint *f, uint32_t channel, uint32_t bin,
                                const struct iml__fp_count *counts, uint32_t n, iml_err *e)
{
    struct channel *c = channel_of(f, channel);
    if (!c || bin >= c->nbins) return IML_FAIL(e, IML_EBUG, "a bin that nobody asked for");
    IML_TRY(need_low(c, e));
    for (uint32_t k = 0; k < n; k++)
        c->low[(size_t)bin * IML__STAT_BINS + (counts[k].key & 0xffff)] += counts[k].count;
    return IML_OK;
}

static double ranked(const struct channel *c, uint64_t rank, uint64_t before)
{
    uint64_t ignored;
    uint32_t upper = iml__rank_bin(c->upper, rank, &ignored), b = 0;
    while (b + 1 < c->nbins && c->bin[b] != upper) b++;
    uint32_t low = iml__rank_bin(c->low + (size_t)b * IML__STAT_BINS, rank - before, &ignored);
    return (double)iml__float_of_key(upper << 16 | low);
}

static iml_status percentiles(const iml__fingerprint *f, struct channel *c, double *out, iml_err *e)
{
    uint64_t before[IML__FP_BINS];
    struct iml__rank rank[IML_COUNT_OF(percents)];
    find_bins(c, before, rank);
    IML_TRY(need_low(c, e));
    for (size_t k = 0; k < c->nvalues && !f->overflow; k++)
        for (uint32_t b = 0; b < c->nbins; b++)
            if (c->value[k].key >> 16 == c->bin[b])
                c->low[(size_t)b * IML__STAT_BINS + (c->value[k].key & 0xffff)] +=
                    c->value[k].count;
    for (size_t k = 0; k < IML_COUNT_OF(percents); k++)
        out[k] = iml__rank_mix(&rank[k], ranked(c, rank[k].lo, before[2 * k]),
                               ranked(c, rank[k].hi, before[2 * k + 1]));
    return IML_OK;
}

// ---- The file

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static iml_status median_left(const iml__fingerprint *f, double *out, iml_err *e)
{
    double *v = iml__calloc(f->nitems + 1, sizeof *v);
    if (!v) return no_memory(e);
    for (size_t k = 0; k < f->nitems; k++)
        v[k] = f->item[k].all ? (double)f->item[k].left / (double)f->item[k].all : 1;
    if (f->nitems) qsort(v, f->nitems, sizeof *v, by_value);
    size_t m = f->nitems / 2;
    *out = !f->nitems ? 1 : f->nitems % 2 ? v[m] : (v[m - 1] + v[m]) / 2;
    IML_FREE(v);
    return IML_OK;
}

static int by_number(const void *a, const void *b)
{
    const struct channel *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

static iml_status properties(const iml__fingerprint *f, struct channel *c, iml__jsonw *w,
                             iml_err *e)
{
    static const char *const names[] = {
        "max", "mean", "median", "min", "percentile_00_5", "percentile_99_5", "std"};
    double p[IML_COUNT_OF(percents)];
    char key[16];
    if (!c->count)
        return IML_FAIL(e, IML_EINPUT, "no voxel of channel %u has a label above 0", c->number);
    IML_TRY(percentiles(f, c, p, e));
    double v[] = {c->max, c->mean, p[1], c->min, p[0], p[2], sqrt(c->squares / (double)c->count)};
    (void)snprintf(key, sizeof key, "%u", c->number);
    iml__jsonw_key(w, key), iml__jsonw_object(w);
    for (size_t k = 0; k < IML_COUNT_OF(names); k++)
        iml__jsonw_key(w, names[k]), iml__jsonw_num(w, v[k]);
    iml__jsonw_end(w);
    return IML_OK;
}

iml_status iml__fingerprint_text(iml__fingerprint *f, iml__str *out, iml_err *e)
{
    iml__jsonw w;
    double left = 1;
    IML_TRY(median_left(f, &left, e));
    qsort(f->ch, f->nch, sizeof f->ch[0], by_number);
    iml__jsonw_init(&w, out, 2);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "spacings"), iml__jsonw_array(&w);
    for (size_t k = 0; k < f->nitems; k++) {
        iml__jsonw_array(&w);
        for (int i = 0; i < 3; i++) iml__jsonw_num(&w, f->item[k].spacing[i]);
        iml__jsonw_end(&w);
    }
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "shapes_after_crop"), iml__jsonw_array(&w);
    for (size_t k = 0; k < f->nitems; k++) {
        iml__jsonw_array(&w);
        for (int i = 0; i < 3; i++) iml__jsonw_u64(&w, f->item[k].shape[i]);
        iml__jsonw_end(&w);
    }
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "foreground_intensity_properties_per_channel"), iml__jsonw_object(&w);
    for (uint32_t k = 0; k < f->nch; k++) IML_TRY(properties(f, &f->ch[k], &w, e));
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "median_relative_size_after_cropping"), iml__jsonw_num(&w, left);
    iml__jsonw_end(&w);
    iml__str_addc(out, '\n');
    return out->failed ? no_memory(e) : IML_OK;
}

// ---- Reading

static iml_status read_properties(iml__jsonr *r, struct iml__ct *ct, unsigned *seen, iml_err *e)
{
    static const char *const names[] = {"mean", "std", "percentile_00_5", "percentile_99_5"};
    double *to[] = {&ct->mean, &ct->std, &ct->p_low, &ct->p_high};
    enum iml__json_type t;
    *seen = 0;
    IML_TRY(iml__jsonr_next(r, &t, e));
    if (t != IML__JSON_OBJECT) return IML_FAIL(e, IML_EARG, "its properties are no object");
    for (;;) {
        IML_TRY(iml__jsonr_next(r, &t, e));
        if (t == IML__JSON_END) return IML_OK;
        size_t k = 0;
        while (k < IML_COUNT_OF(names) && strcmp(iml__str_text(&r->token), names[k]) != 0) k++;
        if (k == IML_COUNT_OF(names)) {
            IML_TRY(iml__jsonr_skip(r, e));
            continue;
        }
        IML_TRY(iml__jsonr_next(r, &t, e));
        if (t == IML__JSON_NUMBER && iml__parse_double(iml__str_text(&r->token), to[k]) &&
            isfinite(*to[k]))
            *seen |= 1u << k;
        else
            return IML_FAIL(e, IML_EARG, "its %s is no number", names[k]);
    }
}

struct wanted {
    const int *channel;
    uint32_t nchannels;
    struct iml__ct *ct;
    uint32_t cap;
    uint64_t have; // bits
};

static iml_status read_channels(iml__jsonr *r, struct wanted *w, iml_err *e)
{
    enum iml__json_type t;
    IML_TRY(iml__jsonr_next(r, &t, e));
    if (t != IML__JSON_OBJECT) return IML_FAIL(e, IML_EARG, "its properties are no object");
    for (;;) {
        struct iml__ct ct = {0};
        unsigned seen;
        uint64_t number;
        IML_TRY(iml__jsonr_next(r, &t, e));
        if (t == IML__JSON_END) return IML_OK;
        bool is_number = iml__parse_u64(iml__str_text(&r->token), &number);
        IML_TRY(read_properties(r, &ct, &seen, e));
        if (!is_number || seen != 15) continue; // a missing one is told where it is needed
        for (uint32_t k = 0; k < w->cap; k++) {
            if (w->nchannels ? k >= w->nchannels || (uint64_t)w->channel[k] != number : k != number)
                continue;
            w->ct[k] = ct, w->have |= UINT64_C(1) << k;
        }
    }
}

static iml_status read_all(iml__jsonr *r, struct wanted *w, iml_err *e)
{
    enum iml__json_type t;
    bool found = false;
    IML_TRY(iml__jsonr_next(r, &t, e));
    if (t != IML__JSON_OBJECT) return IML_FAIL(e, IML_EARG, "it is no JSON object");
    for (;;) {
        IML_TRY(iml__jsonr_next(r, &t, e));
        if (t == IML__JSON_END) break;
        bool it = !strcmp(iml__str_text(&r->token), "foreground_intensity_properties_per_channel");
        found |= it;
        IML_TRY(it ? read_channels(r, w, e) : iml__jsonr_skip(r, e));
    }
    IML_TRY(iml__jsonr_next(r, &t, e)); // nothing behind it
    if (!found)
        return IML_FAIL(e, IML_EARG, "it has no foreground_intensity_properties_per_channel");
    return IML_OK;
}

iml_status iml__fingerprint_read(const char *text, size_t len, const char *name, const int *channel,
                                 uint32_t nchannels, struct iml__ct *ct, uint32_t cap, uint32_t *n,
                                 iml_err *e)
{
    iml__jsonr r;
    iml_err why = {0};
    struct wanted w = {.channel = channel, .nchannels = nchannels, .ct = ct, .cap = cap};
    *n = 0;
    iml__jsonr_init(&r, name, text, len);
    iml_status st = read_all(&r, &w, &why);
    iml__jsonr_free(&r);
    if (st == IML_ENOMEM) return no_memory(e);
    if (st) return IML_FAIL(e, IML_EARG, "--stats %.100s: %s", name, why.msg);
    while (*n < cap && w.have >> *n & 1) (*n)++;
    if (*n < (nchannels ? nchannels : 1))
        return IML_FAIL(e, IML_EARG,
                        "--stats %.100s: channel %d has no mean, std, percentile_00_5 and "
                        "percentile_99_5",
                        name, nchannels ? channel[*n] : (int)*n);
    for (uint32_t k = 0; k < *n; k++)
        if (ct[k].std < 0 || ct[k].p_low > ct[k].p_high)
            return IML_FAIL(e, IML_EARG, "--stats %.100s: channel %d: its %s", name,
                            nchannels ? channel[k] : (int)k,
                            ct[k].std < 0 ? "std is negative"
                                          : "percentile_00_5 is above its percentile_99_5");
    return IML_OK;
}
