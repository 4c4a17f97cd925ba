// t_plan.c: the core's small promises, one by one; sim.c asks for all of them at once.
#include "tests/unit/iml_test.h"

#include "src/engine/cursor.h"

#include <time.h>

static uint64_t flat(void *user, uint64_t i)
{
    (void)i;
    return *(uint64_t *)user;
}

static uint64_t one = 1;

static struct iml__plan_conf conf(uint64_t count)
{
    return (struct iml__plan_conf){.count = count,
                                   .unit_items = 1,
                                   .nshards = 1,
                                   .workers = 2,
                                   .writers = 2,
                                   .window = 1024,
                                   .io_batch = 64,
                                   .budget = 1 << 30,
                                   .budget_min = 1 << 20,
                                   .unknown = 4 << 20,
                                   .max_tries = 3,
                                   .max_deaths = 2,
                                   .max_bad = UINT64_MAX,
                                   .user = &one,
                                   .cost = flat};
}

// Runs the next item of worker w to its end; its index, or UINT64_MAX.
static uint64_t run_one(struct iml__plan *p, uint32_t w, enum iml__how how)
{
    iml__slot s;
    if (iml__plan_claim(p, w, 0) != IML__GO) return UINT64_MAX;
    assert_int_equal(iml__plan_start(p, w, 0, &s), IML__GO);
    uint64_t i = iml__plan_item(p, s)->index;
    (void)iml__plan_end(p, w, how, 0, 1000);
    return i;
}

static void write_all(struct iml__plan *p)
{
    uint32_t unit[64], n;
    for (iml__slot s; iml__plan_put(p, &s) == IML__GO;) iml__plan_put_end(p, s, true);
    while ((n = iml__plan_commit(p, unit, 64))) iml__plan_commit_end(p, unit, n, true);
}

static void an_empty_run_is_over_at_once(void **state)
{
    (void)state;
    for (int sink = 0; sink < 3; sink++) {
        struct iml__plan_conf c = conf(0);
        c.sink = (enum iml__sink)sink;
        struct iml__plan *p = iml__plan_open(&c);
        iml__slot s;
        assert_true(iml__plan_finished(p));
        assert_int_equal(iml__plan_claim(p, 0, 0), IML__OVER);
        assert_int_equal(iml__plan_put(p, &s), IML__OVER);
        struct iml__wakes x = iml__plan_wake(p);
        assert_true(x.claimers == UINT32_MAX && x.sink && x.commit);
        iml__plan_close(&p);
        assert_null(p);
    }
}

static void a_count_of_two_to_the_forty_costs_no_list(void **state)
{
    (void)state;
    for (int order = 0; order < 3; order += 2) {
        struct iml__plan_conf c = conf(1ull << 40);
        c.order = (enum iml__order)order;
        c.shard = 3, c.nshards = 7;
        struct iml__plan *p = iml__plan_open(&c);
        assert_non_null(p);
        assert_int_equal(iml__plan_view(p).planned, ((1ull << 40) - 4) / 7 + 1);
        for (int k = 0; k < 1000; k++) {
            uint64_t i = run_one(p, 0, IML__OK);
            assert_true(i < 1ull << 40 && i % 7 == 3);
            if (order == IML__ORDER_INDEX) assert_int_equal(i, 7 * (uint64_t)k + 3);
            write_all(p);
        }
        iml__plan_close(&p);
    }
}

static uint64_t huge(void *user, uint64_t i)
{
    (void)user;
    return i % 2 ? UINT64_MAX : UINT64_MAX / 2;
}

static void a_cost_beyond_all_bounds_runs_alone(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct iml__plan_conf c = conf(4);
        c.cost = huge, c.order = (enum iml__order)order;
        struct iml__plan *p = iml__plan_open(&c);
        iml__slot s;
        for (int k = 0; k < 4; k++) {
            assert_int_equal(iml__plan_claim(p, 0, 0), IML__GO);
            assert_int_equal(iml__plan_start(p, 0, 0, &s), IML__GO);
            iml__plan_grow(p, s, UINT64_MAX);
            assert_int_equal(iml__plan_claim(p, 1, 0), IML__WAIT);
            assert_null(iml__plan_audit(p));
            (void)iml__plan_end(p, 0, IML__OK, 0, 1);
            write_all(p);
        }
        assert_int_equal(iml__plan_view(p).inflight, 0);
        assert_true(iml__plan_finished(p));
        iml__plan_close(&p);
    }
}

static uint64_t by_table(void *user, uint64_t i) { return ((uint64_t *)user)[i]; }

