// value.c: reading and drawing values: constants, ranges, choices, the nine distributions.
//
// Invariants. 1: a draw depends on (value, seed, index, stream, slot) alone; p and the value have
// slots of their own, so a probability added to a key does not change the values where it fires.
// 2: what comes out lies in lo..hi or is the neutral value. 3: no libm: fmath.h only.
// The older tool's four fields (K_min, K_max, K_distribution, K_probability) fill the same struct
// as the map form, so both are checked by the same lines.
#include "src/base/value.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/fmath.h"
#include "src/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const iml__dist_names[] = {"uniform",     "normal", "truncated_normal", "half_normal",
                                       "exponential", "beta",   "lognormal",        "constant",
                                       "choice",      NULL};

iml__value iml__value_const(double v)
{
    return (iml__value){.dist = IML__DIST_CONSTANT, .lo = v, .hi = v, .p = 1, .neutral = v};
}

iml__value iml__value_default(const iml__value_rule *r)
{
    return (iml__value){.dist = r->dist,
                        .integer = r->integer,
                        .lo = r->lo,
                        .hi = r->hi,
                        .p = 1,
                        .neutral = r->neutral};
}

// ---- Reading

static const char *short_num(char buf[32], double v)
{
    buf[iml__num_short(buf, v)] = 0;
    return buf;
}

static const char *shown(const iml__ynode *n, char buf[48])
{
    if (n->kind != IML__YAML_SCALAR) return n->kind == IML__YAML_LIST ? "a list" : "a map";
    if (iml__yaml_is_null(n)) return "nothing";
    size_t len = IML_MIN(n->len, (size_t)32), k = 0;
    if (n->quoted) buf[k++] = '"';
    memcpy(buf + k, n->text, len), k += len;
    // A cut inside a UTF-8 sequence would make the message invalid.
    if (len < n->len)
        while (k && ((unsigned char)n->text[len] & 0xC0) == 0x80 && len) k--, len--;
    if (n->quoted) buf[k++] = '"';
    buf[k] = 0;
    return buf;
}

bool iml__number_parse(const iml__value_rule *r, const iml__ynode *n, iml__complaints *c,
                       double *out)
{
    char text[48], lo[32], hi[32];
    double v;
    int64_t i;
    if (iml__yaml_two_ways(n)) {
        iml__yaml_complain(c, n,
                           "%s: %s is octal in one YAML and decimal in another; write it without "
                           "its leading zero, or as 0o17",
                           r->key, shown(n, text));
        return false;
    }
    if (r->integer ? !iml__yaml_int(n, &i) : !iml__yaml_float(n, &v)) {
        iml__yaml_complain(c, n, "%s: %s is not %s%s", r->key, shown(n, text),
                           r->integer ? "an integer" : "a number",
                           n->quoted ? " (quoted, it is a text)" : "");
        return false;
    }
    if (r->integer) v = (double)i;
    if (v < r->min || v > r->max || (r->open_min && v <= r->min)) {
        iml__yaml_complain(c, n, "%s: %s is out of range, %s%s to %s is allowed", r->key,
                           shown(n, text), r->open_min ? "above " : "", short_num(lo, r->min),
                           short_num(hi, r->max));
        return false;
    }
    *out = v;
    return true;
}

static bool check_order(const iml__value_rule *r, const iml__ynode *at, iml__complaints *c,
                        const iml__value *v)
{
    char lo[32], hi[32];
    if (v->dist == IML__DIST_CHOICE || v->lo <= v->hi) return true;
    iml__yaml_complain(c, at, "%s: min %s is above max %s", r->key, short_num(lo, v->lo),
                       short_num(hi, v->hi));
    return false;
}

static bool parse_p(const char *key, const iml__ynode *n, iml__complaints *c, double *p)
{
    char name[96];
    (void)snprintf(name, sizeof name, "%.80s: probability", key);
    iml__value_rule rule = {.key = name, .min = 0, .max = 1};
    return iml__number_parse(&rule, n, c, p);
}

static bool parse_dist(const char *key, const iml__ynode *n, iml__complaints *c,
                       enum iml__dist *out)
{
    char text[48];
    if (n->kind == IML__YAML_SCALAR)
        for (int k = 0; iml__dist_names[k]; k++)
            if (!strcmp(n->text, iml__dist_names[k])) return *out = (enum iml__dist)k, true;
    const char *near = n->kind == IML__YAML_SCALAR ? iml__nearest(n->text, iml__dist_names) : NULL;
    iml__yaml_complain(c, n, "%s: unknown distribution %s%s%s%s", key, shown(n, text),
                       near ? "; did you mean '"
                            : "; known are uniform normal truncated_normal "
                              "half_normal exponential beta lognormal constant choice",
                       near ? near : "", near ? "'?" : "");
    return false;
}

