// t_deaths.c: whole runs whose workers die: of their items, before an item, with the nursery.
#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"

#include "src/base/buf.h"
#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/engine/inject.h"
#include "src/engine/item.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

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

static iml_status kill_the_nursery(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                                   iml_err *e)
{
    (void)user, (void)out, (void)cap, (void)n, (void)e;
    if (it->index == 300) (void)kill(getppid(), SIGKILL);
    return IML_OK;
}

static void a_run_whose_nursery_is_killed_ends_and_says_so(void **state)
{
    (void)state;
    iml_job j = {.name = "t", .count = 100000, .run = kill_the_nursery};
    iml_report rep = {.size = sizeof rep};
    iml_ctx *ctx = NULL;
    iml_run_opts o;
    iml_err why;
    iml_run_opts_default(&o);
    o.workers = 3, o.mode = IML_MODE_PROCESS;
    assert_ok(iml_ctx_new(&ctx, e));
    uint64_t begun = iml__now_us();
    assert_int_equal(iml_run(ctx, &j, iml_sink_null(), &o, &rep, &why), IML_EBUG);
    assert_non_null(strstr(why.msg, "the process that forks workers is dead"));
    assert_int_equal(rep.bad, 0);
    assert_true(rep.ok < 100000);
    assert_true(iml__now_us() - begun < 10000000);
    iml_ctx_free(&ctx);
}

// ---- Faults by dice.

#ifdef IML_INJECT
enum { ITEMS = 8000, ITEMS_LONG = 64000 };
static uint8_t written[ITEMS_LONG];

// Ten thousand deaths take minutes: IML_LONG=1.
static uint64_t items(void) { return getenv("IML_LONG") ? ITEMS_LONG : ITEMS; }

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

// Whether the dice condemn item i: two deaths, but for that of a kill perhaps meant for another,
// after which the item runs alone; or three failures.
static bool lost(const struct iml__inject *x, uint64_t seed, uint64_t i)
{
    bool alone = false;
    uint32_t died = 0, failed = 0;
    for (uint32_t attempt = 0;; attempt++) {
        enum iml__fault f = iml__inject_at(x, seed, i, attempt);
        bool bystander = f == IML__FAULT_OOM && !alone;
        if (f == IML__FAULT_NONE) return false;
        if (f == IML__FAULT_FAIL) {
            alone = false;
            if (++failed == 3) return true;
        } else {
            alone |= bystander;
            if (++died >= 2 && !bystander) return true;
        }
    }
}

static void said(const iml_report *rep)
{
    print_message("%llu deaths, %llu timeouts, %llu bad of %llu in %.1f s\n",
                  (unsigned long long)rep->deaths, (unsigned long long)rep->timeouts,
                  (unsigned long long)rep->bad, (unsigned long long)(rep->ok + rep->bad),
                  rep->wall_s);
}

static const char dice[] = "crash=0.12,hang=0.002,oom=0.004,fail=0.01";

static void injected_deaths_and_hangs_cost_no_other_item(void **state)
{
    (void)state;
    const iml_sink_ops sinks[2] = {{.name = "t", .put = put},
                                   {.name = "o", .ordered = true, .put = put}};
    struct iml__inject x;
    assert_ok(iml__inject_parse(&x, dice, e));
    uint64_t deaths = 0;
    for (int k = 0; k < 2; k++) {
        iml_job j = {.name = "t", .count = items() / 2 * (uint64_t)(k ? 1 : 2), .run = one_file};
        iml_ctx *ctx = NULL;
        iml_run_opts o;
        iml_report rep = {.size = sizeof rep};
        iml_run_opts_default(&o);
        o.workers = 4, o.mode = IML_MODE_PROCESS, o.seed = 11 + (uint64_t)k, o.inject = dice;
        o.timeout_s = 0.5;
        memset(written, 0, sizeof written);
        assert_ok(iml_ctx_new(&ctx, e));
        assert_ok(iml_run(ctx, &j, &sinks[k], &o, &rep, e));
        iml_ctx_free(&ctx);
        uint64_t bad = 0;
        for (uint64_t i = 0; i < j.count; i++) {
            if (written[i] != !lost(&x, o.seed, i))
                fail_msg("item %llu written %d times", (unsigned long long)i, written[i]);
            bad += !written[i];
        }
        assert_int_equal(rep.ok + rep.bad, j.count);
        assert_int_equal(rep.bad, bad);
        deaths += rep.deaths;
        said(&rep);
    }
    assert_true(deaths > (getenv("IML_LONG") ? 10000 : 1500));
}

