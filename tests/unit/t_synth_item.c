// t_synth_item.c: whole items: repeatable, labels true to their pictures, resources refused in
// time.
#include "tests/unit/items.h"

#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/codec/codec.h"
#include "src/synth/synth.h"

#include <math.h>
#include <unistd.h>
#include <utf8proc.h>

static uint64_t label_hash(struct job *j, const iml__synth_item *it)
{
    iml__str_clear(&j->w->label);
    iml__synth_label(j->s, it, "x.png", (const uint8_t *)"", 0, 0, &j->w->label);
    return iml__xxh3(j->w->label.p, j->w->label.n);
}

// ---- The embedded default

static void items_depend_on_their_index_alone(void **state)
{
    (void)state;
    enum { N = 28 };
    uint64_t picture[N], label[N];
    iml__synth_opts o = options();
    struct job a = must_open(&o), b;
    iml__synth_item it;
    for (uint64_t i = 0; i < N; i++) {
        make(&a, i, &it);
        picture[i] = iml__image_hash(&it.out.image), label[i] = label_hash(&a, &it);
        iml__synth_item_done(a.s, &it);
    }
    o.count = 12345; // items do not depend on how many there are
    b = must_open(&o);
    assert_int_equal(a.s->config_hash, b.s->config_hash);
    for (uint64_t i = N; i-- > 0;) {
        make(&b, i, &it);
        assert_int_equal(iml__image_hash(&it.out.image), picture[i]);
        assert_int_equal(label_hash(&b, &it), label[i]);
        iml__synth_item_done(b.s, &it);
    }
    close_job(&a), close_job(&b);
}

static bool inside(const double *xy, size_t n, const iml_image *m)
{
    for (size_t k = 0; k < n; k++)
        if (xy[2 * k] < 0 || xy[2 * k] > m->w || xy[2 * k + 1] < 0 || xy[2 * k + 1] > m->h)
            return false;
    return true;
}

static void labels_are_true_to_their_pictures(void **state)
{
    (void)state;
    iml__synth_opts o = options();
    struct job j = must_open(&o);
    uint32_t seen = 0, units = 0;
    for (uint64_t i = 0; i < 56; i++) {
        iml__synth_item it;
        make(&j, i, &it);
        seen |= 1u << it.plan.spec;
        uint32_t at = 0;
        for (uint32_t k = 0; k < it.block.nlines; k++) {
            const iml__lay_line *l = &it.block.lines[k];
            assert_true(l->byte0 >=
                        at); // what stands between lines is white space that a break ate
            for (uint32_t b = at; b < l->byte0; b++) assert_true(it.text.utf8[b] == ' ');
            at = l->byte0;
            for (uint32_t u = 0; u < l->nunits; u++, units++) {
                utf8proc_int32_t cp;
                assert_int_equal(l->units[u].byte0, at); // unit texts concatenate
                at = l->units[u].byte1;
                (void)utf8proc_iterate((const utf8proc_uint8_t *)it.text.utf8 + l->units[u].byte0,
                                       -1, &cp);
                utf8proc_category_t cat = utf8proc_category(cp);
                assert_true(cat != UTF8PROC_CATEGORY_MN && cat != UTF8PROC_CATEGORY_MC);
                const iml__render_unit *r = &it.out.lines[k].units[u];
                if (r->inked && !inside(r->quad, 4, &it.out.image))
                    fail_msg("item %d: a quad leads out of the picture", (int)i);
            }
            assert_int_equal(at, l->byte1);
        }
        assert_int_equal(at, it.text.len);
        assert_true(!it.out.has_contrast || it.out.contrast >= 3); // min_contrast of the default
        iml__synth_item_done(j.s, &it);
    }
    assert_int_equal(seen, (1u << j.s->config->nspec) - 1); // every script within four rounds
    assert_true(units > 500);
    close_job(&j);
}

