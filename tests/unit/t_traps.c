// t_traps.c: what other tools stumbled over, one test each (synth.md 10).
//
// Traps whose test stands elsewhere: code points drawn one by one, conjuncts broken by shaping each
// cluster (t_layout.c: advance_equals_hb_shape, devanagari_reorders); a grid of 5 x 5 px, ignored
// colours and lengths, smiles for arches, shadows that move the text (t_meaning.c); arcs that are
// cut (t_synth_item.c: no_ink_on_the_border); backgrounds too small (t_render.c:
// tiny_backgrounds_leave_no_hole); thirds that never end (t_synth_config.c: shares_are_exact); no
// font and exit 0, one bad font that ends a run (cli/synth/bad_rows.sh); random state that no label
// holds (t_replay.c: replay_is_identical); cmaps that lie (t_font.c: lying_fonts_are_refused);
// boxes outside the picture (t_render.c: quads_stay_inside); words that are dropped (t_layout.c:
// unit_texts_concatenate); keys in another order (t_synth_item.c: json_matches_schema);
// 32-bit offsets (long.corpus: corpus_above_4GiB_has_64_bit_offsets); choices by health, which
// depends on history (cli/synth/matrix.sh: same bytes for any workers and order).
#include "tests/unit/items.h"

#include "src/codec/codec.h"
#include "src/base/err.h"
#include "src/synth/colour.h"
#include "tests/unit/iml_dir.h"

#include <math.h>
#include <utf8proc.h>

static bool white(const uint8_t *p) { return p[0] == 255 && p[1] == 255 && p[2] == 255; }

// ML-OCR: the last line's descenders, and what hangs to the left of a j, are cut off.
static void descenders_and_overhangs_are_kept(void **state)
{
    (void)state;
    static const char *const faces[] = {"/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf",
                                        "/usr/share/fonts/truetype/liberation/"
                                        "LiberationSerif-Italic.ttf",
                                        DEJAVU};
    static const char *const set[] = {"padding=0", "font_size=48", "lines=2"};
    static const char *const text[] = {"jgpqy, jÅgf Qjgy"};
    for (size_t f = 0; f < IML_COUNT_OF(faces); f++) {
        if (access(faces[f], R_OK)) continue;
        iml__synth_opts o = options();
        o.texts = text, o.ntexts = 1, o.fonts = &faces[f], o.nfonts = 1, o.background = "white";
        o.set = set, o.nset = 3;
        struct job j = must_open(&o);
        iml__synth_item it;
        make(&j, 0, &it);
        const iml_image *m = &it.out.image;
        for (int32_t x = 0; x < m->w; x++)
            assert_true(white(iml__image_row(m, 0) + 3 * x) &&
                        white(iml__image_row(m, m->h - 1) + 3 * x));
        for (int32_t y = 0; y < m->h; y++)
            assert_true(white(iml__image_row(m, y)) &&
                        white(iml__image_row(m, y) + 3 * (m->w - 1)));
        close_job(&j);
    }
}

// ---- Backgrounds: left half black, right half white, 800 x 200

static char dir[64];

static void write_halves(const char *name)
{
    iml_arena a;
    iml_image m;
    uint8_t *bytes;
    size_t n = 0, cap;
    iml__encode_opts eo;
    const iml__codec *c = iml__codec_by_name("png");
    assert_ok(iml__arena_open(&a, (size_t)1 << 28, -1, e));
    assert_ok(iml__image_new(&a, 800, 200, 3, IML__U8, &m, e));
    for (int32_t y = 0; y < m.h; y++)
        for (int32_t x = 0; x < m.w; x++)
            memset(iml__image_row(&m, y) + 3 * x, x < 400 ? 0 : 255, 3);
    iml__encode_opts_default(&eo);
    cap = c->bound(&m, &eo);
    bytes = iml_arena_alloc(&a, cap);
    assert_non_null(bytes);
    assert_ok(c->encode(&m, &eo, &a, bytes, cap, &n, e));
    test_write(dir, name, bytes, n);
    iml__arena_close(&a);
}

static struct job over_halves(const char *const *set, size_t nset, int colour)
{
    static const char *const text[] = {"Text"}, *const fonts[] = {DEJAVU};
    const char *const dirs[] = {dir};
    iml__synth_opts o = options();
    o.texts = text, o.ntexts = 1, o.fonts = fonts, o.nfonts = 1, o.set = set, o.nset = nset;
    o.background_dirs = dirs, o.nbackground_dirs = 1, o.colour = colour;
    return must_open(&o);
}

