// Microseconds a picture of 552x120 with a line of text, by what is done to it, and of each
// background alone; CPU time, the best of several rounds. One JSON line a case. `rotation` and the
// other single stages stand on a cut of a 1024x768 picture, as most data sets do.
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "src/base/arena.h"
#include "src/synth/render.h"

enum { W = 552, H = 120, BG_W = 1024, BG_H = 768, ROUNDS = 12, TIMES = 40 };
static const char font[] = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static const iml__bg_picture *photo;

static void picture(iml__render_params *p)
{
    p->bg.kind = IML__BG_IMAGE, p->bg.picture = photo, p->bg.mode = IML__BG_CROP_RANDOM;
    p->bg.u[0] = 0.3, p->bg.u[1] = 0.6;
}
static void plain(iml__render_params *p) { (void)p; }
static void mask(iml__render_params *p) { p->mask = true; }
static void on_picture(iml__render_params *p) { picture(p); }
static void rotation(iml__render_params *p) { picture(p), p->rotation = 3; }
static void noise(iml__render_params *p) { picture(p), p->noise_amount = 0.005; }
static void gaussian(iml__render_params *p) { picture(p), p->gaussian_noise = 8; }
static void blur(iml__render_params *p) { picture(p), p->blur = 0.5; }
static void tone(iml__render_params *p) { picture(p), p->brightness = 0.95, p->contrast = 1.05; }
static void typical(iml__render_params *p)
{
    picture(p), p->rotation = 3, p->noise_amount = 0.005, p->blur = 0.5;
    p->brightness = 0.95, p->contrast = 1.05;
}
static void typical_white(iml__render_params *p) { typical(p), p->bg.kind = IML__BG_COLOUR; }
static void perspective(iml__render_params *p) { picture(p), p->perspective = 0.1; }
static void elastic(iml__render_params *p)
{
    picture(p), p->elastic_alpha = 60, p->elastic_sigma = 8;
}
static void shadow(iml__render_params *p)
{
    picture(p), p->drop = (iml__render_shadow){3, 3, 2, {0, 0, 0, 128}};
}
static void gradient_ink(iml__render_params *p)
{
    static const uint8_t rgb[6] = {200, 0, 0, 0, 0, 200};
    static const iml__ink ink = {IML__INK_GRADIENT, 2, rgb};
    picture(p), p->ink = &ink;
}
static void morph(iml__render_params *p) { picture(p), p->morph_k = 3; }

static const struct {
    const char *name;
    void (*set)(iml__render_params *);
} cases[] = {{"plain", plain},
             {"mask", mask},
             {"picture", on_picture},
             {"rotation", rotation},
             {"perspective", perspective},
             {"elastic", elastic},
             {"noise", noise},
             {"gaussian", gaussian},
             {"blur", blur},
             {"tone", tone},
             {"shadow", shadow},
             {"gradient_ink", gradient_ink},
             {"morph", morph},
             {"typical_white", typical_white},
             {"typical", typical}};

static int run(const char *name, const iml__render_params *p, const iml__lay_block *b, iml_arena *a)
{
    double best = 1e30;
    iml__render_out o = {.image = {.w = 0}};
    size_t mark = iml__arena_mark(a), used = 0;
    for (int r = 0; r < ROUNDS; r++) {
        double t = now_us();
        for (int k = 0; k < TIMES; k++) {
            iml__arena_release(a, mark);
            if (iml__render(p, b, a, &o, NULL)) return 1;
            used = a->used - mark;
        }
        t = (now_us() - t) / TIMES;
        if (t < best) best = t;
    }
    printf("{\"bench\":\"render\",\"case\":\"%s\",\"us\":%.1f,\"w\":%d,\"h\":%d,\"arena\":%zu}\n",
           name, best, (int)o.image.w, (int)o.image.h, used);
    iml__arena_release(a, mark);
    return 0;
}

static int backgrounds(iml_arena *a)
{
    for (int kind = IML__BG_COLOUR; kind < IML__BG_KINDS; kind++) {
        iml__render_bg bg = {.kind = (enum iml__bg_kind)kind, .picture = photo};
        int32_t crop[4];
        double best = 1e30, scale;
        for (int r = 0; r < ROUNDS * TIMES; r++) {
            size_t mark = iml__arena_mark(a);
            iml_image m;
            double t = now_us();
            if (iml__image_new(a, W, H, 3, IML__U8, &m, NULL) ||
                iml__bg_draw(&bg, 1, (uint64_t)(r % 8), W, H, 0, 0, &m, crop, &scale, a, NULL))
                return 1;
            t = now_us() - t;
            if (t < best) best = t;
            iml__arena_release(a, mark);
        }
        printf("{\"bench\":\"background\",\"case\":\"%s\",\"us\":%.1f}\n",
               iml__bg_kind_name((enum iml__bg_kind)kind), best);
    }
    return 0;
}

static int all(iml__setter *s, iml_arena *a)
{
    iml__face_spec spec = {.path = font, .size = 32};
    iml__face *face;
    iml__lay_opt o;
    iml__lay_block b;
    iml_image m;
    static const char text[] = "The quick brown fox, 12.50 on.";
    iml__lay_opt_default(&o);
    o.faces = &face, o.nfaces = 1, o.lines = 1;
    if (iml__setter_face(s, &spec, &face, NULL) ||
        iml__lay_text(s, &b, text, strlen(text), &o, a, NULL) || b.problem ||
        iml__image_new(a, BG_W, BG_H, 3, IML__U8, &m, NULL))
        return 1;
    for (int32_t y = 0; y < BG_H; y++)
        for (int32_t x = 0; x < 3 * BG_W; x++)
            iml__image_row(&m, y)[x] = (uint8_t)(128 + (x * 7 % 61 + y * 5 % 67 + x * y % 31) / 2);
    photo = iml__bg_wrap(&m, a);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        iml__render_params p;
        iml__render_defaults(&p);
        int32_t w = (int32_t)(ceil(b.box[2]) - floor(b.box[0]));
        int32_t h = (int32_t)(ceil(b.box[3]) - floor(b.box[1]));
        for (int i = 0; i < 4; i++) p.pad[i] = ((i & 1 ? H - h : W - w) + i / 2) / 2;
        cases[k].set(&p);
        if (run(cases[k].name, &p, &b, a)) return 1;
    }
    return backgrounds(a);
}

int main(void)
{
    iml_arena a;
    iml__setter *s;
    if (iml__arena_open(&a, 0, -1, NULL) || iml__setter_new(&s, IML__GLYPH_CACHE, NULL)) return 1;
    int bad = all(s, &a);
    iml__setter_free(&s);
    iml__arena_close(&a);
    if (bad) fprintf(stderr, "bench_render: a case failed (is fonts-dejavu-core installed?)\n");
    return bad;
}
