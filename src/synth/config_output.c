// config_output.c: the map `output` of a configuration: its words, reading and printing it.
//
// --labels, --masks, --crops and --extras take the same words; both are made from the lists here,
// those of the labels from label_formats.def.
#include "src/synth/config_keys.h"

#include "src/base/err.h"

#include <string.h>

static const char *const label_names[] = {
#define IML_LABELS(name, ...) #name,
#include "src/synth/label_formats.def"
    NULL};
static const char *const label_aliases[] = {
#define IML_LABELS(name, alias, ...) alias,
#include "src/synth/label_formats.def"
    NULL};
static const char *const mask_names[] = {"text", "unit", "line", NULL};
static const char *const crop_names[] = {"lines", "words", NULL};
static const char *const extra_names[] = {"background", "textlayer", NULL};
static const char *const format_names[] = {"png", "jpeg", "webp", NULL};
static const char *const colour_names[] = {"default", "rgb", "rgba", "auto", "grey", NULL};
static const char *const container_names[] = {"auto", "dir", "tar", NULL};
static const char *const det_names[] = {"line", "word", NULL};
static const char *const yes_names[] = {"no", "yes", NULL};

static const struct {
    const char *option, *key;
    const char *const *names;
    const char *const *aliases; // or NULL; as many
} lists[IML__LISTS] = {
    {"--labels", "output.labels", label_names, label_aliases},
    {"--masks", "output.masks", mask_names, NULL},
    {"--crops", "output.crops", crop_names, NULL},
    {"--extras", "output.extras", extra_names, NULL},
};

// ---- Words

static bool same(const char *name, const char *word, size_t n)
{
    return name && strlen(name) == n && !memcmp(name, word, n);
}

static bool add_word(enum iml__output_list which, const char *word, size_t n, unsigned *bits)
{
    for (unsigned k = 0; lists[which].names[k]; k++)
        if (same(lists[which].names[k], word, n) ||
            (lists[which].aliases && same(lists[which].aliases[k], word, n)))
            return *bits |= 1u << k, true;
    return false;
}

// As iml__choice_parse says it.
static void no_such_word(enum iml__output_list which, const char *word, size_t n, iml__str *out)
{
    char text[41] = "";
    memcpy(text, word, IML_MIN(n, sizeof text - 1));
    const char *near = iml__nearest(text, lists[which].names);
    iml__str_addf(out, "unknown value %s; ", text);
    if (near) {
        iml__str_addf(out, "did you mean '%s'?", near);
    } else {
        iml__str_adds(out, "known are ");
        iml__output_names(which, ~0u, " ", out);
    }
}

iml_status iml__output_words(enum iml__output_list which, const char *text, unsigned *bits,
                             iml_err *e)
{
    iml__str why;
    iml__str_init(&why, 4096);
    iml_status st =
        *text ? IML_OK : IML_FAIL(e, IML_EARG, "%s: a list is needed", lists[which].option);
    for (const char *p = text; *p && !st;) {
        size_t n = strcspn(p, ",");
        if (!add_word(which, p, n, bits)) {
            no_such_word(which, p, n, &why);
            st = IML_FAIL(e, IML_EARG, "%s: %s", lists[which].option, iml__str_text(&why));
        }
        p += n + (p[n] == ',');
    }
    iml__str_free(&why);
    return st;
}

void iml__output_names(enum iml__output_list which, unsigned bits, const char *between,
                       iml__str *out)
{
    bool any = false;
    for (unsigned k = 0; lists[which].names[k]; k++) {
        if (!(bits >> k & 1)) continue;
        iml__str_addf(out, "%s%s", any ? between : "", lists[which].names[k]);
        any = true;
    }
}

// ---- Reading

static bool enum_of(const char *key, const char *const *names, const iml__ynode *n,
                    iml__complaints *c, int *out)
{
    iml__choice v;
    if (n->kind != IML__YAML_SCALAR) {
        iml__yaml_complain(c, n, "%s: one name is needed here", key);
        return false;
    }
    if (!iml__choice_parse(key, names, n, c, &v)) return false;
    for (uint32_t k = 0; k < v.n; k++)
        if (v.weight[k] > 0) return *out = (int)k, true;
    return false;
}