static void size_order_takes_the_largest_first_and_equals_by_index(void **state)
{
    (void)state;
    uint64_t cost[8] = {5, 70000, 5, 1u << 30, 0, 1u << 20, 70000, 1023};
    const uint64_t want[8] = {3, 5, 1, 6, 7, 0, 2, 4};
    struct iml__plan_conf c = conf(8);
    c.user = cost, c.cost = by_table, c.order = IML__ORDER_SIZE, c.unknown = 1, c.budget = 1u << 31;
    struct iml__plan *p = iml__plan_open(&c);
    for (int k = 0; k < 8; k++) assert_int_equal(run_one(p, 0, IML__OK), want[k]);
    iml__plan_close(&p);
}

static uint64_t by_hash(void *user, uint64_t i)
{
    (void)user;
    return i * 2654435761u % 500;
}

// Few units and many are sorted by two ways that must agree.
static void size_order_is_the_same_for_few_units_and_many(void **state)
{
    (void)state;
    for (uint64_t n = 4000; n < 6000; n += 1500) {
        struct iml__plan_conf c = conf(n);
        struct iml__cursor k;
        c.cost = by_hash, c.order = IML__ORDER_SIZE;
        assert_true(iml__cursor_open(&k, &c));
        uint64_t last = 0, seen = 0;
        for (; iml__cursor_next_unit(&k); seen++) {
            uint64_t u = k.unit, a = by_hash(NULL, last), b = by_hash(NULL, u);
            if (seen) assert_true(a > b || (a == b && last < u));
            last = u;
            iml__cursor_pass(&k);
        }
        assert_int_equal(seen, n);
        iml__cursor_close(&k);
    }
}

static void random_order_visits_every_item_once(void **state)
{
    (void)state;
    for (uint32_t unit_items = 1; unit_items < 20; unit_items += 9) {
        struct iml__plan_conf c = conf(1013);
        uint8_t seen[1013] = {0};
        uint64_t moved = 0;
        c.order = IML__ORDER_RANDOM, c.seed = 7, c.unit_items = unit_items;
        struct iml__plan *p = iml__plan_open(&c);
        for (uint64_t k = 0; k < 1013; k++) {
            uint64_t i = run_one(p, 0, IML__OK);
            assert_true(i < 1013 && !seen[i]++);
            moved += i != k;
            write_all(p);
        }
        assert_true(iml__plan_finished(p) && moved > 900);
        iml__plan_close(&p);
    }
}

// What is done is left out whatever it looks like, in every share, and no claim walks over it.
static void random_order_visits_what_is_open_and_nothing_else(void **state)
{
    (void)state;
    enum { UNITS = 200000 };
    static uint8_t seen[UNITS + 1];
    for (uint32_t n = 1; n < 8; n += 3)
        for (uint32_t unit_items = 1; unit_items < 4; unit_items += 2)
            for (int retry = 0; retry < 2; retry++) {
                struct iml__past *past = iml__past_new(unit_items);
                uint64_t open = 0, got = 0;
                memset(seen, 0, sizeof seen);
                struct iml__plan_conf c = conf(UNITS * (uint64_t)unit_items + (unit_items > 1));
                c.order = IML__ORDER_RANDOM, c.seed = 7 + n, c.unit_items = unit_items;
                c.past = past, c.nshards = n, c.shard = n - 1, c.retry_bad = retry;
                uint64_t units = UNITS + (unit_items > 1);
                for (uint64_t u = 0; u < units; u++) {
                    // A dense part, a sparse one, a ragged one, and a tail that is open.
                    bool done = u < 70000    ? u % 1000 != 3
                                : u < 140000 ? u % 7 == 0
                                             : u < 190000 && u % 3;
                    bool bad = done && u % 5003 == 0;
                    if (bad) assert_ok(iml__past_bad(past, u * unit_items));
                    if (done) assert_ok(iml__past_unit(past, u, unit_items));
                    bool want = u % n == c.shard && (!done || (bad && retry));
                    open += want, seen[u] = want;
                }
                struct iml__cursor k;
                assert_true(iml__cursor_open(&k, &c));
                uint64_t last = 0, ascents = 0;
                while (iml__cursor_next_unit(&k)) {
                    if (!seen[k.unit]) fail_msg("unit %llu of %u", (unsigned long long)k.unit, n);
                    seen[k.unit] = 0, got++, ascents += k.unit > last, last = k.unit;
                    while (iml__cursor_in_unit(&k)) iml__cursor_pass(&k);
                }
                assert_int_equal(got, open);
                assert_int_equal(k.left, 0);
                assert_true(ascents > open / 3 && ascents < 2 * open / 3); // it is shuffled
                iml__cursor_close(&k);
                iml__past_free(&past);
            }
}

