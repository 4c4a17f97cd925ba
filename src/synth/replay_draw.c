// replay_draw.c: draws pictures again from their labels, and says whether they are the same.
//
// All labels are read before the first is drawn, so that a broken one costs nothing and the fonts
// of all are proved once. A resource is known by its contents: the path of the label is asked
// first, then everything below the given directories; a file that is at its path with other
// contents is used only if the right one is nowhere, and is named if the picture differs.
#include "src/synth/replay.h"

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"
#include "src/synth/synth_job.h"

#include <fcntl.h>
#include <hb.h>
#include <stdio.h>
#include <string.h>

enum { ARENA = 1 << 30, CACHE = 64 << 20, NAME = 512, NOTES = 1 << 22 };

struct entry { // a label's place in the text
    size_t at, n;
};

struct iml__replayer {
    iml__str text, name;
    struct entry *entry;
    size_t n, cap;
    iml_arena arena; // of the label that is drawn
    iml__synth *s;   // one specification, which each label fills
    iml__synth_worker *w;
    iml__back_file *back; // s->back
    uint32_t cap_back;
    iml__synth_item item;
    iml__replay label;
    iml_buf *picture;
    bool lines;
    char where[NAME];
};

// ---- Labels

static void name_of(const iml__replayer *r, size_t k, char out[NAME])
{
    (void)snprintf(out, NAME, r->lines ? "%.400s, label %zu" : "%.400s", iml__str_text(&r->name),
                   k + 1);
}

static iml_status read_label(iml__replayer *r, size_t k, iml_err *e)
{
    name_of(r, k, r->where);
    iml__arena_reset(&r->arena);
    return iml__replay_read(r->where, r->text.p + r->entry[k].at, r->entry[k].n, &r->arena,
                            &r->label, e);
}

static iml_status add_entry(iml__replayer *r, size_t at, size_t n, iml_err *e)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 64;
        struct entry *grown = iml__realloc(r->entry, cap, sizeof *grown);
        if (!grown) return IML_FAIL(e, IML_ENOMEM, "no memory for %zu labels", cap);
        r->entry = grown, r->cap = cap;
    }
    r->entry[r->n++] = (struct entry){at, n};
    return IML_OK;
}

// Lines of labels begin with '{' each; in an indented label only the first line does.
static iml_status split(iml__replayer *r, iml_err *e)
{
    const char *p = iml__str_text(&r->text), *second = strstr(p, "\n{");
    r->lines = second != NULL;
    if (!r->lines) return add_entry(r, 0, r->text.n, e);
    for (size_t at = 0; at < r->text.n;) {
        size_t len = strcspn(p + at, "\n");
        if (len) IML_TRY(add_entry(r, at, len, e));
        at += len + 1;
    }
    return IML_OK;
}

// ---- Resources

static bool is_file(const char *path)
{
    struct stat st;
    return !iml__fstatat(AT_FDCWD, path, &st, 0) && S_ISREG(st.st_mode);
}

static iml_status nowhere(const iml__replayer *r, const iml__replay_font *f, iml_err *e)
{
    return IML_FAIL(e, IML_EINPUT, "%s: font %.120s (sha-256 %.12s...) is nowhere; give --font-dir",
                    r->where, f->path, f->sha256);
}

static iml_status index_fonts(iml__replayer *r, const iml__replay_opts *o, iml_err *e)
{
    iml__fontindex *x = r->s->fonts;
    char cache[4096];
    const char *last = NULL;
    for (size_t i = 0; i < o->nfont_dirs; i++)
        IML_TRY(iml__fontindex_add_dir(x, o->font_dirs[i], e));
    for (size_t i = 0; i < o->nfonts; i++) IML_TRY(iml__fontindex_add_file(x, o->fonts[i], e));
    char before[4096] = "";
    for (size_t k = 0; k < r->n; k++) {
        IML_TRY(read_label(r, k, e));
        for (uint32_t i = 0; i < r->label.nfonts; i++) {
            const char *path = r->label.font[i].path;
            if (strcmp(path, before) != 0 && is_file(path))
                IML_TRY(iml__fontindex_add_file(x, path, e));
            (void)snprintf(before, sizeof before, "%s", path);
            last = path;
        }
    }
    if (iml__fontindex_cache_place(cache, sizeof cache))
        IML_TRY(iml__fontindex_use_cache(x, cache, e));
    bool apart = false; // as in a run: fonts of others meet worker processes first
    iml_err why;
    IML_TRY(iml__fontindex_prepare(x, e));
    if (o->nfont_dirs + o->nfonts)
        IML_TRY(iml__fontindex_prove_apart(x, IML_MODE_PROCESS, 10, NULL, &apart, e));
    if (!iml__fontindex_finish(x, &why)) return IML_OK;
    if (r->label.nfonts && !is_file(last)) return nowhere(r, &r->label.font[0], e);
    return IML_FAIL(e, IML_EINPUT, "%.120s: %s", last ? last : "fonts", why.msg);
}

