// wdeflate_path.c: level 9: a shortest path through the matches of a stretch, by what they cost.
//
// A stretch is 8 KiB, or ends before a match that is long enough to be taken as it is.
// For each position the matches found on a chain of 16 equal beginnings (and, of bytes, at the
// distances that wdeflate_bytes.c tries) are kept by rising length; then the cheapest way from the
// stretch's begin to each position is noted, and the way to its end is what is written. Costs are
// the code lengths that level 6 would have for the same block. Everything is integers: bits.
#include "src/io/wdeflate_in.h"
#include "src/kernel/words.h"

enum {
    STRETCH = 8192, // bytes
    CANDIDATES = 8, // of a position
    DEPTH = 16,
    EACH = 32,                // words up to which every length is tried
    ENOUGH = 128,             // bytes that end the search on a chain
    FOLLOW = 64,              // bytes of a match behind whose begin no chain is searched
    COMPARE = 1032,           // and most that it compares
    ROOM = 5 * IML__WD_BLOCK, // tokens that end a block
};

struct iml__wd_path {
    uint16_t head[1 << 16], before[1 << 15], word[1 << 16]; // positions modulo 2^16
    // Of each position of the stretch, in words.
    uint16_t length[STRETCH + 1][CANDIDATES], back[STRETCH + 1][CANDIDATES];
    uint8_t found[STRETCH + 1];
    uint32_t cost[STRETCH + 1];
    uint16_t via_length[STRETCH + 1], via_back[STRETCH + 1]; // length 0: literals
    uint8_t literal[256], match[IML__DEFLATE_MAX + 1], distance[IML__DISTS + 2];
    struct iml__wd_scan greedy; // level 6 on its way through the same plane
    iml__tok tok[ROOM + STRETCH + IML__WD_PIECES];
};

size_t iml__wd_path_size(void) { return sizeof(struct iml__wd_path); }

static struct iml__wd_path *path_of(struct iml__wdeflate *c)
{
    return (struct iml__wd_path *)(void *)(c + 1);
}

static inline uint32_t mix(uint32_t x)
{
    x = (x ^ x >> 15) * 0x2C1B3C6Du;
    x = (x ^ x >> 12) * 0x297A2D39u;
    return x ^ x >> 15;
}

// Bytes that a chain's members have in common: two words of 4, else 4 bytes.
static inline size_t key_bytes(unsigned unit) { return unit == 4 ? 8 : 4; }

static inline uint16_t *chain_of(struct iml__wd_path *t, const uint8_t *q, unsigned unit)
{
    uint32_t h = mix(iml__word_at(q));
    if (unit == 4) h = (h << 5 | h >> 27) ^ mix(iml__word_at(q + 4));
    return &t->head[h >> 16];
}

static IML_ALWAYS_INLINE void enter(struct iml__wd_path *t, const struct iml__wd_scan *s, size_t i,
                                    unsigned unit)
{
    const uint8_t *q = s->p + unit * i;
    const size_t left = unit * (s->n - i);
    if (unit == 4) t->word[mix(iml__word_at(q)) >> 16] = (uint16_t)i;
    if (left < key_bytes(unit)) return;
    uint16_t *head = chain_of(t, q, unit);
    t->before[i & 0x7FFF] = *head;
    *head = (uint16_t)i;
}

// ---- Matches of a position

static size_t longest(const struct iml__wd_path *t, size_t k)
{
    return t->found[k] ? t->length[k][t->found[k] - 1] : 0;
}

static IML_ALWAYS_INLINE void offer(struct iml__wd_path *t, size_t k, const uint8_t *q, size_t back,
                                    size_t most, unsigned unit)
{
    const size_t least = IML_MAX(unit, 4u), n = t->found[k];
    const size_t known = n ? unit * longest(t, k) : least - 1;
    const uint8_t *r = q - unit * back;
    if (most <= known || q[known] != r[known]) return;
    size_t len = iml__wd_equal(q, r, 0, most) / unit;
    if (unit * len < least || unit * len <= known) return;
    size_t to = IML_MIN(n, (size_t)CANDIDATES - 1);
    t->length[k][to] = (uint16_t)len, t->back[k][to] = (uint16_t)back;
    t->found[k] = (uint8_t)(to + 1);
}

