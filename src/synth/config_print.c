// config_print.c: the effective configuration as YAML, and the list of keys.
//
// What is printed reads back as the same configuration: it is what --print-config shows and what
// the configuration's hash is made of, so a key's line comes in the order of its row and numbers
// take their shortest form. Keys at their default are left out, for the hash too: a default that
// changes must change the version of the tables (synth.md 5).
#include "src/synth/config_keys.h"

#include <string.h>

static void num(iml__str *o, double v)
{
    char text[32];
    iml__str_add(o, text, iml__num_short(text, v));
}

static void quoted(iml__str *o, const char *s)
{
    iml__str_addc(o, '"');
    for (; *s; s++) {
        unsigned char ch = (unsigned char)*s;
        if (ch == '"' || ch == '\\')
            iml__str_addf(o, "\\%c", ch);
        else if (ch < 0x20 || ch == 0x7F)
            iml__str_addf(o, "\\x%02x", ch);
        else
            iml__str_addc(o, *s);
    }
    iml__str_addc(o, '"');
}

static void list(iml__str *o, const double *v, uint32_t n)
{
    iml__str_addc(o, '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i) iml__str_adds(o, ", ");
        num(o, v[i]);
    }
    iml__str_addc(o, ']');
}

static void value(iml__str *o, const iml__value *v)
{
    if (v->p >= 1 && v->dist == IML__DIST_CONSTANT) {
        num(o, v->lo);
        return;
    }
    if (v->p >= 1 && v->dist == IML__DIST_UNIFORM) {
        const double ends[2] = {v->lo, v->hi};
        list(o, ends, 2);
        return;
    }
    iml__str_addc(o, '{');
    if (v->dist == IML__DIST_CHOICE) {
        iml__str_adds(o, "choice: "), list(o, v->values, v->n);
        iml__str_adds(o, ", weights: "), list(o, v->weights, v->n);
    } else {
        if (v->dist == IML__DIST_GAUSS || v->dist == IML__DIST_JOHNK) {
            const double ab[2] = {v->a, v->b};
            iml__str_adds(o, v->dist == IML__DIST_GAUSS ? "normal: " : "beta: "), list(o, ab, 2);
            iml__str_adds(o, ", ");
        }
        iml__str_adds(o, "min: "), num(o, v->lo);
        iml__str_adds(o, ", max: "), num(o, v->hi);
        if (v->dist < IML__DIST_CHOICE)
            iml__str_addf(o, ", distribution: %s", iml__dist_names[v->dist]);
    }
    if (v->p < 1) iml__str_adds(o, ", p: "), num(o, v->p);
    iml__str_addc(o, '}');
}

static void choice(iml__str *o, const iml__choice *v, const char *const *names)
{
    uint32_t some = 0;
    for (uint32_t k = 0; k < v->n; k++) some += v->weight[k] > 0;
    if (some > 1) iml__str_addc(o, '{');
    bool first = true;
    for (uint32_t k = 0; k < v->n; k++) {
        if (v->weight[k] <= 0) continue;
        if (!first) iml__str_adds(o, ", ");
        first = false;
        iml__str_adds(o, names[k]);
        if (some > 1) iml__str_adds(o, ": "), num(o, v->weight[k]);
    }
    if (some > 1) iml__str_addc(o, '}');
}

static void colour(iml__str *o, const uint8_t v[4], int channels)
{
    iml__str_addc(o, '[');
    for (int ch = 0; ch < channels; ch++) iml__str_addf(o, "%s%d", ch ? ", " : "", v[ch]);
    iml__str_addc(o, ']');
}

static bool same_value(const iml__value *v, const iml__value *d)
{
    return v->dist == d->dist && v->lo == d->lo && v->hi == d->hi && v->p == d->p &&
           v->dist < IML__DIST_CHOICE;
}

