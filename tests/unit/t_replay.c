// t_replay.c: labels make their pictures again, and say so when they cannot.
#include "tests/unit/iml_test.h"

#include "src/base/hash.h"
#include "src/synth/replay.h"
#include "src/synth/synth_job.h"
#include "tests/unit/iml_dir.h"

#define DEJAVU "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
#define SERIF "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf"

static iml_arena arena;
static char dir[64];

static bool have_fonts(void) { return !access(DEJAVU, R_OK) && !access(SERIF, R_OK); }

static iml__synth_opts options(void)
{
    return (iml__synth_opts){
        .format = -1, .colour = -1, .container = -1, .det_unit = -1, .coverage = -1, .count = 1000};
}

// Labels of items 0..n-1 as lines, appended.
static void write_labels(const iml__synth_opts *o, uint64_t n, bool plan, iml__str *out)
{
    static const char *const suffix[] = {"png", "jpg", "webp"};
    iml_err err = {0};
    iml__complaints talk;
    iml__synth *s;
    iml__synth_worker *w;
    iml__complaints_init(&talk);
    if (iml__synth_open(o, &talk, &s, &err)) fail_msg("%s %s", err.msg, iml__str_text(&talk.text));
    assert_ok(iml__synth_worker_new(s, &w, e));
    for (uint64_t i = 0; i < n; i++) {
        iml__synth_item it;
        iml_buf *b;
        char file[64];
        iml__arena_reset(&arena);
        assert_ok(iml__synth_item_make(s, w, i, &arena, NULL, &it, e));
        assert_ok(iml__synth_encode(s, NULL, &arena, &it, &b, e));
        (void)snprintf(file, sizeof file, "%llu.%s", (unsigned long long)i,
                       suffix[s->config->output.format]);
        iml__synth_label(s, &it, file, plan ? NULL : iml_buf_data(b), iml_buf_size(b), 0, out);
        iml_buf_unref(&b);
        iml__synth_item_done(s, &it);
    }
    iml__synth_worker_free(&w);
    iml__synth_close(&s);
    iml__complaints_free(&talk);
}

static iml__replayer *must_replay(const iml__str *labels, const iml__replay_opts *o)
{
    char path[128];
    iml__replayer *r;
    iml_err err = {0};
    test_write(dir, "labels.jsonl", labels->p, labels->n);
    (void)snprintf(path, sizeof path, "%s/labels.jsonl", dir);
    if (iml__replayer_open(path, o, &r, &err)) fail_msg("%s", err.msg);
    return r;
}

// Every label of the text gives its own picture, unedited, and is written as it was.
static void all_identical(const iml__str *labels, size_t n, const char *what)
{
    iml__replay_opts o = {0};
    iml__replayer *r = must_replay(labels, &o);
    assert_int_equal(iml__replayer_count(r), n);
    for (size_t k = 0; k < n; k++) {
        iml__replayed x;
        iml_err err = {0};
        if (iml__replayer_make(r, k, &x, &err)) fail_msg("%s: %s", what, err.msg);
        if (!x.same || x.edited)
            fail_msg("%s: label %zu: %s %s", what, k, x.same ? "" : x.why,
                     x.edited ? "edited" : "");
    }
    iml__replayer_close(&r);
}

