// t_run.c: what a run promises, at small scale and without a disk: sinks here are in memory.
#include "tests/unit/iml_test.h"

#include "src/base/buf.h"
#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/engine/report.h"
#include "src/engine/run.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- A job whose items misbehave on request, and sinks that remember what they got.

enum fate { GOOD, BAD, FLAKY, NEVER, LATE, STOP, BUG };
enum { MAX = 4096 };

struct world {
    uint64_t seed;
    enum fate fate[MAX];
    uint32_t files;      // 0: by index, 0 to 3
    uint32_t emits;      // files handed over early
    uint32_t parts;      // iml_split
    uint32_t part_fails; // every such part fails (0: none)
    uint64_t size;       // 0: by index
    uint64_t nap_us;
    bool grows, swallows;
    uint32_t tries[MAX]; // atomic
    uint64_t live;       // atomic: bytes of buffers that exist
    uint64_t live_peak;
    uint32_t helpers; // atomic: parts that ran on another thread
    uint64_t *dest[8];
    uint32_t in_dest; // atomic
};

struct memory { // a sink's; a new one for each run
    uint64_t hash[MAX];
    uint32_t puts[MAX]; // atomic
    uint64_t order_hash, last, fail_at, nap_us, items;
    bool out_of_order;
};
static struct memory *got;

static void on_free(void *user, iml_buf *b)
{
    struct world *w = user;
    __atomic_fetch_sub(&w->live, b->cap, __ATOMIC_RELAXED);
}

