// synth_open.c: from options to a job: configuration, corpora, fonts, backgrounds, hash.
//
// Everything is found and proved before the first item, so that a missing directory is one line and
// exit 1, not a thousand bad items. What bytes depend on goes into the configuration's hash here
// and nowhere else: effective settings, contents of fonts, backgrounds and corpora, versions of the
// libraries that draw. Paths do not, as far as labels do not show them.
#include "src/synth/synth.h"

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/codec/codec.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"
#include "src/synth/synth_job.h"
#include "src/synth/uax.h"

#include <fnmatch.h>
#include <fribidi.h>
#include <ft2build.h>
#include FT_FREETYPE_H
#include <hb.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum { ARENA = 1 << 30, TEXT_MAX = 1 << 22, COUNT_DEFAULT = 1000, TAR_FROM = 100000 };
enum { CACHE_DEFAULT = 192 << 20, DECODE_LIMIT = 1 << 30, FONT_TIMEOUT_S = 10 };

// ---- Configuration

// PATH=W: the weight behind the last '='; none: 1.
static iml_status split_weight(iml_arena *a, const char *option, const char *text,
                               const char **path, double *w, iml_err *e)
{
    const char *eq = strrchr(text, '=');
    *w = 1, *path = text;
    if (!eq || eq == text || !iml__parse_double(eq + 1, w)) return IML_OK;
    if (*w <= 0) return IML_FAIL(e, IML_EARG, "%s %s: the weight must be above 0", option, text);
    *path = iml__arena_strndup(a, text, (size_t)(eq - text));
    return *path ? IML_OK : IML_FAIL(e, IML_ENOMEM, "%s: no memory", option);
}

// The direction of the first strong character.
static bool reads_right_to_left(const char *s, size_t n)
{
    utf8proc_int32_t cp;
    for (size_t i = 0; i < n;) {
        utf8proc_ssize_t len =
            utf8proc_iterate((const utf8proc_uint8_t *)s + i, (utf8proc_ssize_t)(n - i), &cp);
        if (len <= 0) return false;
        utf8proc_propval_t bidi = utf8proc_get_property(cp)->bidi_class;
        if (bidi == UTF8PROC_BIDI_CLASS_L) return false;
        if (bidi == UTF8PROC_BIDI_CLASS_R || bidi == UTF8PROC_BIDI_CLASS_AL) return true;
        i += (size_t)len;
    }
    return false;
}

// --text and --corpus make one specification; texts are drawn whole.
static iml_status one_spec_yaml(const iml__synth_opts *o, iml_arena *a, iml__str *out, iml_err *e)
{
    iml__jsonw w;
    bool rtl = false;
    for (size_t i = 0; i < o->ntexts; i++)
        rtl |= reads_right_to_left(o->texts[i], strlen(o->texts[i]));
    for (size_t i = 0; i < o->ncorpora && !rtl && !o->ntexts; i++) {
        const char *path;
        double weight;
        uint8_t head[4096];
        int fd;
        uint64_t size;
        iml_err why;
        IML_TRY(split_weight(a, "--corpus", o->corpora[i], &path, &weight, e));
        if (iml__file_open(AT_FDCWD, path, &fd, &size, &why))
            continue; // told with the other corpora
        ssize_t n = iml__pread_all(fd, head, sizeof head, 0);
        (void)iml__close(&fd);
        if (n > 0) rtl = reads_right_to_left((const char *)head, (size_t)n);
    }
    iml__jsonw_init(&w, out, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "specifications"), iml__jsonw_array(&w), iml__jsonw_object(&w);
    iml__jsonw_key(&w, "name"), iml__jsonw_str(&w, "text");
    iml__jsonw_key(&w, "proportion"), iml__jsonw_u64(&w, 1);
    iml__jsonw_key(&w, "text_direction"),
        iml__jsonw_str(&w, rtl ? "right_to_left" : "left_to_right");
    iml__jsonw_key(&w, "text_alignment"), iml__jsonw_str(&w, "start");
    iml__jsonw_key(&w, "corpora"), iml__jsonw_array(&w);
    for (size_t i = 0; i < o->ntexts; i++) {
        iml__jsonw_object(&w);
        iml__jsonw_key(&w, "text"), iml__jsonw_str(&w, o->texts[i]);
        iml__jsonw_end(&w);
    }
    for (size_t i = 0; i < o->ncorpora; i++) {
        const char *path;
        double weight;
        IML_TRY(split_weight(a, "--corpus", o->corpora[i], &path, &weight, e));
        iml__jsonw_object(&w);
        iml__jsonw_key(&w, "file"), iml__jsonw_str(&w, path);
        iml__jsonw_key(&w, "weight"), iml__jsonw_num(&w, weight);
        iml__jsonw_end(&w);
    }
    iml__jsonw_end(&w), iml__jsonw_end(&w), iml__jsonw_end(&w), iml__jsonw_end(&w);
    return out->failed ? IML_FAIL(e, out->failed, "--text: too long") : IML_OK;
}

