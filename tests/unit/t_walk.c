#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"

#include "src/io/vfs.h"
#include "src/io/walk.h"

static char dir[64];

static void make_dir(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(mkdir(path, 0777), 0);
}

static void make_link(const char *to, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(symlink(to, path), 0);
}

static void listing_is_sorted_and_never_enters_the_engines_own(void **state)
{
    (void)state;
    struct iml__walk *w;
    make_dir("b"), make_dir(".imloom"), make_dir("b/.imloom");
    test_write(dir, "b/z.JPG", "12", 2);
    test_write(dir, "b/a.jpg", "123", 3);
    test_write(dir, "a.jpg", "1", 1);
    test_write(dir, "B.jpeg", "1", 1);
    test_write(dir, "b.txt", "x", 1);
    test_write(dir, ".hidden.jpg", "x", 1);
    test_write(dir, ".imloom/journal.0", "x", 1);
    test_write(dir, "b/.imloom/a.jpg", "x", 1);
    assert_ok(iml__walk(dir, NULL, &w, e));
    const char *const want[] = {"B.jpeg", "a.jpg", "b.txt", "b/a.jpg", "b/z.JPG"};
    assert_int_equal(w->n, 5);
    for (size_t i = 0; i < 5; i++) assert_string_equal(w->entry[i].path, want[i]);
    assert_int_equal(w->entry[3].size, 3);
    uint64_t all = w->hash;
    iml__walk_free(&w);
    assert_null(w);
    static const char *const jpeg[] = {".jpg", ".jpeg", NULL};
    struct iml__walk_opts o = {.suffixes = jpeg};
    assert_ok(iml__walk(dir, &o, &w, e));
    assert_int_equal(w->n, 4);
    assert_true(w->hash != all);
    iml__walk_free(&w);
    o = (struct iml__walk_opts){.flat = true, .hidden = true};
    assert_ok(iml__walk(dir, &o, &w, e));
    assert_int_equal(w->n, 4);
    iml__walk_free(&w);
}

static void the_hash_is_of_names_and_sizes_not_of_times(void **state)
{
    (void)state;
    struct iml__walk *w;
    uint64_t first;
    test_write(dir, "x", "abc", 3);
    assert_ok(iml__walk(dir, NULL, &w, e));
    first = w->hash;
    iml__walk_free(&w);
    struct timespec t[2] = {{1, 0}, {1, 0}};
    char path[128];
    (void)snprintf(path, sizeof path, "%s/x", dir);
    assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
    assert_ok(iml__walk(dir, NULL, &w, e));
    assert_true(w->hash == first);
    assert_true(w->entry[0].mtime_ns == 1000000000);
    iml__walk_free(&w);
    test_write(dir, "x", "abcd", 4);
    assert_ok(iml__walk(dir, NULL, &w, e));
    assert_true(w->hash != first);
    iml__walk_free(&w);
}

static void a_loop_of_links_ends(void **state)
{
    (void)state;
    struct iml__walk *w;
    make_dir("a"), make_dir("a/b");
    test_write(dir, "a/b/f", "1", 1);
    make_link("..", "a/b/up");   // an ancestor: a loop
    make_link(".", "a/self");    // itself
    make_link("a/b", "sibling"); // followed, listed once more under its own name
    make_link("nowhere", "dead");
    make_link("a/b/f", "file");
    assert_ok(iml__walk(dir, NULL, &w, e));
    const char *const want[] = {"a/b/f", "file", "sibling/f"};
    // sibling/up leads to a, whose b is an ancestor of itself only from there on
    size_t k = 0;
    for (size_t i = 0; i < w->n; i++)
        if (k < 3 && strcmp(w->entry[i].path, want[k]) == 0) k++;
    assert_int_equal(k, 3);
    assert_true(w->skipped_loops >= 2);
    assert_int_equal(w->skipped_other, 1);
    iml__walk_free(&w);
    struct iml__walk_opts o = {.no_links = true};
    assert_ok(iml__walk(dir, &o, &w, e));
    assert_int_equal(w->n, 1);
    iml__walk_free(&w);
}

static void what_is_no_file_is_listed_where_asked(void **state)
{
    (void)state;
    struct iml__walk *w;
    char path[128];
    make_dir("d.nii"), make_dir("other");
    test_write(dir, "d.nii/in.nii", "1", 1);
    test_write(dir, "f.nii", "12", 2);
    make_link("nowhere", "dead.nii");
    make_link("loop.nii", "loop.nii");
    make_link("f.nii", "link.nii");
    make_link("nowhere", ".hidden.nii");
    (void)snprintf(path, sizeof path, "%s/p.nii", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    static const char *const suffix[] = {".nii", NULL};
    struct iml__walk_opts o = {.suffixes = suffix, .flat = true, .odd = true};
    assert_ok(iml__walk(dir, &o, &w, e));
    static const char *const want[] = {"d.nii",    "dead.nii", "f.nii",
                                       "link.nii", "loop.nii", "p.nii"};
    assert_int_equal(w->n, 6);
    for (size_t k = 0; k < 6; k++) {
        assert_string_equal(w->entry[k].path, want[k]);
        assert_int_equal(w->entry[k].size, k == 2 || k == 3 ? 2 : 0);
    }
    iml__walk_free(&w);
}

static void limits_are_kept(void **state)
{
    (void)state;
    struct iml__walk *w;
    iml_err err = {0};
    make_dir("1"), make_dir("1/2"), make_dir("1/2/3");
    test_write(dir, "1/2/3/f", "", 0);
    test_write(dir, "g", "", 0);
    struct iml__walk_opts o = {.max_depth = 2};
    assert_int_equal(iml__walk(dir, &o, &w, &err), IML_ELIMIT);
    o = (struct iml__walk_opts){.max_files = 1};
    assert_int_equal(iml__walk(dir, &o, &w, &err), IML_ELIMIT);
    assert_null(w);
    assert_int_equal(iml__walk("/no/such/directory", NULL, &w, &err), IML_EINPUT);
    assert_non_null(strstr(err.msg, "/no/such/directory"));
}

static void the_sweep_takes_its_own_nodes_files_only(void **state)
{
    (void)state;
    uint64_t n;
    make_dir("a"), make_dir("a/b");
    test_write(dir, "a/b/.x.png.0.tmp", "", 0);
    test_write(dir, ".y.0.tmp", "", 0);
    test_write(dir, "a/.x.1-of-2.tmp", "", 0);
    test_write(dir, "a/x.0.tmp", "", 0);
    make_link("/", "a/root");
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    assert_ok(iml__walk_remove_tmp(fd, dir, "0", &n, e));
    assert_int_equal(n, 2);
    assert_true(test_exists(dir, "a/.x.1-of-2.tmp"));
    assert_true(test_exists(dir, "a/x.0.tmp"));
    close(fd);
}

static int setup(void **s)
{
    (void)s;
    test_dir(dir);
    return 0;
}
static int teardown(void **s)
{
    (void)s;
    test_rm(dir);
    return 0;
}
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(listing_is_sorted_and_never_enters_the_engines_own),
        CASE(the_hash_is_of_names_and_sizes_not_of_times),
        CASE(a_loop_of_links_ends),
        CASE(what_is_no_file_is_listed_where_asked),
        CASE(limits_are_kept),
        CASE(the_sweep_takes_its_own_nodes_files_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
