// t_nifti.c: volumes of every type, byte order, version and container; every way a file is damaged.
#include "tests/unit/iml_test.h"

#include <math.h>
#include <zlib.h>

#include "src/base/arena.h"
#include "src/codec/nifti.h"
#include "tests/tools/nifti_make.h"
#include "tests/unit/iml_dir.h"

static char dir[64];
static iml_arena arena;
static iml_err err;

static const struct {
    int code, bytes;
    bool real, sign;
} types[] = {{IML_NIFTI_U8, 1, false, false}, {IML_NIFTI_I8, 1, false, true},
             {IML_NIFTI_I16, 2, false, true}, {IML_NIFTI_U16, 2, false, false},
             {IML_NIFTI_I32, 4, false, true}, {IML_NIFTI_U32, 4, false, false},
             {IML_NIFTI_I64, 8, false, true}, {IML_NIFTI_U64, 8, false, false},
             {IML_NIFTI_F32, 4, true, true},  {IML_NIFTI_F64, 8, true, true}};

enum { NX = 5, NY = 4, NZ = 3, VOXELS = NX * NY * NZ };

static const char *path_of(const char *name)
{
    static char path[4][128];
    static int k;
    (void)snprintf(path[k = (k + 1) % 4], 128, "%s/%s", dir, name);
    return path[k];
}

