// wdeflate_bytes.c: the parse of 8- and 16-bit words: greedy from match to match.
//
// Matches are of four bytes or more. Candidates: the word before (runs), then, in a plane whose
// rows are known, the row above and its neighbours to both sides (the edge of an object moves by
// about one from row to row), then the last four positions with the same four bytes. Only the first
// eight positions of a match and its last are entered. Where rows are known, a match is put off by
// a word if the next word has a longer one: label maps are long runs, each token costs much, and
// steps are few. (Measured on labels, bytes against zlib 6: chain alone 1.05 to 1.94; with the row
// above 1.05 to 1.2; with its neighbours and the step 0.88 to 1.03.)
#include "src/io/wdeflate_in.h"
#include "src/kernel/words.h"

enum { LEAST = 4, FIRST = 8, ENOUGH = 128 };

static inline uint64_t *slot_of(struct iml__wdeflate *c, const struct iml__wd_scan *s,
                                const uint8_t *q)
{
    uint32_t x = iml__word_at(q);
    x = (x ^ x >> 15) * 0x2C1B3C6Du;
    x = (x ^ x >> 12) * 0x297A2D39u;
    return &c->slot[x >> (32 - s->bits)];
}

static inline void enter(struct iml__wdeflate *c, const struct iml__wd_scan *s, size_t i,
                         unsigned unit)
{
    uint64_t *slot = slot_of(c, s, s->p + unit * i);
    *slot = *slot << 16 | (uint16_t)i;
}

void iml__wd_bytes_begin(struct iml__wdeflate *c, struct iml__wd_scan *s)
{
    s->bits = iml__wd_bits(s->n / 2, IML__WD_BYTE_BITS); // slots of four
    memset(c->slot, 0, sizeof *c->slot << s->bits);
    for (size_t i = 0; i < s->at && s->unit * i + LEAST <= s->unit * s->n; i++)
        enter(c, s, i, s->unit);
}

struct match {
    size_t bytes, back; // back in words
};

// Takes the match at q that lies `back` words before if it is longer than m. Most are not: the two
// looks that tell so share a branch.
static IML_ALWAYS_INLINE void offer(struct match *m, const uint8_t *q, size_t back, size_t most,
                                    unsigned unit)
{
    const uint8_t *r = q - unit * back;
    if ((iml__word_at(q) ^ iml__word_at(r)) | (uint32_t)(q[m->bytes] ^ r[m->bytes])) return;
    size_t n = iml__wd_equal(q, r, LEAST, most) & ~(size_t)(unit - 1);
    if (n > m->bytes) m->bytes = n, m->back = back;
}

// The longest match at i that is longer than m, of equals the first in the order of the file's
// head. False: there is none, m is as it was.
static IML_ALWAYS_INLINE bool find(struct iml__wdeflate *c, const struct iml__wd_scan *s, size_t i,
                                   unsigned unit, struct match *m)
{
    const uint8_t *q = s->p + unit * i;
    const size_t window = (IML__DEFLATE_WINDOW - 1) / unit, floor = m->bytes;
    const size_t most = IML_MIN(unit * (s->n - i), (size_t)IML__WD_LONGEST);
    if (floor >= most) return false;
    if (i >= 1) offer(m, q, 1, most, unit);
    if (s->row > 1 && s->row < window && i > s->row) {
        if (m->bytes < most) offer(m, q, s->row, most, unit);
        if (m->bytes < most) offer(m, q, s->row - 1, most, unit);
        if (m->bytes < most) offer(m, q, s->row + 1, most, unit);
    }
    uint64_t slot = *slot_of(c, s, q);
    for (int k = 0; k < 4 && m->bytes < IML_MIN(most, (size_t)ENOUGH); k++, slot >>= 16) {
        size_t back = (uint16_t)(i - slot);
        if (back - 1 < window) offer(m, q, back, most, unit);
    }
    return m->bytes > floor;
}

static IML_ALWAYS_INLINE uint32_t parse(struct iml__wdeflate *c, struct iml__wd_scan *s,
                                        unsigned unit)
{
    // Behind `end` there are not four bytes to compare or to hash.
    const size_t end = s->n >= LEAST / unit ? s->n - LEAST / unit + 1 : 0;
    iml__tok *tok = c->tok, *full = tok + 4 * IML__WD_BLOCK;
    size_t at = s->at;
    for (int step = 0; step < IML__WD_BLOCK && tok < full && at < s->n; step++) {
        struct match m = {0, 0};
        if (at < end) {
            (void)find(c, s, at, unit, &m);
            enter(c, s, at, unit);
        }
        while (m.bytes && s->row && at + 1 < end && tok < full && find(c, s, at + 1, unit, &m)) {
            for (unsigned k = 0; k < unit; k++) *tok++ = iml__tok_literal(s->p[unit * at + k]);
            at++, step++;
            enter(c, s, at, unit);
        }
        if (m.bytes == 0) {
            for (unsigned k = 0; k < unit; k++) *tok++ = iml__tok_literal(s->p[unit * at + k]);
            at++;
            continue;
        }
        size_t n = m.bytes / unit;
        tok = iml__wd_match(tok, (uint32_t)m.bytes, (uint32_t)(unit * m.back));
        for (size_t k = 1; k < n && k < FIRST && at + k < end; k++) enter(c, s, at + k, unit);
        if (n > FIRST && at + n - 1 < end) enter(c, s, at + n - 1, unit);
        at += n;
    }
    s->at = at;
    return (uint32_t)(tok - c->tok);
}

uint32_t iml__wd_bytes(struct iml__wdeflate *c, struct iml__wd_scan *s)
{
    return s->unit == 1 ? parse(c, s, 1) : parse(c, s, 2);
}
