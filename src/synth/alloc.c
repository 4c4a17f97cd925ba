// alloc.c: Sainte-Lague seats by bisection, without a list.
//
// Seat k of specification s has the key (k + 1/2) / p_s; item i takes the (i+1)-th smallest key,
// ties by name. Keys up to t number sum floor(p_s t + 1/2), so t is found by bisection, and the
// seats that share the last step are ties. Any prefix is near the shares. The largest-remainder
// method was rejected: its items depend on the total, so sets could not grow.
#include "src/synth/alloc.h"

#include "src/base/err.h"

#include <math.h>
#include <string.h>

iml_status iml__seats_of(const iml__config *c, iml_arena *a, iml__seats *s, iml_err *e)
{
    s->n = c->nspec;
    s->share = iml_arena_calloc(a, c->nspec, sizeof *s->share);
    s->order = iml_arena_calloc(a, c->nspec, sizeof *s->order);
    if (!s->share || !s->order)
        return IML_FAIL(e, IML_ENOMEM, "no memory for %u specifications", c->nspec);
    for (uint32_t k = 0; k < c->nspec; k++) {
        s->share[k] = c->spec[k].share;
        uint32_t at = k;
        while (at && strcmp(c->spec[s->order[at - 1]].name, c->spec[k].name) > 0) {
            s->order[at] = s->order[at - 1];
            at--;
        }
        s->order[at] = k;
    }
    return IML_OK;
}

static double seats_at(double share, double t) { return share > 0 ? floor(share * t + 0.5) : 0; }

static double all_seats(const iml__seats *s, double t)
{
    double n = 0;
    for (uint32_t k = 0; k < s->n; k++) n += seats_at(s->share[k], t);
    return n;
}

// Neighbours lo and hi: at most `want` seats have keys <= lo, more than that have keys <= hi, and
// what is left between them are ties.
static void bisect(const iml__seats *s, double want, double *lo, double *hi)
{
    *lo = IML_MAX(want - s->n - 1, 0.0), *hi = want + s->n + 1;
    for (;;) {
        double mid = *lo + (*hi - *lo) / 2;
        if (mid <= *lo || mid >= *hi) return;
        if (all_seats(s, mid) <= want)
            *lo = mid;
        else
            *hi = mid;
    }
}

uint32_t iml__seat(const iml__seats *s, uint64_t i, uint64_t *k)
{
    double want = (double)i, lo, hi;
    bisect(s, want, &lo, &hi);
    double left = want - all_seats(s, lo);
    uint32_t last = s->order[0];
    for (uint32_t j = 0; j < s->n; j++) {
        uint32_t c = s->order[j];
        double have = seats_at(s->share[c], lo), gain = seats_at(s->share[c], hi) - have;
        if (gain <= 0) continue;
        last = c;
        *k = (uint64_t)have;
        if (left < gain) {
            *k += (uint64_t)left;
            break;
        }
        left -= gain;
    }
    return last;
}

uint64_t iml__seats_of_first(const iml__seats *s, uint64_t n, uint32_t spec)
{
    double want = (double)n, lo, hi;
    bisect(s, want, &lo, &hi);
    double left = want - all_seats(s, lo);
    for (uint32_t j = 0; j < s->n; j++) {
        uint32_t c = s->order[j];
        double have = seats_at(s->share[c], lo), gain = seats_at(s->share[c], hi) - have;
        double part = IML_CLAMP(gain, 0.0, left);
        if (c == spec) return (uint64_t)(have + part);
        left -= part;
    }
    return 0;
}
