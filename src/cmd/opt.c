// opt.c: reads a command line and config keys into the structs that option tables describe.
//
// A name is looked up once, over all tables, with `_` and `-` taken as the same; aliases are names
// like any other. Precedence: default < config file < command line, settled by the `given` bits, so
// the order in which a caller applies them does not matter. Rejected: abbreviations of long names
// (a new option would change what old scripts mean), getopt_long (no tables for help, man, config).
#include "src/cmd/opt.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "src/base/err.h"
#include "src/base/json.h"
#include "src/base/mem.h"

enum { NAMES_MAX = 512, NAME_LEN = 48 };

static bool same_name(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char x = a[i] == '_' ? '-' : a[i], y = b[i] == '_' ? '-' : b[i];
        if (x != y || !x) return false;
    }
    return !b[n] || b[n] == ' ';
}

static bool is_alias(const iml__opt *r, const char *name, size_t n)
{
    for (const char *a = r->aliases; a && *a;) {
        if (same_name(name, a, n)) return true;
        a = strchr(a, ' ');
        if (a) a++;
    }
    return false;
}

static const iml__opt *find(const iml__opts *o, const char *name, size_t n, size_t *ordinal,
                            size_t *table)
{
    size_t at = 0;
    for (size_t t = 0; t < o->ntables; t++)
        for (size_t k = 0; k < o->table[t].n; k++, at++) {
            const iml__opt *r = &o->table[t].row[k];
            if (!same_name(name, r->name, n) && !is_alias(r, name, n)) continue;
            *ordinal = at, *table = t;
            return r;
        }
    return NULL;
}

const iml__opt *iml__opts_find(const iml__opts *o, const char *name, size_t *ordinal, size_t *table)
{
    return find(o, name, strlen(name), ordinal, table);
}

static const iml__opt *find_letter(const iml__opts *o, char c, size_t *ordinal, size_t *table)
{
    char alias[3] = {'-', c, 0};
    size_t at = 0;
    for (size_t t = 0; t < o->ntables; t++)
        for (size_t k = 0; k < o->table[t].n; k++, at++) {
            const iml__opt *r = &o->table[t].row[k];
            if (r->letter != c && !is_alias(r, alias, 2)) continue;
            *ordinal = at, *table = t;
            return r;
        }
    return NULL;
}

static const char *nearest(const iml__opts *o, const char *word, size_t n, char buf[NAME_LEN])
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    if (n >= NAME_LEN) return NULL;
    memcpy(buf, word, n);
    buf[n] = 0;
    for (char *c = buf; *c; c++) *c = *c == '_' ? '-' : *c;
    for (size_t t = 0; t < o->ntables; t++)
        for (size_t k = 0; k < o->table[t].n && count + 1 < NAMES_MAX; k++)
            if (!(o->table[t].row[k].flags & IML__OPT_HIDDEN))
                names[count++] = o->table[t].row[k].name;
    names[count] = NULL;
    return iml__nearest(buf, names);
}

bool iml__opt_value_name(const iml__opt *row, int k, char out[32])
{
    const char *v = row->values;
    for (; v && k > 0; k--) {
        v = strchr(v, '|');
        if (v) v++;
    }
    if (!v) return false;
    size_t n = strcspn(v, "|");
    if (n > 31) n = 31;
    memcpy(out, v, n);
    out[n] = 0;
    return true;
}

// ---- Values

static iml_status bad_value(const iml__opts *o, const iml__opt *r, const char *where,
                            const char *text, const char *want, iml_err *e)
{
    return IML_FAIL(e, IML_EARG, "%s: --%s: '%.60s' is not %s; see imloom help %s", where, r->name,
                    text, want, o->command);
}

static bool in_range(const iml__opt *r, double v)
{
    return (r->min == 0 && r->max == 0) || (v >= r->min && v <= r->max);
}

static iml_status out_of_range(const iml__opt *r, const char *where, const char *text, iml_err *e)
{
    char lo[32], hi[32];
    iml__num_short(lo, r->min), iml__num_short(hi, r->max);
    return IML_FAIL(e, IML_EARG, "%s: --%s: %.60s is outside %s..%s", where, r->name, text, lo, hi);
}