// ML-OCR: the crop is always the picture's upper left corner.
static void crops_lie_all_over_the_picture(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    struct job j = over_halves(NULL, 0, -1);
    int32_t least = 9999, most = 0;
    for (uint64_t i = 0; i < 60; i++) {
        iml__synth_item it;
        make(&j, i, &it);
        least = IML_MIN(least, it.out.crop[0]), most = IML_MAX(most, it.out.crop[0]);
        assert_true(it.out.crop[0] >= 0 && it.out.crop[0] + it.out.crop[2] <= 800);
        iml__synth_item_done(j.s, &it);
    }
    assert_true(least < 100 && most > 500);
    close_job(&j);
}

// ML-OCR: holes after rotation, noise and erosion reach into alpha.
static void nothing_is_transparent_over_a_background(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const set[] = {"rotation_angle=[-60, 60]",
                                      "noise_amount=0.1",
                                      "erosion_dilation_kernel=3",
                                      "perspective_warp_magnitude=0.4",
                                      "optical_distortion_limit=0.3",
                                      "blur_radius=1",
                                      "background_mode={crop_random: 1, tile: 1, scale: 1}"};
    struct job j = over_halves(set, IML_COUNT_OF(set), IML__COLOUR_RGBA);
    for (uint64_t i = 0; i < 20; i++) {
        iml__synth_item it;
        make(&j, i, &it);
        assert_int_equal(it.out.image.channels, 4);
        for (int32_t y = 0; y < it.out.image.h; y++)
            for (int32_t x = 0; x < it.out.image.w; x++)
                assert_int_equal(iml__image_row(&it.out.image, y)[4 * x + 3], 255);
        iml__synth_item_done(j.s, &it);
    }
    close_job(&j);
}

// A cache saves decoding and changes nothing: none, one byte, room for all.
static void cache_size_changes_nothing(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const size_t bytes[] = {1, 300000, (size_t)1 << 30};
    static const char *const text[] = {"Text"}, *const fonts[] = {DEJAVU},
                             *const set[] = {"background_reuse=2"};
    const char *const dirs[] = {dir};
    uint64_t first[24];
    write_halves("second.png"), write_halves("third.png");
    for (size_t k = 0; k < IML_COUNT_OF(bytes); k++) {
        iml__synth_opts o = options();
        o.texts = text, o.ntexts = 1, o.fonts = fonts, o.nfonts = 1, o.set = set, o.nset = 1;
        o.background_dirs = dirs, o.nbackground_dirs = 1, o.cache_bytes = bytes[k];
        struct job j = must_open(&o);
        for (uint64_t i = 0; i < 24; i++) {
            iml__synth_item it;
            make(&j, i, &it);
            uint64_t h = iml__image_hash(&it.out.image);
            if (!k) first[i] = h;
            assert_int_equal(h, first[i]);
            iml__synth_item_done(j.s, &it);
        }
        close_job(&j);
    }
}

// text_renderer: the colour is chosen against the whole picture's mean, which no letter lies on.
static void contrast_is_that_of_the_crop_under_the_text(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const set[] = {"text_color={min: [0, 0, 0], max: [255, 255, 255]}",
                                      "min_contrast=4.5", "contrast_action=force"};
    struct job j = over_halves(set, 3, -1);
    int black = 0, paper = 0;
    for (uint64_t i = 0; i < 60; i++) {
        iml__synth_item it;
        make(&j, i, &it);
        bool dark = it.out.crop[0] + it.out.crop[2] <= 400, light = it.out.crop[0] >= 400;
        double l = iml__luminance(it.out.lines[0].units[0].rgb) / 65535;
        if (dark) assert_true(l > 0.17), black++; // 4.5 against black
        if (light) assert_true(l < 0.19), paper++;
        assert_true(it.out.contrast >= 4.5);
        iml__synth_item_done(j.s, &it);
    }
    assert_true(black > 5 && paper > 5);
    close_job(&j);
}

// TRDG: pictures whose contrast is too low are dropped, and nobody is told.
static void low_contrast_drops_no_picture(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const set[] = {"text_color=[250, 250, 250]", "min_contrast=15"};
    struct job j = open_text("hardly seen", set, 2);
    for (uint64_t i = 0; i < 5; i++) {
        iml__synth_item it;
        make(&j, i, &it); // best: the best there is, and the label says how good
        assert_true(it.out.contrast < 1.1 && it.out.lines[0].inked);
    }
    close_job(&j);
}

