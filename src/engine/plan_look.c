// plan_look.c: opens and closes a plan, shows it, and audits its books (P1, P3, P5, P7 of plan.c).
#include "src/engine/plan.h"

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/engine/plan_in.h"

#define BATCH_MAX (1u << 20)

static bool allocate(struct iml__plan *p, uint32_t units)
{
    uint32_t n = p->c.window;
    p->item = iml__calloc(n, sizeof *p->item), p->link = iml__calloc(n, sizeof *p->link);
    p->ring = iml__calloc(ordered(p) ? n : 1, sizeof *p->ring);
    p->worker = iml__calloc(p->c.workers, sizeof *p->worker);
    p->unit = iml__calloc(units, sizeof *p->unit), p->ulink = iml__calloc(units, sizeof *p->ulink);
    return p->item && p->link && p->ring && p->worker && p->unit && p->ulink;
}

struct iml__plan *iml__plan_open(const struct iml__plan_conf *c)
{
    struct iml__plan *p = iml__calloc(1, sizeof *p);
    if (!p) return NULL;
    p->c = *c;
    p->c.io_batch = IML_CLAMP(c->io_batch, 1, BATCH_MAX);
    p->free = p->ready = p->backoff = p->done = p->dropped = p->ufree = p->complete =
        iml__no_slots();
    uint32_t units = c->window + 2 * p->c.io_batch + 1; // open and in flight; complete; committing
    if (!allocate(p, units) || !iml__cursor_open(&p->cursor, &p->c)) {
        iml__plan_close(&p);
        return NULL;
    }
    for (iml__slot s = 0; s < c->window; s++) push(&p->free, p->link, s);
    for (uint32_t u = 0; u < units; u++) push(&p->ufree, p->ulink, u);
    for (uint32_t w = 0; w < c->workers; w++) p->worker[w].pinned = IML__NONE;
    p->in[IML__FREE] = c->window;
    p->retry_stream = iml_stream("engine.retry");
    p->planned = p->cursor.left, p->bad = c->bad;
    p->budget = c->budget, p->typical = bounded(c->unknown), p->cut = p->due = UINT64_MAX;
    p->changed = true;
    if (p->bad > c->max_bad && p->cursor.left) iml__plan_stop(p, IML__STOP_SOFT);
    return p;
}

void iml__plan_close(struct iml__plan **pp)
{
    struct iml__plan *p = *pp;
    if (!p) return;
    IML_FREE(p->item), IML_FREE(p->link), IML_FREE(p->ring), IML_FREE(p->worker);
    IML_FREE(p->unit), IML_FREE(p->ulink);
    iml__cursor_close(&p->cursor);
    IML_FREE(p);
    *pp = NULL;
}

const struct iml__item *iml__plan_item(const struct iml__plan *p, iml__slot s)
{
    return p->item + s;
}

const struct iml__unit *iml__plan_unit(const struct iml__plan *p, uint32_t u)
{
    return p->unit + u;
}

struct iml__view iml__plan_view(const struct iml__plan *p)
{
    return (struct iml__view){.inflight = p->inflight,
                              .taken = p->taken,
                              .budget = p->budget,
                              .admitted = p->seq,
                              .head = p->head,
                              .planned = p->planned,
                              .left = p->cursor.left,
                              .bad = p->bad,
                              .unfinished = unfinished(p),
                              .running = p->in[IML__RUNNING],
                              .kept = p->in[IML__HELD],
                              .busy = p->busy,
                              .grain = iml__plan_grain(p),
                              .stop = p->stop};
}

const char *iml__plan_audit(const struct iml__plan *p)
{
    uint64_t bytes = 0, taken = 0;
    uint32_t in[IML__NSTATES] = {0}, placed = 0, busy = 0, claimed = 0, alone = 0, splits = 0;
    for (iml__slot s = 0; s < p->c.window; s++) {
        const struct iml__item *t = &p->item[s];
        in[t->state]++, bytes += charge(t), taken += t->state == IML__HELD ? t->held : 0;
        alone += t->alone, splits += t->state == IML__RUNNING && t->parts;
        if (t->held && (t->state == IML__READY || t->state == IML__BACKOFF))
            return "P7: bytes left";
        if (ordered(p) && t->state == IML__DONE && (t->seq < p->head || t->seq > p->cut))
            return "P5: done behind a gap";
    }
    for (uint32_t k = 0; k < IML__NSTATES; k++)
        if (in[k] != p->in[k]) return "P1: population";
    for (iml__slot s = p->ready.head; s != IML__NONE; s = p->link[s]) placed++;
    for (iml__slot s = p->backoff.head; s != IML__NONE; s = p->link[s]) placed++;
    for (uint32_t w = 0; w < p->c.workers; w++)
        claimed += p->worker[w].n, busy += p->worker[w].n > 0;
    if (placed + claimed != unfinished(p)) return "P1: an item without a place";
    if (claimed != p->claimed || busy != p->busy || alone != p->alone || splits != p->splitting)
        return "P1: claims miscounted";
    return taken != p->taken || bytes != p->inflight ? "P3: bytes" : NULL;
}
