// Pictures with real fonts: labels against the ink that was drawn, promises about each effect.
#include "tests/unit/iml_test.h"

#include <math.h>

#include "src/base/hash.h"
#include "src/synth/colour.h"
#include "src/synth/render.h"
#include "tests/unit/typeset.h"

static typeset set;

static int setup(void **state)
{
    (void)state;
    typeset_open(&set);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    typeset_close(&set);
    return 0;
}

// ---- Effects

static void plain(iml__render_params *p) { (void)p; }
static void bleed(iml__render_params *p) { p->ink_bleed = 1.3; }
static void skew(iml__render_params *p) { p->skew_x = 14, p->skew_y = -6; }
static void trapezoid(iml__render_params *p) { p->trapezoid_x = 0.25, p->trapezoid_y = -0.2; }
static void rotation(iml__render_params *p) { p->rotation = 17.5; }
static void upside(iml__render_params *p) { p->rotation = 180; }
static void perspective(iml__render_params *p) { p->perspective = 0.5; }
static void elastic(iml__render_params *p) { p->elastic_alpha = 90, p->elastic_sigma = 7; }
static void grid(iml__render_params *p) { p->grid_steps = 6, p->grid_limit = 6; }
static void optical(iml__render_params *p) { p->optical = 0.35; }
static void pincushion(iml__render_params *p) { p->optical = -0.3; }
static void bicubic(iml__render_params *p) { p->rotation = -8, p->bicubic = true; }
static void cutout(iml__render_params *p)
{
    p->cutout_w = 60, p->cutout_h = 30, p->cutout_u[0] = 0.4, p->cutout_u[1] = 0.5;
}
static void erode(iml__render_params *p) { p->morph_k = 2, p->morph_erode = true; }
static void dilate(iml__render_params *p) { p->morph_k = 3, p->morph_erode = false; }
static void gaussian(iml__render_params *p) { p->gaussian_noise = 12; }
static void salt(iml__render_params *p) { p->noise_amount = 0.05; }
static void blur(iml__render_params *p) { p->blur = 1.4; }
static void tone(iml__render_params *p) { p->brightness = 0.8, p->contrast = 1.3, p->gamma = 0.7; }
static void drop(iml__render_params *p)
{
    p->drop = (iml__render_shadow){-4, 5, 2, {200, 30, 30, 128}};
}
static void block(iml__render_params *p)
{
    p->block = (iml__render_shadow){6, -7, 0, {30, 30, 200, 128}};
}
static void opacity(iml__render_params *p) { p->opacity = 0.5; }
static void height(iml__render_params *p) { p->image_height = 40; }
static void paper(iml__render_params *p) { p->bg.kind = IML__BG_PAPER; }
static void clear(iml__render_params *p) { p->bg.kind = IML__BG_NONE, p->channels = IML__OUT_RGBA; }
static void gradient(iml__render_params *p)
{
    static const uint8_t rgb[6] = {200, 20, 20, 20, 20, 200};
    static const iml__ink ink = {IML__INK_GRADIENT, 2, rgb};
    p->ink = &ink;
}
static void palette(iml__render_params *p)
{
    static const uint8_t rgb[9] = {200, 20, 20, 20, 120, 20, 20, 20, 200};
    static const iml__ink ink = {IML__INK_PER_GLYPH, 3, rgb};
    p->ink = &ink;
}
static void all(iml__render_params *p)
{
    skew(p), trapezoid(p), rotation(p), perspective(p), elastic(p), grid(p), optical(p);
    bleed(p), drop(p), block(p), cutout(p), dilate(p), gaussian(p), salt(p), blur(p), tone(p);
    palette(p), paper(p);
    p->perspective = 0.2, p->optical = 0.1;
}

