// replay_read.c: the reader of labels (synth.md 3.2).
//
// Labels come from anywhere: every number is held against the range of its key, every name against
// its list, and nothing is believed that the drawing code would not check. Keys may stand in any
// order; unknown ones are passed over, so that older programs read newer labels as far as they can;
// a parameter that is missing is neutral. Geometry (lines, quads) is a result and is not read.
#include "src/synth/replay.h"

#include "src/base/err.h"
#include "src/base/json.h"
#include "src/io/safe.h"

#include <math.h>
#include <string.h>

enum { NUMBERS_MAX = 1 << 17, FILE_NAME = 400 };

typedef struct reader {
    iml__jsonr *j;
    iml_arena *a;
    iml__replay *r;
    iml_err *e;
    double *v; // the last numbers
    size_t n;
    int depth; // of the arrays they stood in
} reader;

static iml_status keep(reader *q, const char **out)
{
    iml__str *t = &q->j->token;
    if (memchr(iml__str_text(t), 0, t->n))
        return iml__jsonr_fail(q->j, q->e, "a text with a 0 in it");
    *out = iml__arena_strndup(q->a, iml__str_text(t), t->n);
    return *out ? IML_OK : IML_FAIL(q->e, IML_ENOMEM, "no memory for a label");
}

// A string or null.
static iml_status text(reader *q, const char **out)
{
    enum iml__json_type t;
    IML_TRY(iml__jsonr_next(q->j, &t, q->e));
    if (t == IML__JSON_NULL) return *out = NULL, IML_OK;
    if (t != IML__JSON_STRING) return iml__jsonr_fail(q->j, q->e, "a text is needed");
    return keep(q, out);
}

static iml_status hash_text(reader *q, char out[65])
{
    const char *s;
    IML_TRY(text(q, &s));
    if (!s || strlen(s) != 64 || strspn(s, "0123456789abcdef") != 64)
        return iml__jsonr_fail(q->j, q->e, "a sha-256 of 64 hex digits is needed");
    memcpy(out, s, 65);
    return IML_OK;
}

static iml_status hex(reader *q, bool *has, uint64_t *out)
{
    const char *s;
    IML_TRY(text(q, &s));
    *has = s != NULL, *out = 0;
    if (!s) return IML_OK;
    size_t n = strspn(s, "0123456789abcdef");
    if (n != 16 || s[n]) return iml__jsonr_fail(q->j, q->e, "16 hex digits are needed");
    for (; *s; s++) *out = *out << 4 | (uint64_t)(*s <= '9' ? *s - '0' : *s - 'a' + 10);
    return IML_OK;
}

// A number or arrays of them, flat; true and false count as 1 and 0.
static iml_status numbers(reader *q)
{
    int depth = 0;
    size_t cap = 0;
    q->n = 0, q->depth = 0, q->v = NULL;
    do {
        enum iml__json_type t;
        double v = 0;
        IML_TRY(iml__jsonr_next(q->j, &t, q->e));
        if (t == IML__JSON_ARRAY) {
            depth++;
            q->depth = IML_MAX(q->depth, depth);
            continue;
        }
        if (t == IML__JSON_END) {
            depth--;
            continue;
        }
        if (t == IML__JSON_NUMBER
                ? !iml__parse_double(iml__str_text(&q->j->token), &v) || !isfinite(v)
                : t != IML__JSON_TRUE && t != IML__JSON_FALSE)
            return iml__jsonr_fail(q->j, q->e, "a number is needed");
        if (t == IML__JSON_TRUE) v = 1;
        if (q->n == cap) {
            size_t more = cap ? 4 * cap : 8;
            double *grown = iml_arena_alloc(q->a, more * sizeof *grown);
            if (!grown || more > NUMBERS_MAX)
                return iml__jsonr_fail(q->j, q->e, "a list is too long");
            if (cap) memcpy(grown, q->v, cap * sizeof *grown);
            q->v = grown, cap = more;
        }
        q->v[q->n++] = v;
    } while (depth);
    return IML_OK;
}

