// item.c: the public calls on an item, and the judgement of what a job says of it.
//
// One rule for both modes: an attempt collects everything (counts, stage times, a failure that the
// job may try to swallow) in its own memory, and the engine looks at it once, when run has
// returned. So the calls below take no lock but those that go through the ops table, and an item
// that uses none of them costs nothing here.
#include "src/engine/item.h"

#include "src/base/arena.h"
#include "src/base/buf.h"
#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/log.h"
#include "src/base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct iml__attempt *attempt_of(const iml_item *it) { return it->engine; }

void iml__out_release(const iml_out *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < out[i].nfrag && out[i].frag; k++) {
            iml_buf *b = out[i].frag[k].data;
            if (b) iml_buf_unref(&b);
        }
}

// ---- Begin, run, end.

void iml__attempt_begin(struct iml__attempt *a, uint64_t index, uint32_t attempt, uint64_t now_us)
{
    a->item.index = index, a->item.attempt = attempt;
    a->item.input = NULL, a->item.dest = NULL, a->item.engine = a;
    a->begun_us = now_us, a->deadline_us = 0;
    __atomic_store_n(&a->told_late, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&a->told_stop, 0, __ATOMIC_RELAXED);
    a->trouble = IML_OK, a->splitting = false;
    a->ntally = 0, a->stage = IML__STAGE_NONE, a->stages = 0;
    __atomic_store_n(&a->made, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&a->mark->index, index, __ATOMIC_RELAXED);
    __atomic_store_n(&a->mark->stage, IML__STAGE_NONE, __ATOMIC_RELAXED);
    __atomic_store_n(&a->mark->begun_us, now_us ? now_us : 1, __ATOMIC_RELAXED);
}

static int by_counter(const void *x, const void *y)
{
    const struct iml__tally *a = x, *b = y;
    return a->counter < b->counter ? -1 : a->counter > b->counter;
}

static void merge_tallies(struct iml__attempt *a)
{
    if (a->ntally < 2) return;
    qsort(a->tally, a->ntally, sizeof *a->tally, by_counter);
    uint32_t n = 0;
    for (uint32_t i = 1; i < a->ntally; i++) {
        if (a->tally[i].counter == a->tally[n].counter)
            a->tally[n].add += a->tally[i].add;
        else
            a->tally[++n] = a->tally[i];
    }
    a->ntally = n + 1;
}

static void end_stage(struct iml__attempt *a, uint64_t now)
{
    if (a->stage >= IML_STAGE_MAX) return;
    uint64_t bytes = a->item.arena->peak + __atomic_load_n(&a->made, __ATOMIC_RELAXED);
    a->stage_us[a->stage] += now - a->stage_at_us;
    a->stage_bytes[a->stage] = IML_MAX(a->stage_bytes[a->stage], bytes);
}

// A file that a job hands over: what would be read where nothing is, is the job's fault, said here.
static iml_status check_out(const struct iml__attempt *a, const iml_out *o, iml_err *e)
{
    const char *fault = !o->name                            ? "has no name"
                        : o->nfrag && !o->frag              ? "has no fragments"
                        : !strcmp(o->name, "manifest.json") ? "has the manifest's name"
                                                            : NULL;
    for (uint32_t k = 0; k < o->nfrag && !fault; k++) {
        const iml_frag *f = &o->frag[k];
        if (!f->data || f->off > f->data->size || f->len > f->data->size - f->off)
            fault = "has a fragment that reaches beyond its buffer";
    }
    if (!fault) return IML_OK;
    return IML_FAIL(e, IML_EBUG, "item %llu: a file of the job %s (%.80s)",
                    (unsigned long long)a->item.index, fault, o->name ? o->name : "-");
}

