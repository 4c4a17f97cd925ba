// log.h: levels, a callback, repeats held back ("... and 412 more of this kind").
#ifndef IML_BASE_LOG_H
#define IML_BASE_LOG_H

#include <stdarg.h>

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

enum iml__log_level { IML__LOG_ERROR, IML__LOG_WARN, IML__LOG_INFO, IML__LOG_DEBUG };

// Lines "level text", or "level [wWORKER iINDEX STAGE] text" through iml__log_item. Thread-safe.
// Lines of the same fmt beyond 20 in 10 s are counted and summed up when the 10 s are over; debug
// lines are not.
void iml__log(iml_ctx *c, enum iml__log_level level, const char *fmt, ...) IML_PRINTF(3, 4);
void iml__log_item(iml_ctx *c, enum iml__log_level level, uint32_t worker, uint64_t index,
                   const char *stage, const char *fmt, ...) IML_PRINTF(6, 7);
void iml__vlog_item(iml_ctx *c, enum iml__log_level level, uint32_t worker, uint64_t index,
                    const char *stage, const char *fmt, va_list ap);
bool iml__log_wants(const iml_ctx *c, enum iml__log_level level); // c may be NULL
void iml__log_flush(iml_ctx *c); // writes held-back sums

// A line on its way from a worker process to its parent; plain memory, strings 0-terminated.
struct iml__log_line {
    uint32_t level, worker;
    uint32_t item; // not 0: worker, index and stage are known
    uint64_t index;
    char stage[24], kind[160], text[800];
};
// In a worker process, before it logs: lines go to fn, unlimited and without a lock (the process
// that was forked may have held it).
void iml__log_relay(iml_ctx *c, void (*fn)(void *user, struct iml__log_line *l), void *user);
// In the parent: says such a line, whatever its sender has made of it.
void iml__log_relayed(iml_ctx *c, const struct iml__log_line *l);

#endif
