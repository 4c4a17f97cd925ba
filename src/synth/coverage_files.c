// coverage_files.c: coverage.tsv, coverage.json and fonts.tsv, out of the table and the context.
//
// Pure functions of both: a merge, which has neither fonts nor corpora, makes the same bytes.
#include "src/synth/coverage.h"

#include "src/base/err.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/synth/ucd.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { TIMES, PICTURES, COULD };
enum { ARENA = 1 << 30, SET_WORDS = 0x110000 / 64 };

struct face {
    const char *path, *family, *style, *reason; // reason: of one that is not usable
    int64_t index;
    uint64_t pictures;
};

struct context {
    iml_arena arena;
    struct face *face;
    size_t faces, usable;
    const char *asked;
};

// ---- The context

static iml_status text(iml__jsonr *r, iml_arena *a, const char **out, iml_err *e)
{
    enum iml__json_type t;
    IML_TRY(iml__jsonr_next(r, &t, e));
    bool none = t == IML__JSON_NULL;
    if (!none && t != IML__JSON_STRING) return iml__jsonr_fail(r, e, "a text is needed");
    *out = iml__arena_strdup(a, none ? "" : iml__str_text(&r->token));
    return *out ? IML_OK : IML_FAIL(e, IML_ENOMEM, "no memory for coverage");
}

static iml_status read_face(iml__jsonr *r, struct context *c, bool usable, iml_err *e)
{
    enum iml__json_type t;
    uint64_t index;
    if (!(c->faces & (c->faces + 1))) { // 0, 1, 3, 7 ...: the array doubles
        struct face *more = iml__realloc(c->face, 2 * c->faces + 2, sizeof *more);
        if (!more) return IML_FAIL(e, IML_ENOMEM, "no memory for coverage");
        c->face = more;
    }
    struct face *f = &c->face[c->faces];
    *f = (struct face){0};
    IML_TRY(text(r, &c->arena, &f->path, e));
    IML_TRY(iml__jsonr_u64(r, &index, e));
    f->index = (int64_t)index;
    IML_TRY(text(r, &c->arena, usable ? &f->family : &f->reason, e));
    if (usable) IML_TRY(text(r, &c->arena, &f->style, e));
    IML_TRY(iml__jsonr_next(r, &t, e));
    c->faces++;
    return t == IML__JSON_END ? IML_OK : iml__jsonr_fail(r, e, "a face has too many members");
}

static iml_status read_faces(iml__jsonr *r, struct context *c, bool usable, iml_err *e)
{
    enum iml__json_type t;
    IML_TRY(iml__jsonr_next(r, &t, e));
    if (t != IML__JSON_ARRAY) return iml__jsonr_fail(r, e, "a list of faces is needed");
    for (;;) {
        IML_TRY(iml__jsonr_next(r, &t, e));
        if (t == IML__JSON_END) return IML_OK;
        if (t != IML__JSON_ARRAY) return iml__jsonr_fail(r, e, "a face is a list");
        IML_TRY(read_face(r, c, usable, e));
        c->usable += usable;
    }
}

static iml_status read_members(iml__jsonr *r, struct context *c, iml_err *e)
{
    enum iml__json_type t;
    IML_TRY(iml__jsonr_next(r, &t, e));
    if (t != IML__JSON_OBJECT) return iml__jsonr_fail(r, e, "an object is needed");
    for (;;) {
        IML_TRY(iml__jsonr_next(r, &t, e));
        if (t == IML__JSON_END) return IML_OK;
        const char *key = iml__str_text(&r->token);
        if (!strcmp(key, "fonts"))
            IML_TRY(read_faces(r, c, true, e));
        else if (!strcmp(key, "rejected"))
            IML_TRY(read_faces(r, c, false, e));
        else if (!strcmp(key, "asked"))
            IML_TRY(text(r, &c->arena, &c->asked, e));
        else
            IML_TRY(iml__jsonr_skip(r, e));
    }
}

static void close_context(struct context *c)
{
    IML_FREE(c->face);
    iml__arena_close(&c->arena);
}

