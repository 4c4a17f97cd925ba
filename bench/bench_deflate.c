// bench_deflate.c: wdeflate against zlib 6 on the planes of volumes, as slice codes them.
//
// usage: bench_deflate [FILE.nii[.gz] ...]     without names: the volumes of ../shared/data/nifti
//
// A volume is cut along its first axis into planes of f32, z-scored and as they are, and of i16 if
// it holds whole numbers; a file below labelsTr into u8 labels (int16 ones as i16). Prints a JSON
// line a case and level: bytes and CPU speed in multiples of zlib 6's. A plane's time is the best
// of several, for other programs run too; every stream is inflated and compared.
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/io/gunzip.h"
#include "src/io/vfs.h"
#include "src/io/wdeflate.h"

enum { PLANES = 16, ROUNDS = 5, ZLIB_ROUNDS = 2 };

struct volume {
    const char *name;
    bool label;
    size_t n[3];
    int type; // NIfTI datatype
    float *v; // x fastest
};

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *get(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p) exit(2);
    return p;
}

static int16_t get16(const uint8_t *p) { return (int16_t)(p[0] | p[1] << 8); }

static float get_float(const uint8_t *p)
{
    float f;
    memcpy(&f, p, 4);
    return f;
}

// Little-endian NIfTI-1 of the common types: enough for a benchmark. False: not such a file.
static bool parse(struct volume *v, const uint8_t *p, size_t n)
{
    if (n < 352 || memcmp(p, "\x5C\x01\0\0", 4) != 0) return false;
    size_t at = (size_t)get_float(p + 108), bytes = (size_t)get16(p + 72) / 8, count = 1;
    float slope = get_float(p + 112), inter = get_float(p + 116);
    for (int k = 0; k < 3; k++) count *= v->n[k] = (size_t)get16(p + 42 + 2 * k);
    v->type = get16(p + 70);
    if (at > n || bytes == 0 || count > (n - at) / bytes) return false;
    if (!(slope > 0 || slope < 0)) slope = 1, inter = 0;
    v->v = get(count * sizeof *v->v);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *q = p + at + i * bytes;
        float x = v->type == 2 ? *q : v->type == 4 ? get16(q) : v->type == 16 ? get_float(q) : 0;
        v->v[i] = x * slope + inter;
    }
    return v->type == 2 || v->type == 4 || v->type == 16;
}

static void inflate_speed(const char *path, const uint8_t *p, size_t n, uint8_t *out, size_t cap)
{
    double whole = 1e9, stream = 1e9;
    for (int k = 0; k < ROUNDS; k++) {
        struct iml__gz_sum sum;
        struct iml__gzr *r;
        size_t got, all = 0;
        double t = cpu_s();
        if (iml__gunzip(path, p, n, out, cap, &sum, NULL)) exit(2);
        t = cpu_s() - t;
        whole = t < whole ? t : whole;
        t = cpu_s();
        if (iml__gzr_open_mem(&r, p, n, path, NULL)) exit(2);
        for (size_t piece = 1 << 20; all < cap; all += got) { // as a reader of planes does
            if (iml__gzr_read(r, out + all, IML_MIN(cap - all, piece), &got, NULL) || !got) exit(2);
        }
        if (iml__gzr_read(r, NULL, SIZE_MAX, &got, NULL) || got) exit(2);
        iml__gzr_close(&r);
        t = cpu_s() - t;
        stream = t < stream ? t : stream;
    }
    const char *base = strrchr(path, '/');
    printf("{\"case\": \"gunzip %s\", \"mb\": %.2f, \"whole_mb_s\": %.0f, \"stream_mb_s\": %.0f, "
           "\"stream\": \"%s\"}\n",
           base ? base + 1 : path, (double)cap * 1e-6, (double)cap / whole * 1e-6,
           (double)cap / stream * 1e-6, iml__gzr_library());
}

static bool load(struct volume *v, const char *path)
{
    char *file;
    size_t n;
    struct iml__gz_sum sum = {0};
    iml_err e = {0};
    const char *base = strrchr(path, '/');
    v->name = base ? base + 1 : path;
    v->label = strstr(path, "labelsTr") != NULL;
    if (iml__file_read_heap(AT_FDCWD, path, (uint64_t)1 << 32, &file, &n, &e)) return false;
    uint8_t *raw = (uint8_t *)file;
    if (iml__gz_is(raw, n)) {
        uint8_t head[352];
        (void)iml__gunzip(path, raw, n, head, sizeof head, &sum, &e);
        raw = get((size_t)sum.size);
        if (iml__gunzip(path, (uint8_t *)file, n, raw, (size_t)sum.size, &sum, &e)) exit(2);
        inflate_speed(path, (uint8_t *)file, n, raw, (size_t)sum.size);
        IML_FREE(file);
        n = (size_t)sum.size;
    }
    bool ok = parse(v, raw, n);
    if ((char *)raw == file)
        IML_FREE(file);
    else
        free(raw);
    return ok;
}

static void z_score(struct volume *v)
{
    size_t n = v->n[0] * v->n[1] * v->n[2], k = 0;
    double sum = 0, squares = 0;
    float least = v->v[0];
    for (size_t i = 0; i < n; i++) least = v->v[i] < least ? v->v[i] : least;
    for (size_t i = 0; i < n; i++)
        if (v->v[i] > least) sum += (double)v->v[i], k++;
    double mean = k ? sum / (double)k : 0;
    for (size_t i = 0; i < n; i++)
        if (v->v[i] > least) squares += ((double)v->v[i] - mean) * ((double)v->v[i] - mean);
    float m = (float)mean, s = (float)sqrt(k ? squares / (double)k : 1);
    for (size_t i = 0; i < n; i++) v->v[i] = (v->v[i] - m) / s;
}