// Keys of every object of a label, in their order; docs/label.schema.json says what they hold.
static const struct {
    const char *where; // the keys that lead there
    const char *keys[20];
} orders[] = {
    {"",
     {"imloom", "index", "seed", "spec", "image", "text", "direction", "script", "language",
      "num_lines", "font", "fallback_fonts", "lines", "params", "background", "corpus", "contrast",
      "replay"}},
    {".image", {"file", "width", "height", "mode", "xxh3"}},
    {".font", {"path", "face", "family", "style", "sha256", "size_px", "variations", "features"}},
    {".fallback_fonts", {"path", "face", "family", "style", "sha256"}},
    {".lines", {"text", "byte_range", "quad", "polygon", "cell", "baseline", "words", "clusters"}},
    {".lines.words", {"text", "range", "quad", "clusters"}},
    {".lines.clusters",
     {"text", "range", "graphemes", "quad", "cell", "visible", "colour", "font"}},
    {".corpus", {"file", "offset", "bytes"}},
    {".replay", {"tables", "config", "attempt", "freetype", "harfbuzz", "decisions"}},
    {".replay.attempt", {"text", "font", "background"}},
};

static void check_value(iml__jsonr *r, enum iml__json_type type, const char *where);

static void check_object(iml__jsonr *r, const char *where)
{
    enum iml__json_type type;
    const char *const *want = NULL;
    char below[96];
    size_t n = 0;
    for (size_t k = 0; k < IML_COUNT_OF(orders); k++)
        if (!strcmp(orders[k].where, where)) want = orders[k].keys;
    for (;;) {
        assert_ok(iml__jsonr_next(r, &type, e));
        if (type == IML__JSON_END) break;
        assert_int_equal(type, IML__JSON_KEY);
        if (want && (!want[n] || strcmp(iml__str_text(&r->token), want[n]) != 0))
            fail_msg("%s: key %zu is %s, not %s", where, n, iml__str_text(&r->token),
                     want[n] ? want[n] : "none");
        n++;
        (void)snprintf(below, sizeof below, "%.60s.%.30s", where, iml__str_text(&r->token));
        assert_ok(iml__jsonr_next(r, &type, e));
        check_value(r, type, below);
    }
    if (want && want[n]) fail_msg("%s lacks %s", where, want[n]);
}

static void check_value(iml__jsonr *r, enum iml__json_type type, const char *where)
{
    if (type == IML__JSON_OBJECT) check_object(r, where);
    if (type != IML__JSON_ARRAY) return;
    for (;;) {
        assert_ok(iml__jsonr_next(r, &type, e));
        if (type == IML__JSON_END) return;
        check_value(r, type, where);
    }
}

static void json_matches_schema(void **state)
{
    (void)state;
    iml__synth_opts o = options();
    struct job j = must_open(&o);
    for (uint64_t i = 0; i < 14; i++)
        for (int indent = 0; indent < 2; indent++) {
            iml__synth_item it;
            iml__jsonr r;
            enum iml__json_type type;
            make(&j, i, &it);
            iml__str_clear(&j.w->label);
            iml__synth_label(j.s, &it, "x.png", (const uint8_t *)"abc", 3, indent, &j.w->label);
            assert_int_equal(j.w->label.failed, IML_OK);
            if (!indent)
                assert_ptr_equal(strchr(j.w->label.p, '\n'),
                                 j.w->label.p + j.w->label.n - 1); // one line
            iml__jsonr_init(&r, "label", j.w->label.p, j.w->label.n);
            assert_ok(iml__jsonr_next(&r, &type, e));
            check_value(&r, type, "");
            iml__jsonr_free(&r);
            iml__synth_item_done(j.s, &it);
        }
    close_job(&j);
}

// ---- Meaning

static void shadow_moves_no_box(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const with[] = {"drop_shadow_offset_x=-9", "drop_shadow_offset_y=-7",
                                       "drop_shadow_radius=3", "block_shadow_offset_x=-20"};
    struct job a = open_text("jolly Wave f", NULL, 0), b = open_text("jolly Wave f", with, 4);
    iml__synth_item x, y;
    double quads[64][8];
    make(&a, 3, &x);
    uint32_t n = x.block.lines[0].nunits;
    for (uint32_t u = 0; u < n; u++)
        memcpy(quads[u], x.out.lines[0].units[u].quad, sizeof quads[u]);
    uint64_t plain = iml__image_hash(&x.out.image);
    int32_t w = x.out.image.w, h = x.out.image.h;
    make(&b, 3, &y);
    assert_true(y.out.image.w == w && y.out.image.h == h);
    assert_true(iml__image_hash(&y.out.image) != plain);
    for (uint32_t u = 0; u < n; u++)
        if (y.out.lines[0].units[u].inked)
            assert_memory_equal(quads[u], y.out.lines[0].units[u].quad, sizeof quads[u]);
    close_job(&a), close_job(&b);
}

