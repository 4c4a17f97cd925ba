// slice_report.c: the configuration block and the closing lines.
#include "src/slice/slice_report.h"

#include <stdio.h>

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

void iml__slice_headline(const iml__slicer *s, const char *out, iml__str *t)
{
    static const char *const pads[] = {"zero",   "background", "replicate",
                                       "mirror", "reflect",    "symmetric"};
    const struct iml__slice_conf *c = &s->conf;
    iml__str_addf(t, "%zu cases of %s", s->cases.n, s->cases.root);
    if (out) iml__str_addf(t, " -> %s", out);
    iml__str_addf(
        t,
        "\nCONFIGURATION\nWindow size: %d (total channels: %d)\nPadding mode: %s\nNormalization: ",
        c->o.window, (2 * c->o.window + 1) * (int)c->nnorms, pads[c->o.padding]);
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
    iml__str_addf(t, "\nAxis: %s, orientation %s%s", c->o.axis, c->o.orient,
                  s->cases.labels ? "" : ", no labels");
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

static void bytes_text(iml__str *t, uint64_t n)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double v = (double)n;
    size_t k = 0;
    char text[32];
    while (v >= 1000 && k < 4) v /= 1000, k++;
    iml__str_add(t, text, iml__num_fixed(text, v, k && v < 100));
    iml__str_addf(t, " %s", units[k]);
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
        if (shown < 20)
            iml__str_addf(t, "%s%s (%s)", shown ? ", " : "", name, code[0] ? code : "crash");
        else
            more++;
        shown++;
        from += len + 1;
    }
    if (more) iml__str_addf(t, " and %u more", more);
    IML_FREE(p);
}

// Slices of the whole set, which dataset_info.json tells.
static uint64_t slices_of(const char *out)
{
    static const char key[] = "\"num_slices\": ";
    char path[4096], *p;
    size_t n;
    uint64_t v = 0;
    (void)snprintf(path, sizeof path, "%s/dataset_info.json", out);
    if (iml__file_read_heap(AT_FDCWD, path, (uint64_t)1 << 34, &p, &n, NULL)) return 0;
    const char *at = strstr(p, key);
    for (at = at ? at + sizeof key - 1 : ""; *at >= '0' && *at <= '9'; at++)
        v = v * 10 + (uint64_t)(*at - '0');
    IML_FREE(p);
    return v;
}

bool iml__slice_closing_line(void *user, const iml_report *r, iml__str *t)
{
    const struct iml__slice_closing *c = user;
    const struct iml__slice_conf *conf = &c->slicer->conf;
    uint64_t slices = r->complete && c->out ? slices_of(c->out) : 0, there = r->ok + r->resumed;
    // An unfinished set: each case hands over its note besides its slices.
    if (!slices) slices = r->files - IML_MIN(r->files, r->ok);
    iml__str_addf(t, "\nsliced %llu of %llu cases, %llu slices, %d channels (w=%d), ",
                  (unsigned long long)there, (unsigned long long)r->planned,
                  (unsigned long long)slices, (2 * conf->o.window + 1) * (int)conf->nnorms,
                  conf->o.window);
    bytes_text(t, r->bytes);
    iml__str_adds(t, " in ");
    time_text(t, r->wall_s);
    char text[32];
    iml__str_adds(t, " (");
    iml__str_add(t, text,
                 iml__num_fixed(
                     text,
                     r->wall_s > 0 ? (double)(r->files - IML_MIN(r->files, r->ok)) / r->wall_s : 0,
                     0));
    iml__str_adds(t, " slices/s, CPU ");
    time_text(t, r->cpu_s);
    iml__str_adds(t, ", peak ");
    bytes_text(t, r->peak_rss);
    iml__str_addc(t, ')');
    if (!r->bad || !c->out) return false;
    iml__str_addf(t, "\n%llu case%s failed: ", (unsigned long long)r->bad, r->bad == 1 ? "" : "s");
    failed(c->out, t);
    iml__str_addf(t, "; see %s/dataset_info.json", c->out);
    return false; // exit 3 comes with the bad items themselves
}
