// slice_patient.c: whose cases belong together, and which part of a split each case stands in.
//
// A patient is its case unless a map or a pattern says otherwise (the map wins, then the pattern,
// then a CSV's own column). The parts drawn here are of the planned cases: for --layout split, and
// for a split that a file gives; splits.json is drawn over the completed ones (slice_info.c).
#include "src/slice/slice_info.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/base/err.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/io/vfs.h"
#include "src/slice/slice_split.h"

static iml_status no_memory(iml_err *e)
{
    return IML_FAIL(e, IML_ENOMEM, "no memory for patients");
}

// ---- --patient-regex

static iml_status by_regex(iml__slicer *s, iml_err *e)
{
    regex_t re;
    regmatch_t m[2];
    size_t missed = 0;
    int r = regcomp(&re, s->conf.o.patient_regex, REG_EXTENDED);
    if (r) {
        char why[120];
        (void)regerror(r, &re, why, sizeof why);
        return IML_FAIL(e, IML_EARG, "--patient-regex %.60s: %s", s->conf.o.patient_regex, why);
    }
    iml_status st =
        re.re_nsub < 1
            ? IML_FAIL(e, IML_EARG, "--patient-regex %.60s: a group ( ) must mark the patient",
                       s->conf.o.patient_regex)
            : IML_OK;
    for (size_t k = 0; k < s->cases.n && !st; k++) {
        struct iml__case_files *c = &s->cases.item[k];
        if (regexec(&re, c->name, 2, m, 0) || m[1].rm_so < 0) {
            missed++;
            continue;
        }
        c->patient =
            iml__arena_strndup(&s->arena, c->name + m[1].rm_so, (size_t)(m[1].rm_eo - m[1].rm_so));
        if (!c->patient) st = no_memory(e);
    }
    regfree(&re);
    if (missed)
        iml__str_addf(
            &s->notes,
            "note: --patient-regex matches %zu of %zu cases; each other one is its own patient\n",
            s->cases.n - missed, s->cases.n);
    return st;
}

// ---- --patient-map: lines "case,patient"; a first line of these words is a head

static struct iml__case_files *case_named(const iml__slicer *s, const char *name, size_t n)
{
    for (size_t k = 0; k < s->cases.n; k++)
        if (strlen(s->cases.item[k].name) == n && !memcmp(s->cases.item[k].name, name, n))
            return &s->cases.item[k];
    return NULL;
}

static iml_status map_case(iml__slicer *s, struct iml__case_files *c, const char *patient, size_t n,
                           const char *path, uint32_t line, iml_err *e)
{
    if (c->mapped && (strlen(c->patient) != n || memcmp(c->patient, patient, n) != 0))
        return IML_FAIL(e, IML_EARG, "%.80s:%u: case %.60s is of patient %.60s already", path, line,
                        c->name, c->patient);
    c->mapped = true;
    c->patient = iml__arena_strndup(&s->arena, patient, n);
    return c->patient ? IML_OK : no_memory(e);
}

static iml_status by_map(iml__slicer *s, iml_err *e)
{
    char *p;
    size_t n;
    const char *path = s->conf.o.patient_map;
    iml_status st = iml__file_read_heap(AT_FDCWD, path, 1 << 28, &p, &n, e);
    if (st) {
        if (e && st != IML_ENOMEM) e->status = st = IML_EARG;
        return st;
    }
    uint32_t line = 1;
    size_t known = 0, foreign = 0;
    for (char *at = p; *at && !st; line++) {
        size_t len = strcspn(at, "\n"), end = len && at[len - 1] == '\r' ? len - 1 : len, comma = 0;
        while (comma < end && at[comma] != ',') comma++;
        bool head = line == 1 && end == 12 && !memcmp(at, "case,patient", 12);
        if (end && !head) {
            if (comma == 0 || comma + 1 >= end || memchr(at + comma + 1, ',', end - comma - 1) ||
                memchr(at, '"', end))
                st = IML_FAIL(e, IML_EARG, "%.80s:%u: a line is CASE,PATIENT, without quotes", path,
                              line);
            struct iml__case_files *c = st ? NULL : case_named(s, at, comma);
            if (c) st = map_case(s, c, at + comma + 1, end - comma - 1, path, line, e);
            known += c != NULL, foreign += !st && !c;
        }
        at += len + (at[len] == '\n');
    }
    IML_FREE(p);
    if (!st && foreign && !known)
        return IML_FAIL(e, IML_EARG, "%.80s: none of its cases is one of the input's", path);
    if (!st && foreign)
        iml__str_addf(&s->notes, "note: --patient-map names %zu cases that the input has not\n",
                      foreign);
    return st;
}

