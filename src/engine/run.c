// run.c: a run's threads and the lock they share: the plan's owner.
//
// One lock guards the plan; whoever leaves it (iml__run_unlock) passes the plan's wake-ups on, so
// no event is seen by one thread only. Workers that wait for a claim are all alike: one is woken,
// and when it finds something the plan names its kind again, so the next follows; a herd of 64 does
// not stampede for one item. Those that wait for more (a suspect's turn, the sink, a dest) are
// counted in `starters`, and while there are any all are woken.
//
// Commits are one thread's, for they may wait for the disk; where nothing is to be committed (no
// out_dir and a sink without commit) whoever holds the lock does the plan's bookkeeping. The
// calling thread does what users see: cancel, progress, metrics. With no workers it does
// everything, by the same steps, in turns.
#include "src/engine/run.h"

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/engine/prefetch.h"
#include "src/engine/progress.h"
#include "src/engine/quarantine.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum { TICK_US = 100000, SOFT_US = 10000000, COMMIT_US = 1000000 };

// ---- The lock and the wake-ups.

void iml__run_lock(struct iml_run_t *r) { pthread_mutex_lock(&r->lock); }

// What fell out of the plan undone: its files, bytes and memory go. Only a run that stops has any.
static void sweep(struct iml_run_t *r)
{
    for (iml__slot s; (s = iml__plan_dropped(r->plan)) != IML__NONE;) {
        struct iml__flight *f = &r->flight[s];
        if (f->reading) { // prefetch.c comes back for it
            f->orphan = true;
            continue;
        }
        if (r->commit) iml__commit_discard(r->commit, iml__plan_item(r->plan, s)->index);
        iml__run_clear(r, s);
        iml__plan_forget(r->plan, s);
    }
}

static void count_committed(struct iml_run_t *r, const struct iml__unit *u)
{
    r->committed += u->count, r->committed_ok += u->ok, r->committed_bad += u->bad;
}

void iml__run_written(struct iml_run_t *r, uint64_t index)
{
    r->written++;
    if (r->cost_total) r->written_cost += r->job->cost(r->job->user, index);
}

static void commit_here(struct iml_run_t *r)
{
    for (uint32_t n; (n = iml__plan_commit(r->plan, r->units, r->ncommit)) != 0;) {
        for (uint32_t k = 0; k < n; k++) count_committed(r, iml__plan_unit(r->plan, r->units[k]));
        iml__plan_commit_end(r->plan, r->units, n, true);
    }
}

static void wake(struct iml__cond *c, uint32_t n)
{
    if (!c->waiting || !n) return;
    if (n < c->waiting && n < 4)
        while (n-- > 0) pthread_cond_signal(&c->cv);
    else
        pthread_cond_broadcast(&c->cv);
}

bool iml__run_writes(const struct iml_run_t *r)
{
    return r->commit || (r->sink && r->sink->commit);
}

// True: what was passed on concerns those that wait on mine, this thread among them.
static bool settle(struct iml_run_t *r, const struct iml__cond *mine)
{
    sweep(r);
    struct iml__wakes x = iml__plan_wake(r->plan);
    if (x.commit && !iml__run_writes(r)) {
        commit_here(r);
        struct iml__wakes y = iml__plan_wake(r->plan);
        x.claimers = IML_MAX(x.claimers, y.claimers);
        x.starters |= y.starters, x.sink |= y.sink, x.commit |= y.commit, x.ahead |= y.ahead;
    }
    if (x.claimers == UINT32_MAX && !r->hard && iml__plan_view(r->plan).stop >= IML__STOP_HARD) {
        __atomic_store_n(&r->hard, 1, __ATOMIC_RELAXED);
        if (r->nursery) iml__nursery_stop(r->nursery);
    }
    bool over = (x.commit || x.claimers) && iml__plan_finished(r->plan);
    wake(&r->work, over ? UINT32_MAX : x.claimers);
    wake(&r->start, over || x.starters ? UINT32_MAX : 0);
    wake(&r->ahead, over || x.ahead ? UINT32_MAX : 0);
    wake(&r->sinker, over || x.sink ? UINT32_MAX : 0);
    wake(&r->committer, over || x.commit ? UINT32_MAX : 0);
    wake(&r->caller, over || (x.sink && !r->sink) ? UINT32_MAX : 0);
    return over || (mine == &r->work && x.claimers) || (mine == &r->start && x.starters) ||
           (mine == &r->ahead && x.ahead) || (mine == &r->sinker && x.sink) ||
           (mine == &r->committer && x.commit) ||
           (mine == &r->caller &&
            (r->nworkers ? x.sink && !r->sink : x.claimers || x.starters || x.sink));
}