static void replay_is_identical(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const fonts[] = {DEJAVU, SERIF};
    static const char *const groups[][8] = {
        {"rotation_angle=[-30,30]", "perspective_warp_magnitude=[0.1,0.3]", "skew_x=[-20,20]",
         "skew_y=[-5,5]", "trapezoid_x=[0,0.3]", "trapezoid_y=[0,0.2]"},
        {"elastic_distortion_alpha=[10,60]", "elastic_distortion_sigma=[3,6]",
         "grid_distortion_steps=[3,6]", "grid_distortion_limit=[1,6]",
         "optical_distortion_limit=[-0.2,0.3]"},
        {"noise_amount=[0.01,0.1]", "gaussian_noise=[2,20]", "blur_radius=[0.3,2]",
         "brightness_factor=[0.7,1.3]", "contrast_factor=[0.7,1.3]", "gamma=[0.6,1.6]"},
        {"cutout_width=[10,60]", "cutout_height=[5,20]", "erosion_dilation_kernel=[1,4]",
         "ink_bleed_radius=[0.2,2]", "opacity=[0.5,1]"},
        {"drop_shadow_offset_x=[-8,8]", "drop_shadow_offset_y=[-8,8]", "drop_shadow_radius=[0,3]",
         "block_shadow_offset_x=[-12,12]", "block_shadow_offset_y=[-4,4]",
         "block_shadow_radius=[0,4]", "drop_shadow_color={min: [0,0,0,0], max: [255,255,255,255]}"},
        {"color_mode=per_glyph", "text_color={min: [0,0,0], max: [255,255,255]}",
         "baseline_jitter=[-3,3]", "glyph_rotation=[-15,15]", "glyph_scale=[0.8,1.3]",
         "per_glyph_palette_size=[2,9]", "min_contrast=4"},
        {"color_mode=gradient", "gradient_start_color={min: [0,0,0], max: [255,255,255]}",
         "gradient_end_color={min: [0,0,0], max: [255,255,255]}", "min_contrast=[1,8]",
         "contrast_action=force", "bold=[0,0.05]", "oblique=[-12,12]"},
        {"curve_type={none: 1, arc: 2, sine: 2}", "arc_radius=[80,400]", "sine_amplitude=[2,12]",
         "sine_frequency=[0.01,0.05]", "sine_phase=[0,6]", "curve_glyphs={rigid: 1, bend: 1}",
         "arc_concave={true: 1, false: 1}"},
        {"lines=[2,4]", "line_break_mode={word: 1, character: 1}", "line_spacing=[0.9,1.6]",
         "text_alignment={left: 1, center: 1, right: 1, justify: 1}", "letter_spacing=[0,4]",
         "word_spacing=[0,9]", "glyph_overlap_intensity=[0,0.3]"},
        {"text_direction={top_to_bottom: 1, bottom_to_top: 1, right_to_left: 1}", "lines=[1,3]",
         "wrap_width={min: 0, max: 200, probability: 0.5}", "padding=[0,40]"},
    };
    static const char *const texts[] = {"The quick brown fox, 12.50 \xe2\x82\xac",
                                        "Grumpy wizards "
                                        "make toxic brew",
                                        "\xce\x93\xce\xb5\xce\xb9\xce\xac jump"};
    iml__str labels;
    iml__str_init(&labels, 1 << 26);
    for (size_t g = 0; g < IML_COUNT_OF(groups); g++)
        for (int format = 0; format < 2; format++) {
            iml__synth_opts o = options();
            o.texts = texts, o.ntexts = 3, o.fonts = fonts, o.nfonts = 2;
            o.set = groups[g];
            while (o.nset < 8 && groups[g][o.nset]) o.nset++;
            o.background = format ? "builtin" : g % 3 == 0 ? "none" : "#88ccee";
            o.format = format, o.quality_lo = 40, o.quality_hi = 95;
            if (g % 4 == 1) o.colour = format ? IML__COLOUR_GREY : IML__COLOUR_AUTO;
            iml__str_clear(&labels);
            write_labels(&o, 8, false, &labels);
            all_identical(&labels, 8, groups[g][0]);
        }
    iml__str_free(&labels);
}

// ---- Whatever is a row of keys.def, today and later

static const char *key_of(int k)
{
    if (k < IML__NUMS) return iml__key_nums[k].rule.key;
    if (k < IML__NUMS + IML__ENUMS) return iml__key_enums[k - IML__NUMS].key;
    return iml__key_colours[k - IML__NUMS - IML__ENUMS].key;
}

// KEY=VALUE with a range for a number, all names of an enumeration, all colours.
static void whole_range(int k, char *set, size_t cap)
{
    const char *key = key_of(k);
    if (k < IML__NUMS) {
        const iml__value_rule *r = &iml__key_nums[k].rule;
        double hi = IML_MIN(r->max, r->neutral + (r->max > 2 ? 4.0 : 0.4));
        (void)snprintf(set, cap, "%s=[%g, %g]", key, r->neutral, hi);
    } else if (k < IML__NUMS + IML__ENUMS) {
        const char *const *names = iml__key_enums[k - IML__NUMS].names;
        size_t at = (size_t)snprintf(set, cap, "%s={%s: 1", key, names[0]);
        for (uint32_t i = 1; names[i]; i++)
            at += (size_t)snprintf(set + at, cap - at, ", %s: 1", names[i]);
        (void)snprintf(set + at, cap - at, "}");
    } else {
        bool alpha = iml__key_colours[k - IML__NUMS - IML__ENUMS].channels == 4;
        (void)snprintf(set, cap, "%s={min: [0,0,0%s], max: [255,255,255%s]}", key,
                       alpha ? ",0" : "", alpha ? ",255" : "");
    }
}

