// find_fonts.c: from directories and files to the faces of each specification.
//
// All faces stand in one index, wherever they come from. A specification without `fonts: {paths}`
// of its own uses those of the command line and of the configuration, else the system's; one with
// paths uses what lies below these. What was added as a fallback alone draws no text of its own.
#include "src/synth/resources.h"

#include "src/base/err.h"
#include "src/io/vfs.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

enum { FONT_TIMEOUT_S = 10 };
enum { SHARED = 1, OWN = 2, FALLBACK = 4 }; // tags of the index

static bool bad_input(iml_status st) { return st && iml_status_class(st) == IML_CLASS_ITEM; }

// A tree or a file. What cannot be read is complained about; the search goes on.
static iml_status add_path(iml__synth *s, const char *option, const char *path,
                           const iml__ynode *at, iml__complaints *talk, iml_err *e)
{
    struct stat st;
    iml_err why = {0};
    bool file = !iml__fstatat(AT_FDCWD, path, &st, 0) && !S_ISDIR(st.st_mode);
    iml_status rc = file ? iml__fontindex_add_file(s->fonts, path, &why)
                         : iml__fontindex_add_dir(s->fonts, path, &why);
    s->foreign = true;
    if (!rc) return IML_OK;
    if (!bad_input(rc)) return IML_FAIL(e, rc, "%s", why.msg);
    iml__yaml_complain(talk, at, "%s: %s", option, why.msg);
    return IML_OK;
}

static iml_status add_sources(iml__synth *s, const iml__path_weight *p, uint32_t n, uint32_t tag,
                              iml__complaints *talk, iml_err *e)
{
    iml__fontindex_tag(s->fonts, tag);
    for (uint32_t i = 0; i < n; i++)
        IML_TRY(add_path(s, tag == FALLBACK ? "fonts.fallback" : "fonts.paths", p[i].path, p[i].at,
                         talk, e));
    return IML_OK;
}

static iml_status add_given(iml__synth *s, const char *option, const char *const *path, size_t n,
                            uint32_t tag, iml__complaints *talk, iml_err *e)
{
    iml__fontindex_tag(s->fonts, tag);
    for (size_t i = 0; i < n; i++) IML_TRY(add_path(s, option, path[i], NULL, talk, e));
    return IML_OK;
}

static iml_status add_all(iml__synth *s, const iml__synth_opts *o, iml__complaints *talk,
                          iml_err *e)
{
    const iml__config *c = s->config;
    bool shared = false;
    IML_TRY(add_given(s, "--font-dir", o->font_dirs, o->nfont_dirs, SHARED, talk, e));
    IML_TRY(add_given(s, "--font", o->fonts, o->nfonts, SHARED, talk, e));
    IML_TRY(add_sources(s, c->fonts.paths, c->fonts.npaths, SHARED, talk, e));
    for (uint32_t k = 0; k < c->nspec; k++) {
        const iml__sources *own = &c->spec[k].fonts;
        IML_TRY(add_sources(s, own->paths, own->npaths, OWN, talk, e));
        IML_TRY(add_sources(s, own->fallback, own->nfallback, FALLBACK, talk, e));
        shared |= !own->npaths;
    }
    IML_TRY(
        add_given(s, "--fallback-font", o->fallback_fonts, o->nfallback_fonts, FALLBACK, talk, e));
    IML_TRY(add_sources(s, c->fonts.fallback, c->fonts.nfallback, FALLBACK, talk, e));
    if (!shared || o->nfont_dirs + o->nfonts + c->fonts.npaths) return IML_OK;
    iml__fontindex_tag(s->fonts, SHARED);
    return iml__fontindex_add_system(s->fonts, e);
}

static iml_status prove(iml__synth *s, iml_err *e)
{
    char cache[4096];
    bool apart = false; // fonts that others made may hang a library: workers look at them
    if (iml__fontindex_cache_place(cache, sizeof cache))
        IML_TRY(iml__fontindex_use_cache(s->fonts, cache, e));
    IML_TRY(iml__fontindex_prepare(s->fonts, e));
    if (s->foreign)
        IML_TRY(iml__fontindex_prove_apart(s->fonts, IML_MODE_PROCESS, FONT_TIMEOUT_S, NULL, &apart,
                                           e));
    return iml__fontindex_finish(s->fonts, e);
}

// ---- Fallbacks: those of the user, in order, then the built-in ones

typedef struct fallbacks {
    iml__synth *s;
    size_t *list, n;
    iml__complaints *talk;
} fallbacks;

static void add_fallback(fallbacks *f, const char *option, const char *path, const iml__ynode *at)
{
    size_t n = iml__fontindex_count(f->s->fonts), i = 0;
    while (i < n && strcmp(iml__fontindex_font(f->s->fonts, i)->path, path) != 0) i++;
    if (i == n)
        iml__yaml_complain(f->talk, at,
                           "%s%s: is not a font that can be used (--list fonts says why)", option,
                           path);
    else if (f->n == IML__FALLBACKS - IML__FALLBACKS_OURS)
        iml__yaml_complain(f->talk, at, "%s%s: at most %d fallback fonts are taken", option, path,
                           IML__FALLBACKS - IML__FALLBACKS_OURS);
    else
        f->list[f->n++] = i;
}

static void add_ours(fallbacks *f)
{
    size_t ours[IML__FALLBACKS_OURS], n = iml__fontindex_fallbacks(f->s->fonts, ours);
    for (size_t k = 0; k < n; k++) f->list[f->n++] = ours[k];
}

