// config.c: the top level of a configuration, and its specifications.
//
// One pass reads all and complains about all; nothing is refused after the first item has begun.
// The tree stays in the configuration's own arena, since texts and names are borrowed from it.
#include "src/synth/config.h"

#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/synth/config_keys.h"

#include <stdio.h>
#include <string.h>

enum { ARENA = 1 << 28 }; // reserved, touched as needed

static const char *const top_keys[] = {
    "total_images", "specifications", "seed",        "defaults", "output",
    "options",      "fonts",          "backgrounds", "imloom",   NULL};
// The maps of the whole configuration; their enumerations are told here and applied in read_spec.
static void read_resources(iml__config *f, const iml__ynode *root, iml__complaints *c)
{
    iml__choice ignored;
    const iml__ynode *fonts = iml__yaml_get(root, "fonts"),
                     *backs = iml__yaml_get(root, "backgrounds");
    if (fonts) (void)iml__sources_parse(true, fonts, &f->arena, c, &f->fonts, &ignored);
    if (backs) (void)iml__sources_parse(false, backs, &f->arena, c, &f->backgrounds, &ignored);
}

// ---- --set

static iml_status read_sets(iml__config *f, const char *const *set, size_t n, iml__ynode **maps,
                            iml__complaints *c, iml_err *e)
{
    for (size_t i = 0; i < n; i++) {
        const char *eq = strchr(set[i], '=');
        size_t len = strlen(set[i]);
        char *text = iml_arena_alloc(&f->arena, len + 8);
        if (!text) return IML_FAIL(e, IML_ENOMEM, "--set %s: no memory", set[i]);
        if (!eq || eq == set[i]) {
            iml__yaml_complain(c, NULL, "--set %s: KEY=VALUE is needed", set[i]);
            continue;
        }
        // `: ` behind the key makes a block map of one flow value.
        (void)snprintf(text, len + 8, "%.*s: %s", (int)(eq - set[i]), set[i], eq + 1);
        iml_status st = iml__yaml_parse(&f->arena, "--set", text, strlen(text), c, &maps[i], e);
        if (st && st != IML_EARG) return st;
        if (!st && maps[i]->kind != IML__YAML_MAP)
            iml__yaml_complain(c, maps[i], "--set %s: KEY=VALUE is needed", set[i]);
    }
    return IML_OK;
}

// ---- Specifications

// image_height and max_width may stand under `output`: they are defaults of every specification.
static bool output_sizes(iml__config *f, iml__spec *s, const iml__ynode *output, iml__complaints *c)
{
    static const int sizes[] = {IML__N_image_height, IML__N_max_width};
    bool ok = true;
    for (size_t k = 0; k < IML_COUNT_OF(sizes); k++) {
        const iml__value_rule *rule = &iml__key_nums[sizes[k]].rule;
        const iml__ynode *n = iml__yaml_get(output, rule->key);
        if (n) ok &= iml__value_parse(rule, n, &f->arena, c, &s->num[sizes[k]]);
    }
    return ok;
}

// What stands at the top is a default of every specification, told before.
static void from_top(iml__config *f, iml__spec *s, const iml__ynode *root,
                     const iml__ynode *defaults)
{
    const iml__ynode *fonts = iml__yaml_get(root, "fonts"),
                     *backs = iml__yaml_get(root, "backgrounds");
    iml__sources ignored;
    iml__complaints quiet;
    iml__complaints_init(&quiet);
    if (fonts)
        (void)iml__sources_parse(true, fonts, &f->arena, &quiet, &ignored,
                                 &s->en[IML__E_on_missing_glyph]);
    if (backs)
        (void)iml__sources_parse(false, backs, &f->arena, &quiet, &ignored,
                                 &s->en[IML__E_background_mode]);
    (void)output_sizes(f, s, iml__yaml_get(root, "output"), &quiet);
    if (defaults) (void)iml__spec_apply(s, defaults, &f->arena, &quiet);
    iml__complaints_free(&quiet);
}

