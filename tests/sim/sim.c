// sim.c: a seeded simulator that drives plan.c through random worlds and asserts what the engine
// promises: I1-I8 as far as they are state, and that nobody sleeps for ever.
//
// A world has a job (items with costs, sizes, faults), one to three nodes with static shards, and a
// disk that outlives them. A scheduler lets any actor that is awake (worker, sink, committer,
// prefetcher) make one small step; actors sleep on IML__WAIT until the plan wakes their kind, so a
// forgotten wake-up shows as a deadlock. Chaos kills nodes between any two steps and cuts their
// journals at any record, kills workers, parks them, cancels, fails writes. Of the workers that
// sleep for a claim only as many wake as the plan names. A failing seed is a test case.
//
//     plan_sim FIRST COUNT     runs the worlds of seeds FIRST..FIRST+COUNT-1
#include "src/engine/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAXN = 40, MAXF = 3, MAXW = 5, NODES = 3, MAXWIN = 24, MAXR = 6000, SINKS = 2 };
enum fate { GOOD, BAD, FLAKY, NEVER, CRASH, CRASH_ONCE, HANG, BAD_PART, NFATES };
enum pc { CLAIM, START, GROW, SPLIT, FILES, FINISH, PART, LAZY, GONE };
enum sleep { AWAKE, FOR_CLAIM, FOR_START }; // a sink sleeps FOR_CLAIM too

#define COUNTERS(X)                                                                                \
    X(worlds)                                                                                      \
    X(runs)                                                                                        \
    X(steps)                                                                                       \
    X(units) X(pulled) X(kills) X(cuts) X(cancels) X(sink_fails) X(deaths) X(ok) X(bad) X(retries) \
        X(timeouts) X(aborted) X(helped) X(kept) X(spooled) X(in_place) X(refused) X(lost_files)   \
            X(over_budget) X(lazy) X(whole) X(parks) X(dest_waits) X(unstarted)
#define FIELD(x) unsigned long long x;
static struct {
    COUNTERS(FIELD)
} total;

struct script { // what an item is and does
    enum fate fate;
    uint64_t cost, need, size[MAXF], shared, part_bytes;
    uint32_t files, parts, flaky;
    bool emits;
};
struct flight {
    struct iml__charge buf[MAXF + 1];
    bool given[MAXF];
}; // buf[MAXF]: in every file
struct actor {
    enum pc pc;
    enum sleep asleep;
    iml__slot slot;
    uint32_t part, file, lazy;
};
struct record {
    enum iml__rec type;
    uint64_t id, config;
    uint32_t ok, bad;
};

struct node {
    bool up, over, fail, ahead_asleep, commit_asleep;
    struct iml__plan *plan;
    struct iml__past *past;
    uint8_t written[MAXN], recorded[MAXN], wholes[MAXN];
    struct flight flight[MAXWIN];
    struct actor worker[MAXW], sink[SINKS];
    uint64_t temp[MAXN][MAXF], piece[MAXN], bound, next_seq;
    uint32_t unit[2 * MAXN], nunit, cu, ci, cf; // the committer: units, and how far it is
    iml__slot kept[MAXWIN];
    uint32_t nkept, keep, ndest, dests; // pull: what the caller holds, and likes to; its memory
};

struct world {
    uint64_t seed, rng, now, config, count, chaos, budget, only[MAXN], nonly;
    struct iml__plan_conf conf;
    uint32_t nodes, attempts[MAXN], records[NODES];
    struct script script[MAXN];
    bool gone[MAXN], lossy[MAXN], cut; // inputs that vanished; units that lost a file; cut journal
    uint64_t file[MAXN][MAXF], blob[MAXN], manifest; // the disk: contents, 0 = not there
    bool named[MAXN][MAXF];                          // stands in a file list
    struct record journal[NODES][MAXR];
    struct node node[NODES];
};
static struct world w;

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u, x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t pick(uint64_t lo, uint64_t hi) { return lo + mix(w.rng++) % (hi - lo + 1); }
static bool chance(uint64_t one_in) { return mix(w.rng++) % one_in == 0; }

static void check(bool ok, const char *what, uint64_t which)
{
    if (ok) return;
    printf("seed %llu, step %llu: %s (%llu)\nagain: plan_sim %llu 1\n", (unsigned long long)w.seed,
           total.steps, what, (unsigned long long)which, (unsigned long long)w.seed);
    exit(1);
}

// ---- What ought to come out: contents are functions of (configuration, index) and, for shards and
// parts, of the set of bad items.

static bool loose(void) { return w.conf.sink == IML__SINK_UNORDERED; }
static bool pull(void) { return w.conf.sink == IML__SINK_PULL; }
static bool has_blob(void) { return !loose() || w.conf.unit_items > 1; } // a shard or a part
static uint64_t units(void) { return (w.count + w.conf.unit_items - 1) / w.conf.unit_items; }
static bool faulty(enum fate f) { return f != GOOD && f != FLAKY && f != CRASH_ONCE; }
static uint64_t content(uint64_t i, uint32_t k) { return mix(w.config ^ mix(i * 8 + k)) | 1; }

