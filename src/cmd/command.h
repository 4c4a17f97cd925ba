// command.h: what a command is to main.c: a function, and the text and tables that help, man page
// and completion are made from.
#ifndef IML_CMD_COMMAND_H
#define IML_CMD_COMMAND_H

#include <stdio.h>

#include "src/cmd/opt.h"

enum { // exit codes of every command
    IML__EXIT_OK = 0,
    IML__EXIT_USAGE = 1,  // usage, or refused before the first item
    IML__EXIT_FAILED = 2, // the run failed, or a guard did
    IML__EXIT_BAD = 3,    // done, some items bad or findings
    IML__EXIT_STOPPED = 130
};

typedef struct iml__command_doc {
    const char *name, *summary;
    const char *usage;    // lines after "usage: imloom NAME"
    const char *about;    // paragraphs
    const char *examples; // lines
    iml__opt_table table[IML__OPT_TABLES];
    size_t ntables;
    bool common; // it has the common options besides
} iml__command_doc;

typedef struct iml__command {
    const char *group, *name, *summary;
    int (*run)(int argc, char **argv); // without program and command name; returns an exit code
    const iml__command_doc *doc;
} iml__command;

// The functions of all systems that make files out of whole sets, for those who close or check a
// set without its job; *borrowed* for ever.
const struct iml__renderers *iml__program_renderers(void);

#define IML_CMD(group, name, summary)                                                              \
    extern const iml__command_doc iml__doc_##name;                                                 \
    int iml__cmd_##name(int argc, char **argv);
#include "src/cmd/commands.def"
#undef IML_CMD

extern const iml__command iml__commands[];
extern const size_t iml__ncommands;
const iml__command *iml__command_find(const char *name);

void iml__help_screen(FILE *f);
void iml__help_command(FILE *f, const iml__command_doc *d);
void iml__help_options(FILE *f); // the common table
void iml__man_page(FILE *f, const iml__command_doc *d);
void iml__man_main(FILE *f);
bool iml__completion(FILE *f, const char *shell); // bash zsh fish; false: another

extern bool iml__fd3; // descriptor 3 was open when the program began

// --config FILE of a command whose YAML has no grammar of its own (iml__opts_config_file); path
// NULL: nothing to do. Says what is wrong, a line each; IML__EXIT_OK or IML__EXIT_USAGE.
struct iml__opts;
int iml__read_config(struct iml__opts *o, const char *path);

// "imloom: message" on stderr; returns code.
int iml__complain(const iml_err *e, int code);

#endif
