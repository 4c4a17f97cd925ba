// pull.c: a run whose caller takes the items, in index order.
//
// The caller is the sink: next gives it the head of the line, and what it takes stays in flight
// until iml_run_free. What it keeps costs it slots, never the next item's admission; if it keeps
// all of them, next says so at once instead of waiting for itself. Without workers next runs the
// items itself.
#include "src/engine/run.h"

#include "src/base/cpu.h"
#include "src/base/err.h"

enum { TICK_US = 100000 };

iml_status iml_run_open(iml_ctx *c, const iml_job *j, const iml_run_opts *o, iml_run_t **out,
                        iml_err *e)
{
    *out = NULL;
    struct iml_run_t *r = NULL;
    iml_status st = iml__run_make(&r, c, j, NULL, o, e);
    if (st == IML_OK) st = iml__run_start(r, e);
    if (st == IML_OK) {
        *out = r;
        return st;
    }
    if (r) iml__run_join(r);
    iml__run_free_all(&r);
    return st;
}

// ---- Which slot an index lies in: chains by index mod window. Lock held.

static void remember(struct iml_run_t *r, iml__slot s, uint64_t index)
{
    uint32_t *head = &r->taken[index % r->conf.window];
    r->flight[s].next = *head, r->flight[s].index = index;
    *head = s;
}

static iml__slot find(struct iml_run_t *r, uint64_t index)
{
    uint32_t *at = &r->taken[index % r->conf.window];
    while (*at != IML__NONE && r->flight[*at].index != index) at = &r->flight[*at].next;
    iml__slot s = *at;
    if (s != IML__NONE) *at = r->flight[s].next;
    return s;
}

static iml_status taken(struct iml_run_t *r, iml__slot s, iml_out **out, size_t *n, uint64_t *index,
                        iml_err *e)
{
    const struct iml__item *t = iml__plan_item(r->plan, s);
    struct iml__parcel *p = r->flight[s].parcel;
    *index = t->index, *out = NULL, *n = 0;
    remember(r, s, t->index);
    if (t->bad) {
        r->bad_seen++;
        r->per_class[p ? iml_status_class(p->status) : 0]++;
        r->committed++, r->committed_bad++;
        iml_status st = p ? p->status : IML_EINPUT;
        return IML_FAIL(e, st, "%s", p ? p->msg : "bad in an earlier run");
    }
    r->committed++, r->committed_ok++;
    if (!p) return IML_OK;
    iml__parcel_seal(p);
    *out = p->out, *n = p->nout;
    return IML_OK;
}

static void poll_cancel(struct iml_run_t *r)
{
    unsigned char cancel = r->opts.cancel ? *r->opts.cancel : 0;
    if (!cancel) return;
    r->cancelled = true;
    iml__run_stop(r, cancel >= 2 ? IML__STOP_HARD : IML__STOP_SOFT);
}

iml_status iml_run_next(iml_run_t *r, int timeout_ms, iml_out **out, size_t *n, uint64_t *index,
                        iml_err *e)
{
    uint64_t now = iml__now_us();
    uint64_t end = timeout_ms < 0 ? UINT64_MAX : now + (uint64_t)timeout_ms * 1000;
    iml_status st = IML_EAGAIN;
    iml__slot s;
    *out = NULL, *n = 0, *index = UINT64_MAX;
    if (!r->nworkers) (void)iml__worker_ready(&r->worker[0]);
    iml__run_lock(r);
    for (;;) {
        poll_cancel(r);
        enum iml__answer a = iml__plan_put(r->plan, &s);
        if (a == IML__GO) {
            st = taken(r, s, out, n, index, e);
            break;
        }
        if (a == IML__OVER) {
            st = iml__run_verdict(r, e);
            if (st == IML_OK) st = IML_END;
            break;
        }
        struct iml__view v = iml__plan_view(r->plan);
        if (v.kept >= r->conf.window) {
            st = IML_FAIL(e, IML_EAGAIN, "all %u places are kept by the caller: free some first",
                          r->conf.window);
            break;
        }
        now = iml__now_us();
        if (now >= end) {
            st = IML_FAIL(e, IML_EAGAIN, "no item within %d ms", timeout_ms);
            break;
        }
        uint64_t due = IML_MIN(end, now + TICK_US);
        if (!r->nworkers) {
            iml__run_unlock(r);
            enum iml__did did = iml__worker_step(&r->worker[0], false);
            iml__run_lock(r);
            if (did == IML__DID_WORK) continue;
            due = IML_MIN(due, iml__plan_due(r->plan));
        }
        iml__run_wait(r, &r->caller, due);
    }
    iml__run_unlock(r);
    if (!r->nworkers) iml__worker_leave();
    return st;
}

void iml_run_free(iml_run_t *r, uint64_t index)
{
    iml__run_lock(r);
    iml__slot s = find(r, index);
    if (s != IML__NONE) {
        iml__run_clear(r, s);
        iml__plan_forget(r->plan, s);
    }
    iml__run_unlock(r);
}

iml_status iml_run_close(iml_run_t **rp, iml_report *rep, iml_err *e)
{
    struct iml_run_t *r = *rp;
    struct iml__commit_sums sums = {0};
    *rp = NULL;
    if (!r) return IML_OK;
    iml__run_lock(r);
    // Closed early is no failure: what nobody took is dropped.
    iml_status st = r->failed;
    if (st != IML_OK && e) *e = r->err;
    iml__run_stop(r, IML__STOP_HARD);
    for (uint32_t k = 0; k < r->conf.window; k++)
        while (r->taken[k] != IML__NONE) {
            iml__slot s = r->taken[k];
            r->taken[k] = r->flight[s].next;
            iml__run_clear(r, s);
            iml__plan_forget(r->plan, s);
        }
    iml__run_unlock(r);
    iml__run_join(r);
    iml__run_reap(r);
    if (rep) iml__run_report(r, &sums, st, rep);
    iml__run_free_all(&r);
    return st;
}
