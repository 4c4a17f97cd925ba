// worker.c: the worker's loop: claim a grain, run its items, tell the plan, claim again.
//
// A grain is taken in one visit (one lock hold) and its items run without the plan's knowing; what
// became of them is told at the next visit, in order, as if it had happened then (R4). A visit is
// made when the grain is used up, when 100 us have passed since the last one, and whenever an item
// asks for something that the plan must know. So an empty item costs a 64th of a lock hold, and
// an item of half a millisecond is told at once.
//
// At an unordered sink the worker writes what an item returns before the item ends, from the arena
// it lies in: no copy, and a retry or a death finds everything in one place (its temporary files).
// At an ordered sink files wait in a parcel for their turn.
#include "src/engine/run.h"

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/engine/journal.h"

#include <string.h>
#include <unistd.h>

enum { TELL_US = 100, TELL_ORDERED_US = 20 };

static _Thread_local struct iml__worker *self;

iml_status iml__worker_open(struct iml__worker *w, struct iml_run_t *r, uint32_t id, iml_err *e)
{
    memset(w, 0, sizeof *w);
    w->run = r, w->id = id, w->arena.fd = -1;
    IML_TRY(iml__arena_open(&w->arena, iml__arena_reserve(2 * r->nworkers), -1, e));
    w->attempt.item.arena = &w->arena, w->attempt.item.worker = id;
    w->attempt.ops = &iml__thread_ops, w->attempt.owner = w, w->attempt.job = r->job;
    w->attempt.mark = &w->mark, w->attempt.ctx = r->ctx;
    return IML_OK;
}

void iml__worker_close(struct iml__worker *w)
{
    if (!w->run) return;
    if (w->state_made && w->run->job->worker_free)
        w->run->job->worker_free(w->run->job->user, w->state);
    iml__parcel_free(&w->parcel);
    iml__attempt_free(&w->attempt);
    iml__arena_close(&w->arena);
    w->run = NULL;
}

struct iml__parcel *iml__worker_parcel(struct iml__worker *w)
{
    if (!w->parcel) w->parcel = iml__parcel_get(w->run);
    return w->parcel;
}

// ---- Telling the plan.

// What the plan says of an ended attempt decides whether its reasons are still wanted.
static void end_one(struct iml__worker *w, const struct iml__ended *x)
{
    struct iml_run_t *r = w->run;
    struct iml__parcel *p = x->parcel;
    struct iml__flight *f = &r->flight[x->slot];
    if (p && x->how != IML__OK && p->charge.refs) iml__plan_unref(r->plan, &p->charge);
    if (p && x->how == IML__OK && p->bytes > (p->charge.refs ? p->charge.bytes : 0)) {
        if (p->charge.refs) iml__plan_unref(r->plan, &p->charge);
        p->charge = (struct iml__charge){.item = x->slot, .bytes = p->bytes};
        iml__plan_ref(r->plan, &p->charge);
    }
    f->parcel = p;
    // Whether the memory is lent was decided when the worker had ended; its turn may have come
    // since.
    bool stays = iml__plan_end(r->plan, w->id, x->how, 0, x->ended_us);
    if (stays && !f->lent) iml__plan_unpin(r->plan, x->slot);
    const struct iml__item *t = iml__plan_item(r->plan, x->slot);
    r->timeouts += x->how == IML__TIMEOUT;
    if (t->state == IML__BACKOFF) {
        r->retried++;
        iml__parcel_put(r, &f->parcel);
    } else if (f->input) {
        iml_buf_unref(&f->input); // what has ended needs its input no more
    }
}

// Items that came out well and left nothing to write, from `from` on, are told in one call.
static uint32_t tell_whole(struct iml__worker *w, uint32_t from)
{
    struct iml_run_t *r = w->run;
    uint32_t n = 0;
    uint64_t us = 0;
    if (r->commit || r->conf.sink != IML__SINK_UNORDERED) return 0;
    for (uint32_t k = from; k < w->nended; k++, n++) {
        const struct iml__ended *x = &w->ended[k];
        if (x->how != IML__OK || x->started || x->parcel) break;
        us += x->ended_us - x->begun_us;
    }
    uint32_t booked = n ? iml__plan_whole(r->plan, w->id, n, us * 1000) : 0;
    for (uint32_t k = from; k < from + booked; k++) {
        struct iml__flight *f = &r->flight[w->ended[k].slot];
        if (f->input) iml_buf_unref(&f->input);
        iml__run_written(r, w->ended[k].index);
    }
    if (booked < n) w->lost = true;
    return booked;
}

