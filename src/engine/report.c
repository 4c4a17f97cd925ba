// report.c: what a run has done: its verdict, the public report, and report.json.
//
// Times are kept in log-linear buckets (eight a power of two: quantiles within 6 %), per worker and
// without a lock, and folded together after the join. report.json is for people and programs and is
// not part of the data set: it may name hosts, times and paths, the manifest must not.
#include "src/engine/report.h"

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/engine/run.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"

#include <string.h>
#include <sys/utsname.h>

// ---- Times.

static uint32_t bucket_of(uint64_t ns)
{
    if (ns < 8) return (uint32_t)ns;
    uint32_t top = 63 - (uint32_t)__builtin_clzll(ns);
    uint32_t b = (top - 2) * 8 + (uint32_t)(ns >> (top - 3) & 7);
    return IML_MIN(b, IML__HIST_BUCKETS - 1u);
}

static double bucket_low(uint32_t b)
{
    if (b < 8) return b;
    return (double)((uint64_t)(8 + b % 8) << (b / 8 - 1));
}

void iml__hist_add(struct iml__hist *h, uint64_t ns, uint64_t index)
{
    h->count++;
    h->bucket[bucket_of(ns)]++;
    if (ns >= h->max_ns) h->max_ns = ns, h->slowest = index;
}

void iml__hist_fold(struct iml__hist *into, const struct iml__hist *h)
{
    into->count += h->count;
    into->max_bytes = IML_MAX(into->max_bytes, h->max_bytes);
    for (uint32_t b = 0; b < IML__HIST_BUCKETS; b++) into->bucket[b] += h->bucket[b];
    if (h->count && (h->max_ns > into->max_ns || into->count == h->count))
        into->max_ns = h->max_ns, into->slowest = h->slowest;
}

double iml__hist_quantile(const struct iml__hist *h, double q)
{
    double want = q * (double)h->count, seen = 0;
    for (uint32_t b = 0; b < IML__HIST_BUCKETS; b++) {
        seen += h->bucket[b];
        if (!h->bucket[b] || seen < want) continue;
        double ns = (bucket_low(b) + bucket_low(b + 1)) / 2;
        return IML_MIN(ns, (double)h->max_ns) / 1e3;
    }
    return (double)h->max_ns / 1e3;
}

void iml__hist_all(const struct iml_run_t *r, uint32_t which, struct iml__hist *all)
{
    memset(all, 0, sizeof *all);
    for (uint32_t w = 0; w < IML_MAX(r->nworkers, 1u); w++)
        iml__hist_fold(all, &r->worker[w].hist[which]);
    if (which == IML_STAGE_WRITE) iml__hist_fold(all, &r->write_hist);
}

// ---- The verdict and the public report.

static bool all_done(const struct iml_run_t *r) { return r->resumed + r->committed >= r->planned; }

iml_status iml__run_verdict(struct iml_run_t *r, iml_err *e)
{
    struct iml__view v = iml__plan_view(r->plan);
    unsigned long long done = r->resumed + r->committed, planned = r->planned;
    if (r->failed != IML_OK) {
        if (e) *e = r->err;
        return r->failed;
    }
    if (v.stop == IML__STOP_NO || (all_done(r) && r->sink)) return IML_OK;
    if (r->cancelled)
        return IML_FAIL(e, IML_ECANCEL, "stopped after %llu of %llu items; run it again to go on",
                        done, planned);
    if (v.bad > r->conf.max_bad) {
        r->guard = true;
        return IML_FAIL(e, IML_ELIMIT,
                        "%llu items are bad, the limit is %llu: stopped after %llu of %llu items",
                        (unsigned long long)v.bad, (unsigned long long)r->conf.max_bad, done,
                        planned);
    }
    return IML_FAIL(e, IML_EBUG, "worker processes die before they begin an item");
}

static void stage_row(iml_report *rep, const struct iml__hist *h, const char *name)
{
    if (!h->count || rep->nstages == IML_STAGE_MAX) return;
    rep->stage[rep->nstages++] = (iml_stage_report){name,
                                                    h->count,
                                                    iml__hist_quantile(h, .5),
                                                    iml__hist_quantile(h, .9),
                                                    iml__hist_quantile(h, .99),
                                                    (double)h->max_ns / 1e3,
                                                    h->slowest,
                                                    h->max_bytes};
}

static void stages(const struct iml_run_t *r, iml_report *rep)
{
    struct iml__hist *all = iml__calloc(1, sizeof *all);
    if (!all) return; // a report without stages is better than none
    for (uint32_t k = 0; k < IML__HISTS; k++) {
        uint32_t which = k ? k - 1 : IML__HIST_ITEM;
        iml__hist_all(r, which, all);
        stage_row(rep, all, k ? iml__stage_name(r->job, which) : "item");
    }
    IML_FREE(all);
}

