// bench_engine.c: what the engine costs, as JSON lines.
//
//     bench_engine [SCALE]     SCALE 1 (default) takes some 20 s; 0.1 is a smoke test
//
// Each line is one figure with its unit; "best of" where a machine shared with others would only
// add noise. Speed-ups are quoted beside what two independent processes reach in the same run, for
// the machine itself may not double.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "imloom/imloom.h"
#include "src/base/cpu.h"

static double scale = 1;

static void say(const char *what, double v, const char *unit)
{
    (void)printf("{\"bench\":\"engine\",\"what\":\"%s\",\"value\":%.4g,\"unit\":\"%s\"}\n", what, v,
                 unit);
    (void)fflush(stdout);
}

static void need(iml_status st, const iml_err *e, const char *what)
{
    if (st == IML_OK) return;
    (void)fprintf(stderr, "bench_engine: %s: %s: %s\n", what, iml_status_name(st), e->msg);
    exit(2);
}

// ---- Jobs.

static iml_status nothing(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                          iml_err *e)
{
    (void)user, (void)it, (void)out, (void)cap, (void)n, (void)e;
    return IML_OK;
}

static uint64_t spin(uint64_t rounds, uint64_t x)
{
    for (uint64_t k = 0; k < rounds; k++) x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9u + k;
    return x;
}

static volatile uint64_t spun;
static iml_status busy(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    const uint64_t *rounds = user;
    (void)out, (void)cap, (void)n, (void)e;
    spun = spin(*rounds, it->index);
    return IML_OK;
}

static uint64_t rounds_for(double us) // of spin, on this machine, now
{
    uint64_t best = UINT64_MAX;
    for (int k = 0; k < 5; k++) {
        uint64_t begun = iml__now_us();
        spun = spin(10000000, (uint64_t)k);
        uint64_t took = iml__now_us() - begun;
        if (took < best) best = took;
    }
    return (uint64_t)(us * 1e7 / (double)best);
}

static double run(const iml_job *j, int workers, int mode, iml_report *rep)
{
    iml_run_opts o;
    iml_err e;
    iml_report mine;
    iml_run_opts_default(&o);
    o.workers = workers, o.mode = mode;
    uint64_t begun = iml__now_us();
    need(iml_run(NULL, j, iml_sink_null(), &o, rep ? rep : &mine, &e), &e, j->name);
    return (double)(iml__now_us() - begun) / 1e6;
}

static double best_of(int times, const iml_job *j, int workers, int mode)
{
    double best = 1e9;
    for (int k = 0; k < times; k++) {
        double s = run(j, workers, mode, NULL);
        if (s < best) best = s;
    }
    return best;
}

// ---- Figures.

static void empty_items(void)
{
    iml_job j = {.name = "empty", .run = nothing};
    j.count = (uint64_t)(1000000 * scale);
    for (int workers = 0; workers <= 2; workers++) {
        char what[64];
        (void)snprintf(what, sizeof what, "empty item, %d worker%s", workers,
                       workers == 1 ? "" : "s");
        say(what, best_of(5, &j, workers, IML_MODE_THREAD) * 1e9 / (double)j.count, "ns");
    }
    uint64_t before = iml__mem_rss();
    run(&j, 2, IML_MODE_THREAD, NULL);
    say("RSS after the empty items", (double)iml__mem_rss() / 1048576, "MiB");
    say("RSS growth over them", ((double)iml__mem_rss() - (double)before) / 1048576, "MiB");
}

// The same work in n processes at once, each with its share: what the machine gives at best.
static double processes(const iml_job *j, int n)
{
    iml_job share = *j;
    share.count = j->count / (uint64_t)n;
    uint64_t begun = iml__now_us();
    for (int k = 0; k < n; k++) {
        pid_t p = fork();
        if (p < 0) exit(2);
        if (!p) {
            run(&share, 1, IML_MODE_THREAD, NULL);
            _exit(0);
        }
    }
    while (wait(NULL) > 0) continue;
    return (double)(iml__now_us() - begun) / 1e6;
}

