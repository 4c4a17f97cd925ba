// make_nifti.c: one small volume, sound or damaged in a named way.
//
//     make_nifti PATH.nii[.gz]|PATH.hdr [key=value ...]
//
// dim=6,5,4[,frames[,more]]  type=4  bits=16  version=1  big=1  slope=1  inter=0  offset=352
// zoom=1,1,1  sform=12 numbers|0  qform=b,c,d,x,y,z  magic=text  value=V (all voxels)  at=K:V (one)
// label=N (a box of label N, else 0)  short=N  long=N (bytes)  cut=N (of the gzip file)  flip=K (a
// byte of it)  behind=text (after it)  ext=N (bytes of a header extension)  raw=text (that alone)
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tests/tools/nifti_make.h"

enum { MOST = 1 << 22 };

static const char *value_of(int argc, char **argv, const char *key)
{
    size_t n = strlen(key);
    for (int k = argc - 1; k >= 2; k--) // the last one counts
        if (!strncmp(argv[k], key, n) && argv[k][n] == '=') return argv[k] + n + 1;
    return NULL;
}

static double number(int argc, char **argv, const char *key, double otherwise)
{
    const char *v = value_of(argc, argv, key);
    return v ? strtod(v, NULL) : otherwise;
}

static int numbers(const char *text, double *out, int most)
{
    int n = 0;
    while (text && *text && n < most) {
        char *end;
        out[n++] = strtod(text, &end);
        text = *end ? end + 1 : end;
    }
    return n;
}

static void put_voxel(uint8_t *p, int type, int bytes, bool big, double v)
{
    if (type == 16 || type == 64)
        test_put_real(p, 0, bytes, big, v);
    else
        test_put(p, 0, bytes, big, v < 0 ? (uint64_t)(int64_t)v : (uint64_t)v);
}

static int spill(const char *path, const uint8_t *p, size_t n, bool gz)
{
    if (gz) {
        gzFile f = gzopen(path, "wb6");
        return !f || gzwrite(f, p, (unsigned)n) != (int)n || gzclose(f) != Z_OK;
    }
    FILE *f = fopen(path, "wb");
    return !f || fwrite(p, 1, n, f) != n || fclose(f);
}

static int harm(const char *path, int argc, char **argv)
{
    static uint8_t p[MOST];
    const char *behind = value_of(argc, argv, "behind");
    FILE *f = fopen(path, "rb");
    if (!f) return 1;
    size_t n = fread(p, 1, sizeof p - 64, f);
    (void)fclose(f);
    n -= (size_t)number(argc, argv, "cut", 0);
    if (value_of(argc, argv, "flip")) {
        long at = (long)number(argc, argv, "flip", 0);
        p[at < 0 ? n - (size_t)-at : (size_t)at] ^= 0x10;
    }
    if (behind) memcpy(p + n, behind, strlen(behind)), n += strlen(behind);
    return spill(path, p, n, false);
}

int main(int argc, char **argv)
{
    static uint8_t file[MOST], copy[544];
    if (argc < 2) return (void)fputs("usage: make_nifti PATH [key=value ...]\n", stderr), 2;
    const char *path = argv[1], *raw = value_of(argc, argv, "raw"),
               *magic = value_of(argc, argv, "magic");
    size_t len = strlen(path);
    bool gz = len > 3 && !strcmp(path + len - 3, ".gz"), pair = strstr(path, ".hdr") != NULL;
    if (raw) return spill(path, (const uint8_t *)raw, strlen(raw), gz);
    double d[8] = {6, 5, 4}, zoom[3] = {1, 1, 1}, m[12];
    int nd = numbers(value_of(argc, argv, "dim"), d, 7);
    if (!nd) nd = 3;
    int type = (int)number(argc, argv, "type", 4), version = (int)number(argc, argv, "version", 1);
    int bytes = type == 2 || type == 256                 ? 1
                : type == 4 || type == 512               ? 2
                : type == 8 || type == 16 || type == 768 ? 4
                                                         : 8;
    struct test_nifti t =
        test_nifti(version, type, (int)number(argc, argv, "bits", 8 * bytes), 1, 1, 1);
    t.big = number(argc, argv, "big", 0) > 0, t.pair = pair, t.dim[0] = nd;
    size_t voxels = 1;
    for (int k = 0; k < nd; k++)
        t.dim[k + 1] = (int64_t)d[k], voxels *= d[k] > 0 ? (size_t)d[k] : 1;
    (void)numbers(value_of(argc, argv, "zoom"), zoom, 3);
    for (int k = 0; k < 3; k++) t.pixdim[k + 1] = zoom[k];
    const double base[12] = {-zoom[0], 0, 0, 0, 0, -zoom[1], 0, 0, 0, 0, zoom[2], 0};
    memcpy(t.sform, base, sizeof base);
    int nm = numbers(value_of(argc, argv, "sform"), m, 12);
    if (nm == 12)
        memcpy(t.sform, m, sizeof m);
    else if (nm == 1)
        t.sform_code = 0;
    if (numbers(value_of(argc, argv, "qform"), m, 6) == 6) {
        t.qform_code = 1;
        memcpy(t.quatern, m, sizeof t.quatern), memcpy(t.qoffset, m + 3, sizeof t.qoffset);
    }
    t.slope = number(argc, argv, "slope", 1), t.inter = number(argc, argv, "inter", 0);
    size_t ext = (size_t)number(argc, argv, "ext", 0), head = version == 2 ? 544 : 352;
    t.vox_offset = number(argc, argv, "offset", pair ? 0 : (double)(head + ext));
    (void)test_nifti_head(&t, copy);
    if (magic)
        memset(copy + 344, 0, 4), memcpy(copy + 344, magic, strlen(magic) < 4 ? strlen(magic) : 4);
    size_t at = pair ? 0 : head + ext;
    if (ext) copy[348] = 1, test_put(file, head, 4, t.big, ext);
    if (!pair) memcpy(file, copy, head);
    if (voxels * (size_t)bytes + at + 4096 > MOST) voxels = 1;
    int label = (int)number(argc, argv, "label", 0);
    for (size_t k = 0; k < voxels; k++) {
        size_t x = k % (size_t)(d[0] > 0 ? d[0] : 1),
               y = d[0] > 0 && d[1] > 0 ? k / (size_t)d[0] % (size_t)d[1] : 0;
        double v = number(argc, argv, "value", (double)((k * 37 + 11) % 200));
        if (label) v = x > 1 && y > 1 ? label : 0;
        put_voxel(file + at + k * (size_t)bytes, type, bytes, t.big, v);
    }
    const char *one = value_of(argc, argv, "at");
    if (one) {
        char *colon;
        size_t k = strtoull(one, &colon, 10);
        put_voxel(file + at + k * (size_t)bytes, type, bytes, t.big, strtod(colon + 1, NULL));
    }
    size_t n = at + voxels * (size_t)bytes - (size_t)number(argc, argv, "short", 0) +
               (size_t)number(argc, argv, "long", 0);
    if (pair) {
        char image[4096];
        if (spill(path, copy, 348, false)) return 1;
        if (value_of(argc, argv, "alone")) return 0;
        (void)snprintf(image, sizeof image, "%.*s.img", (int)(len - 4), path);
        return spill(image, file, n, false);
    }
    return spill(path, file, n, gz) || harm(path, argc, argv);
}