// Digits, perhaps with a sign and a unit: what could not be read as a number of its type is one
// that the type does not hold.
static bool numeric(const char *text)
{
    text += *text == '-' || *text == '+';
    size_t n = strspn(text, "0123456789");
    return n && strlen(text + n) <= 3 && strspn(text + n, "KMGTPEkmgtpeiB") == strlen(text + n);
}

static iml_status no_number(const iml__opts *o, const iml__opt *r, const char *where,
                            const char *text, const char *want, iml_err *e)
{
    if (!numeric(text)) return bad_value(o, r, where, text, want, e);
    if (r->min != 0 || r->max != 0) return out_of_range(r, where, text, e);
    return IML_FAIL(e, IML_EARG, "%s: --%s: %.60s is outside %s", where, r->name, text,
                    r->type == IML__OPT_INT ? "-2^63..2^63-1" : "0..2^64-1");
}

static iml_status set_number(const iml__opts *o, const iml__opt *r, void *at, const char *where,
                             const char *text, iml_err *e)
{
    bool ok = false;
    double v = 0;
    const char *want = "a whole number";
    uint64_t u;
    int64_t i;
    switch (r->type) {
    case IML__OPT_INT:
        if ((ok = iml__parse_i64(text, &i))) v = (double)i;
        if (ok && in_range(r, v)) *(int64_t *)at = i;
        break;
    case IML__OPT_U64:
        if ((ok = iml__parse_u64(text, &u))) v = (double)u;
        if (ok && in_range(r, v)) *(uint64_t *)at = u;
        break;
    case IML__OPT_COUNT:
        want = "a number (K M G = thousands, millions, ...)";
        if ((ok = iml__parse_count(text, &u))) v = (double)u;
        if (ok && in_range(r, v)) *(uint64_t *)at = u;
        break;
    case IML__OPT_BYTES:
        want = "a size in bytes (K M G = 1024, 1024^2, ...)";
        if ((ok = iml__parse_bytes(text, &u))) v = (double)u;
        if (ok && in_range(r, v)) *(uint64_t *)at = u;
        break;
    default:
        want = "a number";
        ok = iml__parse_double(text, &v);
        if (ok && in_range(r, v)) *(double *)at = v;
        break;
    }
    if (!ok) return no_number(o, r, where, text, want, e);
    return in_range(r, v) ? IML_OK : out_of_range(r, where, text, e);
}

static iml_status set_enum(const iml__opt *r, void *at, const char *where, const char *text,
                           iml_err *e)
{
    char name[32];
    for (int k = 0; iml__opt_value_name(r, k, name); k++)
        if (!strcasecmp(name, text)) { // INFO, as older tools have it
            *(int *)at = k;
            return IML_OK;
        }
    // --log-level WARNING; where no value is called warn, the message names this one.
    if (!strcasecmp(text, "warning") && strstr(r->values, "warn"))
        return set_enum(r, at, where, "warn", e);
    return IML_FAIL(e, IML_EARG, "%s: --%s: '%.40s' is none of %s", where, r->name, text,
                    r->values);
}

static iml_status set_flag(const iml__opts *o, const iml__opt *r, void *at, const char *where,
                           const char *text, iml_err *e)
{
    static const char *const words[] = {"false", "no", "off", "true", "yes", "on"};
    for (size_t k = 0; k < IML_COUNT_OF(words); k++)
        if (!strcmp(words[k], text)) {
            *(bool *)at = k >= 3;
            return IML_OK;
        }
    return bad_value(o, r, where, text, "true or false", e);
}

static iml_status add_item(iml__opt_list *l, const char *text, iml_err *e)
{
    const char **p = iml__realloc(l->item, l->n + 1, sizeof *p);
    if (!p) return IML_FAIL(e, IML_ENOMEM, "no memory for the command line");
    l->item = p;
    l->item[l->n++] = text;
    return IML_OK;
}

