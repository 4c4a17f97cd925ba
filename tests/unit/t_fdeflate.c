// t_fdeflate.c: every stream decodes to its input, whatever that is, and takes no more than
// promised.
#include "tests/unit/iml_test.h"

#include <libdeflate.h>
#include <zlib.h>

#include "src/base/hash.h"
#include "src/base/iml_attr.h"
#include "src/base/rng.h"
#include "src/io/fdeflate.h"

enum { CAP = 1 << 20 };
static uint8_t raw[CAP], *out, back[CAP + 1];
static void *scratch;
static iml_rng rng;

static uint32_t below(uint32_t n) { return (uint32_t)iml_rng_bounded(&rng, n); }

static int set_up(void **state)
{
    (void)state;
    rng = iml_rng_at(1, 2, iml_stream("t_fdeflate"));
    out = malloc(iml__fdeflate_bound(CAP));
    scratch = malloc(iml__fdeflate_scratch());
    return !out || !scratch;
}

static int tear_down(void **state)
{
    (void)state;
    free(out);
    free(scratch);
    return 0;
}

// Into a buffer of exactly the bound, so that a sanitizer sees one byte too many.
static size_t check(size_t n, size_t row)
{
    size_t bound = iml__fdeflate_bound(n), got, size;
    uint8_t *exact = malloc(bound), *in = malloc(IML_MAX(n, (size_t)1));
    memcpy(in, raw, n);
    memset(scratch, 0xA5, iml__fdeflate_scratch());
    size = iml__fdeflate_zlib(scratch, in, n, row, exact);
    assert_true(size <= bound);
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    assert_int_equal(libdeflate_zlib_decompress(d, exact, size, back, n + 1, &got), 0);
    libdeflate_free_decompressor(d);
    assert_true(got == n && !memcmp(back, raw, n));
    z_stream z = {.next_in = exact, .avail_in = (uInt)size, .next_out = back, .avail_out = CAP + 1};
    memset(back, 0xAA, n);
    assert_int_equal(inflateInit(&z), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_true(z.total_out == n && !z.avail_in && !memcmp(back, raw, n));
    inflateEnd(&z);
    free(exact), free(in);
    return size;
}

static void all_kinds_of_bytes_come_back(void **state)
{
    (void)state;
    for (int round = 0; round < 600; round++) {
        size_t n = round < 100 ? (size_t)round : below(round % 20 ? 20000 : CAP);
        size_t row = below(4) ? 1 + below(3000) : below(2) * 40000;
        uint32_t values = 1 + below(256), repeats = below(101);
        for (size_t i = 0; i < n;) {
            size_t len = 1 + below(300), from = i ? below((uint32_t)i) : 0;
            bool again = i && below(100) < repeats;
            if (again && row && i >= row && below(2)) from = i - row;
            for (size_t k = 0; k < len && i < n; k++, i++)
                raw[i] = again ? raw[from + k] : (uint8_t)(below(values) * 41);
        }
        (void)check(n, row);
    }
}

static void runs_cost_next_to_nothing_and_noise_its_bytes(void **state)
{
    (void)state;
    memset(raw, 0, CAP);
    assert_true(check(CAP, 1657) < CAP / 258 / 2); // 2 bits and a bit for each 258 bytes
    for (size_t i = 0; i < CAP; i++) raw[i] = (uint8_t)below(256);
    assert_true(check(CAP, 1657) < CAP + CAP / 1000);
}

// The same row again and again is a match a row, whatever it holds.
static void a_row_is_found_in_the_row_above(void **state)
{
    (void)state;
    enum { ROW = 1657, ROWS = 100 };
    for (size_t i = 0; i < ROW; i++) raw[i] = (uint8_t)below(256);
    for (size_t i = ROW; i < ROW * ROWS; i++) raw[i] = raw[i - ROW];
    assert_true(check(ROW * ROWS, ROW) < ROW + 2 * ROWS * (ROW / 258 + 1) + 400);
}

// The bytes are promised: they enter the hash of a run's settings as version 1.
static void version_1_has_these_bytes(void **state)
{
    (void)state;
    uint32_t x = 12345;
    for (size_t i = 0; i < CAP; i++) {
        x = x * 1664525 + 1013904223;
        raw[i] = (uint8_t)(i % 997 < 400 ? 0 : x >> 28 ? raw[i - 1] ^ (x >> 27 & 1) : x >> 20);
    }
    assert_int_equal(IML__FDEFLATE_VERSION, 1);
    size_t n = check(CAP, 997);
    n = iml__fdeflate_zlib(scratch, raw, CAP, 997, out);
    assert_int_equal(n, 327608);
    assert_int_equal(iml__xxh3(out, n), 0xaf6e4c07deb7b76u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_of_bytes_come_back),
        cmocka_unit_test(runs_cost_next_to_nothing_and_noise_its_bytes),
        cmocka_unit_test(a_row_is_found_in_the_row_above),
        cmocka_unit_test(version_1_has_these_bytes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
