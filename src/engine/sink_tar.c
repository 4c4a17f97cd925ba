// sink_tar.c: shards: items in index order into shard-%06d.tar, with their two indexes.
//
// One thread puts, in index order, so the archive's bytes depend on nothing else. A file that an
// item hands over early (iml_emit) waits in a nameless spool of its item, since half of an item
// could not be taken out of a shard again. The indexes are made from the writer's memory.
#include "src/engine/commit_in.h"

#include <stdio.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/safe.h"
#include "src/io/shardidx.h"
#include "src/io/vfs.h"

enum { MIB = 1 << 20, CHUNK = 1 << 16 };

void iml__shard_name(char out[40], uint64_t unit, const char *suffix)
{
    (void)snprintf(out, 40, "shard-%06llu.%s", (unsigned long long)unit, suffix);
}

static iml_status shard_error(struct iml__commit *c, const struct iml__shard *s, int which, int sys,
                              iml_err *e)
{
    return iml__sink_error(e, sys, "write", iml__dirs_root(c->dirs), s->name[which]);
}

static iml_status begin(struct iml__commit *c, struct iml__cunit *u, iml_err *e)
{
    struct iml__shard *s = &u->shard;
    iml__shard_name(s->name[0], u->id, "tar");
    iml__shard_name(s->name[1], u->id, "idx");
    iml__shard_name(s->name[2], u->id, "imx");
    s->open = true; // from here on there may be a temporary file to remove
    IML_TRY(iml__tmp_create(c->dirs, s->name[0], c->node, &s->fd, e));
    if (iml__tarw_begin(&s->tar, s->fd) < 0) return shard_error(c, s, 0, errno, e);
    return IML_OK;
}

static iml_status check_name(const char *name, iml_err *e)
{
    const char *fault = iml__member_name_fault(name);
    if (fault) return IML_FAIL(e, IML_EBUG, "\"%.120s\" cannot stand in a shard: %s", name, fault);
    if (iml__name_check(name, e) == IML_OK) return IML_OK;
    if (e) e->status = IML_EBUG;
    return IML_EBUG;
}

static iml_status put_spooled(struct iml__commit *c, struct iml__shard *s, struct iml__citem *it,
                              iml_err *e)
{
    uint8_t *chunk = iml__alloc(CHUNK);
    if (!chunk) return iml__commit_no_memory(c, e);
    int r = 0;
    for (size_t i = 0; i < it->spools && r == 0; i++) {
        const struct iml__spooled *p = &it->spooled[i];
        r = iml__tarw_member(&s->tar, p->name, p->size);
        for (uint64_t at = 0; at < p->size && r == 0;) {
            size_t k = (size_t)IML_MIN(p->size - at, (uint64_t)CHUNK);
            ssize_t got = iml__pread_all(it->spool_fd, chunk, k, p->off + at);
            if (got >= 0 && (size_t)got < k) errno = EIO, got = -1;
            r = got < 0 ? -1 : iml__tarw_data(&s->tar, chunk, k);
            at += k;
        }
    }
    int sys = errno;
    IML_FREE(chunk);
    return r < 0 ? shard_error(c, s, 0, sys, e) : IML_OK;
}

iml_status iml__shard_put(struct iml__commit *c, struct iml__cunit *u, struct iml__citem *it,
                          const iml_out *out, size_t n, iml_err *e)
{
    struct iml__shard *s = &u->shard;
    if (!s->open) IML_TRY(begin(c, u, e));
    if (it->spools) IML_TRY(put_spooled(c, s, it, e));
    for (size_t i = 0; i < n; i++) {
        if (out[i].flags & IML_OUT_APPEND) continue;
        uint64_t size = 0;
        IML_TRY(check_name(out[i].name, e));
        for (uint32_t k = 0; k < out[i].nfrag; k++) size += out[i].frag[k].len;
        int r = iml__tarw_member(&s->tar, out[i].name, size);
        for (uint32_t k = 0; k < out[i].nfrag && r == 0; k++) {
            const iml_frag *f = &out[i].frag[k];
            r = iml__tarw_data(&s->tar, iml_buf_data(f->data) + f->off, f->len);
        }
        if (r < 0) return shard_error(c, s, 0, errno, e);
    }
    return IML_OK;
}

