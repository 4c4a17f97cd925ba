// main.c: finds the command and runs it. `help`, `--version` and the hidden page makers live here.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "src/base/err.h"
#include "src/cmd/command.h"
#include "src/engine/aggregate.h"
#include "src/slice/slice_info.h"
#include "src/io/vfs.h"
#include "src/synth/coverage.h"

#define IML_CMD(group, name, summary) {#group, #name, summary, iml__cmd_##name, &iml__doc_##name},
const iml__command iml__commands[] = {
#include "src/cmd/commands.def"
};
#undef IML_CMD
const size_t iml__ncommands = IML_COUNT_OF(iml__commands);

const struct iml__renderers *iml__program_renderers(void)
{
    static iml_renderer row[32];
    static struct iml__renderers all = {row, 0};
    const struct iml__renderers of[] = {iml__synth_renderers,
                                        {iml__slice_renderers, iml__slice_nrenderers}};
    all.n = 0;
    for (size_t k = 0; k < IML_COUNT_OF(of); k++)
        for (size_t i = 0; i < of[k].n && all.n < IML_COUNT_OF(row); i++)
            row[all.n++] = of[k].row[i];
    return &all;
}

const iml__command *iml__command_find(const char *name)
{
    for (size_t k = 0; k < iml__ncommands; k++)
        if (!strcmp(iml__commands[k].name, name)) return &iml__commands[k];
    return NULL;
}

int iml__complain(const iml_err *e, int code)
{
    (void)fflush(stdout);
    const char *msg = e->msg[0] ? e->msg : iml_status_text(e->status);
    iml__str line;
    iml__str_init(&line, 1 << 16);
    iml__str_flat(&line, msg, strlen(msg)); // one sentence, one line, whatever a file is called
    (void)fprintf(stderr, "imloom: %s\n", iml__str_text(&line));
    iml__str_free(&line);
    return code;
}

static bool is_command(const char *name) { return iml__command_find(name) != NULL; }

int iml__read_config(struct iml__opts *o, const char *path)
{
    iml__complaints c;
    iml_err e = {0};
    int code = IML__EXIT_OK;
    if (!path) return code;
    iml__complaints_init(&c);
    if (iml__opts_config_file(o, path, is_command, &c, &e)) {
        code = c.n ? IML__EXIT_USAGE : iml__complain(&e, IML__EXIT_USAGE);
        if (c.n) (void)fflush(stdout), (void)fputs(iml__str_text(&c.text), stderr);
    }
    iml__complaints_free(&c);
    return code;
}

static int no_command(const char *name)
{
    const char *names[64] = {0};
    for (size_t k = 0; k < iml__ncommands && k < 63; k++) names[k] = iml__commands[k].name;
    const char *near = iml__nearest(name, names);
    (void)fprintf(stderr, "imloom: no command '%s'; %s%s%s\n", name,
                  near ? "did you mean " : "see ", near ? near : "imloom help", near ? "?" : "");
    return IML__EXIT_USAGE;
}

static int help(int argc, char **argv)
{
    if (argc < 1) {
        iml__help_screen(stdout);
        return 0;
    }
    if (!strcmp(argv[0], "options")) {
        iml__help_options(stdout);
        return 0;
    }
    if (!strcmp(argv[0], "completion")) {
        if (argc > 1 && iml__completion(stdout, argv[1])) return 0;
        (void)fputs("imloom: help completion takes bash, zsh or fish\n", stderr);
        return IML__EXIT_USAGE;
    }
    bool man = !strcmp(argv[0], "man");
    const char *name = man ? argc > 1 ? argv[1] : "imloom" : argv[0];
    if (man && !strcmp(name, "imloom")) {
        iml__man_main(stdout);
        return 0;
    }
    const iml__command *c = iml__command_find(name);
    if (!c) return no_command(name);
    man ? iml__man_page(stdout, c->doc) : iml__help_command(stdout, c->doc);
    return 0;
}

// A full disk or a closed pipe behind stdout must not look like success.
static int flushed(int code)
{
    bool bad = fflush(stdout) != 0 || ferror(stdout);
    if (!bad || code) return code;
    (void)fputs("imloom: cannot write to standard output\n", stderr);
    return IML__EXIT_FAILED;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return true;
    return false;
}

// Until a session takes the signals over: nothing is there yet that could be gone on with.
static void on_early_stop(int sig)
{
    static const char said[] = "imloom: stopped; nothing was written\n";
    (void)sig;
    ssize_t n = write(STDERR_FILENO, said, sizeof said - 1);
    (void)n;
    _exit(IML__EXIT_STOPPED);
}

// A descriptor that was closed would be given to the next file that is opened, and what is said on
// stderr would end up in somebody's data set.
bool iml__fd3;
static void take_descriptors(void)
{
    iml__fd3 = fcntl(3, F_GETFD) >= 0;
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        // Results that have nowhere to go are a failure: this way writing them is one.
        int how = fd == STDOUT_FILENO ? O_RDONLY : O_RDWR;
        if (fcntl(fd, F_GETFD) < 0 && iml__openat(AT_FDCWD, "/dev/null", how, 0) != fd)
            _exit(IML__EXIT_FAILED);
    }
}

// Shaping and rasterizing are functions of the inputs: what would change them from outside goes.
static void take_environment(void)
{
    static const char *const names[] = {"HB_OPTIONS",         "HB_SHAPER_LIST", "HB_FONT_FUNCS",
                                        "HB_FACE_LOADER",     "HB_DRAW_FUNCS",  "HB_DEBUG",
                                        "FREETYPE_PROPERTIES"};
    for (size_t k = 0; k < IML_COUNT_OF(names); k++) (void)unsetenv(names[k]);
}

// Decoders and FreeType need more than some shells' `ulimit -s` leaves.
static void take_stack(void)
{
    const rlim_t least = 1 << 20, good = 8 << 20;
    struct rlimit l;
    pthread_attr_t a;
    if (getrlimit(RLIMIT_STACK, &l) || l.rlim_cur == RLIM_INFINITY || l.rlim_cur >= least) return;
    l.rlim_cur = l.rlim_max == RLIM_INFINITY ? good : IML_MIN(l.rlim_max, good);
    if (l.rlim_cur < least) l.rlim_cur = l.rlim_max = good; // root may
    if (setrlimit(RLIMIT_STACK, &l)) {
        (void)fputs("imloom: the stack is limited to less than 1 MB; raise ulimit -s\n", stderr);
        exit(IML__EXIT_FAILED);
    }
    if (pthread_attr_init(&a)) return;
    if (!pthread_attr_setstacksize(&a, good)) (void)pthread_setattr_default_np(&a);
    (void)pthread_attr_destroy(&a);
}

int main(int argc, char **argv)
{
    take_descriptors();
    take_stack();
    take_environment();
    (void)signal(SIGINT, on_early_stop);
    (void)signal(SIGTERM, on_early_stop);
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        return flushed(help(0, NULL));
    if (!strcmp(argv[1], "help")) return flushed(help(argc - 2, argv + 2));
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        (void)puts("imloom " IML_VERSION);
        return flushed(0);
    }
    const iml__command *c = iml__command_find(argv[1]);
    if (!c) return no_command(argv[1]);
    if (asks_help(argc - 2, argv + 2)) {
        iml__help_command(stdout, c->doc);
        return flushed(0);
    }
    return flushed(c->run(argc - 2, argv + 2));
}
