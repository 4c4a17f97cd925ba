// bench_kernel.c: what one picture of 552 x 120 RGB costs in each kernel and codec.
//
// Prints a JSON line a case: {"case", "simd", "ms", "gb_s"}: the best of several runs of CPU time,
// scalar, then with this machine's twins (IML_CPU set: only that). GB/s counts the picture's bytes
// once. usage: bench_kernel [CASE]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libdeflate.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/rng.h"
#include "src/codec/codec.h"
#include "src/image/compose.h"
#include "src/image/map.h"
#include "src/image/ops.h"
#include "src/image/resample.h"
#include "src/io/fdeflate.h"
#include "src/kernel/kernel.h"

enum { W = 552, H = 120 };

static iml_arena arena;
static iml_image plain, textured, noisy, mask, work;
static uint8_t *out;
static size_t cap, size;
static iml__map map;

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(iml_status st, const iml_err *e)
{
    if (st == IML_OK) return;
    fprintf(stderr, "bench_kernel: %s\n", e->msg);
    exit(2);
}

static iml__op op(enum iml__op_id id, double a, double b)
{
    iml__op o;
    iml__op_init(&o, id, 1, 2, "bench");
    o.v[0] = a;
    if (b != 0) o.v[1] = b;
    return o;
}

static void apply(enum iml__op_id id, double a, double b)
{
    iml_err e = {0};
    iml__op o = op(id, a, b);
    iml_image m = work;
    must(iml__op_apply(&o, &arena, &m, &e), &e);
}

static void run_warp(void)
{
    iml_err e = {0};
    iml_image r;
    must(iml__map_warp(&map, &arena, &textured, 0, 0, IML__EDGE_REFLECT, NULL, &r, &e), &e);
}

static void run_map(void)
{
    iml_err e = {0};
    iml__map m;
    iml__op a = op(IML__OP_ROTATE, 3, 0), b = op(IML__OP_PERSPECTIVE, 0.1, 0);
    iml__map_init(&m, W, H);
    must(iml__map_add(&m, &a, &e), &e);
    must(iml__map_add(&m, &b, &e), &e);
    must(iml__map_build(&m, &arena, &e), &e);
}

static void run_points(void)
{
    double x, y;
    for (int i = 0; i < 200; i++) iml__map_point(&map, 20 + 2.5 * i, 30 + i % 60, &x, &y);
}

static void run_encode(const char *codec, const iml_image *m, int level)
{
    iml_err e = {0};
    iml__encode_opts o;
    iml__encode_opts_default(&o);
    o.level = level;
    must(iml__codec_by_name(codec)->encode(m, &o, &arena, out, cap, &size, &e), &e);
}

static void run_blur1(void) { apply(IML__OP_BLUR, 0, 1); }
static void run_blur3(void) { apply(IML__OP_BLUR, 0, 3); }
static void run_noise(void) { apply(IML__OP_NOISE, IML__NOISE_GAUSS, 10); }
static void run_morph(void) { apply(IML__OP_MORPH, IML__MORPH_MIN, 3); }
static void run_contrast(void) { apply(IML__OP_CONTRAST, 1.1, 0); }
static void run_over(void)
{
    iml__over_colour(&work, 0, 0, &mask, (const uint8_t[]){20, 30, 60, 255});
}
static void run_png_plain(void) { run_encode("png", &plain, 1); }
static void run_png_textured(void) { run_encode("png", &textured, 1); }
static void run_png_noisy(void) { run_encode("png", &noisy, 1); }
static void run_jpeg(void) { run_encode("jpeg", &textured, 1); }

// Their filtered rows alone: our encoder and the one that it replaced, in one run.
enum { ROW = 3 * W + 1 };
static struct rows {
    const iml_image *m;
    uint8_t *raw;
} rows[] = {{&plain, NULL}, {&textured, NULL}, {&noisy, NULL}};
static void *own;
static struct libdeflate_compressor *theirs;

static void run_own(int k)
{
    size = iml__fdeflate_zlib(own, rows[k].raw, (size_t)ROW * H, ROW, out);
}
static void run_theirs(int k)
{
    size = libdeflate_zlib_compress(theirs, rows[k].raw, (size_t)ROW * H, out, cap);
}
static void run_own_plain(void) { run_own(0); }
static void run_own_textured(void) { run_own(1); }
static void run_own_noisy(void) { run_own(2); }
static void run_theirs_plain(void) { run_theirs(0); }
static void run_theirs_textured(void) { run_theirs(1); }
static void run_theirs_noisy(void) { run_theirs(2); }

static void make_rows(void)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    own = iml_arena_alloc(&arena, iml__fdeflate_scratch());
    theirs = libdeflate_alloc_compressor(1);
    if (!own || !theirs || !d) exit(2);
    for (size_t k = 0; k < IML_COUNT_OF(rows); k++) {
        rows[k].raw = iml_arena_alloc(&arena, (size_t)ROW * H);
        run_encode("png", rows[k].m, 1);
        if (!rows[k].raw || libdeflate_zlib_decompress(d, out + 41, size - 41 - 16, rows[k].raw,
                                                       (size_t)ROW * H, NULL))
            exit(2);
    }
    libdeflate_free_decompressor(d);
}