// What runs already can only be refused by a hard stop. To be told to wait for it would mean that
// the plan and this worker no longer speak of the same item: the data set would be wrong.
static bool starts(struct iml__worker *w, uint64_t begun_us)
{
    iml__slot s;
    iml_err e;
    switch (iml__plan_start(w->run->plan, w->id, begun_us, &s)) {
    case IML__GO: return true;
    case IML__OVER: return false;
    case IML__WAIT: break;
    }
    iml__run_fail(w->run, IML_FAIL(&e, IML_EBUG, "worker %u runs what may not run yet", w->id), &e);
    return false;
}

bool iml__worker_tell(struct iml__worker *w, bool running)
{
    struct iml_run_t *r = w->run;
    if (w->lost) return false;
    // A run that stops hard drops the whole queue at the next start, those told below included.
    for (uint32_t k = 0; k < w->nended; k++)
        r->flight[w->ended[k].slot].parcel = w->ended[k].parcel;
    for (uint32_t k = 0; k < w->nended;) {
        struct iml__ended *x = &w->ended[k];
        uint32_t n = tell_whole(w, k);
        if (w->lost) goto lost;
        k += n;
        if (n) continue;
        if (!x->started && !starts(w, x->begun_us)) goto lost;
        end_one(w, x);
        k++;
    }
    w->nended = 0;
    if (!running || w->started) return true;
    if (!starts(w, w->attempt.begun_us)) goto lost;
    w->started = true;
    return true;
lost:
    w->nended = 0, w->nqueue = w->at = 0, w->started = false;
    w->lost = running;
    return false;
}

// ---- Running one item.

enum iml__how iml__how_of(iml_status st)
{
    switch (iml_status_class(st)) {
    case IML_CLASS_NONE: return IML__OK;
    case IML_CLASS_ITEM: return IML__BAD;
    case IML_CLASS_RETRY: return st == IML_ETIMEOUT ? IML__TIMEOUT : IML__RETRY;
    default: return IML__ABORTED;
    }
}

void iml__worker_suspect(struct iml__worker *w, uint64_t index)
{
    struct iml_run_t *r = w->run;
    if (!r->commit || r->process) return;
    __atomic_store_n(&w->suspected, 0, __ATOMIC_RELEASE);
    if (index == UINT64_MAX) return;
    iml__commit_suspect_record(r->commit, index, w->suspect);
    __atomic_store_n(&w->suspected, 1, __ATOMIC_RELEASE);
}

void iml__run_suspect_now(void)
{
    const struct iml__worker *w = self;
    if (!w || !w->run || !__atomic_load_n(&w->suspected, __ATOMIC_ACQUIRE)) return;
    int fd = iml__commit_journal_fd(w->run->commit);
    uint32_t stage = __atomic_load_n(&w->mark.stage, __ATOMIC_RELAXED);
    uint8_t rec[IML__RECORD];
    struct iml__record r;
    // Encoding is arithmetic alone, so a signal handler may.
    if (!iml__record_decode(w->suspect, &r)) return;
    r.ok = stage < IML_STAGE_MAX ? stage + 1 : 0;
    iml__record_encode(rec, &r);
    if (fd >= 0 && write(fd, rec, sizeof rec) < 0) return; // nothing left to do
}

static void wait_for_input(struct iml__worker *w, const struct iml__claimed *c)
{
    struct iml_run_t *r = w->run;
    uint64_t begun = iml__now_us();
    __atomic_store_n(&w->waits_since, begun, __ATOMIC_RELAXED);
    iml__run_lock(r);
    while (r->flight[c->slot].reading) iml__run_wait(r, &r->input, UINT64_MAX);
    iml__run_unlock(r);
    __atomic_store_n(&w->waits_since, 0, __ATOMIC_RELAXED);
    __atomic_fetch_add(&w->wait_input_us, iml__now_us() - begun, __ATOMIC_RELAXED);
}

