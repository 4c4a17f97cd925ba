// idset.c: a set of numbers as runs of full blocks and bitmaps.
//
// A block is 65,536 numbers. A block that becomes full joins its full neighbours and gives its
// bitmap back; a full run that loses a number is cut in three. Runs stand in one sorted array:
// even 10^9 numbers in the worst order are 15,259 entries, so an insertion moves 366 KB at most,
// and happens once a block. Rejected: a list of ranges (units that finish largest-first, or every
// n-th on one of n nodes, make a range each: 16 bytes a unit and a quadratic insertion), and a
// balanced tree of ranges (the same bytes, and pointers).
#include "src/engine/idset.h"

#include "src/base/mem.h"

#include <string.h>

enum { BLOCK_BITS = 16, BLOCK = 1 << BLOCK_BITS, WORDS = BLOCK / 64 };
#define ID_LIMIT ((uint64_t)1 << 48)

void iml__idset_free(struct iml__idset *s)
{
    for (size_t k = 0; k < s->nrun; k++) IML_FREE(s->run[k].bits);
    IML_FREE(s->run);
    *s = (struct iml__idset){0};
}

// The first run that ends behind block b; nrun: none.
static size_t find(const struct iml__idset *s, uint64_t b)
{
    size_t lo = 0, hi = s->nrun;
    if (s->last < s->nrun && s->run[s->last].block <= b) {
        const struct iml__run_of_blocks *r = &s->run[s->last];
        if (b < r->block + r->n) return s->last;
        lo = s->last + 1;
    }
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->run[mid].block + s->run[mid].n <= b)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

// Makes room for n entries more, so that what follows cannot fail.
static bool room(struct iml__idset *s, size_t n)
{
    if (s->nrun + n <= s->cap) return true;
    size_t cap = 2 * s->cap + n + 6;
    struct iml__run_of_blocks *more = iml__realloc(s->run, cap, sizeof *more);
    if (!more) return false;
    s->run = more, s->cap = cap;
    return true;
}

static void insert(struct iml__idset *s, size_t at, struct iml__run_of_blocks r)
{
    memmove(&s->run[at + 1], &s->run[at], (s->nrun - at) * sizeof *s->run);
    s->run[at] = r, s->nrun++;
}

static void erase(struct iml__idset *s, size_t at)
{
    s->nrun--;
    memmove(&s->run[at], &s->run[at + 1], (s->nrun - at) * sizeof *s->run);
}

static void join_full(struct iml__idset *s, size_t at)
{
    IML_FREE(s->run[at].bits);
    if (at + 1 < s->nrun && !s->run[at + 1].bits &&
        s->run[at + 1].block == s->run[at].block + s->run[at].n) {
        s->run[at].n += s->run[at + 1].n;
        erase(s, at + 1);
    }
    if (at && !s->run[at - 1].bits && s->run[at].block == s->run[at - 1].block + s->run[at - 1].n) {
        s->run[at - 1].n += s->run[at].n;
        erase(s, at);
    }
}

static bool is_full(const uint64_t *bits)
{
    for (size_t k = 0; k < WORDS; k++)
        if (bits[k] != UINT64_MAX) return false;
    return true;
}

iml_status iml__idset_add(struct iml__idset *s, uint64_t id)
{
    if (id >= ID_LIMIT) return IML_ELIMIT;
    uint64_t b = id >> BLOCK_BITS, bit = id % BLOCK;
    size_t at = find(s, b);
    if (at == s->nrun || s->run[at].block > b) {
        uint64_t *bits = room(s, 1) ? iml__calloc(WORDS, sizeof *bits) : NULL;
        if (!bits) return IML_ENOMEM;
        insert(s, at, (struct iml__run_of_blocks){b, 1, bits});
    }
    s->last = at;
    uint64_t *word = s->run[at].bits ? &s->run[at].bits[bit / 64] : NULL, mask = 1ull << bit % 64;
    if (!word || *word & mask) return IML_OK;
    *word |= mask, s->count++;
    if (*word == UINT64_MAX && is_full(s->run[at].bits)) join_full(s, at);
    return IML_OK;
}

