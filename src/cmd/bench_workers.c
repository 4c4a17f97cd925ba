// bench_workers.c: empty items, items of 100 us and 1 ms, threads and processes.
//
// A machine seldom doubles: its cores share caches, clocks and other work. So N workers are held
// against N independent runs of this program in the same minute, not against N times one. All
// rounds are interleaved, and the best of each counts.
#include "src/cmd/bench_workers.h"

#include <stdio.h>

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/json.h"
#include "src/cmd/bench_run.h"

enum { EMPTY = 1000000, MOST = 64 };

static void say(const char *what, uint64_t us, int workers, double v, const char *unit)
{
    iml__str l;
    iml__jsonw w;
    iml__str_init(&l, 4096);
    iml__jsonw_init(&w, &l, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "imloom"), iml__jsonw_u64(&w, 1);
    iml__jsonw_key(&w, "bench"), iml__jsonw_str(&w, "engine");
    iml__jsonw_key(&w, "what"), iml__jsonw_str(&w, what);
    if (us) iml__jsonw_key(&w, "item_us"), iml__jsonw_u64(&w, us);
    iml__jsonw_key(&w, "workers"), iml__jsonw_i64(&w, workers);
    iml__jsonw_key(&w, "value"), iml__jsonw_fixed(&w, v, 3);
    iml__jsonw_key(&w, "unit"), iml__jsonw_str(&w, unit);
    iml__jsonw_end(&w);
    (void)puts(iml__str_text(&l));
    (void)fflush(stdout);
    iml__str_free(&l);
}

// So many microseconds of arithmetic: a loop that was timed once.
static double turns_per_us;

static uint32_t turn(uint32_t x, uint64_t n)
{
    for (uint64_t k = 0; k < n; k++) x = x * 1664525u + 1013904223u;
    return x;
}

static void calibrate(void)
{
    double best = 0;
    for (int k = 0; k < 20; k++) {
        uint64_t begun = iml__now_us();
        volatile uint32_t sink = turn((uint32_t)k, 2000000);
        (void)sink;
        uint64_t us = iml__now_us() - begun;
        if (us && 2e6 / (double)us > best) best = 2e6 / (double)us;
    }
    turns_per_us = best;
}

static iml_status work(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    uint64_t us = *(const uint64_t *)user;
    (void)out, (void)cap, (void)n, (void)e;
    volatile uint32_t sink =
        us ? turn((uint32_t)it->index, (uint64_t)((double)us * turns_per_us)) : 0;
    (void)sink;
    return IML_OK;
}

static iml_status run(uint64_t us, uint64_t count, int workers, int mode, double *wall, double *cpu,
                      iml_err *e)
{
    iml_job j = {.name = "bench", .count = count, .user = &us, .run = work};
    iml_run_opts o;
    iml_report r = {.size = sizeof r};
    iml_run_opts_default(&o);
    o.workers = workers, o.mode = mode;
    IML_TRY(iml_run(NULL, &j, iml_sink_null(), &o, &r, e));
    if (r.wall_s < *wall) *wall = r.wall_s;
    if (r.cpu_s < *cpu) *cpu = r.cpu_s;
    return IML_OK;
}

iml_status iml__bench_one(uint64_t us, uint64_t count, iml_err *e)
{
    double wall = 1e9, cpu = 1e9;
    calibrate();
    return run(us, count, 1, IML_MODE_THREAD, &wall, &cpu, e);
}

// n copies of this program, each with its share; wall_s less what a copy takes to start and
// measure.
static iml_status apart(const char *self, const char *log, uint64_t us, uint64_t count, int n,
                        double *wall, iml_err *e)
{
    char us_text[24], count_text[24], none[2] = "0";
    char *argv[] = {(char *)(uintptr_t)self, "bench", "engine", us_text, count_text, NULL};
    char *idle[] = {(char *)(uintptr_t)self, "bench", "engine", us_text, none, NULL};
    char *const *all[MOST];
    struct iml__cost cost, start;
    (void)snprintf(us_text, sizeof us_text, "%llu", (unsigned long long)us);
    (void)snprintf(count_text, sizeof count_text, "%llu",
                   (unsigned long long)(count / (uint64_t)n));
    for (int k = 0; k < n; k++) all[k] = idle;
    IML_TRY(iml__bench_run_all(all, (size_t)n, log, &start, e));
    for (int k = 0; k < n; k++) all[k] = argv;
    IML_TRY(iml__bench_run_all(all, (size_t)n, log, &cost, e));
    double took = cost.wall_s - start.wall_s;
    if (took > 0 && took < *wall) *wall = took;
    return IML_OK;
}

static iml_status scale(const char *self, const char *log, uint64_t us, int n, int64_t rounds,
                        iml_err *e)
{
    double one = 1e9, many = 1e9, processes = 1e9, separate = 1e9, cpu = 1e9;
    uint64_t count = 1000000 / us * (uint64_t)n;
    for (int64_t k = 0; k < rounds; k++) {
        IML_TRY(run(us, count, 1, IML_MODE_THREAD, &one, &cpu, e));
        IML_TRY(run(us, count, n, IML_MODE_THREAD, &many, &cpu, e));
        IML_TRY(run(us, count, n, IML_MODE_PROCESS, &processes, &cpu, e));
        IML_TRY(apart(self, log, us, count, n, &separate, e));
    }
    say("threads against one worker", us, n, one / many, "x");
    say("as many independent runs against one worker", us, n, one / separate, "x");
    say("worker processes against threads, time", us, n, processes / many, "x");
    return IML_OK;
}

iml_status iml__bench_workers(const char *self, const char *log, int workers, int64_t rounds,
                              iml_err *e)
{
    int n = workers < 0 ? iml__cpu_workers() : workers;
    n = IML_CLAMP(n, 1, MOST);
    for (int w = 0; w <= n; w = w == 0 ? 1 : w < n ? n : n + 1) {
        double wall = 1e9, cpu = 1e9;
        for (int64_t k = 0; k < rounds; k++)
            IML_TRY(run(0, EMPTY, w, IML_MODE_THREAD, &wall, &cpu, e));
        say("empty item", 0, w, wall * 1e9 / EMPTY, "ns");
        say("empty item, CPU", 0, w, cpu * 1e9 / EMPTY, "ns");
    }
    calibrate();
    IML_TRY(scale(self, log, 100, n, rounds, e));
    return scale(self, log, 1000, n, rounds, e);
}
