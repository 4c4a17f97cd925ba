// t_aggregate.c: files that all items append to: heads, separators, tails, sets, tables.
#include "tests/unit/iml_test.h"

#include "src/base/mem.h"
#include "src/engine/aggregate.h"
#include "src/engine/merge.h"
#include "src/engine/table.h"
#include "src/io/vfs.h"
#include "tests/fault/script.h"
#include "tests/unit/iml_dir.h"

static char dir[64];

static struct script parts(uint64_t count)
{
    return (struct script){.out = dir, .kind = SCRIPT_PARTS, .count = count, .seed = 3};
}

static void read_file(const char *name, char *text, size_t cap)
{
    char path[256], *p;
    size_t n;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_ok(iml__file_read_heap(AT_FDCWD, path, cap - 1, &p, &n, e));
    memcpy(text, p, n), text[n] = 0;
    IML_FREE(p);
}

static void check_file(const char *name, const char *want)
{
    char text[4096];
    read_file(name, text, sizeof text);
    assert_string_equal(text, want);
}

// ---- Tables

static void add(struct iml__table *t, const char *text)
{
    assert_ok(iml__table_add(t, text, strlen(text), e));
}

static void check_text(struct iml__table *t, const char *want)
{
    iml__str s;
    iml__str_init(&s, 1 << 20);
    assert_ok(iml__table_text(t, &s, e));
    assert_string_equal(iml__str_text(&s), want);
    iml__str_free(&s);
}

static void lines_of_one_key_become_one(void **state)
{
    (void)state;
    struct iml__table *t;
    assert_ok(iml__table_new(&t, "+^", e));
    check_text(t, "");
    add(t, "b\t1\t7\nwith\ttab\t2\t0\n");
    add(t, "\xc3\xa9\t1\t1\nb\t2\t5\n\t4\t4\nb\t3\t6\n"); // the empty key is a key
    check_text(t, "\t4\t4\nb\t6\t7\nwith\ttab\t2\t0\n\xc3\xa9\t1\t1\n");
    iml__table_free(&t);
    assert_ok(iml__table_new(&t, "", e));
    add(t, "c\na\nc\nab\na\n");
    check_text(t, "a\nab\nc\n");
    iml__table_free(&t);
}

static void many_keys_keep_their_sums(void **state)
{
    (void)state;
    struct iml__table *t;
    char line[64];
    const iml_table_row *row;
    size_t n;
    assert_ok(iml__table_new(&t, "+", e));
    for (int round = 0; round < 3; round++)
        for (unsigned k = 0; k < 5000; k++) {
            (void)snprintf(line, sizeof line, "key %u\t%u\n", k * 7919 % 5000, k * 7919 % 5000 + 1);
            add(t, line);
        }
    assert_ok(iml__table_rows(t, &row, &n, e));
    assert_int_equal(n, 5000);
    for (size_t k = 0; k < n; k++) {
        if (k) assert_true(strcmp(row[k - 1].key, row[k].key) < 0);
        uint64_t number;
        assert_true(iml__parse_u64(row[k].key + 4, &number));
        assert_int_equal(row[k].value[0], 3 * (number + 1));
    }
    iml__table_free(&t);
}

static void what_is_no_line_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"a\t1\n",    "a\n",        "\n",
                                      "a\t1\tx\n", "a\t1\t2",    "1\t2\n",
                                      "a\t1\t\n",  "a\t-1\t2\n", "a\t1\t99999999999999999999\n"};
    struct iml__table *t;
    iml_err err;
    assert_ok(iml__table_new(&t, "++", e));
    for (size_t k = 0; k < IML_COUNT_OF(bad); k++)
        if (iml__table_add(t, bad[k], strlen(bad[k]), &err) != IML_EINPUT)
            fail_msg("taken: %s", bad[k]);
    assert_int_equal(iml__table_add(t, "a\0\t1\t2\n", 7, &err), IML_EINPUT);
    check_text(t, "");
    iml__table_free(&t);
}

// ---- Files