static iml_status read_config(iml__synth *s, const iml__synth_opts *o, iml__complaints *talk,
                              iml_err *e)
{
    iml__str text;
    iml__str_init(&text, TEXT_MAX);
    const char *file = o->config ? o->config : "configuration";
    iml_status st = IML_OK;
    if (o->text) {
        iml__str_add(&text, o->text, o->ntext);
    } else if (o->ncorpora + o->ntexts) {
        file = o->ntexts ? "--text" : "--corpus";
        st = one_spec_yaml(o, &s->arena, &text, e);
    } else {
        file = "embedded default", s->embedded = true;
        st = iml__default_yaml(o->scripts, o->nscripts, &text, e);
    }
    bool need_total = o->text && !o->count;
    if (!st)
        st = iml__config_read(&s->config, file, iml__str_text(&text), text.n, o->set, o->nset,
                              need_total, talk, e);
    iml__str_free(&text);
    IML_TRY(st);
    iml__config *c = s->config;
    if (o->format >= 0) c->output.format = o->format;
    if (o->colour >= 0) c->output.colour = o->colour;
    if (o->container >= 0) c->output.container = o->container;
    if (o->quality_lo > 0)
        c->output.quality_lo = o->quality_lo, c->output.quality_hi = o->quality_hi;
    if (o->labels > 0) c->output.labels = (unsigned)o->labels;
    if (o->seed) c->seed = *o->seed;
    if (o->count) c->total = o->count;
    if (!c->total) c->total = COUNT_DEFAULT;
    s->seed = c->seed, s->count = c->total;
    int container = c->output.container;
    s->tar = container == IML__CONTAINER_TAR ||
             (container == IML__CONTAINER_AUTO && c->total > TAR_FROM);
    if (c->output.format == IML__FORMAT_WEBP && !iml__codec_by_name("webp"))
        return IML_FAIL(e, IML_EARG, "format webp: this build writes png and jpeg only");
    return IML_OK;
}

// ---- Fonts

// The user's fallbacks, then the built-in ones. Those of the user draw Common characters only, as
// the built-in ones do.
static iml_status find_fallbacks(iml__synth *s, const iml__synth_opts *o, iml_err *e)
{
    size_t n = iml__fontindex_count(s->fonts), ours[3];
    if (o->nfallback_fonts > IML__FALLBACKS - IML_COUNT_OF(ours))
        return IML_FAIL(e, IML_EARG, "--fallback-font: at most %d are taken",
                        (int)(IML__FALLBACKS - IML_COUNT_OF(ours)));
    for (size_t k = 0; k < o->nfallback_fonts; k++) {
        size_t i = 0;
        while (i < n && strcmp(iml__fontindex_font(s->fonts, i)->path, o->fallback_fonts[k]) != 0)
            i++;
        if (i == n)
            return IML_FAIL(e, IML_EARG,
                            "--fallback-font %s: is not a font that can be used, or the same file "
                            "as another (--list fonts says why)",
                            o->fallback_fonts[k]);
        s->fallback[s->nfallback++] = i;
    }
    size_t nours = iml__fontindex_fallbacks(s->fonts, ours);
    for (size_t k = 0; k < nours; k++) s->fallback[s->nfallback++] = ours[k];
    return IML_OK;
}