// A word or a list of words. none: an empty list, or `none`, is allowed.
static void words_of(enum iml__output_list which, const iml__ynode *n, iml__complaints *c,
                     unsigned *out)
{
    unsigned all = 0;
    size_t count = n->kind == IML__YAML_LIST ? n->n : 1;
    bool may_be_none = which != IML__LIST_LABELS;
    if (n->kind == IML__YAML_MAP || (!count && !may_be_none)) {
        iml__yaml_complain(c, n, "%s: a name or a list of names is needed", lists[which].key);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const iml__ynode *v = n->kind == IML__YAML_LIST ? n->item[i] : n;
        iml__str why;
        if (v->kind != IML__YAML_SCALAR) {
            iml__yaml_complain(c, v, "%s: a name is needed here", lists[which].key);
            continue;
        }
        if ((may_be_none && same("none", v->text, v->len)) ||
            add_word(which, v->text, v->len, &all))
            continue;
        iml__str_init(&why, 4096);
        no_such_word(which, v->text, v->len, &why);
        iml__yaml_complain(c, v, "%s: %s", lists[which].key, iml__str_text(&why));
        iml__str_free(&why);
    }
    if (all || may_be_none) *out = all;
}

static void quality_of(iml__output *o, const iml__ynode *v, iml__complaints *c)
{
    const iml__value_rule rule = {.key = "output.quality", .integer = true, .min = 1, .max = 100};
    double lo, hi;
    bool pair = v->kind == IML__YAML_LIST && v->n == 2;
    if (!iml__number_parse(&rule, pair ? v->item[0] : v, c, &lo)) return;
    hi = lo;
    if (pair && !iml__number_parse(&rule, v->item[1], c, &hi)) return;
    if (lo > hi)
        iml__yaml_complain(c, v, "output.quality: min is above max");
    else
        o->quality_lo = (int)lo, o->quality_hi = (int)hi;
}

void iml__output_read(iml__output *o, const iml__ynode *n, iml__complaints *c)
{
    static const char *const keys[] = {"format",    "quality",       "colour",   "color",
                                       "container", "shard_samples", "labels",   "masks",
                                       "crops",     "extras",        "det_unit", "image_height",
                                       "max_width", "coverage",      NULL};
    static const char *const words[IML__LISTS] = {"labels", "masks", "crops", "extras"};
    const iml__value_rule samples = {
        .key = "output.shard_samples", .integer = true, .min = 1, .max = 1e9};
    const iml__ynode *v;
    double lo;
    if (!n || !iml__known_keys("output", n, keys, c)) return;
    if ((v = iml__yaml_get(n, "format")))
        (void)enum_of("output.format", format_names, v, c, &o->format);
    if ((v = iml__yaml_get(n, "colour")) || (v = iml__yaml_get(n, "color")))
        (void)enum_of("output.colour", colour_names, v, c, &o->colour);
    if ((v = iml__yaml_get(n, "container")))
        (void)enum_of("output.container", container_names, v, c, &o->container);
    if ((v = iml__yaml_get(n, "det_unit")))
        (void)enum_of("output.det_unit", det_names, v, c, &o->det_unit);
    int yes = 1;
    if ((v = iml__yaml_get(n, "coverage")) && enum_of("output.coverage", yes_names, v, c, &yes))
        o->no_coverage = !yes;
    unsigned *bits[IML__LISTS] = {&o->labels, &o->masks, &o->crops, &o->extras};
    for (int k = 0; k < IML__LISTS; k++)
        if ((v = iml__yaml_get(n, words[k]))) words_of((enum iml__output_list)k, v, c, bits[k]);
    if ((v = iml__yaml_get(n, "shard_samples")) && iml__number_parse(&samples, v, c, &lo))
        o->shard_samples = (uint64_t)lo;
    if ((v = iml__yaml_get(n, "quality"))) quality_of(o, v, c);
}

// ---- Printing

static void print_list(const char *key, enum iml__output_list which, unsigned bits, iml__str *out)
{
    if (!bits) return;
    iml__str_addf(out, "  %s: [", key);
    iml__output_names(which, bits, ", ", out);
    iml__str_adds(out, "]\n");
}

void iml__output_print(const iml__output *o, bool hashed, iml__str *out)
{
    iml__str_addf(out, "output:\n  format: %s\n  quality: [%d, %d]\n  colour: %s\n",
                  format_names[o->format], o->quality_lo, o->quality_hi, colour_names[o->colour]);
    print_list("labels", IML__LIST_LABELS, o->labels, out);
    print_list("masks", IML__LIST_MASKS, o->masks, out);
    print_list("crops", IML__LIST_CROPS, o->crops, out);
    print_list("extras", IML__LIST_EXTRAS, o->extras, out);
    if (o->det_unit != IML__DET_LINE)
        iml__str_addf(out, "  det_unit: %s\n", det_names[o->det_unit]);
    if (o->no_coverage) iml__str_adds(out, "  coverage: no\n");
    if (hashed) return;
    iml__str_addf(out, "  container: %s\n", container_names[o->container]);
    if (o->shard_samples)
        iml__str_addf(out, "  shard_samples: %llu\n", (unsigned long long)o->shard_samples);
}
