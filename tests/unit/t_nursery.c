// t_nursery.c: worker processes: results in place, deaths and their culprits, hostile replies; and
// whole runs with faults on purpose.
#include "tests/unit/iml_test.h"

#include "src/base/buf.h"
#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/engine/inject.h"
#include "src/engine/nursery.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FILES = 1, EMIT, SEGV, HANG, GROW, COUNT, BAD_ITEM, HEAP, WAIT_STOP, BIG };

// What an item does is its index modulo 16.
static iml_status run(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    (void)user, (void)cap;
    static iml_frag frag[2];
    static char name[32];
    iml_buf *b = NULL;
    (void)snprintf(name, sizeof name, "f%llu", (unsigned long long)it->index);
    iml_stage(it, IML_STAGE_COMPUTE);
    switch (it->index % 16) {
    case SEGV: (void)raise(SIGSEGV); break;
    case HANG: (void)pause(); break;
    case GROW: iml_item_grow(it, 12345); break;
    case COUNT: iml_count(it, 2, it->index), iml_count(it, 2, 1); break;
    case BAD_ITEM:
        return IML_FAIL(e, IML_EINPUT, "item %llu is bad", (unsigned long long)it->index);
    case WAIT_STOP:
        while (!iml_cancelled(it)) (void)usleep(1000);
        return IML_FAIL(e, IML_ECANCEL, "stopped");
    case EMIT:
        for (int k = 0; k < 3; k++) {
            IML_TRY(iml_buf_new(it, 1 << 20, &b, e));
            memset(iml_buf_data(b), k, 1 << 20), iml_buf_set_size(b, 1 << 20);
            frag[0] = (iml_frag){b, 0, 1 << 20};
            IML_TRY(iml_emit(it, &(iml_out){name, frag, 1, 0}, e));
        }
        break;
    case FILES: // one buffer in two files
        IML_TRY(iml_buf_new(it, 100, &b, e));
        memset(iml_buf_data(b), 7, 100), iml_buf_set_size(b, 100);
        frag[0] = (iml_frag){b, 0, 60}, frag[1] = (iml_frag){iml_buf_ref(b), 40, 60};
        out[0] = (iml_out){name, &frag[0], 1, 0}, out[1] = (iml_out){"second", &frag[1], 1, 0};
        *n = 2;
        break;
    case HEAP: // not from the arena: copied into it
        IML_TRY(iml_buf_new(NULL, 3, &b, e));
        memcpy(iml_buf_data(b), "abc", 3), iml_buf_set_size(b, 3);
        frag[0] = (iml_frag){b, 1, 2};
        out[0] = (iml_out){name, frag, 1, 0}, *n = 1;
        break;
    default: break;
    }
    return IML_OK;
}

static iml_status init(void *user, int worker, void **state, iml_err *e)
{
    *state = NULL;
    if (user && worker == 1) return IML_FAIL(e, IML_EARG, "no model at %s", (const char *)user);
    return IML_OK;
}

static iml_job job(void)
{
    return (iml_job){.name = "t", .count = 1000, .ncounters = 4, .run = run, .worker_init = init};
}

static struct iml__nursery *make(const iml_job *j, uint64_t timeout_us)
{
    struct iml__nursery *n = NULL;
    struct iml__nursery_conf c = {.job = j, .workers = 2, .seed = 1, .timeout_us = timeout_us};
    assert_ok(iml__nursery_open(&n, &c, e));
    return n;
}

static enum iml__event next(struct iml__nursery *n, uint32_t w, struct iml__reply *r)
{
    return iml__nursery_wait(n, w, 10000000, r);
}

static void results_are_read_where_they_lie(void **state)
{
    (void)state;
    iml_job j = job();
    struct iml__nursery *n = make(&j, 0);
    struct iml__reply r;
    for (uint64_t round = 0; round < 200; round++) {
        uint32_t w = round % 2;
        assert_true(iml__nursery_post(n, w, 16 * round + FILES, 0));
        assert_true(iml__nursery_post(n, w, 16 * round + HEAP, 0));
        assert_false(iml__nursery_post(n, w, 0, 0)); // two deep
        assert_int_equal(next(n, w, &r), IML__EVENT_END);
        assert_int_equal(r.index, 16 * round + FILES);
        assert_int_equal(r.nout, 2);
        assert_string_equal(r.out[1].name, "second");
        assert_ptr_equal(r.out[0].frag->data, r.out[1].frag->data); // charged once
        assert_int_equal(r.out[1].frag->off, 40);
        assert_int_equal(iml_buf_data(r.out[0].frag->data)[99], 7);
        iml__nursery_ack(n, w, IML_OK, NULL);
        assert_int_equal(next(n, w, &r), IML__EVENT_END);
        assert_memory_equal(iml_buf_data(r.out[0].frag->data) + r.out[0].frag->off, "bc", 2);
        iml__nursery_ack(n, w, IML_OK, NULL);
    }
    assert_int_equal(iml__nursery_wait(n, 0, 1000, &r), IML__EVENT_NONE);
    iml__nursery_close(&n);
    assert_null(n);
}

