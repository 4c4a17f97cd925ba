// fmath.h: the functions that output paths use instead of libm's, the same bits on every machine
// (ops.md 9): double, fixed order, + - * / sqrt only, no FMA.
#ifndef IML_BASE_FMATH_H
#define IML_BASE_FMATH_H

// Correctly rounded, but for one argument in 2^44 or fewer (double-double; fmath_arc.c): sin and
// cos for |x| <= 2^20 (beyond, and for NaN: 0 or NaN), atan2's result >= 2^-1022.
double iml__sin(double x);
double iml__cos(double x);
double iml__acos(double x);
double iml__atan2(double y, double x);
double iml__tan(double x);  // sin / cos
double iml__atan(double x); // atan2(x, 1)

// Relative error <= 1e-12; exact at 0, 1 and integer powers of 2.
double iml__exp(double x);
double iml__ln(double x); // natural; iml__log is the logger
double iml__log2(double x);
double iml__pow(double x, double y); // x >= 0

// Normal distribution: F^-1 by AS 241 (Wichura 1988) with our log; absolute 1e-12.
double iml__norm_inv(double p); // p in (2^-54, 1 - 2^-54)
double iml__norm_cdf(double x);

double iml__hypot(double x, double y); // sqrt(x x + y y)

#define IML__PI 3.14159265358979323846
#define IML__DEG (IML__PI / 180)

#endif
