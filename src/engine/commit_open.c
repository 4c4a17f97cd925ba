// commit_open.c: beginning with what is there: lock, refuse or overwrite, clear, check, remember.
//
// Order matters. The lock comes first, so that nothing is looked at while another run changes it.
// Nothing is removed before the run is known to belong to this data set, but for the temporary
// files of the own node, which belong to whoever holds its lock.
#include "src/engine/commit.h"

#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "src/base/err.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/engine/commit_in.h"
#include "src/engine/item.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"

// A failure to read what earlier runs left is a failure of the output directory.
iml_status iml__commit_as_sink(iml_status st, iml_err *e)
{
    if (!st || st == IML_EARG || st == IML_EBUG) return st;
    if (e && st == IML_ENOMEM) e->sys = ENOMEM;
    if (e) e->status = IML_ESINK;
    return IML_ESINK;
}

// An output directory that cannot be made or written is a wrong -o, not a failure on the way; a
// full or broken disk stays one.
iml_status iml__commit_as_refusal(iml_status st, iml_err *e)
{
    if (st != IML_ESINK || !e) return st;
    switch (e->sys) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case EEXIST:
    case EISDIR:
    case ELOOP:
    case EINVAL:
    case ENAMETOOLONG: return e->status = IML_EARG;
    default: return st;
    }
}

static enum iml__sink_kind kind_of(const iml_sink_ops *k)
{
    if (k == iml_sink_file()) return IML__SINK_FILE;
    if (k == iml_sink_tar()) return IML__SINK_TAR;
    return k == iml_sink_null() ? IML__SINK_NULL : IML__SINK_OWN;
}

// ---- Refusing

// The words for a set that is not this one; settings may be missing or damaged.
static iml_status refuse(struct iml__commit *c, const char *node, iml_err *e)
{
    struct iml__set there;
    bool found = false;
    char what[240] = "";
    if (iml__set_read(&there, c->dirs, node, &found, NULL) == IML_OK && found)
        iml__set_difference(&there, &c->set, what, sizeof what);
    iml__set_free(&there);
    return IML_FAIL(e, IML_EARG,
                    "%.60s holds a data set made with other settings%s%s%s; choose "
                    "another -o, or --overwrite",
                    iml__dirs_root(c->dirs), *what ? " (" : "", what, *what ? ")" : "");
}

iml_status iml__commit_same_set(struct iml__commit *c, const struct iml__ledger *l, iml_err *e)
{
    for (size_t i = 0; i < l->segments; i++) {
        const struct iml__segment *s = &l->segment[i];
        const struct iml__record *b = &l->node[s->node].rec[s->from];
        if (b->bytes != c->run_hash || b->id != c->set.plan)
            return refuse(c, l->node[s->node].name, e);
    }
    // A journal may be damaged from its first byte on; the settings beside it still tell.
    for (size_t i = 0; i < l->nodes; i++) {
        struct iml__set there;
        bool found = false;
        iml_status st = iml__set_read(&there, c->dirs, l->node[i].name, &found, NULL);
        bool same =
            !found || (iml__set_run_hash(&there) == c->run_hash && there.plan == c->set.plan);
        iml__set_free(&there);
        if (!st && !same) return refuse(c, l->node[i].name, e);
    }
    return IML_OK;
}

// ---- Overwriting

static iml_status remove_listed(struct iml__commit *c, const struct iml__ledger_node *k, iml_err *e)
{
    struct iml__lines it;
    struct iml__line line;
    iml__lines_begin(&it, k->list, 0, k->list_n);
    while (iml__lines_next(&it, &line)) {
        if (line.kind != IML__LINE_FILE && line.kind != IML__LINE_JOINED) continue;
        IML_TRY(iml__dirs_unlink(c->dirs, line.name, e));
        // Directories that the set made go too, once they are empty.
        char *slash;
        char dir[4096];
        (void)snprintf(dir, sizeof dir, "%s", line.name);
        while ((slash = strrchr(dir, '/'))) {
            *slash = 0;
            if (iml__unlinkat(iml__dirs_root_fd(c->dirs), dir, AT_REMOVEDIR) < 0) break;
        }
    }
    return IML_OK;
}

