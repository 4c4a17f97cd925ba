// t_told.c: what a run tells of itself: dry runs, shares, progress, remembered bad items, links.
#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/log.h"
#include "src/engine/run.h"
#include "src/io/vfs.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COUNT = 60 };

static char root[64], heard[1 << 16];

static void listen(void *user, int level, const char *line)
{
    (void)user, (void)level;
    size_t n = strlen(heard);
    (void)snprintf(heard + n, sizeof heard - n, "%s\n", line);
}

struct world {
    uint64_t bad_every; // 0: none
    bool naps;
};

static uint64_t nap_of(uint64_t i) { return i < 10 ? 34000 : 2000; }

static uint64_t cost(void *user, uint64_t i)
{
    (void)user;
    return nap_of(i);
}

static iml_status make(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    const struct world *w = user;
    (void)cap;
    if (w->naps) usleep((useconds_t)nap_of(it->index));
    if (w->bad_every && it->index % w->bad_every == 3)
        return IML_FAIL(e, IML_EINPUT, "item %u is bad", (unsigned)it->index);
    iml_frag *f = iml_arena_alloc(it->arena, sizeof *f);
    char *name = iml_arena_alloc(it->arena, 32);
    if (!f || !name) return IML_FAIL(e, IML_ENOMEM, "no memory");
    IML_TRY(iml_buf_new(it, 100, &f->data, e));
    memset(iml_buf_data(f->data), (int)(it->index + 1), 100);
    iml_buf_set_size(f->data, 100), f->off = 0, f->len = 100;
    (void)snprintf(name, 32, "%03u.bin", (unsigned)it->index);
    out[0] = (iml_out){name, f, 1, 0};
    *n = 1;
    return IML_OK;
}

static iml_run_opts opts_of(const char *out)
{
    iml_run_opts o;
    iml_run_opts_default(&o);
    o.workers = 1, o.out_dir = out, o.durability = IML_DURABILITY_PROCESS, o.shard_samples = 20;
    return o;
}

static const char *fresh(void)
{
    static char path[128];
    static int n;
    (void)snprintf(path, sizeof path, "%s/out-%d", root, n++);
    return path;
}

static iml_status run(const iml_job *j, const iml_sink_ops *k, const iml_run_opts *o,
                      iml_report *rep, iml_err *e)
{
    iml_ctx *c = NULL;
    heard[0] = 0;
    iml_status st = iml_ctx_new(&c, e);
    if (st) return st;
    iml_ctx_log(c, IML__LOG_INFO, listen, NULL);
    st = iml_run(c, j, k, o, rep, e);
    iml_ctx_free(&c);
    return st;
}

// Names, sizes and times of all that is below dir.
static uint64_t state_of_disk;
static int fold(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)flag, (void)f;
    uint64_t h = state_of_disk + 1;
    for (const char *p = path; *p; p++) h = h * 1099511628211u + (unsigned char)*p;
    h = h * 1099511628211u + (uint64_t)st->st_size;
    h = h * 1099511628211u + (uint64_t)st->st_mtim.tv_sec * 1000000007u +
        (uint64_t)st->st_mtim.tv_nsec;
    state_of_disk += h;
    return 0;
}
static uint64_t look_at(const char *dir)
{
    state_of_disk = 0;
    (void)nftw(dir, fold, 32, FTW_PHYS);
    return state_of_disk;
}

static void a_dry_run_changes_nothing_and_says_what_is_left(void **state)
{
    (void)state;
    for (int tar = 0; tar < 2; tar++) {
        const iml_sink_ops *k = tar ? iml_sink_tar() : iml_sink_file();
        struct world w = {.bad_every = 30};
        iml_job j = {.name = "t", .count = COUNT, .user = &w, .run = make, .grows = true};
        iml_run_opts o = opts_of(fresh());
        iml_report rep;
        o.flags |= IML_RUN_DRY_RUN;
        assert_ok(run(&j, k, &o, &rep, e)); // nothing is there, and nothing is made
        assert_true(rep.planned == COUNT && rep.resumed == 0);
        assert_false(test_exists(o.out_dir, ""));
        o.flags = IML_RUN_RESUME, o.limit = 40;
        assert_ok(run(&j, k, &o, &rep, e));
        uint64_t before = look_at(o.out_dir);
        o.flags |= IML_RUN_DRY_RUN, o.limit = UINT64_MAX;
        assert_ok(run(&j, k, &o, &rep, e));
        assert_int_equal(rep.planned, COUNT);
        assert_int_equal(rep.resumed, 40);
        assert_int_equal(rep.bad_before, 2);
        o.flags |= IML_RUN_RETRY_BAD;
        assert_ok(run(&j, k, &o, &rep, e));
        assert_int_equal(rep.resumed, tar ? 0 : 38); // both shards hold a bad one
        assert_int_equal(rep.bad_before, 0);
        o.flags = IML_RUN_OVERWRITE | IML_RUN_DRY_RUN;
        assert_ok(run(&j, k, &o, &rep, e));
        assert_int_equal(rep.resumed, 0);
        assert_int_equal(rep.replaced, tar ? 6 : 38);
        assert_true(look_at(o.out_dir) == before);
    }
}

