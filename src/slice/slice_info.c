// slice_info.c: renders dataset_info.json, splits.json, splits_final.json and
// dataset_fingerprint.json (slice.md 3.3 to 3.5).
//
// dataset_info.json begins with the older tool's keys, spelt as it spells them. Cases stand in item
// order. The loader draws its own split over the cases that it finds, so splits.json is drawn over
// the completed ones; under --layout split the folders were drawn over the planned ones, and their
// notes say which.
#include "src/slice/slice_info.h"

#include <stdio.h>
#include <stdlib.h>

#include "src/base/err.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/codec/nifti.h"
#include "src/slice/case.h"
#include "src/slice/slice_split.h"

// ---- Reading rows

struct done_case {
    const char *name, *patient; // patient: the case itself if it has none
    const char *note;           // its JSON
    uint64_t slices, channels;
    int part; // of --layout split, or -1
};
struct bad_case {
    const char *name, *message;
    uint64_t signal;
};
struct whole {
    iml_arena arena;
    struct done_case *done;
    struct bad_case *bad;
    size_t ndone, nbad;
};

static iml_status no_memory(iml_err *e)
{
    return IML_FAIL(e, IML_ENOMEM, "no memory for the set's files");
}

static iml_status text_value(iml__jsonr *r, iml_arena *a, const char **out, iml_err *e)
{
    enum iml__json_type t;
    IML_TRY(iml__jsonr_next(r, &t, e));
    if (t != IML__JSON_STRING) return IML_OK; // null
    *out = iml__arena_strdup(a, iml__str_text(&r->token));
    return *out ? IML_OK : no_memory(e);
}

static iml_status read_note(struct whole *w, const char *json, struct done_case *c, iml_err *e)
{
    iml__jsonr r;
    enum iml__json_type t;
    *c = (struct done_case){.note = json, .part = -1};
    iml__jsonr_init(&r, "a case's note", json, strlen(json));
    iml_status st = iml__jsonr_next(&r, &t, e);
    while (!st && !(st = iml__jsonr_next(&r, &t, e)) && t == IML__JSON_KEY) {
        const char *key = iml__str_text(&r.token);
        uint64_t part = 0;
        if (!strcmp(key, "case"))
            st = text_value(&r, &w->arena, &c->name, e);
        else if (!strcmp(key, "patient"))
            st = text_value(&r, &w->arena, &c->patient, e);
        else if (!strcmp(key, "slices"))
            st = iml__jsonr_u64(&r, &c->slices, e);
        else if (!strcmp(key, "channels"))
            st = iml__jsonr_u64(&r, &c->channels, e);
        else if (!strcmp(key, "part"))
            st = iml__jsonr_u64(&r, &part, e), c->part = (int)part;
        else
            st = iml__jsonr_skip(&r, e);
    }
    iml__jsonr_free(&r);
    if (!st && !c->name) st = IML_FAIL(e, IML_EINPUT, "a case's note has no name");
    if (!c->patient) c->patient = c->name;
    return st;
}

// "bad TAB index TAB signal TAB name TAB message".
static iml_status read_bad(struct whole *w, const char *key, struct bad_case *b, iml_err *e)
{
    char *copy = iml__arena_strdup(&w->arena, key), *field[5] = {copy};
    if (!copy) return no_memory(e);
    for (int k = 1; k < 5; k++) {
        char *tab = field[k - 1] ? strchr(field[k - 1], '\t') : NULL;
        if (!tab) return IML_FAIL(e, IML_EINPUT, "a row of a bad item is malformed");
        *tab = 0, field[k] = tab + 1;
    }
    b->name = field[3], b->message = field[4];
    return iml__parse_u64(field[2], &b->signal)
               ? IML_OK
               : IML_FAIL(e, IML_EINPUT, "a row of a bad item is malformed");
}

