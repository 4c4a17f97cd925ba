// cursor.c: which item comes next.
//
// Order permutes whole units, and items inside one where the sink allows it, so that few units are
// open at a time. Index order walks the gaps of the past: it has no list, and a resumed run of 10^9
// units skips what is done in one step a run of units. Random order asks a keyed permutation of
// the ranks of what is open, and finds the unit of a rank without a list: a claim under the lock
// never walks over what is done. Size order keeps 8 bytes a unit that is still open,
// sorted by counting over 65,536 classes of cost, each a thousandth wide: two passes, no second
// array, and stable, so that equal costs keep the order of their indices.
#include "src/engine/cursor.h"

#include "src/base/mem.h"
#include "src/base/rng.h"

#include <stdlib.h>

enum { CLASSES = 1 << 16, FEW = 4096 };

uint32_t iml__unit_count(const struct iml__plan_conf *c, uint64_t unit)
{
    uint64_t rest = c->count - unit * c->unit_items;
    return rest < c->unit_items ? (uint32_t)rest : c->unit_items;
}

// A set that has grown redoes its last unit, whose record is of fewer indices.
static bool covered(const struct iml__plan_conf *c, uint64_t u)
{
    if (!c->past || iml__past_span(c->past, u) < iml__unit_count(c, u)) return false;
    return !c->retry_bad || !iml__past_unit_has_bad(c->past, u);
}

static bool ours(const struct iml__plan_conf *c, uint64_t u)
{
    return u % c->nshards == c->shard && !covered(c, u);
}

// In index order: the first unit at or after place `at` that is to be done. A place is an index
// into `only`, or a unit. Moves *at behind it.
static bool walk(const struct iml__cursor *k, uint64_t *at, uint64_t *unit)
{
    const struct iml__plan_conf *c = k->c;
    while (c->only && *at < c->nonly) {
        *unit = c->only[(*at)++];
        if (*unit < k->units && ours(c, *unit)) return true;
    }
    while (!c->only && *at < k->units) {
        uint64_t u = *at, n = c->nshards;
        if (c->past) {
            uint64_t gap = iml__past_next_open(c->past, u, k->units), bad = UINT64_MAX;
            if (c->retry_bad) bad = iml__past_next_bad(c->past, u, k->units);
            u = gap < bad ? gap : bad;
            if (u == UINT64_MAX) break;
        }
        uint64_t ahead = n == 1 ? 0 : (c->shard + n - u % n) % n;
        if (ahead >= k->units - u) break;
        u += ahead, *at = u + 1;
        if (covered(c, u)) continue;
        *unit = u;
        return true;
    }
    return false;
}

// Ascending with falling cost: 6 bits of exponent and 10 of mantissa, turned over.
static uint32_t class_of(uint64_t cost)
{
    if (cost < 1024) return CLASSES - 1 - (uint32_t)cost;
    uint32_t top = 63 - (uint32_t)__builtin_clzll(cost);
    return CLASSES - 1 - ((top - 9) << 10 | (uint32_t)(cost >> (top - 10) & 1023));
}

static uint64_t cost_of(const struct iml__plan_conf *c, uint64_t i)
{
    return c->cost ? c->cost(c->user, i) : 0;
}

static uint64_t unit_cost(const struct iml__plan_conf *c, uint64_t u)
{
    uint64_t most = 0, first = u * c->unit_items, n = iml__unit_count(c, u);
    for (uint64_t i = first; i < first + n; i++) {
        uint64_t x = cost_of(c, i);
        if (x > most) most = x;
    }
    return most;
}

