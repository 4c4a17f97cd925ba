// nursery.c: the parent's side of worker processes: posts, replies, acknowledgements, deaths.
//
// A reply is never trusted: the tables are copied out of the shared arena first, then every offset,
// length and number is checked, so that a worker whose memory was overwritten (or who still writes)
// can do no more than die of it: what does not hold together is treated as a crash. The memfds are
// sealed against shrinking, so that a look at them cannot fault. Buffers of a reply wrap the
// worker's memory and are not counted: a reference must not outlive the acknowledgement.
//
// Rejected: the parent killing by pid (the nursery may have reaped it), results through a pipe
// (668 us for 3 MiB), a shared ring (a corpse leaves it half written).
#include "src/engine/nursery.h"

#include "src/base/buf.h"
#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/engine/nursery_in.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NAME_LIMIT = 4096, TABLE_LIMIT = 1 << 20, LOOK_US = 100000 };
enum { LEAVE_US = 3000000, PULSE_US = 5000000 };

// ---- Futexes.

void iml__futex_wait(const uint32_t *at, uint32_t value, uint64_t timeout_us)
{
    struct timespec t = {(time_t)(timeout_us / 1000000), (long)(timeout_us % 1000000) * 1000};
    (void)syscall(SYS_futex, at, FUTEX_WAIT, value, timeout_us == UINT64_MAX ? NULL : &t, NULL, 0);
}

void iml__futex_ring(uint32_t *at)
{
    __atomic_fetch_add(at, 1, __ATOMIC_RELEASE);
    (void)syscall(SYS_futex, at, FUTEX_WAKE, 1, NULL, NULL, 0);
}

// ---- Open and close.