static void write_gz(const char *name, const void *p, size_t n)
{
    gzFile f = gzopen(path_of(name), "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, p, (unsigned)n), n);
    assert_int_equal(gzclose(f), Z_OK);
}

// Voxel k of type t as bits, and the double that it stands for.
static double voxel(int t, size_t k, uint64_t *bits)
{
    iml_rng g = iml_rng_at(1, k, (uint32_t)types[t].code);
    *bits = iml_rng_u64(&g);
    if (types[t].real) {
        double v = (iml_rng_unit(&g) - 0.5) * 1e6;
        float f = (float)v;
        *bits = 0;
        if (types[t].bytes == 4)
            memcpy(bits, &f, 4);
        else
            memcpy(bits, &v, 8);
        return types[t].bytes == 4 ? (double)f : v;
    }
    unsigned drop = 64 - 8 * (unsigned)types[t].bytes;
    *bits >>= drop;
    return types[t].sign ? (double)((int64_t)(*bits << drop) >> drop) : (double)*bits;
}

static size_t body(int t, bool big, uint8_t *out, double *value)
{
    for (size_t k = 0; k < VOXELS; k++) {
        uint64_t bits;
        value[k] = voxel(t, k, &bits);
        test_put(out, k * (size_t)types[t].bytes, types[t].bytes, big, bits);
    }
    return VOXELS * (size_t)types[t].bytes;
}

static void check_values(const char *path, const double *value, double slope, double inter,
                         int version)
{
    iml_nifti *n;
    static float f[VOXELS];
    void *raw;
    iml_status st = iml_nifti_open(path, IML_AFFINE_AUTO, &n, &err);
    if (st) fail_msg("%s: %s", path, err.msg);
    assert_int_equal(iml_nifti_about(n)->version, version);
    assert_ok(iml_nifti_read_f32(n, 0, f, VOXELS, e));
    for (size_t k = 0; k < VOXELS; k++) {
        double v = value[k];
        if (slope != 1) v *= slope;
        if (inter != 0) v += inter;
        float want = (float)v;
        assert_memory_equal(&f[k], &want, sizeof want);
    }
    iml__arena_reset(&arena);
    assert_ok(iml__nifti_load(n, 0, NULL, &arena, &raw, e));
    static float again[VOXELS];
    iml__nifti_to_f32(&n->info, raw, VOXELS, again);
    assert_memory_equal(f, again, sizeof f);
    iml_nifti_close(&n);
    assert_null(n);
}

static void every_type_order_version_and_container(void **state)
{
    (void)state;
    static const double scale[][2] = {{1, 0}, {0.5, -7}, {2.25, 0}, {1, 3}};
    for (size_t t = 0; t < IML_COUNT_OF(types); t++)
        for (int k = 0; k < 24; k++) {
            bool big = k & 1, gz = k & 2;
            int version = k / 4 % 3, s = k % 4;
            bool pair = version == 0 || (k / 12);
            static uint8_t file[8192];
            static double value[VOXELS];
            struct test_nifti h =
                test_nifti(version, types[t].code, 8 * types[t].bytes, NX, NY, NZ);
            h.big = big, h.pair = pair, h.slope = scale[s][0], h.inter = scale[s][1];
            if (pair) h.vox_offset = version ? 16 : 0;
            memset(file, 0, sizeof file);
            size_t head = test_nifti_head(&h, file), n;
            if (pair) {
                if (gz)
                    write_gz("v.hdr.gz", file, head);
                else
                    test_write(dir, "v.hdr", file, head);
                memset(file, 0, sizeof file);
                n = (size_t)h.vox_offset + body((int)t, big, file + (size_t)h.vox_offset, value);
                if (gz)
                    write_gz("v.img.gz", file, n);
                else
                    test_write(dir, "v.img", file, n);
                double inter = version ? h.inter : 0; // Analyze has no offset
                check_values(path_of(gz ? "v.hdr.gz" : "v.hdr"), value, h.slope, inter, version);
                check_values(path_of(gz ? "v.img.gz" : "v.img"), value, h.slope, inter, version);
                (void)remove(path_of("v.hdr")), (void)remove(path_of("v.img"));
                (void)remove(path_of("v.hdr.gz")), (void)remove(path_of("v.img.gz"));
            } else {
                n = head + body((int)t, big, file + head, value);
                if (gz)
                    write_gz("v.nii.gz", file, n);
                else
                    test_write(dir, "v.nii", file, n);
                check_values(path_of(gz ? "v.nii.gz" : "v.nii"), value, h.slope, h.inter, version);
            }
        }
}

static void refused(const char *path, const char *code, const char *says)
{
    iml_nifti *n;
    char got[24];
    size_t len;
    void *raw;
    iml_status st = iml_nifti_open(path, IML_AFFINE_AUTO, &n, &err);
    for (int whole = 0; whole < 2; whole++) { // both ways to the voxels see it
        static uint8_t out[1 << 16];
        iml__arena_reset(&arena);
        if (n)
            st = whole ? iml__nifti_load(n, 0, NULL, &arena, &raw, &err)
                       : iml_nifti_read(n, 0, out, sizeof out, &err);
        if (!st) fail_msg("%s is taken", path);
        iml__coded_split(err.msg, got, &len);
        if (strcmp(got, code) != 0 || !strstr(err.msg, says))
            fail_msg("%s: '%s' is not [%s] %s", path, err.msg, code, says);
    }
    iml_nifti_close(&n);
}

static size_t plain(uint8_t *file, size_t *head)
{
    static double value[VOXELS];
    struct test_nifti h = test_nifti(1, IML_NIFTI_I16, 16, NX, NY, NZ);
    *head = test_nifti_head(&h, file);
    return *head + body(2, false, file + *head, value);
}

static void damage_has_its_code(void **state)
{
    (void)state;
    static uint8_t file[8192];
    size_t head, n = plain(file, &head), gz = 0;
    test_write(dir, "short.nii", file, n - 3);
    refused(path_of("short.nii"), "short-data", "3 bytes of voxels are missing");
    test_write(dir, "none.nii", file, 0);
    refused(path_of("none.nii"), "not-nifti", "empty");
    write_gz("short.nii.gz", file, n - 3);
    refused(path_of("short.nii.gz"), "short-data", "3 bytes of voxels are missing");
    write_gz("good.nii.gz", file, n);
    char *packed = test_read(dir, "good.nii.gz", &gz);
    static char copy[8192];
    memcpy(copy, packed, gz);
    test_write(dir, "cut.nii.gz", copy, gz - 9);
    refused(path_of("cut.nii.gz"), "gzip-truncated", "ends early");
    copy[gz - 6] ^= 1; // the CRC
    test_write(dir, "crc.nii.gz", copy, gz);
    refused(path_of("crc.nii.gz"), "gzip-crc", "CRC differs");
    copy[gz - 6] ^= 1, copy[gz - 1] ^= 1; // ISIZE
    test_write(dir, "isize.nii.gz", copy, gz);
    refused(path_of("isize.nii.gz"), "gzip-crc", "");
    copy[gz - 1] ^= 1, copy[gz] = 'x';
    test_write(dir, "behind.nii.gz", copy, gz + 1);
    refused(path_of("behind.nii.gz"), "gzip-garbage", "behind");
    test_put(file, 42, 2, false, 30000), test_put(file, 44, 2, false, 30000); // 30000 x 30000 x 3
    write_gz("bomb.nii.gz", file, n);
    refused(path_of("bomb.nii.gz"), "dims", "cannot hold");
    test_write(dir, "lone.hdr", file, 348);
    file[344] = 'n', file[345] = 'i';
    test_write(dir, "lone.hdr", file, 348);
    refused(path_of("lone.hdr"), "pair-missing", ".img");
    test_write(dir, "lone2.img", file, 348);
    refused(path_of("lone2.img"), "pair-missing", ".hdr");
    test_write(dir, "odd.nii", file, n);
    refused(path_of("odd.nii"), "not-nifti", ".img of their own");
    refused(path_of("absent.nii"), "", "it cannot be opened");
    refused(dir, "", "it is no regular file");
}

static void what_is_behind_is_a_warning(void **state)
{
    (void)state;
    static uint8_t file[8192];
    static char packed[8192];
    size_t head, n = plain(file, &head), gz = 0;
    memset(file + n, 7, 5);
    for (int k = 0; k < 3; k++) {
        iml_nifti *v;
        void *raw;
        const char *name = k ? "more.nii.gz" : "more.nii";
        if (!k)
            test_write(dir, name, file, n + 5);
        else
            write_gz(name, file, n + 5);
        assert_ok(iml_nifti_open(path_of(name), 0, &v, e));
        iml__arena_reset(&arena);
        if (k == 2)
            assert_ok(iml__nifti_load(v, 0, NULL, &arena, &raw, e));
        else {
            static uint8_t out[VOXELS * 2];
            assert_ok(iml_nifti_read(v, 0, out, sizeof out, e));
            assert_memory_equal(out, file + head, sizeof out);
        }
        assert_true(v->warnings & IML__NIFTI_WARN_LONGER);
        iml_nifti_close(&v);
    }
    // Zeros behind a gzip stream are padding, and two members are one file.
    size_t gz2 = 0;
    write_gz("a.nii.gz", file, 400);
    char *member = test_read(dir, "a.nii.gz", &gz);
    memcpy(packed, member, gz);
    write_gz("b.nii.gz", file + 400, n - 400);
    member = test_read(dir, "b.nii.gz", &gz2);
    memcpy(packed + gz, member, gz2);
    memset(packed + gz + gz2, 0, 512);
    test_write(dir, "two.nii.gz", packed, gz + gz2 + 512);
    iml_nifti *v;
    assert_ok(iml_nifti_open(path_of("two.nii.gz"), 0, &v, e));
    static uint8_t out[VOXELS * 2];
    assert_ok(iml_nifti_read(v, 0, out, sizeof out, e));
    assert_memory_equal(out, file + head, sizeof out);
    assert_int_equal(v->warnings, 0);
    iml_nifti_close(&v);
}

static void frames_are_read_one_by_one(void **state)
{
    (void)state;
    static uint8_t file[8192];
    struct test_nifti h = test_nifti(1, IML_NIFTI_U8, 8, NX, NY, NZ);
    h.dim[0] = 4, h.dim[4] = 3;
    size_t head = test_nifti_head(&h, file);
    for (size_t k = 0; k < 3 * VOXELS; k++) file[head + k] = (uint8_t)k;
    write_gz("four.nii.gz", file, head + 3 * VOXELS);
    iml_nifti *v;
    assert_ok(iml_nifti_open(path_of("four.nii.gz"), 0, &v, e));
    assert_int_equal(iml_nifti_about(v)->frames, 3);
    for (uint64_t f = 0; f < 3; f++) {
        static uint8_t out[VOXELS];
        void *raw;
        assert_ok(iml_nifti_read(v, f, out, sizeof out, e));
        assert_memory_equal(out, file + head + f * VOXELS, VOXELS);
        iml__arena_reset(&arena);
        assert_ok(iml__nifti_load(v, f, NULL, &arena, &raw, e));
        assert_memory_equal(raw, out, VOXELS);
    }
    uint8_t one;
    assert_int_equal(iml_nifti_read(v, 0, &one, 1, &err), IML_EARG);
    static uint8_t out[VOXELS];
    assert_int_equal(iml_nifti_read(v, 3, out, sizeof out, &err), IML_EINPUT);
    iml_nifti_close(&v);
}

static void a_file_that_changes_is_tried_again(void **state)
{
    (void)state;
    static uint8_t file[8192], out[VOXELS * 2];
    size_t head, n = plain(file, &head);
    test_write(dir, "live.nii", file, n);
    iml_nifti *v;
    assert_ok(iml_nifti_open(path_of("live.nii"), 0, &v, e));
    test_write(dir, "live.nii", file, n + 2);
    assert_int_equal(iml_nifti_read(v, 0, out, sizeof out, &err), IML_EAGAIN);
    assert_non_null(strstr(err.msg, "[changed]"));
    assert_true(v->changed);
    iml_nifti_close(&v);
}

static void a_long_extension_is_read_over(void **state)
{
    (void)state;
    static uint8_t file[40000];
    static double value[VOXELS];
    struct test_nifti h = test_nifti(1, IML_NIFTI_I16, 16, NX, NY, NZ);
    h.vox_offset = 352 + 32000;
    (void)test_nifti_head(&h, file);
    file[348] = 1;
    test_put(file, 352, 4, false, 16000), test_put(file, 352 + 16000, 4, false, 16000);
    size_t n = 32352 + body(2, false, file + 32352, value);
    write_gz("ext.nii.gz", file, n);
    check_values(path_of("ext.nii.gz"), value, 1, 0, 1);
    test_put(file, 352 + 16000, 4, false, 16016);
    write_gz("ext.nii.gz", file, n);
    refused(path_of("ext.nii.gz"), "offset", "inside a header extension");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_order_version_and_container),
        cmocka_unit_test(damage_has_its_code),
        cmocka_unit_test(what_is_behind_is_a_warning),
        cmocka_unit_test(frames_are_read_one_by_one),
        cmocka_unit_test(a_file_that_changes_is_tried_again),
        cmocka_unit_test(a_long_extension_is_read_over),
    };
    test_dir(dir);
    if (iml__arena_open(&arena, 1 << 30, -1, &err)) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    iml__arena_close(&arena);
    test_rm(dir);
    return failed;
}
