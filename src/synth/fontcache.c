// fontcache.c: a table of proofs, one line a face, fields between tabs.
//
// A row holds while its file has the same path, size, modification time and inode, and both
// libraries the same version; what a worker process says of a file comes as such rows too. The last
// line holds the xxh3 of all before it: a file cut short or edited is not believed and simply made
// anew.
#include "src/synth/fontcache.h"

#include <fcntl.h>
#include <hb.h>
#include <stdlib.h>
#include <string.h>

#include <ft2build.h>
#include FT_FREETYPE_H

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"

enum { VERSION = 1, SIZE_MAX_FILE = 64 << 20, END = 4 + 16 + 1 }; // "end " hex newline
enum {
    F_PATH,
    F_SIZE,
    F_MTIME,
    F_INO,
    F_INDEX,
    F_SHA,
    F_FLAGS,
    F_FAMILY,
    F_STYLE,
    F_REASON,
    F_PAGES,
    FIELDS
};
enum { COLOUR = 1, VARIABLE = 2, VERT = 4 };

static const char NO_SHA[] = "0000000000000000000000000000000000000000000000000000000000000000";

static void head_line(iml__str *out)
{
    iml__str_addf(out, "imloom fonts %d freetype %d.%d.%d harfbuzz %s\n", VERSION, FREETYPE_MAJOR,
                  FREETYPE_MINOR, FREETYPE_PATCH, hb_version_string());
}

static int by_path(const void *a, const void *b)
{
    const iml__fontcache_row *p = a, *q = b;
    int c = strcmp(p->font.path, q->font.path);
    return c ? c : (p->font.index > q->font.index) - (p->font.index < q->font.index);
}

// "0-3,20,ff": pages of 256 code points, in hexadecimal.
static bool read_pages(const char *s, uint64_t *pages)
{
    while (*s) {
        char *end;
        unsigned long a = strtoul(s, &end, 16), b = a;
        if (end == s) return false;
        if (*end == '-') {
            s = end + 1;
            b = strtoul(s, &end, 16);
            if (end == s) return false;
        }
        if (b < a || b >= 0x1100 || (*end && *end != ',')) return false;
        for (unsigned long k = a; k <= b; k++) pages[k / 64] |= 1ull << (k & 63);
        s = *end ? end + 1 : end;
    }
    return true;
}

static void write_pages(iml__str *out, const uint64_t *pages)
{
    bool first = true;
    for (unsigned k = 0, j; k < 0x1100; k = j) {
        for (j = k; j < 0x1100 && pages[j / 64] >> (j & 63) & 1;) j++;
        if (j == k) {
            j++;
            continue;
        }
        iml__str_addf(out, j - k > 1 ? "%s%x-%x" : "%s%x", first ? "" : ",", k, j - 1);
        first = false;
    }
}

// Cuts the line into its fields in place. False: not as many as there have to be.
static bool fields_of(char *line, char *field[FIELDS])
{
    int n = 0;
    for (char *p = line; n < FIELDS; n++) {
        field[n] = p;
        p = strchr(p, '\t');
        if (!p) return n + 1 == FIELDS;
        *p++ = 0;
    }
    return false;
}

static bool read_row(char *line, iml_arena *a, iml__fontcache_row *r, bool *no_memory)
{
    char *f[FIELDS];
    uint64_t index, flags;
    *r = (iml__fontcache_row){0};
    if (!fields_of(line, f) || !iml__parse_u64(f[F_SIZE], &r->size) ||
        !iml__parse_i64(f[F_MTIME], &r->mtime_ns) || !iml__parse_u64(f[F_INO], &r->ino) ||
        !iml__parse_u64(f[F_INDEX], &index) || index > 65535 ||
        !iml__parse_u64(f[F_FLAGS], &flags) || strlen(f[F_SHA]) != 64)
        return false;
    uint64_t *pages = iml_arena_calloc(a, IML__FONT_PAGES, sizeof *pages);
    iml__font *o = &r->font;
    *o = (iml__font){.path = iml__arena_strdup(a, f[F_PATH]),
                     .family = iml__arena_strdup(a, f[F_FAMILY]),
                     .style = iml__arena_strdup(a, f[F_STYLE]),
                     .reason = *f[F_REASON] ? iml__arena_strdup(a, f[F_REASON]) : NULL,
                     .index = (int32_t)index,
                     .colour = flags & COLOUR,
                     .variable = flags & VARIABLE,
                     .vert = flags & VERT,
                     .pages = pages,
                     .size = r->size};
    if (strcmp(f[F_SHA], NO_SHA) != 0) memcpy(o->sha256, f[F_SHA], 65);
    *no_memory = !pages || !o->path || !o->family || !o->style || (*f[F_REASON] && !o->reason);
    return *no_memory || read_pages(f[F_PAGES], pages);
}

static bool believable(const char *text, size_t n, const char *head)
{
    char want[17];
    size_t h = strlen(head);
    if (n < h + END || memcmp(text, head, h) != 0) return false;
    const char *end = text + n - END;
    iml__hex64(want, iml__xxh3(text, n - END));
    return !memcmp(end, "end ", 4) && !memcmp(end + 4, want, 16) && text[n - 1] == '\n';
}

