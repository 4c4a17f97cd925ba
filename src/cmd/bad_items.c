// bad_items.c: the first lines of OUT/.imloom/bad.jsonl, for people.
//
// What cannot be read of the list is no reason to fail: the run has its exit code without it.
#include "src/cmd/bad_items.h"

#include <fcntl.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/cmd/session.h"
#include "src/io/vfs.h"

enum { NAMED = 3, REASON = 160, LIST_MAX = 1 << 28 };

void iml__bad_items_reason(iml__str *to, const char *why)
{
    size_t n = strlen(why);
    if (n <= REASON) {
        iml__str_flat(to, why, n);
        return;
    }
    n = REASON - 3;
    while (n && ((unsigned char)why[n] & 0xC0) == 0x80) n--; // no half a character
    iml__str_flat(to, why, n), iml__str_adds(to, "...");
}

// One line of the list; false, and nothing added: it is none.
static bool name_one(const char *line, size_t n, const char *before, iml__str *to)
{
    iml__jsonr r;
    enum iml__json_type t;
    uint64_t index = 0;
    iml__str path, why;
    iml__str_init(&path, 1 << 20), iml__str_init(&why, 1 << 20);
    iml__jsonr_init(&r, "bad.jsonl", line, n);
    bool ok = !iml__jsonr_next(&r, &t, NULL) && t == IML__JSON_OBJECT;
    while (ok && !iml__jsonr_next(&r, &t, NULL) && t == IML__JSON_KEY) {
        iml__str *text = !strcmp(iml__str_text(&r.token), "path")      ? &path
                         : !strcmp(iml__str_text(&r.token), "message") ? &why
                                                                       : NULL;
        if (!strcmp(iml__str_text(&r.token), "index"))
            ok = !iml__jsonr_u64(&r, &index, NULL);
        else if (!text)
            ok = !iml__jsonr_skip(&r, NULL);
        else if ((ok = !iml__jsonr_next(&r, &t, NULL)) && t == IML__JSON_STRING)
            iml__str_add(text, r.token.p, r.token.n);
    }
    if (ok) iml__str_adds(to, before);
    if (ok) iml__str_addf(to, "%llu", (unsigned long long)index);
    if (ok && path.n && !strstr(iml__str_text(&why), iml__str_text(&path)))
        iml__str_addc(to, ' '), iml__str_flat(to, path.p, path.n);
    if (ok && why.n) {
        iml__str_adds(to, " (");
        iml__bad_items_reason(to, iml__str_text(&why));
        iml__str_addc(to, ')');
    }
    iml__jsonr_free(&r);
    iml__str_free(&path), iml__str_free(&why);
    return ok;
}

bool iml__bad_items_named(const char *out, iml__str *to)
{
    iml__str path;
    char *p = NULL;
    size_t n, named = 0, lines = 0;
    iml__str_init(&path, 1 << 16);
    iml__str_addf(&path, "%s/.imloom/bad.jsonl", out);
    iml_status st = iml__file_read_heap(AT_FDCWD, iml__str_text(&path), LIST_MAX, &p, &n, NULL);
    iml__str_free(&path);
    if (st) return false;
    for (size_t from = 0; from < n; lines++) {
        const char *end = memchr(p + from, '\n', n - from);
        size_t len = end ? (size_t)(end - p) - from : n - from;
        if (named < NAMED) named += name_one(p + from, len, named ? ", " : "", to);
        from += len + 1;
    }
    if (lines > named && named) {
        iml__str_adds(to, " and ");
        iml__text_count(to, lines - named);
        iml__str_adds(to, " more");
    }
    IML_FREE(p);
    return named > 0;
}
