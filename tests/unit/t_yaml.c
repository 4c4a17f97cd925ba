// t_yaml.c: the YAML reader: places, limits, anchors, merges, types by key.
#include "tests/unit/iml_test.h"

#include "src/base/arena.h"
#include "src/base/yaml.h"

static iml_arena arena;
static iml__complaints talk;

static int setup(void **state)
{
    (void)state;
    iml_err e;
    return iml__arena_open(&arena, (size_t)1 << 30, -1, &e);
}

static int teardown(void **state)
{
    (void)state;
    iml__complaints_free(&talk);
    iml__arena_close(&arena);
    return 0;
}

static iml_status parse(const char *text, iml__ynode **root)
{
    iml_err e;
    iml__complaints_free(&talk);
    iml__complaints_init(&talk);
    iml__arena_reset(&arena);
    return iml__yaml_parse(&arena, "t.yaml", text, strlen(text), &talk, root, &e);
}

static void good(const char *text, iml__ynode **root)
{
    if (parse(text, root)) fail_msg("%s refused: %s", text, iml__str_text(&talk.text));
}

static void bad(const char *text, const char *want)
{
    iml__ynode *root;
    assert_int_equal(parse(text, &root), IML_EARG);
    if (!strstr(iml__str_text(&talk.text), want))
        fail_msg("%s: got '%s', wanted '%s'", text, iml__str_text(&talk.text), want);
}

static void nodes_know_their_place(void **state)
{
    (void)state;
    iml__ynode *r;
    good("a: 1\nb:\n  - x\n  - {c: 'two words'}\n", &r);
    assert_int_equal(r->kind, IML__YAML_MAP);
    assert_int_equal(r->n, 2);
    const iml__ynode *list = iml__yaml_get(r, "b");
    assert_int_equal(list->kind, IML__YAML_LIST);
    assert_int_equal(list->item[0]->line, 3);
    assert_int_equal(list->item[0]->col, 5);
    const iml__ynode *c = iml__yaml_get(list->item[1], "c");
    assert_string_equal(c->text, "two words");
    assert_true(c->quoted);
    assert_int_equal(c->line, 4);
    assert_int_equal(c->col, 9);
    assert_null(iml__yaml_get(r, "nothing"));
    good("", &r);
    assert_true(iml__yaml_is_null(r));
    good("{\"a\": [1, 2.5, \"t\"], \"b\": null}", &r); // JSON is a subset
    assert_true(iml__yaml_is_null(iml__yaml_get(r, "b")));
}

static void anchors_merge_and_own_keys_win(void **state)
{
    (void)state;
    iml__ynode *r;
    good("base: &b {size: 1, blur: 2}\nmore: &m {blur: 9, noise: 3}\n"
         "s:\n  <<: [*b, *m]\n  size: 5\nlist: &l [1, 2]\nagain: *l\n",
         &r);
    const iml__ynode *s = iml__yaml_get(r, "s");
    assert_string_equal(iml__yaml_get(s, "size")->text, "5");
    assert_string_equal(iml__yaml_get(s, "blur")->text, "2"); // the first of several merged maps
    assert_string_equal(iml__yaml_get(s, "noise")->text, "3");
    assert_ptr_equal(iml__yaml_get(r, "list"), iml__yaml_get(r, "again"));
}

static void x_keys_are_dropped_but_their_anchors_hold(void **state)
{
    (void)state;
    iml__ynode *r;
    good("x-common: &c {a: 1}\nuse: {<<: *c}\n", &r);
    assert_int_equal(r->n, 1);
    assert_string_equal(iml__yaml_get(iml__yaml_get(r, "use"), "a")->text, "1");
}

static void errors_have_line_and_column(void **state)
{
    (void)state;
    bad("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: duplicate key 'a': it stands in line 1 already");
    bad("a: [1, 2\nb: 3\n", "t.yaml:2:");
    bad("a: *nowhere\n", "t.yaml:1:4: unknown anchor '*nowhere'");
    bad("a: &x [*x]\n", "unknown anchor"); // no tree contains itself
    bad("? [1]\n: 2\n", "t.yaml:1:3: a key must be a plain name");
    bad("a: 1\n---\nb: 2\n", "second document");
    bad("a: \"x\\0y\"\n", "NUL");
    bad("a: \x01\n", "offset");
    bad("a: \xff\xfe\n", "offset");
    bad("a: {<<: 3}\n", "`<<` takes a map");
    // Several duplicates are told together.
    bad("a: 1\na: 2\nb: 1\nb: 2\n", "duplicate key 'b'");
    assert_int_equal(talk.n, 2);
}

