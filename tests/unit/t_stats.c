// t_stats.c: counts, sums and exact percentiles against plain definitions and numpy's own results.
#include "tests/unit/iml_test.h"

#include <math.h>

#include "src/slice/stats.h"

static const double none[3] = {NAN, NAN, NAN};

static void counting_is_counting(void **state)
{
    (void)state;
    static uint16_t v[70001];
    static uint8_t mask[70001];
    static uint64_t n[65536], want[65536], small[65536];
    iml_rng g = iml_rng_at(1, 0, 7);
    for (size_t k = 0; k < IML_COUNT_OF(v); k++) {
        v[k] =
            iml_rng_bounded(&g, 3) ? (uint16_t)iml_rng_bounded(&g, 40) : (uint16_t)iml_rng_u32(&g);
        mask[k] = iml_rng_u32(&g) & 1;
        want[v[k]]++;
    }
    iml__bins_add(n, 2, v, IML_COUNT_OF(v), NULL);
    assert_memory_equal(n, want, sizeof n);
    memset(n, 0, sizeof n), memset(want, 0, sizeof want);
    for (size_t k = 0; k < IML_COUNT_OF(v); k++) want[v[k]] += mask[k];
    iml__bins_add(n, 2, v, IML_COUNT_OF(v), mask);
    assert_memory_equal(n, want, sizeof n);
    memset(want, 0, sizeof want);
    for (size_t k = 0; k < 1001; k++) want[((uint8_t *)v)[k]]++;
    iml__bins_add(small, 1, v, 1001, NULL);
    assert_memory_equal(small, want, sizeof small);
}

// numpy 1.24.2: v = [-5]*3 + [0, 1, 1, 2, 7, 100]; percentiles 0.5, 50, 99.5 of v > v.min().
static void bins_equal_numpy(void **state)
{
    (void)state;
    static uint64_t n[65536];
    static float value[65536];
    static const int16_t v[] = {-5, -5, -5, 0, 1, 1, 2, 7, 100};
    static const double q[3] = {0.5, 50, 99.5};
    struct iml__stats s;
    for (int down = 0; down < 2; down++) {
        memset(n, 0, sizeof n);
        for (int k = -32768; k < 32768; k++) value[(uint16_t)k] = (float)(down ? -k : k);
        for (size_t k = 0; k < IML_COUNT_OF(v); k++) n[(uint16_t)(down ? -v[k] : v[k])]++;
        iml__stats_of_bins(n, NULL, 2, true, value, IML__MASK_FOREGROUND, q, &s);
        assert_int_equal(s.count, 6);
        assert_true(s.min == -5 && s.max == 100);
        assert_true(fabsf(s.mean - 18.5f) < 1e-6f && fabsf(s.std - 36.5182603f) < 1e-5f);
        assert_true(s.percentile[0] == 0.025f && s.percentile[1] == 1.5f &&
                    s.percentile[2] == 97.675f);
        iml__stats_of_bins(n, NULL, 2, true, value, IML__MASK_ALL, none, &s);
        assert_int_equal(s.count, 9);
        iml__stats_of_bins(n, NULL, 2, true, value, IML__MASK_NONZERO, none, &s);
        assert_int_equal(s.count, 8);
    }
}

static void a_constant_volume_has_deviation_1(void **state)
{
    (void)state;
    static uint64_t n[65536];
    static float value[65536];
    struct iml__stats s;
    n[7] = 1000, value[7] = 3;
    iml__stats_of_bins(n, NULL, 1, false, value, IML__MASK_FOREGROUND, none, &s);
    assert_int_equal(s.count, 1000);
    assert_true(s.mean == 3 && s.std == 1 && s.min == 3 && s.max == 3);
    iml__stats_of_bins(n, n + 100, 1, false, value, IML__MASK_LABEL, none, &s);
    assert_int_equal(s.count, 0);
    assert_true(s.mean == 0 && s.std == 1);
}