static void no_ink_on_the_border(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const set[] = {"padding=1",
                                      "rotation_angle=[-40, 40]",
                                      "perspective_warp_magnitude=[0, 0.3]",
                                      "font_size=[20, 60]",
                                      "curve_type={none: 1, arc: 1, sine: 1}",
                                      "arc_radius=[100, 400]",
                                      "sine_amplitude=[3, 15]",
                                      "sine_frequency=[0.01, 0.03]"};
    struct job j = open_text("fjÅgy Qjf", set, IML_COUNT_OF(set));
    for (uint64_t i = 0; i < 40; i++) {
        iml__synth_item it;
        make(&j, i, &it);
        const iml_image *m = &it.out.image;
        for (int32_t x = 0; x < m->w; x++)
            if (iml__image_row(m, 0)[3 * x] != 255 || iml__image_row(m, m->h - 1)[3 * x] != 255)
                fail_msg("item %d: ink in the first or last row", (int)i);
        for (int32_t y = 0; y < m->h; y++)
            if (iml__image_row(m, y)[0] != 255 || iml__image_row(m, y)[3 * (m->w - 1)] != 255)
                fail_msg("item %d: ink in the first or last column", (int)i);
    }
    close_job(&j);
}

static void uniform_colour_is_obeyed(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const set[] = {"text_color={min: [200, 0, 0], max: [255, 40, 40]}",
                                      "font_size=60"};
    struct job j = open_text("HHH", set, 2);
    for (uint64_t i = 0; i < 10; i++) {
        iml__synth_item it;
        bool met = false;
        make(&j, i, &it);
        const uint8_t *want = it.plan.colour[IML__C_text_color];
        assert_true(want[0] >= 200 && want[1] <= 40 && want[2] <= 40);
        for (int32_t y = 0; y < it.out.image.h && !met; y++)
            for (int32_t x = 0; x < it.out.image.w && !met; x++)
                met = !memcmp(iml__image_row(&it.out.image, y) + 3 * x, want, 3);
        assert_true(met);
    }
    close_job(&j);
}

static void contrast_is_forced_where_no_draw_reaches_it(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const set[] = {"text_color={min: [240, 240, 240], max: [255, 255, 255]}",
                                      "min_contrast=4", "contrast_action=force"};
    struct job j = open_text("Hello", set, 3);
    iml__synth_item it;
    make(&j, 0, &it);
    assert_true(it.out.ink_forced && it.out.contrast > 20 && it.out.forced_rgb[0] == 0);
    close_job(&j);
}

static void a_text_is_drawn_whole_whatever_its_length(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    struct job j = open_text("Hi", NULL, 0);
    iml__synth_item it;
    make(&j, 0, &it);
    assert_string_equal(it.text.utf8, "Hi");
    close_job(&j);
}

// ---- Bad input

static void refused(const iml__synth_opts *o, const char *want)
{
    struct job j;
    iml_status st = open_job(o, &j);
    close_job(&j);
    if (!st) fail_msg("accepted; wanted: %s", want);
    if (!strstr(iml__str_text(&talk.text), want))
        fail_msg("got: %s\nwanted: %s", iml__str_text(&talk.text), want);
}

