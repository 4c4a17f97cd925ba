// commit_in.h: what commit.c, the sinks' files, manifest.c and finish.c share; nobody else.
#ifndef IML_ENGINE_COMMIT_IN_H
#define IML_ENGINE_COMMIT_IN_H

#include <errno.h>
#include <pthread.h>

#include "src/base/str.h"
#include "src/engine/aggregate.h"
#include "src/engine/commit.h"
#include "src/engine/journal.h"
#include "src/engine/ledger.h"
#include "src/engine/parts.h"
#include "src/io/atomic.h"
#include "src/io/tar.h"

enum iml__sink_kind { IML__SINK_NULL, IML__SINK_FILE, IML__SINK_TAR, IML__SINK_OWN };

// What identifies a data set and stands in its manifest; from a job, or read back from
// `.imloom/settings.<node>.json`. Strings are *borrowed* from the job or from `text`.
struct iml__set {
    const char *command, *sink;
    uint64_t config, plan, seed, count;
    uint32_t unit_items, ncounters;
    bool parts; // units have unit files
    const char *const *counter_names;
    const char *settings, *versions, *inputs; // JSON objects, or NULL
    struct iml__aggregates aggregates;
    char *text;                               // *owned* by a set that was read back
    char **names;                             // likewise
};

struct iml__file { // of an item, under its temporary name
    char *name;
    uint64_t size, xxh3;
    int64_t mtime_ns;
};

struct iml__spooled { // a file of an ordered sink's item that is not whole yet
    char *name;
    uint64_t off, size;
};

enum iml__item_state { IML__ITEM_OPEN, IML__ITEM_OK, IML__ITEM_BAD };

struct iml__citem {
    uint64_t index;
    enum iml__item_state state;
    struct iml__file *file;
    size_t files, files_cap;
    int spool_fd; // -1: none
    uint64_t spool_at;
    struct iml__spooled *spooled;
    size_t spools;
    char *bad_line; // of bad.jsonl; NULL: an earlier run's list says why
    uint64_t bad_hash;
    uint32_t bad_tries;
};

struct iml__shard {
    struct iml__tarw tar;
    int fd;
    bool open;
    char name[3][40]; // of .tar, .idx, .imx
    uint64_t size[3], xxh3[3];
};

struct iml__cunit {          // a unit that is being made
    struct iml__cunit *next; // in its bucket
    uint64_t id;
    struct iml__citem **item; // [unit_items]
    struct iml__parts parts;
    struct iml__shard shard;
    iml__str lines, text; // when it is committed
    bool parts_written;
};

enum { IML__BUCKETS = 4096 };

struct iml__commit {
    struct iml__commit_conf conf;
    enum iml__sink_kind kind;
    void *own; // the caller's sink
    struct iml__set set;
    uint64_t run_hash, boot;
    char node[64];
    struct iml__dirs *dirs;
    struct iml__journal journal;
    char list_name[96];
    int list_fd, bad_fd, times_fd; // times_fd: -1 where no file stands alone
    uint64_t list_at, list_was; // bytes; list_was: when the run began
    struct iml__past *past;
    uint32_t unit_items; // of the units that this run commits
    bool only_loose;     // --only where units have several items: loose files, no records
    uint32_t generation; // of this run
    uint64_t replaced;   // dry run: listed files that stand and would be removed
    uint64_t *redo;      // units with a record that must be voided; sorted
    size_t nredo;
    bool stale; // the last run synced nothing and the machine has started anew since, the list is
                // torn, or an aggregate is not as it was made: manifest and aggregates are made
                // again
    struct iml__orphan *orphan; // names that an earlier attempt may have left; sorted by item
    size_t orphans;
    iml__str orphan_names;

    pthread_mutex_t lock; // guards all below
    bool begun;           // this run has changed something
    struct iml__cunit *bucket[IML__BUCKETS];

    // Of commit_units and finish alone.
    bool unsynced;
    uint64_t synced_us;
    uint64_t ok, bad;
    iml__str joined; // lines of the aggregates that this run has made
};

// commit.c
static inline iml_status iml__commit_no_memory(const struct iml__commit *c, iml_err *e)
{
    return iml__sink_error(e, ENOMEM, "keep track of", iml__dirs_root(c->dirs), "its files");
}
int iml__commit_durability(const struct iml__commit *c);
bool iml__commit_durable(const struct iml__commit *c);           // not IML_DURABILITY_PROCESS
bool iml__commit_each_file_synced(const struct iml__commit *c);  // nothing waits for a syncfs
bool iml__commit_synced(const struct iml__commit *c);            // every commit, to its end
iml_status iml__commit_begin(struct iml__commit *c, iml_err *e); // once, before the first change
// Appends to the node's list, all or nothing.
iml_status iml__commit_list(struct iml__commit *c, const iml__str *lines, iml_err *e);
// Appends to the journal; by the commit's thread and, for suspects, by others.
iml_status iml__commit_journal(struct iml__commit *c, const struct iml__record *r, size_t n,
                               iml_err *e);
struct iml__record iml__commit_record(const struct iml__commit *c, enum iml__rec type, uint64_t id);