static uint64_t want(uint64_t u) // indices that unit u has now
{
    uint64_t rest = w.count - u * w.conf.unit_items;
    return rest < w.conf.unit_items ? rest : w.conf.unit_items;
}

static uint64_t fold(uint64_t h, uint64_t i)
{
    for (uint32_t k = 0; k < w.script[i].files; k++) h = mix(h ^ content(i, k));
    return mix(h ^ i) | 1;
}

// A unit's record and the disk agree: its files have their content, its bad items have none.
static bool matches(const struct iml__past *past, uint64_t u)
{
    uint64_t h = 1, first = u * w.conf.unit_items, n = iml__past_span(past, u);
    for (uint64_t i = first; i < first + n; i++) {
        bool bad = iml__past_is_bad(past, i);
        for (uint32_t k = 0; loose() && k < w.script[i].files; k++)
            if (w.file[i][k] != (bad ? 0 : content(i, k))) return false;
        if (!bad) h = fold(h, i);
    }
    return !has_blob() || w.blob[u] == h;
}

// False: of another configuration; refuse to resume.
static bool apply(struct iml__past *p, const struct record *r, uint64_t config)
{
    iml_status st = IML_OK;
    if (r->config != config) return false;
    if (r->type == IML__REC_VOID) st = iml__past_void(p, r->id, r->ok + r->bad);
    if (r->type == IML__REC_UNIT) st = iml__past_unit(p, r->id, r->ok + r->bad);
    if (r->type == IML__REC_BAD) st = iml__past_bad(p, r->id);
    if (r->type == IML__REC_SUSPECT) st = iml__past_suspect(p, r->id);
    check(st == IML_OK, "no memory", 0);
    return true;
}

static struct iml__past *read_past(void)
{
    struct iml__past *p = iml__past_new(w.conf.unit_items);
    for (uint32_t j = 0; j < w.nodes; j++)
        for (uint32_t r = 0; r < w.records[j]; r++)
            check(apply(p, &w.journal[j][r], w.config), "foreign record", r);
    return p;
}

static uint64_t whole(void)
{
    uint64_t h = w.count;
    for (uint64_t i = 0; i < MAXN; i++) {
        for (uint32_t k = 0; k < MAXF; k++) h = mix(h ^ w.file[i][k]);
        h = mix(h ^ w.blob[i]);
    }
    return h;
}

// What merge checks: all there, each once, right, nothing else; bad is what ought to be bad.
static void check_set(void)
{
    struct iml__past *past = read_past();
    for (uint64_t u = 0; u < units(); u++) {
        check(iml__past_span(past, u) >= want(u), "unit lost", u);
        check(matches(past, u), "unit differs", u);
    }
    for (uint64_t i = 0; i < MAXN; i++) {
        bool may = faulty(w.script[i].fate) || w.gone[i];
        bool bad = iml__past_is_bad(past, i), right = bad ? may : !faulty(w.script[i].fate);
        check(i >= w.count || right, "wrongly bad or good", i);
        for (uint32_t k = 0; k < MAXF; k++)
            check(!w.file[i][k] || (k < w.script[i].files && !bad), "stranger", i);
    }
    iml__past_free(&past);
}

// ---- An attempt's buffers and temporary files; the journal.

static void file_ref(struct node *n, iml__slot s, uint32_t k, bool give)
{
    struct flight *f = &n->flight[s];
    if (f->given[k] == give) return;
    void (*to)(struct iml__plan *, struct iml__charge *) = give ? iml__plan_ref : iml__plan_unref;
    if (f->buf[MAXF].bytes) to(n->plan, &f->buf[MAXF]);
    to(n->plan, &f->buf[k]);
    f->given[k] = give;
}

static void clean(struct node *n, iml__slot s)
{
    uint64_t i = iml__plan_item(n->plan, s)->index;
    for (uint32_t k = 0; k < MAXF; k++) file_ref(n, s, k, false), n->temp[i][k] = 0;
}

static void append(const struct node *n, enum iml__rec type, uint64_t id, uint32_t ok, uint32_t bad)
{
    uint64_t j = (uint64_t)(n - w.node);
    check(w.records[j] < MAXR, "journal full: livelock", j);
    w.journal[j][w.records[j]++] = (struct record){type, id, w.config, ok, bad};
}

// The caller's memory for an item of a pull run, of which it has little.
static void *dest(void *user, uint64_t i)
{
    struct node *n = &w.node[0];
    if (n->dests == n->ndest) {
        total.dest_waits++;
        return NULL;
    }
    n->dests++;
    return (struct script *)user + i;
}

static void forget(struct node *n, iml__slot s)
{
    n->dests -= iml__plan_item(n->plan, s)->dest != NULL;
    iml__plan_forget(n->plan, s);
}

