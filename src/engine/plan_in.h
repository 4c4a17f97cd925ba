// plan_in.h: the plan's memory, and the small functions on it that plan.c and plan_look.c share.
#ifndef IML_ENGINE_PLAN_IN_H
#define IML_ENGINE_PLAN_IN_H

#include "src/engine/cursor.h"
#include "src/engine/plan.h"

// No charge is larger, so that no sum of 2^16 of them overflows.
#define BYTES_MAX ((uint64_t)1 << 46)

struct iml__slots {
    uint32_t head, tail;
}; // linked through an array of uint32_t

struct iml__plan_worker {
    iml__slot q[IML__GRAIN_MAX]; // claimed, in claim order: n from `at` on; the first may run
    uint32_t at, n, idle_deaths;
    iml__slot pinned; // ended here and written from this worker's memory: nothing may start in it
};

struct iml__plan {
    struct iml__plan_conf c;
    struct iml__cursor cursor;
    struct iml__item *item; // [window]
    uint32_t *link;         // [window] for the lists of slots
    iml__slot *ring;        // [window] by seq mod window; not used by unordered sinks
    struct iml__slots free, ready, backoff, done, dropped;
    struct iml__unit *unit;
    uint32_t *ulink;
    struct iml__slots ufree, complete;
    struct iml__plan_worker *worker;
    uint32_t open, retry_stream;               // the unit that is being admitted
    uint64_t planned, next_est;                // next_est: of the item under the cursor
    bool next_bad, peeked, dest_waits;         // likewise; the caller has no memory free for it
    uint64_t seq, head, cut;                   // next place; next to write; first gap after a stop
    uint64_t inflight, taken, budget, typical; // bytes; taken: kept by the caller of a pull run
    uint64_t bad, complete_items, item_ns, due;
    bool hurry; // what is complete waits no longer for its batch to be full
    uint32_t in[IML__NSTATES], claimed, alone, committing, busy, parked, splitting;
    enum iml__stop stop;
    bool changed, starters; // since the last iml__plan_wake
};

// ---- Lists.

static inline struct iml__slots iml__no_slots(void)
{
    return (struct iml__slots){IML__NONE, IML__NONE};
}

static inline void push(struct iml__slots *l, uint32_t *link, uint32_t x)
{
    link[x] = IML__NONE;
    if (l->head == IML__NONE)
        l->head = x;
    else
        link[l->tail] = x;
    l->tail = x;
}

static inline void push_front(struct iml__slots *l, uint32_t *link, uint32_t x)
{
    link[x] = l->head;
    if (l->head == IML__NONE) l->tail = x;
    l->head = x;
}

static inline uint32_t pop(struct iml__slots *l, const uint32_t *link)
{
    uint32_t x = l->head;
    if (x != IML__NONE) l->head = link[x];
    return x;
}

static inline uint64_t bounded(uint64_t bytes) { return bytes < BYTES_MAX ? bytes : BYTES_MAX; }

// ---- Bytes and populations.

static inline bool live(enum iml__state s)
{
    return s == IML__READY || s == IML__RUNNING || s == IML__BACKOFF;
}

static inline uint64_t charge(const struct iml__item *t)
{
    return t->held + (live(t->state) ? t->est : 0) + t->helpers * t->part_bytes;
}

static inline uint32_t unfinished(const struct iml__plan *p)
{
    return p->in[IML__READY] + p->in[IML__RUNNING] + p->in[IML__BACKOFF];
}

static inline bool ordered(const struct iml__plan *p) { return p->c.sink != IML__SINK_UNORDERED; }

uint32_t iml__plan_grain(const struct iml__plan *p); // of the next claim

#endif