static void heads_separators_and_tails_stand_where_they_belong(void **state)
{
    (void)state;
    struct script s = parts(12); // item 5 is bad, item 6 appends nothing to `items`
    test_rm(dir);
    assert_ok(script_run(&s, NULL, e));
    check_file("items.json",
               "{\"items\": [\n{\"item\":0},\n{\"item\":1},\n{\"item\":2},\n{\"item\":3},\n"
               "{\"item\":4},\n{\"item\":7},\n{\"item\":8},\n{\"item\":9},\n{\"item\":10},\n"
               "{\"item\":11}],\n\"squares\": [0 9 36 81]}\n");
    check_file("letters.txt", "letters\na\nb\nc\nd\ne\ng\nh\ni\nj\nk\n");
    check_file("all/words.tsv", "w0\t2\t10\nw1\t3\t11\nw2\t2\t7\nw3\t2\t8\nw4\t2\t9\n"
                                "word\tof 0\t12\t10\nword\tof 1\t10\t11\n");
    check_file("words.txt",
               "w0: 2, at most 10\nw1: 3, at most 11\nw2: 2, at most 7\nw3: 2, at most 8\n"
               "w4: 2, at most 9\nword\tof 0: 12, at most 10\nword\tof 1: 10, at most 11\n");
}

static void aggregates_stand_even_without_pieces(void **state)
{
    (void)state;
    struct script s = parts(0);
    test_rm(dir);
    assert_ok(script_run(&s, NULL, e));
    check_file("items.json", "{\"items\": [\n],\n\"squares\": []}\n");
    check_file("letters.txt", "letters\n");
    check_file("words.txt", "");
}

static void a_set_that_grows_has_the_aggregates_of_a_large_one(void **state)
{
    (void)state;
    struct script s = parts(34);
    test_rm(dir);
    assert_ok(script_run(&s, NULL, e));
    s.count = 57;
    assert_ok(script_run(&s, NULL, e));
    uint64_t grown = script_digest(dir, NULL);
    test_rm(dir);
    assert_ok(script_run(&s, NULL, e));
    assert_true(script_digest(dir, NULL) == grown);
}

static void a_merge_knows_aggregates_from_the_settings(void **state)
{
    (void)state;
    struct script s = parts(57);
    const char *out[] = {dir};
    struct iml__merged m;
    iml_err err;
    test_rm(dir);
    assert_ok(script_run(&s, NULL, e));
    uint64_t whole = script_digest(dir, NULL);
    test_rm(dir);
    for (s.shards = 2, s.shard = 0; s.shard < 2; s.shard++) assert_ok(script_run(&s, NULL, e));
    assert_int_equal(iml__merge(out, 1, 0, NULL, &m, &err), IML_EARG);
    assert_non_null(strstr(err.msg, "words.txt"));
    assert_non_null(strstr(err.msg, "script.words"));
    assert_false(test_exists(dir, "manifest.json"));
    assert_ok(iml__merge(out, 1, 0, &script_renderers, &m, e));
    assert_true(script_digest(dir, NULL) == whole);
}

static ino_t inode(const char *name)
{
    char path[256];
    struct stat at;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(iml__fstatat(AT_FDCWD, path, &at, AT_SYMLINK_NOFOLLOW), 0);
    return at.st_ino;
}

static void overwrite_byte(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = iml__openat(AT_FDCWD, path, O_WRONLY, 0);
    assert_true(fd >= 0);
    assert_int_equal(iml__pwrite_all(fd, "?", 1, 3), 0);
    const struct timespec later[2] = {{2000000000, 0},
                                      {2000000000, 0}}; // clocks of files are coarse
    assert_int_equal(futimens(fd, later), 0);
    iml__close(&fd);
}

static void cut(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = iml__openat(AT_FDCWD, path, O_WRONLY, 0);
    assert_true(fd >= 0);
    assert_int_equal(iml__ftruncate(fd, 7), 0);
    iml__close(&fd);
}

static void lose(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(iml__unlinkat(AT_FDCWD, path, 0), 0);
}

static void an_aggregate_that_is_lost_or_changed_is_made_again(void **state)
{
    (void)state;
    static void (*const damage[])(const char *name) = {lose, cut, overwrite_byte};
    static const char *const name[] = {"items.json", "letters.txt", "all/words.tsv", "words.txt"};
    struct script s = parts(34);
    test_rm(dir);
    assert_ok(script_run(&s, NULL, e));
    uint64_t whole = script_digest(dir, NULL);
    ino_t untouched = inode("items.json"), manifest = inode("manifest.json");
    assert_ok(script_run(&s, NULL, e));
    assert_true(inode("items.json") == untouched && inode("manifest.json") == manifest);
    for (size_t k = 0; k < IML_COUNT_OF(damage); k++)
        for (size_t i = 0; i < IML_COUNT_OF(name); i++) {
            damage[k](name[i]);
            assert_ok(script_run(&s, NULL, e));
            if (script_digest(dir, NULL) != whole) fail_msg("damage %zu of %s stays", k, name[i]);
        }
    manifest = inode("manifest.json"); // and once made again they are believed
    assert_ok(script_run(&s, NULL, e));
    assert_true(inode("manifest.json") == manifest);
}