static void read_spec(iml__config *f, iml__spec *s, const iml__ynode *n, const iml__ynode *root,
                      const iml__ynode *defaults, iml__ynode *const *sets, size_t nset,
                      iml__complaints *c)
{
    static const char *const required[] = {"name", "proportion", "text_direction"};
    iml__spec_default(s);
    s->at = n;
    bool ok = true;
    if (n->kind != IML__YAML_MAP) {
        iml__yaml_complain(c, n, "specifications: each entry is a map of keys");
        return;
    }
    from_top(f, s, root, defaults);
    ok &= iml__spec_apply(s, n, &f->arena, c);
    for (size_t i = 0; i < nset; i++)
        if (sets[i] && sets[i]->kind == IML__YAML_MAP)
            ok &= iml__spec_apply(s, sets[i], &f->arena, c);
    for (size_t i = 0; i < IML_COUNT_OF(required); i++) {
        const iml__ynode *older = iml__yaml_get(n, "config");
        if (iml__yaml_get(n, required[i]) || iml__yaml_get(defaults, required[i])) continue;
        if (i == 2 && iml__yaml_get(older, "direction")) continue;
        iml__yaml_complain(c, n, "%s is missing%s", required[i],
                           i == 2 ? ": left_to_right right_to_left top_to_bottom or bottom_to_top"
                                  : "");
        ok = false;
    }
    if (ok) (void)iml__spec_check(s, n, c);
}

static void check_names(const iml__config *f, const iml__ynode *list, iml__complaints *c)
{
    double sum = 0;
    char text[32];
    for (uint32_t k = 0; k < f->nspec; k++) {
        sum += f->spec[k].proportion;
        for (uint32_t j = 0; j < k; j++)
            if (f->spec[k].name && f->spec[j].name && !strcmp(f->spec[k].name, f->spec[j].name)) {
                iml__yaml_complain(c, f->spec[k].at, "name: '%s' is used twice (line %u)",
                                   f->spec[k].name, f->spec[j].at->line);
                break;
            }
    }
    if (sum >= 0.999 && sum <= 1.001) return;
    text[iml__num_short(text, (double)(int64_t)(sum * 1e6 + 0.5) / 1e6)] = 0;
    iml__yaml_complain(c, list, "proportion: the shares sum up to %s, they must make 1", text);
}

static void make_shares(iml__config *f)
{
    double sum = 0;
    for (uint32_t k = 0; k < f->nspec; k++) sum += f->spec[k].proportion;
    for (uint32_t k = 0; k < f->nspec; k++)
        f->spec[k].share = sum > 0 ? f->spec[k].proportion / sum : 0;
}

static iml_status read_specs(iml__config *f, const iml__ynode *root, iml__ynode *const *sets,
                             size_t nset, iml__complaints *c, iml_err *e)
{
    const iml__ynode *list = iml__yaml_get(root, "specifications"),
                     *defaults = iml__yaml_get(root, "defaults"),
                     *output = iml__yaml_get(root, "output");
    if (!list || list->kind != IML__YAML_LIST || !list->n) {
        iml__yaml_complain(c, list ? list : root,
                           "specifications: a list that is not empty is needed");
        return IML_OK;
    }
    if (defaults && defaults->kind != IML__YAML_MAP) {
        iml__yaml_complain(c, defaults, "defaults: a map of keys is needed");
        defaults = NULL;
    }
    f->spec = iml_arena_calloc(&f->arena, list->n, sizeof *f->spec);
    if (!f->spec)
        return IML_FAIL(e, IML_ENOMEM, "%s: no memory for %zu specifications", f->file, list->n);
    iml__spec_default(&f->spec[0]);
    (void)output_sizes(f, &f->spec[0], output, c);
    if (defaults) (void)iml__spec_apply(&f->spec[0], defaults, &f->arena, c);
    f->nspec = (uint32_t)list->n;
    for (uint32_t k = 0; k < f->nspec; k++) {
        // A wrong --set is told for the first specification only: it would be the same for all.
        read_spec(f, &f->spec[k], list->item[k], root, defaults, sets, k && c->n ? 0 : nset, c);
    }
    check_names(f, list, c);
    make_shares(f);
    return IML_OK;
}

