// t_nursery.c: worker processes: results in place, deaths and their culprits, hostile replies, and
// the death of the nursery or of the parent. Whole runs with faults on purpose: t_deaths.c.
#include "tests/unit/iml_test.h"

#include "src/base/buf.h"
#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/engine/inject.h"
#include "src/engine/nursery_in.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILES = 1, EMIT, SEGV, HANG, GROW, COUNT, BAD_ITEM, HEAP, WAIT_STOP, PID, NAP, LOG, FLOOD };
enum { FLOODED = 3000 };

// What an item does is its index modulo 16.
static iml_status run(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    (void)user, (void)cap;
    static iml_frag frag[2];
    static char name[32];
    iml_buf *b = NULL;
    (void)snprintf(name, sizeof name, "f%llu", (unsigned long long)it->index);
    iml_stage(it, IML_STAGE_COMPUTE);
    switch (it->index % 16) {
    case SEGV: (void)raise(SIGSEGV); break;
    case HANG: (void)pause(); break;
    case NAP: (void)usleep(300000); break;
    case LOG: iml_log(it, IML_LOG_WARN, "a word of item %u", (unsigned)it->index); break;
    case FLOOD:
        for (int k = 0; k < FLOODED; k++) iml_log(it, IML_LOG_INFO, "drop %d", k);
        break;
    case GROW: iml_item_grow(it, 12345); break;
    case COUNT: iml_count(it, 2, it->index), iml_count(it, 2, 1); break;
    case PID: iml_count(it, 1, (uint64_t)getpid()); break;
    case BAD_ITEM:
        return IML_FAIL(e, IML_EINPUT, "item %llu is bad", (unsigned long long)it->index);
    case WAIT_STOP:
        while (!iml_cancelled(it)) (void)usleep(1000);
        return IML_FAIL(e, IML_ECANCEL, "stopped");
    case EMIT:
        for (int k = 0; k < 3; k++) {
            IML_TRY(iml_buf_new(it, 1 << 20, &b, e));
            memset(iml_buf_data(b), k, 1 << 20), iml_buf_set_size(b, 1 << 20);
            frag[0] = (iml_frag){b, 0, 1 << 20};
            IML_TRY(iml_emit(it, &(iml_out){name, frag, 1, 0}, e));
        }
        break;
    case FILES: // one buffer in two files
        IML_TRY(iml_buf_new(it, 100, &b, e));
        memset(iml_buf_data(b), 7, 100), iml_buf_set_size(b, 100);
        frag[0] = (iml_frag){b, 0, 60}, frag[1] = (iml_frag){iml_buf_ref(b), 40, 60};
        out[0] = (iml_out){name, &frag[0], 1, 0}, out[1] = (iml_out){"second", &frag[1], 1, 0};
        *n = 2;
        break;
    case HEAP: // not from the arena: copied into it
        IML_TRY(iml_buf_new(NULL, 3, &b, e));
        memcpy(iml_buf_data(b), "abc", 3), iml_buf_set_size(b, 3);
        frag[0] = (iml_frag){b, 1, 2};
        out[0] = (iml_out){name, frag, 1, 0}, *n = 1;
        break;
    default: break;
    }
    return IML_OK;
}

static iml_status init(void *user, int worker, void **state, iml_err *e)
{
    *state = NULL;
    if (user && worker == 1) return IML_FAIL(e, IML_EARG, "no model at %s", (const char *)user);
    return IML_OK;
}

static iml_job job(void)
{
    return (iml_job){.name = "t", .count = 1000, .ncounters = 4, .run = run, .worker_init = init};
}

static struct iml__nursery *make(const iml_job *j, uint64_t timeout_us)
{
    struct iml__nursery *n = NULL;
    struct iml__nursery_conf c = {.job = j, .workers = 2, .seed = 1, .timeout_us = timeout_us};
    assert_ok(iml__nursery_open(&n, &c, e));
    return n;
}

static enum iml__event next(struct iml__nursery *n, uint32_t w, struct iml__reply *r)
{
    return iml__nursery_wait(n, w, 60000000, r);
}

