// commit.c: the commit protocol. These invariants hold after every system call, whatever comes
// next: a kill, a full disk, a torn write. Each names the test that holds it.
//
//  I1  A final name only ever holds complete content: a file is written to its end as
//      .NAME.NODE.tmp in the same directory and renamed.       a_final_name_is_never_half_written
//  I2  A record is written after the last rename of its unit. A file without record, or a record
//      without matching file, is redone.                     kill_and_resume_give_the_same_bytes
//  I3  The bytes of an item or shard depend only on (config hash, seed, plan hash, index).
//                                                  nodes_and_orders_give_the_same_manifest
//  I4  A journal is cut at the first record whose checksum fails; nothing behind it is believed.
//                                                     a_journal_is_cut_at_the_first_bad_record
//  I5  manifest.json is renamed into place last, and removed before a run changes anything;
//      without it the data set is incomplete.            the_manifest_goes_before_any_change
//  I6  A sink failure (ENOSPC, EIO, EROFS) is never booked as an item's failure: it stops the run.
//                                                    every_failing_call_is_a_sink_failure
//  I7  Bytes in flight are bounded: nothing is kept here but names, sizes and hashes; pieces and
//      early files of ordered sinks lie on disk.
//  I8  The same bytes for any workers, mode, order, shard split and interruption.
//                                                  nodes_and_orders_give_the_same_manifest
//
// A commit of units: VOID for each that had a record; the names of their files into the node's
// list; sync; renames; removal of what an earlier, killed attempt had renamed and this one has not
// made; BAD records; UNIT or BATCH records. A run begins (settings, BEGIN, the manifest goes) with
// its first change; a run that finds nothing to do changes nothing.
//
// Syncs, by --durability: `process` none but of the new journal's name. `item`: each file, its
// directory, list and journal with each commit. `batch` at shards: likewise, a shard at a time.
// `batch` at loose files: one syncfs at most every 30 s and one at the end; commits in between are
// as safe as `process` ones, and an empty BATCH record tells which records came before a sync:
// after a power loss the rest are read and hashed before they are believed. Rejected: holding
// commits back until the next sync (a kill would then cost 30 s of work), fdatasync of every loose
// file (25 times the price of writing it).
#include "src/engine/commit.h"

#include <stdio.h>
#include <string.h>

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/engine/commit_in.h"
#include "src/engine/times.h"
#include "src/io/vfs.h"

#define MANIFEST "manifest.json"

int iml__commit_durability(const struct iml__commit *c) { return c->conf.opts->durability; }
bool iml__commit_durable(const struct iml__commit *c)
{
    return iml__commit_durability(c) != IML_DURABILITY_PROCESS;
}

// Each file is synced by itself, so nothing waits for a syncfs.
bool iml__commit_each_file_synced(const struct iml__commit *c)
{
    return iml__commit_durability(c) == IML_DURABILITY_ITEM;
}

// Every commit is synced to its end: shards, and --durability item.
bool iml__commit_synced(const struct iml__commit *c)
{
    bool shards = c->kind == IML__SINK_TAR && !c->only_loose;
    return iml__commit_each_file_synced(c) || (iml__commit_durable(c) && shards);
}

uint32_t iml__unit_items(const iml_job *job, const iml_sink_ops *sink, const iml_run_opts *opts)
{
    uint64_t n = 1;
    if (sink == iml_sink_tar())
        n = opts->shard_samples ? opts->shard_samples : 10000;
    else if (job->appends || job->ncounters)
        n = job->part_items ? job->part_items : 1000;
    return (uint32_t)IML_MIN(n, (uint64_t)UINT32_MAX);
}

// ---- Beginning: the first change of a run

static iml_status open_append(struct iml__commit *c, const char *name, int *fd, uint64_t *size,
                              iml_err *e)
{
    struct iml__dir use;
    const char *leaf;
    struct stat st;
    IML_TRY(iml__dirs_get(c->dirs, name, true, &use, &leaf, e));
    *fd = iml__openat(use.fd, leaf, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0666);
    int sys = errno;
    iml__dirs_put_changed(c->dirs, &use); // it may be new
    if (*fd < 0) return iml__sink_error(e, sys, "open", iml__dirs_root(c->dirs), name);
    if (iml__fstat(*fd, &st) < 0)
        return iml__sink_error(e, errno, "open", iml__dirs_root(c->dirs), name);
    *size = (uint64_t)st.st_size;
    return IML_OK;
}

// A kill may have left half a line at the end of a file of lines.
static iml_status cut_torn_line(struct iml__commit *c, int fd, const char *name, uint64_t size,
                                iml_err *e)
{
    char b[512];
    uint64_t keep = size;
    int r = 0;
    while (keep && r == 0) {
        size_t n = (size_t)IML_MIN(keep, (uint64_t)sizeof b);
        if (iml__pread_all(fd, b, n, keep - n) != (ssize_t)n) r = -1;
        while (r == 0 && n && b[n - 1] != '\n') n--, keep--;
        if (n) break;
    }
    if (r == 0 && keep < size) r = iml__ftruncate(fd, keep);
    return r < 0 ? iml__sink_error(e, errno, "cut", iml__dirs_root(c->dirs), name) : IML_OK;
}

