// pattern.c: reading patterns and drawing texts of them.
//
// A pattern becomes a tree of nodes; lists of nodes are linked, so nothing is limited but the
// whole: 4,096 bytes, 1,000 nodes, groups 32 deep, and no text of more than 100,000 characters.
// Drawing walks the tree once. Classes are sorted ranges that do not overlap, so that a character
// named twice is no likelier than another.
#include "src/synth/pattern.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/rng.h"
#include "src/base/str.h"
#include "src/synth/ucd.h"
#include "src/synth/ucd_names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum {
    BYTES_MAX = 4096,
    NODES_MAX = 1000,
    DEPTH_MAX = 32,
    LENGTH_MAX = 100000,
    REPEAT_MAX = 10000
};
enum { CODE_POINTS = 0x110000, CLASS_RANGES = 4096 };

typedef struct range {
    uint32_t lo, hi;
} range;

enum kind { CLASS, GROUP };
typedef struct node {
    enum kind kind;
    uint32_t min, max; // times
    range *ranges;     // CLASS
    uint32_t nranges, size;
    bool property;            // it names characters by a property: fonts decide
    uint32_t place;           // character of the pattern, for messages
    struct seq *alternatives; // GROUP
    uint32_t nalternatives;
    struct node *next; // in its sequence
} node;
typedef struct seq {
    node *first;
    struct seq *next;
} seq;

struct iml__pattern {
    node *all;    // a group
    node **nodes; // every class
    uint32_t nnodes;
};

typedef struct reader {
    const char *text;
    uint32_t *cp; // of n characters
    uint32_t n, at, nodes;
    iml__pattern *p;
    range *work; // of CLASS_RANGES
    iml_arena *a;
    iml_err *e;
} reader;

#define REFUSE(r, ...) refuse((r), (r)->at, __VA_ARGS__)

IML_PRINTF(3, 4)
static iml_status refuse(reader *r, uint32_t at, const char *fmt, ...)
{
    char why[160];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    return IML_FAIL(r->e, IML_EARG, "pattern '%.*s', character %u: %s", iml__utf8_head(r->text, 40),
                    r->text, at + 1, why);
}

static bool here(const reader *r, uint32_t c) { return r->at < r->n && r->cp[r->at] == c; }

static bool take(reader *r, uint32_t c)
{
    if (!here(r, c)) return false;
    r->at++;
    return true;
}

static iml_status new_node(reader *r, enum kind kind, node **out)
{
    if (r->nodes++ == NODES_MAX) return REFUSE(r, "more than %d parts", NODES_MAX);
    if (!(*out = iml_arena_calloc(r->a, 1, sizeof **out)))
        return IML_FAIL(r->e, IML_ENOMEM, "no memory for a pattern");
    (*out)->kind = kind, (*out)->min = (*out)->max = 1, (*out)->place = r->at;
    return IML_OK;
}

// ---- Classes

typedef struct ranges { // being gathered in r->work
    uint32_t n;
    bool property;
} ranges;

static iml_status add(reader *r, ranges *c, uint32_t lo, uint32_t hi)
{
    if (c->n && lo == r->work[c->n - 1].hi + 1) {
        r->work[c->n - 1].hi = hi;
        return IML_OK;
    }
    if (c->n == CLASS_RANGES) return REFUSE(r, "a class of more than %d ranges", CLASS_RANGES);
    r->work[c->n++] = (range){lo, hi};
    return IML_OK;
}