static void sums_do_not_depend_on_threads(void **state)
{
    (void)state;
    enum { N = 10 * IML__STAT_BLOCK + 777, BLOCKS = 11 };
    float *v = malloc(N * sizeof *v);
    struct iml__block b[BLOCKS], r[BLOCKS];
    iml_rng g = iml_rng_at(3, 0, 7);
    for (size_t k = 0; k < N; k++) v[k] = (float)(iml_rng_unit(&g) * 2000 - 1000);
    v[5] = NAN, v[IML__STAT_BLOCK + 9] = INFINITY;
    struct iml__stats s;
    // Whatever the order in which blocks are done, their places are fixed.
    for (int order = 0; order < 2; order++) {
        for (size_t i = 0; i < BLOCKS; i++) {
            size_t k = order ? BLOCKS - 1 - i : i, at = k * IML__STAT_BLOCK;
            size_t n = IML_MIN((size_t)IML__STAT_BLOCK, N - at);
            iml__block_range(v + at, n, at, &r[k]);
        }
        iml__blocks_range(r, BLOCKS, &s);
        for (size_t i = 0; i < BLOCKS; i++) {
            size_t k = order ? BLOCKS - 1 - i : i, at = k * IML__STAT_BLOCK;
            iml__block_sum(v + at, NULL, IML_MIN((size_t)IML__STAT_BLOCK, N - at),
                           IML__MASK_FOREGROUND, s.min, NULL, &b[k]);
        }
        uint64_t count;
        double sum = iml__blocks_sum(b, BLOCKS, &count), plain = 0;
        static double first;
        if (!order) first = sum;
        assert_memory_equal(&sum, &first, sizeof sum);
        assert_int_equal(s.odd, 2);
        assert_int_equal(s.first_odd, 5);
        assert_int_equal(count, N - 3);
        for (size_t k = 0; k < N; k++)
            if (isfinite(v[k]) && v[k] > s.min) plain += (double)v[k];
        assert_true(fabs(plain - sum) < 1e-6 * N);
    }
    free(v);
}

static void lanes_are_added_in_the_fixed_order(void **state)
{
    (void)state;
    // Chosen so that another order of additions gives another sum.
    float v[8] = {1e16f, 1, -1e16f, 1, 1, 1, 1, 1};
    struct iml__block b;
    iml__block_sum(v, NULL, 8, IML__MASK_ALL, 0, NULL, &b);
    double d[8];
    for (int k = 0; k < 8; k++) d[k] = (double)v[k];
    double want = ((d[0] + d[4]) + (d[2] + d[6])) + ((d[1] + d[5]) + (d[3] + d[7]));
    assert_true(b.sum == want);
}

static void keys_keep_the_order_of_floats(void **state)
{
    (void)state;
    static const float v[] = {-INFINITY, -1e30f, -1, -1e-40f, -0.0f,
                              0.0f,      1e-40f, 1,  1e30f,   INFINITY};
    for (size_t k = 0; k < IML_COUNT_OF(v); k++) {
        float back = iml__float_of_key(iml__float_key(v[k]));
        assert_memory_equal(&back, &v[k], sizeof back);
        if (k) assert_true(iml__float_key(v[k]) > iml__float_key(v[k - 1]));
    }
}

static void ranks_are_numpys(void **state)
{
    (void)state;
    struct iml__rank r = iml__rank_of(5, 50);
    assert_true(r.lo == 2 && r.t == 0);
    r = iml__rank_of(4, 50);
    assert_true(r.lo == 1 && r.hi == 2 && r.t == 0.5 && iml__rank_mix(&r, 1, 4) == 2.5);
    r = iml__rank_of(7, 100);
    assert_true(r.lo == 6 && r.hi == 6);
    r = iml__rank_of(1, 37);
    assert_true(r.lo == 0 && r.hi == 0);
    static uint64_t n[65536];
    uint64_t before;
    n[3] = 2, n[10] = 1, n[65535] = 4;
    assert_int_equal(iml__rank_bin(n, 0, &before), 3);
    assert_int_equal(iml__rank_bin(n, 2, &before), 10);
    assert_int_equal(before, 2);
    assert_int_equal(iml__rank_bin(n, 6, &before), 65535);
    assert_int_equal(before, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counting_is_counting),
        cmocka_unit_test(bins_equal_numpy),
        cmocka_unit_test(a_constant_volume_has_deviation_1),
        cmocka_unit_test(sums_do_not_depend_on_threads),
        cmocka_unit_test(lanes_are_added_in_the_fixed_order),
        cmocka_unit_test(keys_keep_the_order_of_floats),
        cmocka_unit_test(ranks_are_numpys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
