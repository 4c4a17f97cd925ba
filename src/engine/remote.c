// remote.c: an attempt in a worker process, driven by the thread that stands for it.
//
// The thread claims, posts up to two items, and waits for what the worker says. It tells the plan
// that an item runs when the worker has begun it, not when it was posted; a suspect has to be
// allowed to start before it is posted, which is taken back if its worker dies before it begins. So
// such a death blames nobody. Only this process writes; a dying worker cannot tear a file. Output
// is written straight from the worker's memory where that can be done at once (an unordered sink;
// an ordered one whose turn it is: then the memory is lent, and the worker goes on when it is given
// back). Everything else is copied first: no worker waits for the sink with its memory full.
//
// The same code runs a single suspect of an earlier, killed run in thread mode
// (iml__remote_isolated).
#include "src/engine/run.h"

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/log.h"

#include <stdio.h>
#include <string.h>

enum { LOOK_US = 100000, GRACE_US = 500000 };

// The plan hears that queue[at] runs. false: the run has stopped hard, nobody wants it.
static bool begun(struct iml__worker *w)
{
    struct iml_run_t *r = w->run;
    iml__run_lock(r);
    bool ours = iml__worker_tell(w, true);
    iml__run_unlock(r);
    return ours;
}

static void ack(struct iml__worker *w, uint32_t nw, iml_status st, const char *msg)
{
    iml__nursery_ack(w->run->nursery, nw, st, msg);
    w->unacked = false;
}

static void on_emit(struct iml__worker *w, uint32_t nw, const struct iml__reply *x)
{
    iml_err e = {0};
    iml_status st;
    if (begun(w)) {
        st = iml__emit_from(w, &x->out[0], true, &e);
    } else {
        iml__out_release(x->out, 1);
        st = IML_FAIL(&e, IML_ECANCEL, "the run stops");
    }
    if (iml_status_class(st) == IML_CLASS_SINK) {
        iml__run_lock(w->run);
        iml__run_fail(w->run, st, &e);
        iml__run_unlock(w->run);
    }
    ack(w, nw, st, e.msg);
}

// An ordered sink's head goes straight from the worker's memory. Decided and told in one hold, so
// that its turn cannot pass in between.
static bool lend(struct iml__worker *w, const struct iml__reply *x, uint64_t now)
{
    struct iml_run_t *r = w->run;
    bool lent = false;
    iml_err e;
    if (r->conf.sink != IML__SINK_ORDERED || !r->process) return false;
    iml__run_lock(r);
    if (iml__worker_tell(w, true)) {
        iml__slot s = w->queue[w->at].slot;
        lent = iml__plan_view(r->plan).head == iml__plan_item(r->plan, s)->seq && !r->sink_busy;
        struct iml__parcel *p = lent ? iml__worker_parcel(w) : NULL;
        lent = p != NULL;
        for (size_t i = 0; lent && i < x->nout; i++) {
            for (uint32_t k = 0; k < x->out[i].nfrag; k++) w->item_bytes += x->out[i].frag[k].len;
            w->item_files++;
            // Running out of memory here means a copy of less than all: try the other way.
            lent = iml__parcel_add(p, &x->out[i], false, &e) == IML_OK;
        }
        lent = lent && iml__parcel_tally(p, x->tally, x->ntally, &e) == IML_OK;
        if (lent) {
            w->lent = r->flight[s].lent = true, r->flight[s].lender = w->id;
            iml__worker_note_locked(w, IML__OK, now);
            (void)iml__worker_tell(w, false);
        } else if (p) {
            iml__run_fail(r, IML_FAIL(&e, IML_ENOMEM, "no memory for an item's output"), &e);
        }
    }
    iml__run_unlock(r);
    return lent;
}