// ---- Descriptions

static void descriptions_read_back_as_they_were_written(void **state)
{
    (void)state;
    static const iml_pieces pieces[] = {{"a", ",\n", NULL}, {"b", NULL, "+^"}, {"c", NULL, ""}};
    static const iml_section sections[] = {{"[\"\n", "a"}, {"\t]", NULL}, {NULL, "b"}};
    static const iml_aggregate files[] = {
        {.name = "x.json", .section = sections, .nsections = 3},
        {.name = "y.tsv", .table = "b", .render_name = "r"},
        {.name = "z.tsv", .table = "c", .render_name = "r", .bad = "bad"}};
    struct iml__aggregates one = {pieces, files, 3, 3, NULL, NULL}, two;
    iml__jsonw w;
    iml__jsonr r;
    iml__str s, t;
    iml__str_init(&s, 1 << 20), iml__str_init(&t, 1 << 20);
    iml__jsonw_init(&w, &s, 0);
    iml__aggregates_json(&one, &w);
    iml__jsonr_init(&r, "x", s.p, s.n);
    two.context = NULL;
    assert_ok(iml__aggregates_read(&two, &r, e));
    iml__jsonw_init(&w, &t, 0);
    iml__aggregates_json(&two, &w);
    assert_string_equal(s.p, t.p);
    iml__aggregates_free(&two);
    iml__jsonr_free(&r);
    for (size_t cut = 1; cut < s.n; cut++) { // damaged anywhere: refused, nothing leaks
        iml_err err;
        iml__jsonr_init(&r, "x", s.p, cut);
        two.context = NULL;
        assert_int_equal(iml__aggregates_read(&two, &r, &err), IML_EINPUT);
        iml__jsonr_free(&r);
    }
    iml__str_free(&s), iml__str_free(&t);
}

static void refused(const struct iml__aggregates *a, const char *why)
{
    iml_err err;
    if (iml__aggregates_check(a, &err) != IML_EBUG) fail_msg("accepted: %s", why);
    if (!strstr(err.msg, why)) fail_msg("got %s, wanted %s", err.msg, why);
}

static void descriptions_that_cannot_be_are_a_bug(void **state)
{
    (void)state;
    iml_pieces p[] = {{"a", NULL, NULL}, {"b", NULL, "+"}};
    iml_section s[] = {{NULL, "a"}};
    iml_aggregate f[] = {{.name = "x", .section = s, .nsections = 1}};
    struct iml__aggregates a = {p, f, 2, 1, NULL, NULL};
    assert_ok(iml__aggregates_check(&a, e));
    s[0].pieces = "c", refused(&a, "pieces c are not declared"), s[0].pieces = "a";
    f[0].name = "../x", refused(&a, "cannot name an aggregate"), f[0].name = "x";
    f[0].name = "a", refused(&a, "name of pieces and of an aggregate"), f[0].name = "x";
    p[1].columns = "+-", refused(&a, "columns cannot be"), p[1].columns = "+";
    f[0].table = "b", refused(&a, "no table that can be rendered"), f[0].table = NULL;
    assert_ok(iml__aggregates_check(&a, e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_one_key_become_one),
        cmocka_unit_test(many_keys_keep_their_sums),
        cmocka_unit_test(what_is_no_line_is_refused),
        cmocka_unit_test(heads_separators_and_tails_stand_where_they_belong),
        cmocka_unit_test(aggregates_stand_even_without_pieces),
        cmocka_unit_test(a_set_that_grows_has_the_aggregates_of_a_large_one),
        cmocka_unit_test(a_merge_knows_aggregates_from_the_settings),
        cmocka_unit_test(an_aggregate_that_is_lost_or_changed_is_made_again),
        cmocka_unit_test(descriptions_read_back_as_they_were_written),
        cmocka_unit_test(descriptions_that_cannot_be_are_a_bug),
    };
    test_dir(dir);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_rm(dir);
    return failed;
}