static void early_files_growth_counts_and_failures_arrive(void **state)
{
    (void)state;
    iml_job j = job();
    struct iml__nursery *n = make(&j, 0);
    struct iml__reply r;
    assert_true(iml__nursery_post(n, 0, EMIT, 0));
    for (int k = 0; k < 3; k++) {
        assert_int_equal(next(n, 0, &r), IML__EVENT_EMIT);
        assert_int_equal(iml_buf_data(r.out[0].frag->data)[(1 << 20) - 1], k);
        iml__nursery_ack(n, 0, k < 2 ? IML_OK : IML_ESINK, "disk full");
    }
    assert_int_equal(next(n, 0, &r), IML__EVENT_END);
    assert_int_equal(r.status, IML_ESINK);
    assert_non_null(strstr(r.err->msg, "disk full"));
    iml__nursery_ack(n, 0, IML_OK, NULL);
    assert_true(iml__nursery_post(n, 0, GROW, 0));
    assert_int_equal(next(n, 0, &r), IML__EVENT_GROW);
    assert_int_equal(r.grown, 12345);
    assert_int_equal(next(n, 0, &r), IML__EVENT_END);
    iml__nursery_ack(n, 0, IML_OK, NULL);
    assert_true(iml__nursery_post(n, 0, 16 + COUNT, 0));
    assert_int_equal(next(n, 0, &r), IML__EVENT_END);
    assert_true(r.ntally == 1 && r.tally[0].counter == 2 && r.tally[0].add == 16 + COUNT + 1);
    assert_int_equal(r.stages, 1u << IML_STAGE_COMPUTE);
    iml__nursery_ack(n, 0, IML_OK, NULL);
    assert_true(iml__nursery_post(n, 0, BAD_ITEM, 0));
    assert_int_equal(next(n, 0, &r), IML__EVENT_END);
    assert_true(r.status == IML_EINPUT && !strcmp(r.err->msg, "item 7 is bad"));
    iml__nursery_ack(n, 0, IML_OK, NULL);
    assert_true(iml__nursery_post(n, 1, WAIT_STOP, 0));
    assert_int_equal(iml__nursery_wait(n, 1, 20000, &r), IML__EVENT_NONE);
    iml__nursery_stop(n);
    assert_int_equal(next(n, 1, &r), IML__EVENT_END);
    assert_int_equal(r.status, IML_ECANCEL);
    iml__nursery_close(&n);
}

static void a_death_names_its_item_and_the_next_worker_goes_on(void **state)
{
    (void)state;
    iml_job j = job();
    struct iml__nursery *n = make(&j, 60000);
    struct iml__reply r;
    for (int k = 0; k < 50; k++) {
        assert_true(iml__nursery_post(n, 0, SEGV, 0));
        assert_true(iml__nursery_post(n, 0, FILES, 0));
        assert_int_equal(next(n, 0, &r), IML__EVENT_DIED);
        assert_true(r.begun && r.death == IML__DIED_SIGNAL && r.signal == SIGSEGV);
        assert_int_equal(r.index, SEGV);
        assert_int_equal(r.stage, IML_STAGE_COMPUTE);
        assert_true(iml__nursery_post(n, 0, FILES, 0));
        assert_int_equal(next(n, 0, &r), IML__EVENT_END);
        assert_int_equal(r.nout, 2);
        iml__nursery_ack(n, 0, IML_OK, NULL);
    }
    assert_true(iml__nursery_post(n, 0, HANG, 0));
    assert_int_equal(next(n, 0, &r), IML__EVENT_DIED);
    assert_true(r.begun && r.death == IML__DIED_TIMEOUT);
    iml__nursery_kill(n, 0); // idle
    assert_int_equal(next(n, 0, &r), IML__EVENT_DIED);
    assert_true(!r.begun && r.death == IML__DIED_SIGNAL);
    iml__nursery_close(&n);
}

