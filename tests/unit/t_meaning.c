// t_meaning.c: each key that means something else in the older tool's code than in its
// documentation means here what its documentation says (synth.md 2.5, the words in bold): whole
// items, from configuration to picture. Beside these stand clusters and distributions in
// t_corpus.c and t_value.c, and each effect alone in t_render.c.
#include "tests/unit/items.h"

#include <math.h>

#include "src/base/err.h"

static const uint8_t *pixel(const iml_image *m, int32_t x, int32_t y)
{
    return iml__image_row(m, y) + (size_t)x * (size_t)m->channels;
}

static void centre(const double q[8], double c[2])
{
    c[0] = (q[0] + q[2] + q[4] + q[6]) / 4, c[1] = (q[1] + q[3] + q[5] + q[7]) / 4;
}

// The unit with this text in line 0.
static const iml__render_unit *unit_of(const iml__synth_item *it, const char *text)
{
    const iml__lay_line *l = &it->block.lines[0];
    for (uint32_t u = 0; u < l->nunits; u++)
        if (!strncmp(it->text.utf8 + l->units[u].byte0, text, strlen(text)))
            return &it->out.lines[0].units[u];
    fail_msg("no unit '%s' in '%s'", text, it->text.utf8);
    return NULL;
}

static double x_of(const iml__synth_item *it, const char *text)
{
    double c[2];
    centre(unit_of(it, text)->quad, c);
    return c[0];
}

// There: characters are reversed one by one, so numbers in Hebrew are, too.
static void text_direction_is_full_uax_9(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    struct job j = open_text("abאבג123דc", NULL, 0);
    iml__synth_item it;
    make(&j, 0, &it);
    static const char *const order[] = {"a", "b", "ד", "1", "2", "3", "ג", "ב", "א", "c"};
    for (size_t k = 1; k < IML_COUNT_OF(order); k++)
        assert_true(x_of(&it, order[k - 1]) < x_of(&it, order[k]));
    close_job(&j);
}

// There: always 10..50, whatever the keys say.
static void text_length_is_obeyed(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    struct job j = open_yaml("total_images: 1\nspecifications: [{name: a, proportion: 1, "
                             "text_direction: left_to_right, corpora: ['builtin:latin'], "
                             "text_unit: chars, min_text_length: 3, max_text_length: 7, "
                             "min_lines: 1, max_lines: 2}]\n");
    uint32_t least = 99, most = 0;
    for (uint64_t i = 0; i < 200; i++) {
        iml__synth_item it;
        make(&j, i, &it);
        least = IML_MIN(least, it.text.clusters), most = IML_MAX(most, it.text.clusters);
    }
    assert_true(least == 3 && most == 7);
    close_job(&j);
}

static double width_of(const char *text, const char *overlap)
{
    const char *const set[] = {overlap};
    struct job j = open_text(text, set, 1);
    iml__synth_item it;
    make(&j, 0, &it);
    double w = it.block.lines[0].width / 64.0;
    close_job(&j);
    return w;
}

static void overlap_is_never_inside_a_joined_sequence(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    double joined = width_of("محمد", "glyph_overlap_intensity=0");
    assert_true(width_of("محمد", "glyph_overlap_intensity=0.5") == joined);
    double apart = width_of("nnnn", "glyph_overlap_intensity=0");
    double less = width_of("nnnn", "glyph_overlap_intensity=0.5");
    assert_true(fabs(less - apart * (1 - 0.5 * 3 / 4)) < 0.5); // three of four advances, half each
}

// There: the corners of a turned picture are black or clear.
static void rotation_leaves_no_hole(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const text[] = {"turned"}, *const fonts[] = {DEJAVU},
                             *const set[] = {"rotation_angle=[20, 70]"};
    iml__synth_opts o = options();
    o.texts = text, o.ntexts = 1, o.fonts = fonts, o.nfonts = 1, o.set = set, o.nset = 1;
    o.background = "#336699", o.colour = IML__COLOUR_RGBA;
    struct job j = must_open(&o);
    for (uint64_t i = 0; i < 5; i++) {
        iml__synth_item it;
        make(&j, i, &it);
        const iml_image *m = &it.out.image;
        for (int k = 0; k < 4; k++) {
            const uint8_t *p = pixel(m, k & 1 ? m->w - 1 : 0, k & 2 ? m->h - 1 : 0);
            assert_true(p[0] == 0x33 && p[1] == 0x66 && p[2] == 0x99 && p[3] == 255);
        }
    }
    close_job(&j);
}

