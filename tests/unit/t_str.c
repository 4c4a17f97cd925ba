#include "tests/unit/iml_test.h"

#include "src/base/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void string_stops_at_its_maximum(void **state)
{
    (void)state;
    iml__str s;
    iml__str_init(&s, 5);
    iml__str_adds(&s, "abc");
    iml__str_addf(&s, "%d", 45);
    assert_string_equal(iml__str_text(&s), "abc45");
    iml__str_addc(&s, '!');
    assert_int_equal(s.failed, IML_ELIMIT);
    assert_string_equal(iml__str_text(&s), "abc45");
    iml__str_free(&s);
    assert_string_equal(iml__str_text(&s), "");
}

static void numbers_read_back(void **state)
{
    (void)state;
    char out[32];
    iml__num_short(out, 0.1);
    assert_string_equal(out, "0.1");
    iml__num_short(out, 100);
    assert_string_equal(out, "100");
    iml__num_short(out, -3);
    assert_string_equal(out, "-3");
    iml__num_short(out, 1e300);
    assert_string_equal(out, "1e+300");
    iml__num_g17(out, 0.1);
    assert_string_equal(out, "0.10000000000000001");
    iml__num_fixed(out, -1.005, 2);
    assert_string_equal(out, "-1.00");
    iml__num_fixed(out, 12.345, 2);
    assert_string_equal(out, "12.35");
    iml__num_fixed(out, 1e20, 2);
    assert_string_equal(out, "1e+20");
    iml__num_fixed(out, -0.25, 1);
    assert_string_equal(out, "-0.2");
}

// snprintf is the truth, in the C locale that tests run in.
static void seventeen_digits_are_printf_s(void **state)
{
    (void)state;
    char ours[32], theirs[64];
    uint64_t x = 88172645463325252u;
    static const double edges[] = {0.0,
                                   -0.0,
                                   1e-4,
                                   0.00009999999999999999,
                                   0.1,
                                   0.3,
                                   0.99999999999999989,
                                   9.9999999999999982,
                                   999999999999999.88,
                                   9999999999999998.0,
                                   9007199254740993.0,
                                   1e16,
                                   1e17,
                                   123456789012345680.0,
                                   5e-324,
                                   1.7976931348623157e308};
    for (int i = 0; i < 400000; i++) {
        double v;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint64_t bits = x;
        // Any bits; then exponents of everyday values; then few bits, where ties are.
        if (i % 4)
            bits = (bits & 0x800FFFFFFFFFFFFFu) | (uint64_t)(1023 - 16 + (x >> 52) % 74) << 52;
        if (i % 4 == 3) bits &= ~(uint64_t)0 << (x >> 40) % 53;
        memcpy(&v, &bits, 8);
        if (i < (int)IML_COUNT_OF(edges)) v = edges[i];
        if (i % 8 == 1) v = floor(v * 100) / 100; // what people write
        if (!isfinite(v)) continue;
        size_t n = iml__num_g17(ours, v);
        (void)snprintf(theirs, sizeof theirs, "%.17g", v);
        assert_string_equal(ours, theirs);
        assert_int_equal(n, strlen(ours));
    }
}

static void whole_and_fixed_numbers_are_printf_s(void **state)
{
    (void)state;
    char ours[32], theirs[64];
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint64_t v = x >> (x >> 3) % 64;
        (void)snprintf(theirs, sizeof theirs, "%llu", (unsigned long long)v);
        assert_int_equal(iml__num_u64(ours, v), strlen(theirs));
        assert_string_equal(ours, theirs);
        int64_t s = (int64_t)(i == 1 ? (uint64_t)1 << 63 : i & 2 ? v : 0 - v);
        (void)snprintf(theirs, sizeof theirs, "%lld", (long long)s);
        assert_int_equal(iml__num_i64(ours, s), strlen(theirs));
        assert_string_equal(ours, theirs);
        // floor(v 10^d + 1/2), so only its digits are printf's.
        int d = i % 10, k = (int)(v % 50);
        static const int64_t ten[] = {1,      10,      100,      1000,      10000,
                                      100000, 1000000, 10000000, 100000000, 1000000000};
        int64_t n = s % (1ll << k);
        double f = ((double)n + 0.25) / (double)ten[d];
        if (llabs(n) > 1ll << 40) continue;
        (void)snprintf(theirs, sizeof theirs, "%s%lld%s%0*lld", n < 0 ? "-" : "", llabs(n) / ten[d],
                       d ? "." : "", d, llabs(n) % ten[d]);
        if (!d) theirs[strlen(theirs) - 1] = 0;
        assert_int_equal(iml__num_fixed(ours, f, d), strlen(theirs));
        assert_string_equal(ours, theirs);
    }
}

