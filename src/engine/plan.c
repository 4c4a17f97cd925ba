// plan.c: claim, admit, run, retry, write, commit: the engine as a state machine.
//
// An item in flight:
//
//   cursor --admit--> READY --start--> RUNNING --end--> DONE --put--> WRITING --put_end--> gone
//                       ^                 |                             (pull: HELD --forget-->)
//                       |                 |
//                       +-- BACKOFF <-----+ class RETRY, timeout of a thread
//                       +-----------------+ death: first and alone in its worker's place
//
//   READY, BACKOFF at a soft stop; RUNNING as it ends after a hard one; DONE behind a gap of an
//   ordered sink; everything after a sink failure: --> DROPPED --forget--> gone, not booked
//
// A unit (a shard, a part of an aggregate, or one item):
//
//   OPEN --its last index is written--> COMPLETE --commit--> COMMITTING --commit_end--> recorded
//
// Invariants:
//  P1  An item in flight has one slot and one place: the ready list, a worker's queue, backoff, the
//      done list or ring, a writer or caller, the dropped list.
//  P2  Claims follow the cursor; what does not fit is waited for, never passed by. Until its last
//      byte is written an item keeps its slot, its place in the output and its estimate: a retry is
//      not admitted again. So the oldest item needs nothing that a later one holds, and everything
//      in flight can end: no deadlock.
//  P3  inflight = the sum of charge(): estimate, buffers handed over and helpers' arenas until an
//      item ends, then its buffers.
//  P4  Only admission and a split's helpers ask for bytes, and get them if inflight stays within
//      the budget, or if nothing is in flight but what a pull run's caller keeps. grow, emit and
//      end never wait. So (I7) inflight <= max(budget, one item admitted alone) + what the items
//      that were claimed and not ended at the last admission have grown since.
//  P5  An ordered sink and a pull run get items whole and in claim order, inside a unit in index
//      order; a bad item fills its place. After a stop they get those before the first gap.
//  P6  An item is written at most once a run; a unit is committed once, after its last index.
//  P7  A failed attempt leaves nothing: no bytes, no counts, no file. Nothing but an item's own
//      ending books it as bad.
//  P8  Whoever sleeps on IML__WAIT is named by iml__plan_wake once it could go on; of claimers one
//      at a time, and one that leaves something to claim makes the next be named.
//
// Rejected, each for a deadlock or an item left behind that the simulator shows: a retry that is
// admitted again (its bytes go to later items, which wait for it at the sink); an emit that waits
// for its turn (all workers wait while a retry is due); output that stays in a worker process until
// it is written; a window counted to commit (shorter than a shard, it never moves). For the like
// reasons: inputs read ahead of admission; a retry after a death for any fresh worker.
#include "src/engine/plan.h"

#include "src/base/rng.h"
#include "src/engine/plan_in.h"

#include <string.h>

#define GRAIN_NS 500000u
#define RETRY_US 50000u

// ---- One place where states change, so that bytes and populations always follow.

static void become(struct iml__plan *p, iml__slot s, enum iml__state to)
{
    struct iml__item *t = &p->item[s];
    enum iml__state from = t->state;
    p->in[from]--, p->in[to]++;
    if (from == IML__HELD) p->taken -= t->held;
    if (to == IML__HELD) p->taken += t->held;
    if (from == IML__RUNNING && t->parts) p->splitting--;
    if (live(from) && !live(to)) p->inflight -= t->est;
    if (!live(from) && live(to)) p->inflight += t->est;
    t->state = to;
    p->changed = true;
}

static bool exhausted(const struct iml__plan *p) { return p->stop || !p->cursor.left; }

static bool drained(const struct iml__plan *p)
{
    return exhausted(p) && p->in[IML__FREE] + p->in[IML__HELD] == p->c.window;
}

static void discard(struct iml__plan *p, iml__slot s)
{
    become(p, s, IML__DROPPED);
    push(&p->dropped, p->link, s);
}

