// deflate_block.c: Huffman codes, the choice of a block's kind, and its bits.
//
// Invariants:
//  1  A block is never larger than its bytes stored; iml__deflate_bound rests on that.
//  2  Codes are complete: some decoders refuse a lone code of one bit or an empty distance code.
//  3  Everything is integers in a fixed order, ties by symbol: the same tokens give the same bits.
//
// Rejected: optimal length-limited codes (package-merge): with blocks of some thousands of tokens
// the limit of 15 bits hardly ever bites, and where it does (the code of code lengths, 7 bits) the
// repair below costs a fraction of a byte; splitting a block where its statistics change, which is
// the encoder's affair.
#include "src/io/deflate_block.h"

#include "src/kernel/kernel.h"

// RFC 1951, 3.2.5.
static const uint8_t length_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                         2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t length_base[29] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                         15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                         67, 83, 99, 115, 131, 163, 195, 227, 258};

static inline unsigned length_last(unsigned s)
{
    return s == 27 ? 257 : length_base[s] + (1u << length_extra[s]) - 1;
}

static inline unsigned dist_extra(unsigned symbol) { return symbol < 4 ? 0 : symbol / 2 - 1; }

// ---- Huffman

enum { SYMBOLS_MAX = 288 };

// The symbols that are in use, in order; how many. Without a branch, which nobody could predict.
static unsigned used_of(const uint32_t *count, unsigned n, uint16_t used[SYMBOLS_MAX + 1])
{
    unsigned k = 0;
    for (unsigned i = 0; i < n; i++) {
        used[k] = (uint16_t)i;
        k += count[i] != 0;
    }
    return k;
}

// Sorts n symbols by rising count, ties as they stand: a radix sort, for it runs once a block.
static void sort_used(const uint32_t *count, uint16_t *order, unsigned n)
{
    enum { DIGIT = 6 };
    uint16_t other[SYMBOLS_MAX], *from = order, *to = other;
    uint32_t all = 0;
    for (unsigned i = 0; i < n; i++) all |= count[order[i]];
    for (unsigned shift = 0; shift < 32 && all >> shift; shift += DIGIT) {
        unsigned at[1 << DIGIT] = {0}, sum = 0;
        for (unsigned i = 0; i < n; i++) at[count[from[i]] >> shift & ((1 << DIGIT) - 1)]++;
        for (unsigned k = 0; k < 1 << DIGIT; k++) {
            unsigned here = at[k];
            at[k] = sum, sum += here;
        }
        for (unsigned i = 0; i < n; i++)
            to[at[count[from[i]] >> shift & ((1 << DIGIT) - 1)]++] = from[i];
        uint16_t *t = from;
        from = to, to = t;
    }
    if (from != order) memcpy(order, from, n * sizeof *order);
}

// How many leaves lie at each depth of the Huffman tree: two queues, leaves in their order and
// inner nodes as they are made (which is in rising weight too). Ties take the leaf. Each queue ends
// in a weight that loses, so that there is nothing to ask but which is less.
static void depths(const uint32_t *count, const uint16_t *order, unsigned used, unsigned limit,
                   unsigned at_depth[IML__CODE_MAX + 1])
{
    uint64_t leaf[SYMBOLS_MAX + 1], inner[SYMBOLS_MAX + 1];
    uint16_t parent[2][SYMBOLS_MAX + 1]; // of leaves, of inner nodes
    uint16_t depth[SYMBOLS_MAX + 1];     // of inner nodes
    unsigned l = 0, i = 0;
    for (unsigned k = 0; k < used; k++) leaf[k] = count[order[k]], inner[k] = UINT64_MAX;
    leaf[used] = inner[used] = UINT64_MAX;
    for (unsigned made = 0; made < used - 1; made++) {
        uint64_t sum = 0;
        for (int k = 0; k < 2; k++) {
            bool is_inner = inner[i] < leaf[l];
            sum += is_inner ? inner[i] : leaf[l];
            parent[is_inner][is_inner ? i : l] = (uint16_t)made;
            i += is_inner, l += !is_inner;
        }
        inner[made] = sum;
    }
    depth[used - 2] = 0;
    for (unsigned k = used - 2; k-- > 0;) depth[k] = (uint16_t)(depth[parent[1][k]] + 1);
    for (unsigned k = 0; k < used; k++) at_depth[IML_MIN(depth[parent[0][k]] + 1u, limit)]++;
}