static int by_lo(const void *a, const void *b)
{
    const range *x = a, *y = b;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

// Sorts and joins what was gathered; complement: printable ASCII without it.
static iml_status settle(reader *r, ranges *c, bool complement, node *out)
{
    uint32_t n = 0;
    range *w = r->work;
    qsort(w, c->n, sizeof *w, by_lo);
    for (uint32_t k = 0; k < c->n; k++) {
        if (n && w[k].lo <= w[n - 1].hi + 1)
            w[n - 1].hi = IML_MAX(w[n - 1].hi, w[k].hi);
        else
            w[n++] = w[k];
    }
    range *to = iml_arena_calloc(r->a, (size_t)n + 1, sizeof *to);
    if (!to) return IML_FAIL(r->e, IML_ENOMEM, "no memory for a pattern");
    if (complement) {
        uint32_t from = 0x21;
        for (uint32_t k = 0; k <= n; k++) {
            uint32_t end = k < n ? IML_MIN(w[k].lo, 0x7Fu) : 0x7F;
            if (end > from) to[out->nranges++] = (range){from, end - 1};
            if (k < n) from = IML_MAX(from, w[k].hi + 1);
        }
    } else {
        memcpy(to, w, n * sizeof *to);
        out->nranges = n;
    }
    for (uint32_t k = 0; k < out->nranges; k++) out->size += to[k].hi - to[k].lo + 1;
    out->ranges = to, out->property = c->property;
    return out->size ? IML_OK : REFUSE(r, "a class without characters");
}

static bool hex_number(const char *s, uint32_t *out)
{
    uint32_t v = 0;
    for (; *s; s++) {
        uint32_t d = *s >= '0' && *s <= '9'   ? (uint32_t)(*s - '0')
                     : *s >= 'a' && *s <= 'f' ? (uint32_t)(*s - 'a') + 10
                     : *s >= 'A' && *s <= 'F' ? (uint32_t)(*s - 'A') + 10
                                              : 99;
        if (d > 15 || v > 0x10FFFF) return false;
        v = v * 16 + d;
    }
    *out = v;
    return v > 0 && v < CODE_POINTS && !(v >= 0xD800 && v < 0xE000);
}

// {NAME}: at most 47 ASCII characters.
static iml_status braced(reader *r, char name[48])
{
    uint32_t n = 0;
    if (!take(r, '{')) return REFUSE(r, "'{' is missing");
    while (r->at < r->n && r->cp[r->at] != '}' && r->cp[r->at] < 0x7F && n < 47)
        name[n++] = (char)r->cp[r->at++];
    name[n] = 0;
    return take(r, '}') && n ? IML_OK : REFUSE(r, "'}' is missing");
}

static int script_of(const char *name)
{
    for (int k = 0; k < IML__SC_COUNT; k++)
        if (!strcmp(name, script_names[k][0]) || !strcmp(name, script_names[k][1])) return k;
    return -1;
}

// L, Lu .. as utf8proc has them, in its order; a single letter is all that begin with it.
static bool of_category(const char *name, uint32_t cp)
{
    const char *is = utf8proc_category_string((utf8proc_int32_t)cp);
    return is[0] == name[0] && (!name[1] || is[1] == name[1]);
}

static bool is_category(const char *name)
{
    static const char all[] = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So ";
    char word[4] = {name[0], name[0] ? name[1] : '\0', ' ', 0};
    if (name[0] && !name[1]) return strchr("LMNPS", name[0]) != NULL;
    return strlen(name) == 2 && strstr(all, word) != NULL;
}

static iml_status property(reader *r, ranges *c)
{
    char name[48] = "";
    uint32_t start = r->at;
    IML_TRY(braced(r, name));
    const char *value = strchr(name, '=');
    bool script = value && (!strncmp(name, "Script=", 7) || !strncmp(name, "sc=", 3));
    int which = script ? script_of(value + 1) : -1;
    if (script && which < 0) return refuse(r, start, "there is no script '%s'", value + 1);
    if (!script && !is_category(name))
        return refuse(r, start,
                      "\\p{%s}: Script=NAME and general categories (L, Lu, Nd, P ..) are known",
                      name);
    for (uint32_t cp = 0x20; cp < CODE_POINTS; cp++) {
        utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)cp);
        if (k == UTF8PROC_CATEGORY_CN || k >= UTF8PROC_CATEGORY_ZS)
            continue; // not assigned, no ink
        if (script ? iml__ucd_get(cp)->script == which : of_category(name, cp))
            IML_TRY(add(r, c, cp, cp));
    }
    c->property = true;
    return IML_OK;
}

static bool special(uint32_t c) { return c < 0x7F && c && strchr("\\[](){}|?*+.^$-/", (int)c); }

