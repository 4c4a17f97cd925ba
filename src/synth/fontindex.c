// fontindex.c: which faces there are: found in directories, proved, in an order that only names and
// contents decide.
//
// Found: given trees and files; or the system's: if every file of the packaged default set is
// there, only that set, so that two fresh machines have the same faces; else what fontconfig lists,
// else the standard directories. The set is a list of names made from the packages, since the
// directories of its packages are shared with others. Symbolic links are followed; a directory that
// is its own ancestor is left out. What is no usable font is kept with its reason.
#include "src/synth/fontindex.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifdef IML_FONTCONFIG
#include <fontconfig/fontconfig.h>
#endif

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"
#include "src/synth/face.h"
#include "src/synth/fontindex_in.h"
#include "src/synth/fontset.h"

enum { DEPTH_MAX = 32, FOUND_MAX = 1 << 20, ROWS_MAX = 16 << 20 };

iml_status iml__fontindex_new(iml__fontindex **out, iml_err *e)
{
    iml__fontindex *x = iml__calloc(1, sizeof *x);
    iml_status st;
    *out = NULL;
    if (!x) return IML_FAIL(e, IML_ENOMEM, "no memory for a font index");
    if (IML_FAILS(st = iml__arena_open(&x->arena, (size_t)1 << 30, -1, e))) IML_FREE(x);
    *out = x;
    return st;
}

void iml__fontindex_free(iml__fontindex **px)
{
    iml__fontindex *x = *px;
    if (!x) return;
    iml__arena_close(&x->arena);
    iml__fontcache_free(&x->cache);
    iml__str_free(&x->cache_out);
    IML_FREE(x->cache_path);
    IML_FREE(x->found);
    IML_FREE(x->font);
    IML_FREE(x->bad);
    IML_FREE(*px);
}

// ---- Finding

void iml__fontindex_tag(iml__fontindex *x, uint32_t tags) { x->tags = tags; }

static bool font_name(const char *name)
{
    static const char *const suffixes[] = {".ttf", ".otf", ".ttc", ".otc"};
    size_t n = strlen(name);
    for (size_t i = 0; i < IML_COUNT_OF(suffixes); i++)
        if (n > 4 && !strcasecmp(name + n - 4, suffixes[i])) return true;
    return false;
}

static iml_status add(iml__fontindex *x, const char *path, const char *name, iml_err *e)
{
    if (x->nfound >= FOUND_MAX)
        return IML_FAIL(e, IML_ELIMIT, "%s: over a million font files", path);
    if (x->nfound == x->cap_found) {
        size_t cap = x->cap_found ? 2 * x->cap_found : 256;
        iml__font_found *grown = iml__realloc(x->found, cap, sizeof *grown);
        if (!grown) return IML_FAIL(e, IML_ENOMEM, "no memory for %zu font files", cap);
        x->found = grown, x->cap_found = cap;
    }
    iml__font_found f = {.path = iml__arena_strdup(&x->arena, path),
                         .name = iml__arena_strdup(&x->arena, name),
                         .order = x->nfound,
                         .tags = x->tags};
    if (!f.path || !f.name) return IML_FAIL(e, IML_ENOMEM, "no memory for the font files' names");
    x->found[x->nfound++] = f;
    return IML_OK;
}

typedef struct walk {
    iml__fontindex *x;
    size_t root; // bytes of the root and its '/', before the relative name
    char path[4096];
    struct {
        dev_t dev;
        ino_t ino;
    } above[DEPTH_MAX];
    iml_err *e;
} walk;

static iml_status enter(walk *w, size_t n, int depth);

static iml_status entry(walk *w, size_t n, const char *name, int depth)
{
    struct stat st;
    size_t len = strlen(name);
    if (name[0] == '.' || n + len + 2 > sizeof w->path) return IML_OK;
    memcpy(w->path + n, name, len + 1);
    bool there = !iml__fstatat(AT_FDCWD, w->path, &st, 0);
    if (there && S_ISDIR(st.st_mode)) {
        w->path[n + len] = '/', w->path[n + len + 1] = 0;
        return depth + 1 < DEPTH_MAX ? enter(w, n + len + 1, depth + 1) : IML_OK;
    }
    // Dead links and FIFOs with a font's name too: they are refused later, with the reason.
    return font_name(name) ? add(w->x, w->path, w->path + w->root, w->e) : IML_OK;
}

