// t_extras.c: masks, crops and the pictures beside the picture.
#include "tests/unit/iml_test.h"

#include "src/image/rectify.h"
#include "src/synth/synth.h"

#include <math.h>
#include <unistd.h>

#define DEJAVU "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"

static iml_arena arena;

struct job {
    iml__synth *s;
    iml__synth_worker *w;
    iml__complaints talk;
};

static bool have_fonts(void) { return !access(DEJAVU, R_OK); }

// text NULL: the embedded default.
static struct job open_job(const char *text, const char *background, const char *const *set,
                           size_t nset)
{
    static const char *const fonts[] = {DEJAVU};
    struct job j = {0};
    iml_err err = {0};
    iml__synth_opts o = {
        .format = -1, .colour = -1, .container = -1, .det_unit = -1, .coverage = -1, .count = 1000};
    o.masks = IML__MASK_TEXT | IML__MASK_UNIT | IML__MASK_LINE;
    o.extras = IML__EXTRA_BACKGROUND | IML__EXTRA_TEXTLAYER;
    o.set = set, o.nset = nset, o.background = background;
    if (text) o.texts = &text, o.ntexts = 1, o.fonts = fonts, o.nfonts = 1;
    iml__complaints_init(&j.talk);
    if (iml__synth_open(&o, &j.talk, &j.s, &err))
        fail_msg("%s %s", err.msg, iml__str_text(&j.talk.text));
    assert_ok(iml__synth_worker_new(j.s, &j.w, e));
    return j;
}

static void close_job(struct job *j)
{
    iml__synth_worker_free(&j->w);
    iml__synth_close(&j->s);
    iml__complaints_free(&j->talk);
}

static void make(struct job *j, uint64_t i, iml__synth_item *it)
{
    iml__arena_reset(&arena);
    assert_ok(iml__synth_item_make(j->s, j->w, i, &arena, NULL, it, e));
}

static uint32_t at(const iml_image *m, int32_t x, int32_t y)
{
    const uint8_t *row = iml__image_row(m, y);
    return m->depth == IML__U16 ? ((const uint16_t *)(const void *)row)[x] : row[x];
}

static bool in_quad(const double q[8], double x, double y, double grown)
{
    for (int k = 0; k < 8; k += 2) {
        double ax = q[k], ay = q[k + 1], bx = q[(k + 2) & 7], by = q[(k + 3) & 7];
        double dx = bx - ax, dy = by - ay, d = hypot(dx, dy);
        if (d > 1e-9 && (dx * (y - ay) - dy * (x - ax)) / d < -grown) return false;
    }
    return true;
}

// ---- Masks

struct agreement {
    double ink, outside, other_line; // sums of coverage
    uint64_t units, met;
};

static const iml__render_unit *unit_of(const iml__synth_item *it, uint32_t number, uint32_t *line)
{
    for (*line = 0; *line < it->block.nlines; ++*line) {
        if (number < it->block.lines[*line].nunits) return &it->out.lines[*line].units[number];
        number -= it->block.lines[*line].nunits;
    }
    return NULL;
}

// grown: how far the centre of a pixel that shows ink may lie outside, px
static void look(const iml__synth_item *it, double grown, struct agreement *g)
{
    const iml__render_out *o = &it->out;
    assert_int_equal(o->mask.depth, IML__U8);
    assert_int_equal(o->unit_mask.depth, IML__U16);
    assert_int_equal(o->line_mask.depth, IML__U16);
    const iml_image *all[] = {&o->mask, &o->unit_mask, &o->line_mask, &o->text_free,
                              &o->text_alone};
    for (size_t k = 0; k < IML_COUNT_OF(all); k++) {
        assert_int_equal(all[k]->w, o->image.w);
        assert_int_equal(all[k]->h, o->image.h);
    }
    bool *met = iml_arena_calloc(&arena, it->block.nunits + 1, sizeof *met);
    for (int32_t y = 0; y < o->image.h; y++)
        for (int32_t x = 0; x < o->image.w; x++) {
            uint32_t ink = at(&o->mask, x, y), id = at(&o->unit_mask, x, y), line = 0;
            if (!ink && !id) continue;
            g->ink += ink;
            if (!id != !ink || !at(&o->line_mask, x, y) != !ink)
                fail_msg("pixel %d %d: ink %u, unit %u, line %u", x, y, ink, id,
                         at(&o->line_mask, x, y));
            const iml__render_unit *u = unit_of(it, id - 1, &line);
            if (!u) fail_msg("pixel %d %d is of unit %u", x, y, id);
            met[id - 1] = true;
            if (!in_quad(u->quad, x + 0.5, y + 0.5, grown)) g->outside += ink;
            if (at(&o->line_mask, x, y) != line + 1) g->other_line += ink;
        }
    for (uint32_t k = 0, line; k < it->block.nunits; k++) {
        const iml__render_unit *u = unit_of(it, k, &line);
        g->units += u->inked && u->visible > 0.5;
        g->met += u->inked && u->visible > 0.5 && met[k];
        assert_true(u->inked || !met[k]);
    }
}

