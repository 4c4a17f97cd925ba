// t_synth_config.c: configurations: all keys, all errors at once, what is printed reads back.
#include "tests/unit/iml_test.h"

#include "src/synth/alloc.h"
#include "src/synth/config.h"
#include "src/synth/itemplan.h"

#include <math.h>

static iml__complaints talk;

#define HEAD                                                                                       \
    "total_images: 10\nspecifications:\n  - {name: a, proportion: 1, text_direction: "             \
    "left_to_right, corpus_file: a.txt"

static iml_status read_sets(const char *text, const char *const *set, size_t nset, iml__config **c)
{
    iml_err e;
    iml__complaints_free(&talk);
    iml__complaints_init(&talk);
    return iml__config_read(c, "t.yaml", text, strlen(text), set, nset, true, &talk, &e);
}

static iml__config *good(const char *text)
{
    iml__config *c;
    if (read_sets(text, NULL, 0, &c)) fail_msg("%s: %s", text, iml__str_text(&talk.text));
    return c;
}

static void bad(const char *text, const char *want)
{
    iml__config *c;
    assert_int_equal(read_sets(text, NULL, 0, &c), IML_EARG);
    assert_null(c);
    if (!strstr(iml__str_text(&talk.text), want))
        fail_msg("%s:\n%s\nlacks: %s", text, iml__str_text(&talk.text), want);
}

static void defaults_are_those_of_the_older_tool(void **state)
{
    (void)state;
    iml__config *c = good(HEAD "}\n");
    const iml__spec *s = &c->spec[0];
    assert_true(s->num[IML__N_text_length].lo == 10 && s->num[IML__N_text_length].hi == 50);
    assert_int_equal(s->num[IML__N_rotation_angle].dist, IML__DIST_NORMAL);
    assert_int_equal(s->num[IML__N_blur_radius].dist, IML__DIST_EXPONENTIAL);
    assert_true(s->num[IML__N_font_size].lo == 32);
    assert_true(s->en[IML__E_arc_concave].weight[1] == 1);
    assert_int_equal(s->colour[IML__C_drop_shadow_color].lo[3], 128);
    assert_int_equal(c->output.labels, IML__LABEL(json));
    iml__config_free(&c);
}

static void both_forms_of_a_key_mean_the_same(void **state)
{
    (void)state;
    iml__config *a =
        good(HEAD ", blur_radius_min: 0, blur_radius_max: 2, blur_radius_distribution: uniform, "
                  "min_text_length: 3, max_text_length: 9, text_color_min: [0, 0, 0], "
                  "text_color_max: [9, 8, 7]}\n");
    iml__config *b = good(HEAD ", blur_radius: [0, 2], text_length: [3, 9], text_color: {min: [0, "
                               "0, 0], max: [9, 8, 7]}}\n");
    iml__str x, y;
    iml__str_init(&x, 1 << 20), iml__str_init(&y, 1 << 20);
    iml__config_print(a, true, &x), iml__config_print(b, true, &y);
    assert_string_equal(iml__str_text(&x), iml__str_text(&y));
    iml__str_free(&x), iml__str_free(&y);
    iml__config_free(&a), iml__config_free(&b);
}

static void layers_go_defaults_specification_set(void **state)
{
    (void)state;
    static const char *const set[] = {"font_size=[20, 30]", "curve_type={none: 1, arc: 2}"};
    iml__config *c;
    const char *text = "total_images: 5\ndefaults: {font_size: 40, blur_radius: 1, padding: 3}\n"
                       "specifications:\n  - {name: a, proportion: 1, text_direction: "
                       "left_to_right, corpus_file: a, blur_radius: 2}\n";
    if (read_sets(text, set, 2, &c)) fail_msg("%s", iml__str_text(&talk.text));
    assert_true(c->spec[0].num[IML__N_padding].lo == 3);
    assert_true(c->spec[0].num[IML__N_blur_radius].lo == 2);
    assert_true(c->spec[0].num[IML__N_font_size].lo == 20 &&
                c->spec[0].num[IML__N_font_size].hi == 30);
    assert_true(c->spec[0].en[IML__E_curve_type].weight[1] == 2);
    iml__config_free(&c);
    static const char *const wrong[] = {"font_size=huge", "colour"};
    assert_int_equal(read_sets(text, wrong, 2, &c), IML_EARG);
    assert_non_null(
        strstr(iml__str_text(&talk.text), "--set:1:12: font_size: huge is not an integer"));
    assert_non_null(strstr(iml__str_text(&talk.text), "--set colour: KEY=VALUE is needed"));
}

