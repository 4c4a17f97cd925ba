// launch.c: opens a run: settles what the options leave open, forks what must be forked before any
// thread exists, opens the commit protocol and the plan; and takes all of it down again.
//
// The order matters: worker processes come first (a fork grows with memory, and after a thread it
// would carry locks), then the commit protocol, whose records the plan reads, then the plan.
#include "src/engine/run.h"

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/base/slab.h"
#include "src/engine/prefetch.h"
#include "src/engine/progress.h"
#include "src/engine/quarantine.h"
#include "src/io/vfs.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOW = 65536, IO_BATCH = 100 };
enum { BUDGET_MIN = 64 << 20, UNKNOWN = 4 << 20, INPUT_FACTOR = 12, MAX_DEATHS = 2 };
enum { IDLE_MAX = 64 << 20 };    // of buffers kept for reuse, beside the budget
enum { COST_SUM_MAX = 4000000 }; // items whose cost is summed up for a better guess of the end

void iml_run_opts_default(iml_run_opts *o)
{
    *o = (iml_run_opts){
        .size = sizeof *o,
        .workers = IML_WORKERS_AUTO,
        .io_workers = IML_WORKERS_AUTO,
        .mode = IML_MODE_THREAD, // a library that forks unasked surprises its host
        .order = IML_ORDER_AUTO,
        .durability = IML_DURABILITY_BATCH,
        .limit = UINT64_MAX,
        .flags = IML_RUN_RESUME,
        .gpu_memory = 1.0,
        .max_error_rate = -1,
        .max_errors = UINT64_MAX,
        .retries = 3,
        .shard_count = 1,
    };
}

void iml__run_mode(const iml_job *j, const iml_run_opts *o, int *mode, const char **why)
{
    *mode = IML_MODE_THREAD;
    if (o->workers == 0) {
        *why = "no workers: everything in the calling thread";
    } else if (o->mode == IML_MODE_PROCESS) {
        *mode = IML_MODE_PROCESS, *why = "as asked for";
    } else if (o->mode == IML_MODE_THREAD) {
        *why = o->timeout_s > 0 ? "as asked for; a timeout is looked at only where the code asks"
                                : "as asked for";
    } else if (j->splits) {
        *why = "items are split over all workers";
    } else if (j->foreign) {
        *mode = IML_MODE_PROCESS, *why = "third-party decoders meet foreign files";
    } else if (o->timeout_s > 0) {
        *mode = IML_MODE_PROCESS, *why = "a timeout can only kill a process";
    } else {
        *why = "nothing foreign is decoded and there is no timeout";
    }
}

// ---- Settling what is open.

static iml_status check(const iml_job *j, const iml_sink_ops *k, const iml_run_opts *o, iml_err *e)
{
    if (!j || !j->run || !j->name) return IML_FAIL(e, IML_EARG, "a job needs a name and run");
    if (j->ncounters > IML_COUNTERS_MAX)
        return IML_FAIL(e, IML_EARG, "%u counters, the most is %u", j->ncounters, IML_COUNTERS_MAX);
    if (o->workers < IML_WORKERS_AUTO || o->workers > 4096)
        return IML_FAIL(e, IML_EARG, "%d workers: give 0 to 4096, or auto", o->workers);
    if (o->shard_count < 1 || o->shard_index >= o->shard_count)
        return IML_FAIL(e, IML_EARG, "shard %u of %u does not exist", o->shard_index,
                        o->shard_count);
    if (o->lease_dir) return IML_FAIL(e, IML_EARG, "leases are not there yet; use --shard i/n");
    if (k && !o->out_dir && (k == iml_sink_file() || k == iml_sink_tar()))
        return IML_FAIL(e, IML_EARG, "the %s sink needs an output directory", k->name);
    if (!k && o->out_dir)
        return IML_FAIL(e, IML_EARG, "a run whose caller takes the items has no output directory");
    return IML_OK;
}

static uint64_t cost_of(void *user, uint64_t i)
{
    const iml_job *j = user;
    uint64_t c = j->cost(j->user, i);
    // A file's size stands for the item until its header is known: then iml_item_grow corrects it.
    return j->input ? c * INPUT_FACTOR : c;
}

static void *dest_of(void *user, uint64_t i)
{
    const iml_job *j = user;
    return j->dest(j->user, i);
}

