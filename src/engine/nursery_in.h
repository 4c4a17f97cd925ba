// nursery_in.h: what the parent, the nursery and its workers share. Only nursery*.c include it.
//
// Nobody ever takes a lock in shared memory: a corpse would keep it. Every field has one writer at
// a time, named below; hand-overs are a release store, then a count that a futex waits on.
#ifndef IML_ENGINE_NURSERY_IN_H
#define IML_ENGINE_NURSERY_IN_H

#include "src/base/arena.h"
#include "src/engine/inject.h"
#include "src/engine/nursery.h"

#include <pthread.h>
#include <sys/types.h>

enum { IML__ACK_MSG = 232 };
enum { IML__ANSWER_NONE, IML__ANSWER_EMIT, IML__ANSWER_END }; // place.event
enum { IML__WORKER_NEW, IML__WORKER_READY, IML__WORKER_FAILED };

struct iml__wire_buf {
    uint64_t off, size;
}; // bytes in the worker's arena
struct iml__wire_frag {
    uint64_t buf, off, len;
}; // buf: index into the table of buffers
struct iml__wire_out {
    uint64_t name, len, frag, nfrag, flags;
}; // name: offset; frag: first of

struct iml__place { // of one worker
    // Parent to worker.
    uint32_t bell; // counts what the parent has said; the worker waits on it
    uint32_t sent; // posts so far, over all the place's workers
    struct {
        uint64_t index;
        uint32_t attempt;
    } box[IML__MAILBOX]; // post k stands in k mod 2
    uint32_t base;       // posts before this one were for the dead
    int32_t ack_status;
    char ack_msg[IML__ACK_MSG];
    // Worker to parent.
    _Alignas(128) uint32_t ring; // counts what the worker or the nursery has said
    uint32_t event;              // set by the worker, cleared by the parent: its acknowledgement
    uint32_t grows;              // counts; `grown` is the last one's
    uint64_t grown;
    uint32_t started;  // IML__WORKER_...: worker_init has been called
    uint32_t taken;    // posts so far that a worker has begun
    uint32_t running;  // 1 + number of the post that runs, 0: none
    uint64_t clock_us; // since when it uses its time limit, 0: not at all
    uint64_t index;
    int32_t status;
    iml_err err;
    uint64_t nbuf, nfrag, nout, ntally; // tables in the arena, at these offsets:
    uint64_t buf, frag, out, tally;
    uint64_t stage_us[IML_STAGE_MAX], stage_bytes[IML_STAGE_MAX], run_us;
    uint32_t stages;
    struct iml__mark mark;
    // Nursery to parent.
    _Alignas(128) uint32_t dead; // set by the nursery, cleared by the parent: then the next works
    uint32_t wait_status, death;
    // Parent to nursery.
    uint32_t kill;
};

struct iml__control {
    uint32_t stop, quit;
    uint32_t looks;              // the nursery's pulse: counts its turns
    uint32_t log_sent, log_lost; // lines that workers have said; that found the socket full
    struct iml__place place[];
};

struct iml__cot {    // the parent's side of a place; the worker's proxy alone uses it
    iml_arena arena; // a view: nothing is ever allocated in it here
    uint32_t done, grows_seen;
    bool ending, garbled;
    iml_buf *buf;
    iml_frag *frag;
    iml_out *out;
    char *names;
    struct iml__tally *tally;
    size_t cap_buf, cap_frag, cap_out, cap_names, cap_tally;
    iml_err err;
    uint64_t stage_us[IML_STAGE_MAX], stage_bytes[IML_STAGE_MAX];
};

struct iml__nursery {
    struct iml__nursery_conf c;
    struct iml__inject inject;
    struct iml__control *control;
    size_t control_size, arena_size;
    int *memfd;
    int line[2];       // a stream socket: its end says that the other side is gone
    int log[2];        // workers' log lines: they send to 0, the parent hears 1
    pthread_mutex_t log_lock; // the parent's, over the two below and the hearing
    bool has_log_lock;
    uint32_t log_heard, log_missed; // atomic
    uint32_t looks;          // guarded by log_lock, as all below: the pulse when it last moved
    uint64_t felt_us, still; // when it was last felt; how long it has stood still
    pid_t parent, pid; // pid: the nursery's, in all three kinds of process
    struct iml__cot *cot;
};

void iml__futex_wait(const uint32_t *at, uint32_t value, uint64_t timeout_us);
void iml__futex_ring(uint32_t *at);                                   // adds one and wakes
void iml__nursery_relay(struct iml__nursery *n, uint32_t w);          // in worker w's process
_Noreturn void iml__nursery_main(struct iml__nursery *n);             // nursery_fork.c
_Noreturn void iml__nursery_work(struct iml__nursery *n, uint32_t w); // nursery_work.c

#endif
