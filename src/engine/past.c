// past.c: folds the journals' records into what is done, what is bad and what has killed.
//
// Covered units are a set of numbers (idset.h); a unit whose record is of fewer indices than
// unit_items (the last one of a smaller set) stands in a short list beside it. Bad and deadly items
// are few: a hash table of 16 bytes each, and the set of units that hold a bad one, so that
// --retry-bad finds them without a look at every item.
//
// A BAD record counts for its unit once the unit's record follows it: VOID turns what was believed
// so far into "remembered", UNIT confirms the BAD records since VOID and forgets the rest. What a
// killed commit has left behind is remembered too: only --retry-bad tries it again.
#include "src/engine/past.h"

#include "src/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { NOT_BAD, REMEMBERED, PENDING }; // PENDING: a BAD record with no UNIT record behind it yet

struct mark {
    uint64_t index; // UINT64_MAX: free
    uint32_t bad, deaths;
};
struct partial {
    uint64_t unit;
    uint32_t indices;
};

struct iml__past {
    uint32_t unit_items;
    struct iml__idset covered, bad_units;
    struct partial *partial;
    size_t npartial, cap_partial;
    struct mark *mark; // open addressing; cap_mark a power of two, at most three quarters full
    size_t nmark, cap_mark;
};

struct iml__past *iml__past_new(uint32_t unit_items)
{
    struct iml__past *p = iml__calloc(1, sizeof *p);
    if (p) p->unit_items = unit_items ? unit_items : 1;
    return p;
}

void iml__past_free(struct iml__past **pp)
{
    struct iml__past *p = *pp;
    if (!p) return;
    iml__idset_free(&p->covered), iml__idset_free(&p->bad_units);
    IML_FREE(p->partial), IML_FREE(p->mark);
    IML_FREE(p);
    *pp = NULL;
}

// ---- Marks on items.

static size_t home(const struct iml__past *p, uint64_t index)
{
    return (size_t)(index * 0x9e3779b97f4a7c15u >> 20) & (p->cap_mark - 1);
}

static struct mark *look(const struct iml__past *p, uint64_t index)
{
    if (!p->cap_mark) return NULL;
    for (size_t k = home(p, index); p->mark[k].index != UINT64_MAX; k = (k + 1) & (p->cap_mark - 1))
        if (p->mark[k].index == index) return &p->mark[k];
    return NULL;
}

static void put(struct iml__past *p, struct mark m)
{
    size_t k = home(p, m.index);
    while (p->mark[k].index != UINT64_MAX) k = (k + 1) & (p->cap_mark - 1);
    p->mark[k] = m, p->nmark++;
}

static struct mark *make(struct iml__past *p, uint64_t index)
{
    struct mark *m = look(p, index);
    if (m) return m;
    if (4 * (p->nmark + 1) > 3 * p->cap_mark) {
        size_t n = p->cap_mark, cap = n ? 2 * n : 64;
        struct mark *old = p->mark, *more = iml__realloc(NULL, cap, sizeof *more);
        if (!more) return NULL;
        memset(more, 0xff, cap * sizeof *more);
        p->mark = more, p->cap_mark = cap, p->nmark = 0;
        for (size_t k = 0; k < n; k++)
            if (old[k].index != UINT64_MAX) put(p, old[k]);
        IML_FREE(old);
    }
    put(p, (struct mark){.index = index});
    return look(p, index);
}

// ---- Units of fewer indices.

static struct partial *short_one(const struct iml__past *p, uint64_t unit)
{
    for (size_t k = 0; k < p->npartial; k++)
        if (p->partial[k].unit == unit) return &p->partial[k];
    return NULL;
}

static iml_status uncover(struct iml__past *p, uint64_t unit)
{
    struct partial *s = short_one(p, unit);
    if (s) *s = p->partial[--p->npartial];
    return iml__idset_remove(&p->covered, unit);
}

static iml_status cover(struct iml__past *p, uint64_t unit, uint32_t indices)
{
    if (indices >= p->unit_items) {
        struct partial *s = short_one(p, unit);
        if (s) *s = p->partial[--p->npartial];
        return iml__idset_add(&p->covered, unit);
    }
    if (iml__idset_remove(&p->covered, unit)) return IML_ENOMEM;
    struct partial *s = short_one(p, unit);
    if (!s && p->npartial == p->cap_partial) {
        size_t cap = 2 * p->cap_partial + 8;
        struct partial *more = iml__realloc(p->partial, cap, sizeof *more);
        if (!more) return IML_ENOMEM;
        p->partial = more, p->cap_partial = cap;
    }
    if (!s) s = &p->partial[p->npartial++];
    *s = (struct partial){unit, indices};
    return IML_OK;
}

// ---- Records.