// ---- Nodes start, die, end.

static uint64_t cost(void *user, uint64_t i) { return ((struct script *)user)[i].cost; }

static void start_node(struct node *n)
{
    uint32_t keep = n->keep, ndest = n->ndest, j = (uint32_t)(n - w.node);
    struct iml__plan_conf c = w.conf;
    memset(n, 0, sizeof *n);
    n->keep = keep, n->ndest = ndest, n->up = true, n->bound = c.budget = w.budget, total.runs++;
    c.dest = ndest ? dest : NULL;
    if (!w.records[j] && !pull()) append(n, IML__REC_BEGIN, 0, 0, 0);
    c.count = w.count, c.shard = j, c.nshards = w.nodes, c.past = n->past = read_past();
    c.user = w.script, c.cost = cost, c.only = w.nonly ? w.only : NULL, c.nonly = w.nonly;
    uint64_t to_do = 0;
    for (uint64_t u = 0; u < units(); u++) {
        if ((w.cut || w.lossy[u]) && !matches(n->past, u)) // I2: redo
            check(!iml__past_clear(n->past, u), "no memory", u);
        n->recorded[u] = iml__past_span(n->past, u) >= want(u);
        for (uint64_t i = u * c.unit_items; c.retry_bad && i < u * c.unit_items + want(u); i++)
            if (iml__past_is_bad(n->past, i)) n->recorded[u] = 0;
        bool chosen = !w.nonly;
        for (uint64_t k = 0; k < w.nonly; k++) chosen |= w.only[k] == u;
        if (!n->recorded[u] && chosen && u % c.nshards == c.shard) to_do += want(u);
        if (!n->recorded[u]) w.manifest = 0; // I5: before anything changes
    }
    n->plan = iml__plan_open(&c);
    check(n->plan, "no memory", 0);
    check(c.retry_bad || iml__plan_view(n->plan).planned == to_do, "planned wrongly", to_do);
    for (uint32_t k = 0; k < SINKS; k++)
        n->sink[k].slot = IML__NONE, n->sink[k].pc = k < c.writers ? START : GONE;
}

static void kill_node(struct node *n)
{
    uint64_t j = (uint64_t)(n - w.node);
    iml__plan_close(&n->plan);
    iml__past_free(&n->past);
    n->up = false, total.kills++;
    struct iml__past *look = read_past();
    for (uint64_t u = 0; u < MAXN; u++) {
        bool trusted = iml__past_span(look, u) && !w.cut && !w.lossy[u];
        check(!trusted || matches(look, u), "I2: record, no file", u);
    }
    iml__past_free(&look);
    if (!w.records[j] || !chance(3)) return;
    w.records[j] = (uint32_t)pick(0, w.records[j]), w.cut = true, total.cuts++; // I4: a torn tail
}

// ---- A worker's step: one small thing of one item.

static void finish(struct node *n, uint32_t a, enum iml__how how)
{
    struct actor *k = &n->worker[a];
    const struct script *sc = &w.script[iml__plan_item(n->plan, k->slot)->index];
    if (how != IML__OK) clean(n, k->slot);
    for (uint32_t f = 0; how == IML__OK && !sc->emits && f < sc->files; f++)
        file_ref(n, k->slot, f, true);
    total.ok += how == IML__OK, total.bad += how == IML__BAD, total.retries += how == IML__RETRY;
    total.timeouts += how == IML__TIMEOUT, total.aborted += how == IML__ABORTED;
    bool stays = iml__plan_end(n->plan, a, how, 1, w.now);
    if (stays && chance(3)) iml__plan_unpin(n->plan, k->slot);
    total.in_place += stays;
    k->pc = CLAIM;
}

static bool busy(const struct actor *k) { return k->pc >= GROW && k->pc <= FINISH; }

static void die(struct node *n, uint32_t a, enum iml__death why)
{
    struct actor *k = &n->worker[a];
    const struct iml__item *t = iml__plan_item(n->plan, k->slot);
    total.deaths++;
    if (!w.conf.process && busy(k) && !t->isolate) { // a thread takes the whole run along
        append(n, IML__REC_SUSPECT, t->index, 0, 0);
        kill_node(n);
        return;
    }
    if (busy(k)) clean(n, k->slot);
    bool condemned = busy(k) && why != IML__DIED_FOREIGN && t->deaths + 1 >= w.conf.max_deaths;
    iml__plan_died(n->plan, a, why, w.now);
    check(!condemned || t->state != IML__READY, "a third try after two deaths", t->index);
    k->pc = CLAIM;
}

// Allowed to start, or just at its end: what a worker does not run when it dies is not to blame.
static void die_between(struct node *n, uint32_t a)
{
    const struct iml__item *t = iml__plan_item(n->plan, n->worker[a].slot);
    uint32_t deaths = t->deaths;
    total.deaths++, total.unstarted++;
    clean(n, n->worker[a].slot);
    iml__plan_unstart(n->plan, a);
    iml__plan_died(n->plan, a, IML__DIED_SIGNAL, w.now);
    check(t->deaths == deaths && !t->bad, "blamed for what it had not begun", t->index);
    n->worker[a].pc = CLAIM;
}