iml_status iml__shard_spool(struct iml__commit *c, struct iml__citem *it, const iml_out *out,
                            iml_err *e)
{
    IML_TRY(check_name(out->name, e));
    if (it->spool_fd < 0) IML_TRY(iml__tmp_nameless(c->dirs, ".imloom", &it->spool_fd, e));
    struct iml__spooled *grown = iml__realloc(it->spooled, it->spools + 1, sizeof *grown);
    if (!grown) return iml__commit_no_memory(c, e);
    it->spooled = grown;
    struct iml__spooled row = {.off = it->spool_at, .name = iml__strdup(out->name)};
    if (!row.name) return iml__commit_no_memory(c, e);
    it->spooled[it->spools++] = row;
    for (uint32_t k = 0; k < out->nfrag; k++) {
        const iml_frag *f = &out->frag[k];
        if (iml__pwrite_all(it->spool_fd, iml_buf_data(f->data) + f->off, f->len, it->spool_at) < 0)
            return iml__sink_error(e, errno, "write the spool of", iml__dirs_root(c->dirs),
                                   out->name);
        it->spool_at += f->len;
    }
    it->spooled[it->spools - 1].size = it->spool_at - row.off;
    return IML_OK;
}

// One of the two indexes, under its temporary name.
static iml_status write_index(struct iml__commit *c, struct iml__shard *s, int which,
                              const iml__str *text, iml_err *e)
{
    int fd;
    IML_TRY(iml__tmp_create(c->dirs, s->name[which], c->node, &fd, e));
    int r = iml__write_all(fd, text->p, text->n);
    if (r == 0 && c->conf.opts->durability != IML_DURABILITY_PROCESS) r = iml__fdatasync(fd);
    int sys = errno;
    if (iml__close(&fd) < 0 && r == 0) r = -1, sys = errno;
    if (r < 0) return shard_error(c, s, which, sys, e);
    s->size[which] = text->n, s->xxh3[which] = iml__xxh3(text->p, text->n);
    return IML_OK;
}

static iml_status write_indexes(struct iml__commit *c, struct iml__shard *s, iml_err *e)
{
    size_t n = (size_t)IML_MIN(s->size[0], (uint64_t)MIB);
    uint8_t *ends = iml__alloc(2 * n);
    iml__str idx, imx;
    uint64_t samples;
    iml__str_init(&idx, (size_t)1 << 36);
    iml__str_init(&imx, (size_t)1 << 36);
    iml_status st = ends ? IML_OK : iml__commit_no_memory(c, e);
    if (!st && (iml__pread_all(s->fd, ends, n, 0) != (ssize_t)n ||
                iml__pread_all(s->fd, ends + n, n, s->size[0] - n) != (ssize_t)n))
        st = shard_error(c, s, 0, EIO, e);
    if (!st) {
        struct iml__shard_ends two = {ends, ends + n, n};
        st = iml__shard_index(&s->tar, s->size[0], &two, &idx, &imx, &samples, e);
        if (st == IML_ENOMEM) st = iml__commit_no_memory(c, e);
    }
    if (!st) st = write_index(c, s, 1, &idx, e);
    if (!st) st = write_index(c, s, 2, &imx, e);
    IML_FREE(ends);
    iml__str_free(&idx);
    iml__str_free(&imx);
    return st;
}

// A shard none of whose items has a file is an empty archive, so that numbers have no gaps.
iml_status iml__shard_end(struct iml__commit *c, struct iml__cunit *u, iml_err *e)
{
    struct iml__shard *s = &u->shard;
    if (!s->open) IML_TRY(begin(c, u, e));
    if (iml__tarw_end(&s->tar, &s->size[0], &s->xxh3[0]) < 0) return shard_error(c, s, 0, errno, e);
    IML_TRY(write_indexes(c, s, e));
    int r = 0;
    if (c->conf.opts->durability != IML_DURABILITY_PROCESS) r = iml__fdatasync(s->fd);
    int sys = errno;
    if (iml__close(&s->fd) < 0 && r == 0) r = -1, sys = errno;
    return r < 0 ? shard_error(c, s, 0, sys, e) : IML_OK;
}

iml_status iml__shard_rename(struct iml__commit *c, struct iml__cunit *u, iml_err *e)
{
    for (int i = 0; i < 3; i++) IML_TRY(iml__tmp_rename(c->dirs, u->shard.name[i], c->node, e));
    u->shard.open = false;
    return IML_OK;
}

void iml__shard_abandon(struct iml__commit *c, struct iml__cunit *u)
{
    struct iml__shard *s = &u->shard;
    iml__close(&s->fd);
    iml__tarw_free(&s->tar);
    for (int i = 0; s->open && i < 3; i++) iml__tmp_remove(c->dirs, s->name[i], c->node);
    s->open = false;
}