static bool met_above(walk *w, const struct stat *st, int depth)
{
    for (int i = 0; i < depth; i++)
        if (w->above[i].dev == st->st_dev && w->above[i].ino == st->st_ino) return true;
    w->above[depth].dev = st->st_dev, w->above[depth].ino = st->st_ino;
    return false;
}

static iml_status enter(walk *w, size_t n, int depth)
{
    enum { BLOCK = 16384 };
    struct stat st;
    ssize_t got = 0;
    iml_status rc = IML_OK;
    int fd = iml__openat(AT_FDCWD, w->path, O_RDONLY | O_DIRECTORY, 0);
    char *block = iml__alloc(BLOCK);
    if (!block) {
        rc = IML_FAIL(w->e, IML_ENOMEM, "%s: no memory to list it", w->path);
        goto done;
    }
    if (fd < 0 || iml__fstat(fd, &st)) {
        if (!depth)
            rc = IML_FAIL_SYS(w->e, iml__input_status(errno), errno, "%.*s: cannot be listed",
                              (int)IML_MAX(strlen(w->path) - 1, (size_t)1), w->path);
        goto done;
    }
    if (met_above(w, &st, depth)) goto done;
    while ((got = iml__getdents(fd, block, BLOCK)) > 0)
        for (ssize_t at = 0; at < got && rc == IML_OK;) {
            const struct dirent64 *d = (const struct dirent64 *)(const void *)(block + at);
            rc = entry(w, n, d->d_name, depth);
            at += d->d_reclen;
        }
done:
    IML_FREE(block);
    iml__close(&fd);
    return rc;
}

iml_status iml__fontindex_add_dir(iml__fontindex *x, const char *dir, iml_err *e)
{
    walk w = {.x = x, .e = e};
    size_t n = strlen(dir);
    if (!n || n + 2 > sizeof w.path)
        return IML_FAIL(e, IML_EINPUT, "%s: no directory has this name", dir);
    memcpy(w.path, dir, n);
    if (w.path[n - 1] != '/') w.path[n++] = '/';
    w.path[n] = 0, w.root = n;
    return enter(&w, n, 0);
}

iml_status iml__fontindex_add_file(iml__fontindex *x, const char *path, iml_err *e)
{
    struct stat st;
    const char *slash = strrchr(path, '/');
    if (iml__fstatat(AT_FDCWD, path, &st, 0))
        return IML_FAIL_SYS(e, iml__input_status(errno), errno, "%s: cannot be read", path);
    return add(x, path, slash ? slash + 1 : path, e);
}

static iml_status add_set(iml__fontindex *x, bool *whole, iml_err *e)
{
    char path[256];
    struct stat st;
    *whole = false;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < IML_COUNT_OF(iml__fontset); i++) {
            if (snprintf(path, sizeof path, "%s%s", IML__FONTSET_ROOT, iml__fontset[i]) >=
                (int)sizeof path)
                return IML_FAIL(e, IML_EBUG, "a name of the default font set is too long");
            if (!round && (iml__fstatat(AT_FDCWD, path, &st, 0) || !S_ISREG(st.st_mode)))
                return IML_OK;
            if (round) IML_TRY(add(x, path, iml__fontset[i], e));
        }
    *whole = true;
    return IML_OK;
}

static const char *system_name(const char *path)
{
    size_t n = strlen(IML__FONTSET_ROOT);
    return strncmp(path, IML__FONTSET_ROOT, n) ? path : path + n;
}