iml_status iml__worker_pack(struct iml__worker *w, const iml_out *out, size_t n,
                            const struct iml__tally *t, uint32_t nt, bool copy, iml_err *e)
{
    struct iml_run_t *r = w->run;
    iml_status st = IML_OK;
    if (!n && !nt && !w->parcel) return IML_OK;
    if (!w->parcel) {
        iml__run_lock(r);
        (void)iml__worker_parcel(w);
        iml__run_unlock(r);
    }
    struct iml__parcel *p = w->parcel;
    if (!p) st = IML_FAIL(e, IML_ENOMEM, "no memory for an item's output");
    for (size_t i = 0; i < n; i++) {
        if (st != IML_OK) {
            iml__out_release(&out[i], 1);
            continue;
        }
        for (uint32_t k = 0; k < out[i].nfrag; k++) w->item_bytes += out[i].frag[k].len;
        w->item_files++;
        st = iml__parcel_add(p, &out[i], copy, e);
    }
    return st == IML_OK ? iml__parcel_tally(p, t, nt, e) : st;
}

// A failed attempt leaves nothing but its reasons.
void iml__worker_failed(struct iml__worker *w, iml_status st, const iml_err *e, uint32_t stage)
{
    struct iml_run_t *r = w->run;
    uint64_t index = w->attempt.item.index;
    if (w->touched && r->commit) iml__commit_discard(r->commit, index);
    w->item_files = w->item_bytes = 0;
    iml__run_lock(r);
    struct iml__parcel *p = iml__worker_parcel(w);
    if (p) {
        if (p->charge.refs && !w->lost) iml__plan_unref(r->plan, &p->charge);
        iml__parcel_clear(p);
        p->status = st, p->stage = stage, p->worker = w->id;
        memcpy(p->msg, e->msg, sizeof p->msg);
    }
    enum iml_class cls = iml_status_class(st);
    if (cls == IML_CLASS_SINK || cls == IML_CLASS_BUG ||
        (cls == IML_CLASS_STOP && !__atomic_load_n(&w->attempt.told_stop, __ATOMIC_RELAXED)))
        iml__run_fail(r, st, e);
    iml__run_unlock(r);
    if (cls == IML_CLASS_RETRY && r->ctx) // what becomes bad for good is told when it is booked
        iml__log_item(r->ctx, IML__LOG_INFO, w->id, index, iml__stage_name(r->job, stage),
                      "attempt %u failed: %s", w->attempt.item.attempt + 1, e->msg);
}

// The attempt is over: noted for the next visit, or nobody's. Lock held.
void iml__worker_note_locked(struct iml__worker *w, enum iml__how how, uint64_t now)
{
    const struct iml__claimed *c = &w->queue[w->at];
    const struct iml__attempt *a = &w->attempt;
    uint64_t us = now - a->begun_us;
    __atomic_fetch_add(&w->busy_us, us, __ATOMIC_RELAXED);
    iml__hist_add(&w->hist[IML__HIST_ITEM], us * 1000, a->item.index);
    for (uint32_t bits = a->stages; bits; bits &= bits - 1) {
        int k = __builtin_ctz(bits);
        iml__hist_add(&w->hist[k], a->stage_us[k] * 1000, a->item.index);
        w->hist[k].max_bytes = IML_MAX(w->hist[k].max_bytes, a->stage_bytes[k]);
    }
    if (w->lost) {
        iml__parcel_put(w->run, &w->parcel);
        w->lost = false;
        return;
    }
    if (w->item_files) __atomic_fetch_add(&w->files, w->item_files, __ATOMIC_RELAXED);
    if (w->item_bytes) __atomic_fetch_add(&w->bytes, w->item_bytes, __ATOMIC_RELAXED);
    w->ended[w->nended++] =
        (struct iml__ended){c->slot, how, w->started, c->index, a->begun_us, now, w->parcel};
    w->parcel = NULL, w->started = false;
    w->at++;
}

void iml__worker_note(struct iml__worker *w, enum iml__how how, uint64_t now)
{
    if (w->lost) iml__run_lock(w->run);
    bool locked = w->lost;
    iml__worker_note_locked(w, how, now);
    if (locked) iml__run_unlock(w->run);
}

