// nursery_work.c: the worker process: takes posts, runs them, hands results over in place.
//
// It stores to its own place and arena only, and takes no lock. Output is allocated in the arena,
// which the parent has mapped; what a job took from elsewhere is copied into it at the hand-over.
// After an end or an early file it waits for the parent's acknowledgement, with its time limit
// stopped. It dies with the nursery, which dies with the parent.
#include "src/engine/nursery_in.h"

#include "src/base/buf.h"
#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/engine/stall.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { GIVE_BACK = 1 << 16 };

struct child {
    struct iml__attempt attempt; // first
    struct iml__nursery *n;
    struct iml__place *place;
    iml_arena arena;
    uint32_t heard;
};

// ---- What an attempt may ask.

// Early files are gone once they are acknowledged: their pages go back, their addresses do not.
static void on_free(void *user, iml_buf *b)
{
    struct child *k = user;
    uintptr_t from = ((uintptr_t)b->data + GIVE_BACK - 1) & ~(uintptr_t)(GIVE_BACK - 1);
    uintptr_t to = ((uintptr_t)b->data + b->cap) & ~(uintptr_t)(GIVE_BACK - 1);
    if (to > from && k->attempt.begun_us) (void)madvise((void *)from, to - from, MADV_REMOVE);
}

static iml_status buf_new(struct iml__attempt *a, size_t cap, iml_buf **out, iml_err *e)
{
    struct child *k = (struct child *)a;
    // At the far end: a job may give scratch memory back to a mark while its buffers live on.
    iml_buf *b = iml__arena_far(&k->arena, sizeof *b);
    uint8_t *data = b ? iml__arena_far(&k->arena, cap) : NULL;
    if (!data)
        return IML_FAIL(e, IML_ENOMEM, "item %llu: no memory for a buffer of %zu bytes",
                        (unsigned long long)a->item.index, cap);
    iml__buf_wrap(b, data, 0);
    b->cap = cap, b->on_free = on_free, b->user = k;
    *out = b;
    return IML_OK;
}

static void grow(struct iml__attempt *a, uint64_t bytes)
{
    struct child *k = (struct child *)a;
    __atomic_store_n(&k->place->grown, bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&k->place->grows, 1, __ATOMIC_RELEASE);
    iml__futex_ring(&k->place->ring);
}

static bool cancelled(struct iml__attempt *a)
{
    const struct child *k = (struct child *)a;
    return __atomic_load_n(&k->n->control->stop, __ATOMIC_RELAXED);
}

// ---- The hand-over.

static uint64_t offset(const struct child *k, const void *p)
{
    return (uint64_t)((const uint8_t *)p - k->arena.base);
}

// The bytes of a buffer, in the arena: where they are, or a copy.
static bool place_buf(struct child *k, const iml_buf *b, struct iml__wire_buf *w)
{
    const uint8_t *data = b->data;
    if (!iml__arena_holds(&k->arena, data)) {
        uint8_t *copy = iml_arena_alloc(&k->arena, b->size);
        if (!copy) return false;
        if (b->size) memcpy(copy, data, b->size);
        data = copy;
    }
    *w = (struct iml__wire_buf){offset(k, data), b->size};
    return true;
}

static bool write_tables(struct child *k, const iml_out *out, size_t nout)
{
    struct iml__place *p = k->place;
    size_t nfrag = 0, nbuf = 0, f = 0;
    for (size_t i = 0; i < nout; i++) nfrag += out[i].nfrag;
    struct iml__wire_out *wo = iml_arena_alloc(&k->arena, nout * sizeof *wo);
    struct iml__wire_frag *wf = iml_arena_alloc(&k->arena, nfrag * sizeof *wf);
    struct iml__wire_buf *wb = iml_arena_alloc(&k->arena, nfrag * sizeof *wb);
    const iml_buf **seen = iml_arena_alloc(&k->arena, nfrag * sizeof *seen);
    if (!wo || !wf || !wb || !seen) return false;
    for (size_t i = 0; i < nout; i++) {
        size_t len = strlen(out[i].name);
        const char *name = iml__arena_strndup(&k->arena, out[i].name, len);
        if (!name) return false;
        wo[i] = (struct iml__wire_out){offset(k, name), len, f, out[i].nfrag, out[i].flags};
        for (uint32_t j = 0; j < out[i].nfrag; j++, f++) {
            size_t b = nbuf; // a shared piece was most likely seen last
            while (b && seen[b - 1] != out[i].frag[j].data) b--;
            if (!b) {
                seen[nbuf] = out[i].frag[j].data;
                if (!place_buf(k, seen[nbuf], &wb[nbuf])) return false;
                b = ++nbuf;
            }
            wf[f] = (struct iml__wire_frag){b - 1, out[i].frag[j].off, out[i].frag[j].len};
        }
    }
    p->nout = nout, p->nfrag = nfrag, p->nbuf = nbuf;
    p->out = offset(k, wo), p->frag = offset(k, wf), p->buf = offset(k, wb);
    return true;
}