static void corpora(iml__str *o, const iml__spec *s)
{
    iml__str_adds(o, "    corpora: [");
    for (uint32_t k = 0; k < s->ncorpora; k++) {
        const iml__corpus_ref *r = &s->corpus[k];
        iml__str_adds(o, k ? ", {" : "{");
        iml__str_adds(o, r->kind == IML__CORPUS_TEXT      ? "text: "
                         : r->kind == IML__CORPUS_PATTERN ? "pattern: "
                                                          : "file: ");
        if (r->kind == IML__CORPUS_BUILTIN)
            iml__str_addf(o, "\"builtin:%s\"", r->name);
        else
            quoted(o, r->name);
        iml__str_adds(o, ", weight: "), num(o, r->weight);
        iml__str_addc(o, '}');
    }
    iml__str_adds(o, "]\n");
}

static bool same_choice(const iml__choice *a, const iml__choice *b)
{
    bool same = a->n == b->n;
    for (uint32_t k = 0; same && k < a->n; k++) same = iml__same_double(a->weight[k], b->weight[k]);
    return same;
}

static void features(iml__str *o, const iml__spec *s)
{
    char text[128];
    for (uint32_t k = 0; k < s->nfeatures; k++) {
        hb_feature_t f = s->feature[k];
        hb_feature_to_string(&f, text, sizeof text);
        iml__str_adds(o, k ? ", " : "    features: [");
        quoted(o, text);
        if (k + 1 == s->nfeatures) iml__str_adds(o, "]\n");
    }
}

static void paths(iml__str *o, const char *indent, const char *key, const char *word,
                  const iml__path_weight *p, uint32_t n)
{
    if (!n) return;
    iml__str_addf(o, "%s  %s: [", indent, key);
    for (uint32_t k = 0; k < n; k++) {
        iml__str_addf(o, "%s{%s: ", k ? ", " : "", word);
        quoted(o, p[k].path);
        if (strcmp(key, "fallback") != 0) iml__str_adds(o, ", weight: "), num(o, p[k].weight);
        iml__str_addc(o, '}');
    }
    iml__str_adds(o, "]\n");
}

// hashed: what a path holds counts by its contents, elsewhere.
static void sources(iml__str *o, const char *indent, const char *key, const iml__sources *s,
                    bool hashed)
{
    if (!s->nweights && (hashed || !(s->npaths + s->nfallback))) return;
    iml__str_addf(o, "%s%s:\n", indent, key);
    if (!hashed) paths(o, indent, "paths", "path", s->paths, s->npaths);
    paths(o, indent, "weights", "match", s->weights, s->nweights);
    if (!hashed) paths(o, indent, "fallback", "path", s->fallback, s->nfallback);
}

static void spec(iml__str *o, const iml__spec *s, bool hashed)
{
    iml__str_adds(o, "  - name: "), quoted(o, s->name);
    iml__str_adds(o, "\n    proportion: "), num(o, s->proportion);
    iml__str_addc(o, '\n');
    corpora(o, s);
    if (s->font_filter)
        iml__str_adds(o, "    font_filter: "), quoted(o, s->font_filter), iml__str_addc(o, '\n');
    if (s->language)
        iml__str_adds(o, "    language: "), quoted(o, s->language), iml__str_addc(o, '\n');
    if (s->charset)
        iml__str_adds(o, "    charset: "), quoted(o, s->charset), iml__str_addc(o, '\n');
    if (s->exclude)
        iml__str_adds(o, "    exclude: "), quoted(o, s->exclude), iml__str_addc(o, '\n');
    sources(o, "    ", "fonts", &s->fonts, hashed);
    sources(o, "    ", "backgrounds", &s->backgrounds, hashed);
    features(o, s);
    for (uint32_t k = 0; k < s->naxes; k++) {
        iml__str_addf(o, k ? ", %s: " : "    variations: {%s: ", s->axis[k].tag);
        value(o, &s->axis[k].value);
        if (k + 1 == s->naxes) iml__str_adds(o, "}\n");
    }
    for (int k = 0; k < IML__ENUMS; k++) {
        const iml__key_enum *row = &iml__key_enums[k];
        iml__choice def = iml__choice_const(s->en[k].n, row->def);
        if (k != IML__E_text_direction && same_choice(&def, &s->en[k])) continue;
        iml__str_addf(o, "    %s: ", row->key);
        choice(o, &s->en[k], row->names);
        iml__str_addc(o, '\n');
    }
    for (int k = 0; k < IML__NUMS; k++) {
        iml__value def = iml__value_default(&iml__key_nums[k].rule);
        if (same_value(&s->num[k], &def)) continue;
        iml__str_addf(o, "    %s: ", iml__key_nums[k].rule.key);
        value(o, &s->num[k]);
        iml__str_addc(o, '\n');
    }
    for (int k = 0; k < IML__COLOURS; k++) {
        const iml__key_colour *row = &iml__key_colours[k];
        const iml__colour_range *r = &s->colour[k];
        size_t n = (size_t)row->channels;
        if (!memcmp(r->lo, row->def, n) && !memcmp(r->hi, row->def, n)) continue;
        iml__str_addf(o, "    %s: {min: ", row->key);
        colour(o, r->lo, row->channels);
        iml__str_adds(o, ", max: ");
        colour(o, r->hi, row->channels);
        iml__str_adds(o, "}\n");
    }
}

