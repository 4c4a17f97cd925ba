// yaml.c: libyaml's events into a read-only tree with places.
//
// Invariants. 1: a node is counted (after expansion of aliases) before it is linked, so an anchor
// bomb is refused at its first alias beyond the limit and costs no memory: aliases share the node.
// 2: an anchor is known only when its node is complete, so no tree contains itself. 3: the tree
// is never changed once its parent holds it. Merged pairs (`<<`) are copied as pointers, behind the
// map's own, which win; of several merged maps the first wins (YAML 1.1's merge type).
// The document API of libyaml was rejected: it builds everything before a limit can speak.
#include "src/base/yaml.h"

#include "src/base/err.h"
#include "src/base/arena.h"
#include "src/base/mem.h"

#include <string.h>
#include <yaml.h>

enum { COMPLAINTS_MAX = 1 << 20, ANCHORS_MAX = 1024 };

void iml__complaints_init(iml__complaints *c)
{
    iml__str_init(&c->text, COMPLAINTS_MAX);
    c->n = 0;
}

void iml__complaints_free(iml__complaints *c) { iml__str_free(&c->text); }

static void complain_at(iml__complaints *c, const char *file, uint32_t line, uint32_t col,
                        const char *fmt, va_list ap)
{
    if (file && *file && line)
        iml__str_addf(&c->text, "%s:%u:%u: ", file, line, col);
    else
        iml__str_addf(&c->text, "%s: ", file && *file ? file : "imloom");
    iml__str_vaddf(&c->text, fmt, ap);
    iml__str_addc(&c->text, '\n');
    c->n++;
}

void iml__yaml_complain(iml__complaints *c, const iml__ynode *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain_at(c, at ? at->file : NULL, at ? at->line : 0, at ? at->col : 0, fmt, ap);
    va_end(ap);
}

// ---- Building

typedef struct builder {
    iml_arena *a;
    const char *file;
    yaml_parser_t parser;
    iml__complaints *c;
    struct {
        const char *name;
        iml__ynode *node;
    } anchor[ANCHORS_MAX];
    uint32_t nanchors;
    iml_err *e;
} builder;

IML_PRINTF(3, 4)
static void complain_of(const builder *b, const yaml_mark_t *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain_at(b->c, b->file, at ? (uint32_t)at->line + 1 : 0, at ? (uint32_t)at->column + 1 : 0,
                fmt, ap);
    va_end(ap);
}

// A macro, so that every caller sees that it never gives IML_OK.
#define REFUSE(b, at, ...) (complain_of((b), (at), __VA_ARGS__), IML_EARG)

static iml_status no_memory(builder *b)
{
    return IML_FAIL(b->e, IML_ENOMEM, "%s: no memory for its tree", b->file);
}

static iml_status next_event(builder *b, yaml_event_t *ev)
{
    if (yaml_parser_parse(&b->parser, ev)) return IML_OK;
    if (b->parser.error == YAML_MEMORY_ERROR) return no_memory(b);
    yaml_mark_t at = b->parser.problem_mark;
    if (b->parser.error == YAML_READER_ERROR)
        return REFUSE(b, NULL, "offset %zu: %s; a configuration is UTF-8 text",
                      b->parser.problem_offset,
                      b->parser.problem ? b->parser.problem : "not UTF-8 text");
    return REFUSE(b, &at, "%s%s%s", b->parser.context ? b->parser.context : "",
                  b->parser.context ? ": " : "", b->parser.problem ? b->parser.problem : "syntax");
}

static iml__ynode *new_node(builder *b, enum iml__ykind kind, const yaml_mark_t *at)
{
    iml__ynode *n = iml_arena_calloc(b->a, 1, sizeof *n);
    if (!n) return NULL;
    n->kind = kind, n->file = b->file, n->nodes = 1, n->height = 1;
    n->line = (uint32_t)at->line + 1, n->col = (uint32_t)at->column + 1;
    return n;
}

static iml_status remember(builder *b, const yaml_char_t *name, iml__ynode *n,
                           const yaml_mark_t *at)
{
    if (!name) return IML_OK;
    const char *text = iml__arena_strdup(b->a, (const char *)name);
    if (!text) return no_memory(b);
    if (b->nanchors == ANCHORS_MAX) return REFUSE(b, at, "more than %d anchors", ANCHORS_MAX);
    b->anchor[b->nanchors].name = text, b->anchor[b->nanchors++].node = n;
    return IML_OK;
}

static iml__ynode *recall(const builder *b, const yaml_char_t *name)
{
    for (uint32_t k = b->nanchors; k-- > 0;)
        if (!strcmp(b->anchor[k].name, (const char *)name)) return b->anchor[k].node;
    return NULL;
}

