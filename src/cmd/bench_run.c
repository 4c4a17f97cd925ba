// bench_run.c: programs are started by posix_spawn and waited for by wait4, which tells the CPU and
// the peak memory of exactly that child; our own process takes no part in a figure.
#include "src/cmd/bench_run.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "src/base/arena.h"
#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/codec/codec.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"

enum { ENV_MAX = 1024 };

static iml_status start(char *const argv[], char *const env[], const char *log, pid_t *pid,
                        iml_err *e)
{
    posix_spawn_file_actions_t io;
    char *all[ENV_MAX + 1];
    size_t n = 0;
    for (size_t k = 0; env && env[k] && n < ENV_MAX; k++) all[n++] = env[k];
    for (size_t k = 0; environ[k] && n < ENV_MAX; k++) all[n++] = environ[k];
    all[n] = NULL;
    if (posix_spawn_file_actions_init(&io)) return IML_FAIL(e, IML_ENOMEM, "no memory");
    int sys = posix_spawn_file_actions_addopen(&io, 0, "/dev/null", O_RDONLY, 0);
    if (!sys)
        sys = posix_spawn_file_actions_addopen(&io, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (!sys) sys = posix_spawn_file_actions_adddup2(&io, 1, 2);
    if (!sys) sys = posix_spawnp(pid, argv[0], &io, NULL, argv, all);
    (void)posix_spawn_file_actions_destroy(&io);
    if (!sys) return IML_OK;
    return IML_FAIL(e, IML_EARG, "cannot run %s (%s); is it there and executable?", argv[0],
                    strerrordesc_np(sys));
}

// The last line of a log, for a message.
static void last_line(const char *log, char line[160])
{
    char *p = NULL;
    size_t n = 0;
    line[0] = 0;
    if (iml__file_read_heap(AT_FDCWD, log, (uint64_t)1 << 24, &p, &n, NULL)) return;
    while (n && (p[n - 1] == '\n' || p[n - 1] == '\r')) n--;
    size_t from = n;
    while (from && p[from - 1] != '\n') from--;
    (void)snprintf(line, 160, "%.*s", (int)IML_MIN(n - from, (size_t)150), p + from);
    IML_FREE(p);
}

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec * 1e-6; }

static iml_status finish(pid_t pid, const char *name, const char *log, struct iml__cost *c,
                         iml_err *e)
{
    struct rusage u;
    int status;
    pid_t got;
    do got = wait4(pid, &status, 0, &u);
    while (got < 0 && errno == EINTR);
    if (got < 0) return IML_FAIL(e, IML_EINPUT, "%s: it cannot be waited for", name);
    c->cpu_s += seconds(u.ru_utime) + seconds(u.ru_stime);
    c->rss_mb = IML_MAX(c->rss_mb, (double)u.ru_maxrss / 1024);
    if (WIFEXITED(status) && !WEXITSTATUS(status)) return IML_OK;
    char line[160];
    last_line(log, line);
    return IML_FAIL(e, IML_EINPUT, "%s failed (%s %d): %s", name,
                    WIFEXITED(status) ? "exit" : "signal",
                    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), line);
}

iml_status iml__bench_run_all(char *const *const argv[], size_t n, const char *log,
                              struct iml__cost *c, iml_err *e)
{
    enum { MOST = 64 };
    pid_t pid[MOST];
    uint64_t begun = iml__now_us();
    size_t started = 0;
    iml_status st = n <= MOST ? IML_OK : IML_FAIL(e, IML_EARG, "more than %d at once", MOST);
    *c = (struct iml__cost){0};
    for (; !st && started < n; started++)
        if (IML_FAILS(st = start(argv[started], NULL, log, &pid[started], e))) break;
    for (size_t k = 0; k < started; k++) {
        iml_err more;
        iml_status s = finish(pid[k], argv[k][0], log, c, st ? &more : e);
        if (!st) st = s;
    }
    c->wall_s = (double)(iml__now_us() - begun) * 1e-6;
    return st;
}

iml_status iml__bench_run(char *const argv[], char *const env[], const char *log,
                          struct iml__cost *c, iml_err *e)
{
    pid_t pid;
    uint64_t begun = iml__now_us();
    *c = (struct iml__cost){0};
    IML_TRY(start(argv, env, log, &pid, e));
    iml_status st = finish(pid, argv[0], log, c, e);
    c->wall_s = (double)(iml__now_us() - begun) * 1e-6;
    return st;
}

iml_status iml__bench_remove(const char *path, iml_err *e)
{
    struct iml__cost c;
    char *argv[] = {"rm", "-rf", "--", (char *)(uintptr_t)path, NULL};
    return iml__bench_run(argv, NULL, "/dev/null", &c, e);
}

static iml_status look_at(const char *path, iml_arena *a, struct iml__made *m, iml_err *e)
{
    uint8_t *p;
    size_t n;
    iml__limits limits;
    iml__picture_info info;
    iml__limits_default(&limits);
    IML_TRY(iml__file_read_arena(AT_FDCWD, path, (uint64_t)1 << 30, a, &p, &n, e));
    const iml__codec *c = iml__codec_probe(p, n);
    if (!c) return IML_FAIL(e, IML_EINPUT, "%s is no picture", path);
    IML_TRY(c->header(p, n, &limits, &info, e));
    m->pictures++;
    m->width += info.w, m->height += info.h, m->pixels += (double)info.w * info.h;
    return IML_OK;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !strcmp(s + n - k, end);
}

// A label has a member "graphemes" for each unit.
static iml_status count_units(const char *path, iml_arena *a, struct iml__made *m, iml_err *e)
{
    uint8_t *p;
    size_t n;
    IML_TRY(iml__file_read_arena(AT_FDCWD, path, (uint64_t)1 << 30, a, &p, &n, e));
    const char *at = (const char *)p;
    if (ends_with(path, "characters.txt")) {
        m->characters = strtod(at, NULL);
        return IML_OK;
    }
    while ((at = strstr(at, "\"graphemes\""))) at++, m->characters++;
    return IML_OK;
}

iml_status iml__bench_look(const char *dir, struct iml__made *m, iml_err *e)
{
    struct iml__walk *w;
    iml_arena a;
    *m = (struct iml__made){0};
    IML_TRY(iml__walk(dir, &(struct iml__walk_opts){0}, &w, e));
    iml_status st = iml__arena_open(&a, (size_t)1 << 31, -1, e);
    for (size_t k = 0; !st && k < w->n; k++) {
        static const char *const pictures[] = {".png", ".jpg", ".jpeg"};
        char path[1200];
        (void)snprintf(path, sizeof path, "%s/%s", dir, w->entry[k].path);
        m->bytes += (double)w->entry[k].size;
        iml__arena_reset(&a);
        for (size_t i = 0; !st && i < IML_COUNT_OF(pictures); i++)
            if (ends_with(path, pictures[i])) st = look_at(path, &a, m, e);
        if (!st && (ends_with(path, ".json") || ends_with(path, "characters.txt")))
            st = count_units(path, &a, m, e);
    }
    iml__arena_close(&a);
    iml__walk_free(&w);
    double n = m->pictures ? (double)m->pictures : 1;
    m->width /= n, m->height /= n, m->pixels /= n;
    return st;
}
