// find_backs.c: from directories to the background pictures of each specification.
//
// All pictures stand in one list, sorted by the name below their directory, so that only names and
// contents decide; a specification with `backgrounds: {paths}` of its own uses those of its own
// trees, in the list's order. --background K holds for all of them. Whether a picture can be
// decoded is found when an item needs it.
#include "src/synth/resources.h"

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_DEFAULT = 192 << 20 };

iml_status iml__split_weight(iml_arena *a, const char *option, const char *text, const char **path,
                             double *w, iml_err *e)
{
    const char *eq = strrchr(text, '=');
    *w = 1, *path = text;
    if (!eq || eq == text || !iml__parse_double(eq + 1, w)) return IML_OK;
    if (*w <= 0) return IML_FAIL(e, IML_EARG, "%s %s: the weight must be above 0", option, text);
    *path = iml__arena_strndup(a, text, (size_t)(eq - text));
    return *path ? IML_OK : IML_FAIL(e, IML_ENOMEM, "%s: no memory", option);
}

iml_status iml__synth_hash_file(const char *path, char hex[65], iml_err *e)
{
    enum { PIECE = 1 << 18 };
    int fd;
    uint64_t size, at = 0;
    iml_status st = iml__file_open(AT_FDCWD, path, &fd, &size, e);
    if (st) return st;
    iml__sha256 *h = iml__sha256_new();
    uint8_t *buf = iml__alloc(PIECE);
    if (!h || !buf) st = IML_FAIL(e, IML_ENOMEM, "%s: no memory to read it", path);
    while (!st && at < size) {
        ssize_t n = iml__pread_all(fd, buf, PIECE, at);
        if (n <= 0) {
            st = IML_FAIL_SYS(e, IML_EINPUT, errno, "%s: cannot be read", path);
            break;
        }
        st = iml__sha256_add(h, buf, (size_t)n);
        at += (uint64_t)n;
    }
    if (!st) st = iml__sha256_end(h, hex);
    iml__sha256_free(&h);
    IML_FREE(buf);
    (void)iml__close(&fd);
    return st;
}

// ---- The list

typedef struct finder {
    iml__synth *s;
    iml__complaints *talk;
    iml__back_file *list; // with the root that it came from in `root`
    uint32_t n, cap;
    bool weighted;
} finder;

static iml_status append(finder *f, const iml__back_file *file, iml_err *e)
{
    if (f->n == f->cap) {
        uint32_t more = f->cap ? f->cap * 2 : 64;
        iml__back_file *grown = iml__realloc(f->list, more, sizeof *grown);
        if (!grown) return IML_FAIL(e, IML_ENOMEM, "no memory for %u backgrounds", more);
        f->list = grown, f->cap = more;
    }
    f->list[f->n++] = *file;
    return IML_OK;
}

// owner: the specification it belongs to; UINT32_MAX: to all that have none of their own.
static iml_status add_dir(finder *f, const char *option, const char *dir, double weight,
                          uint32_t owner, const iml__ynode *at, iml_err *e)
{
    static const char *const suffixes[] = {".png", ".jpg", ".jpeg", ".webp", NULL};
    const struct iml__walk_opts wo = {.suffixes = suffixes};
    struct iml__walk *w;
    iml_err why = {0};
    iml_status st = iml__walk(dir, &wo, &w, &why);
    f->s->foreign = true;
    if (st && iml_status_class(st) != IML_CLASS_ITEM) return IML_FAIL(e, st, "%s", why.msg);
    if (st) {
        iml__yaml_complain(f->talk, at, "%s: %s", option, why.msg);
        return IML_OK;
    }
    if (!w->n)
        iml__str_addf(&f->s->notes, "%s: no pictures in it; backgrounds are transparent\n", dir);
    for (size_t i = 0; !st && i < w->n; i++) {
        size_t n = strlen(dir) + strlen(w->entry[i].path) + 2;
        char *path = iml_arena_alloc(&f->s->arena, n);
        if (!path) {
            st = IML_FAIL(e, IML_ENOMEM, "%s: no memory for its list", dir);
            break;
        }
        int head = snprintf(path, n, "%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/");
        (void)snprintf(path + head, n - (size_t)head, "%s", w->entry[i].path);
        iml__back_file file = {
            .path = path, .name = path + head, .weight = weight / (double)w->n, .owner = owner};
        if (!IML_FAILS(st = iml__synth_hash_file(path, file.sha256, e))) st = append(f, &file, e);
    }
    iml__walk_free(&w);
    return st;
}