static iml_status open_context(const char *json, struct context *c, iml_err *e)
{
    iml__jsonr r;
    *c = (struct context){.asked = ""};
    IML_TRY(iml__arena_open(&c->arena, ARENA, -1, e));
    iml__jsonr_init(&r, "context", json ? json : "{}", strlen(json ? json : "{}"));
    iml_status st = read_members(&r, c, e);
    iml__jsonr_free(&r);
    if (st) close_context(c);
    return st;
}

// ---- Rows: UNIT, tab, FACE

static iml_status no_row(const iml_table_row *row, iml_err *e)
{
    return IML_FAIL(e, IML_EINPUT, "coverage has a row \"%.80s\"", row->key);
}

// The unit's end in the key, and the face; false: it is none of ours.
static bool split(const iml_table_row *row, size_t *unit, uint64_t *face)
{
    const char *tab = strchr(row->key, '\t');
    if (!tab || !iml__parse_u64(tab + 1, face)) return false;
    *unit = (size_t)(tab - row->key);
    return true;
}

// How many rows from here on are of the same unit.
static size_t same_unit(const iml_table_row *row, size_t rows, size_t unit)
{
    size_t n = 1;
    while (n < rows && !strncmp(row[n].key, row->key, unit + 1)) n++;
    return n;
}

// The unit's own text.
static void unescape(const char *p, size_t n, iml__str *out)
{
    iml__str_clear(out);
    for (size_t k = 0; k < n; k++) {
        if (p[k] != '\\' || k + 1 == n) {
            iml__str_addc(out, p[k]);
            continue;
        }
        char c = p[++k];
        iml__str_addc(out, c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c);
    }
}

// The script of its first character that has one of its own.
static void unit_script(const char *p, size_t n, char out[5])
{
    uint8_t script = IML__SC_Zyyy;
    for (size_t at = 0; at < n;) {
        utf8proc_int32_t v;
        utf8proc_ssize_t len =
            utf8proc_iterate((const utf8proc_uint8_t *)p + at, (utf8proc_ssize_t)(n - at), &v);
        if (len <= 0) break;
        uint8_t own = iml__ucd_get((uint32_t)v)->script;
        bool common = own == IML__SC_Zyyy || own == IML__SC_Zinh;
        if (script == IML__SC_Zyyy && !common) script = own;
        at += (size_t)len;
    }
    for (int k = 0; k < 4; k++) out[k] = (char)(iml__ucd_script[script] >> (24 - 8 * k));
    out[4] = 0;
}

static void code_points(const char *p, size_t n, iml__str *out)
{
    for (size_t at = 0; at < n;) {
        utf8proc_int32_t v;
        utf8proc_ssize_t len =
            utf8proc_iterate((const utf8proc_uint8_t *)p + at, (utf8proc_ssize_t)(n - at), &v);
        if (len <= 0) break;
        iml__str_addf(out, "%sU+%04X", at ? " " : "", (unsigned)v);
        at += (size_t)len;
    }
}

// ---- coverage.tsv