iml_status iml__fontcache_parse(iml__fontcache *c, char *text, size_t n, bool *fine, iml_arena *a,
                                iml_err *e)
{
    bool no_memory = false;
    *fine = true;
    for (char *p = text, *end = text + n, *next; *fine && !no_memory && p < end; p = next) {
        next = memchr(p, '\n', (size_t)(end - p));
        if (!next || memchr(p, 0, (size_t)(next - p))) {
            *fine = false;
            break;
        }
        *next++ = 0;
        if (c->n == c->cap) {
            size_t cap = c->cap ? 2 * c->cap : 16;
            iml__fontcache_row *grown = iml__realloc(c->row, cap, sizeof *grown);
            if ((no_memory = !grown)) break;
            c->row = grown, c->cap = cap;
        }
        *fine = read_row(p, a, &c->row[c->n++], &no_memory);
    }
    return no_memory ? IML_FAIL(e, IML_ENOMEM, "no memory for %zu fonts", c->n) : IML_OK;
}

iml_status iml__fontcache_load(iml__fontcache *c, const char *path, iml_arena *a, iml_err *e)
{
    char *text = NULL;
    size_t n = 0;
    iml__str head;
    iml_status st = iml__file_read_heap(AT_FDCWD, path, SIZE_MAX_FILE, &text, &n, e);
    *c = (iml__fontcache){0};
    if (IML_FAILS(st)) return st == IML_ENOMEM ? st : IML_OK;
    iml__str_init(&head, 256);
    head_line(&head);
    bool fine = !head.failed && believable(text, n, iml__str_text(&head));
    st = head.failed ? IML_FAIL(e, head.failed, "%s: no memory for the font cache", path) : IML_OK;
    if (fine) st = iml__fontcache_parse(c, text + head.n, n - END - head.n, &fine, a, e);
    iml__str_free(&head);
    IML_FREE(text);
    if (!fine || IML_FAILS(st)) iml__fontcache_free(c);
    if (c->n) qsort(c->row, c->n, sizeof *c->row, by_path);
    return st;
}

void iml__fontcache_free(iml__fontcache *c)
{
    IML_FREE(c->row);
    c->n = c->cap = 0;
}

static int64_t mtime_of(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

const iml__fontcache_row *iml__fontcache_find(const iml__fontcache *c, const char *path,
                                              const struct stat *st, size_t *n)
{
    size_t lo = 0, hi = c->n, end;
    while (lo < hi) {
        size_t m = (lo + hi) / 2;
        if (strcmp(c->row[m].font.path, path) < 0)
            lo = m + 1;
        else
            hi = m;
    }
    for (end = lo; end < c->n && !strcmp(c->row[end].font.path, path); end++) {
        const iml__fontcache_row *r = &c->row[end];
        if (r->size != (uint64_t)st->st_size || r->ino != st->st_ino || r->mtime_ns != mtime_of(st))
            return NULL;
    }
    *n = end - lo;
    return *n ? &c->row[lo] : NULL;
}

void iml__fontcache_begin(iml__str *out)
{
    iml__str_init(out, SIZE_MAX_FILE);
    head_line(out);
}

static void add_text(iml__str *out, const char *s)
{
    for (; s && *s; s++) iml__str_addc(out, (uint8_t)*s < 32 ? '?' : *s);
    iml__str_addc(out, '\t');
}

static void add_row(iml__str *out, const iml__font *f, uint64_t size, int64_t mtime_ns,
                    uint64_t ino)
{
    static const uint64_t none[IML__FONT_PAGES];
    int flags = (f->colour ? COLOUR : 0) | (f->variable ? VARIABLE : 0) | (f->vert ? VERT : 0);
    add_text(out, f->path);
    iml__str_addf(out, "%llu\t%lld\t%llu\t%d\t%s\t%d\t", (unsigned long long)size,
                  (long long)mtime_ns, (unsigned long long)ino, f->index,
                  f->sha256[0] ? f->sha256 : NO_SHA, flags);
    add_text(out, f->family);
    add_text(out, f->style);
    add_text(out, f->reason);
    write_pages(out, f->pages ? f->pages : none);
    iml__str_addc(out, '\n');
}

void iml__fontcache_add(iml__str *out, const iml__font *f, const struct stat *st)
{
    add_row(out, f, (uint64_t)st->st_size, mtime_of(st), st->st_ino);
}

void iml__fontcache_copy(iml__str *out, const iml__fontcache_row *r)
{
    add_row(out, &r->font, r->size, r->mtime_ns, r->ino);
}

iml_status iml__fontcache_save(iml__str *out, const char *path, iml_err *e)
{
    char hash[17];
    if (out->failed) return IML_FAIL(e, out->failed, "%s: the font cache is too large", path);
    iml__hex64(hash, iml__xxh3(iml__str_text(out), out->n));
    iml__str_addf(out, "end %s\n", hash);
    if (out->failed) return IML_FAIL(e, out->failed, "%s: the font cache is too large", path);
    return iml__file_write_path(path, out->p, out->n, IML_DURABILITY_PROCESS, e);
}
