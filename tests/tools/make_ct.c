// make_ct.c: CT-like volumes with labels in an nnU-Net folder, from a seed: the sets of slice.md 6.
//
//     make_ct a OUT [SEED]    2 cases of 512 x 512 x 300
//     make_ct b OUT [SEED]    6 cases of 256 x 256 x 128
//     make_ct X,Y,Z,N OUT [SEED]
//
// -1024 outside the scanner's circle, air -1000, fat -100, body 45, lungs -850, spine 420, aorta
// 320 and 14 ellipsoids of 45 - 60 .. 45 + 180 HU; blurred by 0.8 pixels, with noise smoothed by
// 0.7 in the plane, of which 8 HU are left: gzip -6 gains 2.4 : 1 on set b, as on real scans.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "src/base/rng.h"
#include "tests/tools/nifti_make.h"

enum { BLOBS = 14, TAPS = 3, NOISE = 8 };

struct blob {
    double c[3], r[3], hu;
};

struct body {
    struct blob blob[BLOBS];
    double aorta[2], spine[2];
};

static void *get(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p) abort();
    return p;
}

static double between(iml_rng *g, double a, double b) { return a + (b - a) * iml_rng_unit(g); }

static struct body body_of(uint64_t seed, uint64_t index)
{
    iml_rng g = iml_rng_at(seed, index, iml_stream("make_ct.body"));
    struct body b;
    for (int k = 0; k < BLOBS; k++) {
        for (int i = 0; i < 3; i++)
            b.blob[k].c[i] = between(&g, -0.5, 0.5), b.blob[k].r[i] = between(&g, 0.05, 0.2);
        b.blob[k].hu = 45 + between(&g, -60, 180);
    }
    b.aorta[0] = between(&g, -0.05, 0.1), b.aorta[1] = between(&g, 0.1, 0.2);
    b.spine[0] = between(&g, -0.03, 0.03), b.spine[1] = between(&g, 0.33, 0.4);
    return b;
}

static double ell(double x, double y, double rx, double ry)
{
    return (x / rx) * (x / rx) + (y / ry) * (y / ry);
}

static double tissue(const struct body *b, double u, double v, double w, uint8_t *label)
{
    double hu = -1000;
    *label = 0;
    if (ell(u, v, 0.86, 0.66) > 1) return hu;
    hu = ell(u, v, 0.80, 0.60) > 1 ? -100 : 45;
    if (hu < 0) return hu;
    for (int k = 0; k < BLOBS; k++) {
        const struct blob *x = &b->blob[k];
        double d = ell(u - x->c[0], v - x->c[1], x->r[0], x->r[1]) +
                   (w - x->c[2]) * (w - x->c[2]) / (x->r[2] * x->r[2]);
        if (d < 1) hu = x->hu, *label = (uint8_t)(4 + k);
    }
    double lung = 0.42 * sqrt(fmax(0, 1 - (w - 0.2) * (w - 0.2) * 1.2));
    if (lung > 0.05 && (ell(u - 0.4, v + 0.05, lung * 0.75, lung) < 1 ||
                        ell(u + 0.4, v + 0.05, lung * 0.75, lung) < 1))
        hu = -850, *label = 3;
    if (ell(u - b->spine[0], v - b->spine[1], 0.10, 0.09) < 1) hu = 420, *label = 2;
    if (ell(u - b->aorta[0], v - b->aorta[1], 0.06, 0.06) < 1) hu = 320, *label = 1;
    return hu;
}

static void kernel(double sigma, float k[2 * TAPS + 1])
{
    double sum = 0;
    for (int i = -TAPS; i <= TAPS; i++) sum += exp(-i * i / (2 * sigma * sigma));
    for (int i = -TAPS; i <= TAPS; i++)
        k[i + TAPS] = (float)(exp(-i * i / (2 * sigma * sigma)) / sum);
}

static void smooth(float *p, float *tmp, int nx, int ny, const float *k)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int y = 0; y < ny; y++)
            for (int x = 0; x < nx; x++) {
                float s = 0;
                for (int i = -TAPS; i <= TAPS; i++) {
                    int a = pass ? y + i : x + i, n = pass ? ny : nx;
                    a = a < 0 ? 0 : a >= n ? n - 1 : a;
                    s += k[i + TAPS] * (pass ? p[a * nx + x] : p[y * nx + a]);
                }
                tmp[y * nx + x] = s;
            }
        memcpy(p, tmp, (size_t)nx * (size_t)ny * sizeof *p);
    }
}

