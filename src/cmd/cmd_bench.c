// cmd_bench.c: `imloom bench`: the figures of the README, beside other tools where they are.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/err.h"
#include "src/cmd/bench_slice.h"
#include "src/cmd/bench_synth.h"
#include "src/cmd/bench_workers.h"
#include "src/cmd/command.h"

static struct options {
    int container, format, mode;
    int workers[IML__BENCH_COUNTS]; // --workers; slice takes several
    size_t nworkers;
    uint64_t images, peer_images;
    int64_t rounds;
    bool scale;
    const char *dir, *peer;
} options;

// "N", "auto" or "N,N,...".
static iml_status read_workers(void *to, const char *text, iml_err *e)
{
    struct options *o = to;
    o->nworkers = 0;
    for (const char *p = text;; p++) {
        char word[24];
        int64_t v = IML_WORKERS_AUTO;
        size_t n = strcspn(p, ",");
        (void)snprintf(word, sizeof word, "%.*s", (int)IML_MIN(n, sizeof word - 1), p);
        bool fits = !strcmp(word, "auto") || (iml__parse_i64(word, &v) && v >= -1 && v <= 4096);
        if (!fits || o->nworkers == IML__BENCH_COUNTS)
            return IML_FAIL(e, IML_EARG, "--workers %.60s: auto, 0..4096, or such as 1,2,4", text);
        o->workers[o->nworkers++] = (int)v;
        p += n;
        if (!*p) return IML_OK;
    }
}

#define AT(field) offsetof(struct options, field)
static const iml__opt rows[] = {
    {"container", 0, IML__OPT_ENUM, AT(container), "KIND", "dir", 0, 0, "dir|tar", NULL,
     "files, or tar shards", 0, NULL},
    {"format", 0, IML__OPT_ENUM, AT(format), "KIND", "png", 0, 0, "png|jpeg", NULL,
     "of the pictures; JPEG has quality 90", 0, NULL},
    {"images", 'n', IML__OPT_COUNT, AT(images), "N", "2000", 0, 0, NULL, NULL, "pictures a run", 0,
     NULL},
    {"rounds", 0, IML__OPT_INT, AT(rounds), "N", "3", 1, 64, NULL, NULL,
     "runs of each side, in turns; the least CPU counts", 0, NULL},
    {"peer", 0, IML__OPT_DIR, AT(peer), "DIR", NULL, 0, 0, NULL, NULL,
     "another tool: DIR/run CASE OUT COUNT FORMAT makes its pictures", 0, NULL},
    {"peer-images", 0, IML__OPT_COUNT, AT(peer_images), "N", "100", 0, 0, NULL, NULL,
     "pictures a run of it", 0, NULL},
    {"scale", 0, IML__OPT_FLAG, AT(scale), NULL, NULL, 0, 0, NULL, NULL,
     "two workers, and two independent runs, against one worker", 0, NULL},
    {"mode", 0, IML__OPT_ENUM, AT(mode), "KIND", "thread", 0, 0, "auto|thread|process", NULL,
     "of synth", 0, NULL},
    {"workers", 'j', IML__OPT_CUSTOM, 0, "N[,N..]", NULL, 0, 0, NULL, NULL,
     "0 = all in the calling thread; of synth [0], of engine [auto], of slice as many as are to be "
     "compared [1,2,4 .. CPUs]",
     0, read_workers},
    {"dir", 0, IML__OPT_DIR, AT(dir), "DIR", NULL, 0, 0, NULL, NULL,
     "where to work; /tmp/imloom-bench", 0, NULL},
};