static void results_are_read_where_they_lie(void **state)
{
    (void)state;
    iml_job j = job();
    struct iml__nursery *n = make(&j, 0);
    struct iml__reply r;
    for (uint64_t round = 0; round < 200; round++) {
        uint32_t w = round % 2;
        assert_true(iml__nursery_post(n, w, 16 * round + FILES, 0));
        assert_true(iml__nursery_post(n, w, 16 * round + HEAP, 0));
        assert_false(iml__nursery_post(n, w, 0, 0)); // two deep
        assert_int_equal(next(n, w, &r), IML__EVENT_END);
        assert_int_equal(r.index, 16 * round + FILES);
        assert_int_equal(r.nout, 2);
        assert_string_equal(r.out[1].name, "second");
        assert_ptr_equal(r.out[0].frag->data, r.out[1].frag->data); // charged once
        assert_int_equal(r.out[1].frag->off, 40);
        assert_int_equal(iml_buf_data(r.out[0].frag->data)[99], 7);
        iml__nursery_ack(n, w, IML_OK, NULL);
        assert_int_equal(next(n, w, &r), IML__EVENT_END);
        assert_memory_equal(iml_buf_data(r.out[0].frag->data) + r.out[0].frag->off, "bc", 2);
        iml__nursery_ack(n, w, IML_OK, NULL);
    }
    assert_int_equal(iml__nursery_wait(n, 0, 1000, &r), IML__EVENT_NONE);
    iml__nursery_close(&n);
    assert_null(n);
}

// A worker that went because it was told to is not replaced by one that waits half a second. What
// close does first is done here long before it, as if the parent had been held up in between.
static void a_nursery_closes_as_soon_as_its_workers_are_gone(void **state)
{
    (void)state;
    iml_job j = job();
    struct iml__nursery *n = make(&j, 0);
    __atomic_store_n(&n->control->quit, 1, __ATOMIC_RELEASE);
    for (uint32_t w = 0; w < 2; w++) iml__futex_ring(&n->control->place[w].bell);
    (void)usleep(300000);
    uint64_t begun = iml__now_us();
    iml__nursery_close(&n);
    assert_true(iml__now_us() - begun < 400000);
}

static void early_files_growth_counts_and_failures_arrive(void **state)
{
    (void)state;
    iml_job j = job();
    struct iml__nursery *n = make(&j, 0);
    struct iml__reply r;
    assert_true(iml__nursery_post(n, 0, EMIT, 0));
    for (int k = 0; k < 3; k++) {
        assert_int_equal(next(n, 0, &r), IML__EVENT_EMIT);
        assert_int_equal(iml_buf_data(r.out[0].frag->data)[(1 << 20) - 1], k);
        iml__nursery_ack(n, 0, k < 2 ? IML_OK : IML_ESINK, "disk full");
    }
    assert_int_equal(next(n, 0, &r), IML__EVENT_END);
    assert_int_equal(r.status, IML_ESINK);
    assert_non_null(strstr(r.err->msg, "disk full"));
    iml__nursery_ack(n, 0, IML_OK, NULL);
    assert_true(iml__nursery_post(n, 0, GROW, 0));
    assert_int_equal(next(n, 0, &r), IML__EVENT_GROW);
    assert_int_equal(r.grown, 12345);
    assert_int_equal(next(n, 0, &r), IML__EVENT_END);
    iml__nursery_ack(n, 0, IML_OK, NULL);
    assert_true(iml__nursery_post(n, 0, 16 + COUNT, 0));
    assert_int_equal(next(n, 0, &r), IML__EVENT_END);
    assert_true(r.ntally == 1 && r.tally[0].counter == 2 && r.tally[0].add == 16 + COUNT + 1);
    assert_int_equal(r.stages, 1u << IML_STAGE_COMPUTE);
    iml__nursery_ack(n, 0, IML_OK, NULL);
    assert_true(iml__nursery_post(n, 0, BAD_ITEM, 0));
    assert_int_equal(next(n, 0, &r), IML__EVENT_END);
    assert_true(r.status == IML_EINPUT && !strcmp(r.err->msg, "item 7 is bad"));
    iml__nursery_ack(n, 0, IML_OK, NULL);
    assert_true(iml__nursery_post(n, 1, WAIT_STOP, 0));
    assert_int_equal(iml__nursery_wait(n, 1, 20000, &r), IML__EVENT_NONE);
    iml__nursery_stop(n);
    assert_int_equal(next(n, 1, &r), IML__EVENT_END);
    assert_int_equal(r.status, IML_ECANCEL);
    iml__nursery_close(&n);
}