static iml_status read_rows(struct whole *w, const iml_table_row *row, size_t n, iml_err *e)
{
    w->arena.fd = -1;
    IML_TRY(iml__arena_open(&w->arena, (size_t)1 << 32, -1, e));
    w->done = iml_arena_calloc(&w->arena, n + 1, sizeof *w->done);
    w->bad = iml_arena_calloc(&w->arena, n + 1, sizeof *w->bad);
    if (!w->done || !w->bad) return no_memory(e);
    for (size_t k = 0; k < n; k++) {
        const char *tab = strchr(row[k].key, '\t');
        if (!strncmp(row[k].key, "bad\t", 4))
            IML_TRY(read_bad(w, row[k].key, &w->bad[w->nbad++], e));
        else if (tab)
            IML_TRY(read_note(w, tab + 1, &w->done[w->ndone++], e));
    }
    return IML_OK;
}

// ---- The context: settings, and what else bytes depend on

static iml_status find(const char *context, const char *key, iml__jsonr *r, bool *found, iml_err *e)
{
    enum iml__json_type t;
    iml__jsonr_init(r, "context", context, strlen(context));
    *found = false;
    iml_status st = iml__jsonr_next(r, &t, e);
    while (!st && !(st = iml__jsonr_next(r, &t, e)) && t == IML__JSON_KEY) {
        *found = !strcmp(iml__str_text(&r->token), key);
        if (*found) return IML_OK; // the reader stands before the value
        st = iml__jsonr_skip(r, e);
    }
    return st;
}

// The raw text of a member of the context; "null" where there is none. *owned*: iml__str_free.
static iml_status raw_member(const char *context, const char *key, iml__str *out, iml_err *e)
{
    iml__jsonr r;
    bool found;
    iml__str_init(out, (size_t)1 << 30);
    iml_status st = find(context, key, &r, &found, e);
    if (!st && found) {
        size_t from = r.at;
        st = iml__jsonr_skip(&r, e);
        while (from < r.at && strchr(": \t\n", context[from])) from++;
        iml__str_add(out, context + from, r.at - from);
    } else if (!st) {
        iml__str_adds(out, "null");
    }
    iml__jsonr_free(&r);
    return st || !out->failed ? st : no_memory(e);
}

static iml_status number_member(const char *context, const char *key, double *v, iml_err *e)
{
    iml__str text;
    *v = 0;
    iml_status st = raw_member(context, key, &text, e);
    if (!st) (void)iml__parse_double(iml__str_text(&text), v);
    iml__str_free(&text);
    return st;
}

iml_status iml__slice_context(const iml__slicer *s, iml__str *out, iml_err *e)
{
    static const char *const pads[] = {"zero",   "background", "replicate",
                                       "mirror", "reflect",    "symmetric"};
    static const char *const methods[] = {"numpy", "hash", "file"};
    const struct iml__slice_conf *c = &s->conf;
    iml__jsonw w;
    char text[32];
    iml__jsonw_init(&w, out, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "window_size"), iml__jsonw_i64(&w, c->o.window);
    iml__jsonw_key(&w, "channels"), iml__jsonw_u64(&w, iml__slicer_channels(s));
    iml__jsonw_key(&w, "padding_mode"), iml__jsonw_str(&w, pads[c->o.padding]);
    iml__jsonw_key(&w, "normalized"), iml__jsonw_bool(&w, c->norm[0].kind != IML__NORM_NONE);
    iml__jsonw_key(&w, "clip_range");
    if (!(c->o.clip_min <= 0 || c->o.clip_min > 0) && !(c->o.clip_max <= 0 || c->o.clip_max > 0)) {
        iml__jsonw_null(&w);
    } else { // as Python prints floats; an open end is null
        iml__jsonw_array(&w);
        (void)iml__py_float(text, c->o.clip_min), iml__jsonw_raw(&w, text);
        (void)iml__py_float(text, c->o.clip_max), iml__jsonw_raw(&w, text);
        iml__jsonw_end(&w);
    }
    iml__jsonw_key(&w, "label_names"), iml__jsonw_array(&w);
    for (size_t k = 0; k < s->cases.nlabel_names; k++) {
        iml__jsonw_i64(&w, s->cases.label_name[k].value);
        iml__jsonw_str(&w, s->cases.label_name[k].name);
    }
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "train"), iml__jsonw_num(&w, c->split[0]);
    iml__jsonw_key(&w, "val"), iml__jsonw_num(&w, c->split[1]);
    iml__jsonw_key(&w, "split_method"), iml__jsonw_str(&w, methods[c->split_method]);
    iml__jsonw_key(&w, "split_seed"), iml__jsonw_u64(&w, c->o.split_seed);
    iml__jsonw_key(&w, "folds"), iml__jsonw_u64(&w, c->o.folds);
    iml__jsonw_key(&w, "settings"), iml__jsonw_raw(&w, iml__str_text(&s->settings));
    if (s->fingerprint.n)
        iml__jsonw_key(&w, "fingerprint"), iml__jsonw_raw(&w, iml__str_text(&s->fingerprint));
    iml__jsonw_end(&w);
    return out->failed ? no_memory(e) : IML_OK;
}