static void written_in_place_stays_within_the_maximum(void **state)
{
    (void)state;
    iml__str s;
    iml__str_init(&s, 100);
    for (int i = 0; i < 100; i++) iml__str_addc(&s, (char)('a' + i % 26));
    assert_int_equal(s.failed, IML_OK);
    assert_null(iml__str_room(&s, 1));
    assert_int_equal(s.failed, IML_ELIMIT);
    assert_int_equal(s.n, 100);
    iml__str_clear(&s);
    char *to = iml__str_room(&s, 100);
    assert_non_null(to);
    memset(to, 'x', 7);
    iml__str_put(&s, 7);
    assert_string_equal(iml__str_text(&s), "xxxxxxx");
    iml__str_free(&s);
}

static void sizes_have_units(void **state)
{
    (void)state;
    uint64_t v;
    assert_true(iml__parse_bytes("4K", &v));
    assert_int_equal(v, 4096);
    assert_true(iml__parse_bytes("1.5G", &v));
    assert_int_equal(v, 3ull << 29);
    assert_true(iml__parse_bytes("64MiB", &v));
    assert_int_equal(v, 64 << 20);
    assert_true(iml__parse_count("500M", &v));
    assert_int_equal(v, 500000000);
    assert_true(iml__parse_u64("18446744073709551615", &v));
    assert_true(v == UINT64_MAX);
    assert_false(iml__parse_u64("18446744073709551616", &v));
    const char *bad[] = {"",   "x",  "-1", "1X",  "1KK", "0x10",
                         "1e", " 1", "1 ", "nan", "inf", "1.2.3"};
    for (size_t i = 0; i < IML_COUNT_OF(bad); i++) assert_false(iml__parse_bytes(bad[i], &v));
    int64_t n;
    assert_true(iml__parse_i64("-9223372036854775808", &n));
    assert_true(n == INT64_MIN);
    assert_false(iml__parse_i64("9223372036854775808", &n));
    double d;
    assert_true(iml__parse_double("-1.5e-3", &d));
    assert_true(d == -1.5e-3);
    assert_false(iml__parse_double("1e999", &d));
    assert_false(iml__parse_double(".", &d));
}

static void nearest_name_is_found(void **state)
{
    (void)state;
    const char *const names[] = {"workers", "io-workers", "seed", NULL};
    assert_string_equal(iml__nearest("wrokers", names), "workers");
    assert_null(iml__nearest("zebra", names));
    assert_int_equal(iml__edit_distance("kitten", "sitting"), 3);
}

static void invalid_utf8_is_found(void **state)
{
    (void)state;
    size_t at;
    assert_true(iml__utf8_valid("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", 10, NULL));
    const char *bad[] = {"\x80",     "\xC0\x80",        "\xED\xA0\x80", "\xF5\x80\x80\x80",
                         "\xE2\x82", "\xF0\x8F\x80\x80"};
    for (size_t i = 0; i < IML_COUNT_OF(bad); i++) {
        char text[16] = "ok";
        strncat(text, bad[i], 8);
        assert_false(iml__utf8_valid(text, strlen(text), &at));
        assert_int_equal(at, 2);
    }
}

static void a_flat_text_stays_on_its_line(void **state)
{
    (void)state;
    iml__str s;
    iml__str_init(&s, 64);
    iml__str_flat(&s, "a\tb\n\x1b[2J\0\x7f \xc3\xa9", 13);
    assert_int_equal(s.n, 13);
    assert_memory_equal(s.p, "a?b??[2J?? \xc3\xa9", 13);
    iml__str_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flat_text_stays_on_its_line),
        cmocka_unit_test(string_stops_at_its_maximum),
        cmocka_unit_test(numbers_read_back),
        cmocka_unit_test(seventeen_digits_are_printf_s),
        cmocka_unit_test(whole_and_fixed_numbers_are_printf_s),
        cmocka_unit_test(written_in_place_stays_within_the_maximum),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(nearest_name_is_found),
        cmocka_unit_test(invalid_utf8_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