static void the_grain_grows_to_64_for_items_of_60_ns_and_falls_to_1_at_the_end(void **state)
{
    (void)state;
    struct iml__plan_conf c = conf(5000);
    struct iml__plan *p = iml__plan_open(&c);
    assert_int_equal(iml__plan_view(p).grain, 1);
    for (int k = 0; k < 200; k++) {
        assert_int_equal(iml__plan_claim(p, 0, 0), IML__GO);
        const iml__slot *q;
        uint32_t n = iml__plan_queue(p, 0, &q);
        assert_int_equal(iml__plan_whole(p, 0, n, 60 * n), n);
        write_all(p);
        if (k == 20) assert_int_equal(iml__plan_view(p).grain, 64);
        if (iml__plan_view(p).left < 8) break;
    }
    assert_int_equal(iml__plan_view(p).grain, 1);
    iml__plan_close(&p);
    c.grain_hint = 12;
    p = iml__plan_open(&c);
    assert_int_equal(iml__plan_view(p).grain, 12);
    c.window = 20;
    iml__plan_close(&p);
    p = iml__plan_open(&c);
    assert_int_equal(iml__plan_view(p).grain, 5); // room for all workers
    iml__plan_close(&p);
}

static void one_wake_names_one_claimer_and_the_next_the_next(void **state)
{
    (void)state;
    struct iml__plan_conf c = conf(1000);
    c.workers = 64;
    struct iml__plan *p = iml__plan_open(&c);
    assert_int_equal(iml__plan_wake(p).claimers, 1);
    assert_int_equal(iml__plan_wake(p).claimers, 0); // nothing has changed
    assert_int_equal(iml__plan_claim(p, 0, 0), IML__GO);
    assert_int_equal(iml__plan_wake(p).claimers, 1); // and more is left
    iml__plan_close(&p);
}

static void parked_workers_leave_one(void **state)
{
    (void)state;
    struct iml__plan_conf c = conf(1000);
    struct iml__plan *p = iml__plan_open(&c);
    iml__plan_park(p, 99);
    assert_int_equal(iml__plan_claim(p, 0, 0), IML__GO);
    assert_int_equal(iml__plan_claim(p, 1, 0), IML__WAIT);
    (void)iml__plan_wake(p);
    iml__plan_park(p, 0);
    assert_int_equal(iml__plan_wake(p).claimers, 1);
    assert_int_equal(iml__plan_claim(p, 1, 0), IML__GO);
    iml__plan_close(&p);
}

static void a_retry_waits_its_time_and_the_third_failure_is_bad(void **state)
{
    (void)state;
    struct iml__plan_conf c = conf(1);
    struct iml__plan *p = iml__plan_open(&c);
    uint64_t now = 0;
    for (int k = 0; k < 3; k++) {
        iml__slot s;
        assert_int_equal(iml__plan_claim(p, 0, now), IML__GO);
        assert_int_equal(iml__plan_start(p, 0, now, &s), IML__GO);
        (void)iml__plan_end(p, 0, IML__RETRY, 0, now);
        if (k == 2) break;
        uint64_t least = 50000u << 2 * k, due = iml__plan_due(p);
        assert_in_range(due, now + least, now + least + 50000);
        assert_int_equal(iml__plan_claim(p, 0, due - 1), IML__WAIT);
        now = due;
    }
    iml__slot s;
    assert_int_equal(iml__plan_put(p, &s), IML__GO);
    assert_true(iml__plan_item(p, s)->bad);
    iml__plan_close(&p);
}

static void three_idle_deaths_stop_the_run_and_blame_no_item(void **state)
{
    (void)state;
    struct iml__plan_conf c = conf(100);
    c.process = true;
    struct iml__plan *p = iml__plan_open(&c);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(iml__plan_view(p).stop, IML__STOP_NO);
        assert_int_equal(iml__plan_claim(p, 0, 0), IML__GO);
        iml__plan_died(p, 0, IML__DIED_SIGNAL, 0);
    }
    assert_int_equal(iml__plan_view(p).stop, IML__STOP_HARD);
    assert_int_equal(iml__plan_view(p).bad, 0);
    iml__plan_close(&p);
}

static void what_a_dead_worker_had_not_begun_is_not_blamed_even_if_allowed_to_start(void **state)
{
    (void)state;
    struct iml__plan_conf c = conf(100);
    c.process = true;
    struct iml__plan *p = iml__plan_open(&c);
    iml__slot s, t;
    for (int k = 0; k < 2; k++) {
        assert_int_equal(iml__plan_claim(p, 0, 0), IML__GO);
        assert_int_equal(iml__plan_start(p, 0, 0, &s), IML__GO);
        if (!k) iml__plan_died(p, 0, IML__DIED_SIGNAL, 0); // the first and only one that counts
    }
    for (int k = 0; k < 2; k++) {
        iml__plan_unstart(p, 0);
        iml__plan_died(p, 0, IML__DIED_FOREIGN, 0);
        assert_int_equal(iml__plan_item(p, s)->deaths, 1);
        assert_null(iml__plan_audit(p));
        assert_int_equal(iml__plan_claim(p, 0, 0), IML__GO);
        assert_int_equal(iml__plan_start(p, 0, 0, &t), IML__GO); // at the front of the list
        assert_int_equal(s, t);
    }
    (void)iml__plan_end(p, 0, IML__OK, 0, 1);
    assert_false(iml__plan_item(p, s)->bad);
    assert_int_equal(iml__plan_view(p).stop, IML__STOP_NO);
    iml__plan_close(&p);
}

