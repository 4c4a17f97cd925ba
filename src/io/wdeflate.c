// wdeflate.c: the encoder's frame: contexts, blocks, parts and whole streams, the splice.
//
// Invariants:
//  1  A part begins and ends at a byte boundary and has no final block.
//  2  No distance reaches before the first byte of the history; F has none.
//  3  A call leaves nothing behind that a later one could see: each clears the tables that it uses
//     (their size goes by the plane's, so that small planes pay little).
// Rejected: entries that carry an epoch so that nothing need be cleared: they are twice as wide,
// and clearing costs 0.4 % of the time.
#include "src/io/wdeflate.h"

#include "src/io/wdeflate_in.h"
#include "src/base/mem.h"

static int level_of(int level) { return level >= 9 ? 9 : level >= 6 ? 6 : level >= 1 ? 1 : 0; }

size_t iml__wdeflate_size(int level)
{
    size_t n = sizeof(struct iml__wdeflate) + (level_of(level) == 9 ? iml__wd_path_size() : 0);
    return (n + 63) & ~(size_t)63;
}

struct iml__wdeflate *iml__wdeflate_init(void *mem, int level)
{
    struct iml__wdeflate *c = mem;
    c->level = level_of(level);
    return c;
}

struct iml__wdeflate *iml__wdeflate_new(int level)
{
    void *mem = iml__alloc(iml__wdeflate_size(level));
    return mem ? iml__wdeflate_init(mem, level) : NULL;
}

void iml__wdeflate_free(struct iml__wdeflate **c) { IML_FREE(*c); }

size_t iml__wdeflate_bound(size_t n) { return iml__deflate_bound(n, IML__WD_BLOCK); }

static const struct parse {
    void (*begin)(struct iml__wdeflate *c, struct iml__wd_scan *s);
    uint32_t (*block)(struct iml__wdeflate *c, struct iml__wd_scan *s);
} by_words = {iml__wd_words_begin, iml__wd_words}, by_bytes = {iml__wd_bytes_begin, iml__wd_bytes},
  by_path = {iml__wd_path_begin, iml__wd_path};

static void blocks(struct iml__wdeflate *c, const struct iml__wd_plane *in, size_t history,
                   bool final, iml__bits *w)
{
    const size_t words = in->n / in->unit, rest = in->n % in->unit;
    history = IML_MIN(history, (size_t)IML__WDEFLATE_HISTORY) / in->unit;
    struct iml__wd_scan s = {.p = in->p - history * in->unit,
                             .n = history + words,
                             .at = history,
                             .row = in->row,
                             .unit = in->unit};
    const struct parse *parse = c->level == 9 ? &by_path : in->unit == 4 ? &by_words : &by_bytes;
    parse->begin(c, &s);
    const uint8_t *at = in->p, *end = in->p + in->n;
    while (at < end) {
        uint32_t n = parse->block(c, &s);
        const uint8_t *to = s.p + s.at * in->unit;
        if (s.at == s.n)
            for (size_t i = 0; i < rest; i++) c->tok[n++] = iml__tok_literal(*to++);
        iml__dblock_write(&c->block, w, c->tok, n, at, (size_t)(to - at), final && to == end);
        at = to;
    }
}

size_t iml__wdeflate_part(struct iml__wdeflate *c, const struct iml__wd_plane *in, size_t history,
                          uint8_t *out)
{
    iml__bits w;
    iml__bits_init(&w, out);
    if (c->level == 0) {
        if (in->n) iml__deflate_stored(&w, in->p, in->n, false);
        return (size_t)(w.at - out);
    }
    blocks(c, in, history, false, &w);
    iml__deflate_stored(&w, NULL, 0, false);
    return (size_t)(w.at - out);
}

size_t iml__wdeflate_whole(struct iml__wdeflate *c, const struct iml__wd_plane *in, uint8_t *out)
{
    iml__bits w;
    iml__bits_init(&w, out);
    if (c->level == 0 && in->n)
        iml__deflate_stored(&w, in->p, in->n, true);
    else if (in->n == 0)
        iml__dblock_write(&c->block, &w, NULL, 0, NULL, 0, true);
    else
        blocks(c, in, 0, true, &w);
    return (size_t)(iml__bits_end(&w) - out);
}

const uint8_t iml__splice_end[IML__SPLICE_END] = {3, 0};

size_t iml__splice_head(uint8_t *out, const uint8_t *h, size_t n)
{
    out[0] = 0;
    out[1] = (uint8_t)n, out[2] = (uint8_t)(n >> 8);
    out[3] = (uint8_t)~n, out[4] = (uint8_t)(~n >> 8);
    memcpy(out + IML__SPLICE_HEAD, h, n);
    return n + IML__SPLICE_HEAD;
}

enum iml__splice iml__splice_rule(size_t n)
{
    if (n < 8 << 10) return IML__SPLICE_WHOLE;
    return n < 128 << 10 ? IML__SPLICE_FG : IML__SPLICE_F;
}