// confirm: PENDING becomes the truth and the rest goes; else all that is bad is only remembered.
static iml_status settle(struct iml__past *p, uint64_t unit, uint32_t indices, bool confirm)
{
    if (!iml__idset_has(&p->bad_units, unit)) return IML_OK;
    uint64_t first = unit * p->unit_items, behind = first + p->unit_items;
    bool any = false;
    for (uint64_t i = first; i < behind; i++) {
        struct mark *m = look(p, i);
        if (!m) continue;
        bool bad = confirm && i < first + indices ? m->bad == PENDING : m->bad != NOT_BAD;
        m->bad = bad ? REMEMBERED : NOT_BAD;
        any |= bad;
    }
    return any ? IML_OK : iml__idset_remove(&p->bad_units, unit);
}

iml_status iml__past_void(struct iml__past *p, uint64_t unit, uint32_t indices)
{
    if (uncover(p, unit)) return IML_ENOMEM;
    return settle(p, unit, indices, false);
}

iml_status iml__past_unit(struct iml__past *p, uint64_t unit, uint32_t indices)
{
    if (settle(p, unit, indices, true)) return IML_ENOMEM;
    return cover(p, unit, indices);
}

iml_status iml__past_bad(struct iml__past *p, uint64_t index)
{
    struct mark *m = make(p, index);
    if (!m) return IML_ENOMEM;
    m->bad = PENDING;
    return iml__idset_add(&p->bad_units, index / p->unit_items);
}

// Its unit may stay among those that hold a bad item; whoever asks for these tries it once more.
void iml__past_not_bad(struct iml__past *p, uint64_t index)
{
    struct mark *m = p->nmark ? look(p, index) : NULL;
    if (m) m->bad = NOT_BAD;
}

iml_status iml__past_suspect(struct iml__past *p, uint64_t index)
{
    struct mark *m = make(p, index);
    if (!m) return IML_ENOMEM;
    m->deaths++;
    return IML_OK;
}

iml_status iml__past_clear(struct iml__past *p, uint64_t unit) { return uncover(p, unit); }

// ---- Questions.

uint64_t iml__past_suspects(const struct iml__past *p)
{
    uint64_t n = 0;
    for (size_t k = 0; k < p->cap_mark; k++)
        n += p->mark[k].index != UINT64_MAX && p->mark[k].deaths > 0;
    return n;
}

uint32_t iml__past_span(const struct iml__past *p, uint64_t unit)
{
    if (iml__idset_has(&p->covered, unit)) return p->unit_items;
    const struct partial *s = p->npartial ? short_one(p, unit) : NULL;
    return s ? s->indices : 0;
}

bool iml__past_is_bad(const struct iml__past *p, uint64_t index)
{
    const struct mark *m = p->nmark ? look(p, index) : NULL;
    return m && m->bad != NOT_BAD;
}

bool iml__past_unit_has_bad(const struct iml__past *p, uint64_t unit)
{
    return iml__idset_has(&p->bad_units, unit);
}

uint32_t iml__past_deaths(const struct iml__past *p, uint64_t index)
{
    const struct mark *m = p->nmark ? look(p, index) : NULL;
    return m ? m->deaths : 0;
}

uint64_t iml__past_covered(const struct iml__past *p) { return p->covered.count + p->npartial; }

uint64_t iml__past_next_open(const struct iml__past *p, uint64_t from, uint64_t end)
{
    return iml__idset_next_gap(&p->covered, from, end);
}

bool iml__past_gaps(const struct iml__past *p, uint64_t end, uint32_t shard, uint32_t nshards,
                    struct iml__gaps *g)
{
    static const struct iml__idset none;
    return iml__gaps_open(g, p ? &p->covered : &none, end, shard, nshards);
}

uint64_t iml__past_next_bad(const struct iml__past *p, uint64_t from, uint64_t end)
{
    return iml__idset_next(&p->bad_units, from, end);
}

uint64_t iml__past_count(const struct iml__past *p, uint64_t end, uint32_t shard, uint32_t nshards,
                         bool retry_bad)
{
    uint64_t n = iml__idset_count(&p->covered, end, shard, nshards);
    if (!retry_bad) return n;
    for (uint64_t u = 0; (u = iml__past_next_bad(p, u, end)) != UINT64_MAX; u++)
        n -= u % nshards == shard && iml__idset_has(&p->covered, u);
    return n;
}

uint64_t iml__past_bad_count(const struct iml__past *p, uint64_t count, uint32_t shard,
                             uint32_t nshards)
{
    uint64_t n = 0;
    for (size_t k = 0; k < p->cap_mark; k++) {
        const struct mark *m = &p->mark[k];
        if (m->index >= count || m->bad == NOT_BAD) continue; // a free place is beyond any count
        uint64_t unit = m->index / p->unit_items, rest = count - unit * p->unit_items;
        uint64_t now = rest < p->unit_items ? rest : p->unit_items;
        n += unit % nshards == shard && iml__past_span(p, unit) >= now;
    }
    return n;
}