// An item leaves undone. At an ordered sink nothing behind it can be written any more.
static void drop(struct iml__plan *p, iml__slot s)
{
    uint64_t seq = p->item[s].seq, end = p->cut < p->seq ? p->cut : p->seq;
    discard(p, s);
    if (seq < p->cut) p->cut = seq;
    for (uint64_t q = seq + 1; ordered(p) && q < end; q++) {
        iml__slot x = p->ring[q % p->c.window];
        if (p->item[x].state == IML__DONE && p->item[x].seq == q) discard(p, x);
    }
}

static void settle(struct iml__plan *p, iml__slot s, bool bad)
{
    struct iml__item *t = &p->item[s];
    t->bad = bad;
    if (p->stop >= IML__STOP_HARD || (ordered(p) && t->seq > p->cut)) {
        drop(p, s);
        return;
    }
    become(p, s, IML__DONE);
    if (!ordered(p)) push(&p->done, p->link, s);
}

static void back_off(struct iml__plan *p, iml__slot s, uint64_t due)
{
    if (p->stop) {
        drop(p, s);
        return;
    }
    p->item[s].due = due;
    if (due < p->due) p->due = due;
    become(p, s, IML__BACKOFF);
    push(&p->backoff, p->link, s);
}

// ---- Admission. What comes next is looked at once, however often it is asked whether it fits.

static bool peek(struct iml__plan *p)
{
    if (p->peeked) return true;
    if (!iml__cursor_in_unit(&p->cursor)) {
        uint32_t x = p->ufree.head;
        if (x == IML__NONE || !iml__cursor_next_unit(&p->cursor))
            return false; // commits are behind
        (void)pop(&p->ufree, p->ulink);
        uint64_t u = p->cursor.unit;
        p->unit[x] = (struct iml__unit){.id = u, .first = u * p->c.unit_items};
        p->unit[x].count = p->unit[x].left = p->cursor.count;
        p->open = x;
    }
    uint64_t i = iml__cursor_index(&p->cursor), cost = p->c.cost ? p->c.cost(p->c.user, i) : 0;
    p->next_bad = p->c.past && !p->c.retry_bad && iml__past_is_bad(p->c.past, i);
    p->next_est = p->next_bad ? 0 : bounded(cost);
    return p->peeked = true;
}

// What a pull run's caller keeps costs it slots, never bytes.
static bool fits(const struct iml__plan *p)
{
    uint64_t est = p->next_est || p->next_bad ? p->next_est : p->typical;
    return p->inflight + est <= p->budget || p->inflight == p->taken;
}

static bool admissible(struct iml__plan *p)
{
    return !p->stop && p->free.head != IML__NONE && peek(p) && fits(p);
}

static iml__slot admit(struct iml__plan *p)
{
    while (admissible(p)) {
        uint64_t i = iml__cursor_index(&p->cursor);
        void *dest = p->c.dest && !p->next_bad ? p->c.dest(p->c.user, i) : NULL;
        p->dest_waits = p->c.dest && !p->next_bad && !dest;
        if (p->dest_waits) break;
        iml__slot s = pop(&p->free, p->link);
        uint32_t deaths = p->c.past ? iml__past_deaths(p->c.past, i) : 0;
        uint64_t est = p->next_est || p->next_bad ? p->next_est : p->typical;
        struct iml__item *t = &p->item[s];
        // One by one: cleared as a whole it cost a quarter of an empty item (rep stos). What is not
        // named is set by start and by split.
        t->index = i, t->seq = p->seq++, t->unit = p->open, t->est = est, t->dest = dest;
        t->tries = 0, t->deaths = deaths, t->isolate = deaths > 0, t->bad = t->alone = false;
        t->pin = IML__NONE, t->held = t->counter = 0, t->parts = t->helpers = 0;
        if (ordered(p)) p->ring[t->seq % p->c.window] = s;
        iml__cursor_pass(&p->cursor);
        p->peeked = false;
        become(p, s, IML__READY);
        if (!p->next_bad) return s;
        settle(p, s, true); // the journal remembers it: it fills its place without a worker
    }
    return IML__NONE;
}

