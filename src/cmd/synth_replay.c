// synth_replay.c: `imloom synth --replay` and `--plan`.
//
// Replaying is a check as much as a way to get pictures: the exit code says whether they are the
// ones that the labels speak of (0), or others (2). An edited label is a wish, not a fault: it is
// drawn, and said. A plan knows every decision because the items are made whole, but for their
// encoding: contrast is decided by what lies under the text, so a plan without pixels would leave
// that open.
#include "src/cmd/synth_replay.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/cmd/command.h"
#include "src/cmd/common.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"
#include "src/synth/itemfiles.h"

enum { ARENA = 1 << 30, PIECE = 1 << 20 };

// ---- Replay

struct tally {
    uint64_t same, edited, differ;
};

static iml_status save(struct iml__dirs *d, const iml__replayed *x, iml_err *e)
{
    char name[512];
    const char *file = x->label->file, *dot = strrchr(file, '.');
    IML_TRY(iml__file_write(d, file, "replay", x->bytes, x->nbytes, IML_DURABILITY_PROCESS, e));
    (void)snprintf(name, sizeof name, "%.*s.json", (int)IML_MIN(dot - file, 500), file);
    return iml__file_write(d, name, "replay", x->text->p, x->text->n, IML_DURABILITY_PROCESS, e);
}

static void tell(const iml__replayed *x, struct tally *t)
{
    if (x->edited) {
        t->edited++;
        (void)printf("%s: edited since it was written: drawn as edited%s\n", x->name,
                     x->same ? ", the picture is the same" : "");
    } else if (x->same) {
        t->same++;
    } else {
        t->differ++;
        (void)fprintf(stderr, "imloom: %s: the picture differs: %s\n", x->name, x->why);
    }
}

// A data set keeps the pictures that its manifest speaks of.
static iml_status no_data_set(const char *out, iml_err *e)
{
    static const char *const marks[] = {"manifest.json", ".imloom"};
    for (size_t k = 0; k < IML_COUNT_OF(marks); k++) {
        char path[4096];
        struct stat at;
        (void)snprintf(path, sizeof path, "%s/%s", out, marks[k]);
        if (!iml__fstatat(AT_FDCWD, path, &at, 0))
            return IML_FAIL(e, IML_EARG,
                            "--replay: %s is a data set, whose pictures would be replaced; give "
                            "another directory",
                            out);
    }
    return IML_OK;
}

int iml__synth_replay(const iml__replay_run *o, iml_err *e)
{
    iml__replayer *r = NULL;
    struct iml__dirs *d = NULL;
    struct tally t = {0};
    if (!o->out && !o->check) {
        (void)IML_FAIL(e, IML_EARG, "--replay: where to? give -o OUT, or --replay-check");
        return iml__complain(e, IML__EXIT_USAGE);
    }
    if (!o->check && no_data_set(o->out, e)) return iml__complain(e, IML__EXIT_USAGE);
    iml_status st = iml__replayer_open(o->what, &o->where, &r, e);
    size_t n = st ? 0 : iml__replayer_count(r);
    for (size_t k = 0; k < n && !st; k++) {
        iml__replayed x;
        st = iml__replayer_make(r, k, &x, e);
        if (!st) tell(&x, &t);
        if (st || o->check) continue;
        if (!d && IML_FAILS(st = iml__dirs_open(&d, o->out, e))) break;
        st = save(d, &x, e);
    }
    iml__dirs_close(&d);
    iml__replayer_close(&r);
    if (st)
        return iml__complain(e, iml_status_class(st) == IML_CLASS_SINK ? IML__EXIT_FAILED
                                                                       : IML__EXIT_USAGE);
    (void)printf("replayed %llu: %llu identical, %llu edited, %llu differ\n", (unsigned long long)n,
                 (unsigned long long)t.same, (unsigned long long)t.edited,
                 (unsigned long long)t.differ);
    return t.differ || (o->check && t.edited) ? IML__EXIT_FAILED : IML__EXIT_OK;
}

// ---- Plans