// Behind a backslash. *one: the character, if it stands for one; else it went into c.
static iml_status escape(reader *r, ranges *c, bool *single, uint32_t *one)
{
    char name[48] = "";
    *single = false;
    if (r->at == r->n) return REFUSE(r, "nothing stands behind the last '\\'");
    uint32_t ch = r->cp[r->at++];
    switch (ch) {
    case 'd': return add(r, c, '0', '9');
    case 's': return add(r, c, ' ', ' ');
    case 'p': return property(r, c);
    case 'w':
        IML_TRY(add(r, c, '0', '9'));
        IML_TRY(add(r, c, 'A', 'Z'));
        IML_TRY(add(r, c, '_', '_'));
        return add(r, c, 'a', 'z');
    case 'x':
    case 'u':
        if (here(r, '{')) {
            IML_TRY(braced(r, name));
        } else {
            uint32_t digits = ch == 'x' ? 2 : 4, n = 0;
            while (n < digits && r->at < r->n && r->cp[r->at] < 0x7F)
                name[n++] = (char)r->cp[r->at++];
            name[n] = 0;
            if (n < digits) name[0] = 0;
        }
        *single = true;
        return hex_number(name, one) ? IML_OK
                                     : REFUSE(r, "\\%c takes %d hexadecimal digits, or {..}",
                                              (int)ch, ch == 'x' ? 2 : 4);
    default: break;
    }
    if (!special(ch) && !(ch > 0x7E || ch == ' '))
        return refuse(r, r->at - 1, "\\%c has no meaning here", (int)ch);
    *single = true, *one = ch;
    return IML_OK;
}

static iml_status in_class(reader *r, ranges *c)
{
    bool single = true;
    uint32_t lo = r->cp[r->at++], hi;
    if (lo == '[') return refuse(r, r->at - 1, "write \\[ within a class");
    if (lo == '\\') IML_TRY(escape(r, c, &single, &lo));
    if (!single) return IML_OK;
    if (!here(r, '-') || r->at + 1 == r->n || r->cp[r->at + 1] == ']') return add(r, c, lo, lo);
    uint32_t at = r->at++;
    hi = r->cp[r->at++];
    if (hi == '\\') IML_TRY(escape(r, c, &single, &hi));
    if (!single) return refuse(r, at, "a range ends with one character");
    if (hi < lo) return refuse(r, at, "a range runs from the lower to the higher character");
    if (lo < 0xE000 && hi >= 0xD800) return refuse(r, at, "a range over surrogates");
    return add(r, c, lo, hi);
}

static iml_status class_of(reader *r, node **out)
{
    ranges c = {0};
    IML_TRY(new_node(r, CLASS, out));
    bool complement = take(r, '^');
    while (!here(r, ']')) {
        if (r->at == r->n) return REFUSE(r, "']' is missing");
        IML_TRY(in_class(r, &c));
    }
    r->at++;
    return settle(r, &c, complement, *out);
}

// ---- The grammar

static iml_status alternatives(reader *r, uint32_t depth, node *group);

static iml_status atom(reader *r, uint32_t depth, node **out)
{
    ranges c = {0};
    bool single = true;
    uint32_t ch = r->cp[r->at];
    if (ch < 0x7F && ch && strchr("*+.^$", (int)ch))
        return REFUSE(r,
                      ch == '*' || ch == '+'
                          ? "'%c' has no end; write {0,10}, or \\%c for the character"
                          : "'%c' stands for no text; write \\%c for the character",
                      (int)ch, (int)ch);
    if (ch == '?' || ch == '{' || ch == '}' || ch == ']')
        return REFUSE(r, "nothing stands before '%c'; write \\%c for the character", (int)ch,
                      (int)ch);
    r->at++;
    if (ch == '[') return class_of(r, out);
    IML_TRY(new_node(r, ch == '(' ? GROUP : CLASS, out));
    if (ch == '(') {
        if (depth == DEPTH_MAX) return REFUSE(r, "groups are more than %d deep", DEPTH_MAX);
        if (here(r, '?')) {
            if (r->at + 1 == r->n || r->cp[r->at + 1] != ':')
                return REFUSE(r, "only (?: is known of the groups that begin with (?");
            r->at += 2;
        }
        IML_TRY(alternatives(r, depth + 1, *out));
        return take(r, ')') ? IML_OK : REFUSE(r, "')' is missing");
    }
    if (ch == '\\') IML_TRY(escape(r, &c, &single, &ch));
    if (single) IML_TRY(add(r, &c, ch, ch));
    return settle(r, &c, false, *out);
}

static iml_status count_of(reader *r, uint32_t *out)
{
    uint32_t v = 0, start = r->at;
    for (; r->at < r->n && r->cp[r->at] >= '0' && r->cp[r->at] <= '9'; r->at++)
        v = IML_MIN(v * 10 + r->cp[r->at] - '0', REPEAT_MAX + 1u);
    if (r->at == start) return REFUSE(r, "a number is missing");
    if (v > REPEAT_MAX) return refuse(r, start, "more than %d times", REPEAT_MAX);
    *out = v;
    return IML_OK;
}

