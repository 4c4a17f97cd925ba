// run.h: a run: the plan, the one lock around it, and the threads that ask it what to do.
//
// worker.c runs items, split.c parts of them, prefetch.c reads ahead, run.c opens, writes, commits
// and closes, pull.c lets a caller take the items, progress.c and report.c say what happened. All
// of them follow one pattern: take the lock, tell the plan what happened and ask what is next, call
// iml__run_unlock (which passes wake-ups on and sweeps up what was dropped), do it, come back.
//
// Rules:
//  R1  Everything not marked otherwise is guarded by `lock`. The plan is never touched without it.
//  R2  Nothing slow happens under the lock: no file call, no job code, no allocation beyond a
//      parcel. The one exception is a run that stops, which sweeps up under it.
//  R3  Lock order: lock, then whatever commit.c has inside. Nobody calls back.
//  R4  A worker may run a claim's items before it tells the plan (lazily started); it tells before
//      it does anything else with the plan, so the plan sees the same story, only later.
#ifndef IML_ENGINE_RUN_H
#define IML_ENGINE_RUN_H

#include "imloom/imloom.h"
#include "src/base/arena.h"
#include "src/engine/inject.h"
#include "src/engine/item.h"
#include "src/engine/nursery.h"
#include "src/engine/plan.h"
#include "src/engine/stall.h"
#include "src/engine/watch.h"

#include <pthread.h>

// ---- What an item hands over, and why it failed: from its end until it is written.

struct iml__parcel {
    struct iml__parcel *next; // of the run's free list
    struct iml__slabs *slabs; // the run's, for copies; or NULL
    iml_out *out;             // names and fragments point into the arrays below once sealed
    iml_frag *frag;
    char *name;
    struct iml__tally *tally;
    uint32_t nout, cap_out, nfrag, cap_frag, ntally, cap_tally;
    size_t nname, cap_name;
    struct iml__charge charge; // bytes handed over and not yet written; refs 0: not charged
    bool spooled;              // some files are in the commit protocol's spool
    uint64_t tag, bytes;       // of the buffers above, each once
    iml_status status;         // of the attempt
    uint32_t stage, tries;     // stage: IML__STAGE_NONE: unknown
    uint32_t worker;           // whose it was
    int signal;
    char msg[232];
};

struct iml__flight {            // beside the plan's item, by slot
    struct iml__parcel *parcel; // or NULL: nothing handed over, nothing to say
    iml_buf *input;             // read ahead
    struct iml__split *split;   // of the running item, or NULL
    bool reading;               // an io thread has it
    bool orphan;                // dropped while an io thread has it, which then forgets it
    bool lent;                  // its output lies in the memory of worker `lender`, which waits
    uint32_t lender;
    uint32_t next;  // pull: chain of taken items
    uint64_t index; // pull
};

// ---- Times: log-linear buckets, an eighth of a power of two wide.

enum { IML__HIST_BUCKETS = 320 };
struct iml__hist {                   // of one worker; folded together for the report
    uint64_t count, max_ns, slowest; // slowest: index of the item
    uint64_t max_bytes;              // most memory an item had in it
    uint32_t bucket[IML__HIST_BUCKETS];
};
void iml__hist_add(struct iml__hist *h, uint64_t ns, uint64_t index);
void iml__hist_fold(struct iml__hist *into, const struct iml__hist *h);
void iml__hist_all(const struct iml_run_t *r, uint32_t which,
                   struct iml__hist *all);                      // of all workers, after the join
double iml__hist_quantile(const struct iml__hist *h, double q); // us
enum { IML__HIST_ITEM = IML_STAGE_MAX, IML__HISTS };            // whole items, beside the stages

// ---- Workers

struct iml__claimed {
    iml__slot slot;
    bool reading; // an io thread had its input in hand when it was claimed
    bool isolate; // has killed a run: not in this process
    uint32_t attempt;
    uint64_t index;
    void *dest;
};