// text must outlive o.
static iml_status set(const iml__opts *o, const iml__opt *r, size_t table, const char *where,
                      const char *text, iml_err *e)
{
    void *base = o->structs[table], *at = (char *)base + r->offset;
    switch (r->type) {
    case IML__OPT_FLAG: return set_flag(o, r, at, where, text, e);
    case IML__OPT_STR:
    case IML__OPT_PATH:
    case IML__OPT_DIR:
        if (!*text) return IML_FAIL(e, IML_EARG, "%s: --%s: the value is empty", where, r->name);
        *(const char **)at = text;
        return IML_OK;
    case IML__OPT_LIST: return add_item(at, text, e);
    case IML__OPT_ENUM: return set_enum(r, at, where, text, e);
    case IML__OPT_WORKERS: {
        uint64_t n;
        if (!strcmp(text, "auto") || !strcmp(text, "-1"))
            *(int *)at = IML_WORKERS_AUTO;
        else if (iml__parse_u64(text, &n) && n <= 4096)
            *(int *)at = (int)n;
        else
            return bad_value(o, r, where, text, "auto, -1 or 0..4096", e);
        return IML_OK;
    }
    case IML__OPT_CUSTOM: return r->parse(base, text, e);
    default: return set_number(o, r, at, where, text, e);
    }
}

static iml_status defaults(iml__opts *o, iml_err *e)
{
    for (size_t t = 0; t < o->ntables; t++)
        for (size_t k = 0; k < o->table[t].n; k++) {
            const iml__opt *r = &o->table[t].row[k];
            if (r->def && r->type != IML__OPT_CUSTOM && r->type != IML__OPT_LIST)
                IML_TRY(set(o, r, t, "default", r->def, e));
        }
    return IML_OK;
}

static void mark(iml__opts *o, size_t ordinal)
{
    o->given[ordinal / 64 % 4] |= 1ull << ordinal % 64;
}
static bool marked(const iml__opts *o, size_t ordinal)
{
    return o->given[ordinal / 64 % 4] >> ordinal % 64 & 1;
}

bool iml__opts_given(const iml__opts *o, const char *name)
{
    size_t ordinal, table;
    if (!iml__opts_find(o, name, &ordinal, &table)) return false;
    return marked(o, ordinal) || o->config[ordinal / 64 % 4] >> ordinal % 64 & 1;
}

bool iml__opts_knows(const iml__opts *o, const char *key)
{
    size_t ordinal, table;
    return iml__opts_find(o, key, &ordinal, &table) != NULL;
}

static iml_status unknown(const iml__opts *o, const char *where, const char *name, size_t n,
                          iml_err *e)
{
    char buf[NAME_LEN];
    const char *near = nearest(o, name, n, buf);
    if (near)
        return IML_FAIL(e, IML_EARG, "%s: no option '--%.*s'; did you mean --%s?", where,
                        (int)IML_MIN(n, 60), name, near);
    return IML_FAIL(e, IML_EARG, "%s: no option '--%.*s'; see imloom help %s", where,
                    (int)IML_MIN(n, 60), name, o->command);
}

// The next word is the value, unless it is an option: then the value was forgotten.
static iml_status next_value(const iml__opts *o, const iml__opt *r, int argc, char **argv, int *i,
                             const char **value, iml_err *e)
{
    size_t ordinal, table;
    const char *word = *i + 1 < argc ? argv[*i + 1] : NULL;
    if (!word)
        return IML_FAIL(e, IML_EARG, "%s: --%s needs a value: --%s %s", o->command, r->name,
                        r->name, r->arg ? r->arg : "VALUE");
    if (word[0] == '-' && word[1] == '-' &&
        find(o, word + 2, strcspn(word + 2, "="), &ordinal, &table))
        return IML_FAIL(e, IML_EARG,
                        "%s: --%s needs a value, and %.60s is an option; write "
                        "--%s=%.60s if it is meant",
                        o->command, r->name, word, r->name, word);
    *value = word, ++*i;
    return IML_OK;
}