static IML_ALWAYS_INLINE void find(struct iml__wd_path *t, const struct iml__wd_scan *s, size_t k,
                                   size_t i, unsigned unit)
{
    const uint8_t *q = s->p + unit * i;
    const size_t window = IML_MIN((IML__DEFLATE_WINDOW - unit) / unit, 32767u);
    const size_t most = IML_MIN(unit * (s->n - i), (size_t)COMPARE);
    t->found[k] = 0;
    if (i >= 1) offer(t, k, q, 1, most, unit);
    if (unit == 4) {
        size_t back = (uint16_t)(i - t->word[mix(iml__word_at(q)) >> 16]);
        if (back - 1 < window && back <= i) offer(t, k, q, back, most, unit);
    } else if (s->row > 1 && s->row < window && i > s->row) {
        offer(t, k, q, s->row, most, unit);
        offer(t, k, q, s->row - 1, most, unit);
        offer(t, k, q, s->row + 1, most, unit);
    }
    if (k && unit * longest(t, k - 1) >= FOLLOW) { // what the position before has goes on here
        offer(t, k, q, t->back[k - 1][t->found[k - 1] - 1], most, unit);
        return;
    }
    if (most < key_bytes(unit)) return;
    size_t at = *chain_of(t, q, unit), last = 0;
    for (int d = 0; d < DEPTH && unit * longest(t, k) < ENOUGH; d++) {
        size_t back = (uint16_t)(i - at);
        if (back <= last || back > window || back > i) return; // older chains are no concern
        offer(t, k, q, back, most, unit);
        last = back;
        at = t->before[(i - back) & 0x7FFF];
    }
}

// ---- Costs

static unsigned length_symbol(unsigned len, unsigned *extra)
{
    unsigned x = len - 3, top;
    *extra = 0;
    if (len == IML__DEFLATE_MAX) return 28;
    if (x < 8) return x;
    top = 31u - (unsigned)__builtin_clz(x);
    *extra = top - 2;
    return 4 * (top - 1) + (x >> (top - 2) & 3);
}

// litlen, dist: code lengths, 0 where there is none.
static void set_costs(struct iml__wd_path *t, const uint8_t *litlen, const uint8_t *dist)
{
    for (unsigned k = 0; k < 256; k++) t->literal[k] = litlen[k] ? litlen[k] : 13;
    for (unsigned len = 3; len <= IML__DEFLATE_MAX; len++) {
        unsigned extra, symbol = length_symbol(len, &extra);
        t->match[len] = (uint8_t)((litlen[257 + symbol] ? litlen[257 + symbol] : 13) + extra);
    }
    for (unsigned k = 0; k < IML__DISTS; k++)
        t->distance[k] = (uint8_t)((dist[k] ? dist[k] : 10) + (k < 4 ? 0 : k / 2 - 1));
}

// ---- The path

static IML_ALWAYS_INLINE void reach(struct iml__wd_path *t, size_t to, uint32_t cost, size_t length,
                                    size_t back)
{
    if (cost >= t->cost[to]) return;
    t->cost[to] = cost;
    t->via_length[to] = (uint16_t)length, t->via_back[to] = (uint16_t)back;
}

static IML_ALWAYS_INLINE void walk(struct iml__wd_path *t, const struct iml__wd_scan *s, size_t n,
                                   unsigned unit)
{
    const uint8_t *q = s->p + unit * s->at;
    for (size_t k = 1; k <= n; k++) t->cost[k] = UINT32_MAX;
    t->cost[0] = 0;
    for (size_t k = 0; k < n; k++, q += unit) {
        uint32_t here = t->cost[k], literals = here;
        for (unsigned b = 0; b < unit; b++) literals += t->literal[q[b]];
        reach(t, k + 1, literals, 0, 0);
        size_t from = 4 / unit - 1;
        for (unsigned m = 0; m < t->found[k]; m++) {
            size_t back = t->back[k][m], most = IML_MIN((size_t)t->length[k][m], n - k);
            uint32_t cost =
                here + t->distance[iml__tok_distance((uint32_t)(unit * back)) >> 10 & 31];
            most = IML_MIN(most, (size_t)IML__DEFLATE_MAX / unit);
            for (size_t len = from + 1; len <= most; len++) {
                if (len > EACH) len = most;
                reach(t, k + len, cost + t->match[unit * len], len, back);
            }
            from = IML_MAX(from, most);
        }
    }
}