// --inject fail=, by the same dice as in a worker process.
static iml_status fault(struct iml__worker *w, iml_err *e)
{
#ifdef IML_INJECT
    const iml_item *it = &w->attempt.item;
    const struct iml__inject *x = &w->run->inject;
    if (x->fail > 0 &&
        iml__inject_at(x, w->run->opts.seed, it->index, it->attempt) == IML__FAULT_FAIL) {
        __atomic_store_n(&w->mark.begun_us, 0, __ATOMIC_RELAXED);
        return IML_FAIL(e, IML_EAGAIN, "item %llu: a failure on purpose",
                        (unsigned long long)it->index);
    }
#else
    (void)w, (void)e;
#endif
    return IML_OK;
}

static void run_one(struct iml__worker *w)
{
    struct iml_run_t *r = w->run;
    const struct iml__claimed c = w->queue[w->at];
    struct iml__attempt *a = &w->attempt;
    iml_out out[IML_OUT_MAX];
    iml_err e;
    size_t n = 0;
    if (c.reading) wait_for_input(w, &c);
    iml__arena_reset(&w->arena);
    iml__attempt_begin(a, c.index, c.attempt, c.reading || !w->now ? iml__now_us() : w->now);
    a->item.input = r->flight[c.slot].input, a->item.dest = c.dest;
    if (r->opts.timeout_s > 0) a->deadline_us = a->begun_us + (uint64_t)(r->opts.timeout_s * 1e6);
    w->touched = false, w->item_files = w->item_bytes = 0;
    iml__worker_suspect(w, c.index);
    iml__stall(r->stall, w->id);
    iml_status st = fault(w, &e);
    if (st == IML_OK) st = iml__attempt_run(a, out, &n, &e);
    iml__worker_suspect(w, UINT64_MAX);
    uint32_t stage = a->stage;
    uint64_t now = iml__now_us();
    w->now = now;
    if (st == IML_OK && r->conf.sink == IML__SINK_UNORDERED && n) {
        st = iml__put_now(w, c.index, out, n, &e);
        n = 0, stage = IML_STAGE_WRITE, w->now = 0;
    }
    if (st == IML_OK) st = iml__worker_pack(w, out, n, a->tally, a->ntally, false, &e);
    if (st != IML_OK) iml__worker_failed(w, st, &e, stage);
    iml__worker_note(w, iml__how_of(st), now);
}

// ---- The visit.

struct iml__due iml__run_due(const struct iml_run_t *r, iml__slot s)
{
    const struct iml__item *t = iml__plan_item(r->plan, s);
    return (struct iml__due){s, t->bad, t->tries + t->deaths, t->index};
}

// At an unordered sink what has ended is written already; only its booking is left. Lock held;
// released where that takes more than the plan's word.
void iml__worker_book(struct iml__worker *w)
{
    struct iml_run_t *r = w->run;
    struct iml__due due[IML__GRAIN_MAX];
    iml_status st[IML__GRAIN_MAX];
    iml_err e = {0};
    uint32_t n = 0;
    iml__slot s;
    while (n < IML__GRAIN_MAX && iml__plan_put(r->plan, &s) == IML__GO) {
        struct iml__due d = iml__run_due(r, s);
        if (r->commit || d.bad)
            due[n++] = d;
        else
            iml__run_put_end(r, &d, IML_OK, NULL);
    }
    if (!n) return;
    iml__run_unlock(r);
    for (uint32_t k = 0; k < n; k++) {
        st[k] = IML_ESINK;
        if (!k || st[k - 1] == IML_OK) st[k] = iml__run_book(r, &due[k], &e);
    }
    iml__run_lock(r);
    for (uint32_t k = 0; k < n; k++) iml__run_put_end(r, &due[k], st[k], &e);
}

// Up to the first item with deaths, which has to be started before it runs: it may run alone.
enum iml__answer iml__worker_take(struct iml__worker *w)
{
    struct iml_run_t *r = w->run;
    const iml__slot *q;
    iml__slot s;
    uint32_t n = iml__plan_queue(r->plan, w->id, &q), k;
    w->at = w->nqueue = 0, w->started = false;
    for (k = 0; k < n; k++) {
        const struct iml__item *t = iml__plan_item(r->plan, q[k]);
        if (k && t->deaths) break;
        w->queue[k] = (struct iml__claimed){
            q[k], r->flight[q[k]].reading, t->isolate, t->tries + t->deaths, t->index, t->dest};
        if (!t->deaths) continue;
        enum iml__answer a = iml__plan_start(r->plan, w->id, w->now, &s);
        if (a != IML__GO) return a;
        w->started = true, k++;
        break;
    }
    w->nqueue = k;
    return IML__GO;
}

