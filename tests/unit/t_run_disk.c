// t_run_disk.c: runs into a directory: one data set whatever the workers, orders, modes, stops.
//
// The manifest's content hash stands for the data set: it covers every file's name, size and bytes.
#include "tests/unit/iml_test.h"

#include "src/base/arena.h"
#include "src/base/buf.h"
#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/engine/merge.h"
#include "src/engine/run.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COUNT = 230 };

struct world {
    uint64_t bad_every, nap_us, spin_us, emits, crash_at;
    bool restored; // what was bad is good now
    uint32_t *ran; // atomic, shared with worker processes
};

static char dir[64];

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static iml_status file_of(iml_item *it, iml_out *o, const char *name, uint64_t key, size_t n,
                          uint32_t flags, iml_err *e)
{
    iml_buf *b;
    iml_frag *f = iml_arena_alloc(it->arena, sizeof *f);
    char *copy = iml__arena_strdup(it->arena, name);
    if (!f || !copy) return IML_FAIL(e, IML_ENOMEM, "no memory for a name");
    IML_TRY(iml_buf_new(it, n, &b, e));
    for (size_t k = 0; k < n; k++) b->data[k] = (uint8_t)('a' + mix(key + k) % 26);
    if (n) b->data[n - 1] = '\n';
    iml_buf_set_size(b, n);
    *f = (iml_frag){b, 0, n};
    *o = (iml_out){copy, f, 1, flags};
    return IML_OK;
}

static void spin(uint64_t us) // of this thread's CPU time
{
    struct timespec t;
    uint64_t end = 0, now;
    do {
        assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
        now = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
        if (!end) end = now + us;
    } while (now < end);
}

static iml_status make(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    const struct world *w = user;
    uint64_t i = it->index;
    char name[64];
    (void)cap;
    if (w->ran) __atomic_fetch_add(&w->ran[i], 1, __ATOMIC_RELAXED);
    iml_stage(it, IML_STAGE_COMPUTE);
    if (w->nap_us) usleep((useconds_t)w->nap_us);
    if (w->spin_us) spin(w->spin_us);
    if (w->crash_at == i + 1 && (!w->ran || w->ran[i] == 1)) raise(SIGSEGV);
    if (w->bad_every && i % w->bad_every == 3 && !w->restored)
        return IML_FAIL(e, IML_EINPUT, "item %u is bad", (unsigned)i);
    iml_count(it, (uint32_t)(i % 7), i);
    iml_count(it, 7, 1);
    for (unsigned f = 0; f < 3; f++) {
        (void)snprintf(name, sizeof name, "%06u.%u.txt", (unsigned)i, f);
        IML_TRY(file_of(it, &out[*n], name, i * 4 + f, 10 + mix(i + f) % 3000, 0, e));
        if (f < w->emits)
            IML_TRY(iml_emit(it, &out[*n], e));
        else
            ++*n;
    }
    if (!((const struct iml__attempt *)it->engine)->job->appends) return IML_OK;
    IML_TRY(file_of(it, &out[*n], "labels.txt", i, 20, IML_OUT_APPEND, e));
    ++*n;
    return IML_OK;
}

static const char *const counters[] = {"c0", "c1", "c2", "c3", "c4", "c5", "c6", "all"};

static iml_job job_of(struct world *w, bool parts)
{
    iml_job j = {.name = "test", .count = COUNT, .user = w, .run = make, .config_hash = 99};
    j.ncounters = 8, j.counter_names = counters, j.part_items = 40, j.appends = parts;
    return j;
}

static iml_run_opts opts_of(const char *out, int workers)
{
    iml_run_opts o;
    iml_run_opts_default(&o);
    o.workers = workers, o.out_dir = out, o.shard_samples = 50, o.io_batch = 16;
    o.chunk_items = 64, o.durability = IML_DURABILITY_PROCESS, o.memory_bytes = 64 << 20;
    return o;
}

static const char *fresh(void)
{
    static char path[128];
    static int n;
    (void)snprintf(path, sizeof path, "%s/out-%d", dir, n++);
    return path;
}

static const iml_sink_ops *sink_of(int k) { return k ? iml_sink_tar() : iml_sink_file(); }

