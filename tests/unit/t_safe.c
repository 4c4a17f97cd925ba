#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"

#include <errno.h>

#include "src/base/iml_attr.h"
#include "src/io/safe.h"

static char dir[64];

static void names_that_lead_out_are_refused(void **state)
{
    (void)state;
    char longest[300];
    const char *bad[] = {"",     "/a",    "a/",   "a//b",  ".",   "..",      "a/..",
                         "../a", "a/./b", "a\nb", "a\x7f", "./a", "a/../..", "\x01"};
    const char *good[] = {"a", "a/b", "..a", "a..", ".hidden", "a b", "\xC3\xA4/\xFF", "a\\b"};
    for (size_t i = 0; i < IML_COUNT_OF(bad); i++)
        assert_non_null(iml__name_fault(bad[i], strlen(bad[i])));
    for (size_t i = 0; i < IML_COUNT_OF(good); i++)
        assert_null(iml__name_fault(good[i], strlen(good[i])));
    assert_non_null(iml__name_fault("a\0b", 3));
    memset(longest, 'a', 256);
    longest[256] = 0;
    assert_non_null(iml__name_fault(longest, 256));
    assert_null(iml__name_fault(longest, 255));
    iml_err err = {0};
    assert_int_equal(iml__name_check(".imloom/journal.0", &err), IML_EINPUT);
    assert_int_equal(iml__name_check(".imloom", &err), IML_EINPUT);
    assert_int_equal(iml__name_check(".imloomx", &err), IML_OK);
    assert_int_equal(iml__name_check("../x", &err), IML_EINPUT);
    assert_non_null(strstr(err.msg, "leads out of the directory"));
}

static void nothing_is_opened_outside_of_the_root(void **state)
{
    (void)state;
    char path[200];
    (void)snprintf(path, sizeof path, "%s/sub", dir);
    assert_int_equal(mkdir(path, 0777), 0);
    (void)snprintf(path, sizeof path, "%s/sub/link", dir);
    assert_int_equal(symlink("/etc", path), 0);
    (void)snprintf(path, sizeof path, "%s/passwd", dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    test_write(dir, "sub/f", "x", 1);
    int root = open(dir, O_RDONLY | O_DIRECTORY);
    for (int fallback = 0; fallback < 2; fallback++) {
        iml__safe_without_openat2(fallback);
        int fd = iml__open_beneath(root, "sub/f", O_RDONLY, 0);
        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(iml__open_beneath(root, "sub/link/passwd", O_RDONLY, 0), -1);
        assert_true(errno == ELOOP || errno == ENOTDIR);
        assert_int_equal(iml__open_beneath(root, "passwd", O_RDONLY, 0), -1);
        assert_int_equal(errno, ELOOP);
        assert_int_equal(iml__open_beneath(root, "../x", O_RDONLY, 0), -1);
        assert_int_equal(errno, EXDEV);
        assert_int_equal(iml__open_beneath(root, "/etc/passwd", O_RDONLY, 0), -1);
        assert_int_equal(iml__open_beneath(root, "sub/none", O_RDONLY, 0), -1);
        assert_int_equal(errno, ENOENT);
        fd = iml__open_beneath(root, fallback ? "sub/n1" : "sub/n2", O_WRONLY | O_CREAT | O_EXCL,
                               0644);
        assert_true(fd >= 0);
        close(fd);
    }
    iml__safe_without_openat2(false);
    close(root);
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
        cmocka_unit_test(names_that_lead_out_are_refused),
        cmocka_unit_test_setup_teardown(nothing_is_opened_outside_of_the_root, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
