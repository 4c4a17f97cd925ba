#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"
#include "tests/unit/iml_prog.h"

#include "src/base/hash.h"
#include "src/base/iml_attr.h"
#include "src/io/npy.h"
#include "src/io/zip.h"

static char dir[64];

static void npy_heads_are_numpys(void **state)
{
    (void)state;
    static const struct {
        const char *descr;
        bool fortran;
        uint64_t shape[8];
        unsigned ndim;
        const char *text;
    } rows[] = {
        // what numpy 1.24.2 wrote
        {"<f4",
         false,
         {5, 512, 300},
         3,
         "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 512, 300), }"},
        {"|i1",
         true,
         {512, 300},
         2,
         "{'descr': '|i1', 'fortran_order': True, 'shape': (512, 300), }"},
        {"<i2", false, {7}, 1, "{'descr': '<i2', 'fortran_order': False, 'shape': (7,), }"},
        {"<U1234", false, {0}, 0, "{'descr': '<U1234', 'fortran_order': False, 'shape': (), }"},
        {"<f8", false, {0, 4}, 2, "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4), }"},
    };
    for (size_t i = 0; i < IML_COUNT_OF(rows); i++) {
        uint8_t h[IML__NPY_MAX];
        size_t n = iml__npy_head(h, rows[i].descr, rows[i].fortran, rows[i].shape, rows[i].ndim);
        size_t text = strlen(rows[i].text);
        assert_int_equal(n, 128);
        assert_memory_equal(h, "\x93NUMPY\x01\x00v\x00", 10);
        assert_memory_equal(h + 10, rows[i].text, text);
        for (size_t k = 10 + text; k < n - 1; k++) assert_int_equal(h[k], ' ');
        assert_int_equal(h[n - 1], '\n');
    }
    uint8_t h[IML__NPY_MAX];
    assert_int_equal(iml__npy_head(h, "<f4", true, NULL, 0), 0);
    assert_int_equal(iml__npy_head(h, "<f4", false, (uint64_t[9]){0}, 9), 0);
    assert_int_equal(iml__npy_head(h, "<f4 or something", true, (uint64_t[8]){0}, 8), 128);
    const uint64_t most[8] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
                              UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    assert_int_equal(iml__npy_head(h, "<f4 or something", false, most, 8), 256);
}

static void npy_text_is_utf32(void **state)
{
    (void)state;
    uint8_t t[IML__NPY_MAX + 4 * 6];
    assert_int_equal(iml__npy_text(t, "{\"a\"}", 5), 128 + 20);
    assert_memory_equal(t + 10, "{'descr': '<U5', ", 17);
    assert_memory_equal(t + 128, "{\0\0\0\"\0\0\0a\0\0\0\"\0\0\0}\0\0\0", 20);
    assert_int_equal(iml__npy_text(t, "", 0), 0);
    assert_int_equal(iml__npy_text(t, "\xC3\xA4", 2), 0);
}

// Random shapes and dtypes: numpy reads each file back and would write the same bytes.
static void numpy_writes_the_same_files(void **state)
{
    (void)state;
    static const struct {
        const char *descr;
        size_t size;
    } types[] = {{"<f4", 4}, {"<f2", 2}, {"<i2", 2}, {"|u1", 1}, {"|i1", 1}, {"<i4", 4}};
    static const uint8_t zero[4 * 200000];
    if (!test_have("python3-numpy", TEST_PYTHON " -c 'import numpy'")) return;
    for (uint32_t i = 0; i < 60; i++) {
        uint8_t head[IML__NPY_MAX];
        char path[128];
        uint64_t shape[4];
        unsigned ndim = 1 + i % 4, t = i % IML_COUNT_OF(types);
        size_t cells = 1;
        for (unsigned k = 0; k < ndim; k++) {
            shape[k] = 2 + (i * 7919u + k * 104729u) % (k == i % ndim ? 3000 : 3);
            cells *= shape[k];
        }
        bool fortran = ndim > 1 && i % 3 == 0;
        size_t n = iml__npy_head(head, types[t].descr, fortran, shape, ndim);
        (void)snprintf(path, sizeof path, "%s/%u.npy", dir, i);
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(head, 1, n, f), n);
        assert_int_equal(fwrite(zero, types[t].size, cells, f), cells);
        assert_int_equal(fclose(f), 0);
    }
    test_run("cd %s && " TEST_PYTHON " -c '\n"
             "import glob, io, numpy\n"
             "names = glob.glob(\"*.npy\")\n"
             "assert len(names) == 60\n"
             "for name in names:\n"
             "    b = io.BytesIO()\n"
             "    numpy.save(b, numpy.load(name))\n"
             "    new = tuple(map(int, numpy.__version__.split(\".\")[:2])) >= (1, 24)\n"
             "    assert not new or b.getvalue() == open(name, \"rb\").read(), name\n"
             "'",
             dir);
}

