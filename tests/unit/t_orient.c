// t_orient.c: letters and turns. 5,000 random affines are compared with nibabel by
// tests/oracle/slice_oracle.py; here their letters' hash stands for that comparison.
#include "tests/unit/iml_test.h"

#include <math.h>

#include "src/base/hash.h"
#include "src/base/str.h"
#include "src/slice/orient.h"
#include "tests/tools/affines.h"

static void axcodes_equal_nibabel(void **state)
{
    (void)state;
    iml__str all;
    iml__str_init(&all, 1 << 20);
    for (uint32_t k = 0; k < 5000; k++) {
        double m[12];
        iml_orient o;
        test_affine(k, m);
        assert_ok(iml_orient_from_affine(m, &o, e));
        iml__str_adds(&all, o.letters);
    }
    assert_int_equal(all.n, 15000);
    // Of nibabel 5.0.0's io_orientation on the same affines.
    assert_true(iml__xxh3(all.p, all.n) == TEST_AFFINES_HASH);
    iml__str_free(&all);
}

static void plain_axes(void **state)
{
    (void)state;
    const double m[12] = {0, 0, -3, 10, -2, 0, 0, 20, 0, 1.5, 0, 30};
    iml_orient o;
    assert_ok(iml_orient_from_affine(m, &o, e));
    assert_string_equal(o.letters, "PSL");
    assert_int_equal(iml__orient_find(&o, 0), 2);
    assert_int_equal(iml__orient_find(&o, 2), 1);
}

static void singular_is_refused(void **state)
{
    (void)state;
    static const double bad[4][12] = {{0},
                                      {1, 2, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0},
                                      {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0},
                                      {NAN, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}};
    for (int k = 0; k < 4; k++) {
        iml_orient o;
        iml_err e;
        assert_int_equal(iml_orient_from_affine(bad[k], &o, &e), IML_EINPUT);
        assert_non_null(strstr(e.msg, "[orient]"));
    }
}

static void letters_are_read(void **state)
{
    (void)state;
    int axis[3], sign[3];
    assert_true(iml__orient_letters("lpS", axis, sign));
    assert_int_equal(axis[0], 0);
    assert_int_equal(sign[0], -1);
    assert_int_equal(sign[2], 1);
    static const char *const bad[] = {"", "RA", "RAR", "RAL", "RASS", "XAS", "RA ", "\xc3\x84S"};
    for (size_t k = 0; k < IML_COUNT_OF(bad); k++)
        assert_false(iml__orient_letters(bad[k], axis, sign));
}

static void mm_of(const double m[12], const double at[3], double mm[3])
{
    for (int r = 0; r < 3; r++)
        mm[r] = m[4 * r] * at[0] + m[4 * r + 1] * at[1] + m[4 * r + 2] * at[2] + m[4 * r + 3];
}

static void a_turn_keeps_every_millimetre(void **state)
{
    (void)state;
    const uint64_t dim[3] = {5, 7, 11};
    for (uint32_t k = 0; k < 500; k++) {
        double m[12], turned[12], at[3], there[3], a[3], b[3];
        iml_orient o, got;
        static const char *const letters[] = {"RAS", "LPS", "PIR", "SLA", "ILP"};
        int axis[3], sign[3];
        test_affine(k, m);
        assert_true(iml__orient_letters(letters[k % 5], axis, sign));
        assert_ok(iml_orient_from_affine(m, &o, e));
        struct iml__turn t = iml__turn_to(&o, axis, sign);
        iml__turn_affine(&t, dim, m, turned);
        iml__turn_orient(&t, &o, &got);
        assert_string_equal(got.letters, letters[k % 5]);
        for (int i = 0; i < 3; i++) at[i] = (double)(k * 31 % dim[t.from[i]]);
        for (int i = 0; i < 3; i++)
            there[t.from[i]] = t.flip[i] ? (double)dim[t.from[i]] - 1 - at[i] : at[i];
        mm_of(turned, at, a), mm_of(m, there, b);
        for (int i = 0; i < 3; i++) assert_true(fabs(a[i] - b[i]) < 1e-9 * (1 + fabs(a[i])));
    }
}

static void corners_tell_geometries_apart(void **state)
{
    (void)state;
    const uint64_t dim[3] = {10, 20, 30};
    double a[12] = {2, 0, 0, 1, 0, 2, 0, 2, 0, 0, 2, 3}, b[12];
    memcpy(b, a, sizeof a);
    assert_true(iml__affine_corner_distance(a, b, dim) < 1e-12);
    b[3] += 1;
    assert_true(fabs(iml__affine_corner_distance(a, b, dim) - 0.5) < 1e-12);
    b[3] -= 1, b[0] = 2.1;
    assert_true(fabs(iml__affine_corner_distance(a, b, dim) - 9 * 0.05) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axcodes_equal_nibabel),
        cmocka_unit_test(plain_axes),
        cmocka_unit_test(singular_is_refused),
        cmocka_unit_test(letters_are_read),
        cmocka_unit_test(a_turn_keeps_every_millimetre),
        cmocka_unit_test(corners_tell_geometries_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