static int by_name(const void *a, const void *b)
{
    const iml__back_file *x = a, *y = b;
    int d = strcmp(x->name, y->name);
    if (!d) d = strcmp(x->sha256, y->sha256);
    return d ? d : (x->owner > y->owner) - (x->owner < y->owner);
}

static iml_status find_all(finder *f, const iml__synth_opts *o, iml_err *e)
{
    const iml__config *c = f->s->config;
    for (size_t i = 0; i < o->nbackground_dirs; i++) {
        const char *dir;
        double w;
        IML_TRY(iml__split_weight(&f->s->arena, "--background-dir", o->background_dirs[i], &dir, &w,
                                  e));
        f->weighted |= w != 1;
        IML_TRY(add_dir(f, "--background-dir", dir, w, UINT32_MAX, NULL, e));
    }
    for (uint32_t k = 0; k <= c->nspec; k++) {
        const iml__sources *from = k < c->nspec ? &c->spec[k].backgrounds : &c->backgrounds;
        for (uint32_t i = 0; i < from->npaths; i++) {
            const iml__path_weight *p = &from->paths[i];
            f->weighted |= p->weight != 1;
            IML_TRY(add_dir(f, "backgrounds.paths", p->path, p->weight,
                            k < c->nspec ? k : UINT32_MAX, p->at, e));
        }
        f->weighted |= from->nweights > 0;
    }
    if (!f->n) return IML_OK;
    qsort(f->list, f->n, sizeof *f->list, by_name);
    f->s->back = iml_arena_alloc(&f->s->arena, f->n * sizeof *f->list);
    if (!f->s->back) return IML_FAIL(e, IML_ENOMEM, "no memory for backgrounds");
    memcpy(f->s->back, f->list, f->n * sizeof *f->list);
    f->s->nback = f->n;
    return IML_OK;
}

// ---- The pictures of a specification

static double weight_of(const iml__back_file *b, const iml__sources *own, const iml__sources *top)
{
    const iml__sources *from = own->nweights ? own : top;
    for (uint32_t k = 0; k < from->nweights; k++)
        if (!fnmatch(from->weights[k].path, b->path, 0)) return b->weight * from->weights[k].weight;
    return b->weight;
}

static iml_status share_out(iml__synth *s, uint32_t k, bool weighted, iml_err *e)
{
    const iml__sources *own = &s->config->spec[k].backgrounds;
    iml__synth_spec *x = &s->spec[k];
    char name[160];
    (void)snprintf(name, sizeof name, "synth.bg/%.140s", s->config->spec[k].name);
    x->bg_stream = iml_stream(name);
    bool plain = !own->npaths && !own->nweights;
    for (uint32_t j = 0; plain && j < k; j++) { // the same list, which may be long
        const iml__sources *other = &s->config->spec[j].backgrounds;
        if (other->npaths || other->nweights) continue;
        x->back = s->spec[j].back, x->nback = s->spec[j].nback;
        x->back_weight = s->spec[j].back_weight;
        return IML_OK;
    }
    x->back = iml_arena_calloc(&s->arena, (size_t)s->nback + 1, sizeof *x->back);
    double *weight = iml_arena_calloc(&s->arena, (size_t)s->nback + 1, sizeof *weight);
    if (!x->back || !weight) return IML_FAIL(e, IML_ENOMEM, "no memory for backgrounds");
    for (uint32_t i = 0; i < s->nback; i++) {
        const iml__back_file *b = &s->back[i];
        if (own->npaths ? b->owner != k : b->owner != UINT32_MAX) continue;
        weight[x->nback] = weight_of(b, own, &s->config->backgrounds);
        if (weight[x->nback] > 0) x->back[x->nback++] = i;
    }
    x->back_weight = weighted ? weight : NULL;
    return IML_OK;
}

