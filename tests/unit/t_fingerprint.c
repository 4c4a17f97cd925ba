// t_fingerprint.c: cases added up to a fingerprint, against sorting all their values.
#include "tests/unit/iml_test.h"

#include <pthread.h>
#include <math.h>
#include <stdlib.h>

#include "src/slice/fingerprint.h"
#include "src/slice/stats.h"

enum { N = 5000, CASES = 7 };
static float value[CASES][N];
static double all[CASES * N];

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int by_key(const void *a, const void *b)
{
    const struct iml__fp_count *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

// shift 0: keys of values; 16: their upper halves.
static uint32_t count_keys(const float *v, int shift, struct iml__fp_count *to)
{
    uint32_t n = 0, k = 0;
    for (; n < N; n++) to[n] = (struct iml__fp_count){1, iml__float_key(v[n]) >> shift, 0};
    qsort(to, n, sizeof *to, by_key);
    for (uint32_t i = 1; i < n; i++) {
        if (to[i].key == to[k].key)
            to[k].count += to[i].count;
        else
            to[++k] = to[i];
    }
    return k + 1;
}

static struct iml__fp_part moments(const float *v, bool exact)
{
    struct iml__fp_part p = {.exact = exact, .count = N, .min = INFINITY, .max = -INFINITY};
    for (int k = 0; k < N; k++) {
        p.mean += (double)v[k] / N;
        p.min = fmin(p.min, (double)v[k]), p.max = fmax(p.max, (double)v[k]);
    }
    for (int k = 0; k < N; k++) p.squares += ((double)v[k] - p.mean) * ((double)v[k] - p.mean);
    return p;
}

static void second_look(iml__fingerprint *f, const float *v)
{
    static struct iml__fp_count counts[N];
    uint32_t upper[IML__FP_BINS], n = iml__fingerprint_bins(f, 0, upper);
    for (uint32_t b = 0; b < n; b++) {
        uint32_t k = 0;
        for (int i = 0; i < N; i++)
            if (iml__float_key(v[i]) >> 16 == upper[b])
                counts[k++] = (struct iml__fp_count){1, iml__float_key(v[i]) & 0xffff, 0};
        assert_ok(iml__fingerprint_low(f, 0, b, counts, k, e));
    }
}

static double member(const char *text, const char *name)
{
    char key[64];
    double v;
    (void)snprintf(key, sizeof key, "\"%s\": ", name);
    const char *p = strstr(text, key);
    assert_non_null(p);
    char number[40];
    p += strlen(key);
    size_t n = strcspn(p, ",\n");
    assert_true(n < sizeof number);
    memcpy(number, p, n), number[n] = 0;
    assert_true(iml__parse_double(number, &v));
    return v;
}

static double percentile(double q)
{
    double at = (CASES * N - 1) * (q / 100), below = floor(at);
    size_t i = (size_t)below;
    return all[i] + (all[i + 1] - all[i]) * (at - below);
}

static bool asking;

static void *ask(void *f)
{
    while (__atomic_load_n(&asking, __ATOMIC_RELAXED)) {
        uint32_t upper[IML__FP_BINS];
        (void)iml__fingerprint_bins(f, 0, upper);
    }
    return NULL;
}

// Workers ask while what others counted is added.
static void workers_may_ask_while_counts_are_added(void **state)
{
    (void)state;
    static struct iml__fp_count counts[N];
    iml__fingerprint *f;
    pthread_t t[2];
    iml_rng g = iml_rng_at(5, 1, 1);
    assert_ok(iml__fingerprint_new(&f, e));
    for (int k = 0; k < N; k++) value[0][k] = (float)(iml_rng_unit(&g) * 2000 - 1000);
    struct iml__fp_part p = moments(value[0], false);
    p.n = count_keys(value[0], 16, counts);
    assert_ok(iml__fingerprint_part(f, &p, counts, e));
    iml__fingerprint_settle(f);
    asking = true;
    for (int k = 0; k < 2; k++) assert_int_equal(pthread_create(&t[k], NULL, ask, f), 0);
    iml_err err = {0};
    iml_status st = IML_OK;
    for (int k = 0; k < 100000 && !st; k++)
        st = iml__fingerprint_low(f, 0, 3, &(struct iml__fp_count){1, 7, 0}, 1, &err);
    __atomic_store_n(&asking, false, __ATOMIC_RELAXED);
    for (int k = 0; k < 2; k++) assert_int_equal(pthread_join(t[k], NULL), 0);
    assert_int_equal(st, IML_OK);
    iml__fingerprint_free(&f);
}

// Exact cases (whole numbers), inexact ones, and both together.
static void percentiles_are_those_of_all_values(void **state)
{
    (void)state;
    static struct iml__fp_count counts[N];
    for (int kind = 0; kind < 3; kind++) {
        iml_rng g = iml_rng_at(3, (uint64_t)kind, 1);
        iml__fingerprint *f;
        iml__str text;
        bool again;
        assert_ok(iml__fingerprint_new(&f, e));
        double mean = 0, squares = 0;
        for (int c = 0; c < CASES; c++) {
            bool exact = kind == 0 || (kind == 2 && c % 2);
            for (int k = 0; k < N; k++) {
                float v = (float)(iml_rng_unit(&g) * iml_rng_unit(&g) * 2000 - 1000);
                value[c][k] = exact ? floorf(v) : v;
                all[c * N + k] = (double)value[c][k];
                mean += (double)value[c][k] / (CASES * N);
            }
            struct iml__fp_part p = moments(value[c], exact);
            p.n = count_keys(value[c], exact ? 0 : 16, counts);
            struct iml__fp_case head = {{5, 1, 1}, {3, 4, 5}, 60, c < 3 ? 60 : 30};
            assert_ok(iml__fingerprint_case(f, &head, e));
            assert_ok(iml__fingerprint_part(f, &p, counts, e));
        }
        assert_int_equal(iml__fingerprint_again(f, &again), kind > 0);
        assert_false(again);
        iml__fingerprint_settle(f);
        for (int c = 0; c < CASES && kind; c++)
            if (kind == 1 || c % 2 == 0) second_look(f, value[c]);
        iml__str_init(&text, 1 << 20);
        assert_ok(iml__fingerprint_text(f, &text, e));
        for (int k = 0; k < CASES * N; k++) squares += (all[k] - mean) * (all[k] - mean);
        qsort(all, CASES * N, sizeof all[0], by_value);
        const char *t = iml__str_text(&text);
        assert_true(fabs(member(t, "mean") - mean) < 1e-9 * fabs(mean));
        assert_true(fabs(member(t, "std") - sqrt(squares / (CASES * N))) < 1e-9 * 300);
        assert_true(iml__same_double(member(t, "min"), all[0]));
        assert_true(iml__same_double(member(t, "max"), all[CASES * N - 1]));
        assert_true(fabs(member(t, "percentile_00_5") - percentile(0.5)) < 1e-9);
        assert_true(fabs(member(t, "median") - percentile(50)) < 1e-9);
        assert_true(fabs(member(t, "percentile_99_5") - percentile(99.5)) < 1e-9);
        assert_true(iml__same_double(member(t, "median_relative_size_after_cropping"), 0.5));
        struct iml__ct ct[4];
        uint32_t n;
        assert_ok(iml__fingerprint_read(text.p, text.n, "x", NULL, 0, ct, 4, &n, e));
        assert_int_equal(n, 1);
        assert_true(iml__same_double(ct[0].mean, member(t, "mean")));
        assert_true(iml__same_double(ct[0].p_high, member(t, "percentile_99_5")));
        iml__str_free(&text);
        iml__fingerprint_free(&f);
    }
}

static void too_many_values_ask_for_a_second_look_at_all(void **state)
{
    (void)state;
    enum { MANY = 1 << 21 };
    struct iml__fp_count *counts = calloc(MANY, sizeof *counts);
    iml__fingerprint *f;
    bool all_cases;
    assert_non_null(counts);
    assert_ok(iml__fingerprint_new(&f, e));
    for (uint32_t c = 0; c < 3; c++) {
        struct iml__fp_part p = {.n = MANY, .exact = 1, .count = MANY, .mean = 1};
        assert_false(iml__fingerprint_again(f, &all_cases));
        for (uint32_t k = 0; k < MANY; k++)
            counts[k] = (struct iml__fp_count){1, 0x80000000u + 3 * k + c, 0};
        assert_ok(iml__fingerprint_part(f, &p, counts, e));
    }
    assert_true(iml__fingerprint_again(f, &all_cases));
    assert_true(all_cases);
    iml__fingerprint_free(&f);
    free(counts);
}

#define NNUNET(ch, mean)                                                                           \
    "\"" ch "\": {\"max\": 1.0, \"mean\": " mean                                                   \
    ", \"median\": 2.0, \"min\": 0, \"percentile_00_5\": -5.5, \"percentile_99_5\": 7e2, "         \
    "\"std\": 3}"
#define BOTH(a, b)                                                                                 \
    "{\"foreground_intensity_properties_per_channel\": {" a "," b                                  \
    "}, \"median_relative_size_after_cropping\": 1.0, \"spacings\": [[1, 1, 1]]}"

static void nnunets_own_is_read(void **state)
{
    (void)state;
    static const char text[] = BOTH(NNUNET("0", "10.25"), NNUNET("1", "-4"));
    static const int second[] = {1}, third[] = {0, 2};
    struct iml__ct ct[8];
    uint32_t n;
    iml_err bad;
    assert_ok(iml__fingerprint_read(text, strlen(text), "x", NULL, 0, ct, 8, &n, e));
    assert_int_equal(n, 2);
    assert_true(iml__same_double(ct[0].mean, 10.25) && iml__same_double(ct[0].p_low, -5.5) &&
                iml__same_double(ct[0].p_high, 700) && iml__same_double(ct[1].std, 3));
    assert_ok(iml__fingerprint_read(text, strlen(text), "x", second, 1, ct, 8, &n, e));
    assert_int_equal(n, 1);
    assert_true(iml__same_double(ct[0].mean, -4));
    assert_int_equal(iml__fingerprint_read(text, strlen(text), "x", third, 2, ct, 8, &n, &bad),
                     IML_EARG);
    assert_string_equal(bad.msg, "--stats x: channel 2 has no mean, std, percentile_00_5 and "
                                 "percentile_99_5");
}

static void other_files_are_refused(void **state)
{
    (void)state;
    static const char *const text[] = {
        "",
        "[]",
        "{}",
        "{\"spacings\": []}",
        "{\"foreground_intensity_properties_per_channel\": 3}",
        "{\"foreground_intensity_properties_per_channel\": {\"0\": {\"mean\": \"x\"}}}",
        "{\"foreground_intensity_properties_per_channel\": {\"0\": {\"mean\": 1}}}",
        "{\"foreground_intensity_properties_per_channel\": {}} trailing"};
    struct iml__ct ct[8];
    uint32_t n;
    for (size_t k = 0; k < IML_COUNT_OF(text); k++) {
        iml_err e = {0};
        assert_int_equal(
            iml__fingerprint_read(text[k], strlen(text[k]), "x", NULL, 0, ct, 8, &n, &e), IML_EARG);
        assert_int_equal(strncmp(e.msg, "--stats x: ", 11), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_may_ask_while_counts_are_added),
        cmocka_unit_test(percentiles_are_those_of_all_values),
        cmocka_unit_test(too_many_values_ask_for_a_second_look_at_all),
        cmocka_unit_test(nnunets_own_is_read),
        cmocka_unit_test(other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