// Another node of the set may be at work: its journal is locked then.
iml_status iml__commit_idle(struct iml__commit *c, const char *node, iml_err *e)
{
    char name[128];
    (void)snprintf(name, sizeof name, ".imloom/journal.%s", node);
    int fd = iml__openat(iml__dirs_root_fd(c->dirs), name, O_RDWR | O_NOFOLLOW, 0);
    if (fd < 0) fd = iml__openat(iml__dirs_root_fd(c->dirs), name, O_RDONLY | O_NOFOLLOW, 0);
    int r = fd < 0 ? 0 : iml__flock(fd, LOCK_EX | LOCK_NB), sys = errno;
    iml__close(&fd);
    if (r < 0 && sys == EWOULDBLOCK)
        return IML_FAIL(e, IML_EARG,
                        "another run (%s) is writing to %.100s; wait for it or choose "
                        "another output directory",
                        node, iml__dirs_root(c->dirs));
    return IML_OK;
}

// Everything below a directory of .imloom but the own journal, which is locked and cut later.
static iml_status clear_dir(struct iml__commit *c, const char *dir, iml_err *e)
{
    struct iml__dirread r;
    const char *name;
    enum iml__entry_type type;
    char path[512];
    int more = iml__dirread_open(&r, iml__dirs_root_fd(c->dirs), dir);
    if (more < 0 && errno == ENOENT) return IML_OK;
    while (more >= 0 && (more = iml__dirread_next(&r, &name, &type)) > 0) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, name);
        if (type == IML__ENTRY_DIR || strcmp(path, c->journal.name) == 0 ||
            strcmp(path, IML__GUESTS) == 0)
            continue;
        if (iml__unlinkat(iml__dirs_root_fd(c->dirs), path, 0) < 0 && errno != ENOENT) more = -1;
    }
    int sys = errno;
    iml__dirread_close(&r);
    return more < 0 ? iml__sink_error(e, sys, "clear", iml__dirs_root(c->dirs), dir) : IML_OK;
}

// The manifest first, so that a kill half-way leaves a set that says it is incomplete; the lists
// last, so that a second attempt still knows what to remove.
static iml_status overwrite(struct iml__commit *c, iml_err *e)
{
    struct iml__ledger *l;
    IML_TRY(iml__commit_as_sink(iml__ledger_load(&l, c->dirs, c->set.unit_items, false, e), e));
    iml_status st = IML_OK;
    if (!iml__set_stands(c->dirs, l)) { // nothing here is ours: a fresh run, and no walk
        iml__ledger_free(&l);
        return IML_OK;
    }
    for (size_t i = 0; i < l->nodes && !st; i++)
        if (strcmp(l->node[i].name, c->node) != 0) st = iml__commit_idle(c, l->node[i].name, e);
    if (!st) st = iml__dirs_unlink(c->dirs, "manifest.json", e);
    if (!st) st = iml__dirs_sync(c->dirs, e);
    for (size_t i = 0; i < l->nodes && !st; i++) {
        st = remove_listed(c, &l->node[i], e);
        // Their temporary files too: nobody else will ever hold their locks.
        if (!st)
            st = iml__walk_remove_tmp(iml__dirs_root_fd(c->dirs), iml__dirs_root(c->dirs),
                                      l->node[i].name, NULL, e);
    }
    iml__ledger_free(&l);
    if (!st) st = clear_dir(c, ".imloom/parts", e);
    if (!st) st = clear_dir(c, ".imloom/units", e);
    if (!st) st = iml__journal_cut(&c->journal, 0, e);
    if (!st) st = clear_dir(c, ".imloom", e);
    iml__dirs_forget(c->dirs); // some of them were removed
    return st;
}

// ---- Loading

struct redo {
    const struct iml__commit *c;
    const struct iml__ledger *l;
};

// Units that this run will make anew although a record stands.
static bool will_redo(void *user, uint64_t unit)
{
    const struct redo *r = user;
    const struct iml__commit *c = r->c;
    uint64_t first = unit * c->set.unit_items;
    if (first >= c->set.count) return false;
    uint64_t want = IML_MIN((uint64_t)c->set.unit_items, c->set.count - first);
    if (iml__past_span(r->l->past, unit) < want) return true;
    return (c->conf.opts->flags & IML_RUN_RETRY_BAD) && iml__past_unit_has_bad(r->l->past, unit);
}