static void a_death_names_its_item_and_the_next_worker_goes_on(void **state)
{
    (void)state;
    iml_job j = job();
    struct iml__nursery *n = make(&j, 60000);
    struct iml__reply r;
    for (int k = 0; k < 50; k++) {
        assert_true(iml__nursery_post(n, 0, SEGV, 0));
        assert_true(iml__nursery_post(n, 0, FILES, 0));
        assert_int_equal(next(n, 0, &r), IML__EVENT_DIED);
        assert_true(r.begun && r.death == IML__DIED_SIGNAL && r.signal == SIGSEGV);
        assert_int_equal(r.index, SEGV);
        assert_int_equal(r.stage, IML_STAGE_COMPUTE);
        assert_true(iml__nursery_post(n, 0, FILES, 0));
        assert_int_equal(next(n, 0, &r), IML__EVENT_END);
        assert_int_equal(r.nout, 2);
        iml__nursery_ack(n, 0, IML_OK, NULL);
    }
    assert_true(iml__nursery_post(n, 0, HANG, 0));
    assert_int_equal(next(n, 0, &r), IML__EVENT_DIED);
    assert_true(r.begun && r.death == IML__DIED_TIMEOUT);
    iml__nursery_kill(n, 0); // idle
    assert_int_equal(next(n, 0, &r), IML__EVENT_DIED);
    assert_true(!r.begun && r.death == IML__DIED_SIGNAL);
    iml__nursery_close(&n);
}

static void a_worker_that_cannot_start_refuses_the_run_with_its_reason(void **state)
{
    (void)state;
    static char where[] = "there";
    iml_job j = job();
    j.user = where;
    struct iml__nursery *n = NULL;
    struct iml__nursery_conf c = {.job = &j, .workers = 2};
    iml_err e;
    assert_int_equal(iml__nursery_open(&n, &c, &e), IML_EARG);
    assert_string_equal(e.msg, "no model at there");
    assert_null(n);
}

// ---- Hostile replies: the parent may only ever see what lies in the worker's arena.

enum where { PLACE, OUTS, FRAGS, BUFS, TALLIES };

#define AT_PLACE(f) PLACE, offsetof(struct iml__place, f), sizeof((struct iml__place *)0)->f
#define AT(t, s, f) t, offsetof(struct s, f), sizeof((struct s *)0)->f

static const struct lie {
    uint64_t index; // whose reply
    enum where where;
    size_t off, size;
    uint64_t value;
} lies[] = {
    {FILES, AT_PLACE(nout), IML_OUT_MAX + 1},
    {FILES, AT_PLACE(nout), UINT64_MAX},
    {FILES, AT_PLACE(nfrag), UINT64_MAX / 24},
    {FILES, AT_PLACE(nfrag), 1}, // the second file's fragment is beyond
    {FILES, AT_PLACE(nbuf), 0},
    {FILES, AT_PLACE(nbuf), (1 << 20) + 1},
    {FILES, AT_PLACE(nbuf), 1ull << 60}, // times 16 is 0
    {FILES, AT_PLACE(out), UINT64_MAX - 7},
    {FILES, AT_PLACE(frag), 1}, // misaligned
    {FILES, AT_PLACE(buf), 1ull << 36},
    {FILES, AT_PLACE(buf), (1ull << 36) - 8},
    {FILES, AT_PLACE(status), IML_STATUS_COUNT_},
    {FILES, AT_PLACE(status), UINT32_MAX},
    {FILES, AT_PLACE(status), IML_END},
    {FILES, AT(BUFS, iml__wire_buf, off), UINT64_MAX},
    {FILES, AT(BUFS, iml__wire_buf, size), UINT64_MAX},
    {FILES, AT(BUFS, iml__wire_buf, size), 59},
    {FILES, AT(FRAGS, iml__wire_frag, buf), 1},
    {FILES, AT(FRAGS, iml__wire_frag, off), UINT64_MAX},
    {FILES, AT(FRAGS, iml__wire_frag, off), 101},
    {FILES, AT(FRAGS, iml__wire_frag, len), 101},
    {FILES, AT(FRAGS, iml__wire_frag, len), UINT64_MAX},
    {FILES, AT(OUTS, iml__wire_out, frag), 3},
    {FILES, AT(OUTS, iml__wire_out, frag), UINT64_MAX},
    {FILES, AT(OUTS, iml__wire_out, nfrag), 3},
    {FILES, AT(OUTS, iml__wire_out, nfrag), (1ull << 32) + 1}, // 1 once it is cut short
    {FILES, AT(OUTS, iml__wire_out, name), UINT64_MAX},
    {FILES, AT(OUTS, iml__wire_out, len), 4096},
    {FILES, AT(OUTS, iml__wire_out, len), 20}, // past the name's end
    {FILES, AT(OUTS, iml__wire_out, len), UINT64_MAX},
    {COUNT, AT_PLACE(ntally), UINT64_MAX / 16 + 2},
    {COUNT, AT_PLACE(tally), UINT64_MAX - 7},
    {COUNT, AT(TALLIES, iml__tally, counter), 4}, // the job has 4
    {EMIT, AT_PLACE(nout), 0},
    {EMIT, AT_PLACE(nfrag), 0},
};