static void end_part(struct node *n, const struct actor *k, bool helper)
{
    enum fate fate = w.script[iml__plan_item(n->plan, k->slot)->index].fate;
    enum iml__how how = fate == BAD_PART && k->part % 2 ? IML__BAD : IML__OK;
    iml__plan_part_end(n->plan, k->slot, k->part, how, helper);
}

static void hand_over(struct node *n, struct actor *k, uint64_t i)
{
    const struct flight *f = &n->flight[k->slot];
    enum iml__emit how = iml__plan_emit(n->plan, f->buf[k->file].bytes + f->buf[MAXF].bytes);
    if (how != IML__EMIT_SPOOL) file_ref(n, k->slot, k->file, true);
    if (how != IML__EMIT_KEEP) n->temp[i][k->file] = content(i, k->file);
    if (how == IML__EMIT_WRITE) file_ref(n, k->slot, k->file, false); // written under its temp name
    struct iml__view v = iml__plan_view(n->plan);
    if (how == IML__EMIT_KEEP) check(v.inflight <= v.budget, "emit passes the budget", i);
    total.kept += how == IML__EMIT_KEEP, total.spooled += how == IML__EMIT_SPOOL;
    k->file++;
}

// The end, if this is the moment: fates that strike on the way, and the last step.
static bool strike(struct node *n, uint32_t a)
{
    struct actor *k = &n->worker[a];
    const struct iml__item *t = iml__plan_item(n->plan, k->slot);
    const struct script *sc = &w.script[t->index];
    bool crash = sc->fate == CRASH || (sc->fate == CRASH_ONCE && w.attempts[t->index] == 1);
    bool retry = sc->fate == NEVER || (sc->fate == FLAKY && t->tries < sc->flaky);
    bool hard = iml__plan_view(n->plan).stop >= IML__STOP_HARD;
    if (k->pc == SPLIT) return false;
    if (crash && (k->pc == FINISH || chance(4)))
        die(n, a, IML__DIED_SIGNAL);
    else if (hard && chance(2))
        finish(n, a, IML__ABORTED);
    else if (k->pc != FINISH)
        return false;
    else if (sc->fate == HANG && w.conf.process)
        die(n, a, IML__DIED_TIMEOUT);
    else if (sc->fate == HANG)
        finish(n, a, IML__TIMEOUT);
    else if (sc->fate == BAD || w.gone[t->index])
        finish(n, a, IML__BAD);
    else
        finish(n, a, retry ? IML__RETRY : IML__OK);
    return true;
}

static void begin(struct node *n, struct actor *k)
{
    uint64_t i = iml__plan_item(n->plan, k->slot)->index;
    struct flight *f = &n->flight[k->slot];
    check(!n->written[i], "runs again", i);
    w.attempts[i]++, k->pc = GROW, k->file = 0;
    *f = (struct flight){.buf[MAXF] = {k->slot, 0, w.script[i].shared}};
    for (uint32_t x = 0; x < MAXF; x++)
        f->buf[x] = (struct iml__charge){k->slot, 0, w.script[i].size[x]};
}

// A thread runs what it has claimed before it tells: how many of its queue are of that kind.
static uint32_t lazy(const struct node *n, uint32_t a)
{
    const iml__slot *q;
    uint32_t n_q = iml__plan_queue(n->plan, a, &q), m = 0;
    for (; m < n_q && !w.conf.process; m++) {
        const struct iml__item *t = iml__plan_item(n->plan, q[m]);
        const struct script *sc = &w.script[t->index];
        if (t->deaths || sc->fate != GOOD || sc->parts || sc->emits || w.gone[t->index]) break;
    }
    return m;
}

static void tell(struct node *n, uint32_t a)
{
    struct actor *k = &n->worker[a];
    const iml__slot *q;
    k->pc = CLAIM;
    while (k->lazy) {
        (void)iml__plan_queue(n->plan, a, &q);
        uint32_t m = 0;
        uint64_t index[MAXWIN];
        for (; loose() && m < k->lazy && !w.script[iml__plan_item(n->plan, q[m])->index].files; m++)
            index[m] = iml__plan_item(n->plan, q[m])->index;
        if (m) {
            bool hard = iml__plan_view(n->plan).stop >= IML__STOP_HARD;
            check(iml__plan_whole(n->plan, a, m, 100 * m) == (hard ? 0 : m), "whole", m);
            if (hard) return;
            k->lazy -= m, total.whole += m;
            while (m--) {
                check(!n->written[index[m]]++, "written twice", index[m]);
                n->piece[index[m]] = 1, n->wholes[index[m] / w.conf.unit_items]++;
            }
            continue;
        }
        if (iml__plan_start(n->plan, a, w.now, &k->slot) != IML__GO) {
            check(iml__plan_view(n->plan).stop >= IML__STOP_HARD, "lazy start refused", a);
            return; // what ran belongs to nobody
        }
        begin(n, k);
        k->lazy--, total.lazy++;
        finish(n, a, IML__OK);
    }
}