// Appends to the node's list, all or nothing.
iml_status iml__commit_list(struct iml__commit *c, const iml__str *s, iml_err *e)
{
    if (s->failed) return iml__commit_no_memory(c, e);
    if (iml__write_all(c->list_fd, s->p, s->n) < 0) {
        int sys = errno;
        (void)iml__ftruncate(c->list_fd, c->list_at); // else the next run cuts a torn line
        return iml__sink_error(e, sys, "write", iml__dirs_root(c->dirs), c->list_name);
    }
    c->list_at += s->n;
    return IML_OK;
}

// The journal takes records from the commit's thread and, for suspects, from others.
iml_status iml__commit_journal(struct iml__commit *c, const struct iml__record *r, size_t n,
                               iml_err *e)
{
    pthread_mutex_lock(&c->lock);
    iml_status st = iml__journal_append(&c->journal, r, n, e);
    pthread_mutex_unlock(&c->lock);
    return st;
}

struct iml__record iml__commit_record(const struct iml__commit *c, enum iml__rec type, uint64_t id)
{
    return (struct iml__record){.type = type, .run = (uint32_t)c->run_hash, .id = id};
}

static iml_status begin(struct iml__commit *c, iml_err *e)
{
    char name[96];
    // I5, and durably so before anything else may reach the disk.
    IML_TRY(iml__dirs_unlink(c->dirs, MANIFEST, e));
    if (iml__commit_durable(c)) IML_TRY(iml__dirs_sync(c->dirs, e));
    IML_TRY(iml__set_write(&c->set, c->dirs, c->node, c->conf.command_line,
                           iml__commit_durability(c), e));
    (void)snprintf(name, sizeof name, ".imloom/bad.%s.jsonl", c->node);
    uint64_t size;
    IML_TRY(open_append(c, name, &c->bad_fd, &size, e));
    IML_TRY(cut_torn_line(c, c->bad_fd, name, size, e));
    if (c->kind == IML__SINK_FILE || c->only_loose) {
        (void)snprintf(name, sizeof name, ".imloom/times.%s", c->node);
        IML_TRY(open_append(c, name, &c->times_fd, &size, e));
        if (size % 16 && iml__ftruncate(c->times_fd, size - size % 16) < 0) // a torn last row
            return iml__sink_error(e, errno, "cut", iml__dirs_root(c->dirs), name);
    }
    IML_TRY(open_append(c, c->list_name, &c->list_fd, &c->list_at, e));
    if (c->list_at > c->list_was && iml__ftruncate(c->list_fd, c->list_was) < 0) // a torn last line
        return iml__sink_error(e, errno, "cut", iml__dirs_root(c->dirs), c->list_name);
    c->list_at = c->list_was;
    // Records are worth nothing without the names of the files that they stand in.
    if (iml__commit_durable(c)) IML_TRY(iml__dirs_sync(c->dirs, e));
    c->synced_us = iml__now_us();
    iml__str line;
    iml__str_init(&line, 256);
    iml__line_begin(&line, c->generation);
    iml_status st = iml__commit_list(c, &line, e);
    iml__str_free(&line);
    if (st) return st;
    struct iml__record r = iml__commit_record(c, IML__REC_BEGIN, c->set.plan);
    r.ok = c->generation, r.bad = (uint32_t)iml__commit_durability(c);
    r.bytes = c->run_hash, r.content = c->boot;
    return iml__journal_append(&c->journal, &r, 1, e);
}

iml_status iml__commit_begin(struct iml__commit *c, iml_err *e)
{
    pthread_mutex_lock(&c->lock);
    iml_status st = c->begun ? IML_OK : begin(c, e);
    if (!st) c->begun = true;
    pthread_mutex_unlock(&c->lock);
    return st;
}

// ---- The end

static iml_status list_joined(void *user, const iml__str *lines, iml_err *e)
{
    struct iml__commit *c = user;
    iml__str_add(&c->joined, lines->p, lines->n);
    return iml__commit_list(c, lines, e);
}

// When aggregates were written, like the times of items' files.
static iml_status note_joined_times(struct iml__commit *c, iml_err *e)
{
    struct iml__lines it;
    struct iml__line line;
    struct iml__dir use;
    struct stat at;
    const char *leaf;
    iml__str rows;
    if (c->times_fd < 0 || !c->joined.n) return IML_OK;
    if (c->joined.failed) return iml__commit_no_memory(c, e);
    iml__str_init(&rows, 1 << 30);
    iml__lines_begin(&it, c->joined.p, 0, c->joined.n);
    while (iml__lines_next(&it, &line)) {
        if (iml__dirs_get(c->dirs, line.name, false, &use, &leaf, NULL)) continue;
        if (iml__fstatat(use.fd, leaf, &at, AT_SYMLINK_NOFOLLOW) == 0)
            iml__times_row(&rows, line.name,
                           (int64_t)at.st_mtim.tv_sec * 1000000000 + at.st_mtim.tv_nsec);
        iml__dirs_put(c->dirs, &use);
    }
    iml_status st = rows.failed ? iml__commit_no_memory(c, e) : IML_OK;
    if (!st && rows.n && iml__write_all(c->times_fd, rows.p, rows.n) < 0)
        st = iml__sink_error(e, errno, "write the times of", NULL, iml__dirs_root(c->dirs));
    iml__str_free(&rows);
    return st;
}

