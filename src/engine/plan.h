// plan.h: the engine's core: which item runs next, on which worker, and what becomes of it.
//
// A plan has no thread, clock, file or lock. Its owner (the engine's shell, or the simulator) holds
// one lock around every call, reports what happened and does what is answered. No call waits:
// IML__WAIT means "sleep until iml__plan_wake names your kind, or until iml__plan_due". After any
// hold of the lock the owner asks iml__plan_wake whom to wake, and iml__plan_dropped what to sweep.
//
// A grain in one hold: claim queues up to IML__GRAIN_MAX items for a worker. The worker may run
// what iml__plan_queue lists before it tells anybody, up to the first item with deaths, which has
// to be started first (it may have to run alone). Then it tells, in order, in one hold: start and
// end for each, or whole for those that came out well and have nothing left to write; then it
// claims again. All are O(1) an item. If a start in between answers IML__OVER the run has stopped
// hard: what ran belongs to nobody.
#ifndef IML_ENGINE_PLAN_H
#define IML_ENGINE_PLAN_H

#include "src/base/iml_attr.h"
#include "src/engine/past.h"

#define IML__NONE UINT32_MAX
#define IML__GRAIN_MAX 64u // most items of a claim
#define IML__MAILBOX 2u    // most items posted to a worker process

typedef uint32_t iml__slot; // an item in flight, from its admission until it is forgotten

enum iml__answer { IML__GO, IML__WAIT, IML__OVER };
enum iml__sink { IML__SINK_UNORDERED, IML__SINK_ORDERED, IML__SINK_PULL };
enum iml__order { IML__ORDER_INDEX, IML__ORDER_SIZE, IML__ORDER_RANDOM };
enum iml__how { IML__OK, IML__BAD, IML__RETRY, IML__TIMEOUT, IML__ABORTED }; // of attempt or part
enum iml__death { IML__DIED_SIGNAL, IML__DIED_TIMEOUT, IML__DIED_FOREIGN };  // a SIGKILL not ours
enum iml__emit { IML__EMIT_WRITE, IML__EMIT_KEEP, IML__EMIT_SPOOL };

// Soft: Ctrl-C, too many bad items. Hard: its 10 s are over, BUG, STOP. Sink: output failed.
enum iml__stop { IML__STOP_NO, IML__STOP_SOFT, IML__STOP_HARD, IML__STOP_SINK };

enum iml__state { // of an item; the diagram is in plan.c
    IML__FREE,
    IML__READY,
    IML__RUNNING,
    IML__BACKOFF,
    IML__DONE,
    IML__WRITING,
    IML__HELD,
    IML__DROPPED,
    IML__NSTATES
};

struct iml__item { // read-only outside plan.c
    enum iml__state state;
    uint32_t unit, worker, tries, deaths;
    uint64_t index, seq; // seq: place in the claim order and, at an ordered sink, in the output
    bool bad;            // fills its place without output
    bool alone;          // died of a kill perhaps meant for another: runs while none does
    bool isolate;        // has killed a whole run (SUSPECT): runs in a process of its own
    uint32_t pin;        // worker whose memory holds the output, or IML__NONE
    uint64_t est, held;  // bytes it needs itself; bytes handed over and not yet written
    uint64_t due, begun; // microseconds
    uint64_t counter;    // stands for the job's counters
    void *dest;          // pull: where the caller wants it, kept through retries
    uint32_t parts, part_next, part_out, part_failed, helpers; // iml_split
    uint64_t part_bytes;
    enum iml__how part_how;
};

struct iml__unit { // what has one record: a shard, a part of part_items indices, or one item
    uint64_t id, first;
    uint32_t count, left; // indices; of them not yet written
    uint32_t ok, bad;
    uint64_t counter;
};

struct iml__charge { // a fragment's buffer, however many files it stands in
    iml__slot item;
    uint32_t refs;
    uint64_t bytes;
};

struct iml__plan_conf {  // past, only, user *borrowed* until close
    uint64_t count;      // indices 0..count-1: the job's count or --limit, the smaller
    uint32_t unit_items; // indices a unit
    uint32_t shard, nshards;
    const uint64_t *only; // --only, sorted, unique; needs unit_items == 1. NULL: all
    uint64_t nonly;
    enum iml__order order; // of units, and inside a unit where the sink is unordered
    enum iml__sink sink;
    bool process, retry_bad;
    uint32_t workers, writers, window, ahead, io_batch, grain_hint; // all but ahead, hint: >= 1
    uint64_t budget, budget_min, unknown; // bytes; unknown: the first estimate where cost() is 0
    uint32_t max_tries, max_deaths;
    uint64_t max_bad, bad, seed;  // bad: items that earlier runs have left so, and this one leaves
    const struct iml__past *past; // NULL: none
    void *user;
    uint64_t (*cost)(void *user, uint64_t index); // bytes an item needs; NULL: all unknown
    void *(*dest)(void *user, uint64_t index);    // pull; NULL: none. Its NULL: admission waits
};

