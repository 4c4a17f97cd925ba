#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"

#include "src/io/atomic.h"
#include "src/io/vfs.h"

static char dir[64];

static void a_file_appears_whole_or_not_at_all(void **state)
{
    (void)state;
    struct iml__dirs *d;
    int fd;
    assert_ok(iml__dirs_open(&d, dir, e));
    assert_ok(iml__tmp_create(d, "a/b/x.png", "0", &fd, e));
    assert_int_equal(iml__write_all(fd, "half", 4), 0);
    iml__close(&fd);
    assert_false(test_exists(dir, "a/b/x.png"));
    assert_true(test_exists(dir, "a/b/.x.png.0.tmp"));
    assert_ok(iml__tmp_rename(d, "a/b/x.png", "0", e));
    assert_string_equal(test_read(dir, "a/b/x.png", NULL), "half");
    assert_int_equal(test_count_tmp(dir), 0);
    assert_ok(iml__dirs_sync(d, e));
    // A stale temporary file of the same node is replaced, a renamed file too.
    test_write(dir, "a/b/.x.png.0.tmp", "stale", 5);
    assert_ok(iml__tmp_create(d, "a/b/x.png", "0", &fd, e));
    assert_int_equal(iml__write_all(fd, "new", 3), 0);
    iml__close(&fd);
    assert_ok(iml__tmp_rename(d, "a/b/x.png", "0", e));
    assert_string_equal(test_read(dir, "a/b/x.png", NULL), "new");
    assert_ok(iml__dirs_unlink(d, "a/b/x.png", e));
    assert_ok(iml__dirs_unlink(d, "a/b/x.png", e));
    assert_ok(iml__dirs_unlink(d, "no/such/dir", e));
    iml__dirs_close(&d);
}

static void a_link_in_the_way_is_never_followed(void **state)
{
    (void)state;
    struct iml__dirs *d;
    iml_err err = {0};
    char outside[64], link_path[200];
    int fd;
    test_dir(outside);
    (void)snprintf(link_path, sizeof link_path, "%s/out", dir);
    assert_int_equal(symlink(outside, link_path), 0);
    assert_ok(iml__dirs_open(&d, dir, e));
    assert_int_equal(iml__tmp_create(d, "out/x", "0", &fd, &err), IML_ESINK);
    assert_int_equal(iml__tmp_create(d, "out/sub/x", "0", &fd, &err), IML_ESINK);
    assert_int_equal(test_count_tmp(outside), 0);
    assert_false(test_exists(outside, "sub"));
    // A temporary name that is a link does not lead the bytes elsewhere.
    (void)snprintf(link_path, sizeof link_path, "%s/.y.0.tmp", dir);
    char target[200];
    (void)snprintf(target, sizeof target, "%s/stolen", outside);
    assert_int_equal(symlink(target, link_path), 0);
    assert_ok(iml__tmp_create(d, "y", "0", &fd, e));
    iml__close(&fd);
    assert_false(test_exists(outside, "stolen"));
    iml__tmp_remove(d, "y", "0");
    iml__dirs_close(&d);
    test_rm(outside);
}

static void temporary_names_are_known_by_their_node(void **state)
{
    (void)state;
    char tmp[IML__TMP_CAP], longest[256];
    iml__tmp_name(tmp, "x.png", "1-of-3");
    assert_string_equal(tmp, ".x.png.1-of-3.tmp");
    assert_true(iml__tmp_is(tmp, "1-of-3"));
    assert_true(iml__tmp_is(tmp, NULL));
    assert_false(iml__tmp_is(tmp, "0"));
    assert_false(iml__tmp_is(tmp, "of-3"));
    assert_false(iml__tmp_is(".tmp", NULL));
    assert_false(iml__tmp_is(".a.tmp", NULL));
    assert_false(iml__tmp_is("x.0.tmp", NULL));
    assert_false(iml__tmp_is("..0.tmp", "0"));
    memset(longest, 'a', 255);
    longest[255] = 0;
    iml__tmp_name(tmp, longest, "0");
    assert_true(strlen(tmp) < 255);
    assert_true(iml__tmp_is(tmp, "0"));
}

static void many_directories_share_few_descriptors(void **state)
{
    (void)state;
    struct iml__dirs *d;
    char name[64];
    assert_ok(iml__dirs_open(&d, dir, e));
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 200; i++) {
            (void)snprintf(name, sizeof name, "many/%03d/f", i);
            assert_ok(iml__file_write(d, name, "0", name, strlen(name), IML_DURABILITY_BATCH, e));
        }
    int open_now = 0;
    for (int fd = 0; fd < 1024; fd++) open_now += fcntl(fd, F_GETFD) >= 0;
    assert_true(open_now < 64 + 20);
    assert_string_equal(test_read(dir, "many/199/f", NULL), "many/199/f");
    assert_ok(iml__dirs_sync(d, e));
    iml__dirs_close(&d);
}

static int no_space(int fd)
{
    (void)fd;
    return errno = ENOSPC, -1;
}
static ssize_t full(int fd, const void *p, size_t n)
{
    (void)fd, (void)p, (void)n;
    return errno = ENOSPC, -1;
}

static void a_full_disk_is_one_sentence_and_leaves_nothing(void **state)
{
    (void)state;
    iml_err err = {0};
    char path[128];
    iml__vfs v = iml__vfs_posix;
    v.write = full;
    (void)snprintf(path, sizeof path, "%s/report.json", dir);
    iml__vfs_swap(&v);
    assert_int_equal(iml__file_write_path(path, "{}", 2, IML_DURABILITY_BATCH, &err), IML_ESINK);
    v = iml__vfs_posix, v.fdatasync = no_space;
    assert_int_equal(iml__file_write_path(path, "{}", 2, IML_DURABILITY_BATCH, NULL), IML_ESINK);
    iml__vfs_swap(NULL);
    assert_int_equal(err.sys, ENOSPC);
    assert_non_null(strstr(err.msg, "report.json: No space left on device; free some space"));
    assert_false(test_exists(dir, "report.json"));
    assert_int_equal(test_count_tmp(dir), 0);
    assert_ok(iml__file_write_path(path, "{}", 2, IML_DURABILITY_BATCH, e));
    assert_string_equal(test_read(dir, "report.json", NULL), "{}");
}

static void the_end_of_a_long_path_is_told(void **state)
{
    (void)state;
    iml_err err = {0};
    char root[300];
    memset(root, 'r', 299);
    root[299] = 0;
    assert_int_equal(iml__sink_error(&err, EROFS, "write", root, "last.png"), IML_ESINK);
    assert_non_null(
        strstr(err.msg, "...last.png: Read-only file system; the file system is read-only"));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_appears_whole_or_not_at_all, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_in_the_way_is_never_followed, setup, teardown),
        cmocka_unit_test(temporary_names_are_known_by_their_node),
        cmocka_unit_test_setup_teardown(many_directories_share_few_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_one_sentence_and_leaves_nothing, setup,
                                        teardown),
        cmocka_unit_test(the_end_of_a_long_path_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
