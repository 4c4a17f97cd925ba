// bad_items.h: the first few bad items of a set, by name and reason, for closing lines.
#ifndef IML_CMD_BAD_ITEMS_H
#define IML_CMD_BAD_ITEMS_H

#include "src/base/str.h"

// "17 (no face covers it), 31 (...)" and " and 5 more", out of OUT/.imloom/bad.jsonl; false: there
// is no such list, as nothing of it was committed yet. An item is called by its index and by the
// path that the command has given it, unless the reason has that too; a long reason is cut.
bool iml__bad_items_named(const char *out, iml__str *to);

// A reason of at most 160 bytes, whole characters, "..." at the end of one that was cut.
void iml__bad_items_reason(iml__str *to, const char *why);

#endif
