// talk.c: the terminal and the log file.
//
// Every line of the log begins with the local time; the terminal gets the line alone. A live line
// is cut to the terminal's width, for a line that wraps cannot be taken back by a carriage return.
// One thread at a time: the engine calls the log under its own lock, but progress and log lines may
// come from two threads, so each line is one write of stdio, which locks for itself.
#include "src/cmd/talk.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "src/base/err.h"
#include "src/base/log.h"

void iml__talk_stamp(char out[32], bool name)
{
    time_t now = time(NULL);
    struct tm tm;
    size_t n = 0;
    if (localtime_r(&now, &tm))
        n = name ? strftime(out, 32, "%Y%m%d_%H%M%S", &tm)
                 : strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
    out[n] = 0;
}

// Makes dir and its parents; what is there already is fine.
static bool make_dirs(const char *dir)
{
    char path[512];
    size_t n = strlen(dir);
    if (!n || n >= sizeof path) return errno = ENAMETOOLONG, false;
    for (size_t k = 1; k <= n; k++) {
        if (dir[k] != '/' && dir[k]) continue;
        memcpy(path, dir, k);
        path[k] = 0;
        if (mkdir(path, 0777) && errno != EEXIST) return false;
    }
    return true;
}

void iml__talk_open(struct iml__talk *t, const char *dir, const char *name)
{
    if (!make_dirs(dir)) goto fail;
    for (int k = 1; k < 100; k++) {
        char suffix[8] = "";
        if (k > 1) (void)snprintf(suffix, sizeof suffix, "_%d", k);
        (void)snprintf(t->log_path, sizeof t->log_path, "%s/%s%s.log", dir, name, suffix);
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

bool iml__talk_close(struct iml__talk *t)
{
    bool whole = !t->log || (!ferror(t->log) & !fclose(t->log));
    t->log = NULL;
    return whole;
}

void iml__talk_end_live(struct iml__talk *t)
{
    if (t->line_open) (void)fputs("\r\033[K", stderr);
    t->line_open = false;
}

void iml__talk_note(struct iml__talk *t, const char *line)
{
    char when[32];
    if (!t->log) return;
    iml__talk_stamp(when, false);
    (void)fprintf(t->log, "%s %s\n", when, line);
}

void iml__talk_say(struct iml__talk *t, const char *line)
{
    iml__talk_end_live(t);
    (void)fprintf(stderr, "%s\n", line);
    iml__talk_note(t, line);
}

void iml__talk_log(void *talk, int level, const char *line)
{
    struct iml__talk *t = talk;
    iml__talk_note(t, line);
    if (level > IML__LOG_WARN) return;
    iml__talk_end_live(t);
    (void)fprintf(stderr, "%s\n", line);
}

void iml__talk_live(struct iml__talk *t, const char *line)
{
    struct winsize size = {0};
    bool known = !ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col > 1;
    int width = known ? size.ws_col - 1 : 79; // the last column would wrap on some terminals
    (void)fprintf(stderr, "\r%.*s\033[K", width, line);
    (void)fflush(stderr);
    t->line_open = true;
}