// ---- Archives

enum { MEMBERS = 4 };
static const char *const names[MEMBERS] = {"image.npy", "label.npy", "a/b.txt", "\xC3\xA4.txt"};

static size_t archive(uint8_t *out)
{
    struct iml__zip z;
    struct iml__zip_member m[MEMBERS];
    uint8_t *p = out;
    iml__zip_begin(&z, m, MEMBERS);
    for (unsigned i = 0; i < MEMBERS; i++) {
        char body[5000];
        size_t n = i * 1500;
        for (size_t k = 0; k < n; k++) body[k] = (char)('a' + k % (i + 3));
        // As one stored deflate block where i is odd.
        struct iml__zip_member add = {.name = names[i],
                                      .size = n,
                                      .packed = n + (i & 1 ? 5 : 0),
                                      .crc = iml__crc32(0, body, n),
                                      .method = i & 1 ? IML__ZIP_DEFLATE : IML__ZIP_STORED};
        assert_int_equal(z.at, p - out);
        size_t head = iml__zip_add(&z, &add, p);
        assert_int_equal(head, iml__zip_local_size(&add));
        p += head;
        if (i & 1) {
            *p++ = 1;
            *p++ = (uint8_t)n, *p++ = (uint8_t)(n >> 8);
            *p++ = (uint8_t)~n, *p++ = (uint8_t)(~n >> 8);
        }
        memcpy(p, body, n);
        p += n;
    }
    assert_int_equal(iml__zip_add(&z, m, p), 0); // no room
    size_t end = iml__zip_end_size(&z);
    assert_int_equal(iml__zip_end(&z, p), end);
    assert_int_equal(z.at, p + end - out);
    return (size_t)z.at;
}

static void headers_hold_nothing_that_varies(void **state)
{
    (void)state;
    static uint8_t b[20000];
    size_t n = archive(b);
    assert_memory_equal(b,
                        "PK\3\4\x14\0\0\0\0\0"
                        "\0\0\x21\0" // 1980-01-01 00:00
                        "\0\0\0\0\0\0\0\0\0\0\0\0"
                        "\x09\0\0\0image.npyPK\3\4",
                        43);
    const uint8_t *end = b + n - 22;
    assert_memory_equal(end, "PK\5\6\0\0\0\0\4\0\4\0", 12);
    const uint8_t *central = b + (end[16] | end[17] << 8 | end[18] << 16);
    assert_memory_equal(central,
                        "PK\1\2\x14\3\x14\0\0\0\0\0"
                        "\0\0\x21\0"
                        "\0\0\0\0\0\0\0\0\0\0\0\0"
                        "\x09\0\0\0\0\0\0\0\0\0"
                        "\0\0\x80\1" // 0600 in the upper half
                        "\0\0\0\0image.npy",
                        55);
}