static iml_status end_record(struct iml__commit *c, uint64_t covered, uint64_t content, iml_err *e)
{
    struct iml__record r = iml__commit_record(c, IML__REC_END, covered);
    r.content = content;
    IML_TRY(iml__commit_journal(c, &r, 1, e));
    return iml__commit_durable(c) ? iml__journal_sync(&c->journal, e) : IML_OK;
}

// Whether this run is one that may write the manifest: it sees the whole set.
static bool may_finish(const struct iml__commit *c)
{
    const iml_run_opts *o = c->conf.opts;
    return o->shard_count <= 1 && !o->only && !o->lease_dir;
}

static iml_status complete(struct iml__commit *c, const struct iml__ledger *l,
                           struct iml__commit_sums *sums, iml_err *e)
{
    struct iml__manifest m;
    // Aggregates are a change too, and their names must stand in the list first.
    IML_TRY(iml__commit_begin(c, e));
    IML_TRY(iml__manifest_make(c->dirs, c->node, &c->set, l, iml__commit_durability(c), list_joined,
                               c, &m, e));
    IML_TRY(note_joined_times(c, e));
    IML_TRY(end_record(c, m.items, m.content, e));
    *sums = (struct iml__commit_sums){m.files, m.bytes, m.content, true};
    return IML_OK;
}

static iml_status ledger_error(iml_status st, iml_err *e)
{
    // A journal that cannot be read is no item's fault, and not one of the arguments either.
    if (e && st == IML_ENOMEM) e->sys = ENOMEM;
    if (e && st) e->status = IML_ESINK;
    return st ? IML_ESINK : IML_OK;
}

iml_status iml__commit_finish(struct iml__commit *c, struct iml__commit_sums *sums, iml_err *e)
{
    struct iml__commit_sums none;
    struct iml__manifest m;
    struct iml__ledger *l = NULL;
    bool found = false;
    if (!sums) sums = &none;
    *sums = (struct iml__commit_sums){0};
    if (!c->begun && !c->stale) {
        iml_status st = iml__manifest_read(c->dirs, &m, &found, e);
        if (st && st != IML_EINPUT) return ledger_error(st, e); // a damaged one is made anew
        if (found) {
            *sums = (struct iml__commit_sums){m.files, m.bytes, m.content, true};
            return IML_OK;
        }
    }
    if (c->unsynced) {
        IML_TRY(iml__commit_sync_all(c, e));
        IML_TRY(iml__dirs_sync(c->dirs, e));
        IML_TRY(iml__commit_mark_synced(c, e));
    }
    IML_TRY(ledger_error(iml__ledger_load(&l, c->dirs, c->set.unit_items, c->set.parts, e), e));
    // Asked for less than is there: what is there is the set.
    c->set.count = IML_MAX(c->set.count, iml__ledger_extent(l));
    uint64_t missing = iml__set_missing(&c->set, l);
    iml_status st = IML_OK;
    if (may_finish(c) && missing == 0) {
        st = complete(c, l, sums, e);
    } else {
        st = iml__bad_unite(c->dirs, c->node, l, iml__commit_durability(c), e);
        if (!st && c->begun)
            st = end_record(c, c->set.count - IML_MIN(missing, c->set.count), 0, e);
    }
    iml__ledger_free(&l);
    return st;
}

void iml__commit_close(struct iml__commit **out)
{
    struct iml__commit *c = *out;
    *out = NULL;
    if (!c) return;
    for (size_t i = 0; i < IML__BUCKETS && c->dirs; i++)
        while (c->bucket[i]) {
            struct iml__cunit *u = c->bucket[i];
            c->bucket[i] = u->next;
            iml__commit_free_unit(c, u, false);
        }
    if (c->kind == IML__SINK_OWN && c->own && c->conf.sink->close) c->conf.sink->close(&c->own);
    iml__close(&c->list_fd);
    iml__close(&c->bad_fd);
    iml__close(&c->times_fd);
    iml__journal_close(&c->journal);
    iml__past_free(&c->past);
    iml__str_free(&c->joined);
    IML_FREE(c->redo);
    IML_FREE(c->orphan);
    iml__str_free(&c->orphan_names);
    iml__dirs_close(&c->dirs);
    pthread_mutex_destroy(&c->lock);
    IML_FREE(c);
}
