// t_split.c: draws that must be numpy's and scikit-learn's own. The golden values were printed by
// numpy 1.24.2 and scikit-learn 1.2.1; tests/oracle/slice_oracle.py compares n = 1..50 with both.
#include "tests/unit/iml_test.h"

#include "src/slice/slice_split.h"

static void loader_draw_of_ten_cases(void **state)
{
    (void)state;
    static const uint32_t want[10] = {8, 1, 5, 0, 7, 2, 9, 4, 3, 6};
    uint32_t got[10];
    iml__numpy_permutation(42, 10, got);
    assert_memory_equal(got, want, sizeof want);
}

static void permutations_hold_every_element(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 1500; n += 1 + n / 7) {
        static uint32_t got[1500];
        static bool seen[1500];
        iml__numpy_permutation(7, n, got);
        memset(seen, 0, sizeof seen);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(got[i] < n && !seen[got[i]]);
            seen[got[i]] = true;
        }
    }
}

static void splits_equal_numpy(void **state)
{
    (void)state;
    // int(n * 0.8), int(n * 0.1) of Python for n = 1..50.
    static const uint8_t val[51] = {[10] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2,
                                    2,        2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3,
                                    3,        3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5};
    for (uint32_t n = 1; n <= 50; n++) {
        struct iml__split_sizes s = iml__split_sizes(n, 0.8, 0.1);
        assert_int_equal(s.train, n * 8 / 10);
        assert_int_equal(s.val, val[n]);
        assert_int_equal(s.train + s.val + s.test, n);
    }
    struct iml__split_sizes s = iml__split_sizes(3, 1, 0.5);
    assert_int_equal(s.train, 3);
    assert_int_equal(s.val, 0);
}

static void folds_equal_sklearn(void **state)
{
    (void)state;
    static const uint32_t want[12] = {0, 3, 4, 0, 3, 4, 2, 1, 0, 2, 1, 1};
    uint32_t got[200], count[7];
    iml__kfold(12345, 12, 5, got);
    assert_memory_equal(got, want, sizeof want);
    for (uint32_t n = 7; n < 200; n++) {
        memset(count, 0, sizeof count);
        iml__kfold(12345, n, 7, got);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(got[i] < 7);
            count[got[i]]++;
        }
        for (uint32_t k = 0; k < 7; k++) assert_int_equal(count[k], n / 7 + (k < n % 7));
    }
}

static void hashed_patients_stay_where_they_are(void **state)
{
    (void)state;
    uint32_t count[3] = {0};
    for (int i = 0; i < 10000; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "p%04d", i);
        int part = iml__split_hash(name, 42, 0.8, 0.1);
        assert_int_equal(part, iml__split_hash(name, 42, 0.8, 0.1));
        count[part]++;
    }
    assert_in_range(count[0], 7850, 8150); // sigma is 40
    assert_in_range(count[1], 880, 1120);
    assert_int_equal(iml__split_hash("anyone", 1, 1, 0), 0);
    assert_int_equal(iml__split_hash("anyone", 1, 0, 0), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loader_draw_of_ten_cases),
        cmocka_unit_test(permutations_hold_every_element),
        cmocka_unit_test(splits_equal_numpy),
        cmocka_unit_test(folds_equal_sklearn),
        cmocka_unit_test(hashed_patients_stay_where_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