static int by_cost(const void *a, const void *b)
{
    const struct iml__ranked *x = a, *y = b;
    if (x->cost != y->cost) return x->cost > y->cost ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

// The same order as by counting, without 512 KiB of places for a handful of units.
static bool sort_few(struct iml__cursor *k)
{
    struct iml__ranked *r = iml__alloc((size_t)(k->units + 1) * sizeof *r);
    uint64_t n = 0, at = 0, u = 0;
    k->order = r ? iml__alloc((size_t)(k->units + 1) * sizeof *k->order) : NULL;
    while (k->order && walk(k, &at, &u))
        r[n++] = (struct iml__ranked){CLASSES - class_of(unit_cost(k->c, u)), u};
    if (k->order && n) qsort(r, (size_t)n, sizeof *r, by_cost);
    for (uint64_t i = 0; k->order && i < n; i++) k->order[i] = r[i].id;
    IML_FREE(r);
    k->n = n;
    return k->order != NULL;
}

static bool sort_units(struct iml__cursor *k)
{
    if (k->units <= FEW) return sort_few(k);
    uint64_t *place = iml__calloc(CLASSES, sizeof *place), n = 0, at = 0, u = 0;
    if (!place) return false;
    while (walk(k, &at, &u)) place[class_of(unit_cost(k->c, u))]++, n++;
    k->order = n < SIZE_MAX / sizeof *k->order ? iml__alloc((n + 1) * sizeof *k->order) : NULL;
    for (uint64_t j = 0, sum = 0; j < CLASSES; j++) {
        uint64_t here = place[j];
        place[j] = sum, sum += here;
    }
    at = 0;
    while (k->order && walk(k, &at, &u)) k->order[place[class_of(unit_cost(k->c, u))]++] = u;
    IML_FREE(place);
    k->n = n;
    return k->order != NULL;
}

static bool inside_sorted(const struct iml__plan_conf *c)
{
    return c->sink == IML__SINK_UNORDERED && c->order == IML__ORDER_SIZE && c->unit_items > 1;
}

static bool inside_random(const struct iml__plan_conf *c)
{
    return c->sink == IML__SINK_UNORDERED && c->order == IML__ORDER_RANDOM && c->unit_items > 1;
}

static bool push_extra(struct iml__cursor *k, uint64_t unit)
{
    if (k->nextra == k->extra_cap) {
        uint64_t cap = 2 * k->extra_cap + 64;
        uint64_t *more = iml__realloc(k->extra, (size_t)cap, sizeof *more);
        if (!more) return false;
        k->extra = more, k->extra_cap = cap;
    }
    k->extra[k->nextra++] = unit;
    return true;
}

// What is open, by rank: the gaps of the past; of units that have a record, those that hold a bad
// item, if these are wanted; the last unit, where it is shorter than the others.
static bool rank_units(struct iml__cursor *k)
{
    const struct iml__plan_conf *c = k->c;
    uint64_t whole = c->count / c->unit_items, u;
    if (c->only) {
        for (uint64_t at = 0; walk(k, &at, &u);)
            if (!push_extra(k, u)) return false;
    } else {
        if (!iml__past_gaps(c->past, whole, c->shard, c->nshards, &k->gaps)) return false;
        bool bad = c->past && c->retry_bad;
        for (u = 0; bad && (u = iml__past_next_bad(c->past, u, whole)) != UINT64_MAX; u++)
            if (ours(c, u) && iml__past_span(c->past, u) >= c->unit_items && !push_extra(k, u))
                return false;
        if (whole < k->units && ours(c, whole) && !push_extra(k, whole)) return false;
    }
    k->n = k->gaps.count + k->nextra;
    return true;
}

static uint64_t of_shard(const struct iml__plan_conf *c, uint64_t units)
{
    return units > c->shard ? (units - c->shard - 1) / c->nshards + 1 : 0;
}

// Indices to be done. All units but a last, shorter one are counted, not visited.
static uint64_t to_do(const struct iml__cursor *k)
{
    const struct iml__plan_conf *c = k->c;
    uint64_t sum = 0, whole = c->count / c->unit_items, u;
    if (c->only) {
        for (uint64_t at = 0; walk(k, &at, &u);) sum += iml__unit_count(c, u);
        return sum;
    }
    sum = of_shard(c, whole);
    if (c->past) sum -= iml__past_count(c->past, whole, c->shard, c->nshards, c->retry_bad);
    return sum * c->unit_items +
           (whole < k->units && ours(c, whole) ? c->count % c->unit_items : 0);
}

bool iml__cursor_open(struct iml__cursor *k, const struct iml__plan_conf *c)
{
    *k = (struct iml__cursor){.c = c};
    k->units = c->count / c->unit_items + (c->count % c->unit_items != 0);
    k->n = c->only ? c->nonly : k->units;
    k->order_stream = iml_stream("engine.order"), k->inside_stream = iml_stream("engine.inside");
    k->left = to_do(k);
    if (c->order == IML__ORDER_RANDOM && c->sink != IML__SINK_PULL && !rank_units(k)) return false;
    if (c->order == IML__ORDER_SIZE && c->sink != IML__SINK_PULL && !sort_units(k)) return false;
    if (!inside_sorted(c)) return true;
    uint64_t n = c->count < c->unit_items ? c->count : c->unit_items;
    k->inside = iml__calloc(n + 1, sizeof *k->inside);
    return k->inside != NULL;
}

void iml__cursor_close(struct iml__cursor *k)
{
    IML_FREE(k->order);
    IML_FREE(k->extra);
    iml__gaps_close(&k->gaps);
    IML_FREE(k->inside);
}

bool iml__cursor_in_unit(const struct iml__cursor *k) { return k->inside_at < k->count; }

static bool next_of_order(struct iml__cursor *k)
{
    const struct iml__plan_conf *c = k->c;
    if (k->order) {
        if (k->at < k->n) k->unit = k->order[k->at];
        return k->at++ < k->n;
    }
    if (c->order != IML__ORDER_RANDOM || c->sink == IML__SINK_PULL)
        return walk(k, &k->at, &k->unit);
    if (k->at >= k->n) return false;
    uint64_t rank = iml__feistel(c->seed, 0, k->order_stream, k->n, k->at++);
    bool gap = rank < k->gaps.count;
    k->unit = gap ? iml__gaps_at(&k->gaps, rank) : k->extra[rank - k->gaps.count];
    return true;
}

bool iml__cursor_next_unit(struct iml__cursor *k)
{
    if (!k->left || !next_of_order(k)) return false;
    k->count = iml__unit_count(k->c, k->unit), k->inside_at = 0;
    if (!k->inside) return true;
    for (uint32_t j = 0; j < k->count; j++) {
        uint64_t i = k->unit * k->c->unit_items + j;
        k->inside[j] = (struct iml__ranked){cost_of(k->c, i), i};
    }
    qsort(k->inside, k->count, sizeof *k->inside, by_cost);
    return true;
}

uint64_t iml__cursor_index(const struct iml__cursor *k)
{
    const struct iml__plan_conf *c = k->c;
    if (k->inside) return k->inside[k->inside_at].id;
    uint64_t j = k->inside_at;
    if (inside_random(c)) j = iml__feistel(c->seed, k->unit, k->inside_stream, k->count, j);
    return k->unit * c->unit_items + j;
}

void iml__cursor_pass(struct iml__cursor *k) { k->inside_at++, k->left--; }
