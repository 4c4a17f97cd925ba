// t_slab.c: buffers that are used again: which, how many, for how long, from which thread.
#include "tests/unit/iml_test.h"

#include "src/base/asan.h"
#include "src/base/mem.h"
#include "src/base/slab.h"

#include <pthread.h>

enum { KIB = 1024, MIB = 1024 * 1024 };

static void a_buffer_of_the_same_class_is_used_again(void **state)
{
    (void)state;
    static const size_t sizes[] = {64 * KIB, 200 * KIB, MIB + 1, 3 * MIB, 40 * MIB};
    struct iml__slabs *s = iml__slabs_open(256 * MIB);
    for (size_t k = 0; k < IML_COUNT_OF(sizes); k++) {
        const uint8_t *at = NULL;
        for (int turn = 0; turn < 5; turn++) {
            iml_buf *b = iml__slab_buf(s, sizes[k]);
            assert_non_null(b);
            assert_int_equal(iml_buf_cap(b), sizes[k]);
            assert_int_equal(iml_buf_size(b), 0);
            assert_int_equal((uintptr_t)iml_buf_data(b) % 64, 0);
            memset(iml_buf_data(b), turn, sizes[k]);
            if (turn) assert_ptr_equal(iml_buf_data(b), at);
            at = iml_buf_data(b);
            iml_buf *again = iml_buf_ref(b);
            iml_buf_unref(&again);
            assert_int_equal(iml__slab_sums(s).live, 1);
            iml_buf_unref(&b);
        }
        assert_int_equal(iml__slab_sums(s).made, k + 1);
        assert_int_equal(iml__slab_sums(s).reused, 4 * (k + 1));
    }
    iml__slabs_close(&s);
    assert_null(s);
}

static void what_lies_idle_is_bounded(void **state)
{
    (void)state;
    struct iml__slabs *s = iml__slabs_open(4 * MIB);
    iml_buf *b[16];
    for (int k = 0; k < 16; k++) assert_non_null(b[k] = iml__slab_buf(s, 600 * KIB));
    for (int k = 0; k < 16; k++) iml_buf_unref(&b[k]);
    assert_int_equal(iml__slab_sums(s).idle, 4 * MIB);
    // Another size pushes out what is no longer asked for, and a giant is never kept.
    for (int k = 0; k < 2; k++) assert_non_null(b[k] = iml__slab_buf(s, 1200 * KIB));
    for (int k = 0; k < 2; k++) iml_buf_unref(&b[k]);
    assert_int_equal(iml__slab_sums(s).idle, 4 * MIB);
    uint64_t reused = iml__slab_sums(s).reused;
    for (int k = 0; k < 2; k++) assert_non_null(b[k] = iml__slab_buf(s, 1200 * KIB));
    assert_int_equal(iml__slab_sums(s).reused, reused + 2);
    for (int k = 0; k < 2; k++) iml_buf_unref(&b[k]);
    assert_non_null(b[0] = iml__slab_buf(s, 5 * MIB));
    iml_buf_unref(&b[0]);
    assert_int_equal(iml__slab_sums(s).idle, 4 * MIB);
    iml__slabs_close(&s);
}

static void small_and_poolless_buffers_come_from_the_heap(void **state)
{
    (void)state;
    struct iml__slabs *s = iml__slabs_open(MIB), *none = NULL;
    iml_buf *a = iml__slab_buf(s, 1000), *b = iml__slab_buf(none, MIB);
    assert_true(a && b);
    assert_int_equal(iml__slab_sums(s).live, 0);
    memset(iml_buf_data(a), 1, 1000), memset(iml_buf_data(b), 1, MIB);
    iml_buf_unref(&a), iml_buf_unref(&b);
    assert_null(iml__slab_buf(s, SIZE_MAX - 10));
    iml__slabs_close(&s);
    iml__slabs_close(&none);
}

