// corpus_load.c: finding, opening and checking corpora, patterns and sets of characters.
//
// A corpus is read once from end to end before the first item (up to 256 MB: its hash, and whether
// it is UTF-8), in pieces, so that its size never shows in the memory of the program. A file that
// is not where --corpus-dir says is looked for by the end of its name among all *.txt below it, as
// the older tool's users have their files.
#include "src/synth/corpus.h"

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"
#include "src/synth/pattern.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { BLOCKS = 1024, BLOCK = 4096, PIECE = 4 << 20 };

// ---- Bytes

size_t iml__corpus_read(const iml__corpus *c, size_t at, uint8_t *to, size_t n)
{
    n = IML_MIN(n, c->n - at);
    if (c->p) {
        memcpy(to, c->p + at, n);
        return n;
    }
    struct stat now;
    if (iml__fstat(c->fd, &now)) return 0;
    if ((uint64_t)now.st_size != c->n + c->bom ||
        memcmp(&now.st_mtim, &c->mtime, sizeof c->mtime) != 0)
        return errno = ESTALE, 0;
    ssize_t got = iml__pread_all(c->fd, to, n, at + c->bom);
    return got < 0 ? 0 : (size_t)got;
}

// Goes through all of it in pieces: its hash, and where it stops to be UTF-8.
static iml_status look_through(const iml__corpus *c, iml__sha256 *h, bool *valid, size_t *bad,
                               iml_err *e)
{
    iml_status st = IML_OK;
    uint8_t *piece = iml__alloc(PIECE);
    *valid = true;
    if (!piece) return IML_FAIL(e, IML_ENOMEM, "%s: no memory to read it", c->name);
    for (size_t at = 0, n; !st && at < c->n; at += n) {
        n = iml__corpus_read(c, at, piece, PIECE);
        for (int k = 0; k < 3 && n > 3 && at + n < c->n && (piece[n - 1] & 0x80); k++)
            if ((piece[--n] & 0xC0) == 0xC0) break; // whole characters, and no more
        if (!n) st = IML_FAIL_SYS(e, IML_EINPUT, errno, "%s: cannot be read", c->name);
        if (!st && *valid && !iml__utf8_valid((const char *)piece, n, bad))
            *valid = false, *bad += at + c->bom;
        if (!st && h) st = iml__sha256_add(h, piece, n);
        if (!h && !*valid) break;
    }
    IML_FREE(piece);
    return st;
}

bool iml__corpus_valid(const iml__corpus *c, size_t *bad)
{
    iml_err e;
    bool valid;
    return look_through(c, NULL, &valid, bad, &e) || valid; // what cannot be read is not blamed
}

static iml_status identity_of(iml__corpus *c, iml_err *e)
{
    if (c->n > IML__CORPUS_CHECKED) {
        uint64_t sum[BLOCKS + 1];
        uint8_t block[BLOCK];
        for (int k = 0; k < BLOCKS; k++) {
            if (iml__corpus_read(c, (c->n - BLOCK) / (BLOCKS - 1) * (size_t)k, block, BLOCK) <
                BLOCK)
                return IML_FAIL_SYS(e, IML_EINPUT, errno, "%s: cannot be read", c->name);
            sum[k] = iml__xxh3(block, BLOCK);
        }
        sum[BLOCKS] = c->n;
        return iml__sha256_of(sum, sizeof sum, c->identity);
    }
    iml__sha256 *h = iml__sha256_new();
    iml_status st = h ? IML_OK : IML_FAIL(e, IML_ENOMEM, "%s: no memory to read it", c->name);
    if (!st) st = look_through(c, h, &c->valid, &c->bad, e);
    if (!st) st = iml__sha256_end(h, c->identity);
    iml__sha256_free(&h);
    return st;
}

// Into memory of its own: a mapping changes with the file, and one that was cut off kills who reads
// it.
static iml_status hold(iml__corpus *c, const char *path, int fd, iml_err *e)
{
    void *p = mmap(NULL, c->n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED) return IML_FAIL(e, IML_ENOMEM, "%s: no memory for its text", path);
    c->p = p;
    ssize_t got = iml__pread_all(fd, p, c->n, 0);
    if (got < 0) return IML_FAIL_SYS(e, IML_EINPUT, errno, "%s: cannot be read", path);
    if ((size_t)got < c->n)
        return IML_FAIL(e, IML_EINPUT, "%s: it was cut off while it was read", path);
    return IML_OK;
}

