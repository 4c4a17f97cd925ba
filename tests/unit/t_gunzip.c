#include "tests/unit/iml_test.h"

#include <errno.h>
#include <libdeflate.h>
#include <zlib.h>

#include "src/base/hash.h"
#include "src/base/iml_attr.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/io/gunzip.h"

enum { RAW = 300000, CAP = RAW + (1 << 16) };

static uint8_t raw[RAW], file[CAP], back[RAW + 1];
static size_t file_n;
static iml_rng rng;

static uint32_t below(uint32_t n) { return (uint32_t)iml_rng_bounded(&rng, n); }

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> 8 * i);
}

enum { TEXT = 1, HEAD_CRC = 2, EXTRA = 4, NAME = 8, COMMENT = 16 };

// Appends a member with raw[from..from + n) and every header field that flags name.
static void member(size_t from, size_t n, int flags)
{
    uint8_t *begin = file + file_n, *p = begin;
    memcpy(p, (uint8_t[]){0x1F, 0x8B, 8, (uint8_t)flags, 1, 2, 3, 4, 0, 3}, 10);
    p += 10;
    if (flags & EXTRA) {
        *p++ = 200, *p++ = 1;
        for (int i = 0; i < 456; i++) *p++ = (uint8_t)i;
    }
    if (flags & NAME) p = (uint8_t *)stpcpy((char *)p, "a volume.nii") + 1;
    if (flags & COMMENT) p = (uint8_t *)stpcpy((char *)p, "no comment") + 1;
    if (flags & HEAD_CRC) {
        uint32_t crc = iml__crc32(0, begin, (size_t)(p - begin));
        *p++ = (uint8_t)crc, *p++ = (uint8_t)(crc >> 8);
    }
    z_stream z = {.next_in = raw + from,
                  .avail_in = (uInt)n,
                  .next_out = p,
                  .avail_out = (uInt)(file + CAP - p)};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, 0), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    p += z.total_out;
    deflateEnd(&z);
    put32(p, iml__crc32(0, raw + from, n));
    put32(p + 4, (uint32_t)n);
    file_n = (size_t)(p + 8 - file);
}

// ---- Both ways in must say the same. A stream comes in pieces of `piece` bytes.

struct source {
    const uint8_t *p;
    size_t n, piece;
};

static int64_t take(void *user, void *p, size_t n)
{
    struct source *s = user;
    n = IML_MIN(n, s->n), n = IML_MIN(n, s->piece);
    if (n) memcpy(p, s->p, n);
    s->p += n, s->n -= n;
    return (int64_t)n;
}

static enum iml__gz_fault streamed(size_t piece, size_t ask, size_t want, iml_err *e)
{
    struct source s = {file, file_n, piece};
    struct iml__gzr *r;
    size_t all = 0, got;
    iml_status st;
    assert_int_equal(iml__gzr_open(&r, take, &s, "v.nii.gz", e), IML_OK);
    memset(back, 0xA5, sizeof back);
    do {
        size_t n = IML_MIN(ask, sizeof back - all);
        st = iml__gzr_read(r, back + all, n, &got, e);
        assert_true(got <= n);
        all += got;
        if (got < n) break;
    } while (!st && all < sizeof back);
    enum iml__gz_fault f = iml__gzr_sum(r)->fault;
    assert_int_equal(f != IML__GZ_FINE, st != IML_OK);
    if (st) {
        iml_err again = {0};
        assert_int_equal(iml__gzr_read(r, back, 1, &got, &again), st); // it stays
        assert_string_equal(again.msg, e->msg);
        assert_int_equal(st, IML_EINPUT);
    } else {
        assert_int_equal(all, want);
        assert_memory_equal(back, raw, want);
        assert_true(iml__gzr_sum(r)->size == want);
        assert_int_equal(iml__gzr_sum(r)->crc, iml__crc32(0, raw, want));
    }
    iml__gzr_close(&r);
    assert_null(r);
    return f;
}

static enum iml__gz_fault whole(size_t cap, size_t want, iml_err *e)
{
    struct iml__gz_sum sum;
    uint8_t *in = malloc(file_n ? file_n : 1), *out = malloc(cap ? cap : 1); // exact, for asan
    assert_true(in && out);
    memcpy(in, file, file_n);
    iml_status st = iml__gunzip("v.nii.gz", in, file_n, out, cap, &sum, e);
    assert_int_equal(sum.fault != IML__GZ_FINE, st != IML_OK);
    if (!st) {
        assert_true(sum.size == want);
        assert_memory_equal(out, raw, IML_MIN(cap, want));
        assert_int_equal(sum.crc, iml__crc32(0, raw, want));
    }
    free(in), free(out);
    return sum.fault;
}