#ifdef IML_DEBUG
// The audit walks the window: after every visit where that is short, else now and then.
static void audit(struct iml_run_t *r)
{
    if (r->audits++ % (r->conf.window / 64 + 1) || r->failed == IML_EBUG) return;
    const char *broken = iml__plan_audit(r->plan);
    if (!broken) return;
    iml_err e;
    iml__run_fail(r, IML_FAIL(&e, IML_EBUG, "the plan's audit: %s", broken), &e);
}
#else
static void audit(struct iml_run_t *r) { (void)r; }
#endif

void iml__run_unlock(struct iml_run_t *r)
{
    audit(r);
    (void)settle(r, NULL);
    pthread_mutex_unlock(&r->lock);
}

void iml__run_wait(struct iml_run_t *r, struct iml__cond *c, uint64_t due_us)
{
    audit(r);
    // What was just passed on may be what this thread waits for: then it looks again.
    if (settle(r, c)) return;
    c->waiting++;
    if (due_us == UINT64_MAX) {
        pthread_cond_wait(&c->cv, &r->lock);
    } else {
        struct timespec t = {(time_t)(due_us / 1000000), (long)(due_us % 1000000) * 1000};
        pthread_cond_timedwait(&c->cv, &r->lock, &t);
    }
    c->waiting--;
}

void iml__run_stop(struct iml_run_t *r, enum iml__stop why) { iml__plan_stop(r->plan, why); }

void iml__run_fail(struct iml_run_t *r, iml_status st, const iml_err *e)
{
    if (r->failed == IML_OK) {
        r->failed = st;
        r->err = *e;
    }
    iml__run_stop(r, iml_status_class(st) == IML_CLASS_SINK ? IML__STOP_SINK : IML__STOP_HARD);
}

// ---- Claims, with the promise about bytes looked after (I7).

enum iml__answer iml__run_claim(struct iml_run_t *r, uint32_t worker, uint64_t now)
{
    struct iml__view before = iml__plan_view(r->plan);
    enum iml__answer a = iml__plan_claim(r->plan, worker, now);
    struct iml__view v = iml__plan_view(r->plan);
    iml__run_admitted(r, &before, &v);
    return a;
}

void iml__run_admitted(struct iml_run_t *r, const struct iml__view *before,
                       const struct iml__view *v)
{
    if (v->inflight > r->peak_inflight) r->peak_inflight = v->inflight;
    if (v->admitted == before->admitted || v->inflight <= v->budget) return;
    if (before->inflight == before->taken) return; // alone
    iml_err e;
    iml__run_fail(r,
                  IML_FAIL(&e, IML_EBUG, "admitted %llu bytes, the budget is %llu",
                           (unsigned long long)v->inflight, (unsigned long long)v->budget),
                  &e);
}

// ---- Writing and booking.

void iml__run_clear(struct iml_run_t *r, iml__slot s)
{
    struct iml__flight *f = &r->flight[s];
    if (f->parcel) {
        if (f->parcel->charge.refs) iml__plan_unref(r->plan, &f->parcel->charge);
        iml__parcel_put(r, &f->parcel);
    }
    if (f->input) iml_buf_unref(&f->input);
    f->split = NULL;
    if (f->lent) {
        f->lent = r->worker[f->lender].lent = false;
        wake(&r->start, UINT32_MAX);
    }
}

static void label(const struct iml_run_t *r, uint64_t index, char *text, size_t cap)
{
    text[0] = 0;
    if (r->job->label)
        r->job->label(r->job->user, index, text, cap);
    else if (r->job->input && r->job->input(r->job->user, index, text, cap) != IML_OK)
        text[0] = 0;
    text[cap - 1] = 0;
}