// Keys that need others to have an effect, or have a range of their own (NULL: no effect at all).
static const struct {
    const char *key, *value, *beside[2];
} special[] = {
    {"text_length", NULL, {0}},
    {"max_canvas", NULL, {0}},
    {"background_reuse", NULL, {0}},
    {"image_height", "40", {0}},
    {"max_width", "150", {0}},
    {"wrap_width", "[80,200]", {0}},
    {"arc_radius", "[90,300]", {"curve_type=arc"}},
    {"arc_max_span", "[60,180]", {"curve_type=arc", "arc_radius=60"}},
    {"arc_concave", "", {"curve_type=arc", "arc_radius=90"}},
    {"curve_type", "", {"arc_radius=200"}},
    {"curve_glyphs", "", {"curve_type=arc", "arc_radius=90"}},
    {"sine_amplitude", "", {"curve_type=sine", "sine_frequency=0.05"}},
    {"sine_frequency", "[0.01,0.05]", {"curve_type=sine", "sine_amplitude=9"}},
    {"sine_phase", "", {"curve_type=sine", "sine_amplitude=9"}},
    {"elastic_distortion_alpha", "[5,20]", {"elastic_distortion_sigma=4"}},
    {"elastic_distortion_sigma", "[3,5]", {"elastic_distortion_alpha=20"}},
    {"grid_distortion_steps", "", {"grid_distortion_limit=3"}},
    {"grid_distortion_limit", "", {"grid_distortion_steps=4"}},
    {"per_glyph_palette_size", "", {"color_mode=per_glyph"}},
    {"gradient_start_color", "", {"color_mode=gradient"}},
    {"gradient_end_color", "", {"color_mode=gradient"}},
    {"cutout_width", "", {"cutout_height=9"}},
    {"cutout_height", "", {"cutout_width=9"}},
    {"drop_shadow_radius", "", {"drop_shadow_offset_x=4"}},
    {"drop_shadow_color", "", {"drop_shadow_offset_x=4"}},
    {"block_shadow_radius", "", {"block_shadow_offset_x=4"}},
    {"block_shadow_color", "", {"block_shadow_offset_x=4"}},
    {"border_color", "", {"border=2"}},
};

static void every_key_replays(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const fonts[] = {DEJAVU, SERIF}, *const text = "Every key, 12 g\xc3\xbc";
    iml__str labels;
    iml__str_init(&labels, 1 << 26);
    for (int k = 0; k < IML__NUMS + IML__ENUMS + IML__COLOURS; k++) {
        char set[512];
        const char *sets[4] = {set, "font_size=[20,30]"};
        size_t i = 0, n = 2;
        whole_range(k, set, sizeof set);
        while (i < IML_COUNT_OF(special) && strcmp(special[i].key, key_of(k))) i++;
        if (i < IML_COUNT_OF(special)) {
            if (!special[i].value) continue;
            if (*special[i].value)
                (void)snprintf(set, sizeof set, "%s=%s", key_of(k), special[i].value);
            for (size_t b = 0; b < 2 && special[i].beside[b]; b++) sets[n++] = special[i].beside[b];
        }
        iml__synth_opts o = options();
        o.texts = &text, o.ntexts = 1, o.fonts = fonts, o.nfonts = 2;
        o.set = sets, o.nset = n, o.background = k % 3 ? "builtin" : "#88ccee";
        iml__str_clear(&labels);
        write_labels(&o, 4, false, &labels);
        all_identical(&labels, 4, set);
    }
    iml__str_free(&labels);
}

