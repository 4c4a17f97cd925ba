// config_sources.c: the maps `fonts` and `backgrounds` of a configuration or a specification.
//
// `paths`: trees and files with weights; `weights`: globs on the whole path, the first that matches
// counts; `fallback`: font files, in order. Each word that is there replaces what an outer map said
// of it, the others stay. `on_missing_glyph` and `mode` are the keys on_missing_glyph and
// background_mode by another name.
#include "src/synth/config_keys.h"

#include "src/base/arena.h"

static bool one_path(const char *key, const char *word, const iml__ynode *item, bool weighted,
                     iml__complaints *c, iml__path_weight *out)
{
    const char *const words[] = {word, weighted ? "weight" : NULL, NULL};
    const iml__value_rule rule = {.key = key, .min = 0, .max = 1e12};
    const iml__ynode *path = item;
    *out = (iml__path_weight){.weight = 1, .at = item};
    if (item->kind == IML__YAML_MAP) {
        if (!iml__known_keys(key, item, words, c)) return false;
        path = iml__yaml_get(item, word);
        const iml__ynode *w = iml__yaml_get(item, "weight");
        if (w && !iml__number_parse(&rule, w, c, &out->weight)) return false;
    }
    if (!path || path->kind != IML__YAML_SCALAR || !path->len) {
        iml__yaml_complain(c, item, "%s: `%s` is missing", key, word);
        return false;
    }
    out->path = path->text;
    return true;
}

// A list of PATH or {word: PATH, weight: W}, or one of them alone; NULL: nothing to do.
static bool paths_of(const char *key, const char *word, const iml__ynode *n, bool weighted,
                     iml_arena *a, iml__complaints *c, iml__path_weight **out, uint32_t *count)
{
    if (!n) return true;
    size_t total = n->kind == IML__YAML_LIST ? n->n : 1;
    iml__path_weight *list = total ? iml_arena_calloc(a, total, sizeof *list) : NULL;
    if (!list) {
        iml__yaml_complain(c, n, "%s: a list that is not empty is needed", key);
        return false;
    }
    bool ok = true;
    for (size_t i = 0; i < total; i++)
        ok &=
            one_path(key, word, n->kind == IML__YAML_LIST ? n->item[i] : n, weighted, c, &list[i]);
    if (ok) *out = list, *count = (uint32_t)total;
    return ok;
}

bool iml__sources_parse(bool fonts, const iml__ynode *n, iml_arena *a, iml__complaints *c,
                        iml__sources *s, iml__choice *choice)
{
    static const char *const font_keys[] = {"paths", "weights", "fallback", "on_missing_glyph",
                                            NULL};
    static const char *const back_keys[] = {"paths", "weights", "mode", NULL};
    const iml__key_enum *row =
        &iml__key_enums[fonts ? IML__E_on_missing_glyph : IML__E_background_mode];
    const iml__ynode *word = iml__yaml_get(n, fonts ? "on_missing_glyph" : "mode");
    bool ok = iml__known_keys(fonts ? "fonts" : "backgrounds", n, fonts ? font_keys : back_keys, c);
    ok &= paths_of(fonts ? "fonts.paths" : "backgrounds.paths", "path", iml__yaml_get(n, "paths"),
                   true, a, c, &s->paths, &s->npaths);
    ok &= paths_of(fonts ? "fonts.weights" : "backgrounds.weights", "match",
                   iml__yaml_get(n, "weights"), true, a, c, &s->weights, &s->nweights);
    if (fonts)
        ok &= paths_of("fonts.fallback", "path", iml__yaml_get(n, "fallback"), false, a, c,
                       &s->fallback, &s->nfallback);
    if (word) ok &= iml__choice_parse(row->key, row->names, word, c, choice);
    return ok;
}