// The face with these contents, else the one at this path: *other tells.
static iml_status find_font(const iml__replayer *r, const iml__replay_font *f, size_t *out,
                            bool *other, iml_err *e)
{
    size_t n = iml__fontindex_count(r->s->fonts), at_path = n;
    for (size_t i = 0; i < n; i++) {
        const iml__font *x = iml__fontindex_font(r->s->fonts, i);
        if (x->index != f->face) continue;
        if (!strcmp(x->sha256, f->sha256)) return *out = i, *other = false, IML_OK;
        if (!strcmp(x->path, f->path)) at_path = i;
    }
    *out = at_path, *other = true;
    return at_path < n ? IML_OK : nowhere(r, f, e);
}

static iml_status add_back(iml__replayer *r, const char *path, const char *name, iml_err *e)
{
    iml__synth *s = r->s;
    if (s->nback == r->cap_back) {
        uint32_t cap = r->cap_back ? 2 * r->cap_back : 64;
        iml__back_file *grown = iml__realloc(r->back, cap, sizeof *grown);
        if (!grown) return IML_FAIL(e, IML_ENOMEM, "no memory for backgrounds");
        r->back = s->back = grown, r->cap_back = cap;
    }
    iml__back_file *f = &r->back[s->nback];
    char *copy = iml__arena_strndup(&s->arena, path, strlen(path));
    if (!copy) return IML_FAIL(e, IML_ENOMEM, "no memory for backgrounds");
    *f = (iml__back_file){.path = copy, .name = name ? name : copy, .weight = 1};
    IML_TRY(iml__synth_hash_file(path, f->sha256, e));
    s->nback++;
    return IML_OK;
}

static iml_status index_backs(iml__replayer *r, const iml__replay_opts *o, iml_err *e)
{
    static const char *const suffixes[] = {".png", ".jpg", ".jpeg", ".webp", NULL};
    struct iml__walk_opts wo = {.suffixes = suffixes};
    for (size_t i = 0; i < o->nbackground_dirs; i++) {
        struct iml__walk *w;
        iml_status st = iml__walk(o->background_dirs[i], &wo, &w, e);
        if (st) return st;
        for (size_t k = 0; k < w->n && !st; k++) {
            char path[8192];
            (void)snprintf(path, sizeof path, "%s/%s", o->background_dirs[i], w->entry[k].path);
            st = add_back(r, path, NULL, e);
        }
        iml__walk_free(&w);
        IML_TRY(st);
    }
    return IML_OK;
}

static iml_status find_back(iml__replayer *r, int32_t *out, bool *other, iml_err *e)
{
    const iml__replay *l = &r->label;
    iml__synth *s = r->s;
    int32_t at_path = -1;
    *out = -1, *other = false;
    if (l->bg != IML__BG_IMAGE) return IML_OK;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < s->nback; i++) {
            if (!strcmp(s->back[i].sha256, l->bg_sha256)) return *out = (int32_t)i, IML_OK;
            if (!strcmp(s->back[i].path, l->bg_path)) at_path = (int32_t)i;
        }
        if (pass || at_path >= 0 || !is_file(l->bg_path)) break;
        IML_TRY(add_back(r, l->bg_path, NULL, e));
    }
    *out = at_path, *other = true;
    return at_path >= 0 ? IML_OK
                        : IML_FAIL(e, IML_EINPUT,
                                   "%s: background %.100s (sha-256 %.12s...) is nowhere; give "
                                   "--background-dir",
                                   r->where, l->bg_path, l->bg_sha256);
}

// ---- Opening

static iml_status blank_synth(iml__replayer *r, iml_err *e)
{
    static const char yaml[] = "{specifications: [{name: replay, proportion: 1, text_direction: "
                               "left_to_right, corpora: [{text: x}]}]}";
    iml__synth *s = r->s = iml__calloc(1, sizeof *s);
    if (!s) return IML_FAIL(e, IML_ENOMEM, "no memory for a job");
    iml__complaints talk;
    iml__complaints_init(&talk);
    iml__str_init(&s->notes, NOTES), iml__str_init(&s->versions, NOTES);
    iml__str_init(&s->settings, NOTES), iml__str_init(&s->inputs, NOTES);
    iml_status st = iml__arena_open(&s->arena, ARENA, -1, e);
    if (!st)
        st =
            iml__config_read(&s->config, "replay", yaml, sizeof yaml - 1, NULL, 0, false, &talk, e);
    if (!st) st = iml__corpora_load(s->config, NULL, NULL, &s->corpora, &talk, e);
    if (!st) st = iml__bg_cache_new(&s->cache, CACHE, e);
    if (!st) st = iml__fontindex_new(&s->fonts, e);
    iml__complaints_free(&talk);
    iml__streams_init(&s->streams);
    iml__synth_versions(s);
    return st;
}

static iml_status open_all(iml__replayer *r, const char *what, const iml__replay_opts *o,
                           iml_err *e)
{
    IML_TRY(iml__arena_open(&r->arena, ARENA, -1, e));
    IML_TRY(iml__replay_find(what, &r->text, &r->name, e));
    if (!r->text.n) return IML_FAIL(e, IML_EINPUT, "%s: empty", what);
    IML_TRY(split(r, e));
    IML_TRY(blank_synth(r, e));
    IML_TRY(index_fonts(r, o, e));
    IML_TRY(index_backs(r, o, e));
    return iml__synth_worker_new(r->s, &r->w, e);
}