struct iml__plan;
struct iml__plan *iml__plan_open(const struct iml__plan_conf *c); // NULL: no memory
void iml__plan_close(struct iml__plan **p);

// Workers: claim fills a worker's queue, start begins its first item, end and died say what became
// of it; after died the place holds a fresh worker. Before died, forget and any end but IML__OK
// the owner has released the attempt's buffers and removed its temporary files.
enum iml__answer iml__plan_claim(struct iml__plan *p, uint32_t w, uint64_t now);
// What w has claimed and not ended, in order; *borrowed* until the next call that names w.
uint32_t iml__plan_queue(const struct iml__plan *p, uint32_t w, const iml__slot **q);
enum iml__answer iml__plan_start(struct iml__plan *p, uint32_t w, uint64_t now, iml__slot *out);
bool iml__plan_end(struct iml__plan *p, uint32_t w, enum iml__how how, uint64_t count,
                   uint64_t now); // true: write the output from the worker's memory; false: copy it
void iml__plan_unpin(struct iml__plan *p,
                     iml__slot s); // after a true: it has been copied after all
void iml__plan_died(struct iml__plan *p, uint32_t w, enum iml__death why, uint64_t now);
// Before died: what w was allowed to start it had not begun, so its death blames no item.
void iml__plan_unstart(struct iml__plan *p, uint32_t w);
// Unordered sinks: the first n items of w's queue, not started yet, are done and have nothing left
// to write: start, end, put and put_end in one. ns: how long they took together. Gives how many
// were booked: fewer than n only after a hard stop, which drops the rest.
uint32_t iml__plan_whole(struct iml__plan *p, uint32_t w, uint32_t n, uint64_t ns);
iml__slot iml__plan_ahead(struct iml__plan *p); // prefetch: admits an item and names it, or NONE

// What a running item may ask. None of these waits.
void iml__plan_grow(struct iml__plan *p, iml__slot s, uint64_t bytes); // corrects the estimate
enum iml__emit iml__plan_emit(const struct iml__plan *p, uint64_t bytes);
void iml__plan_ref(struct iml__plan *p, struct iml__charge *b);   // the first reference charges
void iml__plan_unref(struct iml__plan *p, struct iml__charge *b); // the last refunds
void iml__plan_split(struct iml__plan *p, iml__slot s, uint32_t parts, uint64_t part_bytes);
enum iml__answer iml__plan_part(struct iml__plan *p, iml__slot s, uint32_t *part); // owner's next
bool iml__plan_help(struct iml__plan *p, iml__slot *s, uint32_t *part); // for an idle worker
void iml__plan_part_end(struct iml__plan *p, iml__slot s, uint32_t part, enum iml__how how,
                        bool helper);

// Output: put and put_end for sinks, put and forget for the caller of a pull run; units to commit.
enum iml__answer iml__plan_put(struct iml__plan *p, iml__slot *out);
void iml__plan_put_end(struct iml__plan *p, iml__slot s, bool ok);
uint32_t iml__plan_commit(struct iml__plan *p, uint32_t unit[], uint32_t cap); // 0: none due
void iml__plan_hurry(struct iml__plan *p); // what is complete is due, though it fills no batch
void iml__plan_commit_end(struct iml__plan *p, const uint32_t unit[], uint32_t n, bool ok);

void iml__plan_stop(struct iml__plan *p, enum iml__stop why);
iml__slot iml__plan_dropped(struct iml__plan *p); // to clean up after, then to forget; or IML__NONE
void iml__plan_forget(struct iml__plan *p, iml__slot s);
bool iml__plan_finished(const struct iml__plan *p);
// Memory pressure or starved workers: at most workers - n of them hold claims, never fewer than
// one.
void iml__plan_park(struct iml__plan *p, uint32_t n);

struct iml__wakes {
    uint32_t claimers; // wake so many of the workers that sleep after claim (UINT32_MAX: all); one
                       // that finds more than it takes makes the next iml__plan_wake name another
    bool starters;     // all workers that sleep after start or part
    bool sink, commit, ahead;
};
struct iml__wakes iml__plan_wake(struct iml__plan *p); // and clears
// When the next retry is due: one claim then is enough to wake others. UINT64_MAX: none.
uint64_t iml__plan_due(const struct iml__plan *p);
const struct iml__item *iml__plan_item(const struct iml__plan *p, iml__slot s);
const struct iml__unit *iml__plan_unit(const struct iml__plan *p, uint32_t u);
struct iml__view {
    uint64_t inflight, taken, budget, admitted, head; // bytes; places in the claim order
    uint64_t planned, left, bad;  // indices of this run at open; not yet admitted; bad by now
    uint32_t unfinished;          // admitted and not ended
    uint32_t running, kept, busy; // items; kept by a pull run's caller; workers with claims
    uint32_t grain;               // of the next claim
    enum iml__stop stop;
};
struct iml__view iml__plan_view(const struct iml__plan *p);
const char *iml__plan_audit(const struct iml__plan *p); // the invariant that is broken, or NULL

#endif
