// yaml.h: YAML (and JSON, its subset) as a small read-only tree that knows where each node stood.
//
// libyaml's events, never its document API: limits hold before memory is taken. Anchors, aliases
// and `<<` merges are resolved here; keys that start with `x-` are dropped; duplicate keys are
// errors. Types come from the key that asks, never from the look of a scalar (ops.md 7), so the
// tree holds text. Errors are complaints: one line each, all of a run together.
#ifndef IML_BASE_YAML_H
#define IML_BASE_YAML_H

#include <stdarg.h>

#include "imloom/imloom.h"
#include "src/base/str.h"

enum { IML__YAML_BYTES = 1 << 20, IML__YAML_DEPTH = 16, IML__YAML_NODES = 10000 };

// "FILE:LINE:COLUMN: text" lines, in the order of the checks.
typedef struct iml__complaints {
    iml__str text;
    uint32_t n;
} iml__complaints;

void iml__complaints_init(iml__complaints *c);
void iml__complaints_free(iml__complaints *c);

enum iml__ykind { IML__YAML_SCALAR, IML__YAML_LIST, IML__YAML_MAP };

typedef struct iml__ynode iml__ynode;
typedef struct iml__ypair {
    iml__ynode *key; // a scalar
    iml__ynode *value;
} iml__ypair;

struct iml__ynode {
    enum iml__ykind kind;
    bool quoted;        // a scalar in quotes or a block: text, never a number or null
    uint32_t line, col; // from 1
    const char *file;   // its name, for messages
    const char *text;   // scalar: UTF-8 without NUL bytes, 0-terminated
    size_t len;
    size_t n; // of items or pairs
    iml__ynode **item;
    iml__ypair *pair;
    uint32_t nodes, height; // of the tree below, aliases expanded
};

// One document. The tree lives in the arena; file and the tree are *borrowed* while it lasts. An
// empty document is a null scalar. IML_EARG: complaints were added; IML_ENOMEM.
iml_status iml__yaml_parse(iml_arena *a, const char *file, const char *text, size_t n,
                           iml__complaints *c, iml__ynode **root, iml_err *e);

// A complaint about a node (NULL: about the whole); no period at the end of fmt is needed.
void iml__yaml_complain(iml__complaints *c, const iml__ynode *at, const char *fmt, ...)
    IML_PRINTF(3, 4);

const iml__ynode *iml__yaml_get(const iml__ynode *map,
                                const char *key); // NULL: not there, or no map
const iml__ypair *iml__yaml_pair(const iml__ynode *map, const char *key);
bool iml__yaml_is_null(const iml__ynode *n); // nothing, `~` or `null`, not quoted

// What a scalar says, without complaining: false if it is not of that type. Integers and floats as
// in YAML 1.1 (0x 0b 1_000 1:30) plus 0o17 and 1e-3; NaN and infinities are no floats. 010 is
// neither: it is 8 in YAML 1.1 and 10 in YAML 1.2, so whoever writes it must say which.
bool iml__yaml_two_ways(const iml__ynode *n); // such a number
bool iml__yaml_int(const iml__ynode *n, int64_t *out);
bool iml__yaml_u64(const iml__ynode *n, uint64_t *out);
bool iml__yaml_float(const iml__ynode *n, double *out);
bool iml__yaml_bool(const iml__ynode *n, bool *out); // true false yes no on off

#endif