static void a_dry_run_refuses_what_the_run_would_refuse(void **state)
{
    (void)state;
    struct world w = {0};
    iml_job j = {.name = "t", .count = COUNT, .user = &w, .run = make};
    iml_run_opts o = opts_of(fresh());
    iml_report rep;
    iml_err why;
    char path[256];
    assert_ok(run(&j, iml_sink_file(), &o, &rep, e));
    o.flags |= IML_RUN_DRY_RUN, o.seed = 5;
    assert_int_equal(run(&j, iml_sink_file(), &o, &rep, &why), IML_EARG);
    assert_non_null(strstr(why.msg, "seed: 0 there, 5 now"));
    o.flags &= ~(unsigned)IML_RUN_RESUME, o.seed = 0;
    assert_int_equal(run(&j, iml_sink_file(), &o, &rep, &why), IML_EARG);
    assert_non_null(strstr(why.msg, "resuming is switched off"));
    // Another run is at work.
    o.flags |= IML_RUN_RESUME;
    (void)snprintf(path, sizeof path, "%s/.imloom/journal.0", o.out_dir);
    int fd = open(path, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(run(&j, iml_sink_file(), &o, &rep, &why), IML_EARG);
    assert_non_null(strstr(why.msg, "is writing to"));
    (void)close(fd);
    // A user's manifest; a file in the way.
    o.out_dir = fresh();
    assert_int_equal(mkdir(o.out_dir, 0777), 0);
    test_write(o.out_dir, "manifest.json", "mine", 4);
    assert_int_equal(run(&j, iml_sink_file(), &o, &rep, &why), IML_EARG);
    assert_non_null(strstr(why.msg, "manifest.json"));
    (void)snprintf(path, sizeof path, "%s/manifest.json/set", o.out_dir);
    o.out_dir = path;
    assert_int_equal(run(&j, iml_sink_file(), &o, &rep, &why), IML_EARG);
    if (geteuid() == 0) return; // root may write anywhere
    o.out_dir = "/imloom-set";
    assert_int_equal(run(&j, iml_sink_file(), &o, &rep, &why), IML_EARG);
    assert_non_null(strstr(why.msg, "cannot make the directory /imloom-set"));
}

static void bad_items_of_earlier_runs_count(void **state)
{
    (void)state;
    for (int tar = 0; tar < 2; tar++) {
        const iml_sink_ops *k = tar ? iml_sink_tar() : iml_sink_file();
        struct world w = {.bad_every = 30};
        iml_job j = {.name = "t", .count = COUNT, .user = &w, .run = make, .grows = true};
        iml_run_opts o = opts_of(fresh());
        iml_report rep;
        iml_err why;
        o.limit = 40;
        assert_ok(run(&j, k, &o, &rep, e));
        assert_true(rep.bad == 2 && rep.bad_before == 0);
        assert_ok(run(&j, k, &o, &rep, e));
        assert_true(rep.bad == 0 && rep.bad_before == 2 && rep.complete);
        // Of the planned items, remembered ones included.
        o.limit = COUNT, o.max_errors = 1;
        assert_int_equal(run(&j, k, &o, &rep, &why), IML_ELIMIT);
        assert_non_null(strstr(why.msg, "2 items are bad, the limit is 1"));
        o.max_errors = 2;
        assert_ok(run(&j, k, &o, &rep, e));
        assert_true(rep.complete && rep.bad_before == 2 && rep.bad == 0);
    }
}

static void shares_without_a_unit_are_told(void **state)
{
    (void)state;
    struct world w = {0};
    iml_job j = {.name = "t", .count = COUNT, .user = &w, .run = make};
    iml_run_opts o = opts_of(fresh());
    iml_report rep;
    o.shard_count = 5, o.shard_index = 4;
    assert_ok(run(&j, iml_sink_tar(), &o, &rep, e));
    assert_int_equal(rep.planned, 0);
    assert_non_null(strstr(heard, "warn 5 shares, but the 60 items stand in only 3 shards of 20"));
    assert_non_null(strstr(heard, "shares from 3 on have nothing to do"));
    o.shard_count = 3, o.shard_index = 2;
    assert_ok(run(&j, iml_sink_tar(), &o, &rep, e));
    assert_int_equal(rep.planned, 20);
    assert_null(strstr(heard, "shares"));
    o.out_dir = fresh(), o.shard_count = 80, o.shard_index = 70;
    assert_ok(run(&j, iml_sink_file(), &o, &rep, e));
    assert_non_null(strstr(heard, "warn 80 shares, but only 60 items"));
}

struct guess {
    uint32_t calls;
    double worst; // guess of the end, as a share of what a guess by count would be
};

static void guess(void *user, const iml_progress *p)
{
    struct guess *g = user;
    uint64_t made = p->done + p->written;
    if (made < 20 || made > 50) return; // most of the time lies behind, most items before us
    double by_count = (double)(COUNT - made) / p->rate;
    g->calls++;
    if (p->eta_s < 0 || p->eta_s / by_count > g->worst)
        g->worst = p->eta_s < 0 ? 1e9 : p->eta_s / by_count;
}

// Ten items of 34 ms, then fifty of 2 ms, in one shard, so nothing is committed before the end.
static void the_end_is_guessed_by_cost_at_shard_sinks_too(void **state)
{
    (void)state;
    struct world w = {.naps = true};
    struct guess g = {0};
    iml_job j = {.name = "t", .count = COUNT, .user = &w, .run = make, .cost = cost};
    iml_run_opts o = opts_of(fresh());
    iml_report rep;
    o.shard_samples = COUNT, o.progress = guess, o.progress_user = &g, o.order = IML_ORDER_INDEX;
    for (int tries = 0; tries < 20 && !g.calls; tries++) { // at 10 Hz one look may miss the moment
        o.out_dir = fresh();
        assert_ok(run(&j, iml_sink_tar(), &o, &rep, e));
    }
    assert_true(g.calls > 0);
    assert_true(g.worst < 0.5);
}

static int no_hard_link(int d, const char *a, int d2, const char *b, int flags)
{
    (void)d, (void)a, (void)d2, (void)b, (void)flags;
    errno = EXDEV;
    return -1;
}

static iml_status input(void *user, uint64_t i, char *path, size_t cap)
{
    (void)user;
    (void)snprintf(path, cap, "in/%02u.txt", (unsigned)i);
    return IML_OK;
}

static void quarantine_on_another_file_system_gets_symbolic_links(void **state)
{
    (void)state;
    struct world w = {.bad_every = 30};
    iml_job j = {.name = "t", .count = COUNT, .user = &w, .run = make, .input = input};
    iml_run_opts o = opts_of(NULL);
    iml_report rep;
    iml__vfs v = iml__vfs_posix;
    char in[128], q[128], path[256], name[32];
    (void)snprintf(in, sizeof in, "%s/in", root);
    (void)snprintf(q, sizeof q, "%s/quarantine", root);
    assert_int_equal(mkdir(in, 0777), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof name, "%02u.txt", i);
        test_write(in, name, name, 6);
    }
    o.input_root = root, o.quarantine_dir = q, o.io_workers = 0;
    v.linkat = no_hard_link;
    const iml__vfs *was = iml__vfs_swap(&v);
    assert_ok(run(&j, iml_sink_null(), &o, &rep, e));
    (void)iml__vfs_swap(was);
    assert_int_equal(rep.bad, 2);
    assert_non_null(strstr(heard, "it gets symbolic ones"));
    assert_null(strstr(heard, "cannot be linked"));
    struct stat at;
    (void)snprintf(path, sizeof path, "%s/000000033-33.txt", q);
    assert_int_equal(lstat(path, &at), 0);
    assert_true(S_ISLNK(at.st_mode));
    assert_string_equal(test_read(q, "000000033-33.txt", NULL), "33.txt");
    assert_string_equal(test_read(q, "000000003-03.txt", NULL), "03.txt");
}