static void expect(size_t want, enum iml__gz_fault fault, const char *words)
{
    static const size_t pieces[] = {1, 7, 8, 9, 1000, SIZE_MAX};
    for (size_t i = 0; i < IML_COUNT_OF(pieces) + 3; i++) {
        iml_err e = {0};
        enum iml__gz_fault f;
        if (i < IML_COUNT_OF(pieces)) {
            if (pieces[i] == 1 && file_n > 5000) continue;
            f = streamed(pieces[i], i % 2 ? 4096 : sizeof back, want, &e);
        } else {
            size_t k = i - IML_COUNT_OF(pieces);
            f = whole(k == 0 ? want : k == 1 ? want / 2 : want + 100, want, &e);
        }
        if (f != fault) fail_msg("way %zu: %s: %s", i, iml__gz_code(f), e.msg);
        if (!fault) continue;
        if (strncmp(e.msg, "v.nii.gz: ", 10) != 0 || !strstr(e.msg, words))
            fail_msg("way %zu: '%s' does not say '%s'", i, e.msg, words);
    }
}

// ---- Tests

static void members_of_every_form_come_back(void **state)
{
    (void)state;
    for (int flags = 0; flags < 32; flags++) {
        file_n = 0;
        member(0, (size_t)flags * 9000, flags);
        expect((size_t)flags * 9000, IML__GZ_FINE, "");
    }
    file_n = 0; // several, also empty ones
    member(0, 1000, NAME), member(1000, 0, 0), member(1000, 70000, EXTRA), member(71000, 1, 31);
    expect(71001, IML__GZ_FINE, "");
    memset(file + file_n, 0, 3000); // padded with zeros
    file_n += 3000;
    expect(71001, IML__GZ_FINE, "");
}

static void truncated_anywhere_is_told(void **state)
{
    (void)state;
    file_n = 0;
    member(0, 3000, 31);
    const size_t first = file_n;
    member(3000, 500, NAME);
    const size_t all = file_n;
    for (size_t n = 0; n < all; n++) {
        iml_err e = {0};
        size_t want = n == first ? 3000 : 3500; // between members nobody can know
        enum iml__gz_fault f = n < 2            ? IML__GZ_FOREIGN
                               : n == first     ? IML__GZ_FINE
                               : n == first + 1 ? IML__GZ_GARBAGE // half a magic number
                                                : IML__GZ_TRUNCATED;
        file_n = n;
        assert_int_equal(whole(want, want, &e), f);
        assert_int_equal(streamed(1 + n % 9, 777, want, &e), f);
    }
    file_n = 0;
    expect(0, IML__GZ_FOREIGN, "is empty");
    member(0, 3000, 0);
    file_n -= 3;
    expect(3000, IML__GZ_TRUNCATED, "file truncated");
}

static void a_flipped_bit_is_noticed_or_without_effect(void **state)
{
    (void)state;
    static uint8_t good[4096];
    unsigned missed = 0;
    file_n = 0;
    member(0, 2000, NAME);
    memcpy(good, file, file_n);
    for (size_t bit = 0; bit < 8 * file_n; bit++) {
        iml_err e = {0};
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum iml__gz_fault f = whole(2000, 2000, &e); // compares what comes out
        assert_int_equal(streamed(5, 3000, 2000, &e), f);
        // Time, system, name and the text flag are not covered by a check.
        if (f == IML__GZ_FINE && bit != 24 && (bit < 4 * 8 || bit >= 22 * 8)) missed++;
        memcpy(file, good, file_n);
    }
    assert_true(missed < 8); // padding behind the last block
}

static void damage_has_its_code_and_sentence(void **state)
{
    (void)state;
    file_n = 0;
    member(0, 5000, 0);
    file[file_n - 8] ^= 1;
    expect(5000, IML__GZ_CRC, "gzip CRC differs (file damaged)");
    file[file_n - 8] ^= 1, file[file_n - 1] ^= 1;
    expect(5000, IML__GZ_CRC, "gzip length differs (file damaged)");
    file_n = 0;
    member(0, 5000, 0);
    file[10] |= 6; // block type 3
    expect(5000, IML__GZ_CRC, "cannot be inflated (file damaged)");
    file_n = 0;
    member(0, 5000, 31);
    file[20] ^= 4;
    expect(5000, IML__GZ_CRC, "gzip header CRC differs");
    file_n = 0;
    member(0, 5000, 0);
    memcpy(file + file_n, "garbage", 7);
    file_n += 7;
    expect(5000, IML__GZ_GARBAGE, "followed by other bytes");
    memset(file + file_n - 7, 0, 100);
    file[file_n + 90] = 1, file_n += 93;
    expect(5000, IML__GZ_GARBAGE, "followed by other bytes");
    memcpy(file, "\x5C\x01\0\0 a plain volume", 20);
    file_n = 20;
    expect(0, IML__GZ_FOREIGN, "is not gzip data");
    assert_string_equal(iml__gz_code(IML__GZ_TRUNCATED), "gzip-truncated");
    assert_string_equal(iml__gz_code(IML__GZ_CRC), "gzip-crc");
    assert_string_equal(iml__gz_code(IML__GZ_GARBAGE), "gzip-garbage");
    assert_string_equal(iml__gz_code(IML__GZ_FINE), "");
}