struct iml__due { // an item on its way out, copied from the plan under the lock
    iml__slot slot;
    bool bad;
    uint32_t tries;
    uint64_t index;
};

struct iml__ended { // an attempt that the plan does not know of yet
    iml__slot slot;
    enum iml__how how;
    bool started;
    uint64_t index, begun_us, ended_us;
    struct iml__parcel *parcel;
};

struct iml__worker {
    struct iml__attempt attempt; // first: the ops find their worker by it
    struct iml_run_t *run;
    uint32_t id;
    pthread_t thread;
    bool has_thread;
    iml_arena arena, part_arena;
    void *state;
    bool state_made;
    struct iml__mark mark;
    // The worker's own, told to the plan at its next visit (R4).
    struct iml__claimed queue[IML__GRAIN_MAX]; // those from `at` on have not ended
    uint32_t nqueue, at;
    bool started; // the plan knows that queue[at] runs
    bool lost;    // the run stopped meanwhile: what runs belongs to nobody
    bool touched; // the attempt has written something that a failure must take back
    uint64_t item_files, item_bytes; // that the attempt has handed to the sink
    uint32_t posted;                 // process mode: of the queue, in the mailbox
    bool unacked;                    // process mode: the worker waits for an acknowledgement
    bool lent; // guarded by lock: ... because its memory holds what is being written
    struct iml__ended ended[IML__GRAIN_MAX];
    uint32_t nended;
    struct iml__parcel *parcel; // of the running attempt, or NULL
    uint64_t now;               // the end of the item before, 0: look at the clock
    uint32_t suspected;         // atomic: the record below is whole
    uint8_t suspect[48];        // what a signal handler writes
    // Sums, read by others without the lock: relaxed atomics.
    uint64_t waits_since; // atomic: for input or bytes; 0: it does not
    uint64_t waited;      // watch.c's: input and bytes by its last look
    uint64_t busy_us, wait_input_us, wait_bytes_us, wait_sink_us, files, bytes;
    struct iml__hist hist[IML__HISTS];
};

enum iml__did { IML__DID_WORK, IML__DID_NOTHING, IML__DID_ALL };

// ---- The run

struct iml_run_t {
    iml_ctx *ctx;
    const iml_job *job;
    const iml_sink_ops *sink; // NULL: pull
    iml_run_opts opts;        // a copy
    struct iml__plan_conf conf;
    struct iml__plan *plan;
    struct iml__commit *commit; // NULL: no out_dir
    struct iml__past *past;
    void *sink_state;
    struct iml__nursery *nursery; // process mode; or one worker for suspects of an earlier run
    uint64_t *only;               // sorted, unique
    uint32_t set_unit_items;      // of the whole set; conf.unit_items is 1 under --only
    bool process;
    const char *mode_why;
    uint32_t nworkers; // 0: the calling thread is worker[0]
    struct iml__worker *worker;
    struct iml__flight *flight; // [conf.window]

    pthread_mutex_t lock;
    pthread_mutex_t isolation; // one suspect at a time in the nursery of a thread run
    struct iml__cond {
        pthread_cond_t cv;
        uint32_t waiting;
    } work, start, sinker, committer, ahead, input, caller; // work: claims; start: the rest
    bool sink_busy;                                         // an ordered sink writes
    bool over;                                              // threads go home
    iml_status failed; // the first failure that ends the run, with its detail
    iml_err err;
    struct iml__parcel *parcels; // free
    struct iml__slabs *slabs;    // where buffers come from that this process makes
    uint32_t *units;             // the committer's batch, [ncommit]
    uint64_t commit_us;          // when the last one was, or nothing was there
    uint64_t *ids;
    uint32_t ncommit;
    uint32_t *taken; // pull: heads of chains by index % window