static void a_buffer_may_outlive_its_pool(void **state)
{
    (void)state;
    struct iml__slabs *s = iml__slabs_open(8 * MIB);
    iml_buf *a = iml__slab_buf(s, 100 * KIB), *b = iml__slab_buf(s, 3 * MIB);
    iml__slabs_close(&s);
    memset(iml_buf_data(a), 1, 100 * KIB), memset(iml_buf_data(b), 1, 3 * MIB);
    iml_buf_unref(&a);
    iml_buf_unref(&b); // frees the pool, or the leak checker tells
}

struct shared {
    struct iml__slabs *pool;
    iml_buf *hand[64]; // atomic: made by one thread, dropped by the other
    uint32_t wrong;
};

static void *drop(void *arg)
{
    struct shared *x = arg;
    for (uint32_t n = 0; n < 20000;) {
        iml_buf *b = __atomic_exchange_n(&x->hand[n % 64], NULL, __ATOMIC_ACQUIRE);
        if (!b) continue;
        const uint8_t *p = iml_buf_data(b);
        x->wrong += p[0] != (uint8_t)n || p[iml_buf_cap(b) - 1] != (uint8_t)n;
        iml_buf_unref(&b);
        n++;
    }
    return NULL;
}

static void any_thread_may_drop_a_buffer(void **state)
{
    (void)state;
    struct shared x = {.pool = iml__slabs_open(64 * MIB)};
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, drop, &x), 0);
    for (uint32_t n = 0; n < 20000; n++) {
        size_t cap = (size_t)(64 + n % 7 * 50) * KIB;
        iml_buf *b = iml__slab_buf(x.pool, cap);
        assert_non_null(b);
        iml_buf_data(b)[0] = iml_buf_data(b)[cap - 1] = (uint8_t)n;
        while (__atomic_load_n(&x.hand[n % 64], __ATOMIC_ACQUIRE)) sched_yield();
        __atomic_store_n(&x.hand[n % 64], b, __ATOMIC_RELEASE);
    }
    pthread_join(t, NULL);
    assert_int_equal(x.wrong, 0);
    struct iml__slab_sums sums = iml__slab_sums(x.pool);
    assert_int_equal(sums.live, 0);
    assert_int_equal(sums.made + sums.reused, 20000);
    assert_true(sums.reused > sums.made);
    iml__slabs_close(&x.pool);
}

static void idle_memory_and_tails_are_poisoned(void **state)
{
    (void)state;
#ifdef IML_ASAN
    struct iml__slabs *s = iml__slabs_open(8 * MIB);
    for (int k = 0; k < 2; k++) {
        size_t cap = k ? 3 * MIB : 70 * KIB;
        iml_buf *b = iml__slab_buf(s, cap);
        const uint8_t *p = iml_buf_data(b);
        assert_null(__asan_region_is_poisoned((void *)p, cap));
        assert_true(__asan_address_is_poisoned(p + cap));
        iml_buf_unref(&b);
        assert_true(__asan_address_is_poisoned(p) && __asan_address_is_poisoned(p + cap - 1));
    }
    iml__slabs_close(&s);
#else
    skip();
#endif
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    static const size_t sizes[] = {10, 100 * KIB, 3 * MIB};
    iml__mem_fail(1, false);
    assert_null(iml__slabs_open(MIB));
    iml__mem_fail(0, false);
    struct iml__slabs *s = iml__slabs_open(MIB);
    for (size_t k = 0; k < IML_COUNT_OF(sizes); k++) {
        iml__mem_fail(1, false);
        assert_null(iml__slab_buf(s, sizes[k]));
        iml__mem_fail(0, false);
        assert_int_equal(iml__slab_sums(s).live, 0);
        iml_buf *b = iml__slab_buf(s, sizes[k]);
        assert_non_null(b);
        iml_buf_unref(&b);
    }
    iml__slabs_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_of_the_same_class_is_used_again),
        cmocka_unit_test(what_lies_idle_is_bounded),
        cmocka_unit_test(small_and_poolless_buffers_come_from_the_heap),
        cmocka_unit_test(a_buffer_may_outlive_its_pool),
        cmocka_unit_test(any_thread_may_drop_a_buffer),
        cmocka_unit_test(idle_memory_and_tails_are_poisoned),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