iml_status iml__coverage_tsv(const char *context, const iml_table_row *row, size_t rows,
                             void (*add)(void *to, const char *p, size_t n), void *to, iml_err *e)
{
    static const char head[] =
        "unit\tcode_points\tscript\tdrawn\tpictures\tfaces_drew\tfaces_could\n";
    iml__str out, unit;
    iml_status st = IML_OK;
    (void)context;
    iml__str_init(&out, 1 << 20), iml__str_init(&unit, 1 << 20);
    add(to, head, sizeof head - 1);
    for (size_t k = 0, n; k < rows && !st; k += n) {
        size_t len = 0;
        uint64_t face, sum[3] = {0};
        if (!split(&row[k], &len, &face)) st = no_row(&row[k], e);
        if (st) break;
        n = same_unit(row + k, rows - k, len);
        if (!len) continue; // of faces
        for (size_t i = 0; i < n; i++) {
            sum[TIMES] += row[k + i].value[TIMES], sum[PICTURES] += row[k + i].value[PICTURES];
            sum[COULD] = IML_MAX(sum[COULD], row[k + i].value[COULD]);
        }
        char script[5];
        iml__str_clear(&out);
        unescape(row[k].key, len, &unit);
        iml__str_add(&out, row[k].key, len), iml__str_addc(&out, '\t');
        code_points(unit.p, unit.n, &out);
        unit_script(unit.p, unit.n, script);
        iml__str_addf(&out, "\t%s\t%llu\t%llu\t%zu\t%llu\n", script, (unsigned long long)sum[TIMES],
                      (unsigned long long)sum[PICTURES], n, (unsigned long long)sum[COULD]);
        if (out.failed || unit.failed) st = IML_FAIL(e, IML_ENOMEM, "no memory for coverage");
        if (!st) add(to, out.p, out.n);
    }
    iml__str_free(&out), iml__str_free(&unit);
    return st;
}

// ---- coverage.json

static void json_text(iml__str *out, const char *p, size_t n)
{
    iml__jsonw w;
    iml__jsonw_init(&w, out, 0);
    iml__jsonw_strn(&w, p, n);
}

static void write_faces(const struct context *c, iml__str *out)
{
    iml__str_adds(out, "{\"imloom\":1,\n\"fonts\":[");
    for (size_t k = 0; k < c->usable; k++) {
        const struct face *f = &c->face[k];
        iml__str_adds(out, k ? ",\n{\"path\":" : "\n{\"path\":"),
            json_text(out, f->path, strlen(f->path));
        iml__str_addf(out, ",\"face\":%lld,\"family\":", (long long)f->index);
        json_text(out, f->family, strlen(f->family));
        iml__str_adds(out, ",\"style\":"), json_text(out, f->style, strlen(f->style));
        iml__str_addc(out, '}');
    }
    iml__str_adds(out, "],\n\"units\":{");
}

struct pair {
    uint64_t face, times;
};

static int by_face(const void *a, const void *b)
{
    uint64_t x = ((const struct pair *)a)->face, y = ((const struct pair *)b)->face;
    return x < y ? -1 : x > y;
}

static void note_drawn(uint64_t *set, const char *p, size_t n)
{
    utf8proc_int32_t v;
    for (size_t at = 0; at < n;) {
        utf8proc_ssize_t len =
            utf8proc_iterate((const utf8proc_uint8_t *)p + at, (utf8proc_ssize_t)(n - at), &v);
        if (len <= 0) return;
        set[v / 64] |= (uint64_t)1 << (v % 64), at += (size_t)len;
    }
}

static iml_status write_unit(const iml_table_row *row, size_t n, const iml__str *unit, bool first,
                             iml__str *out, iml_err *e)
{
    struct pair *p = iml__calloc(n, sizeof *p);
    if (!p) return IML_FAIL(e, IML_ENOMEM, "no memory for coverage");
    for (size_t k = 0; k < n; k++) {
        size_t len = 0;
        if (!split(&row[k], &len, &p[k].face)) p[k].face = 0; // the first row was looked at
        p[k].times = row[k].value[TIMES];
    }
    qsort(p, n, sizeof *p, by_face);
    iml__str_adds(out, first ? "\n" : ",\n"), json_text(out, unit->p, unit->n);
    iml__str_adds(out, ":[");
    for (size_t k = 0; k < n; k++)
        iml__str_addf(out, "%s[%llu,%llu]", k ? "," : "", (unsigned long long)p[k].face,
                      (unsigned long long)p[k].times);
    iml__str_addc(out, ']');
    IML_FREE(p);
    return IML_OK;
}