static void step_worker(struct node *n, uint32_t a)
{
    struct actor *k = &n->worker[a];
    if (busy(k) && strike(n, a)) return;
    const struct iml__item *t = iml__plan_item(n->plan, k->slot);
    const struct script *sc = &w.script[t->index];
    enum iml__answer r;
    switch (k->pc) {
    case CLAIM:
        r = iml__plan_claim(n->plan, a, w.now);
        if (r == IML__GO && chance(2) && (k->lazy = lazy(n, a)) > 0)
            k->pc = LAZY;
        else if (r == IML__GO)
            k->pc = START;
        else if (r == IML__OVER)
            k->pc = GONE;
        else if (iml__plan_help(n->plan, &k->slot, &k->part))
            k->pc = PART, total.helped++;
        else
            k->asleep = FOR_CLAIM;
        break;
    case LAZY: tell(n, a); break;
    case START:
        r = iml__plan_start(n->plan, a, w.now, &k->slot);
        if (r == IML__GO)
            begin(n, k);
        else if (r == IML__OVER)
            k->pc = CLAIM;
        else
            k->asleep = FOR_START;
        break;
    case GROW:
        iml__plan_grow(n->plan, k->slot, sc->need);
        if (sc->parts) iml__plan_split(n->plan, k->slot, sc->parts, sc->part_bytes);
        k->pc = sc->parts ? SPLIT : FILES;
        break;
    case SPLIT:
        r = iml__plan_part(n->plan, k->slot, &k->part);
        if (r == IML__GO)
            end_part(n, k, false);
        else if (r == IML__WAIT)
            k->asleep = FOR_START;
        else if (t->part_how == IML__OK)
            k->pc = FILES;
        else {
            check(t->part_how != IML__BAD || t->part_failed == 1, "not the lowest part", t->index);
            finish(n, a, t->part_how);
        }
        break;
    case PART:
        end_part(n, k, true);
        k->pc = CLAIM;
        break;
    case FILES:
        if (sc->emits && k->file < sc->files)
            hand_over(n, k, t->index);
        else
            k->pc = FINISH;
        break;
    case FINISH:
    case GONE: break;
    }
}

// ---- The sink's step: begin an item, write one file, end the item. In a pull run, the caller's.

static void release_one(struct node *n)
{
    uint64_t k = pick(0, n->nkept - 1);
    clean(n, n->kept[k]);
    forget(n, n->kept[k]);
    n->kept[k] = n->kept[--n->nkept];
}

static void step_sink(struct node *n, struct actor *k)
{
    if (k->slot != IML__NONE) {
        const struct iml__item *t = iml__plan_item(n->plan, k->slot);
        if (!n->fail && !t->bad && k->file < w.script[t->index].files) {
            uint64_t *temp = &n->temp[t->index][k->file];
            check(*temp || n->flight[k->slot].given[k->file], "a file is missing", t->index);
            *temp = content(t->index, k->file);
            file_ref(n, k->slot, k->file++, false);
            return;
        }
        check(n->fail || !t->held, "bytes held after writing", t->index);
        n->piece[t->index] = !t->bad, total.sink_fails += n->fail;
        iml__plan_put_end(n->plan, k->slot, !n->fail);
        k->slot = IML__NONE, n->fail = false;
        return;
    }
    if (n->nkept > n->keep) release_one(n);
    enum iml__answer r = iml__plan_put(n->plan, &k->slot);
    k->asleep = r == IML__WAIT ? FOR_CLAIM : AWAKE, k->file = 0;
    if (r == IML__OVER) k->pc = GONE;
    if (r != IML__GO) return;
    const struct iml__item *t = iml__plan_item(n->plan, k->slot);
    const struct iml__unit *u = iml__plan_unit(n->plan, t->unit);
    check(!n->written[t->index]++, "written twice", t->index);
    if (loose()) return;
    check(t->seq == n->next_seq++, "claim order broken at the sink", t->index);
    if (!pull()) check(t->index == u->first + u->count - u->left, "index order broken", t->index);
    if (!pull()) return;
    bool right = t->index == t->seq && t->bad == faulty(w.script[t->index].fate);
    right &= t->dest == (n->ndest ? &w.script[t->index] : NULL);
    check(right, "pull differs", t->index);
    n->kept[n->nkept++] = k->slot, k->slot = IML__NONE, total.pulled++;
}

// ---- The committer's step: one rename, one removal, or one record.

