// stats.c: counting, summing in a fixed order, ranks.
#include "src/slice/stats.h"

#include <math.h>

enum { LANES = 8 };

// ---- Counts

// Two tables in turn: neighbours are often equal, and a counter that was just stored must not be
// loaded again at once.
void iml__bins_add(uint64_t n[IML__STAT_BINS], int item_bytes, const void *raw, size_t count,
                   const uint8_t *mask)
{
    const uint8_t *a = raw;
    const uint16_t *b = raw;
    if (mask) {
        for (size_t k = 0; k < count; k++) n[item_bytes == 1 ? a[k] : b[k]] += mask[k] != 0;
        return;
    }
    size_t k = 0;
    if (item_bytes == 1) {
        uint64_t two[256] = {0};
        for (; k + 1 < count; k += 2) n[a[k]]++, two[a[k + 1]]++;
        if (k < count) n[a[k]]++;
        for (k = 0; k < 256; k++) n[k] += two[k];
        return;
    }
    // Runs of equal voxels (air) are counted at once; the rest are spread enough.
    while (k < count) {
        uint16_t v = b[k];
        size_t from = k++;
        while (k < count && b[k] == v) k++;
        n[v] += k - from;
    }
}

struct order { // bins by ascending value
    uint32_t bins;
    bool sign, down;
};

static uint32_t bin_at(const struct order *o, uint32_t k)
{
    if (o->down) k = o->bins - 1 - k;
    return o->sign ? (k + o->bins / 2) % o->bins : k;
}

static double bins_sum(const uint64_t *n, const float *value, const struct order *o,
                       enum iml__mask mask, float min, const double *mean, uint64_t *count)
{
    double sum = 0;
    *count = 0;
    for (uint32_t k = 0; k < o->bins; k++) {
        uint32_t b = bin_at(o, k);
        if (!n[b] || !iml__in_mask(value[b], 1, mask, min)) continue;
        double d = mean ? (double)value[b] - *mean : (double)value[b];
        sum += (double)n[b] * (mean ? d * d : d);
        *count += n[b];
    }
    return sum;
}

static double nth(const uint64_t *n, const float *value, const struct order *o, enum iml__mask mask,
                  float min, uint64_t rank)
{
    uint64_t seen = 0;
    for (uint32_t k = 0; k < o->bins; k++) {
        uint32_t b = bin_at(o, k);
        if (!n[b] || !iml__in_mask(value[b], 1, mask, min)) continue;
        seen += n[b];
        if (seen > rank) return (double)value[b];
    }
    return 0;
}

void iml__stats_of_bins(const uint64_t n[IML__STAT_BINS], const uint64_t *masked, int item_bytes,
                        bool is_signed, const float *value, enum iml__mask mask,
                        const double q[IML__PERCENTILES], struct iml__stats *out)
{
    struct order o = {item_bytes == 1 ? 256 : 65536, is_signed, false};
    *out =
        (struct iml__stats){.min = INFINITY, .max = -INFINITY, .std = 1, .first_odd = UINT64_MAX};
    uint32_t first = 0, last = 0;
    bool any = false;
    for (uint32_t k = 0; k < o.bins; k++) {
        uint32_t b = bin_at(&o, k);
        if (!n[b]) continue;
        if (!isfinite(value[b])) {
            out->odd += n[b];
            continue;
        }
        if (!any) first = b;
        any = true, last = b;
        out->min = fminf(out->min, value[b]), out->max = fmaxf(out->max, value[b]);
    }
    if (!any) return;
    o.down = value[first] > value[last];
    if (mask == IML__MASK_LABEL) n = masked;
    uint64_t count;
    double sum = bins_sum(n, value, &o, mask, out->min, NULL, &count);
    if (!count && mask == IML__MASK_FOREGROUND) { // a constant volume: all of it
        mask = IML__MASK_ALL;
        sum = bins_sum(n, value, &o, mask, out->min, NULL, &count);
    }
    out->count = count;
    if (!count) return;
    double mean = sum / (double)count;
    out->mean = (float)mean;
    out->std = iml__deviation(bins_sum(n, value, &o, mask, out->min, &mean, &count), count);
    for (int k = 0; k < IML__PERCENTILES; k++) {
        if (isnan(q[k])) continue;
        struct iml__rank r = iml__rank_of(count, q[k]);
        double lo = nth(n, value, &o, mask, out->min, r.lo);
        double hi = r.hi == r.lo ? lo : nth(n, value, &o, mask, out->min, r.hi);
        out->percentile[k] = (float)iml__rank_mix(&r, lo, hi);
    }
}