// ---- --split-method file:F: {"train": [case ...], "val": [...], "test": [...]}

static iml_status read_parts(iml__slicer *s, iml__jsonr *r, iml_err *e)
{
    enum iml__json_type t;
    IML_TRY(iml__jsonr_next(r, &t, e));
    if (t != IML__JSON_OBJECT)
        return iml__jsonr_fail(r, e, "it is no object of train, val and test");
    for (;;) {
        IML_TRY(iml__jsonr_next(r, &t, e));
        if (t != IML__JSON_KEY) return IML_OK;
        int part = 0;
        while (part < 3 && strcmp(iml__str_text(&r->token), iml__part_names[part]) != 0) part++;
        if (part == 3)
            return iml__jsonr_fail(r, e, "%.40s is neither train, val nor test",
                                   iml__str_text(&r->token));
        IML_TRY(iml__jsonr_next(r, &t, e));
        if (t != IML__JSON_ARRAY) return iml__jsonr_fail(r, e, "a list of cases is needed");
        for (;;) {
            IML_TRY(iml__jsonr_next(r, &t, e));
            if (t == IML__JSON_END) break;
            if (t != IML__JSON_STRING) return iml__jsonr_fail(r, e, "a list of cases is needed");
            struct iml__case_files *c = case_named(s, r->token.p, r->token.n);
            if (!c) continue;
            uint8_t *to = &s->part[c - s->cases.item];
            if (*to != IML__NO_PART && *to != part)
                return iml__jsonr_fail(r, e, "case %.60s stands in two parts", c->name);
            *to = (uint8_t)part;
        }
    }
}

static iml_status parts_of_file(iml__slicer *s, iml_err *e)
{
    char *p;
    size_t n;
    iml__jsonr r;
    iml_status st = iml__file_read_heap(AT_FDCWD, s->conf.split_file, 1 << 28, &p, &n, e);
    if (!st) {
        iml__jsonr_init(&r, s->conf.split_file, p, n);
        st = read_parts(s, &r, e);
        iml__jsonr_free(&r);
        IML_FREE(p);
    }
    for (size_t k = 0; k < s->cases.n && !st; k++)
        if (s->part[k] == IML__NO_PART)
            st = IML_FAIL(e, IML_EARG, "%.80s: case %.60s stands in no part", s->conf.split_file,
                          s->cases.item[k].name);
    if (st && e && st != IML_ENOMEM) e->status = st = IML_EARG;
    return st;
}

// ---- Parts of the planned cases

const char *const iml__part_names[] = {"train", "val", "test"};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **iml__distinct(iml_arena *a, const char *const *text, size_t n, uint32_t *count)
{
    const char **p = iml_arena_calloc(a, n + 1, sizeof *p);
    *count = 0;
    if (!p) return NULL;
    for (size_t k = 0; k < n; k++) p[k] = text[k];
    qsort(p, n, sizeof *p, by_text);
    for (size_t k = 0; k < n; k++)
        if (!*count || strcmp(p[*count - 1], p[k]) != 0) p[(*count)++] = p[k];
    return p;
}