static void step_commit(struct node *n)
{
    if (!n->nunit) {
        if (chance(5)) iml__plan_hurry(n->plan);
        n->nunit = iml__plan_commit(n->plan, n->unit, 2 * MAXN);
        n->cu = n->ci = n->cf = 0, n->commit_asleep = !n->nunit;
        return;
    }
    if (n->cu == n->nunit || n->fail) {
        iml__plan_commit_end(n->plan, n->unit, n->nunit, !n->fail);
        total.sink_fails += n->fail, n->nunit = 0, n->fail = false;
        return;
    }
    const struct iml__unit *u = iml__plan_unit(n->plan, n->unit[n->cu]);
    uint64_t i = u->first + n->ci, h = 1;
    if (!n->cf) { // the old record is void and the names are listed before the first rename
        check(!n->recorded[u->id]++, "unit committed twice", u->id);
        append(n, IML__REC_VOID, u->id, u->ok, u->bad);
        for (uint64_t x = u->first; loose() && x < u->first + u->count; x++)
            for (uint32_t k = 0; n->piece[x] && k < w.script[x].files; k++) w.named[x][k] = true;
        n->cf = 1;
    } else if (n->ci < u->count && loose() && n->piece[i] && n->cf <= w.script[i].files) {
        w.file[i][n->cf - 1] = n->temp[i][n->cf - 1], n->cf++;
    } else if (n->ci < u->count) {
        for (uint32_t k = 0; loose() && !n->piece[i] && k < MAXF; k++) // left by a killed attempt
            if (w.named[i][k]) w.file[i][k] = 0;
        if (!n->piece[i]) append(n, IML__REC_BAD, i, 0, 0);
        n->ci++, n->cf = 1;
    } else if (n->ci == u->count && has_blob()) {
        for (uint64_t x = u->first; x < u->first + u->count; x++) h = n->piece[x] ? fold(h, x) : h;
        w.blob[u->id] = h, n->ci++;
    } else {
        check(u->counter + n->wholes[u->id] == u->ok, "counts of failed attempts", u->id);
        append(n, IML__REC_UNIT, u->id, u->ok, u->bad);
        w.lossy[u->id] = false, n->cu++, n->ci = n->cf = 0, total.units++;
    }
}

// ---- Chaos, the scheduler, phases.

static void chaos(struct node *n)
{
    uint32_t a = (uint32_t)pick(0, w.conf.workers - 1), others = 0;
    for (uint32_t x = 0; x < w.conf.workers; x++) others += x != a && busy(&n->worker[x]);
    bool runs = busy(&n->worker[a]), child = w.conf.process && n->worker[a].pc != GONE;
    w.chaos--;
    switch (pick(0, 6)) {
    case 0: pull() ? iml__plan_stop(n->plan, IML__STOP_SOFT) : kill_node(n); break;
    case 1: iml__plan_stop(n->plan, IML__STOP_SOFT), total.cancels++; break;
    case 2: iml__plan_stop(n->plan, IML__STOP_HARD), total.cancels++; break;
    case 3: n->fail = !pull(); break;
    case 4: // the OOM killer shoots a bystander; what runs alone would be the culprit
        if (child && runs && others) die(n, a, IML__DIED_FOREIGN);
        break;
    case 6: iml__plan_park(n->plan, (uint32_t)pick(0, MAXW)), total.parks++; break;
    case 5: // a worker dies before it begins what was posted
        if (child && !runs) die(n, a, IML__DIED_SIGNAL);
        if (child && runs && n->worker[a].pc != SPLIT) die_between(n, a);
        break;
    }
}

static void check_node(struct node *n, struct iml__view before, bool running)
{
    const char *broken = iml__plan_audit(n->plan);
    check(!broken, broken, 0);
    struct iml__view v = iml__plan_view(n->plan);
    uint64_t memory = 0, ours = v.inflight - v.taken; // what is really there; what is charged
    for (iml__slot s = 0; s < w.conf.window; s++) {
        const struct iml__item *t = iml__plan_item(n->plan, s);
        uint64_t held = 0;
        if (t->state == IML__FREE && !t->held) continue;
        for (uint32_t k = 0; k <= MAXF; k++)
            held += n->flight[s].buf[k].refs ? n->flight[s].buf[k].bytes : 0;
        check(held == t->held, "fragment charged twice or never", s);
        memory += held;
    }
    for (uint32_t a = 0; a < w.conf.workers; a++) {
        const struct actor *k = &n->worker[a];
        const struct script *sc = &w.script[iml__plan_item(n->plan, k->slot)->index];
        memory += k->pc == PART ? sc->part_bytes : busy(k) && k->pc > GROW ? sc->need : 0;
    }
    check(memory <= v.inflight, "memory that nobody charged", memory);
    if (v.admitted > before.admitted) { // I7: it fits, or is alone; a correction may pass later
        check(v.inflight <= v.budget || before.inflight == before.taken, "admitted too much", ours);
        n->bound = ours > v.budget ? ours : v.budget;
    }
    check(ours <= n->bound || running, "I7: grown by what did not run", ours);
    if (ours > n->bound) n->bound = ours, total.over_budget++;
}