// ---- Workers.

// At least half a millisecond of work a claim; single items near the end; room for all workers.
uint32_t iml__plan_grain(const struct iml__plan *p)
{
    if (p->cursor.left < 4 * (uint64_t)p->c.workers) return 1;
    if (p->c.process) return IML__MAILBOX;
    uint64_t g = p->item_ns ? GRAIN_NS / p->item_ns : 1, hint = p->c.grain_hint;
    uint64_t room = p->c.window / (2 * (uint64_t)p->c.workers);
    if (g < 1) g = 1;
    if (hint > 1) g = (g + hint - 1) / hint * hint;
    if (g > room) g = room;
    return g < 1 ? 1 : g > IML__GRAIN_MAX ? IML__GRAIN_MAX : (uint32_t)g;
}

static uint32_t most_busy(const struct iml__plan *p)
{
    return p->parked < p->c.workers ? p->c.workers - p->parked : 1;
}

static void ripen(struct iml__plan *p, uint64_t now)
{
    if (now < p->due) return;
    struct iml__slots later = iml__no_slots();
    p->due = UINT64_MAX;
    for (iml__slot s; (s = pop(&p->backoff, p->link)) != IML__NONE;) {
        if (p->item[s].due > now) {
            if (p->item[s].due < p->due) p->due = p->item[s].due;
            push(&later, p->link, s);
            continue;
        }
        become(p, s, IML__READY);
        push_front(&p->ready, p->link, s);
    }
    p->backoff = later;
}

static uint32_t ahead(const struct iml__plan *p)
{
    return p->in[IML__READY] + p->in[IML__RUNNING] - p->claimed; // admitted, claimed by nobody
}

iml__slot iml__plan_ahead(struct iml__plan *p)
{
    iml__slot s = ahead(p) < p->c.ahead && !p->alone ? admit(p) : IML__NONE;
    if (s != IML__NONE) push(&p->ready, p->link, s);
    return s;
}

static bool over(const struct iml__plan *p) { return exhausted(p) && (p->stop || !unfinished(p)); }

enum iml__answer iml__plan_claim(struct iml__plan *p, uint32_t w, uint64_t now)
{
    struct iml__plan_worker *k = &p->worker[w];
    uint32_t want = iml__plan_grain(p), had = k->n;
    ripen(p, now);
    if (!k->n && p->busy >= most_busy(p)) return over(p) ? IML__OVER : IML__WAIT;
    if (k->at) memmove(k->q, k->q + k->at, k->n * sizeof *k->q);
    k->at = 0;
    // A suspect is alone in its queue; while one waits to run alone in the engine, nobody claims.
    while (k->n < want && !p->alone && !(k->n && p->item[k->q[0]].deaths)) {
        iml__slot s = pop(&p->ready, p->link);
        if (s == IML__NONE) s = admit(p);
        if (s == IML__NONE) break;
        if (k->n && p->item[s].deaths) {
            push_front(&p->ready, p->link, s);
            break;
        }
        k->q[k->n++] = s, p->claimed++;
    }
    p->busy += !had && k->n;
    if (k->n) return IML__GO;
    return over(p) ? IML__OVER : IML__WAIT;
}

uint32_t iml__plan_queue(const struct iml__plan *p, uint32_t w, const iml__slot **q)
{
    *q = p->worker[w].q + p->worker[w].at;
    return p->worker[w].n;
}

static iml__slot unqueue(struct iml__plan *p, struct iml__plan_worker *k)
{
    iml__slot s = k->q[k->at++];
    p->claimed--;
    if (!--k->n) p->busy--;
    p->alone -= p->item[s].alone, p->item[s].alone = false;
    p->changed = p->starters = true;
    return s;
}

