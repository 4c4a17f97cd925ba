// t_fmath.c: fmath against MPFR; 10^5 arguments a function, 10^7 with IML_LONG=1.
#include "tests/unit/iml_test.h"

#include <math.h>
#include <mpfr.h>

#include "src/base/fmath.h"
#include "src/base/hash.h"
#include "src/base/rng.h"

static uint64_t rounds(uint64_t unit)
{
    const char *l = getenv("IML_LONG");
    return l && *l == '1' ? unit * 100 : unit;
}

static iml_rng rng_for(const char *name) { return iml_rng_at(20260701, 0, iml_stream(name)); }

static double between(iml_rng *r, double lo, double hi) { return lo + (hi - lo) * iml_rng_unit(r); }

// Of either sign, exponents evenly between two.
static double scaled(iml_rng *r, int from, int to)
{
    double m = 1 + iml_rng_unit(r);
    m = ldexp(m, from + (int)iml_rng_bounded(r, (uint64_t)(to - from)));
    return iml_rng_u32(r) & 1 ? -m : m;
}

static double nudged(iml_rng *r, double x) // a few last places to either side
{
    for (uint32_t n = iml_rng_u32(r) % 5; n; n--) x = nextafter(x, iml_rng_u32(r) & 1 ? 1e9 : -1e9);
    return x;
}

// What the specs' uses meet: small angles, whole circles, near multiples of pi/2, whole degrees.
static double angle_arg(iml_rng *r)
{
    switch (iml_rng_bounded(r, 5)) {
    case 0: return between(r, -7, 7);
    case 1: return between(r, -0x1p20, 0x1p20);
    case 2: return scaled(r, -40, 20);
    case 3: return nudged(r, (double)(int64_t)iml_rng_bounded(r, 667000) * (IML__PI / 2));
    default: return ((double)iml_rng_bounded(r, 7201) - 3600) / 10 * IML__DEG;
    }
}

static void must_equal(const char *name, double x, double y, double got, mpfr_t want)
{
    double w = mpfr_get_d(want, MPFR_RNDN);
    if (got != w) fail_msg("%s(%a, %a) = %a, should be %a", name, x, y, got, w);
}

static void sine_and_cosine_are_correctly_rounded(void **state)
{
    (void)state;
    iml_rng r = rng_for("sincos");
    mpfr_t x, w;
    mpfr_init2(x, 53), mpfr_init2(w, 53);
    for (uint64_t i = rounds(100000); i; i--) {
        double a = angle_arg(&r);
        mpfr_set_d(x, a, MPFR_RNDN);
        mpfr_sin(w, x, MPFR_RNDN);
        must_equal("sin", a, 0, iml__sin(a), w);
        mpfr_cos(w, x, MPFR_RNDN);
        must_equal("cos", a, 0, iml__cos(a), w);
    }
    mpfr_clear(x), mpfr_clear(w);
}

static void arcs_are_correctly_rounded(void **state)
{
    (void)state;
    iml_rng r = rng_for("arcs");
    mpfr_t x, y, w;
    mpfr_init2(x, 53), mpfr_init2(y, 53), mpfr_init2(w, 53);
    for (uint64_t i = rounds(100000); i; i--) {
        double a = i % 3 ? between(&r, -1, 1) : scaled(&r, -62, 0);
        if (i % 7 == 0) a = nudged(&r, i % 2 ? 1 - 0x1p-52 : -1 + 0x1p-50);
        if (fabs(a) > 1) a = 1 / a;
        mpfr_set_d(x, a, MPFR_RNDN);
        mpfr_acos(w, x, MPFR_RNDN);
        must_equal("acos", a, 0, iml__acos(a), w);

        double b, c; // pixels, whole and not, and far-away quotients
        switch (i % 4) {
        case 0: b = between(&r, -4000, 4000), c = between(&r, -4000, 4000); break;
        case 1:
            b = (double)iml_rng_bounded(&r, 801) - 400, c = (double)iml_rng_bounded(&r, 801) - 400;
            break;
        case 2: b = scaled(&r, -300, 300), c = scaled(&r, -300, 300); break;
        default: b = scaled(&r, -60, 60), c = scaled(&r, -60, 60); break;
        }
        mpfr_set_d(y, b, MPFR_RNDN), mpfr_set_d(x, c, MPFR_RNDN);
        mpfr_atan2(w, y, x, MPFR_RNDN);
        must_equal("atan2", b, c, iml__atan2(b, c), w);
        mpfr_atan(w, y, MPFR_RNDN);
        must_equal("atan", b, 0, iml__atan(b), w);
    }
    mpfr_clear(x), mpfr_clear(y), mpfr_clear(w);
}