static bool wake_claimers(struct node *n, uint32_t most)
{
    uint32_t first = (uint32_t)pick(0, MAXW - 1), woken = 0;
    for (uint32_t k = 0; k < MAXW && woken < most; k++) {
        struct actor *a = &n->worker[(first + k) % MAXW];
        if (a->asleep != FOR_CLAIM) continue;
        a->asleep = AWAKE, woken++;
    }
    return woken;
}

static void wake(struct node *n)
{
    for (iml__slot s; (s = iml__plan_dropped(n->plan)) != IML__NONE; forget(n, s)) clean(n, s);
    struct iml__wakes who = iml__plan_wake(n->plan);
    for (uint32_t a = 0; who.starters && a < MAXW; a++)
        if (n->worker[a].asleep == FOR_START) n->worker[a].asleep = AWAKE;
    wake_claimers(n, who.claimers);
    for (uint32_t k = 0; who.sink && k < SINKS; k++) n->sink[k].asleep = AWAKE;
    if (who.ahead) n->ahead_asleep = false;
    if (who.commit) n->commit_asleep = false;
}

static bool step_node(struct node *n) // false: all sleep
{
    enum { AHEAD = MAXW + SINKS, COMMIT };
    uint32_t who[COMMIT + 1], m = 0;
    for (uint32_t a = 0; a < w.conf.workers; a++)
        if (!n->worker[a].asleep && n->worker[a].pc != GONE) who[m++] = a;
    for (uint32_t k = 0; k < SINKS; k++)
        if (!n->sink[k].asleep && n->sink[k].pc != GONE) who[m++] = MAXW + k;
    if (w.conf.ahead && !n->ahead_asleep) who[m++] = AHEAD;
    if (!n->commit_asleep && !pull()) who[m++] = COMMIT;
    if (!m) return false;
    uint32_t x = who[pick(0, m - 1)];
    struct iml__view before = iml__plan_view(n->plan);
    bool running = x < MAXW && (busy(&n->worker[x]) || n->worker[x].pc == LAZY);
    if (w.chaos && chance(60))
        chaos(n);
    else if (x < MAXW)
        step_worker(n, x);
    else if (x < AHEAD)
        step_sink(n, &n->sink[x - MAXW]);
    else if (x == AHEAD)
        n->ahead_asleep = iml__plan_ahead(n->plan) == IML__NONE;
    else
        step_commit(n);
    if (!n->up) return true;
    check_node(n, before, running);
    wake(n);
    return true;
}

static void end_node(struct node *n)
{
    struct iml__view v = iml__plan_view(n->plan);
    check(v.inflight == v.taken, "bytes left at the end", v.inflight);
    while (n->nkept) release_one(n);
    check(!pull() || v.stop || n->next_seq == w.count, "pull ends early", n->next_seq);
    n->over = !v.stop || pull() || w.conf.max_bad != UINT64_MAX;
    n->up = false;
    iml__plan_close(&n->plan);
    iml__past_free(&n->past);
}

// Only time can help, or a caller that keeps every slot or all its memory.
static void all_sleep(struct node *n)
{
    uint64_t due = iml__plan_due(n->plan);
    bool kept = n->nkept && (n->nkept == w.conf.window || (n->ndest && n->nkept == n->ndest));
    check(due != UINT64_MAX || kept, "deadlock", 0);
    if (due == UINT64_MAX) {
        release_one(n);
        wake(n);
        return;
    }
    if (due > w.now) w.now = due;
    bool any = wake_claimers(n, 1); // it finds what is due, and makes the next be named
    check(any || kept, "nobody is left to take what is due", 0);
    if (!any) release_one(n), wake(n);
}

static void run_phase(uint64_t count)
{
    unsigned long long last = total.steps + 400000;
    w.count = count;
    for (uint32_t j = 0; j < w.nodes; j++) start_node(&w.node[j]);
    for (uint32_t over = 0; over < w.nodes;) {
        struct node *n = &w.node[pick(0, w.nodes - 1)];
        check(++total.steps < last, "livelock", 0);
        check(!w.manifest || !chance(64) || w.manifest == whole(), "I5: manifest, set changed", 0);
        w.now += pick(1, 400);
        if (n->over) continue;
        if (!n->up) start_node(n);
        if (iml__plan_finished(n->plan)) {
            end_node(n);
            over += n->over;
        } else if (!step_node(n)) {
            all_sleep(n);
        }
    }
    if (pull() || w.nonly || w.conf.max_bad != UINT64_MAX) return;
    check_set();
    w.manifest = whole(), w.cut = false;
}