iml_status iml__replayer_open(const char *what, const iml__replay_opts *o, iml__replayer **out,
                              iml_err *e)
{
    iml__replayer *r = iml__calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return IML_FAIL(e, IML_ENOMEM, "no memory to replay");
    r->item.back = -1;
    iml__str_init(&r->text, (size_t)1 << 32), iml__str_init(&r->name, 8192);
    iml_status st = open_all(r, what, o, e);
    if (st) iml__replayer_close(&r);
    *out = r;
    return st;
}

void iml__replayer_close(iml__replayer **pr)
{
    iml__replayer *r = *pr;
    if (!r) return;
    iml_buf_unref(&r->picture);
    iml__synth_worker_free(&r->w);
    iml__synth_close(&r->s);
    IML_FREE(r->back);
    IML_FREE(r->entry);
    iml__str_free(&r->text), iml__str_free(&r->name);
    iml__arena_close(&r->arena);
    IML_FREE(*pr);
}

size_t iml__replayer_count(const iml__replayer *r) { return r->n; }

// ---- Drawing

static void explain(const iml__replayer *r, const char *other, iml__replayed *out)
{
    const iml__replay *l = &r->label;
    char *to = out->why;
    size_t cap = sizeof out->why;
    if (other)
        (void)snprintf(to, cap, "%.200s has other contents now", other);
    else if (l->tables != IML__SYNTH_TABLES)
        (void)snprintf(to, cap, "made with tables %llu, these are %d",
                       (unsigned long long)l->tables, (int)IML__SYNTH_TABLES);
    else if (l->freetype && strcmp(l->freetype, r->s->freetype) != 0)
        (void)snprintf(to, cap, "made with FreeType %.40s, this is %s", l->freetype,
                       r->s->freetype);
    else if (l->harfbuzz && strcmp(l->harfbuzz, hb_version_string()) != 0)
        (void)snprintf(to, cap, "made with HarfBuzz %.40s, this is %s", l->harfbuzz,
                       hb_version_string());
    else
        (void)snprintf(to, cap,
                       "tables, fonts, pictures, FreeType and HarfBuzz are the same: the "
                       "encoder, FriBidi or utf8proc must differ");
}

// Axes and features of the label, as if the specification had them.
static void hold_font(iml__spec *spec, const iml__replay *l)
{
    spec->naxes = l->naxes, spec->nfeatures = l->nfeatures;
    for (uint32_t k = 0; k < l->naxes; k++) memcpy(spec->axis[k].tag, l->axis[k], 5);
    memcpy(spec->feature, l->feature, sizeof spec->feature);
}

static iml_status draw(iml__replayer *r, iml__replayed *out, iml_err *e)
{
    iml__synth *s = r->s;
    const iml__replay *l = &r->label;
    size_t font[IML__FACES];
    int32_t back;
    bool other;
    const char *changed = NULL;
    for (uint32_t k = 0; k < l->nfonts; k++) {
        IML_TRY(find_font(r, &l->font[k], &font[k], &other, e));
        if (other) changed = l->font[k].path;
    }
    IML_TRY(find_back(r, &back, &other, e));
    if (other) changed = l->bg_path;
    s->config->spec[0].name = l->spec ? l->spec : "";
    s->config->spec[0].language = l->language;
    hold_font(&s->config->spec[0], l);
    s->config->output.format = l->format;
    s->config_hash = l->config;
    s->corpora->item[0].name = l->corpus ? l->corpus : "";
    iml_err why;
    iml_status st = iml__synth_item_replay(s, r->w, l, font, back, &r->arena, &r->item, &why);
    if (st) return IML_FAIL(e, st, "%s: %s", r->where, why.msg);
    iml_buf_unref(&r->picture);
    IML_TRY(iml__synth_encode(s, NULL, &r->arena, &r->item, &r->picture, e));
    out->bytes = iml_buf_data(r->picture), out->nbytes = iml_buf_size(r->picture);
    iml__str_clear(&r->w->label);
    iml__synth_label(s, &r->item, l->file, out->bytes, out->nbytes, 1, &r->w->label);
    if (r->w->label.failed) return IML_FAIL(e, IML_ENOMEM, "%s: no memory for its label", r->where);
    out->text = &r->w->label;
    out->same = !l->has_hash || iml__xxh3(out->bytes, out->nbytes) == l->xxh3;
    out->edited = l->has_decisions && iml__synth_decisions(s, &r->item) != l->decisions;
    if (changed) out->edited = false; // its decisions name that file
    if (!out->same && !out->edited) explain(r, changed, out);
    return IML_OK;
}

iml_status iml__replayer_make(iml__replayer *r, size_t k, iml__replayed *out, iml_err *e)
{
    memset(out, 0, sizeof *out);
    IML_TRY(read_label(r, k, e));
    out->label = &r->label, out->name = r->where;
    iml_status st = draw(r, out, e);
    iml__synth_item_done(r->s, &r->item);
    return st;
}
