// t_value.c: value forms: reading, drawing, and that the draws follow their distributions.
#include "tests/unit/iml_test.h"

#include "src/base/arena.h"
#include "src/base/fmath.h"
#include "src/base/value.h"

#include <math.h>

static iml_arena arena;
static iml__complaints talk;

static int setup(void **state)
{
    (void)state;
    iml_err e;
    return iml__arena_open(&arena, (size_t)1 << 30, -1, &e);
}

static int teardown(void **state)
{
    (void)state;
    iml__complaints_free(&talk);
    iml__arena_close(&arena);
    return 0;
}

static const iml__value_rule blur = {
    .key = "blur", .min = 0, .max = 100, .dist = IML__DIST_EXPONENTIAL};
static const iml__value_rule count = {
    .key = "count", .integer = true, .min = 0, .max = 1000, .lo = 1, .hi = 1, .neutral = 1};

static const iml__ynode *node(const char *text)
{
    iml_err e;
    iml__ynode *n;
    iml__complaints_free(&talk);
    iml__complaints_init(&talk);
    iml__arena_reset(&arena);
    if (iml__yaml_parse(&arena, "v", text, strlen(text), &talk, &n, &e)) fail_msg("%s", e.msg);
    return n;
}

static iml__value good(const iml__value_rule *r, const char *text)
{
    iml__value v;
    if (!iml__value_parse(r, node(text), &arena, &talk, &v))
        fail_msg("%s refused: %s", text, iml__str_text(&talk.text));
    return v;
}

static void bad(const iml__value_rule *r, const char *text, const char *want)
{
    iml__value v;
    assert_false(iml__value_parse(r, node(text), &arena, &talk, &v));
    if (!strstr(iml__str_text(&talk.text), want))
        fail_msg("%s: %s", text, iml__str_text(&talk.text));
}

static void every_form_is_read(void **state)
{
    (void)state;
    iml__value v = good(&blur, "2.5");
    assert_int_equal(v.dist, IML__DIST_CONSTANT);
    assert_true(v.lo == 2.5 && v.p == 1);
    v = good(&blur, "[1, 4]");
    assert_int_equal(v.dist, IML__DIST_UNIFORM);
    assert_true(v.lo == 1 && v.hi == 4);
    v = good(&blur, "{choice: [1, 2, 5], weights: [1, 0, 3], p: 0.5}");
    assert_int_equal(v.dist, IML__DIST_CHOICE);
    assert_true(v.n == 3 && v.values[2] == 5 && v.weights[2] == 3 && v.p == 0.5 && v.hi == 5);
    v = good(&blur, "{min: 1, max: 3, distribution: normal, probability: 0.25}");
    assert_true(v.dist == IML__DIST_NORMAL && v.p == 0.25);
    v = good(&blur, "{min: 0, max: 3, distribution: choice, values: [0, 3]}");
    assert_int_equal(v.dist, IML__DIST_CHOICE);
    v = good(&blur, "{normal: [5, 2], max: 9}");
    assert_true(v.dist == IML__DIST_GAUSS && v.a == 5 && v.b == 2 && v.lo == 0 && v.hi == 9);
    v = good(&blur, "{beta: [2, 5]}");
    assert_true(v.dist == IML__DIST_JOHNK && v.lo == 0 && v.hi == 1);
    v = good(&count, "7");
    assert_true(v.integer && v.lo == 7);
}

static void wrong_values_are_told_with_their_place(void **state)
{
    (void)state;
    bad(&blur, "abc", "v:1:1: blur: abc is not a number");
    bad(&blur, "\"3\"", "quoted");
    bad(&blur, "101", "out of range, 0 to 100");
    bad(&blur, "[3, 1]", "min 3 is above max 1");
    bad(&blur, ".nan", "not a number");
    bad(&blur, "[1]", "two numbers");
    bad(&blur, "{min: 1, max: 2, distribution: normale}", "did you mean 'normal'");
    bad(&blur, "{min: 1, maks: 2}", "unknown word 'maks'; did you mean 'max'");
    bad(&blur, "{choice: []}", "not empty");
    bad(&blur, "{choice: [1, 2], weights: [1]}", "2 weights");
    bad(&blur, "{choice: [1, 2], weights: [0, 0]}", "all weights are 0");
    bad(&blur, "{min: 1, max: 2, p: 1.5}", "probability");
    bad(&blur, "{min: 1, max: 2, p: 1, probability: 1}", "same thing");
    bad(&count, "1.5", "not an integer");
    bad(&blur, "{min: 1, distribution: choice, max: 3}", "needs `values`");
}