static void every_row_of_bad_input_is_refused_with_its_place(void **state)
{
    (void)state;
    bad("a: [", "t.yaml:");
    bad(HEAD ", rotaton_angle: 3}\n",
        "t.yaml:3:81: unknown key 'rotaton_angle'; did you mean 'rotation_angle'?");
    bad(HEAD ", blur_radius_mim: 3}\n", "did you mean 'blur_radius_min'?");
    bad(HEAD ", blur_radius: 1, blur_radius: 2}\n", "duplicate key 'blur_radius'");
    bad(HEAD ", blur_radius: thick}\n", "blur_radius: thick is not a number");
    bad(HEAD ", blur_radius: .nan}\n", "not a number");
    bad(HEAD ", blur_radius: .inf}\n", "not a number");
    bad(HEAD ", blur_radius_min: 3, blur_radius_max: 1}\n", "min 3 is above max 1");
    bad(HEAD ", blur_radius: 3, blur_radius_max: 5}\n", "one of the two forms");
    bad(HEAD ", font_size: 3}\n", "out of range, 4 to 2000");
    bad(HEAD ", line_spacing: 0}\n", "above 0 to 10");
    bad(HEAD ", curve_type: spiral}\n", "known are none arc sine");
    bad(HEAD ", text_color_min: [0, 0, 300]}\n", "out of range, 0 to 255");
    bad(HEAD ", text_color_min: [9, 9, 9]}\n", "min 9 is above max 0 in channel 1");
    bad(HEAD ", arc_radius: 100}\n", "arc_radius is set but curve_type is none");
    bad(HEAD "}\n  - {name: a, proportion: 1, text_direction: left_to_right, corpus_file: a.txt}\n",
        "'a' is used twice");
    bad("total_images: 1\nspecifications: [{name: a, proportion: 0.4, text_direction: "
        "left_to_right, corpus_file: x}]\n",
        "sum up to 0.4, they must make 1");
    bad("total_images: 1\nspecifications: []\n", "list that is not empty");
    bad("specifications: [{name: a}]\n", "total_images is missing");
    bad("total_images: 1\nspecifications: [{proportion: 1}]\n", "name is missing");
    bad("total_images: 1\nspecifications: [{name: a, proportion: 1}]\n",
        "text_direction is missing: left_to_right");
    bad("total_images: 1\nspecifications: [{name: a, proportion: 1, text_direction: "
        "left_to_right}]\n",
        "corpus_file is missing");
    bad("total_images: 0\nspecifications: [{name: a}]\n", "total_images: 0 is out of range");
    bad(HEAD "}\nseed: -1\n", "seed: a number from 0");
    bad(HEAD "}\noutput: {format: gif}\n", "unknown value gif");
    bad(HEAD "}\noutput: {labels: [json, xml]}\n", "unknown value xml");
    bad(HEAD "}\noutput: {quality: [90, 20]}\n", "min is above max");
    bad(HEAD "}\nspecs: 3\n", "unknown key 'specs'");
    bad(HEAD ", corpora: [{file: a, text: b}]}\n", "beside corpus_file");
    bad(HEAD ", fonts: {paths: []}}\n", "fonts.paths: a list that is not empty");
    bad(HEAD ", fonts: {path: x}}\n", "fonts: unknown key 'path'; did you mean 'paths'?");
    bad(HEAD ", fonts: {weights: [{weight: 2}]}}\n", "fonts.weights: `match` is missing");
    bad(HEAD ", fonts: {fallback: [{path: a, weight: 2}]}}\n", "unknown key 'weight'");
    bad(HEAD ", fonts: {on_missing_glyph: skipp}}\n", "did you mean 'skip'?");
    bad(HEAD ", fonts: {on_missing_glyph: skip}, on_missing_glyph: error}\n",
        "stands beside on_missing_glyph");
    bad(HEAD ", backgrounds: {mode: tile}, background_mode: scale}\n",
        "stands beside background_mode");
    bad(HEAD "}\nbackgrounds: {weights: [{match: a, weight: -1}]}\n", "out of range");
}