static iml_status find_fonts(iml__synth *s, const iml__synth_opts *o, iml_err *e)
{
    const iml__config *c = s->config;
    IML_TRY(iml__fontindex_new(&s->fonts, e));
    size_t given = o->nfont_dirs + o->nfonts + c->nfont_paths;
    for (size_t i = 0; i < o->nfont_dirs; i++)
        IML_TRY(iml__fontindex_add_dir(s->fonts, o->font_dirs[i], e));
    for (size_t i = 0; i < o->nfonts; i++)
        IML_TRY(iml__fontindex_add_file(s->fonts, o->fonts[i], e));
    for (uint32_t i = 0; i < c->nfont_paths; i++) {
        struct stat st;
        const char *path = c->font_paths[i].path;
        if (!iml__fstatat(AT_FDCWD, path, &st, 0) && !S_ISDIR(st.st_mode))
            IML_TRY(iml__fontindex_add_file(s->fonts, path, e));
        else
            IML_TRY(iml__fontindex_add_dir(s->fonts, path, e));
    }
    if (!given) IML_TRY(iml__fontindex_add_system(s->fonts, e));
    for (size_t i = 0; i < o->nfallback_fonts; i++)
        IML_TRY(iml__fontindex_add_file(s->fonts, o->fallback_fonts[i], e));
    given += o->nfallback_fonts;
    if (given) s->foreign = true;
    char cache[4096];
    if (iml__fontindex_cache_place(cache, sizeof cache))
        IML_TRY(iml__fontindex_use_cache(s->fonts, cache, e));
    IML_TRY(iml__fontindex_prepare(s->fonts, e));
    bool apart = false; // fonts that others made may hang a library: workers look at them
    if (given)
        IML_TRY(iml__fontindex_prove_apart(s->fonts, IML_MODE_PROCESS, FONT_TIMEOUT_S, NULL, &apart,
                                           e));
    IML_TRY(iml__fontindex_finish(s->fonts, e));
    IML_TRY(find_fallbacks(s, o, e));
    if (!c->nfont_weights) return IML_OK;
    size_t n = iml__fontindex_count(s->fonts);
    s->font_weight = iml_arena_calloc(&s->arena, n, sizeof *s->font_weight);
    if (!s->font_weight) return IML_FAIL(e, IML_ENOMEM, "no memory for %zu faces", n);
    for (size_t i = 0; i < n; i++) {
        s->font_weight[i] = 1;
        for (uint32_t k = 0; k < c->nfont_weights; k++)
            if (!fnmatch(c->font_weights[k].path, iml__fontindex_font(s->fonts, i)->path, 0)) {
                s->font_weight[i] = c->font_weights[k].weight;
                break;
            }
    }
    return IML_OK;
}

// What was given as a fallback alone draws no text of its own.
static bool is_fallback_only(const iml__synth_opts *o, const char *path)
{
    for (size_t k = 0; k < o->nfallback_fonts; k++)
        if (!strcmp(o->fallback_fonts[k], path)) return true;
    return false;
}

static iml_status filter_fonts(iml__synth *s, const iml__synth_opts *o, iml__complaints *talk,
                               iml_err *e)
{
    size_t words = iml__fontindex_words(s->fonts), n = iml__fontindex_count(s->fonts);
    s->spec = iml_arena_calloc(&s->arena, s->config->nspec, sizeof *s->spec);
    if (!s->spec) return IML_FAIL(e, IML_ENOMEM, "no memory for specifications");
    for (uint32_t k = 0; k < s->config->nspec; k++) {
        const iml__spec *spec = &s->config->spec[k];
        iml__synth_spec *x = &s->spec[k];
        char name[160];
        size_t variable = 0;
        (void)snprintf(name, sizeof name, "synth.bg/%.140s", spec->name);
        x->bg_stream = iml_stream(name);
        x->row = iml_arena_calloc(&s->arena, words, sizeof *x->row);
        if (!x->row) return IML_FAIL(e, IML_ENOMEM, "no memory for specifications");
        for (size_t i = 0; i < n; i++) {
            if (spec->font_filter &&
                fnmatch(spec->font_filter, iml__fontindex_font(s->fonts, i)->path, 0))
                continue;
            if (s->font_weight && s->font_weight[i] <= 0) continue;
            if (is_fallback_only(o, iml__fontindex_font(s->fonts, i)->path)) continue;
            x->row[i / 64] |= (uint64_t)1 << (i % 64);
            x->faces++;
            variable += iml__fontindex_font(s->fonts, i)->variable;
        }
        if (x->faces && spec->naxes && !variable)
            iml__yaml_complain(talk, spec->at,
                               "specification '%s': variations are asked for, but none of its %u "
                               "faces is a variable font",
                               spec->name, x->faces);
        if (!x->faces)
            iml__yaml_complain(talk, spec->at,
                               "specification '%s': no usable face matches font_filter '%s'",
                               spec->name, spec->font_filter ? spec->font_filter : "*");
    }
    return IML_OK;
}