static void limits_refuse_bombs(void **state)
{
    (void)state;
    bad("a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
        "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
        "e: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
        "more than 10000 nodes");
    bad("[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]", "deeper than 16");
    // Depth through aliases counts as well.
    bad("a: &a [[[[[[[[[1]]]]]]]]]\nb: [[[[[[[[*a]]]]]]]]\n", "deeper than 16");
    static char big[(1 << 20) + 2];
    memset(big, ' ', sizeof big - 1);
    bad(big, "at most 1048576");
}

static void a_scalar_is_what_its_key_asks_for(void **state)
{
    (void)state;
    iml__ynode *r;
    int64_t i;
    uint64_t u;
    double d;
    bool b;
    good("[10, 0x1F, 0o10, 0b101, 1_000, '1:30', 1:30, -7, 18446744073709551615, \"5\", 1e-3, .5, "
         "5., 1.5e+3, .nan, .inf, off, Yes, ~]",
         &r);
    iml__ynode **n = r->item;
    assert_true(iml__yaml_int(n[0], &i) && i == 10);
    assert_true(iml__yaml_int(n[1], &i) && i == 31);
    assert_true(iml__yaml_int(n[2], &i) && i == 8);
    assert_true(iml__yaml_int(n[3], &i) && i == 5);
    assert_true(iml__yaml_int(n[4], &i) && i == 1000);
    assert_false(iml__yaml_int(n[5], &i)); // quoted: a text
    assert_true(iml__yaml_int(n[6], &i) && i == 90);
    assert_true(iml__yaml_int(n[7], &i) && i == -7);
    assert_false(iml__yaml_int(n[8], &i));
    assert_true(iml__yaml_u64(n[8], &u) && u == UINT64_MAX);
    assert_false(iml__yaml_float(n[9], &d));
    assert_true(iml__yaml_float(n[10], &d) && d == 1e-3);
    assert_false(iml__yaml_int(n[10], &i));
    assert_true(iml__yaml_float(n[11], &d) && d == 0.5);
    assert_true(iml__yaml_float(n[12], &d) && d == 5);
    assert_true(iml__yaml_float(n[13], &d) && d == 1500);
    assert_true(iml__yaml_float(n[0], &d) && d == 10); // an int for a float
    assert_false(iml__yaml_float(n[14], &d));
    assert_false(iml__yaml_float(n[15], &d));
    assert_true(iml__yaml_bool(n[16], &b) && !b);
    assert_true(iml__yaml_bool(n[17], &b) && b);
    assert_true(iml__yaml_is_null(n[18]));
    good("[010, -08, 0_7, 00, 0, 0.5, 07.5]", &r);
    for (int k = 0; k < 4; k++) { // eight or ten? neither
        assert_true(iml__yaml_two_ways(r->item[k]));
        assert_false(iml__yaml_int(r->item[k], &i));
        assert_false(iml__yaml_u64(r->item[k], &u));
        assert_false(iml__yaml_float(r->item[k], &d));
    }
    assert_true(iml__yaml_int(r->item[4], &i) && i == 0);
    assert_true(iml__yaml_float(r->item[5], &d) && d == 0.5);
    assert_true(iml__yaml_float(r->item[6], &d) && d == 7.5);
    good("[off]", &r);
    assert_string_equal(r->item[0]->text, "off"); // and stays what it is for a key that wants text
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_know_their_place),
        cmocka_unit_test(anchors_merge_and_own_keys_win),
        cmocka_unit_test(x_keys_are_dropped_but_their_anchors_hold),
        cmocka_unit_test(errors_have_line_and_column),
        cmocka_unit_test(limits_refuse_bombs),
        cmocka_unit_test(a_scalar_is_what_its_key_asks_for),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