// n whole numbers within lo..hi.
static iml_status whole(reader *q, size_t n, double lo, double hi, int32_t *out)
{
    IML_TRY(numbers(q));
    if (q->n != n) return iml__jsonr_fail(q->j, q->e, "%zu numbers are needed", n);
    for (size_t k = 0; k < n; k++) {
        if (q->v[k] != floor(q->v[k]) || q->v[k] < lo || q->v[k] > hi)
            return iml__jsonr_fail(q->j, q->e, "a whole number within its range is needed");
        out[k] = (int32_t)q->v[k];
    }
    return IML_OK;
}

static iml_status bytes(reader *q, size_t n, uint8_t *out)
{
    int32_t v[4] = {0};
    IML_TRY(whole(q, n, 0, 255, v));
    for (size_t k = 0; k < n; k++) out[k] = (uint8_t)v[k];
    return IML_OK;
}

static iml_status u32(reader *q, uint32_t *out)
{
    uint64_t v;
    IML_TRY(iml__jsonr_u64(q->j, &v, q->e));
    if (v > 1000000) return iml__jsonr_fail(q->j, q->e, "too large a number");
    *out = (uint32_t)v;
    return IML_OK;
}

// Calls member for each key of an object that has just begun.
static iml_status members(reader *q, iml_status (*member)(reader *q, const char *key))
{
    enum iml__json_type t;
    for (;;) {
        char key[64];
        IML_TRY(iml__jsonr_next(q->j, &t, q->e));
        if (t == IML__JSON_END) return IML_OK;
        const char *name = iml__str_text(&q->j->token);
        size_t n = strnlen(name, sizeof key - 1); // longer ones are none of ours
        memcpy(key, name, n), key[n] = 0;
        IML_TRY(member(q, key));
    }
}

static iml_status object(reader *q, iml_status (*member)(reader *q, const char *key))
{
    enum iml__json_type t;
    IML_TRY(iml__jsonr_next(q->j, &t, q->e));
    if (t != IML__JSON_OBJECT) return iml__jsonr_fail(q->j, q->e, "an object is needed");
    return members(q, member);
}

// ---- Parameters

static iml_status in_range(reader *q, const iml__value_rule *rule, double v)
{
    bool low = rule->open_min ? v <= rule->min : v < rule->min;
    if (v != rule->neutral && (low || v > rule->max || (rule->integer && v != floor(v))))
        return iml__jsonr_fail(q->j, q->e, "%s is out of its range", rule->key);
    return IML_OK;
}

static iml_status num_param(reader *q, int k)
{
    const iml__value_rule *rule = &iml__key_nums[k].rule;
    iml__item_plan *p = &q->r->plan;
    if (k == IML__N_padding) return whole(q, 4, rule->min, rule->max, p->padding);
    IML_TRY(numbers(q));
    for (size_t i = 0; i < q->n; i++) IML_TRY(in_range(q, rule, q->v[i]));
    int unit = iml__unit_key(k);
    if (q->depth && unit >= 0) {
        p->by_unit[unit] = q->n ? q->v : iml_arena_calloc(q->a, 1, sizeof(double));
        p->nby_unit[unit] = (uint32_t)q->n;
    } else if (q->depth || q->n != 1) {
        return iml__jsonr_fail(q->j, q->e, "%s takes one number", rule->key);
    } else {
        p->num[k] = q->v[0];
    }
    return IML_OK;
}

static iml_status enum_param(reader *q, int k)
{
    const iml__key_enum *key = &iml__key_enums[k];
    iml__item_plan *p = &q->r->plan;
    const char *s;
    if (k == IML__E_arc_concave) {
        bool v;
        IML_TRY(iml__jsonr_bool(q->j, &v, q->e));
        p->en[k] = v;
        return IML_OK;
    }
    IML_TRY(text(q, &s));
    for (uint32_t i = 0; s && key->names[i]; i++)
        if (!strcmp(s, key->names[i])) {
            p->en[k] = i;
            if (k == IML__E_erosion_dilation_mode) p->dilate = i == 2;
            return IML_OK;
        }
    return iml__jsonr_fail(q->j, q->e, "%s cannot be '%.40s'", key->key, s ? s : "null");
}