// Can any face draw some text of this specification? Asked of the embedded default, whose scripts
// need packages that may be missing.
static iml_status can_draw(iml__synth *s, iml__setter *set, uint32_t spec, bool *can, iml_err *e)
{
    size_t words = iml__fontindex_words(s->fonts), mark = iml__arena_mark(&s->arena);
    const iml__text_want want = {.unit = IML__UNIT_LINES, .length = 40};
    *can = false;
    iml_status st = IML_OK;
    for (uint64_t i = 0; !st && i < 4 && !*can; i++) {
        iml__text t;
        bool found;
        if (IML_FAILS(st = iml__text_draw(s->corpora, &s->config->spec[spec], 0, i, 0, &want,
                                          &s->arena, &t, &found, e)) ||
            !found)
            continue;
        uint32_t *cp = iml_arena_alloc(&s->arena, (t.len + 1) * sizeof *cp), n = 0;
        uint64_t *row = iml_arena_calloc(&s->arena, words, sizeof *row);
        if (!cp || !row) return IML_FAIL(e, IML_ENOMEM, "no memory");
        for (uint32_t at = 0; at < t.len;) {
            utf8proc_int32_t v;
            utf8proc_ssize_t len =
                utf8proc_iterate((const utf8proc_uint8_t *)t.utf8 + at, t.len - at, &v);
            if (len <= 0) break;
            cp[n++] = (uint32_t)v, at += (uint32_t)len;
        }
        memcpy(row, s->spec[spec].row, words * sizeof *row);
        st = iml__fontindex_cover(s->fonts, set, cp, n, s->fallback, s->nfallback, row, e);
        for (size_t k = 0; !st && k < words; k++) *can |= row[k] != 0;
    }
    iml__arena_release(&s->arena, mark);
    return st;
}

static iml_status leave_out(iml__synth *s, const iml__synth_opts *o, iml_err *e)
{
    bool keep[64];
    uint32_t left = 0;
    iml__setter *set;
    IML_TRY(iml__setter_new(&set, 0, e));
    iml_status st = IML_OK;
    for (uint32_t k = 0; !st && k < s->config->nspec; k++) {
        const char *name = s->config->spec[k].name;
        if (IML_FAILS(st = can_draw(s, set, k, &keep[k], e))) break;
        left += keep[k];
        if (keep[k]) continue;
        if (o->nscripts)
            st = IML_FAIL(e, IML_EARG, "--script %s: no face draws it; install %s", name,
                          iml__default_package(name));
        else
            iml__str_addf(&s->notes, "no face draws %s, left out: install %s\n", name,
                          iml__default_package(name));
    }
    iml__setter_free(&set);
    IML_TRY(st);
    if (!left)
        return IML_FAIL(e, IML_EARG,
                        "no face draws any of the built-in scripts; install fonts-noto-core");
    if (left == s->config->nspec) return IML_OK;
    for (uint32_t k = 0, to = 0; k < s->config->nspec; k++)
        if (keep[k]) s->spec[to++] = s->spec[k];
    iml__config_keep(s->config, keep);
    return IML_OK;
}

// ---- Backgrounds

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