// Cuts block b out of a full run, as a bitmap of its own.
static iml_status cut(struct iml__idset *s, size_t *at, uint64_t b)
{
    struct iml__run_of_blocks r = s->run[*at];
    uint64_t *bits = room(s, 2) ? iml__alloc(WORDS * sizeof *bits) : NULL;
    if (!bits) return IML_ENOMEM;
    memset(bits, 0xff, WORDS * sizeof *bits);
    uint64_t before = b - r.block, behind = r.n - before - 1;
    s->run[*at] = (struct iml__run_of_blocks){b, 1, bits};
    if (behind) insert(s, *at + 1, (struct iml__run_of_blocks){b + 1, behind, NULL});
    if (before) insert(s, (*at)++, (struct iml__run_of_blocks){r.block, before, NULL});
    return IML_OK;
}

iml_status iml__idset_remove(struct iml__idset *s, uint64_t id)
{
    if (!iml__idset_has(s, id)) return IML_OK;
    uint64_t b = id >> BLOCK_BITS, bit = id % BLOCK;
    size_t at = find(s, b);
    if (!s->run[at].bits && cut(s, &at, b) != IML_OK) return IML_ENOMEM;
    s->run[at].bits[bit / 64] &= ~(1ull << bit % 64);
    s->count--;
    return IML_OK;
}

bool iml__idset_has(const struct iml__idset *s, uint64_t id)
{
    size_t at = find(s, id >> BLOCK_BITS);
    if (at == s->nrun || s->run[at].block > id >> BLOCK_BITS) return false;
    const uint64_t *bits = s->run[at].bits;
    return !bits || (bits[id % BLOCK / 64] >> id % 64 & 1);
}

// The first number from `from` on in a bitmap whose bit, turned over by flip, is set; BLOCK: none.
static uint64_t scan(const uint64_t *bits, uint64_t from, uint64_t flip)
{
    uint64_t k = from / 64, word = (bits[k] ^ flip) & UINT64_MAX << from % 64;
    while (!word && ++k < WORDS) word = bits[k] ^ flip;
    return word ? 64 * k + (uint64_t)__builtin_ctzll(word) : BLOCK;
}

uint64_t iml__idset_next(const struct iml__idset *s, uint64_t from, uint64_t end)
{
    for (size_t at = find(s, from >> BLOCK_BITS); at < s->nrun; at++) {
        const struct iml__run_of_blocks *r = &s->run[at];
        uint64_t first = r->block << BLOCK_BITS, x = from > first ? from : first;
        if (r->bits) x = first + scan(r->bits, x - first, 0);
        if (!r->bits || x < first + BLOCK) return x < end ? x : UINT64_MAX;
        if (x >= end) break;
    }
    return UINT64_MAX;
}

uint64_t iml__idset_next_gap(const struct iml__idset *s, uint64_t from, uint64_t end)
{
    uint64_t x = from;
    for (size_t at = find(s, from >> BLOCK_BITS); at < s->nrun && x < end; at++) {
        const struct iml__run_of_blocks *r = &s->run[at];
        uint64_t first = r->block << BLOCK_BITS, behind = (r->block + r->n) << BLOCK_BITS;
        if (x < first) break;
        x = r->bits ? first + scan(r->bits, x - first, UINT64_MAX) : behind;
        if (x < behind) break;
    }
    return x < end ? x : UINT64_MAX;
}

// Numbers of [a, b) that are k modulo n.
static uint64_t stride(uint64_t a, uint64_t b, uint64_t k, uint64_t n)
{
    uint64_t below_b = b > k ? (b - k - 1) / n + 1 : 0, below_a = a > k ? (a - k - 1) / n + 1 : 0;
    return b > a ? below_b - below_a : 0;
}

