// bench_slice.c: the same set sliced by each number of workers, in rounds.
//
// Every run is a process of its own, as users start it, with the files' pages warm after the first
// round. Machines are shared, so numbers of workers take turns within a round, and the least wall
// and the least CPU of the rounds count. Efficiency is the first row's wall time times its workers
// over this row's. 0 workers are the calling thread alone: as one, without the queues.
#include "src/cmd/bench_slice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/cmd/bench_run.h"
#include "src/io/vfs.h"

enum { ARGS = 96, PATH = 600 };

struct row {
    int workers;
    double wall, cpu, rss;
};

struct bench {
    const struct iml__bench_slice_opts *o;
    char out[PATH], log[PATH], logs[PATH];
    uint64_t slices;
    struct row row[IML__BENCH_COUNTS];
    size_t n;
};

// "num_slices" of what was made.
static uint64_t slices_of(const char *out)
{
    static const char key[] = "\"num_slices\": ";
    char path[PATH + 32], *p;
    size_t n;
    (void)snprintf(path, sizeof path, "%s/dataset_info.json", out);
    if (iml__file_read_heap(AT_FDCWD, path, (uint64_t)1 << 34, &p, &n, NULL)) return 0;
    const char *at = strstr(p, key);
    uint64_t v = at ? strtoull(at + sizeof key - 1, NULL, 10) : 0;
    IML_FREE(p);
    return v;
}

static iml_status run_once(struct bench *b, struct row *r, iml_err *e)
{
    const struct iml__bench_slice_opts *o = b->o;
    struct iml__cost cost;
    char workers[16];
    const char *argv[ARGS] = {o->self,     "slice",     o->input,       "-o",      b->out,
                              "--workers", workers,     "--durability", "process", "--progress",
                              "none",      "--log-dir", b->logs};
    size_t n = 13;
    (void)snprintf(workers, sizeof workers, "%d", r->workers);
    if (o->nmore + n >= ARGS) return IML_FAIL(e, IML_EARG, "too many options for slice");
    for (size_t k = 0; k < o->nmore; k++) argv[n++] = o->more[k];
    IML_TRY(iml__bench_remove(b->out, e));
    IML_TRY(iml__bench_run((char *const *)(uintptr_t)argv, NULL, b->log, &cost, e));
    bool first = !(r->wall > 0);
    r->wall = first ? cost.wall_s : IML_MIN(r->wall, cost.wall_s);
    r->cpu = first ? cost.cpu_s : IML_MIN(r->cpu, cost.cpu_s);
    r->rss = IML_MAX(r->rss, cost.rss_mb);
    if (!b->slices) b->slices = slices_of(b->out);
    return IML_OK;
}

static void choose_counts(struct bench *b)
{
    const struct iml__bench_slice_opts *o = b->o;
    for (size_t k = 0; k < o->nworkers && k < IML__BENCH_COUNTS; k++)
        b->row[b->n++].workers = o->workers[k];
    int cpus = iml__cpu_workers();
    for (int w = 1; !o->nworkers && (w <= cpus || w <= 2); w *= 2) b->row[b->n++].workers = w;
}

static void cell(iml__str *s, double v, int digits, size_t width)
{
    char num[32];
    size_t n = iml__num_fixed(num, v, digits);
    for (size_t k = n; k < width; k++) iml__str_addc(s, ' ');
    iml__str_add(s, num, n);
}

static void table(const struct bench *b, iml__str *s)
{
    char model[64];
    const struct row *first = &b->row[0];
    iml__str_addf(s, "%llu slices of %s; %d CPUs (%s); the least of %lld rounds\n",
                  (unsigned long long)b->slices, b->o->input, iml__cpu_workers(),
                  iml__cpu_model(model), (long long)b->o->rounds);
    iml__str_adds(s, "workers   wall s    CPU s  slices/s  efficiency  peak MB\n");
    for (size_t k = 0; k < b->n; k++) {
        const struct row *r = &b->row[k];
        double here = IML_MAX(r->workers, 1), there = IML_MAX(first->workers, 1);
        cell(s, r->workers, 0, 7), cell(s, r->wall, 3, 9), cell(s, r->cpu, 3, 9);
        cell(s, (double)b->slices / r->wall, 0, 10);
        cell(s, first->wall * there / (r->wall * here), 2, 12), cell(s, r->rss, 0, 9);
        iml__str_addc(s, '\n');
    }
}

iml_status iml__bench_slice(const struct iml__bench_slice_opts *o, iml__str *out, iml_err *e)
{
    struct bench b = {.o = o};
    iml_status st = IML_OK;
    (void)snprintf(b.out, sizeof b.out, "%s/slices", o->dir);
    (void)snprintf(b.log, sizeof b.log, "%s/log.txt", o->dir);
    (void)snprintf(b.logs, sizeof b.logs, "%s/logs", o->dir);
    if (iml__mkdirat(AT_FDCWD, o->dir, 0777) < 0 && errno != EEXIST)
        return IML_FAIL_SYS(e, IML_EARG, errno, "--dir %.200s cannot be made", o->dir);
    choose_counts(&b);
    for (int64_t r = 0; r < o->rounds && !st; r++)
        for (size_t k = 0; k < b.n && !st; k++) st = run_once(&b, &b.row[k], e);
    if (!st) table(&b, out);
    iml_err ignored;
    (void)iml__bench_remove(b.out, &ignored);
    (void)iml__bench_remove(b.logs, &ignored);
    return st;
}