// Plane x of axis 0: (y, z) in C order; of a label in Fortran order, as its file has it.
static void cut(const struct volume *v, size_t x, unsigned unit, uint8_t *out)
{
    for (size_t y = 0; y < v->n[1]; y++)
        for (size_t z = 0; z < v->n[2]; z++) {
            float f = v->v[x + v->n[0] * (y + v->n[1] * z)];
            size_t i = v->label ? z * v->n[1] + y : y * v->n[2] + z;
            if (unit == 4)
                memcpy(out + 4 * i, &f, 4);
            else if (unit == 2)
                memcpy(out + 2 * i, &(int16_t){(int16_t)f}, 2);
            else
                out[i] = (uint8_t)f;
        }
}

static size_t by_zlib(const uint8_t *p, size_t n, uint8_t *out, size_t cap, double *seconds)
{
    z_stream z = {0};
    *seconds = 1e9;
    if (deflateInit2(&z, 6, Z_DEFLATED, -15, 8, 0) != Z_OK) exit(2);
    for (int k = 0; k < ZLIB_ROUNDS; k++) {
        deflateReset(&z);
        z.next_in = (uint8_t *)(uintptr_t)p, z.avail_in = (unsigned)n;
        z.next_out = out, z.avail_out = (unsigned)cap;
        double t = cpu_s();
        if (deflate(&z, Z_FINISH) != Z_STREAM_END) exit(2);
        t = cpu_s() - t;
        if (t < *seconds) *seconds = t;
    }
    n = z.total_out;
    deflateEnd(&z);
    return n;
}

static size_t by_us(struct iml__wdeflate *c, const struct iml__wd_plane *in, uint8_t *out,
                    uint8_t *back, double *seconds)
{
    size_t n = 0;
    *seconds = 1e9;
    for (int k = 0; k < ROUNDS; k++) {
        double t = cpu_s();
        n = iml__wdeflate_whole(c, in, out);
        t = cpu_s() - t;
        if (t < *seconds) *seconds = t;
    }
    z_stream z = {.next_in = out, .avail_in = (unsigned)n};
    z.next_out = back, z.avail_out = (unsigned)in->n;
    if (inflateInit2(&z, -15) != Z_OK || inflate(&z, Z_FINISH) != Z_STREAM_END ||
        memcmp(back, in->p, in->n) != 0) {
        fprintf(stderr, "bench_deflate: a plane does not come back\n");
        exit(1);
    }
    inflateEnd(&z);
    return n;
}

static void measure(const struct volume *v, const char *form, unsigned unit)
{
    static const int levels[] = {1, 6, 9};
    size_t n = v->n[1] * v->n[2] * unit, planes = v->n[0] < PLANES ? v->n[0] : PLANES;
    size_t cap = iml__wdeflate_bound(n) + n / 100 + 1000, z_bytes = 0, bytes[3] = {0};
    double z_s = 0, s[3] = {0}, t;
    uint8_t *raw = get(n), *out = get(cap), *back = get(n);
    struct iml__wdeflate *c[3];
    for (int k = 0; k < 3; k++)
        if (!(c[k] = iml__wdeflate_new(levels[k]))) exit(2);
    for (size_t k = 0; k < planes; k++) {
        cut(v, k * v->n[0] / planes, unit, raw);
        const struct iml__wd_plane in = {raw, n, unit, v->label ? v->n[1] : 0};
        z_bytes += by_zlib(raw, n, out, cap, &t), z_s += t;
        for (int l = 0; l < 3; l++) bytes[l] += by_us(c[l], &in, out, back, &t), s[l] += t;
    }
    double mb = (double)(n * planes) * 1e-6;
    for (int l = 0; l < 3; l++)
        printf("{\"case\": \"%s %s\", \"level\": %d, \"plane_kb\": %.1f, \"zlib6_ratio\": %.2f, "
               "\"zlib6_mb_s\": %.1f, \"size_vs_zlib6\": %.4f, \"mb_s\": %.1f, "
               "\"times_zlib6\": %.1f}\n",
               v->name, form, levels[l], (double)n * 1e-3, (double)(n * planes) / (double)z_bytes,
               mb / z_s, (double)bytes[l] / (double)z_bytes, mb / s[l], z_s / s[l]);
    fflush(stdout);
    for (int k = 0; k < 3; k++) iml__wdeflate_free(&c[k]);
    free(raw), free(out), free(back);
}

static void run(const char *path)
{
    struct volume v = {0};
    if (!load(&v, path)) return;
    if (v.label) {
        measure(&v, "label", v.type == 2 ? 1 : 2);
    } else {
        measure(&v, "f32", 4);
        if (v.type == 4) measure(&v, "i16", 2);
        z_score(&v);
        measure(&v, "f32 z-scored", 4);
    }
    free(v.v);
}

int main(int argc, char **argv)
{
    glob_t g = {0};
    for (int k = 1; k < argc; k++) run(argv[k]);
    if (argc > 1) return 0;
    (void)glob("../shared/data/nifti/nnunet/*Tr/*.nii.gz", 0, NULL, &g);
    (void)glob("../shared/data/nifti/odd/*_u8*.nii.gz", GLOB_APPEND, NULL, &g);
    (void)glob("../shared/data/nifti/odd/fernando*.nii.gz", GLOB_APPEND, NULL, &g);
    for (size_t k = 0; k < g.gl_pathc; k++) run(g.gl_pathv[k]);
    if (!g.gl_pathc)
        fprintf(stderr, "bench_deflate: no volumes in ../shared/data/nifti; name some\n");
    globfree(&g);
    return 0;
}
