// imloom.h: the public interface of libimloom: status, buffers, items, jobs, sinks and runs.
//
// A system describes its work as an index space 0..count-1 and a function that makes item i
// (iml_job); the engine claims, admits by bytes, runs, retries, orders, writes, commits and
// resumes. Item i must be a pure function of (configuration, seed, i, its inputs): the engine
// promises the same bytes for any number of workers, modes, orders, shards, interruptions and
// restarts.
//
// Conventions: every function that can fail returns an iml_status (0 = IML_OK) and writes detail to
// a caller-owned iml_err, which may be NULL. Lifetimes are named *borrowed* (valid until X),
// *owned* (free with Y) or *moved* (the callee takes it, even if it fails). Free functions take a
// pointer to the pointer, accept NULL and set it to NULL. The library never exits, aborts, prints
// or installs signal handlers. The header compiles as C11 and as C++17.
#ifndef IML_IMLOOM_H
#define IML_IMLOOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iml_version.h"

#if defined(_WIN32)
#error "imloom needs a POSIX system"
#endif
#define IML_API __attribute__((visibility("default")))
#define IML_FORMAT(fmt, args) __attribute__((format(printf, fmt, args)))

#ifdef __cplusplus
extern "C" {
#endif

// ---- Status

// X(NAME, value, class, text). The class decides what the engine does with an item.
#define IML_STATUS_MAP(X)                                                                          \
    X(OK, 0, NONE, "ok")                                                                           \
    X(EINPUT, 1, ITEM, "bad input")                                                                \
    X(ELIMIT, 2, ITEM, "over a limit")                                                             \
    X(EAGAIN, 3, RETRY, "try again")                                                               \
    X(ETIMEOUT, 4, RETRY, "timed out")                                                             \
    X(ENOMEM, 5, RETRY, "out of memory")                                                           \
    X(ESINK, 6, SINK, "cannot write output")                                                       \
    X(ECANCEL, 7, STOP, "cancelled")                                                               \
    X(EBUG, 8, BUG, "internal error")                                                              \
    X(END, 9, NONE, "no more")                                                                     \
    X(EARG, 10, STOP, "bad argument, configuration or plan")

#define IML_STATUS_ENUM_(name, value, class_, text) IML_##name = value,
enum { IML_STATUS_MAP(IML_STATUS_ENUM_) IML_STATUS_COUNT_ };
#undef IML_STATUS_ENUM_

typedef int iml_status; // 0 or one of the constants above

// NONE: no failure. ITEM: bad input, record and go on. RETRY: perhaps later. SINK: output failed,
// stop the run and blame no item. STOP: end the run. BUG: a promise of our own is broken.
typedef enum iml_class {
    IML_CLASS_NONE,
    IML_CLASS_ITEM,
    IML_CLASS_RETRY,
    IML_CLASS_SINK,
    IML_CLASS_STOP,
    IML_CLASS_BUG
} iml_class;

typedef struct iml_err { // caller-owned, 256 bytes
    iml_status status;
    int sys;          // errno, or 0
    int line;         // of the source file that failed
    const char *file; // borrowed for ever
    char msg[232];    // one sentence: what, where, why, what to do
} iml_err;

IML_API iml_class iml_status_class(iml_status s);  // unknown values: IML_CLASS_BUG
IML_API const char *iml_status_name(iml_status s); // "EINPUT"; borrowed for ever
IML_API const char *iml_status_text(iml_status s); // "bad input"; borrowed for ever
IML_API const char *iml_class_name(iml_class c);   // "ITEM"; borrowed for ever

// ---- Memory that crosses threads

typedef struct iml_arena iml_arena; // scratch memory of one attempt at an item; see iml_arena_alloc
typedef struct iml_buf iml_buf;     // refcounted bytes, charged to the budget until written
typedef struct iml_item iml_item;

// n bytes aligned to 64, not cleared; *borrowed* until the attempt ends. NULL: out of memory.
IML_API void *iml_arena_alloc(iml_arena *a, size_t n);
IML_API void *iml_arena_calloc(iml_arena *a, size_t count, size_t size); // cleared, checked product

// A buffer of cap bytes for the output of item it, size 0; *owned*: iml_buf_unref, or *moved* into
// an iml_out. In process mode it lies in the worker's shared arena, so nothing is copied.
// it NULL: plain heap memory. IML_ENOMEM.
IML_API iml_status iml_buf_new(iml_item *it, size_t cap, iml_buf **out, iml_err *e);
IML_API iml_buf *iml_buf_ref(iml_buf *b);
IML_API void iml_buf_unref(iml_buf **b);
IML_API uint8_t *iml_buf_data(iml_buf *b);     // *borrowed* while a reference is held
IML_API size_t iml_buf_size(const iml_buf *b); // bytes in use
IML_API size_t iml_buf_cap(const iml_buf *b);
IML_API void iml_buf_set_size(iml_buf *b, size_t n); // n <= cap
// ---- Items and their output

struct iml_item { // what a job sees of its item; *borrowed* for the call
    uint64_t index;
    uint32_t attempt; // 0, 1, ...
    uint32_t worker;
    iml_arena *arena;     // reset after the attempt
    void *worker_state;   // what worker_init made
    const iml_buf *input; // prefetched whole file, or NULL: the job opens it itself
    void *dest;           // the sink's own memory for this item (feed's batch slot), or NULL
    void *engine;         // the engine's own
};

typedef struct iml_frag { // a piece of a file; one buffer may stand in several files, charged once
    iml_buf *data;
    size_t off, len;
} iml_frag;

enum {
    IML_OUT_APPEND = 1
}; // a piece of an aggregate (label file), kept in parts, joined in index order; see iml_pieces

typedef struct iml_out {  // one file of an item
    const char *name;     // relative, checked: no "..", no absolute path; *borrowed* for the call
    const iml_frag *frag; // fragments are *moved*: their references pass to the engine
    uint32_t nfrag;
    uint32_t flags;
} iml_out;

// ---- Aggregates: files that all items append to, joined when the set is complete. Their bytes are
// a function of the set alone: no order of work, share or interruption shows in them.

// What items hand over under one name with IML_OUT_APPEND. A name that the job does not declare
// makes a file of that name, its pieces joined in index order. A declared one makes no file by
// itself: aggregates take it up.
typedef struct iml_pieces {
    const char *name;
    const char *between; // stands between two pieces that are not empty; NULL: nothing
    // NULL: pieces are joined. Else they are a table, lines of "KEY", TAB and a number for each
    // character here, LF; lines of one key become one, '+' adds the numbers up, '^' keeps the
    // largest. "": keys alone, a set. Keys hold no LF and no 0.
    const char *columns;
} iml_pieces;

typedef struct iml_section { // a stretch of an aggregate
    const char *text;        // before the pieces; NULL: nothing
    const char *pieces;      // of this name, a table's as its sorted lines; NULL: none
} iml_section;

typedef struct iml_table_row { // sorted by the bytes of their keys
    const char *key;
    const uint64_t *value;
} iml_table_row;

// Makes an aggregate's bytes out of a table: a pure function. context: the job's. add appends to
// the file and remembers its own failure.
typedef iml_status iml_render(const char *context, const iml_table_row *row, size_t rows,
                              void (*add)(void *to, const char *p, size_t n), void *to, iml_err *e);

typedef struct iml_aggregate {
    const char *name;           // of the file; it is there even if no item appends
    const iml_section *section; // one after the other
    uint32_t nsections;
    const char *table;       // or: the file is what `render` makes of this table
    const char *render_name; // in settings, by which a merge finds it again
    iml_render *render;
    // NULL, or (a table without numbers): the table gets a row for each bad item: this word, TAB,
    // its index (12 digits), TAB, the signal that killed it (0: none), TAB, its label, TAB, why.
    const char *bad;
} iml_aggregate;

typedef struct iml_renderer { // for those who close a set without its job
    const char *name;
    iml_render *render;
} iml_renderer;

enum {
    IML_STAGE_READ,
    IML_STAGE_DECODE,
    IML_STAGE_COMPUTE,
    IML_STAGE_ENCODE,
    IML_STAGE_WRITE,
    IML_STAGE_USER
};
enum { IML_STAGE_MAX = 16 };

// A system describes itself. All functions are pure in (user, index) and may be called from any
// worker; job and strings are *borrowed* until the run ends.
typedef struct iml_job {
    const char *name; // of the command: "synth"
    uint64_t count;
    void *user;
    uint64_t config_hash; // of all that bytes depend on but seed, plan and index
    uint64_t plan_hash;   // of the sorted list of inputs; 0: there is none
    uint32_t grain;       // neighbours that share an input; 0 or 1: none
    uint32_t part_items;  // indices of a part of an aggregate; 0: 1,000
    uint32_t ncounters;   // iml_count's counters, at most IML_COUNTERS_MAX
    bool appends;         // some output has IML_OUT_APPEND
    bool grows;           // items do not depend on count: a larger count appends
    bool foreign;         // third-party decoders meet the user's bytes: auto mode = process
    bool splits;          // uses iml_split: auto mode = thread
    const char *const *counter_names;         // [ncounters], for report and manifest
    const char *const *stage_names;           // [IML_STAGE_MAX] or NULL
    uint64_t (*cost)(void *user, uint64_t i); // bytes; 0 unknown; or NULL
    iml_status (*input)(void *user, uint64_t i, char *path, size_t cap); // for prefetch; or NULL
    void *(*dest)(void *user, uint64_t i); // pull: it->dest, asked at the claim; or NULL
    iml_status (*worker_init)(void *user, int worker, void **state, iml_err *e); // or NULL
    void (*worker_free)(void *user, void *state);                                // or NULL
    iml_status (*run)(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e);
    // Labels an item in bad.jsonl and messages (a path); NULL: none. Writes at most cap bytes.
    void (*label)(void *user, uint64_t i, char *text, size_t cap);
    // Of an item that is recorded, where part_items is 1: whether what it appended (under its first
    // name, n bytes) still holds, that is, its inputs are those that it was made of. false: it is
    // made again. Or NULL: nobody asks.
    bool (*still)(void *user, uint64_t i, const char *piece, size_t n);
    // JSON objects for the manifest, each "{...}" or NULL; *borrowed* until the run ends.
    const char *settings_json, *versions_json, *inputs_json;
    const iml_pieces *pieces; // [npieces]; with any of these, appends must be set
    const iml_aggregate *aggregates;
    uint32_t npieces, naggregates;
    const char *context_json; // an object for iml_render, kept beside the settings; or NULL
} iml_job;

enum { IML_COUNTERS_MAX = 1u << 20, IML_OUT_MAX = 64 }; // most files that run may return at once

enum { IML_LOG_ERROR, IML_LOG_WARN, IML_LOG_INFO, IML_LOG_DEBUG };

IML_API bool iml_cancelled(const iml_item *it);         // poll once per row or scan
IML_API void iml_stage(iml_item *it, int stage);        // a mark: what the item does from here on
IML_API void iml_item_grow(iml_item *it, size_t bytes); // replaces the estimate; never blocks
IML_API void iml_count(iml_item *it, uint32_t counter, uint64_t add); // sums kept beside each part
// A line of the run's log, with worker, item and stage before it; level: IML_LOG_... In process
// mode it travels to the parent. Lines of one fmt beyond 20 in 10 s are counted, not said.
IML_API void iml_log(iml_item *it, int level, const char *fmt, ...) IML_FORMAT(3, 4);

// Hands a finished file over before the item ends (a volume's slices). Fragments are *moved*; all
// files of an item are committed together or not at all. Not in pull runs. Parts of a split may
// call it too where the sink is unordered; an item's files are then listed by name.
IML_API iml_status iml_emit(iml_item *it, const iml_out *o, iml_err *e);

// Runs part(arg, k, arena, e) for k in 0..n-1, on idle workers too; results in fixed places. The
// lowest part that fails is the item's error. In process mode and inside a part it runs here.
IML_API iml_status iml_split(iml_item *it, uint32_t n, size_t part_bytes,
                             iml_status (*part)(void *arg, uint32_t k, iml_arena *a, iml_err *e),
                             void *arg, iml_err *e);

// ---- Sinks

struct iml_run_opts;

typedef struct iml_sink_ops { // one row per sink; put of an ordered sink is called by one thread
    const char *name;
    bool ordered;
    iml_status (*open)(void **s, const struct iml_run_opts *o, iml_err *e);
    iml_status (*put)(void *s, uint64_t index, iml_out *out, size_t n, iml_err *e); // *moved*
    iml_status (*commit)(void *s, const uint64_t *item, size_t n, iml_err *e);
    void (*close)(void **s);
} iml_sink_ops;

IML_API const iml_sink_ops *iml_sink_null(void); // counts and forgets
IML_API const iml_sink_ops *iml_sink_file(void); // loose files under out_dir; unordered
IML_API const iml_sink_ops *iml_sink_tar(void);  // shard-%06d.tar with .idx; ordered

// ---- Runs

typedef struct iml_ctx iml_ctx;     // one per process; logger and CPU table
typedef struct iml_run_t iml_run_t; // a run that the caller pulls

enum { IML_MODE_AUTO, IML_MODE_THREAD, IML_MODE_PROCESS };
enum { IML_ORDER_AUTO, IML_ORDER_INDEX, IML_ORDER_SIZE, IML_ORDER_RANDOM };
enum { IML_DURABILITY_PROCESS, IML_DURABILITY_BATCH, IML_DURABILITY_ITEM };
enum { IML_RUN_RESUME = 1, IML_RUN_OVERWRITE = 2, IML_RUN_RETRY_BAD = 4, IML_RUN_DRY_RUN = 8 };
enum { IML_WORKERS_AUTO = -1 };

typedef struct iml_progress {
    uint64_t done, total, bad; // items committed, planned, bad
    uint64_t bytes;            // written
    double rate, eta_s;        // items/s over 10 s; seconds, negative: unknown
    uint64_t memory, budget;   // bytes in flight
    double elapsed_s;
    uint64_t written; // items beyond done whose turn to be committed has not come; done + written
                      // never goes back either
    double byte_rate; // bytes/s over 10 s
} iml_progress;

typedef struct iml_run_opts { // size first, so that it can grow: iml_run_opts_default sets it
    size_t size;
    int workers;    // 0: everything in the calling thread; IML_WORKERS_AUTO
    int io_workers; // IML_WORKERS_AUTO
    int mode, order, durability;
    uint64_t seed;
    uint64_t memory_bytes; // 0: min(25 % of available, half the cgroup limit)
    uint64_t chunk_items;  // most items between claim and written; 0: bounded by bytes
    uint64_t io_batch;     // items per group commit; 0: default
    uint64_t limit;        // UINT64_MAX: none
    const uint64_t *only;  // sorted indices, or NULL
    size_t n_only;
    unsigned flags; // IML_RUN_*
    const char *quarantine_dir;
    double timeout_s; // 0: none
    double gpu_memory;
    double max_error_rate;             // share of the planned items; negative: no limit
    uint64_t max_errors;               // UINT64_MAX: no limit
    uint32_t retries;                  // 3
    uint32_t shard_index, shard_count; // 0 of 1
    uint64_t shard_samples;            // items a tar shard; 0: 10,000
    const char *out_dir;               // NULL: no journal, the sink's own commit is all
    const char *log_dir, *lease_dir;
    const char *metrics_file;
    const char *input_root; // directory that job.input's relative paths stand in, or NULL
    void (*progress)(void *user, const iml_progress *p); // from the calling thread, at 10 Hz
    void *progress_user;
    const volatile unsigned char *cancel; // 0 run, 1 soft stop, 2 hard stop; may be NULL
    const char *inject;                   // debug builds: "crash=p,hang=p,oom=p,fail=p"
} iml_run_opts;

typedef struct iml_stage_report {
    const char *name;
    uint64_t count;
    double p50_us, p90_us, p99_us, max_us;
    uint64_t slowest;    // index of the item
    uint64_t peak_bytes; // most scratch memory and buffers an item had in it; 0: none seen
} iml_stage_report;

typedef struct iml_report {
    size_t size;
    uint64_t planned, ok, bad, resumed; // items; resumed: of them done by an earlier run
    uint64_t retried, deaths, timeouts;
    uint64_t files, bytes;
    double wall_s, cpu_s;
    uint64_t peak_rss, peak_inflight, budget;
    int workers, mode; // in effect
    const char *mode_why;
    double busy, wait_input, wait_bytes, wait_sink; // shares of worker time
    uint32_t nstages;
    iml_stage_report stage[IML_STAGE_MAX];
    bool complete;    // every planned item is committed and the manifest stands
    bool stopped;     // by cancel
    bool guard;       // by max_errors
    uint64_t content; // the manifest's content hash, 0 while incomplete
    uint64_t bad_class[IML_CLASS_BUG + 1]; // bad items of this run by class; [0]: remembered ones
    uint64_t bad_before;                   // bad items among `resumed`
    uint64_t peak_rss_worker;              // of the largest worker process; 0: there was none
    uint64_t replaced;                     // dry run with overwrite: files that would be removed
} iml_report;

IML_API iml_status iml_ctx_new(iml_ctx **c, iml_err *e); // *owned*
IML_API void iml_ctx_free(iml_ctx **c);
// Lines up to level go to fn, which is called from any thread, one call at a time.
IML_API void iml_ctx_log(iml_ctx *c, int level, void (*fn)(void *user, int level, const char *line),
                         void *user);

IML_API void iml_run_opts_default(iml_run_opts *o);
// Runs the job to its end in the calling thread and the workers it makes. IML_OK also when some
// items are bad (see the report). IML_ECANCEL: stopped by cancel; IML_ELIMIT: by max_errors;
// IML_ESINK; IML_EARG: refused before the first item; IML_EBUG.
IML_API iml_status iml_run(iml_ctx *c, const iml_job *j, const iml_sink_ops *k,
                           const iml_run_opts *o, iml_report *r, iml_err *e);

// Pull: the caller takes finished items in index order. next: IML_END at the end, IML_EAGAIN at
// the timeout (negative: none); a bad item comes in its turn: its status, *index, n = 0. What was
// taken is given back by iml_run_free, in any order, from any thread.
IML_API iml_status iml_run_open(iml_ctx *c, const iml_job *j, const iml_run_opts *o, iml_run_t **r,
                                iml_err *e);
IML_API iml_status iml_run_next(iml_run_t *r, int timeout_ms, iml_out **out, size_t *n,
                                uint64_t *index, iml_err *e);
IML_API void iml_run_free(iml_run_t *r, uint64_t index);
IML_API iml_status iml_run_close(iml_run_t **r, iml_report *rep, iml_err *e);

// ---- Randomness (ops.md 2: Philox4x32-10; key = seed, counter = {block, stream, index low, high})

typedef struct iml_rng { // by value
    uint32_t ctr[4], key[2];
    uint32_t out[4];
    uint32_t used; // words of out already given
} iml_rng;

IML_API uint32_t iml_stream(const char *name); // low 32 bits of xxh3_64 of the name
IML_API iml_rng iml_rng_at(uint64_t seed, uint64_t index, uint32_t stream);
IML_API uint32_t iml_rng_u32(iml_rng *r);
IML_API uint64_t iml_rng_u64(iml_rng *r);                 // word + 2^32 next word
IML_API double iml_rng_unit(iml_rng *r);                  // (top 53 bits + 1/2) 2^-53, in (0, 1)
IML_API uint64_t iml_rng_bounded(iml_rng *r, uint64_t n); // 0..n-1, Lemire with rejection; n >= 1

#ifdef __cplusplus
}
#endif
#endif
