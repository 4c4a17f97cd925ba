// item.h: one attempt at an item, as the job sees it: what iml_item.engine points to.
//
// The public calls on an item (iml_emit, iml_buf_new, iml_count ...) stand in item.c and are the
// same in a worker thread and in a worker process; where the two differ they go through `ops`:
// worker.c fills them in for threads, nursery.c for worker processes. An attempt belongs to the
// thread that runs it; only what is marked atomic may be looked at by others.
#ifndef IML_ENGINE_ITEM_H
#define IML_ENGINE_ITEM_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"
#include "src/engine/commit.h"

enum { IML__STAGE_NONE = IML_STAGE_MAX }; // before the first iml_stage

// What a worker is at, for the watchdog, the progress line and signal handlers. Relaxed atomics:
// each value stands for itself, and a look that is one item late does no harm.
struct iml__mark {
    uint64_t index;    // atomic; valid while begun_us != 0
    uint64_t begun_us; // atomic; iml__now_us of the attempt's begin, 0: idle
    uint32_t stage;    // atomic
};

struct iml__attempt;

struct iml__attempt_ops {
    iml_status (*buf_new)(struct iml__attempt *a, size_t cap, iml_buf **out, iml_err *e);
    iml_status (*emit)(struct iml__attempt *a, const iml_out *o, iml_err *e); // fragments *moved*
    void (*grow)(struct iml__attempt *a, uint64_t bytes);
    bool (*cancelled)(struct iml__attempt *a); // hard stop; the deadline is looked at by item.c
    // NULL: parts run in their caller.
    iml_status (*split)(struct iml__attempt *a, uint32_t n, size_t part_bytes,
                        iml_status (*part)(void *arg, uint32_t k, iml_arena *ar, iml_err *e),
                        void *arg, iml_err *e);
};

struct iml__attempt {
    iml_item item;
    const struct iml__attempt_ops *ops;
    void *owner; // the ops' own
    iml_ctx *ctx; // for iml_log; or NULL
    const iml_job *job;
    struct iml__mark *mark;
    uint64_t begun_us, deadline_us; // deadline 0: none
    uint32_t told_late;             // atomic: iml_cancelled has said that time is up
    uint32_t told_stop;             // atomic: ... that the run stops
    iml_status trouble;             // a failure that the job must not swallow (SINK, no memory)
    iml_err trouble_err;
    bool splitting; // a split inside a part runs in its caller
    // What iml_count has summed, sparse; merged by iml__attempt_run's end. Heap, kept for reuse.
    struct iml__tally *tally;
    uint32_t ntally, tally_cap;
    uint32_t stage;
    uint64_t stage_at_us;
    uint64_t stage_us[IML_STAGE_MAX]; // of this attempt; bit in stages: was there
    uint64_t stage_bytes[IML_STAGE_MAX]; // most scratch memory and buffers in it
    uint64_t made;                       // atomic: bytes of buffers made outside the arena
    uint32_t stages;
};

// Readies a for attempt number `attempt` at index. item.arena, worker, worker_state, ops, owner,
// ctx, job, mark are set once by the owner; input, dest and deadline_us after this call.
void iml__attempt_begin(struct iml__attempt *a, uint64_t index, uint32_t attempt, uint64_t now_us);
// Calls job->run and judges what it says: a swallowed failure comes back, unknown statuses and
// counts of files are IML_EBUG, a give-up after iml_cancelled is IML_ETIMEOUT or IML_ECANCEL. e is
// always filled on failure. *n files in out[IML_OUT_MAX]; on failure their fragments are released.
// Ends the last stage and merges the tallies.
iml_status iml__attempt_run(struct iml__attempt *a, iml_out *out, size_t *n, iml_err *e);
void iml__attempt_free(struct iml__attempt *a); // the tallies' memory

// The arena of the part that this thread runs; NULL outside parts.
extern _Thread_local iml_arena *iml__part_arena;

// Of stage number `stage`; NULL: none (IML__STAGE_NONE).
const char *iml__stage_name(const iml_job *j, uint32_t stage);

// Drops the references that n files hold.
void iml__out_release(const iml_out *out, size_t n);

#endif
