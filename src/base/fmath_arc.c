// fmath_arc.c: sin, cos, acos and atan2, correctly rounded, from + - * / sqrt without FMA.
//
// All is computed in double-double (an unevaluated sum h + l of two doubles, |l| <= ulp(h)/2;
// Dekker 1971, Knuth's two-sum) to a relative error below 2^-98, and h is the answer. That is the
// right rounding unless the true value lies within 2^-98 of a rounding boundary: by chance once in
// 2^44 arguments; tests/unit/t_fmath.c finds none in 10^7 of each function. A second, wider stage
// behind a check was rejected: it would never run and so never be tested. Results below 2^-1022 are
// not covered. Feed's polygons need this rounding (feed.md 4.5); it also makes every faithful
// libm's result ours or a neighbour.
#include "src/base/fmath.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct dd { // h + l
    double h, l;
} dd;

static const dd pi = {0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53};
static const dd half_pi = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54};

// ---- Double-double

static inline dd fast_two_sum(double a, double b) // |a| >= |b|
{
    double s = a + b;
    return (dd){s, b - (s - a)};
}

static inline dd two_sum(double a, double b)
{
    double s = a + b, t = s - a;
    return (dd){s, (a - (s - t)) + (b - t)};
}

// Exact for products above 2^-960; Veltkamp's split, since FMA is not everywhere.
static inline dd two_prod(double a, double b)
{
    double p = a * b, ta = 134217729 * a, tb = 134217729 * b;
    double ah = ta - (ta - a), al = a - ah, bh = tb - (tb - b), bl = b - bh;
    return (dd){p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

static inline dd add(dd a, dd b)
{
    dd s = two_sum(a.h, b.h), t = two_sum(a.l, b.l);
    s = fast_two_sum(s.h, s.l + t.h);
    return fast_two_sum(s.h, s.l + t.l);
}

static inline dd neg(dd a) { return (dd){-a.h, -a.l}; }

static inline dd mul(dd a, dd b)
{
    dd p = two_prod(a.h, b.h);
    return fast_two_sum(p.h, p.l + (a.h * b.l + a.l * b.h));
}

static dd root(dd a)
{
    double s = sqrt(a.h);
    dd square = two_prod(s, s), rest = add(a, neg(square));
    return fast_two_sum(s, rest.h / (2 * s));
}

// ---- sin and cos

// (-1)^(k div 2) / k!, odd k from 3 and even k from 2.
static const dd sin_c[] = {{-0x1.5555555555555p-3, -0x1.5555555555555p-57},
                           {0x1.1111111111111p-7, 0x1.1111111111111p-63},
                           {-0x1.a01a01a01a01ap-13, -0x1.a01a01a01a01ap-73},
                           {0x1.71de3a556c734p-19, -0x1.c154f8ddc6c00p-73},
                           {-0x1.ae64567f544e4p-26, 0x1.c062e06d1f209p-80},
                           {0x1.6124613a86d09p-33, 0x1.f28e0cc748ebep-87},
                           {-0x1.ae7f3e733b81fp-41, -0x1.1d8656b0ee8cbp-97},
                           {0x1.952c77030ad4ap-49, 0x1.ac981465ddc6cp-103}};
static const dd cos_c[] = {{-0x1.0000000000000p-1, 0},
                           {0x1.5555555555555p-5, 0x1.5555555555555p-59},
                           {-0x1.6c16c16c16c17p-10, 0x1.f49f49f49f49fp-65},
                           {0x1.a01a01a01a01ap-16, 0x1.a01a01a01a01ap-76},
                           {-0x1.27e4fb7789f5cp-22, -0x1.cbbc05b4fa99ap-76},
                           {0x1.1eed8eff8d898p-29, -0x1.2aec959e14c06p-83},
                           {-0x1.93974a8c07c9dp-37, -0x1.05d6f8a2efd1fp-92},
                           {0x1.ae7f3e733b81fp-45, 0x1.1d8656b0ee8cbp-101},
                           {-0x1.6827863b97d97p-53, -0x1.eec01221a8b0bp-107}};

// |r| <= pi/4 (and a little). What the terms from r^19 and r^20 on add is below 2^-57 of the sum,
// so doubles do for them.
static dd sin_near(dd r)
{
    dd z = mul(r, r), s;
    double p = -0x1.2f49b46814157p-57 + z.h * (0x1.71b8ef6dcf572p-66 - z.h * 0x1.761b41316381ap-75);
    s = (dd){p, 0};
    for (int k = 7; k >= 0; k--) s = add(sin_c[k], mul(s, z));
    return add(r, mul(mul(r, z), s));
}

static dd cos_near(dd r)
{
    dd z = mul(r, r), s;
    double p = 0x1.e542ba4020225p-62 + z.h * (-0x1.0ce396db7f853p-70 + z.h * 0x1.f2cf01972f578p-80);
    s = (dd){p, 0};
    for (int k = 8; k >= 0; k--) s = add(cos_c[k], mul(s, z));
    return add((dd){1, 0}, mul(z, s));
}

// x - k pi/2 for the nearest k. Three parts of pi/2 have 33 bits, so that k < 2^20 times each is
// exact; the fourth ends at 2^-157. Returns k mod 4.
static unsigned reduce(double x, dd *r)
{
    if (fabs(x) <= 0x1.921fb54442d18p-1) {
        *r = (dd){x, 0};
        return 0;
    }
    double k = rint(x * 0x1.45f306dc9c883p-1);
    dd t = two_sum(x, -k * 0x1.921fb54400000p+0);
    double s[5] = {t.h, t.l, -k * 0x1.0b4611a600000p-34, -k * 0x1.3198a2e000000p-69,
                   -k * 0x1.b839a252049c1p-104};
    // Each sweep moves the sum one place further to the front, exactly; x near a multiple of pi/2
    // cancels the first places.
    for (int sweep = 0; sweep < 4; sweep++) {
        for (int i = 3; i >= 0; i--) {
            dd u = two_sum(s[i], s[i + 1]);
            s[i] = u.h, s[i + 1] = u.l;
        }
    }
    *r = two_sum(s[0], s[1] + s[2]);
    return (unsigned)((int64_t)k & 3);
}

static double quadrant(unsigned q, dd r)
{
    dd v = q & 1 ? cos_near(r) : sin_near(r);
    return q & 2 ? -v.h : v.h;
}

double iml__sin(double x)
{
    // Below 2^-26, x^3/6 is less than a quarter of x's last place, and this keeps -0.
    if (fabs(x) < 0x1p-26) return x;
    if (!(fabs(x) <= 0x1p20)) return x - x; // see fmath.h
    dd r;
    unsigned q = reduce(x, &r);
    return quadrant(q, r);
}

double iml__cos(double x)
{
    if (fabs(x) < 0x1p-27) return 1;
    if (!(fabs(x) <= 0x1p20)) return x - x;
    dd r;
    unsigned q = reduce(x, &r);
    return quadrant(q + 1, r);
}

double iml__tan(double x) { return iml__sin(x) / iml__cos(x); }

// ---- Arcs

// atan t for 0 <= t <= 1 to a few last places: Taylor up to tan(pi/8), above it from pi/4 down.
static double atan_rough(double t)
{
    double from = 0;
    if (t > 0.41421356237309503) {
        from = 0x1.921fb54442d18p-1;
        t = (t - 1) / (t + 1);
    }
    double z = t * t, p = 1.0 / 41;
    for (int k = 39; k >= 3; k -= 2) p = 1.0 / k - z * p;
    return from + (t - t * (z * p));
}

// Angle of (x, y), x and y >= 0, not both 0, their quotient within 2^+-101. One Newton step from a
// rough angle a: tan(angle - a) = (y cos a - x sin a) / (x cos a + y sin a), and that angle is so
// small (2^-50) that it is its own tangent.
static dd angle(dd y, dd x)
{
    bool swap = y.h > x.h;
    if (swap) {
        dd t = x;
        x = y, y = t;
    }
    double a = atan_rough(y.h / x.h);
    dd s = sin_near((dd){a, 0}), c = cos_near((dd){a, 0});
    dd rest = add(mul(y, c), neg(mul(x, s)));
    dd v = fast_two_sum(a, rest.h / (x.h * c.h + y.h * s.h));
    return swap ? add(half_pi, neg(v)) : v;
}

double iml__acos(double x)
{
    double m = fabs(x);
    if (!(m <= 1)) return (x - x) / (x - x);
    if (m < 0x1p-60) return half_pi.h;
    if (m == 1) return x > 0 ? 0 : pi.h;
    dd v = angle(root(mul(two_sum(1, -m), two_sum(1, m))), (dd){m, 0});
    return x > 0 ? v.h : add(pi, neg(v)).h;
}

static int exponent(double x) // of a finite x > 0: 2^e <= x
{
    uint64_t u;
    int least = 0;
    if (x < 0x1p-1022) x *= 0x1p54, least = -54;
    memcpy(&u, &x, sizeof u);
    return (int)(u >> 52) - 1023 + least;
}

static double times_power(double x, int n) // exact here: nothing becomes subnormal
{
    for (; n > 1000; n -= 1000) x *= 0x1p1000;
    for (; n < -1000; n += 1000) x *= 0x1p-1000;
    uint64_t u = (uint64_t)(n + 1023) << 52;
    double p;
    memcpy(&p, &u, sizeof p);
    return x * p;
}

static double first_quadrant(double y, double x, bool left) // left: mirrored at the y axis
{
    if (y == 0) return left ? pi.h : 0;
    if (x == 0) return half_pi.h;
    if (y == INFINITY && x == INFINITY) return left ? 0x1.2d97c7f3321d2p+1 : 0x1.921fb54442d18p-1;
    if (y == INFINITY) return half_pi.h;
    if (x == INFINITY) return left ? pi.h : 0;
    int ey = exponent(y), ex = exponent(x);
    if (ey - ex > 100) return half_pi.h;
    // Here atan q = q (1 - q^2/3) with q < 2^-99, and no quotient of doubles is that near to a
    // rounding boundary without standing on it.
    if (ey - ex < -100) return left ? pi.h : y / x;
    int e = ey > ex ? ey : ex;
    dd v = angle((dd){times_power(y, -e), 0}, (dd){times_power(x, -e), 0});
    return left ? add(pi, neg(v)).h : v.h;
}

double iml__atan2(double y, double x)
{
    if (x != x || y != y) return x + y;
    double v = first_quadrant(fabs(y), fabs(x), signbit(x));
    return signbit(y) ? -v : v;
}

double iml__atan(double x) { return iml__atan2(x, 1); }