static void all_errors_are_told_at_once(void **state)
{
    (void)state;
    iml__config *c;
    assert_int_equal(read_sets("total_images: x\nspecifications:\n  - {name: a, proportion: 7, "
                               "text_direction: sideways, "
                               "corpus_file: a, blur_radius: thick, font_sise: 3}\n",
                               NULL, 0, &c),
                     IML_EARG);
    assert_int_equal(talk.n, 6); // total, proportion, direction, blur, key, sum of shares
}

static void what_is_printed_reads_back_as_the_same(void **state)
{
    (void)state;
    iml__config *a = good(
        "total_images: 7\nseed: 42\noutput: {format: jpeg, quality: [60, 95], labels: [json, "
        "jsonl], container: tar}\n"
        "fonts: {paths: [fonts], weights: [{match: '*Bold*', weight: 2}], fallback: [a.ttf, "
        "b.ttf], on_missing_glyph: skip}\nbackgrounds: "
        "{paths: [{path: bg, weight: 2}], weights: [{match: '*x*', weight: 0}], mode: tile}\n"
        "specifications:\n"
        "  - {name: \"q\\\"uo\\\\te\", proportion: 0.25, text_direction: {left_to_right: 2, "
        "top_to_bottom: 1}, corpora: [{text: 'x: y', weight: 2}, 'builtin:latin'],\n"
        "     blur_radius: {choice: [0, 1.5], weights: [3, 1], p: 0.5}, rotation_angle: "
        "{normal: [0, 2.5]}, noise_amount: {beta: 0.5, max: 0.1},\n"
        "     brightness_factor: {min: 0.5, max: 1.5, distribution: truncated_normal, p: "
        "0.1}, text_color: '#102030', font_filter: '*Sans*', language: de,\n"
        "     fonts: {paths: [own], on_missing_glyph: {other_font: 1, fallback: 2}}, backgrounds: "
        "{paths: [{path: own, weight: 3}]}}\n"
        "  - {name: b, proportion: 0.75, text_direction: right_to_left, corpus_file: he.txt, "
        "drop_shadow_color: [1, 2, 3, 4]}\n");
    iml__str x, y;
    iml__str_init(&x, 1 << 20), iml__str_init(&y, 1 << 20);
    iml__config_print(a, false, &x);
    iml__config *b = good(iml__str_text(&x));
    iml__config_print(b, false, &y);
    assert_string_equal(iml__str_text(&x), iml__str_text(&y));
    assert_int_equal(b->seed, 42);
    iml__str_free(&x), iml__str_free(&y);
    iml__config_free(&a), iml__config_free(&b);
}

// ---- Allocation

static iml__seats seats_for(const double *share, uint32_t n, iml_arena *a)
{
    static iml__spec spec[70];
    static char names[70][16];
    iml__config c = {.spec = spec, .nspec = n};
    for (uint32_t k = 0; k < n; k++) {
        (void)snprintf(names[k], sizeof names[k], "s%02u", k);
        spec[k].name = names[k], spec[k].share = share[k];
    }
    iml__seats s;
    iml_err e;
    assert_int_equal(iml__seats_of(&c, a, &s, &e), IML_OK);
    return s;
}

static void shares_are_exact(void **state)
{
    (void)state;
    iml_arena a;
    iml_err e;
    assert_int_equal(iml__arena_open(&a, 1 << 24, -1, &e), IML_OK);
    const double shares[][5] = {{0.7, 0.3},
                                {1.0 / 3, 1.0 / 3, 1.0 / 3},
                                {0.5, 0.25, 0.125, 0.0625, 0.0625},
                                {0.9, 0.05, 0.05},
                                {0.333 / 0.999, 0.333 / 0.999, 0.333 / 0.999},
                                {1}};
    const uint32_t sizes[] = {2, 3, 5, 3, 3, 1};
    for (size_t c = 0; c < IML_COUNT_OF(sizes); c++) {
        iml__seats s = seats_for(shares[c], sizes[c], &a);
        uint64_t got[5] = {0};
        for (uint64_t i = 0; i < 10000; i++) {
            uint64_t k;
            uint32_t which = iml__seat(&s, i, &k);
            assert_int_equal(k,
                             got[which]); // ordinals run without gaps: nothing depends on the total
            got[which]++;
            for (uint32_t j = 0; j < sizes[c]; j++)
                if (fabs((double)got[j] - (double)(i + 1) * shares[c][j]) > 2)
                    fail_msg("case %zu at %d", c, (int)i);
        }
        for (uint32_t j = 0; j < sizes[c]; j++)
            assert_int_equal(iml__seats_of_first(&s, 10000, j), got[j]);
        for (uint64_t n = 0; n < 40; n++) {
            uint64_t seen[5] = {0}, k;
            for (uint64_t i = 0; i < n; i++) seen[iml__seat(&s, i, &k)]++;
            for (uint32_t j = 0; j < sizes[c]; j++)
                assert_int_equal(iml__seats_of_first(&s, n, j), seen[j]);
        }
        for (uint32_t j = 0; j < sizes[c]; j++) // within one where the share is no whole number
            assert_true(fabs((double)got[j] - 10000 * shares[c][j]) < 1);
    }
    iml__arena_close(&a);
}