static void on_end(struct iml__worker *w, uint32_t nw, const struct iml__reply *x)
{
    struct iml_run_t *r = w->run;
    iml_out out[IML_OUT_MAX];
    iml_err e = {0};
    iml_status st = x->status;
    size_t n = IML_MIN(x->nout, (size_t)IML_OUT_MAX);
    uint64_t now = iml__now_us();
    struct iml__attempt *a = &w->attempt;
    a->begun_us = now - IML_MIN(x->run_us, now), a->stages = x->stages;
    if (x->stages) memcpy(a->stage_us, x->stage_us, sizeof a->stage_us);
    if (x->stages) memcpy(a->stage_bytes, x->stage_bytes, sizeof a->stage_bytes);
    uint32_t stage = x->stage;
    bool ours = begun(w);
    if (n) memcpy(out, x->out, n * sizeof *out);
    if (st == IML_OK && ours && lend(w, x, now)) return; // acknowledged when it has been written
    if (st == IML_OK && ours && r->conf.sink == IML__SINK_UNORDERED && n) {
        st = iml__put_now(w, x->index, out, n, &e);
        n = 0, stage = IML_STAGE_WRITE;
    }
    if (st == IML_OK && ours)
        st = iml__worker_pack(w, out, n, x->tally, x->ntally, true, &e);
    else if (st == IML_OK || x->status != IML_OK)
        iml__out_release(out, n);
    if (x->status != IML_OK && x->err) e = *x->err;
    ack(w, nw, IML_OK, NULL);
    if (st == IML_ECANCEL) __atomic_store_n(&a->told_stop, r->hard, __ATOMIC_RELAXED);
    if (st != IML_OK) iml__worker_failed(w, st, &e, stage);
    iml__worker_note(w, iml__how_of(st), now);
}

static void say_death(struct iml__parcel *p, const struct iml__reply *x, const iml_job *j,
                      uint32_t worker)
{
    const char *stage = iml__stage_name(j, x->stage);
    char whose[112] = "", name[96] = "";
    if (j->label) j->label(j->user, x->index, name, sizeof name);
    if (name[0]) (void)snprintf(whose, sizeof whose, " (%s)", name);
    p->stage = x->stage, p->signal = x->signal, p->worker = worker;
    p->status = x->death == IML__DIED_TIMEOUT ? IML_ETIMEOUT : IML_EAGAIN;
    if (x->death == IML__DIED_TIMEOUT)
        (void)snprintf(p->msg, sizeof p->msg, "item %llu%s: killed after its time was up%s%s",
                       (unsigned long long)x->index, whose, stage ? ", in stage " : "",
                       stage ? stage : "");
    else if (x->garbled)
        (void)snprintf(
            p->msg, sizeof p->msg,
            "item %llu%s: what its worker handed over does not hold together (its memory "
            "was overwritten); the worker was killed",
            (unsigned long long)x->index, whose);
    else
        (void)snprintf(p->msg, sizeof p->msg, "item %llu%s: its worker died of signal %d (%s)%s%s",
                       (unsigned long long)x->index, whose, x->signal,
                       sigabbrev_np(x->signal) ? sigabbrev_np(x->signal) : "?",
                       stage ? ", in stage " : "", stage ? stage : "");
}

// Three deaths in a row before anything was begun: the plan has stopped the run. Lock held.
static void blame_nobody(struct iml__worker *w, const struct iml__reply *x)
{
    iml_err e;
    const char *name = sigabbrev_np(x->signal);
    const char *hint = x->death == IML__DIED_FOREIGN ? "; is the system out of memory?" : "";
    iml__run_fail(w->run,
                  IML_FAIL(&e, IML_EBUG,
                           "worker process %u died three times in a row before it began an item, "
                           "last of signal %d (%s)%s; no item is to blame",
                           w->id, x->signal, name ? name : "?", hint),
                  &e);
}

static void on_death(struct iml__worker *w, const struct iml__reply *x)
{
    struct iml_run_t *r = w->run;
    char msg[sizeof r->parcels->msg] = "";
    uint64_t now = iml__now_us();
    if (w->touched && r->commit) iml__commit_discard(r->commit, w->attempt.item.index);
    iml__run_lock(r);
    bool ours = !x->begun || iml__worker_tell(w, true);
    iml__slot s = w->queue[w->at].slot;
    if (w->parcel && w->parcel->charge.refs && !w->lost)
        iml__plan_unref(r->plan, &w->parcel->charge);
    if (ours) {
        struct iml__parcel *p = x->begun ? iml__worker_parcel(w) : NULL;
        if (p) {
            iml__parcel_clear(p);
            say_death(p, x, r->job, w->id);
            memcpy(msg, p->msg, sizeof msg);
            iml__parcel_put(r, &r->flight[s].parcel);
            r->flight[s].parcel = p, w->parcel = NULL;
        }
        if (x->err) iml__run_fail(r, x->status, x->err); // no worker can start here any more
        if (!x->begun && w->started) iml__plan_unstart(r->plan, w->id);
        bool stopped = iml__plan_view(r->plan).stop >= IML__STOP_HARD;
        iml__plan_died(r->plan, w->id, x->death, now);
        if (!stopped && iml__plan_view(r->plan).stop >= IML__STOP_HARD) blame_nobody(w, x);
        r->deaths++, r->timeouts += x->death == IML__DIED_TIMEOUT;
        enum iml__state now_is = iml__plan_item(r->plan, s)->state;
        if (x->begun && now_is != IML__DONE && now_is != IML__DROPPED)
            iml__parcel_put(r, &r->flight[s].parcel);
    }
    iml__parcel_put(r, &w->parcel);
    w->nqueue = w->at = w->posted = 0, w->started = w->lost = w->unacked = false;
    iml__run_unlock(r);
    if (!r->ctx) return;
    if (x->begun)
        iml__log_item(r->ctx, IML__LOG_INFO, w->id, x->index, iml__stage_name(r->job, x->stage),
                      "%s; a new worker takes its place", msg);
    else
        iml__log(r->ctx, IML__LOG_WARN,
                 "worker process %u died before it began an item (signal %d); it is replaced",
                 w->id, x->signal);
}