uint64_t iml__idset_count(const struct iml__idset *s, uint64_t end, uint64_t k, uint64_t n)
{
    uint64_t sum = 0;
    for (size_t at = 0; at < s->nrun; at++) {
        const struct iml__run_of_blocks *r = &s->run[at];
        uint64_t first = r->block << BLOCK_BITS, behind = (r->block + r->n) << BLOCK_BITS;
        if (first >= end) break;
        if (!r->bits) {
            sum += stride(first, behind < end ? behind : end, k, n);
            continue;
        }
        for (uint64_t w = 0; w < WORDS && first + 64 * w < end; w++)
            for (uint64_t word = r->bits[w]; word; word &= word - 1) {
                uint64_t x = first + 64 * w + (uint64_t)__builtin_ctzll(word);
                sum += x < end && x % n == k;
            }
    }
    return sum;
}

// ---- What is missing, by rank.

enum { PIECE = 4096 }; // of a bitmap: as long as a look-up may scan

// The missing numbers of one word that are k modulo n; first: of its bit 0.
static uint64_t missing(uint64_t word, uint64_t first, uint64_t k, uint64_t n)
{
    uint64_t of_share = n == 1 ? UINT64_MAX : 0;
    for (uint64_t j = (k + n - first % n) % n; n > 1 && j < 64; j += n) of_share |= 1ull << j;
    return ~word & of_share;
}

static bool push_gap(struct iml__gaps *g, uint64_t first, uint64_t end, const uint64_t *bits)
{
    uint64_t here = bits ? 0 : stride(first, end, g->k, g->n);
    for (uint64_t x = first; bits && x < end; x += 64) {
        uint64_t m = missing(bits[x % BLOCK / 64], x, g->k, g->n);
        if (end - x < 64) m &= (1ull << (end - x)) - 1;
        here += (uint64_t)__builtin_popcountll(m);
    }
    if (!here) return true;
    if (g->ngap == g->cap) {
        size_t cap = 2 * g->cap + 16;
        struct iml__gap *more = iml__realloc(g->gap, cap, sizeof *more);
        if (!more) return false;
        g->gap = more, g->cap = cap;
    }
    g->gap[g->ngap++] = (struct iml__gap){first, end, g->count, bits};
    g->count += here;
    return true;
}

bool iml__gaps_open(struct iml__gaps *g, const struct iml__idset *s, uint64_t end, uint64_t k,
                    uint64_t n)
{
    uint64_t x = 0;
    *g = (struct iml__gaps){.s = s, .k = k, .n = n};
    for (size_t at = 0; at < s->nrun && x < end; at++) {
        const struct iml__run_of_blocks *r = &s->run[at];
        uint64_t first = r->block << BLOCK_BITS, behind = (r->block + r->n) << BLOCK_BITS;
        if (!push_gap(g, x, first < end ? first : end, NULL)) return false;
        for (uint64_t p = first; r->bits && p < behind && p < end; p += PIECE)
            if (!push_gap(g, p, p + PIECE < end ? p + PIECE : end, r->bits)) return false;
        x = behind;
    }
    return x >= end || push_gap(g, x, end, NULL);
}

void iml__gaps_close(struct iml__gaps *g)
{
    IML_FREE(g->gap);
    *g = (struct iml__gaps){0};
}

uint64_t iml__gaps_at(const struct iml__gaps *g, uint64_t rank)
{
    size_t lo = 0, hi = g->ngap; // the last gap that begins at or before the rank
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (g->gap[mid].before <= rank)
            lo = mid;
        else
            hi = mid;
    }
    const struct iml__gap *gap = &g->gap[lo];
    uint64_t left = rank - gap->before;
    if (!gap->bits) return gap->first + (g->k + g->n - gap->first % g->n) % g->n + left * g->n;
    for (uint64_t x = gap->first;; x += 64) {
        uint64_t m = missing(gap->bits[x % BLOCK / 64], x, g->k, g->n);
        uint64_t here = (uint64_t)__builtin_popcountll(m);
        if (left >= here) {
            left -= here;
            continue;
        }
        while (left-- > 0) m &= m - 1;
        return x + (uint64_t)__builtin_ctzll(m);
    }
}