typedef struct effect {
    const char *name;
    void (*set)(iml__render_params *);
    bool bends;      // its quads are not those of a box
    uint64_t golden; // of the latin sample
} effect;
static const effect effects[] = {
#define EFFECT(name, bends, golden)                                                                \
    {                                                                                              \
#name, name, bends, golden                                                                 \
    }
    EFFECT(plain, false, 0),       EFFECT(bleed, false, 0),     EFFECT(skew, false, 0),
    EFFECT(trapezoid, false, 0),   EFFECT(rotation, false, 0),  EFFECT(upside, false, 0),
    EFFECT(perspective, false, 0), EFFECT(elastic, true, 0),    EFFECT(grid, true, 0),
    EFFECT(optical, true, 0),      EFFECT(pincushion, true, 0), EFFECT(bicubic, false, 0),
    EFFECT(cutout, false, 0),      EFFECT(erode, false, 0),     EFFECT(dilate, false, 0),
    EFFECT(gaussian, false, 0),    EFFECT(salt, false, 0),      EFFECT(blur, false, 0),
    EFFECT(tone, false, 0),        EFFECT(drop, false, 0),      EFFECT(block, false, 0),
    EFFECT(opacity, false, 0),     EFFECT(height, false, 0),    EFFECT(paper, false, 0),
    EFFECT(clear, false, 0),       EFFECT(gradient, false, 0),  EFFECT(palette, false, 0),
    EFFECT(all, true, 0),
};

static void defaults(iml__render_params *p)
{
    iml__render_defaults(p);
    p->seed = 7, p->index = 3, p->mask = true;
}

typedef void checker(const char *what, const effect *f, const iml__lay_block *b,
                     const iml__render_params *p, const iml__render_out *o);

// Each sample under each effect.
static void each(checker *check)
{
    for (size_t i = 0; i < IML_COUNT_OF(samples); i++)
        for (size_t k = 0; k < IML_COUNT_OF(effects); k++) {
            iml__lay_block b;
            iml__render_params p;
            iml__render_out o;
            char what[80];
            if (!typeset_set(&set, &samples[i], 32, 0, &b)) continue;
            defaults(&p);
            effects[k].set(&p);
            snprintf(what, sizeof what, "%s under %s", samples[i].name, effects[k].name);
            assert_ok(iml__render(&p, &b, &set.arena, &o, e));
            check(what, &effects[k], &b, &p, &o);
        }
}

// ---- Labels

// How far a point lies inside an edge (negative: outside).
static double depth(const double q[8], int k, double x, double y)
{
    const double *p = q + 2 * k, *r = q + 2 * ((k + 1) & 3);
    double dx = r[0] - p[0], dy = r[1] - p[1];
    return (dx * (y - p[1]) - dy * (x - p[0])) / sqrt(dx * dx + dy * dy);
}

static bool in_grown(const double q[8], double x, double y, double slack)
{
    for (int k = 0; k < 4; k++)
        if (depth(q, k, x, y) < -slack) return false;
    return true;
}

static bool in_quad(const double q[8], double x, double y) { return in_grown(q, x, y, 1e-3); }

// Half of a pixel's extent along an edge's normal.
static double half_pixel(const double q[8], int k)
{
    const double *p = q + 2 * k, *r = q + 2 * ((k + 1) & 3);
    double dx = fabs(r[0] - p[0]), dy = fabs(r[1] - p[1]);
    return 0.5 * (dx + dy) / sqrt(dx * dx + dy * dy);
}

static void check_ink(const char *what, const effect *f, const iml__lay_block *b,
                      const iml__render_params *p, const iml__render_out *o)
{
    double sum = 0, units = 0, words = 0, lines = 0;
    // Quads are scaled exactly as the picture is; the scaled ink is spread by the filter.
    double slack = p->image_height ? 1 : 1e-3;
    (void)f;
    assert_int_equal(o->mask.w, o->image.w);
    assert_int_equal(o->mask.h, o->image.h);
    for (int32_t y = 0; y < o->mask.h; y++)
        for (int32_t x = 0; x < o->mask.w; x++) {
            double v = iml__image_row(&o->mask, y)[x], px = x + 0.5, py = y + 0.5;
            bool u = false, w = false, l = false;
            if (v == 0) continue;
            for (uint32_t i = 0; i < b->nlines; i++) {
                const iml__render_line *r = &o->lines[i];
                l = l || in_grown(r->quad, px, py, slack);
                for (uint32_t k = 0; k < b->lines[i].nunits && !u; k++)
                    u = r->units[k].inked && in_grown(r->units[k].quad, px, py, slack);
                for (uint32_t k = 0; k < b->lines[i].nwords && !w; k++)
                    w = r->words[k].inked && in_grown(r->words[k].quad, px, py, slack);
            }
            sum += v, units += v * !u, words += v * !w, lines += v * !l;
        }
    if (sum < 1000) fail_msg("%s: no ink", what);
    double worst = fmax(units, fmax(words, lines)) / sum;
    if (worst > 0.001)
        fail_msg("%s: outside quads of units %.4f %%, words %.4f %%, lines %.4f %%", what,
                 100 * units / sum, 100 * words / sum, 100 * lines / sum);
}