static iml_status add_back_dir(iml__synth *s, const char *dir, double weight, iml__back_file **list,
                               uint32_t *cap, iml_err *e)
{
    static const char *const suffixes[] = {".png", ".jpg", ".jpeg", ".webp", NULL};
    struct iml__walk_opts wo = {.suffixes = suffixes};
    struct iml__walk *w;
    IML_TRY(iml__walk(dir, &wo, &w, e));
    if (!w->n)
        iml__str_addf(&s->notes, "%s: no pictures in it; backgrounds are transparent\n", dir);
    iml_status st = IML_OK;
    for (size_t i = 0; !st && i < w->n; i++) {
        if (!*list || s->nback == *cap) {
            uint32_t more = *cap ? *cap * 2 : 64;
            iml__back_file *grown = iml__realloc(*list, more, sizeof **list);
            if (!grown) {
                st = IML_FAIL(e, IML_ENOMEM, "%s: no memory for its list", dir);
                break;
            }
            *list = grown, *cap = more;
        }
        iml__back_file *f = &(*list)[s->nback];
        size_t n = strlen(dir) + strlen(w->entry[i].path) + 2;
        char *path = iml_arena_alloc(&s->arena, n);
        if (!path) {
            st = IML_FAIL(e, IML_ENOMEM, "%s: no memory for its list", dir);
            break;
        }
        int head = snprintf(path, n, "%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/");
        (void)snprintf(path + head, n - (size_t)head, "%s", w->entry[i].path);
        *f = (iml__back_file){.path = path, .name = path + head, .weight = weight / (double)w->n};
        st = iml__synth_hash_file(path, f->sha256, e);
        s->nback++;
    }
    iml__walk_free(&w);
    return st;
}

static int by_name(const void *a, const void *b)
{
    const iml__back_file *x = a, *y = b;
    int d = strcmp(x->name, y->name);
    return d ? d : strcmp(x->sha256, y->sha256);
}

static iml_status find_pictures(iml__synth *s, const iml__synth_opts *o, iml_err *e)
{
    const iml__config *c = s->config;
    iml__back_file *list = NULL;
    uint32_t cap = 0, dirs = 0;
    bool weighted = false;
    iml_status st = IML_OK;
    for (size_t i = 0; !st && i < o->nbackground_dirs; i++, dirs++) {
        const char *dir;
        double w;
        st = split_weight(&s->arena, "--background-dir", o->background_dirs[i], &dir, &w, e);
        weighted |= w != 1;
        if (!st) st = add_back_dir(s, dir, w, &list, &cap, e);
    }
    for (uint32_t i = 0; !st && i < c->nbackground_paths; i++, dirs++) {
        weighted |= c->background_paths[i].weight != 1;
        st = add_back_dir(s, c->background_paths[i].path, c->background_paths[i].weight, &list,
                          &cap, e);
    }
    if (!st && list && s->nback) {
        qsort(list, s->nback, sizeof *list, by_name);
        s->back = iml_arena_alloc(&s->arena, s->nback * sizeof *list);
        s->back_weight = weighted ? iml_arena_calloc(&s->arena, s->nback, sizeof(double)) : NULL;
        if (!s->back || (weighted && !s->back_weight))
            st = IML_FAIL(e, IML_ENOMEM, "no memory for backgrounds");
        else
            memcpy(s->back, list, s->nback * sizeof *list);
        for (uint32_t i = 0; !st && weighted && i < s->nback; i++)
            s->back_weight[i] = s->back[i].weight;
    }
    IML_FREE(list);
    if (dirs) s->foreign = true;
    return st;
}