static void speed_up(const char *name, double us)
{
    uint64_t rounds = rounds_for(us);
    iml_job j = {.name = name, .user = &rounds, .run = busy};
    double one = 1e9, two = 1e9, apart = 1e9;
    char what[96];
    j.count = (uint64_t)(1.2e6 / us * scale) & ~(uint64_t)1;
    for (int k = 0; k < 5; k++) { // in turns, so that all three see the same machine
        double a = run(&j, 1, IML_MODE_THREAD, NULL), b = run(&j, 2, IML_MODE_THREAD, NULL);
        double c = processes(&j, 2);
        if (a < one) one = a;
        if (b < two) two = b;
        if (c < apart) apart = c;
    }
    (void)snprintf(what, sizeof what, "%s items: 2 workers against 1", name);
    say(what, one / two, "x");
    (void)snprintf(what, sizeof what, "%s items: 2 independent processes against 1 worker", name);
    say(what, one / apart, "x");
}

static void modes(void)
{
    uint64_t rounds = rounds_for(100);
    iml_job j = {.name = "100 us", .user = &rounds, .run = busy};
    double thread = 1e9, process = 1e9;
    j.count = (uint64_t)(10000 * scale);
    for (int k = 0; k < 5; k++) {
        double a = run(&j, 2, IML_MODE_THREAD, NULL), b = run(&j, 2, IML_MODE_PROCESS, NULL);
        if (a < thread) thread = a;
        if (b < process) process = b;
    }
    say("100 us items, 2 workers, threads", thread * 1e6 / (double)j.count, "us");
    say("100 us items, 2 workers, processes", process * 1e6 / (double)j.count, "us");
    say("processes against threads", process / thread, "x");
}

// ---- Buffers: three pictures of 0.3 to 6 MiB an item, as a decoder and two encoders would want.

static iml_status pictures(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                           iml_err *e)
{
    static const size_t kib[] = {300, 1500, 6000};
    iml_frag *f = iml_arena_alloc(it->arena, 3 * sizeof *f);
    (void)user, (void)cap;
    if (!f) return IML_ENOMEM;
    for (uint32_t k = 0; k < 3; k++) {
        size_t size = kib[(k + it->index) % 3] << 10;
        f[k] = (iml_frag){0};
        iml_status st = iml_buf_new(it, size, &f[k].data, e);
        if (st != IML_OK) {
            while (k-- > 0) iml_buf_unref(&f[k].data);
            return st;
        }
        for (size_t at = 0; at < size; at += 4096) iml_buf_data(f[k].data)[at] = 1; // every page
        iml_buf_set_size(f[k].data, size), f[k].len = size;
    }
    out[*n] = (iml_out){"pictures", f, 3, 0}, ++*n;
    return IML_OK;
}

static void buffers(void)
{
    iml_job j = {.name = "buffers", .run = pictures};
    struct rusage a, b;
    j.count = (uint64_t)(3000 * scale);
    (void)getrusage(RUSAGE_SELF, &a);
    double begun = (double)iml__cpu_us(), best = best_of(3, &j, 2, IML_MODE_THREAD);
    double cpu = (double)iml__cpu_us() - begun, items = 3 * (double)j.count;
    (void)getrusage(RUSAGE_SELF, &b);
    say("item of three buffers, 7.6 MiB, 2 workers", best * 1e6 / (double)j.count, "us");
    say("item of three buffers, CPU", cpu / items, "us");
    say("item of three buffers, page faults", (double)(b.ru_minflt - a.ru_minflt) / items, "");
}

// ---- With a journal: a sharded set that is complete is run again.

static iml_status counted(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                          iml_err *e)
{
    (void)user, (void)out, (void)cap, (void)n, (void)e;
    iml_count(it, 0, 1);
    return IML_OK;
}

static iml_status one_small_file(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                                 iml_err *e)
{
    iml_frag *f = iml_arena_alloc(it->arena, sizeof *f);
    char *name = iml_arena_alloc(it->arena, 32);
    (void)user, (void)cap;
    if (!f || !name) return IML_ENOMEM;
    iml_status st = iml_buf_new(it, 16, &f->data, e);
    if (st != IML_OK) return st;
    memset(iml_buf_data(f->data), 'x', 16);
    iml_buf_set_size(f->data, 16), f->off = 0, f->len = 16;
    (void)snprintf(name, 32, "%06llu/%09llu", (unsigned long long)(it->index / 1000),
                   (unsigned long long)it->index);
    out[*n] = (iml_out){name, f, 1, 0}, ++*n;
    return IML_OK;
}

static uint64_t some_cost(void *user, uint64_t i)
{
    (void)user;
    return 1000 + i * 2654435761u % 1000;
}