// --name, --name=value, --name value, --no-name. *i is moved past a value that is taken.
static iml_status long_option(iml__opts *o, int argc, char **argv, int *i, iml_err *e)
{
    const char *name = argv[*i] + 2, *eq = strchr(name, '='), *value = eq ? eq + 1 : NULL;
    size_t n = eq ? (size_t)(eq - name) : strlen(name), ordinal = 0, table = 0;
    const iml__opt *r = n ? find(o, name, n, &ordinal, &table) : NULL;
    if (!r && n > 3 && (!strncmp(name, "no-", 3) || !strncmp(name, "no_", 3))) {
        r = find(o, name + 3, n - 3, &ordinal, &table);
        if (r && (r->type != IML__OPT_FLAG || eq)) r = NULL;
        if (r) value = "false";
    }
    if (!r) return unknown(o, o->command, name, n, e);
    if (r->type == IML__OPT_FLAG && !value) value = "true";
    if (!value) IML_TRY(next_value(o, r, argc, argv, i, &value, e));
    mark(o, ordinal);
    return set(o, r, table, o->command, value, e);
}

// -j4, -j 4, -abc for flags.
static iml_status short_options(iml__opts *o, int argc, char **argv, int *i, iml_err *e)
{
    for (const char *c = argv[*i] + 1; *c; c++) {
        size_t ordinal = 0, table = 0;
        const iml__opt *r = find_letter(o, *c, &ordinal, &table);
        if (!r)
            return IML_FAIL(e, IML_EARG, "%s: no option '-%c'; see imloom help %s", o->command, *c,
                            o->command);
        mark(o, ordinal);
        if (r->type == IML__OPT_FLAG) {
            IML_TRY(set(o, r, table, o->command, "true", e));
            continue;
        }
        const char *value = c[1] ? c + 1 : NULL;
        if (!value) IML_TRY(next_value(o, r, argc, argv, i, &value, e));
        return set(o, r, table, o->command, value, e);
    }
    return IML_OK;
}

iml_status iml__opts_parse(iml__opts *o, int argc, char **argv, iml_err *e)
{
    IML_TRY(defaults(o, e));
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        if (!strcmp(a, "--")) {
            for (i++; i < argc; i++) IML_TRY(add_item(&o->args, argv[i], e));
            break;
        }
        if (a[0] == '-' && a[1] == '-')
            IML_TRY(long_option(o, argc, argv, &i, e));
        else if (a[0] == '-' && a[1])
            IML_TRY(short_options(o, argc, argv, &i, e));
        else
            IML_TRY(add_item(&o->args, a, e));
    }
    return IML_OK;
}

iml_status iml__opts_config(iml__opts *o, const char *where, const char *key, const char *value,
                            iml_err *e)
{
    size_t ordinal, table;
    const iml__opt *r = iml__opts_find(o, key, &ordinal, &table);
    if (!r) return unknown(o, where, key, strlen(key), e);
    if (r->flags & IML__OPT_NO_CONFIG)
        return IML_FAIL(e, IML_EARG, "%s: --%s stands on the command line only", where, r->name);
    if (marked(o, ordinal) && r->type != IML__OPT_LIST) return IML_OK;
    char **p = iml__realloc(o->owned, o->nowned + 1, sizeof *p), *copy = NULL;
    if (p) o->owned = p, copy = iml__strdup(value);
    if (!copy) return IML_FAIL(e, IML_ENOMEM, "no memory for the configuration");
    o->owned[o->nowned++] = copy;
    o->config[ordinal / 64 % 4] |= 1ull << ordinal % 64;
    return set(o, r, table, where, copy, e);
}

void iml__opts_free(iml__opts *o)
{
    for (size_t t = 0; t < o->ntables; t++)
        for (size_t k = 0; k < o->table[t].n; k++) {
            const iml__opt *r = &o->table[t].row[k];
            if (r->type != IML__OPT_LIST) continue;
            iml__opt_list *l = (iml__opt_list *)((char *)o->structs[t] + r->offset);
            IML_FREE(l->item);
            l->n = 0;
        }
    IML_FREE(o->args.item);
    for (size_t k = 0; k < o->nowned; k++) IML_FREE(o->owned[k]);
    IML_FREE(o->owned);
    o->args.n = o->nowned = 0;
}

// ---- The effective values