// ---- dataset_info.json

// A finished value again, with w's indentation.
static iml_status again(iml__jsonw *w, iml__jsonr *r, iml_err *e)
{
    enum iml__json_type t;
    int depth = 0;
    do {
        IML_TRY(iml__jsonr_next(r, &t, e));
        switch (t) {
        case IML__JSON_OBJECT: iml__jsonw_object(w), depth++; break;
        case IML__JSON_ARRAY: iml__jsonw_array(w), depth++; break;
        case IML__JSON_END: iml__jsonw_end(w), depth--; break;
        case IML__JSON_KEY: iml__jsonw_key(w, iml__str_text(&r->token)); continue;
        case IML__JSON_STRING: iml__jsonw_strn(w, r->token.p, r->token.n); break;
        case IML__JSON_NUMBER: iml__jsonw_raw(w, iml__str_text(&r->token)); break;
        case IML__JSON_TRUE:
        case IML__JSON_FALSE: iml__jsonw_bool(w, t == IML__JSON_TRUE); break;
        case IML__JSON_NULL: iml__jsonw_null(w); break;
        case IML__JSON_DONE: return IML_FAIL(e, IML_EINPUT, "a value ends early");
        }
    } while (depth || t == IML__JSON_KEY);
    return IML_OK;
}

static void failed_list(const struct whole *x, iml__jsonw *w)
{
    iml__jsonw_key(w, "failed"), iml__jsonw_array(w);
    for (size_t k = 0; k < x->nbad; k++) {
        const struct bad_case *b = &x->bad[k];
        char code[24];
        size_t n;
        iml__coded_split(b->message, code, &n);
        if (b->signal || !code[0]) (void)snprintf(code, sizeof code, "crash");
        iml__jsonw_object(w);
        iml__jsonw_key(w, "case"), iml__jsonw_str(w, b->name);
        iml__jsonw_key(w, "code"), iml__jsonw_str(w, code);
        iml__jsonw_key(w, "reason"), iml__jsonw_strn(w, b->message, n);
        iml__jsonw_end(w);
    }
    iml__jsonw_end(w);
}

// Members of the notes: either those that cases[] shows, or one of them alone (labels, warnings).
static iml_status note_member(const struct done_case *c, const char *key, iml__jsonr *r,
                              bool *found, iml_err *e)
{
    return find(c->note, key, r, found, e);
}

static iml_status warnings_of(const struct done_case *c, iml__jsonw *w, iml_err *e)
{
    iml__jsonr r;
    bool found;
    enum iml__json_type t;
    iml_status st = note_member(c, "warnings", &r, &found, e);
    if (!st && found) st = iml__jsonr_next(&r, &t, e); // [
    while (!st && found && !(st = iml__jsonr_next(&r, &t, e)) && t == IML__JSON_STRING) {
        iml__jsonw_object(w);
        iml__jsonw_key(w, "case"), iml__jsonw_str(w, c->name);
        iml__jsonw_key(w, "code"), iml__jsonw_str(w, iml__str_text(&r.token));
        st = iml__jsonr_next(&r, &t, e);
        iml__jsonw_key(w, "reason"), iml__jsonw_str(w, iml__str_text(&r.token));
        iml__jsonw_end(w);
    }
    iml__jsonr_free(&r);
    return st;
}

