// log.h: levels, a callback, repeats held back ("... and 412 more of this kind").
#ifndef IML_BASE_LOG_H
#define IML_BASE_LOG_H

#include <stdarg.h>

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

enum iml__log_level { IML__LOG_ERROR, IML__LOG_WARN, IML__LOG_INFO, IML__LOG_DEBUG };

// Lines "level text", or "level [wWORKER iINDEX STAGE] text" through iml__log_item. Thread-safe.
// Lines of the same fmt beyond 20 in 10 s are counted and summed up when the 10 s are over.
void iml__log(iml_ctx *c, enum iml__log_level level, const char *fmt, ...) IML_PRINTF(3, 4);
void iml__log_item(iml_ctx *c, enum iml__log_level level, uint32_t worker, uint64_t index,
                   const char *stage, const char *fmt, ...) IML_PRINTF(6, 7);
void iml__log_flush(iml_ctx *c); // writes held-back sums

#endif