uint32_t iml__find_text(const char *const *sorted, uint32_t n, const char *text)
{
    uint32_t lo = 0, hi = n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (strcmp(sorted[mid], text) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

iml_status iml__draw_parts(bool hash, double a, double b, uint64_t seed, iml_arena *arena,
                           struct iml__draw *d, iml_err *e)
{
    d->order = iml_arena_calloc(arena, d->n + 1, sizeof *d->order);
    d->part = iml_arena_calloc(arena, d->n + 1, 1);
    if (!d->order || !d->part) return no_memory(e);
    struct iml__split_sizes s = iml__split_sizes(d->n, a, b);
    if (!hash) iml__numpy_permutation((uint32_t)seed, d->n, d->order);
    for (uint32_t k = 0; k < d->n; k++) {
        if (hash)
            d->order[k] = k, d->part[k] = (uint8_t)iml__split_hash(d->patient[k], seed, a, b);
        else
            d->part[k] = k < s.train ? 0 : k < s.train + s.val ? 1 : 2;
    }
    return IML_OK;
}

// One for each case, and in d those that are distinct.
static iml_status patients_of(iml__slicer *s, const char ***patient, struct iml__draw *d,
                              iml_err *e)
{
    size_t n = s->cases.n;
    const char **p = *patient = iml_arena_calloc(&s->arena, n + 1, sizeof *p);
    if (!p) return no_memory(e);
    for (size_t k = 0; k < n; k++)
        p[k] = s->cases.item[k].patient ? s->cases.item[k].patient : s->cases.item[k].name;
    d->patient = iml__distinct(&s->arena, p, n, &d->n);
    return d->patient ? IML_OK : no_memory(e);
}

// As scikit-learn's KFold, which nnU-Net calls.
static iml_status check_folds(iml__slicer *s, iml_err *e)
{
    struct iml__draw d = {.n = 0};
    const char **patient;
    if (!s->conf.o.folds) return IML_OK;
    IML_TRY(patients_of(s, &patient, &d, e));
    if (s->conf.o.folds <= d.n) return IML_OK;
    return IML_FAIL(e, IML_EARG, "--folds %u needs as many %s; there %s %u", s->conf.o.folds,
                    d.n < s->cases.n ? "patients" : "cases", d.n == 1 ? "is" : "are", d.n);
}

static iml_status drawn_parts(iml__slicer *s, iml_err *e)
{
    size_t n = s->cases.n;
    const char **patient;
    struct iml__draw d = {.n = 0};
    IML_TRY(patients_of(s, &patient, &d, e));
    IML_TRY(iml__draw_parts(s->conf.split_method == IML__SPLIT_HASH, s->conf.split[0],
                            s->conf.split[1], s->conf.o.split_seed, &s->arena, &d, e));
    uint8_t *of = iml_arena_alloc(&s->arena, d.n + 1); // of each patient
    if (!of) return no_memory(e);
    for (uint32_t k = 0; k < d.n; k++) of[d.order[k]] = d.part[k];
    for (size_t i = 0; i < n; i++) s->part[i] = of[iml__find_text(d.patient, d.n, patient[i])];
    return IML_OK;
}

static void tell_empty(iml__slicer *s)
{
    uint32_t count[3] = {0};
    double rest = 1 - s->conf.split[0] - s->conf.split[1];
    for (size_t k = 0; k < s->cases.n; k++) count[s->part[k] % 3]++;
    for (int k = 0; k < 3; k++)
        if (!count[k] && (k < 2 ? s->conf.split[k] > 0 : rest > 1e-9))
            iml__str_addf(
                &s->notes,
                "warning: %s is empty with %zu cases; the older loader stops at an empty part\n",
                iml__part_names[k], s->cases.n);
}

iml_status iml__slice_patients(iml__slicer *s, iml_err *e)
{
    if (s->conf.o.patient_regex) IML_TRY(by_regex(s, e));
    if (s->conf.o.patient_map) IML_TRY(by_map(s, e));
    IML_TRY(check_folds(s, e));
    if (!s->conf.has_splits) return IML_OK;
    s->part = iml_arena_alloc(&s->arena, s->cases.n + 1);
    if (!s->part) return no_memory(e);
    memset(s->part, IML__NO_PART, s->cases.n + 1);
    IML_TRY(s->conf.split_method == IML__SPLIT_FILE ? parts_of_file(s, e) : drawn_parts(s, e));
    if (s->conf.split_method != IML__SPLIT_FILE) tell_empty(s);
    return IML_OK;
}
