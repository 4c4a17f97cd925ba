// commit_units.c: the commit of units, step by step: VOID, names into the list, sync, renames,
// removals, BAD, UNIT or BATCH. The order is what the invariants at the head of commit.c rest on.
#include "src/engine/commit.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/engine/commit_in.h"
#include "src/engine/ledger_in.h"
#include "src/engine/times.h"
#include "src/io/vfs.h"

#define SYNC_EVERY_US ((uint64_t)30 * 1000 * 1000)

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
    if (c->nredo && bsearch(&unit, c->redo, c->nredo, sizeof *c->redo, iml__by_u64)) return true;
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
                                 c->set.ncounters, iml__commit_synced(c), &u->text, e));
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
        struct iml__record r = iml__commit_record(c, IML__REC_BAD, it->index);
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
    struct iml__record r = iml__commit_record(c, IML__REC_UNIT, u->id);
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
        struct iml__record r = iml__commit_record(c, IML__REC_VOID, b->u[i]->id);
        IML_TRY(iml__commit_journal(c, &r, 1, e));
        any = true;
    }
    return any && iml__commit_durable(c) ? iml__journal_sync(&c->journal, e) : IML_OK;
}

static iml_status list_names(struct iml__commit *c, struct batch *b, bool sync, iml_err *e)
{
    b->list_from = c->list_at;
    for (size_t i = 0; i < b->n; i++) iml__str_add(&b->lines, b->u[i]->lines.p, b->u[i]->lines.n);
    IML_TRY(iml__commit_list(c, &b->lines, e));
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
    if (c->only_loose) return IML_OK;        // names are listed, but nothing is recorded
    if (c->unit_items > 1 || c->set.parts) { // a unit file is covered by its own record
        for (size_t i = 0; i < b->n; i++) {
            struct iml__record r = unit_record(c, b->u[i], b->hash);
            c->ok += r.ok, c->bad += r.bad;
            iml__str_add(&b->recs, &r, sizeof r);
        }
    } else {
        struct iml__record r = iml__commit_record(c, IML__REC_BATCH, b->list_from);
        for (size_t i = 0; i < b->n; i++) count_items(c, b->u[i], &r.ok, &r.bad);
        r.bytes = c->list_at, r.content = iml__xxh3(b->lines.p, b->lines.n);
        c->ok += r.ok, c->bad += r.bad;
        iml__str_add(&b->recs, &r, sizeof r);
    }
    if (b->recs.failed) return iml__commit_no_memory(c, e);
    return iml__commit_journal(c, (const void *)b->recs.p, b->recs.n / sizeof(struct iml__record),
                               e);
}

// Everything so far has reached the disk: says so in the journal.
iml_status iml__commit_mark_synced(struct iml__commit *c, iml_err *e)
{
    IML_TRY(iml__journal_sync(&c->journal, e));
    struct iml__record r = iml__commit_record(c, IML__REC_BATCH, c->list_at);
    r.bytes = c->list_at;
    iml_status st = iml__commit_journal(c, &r, 1, e);
    c->unsynced = false, c->synced_us = iml__now_us();
    return st;
}

iml_status iml__commit_sync_all(struct iml__commit *c, iml_err *e)
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
    bool each = iml__commit_synced(c);
    bool now = iml__commit_durable(c) && !each && iml__now_us() - c->synced_us > SYNC_EVERY_US;
    for (size_t i = 0; i < b->n; i++) IML_TRY(prepare(c, b->u[i], e));
    for (size_t i = 0; i < b->n; i++) IML_TRY(claim_names(c, b->u[i], e));
    IML_TRY(void_old(c, b, e));
    IML_TRY(list_names(c, b, each, e));
    if (now) IML_TRY(iml__commit_sync_all(c, e));
    IML_TRY(own_commit(c, b, e));
    for (size_t i = 0; i < b->n; i++) IML_TRY(rename_unit(c, b->u[i], e));
    b->renamed = true;
    for (size_t i = 0; i < b->n; i++) IML_TRY(remove_orphans(c, b->u[i], e));
    if (each || now) IML_TRY(iml__dirs_sync(c->dirs, e));
    IML_TRY(note_times(c, b, e));
    IML_TRY(book(c, b, each || now, e));
    if (each) IML_TRY(iml__journal_sync(&c->journal, e));
    c->unsynced |= iml__commit_durable(c) && !each;
    return now ? iml__commit_mark_synced(c, e) : IML_OK;
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
        if ((b.u[i] = iml__commit_take_unit(c, unit[i])))
            b.n++;
        else
            st = IML_FAIL(e, IML_EBUG, "unit %llu is committed, but nothing of it was handed over",
                          (unsigned long long)unit[i]);
    }
    if (!st) st = commit_batch(c, &b, e);
    for (size_t i = 0; b.u && i < b.n; i++) iml__commit_free_unit(c, b.u[i], b.renamed);
    IML_FREE(b.u);
    iml__xxh3_free(&b.hash);
    iml__str_free(&b.lines);
    iml__str_free(&b.bad);
    iml__str_free(&b.recs);
    return st;
}