static iml_status make_memory(struct iml__nursery *n, iml_err *e)
{
    size_t places;
    if (iml__mul_overflow(n->c.workers, sizeof *n->control->place, &places))
        return IML_FAIL(e, IML_EARG, "%u workers are too many", n->c.workers);
    n->control_size = sizeof *n->control + places;
    void *p =
        mmap(NULL, n->control_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return IML_FAIL_SYS(e, IML_ENOMEM, errno, "no shared memory for workers");
    n->control = p;
    for (uint32_t w = 0; w < n->c.workers; w++) {
        int fd = memfd_create("imloom-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        n->memfd[w] = fd;
        if (fd < 0 || ftruncate(fd, (off_t)n->arena_size) ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
            return IML_FAIL_SYS(e, IML_ENOMEM, errno,
                                "no shared memory for worker %u: %s; take fewer --workers or "
                                "--mode thread",
                                w, iml__errno_text(errno));
    }
    return IML_OK;
}

// Waits until every first worker has called worker_init; its failure is the run's.
static iml_status first_cries(struct iml__nursery *n, iml_err *e)
{
    for (uint32_t w = 0; w < n->c.workers; w++) {
        struct iml__place *p = &n->control->place[w];
        for (;;) {
            uint32_t ring = __atomic_load_n(&p->ring, __ATOMIC_ACQUIRE);
            uint32_t started = __atomic_load_n(&p->started, __ATOMIC_ACQUIRE);
            if (started == IML__WORKER_READY) break;
            if (started == IML__WORKER_FAILED) {
                p->err.msg[sizeof p->err.msg - 1] = 0;
                return IML_FAIL(e, p->status, "%s", p->err.msg);
            }
            if (__atomic_load_n(&p->dead, __ATOMIC_ACQUIRE))
                return IML_FAIL(e, IML_EBUG, "worker process %u died at its start (wait status %u)",
                                w, p->wait_status);
            siginfo_t si = {0};
            if (waitid(P_PID, (id_t)n->pid, &si, WEXITED | WNOHANG | WNOWAIT) || si.si_pid)
                return IML_FAIL(e, IML_EBUG, "the nursery of worker processes has died");
            iml__futex_wait(&p->ring, ring, LOOK_US);
        }
    }
    return IML_OK;
}

iml_status iml__nursery_open(struct iml__nursery **out, const struct iml__nursery_conf *c,
                             iml_err *e)
{
    iml_status st = IML_OK;
    struct iml__nursery *n = *out = iml__calloc(1, sizeof *n);
    if (!n) return IML_FAIL(e, IML_ENOMEM, "no memory for worker processes");
    n->c = *c, n->pid = -1, n->line[0] = n->line[1] = n->log[0] = n->log[1] = -1;
    n->memfd = iml__calloc(c->workers, sizeof *n->memfd);
    n->cot = iml__calloc(c->workers, sizeof *n->cot);
    for (uint32_t w = 0; n->memfd && w < c->workers; w++) n->memfd[w] = -1;
    n->arena_size = iml__arena_reserve(c->workers);
    n->parent = getpid();
    if (!n->memfd || !n->cot) st = IML_FAIL(e, IML_ENOMEM, "no memory for worker processes");
#ifdef IML_INJECT
    if (st == IML_OK) st = iml__inject_parse(&n->inject, c->inject, e);
#endif
    if (st == IML_OK) st = make_memory(n, e);
    if (st == IML_OK && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, n->line))
        st = IML_FAIL_SYS(e, IML_ENOMEM, errno, "no line to the nursery");
    n->has_log_lock = !pthread_mutex_init(&n->log_lock, NULL);
    // Without it the workers are silent; nobody's data depends on that.
    if (st == IML_OK && c->ctx && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, n->log))
        n->log[0] = n->log[1] = -1;
    if (st == IML_OK && (n->pid = fork()) < 0)
        st = IML_FAIL_SYS(e, IML_ENOMEM, errno, "no process for the nursery");
    if (st == IML_OK && n->pid == 0) iml__nursery_main(n);
    if (n->line[0] >= 0) (void)close(n->line[0]), n->line[0] = -1;
    if (n->log[0] >= 0) (void)close(n->log[0]), n->log[0] = -1;
    for (uint32_t w = 0; st == IML_OK && w < c->workers; w++)
        st = iml__arena_open(&n->cot[w].arena, n->arena_size, n->memfd[w], e);
    if (st == IML_OK) st = first_cries(n, e);
    if (st != IML_OK) iml__nursery_close(out);
    return st;
}

static void free_cot(struct iml__cot *k)
{
    iml__arena_close(&k->arena);
    IML_FREE(k->buf), IML_FREE(k->frag), IML_FREE(k->out), IML_FREE(k->names), IML_FREE(k->tally);
}

// Waits for the nursery to leave; one that cannot (it was stopped) is killed, and its workers die
// with it.
static void bury(struct iml__nursery *n)
{
    if (n->pid <= 0) return;
    for (uint64_t end = iml__now_us() + LEAVE_US, nap = 50; iml__now_us() < end;) {
        if (waitpid(n->pid, NULL, WNOHANG) != 0 && errno != EINTR) return;
        struct timespec t = {0, (long)nap * 1000};
        (void)nanosleep(&t, NULL);
        nap = IML_MIN(nap + nap / 4, (uint64_t)5000);
    }
    (void)kill(n->pid, SIGKILL);
    while (waitpid(n->pid, NULL, 0) < 0 && errno == EINTR) continue;
}

void iml__nursery_close(struct iml__nursery **nn)
{
    struct iml__nursery *n = *nn;
    if (!n) return;
    if (n->control) __atomic_store_n(&n->control->quit, 1, __ATOMIC_RELEASE);
    for (uint32_t w = 0; n->control && w < n->c.workers; w++) {
        __atomic_store_n(&n->control->place[w].event, IML__ANSWER_NONE, __ATOMIC_RELEASE);
        iml__futex_ring(&n->control->place[w].bell);
    }
    if (n->line[1] >= 0) (void)close(n->line[1]);
    bury(n);
    iml__nursery_hear_log(n);
    if (n->log[1] >= 0) (void)close(n->log[1]);
    if (n->has_log_lock) (void)pthread_mutex_destroy(&n->log_lock);
    for (uint32_t w = 0; w < n->c.workers; w++) {
        if (n->cot) free_cot(&n->cot[w]);
        if (n->memfd && n->memfd[w] >= 0) (void)close(n->memfd[w]);
    }
    if (n->control) (void)munmap(n->control, n->control_size);
    IML_FREE(n->memfd), IML_FREE(n->cot);
    IML_FREE(n);
    *nn = NULL;
}

// ---- What a reply holds.

static bool room(void **table, size_t *cap, uint64_t n, size_t size)
{
    if (n <= *cap) return true;
    void *more = iml__realloc(*table, n + n / 2 + 16, size);
    if (!more) return false;
    *table = more, *cap = n + n / 2 + 16;
    return true;
}

// n entries at an offset of the arena; NULL: they do not lie in it.
static const void *at(const struct iml__cot *k, uint64_t off, uint64_t n, size_t size)
{
    if (n > TABLE_LIMIT || off > k->arena.cap || n * size > k->arena.cap - off || off % 8)
        return NULL;
    return k->arena.base + off;
}

static bool take_bufs(struct iml__cot *k, const struct iml__place *p, uint64_t n)
{
    const struct iml__wire_buf *w = at(k, p->buf, n, sizeof *w);
    if (!w || !room((void **)&k->buf, &k->cap_buf, n, sizeof *k->buf)) return false;
    for (uint64_t b = 0; b < n; b++) {
        struct iml__wire_buf x = w[b];
        if (x.off > k->arena.cap || x.size > k->arena.cap - x.off) return false;
        iml__buf_wrap(&k->buf[b], k->arena.base + x.off, x.size);
        k->buf[b].refs = 1u << 30; // never the last one: nothing is freed here
    }
    return true;
}

static bool take_frags(struct iml__cot *k, const struct iml__place *p, uint64_t n, uint64_t nbuf)
{
    const struct iml__wire_frag *w = at(k, p->frag, n, sizeof *w);
    if (!w || !room((void **)&k->frag, &k->cap_frag, n, sizeof *k->frag)) return false;
    for (uint64_t f = 0; f < n; f++) {
        struct iml__wire_frag x = w[f];
        if (x.buf >= nbuf || x.off > k->buf[x.buf].size || x.len > k->buf[x.buf].size - x.off)
            return false;
        k->frag[f] = (iml_frag){&k->buf[x.buf], x.off, x.len};
    }
    return true;
}

static bool take_outs(struct iml__cot *k, const struct iml__place *p, uint64_t n, uint64_t nfrag)
{
    const struct iml__wire_out *w = at(k, p->out, n, sizeof *w);
    if (!w || n > IML_OUT_MAX) return false;
    if (!room((void **)&k->out, &k->cap_out, n, sizeof *k->out)) return false;
    if (!room((void **)&k->names, &k->cap_names, n * NAME_LIMIT, 1)) return false;
    for (uint64_t i = 0; i < n; i++) {
        struct iml__wire_out x = w[i];
        char *name = k->names + i * NAME_LIMIT;
        if (x.len >= NAME_LIMIT || x.name > k->arena.cap || x.len > k->arena.cap - x.name)
            return false;
        if (x.frag > nfrag || x.nfrag > nfrag - x.frag) return false;
        memcpy(name, k->arena.base + x.name, x.len), name[x.len] = 0;
        if (strlen(name) != x.len) return false;
        k->out[i] = (iml_out){name, k->frag + x.frag, (uint32_t)x.nfrag, (uint32_t)x.flags};
    }
    return true;
}

static bool take_tallies(struct iml__cot *k, const struct iml__place *p, uint64_t n, uint32_t most)
{
    const struct iml__tally *w = at(k, p->tally, n, sizeof *w);
    if (!w || !room((void **)&k->tally, &k->cap_tally, n, sizeof *k->tally)) return false;
    for (uint64_t i = 0; i < n; i++) {
        k->tally[i] = w[i];
        if (k->tally[i].counter >= most) return false;
    }
    return true;
}

// False: it does not hold together.
static bool take(struct iml__nursery *n, uint32_t w, bool end, struct iml__reply *r)
{
    struct iml__place *p = &n->control->place[w];
    struct iml__cot *k = &n->cot[w];
    uint64_t nout = p->nout, nfrag = p->nfrag, nbuf = p->nbuf, ntally = end ? p->ntally : 0;
    if (!take_bufs(k, p, nbuf) || !take_frags(k, p, nfrag, nbuf)) return false;
    if (!take_outs(k, p, nout, nfrag) || !take_tallies(k, p, ntally, n->c.job->ncounters))
        return false;
    r->out = k->out, r->nout = nout, r->tally = k->tally, r->ntally = (uint32_t)ntally;
    r->stage = __atomic_load_n(&p->mark.stage, __ATOMIC_RELAXED);
    if (!end) return nout == 1;
    memcpy(k->stage_us, p->stage_us, sizeof k->stage_us);
    memcpy(k->stage_bytes, p->stage_bytes, sizeof k->stage_bytes);
    k->err = p->err, k->err.file = __FILE__, k->err.msg[sizeof k->err.msg - 1] = 0;
    r->status = p->status, r->err = &k->err, r->stage_us = k->stage_us;
    r->stage_bytes = k->stage_bytes;
    r->stages = p->stages & ((1u << IML_STAGE_MAX) - 1), r->run_us = p->run_us;
    k->err.status = r->status;
    return r->status >= 0 && r->status < IML_STATUS_COUNT_ && r->status != IML_END;
}

// ---- Posts, waits, acknowledgements.

static uint64_t posted_index(const struct iml__place *p, uint32_t post)
{
    return p->box[post % IML__MAILBOX].index;
}

bool iml__nursery_post(struct iml__nursery *n, uint32_t w, uint64_t index, uint32_t attempt)
{
    struct iml__place *p = &n->control->place[w];
    uint32_t post = p->sent;
    if (post - n->cot[w].done >= IML__MAILBOX) return false;
    p->box[post % IML__MAILBOX].index = index, p->box[post % IML__MAILBOX].attempt = attempt;
    __atomic_store_n(&p->sent, post + 1, __ATOMIC_RELEASE);
    iml__futex_ring(&p->bell);
    return true;
}

static enum iml__event died(struct iml__nursery *n, uint32_t w, struct iml__reply *r)
{
    struct iml__place *p = &n->control->place[w];
    struct iml__cot *k = &n->cot[w];
    int status = (int)p->wait_status;
    uint32_t stage = __atomic_load_n(&p->mark.stage, __ATOMIC_RELAXED);
    r->begun = __atomic_load_n(&p->running, __ATOMIC_ACQUIRE) != 0;
    r->index = posted_index(p, k->done);
    r->stage = r->begun && stage < IML_STAGE_MAX ? stage : IML__STAGE_NONE;
    r->death = (enum iml__death)p->death;
    r->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    r->garbled = k->garbled;
    k->done = p->sent, p->base = p->taken = p->sent, k->ending = k->garbled = false;
    k->grows_seen = __atomic_load_n(&p->grows, __ATOMIC_RELAXED);
    p->running = 0, p->event = IML__ANSWER_NONE, p->started = IML__WORKER_NEW;
    p->clock_us = p->mark.begun_us = 0, p->kill = 0;
    __atomic_store_n(&p->dead, 0, __ATOMIC_RELEASE);
    iml__futex_ring(&p->bell);
    return IML__EVENT_DIED;
}

// What worker w has to say, in the order in which it said it; NONE: nothing.
static enum iml__event hear(struct iml__nursery *n, uint32_t w, struct iml__reply *r)
{
    struct iml__place *p = &n->control->place[w];
    struct iml__cot *k = &n->cot[w];
    uint32_t dead = __atomic_load_n(&p->dead, __ATOMIC_ACQUIRE);
    uint32_t event = __atomic_load_n(&p->event, __ATOMIC_ACQUIRE);
    uint32_t grows = __atomic_load_n(&p->grows, __ATOMIC_ACQUIRE);
    r->index = posted_index(p, k->done);
    if (grows != k->grows_seen && p->sent != k->done) {
        k->grows_seen = grows;
        r->grown = __atomic_load_n(&p->grown, __ATOMIC_RELAXED);
        return IML__EVENT_GROW;
    }
    if (event == IML__ANSWER_EMIT || event == IML__ANSWER_END) {
        k->ending = event == IML__ANSWER_END;
        if (take(n, w, k->ending, r)) return k->ending ? IML__EVENT_END : IML__EVENT_EMIT;
        // Its memory is overwritten: it dies of it, and its item is to blame.
        k->garbled = true;
        if (!p->running) p->running = k->done + 1;
        __atomic_store_n(&p->event, IML__ANSWER_EMIT + 100, __ATOMIC_RELEASE);
        iml__nursery_kill(n, w);
    }
    return dead ? died(n, w, r) : IML__EVENT_NONE;
}

// A nursery that has been stopped kills nobody, however late: where there is a time limit it is
// killed itself, and the run ends. Its own child, not waited for yet: the pid is no stranger's.
static void feel_pulse(struct iml__nursery *n)
{
    uint32_t looks = __atomic_load_n(&n->control->looks, __ATOMIC_RELAXED);
    uint64_t now = iml__now_us();
    if (!n->c.timeout_us || !n->has_log_lock || pthread_mutex_trylock(&n->log_lock)) return;
    // Where all of us were stopped and go on, the time in between counts for nothing.
    uint64_t since = IML_MIN(now - n->felt_us, 2 * (uint64_t)LOOK_US);
    n->still = looks == n->looks ? n->still + since : 0;
    n->looks = looks, n->felt_us = now;
    if (n->still > PULSE_US + n->c.timeout_us) (void)kill(n->pid, SIGKILL);
    pthread_mutex_unlock(&n->log_lock);
}

// The nursery is gone and its workers with it: what was posted dies, blaming nobody.
static enum iml__event orphaned(struct iml__nursery *n, uint32_t w, struct iml__reply *r)
{
    siginfo_t si = {0};
    if (!waitid(P_PID, (id_t)n->pid, &si, WEXITED | WNOHANG | WNOWAIT) && !si.si_pid) {
        feel_pulse(n);
        return IML__EVENT_NONE;
    }
    struct iml__place *p = &n->control->place[w];
    p->wait_status = SIGKILL, p->death = IML__DIED_SIGNAL, p->running = 0;
    (void)IML_FAIL(&n->cot[w].err, IML_EBUG,
                   "the process that forks workers is dead, and its workers with it: nothing can "
                   "run any more; start again to go on");
    r->err = &n->cot[w].err, r->status = IML_EBUG;
    return died(n, w, r);
}

enum iml__event iml__nursery_wait(struct iml__nursery *n, uint32_t w, uint64_t timeout_us,
                                  struct iml__reply *r)
{
    struct iml__place *p = &n->control->place[w];
    uint64_t begun = iml__now_us(), spent = 0;
    *r = (struct iml__reply){0};
    for (;;) {
        uint32_t ring = __atomic_load_n(&p->ring, __ATOMIC_ACQUIRE);
        enum iml__event x = hear(n, w, r);
        if (x == IML__EVENT_NONE && spent >= LOOK_US) x = orphaned(n, w, r);
        if (x == IML__EVENT_NONE &&
            __atomic_load_n(&p->started, __ATOMIC_ACQUIRE) == IML__WORKER_FAILED) {
            // A replacement cannot start: like any death without an item, and the reason with it.
            n->cot[w].err = p->err, n->cot[w].err.msg[sizeof p->err.msg - 1] = 0;
            n->cot[w].err.file = __FILE__;
            r->err = &n->cot[w].err, r->status = p->status;
            iml__nursery_kill(n, w);
        }
        if (x != IML__EVENT_NONE) iml__nursery_hear_log(n); // before what it was said of is told
        if (x != IML__EVENT_NONE || spent >= timeout_us) return x;
        uint64_t left = timeout_us - spent;
        iml__futex_wait(&p->ring, ring, left < LOOK_US ? left : LOOK_US);
        spent = iml__now_us() - begun;
    }
}

void iml__nursery_ack(struct iml__nursery *n, uint32_t w, iml_status st, const char *msg)
{
    struct iml__place *p = &n->control->place[w];
    p->ack_status = st, p->ack_msg[0] = 0;
    if (msg) strncpy(p->ack_msg, msg, sizeof p->ack_msg - 1);
    n->cot[w].done += n->cot[w].ending;
    n->cot[w].ending = false;
    __atomic_store_n(&p->event, IML__ANSWER_NONE, __ATOMIC_RELEASE);
    iml__futex_ring(&p->bell);
}

void iml__nursery_stop(struct iml__nursery *n)
{
    __atomic_store_n(&n->control->stop, 1, __ATOMIC_RELEASE);
}

void iml__nursery_kill(struct iml__nursery *n, uint32_t w)
{
    const uint8_t byte = 0;
    __atomic_store_n(&n->control->place[w].kill, 1, __ATOMIC_RELEASE);
    // A full line will be read, and a line that is cut has nobody left to kill.
    (void)send(n->line[1], &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

const struct iml__mark *iml__nursery_mark(const struct iml__nursery *n, uint32_t w)
{
    return &n->control->place[w].mark;
}
