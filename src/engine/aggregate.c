// aggregate.c: descriptions of aggregates: checked, written down, read back.
#include "src/engine/aggregate.h"

#include <string.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/engine/parts.h"
#include "src/io/safe.h"

enum { COLUMNS = 16, ARENA = 64 << 20, MOST = 256 };

struct iml__aggregates_memory {
    iml_arena arena;
    iml_aggregate *aggregate;
};

const iml_pieces *iml__pieces_find(const struct iml__aggregates *a, const char *name)
{
    for (uint32_t k = 0; k < a->npieces; k++)
        if (strcmp(a->pieces[k].name, name) == 0) return &a->pieces[k];
    return NULL;
}

// ---- Checking

static iml_status check_name(const char *name, iml_err *e)
{
    char part[320];
    const char *fault = name ? iml__name_fault(name, strlen(name)) : "it has none";
    if (!fault && !iml__part_name(part, name, 0)) fault = "it is too long";
    if (!fault && !strcmp(name, "manifest.json")) fault = "it is the manifest's";
    if (!fault) return IML_OK;
    return IML_FAIL(e, IML_EBUG, "\"%.100s\" cannot name an aggregate: %s", name ? name : "",
                    fault);
}

// read: functions are not bound yet.
static iml_status check_one(const struct iml__aggregates *a, const iml_aggregate *g, bool read,
                            iml_err *e)
{
    const iml_pieces *table = g->table ? iml__pieces_find(a, g->table) : NULL;
    IML_TRY(check_name(g->name, e));
    if (iml__pieces_find(a, g->name))
        return IML_FAIL(e, IML_EBUG, "%.100s is the name of pieces and of an aggregate", g->name);
    if (g->table && (!table || !table->columns || !(g->render || read) || !g->render_name))
        return IML_FAIL(e, IML_EBUG, "%.100s: %.100s is no table that can be rendered", g->name,
                        g->table);
    if (g->bad && (!table || *table->columns || !*g->bad || strpbrk(g->bad, "\t\n")))
        return IML_FAIL(e, IML_EBUG,
                        "%.100s: rows of bad items need a word and a table without numbers",
                        g->name);
    for (uint32_t k = 0; k < g->nsections; k++)
        if (g->section[k].pieces && !iml__pieces_find(a, g->section[k].pieces))
            return IML_FAIL(e, IML_EBUG, "%.100s: pieces %.100s are not declared", g->name,
                            g->section[k].pieces);
    return IML_OK;
}

static iml_status check_all(const struct iml__aggregates *a, bool read, iml_err *e)
{
    for (uint32_t k = 0; k < a->npieces; k++) {
        const iml_pieces *p = &a->pieces[k];
        IML_TRY(check_name(p->name, e));
        if (p->columns &&
            (strspn(p->columns, "+^") != strlen(p->columns) || strlen(p->columns) > COLUMNS))
            return IML_FAIL(e, IML_EBUG, "%.100s: columns cannot be \"%.40s\"", p->name,
                            p->columns);
    }
    for (uint32_t k = 0; k < a->naggregates; k++) IML_TRY(check_one(a, &a->aggregate[k], read, e));
    return IML_OK;
}

iml_status iml__aggregates_check(const struct iml__aggregates *a, iml_err *e)
{
    return check_all(a, false, e);
}

// ---- Writing

static void key_str(iml__jsonw *w, const char *key, const char *v)
{
    if (!v) return;
    iml__jsonw_key(w, key), iml__jsonw_str(w, v);
}

void iml__aggregates_json(const struct iml__aggregates *a, iml__jsonw *w)
{
    iml__jsonw_object(w);
    iml__jsonw_key(w, "pieces"), iml__jsonw_array(w);
    for (uint32_t k = 0; k < a->npieces; k++) {
        iml__jsonw_object(w), iml__jsonw_inline(w);
        key_str(w, "name", a->pieces[k].name);
        key_str(w, "between", a->pieces[k].between);
        key_str(w, "columns", a->pieces[k].columns);
        iml__jsonw_end(w);
    }
    iml__jsonw_end(w);
    iml__jsonw_key(w, "files"), iml__jsonw_array(w);
    for (uint32_t k = 0; k < a->naggregates; k++) {
        const iml_aggregate *g = &a->aggregate[k];
        iml__jsonw_object(w), iml__jsonw_inline(w);
        key_str(w, "name", g->name);
        key_str(w, "table", g->table);
        key_str(w, "render", g->render_name);
        key_str(w, "bad", g->bad);
        if (g->nsections) iml__jsonw_key(w, "sections"), iml__jsonw_array(w);
        for (uint32_t i = 0; i < g->nsections; i++) {
            iml__jsonw_object(w);
            key_str(w, "text", g->section[i].text);
            key_str(w, "pieces", g->section[i].pieces);
            iml__jsonw_end(w);
        }
        if (g->nsections) iml__jsonw_end(w);
        iml__jsonw_end(w);
    }
    iml__jsonw_end(w), iml__jsonw_end(w);
}

// ---- Reading

static iml_status no_memory(const iml__jsonr *r, iml_err *e)
{
    return IML_FAIL(e, IML_ENOMEM, "no memory to read %.100s", r->name);
}

struct field {
    const char *key, **to;
};

// The members of an object that has just begun, all of them texts; *more: a key that none of them
// has, whose value comes next.
static iml_status texts(iml__jsonr *r, iml_arena *a, const struct field *f, size_t n, bool *more,
                        iml_err *e)
{
    enum iml__json_type t;
    const char *v;
    for (;;) {
        size_t k = 0;
        IML_TRY(iml__jsonr_next(r, &t, e));
        *more = t != IML__JSON_END;
        if (!*more) return IML_OK;
        while (k < n && strcmp(iml__str_text(&r->token), f[k].key) != 0) k++;
        if (k == n) return IML_OK;
        IML_TRY(iml__jsonr_str(r, &v, e));
        if (!(*f[k].to = iml__arena_strdup(a, v))) return no_memory(r, e);
    }
}