static iml_status times(reader *r, node *n)
{
    if (take(r, '?')) {
        n->min = 0;
    } else if (take(r, '{')) {
        uint32_t start = r->at;
        IML_TRY(count_of(r, &n->min));
        n->max = n->min;
        if (take(r, ',')) {
            if (here(r, '}')) return REFUSE(r, "{m,} has no end; write {m,n}");
            IML_TRY(count_of(r, &n->max));
        }
        if (!take(r, '}')) return REFUSE(r, "'}' is missing");
        if (n->min > n->max) return refuse(r, start, "{m,n}: m is above n");
    } else {
        return IML_OK;
    }
    if (r->at < r->n && r->cp[r->at] < 0x7F && r->cp[r->at] && strchr("?{*+", (int)r->cp[r->at]))
        return REFUSE(r, "one count is enough; group with ( )");
    return IML_OK;
}

static iml_status alternatives(reader *r, uint32_t depth, node *group)
{
    seq **last = &group->alternatives;
    for (;;) {
        seq *s = iml_arena_calloc(r->a, 1, sizeof *s);
        if (!s) return IML_FAIL(r->e, IML_ENOMEM, "no memory for a pattern");
        *last = s, last = &s->next;
        group->nalternatives++;
        node **to = &s->first;
        while (r->at < r->n && r->cp[r->at] != '|' && r->cp[r->at] != ')') {
            IML_TRY(atom(r, depth, to));
            IML_TRY(times(r, *to));
            if ((*to)->kind == CLASS) r->p->nodes[r->p->nnodes++] = *to;
            to = &(*to)->next;
        }
        if (!take(r, '|')) return IML_OK;
    }
}

static uint64_t longest(const node *n)
{
    uint64_t most = n->kind == CLASS;
    for (const seq *s = n->kind == GROUP ? n->alternatives : NULL; s; s = s->next) {
        uint64_t sum = 0;
        for (const node *k = s->first; k; k = k->next) sum += longest(k);
        most = IML_MAX(most, IML_MIN(sum, (uint64_t)UINT32_MAX));
    }
    return IML_MIN(most * n->max, (uint64_t)UINT32_MAX);
}

// Some class has more than a space, and may be drawn.
static bool visible(const iml__pattern *p)
{
    for (uint32_t k = 0; k < p->nnodes; k++)
        for (uint32_t i = 0; p->nodes[k]->max && i < p->nodes[k]->nranges; i++)
            if (p->nodes[k]->ranges[i].hi > 0xA0 ||
                (p->nodes[k]->ranges[i].hi > ' ' && p->nodes[k]->ranges[i].lo < 0x7F))
                return true;
    return false;
}

// Parts that a draw visits at most: what makes no text can be repeated, too.
static uint64_t effort(const node *n)
{
    uint64_t most = 1;
    for (const seq *s = n->kind == GROUP ? n->alternatives : NULL; s; s = s->next) {
        uint64_t sum = 1;
        for (const node *k = s->first; k; k = k->next) sum += effort(k);
        most = IML_MAX(most, IML_MIN(sum, (uint64_t)UINT32_MAX));
    }
    return IML_MIN(most * n->max, (uint64_t)UINT32_MAX);
}

iml_status iml__pattern_make(const char *text, size_t n, iml_arena *a, iml__pattern **out,
                             iml_err *e)
{
    reader r = {.a = a, .e = e};
    if (n > BYTES_MAX) return IML_FAIL(e, IML_EARG, "a pattern has at most %d bytes", BYTES_MAX);
    if (!(r.text = iml__arena_strndup(a, text, n)))
        return IML_FAIL(e, IML_ENOMEM, "no memory for a pattern");
    r.cp = iml_arena_alloc(a, (n + 1) * sizeof *r.cp);
    r.work = iml_arena_alloc(a, CLASS_RANGES * sizeof *r.work);
    r.p = iml_arena_calloc(a, 1, sizeof *r.p);
    if (r.p) r.p->nodes = iml_arena_calloc(a, NODES_MAX + 1, sizeof(node *));
    if (!r.cp || !r.work || !r.p || !r.p->nodes)
        return IML_FAIL(e, IML_ENOMEM, "no memory for a pattern");
    for (size_t at = 0; at < n;) {
        utf8proc_int32_t v;
        utf8proc_ssize_t len =
            utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(n - at), &v);
        if (len <= 0)
            return IML_FAIL(e, IML_EARG, "a pattern has invalid UTF-8 at its byte %zu", at);
        r.cp[r.n++] = (uint32_t)v, at += (size_t)len;
    }
    IML_TRY(new_node(&r, GROUP, &r.p->all));
    IML_TRY(alternatives(&r, 0, r.p->all));
    if (r.at < r.n) return REFUSE(&r, "')' has no '(' before it");
    uint64_t most = longest(r.p->all);
    if (!most || !visible(r.p)) return REFUSE(&r, "it makes no text that can be seen");
    if (most > LENGTH_MAX)
        return REFUSE(&r, "it can make texts of %llu characters; %d are enough",
                      (unsigned long long)most, LENGTH_MAX);
    if (effort(r.p->all) > 10 * LENGTH_MAX) return REFUSE(&r, "its groups repeat too often");
    *out = r.p;
    return IML_OK;
}