static bool weights_of(const char *key, const iml__ynode *n, size_t want, iml__complaints *c,
                       double *out)
{
    char name[96];
    (void)snprintf(name, sizeof name, "%.80s: weights", key);
    iml__value_rule rule = {.key = name, .min = 0, .max = 1e12};
    double sum = 0;
    if (n->kind != IML__YAML_LIST || n->n != want) {
        iml__yaml_complain(c, n, "%s: %zu values need a list of %zu weights", key, want, want);
        return false;
    }
    for (size_t i = 0; i < want; i++) {
        if (!iml__number_parse(&rule, n->item[i], c, &out[i])) return false;
        sum += out[i];
    }
    if (sum > 0) return true;
    iml__yaml_complain(c, n, "%s: all weights are 0", key);
    return false;
}

static bool parse_values(const iml__value_rule *r, const iml__ynode *list,
                         const iml__ynode *weights, iml_arena *a, iml__complaints *c, iml__value *v)
{
    if (list->kind != IML__YAML_LIST || !list->n) {
        iml__yaml_complain(c, list, "%s: a choice needs a list of values that is not empty",
                           r->key);
        return false;
    }
    double *vals = iml_arena_calloc(a, 2 * list->n, sizeof *vals);
    if (!vals) {
        iml__yaml_complain(c, list, "%s: no memory", r->key);
        return false;
    }
    for (size_t i = 0; i < list->n; i++) {
        if (!iml__number_parse(r, list->item[i], c, &vals[i])) return false;
        vals[list->n + i] = 1;
    }
    if (weights && !weights_of(r->key, weights, list->n, c, vals + list->n)) return false;
    v->dist = IML__DIST_CHOICE, v->n = (uint32_t)list->n;
    v->values = vals, v->weights = vals + list->n;
    v->lo = v->hi = vals[0];
    for (size_t i = 1; i < list->n; i++)
        v->lo = IML_MIN(v->lo, vals[i]), v->hi = IML_MAX(v->hi, vals[i]);
    return true;
}

static bool pair_of(const iml__value_rule *r, const iml__ynode *n, iml__complaints *c, double *x,
                    double *y)
{
    if (n->kind != IML__YAML_LIST || n->n != 2) {
        iml__yaml_complain(c, n, "%s: two numbers are needed here", r->key);
        return false;
    }
    return iml__number_parse(r, n->item[0], c, x) && iml__number_parse(r, n->item[1], c, y);
}

static const char *const map_words[] = {"min", "max",         "distribution", "values", "weights",
                                        "p",   "probability", "choice",       "normal", "beta",
                                        NULL};

