// slice_report.c: the configuration block and the closing lines.
#include "src/slice/slice_report.h"

#include <stdio.h>

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/codec/nifti.h"
#include "src/io/vfs.h"

static void number(iml__str *s, double v)
{
    char text[32];
    iml__str_add(s, text, iml__num_short(text, v));
}

static bool bound(double v) { return v <= 0 || v > 0; }

static void label_line(const iml__slicer *s, iml__str *t)
{
    size_t with = 0, shown = 0;
    for (size_t k = 0; k < s->cases.n; k++) with += s->cases.item[k].label != NULL;
    if (s->conf.o.no_label || !s->cases.labels) {
        iml__str_adds(t, "\nLabels: none");
        return;
    }
    iml__str_addf(t, "\nLabels: of %zu of %zu cases", with, s->cases.n);
    for (size_t k = 0; k < s->cases.nlabel_names && shown < 12; k++, shown++)
        iml__str_addf(t, "%s %d %.40s", shown ? "," : ";", s->cases.label_name[k].value,
                      s->cases.label_name[k].name);
    if (shown < s->cases.nlabel_names)
        iml__str_addf(t, " and %zu more", s->cases.nlabel_names - shown);
}

void iml__slice_headline(const iml__slicer *s, const iml_run_opts *run, iml__str *t)
{
    static const char *const pads[] = {"zero",   "background", "replicate",
                                       "mirror", "reflect",    "symmetric"};
    const struct iml__slice_conf *c = &s->conf;
    iml__str_addf(t, "%zu cases of %s", s->cases.n, s->cases.root);
    if (run->out_dir) iml__str_addf(t, " -> %s", run->out_dir);
    iml__str_addf(
        t,
        "\nCONFIGURATION\nWindow size: %d (total channels: %u)\nPadding mode: %s\nNormalization: ",
        c->o.window, iml__slicer_channels(s), pads[c->o.padding]);
    for (uint32_t k = 0; k < c->nnorms; k++) {
        char text[96];
        iml__norm_text(&c->norm[k], text);
        iml__str_addf(t, "%s%s", k ? ", " : "", text);
    }
    iml__str_adds(t, "\nClip range: ");
    if (!bound(c->o.clip_min) && !bound(c->o.clip_max)) {
        iml__str_adds(t, "None");
    } else {
        if (bound(c->o.clip_min)) number(t, c->o.clip_min);
        iml__str_adds(t, "..");
        if (bound(c->o.clip_max)) number(t, c->o.clip_max);
    }
    if (run->workers == IML_WORKERS_AUTO)
        iml__str_addf(t, "\nParallel workers: %d (auto)\n", iml__cpu_workers());
    else
        iml__str_addf(t, "\nParallel workers: %d\n", run->workers);
    iml__slice_axes(s, t);
    label_line(s, t);
}

// ---- The end

static void time_text(iml__str *t, double seconds)
{
    uint64_t s = (uint64_t)(seconds + 0.5);
    if (s < 60) {
        char text[32];
        iml__str_add(t, text, iml__num_fixed(text, seconds, 1));
        iml__str_addc(t, 's');
    } else if (s < 3600)
        iml__str_addf(t, "%llum%02llus", (unsigned long long)(s / 60),
                      (unsigned long long)(s % 60));
    else
        iml__str_addf(t, "%lluh%02llum", (unsigned long long)(s / 3600),
                      (unsigned long long)(s / 60 % 60));
}

void iml__slice_size(iml__str *t, uint64_t n)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double v = (double)n;
    size_t k = 0;
    char text[32];
    while (v >= 999.5 && k < 4) v /= 1000, k++;
    iml__str_add(t, text, iml__num_fixed(text, v, k && v < 99.5));
    iml__str_addf(t, " %s", units[k]);
}