static int temporaries(const char *path) // in the directory and one below
{
    int n = 0;
    DIR *d = opendir(path);
    if (!d) return 0;
    for (struct dirent *x; (x = readdir(d)) != NULL;) {
        size_t len = strlen(x->d_name);
        n += len > 4 && !strcmp(x->d_name + len - 4, ".tmp");
        if (x->d_type != DT_DIR || x->d_name[0] == '.') continue;
        char below[512];
        (void)snprintf(below, sizeof below, "%s/%s", path, x->d_name);
        n += temporaries(below);
    }
    closedir(d);
    return n;
}

static uint64_t reference(int kind, bool parts, uint64_t bad_every)
{
    struct world w = {.bad_every = bad_every};
    iml_job j = job_of(&w, parts);
    iml_run_opts o = opts_of(fresh(), 0);
    iml_report rep;
    assert_ok(iml_run(NULL, &j, sink_of(kind), &o, &rep, e));
    assert_true(rep.complete && rep.content);
    return rep.content;
}

static void one_data_set_for_any_workers_orders_and_modes(void **state)
{
    (void)state;
    static const int workers[] = {0, 1, 2, 7};
    static const int orders[] = {IML_ORDER_INDEX, IML_ORDER_RANDOM};
    for (int kind = 0; kind < 3; kind++) {
        uint64_t want = reference(kind == 2, kind == 1, 50);
        for (size_t k = 0; k < 4; k++)
            for (int x = 0; x < (workers[k] == 2 ? 4 : 2); x++) { // processes are dear: with two
                struct world w = {.bad_every = 50, .emits = (uint64_t)x % 4};
                iml_job j = job_of(&w, kind == 1);
                iml_run_opts o = opts_of(fresh(), workers[k]);
                iml_report rep;
                o.order = orders[x % 2], o.mode = x < 2 ? IML_MODE_THREAD : IML_MODE_PROCESS;
                if (x & 1) o.memory_bytes = 32 << 10; // early files go to the spool
                assert_ok(iml_run(NULL, &j, sink_of(kind == 2), &o, &rep, e));
                assert_true(rep.complete);
                assert_int_equal(rep.ok, COUNT - 5);
                assert_int_equal(rep.bad, 5);
                if (rep.content != want)
                    fail_msg("kind %d, %d workers, order %d, mode %d: other bytes", kind,
                             workers[k], o.order, o.mode);
                assert_int_equal(temporaries(o.out_dir), 0);
            }
    }
}

// ---- I8: every way to make a set makes the same one.

struct way {
    int workers, mode, order;
    uint32_t shares;
    const char *stall;
};

static uint64_t any_cost(void *user, uint64_t i)
{
    (void)user;
    return 1000 + mix(i) % 5000;
}

static uint64_t make_set(int kind, const struct way *x)
{
    struct world w = {.bad_every = 50};
    iml_job j = job_of(&w, kind == 1);
    iml_run_opts o = opts_of(fresh(), x->workers);
    iml_report rep;
    j.count = 120, j.part_items = o.shard_samples = 20, j.cost = any_cost;
    o.mode = x->mode, o.order = x->order, o.shard_count = x->shares;
    o.memory_bytes = 1 << 20;
    x->stall ? setenv("IML_STALL", x->stall, 1) : unsetenv("IML_STALL");
    for (o.shard_index = 0; o.shard_index < x->shares; o.shard_index++)
        assert_ok(iml_run(NULL, &j, sink_of(kind == 2), &o, &rep, e));
    unsetenv("IML_STALL");
    assert_int_equal(temporaries(o.out_dir), 0);
    if (x->shares == 1) return rep.content;
    struct iml__merged m;
    const char *out = o.out_dir;
    assert_ok(iml__merge(&out, 1, IML_DURABILITY_PROCESS, NULL, &m, e));
    assert_int_equal(m.missing, 0);
    return m.content;
}