iml_status iml__commit_no_shards(struct iml__commit *c, const struct iml__ledger *l, iml_err *e)
{
    for (size_t i = 0; i < l->nodes; i++)
        for (size_t k = 0; k < l->node[i].n; k++)
            if (l->node[i].rec[k].type == IML__REC_UNIT)
                return IML_FAIL(e, IML_EARG,
                                "--only cannot make single items of a set in shards "
                                "inside it; choose another output directory than %.80s",
                                iml__dirs_root(c->dirs));
    return IML_OK;
}

// The first part of a recorded unit as its job appended it; missing or damaged: *text stays empty.
static iml_status first_part(struct iml__commit *c, uint64_t unit, iml__str *text, iml_err *e)
{
    struct iml__unit_file u = {0};
    char name[320], *p;
    size_t n;
    iml_status st = iml__unit_text(c->dirs, unit, text, e);
    if (!st) st = iml__unit_parse(iml__str_text(text), text->n, &u, e);
    iml__str_clear(text);
    if (!st && u.parts && iml__part_name(name, u.part[0].name, unit)) {
        st = iml__file_read_heap(iml__dirs_root_fd(c->dirs), name, (uint64_t)1 << 30, &p, &n, e);
        if (!st) iml__str_add(text, p, n);
        if (!st) IML_FREE(p);
    }
    iml__unit_file_free(&u);
    if (!st && text->failed) st = IML_FAIL(e, IML_ENOMEM, "no memory to read %s", name);
    return st;
}

// Recorded items whose inputs are no longer those that they were made of are made again.
static iml_status ask_job(struct iml__commit *c, struct iml__ledger *l, iml_err *e)
{
    const iml_job *j = c->conf.job;
    iml__str text;
    iml_status st = IML_OK;
    if (!j->still || c->set.unit_items != 1 || !c->set.parts) return IML_OK;
    iml__str_init(&text, (size_t)1 << 30);
    for (uint64_t i = 0; i < j->count && !st; i++) {
        if (!iml__past_span(l->past, i) || iml__past_is_bad(l->past, i)) continue;
        st = first_part(c, i, &text, e);
        if (!st && !j->still(j->user, i, iml__str_text(&text), text.n))
            st = iml__ledger_redo(l, i, e);
    }
    iml__str_free(&text);
    return st;
}

static iml_status take_over(struct iml__commit *c, struct iml__ledger *l, iml_err *e)
{
    struct redo r = {c, l};
    IML_TRY(iml__commit_as_sink(iml__ledger_check(l, c->boot, e), e));
    IML_TRY(iml__commit_as_sink(ask_job(c, l, e), e));
    // A single item with a record that stands is made again only if it is bad and wanted.
    bool settled =
        c->set.unit_items == 1 && !c->set.parts && !(c->conf.opts->flags & IML_RUN_RETRY_BAD);
    IML_TRY(iml__commit_as_sink(iml__ledger_orphans(l, settled ? NULL : will_redo, &r, e), e));
    c->generation = l->generation + 1;
    if (l->segments) { // its manifest and aggregates are as doubtful as its files
        const struct iml__segment *last = &l->segment[l->segments - 1];
        const struct iml__record *b = &l->node[last->node].rec[last->from];
        c->stale =
            b->bad == IML_DURABILITY_PROCESS && b->content && c->boot && b->content != c->boot;
    }
    c->stale |= l->joined_differ;
    for (size_t i = 0; i < l->nodes; i++) {
        if (strcmp(l->node[i].name, c->node) != 0) continue;
        c->list_was = l->node[i].list_n;
        // The names of aggregates stand at its end.
        if (l->node[i].list_n < l->node[i].list_size) c->stale = true;
        IML_TRY(iml__journal_cut(&c->journal, l->node[i].good, e));
    }
    c->redo = l->redo, c->nredo = l->nredo, l->redo = NULL, l->nredo = 0;
    c->orphan = l->orphan, c->orphans = l->orphans, l->orphan = NULL, l->orphans = 0;
    c->orphan_names = l->names;
    iml__str_init(&l->names, 0);
    c->past = l->past, l->past = NULL;
    if (c->only_loose) { // the units of this run are items, and are made again whatever was done
        iml__past_free(&c->past);
        c->orphans = 0;
        if (!(c->past = iml__past_new(1))) return iml__commit_no_memory(c, e);
    }
    return IML_OK;
}

