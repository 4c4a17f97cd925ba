// replay_find.c: where labels lie: files, lines of a file, a data set's item, a member of a shard.
//
// A data set is asked in the order in which its files are cheap to reach: the loose label, the
// aggregate labels.jsonl, then its shards. All of it is read-only.
#include "src/synth/replay.h"

#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/io/tar.h"
#include "src/io/vfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH = 4096 };
#define FILE_MAX ((uint64_t)1 << 32)

static iml_status take_file(const char *path, iml__str *out, iml__str *name, iml_err *e)
{
    char *p;
    size_t n;
    IML_TRY(iml__file_read_heap(AT_FDCWD, path, FILE_MAX, &p, &n, e));
    iml__str_add(out, p, n), iml__str_adds(name, path);
    IML_FREE(p);
    return out->failed || name->failed ? IML_FAIL(e, IML_ENOMEM, "%s: no memory to read it", path)
                                       : IML_OK;
}

// The label of the key in a shard; *found false: it is not there.
static iml_status take_member(const char *path, uint64_t index, iml__str *out, iml__str *name,
                              bool *found, iml_err *e)
{
    char want[40];
    int fd;
    uint64_t size;
    struct iml__tarr r;
    struct iml__tar_member m;
    (void)snprintf(want, sizeof want, "%09llu.json", (unsigned long long)index);
    IML_TRY(iml__file_open(AT_FDCWD, path, &fd, &size, e));
    iml__tarr_begin_fd(&r, &fd, path);
    iml_status st = IML_OK;
    *found = false;
    while (!*found && !(st = iml__tarr_next(&r, &m, e))) {
        if (m.name_len != strlen(want) || memcmp(m.name, want, m.name_len) != 0) continue;
        *found = true;
        if (m.size > FILE_MAX) st = IML_FAIL(e, IML_ELIMIT, "%s: %s is too large", path, want);
        size_t got = 1;
        char piece[4096];
        while (!st && got) {
            st = iml__tarr_read(&r, piece, sizeof piece, &got, e);
            if (!st) iml__str_add(out, piece, got);
        }
        iml__str_addf(name, "%s:%s", path, want);
        if (!st && out->failed) st = IML_FAIL(e, IML_ENOMEM, "%s: no memory to read it", path);
    }
    if (st == IML_END) st = IML_OK;
    iml__tarr_free(&r);
    (void)iml__close(&fd);
    return st;
}

// The line of this index in a file of labels, which have it in second place; lines are read one
// after the other, so the file may be larger than memory.
static iml_status take_line(const char *path, uint64_t index, iml__str *out, bool *found,
                            iml_err *e)
{
    enum { PIECE = 1 << 18 };
    char want[64];
    int fd,
        n = snprintf(want, sizeof want, "{\"imloom\":1,\"index\":%llu,", (unsigned long long)index);
    uint64_t size;
    *found = false;
    IML_TRY(iml__file_open(AT_FDCWD, path, &fd, &size, e));
    char *piece = iml__alloc(PIECE);
    iml_status st = piece ? IML_OK : IML_FAIL(e, IML_ENOMEM, "%s: no memory to read it", path);
    bool mine = true, whole = false; // mine: what out holds may be the line
    for (uint64_t at = 0; !st && !whole && at < size;) {
        ssize_t got = iml__pread_all(fd, piece, (size_t)IML_MIN((uint64_t)PIECE, size - at), at);
        if (got <= 0) st = IML_FAIL_SYS(e, IML_EINPUT, errno, "%s: cannot be read", path);
        for (const char *p = piece, *end = piece + IML_MAX(got, 0); p < end && !whole;) {
            const char *eol = memchr(p, '\n', (size_t)(end - p));
            size_t len = (size_t)((eol ? eol : end) - p);
            if (mine) iml__str_add(out, p, len);
            mine = mine && (!out->n || !memcmp(out->p, want, IML_MIN(out->n, (size_t)n)));
            whole = eol && mine && out->n >= (size_t)n;
            if (eol && !whole) mine = true, iml__str_clear(out);
            p += len + (eol != NULL);
        }
        at += (uint64_t)IML_MAX(got, 0);
    }
    *found = !st && mine && out->n >= (size_t)n;
    if (!st && out->failed) st = IML_FAIL(e, IML_ENOMEM, "%s: no memory to read it", path);
    IML_FREE(piece);
    (void)iml__close(&fd);
    return st;
}

static bool there(const char *path)
{
    struct stat st;
    return !iml__fstatat(AT_FDCWD, path, &st, 0) && !S_ISDIR(st.st_mode);
}

static iml_status take_item(const char *dir, uint64_t index, iml__str *out, iml__str *name,
                            iml_err *e)
{
    char path[PATH + 64];
    bool found = false;
    unsigned long long i = index;
    (void)snprintf(path, sizeof path, "%s/%06llu/%09llu.json", dir, i / 1000, i);
    if (there(path)) return take_file(path, out, name, e);
    (void)snprintf(path, sizeof path, "%s/labels.jsonl", dir);
    if (there(path)) {
        IML_TRY(take_line(path, index, out, &found, e));
        if (found) return iml__str_addf(name, "%s:%llu", path, i), IML_OK;
        iml__str_clear(out);
    }
    for (unsigned k = 0; !found; k++) {
        (void)snprintf(path, sizeof path, "%s/shard-%06u.tar", dir, k);
        if (!there(path)) break;
        IML_TRY(take_member(path, index, out, name, &found, e));
    }
    return found ? IML_OK
                 : IML_FAIL(e, IML_EINPUT,
                            "%s: no label of item %llu in it; replay needs --labels json or jsonl",
                            dir, i);
}

iml_status iml__replay_find(const char *what, iml__str *out, iml__str *name, iml_err *e)
{
    char head[PATH];
    uint64_t index;
    const char *colon = strrchr(what, ':');
    struct stat st;
    if (there(what)) return take_file(what, out, name, e);
    size_t n = colon ? (size_t)(colon - what) : 0;
    if ((!n || n >= sizeof head || !iml__parse_u64(colon + 1, &index)) && access(what, F_OK))
        return IML_FAIL(e, IML_EINPUT, "%.150s: there is no such file", what);
    if (!n || n >= sizeof head || !iml__parse_u64(colon + 1, &index))
        return IML_FAIL(e, IML_EINPUT,
                        "%.150s: a label, lines of labels, OUT:INDEX or SHARD.tar:INDEX is needed",
                        what);
    memcpy(head, what, n), head[n] = 0;
    if (iml__fstatat(AT_FDCWD, head, &st, 0))
        return IML_FAIL_SYS(e, IML_EINPUT, errno, "%s: cannot be read", head);
    if (S_ISDIR(st.st_mode)) return take_item(head, index, out, name, e);
    bool found;
    IML_TRY(take_member(head, index, out, name, &found, e));
    return found ? IML_OK
                 : IML_FAIL(e, IML_EINPUT, "%s: no member %09llu.json in it", head,
                            (unsigned long long)index);
}