// The largest relative error seen, in units of 1e-12 the spec allows 1.
static void note(double *worst, double got, mpfr_t want, mpfr_t tmp)
{
    mpfr_sub_d(tmp, want, got, MPFR_RNDN);
    if (!mpfr_zero_p(want)) mpfr_div(tmp, tmp, want, MPFR_RNDN);
    double d = fabs(mpfr_get_d(tmp, MPFR_RNDN));
    if (!(d <= *worst)) *worst = d;
}

static void powers_and_logarithms_are_within_1e_12(void **state)
{
    (void)state;
    iml_rng r = rng_for("explog");
    double worst[4] = {0};
    mpfr_t x, y, w, t;
    mpfr_init2(x, 53), mpfr_init2(y, 53), mpfr_init2(w, 100), mpfr_init2(t, 100);
    for (uint64_t i = rounds(100000); i; i--) {
        double a = i % 2 ? between(&r, -708, 709) : scaled(&r, -60, 9);
        mpfr_set_d(x, a, MPFR_RNDN);
        mpfr_exp(w, x, MPFR_RNDN);
        note(&worst[0], iml__exp(a), w, t);

        a = i % 3 == 0   ? fabs(scaled(&r, -1074, 1023))
            : i % 3 == 1 ? between(&r, 0.4, 2.5)
                         : 1 + scaled(&r, -52, -2);
        mpfr_set_d(x, a, MPFR_RNDN);
        mpfr_log(w, x, MPFR_RNDN);
        note(&worst[1], iml__ln(a), w, t);
        mpfr_log2(w, x, MPFR_RNDN);
        note(&worst[2], iml__log2(a), w, t);

        a = i % 2 ? between(&r, 0, 1) : fabs(scaled(&r, -200, 200));
        double p = between(&r, -1, 1) * fmin(100, 700 / (fabs(log(a)) + 1e-300));
        mpfr_set_d(x, a, MPFR_RNDN), mpfr_set_d(y, p, MPFR_RNDN);
        mpfr_pow(w, x, y, MPFR_RNDN);
        note(&worst[3], iml__pow(a, p), w, t);
    }
    mpfr_clear(x), mpfr_clear(y), mpfr_clear(w), mpfr_clear(t);
    print_message("worst relative error: exp %.2g, ln %.2g, log2 %.2g, pow %.2g\n", worst[0],
                  worst[1], worst[2], worst[3]);
    for (int k = 0; k < 4; k++) assert_true(worst[k] <= 1e-12);
}

static void powers_of_two_are_exact(void **state)
{
    (void)state;
    assert_true(iml__exp(0) == 1 && iml__ln(1) == 0 && iml__log2(1) == 0);
    for (int k = -1074; k <= 1023; k++) {
        double p = ldexp(1, k);
        assert_true(iml__log2(p) == k);
        assert_true(iml__pow(2, k) == p);
        if (k % 2 == 0) assert_true(iml__pow(p, 0.5) == ldexp(1, k / 2));
        assert_true(iml__pow(p, 1) == p && iml__pow(p, 0) == 1 && iml__pow(1, k) == 1);
    }
    assert_true(iml__pow(0, 2.2) == 0 && iml__pow(0, 0) == 1 && iml__pow(0, -1) == INFINITY);
    assert_true(iml__exp(710) == INFINITY && iml__exp(-746) == 0);
    assert_true(iml__pow(2, 1024) == INFINITY && iml__pow(2, -1080) == 0);
    assert_true(iml__ln(0) == -INFINITY && isnan(iml__ln(-1)) && iml__ln(INFINITY) == INFINITY);
    assert_true(isnan(iml__exp(NAN)) && isnan(iml__ln(NAN)) && isnan(iml__pow(NAN, 2)));
}

static void edges_are_those_of_c99(void **state)
{
    (void)state;
    static const double v[] = {0.0, -0.0, 1, -1, INFINITY, -INFINITY, 0x1p-1074, -0x1p-1074, 1e308};
    for (size_t i = 0; i < IML_COUNT_OF(v); i++)
        for (size_t k = 0; k < IML_COUNT_OF(v); k++) {
            double got = iml__atan2(v[i], v[k]), want = atan2(v[i], v[k]); // exact at these
            assert_memory_equal(&got, &want, sizeof got);
        }
    assert_true(iml__acos(1) == 0 && iml__acos(-1) == IML__PI && iml__acos(0) == IML__PI / 2);
    assert_true(isnan(iml__acos(1.0000000000000002)) && isnan(iml__acos(NAN)) &&
                isnan(iml__atan2(NAN, 1)));
    assert_true(signbit(iml__sin(-0.0)) && iml__sin(0) == 0 && iml__cos(0) == 1 &&
                isnan(iml__sin(NAN)));
    assert_true(iml__hypot(3, 4) == 5);
}

