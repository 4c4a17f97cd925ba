// commit_items.c: what items hand over, until their unit is committed: temporary files, pieces,
// spools, counts, and the reasons of bad ones.
//
// A unit that is being made stands in a table by its number; an item of it comes with its first
// file and goes with an attempt that failed. The table is guarded by the lock; what belongs to one
// item alone is its worker's, for an item is in one pair of hands at a time.
#include "src/engine/commit.h"

#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/engine/commit_in.h"
#include "src/io/vfs.h"

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

void iml__commit_free_unit(struct iml__commit *c, struct iml__cunit *u, bool renamed)
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

struct iml__cunit *iml__commit_take_unit(struct iml__commit *c, uint64_t id)
{
    pthread_mutex_lock(&c->lock);
    struct iml__cunit **at = place_of(c, id), *u = *at;
    if (u) *at = u->next;
    pthread_mutex_unlock(&c->lock);
    return u;
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
    struct iml__record r = iml__commit_record(c, IML__REC_SUSPECT, index);
    iml__record_encode(rec, &r);
}

int iml__commit_journal_fd(const struct iml__commit *c) { return c->journal.fd; }

iml_status iml__commit_suspect(struct iml__commit *c, uint64_t index, iml_err *e)
{
    IML_TRY(iml__commit_begin(c, e));
    struct iml__record r = iml__commit_record(c, IML__REC_SUSPECT, index);
    return iml__commit_journal(c, &r, 1, e);
}
