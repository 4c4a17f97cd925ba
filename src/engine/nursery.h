// nursery.h: worker processes: forked before any thread exists, replaced when they die.
//
// The shell keeps one thread of its own (a proxy) per worker process: it claims from the plan,
// posts, waits, writes what comes and acknowledges. So worker.c's loop is the same in both modes:
// only "run this attempt" differs. A reply lies in the worker's memfd arena, mapped here too: it is
// *borrowed* until iml__nursery_ack, and every length in it has been checked against the arena.
// All functions but open and close are called by worker w's proxy only; kill from any thread.
#ifndef IML_ENGINE_NURSERY_H
#define IML_ENGINE_NURSERY_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"
#include "src/engine/item.h"
#include "src/engine/plan.h"

struct iml__nursery;

struct iml__nursery_conf { // *borrowed* until close
    iml_ctx *ctx;          // whose log the workers' lines go to; or NULL
    const iml_job *job;
    uint32_t workers;
    uint64_t seed, stall; // stall: see stall.h
    uint64_t
        timeout_us;     // hard limit of an attempt, counted from when the worker begins it; 0: none
    const char *inject; // iml_run_opts.inject; looked at in debug builds only
};

// Forks the nursery and its first workers. Before any thread of this library exists.
iml_status iml__nursery_open(struct iml__nursery **n, const struct iml__nursery_conf *c,
                             iml_err *e);
void iml__nursery_close(struct iml__nursery **n); // ends, kills and reaps

enum iml__event {
    IML__EVENT_NONE, // nothing came in time
    IML__EVENT_GROW, // grown is set; no acknowledgement
    IML__EVENT_EMIT, // out[0]: the worker waits for the acknowledgement
    IML__EVENT_END,  // the attempt has ended; likewise, before it begins another
    IML__EVENT_DIED  // the worker is dead and replaced: post again
};

struct iml__reply { // *borrowed* until the acknowledgement
    uint64_t index;
    uint64_t grown;
    iml_status status;  // END: what iml__attempt_run said
    const iml_err *err; // END with a failure; DIED: why no other worker can start in this place
    const iml_out *out; // EMIT: one; END: nout. Fragments wrap the worker's memory: no reference
    size_t nout;        // to them may outlive the acknowledgement
    const struct iml__tally *tally;
    uint32_t ntally;
    const uint64_t *stage_us, *stage_bytes; // [IML_STAGE_MAX]
    uint32_t stages;
    uint64_t run_us;       // of the attempt
    uint32_t stage;        // DIED: the stage it was in (IML__STAGE_NONE: it had begun nothing)
    bool begun;            // DIED: it had begun its first posted item
    enum iml__death death; // DIED
    int signal;            // DIED
    bool garbled;          // DIED: killed by us, for its reply did not hold together
};

// Posts an item to worker w, whose mailbox holds IML__MAILBOX: it begins when the ones before are
// acknowledged. false: the mailbox is full.
bool iml__nursery_post(struct iml__nursery *n, uint32_t w, uint64_t index, uint32_t attempt);
// timeout_us: UINT64_MAX: none.
enum iml__event iml__nursery_wait(struct iml__nursery *n, uint32_t w, uint64_t timeout_us,
                                  struct iml__reply *r);
// Answers EMIT (st: what iml_emit returns in the worker, msg may be NULL) and END.
void iml__nursery_ack(struct iml__nursery *n, uint32_t w, iml_status st, const char *msg);
void iml__nursery_stop(struct iml__nursery *n);             // hard: iml_cancelled says yes
void iml__nursery_kill(struct iml__nursery *n, uint32_t w); // SIGKILL; comes back as DIED, SIGNAL
void iml__nursery_hear_log(struct iml__nursery *n);         // workers' log lines; any thread
const struct iml__mark *iml__nursery_mark(const struct iml__nursery *n, uint32_t w);

#endif
