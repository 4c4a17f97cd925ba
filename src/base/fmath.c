// fmath.c: exp, log, powers and the normal distribution from + - * / sqrt alone.
//
// The same bits on every machine and compiler: no FMA (-ffp-contract=off), no libm beyond rint,
// floor and sqrt, every sum in the order written. Taylor series in Horner form instead of minimax
// polynomials: a few more terms, but each coefficient is a quotient that anyone can check. Bounds
// stand in ops.md 9; tests/unit/t_fmath.c measures them against MPFR and pins the bits. sin, cos
// and the arcs, which must be correctly rounded, are in fmath_arc.c.
#include "src/base/fmath.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LN2_HIGH 0x1.62e42fefa3800p-1 // 42 bits: times an exponent it is exact
#define LN2_LOW 0x1.ef35793c76730p-45
#define LOG2_E 0x1.71547652b82fep+0
#define SQRT_2PI 0x1.40d931ff62706p+1

static double of_bits(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static uint64_t bits_of(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

// v * 2^n for n in -2200..2200; two steps, so that only the last one can round.
static double scale(double v, int n)
{
    for (; n > 1023; n -= 1023) v *= 0x1p1023;
    // -969 and not -1022: what is still normal must not be rounded twice on its way down.
    for (; n < -1022; n += 969) v *= 0x1p-969;
    return v * of_bits((uint64_t)(n + 1023) << 52);
}

// e^r for |r| <= 0.35: 15 terms leave 0.35^15 / 15! < 2^-62.
static double exp_near(double r)
{
    static const double c[] = {
        1.0 / 87178291200, 1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
        1.0 / 362880,      1.0 / 40320,      1.0 / 5040,      1.0 / 720,      1.0 / 120,
        1.0 / 24,          1.0 / 6,          1.0 / 2};
    double p = c[0];
    for (int k = 1; k < 13; k++) p = p * r + c[k];
    return 1 + (r + r * r * p);
}

double iml__exp(double x)
{
    if (x != x) return x;
    if (x > 709.8) return INFINITY;
    if (x < -745.2) return 0;
    double n = rint(x * LOG2_E);
    return scale(exp_near((x - n * LN2_HIGH) - n * LN2_LOW), (int)n);
}

static double exp2_of(double t)
{
    if (t >= 1025) return INFINITY;
    if (t <= -1076) return 0;
    double n = rint(t);
    return scale(exp_near((t - n) * 0x1.62e42fefa39efp-1), (int)n);
}

// x = 2^k m with m in [sqrt 1/2, sqrt 2), x > 0 and finite.
static double split(double x, int *k)
{
    *k = 0;
    if (x < 0x1p-1022) x *= 0x1p54, *k = -54;
    uint64_t u = bits_of(x);
    *k += (int)(u >> 52) - 1023;
    double m = of_bits((u & 0xFFFFFFFFFFFFF) | (uint64_t)1023 << 52);
    if (m > 0x1.6a09e667f3bcdp+0) m *= 0.5, *k += 1;
    return m;
}

// log m = 2 atanh s, s = (m - 1)/(m + 1): |s| <= 0.172, 11 terms leave 2^-60 of it. m - 1 is exact,
// so the relative error stays small however near to 1.
static double log_near(double m)
{
    double s = (m - 1) / (m + 1), z = s * s, p = 1.0 / 23;
    for (int k = 21; k >= 3; k -= 2) p = p * z + 1.0 / k;
    return 2 * s + 2 * s * (z * p);
}

static double log_edge(double x) // 0, negative, infinite, NaN
{
    if (x == 0) return -INFINITY;
    return x > 0 ? x : (x - x) / (x - x);
}

double iml__ln(double x)
{
    if (!(x > 0 && x < INFINITY)) return log_edge(x);
    int k;
    double l = log_near(split(x, &k));
    return k * LN2_HIGH + (k * LN2_LOW + l);
}

double iml__log2(double x)
{
    if (!(x > 0 && x < INFINITY)) return log_edge(x);
    int k;
    double l = log_near(split(x, &k));
    return k + l * LOG2_E;
}

double iml__pow(double x, double y)
{
    if (y == 0 || x == 1) return 1;
    if (y == 1) return x;
    if (x == 0) return y > 0 ? 0 : y < 0 ? INFINITY : y;
    double l = iml__log2(x);
    // The last error of log2 times y at most 1075 is below 2^-41 of the result.
    return exp2_of(y * l);
}

// ---- The normal distribution

static double ratio(const double num[8], const double den[8], double r)
{
    double a = num[7], b = den[7];
    for (int k = 6; k >= 0; k--) a = a * r + num[k], b = b * r + den[k];
    return a / b;
}

// Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988), 477-484.
double iml__norm_inv(double p)
{
    static const double a[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                                1.9715909503065514427e+3, 1.3731693765509461125e+4,
                                4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                3.3430575583588128105e+4, 2.5090809287301226727e+3};
    static const double b[8] = {1.0,
                                4.2313330701600911252e+1,
                                6.8718700749205790830e+2,
                                5.3941960214247511077e+3,
                                2.1213794301586595867e+4,
                                3.9307895800092710610e+4,
                                2.8729085735721942674e+4,
                                5.2264952788528545610e+3};
    static const double c[8] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                5.76949722146069140550e0,  3.64784832476320460504e0,
                                1.27045825245236838258e0,  2.41780725177450611770e-1,
                                2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double d[8] = {1.0,
                                2.05319162663775882187e0,
                                1.67638483018380384940e0,
                                6.89767334985100004550e-1,
                                1.48103976427480074590e-1,
                                1.51986665636164571966e-2,
                                5.47593808499534494600e-4,
                                1.05075007164441684324e-9};
    static const double e[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                1.78482653991729133580e0,  2.96560571828504891230e-1,
                                2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double f[8] = {1.0,
                                5.99832206555887937690e-1,
                                1.36929880922735805310e-1,
                                1.48753612908506148525e-2,
                                7.86869131145613259100e-4,
                                1.84631831751005468180e-5,
                                1.42151175831644588870e-7,
                                2.04426310338993978564e-15};
    double q = p - 0.5;
    if (fabs(q) <= 0.425) return q * ratio(a, b, 0.180625 - q * q);
    double tail = q < 0 ? p : 1 - p;
    if (!(tail > 0)) return q < 0 ? -INFINITY : q > 0 ? INFINITY : q; // p outside (0, 1), or NaN
    double r = sqrt(-iml__ln(tail));
    double z = r <= 5 ? ratio(c, d, r - 1.6) : ratio(e, f, r - 5);
    return q < 0 ? -z : z;
}

// F(-x) for x >= 0. Below 4 Marsaglia's series 1/2 - phi (x + x^3/3 + x^5/15 + ...), J. Stat.
// Softw. 11 (2004); above, Laplace's continued fraction, whose 40 levels are far below 1e-16 there.
static double tail_of(double x)
{
    double density = iml__exp(-0.5 * x * x) / SQRT_2PI;
    if (x < 4) {
        double term = x, sum = x;
        for (int k = 3; k < 121; k += 2) {
            term = term * x / k * x;
            sum += term;
        }
        return 0.5 - density * sum;
    }
    double g = x;
    for (int k = 40; k >= 1; k--) g = x + k / g;
    return density / g;
}

double iml__norm_cdf(double x)
{
    if (x != x) return x;
    if (x < -39) return 0;
    if (x > 39) return 1;
    return x < 0 ? tail_of(-x) : 1 - tail_of(x);
}

double iml__hypot(double x, double y) { return sqrt(x * x + y * y); }
