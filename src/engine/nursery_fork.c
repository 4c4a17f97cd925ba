// nursery_fork.c: the nursery process: forks workers, reaps them, replaces them, kills the late.
//
// It is one thread, holds nothing, and was forked while the program was small, so that a worker
// costs the fork of a small process however large the parent has grown. Only it knows which of its
// children are not reaped yet, so only it kills: a pid from elsewhere might be a stranger's. The
// line from the parent carries wake-ups; its end means that the parent is gone. PR_SET_PDEATHSIG
// would come when the thread that forked us ends, so the parent's pid is looked at instead.
#include "src/engine/nursery_in.h"

#include "src/base/cpu.h"
#include "src/base/mem.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 10, LEAVE_MS = 500, GAP_US = 500000 };
enum { BEGIN_US = 10000000, START_US = 600000000 }; // a worker's time to take a post, to start

struct chick {        // a worker of a place
    pid_t pid;        // 0: none
    uint32_t verdict; // the post that it is being killed for, 0: none
    uint32_t post;    // what it runs, and
    uint64_t pardon;  // what of that time does not count
    uint64_t idle_us; // since when it has not done what it should, 0: it does
    bool stuck;       // it is being killed for that
};

struct brood {
    struct iml__nursery *n;
    struct chick *chick;
    uint64_t looked_us;
};

static void hatch(struct brood *b, uint32_t w)
{
    b->chick[w] = (struct chick){0};
    // Workers that were told to go are not replaced: a new one would not hear of it and wait for
    // the end of LEAVE_MS.
    if (__atomic_load_n(&b->n->control->quit, __ATOMIC_ACQUIRE)) return;
    pid_t pid = fork();
    if (pid == 0) iml__nursery_work(b->n, w);
    b->chick[w].pid = pid > 0 ? pid : 0;
}

static uint32_t why(const struct brood *b, uint32_t w, int status)
{
    struct iml__place *p = &b->n->control->place[w];
    bool asked = __atomic_exchange_n(&p->kill, 0, __ATOMIC_ACQ_REL);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) return IML__DIED_SIGNAL;
    if (b->chick[w].verdict) {
        // It has ended just before the blow: then nobody is late, and whoever came next is
        // innocent.
        if (__atomic_load_n(&p->running, __ATOMIC_ACQUIRE) == b->chick[w].verdict)
            return IML__DIED_TIMEOUT;
        __atomic_store_n(&p->running, 0, __ATOMIC_RELEASE);
        return IML__DIED_SIGNAL;
    }
    return asked || b->chick[w].stuck ? IML__DIED_SIGNAL : IML__DIED_FOREIGN;
}

static void reap(struct brood *b, bool replace)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        uint32_t w = 0;
        while (w < b->n->c.workers && b->chick[w].pid != pid) w++;
        if (w == b->n->c.workers) continue;
        struct iml__place *p = &b->n->control->place[w];
        b->chick[w].pid = 0;
        if (!replace) continue;
        p->death = why(b, w, status), p->wait_status = (uint32_t)status;
        __atomic_store_n(&p->dead, 1, __ATOMIC_RELEASE);
        hatch(b, w);
        iml__futex_ring(&p->ring);
    }
}

// Whether a worker does not do what it should: start, take its next post, go on when its parent
// has answered (it was stopped, or hangs outside of any item). Such a death blames no item, but for
// one that had handed a file over.
static bool stuck(const struct iml__place *p, struct chick *k, uint64_t now, uint64_t limit)
{
    uint32_t running = __atomic_load_n(&p->running, __ATOMIC_ACQUIRE);
    bool ready = __atomic_load_n(&p->started, __ATOMIC_ACQUIRE) == IML__WORKER_READY;
    bool answered = __atomic_load_n(&p->event, __ATOMIC_ACQUIRE) == IML__ANSWER_NONE;
    bool waits = running ? !__atomic_load_n(&p->clock_us, __ATOMIC_RELAXED)
                         : __atomic_load_n(&p->taken, __ATOMIC_RELAXED) !=
                               __atomic_load_n(&p->sent, __ATOMIC_ACQUIRE);
    if (ready && !(answered && waits)) {
        k->idle_us = 0;
        return false;
    }
    if (!k->idle_us) k->idle_us = now;
    uint64_t most = ready ? BEGIN_US : START_US;
    return now > k->idle_us && now - k->idle_us > (limit > most ? limit : most);
}

