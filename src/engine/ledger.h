// ledger.h: what a data set's journals, lists and unit files say together.
//
// Every run of a node is a segment of its journal, from BEGIN on, with a generation above all that
// it found when it began. Segments are folded in order of (generation, node), so that a later run
// that voids and redoes a unit wins over the earlier one, whichever node it was. Runs of the same
// generation own different units. A record is believed if its lines (and its unit file) have the
// hash it names; a line counts if it belongs to a believed record of its unit that no later VOID
// took back.
#ifndef IML_ENGINE_LEDGER_H
#define IML_ENGINE_LEDGER_H

#include "imloom/imloom.h"
#include "src/base/str.h"
#include "src/engine/journal.h"
#include "src/engine/list.h"

struct iml__dirs;

struct iml__ledger_node {
    char name[64];
    struct iml__record *rec;
    size_t n;
    uint64_t good;      // bytes of the journal that are believed
    uint64_t size;      // bytes that it has
    char *list;         // the text of its list
    size_t list_n;      // up to its last whole line
    uint64_t list_size; // bytes that the file has
};

struct iml__segment {
    uint32_t node, generation;
    size_t from, to;           // records of the node; from is its BEGIN
    size_t synced;             // records before this one have reached the disk
    size_t list_from, list_to; // its lines
};

struct iml__live { // a believed record: of a unit, or of a batch of single items
    bool batch;
    uint64_t unit; // of a batch: unused
    uint64_t seq;  // place in the fold
    uint32_t segment;
    const struct iml__record *rec;
    size_t off, len; // of its lines in the node's list
};

struct iml__orphan { // a name that stands in a list, but in no record that counts
    uint64_t item;
    size_t name; // offset in names
};

struct iml__ledger {
    struct iml__dirs *dirs; // *borrowed*
    uint32_t unit_items;
    bool parts; // units have unit files
    struct iml__ledger_node *node;
    size_t nodes;
    struct iml__segment *segment;
    size_t segments;
    struct iml__live *live; // units: sorted by unit, one each; batches: in order of the fold
    size_t lives, lives_cap;
    struct iml__void {
        uint64_t unit, seq;
    } * voids; // sorted by unit, then seq
    size_t nvoids, voids_cap;
    uint64_t *redo; // sorted units with a record that is not believed or whose files do not match
    size_t nredo, redo_cap;
    struct iml__orphan *orphan; // sorted by item; only after iml__ledger_orphans
    size_t orphans, orphans_cap;
    iml__str names;
    struct iml__past *past;  // *owned*; take it by setting it to NULL
    uint32_t generation;     // the highest seen
    uint64_t units, ok, bad; // units recorded; of their items (units of several items only)
    bool joined_differ;      // a file that parts were joined to is not as it was made
    bool conflict;           // two nodes recorded a unit with different content (I3 is broken)
    uint64_t conflict_unit;
    uint32_t conflict_node[2];
};

// Reads everything below OUT/.imloom; no such directory: an empty ledger. Does not look at the
// files of the data set. IML_EINPUT (class is the caller's to change), IML_ENOMEM. *owned*.
iml_status iml__ledger_load(struct iml__ledger **l, struct iml__dirs *d, uint32_t unit_items,
                            bool parts, iml_err *e);
void iml__ledger_free(struct iml__ledger **l);

// How a file differs from what was recorded of it.
enum iml__match { IML__MATCH_SAME, IML__MATCH_MISSING, IML__MATCH_SIZE, IML__MATCH_CONTENT };
// deep: the content too. IML_EINPUT: it cannot be read.
iml_status iml__ledger_match(struct iml__dirs *d, const char *name, uint64_t size, uint64_t xxh3,
                             bool deep, enum iml__match *m, iml_err *e);

// Looks at all files of recorded units: those with a file that is missing or of another size are
// cleared in past and stand in redo. Where the machine has started anew since (boot differs),
// records that were not synced are read and hashed. Looks at aggregates too.
iml_status iml__ledger_check(struct iml__ledger *l, uint64_t boot, iml_err *e);

// Unit is to be made again, though its record stands and its files match.
iml_status iml__ledger_redo(struct iml__ledger *l, uint64_t unit, iml_err *e);

// Collects names of lines that do not count, and of units for which redo(user, unit) is true; NULL:
// for none of them.
iml_status iml__ledger_orphans(struct iml__ledger *l, bool (*redo)(void *user, uint64_t unit),
                               void *user, iml_err *e);

// Every line that counts, EMPTY ones too. fn's failure ends it and is returned.
iml_status iml__ledger_each(const struct iml__ledger *l,
                            iml_status (*fn)(void *user, const struct iml__ledger_node *node,
                                             const struct iml__line *line, iml_err *e),
                            void *user, iml_err *e);
uint64_t iml__ledger_extent(const struct iml__ledger *l); // the highest recorded index + 1
bool iml__ledger_redone(const struct iml__ledger *l, uint64_t unit); // stands in redo
const struct iml__live *iml__ledger_unit(const struct iml__ledger *l, uint64_t unit); // or NULL

#endif