static void read_top(iml__config *f, const iml__ynode *root, bool need_total, iml__complaints *c)
{
    const iml__value_rule total = {
        .key = "total_images", .integer = true, .min = 1, .max = 1099511627776.0};
    const iml__ynode *n = iml__yaml_get(root, "total_images");
    double v;
    if (n && iml__number_parse(&total, n, c, &v)) f->total = (uint64_t)v;
    if (!n && need_total) iml__yaml_complain(c, root, "total_images is missing (or give --count)");
    if ((n = iml__yaml_get(root, "seed"))) {
        f->has_seed = iml__yaml_u64(n, &f->seed);
        if (!f->has_seed)
            iml__yaml_complain(c, n, "seed: a number from 0 to 18446744073709551615 is needed%s",
                               iml__yaml_two_ways(n) ? ", without a leading zero" : "");
    }
    if ((n = iml__yaml_get(root, "imloom")) && (!iml__yaml_float(n, &v) || v != 1))
        iml__yaml_complain(c, n, "imloom: this program reads version 1 of the format");
    f->options = iml__yaml_get(root, "options");
    if (f->options && f->options->kind != IML__YAML_MAP)
        iml__yaml_complain(c, f->options, "options: a map of the command's options is needed");
    iml__output_read(&f->output, iml__yaml_get(root, "output"), c);
    read_resources(f, root, c);
}

iml_status iml__config_read(iml__config **out, const char *file, const char *text, size_t n,
                            const char *const *set, size_t nset, bool need_total,
                            iml__complaints *c, iml_err *e)
{
    uint32_t before = c->n;
    iml_status st;
    iml__ynode *root, **sets;
    iml__config *f = iml__calloc(1, sizeof *f);
    *out = NULL;
    if (!f) return IML_FAIL(e, IML_ENOMEM, "%s: no memory for the configuration", file);
    if (IML_FAILS(st = iml__arena_open(&f->arena, ARENA, -1, e))) {
        IML_FREE(f);
        return st;
    }
    f->output = (iml__output){.quality_lo = 90, .quality_hi = 90, .labels = IML__LABEL(json)};
    f->file = iml__arena_strdup(&f->arena, file);
    char *copy = iml__arena_strndup(&f->arena, text, n);
    sets = iml_arena_calloc(&f->arena, nset ? nset : 1, sizeof(iml__ynode *));
    if (!f->file || !copy || !sets) {
        st = IML_FAIL(e, IML_ENOMEM, "%s: no memory for the configuration", file);
        goto done;
    }
    st = iml__yaml_parse(&f->arena, f->file, copy, n, c, &root, e);
    if (st && (st != IML_EARG || !root)) goto done;
    if (IML_FAILS(st = read_sets(f, set, nset, sets, c, e))) goto done;
    if (root->kind != IML__YAML_MAP) {
        iml__yaml_complain(c, root, "a map of keys is needed (total_images, specifications, ..)");
    } else {
        (void)iml__known_keys("configuration", root, top_keys, c);
        read_top(f, root, need_total, c);
        if (IML_FAILS(st = read_specs(f, root, sets, nset, c, e))) goto done;
    }
    if (c->n > before) st = IML_FAIL(e, IML_EARG, "%s: %u errors", file, c->n - before);
done:
    if (st) iml__config_free(&f);
    *out = f;
    return st;
}

void iml__config_free(iml__config **c)
{
    if (!*c) return;
    iml__arena_close(&(*c)->arena);
    IML_FREE(*c);
}

void iml__config_keep(iml__config *c, const bool *keep)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < c->nspec; k++)
        if (keep[k]) c->spec[n++] = c->spec[k];
    c->nspec = n;
    make_shares(c);
}