static void empty_tables(struct iml__place *p)
{
    p->nout = p->nfrag = p->nbuf = p->ntally = 0;
    p->out = p->frag = p->buf = p->tally = 0;
}

static void say(struct child *k, uint32_t event)
{
    __atomic_store_n(&k->place->event, event, __ATOMIC_RELEASE);
    iml__futex_ring(&k->place->ring);
    for (;;) {
        uint32_t bell = __atomic_load_n(&k->place->bell, __ATOMIC_ACQUIRE);
        if (__atomic_load_n(&k->place->event, __ATOMIC_ACQUIRE) == IML__ANSWER_NONE) return;
        iml__futex_wait(&k->place->bell, bell, UINT64_MAX);
    }
}

static iml_status emit(struct iml__attempt *a, const iml_out *o, iml_err *e)
{
    struct child *k = (struct child *)a;
    struct iml__place *p = k->place;
    empty_tables(p);
    if (!write_tables(k, o, 1)) {
        iml__out_release(o, 1);
        return IML_FAIL(e, IML_ENOMEM, "item %llu: no memory to hand over the file %s",
                        (unsigned long long)a->item.index, o->name);
    }
    uint64_t used = iml__now_us() - p->clock_us;
    __atomic_store_n(&p->clock_us, 0, __ATOMIC_RELAXED);
    say(k, IML__ANSWER_EMIT);
    __atomic_store_n(&p->clock_us, iml__now_us() - used, __ATOMIC_RELAXED);
    iml__out_release(o, 1);
    if (p->ack_status == IML_OK) return IML_OK;
    return IML_FAIL(e, p->ack_status, "%.*s", IML__ACK_MSG - 1, p->ack_msg);
}

static const struct iml__attempt_ops ops = {buf_new, emit, grow, cancelled, NULL};

// ---- One post.

static iml_status run(struct child *k, iml_out *out, size_t *nout, iml_err *e)
{
    struct iml__attempt *a = &k->attempt;
#ifdef IML_INJECT
    enum iml__fault f = iml__inject_at(&k->n->inject, k->n->c.seed, a->item.index, a->item.attempt);
    iml__inject_do(f);
    if (f == IML__FAULT_FAIL)
        return IML_FAIL(e, IML_EAGAIN, "item %llu: a failure on purpose",
                        (unsigned long long)a->item.index);
#endif
    return iml__attempt_run(a, out, nout, e);
}

static void serve(struct child *k, uint32_t post)
{
    struct iml__place *p = k->place;
    struct iml__attempt *a = &k->attempt;
    iml_out out[IML_OUT_MAX];
    size_t nout = 0;
    uint64_t index = p->box[post % IML__MAILBOX].index, now = iml__now_us();
    iml__stall(k->n->c.stall, a->item.worker);
    iml__arena_reset(&k->arena);
    iml__attempt_begin(a, index, p->box[post % IML__MAILBOX].attempt, now);
    __atomic_store_n(&p->clock_us, now, __ATOMIC_RELAXED);
    __atomic_store_n(&p->taken, post + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&p->running, post + 1, __ATOMIC_RELEASE); // from here on it is to blame
    p->err = (iml_err){0};
    iml_status st = run(k, out, &nout, &p->err);
    empty_tables(p);
    if (st == IML_OK && !write_tables(k, out, nout)) {
        iml__out_release(out, nout);
        empty_tables(p), nout = 0;
        st = IML_FAIL(&p->err, IML_ENOMEM, "item %llu: no memory to hand its files over",
                      (unsigned long long)index);
    }
    struct iml__tally *t = NULL;
    if (a->ntally && st == IML_OK) {
        t = iml_arena_alloc(&k->arena, a->ntally * sizeof *t);
        if (t)
            memcpy(t, a->tally, a->ntally * sizeof *t), p->tally = offset(k, t);
        else
            st = IML_FAIL(&p->err, IML_ENOMEM, "no memory to hand counts over");
        p->ntally = t ? a->ntally : 0;
    }
    p->index = index, p->status = st;
    p->run_us = iml__now_us() - now, p->stages = a->stages;
    iml__stall(k->n->c.stall, a->item.worker);
    memcpy(p->stage_us, a->stage_us, sizeof p->stage_us);
    memcpy(p->stage_bytes, a->stage_bytes, sizeof p->stage_bytes);
    // A death in between: it has not ended and is not to blame, so it runs again, uncounted.
    __atomic_store_n(&p->clock_us, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&p->running, 0, __ATOMIC_RELEASE);
    say(k, IML__ANSWER_END);
    a->begun_us = 0;
    iml__out_release(out, nout);
}

