// probe_slice.c: prints what slice's own methods give, for tests/oracle/slice_oracle.py to compare
// with nibabel, numpy and scikit-learn.
#include <stdio.h>
#include <string.h>

#include "src/base/str.h"
#include "src/slice/orient.h"
#include "src/slice/slice_split.h"
#include "tests/tools/affines.h"

static int axcodes(void)
{
    for (uint32_t k = 0; k < 5000; k++) {
        double m[12];
        iml_orient o;
        test_affine(k, m);
        if (iml_orient_from_affine(m, &o, NULL)) return 1;
        for (int i = 0; i < 12; i++) (void)printf("%.17g ", m[i]);
        (void)printf("%s\n", o.letters);
    }
    return 0;
}

static int draws(void)
{
    uint32_t p[50];
    for (uint32_t n = 1; n <= 50; n++) {
        static const uint32_t seeds[] = {42, 0, 12345, 4294967295u};
        for (size_t s = 0; s < 4; s++) {
            iml__numpy_permutation(seeds[s], n, p);
            (void)printf("perm %u %u", seeds[s], n);
            for (uint32_t i = 0; i < n; i++) (void)printf(" %u", p[i]);
            (void)puts("");
        }
        for (uint32_t k = 2; k <= 10 && k <= n; k++) {
            iml__kfold(12345, n, k, p);
            (void)printf("fold %u %u", k, n);
            for (uint32_t i = 0; i < n; i++) (void)printf(" %u", p[i]);
            (void)puts("");
        }
        struct iml__split_sizes z = iml__split_sizes(n, 0.8, 0.1);
        (void)printf("sizes %u %u %u\n", n, z.train, z.val);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "axcodes")) return axcodes();
    if (argc == 2 && !strcmp(argv[1], "draws")) return draws();
    (void)fputs("usage: probe_slice axcodes | draws\n", stderr);
    return 2;
}
