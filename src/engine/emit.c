// emit.c: what a running item may ask of the engine in thread mode: buffers, early files, bytes.
//
// An unordered sink writes an early file at once under its temporary name. An ordered one sees an
// item only whole, so its files wait: charged in memory while the budget has room, beyond that in
// the commit protocol's spool. The order of an item's files must not depend on which it was, so
// before a file is spooled those that were kept go there too.
#include "src/engine/run.h"

#include "src/base/buf.h"
#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/slab.h"

static iml_status buf_new(struct iml__attempt *a, size_t cap, iml_buf **out, iml_err *e)
{
    *out = iml__slab_buf(((struct iml__worker *)a)->run->slabs, cap);
    if (*out) __atomic_fetch_add(&a->made, cap, __ATOMIC_RELAXED); // parts make some, too
    if (*out) return IML_OK;
    return IML_FAIL(e, IML_ENOMEM, "item %llu: no memory for a buffer of %zu bytes",
                    (unsigned long long)a->item.index, cap);
}

static bool cancelled(struct iml__attempt *a)
{
    const struct iml_run_t *r = ((struct iml__worker *)a)->run;
    return __atomic_load_n(&r->hard, __ATOMIC_RELAXED) || (r->opts.cancel && *r->opts.cancel >= 2);
}

static void grow(struct iml__attempt *a, uint64_t bytes)
{
    struct iml__worker *w = (struct iml__worker *)a;
    iml__run_lock(w->run);
    if (iml__worker_tell(w, true)) iml__plan_grow(w->run->plan, w->queue[w->at].slot, bytes);
    iml__run_unlock(w->run);
}

// Files and bytes are counted when they are handed to the sink; a failed attempt's are taken back.
// Parts of a split may hand over at once.
static void counted(struct iml__worker *w, const iml_out *o, size_t n)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < o[i].nfrag; k++) bytes += o[i].frag[k].len;
    __atomic_fetch_add(&w->item_files, n, __ATOMIC_RELAXED);
    __atomic_fetch_add(&w->item_bytes, bytes, __ATOMIC_RELAXED);
}

iml_status iml__put_now(struct iml__worker *w, uint64_t index, iml_out *out, size_t n, iml_err *e)
{
    struct iml_run_t *r = w->run;
    counted(w, out, n);
    if (!r->commit && !r->sink->put) {
        iml__out_release(out, n);
        return IML_OK;
    }
    uint64_t begun = iml__now_us();
    __atomic_store_n(&w->touched, true, __ATOMIC_RELAXED);
    iml_status st = r->commit ? iml__commit_put(r->commit, index, out, n, e)
                              : r->sink->put(r->sink_state, index, out, n, e);
    uint64_t us = iml__now_us() - begun;
    __atomic_fetch_add(&w->wait_sink_us, us, __ATOMIC_RELAXED);
    // The histogram is the owner's; what helpers write is in the part's time.
    if (!iml__part_arena) iml__hist_add(&w->hist[IML_STAGE_WRITE], us * 1000, index);
    if (st == IML_OK || st == IML_EBUG) return st;
    if (e && st != IML_ESINK) e->status = IML_ESINK; // I6: never an item's failure
    return IML_ESINK;
}

// Hands all that p has kept to the spool, in order. No lock; the charge is the caller's affair.
static iml_status spool_kept(struct iml__worker *w, struct iml__parcel *p, uint64_t index,
                             iml_err *e)
{
    iml_status st = IML_OK;
    iml__parcel_seal(p);
    uint32_t nout = p->nout;
    p->nout = p->nfrag = 0, p->nname = 0, p->tag = p->bytes = 0; // moved one by one below
    for (uint32_t i = 0; i < nout; i++) {
        if (st == IML_OK)
            st = iml__commit_spool(w->run->commit, index, &p->out[i], e);
        else
            iml__out_release(&p->out[i], 1);
    }
    return st;
}

static void recharge(struct iml_run_t *r, struct iml__parcel *p, iml__slot s)
{
    if (p->charge.refs) iml__plan_unref(r->plan, &p->charge);
    p->charge = (struct iml__charge){.item = s, .bytes = p->bytes};
    if (p->bytes) iml__plan_ref(r->plan, &p->charge);
}

static iml_status emit_ordered(struct iml__worker *w, const iml_out *o, bool copy, iml_err *e)
{
    struct iml_run_t *r = w->run;
    iml_status st = IML_OK;
    iml__run_lock(r);
    bool ours = iml__worker_tell(w, true);
    struct iml__parcel *p = iml__worker_parcel(w);
    if (!ours || !p) {
        iml__run_unlock(r);
        iml__out_release(o, 1);
        if (!ours) return IML_FAIL(e, IML_ECANCEL, "the run stops");
        return IML_FAIL(e, IML_ENOMEM, "no memory to keep the file %s", o->name);
    }
    uint64_t index = w->attempt.item.index, more = iml__parcel_weigh(p, o->frag, o->nfrag, false);
    iml__slot s = w->queue[w->at].slot;
    // Without a commit protocol there is no spool; the caller's own sink takes what it gets.
    bool keep = !r->commit || iml__plan_emit(r->plan, more) == IML__EMIT_KEEP;
    counted(w, o, 1);
    if (keep) {
        st = iml__parcel_add(p, o, copy, e);
        recharge(r, p, s);
        iml__run_unlock(r);
        return st;
    }
    iml__run_unlock(r);
    w->touched = true;
    st = spool_kept(w, p, index, e);
    iml_out moved = *o;
    if (st == IML_OK)
        st = iml__commit_spool(r->commit, index, &moved, e);
    else
        iml__out_release(o, 1);
    iml__run_lock(r);
    if (!w->lost) recharge(r, p, s);
    p->spooled = true;
    iml__run_unlock(r);
    return st;
}

iml_status iml__emit_from(struct iml__worker *w, const iml_out *o, bool copy, iml_err *e)
{
    struct iml_run_t *r = w->run;
    if (r->conf.sink == IML__SINK_UNORDERED) {
        iml_out moved = *o;
        return iml__put_now(w, w->attempt.item.index, &moved, 1, e);
    }
    bool part = w->attempt.splitting; // its files would stand in the order of chance
    if (r->conf.sink == IML__SINK_ORDERED && !part) return emit_ordered(w, o, copy, e);
    iml__out_release(o, 1);
    if (part && r->conf.sink == IML__SINK_ORDERED)
        return IML_FAIL(e, IML_EBUG, "iml_emit inside a part of a split, at an ordered sink");
    return IML_FAIL(e, IML_EARG, "iml_emit does not work in a run whose caller takes the items");
}

static iml_status emit(struct iml__attempt *a, const iml_out *o, iml_err *e)
{
    return iml__emit_from((struct iml__worker *)a, o, false, e);
}

const struct iml__attempt_ops iml__thread_ops = {buf_new, emit, grow, cancelled, iml__split_run};
