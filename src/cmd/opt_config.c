// opt_config.c: --config FILE of commands whose YAML has no grammar of its own: option names as
// keys, a section per command allowed, the command line wins.
//
//     workers: 4             # of every command that reads this file
//     slice:                 # of `imloom slice` alone; wins over the lines outside
//       axis: z
//
// Everything that is wrong is said, a line each with its place; keys of other commands' sections
// are not looked at.
#include <string.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/base/yaml.h"
#include "src/cmd/opt.h"
#include "src/io/vfs.h"

static void complain(iml__complaints *c, const iml__ynode *at, const iml_err *e)
{
    // opt.c's sentences begin with the place already.
    const char *p = strstr(e->msg, ": ");
    iml__yaml_complain(c, at, "%s", p ? p + 2 : e->msg);
}

// A list stands for an option that may be given again and again, or for one with commas.
static void take(iml__opts *o, const iml__ypair *p, iml__complaints *c)
{
    const iml__ynode *v = p->value;
    size_t ordinal, table;
    const iml__opt *row = iml__opts_find(o, p->key->text, &ordinal, &table);
    bool list = v->kind == IML__YAML_LIST, again = row && row->type == IML__OPT_LIST;
    iml__str joined;
    iml_err e = {0};
    iml__str_init(&joined, IML__YAML_BYTES);
    for (size_t k = 0; k < (list ? v->n : 1); k++) {
        const iml__ynode *item = list ? v->item[k] : v;
        if (item->kind != IML__YAML_SCALAR) {
            iml__yaml_complain(c, item, "%s takes text", p->key->text);
            list = again = false; // said once
            break;
        }
        if (k) iml__str_addc(&joined, ',');
        iml__str_adds(&joined, item->text);
        if ((again || !list) && iml__opts_config(o, "at", p->key->text, item->text, &e))
            complain(c, p->key, &e);
    }
    if (list && !again && iml__opts_config(o, "at", p->key->text, iml__str_text(&joined), &e))
        complain(c, p->key, &e);
    iml__str_free(&joined);
}

static void take_map(iml__opts *o, const iml__ynode *map, bool top, iml__complaints *c)
{
    for (size_t i = 0; i < map->n; i++) {
        const iml__ypair *p = &map->pair[i];
        uint64_t version;
        if (top && p->value->kind == IML__YAML_MAP) continue; // a command's section
        if (top && !strcmp(p->key->text, "imloom")) {
            if (!iml__yaml_u64(p->value, &version) || version != 1)
                iml__yaml_complain(c, p->value, "imloom: version 1 of this format is known");
            continue;
        }
        if (p->value->kind == IML__YAML_MAP)
            iml__yaml_complain(c, p->key, "%s: a section stands in no other", p->key->text);
        else
            take(o, p, c);
    }
}

iml_status iml__opts_config_file(iml__opts *o, const char *path, bool (*is_command)(const char *),
                                 iml__complaints *c, iml_err *e)
{
    iml_arena a;
    iml__ynode *root = NULL;
    char *text = NULL;
    size_t n = 0;
    uint32_t before = c->n;
    IML_TRY(iml__file_read_heap(AT_FDCWD, path, IML__YAML_BYTES + 1, &text, &n, e));
    iml_status st = iml__arena_open(&a, (size_t)1 << 28, -1, e);
    if (st) goto done;
    st = iml__yaml_parse(&a, path, text, n, c, &root, e);
    if (!st && !iml__yaml_is_null(root)) {
        if (root->kind != IML__YAML_MAP)
            iml__yaml_complain(c, root, "option names and their values are needed");
        // The own section comes last, so it wins.
        const iml__ynode *own = iml__yaml_get(root, o->command);
        for (size_t i = 0; root->kind == IML__YAML_MAP && i < root->n; i++)
            if (root->pair[i].value->kind == IML__YAML_MAP && !is_command(root->pair[i].key->text))
                iml__yaml_complain(c, root->pair[i].key, "%s: no command has this name",
                                   root->pair[i].key->text);
        if (root->kind == IML__YAML_MAP) take_map(o, root, true, c);
        if (own && own->kind == IML__YAML_MAP) take_map(o, own, false, c);
    }
    iml__arena_close(&a);
    if (!st && c->n > before) st = IML_EARG;
    if (st == IML_EARG && e && !e->msg[0])
        (void)IML_FAIL(e, st, "%.200s is not as it should be", path);
done:
    IML_FREE(text);
    return st;
}
