#include "tests/unit/iml_test.h"

#include <libdeflate.h>
#include <zlib.h>

#include "src/base/iml_attr.h"
#include "src/base/rng.h"
#include "src/io/deflate_block.h"

// A stream of tokens and what they spell.
static iml__tok tok[1 << 17];
static uint8_t raw[1 << 20], out[(1 << 20) + (1 << 17)], back[1 << 20];
static size_t ntok, nraw;
static struct iml__dblock block;
static iml_rng rng;

static uint32_t below(uint32_t n) { return (uint32_t)iml_rng_bounded(&rng, n); }

static void literal(uint8_t v)
{
    tok[ntok++] = iml__tok_literal(v);
    raw[nraw++] = v;
}

static void match(uint32_t len, uint32_t dist)
{
    tok[ntok++] = iml__tok_match(len, dist);
    for (uint32_t i = 0; i < len; i++, nraw++) raw[nraw] = raw[nraw - dist];
}

static void begin(void) { ntok = nraw = 0; }

// The bytes of out[0..n) must be a whole stream that both decoders take and that gives raw.
static void check(size_t n)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    size_t used, got;
    memset(back, 0xAA, nraw + 1);
    assert_int_equal(libdeflate_deflate_decompress_ex(d, out, n, back, nraw + 1, &used, &got), 0);
    libdeflate_free_decompressor(d);
    assert_int_equal(used, n);
    assert_int_equal(got, nraw);
    assert_memory_equal(back, raw, nraw);
    z_stream z = {.next_in = out, .avail_in = (uInt)n, .next_out = back, .avail_out = sizeof back};
    memset(back, 0xAA, nraw);
    assert_int_equal(inflateInit2(&z, -15), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, nraw);
    assert_int_equal(z.avail_in, 0);
    assert_memory_equal(back, raw, nraw);
    inflateEnd(&z);
}

static size_t one_block(void)
{
    iml__bits w;
    iml__bits_init(&w, out);
    iml__dblock_write(&block, &w, tok, ntok, raw, nraw, true);
    return (size_t)(iml__bits_end(&w) - out);
}

static void every_length_and_distance_decodes(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < 32768; i++) literal((uint8_t)below(256));
    for (uint32_t len = 3; len <= 258; len++) match(len, 1 + below(32768));
    for (uint32_t bits = 0; bits <= 15; bits++)
        for (int k = -2; k <= 2; k++) {
            int dist = (1 << bits) + k;
            if (dist >= 1 && dist <= 32768) match(3 + below(256), (uint32_t)dist);
        }
    for (int i = 0; i < 3000; i++) match(3 + below(40), 1 + below(32768));
    check(one_block());
    for (uint32_t dist = 1; dist <= 32768; dist++) {
        iml__tok t = iml__tok_match(258, dist);
        unsigned s = t >> 10 & 31;
        uint32_t base = s < 4 ? s + 1 : (2 + (s & 1)) * (1u << (s / 2 - 1)) + 1;
        assert_true(s < 30 && iml__tok_is_match(t) && iml__tok_length(t) == 258);
        assert_int_equal(base + (t >> 15), dist);
        assert_true(t >> 15 < (s < 4 ? 1u : 1u << (s / 2 - 1)));
    }
}

// Random streams in many blocks: sizes, alphabets and mixtures from one symbol to noise.
static void random_tokens_come_back_within_the_bound(void **state)
{
    (void)state;
    for (int round = 0; round < 400; round++) {
        iml__bits w;
        uint32_t values = 1 + below(round % 3 ? 256 : 3), far = 1 + below(32768), least = 1 << 30;
        uint32_t matches = below(4) * 30, blocks = below(6);
        begin();
        iml__bits_init(&w, out);
        for (uint32_t b = 0; b <= blocks; b++) {
            size_t tok0 = ntok, raw0 = nraw;
            uint32_t want = below(4) ? below(3000) : below(3);
            for (uint32_t i = 0; i < want; i++) {
                if (nraw && below(100) < matches)
                    match(3 + below(below(2) ? 3 : 256), 1 + below(IML_MIN((uint32_t)nraw, far)));
                else
                    literal((uint8_t)(below(values) * 37));
            }
            iml__dblock_write(&block, &w, tok + tok0, ntok - tok0, raw + raw0, nraw - raw0,
                              b == blocks);
            if (b < blocks) least = IML_MIN(least, (uint32_t)(nraw - raw0));
        }
        size_t n = (size_t)(iml__bits_end(&w) - out);
        if (least) assert_true(n + IML__BITS_SLACK <= iml__deflate_bound(nraw, least));
        check(n);
    }
}

static void the_smallest_kind_is_taken(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 70000; i++) literal((uint8_t)below(256));
    size_t n = one_block(); // noise: stored, in two pieces
    assert_int_equal(n, 70000 + 10);
    assert_int_equal(out[0], 0);
    check(n);
    begin();
    for (const char *p = "a small text"; *p; p++) literal((uint8_t)*p);
    n = one_block(); // 12 literals of 8 bits, 3 + 7 bits; stored would be 17 bytes
    assert_int_equal(n, 14);
    assert_int_equal(out[0] & 7, 1 | 1 << 1);
    check(n);
    begin();
    for (int i = 0; i < 5000; i++) literal((uint8_t)(i % 7 == 0));
    n = one_block();
    assert_int_equal(out[0] & 7, 1 | 2 << 1);
    assert_true(n < 5000 / 7 + 20); // a bit, and two for each seventh, and the head
    check(n);
}

