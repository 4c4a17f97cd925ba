// watch.c: parks workers while memory is short or while they wait for bytes or input anyway.
//
// Under memory pressure (PSI some avg10 above 10 %, or the cgroup at 90 % without what the kernel
// can drop at once) a quarter of the working ones rests, at each look, before the OOM killer acts.
// A worker that waits for bytes or input for more than half the time is one too many: one rests a
// look. Half of the parked return after a quiet look; if that was too early, the next return waits
// twice as long, so that a run on the edge does not swing. The plan only ever keeps a worker
// without claims from claiming, and never the last one, so whatever is decided here changes when
// items run and not what they make.
//
// A parked worker waits, too: that is not held against the others. Waiting at the end, when nothing
// is left to claim, is nobody's want of bytes; nor is waiting while less than half the budget is in
// use, where a suspect that runs alone is the reason.
#include "src/engine/watch.h"

#include "src/base/cpu.h"
#include "src/base/log.h"
#include "src/engine/run.h"

enum { LOOK_US = 2000000, HOLD_MAX = 32, SOON = 4 };
static const double PRESSURE = 10, FULL = 0.9;

static void park_more(struct iml__watch *w, uint32_t n)
{
    // It has come back too early: next time it stays twice as long.
    if (w->returned && w->since <= SOON) w->hold = IML_CLAMP(2 * w->hold, 2, HOLD_MAX);
    w->returned = false, w->calm = 0;
    w->parked += IML_MIN(n, w->workers - w->parked - 1);
}

uint32_t iml__watch_step(struct iml__watch *w, const struct iml__watch_look *l)
{
    bool tight = l->pressure > PRESSURE || l->cgroup >= FULL;
    w->since += w->since < HOLD_MAX;
    if (tight)
        park_more(w, (w->workers - w->parked + 3) / 4);
    else if (l->more && l->starved > w->parked)
        park_more(w, 1);
    else if (w->parked && (++w->calm >= w->hold || !l->more))
        w->parked /= 2, w->calm = 0, w->since = 0, w->returned = true;
    else if (!w->parked && w->since == HOLD_MAX)
        w->hold = 0;
    return w->parked;
}

static uint32_t count_starved(struct iml_run_t *r, uint64_t now)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < r->nworkers; k++) {
        struct iml__worker *w = &r->worker[k];
        uint64_t since = __atomic_load_n(&w->waits_since, __ATOMIC_RELAXED);
        uint64_t sum = __atomic_load_n(&w->wait_input_us, __ATOMIC_RELAXED) +
                       __atomic_load_n(&w->wait_bytes_us, __ATOMIC_RELAXED) +
                       (since && now > since ? now - since : 0);
        n += sum > w->waited && sum - w->waited > LOOK_US / 2;
        w->waited = sum;
    }
    return n;
}

void iml__watch_tick(struct iml_run_t *r, uint64_t now)
{
    if (r->nworkers < 2 || now < r->next_watch_us) return;
    bool first = !r->next_watch_us;
    struct iml__watch_look l = {.pressure = iml__mem_pressure(), .cgroup = iml__mem_cgroup_used()};
    uint32_t before = r->watch.parked, starved = count_starved(r, now);
    r->watch.workers = r->nworkers;
    r->next_watch_us = now + LOOK_US;
    if (first) return; // two seconds are not over
    iml__run_lock(r);
    struct iml__view v = iml__plan_view(r->plan);
    l.more = v.left && !v.stop;
    l.starved = v.inflight - v.taken > v.budget / 2 ? starved : 0;
    uint32_t parked = iml__watch_step(&r->watch, &l);
    if (parked != before) iml__plan_park(r->plan, parked);
    iml__run_unlock(r);
    if (parked != before && r->ctx)
        iml__log(r->ctx, IML__LOG_INFO,
                 "%u of %u workers rest (memory pressure %.0f %%, cgroup %.0f %% full, %u starved)",
                 parked, r->nworkers, l.pressure > 0 ? l.pressure : 0, 100 * l.cgroup, l.starved);
}