// kind 0: loose files, 1: with a label file in parts, 2: tar shards. Stalls come with every
// seventh.
static void every_way_through(int kind)
{
    static const int workers[] = {0, 1, 2, 7, 64};
    static const int orders[] = {IML_ORDER_INDEX, IML_ORDER_SIZE, IML_ORDER_RANDOM};
    const struct way plain = {0, IML_MODE_THREAD, IML_ORDER_INDEX, 1, NULL};
    uint64_t want = make_set(kind, &plain);
    assert_true(want);
    for (int n = 0; n < 5 * 2 * 3 * 2; n++) {
        char seed[16];
        struct way x = {.workers = workers[n % 5],
                        .mode = n / 5 % 2 ? IML_MODE_PROCESS : IML_MODE_THREAD,
                        .order = orders[n / 10 % 3],
                        .shares = n / 30 ? 3 : 1};
        (void)snprintf(seed, sizeof seed, "%d", n + 1);
        if ((n + n / 5) % 7 == 0) x.stall = seed;
        uint64_t got = make_set(kind, &x);
        if (got != want)
            fail_msg("kind %d, %d workers, mode %d, order %d, %u shares, IML_STALL=%s: other bytes",
                     kind, x.workers, x.mode, x.order, x.shares, x.stall ? x.stall : "");
    }
}

static void every_way_to_make_loose_files_makes_the_same_set(void **state)
{
    (void)state;
    every_way_through(0);
}

static void every_way_to_make_parts_makes_the_same_set(void **state)
{
    (void)state;
    every_way_through(1);
}

static void every_way_to_make_shards_makes_the_same_set(void **state)
{
    (void)state;
    every_way_through(2);
}

static volatile unsigned char cancel;
static void stop_soon(void *user, const iml_progress *p)
{
    uint64_t *at = user;
    if (p->done >= *at) cancel = 1;
}

static void stopped_again_and_again_it_is_the_same_data_set(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        uint64_t want = reference(kind == 2, kind == 1, 60), at = 1, last = 0, stops = 0;
        struct world w = {.bad_every = 60, .nap_us = 3000};
        iml_job j = job_of(&w, kind == 1);
        iml_run_opts o = opts_of(fresh(), 2);
        iml_report rep;
        iml_err err;
        iml_status st;
        o.progress = stop_soon, o.progress_user = &at, o.cancel = &cancel, o.io_batch = 4;
        do {
            cancel = 0;
            st = iml_run(NULL, &j, sink_of(kind == 2), &o, &rep, &err);
            assert_true(st == IML_OK || st == IML_ECANCEL);
            assert_true(rep.resumed >= last);
            last = rep.resumed, at = rep.resumed + rep.ok + rep.bad + 1, stops++;
            assert_int_equal(temporaries(o.out_dir), 0);
        } while (st == IML_ECANCEL && stops < 100);
        assert_int_equal(st, IML_OK);
        assert_true(stops > 1);
        assert_true(rep.complete && rep.content == want);
        uint32_t ran[COUNT] = {0};
        w.ran = ran;
        o.progress = NULL, cancel = 0;
        assert_ok(iml_run(NULL, &j, sink_of(kind == 2), &o, &rep, e));
        assert_int_equal(rep.resumed, COUNT);
        for (int i = 0; i < COUNT; i++) assert_int_equal(ran[i], 0);
        assert_true(rep.complete && rep.content == want);
    }
}

static void bad_items_are_remembered_until_asked_for(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        uint32_t ran[COUNT] = {0};
        uint64_t good = reference(kind == 2, kind == 1, 0);
        struct world w = {.bad_every = 60, .ran = ran};
        iml_job j = job_of(&w, kind == 1);
        iml_run_opts o = opts_of(fresh(), 2);
        iml_report rep;
        assert_ok(iml_run(NULL, &j, sink_of(kind == 2), &o, &rep, e));
        assert_int_equal(rep.bad, 4);
        memset(ran, 0, sizeof ran);
        w.restored = true;
        assert_ok(iml_run(NULL, &j, sink_of(kind == 2), &o, &rep, e));
        assert_int_equal(ran[3], 0);
        o.flags |= IML_RUN_RETRY_BAD;
        assert_ok(iml_run(NULL, &j, sink_of(kind == 2), &o, &rep, e));
        assert_int_equal(ran[3], 1);
        assert_true(rep.complete && rep.bad == 0 && rep.content == good);
    }
}