static void blocks_of_nothing_decode(void **state)
{
    (void)state;
    begin();
    size_t n = one_block(); // 3 + 7 bits
    assert_int_equal(n, 2);
    assert_memory_equal(out, "\x03\x00", 2);
    check(n);
    iml__bits w;
    iml__bits_init(&w, out);
    iml__deflate_stored(&w, NULL, 0, false);
    assert_memory_equal(out, "\x00\x00\x00\xFF\xFF", 5);
    iml__deflate_stored(&w, NULL, 0, true);
    assert_int_equal(w.at - out, 10);
    check(10);
}

static void stored_bytes_of_any_size_decode(void **state)
{
    (void)state;
    static const size_t size[] = {1, 65534, 65535, 65536, 131070, 131071, 200000};
    begin();
    for (size_t i = 0; i < 200000; i++) raw[i] = (uint8_t)(i * 7 >> 3);
    for (size_t i = 0; i < IML_COUNT_OF(size); i++) {
        iml__bits w;
        iml__bits_init(&w, out);
        nraw = size[i];
        iml__deflate_stored(&w, raw, nraw, true);
        size_t n = (size_t)(w.at - out);
        assert_int_equal(n, nraw + 5 * ((nraw + 65534) / 65535));
        check(n);
    }
}

// ---- Code lengths

static uint64_t cost_of(const uint32_t *count, unsigned n, const uint8_t *bits)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) sum += (uint64_t)count[i] * bits[i];
    return sum;
}

// What Huffman's tree costs, by the definition: join the two lightest until one is left.
static uint64_t tree_cost(const uint32_t *count, unsigned n)
{
    uint64_t w[288], cost = 0;
    unsigned m = 0;
    for (unsigned i = 0; i < n; i++)
        if (count[i]) w[m++] = count[i];
    while (m > 1) {
        for (unsigned k = 0; k < 2; k++)
            for (unsigned i = k + 1; i < m; i++)
                if (w[i] < w[k]) {
                    uint64_t t = w[k];
                    w[k] = w[i], w[i] = t;
                }
        w[0] += w[1], cost += w[0];
        w[1] = w[--m];
    }
    return cost;
}

static unsigned complete(const uint8_t *bits, unsigned n, unsigned limit)
{
    uint64_t kraft = 0;
    unsigned longest = 0;
    for (unsigned i = 0; i < n; i++) {
        if (bits[i]) kraft += (uint64_t)1 << (limit - bits[i]);
        longest = IML_MAX(longest, bits[i]);
    }
    assert_true(longest <= limit);
    assert_true(kraft == (uint64_t)1 << limit);
    return longest;
}

static void code_lengths_are_complete_and_optimal(void **state)
{
    (void)state;
    uint32_t count[288];
    uint8_t bits[288];
    for (int round = 0; round < 3000; round++) {
        unsigned n = 2 + below(287), used = 0;
        uint32_t most = 1 + below(1u << below(20)), share = below(101);
        for (unsigned i = 0; i < n; i++) {
            count[i] = below(100) < share ? below(most + 1) : 0;
            used += count[i] > 0;
        }
        iml__huffman_lengths(count, n, 15, bits);
        (void)complete(bits, n, 15);
        for (unsigned i = 0; i < n && used > 1; i++) {
            assert_int_equal(bits[i] > 0, count[i] > 0);
            for (unsigned k = 0; k < i; k++)
                if (count[k] && count[i] > count[k]) assert_true(bits[i] <= bits[k]);
        }
        uint64_t cost = cost_of(count, n, bits), least = tree_cost(count, n);
        if (used > 1) // the limit of 15 can bite at 2^20
            assert_true(cost >= least && cost <= least + least / 1000);
    }
}

static void the_limit_holds_where_it_bites(void **state)
{
    (void)state;
    uint32_t count[40] = {1, 1};
    uint8_t bits[40];
    for (unsigned i = 2; i < 40; i++) count[i] = count[i - 1] + count[i - 2];
    for (unsigned n = 2; n <= 40; n++) {
        iml__huffman_lengths(count, n, 15, bits);
        assert_int_equal(complete(bits, n, 15), IML_MIN(n - 1, 15u));
        if (n > 19) continue;
        iml__huffman_lengths(count, n, 7, bits);
        assert_int_equal(complete(bits, n, 7), IML_MIN(n - 1, 7u));
    }
    // All symbols there can be at the limit.
    uint32_t many[128];
    uint8_t each[128];
    for (unsigned i = 0; i < 128; i++) many[i] = i ? 1 : 1u << 30;
    iml__huffman_lengths(many, 128, 7, each);
    assert_int_equal(complete(each, 128, 7), 7);
}

static void fewer_than_two_symbols_still_give_a_complete_code(void **state)
{
    (void)state;
    uint8_t bits[30];
    for (unsigned s = 0; s <= 30; s++) {
        uint32_t count[30] = {0};
        if (s < 30) count[s] = 5;
        iml__huffman_lengths(count, 30, 15, bits);
        assert_int_equal(complete(bits, 30, 15), 1);
        if (s < 30) assert_int_equal(bits[s], 1);
    }
}

int main(void)
{
    rng = iml_rng_at(1, 2, iml_stream("t_deflate_block"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_and_distance_decodes),
        cmocka_unit_test(random_tokens_come_back_within_the_bound),
        cmocka_unit_test(the_smallest_kind_is_taken),
        cmocka_unit_test(blocks_of_nothing_decode),
        cmocka_unit_test(stored_bytes_of_any_size_decode),
        cmocka_unit_test(code_lengths_are_complete_and_optimal),
        cmocka_unit_test(the_limit_holds_where_it_bites),
        cmocka_unit_test(fewer_than_two_symbols_still_give_a_complete_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
