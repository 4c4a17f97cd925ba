// nifti_make.h: NIfTI files for tests: any version, byte order and type, and any damage to them.
#ifndef IML_TEST_NIFTI_MAKE_H
#define IML_TEST_NIFTI_MAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct test_nifti {
    int version; // 0, 1, 2
    bool big, pair;
    int datatype, bitpix;
    int64_t dim[8];
    double pixdim[8], vox_offset, slope, inter, quatern[3], qoffset[3], sform[12];
    int sform_code, qform_code, units;
};

static inline struct test_nifti test_nifti(int version, int datatype, int bitpix, int64_t x,
                                           int64_t y, int64_t z)
{
    return (struct test_nifti){.version = version,
                               .datatype = datatype,
                               .bitpix = bitpix,
                               .dim = {3, x, y, z, 1, 1, 1, 1},
                               .pixdim = {1, 1.5, 2, 3, 1, 1, 1, 1},
                               .vox_offset = version == 2 ? 544 : 352,
                               .slope = 1,
                               .sform = {1.5, 0, 0, -10, 0, 2, 0, -20, 0, 0, 3, -30},
                               .sform_code = 1,
                               .units = 2};
}

static inline void test_put(uint8_t *p, size_t at, int bytes, bool big, uint64_t v)
{
    for (int k = 0; k < bytes; k++)
        p[at + (size_t)(big ? bytes - 1 - k : k)] = (uint8_t)(v >> 8 * k);
}

static inline void test_put_real(uint8_t *p, size_t at, int bytes, bool big, double v)
{
    float f = (float)v;
    uint64_t u = 0;
    if (bytes == 4)
        memcpy(&u, &f, 4);
    else
        memcpy(&u, &v, 8);
    test_put(p, at, bytes, big, u);
}

// The header and its 4 extension bytes; returns 352 or 544.
static inline size_t test_nifti_head(const struct test_nifti *t, uint8_t out[544])
{
    bool b = t->big;
    memset(out, 0, 544);
    if (t->version == 2) {
        test_put(out, 0, 4, b, 540);
        memcpy(out + 4, t->pair ? "ni2\0\r\n\032\n" : "n+2\0\r\n\032\n", 8);
        test_put(out, 12, 2, b, (uint64_t)t->datatype),
            test_put(out, 14, 2, b, (uint64_t)t->bitpix);
        for (size_t k = 0; k < 8; k++) {
            test_put(out, 16 + 8 * k, 8, b, (uint64_t)t->dim[k]);
            test_put_real(out, 104 + 8 * k, 8, b, t->pixdim[k]);
        }
        test_put(out, 168, 8, b, (uint64_t)(int64_t)t->vox_offset);
        test_put_real(out, 176, 8, b, t->slope), test_put_real(out, 184, 8, b, t->inter);
        test_put(out, 344, 4, b, (uint64_t)t->qform_code),
            test_put(out, 348, 4, b, (uint64_t)t->sform_code);
        for (size_t k = 0; k < 3; k++) {
            test_put_real(out, 352 + 8 * k, 8, b, t->quatern[k]);
            test_put_real(out, 376 + 8 * k, 8, b, t->qoffset[k]);
        }
        for (size_t k = 0; k < 12; k++) test_put_real(out, 400 + 8 * k, 8, b, t->sform[k]);
        test_put(out, 500, 4, b, (uint64_t)t->units);
        return 544;
    }
    test_put(out, 0, 4, b, 348);
    for (size_t k = 0; k < 8; k++) {
        test_put(out, 40 + 2 * k, 2, b, (uint64_t)t->dim[k]);
        test_put_real(out, 76 + 4 * k, 4, b, t->pixdim[k]);
    }
    test_put(out, 70, 2, b, (uint64_t)t->datatype), test_put(out, 72, 2, b, (uint64_t)t->bitpix);
    test_put_real(out, 108, 4, b, t->vox_offset);
    test_put_real(out, 112, 4, b, t->slope), test_put_real(out, 116, 4, b, t->inter);
    out[123] = (uint8_t)t->units;
    if (t->version == 0) return 348;
    test_put(out, 252, 2, b, (uint64_t)t->qform_code),
        test_put(out, 254, 2, b, (uint64_t)t->sform_code);
    for (size_t k = 0; k < 3; k++) {
        test_put_real(out, 256 + 4 * k, 4, b, t->quatern[k]);
        test_put_real(out, 268 + 4 * k, 4, b, t->qoffset[k]);
    }
    for (size_t k = 0; k < 12; k++) test_put_real(out, 280 + 4 * k, 4, b, t->sform[k]);
    memcpy(out + 344, t->pair ? "ni1" : "n+1", 4);
    return 352;
}

#endif