// Counts a child into its parent; the document's limit is kept by every parent on the way up.
static iml_status count_in(builder *b, iml__ynode *n, const iml__ynode *child,
                           const yaml_mark_t *at)
{
    n->nodes += child->nodes;
    n->height = IML_MAX(n->height, child->height + 1);
    if (n->nodes > IML__YAML_NODES)
        return REFUSE(b, at, "more than %d nodes once aliases are expanded", IML__YAML_NODES);
    if (n->height > IML__YAML_DEPTH)
        return REFUSE(b, at, "nested deeper than %d levels", IML__YAML_DEPTH);
    return IML_OK;
}

static iml_status grow(builder *b, void **list, size_t n, size_t size)
{
    if (n & (n - 1)) return IML_OK; // room is doubled at powers of two
    void *more = iml_arena_alloc(b->a, (n ? 2 * n : 1) * size);
    if (!more) return no_memory(b);
    if (n) memcpy(more, *list, n * size);
    *list = more;
    return IML_OK;
}

static iml_status build(builder *b, yaml_event_t *ev, unsigned depth, iml__ynode **out);

static iml_status build_list(builder *b, iml__ynode *n, unsigned depth)
{
    for (;;) {
        yaml_event_t ev;
        IML_TRY(next_event(b, &ev));
        if (ev.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&ev);
            return IML_OK;
        }
        yaml_mark_t at = ev.start_mark;
        iml__ynode *child = NULL;
        iml_status st = build(b, &ev, depth + 1, &child);
        yaml_event_delete(&ev);
        IML_TRY(st);
        IML_TRY(count_in(b, n, child, &at));
        void *list = n->item;
        IML_TRY(grow(b, &list, n->n, sizeof *n->item));
        n->item = list;
        n->item[n->n++] = child;
    }
}

static iml_status add_pair(builder *b, iml__ynode *n, iml__ynode *key, iml__ynode *value)
{
    void *list = n->pair;
    IML_TRY(grow(b, &list, n->n, sizeof *n->pair));
    n->pair = list;
    n->pair[n->n++] = (iml__ypair){key, value};
    return IML_OK;
}

// `<<`: a map, or a list of maps.
static iml_status merge(builder *b, iml__ynode *n, const iml__ynode *from)
{
    if (from->kind == IML__YAML_LIST) {
        for (size_t i = 0; i < from->n; i++) {
            if (from->item[i]->kind != IML__YAML_MAP) {
                iml__yaml_complain(b->c, from->item[i], "`<<` takes maps only");
                continue;
            }
            IML_TRY(merge(b, n, from->item[i]));
        }
        return IML_OK;
    }
    if (from->kind != IML__YAML_MAP) {
        iml__yaml_complain(b->c, from, "`<<` takes a map or a list of maps");
        return IML_OK;
    }
    for (size_t i = 0; i < from->n; i++)
        if (!iml__yaml_pair(n, from->pair[i].key->text))
            IML_TRY(add_pair(b, n, from->pair[i].key, from->pair[i].value));
    return IML_OK;
}

static iml_status build_map(builder *b, iml__ynode *n, unsigned depth)
{
    const iml__ynode *merges[8];
    uint32_t nmerges = 0;
    for (;;) {
        yaml_event_t ev;
        IML_TRY(next_event(b, &ev));
        if (ev.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&ev);
            break;
        }
        yaml_mark_t at = ev.start_mark;
        iml__ynode *key = NULL, *value = NULL;
        iml_status st = build(b, &ev, depth + 1, &key);
        yaml_event_delete(&ev);
        IML_TRY(st);
        if (key->kind != IML__YAML_SCALAR) return REFUSE(b, &at, "a key must be a plain name");
        IML_TRY(next_event(b, &ev));
        st = build(b, &ev, depth + 1, &value);
        yaml_event_delete(&ev);
        IML_TRY(st);
        IML_TRY(count_in(b, n, key, &at));
        IML_TRY(count_in(b, n, value, &at));
        if (!strncmp(key->text, "x-", 2)) continue;
        const iml__ypair *twin = iml__yaml_pair(n, key->text);
        if (!key->quoted && !strcmp(key->text, "<<")) {
            if (nmerges == IML_COUNT_OF(merges)) return REFUSE(b, &at, "more than 8 `<<` in a map");
            merges[nmerges++] = value;
        } else if (twin) {
            iml__yaml_complain(b->c, key, "duplicate key '%s': it stands in line %u already",
                               key->text, twin->key->line);
        } else {
            IML_TRY(add_pair(b, n, key, value));
        }
    }
    for (uint32_t k = 0; k < nmerges; k++) IML_TRY(merge(b, n, merges[k]));
    return IML_OK;
}