// Nothing to claim: help somebody, or sleep. Lock held.
enum iml__did iml__worker_idle(struct iml__worker *w, bool start, bool wait)
{
    struct iml_run_t *r = w->run;
    if (!start && iml__split_help(w)) return IML__DID_WORK;
    if (!wait) return IML__DID_NOTHING;
    struct iml__view v = iml__plan_view(r->plan);
    bool sink = r->conf.sink != IML__SINK_UNORDERED && v.admitted - v.head >= r->conf.window;
    uint64_t begun = iml__now_us();
    __atomic_store_n(&w->waits_since, sink ? 0 : begun, __ATOMIC_RELAXED);
    iml__run_wait(r, start ? &r->start : &r->work, iml__plan_due(r->plan));
    __atomic_store_n(&w->waits_since, 0, __ATOMIC_RELAXED);
    __atomic_fetch_add(sink ? &w->wait_sink_us : &w->wait_bytes_us, iml__now_us() - begun,
                       __ATOMIC_RELAXED);
    return IML__DID_WORK;
}

static enum iml__did visit(struct iml__worker *w, bool wait)
{
    struct iml_run_t *r = w->run;
    enum iml__did did = IML__DID_WORK;
    bool told = w->nended > 0;
    iml__stall(r->stall, w->id);
    iml__run_lock(r);
    (void)iml__worker_tell(w, false);
    if (r->conf.sink == IML__SINK_UNORDERED) iml__worker_book(w);
    if (w->at == w->nqueue) {
        w->nqueue = w->at = 0;
        w->now = iml__now_us();
        switch (iml__run_claim(r, w->id, w->now)) {
        case IML__OVER: did = IML__DID_ALL; break;
        case IML__WAIT: did = iml__worker_idle(w, false, wait), w->now = 0; break;
        case IML__GO:
            if (iml__worker_take(w) == IML__WAIT) did = iml__worker_idle(w, true, wait), w->now = 0;
            break;
        }
    }
    iml__run_unlock(r);
    return told && did == IML__DID_NOTHING ? IML__DID_WORK : did;
}

static bool must_visit(const struct iml__worker *w)
{
    if (w->at == w->nqueue || !w->nended) return w->at == w->nqueue;
    uint64_t most = w->run->conf.sink == IML__SINK_UNORDERED ? TELL_US : TELL_ORDERED_US;
    return w->ended[w->nended - 1].ended_us - w->ended[0].begun_us > most ||
           __atomic_load_n(&w->run->hard, __ATOMIC_RELAXED);
}

enum iml__did iml__worker_step(struct iml__worker *w, bool wait)
{
    if (must_visit(w)) return visit(w, wait);
    if (w->queue[w->at].isolate && w->run->nursery)
        iml__remote_isolated(w);
    else
        run_one(w);
    return IML__DID_WORK;
}

// Worker states are made on the thread that uses them: libraries keep thread-local caches.
bool iml__worker_ready(struct iml__worker *w)
{
    struct iml_run_t *r = w->run;
    iml_err e = {0};
    self = w;
    if (w->state_made || r->process || !r->job->worker_init) return true;
    iml_status st = r->job->worker_init(r->job->user, (int)w->id, &w->state, &e);
    w->attempt.item.worker_state = w->state;
    w->state_made = st == IML_OK;
    if (st == IML_OK) return true;
    if (e.status != st)
        (void)IML_FAIL(&e, st, "worker %u cannot start: %s", w->id, iml_status_text(st));
    iml__run_lock(r);
    iml__run_fail(r, st, &e);
    iml__run_unlock(r);
    return false;
}

void iml__worker_leave(void) { self = NULL; }

void *iml__worker_main(void *worker)
{
    struct iml__worker *w = worker;
    enum iml__did (*step)(struct iml__worker *, bool) =
        w->run->process ? iml__remote_step : iml__worker_step;
    (void)iml__worker_ready(w); // a run that it has stopped is over at the first claim
    while (step(w, true) != IML__DID_ALL) continue;
    self = NULL;
    return NULL;
}