static iml_status keep_of(node *n, iml_arena *a, iml__pattern_keep_fn keep, void *user, iml_err *e)
{
    uint32_t count = 0;
    range *to = iml_arena_alloc(a, (size_t)n->size * sizeof *to); // as many as it has characters
    if (!to) return IML_FAIL(e, IML_ENOMEM, "no memory for a pattern");
    n->size = 0;
    for (uint32_t i = 0; i < n->nranges; i++)
        for (uint32_t cp = n->ranges[i].lo; cp <= n->ranges[i].hi; cp++) {
            bool yes;
            IML_TRY(keep(user, cp, &yes, e));
            if (!yes) continue;
            if (count && to[count - 1].hi + 1 == cp)
                to[count - 1].hi = cp;
            else
                to[count++] = (range){cp, cp};
            n->size++;
        }
    n->ranges = to, n->nranges = count;
    return IML_OK;
}

iml_status iml__pattern_keep(iml__pattern *p, iml_arena *a, iml__pattern_keep_fn keep, void *user,
                             iml_err *e)
{
    for (uint32_t k = 0; k < p->nnodes; k++) {
        node *n = p->nodes[k];
        if (!n->property) continue;
        IML_TRY(keep_of(n, a, keep, user, e));
        if (!n->size)
            return IML_FAIL(e, IML_EARG,
                            "no face draws any of the characters that its character "
                            "%u stands for",
                            n->place + 1);
    }
    return IML_OK;
}

// ---- Drawing

typedef struct drawer {
    iml_rng *g;
    uint8_t *p;
    size_t n, cap;
    iml_arena *a;
    iml_err *e;
} drawer;

static iml_status put(drawer *d, uint32_t cp)
{
    if (d->n + 5 > d->cap) {
        size_t cap = 2 * d->cap;
        uint8_t *grown = iml_arena_alloc(d->a, cap);
        if (!grown) return IML_FAIL(d->e, IML_ENOMEM, "no memory for a text");
        memcpy(grown, d->p, d->n);
        d->p = grown, d->cap = cap;
    }
    d->n += (size_t)utf8proc_encode_char((utf8proc_int32_t)cp, d->p + d->n);
    return IML_OK;
}

static iml_status draw(drawer *d, const node *n)
{
    uint32_t count = n->min;
    if (n->max > n->min) count += (uint32_t)iml_rng_bounded(d->g, (uint64_t)(n->max - n->min) + 1);
    for (uint32_t k = 0; k < count; k++) {
        if (n->kind == CLASS) {
            uint32_t at = n->size > 1 ? (uint32_t)iml_rng_bounded(d->g, n->size) : 0, i = 0;
            while (at > n->ranges[i].hi - n->ranges[i].lo)
                at -= n->ranges[i].hi - n->ranges[i].lo + 1, i++;
            IML_TRY(put(d, n->ranges[i].lo + at));
            continue;
        }
        const seq *s = n->alternatives;
        uint64_t which = n->nalternatives > 1 ? iml_rng_bounded(d->g, n->nalternatives) : 0;
        while (which--) s = s->next;
        for (const node *c = s->first; c; c = c->next) IML_TRY(draw(d, c));
    }
    return IML_OK;
}

iml_status iml__pattern_draw(const iml__pattern *p, iml_rng *g, iml_arena *a, const char **text,
                             size_t *n, iml_err *e)
{
    drawer d = {.g = g, .cap = 256, .a = a, .e = e};
    if (!(d.p = iml_arena_alloc(a, d.cap))) return IML_FAIL(e, IML_ENOMEM, "no memory for a text");
    IML_TRY(draw(&d, p->all));
    d.p[d.n] = 0;
    *text = (const char *)d.p, *n = d.n;
    return IML_OK;
}
