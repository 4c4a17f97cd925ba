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

enum { LOOK_MS = 10, LEAVE_MS = 500 };

struct brood {
    struct iml__nursery *n;
    pid_t *pid;        // of each place, 0: none
    uint32_t *verdict; // the post that it is being killed for, 0: none
};

static void hatch(struct brood *b, uint32_t w)
{
    b->verdict[w] = 0;
    pid_t pid = fork();
    if (pid == 0) iml__nursery_work(b->n, w);
    b->pid[w] = pid > 0 ? pid : 0;
}

static uint32_t why(const struct brood *b, uint32_t w, int status)
{
    struct iml__place *p = &b->n->control->place[w];
    bool asked = __atomic_exchange_n(&p->kill, 0, __ATOMIC_ACQ_REL);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) return IML__DIED_SIGNAL;
    if (b->verdict[w]) {
        // It has ended just before the blow: then nobody is late, and whoever came next is
        // innocent.
        if (__atomic_load_n(&p->running, __ATOMIC_ACQUIRE) == b->verdict[w])
            return IML__DIED_TIMEOUT;
        __atomic_store_n(&p->running, 0, __ATOMIC_RELEASE);
        return IML__DIED_SIGNAL;
    }
    return asked ? IML__DIED_SIGNAL : IML__DIED_FOREIGN;
}

static void reap(struct brood *b, bool replace)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        uint32_t w = 0;
        while (w < b->n->c.workers && b->pid[w] != pid) w++;
        if (w == b->n->c.workers) continue;
        struct iml__place *p = &b->n->control->place[w];
        b->pid[w] = 0;
        if (!replace) continue;
        p->death = why(b, w, status), p->wait_status = (uint32_t)status;
        __atomic_store_n(&p->dead, 1, __ATOMIC_RELEASE);
        hatch(b, w);
        iml__futex_ring(&p->ring);
    }
}

static void strike(struct brood *b)
{
    uint64_t limit = b->n->c.timeout_us, now = limit ? iml__now_us() : 0;
    for (uint32_t w = 0; w < b->n->c.workers; w++) {
        struct iml__place *p = &b->n->control->place[w];
        if (!b->pid[w]) { // the system had no process to give: try again
            hatch(b, w);
            continue;
        }
        // First: what stands below may be the last words of the one before.
        if (__atomic_load_n(&p->dead, __ATOMIC_ACQUIRE)) continue;
        uint32_t running = __atomic_load_n(&p->running, __ATOMIC_ACQUIRE);
        uint64_t since = __atomic_load_n(&p->clock_us, __ATOMIC_RELAXED);
        bool late = limit && running && since && now > since && now - since > limit;
        if (late && !b->verdict[w]) b->verdict[w] = running;
        if (late || __atomic_load_n(&p->kill, __ATOMIC_ACQUIRE)) (void)kill(b->pid[w], SIGKILL);
    }
}

static void leave(struct brood *b)
{
    bool any = true, asked = __atomic_load_n(&b->n->control->quit, __ATOMIC_ACQUIRE);
    for (int ms = 0; asked && any && ms < LEAVE_MS; ms++) {
        reap(b, false);
        any = false;
        for (uint32_t w = 0; w < b->n->c.workers; w++) any |= b->pid[w] != 0;
        if (any) (void)poll(NULL, 0, 1);
    }
    for (uint32_t w = 0; w < b->n->c.workers; w++)
        if (b->pid[w]) (void)kill(b->pid[w], SIGKILL);
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
    b.pid = iml__calloc(n->c.workers, sizeof *b.pid);
    b.verdict = iml__calloc(n->c.workers, sizeof *b.verdict);
    if (!b.pid || !b.verdict) _exit(1);
    (void)sigemptyset(&child), (void)sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, NULL);
    struct pollfd fd[2] = {
        {.fd = n->line[0], .events = POLLIN},
        {.fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK), .events = POLLIN}};
    for (uint32_t w = 0; w < n->c.workers; w++) hatch(&b, w);
    for (;;) {
        uint8_t junk[256];
        (void)poll(fd, 2, LOOK_MS);
        if (getppid() != n->parent) leave(&b); // the line may live on in a process of the host's
        if (fd[1].revents && read(fd[1].fd, junk, sizeof junk) < 0 && errno != EAGAIN) leave(&b);
        if (fd[0].revents && read(n->line[0], junk, sizeof junk) <= 0 && errno != EINTR) leave(&b);
        reap(&b, true);
        strike(&b);
    }
}