#ifdef IML_FONTCONFIG
static iml_status add_listed(iml__fontindex *x, iml_err *e)
{
    iml_status st = IML_OK;
    FcConfig *config = FcInitLoadConfigAndFonts();
    FcPattern *any = FcPatternCreate();
    FcObjectSet *what = FcObjectSetBuild(FC_FILE, (char *)NULL);
    FcFontSet *set = config && any && what ? FcFontList(config, any, what) : NULL;
    for (int i = 0; set && i < set->nfont && st == IML_OK; i++) {
        FcChar8 *file;
        if (FcPatternGetString(set->fonts[i], FC_FILE, 0, &file) != FcResultMatch) continue;
        if (font_name((const char *)file))
            st = add(x, (const char *)file, system_name((const char *)file), e);
    }
    if (set) FcFontSetDestroy(set);
    if (what) FcObjectSetDestroy(what);
    if (any) FcPatternDestroy(any);
    if (config) FcConfigDestroy(config);
    return st;
}
#else
static iml_status add_listed(iml__fontindex *x, iml_err *e)
{
    (void)x, (void)e;
    return IML_OK;
}
#endif

static iml_status add_standard(iml__fontindex *x, iml_err *e)
{
    const char *home = getenv("HOME");
    char path[4096];
    const char *const rows[][2] = {{"", "/usr/share/fonts"},
                                   {"", "/usr/local/share/fonts"},
                                   {home, "/.local/share/fonts"},
                                   {home, "/.fonts"}};
    for (size_t i = 0; i < IML_COUNT_OF(rows); i++) {
        struct stat st;
        if (!rows[i][0] ||
            snprintf(path, sizeof path, "%s%s", rows[i][0], rows[i][1]) >= (int)sizeof path)
            continue;
        if (!iml__fstatat(AT_FDCWD, path, &st, 0) && S_ISDIR(st.st_mode))
            IML_TRY(iml__fontindex_add_dir(x, path, e));
    }
    return IML_OK;
}

iml_status iml__fontindex_add_system(iml__fontindex *x, iml_err *e)
{
    IML_TRY(add_set(x, &x->default_set, e));
    if (x->default_set) return IML_OK;
    size_t before = x->nfound;
    IML_TRY(add_listed(x, e));
    return x->nfound > before ? IML_OK : add_standard(x, e);
}

// ---- Proving

static int by_name(const void *a, const void *b)
{
    const iml__font_found *p = a, *q = b;
    int c = strcmp(p->name, q->name);
    return c ? c : strcmp(p->path, q->path);
}

static int by_path(const void *a, const void *b)
{
    const iml__font_found *p = a, *q = b;
    int c = strcmp(p->path, q->path);
    return c ? c : (p->order > q->order) - (p->order < q->order);
}

// A file that was added several times is one; it keeps the name that it had first.
static void drop_doubles(iml__fontindex *x)
{
    size_t n = 0;
    qsort(x->found, x->nfound, sizeof *x->found, by_path);
    for (size_t i = 0; i < x->nfound; i++)
        if (n && !strcmp(x->found[n - 1].path, x->found[i].path))
            x->found[n - 1].tags |= x->found[i].tags;
        else
            x->found[n++] = x->found[i];
    x->nfound = n;
}

static iml_status keep(iml__font **list, size_t *n, size_t *cap, const iml__font *f, iml_err *e)
{
    if (*n == *cap) {
        size_t want = *cap ? 2 * *cap : 256;
        iml__font *grown = iml__realloc(*list, want, sizeof *grown);
        if (!grown) return IML_FAIL(e, IML_ENOMEM, "no memory for %zu faces", want);
        *list = grown, *cap = want;
    }
    (*list)[(*n)++] = *f;
    return IML_OK;
}

// Copies rows into the index: n of them, found's from now on.
static iml_status know(iml__fontindex *x, iml__font_found *f, const iml__fontcache_row *row,
                       size_t n, iml_err *e)
{
    f->row = iml_arena_alloc(&x->arena, n * sizeof *f->row);
    if (!f->row) return IML_FAIL(e, IML_ENOMEM, "%s: no memory for its faces", f->path);
    memcpy(f->row, row, n * sizeof *row);
    f->nrows = n;
    return IML_OK;
}