// Kills that were not ours, as the OOM killer's: the victim may be a bystander, so it runs again
// alone; the budget falls to its floor, and every item that the dice spare is written.
static void kills_from_outside_cost_only_whom_they_hit_alone(void **state)
{
    (void)state;
    static const char kills[] = "oom=0.05";
    iml_sink_ops sink = {.name = "t", .put = put};
    iml_job j = {.name = "t", .count = items() / 8, .run = one_file};
    struct iml__inject x;
    iml_report rep = {.size = sizeof rep};
    iml_ctx *ctx = NULL;
    iml_run_opts o;
    iml_run_opts_default(&o);
    assert_ok(iml__inject_parse(&x, kills, e));
    o.workers = 4, o.mode = IML_MODE_PROCESS, o.seed = 3, o.inject = kills;
    o.memory_bytes = 1u << 30;
    memset(written, 0, sizeof written);
    assert_ok(iml_ctx_new(&ctx, e));
    assert_ok(iml_run(ctx, &j, &sink, &o, &rep, e));
    iml_ctx_free(&ctx);
    uint64_t bad = 0;
    for (uint64_t i = 0; i < j.count; i++) {
        if (written[i] != !lost(&x, o.seed, i))
            fail_msg("item %llu written %d times", (unsigned long long)i, written[i]);
        bad += !written[i];
    }
    said(&rep);
    assert_int_equal(rep.bad, bad);
    assert_int_equal(rep.budget, 64u << 20); // halved again and again, to its floor
    assert_true(rep.deaths > j.count / 25 && rep.deaths < j.count / 12);
}

static void threads_fail_by_the_same_dice_and_refuse_to_die(void **state)
{
    (void)state;
    const char *deadly[] = {"crash=0.1", "hang=0.1,fail=0.1", "oom=1"};
    iml_job j = {.name = "t", .count = ITEMS / 8, .run = one_file};
    iml_sink_ops sink = {.name = "t", .put = put};
    struct iml__inject x;
    iml_report rep = {.size = sizeof rep};
    iml_ctx *ctx = NULL;
    iml_run_opts o;
    iml_err why;
    iml_run_opts_default(&o);
    o.workers = 1, o.seed = 5, o.inject = "fail=0.4", o.mode = IML_MODE_THREAD;
    assert_ok(iml__inject_parse(&x, o.inject, e));
    memset(written, 0, sizeof written);
    assert_ok(iml_ctx_new(&ctx, e));
    assert_ok(iml_run(ctx, &j, &sink, &o, &rep, e));
    uint64_t bad = 0;
    for (uint64_t i = 0; i < j.count; i++) {
        assert_int_equal(written[i], !lost(&x, o.seed, i));
        bad += !written[i];
    }
    assert_int_equal(rep.bad, bad);
    assert_in_range(bad, 30, 120); // of 1,000; 64 are to be expected
    for (size_t k = 0; k < IML_COUNT_OF(deadly); k++) {
        o.inject = deadly[k];
        assert_int_equal(iml_run(ctx, &j, &sink, &o, &rep, &why), IML_EARG);
        assert_non_null(strstr(why.msg, "add --mode process"));
    }
    iml_ctx_free(&ctx);
}

// ---- The same into a directory.

enum { LOOSE = 2000 };

static iml_status two_files(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                            iml_err *e)
{
    (void)user, (void)cap;
    iml_frag *frag = iml_arena_alloc(it->arena, 2 * sizeof *frag);
    char *name = iml_arena_alloc(it->arena, 64);
    if (!frag || !name) return IML_FAIL(e, IML_ENOMEM, "no memory");
    for (int f = 0; f < 2; f++) {
        size_t size = 100 + it->index * 37 % 4000;
        IML_TRY(iml_buf_new(it, size, &frag[f].data, e));
        for (size_t k = 0; k < size; k++)
            iml_buf_data(frag[f].data)[k] = (uint8_t)(it->index * 31 + k * (7 + (size_t)f));
        iml_buf_set_size(frag[f].data, size), frag[f].off = 0, frag[f].len = size;
        (void)snprintf(name + 32 * f, 32, "%05u.%d", (unsigned)it->index, f);
        out[f] = (iml_out){name + 32 * f, &frag[f], 1, 0};
        if (!f) IML_TRY(iml_emit(it, &out[0], e)); // a death after it must take it back
    }
    out[0] = out[1], *n = 1;
    return IML_OK;
}