iml_status iml__run_book(struct iml_run_t *r, const struct iml__due *d, iml_err *e)
{
    struct iml__parcel *p = r->flight[d->slot].parcel;
    if (!d->bad && iml__log_wants(r->ctx, IML__LOG_DEBUG)) {
        char what[256];
        label(r, d->index, what, sizeof what);
        iml__log(r->ctx, IML__LOG_DEBUG, "item %llu made%s%s", (unsigned long long)d->index,
                 *what ? ": " : "", what);
    }
    if (!d->bad)
        return iml__commit_item_ok(r->commit, d->index, p ? p->tally : NULL, p ? p->ntally : 0, e);
    char path[4096];
    struct iml__bad b = {.index = d->index, .path = path, .tries = d->tries};
    if (p) { // none: remembered from an earlier run, whose list says why
        b.status = p->status, b.signal = p->signal, b.message = p->msg;
        b.stage = iml__stage_name(r->job, p->stage);
        // The plan counts tries that may be made again; bad input ends the last one.
        bool last = iml_status_class(p->status) == IML_CLASS_ITEM;
        b.tries = p->tries ? p->tries : d->tries + last;
        iml__quarantine_link(r, d->index);
        if (r->ctx)
            iml__log_item(r->ctx, IML__LOG_WARN, p->worker, d->index, b.stage,
                          "bad after %u %s: %s", b.tries, b.tries == 1 ? "try" : "tries", p->msg);
    }
    if (!r->commit) return IML_OK;
    label(r, d->index, path, sizeof path);
    return iml__commit_item_bad(r->commit, &b, e);
}

void iml__run_put_end(struct iml_run_t *r, const struct iml__due *d, iml_status st,
                      const iml_err *e)
{
    const struct iml__parcel *p = r->flight[d->slot].parcel;
    if (st != IML_OK)
        iml__run_fail(r, iml_status_class(st) == IML_CLASS_BUG ? st : IML_ESINK, e);
    else if (d->bad)
        r->bad_seen++, r->per_class[p ? iml_status_class(p->status) : 0]++;
    if (st == IML_OK) iml__run_written(r, d->index);
    iml__run_clear(r, d->slot);
    iml__plan_put_end(r->plan, d->slot, st == IML_OK);
}

// Files of an ordered sink's next item.
static iml_status write_parcel(struct iml_run_t *r, struct iml__parcel *p, const struct iml__due *d,
                               iml_err *e)
{
    if (d->bad) return IML_OK;
    iml_status st = IML_OK;
    uint32_t n = p ? p->nout : 0;
    if (p) iml__parcel_seal(p);
    if (r->commit)
        st = iml__commit_put(r->commit, d->index, p ? p->out : NULL, n, e);
    else if (r->sink->put)
        st = r->sink->put(r->sink_state, d->index, p ? p->out : NULL, n, e);
    else if (p)
        iml__out_release(p->out, n);
    if (p) p->nfrag = 0; // moved
    if (st != IML_OK && st != IML_EBUG && e) e->status = st = IML_ESINK;
    return st;
}

enum iml__did iml__sink_step(struct iml_run_t *r, bool wait)
{
    enum iml__did did = IML__DID_WORK;
    iml__slot s;
    iml_err e = {0};
    iml__run_lock(r);
    switch (iml__plan_put(r->plan, &s)) {
    case IML__OVER: did = IML__DID_ALL; break;
    case IML__WAIT:
        if (wait)
            iml__run_wait(r, &r->sinker, UINT64_MAX);
        else
            did = IML__DID_NOTHING;
        break;
    case IML__GO: {
        struct iml__due d = iml__run_due(r, s);
        struct iml__parcel *p = r->flight[s].parcel;
        r->sink_busy = true;
        iml__run_unlock(r);
        iml__stall(r->stall, IML__STALL_SINK);
        uint64_t begun = p && p->nout ? iml__now_us() : 0;
        iml_status st = write_parcel(r, p, &d, &e);
        if (begun) iml__hist_add(&r->write_hist, (iml__now_us() - begun) * 1000, d.index);
        if (st == IML_OK && (r->commit || d.bad)) st = iml__run_book(r, &d, &e);
        iml__run_lock(r);
        r->sink_busy = false;
        iml__run_put_end(r, &d, st, &e);
        break;
    }
    }
    iml__run_unlock(r);
    return did;
}

