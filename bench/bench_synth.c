// bench_synth.c: synth through the whole engine: what an image costs, and what each stage costs.
//
// bench_synth [CASE|all [IMAGES [DIR]]]: one worker in the calling thread, system fonts (DejaVu and
// Liberation), 1024x768 backgrounds made here. One JSON line a case: CPU seconds are the process's,
// so time spent waiting for the disk does not count, time spent in the kernel for it does.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/arena.h"
#include "src/base/cpu.h"
#include "src/base/json.h"
#include "src/codec/codec.h"
#include "src/io/atomic.h"
#include "src/synth/synth.h"

#define TYPICAL                                                                                    \
    "rotation_angle: [-5, 5], noise_amount: [0, 0.01], blur_radius: [0, 1], "                      \
    "brightness_factor: [0.9, 1.1], contrast_factor: [0.9, 1.1]"

static const struct bench {
    const char *name, *keys;
    bool textures, jpeg, tar;
    double must; // images a CPU second
} cases[] = {
    {"plain-files", "text_length: [20, 56]", false, false, false, 500},
    {"plain-tar", "text_length: [20, 56]", false, false, true, 0},
    {"plain-jpeg-tar", "text_length: [20, 56]", false, true, true, 700},
    {"typical-files", TYPICAL, true, false, false, 0},
    {"typical-jpeg-tar", TYPICAL, true, true, true, 700},
    {"curved-files",
     "curve_type: [arc, sine], arc_radius: [150, 400], sine_amplitude: [5, 15], sine_frequency: "
     "[0.01, 0.03]",
     true, false, false, 0},
    {"heavy-files",
     TYPICAL
     ", elastic_distortion_alpha: [10, 40], elastic_distortion_sigma: [4, 8], "
     "grid_distortion_steps: 4, grid_distortion_limit: [1, 4], optical_distortion_limit: [0, 0.2], "
     "perspective_warp_magnitude: [0, 0.2], drop_shadow_offset_x: 3, drop_shadow_offset_y: 3, "
     "drop_shadow_radius: [0, 3], "
     "ink_bleed_radius: [0, 1], erosion_dilation_kernel: [1, 3], cutout_width: 20, cutout_height: "
     "20",
     true, false, false, 0},
    {"lines-files", "lines: [3, 6], text_length: [30, 60]", true, false, false, 0},
};

static void die(const iml_err *e)
{
    (void)fprintf(stderr, "bench_synth: %s\n", e->msg);
    exit(1);
}

static void write_picture(const char *path, const char *format, const iml_image *m, iml_arena *a)
{
    iml_err e = {0};
    const iml__codec *c = iml__codec_by_name(format);
    iml__encode_opts o;
    size_t n, cap;
    iml__encode_opts_default(&o);
    cap = c->bound(m, &o);
    uint8_t *bytes = iml_arena_alloc(a, cap);
    if (!bytes || c->encode(m, &o, a, bytes, cap, &n, &e) ||
        iml__file_write_path(path, bytes, n, IML_DURABILITY_PROCESS, &e))
        die(&e);
}

static void make_backgrounds(const char *dir)
{
    iml_arena a;
    iml_err e = {0};
    char path[600];
    iml_image m;
    static const uint8_t white[3] = {255, 255, 255};
    if (iml__arena_open(&a, (size_t)1 << 30, -1, &e) ||
        iml__image_new(&a, 1024, 768, 3, IML__U8, &m, &e))
        die(&e);
    iml__image_fill(&m, white);
    (void)snprintf(path, sizeof path, "%s/white/white.png", dir);
    write_picture(path, "png", &m, &a);
    for (int k = 0; k < 8; k++) {
        iml__render_bg bg = {.kind = (enum iml__bg_kind)(IML__BG_BUILTIN + k)};
        int32_t crop[4];
        double scale;
        if (iml__bg_draw(&bg, 1, (uint64_t)k, 1024, 768, 0, 0, &m, crop, &scale, &a, &e)) die(&e);
        (void)snprintf(path, sizeof path, "%s/textures/t%d.jpg", dir, k);
        write_picture(path, "jpeg", &m, &a);
    }
    iml__arena_close(&a);
}