// What the job says is not always what has happened: it may have swallowed a failed write, or made
// a failure of its own out of iml_cancelled's yes.
static iml_status judge(struct iml__attempt *a, iml_status st, size_t n, iml_err *e)
{
    if (a->trouble != IML_OK && iml_status_class(st) != IML_CLASS_BUG) {
        if (e) *e = a->trouble_err;
        return a->trouble;
    }
    if (st == IML_OK && n > IML_OUT_MAX)
        return IML_FAIL(e, IML_EBUG, "item %llu: the job returned %zu files, the most is %d",
                        (unsigned long long)a->item.index, n, IML_OUT_MAX);
    if (st == IML_OK) return IML_OK;
    if (__atomic_load_n(&a->told_stop, __ATOMIC_RELAXED))
        return IML_FAIL(e, IML_ECANCEL, "item %llu: given up, the run stops",
                        (unsigned long long)a->item.index);
    if (__atomic_load_n(&a->told_late, __ATOMIC_RELAXED))
        return IML_FAIL(e, IML_ETIMEOUT, "item %llu: still not done after %.1f s",
                        (unsigned long long)a->item.index,
                        (double)(a->deadline_us - a->begun_us) / 1e6);
    if (iml_status_class(st) == IML_CLASS_BUG || iml_status_class(st) == IML_CLASS_NONE) {
        if (st != IML_EBUG)
            return IML_FAIL(e, IML_EBUG, "item %llu: the job returned status %d, which is none",
                            (unsigned long long)a->item.index, st);
    }
    if (e && e->status != st)
        return IML_FAIL(e, st, "item %llu: %s", (unsigned long long)a->item.index,
                        iml_status_text(st));
    return st;
}

iml_status iml__attempt_run(struct iml__attempt *a, iml_out *out, size_t *n, iml_err *e)
{
    *n = 0;
    if (e) e->status = IML_OK, e->msg[0] = 0;
    iml_status st = a->job->run(a->job->user, &a->item, out, IML_OUT_MAX, n, e);
    size_t made = *n <= IML_OUT_MAX ? *n : 0;
    for (size_t k = 0; k < made && !st; k++) st = check_out(a, &out[k], e);
    st = judge(a, st, *n, e);
    if (st != IML_OK) {
        iml__out_release(out, made);
        *n = 0;
    }
    if (a->stage < IML_STAGE_MAX) end_stage(a, iml__now_us());
    merge_tallies(a);
    __atomic_store_n(&a->mark->begun_us, 0, __ATOMIC_RELAXED);
    return st;
}

void iml__attempt_free(struct iml__attempt *a)
{
    IML_FREE(a->tally);
    a->ntally = a->tally_cap = 0;
}

// ---- What a running item may call.

bool iml_cancelled(const iml_item *it)
{
    struct iml__attempt *a = attempt_of(it);
    if (a->ops->cancelled(a)) {
        __atomic_store_n(&a->told_stop, 1, __ATOMIC_RELAXED);
        return true;
    }
    if (!a->deadline_us || iml__now_us() < a->deadline_us) return false;
    __atomic_store_n(&a->told_late, 1, __ATOMIC_RELAXED);
    return true;
}

// Of the item's own thread: inside a part of a split it would mark somebody else's slot.
void iml_stage(iml_item *it, int stage)
{
    struct iml__attempt *a = attempt_of(it);
    if (stage < 0 || stage >= IML_STAGE_MAX || a->splitting) return;
    uint64_t now = iml__now_us();
    end_stage(a, now);
    if (!(a->stages & 1u << stage)) a->stage_us[stage] = a->stage_bytes[stage] = 0;
    a->item.arena->peak = a->item.arena->used;
    a->stages |= 1u << stage;
    a->stage = (uint32_t)stage, a->stage_at_us = now;
    __atomic_store_n(&a->mark->stage, (uint32_t)stage, __ATOMIC_RELAXED);
}

void iml_item_grow(iml_item *it, size_t bytes)
{
    struct iml__attempt *a = attempt_of(it);
    a->ops->grow(a, bytes);
}

// Parts of a split may fail at once. A failure to write is rare enough for one lock for all items.
static pthread_mutex_t trouble_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_trouble(struct iml__attempt *a, iml_status st, const iml_err *e)
{
    if (a->trouble != IML_OK) return;
    a->trouble = st, a->trouble_err = *e;
}