static int into_order = IML_ORDER_AUTO;
static double into(const iml_job *j, const iml_sink_ops *k, const char *out, int durability,
                   iml_report *rep)
{
    iml_run_opts o;
    iml_err e;
    iml_run_opts_default(&o);
    o.workers = 2, o.out_dir = out, o.durability = durability, o.order = into_order;
    uint64_t begun = iml__now_us();
    need(iml_run(NULL, j, k, &o, rep, &e), &e, "with a journal");
    return (double)(iml__now_us() - begun) / 1e6;
}

static void journal(const char *dir)
{
    char out[256];
    static const char *const names[] = {"items"};
    iml_report rep;
    iml_job j = {.name = "bench", .run = nothing, .config_hash = 1};
    // A unit of one item has a journal record of its own in its batch; nothing else is written.
    j.count = (uint64_t)(200000 * scale);
    (void)snprintf(out, sizeof out, "%s/single", dir);
    double s = into(&j, iml_sink_null(), out, IML_DURABILITY_PROCESS, &rep);
    say("item committed to the journal alone", s * 1e6 / (double)j.count, "us");
    j.run = counted, j.ncounters = 1, j.counter_names = names, j.part_items = 1000;
    j.count = (uint64_t)(1000000 * scale);
    (void)snprintf(out, sizeof out, "%s/shards", dir);
    s = into(&j, iml_sink_tar(), out, IML_DURABILITY_PROCESS, &rep);
    say("sharded run, per item", s * 1e6 / (double)j.count, "us");
    s = into(&j, iml_sink_tar(), out, IML_DURABILITY_PROCESS, &rep);
    say("resume of the complete sharded run", s, "s");
    if (rep.resumed != j.count) (void)fprintf(stderr, "bench_engine: not all was resumed\n");
}

// In each order: a complete set again, and one that lacks its last thousandth.
static void resumes(const char *dir)
{
    static const struct {
        const char *name;
        int order;
    } orders[] = {
        {"index", IML_ORDER_INDEX}, {"size", IML_ORDER_SIZE}, {"random", IML_ORDER_RANDOM}};
    static const char *const names[] = {"items"};
    for (int loose = 0; loose < 3; loose++) {
        static const char *const kinds[] = {"sharded", "journaled", "loose"};
        const iml_sink_ops *k = loose == 2 ? iml_sink_file()
                                : loose    ? iml_sink_null()
                                           : iml_sink_tar();
        iml_job j = {.name = "bench", .run = nothing, .config_hash = 1, .grows = true};
        char out[256], what[96];
        iml_report rep;
        j.count = (uint64_t)(1000000 * scale) / (loose == 2 ? 10 : 1), j.cost = some_cost;
        if (loose == 0) j.run = counted, j.ncounters = 1, j.counter_names = names;
        if (loose == 2) j.run = one_small_file;
        (void)snprintf(out, sizeof out, "%s/%s", dir, kinds[loose]);
        into_order = IML_ORDER_AUTO;
        (void)into(&j, k, out, IML_DURABILITY_PROCESS, &rep);
        for (size_t x = 0; x < 3; x++) {
            into_order = orders[x].order;
            double s = into(&j, k, out, IML_DURABILITY_PROCESS, &rep);
            (void)snprintf(what, sizeof what, "resume of %llu complete %s items, order %s",
                           (unsigned long long)j.count, kinds[loose], orders[x].name);
            say(what, s, "s");
        }
        for (size_t x = 0; x < 3; x++) {
            j.count += j.count / 1000;
            into_order = orders[x].order;
            double s = into(&j, k, out, IML_DURABILITY_PROCESS, &rep);
            (void)snprintf(what, sizeof what, "the same and a thousandth more, order %s",
                           orders[x].name);
            say(what, s, "s");
        }
    }
    into_order = IML_ORDER_AUTO;
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/imloom-bench-XXXXXX", command[64];
    if (argc > 1) scale = strtod(argv[1], NULL);
    if (scale <= 0 || !mkdtemp(dir)) return 1;
    if (!getenv("IML_BENCH_RESUME")) {
        empty_items();
        speed_up("100 us", 100);
        speed_up("1 ms", 1000);
        modes();
        buffers();
        journal(dir);
    }
    resumes(dir);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command) ? 1 : 0; // of its own directory
}