static void report(const struct bench *b, const iml__synth *s, const iml_report *r, double cpu)
{
    iml__str out;
    iml__jsonw w;
    iml__str_init(&out, 65536);
    iml__jsonw_init(&w, &out, 0);
    double n = (double)r->ok;
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "bench"), iml__jsonw_str(&w, "synth");
    iml__jsonw_key(&w, "case"), iml__jsonw_str(&w, b->name);
    iml__jsonw_key(&w, "simd"), iml__jsonw_str(&w, iml__simd_name(iml__cpu_simd()));
    iml__jsonw_key(&w, "images"), iml__jsonw_u64(&w, r->ok);
    iml__jsonw_key(&w, "bad"), iml__jsonw_u64(&w, r->bad);
    iml__jsonw_key(&w, "cpu_s"), iml__jsonw_fixed(&w, cpu, 3);
    iml__jsonw_key(&w, "ms_an_image"), iml__jsonw_fixed(&w, cpu / n * 1e3, 3);
    iml__jsonw_key(&w, "images_a_cpu_s"), iml__jsonw_fixed(&w, n / cpu, 0);
    if (b->must > 0) iml__jsonw_key(&w, "must"), iml__jsonw_fixed(&w, b->must, 0);
    iml__jsonw_key(&w, "bytes_an_image"), iml__jsonw_fixed(&w, (double)r->bytes / n, 0);
    iml__jsonw_key(&w, "peak_rss_mb"), iml__jsonw_fixed(&w, (double)r->peak_rss / 1048576, 0);
    iml__jsonw_key(&w, "stages_us"), iml__jsonw_object(&w);
    for (uint32_t k = 0; k < r->nstages; k++)
        if (r->stage[k].count)
            iml__jsonw_key(&w, r->stage[k].name), iml__jsonw_fixed(&w, r->stage[k].p50_us, 1);
    iml__jsonw_end(&w), iml__jsonw_end(&w);
    (void)s;
    (void)puts(iml__str_text(&out));
    (void)fflush(stdout);
    iml__str_free(&out);
}

// Mean pixels of the case's first items, so that figures are compared at equal size.
static double mean_pixels(const iml__synth *s)
{
    iml_arena a;
    iml_err e = {0};
    iml__synth_worker *w;
    double sum = 0;
    enum { N = 100 };
    if (iml__arena_open(&a, (size_t)1 << 31, -1, &e) || iml__synth_worker_new(s, &w, &e)) die(&e);
    for (uint64_t i = 0; i < N; i++) {
        iml__synth_item it;
        iml__arena_reset(&a);
        if (iml__synth_item_make(s, w, i, &a, NULL, &it, &e)) die(&e);
        sum += (double)it.out.image.w * it.out.image.h;
        iml__synth_item_done(s, &it);
    }
    iml__synth_worker_free(&w);
    iml__arena_close(&a);
    return sum / N;
}

static void run_case(const struct bench *b, uint64_t images, const char *dir, iml_ctx *ctx)
{
    char yaml[2048], out[600], back[600];
    iml_err e = {0};
    iml__synth *s;
    iml__complaints talk;
    static const char *const fonts[] = {"/usr/share/fonts/truetype/dejavu",
                                        "/usr/share/fonts/truetype/liberation"};
    const char *const backs[] = {back};
    (void)snprintf(yaml, sizeof yaml,
                   "specifications: [{name: bench, proportion: 1, text_direction: left_to_right, "
                   "corpora: ['builtin:latin'], %s}]\n",
                   b->keys);
    (void)snprintf(out, sizeof out, "%s/%s", dir, b->name);
    (void)snprintf(back, sizeof back, "%s/%s", dir, b->textures ? "textures" : "white");
    iml__synth_opts o = {.text = yaml,
                         .ntext = strlen(yaml),
                         .count = images,
                         .font_dirs = fonts,
                         .nfont_dirs = 2,
                         .background_dirs = backs,
                         .nbackground_dirs = 1,
                         .format = b->jpeg ? IML__FORMAT_JPEG : IML__FORMAT_PNG,
                         .colour = -1,
                         .container = b->tar ? IML__CONTAINER_TAR : IML__CONTAINER_DIR};
    iml__complaints_init(&talk);
    if (iml__synth_open(&o, &talk, &s, &e)) {
        (void)fputs(iml__str_text(&talk.text), stderr);
        die(&e);
    }
    iml_run_opts ro;
    iml_report r = {.size = sizeof r};
    iml_run_opts_default(&ro);
    ro.workers = 0, ro.mode = IML_MODE_THREAD, ro.durability = IML_DURABILITY_PROCESS;
    ro.out_dir = out, ro.flags = IML_RUN_OVERWRITE;
    (void)printf("{\"case\":\"%s\",\"mean_pixels\":%.0f}\n", b->name, mean_pixels(s));
    uint64_t t0 = iml__cpu_us();
    if (iml_run(ctx, &s->job, b->tar ? iml_sink_tar() : iml_sink_file(), &ro, &r, &e)) die(&e);
    report(b, s, &r, (double)(iml__cpu_us() - t0) * 1e-6);
    iml__synth_close(&s);
    iml__complaints_free(&talk);
}

int main(int argc, char **argv)
{
    const char *which = argc > 1 ? argv[1] : "all";
    uint64_t images = 1000;
    char dir[256];
    iml_err e = {0};
    iml_ctx *ctx;
    if (argc > 2 && !iml__parse_count(argv[2], &images)) return 1;
    (void)snprintf(dir, sizeof dir, "%s", argc > 3 ? argv[3] : "/tmp/imloom-bench-synth");
    if (iml_ctx_new(&ctx, &e)) die(&e);
    make_backgrounds(dir);
    for (size_t k = 0; k < IML_COUNT_OF(cases); k++)
        if (!strcmp(which, "all") || !strcmp(which, cases[k].name))
            run_case(&cases[k], images, dir, ctx);
    iml_ctx_free(&ctx);
    return 0;
}