void iml_count(iml_item *it, uint32_t counter, uint64_t add)
{
    struct iml__attempt *a = attempt_of(it);
    iml_err e;
    if (counter >= a->job->ncounters) {
        keep_trouble(a, IML_FAIL(&e, IML_EBUG, "counter %u of %u", counter, a->job->ncounters), &e);
        return;
    }
    for (uint32_t k = a->ntally; k > 0 && a->ntally - k < 16; k--)
        if (a->tally[k - 1].counter == counter) {
            a->tally[k - 1].add += add;
            return;
        }
    if (a->ntally == a->tally_cap) {
        merge_tallies(a);
        uint32_t cap = a->ntally < a->tally_cap / 2 ? a->tally_cap : a->tally_cap * 2 + 64;
        struct iml__tally *t = a->tally;
        if (cap > a->tally_cap) t = iml__realloc(a->tally, cap, sizeof *t);
        if (!t) {
            keep_trouble(a, IML_FAIL(&e, IML_ENOMEM, "no memory to count in"), &e);
            return;
        }
        a->tally = t, a->tally_cap = cap;
    }
    a->tally[a->ntally++] = (struct iml__tally){counter, add};
}

const char *iml__stage_name(const iml_job *j, uint32_t stage)
{
    static const char *const names[IML_STAGE_MAX] = {
        "read",     "decode",   "compute",  "encode",  "write",    "stage 5",
        "stage 6",  "stage 7",  "stage 8",  "stage 9", "stage 10", "stage 11",
        "stage 12", "stage 13", "stage 14", "stage 15"};
    if (j->stage_names && stage < IML_STAGE_MAX && j->stage_names[stage])
        return j->stage_names[stage];
    return stage < IML_STAGE_MAX ? names[stage] : NULL;
}

void iml_log(iml_item *it, int level, const char *fmt, ...)
{
    const struct iml__attempt *a = attempt_of(it);
    if (!a->ctx) return;
    uint32_t stage = __atomic_load_n(&a->mark->stage, __ATOMIC_RELAXED);
    va_list ap;
    va_start(ap, fmt);
    iml__vlog_item(a->ctx, (enum iml__log_level)IML_CLAMP(level, IML_LOG_ERROR, IML_LOG_DEBUG),
                   it->worker, it->index, iml__stage_name(a->job, stage), fmt, ap);
    va_end(ap);
}

iml_status iml_emit(iml_item *it, const iml_out *o, iml_err *e)
{
    struct iml__attempt *a = attempt_of(it);
    iml_err mine;
    iml_status st = check_out(a, o, &mine);
    if (st)
        iml__out_release(o, 1);
    else
        st = a->ops->emit(a, o, &mine);
    if (st == IML_OK) return IML_OK;
    pthread_mutex_lock(&trouble_lock);
    keep_trouble(a, st, &mine);
    pthread_mutex_unlock(&trouble_lock);
    if (e) *e = mine;
    return st;
}

iml_status iml_buf_new(iml_item *it, size_t cap, iml_buf **out, iml_err *e)
{
    *out = NULL;
    struct iml__attempt *a = it ? attempt_of(it) : NULL;
    if (a) return a->ops->buf_new(a, cap, out, e);
    *out = iml__buf_heap(cap);
    return *out ? IML_OK : IML_FAIL(e, IML_ENOMEM, "no memory for a buffer of %zu bytes", cap);
}

// ---- Parts of an item.

_Thread_local iml_arena *iml__part_arena;

static iml_status split_here(struct iml__attempt *a, uint32_t n,
                             iml_status (*part)(void *, uint32_t, iml_arena *, iml_err *),
                             void *arg, iml_err *e)
{
    // Inside a part on a helper's thread the item's own arena is somebody else's.
    iml_arena *arena = iml__part_arena ? iml__part_arena : a->item.arena;
    for (uint32_t k = 0; k < n; k++) {
        if (a->ops->cancelled(a)) {
            __atomic_store_n(&a->told_stop, 1, __ATOMIC_RELAXED);
            return IML_FAIL(e, IML_ECANCEL, "the run stops");
        }
        size_t mark = iml__arena_mark(arena);
        iml_status st = part(arg, k, arena, e);
        iml__arena_release(arena, mark);
        if (st != IML_OK) return st;
    }
    return IML_OK;
}

iml_status iml_split(iml_item *it, uint32_t n, size_t part_bytes,
                     iml_status (*part)(void *arg, uint32_t k, iml_arena *a, iml_err *e), void *arg,
                     iml_err *e)
{
    struct iml__attempt *a = attempt_of(it);
    if (n < 2 || a->splitting || !a->ops->split) return split_here(a, n, part, arg, e);
    a->splitting = true;
    iml_status st = a->ops->split(a, n, part_bytes, part, arg, e);
    a->splitting = false;
    return st;
}
