// t_past.c: what the journals say: sets of units against a plain array, bytes at 10^9, BAD records.
#include "tests/unit/iml_test.h"

#include "src/base/err.h"
#include "src/engine/idset.h"
#include "src/engine/past.h"

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u, x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

enum { SPAN = 5 << 16 };

static void compare(const struct iml__idset *s, const uint8_t *want, uint64_t from)
{
    uint64_t in = UINT64_MAX, gap = UINT64_MAX;
    for (uint64_t i = SPAN; i-- > from;) {
        if (want[i])
            in = i;
        else
            gap = i;
    }
    assert_int_equal(iml__idset_next(s, from, SPAN), in);
    assert_int_equal(iml__idset_next_gap(s, from, SPAN), gap);
}

static void a_set_of_numbers_answers_as_an_array_does(void **state)
{
    (void)state;
    static uint8_t want[SPAN];
    struct iml__idset s = {0};
    uint64_t r = 1;
    for (int round = 0; round < 60; round++) {
        uint64_t a = mix(r++) % SPAN, n = mix(r++) % (SPAN / 3);
        bool add = round < 8 || mix(r++) % 3;
        for (uint64_t i = a; i < a + n && i < SPAN; i++) {
            if (add)
                assert_ok(iml__idset_add(&s, i));
            else
                assert_ok(iml__idset_remove(&s, i));
            want[i] = add;
        }
        uint64_t sum = 0, third = 0, end = mix(r++) % SPAN;
        for (uint64_t i = 0; i < SPAN; i++) sum += want[i];
        for (uint64_t i = 2; i < end; i += 7) third += want[i];
        assert_int_equal(s.count, sum);
        assert_int_equal(iml__idset_count(&s, end, 2, 7), third);
        for (int k = 0; k < 20; k++) compare(&s, want, mix(r++) % SPAN);
        for (int k = 0; k < 2000; k++) {
            uint64_t i = mix(r++) % SPAN;
            assert_int_equal(iml__idset_has(&s, i), want[i]);
        }
    }
    iml__idset_free(&s);
    assert_int_equal(iml__idset_add(&s, 1ull << 48), IML_ELIMIT);
}

static uint64_t bytes_of(const struct iml__idset *s)
{
    uint64_t n = s->cap * sizeof *s->run;
    for (size_t k = 0; k < s->nrun; k++) n += s->run[k].bits ? 8192 : 0;
    return n;
}

static void what_is_done_in_order_costs_bytes_and_not_a_list(void **state)
{
    (void)state;
    struct iml__idset s = {0};
    const uint64_t n = 20000000, top = 1ull << 40;
    for (uint64_t i = 0; i < n; i++) assert_true(iml__idset_add(&s, i) == IML_OK);
    assert_int_equal(s.nrun, 2);
    assert_true(bytes_of(&s) < 10000);
    assert_int_equal(iml__idset_next_gap(&s, 17, top), n);
    assert_ok(iml__idset_add(&s, top));
    assert_int_equal(iml__idset_next(&s, n, UINT64_MAX), top);
    assert_ok(iml__idset_remove(&s, 70000)); // a full run is cut, and joined again
    assert_int_equal(iml__idset_next_gap(&s, 0, top), 70000);
    assert_ok(iml__idset_add(&s, 70000));
    assert_int_equal(s.nrun, 3);
    assert_int_equal(iml__idset_count(&s, n, 3, 8), n / 8);
    iml__idset_free(&s);
}

static void a_void_unit_is_open_and_its_bad_items_are_remembered(void **state)
{
    (void)state;
    struct iml__past *p = iml__past_new(10);
    assert_ok(iml__past_bad(p, 23));
    assert_true(iml__past_is_bad(p, 23)); // a killed commit's too
    assert_ok(iml__past_unit(p, 2, 10));
    assert_true(iml__past_is_bad(p, 23));
    assert_int_equal(iml__past_span(p, 2), 10);
    assert_int_equal(iml__past_next_open(p, 2, 9), 3);
    assert_ok(iml__past_void(p, 2, 10));
    assert_int_equal(iml__past_span(p, 2), 0);
    assert_true(iml__past_is_bad(p, 23));
    assert_ok(iml__past_bad(p, 25)); // since VOID: these are the unit's bad items
    assert_ok(iml__past_unit(p, 2, 10));
    assert_false(iml__past_is_bad(p, 23));
    assert_true(iml__past_is_bad(p, 25));
    assert_int_equal(iml__past_next_bad(p, 0, 9), 2);
    assert_ok(iml__past_void(p, 2, 10));
    assert_ok(iml__past_unit(p, 2, 10));
    assert_false(iml__past_unit_has_bad(p, 2));
    iml__past_free(&p);
    assert_null(p);
}

static void a_grown_set_opens_its_last_unit_again(void **state)
{
    (void)state;
    struct iml__past *p = iml__past_new(100);
    for (uint64_t u = 0; u < 7; u++) assert_ok(iml__past_unit(p, u, 100));
    assert_ok(iml__past_unit(p, 7, 30));
    assert_int_equal(iml__past_span(p, 7), 30);
    assert_int_equal(iml__past_covered(p), 8);
    assert_int_equal(iml__past_next_open(p, 0, 8), 7);
    assert_ok(iml__past_unit(p, 7, 100));
    assert_int_equal(iml__past_covered(p), 8);
    assert_int_equal(iml__past_next_open(p, 0, 8), UINT64_MAX);
    assert_ok(iml__past_clear(p, 3));
    assert_int_equal(iml__past_next_open(p, 0, 8), 3);
    assert_int_equal(iml__past_count(p, 8, 1, 2, false), 3);
    assert_ok(iml__past_bad(p, 512));
    assert_ok(iml__past_unit(p, 5, 99));
    assert_ok(iml__past_bad(p, 512));
    assert_ok(iml__past_unit(p, 5, 100));
    assert_int_equal(iml__past_count(p, 8, 1, 2, true), 2);
    iml__past_free(&p);
}

static void deaths_are_counted_and_kept_apart_from_bad(void **state)
{
    (void)state;
    struct iml__past *p = iml__past_new(1);
    for (uint64_t i = 0; i < 1000; i++) assert_ok(iml__past_suspect(p, i * i * i << 20));
    assert_ok(iml__past_suspect(p, 27 << 20));
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(iml__past_deaths(p, i * i * i << 20), i == 3 ? 2 : 1);
    assert_int_equal(iml__past_deaths(p, 5), 0);
    assert_false(iml__past_is_bad(p, 27 << 20));
    iml__past_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_of_numbers_answers_as_an_array_does),
        cmocka_unit_test(what_is_done_in_order_costs_bytes_and_not_a_list),
        cmocka_unit_test(a_void_unit_is_open_and_its_bad_items_are_remembered),
        cmocka_unit_test(a_grown_set_opens_its_last_unit_again),
        cmocka_unit_test(deaths_are_counted_and_kept_apart_from_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