static iml_status plan_line(const iml__synth *s, iml__synth_worker *w, uint64_t i, iml_arena *a,
                            iml__str *line, iml_err *e)
{
    char stem[IML__STEM], file[IML__STEM + 8];
    iml__synth_item it;
    iml_status st = iml__synth_item_make(s, w, i, a, NULL, &it, e);
    iml__synth_stem(s, i, stem);
    (void)snprintf(file, sizeof file, "%s.%s", stem, iml__synth_suffix(s));
    if (!st) iml__synth_label(s, &it, file, NULL, 0, 0, line);
    iml__synth_item_done(s, &it);
    if (!st && line->failed) st = IML_FAIL(e, IML_ENOMEM, "no memory for the plan");
    return st;
}

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
    stopped = 1;
    (void)signal(sig, SIG_DFL); // the second one does not wait
}

static iml_status write_lines(const iml__synth *s, iml__synth_worker *w, int fd, const char *path,
                              uint64_t *bad, iml_err *e)
{
    iml_arena a;
    iml__str text;
    iml_status st = iml__arena_open(&a, ARENA, -1, e);
    iml__str_init(&text, (size_t)1 << 30);
    for (uint64_t i = 0; i < s->count && !st; i++) {
        if (stopped) st = IML_FAIL(e, IML_ECANCEL, "stopped; nothing was written");
        if (st) break;
        iml__arena_reset(&a);
        st = plan_line(s, w, i, &a, &text, e);
        if (iml_status_class(st) == IML_CLASS_ITEM) {
            (void)fprintf(stderr, "item %llu: %s\n", (unsigned long long)i, e->msg);
            st = IML_OK, ++*bad;
        }
        if (st || (text.n < PIECE && i + 1 < s->count)) continue;
        if (iml__write_all(fd, iml__str_text(&text), text.n) < 0)
            st = iml__sink_error(e, errno, "write", NULL, path);
        iml__str_clear(&text);
    }
    iml__str_free(&text);
    iml__arena_close(&a);
    return st;
}

// Whole, or not at all.
static iml_status write_file(const iml__synth *s, iml__synth_worker *w, const char *path,
                             uint64_t *bad, iml_err *e)
{
    char dir[IML__PATH_CAP] = ".", file[IML__PATH_CAP];
    struct iml__dirs *d = NULL;
    int fd = -1;
    IML_TRY(iml__path_behind(path, file, e));
    const char *slash = strrchr(file, '/'), *leaf = slash ? slash + 1 : file;
    if (slash) (void)snprintf(dir, sizeof dir, "%.*s", (int)IML_MAX(slash - file, 1), file);
    iml_status st = iml__dirs_open(&d, dir, e);
    if (!st) st = iml__tmp_create(d, leaf, "plan", &fd, e);
    if (!st) st = write_lines(s, w, fd, path, bad, e);
    if (iml__close(&fd) < 0 && !st) st = iml__sink_error(e, errno, "close", NULL, path);
    if (!st)
        st = iml__tmp_rename(d, leaf, "plan", e);
    else if (d)
        iml__tmp_remove(d, leaf, "plan");
    iml__dirs_close(&d);
    return st;
}

int iml__synth_write_plan(const iml__synth *s, const char *path, iml_err *e)
{
    iml__synth_worker *w = NULL;
    uint64_t bad = 0;
    const int signals[] = {SIGINT, SIGTERM};
    for (size_t k = 0; k < IML_COUNT_OF(signals); k++) (void)signal(signals[k], on_stop);
    iml_status st = iml__synth_worker_new(s, &w, e);
    if (!st)
        st = strcmp(path, "-") != 0 ? write_file(s, w, path, &bad, e)
                                    : write_lines(s, w, STDOUT_FILENO, "standard output", &bad, e);
    iml__synth_worker_free(&w);
    if (st) return iml__complain(e, st == IML_ECANCEL ? IML__EXIT_STOPPED : IML__EXIT_FAILED);
    return bad ? IML__EXIT_BAD : IML__EXIT_OK;
}
