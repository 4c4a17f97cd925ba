// times.h: `.imloom/times.NODE`: when each loose file was written, as the file system saw it.
//
// A file whose size and modification time are what they were when it was written is believed on
// resume; any other is read and hashed. Rows of 16 bytes, little-endian: u64 xxh3-64 of the name,
// i64 modification time in nanoseconds. A row that is lost or torn costs a read, never a wrong
// belief: a time that happens to fit belongs to a file of the same name and size.
#ifndef IML_ENGINE_TIMES_H
#define IML_ENGINE_TIMES_H

#include "imloom/imloom.h"
#include "src/base/str.h"

struct iml__dirs;

struct iml__times; // *owned*: iml__times_free

// Of all nodes whose names are given; a node without such a file: none. *t NULL: no node has one.
iml_status iml__times_load(struct iml__times **t, struct iml__dirs *d, const char *const *node,
                           size_t nodes, iml_err *e);
void iml__times_free(struct iml__times **t);
bool iml__times_known(const struct iml__times *t, const char *name, int64_t *mtime_ns);

void iml__times_row(iml__str *s, const char *name, int64_t mtime_ns);

#endif