static iml_status write_units(const iml_table_row *row, size_t rows, uint64_t *set,
                              void (*add)(void *to, const char *p, size_t n), void *to,
                              iml__str *out, iml__str *unit, iml_err *e)
{
    bool first = true;
    for (size_t k = 0, n; k < rows; k += n) {
        size_t len = 0;
        uint64_t face = 0;
        if (!split(&row[k], &len, &face)) return no_row(&row[k], e);
        n = same_unit(row + k, rows - k, len);
        if (!len) continue;
        unescape(row[k].key, len, unit);
        note_drawn(set, unit->p, unit->n);
        IML_TRY(write_unit(row + k, n, unit, first, out, e));
        first = false;
        add(to, out->p, out->n);
        iml__str_clear(out);
    }
    return IML_OK;
}

static void write_never(const struct context *c, const uint64_t *set, iml__str *out)
{
    size_t asked = 0, never = 0;
    utf8proc_int32_t v;
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)c->asked;
    for (const utf8proc_uint8_t *q = p; *q; asked++) {
        utf8proc_ssize_t n = utf8proc_iterate(q, -1, &v);
        q += n > 0 ? n : 1;
    }
    iml__str_addf(out, "},\n\"asked\":%zu,\n\"never_drawn\":[", asked);
    while (*p) {
        utf8proc_ssize_t n = utf8proc_iterate(p, -1, &v);
        if (n <= 0) break;
        if (!(set[v / 64] >> (v % 64) & 1)) {
            if (never++) iml__str_addc(out, ',');
            json_text(out, (const char *)p, (size_t)n);
        }
        p += n;
    }
    iml__str_adds(out, "]}\n");
}

iml_status iml__coverage_json(const char *context, const iml_table_row *row, size_t rows,
                              void (*add)(void *to, const char *p, size_t n), void *to, iml_err *e)
{
    struct context c;
    iml__str out, unit;
    IML_TRY(open_context(context, &c, e));
    iml__str_init(&out, (size_t)1 << 32), iml__str_init(&unit, 1 << 20);
    uint64_t *set = iml__calloc(SET_WORDS, sizeof *set);
    iml_status st = set ? IML_OK : IML_FAIL(e, IML_ENOMEM, "no memory for coverage");
    if (!st) write_faces(&c, &out);
    if (!st) st = write_units(row, rows, set, add, to, &out, &unit, e);
    if (!st) write_never(&c, set, &out);
    if (!st && (out.failed || unit.failed)) st = IML_FAIL(e, IML_ENOMEM, "no memory for coverage");
    if (!st) add(to, out.p, out.n);
    IML_FREE(set);
    iml__str_free(&out), iml__str_free(&unit);
    close_context(&c);
    return st;
}

// ---- fonts.tsv

iml_status iml__coverage_fonts(const char *context, const iml_table_row *row, size_t rows,
                               void (*add)(void *to, const char *p, size_t n), void *to, iml_err *e)
{
    static const char head[] = "path\tface\tfamily\tstate\tpictures\n";
    struct context c;
    iml__str out;
    IML_TRY(open_context(context, &c, e));
    iml_status st = IML_OK;
    for (size_t k = 0; k < rows && !st; k++) {
        size_t len = 0;
        uint64_t face = 0;
        if (!split(&row[k], &len, &face)) st = no_row(&row[k], e);
        if (!st && !len && face < c.usable) c.face[face].pictures += row[k].value[PICTURES];
    }
    iml__str_init(&out, (size_t)1 << 30);
    iml__str_adds(&out, head);
    for (size_t k = 0; k < c.faces && !st; k++) {
        const struct face *f = &c.face[k];
        const char *family = f->family ? f->family : "", *why = f->reason ? f->reason : "usable";
        iml__str_flat(&out, f->path, strlen(f->path));
        iml__str_addf(&out, "\t%lld\t", (long long)f->index);
        iml__str_flat(&out, family, strlen(family)), iml__str_addc(&out, '\t');
        iml__str_flat(&out, why, strlen(why));
        iml__str_addf(&out, "\t%llu\n", (unsigned long long)f->pictures);
    }
    if (!st && out.failed) st = IML_FAIL(e, IML_ENOMEM, "no memory for coverage");
    if (!st) add(to, out.p, out.n);
    iml__str_free(&out);
    close_context(&c);
    return st;
}