static iml_status add_labels(const struct done_case *c, iml_arena *a, struct iml__label_counts *sum,
                             iml_err *e)
{
    iml__jsonr r;
    bool found;
    enum iml__json_type t;
    iml_status st = note_member(c, "labels", &r, &found, e);
    if (!st && found) st = iml__jsonr_next(&r, &t, e); // [
    while (!st && found && !(st = iml__jsonr_next(&r, &t, e)) && t == IML__JSON_NUMBER) {
        int64_t v = 0;
        uint64_t n = 0;
        (void)iml__parse_i64(iml__str_text(&r.token), &v);
        st = iml__jsonr_u64(&r, &n, e);
        if (!st) st = iml__label_counts_add(sum, a, (int32_t)v, n, e);
    }
    iml__jsonr_free(&r);
    return st;
}

static iml_status label_sums(struct whole *x, iml__jsonw *w, iml_err *e)
{
    struct iml__label_counts sum = {0};
    for (size_t k = 0; k < x->ndone; k++) IML_TRY(add_labels(&x->done[k], &x->arena, &sum, e));
    iml__label_counts_sort(&sum);
    iml__jsonw_key(w, "labels"), iml__jsonw_object(w);
    for (uint32_t k = 0; k < sum.n; k++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d", sum.value[k]);
        iml__jsonw_key(w, text), iml__jsonw_u64(w, sum.count[k]);
    }
    iml__jsonw_end(w);
    return IML_OK;
}

static iml_status case_entry(const struct done_case *c, iml__jsonw *w, iml_err *e)
{
    static const char *const shown[] = {"case",   "slices", "shape",       "spacing",
                                        "orient", "plane",  "label_dtype", "stats"};
    iml__jsonw_object(w);
    for (size_t k = 0; k < IML_COUNT_OF(shown); k++) {
        iml__jsonr r;
        bool found;
        iml_status st = note_member(c, shown[k], &r, &found, e);
        if (!st && found) iml__jsonw_key(w, shown[k]), st = again(w, &r, e);
        iml__jsonr_free(&r);
        if (st) return st;
    }
    iml__jsonw_end(w);
    return IML_OK;
}

static iml_status old_keys(const char *context, const struct whole *x, iml__jsonw *w, iml_err *e)
{
    static const char *const same[] = {"window_size", "total_channels", "padding_mode",
                                       "normalized", "clip_range"};
    uint64_t slices = 0;
    for (size_t k = 0; k < x->ndone; k++) slices += x->done[k].slices;
    for (size_t k = 0; k < IML_COUNT_OF(same); k++) {
        iml__str v;
        if (k == 1 && x->ndone) { // channels as they were found
            iml__jsonw_key(w, same[k]), iml__jsonw_u64(w, x->done[0].channels);
            continue;
        }
        iml_status st = raw_member(context, k == 1 ? "channels" : same[k], &v, e);
        if (!st) {
            iml__jsonr r;
            iml__jsonr_init(&r, same[k], v.p, v.n);
            iml__jsonw_key(w, same[k]);
            st = again(w, &r, e);
            iml__jsonr_free(&r);
        }
        iml__str_free(&v);
        if (st) return st;
    }
    iml__jsonw_key(w, "num_cases"), iml__jsonw_u64(w, x->ndone);
    iml__jsonw_key(w, "num_slices"), iml__jsonw_u64(w, slices);
    iml__jsonw_key(w, "case_names"), iml__jsonw_array(w);
    for (size_t k = 0; k < x->ndone; k++) iml__jsonw_str(w, x->done[k].name);
    iml__jsonw_end(w);
    return IML_OK;
}

static iml_status info(const char *context, struct whole *x, iml__jsonw *w, iml_err *e)
{
    iml__str settings;
    iml__jsonw_object(w);
    IML_TRY(old_keys(context, x, w, e));
    failed_list(x, w);
    iml__jsonw_key(w, "warnings"), iml__jsonw_array(w);
    for (size_t k = 0; k < x->ndone; k++) IML_TRY(warnings_of(&x->done[k], w, e));
    iml__jsonw_end(w);
    iml_status st = raw_member(context, "settings", &settings, e);
    if (!st) {
        iml__jsonr r;
        iml__jsonr_init(&r, "settings", settings.p, settings.n);
        iml__jsonw_key(w, "settings");
        st = again(w, &r, e);
        iml__jsonr_free(&r);
    }
    iml__str_free(&settings);
    if (st) return st;
    IML_TRY(label_sums(x, w, e));
    iml__jsonw_key(w, "cases"), iml__jsonw_array(w);
    for (size_t k = 0; k < x->ndone; k++) IML_TRY(case_entry(&x->done[k], w, e));
    iml__jsonw_end(w);
    iml__jsonw_key(w, "imloom"), iml__jsonw_u64(w, 1);
    iml__jsonw_end(w);
    return IML_OK;
}

