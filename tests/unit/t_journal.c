#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/iml_attr.h"
#include "src/base/mem.h"
#include "src/engine/journal.h"
#include "src/engine/list.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"

static char dir[64];
enum { N = 12 };

static size_t make(uint8_t b[N * IML__RECORD])
{
    for (unsigned i = 0; i < N; i++) {
        struct iml__record r = {.type = i % 6 ? IML__REC_UNIT : IML__REC_BEGIN,
                                .ok = i,
                                .bad = 2,
                                .run = 0x55667788,
                                .id = i + 1,
                                .bytes = 0x1122334455667788,
                                .content = 99};
        iml__record_encode(b + i * IML__RECORD, &r);
    }
    return N * IML__RECORD;
}

static size_t parsed(const uint8_t *b, size_t n, uint64_t *good)
{
    struct iml__record *r;
    size_t k;
    iml_err err;
    assert_int_equal(iml__journal_parse(b, n, &r, &k, good, &err), IML_OK);
    IML_FREE(r);
    return k;
}

static void records_have_the_layout_of_the_format(void **state)
{
    (void)state;
    uint8_t b[IML__RECORD];
    struct iml__record back,
        r = {IML__REC_BAD,       0x01020304,         0x05060708,        0x090A0B0C,
             0x1112131415161718, 0x2122232425262728, 0x3132333435363738};
    static const uint8_t want[40] = {0x49, 0x4A, 5,    0,    4,    3,    2,    1,    8,    7,
                                     6,    5,    0x0C, 0x0B, 0x0A, 9,    0x18, 0x17, 0x16, 0x15,
                                     0x14, 0x13, 0x12, 0x11, 0x28, 0x27, 0x26, 0x25, 0x24, 0x23,
                                     0x22, 0x21, 0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31};
    iml__record_encode(b, &r);
    assert_memory_equal(b, want, 40);
    uint64_t h = iml__xxh3(want, 40);
    for (int i = 0; i < 8; i++) assert_int_equal(b[40 + i], (h >> (8 * i)) & 0xFF);
    assert_true(iml__record_decode(b, &back));
    assert_memory_equal(&back, &r, sizeof r);
}