    uint64_t planned, resumed, committed, committed_ok, committed_bad;
    uint64_t cost_total, written_cost; // of what this run makes; total 0: unknown
    uint64_t retried, deaths, timeouts, peak_inflight;
    uint64_t per_class[IML_CLASS_BUG + 1]; // bad items
    uint64_t bad_seen, written; // written: or found bad; committed or not
    bool cancelled, guard, has_locks, sink_open;
    struct iml__hist write_hist; // the sink thread's own
    int input_dir;               // AT_FDCWD or input_root
    uint64_t soft_since_us;
    uint32_t hard; // atomic: workers are to give up
    uint32_t soft_links; // atomic: quarantine.c has said that it makes symbolic ones
    uint64_t begun_us, begun_cpu_us;

    pthread_t sink_thread, commit_thread, *io_thread;
    uint32_t nio;
    bool has_sink_thread, has_commit_thread;
    struct iml__progress *progress;
    uint64_t stall;            // stall.h; 0: nobody is slow on purpose
    struct iml__inject inject; // thread mode, builds with IML_INJECT: fail= alone
    struct iml__watch watch;   // the calling thread's
    uint64_t next_watch_us;
    uint64_t audits;
};

// ---- launch.c
// What auto means for this job, and why, as text for the banner; *borrowed* for ever.
void iml__run_mode(const iml_job *j, const iml_run_opts *o, int *mode, const char **why);

// ---- run.c
void iml__run_lock(struct iml_run_t *r);
void iml__run_unlock(struct iml_run_t *r); // passes wake-ups on; sweeps up what was dropped
// Waits, lock held, until woken or due (iml__now_us; UINT64_MAX: no limit). Wake-ups are passed on
// first.
void iml__run_wait(struct iml_run_t *r, struct iml__cond *c, uint64_t due_us);
void iml__run_fail(struct iml_run_t *r, iml_status st,
                   const iml_err *e); // lock held; stops the run
enum iml__answer iml__run_claim(struct iml_run_t *r, uint32_t worker, uint64_t now);
void iml__run_admitted(struct iml_run_t *r, const struct iml__view *before,
                       const struct iml__view *now);          // looks after I7
iml_status iml__run_verdict(struct iml_run_t *r, iml_err *e); // after the join
void iml__run_report(struct iml_run_t *r, const struct iml__commit_sums *sums, iml_status st,
                     iml_report *rep);
void iml__run_stop(struct iml_run_t *r, enum iml__stop why); // lock held
bool iml__run_writes(const struct iml_run_t *r); // items need more than the plan's word to be done
// Everything that makes a run but its threads; shared by iml_run_open.
iml_status iml__run_make(struct iml_run_t **r, iml_ctx *c, const iml_job *j, const iml_sink_ops *k,
                         const iml_run_opts *o, iml_err *e);
iml_status iml__run_start(struct iml_run_t *r, iml_err *e); // its threads
void iml__run_join(struct iml_run_t *r);
// After the join: gives back what items hold and ends the worker processes. Only then does the
// system count their CPU time as ours. The workers' sums stay readable.
void iml__run_reap(struct iml_run_t *r);
void iml__run_free_all(struct iml_run_t **r);
enum iml__did iml__sink_step(struct iml_run_t *r, bool wait);
enum iml__did iml__commit_step(struct iml_run_t *r, bool wait);
// A written or bad item: tells the commit protocol, links its input into quarantine. No lock.
iml_status iml__run_book(struct iml_run_t *r, const struct iml__due *d, iml_err *e);
struct iml__due iml__run_due(const struct iml_run_t *r, iml__slot s); // lock held
// An item has been written and booked, or could not be (st). Lock held.
void iml__run_put_end(struct iml_run_t *r, const struct iml__due *d, iml_status st,
                      const iml_err *e);
void iml__run_written(struct iml_run_t *r, uint64_t index); // ... counted. Lock held.
// Gives the item's memory back and frees its slot's flight. Lock held.
void iml__run_clear(struct iml_run_t *r, iml__slot s);
// The calling thread's part: cancel, progress, metrics. No lock. Returns when it is due again.
uint64_t iml__run_tick(struct iml_run_t *r, uint64_t now_us);

// A signal handler's farewell: writes the SUSPECT record of what this thread runs by write(2).
// Async-signal-safe; does nothing outside a journaled run in thread mode.
void iml__run_suspect_now(void);