static iml_status new_buf(struct world *w, iml_item *it, size_t n, iml_buf **b, iml_err *e)
{
    IML_TRY(iml_buf_new(it, n, b, e));
    (*b)->on_free = on_free, (*b)->user = w;
    uint64_t now = __atomic_add_fetch(&w->live, n, __ATOMIC_RELAXED);
    uint64_t peak = __atomic_load_n(&w->live_peak, __ATOMIC_RELAXED);
    while (now > peak && !__atomic_compare_exchange_n(&w->live_peak, &peak, now, false,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
    return IML_OK;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void fill(uint8_t *p, size_t n, uint64_t key)
{
    for (size_t k = 0; k < n; k++) p[k] = (uint8_t)(mix(key + k / 8) >> k % 8 * 8);
}

struct part {
    struct world *w;
    uint64_t *sum;
    uint64_t index;
    pthread_t owner;
};

static iml_status one_part(void *arg, uint32_t k, iml_arena *a, iml_err *e)
{
    struct part *p = arg;
    uint8_t *scratch = iml_arena_alloc(a, 512);
    if (!scratch) return IML_FAIL(e, IML_ENOMEM, "no scratch");
    fill(scratch, 512, p->index * 1000 + k);
    if (!pthread_equal(p->owner, pthread_self()))
        __atomic_fetch_add(&p->w->helpers, 1, __ATOMIC_RELAXED);
    if (p->w->nap_us) usleep((useconds_t)p->w->nap_us);
    for (int i = 0; i < 512; i++) p->sum[k] = mix(p->sum[k] + scratch[i]);
    if (p->w->part_fails && k % p->w->part_fails == p->w->part_fails - 1)
        return IML_FAIL(e, IML_EINPUT, "part %u is bad", k);
    return IML_OK;
}

static iml_status misbehave(struct world *w, iml_item *it, iml_err *e)
{
    uint64_t i = it->index;
    uint32_t tries = __atomic_fetch_add(&w->tries[i], 1, __ATOMIC_RELAXED);
    switch (w->fate[i]) {
    case BAD: return IML_FAIL(e, IML_EINPUT, "item %d is bad", (int)i);
    case FLAKY: return tries < 2 ? IML_FAIL(e, IML_EAGAIN, "not yet") : IML_OK;
    case NEVER: return IML_FAIL(e, IML_EAGAIN, "never");
    case STOP: return IML_FAIL(e, IML_EARG, "stop here");
    case BUG: return IML_FAIL(e, IML_EBUG, "a bug");
    case LATE:
        while (!iml_cancelled(it)) usleep(1000);
        return IML_FAIL(e, IML_EINPUT, "gave up");
    default: return IML_OK;
    }
}

static iml_status make(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    struct world *w = user;
    uint64_t i = it->index;
    uint32_t files = w->files ? w->files : (uint32_t)(mix(i) % 4);
    uint64_t sums[64] = {0};
    assert_true(cap >= 16);
    iml_stage(it, IML_STAGE_COMPUTE);
    if (w->nap_us && !w->parts) usleep((useconds_t)w->nap_us);
    IML_TRY(misbehave(w, it, e));
    if (w->grows) iml_item_grow(it, 2 * w->size + 4096);
    if (w->parts) {
        struct part p = {w, sums, i, pthread_self()};
        IML_TRY(iml_split(it, w->parts, 4096, one_part, &p, e));
    }
    iml_stage(it, IML_STAGE_ENCODE);
    // All files of an item share its second fragment.
    iml_buf *shared = NULL;
    if (files) IML_TRY(new_buf(w, it, 64, &shared, e));
    if (shared) fill(shared->data, 64, i), iml_buf_set_size(shared, 64);
    for (uint32_t f = 0; f < files; f++) {
        size_t size = w->size ? w->size : 1 + mix(i * 8 + f) % 3000;
        iml_buf *b;
        iml_frag *frag = iml_arena_alloc(it->arena, 2 * sizeof *frag);
        char *name = iml_arena_alloc(it->arena, 32);
        iml_status st = frag && name ? IML_OK : IML_FAIL(e, IML_ENOMEM, "no memory for a name");
        if (st == IML_OK) st = new_buf(w, it, size, &b, e);
        if (st != IML_OK) {
            iml_buf_unref(&shared);
            for (size_t k = 0; k < *n; k++) iml__out_release(&out[k], 1);
            *n = 0;
            return st;
        }
        fill(b->data, size, i * 16 + f + sums[f % 64]);
        iml_buf_set_size(b, size);
        frag[0] = (iml_frag){b, 0, size}, frag[1] = (iml_frag){iml_buf_ref(shared), 0, 64};
        (void)snprintf(name, 32, "%u-%u.bin", (unsigned)i, f);
        out[*n] = (iml_out){name, frag, 2, 0};
        if (f < w->emits) {
            st = iml_emit(it, &out[*n], e);
            if (st != IML_OK && !w->swallows) {
                iml_buf_unref(&shared);
                return st;
            }
        } else {
            ++*n;
        }
    }
    iml_buf_unref(&shared);
    return IML_OK;
}

static uint64_t hash_out(const iml_out *out, size_t n)
{
    uint64_t h = 1;
    for (size_t k = 0; k < n; k++) {
        for (const char *c = out[k].name; *c; c++) h = mix(h ^ (uint8_t)*c);
        for (uint32_t f = 0; f < out[k].nfrag; f++) {
            const iml_frag *x = &out[k].frag[f];
            for (size_t b = 0; b < x->len; b++) h = mix(h ^ x->data->data[x->off + b]);
        }
    }
    return h;
}

static iml_status sink_open(void **s, const iml_run_opts *o, iml_err *e)
{
    (void)o, (void)e;
    *s = got;
    return IML_OK;
}

static iml_status put_any(void *s, uint64_t i, iml_out *out, size_t n, iml_err *e)
{
    struct memory *m = s;
    if (m->nap_us) usleep((useconds_t)m->nap_us);
    uint64_t h = hash_out(out, n);
    iml__out_release(out, n);
    if (m->fail_at && i == m->fail_at) return IML_FAIL(e, IML_ESINK, "the disk is full");
    // Early files come one by one; a sum is the same in any grouping.
    for (size_t k = 0; k < n; k++) __atomic_fetch_add(&m->hash[i], h, __ATOMIC_RELAXED);
    __atomic_fetch_add(&m->puts[i], 1, __ATOMIC_RELAXED);
    return IML_OK;
}

static iml_status put_in_order(void *s, uint64_t i, iml_out *out, size_t n, iml_err *e)
{
    struct memory *m = s;
    m->out_of_order |= m->items && i <= m->last;
    m->last = i, m->items++;
    m->order_hash = mix(m->order_hash ^ i) + hash_out(out, n);
    return put_any(s, i, out, n, e);
}

static iml_status commit(void *s, const uint64_t *item, size_t n, iml_err *e)
{
    (void)s, (void)item, (void)n, (void)e;
    return IML_OK;
}

static const iml_sink_ops loose = {"loose", false, sink_open, put_any, NULL, NULL};
static const iml_sink_ops loose_committed = {"loose", false, sink_open, put_any, commit, NULL};
static const iml_sink_ops in_order = {"in order", true, sink_open, put_in_order, commit, NULL};

static iml_job job_of(struct world *w, uint64_t count)
{
    return (iml_job){.name = "test", .count = count, .user = w, .run = make};
}

static iml_run_opts opts_of(int workers)
{
    iml_run_opts o;
    iml_run_opts_default(&o);
    o.workers = workers, o.chunk_items = 64, o.io_batch = 16, o.memory_bytes = 256 << 20;
    o.shard_samples = 50;
    return o;
}

static struct memory *fresh(void)
{
    free(got);
    got = calloc(1, sizeof *got);
    assert_non_null(got);
    return got;
}

static struct world *new_world(void)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    return w;
}

static uint64_t digest(const struct memory *m, uint64_t n)
{
    uint64_t h = 7;
    for (uint64_t i = 0; i < n; i++) h = mix(h ^ m->hash[i]);
    return h;
}

// ---- The promises.

static void same_bytes_for_any_workers_order_and_sink(void **state)
{
    (void)state;
    static const int workers[] = {0, 1, 2, 7};
    static const int orders[] = {IML_ORDER_INDEX, IML_ORDER_RANDOM};
    uint64_t want = 0, want_order = 0;
    for (size_t k = 0; k < 4; k++)
        for (size_t x = 0; x < 2; x++)
            for (int ordered = 0; ordered < 3; ordered++) {
                struct world *w = new_world();
                iml_job j = job_of(w, 700);
                iml_run_opts o = opts_of(workers[k]);
                iml_report rep;
                o.order = ordered ? IML_ORDER_INDEX : orders[x];
                struct memory *m = fresh();
                for (uint64_t i = 0; i < 700; i += 31) w->fate[i] = i % 2 ? BAD : GOOD;
                w->parts = k == 3 ? 3 : 0;
                assert_ok(iml_run(NULL, &j,
                                  ordered == 2 ? &in_order
                                  : ordered    ? &loose_committed
                                               : &loose,
                                  &o, &rep, e));
                assert_int_equal(rep.ok + rep.bad, 700);
                assert_int_equal(rep.bad, 11);
                assert_true(rep.complete);
                for (uint64_t i = 0; i < 700; i++)
                    if (m->puts[i]) assert_int_equal(m->puts[i], 1);
                if (w->parts) { // other bytes: what the parts sum up is in them
                } else if (!want) {
                    want = digest(m, 700);
                } else {
                    assert_true(digest(m, 700) == want);
                }
                if (ordered == 2 && !w->parts) {
                    assert_false(m->out_of_order);
                    if (!want_order) want_order = m->order_hash;
                    assert_true(m->order_hash == want_order);
                }
                assert_int_equal(w->live, 0);
                free(w);
            }
}

static void bytes_in_flight_stay_within_the_budget(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct world *w = new_world();
        iml_job j = job_of(w, 300);
        iml_run_opts o = opts_of(3);
        iml_report rep;
        w->files = 2, w->size = 64 << 10, w->grows = true, w->emits = kind & 1;
        o.memory_bytes = 1 << 20;
        struct memory *m = fresh();
        m->nap_us = 200;
        assert_ok(iml_run(NULL, &j, kind & 2 ? &in_order : &loose, &o, &rep, e));
        assert_int_equal(rep.ok, 300);
        // What three items, admitted before they grew, may have grown by.
        assert_true(rep.peak_inflight <= rep.budget + 3 * (4u << 20));
        assert_true(w->live_peak <= (1u << 20) + 3 * 2 * (64u << 10) + 4096);
        assert_int_equal(w->live, 0);
        free(w);
    }
}

static uint64_t big_cost(void *user, uint64_t i)
{
    (void)user;
    return i % 10 == 0 ? 3 << 20 : 100 << 10; // some are larger than the whole budget
}

static void an_item_above_the_budget_runs_alone(void **state)
{
    (void)state;
    struct world *w = new_world();
    iml_job j = job_of(w, 100);
    iml_run_opts o = opts_of(4);
    iml_report rep;
    j.cost = big_cost, o.memory_bytes = 1 << 20, o.order = IML_ORDER_INDEX;
    fresh();
    assert_ok(iml_run(NULL, &j, &in_order, &o, &rep, e));
    assert_int_equal(rep.ok, 100);
    assert_true(rep.peak_inflight <= (3u << 20) + (1u << 20));
    free(w);
}

static void retries_follow_the_class(void **state)
{
    (void)state;
    for (int workers = 0; workers < 3; workers++) {
        struct world *w = new_world();
        iml_job j = job_of(w, 60);
        iml_run_opts o = opts_of(workers);
        iml_report rep;
        w->fate[3] = FLAKY, w->fate[9] = BAD, w->fate[11] = NEVER;
        struct memory *m = fresh();
        assert_ok(iml_run(NULL, &j, workers ? &in_order : &loose, &o, &rep, e));
        assert_int_equal(w->tries[3], 3);
        assert_int_equal(w->tries[9], 1);
        assert_int_equal(w->tries[11], 3);
        assert_int_equal(w->tries[12], 1);
        assert_int_equal(rep.bad, 2);
        assert_int_equal(rep.ok, 58);
        assert_int_equal(rep.retried, 4);
        assert_int_equal(rep.bad_class[IML_CLASS_ITEM], 1);
        assert_int_equal(rep.bad_class[IML_CLASS_RETRY], 1);
        if (workers) assert_false(m->out_of_order);
        free(w);
    }
}

static void a_timeout_counts_as_a_death(void **state)
{
    (void)state;
    struct world *w = new_world();
    iml_job j = job_of(w, 40);
    iml_run_opts o = opts_of(2);
    iml_report rep;
    w->fate[7] = LATE;
    o.timeout_s = 0.05;
    fresh();
    assert_ok(iml_run(NULL, &j, &loose, &o, &rep, e));
    assert_int_equal(w->tries[7], 2);
    assert_int_equal(rep.bad, 1);
    assert_int_equal(rep.timeouts, 2);
    assert_int_equal(rep.bad_class[IML_CLASS_RETRY], 1);
    free(w);
}

static void too_many_bad_items_stop_the_run(void **state)
{
    (void)state;
    struct world *w = new_world();
    iml_job j = job_of(w, 2000);
    iml_run_opts o = opts_of(2);
    iml_report rep;
    iml_err err = {0};
    for (int i = 100; i < 2000; i++) w->fate[i] = BAD;
    o.max_errors = 5, o.order = IML_ORDER_INDEX;
    fresh();
    assert_int_equal(iml_run(NULL, &j, &loose, &o, &rep, &err), IML_ELIMIT);
    assert_true(rep.guard && !rep.complete && !rep.stopped);
    assert_true(rep.bad > 5 && rep.bad < 300);
    assert_non_null(strstr(err.msg, "the limit is 5"));
    o.max_errors = UINT64_MAX, o.max_error_rate = 0.01; // 20 of 2,000
    fresh();
    assert_int_equal(iml_run(NULL, &j, &in_order, &o, &rep, &err), IML_ELIMIT);
    assert_true(rep.guard);
    free(w);
}

static void a_failed_sink_blames_no_item(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct world *w = new_world();
        iml_job j = job_of(w, 500);
        iml_run_opts o = opts_of(2);
        iml_report rep;
        iml_err err = {0};
        w->files = 2, w->emits = kind == 2 ? 2 : 0, w->swallows = true;
        fresh()->fail_at = 250;
        iml_status st = iml_run(NULL, &j, kind == 1 ? &in_order : &loose_committed, &o, &rep, &err);
        assert_int_equal(st, IML_ESINK);
        assert_string_equal(err.msg, "the disk is full");
        assert_int_equal(rep.bad, 0);
        assert_false(rep.complete);
        assert_int_equal(w->live, 0);
        free(w);
    }
}