static iml_status open_file(iml__corpus *c, const char *path, iml_err *e)
{
    int fd;
    uint64_t size;
    struct stat now;
    IML_TRY(iml__file_open(AT_FDCWD, path, &fd, &size, e));
    iml_status st = IML_OK;
    c->n = size;
    if (!size)
        st = IML_FAIL(e, IML_EINPUT, "%s: the corpus is empty", path);
    else if (size <= IML__CORPUS_HELD)
        st = hold(c, path, fd, e);
    else if (iml__fstat(fd, &now))
        st = IML_FAIL_SYS(e, IML_EINPUT, errno, "%s: cannot be read", path);
    if (st || size <= IML__CORPUS_HELD) return (void)iml__close(&fd), st;
    c->fd = fd, c->mtime = now.st_mtim;
    return IML_OK;
}

static void skip_bom(iml__corpus *c)
{
    uint8_t head[3];
    if (c->n < 3 || iml__corpus_read(c, 0, head, 3) < 3 || memcmp(head, "\xEF\xBB\xBF", 3) != 0)
        return;
    c->n -= 3, c->bom = 3;
    if (c->p) c->p += 3;
}

static bool utf16(const iml__corpus *c)
{
    uint8_t p[4];
    if (c->n < 4 || iml__corpus_read(c, 0, p, 4) < 4) return false;
    if ((p[0] == 0xFF && p[1] == 0xFE) || (p[0] == 0xFE && p[1] == 0xFF)) return true;
    return (!p[0] && !p[2]) || (!p[1] && !p[3]);
}

static const iml__builtin_corpus *builtin(const char *name)
{
    for (size_t k = 0; k < iml__nbuiltin_corpora; k++)
        if (!strcmp(iml__builtin_corpora[k].name, name)) return &iml__builtin_corpora[k];
    return NULL;
}

static iml_status load(iml__corpus *c, const iml__corpus_ref *r, const char *path, iml_arena *a,
                       iml_err *e)
{
    const iml__builtin_corpus *b;
    c->kind = r->kind, c->name = r->name, c->path = path, c->fd = -1;
    switch (r->kind) {
    case IML__CORPUS_TEXT:
    case IML__CORPUS_PATTERN:
        c->p = (const uint8_t *)r->name, c->n = strlen(r->name);
        c->name = r->kind == IML__CORPUS_TEXT ? "text" : "pattern";
        if (r->kind == IML__CORPUS_PATTERN)
            IML_TRY(iml__pattern_make(r->name, c->n, a, &c->pattern, e));
        break;
    case IML__CORPUS_BUILTIN:
        if (!(b = builtin(r->name)))
            return IML_FAIL(e, IML_EINPUT, "builtin:%s: there is no such built-in corpus", r->name);
        c->p = b->p, c->n = b->n;
        break;
    default: IML_TRY(open_file(c, path, e));
    }
    if (utf16(c))
        return IML_FAIL(e, IML_EINPUT,
                        "%s: this is UTF-16; imloom reads UTF-8 (iconv -f UTF-16 -t UTF-8)",
                        c->name);
    skip_bom(c);
    if (!c->n) return IML_FAIL(e, IML_EINPUT, "%s: the corpus is empty", c->name);
    return identity_of(c, e);
}

static void unload(iml__corpus *c)
{
    if (c->kind == IML__CORPUS_FILE && c->p)
        (void)munmap((void *)(uintptr_t)(c->p - c->bom), c->n + c->bom);
    if (c->kind == IML__CORPUS_FILE) (void)iml__close(&c->fd);
    c->p = NULL;
}

// ---- Names

typedef struct loader {
    iml__config *c;
    const char *dir, *beside;
    struct iml__walk *below; // all *.txt of dir, once they are asked for
    iml__corpora *k;
    iml__complaints *talk;
    iml_err *e;
} loader;

static const char *joined(iml_arena *a, const char *dir, size_t n, const char *name)
{
    size_t cap = n + strlen(name) + 2;
    char *path = iml_arena_alloc(a, cap);
    if (path) (void)snprintf(path, cap, "%.*s/%s", (int)n, dir, name);
    return path;
}

