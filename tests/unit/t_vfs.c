#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"

#include <sys/uio.h>

#include "src/base/arena.h"
#include "src/base/mem.h"
#include "src/io/vfs.h"

static char dir[64];
static int every; // one call in so many is interrupted, the others transfer at most 3 bytes
static int calls;

static ssize_t slow_write(int fd, const void *p, size_t n)
{
    if (++calls % every == 0) return errno = EINTR, -1;
    return write(fd, p, IML_MIN(n, (size_t)3));
}

static ssize_t slow_writev(int fd, const struct iovec *v, int n)
{
    (void)n;
    if (++calls % every == 0) return errno = EINTR, -1;
    return write(fd, v->iov_base, IML_MIN(v->iov_len, (size_t)3));
}

static ssize_t slow_read(int fd, void *p, size_t n)
{
    if (++calls % every == 0) return errno = EINTR, -1;
    return read(fd, p, IML_MIN(n, (size_t)3));
}

static int interrupted_open(int d, const char *path, int flags, mode_t mode)
{
    if (++calls % every == 0) return errno = EINTR, -1;
    return openat(d, path, flags, mode);
}

static iml__vfs slow_table(void)
{
    iml__vfs v = iml__vfs_posix;
    v.write = slow_write, v.writev = slow_writev, v.read = slow_read, v.openat = interrupted_open;
    every = 2, calls = 0;
    return v;
}

static void short_and_interrupted_transfers_are_finished(void **state)
{
    (void)state;
    static const char text[] = "the quick brown fox jumps over the lazy dog";
    char back[64] = "", path[128];
    iml__vfs v = slow_table();
    (void)snprintf(path, sizeof path, "%s/a", dir);
    iml__vfs_swap(&v);
    calls = 1; // the next open is interrupted
    int fd = iml__openat(AT_FDCWD, path, O_RDWR | O_CREAT, 0666);
    assert_true(fd >= 0);
    assert_int_equal(iml__write_all(fd, text, 20), 0);
    struct iovec iov[4] = {
        {(char *)text + 20, 10}, {NULL, 0}, {(char *)text + 30, 1}, {(char *)text + 31, 12}};
    assert_int_equal(iml__writev_all(fd, iov, 4), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(iml__read_all(fd, back, sizeof back), 43);
    iml__vfs_swap(NULL);
    iml__close(&fd);
    assert_int_equal(fd, -1);
    assert_string_equal(back, text);
}

static ssize_t writes_nothing(int fd, const void *p, size_t n)
{
    (void)fd, (void)p, (void)n;
    return 0;
}

static void a_write_of_nothing_does_not_loop(void **state)
{
    (void)state;
    iml__vfs v = iml__vfs_posix;
    v.write = writes_nothing;
    iml__vfs_swap(&v);
    assert_int_equal(iml__write_all(1, "x", 1), -1);
    assert_int_equal(errno, EIO);
    iml__vfs_swap(NULL);
}

static void whole_files_are_read_within_their_limit(void **state)
{
    (void)state;
    char path[128], *text;
    size_t n;
    iml_err err = {0};
    iml_buf *b;
    iml_arena a;
    uint8_t *p;
    test_write(dir, "ten", "0123456789", 10);
    test_write(dir, "empty", "", 0);
    (void)snprintf(path, sizeof path, "%s/ten", dir);
    assert_ok(iml__file_read_heap(AT_FDCWD, path, 10, &text, &n, e));
    assert_int_equal(n, 10);
    assert_string_equal(text, "0123456789");
    IML_FREE(text);
    assert_int_equal(iml__file_read_heap(AT_FDCWD, path, 9, &text, &n, &err), IML_ELIMIT);
    assert_null(text);
    assert_non_null(strstr(err.msg, "larger than the limit of 9 bytes"));
    assert_ok(iml__file_read(AT_FDCWD, path, 1 << 20, &b, e));
    assert_int_equal(iml_buf_size(b), 10);
    iml_buf_unref(&b);
    assert_ok(iml__arena_open(&a, 1 << 20, -1, e));
    assert_ok(iml__file_read_arena(AT_FDCWD, path, 1 << 20, &a, &p, &n, e));
    assert_string_equal((char *)p, "0123456789");
    iml__arena_close(&a);
    (void)snprintf(path, sizeof path, "%s/empty", dir);
    assert_ok(iml__file_read_heap(AT_FDCWD, path, 0, &text, &n, e));
    assert_int_equal(n, 0);
    IML_FREE(text);
}

static void what_is_no_regular_file_is_bad_input(void **state)
{
    (void)state;
    char path[128], *text;
    size_t n;
    iml_err err = {0};
    assert_int_equal(iml__file_read_heap(AT_FDCWD, dir, 100, &text, &n, &err), IML_EINPUT);
    (void)snprintf(path, sizeof path, "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(iml__file_read_heap(AT_FDCWD, path, 100, &text, &n, &err), IML_EINPUT);
    assert_non_null(strstr(err.msg, "not a regular file"));
    (void)snprintf(path, sizeof path, "%s/none", dir);
    assert_int_equal(iml__file_read_heap(AT_FDCWD, path, 100, &text, &n, &err), IML_EINPUT);
    assert_int_equal(err.sys, ENOENT);
    assert_int_equal(iml__input_status(ESTALE), IML_EAGAIN);
    assert_int_equal(iml__input_status(ENOMEM), IML_ENOMEM);
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
        cmocka_unit_test(short_and_interrupted_transfers_are_finished),
        cmocka_unit_test(a_write_of_nothing_does_not_loop),
        cmocka_unit_test(whole_files_are_read_within_their_limit),
        cmocka_unit_test(what_is_no_regular_file_is_bad_input),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