// The way to position n as tokens; steps are chained backwards, so they are turned first.
static IML_ALWAYS_INLINE iml__tok *write(struct iml__wd_path *t, const struct iml__wd_scan *s,
                                         size_t n, iml__tok *tok, unsigned unit)
{
    size_t next = 0; // cost[k] becomes where the step from k leads
    for (size_t k = n; k > 0;) {
        size_t from = k - (t->via_length[k] ? t->via_length[k] : 1);
        t->cost[k] = (uint32_t)next;
        next = k, k = from;
    }
    t->cost[0] = (uint32_t)next;
    for (size_t k = 0; k < n; k = t->cost[k]) {
        size_t to = t->cost[k];
        if (t->via_length[to])
            *tok++ = iml__tok_match((uint32_t)(unit * t->via_length[to]),
                                    (uint32_t)(unit * t->via_back[to]));
        else
            for (unsigned b = 0; b < unit; b++)
                *tok++ = iml__tok_literal(s->p[unit * (s->at + k) + b]);
    }
    return tok;
}

// Finds the matches of a stretch, at most `left` words. Returns its length; *jump is that of a
// match that follows it, or 0. A match is put off by a word if the next word has a longer one.
static IML_ALWAYS_INLINE size_t stretch(struct iml__wd_path *t, const struct iml__wd_scan *s,
                                        size_t left, size_t *jump, size_t *back, unsigned unit)
{
    const size_t n = IML_MIN(left, (size_t)STRETCH / unit);
    *jump = 0;
    find(t, s, 0, s->at, unit);
    for (size_t k = 0; k < n; k++) {
        enter(t, s, s->at + k, unit);
        if (s->at + k + 1 < s->n) find(t, s, k + 1, s->at + k + 1, unit);
        if (unit * IML_MIN(longest(t, k), left - k) < IML__DEFLATE_MAX) continue;
        if (k + 1 < n && longest(t, k + 1) > longest(t, k)) continue;
        const uint8_t *q = s->p + unit * (s->at + k);
        size_t most = IML_MIN(unit * (left - k), (size_t)IML__WD_LONGEST);
        *back = t->back[k][t->found[k] - 1];
        *jump = iml__wd_equal(q, q - unit * *back, 0, most) / unit;
        return k;
    }
    return n;
}

// The path to `end` as tokens, as far as there is room; s->at goes with it.
static IML_ALWAYS_INLINE uint32_t follow(struct iml__wd_path *t, struct iml__wd_scan *s, size_t end,
                                         unsigned unit)
{
    iml__tok *tok = t->tok, *full = tok + ROOM;
    while (tok < full && s->at < end) {
        size_t jump, back, n = stretch(t, s, end - s->at, &jump, &back, unit);
        walk(t, s, n, unit);
        tok = write(t, s, n, tok, unit);
        s->at += n;
        if (!jump) continue;
        tok = iml__wd_match(tok, (uint32_t)(unit * jump), (uint32_t)(unit * back));
        s->at += jump;
        for (size_t k = jump < 9 ? 1 : jump - 8; k < jump; k++) enter(t, s, s->at - jump + k, unit);
    }
    return (uint32_t)(tok - t->tok);
}

uint32_t iml__wd_path(struct iml__wdeflate *c, struct iml__wd_scan *s)
{
    struct iml__wd_path *t = path_of(c);
    // What level 6 makes of the block gives the costs, and where the block ends.
    const uint32_t n = s->unit == 4 ? iml__wd_words(c, &t->greedy) : iml__wd_bytes(c, &t->greedy);
    const size_t end = t->greedy.at;
    const uint64_t bits = iml__dblock_measure(&c->block, c->tok, n);
    set_costs(t, c->block.litlen_bits, c->block.dist_bits);
    const uint32_t m = s->unit == 4   ? follow(t, s, end, 4)
                       : s->unit == 2 ? follow(t, s, end, 2)
                                      : follow(t, s, end, 1);
    bool better =
        s->at == end && m <= IML__WD_TOKENS - 4 && iml__dblock_measure(&c->block, t->tok, m) < bits;
    s->at = end;
    if (!better) return n;
    memcpy(c->tok, t->tok, m * sizeof *t->tok);
    return m;
}

void iml__wd_path_begin(struct iml__wdeflate *c, struct iml__wd_scan *s)
{
    struct iml__wd_path *t = path_of(c);
    t->greedy = *s;
    if (s->unit == 4)
        iml__wd_words_begin(c, &t->greedy);
    else
        iml__wd_bytes_begin(c, &t->greedy);
    memset(t->head, 0, sizeof t->head);
    memset(t->word, 0, sizeof t->word);
    for (size_t i = 0; i < s->at; i++) enter(t, s, i, s->unit);
}