static void agree(struct job *j, uint64_t from, uint64_t to, double grown, const char *what)
{
    struct agreement g = {0};
    for (uint64_t i = from; i < to; i++) {
        iml__synth_item it;
        make(j, i, &it);
        look(&it, grown, &g);
        iml__synth_item_done(j->s, &it);
    }
    if (!(g.ink > 0) || g.outside > 0.001 * g.ink)
        fail_msg("%s: %.4f %% of the ink lies outside its unit's quad", what,
                 100 * g.outside / g.ink);
    if (g.other_line > 0.002 * g.ink)
        fail_msg("%s: %.4f %% is of another line", what, 100 * g.other_line / g.ink);
    if (g.met < 0.99 * (double)g.units)
        fail_msg("%s: %d of %d units have pixels", what, (int)g.met, (int)g.units);
}

static void mask_agrees_with_quads(void **state)
{
    (void)state;
    struct job j = open_job(NULL, NULL, NULL, 0);
    agree(&j, 0, 42, 0.5, "embedded default");
    close_job(&j);
    if (!have_fonts()) skip();
    static const char *const sets[][6] = {
        {"rotation_angle=[-40,40]", "perspective_warp_magnitude=[0.1,0.3]", "skew_x=[-20,20]"},
        {"elastic_distortion_alpha=[10,40]", "elastic_distortion_sigma=[4,6]", "border=[1,3]"},
        {"curve_type=arc", "arc_radius=[100,300]", "optical_distortion_limit=[-0.2,0.3]"},
        {"lines=[2,4]", "line_spacing=0.8", "glyph_overlap_intensity=0.2", "interpolation=bicubic"},
        {"clip=allow", "padding=0", "rotation_angle=[-40,40]"},
        {"ink_bleed_radius=[1,3]", "opacity=[0.3,1]", "cutout_width=60", "cutout_height=30"},
        {"interpolation=bicubic", "rotation_angle=[-40,40]", "clip=allow", "border=[0,3]"},
    };
    for (size_t k = 0; k < IML_COUNT_OF(sets); k++) {
        size_t n = 0;
        while (n < 6 && sets[k][n]) n++;
        j = open_job("Quick foxes, 12.50 jump over the lazy Wave", "white", sets[k], n);
        agree(&j, 0, 8, 0.5, sets[k][0]);
        close_job(&j);
    }
    // Scaled pictures: the mask of the text is filtered and softer than the numbers are, and a
    // pixel shows more than one of the canvas; a large one shows a filter's reach, one of the
    // canvas's pixels.
    static const char *const scaled[][4] = {
        {"image_height=48", "lines=[1,2]", "rotation_angle=[-9,9]"},
        {"image_height=32", "max_width=120", "fit=squeeze", "lines=[1,3]"},
        {"image_height=300", "font_size=20", "rotation_angle=[-9,9]"},
    };
    for (size_t k = 0; k < IML_COUNT_OF(scaled); k++) {
        size_t n = 0;
        while (n < 4 && scaled[k][n]) n++;
        j = open_job("Quick foxes, 12.50 jump over the lazy Wave", "white", scaled[k], n);
        agree(&j, 0, 8, k == 2 ? 3 : 1, scaled[k][0]);
        close_job(&j);
    }
}

// ---- Twins

