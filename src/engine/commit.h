// commit.h: from finished items to files that stand: temporary names, lists, journal, renames.
//
// Invariants I1-I8 stand at the head of commit.c. The shell (run.c) calls put from a worker at an
// unordered sink and from its one sink thread at an ordered one; units and finish from one thread
// at a time. Everything is keyed by the item's index; a unit is a shard, a part, or one item.
// Under --only every unit is one item, whatever the units of the whole set are: units() is then
// given item indices, and past covers nothing if the whole set has larger units.
#ifndef IML_ENGINE_COMMIT_H
#define IML_ENGINE_COMMIT_H

#include "imloom/imloom.h"
#include "src/engine/past.h"

struct iml__commit;

struct iml__commit_conf { // everything *borrowed* until close
    iml_ctx *ctx;
    const iml_job *job;
    const iml_sink_ops *sink; // iml_sink_file, _tar, _null, or the caller's own
    const iml_run_opts *opts;
    uint64_t count;           // indices 0..count-1: the job's count or --limit, the smaller
    uint32_t unit_items;      // of the shell: shard_samples, part_items or 1 (see iml__unit_items)
    const char *command_line; // for the journal's reader; may be NULL
};

// Indices a unit of the whole set: shard_samples at a tar sink, part_items where the job has append
// outputs or counters, else 1.
uint32_t iml__unit_items(const iml_job *job, const iml_sink_ops *sink, const iml_run_opts *opts);

struct iml__bad { // a line of bad.jsonl
    uint64_t index;
    const char *path;  // the job's label or input; may be NULL
    iml_status status; // 0: remembered from an earlier run, whose list says why
    const char *stage; // name; may be NULL
    int signal;        // that killed its worker, or 0
    uint32_t tries;
    const char *message;
};

struct iml__tally {
    uint32_t counter;
    uint64_t add;
};

// Makes OUT and OUT/.imloom, locks this node's journal, removes its temporary files, reads every
// journal, refuses another configuration, plan or seed (IML_EARG, says what differs), carries out
// --overwrite, checks that recorded files exist with their sizes. past is *borrowed* until close.
iml_status iml__commit_open(struct iml__commit **c, const struct iml__commit_conf *conf,
                            struct iml__past **past, iml_err *e);

// A dry run's protocol (IML_RUN_DRY_RUN in opts) only looks: it refuses what the run would refuse,
// tells what is done, and changes nothing; nothing but close may be called with it.
// Files that an overwriting dry run would remove.
uint64_t iml__commit_replaced(const struct iml__commit *c);

// Files of item index under their temporary names (unordered sink), or into its shard (ordered, in
// index order, called once for an item). Unordered sinks may be given an item's files in several
// calls (iml_emit). Fragments are *moved*. Any failure is IML_ESINK, but for a name that cannot be
// (IML_EBUG: the job's own mistake).
iml_status iml__commit_put(struct iml__commit *c, uint64_t index, iml_out *out, size_t n,
                           iml_err *e);
// An ordered sink's early file, put aside on disk in a nameless file; put writes it before its own.
iml_status iml__commit_spool(struct iml__commit *c, uint64_t index, iml_out *out, iml_err *e);
// Item index is whole: ok with its counts, or bad. Nothing more comes for it in this run.
iml_status iml__commit_item_ok(struct iml__commit *c, uint64_t index, const struct iml__tally *t,
                               size_t n, iml_err *e);
iml_status iml__commit_item_bad(struct iml__commit *c, const struct iml__bad *b, iml_err *e);
// A failed or dropped attempt: its temporary files, pieces and spool go. Cannot fail.
void iml__commit_discard(struct iml__commit *c, uint64_t index);
// The SUSPECT record, written at once.
iml_status iml__commit_suspect(struct iml__commit *c, uint64_t index, iml_err *e);
// What a signal handler needs to write such a record by write(2) alone: the journal's fd and a
// prepared record for index in rec[48].
int iml__commit_journal_fd(const struct iml__commit *c);
void iml__commit_suspect_record(const struct iml__commit *c, uint64_t index, uint8_t rec[48]);

// Commits whole units together: VOID, lists, sync, renames, removals, BAD, SHARD or BATCH.
iml_status iml__commit_units(struct iml__commit *c, const uint64_t *unit, size_t n, iml_err *e);

struct iml__commit_sums {
    uint64_t files, bytes, content;
    bool complete;
};
// Joins aggregates, writes manifest.json if every unit of the whole set is covered and this is a
// run that may (one node, no --only), and the END record. sums may be NULL.
iml_status iml__commit_finish(struct iml__commit *c, struct iml__commit_sums *sums, iml_err *e);
void iml__commit_close(struct iml__commit **c); // removes temporary files that are left

#endif