static iml_status commit_items(struct iml_run_t *r, uint32_t n, uint64_t items, iml_err *e)
{
    uint64_t *list = iml__alloc(items * sizeof *list), at = 0;
    if (!list) return IML_FAIL(e, IML_ENOMEM, "no memory for a commit of %u units", n);
    for (uint32_t k = 0; k < n; k++) {
        uint64_t first = r->ids[k] * r->conf.unit_items;
        uint64_t end = IML_MIN(first + r->conf.unit_items, r->conf.count);
        for (uint64_t i = first; i < end; i++) list[at++] = i;
    }
    iml_status st = r->sink->commit(r->sink_state, list, at, e);
    IML_FREE(list);
    return st;
}

enum iml__did iml__commit_step(struct iml_run_t *r, bool wait)
{
    iml_err e = {0};
    uint64_t items = 0, now = iml__now_us();
    iml__run_lock(r);
    // Long items fill no batch for minutes; a kill must not cost what was made long ago.
    if (now - r->commit_us >= COMMIT_US) iml__plan_hurry(r->plan), r->commit_us = now;
    uint32_t n = iml__run_writes(r) ? iml__plan_commit(r->plan, r->units, r->ncommit) : 0;
    if (!n) {
        enum iml__did did = IML__DID_WORK;
        if (iml__plan_finished(r->plan))
            did = IML__DID_ALL;
        else if (wait)
            iml__run_wait(r, &r->committer, r->commit_us + COMMIT_US);
        else
            did = IML__DID_NOTHING;
        iml__run_unlock(r);
        return did;
    }
    for (uint32_t k = 0; k < n; k++) {
        const struct iml__unit *u = iml__plan_unit(r->plan, r->units[k]);
        r->ids[k] = u->id, items += u->count;
    }
    r->commit_us = now;
    iml__run_unlock(r);
    iml__stall(r->stall, IML__STALL_COMMIT);
    iml_status st =
        r->commit ? iml__commit_units(r->commit, r->ids, n, &e) : commit_items(r, n, items, &e);
    iml__run_lock(r);
    for (uint32_t k = 0; st == IML_OK && k < n; k++)
        count_committed(r, iml__plan_unit(r->plan, r->units[k]));
    if (st != IML_OK) {
        if (st != IML_EBUG) e.status = st = IML_ESINK;
        iml__run_fail(r, st, &e);
    }
    iml__plan_commit_end(r->plan, r->units, n, st == IML_OK);
    iml__run_unlock(r);
    if (r->ctx && st == IML_OK)
        iml__log(r->ctx, IML__LOG_DEBUG, "committed %llu items in %u units, from unit %llu on",
                 (unsigned long long)items, n, (unsigned long long)r->ids[0]);
    return IML__DID_WORK;
}

// ---- Threads.

static void *sink_main(void *run)
{
    while (iml__sink_step(run, true) != IML__DID_ALL) continue;
    return NULL;
}

static void *commit_main(void *run)
{
    while (iml__commit_step(run, true) != IML__DID_ALL) continue;
    return NULL;
}

iml_status iml__run_start(struct iml_run_t *r, iml_err *e)
{
    r->begun_us = iml__now_us(), r->begun_cpu_us = iml__cpu_us();
    if (!r->nworkers) return IML_OK;
    bool ok = true;
    if (r->conf.sink == IML__SINK_ORDERED)
        ok = r->has_sink_thread = !pthread_create(&r->sink_thread, NULL, sink_main, r);
    if (ok && iml__run_writes(r))
        ok = r->has_commit_thread = !pthread_create(&r->commit_thread, NULL, commit_main, r);
    for (uint32_t k = 0; ok && k < r->nworkers; k++) {
        struct iml__worker *w = &r->worker[k];
        w->has_thread = !pthread_create(&w->thread, NULL, iml__worker_main, w);
        ok = w->has_thread || k; // one is enough
    }
    if (ok) ok = iml__prefetch_start(r);
    if (ok) return IML_OK;
    iml__run_lock(r);
    iml__run_fail(r, IML_FAIL(e, IML_ENOMEM, "the system gives no thread (ulimit -u?)"), e);
    iml__run_unlock(r);
    return e ? e->status : IML_ENOMEM;
}