static void make_scripts(void)
{
    for (uint64_t i = 0; i < MAXN; i++) {
        struct script *s = &w.script[i];
        uint64_t f = pick(0, 99);
        s->fate = f < 70 ? GOOD : (enum fate)(1 + f % (NFATES - 1));
        bool fatal = s->fate == CRASH_ONCE || (!w.conf.process && s->fate == CRASH);
        if (pull() && fatal) s->fate = GOOD; // nothing resumes a pull run
        s->files = (uint32_t)pick(0, MAXF), s->emits = chance(2) && !pull();
        s->cost = chance(8) ? 0 : chance(12) ? pick(100, 2000) : pick(1, 100);
        s->need = (s->cost ? s->cost : 40) * pick(0, 12) / 6, s->part_bytes = pick(0, 60);
        s->parts = s->fate == BAD_PART ? 4 : chance(3) ? (uint32_t)pick(1, 6) : 0;
        s->flaky = (uint32_t)pick(1, 2), s->shared = chance(2) ? pick(1, 80) : 0;
        for (uint32_t k = 0; k < MAXF; k++) s->size[k] = pick(1, 60);
    }
}

static void make_world(uint64_t seed)
{
    memset(&w, 0, sizeof w);
    w.seed = seed, w.rng = mix(seed), w.config = pick(1, 1u << 30);
    struct iml__plan_conf *c = &w.conf;
    c->sink = (enum iml__sink)pick(0, 2), c->order = (enum iml__order)pick(0, 2);
    c->process = chance(2), c->workers = (uint32_t)pick(1, MAXW);
    c->unit_items = chance(2) ? 1 : (uint32_t)pick(2, 9), c->io_batch = (uint32_t)pick(1, 12);
    c->window = (uint32_t)pick(1, chance(3) ? 3 : MAXWIN), c->ahead = (uint32_t)pick(0, 8) / 2;
    c->writers = loose() ? (uint32_t)pick(1, SINKS) : 1, c->grain_hint = (uint32_t)pick(1, 4);
    c->unknown = pick(1, 50), c->budget_min = pick(1, 60), c->seed = seed;
    c->max_tries = 3, c->max_deaths = 2, c->max_bad = UINT64_MAX;
    w.budget = chance(3) ? pick(1, 60) : pick(60, 1500);
    w.nodes = pull() ? 1 : (uint32_t)pick(1, NODES);
    make_scripts();
}

static void overwrite(void) // another configuration is refused; then what the old lists name goes
{
    w.config ^= 1;
    check(!w.records[0] || !apply(NULL, &w.journal[0][0], w.config), "not refused", 0);
    w.manifest = 0, memset(w.file, 0, sizeof w.file), memset(w.blob, 0, sizeof w.blob);
    memset(w.records, 0, sizeof w.records), memset(w.named, 0, sizeof w.named);
    memset(w.gone, 0, sizeof w.gone), memset(w.attempts, 0, sizeof w.attempts);
    memset(w.lossy, 0, sizeof w.lossy), total.refused++;
}

static void run_world(uint64_t seed)
{
    make_world(seed);
    uint64_t n = pick(0, MAXN), limit = chance(2) ? pick(0, n) : n, chaos_left = pick(0, 8);
    if (pull()) {
        w.chaos = chance(4), w.node[0].keep = (uint32_t)pick(0, w.conf.window);
        if (chance(2)) w.node[0].ndest = (uint32_t)pick(1, MAXWIN);
        run_phase(n);
        return;
    }
    if (chance(8)) { // --max-errors: the guard stops the run, which stays incomplete
        w.conf.max_bad = pick(0, 2), run_phase(limit);
        w.conf.max_bad = UINT64_MAX;
    }
    w.chaos = chaos_left;
    if (w.conf.unit_items == 1 && loose() && chance(4)) { // --only
        for (uint64_t i = 0; i < limit; i++)
            if (chance(3)) w.only[w.nonly++] = i;
        if (w.nonly) run_phase(limit);
        w.nonly = 0;
    }
    run_phase(limit); // --limit, or all
    if (chance(2)) w.chaos += 3;
    for (uint64_t i = 0; i < MAXN; i++) { // inputs vanish, a user deletes files
        if (chance(30)) w.gone[i] = true;
        for (uint32_t k = 0; k < MAXF; k++) {
            if (!w.file[i][k] || !chance(40)) continue;
            w.file[i][k] = w.manifest = 0, w.lossy[i / w.conf.unit_items] = true;
            total.lost_files++;
        }
    }
    run_phase(n);    // the set grows, or nothing is left to do
    if (chance(3)) { // --retry-bad, inputs restored
        memset(w.gone, 0, sizeof w.gone);
        w.chaos += chance(2) ? 3 : 0, w.conf.retry_bad = true, run_phase(n);
        w.conf.retry_bad = false, run_phase(n);
    }
    if (chance(4)) overwrite(), run_phase(n);
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000;
    clock_t begun = clock();
    for (uint64_t s = first; s < first + n; s++, total.worlds++) run_world(s);
    printf("clean, %.1f CPU s\n", (double)(clock() - begun) / CLOCKS_PER_SEC);
#define SAY(x) printf("%12llu %s\n", total.x, #x);
    COUNTERS(SAY)
    return 0;
}