static iml_status effective_ink(reader *q)
{
    IML_TRY(numbers(q));
    size_t n = q->n / 3;
    if (q->n % 3 || !n || n > IML__PALETTE_MAX || q->depth > 2 || q->depth < 1)
        return iml__jsonr_fail(q->j, q->e, "text_color_effective: colours of three are needed");
    uint8_t *rgb = iml_arena_alloc(q->a, 3 * n);
    if (!rgb) return IML_FAIL(q->e, IML_ENOMEM, "no memory for a label");
    for (size_t k = 0; k < q->n; k++) {
        if (q->v[k] < 0 || q->v[k] > 255) return iml__jsonr_fail(q->j, q->e, "a colour is 0..255");
        rgb[k] = (uint8_t)q->v[k];
    }
    q->r->ink = rgb, q->r->nink = (uint32_t)n, q->r->ink_forced = q->depth == 1;
    return IML_OK;
}

static iml_status param(reader *q, const char *key)
{
    iml__item_plan *p = &q->r->plan;
    for (int k = 0; k < IML__NUMS; k++)
        if (!strcmp(key, iml__key_nums[k].rule.key)) return num_param(q, k);
    for (int k = 0; k < IML__ENUMS; k++)
        if (!strcmp(key, iml__key_enums[k].key)) return enum_param(q, k);
    for (int k = 0; k < IML__COLOURS; k++)
        if (!strcmp(key, iml__key_colours[k].key))
            return bytes(q, (size_t)iml__key_colours[k].channels, p->colour[k]);
    if (!strcmp(key, "text_color_effective")) return effective_ink(q);
    if (!strcmp(key, "cutout")) return whole(q, 4, 0, 1 << 24, q->r->cutout);
    if (!strcmp(key, "quality")) {
        int32_t v;
        IML_TRY(whole(q, 1, 1, 100, &v));
        p->quality = v;
        return IML_OK;
    }
    return iml__jsonr_skip(q->j, q->e);
}

// ---- The rest

static iml_status axis(reader *q, const char *key)
{
    iml__replay *r = q->r;
    if (r->naxes == IML__SPEC_AXES || strlen(key) != 4)
        return iml__jsonr_fail(q->j, q->e, "variations: an axis of four letters is needed");
    memcpy(r->axis[r->naxes], key, 5);
    IML_TRY(numbers(q));
    if (q->depth || q->n != 1) return iml__jsonr_fail(q->j, q->e, "an axis takes one number");
    r->plan.axis[r->naxes++] = q->v[0];
    return IML_OK;
}

static iml_status features(reader *q)
{
    iml__replay *r = q->r;
    enum iml__json_type t;
    IML_TRY(iml__jsonr_next(q->j, &t, q->e));
    if (t != IML__JSON_ARRAY) return iml__jsonr_fail(q->j, q->e, "a list of features is needed");
    for (;;) {
        IML_TRY(iml__jsonr_next(q->j, &t, q->e));
        if (t == IML__JSON_END) return IML_OK;
        const iml__str *s = &q->j->token;
        if (t != IML__JSON_STRING || r->nfeatures == IML__SPEC_FEATURES ||
            !hb_feature_from_string(iml__str_text(s), (int)IML_MIN(s->n, (size_t)1000),
                                    &r->feature[r->nfeatures]))
            return iml__jsonr_fail(q->j, q->e, "a feature as in \"-kern\" is needed");
        r->nfeatures++;
    }
}

static iml_status font_member(reader *q, const char *key)
{
    iml__replay_font *f = &q->r->font[q->r->nfonts];
    bool first = !q->r->nfonts;
    if (first && !strcmp(key, "variations")) return object(q, axis);
    if (first && !strcmp(key, "features")) return features(q);
    if (!strcmp(key, "path")) return text(q, &f->path);
    if (!strcmp(key, "face")) return whole(q, 1, 0, 65535, &f->face);
    if (!strcmp(key, "sha256")) return hash_text(q, f->sha256);
    return iml__jsonr_skip(q->j, q->e);
}

// The members of a font that has just begun.
static iml_status font(reader *q)
{
    iml__replay *r = q->r;
    if (r->nfonts == IML__FACES) return iml__jsonr_fail(q->j, q->e, "too many fonts");
    r->font[r->nfonts] = (iml__replay_font){0};
    IML_TRY(members(q, font_member));
    if (!r->font[r->nfonts].path || !r->font[r->nfonts].sha256[0])
        return iml__jsonr_fail(q->j, q->e, "a font needs path and sha256");
    r->nfonts++;
    return IML_OK;
}