void iml__run_join(struct iml_run_t *r)
{
    for (uint32_t k = 0; k < IML_MAX(r->nworkers, 1u); k++)
        if (r->worker[k].has_thread) pthread_join(r->worker[k].thread, NULL);
    if (r->has_sink_thread) pthread_join(r->sink_thread, NULL);
    if (r->has_commit_thread) pthread_join(r->commit_thread, NULL);
    iml__prefetch_join(r);
    for (uint32_t k = 0; k < r->nworkers; k++) r->worker[k].has_thread = false;
    r->has_sink_thread = r->has_commit_thread = false;
}

// ---- The calling thread.

uint64_t iml__run_tick(struct iml_run_t *r, uint64_t now)
{
    unsigned char cancel = r->opts.cancel ? *r->opts.cancel : 0;
    if (cancel) {
        iml__run_lock(r);
        if (!r->soft_since_us) r->soft_since_us = now;
        r->cancelled = true;
        bool hard = cancel >= 2 || now - r->soft_since_us >= SOFT_US;
        iml__run_stop(r, hard ? IML__STOP_HARD : IML__STOP_SOFT);
        iml__run_unlock(r);
    }
    if (r->nursery) iml__nursery_hear_log(r->nursery);
    iml__watch_tick(r, now);
    iml__progress_tick(r, now, false);
    return now + TICK_US;
}

static bool turn(struct iml_run_t *r) // one of each; false: nothing to do
{
    bool any = iml__worker_step(&r->worker[0], false) == IML__DID_WORK;
    if (r->conf.sink == IML__SINK_ORDERED) any |= iml__sink_step(r, false) == IML__DID_WORK;
    if (iml__run_writes(r)) any |= iml__commit_step(r, false) == IML__DID_WORK;
    return any;
}

static void conduct(struct iml_run_t *r)
{
    uint64_t due = iml__run_tick(r, iml__now_us());
    if (!r->nworkers) (void)iml__worker_ready(&r->worker[0]);
    for (;;) {
        bool any = !r->nworkers && turn(r);
        uint64_t now = iml__now_us();
        if (now >= due) due = iml__run_tick(r, now);
        if (any) continue;
        iml__run_lock(r);
        bool over = iml__plan_finished(r->plan);
        if (!over)
            iml__run_wait(r, &r->caller, r->nworkers ? due : IML_MIN(due, iml__plan_due(r->plan)));
        over = iml__plan_finished(r->plan);
        iml__run_unlock(r);
        if (over) break;
    }
    if (!r->nworkers) iml__worker_leave();
    iml__run_join(r);
}

iml_status iml_run(iml_ctx *c, const iml_job *j, const iml_sink_ops *k, const iml_run_opts *o,
                   iml_report *rep, iml_err *e)
{
    struct iml_run_t *r = NULL;
    struct iml__commit_sums sums = {0};
    iml_err mine = {0};
    if (!e) e = &mine;
    if (!k) return IML_FAIL(e, IML_EARG, "iml_run needs a sink; iml_sink_null forgets its items");
    iml_status st = iml__run_make(&r, c, j, k, o, e);
    if (st != IML_OK) goto done;
    if (r->opts.flags & IML_RUN_DRY_RUN) goto done;
    (void)iml__run_start(r, e); // a failure stands in the verdict
    conduct(r);
    st = iml__run_verdict(r, e);
    // What is complete is committed; a cancelled run writes its end, too. After a failed sink or a
    // bug of our own nothing more is written.
    if (r->commit && (st == IML_OK || st == IML_ECANCEL || st == IML_ELIMIT)) {
        iml_err end = {0};
        iml_status fin = iml__commit_finish(r->commit, &sums, &end);
        if (fin != IML_OK) st = fin, *e = end;
    }
    iml__progress_tick(r, iml__now_us(), true);
done:
    if (r) iml__run_reap(r);
    if (r && rep) iml__run_report(r, &sums, st, rep);
    iml__run_free_all(&r);
    return st;
}
