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
#include "src/synth/missing.h"
#include "src/synth/resources.h"
#include "src/synth/synth_job.h"
#include "src/synth/uax.h"

#include <fribidi.h>
#include <ft2build.h>
#include FT_FREETYPE_H
#include <hb.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum { ARENA = 1 << 30, TEXT_MAX = 1 << 22, COUNT_DEFAULT = 1000, TAR_FROM = 100000 };

// ---- Configuration

static iml_status read_config(iml__synth *s, const iml__synth_opts *o, iml__complaints *talk,
                              iml_err *e)
{
    iml__str text;
    iml__str_init(&text, TEXT_MAX);
    const char *file = o->config ? o->config : "configuration";
    iml_status st = IML_OK;
    if (o->text) {
        iml__str_add(&text, o->text, o->ntext);
    } else if (o->ncorpora + o->ntexts + o->npatterns || o->corpus_dir) {
        file = ""; // of our own making: its lines tell nothing
        st = iml__one_spec_yaml(o, &s->arena, &text, talk, e);
        if (!st && talk->n) st = IML_FAIL(e, IML_EARG, "nothing to draw");
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
    if (o->labels) c->output.labels = o->labels;
    if (o->masks) c->output.masks = o->masks;
    if (o->crops) c->output.crops = o->crops;
    if (o->extras) c->output.extras = o->extras;
    if (o->det_unit >= 0) c->output.det_unit = o->det_unit;
    if (o->coverage >= 0) c->output.no_coverage = !o->coverage;
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

// ---- Scripts that no face draws

// Can any face draw some text of this specification? Asked of the embedded default, whose scripts
// need packages that may be missing. met: some text of it is as long as it asks for.
static iml_status can_draw(iml__synth *s, iml__setter *set, uint32_t spec, bool *can, bool *met,
                           iml_err *e)
{
    size_t words = iml__fontindex_words(s->fonts), mark = iml__arena_mark(&s->arena);
    const iml__text_want want = {.unit = IML__UNIT_LINES, .length = 40, .most = 40};
    *can = false;
    iml_status st = IML_OK;
    for (uint64_t i = 0; !st && i < 4 && !*can; i++) {
        iml__text t;
        bool found;
        if (IML_FAILS(st = iml__text_draw(s->corpora, &s->config->spec[spec], 0, i, 0, &want,
                                          &s->arena, &t, &found, e)) ||
            !found)
            continue;
        *met = true;
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
        // Face by face up to the first: most runs need no more of them to be opened now.
        for (size_t face = 0; !st && face < 64 * words && !*can; face++) {
            uint64_t *word = &row[face / 64],
                     bit = s->spec[spec].row[face / 64] & 1ull << (face & 63);
            if (!(*word = bit)) continue;
            st = iml__fontindex_cover(s->fonts, set, cp, n, s->spec[spec].fallback,
                                      s->spec[spec].nfallback, row, e);
            *can = *word != 0, *word = 0;
        }
    }
    iml__arena_release(&s->arena, mark);
    return st;
}

static iml_status leave_out(iml__synth *s, const iml__synth_opts *o, iml_err *e)
{
    bool keep[64], met = false;
    uint32_t left = 0;
    iml__setter *set;
    IML_TRY(iml__setter_new(&set, 0, e));
    iml_status st = IML_OK;
    for (uint32_t k = 0; !st && k < s->config->nspec; k++) {
        const char *name = s->config->spec[k].name;
        if (IML_FAILS(st = can_draw(s, set, k, &keep[k], &met, e))) break;
        left += keep[k];
        if (keep[k] || !met) continue;
        if (o->nscripts)
            st = IML_FAIL(e, IML_EARG, "--script %s: no face draws it; install %s", name,
                          iml__default_package(name));
        else
            iml__str_addf(&s->notes, "no face draws %s, left out: install %s\n", name,
                          iml__default_package(name));
    }
    iml__setter_free(&set);
    IML_TRY(st);
    if (!met)
        return IML_FAIL(e, IML_EARG,
                        "text_length: no built-in text has so many characters; lower it, or give "
                        "a --corpus");
    if (!left)
        return IML_FAIL(e, IML_EARG,
                        "no face draws any of the built-in scripts; install fonts-noto-core");
    if (left == s->config->nspec) return IML_OK;
    for (uint32_t k = 0, to = 0; k < s->config->nspec; k++)
        if (keep[k]) s->spec[to++] = s->spec[k];
    iml__config_keep(s->config, keep);
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
    enum iml__bg_kind kind = s->spec[0].bg;
    (void)snprintf(bg, sizeof bg, "%s #%02x%02x%02x",
                   kind == IML__BG_KINDS ? "builtin" : iml__bg_kind_name(kind), s->bg_rgb[0],
                   s->bg_rgb[1], s->bg_rgb[2]);
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
    iml__resources_hashed(s, &all);
    s->config_hash = iml__xxh3(iml__str_text(&all), all.n);
    bool failed =
        text.failed || all.failed || s->settings.failed || s->versions.failed || s->inputs.failed;
    iml__str_free(&text), iml__str_free(&all);
    return failed ? IML_FAIL(e, IML_ENOMEM, "no memory for the settings") : IML_OK;
}

// What was asked for and has no effect, or another than it seems.
static void say_notes(iml__synth *s, const iml__synth_opts *o)
{
    const iml__output *u = &s->config->output;
    bool bare = false, files = u->container == IML__CONTAINER_AUTO;
    for (uint32_t k = 0; k < s->config->nspec; k++) bare |= s->spec[k].bg == IML__BG_NONE;
    if (u->format == IML__FORMAT_JPEG && bare)
        iml__str_adds(&s->notes,
                      "format jpeg has no transparency: what has no background stands on white\n");
    if (u->format == IML__FORMAT_JPEG && u->colour == IML__COLOUR_RGBA)
        iml__str_adds(&s->notes, "format jpeg has no alpha: colour rgba is written as rgb\n");
    if (u->format == IML__FORMAT_PNG &&
        (o->quality_lo || u->quality_lo != 90 || u->quality_hi != 90))
        iml__str_adds(&s->notes, "format png is lossless: quality has no effect on it\n");
    if (files && s->count > COUNT_DEFAULT && !s->tar) {
        uint64_t each = 1 + (u->labels & IML__LABEL(json) ? 1 : 0);
        iml__str_addf(&s->notes, "container auto: loose files; --container tar would save %llu of ",
                      (unsigned long long)(each * s->count - s->count / 10000 - 1));
        const unsigned long long loose = each * s->count;
        iml__str_addf(&s->notes, "%llu files\n", loose);
    } else if (files && s->tar) {
        iml__str_adds(&s->notes,
                      "container auto: shards of 10,000; --container dir would give each "
                      "picture a file of its own\n");
    }
}

static iml_status open_all(iml__synth *s, const iml__synth_opts *o, iml__complaints *talk,
                           iml_err *e)
{
    IML_TRY(read_config(s, o, talk, e));
    IML_TRY(iml__find_fonts(s, o, talk, e));
    iml_status st = iml__corpora_load(s->config, o->corpus_dir, o->config, &s->corpora, talk, e);
    if (st && st != IML_EARG) return st;
    if (s->spec) IML_TRY(iml__find_backgrounds(s, o, talk, e));
    if (!talk->n) IML_TRY(iml__missing_patterns(s, talk, e));
    if (!talk->n) IML_TRY(iml__missing_check(s, talk, e));
    if (talk->n) return IML_FAIL(e, IML_EARG, "%s: %u errors", s->config->file, talk->n);
    if (s->embedded) IML_TRY(leave_out(s, o, e));
    IML_TRY(iml__seats_of(s->config, &s->arena, &s->seats, e));
    iml__streams_init(&s->streams);
    IML_TRY(settle_hash(s, e));
    say_notes(s, o);
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
    iml__str_init(&s->context, (size_t)1 << 28);
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
    iml__str_free(&(*s)->context);
    iml__arena_close(&(*s)->arena);
    IML_FREE(*s);
}