static void stop_and_bug_end_the_run_unbooked(void **state)
{
    (void)state;
    for (int workers = 0; workers < 3; workers++)
        for (int bug = 0; bug < 2; bug++) {
            struct world *w = new_world();
            iml_job j = job_of(w, 500);
            iml_run_opts o = opts_of(workers);
            iml_report rep;
            iml_err err = {0};
            w->fate[200] = bug ? BUG : STOP;
            fresh();
            assert_int_equal(iml_run(NULL, &j, &in_order, &o, &rep, &err),
                             bug ? IML_EBUG : IML_EARG);
            assert_int_equal(rep.bad, 0);
            assert_false(rep.complete);
            assert_int_equal(w->live, 0);
            free(w);
        }
}

static iml_status wrong_out(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                            iml_err *e)
{
    const int *how = user;
    static iml_frag frag;
    (void)cap;
    IML_TRY(iml_buf_new(it, 10, &frag.data, e));
    iml_buf_set_size(frag.data, 10);
    frag.off = 2, frag.len = *how == 1 ? 9 : 8;
    const char *name = *how == 0 ? NULL : *how == 2 ? "manifest.json" : "a.bin";
    *n = 1, out[0] = (iml_out){.name = name, .frag = *how == 3 ? NULL : &frag, .nfrag = 1};
    if (*how == 3) iml_buf_unref(&frag.data);
    return IML_OK;
}

