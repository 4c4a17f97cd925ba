// t_coverage.c: the files that coverage is written to, and whose faces could have drawn a unit.
#include "tests/unit/iml_test.h"

#include "src/synth/coverage.h"

#include <unistd.h>

#define DEJAVU "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
#define MONO "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"
#define CONTEXT                                                                                    \
    "{\"fonts\":[[\"a.ttf\",0,\"A\",\"Bold\"],[\"b.ttc\",1,\"B \\\"b\\\"\",null]],"                \
    "\"rejected\":[[\"c.ttf\",0,\"cut off\"]],\"asked\":\"abx\xc3\xa9\"}"

static void add(void *to, const char *p, size_t n) { iml__str_add(to, p, n); }

static void check(iml_render *render, const iml_table_row *row, size_t rows, const char *want)
{
    iml__str s;
    iml__str_init(&s, 1 << 20);
    assert_ok(render(CONTEXT, row, rows, add, &s, e));
    assert_string_equal(iml__str_text(&s), want);
    iml__str_free(&s);
}

#define V(...) ((const uint64_t[]){__VA_ARGS__})

static void sums_become_files(void **state)
{
    (void)state;
    const iml_table_row rows[] = {{"\t0", V(0, 5, 0)},        {"\t1", V(0, 2, 0)},
                                  {"\\t\\\\\t0", V(1, 1, 1)}, {"a\t0", V(7, 4, 9)},
                                  {"a\t1", V(2, 1, 9)},       {"e\xcc\x81\t1", V(3, 3, 1)},
                                  {"\xd8\xa8\t0", V(1, 1, 2)}};
    check(iml__coverage_tsv, rows, IML_COUNT_OF(rows),
          "unit\tcode_points\tscript\tdrawn\tpictures\tfaces_drew\tfaces_could\n"
          "\\t\\\\\tU+0009 U+005C\tZyyy\t1\t1\t1\t1\n"
          "a\tU+0061\tLatn\t9\t5\t2\t9\n"
          "e\xcc\x81\tU+0065 U+0301\tLatn\t3\t3\t1\t1\n"
          "\xd8\xa8\tU+0628\tArab\t1\t1\t1\t2\n");
    check(iml__coverage_json, rows, IML_COUNT_OF(rows),
          "{\"imloom\":1,\n\"fonts\":[\n"
          "{\"path\":\"a.ttf\",\"face\":0,\"family\":\"A\",\"style\":\"Bold\"},\n"
          "{\"path\":\"b.ttc\",\"face\":1,\"family\":\"B \\\"b\\\"\",\"style\":\"\"}],\n"
          "\"units\":{\n\"\\t\\\\\":[[0,1]],\n\"a\":[[0,7],[1,2]],\n\"e\xcc\x81\":[[1,3]],\n"
          "\"\xd8\xa8\":[[0,1]]},\n\"asked\":4,\n\"never_drawn\":[\"b\",\"x\",\"\xc3\xa9\"]}\n");
    check(iml__coverage_fonts, rows, IML_COUNT_OF(rows),
          "path\tface\tfamily\tstate\tpictures\na.ttf\t0\tA\tusable\t5\n"
          "b.ttc\t1\tB \"b\"\tusable\t2\nc.ttf\t0\t\tcut off\t0\n");
    check(iml__coverage_tsv, NULL, 0,
          "unit\tcode_points\tscript\tdrawn\tpictures\tfaces_drew\tfaces_could\n");
}

static void what_does_not_hold_together_is_refused(void **state)
{
    (void)state;
    const iml_table_row no_face[] = {{"a", V(1, 1, 1)}}, fine[] = {{"a\t0", V(1, 1, 1)}};
    static const char *const contexts[] = {"",
                                           "[]",
                                           "{\"fonts\":1}",
                                           "{\"fonts\":[[\"a\"]]}",
                                           "{\"fonts\":[[\"a\",-1,\"b\",\"c\"]]}",
                                           "{\"asked\":7}"};
    iml_render *const all[] = {iml__coverage_tsv, iml__coverage_json, iml__coverage_fonts};
    iml__str s;
    iml_err err;
    iml__str_init(&s, 1 << 20);
    for (size_t k = 0; k < IML_COUNT_OF(all); k++)
        assert_int_equal(all[k](CONTEXT, no_face, 1, add, &s, &err), IML_EINPUT);
    for (size_t k = 0; k < IML_COUNT_OF(contexts); k++)
        for (size_t r = 1; r < IML_COUNT_OF(all); r++)
            if (all[r](contexts[k], fine, 1, add, &s, &err) != IML_EINPUT)
                fail_msg("taken: %s", contexts[k]);
    iml__str_free(&s);
}

// The lines of one item, as the engine gets them.
static void an_item_counts_its_units(void **state)
{
    (void)state;
    static const char *const fonts[] = {DEJAVU, MONO}, *const text = "ab a\xe0\xa4\x95 b";
    static const char *const set[] = {"on_missing_glyph=skip", "font_filter='*DejaVuSans.ttf'"};
    if (access(DEJAVU, R_OK) || access(MONO, R_OK)) skip();
    iml__synth_opts o = {.format = -1,
                         .colour = -1,
                         .container = -1,
                         .det_unit = -1,
                         .coverage = -1,
                         .count = 3,
                         .texts = &text,
                         .ntexts = 1,
                         .fonts = fonts,
                         .nfonts = 2,
                         .set = set,
                         .nset = 2,
                         .background = "white"};
    iml__complaints talk;
    iml__synth *s;
    iml__synth_worker *w;
    iml__synth_item it;
    iml_arena a;
    iml_err err = {0};
    iml_out out[IML_OUT_MAX];
    size_t n;
    iml__complaints_init(&talk);
    if (iml__synth_open(&o, &talk, &s, &err)) fail_msg("%s %s", err.msg, iml__str_text(&talk.text));
    assert_ok(iml__synth_worker_new(s, &w, e));
    assert_ok(iml__arena_open(&a, (size_t)1 << 28, -1, e));
    assert_ok(iml__synth_item_make(s, w, 0, &a, NULL, &it, e));
    iml__outputs files;
    iml__outputs_init(&files, NULL, &a);
    iml__labelled l = {.s = s, .item = &it, .text = &w->label, .out = &files};
    assert_ok(iml__coverage_add(&l, w, e));
    assert_ok(iml__outputs_hand(&files, out, IML_OUT_MAX, &n, e));
    assert_int_equal(n, 1);
    assert_string_equal(out[0].name, "coverage");
    assert_int_equal(out[0].flags, IML_OUT_APPEND);
    iml_buf *b = out[0].frag[0].data;
    // The Devanagari letter was left out; both faces could draw a and b; face 0 drew them.
    static const char want[] = "a\t0\t2\t1\t2\nb\t0\t2\t1\t2\n\t0\t0\t1\t0\n";
    assert_int_equal(iml_buf_size(b), sizeof want - 1);
    assert_memory_equal(iml_buf_data(b), want, sizeof want - 1);
    assert_non_null(strstr(s->job.context_json, "\"asked\":\"ab\xe0\xa4\x95\""));
    iml_buf_unref(&b);
    iml__synth_item_done(s, &it);
    iml__arena_close(&a);
    iml__synth_worker_free(&w);
    iml__synth_close(&s);
    iml__complaints_free(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_become_files),
        cmocka_unit_test(what_does_not_hold_together_is_refused),
        cmocka_unit_test(an_item_counts_its_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