static void metrics_hold_the_numbers_of_the_report(void **state)
{
    (void)state;
    static const char *const want[] = {
        "imloom_items_planned{job=\"t\",shard=\"0\",of=\"1\"} 60\n",
        "# TYPE imloom_items_committed_total counter\n",
        "imloom_items_bad_total{job=\"t\",shard=\"0\",of=\"1\"} 2\n",
        "imloom_bytes_written_total{job=\"t\",shard=\"0\",of=\"1\"} 5800\n",
        "imloom_files_written_total{job=\"t\",shard=\"0\",of=\"1\"} 58\n",
        "imloom_memory_budget_bytes{",
        "imloom_memory_peak_bytes{",
        "imloom_retries_total{",
        "imloom_worker_deaths_total{",
        "imloom_cpu_seconds_total{",
        "imloom_worker_seconds_total{job=\"t\",shard=\"0\",of=\"1\",state=\"wait_sink\"}",
        "imloom_stage_seconds{job=\"t\",shard=\"0\",of=\"1\",stage=\"item\",quantile=\"0.99\"}",
        "imloom_stage_seconds_count{job=\"t\",shard=\"0\",of=\"1\",stage=\"item\"} 60\n"};
    struct world w = {.bad_every = 30};
    iml_job j = {.name = "t", .count = COUNT, .user = &w, .run = make};
    iml_run_opts o = opts_of(fresh());
    iml_report rep;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/m.prom", root);
    o.metrics_file = path;
    assert_ok(run(&j, iml_sink_file(), &o, &rep, e));
    const char *text = test_read(root, "m.prom", NULL);
    assert_non_null(text);
    for (size_t k = 0; k < IML_COUNT_OF(want); k++)
        if (!strstr(text, want[k])) fail_msg("%s is missing in\n%s", want[k], text);
}