static void run_loose(const char *dir, int workers, const char *inject, iml_report *rep)
{
    iml_job j = {.name = "t", .count = LOOSE, .run = two_files};
    iml_ctx *ctx = NULL;
    iml_run_opts o;
    iml_run_opts_default(&o);
    *rep = (iml_report){.size = sizeof *rep};
    o.workers = workers, o.mode = inject ? IML_MODE_PROCESS : IML_MODE_THREAD, o.inject = inject;
    o.seed = 77, o.timeout_s = inject ? 0.5 : 0, o.out_dir = dir;
    o.durability = IML_DURABILITY_PROCESS;
    assert_ok(iml_ctx_new(&ctx, e));
    assert_ok(iml_run(ctx, &j, iml_sink_file(), &o, rep, e));
    iml_ctx_free(&ctx);
    assert_int_equal(test_count_tmp(dir), 0);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// The lines of OUT's list of bad items in order, joined again; the caller frees it.
static char *bad_lines(const char *dir)
{
    size_t n = 0, size = 0;
    char *line[LOOSE], *text = test_read(dir, ".imloom/bad.jsonl", &size), *save = NULL;
    char *copy = strdup(text), *out = calloc(1, size + 1);
    for (char *s = strtok_r(copy, "\n", &save); s && n < LOOSE; s = strtok_r(NULL, "\n", &save))
        line[n++] = s;
    qsort(line, n, sizeof *line, by_text);
    size_t at = 0;
    for (size_t k = 0; k < n; k++) at += (size_t)snprintf(out + at, size + 1 - at, "%s\n", line[k]);
    free(copy);
    return out;
}

static void good_items_have_the_bytes_of_an_undisturbed_run_and_bad_lists_are_equal(void **state)
{
    (void)state;
    char root[64], dir[3][96], name[32];
    struct iml__inject x;
    iml_report rep;
    uint64_t deaths = 0, bad = 0;
    test_dir(root);
    assert_ok(iml__inject_parse(&x, dice, e));
    for (int k = 0; k < 3; k++) {
        (void)snprintf(dir[k], sizeof dir[k], "%s/%d", root, k);
        run_loose(dir[k], 2 + 2 * k, k ? dice : NULL, &rep);
        said(&rep);
        deaths += rep.deaths;
    }
    for (uint64_t i = 0; i < LOOSE; i++) {
        bool gone = lost(&x, 77, i);
        bad += gone;
        for (int f = 0; f < 2; f++) {
            size_t n[3] = {0};
            (void)snprintf(name, sizeof name, "%05u.%d", (unsigned)i, f);
            char *want = test_read(dir[0], name, &n[0]);
            assert_non_null(want);
            char *copy = malloc(n[0]);
            memcpy(copy, want, n[0]);
            for (int k = 1; k < 3; k++) {
                const char *got = test_read(dir[k], name, &n[k]);
                if (!got != gone) fail_msg("%s: there %d, lost %d", name, got != NULL, gone);
                if (got) assert_true(n[k] == n[0] && !memcmp(got, copy, n[0]));
            }
            free(copy);
        }
    }
    char *one = bad_lines(dir[1]), *two = bad_lines(dir[2]);
    assert_string_equal(one, two);
    uint64_t lines = 0;
    for (const char *s = one; *s; s++) lines += *s == '\n';
    assert_int_equal(lines, bad);
    assert_int_equal(rep.bad, bad);
    free(one), free(two);
    assert_true(deaths > 500 && bad > 20);
    test_rm(root);
}
#endif

int main(void)
{
    fate = mmap(NULL, sizeof *fate, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (fate == MAP_FAILED) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replacement_that_dies_before_it_begins_blames_no_item),
        cmocka_unit_test(three_idle_deaths_in_a_row_stop_a_whole_run_and_say_why),
        cmocka_unit_test(a_run_whose_nursery_is_killed_ends_and_says_so),
#ifdef IML_INJECT
        cmocka_unit_test(injected_deaths_and_hangs_cost_no_other_item),
        cmocka_unit_test(kills_from_outside_cost_only_whom_they_hit_alone),
        cmocka_unit_test(threads_fail_by_the_same_dice_and_refuse_to_die),
        cmocka_unit_test(good_items_have_the_bytes_of_an_undisturbed_run_and_bad_lists_are_equal),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