static void older_fields_fill_the_same_value(void **state)
{
    (void)state;
    iml__value v = iml__value_default(&blur);
    const iml__ynode *n = node("{a: 1, b: 3, d: uniform, p: 0.5}");
    assert_true(iml__value_fields(&blur, iml__yaml_get(n, "a"), iml__yaml_get(n, "b"),
                                  iml__yaml_get(n, "d"), iml__yaml_get(n, "p"), &arena, &talk, &v));
    assert_true(v.lo == 1 && v.hi == 3 && v.dist == IML__DIST_UNIFORM && v.p == 0.5);
    // What is not given stays what it was.
    assert_true(
        iml__value_fields(&blur, NULL, iml__yaml_get(n, "b"), NULL, NULL, &arena, &talk, &v));
    assert_int_equal(v.dist, IML__DIST_UNIFORM);
    // An end of a range makes one of what was a single value or a choice before.
    const iml__value_rule height = {.key = "h", .max = 99, .dist = IML__DIST_CONSTANT};
    n = node("{one: 1, some: {choice: [1, 4]}, b: 5}");
    assert_true(iml__value_parse(&blur, iml__yaml_get(n, "one"), &arena, &talk, &v));
    assert_true(
        iml__value_fields(&blur, NULL, iml__yaml_get(n, "b"), NULL, NULL, &arena, &talk, &v));
    assert_true(v.lo == 1 && v.hi == 5 && v.dist == blur.dist);
    assert_true(iml__value_parse(&blur, iml__yaml_get(n, "some"), &arena, &talk, &v));
    assert_true(
        iml__value_fields(&blur, NULL, iml__yaml_get(n, "b"), NULL, NULL, &arena, &talk, &v));
    assert_true(v.lo == 1 && v.hi == 5 && v.dist == blur.dist);
    v = iml__value_default(&height);
    assert_true(
        iml__value_fields(&height, NULL, iml__yaml_get(n, "b"), NULL, NULL, &arena, &talk, &v));
    assert_true(v.lo == 0 && v.hi == 5 && v.dist == IML__DIST_UNIFORM);
    n = node("{a: 9, b: 3}");
    v = iml__value_default(&blur);
    assert_false(iml__value_fields(&blur, iml__yaml_get(n, "a"), iml__yaml_get(n, "b"), NULL, NULL,
                                   &arena, &talk, &v));
    assert_non_null(strstr(iml__str_text(&talk.text), "min 9 is above max 3"));
}

// ---- Distributions

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double cdf(const iml__value *v, double x)
{
    double r = v->hi - v->lo, mid = v->lo + r / 2, t = (x - v->lo) / r;
    if (x >= v->hi) return 1;
    if (x < v->lo) return 0;
    switch (v->dist) {
    case IML__DIST_NORMAL: return iml__norm_cdf((x - mid) / (r / 6));
    case IML__DIST_TRUNCATED_NORMAL: {
        double f = iml__norm_cdf(-3);
        return (iml__norm_cdf((x - mid) / (r / 6)) - f) / (1 - 2 * f);
    }
    case IML__DIST_HALF_NORMAL: return 2 * iml__norm_cdf((x - v->lo) / (r / 3)) - 1;
    case IML__DIST_EXPONENTIAL: return 1 - exp(-30 * t);
    case IML__DIST_LOGNORMAL: return t <= 0 ? 0 : iml__norm_cdf(log(10 * t) / 0.8);
    case IML__DIST_BETA: // I_t(2, 5) = 1 - (1-t)^6 - 6 t (1-t)^5
        return 1 - pow(1 - t, 6) - 6 * t * pow(1 - t, 5);
    case IML__DIST_GAUSS: return iml__norm_cdf((x - v->a) / v->b);
    default: return t;
    }
}

// Kolmogorov-Smirnov, p > 0.001: D sqrt(n) < 1.95. At a clipped end the two sides of the step are
// compared with the two sides of the distribution's own step.
static void follows(const iml__value *v, const char *name)
{
    enum { N = 20000 };
    static double x[N];
    for (uint64_t i = 0; i < N; i++) {
        x[i] = iml__value_draw(v, 7, i, iml_stream(name), 0);
        if (x[i] < v->lo || x[i] > v->hi)
            fail_msg("%s: %g outside %g..%g", name, x[i], v->lo, v->hi);
    }
    qsort(x, N, sizeof *x, by_value);
    double d = 0;
    for (int i = 0; i < N;) {
        int j = i;
        while (j < N && x[j] == x[i]) j++;
        double below = i && x[i] == v->lo ? 0 : cdf(v, x[i]), f = cdf(v, x[i]);
        if (x[i] > v->lo && x[i] < v->hi) d = fmax(d, fabs((double)i / N - below));
        d = fmax(d, fabs((double)j / N - f));
        i = j;
    }
    if (d * sqrt(N) > 1.95) fail_msg("%s: D = %g", name, d);
}