static void axes_and_features_replay(void **state)
{
    (void)state;
    static const char *const font = IML_SOURCE_DIR "/tests/data/fonts/boxes-vf.ttf",
                             *const text = "Boxes vary",
                             *const set[] = {"variations={wght: [100, 900]}",
                                             "features=[\"-kern\", liga]"};
    iml__str labels;
    iml__replay_opts none = {0};
    iml__synth_opts o = options();
    iml__str_init(&labels, 1 << 26);
    o.texts = &text, o.ntexts = 1, o.fonts = &font, o.nfonts = 1, o.set = set, o.nset = 2;
    write_labels(&o, 6, false, &labels);
    all_identical(&labels, 6, "variations");
    assert_non_null(strstr(labels.p, "\"features\":[\"-kern\",\"liga\"]"));
    for (int k = 0; k < 2; k++) { // other values are told
        char *at = strstr(labels.p, k ? "\"-kern\"" : "\"wght\":");
        at[k ? 1 : 7] = k ? '+' : at[7] == '9' ? '8' : '9';
        iml__replayer *r = must_replay(&labels, &none);
        iml__replayed x;
        assert_ok(iml__replayer_make(r, 0, &x, e));
        assert_true(x.edited);
        iml__replayer_close(&r);
    }
    iml__str_free(&labels);
}

static void default_specifications_replay(void **state)
{
    (void)state;
    iml__str labels;
    iml__synth_opts o = options();
    iml__str_init(&labels, 1 << 26);
    write_labels(&o, 42, false, &labels);
    all_identical(&labels, 42, "embedded default");
    iml__str_clear(&labels);
    write_labels(&o, 5, true, &labels); // plans have no hash to hold against
    all_identical(&labels, 5, "plan");
    iml__str_free(&labels);
}

// Replaces the first `from` of the label by `to`, which is made as long.
static void edit(iml__str *s, const char *from, const char *to)
{
    char *at = strstr(s->p, from);
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
}

static void one_label(iml__str *out)
{
    static const char *const text = "Hamburgefonts", *const font = DEJAVU,
                             *const set = "blur_radius=1.5";
    iml__synth_opts o = options();
    o.texts = &text, o.ntexts = 1, o.fonts = &font, o.nfonts = 1, o.set = &set, o.nset = 1;
    o.background = "white";
    iml__str_clear(out);
    write_labels(&o, 1, false, out);
}

static void edited_label_says_so(void **state)
{
    (void)state;
    static const char *const edits[][2] = {
        {"\"text\":\"Hamb", "\"text\":\"Limb"},
        {"\"blur_radius\":1.5", "\"blur_radius\":0.5"},
        {"\"text_color\":[0,", "\"text_color\":[9,"},
        {"\"seed\":0", "\"seed\":7"},
        {"\"colour\",\"colour\":[255", "\"colour\",\"colour\":[200"}};
    if (!have_fonts()) skip();
    iml__str s;
    iml__replay_opts o = {0};
    iml__str_init(&s, 1 << 20);
    for (size_t k = 0; k < IML_COUNT_OF(edits); k++) {
        iml__replayed x;
        one_label(&s);
        edit(&s, edits[k][0], edits[k][1]);
        iml__replayer *r = must_replay(&s, &o);
        assert_ok(iml__replayer_make(r, 0, &x, e));
        if (!x.edited) fail_msg("%s is not told", edits[k][1]);
        assert_true(k == 3 || !x.same); // nothing of this picture comes from the seed
        assert_non_null(strstr(x.text->p, k == 0 ? "Limburgefonts" : "Hamburgefonts"));
        iml__replayer_close(&r);
    }
    iml__str_free(&s);
}

static void a_difference_names_its_cause(void **state)
{
    (void)state;
    static const char *const wrong[][3] = {
        {"\"xxh3\":\"", "\"xxh3\":\"", "encoder"},
        {"\"tables\":1,", "\"tables\":7,", "tables 7"},
        {"\"harfbuzz\":\"", "\"harfbuzz\":\"", "HarfBuzz"},
    };
    if (!have_fonts()) skip();
    iml__str s;
    iml__replay_opts o = {0};
    iml__str_init(&s, 1 << 20);
    for (size_t k = 0; k < IML_COUNT_OF(wrong); k++) {
        iml__replayed x;
        one_label(&s);
        char *hash = strstr(s.p, "\"xxh3\":\"") + 8;
        *hash = *hash == '0' ? '1' : '0';
        edit(&s, wrong[k][0], wrong[k][1]);
        if (k == 2) *(strstr(s.p, "\"harfbuzz\":\"") + 12) = 'X';
        iml__replayer *r = must_replay(&s, &o);
        assert_ok(iml__replayer_make(r, 0, &x, e));
        assert_false(x.same || x.edited);
        if (!strstr(x.why, wrong[k][2])) fail_msg("%s", x.why);
        iml__replayer_close(&r);
    }
    iml__str_free(&s);
}

