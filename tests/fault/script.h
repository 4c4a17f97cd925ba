// script.h: a small scripted job that drives the commit protocol directly, without the scheduler.
//
// Its bytes are a function of (seed, index) alone. Items have one, two or no files, pieces of plain
// and declared aggregates (joined in two stretches, a set, a table that is rendered), counts, a
// failed first attempt now and then, early files; some are bad. So whatever a test does in between
// (kills, faults, other orders and nodes), the finished data set must have the digest of an
// undisturbed run.
#ifndef IML_TEST_SCRIPT_H
#define IML_TEST_SCRIPT_H

#include "imloom/imloom.h"
#include "src/engine/aggregate.h"
#include "src/engine/commit.h"

enum script_kind { SCRIPT_LOOSE, SCRIPT_PARTS, SCRIPT_SHARDS, SCRIPT_SHARD_PARTS, SCRIPT_KINDS };

struct script {
    const char *out;
    enum script_kind kind;
    uint64_t count, seed;
    uint32_t shard, shards; // of 0 or 1: all
    int durability;
    unsigned flags; // IML_RUN_*
    const uint64_t *only;
    size_t n_only;
    bool reverse;        // units, and items in them where the sink allows it
    bool mended;         // bad items succeed
    bool deadly;         // item 2 is bad too, of a death
    size_t batch;        // single items a commit; 0: 4
    uint64_t stop_after; // items; 0: never. Then the commit is closed without finish
    const char *settings;
    uint64_t config; // added to the hash
};

struct script_result {
    uint64_t made; // items run
    struct iml__commit_sums sums;
};

iml_status script_run(const struct script *s, struct script_result *r, iml_err *e);
// The same items through iml_run, by this many worker threads (0: the calling thread).
iml_status script_engine_run(const struct script *s, int workers, iml_report *r, iml_err *e);
bool script_is_bad(uint64_t index);
extern const struct iml__renderers script_renderers; // of its aggregates
// Of every file below out but .imloom, plus bad.jsonl: paths and bytes. *tmp: temporary files
// anywhere (NULL: not asked).
uint64_t script_digest(const char *out, int *tmp);

#endif