// The one file below dir whose path ends in /name; NULL: none, or several, which is told.
static iml_status look_below(loader *l, const char *name, const iml__ynode *at, const char **path)
{
    static const char *const suffixes[] = {".txt", NULL};
    const struct iml__walk_opts wo = {.suffixes = suffixes};
    iml_err why;
    size_t len = strlen(name), found = 0, first = 0, second = 0;
    if (!l->below) {
        iml_status st = iml__walk(l->dir, &wo, &l->below, &why);
        if (st) return st == IML_ENOMEM ? IML_FAIL(l->e, st, "%s", why.msg) : IML_OK;
    }
    for (size_t i = 0; i < l->below->n; i++) {
        const char *p = l->below->entry[i].path;
        size_t n = strlen(p);
        if (n <= len || p[n - len - 1] != '/' || strcmp(p + n - len, name) != 0) continue;
        if (found++)
            second = i;
        else
            first = i;
    }
    if (found > 1)
        iml__yaml_complain(l->talk, at,
                           "corpus_file: '%s' stands in %zu places below %s (%s, %s ..); write "
                           "more of its path",
                           name, found, l->dir, l->below->entry[first].path,
                           l->below->entry[second].path);
    else if (found &&
             !(*path = joined(&l->c->arena, l->dir, strlen(l->dir), l->below->entry[first].path)))
        return IML_FAIL(l->e, IML_ENOMEM, "no memory for corpora");
    return IML_OK;
}

// Below --corpus-dir, else beside the configuration, else as it is.
static iml_status resolve(loader *l, const char *name, const iml__ynode *at, const char **path)
{
    const char *slash = l->beside ? strrchr(l->beside, '/') : NULL;
    struct stat st;
    *path = name;
    if (name[0] == '/' || (!l->dir && !slash)) return IML_OK;
    *path = l->dir ? joined(&l->c->arena, l->dir, strlen(l->dir), name)
                   : joined(&l->c->arena, l->beside, (size_t)(slash - l->beside), name);
    if (!*path) return IML_FAIL(l->e, IML_ENOMEM, "no memory for corpora");
    if (!l->dir || !iml__fstatat(AT_FDCWD, *path, &st, 0)) return IML_OK;
    return look_below(l, name, at, path);
}

// ---- Checks

static void check_utf8(const loader *l, const iml__corpus *c, const iml__spec *s,
                       const iml__corpus_ref *r)
{
    if (c->n > IML__CORPUS_CHECKED || c->valid || s->en[IML__E_on_invalid_utf8].weight[0] <= 0)
        return;
    iml__yaml_complain(
        l->talk, r->at,
        "%s: invalid UTF-8 at byte %zu; repair it, or set on_invalid_utf8 to skip or replace",
        c->name, c->bad);
}

// Is there anything of at least this many characters in it? Bytes tell enough where it is large.
static void check_length(const loader *l, const iml__corpus *c, const iml__spec *s,
                         const iml__corpus_ref *r)
{
    uint32_t least = iml__text_least(s), n = 0;
    size_t bad = 0;
    if (r->kind == IML__CORPUS_TEXT && !iml__utf8_valid((const char *)c->p, c->n, &bad)) {
        iml__yaml_complain(l->talk, r->at, "text: it is not UTF-8 (byte %zu)", bad + 1);
        return;
    }
    if (r->kind == IML__CORPUS_TEXT && !iml__text_visible((const char *)c->p, c->n))
        iml__yaml_complain(l->talk, r->at, "text: '%.*s' has no visible character",
                           iml__utf8_head(r->name, 40), r->name);
    if (r->kind == IML__CORPUS_TEXT || r->kind == IML__CORPUS_PATTERN) return;
    if (!c->p) return;
    if (r->kind == IML__CORPUS_FILE && c->valid && c->n < 4096 &&
        !iml__text_visible((const char *)c->p, c->n)) {
        iml__yaml_complain(l->talk, r->at, "%s: it has no visible character", c->name);
        return;
    }
    for (size_t i = 0; i < c->n && n < least; i++) n += (c->p[i] & 0xC0) != 0x80;
    if (n < least)
        iml__yaml_complain(
            l->talk, r->at,
            "%s: %u characters, but specification '%s' asks for texts of at least %u", c->name, n,
            s->name, least);
}

// ---- The whole

