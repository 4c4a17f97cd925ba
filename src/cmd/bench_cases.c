// bench_cases.c: one setting for all: 24 Latin faces of DejaVu, Liberation, FreeFont and Noto, 10
// to 50 characters at 32 px, RGB, backgrounds of 1024 x 768.
//
// Words and faces decide a picture's width and height, so the padding (10 px and more to each side)
// is what a run sets to come to the stated mean of pixels; all else is fixed.
#include "src/cmd/bench_cases.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/codec/codec.h"
#include "src/io/atomic.h"
#include "src/synth/background.h"
#include "src/synth/corpus.h"

#define TYPICAL                                                                                    \
    "rotation_angle: [-5, 5], noise_amount: [0, 0.01], blur_radius: [0, 1], "                      \
    "brightness_factor: [0.9, 1.1], contrast_factor: [0.9, 1.1]"

const iml__bench_case iml__bench_cases[] = {
    {"plain", "", false, 552 * 120},
    {"typical", TYPICAL, true, 552 * 120},
    {"curved",
     "curve_type: {arc: 1, sine: 1}, arc_radius: [150, 400], arc_concave: false, sine_amplitude: "
     "[5, 15], "
     "sine_frequency: [0.01, 0.03]",
     true, 552 * 120},
    {"heavy",
     TYPICAL ", elastic_distortion_alpha: [10, 40], elastic_distortion_sigma: [4, 8], "
             "grid_distortion_steps: 4, grid_distortion_limit: [1, 4], "
             "optical_distortion_limit: [0, 0.2], perspective_warp_magnitude: [0, 0.2], "
             "drop_shadow_offset_x: 3, drop_shadow_offset_y: 3, drop_shadow_radius: [0, 3], "
             "block_shadow_offset_x: 5, block_shadow_offset_y: 5, block_shadow_radius: [0, 3], "
             "ink_bleed_radius: [0, 1], erosion_dilation_kernel: [1, 3], cutout_width: 20, "
             "cutout_height: 20",
     true, 552 * 120},
    {"lines", "lines: [3, 6]", true, 221 * 270},
};
const size_t iml__nbench_cases = IML_COUNT_OF(iml__bench_cases);

const iml__bench_case *iml__bench_case_find(const char *name)
{
    for (size_t k = 0; k < iml__nbench_cases; k++)
        if (!strcmp(name, iml__bench_cases[k].name)) return &iml__bench_cases[k];
    return NULL;
}

static const char *const faces_of[] = {
    "dejavu/DejaVuSans",
    "dejavu/DejaVuSans-Bold",
    "dejavu/DejaVuSansMono",
    "dejavu/DejaVuSansMono-Bold",
    "dejavu/DejaVuSerif",
    "dejavu/DejaVuSerif-Bold",
    "liberation/LiberationSans-Regular",
    "liberation/LiberationSans-Bold",
    "liberation/LiberationSerif-Regular",
    "liberation/LiberationSerif-Bold",
    "liberation/LiberationMono-Regular",
    "liberation/LiberationMono-Bold",
    "freefont/FreeSans",
    "freefont/FreeSansBold",
    "freefont/FreeSerif",
    "freefont/FreeSerifBold",
    "freefont/FreeMono",
    "freefont/FreeMonoBold",
    "noto/NotoSans-Regular",
    "noto/NotoSans-Bold",
    "noto/NotoSans-Italic",
    "noto/NotoSerif-Regular",
    "noto/NotoSerif-Bold",
    "noto/NotoSerif-Italic",
};

static bool face_path(size_t k, char path[128])
{
    (void)snprintf(path, 128, "/usr/share/fonts/truetype/%s.ttf", faces_of[k]);
    return access(path, R_OK) == 0;
}

iml_status iml__bench_config(const iml__bench_case *c, const char *dir, int font, double low,
                             double high, iml__str *out, iml_err *e)
{
    char path[128], lo[32], hi[32];
    iml__num_short(lo, low), iml__num_short(hi, high);
    iml__str_adds(out, "fonts:\n  paths:\n");
    for (size_t k = 0; k < IML_COUNT_OF(faces_of); k++)
        if (face_path(k, path)) iml__str_addf(out, "    - %s\n", path);
    iml__str_addf(out,
                  "backgrounds: {paths: ['%s/%s']}\n"
                  "specifications:\n"
                  "  - {name: %s, proportion: 1, text_direction: left_to_right, "
                  "corpora: ['builtin:latin'], text_length: [10, 50], font_size: %d, "
                  "padding: [%s, %s]%s%s}\n",
                  dir, c->textures ? "textures" : "white", c->name, font, lo, hi,
                  *c->keys ? ", " : "", c->keys);
    return out->failed ? IML_FAIL(e, out->failed, "no memory for a configuration") : IML_OK;
}

