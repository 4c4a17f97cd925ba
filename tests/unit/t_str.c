#include "tests/unit/iml_test.h"

#include "src/base/str.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(string_stops_at_its_maximum),
        cmocka_unit_test(numbers_read_back),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(nearest_name_is_found),
        cmocka_unit_test(invalid_utf8_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