static iml_status choose_backgrounds(iml__synth *s, const iml__synth_opts *o, iml_err *e)
{
    const char *want = o->background;
    bool dirs = o->nbackground_dirs || s->config->nbackground_paths;
    IML_TRY(find_pictures(s, o, e));
    if (!want) want = !dirs ? "builtin" : s->nback ? "images" : "none";
    int kind = iml__bg_kind_find(want);
    if (!strcmp(want, "images")) {
        if (!s->nback)
            return IML_FAIL(e, IML_EARG,
                            "--background images: give a --background-dir with pictures in it");
        s->bg = IML__BG_IMAGE;
        IML_TRY(iml__bg_cache_new(&s->cache, o->cache_bytes ? o->cache_bytes : CACHE_DEFAULT, e));
        s->max_pixels = o->max_pixels;
        iml__bg_cache_max_pixels(s->cache, o->max_pixels);
        return IML_OK;
    }
    if (!strcmp(want, "builtin"))
        s->bg = IML__BG_KINDS;
    else if (!strcmp(want, "none"))
        s->bg = IML__BG_NONE;
    else if (iml__bg_colour_parse(want, s->bg_rgb))
        s->bg = IML__BG_COLOUR;
    else if (kind >= IML__BG_BUILTIN)
        s->bg = (enum iml__bg_kind)kind;
    else
        return IML_FAIL(e, IML_EARG,
                        "--background %s: images builtin none white #rrggbb, or one of solid "
                        "gradient paper ruled "
                        "noise crystal stripes_shapes blobs",
                        want);
    return IML_OK;
}

// ---- What bytes depend on

void iml__synth_versions(iml__synth *s)
{
    static const char *const formats[] = {"png", "jpeg", "webp"};
    iml__jsonw w;
    char text[160];
    FT_Library ft;
    FT_Int a = 0, b = 0, c = 0;
    if (!FT_Init_FreeType(&ft)) {
        FT_Library_Version(ft, &a, &b, &c);
        (void)FT_Done_FreeType(ft);
    }
    (void)snprintf(s->freetype, sizeof s->freetype, "%d.%d.%d", a, b, c);
    (void)snprintf(text, sizeof text, "freetype %s, harfbuzz %s, fribidi %s, utf8proc %s",
                   s->freetype, hb_version_string(), FRIBIDI_VERSION, utf8proc_version());
    char thai[80];
    const iml__builtin_corpus *words = iml__builtin_corpora;
    while (strcmp(words->name, "thai") != 0) words++;
    iml__thai_version((const char *)words->p, words->n, thai, sizeof thai);
    const iml__codec *codec = iml__codec_by_name(formats[s->config->output.format]);
    iml__jsonw_init(&w, &s->versions, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "tables"), iml__jsonw_u64(&w, IML__SYNTH_TABLES);
    iml__jsonw_key(&w, "text"), iml__jsonw_str(&w, text);
    iml__jsonw_key(&w, "thai"), iml__jsonw_str(&w, *thai ? thai : NULL);
    iml__jsonw_key(&w, formats[s->config->output.format]),
        iml__jsonw_str(&w, codec ? codec->version() : NULL);
    iml__jsonw_end(&w);
}

static void write_inputs(iml__synth *s)
{
    iml__jsonw w;
    size_t n = iml__fontindex_count(s->fonts);
    iml__jsonw_init(&w, &s->inputs, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "fonts"), iml__jsonw_array(&w);
    for (size_t i = 0; i < n; i++) {
        const iml__font *f = iml__fontindex_font(s->fonts, i);
        iml__jsonw_array(&w);
        iml__jsonw_str(&w, f->name), iml__jsonw_i64(&w, f->index), iml__jsonw_str(&w, f->sha256);
        iml__jsonw_end(&w);
    }
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "backgrounds"), iml__jsonw_array(&w);
    for (uint32_t i = 0; i < s->nback; i++) {
        iml__jsonw_array(&w);
        iml__jsonw_str(&w, s->back[i].name), iml__jsonw_str(&w, s->back[i].sha256);
        iml__jsonw_end(&w);
    }
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "corpora"), iml__jsonw_array(&w);
    for (uint32_t i = 0; i < s->corpora->n; i++) {
        iml__jsonw_array(&w);
        iml__jsonw_str(&w, s->corpora->item[i].name),
            iml__jsonw_str(&w, s->corpora->item[i].identity);
        iml__jsonw_end(&w);
    }
    iml__jsonw_end(&w), iml__jsonw_end(&w);
}