static void distributions_pass_ks(void **state)
{
    (void)state;
    for (int k = IML__DIST_UNIFORM; k <= IML__DIST_LOGNORMAL; k++) {
        iml__value v = {.dist = (enum iml__dist)k, .lo = -2, .hi = 6, .p = 1};
        follows(&v, iml__dist_names[k]);
    }
    iml__value g = {.dist = IML__DIST_GAUSS, .lo = -50, .hi = 50, .a = 1, .b = 3, .p = 1};
    follows(&g, "gauss");
}

static void johnk_has_the_mean_and_variance_of_beta(void **state)
{
    (void)state;
    iml__value v = {.dist = IML__DIST_JOHNK, .lo = 0, .hi = 1, .a = 0.8, .b = 1.7, .p = 1};
    double sum = 0, sq = 0;
    enum { N = 20000 };
    for (uint64_t i = 0; i < N; i++) {
        double x = iml__value_draw(&v, 1, i, 5, 0);
        sum += x, sq += x * x;
    }
    double mean = sum / N, var = sq / N - mean * mean, ab = v.a + v.b;
    assert_true(fabs(mean - v.a / ab) < 0.006);
    assert_true(fabs(var - v.a * v.b / (ab * ab * (ab + 1))) < 0.003);
}

static void integers_are_even_and_choices_follow_their_weights(void **state)
{
    (void)state;
    iml__value v = good(&count, "[3, 7]");
    int seen[10] = {0}, fired = 0;
    for (uint64_t i = 0; i < 10000; i++) seen[(int)iml__value_draw(&v, 3, i, 9, 0)]++;
    for (int k = 3; k <= 7; k++) assert_in_range(seen[k], 1860, 2140); // 2000 +- 3.5 sigma
    v = good(&count, "{choice: [2, 4, 8], weights: [1, 0, 3]}");
    int two = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        double x = iml__value_draw(&v, 3, i, 9, 0);
        assert_true(x == 2 || x == 8);
        two += x == 2;
    }
    assert_in_range(two, 2350, 2650);
    v = good(&count, "{min: 5, max: 9, p: 0.3}");
    for (uint64_t i = 0; i < 10000; i++) fired += iml__value_draw(&v, 3, i, 9, 0) >= 5;
    assert_in_range(fired, 2840, 3160);
}

static void a_probability_moves_no_value(void **state)
{
    (void)state;
    iml__value always = good(&blur, "[1, 4]"), sometimes = always;
    sometimes.p = 0.5;
    for (uint64_t i = 0; i < 200; i++) {
        double x = iml__value_draw(&sometimes, 3, i, 9, 0);
        if (x != sometimes.neutral) assert_true(x == iml__value_draw(&always, 3, i, 9, 0));
    }
}

static void enumerations_take_names_lists_and_weights(void **state)
{
    (void)state;
    static const char *const names[] = {"none", "arc", "sine", NULL}, *const onoff[] = {"off", "on",
                                                                                        NULL};
    iml__choice v;
    assert_true(iml__choice_parse("curve", names, node("arc"), &talk, &v));
    assert_int_equal(iml__choice_draw(&v, 1, 2, 3, 0), 1);
    assert_true(iml__choice_parse("curve", names, node("{none: 2, arc: 1}"), &talk, &v));
    int arcs = 0;
    for (uint64_t i = 0; i < 9000; i++) arcs += iml__choice_draw(&v, 1, i, 3, 0) == 1;
    assert_in_range(arcs, 2840, 3160);
    assert_true(iml__choice_parse("curve", names, node("[arc, sine]"), &talk, &v));
    assert_true(v.weight[0] == 0 && v.weight[1] == 1 && v.weight[2] == 1);
    assert_true(iml__choice_parse("flag", onoff, node("true"), &talk, &v));
    assert_true(v.weight[1] == 1);
    assert_false(iml__choice_parse("curve", names, node("ark"), &talk, &v));
    assert_non_null(strstr(iml__str_text(&talk.text), "did you mean 'arc'"));
    assert_false(iml__choice_parse("curve", names, node("{arc: 0}"), &talk, &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read),
        cmocka_unit_test(wrong_values_are_told_with_their_place),
        cmocka_unit_test(older_fields_fill_the_same_value),
        cmocka_unit_test(distributions_pass_ks),
        cmocka_unit_test(johnk_has_the_mean_and_variance_of_beta),
        cmocka_unit_test(integers_are_even_and_choices_follow_their_weights),
        cmocka_unit_test(a_probability_moves_no_value),
        cmocka_unit_test(enumerations_take_names_lists_and_weights),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