static int by_index(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static iml_status take_only(struct iml_run_t *r, iml_err *e)
{
    uint64_t n = 0;
    if (!r->opts.only) return IML_OK;
    r->only = iml__alloc((r->opts.n_only + 1) * sizeof *r->only);
    if (!r->only) return IML_FAIL(e, IML_ENOMEM, "no memory for the list of items");
    memcpy(r->only, r->opts.only, r->opts.n_only * sizeof *r->only);
    qsort(r->only, r->opts.n_only, sizeof *r->only, by_index);
    for (size_t k = 0; k < r->opts.n_only; k++) {
        if (r->only[k] >= r->conf.count)
            return IML_FAIL(e, IML_EARG, "there is no item %llu: they are 0 to %llu",
                            (unsigned long long)r->only[k],
                            (unsigned long long)r->conf.count - (r->conf.count > 0));
        if (!n || r->only[n - 1] != r->only[k]) r->only[n++] = r->only[k];
    }
    r->conf.only = r->only, r->conf.nonly = n;
    r->opts.only = r->only, r->opts.n_only = n;
    return IML_OK;
}

static void settle_order(struct iml_run_t *r)
{
    struct iml__plan_conf *c = &r->conf;
    switch (r->opts.order) {
    case IML_ORDER_SIZE: c->order = IML__ORDER_SIZE; break;
    case IML_ORDER_RANDOM: c->order = IML__ORDER_RANDOM; break;
    case IML_ORDER_INDEX: c->order = IML__ORDER_INDEX; break;
    default:
        c->order =
            c->sink == IML__SINK_UNORDERED && r->job->cost ? IML__ORDER_SIZE : IML__ORDER_INDEX;
    }
    if (c->sink == IML__SINK_PULL || (c->order == IML__ORDER_SIZE && !r->job->cost))
        c->order = IML__ORDER_INDEX;
}

static iml_status settle_conf(struct iml_run_t *r, iml_err *e)
{
    const iml_run_opts *o = &r->opts;
    struct iml__plan_conf *c = &r->conf;
    c->count = IML_MIN(r->job->count, o->limit);
    c->shard = o->shard_index, c->nshards = o->shard_count;
    c->sink = !r->sink           ? IML__SINK_PULL
              : r->sink->ordered ? IML__SINK_ORDERED
                                 : IML__SINK_UNORDERED;
    IML_TRY(take_only(r, e));
    // Single items of a set in parts are made as loose files: each is a unit of its own.
    r->set_unit_items = r->sink ? iml__unit_items(r->job, r->sink, o) : 1;
    c->unit_items = r->only ? 1 : r->set_unit_items;
    settle_order(r);
    c->process = r->process, c->retry_bad = o->flags & IML_RUN_RETRY_BAD;
    c->workers = IML_MAX(r->nworkers, 1u);
    c->window = o->chunk_items ? (uint32_t)IML_MIN(o->chunk_items, (uint64_t)WINDOW) : WINDOW;
    c->writers = c->window; // an item is written before the plan hears that it has ended
    c->io_batch = o->io_batch ? (uint32_t)IML_MIN(o->io_batch, (uint64_t)1 << 20) : IO_BATCH;
    if (o->durability == IML_DURABILITY_ITEM) c->io_batch = 1;
    c->grain_hint = r->job->grain;
    c->budget = o->memory_bytes ? o->memory_bytes : iml__mem_default_budget();
    c->budget_min = IML_MIN((uint64_t)BUDGET_MIN, c->budget), c->unknown = UNKNOWN;
    c->max_tries = IML_MAX(o->retries, 1u), c->max_deaths = MAX_DEATHS;
    c->seed = o->seed, c->user = (void *)(uintptr_t)r->job;
    c->cost = r->job->cost ? cost_of : NULL;
    c->dest = r->job->dest && !r->sink ? dest_of : NULL;
    r->nio = r->nworkers ? o->io_workers >= 0 ? (uint32_t)IML_MIN(o->io_workers, 256)
                                              : iml__prefetch_auto(r->job, r->input_dir)
                         : 0;
    if (!r->job->input) r->nio = 0;
    c->ahead = r->nio ? 2 * c->workers + r->nio : 0;
    r->ncommit = c->io_batch;
    return IML_OK;
}

// Of the planned items, those of earlier runs included.
static uint64_t planned_items(const struct iml__plan_conf *c)
{
    uint64_t n = 0, units = c->count / c->unit_items + (c->count % c->unit_items != 0);
    if (c->only) {
        for (uint64_t k = 0; k < c->nonly; k++) n += c->only[k] % c->nshards == c->shard;
        return n;
    }
    if (c->shard >= units) return 0;
    uint64_t mine = (units - c->shard - 1) / c->nshards + 1, last = units - 1;
    n = mine * c->unit_items;
    if (last % c->nshards == c->shard) n -= units * c->unit_items - c->count;
    return n;
}

// Bad items that stay as they are: of units that this run does not touch.
static uint64_t bad_before(const struct iml__plan_conf *c)
{
    uint64_t n = 0;
    if (!c->past || c->retry_bad) return 0;
    if (!c->only) return iml__past_bad_count(c->past, c->count, c->shard, c->nshards);
    for (uint64_t k = 0; k < c->nonly; k++)
        n += c->only[k] % c->nshards == c->shard && iml__past_span(c->past, c->only[k]) &&
             iml__past_is_bad(c->past, c->only[k]);
    return n;
}

// A share without a unit is no mistake, but one who pays for the machine wants to know.
static void tell_empty_shares(const struct iml_run_t *r)
{
    const struct iml__plan_conf *c = &r->conf;
    uint64_t units = c->count / c->unit_items + (c->count % c->unit_items != 0);
    if (!r->ctx || c->only || units >= c->nshards) return;
    if (c->unit_items == 1)
        iml__log(r->ctx, IML__LOG_WARN,
                 "%u shares, but only %llu items: shares from %llu on have nothing to do",
                 c->nshards, (unsigned long long)c->count, (unsigned long long)units);
    else
        iml__log(r->ctx, IML__LOG_WARN,
                 "%u shares, but the %llu items stand in only %llu %s of %u, and each belongs to "
                 "one share: shares from %llu on have nothing to do; take fewer shares%s",
                 c->nshards, (unsigned long long)c->count, (unsigned long long)units,
                 c->sink == IML__SINK_ORDERED ? units == 1 ? "shard" : "shards"
                 : units == 1                 ? "part"
                                              : "parts",
                 c->unit_items, (unsigned long long)units,
                 c->sink == IML__SINK_ORDERED ? ", or fewer samples a shard" : "");
}

static void settle_guard(struct iml_run_t *r)
{
    uint64_t most = r->opts.max_errors;
    if (r->opts.max_error_rate >= 0) {
        double share = r->opts.max_error_rate * (double)r->planned;
        if (share < (double)most) most = (uint64_t)share;
    }
    r->conf.max_bad = most;
}

// The next unit from u on that this run makes; UINT64_MAX: none.
static uint64_t next_to_make(const struct iml__plan_conf *c, uint64_t u, uint64_t units)
{
    for (; u < units; u++) {
        if (c->past && !c->retry_bad) u = iml__past_next_open(c->past, u, units);
        if (u >= units) break;
        if (u % c->nshards != c->shard) continue;
        uint64_t now = IML_MIN((uint64_t)c->unit_items, c->count - u * c->unit_items);
        bool done = c->past && iml__past_span(c->past, u) >= now;
        if (!done || (c->retry_bad && iml__past_unit_has_bad(c->past, u))) return u;
    }
    return UINT64_MAX;
}

// The largest run first, so the end is guessed by cost, not by count.
static void sum_costs(struct iml_run_t *r)
{
    const struct iml__plan_conf *c = &r->conf;
    uint64_t units = c->count / c->unit_items + (c->count % c->unit_items != 0);
    if (!r->job->cost || c->count > COST_SUM_MAX || c->only) return;
    if (!r->opts.progress && !r->opts.metrics_file) return;
    for (uint64_t u = 0; (u = next_to_make(c, u, units)) != UINT64_MAX; u++) {
        uint64_t end = IML_MIN((u + 1) * c->unit_items, c->count);
        for (uint64_t i = u * c->unit_items; i < end; i++)
            r->cost_total += r->job->cost(r->job->user, i);
    }
}

// ---- Opening.

static iml_status open_locks(struct iml_run_t *r, iml_err *e)
{
    pthread_mutexattr_t kind;
    pthread_condattr_t clock;
    struct iml__cond *all[] = {&r->work,  &r->start, &r->sinker, &r->committer,
                               &r->ahead, &r->input, &r->caller};
    bool ok = !pthread_mutexattr_init(&kind) && !pthread_condattr_init(&clock);
    // Holds are short: a few turns of waiting are cheaper than a sleep.
    ok = ok && !pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ADAPTIVE_NP);
    ok = ok && !pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    ok = ok && !pthread_mutex_init(&r->lock, &kind) && !pthread_mutex_init(&r->isolation, NULL);
    for (size_t k = 0; ok && k < IML_COUNT_OF(all); k++)
        ok = !pthread_cond_init(&all[k]->cv, &clock);
    r->has_locks = ok;
    return ok ? IML_OK : IML_FAIL(e, IML_ENOMEM, "the system gives no lock");
}

