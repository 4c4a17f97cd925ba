// common.h: the options that every running command has, and a session: banner, log file, progress,
// signals, report and exit code around iml_run.
//
//     static struct mine { const char *font; } mine;
//     struct iml__common common;
//     iml__opts o = {.command = "synth", .table = tables, .structs = (void *[]){&mine, &common},
//     .ntables = 2}; if (iml__opts_parse(&o, argc, argv, &e)) return iml__complain(&e,
//     IML__EXIT_USAGE);
//     ... config keys by iml__opts_config ...
//     if (iml__common_settle(&common, &o, &run, &e)) return iml__complain(&e, IML__EXIT_USAGE);
//     code = iml__session_run(&session, &e);
#ifndef IML_CMD_COMMON_H
#define IML_CMD_COMMON_H

#include "src/cmd/command.h"

struct iml__common {
    int64_t generation_workers;
    int workers, io_workers, mode, order, durability, progress, log_level;
    bool sequential, resume, overwrite, retry_bad, json, print_config, dry_run, bell, cpu_only;
    uint64_t chunk_size, io_batch_size, memory, seed, limit, max_pixels, of;
    double timeout, lease_ttl, gpu_memory;
    const char *out, *config, *max_errors, *quarantine, *shard, *lease, *metrics, *log_dir, *inject;
    iml__opt_list only;
    // Settled:
    const char *notes[4]; // for the banner
    size_t nnotes;
    uint64_t *only_index;
    size_t nonly;
    char note_text[160];
};
enum { IML__PROGRESS_AUTO, IML__PROGRESS_PLAIN, IML__PROGRESS_JSON, IML__PROGRESS_NONE };

extern const iml__opt_table iml__common_table;

// Turns the options into run options (strings *borrowed*), reads --shard auto from the environment,
// --only's indices (entries that are not numbers: resolve(user, text, &index), or IML_EARG).
iml_status iml__common_settle(struct iml__common *c, const iml__opts *o, iml_run_opts *run,
                              iml_status (*resolve)(void *user, const char *text, uint64_t *index,
                                                    iml_err *e),
                              void *user, iml_err *e);
void iml__common_free(struct iml__common *c);

typedef struct iml__session {
    const struct iml__common *common;
    const iml__opts *opts;
    const iml_job *job;
    const iml_sink_ops *sink;
    iml_run_opts *run;
    int argc; // the whole command line, for report.json
    char **argv;
    bool makes_set;       // a log file unasked (commands that make a data set)
    const char *headline; // "5 specifications, 10,000 images, seed 42 -> ./out (dir: png + json)"
    const char *unit;     // "images"
    // Added to the closing line ("Redrawn: ..."), and members of report.json; both may be NULL.
    // closing's true: there are findings, exit 3 where all else went well.
    bool (*closing)(void *user, const iml_report *r, iml__str *out);
    void (*report)(void *user, const iml_report *r, iml__jsonw *w);
    bool names_bad; // closing names the bad items
    void *user;
    iml_report result; // after the run
} iml__session;

// Runs and returns the exit code; everything that was to be said has been said.
int iml__session_run(iml__session *s);

#endif
