// parts.h: pieces of aggregates (label files) and counters: collected for each unit and committed
// with it; joined in the end (aggregate.h).
//
// A piece of an aggregate is written to the unit's nameless spool when its item hands it over. When
// the unit is committed, its pieces are copied in index order to `.imloom/parts/NAME.000012`, and
// `.imloom/units/000012.json` names these parts with size and hash, and the unit's counters. The
// record of the unit covers the unit file's bytes, so that parts and data cannot fall apart.
#ifndef IML_ENGINE_PARTS_H
#define IML_ENGINE_PARTS_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"
#include "src/base/str.h"

struct iml__dirs;
struct iml__aggregates;

struct iml__piece { // 24 bytes
    uint64_t index, off;
    uint32_t len, name;
};

struct iml__parts { // of one unit; all zero but fd -1 at first
    int fd;
    uint64_t at;
    struct iml__piece *piece;
    size_t n, cap;
    char **name; // aggregates seen in this unit
    size_t names;
    uint64_t *sum; // [ncounters], or NULL: all zero
};

// Adds a piece (fragments stay the caller's). IML_ESINK, IML_EBUG (a name that cannot be).
iml_status iml__parts_add(struct iml__parts *p, struct iml__dirs *d, uint64_t index,
                          const iml_out *out, iml_err *e);
void iml__parts_drop(struct iml__parts *p, uint64_t index); // all pieces of an item
void iml__parts_free(struct iml__parts *p);

// Writes the unit's parts and its unit file under their temporary names; text becomes the unit
// file's bytes. sync: each is fdatasynced.
iml_status iml__parts_write(struct iml__parts *p, struct iml__dirs *d, const char *node,
                            const struct iml__aggregates *g, uint64_t unit, uint32_t ncounters,
                            bool sync, iml__str *text, iml_err *e);
iml_status iml__parts_rename(struct iml__parts *p, struct iml__dirs *d, const char *node,
                             uint64_t unit, iml_err *e);
void iml__parts_abandon(struct iml__parts *p, struct iml__dirs *d, const char *node, uint64_t unit);

// ---- Finished units

struct iml__part {
    char *name;
    uint64_t size, xxh3;
};
struct iml__unit_file { // *owned*: iml__unit_file_free
    struct iml__part *part;
    size_t parts;
    struct {
        uint32_t id;
        uint64_t sum;
    } * counter;
    size_t counters;
};

void iml__unit_name(char out[64], uint64_t unit); // ".imloom/units/000012.json"
// ".imloom/parts/labels.tsv.000012"; false: too long.
bool iml__part_name(char out[320], const char *name, uint64_t unit);
// The bytes of the unit file; missing: empty. IML_EINPUT.
iml_status iml__unit_text(struct iml__dirs *d, uint64_t unit, iml__str *text, iml_err *e);
iml_status iml__unit_parse(const char *text, size_t n, struct iml__unit_file *u, iml_err *e);
void iml__unit_file_free(struct iml__unit_file *u);

#endif