static void count(iml__str *t, uint64_t n) // 30,214
{
    char text[32];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)n);
    for (int k = 0; k < len; k++) {
        if (k && (len - k) % 3 == 0) iml__str_addc(t, ',');
        iml__str_addc(t, text[k]);
    }
}

// The failed ones by their codes, out of bad.jsonl.
static void failed(const char *out, iml__str *t)
{
    char path[4096], *p;
    size_t n;
    uint32_t shown = 0, more = 0;
    (void)snprintf(path, sizeof path, "%s/.imloom/bad.jsonl", out);
    if (iml__file_read_heap(AT_FDCWD, path, 64 << 20, &p, &n, NULL)) return;
    for (size_t from = 0; from < n;) {
        const char *end = memchr(p + from, '\n', n - from);
        size_t len = end ? (size_t)(end - p) - from : n - from;
        char name[64] = "", code[24] = "";
        iml__jsonr r;
        enum iml__json_type type;
        iml__jsonr_init(&r, "bad.jsonl", p + from, len);
        bool sound = iml__jsonr_next(&r, &type, NULL) == IML_OK;
        while (sound && iml__jsonr_next(&r, &type, NULL) == IML_OK && type == IML__JSON_KEY) {
            bool path_key = !strcmp(iml__str_text(&r.token), "path"),
                 why = !strcmp(iml__str_text(&r.token), "message");
            sound = iml__jsonr_next(&r, &type, NULL) == IML_OK;
            size_t ignored;
            if (path_key) (void)snprintf(name, sizeof name, "%.60s", iml__str_text(&r.token));
            if (why) iml__coded_split(iml__str_text(&r.token), code, &ignored);
        }
        iml__jsonr_free(&r);
        if (shown < 20) {
            iml__str_adds(t, shown ? ", " : "");
            iml__str_flat(t, name, strlen(name));
            iml__str_addf(t, " (%s)", code[0] ? code : "crash");
        } else {
            more++;
        }
        shown++;
        from += len + 1;
    }
    if (more) iml__str_addf(t, " and %u more", more);
    IML_FREE(p);
}

// What dataset_info.json tells of the whole set.
struct whole {
    uint64_t channels, slices, warnings;
    iml__str labels, codes; // "0 1 2", "forms 2, shear 1"
};

static iml_status read_labels(iml__jsonr *r, struct whole *w)
{
    enum iml__json_type t;
    uint32_t n = 0;
    iml_status st = iml__jsonr_next(r, &t, NULL); // {
    while (!st && !(st = iml__jsonr_next(r, &t, NULL)) && t == IML__JSON_KEY) {
        if (n < 24) iml__str_addf(&w->labels, " %s", iml__str_text(&r->token));
        n++;
        st = iml__jsonr_skip(r, NULL);
    }
    if (n > 24) iml__str_addf(&w->labels, " ... (%u values)", n);
    return st;
}

// Objects of case, code and reason; codes counted in the order in which they come.
static iml_status read_warnings(iml__jsonr *r, struct whole *w)
{
    enum { CODES = 32 };
    char code[CODES][24];
    uint64_t count[CODES], k, n = 0;
    enum iml__json_type t;
    bool is_code = false;
    iml_status st = iml__jsonr_next(r, &t, NULL); // [
    for (int depth = 1; !st && depth;) {
        st = iml__jsonr_next(r, &t, NULL);
        depth += (t == IML__JSON_OBJECT) - (t == IML__JSON_END);
        if (t == IML__JSON_STRING && is_code) {
            w->warnings++;
            for (k = 0; k < n && strcmp(code[k], iml__str_text(&r->token)) != 0;) k++;
            if (k == n && n < CODES)
                count[n] = 0, (void)snprintf(code[n++], 24, "%.23s", iml__str_text(&r->token));
            if (k < n) count[k]++;
        }
        is_code = t == IML__JSON_KEY && !strcmp(iml__str_text(&r->token), "code");
    }
    for (k = 0; k < n; k++)
        iml__str_addf(&w->codes, "%s%s %llu", k ? ", " : "", code[k], (unsigned long long)count[k]);
    return st;
}