enum iml__answer iml__plan_start(struct iml__plan *p, uint32_t w, uint64_t now, iml__slot *out)
{
    struct iml__plan_worker *k = &p->worker[w];
    while (p->stop >= IML__STOP_HARD && k->n) drop(p, unqueue(p, k));
    if (!k->n) return p->stop ? IML__OVER : IML__WAIT;
    iml__slot s = k->q[k->at];
    struct iml__item *t = &p->item[s];
    bool crowd = p->in[IML__RUNNING] || p->claimed > p->alone; // suspects go one after the other
    if (k->pinned != IML__NONE || (t->alone && crowd)) return IML__WAIT;
    t->worker = w, t->begun = now, t->parts = 0, t->counter = 0;
    become(p, s, IML__RUNNING);
    *out = s;
    return IML__GO;
}

// True: the output may stay in the worker process, to be written now. Such a process never waits
// for the sink with its memory full: what cannot be written at once is copied out.
static bool stays(const struct iml__plan *p, const struct iml__item *t)
{
    if (!p->c.process || t->state != IML__DONE || t->bad) return false;
    if (p->c.sink == IML__SINK_UNORDERED) return p->in[IML__WRITING] < p->c.writers;
    return p->c.sink == IML__SINK_ORDERED && t->seq == p->head && !p->in[IML__WRITING];
}

static void took(struct iml__plan *p, uint64_t ns)
{
    p->item_ns = p->item_ns ? (7 * p->item_ns + ns) / 8 : ns;
    if (!p->item_ns) p->item_ns = 1;
}

static void weighed(struct iml__plan *p, uint64_t used)
{
    p->typical = used > p->typical ? bounded(used) : (7 * p->typical + used) / 8;
}

static uint64_t retry_at(const struct iml__plan *p, const struct iml__item *t, uint64_t now)
{
    iml_rng r = iml__rng_slot(p->c.seed, t->index, p->retry_stream, t->tries);
    uint32_t k = t->tries - 1 < 8 ? t->tries - 1 : 8;
    return now + ((uint64_t)RETRY_US << (2 * k)) + iml_rng_bounded(&r, RETRY_US);
}

bool iml__plan_end(struct iml__plan *p, uint32_t w, enum iml__how how, uint64_t count, uint64_t now)
{
    iml__slot s = unqueue(p, &p->worker[w]);
    struct iml__item *t = &p->item[s];
    p->worker[w].idle_deaths = 0;
    took(p, now > t->begun ? 1000 * (now - t->begun) : 0);
    weighed(p, charge(t));
    switch (how) {
    case IML__OK: t->counter = count, settle(p, s, false); break;
    case IML__BAD: settle(p, s, true); break;
    case IML__RETRY:
        if (++t->tries >= p->c.max_tries)
            settle(p, s, true);
        else
            back_off(p, s, retry_at(p, t, now));
        break;
    case IML__TIMEOUT: // of a thread, which ended itself: counted as a death
        if (++t->deaths >= p->c.max_deaths)
            settle(p, s, true);
        else
            back_off(p, s, now);
        break;
    case IML__ABORTED: // nothing behind it could be written
        iml__plan_stop(p, IML__STOP_HARD);
        drop(p, s);
        break;
    }
    if (!stays(p, t)) return false;
    p->worker[w].pinned = s, t->pin = w;
    return true;
}

void iml__plan_unpin(struct iml__plan *p, iml__slot s)
{
    struct iml__item *t = &p->item[s];
    if (t->pin == IML__NONE) return;
    p->worker[t->pin].pinned = IML__NONE, t->pin = IML__NONE;
    p->changed = p->starters = true;
}

static void drop_waiting(struct iml__plan *p)
{
    for (iml__slot s; (s = pop(&p->ready, p->link)) != IML__NONE;) drop(p, s);
    for (iml__slot s; (s = pop(&p->backoff, p->link)) != IML__NONE;) drop(p, s);
    p->due = UINT64_MAX;
}