static iml_status build_scalar(builder *b, const yaml_event_t *ev, iml__ynode **out)
{
    iml__ynode *n = new_node(b, IML__YAML_SCALAR, &ev->start_mark);
    if (!n) return no_memory(b);
    n->len = ev->data.scalar.length;
    n->text = iml__arena_strndup(b->a, (const char *)ev->data.scalar.value, n->len);
    if (!n->text) return no_memory(b);
    n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (strlen(n->text) != n->len) return REFUSE(b, &ev->start_mark, "a NUL character in a text");
    IML_TRY(remember(b, ev->data.scalar.anchor, n, &ev->start_mark));
    *out = n;
    return IML_OK;
}

static iml_status build(builder *b, yaml_event_t *ev, unsigned depth, iml__ynode **out)
{
    if (depth >= IML__YAML_DEPTH)
        return REFUSE(b, &ev->start_mark, "nested deeper than %d levels", IML__YAML_DEPTH);
    iml__ynode *n;
    switch (ev->type) {
    case YAML_SCALAR_EVENT: return build_scalar(b, ev, out);
    case YAML_ALIAS_EVENT:
        *out = recall(b, ev->data.alias.anchor);
        if (*out) return IML_OK;
        return REFUSE(b, &ev->start_mark, "unknown anchor '*%s' (an alias stands after its anchor)",
                      (const char *)ev->data.alias.anchor);
    case YAML_SEQUENCE_START_EVENT:
        if (!(n = new_node(b, IML__YAML_LIST, &ev->start_mark))) return no_memory(b);
        IML_TRY(build_list(b, n, depth));
        IML_TRY(remember(b, ev->data.sequence_start.anchor, n, &ev->start_mark));
        break;
    case YAML_MAPPING_START_EVENT:
        if (!(n = new_node(b, IML__YAML_MAP, &ev->start_mark))) return no_memory(b);
        IML_TRY(build_map(b, n, depth));
        IML_TRY(remember(b, ev->data.mapping_start.anchor, n, &ev->start_mark));
        break;
    default: return REFUSE(b, &ev->start_mark, "a value is missing here");
    }
    *out = n;
    return IML_OK;
}

static iml_status build_stream(builder *b, iml__ynode **root)
{
    bool any = false;
    for (;;) {
        yaml_event_t ev;
        IML_TRY(next_event(b, &ev));
        yaml_event_type_t type = ev.type;
        iml_status st = IML_OK;
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_END_EVENT ||
            type == YAML_STREAM_END_EVENT) {
            // Nothing to keep.
        } else if (type == YAML_DOCUMENT_START_EVENT) {
            if (any) st = REFUSE(b, &ev.start_mark, "a second document: one file holds one");
            any = true;
        } else {
            st = build(b, &ev, 0, root);
        }
        yaml_event_delete(&ev);
        IML_TRY(st);
        if (type == YAML_STREAM_END_EVENT) return IML_OK;
    }
}

iml_status iml__yaml_parse(iml_arena *a, const char *file, const char *text, size_t n,
                           iml__complaints *c, iml__ynode **root, iml_err *e)
{
    *root = NULL;
    uint32_t before = c->n;
    builder *b = iml__calloc(1, sizeof *b);
    if (!b) return IML_FAIL(e, IML_ENOMEM, "%s: no memory to read it", file);
    *b = (builder){.a = a, .file = file, .c = c, .e = e};
    iml_status st = IML_OK;
    if (n > IML__YAML_BYTES) {
        st = REFUSE(b, NULL, "%zu bytes; a configuration has at most %d", n, IML__YAML_BYTES);
        goto done;
    }
    if (!yaml_parser_initialize(&b->parser)) {
        st = no_memory(b);
        goto done;
    }
    yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b->parser, (const unsigned char *)text, n);
    st = build_stream(b, root);
    yaml_parser_delete(&b->parser);
    if (!st && !*root) {
        yaml_mark_t start = {0};
        *root = new_node(b, IML__YAML_SCALAR, &start);
        if (*root)
            (*root)->text = "";
        else
            st = no_memory(b);
    }
    if (!st && c->n > before) st = IML_EARG;
done:
    if (st == IML_EARG) (void)IML_FAIL(e, st, "%s: it has errors", file);
    IML_FREE(b);
    return st;
}

// ---- Asking

const iml__ypair *iml__yaml_pair(const iml__ynode *map, const char *key)
{
    if (!map || map->kind != IML__YAML_MAP) return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (!strcmp(map->pair[i].key->text, key)) return &map->pair[i];
    return NULL;
}

const iml__ynode *iml__yaml_get(const iml__ynode *map, const char *key)
{
    const iml__ypair *p = iml__yaml_pair(map, key);
    return p ? p->value : NULL;
}

