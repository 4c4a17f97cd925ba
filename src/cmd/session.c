// session.c: what a user sees of a run: banner, log file, progress, signals, closing line, exit
// code.
//
// The library never prints nor handles signals; all of that is here. The handlers only store to
// flags, but for a crash in thread mode, which writes one prepared journal record
// (iml__run_suspect_now).
#include "src/cmd/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "src/base/err.h"
#include "src/base/log.h"
#include "src/cmd/common.h"
#include "src/engine/report.h"
#include "src/engine/run.h"

// Written by handlers: 0 run, 1 soft stop; the second signal leaves at once.
static volatile unsigned char cancel;
static volatile sig_atomic_t want_status;

struct talk { // one run's voice
    const iml__session *s;
    FILE *log;
    char log_path[512];
    bool tty, line_open;
    double last_s;
    unsigned last_percent;
};

// ---- Signals

static void on_stop(int sig)
{
    (void)sig;
    if (cancel) _exit(IML__EXIT_STOPPED); // safe at any moment (I1, I2)
    cancel = 1;
}

static void on_status(int sig)
{
    (void)sig;
    want_status = 1;
}

static void on_crash(int sig)
{
    iml__run_suspect_now();
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

static const int stop_signals[] = {SIGINT, SIGTERM},
                 crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static void signals(bool on)
{
    struct sigaction a = {.sa_flags = SA_RESTART};
    (void)sigemptyset(&a.sa_mask);
    for (size_t k = 0; k < IML_COUNT_OF(stop_signals); k++) {
        a.sa_handler = on ? on_stop : SIG_DFL;
        (void)sigaction(stop_signals[k], &a, NULL);
    }
    a.sa_handler = on ? on_status : SIG_DFL;
    (void)sigaction(SIGUSR1, &a, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); // a file-size limit is an error of write(2), not a death
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    a.sa_flags = SA_NODEFER;
    for (size_t k = 0; k < IML_COUNT_OF(crash_signals); k++) {
        a.sa_handler = on ? on_crash : SIG_DFL;
        (void)sigaction(crash_signals[k], &a, NULL);
    }
#else
    (void)crash_signals, (void)on_crash;
#endif
}

// ---- Numbers for people

void iml__text_count(iml__str *s, uint64_t n)
{
    char digits[32], out[48];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;
    for (int k = 0; k < len; k++) {
        if (k && (len - k) % 3 == 0) out[at++] = ',';
        out[at++] = digits[k];
    }
    iml__str_add(s, out, (size_t)at);
}

static void scaled(iml__str *s, double v, double base, const char *units)
{
    size_t k = 0;
    while (v >= base && units[k + 1]) v /= base, k++;
    char num[32];
    iml__num_fixed(num, v, k && v < 10 ? 1 : 0);
    iml__str_adds(s, num);
    if (units[k] != ' ') iml__str_addc(s, units[k]);
}

void iml__text_bytes(iml__str *s, uint64_t n) { scaled(s, (double)n, 1024, " KMGTP"); }
static void text_rate(iml__str *s, double v) { scaled(s, v, 1000, " kMG"); }

static void text_time(iml__str *s, double seconds)
{
    uint64_t t = (uint64_t)(seconds + 0.5);
    if (t >= 3600)
        iml__str_addf(s, "%llu:%02llu:%02llu", (unsigned long long)(t / 3600),
                      (unsigned long long)(t / 60 % 60), (unsigned long long)(t % 60));
    else
        iml__str_addf(s, "%llu:%02llu", (unsigned long long)(t / 60), (unsigned long long)(t % 60));
}

// ---- Log file

// "2026-01-02 03:04:05", or "20260102_030405" for names.
static void stamp(char out[32], bool name)
{
    time_t now = time(NULL);
    struct tm tm;
    size_t n = 0;
    if (localtime_r(&now, &tm))
        n = name ? strftime(out, 32, "%Y%m%d_%H%M%S", &tm)
                 : strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
    out[n] = 0;
}

static void end_line(struct talk *t)
{
    if (t->line_open) (void)fputs("\r\033[K", stderr);
    t->line_open = false;
}

static void on_log(void *user, int level, const char *line)
{
    struct talk *t = user;
    char when[32];
    stamp(when, false);
    if (t->log) (void)fprintf(t->log, "%s %s\n", when, line);
    if (level > IML__LOG_WARN) return;
    end_line(t);
    (void)fprintf(stderr, "%s\n", line);
}

static void say(struct talk *t, const char *line)
{
    end_line(t);
    (void)fprintf(stderr, "%s\n", line);
    if (t->log) (void)fprintf(t->log, "%s\n", line);
}

// Makes dir and its parents; what is there already is fine.
static bool make_dirs(const char *dir)
{
    char path[512];
    size_t n = strlen(dir);
    if (!n || n >= sizeof path) return false;
    for (size_t k = 1; k <= n; k++) {
        if (dir[k] != '/' && dir[k]) continue;
        memcpy(path, dir, k);
        path[k] = 0;
        if (mkdir(path, 0777) && errno != EEXIST) return false;
    }
    return true;
}

// ./logs/NAME_YYYYMMDD_HHMMSS.log; a second run in the same second gets _2, _3 ...
static void open_log(struct talk *t, const char *run_name)
{
    const char *dir = t->s->common->log_dir;
    if (!dir && !t->s->makes_set) return;
    dir = dir ? dir : "./logs";
    if (!make_dirs(dir)) goto fail;
    for (int k = 1; k < 100; k++) {
        char suffix[8] = "";
        if (k > 1) (void)snprintf(suffix, sizeof suffix, "_%d", k);
        (void)snprintf(t->log_path, sizeof t->log_path, "%s/%s%s.log", dir, run_name, suffix);
        t->log = fopen(t->log_path, "wxe");
        if (t->log || errno != EEXIST) break;
    }
    if (t->log) {
        (void)setvbuf(t->log, NULL, _IOLBF, 0);
        return;
    }
fail:
    (void)fprintf(stderr, "imloom: no log file in %s: %s; going on without one\n", dir,
                  iml__errno_text(errno));
    t->log_path[0] = 0;
}

static void banner(struct talk *t, const char *run_name)
{
    static const char rule[] = "============================================================";
    const iml__session *s = t->s;
    iml__str l;
    iml__str_init(&l, 4096);
    say(t, rule);
    iml__str_addf(&l, "Starting imloom %s run: %s", s->opts->command, run_name);
    say(t, iml__str_text(&l));
    iml__str_clear(&l);
    if (t->log_path[0]) {
        iml__str_addf(&l, "Log file: %s", t->log_path);
        say(t, iml__str_text(&l));
        iml__str_clear(&l);
    }
    int mode;
    const char *why;
    iml__run_mode(s->job, s->run, &mode, &why);
    iml__str_addf(&l, "%s; mode %s (%s)", s->headline,
                  mode == IML_MODE_PROCESS ? "process" : "thread", why);
    say(t, iml__str_text(&l));
    for (size_t k = 0; k < s->common->nnotes; k++) say(t, s->common->notes[k]);
    say(t, rule);
    iml__str_free(&l);
}

// ---- Progress

static void progress_text(const struct talk *t, const iml_progress *p, iml__str *l)
{
    iml__str_addf(l, "[%s] ", t->s->opts->command);
    iml__text_count(l, p->done);
    if (p->written) iml__str_addc(l, '+'), iml__text_count(l, p->written);
    iml__str_addc(l, '/');
    iml__text_count(l, p->total);
    iml__str_addf(l, " %u%% ",
                  p->total ? (unsigned)((double)(p->done + p->written) * 100 / (double)p->total)
                           : 100u);
    text_rate(l, p->rate);
    iml__str_adds(l, "/s ");
    iml__text_bytes(l, p->elapsed_s > 0 ? (uint64_t)((double)p->bytes / p->elapsed_s) : 0);
    iml__str_adds(l, "B/s eta ");
    if (p->eta_s >= 0)
        text_time(l, p->eta_s);
    else
        iml__str_adds(l, "-");
    iml__str_adds(l, " bad ");
    iml__text_count(l, p->bad);
    iml__str_adds(l, " mem ");
    iml__text_bytes(l, p->memory);
    iml__str_addc(l, '/');
    iml__text_bytes(l, p->budget);
}

static void progress_json(const iml_progress *p)
{
    iml__str l;
    iml__jsonw w;
    iml__str_init(&l, 1024);
    iml__jsonw_init(&w, &l, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "done"), iml__jsonw_u64(&w, p->done);
    iml__jsonw_key(&w, "written"), iml__jsonw_u64(&w, p->written);
    iml__jsonw_key(&w, "total"), iml__jsonw_u64(&w, p->total);
    iml__jsonw_key(&w, "bad"), iml__jsonw_u64(&w, p->bad);
    iml__jsonw_key(&w, "bytes"), iml__jsonw_u64(&w, p->bytes);
    iml__jsonw_key(&w, "rate"), iml__jsonw_fixed(&w, p->rate, 2);
    iml__jsonw_key(&w, "eta_s"), iml__jsonw_fixed(&w, p->eta_s, 1);
    iml__jsonw_key(&w, "memory"), iml__jsonw_u64(&w, p->memory);
    iml__jsonw_key(&w, "budget"), iml__jsonw_u64(&w, p->budget);
    iml__jsonw_end(&w);
    iml__str_addc(&l, '\n');
    if (write(3, iml__str_text(&l), l.n) < 0) (void)0; // a reader that went away is its own affair
    iml__str_free(&l);
}

static void on_progress(void *user, const iml_progress *p)
{
    struct talk *t = user;
    int kind = t->s->common->progress;
    if (kind == IML__PROGRESS_JSON) {
        progress_json(p);
        return;
    }
    bool live = kind == IML__PROGRESS_AUTO && t->tty;
    uint64_t made = p->done + p->written;
    unsigned percent = p->total ? (unsigned)((double)made * 100 / (double)p->total) : 100u;
    bool due = p->elapsed_s - t->last_s >= 10 || percent >= t->last_percent + 5;
    if (want_status)
        due = true, live = false, want_status = 0;
    else if (kind == IML__PROGRESS_NONE || (!live && (!due || p->elapsed_s < 1)))
        return;
    iml__str l;
    iml__str_init(&l, 512);
    progress_text(t, p, &l);
    if (live)
        (void)fprintf(stderr, "\r%s\033[K", iml__str_text(&l)), (void)fflush(stderr),
            t->line_open = true;
    else
        end_line(t), (void)fprintf(stderr, "%s\n", iml__str_text(&l));
    if (due) {
        if (t->log) (void)fprintf(t->log, "%s\n", iml__str_text(&l));
        t->last_s = p->elapsed_s, t->last_percent = percent - percent % 5;
    }
    iml__str_free(&l);
}

// ---- The end

static void closing(struct talk *t, iml_status st, const iml_report *r)
{
    const iml__session *s = t->s;
    iml__str l;
    char num[32];
    iml__str_init(&l, 1 << 16);
    iml__str_adds(&l, r->stopped || st == IML_ECANCEL ? "stopped: "
                      : st                            ? "failed: "
                      : r->guard                      ? "gave up: "
                                                      : "done: ");
    iml__text_count(&l, r->ok);
    iml__str_addf(&l, " %s, ", s->unit);
    if (r->resumed) {
        iml__text_count(&l, r->resumed);
        iml__str_adds(&l, " there before, ");
    }
    iml__text_count(&l, r->bad);
    iml__str_adds(&l, " bad, ");
    iml__num_fixed(num, r->wall_s, 1);
    iml__str_addf(&l, "%s s", num);
    if (r->ok) {
        iml__num_fixed(num, r->cpu_s * 1e3 / (double)r->ok, 2);
        iml__str_addf(&l, ", %s ms CPU each", num);
    }
    iml__str_addc(&l, '.');
    if (s->closing) s->closing(s->user, r, &l);
    say(t, iml__str_text(&l));
    iml__str_clear(&l);
    if (r->guard) say(t, "More items are bad than --max-errors allows.");
    if (r->bad && s->run->out_dir) {
        iml__str_addf(&l, "Bad items: %s/.imloom/bad.jsonl; --retry-bad tries them again.",
                      s->run->out_dir);
        say(t, iml__str_text(&l));
    }
    if (r->stopped || st == IML_ECANCEL || st == IML_ESINK || r->guard)
        say(t, "Run the same command again to go on from here.");
    iml__str_free(&l);
}

static int exit_code(iml_status st, const iml_report *r)
{
    if (st == IML_ECANCEL || r->stopped) return IML__EXIT_STOPPED;
    if (st == IML_EARG) return IML__EXIT_USAGE;
    if (st || r->guard) return IML__EXIT_FAILED;
    return r->bad ? IML__EXIT_BAD : IML__EXIT_OK;
}

static void write_report(struct talk *t, int code)
{
    const iml__session *s = t->s;
    iml__str settings;
    iml__jsonw w;
    iml_err e = {0};
    if (!s->run->out_dir || s->run->flags & IML_RUN_DRY_RUN) return;
    iml__str_init(&settings, 1 << 20);
    iml__jsonw_init(&w, &settings, 0);
    iml__jsonw_object(&w);
    iml__opts_json(s->opts, false, &w);
    iml__jsonw_end(&w);
    struct iml__report_more more = {.settings_json = iml__str_text(&settings),
                                    .exit_code = code,
                                    .argc = s->argc,
                                    .argv = s->argv,
                                    .user = s->user,
                                    .members = s->report};
    // Where the output has failed already, one sentence about it is enough.
    if (iml__report_write(s->run, s->job, &s->result, &more, &e) && code != IML__EXIT_FAILED)
        say(t, e.msg);
    iml__str_free(&settings);
}

static void print_json(const iml__session *s, int code)
{
    iml__str l;
    iml__jsonw w;
    iml__str_init(&l, 1 << 20);
    iml__jsonw_init(&w, &l, 0);
    const iml_report *r = &s->result;
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "imloom"), iml__jsonw_u64(&w, 1);
    iml__jsonw_key(&w, "program"), iml__jsonw_str(&w, IML_VERSION);
    iml__jsonw_key(&w, "command"), iml__jsonw_str(&w, s->opts->command);
    iml__jsonw_key(&w, "planned"), iml__jsonw_u64(&w, r->planned);
    iml__jsonw_key(&w, "ok"), iml__jsonw_u64(&w, r->ok);
    iml__jsonw_key(&w, "bad"), iml__jsonw_u64(&w, r->bad);
    iml__jsonw_key(&w, "resumed"), iml__jsonw_u64(&w, r->resumed);
    iml__jsonw_key(&w, "files"), iml__jsonw_u64(&w, r->files);
    iml__jsonw_key(&w, "bytes"), iml__jsonw_u64(&w, r->bytes);
    iml__jsonw_key(&w, "complete"), iml__jsonw_bool(&w, r->complete);
    iml__jsonw_key(&w, "content"), iml__jsonw_hex64(&w, r->content);
    iml__jsonw_key(&w, "wall_s"), iml__jsonw_fixed(&w, r->wall_s, 3);
    iml__jsonw_key(&w, "cpu_s"), iml__jsonw_fixed(&w, r->cpu_s, 3);
    iml__jsonw_key(&w, "exit"), iml__jsonw_i64(&w, code);
    if (s->report) s->report(s->user, r, &w);
    iml__jsonw_end(&w);
    (void)puts(iml__str_text(&l));
    iml__str_free(&l);
}

