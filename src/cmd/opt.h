// opt.h: option tables: a row an option, from which parsing, --help, man page, shell completion,
// config-file keys and the JSON echo of the effective settings are all made.
#ifndef IML_CMD_OPT_H
#define IML_CMD_OPT_H

#include "imloom/imloom.h"
#include "src/base/json.h"
#include "src/base/yaml.h"

enum iml__opt_type {
    IML__OPT_FLAG,    // bool; --no-NAME clears it
    IML__OPT_INT,     // int64_t within min..max
    IML__OPT_U64,     // uint64_t
    IML__OPT_COUNT,   // uint64_t, K M G = 1000^n
    IML__OPT_BYTES,   // uint64_t, K M G = 1024^n
    IML__OPT_DOUBLE,  // double within min..max
    IML__OPT_STR,     // const char *
    IML__OPT_PATH,    // const char *, completed as a file
    IML__OPT_DIR,     // const char *, completed as a directory
    IML__OPT_LIST,    // iml__opt_list: may be given again and again
    IML__OPT_ENUM,    // int: the value's place in `values` ("auto|thread|process")
    IML__OPT_WORKERS, // int: auto or -1 -> IML_WORKERS_AUTO, else 0..4096
    IML__OPT_CUSTOM   // parse(): writes into the struct itself
};

typedef struct iml__opt_list {
    const char **item;
    size_t n;
} iml__opt_list;

typedef struct iml__opt {
    const char *name; // "io-workers"; `_` and `-` are the same when parsed
    char letter;      // or 0
    enum iml__opt_type type;
    size_t offset;       // of the value in the command's struct
    const char *arg;     // metavariable for --help: "N", "DIR"; NULL for flags
    const char *def;     // default as text, shown in --help and parsed at the start; NULL: none (0)
    double min, max;     // both 0: unchecked
    const char *values;  // ENUM
    const char *aliases; // "num-workers threads"; one letter: "-c"; or NULL
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

enum { IML__OPT_TABLES = 4 };

// A command's options: its own table first, then the common one. structs[k] is what tables[k]
// writes.
typedef struct iml__opts {
    const char *command; // for messages
    const iml__opt_table *table;
    void *const *structs;
    size_t ntables;
    iml__opt_list args; // positional arguments in order
    uint64_t given[4];  // a bit an option, counted over the tables: set by the command line
    uint64_t config[4]; // ... by a config file
    char **owned;       // strings that came from a config file
    size_t nowned;
} iml__opts;

// Sets every default, then reads the command line. Unknown options get "did you mean". IML_EARG.
iml_status iml__opts_parse(iml__opts *o, int argc, char **argv, iml_err *e);
// One key of a config file: as iml__opts_parse, but the command line wins. where: "file:line:col".
// A list option adds up. value: scalar text; flags take true false yes no on off.
iml_status iml__opts_config(iml__opts *o, const char *where, const char *key, const char *value,
                            iml_err *e);
// A whole file: option names as keys, a section per command allowed, which wins. Wrong lines are
// complaints, all of them, and IML_EARG. is_command: of the names of sections.
iml_status iml__opts_config_file(iml__opts *o, const char *path, bool (*is_command)(const char *),
                                 iml__complaints *c, iml_err *e);
bool iml__opts_knows(const iml__opts *o, const char *key);
bool iml__opts_given(const iml__opts *o, const char *name); // by command line or config
void iml__opts_free(iml__opts *o);

// The effective settings as the members of an object that is open in w. hashed: only those that
// bytes depend on.

void iml__opts_json(const iml__opts *o, bool hashed, iml__jsonw *w);

// The effective options as a file that --config reads: the command's own, and of the common ones
// those that were given.
void iml__opts_yaml(const iml__opts *o, iml__str *out);

// The effective value as text ("auto", "4096", "a,b"); false: not set.
bool iml__opt_text(const iml__opt *row, const void *base, iml__str *out);
const iml__opt *iml__opts_find(const iml__opts *o, const char *name, size_t *ordinal,
                               size_t *table);
// Names of an ENUM's values: the k-th of "a|b|c" into out; false: no such.
bool iml__opt_value_name(const iml__opt *row, int k, char out[32]);

#endif
