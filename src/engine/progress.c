// progress.c: the line a user watches, and the metrics file.
//
// Done counts committed items, so it never goes back; beside it stands what is written and waits
// for its unit (a shard of 10,000 would look like a standstill). Rate and end count both. The rate
// is an exponential mean over 10 s; the time left goes by cost where items have one, since the
// largest run first. Everything is told from the calling thread, and no lock is held while the
// callback runs.
#include "src/engine/progress.h"

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/base/str.h"
#include "src/io/atomic.h"

#include <stdio.h>
#include <string.h>

enum { TELL_US = 100000, METRICS_US = 10000000 };
static const double MEAN_S = 10;

static uint64_t sum(const struct iml_run_t *r, size_t field)
{
    uint64_t n = 0;
    for (uint32_t k = 0; k < IML_MAX(r->nworkers, 1u); k++)
        n += __atomic_load_n((const uint64_t *)((const char *)&r->worker[k] + field),
                             __ATOMIC_RELAXED);
    return n;
}
#define SUM(r, f) sum((r), offsetof(struct iml__worker, f))

// e^-x for small steps, as a rational: progress is for eyes, and needs no libm.
static double fade(double x) { return 1 / (1 + x + x * x / 2); }

static void rates(struct iml_run_t *r, const iml_progress *p, uint64_t cost, uint64_t now)
{
    struct iml__progress *g = r->progress;
    double s = (double)(now - g->last_us) / 1e6;
    if (g->started && s < 0.05) return;
    uint64_t done = p->done + p->written - r->resumed, bytes = p->bytes;
    if (g->started) {
        double keep = fade(s / MEAN_S), since = (double)(now - r->begun_us) / 1e6;
        // At the start the mean over all there has been is the better one.
        if (since < MEAN_S) {
            g->rate = (double)done / since, g->cost_rate = (double)cost / since;
            g->byte_rate = (double)bytes / since;
        } else {
            g->rate = g->rate * keep + (double)(done - g->last_done) / s * (1 - keep);
            g->cost_rate = g->cost_rate * keep + (double)(cost - g->last_cost) / s * (1 - keep);
            // A failed attempt takes its bytes back.
            bytes = IML_MAX(bytes, g->last_bytes);
            g->byte_rate = g->byte_rate * keep + (double)(bytes - g->last_bytes) / s * (1 - keep);
        }
    }
    g->started = true, g->last_us = now, g->last_done = done, g->last_cost = cost;
    g->last_bytes = bytes;
}

void iml__progress_now(struct iml_run_t *r, iml_progress *p)
{
    uint64_t now = iml__now_us();
    iml__run_lock(r);
    struct iml__view v = iml__plan_view(r->plan);
    *p = (iml_progress){.done = r->resumed + r->committed,
                        .total = r->planned,
                        .bad = r->conf.bad + r->bad_seen,
                        .written = r->written - IML_MIN(r->committed, r->written),
                        .memory = v.inflight,
                        .budget = v.budget};
    uint64_t cost = r->written_cost;
    iml__run_unlock(r);
    p->bytes = SUM(r, bytes);
    p->elapsed_s = (double)(now - r->begun_us) / 1e6;
    rates(r, p, cost, now);
    const struct iml__progress *g = r->progress;
    p->rate = g->rate, p->byte_rate = g->byte_rate, p->eta_s = -1;
    uint64_t left = p->total - IML_MIN(p->done + p->written, p->total);
    if (r->cost_total && g->cost_rate > 0)
        p->eta_s = (double)(r->cost_total - IML_MIN(cost, r->cost_total)) / g->cost_rate;
    else if (g->rate > 0)
        p->eta_s = (double)left / g->rate;
    if (!left) p->eta_s = 0;
}

void iml__progress_tick(struct iml_run_t *r, uint64_t now, bool last)
{
    struct iml__progress *g = r->progress;
    bool tell = r->opts.progress && (last || now >= g->next_us);
    bool metrics = r->opts.metrics_file && (last || now >= g->next_metrics_us);
    iml_progress p;
    iml_err e;
    if (!tell && !metrics) return;
    iml__progress_now(r, &p);
    if (tell) {
        g->next_us = now + TELL_US;
        r->opts.progress(r->opts.progress_user, &p);
    }
    if (!metrics) return;
    g->next_metrics_us = now + METRICS_US;
    // Nobody's data depends on this file: a failure is a line in the log.
    if (iml__metrics_write(r, &p, last, &e) != IML_OK && r->ctx)
        iml__log(r->ctx, IML__LOG_WARN, "%s", e.msg);
}

// ---- The metrics file (node_exporter's textfile collector).

static void metric(iml__str *s, const char *name, const char *kind, const char *help,
                   const char *labels, double v)
{
    char num[32];
    bool whole = v >= 0 && v < 9e15 && (double)(uint64_t)v >= v; // counters: all their digits
    if (whole)
        (void)snprintf(num, sizeof num, "%llu", (unsigned long long)v);
    else
        num[iml__num_short(num, v)] = 0;
    if (help)
        iml__str_addf(s, "# HELP imloom_%s %s\n# TYPE imloom_%s %s\n", name, help, name, kind);
    iml__str_addf(s, "imloom_%s{%s} %s\n", name, labels, num);
}