// Too many codes were cut to `limit` bits: the Kraft sum is above 1. Each step takes one code of
// `limit` bits away and hangs it beside a shorter one, which grows by a bit; the sum falls by
// 2^-limit. It ends at exactly 1.
static void repair(unsigned at_depth[IML__CODE_MAX + 1], unsigned limit)
{
    uint32_t kraft = 0;
    for (unsigned d = 1; d <= limit; d++) kraft += at_depth[d] << (limit - d);
    for (; kraft > 1u << limit; kraft--) {
        unsigned d = limit - 1;
        while (!at_depth[d]) d--;
        at_depth[d]--, at_depth[d + 1] += 2, at_depth[limit]--;
    }
}

// used: the n symbols that are in use.
static void lengths(const uint32_t *count, const uint16_t *used, unsigned n, unsigned limit,
                    uint8_t *bits)
{
    uint16_t order[SYMBOLS_MAX];
    unsigned at_depth[IML__CODE_MAX + 1] = {0}, i = 0;
    if (n < 2) { // a complete code has two symbols at least
        unsigned first = n ? used[0] : 0;
        bits[first] = bits[first ? 0 : 1] = 1;
        return;
    }
    memcpy(order, used, n * sizeof *order);
    sort_used(count, order, n);
    depths(count, order, n, limit, at_depth);
    repair(at_depth, limit);
    for (unsigned d = limit; d > 0; d--) // the rarest get the longest
        for (unsigned k = at_depth[d]; k > 0; k--) bits[order[i++]] = (uint8_t)d;
}

void iml__huffman_lengths(const uint32_t *count, unsigned n, unsigned limit, uint8_t *bits)
{
    uint16_t used[SYMBOLS_MAX + 1];
    memset(bits, 0, n);
    lengths(count, used, used_of(count, n, used), limit, bits);
}

// Canonical codes (RFC 1951, 3.2.2), bits reversed as they go out; symbols without a code have any.
static void codes(const uint8_t *bits, unsigned n, uint16_t *code)
{
    uint32_t next[IML__CODE_MAX + 1] = {0}, c = 0;
    uint16_t coded[SYMBOLS_MAX + 1];
    unsigned ncoded = 0;
    for (unsigned i = 0; i < n; i++) {
        coded[ncoded] = (uint16_t)i;
        ncoded += bits[i] != 0;
    }
    for (unsigned i = 0; i < ncoded; i++) next[bits[coded[i]]]++;
    for (unsigned d = 1; d <= IML__CODE_MAX; d++) {
        uint32_t here = next[d];
        next[d] = c;
        c = (c + here) << 1;
    }
    for (unsigned i = 0; i < ncoded; i++) {
        unsigned s = coded[i];
        uint32_t v = next[bits[s]]++;
        v = (v & 0x5555) << 1 | (v >> 1 & 0x5555);
        v = (v & 0x3333) << 2 | (v >> 2 & 0x3333);
        v = (v & 0x0F0F) << 4 | (v >> 4 & 0x0F0F);
        v = (v & 0x00FF) << 8 | (v >> 8 & 0x00FF);
        code[s] = (uint16_t)(v >> (16 - bits[s]));
    }
}

// ---- The head of a dynamic block (RFC 1951, 3.2.7)

struct head {
    uint32_t bits;
    unsigned nlitlen, ndist, nprelen, n;
    uint8_t symbol[IML__LITLENS + IML__DISTS], extra[IML__LITLENS + IML__DISTS];
    uint8_t pre_bits[IML__PRELENS];
    uint16_t pre_code[IML__PRELENS];
};

static const uint8_t prelen_order[IML__PRELENS] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                   11, 4,  12, 3, 13, 2, 14, 1, 15};

static unsigned repeat_bits(unsigned symbol) // extra bits of 16, 17, 18
{
    return symbol < 16 ? 0 : symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
}

static void head_add(struct head *h, uint32_t *count, unsigned symbol, unsigned extra)
{
    h->symbol[h->n] = (uint8_t)symbol, h->extra[h->n++] = (uint8_t)extra;
    count[symbol]++;
}

static void head_runs(struct head *h, const uint8_t *len, unsigned n, uint32_t *count)
{
    for (unsigned i = 0; i < n;) {
        unsigned run = 1, v = len[i];
        while (i + run < n && len[i + run] == v) run++;
        i += run;
        if (v) head_add(h, count, v, 0), run--;
        while (run >= 3) {
            unsigned most = v ? 6 : 138, k = IML_MIN(run, most);
            if (v)
                head_add(h, count, 16, k - 3);
            else if (k < 11)
                head_add(h, count, 17, k - 3);
            else
                head_add(h, count, 18, k - 11);
            run -= k;
        }
        while (run--) head_add(h, count, v, 0);
    }
}