static uint8_t *place_of(struct iml__nursery *n, enum where where)
{
    struct iml__place *p = &n->control->place[0];
    uint8_t *base = n->cot[0].arena.base;
    switch (where) {
    case OUTS: return base + p->out;
    case FRAGS: return base + p->frag;
    case BUFS: return base + p->buf;
    case TALLIES: return base + p->tally;
    default: return (uint8_t *)p;
    }
}

// False: it has died instead.
static bool until_it_speaks(struct iml__nursery *n)
{
    const struct iml__place *p = &n->control->place[0];
    for (int k = 0; !__atomic_load_n(&p->event, __ATOMIC_ACQUIRE); k++) {
        if (__atomic_load_n(&p->dead, __ATOMIC_ACQUIRE)) return false;
        assert_true(k < 100000);
        (void)usleep(100);
    }
    return true;
}

static void a_corrupted_reply_is_the_death_of_its_worker_and_names_the_item(void **state)
{
    (void)state;
    iml_job j = job();
    struct iml__nursery *n = make(&j, 0);
    struct iml__reply r;
    for (size_t k = 0; k < IML_COUNT_OF(lies); k++) {
        const struct lie *x = &lies[k];
        assert_true(iml__nursery_post(n, 0, x->index, 0));
        assert_true(until_it_speaks(n));
        memcpy(place_of(n, x->where) + x->off, &x->value, x->size);
        if (next(n, 0, &r) != IML__EVENT_DIED) fail_msg("lie %zu was believed", k);
        assert_true(r.begun && r.garbled && r.death == IML__DIED_SIGNAL);
        assert_int_equal(r.index, x->index);
        assert_true(iml__nursery_post(n, 0, HEAP, 0)); // and the next worker is heard as ever
        assert_int_equal(next(n, 0, &r), IML__EVENT_END);
        assert_true(r.nout == 1 && !r.garbled);
        iml__nursery_ack(n, 0, IML_OK, NULL);
    }
    iml__nursery_close(&n);
}

static void check_bounds(const struct iml__nursery *n, const struct iml__reply *r)
{
    const iml_arena *a = &n->cot[0].arena;
    assert_true(r->nout <= IML_OUT_MAX);
    for (size_t i = 0; i < r->nout; i++) {
        assert_true(strlen(r->out[i].name) < 4096);
        for (uint32_t f = 0; f < r->out[i].nfrag; f++) {
            const iml_frag *g = &r->out[i].frag[f];
            uint64_t from = (uint64_t)(iml_buf_data(g->data) - a->base);
            assert_true(from <= a->cap && g->off <= a->cap - from);
            assert_true(g->len <= a->cap - from - g->off);
        }
    }
    for (uint32_t t = 0; t < r->ntally; t++) assert_true(r->tally[t].counter < 4);
    if (r->err) assert_true(memchr(r->err->msg, 0, sizeof r->err->msg) != NULL);
}