// TRDG: the label of an Arabic picture holds presentation forms in visual order.
static void labels_hold_the_corpus_s_own_bytes(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    struct job j = open_yaml("total_images: 1\nspecifications: [{name: a, proportion: 1, "
                             "text_direction: right_to_left, corpus_file: 'builtin:arabic', "
                             "text_unit: lines, text_length: [4, 30]}]\n");
    for (uint64_t i = 0; i < 60; i++) {
        iml__synth_item it;
        make(&j, i, &it);
        const iml__corpus *c = &j.s->corpora->item[it.text.corpus];
        assert_int_equal(it.text.bytes, it.text.len); // its words have single spaces between them
        assert_memory_equal(c->p + it.text.offset, it.text.utf8, it.text.len);
        for (uint32_t at = 0; at < it.text.len;) {
            utf8proc_int32_t cp;
            at += (uint32_t)utf8proc_iterate((const utf8proc_uint8_t *)it.text.utf8 + at,
                                             it.text.len - at, &cp);
            assert_false(cp >= 0xFB50 && cp <= 0xFEFE);
        }
    }
    close_job(&j);
}

// Ours: bitmaps of one weight, slant or border must not be taken for another's.
static void cached_glyphs_know_their_weight_slant_and_border(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const set[] = {"bold={choice: [0, 0.04]}", "oblique={choice: [0, 14]}",
                                      "border={choice: [0, 2]}", "font_size=40", "padding=10"};
    struct job warm = open_text("ab", set, 5);
    uint64_t hash[40], kinds = 0;
    for (uint64_t i = 0; i < 40; i++) {
        iml__synth_item it;
        make(&warm, i, &it);
        hash[i] = iml__image_hash(&it.out.image);
        kinds |=
            (uint64_t)1 << ((it.plan.num[IML__N_bold] > 0) + 2 * (it.plan.num[IML__N_oblique] > 0) +
                            4 * (it.plan.num[IML__N_border] > 0));
    }
    close_job(&warm);
    assert_int_equal(kinds, 255);          // all eight ways were met
    for (uint64_t i = 0; i < 40; i += 3) { // a typesetter that has drawn nothing yet
        struct job cold = open_text("ab", set, 5);
        iml__synth_item it;
        make(&cold, i, &it);
        assert_int_equal(iml__image_hash(&it.out.image), hash[i]);
        close_job(&cold);
    }
}

// ---- Meaning: weights

// Chi-square at p = 0.001, 3 degrees of freedom: 16.27.
static void fonts_follow_weights_chi2(void **state)
{
    (void)state;
    static const char *const faces[] = {DEJAVU,
                                        "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
                                        "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf",
                                        "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"};
    static const double share[] = {0.1, 0.2, 0.3, 0.4};
    static const char yaml[] =
        "total_images: 1\nfonts: {weights: [{match: '*Sans.ttf', weight: 1}, {match: '*Bold*', "
        "weight: 2}, {match: '*Serif*', weight: 3}, {match: '*', weight: 4}]}\nspecifications: "
        "[{name: a, proportion: 1, text_direction: left_to_right, corpora: [{text: a}], "
        "font_size: 8, padding: 1}]\n";
    enum { N = 4000 };
    uint32_t seen[4] = {0};
    for (size_t k = 0; k < 4; k++)
        if (access(faces[k], R_OK)) skip();
    iml__synth_opts o = options();
    o.config = "t.yaml", o.text = yaml, o.ntext = strlen(yaml), o.background = "white";
    o.fonts = faces, o.nfonts = 4;
    struct job j = must_open(&o);
    for (uint64_t i = 0; i < N; i++) {
        iml__synth_item it;
        make(&j, i, &it);
        const char *path = iml__fontindex_font(j.s->fonts, it.font[0])->path;
        for (size_t k = 0; k < 4; k++) seen[k] += !strcmp(path, faces[k]);
    }
    double chi2 = 0;
    for (size_t k = 0; k < 4; k++) {
        double want = N * share[k], d = seen[k] - want;
        chi2 += d * d / want;
    }
    if (chi2 > 16.27) fail_msg("chi-square %.1f", chi2);
    close_job(&j);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descenders_and_overhangs_are_kept),
        cmocka_unit_test(crops_lie_all_over_the_picture),
        cmocka_unit_test(nothing_is_transparent_over_a_background),
        cmocka_unit_test(cache_size_changes_nothing),
        cmocka_unit_test(contrast_is_that_of_the_crop_under_the_text),
        cmocka_unit_test(low_contrast_drops_no_picture),
        cmocka_unit_test(labels_hold_the_corpus_s_own_bytes),
        cmocka_unit_test(cached_glyphs_know_their_weight_slant_and_border),
        cmocka_unit_test(fonts_follow_weights_chi2),
    };
    test_dir(dir);
    write_halves("halves.png");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_rm(dir);
    return failed;
}

int main(void) { return run_with_items(all); }