void iml__run_report(struct iml_run_t *r, const struct iml__commit_sums *sums, iml_status st,
                     iml_report *rep)
{
    struct iml__view v = iml__plan_view(r->plan);
    bool began = r->begun_us != 0;
    *rep = (iml_report){.size = sizeof *rep,
                        .planned = r->planned,
                        .resumed = r->resumed,
                        .ok = r->committed_ok,
                        .bad = r->committed_bad,
                        .bad_before = r->conf.bad,
                        .replaced = r->commit ? iml__commit_replaced(r->commit) : 0,
                        .retried = r->retried,
                        .deaths = r->deaths,
                        .timeouts = r->timeouts,
                        .wall_s = began ? (double)(iml__now_us() - r->begun_us) / 1e6 : 0,
                        .cpu_s = began ? (double)(iml__cpu_us() - r->begun_cpu_us) / 1e6 : 0,
                        .peak_rss = iml__mem_peak_rss(),
                        .peak_rss_worker = r->process ? iml__mem_peak_rss_child() : 0,
                        .peak_inflight = r->peak_inflight,
                        .budget = v.budget,
                        .workers = (int)r->nworkers,
                        .mode = r->process ? IML_MODE_PROCESS : IML_MODE_THREAD,
                        .mode_why = r->mode_why,
                        .stopped = r->cancelled && st == IML_ECANCEL,
                        .guard = r->guard,
                        .content = sums->content};
    rep->complete = r->commit ? sums->complete : st == IML_OK && all_done(r);
    uint64_t busy = 0, input = 0, bytes = 0, sink = 0;
    for (uint32_t k = 0; k < IML_MAX(r->nworkers, 1u); k++) {
        const struct iml__worker *w = &r->worker[k];
        busy += w->busy_us, input += w->wait_input_us, bytes += w->wait_bytes_us;
        sink += w->wait_sink_us, rep->files += w->files, rep->bytes += w->bytes;
    }
    double all = rep->wall_s * IML_MAX((double)r->nworkers, 1.0) * 1e6;
    if (all > 0) {
        rep->busy = (double)busy / all, rep->wait_input = (double)input / all;
        rep->wait_bytes = (double)bytes / all, rep->wait_sink = (double)sink / all;
    }
    for (uint32_t k = 0; k < IML_COUNT_OF(r->per_class); k++) rep->bad_class[k] = r->per_class[k];
    stages(r, rep);
}

// ---- report.json

static void number(iml__jsonw *w, const char *key, uint64_t v)
{
    iml__jsonw_key(w, key);
    iml__jsonw_u64(w, v);
}

static void text(iml__jsonw *w, const char *key, const char *v)
{
    iml__jsonw_key(w, key);
    iml__jsonw_str(w, v);
}

static void fixed(iml__jsonw *w, const char *key, double v, int digits)
{
    iml__jsonw_key(w, key);
    iml__jsonw_fixed(w, v, digits);
}

static void flag(iml__jsonw *w, const char *key, bool v)
{
    iml__jsonw_key(w, key);
    iml__jsonw_bool(w, v);
}

static void hash(iml__jsonw *w, const char *key, uint64_t v)
{
    iml__jsonw_key(w, key);
    iml__jsonw_hex64(w, v);
}

static void host(iml__jsonw *w)
{
    struct utsname u;
    char cpu[64];
    iml__jsonw_key(w, "host");
    iml__jsonw_object(w);
    if (!uname(&u)) {
        text(w, "name", u.nodename);
        text(w, "system", u.sysname);
        text(w, "release", u.release);
        text(w, "machine", u.machine);
    }
    text(w, "cpu", iml__cpu_model(cpu));
    number(w, "cpus", (uint64_t)iml__cpu_allowed());
    text(w, "simd", iml__simd_name(iml__cpu_simd()));
    number(w, "memory", iml__mem_total());
    iml__jsonw_end(w);
}

static void counts(iml__jsonw *w, const iml_report *r)
{
    iml__jsonw_key(w, "items");
    iml__jsonw_object(w);
    number(w, "planned", r->planned);
    number(w, "resumed", r->resumed);
    number(w, "ok", r->ok);
    number(w, "bad", r->bad);
    number(w, "bad_before", r->bad_before);
    number(w, "retried", r->retried);
    number(w, "deaths", r->deaths);
    number(w, "timeouts", r->timeouts);
    iml__jsonw_key(w, "bad_by_class");
    iml__jsonw_object(w);
    iml__jsonw_inline(w);
    for (uint32_t k = 0; k < IML_COUNT_OF(r->bad_class); k++)
        if (r->bad_class[k])
            number(w, k ? iml_class_name((iml_class)k) : "remembered", r->bad_class[k]);
    iml__jsonw_end(w);
    iml__jsonw_end(w);
}