// ---- worker.c
iml_status iml__worker_open(struct iml__worker *w, struct iml_run_t *r, uint32_t id, iml_err *e);
void iml__worker_close(struct iml__worker *w);
// One visit to the plan and what it hands out. wait: sleep if there is nothing (else say so).
enum iml__did iml__worker_step(struct iml__worker *w, bool wait);
void *iml__worker_main(void *worker);
bool iml__worker_ready(struct iml__worker *w); // on its own thread, before its first step
void iml__worker_leave(void);                  // the calling thread is no worker any more
// A failed attempt leaves nothing but its reasons. No lock.
void iml__worker_failed(struct iml__worker *w, iml_status st, const iml_err *e, uint32_t stage);
void iml__worker_note(struct iml__worker *w, enum iml__how how, uint64_t now_us); // it is over
void iml__worker_note_locked(struct iml__worker *w, enum iml__how how, uint64_t now_us);
void iml__worker_book(struct iml__worker *w); // lock held; may release it for a while
enum iml__how iml__how_of(iml_status st);
// Files for an ordered sink or a caller, and counts, go into the attempt's parcel. *moved*.
iml_status iml__worker_pack(struct iml__worker *w, const iml_out *out, size_t n,
                            const struct iml__tally *t, uint32_t nt, bool copy, iml_err *e);
enum iml__did iml__worker_idle(struct iml__worker *w, bool start, bool wait); // lock held
enum iml__answer iml__worker_take(struct iml__worker *w);                     // lock held
// Tells the plan what w has not told it yet; running: and that queue[at] runs. Lock held. false:
// the run has stopped hard, and what runs belongs to nobody.
bool iml__worker_tell(struct iml__worker *w, bool running);
// Of the running attempt; NULL: no memory. Lock held.
struct iml__parcel *iml__worker_parcel(struct iml__worker *w);
void iml__worker_suspect(struct iml__worker *w, uint64_t index); // UINT64_MAX: nothing runs

// ---- emit.c
extern const struct iml__attempt_ops iml__thread_ops;
// An unordered sink's files, at once. *moved*.
iml_status iml__put_now(struct iml__worker *w, uint64_t index, iml_out *out, size_t n, iml_err *e);
iml_status iml__emit_from(struct iml__worker *w, const iml_out *o, bool copy, iml_err *e);

// ---- remote.c: an attempt in a worker process; nw: which of the nursery's workers
enum iml__did iml__remote_step(struct iml__worker *w, bool wait);
void iml__remote_isolated(struct iml__worker *w); // queue[at], in a process of its own

// ---- parcel.c
struct iml__parcel *iml__parcel_get(struct iml_run_t *r);          // lock held; NULL: no memory
void iml__parcel_put(struct iml_run_t *r, struct iml__parcel **p); // lock held; drops references
void iml__parcel_clear(struct iml__parcel *p);                     // drops references, keeps memory
void iml__parcel_free(struct iml__parcel **p);
// Appends a file. Fragments are *moved*; copy: their bytes go into buffers of the heap.
iml_status iml__parcel_add(struct iml__parcel *p, const iml_out *o, bool copy, iml_err *e);
iml_status iml__parcel_tally(struct iml__parcel *p, const struct iml__tally *t, uint32_t n,
                             iml_err *e);
void iml__parcel_seal(struct iml__parcel *p); // out[] may be handed on
// Bytes of the buffers among these fragments that no file of p has yet. take: they are p's now.
uint64_t iml__parcel_weigh(struct iml__parcel *p, const iml_frag *frag, uint32_t n, bool take);

// ---- split.c
iml_status iml__split_run(struct iml__attempt *a, uint32_t n, size_t part_bytes,
                          iml_status (*part)(void *, uint32_t, iml_arena *, iml_err *), void *arg,
                          iml_err *e);
bool iml__split_help(struct iml__worker *w); // lock held, released and taken again; false: none

#endif