void iml__plan_unstart(struct iml__plan *p, uint32_t w)
{
    const struct iml__plan_worker *k = &p->worker[w];
    if (k->n && p->item[k->q[k->at]].state == IML__RUNNING) become(p, k->q[k->at], IML__READY);
}

void iml__plan_died(struct iml__plan *p, uint32_t w, enum iml__death why, uint64_t now)
{
    struct iml__plan_worker *k = &p->worker[w];
    bool begun = k->n && p->item[k->q[k->at]].state == IML__RUNNING;
    uint64_t half = p->budget / 2 < p->c.budget_min ? p->c.budget_min : p->budget / 2;
    if (why == IML__DIED_FOREIGN && half < p->budget) p->budget = half;
    p->changed = p->starters = true;
    // What it had not begun goes back to the front, in order: it is nobody's fault.
    for (; k->n > (begun ? 1u : 0u); p->claimed--) {
        iml__slot s = k->q[k->at + --k->n];
        p->alone -= p->item[s].alone, p->item[s].alone = false; // from now on as any retry
        push_front(&p->ready, p->link, s);
        if (!k->n) p->busy--;
    }
    if (!begun && ++k->idle_deaths == 3) iml__plan_stop(p, IML__STOP_HARD);
    if (p->stop) drop_waiting(p);
    if (!begun) return;
    iml__slot s = k->q[k->at];
    struct iml__item *t = &p->item[s];
    bool bystander = why == IML__DIED_FOREIGN && !t->alone;
    k->idle_deaths = 0, t->deaths++, t->begun = now;
    if (p->stop >= IML__STOP_HARD)
        drop(p, unqueue(p, k));
    else if (t->deaths >= p->c.max_deaths && !bystander)
        settle(p, unqueue(p, k), true);
    else if (p->stop)
        drop(p, unqueue(p, k));
    else {
        if (bystander && !t->alone) t->alone = true, p->alone++;
        become(p, s, IML__READY); // stays in this place, whose replacement begins with it
    }
}

// ---- What a running item may ask.

void iml__plan_grow(struct iml__plan *p, iml__slot s, uint64_t bytes)
{
    p->inflight -= p->item[s].est;
    p->item[s].est = bounded(bytes); // for a retry too: what it gave back may be gone
    p->inflight += p->item[s].est;
    p->changed = true;
}

// An ordered sink sees an item only whole: a file handed over early waits in memory while the
// budget has room, else on disk.
enum iml__emit iml__plan_emit(const struct iml__plan *p, uint64_t bytes)
{
    if (!ordered(p)) return IML__EMIT_WRITE;
    return p->inflight + bounded(bytes) <= p->budget ? IML__EMIT_KEEP : IML__EMIT_SPOOL;
}

void iml__plan_ref(struct iml__plan *p, struct iml__charge *b)
{
    if (b->refs++) return;
    b->bytes = bounded(b->bytes);
    p->item[b->item].held += b->bytes, p->inflight += b->bytes;
}

void iml__plan_unref(struct iml__plan *p, struct iml__charge *b)
{
    if (--b->refs) return;
    struct iml__item *t = &p->item[b->item];
    t->held -= b->bytes, p->inflight -= b->bytes;
    if (t->state == IML__HELD) p->taken -= b->bytes;
    p->changed = true;
}

void iml__plan_split(struct iml__plan *p, iml__slot s, uint32_t parts, uint64_t part_bytes)
{
    struct iml__item *t = &p->item[s];
    if (t->parts) p->splitting--;
    if (parts) p->splitting++;
    t->parts = parts, t->part_next = t->part_out = 0, t->part_failed = IML__NONE;
    t->part_bytes = bounded(part_bytes), t->part_how = IML__OK;
    p->changed = true;
}

static bool part_left(const struct iml__plan *p, const struct iml__item *t)
{
    return t->state == IML__RUNNING && t->part_next < t->parts && t->part_how == IML__OK &&
           p->stop < IML__STOP_HARD;
}