static void a_foreign_kill_halves_the_budget_and_isolates_the_suspect(void **state)
{
    (void)state;
    struct iml__plan_conf c = conf(100);
    c.process = true;
    struct iml__plan *p = iml__plan_open(&c);
    iml__slot a, b;
    assert_int_equal(iml__plan_claim(p, 0, 0), IML__GO);
    assert_int_equal(iml__plan_claim(p, 1, 0), IML__GO);
    assert_int_equal(iml__plan_start(p, 0, 0, &a), IML__GO);
    assert_int_equal(iml__plan_start(p, 1, 0, &b), IML__GO);
    iml__plan_died(p, 0, IML__DIED_FOREIGN, 0);
    assert_int_equal(iml__plan_view(p).budget, 1 << 29);
    assert_int_equal(iml__plan_start(p, 0, 0, &a), IML__WAIT); // the other still runs
    (void)iml__plan_end(p, 1, IML__OK, 0, 1);
    write_all(p);
    while (iml__plan_start(p, 1, 0, &b) == IML__GO) {
        (void)iml__plan_end(p, 1, IML__OK, 0, 1);
        write_all(p);
    }
    assert_int_equal(iml__plan_claim(p, 1, 0), IML__WAIT); // nobody claims meanwhile
    assert_int_equal(iml__plan_start(p, 0, 0, &a), IML__GO);
    assert_null(iml__plan_audit(p));
    iml__plan_close(&p);
}

// A sanitizer makes it 10 to 40 times dearer, as the machine will: there one round, and no figure.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static double cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

// CPU time, the best of some rounds: what shares a core and its caches makes it dearer, never less.
static void an_empty_item_costs_less_than_60_ns_under_the_lock(void **state)
{
    (void)state;
    double best = 1e9;
    for (int round = 0; round < (SANITIZED ? 1 : 400) && best >= 60; round++) {
        struct iml__plan_conf c = conf(300000);
        c.window = 65536, c.io_batch = 1000;
        struct iml__plan *p = iml__plan_open(&c);
        uint32_t unit[1064], n;
        const iml__slot *q;
        double begun = cpu_ns();
        for (uint32_t w = 0; iml__plan_claim(p, w, 0) == IML__GO; w ^= 1) {
            n = iml__plan_queue(p, w, &q);
            (void)iml__plan_whole(p, w, n, 60 * n);
            while ((n = iml__plan_commit(p, unit, 1064))) iml__plan_commit_end(p, unit, n, true);
            (void)iml__plan_wake(p);
        }
        best = IML_MIN(best, (cpu_ns() - begun) / 3e5);
        assert_true(iml__plan_finished(p));
        iml__plan_close(&p);
    }
    print_message("%.0f ns an item\n", best);
    assert_true(SANITIZED || best < 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_run_is_over_at_once),
        cmocka_unit_test(a_count_of_two_to_the_forty_costs_no_list),
        cmocka_unit_test(a_cost_beyond_all_bounds_runs_alone),
        cmocka_unit_test(size_order_takes_the_largest_first_and_equals_by_index),
        cmocka_unit_test(size_order_is_the_same_for_few_units_and_many),
        cmocka_unit_test(random_order_visits_every_item_once),
        cmocka_unit_test(random_order_visits_what_is_open_and_nothing_else),
        cmocka_unit_test(the_grain_grows_to_64_for_items_of_60_ns_and_falls_to_1_at_the_end),
        cmocka_unit_test(one_wake_names_one_claimer_and_the_next_the_next),
        cmocka_unit_test(parked_workers_leave_one),
        cmocka_unit_test(a_retry_waits_its_time_and_the_third_failure_is_bad),
        cmocka_unit_test(three_idle_deaths_stop_the_run_and_blame_no_item),
        cmocka_unit_test(what_a_dead_worker_had_not_begun_is_not_blamed_even_if_allowed_to_start),
        cmocka_unit_test(a_foreign_kill_halves_the_budget_and_isolates_the_suspect),
        cmocka_unit_test(an_empty_item_costs_less_than_60_ns_under_the_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