static void a_header_s_claim_is_held_against_the_file(void **state)
{
    (void)state;
    assert_true(iml__gz_most(0) == 0);
    assert_true(iml__gz_most(1000) == 1032000);
    assert_true(iml__gz_most(UINT64_MAX / 100) == UINT64_MAX);
    memset(raw, 0, RAW); // what zlib makes of zeros
    file_n = 0;
    member(0, RAW, 0);
    assert_true(iml__gz_most(file_n) >= RAW);
}

static void the_nth_failing_allocation_is_survived(void **state)
{
    (void)state;
    file_n = 0;
    member(0, 50000, NAME), member(50000, 50000, EXTRA);
    for (uint64_t n = 1;; n++) {
        struct iml__gzr *r = NULL;
        struct source s = {file, file_n, 999};
        size_t got;
        iml__mem_fail(n, false);
        iml_status st = iml__gzr_open(&r, take, &s, "v", NULL);
        if (!st) st = iml__gzr_read(r, back, sizeof back, &got, NULL);
        if (!st) assert_int_equal(got, 100000);
        bool hit = iml__mem_asked() >= n;
        iml__mem_fail(0, false);
        iml__gzr_close(&r);
        if (!hit) break;
        assert_int_equal(st, IML_ENOMEM);
    }
}

static int64_t broken(void *user, void *p, size_t n)
{
    (void)user, (void)p, (void)n;
    errno = EIO;
    return -1;
}

static void a_failed_read_is_no_damage(void **state)
{
    (void)state;
    struct iml__gzr *r;
    size_t got;
    iml_err e = {0};
    assert_int_equal(iml__gzr_open(&r, broken, NULL, "v.nii.gz", &e), IML_OK);
    assert_int_equal(iml__gzr_read(r, back, 10, &got, &e), IML_EINPUT);
    assert_int_equal(e.sys, EIO);
    assert_int_equal(iml__gzr_sum(r)->fault, IML__GZ_FINE);
    iml__gzr_close(&r);
}

static void skipping_checks_too(void **state)
{
    (void)state;
    file_n = 0;
    member(0, RAW, 0);
    for (int bad = 0; bad < 2; bad++) {
        struct iml__gzr *r;
        size_t got;
        if (bad) file[file_n - 6] ^= 8;
        assert_ok(iml__gzr_open_mem(&r, file, file_n, "v", e));
        assert_ok(iml__gzr_read(r, back, 352, &got, e));
        assert_int_equal(got, 352);
        assert_ok(iml__gzr_read(r, NULL, 100000, &got, e));
        assert_int_equal(got, 100000);
        assert_ok(iml__gzr_read(r, back, 1000, &got, e));
        assert_memory_equal(back, raw + 100352, 1000);
        iml_status st = iml__gzr_read(r, NULL, SIZE_MAX, &got, NULL);
        assert_int_equal(st, bad ? IML_EINPUT : IML_OK);
        if (!bad) assert_int_equal(got, RAW - 101352);
        iml__gzr_close(&r);
    }
}

static int fill(void **s)
{
    (void)s;
    rng = iml_rng_at(1, 2, iml_stream("t_gunzip"));
    for (size_t i = 0; i < RAW; i++)
        raw[i] = (uint8_t)(i % 1000 < 300 ? 0 : i / 50 % 7 * 30 + below(i % 5000 < 1000 ? 256 : 4));
    return 0;
}

int main(void)
{
    printf("streams: %s\n", iml__gzr_library());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(members_of_every_form_come_back, fill),
        cmocka_unit_test_setup(truncated_anywhere_is_told, fill),
        cmocka_unit_test_setup(a_flipped_bit_is_noticed_or_without_effect, fill),
        cmocka_unit_test_setup(damage_has_its_code_and_sentence, fill),
        cmocka_unit_test_setup(a_header_s_claim_is_held_against_the_file, fill),
        cmocka_unit_test_setup(the_nth_failing_allocation_is_survived, fill),
        cmocka_unit_test_setup(a_failed_read_is_no_damage, fill),
        cmocka_unit_test_setup(skipping_checks_too, fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