const iml__command_doc iml__doc_bench = {
    .name = "bench",
    .summary = "measure speed, beside other tools",
    .usage = "synth CASE... [--peer DIR] [options]\n"
             "slice IN [--workers 1,2,4] [--rounds N] [-- OPTIONS OF SLICE]\n"
             "engine [-j N] [--rounds N]\n",
    .about =
        "CASE: plain typical curved heavy lines, or all. A line of JSON each: CPU "
        "seconds of every round, the least as milliseconds an image, mean size, bytes, peak "
        "memory, the time of a run of one picture. Setting: 24 Latin faces, 10 to 50 characters at "
        "32 px on backgrounds of 1024 x 768, one worker; the padding is chosen so that pictures "
        "have the mean of pixels that figures are stated at (552 x 120, lines 221 x 270), or the "
        "peer's.\n\n"
        "A peer gets IMLOOM_FACES (a file of paths), IMLOOM_BACKGROUNDS (a directory) and "
        "IMLOOM_TEXT (a file of lines) and leaves COUNT pictures in OUT. Both sides run in turns; "
        "the ratio is CPU an image without either program's start, at equal mean pixels "
        "(+-5 %). bench/peers has drivers for what PyPI and Debian have.\n\n"
        "slice: the set IN by each number of workers, in turns: a table of wall and CPU seconds, "
        "slices a second, efficiency against the first row, and peak memory.\n\n"
        "engine: empty items, items of 100 us and 1 ms, by one worker, by N threads, by N "
        "processes "
        "and by N independent runs of this program, in turns: what the engine costs, and what more "
        "workers bring on this machine.\n\n"
        "exit: 0 measured; 1 usage; 2 a run failed",
    .examples = "  imloom bench synth all\n"
                "  imloom bench slice Dataset006 --workers 1,2,4,8,16 -- --axis axial\n"
                "  imloom bench synth typical --format jpeg --container tar\n"
                "  . peers/bin/activate && imloom bench synth plain --peer bench/peers/trdg",
    .table = {{rows, IML_COUNT_OF(rows)}},
    .ntables = 1,
};

static int measure(struct iml__bench_opts *b, const iml__bench_case *c)
{
    iml_err e = {0};
    iml__str line;
    iml__str_init(&line, 65536);
    iml_status st = iml__bench_synth(b, c, &line, &e);
    if (!st) (void)puts(iml__str_text(&line)), (void)fflush(stdout);
    iml__str_free(&line);
    if (!st) return IML__EXIT_OK;
    return iml__complain(&e, st == IML_EARG ? IML__EXIT_USAGE : IML__EXIT_FAILED);
}

static int cases(struct iml__bench_opts *b, const iml__opt_list *args)
{
    bool all = args->n == 2 && !strcmp(args->item[1], "all");
    for (size_t k = 1; k < args->n && !all; k++)
        if (!iml__bench_case_find(args->item[k])) {
            iml_err e = {0};
            (void)IML_FAIL(&e, IML_EARG,
                           "no case '%s'; there are plain, typical, curved, heavy, lines, all",
                           args->item[k]);
            return iml__complain(&e, IML__EXIT_USAGE);
        }
    int code = IML__EXIT_OK;
    for (size_t k = 0; !code && k < (all ? iml__nbench_cases : args->n - 1); k++)
        code = measure(b, all ? &iml__bench_cases[k] : iml__bench_case_find(args->item[k + 1]));
    return code;
}

// `bench engine`, and `bench engine US COUNT`: one of its independent runs.
static int engine(const char *self, const iml__opt_list *args)
{
    iml_err e = {0};
    uint64_t us, count;
    iml_status st;
    char log[] = "/tmp/imloom-bench-XXXXXX";
    if (args->n == 3 && iml__parse_u64(args->item[1], &us) &&
        iml__parse_u64(args->item[2], &count)) {
        st = iml__bench_one(us, count, &e);
    } else if (args->n > 1) {
        st = IML_FAIL(&e, IML_EARG, "bench engine takes no argument '%.60s'", args->item[1]);
    } else if (!*self) {
        st = IML_FAIL(&e, IML_ENOMEM, "where this program lies is not known: /proc is not there");
    } else {
        int fd = mkstemp(log);
        if (fd >= 0) (void)close(fd);
        int workers = options.nworkers ? options.workers[0] : IML_WORKERS_AUTO;
        st = iml__bench_workers(self, fd >= 0 ? log : "/dev/null", workers, options.rounds, &e);
        if (fd >= 0) (void)remove(log);
    }
    if (!st) return IML__EXIT_OK;
    return iml__complain(&e, st == IML_EARG ? IML__EXIT_USAGE : IML__EXIT_FAILED);
}