iml_status iml__fontindex_prepare(iml__fontindex *x, iml_err *e)
{
    x->prepared = true;
    if (!x->nfound) return IML_OK;
    drop_doubles(x);
    qsort(x->found, x->nfound, sizeof *x->found, by_name);
    size_t n = x->nfound;
    x->unknown = iml_arena_alloc(&x->arena, n * sizeof *x->unknown);
    if (!x->unknown) return IML_FAIL(e, IML_ENOMEM, "no memory for %zu font files", n);
    if (x->cache_path) IML_TRY(iml__fontcache_load(&x->cache, x->cache_path, &x->arena, e));
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        size_t rows = 0;
        const iml__fontcache_row *r = NULL;
        if (x->cache.n && !iml__fstatat(AT_FDCWD, x->found[i].path, &st, 0) && S_ISREG(st.st_mode))
            r = iml__fontcache_find(&x->cache, x->found[i].path, &st, &rows);
        if (r)
            IML_TRY(know(x, &x->found[i], r, rows, e));
        else
            x->unknown[x->nunknown++] = i;
    }
    return IML_OK;
}

size_t iml__fontindex_unknown(const iml__fontindex *x) { return x->nunknown; }
const char *iml__fontindex_unknown_path(const iml__fontindex *x, size_t k)
{
    return x->found[x->unknown[k]].path;
}

iml_status iml__fontindex_answer(iml__fontindex *x, size_t k, const char *rows, size_t n,
                                 iml_err *e)
{
    iml__font_found *f = &x->found[x->unknown[k]];
    iml__fontcache c = {0};
    bool fine = false;
    char *text = iml__arena_strndup(&x->arena, rows, n); // cut up below
    if (!text) return IML_FAIL(e, IML_ENOMEM, "%s: no memory for its faces", f->path);
    iml_status st = iml__fontcache_parse(&c, text, n, &fine, &x->arena, e);
    if (st == IML_OK && (!fine || !c.n))
        st = IML_FAIL(e, IML_EBUG, "%s: its proof came back damaged", f->path);
    if (st == IML_OK) st = know(x, f, c.row, c.n, e);
    iml__fontcache_free(&c);
    return st;
}

iml_status iml__fontindex_blame(iml__fontindex *x, size_t k, const char *why, iml_err *e)
{
    iml__font_found *f = &x->found[x->unknown[k]];
    iml__fontcache_row r = {.font = {.path = f->path, .family = "", .style = ""}};
    r.font.reason = iml__arena_strdup(&x->arena, why);
    if (!r.font.reason) return IML_FAIL(e, IML_ENOMEM, "%s: no memory for the reason", f->path);
    return know(x, f, &r, 1, e);
}

static iml_status prove_rest(iml__fontindex *x, iml_err *e)
{
    iml_status st = IML_OK;
    FT_Library ft = NULL;
    hb_buffer_t *b = hb_buffer_create();
    iml__str rows;
    iml__str_init(&rows, ROWS_MAX);
    if (FT_Init_FreeType(&ft) || !hb_buffer_allocation_successful(b))
        st = IML_FAIL(e, IML_ENOMEM, "no memory to look at the fonts");
    for (size_t k = 0; k < x->nunknown && st == IML_OK; k++) {
        if (x->found[x->unknown[k]].row) continue;
        iml__str_clear(&rows);
        st = iml__font_rows(ft, b, iml__fontindex_unknown_path(x, k), &rows, &x->arena, e);
        if (st == IML_OK) st = iml__fontindex_answer(x, k, iml__str_text(&rows), rows.n, e);
        x->proved++;
    }
    iml__str_free(&rows);
    if (ft) FT_Done_FreeType(ft);
    hb_buffer_destroy(b);
    return st;
}