static void far_items_are_allotted_too(void **state)
{
    (void)state;
    iml_arena a;
    iml_err e;
    assert_int_equal(iml__arena_open(&a, 1 << 24, -1, &e), IML_OK);
    double even[70];
    for (int k = 0; k < 70; k++) even[k] = 1.0 / 70;
    iml__seats s = seats_for(even, 70, &a);
    uint64_t k, got[70] = {0}, base = (uint64_t)1 << 39;
    for (uint64_t i = 0; i < 7000; i++) got[iml__seat(&s, base + i, &k)]++;
    for (int j = 0; j < 70; j++) assert_in_range(got[j], 98, 102);
    iml__arena_close(&a);
}

// ---- Plans

static void plans_depend_on_seed_and_index_alone(void **state)
{
    (void)state;
    iml_arena a;
    iml_err e;
    assert_int_equal(iml__arena_open(&a, 1 << 24, -1, &e), IML_OK);
    iml__config *c = good(
        HEAD ", blur_radius: [0, 2], rotation_angle: [-5, 5], text_color_max: [200, 200, 200]}\n");
    iml__config *d = good(
        HEAD ", rotation_angle: [-5, 5], font_size: [10, 90], curve_type: {none: 1, sine: 1}}\n");
    iml__streams s;
    iml__seats seats;
    iml__item_plan p, q;
    iml__streams_init(&s);
    assert_int_equal(iml__seats_of(c, &a, &seats, &e), IML_OK);
    int differ = 0;
    for (uint64_t i = 0; i < 50; i++) {
        iml__plan_draw(c, &s, &seats, 9, 49 - i, &p);
        iml__plan_draw(c, &s, &seats, 9, 49 - i, &q);
        assert_memory_equal(&p, &q, sizeof p);
        iml__plan_draw(d, &s, &seats, 9, 49 - i, &q);
        // Keys that were added or taken away shift no other key's draw.
        assert_true(p.num[IML__N_rotation_angle] == q.num[IML__N_rotation_angle]);
        assert_memory_equal(p.padding, q.padding, sizeof p.padding);
        iml__plan_draw(c, &s, &seats, 10, 49 - i, &q);
        differ += p.num[IML__N_rotation_angle] != q.num[IML__N_rotation_angle];
        uint8_t first[4], again[4];
        iml__plan_colour(c, &s, &p, IML__C_text_color, 0, first);
        assert_memory_equal(first, p.colour[IML__C_text_color], 4);
        iml__plan_colour(c, &s, &p, IML__C_text_color, 1, again);
        differ += memcmp(first, again, 3) != 0;
    }
    assert_in_range(differ, 95, 100);
    iml__config_free(&c), iml__config_free(&d);
    iml__arena_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_older_tool),
        cmocka_unit_test(both_forms_of_a_key_mean_the_same),
        cmocka_unit_test(layers_go_defaults_specification_set),
        cmocka_unit_test(every_row_of_bad_input_is_refused_with_its_place),
        cmocka_unit_test(all_errors_are_told_at_once),
        cmocka_unit_test(what_is_printed_reads_back_as_the_same),
        cmocka_unit_test(shares_are_exact),
        cmocka_unit_test(far_items_are_allotted_too),
        cmocka_unit_test(plans_depend_on_seed_and_index_alone),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    iml__complaints_free(&talk);
    return failed;
}
