// split.c: parts of one item on idle workers.
//
// The owner never depends on help: it takes parts itself until none is left, then waits for those
// that helpers still have. A helper is a worker without a claim; it takes one part, then looks for
// a claim again. Parts are handed out ascending, so whatever the timing, every part below a failed
// one has run, and the lowest that fails is the item's error.
#include "src/engine/run.h"

#include "src/base/cpu.h"
#include "src/base/err.h"

#include <string.h>

struct iml__split { // on the owner's stack; guarded by the run's lock, but fn and arg
    iml_status (*part)(void *arg, uint32_t k, iml_arena *a, iml_err *e);
    void *arg;
    uint64_t index;
    uint32_t lowest; // part that failed
    iml_err err;
};

// Lock held; released while the part runs.
static void run_part(struct iml_run_t *r, struct iml__split *x, iml__slot s, uint32_t k,
                     iml_arena *arena, bool helper)
{
    iml_err e = {0};
    iml__run_unlock(r);
    size_t mark = iml__arena_mark(arena);
    iml__part_arena = arena;
    iml_status st = x->part(x->arg, k, arena, &e);
    iml__part_arena = NULL;
    iml__arena_release(arena, mark);
    if (st != IML_OK && e.status != st)
        (void)IML_FAIL(&e, st, "item %llu, part %u: %s", (unsigned long long)x->index, k,
                       iml_status_text(st));
    iml__run_lock(r);
    if (st != IML_OK && k < x->lowest) x->lowest = k, x->err = e;
    iml__plan_part_end(r->plan, s, k, iml__how_of(st), helper); // the last one back wakes the owner
}

iml_status iml__split_run(struct iml__attempt *a, uint32_t n, size_t part_bytes,
                          iml_status (*part)(void *, uint32_t, iml_arena *, iml_err *), void *arg,
                          iml_err *e)
{
    struct iml__worker *w = (struct iml__worker *)a;
    struct iml_run_t *r = w->run;
    struct iml__split x = {part, arg, a->item.index, UINT32_MAX, {0}};
    uint32_t k;
    iml__run_lock(r);
    if (!iml__worker_tell(w, true)) {
        x.lowest = 0;
        (void)IML_FAIL(&x.err, IML_ECANCEL, "the run stops");
    } else {
        iml__slot s = w->queue[w->at].slot;
        enum iml__answer answer;
        r->flight[s].split = &x;
        iml__plan_split(r->plan, s, n, part_bytes);
        while ((answer = iml__plan_part(r->plan, s, &k)) != IML__OVER) {
            if (answer == IML__GO)
                run_part(r, &x, s, k, a->item.arena, false);
            else
                iml__run_wait(r, &r->start, UINT64_MAX);
        }
        if (iml__plan_item(r->plan, s)->part_how != IML__OK && x.lowest == UINT32_MAX) {
            x.lowest = 0;
            (void)IML_FAIL(&x.err, IML_ECANCEL, "the run stops");
            __atomic_store_n(&a->told_stop, 1, __ATOMIC_RELAXED);
        }
        r->flight[s].split = NULL;
    }
    iml__run_unlock(r);
    if (x.lowest == UINT32_MAX) return IML_OK;
    if (e) *e = x.err;
    return x.err.status;
}

bool iml__split_help(struct iml__worker *w)
{
    struct iml_run_t *r = w->run;
    iml__slot s;
    uint32_t k;
    if (!iml__plan_help(r->plan, &s, &k)) return false;
    uint64_t begun = iml__now_us();
    struct iml__split *x = r->flight[s].split;
    __atomic_store_n(&w->mark.index, x->index, __ATOMIC_RELAXED);
    __atomic_store_n(&w->mark.begun_us, begun, __ATOMIC_RELAXED);
    iml__worker_suspect(w, x->index);
    run_part(r, x, s, k, &w->arena, true);
    iml__worker_suspect(w, UINT64_MAX);
    __atomic_store_n(&w->mark.begun_us, 0, __ATOMIC_RELAXED);
    __atomic_fetch_add(&w->busy_us, iml__now_us() - begun, __ATOMIC_RELAXED);
    return true;
}