static iml_status open_nursery(struct iml_run_t *r, uint32_t workers, iml_err *e)
{
    struct iml__nursery_conf n = {.ctx = r->ctx,
                                  .job = r->job,
                                  .workers = workers,
                                  .seed = r->opts.seed,
                                  .stall = r->stall,
                                  .timeout_us = (uint64_t)(r->opts.timeout_s * 1e6),
                                  .inject = r->opts.inject};
    return iml__nursery_open(&r->nursery, &n, e);
}

static iml_status open_output(struct iml_run_t *r, iml_err *e)
{
    if (!r->sink) return IML_OK;
    bool dry = r->opts.flags & IML_RUN_DRY_RUN;
    if (!r->opts.out_dir) {
        if (dry) return IML_OK;
        iml_status st = r->sink->open ? r->sink->open(&r->sink_state, &r->opts, e) : IML_OK;
        r->sink_open = st == IML_OK;
        return st;
    }
    struct iml__commit_conf c = {.ctx = r->ctx,
                                 .job = r->job,
                                 .sink = r->sink,
                                 .opts = &r->opts,
                                 .count = r->conf.count,
                                 .unit_items = r->set_unit_items};
    IML_TRY(iml__commit_open(&r->commit, &c, &r->past, e));
    if (r->opts.flags & (IML_RUN_RESUME | IML_RUN_OVERWRITE) || !iml__past_covered(r->past))
        return IML_OK;
    return IML_FAIL(e, IML_EARG,
                    "%s holds what an earlier run made, and resuming is switched off; leave out "
                    "--no-resume to go on with it, or --overwrite to begin anew",
                    r->opts.out_dir);
}