static void a_file_that_cannot_be_is_the_job_s_fault_and_said(void **state)
{
    static const char *const said[] = {"has no name", "beyond its buffer", "the manifest's name",
                                       "has no fragments"};
    (void)state;
    for (int how = 0; how < 4; how++)
        for (int mode = IML_MODE_THREAD; mode <= IML_MODE_PROCESS; mode++) {
            iml_job j = {.name = "wrong", .count = 3, .run = wrong_out, .user = &how};
            iml_run_opts o = opts_of(1);
            iml_report rep;
            iml_err err = {0};
            o.mode = mode;
            fresh();
            assert_int_equal(iml_run(NULL, &j, &in_order, &o, &rep, &err), IML_EBUG);
            assert_non_null(strstr(err.msg, said[how]));
        }
}

static volatile unsigned char cancel;
static void cancel_at(void *user, const iml_progress *p)
{
    const uint64_t *at = user;
    if (p->done >= *at) cancel = cancel ? cancel : 1;
}

static void cancel_keeps_what_is_complete(void **state)
{
    (void)state;
    for (int workers = 0; workers < 3; workers++) {
        struct world *w = new_world();
        uint64_t at = 1;
        iml_job j = job_of(w, MAX);
        iml_run_opts o = opts_of(workers);
        iml_report rep;
        iml_err err = {0};
        w->nap_us = 500, w->fate[5] = NEVER;
        o.progress = cancel_at, o.progress_user = &at, o.cancel = &cancel, o.io_batch = 1;
        o.shard_samples = 5;
        cancel = 0;
        struct memory *m = fresh();
        assert_int_equal(iml_run(NULL, &j, workers ? &in_order : &loose, &o, &rep, &err),
                         IML_ECANCEL);
        assert_true(rep.stopped && !rep.complete && !rep.guard);
        assert_true(rep.ok > 0 && rep.ok < MAX);
        assert_int_equal(rep.bad, 0); // the waiting retry is dropped
        for (uint64_t i = 0; workers && i < rep.ok; i++) assert_int_equal(m->puts[i], 1);
        assert_int_equal(w->live, 0);
        free(w);
    }
}

static void hard_cancel_ends_items_that_listen(void **state)
{
    (void)state;
    struct world *w = new_world();
    uint64_t at = 0;
    iml_job j = job_of(w, 8);
    iml_run_opts o = opts_of(2);
    iml_report rep;
    iml_err err = {0};
    for (int i = 0; i < 8; i++) w->fate[i] = LATE;
    o.cancel = &cancel, o.progress = cancel_at, o.progress_user = &at;
    cancel = 2;
    fresh();
    uint64_t begun = iml__now_us();
    assert_int_equal(iml_run(NULL, &j, &loose, &o, &rep, &err), IML_ECANCEL);
    assert_true(iml__now_us() - begun < 5000000);
    assert_int_equal(rep.ok + rep.bad, 0);
    cancel = 0;
    free(w);
}

static void emitted_files_keep_their_order(void **state)
{
    (void)state;
    uint64_t want = 0;
    for (uint32_t emits = 0; emits < 6; emits += 5)
        for (int tight = 0; tight < 2; tight++) {
            struct world *w = new_world();
            iml_job j = job_of(w, 120);
            iml_run_opts o = opts_of(3);
            iml_report rep;
            w->files = 5, w->emits = emits;
            if (tight) o.memory_bytes = 64 << 10;
            struct memory *m = fresh();
            assert_ok(iml_run(NULL, &j, &in_order, &o, &rep, e));
            if (!want) want = m->order_hash;
            assert_true(m->order_hash == want);
            assert_int_equal(rep.files, 600);
            free(w);
        }
}

static void split_uses_idle_workers(void **state)
{
    (void)state;
    struct world *w = new_world();
    iml_job j = job_of(w, 2);
    iml_run_opts o = opts_of(3);
    iml_report rep;
    w->parts = 40, w->nap_us = 500;
    fresh();
    assert_ok(iml_run(NULL, &j, &loose, &o, &rep, e));
    assert_int_equal(rep.ok, 2);
    assert_true(w->helpers > 4);
    free(w);
}