static void times(iml__jsonw *w, const iml_report *r)
{
    fixed(w, "wall_s", r->wall_s, 3);
    fixed(w, "cpu_s", r->cpu_s, 3);
    number(w, "peak_rss", r->peak_rss);
    if (r->peak_rss_worker) number(w, "peak_rss_worker", r->peak_rss_worker);
    number(w, "peak_inflight", r->peak_inflight);
    number(w, "budget", r->budget);
    iml__jsonw_key(w, "workers");
    iml__jsonw_object(w);
    number(w, "count", (uint64_t)r->workers);
    text(w, "mode", r->mode == IML_MODE_PROCESS ? "process" : "thread");
    text(w, "mode_why", r->mode_why);
    fixed(w, "busy", r->busy, 4);
    fixed(w, "wait_input", r->wait_input, 4);
    fixed(w, "wait_bytes", r->wait_bytes, 4);
    fixed(w, "wait_sink", r->wait_sink, 4);
    iml__jsonw_end(w);
    iml__jsonw_key(w, "stages");
    iml__jsonw_array(w);
    for (uint32_t k = 0; k < r->nstages; k++) {
        const iml_stage_report *s = &r->stage[k];
        iml__jsonw_object(w);
        iml__jsonw_inline(w);
        text(w, "name", s->name);
        number(w, "count", s->count);
        fixed(w, "p50_us", s->p50_us, 1);
        fixed(w, "p90_us", s->p90_us, 1);
        fixed(w, "p99_us", s->p99_us, 1);
        fixed(w, "max_us", s->max_us, 1);
        number(w, "slowest", s->slowest);
        if (s->peak_bytes) number(w, "peak_bytes", s->peak_bytes);
        iml__jsonw_end(w);
    }
    iml__jsonw_end(w);
}

static void whole(iml__jsonw *w, const iml_run_opts *o, const iml_job *j, const iml_report *r,
                  const struct iml__report_more *m)
{
    iml__jsonw_object(w);
    number(w, "imloom", 1);
    text(w, "program", IML_VERSION);
    text(w, "command", j->name);
    iml__jsonw_key(w, "argv");
    iml__jsonw_array(w);
    iml__jsonw_inline(w);
    for (int k = 0; k < m->argc; k++) iml__jsonw_str(w, m->argv[k]);
    iml__jsonw_end(w);
    host(w);
    number(w, "seed", o->seed);
    hash(w, "config", j->config_hash);
    hash(w, "plan", j->plan_hash);
    hash(w, "content", r->content);
    if (o->shard_count > 1) {
        number(w, "shard", o->shard_index);
        number(w, "of", o->shard_count);
    }
    counts(w, r);
    number(w, "files", r->files);
    number(w, "bytes", r->bytes);
    times(w, r);
    flag(w, "complete", r->complete);
    flag(w, "stopped", r->stopped);
    flag(w, "guard", r->guard);
    iml__jsonw_key(w, "exit");
    iml__jsonw_i64(w, m->exit_code);
    iml__jsonw_key(w, "settings");
    iml__jsonw_raw(w, m->settings_json ? m->settings_json : "{}");
    iml__jsonw_key(w, "versions");
    iml__jsonw_raw(w, j->versions_json ? j->versions_json : "{}");
    if (m->members) m->members(m->user, r, w);
    iml__jsonw_end(w);
}

iml_status iml__report_write(const iml_run_opts *o, const iml_job *j, const iml_report *r,
                             const struct iml__report_more *m, iml_err *e)
{
    static const struct iml__report_more none = {0};
    iml__str s, path;
    iml__jsonw w;
    iml_status st = IML_OK;
    if (!o->out_dir) return IML_FAIL(e, IML_EARG, "a report needs an output directory");
    iml__str_init(&s, 64 << 20);
    iml__str_init(&path, 1 << 16);
    iml__str_addf(&path, "%s/.imloom", o->out_dir);
    iml__jsonw_init(&w, &s, 2);
    whole(&w, o, j, r, m ? m : &none);
    iml__str_addc(&s, '\n');
    if (s.failed || path.failed) {
        st = IML_FAIL(e, IML_ENOMEM, "no memory for the report");
        goto done;
    }
    // A refused run may have made nothing yet; then there is nothing to report beside.
    if (iml__mkdirat(AT_FDCWD, path.p, 0777) && errno != EEXIST) {
        st = iml__sink_error(e, errno, "make", NULL, path.p);
        goto done;
    }
    iml__str_addf(&path, "/%s", o->shard_count > 1 ? "report." : "report.json");
    if (o->shard_count > 1) iml__str_addf(&path, "%u-of-%u.json", o->shard_index, o->shard_count);
    if (path.failed)
        st = IML_FAIL(e, IML_ENOMEM, "no memory for the report");
    else
        st = iml__file_write_path(path.p, s.p, s.n, o->durability, e);
done:
    iml__str_free(&s);
    iml__str_free(&path);
    return st;
}
