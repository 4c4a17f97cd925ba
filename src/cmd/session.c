// session.c: what a user sees of a run: banner, log file, progress, signals, closing line, exit
// code.
//
// The library never prints nor handles signals; all of that is here. The handlers only store to
// flags, but for a crash in thread mode, which writes one prepared journal record
// (iml__run_suspect_now).
#include "src/cmd/session.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "src/base/err.h"
#include "src/base/log.h"
#include "src/cmd/bad_items.h"
#include "src/cmd/common.h"
#include "src/cmd/outdir.h"
#include "src/cmd/ticker.h"
#include "src/engine/report.h"
#include "src/engine/run.h"

// Written by handlers: 0 run, 1 soft stop; the second signal leaves at once.
static volatile unsigned char cancel;
static volatile sig_atomic_t want_status;

struct voice { // of one run
    const iml__session *s;
    struct iml__talk talk;
    struct iml__ticker ticker;
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
    static const char said[] =
        "\nimloom: a fault in the middle of an item (a library, or a file that was cut off); run "
        "the same command again: it makes that item in a process of its own\n";
    iml__run_suspect_now();
    ssize_t n = write(STDERR_FILENO, said, sizeof said - 1);
    (void)n;
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
    // A terminal that goes away stops a run like Ctrl-C, unless nohup has said otherwise.
    struct sigaction hup;
    a.sa_handler = on ? on_stop : SIG_DFL;
    if (!sigaction(SIGHUP, NULL, &hup) && hup.sa_handler != SIG_IGN)
        (void)sigaction(SIGHUP, &a, NULL);
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

static void scaled(iml__str *s, double v, double base, const char *units, const char *gap)
{
    size_t k = 0;
    while (v >= base && units[k + 1]) v /= base, k++;
    char num[32];
    iml__num_fixed(num, v, k && v < 10 ? 1 : 0);
    iml__str_adds(s, num);
    if (units[k] != ' ') iml__str_adds(s, gap), iml__str_addc(s, units[k]);
}

void iml__text_bytes(iml__str *s, uint64_t n) { scaled(s, (double)n, 1024, " KMGTP", ""); }
void iml__text_size(iml__str *s, uint64_t n)
{
    scaled(s, (double)n, 1024, " KMGTP", " ");
    iml__str_adds(s, n >= 1024 ? "B" : n == 1 ? " byte" : " bytes");
}
void iml__text_rate(iml__str *s, double v) { scaled(s, v, 1000, " kMG", ""); }

// ---- The beginning

// A log inside the data set would be a file of no item: there it goes beside the journal.
static void open_log(struct voice *v, const char *run_name)
{
    const char *dir = v->s->common->log_dir, *out = v->s->run->out_dir;
    char inside[512];
    if (!dir && !v->s->makes_set) return;
    (void)snprintf(inside, sizeof inside, "%s/.imloom/logs", out ? out : ".");
    if (!dir) dir = iml__outdir_holds(out, "./logs") ? inside : "./logs";
    iml__talk_open(&v->talk, dir, run_name);
}

// "mode process (why), 4 workers, 1.0G in flight": what the engine will do, before it does it.
static void how(const iml__session *s, iml__str *l)
{
    int mode;
    const char *why;
    iml__run_mode(s->job, s->run, &mode, &why);
    iml__str_addf(l, "mode %s (%s)", mode == IML_MODE_PROCESS ? "process" : "thread", why);
    if (s->run->shard_count > 1)
        iml__str_addf(l, "; share %u of %u", s->run->shard_index, s->run->shard_count);
}

static void banner(struct voice *v, const char *run_name)
{
    static const char rule[] = "============================================================";
    const iml__session *s = v->s;
    iml__str l;
    iml__str_init(&l, 4096);
    iml__talk_say(&v->talk, rule);
    iml__str_addf(&l, "Starting imloom %s run: %s", s->opts->command, run_name);
    iml__talk_say(&v->talk, iml__str_text(&l));
    iml__str_clear(&l);
    if (v->talk.log_path[0]) {
        iml__str_addf(&l, "Log file: %s", v->talk.log_path);
        iml__talk_say(&v->talk, iml__str_text(&l));
        iml__str_clear(&l);
    }
    iml__str_addf(&l, "%s; ", s->headline);
    how(s, &l);
    iml__talk_say(&v->talk, iml__str_text(&l));
    for (size_t k = 0; k < s->common->nnotes; k++) iml__talk_say(&v->talk, s->common->notes[k]);
    iml__talk_say(&v->talk, rule);
    iml__str_free(&l);
}

static void on_progress(void *user, const iml_progress *p)
{
    struct voice *v = user;
    v->ticker.wants_line |= want_status != 0;
    want_status = 0;
    iml__ticker_tell(&v->ticker, p);
}

// ---- The end

static void text_bad(iml__str *l, uint64_t n)
{
    if (!n) return;
    iml__str_adds(l, " (");
    iml__text_count(l, n);
    iml__str_adds(l, " bad)");
}

// "2 of 100 items failed: 17 (font ...), 31 (...); see OUT/.imloom/bad.jsonl; ..."
static void failures(const iml__session *s, const iml_report *r, iml__str *l)
{
    uint64_t bad = r->bad + r->bad_before;
    if (s->names_bad) {
        iml__str_addf(l, "Bad items: %s/.imloom/bad*.jsonl; --retry-bad tries %s again.",
                      s->run->out_dir, bad == 1 ? "it" : "them");
        return;
    }
    iml__text_count(l, bad);
    iml__str_adds(l, " of ");
    iml__text_count(l, r->planned);
    iml__str_addf(l, " item%s failed: ", r->planned == 1 ? "" : "s");
    bool named = iml__bad_items_named(s->run->out_dir, l);
    iml__str_addf(l, "%ssee %s/.imloom/bad%s.jsonl; --retry-bad tries %s again.", named ? "; " : "",
                  s->run->out_dir, named ? "" : ".*", bad == 1 ? "it" : "them");
}

// true: there are findings beside the bad items.
static bool closing(struct voice *v, iml_status st, const iml_report *r)
{
    bool findings = false;
    const iml__session *s = v->s;
    iml__str l;
    char num[32];
    iml__str_init(&l, 1 << 16);
    iml__str_adds(&l, r->stopped || st == IML_ECANCEL ? "stopped: "
                      : st                            ? "failed: "
                      : r->guard                      ? "gave up: "
                                                      : "done: ");
    iml__text_count(&l, r->ok);
    iml__str_addf(&l, " %.*s, ", (int)strlen(s->unit) - (r->ok == 1), s->unit);
    if (r->resumed) {
        iml__text_count(&l, r->resumed);
        iml__str_adds(&l, " there before");
        text_bad(&l, r->bad_before);
        iml__str_adds(&l, ", ");
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
    if (s->closing) findings = s->closing(s->user, r, &l);
    iml__talk_say(&v->talk, iml__str_text(&l));
    iml__str_clear(&l);
    if (r->guard) iml__talk_say(&v->talk, "More items are bad than --max-errors allows.");
    if ((r->bad || r->bad_before) && s->run->out_dir) {
        failures(s, r, &l);
        iml__talk_say(&v->talk, iml__str_text(&l));
    }
    if (r->stopped || st == IML_ECANCEL || st == IML_ESINK || r->guard)
        iml__talk_say(&v->talk,
                      s->sink == iml_sink_tar()
                          ? "Run the same command again to go on from the last whole shard."
                          : "Run the same command again to go on from here.");
    iml__str_free(&l);
    return findings;
}

// What a run would do; on stdout, for it is the result of --dry-run.
static void say_plan(const struct voice *v, const iml_report *r)
{
    const iml__session *s = v->s;
    iml__str l;
    iml__str_init(&l, 1 << 16);
    iml__str_addf(&l, "%s; ", s->headline);
    how(s, &l);
    iml__str_addf(&l, ", %d workers, ", r->workers);
    iml__text_bytes(&l, r->budget);
    iml__str_adds(&l, " in flight\nto make: ");
    iml__text_count(&l, r->planned - r->resumed);
    iml__str_adds(&l, " of ");
    iml__text_count(&l, r->planned);
    iml__str_addf(&l, " %s", s->unit);
    if (r->resumed) iml__str_adds(&l, ", the others are there"), text_bad(&l, r->bad_before);
    if (r->replaced) {
        iml__str_adds(&l, ", after ");
        iml__text_count(&l, r->replaced);
        iml__str_adds(&l, " files of earlier runs are removed");
    }
    iml__str_adds(&l, "; nothing was written");
    (void)puts(iml__str_text(&l));
    iml__str_free(&l);
}

static int exit_code(iml_status st, const iml_report *r)
{
    if (st == IML_ECANCEL || r->stopped) return IML__EXIT_STOPPED;
    if (st == IML_EARG) return IML__EXIT_USAGE;
    if (st || r->guard) return IML__EXIT_FAILED;
    return r->bad || r->bad_before ? IML__EXIT_BAD : IML__EXIT_OK;
}

static void write_report(struct voice *v, int code)
{
    const iml__session *s = v->s;
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
        iml__talk_say(&v->talk, e.msg);
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
    iml__jsonw_key(&w, "bad_before"), iml__jsonw_u64(&w, r->bad_before);
    if (s->run->flags & IML_RUN_DRY_RUN) iml__jsonw_key(&w, "dry_run"), iml__jsonw_bool(&w, true);
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

// ---- Before the beginning

// What would spoil the data set, or could not be said.
static iml_status check(const iml__session *s, iml_err *e)
{
    const struct iml__common *c = s->common;
    const char *out = s->run->out_dir;
    if (c->progress == IML__PROGRESS_JSON && !iml__fd3)
        return IML_FAIL(
            e, IML_EARG,
            "--progress json writes to file descriptor 3, which is not open; add 3>FILE");
    IML_TRY(iml__outdir_check(out, e));
    IML_TRY(iml__outdir_keep_out(out, "--log-dir", c->log_dir, e));
    IML_TRY(iml__outdir_keep_out(out, "--quarantine", c->quarantine, e));
    IML_TRY(iml__outfile_check("--metrics", c->metrics, c->config, e));
    return iml__outdir_keep_out(out, "--metrics", c->metrics, e);
}

int iml__session_run(iml__session *s)
{
    iml_err e = {0};
    iml_ctx *ctx = NULL;
    struct voice v = {.s = s, .talk = {.tty = isatty(STDERR_FILENO) == 1}};
    char when[32], run_name[80];
    v.ticker = (struct iml__ticker){
        .talk = &v.talk, .command = s->opts->command, .kind = s->common->progress};
    if (check(s, &e)) return iml__complain(&e, IML__EXIT_USAGE);
    if (iml_ctx_new(&ctx, &e)) return iml__complain(&e, IML__EXIT_FAILED);
    iml__talk_stamp(when, true);
    (void)snprintf(run_name, sizeof run_name, "%s_%s", s->opts->command, when);
    bool dry = s->run->flags & IML_RUN_DRY_RUN;
    if (!dry) open_log(&v, run_name);
    iml_ctx_log(ctx, s->common->log_level, iml__talk_log, &v.talk);
    if (!dry) banner(&v, run_name);
    s->run->progress = on_progress, s->run->progress_user = &v, s->run->cancel = &cancel;
    s->result.size = sizeof s->result;
    signals(true);
    iml_status st = iml_run(ctx, s->job, s->sink, s->run, &s->result, &e);
    signals(false);
    iml__log_flush(ctx);
    iml__talk_end_live(&v.talk);
    int code = exit_code(st, &s->result);
    if (st && st != IML_ECANCEL) {
        char line[300];
        (void)snprintf(line, sizeof line, "imloom: %s", e.msg[0] ? e.msg : iml_status_text(st));
        iml__talk_say(&v.talk, line);
    }
    if (dry && !st && !s->common->json) say_plan(&v, &s->result);
    if (!dry && st != IML_EARG) {
        if (closing(&v, st, &s->result) && code == IML__EXIT_OK) code = IML__EXIT_BAD;
        write_report(&v, code);
    }
    if (s->common->json) print_json(s, code);
    if (s->common->bell) (void)fputc('\a', stderr);
    iml_ctx_free(&ctx);
    if (!iml__talk_close(&v.talk))
        (void)fprintf(stderr, "imloom: the log file %s is incomplete\n", v.talk.log_path);
    return code;
}