static void split_reports_the_lowest_part(void **state)
{
    (void)state;
    for (int workers = 0; workers < 5; workers++) {
        struct world *w = new_world();
        iml_job j = job_of(w, 3);
        iml_run_opts o = opts_of(workers);
        iml_run_t *r;
        iml_out *out;
        size_t n;
        uint64_t index;
        iml_err err = {0};
        w->parts = 30, w->part_fails = 7, w->nap_us = 100;
        assert_ok(iml_run_open(NULL, &j, &o, &r, e));
        for (uint64_t i = 0; i < 3; i++) {
            assert_int_equal(iml_run_next(r, -1, &out, &n, &index, &err), IML_EINPUT);
            assert_string_equal(err.msg, "part 6 is bad");
            assert_int_equal(index, i);
            iml_run_free(r, index);
        }
        assert_int_equal(iml_run_next(r, -1, &out, &n, &index, &err), IML_END);
        assert_ok(iml_run_close(&r, NULL, e));
        free(w);
    }
}

static void a_caller_takes_items_in_order(void **state)
{
    (void)state;
    for (int workers = 0; workers < 4; workers++) {
        struct world *w = new_world();
        iml_job j = job_of(w, 300);
        iml_run_opts o = opts_of(workers);
        iml_run_t *r;
        iml_out *out;
        size_t n;
        uint64_t index, kept[8], nkept = 0;
        iml_report rep;
        iml_err err = {0};
        w->fate[13] = BAD, w->fate[17] = FLAKY;
        o.chunk_items = 8, o.memory_bytes = 200 << 10;
        assert_ok(iml_run_open(NULL, &j, &o, &r, e));
        for (uint64_t i = 0; i < 300; i++) {
            iml_status st = iml_run_next(r, 20000, &out, &n, &index, &err);
            while (st == IML_EAGAIN && nkept) { // it keeps every place: it is told so at once
                assert_non_null(strstr(err.msg, "8 places are kept"));
                uint64_t k = mix(i) % nkept;
                iml_run_free(r, kept[k]);
                kept[k] = kept[--nkept];
                st = iml_run_next(r, 20000, &out, &n, &index, &err);
            }
            assert_int_equal(st, i == 13 ? IML_EINPUT : IML_OK);
            assert_int_equal(index, i);
            if (i == 13)
                assert_int_equal(n, 0);
            else
                assert_int_equal(n, mix(i) % 4);
            kept[nkept++] = index;
        }
        assert_int_equal(iml_run_next(r, -1, &out, &n, &index, &err), IML_END);
        while (nkept) iml_run_free(r, kept[--nkept]);
        assert_ok(iml_run_close(&r, &rep, e));
        assert_int_equal(rep.ok, 299);
        assert_int_equal(rep.bad, 1);
        assert_int_equal(w->live, 0);
        free(w);
    }
}

static void an_early_close_gives_everything_back(void **state)
{
    (void)state;
    struct world *w = new_world();
    iml_job j = job_of(w, MAX);
    iml_run_opts o = opts_of(2);
    iml_run_t *r;
    iml_out *out;
    size_t n;
    uint64_t index;
    w->files = 2;
    assert_ok(iml_run_open(NULL, &j, &o, &r, e));
    for (int i = 0; i < 10; i++) assert_ok(iml_run_next(r, -1, &out, &n, &index, e));
    assert_ok(iml_run_close(&r, NULL, e));
    assert_int_equal(w->live, 0);
    free(w);
}

static void next_tells_when_time_is_up(void **state)
{
    (void)state;
    struct world *w = new_world();
    iml_job j = job_of(w, 2);
    iml_run_opts o = opts_of(1);
    iml_run_t *r;
    iml_out *out;
    size_t n;
    uint64_t index;
    iml_err err;
    w->nap_us = 300000;
    assert_ok(iml_run_open(NULL, &j, &o, &r, e));
    assert_int_equal(iml_run_next(r, 10, &out, &n, &index, &err), IML_EAGAIN);
    assert_ok(iml_run_next(r, -1, &out, &n, &index, e));
    assert_ok(iml_run_close(&r, NULL, e));
    free(w);
}

static void *dest(void *user, uint64_t i)
{
    struct world *w = user;
    (void)i;
    for (int k = 0; k < 3; k++)
        if (!__atomic_load_n(&w->dest[k], __ATOMIC_RELAXED)) {
            static uint64_t place[3];
            __atomic_store_n(&w->dest[k], &place[k], __ATOMIC_RELAXED);
            return &place[k];
        }
    return NULL;
}

static iml_status into_dest(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                            iml_err *e)
{
    (void)user, (void)out, (void)cap, (void)n, (void)e;
    assert_non_null(it->dest);
    __atomic_store_n((uint64_t *)it->dest, it->index * 3, __ATOMIC_RELAXED);
    return IML_OK;
}

