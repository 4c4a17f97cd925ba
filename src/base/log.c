// log.c: the context and its log.
//
// One mutex guards the callback and the table of repeats; a message is formatted before it is
// taken. A kind is its fmt pointer: 20 lines of a kind pass in 10 s, the rest are counted.
#include "src/base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/mem.h"

enum { KINDS = 64, BURST = 20, WINDOW_US = 10000000, LINE = 1024 };

struct kind { // guarded by lock
    const char *fmt;
    uint64_t begun_us;
    uint32_t said, held;
    enum iml__log_level level;
};

struct iml_ctx {
    pthread_mutex_t lock;
    int level;
    void (*fn)(void *user, int level, const char *line); // guarded by lock
    void *user;
    struct kind kind[KINDS];
};

iml_status iml_ctx_new(iml_ctx **c, iml_err *e)
{
    *c = iml__calloc(1, sizeof **c);
    if (!*c) return IML_FAIL(e, IML_ENOMEM, "no memory for a context");
    if (pthread_mutex_init(&(*c)->lock, NULL)) {
        IML_FREE(*c);
        return IML_FAIL(e, IML_ENOMEM, "no mutex for a context");
    }
    (*c)->level = IML__LOG_WARN;
    return IML_OK;
}

void iml_ctx_free(iml_ctx **c)
{
    if (!*c) return;
    iml__log_flush(*c);
    (void)pthread_mutex_destroy(&(*c)->lock);
    IML_FREE(*c);
}

void iml_ctx_log(iml_ctx *c, int level, void (*fn)(void *user, int level, const char *line),
                 void *user)
{
    (void)pthread_mutex_lock(&c->lock);
    c->fn = fn, c->user = user;
    __atomic_store_n(&c->level, level, __ATOMIC_RELAXED); // read without the lock, as a filter only
    (void)pthread_mutex_unlock(&c->lock);
}

static const char *level_name(enum iml__log_level l)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    return (size_t)l < IML_COUNT_OF(names) ? names[l] : "debug";
}

static void tell(iml_ctx *c, enum iml__log_level level, const char *line)
{
    if (c->fn) c->fn(c->user, (int)level, line);
}

static void say_held(iml_ctx *c, struct kind *k)
{
    char line[LINE];
    if (!k->held) return;
    (void)snprintf(line, sizeof line, "%s ... and %u more of this kind: %.200s",
                   level_name(k->level), k->held, k->fmt);
    tell(c, k->level, line);
    k->held = 0;
}

// Whether a line of this kind may pass now. Two kinds that share a place take turns: the older one
// is summed up, so nothing is held back for ever.
static bool passes(iml_ctx *c, enum iml__log_level level, const char *fmt)
{
    struct kind *k = &c->kind[((uintptr_t)fmt >> 3) % KINDS];
    uint64_t now = iml__now_us();
    if (k->fmt != fmt || now - k->begun_us > WINDOW_US) {
        say_held(c, k);
        *k = (struct kind){.fmt = fmt, .begun_us = now, .level = level};
    }
    if (k->said < BURST) {
        k->said++;
        return true;
    }
    k->held++;
    return false;
}

static void put(iml_ctx *c, enum iml__log_level level, const char *head, const char *fmt,
                va_list ap)
{
    char line[LINE];
    int n = snprintf(line, sizeof line, "%s %s", level_name(level), head);
    if (n < 0 || n >= LINE) n = 0;
    (void)vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
    (void)pthread_mutex_lock(&c->lock);
    if (passes(c, level, fmt)) tell(c, level, line);
    (void)pthread_mutex_unlock(&c->lock);
}

static bool wanted(const iml_ctx *c, enum iml__log_level level)
{
    return c && (int)level <= __atomic_load_n(&c->level, __ATOMIC_RELAXED);
}

void iml__log(iml_ctx *c, enum iml__log_level level, const char *fmt, ...)
{
    if (!wanted(c, level)) return;
    va_list ap;
    va_start(ap, fmt);
    put(c, level, "", fmt, ap);
    va_end(ap);
}

void iml__log_item(iml_ctx *c, enum iml__log_level level, uint32_t worker, uint64_t index,
                   const char *stage, const char *fmt, ...)
{
    if (!wanted(c, level)) return;
    char head[96];
    (void)snprintf(head, sizeof head, "[w%u i%llu %s] ", worker, (unsigned long long)index,
                   stage ? stage : "-");
    va_list ap;
    va_start(ap, fmt);
    put(c, level, head, fmt, ap);
    va_end(ap);
}

void iml__log_flush(iml_ctx *c)
{
    (void)pthread_mutex_lock(&c->lock);
    for (size_t k = 0; k < KINDS; k++) say_held(c, &c->kind[k]);
    (void)pthread_mutex_unlock(&c->lock);
}
