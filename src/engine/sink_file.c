// sink_file.c: loose files: each item's files under the names that its job gives them.
//
// A file is written to its end under its temporary name when its item hands it over, by the worker
// that made it; no descriptor stays open until the commit. Renames happen in commit.c, for the
// files of whole units together.
#include "src/engine/commit_in.h"

#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/safe.h"
#include "src/io/vfs.h"

enum { FEW = 16 };

static int write_frags(int fd, const iml_out *out, uint64_t *size, uint64_t *hash)
{
    struct iovec few[FEW], *iov = few;
    iml__xxh3_state *h = NULL;
    *size = 0;
    if (out->nfrag > FEW && !(iov = iml__calloc(out->nfrag, sizeof *iov)))
        return errno = ENOMEM, -1;
    if (out->nfrag != 1 && !(h = iml__xxh3_new())) {
        if (iov != few) IML_FREE(iov);
        return errno = ENOMEM, -1;
    }
    for (uint32_t i = 0; i < out->nfrag; i++) {
        const iml_frag *f = &out->frag[i];
        iov[i] = (struct iovec){iml_buf_data(f->data) + f->off, f->len};
        *size += f->len;
        if (h)
            iml__xxh3_add(h, iov[i].iov_base, f->len);
        else
            *hash = iml__xxh3(iov[i].iov_base, f->len);
    }
    if (h) *hash = iml__xxh3_end(h);
    iml__xxh3_free(&h);
    int r = iml__writev_all(fd, iov, (int)out->nfrag), sys = errno;
    if (iov != few) IML_FREE(iov);
    return errno = sys, r;
}

static iml_status add_row_locked(struct iml__commit *c, struct iml__citem *it, const char *name,
                                 size_t *row, iml_err *e)
{
    for (size_t i = 0; i < it->files; i++)
        if (strcmp(it->file[i].name, name) == 0)
            return IML_FAIL(e, IML_EBUG, "item %llu wrote the file %.120s twice",
                            (unsigned long long)it->index, name);
    if (it->files == it->files_cap) {
        size_t cap = it->files_cap ? it->files_cap * 2 : 4;
        struct iml__file *grown = iml__realloc(it->file, cap, sizeof *grown);
        if (!grown) return iml__commit_no_memory(c, e);
        it->file = grown, it->files_cap = cap;
    }
    char *copy = iml__strdup(name);
    if (!copy) return iml__commit_no_memory(c, e);
    *row = it->files++;
    it->file[*row] = (struct iml__file){.name = copy};
    return IML_OK;
}

// The parts of a split item hand files over at once, so rows are made, and filled in, under the
// lock; the writing in between is not.
static iml_status add_row(struct iml__commit *c, struct iml__citem *it, const char *name,
                          size_t *row, iml_err *e)
{
    pthread_mutex_lock(&c->lock);
    iml_status st = add_row_locked(c, it, name, row, e);
    pthread_mutex_unlock(&c->lock);
    return st;
}

iml_status iml__loose_put(struct iml__commit *c, struct iml__citem *it, const iml_out *out,
                          iml_err *e)
{
    uint64_t size = 0, xxh3 = 0;
    size_t row;
    int fd;
    if (iml__name_check(out->name, e)) {
        if (e) e->status = IML_EBUG;
        return IML_EBUG;
    }
    // The row comes first, so that a temporary file that fails half-way is removed with its item.
    IML_TRY(add_row(c, it, out->name, &row, e));
    IML_TRY(iml__tmp_create(c->dirs, out->name, c->node, &fd, e));
    int r = write_frags(fd, out, &size, &xxh3);
    if (r == 0 && iml__commit_each_file_synced(c)) r = iml__fdatasync(fd);
    struct stat at = {0};
    if (r == 0) r = iml__fstat(fd, &at);
    int sys = errno;
    if (iml__close(&fd) < 0 && r == 0) r = -1, sys = errno;
    if (r < 0) return iml__sink_error(e, sys, "write", iml__dirs_root(c->dirs), out->name);
    pthread_mutex_lock(&c->lock);
    it->file[row].size = size, it->file[row].xxh3 = xxh3;
    it->file[row].mtime_ns = (int64_t)at.st_mtim.tv_sec * 1000000000 + at.st_mtim.tv_nsec;
    pthread_mutex_unlock(&c->lock);
    return IML_OK;
}

// ---- The public rows. The commit protocol knows both by their address; they have no life of
// their own outside iml_run.

static iml_status not_alone(void **s, const iml_run_opts *o, iml_err *e)
{
    (void)o;
    *s = NULL;
    return IML_FAIL(e, IML_EARG, "this sink only works inside iml_run with an output directory");
}

static const iml_sink_ops file_ops = {.name = "file", .ordered = false, .open = not_alone};
static const iml_sink_ops tar_ops = {.name = "tar", .ordered = true, .open = not_alone};

const iml_sink_ops *iml_sink_file(void) { return &file_ops; }
const iml_sink_ops *iml_sink_tar(void) { return &tar_ops; }