// Without a data set of ours, a manifest.json is the user's own, or of a set whose .imloom is lost.
iml_status iml__commit_no_manifest(struct iml__commit *c, iml_err *e)
{
    struct stat st;
    if (iml__fstatat(iml__dirs_root_fd(c->dirs), "manifest.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return IML_OK;
    return IML_FAIL(e, IML_EARG,
                    "%.100s holds a manifest.json that no run here made; move it away, or choose "
                    "another -o",
                    iml__dirs_root(c->dirs));
}

// Settings that are lost or damaged are written again: BEGIN has shown that this is their set.
static iml_status restore_settings(struct iml__commit *c, const struct iml__ledger *l, iml_err *e)
{
    for (size_t i = 0; i < l->segments; i++) {
        const char *node = l->node[l->segment[i].node].name;
        struct iml__set there;
        bool found = false;
        iml_status st = iml__set_read(&there, c->dirs, node, &found, NULL);
        iml__set_free(&there);
        if (found || (st && st != IML_EINPUT)) continue;
        iml__log(c->conf.ctx, IML__LOG_WARN,
                 ".imloom/settings.%s.json was lost or damaged; it is written again", node);
        IML_TRY(iml__set_write(&c->set, c->dirs, node, c->conf.command_line,
                               c->conf.opts->durability, e));
    }
    return IML_OK;
}

// Items that have killed an earlier run and are still to be made.
static void tell_suspects(struct iml__commit *c, const struct iml__ledger *l)
{
    const iml_job *j = c->conf.job;
    for (size_t i = 0; i < l->nodes; i++)
        for (size_t k = 0; k < l->node[i].n; k++) {
            const struct iml__record *r = &l->node[i].rec[k];
            char label[256] = "";
            if (r->type != IML__REC_SUSPECT || iml__past_is_bad(l->past, r->id) ||
                iml__past_span(l->past, r->id / c->set.unit_items))
                continue;
            if (j->label) j->label(j->user, r->id, label, sizeof label);
            label[sizeof label - 1] = 0;
            const char *stage = r->ok ? iml__stage_name(j, r->ok - 1) : NULL;
            iml__log(c->conf.ctx, IML__LOG_WARN,
                     "item %llu%s%s%s has killed an earlier run%s%s; it runs in a process of its "
                     "own now",
                     (unsigned long long)r->id, *label ? " (" : "", label, *label ? ")" : "",
                     stage ? ", in stage " : "", stage ? stage : "");
        }
}

static iml_status load(struct iml__commit *c, iml_err *e)
{
    struct stat mark;
    struct iml__ledger *l;
    IML_TRY(
        iml__commit_as_sink(iml__ledger_load(&l, c->dirs, c->set.unit_items, c->set.parts, e), e));
    bool fresh = !iml__set_stands(c->dirs, l);
    // In a directory of our own, a manifest without records is what a power loss has left.
    bool guests =
        iml__fstatat(iml__dirs_root_fd(c->dirs), IML__GUESTS, &mark, AT_SYMLINK_NOFOLLOW) == 0;
    iml_status st = IML_OK;
    if (!fresh)
        st = iml__commit_same_set(c, l, e);
    else if (guests)
        st = iml__commit_no_manifest(c, e);
    if (!st && l->conflict)
        iml__log(c->conf.ctx, IML__LOG_WARN,
                 "unit %llu was made twice with different bytes; it is "
                 "made again",
                 (unsigned long long)l->conflict_unit);
    if (!st && c->only_loose && c->kind == IML__SINK_TAR) st = iml__commit_no_shards(c, l, e);
    if (!st && !fresh)
        st = iml__walk_remove_tmp(iml__dirs_root_fd(c->dirs), iml__dirs_root(c->dirs), c->node,
                                  NULL, e);
    if (!st) tell_suspects(c, l);
    if (!st) st = restore_settings(c, l, e);
    if (!st) st = take_over(c, l, e);
    iml__ledger_free(&l);
    return st;
}

// Whether a directory below OUT holds anything but `ours`.
static bool holds_more(const struct iml__commit *c, const char *dir, const char *ours)
{
    _Alignas(8) char block[2048];
    bool more = false;
    int fd = iml__openat(iml__dirs_root_fd(c->dirs), dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    for (ssize_t n; fd >= 0 && !more && (n = iml__getdents(fd, block, sizeof block)) > 0;)
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *d = (const struct dirent64 *)(block + at);
            more = more || (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
                            strcmp(d->d_name, ours) != 0);
            at += d->d_reclen;
        }
    (void)iml__close(&fd);
    return more;
}

// No run has begun here yet. The program may have put its log there already.
bool iml__commit_untouched(const struct iml__commit *c)
{
    return !holds_more(c, ".imloom", "logs");
}

// A directory that holds other files before its first run is shared with its user for good: the
// mark makes every later run ask before it takes a name (claim.c).
static iml_status note_guests(struct iml__commit *c, iml_err *e)
{
    static const char text[] = "This directory held files of its user before the first run.\n";
    if (!holds_more(c, ".", ".imloom")) return IML_OK;
    return iml__commit_as_refusal(iml__file_write(c->dirs, IML__GUESTS, c->node, text,
                                                  sizeof text - 1, c->conf.opts->durability, e),
                                  e);
}

static iml_status open_all(struct iml__commit *c, iml_err *e)
{
    const iml_run_opts *o = c->conf.opts;
    IML_TRY(iml__commit_as_refusal(iml__dirs_open(&c->dirs, o->out_dir, e), e));
    // A journal in .imloom is what tells our files from those of OUT's user, so its name is synced
    // whatever the durability.
    bool first = iml__commit_untouched(c);
    iml__dirs_durable(c->dirs, first || o->durability != IML_DURABILITY_PROCESS);
    if (first) {
        IML_TRY(iml__commit_no_manifest(c, e)); // before .imloom is made
        IML_TRY(note_guests(c, e));
    }
    IML_TRY(iml__commit_as_refusal(iml__journal_open(&c->journal, c->dirs, c->node, e), e));
    if (first) IML_TRY(iml__commit_as_refusal(iml__dirs_sync(c->dirs, e), e));
    iml__dirs_durable(c->dirs, o->durability != IML_DURABILITY_PROCESS);
    if (o->flags & IML_RUN_OVERWRITE) IML_TRY(overwrite(c, e));
    c->boot = iml__boot_hash();
    IML_TRY(load(c, e));
    if (c->kind == IML__SINK_OWN && c->conf.sink->open) return c->conf.sink->open(&c->own, o, e);
    return IML_OK;
}

iml_status iml__commit_open(struct iml__commit **out, const struct iml__commit_conf *conf,
                            struct iml__past **past, iml_err *e)
{
    const iml_run_opts *o = conf->opts;
    *out = NULL, *past = NULL;
    if (!o->out_dir) return IML_FAIL(e, IML_EARG, "an output directory is needed (-o OUT)");
    if (conf->job->ncounters > IML_COUNTERS_MAX)
        return IML_FAIL(e, IML_EBUG, "%s has more than %u counters", conf->job->name,
                        IML_COUNTERS_MAX);
    struct iml__commit *c = iml__calloc(1, sizeof *c);
    if (!c) return iml__sink_error(e, ENOMEM, "open", NULL, o->out_dir);
    if (pthread_mutex_init(&c->lock, NULL)) {
        IML_FREE(c);
        return iml__sink_error(e, ENOMEM, "open", NULL, o->out_dir);
    }
    c->conf = *conf;
    c->kind = kind_of(conf->sink);
    c->list_fd = c->bad_fd = c->times_fd = c->journal.fd = -1;
    iml__str_init(&c->joined, 1 << 30);
    iml__set_of(&c->set, conf, c->kind);
    c->run_hash = iml__set_run_hash(&c->set);
    iml_status st = iml__aggregates_check(&c->set.aggregates, e);
    c->only_loose = o->only && c->set.unit_items > 1;
    c->unit_items = c->only_loose ? 1 : c->set.unit_items;
    if (o->shard_count > 1)
        (void)snprintf(c->node, sizeof c->node, "%u-of-%u", o->shard_index, o->shard_count);
    else
        (void)snprintf(c->node, sizeof c->node, "0");
    (void)snprintf(c->list_name, sizeof c->list_name, ".imloom/files.%s.jsonl", c->node);
    if (!st) st = o->flags & IML_RUN_DRY_RUN ? iml__commit_look(c, e) : open_all(c, e);
    if (st) iml__commit_close(&c);
    *out = c;
    *past = c ? c->past : NULL;
    return st;
}