static int largest_difference(const iml_image *a, const iml_image *b, const iml_image *ink,
                              int32_t clear)
{
    int most = 0;
    for (int32_t y = 0; y < a->h; y++)
        for (int32_t x = 0; x < a->w; x++) {
            bool near = false;
            for (int32_t j = -clear; j <= clear && !near; j++)
                for (int32_t i = -clear; i <= clear && !near; i++) {
                    int32_t u = IML_CLAMP(x + i, 0, a->w - 1), v = IML_CLAMP(y + j, 0, a->h - 1);
                    near = at(ink, u, v) > 0;
                }
            for (int c = 0; c < a->channels && !near; c++) {
                int p = iml__image_row(a, y)[a->channels * x + c],
                    q = iml__image_row(b, y)[a->channels * x + c];
                most = IML_MAX(most, abs(p - q));
            }
        }
    return most;
}

static void the_twin_is_the_picture_but_for_its_text(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const set[] = {"rotation_angle=[-20,20]",
                                      "elastic_distortion_alpha=20",
                                      "elastic_distortion_sigma=5",
                                      "noise_amount=0.02",
                                      "gaussian_noise=6",
                                      "contrast_factor=[0.6,1.8]",
                                      "brightness_factor=1.1",
                                      "gamma=1.2",
                                      "cutout_width=30",
                                      "cutout_height=12"};
    static const char *const backgrounds[] = {"builtin", "white"};
    for (size_t b = 0; b < 2; b++) {
        struct job j = open_job("Twins apart", backgrounds[b], set, IML_COUNT_OF(set));
        for (uint64_t i = 0; i < 8; i++) {
            iml__synth_item it;
            make(&j, i, &it);
            const iml__render_out *o = &it.out;
            assert_int_equal(o->text_free.channels, o->image.channels);
            if (largest_difference(&o->image, &o->text_free, &o->mask, 1))
                fail_msg("item %d differs away from its text by %d", (int)i,
                         largest_difference(&o->image, &o->text_free, &o->mask, 1));
            assert_true(iml__image_hash(&o->image) != iml__image_hash(&o->text_free));
            iml__synth_item_done(j.s, &it);
        }
        close_job(&j);
    }
}

static void the_text_alone_over_the_twin_is_the_picture(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const set[] = {"text_color={min: [0,0,0], max: [255,255,255]}", "border=1",
                                      "drop_shadow_offset_x=4", "drop_shadow_radius=2",
                                      "opacity=[0.5,1]"};
    struct job j = open_job("Sum of parts", "builtin", set, IML_COUNT_OF(set));
    for (uint64_t i = 0; i < 8; i++) {
        iml__synth_item it;
        make(&j, i, &it);
        const iml_image *p = &it.out.image, *g = &it.out.text_free, *t = &it.out.text_alone;
        assert_int_equal(t->channels, 4);
        for (int32_t y = 0; y < p->h; y++)
            for (int32_t x = 0; x < p->w; x++) {
                const uint8_t *s = iml__image_row(t, y) + 4 * x;
                for (int c = 0; c < 3; c++) {
                    int under = iml__image_row(g, y)[3 * x + c];
                    int sum = (s[c] * s[3] + under * (255 - s[3]) + 127) / 255;
                    if (abs(sum - iml__image_row(p, y)[3 * x + c]) > 3) // several roundings
                        fail_msg("item %d, pixel %d %d: %d instead of %d", (int)i, x, y, sum,
                                 iml__image_row(p, y)[3 * x + c]);
                }
            }
        iml__synth_item_done(j.s, &it);
    }
    close_job(&j);
}

// ---- Crops

static void cuts_go_there_and_back(void **state)
{
    (void)state;
    static const double quads[][8] = {{10, 20, 110, 20, 110, 60, 10, 60},
                                      {30, 10, 130, 60, 110, 95, 10, 45},
                                      {0, 0, 80, 12, 70, 50, -6, 60},
                                      {50, 90, 50, 10, 70, 10, 70, 90}};
    static const int32_t size[][2] = {{100, 40}, {112, 41}, {81, 61}, {80, 20}};
    for (size_t k = 0; k < IML_COUNT_OF(quads); k++) {
        iml__cut c;
        assert_true(iml__cut_of(quads[k], &c));
        assert_int_equal(c.w, size[k][0]);
        assert_int_equal(c.h, size[k][1]);
        const double want[8] = {0, 0, c.w, 0, c.w, c.h, 0, c.h};
        for (int p = 0; p < 8; p += 2) {
            const double *m = c.to, x = quads[k][p], y = quads[k][p + 1];
            double w = m[6] * x + m[7] * y + m[8];
            assert_true(fabs((m[0] * x + m[1] * y + m[2]) / w - want[p]) < 1e-6);
            assert_true(fabs((m[3] * x + m[4] * y + m[5]) / w - want[p + 1]) < 1e-6);
        }
    }
    static const double none[][8] = {{0, 0, 10, 0, 10, 0, 0, 0},
                                     {0, 0, 10, 10, 10, 0, 0, 10},
                                     {0, 0, 0, 9, 9, 9, 9, 0},
                                     {0, 0, NAN, 0, 1, 1, 0, 1}};
    for (size_t k = 0; k < IML_COUNT_OF(none); k++) {
        iml__cut c;
        assert_false(iml__cut_of(none[k], &c));
    }
}