static iml_status load_ref(loader *l, const iml__spec *s, iml__corpus_ref *r)
{
    iml__corpora *k = l->k;
    uint32_t before = l->talk->n;
    const char *path = r->name;
    if (r->kind == IML__CORPUS_FILE) IML_TRY(resolve(l, r->name, r->at, &path));
    if (l->talk->n > before) return IML_OK;
    for (r->corpus = 0; r->corpus < k->n; r->corpus++)
        if (k->item[r->corpus].kind == r->kind && r->kind != IML__CORPUS_PATTERN &&
            !strcmp(k->item[r->corpus].path, path))
            break;
    iml__corpus *to = &k->item[r->corpus];
    if (r->corpus == k->n) {
        iml_err why;
        iml_status st = load(to, r, path, &l->c->arena, &why);
        if (st) {
            unload(to);
            *to = (iml__corpus){0};
            iml__yaml_complain(l->talk, r->at, "specification '%s': %s", s->name, why.msg);
            return st == IML_ENOMEM ? IML_FAIL(l->e, st, "%s", why.msg) : IML_OK;
        }
        k->n++;
        k->bytes += to->n;
    }
    check_utf8(l, to, s, r);
    check_length(l, to, s, r);
    return IML_OK;
}

// The characters of `charset` or `exclude`: what names a file (a slash in it, or .txt at its end)
// is read, the rest is meant as it stands.
static iml_status characters(loader *l, const char *key, const char *text, const iml__ynode *at,
                             iml__corpus *out)
{
    size_t n = strlen(text), bad;
    iml_err why;
    bool file = n > 4 && (strchr(text, '/') || !strcmp(text + n - 4, ".txt"));
    *out = (iml__corpus){.kind = IML__CORPUS_TEXT, .p = (const uint8_t *)text, .n = n};
    if (file) {
        const char *path;
        IML_TRY(resolve(l, text, at, &path));
        *out = (iml__corpus){.kind = IML__CORPUS_FILE, .fd = -1};
        iml_status st = open_file(out, path, &why);
        if (!st && !out->p)
            st = IML_FAIL(&why, IML_EINPUT, "%s: %zu bytes are too many characters", path, out->n);
        if (st) {
            iml__yaml_complain(l->talk, at, "%s: %s", key, why.msg);
            return IML_OK;
        }
        skip_bom(out);
    }
    if (!iml__utf8_valid((const char *)out->p, out->n, &bad))
        iml__yaml_complain(l->talk, at, "%s: invalid UTF-8 at byte %zu", key, bad);
    return IML_OK;
}

static iml_status load_charset(loader *l, iml__spec *s)
{
    uint32_t before = l->talk->n;
    iml__corpus only = {.fd = -1}, but = {.fd = -1};
    iml_status st = IML_OK;
    if (!s->charset && !s->exclude) return IML_OK;
    if (s->charset) st = characters(l, "charset", s->charset, s->charset_at, &only);
    if (!st && s->exclude) st = characters(l, "exclude", s->exclude, s->exclude_at, &but);
    if (!st && l->talk->n == before)
        st = iml__charset_make((const char *)only.p, only.n, (const char *)but.p, but.n,
                               &l->c->arena, &s->chars, l->e);
    unload(&only), unload(&but);
    return st;
}

iml_status iml__corpora_load(iml__config *c, const char *dir, const char *beside,
                             iml__corpora **out, iml__complaints *talk, iml_err *e)
{
    uint32_t before = talk->n, total = 0;
    for (uint32_t i = 0; i < c->nspec; i++) total += c->spec[i].ncorpora;
    iml__corpora *k = iml__calloc(1, sizeof *k);
    *out = NULL;
    if (!k) return IML_FAIL(e, IML_ENOMEM, "no memory for %u corpora", total);
    loader l = {.c = c, .dir = dir, .beside = beside, .k = k, .talk = talk, .e = e};
    iml_status st = IML_OK;
    k->item = iml__calloc(total ? total : 1, sizeof *k->item);
    if (!k->item) st = IML_FAIL(e, IML_ENOMEM, "no memory for %u corpora", total);
    for (uint32_t i = 0; !st && i < c->nspec; i++)
        for (uint32_t j = 0; !st && j < c->spec[i].ncorpora; j++)
            st = load_ref(&l, &c->spec[i], &c->spec[i].corpus[j]);
    for (uint32_t i = 0; !st && i < c->nspec; i++) st = load_charset(&l, &c->spec[i]);
    if (!st && talk->n > before) st = IML_FAIL(e, IML_EARG, "corpora: %u errors", talk->n - before);
    iml__walk_free(&l.below);
    if (st) iml__corpora_free(&k);
    *out = k;
    return st;
}

void iml__corpora_free(iml__corpora **c)
{
    if (!*c) return;
    for (uint32_t k = 0; (*c)->item && k < (*c)->n; k++) unload(&(*c)->item[k]);
    IML_FREE((*c)->item);
    IML_FREE(*c);
}