typedef iml_status maker(const char *context, struct whole *x, iml__jsonw *w, iml_err *e);

static iml_status render_with(maker *make, const char *context, const iml_table_row *row,
                              size_t rows, void (*add)(void *to, const char *p, size_t n), void *to,
                              iml_err *e)
{
    struct whole x = {.ndone = 0};
    iml__str text;
    iml__jsonw w;
    iml__str_init(&text, (size_t)1 << 34);
    iml__jsonw_init(&w, &text, 2);
    iml_status st = read_rows(&x, row, rows, e);
    if (!st) st = make(context ? context : "{}", &x, &w, e);
    iml__str_addc(&text, '\n');
    if (!st && text.failed) st = no_memory(e);
    if (!st) add(to, text.p, text.n);
    iml__str_free(&text);
    if (x.arena.base) iml__arena_close(&x.arena);
    return st;
}

static iml_status render_info(const char *context, const iml_table_row *row, size_t rows,
                              void (*add)(void *to, const char *p, size_t n), void *to, iml_err *e)
{
    return render_with(info, context, row, rows, add, to, e);
}

// ---- Splits

// Cases by patient, in item order. The loader knows a case by its files, so one without slices has
// no part in a draw that is to be the loader's.
struct grouped {
    const char **patient; // distinct, ascending
    uint32_t n;
    uint32_t *first, *next; // case + 1; 0: no more
};

static bool group(struct whole *x, struct grouped *g)
{
    size_t n = 0;
    const char **p = iml_arena_calloc(&x->arena, x->ndone + 1, sizeof *p);
    if (!p) return false;
    for (size_t k = 0; k < x->ndone; k++)
        if (x->done[k].slices) p[n++] = x->done[k].patient;
    g->patient = iml__distinct(&x->arena, p, n, &g->n);
    g->first = iml_arena_calloc(&x->arena, g->n + 1, sizeof *g->first);
    g->next = iml_arena_calloc(&x->arena, x->ndone + 1, sizeof *g->next);
    if (!g->patient || !g->first || !g->next) return false;
    for (size_t k = x->ndone; k-- > 0;) {
        if (!x->done[k].slices) continue;
        uint32_t at = iml__find_text(g->patient, g->n, x->done[k].patient);
        g->next[k] = g->first[at], g->first[at] = (uint32_t)k + 1;
    }
    return true;
}

static void list_cases(const struct whole *x, const struct grouped *g, uint32_t patient,
                       iml__jsonw *w)
{
    for (uint32_t k = g->first[patient]; k; k = g->next[k - 1])
        iml__jsonw_str(w, x->done[k - 1].name);
}

static iml_status splits(const char *context, struct whole *x, iml__jsonw *w, iml_err *e)
{
    double a, b, seed;
    struct iml__draw d = {.n = 0};
    struct grouped g;
    iml__str method;
    bool told = false; // the notes say which part
    for (size_t k = 0; k < x->ndone; k++) told |= x->done[k].part >= 0;
    IML_TRY(number_member(context, "train", &a, e));
    IML_TRY(number_member(context, "val", &b, e));
    IML_TRY(number_member(context, "split_seed", &seed, e));
    if (!group(x, &g)) return no_memory(e);
    d.patient = g.patient, d.n = g.n;
    iml_status st = raw_member(context, "split_method", &method, e);
    bool hash = !st && strstr(iml__str_text(&method), "hash");
    if (!st) st = iml__draw_parts(hash, a, b, (uint64_t)seed, &x->arena, &d, e);
    iml__str_free(&method);
    if (st) return st;
    iml__jsonw_object(w);
    for (int part = 0; part < 3; part++) {
        iml__jsonw_key(w, iml__part_names[part]), iml__jsonw_array(w);
        for (uint32_t k = 0; k < d.n && !told; k++)
            if (d.part[k] == part) list_cases(x, &g, d.order[k], w);
        for (size_t k = 0; k < x->ndone && told; k++)
            if (x->done[k].part == part && x->done[k].slices) iml__jsonw_str(w, x->done[k].name);
        iml__jsonw_end(w);
    }
    iml__jsonw_end(w);
    return IML_OK;
}