// Share of the dark pixels that lie in no unit's box.
static double astray(const iml_image *m, const iml__synth_item *boxes)
{
    uint32_t dark = 0, out = 0;
    for (int32_t y = 0; y < m->h; y++)
        for (int32_t x = 0; x < m->w; x++) {
            bool in = false;
            if (pixel(m, x, y)[0] > 127) continue;
            for (uint32_t u = 0; u < boxes->block.lines[0].nunits && !in; u++) {
                const iml__render_unit *r = &boxes->out.lines[0].units[u];
                double x0 = 1e9, y0 = 1e9, x1 = -1e9, y1 = -1e9;
                for (int c = 0; r->inked && c < 8; c += 2) {
                    x0 = IML_MIN(x0, r->quad[c]), x1 = IML_MAX(x1, r->quad[c]);
                    y0 = IML_MIN(y0, r->quad[c + 1]), y1 = IML_MAX(y1, r->quad[c + 1]);
                }
                in = x + 0.5 > x0 && x + 0.5 < x1 && y + 0.5 > y0 && y + 0.5 < y1;
            }
            dark++, out += !in;
        }
    return (double)out / (double)dark;
}

// There: boxes stay where the letters were before.
static void quads_follow_elastic_distortion(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const bent[] = {"padding=40", "elastic_distortion_alpha=250",
                                       "elastic_distortion_sigma=9", "font_size=40"};
    static const char *const plain[] = {"padding=40", "font_size=40"};
    struct job a = open_text("i l i l i l i l i", bent, 4),
               b = open_text("i l i l i l i l i", plain, 2);
    iml__synth_item x, y;
    make(&a, 1, &x);
    assert_true(astray(&x.out.image, &x) < 0.001);
    iml_arena second;
    assert_ok(iml__arena_open(&second, (size_t)1 << 30, -1, e));
    assert_ok(iml__synth_item_make(b.s, b.w, 1, &second, NULL, &y, e));
    assert_true(astray(&x.out.image, &y) > 0.05); // it is bent enough for that to be seen
    iml__arena_close(&second);
    close_job(&a), close_job(&b);
}

// There: a picture of 5 x 5 px.
static void grid_distortion_keeps_the_size(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const grid[] = {"padding=30", "grid_distortion_steps=5",
                                       "grid_distortion_limit=[4, 8]"};
    struct job a = open_text("the same size", grid, 1), b = open_text("the same size", grid, 3);
    for (uint64_t i = 0; i < 10; i++) {
        iml__synth_item it;
        make(&a, i, &it);
        int32_t w = it.out.image.w, h = it.out.image.h;
        uint64_t plain = iml__image_hash(&it.out.image);
        make(&b, i, &it);
        assert_true(it.out.image.w == w && it.out.image.h == h);
        assert_true(iml__image_hash(&it.out.image) != plain);
    }
    close_job(&a), close_job(&b);
}

// There: noise makes holes in the picture.
static void noise_leaves_alpha_untouched(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const text[] = {"on nothing"}, *const fonts[] = {DEJAVU},
                             *const set[] = {"noise_amount=0.2"};
    iml__synth_opts o = options();
    o.texts = text, o.ntexts = 1, o.fonts = fonts, o.nfonts = 1, o.background = "none";
    struct job a = must_open(&o);
    o.set = set, o.nset = 1;
    struct job b = must_open(&o);
    iml__synth_item it;
    make(&a, 2, &it);
    int32_t w = it.out.image.w, h = it.out.image.h;
    size_t n = (size_t)w * (size_t)h, changed = 0;
    uint8_t *alpha = malloc(n), *red = malloc(n);
    assert_true(alpha && red);
    for (size_t k = 0; k < n; k++) {
        const uint8_t *p = pixel(&it.out.image, (int32_t)(k % (size_t)w), (int32_t)(k / (size_t)w));
        alpha[k] = p[3], red[k] = p[0];
    }
    make(&b, 2, &it);
    assert_true(it.out.image.w == w && it.out.image.h == h && it.out.image.channels == 4);
    for (size_t k = 0; k < n; k++) {
        const uint8_t *p = pixel(&it.out.image, (int32_t)(k % (size_t)w), (int32_t)(k / (size_t)w));
        assert_int_equal(p[3], alpha[k]);
        changed += p[0] != red[k];
    }
    assert_true(changed > 0);
    free(alpha), free(red);
    close_job(&a), close_job(&b);
}