// ---- The process.

// The terminal's Ctrl-C is the parent's affair; handlers that it has installed are not ours.
static void set_signals(void)
{
    const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGTSTP};
    const int plain[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGCHLD};
    for (size_t i = 0; i < IML_COUNT_OF(ignored); i++) (void)signal(ignored[i], SIG_IGN);
    for (size_t i = 0; i < IML_COUNT_OF(plain); i++) (void)signal(plain[i], SIG_DFL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

static bool make_state(struct child *k, uint32_t w)
{
    const iml_job *j = k->n->c.job;
    struct iml__place *p = k->place;
    iml_status st = iml__arena_open(&k->arena, k->n->arena_size, k->n->memfd[w], &p->err);
    if (st == IML_OK && j->worker_init) {
        p->err = (iml_err){0};
        st = j->worker_init(j->user, (int)w, &k->attempt.item.worker_state, &p->err);
        if (st != IML_OK && p->err.status != st)
            (void)IML_FAIL(&p->err, st, "worker %u cannot start: %s", w, iml_status_text(st));
    }
    p->status = st;
    __atomic_store_n(&p->started, st == IML_OK ? IML__WORKER_READY : IML__WORKER_FAILED,
                     __ATOMIC_RELEASE);
    iml__futex_ring(&p->ring);
    return st == IML_OK;
}

_Noreturn void iml__nursery_work(struct iml__nursery *n, uint32_t w)
{
    static struct child k;
    struct iml__place *p = &n->control->place[w];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != n->pid) _exit(1); // it has died in between
    set_signals();
    for (uint32_t v = 0; v < n->c.workers; v++)
        if (v != w) (void)close(n->memfd[v]);
    if (n->log[1] >= 0) (void)close(n->log[1]);
    iml__nursery_relay(n, w);
    k.n = n, k.place = p;
    k.attempt.ctx = n->c.ctx;
    k.attempt.ops = &ops, k.attempt.owner = &k, k.attempt.job = n->c.job;
    k.attempt.mark = &p->mark, k.attempt.item.arena = &k.arena, k.attempt.item.worker = w;
    // Not before the parent has heard of the death of the worker before it.
    while (__atomic_load_n(&p->dead, __ATOMIC_ACQUIRE)) {
        uint32_t bell = __atomic_load_n(&p->bell, __ATOMIC_ACQUIRE);
        if (__atomic_load_n(&p->dead, __ATOMIC_ACQUIRE))
            iml__futex_wait(&p->bell, bell, UINT64_MAX);
    }
    if (!make_state(&k, w))
        for (;;) (void)pause(); // the parent reads why, and ends the run
    for (uint32_t post = p->base;;) {
        uint32_t bell = __atomic_load_n(&p->bell, __ATOMIC_ACQUIRE);
        if (__atomic_load_n(&n->control->quit, __ATOMIC_ACQUIRE)) break;
        if (__atomic_load_n(&p->sent, __ATOMIC_ACQUIRE) != post)
            serve(&k, post++);
        else
            iml__futex_wait(&p->bell, bell, UINT64_MAX);
    }
    if (n->c.job->worker_free) n->c.job->worker_free(n->c.job->user, k.attempt.item.worker_state);
    _exit(0);
}
