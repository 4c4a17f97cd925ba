// t_norm.c: norms as written, and what is stored.
#include "tests/unit/iml_test.h"

#include <math.h>

#include "src/slice/norm.h"

static void every_spelling(void **state)
{
    (void)state;
    static const char *const good[][2] = {{"zscore", "zscore"},
                                          {"minmax", "percentile:0,100"},
                                          {"percentile:0.5,99.5", "percentile:0.5,99.5"},
                                          {"window:lung", "window:lung"},
                                          {"window:-600,1500", "window:-600,1500"},
                                          {"ct", "ct"},
                                          {"none", "none"},
                                          {"window:40,80.5", "window:40,80.5"}};
    static const char *const bad[] = {"",
                                      "z",
                                      "percentile",
                                      "percentile:1",
                                      "percentile:5,5",
                                      "percentile:-1,9",
                                      "percentile:1,101",
                                      "window:",
                                      "window:x",
                                      "window:1,0",
                                      "window:1,-5",
                                      "window:nan,5",
                                      "window:1,inf",
                                      "window:lungs",
                                      "percentile:a,b"};
    struct iml__norm n;
    char text[96];
    for (size_t k = 0; k < IML_COUNT_OF(good); k++) {
        assert_ok(iml__norm_parse(good[k][0], &n, e));
        iml__norm_text(&n, text);
        assert_string_equal(text, good[k][1]);
    }
    for (size_t k = 0; k < IML_COUNT_OF(bad); k++)
        if (iml__norm_parse(bad[k], &n, NULL) != IML_EARG) fail_msg("'%s' is taken", bad[k]);
}

static float value(const char *text, const struct iml__stats *s, float v)
{
    struct iml__norm n;
    static const struct iml__ct ct = {10, 4, -20, 30};
    assert_ok(iml__norm_parse(text, &n, e));
    struct iml__normer r = iml__normer_of(&n, s, &ct);
    return iml__norm_value(&r, v);
}

static void values_of_each_norm(void **state)
{
    (void)state;
    struct iml__stats s = {.mean = 10.5f, .std = 3, .percentile = {-100, 300}};
    assert_true(value("zscore", &s, 17) == (17.0f - 10.5f) / 3.0f);
    assert_true(value("percentile:1,99", &s, -500) == 0 && value("percentile:1,99", &s, 500) == 1);
    assert_true(value("percentile:1,99", &s, 100) == 0.5f);
    assert_true(value("window:lung", &s, -1350) == 0 && value("window:lung", &s, 150) == 1);
    assert_true(value("window:40,80", &s, 20) == 0.25f);
    assert_true(value("ct", &s, 1000) == 5 && value("ct", &s, -1000) == -7.5f);
    assert_true(value("none", &s, -3.25f) == -3.25f);
    assert_true(isnan(value("percentile:1,99", &s, NAN)));
    s.percentile[1] = -100;
    assert_true(value("percentile:1,99", &s, 7) == 0);
}

static double of_half(uint16_t h)
{
    int e = h >> 10 & 31;
    double m = h & 1023;
    double v = e ? ldexp(m + 1024, e - 25) : ldexp(m, -24);
    return h & 0x8000 ? -v : v;
}

static void halves_round_to_even_everywhere(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7c00; h++) {
        float v = (float)of_half((uint16_t)h),
              next = h == 0x7bff ? 65536 : (float)of_half((uint16_t)(h + 1));
        float mid = (float)(((double)v + (double)next) / 2); // exact: one bit more
        uint16_t even = (uint16_t)(h & 1 ? h + 1 : h);
        assert_int_equal(iml__half(v), h);
        assert_int_equal(iml__half(-v), h | 0x8000);
        assert_int_equal(iml__half(mid), even);
        assert_int_equal(iml__half(-mid), even | 0x8000);
        assert_int_equal(iml__half(nextafterf(mid, 0)), h);
        assert_int_equal(iml__half(nextafterf(mid, INFINITY)), h + 1);
    }
    assert_int_equal(iml__half(INFINITY), 0x7c00);
    assert_int_equal(iml__half(-1e30f), 0xfc00);
    assert_true((iml__half(NAN) & 0x7c00) == 0x7c00 && (iml__half(NAN) & 0x3ff));
}

static void a_finite_value_is_no_infinite_half(void **state)
{
    (void)state;
    const float fits[] = {65504, 65519.996f, -65504, INFINITY, -INFINITY, NAN, 0, 1e-30f};
    const float wide[] = {65520, -65520, 1e5f, 3e38f};
    uint16_t out[8];
    assert_true(iml__out_store(IML__OUT_F16, fits, 8, out));
    assert_int_equal(out[1], 0x7bff);
    for (size_t k = 0; k < 4; k++) {
        const float v[] = {1, wide[k], 2};
        assert_false(iml__out_store(IML__OUT_F16, v, 3, out));
    }
}

static void integers_are_exact_or_refused(void **state)
{
    (void)state;
    int16_t s[3];
    uint8_t b[5];
    assert_true(iml__out_store(IML__OUT_I16, (float[]){-32768, 32767, 5}, 3, s));
    assert_true(s[0] == -32768 && s[1] == 32767 && s[2] == 5);
    assert_false(iml__out_store(IML__OUT_I16, (float[]){0.5f}, 1, s));
    assert_false(iml__out_store(IML__OUT_I16, (float[]){32768}, 1, s));
    assert_false(iml__out_store(IML__OUT_I16, (float[]){NAN}, 1, s));
    assert_true(iml__out_store(IML__OUT_U8, (float[]){0, 1, 0.5f, 0.49f, NAN}, 5, b));
    assert_true(b[0] == 0 && b[1] == 255 && b[2] == 128 && b[3] == 125 && b[4] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling),
        cmocka_unit_test(values_of_each_norm),
        cmocka_unit_test(halves_round_to_even_everywhere),
        cmocka_unit_test(a_finite_value_is_no_infinite_half),
        cmocka_unit_test(integers_are_exact_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