static void head_make(struct head *h, const struct iml__dblock *b)
{
    uint8_t len[IML__LITLENS + IML__DISTS];
    uint32_t count[IML__PRELENS] = {0};
    unsigned nl = IML__LITLENS, nd = IML__DISTS, np = IML__PRELENS;
    while (nl > 257 && !b->litlen_bits[nl - 1]) nl--;
    while (nd > 1 && !b->dist_bits[nd - 1]) nd--;
    memcpy(len, b->litlen_bits, nl);
    memcpy(len + nl, b->dist_bits, nd);
    h->n = 0;
    head_runs(h, len, nl + nd, count);
    iml__huffman_lengths(count, IML__PRELENS, IML__PRECODE_MAX, h->pre_bits);
    codes(h->pre_bits, IML__PRELENS, h->pre_code);
    while (np > 4 && !h->pre_bits[prelen_order[np - 1]]) np--;
    h->nlitlen = nl, h->ndist = nd, h->nprelen = np;
    h->bits = 14 + 3 * np;
    for (unsigned i = 0; i < IML__PRELENS; i++)
        h->bits += count[i] * (h->pre_bits[i] + repeat_bits(i));
}

static void head_put(const struct head *h, iml__bits *w)
{
    iml__bits_put(w, (h->nlitlen - 257) | (h->ndist - 1) << 5 | (h->nprelen - 4) << 10, 14);
    for (unsigned i = 0; i < h->nprelen; i++) iml__bits_put(w, h->pre_bits[prelen_order[i]], 3);
    for (unsigned i = 0; i < h->n; i++) {
        unsigned s = h->symbol[i], n = h->pre_bits[s];
        iml__bits_put(w, h->pre_code[s] | (uint64_t)h->extra[i] << n, n + repeat_bits(s));
    }
}

// ---- Blocks

static void count_tokens(struct iml__dblock *b, const iml__tok *tok, size_t n)
{
    // Two tables in turn: a counter that is raised again at once waits for its own store.
    uint32_t by_token[2][256 + IML__DEFLATE_MAX + 1] = {0}, by_dist[2][32] = {0};
    size_t i = 0;
    for (; i + 2 <= n; i += 2) {
        iml__tok a = tok[i], c = tok[i + 1];
        by_token[0][a & 1023]++, by_dist[0][a >> 10 & 31]++;
        by_token[1][c & 1023]++, by_dist[1][c >> 10 & 31]++;
    }
    if (i < n) by_token[0][tok[i] & 1023]++, by_dist[0][tok[i] >> 10 & 31]++;
    for (i = 0; i < 256; i++) b->litlen_count[i] = by_token[0][i] + by_token[1][i];
    b->litlen_count[256] = 1;
    uint32_t up_to[IML__DEFLATE_MAX + 1]; // sums of lengths
    up_to[2] = 0;
    for (i = 3; i <= IML__DEFLATE_MAX; i++)
        up_to[i] = up_to[i - 1] + by_token[0][256 + i] + by_token[1][256 + i];
    for (unsigned s = 0; s < 29; s++)
        b->litlen_count[257 + s] = up_to[length_last(s)] - up_to[length_base[s] - 1];
    for (i = 0; i < IML__DISTS; i++) b->dist_count[i] = by_dist[0][i] + by_dist[1][i];
}

static uint64_t extra_bits(const struct iml__dblock *b)
{
    uint64_t sum = 0;
    for (unsigned s = 0; s < 29; s++) sum += (uint64_t)b->litlen_count[257 + s] * length_extra[s];
    for (unsigned s = 4; s < IML__DISTS; s++) sum += (uint64_t)b->dist_count[s] * dist_extra(s);
    return sum;
}

// used: the n symbols that are in use.
static uint64_t code_bits(const uint32_t *count, const uint8_t *bits, const uint16_t *used,
                          unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) sum += (uint64_t)count[used[i]] * bits[used[i]];
    return sum;
}

static void fixed_bits(uint8_t litlen[IML__LITLENS + 2], uint8_t dist[IML__DISTS + 2])
{
    memset(litlen, 8, 144);
    memset(litlen + 144, 9, 112);
    memset(litlen + 256, 7, 24);
    memset(litlen + 280, 8, IML__LITLENS + 2 - 280);
    memset(dist, 5, IML__DISTS + 2);
}