static void a_journal_is_cut_at_the_first_bad_record(void **state)
{
    (void)state;
    uint8_t b[N * IML__RECORD];
    uint64_t good;
    size_t n = make(b);
    assert_int_equal(parsed(b, n, &good), N);
    assert_int_equal(good, n);
    for (size_t cut = 0; cut < n; cut++) { // torn at every byte
        assert_int_equal(parsed(b, cut, &good), cut / IML__RECORD);
        assert_int_equal(good, cut / IML__RECORD * IML__RECORD);
    }
    for (size_t bit = 0; bit < n * 8; bit += 5) { // flipped
        b[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        assert_int_equal(parsed(b, n, &good), bit / 8 / IML__RECORD);
        b[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
    assert_int_equal(parsed(b, n, &good), N);
}

static void records_of_no_run_are_not_believed(void **state)
{
    (void)state;
    uint8_t b[3 * IML__RECORD];
    uint64_t good;
    struct iml__record r = {.type = IML__REC_UNIT, .run = 5, .bytes = 5};
    iml__record_encode(b, &r); // before any BEGIN
    assert_int_equal(parsed(b, IML__RECORD, &good), 0);
    r.type = IML__REC_BEGIN;
    iml__record_encode(b, &r);
    r.type = IML__REC_UNIT, r.run = 6; // of another run's settings
    iml__record_encode(b + IML__RECORD, &r);
    assert_int_equal(parsed(b, 2 * IML__RECORD, &good), 1);
    r.type = (enum iml__rec)9;
    iml__record_encode(b, &r);
    assert_int_equal(parsed(b, IML__RECORD, &good), 0);
}

static ssize_t half_then_full(int fd, const void *p, size_t n)
{
    static int calls;
    if (calls++ == 0) return write(fd, p, n / 2);
    return errno = ENOSPC, -1;
}

static void what_a_full_disk_left_is_cut_off(void **state)
{
    (void)state;
    struct iml__dirs *d;
    struct iml__journal j, second;
    iml_err err = {0};
    struct iml__record r[2] = {{.type = IML__REC_BEGIN}, {.type = IML__REC_END}};
    assert_ok(iml__dirs_open(&d, dir, e));
    assert_ok(iml__journal_open(&j, d, "0", e));
    assert_int_equal(iml__journal_open(&second, d, "0", &err), IML_EARG);
    assert_non_null(strstr(err.msg, "another run is writing to"));
    assert_ok(iml__journal_append(&j, r, 1, e));
    iml__vfs v = iml__vfs_posix;
    v.write = half_then_full;
    iml__vfs_swap(&v);
    assert_int_equal(iml__journal_append(&j, r, 2, &err), IML_ESINK);
    iml__vfs_swap(NULL);
    assert_int_equal(err.sys, ENOSPC);
    assert_int_equal(j.size, IML__RECORD);
    size_t n;
    assert_non_null(test_read(dir, ".imloom/journal.0", &n));
    assert_int_equal(n, IML__RECORD);
    assert_ok(iml__journal_append(&j, r + 1, 1, e));
    iml__journal_close(&j);
    assert_ok(iml__journal_open(&j, d, "0", e)); // the lock is given back
    assert_int_equal(j.size, 2 * IML__RECORD);
    iml__journal_close(&j);
    iml__dirs_close(&d);
}

static void lines_read_back_whatever_the_name(void **state)
{
    (void)state;
    static const char *const names[] = {"a.png", "x \"y\" \\z.png", "\xC3\xA4\xE2\x82\xAC",
                                        "\xFF\x80.bin", "\x80\"\xC3"};
    iml__str s;
    struct iml__lines it;
    struct iml__line line;
    iml__str_init(&s, 1 << 16);
    iml__line_begin(&s, 3);
    for (size_t i = 0; i < IML_COUNT_OF(names); i++)
        iml__line_file(&s, i, names[i], i * 7, UINT64_MAX - i);
    iml__line_empty(&s, UINT64_MAX);
    iml__line_joined(&s, "labels.tsv", 1, 2);
    assert_true(iml__utf8_valid(s.p, s.n, NULL));
    iml__lines_begin(&it, s.p, 0, s.n);
    assert_true(iml__lines_next(&it, &line));
    assert_int_equal(line.kind, IML__LINE_BEGIN);
    assert_int_equal(line.item, 3);
    for (size_t i = 0; i < IML_COUNT_OF(names); i++) {
        assert_true(iml__lines_next(&it, &line));
        assert_int_equal(line.kind, IML__LINE_FILE);
        assert_string_equal(line.name, names[i]);
        assert_int_equal(line.item, i);
        assert_int_equal(line.size, i * 7);
        assert_true(line.xxh3 == UINT64_MAX - i);
    }
    assert_true(iml__lines_next(&it, &line));
    assert_int_equal(line.kind, IML__LINE_EMPTY);
    assert_true(line.item == UINT64_MAX);
    assert_true(iml__lines_next(&it, &line));
    assert_int_equal(line.kind, IML__LINE_JOINED);
    assert_int_equal(line.off + line.len, s.n);
    assert_false(iml__lines_next(&it, &line));
    iml__str_free(&s);
}

static void damaged_lines_are_known(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{",
        "{\"item\":",
        "{\"item\":1}",
        "{\"item\":99999999999999999999",
        "",
        "{\"item\":1,\"name\":\"\",\"size\":1,\"xxh3\":\"0000000000000000\"",
        "{\"item\":1,\"name\":\"a\",\"size\":1,\"xxh3\":\"000000000000000\"",
        "{\"item\":1,\"name\":\"a\",\"size\":1,\"xxh3\":\"000000000000000G\"",
        "{\"item\":1,\"name\":\"a\\x\",\"size\":1,\"xxh3\":\"0000000000000000\"",
        "{\"item\":1,\"name\":\"a\\u0000\",\"size\":1,\"xxh3\":\"0000000000000000\"",
        "{\"item\":1,\"name\":\"a\",\"size\":1,\"xxh3\":\"0000000000000000\" ",
        "{\"imloom\":1,\"begin\":"};
    struct iml__lines it;
    struct iml__line line;
    char text[256];
    for (size_t i = 0; i < IML_COUNT_OF(bad); i++) {
        int n = snprintf(text, sizeof text, "%s" IML__LINE_SUM "\"%08x\"}\n", bad[i],
                         (unsigned)iml__line_sum(bad[i], strlen(bad[i])));
        iml__lines_begin(&it, text, 0, (size_t)n);
        assert_true(iml__lines_next(&it, &line));
        assert_int_equal(line.kind, IML__LINE_BAD);
        assert_int_equal(line.len, n);
    }
    iml__lines_begin(&it, "{\"item\":1}", 0, 10); // torn: no newline
    assert_false(iml__lines_next(&it, &line));
}

// Whatever bit flips, the line is known to be damaged: no name is taken for another item's.
static void every_flipped_bit_of_a_line_is_seen(void **state)
{
    (void)state;
    iml__str s;
    struct iml__lines it;
    struct iml__line line;
    iml__str_init(&s, 1 << 16);
    for (int form = 0; form < 4; form++) {
        s.n = 0;
        if (form == 0) iml__line_begin(&s, 3);
        if (form == 1) iml__line_file(&s, 21, "001/000000021.bin", 640, 77);
        if (form == 2) iml__line_empty(&s, 21);
        if (form == 3) iml__line_joined(&s, "labels.tsv", 912, 78);
        for (size_t bit = 0; bit < 8 * (s.n - 1); bit++) {
            s.p[bit / 8] ^= (char)(1 << bit % 8);
            iml__lines_begin(&it, s.p, 0, s.n);
            while (iml__lines_next(&it, &line)) assert_int_equal(line.kind, IML__LINE_BAD);
            s.p[bit / 8] ^= (char)(1 << bit % 8);
        }
        iml__lines_begin(&it, s.p, 0, s.n);
        assert_true(iml__lines_next(&it, &line));
        assert_int_not_equal(line.kind, IML__LINE_BAD);
    }
    iml__str_free(&s);
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
        cmocka_unit_test(records_have_the_layout_of_the_format),
        cmocka_unit_test(a_journal_is_cut_at_the_first_bad_record),
        cmocka_unit_test(records_of_no_run_are_not_believed),
        cmocka_unit_test_setup_teardown(what_a_full_disk_left_is_cut_off, setup, teardown),
        cmocka_unit_test(lines_read_back_whatever_the_name),
        cmocka_unit_test(damaged_lines_are_known),
        cmocka_unit_test(every_flipped_bit_of_a_line_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