bool iml__opt_text(const iml__opt *r, const void *base, iml__str *out)
{
    const void *at = (const char *)base + r->offset;
    char num[32];
    switch (r->type) {
    case IML__OPT_FLAG: iml__str_adds(out, *(const bool *)at ? "true" : "false"); return true;
    case IML__OPT_INT: iml__str_addf(out, "%lld", (long long)*(const int64_t *)at); return true;
    case IML__OPT_U64:
    case IML__OPT_COUNT:
    case IML__OPT_BYTES:
        iml__str_addf(out, "%llu", (unsigned long long)*(const uint64_t *)at);
        return true;
    case IML__OPT_DOUBLE:
        iml__num_short(num, *(const double *)at);
        iml__str_adds(out, num);
        return true;
    case IML__OPT_STR:
    case IML__OPT_PATH:
    case IML__OPT_DIR:
        if (!*(const char *const *)at) return false;
        iml__str_adds(out, *(const char *const *)at);
        return true;
    case IML__OPT_ENUM:
        if (!iml__opt_value_name(r, *(const int *)at, num)) return false;
        iml__str_adds(out, num);
        return true;
    case IML__OPT_WORKERS:
        if (*(const int *)at < 0)
            iml__str_adds(out, "auto");
        else
            iml__str_addf(out, "%d", *(const int *)at);
        return true;
    default: return false;
    }
}

static void json_value(const iml__opt *r, const void *base, iml__jsonw *w)
{
    const void *at = (const char *)base + r->offset;
    iml__str text;
    iml__str_init(&text, 1 << 16);
    bool there = iml__opt_text(r, base, &text);
    switch (r->type) {
    case IML__OPT_LIST: {
        const iml__opt_list *l = at;
        iml__jsonw_array(w);
        for (size_t k = 0; k < l->n; k++) iml__jsonw_str(w, l->item[k]);
        iml__jsonw_end(w);
        break;
    }
    case IML__OPT_FLAG:
    case IML__OPT_INT:
    case IML__OPT_U64:
    case IML__OPT_COUNT:
    case IML__OPT_BYTES:
    case IML__OPT_DOUBLE: iml__jsonw_raw(w, iml__str_text(&text)); break;
    default: there ? iml__jsonw_str(w, iml__str_text(&text)) : iml__jsonw_null(w); break;
    }
    iml__str_free(&text);
}

void iml__opts_json(const iml__opts *o, bool hashed, iml__jsonw *w)
{
    for (size_t t = 0; t < o->ntables; t++)
        for (size_t k = 0; k < o->table[t].n; k++) {
            const iml__opt *r = &o->table[t].row[k];
            if (r->type == IML__OPT_CUSTOM || r->flags & IML__OPT_HIDDEN) continue;
            if (hashed && r->flags & IML__OPT_NO_HASH) continue;
            iml__jsonw_key(w, r->name);
            json_value(r, o->structs[t], w);
        }
}

void iml__opts_yaml(const iml__opts *o, iml__str *out)
{
    size_t ordinal = 0;
    iml__str_addf(out, "imloom: 1\n%s:\n", o->command);
    for (size_t t = 0; t < o->ntables; t++)
        for (size_t k = 0; k < o->table[t].n; k++, ordinal++) {
            const iml__opt *r = &o->table[t].row[k];
            bool asks = r->flags & IML__OPT_NO_CONFIG || !strcmp(r->name, "config") ||
                        !strcmp(r->name, "print-config") || !strcmp(r->name, "dry-run");
            bool given = marked(o, ordinal) || o->config[ordinal / 64 % 4] >> ordinal % 64 & 1;
            iml__str value;
            iml__jsonw w;
            iml__str_init(&value, 1 << 20);
            iml__jsonw_init(&w, &value, 0);
            if (r->type != IML__OPT_CUSTOM && !asks &&
                (given || (t == 0 && !(r->flags & IML__OPT_HIDDEN))))
                json_value(r, o->structs[t], &w);
            if (value.n && strcmp(iml__str_text(&value), "null") != 0 &&
                strcmp(iml__str_text(&value), "[]") != 0)
                iml__str_addf(out, "  %s: %s\n", r->name, iml__str_text(&value));
            iml__str_free(&value);
        }
}
