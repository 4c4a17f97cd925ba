// noise_table.c: makes the staircase of noise levels (noise.h).
//
// The truth is level(word) = floor(sigma F^-1((word + 1/2) 2^-32) + 1/2), clipped. Each step of the
// staircase is found by bisection on the truth itself, from a first guess by F, so an error of F
// costs time and never a bit. F^-1 rises by far more than its error from word to word, so the
// staircase is one.
#include "src/kernel/noise.h"

#include "src/base/fmath.h"
#include <math.h>

typedef double unit_fn(double sigma, uint32_t word);

static double unit_gauss(double sigma, uint32_t word)
{
    return sigma * iml__norm_inv((word + 0.5) * 0x1p-32);
}

static double unit_uniform(double sigma, uint32_t word)
{
    return sigma * 1.7320508075688772935 * (2 * ((word + 0.5) * 0x1p-32) - 1);
}

static int level(unit_fn *f, double sigma, uint32_t word)
{
    double k = floor(f(sigma, word) + 0.5);
    return (int)IML_CLAMP(k, -(double)IML__NOISE_MAX, (double)IML__NOISE_MAX);
}

// The first word whose level is at least k, given that the last word's is. guess: nearby, or not.
static uint32_t first_word(unit_fn *f, double sigma, int k, uint32_t guess)
{
    uint32_t lo = 0, hi = UINT32_MAX; // level(hi) >= k; every word below lo has less
    for (uint32_t reach = 4; reach && reach < 1u << 20; reach *= 16) {
        uint32_t a = guess > reach ? guess - reach : 0;
        uint32_t b = guess < UINT32_MAX - reach ? guess + reach : UINT32_MAX;
        bool above = level(f, sigma, b) >= k, below = a > 0 && level(f, sigma, a) < k;
        if (above) hi = b;
        if (below) lo = a + 1;
        if (above && (below || a == 0)) break;
    }
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (level(f, sigma, mid) >= k)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

static void fill_buckets(iml__noise_table *t)
{
    const int shift = 32 - IML__NOISE_BITS;
    int32_t i = 0;
    for (uint32_t b = 0; b < 1u << IML__NOISE_BITS; b++) {
        uint64_t end = (uint64_t)(b + 1) << shift;
        int32_t j = i;
        while (j < t->nsteps && t->step[j] < end) j++;
        uint32_t low = j > i ? t->step[i] & ((1u << shift) - 1) : 1u << shift;
        uint32_t code = j - i > 1 ? (uint32_t)IML__NOISE_SEARCH : (uint32_t)(t->lo + i + 512);
        t->bucket[b] = low | code << (shift + 1);
        i = j;
    }
}

static void fill(iml__noise_table *t, unit_fn *f, double sigma, bool gauss)
{
    int hi = level(f, sigma, UINT32_MAX);
    t->lo = level(f, sigma, 0);
    t->nsteps = hi - t->lo;
    for (int32_t i = 0; i < t->nsteps; i++) {
        double x = (t->lo + i + 0.5) / sigma;
        double u = gauss ? iml__norm_cdf(x) : x / (2 * 1.7320508075688772935) + 0.5;
        double guess = IML_CLAMP(u * 0x1p32 - 0.5, 0.0, (double)UINT32_MAX);
        t->step[i] = first_word(f, sigma, t->lo + i + 1, (uint32_t)guess);
    }
    fill_buckets(t);
}

void iml__noise_gauss(iml__noise_table *t, double sigma) { fill(t, unit_gauss, sigma, true); }
void iml__noise_uniform(iml__noise_table *t, double sigma) { fill(t, unit_uniform, sigma, false); }