static iml_status open_arrays(struct iml_run_t *r, iml_err *e)
{
    uint32_t workers = IML_MAX(r->nworkers, 1u);
    r->worker = iml__calloc(workers, sizeof *r->worker);
    r->flight = iml__calloc(r->conf.window, sizeof *r->flight);
    r->units = iml__calloc(r->ncommit, sizeof *r->units);
    r->ids = iml__calloc(r->ncommit, sizeof *r->ids);
    r->progress = iml__calloc(1, sizeof *r->progress);
    r->taken = r->sink ? NULL : iml__alloc(r->conf.window * sizeof *r->taken);
    if (!r->worker || !r->flight || !r->units || !r->ids || !r->progress || (!r->sink && !r->taken))
        return IML_FAIL(e, IML_ENOMEM, "no memory for a run of %u workers", workers);
    r->slabs = iml__slabs_open(IML_MIN(r->conf.budget / 8, (uint64_t)IDLE_MAX));
    if (!r->slabs) return IML_FAIL(e, IML_ENOMEM, "no memory for a pool of buffers");
    if (r->taken) memset(r->taken, 0xff, r->conf.window * sizeof *r->taken);
    for (uint32_t k = 0; k < workers; k++) IML_TRY(iml__worker_open(&r->worker[k], r, k, e));
    r->plan = iml__plan_open(&r->conf);
    return r->plan ? IML_OK : IML_FAIL(e, IML_ENOMEM, "no memory for the plan");
}