// Faces in order, usable and not; all that a file's bytes say goes to the cache.
static iml_status sort_out(iml__fontindex *x, iml_err *e)
{
    for (size_t i = 0; i < x->nfound; i++)
        for (size_t k = 0; k < x->found[i].nrows; k++) {
            const iml__fontcache_row *r = &x->found[i].row[k];
            iml__font f = r->font;
            f.path = x->found[i].path, f.name = x->found[i].name, f.tags = x->found[i].tags;
            f.stamp = (iml__file_stamp){r->size, r->ino, r->mtime_ns};
            if (r->size && x->nunknown) iml__fontcache_copy(&x->cache_out, r); // else as it is
            if (f.reason)
                IML_TRY(keep(&x->bad, &x->nbad, &x->cap_bad, &f, e));
            else
                IML_TRY(keep(&x->font, &x->nfont, &x->cap_font, &f, e));
        }
    return IML_OK;
}

// What the faces are, as one number: rows that a setter remembers are good for this index alone.
static void number(iml__fontindex *x)
{
    for (size_t i = 0; i < x->nfont; i++) {
        struct {
            uint64_t before;
            int32_t index, pad;
            char sha[64];
        } row = {.before = x->id, .index = x->font[i].index};
        memcpy(row.sha, x->font[i].sha256, 64);
        x->id = iml__xxh3(&row, sizeof row);
    }
}

iml_status iml__fontindex_finish(iml__fontindex *x, iml_err *e)
{
    if (!x->prepared) IML_TRY(iml__fontindex_prepare(x, e));
    IML_TRY(prove_rest(x, e));
    iml__fontcache_begin(&x->cache_out);
    IML_TRY(sort_out(x, e));
    // A cache that cannot be written costs the next run its time and this one nothing.
    if (x->cache_path && x->nunknown) (void)iml__fontcache_save(&x->cache_out, x->cache_path, NULL);
    iml__str_free(&x->cache_out);
    number(x);
    if (x->nfont) return IML_OK;
    if (!x->nbad)
        return IML_FAIL(e, IML_EINPUT, "no font file was found: install fonts or give --font-dir");
    return IML_FAIL(e, IML_EINPUT, "none of %zu fonts can be used; the first: %s", x->nbad,
                    x->bad[0].reason);
}

// ---- The cache's place

iml_status iml__fontindex_use_cache(iml__fontindex *x, const char *path, iml_err *e)
{
    IML_FREE(x->cache_path);
    if (!(x->cache_path = iml__strdup(path)))
        return IML_FAIL(e, IML_ENOMEM, "no memory for a path");
    return IML_OK;
}

bool iml__fontindex_cache_place(char *path, size_t cap)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool own = cache && cache[0] == '/';
    if (!own && (!home || home[0] != '/')) return false;
    int n = snprintf(path, cap, "%s%s/imloom", own ? cache : home, own ? "" : "/.cache");
    struct iml__dirs *d = NULL;
    if (n < 0 || (size_t)n + 12 > cap || iml__dirs_open(&d, path, NULL)) return false;
    iml__dirs_close(&d);
    memcpy(path + n, "/fonts.tsv", 11);
    return true;
}

// ---- Asking

size_t iml__fontindex_proved(const iml__fontindex *x) { return x->proved; }

size_t iml__fontindex_count(const iml__fontindex *x) { return x->nfont; }
const iml__font *iml__fontindex_font(const iml__fontindex *x, size_t i) { return &x->font[i]; }
size_t iml__fontindex_bad_count(const iml__fontindex *x) { return x->nbad; }
const iml__font *iml__fontindex_bad(const iml__fontindex *x, size_t i) { return &x->bad[i]; }
bool iml__fontindex_default_set(const iml__fontindex *x) { return x->default_set; }

size_t iml__fontindex_find(const iml__fontindex *x, const char *family, const char *style)
{
    for (size_t i = 0; i < x->nfont; i++)
        if (!strcmp(x->font[i].family, family) && (!style || !strcmp(x->font[i].style, style)))
            return i;
    return x->nfont;
}

size_t iml__fontindex_fallbacks(const iml__fontindex *x, size_t out[3])
{
    static const char *const families[] = {"Noto Sans", "Noto Serif", "IPAGothic"};
    size_t n = 0;
    for (size_t i = 0; i < IML_COUNT_OF(families); i++) {
        size_t f = iml__fontindex_find(x, families[i], "Regular");
        if (f < x->nfont) out[n++] = f;
    }
    return n;
}
