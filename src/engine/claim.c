// claim.c: whether a final name may be taken: nothing stands there, or what stands there is ours.
//
// A user's own files are never replaced. A directory that held files before its first run is marked
// (IML__GUESTS); in any other, whatever bears one of our names is ours, also after a crash that
// took list and journal. In a marked one a file is ours if a list of the data set names it, or if
// it holds the very bytes that are about to be renamed over it (a list may be damaged; the bytes of
// an item are the same in every run, so taking such a name loses nothing). Names are asked for
// before they are listed, since from then on the list would claim them. Rejected: renameat2 with
// RENAME_NOREPLACE (not every network mount has it, and it tells of a user's file only after the
// list names it); what is left open is a file that appears between the look and the rename.
#include "src/engine/commit_in.h"

#include <stdio.h>
#include <string.h>

#include "src/base/err.h"
#include "src/io/vfs.h"

// A first sign of a data set of ours: a run that began, lines, or settings.
bool iml__set_stands(struct iml__dirs *d, const struct iml__ledger *l)
{
    struct stat st;
    if (l->segments) return true;
    for (size_t i = 0; i < l->nodes; i++) {
        char name[96];
        (void)snprintf(name, sizeof name, ".imloom/settings.%s.json", l->node[i].name);
        if (l->node[i].list_size ||
            iml__fstatat(iml__dirs_root_fd(d), name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    }
    return false;
}

static bool listed(struct iml__dirs *d, const char *name, iml_err *e)
{
    struct iml__ledger *l;
    bool found = false;
    if (iml__ledger_load(&l, d, 1, false, e)) return false;
    for (size_t i = 0; i < l->nodes && !found; i++) {
        struct iml__lines it;
        struct iml__line line;
        iml__lines_begin(&it, l->node[i].list, 0, l->node[i].list_n);
        while (!found && iml__lines_next(&it, &line))
            found = (line.kind == IML__LINE_FILE || line.kind == IML__LINE_JOINED) &&
                    strcmp(line.name, name) == 0;
    }
    iml__ledger_free(&l);
    return found;
}

iml_status iml__claim(struct iml__dirs *d, const char *name, uint64_t size, uint64_t xxh3,
                      iml_err *e)
{
    struct iml__dir use;
    const char *leaf;
    struct stat st, mark;
    enum iml__match m;
    IML_TRY(iml__dirs_get(d, name, true, &use, &leaf, e));
    int r = iml__fstatat(use.fd, leaf, &st, AT_SYMLINK_NOFOLLOW), sys = errno;
    iml__dirs_put(d, &use);
    if (r < 0)
        return sys == ENOENT ? IML_OK : iml__sink_error(e, sys, "look at", iml__dirs_root(d), name);
    // In a directory that was empty before our first run, all that bears our names is ours, also
    // after a crash that took list and journal.
    if (iml__fstatat(iml__dirs_root_fd(d), IML__GUESTS, &mark, AT_SYMLINK_NOFOLLOW) < 0)
        return IML_OK;
    if (iml__ledger_match(d, name, size, xxh3, true, &m, NULL) == IML_OK && m == IML__MATCH_SAME)
        return IML_OK;
    if (listed(d, name, NULL)) return IML_OK;
    return IML_FAIL(e, IML_ESINK,
                    "%.100s/%.100s is in the way: no run of this data set made it; move it away, "
                    "or choose another output directory",
                    iml__dirs_root(d), name);
}
