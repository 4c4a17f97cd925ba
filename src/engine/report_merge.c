// report_merge.c: report.json of a merged set: its sums, and the reports of the nodes as they are.
//
// A node's report is foreign text: what is not one whole JSON object is left out, and named.
#include "src/engine/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/engine/merge.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"

enum { NODES = 4096, REPORT_MAX = 16 << 20 };

struct names {
    char name[NODES][80];
    size_t n;
};

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

// report.I-of-N.json, in order. What cannot be listed has none.
static void find_reports(int dir, struct names *l)
{
    struct iml__dirread *r = iml__alloc(sizeof *r);
    const char *name;
    enum iml__entry_type type;
    int more = r ? iml__dirread_open(r, dir, ".imloom") : -1;
    while (more >= 0 && (more = iml__dirread_next(r, &name, &type)) > 0) {
        size_t n = strlen(name);
        if (type != IML__ENTRY_FILE || l->n == NODES || n >= sizeof l->name[0] || n < 13) continue;
        if (strncmp(name, "report.", 7) != 0 || strcmp(name + n - 5, ".json") != 0) continue;
        memcpy(l->name[l->n++], name, n + 1);
    }
    if (r) iml__dirread_close(r);
    IML_FREE(r);
    if (l->n) qsort(l->name, l->n, sizeof l->name[0], by_name);
}

static bool whole_object(const char *name, const char *text, size_t n)
{
    iml__jsonr r;
    enum iml__json_type t;
    iml__jsonr_init(&r, name, text, n);
    bool ok = n && text[0] == '{' && iml__jsonr_skip(&r, NULL) == IML_OK &&
              iml__jsonr_next(&r, &t, NULL) == IML_OK && t == IML__JSON_DONE;
    iml__jsonr_free(&r);
    return ok;
}

static void nodes(iml__jsonw *w, int dir)
{
    struct names *l = iml__calloc(1, sizeof *l);
    iml__jsonw_key(w, "nodes"), iml__jsonw_array(w);
    if (l) find_reports(dir, l);
    for (size_t i = 0; l && i < l->n; i++) {
        char path[128], *text = NULL;
        size_t n = 0;
        (void)snprintf(path, sizeof path, ".imloom/%s", l->name[i]);
        iml_status st = iml__file_read_heap(dir, path, REPORT_MAX, &text, &n, NULL);
        while (n && (text[n - 1] == '\n' || text[n - 1] == ' ')) text[--n] = 0;
        if (st == IML_OK && whole_object(path, text, n))
            iml__jsonw_raw(w, text);
        else
            iml__jsonw_str(w, path); // it is there and cannot be read
        IML_FREE(text);
    }
    iml__jsonw_end(w);
    IML_FREE(l);
}

iml_status iml__report_merged(const char *out, const struct iml__merged *m, double wall_s, int argc,
                              char *const *argv, int exit_code, int durability, iml_err *e)
{
    iml__str s, path;
    iml__jsonw w;
    iml__str_init(&s, 256 << 20);
    iml__str_init(&path, 1 << 16);
    int dir = iml__openat(AT_FDCWD, out, O_RDONLY | O_DIRECTORY, 0);
    iml__jsonw_init(&w, &s, 2);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "imloom"), iml__jsonw_u64(&w, 1);
    iml__jsonw_key(&w, "program"), iml__jsonw_str(&w, IML_VERSION);
    iml__jsonw_key(&w, "command"), iml__jsonw_str(&w, "merge");
    iml__jsonw_key(&w, "argv"), iml__jsonw_array(&w), iml__jsonw_inline(&w);
    for (int k = 0; k < argc; k++) iml__jsonw_str(&w, argv[k]);
    iml__jsonw_end(&w);
    const struct {
        const char *key;
        uint64_t v;
    } row[] = {{"planned", m->planned}, {"missing", m->missing}, {"items", m->items}, {"ok", m->ok},
               {"bad", m->bad},         {"files", m->files},     {"bytes", m->bytes}};
    for (size_t k = 0; k < IML_COUNT_OF(row); k++)
        iml__jsonw_key(&w, row[k].key), iml__jsonw_u64(&w, row[k].v);
    iml__jsonw_key(&w, "content"), iml__jsonw_hex64(&w, m->content);
    iml__jsonw_key(&w, "wall_s"), iml__jsonw_fixed(&w, wall_s, 3);
    iml__jsonw_key(&w, "complete"), iml__jsonw_bool(&w, !m->missing);
    iml__jsonw_key(&w, "exit"), iml__jsonw_i64(&w, exit_code);
    nodes(&w, dir);
    iml__jsonw_end(&w);
    iml__str_addc(&s, '\n');
    iml__str_addf(&path, "%s/.imloom/report.json", out);
    iml_status st = s.failed || path.failed ? IML_FAIL(e, IML_ENOMEM, "no memory for the report")
                                            : iml__file_write_path(path.p, s.p, s.n, durability, e);
    (void)iml__close(&dir);
    iml__str_free(&s);
    iml__str_free(&path);
    return st;
}