static void fonts_are_found_by_contents(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const dirs[] = {"/usr/share/fonts/truetype/dejavu"};
    iml__str s;
    iml__replayed x;
    iml_err err = {0};
    iml__replay_opts o = {.font_dirs = dirs, .nfont_dirs = 1};
    iml__str_init(&s, 1 << 20);
    one_label(&s);
    edit(&s, DEJAVU, "/nowhere/e/fonts/truetype/dejavu/DejaVuSans.ttf"); // gone from its path
    iml__replayer *r = must_replay(&s, &o);
    assert_ok(iml__replayer_make(r, 0, &x, e));
    assert_true(x.same && !x.edited);
    iml__replayer_close(&r);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/labels.jsonl", dir);
    o.nfont_dirs = 0;
    assert_int_equal(iml__replayer_open(path, &o, &r, &err), IML_EINPUT);
    assert_null(r);
    // Other contents at the path: drawn, and the file is named if the picture is another.
    one_label(&s);
    char *sha = strstr(s.p, "\"sha256\":\"") + 10;
    memset(sha, 'a', 64);
    char *hash = strstr(s.p, "\"xxh3\":\"") + 8;
    *hash = *hash == '0' ? '1' : '0';
    r = must_replay(&s, &o);
    assert_ok(iml__replayer_make(r, 0, &x, e));
    assert_false(x.same);
    assert_non_null(strstr(x.why, "DejaVuSans.ttf has other contents"));
    iml__replayer_close(&r);
    iml__str_free(&s);
}

static void broken_labels_are_refused(void **state)
{
    (void)state;
    static const char *const edits[][2] = {{"\"imloom\":1", "\"imloom\":2"},
                                           {"\"mode\":\"RGB\"", "\"mode\":\"RGC\""},
                                           {"\"blur_radius\":1.5", "\"blur_radius\":1e5"},
                                           {"\"font_size\":32", "\"font_size\":01"},
                                           {"\"kind\":\"colour\"", "\"kind\":\"cheese\""},
                                           {"\"font\":{", "\"fond\":{"},
                                           {"\"text\":\"Ham", "\"tuxt\":\"Ham"},
                                           {"\"file\":\"0.png", "\"file\":\"/.png"},
                                           {"\"sha256\":\"", "\"sha255\":\""}};
    if (!have_fonts()) skip();
    iml__str s;
    iml__replay r;
    iml_err err;
    iml__str_init(&s, 1 << 20);
    one_label(&s);
    iml__arena_reset(&arena);
    assert_ok(iml__replay_read("x", s.p, s.n, &arena, &r, e));
    for (size_t k = 0; k < IML_COUNT_OF(edits); k++) {
        one_label(&s);
        edit(&s, edits[k][0], edits[k][1]);
        iml__arena_reset(&arena);
        if (iml__replay_read("x", s.p, s.n, &arena, &r, &err) != IML_EINPUT)
            fail_msg("%s was read", edits[k][1]);
    }
    one_label(&s);
    for (size_t n = 0; n + 2 < s.n; n += 7) { // cut anywhere
        iml__arena_reset(&arena);
        assert_int_equal(iml__replay_read("x", s.p, n, &arena, &r, &err), IML_EINPUT);
    }
    iml__str_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replay_is_identical),
        cmocka_unit_test(every_key_replays),
        cmocka_unit_test(axes_and_features_replay),
        cmocka_unit_test(default_specifications_replay),
        cmocka_unit_test(edited_label_says_so),
        cmocka_unit_test(a_difference_names_its_cause),
        cmocka_unit_test(fonts_are_found_by_contents),
        cmocka_unit_test(broken_labels_are_refused),
    };
    iml_err e;
    if (iml__arena_open(&arena, (size_t)1 << 30, -1, &e)) return 1;
    test_dir(dir);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_rm(dir);
    iml__arena_close(&arena);
    return failed;
}
