// t_watch.c: when workers rest, and when they return.
#include "tests/unit/iml_test.h"

#include "src/base/cpu.h"
#include "src/engine/watch.h"

#include <unistd.h>

static const struct iml__watch_look quiet = {.pressure = 0, .more = true};
static const struct iml__watch_look unknown = {.pressure = -1, .more = true};

static struct iml__watch of(uint32_t workers) { return (struct iml__watch){.workers = workers}; }

static void without_need_nobody_rests(void **state)
{
    (void)state;
    struct iml__watch w = of(8);
    struct iml__watch_look edge = {.pressure = 10, .cgroup = 0.899, .more = true};
    for (int k = 0; k < 100; k++) {
        assert_int_equal(iml__watch_step(&w, &quiet), 0);
        assert_int_equal(iml__watch_step(&w, &unknown), 0);
        assert_int_equal(iml__watch_step(&w, &edge), 0);
    }
}

static void memory_pressure_parks_by_quarters_and_never_the_last(void **state)
{
    (void)state;
    const struct iml__watch_look tight[2] = {{.pressure = 10.1, .more = true},
                                             {.pressure = -1, .cgroup = 0.9, .more = true}};
    for (int k = 0; k < 2; k++) {
        struct iml__watch w = of(16);
        const uint32_t want[] = {4, 7, 10, 12, 13, 14, 15, 15, 15};
        for (size_t n = 0; n < IML_COUNT_OF(want); n++)
            assert_int_equal(iml__watch_step(&w, &tight[k]), want[n]);
        w = of(1);
        assert_int_equal(iml__watch_step(&w, &tight[k]), 0);
        w = of(2);
        assert_int_equal(iml__watch_step(&w, &tight[k]), 1);
        assert_int_equal(iml__watch_step(&w, &tight[k]), 1);
    }
}

static void a_starved_worker_parks_one_and_the_parked_one_counts_for_nobody(void **state)
{
    (void)state;
    struct iml__watch w = of(4);
    struct iml__watch_look l = {.starved = 3, .more = true};
    assert_int_equal(iml__watch_step(&w, &l), 1);
    assert_int_equal(iml__watch_step(&w, &l), 2);
    assert_int_equal(iml__watch_step(&w, &l), 3);
    l.starved = 4; // the last one waits as well: for input, perhaps
    assert_int_equal(iml__watch_step(&w, &l), 3);
    w = of(4), l.starved = 1;
    assert_int_equal(iml__watch_step(&w, &l), 1);
    assert_int_equal(iml__watch_step(&w, &l), 0); // it is the parked one that waits
}

static void at_the_end_waiting_is_no_want(void **state)
{
    (void)state;
    struct iml__watch w = of(4);
    struct iml__watch_look l = {.starved = 3, .more = false};
    for (int k = 0; k < 10; k++) assert_int_equal(iml__watch_step(&w, &l), 0);
}

static void the_parked_return_by_halves_when_it_is_over(void **state)
{
    (void)state;
    struct iml__watch w = of(16);
    const struct iml__watch_look tight = {.pressure = 50, .more = true};
    for (int k = 0; k < 20; k++) (void)iml__watch_step(&w, &tight);
    uint32_t last = w.parked, looks = 0;
    for (; w.parked; looks++) {
        uint32_t now = iml__watch_step(&w, &quiet);
        assert_true(now <= last);
        last = now;
    }
    assert_in_range(looks, 4, 8);
}

static void a_run_on_the_edge_swings_ever_more_slowly(void **state)
{
    (void)state;
    struct iml__watch w = of(2);
    const struct iml__watch_look tight = {.pressure = 50, .more = true};
    uint32_t parks = 0, worked = 0;
    for (int k = 0; k < 400; k++) { // too tight whenever both work
        uint32_t before = w.parked;
        worked += !before;
        parks += iml__watch_step(&w, before ? &quiet : &tight) > before;
    }
    assert_in_range(parks, 5, 40);
    assert_in_range(worked, 5, 40);
}

static void the_cgroup_s_share_is_a_share(void **state)
{
    (void)state;
    double used = iml__mem_cgroup_used();
    assert_true(used >= 0 && used <= 1);
    if (!iml__mem_cgroup_limit()) print_message("no limit here: %.3f\n", used);
}

// ---- A whole run: four workers, and bytes for one.

static uint64_t heavy(void *user, uint64_t i)
{
    (void)user, (void)i;
    return 60 << 20;
}

static iml_status nap(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    (void)user, (void)it, (void)out, (void)cap, (void)n, (void)e;
    (void)usleep(50000);
    return IML_OK;
}

static void look_for_rest(void *user, int level, const char *line)
{
    (void)level;
    *(int *)user += strstr(line, "of 4 workers rest") != NULL;
}

static void a_run_short_of_bytes_rests_its_starved_workers_and_ends_whole(void **state)
{
    (void)state;
    iml_job j = {.name = "t", .count = 100, .run = nap, .cost = heavy};
    iml_report rep = {.size = sizeof rep};
    iml_ctx *ctx = NULL;
    iml_run_opts o;
    int said = 0;
    iml_run_opts_default(&o);
    o.workers = 4, o.memory_bytes = 64 << 20;
    assert_ok(iml_ctx_new(&ctx, e));
    iml_ctx_log(ctx, 2, look_for_rest, &said);
    assert_ok(iml_run(ctx, &j, iml_sink_null(), &o, &rep, e));
    iml_ctx_free(&ctx);
    assert_int_equal(rep.ok, 100);
    assert_true(said > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_need_nobody_rests),
        cmocka_unit_test(memory_pressure_parks_by_quarters_and_never_the_last),
        cmocka_unit_test(a_starved_worker_parks_one_and_the_parked_one_counts_for_nobody),
        cmocka_unit_test(at_the_end_waiting_is_no_want),
        cmocka_unit_test(the_parked_return_by_halves_when_it_is_over),
        cmocka_unit_test(a_run_on_the_edge_swings_ever_more_slowly),
        cmocka_unit_test(the_cgroup_s_share_is_a_share),
        cmocka_unit_test(a_run_short_of_bytes_rests_its_starved_workers_and_ends_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
