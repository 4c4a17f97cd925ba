// nursery_log.c: log lines of worker processes, on their way to the parent's log.
//
// A line is one packet of a socket that all workers share: packets are not torn, a sender that dies
// leaves none half, and nobody waits: a full socket loses lines, which are counted. The parent
// looks at a count in shared memory first, so that a run that says nothing pays for nothing. What
// arrives is foreign memory: iml__log_relayed bounds it.
#include "src/engine/nursery_in.h"

#include "src/base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

struct relay {
    struct iml__nursery *n;
    const struct iml__place *place;
    uint32_t worker;
};

static void to_parent(void *user, struct iml__log_line *l)
{
    const struct relay *r = user;
    struct iml__control *c = r->n->control;
    // What is logged without an item is still this worker's, and of the item that it runs.
    if (!l->item && __atomic_load_n(&r->place->mark.begun_us, __ATOMIC_RELAXED)) {
        l->item = true, l->worker = r->worker;
        l->index = __atomic_load_n(&r->place->mark.index, __ATOMIC_RELAXED);
    }
    ssize_t sent;
    do sent = send(r->n->log[0], l, sizeof *l, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    __atomic_fetch_add(sent == (ssize_t)sizeof *l ? &c->log_sent : &c->log_lost, 1,
                       __ATOMIC_RELEASE);
}

void iml__nursery_relay(struct iml__nursery *n, uint32_t w)
{
    static struct relay r; // the process has one worker
    if (!n->c.ctx || n->log[0] < 0) return;
    r = (struct relay){n, &n->control->place[w], w};
    iml__log_relay(n->c.ctx, to_parent, &r);
}

void iml__nursery_hear_log(struct iml__nursery *n)
{
    if (!n->c.ctx || !n->has_log_lock) return;
    uint32_t sent = __atomic_load_n(&n->control->log_sent, __ATOMIC_ACQUIRE);
    uint32_t lost = __atomic_load_n(&n->control->log_lost, __ATOMIC_RELAXED);
    if (sent == __atomic_load_n(&n->log_heard, __ATOMIC_RELAXED) &&
        lost == __atomic_load_n(&n->log_missed, __ATOMIC_RELAXED))
        return;
    if (pthread_mutex_trylock(&n->log_lock)) return; // somebody is at it
    struct iml__log_line l;
    // The count may run behind the packets; what is there is taken.
    while (recv(n->log[1], &l, sizeof l, MSG_DONTWAIT) == (ssize_t)sizeof l)
        iml__log_relayed(n->c.ctx, &l);
    if (lost != n->log_missed)
        iml__log(n->c.ctx, IML__LOG_WARN, "%u log lines of worker processes were lost",
                 lost - n->log_missed);
    __atomic_store_n(&n->log_heard, sent, __ATOMIC_RELAXED);
    __atomic_store_n(&n->log_missed, lost, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&n->log_lock);
}