static iml_status write_picture(const char *dir, const char *name, const char *format,
                                const iml_image *m, iml_arena *a, iml_err *e)
{
    const iml__codec *c = iml__codec_by_name(format);
    iml__encode_opts o;
    char path[600];
    size_t n, cap;
    iml__encode_opts_default(&o);
    cap = c->bound(m, &o);
    uint8_t *bytes = iml_arena_alloc(a, cap);
    if (!bytes) return IML_FAIL(e, IML_ENOMEM, "no memory for a background");
    IML_TRY(c->encode(m, &o, a, bytes, cap, &n, e));
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return iml__file_write_path(path, bytes, n, IML_DURABILITY_PROCESS, e);
}

static iml_status backgrounds(const char *dir, iml_arena *a, iml_err *e)
{
    static const uint8_t white[3] = {255, 255, 255};
    iml_image m;
    IML_TRY(iml__image_new(a, 1024, 768, 3, IML__U8, &m, e));
    iml__image_fill(&m, white);
    IML_TRY(write_picture(dir, "white/white.png", "png", &m, a, e));
    for (int k = 0; k < 8; k++) {
        iml__render_bg bg = {.kind = (enum iml__bg_kind)(IML__BG_BUILTIN + k)};
        int32_t crop[4];
        double scale;
        char name[32];
        IML_TRY(iml__bg_draw(&bg, 1, (uint64_t)k, 1024, 768, 0, 0, &m, crop, &scale, a, e));
        (void)snprintf(name, sizeof name, "textures/t%d.jpg", k);
        IML_TRY(write_picture(dir, name, "jpeg", &m, a, e));
    }
    return IML_OK;
}

// Words of the built-in Latin corpus in lines of 10 to 50 characters, for tools that want lines.
static void lines_of_text(iml__str *out)
{
    const iml__builtin_corpus *c = iml__builtin_corpora;
    while (strcmp(c->name, "latin") != 0) c++;
    uint32_t x = 1, want = 30, have = 0;
    for (size_t i = 0; i < c->n;) {
        size_t n = 0;
        while (i + n < c->n && c->p[i + n] != ' ' && c->p[i + n] != '\n') n++;
        if (n) {
            if (have) iml__str_addc(out, ' ');
            iml__str_add(out, c->p + i, n);
            have += (uint32_t)n + (have > 0);
        }
        i += n + 1;
        if (have < want) continue;
        iml__str_addc(out, '\n');
        x = x * 1664525 + 1013904223;
        have = 0, want = 8 + (x >> 16) % 38; // the last word goes beyond
    }
    iml__str_addc(out, '\n');
}

iml_status iml__bench_prepare(const char *dir, size_t *faces, iml_err *e)
{
    iml_arena a;
    iml__str text;
    char path[600];
    iml__str_init(&text, (size_t)1 << 20);
    *faces = 0;
    IML_TRY(iml__arena_open(&a, (size_t)1 << 30, -1, e));
    iml_status st = backgrounds(dir, &a, e);
    iml__arena_close(&a);
    for (size_t k = 0; k < IML_COUNT_OF(faces_of); k++)
        if (face_path(k, path)) ++*faces, iml__str_addf(&text, "%s\n", path);
    if (!st && !*faces)
        st = IML_FAIL(e, IML_EARG,
                      "none of the 24 faces is installed; install fonts-dejavu-core "
                      "fonts-liberation fonts-freefont-ttf fonts-noto-core");
    (void)snprintf(path, sizeof path, "%s/faces.txt", dir);
    if (!st) st = iml__file_write_path(path, text.p, text.n, IML_DURABILITY_PROCESS, e);
    iml__str_clear(&text);
    lines_of_text(&text);
    (void)snprintf(path, sizeof path, "%s/text.txt", dir);
    if (!st) st = iml__file_write_path(path, text.p, text.n, IML_DURABILITY_PROCESS, e);
    if (!st && text.failed) st = IML_FAIL(e, text.failed, "no memory for a text");
    iml__str_free(&text);
    return st;
}