// F by MPFR: erfc(-x / sqrt 2) / 2.
static void cdf(mpfr_t out, mpfr_t x, mpfr_t tmp)
{
    mpfr_set_ui(tmp, 2, MPFR_RNDN);
    mpfr_sqrt(tmp, tmp, MPFR_RNDN);
    mpfr_div(tmp, x, tmp, MPFR_RNDN);
    mpfr_neg(tmp, tmp, MPFR_RNDN);
    mpfr_erfc(out, tmp, MPFR_RNDN);
    mpfr_div_2ui(out, out, 1, MPFR_RNDN);
}

// F^-1 is checked through F: the error of z is (F(z) - p) / density(z), to first order.
static void normal_distribution_is_within_1e_12(void **state)
{
    (void)state;
    iml_rng r = rng_for("normal");
    double worst[3] = {0};
    mpfr_t x, w, t;
    mpfr_init2(x, 53), mpfr_init2(w, 110), mpfr_init2(t, 110);
    for (uint64_t i = rounds(100000); i; i--) {
        double p = i % 2 ? iml_rng_unit(&r) : fabs(scaled(&r, -54, -1));
        if (i % 8 == 0) p = 1 - fabs(scaled(&r, -52, -1)) / 2;
        double z = iml__norm_inv(p);
        mpfr_set_d(x, z, MPFR_RNDN);
        cdf(w, x, t);
        mpfr_sub_d(t, w, p, MPFR_RNDN);
        double density = exp(-z * z / 2) / 2.5066282746310002;
        double err = fabs(mpfr_get_d(t, MPFR_RNDN) / density);
        if (!(err <= worst[0])) worst[0] = err;

        z = between(&r, -9, 9);
        mpfr_set_d(x, z, MPFR_RNDN);
        cdf(w, x, t);
        mpfr_sub_d(t, w, iml__norm_cdf(z), MPFR_RNDN);
        err = fabs(mpfr_get_d(t, MPFR_RNDN));
        if (!(err <= worst[1])) worst[1] = err;
    }
    mpfr_clear(x), mpfr_clear(w), mpfr_clear(t);
    print_message("worst absolute error: F^-1 %.2g, F %.2g\n", worst[0], worst[1]);
    assert_true(worst[0] <= 1e-12 && worst[1] <= 1e-12);
    assert_true(iml__norm_inv(0.5) == 0 && iml__norm_cdf(0) == 0.5);
    assert_true(iml__norm_inv(0) == -INFINITY && iml__norm_inv(1) == INFINITY);
    assert_true(iml__norm_cdf(-40) == 0 && iml__norm_cdf(40) == 1);
}

// A checksum of 20,000 results of each function: any compiler, any optimization, any machine.
static void bits_are_the_same_everywhere(void **state)
{
    (void)state;
    iml_rng r = rng_for("bits");
    static double out[11][20000];
    for (size_t i = 0; i < 20000; i++) {
        double a = angle_arg(&r), u = iml_rng_unit(&r), v = iml_rng_unit(&r);
        out[0][i] = iml__sin(a), out[1][i] = iml__cos(a), out[2][i] = iml__tan(a);
        out[3][i] = iml__acos(2 * u - 1), out[4][i] = iml__atan2(u - 0.5, v - 0.5);
        out[5][i] = iml__exp(a / 2000), out[6][i] = iml__ln(u), out[7][i] = iml__log2(u + v);
        out[8][i] = iml__pow(u, 5 * v), out[9][i] = iml__norm_inv(u),
        out[10][i] = iml__norm_cdf(8 * v - 4);
    }
    static const uint64_t want[11] = {0x91f5daebd2bbca52, 0x76dc4904b146f9bd, 0x8844ff63abbc7033,
                                      0x491656e1e901f9c8, 0x952eb0e2eb2f8ef1, 0x3efeb540e2d794eb,
                                      0x213c86f22867239d, 0x530a519e29fc9353, 0x3b33338cd8c122b5,
                                      0x45ff3aa7c495a080, 0xdca73e73491cf7c5};
    for (int k = 0; k < 11; k++) {
        uint64_t h = iml__xxh3(out[k], sizeof out[k]);
        if (h != want[k]) fail_msg("function %d: checksum 0x%016llx", k, (unsigned long long)h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sine_and_cosine_are_correctly_rounded),
        cmocka_unit_test(arcs_are_correctly_rounded),
        cmocka_unit_test(powers_and_logarithms_are_within_1e_12),
        cmocka_unit_test(powers_of_two_are_exact),
        cmocka_unit_test(edges_are_those_of_c99),
        cmocka_unit_test(normal_distribution_is_within_1e_12),
        cmocka_unit_test(bits_are_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
