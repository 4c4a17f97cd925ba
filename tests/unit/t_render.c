// Pictures with real fonts: labels against the ink that was drawn, promises about each effect.
#include "tests/unit/iml_test.h"

#include <math.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
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
    uint64_t golden; // of the block made by hand: picture, mask and quads
} effect;
static const effect effects[] = {
#define EFFECT(name, bends, golden)                                                                \
    {                                                                                              \
#name, name, bends, golden                                                                 \
    }
    EFFECT(plain, false, 0x3c01668a64aa28ee),       EFFECT(bleed, false, 0x26d1a3b8b40ad080),
    EFFECT(skew, false, 0xe3d64335a9c44163),        EFFECT(trapezoid, false, 0xcc90ca4793917d3d),
    EFFECT(rotation, false, 0x6af670b719696599),    EFFECT(upside, false, 0xf49e555b2abea4d7),
    EFFECT(perspective, false, 0x2d79a58e92d1fe3b), EFFECT(elastic, true, 0xc95de5f16717807b),
    EFFECT(grid, true, 0x7396c9b5220fd856),         EFFECT(optical, true, 0xa3e37270e09614b7),
    EFFECT(pincushion, true, 0xa8d22406b3a29ca8),   EFFECT(bicubic, false, 0x2f4a1639bf52f38e),
    EFFECT(cutout, false, 0xa4065e283fee3b1f),      EFFECT(erode, false, 0xa7f4db4e14806723),
    EFFECT(dilate, false, 0x200bbf97b6c3d67a),      EFFECT(gaussian, false, 0x37a14cb3ac0d2702),
    EFFECT(salt, false, 0x4a79fc89edc9f930),        EFFECT(blur, false, 0x1af7a4f410b86687),
    EFFECT(tone, false, 0x355df47ae6ccdc44),        EFFECT(drop, false, 0x58664cbebe9bcad8),
    EFFECT(block, false, 0x14e922a446aa4f50),       EFFECT(opacity, false, 0x87ce6d23489dca81),
    EFFECT(height, false, 0xb8b080ee09be53b7),      EFFECT(paper, false, 0x3f448a33062c070e),
    EFFECT(clear, false, 0x414e91d061f37bbb),       EFFECT(gradient, false, 0x5fb22511ed33f27d),
    EFFECT(palette, false, 0x6083b1688525b5c7),     EFFECT(all, true, 0xdc809033f6c6fb5a),
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

// ---- Effects, each by its promise

static bool draw(const sample *s, iml__lay_block *b, const iml__render_params *p,
                 iml__render_out *o)
{
    if (!typeset_set(&set, s, 32, 0, b)) return false;
    assert_ok(iml__render(p, b, &set.arena, o, e));
    return true;
}

static iml_image keep(iml_arena *a, const iml_image *m)
{
    iml_image k;
    assert_ok(iml__image_copy(a, m, &k, e));
    return k;
}

static bool same_pixels(const iml_image *a, const iml_image *b)
{
    if (a->w != b->w || a->h != b->h || a->channels != b->channels) return false;
    for (int32_t y = 0; y < a->h; y++)
        if (memcmp(iml__image_row(a, y), iml__image_row(b, y), (size_t)a->w * (size_t)a->channels))
            return false;
    return true;
}

static double mean(const iml_image *m)
{
    double sum = 0;
    for (int32_t y = 0; y < m->h; y++)
        for (int32_t x = 0; x < m->w * m->channels; x++) sum += iml__image_row(m, y)[x];
    return sum / ((double)m->w * m->h * m->channels);
}

static void shadow_moves_no_box(void **state)
{
    (void)state;
    for (size_t i = 0; i < IML_COUNT_OF(samples); i++) {
        iml__lay_block b;
        iml__render_params p, q;
        iml__render_out one, two;
        if (!typeset_set(&set, &samples[i], 32, 0, &b)) continue;
        defaults(&p);
        p.rotation = i % 2 ? 9 : 0;
        q = p;
        drop(&q), block(&q);
        q.block.dx = -40, q.drop.dy = -25; // farther than the padding
        assert_ok(iml__render(&p, &b, &set.arena, &one, e));
        assert_ok(iml__render(&q, &b, &set.arena, &two, e));
        assert_false(same_pixels(&one.image, &two.image));
        assert_true(same_pixels(&one.mask, &two.mask));
        for (uint32_t l = 0; l < b.nlines; l++) {
            assert_memory_equal(one.lines[l].quad, two.lines[l].quad, sizeof one.lines[l].quad);
            assert_memory_equal(one.lines[l].units, two.lines[l].units,
                                b.lines[l].nunits * sizeof *one.lines[l].units);
        }
    }
}

static void shadow_lies_under_the_text(void **state)
{
    (void)state;
    iml__lay_block b;
    iml__render_params p;
    iml__render_out o;
    static const uint8_t red[3] = {255, 0, 0};
    static const iml__ink ink = {IML__INK_UNIFORM, 1, red};
    defaults(&p);
    p.ink = &ink;
    p.drop = (iml__render_shadow){3, 3, 0, {0, 0, 255, 128}};
    if (!draw(&samples[0], &b, &p, &o)) skip();
    size_t shadow = 0;
    for (int32_t y = 0; y < o.image.h; y++)
        for (int32_t x = 0; x < o.image.w; x++) {
            const uint8_t *c = iml__image_row(&o.image, y) + 3 * x;
            if (iml__image_row(&o.mask, y)[x] == 255) assert_memory_equal(c, red, 3);
            // Half of blue over white, by (c a + d (255 - a) + 127) / 255.
            if (c[0] == 127 && c[1] == 127 && c[2] == 255) shadow++;
        }
    assert_true(shadow > 200);
}

// The share of a unit's own coverage outside the rectangle, where nothing moves.
static double share_outside(const iml__lay_block *b, const iml__lay_unit *u,
                            const iml__render_out *o, const int32_t c[4])
{
    // The canvas's origin: the first line's quad tells how far the block was shifted.
    double ox = o->lines[0].quad[0] - b->lines[0].quad[0];
    double oy = o->lines[0].quad[1] - b->lines[0].quad[1];
    double all_ink = 0, out = 0;
    uint8_t px[200 * 200] = {0};
    iml__lay_plane plane = {
        px, 200, 200, 200, (int32_t)floor(u->quad[0]) - 50, (int32_t)floor(u->quad[1]) - 50};
    for (uint32_t k = 0; k < u->stamps; k++)
        iml__lay_stamp_coverage(&b->stamps[u->stamp + k], &plane);
    for (int y = 0; y < 200; y++)
        for (int x = 0; x < 200; x++) {
            double v = px[200 * y + x], gx = x + plane.ox + ox, gy = y + plane.oy + oy;
            all_ink += v;
            out += v * !(gx >= c[0] && gy >= c[1] && gx < c[0] + c[2] && gy < c[1] + c[3]);
        }
    return out / all_ink;
}

static void visible_counts_cutout(void **state)
{
    (void)state;
    iml__lay_block b;
    iml__render_params p;
    iml__render_out o;
    int whole = 0, part = 0, none = 0;
    defaults(&p);
    cutout(&p);
    p.cutout_h = 200; // not smaller than the picture: skipped
    if (!draw(&samples[0], &b, &p, &o)) skip();
    assert_int_equal(o.cutout[2], 0);
    p.cutout_h = 46;
    draw(&samples[0], &b, &p, &o);
    assert_int_equal(o.cutout[2], 60);
    assert_int_equal(o.cutout[3], 46);
    for (int32_t y = 0; y < 46; y++)
        for (int32_t x = 0; x < 60; x++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(
                    iml__image_row(&o.image, o.cutout[1] + y)[3 * (o.cutout[0] + x) + c], 0);
    for (uint32_t k = 0; k < b.lines[0].nunits; k++) {
        if (!b.lines[0].units[k].inked) continue;
        double v = o.lines[0].units[k].visible;
        double want = share_outside(&b, &b.lines[0].units[k], &o, o.cutout);
        if (fabs(v - want) > 1e-9) fail_msg("unit %u: visible %g, by its pixels %g", k, v, want);
        whole += v == 1, none += v == 0, part += v > 0 && v < 1;
    }
    assert_true(whole > 5 && part >= 1 && none >= 1);
}

static void what_is_cut_off_is_not_visible(void **state)
{
    (void)state;
    iml__lay_block b;
    iml__render_params p;
    iml__render_out o;
    double least = 1;
    defaults(&p);
    p.optical = -0.5, p.clip_allow = true, memset(p.pad, 0, sizeof p.pad);
    if (!draw(&samples[0], &b, &p, &o)) skip();
    assert_int_equal(o.image.w, o.canvas_w);
    for (uint32_t k = 0; k < b.lines[0].nunits; k++)
        least = fmin(least, o.lines[0].units[k].visible);
    assert_true(least < 0.9);
}

static void contrast_is_that_of_wcag(void **state)
{
    (void)state;
    const uint8_t black[3] = {0, 0, 0}, white[3] = {255, 255, 255}, grey[3] = {119, 119, 119};
    assert_true(fabs(iml__contrast(black, white) - 21) < 1e-9);
    assert_true(fabs(iml__contrast(white, black) - 21) < 1e-9);
    assert_true(fabs(iml__contrast(grey, grey) - 1) < 1e-12);
    assert_true(fabs(iml__contrast(grey, white) - 4.478) < 5e-4); // #777 on white
}

static void contrast_is_kept_within_the_draws(void **state)
{
    (void)state;
    static const uint8_t c[5][3] = {
        {130, 130, 130}, {100, 100, 140}, {40, 40, 60}, {0, 0, 0}, {160, 160, 160}};
    iml__ink ink[5];
    iml__lay_block b;
    iml__render_params p;
    iml__render_out o;
    for (int k = 0; k < 5; k++) ink[k] = (iml__ink){IML__INK_UNIFORM, 1, c[k]};
    defaults(&p);
    memset(p.bg.rgb, 128, 3);
    p.ink = ink, p.ninks = 5, p.min_contrast = 2.5;
    if (!draw(&samples[0], &b, &p, &o)) skip();
    assert_int_equal(o.ink_used, 2); // the first that reaches it, not the best
    assert_true(o.contrast >= 2.5 && o.has_contrast && !o.ink_forced);
    assert_memory_equal(o.lines[0].units[0].rgb, c[2], 3);

    p.min_contrast = 9; // out of reach
    draw(&samples[0], &b, &p, &o);
    assert_int_equal(o.ink_used, 3); // the best
    assert_false(o.ink_forced);

    p.ninks = 2, p.contrast_force = true;
    draw(&samples[0], &b, &p, &o);
    assert_true(o.ink_forced && o.contrast > 5);
    assert_memory_equal(o.forced_rgb, "\0\0\0", 3);
    assert_memory_equal(o.lines[0].units[0].rgb, "\0\0\0", 3);
    memset(p.bg.rgb, 60, 3);
    draw(&samples[0], &b, &p, &o);
    assert_memory_equal(o.forced_rgb, "\xff\xff\xff", 3);

    p.min_contrast = 0;
    draw(&samples[0], &b, &p, &o);
    assert_true(o.ink_used == 0 && !o.ink_forced);
}

static void worst_colour_of_a_palette_decides(void **state)
{
    (void)state;
    static const uint8_t rgb[6] = {0, 0, 0, 250, 250, 250}, white[3] = {255, 255, 255};
    iml__ink two = {IML__INK_PER_GLYPH, 2, rgb}, ramp = {IML__INK_GRADIENT, 2, rgb};
    assert_true(iml__ink_contrast(&two, white) < 1.1);
    assert_true(iml__ink_contrast(&ramp, white) < 1.1);
}

static void palette_cycles_through_all_lines(void **state)
{
    (void)state;
    iml__lay_block b;
    iml__render_params p;
    iml__render_out o;
    defaults(&p);
    palette(&p);
    if (!draw(&samples[1], &b, &p, &o)) skip();
    uint32_t k = 0;
    for (uint32_t i = 0; i < b.nlines; i++)
        for (uint32_t u = 0; u < b.lines[i].nunits; u++, k++)
            assert_memory_equal(o.lines[i].units[u].rgb, p.ink->rgb + 3 * (k % 3), 3);
    gradient(&p);
    draw(&samples[1], &b, &p, &o);
    for (uint32_t i = 0; i < b.nlines; i++) {
        assert_memory_equal(o.lines[i].units[0].rgb, p.ink->rgb, 3);
        assert_memory_equal(o.lines[i].units[b.lines[i].nunits - 1].rgb, p.ink->rgb + 3, 3);
    }
}

// One channel or three: the same bytes. A white picture asks for three.
static void grey_shortcut_changes_no_byte(void **state)
{
    (void)state;
    iml_image white;
    iml_arena mine;
    assert_ok(iml__arena_open(&mine, 0, -1, e));
    assert_ok(iml__image_new(&mine, 1, 1, 3, IML__U8, &white, e));
    memset(white.px, 255, 3);
    for (size_t k = 0; k < IML_COUNT_OF(effects); k++) {
        iml__lay_block b;
        iml__render_params p;
        iml__render_out one, two;
        if (!typeset_set(&set, &samples[0], 32, 0, &b)) continue;
        defaults(&p);
        effects[k].set(&p);
        if (p.bg.kind != IML__BG_COLOUR) continue;
        assert_ok(iml__render(&p, &b, &set.arena, &one, e));
        p.bg.kind = IML__BG_IMAGE, p.bg.picture = iml__bg_wrap(&white, &set.arena);
        assert_ok(iml__render(&p, &b, &set.arena, &two, e));
        if (!same_pixels(&one.image, &two.image)) fail_msg("%s differs", effects[k].name);
    }
    iml__arena_close(&mine);
}

static void half_turn_moves_pixels_unchanged(void **state)
{
    (void)state;
    iml__lay_block b;
    iml__render_params p;
    iml__render_out one, two;
    if (!typeset_set(&set, &samples[0], 32, 0, &b)) skip();
    defaults(&p);
    assert_ok(iml__render(&p, &b, &set.arena, &one, e));
    p.rotation = 180;
    assert_ok(iml__render(&p, &b, &set.arena, &two, e));
    const iml_image *m = &one.image;
    assert_int_equal(m->w, two.image.w);
    assert_int_equal(m->h, two.image.h);
    for (int32_t y = 0; y < m->h; y++)
        for (int32_t x = 0; x < m->w; x++)
            assert_int_equal(iml__image_row(m, y)[3 * x],
                             iml__image_row(&two.image, m->h - 1 - y)[3 * (m->w - 1 - x)]);
}

static void dilation_thickens_dark_and_light_text_alike(void **state)
{
    (void)state;
    static const uint8_t rgb[2][3] = {{0, 0, 0}, {255, 255, 255}};
    for (int light = 0; light < 2; light++) {
        iml__ink ink = {IML__INK_UNIFORM, 1, rgb[light]};
        iml__lay_block b;
        iml__render_params p;
        iml__render_out o[3];
        if (!typeset_set(&set, &samples[0], 32, 0, &b)) skip();
        defaults(&p);
        p.ink = &ink;
        memset(p.bg.rgb, light ? 40 : 215, 3);
        assert_ok(iml__render(&p, &b, &set.arena, &o[0], e));
        p.morph_k = 2, p.morph_erode = true;
        assert_ok(iml__render(&p, &b, &set.arena, &o[1], e));
        p.morph_erode = false;
        assert_ok(iml__render(&p, &b, &set.arena, &o[2], e));
        double plain_mean = mean(&o[0].image), thin = mean(&o[1].image), thick = mean(&o[2].image);
        if (light)
            assert_true(thin < plain_mean && plain_mean < thick);
        else
            assert_true(thin > plain_mean && plain_mean > thick);
    }
}

static void salt_and_pepper_hits_its_exact_share(void **state)
{
    (void)state;
    static const uint8_t rgb[3] = {90, 90, 90};
    static const iml__ink ink = {IML__INK_UNIFORM, 1, rgb};
    iml__lay_block b;
    iml__render_params p;
    iml__render_out o;
    defaults(&p);
    p.ink = &ink, memset(p.bg.rgb, 120, 3), p.noise_amount = 0.037;
    if (!draw(&samples[0], &b, &p, &o)) skip();
    long hits = 0, whites = 0;
    for (int32_t y = 0; y < o.image.h; y++)
        for (int32_t x = 0; x < o.image.w; x++) {
            const uint8_t *c = iml__image_row(&o.image, y) + 3 * x;
            hits += c[0] == 0 || c[0] == 255, whites += c[0] == 255;
            assert_true(c[0] == c[1] && c[1] == c[2]);
        }
    assert_int_equal(hits, (long)floor(0.037 * (double)o.image.w * o.image.h));
    assert_true(whites > hits / 3 && whites < 2 * hits / 3);
}

static void backgrounds_leave_no_transparency(void **state)
{
    (void)state;
    iml__lay_block b;
    iml__render_params p;
    iml__render_out o;
    defaults(&p);
    all(&p);
    p.channels = IML__OUT_RGBA, p.morph_erode = true;
    if (!draw(&samples[0], &b, &p, &o)) skip();
    assert_int_equal(o.image.channels, 4);
    for (int32_t y = 0; y < o.image.h; y++)
        for (int32_t x = 0; x < o.image.w; x++)
            assert_int_equal(iml__image_row(&o.image, y)[4 * x + 3], 255);
}

static void noise_and_tone_leave_alpha_alone(void **state)
{
    (void)state;
    iml__lay_block b;
    iml__render_params p;
    iml__render_out one, two;
    defaults(&p);
    clear(&p);
    if (!typeset_set(&set, &samples[0], 32, 0, &b)) skip();
    assert_ok(iml__render(&p, &b, &set.arena, &one, e));
    gaussian(&p), salt(&p), tone(&p);
    assert_ok(iml__render(&p, &b, &set.arena, &two, e));
    assert_false(two.has_contrast);
    for (int32_t y = 0; y < one.image.h; y++)
        for (int32_t x = 0; x < one.image.w; x++) {
            assert_int_equal(iml__image_row(&one.image, y)[4 * x + 3],
                             iml__image_row(&two.image, y)[4 * x + 3]);
            // The picture's alpha is the ink's coverage.
            assert_int_equal(iml__image_row(&one.image, y)[4 * x + 3],
                             iml__image_row(&one.mask, y)[x]);
        }
}

static void tiny_backgrounds_leave_no_hole(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{1, 1}, {2, 1}, {3, 7}, {40, 5}};
    iml_arena mine;
    assert_ok(iml__arena_open(&mine, 0, -1, e));
    for (size_t i = 0; i < IML_COUNT_OF(sizes); i++)
        for (int mode = 0; mode <= IML__BG_SCALE; mode++)
            for (int turned = 0; turned < 2; turned++) {
                iml__lay_block b;
                iml__render_params p;
                iml__render_out o;
                iml_image m;
                iml__arena_reset(&mine);
                assert_ok(iml__image_new(&mine, sizes[i][0], sizes[i][1], 3, IML__U8, &m, e));
                for (int32_t y = 0; y < m.h; y++)
                    for (int32_t x = 0; x < 3 * m.w; x++)
                        iml__image_row(&m, y)[x] = (uint8_t)(180 + (7 * x + 3 * y) % 60);
                defaults(&p);
                p.bg = (iml__render_bg){.kind = IML__BG_IMAGE,
                                        .mode = (enum iml__bg_mode)mode,
                                        .picture = iml__bg_wrap(&m, &mine),
                                        .u = {0.7, 0.2}};
                if (turned) p.rotation = 30, p.perspective = 0.4;
                if (!draw(&samples[0], &b, &p, &o)) skip();
                for (int32_t y = 0; y < o.image.h; y++)
                    for (int32_t x = 0; x < o.image.w; x++)
                        if (!iml__image_row(&o.mask, y)[x])
                            assert_in_range(iml__image_row(&o.image, y)[3 * x], 180, 239);
            }
    iml__arena_close(&mine);
}

static void warped_corners_show_more_background(void **state)
{
    (void)state;
    iml__lay_block b;
    iml__render_params p;
    iml__render_out o;
    static const uint8_t blue[3] = {10, 200, 30};
    defaults(&p);
    memcpy(p.bg.rgb, blue, 3);
    p.skew_x = 20, p.rotation = 33, p.perspective = 0.8, p.optical = 0.4;
    if (!draw(&samples[0], &b, &p, &o)) skip();
    for (int k = 0; k < 4; k++) {
        int32_t x = k & 1 ? o.image.w - 1 : 0, y = k & 2 ? o.image.h - 1 : 0;
        assert_memory_equal(iml__image_row(&o.image, y) + 3 * x, blue, 3);
    }
}

static void image_height_scales_picture_and_labels(void **state)
{
    (void)state;
    iml__lay_block b;
    iml__render_params p;
    iml__render_out one, two;
    if (!typeset_set(&set, &samples[0], 32, 0, &b)) skip();
    defaults(&p);
    assert_ok(iml__render(&p, &b, &set.arena, &one, e));
    p.image_height = 32;
    assert_ok(iml__render(&p, &b, &set.arena, &two, e));
    assert_int_equal(two.image.h, 32);
    double sx = (double)two.image.w / one.image.w, sy = 32.0 / one.image.h;
    assert_true(fabs(sx - sy) < 1.0 / one.image.w + 1e-3);
    for (int k = 0; k < 8; k++)
        assert_true(fabs(two.lines[0].quad[k] - one.lines[0].quad[k] * (k & 1 ? sy : sx)) < 1e-9);

    p.max_width = 100, p.fit = IML__FIT_SQUEEZE;
    assert_ok(iml__render(&p, &b, &set.arena, &two, e));
    assert_true(two.image.w == 100 && two.image.h == 32);
    p.fit = IML__FIT_SHRINK;
    assert_ok(iml__render(&p, &b, &set.arena, &two, e));
    assert_true(two.image.w == 100 && two.image.h < 32 && !two.rejected);
    p.fit = IML__FIT_REJECT;
    assert_ok(iml__render(&p, &b, &set.arena, &two, e));
    assert_true(two.rejected);
}

static void polygon_contains_units(void **state)
{
    (void)state;
    int seen = 0;
    for (size_t i = 0; i < IML_COUNT_OF(samples); i++)
        for (size_t k = 0; k < IML_COUNT_OF(effects); k++) {
            iml__lay_block b;
            iml__render_params p;
            iml__render_out o;
            if (!typeset_set(&set, &samples[i], 32, 0, &b)) continue;
            defaults(&p);
            effects[k].set(&p);
            assert_ok(iml__render(&p, &b, &set.arena, &o, e));
            for (uint32_t l = 0; l < b.nlines; l++) {
                const iml__render_line *r = &o.lines[l];
                bool wanted = samples[i].curve != IML__LAY_STRAIGHT || effects[k].bends;
                assert_int_equal(r->npolygon > 0, wanted && r->inked);
                double area = 0;
                for (uint32_t n = r->npolygon, j = 0; j < n; j++) {
                    const double *q = r->polygon + 2 * j, *t = r->polygon + 2 * ((j + 1) % n);
                    area += q[0] * t[1] - t[0] * q[1];
                }
                if (r->npolygon) assert_true(area > 0), seen++; // clockwise, y down
                for (uint32_t u = 0; u < b.lines[l].nunits && r->npolygon; u++)
                    for (int c = 0; c < 8 && r->units[u].inked; c += 2) {
                        double x = r->units[u].quad[c], y = r->units[u].quad[c + 1];
                        bool in = false;
                        for (uint32_t n = r->npolygon, v = 0, w = n - 1; v < n; w = v++) {
                            const double *q = r->polygon + 2 * v, *t = r->polygon + 2 * w;
                            if ((q[1] > y) != (t[1] > y) &&
                                x < (t[0] - q[0]) * (y - q[1]) / (t[1] - q[1]) + q[0])
                                in = !in;
                        }
                        if (!in)
                            fail_msg("%s under %s: unit %u leaves its line's polygon",
                                     samples[i].name, effects[k].name, u);
                    }
            }
        }
    assert_true(seen > 50);
}

static void only_seed_index_and_values_decide(void **state)
{
    (void)state;
    iml__lay_block b;
    iml__render_params p;
    iml__render_out one, two, three;
    if (!typeset_set(&set, &samples[0], 32, 0, &b)) skip();
    defaults(&p);
    all(&p);
    assert_ok(iml__render(&p, &b, &set.arena, &one, e));
    iml_image first = keep(&set.arena, &one.image);
    assert_ok(iml__render(&p, &b, &set.arena, &two, e));
    assert_true(same_pixels(&first, &two.image));
    p.index++;
    assert_ok(iml__render(&p, &b, &set.arena, &three, e));
    assert_false(same_pixels(&first, &three.image));
}

static void too_large_a_picture_is_refused(void **state)
{
    (void)state;
    iml__lay_block b;
    iml__render_params p;
    iml__render_out o;
    iml_err e = {0};
    if (!typeset_set(&set, &samples[0], 32, 0, &b)) skip();
    defaults(&p);
    p.max_canvas = 5000;
    assert_int_equal(iml__render(&p, &b, &set.arena, &o, &e), IML_ELIMIT);
    defaults(&p);
    p.rotation = 45; // fits before it turns
    p.max_canvas = 40000;
    assert_int_equal(iml__render(&p, &b, &set.arena, &o, &e), IML_ELIMIT);
    p.opacity = NAN, p.max_canvas = 1 << 30;
    assert_int_equal(iml__render(&p, &b, &set.arena, &o, &e), IML_EARG);
}

static void border_lies_around_the_fill(void **state)
{
    (void)state;
    iml__lay_block b;
    iml__render_params p;
    iml__render_out o;
    static const uint8_t red[3] = {255, 0, 0};
    static const iml__ink ink = {IML__INK_UNIFORM, 1, red};
    for (int flat = 0; flat < 2; flat++) { // as masks, and as a flattened layer
        if (!typeset_set(&set, &samples[0], 32, 2, &b)) skip();
        defaults(&p);
        p.ink = &ink;
        memcpy(p.border_rgba, (const uint8_t[4]){0, 0, 255, 255}, 4);
        p.opacity = flat ? 0.5 : 1;
        assert_ok(iml__render(&p, &b, &set.arena, &o, e));
        long fill = 0, border = 0;
        for (int32_t y = 0; y < o.image.h; y++)
            for (int32_t x = 0; x < o.image.w; x++) {
                const uint8_t *c = iml__image_row(&o.image, y) + 3 * x;
                fill += c[0] == 255 && c[1] == (flat ? 127 : 0) && c[2] == c[1];
                border += c[2] == 255 && c[1] == (flat ? 127 : 0) && c[0] == c[1];
            }
        if (fill < 100 || border < 100) fail_msg("%d: fill %ld, border %ld", flat, fill, border);
        check_ink("border", &effects[0], &b, &p, &o);
    }
}

static void emoji_keep_their_colours(void **state)
{
    (void)state;
    static const sample s = {"emoji", "sans,emoji",     "Go \U0001F44D ok", IML__LAY_LTR,
                             1,       IML__LAY_STRAIGHT};
    iml__lay_block b;
    iml__render_params p;
    iml__render_out o;
    defaults(&p);
    p.rotation = 5;
    if (!draw(&s, &b, &p, &o)) skip();
    long coloured = 0;
    for (int32_t y = 0; y < o.image.h; y++)
        for (int32_t x = 0; x < o.image.w; x++) {
            const uint8_t *c = iml__image_row(&o.image, y) + 3 * x;
            coloured += c[0] > c[2] + 60; // yellow hand, black letters
        }
    assert_true(coloured > 100);
    check_ink("emoji", &effects[0], &b, &p, &o);
}

static void every_failing_allocation_is_told(void **state)
{
    (void)state;
    iml__lay_block b;
    iml__render_params p;
    iml__render_out o;
    iml_status st = IML_ENOMEM;
    uint64_t n = 0;
    if (!typeset_set(&set, &samples[6], 32, 0, &b)) skip();
    defaults(&p);
    all(&p);
    p.drop.sigma = 3, p.image_height = 60, p.channels = IML__OUT_RGBA;
    while (st == IML_ENOMEM && n < 500) {
        iml_err e = {0};
        iml__mem_fail(++n, false);
        st = iml__render(&p, &b, &set.arena, &o, &e);
        iml__mem_fail(0, false);
        if (st == IML_ENOMEM) assert_true(e.msg[0] != 0);
    }
    assert_int_equal(st, IML_OK);
    assert_true(n > 30);
}

// ---- Bytes. A block made by hand, so that no version of a font or of FreeType shows.

static void made_block(iml_arena *a, iml__lay_block *b)
{
    enum { UNITS = 6, W = 14, H = 22 };
    iml__lay_line *l = iml_arena_calloc(a, 1, sizeof *l);
    iml__lay_stamp *s = iml_arena_calloc(a, UNITS, sizeof *s);
    iml__lay_unit *u = iml_arena_calloc(a, UNITS, sizeof *u);
    iml__lay_word *w = iml_arena_calloc(a, 1, sizeof *w);
    for (int k = 0; k < UNITS; k++) {
        iml__lay_bitmap *m = iml_arena_calloc(a, 1, sizeof *m);
        uint8_t *px = iml_arena_calloc(a, H, W);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                int d = abs(2 * x - 13) * (k + 2) + abs(2 * y - 21) * (7 - k);
                px[y * W + x] = (uint8_t)(d < 70 ? 255 : d < 90 ? 250 - 12 * (d - 70) : 0);
            }
        px[(k + 3) * W] = px[(k + 3) * W + 13] = 200, px[5] = px[(H - 1) * W + 7] = 180;
        *m = (iml__lay_bitmap){0, -H, W, H, 1, {0, 0, W, H}, px};
        s[k] = (iml__lay_stamp){m, 18 * k, 0, 0, (uint32_t)k, IML__LAY_FILL};
        u[k].inked = true, u[k].stamp = (uint32_t)k, u[k].stamps = 1;
        double q[8] = {18 * k, -H, 18 * k + W, -H, 18 * k + W, 0, 18 * k, 0};
        double c[8] = {18 * k - 2, -26, 18 * k + 16, -26, 18 * k + 16, 6, 18 * k - 2, 6};
        memcpy(u[k].quad, q, sizeof q), memcpy(u[k].cell, c, sizeof c);
    }
    double q[8] = {0, -H, 104, -H, 104, 0, 0, 0}, c[8] = {-2, -26, 106, -26, 106, 6, -2, 6};
    *l = (iml__lay_line){.units = u, .nunits = UNITS, .words = w, .nwords = 1, .inked = true};
    l->baseline[0] = -2, l->baseline[2] = 106;
    memcpy(l->quad, q, sizeof q), memcpy(l->cell, c, sizeof c);
    *w = (iml__lay_word){.units = UNITS, .inked = true};
    memcpy(w->quad, q, sizeof q);
    *b = (iml__lay_block){.lines = l,
                          .stamps = s,
                          .nlines = 1,
                          .nstamps = UNITS,
                          .nunits = UNITS,
                          .box = {-2, -26, 106, 6}};
}