static void a_worker_that_cannot_start_refuses_the_run_with_its_reason(void **state)
{
    (void)state;
    static char where[] = "there";
    iml_job j = job();
    j.user = where;
    struct iml__nursery *n = NULL;
    struct iml__nursery_conf c = {.job = &j, .workers = 2};
    iml_err e;
    assert_int_equal(iml__nursery_open(&n, &c, &e), IML_EARG);
    assert_string_equal(e.msg, "no model at there");
    assert_null(n);
}

static void inject_reads_its_dice(void **state)
{
    (void)state;
    struct iml__inject x;
    iml_err why;
    assert_ok(iml__inject_parse(&x, "crash=0.1,hang=0.05,oom=0,fail=0.5", e));
    assert_true(x.crash == 0.1 && x.hang == 0.05 && x.oom == 0 && x.fail == 0.5);
    const char *wrong[] = {"crash", "crash=2", "crash=.6,fail=.6", "boom=1", "crash=0.1x", "hang="};
    for (size_t k = 0; k < IML_COUNT_OF(wrong); k++)
        assert_int_equal(iml__inject_parse(&x, wrong[k], &why), IML_EARG);
    assert_ok(iml__inject_parse(&x, "crash=0.25,fail=0.25", e));
    int n[5] = {0};
    for (uint64_t i = 0; i < 40000; i++) n[iml__inject_at(&x, 5, i, 1)]++;
    assert_in_range(n[IML__FAULT_CRASH], 9600, 10400);
    assert_in_range(n[IML__FAULT_FAIL], 9600, 10400);
    assert_int_equal(n[IML__FAULT_HANG] + n[IML__FAULT_OOM], 0);
}

// ---- Whole runs.

// Shared with the worker processes: how many workers are still to die in worker_init, and of what.
static struct {
    uint32_t doomed;
    int signal;
} * fate;

enum { CULPRIT = 5 };

static iml_status doomed_init(void *user, int worker, void **worker_state, iml_err *e)
{
    (void)user, (void)worker, (void)e;
    *worker_state = NULL;
    if (__atomic_load_n(&fate->doomed, __ATOMIC_ACQUIRE)) {
        __atomic_fetch_sub(&fate->doomed, 1, __ATOMIC_RELEASE);
        (void)raise(fate->signal);
    }
    return IML_OK;
}

static iml_status crash_once(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                             iml_err *e)
{
    (void)out, (void)cap, (void)n, (void)e;
    (void)usleep(20);
    if (it->index == CULPRIT && !it->attempt) {
        __atomic_store_n(&fate->doomed, *(const uint32_t *)user, __ATOMIC_RELEASE);
        (void)raise(SIGSEGV);
    }
    return IML_OK;
}

static iml_status run_doomed(uint32_t doomed, int sig, iml_report *rep, iml_err *e)
{
    iml_job j = {.name = "t", .count = 6000, .run = crash_once, .worker_init = doomed_init};
    iml_ctx *ctx = NULL;
    iml_run_opts o;
    iml_run_opts_default(&o);
    *rep = (iml_report){.size = sizeof *rep};
    o.workers = 2, o.mode = IML_MODE_PROCESS, j.user = &doomed;
    fate->doomed = 0, fate->signal = sig;
    iml_status st = iml_ctx_new(&ctx, e);
    if (st == IML_OK) st = iml_run(ctx, &j, iml_sink_null(), &o, rep, e);
    iml_ctx_free(&ctx);
    return st;
}

static void a_replacement_that_dies_before_it_begins_blames_no_item(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 12; k++) {
        iml_report rep;
        uint32_t doomed = k % 3;
        assert_ok(run_doomed(doomed, k % 2 ? SIGKILL : SIGSEGV, &rep, e));
        assert_true(rep.ok == 6000 && rep.bad == 0);
        assert_int_equal(rep.deaths, 1 + doomed);
    }
}

static void three_idle_deaths_in_a_row_stop_a_whole_run_and_say_why(void **state)
{
    (void)state;
    iml_report rep;
    iml_err e;
    assert_int_equal(run_doomed(3, SIGSEGV, &rep, &e), IML_EBUG);
    assert_non_null(strstr(e.msg, "died three times in a row before it began an item"));
    assert_non_null(strstr(e.msg, "SEGV"));
    assert_int_equal(rep.bad, 0);
    assert_int_equal(rep.deaths, 4);
    assert_true(rep.ok < 6000);
}

#ifdef IML_INJECT
enum { ITEMS = 12000 };
static uint8_t written[ITEMS];

