// gunzip.c: a gzip file in memory, inflated at once by libdeflate; whatever is unusual about it
// goes through the stream (gunzip_stream.c), which knows what exactly is wrong.
#include "src/io/gunzip.h"

#include "src/base/err.h"
#include "src/base/hash.h"

#include <libdeflate.h>

const char *iml__gz_code(enum iml__gz_fault f)
{
    static const char *const code[] = {"", "gzip-truncated", "gzip-crc", "gzip-garbage",
                                       "not-gzip"};
    return code[f];
}

uint64_t iml__gz_most(uint64_t packed)
{
    uint64_t most;
    return __builtin_mul_overflow(packed, (uint64_t)1032, &most) ? UINT64_MAX : most;
}

// Size of a member's header that has nothing but a name in it; 0: it has more, or is none.
static size_t plain_head(const uint8_t *p, size_t n)
{
    enum { FIXED = 10, NAME = 8 };
    if (n < FIXED || !iml__gz_is(p, n) || p[2] != 8 || (p[3] & ~NAME)) return 0;
    if (!(p[3] & NAME)) return FIXED;
    const uint8_t *end = memchr(p + FIXED, 0, n - FIXED);
    return end ? (size_t)(end + 1 - p) : 0;
}

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// Members as they usually are, one behind the other up to the last byte. False: something is
// otherwise, or wrong.
static bool fast(struct libdeflate_decompressor *d, const uint8_t *in, size_t n, uint8_t *out,
                 size_t cap, struct iml__gz_sum *sum)
{
    while (n) {
        size_t head = plain_head(in, n), used, got;
        if (!head) return false;
        if (libdeflate_deflate_decompress_ex(d, in + head, n - head, out, cap, &used, &got))
            return false;
        in += head + used, n -= head + used;
        uint32_t crc = iml__crc32(0, out, got);
        if (n < 8 || get32(in) != crc || get32(in + 4) != (uint32_t)got) return false;
        sum->crc = sum->size ? iml__crc32_join(iml__crc32_op(got), sum->crc, crc) : crc;
        sum->size += got, sum->members++;
        in += 8, n -= 8, out += got, cap -= got;
    }
    return sum->members > 0;
}

iml_status iml__gunzip(const char *label, const uint8_t *in, size_t n, uint8_t *out, size_t cap,
                       struct iml__gz_sum *sum, iml_err *e)
{
    *sum = (struct iml__gz_sum){0};
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    if (!d) return IML_FAIL(e, IML_ENOMEM, "%.120s: no memory to inflate it", label);
    bool done = fast(d, in, n, out, cap, sum);
    libdeflate_free_decompressor(d);
    if (done) return IML_OK;
    struct iml__gzr *r;
    size_t got;
    IML_TRY(iml__gzr_open_mem(&r, in, n, label, e));
    iml_status st = iml__gzr_read(r, out, cap, &got, e);
    if (!st) st = iml__gzr_read(r, NULL, SIZE_MAX, &got, e); // what is beyond, and the checks
    *sum = *iml__gzr_sum(r);
    iml__gzr_close(&r);
    return st;
}