static iml_status expect(iml__jsonr *r, enum iml__json_type want, iml_err *e)
{
    enum iml__json_type t;
    IML_TRY(iml__jsonr_next(r, &t, e));
    return t == want ? IML_OK : iml__jsonr_fail(r, e, "aggregates: another value is needed here");
}

// An array of objects: one(r, into the next element) for each.
static iml_status list(iml__jsonr *r, iml_arena *a, size_t size, void **out, uint32_t *n,
                       iml_status (*one)(iml__jsonr *r, iml_arena *a, void *to, iml_err *e),
                       iml_err *e)
{
    enum iml__json_type t;
    IML_TRY(expect(r, IML__JSON_ARRAY, e));
    char *p = iml_arena_calloc(a, MOST, size);
    if (!p) return no_memory(r, e);
    for (*n = 0;; ++*n) {
        IML_TRY(iml__jsonr_next(r, &t, e));
        if (t == IML__JSON_END) break;
        if (t != IML__JSON_OBJECT || *n == MOST)
            return iml__jsonr_fail(r, e, "aggregates: an object is needed here");
        IML_TRY(one(r, a, p + *n * size, e));
    }
    *out = p;
    return IML_OK;
}

static iml_status no_more(iml__jsonr *r, bool more, iml_err *e)
{
    return more ? iml__jsonr_fail(r, e, "aggregates: an unknown key") : IML_OK;
}

static iml_status read_pieces(iml__jsonr *r, iml_arena *a, void *to, iml_err *e)
{
    iml_pieces *p = to;
    const struct field f[] = {
        {"name", &p->name}, {"between", &p->between}, {"columns", &p->columns}};
    bool more;
    IML_TRY(texts(r, a, f, IML_COUNT_OF(f), &more, e));
    return no_more(r, more, e);
}

static iml_status read_section(iml__jsonr *r, iml_arena *a, void *to, iml_err *e)
{
    iml_section *s = to;
    const struct field f[] = {{"text", &s->text}, {"pieces", &s->pieces}};
    bool more;
    IML_TRY(texts(r, a, f, IML_COUNT_OF(f), &more, e));
    return no_more(r, more, e);
}

static iml_status read_file(iml__jsonr *r, iml_arena *a, void *to, iml_err *e)
{
    iml_aggregate *g = to;
    const struct field f[] = {
        {"name", &g->name}, {"table", &g->table}, {"render", &g->render_name}, {"bad", &g->bad}};
    for (;;) {
        bool more;
        void *section = NULL;
        IML_TRY(texts(r, a, f, IML_COUNT_OF(f), &more, e));
        if (!more) return IML_OK;
        if (strcmp(iml__str_text(&r->token), "sections") != 0 || g->section)
            return no_more(r, true, e);
        IML_TRY(list(r, a, sizeof *g->section, &section, &g->nsections, read_section, e));
        g->section = section;
    }
}

static iml_status read_all(struct iml__aggregates *a, iml__jsonr *r, iml_err *e)
{
    enum iml__json_type t;
    void *p = NULL;
    IML_TRY(expect(r, IML__JSON_OBJECT, e));
    for (;;) {
        IML_TRY(iml__jsonr_next(r, &t, e));
        if (t == IML__JSON_END) break;
        if (strcmp(iml__str_text(&r->token), "pieces") == 0) {
            IML_TRY(list(r, &a->memory->arena, sizeof *a->pieces, &p, &a->npieces, read_pieces, e));
            a->pieces = p;
        } else if (strcmp(iml__str_text(&r->token), "files") == 0) {
            IML_TRY(list(r, &a->memory->arena, sizeof *a->aggregate, &p, &a->naggregates, read_file,
                         e));
            a->aggregate = a->memory->aggregate = p;
        } else {
            return no_more(r, true, e);
        }
    }
    return IML_OK;
}

iml_status iml__aggregates_read(struct iml__aggregates *a, iml__jsonr *r, iml_err *e)
{
    *a = (struct iml__aggregates){.context = a->context};
    if (!(a->memory = iml__calloc(1, sizeof *a->memory))) return no_memory(r, e);
    iml_status st = iml__arena_open(&a->memory->arena, ARENA, -1, e);
    if (st) {
        IML_FREE(a->memory);
        return st;
    }
    st = read_all(a, r, e);
    // Whatever a damaged file says, only names that a job could have declared get through.
    if (!st && check_all(a, true, NULL)) st = IML_FAIL(e, IML_EINPUT, "%.100s is damaged", r->name);
    if (st) iml__aggregates_free(a);
    return st;
}

void iml__aggregates_free(struct iml__aggregates *a)
{
    if (a->memory) iml__arena_close(&a->memory->arena);
    IML_FREE(a->memory);
    *a = (struct iml__aggregates){0};
}

iml_status iml__aggregates_bind(struct iml__aggregates *a, const struct iml__renderers *r,
                                iml_err *e)
{
    iml_aggregate *g = a->memory ? a->memory->aggregate : NULL;
    for (uint32_t k = 0; g && k < a->naggregates; k++) {
        if (!g[k].table) continue;
        for (size_t i = 0; r && i < r->n; i++)
            if (strcmp(r->row[i].name, g[k].render_name) == 0) g[k].render = r->row[i].render;
        if (!g[k].render)
            return IML_FAIL(e, IML_EARG,
                            "%.100s is made by \"%.60s\", which this program does not know; use "
                            "the version that made the set",
                            g[k].name, g[k].render_name);
    }
    return IML_OK;
}