static iml_status settle_hash(iml__synth *s, iml_err *e)
{
    iml__str text, all;
    iml__jsonw w;
    char bg[64];
    iml__limits usual;
    iml__limits_default(&usual);
    iml__str_init(&text, TEXT_MAX), iml__str_init(&all, (size_t)1 << 28);
    iml__config_print(s->config, true, &text);
    (void)snprintf(bg, sizeof bg, "%d #%02x%02x%02x", (int)s->bg, s->bg_rgb[0], s->bg_rgb[1],
                   s->bg_rgb[2]);
    // Which files are too large to be used is a matter of bytes too.
    if (s->max_pixels && s->max_pixels != usual.max_pixels)
        (void)snprintf(bg + strlen(bg), sizeof bg - strlen(bg), " <=%llu px",
                       (unsigned long long)s->max_pixels);
    iml__synth_versions(s), write_inputs(s);
    iml__jsonw_init(&w, &s->settings, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "background"), iml__jsonw_str(&w, bg);
    iml__jsonw_key(&w, "fallback_fonts"), iml__jsonw_array(&w);
    for (size_t k = 0; k < s->nfallback; k++)
        iml__jsonw_str(&w, iml__fontindex_font(s->fonts, s->fallback[k])->sha256);
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "configuration"), iml__jsonw_strn(&w, iml__str_text(&text), text.n);
    iml__jsonw_end(&w);
    iml__str_add(&all, s->settings.p, s->settings.n);
    iml__str_add(&all, s->versions.p, s->versions.n);
    iml__str_add(&all, s->inputs.p, s->inputs.n);
    for (uint32_t k = 0; k < s->config->nspec; k++) // a file of characters counts by content
        if (s->config->spec[k].chars)
            iml__str_addf(&all, "%016llx",
                          (unsigned long long)iml__charset_hash(s->config->spec[k].chars));
    s->config_hash = iml__xxh3(iml__str_text(&all), all.n);
    bool failed =
        text.failed || all.failed || s->settings.failed || s->versions.failed || s->inputs.failed;
    iml__str_free(&text), iml__str_free(&all);
    return failed ? IML_FAIL(e, IML_ENOMEM, "no memory for the settings") : IML_OK;
}

static iml_status open_all(iml__synth *s, const iml__synth_opts *o, iml__complaints *talk,
                           iml_err *e)
{
    IML_TRY(read_config(s, o, talk, e));
    IML_TRY(find_fonts(s, o, e));
    IML_TRY(filter_fonts(s, o, talk, e));
    iml_status st = iml__corpora_load(s->config, o->corpus_dir, o->config, &s->corpora, talk, e);
    if (st && st != IML_EARG) return st;
    iml_status bst = choose_backgrounds(s, o, e);
    if (bst) iml__yaml_complain(talk, NULL, "%s", e ? e->msg : "backgrounds");
    if (talk->n) return IML_FAIL(e, IML_EARG, "%s: %u errors", s->config->file, talk->n);
    if (s->embedded) IML_TRY(leave_out(s, o, e));
    IML_TRY(iml__seats_of(s->config, &s->arena, &s->seats, e));
    iml__streams_init(&s->streams);
    IML_TRY(settle_hash(s, e));
    return iml__synth_job(s, e);
}

iml_status iml__synth_open(const iml__synth_opts *o, iml__complaints *talk, iml__synth **out,
                           iml_err *e)
{
    iml__synth *s = iml__calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return IML_FAIL(e, IML_ENOMEM, "no memory for a job");
    iml__str_init(&s->notes, TEXT_MAX), iml__str_init(&s->versions, TEXT_MAX);
    iml__str_init(&s->settings, TEXT_MAX), iml__str_init(&s->inputs, (size_t)1 << 28);
    iml_status st = iml__arena_open(&s->arena, ARENA, -1, e);
    if (!st) st = open_all(s, o, talk, e);
    if (st) iml__synth_close(&s);
    *out = s;
    return st;
}

void iml__synth_close(iml__synth **s)
{
    if (!*s) return;
    iml__bg_cache_free(&(*s)->cache);
    iml__fontindex_free(&(*s)->fonts);
    iml__corpora_free(&(*s)->corpora);
    iml__config_free(&(*s)->config);
    iml__str_free(&(*s)->notes), iml__str_free(&(*s)->versions);
    iml__str_free(&(*s)->settings), iml__str_free(&(*s)->inputs);
    iml__arena_close(&(*s)->arena);
    IML_FREE(*s);
}
