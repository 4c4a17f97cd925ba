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
// Syncs, by --durability: `process` none. `item`: each file, its directory, list and journal with
// each commit. `batch` at shards: likewise, a shard at a time. `batch` at loose files: one syncfs
// at most every 30 s and one at the end; commits in between are as safe as `process` ones, and an
// empty BATCH record tells which records came before a sync: after a power loss the rest are read
// and hashed before they are believed. Rejected: holding commits back until the next sync (a kill
// would then cost 30 s of work), fdatasync of every loose file (25 times the price of writing it).
#include "src/engine/commit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/engine/commit_in.h"
#include "src/engine/times.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"

#define SYNC_EVERY_US ((uint64_t)30 * 1000 * 1000)
#define MANIFEST "manifest.json"

static int durability(const struct iml__commit *c) { return c->conf.opts->durability; }
static bool durable(const struct iml__commit *c) { return durability(c) != IML_DURABILITY_PROCESS; }

// Each file is synced by itself, so nothing waits for a syncfs.
bool iml__commit_each_file_synced(const struct iml__commit *c)
{
    return durability(c) == IML_DURABILITY_ITEM;
}

// Every commit is synced to its end: shards, and --durability item.
static bool commits_synced(const struct iml__commit *c)
{
    bool shards = c->kind == IML__SINK_TAR && !c->only_loose;
    return iml__commit_each_file_synced(c) || (durable(c) && shards);
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

static void release(const iml_out *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < out[i].nfrag; k++) {
            iml_buf *b = out[i].frag[k].data;
            iml_buf_unref(&b);
        }
}

// ---- Units that are being made. With c->lock held.

static struct iml__cunit **place_of(struct iml__commit *c, uint64_t id)
{
    struct iml__cunit **at = &c->bucket[id % IML__BUCKETS];
    while (*at && (*at)->id != id) at = &(*at)->next;
    return at;
}

static struct iml__cunit *unit_of(struct iml__commit *c, uint64_t id)
{
    struct iml__cunit **at = place_of(c, id);
    if (*at) return *at;
    struct iml__cunit *u = iml__calloc(1, sizeof *u);
    if (!u) return NULL;
    u->item = iml__calloc(c->unit_items, sizeof(struct iml__citem *));
    if (!u->item) {
        IML_FREE(u);
        return NULL;
    }
    u->id = id, u->parts.fd = u->shard.fd = u->shard.tar.fd = -1;
    iml__str_init(&u->lines, (size_t)1 << 36);
    iml__str_init(&u->text, (size_t)1 << 30);
    return *at = u;
}

static struct iml__citem *item_of(struct iml__commit *c, uint64_t index, struct iml__cunit **unit)
{
    struct iml__cunit *u = unit_of(c, index / c->unit_items);
    if (!u) return NULL;
    struct iml__citem **at = &u->item[index % c->unit_items];
    if (!*at && (*at = iml__calloc(1, sizeof **at))) {
        (*at)->index = index, (*at)->spool_fd = -1;
    }
    *unit = u;
    return *at;
}

static void forget_spool(struct iml__citem *it)
{
    iml__close(&it->spool_fd);
    for (size_t i = 0; i < it->spools; i++) IML_FREE(it->spooled[i].name);
    IML_FREE(it->spooled);
    it->spools = 0, it->spool_at = 0;
}

// renamed: its files stand under their final names and are not its own any more.
static void free_item(struct iml__commit *c, struct iml__citem **at, bool renamed)
{
    struct iml__citem *it = *at;
    *at = NULL;
    if (!it) return;
    for (size_t i = 0; i < it->files; i++) {
        if (!renamed) iml__tmp_remove(c->dirs, it->file[i].name, c->node);
        IML_FREE(it->file[i].name);
    }
    IML_FREE(it->file);
    forget_spool(it);
    IML_FREE(it->bad_line);
    IML_FREE(it);
}

