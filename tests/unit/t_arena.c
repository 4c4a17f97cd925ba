#include "tests/unit/iml_test.h"

#include "src/base/arena.h"
#include "src/base/buf.h"
#include "src/base/mem.h"

static void blocks_are_aligned_and_apart(void **state)
{
    (void)state;
    iml_arena a;
    assert_ok(iml__arena_open(&a, 0, -1, e));
    uint8_t *last = NULL;
    for (size_t n = 0; n < 300; n++) {
        uint8_t *p = iml_arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        assert_true(!last || p >= last);
        memset(p, 1, n);
        last = p + n;
    }
    iml__arena_close(&a);
}

static void reset_gives_large_memory_back(void **state)
{
    (void)state;
    iml_arena a;
    assert_ok(iml__arena_open(&a, 0, -1, e));
    size_t big = a.keep * 2;
    uint8_t *p = iml_arena_alloc(&a, big);
    assert_non_null(p);
    memset(p, 0xAA, big);
    iml__arena_reset(&a);
    assert_int_equal(a.used, 0);
    assert_true(a.touched <= a.keep);
    p = iml_arena_alloc(&a, big);
    assert_int_equal(p[big - 1], 0);
    iml__arena_close(&a);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    iml_arena a;
    assert_ok(iml__arena_open(&a, 1 << 20, -1, e));
    assert_null(iml_arena_alloc(&a, SIZE_MAX));
    assert_null(iml_arena_alloc(&a, SIZE_MAX - 70));
    assert_null(iml_arena_calloc(&a, SIZE_MAX / 2, 3));
    assert_null(iml_arena_alloc(&a, 2 << 20));
    assert_non_null(iml_arena_alloc(&a, 1 << 19));
    iml__arena_close(&a);
}

static void the_far_end_outlives_releases(void **state)
{
    (void)state;
    iml_arena a;
    uint8_t *far[40];
    assert_ok(iml__arena_open(&a, 1 << 22, -1, e));
    a.keep = 1 << 20;
    for (int round = 0; round < 3; round++) {
        for (int k = 0; k < 40; k++) {
            size_t mark = iml__arena_mark(&a);
            memset(iml_arena_alloc(&a, 50000), 0xee, 50000);
            far[k] = iml__arena_far(&a, (size_t)k * 997 + 1);
            assert_non_null(far[k]);
            assert_int_equal((uintptr_t)far[k] % 64, 0);
            assert_true(iml__arena_holds(&a, far[k]));
            memset(far[k], k, (size_t)k * 997 + 1);
            iml__arena_release(&a, mark);
        }
        for (int k = 0; k < 40; k++)
            for (int i = 0; i <= k * 997; i++) assert_int_equal(far[k][i], k);
        // Both ends share the room.
        assert_null(iml_arena_alloc(&a, (1 << 22) - 40 * 39 / 2 * 997));
        assert_non_null(iml__arena_far(&a, 1 << 21));
        assert_null(iml__arena_far(&a, 2 << 20));
        iml__arena_reset(&a);
        assert_int_equal(a.top, 0);
    }
    assert_non_null(iml__arena_far(&a, (1 << 22) - 4096));
    iml__arena_close(&a);
}

static void nth_allocation_fails(void **state)
{
    (void)state;
    iml__mem_fail(2, false);
    void *p = iml__alloc(8), *q = iml__alloc(8), *r = iml__alloc(8);
    assert_non_null(p);
    assert_null(q);
    assert_non_null(r);
    iml__mem_fail(1, true);
    assert_null(iml__calloc(1, 1));
    assert_null(iml__strdup("x"));
    iml__mem_fail(0, false);
    IML_FREE(p);
    IML_FREE(r);
    assert_null(p);
}

static int freed;
static void on_free(void *user, iml_buf *b)
{
    assert_ptr_equal(user, &freed);
    freed += (int)b->size;
}

static void last_reference_frees_a_buffer(void **state)
{
    (void)state;
    iml_buf *b = iml__buf_heap(100);
    assert_non_null(b);
    iml_buf_set_size(b, 1000);
    assert_int_equal(iml_buf_size(b), 100);
    b->on_free = on_free, b->user = &freed;
    iml_buf *c = iml_buf_ref(b);
    iml_buf_unref(&b);
    assert_null(b);
    assert_int_equal(freed, 0);
    iml_buf_unref(&c);
    assert_int_equal(freed, 100);
    iml_buf_unref(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_apart),
        cmocka_unit_test(reset_gives_large_memory_back),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(the_far_end_outlives_releases),
        cmocka_unit_test(nth_allocation_fails),
        cmocka_unit_test(last_reference_frees_a_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
