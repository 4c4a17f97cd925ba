// affines.h: the random affines that the letters of axes are compared on, here and by nibabel.
#ifndef IML_TEST_AFFINES_H
#define IML_TEST_AFFINES_H

#include "imloom/imloom.h"

#define TEST_AFFINES_HASH UINT64_C(0xb7f7d92489cea59e)

// A rotation from a random quaternion (found by rejection), columns of 0.2..8 mm, shear to 0.2.
static inline void test_affine(uint32_t k, double m[12])
{
    iml_rng g = iml_rng_at(1, k, iml_stream("test.affine"));
    double q[4], n;
    do {
        n = 0;
        for (int i = 0; i < 4; i++) q[i] = 2 * iml_rng_unit(&g) - 1, n += q[i] * q[i];
    } while (n > 1 || n < 0.01);
    double a = q[0], b = q[1], c = q[2], d = q[3];
    double r[9] = {a * a + b * b - c * c - d * d, 2 * (b * c - a * d),
                   2 * (b * d + a * c),           2 * (b * c + a * d),
                   a * a + c * c - b * b - d * d, 2 * (c * d - a * b),
                   2 * (b * d - a * c),           2 * (c * d + a * b),
                   a * a + d * d - b * b - c * c};
    double shear[3], zoom[3];
    for (int i = 0; i < 3; i++) shear[i] = 0.4 * iml_rng_unit(&g) - 0.2;
    for (int i = 0; i < 3; i++) {
        zoom[i] = 0.2 + 7.8 * iml_rng_unit(&g);
        if (iml_rng_u32(&g) & 1) zoom[i] = -zoom[i];
    }
    for (int i = 0; i < 3; i++) {
        double x = r[3 * i] / n, y = r[3 * i + 1] / n, z = r[3 * i + 2] / n;
        m[4 * i] = x * zoom[0];
        m[4 * i + 1] = (y + shear[0] * x) * zoom[1];
        m[4 * i + 2] = (z + shear[1] * x + shear[2] * y) * zoom[2];
        m[4 * i + 3] = 400 * iml_rng_unit(&g) - 200;
    }
}

#endif