void iml__config_print(const iml__config *c, bool hashed, iml__str *o)
{
    iml__str_adds(o, "imloom: 1\n");
    if (!hashed && c->total) iml__str_addf(o, "total_images: %llu\n", (unsigned long long)c->total);
    if (!hashed) iml__str_addf(o, "seed: %llu\n", (unsigned long long)c->seed);
    iml__output_print(&c->output, hashed, o);
    sources(o, "", "fonts", &c->fonts, hashed);
    sources(o, "", "backgrounds", &c->backgrounds, hashed);
    iml__str_adds(o, "specifications:\n");
    for (uint32_t k = 0; k < c->nspec; k++) spec(o, &c->spec[k], hashed);
}

void iml__config_list_keys(iml__str *o)
{
    for (int k = 0; k < IML__NUMS; k++) {
        const iml__key_num *r = &iml__key_nums[k];
        iml__value d = iml__value_default(&r->rule);
        iml__str_addf(o, "%-28s %-8s ", r->rule.key, r->rule.integer ? "integer" : "number");
        num(o, r->rule.min), iml__str_adds(o, ".."), num(o, r->rule.max);
        iml__str_adds(o, "  default "), value(o, &d);
        iml__str_addc(o, '\n');
    }
    for (int k = 0; k < IML__ENUMS; k++) {
        const iml__key_enum *r = &iml__key_enums[k];
        iml__str_addf(o, "%-28s name    ", r->key);
        for (int i = 0; r->names[i]; i++) iml__str_addf(o, " %s", r->names[i]);
        if (k == IML__E_text_direction)
            iml__str_adds(o, "  required\n");
        else
            iml__str_addf(o, "  default %s\n", r->names[r->def]);
    }
    for (int k = 0; k < IML__COLOURS; k++) {
        const iml__key_colour *r = &iml__key_colours[k];
        iml__str_addf(o, "%-28s %s     a colour, or {min, max} of two  default ", r->key,
                      r->channels == 4 ? "rgba" : "rgb ");
        colour(o, r->def, r->channels);
        iml__str_addc(o, '\n');
    }
    static const char *const others[][2] = {
        {"name", "text"},
        {"proportion", "number  0..1, of all images"},
        {"corpus_file", "text    a file, or builtin:NAME"},
        {"corpora", "list    of {file, text or pattern, weight}"},
        {"font_filter", "text    a pattern for the font's whole path"},
        {"language", "text    BCP 47"},
        {"charset", "text    the characters that may be drawn, or a file of them"},
        {"exclude", "text    characters that may not be drawn, or a file of them"},
        {"features", "list    as in [liga, -kern]"},
        {"fonts", "map     {paths, weights, fallback, on_missing_glyph} of this specification"},
        {"backgrounds", "map     {paths, weights, mode} of this specification"},
        {"variations", "map     of a variable font's axes: {wght: [100, 900]}"}};
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
        iml__str_addf(o, "%-28s %s\n", others[k][0], others[k][1]);
}