int iml__session_run(iml__session *s)
{
    iml_err e = {0};
    iml_ctx *ctx = NULL;
    struct talk t = {.s = s, .tty = isatty(STDERR_FILENO) == 1};
    char when[32], run_name[80];
    if (iml_ctx_new(&ctx, &e)) return iml__complain(&e, IML__EXIT_FAILED);
    stamp(when, true);
    (void)snprintf(run_name, sizeof run_name, "%s_%s", s->opts->command, when);
    bool dry = s->run->flags & IML_RUN_DRY_RUN;
    if (!dry) open_log(&t, run_name);
    iml_ctx_log(ctx, s->common->log_level, on_log, &t);
    banner(&t, run_name);
    s->run->progress = on_progress, s->run->progress_user = &t, s->run->cancel = &cancel;
    s->result.size = sizeof s->result;
    signals(true);
    iml_status st = iml_run(ctx, s->job, s->sink, s->run, &s->result, &e);
    signals(false);
    end_line(&t);
    int code = exit_code(st, &s->result);
    if (st && st != IML_ECANCEL) {
        char line[300];
        (void)snprintf(line, sizeof line, "imloom: %s", e.msg[0] ? e.msg : iml_status_text(st));
        say(&t, line);
    }
    if (!dry && st != IML_EARG) {
        closing(&t, st, &s->result);
        write_report(&t, code);
    }
    if (s->common->json) print_json(s, code);
    if (s->common->bell) (void)fputc('\a', stderr);
    iml_ctx_free(&ctx);
    if (t.log && fclose(t.log))
        (void)fprintf(stderr, "imloom: the log file %s is incomplete\n", t.log_path);
    return code;
}
