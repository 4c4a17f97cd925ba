// t_nifti_header.c: every field of every version, and every way in which a header is refused.
#include "tests/unit/iml_test.h"

#include <math.h>

#include "src/codec/nifti.h"
#include "tests/tools/nifti_make.h"

static iml_nifti_info info;
static iml_err err;

static iml_status read_it(const struct test_nifti *t)
{
    uint8_t p[544];
    size_t n = test_nifti_head(t, p);
    return iml__nifti_header(p, n, IML_AFFINE_AUTO, &info, &err);
}

static void refused(const struct test_nifti *t, const char *code, const char *says)
{
    char got[24];
    size_t n;
    assert_int_equal(read_it(t), IML_EINPUT);
    iml__coded_split(err.msg, got, &n);
    if (strcmp(got, code) != 0 || !strstr(err.msg, says))
        fail_msg("'%s' is not [%s] %s", err.msg, code, says);
}

static void both_versions_and_byte_orders(void **state)
{
    (void)state;
    for (int k = 0; k < 8; k++) {
        struct test_nifti t = test_nifti(1 + (k & 1), IML_NIFTI_I16, 16, 11, 12, 13);
        t.big = k & 2, t.pair = k & 4, t.slope = 0.5, t.inter = -3;
        if (t.pair) t.vox_offset = 16;
        if (read_it(&t)) fail_msg("%s", err.msg);
        assert_int_equal(info.version, t.version);
        assert_int_equal(info.big_endian, t.big);
        assert_int_equal(info.pair, t.pair);
        assert_int_equal(info.voxels, 11 * 12 * 13);
        assert_int_equal(info.ndim, 3);
        assert_int_equal(info.data_offset, t.vox_offset);
        assert_true(info.scaled && info.slope == 0.5 && info.inter == -3);
        assert_memory_equal(info.affine, t.sform, sizeof t.sform);
        assert_memory_equal(info.zoom, t.pixdim + 1, sizeof info.zoom);
        assert_true(info.unit_mm == 1);
    }
}

static void analyze_has_no_orientation(void **state)
{
    (void)state;
    struct test_nifti t = test_nifti(0, IML_NIFTI_U8, 8, 4, 5, 6);
    t.slope = 0;
    assert_int_equal(read_it(&t), IML_OK);
    assert_int_equal(info.version, 0);
    assert_true(info.pair);
    assert_int_equal(info.affine_source, IML_AFFINE_PIXDIM);
    assert_true(iml__nifti_warnings(&info) & IML__NIFTI_WARN_ANALYZE);
}

static void trailing_ones_are_dropped(void **state)
{
    (void)state;
    struct test_nifti t = test_nifti(1, IML_NIFTI_F32, 32, 4, 5, 6);
    t.dim[0] = 5;
    assert_int_equal(read_it(&t), IML_OK);
    assert_int_equal(info.ndim, 3);
    t.dim[4] = 7;
    assert_int_equal(read_it(&t), IML_OK);
    assert_int_equal(info.ndim, 4);
    assert_int_equal(info.frames, 7);
    t.dim[0] = 2;
    assert_int_equal(read_it(&t), IML_OK);
    assert_int_equal(info.voxels, 20);
    assert_true(info.zoom[2] == 1);
}

static void qform_flips_and_clamps(void **state)
{
    (void)state;
    struct test_nifti t = test_nifti(2, IML_NIFTI_F32, 32, 4, 5, 6);
    t.sform_code = 0, t.qform_code = 1, t.pixdim[0] = -1;
    t.qoffset[0] = 7, t.qoffset[1] = 8, t.qoffset[2] = 9;
    assert_int_equal(read_it(&t), IML_OK);
    assert_int_equal(info.affine_source, IML_AFFINE_QFORM);
    static const double want[12] = {1.5, 0, 0, 7, 0, 2, 0, 8, 0, 0, -3, 9};
    for (int k = 0; k < 12; k++) assert_true(info.affine[k] == want[k]);
    t.quatern[0] = 1.01; // a^2 below 0: half a turn about x
    t.pixdim[0] = 1;
    assert_int_equal(read_it(&t), IML_OK);
    assert_true(fabs(info.affine[0] - 1.5) < 1e-12 && fabs(info.affine[5] + 2) < 1e-12 &&
                fabs(info.affine[10] + 3) < 1e-12);
}

static void base_affine_is_nibabels(void **state)
{
    (void)state;
    struct test_nifti t = test_nifti(1, IML_NIFTI_F32, 32, 5, 6, 7);
    t.sform_code = 0;
    assert_int_equal(read_it(&t), IML_OK);
    static const double want[12] = {-1.5, 0, 0, 3, 0, 2, 0, -5, 0, 0, 3, -9};
    for (int k = 0; k < 12; k++) assert_true(info.affine[k] == want[k]);
}