// Sum of how far the pixels are from the background's grey.
static double ink(const char *background, const char *colour, const char *mode)
{
    static const char *const text[] = {"thick and thin"}, *const fonts[] = {DEJAVU};
    const char *const set[] = {colour, "erosion_dilation_kernel=3", mode};
    iml__synth_opts o = options();
    o.texts = text, o.ntexts = 1, o.fonts = fonts, o.nfonts = 1, o.background = background;
    o.set = set, o.nset = mode ? 3 : 1;
    struct job j = must_open(&o);
    iml__synth_item it;
    double sum = 0;
    make(&j, 0, &it);
    const iml_image *m = &it.out.image;
    for (int32_t y = 0; y < m->h; y++)
        for (int32_t x = 0; x < m->w; x++)
            sum += fabs((double)pixel(m, x, y)[0] - pixel(m, 0, 0)[0]);
    close_job(&j);
    return sum;
}

// There: the same op for all, so that light text on dark grows thicker when it is eroded.
static void erode_is_thinner_and_dilate_thicker_text_dark_or_light(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const ways[][2] = {{"white", "text_color=[0, 0, 0]"},
                                          {"#000000", "text_color=[255, 255, 255]"}};
    for (int k = 0; k < 2; k++) {
        double plain = ink(ways[k][0], ways[k][1], NULL);
        assert_true(ink(ways[k][0], ways[k][1], "erosion_dilation_mode=erode") < 0.7 * plain);
        assert_true(ink(ways[k][0], ways[k][1], "erosion_dilation_mode=dilate") > 1.3 * plain);
    }
}

static uint32_t count_colour(const iml_image *m, uint8_t r, uint8_t g, uint8_t b)
{
    uint32_t n = 0;
    for (int32_t y = 0; y < m->h; y++)
        for (int32_t x = 0; x < m->w; x++) {
            const uint8_t *p = pixel(m, x, y);
            n += abs(p[0] - r) < 3 && abs(p[1] - g) < 3 && abs(p[2] - b) < 3;
        }
    return n;
}

// There: alpha is ignored, and a negative offset moves the text instead, but not its boxes.
static void drop_shadow_has_its_alpha_and_moves_nothing(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const int way[][2] = {{6, 5}, {-6, 5}, {6, -5}, {-6, -5}};
    struct job a = open_text("MWM", (const char *const[]){"font_size=60", "padding=12"}, 2);
    iml__synth_item it;
    double quad[3][8];
    make(&a, 0, &it);
    int32_t w = it.out.image.w, h = it.out.image.h;
    uint32_t black = count_colour(&it.out.image, 0, 0, 0);
    for (int u = 0; u < 3; u++) memcpy(quad[u], it.out.lines[0].units[u].quad, sizeof quad[u]);
    close_job(&a);
    for (size_t k = 0; k < IML_COUNT_OF(way); k++) {
        char x[48], y[48];
        (void)snprintf(x, sizeof x, "drop_shadow_offset_x=%d", way[k][0]);
        (void)snprintf(y, sizeof y, "drop_shadow_offset_y=%d", way[k][1]);
        const char *const set[] = {"font_size=60", "padding=12", x, y,
                                   "drop_shadow_color=[255, 0, 0, 128]"};
        struct job b = open_text("MWM", set, 5);
        make(&b, 0, &it);
        assert_true(it.out.image.w == w && it.out.image.h == h);
        for (int u = 0; u < 3; u++)
            assert_memory_equal(quad[u], it.out.lines[0].units[u].quad, sizeof quad[u]);
        assert_int_equal(count_colour(&it.out.image, 0, 0, 0), black); // the text is where it was
        assert_true(count_colour(&it.out.image, 255, 127, 127) > 300); // half red over white
        assert_int_equal(count_colour(&it.out.image, 255, 0, 0), 0);
        close_job(&b);
    }
}