static int slice(const char *self, const char *dir, const iml__opt_list *args)
{
    iml_err e = {0};
    iml__str text;
    if (args->n < 2) {
        (void)IML_FAIL(&e, IML_EARG, "bench slice needs a set: imloom bench slice IN");
        return iml__complain(&e, IML__EXIT_USAGE);
    }
    struct iml__bench_slice_opts o = {.self = self,
                                      .dir = dir,
                                      .input = args->item[1],
                                      .more = args->item + 2,
                                      .nmore = args->n - 2,
                                      .workers = options.workers,
                                      .nworkers = options.nworkers,
                                      .rounds = options.rounds};
    iml__str_init(&text, 65536);
    iml_status st = iml__bench_slice(&o, &text, &e);
    if (!st) (void)fputs(iml__str_text(&text), stdout);
    iml__str_free(&text);
    if (!st) return IML__EXIT_OK;
    return iml__complain(&e, st == IML_EARG ? IML__EXIT_USAGE : IML__EXIT_FAILED);
}

int iml__cmd_bench(int argc, char **argv)
{
    static char self[PATH_MAX], workers[16];
    iml_err e = {0};
    iml__opts o = {.command = "bench",
                   .table = iml__doc_bench.table,
                   .structs = (void *[]){&options},
                   .ntables = 1};
    int code = IML__EXIT_USAGE;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (iml__opts_parse(&o, argc, argv, &e)) {
        code = iml__complain(&e, IML__EXIT_USAGE);
    } else if (o.args.n && !strcmp(o.args.item[0], "engine")) {
        self[IML_MAX(n, 0)] = 0;
        code = engine(self, &o.args);
    } else if (n > 0 && o.args.n && !strcmp(o.args.item[0], "slice")) {
        code = slice(self, options.dir ? options.dir : "/tmp/imloom-bench", &o.args);
    } else if (o.args.n < 2 || strcmp(o.args.item[0], "synth") != 0) {
        (void)IML_FAIL(
            &e, IML_EARG,
            "bench needs what to measure: imloom bench engine, imloom bench slice IN, or imloom "
            "bench synth CASE (plain typical curved heavy lines all)");
        code = iml__complain(&e, IML__EXIT_USAGE);
    } else if (n <= 0) {
        (void)IML_FAIL(&e, IML_EARG, "where this program lies is not known: /proc is not there");
        code = iml__complain(&e, IML__EXIT_FAILED);
    } else {
        static const char *const containers[] = {"dir", "tar"}, *const formats[] = {"png", "jpeg"};
        static const char *const modes[] = {"auto", "thread", "process"};
        int count = options.nworkers ? options.workers[0] : 0;
        if (count < 0)
            (void)snprintf(workers, sizeof workers, "auto");
        else
            (void)snprintf(workers, sizeof workers, "%d", count);
        struct iml__bench_opts b = {.self = self,
                                    .dir = options.dir ? options.dir : "/tmp/imloom-bench",
                                    .peer = options.peer,
                                    .container = containers[options.container],
                                    .format = formats[options.format],
                                    .mode = modes[options.mode],
                                    .workers = workers,
                                    .images = options.images,
                                    .peer_images = options.peer_images,
                                    .rounds = options.rounds,
                                    .scale = options.scale};
        code = cases(&b, &o.args);
    }
    iml__opts_free(&o);
    return code;
}
