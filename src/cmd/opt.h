// opt.h: option tables: a row an option, from which parsing, --help, man page, shell completion,
// config-file keys and the JSON echo of the effective settings are all made.
#ifndef IML_CMD_OPT_H
#define IML_CMD_OPT_H

#include "imloom/imloom.h"
#include "src/base/str.h"

enum iml__opt_type {
    IML__OPT_FLAG,   // bool; --no-NAME clears it
    IML__OPT_INT,    // int64_t within min..max
    IML__OPT_U64,    // uint64_t
    IML__OPT_COUNT,  // uint64_t, K M G = 1000^n
    IML__OPT_BYTES,  // uint64_t, K M G = 1024^n
    IML__OPT_DOUBLE, // double within min..max
    IML__OPT_STR,    // const char *
    IML__OPT_PATH,   // const char *, completed as a file
    IML__OPT_DIR,    // const char *, completed as a directory
    IML__OPT_LIST,   // iml__opt_list: may be given again and again
    IML__OPT_ENUM,   // int: the value's place in `values` ("auto|thread|process")
    IML__OPT_WORKERS, // int: auto or -1 -> IML_WORKERS_AUTO, else 0..4096
    IML__OPT_CUSTOM  // parse(): writes into the struct itself
};

typedef struct iml__opt_list { const char **item; size_t n; } iml__opt_list;

typedef struct iml__opt {
    const char *name;    // "io-workers"; `_` and `-` are the same when parsed
    char letter;         // or 0
    enum iml__opt_type type;
    size_t offset;       // of the value in the command's struct
    const char *arg;     // metavariable for --help: "N", "DIR"; NULL for flags
    const char *def;     // default as text, shown in --help and parsed at the start; NULL: none (0)
    double min, max;     // both 0: unchecked
    const char *values;  // ENUM
    const char *aliases; // "generation-workers num_workers threads"; or NULL
    const char *help;    // one line; shown wrapped
    unsigned flags;      // IML__OPT_*
    iml_status (*parse)(void *options, const char *text, iml_err *e); // CUSTOM
} iml__opt;

enum {
    IML__OPT_HIDDEN = 1,    // not in --help (developers)
    IML__OPT_NO_CONFIG = 2, // command line only
    IML__OPT_NO_HASH = 4,   // bytes do not depend on it: not in settings
    IML__OPT_COMMON = 8     // of the table that every running command has
};

typedef struct iml__opt_table {
    const iml__opt *row;
    size_t n;
} iml__opt_table;

// What a command line says. Positional arguments stay in order.
typedef struct iml__opt_result {
    iml__opt_list args;
    bool help, version;
    uint64_t given[4]; // a bit an option over the tables in a row: set by config or command line
} iml__opt_result;

// Sets defaults, then the config file's keys (if its option was given), then the command line.
// tables[k] writes into structs[k]. All errors of a command line are one sentence each, the first
// is returned; unknown options get "did you mean". IML_EARG.
iml_status iml__opt_parse(const char *command, const iml__opt_table *tables, void *const *structs,
                          size_t ntables, int argc, char **argv, iml__opt_result *out, iml_err *e);
void iml__opt_free(iml__opt_result *r); // everything that parsing allocated

#endif
