// config_keys.c: a specification's keys, read from one map at a time.
//
// A specification is filled in layers: the rows' defaults, the YAML's `defaults`, its own map,
// --set. Every layer is checked by itself, with the place of the node that is wrong; the older four
// fields of a key (K_min ..) are gathered first, so that min > max is seen once both are known.
#include "src/synth/config_keys.h"

#include "src/base/err.h"

#include <stdio.h>
#include <string.h>

enum { I = 1, F = 0 };

const iml__key_num iml__key_nums[IML__NUMS] = {
#define IML_NUM(key_, type_, min_, max_, open_, lo_, hi_, dist_, neutral_)                         \
    {{.key = #key_,                                                                                \
      .integer = type_,                                                                            \
      .min = min_,                                                                                 \
      .max = max_,                                                                                 \
      .open_min = open_,                                                                           \
      .neutral = neutral_,                                                                         \
      .lo = lo_,                                                                                   \
      .hi = hi_,                                                                                   \
      .dist = IML__DIST_##dist_},                                                                  \
     IML__N_##key_ == IML__N_text_length || IML__N_##key_ == IML__N_lines},
#include "src/synth/keys.def"
};

#define IML_ENUM(key, def, ...) static const char *const names_##key[] = {__VA_ARGS__, NULL};
#include "src/synth/keys.def"
const iml__key_enum iml__key_enums[IML__ENUMS] = {
#define IML_ENUM(key, def, ...) {#key, names_##key, def},
#include "src/synth/keys.def"
};

const iml__key_colour iml__key_colours[IML__COLOURS] = {
#define IML_COLOUR(key, channels, r, g, b, a) {#key, channels, {r, g, b, a}},
#include "src/synth/keys.def"
};

// What is no row: text, lists, maps.
static const char *const special[] = {"name",    "proportion",  "corpus_file", "corpus_files",
                                      "corpora", "font_filter", "language",    "config",
                                      "charset", "exclude",     "features",    "variations",
                                      "fonts",   "backgrounds", NULL};

// Keys of the format that this version has no hand for: refused by name, never passed over.
static const char *const later[] = {"underline",
                                    "strike",
                                    "overline",
                                    "extrusion",
                                    "extrusion_angle",
                                    "extrusion_color",
                                    "palette",
                                    "texture",
                                    "blend",
                                    "background_warp",
                                    "midground_probability",
                                    "bleed_through",
                                    "unit_elastic_alpha",
                                    "unit_elastic_sigma",
                                    "poisson_noise",
                                    "speckle",
                                    "speckle_radius",
                                    "dropout",
                                    "motion_blur",
                                    "motion_blur_angle",
                                    "defocus",
                                    "median",
                                    "resample",
                                    "jpeg_quality",
                                    "shading",
                                    "vignette",
                                    "lines_count",
                                    "moire",
                                    "posterize",
                                    "binarize",
                                    "invert",
                                    "emboss",
                                    NULL};

void iml__spec_default(iml__spec *s)
{
    *s = (iml__spec){0};
    for (int k = 0; k < IML__NUMS; k++) s->num[k] = iml__value_default(&iml__key_nums[k].rule);
    for (int k = 0; k < IML__ENUMS; k++) {
        uint32_t n = 0;
        while (iml__key_enums[k].names[n]) n++;
        s->en[k] = iml__choice_const(n, iml__key_enums[k].def);
    }
    for (int k = 0; k < IML__COLOURS; k++)
        for (int ch = 0; ch < 4; ch++)
            s->colour[k].lo[ch] = s->colour[k].hi[ch] = iml__key_colours[k].def[ch];
}

// ---- Colours

static bool hex_colour(const char *s, uint8_t out[4], int channels)
{
    size_t n = strlen(s);
    if (s[0] != '#' || (n != 7 && !(n == 9 && channels == 4))) return false;
    for (size_t i = 1; i < n; i++) {
        char ch = s[i];
        int d = ch >= '0' && ch <= '9'   ? ch - '0'
                : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
                : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
                                         : -1;
        if (d < 0) return false;
        out[(i - 1) / 2] = (uint8_t)((i & 1) ? d << 4 : out[(i - 1) / 2] | d);
    }
    if (n == 7) out[3] = 255;
    return true;
}

bool iml__colour_parse(const char *key, int channels, const iml__ynode *n, iml__complaints *c,
                       uint8_t out[4])
{
    out[3] = 255;
    if (n->kind == IML__YAML_SCALAR && hex_colour(n->text, out, channels)) return true;
    if (n->kind != IML__YAML_LIST || n->n != (size_t)channels ||
        n->item[0]->kind == IML__YAML_LIST) {
        iml__yaml_complain(c, n,
                           "%s: a colour is a list of %d numbers 0..255 or \"#rrggbb\", a range "
                           "of them is {min: COLOUR, max: COLOUR}",
                           key, channels);
        return false;
    }
    iml__value_rule rule = {.key = key, .integer = true, .min = 0, .max = 255};
    for (int ch = 0; ch < channels; ch++) {
        double v;
        if (!iml__number_parse(&rule, n->item[ch], c, &v)) return false;
        out[ch] = (uint8_t)v;
    }
    return true;
}

static bool colour_apply(const iml__key_colour *k, const iml__ynode *whole, const iml__ynode *lo,
                         const iml__ynode *hi, iml__complaints *c, iml__colour_range *out)
{
    static const char *const words[] = {"min", "max", NULL};
    iml__colour_range v = *out;
    if (whole && whole->kind == IML__YAML_MAP) {
        if (!iml__known_keys(k->key, whole, words, c)) return false;
        lo = iml__yaml_get(whole, "min"), hi = iml__yaml_get(whole, "max");
        if (!lo || !hi) {
            iml__yaml_complain(c, whole, "%s: min and max are needed", k->key);
            return false;
        }
    } else if (whole) {
        lo = hi = whole;
    }
    if (lo && !iml__colour_parse(k->key, k->channels, lo, c, v.lo)) return false;
    if (hi && !iml__colour_parse(k->key, k->channels, hi, c, v.hi)) return false;
    for (int ch = 0; ch < k->channels; ch++) {
        if (v.lo[ch] <= v.hi[ch]) continue;
        iml__yaml_complain(c, lo ? lo : hi, "%s: min %d is above max %d in channel %d", k->key,
                           v.lo[ch], v.hi[ch], ch + 1);
        return false;
    }
    *out = v;
    return true;
}

// ---- Which row a key belongs to

enum { WHOLE, MIN, MAX, DIST, PROB, PARTS };
enum found { NOTHING, NUM, ENUM, COLOUR, SPECIAL };

static int part_of(const char *key, const char *stem, bool prefix)
{
    static const char *const tail[] = {"", "_min", "_max", "_distribution", "_probability"};
    size_t n = strlen(stem);
    if (prefix && !strncmp(key, "min_", 4) && !strcmp(key + 4, stem)) return MIN;
    if (prefix && !strncmp(key, "max_", 4) && !strcmp(key + 4, stem)) return MAX;
    if (strncmp(key, stem, n) != 0) return -1;
    for (int p = 0; p < PARTS; p++)
        if (!strcmp(key + n, tail[p])) return prefix && (p == MIN || p == MAX) ? -1 : p;
    return -1;
}

static enum found find_key(const char *key, int *row, int *part)
{
    for (int k = 0; k < IML__NUMS; k++)
        if ((*part = part_of(key, iml__key_nums[k].rule.key, iml__key_nums[k].prefix)) >= 0)
            return *row = k, NUM;
    for (int k = 0; k < IML__ENUMS; k++)
        if (!strcmp(key, iml__key_enums[k].key)) return *row = k, ENUM;
    for (int k = 0; k < IML__COLOURS; k++) {
        *part = part_of(key, iml__key_colours[k].key, false);
        if (*part >= 0 && *part <= MAX) return *row = k, COLOUR;
    }
    for (int k = 0; special[k]; k++)
        if (!strcmp(key, special[k])) return *row = k, SPECIAL;
    return NOTHING;
}

static bool comes_later(const char *key)
{
    for (int k = 0; later[k]; k++)
        if (part_of(key, later[k], false) >= 0) return true;
    return false;
}

// The nearest of all names a specification knows.
static const char *nearest_key(const char *key, char buf[64])
{
    static const char *const tail[] = {"", "_min", "_max", "_distribution", "_probability"};
    int best = 4;
    buf[0] = 0;
    char name[64];
    for (int k = 0; k < IML__NUMS + IML__ENUMS + IML__COLOURS + (int)IML_COUNT_OF(special) - 1;
         k++) {
        int colour = k - IML__NUMS - IML__ENUMS;
        const char *stem = k < IML__NUMS                ? iml__key_nums[k].rule.key
                           : k < IML__NUMS + IML__ENUMS ? iml__key_enums[k - IML__NUMS].key
                           : colour < IML__COLOURS      ? iml__key_colours[colour].key
                                                        : special[colour - IML__COLOURS];
        int parts = k < IML__NUMS ? PARTS : colour >= 0 && colour < IML__COLOURS ? 3 : 1;
        for (int p = 0; p < parts; p++) {
            bool prefix = k < IML__NUMS && iml__key_nums[k].prefix && (p == MIN || p == MAX);
            (void)snprintf(name, sizeof name, "%s%s%s", prefix ? p == MIN ? "min_" : "max_" : "",
                           stem, prefix ? "" : tail[p]);
            int d = iml__edit_distance(key, name);
            if (d < best && d * 3 <= (int)strlen(key)) {
                best = d;
                memcpy(buf, name, sizeof name);
            }
        }
    }
    return buf[0] ? buf : NULL;
}

bool iml__known_keys(const char *where, const iml__ynode *map, const char *const *names,
                     iml__complaints *c)
{
    bool ok = true;
    if (map->kind != IML__YAML_MAP) {
        iml__yaml_complain(c, map, "%s: a map of keys is needed here", where);
        return false;
    }
    for (size_t i = 0; i < map->n; i++) {
        const iml__ynode *key = map->pair[i].key;
        size_t k = 0;
        while (names[k] && strcmp(names[k], key->text) != 0) k++;
        if (names[k]) continue;
        const char *near = iml__nearest(key->text, names);
        char known[96] = "";
        for (size_t k2 = 0, at = 0; !near && names[k2] && at < sizeof known - 1; k2++)
            at +=
                (size_t)snprintf(known + at, sizeof known - at, "%s%s", k2 ? ", " : "", names[k2]);
        bool few = known[0] && strlen(known) < sizeof known - 1;
        iml__yaml_complain(c, key, "%s: unknown key '%s'%s%s%s", where, key->text,
                           near  ? "; did you mean '"
                           : few ? "; known are "
                                 : "",
                           near  ? near
                           : few ? known
                                 : "",
                           near ? "'?" : "");
        ok = false;
    }
    return ok;
}

// ---- Texts and lists

static bool text_of(const char *key, const iml__ynode *n, iml__complaints *c, const char **out)
{
    if (n->kind == IML__YAML_SCALAR && n->len) return *out = n->text, true;
    iml__yaml_complain(c, n, "%s: a text is needed here", key);
    return false;
}

static void file_ref(const iml__ynode *n, iml__corpus_ref *r)
{
    bool builtin = !strncmp(n->text, "builtin:", 8);
    *r = (iml__corpus_ref){builtin ? IML__CORPUS_BUILTIN : IML__CORPUS_FILE,
                           builtin ? n->text + 8 : n->text, 1, n, 0};
}

static bool corpus_of(const iml__ynode *n, iml__complaints *c, iml__corpus_ref *r)
{
    static const char *const words[] = {"file", "text", "pattern", "weight", NULL};
    iml__value_rule rule = {.key = "corpora: weight", .min = 0, .max = 1e12, .open_min = true};
    const char *text;
    if (n->kind == IML__YAML_SCALAR) {
        if (!text_of("corpora", n, c, &text)) return false;
        file_ref(n, r);
        return true;
    }
    if (!iml__known_keys("corpora", n, words, c)) return false;
    const iml__ynode *file = iml__yaml_get(n, "file"), *say = iml__yaml_get(n, "text");
    const iml__ynode *pattern = iml__yaml_get(n, "pattern");
    const iml__ynode *w = iml__yaml_get(n, "weight");
    if ((file != NULL) + (say != NULL) + (pattern != NULL) != 1) {
        iml__yaml_complain(c, n, "corpora: an entry has one of `file`, `text` and `pattern`");
        return false;
    }
    if (!text_of("corpora", file ? file : say ? say : pattern, c, &text)) return false;
    if (file)
        file_ref(file, r);
    else
        *r = (iml__corpus_ref){say ? IML__CORPUS_TEXT : IML__CORPUS_PATTERN, text, 1,
                               say ? say : pattern, 0};
    return !w || iml__number_parse(&rule, w, c, &r->weight);
}

static bool corpora_of(iml__spec *s, const iml__ynode *n, iml_arena *a, iml__complaints *c)
{
    if (n->kind != IML__YAML_LIST || !n->n) {
        iml__yaml_complain(c, n, "corpora: a list that is not empty is needed");
        return false;
    }
    bool ok = true;
    iml__corpus_ref *list = iml_arena_calloc(a, n->n, sizeof *list);
    if (!list) {
        iml__yaml_complain(c, n, "corpora: no memory");
        return false;
    }
    for (size_t i = 0; i < n->n; i++) ok &= corpus_of(n->item[i], c, &list[i]);
    s->corpus = list, s->ncorpora = (uint32_t)n->n;
    return ok;
}

// The older validator's `config:` block: padding, font size, directions.
static bool older_block(iml__spec *s, const iml__ynode *n, iml_arena *a, iml__complaints *c)
{
    static const char *const words[] = {"canvas", "font", "direction", NULL};
    static const char *const canvas_words[] = {"min_padding", "max_padding", NULL};
    static const char *const font_words[] = {"size_range", NULL};
    if (!iml__known_keys("config", n, words, c)) return false;
    bool ok = true;
    const iml__ynode *canvas = iml__yaml_get(n, "canvas"), *font = iml__yaml_get(n, "font");
    const iml__ynode *dir = iml__yaml_get(n, "direction");
    if (canvas && (ok &= iml__known_keys("config.canvas", canvas, canvas_words, c)))
        ok &= iml__value_fields(
            &iml__key_nums[IML__N_padding].rule, iml__yaml_get(canvas, "min_padding"),
            iml__yaml_get(canvas, "max_padding"), NULL, NULL, a, c, &s->num[IML__N_padding]);
    if (font && (ok &= iml__known_keys("config.font", font, font_words, c)) &&
        iml__yaml_get(font, "size_range"))
        ok &= iml__value_parse(&iml__key_nums[IML__N_font_size].rule,
                               iml__yaml_get(font, "size_range"), a, c, &s->num[IML__N_font_size]);
    if (dir)
        ok &= iml__choice_parse("config.direction", iml__key_enums[IML__E_text_direction].names,
                                dir, c, &s->en[IML__E_text_direction]);
    return ok;
}

static bool features_of(iml__spec *s, const iml__ynode *n, iml__complaints *c)
{
    size_t count = n->kind == IML__YAML_LIST ? n->n : 1;
    if (n->kind == IML__YAML_MAP || count > IML__SPEC_FEATURES) {
        iml__yaml_complain(c, n, "features: a list of at most %d, as in [liga, -kern, ss01=2]",
                           IML__SPEC_FEATURES);
        return false;
    }
    for (size_t k = 0; k < count; k++) {
        const iml__ynode *item = n->kind == IML__YAML_LIST ? n->item[k] : n;
        if (item->kind != IML__YAML_SCALAR ||
            !hb_feature_from_string(item->text, (int)item->len, &s->feature[k])) {
            iml__yaml_complain(c, item, "features: '%s' is none; write liga, -kern or ss01=2",
                               item->kind == IML__YAML_SCALAR ? item->text : "a list or map");
            return false;
        }
    }
    s->nfeatures = (uint32_t)count;
    return true;
}

static bool variations_of(iml__spec *s, const iml__ynode *n, iml_arena *a, iml__complaints *c)
{
    if (n->kind != IML__YAML_MAP || n->n > IML__SPEC_AXES) {
        iml__yaml_complain(c, n, "variations: a map of at most %d axes, as in {wght: [100, 900]}",
                           IML__SPEC_AXES);
        return false;
    }
    for (size_t k = 0; k < n->n; k++) {
        const iml__ynode *tag = n->pair[k].key;
        struct iml__spec_axis *x = &s->axis[k];
        char name[40];
        if (tag->len != 4) {
            iml__yaml_complain(c, tag, "variations: the tag of an axis has four letters (wght)");
            return false;
        }
        memcpy(x->tag, tag->text, 5);
        (void)snprintf(name, sizeof name, "variations: %s", x->tag);
        iml__value_rule rule = {.key = name, .min = -32768, .max = 32767};
        x->value = iml__value_const(0);
        if (!iml__value_parse(&rule, n->pair[k].value, a, c, &x->value)) return false;
        (void)snprintf(name, sizeof name, "synth.variations.%s", x->tag);
        x->stream = iml_stream(name);
    }
    s->naxes = (uint32_t)n->n;
    return true;
}

static bool characters_of(const char *key, const iml__ynode *n, iml__complaints *c,
                          const char **text, const iml__ynode **at)
{
    *text = NULL, *at = n;
    return iml__yaml_is_null(n) || text_of(key, n, c, text);
}

static bool apply_special(iml__spec *s, const char *key, const iml__ynode *n, iml_arena *a,
                          iml__complaints *c)
{
    iml__value_rule share = {.key = "proportion", .min = 0, .max = 1};
    const char *text;
    if (!strcmp(key, "name")) return text_of(key, n, c, &s->name);
    if (!strcmp(key, "proportion")) return iml__number_parse(&share, n, c, &s->proportion);
    if (!strcmp(key, "config")) return older_block(s, n, a, c);
    if (!strcmp(key, "corpora") || !strcmp(key, "corpus_files")) return corpora_of(s, n, a, c);
    if (!strcmp(key, "font_filter")) {
        s->font_filter = NULL;
        return iml__yaml_is_null(n) || text_of(key, n, c, &s->font_filter);
    }
    if (!strcmp(key, "language")) {
        s->language = NULL;
        return iml__yaml_is_null(n) || text_of(key, n, c, &s->language);
    }
    if (!strcmp(key, "features")) return features_of(s, n, c);
    if (!strcmp(key, "variations")) return variations_of(s, n, a, c);
    if (!strcmp(key, "fonts"))
        return iml__sources_parse(true, n, a, c, &s->fonts, &s->en[IML__E_on_missing_glyph]);
    if (!strcmp(key, "backgrounds"))
        return iml__sources_parse(false, n, a, c, &s->backgrounds, &s->en[IML__E_background_mode]);
    if (!strcmp(key, "charset")) return characters_of(key, n, c, &s->charset, &s->charset_at);
    if (!strcmp(key, "exclude")) return characters_of(key, n, c, &s->exclude, &s->exclude_at);
    if (!text_of(key, n, c, &text)) return false; // corpus_file
    s->corpus = iml_arena_calloc(a, 1, sizeof *s->corpus);
    if (!s->corpus) {
        iml__yaml_complain(c, n, "corpus_file: no memory");
        return false;
    }
    file_ref(n, s->corpus);
    s->ncorpora = 1;
    return true;
}

static bool apply_num(iml__spec *s, int row, const iml__ynode *const f[PARTS], iml_arena *a,
                      iml__complaints *c)
{
    const iml__value_rule *rule = &iml__key_nums[row].rule;
    bool fields = f[MIN] || f[MAX] || f[DIST] || f[PROB];
    if (f[WHOLE] && fields) {
        iml__yaml_complain(
            c, f[WHOLE], "%s: stands beside its own fields (%s_min ..); give one of the two forms",
            rule->key, rule->key);
        return false;
    }
    if (f[WHOLE]) return iml__value_parse(rule, f[WHOLE], a, c, &s->num[row]);
    return !fields || iml__value_fields(rule, f[MIN], f[MAX], f[DIST], f[PROB], a, c, &s->num[row]);
}

// A map's word and the key that means the same do not stand side by side.
static bool said_once(const iml__ynode *map, const char *inner, const char *word, const char *key,
                      iml__complaints *c)
{
    const iml__ynode *n = iml__yaml_get(iml__yaml_get(map, inner), word);
    if (!n || !iml__yaml_get(map, key)) return true;
    iml__yaml_complain(c, n, "%s.%s: stands beside %s, which means the same; give one", inner, word,
                       key);
    return false;
}

bool iml__spec_apply(iml__spec *s, const iml__ynode *map, iml_arena *a, iml__complaints *c)
{
    const iml__ynode *num[IML__NUMS][PARTS] = {{0}}, *colour[IML__COLOURS][3] = {{0}};
    const iml__ynode *files = iml__yaml_get(map, "corpus_file"),
                     *lists = iml__yaml_get(map, "corpora");
    if (!lists) lists = iml__yaml_get(map, "corpus_files");
    bool ok = said_once(map, "fonts", "on_missing_glyph", "on_missing_glyph", c) &
              said_once(map, "backgrounds", "mode", "background_mode", c);
    if (files && lists) {
        iml__yaml_complain(c, lists, "corpora: stands beside corpus_file; give one of the two");
        ok = false;
    }
    for (size_t i = 0; i < map->n; i++) {
        const iml__ynode *key = map->pair[i].key, *n = map->pair[i].value;
        int row = 0, part = 0;
        char buf[64];
        switch (find_key(key->text, &row, &part)) {
        case NUM: num[row][part] = n; break;
        case COLOUR: colour[row][part] = n; break;
        case ENUM:
            ok &= iml__choice_parse(key->text, iml__key_enums[row].names, n, c, &s->en[row]);
            break;
        case SPECIAL: ok &= apply_special(s, key->text, n, a, c); break;
        case NOTHING: {
            if (comes_later(key->text)) {
                iml__yaml_complain(c, key, "%s: is not in this version of imloom; take it out",
                                   key->text);
                ok = false;
                break;
            }
            const char *near = nearest_key(key->text, buf);
            iml__yaml_complain(c, key, "unknown key '%s'%s%s%s", key->text,
                               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
            ok = false;
        }
        }
    }
    for (int k = 0; k < IML__NUMS; k++) ok &= apply_num(s, k, num[k], a, c);
    for (int k = 0; k < IML__COLOURS; k++)
        ok &= colour_apply(&iml__key_colours[k], colour[k][WHOLE], colour[k][MIN], colour[k][MAX],
                           c, &s->colour[k]);
    return ok;
}

bool iml__spec_check(const iml__spec *s, const iml__ynode *at, iml__complaints *c)
{
    static const int curved[] = {IML__N_arc_radius, IML__N_sine_amplitude, IML__N_sine_frequency,
                                 IML__N_sine_phase};
    uint32_t before = c->n;
    const iml__choice *curve = &s->en[IML__E_curve_type];
    bool none = curve->weight[IML__CURVE_ARC] <= 0 && curve->weight[IML__CURVE_SINE] <= 0;
    for (size_t k = 0; none && k < IML_COUNT_OF(curved); k++)
        if (!iml__value_is(&s->num[curved[k]], 0))
            iml__yaml_complain(c, at,
                               "%s is set but curve_type is none; set curve_type to arc or sine",
                               iml__key_nums[curved[k]].rule.key);
    const iml__value *reuse = &s->num[IML__N_background_reuse];
    if (!iml__value_is(reuse, reuse->lo))
        iml__yaml_complain(c, at,
                           "background_reuse: one number is needed, items share pictures by it");
    if (!s->ncorpora)
        iml__yaml_complain(c, at,
                           "corpus_file is missing (or `corpora`): where do its texts come from?");
    return c->n == before;
}
