// quarantine.c: DIR/INDEX-NAME leads to the input of each item that became bad.
//
// A hard link, so that the file stays when its directory is cleaned up. Where none can be made
// (another file system, one that knows none, a file of somebody else's) it is a symbolic one, which
// is said once. Rejected: a copy there (bad volumes are as large as good ones, and the disk may be
// what is wrong), and ending the run (nobody's data depends on these links).
#include "src/engine/quarantine.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/log.h"
#include "src/io/vfs.h"

iml_status iml__quarantine_open(struct iml_run_t *r, iml_err *e)
{
    const char *dir = r->opts.quarantine_dir;
    if (!dir || !iml__mkdirat(AT_FDCWD, dir, 0777) || errno == EEXIST) return IML_OK;
    return IML_FAIL_SYS(e, IML_EARG, errno, "the quarantine directory %s cannot be made: %s", dir,
                        iml__errno_text(errno));
}

static int soft_link(const struct iml_run_t *r, const char *from, const char *to)
{
    char root[PATH_MAX], whole[2 * PATH_MAX];
    const char *below = r->opts.input_root ? r->opts.input_root : ".";
    root[0] = 0;
    if (*from != '/' && !realpath(below, root)) return -1;
    (void)snprintf(whole, sizeof whole, "%s%s%s", root, *root ? "/" : "", from);
    return iml__symlinkat(whole, AT_FDCWD, to);
}

static int make_link(struct iml_run_t *r, const char *from, const char *to)
{
    if (!iml__linkat(r->input_dir, from, AT_FDCWD, to, 0) || errno == EEXIST) return 0;
    int sys = errno;
    if (sys != EXDEV && sys != EPERM && sys != EMLINK && sys != ENOTSUP) return -1;
    if (soft_link(r, from, to) && errno != EEXIST) return -1;
    if (!__atomic_exchange_n(&r->soft_links, 1, __ATOMIC_RELAXED) && r->ctx)
        iml__log(r->ctx, IML__LOG_INFO,
                 "%s takes no hard links to the inputs (%s): it gets symbolic ones",
                 r->opts.quarantine_dir, iml__errno_text(sys));
    return 0;
}

void iml__quarantine_link(struct iml_run_t *r, uint64_t index)
{
    char from[PATH_MAX], to[PATH_MAX];
    if (!r->opts.quarantine_dir || !r->job->input) return;
    if (r->job->input(r->job->user, index, from, sizeof from) != IML_OK) return;
    const char *base = strrchr(from, '/');
    int n = snprintf(to, sizeof to, "%s/%09llu-%s", r->opts.quarantine_dir,
                     (unsigned long long)index, base ? base + 1 : from);
    if (n < 0 || (size_t)n >= sizeof to) return;
    if (!make_link(r, from, to) || !r->ctx) return;
    iml__log(r->ctx, IML__LOG_WARN, "%s: cannot be linked into %s: %s", from,
             r->opts.quarantine_dir, iml__errno_text(errno));
}