static bool plain(const iml__ynode *n) { return n && n->kind == IML__YAML_SCALAR && !n->quoted; }

bool iml__yaml_is_null(const iml__ynode *n)
{
    if (!n) return true;
    if (!plain(n)) return false;
    return !n->len || !strcmp(n->text, "~") || !strcmp(n->text, "null") ||
           !strcmp(n->text, "Null") || !strcmp(n->text, "NULL");
}

// Copies without underscores, lower case; false: too long or empty.
static bool normal_number(const iml__ynode *n, char out[64])
{
    if (!plain(n) || !n->len || n->len > 60 || n->text[0] == '_') return false;
    size_t k = 0;
    for (size_t i = 0; i < n->len; i++) {
        char ch = n->text[i];
        if (ch == '_') continue;
        out[k++] = (char)(ch >= 'A' && ch <= 'Z' ? ch + 32 : ch);
    }
    out[k] = 0;
    return k > 0;
}

static bool digits_of(const char *s, unsigned base, uint64_t *out)
{
    uint64_t v = 0;
    if (!*s) return false;
    for (; *s; s++) {
        unsigned d = *s >= '0' && *s <= '9'   ? (unsigned)(*s - '0')
                     : *s >= 'a' && *s <= 'f' ? (unsigned)(*s - 'a') + 10
                                              : 99;
        if (d >= base || v > (UINT64_MAX - d) / base) return false;
        v = v * base + d;
    }
    *out = v;
    return true;
}

// YAML 1.1's base 60: 1:30 = 90. Each part after the first is below 60.
static bool sexagesimal(const char *s, uint64_t *out)
{
    uint64_t v = 0, part = 0;
    unsigned ndigits = 0;
    bool first = true;
    for (;; s++) {
        if (*s >= '0' && *s <= '9' && ndigits < 9) {
            part = part * 10 + (uint64_t)(*s - '0'), ndigits++;
        } else if ((*s == ':' || !*s) && ndigits) {
            if (!first && part > 59) return false;
            if (v > UINT64_MAX / 64) return false;
            v = v * 60 + part, part = 0, ndigits = 0, first = false;
            if (!*s) break;
        } else {
            return false;
        }
    }
    *out = v;
    return true;
}

static bool magnitude(const char *s, uint64_t *out)
{
    if (s[0] == '0' && s[1] == 'x') return digits_of(s + 2, 16, out);
    if (s[0] == '0' && s[1] == 'b') return digits_of(s + 2, 2, out);
    if (s[0] == '0' && s[1] == 'o') return digits_of(s + 2, 8, out);
    if (strchr(s, ':')) return sexagesimal(s, out);
    if (s[0] == '0' && s[1]) return false; // 010: 8 to YAML 1.1, 10 to YAML 1.2 and to the eye
    return digits_of(s, 10, out);
}

bool iml__yaml_two_ways(const iml__ynode *n)
{
    char t[64];
    if (!normal_number(n, t)) return false;
    const char *s = t + (t[0] == '-' || t[0] == '+');
    return s[0] == '0' && s[1] && strspn(s, "0123456789") == strlen(s);
}

bool iml__yaml_u64(const iml__ynode *n, uint64_t *out)
{
    char t[64];
    if (!normal_number(n, t)) return false;
    return magnitude(t + (t[0] == '+'), out);
}

bool iml__yaml_int(const iml__ynode *n, int64_t *out)
{
    char t[64];
    uint64_t v;
    if (!normal_number(n, t)) return false;
    bool minus = t[0] == '-';
    if (!magnitude(t + (minus || t[0] == '+'), &v)) return false;
    if (v > (uint64_t)INT64_MAX) return false;
    *out = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

bool iml__yaml_float(const iml__ynode *n, double *out)
{
    char t[64];
    int64_t v;
    if (iml__yaml_int(n, &v)) {
        *out = (double)v;
        return true;
    }
    if (iml__yaml_two_ways(n) || !normal_number(n, t)) return false;
    const char *p = t + (t[0] == '-' || t[0] == '+');
    if (!((p[0] >= '0' && p[0] <= '9') || (p[0] == '.' && p[1] >= '0' && p[1] <= '9')))
        return false;
    if (strspn(t, "0123456789+-.e") != strlen(t)) return false;
    return iml__parse_double(t + (t[0] == '+'), out) && *out - *out == 0;
}

bool iml__yaml_bool(const iml__ynode *n, bool *out)
{
    static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};
    char t[64];
    if (!normal_number(n, t)) return false;
    for (size_t k = 0; k < IML_COUNT_OF(yes); k++) {
        if (!strcmp(t, yes[k])) return *out = true, true;
        if (!strcmp(t, no[k])) return *out = false, true;
    }
    return false;
}