static void items_are_made_in_the_callers_memory(void **state)
{
    (void)state;
    struct world *w = new_world();
    iml_job j = job_of(w, 200);
    iml_run_opts o = opts_of(3);
    iml_run_t *r;
    iml_out *out;
    size_t n;
    uint64_t index;
    j.run = into_dest, j.dest = dest;
    assert_ok(iml_run_open(NULL, &j, &o, &r, e));
    for (uint64_t i = 0; i < 200; i++) {
        int found = 0;
        assert_ok(iml_run_next(r, -1, &out, &n, &index, e));
        assert_int_equal(index, i);
        for (int k = 0; k < 3; k++) {
            uint64_t *d = __atomic_load_n(&w->dest[k], __ATOMIC_RELAXED);
            if (!d || __atomic_load_n(d, __ATOMIC_RELAXED) != i * 3 || found) continue;
            __atomic_store_n(d, UINT64_MAX, __ATOMIC_RELAXED), found = 1;
            __atomic_store_n(&w->dest[k], NULL, __ATOMIC_RELAXED);
        }
        assert_true(found);
        iml_run_free(r, index);
    }
    assert_ok(iml_run_close(&r, NULL, e));
    free(w);
}

static uint64_t rss[2];
static uint64_t million(void) { return getenv("IML_LONG") ? 10000000 : 1000000; }
static iml_status nothing(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                          iml_err *e)
{
    (void)user, (void)out, (void)cap, (void)n, (void)e;
    // By then every place has been used once.
    if (it->index == 200000) __atomic_store_n(&rss[0], iml__mem_rss(), __ATOMIC_RELAXED);
    if (it->index == million() - 1000) __atomic_store_n(&rss[1], iml__mem_rss(), __ATOMIC_RELAXED);
    return IML_OK;
}

static void a_million_empty_items_leave_memory_flat(void **state)
{
    (void)state;
    iml_job j = {.name = "empty", .count = million(), .run = nothing};
    iml_run_opts o;
    iml_report rep;
    iml_run_opts_default(&o);
    o.workers = 2, o.memory_bytes = 64 << 20;
    assert_ok(iml_run(NULL, &j, iml_sink_null(), &o, &rep, e));
    assert_int_equal(rep.ok, million());
    if (rss[1] > rss[0] + rss[0] / 20)
        fail_msg("%llu KiB after 200,000 items, %llu at the end", (unsigned long long)rss[0] >> 10,
                 (unsigned long long)rss[1] >> 10);
}

struct seen {
    uint64_t last, sum, between, calls, total;
    bool back;
};
static void watch(void *user, const iml_progress *p)
{
    struct seen *s = user;
    s->back |= p->done < s->last || p->done > p->total;
    s->back |= p->done + p->written < s->sum || p->done + p->written > p->total;
    s->between += p->written > 0, s->sum = p->done + p->written;
    s->last = p->done, s->total = p->total, s->calls++;
}

static void progress_never_goes_back(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct seen s = {0};
    iml_job j = job_of(w, 800);
    iml_run_opts o = opts_of(2);
    iml_report rep;
    w->nap_us = 1000, o.shard_samples = 800, j.part_items = 800, j.ncounters = 1;
    o.progress = watch, o.progress_user = &s;
    fresh();
    assert_ok(iml_run(NULL, &j, &in_order, &o, &rep, e));
    assert_false(s.back);
    assert_true(s.calls >= 2);
    assert_true(s.between > 0); // one unit: until its end nothing is committed
    assert_int_equal(s.last, 800);
    assert_int_equal(s.sum, 800);
    assert_int_equal(s.total, 800);
    free(w);
}

static void a_part_of_the_items_can_be_asked_for(void **state)
{
    (void)state;
    static const uint64_t only[] = {9, 3, 3, 41};
    struct world *w = new_world();
    iml_job j = job_of(w, 100);
    iml_run_opts o = opts_of(2);
    iml_report rep;
    o.only = only, o.n_only = 4;
    struct memory *m = fresh();
    w->files = 1;
    assert_ok(iml_run(NULL, &j, &loose, &o, &rep, e));
    assert_int_equal(rep.planned, 3);
    assert_int_equal(rep.ok, 3);
    for (uint64_t i = 0; i < 100; i++) assert_int_equal(m->puts[i], i == 3 || i == 9 || i == 41);
    o.only = NULL, o.limit = 30;
    m = fresh();
    assert_ok(iml_run(NULL, &j, &loose, &o, &rep, e));
    assert_int_equal(rep.ok, 30);
    uint64_t sum = 0;
    o.limit = UINT64_MAX, o.shard_count = 3;
    m = fresh();
    for (o.shard_index = 0; o.shard_index < 3; o.shard_index++) {
        assert_ok(iml_run(NULL, &j, &in_order, &o, &rep, e)); // shards of 50: two units
        assert_int_equal(rep.planned, rep.ok);
        sum += rep.ok;
    }
    assert_int_equal(sum, 100);
    for (uint64_t i = 0; i < 100; i++) assert_int_equal(m->puts[i], 1);
    o.shard_index = 0, o.shard_count = 1, o.flags = IML_RUN_DRY_RUN;
    m = fresh();
    assert_ok(iml_run(NULL, &j, &loose, &o, &rep, e));
    assert_int_equal(rep.planned, 100);
    assert_int_equal(rep.ok, 0);
    for (uint64_t i = 0; i < 100; i++) assert_int_equal(m->puts[i], 0);
    free(w);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const uint64_t beyond[] = {5};
    struct world *w = new_world();
    iml_job j = job_of(w, 5);
    iml_run_opts o = opts_of(2);
    iml_err err;
    o.only = beyond, o.n_only = 1;
    assert_int_equal(iml_run(NULL, &j, &loose, &o, NULL, &err), IML_EARG);
    assert_non_null(strstr(err.msg, "no item 5"));
    o = opts_of(-2);
    assert_int_equal(iml_run(NULL, &j, &loose, &o, NULL, &err), IML_EARG);
    o = opts_of(1), o.shard_index = 1;
    assert_int_equal(iml_run(NULL, &j, &loose, &o, NULL, &err), IML_EARG);
    o = opts_of(1), o.size = 7;
    assert_int_equal(iml_run(NULL, &j, &loose, &o, NULL, &err), IML_EARG);
    assert_int_equal(iml_run(NULL, &j, NULL, NULL, NULL, &err), IML_EARG);
    free(w);
}

