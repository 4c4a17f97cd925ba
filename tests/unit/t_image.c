// t_image.c: pictures in memory: sizes, views, fills, hashes, conversions, turns.
#include "tests/unit/iml_test.h"

#include "src/image/convert.h"
#include "src/image/ops.h"
#include "tests/unit/pictures.h"

static iml_arena arena;

static int open_arena(void **state)
{
    (void)state;
    return iml__arena_open(&arena, 0, -1, NULL) != IML_OK;
}

static int reset_arena(void **state)
{
    (void)state;
    iml__arena_reset(&arena);
    return 0;
}

static void rows_are_aligned_and_sizes_checked(void **state)
{
    (void)state;
    iml_image m;
    size_t n;
    assert_ok(iml__image_new(&arena, 33, 5, 3, IML__U16, &m, e));
    assert_int_equal(m.stride % 64, 0);
    assert_int_equal((uintptr_t)m.px % 64, 0);
    assert_true(iml__image_bytes(33, 5, 3, IML__U16, &n) && n == m.stride * 5);
    static const int32_t bad[][3] = {{0, 5, 3},  {5, 0, 3}, {-1, 5, 3},
                                     {5, -7, 1}, {5, 5, 0}, {5, 5, 5}};
    for (size_t i = 0; i < IML_COUNT_OF(bad); i++)
        assert_int_equal(iml__image_new(&arena, bad[i][0], bad[i][1], bad[i][2], IML__U8, &m, NULL),
                         IML_ELIMIT);
    // Products that wrap are seen; what no machine has is out of memory.
    assert_int_equal(iml__image_new(&arena, INT32_MAX, INT32_MAX, 4, IML__F32, &m, NULL),
                     IML_ELIMIT);
    assert_int_equal(iml__image_new(&arena, INT32_MAX, 1000, 4, IML__F32, &m, NULL), IML_ENOMEM);
}

static void a_view_shares_its_pixels_and_a_copy_does_not(void **state)
{
    (void)state;
    iml_image m = test_picture(&arena, 20, 10, 3, IML__U8, 0, 1), c;
    iml_image v = iml__image_view(&m, 4, 3, 7, 5);
    assert_ok(iml__image_copy(&arena, &v, &c, e));
    assert_true(test_equal(&v, &c));
    assert_int_equal(iml__image_hash(&v), iml__image_hash(&c)); // whatever the stride
    iml__image_fill(&v, (const uint8_t[]){1, 2, 3});
    for (int y = 0; y < 10; y++)
        for (int x = 0; x < 20; x++) {
            const uint8_t *p = iml__image_row(&m, y) + 3 * x;
            bool in = x >= 4 && x < 11 && y >= 3 && y < 8;
            if (in)
                assert_memory_equal(p, ((const uint8_t[]){1, 2, 3}), 3);
            else
                assert_false(p[0] == 1 && p[1] == 2 && p[2] == 3);
        }
    assert_false(test_equal(&v, &c));
}

static void the_hash_sees_size_format_and_every_sample(void **state)
{
    (void)state;
    iml_image m = test_picture(&arena, 12, 12, 1, IML__U8, 0, 1);
    uint64_t h = iml__image_hash(&m);
    for (int y = 0; y < 12; y++)
        for (int x = 0; x < 12; x++) {
            iml__image_row(&m, y)[x] ^= 1;
            assert_true(iml__image_hash(&m) != h);
            iml__image_row(&m, y)[x] ^= 1;
        }
    assert_true(iml__image_hash(&m) == h);
    iml_image wide = m;
    wide.w = 6, wide.channels = 2; // the same bytes, another picture
    assert_true(iml__image_hash(&wide) != h);
}

static void channels_convert_both_ways(void **state)
{
    (void)state;
    for (int depth = IML__U8; depth <= IML__F32; depth++)
        for (int from = 1; from <= 4; from++)
            for (int to = 1; to <= 4; to++) {
                iml_image m = test_picture(&arena, 19, 4, from, (enum iml__depth)depth, 2, 3),
                          r = m;
                assert_ok(iml__convert(&arena, &r, to, false, e));
                assert_int_equal(r.channels, to);
                size_t b = iml__depth_bytes((enum iml__depth)depth);
                for (int y = 0; y < 4; y++)
                    for (int x = 0; x < 19; x++) {
                        const uint8_t *s = iml__image_row(&m, y) + (size_t)(x * from) * b;
                        const uint8_t *d = iml__image_row(&r, y) + (size_t)(x * to) * b;
                        // Kind 2 has equal colours, so luma is the sample itself.
                        if (depth != IML__F32) assert_memory_equal(s, d, b);
                        if ((from == 2 || from == 4) && (to == 2 || to == 4))
                            assert_memory_equal(s + (size_t)(from - 1) * b,
                                                d + (size_t)(to - 1) * b, b);
                        if (from != 2 && from != 4 && depth == IML__U8 && (to == 2 || to == 4))
                            assert_int_equal(d[to - 1], 255);
                    }
            }
}

static void premultiplying_opaque_pictures_changes_nothing(void **state)
{
    (void)state;
    for (int depth = IML__U8; depth <= IML__U16; depth++)
        for (int ch = 2; ch <= 4; ch += 2) {
            iml_image m = test_picture(&arena, 31, 7, ch, (enum iml__depth)depth, 0, 3), r;
            for (int y = 0; y < 7; y++)
                for (int x = 0; x < 31; x++) {
                    size_t b = iml__depth_bytes((enum iml__depth)depth);
                    memset(iml__image_row(&m, y) + (size_t)(x * ch + ch - 1) * b, 255, b);
                }
            assert_ok(iml__image_copy(&arena, &m, &r, e));
            iml__premultiply(&r);
            assert_true(test_equal(&m, &r));
            iml__unpremultiply(&r);
            assert_true(test_equal(&m, &r));
        }
}

static void turning_twice_the_other_way_restores(void **state)
{
    (void)state;
    static const int back[9] = {0, 1, 2, 3, 4, 5, 8, 7, 6};
    for (int o = 1; o <= 8; o++) {
        iml_image m = test_picture(&arena, 13, 6, 3, IML__U16, 0, 3), r = m;
        assert_ok(iml__orient(&arena, &r, o, e));
        assert_int_equal(r.w, o >= 5 ? 6 : 13);
        if (o > 1) assert_false(test_equal(&m, &r));
        assert_ok(iml__orient(&arena, &r, back[o], e));
        assert_true(test_equal(&m, &r));
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, NULL, reset_arena)
    const struct CMUnitTest tests[] = {
        T(rows_are_aligned_and_sizes_checked),
        T(a_view_shares_its_pixels_and_a_copy_does_not),
        T(the_hash_sees_size_format_and_every_sample),
        T(channels_convert_both_ways),
        T(premultiplying_opaque_pictures_changes_nothing),
        T(turning_twice_the_other_way_restores),
    };
    return cmocka_run_group_tests(tests, open_arena, NULL);
}