// ---- Bounds that users give.

static struct {
    uint32_t begun, written, most; // atomic
    uint32_t batches, largest, odd;
} bounds;

static iml_status count_begun(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                              iml_err *e)
{
    (void)user, (void)it, (void)out, (void)cap, (void)n, (void)e;
    uint32_t now = __atomic_add_fetch(&bounds.begun, 1, __ATOMIC_SEQ_CST) -
                   __atomic_load_n(&bounds.written, __ATOMIC_SEQ_CST);
    uint32_t most = __atomic_load_n(&bounds.most, __ATOMIC_RELAXED);
    while (now > most && !__atomic_compare_exchange_n(&bounds.most, &most, now, false,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
    return IML_OK;
}

static iml_status slow_put(void *s, uint64_t i, iml_out *out, size_t n, iml_err *e)
{
    (void)s, (void)i, (void)out, (void)n, (void)e;
    (void)usleep(500);
    __atomic_fetch_add(&bounds.written, 1, __ATOMIC_SEQ_CST);
    return IML_OK;
}

static iml_status count_batch(void *s, const uint64_t *item, size_t n, iml_err *e)
{
    (void)s, (void)item, (void)e;
    bounds.batches++, bounds.odd += n != 7;
    bounds.largest = IML_MAX(bounds.largest, (uint32_t)n);
    return IML_OK;
}

static void chunk_size_bounds_items_between_claim_and_written(void **state)
{
    (void)state;
    for (uint64_t chunk = 1; chunk < 8; chunk += 3) {
        const iml_sink_ops sink = {.name = "t", .ordered = true, .put = slow_put};
        iml_job j = {.name = "t", .count = 300, .run = count_begun};
        iml_run_opts o = opts_of(NULL);
        iml_report rep;
        memset(&bounds, 0, sizeof bounds);
        o.workers = 4, o.chunk_items = chunk;
        assert_ok(run(&j, &sink, &o, &rep, e));
        assert_int_equal(bounds.written, 300);
        assert_int_equal(bounds.most, chunk);
    }
}

static void io_batch_is_the_size_of_a_group_commit(void **state)
{
    (void)state;
    const iml_sink_ops sink = {.name = "t", .commit = count_batch};
    iml_job j = {.name = "t", .count = 100, .run = count_begun};
    iml_run_opts o = opts_of(NULL);
    iml_report rep;
    memset(&bounds, 0, sizeof bounds);
    o.workers = 3, o.io_batch = 7;
    assert_ok(run(&j, &sink, &o, &rep, e));
    assert_int_equal(bounds.largest, 7);
    assert_int_equal(bounds.batches, 15); // the last one closes when nothing more can come
    assert_int_equal(bounds.odd, 1);
}

static int make_root(void **state)
{
    (void)state;
    test_dir(root);
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    test_rm(root);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dry_run_changes_nothing_and_says_what_is_left),
        cmocka_unit_test(a_dry_run_refuses_what_the_run_would_refuse),
        cmocka_unit_test(bad_items_of_earlier_runs_count),
        cmocka_unit_test(shares_without_a_unit_are_told),
        cmocka_unit_test(the_end_is_guessed_by_cost_at_shard_sinks_too),
        cmocka_unit_test(quarantine_on_another_file_system_gets_symbolic_links),
        cmocka_unit_test(chunk_size_bounds_items_between_claim_and_written),
        cmocka_unit_test(io_batch_is_the_size_of_a_group_commit),
        cmocka_unit_test(metrics_hold_the_numbers_of_the_report),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
