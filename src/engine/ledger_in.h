// ledger_in.h: what ledger*.c share; nobody else.
#ifndef IML_ENGINE_LEDGER_IN_H
#define IML_ENGINE_LEDGER_IN_H

#include "src/engine/ledger.h"

iml_status iml__ledger_no_memory(iml_err *e);
bool iml__ledger_grow(void **p, size_t n, size_t *cap, size_t size); // room for one more
iml_status iml__ledger_push(uint64_t **p, size_t *n, size_t *cap, uint64_t v, iml_err *e);
int iml__by_u64(const void *a, const void *b); // for qsort and bsearch
// Whether a line of a live record's range counts.
bool iml__ledger_counts(const struct iml__ledger *l, const struct iml__live *v,
                        const struct iml__line *line);

#endif