static iml_status one_file(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                           iml_err *e)
{
    (void)user, (void)cap;
    static iml_frag frag;
    IML_TRY(iml_buf_new(it, 64, &frag.data, e));
    memcpy(iml_buf_data(frag.data), &it->index, 8);
    iml_buf_set_size(frag.data, 64), frag.len = 64;
    out[0] = (iml_out){"x", &frag, 1, 0};
    *n = 1;
    return IML_OK;
}

static iml_status put(void *s, uint64_t index, iml_out *out, size_t n, iml_err *e)
{
    (void)s;
    uint64_t said;
    memcpy(&said, iml_buf_data(out->frag->data), 8);
    iml__out_release(out, n);
    if (n != 1 || said != index)
        return IML_FAIL(e, IML_ESINK, "item %llu has the bytes of %llu, %zu files",
                        (unsigned long long)index, (unsigned long long)said, n);
    return __atomic_fetch_add(&written[index], 1, __ATOMIC_RELAXED) > 1 ? IML_ESINK : IML_OK;
}

// Deaths of items whose two attempts both die; one of a foreign kill is tried again alone.
static void injected_deaths_and_hangs_cost_no_other_item(void **state)
{
    (void)state;
    const iml_sink_ops sinks[2] = {{.name = "t", .put = put},
                                   {.name = "o", .ordered = true, .put = put}};
    const char *dice = "crash=0.12,hang=0.003,oom=0.002,fail=0.01";
    struct iml__inject x;
    assert_ok(iml__inject_parse(&x, dice, e));
    uint64_t deaths = 0;
    for (int k = 0; k < 2; k++) {
        iml_job j = {.name = "t", .count = ITEMS / 2 * (uint64_t)(k ? 1 : 2), .run = one_file};
        iml_ctx *ctx = NULL;
        iml_run_opts o;
        iml_report rep = {.size = sizeof rep};
        iml_run_opts_default(&o);
        o.workers = 4, o.mode = IML_MODE_PROCESS, o.seed = 11 + (uint64_t)k, o.inject = dice;
        o.timeout_s = 0.3, o.max_error_rate = -1;
        memset(written, 0, sizeof written);
        assert_ok(iml_ctx_new(&ctx, e));
        assert_ok(iml_run(ctx, &j, &sinks[k], &o, &rep, e));
        iml_ctx_free(&ctx);
        uint64_t bad = 0;
        for (uint64_t i = 0; i < j.count; i++) {
            uint32_t died = 0, failed = 0, attempt = 0;
            for (; died < 2 && failed < 3; attempt++) {
                enum iml__fault f = iml__inject_at(&x, o.seed, i, attempt);
                if (f == IML__FAULT_NONE) break;
                died += f != IML__FAULT_FAIL, failed += f == IML__FAULT_FAIL;
            }
            bool lost = died == 2 || failed == 3;
            bool foreign = false;
            for (uint32_t a = 0; a < attempt; a++)
                foreign |= iml__inject_at(&x, o.seed, i, a) == IML__FAULT_OOM;
            if (!foreign && written[i] != !lost)
                fail_msg("item %llu written %d times, lost %d", (unsigned long long)i, written[i],
                         lost);
            assert_true(written[i] <= 1);
            bad += !written[i];
        }
        assert_int_equal(rep.ok + rep.bad, j.count);
        assert_int_equal(rep.bad, bad);
        deaths += rep.deaths;
        print_message("%llu deaths, %llu timeouts, %llu bad of %llu in %.1f s\n",
                      (unsigned long long)rep.deaths, (unsigned long long)rep.timeouts,
                      (unsigned long long)rep.bad, (unsigned long long)j.count, rep.wall_s);
    }
    assert_true(deaths > 2000);
}
#endif

int main(void)
{
    fate = mmap(NULL, sizeof *fate, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (fate == MAP_FAILED) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_read_where_they_lie),
        cmocka_unit_test(early_files_growth_counts_and_failures_arrive),
        cmocka_unit_test(a_death_names_its_item_and_the_next_worker_goes_on),
        cmocka_unit_test(a_worker_that_cannot_start_refuses_the_run_with_its_reason),
        cmocka_unit_test(inject_reads_its_dice),
        cmocka_unit_test(a_replacement_that_dies_before_it_begins_blames_no_item),
        cmocka_unit_test(three_idle_deaths_in_a_row_stop_a_whole_run_and_say_why),
#ifdef IML_INJECT
        cmocka_unit_test(injected_deaths_and_hangs_cost_no_other_item),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