static void find_fallbacks(iml__synth *s, const iml__synth_opts *o, iml__complaints *talk)
{
    const iml__sources *c = &s->config->fonts;
    fallbacks f = {.s = s, .list = s->fallback, .talk = talk};
    for (size_t k = 0; k < o->nfallback_fonts; k++)
        add_fallback(&f, "--fallback-font ", o->fallback_fonts[k], NULL);
    for (uint32_t k = 0; k < c->nfallback; k++)
        add_fallback(&f, "fonts.fallback: ", c->fallback[k].path, c->fallback[k].at);
    add_ours(&f);
    s->nfallback = f.n;
}

static void own_fallbacks(iml__synth *s, uint32_t k, iml__complaints *talk)
{
    const iml__sources *own = &s->config->spec[k].fonts;
    iml__synth_spec *x = &s->spec[k];
    fallbacks f = {.s = s, .list = x->fallback, .talk = talk};
    if (!own->nfallback) {
        memcpy(x->fallback, s->fallback, sizeof x->fallback);
        x->nfallback = s->nfallback;
        return;
    }
    for (uint32_t i = 0; i < own->nfallback; i++)
        add_fallback(&f, "fonts.fallback: ", own->fallback[i].path, own->fallback[i].at);
    add_ours(&f);
    x->nfallback = f.n;
}

// ---- The faces of a specification

static bool lies_below(const char *path, const char *root)
{
    size_t n = strlen(root);
    return n && !strncmp(path, root, n) && (root[n - 1] == '/' || path[n] == '/' || !path[n]);
}

static bool belongs(const iml__font *f, const iml__sources *own)
{
    if (!own->npaths) return f->tags & SHARED;
    for (uint32_t k = 0; k < own->npaths; k++)
        if (lies_below(f->path, own->paths[k].path)) return true;
    return false;
}

static double weight_of(const iml__font *f, const iml__sources *own, const iml__sources *top)
{
    const iml__sources *from = own->nweights ? own : top;
    double w = 1;
    for (uint32_t k = 0; k < own->npaths; k++) // of the tree it lies in
        if (lies_below(f->path, own->paths[k].path)) {
            w = own->paths[k].weight;
            break;
        }
    for (uint32_t k = 0; !own->npaths && k < top->npaths; k++)
        if (lies_below(f->path, top->paths[k].path)) {
            w = top->paths[k].weight;
            break;
        }
    for (uint32_t k = 0; k < from->nweights; k++)
        if (!fnmatch(from->weights[k].path, f->path, 0)) return w * from->weights[k].weight;
    return w;
}

// told: paths are missing, so it is no news that faces are.
static iml_status share_out(iml__synth *s, uint32_t k, bool told, iml__complaints *talk, iml_err *e)
{
    const iml__spec *spec = &s->config->spec[k];
    const iml__sources *top = &s->config->fonts;
    iml__synth_spec *x = &s->spec[k];
    size_t words = iml__fontindex_words(s->fonts), n = iml__fontindex_count(s->fonts), variable = 0;
    bool even = true;
    x->row = iml_arena_calloc(&s->arena, words, sizeof *x->row);
    double *weight = iml_arena_calloc(&s->arena, n, sizeof *weight);
    if (!x->row || !weight) return IML_FAIL(e, IML_ENOMEM, "no memory for specifications");
    for (size_t i = 0; i < n; i++) {
        const iml__font *f = iml__fontindex_font(s->fonts, i);
        if (!belongs(f, &spec->fonts)) continue;
        if (spec->font_filter && fnmatch(spec->font_filter, f->path, 0)) continue;
        weight[i] = weight_of(f, &spec->fonts, top);
        if (weight[i] <= 0) continue;
        even &= weight[i] == 1;
        x->row[i / 64] |= (uint64_t)1 << (i % 64);
        x->faces++;
        variable += f->variable;
    }
    if (!even) x->font_weight = weight;
    if (x->faces && spec->naxes && !variable)
        iml__yaml_complain(talk, spec->at,
                           "specification '%s': variations are asked for, but none of its %u "
                           "faces is a variable font",
                           spec->name, x->faces);
    if (!x->faces && !told)
        iml__yaml_complain(
            talk, spec->at, "specification '%s': no usable face%s%s%s (--list fonts shows all)",
            spec->name, spec->font_filter ? " matches font_filter '" : " is left",
            spec->font_filter ? spec->font_filter : "", spec->font_filter ? "'" : "");
    return IML_OK;
}

iml_status iml__find_fonts(iml__synth *s, const iml__synth_opts *o, iml__complaints *talk,
                           iml_err *e)
{
    uint32_t before = talk->n;
    iml_err why = {0};
    IML_TRY(iml__fontindex_new(&s->fonts, e));
    IML_TRY(add_all(s, o, talk, e));
    iml_status st = prove(s, &why);
    if (bad_input(st)) { // without a face there is no more to say
        if (talk->n == before) iml__yaml_complain(talk, NULL, "%s", why.msg);
        return IML_OK;
    }
    if (st) return IML_FAIL(e, st, "%s", why.msg);
    s->spec = iml_arena_calloc(&s->arena, s->config->nspec, sizeof *s->spec);
    if (!s->spec) return IML_FAIL(e, IML_ENOMEM, "no memory for specifications");
    bool told = talk->n > before;
    find_fallbacks(s, o, talk);
    for (uint32_t k = 0; k < s->config->nspec; k++) {
        own_fallbacks(s, k, talk);
        IML_TRY(share_out(s, k, told, talk, e));
    }
    return IML_OK;
}