static void random_words_in_a_reply_never_lead_outside_the_arena(void **state)
{
    (void)state;
    const uint64_t words[] = {0,       1,          7,          8,          100,        4096,
                              1 << 20, 1ull << 32, 1ull << 36, 1ull << 60, 1ull << 63, UINT64_MAX};
    const uint64_t kinds[] = {FILES, HEAP, COUNT, BAD_ITEM};
    uint64_t seed = 1, died = 0, ended = 0;
    iml_job j = job();
    struct iml__nursery *n = make(&j, 0);
    for (int round = 0; round < 400; round++) {
        struct iml__reply r;
        assert_true(iml__nursery_post(n, 0, kinds[round % 4], 0));
        if (!until_it_speaks(n)) { // of what the round before has done to its arena
            assert_int_equal(next(n, 0, &r), IML__EVENT_DIED);
            assert_true(!r.garbled);
            continue;
        }
        for (int k = 0; k < 2; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            enum where where = (enum where)(seed >> 33) % 5;
            size_t lo = where ? 0 : offsetof(struct iml__place, nbuf), most = where ? 6 : 9;
            memcpy(place_of(n, where) + lo + 8 * ((seed >> 40) % most),
                   &words[(seed >> 50) % IML_COUNT_OF(words)], 8);
            if (!where) break; // the tables are not where they were
        }
        enum iml__event x = next(n, 0, &r);
        assert_true(x == IML__EVENT_END || (x == IML__EVENT_DIED && r.garbled));
        died += x == IML__EVENT_DIED, ended += x == IML__EVENT_END;
        if (x == IML__EVENT_DIED) continue;
        check_bounds(n, &r);
        iml__nursery_ack(n, 0, IML_OK, NULL);
    }
    iml__nursery_close(&n);
    print_message("%llu refused, %llu did no harm\n", (unsigned long long)died,
                  (unsigned long long)ended);
    assert_true(died > 50 && ended > 50);
}

// ---- Deaths of those above.

static pid_t pid_of_worker(struct iml__nursery *n, uint32_t w)
{
    struct iml__reply r;
    assert_true(iml__nursery_post(n, w, PID, 0));
    assert_int_equal(next(n, w, &r), IML__EVENT_END);
    pid_t pid = (pid_t)r.tally[0].add;
    iml__nursery_ack(n, w, IML_OK, NULL);
    return pid;
}

static void the_nursery_s_death_takes_its_workers_and_is_said(void **state)
{
    (void)state;
    iml_job j = job();
    struct iml__nursery *n = make(&j, 0);
    struct iml__reply r;
    pid_t pid = pid_of_worker(n, 1);
    assert_int_equal(kill(pid, 0), 0);
    assert_true(iml__nursery_post(n, 0, HANG, 0));
    assert_int_equal(iml__nursery_wait(n, 0, 20000, &r), IML__EVENT_NONE);
    assert_int_equal(kill(n->pid, SIGKILL), 0);
    for (uint32_t w = 0; w < 2; w++) {
        assert_int_equal(next(n, w, &r), IML__EVENT_DIED);
        assert_true(!r.begun && r.status == IML_EBUG);
        assert_non_null(strstr(r.err->msg, "the process that forks workers is dead"));
    }
    for (int ms = 0; kill(pid, 0) == 0; ms++) { // a zombie until init looks
        char path[64], text[256] = "";
        (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        FILE *f = fopen(path, "r");
        if (!f) break;
        bool zombie = fgets(text, sizeof text, f) && strstr(text, ") Z ");
        (void)fclose(f);
        if (zombie) break;
        assert_true(ms < 5000);
        (void)usleep(1000);
    }
    iml__nursery_close(&n);
}

// All that descend from the killed process hold the pipe's other end: it ends when they have.
static void the_parent_s_death_takes_the_nursery_and_all_workers(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        int up[2];
        assert_int_equal(pipe(up), 0);
        pid_t pid = fork();
        if (!pid) {
            iml_job j = job();
            struct iml__nursery *n = make(&j, 0);
            (void)iml__nursery_post(n, 0, HANG, 0);
            if (k && fork() == 0) { // a process of the host's keeps the line open
                (void)close(up[0]), (void)close(up[1]);
                (void)sleep(3);
                _exit(0);
            }
            (void)usleep(20000);
            if (write(up[1], "r", 1) != 1) _exit(1);
            for (;;) (void)pause();
        }
        (void)close(up[1]);
        char c;
        assert_int_equal(read(up[0], &c, 1), 1);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        struct pollfd fd = {.fd = up[0], .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 2000), 1);
        assert_int_equal(read(up[0], &c, 1), 0); // nobody is left
        (void)close(up[0]);
    }
}