enum iml__answer iml__plan_part(struct iml__plan *p, iml__slot s, uint32_t *part)
{
    struct iml__item *t = &p->item[s];
    if (part_left(p, t)) {
        *part = t->part_next++, t->part_out++;
        return IML__GO;
    }
    if (t->part_out) return IML__WAIT;
    if (t->part_how == IML__OK && t->part_next < t->parts) t->part_how = IML__ABORTED;
    return IML__OVER;
}

// Parts of a process stay in it.
static struct iml__item *to_help(const struct iml__plan *p, iml__slot *s)
{
    for (uint32_t w = 0; p->splitting && !p->c.process && !p->alone && w < p->c.workers; w++) {
        const struct iml__plan_worker *k = &p->worker[w];
        if (!k->n) continue;
        struct iml__item *t = &p->item[ *s = k->q[k->at]];
        if (part_left(p, t) && p->inflight + t->part_bytes <= p->budget) return t;
    }
    return NULL;
}

// A helper's arena is charged while it helps; one that does not fit stays out.
bool iml__plan_help(struct iml__plan *p, iml__slot *s, uint32_t *part)
{
    struct iml__item *t = to_help(p, s);
    if (!t) return false;
    p->inflight += t->part_bytes, t->helpers++;
    *part = t->part_next++, t->part_out++;
    p->changed = true;
    return true;
}

// Parts are handed out ascending, so all below a failed one run: the lowest that fails is always
// the same.
void iml__plan_part_end(struct iml__plan *p, iml__slot s, uint32_t part, enum iml__how how,
                        bool helper)
{
    struct iml__item *t = &p->item[s];
    if (how != IML__OK && part < t->part_failed) t->part_failed = part, t->part_how = how;
    if (helper) p->inflight -= t->part_bytes, t->helpers--;
    t->part_out--;
    p->changed = p->starters = true;
}

// ---- Output.

static void written(struct iml__plan *p, const struct iml__item *t)
{
    struct iml__unit *u = &p->unit[t->unit];
    u->ok += !t->bad, u->bad += t->bad, u->counter += t->counter;
    p->bad += t->bad;
    if (p->bad > p->c.max_bad) iml__plan_stop(p, IML__STOP_SOFT);
    if (--u->left) return;
    if (p->c.sink == IML__SINK_PULL) {
        push_front(&p->ufree, p->ulink, t->unit);
        return;
    }
    push(&p->complete, p->ulink, t->unit);
    p->complete_items += u->count;
}

static bool writable(const struct iml__plan *p)
{
    if (p->stop == IML__STOP_SINK) return false;
    if (!ordered(p)) return p->done.head != IML__NONE && p->in[IML__WRITING] < p->c.writers;
    if (p->head >= p->seq || p->head >= p->cut || p->in[IML__WRITING]) return false;
    return p->item[p->ring[p->head % p->c.window]].state == IML__DONE;
}

enum iml__answer iml__plan_put(struct iml__plan *p, iml__slot *out)
{
    if (!writable(p)) return p->stop == IML__STOP_SINK || drained(p) ? IML__OVER : IML__WAIT;
    iml__slot s = ordered(p) ? p->ring[p->head % p->c.window] : pop(&p->done, p->link);
    *out = s;
    if (p->c.sink == IML__SINK_PULL) {
        p->head++;
        become(p, s, IML__HELD);
        written(p, &p->item[s]);
    } else {
        become(p, s, IML__WRITING);
    }
    return IML__GO;
}

void iml__plan_forget(struct iml__plan *p, iml__slot s)
{
    iml__plan_unpin(p, s);
    become(p, s, IML__FREE);
    push_front(&p->free, p->link, s); // still in the cache
    p->dest_waits = false;
}

void iml__plan_put_end(struct iml__plan *p, iml__slot s, bool ok)
{
    if (!ok) iml__plan_stop(p, IML__STOP_SINK);
    if (p->stop == IML__STOP_SINK) {
        drop(p, s);
        return;
    }
    if (ordered(p)) p->head++;
    written(p, &p->item[s]);
    iml__plan_forget(p, s);
}