static void ink_lies_in_quads(void **state)
{
    (void)state;
    each(check_ink);
}

// The nearest pixel with ink inside each edge.
static void check_touch(const char *what, const effect *f, const iml__lay_block *b,
                        const iml__render_params *p, const iml__render_out *o)
{
    if (f->bends || p->image_height) return;
    for (uint32_t i = 0; i < b->nlines; i++)
        for (uint32_t u = 0; u < b->lines[i].nunits; u++) {
            const iml__render_unit *r = &o->lines[i].units[u];
            double near[4] = {1e9, 1e9, 1e9, 1e9}, box[4] = {1e9, 1e9, -1e9, -1e9};
            if (!r->inked) continue;
            for (int k = 0; k < 8; k += 2) {
                box[0] = fmin(box[0], r->quad[k]), box[1] = fmin(box[1], r->quad[k + 1]);
                box[2] = fmax(box[2], r->quad[k]), box[3] = fmax(box[3], r->quad[k + 1]);
            }
            for (int32_t y = (int32_t)fmax(0, box[1]); y < o->mask.h && y < box[3]; y++)
                for (int32_t x = (int32_t)fmax(0, box[0]); x < o->mask.w && x < box[2]; x++)
                    if (iml__image_row(&o->mask, y)[x] && in_quad(r->quad, x + 0.5, y + 0.5))
                        for (int k = 0; k < 4; k++)
                            near[k] = fmin(near[k], depth(r->quad, k, x + 0.5, y + 0.5));
            // Bicubic filters round faint tips away.
            double most = p->bicubic ? 1.25 : 1;
            for (int k = 0; k < 4; k++)
                if (near[k] - half_pixel(r->quad, k) > most)
                    fail_msg("%s: unit %u, edge %d: nearest ink %.2f px inside", what, u, k,
                             near[k]);
        }
}

static void quads_touch_ink(void **state)
{
    (void)state;
    each(check_touch);
}

static void check_inside(const char *what, const effect *f, const iml__lay_block *b,
                         const iml__render_params *p, const iml__render_out *o)
{
    double least = p->image_height ? 0 : 1 - 2e-3;
    (void)f;
    for (uint32_t i = 0; i < b->nlines; i++)
        for (uint32_t u = 0; u < b->lines[i].nunits; u++)
            for (int k = 0; k < 8 && o->lines[i].units[u].inked; k += 2) {
                double x = o->lines[i].units[u].quad[k], y = o->lines[i].units[u].quad[k + 1];
                if (!(x >= least && y >= least && x <= o->image.w - least &&
                      y <= o->image.h - least))
                    fail_msg("%s: unit %u has a corner at %.3f, %.3f of %d x %d", what, u, x, y,
                             o->image.w, o->image.h);
            }
    for (int32_t x = 0; x < o->mask.w && !p->image_height; x++)
        if (iml__image_row(&o->mask, 0)[x] || iml__image_row(&o->mask, o->mask.h - 1)[x])
            fail_msg("%s: ink on the border at x = %d", what, x);
    for (int32_t y = 0; y < o->mask.h && !p->image_height; y++)
        if (iml__image_row(&o->mask, y)[0] || iml__image_row(&o->mask, y)[o->mask.w - 1])
            fail_msg("%s: ink on the border at y = %d", what, y);
}

static void quads_stay_inside(void **state)
{
    (void)state;
    each(check_inside);
}

static void no_ink_on_the_border(void **state)
{
    (void)state;
    for (size_t i = 0; i < IML_COUNT_OF(samples); i++)
        for (double angle = -90; angle <= 90; angle += 22.5) {
            iml__lay_block b;
            iml__render_params p;
            iml__render_out o;
            if (!typeset_set(&set, &samples[i], 24, 0, &b)) continue;
            defaults(&p);
            memset(p.pad, 0, sizeof p.pad);
            p.rotation = angle;
            assert_ok(iml__render(&p, &b, &set.arena, &o, e));
            check_inside(samples[i].name, &effects[0], &b, &p, &o);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ink_lies_in_quads),
        cmocka_unit_test(quads_touch_ink),
        cmocka_unit_test(quads_stay_inside),
        cmocka_unit_test(no_ink_on_the_border),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