// A spacing is a size: nibabel takes its absolute value, under qform and without any.
static void a_negative_pixdim_is_a_size(void **state)
{
    (void)state;
    for (int q = 0; q < 2; q++) {
        struct test_nifti t = test_nifti(1, IML_NIFTI_F32, 32, 5, 6, 7);
        t.sform_code = 0, t.qform_code = q;
        assert_int_equal(read_it(&t), IML_OK);
        iml_nifti_info sound = info;
        for (int k = 1; k < 4; k++) t.pixdim[k] = -t.pixdim[k];
        assert_int_equal(read_it(&t), IML_OK);
        assert_memory_equal(info.zoom, sound.zoom, sizeof sound.zoom);
        assert_memory_equal(info.affine, sound.affine, sizeof sound.affine);
        assert_true(info.zoom[0] > 0);
    }
}

static void every_refusal_has_its_code(void **state)
{
    (void)state;
    struct test_nifti g = test_nifti(1, IML_NIFTI_I16, 16, 4, 5, 6), t;
    t = g, t.bitpix = 8, refused(&t, "dtype", "bitpix is 8");
    static const int types[] = {1, 32, 128, 1536, 1792, 2048, 2304, 3};
    for (size_t k = 0; k < IML_COUNT_OF(types); k++)
        t = g, t.datatype = types[k], refused(&t, "dtype", "");
    t = g, t.dim[2] = 0, refused(&t, "dims", "dimension 2 is 0");
    t = g, t.dim[1] = -4, refused(&t, "dims", "dimension 1 is -4");
    t = g, t.dim[0] = 9, refused(&t, "dims", "9 dimensions");
    t = g, t.dim[0] = 7;
    for (int k = 1; k < 8; k++) t.dim[k] = 32767;
    refused(&t, "dims", "more than can be addressed");
    t = test_nifti(2, IML_NIFTI_F64, 64, 4, 5, 6);
    t.dim[3] = INT64_C(1) << 40, refused(&t, "dims", "more than can be addressed");
    t.dim[3] = -1, refused(&t, "dims", "dimension 3 is -1");
    t = g, t.vox_offset = 0, refused(&t, "offset", "vox_offset is 0");
    t = g, t.vox_offset = 351, refused(&t, "offset", "351");
    t = g, t.vox_offset = 352.5, refused(&t, "offset", "352.5");
    t = g, t.vox_offset = NAN, refused(&t, "offset", "nan");
    t = g, t.vox_offset = -INFINITY, refused(&t, "offset", "inf");
    t = test_nifti(2, IML_NIFTI_F64, 64, 4, 5, 6);
    t.vox_offset = 352, refused(&t, "offset", "352");
    t.vox_offset = 0x1p62, refused(&t, "offset", "vox_offset is 4611686018427387904, which is no");
    t = g, t.inter = NAN, refused(&t, "scale", "scl_inter");
    t = g, t.sform[5] = NAN, refused(&t, "orient", "NaN");
    t = g, t.pixdim[2] = INFINITY, refused(&t, "dims", "pixdim[2]");
}

static void a_slope_of_nothing_scales_nothing(void **state)
{
    (void)state;
    static const double none[] = {0, NAN, INFINITY};
    for (int k = 0; k < 3; k++) {
        struct test_nifti t = test_nifti(1, IML_NIFTI_I16, 16, 4, 5, 6);
        t.slope = none[k], t.inter = k ? NAN : 5;
        assert_int_equal(read_it(&t), IML_OK);
        assert_false(info.scaled);
        assert_true(info.slope == 1 && info.inter == 0);
    }
}

static void what_it_looks_like(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t at, n;
        const char *says;
    } files[] = {
        {"DICM", 128, 400, "DICOM"},
        {"\x89PNG\r\n", 0, 400, "PNG"},
        {"hello world", 0, 11, "text"},
        {"", 0, 0, "empty"},
        {"", 0, 400, "zeros"},
        {"NRRD0004", 0, 100, "NRRD"},
        {"PK\3\4", 0, 100, "ZIP"},
        {"\1\2\3\4\5", 0, 100, "it begins with 01 02 03 04 05 00 00 00"},
        {"\x5c\1\0\0", 0, 100, "ends after 100"},
        {"\x5c\1\0\0x", 0, 400, "magic"},
    };
    for (size_t k = 0; k < IML_COUNT_OF(files); k++) {
        uint8_t p[400] = {0};
        char code[24];
        size_t n;
        memcpy(p + files[k].at, files[k].bytes, strlen(files[k].bytes));
        assert_int_equal(iml__nifti_header(p, files[k].n, 0, &info, &err), IML_EINPUT);
        iml__coded_split(err.msg, code, &n);
        assert_string_equal(code, "not-nifti");
        if (!strstr(err.msg, files[k].says))
            fail_msg("'%s' does not say %s", err.msg, files[k].says);
    }
}

