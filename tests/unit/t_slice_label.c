// t_slice_label.c: labels are whole or refused, mapped, counted, and never wrap.
#include "tests/unit/iml_test.h"

#include <math.h>

#include "src/base/arena.h"
#include "src/slice/slice_label.h"

static const struct iml__label_map no_map = {0};

static iml_nifti_info type_of(int datatype, int bytes, double slope, double inter)
{
    return (iml_nifti_info){.datatype = datatype,
                            .item_bytes = bytes,
                            .slope = slope,
                            .inter = inter,
                            .scaled = slope != 1 || inter != 0};
}

static void maps_are_read(void **state)
{
    (void)state;
    int32_t pair[4][2];
    struct iml__label_map m;
    assert_ok(iml__label_map_parse("3:1, 2:1\n*:0", pair, 4, &m, e));
    assert_int_equal(iml__label_mapped(&m, 2), 1);
    assert_int_equal(iml__label_mapped(&m, 3), 1);
    assert_int_equal(iml__label_mapped(&m, 7), 0);
    assert_ok(iml__label_map_parse("-5:70000", pair, 4, &m, e));
    assert_int_equal(iml__label_mapped(&m, -5), 70000);
    assert_int_equal(iml__label_mapped(&m, 9), 9);
    static const char *const bad[] = {
        "1",     "1:",      ":1",    "a:1",           "1:b",
        "1:2:3", "1:1,1:2", "1:1.5", "1:99999999999", "1:1,2:2,3:3,4:4,5:5",
        "**:1"};
    for (size_t k = 0; k < IML_COUNT_OF(bad); k++)
        if (iml__label_map_parse(bad[k], pair, 4, &m, NULL) != IML_EARG)
            fail_msg("'%s' is taken", bad[k]);
}

static void half_label_refused(void **state)
{
    (void)state;
    iml_nifti_info i = type_of(IML_NIFTI_F32, 4, 1, 0);
    float v[] = {0, 1, 2.0005f, 0.9995f, -1, 0.5f, 1.002f, NAN, INFINITY, 3e9f};
    static const int32_t want[] = {0,         1,         2,         1,         -1,
                                   INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN};
    int32_t got[10];
    iml__label_convert(&i, &no_map, v, 10, got);
    assert_memory_equal(got, want, sizeof want);
    assert_true(iml__label_raw(&i, v, 5) == 0.5);
}

static void tables_scale_and_map(void **state)
{
    (void)state;
    static int32_t table[65536];
    int32_t pair[1][2];
    struct iml__label_map m;
    iml_nifti_info i = type_of(IML_NIFTI_I16, 2, 0.5, 0);
    assert_ok(iml__label_map_parse("-16384:9", pair, 1, &m, e));
    iml__label_table(&i, &m, table);
    assert_int_equal(table[4], 2);
    assert_int_equal(table[3], INT32_MIN);
    assert_int_equal(table[(uint16_t)-32768], 9);
    i = type_of(IML_NIFTI_I8, 1, 1, 0);
    iml__label_table(&i, &no_map, table);
    assert_int_equal(table[200], -56);
    i = type_of(IML_NIFTI_U8, 1, 1, 0);
    iml__label_table(&i, &no_map, table);
    assert_int_equal(table[200], 200);
}

static void counts_are_sorted_and_fit(void **state)
{
    (void)state;
    iml_arena a;
    iml_err e;
    struct iml__label_counts c = {0};
    assert_int_equal(iml__arena_open(&a, 1 << 26, -1, &e), IML_OK);
    assert_int_equal(iml__label_fit(&c), IML__LABEL_I8);
    for (int k = 0; k < 3000; k++)
        assert_int_equal(iml__label_counts_add(&c, &a, k % 1000 - 500, 2, &e), IML_OK);
    iml__label_counts_sort(&c);
    assert_int_equal(c.n, 1000);
    for (uint32_t k = 0; k < c.n; k++) {
        assert_int_equal(c.value[k], (int)k - 500);
        assert_int_equal(c.count[k], 6);
    }
    assert_int_equal(iml__label_fit(&c), IML__LABEL_I16);
    iml__arena_close(&a);
}

static void label_200_becomes_i2(void **state)
{
    (void)state;
    static const struct {
        int32_t v;
        enum iml__label_type t;
    } fits[] = {{127, IML__LABEL_I8},  {-128, IML__LABEL_I8},  {128, IML__LABEL_I16},
                {200, IML__LABEL_I16}, {-129, IML__LABEL_I16}, {32768, IML__LABEL_I32}};
    for (size_t k = 0; k < IML_COUNT_OF(fits); k++) {
        int32_t v = fits[k].v;
        uint64_t n = 1;
        struct iml__label_counts c = {.value = &v, .count = &n, .n = 1, .cap = 1};
        assert_int_equal(iml__label_fit(&c), fits[k].t);
    }
    assert_string_equal(iml__label_descr(IML__LABEL_I16), "<i2");
    assert_true(iml__label_fits(IML__LABEL_U8, 200) && !iml__label_fits(IML__LABEL_I8, 200));
    int16_t s[2];
    iml__label_store(IML__LABEL_I16, (int32_t[]){200, -3}, 2, s);
    assert_true(s[0] == 200 && s[1] == -3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_read),        cmocka_unit_test(half_label_refused),
        cmocka_unit_test(tables_scale_and_map), cmocka_unit_test(counts_are_sorted_and_fit),
        cmocka_unit_test(label_200_becomes_i2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