static void three_shards_have_every_item_once(void **state)
{
    (void)state;
    uint32_t ran[COUNT] = {0};
    struct world w = {.ran = ran};
    iml_job j = job_of(&w, true);
    iml_run_opts o = opts_of(fresh(), 2);
    iml_report rep;
    o.shard_count = 3;
    for (o.shard_index = 0; o.shard_index < 3; o.shard_index++) {
        assert_ok(iml_run(NULL, &j, iml_sink_file(), &o, &rep, e));
        assert_int_equal(rep.planned, rep.ok);
    }
    for (int i = 0; i < COUNT; i++) assert_int_equal(ran[i], 1);
}

static void a_full_sink_directory_is_no_items_fault(void **state)
{
    (void)state;
    struct world w = {0};
    iml_job j = job_of(&w, false);
    const char *out = fresh();
    char path[160];
    iml_run_opts o = opts_of(out, 2);
    iml_report rep;
    iml_err err;
    // A directory stands where a file must go.
    assert_int_equal(mkdir(out, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/000100.1.txt", out);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(iml_run(NULL, &j, iml_sink_file(), &o, &rep, &err), IML_ESINK);
    assert_int_equal(rep.bad, 0);
    assert_false(rep.complete);
    assert_int_equal(rmdir(path), 0);
    assert_ok(iml_run(NULL, &j, iml_sink_file(), &o, &rep, e));
    assert_true(rep.complete && rep.content == reference(0, false, 0));
}

// ---- A thread that dies takes the run along; its record makes the next run careful.

static void farewell(int sig)
{
    iml__run_suspect_now();
    signal(sig, SIG_DFL);
    raise(sig);
}

static char heard[4096];
static void listen(void *user, int level, const char *line)
{
    (void)user, (void)level;
    size_t n = strlen(heard);
    (void)snprintf(heard + n, sizeof heard - n, "%s\n", line);
}

static void a_killed_run_names_its_culprit(void **state)
{
    (void)state;
    iml_ctx *ctx = NULL;
    assert_ok(iml_ctx_new(&ctx, e));
    iml_ctx_log(ctx, IML_LOG_INFO, listen, NULL);
    for (int workers = 1; workers < 3; workers++) {
        struct world w = {.crash_at = 78};
        uint64_t want = reference(0, false, 0);
        iml_job j = job_of(&w, false);
        iml_run_opts o = opts_of(fresh(), workers);
        o.order = IML_ORDER_INDEX;
        pid_t p = fork();
        assert_true(p >= 0);
        if (!p) {
            signal(SIGSEGV, farewell);
            (void)iml_run(NULL, &j, iml_sink_file(), &o, NULL, NULL);
            _exit(9);
        }
        int status;
        assert_int_equal(waitpid(p, &status, 0), p);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
        struct iml__past *past;
        struct iml__commit *c;
        struct iml__commit_conf conf = {.job = &j,
                                        .sink = iml_sink_file(),
                                        .opts = &o,
                                        .count = COUNT,
                                        .unit_items = iml__unit_items(&j, iml_sink_file(), &o)};
        assert_ok(iml__commit_open(&c, &conf, &past, e));
        assert_int_equal(iml__past_deaths(past, 77), 1);
        assert_int_equal(iml__past_suspects(past), 1);
        iml__commit_close(&c);
        // That was its first death; the next run lets it die in a process of its own, and goes on.
        iml_report rep;
        if (workers == 1) w.crash_at = 0; // or it has been cured
        heard[0] = 0;
        assert_ok(iml_run(ctx, &j, iml_sink_file(), &o, &rep, e));
        assert_non_null(strstr(heard,
                               "warn item 77 has killed an earlier run, in stage compute; it "
                               "runs in a process of its own now"));
        assert_int_equal(strstr(heard, "i77 compute] bad after 2 tries: ") != NULL, workers == 2);
        assert_true(rep.complete);
        assert_int_equal(rep.mode, IML_MODE_THREAD);
        assert_int_equal(rep.bad, workers - 1);
        assert_int_equal(rep.deaths, workers - 1);
        assert_int_equal(rep.content == want, workers == 1);
        heard[0] = 0;
        assert_ok(iml_run(ctx, &j, iml_sink_file(), &o, &rep, e));
        assert_null(strstr(heard, "killed an earlier run")); // it is settled
    }
    iml_ctx_free(&ctx);
}

static void a_dying_item_costs_no_other(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++)
        for (int cured = 0; cured < 2; cured++) {
            uint32_t *ran = mmap(NULL, COUNT * sizeof *ran, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
            struct world w = {.crash_at = 78, .ran = cured ? ran : NULL};
            iml_job j = job_of(&w, kind == 1);
            iml_run_opts o = opts_of(fresh(), 2);
            iml_report rep;
            o.mode = IML_MODE_PROCESS;
            assert_ok(iml_run(NULL, &j, sink_of(kind == 2), &o, &rep, e));
            assert_int_equal(rep.mode, IML_MODE_PROCESS);
            assert_int_equal(rep.deaths, cured ? 1 : 2);
            assert_int_equal(rep.bad, !cured);
            assert_int_equal(rep.ok, COUNT - !cured);
            assert_int_equal(temporaries(o.out_dir), 0);
            if (cured) assert_true(rep.content == reference(kind == 2, kind == 1, 0));
            munmap(ran, COUNT * sizeof *ran);
        }
}

static const char *slow_dir;

// Each item makes one file in 0.4 s; the last one looks whether the first one's stands.
static iml_status slow(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    char path[96];
    bool *seen = user;
    (void)cap;
    usleep(400000);
    (void)snprintf(path, sizeof path, "%s/0.txt", slow_dir);
    if (it->index == 5) *seen = access(path, F_OK) == 0;
    (void)snprintf(path, sizeof path, "%d.txt", (int)it->index);
    *n = 1;
    return file_of(it, &out[0], path, it->index, 50, 0, e);
}

static void what_was_made_a_second_ago_waits_for_no_full_batch(void **state)
{
    (void)state;
    for (int workers = 0; workers < 2; workers++) {
        bool seen = false;
        iml_job j = {.name = "slow", .count = 6, .user = &seen, .run = slow};
        iml_run_opts o;
        iml_report rep;
        iml_run_opts_default(&o);
        slow_dir = fresh();
        o.workers = workers, o.out_dir = slow_dir, o.mode = IML_MODE_THREAD;
        assert_ok(iml_run(NULL, &j, iml_sink_file(), &o, &rep, e));
        assert_true(rep.complete);
        assert_true(seen);
    }
}

static void the_report_counts_the_cpu_time_of_worker_processes(void **state)
{
    (void)state;
    for (int mode = IML_MODE_THREAD; mode <= IML_MODE_PROCESS; mode++) {
        struct world w = {.spin_us = 1000};
        iml_job j = job_of(&w, false);
        iml_run_opts o = opts_of(fresh(), 2);
        iml_report rep;
        o.mode = mode;
        assert_ok(iml_run(NULL, &j, iml_sink_file(), &o, &rep, e));
        assert_int_equal(rep.mode, mode);
        // The items alone; clocks of the system's ticks may lose some.
        assert_true(rep.cpu_s > COUNT * 1e-3 * .9);
        assert_true(rep.cpu_s < COUNT * 1e-3 * 10);
    }
}

static int make_dir(void **state)
{
    (void)state;
    // Names and bytes are looked at here, not disks: memory will do, where there is some.
    (void)snprintf(dir, sizeof dir, "/dev/shm/imloom-t-disk-XXXXXX");
    if (mkdtemp(dir)) return 0;
    (void)snprintf(dir, sizeof dir, "/tmp/imloom-t-disk-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command); // of the test's own directory
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_data_set_for_any_workers_orders_and_modes),
        cmocka_unit_test(every_way_to_make_loose_files_makes_the_same_set),
        cmocka_unit_test(every_way_to_make_parts_makes_the_same_set),
        cmocka_unit_test(every_way_to_make_shards_makes_the_same_set),
        cmocka_unit_test(stopped_again_and_again_it_is_the_same_data_set),
        cmocka_unit_test(bad_items_are_remembered_until_asked_for),
        cmocka_unit_test(three_shards_have_every_item_once),
        cmocka_unit_test(a_full_sink_directory_is_no_items_fault),
        cmocka_unit_test(a_killed_run_names_its_culprit),
        cmocka_unit_test(a_dying_item_costs_no_other),
        cmocka_unit_test(what_was_made_a_second_ago_waits_for_no_full_batch),
        cmocka_unit_test(the_report_counts_the_cpu_time_of_worker_processes),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