static void stage_metrics(const struct iml_run_t *r, iml__str *s, const char *own)
{
    static const double q[] = {.5, .9, .99};
    struct iml__hist *all = iml__calloc(1, sizeof *all);
    bool first = true;
    for (uint32_t k = 0; all && k < IML__HISTS; k++) {
        char labels[256];
        const char *name = k == IML__HIST_ITEM ? "item" : iml__stage_name(r->job, k);
        iml__hist_all(r, k, all);
        if (!all->count) continue;
        for (size_t i = 0; i < IML_COUNT_OF(q); i++) {
            int n = snprintf(labels, sizeof labels, "%s,stage=\"%.40s\",quantile=\"", own, name);
            labels[n + iml__num_short(labels + n, q[i])] = 0;
            n = (int)strlen(labels);
            (void)snprintf(labels + n, sizeof labels - (size_t)n, "\"");
            metric(s, "stage_seconds", "summary", first ? "Times of an item in a stage." : NULL,
                   labels, iml__hist_quantile(all, q[i]) / 1e6);
            first = false;
        }
        (void)snprintf(labels, sizeof labels, "%s,stage=\"%.40s\"", own, name);
        metric(s, "stage_seconds_count", "counter", NULL, labels, (double)all->count);
    }
    IML_FREE(all);
}

iml_status iml__metrics_write(struct iml_run_t *r, const iml_progress *p, bool last, iml_err *e)
{
    iml__str s;
    char own[128], more[192];
    iml__str_init(&s, 1 << 20);
    (void)snprintf(own, sizeof own, "job=\"%.40s\",shard=\"%u\",of=\"%u\"", r->job->name,
                   r->conf.shard, r->conf.nshards);
    iml__run_lock(r);
    double retried = (double)r->retried, deaths = (double)r->deaths;
    double timeouts = (double)r->timeouts, peak = (double)r->peak_inflight;
    iml__run_unlock(r);
    const struct {
        const char *name, *kind, *help;
        double v;
    } row[] = {
        {"items_planned", "gauge", "Items of this run, those done before included.",
         (double)p->total},
        {"items_committed_total", "counter", "Items that stand on disk.", (double)p->done},
        {"items_written_total", "counter", "Items written, committed or not.",
         (double)(p->done + p->written)},
        {"items_bad_total", "counter", "Items that could not be made.", (double)p->bad},
        {"retries_total", "counter", "Attempts that were tried again.", retried},
        {"worker_deaths_total", "counter", "Worker processes that died.", deaths},
        {"timeouts_total", "counter", "Attempts that ran out of time.", timeouts},
        {"files_written_total", "counter", "Files handed to the sink.", (double)(SUM(r, files))},
        {"bytes_written_total", "counter", "Bytes handed to the sink.", (double)p->bytes},
        {"items_per_second", "gauge", "Rate over the last 10 s.", p->rate},
        {"bytes_per_second", "gauge", "Rate over the last 10 s.", p->byte_rate},
        {"eta_seconds", "gauge", "Until the end; -1: unknown.", p->eta_s},
        {"memory_bytes", "gauge", "Bytes in flight.", (double)p->memory},
        {"memory_peak_bytes", "gauge", "Most bytes in flight so far.", peak},
        {"memory_budget_bytes", "gauge", "Most bytes in flight.", (double)p->budget},
        {"elapsed_seconds", "gauge", "Since the start.", p->elapsed_s},
        {"cpu_seconds_total", "counter", "CPU time of the process and its ended children.",
         (double)(iml__cpu_us() - r->begun_cpu_us) / 1e6},
        {"resident_bytes", "gauge", "Resident memory of the process.", (double)iml__mem_rss()},
        {"resident_peak_bytes", "gauge", "The most it has been.", (double)iml__mem_peak_rss()},
        {"workers", "gauge", "Compute workers.", (double)r->nworkers},
    };
    for (size_t k = 0; k < IML_COUNT_OF(row); k++)
        metric(&s, row[k].name, row[k].kind, row[k].help, own, row[k].v);
    const struct {
        const char *state;
        uint64_t us;
    } spent[] = {{"busy", SUM(r, busy_us)},
                 {"wait_input", SUM(r, wait_input_us)},
                 {"wait_bytes", SUM(r, wait_bytes_us)},
                 {"wait_sink", SUM(r, wait_sink_us)}};
    for (size_t k = 0; k < IML_COUNT_OF(spent); k++) {
        (void)snprintf(more, sizeof more, "%s,state=\"%s\"", own, spent[k].state);
        metric(&s, "worker_seconds_total", "counter", k ? NULL : "What the workers did.", more,
               (double)spent[k].us / 1e6);
    }
    if (last) stage_metrics(r, &s, own);
    iml_status st =
        s.failed ? IML_FAIL(e, s.failed, "no memory for the metrics file")
                 : iml__file_write_path(r->opts.metrics_file, s.p, s.n, IML_DURABILITY_PROCESS, e);
    iml__str_free(&s);
    return st;
}