// Until queue[at] has ended or its worker is dead.
static void attend(struct iml__worker *w, uint32_t nw)
{
    struct iml_run_t *r = w->run;
    uint64_t hard_since = 0;
    struct iml__reply x;
    for (;;) {
        switch (iml__nursery_wait(r->nursery, nw, LOOK_US, &x)) {
        case IML__EVENT_GROW:
            iml__run_lock(r);
            if (iml__worker_tell(w, true)) iml__plan_grow(r->plan, w->queue[w->at].slot, x.grown);
            iml__run_unlock(r);
            break;
        case IML__EVENT_EMIT: on_emit(w, nw, &x); break;
        case IML__EVENT_END:
            iml__stall(r->stall, IML__STALL_PROXY + nw);
            w->unacked = true, w->posted -= w->posted > 0;
            on_end(w, nw, &x);
            return;
        case IML__EVENT_DIED: on_death(w, &x); return;
        case IML__EVENT_NONE: break;
        }
        // A worker that does not listen is killed: its item is dropped, unbooked.
        if (!__atomic_load_n(&r->hard, __ATOMIC_RELAXED)) continue;
        uint64_t now = iml__now_us();
        if (!hard_since)
            hard_since = now;
        else if (now - hard_since > GRACE_US)
            iml__nursery_kill(r->nursery, nw);
    }
}

static void ready(struct iml__worker *w)
{
    const struct iml__claimed *c = &w->queue[w->at];
    iml__attempt_begin(&w->attempt, c->index, c->attempt, iml__now_us());
    w->touched = false, w->item_files = w->item_bytes = 0;
}

void iml__remote_isolated(struct iml__worker *w)
{
    struct iml_run_t *r = w->run;
    pthread_mutex_lock(&r->isolation);
    ready(w);
    const struct iml__claimed c = w->queue[w->at];
    (void)iml__nursery_post(r->nursery, 0, c.index, c.attempt);
    attend(w, 0);
    w->posted = 0;
    pthread_mutex_unlock(&r->isolation);
}

// Lock held. True: the worker's memory is its own again.
static bool given_back(struct iml__worker *w)
{
    if (!w->unacked) return true;
    if (w->lent) return false;
    ack(w, w->id, IML_OK, NULL);
    return true;
}

static enum iml__did visit(struct iml__worker *w, bool wait)
{
    struct iml_run_t *r = w->run;
    enum iml__did did = IML__DID_WORK;
    iml__run_lock(r);
    (void)iml__worker_tell(w, false);
    if (r->conf.sink == IML__SINK_UNORDERED) iml__worker_book(w);
    if (!given_back(w)) {
        did = iml__worker_idle(w, true, wait);
    } else {
        w->now = iml__now_us();
        switch (iml__run_claim(r, w->id, w->now)) {
        case IML__OVER: did = IML__DID_ALL; break;
        case IML__WAIT: did = iml__worker_idle(w, false, wait); break;
        case IML__GO:
            if (iml__worker_take(w) == IML__WAIT) did = iml__worker_idle(w, true, wait);
            break;
        }
    }
    iml__run_unlock(r);
    return did;
}

enum iml__did iml__remote_step(struct iml__worker *w, bool wait)
{
    struct iml_run_t *r = w->run;
    // Each end is told at once; what is left of the queue is claimed again with what follows it.
    if (w->nended || w->at == w->nqueue || w->unacked) return visit(w, wait);
    ready(w);
    while (w->posted < IML__MAILBOX && w->at + w->posted < w->nqueue) {
        const struct iml__claimed *c = &w->queue[w->at + w->posted];
        if (!iml__nursery_post(r->nursery, w->id, c->index, c->attempt)) break;
        w->posted++;
    }
    attend(w, w->id);
    return IML__DID_WORK;
}
