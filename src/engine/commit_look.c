// commit_look.c: a dry run: refuses what the run would refuse and folds what the journals say,
// without lock or change.
#include "src/engine/commit.h"

#include <string.h>

#include "src/base/err.h"
#include "src/engine/commit_in.h"
#include "src/io/vfs.h"

// Nothing is there yet: could it be made?
static iml_status could_be_made(const char *out, iml_err *e)
{
    char path[4096];
    struct stat st;
    size_t n = strlen(out);
    if (!n || n >= sizeof path)
        return iml__sink_error(e, n ? ENAMETOOLONG : ENOENT, "open the directory", NULL, out);
    memcpy(path, out, n + 1);
    for (; n > 0; n--) {
        if (path[n] && path[n] != '/') continue;
        path[n] = 0;
        if (iml__fstatat(AT_FDCWD, path, &st, 0) < 0) {
            if (errno != ENOENT) return iml__sink_error(e, errno, "look at", NULL, path);
            continue;
        }
        if (!S_ISDIR(st.st_mode))
            return iml__sink_error(e, ENOTDIR, "open the directory", NULL, out);
        break;
    }
    const char *parent = n ? path : *out == '/' ? "/" : ".";
    if (iml__may_write(parent) == 0) return IML_OK;
    return iml__sink_error(e, errno, "make the directory", NULL, out);
}

static iml_status count_listed(struct iml__commit *c, const struct iml__ledger *l, iml_err *e)
{
    struct iml__lines it;
    struct iml__line line;
    enum iml__match m;
    for (size_t i = 0; i < l->nodes; i++) {
        iml__lines_begin(&it, l->node[i].list, 0, l->node[i].list_n);
        while (iml__lines_next(&it, &line)) {
            if (line.kind != IML__LINE_FILE && line.kind != IML__LINE_JOINED) continue;
            IML_TRY(iml__ledger_match(c->dirs, line.name, line.size, line.xxh3, false, &m, e));
            c->replaced += m != IML__MATCH_MISSING;
        }
    }
    return IML_OK;
}

// Refuses what a run would refuse and folds what the journals say, without lock or change.
iml_status iml__commit_look(struct iml__commit *c, iml_err *e)
{
    const iml_run_opts *o = c->conf.opts;
    struct stat at;
    struct iml__ledger *l;
    if (iml__fstatat(AT_FDCWD, o->out_dir, &at, 0) < 0 && errno == ENOENT) {
        c->past = iml__past_new(c->unit_items);
        return c->past ? iml__commit_as_refusal(could_be_made(o->out_dir, e), e)
                       : iml__commit_no_memory(c, e);
    }
    IML_TRY(iml__commit_as_refusal(iml__dirs_open(&c->dirs, o->out_dir, e), e));
    if (iml__may_write(o->out_dir) < 0)
        return iml__commit_as_refusal(iml__sink_error(e, errno, "write to", NULL, o->out_dir), e);
    IML_TRY(
        iml__commit_as_sink(iml__ledger_load(&l, c->dirs, c->set.unit_items, c->set.parts, e), e));
    iml_status st = IML_OK;
    for (size_t i = 0; i < l->nodes && !st; i++)
        if (o->flags & IML_RUN_OVERWRITE || !strcmp(l->node[i].name, c->node))
            st = iml__commit_idle(c, l->node[i].name, e);
    bool fresh = !iml__set_stands(c->dirs, l);
    bool guests =
        iml__fstatat(iml__dirs_root_fd(c->dirs), IML__GUESTS, &at, AT_SYMLINK_NOFOLLOW) == 0;
    if (!st && fresh && (iml__commit_untouched(c) || guests)) st = iml__commit_no_manifest(c, e);
    bool anew = fresh || o->flags & IML_RUN_OVERWRITE;
    if (!st && !fresh && anew) st = iml__commit_as_sink(count_listed(c, l, e), e);
    if (!st && !anew) st = iml__commit_same_set(c, l, e);
    if (!st && !anew && c->only_loose && c->kind == IML__SINK_TAR)
        st = iml__commit_no_shards(c, l, e);
    if (!st && !anew) st = iml__commit_as_sink(iml__ledger_check(l, iml__boot_hash(), e), e);
    if (!st && !anew && !c->only_loose) c->past = l->past, l->past = NULL;
    iml__ledger_free(&l);
    if (!st && !c->past && !(c->past = iml__past_new(c->unit_items)))
        st = iml__commit_no_memory(c, e);
    return st;
}

uint64_t iml__commit_replaced(const struct iml__commit *c) { return c->replaced; }