static void what_is_missing_is_told_before_the_first_item(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const nowhere[] = {"/nowhere/at/all"}, *const text[] = {"abc"},
                             *const dejavu[] = {DEJAVU};
    static const char *const no_font[] = {"font_filter='*NoSuchFont*'"}, *const klingon[] = {
                                                                             "klingon"};
    static const char *const empty[] = {IML_SOURCE_DIR "/tests/unit"};
    iml__synth_opts o = options();
    o.texts = text, o.ntexts = 1, o.font_dirs = nowhere, o.nfont_dirs = 1;
    refused(&o, "/nowhere/at/all");
    o.font_dirs = empty; // a directory without fonts
    refused(&o, "font");
    o.nfont_dirs = 0, o.fonts = dejavu, o.nfonts = 1, o.background = "purple-ish";
    refused(&o, "--background purple-ish: images builtin none");
    o.background = "images";
    refused(&o, "give a --background-dir");
    o.background = NULL, o.background_dirs = nowhere, o.nbackground_dirs = 1;
    refused(&o, "/nowhere/at/all");
    o.nbackground_dirs = 0, o.set = no_font, o.nset = 1;
    refused(&o, "specification 'text': no usable face matches font_filter '*NoSuchFont*'");
    o.nset = 0, o.ntexts = 0, o.corpora = nowhere, o.ncorpora = 1;
    refused(&o, "/nowhere/at/all");
    o = options(), o.scripts = klingon, o.nscripts = 1;
    refused(&o, "--script klingon: no such specification");
}

static void an_empty_background_directory_is_transparent(void **state)
{
    (void)state;
    if (!have_fonts()) skip();
    static const char *const text[] = {"abc"}, *const dejavu[] = {DEJAVU},
                             *const empty[] = {IML_SOURCE_DIR "/tests/unit"};
    iml__synth_opts o = options();
    o.texts = text, o.ntexts = 1, o.fonts = dejavu, o.nfonts = 1, o.background_dirs = empty,
    o.nbackground_dirs = 1;
    struct job j = must_open(&o);
    iml__synth_item it;
    assert_non_null(strstr(iml__str_text(&j.s->notes), "no pictures"));
    make(&j, 0, &it);
    assert_int_equal(it.out.image.channels, 4);
    close_job(&j);
}

// ---- Bytes. With the font and the FreeType that the figures were made with; scalar and SIMD
// alike.

static void golden_items_keep_their_bytes(void **state)
{
    (void)state;
    static const char font[] = "abdc775b21b1bc470d50c97e790d276f2054b7504e56e5bd3e64f48d68582322";
    static const char *const set[][3] = {
        {"padding=10", "font_size=32", "lines=1"},
        {"rotation_angle=[-9, 9]", "blur_radius=[0, 2]", "noise_amount=[0, 0.02]"},
        {"elastic_distortion_alpha=20", "elastic_distortion_sigma=6", "gaussian_noise=8"},
        {"curve_type=arc", "arc_radius=200", "drop_shadow_offset_x=4"},
    };
    static const uint64_t want[IML_COUNT_OF(set)] = {0xde4467872f424c87, 0xb4589db4137f2e91,
                                                     0x4b8804368b8a8f19, 0xf8e63740c63bbc8a};
    if (!have_fonts()) skip();
    for (size_t k = 0; k < IML_COUNT_OF(set); k++) {
        struct job j = open_text("Golden Hamburgefonstiv 0123", set[k], 3);
        uint64_t sum = 0;
        bool same = !strcmp(iml__fontindex_font(j.s->fonts, 0)->sha256, font) &&
                    !strcmp(j.s->freetype, "2.12.1");
        for (uint64_t i = 0; i < 5 && same; i++) {
            iml__synth_item it;
            make(&j, i, &it);
            sum = sum * 31 + iml__image_hash(&it.out.image);
        }
        close_job(&j);
        if (!same) skip();
        if (sum != want[k]) fail_msg("set %zu: 0x%016llx", k, (unsigned long long)sum);
    }
}

int main(void)
{
    iml_err e;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_depend_on_their_index_alone),
        cmocka_unit_test(labels_are_true_to_their_pictures),
        cmocka_unit_test(json_matches_schema),
        cmocka_unit_test(shadow_moves_no_box),
        cmocka_unit_test(no_ink_on_the_border),
        cmocka_unit_test(uniform_colour_is_obeyed),
        cmocka_unit_test(contrast_is_forced_where_no_draw_reaches_it),
        cmocka_unit_test(a_text_is_drawn_whole_whatever_its_length),
        cmocka_unit_test(what_is_missing_is_told_before_the_first_item),
        cmocka_unit_test(an_empty_background_directory_is_transparent),
        cmocka_unit_test(golden_items_keep_their_bytes),
    };
    if (iml__arena_open(&arena, (size_t)1 << 32, -1, &e)) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    iml__arena_close(&arena);
    iml__complaints_free(&talk);
    return failed;
}