// ---- Workers and nurseries that were stopped: nobody waits for them for ever.

static void a_stopped_worker_is_replaced_and_only_a_handed_over_file_blames_its_item(void **state)
{
    (void)state;
    iml_job j = job();
    struct iml__nursery *n = make(&j, 100000);
    struct iml__reply r;
    pid_t idle = pid_of_worker(n, 0), busy = pid_of_worker(n, 1);
    assert_true(iml__nursery_post(n, 1, EMIT, 0));
    assert_int_equal(next(n, 1, &r), IML__EVENT_EMIT);
    assert_int_equal(kill(busy, SIGSTOP), 0);
    iml__nursery_ack(n, 1, IML_OK, NULL);
    assert_int_equal(kill(idle, SIGSTOP), 0);
    assert_true(iml__nursery_post(n, 0, FILES, 0));
    assert_int_equal(next(n, 0, &r), IML__EVENT_DIED);
    assert_true(!r.begun && r.death == IML__DIED_SIGNAL && r.signal == SIGKILL);
    assert_int_equal(next(n, 1, &r), IML__EVENT_DIED);
    assert_true(r.begun && r.death == IML__DIED_TIMEOUT && r.index == EMIT);
    for (uint32_t w = 0; w < 2; w++) {
        assert_true(iml__nursery_post(n, w, FILES, 0));
        assert_int_equal(next(n, w, &r), IML__EVENT_END);
        iml__nursery_ack(n, w, IML_OK, NULL);
    }
    iml__nursery_close(&n);
}

static void time_in_which_all_were_stopped_counts_for_nothing(void **state)
{
    (void)state;
    iml_job j = job();
    struct iml__nursery *n = make(&j, 700000);
    struct iml__reply r;
    pid_t pid = pid_of_worker(n, 0);
    for (int k = 0; k < 3; k++) {
        assert_true(iml__nursery_post(n, 0, NAP, 0));
        (void)usleep(100000);
        assert_int_equal(kill(pid, SIGSTOP), 0);
        assert_int_equal(kill(n->pid, SIGSTOP), 0);
        (void)usleep(1200000);
        assert_int_equal(kill(n->pid, SIGCONT), 0);
        (void)usleep(30000);
        assert_int_equal(kill(pid, SIGCONT), 0);
        assert_int_equal(next(n, 0, &r), IML__EVENT_END);
        iml__nursery_ack(n, 0, IML_OK, NULL);
    }
    iml__nursery_close(&n);
}

static void a_stopped_nursery_ends_the_run_and_its_close(void **state)
{
    (void)state;
    iml_job j = job();
    struct iml__nursery *n = make(&j, 100000);
    struct iml__reply r;
    assert_int_equal(kill(n->pid, SIGSTOP), 0);
    assert_true(iml__nursery_post(n, 0, HANG, 0)); // nobody kills it
    enum iml__event x = IML__EVENT_NONE;
    for (int k = 0; k < 200 && x == IML__EVENT_NONE; k++) x = iml__nursery_wait(n, 0, 100000, &r);
    assert_int_equal(x, IML__EVENT_DIED);
    assert_true(!r.begun && r.status == IML_EBUG);
    iml__nursery_close(&n);
    // Without a time limit a stopped nursery stops nothing, but its end is not waited for.
    n = make(&j, 0);
    assert_int_equal(kill(n->pid, SIGSTOP), 0);
    uint64_t begun = iml__now_us();
    iml__nursery_close(&n);
    assert_true(iml__now_us() - begun < 8000000);
}

// ---- What workers say.

static struct {
    uint32_t lines, said;
    char last[1200], held[1200];
} heard;