// commit_open.c: whether a run may begin here. Each fails with its one sentence.
iml_status iml__commit_as_sink(iml_status st, iml_err *e);    // a failure to read is one of OUT
iml_status iml__commit_as_refusal(iml_status st, iml_err *e); // a wrong -o, but no full disk
iml_status iml__commit_same_set(struct iml__commit *c, const struct iml__ledger *l, iml_err *e);
iml_status iml__commit_idle(struct iml__commit *c, const char *node, iml_err *e);
iml_status iml__commit_no_shards(struct iml__commit *c, const struct iml__ledger *l, iml_err *e);
iml_status iml__commit_no_manifest(struct iml__commit *c, iml_err *e);
bool iml__commit_untouched(const struct iml__commit *c); // no run has begun here yet
// commit_look.c
iml_status iml__commit_look(struct iml__commit *c, iml_err *e);

// commit_items.c
struct iml__cunit *iml__commit_take_unit(struct iml__commit *c, uint64_t id); // NULL: none is made
// renamed: its files stand under their final names and are not its own any more.
void iml__commit_free_unit(struct iml__commit *c, struct iml__cunit *u, bool renamed);

// commit_units.c
iml_status iml__commit_sync_all(struct iml__commit *c, iml_err *e);    // what is written
iml_status iml__commit_mark_synced(struct iml__commit *c, iml_err *e); // ... is said in the journal

// sink_file.c: one file of an item under its temporary name; out's fragments stay the caller's.
iml_status iml__loose_put(struct iml__commit *c, struct iml__citem *it, const iml_out *out,
                          iml_err *e);

// sink_tar.c
iml_status iml__shard_put(struct iml__commit *c, struct iml__cunit *u, struct iml__citem *it,
                          const iml_out *out, size_t n, iml_err *e);
iml_status iml__shard_spool(struct iml__commit *c, struct iml__citem *it, const iml_out *out,
                            iml_err *e);
iml_status iml__shard_end(struct iml__commit *c, struct iml__cunit *u, iml_err *e);
iml_status iml__shard_rename(struct iml__commit *c, struct iml__cunit *u, iml_err *e);
void iml__shard_abandon(struct iml__commit *c, struct iml__cunit *u);
void iml__shard_name(char out[40], uint64_t unit, const char *suffix); // "shard-000012.tar"

#define IML__GUESTS ".imloom/guests" // OUT held files of its user before the first run
// claim.c: nothing but a file of ours stands under a final name; else one sentence, IML_ESINK.
// To be asked before the name is listed.
iml_status iml__claim(struct iml__dirs *d, const char *name, uint64_t size, uint64_t xxh3,
                      iml_err *e);
bool iml__set_stands(struct iml__dirs *d, const struct iml__ledger *l);

// set.c: identity, settings files, what differs
void iml__set_of(struct iml__set *s, const struct iml__commit_conf *conf, enum iml__sink_kind kind);
uint64_t iml__set_run_hash(const struct iml__set *s);
iml_status iml__set_write(const struct iml__set *s, struct iml__dirs *d, const char *node,
                          const char *command_line, int durability, iml_err *e);
// Missing: *found false. IML_EINPUT: damaged.
iml_status iml__set_read(struct iml__set *s, struct iml__dirs *d, const char *node, bool *found,
                         iml_err *e);
void iml__set_free(struct iml__set *s);
// Says in words how two sets differ ("seed: 1 there, 2 now; ..."); empty: they do not.
void iml__set_difference(const struct iml__set *there, const struct iml__set *now, char *text,
                         size_t cap);

// manifest.c
struct iml__manifest {
    uint64_t items, ok, bad, files, bytes, content;
};
// Joins aggregates, sorts all names (two items that wrote one name: IML_EBUG), writes bad.jsonl and
// manifest.json. list(user, text): lines of joined aggregates go into the node's list first.
iml_status iml__manifest_make(struct iml__dirs *d, const char *node, const struct iml__set *s,
                              const struct iml__ledger *l, int durability,
                              iml_status (*list)(void *user, const iml__str *lines, iml_err *e),
                              void *user, struct iml__manifest *m, iml_err *e);
iml_status iml__manifest_read(struct iml__dirs *d, struct iml__manifest *m, bool *found,
                              iml_err *e);
// The content hash that a manifest of this set would have; writes nothing.
iml_status iml__set_content(struct iml__dirs *d, const struct iml__set *s,
                            const struct iml__ledger *l, uint64_t *content, iml_err *e);
// How many of the set's indices have no record; 0: it is whole.
uint64_t iml__set_missing(const struct iml__set *s, const struct iml__ledger *l);
// Of the units that are this share's.
uint64_t iml__set_missing_of(const struct iml__set *s, const struct iml__ledger *l, uint32_t share,
                             uint32_t of);
// badlist.c. Unites the nodes' lists of bad items: those that are bad now, by index.
iml_status iml__bad_unite(struct iml__dirs *d, const char *node, const struct iml__ledger *l,
                          int durability, iml_err *e);
// Calls redo for every recorded unit with an item that is bad, but has no line in any list, and
// takes such items for untried.
iml_status iml__bad_check(struct iml__ledger *l,
                          iml_status (*redo)(void *user, uint64_t unit, iml_err *e), void *user,
                          iml_err *e);

#endif