uint32_t iml__plan_whole(struct iml__plan *p, uint32_t w, uint32_t n, uint64_t ns)
{
    struct iml__plan_worker *k = &p->worker[w];
    uint32_t done = 0;
    p->worker[w].idle_deaths = 0;
    if (n) took(p, ns / n);
    for (; done < n && p->stop < IML__STOP_HARD; done++) {
        iml__slot s = unqueue(p, k);
        weighed(p, p->item[s].est);
        written(p, &p->item[s]);
        iml__plan_forget(p, s);
    }
    while (p->stop >= IML__STOP_HARD && k->n) drop(p, unqueue(p, k));
    return done;
}

static bool commit_due(const struct iml__plan *p)
{
    if (p->stop == IML__STOP_SINK || p->committing || p->complete.head == IML__NONE) return false;
    return p->complete_items >= p->c.io_batch || p->hurry || drained(p);
}

void iml__plan_hurry(struct iml__plan *p) { p->hurry = p->complete.head != IML__NONE; }

// A batch is due when it is full or nothing else can come; what waits for it holds no slot or bytes
uint32_t iml__plan_commit(struct iml__plan *p, uint32_t unit[], uint32_t cap)
{
    uint32_t n = 0;
    uint64_t items = 0;
    if (!commit_due(p)) return 0;
    for (uint32_t u; n < cap && items < p->c.io_batch; n++) {
        if ((u = pop(&p->complete, p->ulink)) == IML__NONE) break;
        unit[n] = u, items += p->unit[u].count;
    }
    p->complete_items -= items;
    p->committing = n, p->hurry = false;
    return n;
}

void iml__plan_commit_end(struct iml__plan *p, const uint32_t unit[], uint32_t n, bool ok)
{
    if (!ok) iml__plan_stop(p, IML__STOP_SINK);
    for (uint32_t k = 0; k < n; k++) push_front(&p->ufree, p->ulink, unit[k]);
    p->committing = 0;
    p->changed = true;
}

// ---- Stop.

void iml__plan_stop(struct iml__plan *p, enum iml__stop why)
{
    if (why <= p->stop) return;
    p->stop = why;
    p->changed = p->starters = true;
    drop_waiting(p);
    for (iml__slot s = 0; why == IML__STOP_SINK && s < p->c.window; s++)
        if (p->item[s].state == IML__DONE) drop(p, s);
    if (why == IML__STOP_SINK) p->done = iml__no_slots();
}

iml__slot iml__plan_dropped(struct iml__plan *p) { return pop(&p->dropped, p->link); }

bool iml__plan_finished(const struct iml__plan *p)
{
    bool pending = p->complete.head != IML__NONE && p->stop != IML__STOP_SINK;
    return drained(p) && !p->committing && !pending;
}

void iml__plan_park(struct iml__plan *p, uint32_t n)
{
    p->changed |= n < p->parked;
    p->parked = n;
}

// ---- Who could go on.

static uint32_t claimers(struct iml__plan *p)
{
    iml__slot s;
    if (over(p)) return UINT32_MAX;
    if (to_help(p, &s)) return 1;
    if (p->alone || p->busy >= most_busy(p)) return 0;
    return p->ready.head != IML__NONE || (admissible(p) && !p->dest_waits);
}

struct iml__wakes iml__plan_wake(struct iml__plan *p)
{
    struct iml__wakes x = {.starters = p->starters};
    if (!p->changed) return x;
    p->changed = p->starters = false;
    x.claimers = claimers(p);
    x.sink = writable(p) || p->stop == IML__STOP_SINK || drained(p);
    x.commit = commit_due(p) || drained(p);
    if (p->c.ahead) x.ahead = exhausted(p) || (ahead(p) < p->c.ahead && !p->alone && admissible(p));
    return x;
}

uint64_t iml__plan_due(const struct iml__plan *p) { return p->due; }