// This process was stopped, and the others most likely with it: that time is held against nobody.
static void pardon(struct brood *b, uint64_t gap)
{
    for (uint32_t w = 0; w < b->n->c.workers; w++) {
        struct chick *k = &b->chick[w];
        k->post = __atomic_load_n(&b->n->control->place[w].running, __ATOMIC_ACQUIRE);
        k->pardon += gap;
        if (k->idle_us) k->idle_us += gap;
    }
}

static void strike(struct brood *b)
{
    uint64_t limit = b->n->c.timeout_us, now = limit ? iml__now_us() : 0;
    if (b->looked_us && now - b->looked_us > GAP_US) pardon(b, now - b->looked_us);
    b->looked_us = now;
    for (uint32_t w = 0; w < b->n->c.workers; w++) {
        struct iml__place *p = &b->n->control->place[w];
        struct chick *k = &b->chick[w];
        if (!k->pid) { // the system had no process to give: try again
            hatch(b, w);
            continue;
        }
        // First: what stands below may be the last words of the one before.
        if (__atomic_load_n(&p->dead, __ATOMIC_ACQUIRE)) continue;
        uint32_t running = __atomic_load_n(&p->running, __ATOMIC_ACQUIRE);
        uint64_t since = __atomic_load_n(&p->clock_us, __ATOMIC_RELAXED);
        if (running != k->post) k->post = running, k->pardon = 0;
        bool late = limit && running && since && now > since && now - since > limit + k->pardon;
        if (limit && stuck(p, k, now, limit)) late = k->stuck = true;
        if (late && !k->verdict) k->verdict = running;
        if (late || __atomic_load_n(&p->kill, __ATOMIC_ACQUIRE)) (void)kill(k->pid, SIGKILL);
    }
}

static void leave(struct brood *b)
{
    bool any = true, asked = __atomic_load_n(&b->n->control->quit, __ATOMIC_ACQUIRE);
    for (int ms = 0; asked && any && ms < LEAVE_MS; ms++) {
        reap(b, false);
        any = false;
        for (uint32_t w = 0; w < b->n->c.workers; w++) any |= b->chick[w].pid != 0;
        if (any) (void)poll(NULL, 0, 1);
    }
    for (uint32_t w = 0; w < b->n->c.workers; w++)
        if (b->chick[w].pid) (void)kill(b->chick[w].pid, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) continue;
    _exit(0);
}

_Noreturn void iml__nursery_main(struct iml__nursery *n)
{
    struct brood b = {.n = n};
    n->pid = getpid();
    sigset_t child;
    const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGTSTP};
    for (size_t i = 0; i < IML_COUNT_OF(ignored); i++) (void)signal(ignored[i], SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)close(n->line[1]);
    if (n->log[1] >= 0) (void)close(n->log[1]);
    n->log[1] = -1;
    b.chick = iml__calloc(n->c.workers, sizeof *b.chick);
    if (!b.chick) _exit(1);
    (void)sigemptyset(&child), (void)sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, NULL);
    struct pollfd fd[2] = {
        {.fd = n->line[0], .events = POLLIN},
        {.fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK), .events = POLLIN}};
    for (uint32_t w = 0; w < n->c.workers; w++) hatch(&b, w);
    for (;;) {
        uint8_t junk[256];
        (void)poll(fd, 2, LOOK_MS);
        __atomic_fetch_add(&n->control->looks, 1, __ATOMIC_RELAXED);
        if (getppid() != n->parent) leave(&b); // the line may live on in a process of the host's
        if (fd[1].revents && read(fd[1].fd, junk, sizeof junk) < 0 && errno != EAGAIN) leave(&b);
        if (fd[0].revents && read(n->line[0], junk, sizeof junk) <= 0 && errno != EINTR) leave(&b);
        reap(&b, true);
        strike(&b);
    }
}