static void sizes_are_compared_before_allocation(void **state)
{
    (void)state;
    struct test_nifti t = test_nifti(1, IML_NIFTI_I16, 16, 100, 100, 100);
    char code[24];
    size_t n;
    assert_int_equal(read_it(&t), IML_OK);
    assert_int_equal(iml__nifti_sizes(&info, 2000352, false, &err), IML_OK);
    assert_int_equal(iml__nifti_sizes(&info, 2000351, false, &err), IML_EINPUT);
    iml__coded_split(err.msg, code, &n);
    assert_string_equal(code, "short-data");
    assert_int_equal(iml__nifti_sizes(&info, 2000, true, &err), IML_OK);
    assert_int_equal(iml__nifti_sizes(&info, 1900, true, &err), IML_EINPUT);
    iml__coded_split(err.msg, code, &n);
    assert_string_equal(code, "dims");
}

static void extensions_end_before_the_voxels(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        struct test_nifti t = test_nifti(1, IML_NIFTI_I16, 16, 4, 5, 6);
        uint8_t p[544] = {0};
        t.big = big, t.vox_offset = 416;
        assert_int_equal(test_nifti_head(&t, p), 352);
        p[348] = 1;
        test_put(p, 352, 4, t.big, 32), test_put(p, 384, 4, t.big, 32);
        assert_int_equal(iml__nifti_header(p, 512, 0, &info, &err), IML_OK);
        assert_int_equal(iml__nifti_extensions(p, 512, &info, &err), IML_OK);
        assert_int_equal(info.extension_bytes, 64);
        test_put(p, 384, 4, t.big, 0); // padding
        assert_int_equal(iml__nifti_extensions(p, 512, &info, &err), IML_OK);
        assert_int_equal(info.extension_bytes, 32);
        static const int64_t bad[] = {48, 8, -16, 15, 1 << 30};
        for (size_t k = 0; k < IML_COUNT_OF(bad); k++) {
            test_put(p, 384, 4, t.big, (uint64_t)bad[k]);
            assert_int_equal(iml__nifti_extensions(p, 512, &info, &err), IML_EINPUT);
            assert_non_null(strstr(err.msg, "[offset]"));
        }
    }
}

static void warnings_are_told(void **state)
{
    (void)state;
    struct test_nifti g = test_nifti(1, IML_NIFTI_I16, 16, 40, 50, 60), t = g;
    assert_int_equal(read_it(&t), IML_OK);
    assert_int_equal(iml__nifti_warnings(&info), 0);
    t.pixdim[2] = 0;
    assert_int_equal(read_it(&t), IML_OK);
    assert_int_equal(iml__nifti_warnings(&info), IML__NIFTI_WARN_ZOOM);
    t = g, t.qform_code = 1, t.qoffset[0] = -10, t.qoffset[1] = -20, t.qoffset[2] = -30;
    assert_int_equal(read_it(&t), IML_OK);
    assert_int_equal(iml__nifti_warnings(&info), 0);
    t.qoffset[1] = -19.8;
    assert_int_equal(read_it(&t), IML_OK);
    assert_int_equal(iml__nifti_warnings(&info), IML__NIFTI_WARN_FORMS);
    t = g, t.sform[1] = 0.02;
    assert_int_equal(read_it(&t), IML_OK);
    assert_int_equal(iml__nifti_warnings(&info), IML__NIFTI_WARN_SHEAR);
}

static void a_code_survives_any_length(void **state)
{
    (void)state;
    char longest[400], code[24];
    size_t n;
    memset(longest, 'x', sizeof longest - 1), longest[399] = 0;
    (void)iml__coded(&err, IML_EINPUT, "gzip-truncated", "%s", longest);
    iml__coded_split(err.msg, code, &n);
    assert_string_equal(code, "gzip-truncated");
    iml__coded_split("no code here", code, &n);
    assert_string_equal(code, "");
    assert_int_equal(n, 12);
    iml__coded_split("]", code, &n);
    assert_string_equal(code, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_versions_and_byte_orders),
        cmocka_unit_test(analyze_has_no_orientation),
        cmocka_unit_test(trailing_ones_are_dropped),
        cmocka_unit_test(qform_flips_and_clamps),
        cmocka_unit_test(base_affine_is_nibabels),
        cmocka_unit_test(a_negative_pixdim_is_a_size),
        cmocka_unit_test(every_refusal_has_its_code),
        cmocka_unit_test(a_slope_of_nothing_scales_nothing),
        cmocka_unit_test(what_it_looks_like),
        cmocka_unit_test(sizes_are_compared_before_allocation),
        cmocka_unit_test(extensions_end_before_the_voxels),
        cmocka_unit_test(warnings_are_told),
        cmocka_unit_test(a_code_survives_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
