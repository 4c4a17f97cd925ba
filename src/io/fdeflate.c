// fdeflate.c: a zlib stream of greedy matches, block by block.
//
// Rejected: blocks of 32,768 tokens (+0.5 % on textured pictures; their tokens do not fit a
// second-level cache beside the picture), of 8,192 (-0.1 %, a tenth more time for codes); lazy
// matching and a second probe, which is what higher levels are for; a table that outlives a call,
// since clearing 64 KiB is 1 us.
#include "src/io/fdeflate.h"

#include "src/base/hash.h"
#include "src/io/deflate_block.h"
#include "src/kernel/kernel.h"

enum { BLOCK = 16384 }; // tokens, each a byte at least

static const size_t part = (size_t)1 << 30; // bytes between whose places 32 bits tell

struct scratch {
    struct iml__dblock block;
    uint32_t table[1 << IML__LZ_BITS];
    iml__tok tok[BLOCK];
};

size_t iml__fdeflate_scratch(void) { return sizeof(struct scratch); }

// 2 bytes before and 4 behind; a part may end in a short block.
size_t iml__fdeflate_bound(size_t n)
{
    return iml__deflate_bound(n, BLOCK) + 6 * (n / part + 1) + 6;
}

static void code_part(struct scratch *s, iml__bits *w, const uint8_t *p, size_t n, size_t row,
                      bool final)
{
    size_t at = 0;
    memset(s->table, 0, sizeof s->table);
    do {
        size_t from = at;
        size_t ntok = iml__kernel()->lz_greedy(s->tok, BLOCK, &at, p, n, row, s->table);
        iml__dblock_write(&s->block, w, s->tok, ntok, p + from, at - from, final && at == n);
    } while (at < n);
}

size_t iml__fdeflate_zlib(void *scratch, const uint8_t *p, size_t n, size_t row, uint8_t *out)
{
    iml__bits w;
    out[0] = 0x78, out[1] = 0x01; // a window of 32 KiB, "fastest"
    iml__bits_init(&w, out + 2);
    if (row < 1 || row > IML__DEFLATE_WINDOW) row = n + 1; // never reached
    size_t at = 0, k;
    do {
        k = IML_MIN(n - at, part);
        code_part(scratch, &w, p + at, k, row, at + k == n);
        at += k;
    } while (at < n);
    uint8_t *end = iml__bits_end(&w);
    uint32_t sum = iml__adler32(1, p, n);
    for (int i = 0; i < 4; i++) *end++ = (uint8_t)(sum >> (24 - 8 * i));
    return (size_t)(end - out);
}