// The symbols and the end of the block, by the code lengths in b.
static void put_tokens(struct iml__dblock *b, iml__bits *w, const iml__tok *tok, size_t n)
{
    codes(b->litlen_bits, IML__LITLENS + 2, b->litlen_code);
    codes(b->dist_bits, IML__DISTS + 2, b->dist_code);
    // What is shifted by or added up stands in the low byte, where it costs nothing to take out.
    for (unsigned i = 0; i < 256; i++)
        b->litlen_put[i] = (uint32_t)b->litlen_code[i] << 8 | b->litlen_bits[i];
    for (unsigned s = 0; s < 29; s++) {
        uint32_t code = b->litlen_code[257 + s], bits = b->litlen_bits[257 + s];
        for (unsigned k = length_base[s]; bits && k <= length_last(s); k++)
            b->litlen_put[256 + k] =
                (code | (k - length_base[s]) << bits) << 8 | (bits + length_extra[s]);
    }
    for (unsigned s = 0; s < IML__DISTS; s++) {
        uint32_t bits = b->dist_bits[s];
        b->dist_put[s] = (uint32_t)b->dist_code[s] << 16 | bits << 8 | (bits + dist_extra(s));
    }
    b->dist_put[30] = b->dist_put[31] = 0; // 31: a literal has no distance
    iml__kernel()->deflate_put(b, w, tok, n);
    iml__bits_put(w, b->litlen_code[256], b->litlen_bits[256]);
}

void iml__deflate_stored(iml__bits *w, const uint8_t *raw, size_t raw_n, bool final)
{
    do {
        uint32_t n = (uint32_t)IML_MIN(raw_n, (size_t)IML__STORED_MAX);
        raw_n -= n;
        iml__bits_put(w, final && !raw_n, 3);
        (void)iml__bits_end(w);
        iml__bits_put(w, n | (~n & 0xFFFF) << 16, 32);
        if (!n) return; // raw may be NULL
        memcpy(w->at, raw, n);
        w->at += n, raw += n;
    } while (raw_n);
}

// Bits of raw_n bytes in stored blocks that begin in the middle of a byte, as w has it.
static uint64_t stored_bits(const iml__bits *w, size_t raw_n)
{
    uint64_t blocks = raw_n ? (raw_n - 1) / IML__STORED_MAX + 1 : 1;
    return 3 + (-(w->n + 3) & 7) + 32 + (blocks - 1) * 40 + (uint64_t)raw_n * 8;
}

// Code lengths and bits of the smaller of fixed and dynamic; h is the head of the latter.
static uint64_t weigh(struct iml__dblock *b, const iml__tok *tok, size_t ntok, struct head *h,
                      bool *fixed)
{
    uint8_t litlen[IML__LITLENS + 2], dist[IML__DISTS + 2];
    uint16_t used[SYMBOLS_MAX + 1], used_dist[SYMBOLS_MAX + 1];
    count_tokens(b, tok, ntok);
    unsigned n = used_of(b->litlen_count, IML__LITLENS, used);
    unsigned m = used_of(b->dist_count, IML__DISTS, used_dist);
    memset(b->litlen_bits, 0, sizeof b->litlen_bits);
    memset(b->dist_bits, 0, sizeof b->dist_bits);
    lengths(b->litlen_count, used, n, IML__CODE_MAX, b->litlen_bits);
    lengths(b->dist_count, used_dist, m, IML__CODE_MAX, b->dist_bits);
    head_make(h, b);
    fixed_bits(litlen, dist);
    uint64_t by_head = h->bits + code_bits(b->litlen_count, b->litlen_bits, used, n) +
                       code_bits(b->dist_count, b->dist_bits, used_dist, m);
    uint64_t by_rfc =
        code_bits(b->litlen_count, litlen, used, n) + code_bits(b->dist_count, dist, used_dist, m);
    *fixed = by_rfc <= by_head;
    if (*fixed) {
        memcpy(b->litlen_bits, litlen, sizeof litlen);
        memcpy(b->dist_bits, dist, sizeof dist);
    }
    return 3 + extra_bits(b) + IML_MIN(by_head, by_rfc);
}

uint64_t iml__dblock_measure(struct iml__dblock *b, const iml__tok *tok, size_t ntok)
{
    struct head h;
    bool fixed;
    return weigh(b, tok, ntok, &h, &fixed);
}

void iml__dblock_write(struct iml__dblock *b, iml__bits *w, const iml__tok *tok, size_t ntok,
                       const uint8_t *raw, size_t raw_n, bool final)
{
    struct head h;
    bool fixed;
    if (stored_bits(w, raw_n) <= weigh(b, tok, ntok, &h, &fixed)) {
        iml__deflate_stored(w, raw, raw_n, final);
        return;
    }
    iml__bits_put(w, (unsigned) final | (fixed ? 1u : 2u) << 1, 3);
    if (!fixed) head_put(&h, w);
    put_tokens(b, w, tok, ntok);
}

size_t iml__deflate_bound(size_t n, size_t least)
{
    // A block, stored: its bytes, 3 bits and at most 7 of padding, LEN and ~LEN; one a started
    // 65,535 bytes. And the empty one behind.
    size_t blocks = n / IML_MAX(least, 1) + 1 + n / IML__STORED_MAX;
    return n + 6 * (blocks + 1) + IML__BITS_SLACK;
}