static void archives_open_in_unzip_7z_bsdtar_python(void **state)
{
    (void)state;
    static uint8_t b[20000];
    char path[128];
    size_t n = archive(b);
    (void)snprintf(path, sizeof path, "%s/a.zip", dir);
    test_write(dir, "a.zip", b, n);
    if (test_have("unzip", "command -v unzip")) test_run("unzip -tq %s", path);
    if (test_have("7z", "command -v 7z")) test_run("7z t %s", path);
    if (test_have("bsdtar", "command -v bsdtar")) test_run("bsdtar -xOf %s >/dev/null", path);
    if (test_have("python3", TEST_PYTHON " -c 0"))
        test_run(TEST_PYTHON
                 " -c '\n"
                 "import zipfile\n"
                 "z = zipfile.ZipFile(\"%s\")\n"
                 "assert z.testzip() is None\n"
                 "m = z.infolist()\n"
                 "assert [i.filename for i in m] == [\"image.npy\", \"label.npy\", "
                 "\"a/b.txt\", \"\\u00e4.txt\"]\n"
                 "assert [i.file_size for i in m] == [0, 1500, 3000, 4500]\n"
                 "assert m[3].date_time == (1980, 1, 1, 0, 0, 0) and not m[3].extra\n"
                 "assert m[3].external_attr == 0o600 << 16 and m[3].create_system == 3\n"
                 "assert z.read(m[1])[:8] == b\"abcdabcd\"\n"
                 "'",
                 path);
}

// Sizes that need zip64, without their bytes: a sparse file.
static void sizes_beyond_32_bits_use_zip64(void **state)
{
    (void)state;
    struct iml__zip z;
    struct iml__zip_member m[3];
    uint8_t h[200];
    char path[128];
    static const uint8_t zero[1 << 20];
    const uint64_t big = ((uint64_t)5 << 30) + 7;
    uint32_t crc = 0, op = iml__crc32_op(1 << 20);
    const uint32_t mega = iml__crc32(0, zero, sizeof zero);
    for (int i = 0; i < 5 << 10; i++) crc = iml__crc32_join(op, crc, mega);
    crc = iml__crc32(crc, (const uint8_t[7]){0}, 7);
    (void)snprintf(path, sizeof path, "%s/big.zip", dir);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    iml__zip_begin(&z, m, 3);
    for (int i = 0; i < 3; i++) {
        struct iml__zip_member add = {.name = i == 1 ? "big" : "small",
                                      .size = i == 1 ? big : 0,
                                      .packed = i == 1 ? big : 0,
                                      .crc = i == 1 ? crc : 0};
        size_t n = iml__zip_add(&z, &add, h);
        assert_int_equal(n, iml__zip_local_size(&add));
        assert_int_equal(n, i == 1 ? 30 + 3 + 20 : 30 + 5);
        assert_int_equal(fwrite(h, 1, n, f), n);
        if (i == 1) assert_int_equal(fseek(f, (long)big, SEEK_CUR), 0);
    }
    size_t n = iml__zip_end_size(&z);
    assert_true(n <= sizeof h * 2);
    uint8_t end[400];
    assert_int_equal(iml__zip_end(&z, end), n);
    assert_int_equal(fwrite(end, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    if (test_have("python3", TEST_PYTHON " -c 0"))
        test_run(TEST_PYTHON " -c '\n"
                             "import zipfile\n"
                             "z = zipfile.ZipFile(\"%s\")\n"
                             "m = z.infolist()\n"
                             "assert [i.file_size for i in m] == [0, (5 << 30) + 7, 0]\n"
                             "assert m[2].header_offset > 5 << 30\n"
                             "assert z.open(m[1]).read(100) == bytes(100)\n"
                             "assert z.read(m[2]) == b\"\"\n"
                             "'",
                 path);
    if (test_have("unzip", "command -v unzip")) test_run("unzip -l %s | grep -q 5368709127", path);
    if (getenv("IML_LONG")) test_run("unzip -tq %s", path);
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
        cmocka_unit_test(npy_heads_are_numpys),
        cmocka_unit_test(npy_text_is_utf32),
        cmocka_unit_test(numpy_writes_the_same_files),
        cmocka_unit_test(headers_hold_nothing_that_varies),
        cmocka_unit_test(archives_open_in_unzip_7z_bsdtar_python),
        cmocka_unit_test(sizes_beyond_32_bits_use_zip64),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