// What stands behind the texts of a specification. false: complained.
static bool choose(iml__synth *s, uint32_t k, const iml__synth_opts *o, iml__complaints *talk)
{
    iml__synth_spec *x = &s->spec[k];
    const char *want = o->background;
    bool dirs = o->nbackground_dirs || s->config->backgrounds.npaths ||
                s->config->spec[k].backgrounds.npaths;
    if (!want) want = !dirs ? "builtin" : x->nback ? "images" : "none";
    int kind = iml__bg_kind_find(want);
    if (!strcmp(want, "images")) {
        x->bg = IML__BG_IMAGE;
        if (x->nback) return true;
        iml__yaml_complain(talk, NULL,
                           "--background images: specification '%s' has no pictures; give a "
                           "--background-dir with some",
                           s->config->spec[k].name);
        return false;
    }
    if (!strcmp(want, "builtin"))
        x->bg = IML__BG_KINDS;
    else if (!strcmp(want, "none"))
        x->bg = IML__BG_NONE;
    else if (iml__bg_colour_parse(want, s->bg_rgb))
        x->bg = IML__BG_COLOUR;
    else if (kind >= IML__BG_BUILTIN)
        x->bg = (enum iml__bg_kind)kind;
    else {
        iml__yaml_complain(talk, NULL,
                           "--background %s: images builtin none white #rrggbb, or one of solid "
                           "gradient paper ruled noise crystal stripes_shapes blobs",
                           want);
        return false;
    }
    return true;
}

iml_status iml__find_backgrounds(iml__synth *s, const iml__synth_opts *o, iml__complaints *talk,
                                 iml_err *e)
{
    finder f = {.s = s, .talk = talk};
    iml_status st = find_all(&f, o, e);
    IML_FREE(f.list);
    for (uint32_t k = 0; !st && k < s->config->nspec; k++) st = share_out(s, k, f.weighted, e);
    IML_TRY(st);
    for (uint32_t k = 0; k < s->config->nspec; k++) {
        if (!choose(s, k, o, talk)) break; // the same would be said of all
        s->images |= s->spec[k].bg == IML__BG_IMAGE;
    }
    if (!s->images) return IML_OK;
    IML_TRY(iml__bg_cache_new(&s->cache, o->cache_bytes ? o->cache_bytes : CACHE_DEFAULT, e));
    s->max_pixels = o->max_pixels;
    iml__bg_cache_max_pixels(s->cache, o->max_pixels);
    return IML_OK;
}

void iml__resources_hashed(const iml__synth *s, iml__str *out)
{
    for (uint32_t k = 0; k < s->config->nspec; k++) {
        const iml__spec *spec = &s->config->spec[k];
        const iml__synth_spec *x = &s->spec[k];
        if (spec->fonts.npaths) {
            iml__str_addf(out, "faces of %u:", k);
            for (size_t i = 0; i < iml__fontindex_words(s->fonts); i++)
                iml__str_addf(out, " %llx", (unsigned long long)x->row[i]);
        }
        for (size_t i = 0; spec->fonts.nfallback && i < x->nfallback; i++)
            iml__str_addf(out, " fallback %zu", x->fallback[i]);
        if (spec->backgrounds.npaths) {
            iml__str_addf(out, "pictures of %u, kind %d:", k, (int)x->bg);
            for (uint32_t i = 0; i < x->nback; i++) iml__str_addf(out, " %u", x->back[i]);
        }
    }
}