static void run_salt(void)
{
    iml_err e = {0};
    iml__op o = op(IML__OP_NOISE, IML__NOISE_SALT_PEPPER, 0);
    o.v[IML__NOISE_SHARE] = 0.01;
    iml_image m = work;
    must(iml__op_apply(&o, &arena, &m, &e), &e);
}

static void run_resize(void)
{
    iml_err e = {0};
    iml_image r;
    must(iml__resize(&textured, 320, 70, IML__FILTER_TRIANGLE, &arena, &r, &e), &e);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"map_build", run_map},
    {"map_200_points", run_points},
    {"warp", run_warp},
    {"blur_sigma_1", run_blur1},
    {"blur_sigma_3", run_blur3},
    {"noise_gauss", run_noise},
    {"salt_pepper_1%", run_salt},
    {"morph_3", run_morph},
    {"contrast", run_contrast},
    {"over_colour", run_over},
    {"resize_320", run_resize},
    {"png_1_plain", run_png_plain},
    {"png_1_textured", run_png_textured},
    {"png_1_noisy", run_png_noisy},
    {"deflate_plain", run_own_plain},
    {"deflate_plain_libdeflate_1", run_theirs_plain},
    {"deflate_textured", run_own_textured},
    {"deflate_textured_libdeflate_1", run_theirs_textured},
    {"deflate_noisy", run_own_noisy},
    {"deflate_noisy_libdeflate_1", run_theirs_noisy},
    {"jpeg_90", run_jpeg},
};

static void make_pictures(void)
{
    iml_err e = {0};
    iml_image *all[] = {&plain, &textured, &noisy, &work};
    for (size_t i = 0; i < 4; i++) must(iml__image_new(&arena, W, H, 3, IML__U8, all[i], &e), &e);
    must(iml__image_new(&arena, W, H, 1, IML__U8, &mask, &e), &e);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            // Strokes 3 px wide, soft at their sides, in the middle third: like a line of text.
            int d = abs((x * 5 + y * 2) % 55 - 20),
                ink = y > 40 && y < 80 && d < 12 ? 255 - d * 21 : 0;
            iml__image_row(&mask, y)[x] = (uint8_t)ink;
            for (int c = 0; c < 3; c++) {
                iml__image_row(&plain, y)[3 * x + c] = (uint8_t)(255 - ink);
                uint32_t word;
                iml__rng_field(7, 0, 1, (uint64_t)((y / 2 * W + x / 2) * 3 + c), &word, 1);
                iml__image_row(&textured, y)[3 * x + c] =
                    (uint8_t)(200 - x / 8 - ink / 2 + (int)(word >> 27));
            }
        }
    iml__blur_gauss(0.8, &arena, &textured, &e);
    must(iml__image_copy(&arena, &textured, &noisy, &e), &e);
    iml__op o = op(IML__OP_NOISE, IML__NOISE_GAUSS, 6);
    must(iml__op_apply(&o, &arena, &noisy, &e), &e);
    iml__encode_opts eo;
    iml__encode_opts_default(&eo);
    cap = IML_MAX(iml__codec_by_name("png")->bound(&plain, &eo),
                  iml__codec_by_name("jpeg")->bound(&plain, &eo));
    out = iml_arena_alloc(&arena, cap);
    if (!out) exit(2);
    make_rows();
    iml__op a = op(IML__OP_ROTATE, 3, 0), b = op(IML__OP_PERSPECTIVE, 0.1, 0);
    a.v[IML__ROTATE_BORDER] = IML__ROTATE_KEEP;
    iml__map_init(&map, W, H);
    must(iml__map_add(&map, &a, &e), &e);
    must(iml__map_add(&map, &b, &e), &e);
    must(iml__map_build(&map, &arena, &e), &e);
}

static void measure(size_t c)
{
    double best = 1e9, begin = cpu_s();
    size = 0;
    for (int round = 0; round < 200 && (round < 5 || cpu_s() - begin < 0.3); round++) {
        memcpy(work.px, textured.px, work.stride * H);
        size_t mark = iml__arena_mark(&arena);
        double t = cpu_s();
        cases[c].run();
        t = cpu_s() - t;
        iml__arena_release(&arena, mark);
        if (t < best) best = t;
    }
    printf("{\"case\": \"%s\", \"simd\": \"%s\", \"ms\": %.4f, \"gb_s\": %.3f", cases[c].name,
           iml__simd_name(iml__cpu_simd()), best * 1e3, W * H * 3 / best * 1e-9);
    if (size) printf(", \"bytes\": %zu", size);
    printf("}\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    // The SIMD level is settled once a process, so the scalar half is a process of its own.
    if (!getenv("IML_CPU")) {
        pid_t child = fork();
        if (child == 0)
            setenv("IML_CPU", "scalar", 1);
        else if (child < 0 || waitpid(child, NULL, 0) < 0)
            return 2;
    }
    iml_err e = {0};
    must(iml__arena_open(&arena, 0, -1, &e), &e);
    make_pictures();
    for (size_t c = 0; c < IML_COUNT_OF(cases); c++)
        if (argc < 2 || !strcmp(argv[1], cases[c].name)) measure(c);
    iml__arena_close(&arena);
    return 0;
}