static iml_status render_splits(const char *context, const iml_table_row *row, size_t rows,
                                void (*add)(void *to, const char *p, size_t n), void *to,
                                iml_err *e)
{
    return render_with(splits, context, row, rows, add, to, e);
}

static iml_status folds(const char *context, struct whole *x, iml__jsonw *w, iml_err *e)
{
    double k;
    struct grouped g;
    IML_TRY(number_member(context, "folds", &k, e));
    if (!group(x, &g)) return no_memory(e);
    uint32_t n = g.n, *fold = iml_arena_calloc(&x->arena, n + 1, sizeof *fold);
    if (!fold) return no_memory(e);
    uint32_t parts = IML_MIN((uint32_t)k, n);
    if (parts) iml__kfold(12345, n, parts, fold);
    iml__jsonw_array(w);
    for (uint32_t f = 0; f < parts; f++) {
        iml__jsonw_object(w);
        for (int val = 0; val < 2; val++) {
            iml__jsonw_key(w, iml__part_names[val]), iml__jsonw_array(w);
            for (uint32_t i = 0; i < n; i++)
                if ((fold[i] == f) == (val == 1)) list_cases(x, &g, i, w);
            iml__jsonw_end(w);
        }
        iml__jsonw_end(w);
    }
    iml__jsonw_end(w);
    return IML_OK;
}

static iml_status render_folds(const char *context, const iml_table_row *row, size_t rows,
                               void (*add)(void *to, const char *p, size_t n), void *to, iml_err *e)
{
    return render_with(folds, context, row, rows, add, to, e);
}

// ---- The fingerprint, which was made before the run

static iml_status fingerprint(const char *context, struct whole *x, iml__jsonw *w, iml_err *e)
{
    iml__str v;
    iml__jsonr r;
    (void)x;
    iml_status st = raw_member(context, "fingerprint", &v, e);
    if (!st) {
        iml__jsonr_init(&r, "fingerprint", v.p, v.n);
        st = again(w, &r, e);
        iml__jsonr_free(&r);
    }
    iml__str_free(&v);
    return st;
}

static iml_status render_fingerprint(const char *context, const iml_table_row *row, size_t rows,
                                     void (*add)(void *to, const char *p, size_t n), void *to,
                                     iml_err *e)
{
    return render_with(fingerprint, context, row, rows, add, to, e);
}

// ---- What there is

const iml_renderer iml__slice_renderers[] = {
    {"slice.info", render_info},
    {"slice.splits", render_splits},
    {"slice.folds", render_folds},
    {"slice.fingerprint", render_fingerprint},
};
const size_t iml__slice_nrenderers = IML_COUNT_OF(iml__slice_renderers);

uint32_t iml__slice_aggregates(const iml__slicer *s, iml_aggregate *out)
{
    const struct iml__slice_conf *c = &s->conf;
    uint32_t n = 0;
    out[n++] = (iml_aggregate){.name = "dataset_info.json",
                               .table = "cases",
                               .render_name = "slice.info",
                               .render = render_info,
                               .bad = "bad"};
    if (c->has_splits)
        out[n++] = (iml_aggregate){.name = "splits.json",
                                   .table = "cases",
                                   .render_name = "slice.splits",
                                   .render = render_splits,
                                   .bad = "bad"};
    if (c->o.folds)
        out[n++] = (iml_aggregate){.name = "splits_final.json",
                                   .table = "cases",
                                   .render_name = "slice.folds",
                                   .render = render_folds,
                                   .bad = "bad"};
    if (s->fingerprint.n)
        out[n++] = (iml_aggregate){.name = "dataset_fingerprint.json",
                                   .table = "cases",
                                   .render_name = "slice.fingerprint",
                                   .render = render_fingerprint};
    return n;
}