static iml_status bad_init(void *user, int worker, void **s, iml_err *e)
{
    (void)user, (void)s;
    return worker ? IML_FAIL(e, IML_EARG, "worker %d finds no font", worker) : IML_OK;
}

static void a_worker_that_cannot_start_stops_the_run(void **state)
{
    (void)state;
    struct world *w = new_world();
    iml_job j = job_of(w, 500);
    iml_run_opts o = opts_of(2);
    iml_report rep;
    iml_err err;
    w->nap_us = 1000;
    j.worker_init = bad_init;
    fresh();
    assert_int_equal(iml_run(NULL, &j, &loose, &o, &rep, &err), IML_EARG);
    assert_string_equal(err.msg, "worker 1 finds no font");
    free(w);
}

static void mode_is_chosen_for_a_reason(void **state)
{
    (void)state;
    iml_job j = {.name = "x"};
    iml_run_opts o;
    int mode;
    const char *why;
    iml_run_opts_default(&o);
    iml__run_mode(&j, &o, &mode, &why);
    assert_int_equal(mode, IML_MODE_THREAD);
    o.mode = IML_MODE_AUTO, j.foreign = true;
    iml__run_mode(&j, &o, &mode, &why);
    assert_int_equal(mode, IML_MODE_PROCESS);
    assert_non_null(strstr(why, "third-party"));
    j.splits = true;
    iml__run_mode(&j, &o, &mode, &why);
    assert_int_equal(mode, IML_MODE_THREAD);
    j = (iml_job){.name = "x"}, o.timeout_s = 1;
    iml__run_mode(&j, &o, &mode, &why);
    assert_int_equal(mode, IML_MODE_PROCESS);
    o.workers = 0;
    iml__run_mode(&j, &o, &mode, &why);
    assert_int_equal(mode, IML_MODE_THREAD);
}

// ---- With files: inputs read ahead, quarantine, report, metrics.

static char dir[64];

static void path_in(char *text, size_t cap, const char *name)
{
    (void)snprintf(text, cap, "%s/%s", dir, name);
}

static void spill(const char *name, uint64_t key, size_t n)
{
    char path[128];
    uint8_t *p = malloc(n + 1);
    path_in(path, sizeof path, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && p);
    fill(p, n, key);
    assert_int_equal(write(fd, p, n), (ssize_t)n);
    close(fd);
    free(p);
}

static iml_status input(void *user, uint64_t i, char *path, size_t cap)
{
    (void)user;
    (void)snprintf(path, cap, "in-%u", (unsigned)i);
    return IML_OK;
}

static uint64_t given; // atomic
static iml_status check_input(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                              iml_err *e)
{
    struct world *w = user;
    uint8_t want[64];
    (void)out, (void)cap, (void)n;
    if (w->nap_us) usleep((useconds_t)w->nap_us);
    if (w->fate[it->index] == BAD) return IML_FAIL(e, IML_EINPUT, "bad");
    if (!it->input) return IML_OK;
    __atomic_fetch_add(&given, 1, __ATOMIC_RELAXED);
    fill(want, sizeof want, it->index);
    assert_int_equal(iml_buf_size(it->input), 64 + it->index);
    assert_memory_equal(it->input->data, want, sizeof want);
    return IML_OK;
}

static void inputs_are_read_ahead(void **state)
{
    (void)state;
    struct world *w = new_world();
    iml_job j = {.name = "test", .count = 200, .user = w, .run = check_input, .input = input};
    iml_run_opts o = opts_of(2);
    iml_report rep;
    char name[32];
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof name, "in-%u", i);
        if (i != 77) spill(name, i, 64 + i); // 77 is not there: the job would say so itself
    }
    o.input_root = dir;
    w->nap_us = 300;
    given = 0;
    fresh();
    assert_ok(iml_run(NULL, &j, &in_order, &o, &rep, e));
    assert_int_equal(rep.ok, 200);
    assert_true(given > 100);
    given = 0, o.io_workers = 0;
    fresh();
    assert_ok(iml_run(NULL, &j, &loose, &o, &rep, e));
    assert_int_equal(given, 0);
    // Cancelled in the middle: what was read ahead is given back (the sanitizers look).
    uint64_t at = 1;
    o.io_workers = 3, o.progress = cancel_at, o.progress_user = &at, o.cancel = &cancel;
    cancel = 0, w->nap_us = 3000;
    fresh();
    iml_err err;
    assert_int_equal(iml_run(NULL, &j, &loose, &o, &rep, &err), IML_ECANCEL);
    cancel = 0;
    free(w);
}

static void bad_inputs_are_linked_into_quarantine(void **state)
{
    (void)state;
    struct world *w = new_world();
    iml_job j = {.name = "test", .count = 9, .user = w, .run = check_input, .input = input};
    iml_run_opts o = opts_of(2);
    iml_report rep;
    char q[128], path[256];
    struct stat st;
    path_in(q, sizeof q, "quarantine");
    w->fate[4] = BAD;
    o.input_root = dir, o.quarantine_dir = q;
    fresh();
    assert_ok(iml_run(NULL, &j, &loose, &o, &rep, e));
    assert_int_equal(rep.bad, 1);
    (void)snprintf(path, sizeof path, "%s/000000004-in-4", q);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_nlink, 2);
    free(w);
}

