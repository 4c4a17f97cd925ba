// aggregate.h: what a set's aggregates are made of, and making them (imloom.h, iml_aggregate).
//
// A job declares its aggregates. Their description stands in the set's settings too, so that a
// merge, which has no job, closes the set with the same bytes; only the functions that render
// tables are looked up by name among those that the program has.
#ifndef IML_ENGINE_AGGREGATE_H
#define IML_ENGINE_AGGREGATE_H

#include "imloom/imloom.h"
#include "src/base/json.h"

struct iml__dirs;

struct iml__aggregates {
    const iml_pieces *pieces;
    const iml_aggregate *aggregate;
    uint32_t npieces, naggregates;
    const char *context;                   // a JSON object, or NULL
    struct iml__aggregates_memory *memory; // *owned*, of one that was read; NULL: *borrowed*
};

struct iml__renderers { // of the program
    const iml_renderer *row;
    size_t n;
};

// The job's own; IML_EBUG: names that cannot be, pieces that are not declared, too many columns.
iml_status iml__aggregates_check(const struct iml__aggregates *a, iml_err *e);
// NULL: not declared, its pieces are a file of that name.
const iml_pieces *iml__pieces_find(const struct iml__aggregates *a, const char *name);

// As the value of a key: {"pieces": [..], "files": [..]}.
void iml__aggregates_json(const struct iml__aggregates *a, iml__jsonw *w);
// The reader stands before the value. IML_EINPUT, IML_ENOMEM. *owned*: iml__aggregates_free.
iml_status iml__aggregates_read(struct iml__aggregates *a, iml__jsonr *r, iml_err *e);
void iml__aggregates_free(struct iml__aggregates *a);
// Finds the functions of those that were read. IML_EARG: the program lacks one.
iml_status iml__aggregates_bind(struct iml__aggregates *a, const struct iml__renderers *r,
                                iml_err *e);

// ---- Making them: join.c

struct iml__join_conf {
    struct iml__dirs *dirs;
    const char *node; // whose temporary names; NULL: nothing is written, only told
    const struct iml__aggregates *aggregates;
    uint64_t units;
    uint32_t ncounters;
    uint64_t *sum; // [ncounters]: the units' counters are added
    bool sync;
};

// Makes every aggregate of units 0..units-1 under its temporary name. joined(user, name, size,
// xxh3) is told each, in order of names. IML_ESINK: a part cannot be read; IML_EBUG.
iml_status iml__join(const struct iml__join_conf *c,
                     iml_status (*joined)(void *user, const char *name, uint64_t size,
                                          uint64_t xxh3, iml_err *e),
                     void *user, iml_err *e);

#endif