static bool known_words(const char *key, const iml__ynode *n, iml__complaints *c)
{
    bool ok = true;
    for (size_t i = 0; i < n->n; i++) {
        const char *w = n->pair[i].key->text;
        size_t k = 0;
        while (map_words[k] && strcmp(map_words[k], w) != 0) k++;
        if (map_words[k]) continue;
        const char *near = iml__nearest(w, map_words);
        iml__yaml_complain(c, n->pair[i].key, "%s: unknown word '%s'%s%s%s", key, w,
                           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        ok = false;
    }
    return ok;
}

// {normal: [mean, sigma]} and {beta: a | [a, b]}: min and max clip.
static bool parse_shaped(const iml__value_rule *r, const iml__ynode *n, iml__complaints *c,
                         iml__value *v)
{
    const iml__ynode *normal = iml__yaml_get(n, "normal"), *beta = iml__yaml_get(n, "beta");
    iml__value_rule free_rule = {.key = r->key, .min = -1e9, .max = 1e9};
    if (normal) {
        v->dist = IML__DIST_GAUSS;
        if (!iml__yaml_get(n, "min")) v->lo = r->min;
        if (!iml__yaml_get(n, "max")) v->hi = r->max;
        if (!pair_of(&free_rule, normal, c, &v->a, &v->b)) return false;
        if (v->b >= 0) return true;
        iml__yaml_complain(c, normal, "%s: sigma is negative", r->key);
        return false;
    }
    v->dist = IML__DIST_JOHNK;
    if (!iml__yaml_get(n, "min")) v->lo = IML_MAX(0, r->min);
    if (!iml__yaml_get(n, "max")) v->hi = IML_MIN(1, r->max);
    iml__value_rule positive = {.key = r->key, .min = 0, .open_min = true, .max = 1000};
    if (beta->kind == IML__YAML_LIST) return pair_of(&positive, beta, c, &v->a, &v->b);
    if (!iml__number_parse(&positive, beta, c, &v->a)) return false;
    v->b = v->a;
    return true;
}

static bool parse_map(const iml__value_rule *r, const iml__ynode *n, iml_arena *a,
                      iml__complaints *c, iml__value *out)
{
    iml__value v = iml__value_default(r);
    const iml__ynode *p = iml__yaml_get(n, "p"), *prob = iml__yaml_get(n, "probability");
    const iml__ynode *choice = iml__yaml_get(n, "choice"), *values = iml__yaml_get(n, "values");
    const iml__ynode *lo = iml__yaml_get(n, "min"), *hi = iml__yaml_get(n, "max");
    const iml__ynode *dist = iml__yaml_get(n, "distribution");
    if (!known_words(r->key, n, c)) return false;
    if (p && prob) {
        iml__yaml_complain(c, prob, "%s: p and probability say the same thing; give one", r->key);
        return false;
    }
    if ((p || prob) && !parse_p(r->key, p ? p : prob, c, &v.p)) return false;
    v.dist = IML__DIST_UNIFORM;
    if (dist && !parse_dist(r->key, dist, c, &v.dist)) return false;
    if (lo && !iml__number_parse(r, lo, c, &v.lo)) return false;
    if (hi && !iml__number_parse(r, hi, c, &v.hi)) return false;
    int forms = (choice != NULL) + (values != NULL) + (iml__yaml_get(n, "normal") != NULL) +
                (iml__yaml_get(n, "beta") != NULL);
    if (forms > 1 || (forms == 1 && dist && !(values && v.dist == IML__DIST_CHOICE))) {
        iml__yaml_complain(c, n, "%s: give one of choice, normal, beta, values or a distribution",
                           r->key);
        return false;
    }
    if (v.dist == IML__DIST_CHOICE && !values) {
        iml__yaml_complain(c, n, "%s: distribution choice needs `values`", r->key);
        return false;
    }
    if (choice || values) {
        if (!parse_values(r, choice ? choice : values, iml__yaml_get(n, "weights"), a, c, &v))
            return false;
    } else if (forms) {
        if (!parse_shaped(r, n, c, &v)) return false;
    } else if (v.dist == IML__DIST_CONSTANT ? !lo : !(lo && hi)) {
        if (!(p || prob) || lo || hi) {
            iml__yaml_complain(c, n, "%s: min and max are needed", r->key);
            return false;
        }
    }
    if (v.dist == IML__DIST_CONSTANT) v.hi = v.lo;
    if (!check_order(r, n, c, &v)) return false;
    *out = v;
    return true;
}

bool iml__value_parse(const iml__value_rule *r, const iml__ynode *n, iml_arena *a,
                      iml__complaints *c, iml__value *out)
{
    iml__value v = iml__value_default(r);
    if (n->kind == IML__YAML_MAP) return parse_map(r, n, a, c, out);
    if (n->kind == IML__YAML_LIST) {
        if (!pair_of(r, n, c, &v.lo, &v.hi)) return false;
        v.dist = IML__DIST_UNIFORM;
        if (!check_order(r, n, c, &v)) return false;
        *out = v;
        return true;
    }
    if (!iml__number_parse(r, n, c, &v.lo)) return false;
    v.hi = v.lo, v.dist = IML__DIST_CONSTANT;
    *out = v;
    return true;
}

bool iml__value_fields(const iml__value_rule *r, const iml__ynode *min, const iml__ynode *max,
                       const iml__ynode *dist, const iml__ynode *p, iml_arena *a,
                       iml__complaints *c, iml__value *out)
{
    (void)a;
    iml__value v = *out;
    bool ok = true;
    if ((min || max) && v.dist >= IML__DIST_CONSTANT) // a range of what was one value, or a choice
        v.dist = r->dist == IML__DIST_CONSTANT ? IML__DIST_UNIFORM : r->dist;
    if (min && !iml__number_parse(r, min, c, &v.lo)) ok = false;
    if (max && !iml__number_parse(r, max, c, &v.hi)) ok = false;
    if (dist && !parse_dist(r->key, dist, c, &v.dist)) ok = false;
    if (p && !parse_p(r->key, p, c, &v.p)) ok = false;
    if (ok && dist && v.dist == IML__DIST_CHOICE) {
        iml__yaml_complain(c, dist, "%s: a choice is written %s: {values: [..], weights: [..]}",
                           r->key, r->key);
        ok = false;
    }
    if (v.dist == IML__DIST_CONSTANT && min && !max) v.hi = v.lo;
    if (ok) ok = check_order(r, min ? min : max ? max : dist, c, &v);
    if (ok) *out = v;
    return ok;
}

// ---- Drawing

static double from_unit(const iml__value *v, double u, iml_rng *g)
{
    double r = v->hi - v->lo, mid = v->lo + r / 2;
    switch (v->dist) {
    case IML__DIST_NORMAL: return mid + r / 6 * iml__norm_inv(u);
    case IML__DIST_TRUNCATED_NORMAL: {
        double f = iml__norm_cdf(-3);
        return mid + r / 6 * iml__norm_inv(f + u * (1 - 2 * f));
    }
    case IML__DIST_HALF_NORMAL: return v->lo + r / 3 * fabs(iml__norm_inv((1 + u) / 2));
    case IML__DIST_EXPONENTIAL: return v->lo - r / 30 * iml__ln(1 - u);
    case IML__DIST_LOGNORMAL: return v->lo + r / 10 * iml__exp(0.8 * iml__norm_inv(u));
    case IML__DIST_GAUSS: return v->a + v->b * iml__norm_inv(u);
    case IML__DIST_BETA: { // the second smallest of six uniforms
        double first = u, second = 2;
        for (int k = 1; k < 6; k++) {
            double x = iml_rng_unit(g);
            if (x < first)
                second = first, first = x;
            else if (x < second)
                second = x;
        }
        return v->lo + r * second;
    }
    default: return v->lo + u * r;
    }
}

// Johnk 1964: x = u^(1/a), y = v^(1/b), accepted when x + y <= 1. Large a and b are rejected often;
// a value is asked for at most 1,000 times, then the mean stands in.
static double johnk(const iml__value *v, iml_rng *g)
{
    double b = v->a / (v->a + v->b);
    for (int k = 0; k < 1000; k++) {
        double x = iml__pow(iml_rng_unit(g), 1 / v->a), y = iml__pow(iml_rng_unit(g), 1 / v->b);
        if (x + y <= 1 && x + y > 0) {
            b = x / (x + y);
            break;
        }
    }
    return b;
}

double iml__value_draw(const iml__value *v, uint64_t seed, uint64_t index, uint32_t stream,
                       uint32_t slot)
{
    if (v->p < 1) {
        iml_rng g = iml__rng_slot(seed, index, stream, slot);
        if (!iml__rng_fires(&g, v->p)) return v->neutral;
    }
    if (v->dist == IML__DIST_CONSTANT) return v->lo;
    if (v->dist != IML__DIST_CHOICE && v->lo == v->hi) return v->lo;
    iml_rng g = iml__rng_slot(seed, index, stream, slot + 1);
    if (v->dist == IML__DIST_CHOICE) return v->values[iml__rng_choice(&g, v->weights, v->n)];
    if (v->dist == IML__DIST_UNIFORM && v->integer)
        return v->lo + (double)iml_rng_bounded(&g, (uint64_t)(v->hi - v->lo) + 1);
    double x = v->dist == IML__DIST_JOHNK ? johnk(v, &g) : from_unit(v, iml_rng_unit(&g), &g);
    if (v->integer) x = floor(x + 0.5);
    return IML_CLAMP(x, v->lo, v->hi);
}

bool iml__value_is(const iml__value *v, double constant)
{
    double lo, hi;
    iml__value_bounds(v, &lo, &hi);
    return lo == constant && hi == constant;
}

void iml__value_bounds(const iml__value *v, double *lo, double *hi)
{
    *lo = v->lo, *hi = v->hi;
    if (v->dist == IML__DIST_CONSTANT) *hi = v->lo;
    if (v->p <= 0)
        *lo = *hi = v->neutral;
    else if (v->p < 1)
        *lo = IML_MIN(*lo, v->neutral), *hi = IML_MAX(*hi, v->neutral);
}

// ---- Enumerations

iml__choice iml__choice_const(uint32_t n, uint32_t which)
{
    iml__choice v = {.n = n};
    v.weight[which] = 1;
    return v;
}

// true and false are on and off where the names have these (ops.md 7).
static int name_of(const char *const *names, const iml__ynode *n)
{
    bool b;
    if (!n || n->kind != IML__YAML_SCALAR) return -1;
    for (int k = 0; names[k]; k++)
        if (!strcmp(names[k], n->text)) return k;
    if (!iml__yaml_bool(n, &b)) return -1;
    for (int k = 0; names[k]; k++) {
        if (!strcmp(names[k], b ? "on" : "off")) return k;
        if (!strcmp(names[k], b ? "true" : "false")) return k;
    }
    return -1;
}

static bool choice_name(const char *key, const char *const *names, const iml__ynode *n,
                        iml__complaints *c, uint32_t *out)
{
    int k = name_of(names, n);
    if (k >= 0) return *out = (uint32_t)k, true;
    char text[48], known[256];
    size_t at = 0;
    known[0] = 0;
    for (int i = 0; names[i] && at + strlen(names[i]) + 2 < sizeof known; i++) {
        if (i) known[at++] = ' ';
        memcpy(known + at, names[i], strlen(names[i]) + 1), at += strlen(names[i]);
    }
    const char *near = n->kind == IML__YAML_SCALAR ? iml__nearest(n->text, names) : NULL;
    if (near)
        iml__yaml_complain(c, n, "%s: unknown value %s; did you mean '%s'?", key, shown(n, text),
                           near);
    else
        iml__yaml_complain(c, n, "%s: unknown value %s; known are %s", key, shown(n, text), known);
    return false;
}

static bool choice_list(const char *key, const char *const *names, const iml__ynode *list,
                        const iml__ynode *weights, iml__complaints *c, iml__choice *v)
{
    double w[32];
    if (list->kind != IML__YAML_LIST || !list->n || list->n > IML_COUNT_OF(w)) {
        iml__yaml_complain(c, list, "%s: a list of 1 to 32 names is needed", key);
        return false;
    }
    for (size_t i = 0; i < list->n; i++) w[i] = 1;
    if (weights && !weights_of(key, weights, list->n, c, w)) return false;
    for (size_t i = 0; i < list->n; i++) {
        uint32_t k;
        if (!choice_name(key, names, list->item[i], c, &k)) return false;
        v->weight[k] += w[i];
    }
    return true;
}

bool iml__choice_parse(const char *key, const char *const *names, const iml__ynode *n,
                       iml__complaints *c, iml__choice *out)
{
    iml__choice v = {0};
    uint32_t k;
    while (names[v.n]) v.n++;
    if (n->kind == IML__YAML_SCALAR) {
        if (!choice_name(key, names, n, c, &k)) return false;
        v.weight[k] = 1;
    } else if (n->kind == IML__YAML_LIST) {
        if (!choice_list(key, names, n, NULL, c, &v)) return false;
    } else if (iml__yaml_get(n, "choice")) {
        if (!choice_list(key, names, iml__yaml_get(n, "choice"), iml__yaml_get(n, "weights"), c,
                         &v))
            return false;
    } else {
        char name[96];
        (void)snprintf(name, sizeof name, "%.80s: weight", key);
        iml__value_rule rule = {.key = name, .min = 0, .max = 1e12};
        double sum = 0;
        for (size_t i = 0; i < n->n; i++) {
            double w;
            if (!choice_name(key, names, n->pair[i].key, c, &k)) return false;
            if (!iml__number_parse(&rule, n->pair[i].value, c, &w)) return false;
            v.weight[k] += w, sum += w;
        }
        if (!(sum > 0)) {
            iml__yaml_complain(c, n, "%s: no name with a weight above 0", key);
            return false;
        }
    }
    *out = v;
    return true;
}

uint32_t iml__choice_draw(const iml__choice *v, uint64_t seed, uint64_t index, uint32_t stream,
                          uint32_t slot)
{
    uint32_t only = v->n;
    for (uint32_t k = 0; k < v->n; k++)
        if (v->weight[k] > 0) only = only == v->n ? k : v->n + 1;
    if (only < v->n) return only; // a constant draws nothing
    iml_rng g = iml__rng_slot(seed, index, stream, slot + 1);
    return (uint32_t)iml__rng_choice(&g, v->weight, v->n);
}