static iml_status main_font(reader *q)
{
    enum iml__json_type t;
    IML_TRY(iml__jsonr_next(q->j, &t, q->e));
    if (t != IML__JSON_OBJECT || q->r->nfonts)
        return iml__jsonr_fail(q->j, q->e, "one font, an object, is needed");
    return font(q);
}

static iml_status fallbacks(reader *q)
{
    enum iml__json_type t;
    IML_TRY(iml__jsonr_next(q->j, &t, q->e));
    if (t != IML__JSON_ARRAY) return iml__jsonr_fail(q->j, q->e, "a list is needed");
    if (!q->r->nfonts) return iml__jsonr_fail(q->j, q->e, "font must stand before it");
    for (;;) {
        IML_TRY(iml__jsonr_next(q->j, &t, q->e));
        if (t == IML__JSON_END) return IML_OK;
        if (t != IML__JSON_OBJECT) return iml__jsonr_fail(q->j, q->e, "a font is an object");
        IML_TRY(font(q));
    }
}

static iml_status image_member(reader *q, const char *key)
{
    static const char *const modes[] = {"RGB", "RGBA", "L"};
    static const enum iml__render_channels as[] = {IML__OUT_RGB, IML__OUT_RGBA, IML__OUT_GREY};
    static const char *const suffix[] = {".png", ".jpg", ".webp"};
    const char *s;
    if (!strcmp(key, "xxh3")) return hex(q, &q->r->has_hash, &q->r->xxh3);
    if (!strcmp(key, "mode")) {
        IML_TRY(text(q, &s));
        for (size_t k = 0; s && k < IML_COUNT_OF(modes); k++)
            if (!strcmp(s, modes[k])) return q->r->channels = as[k], IML_OK;
        return iml__jsonr_fail(q->j, q->e, "mode is one of RGB RGBA L");
    }
    if (!strcmp(key, "file")) {
        IML_TRY(text(q, &q->r->file));
        iml_err why;
        if (q->r->file && (iml__name_check(q->r->file, &why) || strlen(q->r->file) > FILE_NAME))
            return iml__jsonr_fail(q->j, q->e, "file is no name below a data set");
        s = q->r->file ? strrchr(q->r->file, '.') : NULL;
        for (size_t k = 0; s && k < IML_COUNT_OF(suffix); k++)
            if (!strcmp(s, suffix[k])) return q->r->format = (int)k, IML_OK;
        return iml__jsonr_fail(q->j, q->e, "file ends in .png, .jpg or .webp");
    }
    return iml__jsonr_skip(q->j, q->e);
}

static iml_status back_member(reader *q, const char *key)
{
    iml__replay *r = q->r;
    const char *s;
    if (!strcmp(key, "path")) return text(q, &r->bg_path);
    if (!strcmp(key, "sha256")) return hash_text(q, r->bg_sha256);
    if (!strcmp(key, "colour")) return bytes(q, 3, r->bg_rgb);
    if (!strcmp(key, "crop")) {
        int32_t crop[4];
        IML_TRY(whole(q, 4, -(1 << 24), 1 << 24, crop));
        r->crop[0] = crop[0], r->crop[1] = crop[1];
        return IML_OK;
    }
    if (strcmp(key, "kind") != 0) return iml__jsonr_skip(q->j, q->e);
    IML_TRY(text(q, &s));
    for (int k = 0; s && k < IML__BG_KINDS; k++)
        if (!strcmp(s, iml__bg_kind_name((enum iml__bg_kind)k)))
            return r->bg = (enum iml__bg_kind)k, IML_OK;
    return iml__jsonr_fail(q->j, q->e, "'%.40s' is no kind of background", s ? s : "null");
}

static iml_status corpus_member(reader *q, const char *key)
{
    if (!strcmp(key, "file")) return text(q, &q->r->corpus);
    if (!strcmp(key, "offset")) return iml__jsonr_u64(q->j, &q->r->offset, q->e);
    if (!strcmp(key, "bytes")) return iml__jsonr_u64(q->j, &q->r->bytes, q->e);
    return iml__jsonr_skip(q->j, q->e);
}

static iml_status attempt_member(reader *q, const char *key)
{
    static const char *const names[] = {"text", "font", "background"};
    for (size_t k = 0; k < IML_COUNT_OF(names); k++)
        if (!strcmp(key, names[k])) return u32(q, &q->r->attempt[k]);
    return iml__jsonr_skip(q->j, q->e);
}