static char *slurp(const char *path)
{
    static char text[65536];
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = 0;
    close(fd);
    return text;
}

static void more_members(void *user, const iml_report *r, iml__jsonw *w)
{
    (void)user;
    iml__jsonw_key(w, "own");
    iml__jsonw_u64(w, r->ok);
}

static void the_report_says_what_was_done(void **state)
{
    (void)state;
    struct world *w = new_world();
    iml_job j = job_of(w, 100);
    iml_run_opts o = opts_of(2);
    iml_report rep;
    char metrics[128], path[256], *argv[] = {"imloom", "test \"x\"", NULL};
    path_in(metrics, sizeof metrics, "metrics.prom");
    w->fate[4] = BAD, w->nap_us = 200, o.seed = 77, o.metrics_file = metrics;
    fresh();
    assert_ok(iml_run(NULL, &j, &loose, &o, &rep, e));
    assert_true(rep.nstages >= 3);
    assert_string_equal(rep.stage[0].name, "item");
    assert_int_equal(rep.stage[0].count, 100);
    assert_true(rep.stage[0].p50_us >= 150 && rep.stage[0].max_us >= rep.stage[0].p99_us);
    assert_true(rep.stage[0].slowest < 100);
    assert_true(rep.busy > 0 && rep.busy <= 1.01);
    assert_true(rep.wall_s > 0 && rep.peak_rss > 0);
    const char *t = slurp(metrics);
    static const char line[] =
        "imloom_items_committed_total{job=\"test\",shard=\"0\",of=\"1\"} 100\n";
    if (!strstr(t, line)) fail_msg("%s is missing in %s", line, t);
    struct iml__report_more more = {"{\"a\":1}", 3, 2, argv, NULL, more_members};
    o.out_dir = dir;
    assert_ok(iml__report_write(&o, &j, &rep, &more, e));
    path_in(path, sizeof path, ".imloom/report.json");
    t = slurp(path);
    static const char *const want[] = {"{\n  \"imloom\": 1,",
                                       "\"argv\": [\"imloom\", \"test \\\"x\\\"\"]",
                                       "\"seed\": 77",
                                       "\"ok\": 99",
                                       "\"bad_by_class\": {\"ITEM\": 1}",
                                       "\"exit\": 3",
                                       "\"own\": 99",
                                       "\"complete\": true",
                                       "\"name\": \"compute\""};
    for (size_t k = 0; k < IML_COUNT_OF(want); k++)
        if (!strstr(t, want[k])) fail_msg("%s is missing in %s", want[k], t);
    free(w);
}

// ---- Every allocation may fail: the run says so or goes on, and nothing leaks.

static void any_allocation_may_fail(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++)
        for (uint64_t n = 1; n < 220; n += 1 + n / 40) {
            struct world *w = new_world();
            iml_job j = job_of(w, 40);
            iml_run_opts o = opts_of(kind);
            iml_report rep;
            iml_err err = {0};
            w->files = 2, w->emits = 1;
            fresh();
            iml__mem_fail(n, false);
            iml_status st = iml_run(NULL, &j, kind ? &in_order : &loose, &o, &rep, &err);
            iml__mem_fail(0, false);
            if (st != IML_OK)
                assert_true(st == IML_ENOMEM || st == IML_ESINK);
            else
                assert_int_equal(rep.ok, 40);
            assert_int_equal(w->live, 0);
            free(w);
        }
}

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/imloom-t-run-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    free(got);
    return system(command); // of the test's own directory
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes_for_any_workers_order_and_sink),
        cmocka_unit_test(bytes_in_flight_stay_within_the_budget),
        cmocka_unit_test(an_item_above_the_budget_runs_alone),
        cmocka_unit_test(retries_follow_the_class),
        cmocka_unit_test(a_timeout_counts_as_a_death),
        cmocka_unit_test(too_many_bad_items_stop_the_run),
        cmocka_unit_test(a_failed_sink_blames_no_item),
        cmocka_unit_test(stop_and_bug_end_the_run_unbooked),
        cmocka_unit_test(a_file_that_cannot_be_is_the_job_s_fault_and_said),
        cmocka_unit_test(cancel_keeps_what_is_complete),
        cmocka_unit_test(hard_cancel_ends_items_that_listen),
        cmocka_unit_test(emitted_files_keep_their_order),
        cmocka_unit_test(split_uses_idle_workers),
        cmocka_unit_test(split_reports_the_lowest_part),
        cmocka_unit_test(a_caller_takes_items_in_order),
        cmocka_unit_test(an_early_close_gives_everything_back),
        cmocka_unit_test(next_tells_when_time_is_up),
        cmocka_unit_test(items_are_made_in_the_callers_memory),
        cmocka_unit_test(a_million_empty_items_leave_memory_flat),
        cmocka_unit_test(progress_never_goes_back),
        cmocka_unit_test(a_part_of_the_items_can_be_asked_for),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(a_worker_that_cannot_start_stops_the_run),
        cmocka_unit_test(mode_is_chosen_for_a_reason),
        cmocka_unit_test(inputs_are_read_ahead),
        cmocka_unit_test(bad_inputs_are_linked_into_quarantine),
        cmocka_unit_test(the_report_says_what_was_done),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
