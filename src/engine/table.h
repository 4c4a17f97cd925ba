// table.h: lines of keys and numbers that are added up: a part of an aggregate (iml_pieces.columns)
// while it is made, and all parts together.
#ifndef IML_ENGINE_TABLE_H
#define IML_ENGINE_TABLE_H

#include "imloom/imloom.h"
#include "src/base/str.h"

struct iml__table;

// columns as in iml_pieces; *borrowed*. *owned*: iml__table_free.
iml_status iml__table_new(struct iml__table **t, const char *columns, iml_err *e);
void iml__table_free(struct iml__table **t);
// Whole lines. IML_EINPUT: not lines of this table; IML_ENOMEM.
iml_status iml__table_add(struct iml__table *t, const char *text, size_t n, iml_err *e);
// All rows, sorted; *borrowed* until the next add. IML_ENOMEM.
iml_status iml__table_rows(struct iml__table *t, const iml_table_row **row, size_t *n, iml_err *e);
// The same as lines. Failures as in iml__str.
iml_status iml__table_text(struct iml__table *t, iml__str *out, iml_err *e);

#endif