static void read_whole(const char *out, struct whole *w)
{
    char path[4096], *p;
    size_t n;
    iml__jsonr r;
    enum iml__json_type t;
    (void)snprintf(path, sizeof path, "%s/dataset_info.json", out);
    if (iml__file_read_heap(AT_FDCWD, path, (uint64_t)1 << 34, &p, &n, NULL)) return;
    iml__jsonr_init(&r, path, p, n);
    iml_status st = iml__jsonr_next(&r, &t, NULL);
    bool more = true; // labels are the last that is wanted
    while (more && !st && iml__jsonr_next(&r, &t, NULL) == IML_OK && t == IML__JSON_KEY) {
        const char *key = iml__str_text(&r.token);
        if (!strcmp(key, "total_channels"))
            st = iml__jsonr_u64(&r, &w->channels, NULL);
        else if (!strcmp(key, "num_slices"))
            st = iml__jsonr_u64(&r, &w->slices, NULL);
        else if (!strcmp(key, "warnings"))
            st = read_warnings(&r, w);
        else if (!strcmp(key, "labels"))
            more = false, st = read_labels(&r, w);
        else
            st = iml__jsonr_skip(&r, NULL);
    }
    iml__jsonr_free(&r);
    IML_FREE(p);
}

static void sliced(const iml__slicer *s, const iml_report *r, const struct whole *w, iml__str *t)
{
    uint64_t made = r->files - IML_MIN(r->files, r->ok); // each case hands over its note besides
    char text[32];
    iml__str_adds(t, "\nsliced ");
    count(t, r->ok + r->resumed - r->bad_before), iml__str_adds(t, " of "), count(t, r->planned);
    iml__str_adds(t, " cases, "), count(t, w->slices ? w->slices : made);
    iml__str_addf(t, " slices, %llu channels (w=%d), ",
                  (unsigned long long)(w->channels ? w->channels : iml__slicer_channels(s)),
                  s->conf.o.window);
    iml__slice_size(t, r->bytes);
    iml__str_adds(t, " in ");
    time_text(t, r->wall_s);
    iml__str_adds(t, " (");
    iml__str_add(t, text, iml__num_fixed(text, r->wall_s > 0 ? (double)made / r->wall_s : 0, 0));
    iml__str_adds(t, " slices/s, CPU ");
    time_text(t, r->cpu_s);
    iml__str_adds(t, ", peak ");
    iml__slice_size(t, r->peak_rss);
    iml__str_addc(t, ')');
}

bool iml__slice_closing_line(void *user, const iml_report *r, iml__str *t)
{
    const struct iml__slice_closing *c = user;
    struct whole w = {0};
    iml__str_init(&w.labels, 4096), iml__str_init(&w.codes, 4096);
    if (r->complete && c->out) read_whole(c->out, &w); // an unfinished set has none
    sliced(c->slicer, r, &w, t);
    if (w.labels.n) iml__str_addf(t, "\nlabels found:%s", iml__str_text(&w.labels));
    if (w.warnings)
        iml__str_addf(t, "\n%llu warning%s: %s; see %s/dataset_info.json",
                      (unsigned long long)w.warnings, w.warnings == 1 ? "" : "s",
                      iml__str_text(&w.codes), c->out);
    iml__str_free(&w.labels), iml__str_free(&w.codes);
    if ((!r->bad && !r->bad_before) || !c->out) return false;
    uint64_t bad = r->bad + r->bad_before;
    iml__str_addf(t, "\n%llu case%s failed: ", (unsigned long long)bad, bad == 1 ? "" : "s");
    failed(c->out, t);
    if (r->complete) iml__str_addf(t, "; see %s/dataset_info.json", c->out);
    return false; // exit 3 comes with the bad items themselves
}
