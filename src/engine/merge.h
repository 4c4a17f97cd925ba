// merge.h: closing a data set that several nodes made, and checking a finished one.
#ifndef IML_ENGINE_MERGE_H
#define IML_ENGINE_MERGE_H

#include "imloom/imloom.h"
#include "src/engine/aggregate.h"

enum { IML__SHARES = 64 };

struct iml__share { // of --shard share/of, with indices that have no record
    uint32_t share;
    bool begun; // it has a journal
    uint64_t missing;
};

struct iml__merged {
    uint64_t items, ok, bad, files, bytes, content;
    uint64_t planned;     // indices of the whole set
    uint64_t missing;     // indices without a record; then there is no manifest
    uint64_t temporaries; // of dead nodes, removed
    // Where all journals are of one division: its shares that lack something, the first 64 of them.
    uint32_t of; // 0: the journals are not of one division
    uint32_t shares;
    struct iml__share share[IML__SHARES];
};

// Checks the nodes' journals against one another and against the plan, unites lists of bad items,
// joins aggregates and writes manifest.json into out[0]. More than one directory: the others' files
// and journals are first linked (or copied) into out[0]; nothing is taken away from them.
// IML_OK with missing > 0: incomplete. IML_EARG: no data set, nodes of different settings, or a
// node still at work. IML_EBUG: a unit was made twice with different bytes (I3). IML_ESINK.
// renderers: functions of the program's aggregates; NULL: none.
iml_status iml__merge(const char *const *out, size_t n, int durability,
                      const struct iml__renderers *renderers, struct iml__merged *m, iml_err *e);

struct iml__finding {
    const char *path;  // relative to the output directory; *borrowed* for the call
    const char *cause; // "missing", "its size is 12, recorded are 20" ...
};
struct iml__verified {
    uint64_t items, files, bytes, findings, missing; // items: of the manifest, else recorded
    uint64_t planned, bad;                           // bad: of the manifest
    bool complete;
};

// Looks at every file of a finished data set: there, size, hash (quick: no hash), indexes in step
// with their shards, no stranger, no temporary file, the manifest's content hash. Every fault is
// told by found. IML_EARG: out is no data set.
iml_status iml__verify(const char *out, bool quick, const struct iml__renderers *renderers,
                       void (*found)(void *user, const struct iml__finding *f), void *user,
                       struct iml__verified *v, iml_err *e);

#endif