static iml_status open_inputs(struct iml_run_t *r, iml_err *e)
{
    r->input_dir = AT_FDCWD;
    if (!r->opts.input_root) return IML_OK;
    int fd = iml__openat(AT_FDCWD, r->opts.input_root, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return IML_FAIL_SYS(e, IML_EARG, errno, "the input directory %s cannot be opened",
                            r->opts.input_root);
    r->input_dir = fd;
    return IML_OK;
}

// A thread cannot be killed without the run: of the faults on purpose it takes failures only.
static iml_status open_faults(struct iml_run_t *r, iml_err *e)
{
#ifdef IML_INJECT
    if (r->process) return IML_OK; // the nursery's
    IML_TRY(iml__inject_parse(&r->inject, r->opts.inject, e));
    if (r->inject.crash + r->inject.hang + r->inject.oom > 0)
        return IML_FAIL(e, IML_EARG,
                        "inject: crash=, hang= and oom= kill worker processes, and this run has "
                        "threads (%s); add --mode process, or use fail= alone",
                        r->mode_why);
#else
    (void)r, (void)e;
#endif
    return IML_OK;
}

static iml_status open_all(struct iml_run_t *r, iml_err *e)
{
    bool dry = r->opts.flags & IML_RUN_DRY_RUN;
    int mode;
    IML_TRY(open_locks(r, e));
    IML_TRY(open_inputs(r, e));
    iml__run_mode(r->job, &r->opts, &mode, &r->mode_why);
    r->process = mode == IML_MODE_PROCESS, r->stall = iml__stall_seed();
    r->nworkers = (uint32_t)(r->opts.workers < 0 ? iml__cpu_workers() : r->opts.workers);
    IML_TRY(open_faults(r, e));
    // Very many more workers than items only cost their start.
    if (r->nworkers > 64 && r->job->count && r->nworkers > r->job->count)
        r->nworkers = (uint32_t)IML_MAX(r->job->count, 64u);
    IML_TRY(settle_conf(r, e));
    if (!dry && r->process && r->conf.count) IML_TRY(open_nursery(r, r->nworkers, e));
    IML_TRY(open_output(r, e));
    // What has killed a run runs again in a process of its own, whatever the mode.
    if (!dry && r->past && !r->process && r->nworkers && iml__past_suspects(r->past))
        IML_TRY(open_nursery(r, 1, e));
    if (!dry) IML_TRY(iml__quarantine_open(r, e));
    r->conf.past = r->past, r->conf.bad = bad_before(&r->conf);
    r->planned = planned_items(&r->conf);
    tell_empty_shares(r);
    settle_guard(r);
    sum_costs(r);
    IML_TRY(open_arrays(r, e));
    struct iml__view v = iml__plan_view(r->plan);
    r->resumed = r->planned - IML_MIN(v.planned, r->planned);
    return IML_OK;
}

iml_status iml__run_make(struct iml_run_t **out, iml_ctx *c, const iml_job *j,
                         const iml_sink_ops *k, const iml_run_opts *o, iml_err *e)
{
    iml_run_opts opts;
    iml_run_opts_default(&opts);
    if (o && (o->size < offsetof(iml_run_opts, seed) || o->size > sizeof opts))
        return IML_FAIL(e, IML_EARG, "iml_run_opts.size is %zu: call iml_run_opts_default",
                        o->size);
    if (o) memcpy(&opts, o, o->size);
    IML_TRY(check(j, k, &opts, e));
    struct iml_run_t *r = *out = iml__calloc(1, sizeof *r);
    if (!r) return IML_FAIL(e, IML_ENOMEM, "no memory for a run");
    r->ctx = c, r->job = j, r->sink = k, r->opts = opts, r->input_dir = AT_FDCWD;
    iml_status st = open_all(r, e);
    if (st != IML_OK) iml__run_free_all(out);
    return st;
}

// ---- Closing.

void iml__run_reap(struct iml_run_t *r)
{
    // First what lies in the memory of worker processes, then the processes.
    for (uint32_t s = 0; r->plan && s < r->conf.window; s++) iml__run_clear(r, s);
    for (uint32_t k = 0; r->worker && k < IML_MAX(r->nworkers, 1u); k++)
        iml__worker_close(&r->worker[k]);
    iml__nursery_close(&r->nursery);
}

void iml__run_free_all(struct iml_run_t **out)
{
    struct iml_run_t *r = *out;
    *out = NULL;
    if (!r) return;
    iml__run_reap(r);
    iml__plan_close(&r->plan);
    iml__commit_close(&r->commit);
    if (r->sink_open && r->sink->close) r->sink->close(&r->sink_state);
    while (r->parcels) {
        struct iml__parcel *p = r->parcels;
        r->parcels = p->next;
        iml__parcel_free(&p);
    }
    iml__slabs_close(&r->slabs);
    if (r->input_dir >= 0) iml__close(&r->input_dir);
    if (r->has_locks) {
        struct iml__cond *all[] = {&r->work,  &r->start, &r->sinker, &r->committer,
                                   &r->ahead, &r->input, &r->caller};
        for (size_t k = 0; k < IML_COUNT_OF(all); k++) pthread_cond_destroy(&all[k]->cv);
        pthread_mutex_destroy(&r->lock);
        pthread_mutex_destroy(&r->isolation);
    }
    IML_FREE(r->worker);
    IML_FREE(r->flight);
    IML_FREE(r->units);
    IML_FREE(r->ids);
    IML_FREE(r->progress);
    IML_FREE(r->taken);
    IML_FREE(r->only);
    IML_FREE(r);
}
