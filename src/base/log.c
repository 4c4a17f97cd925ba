// log.c: the context and its log.
//
// One mutex guards the callback and the table of repeats; a message is formatted before it is
// taken. A kind is the text of its fmt: 20 lines of a kind pass in 10 s, the rest are counted. A
// line is one line: control characters (a name may hold a newline, or move a terminal's cursor)
// are shown as spaces.
#include "src/base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"

enum { KINDS = 64, BURST = 20, WINDOW_US = 10000000, LINE = 1024 };

struct kind { // guarded by lock
    uint64_t hash;  // of its format, 0: free
    char last[160]; // of what is held, after its level
    uint64_t begun_us;
    uint32_t said, held;
    enum iml__log_level level;
};

struct iml_ctx {
    pthread_mutex_t lock;
    int level;
    void (*fn)(void *user, int level, const char *line); // guarded by lock
    void *user;
    // Of a worker process alone, which has one thread.
    void (*relay)(void *user, struct iml__log_line *l);
    void *relay_user;
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
    (void)snprintf(line, sizeof line, "%s ... and %u more of this kind, the last: %s",
                   level_name(k->level), k->held, k->last);
    tell(c, k->level, line);
    k->held = 0;
}

// Whether a line of this kind may pass now. Two kinds that share a place take turns: the older one
// is summed up, so nothing is held back for ever.
static bool passes(iml_ctx *c, enum iml__log_level level, const char *fmt, const char *text)
{
    uint64_t hash = iml__xxh3_text(fmt) | 1, now = iml__now_us();
    struct kind *k = &c->kind[(hash >> 8) % KINDS];
    if (k->hash != hash || now - k->begun_us > WINDOW_US) {
        say_held(c, k);
        *k = (struct kind){.hash = hash, .begun_us = now, .level = level};
    }
    if (k->said < BURST) {
        k->said++;
        return true;
    }
    k->held++;
    (void)snprintf(k->last, sizeof k->last, "%s", text);
    return false;
}

static void put(iml_ctx *c, struct iml__log_line *l)
{
    char line[LINE], head[96] = "";
    if (c->relay) {
        c->relay(c->relay_user, l);
        return;
    }
    if (l->item)
        (void)snprintf(head, sizeof head, "[w%u i%llu %s] ", l->worker,
                       (unsigned long long)l->index, l->stage[0] ? l->stage : "-");
    (void)snprintf(line, sizeof line, "%s %s%s", level_name((enum iml__log_level)l->level), head,
                   l->text);
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = ' ';
    (void)pthread_mutex_lock(&c->lock);
    // debug is asked for to see every line.
    if (l->level == IML__LOG_DEBUG ||
        passes(c, (enum iml__log_level)l->level, l->kind,
               line + strlen(level_name((enum iml__log_level)l->level)) + 1))
        tell(c, (enum iml__log_level)l->level, line);
    (void)pthread_mutex_unlock(&c->lock);
}

bool iml__log_wants(const iml_ctx *c, enum iml__log_level level)
{
    return c && (int)level <= __atomic_load_n(&c->level, __ATOMIC_RELAXED);
}

static void fill(struct iml__log_line *l, const char *fmt, va_list ap)
{
    (void)snprintf(l->kind, sizeof l->kind, "%s", fmt);
    (void)vsnprintf(l->text, sizeof l->text, fmt, ap);
}

void iml__log(iml_ctx *c, enum iml__log_level level, const char *fmt, ...)
{
    if (!iml__log_wants(c, level)) return;
    struct iml__log_line l = {.level = level};
    va_list ap;
    va_start(ap, fmt);
    fill(&l, fmt, ap);
    va_end(ap);
    put(c, &l);
}

void iml__vlog_item(iml_ctx *c, enum iml__log_level level, uint32_t worker, uint64_t index,
                    const char *stage, const char *fmt, va_list ap)
{
    if (!iml__log_wants(c, level)) return;
    struct iml__log_line l = {.level = level, .worker = worker, .item = true, .index = index};
    if (stage) (void)snprintf(l.stage, sizeof l.stage, "%s", stage);
    fill(&l, fmt, ap);
    put(c, &l);
}

void iml__log_item(iml_ctx *c, enum iml__log_level level, uint32_t worker, uint64_t index,
                   const char *stage, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    iml__vlog_item(c, level, worker, index, stage, fmt, ap);
    va_end(ap);
}

void iml__log_relay(iml_ctx *c, void (*fn)(void *user, struct iml__log_line *l), void *user)
{
    c->relay = fn, c->relay_user = user;
}

void iml__log_relayed(iml_ctx *c, const struct iml__log_line *from)
{
    struct iml__log_line l = *from;
    if (l.level > IML__LOG_DEBUG || !iml__log_wants(c, (enum iml__log_level)l.level)) return;
    l.stage[sizeof l.stage - 1] = l.kind[sizeof l.kind - 1] = l.text[sizeof l.text - 1] = 0;
    put(c, &l);
}

void iml__log_flush(iml_ctx *c)
{
    (void)pthread_mutex_lock(&c->lock);
    for (size_t k = 0; k < KINDS; k++) say_held(c, &c->kind[k]);
    (void)pthread_mutex_unlock(&c->lock);
}