static gzFile begin(const char *dir, const char *name, int nx, int ny, int nz, int type, int bits)
{
    char path[4096];
    uint8_t head[544];
    struct test_nifti t = test_nifti(1, type, bits, nx, ny, nz);
    const double affine[12] = {-0.8, 0, 0, 0.4 * nx, 0, -0.8, 0, 0.4 * ny, 0, 0, 1, 0};
    t.pixdim[1] = t.pixdim[2] = 0.8, t.pixdim[3] = 1;
    memcpy(t.sform, affine, sizeof affine);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    gzFile f = gzopen(path, "wb6");
    if (!f) abort();
    (void)gzwrite(f, head, (unsigned)test_nifti_head(&t, head));
    return f;
}

static void one_case(const char *out, uint64_t seed, int index, int nx, int ny, int nz)
{
    char name[64], dir[4096];
    struct body b = body_of(seed, (uint64_t)index);
    size_t n = (size_t)nx * (size_t)ny;
    float blur[2 * TAPS + 1], grain[2 * TAPS + 1],
        *hu = get(n * sizeof *hu), *noise = get(n * sizeof *noise), *tmp = get(n * sizeof *tmp);
    int16_t *voxel = get(n * sizeof *voxel);
    uint8_t *label = get(n);
    kernel(0.8, blur), kernel(0.7, grain);
    double power = 0; // what smoothing leaves of the noise
    for (int i = 0; i < 2 * TAPS + 1; i++)
        for (int k = 0; k < 2 * TAPS + 1; k++)
            power += (double)grain[i] * grain[k] * grain[i] * grain[k];
    (void)snprintf(dir, sizeof dir, "%s/imagesTr", out);
    (void)snprintf(name, sizeof name, "ct%02d_0000.nii.gz", index);
    gzFile image = begin(dir, name, nx, ny, nz, 4, 16);
    (void)snprintf(dir, sizeof dir, "%s/labelsTr", out);
    (void)snprintf(name, sizeof name, "ct%02d.nii.gz", index);
    gzFile seg = begin(dir, name, nx, ny, nz, 2, 8);
    for (int z = 0; z < nz; z++) {
        iml_rng g = iml_rng_at(seed, (uint64_t)(index * 100000 + z), iml_stream("make_ct.noise"));
        for (int y = 0; y < ny; y++)
            for (int x = 0; x < nx; x++) {
                double u = (2 * x + 1.0) / nx - 1, v = (2 * y + 1.0) / ny - 1,
                       w = (2 * z + 1.0) / nz - 1;
                hu[y * nx + x] = (float)tissue(&b, u, v, w, &label[y * nx + x]);
                noise[y * nx + x] = (float)(iml__rng_normal(&g) * NOISE / sqrt(power));
            }
        smooth(hu, tmp, nx, ny, blur);
        smooth(noise, tmp, nx, ny, grain);
        for (int y = 0; y < ny; y++)
            for (int x = 0; x < nx; x++) {
                double u = (2 * x + 1.0) / nx - 1, v = (2 * y + 1.0) / ny - 1;
                double h = floor((double)hu[y * nx + x] + (double)noise[y * nx + x] + 0.5);
                voxel[y * nx + x] =
                    u * u + v * v > 0.99 ? -1024 : (int16_t)fmax(-1024, fmin(3071, h));
            }
        (void)gzwrite(image, voxel, (unsigned)(n * 2));
        (void)gzwrite(seg, label, (unsigned)n);
    }
    if (gzclose(image) || gzclose(seg)) abort();
    free(hu), free(noise), free(tmp), free(voxel), free(label);
}

int main(int argc, char **argv)
{
    int nx = 512, ny = 512, nz = 300, count = 2;
    char dir[4096];
    if (argc < 3) return (void)fputs("usage: make_ct a|b|X,Y,Z,N OUT [SEED]\n", stderr), 2;
    if (!strcmp(argv[1], "b"))
        nx = ny = 256, nz = 128, count = 6;
    else if (strcmp(argv[1], "a") != 0 &&
             sscanf(argv[1], "%d,%d,%d,%d", &nx, &ny, &nz, &count) != 4)
        return 2;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    static const char *const sub[] = {"", "/imagesTr", "/labelsTr"};
    for (int k = 0; k < 3; k++) {
        (void)snprintf(dir, sizeof dir, "%s%s", argv[2], sub[k]);
        (void)mkdir(dir, 0777);
    }
    for (int k = 0; k < count; k++) one_case(argv[2], seed, k, nx, ny, nz);
    return 0;
}