static void a_cut_along_pixels_copies_them(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 4; channels++) {
        if (channels == 2) continue;
        iml_image m, r;
        iml__cut c;
        iml__arena_reset(&arena);
        assert_ok(iml__image_new(&arena, 90, 70, channels, IML__U8, &m, e));
        for (int32_t y = 0; y < m.h; y++)
            for (int32_t x = 0; x < m.w * channels; x++)
                iml__image_row(&m, y)[x] =
                    channels == 4 && x % 4 == 3 ? 255 : (uint8_t)(x * 7 + y * 13);
        assert_true(iml__cut_of((const double[8]){5, 6, 75, 6, 75, 46, 5, 46}, &c));
        assert_ok(iml__rectify(&m, &c, &arena, &r, e));
        assert_int_equal(r.w, 70), assert_int_equal(r.h, 40);
        for (int32_t y = 0; y < r.h; y++)
            assert_memory_equal(iml__image_row(&r, y), iml__image_row(&m, y + 6) + 5 * channels,
                                (size_t)(70 * channels));
    }
}

// The line of a turned picture, cut out, looks like the line of the same picture unturned.
static void crops_stand_upright(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const straight[] = {"padding=30", "font_size=40"};
    for (int angle = -150; angle <= 150; angle += 60) {
        char turn[64];
        (void)snprintf(turn, sizeof turn, "rotation_angle=%d", angle);
        const char *const turned[] = {"padding=30", "font_size=40", turn};
        struct job a = open_job("Upright, fjord", "white", straight, 2),
                   b = open_job("Upright, fjord", "white", turned, 3);
        iml__synth_item x, y;
        iml__cut c;
        iml_image p, q;
        iml__arena_reset(&arena);
        assert_ok(iml__synth_item_make(a.s, a.w, 1, &arena, NULL, &x, e));
        assert_ok(iml__synth_item_make(b.s, b.w, 1, &arena, NULL, &y, e));
        assert_true(iml__cut_of(x.out.lines[0].quad, &c));
        assert_ok(iml__rectify(&x.out.image, &c, &arena, &p, e));
        assert_true(iml__cut_of(y.out.lines[0].quad, &c));
        assert_ok(iml__rectify(&y.out.image, &c, &arena, &q, e));
        // The turned quad is larger by the spread of its resampling, half a pixel a side.
        assert_true(abs(q.w - p.w) <= 2 && abs(q.h - p.h) <= 2);
        double sum = 0, flat = 0, mean = 0;
        int32_t w = IML_MIN(p.w, q.w), h = IML_MIN(p.h, q.h);
        for (int32_t i = 0; i < w * h; i++) mean += iml__image_row(&p, i / w)[3 * (i % w)];
        mean /= w * h;
        for (int32_t i = 0; i < w * h; i++) {
            double u = iml__image_row(&p, i / w)[3 * (i % w)],
                   v = iml__image_row(&q, i / w)[3 * (i % w)];
            sum += fabs(u - v), flat += fabs(u - mean);
        }
        if (sum > 0.35 * flat) fail_msg("turned by %d: %.2f of flat", angle, sum / flat);
        iml__synth_item_done(a.s, &x), iml__synth_item_done(b.s, &y);
        close_job(&a), close_job(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mask_agrees_with_quads),
        cmocka_unit_test(the_twin_is_the_picture_but_for_its_text),
        cmocka_unit_test(the_text_alone_over_the_twin_is_the_picture),
        cmocka_unit_test(cuts_go_there_and_back),
        cmocka_unit_test(a_cut_along_pixels_copies_them),
        cmocka_unit_test(crops_stand_upright),
    };
    iml_err e;
    if (iml__arena_open(&arena, (size_t)1 << 32, -1, &e)) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    iml__arena_close(&arena);
    return failed;
}