static void effects_give_golden_bytes(void **state)
{
    (void)state;
    int bad = 0;
    for (size_t k = 0; k < IML_COUNT_OF(effects); k++) {
        iml__lay_block b;
        iml__render_params p;
        iml__render_out o;
        iml__arena_reset(&set.arena);
        made_block(&set.arena, &b);
        defaults(&p);
        effects[k].set(&p);
        if (p.cutout_h) p.cutout_h = 9;
        assert_ok(iml__render(&p, &b, &set.arena, &o, e));
        uint64_t h[3] = {iml__image_hash(&o.image), iml__image_hash(&o.mask), 0};
        for (uint32_t u = 0; u < 6; u++) // to two decimals, as labels have them
            for (int c = 0; c < 8; c++)
                h[2] =
                    31 * h[2] + (uint64_t)(int64_t)floor(100 * o.lines[0].units[u].quad[c] + 0.5);
        uint64_t all_of = iml__xxh3(h, sizeof h);
        if (all_of == effects[k].golden) continue;
        bad++;
        print_error("%s: 0x%016llx\n", effects[k].name, (unsigned long long)all_of);
    }
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ink_lies_in_quads),
        cmocka_unit_test(quads_touch_ink),
        cmocka_unit_test(quads_stay_inside),
        cmocka_unit_test(no_ink_on_the_border),
        cmocka_unit_test(polygon_contains_units),
        cmocka_unit_test(shadow_moves_no_box),
        cmocka_unit_test(shadow_lies_under_the_text),
        cmocka_unit_test(visible_counts_cutout),
        cmocka_unit_test(what_is_cut_off_is_not_visible),
        cmocka_unit_test(contrast_is_that_of_wcag),
        cmocka_unit_test(contrast_is_kept_within_the_draws),
        cmocka_unit_test(worst_colour_of_a_palette_decides),
        cmocka_unit_test(palette_cycles_through_all_lines),
        cmocka_unit_test(grey_shortcut_changes_no_byte),
        cmocka_unit_test(half_turn_moves_pixels_unchanged),
        cmocka_unit_test(dilation_thickens_dark_and_light_text_alike),
        cmocka_unit_test(salt_and_pepper_hits_its_exact_share),
        cmocka_unit_test(backgrounds_leave_no_transparency),
        cmocka_unit_test(noise_and_tone_leave_alpha_alone),
        cmocka_unit_test(tiny_backgrounds_leave_no_hole),
        cmocka_unit_test(warped_corners_show_more_background),
        cmocka_unit_test(image_height_scales_picture_and_labels),
        cmocka_unit_test(only_seed_index_and_values_decide),
        cmocka_unit_test(too_large_a_picture_is_refused),
        cmocka_unit_test(border_lies_around_the_fill),
        cmocka_unit_test(emoji_keep_their_colours),
        cmocka_unit_test(every_failing_allocation_is_told),
        cmocka_unit_test(effects_give_golden_bytes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