static void free_unit(struct iml__commit *c, struct iml__cunit *u, bool renamed)
{
    if (!u) return;
    for (uint32_t i = 0; i < c->unit_items; i++) free_item(c, &u->item[i], renamed);
    IML_FREE(u->item);
    if (!renamed) {
        iml__shard_abandon(c, u);
        if (u->parts_written) iml__parts_abandon(&u->parts, c->dirs, c->node, u->id);
    }
    iml__tarw_free(&u->shard.tar);
    iml__close(&u->shard.fd);
    iml__parts_free(&u->parts);
    iml__str_free(&u->lines);
    iml__str_free(&u->text);
    IML_FREE(u);
}

static struct iml__cunit *take_unit(struct iml__commit *c, uint64_t id)
{
    pthread_mutex_lock(&c->lock);
    struct iml__cunit **at = place_of(c, id), *u = *at;
    if (u) *at = u->next;
    pthread_mutex_unlock(&c->lock);
    return u;
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
static iml_status list_append(struct iml__commit *c, const iml__str *s, iml_err *e)
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
static iml_status journal_append(struct iml__commit *c, const struct iml__record *r, size_t n,
                                 iml_err *e)
{
    pthread_mutex_lock(&c->lock);
    iml_status st = iml__journal_append(&c->journal, r, n, e);
    pthread_mutex_unlock(&c->lock);
    return st;
}

static struct iml__record record(const struct iml__commit *c, enum iml__rec type, uint64_t id)
{
    return (struct iml__record){.type = type, .run = (uint32_t)c->run_hash, .id = id};
}

static iml_status begin(struct iml__commit *c, iml_err *e)
{
    char name[96];
    // I5, and durably so before anything else may reach the disk.
    IML_TRY(iml__dirs_unlink(c->dirs, MANIFEST, e));
    if (durable(c)) IML_TRY(iml__dirs_sync(c->dirs, e));
    IML_TRY(iml__set_write(&c->set, c->dirs, c->node, c->conf.command_line, durability(c), e));
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
    if (durable(c)) IML_TRY(iml__dirs_sync(c->dirs, e));
    c->synced_us = iml__now_us();
    iml__str line;
    iml__str_init(&line, 256);
    iml__line_begin(&line, c->generation);
    iml_status st = list_append(c, &line, e);
    iml__str_free(&line);
    if (st) return st;
    struct iml__record r = record(c, IML__REC_BEGIN, c->set.plan);
    r.ok = c->generation, r.bad = (uint32_t)durability(c);
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

// ---- Items

static iml_status item_in(struct iml__commit *c, uint64_t index, struct iml__cunit **u,
                          struct iml__citem **it, iml_err *e)
{
    IML_TRY(iml__commit_begin(c, e));
    pthread_mutex_lock(&c->lock);
    *it = item_of(c, index, u);
    pthread_mutex_unlock(&c->lock);
    return *it ? IML_OK : iml__commit_no_memory(c, e);
}

static iml_status put_pieces(struct iml__commit *c, struct iml__cunit *u, uint64_t index,
                             const iml_out *out, size_t n, iml_err *e)
{
    iml_status st = IML_OK;
    if (c->only_loose) return IML_OK;
    for (size_t i = 0; i < n && !st; i++) {
        if (!(out[i].flags & IML_OUT_APPEND)) continue;
        if (!c->set.parts)
            return IML_FAIL(e, IML_EBUG,
                            "item %llu appends to %.100s, but its job says that it "
                            "appends nothing",
                            (unsigned long long)index, out[i].name);
        pthread_mutex_lock(&c->lock); // the unit's spool belongs to all of its items
        st = iml__parts_add(&u->parts, c->dirs, index, &out[i], e);
        pthread_mutex_unlock(&c->lock);
    }
    return st;
}

iml_status iml__commit_put(struct iml__commit *c, uint64_t index, iml_out *out, size_t n,
                           iml_err *e)
{
    struct iml__cunit *u;
    struct iml__citem *it;
    iml_status st = item_in(c, index, &u, &it, e);
    if (!st) st = put_pieces(c, u, index, out, n, e);
    bool shard = c->kind == IML__SINK_TAR && !c->only_loose;
    bool loose = c->kind == IML__SINK_FILE || c->only_loose;
    if (!st && shard) {
        st = iml__shard_put(c, u, it, out, n, e);
        forget_spool(it);
    }
    for (size_t i = 0; i < n && !st && loose; i++)
        if (!(out[i].flags & IML_OUT_APPEND)) st = iml__loose_put(c, it, &out[i], e);
    if (!st && c->kind == IML__SINK_OWN && !loose)
        return c->conf.sink->put(c->own, index, out, n, e);
    release(out, n);
    return st;
}

iml_status iml__commit_spool(struct iml__commit *c, uint64_t index, iml_out *out, iml_err *e)
{
    struct iml__cunit *u;
    struct iml__citem *it;
    iml_status st = item_in(c, index, &u, &it, e);
    if (!st && (out->flags & IML_OUT_APPEND))
        st = put_pieces(c, u, index, out, 1, e);
    else if (!st && c->only_loose)
        st = iml__loose_put(c, it, out, e);
    else if (!st)
        st = iml__shard_spool(c, it, out, e);
    release(out, 1);
    return st;
}

iml_status iml__commit_item_ok(struct iml__commit *c, uint64_t index, const struct iml__tally *t,
                               size_t n, iml_err *e)
{
    struct iml__cunit *u;
    struct iml__citem *it;
    IML_TRY(item_in(c, index, &u, &it, e));
    iml_status st = IML_OK;
    pthread_mutex_lock(&c->lock);
    it->state = IML__ITEM_OK;
    if (n && !u->parts.sum && !c->only_loose) {
        u->parts.sum = iml__calloc(c->set.ncounters, sizeof *u->parts.sum);
        if (!u->parts.sum) st = iml__commit_no_memory(c, e);
    }
    for (size_t i = 0; i < n && u->parts.sum; i++)
        if (t[i].counter < c->set.ncounters) u->parts.sum[t[i].counter] += t[i].add;
    pthread_mutex_unlock(&c->lock);
    return st;
}

// The line of bad.jsonl, but for an item that an earlier run has told of.
static iml_status bad_line(struct iml__commit *c, struct iml__citem *it, const struct iml__bad *b,
                           iml_err *e)
{
    iml__str s;
    iml__jsonw w;
    iml__str_init(&s, 1 << 20);
    iml__jsonw_init(&w, &s, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "index"), iml__jsonw_u64(&w, b->index);
    iml__jsonw_key(&w, "path"), iml__jsonw_str(&w, b->path && *b->path ? b->path : NULL);
    iml__jsonw_key(&w, "class"), iml__jsonw_str(&w, iml_class_name(iml_status_class(b->status)));
    iml__jsonw_key(&w, "status"), iml__jsonw_str(&w, iml_status_name(b->status));
    iml__jsonw_key(&w, "stage"), iml__jsonw_str(&w, b->stage);
    iml__jsonw_key(&w, "signal"), iml__jsonw_i64(&w, b->signal);
    iml__jsonw_key(&w, "tries"), iml__jsonw_u64(&w, b->tries);
    iml__jsonw_key(&w, "message"), iml__jsonw_str(&w, b->message ? b->message : "");
    iml__jsonw_end(&w);
    iml__str_addc(&s, '\n');
    if (!s.failed) it->bad_line = iml__strdup(s.p);
    iml__str_free(&s);
    return it->bad_line ? IML_OK : iml__commit_no_memory(c, e);
}

iml_status iml__commit_item_bad(struct iml__commit *c, const struct iml__bad *b, iml_err *e)
{
    struct iml__cunit *u;
    struct iml__citem *it;
    iml__commit_discard(c, b->index); // nothing of a bad item is output
    IML_TRY(item_in(c, b->index, &u, &it, e));
    it->state = IML__ITEM_BAD;
    it->bad_tries = b->tries;
    it->bad_hash = b->message ? iml__xxh3_text(b->message) : 0;
    return b->status == IML_OK && !b->signal ? IML_OK : bad_line(c, it, b, e);
}

void iml__commit_discard(struct iml__commit *c, uint64_t index)
{
    pthread_mutex_lock(&c->lock);
    struct iml__cunit *u = *place_of(c, index / c->unit_items);
    struct iml__citem *it = NULL;
    if (u) {
        it = u->item[index % c->unit_items];
        u->item[index % c->unit_items] = NULL;
        iml__parts_drop(&u->parts, index);
    }
    pthread_mutex_unlock(&c->lock);
    free_item(c, &it, false);
}

void iml__commit_suspect_record(const struct iml__commit *c, uint64_t index, uint8_t rec[48])
{
    struct iml__record r = record(c, IML__REC_SUSPECT, index);
    iml__record_encode(rec, &r);
}

int iml__commit_journal_fd(const struct iml__commit *c) { return c->journal.fd; }

iml_status iml__commit_suspect(struct iml__commit *c, uint64_t index, iml_err *e)
{
    IML_TRY(iml__commit_begin(c, e));
    struct iml__record r = record(c, IML__REC_SUSPECT, index);
    return journal_append(c, &r, 1, e);
}

// ---- Committing units

static int by_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int by_file_name(const void *a, const void *b)
{
    return strcmp(((const struct iml__file *)a)->name, ((const struct iml__file *)b)->name);
}

static uint32_t indices_of(const struct iml__commit *c, uint64_t unit)
{
    uint64_t first = unit * c->unit_items, count = c->conf.count;
    return first >= count ? 0 : (uint32_t)IML_MIN((uint64_t)c->unit_items, count - first);
}

static bool had_record(const struct iml__commit *c, uint64_t unit)
{
    if (c->only_loose) return false;
    if (c->nredo && bsearch(&unit, c->redo, c->nredo, sizeof *c->redo, by_u64)) return true;
    return iml__past_span(c->past, unit) > 0;
}

// Closes the unit's shard and parts under their temporary names; its lines.
static iml_status prepare(struct iml__commit *c, struct iml__cunit *u, iml_err *e)
{
    uint32_t n = indices_of(c, u->id);
    for (uint32_t i = 0; i < n; i++)
        if (!u->item[i] || u->item[i]->state == IML__ITEM_OPEN)
            return IML_FAIL(e, IML_EBUG, "unit %llu is committed before its item %llu has ended",
                            (unsigned long long)u->id,
                            (unsigned long long)(u->id * c->unit_items + i));
    bool shard = c->kind == IML__SINK_TAR && !c->only_loose;
    if (shard) IML_TRY(iml__shard_end(c, u, e));
    if (c->set.parts && !c->only_loose) {
        u->parts_written = true;
        IML_TRY(iml__parts_write(&u->parts, c->dirs, c->node, &c->set.aggregates, u->id,
                                 c->set.ncounters, commits_synced(c), &u->text, e));
    }
    uint64_t first = u->id * c->unit_items;
    for (int i = 0; shard && i < 3; i++)
        iml__line_file(&u->lines, first, u->shard.name[i], u->shard.size[i], u->shard.xxh3[i]);
    for (uint32_t i = 0; !shard && i < n; i++) {
        const struct iml__citem *it = u->item[i];
        // Parts of a split hand files over in the order of chance; the list must not show it.
        if (c->conf.job->splits && it->files)
            qsort(it->file, it->files, sizeof *it->file, by_file_name);
        for (size_t k = 0; k < it->files; k++)
            iml__line_file(&u->lines, it->index, it->file[k].name, it->file[k].size,
                           it->file[k].xxh3);
        if (!it->files) iml__line_empty(&u->lines, it->index);
    }
    return u->lines.failed || u->text.failed ? iml__commit_no_memory(c, e) : IML_OK;
}

static size_t first_orphan(const struct iml__commit *c, uint64_t item)
{
    size_t lo = 0, hi = c->orphans;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c->orphan[mid].item < item)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static iml_status claim(struct iml__commit *c, uint64_t item, const char *name, uint64_t size,
                        uint64_t xxh3, iml_err *e)
{
    for (size_t i = first_orphan(c, item); i < c->orphans && c->orphan[i].item == item; i++)
        if (strcmp(c->orphan_names.p + c->orphan[i].name, name) == 0) return IML_OK;
    return iml__claim(c->dirs, name, size, xxh3, e);
}

// A user's own file of the same name stops the run before the list can claim it.
static iml_status claim_names(struct iml__commit *c, const struct iml__cunit *u, iml_err *e)
{
    const struct iml__shard *s = &u->shard;
    for (int i = 0; i < 3 && s->open; i++)
        IML_TRY(claim(c, u->id * c->unit_items, s->name[i], s->size[i], s->xxh3[i], e));
    for (uint32_t i = 0; i < c->unit_items; i++) {
        const struct iml__citem *it = u->item[i];
        for (size_t k = 0; it && k < it->files; k++)
            IML_TRY(claim(c, it->index, it->file[k].name, it->file[k].size, it->file[k].xxh3, e));
    }
    return IML_OK;
}

static iml_status rename_unit(struct iml__commit *c, struct iml__cunit *u, iml_err *e)
{
    if (u->shard.open) IML_TRY(iml__shard_rename(c, u, e));
    for (uint32_t i = 0; i < c->unit_items; i++) {
        struct iml__citem *it = u->item[i];
        for (size_t k = 0; it && k < it->files; k++)
            IML_TRY(iml__tmp_rename(c->dirs, it->file[k].name, c->node, e));
    }
    if (!u->parts_written) return IML_OK;
    return iml__parts_rename(&u->parts, c->dirs, c->node, u->id, e);
}

static bool made_here(const struct iml__cunit *u, const struct iml__commit *c, uint64_t item,
                      const char *name)
{
    for (int i = 0; i < 3; i++)
        if (u->shard.name[i][0] && strcmp(u->shard.name[i], name) == 0) return true;
    const struct iml__citem *it = u->item[item % c->unit_items];
    for (size_t k = 0; it && k < it->files; k++)
        if (strcmp(it->file[k].name, name) == 0) return true;
    return false;
}

// What an earlier attempt at the unit has renamed and this one has not made.
static iml_status remove_orphans(struct iml__commit *c, struct iml__cunit *u, iml_err *e)
{
    uint64_t from = u->id * c->unit_items, to = from + c->unit_items;
    size_t lo = first_orphan(c, from);
    for (; lo < c->orphans && c->orphan[lo].item < to; lo++) {
        const char *name = c->orphan_names.p + c->orphan[lo].name;
        if (!made_here(u, c, c->orphan[lo].item, name)) IML_TRY(iml__dirs_unlink(c->dirs, name, e));
    }
    return IML_OK;
}

// Lines of bad.jsonl, then the BAD records of a unit into rec[].
static iml_status book_bad(struct iml__commit *c, struct iml__cunit *u, iml__str *lines,
                           iml__str *recs)
{
    for (uint32_t i = 0; i < c->unit_items; i++) {
        const struct iml__citem *it = u->item[i];
        if (!it || it->state != IML__ITEM_BAD) continue;
        if (it->bad_line) iml__str_adds(lines, it->bad_line);
        struct iml__record r = record(c, IML__REC_BAD, it->index);
        r.bytes = it->bad_tries, r.content = it->bad_hash;
        iml__str_add(recs, &r, sizeof r);
    }
    return lines->failed || recs->failed ? IML_ENOMEM : IML_OK;
}

static void count_items(const struct iml__commit *c, const struct iml__cunit *u, uint32_t *ok,
                        uint32_t *bad)
{
    for (uint32_t i = 0; i < c->unit_items; i++) {
        if (!u->item[i]) continue;
        *ok += u->item[i]->state == IML__ITEM_OK;
        *bad += u->item[i]->state == IML__ITEM_BAD;
    }
}

static struct iml__record unit_record(const struct iml__commit *c, const struct iml__cunit *u,
                                      iml__xxh3_state *h)
{
    struct iml__record r = record(c, IML__REC_UNIT, u->id);
    count_items(c, u, &r.ok, &r.bad);
    for (int i = 0; i < 3; i++) r.bytes += u->shard.size[i];
    for (uint32_t i = 0; i < c->unit_items; i++)
        for (size_t k = 0; u->item[i] && k < u->item[i]->files; k++)
            r.bytes += u->item[i]->file[k].size;
    iml__xxh3_reset(h);
    iml__xxh3_add(h, u->lines.p, u->lines.n);
    if (u->text.n) iml__xxh3_add(h, u->text.p, u->text.n);
    r.content = iml__xxh3_end(h);
    return r;
}

struct batch { // one call of iml__commit_units
    struct iml__cunit **u;
    size_t n;
    bool renamed;
    uint64_t list_from;
    iml__str lines, bad, recs;
    iml__xxh3_state *hash;
};

static iml_status void_old(struct iml__commit *c, const struct batch *b, iml_err *e)
{
    bool any = false;
    for (size_t i = 0; i < b->n; i++) {
        if (!had_record(c, b->u[i]->id)) continue;
        struct iml__record r = record(c, IML__REC_VOID, b->u[i]->id);
        IML_TRY(journal_append(c, &r, 1, e));
        any = true;
    }
    return any && durable(c) ? iml__journal_sync(&c->journal, e) : IML_OK;
}

static iml_status list_names(struct iml__commit *c, struct batch *b, bool sync, iml_err *e)
{
    b->list_from = c->list_at;
    for (size_t i = 0; i < b->n; i++) iml__str_add(&b->lines, b->u[i]->lines.p, b->u[i]->lines.n);
    IML_TRY(list_append(c, &b->lines, e));
    if (sync && iml__fdatasync(c->list_fd) < 0)
        return iml__sink_error(e, errno, "sync", iml__dirs_root(c->dirs), c->list_name);
    return IML_OK;
}

// When the batch's files were written; behind their renames, so that no row speaks of a file that
// is not there yet. Not synced: after a loss of power files are read anyway.
static iml_status note_times(struct iml__commit *c, const struct batch *b, iml_err *e)
{
    iml__str rows;
    if (c->times_fd < 0) return IML_OK;
    iml__str_init(&rows, (size_t)1 << 36);
    for (size_t i = 0; i < b->n; i++)
        for (uint32_t k = 0; k < c->unit_items; k++) {
            const struct iml__citem *it = b->u[i]->item[k];
            for (size_t f = 0; it && f < it->files; f++)
                iml__times_row(&rows, it->file[f].name, it->file[f].mtime_ns);
        }
    iml_status st = rows.failed ? iml__commit_no_memory(c, e) : IML_OK;
    if (!st && rows.n && iml__write_all(c->times_fd, rows.p, rows.n) < 0)
        st = iml__sink_error(e, errno, "write the times of", NULL, iml__dirs_root(c->dirs));
    iml__str_free(&rows);
    return st;
}

static iml_status book(struct iml__commit *c, struct batch *b, bool sync, iml_err *e)
{
    for (size_t i = 0; i < b->n; i++)
        if (book_bad(c, b->u[i], &b->bad, &b->recs)) return iml__commit_no_memory(c, e);
    if (b->bad.n && iml__write_all(c->bad_fd, b->bad.p, b->bad.n) < 0)
        return iml__sink_error(e, errno, "write the list of bad items of", NULL,
                               iml__dirs_root(c->dirs));
    if (b->bad.n && sync && iml__fdatasync(c->bad_fd) < 0)
        return iml__sink_error(e, errno, "sync the list of bad items of", NULL,
                               iml__dirs_root(c->dirs));
    if (c->only_loose) return IML_OK; // names are listed, but nothing is recorded
    if (c->unit_items > 1 || c->set.parts) { // a unit file is covered by its own record
        for (size_t i = 0; i < b->n; i++) {
            struct iml__record r = unit_record(c, b->u[i], b->hash);
            c->ok += r.ok, c->bad += r.bad;
            iml__str_add(&b->recs, &r, sizeof r);
        }
    } else {
        struct iml__record r = record(c, IML__REC_BATCH, b->list_from);
        for (size_t i = 0; i < b->n; i++) count_items(c, b->u[i], &r.ok, &r.bad);
        r.bytes = c->list_at, r.content = iml__xxh3(b->lines.p, b->lines.n);
        c->ok += r.ok, c->bad += r.bad;
        iml__str_add(&b->recs, &r, sizeof r);
    }
    if (b->recs.failed) return iml__commit_no_memory(c, e);
    return journal_append(c, (const void *)b->recs.p, b->recs.n / sizeof(struct iml__record), e);
}

// Everything so far has reached the disk: says so in the journal.
static iml_status mark_synced(struct iml__commit *c, iml_err *e)
{
    IML_TRY(iml__journal_sync(&c->journal, e));
    struct iml__record r = record(c, IML__REC_BATCH, c->list_at);
    r.bytes = c->list_at;
    iml_status st = journal_append(c, &r, 1, e);
    c->unsynced = false, c->synced_us = iml__now_us();
    return st;
}

static iml_status sync_all(struct iml__commit *c, iml_err *e)
{
    if (iml__syncfs(iml__dirs_root_fd(c->dirs)) == 0) return IML_OK;
    return iml__sink_error(e, errno, "sync", NULL, iml__dirs_root(c->dirs));
}

static iml_status own_commit(struct iml__commit *c, const struct batch *b, iml_err *e)
{
    if (c->kind != IML__SINK_OWN || !c->conf.sink->commit) return IML_OK;
    for (size_t i = 0; i < b->n; i++) {
        uint32_t n = indices_of(c, b->u[i]->id);
        uint64_t *item = iml__calloc(n, sizeof *item);
        if (!item) return iml__commit_no_memory(c, e);
        for (uint32_t k = 0; k < n; k++) item[k] = b->u[i]->id * c->unit_items + k;
        iml_status st = c->conf.sink->commit(c->own, item, n, e);
        IML_FREE(item);
        if (st) return st;
    }
    return IML_OK;
}

static iml_status commit_batch(struct iml__commit *c, struct batch *b, iml_err *e)
{
    bool each = commits_synced(c);
    bool now = durable(c) && !each && iml__now_us() - c->synced_us > SYNC_EVERY_US;
    for (size_t i = 0; i < b->n; i++) IML_TRY(prepare(c, b->u[i], e));
    for (size_t i = 0; i < b->n; i++) IML_TRY(claim_names(c, b->u[i], e));
    IML_TRY(void_old(c, b, e));
    IML_TRY(list_names(c, b, each, e));
    if (now) IML_TRY(sync_all(c, e));
    IML_TRY(own_commit(c, b, e));
    for (size_t i = 0; i < b->n; i++) IML_TRY(rename_unit(c, b->u[i], e));
    b->renamed = true;
    for (size_t i = 0; i < b->n; i++) IML_TRY(remove_orphans(c, b->u[i], e));
    if (each || now) IML_TRY(iml__dirs_sync(c->dirs, e));
    IML_TRY(note_times(c, b, e));
    IML_TRY(book(c, b, each || now, e));
    if (each) IML_TRY(iml__journal_sync(&c->journal, e));
    c->unsynced |= durable(c) && !each;
    return now ? mark_synced(c, e) : IML_OK;
}

iml_status iml__commit_units(struct iml__commit *c, const uint64_t *unit, size_t n, iml_err *e)
{
    struct batch b = {0};
    iml_status st = iml__commit_begin(c, e);
    if (st || n == 0) return st;
    iml__str_init(&b.lines, (size_t)1 << 36);
    iml__str_init(&b.bad, (size_t)1 << 36);
    iml__str_init(&b.recs, (size_t)1 << 36);
    b.u = iml__calloc(n, sizeof(struct iml__cunit *));
    b.hash = iml__xxh3_new();
    if (!b.u || !b.hash) st = iml__commit_no_memory(c, e);
    for (size_t i = 0; i < n && !st; i++) {
        if ((b.u[i] = take_unit(c, unit[i])))
            b.n++;
        else
            st = IML_FAIL(e, IML_EBUG, "unit %llu is committed, but nothing of it was handed over",
                          (unsigned long long)unit[i]);
    }
    if (!st) st = commit_batch(c, &b, e);
    for (size_t i = 0; b.u && i < b.n; i++) free_unit(c, b.u[i], b.renamed);
    IML_FREE(b.u);
    iml__xxh3_free(&b.hash);
    iml__str_free(&b.lines);
    iml__str_free(&b.bad);
    iml__str_free(&b.recs);
    return st;
}

// ---- The end

static iml_status list_joined(void *user, const iml__str *lines, iml_err *e)
{
    struct iml__commit *c = user;
    return list_append(c, lines, e);
}

static iml_status end_record(struct iml__commit *c, uint64_t covered, uint64_t content, iml_err *e)
{
    struct iml__record r = record(c, IML__REC_END, covered);
    r.content = content;
    IML_TRY(journal_append(c, &r, 1, e));
    return durable(c) ? iml__journal_sync(&c->journal, e) : IML_OK;
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
    IML_TRY(iml__manifest_make(c->dirs, c->node, &c->set, l, durability(c), list_joined, c, &m, e));
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
        IML_TRY(ledger_error(iml__manifest_read(c->dirs, &m, &found, e), e));
        if (found) {
            *sums = (struct iml__commit_sums){m.files, m.bytes, m.content, true};
            return IML_OK;
        }
    }
    if (c->unsynced) {
        IML_TRY(sync_all(c, e));
        IML_TRY(iml__dirs_sync(c->dirs, e));
        IML_TRY(mark_synced(c, e));
    }
    IML_TRY(ledger_error(iml__ledger_load(&l, c->dirs, c->set.unit_items, c->set.parts, e), e));
    // Asked for less than is there: what is there is the set.
    c->set.count = IML_MAX(c->set.count, iml__ledger_extent(l));
    uint64_t missing = iml__set_missing(&c->set, l);
    iml_status st = IML_OK;
    if (may_finish(c) && missing == 0) {
        st = complete(c, l, sums, e);
    } else {
        st = iml__bad_unite(c->dirs, c->node, l, durability(c), e);
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
            free_unit(c, u, false);
        }
    if (c->kind == IML__SINK_OWN && c->own && c->conf.sink->close) c->conf.sink->close(&c->own);
    iml__close(&c->list_fd);
    iml__close(&c->bad_fd);
    iml__close(&c->times_fd);
    iml__journal_close(&c->journal);
    iml__past_free(&c->past);
    IML_FREE(c->redo);
    IML_FREE(c->orphan);
    iml__str_free(&c->orphan_names);
    iml__dirs_close(&c->dirs);
    pthread_mutex_destroy(&c->lock);
    IML_FREE(c);
}