static void listen(void *user, int level, const char *line)
{
    (void)user, (void)level;
    heard.lines++;
    bool sum = strstr(line, "more of this kind") || strstr(line, "lost");
    heard.said += !sum && strstr(line, "] drop ");
    char *to = sum ? heard.held : heard.last;
    (void)snprintf(to, sizeof heard.last, "%s", line);
}

static void log_lines_of_workers_reach_the_parents_log(void **state)
{
    (void)state;
    iml_job j = job();
    iml_ctx *ctx = NULL;
    struct iml__nursery *n = NULL;
    struct iml__reply r;
    assert_ok(iml_ctx_new(&ctx, e));
    iml_ctx_log(ctx, IML_LOG_INFO, listen, NULL);
    struct iml__nursery_conf c = {.ctx = ctx, .job = &j, .workers = 2};
    assert_ok(iml__nursery_open(&n, &c, e));
    memset(&heard, 0, sizeof heard);
    for (uint32_t w = 0; w < 2; w++) {
        char want[80];
        assert_true(iml__nursery_post(n, w, LOG + 16 * (w + 1), 0));
        assert_int_equal(next(n, w, &r), IML__EVENT_END); // the line stands before its item ends
        (void)snprintf(want, sizeof want, "warn [w%u i%u compute] a word of item %u", w,
                       LOG + 16 * (w + 1), LOG + 16 * (w + 1));
        assert_string_equal(heard.last, want);
        iml__nursery_ack(n, w, IML_OK, NULL);
    }
    // A flood is held back, and what the socket did not take is counted: nothing waits for us.
    assert_true(iml__nursery_post(n, 0, FLOOD, 0));
    assert_int_equal(next(n, 0, &r), IML__EVENT_END);
    iml__nursery_ack(n, 0, IML_OK, NULL);
    iml__nursery_close(&n);
    iml_ctx_free(&ctx);
    assert_int_equal(heard.said, 20);
    assert_non_null(strstr(heard.held, "more of this kind, the last: [w0 i"));
}

static void inject_reads_its_dice(void **state)
{
    (void)state;
    struct iml__inject x;
    iml_err why;
    assert_ok(iml__inject_parse(&x, "crash=0.1,hang=0.05,oom=0,fail=0.5", e));
    assert_true(x.crash == 0.1 && x.hang == 0.05 && x.oom == 0 && x.fail == 0.5);
    const char *wrong[] = {"crash", "crash=2", "crash=.6,fail=.6", "boom=1", "crash=0.1x", "hang="};
    for (size_t k = 0; k < IML_COUNT_OF(wrong); k++)
        assert_int_equal(iml__inject_parse(&x, wrong[k], &why), IML_EARG);
    assert_ok(iml__inject_parse(&x, "crash=0.25,fail=0.25", e));
    int n[5] = {0};
    for (uint64_t i = 0; i < 40000; i++) n[iml__inject_at(&x, 5, i, 1)]++;
    assert_in_range(n[IML__FAULT_CRASH], 9600, 10400);
    assert_in_range(n[IML__FAULT_FAIL], 9600, 10400);
    assert_int_equal(n[IML__FAULT_HANG] + n[IML__FAULT_OOM], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_read_where_they_lie),
        cmocka_unit_test(a_nursery_closes_as_soon_as_its_workers_are_gone),
        cmocka_unit_test(early_files_growth_counts_and_failures_arrive),
        cmocka_unit_test(a_death_names_its_item_and_the_next_worker_goes_on),
        cmocka_unit_test(a_worker_that_cannot_start_refuses_the_run_with_its_reason),
        cmocka_unit_test(a_corrupted_reply_is_the_death_of_its_worker_and_names_the_item),
        cmocka_unit_test(random_words_in_a_reply_never_lead_outside_the_arena),
        cmocka_unit_test(the_nursery_s_death_takes_its_workers_and_is_said),
        cmocka_unit_test(the_parent_s_death_takes_the_nursery_and_all_workers),
        cmocka_unit_test(a_stopped_worker_is_replaced_and_only_a_handed_over_file_blames_its_item),
        cmocka_unit_test(time_in_which_all_were_stopped_counts_for_nothing),
        cmocka_unit_test(a_stopped_nursery_ends_the_run_and_its_close),
        cmocka_unit_test(log_lines_of_workers_reach_the_parents_log),
        cmocka_unit_test(inject_reads_its_dice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