static iml_status replay_member(reader *q, const char *key)
{
    iml__replay *r = q->r;
    if (!strcmp(key, "tables")) return iml__jsonr_u64(q->j, &r->tables, q->e);
    if (!strcmp(key, "freetype")) return text(q, &r->freetype);
    if (!strcmp(key, "harfbuzz")) return text(q, &r->harfbuzz);
    if (!strcmp(key, "attempt")) return object(q, attempt_member);
    bool there;
    if (!strcmp(key, "config")) return hex(q, &there, &r->config);
    if (!strcmp(key, "decisions")) return hex(q, &r->has_decisions, &r->decisions);
    return iml__jsonr_skip(q->j, q->e);
}

static iml_status member(reader *q, const char *key)
{
    iml__replay *r = q->r;
    uint64_t version;
    if (!strcmp(key, "imloom")) {
        IML_TRY(iml__jsonr_u64(q->j, &version, q->e));
        return version == 1 ? IML_OK
                            : iml__jsonr_fail(q->j, q->e, "a label of version %llu; 1 is known",
                                              (unsigned long long)version);
    }
    if (!strcmp(key, "index")) return iml__jsonr_u64(q->j, &r->plan.index, q->e);
    if (!strcmp(key, "seed")) return iml__jsonr_u64(q->j, &r->plan.seed, q->e);
    if (!strcmp(key, "spec")) return text(q, &r->spec);
    if (!strcmp(key, "text")) return text(q, &r->text);
    if (!strcmp(key, "language")) return text(q, &r->language);
    if (!strcmp(key, "image")) return object(q, image_member);
    if (!strcmp(key, "font")) return main_font(q);
    if (!strcmp(key, "fallback_fonts")) return fallbacks(q);
    if (!strcmp(key, "params")) return object(q, param);
    if (!strcmp(key, "background")) return object(q, back_member);
    if (!strcmp(key, "corpus")) return object(q, corpus_member);
    if (!strcmp(key, "replay")) return object(q, replay_member);
    return iml__jsonr_skip(q->j, q->e);
}

iml_status iml__replay_read(const char *name, const char *label, size_t n, iml_arena *a,
                            iml__replay *r, iml_err *e)
{
    iml__jsonr j;
    enum iml__json_type t;
    reader q = {.j = &j, .a = a, .r = r, .e = e};
    memset(r, 0, sizeof *r);
    r->plan.given = true, r->plan.quality = 90;
    r->plan.cutout[0] = r->plan.cutout[1] = r->plan.crop[0] = r->plan.crop[1] = 0.5;
    r->bg = IML__BG_KINDS, r->format = -1;
    for (int k = 0; k < IML__NUMS; k++) r->plan.num[k] = iml__key_nums[k].rule.neutral;
    for (int k = 0; k < IML__ENUMS; k++) r->plan.en[k] = iml__key_enums[k].def;
    for (int k = 0; k < IML__COLOURS; k++) memcpy(r->plan.colour[k], iml__key_colours[k].def, 4);
    iml__jsonr_init(&j, name, label, n);
    iml_status st = object(&q, member);
    if (!st) st = iml__jsonr_next(&j, &t, e);
    const char *lacks = !r->text || !*r->text    ? "text"
                        : !r->nfonts             ? "font"
                        : r->format < 0          ? "image"
                        : r->bg == IML__BG_KINDS ? "background"
                        : r->bg == IML__BG_IMAGE && (!r->bg_path || !r->bg_sha256[0])
                            ? "background path"
                            : NULL;
    if (!st && lacks)
        st = IML_FAIL(e, IML_EINPUT, "%s: no label of imloom: it has no %s", name, lacks);
    if (!st && r->plan.en[IML__E_color_mode] == IML__COLOR_PER_GLYPH && !r->ink)
        st = IML_FAIL(e, IML_EINPUT, "%s: per_glyph needs its text_color_effective", name);
    if (!st && !r->ink_forced && r->ink && r->plan.en[IML__E_color_mode] == IML__COLOR_GRADIENT &&
        r->nink != 2)
        st = IML_FAIL(e, IML_EINPUT, "%s: a gradient has two colours", name);
    iml__jsonr_free(&j);
    return st;
}