// There: what falls outside the text's own box is cut off.
static void block_shadow_is_not_clipped(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const set[] = {"font_size=40", "padding=80", "block_shadow_offset_x=0",
                                      "block_shadow_offset_y=60",
                                      "block_shadow_color=[0, 0, 255, 255]"};
    struct job j = open_text("MWM", set, 5);
    iml__synth_item it;
    make(&j, 0, &it);
    const double *q = it.out.lines[0].quad;
    iml_image below = iml__image_view(&it.out.image, 0, (int32_t)ceil(q[5]) + 1, it.out.image.w,
                                      it.out.image.h - (int32_t)ceil(q[5]) - 1);
    uint32_t shadow = count_colour(&below, 0, 0, 255);
    iml_image text = iml__image_view(&it.out.image, 0, 0, it.out.image.w, (int32_t)ceil(q[5]) + 1);
    assert_int_equal(shadow, count_colour(&text, 0, 0, 0)); // every letter has its whole shadow
    assert_true(shadow > 500);
    close_job(&j);
}

static double sag(const char *concave)
{
    const char *const set[] = {"curve_type=arc", "arc_radius=300", concave};
    struct job j = open_text("nnnnnnnnnnnnnnn", set, 3);
    iml__synth_item it;
    double first[2], middle[2];
    make(&j, 0, &it);
    centre(it.out.lines[0].units[0].quad, first), centre(it.out.lines[0].units[7].quad, middle);
    close_job(&j);
    return middle[1] - first[1]; // y is down
}

// There: the other way round.
static void concave_arcs_smile(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    assert_true(sag("arc_concave=true") > 5);
    assert_true(sag("arc_concave=false") < -5);
}

// There: black, whatever the keys say.
static void text_color_is_obeyed_in_uniform_mode(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const set[] = {"text_color_min=[10, 100, 200]",
                                      "text_color_max=[12, 100, 255]", "font_size=60"};
    struct job j = open_text("HHH", (const char *const[]){set[1], set[0], set[2]}, 3);
    uint32_t seen = 0;
    for (uint64_t i = 0; i < 30; i++) {
        iml__synth_item it;
        make(&j, i, &it);
        const uint8_t *c = it.out.lines[0].units[0].rgb;
        assert_true(c[0] >= 10 && c[0] <= 12 && c[1] == 100 && c[2] >= 200);
        assert_true(count_colour(&it.out.image, c[0], c[1], c[2]) > 200);
        seen |= 1u << (c[0] - 10);
    }
    assert_int_equal(seen, 7); // both ends, and between
    close_job(&j);
}

// There: every line begins with the first colour again.
static void palette_goes_on_through_all_lines(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const set[] = {"color_mode=per_glyph", "per_glyph_palette_size=3",
                                      "text_color={min: [0, 0, 0], max: [200, 200, 200]}",
                                      "lines=2", "line_break_mode=character"};
    struct job j = open_text("abcdefgh", set, 5);
    iml__synth_item it;
    uint8_t rgb[8][3];
    uint32_t n = 0;
    make(&j, 0, &it);
    assert_int_equal(it.block.nlines, 2);
    for (uint32_t l = 0; l < 2; l++)
        for (uint32_t u = 0; u < it.block.lines[l].nunits; u++)
            memcpy(rgb[n++], it.out.lines[l].units[u].rgb, 3);
    assert_int_equal(n, 8);
    for (uint32_t k = 3; k < 8; k++) assert_memory_equal(rgb[k], rgb[k - 3], 3);
    assert_true(memcmp(rgb[0], rgb[1], 3) && memcmp(rgb[1], rgb[2], 3));
    close_job(&j);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_direction_is_full_uax_9),
        cmocka_unit_test(text_length_is_obeyed),
        cmocka_unit_test(overlap_is_never_inside_a_joined_sequence),
        cmocka_unit_test(rotation_leaves_no_hole),
        cmocka_unit_test(quads_follow_elastic_distortion),
        cmocka_unit_test(grid_distortion_keeps_the_size),
        cmocka_unit_test(noise_leaves_alpha_untouched),
        cmocka_unit_test(erode_is_thinner_and_dilate_thicker_text_dark_or_light),
        cmocka_unit_test(drop_shadow_has_its_alpha_and_moves_nothing),
        cmocka_unit_test(block_shadow_is_not_clipped),
        cmocka_unit_test(concave_arcs_smile),
        cmocka_unit_test(text_color_is_obeyed_in_uniform_mode),
        cmocka_unit_test(palette_goes_on_through_all_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void) { return run_with_items(all); }