// ---- Blocks

bool iml__in_mask(float v, uint8_t label, enum iml__mask mask, float min)
{
    switch (mask) {
    case IML__MASK_FOREGROUND: return v > min && isfinite(v);
    case IML__MASK_NONZERO: return (v > 0 || v < 0) && isfinite(v);
    case IML__MASK_LABEL: return label && isfinite(v);
    case IML__MASK_ALL: break;
    }
    return isfinite(v);
}

void iml__block_range(const float *v, size_t n, uint64_t at, struct iml__block *b)
{
    *b = (struct iml__block){.min = INFINITY, .max = -INFINITY, .first_odd = UINT64_MAX};
    for (size_t k = 0; k < n; k++) {
        if (!isfinite(v[k])) {
            if (!b->odd++) b->first_odd = at + k;
            continue;
        }
        if (v[k] < b->min) b->min = v[k];
        if (v[k] > b->max) b->max = v[k];
    }
}

static double lanes_sum(const double s[LANES])
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

void iml__block_sum(const float *v, const uint8_t *label, size_t n, enum iml__mask mask, float min,
                    const double *mean, struct iml__block *b)
{
    double s[LANES] = {0};
    b->count = 0;
    for (size_t k = 0; k < n; k++) {
        bool in = iml__in_mask(v[k], label ? label[k] : 0, mask, min);
        double d = mean ? (double)v[k] - *mean : (double)v[k];
        s[k % LANES] += in ? (mean ? d * d : d) : 0.0;
        b->count += in;
    }
    b->sum = lanes_sum(s);
}

void iml__blocks_range(const struct iml__block *b, size_t n, struct iml__stats *out)
{
    *out = (struct iml__stats){.min = INFINITY, .max = -INFINITY, .first_odd = UINT64_MAX};
    for (size_t k = 0; k < n; k++) {
        out->odd += b[k].odd;
        out->first_odd = IML_MIN(out->first_odd, b[k].first_odd);
        out->min = fminf(out->min, b[k].min), out->max = fmaxf(out->max, b[k].max);
    }
}

double iml__blocks_sum(struct iml__block *b, size_t n, uint64_t *count)
{
    *count = 0;
    for (size_t k = 0; k < n; k++) *count += b[k].count;
    for (; n > 1; n = (n + 1) / 2) {
        for (size_t k = 0; k < n / 2; k++) b[k].sum = b[2 * k].sum + b[2 * k + 1].sum;
        if (n % 2) b[n / 2].sum = b[n - 1].sum;
    }
    return n ? b[0].sum : 0;
}

float iml__deviation(double squares, uint64_t count)
{
    double std = count ? sqrt(squares / (double)count) : 0;
    return std < 1e-8 ? 1.0f : (float)std;
}

// ---- Ranks

float iml__float_of_key(uint32_t key)
{
    uint32_t u = key & 0x80000000u ? key & 0x7fffffffu : ~key;
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

struct iml__rank iml__rank_of(uint64_t n, double percent)
{
    double at = (double)(n - 1) * (percent / 100), below = floor(at);
    uint64_t lo = (uint64_t)below;
    if (lo >= n - 1) return (struct iml__rank){n - 1, n - 1, 0};
    return (struct iml__rank){lo, lo + 1, at - below};
}

// As numpy's _lerp: from the nearer end, so that both ends are met exactly.
double iml__rank_mix(const struct iml__rank *r, double lo, double hi)
{
    double d = hi - lo;
    return r->t >= 0.5 ? hi - d * (1 - r->t) : lo + d * r->t;
}

uint32_t iml__rank_bin(const uint64_t n[IML__STAT_BINS], uint64_t rank, uint64_t *before)
{
    uint64_t seen = 0;
    for (uint32_t b = 0; b < IML__STAT_BINS; b++) {
        if (seen + n[b] > rank) {
            *before = seen;
            return b;
        }
        seen += n[b];
    }
    *before = seen;
    return IML__STAT_BINS - 1;
}
