// synth_redrawn.c: how many texts and backgrounds were passed over, and which files (synth.md 2.3).
//
// The sums stand in the manifest, where the engine has added up the counters of all workers,
// processes and earlier runs; a run that is not complete has none yet and says nothing. What cannot
// be read of them is no reason to fail: the data set stands.
#include "src/cmd/synth_redrawn.h"

#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/cmd/session.h"
#include "src/io/vfs.h"
#include "src/synth/label_formats.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { MANIFEST_MAX = 1 << 28, NAMED = 3 };

struct sums {
    uint64_t texts, faces, backgrounds, skipped, invalid, windows, left_out;
    uint64_t *file; // [2 * nback]: broken, too large
};

// Keys are the counters' names, or their numbers.
static void take(struct sums *t, const iml__synth *s, const char *key, uint64_t n)
{
    uint64_t k;
    if (!strcmp(key, s->job.counter_names[IML__COUNT_TEXT])) t->texts = n;
    if (!strcmp(key, s->job.counter_names[IML__COUNT_FACE])) t->faces = n;
    if (!strcmp(key, s->job.counter_names[IML__COUNT_BACK])) t->backgrounds = n;
    if (!strcmp(key, s->job.counter_names[IML__COUNT_SKIPPED])) t->skipped = n;
    if (!strcmp(key, s->job.counter_names[IML__COUNT_INVALID])) t->invalid = n;
    if (!strcmp(key, s->job.counter_names[IML__COUNT_WINDOWS])) t->windows = n;
    if (!strcmp(key, s->job.counter_names[IML__COUNT_LEFT_OUT])) t->left_out = n;
    if (iml__parse_u64(key, &k) && k >= IML__SYNTH_COUNTERS &&
        k < IML__SYNTH_COUNTERS + 2 * (uint64_t)s->nback)
        t->file[k - IML__SYNTH_COUNTERS] = n;
}

// Goes to the object under this key of the one it stands in; false: there is none.
static bool enter(iml__jsonr *r, const char *name)
{
    enum iml__json_type t;
    while (!iml__jsonr_next(r, &t, NULL) && t == IML__JSON_KEY) {
        bool here = !strcmp(iml__str_text(&r->token), name);
        if (here) return !iml__jsonr_next(r, &t, NULL) && t == IML__JSON_OBJECT;
        if (iml__jsonr_skip(r, NULL)) return false;
    }
    return false;
}

static void read_sums(const struct iml__redrawn *w, struct sums *t)
{
    iml__str path;
    iml__jsonr r;
    enum iml__json_type type;
    char *text = NULL, key[64];
    size_t n;
    uint64_t v;
    iml__str_init(&path, 1 << 16);
    iml__str_addf(&path, "%s/manifest.json", w->out);
    if (!iml__file_read_heap(AT_FDCWD, iml__str_text(&path), MANIFEST_MAX, &text, &n, NULL)) {
        iml__jsonr_init(&r, "manifest.json", text, n);
        if (!iml__jsonr_next(&r, &type, NULL) && type == IML__JSON_OBJECT &&
            enter(&r, w->synth->job.name) && enter(&r, "counters"))
            while (!iml__jsonr_next(&r, &type, NULL) && type == IML__JSON_KEY) {
                (void)snprintf(key, sizeof key, "%s", iml__str_text(&r.token));
                if (iml__jsonr_u64(&r, &v, NULL)) break;
                take(t, w->synth, key, v);
            }
        iml__jsonr_free(&r);
    }
    IML_FREE(text);
    iml__str_free(&path);
}

static void name_files(const iml__synth *s, const struct sums *t, iml__str *out)
{
    static const char *const why[] = {"broken", "too large, see --max-pixels"};
    uint32_t named = 0;
    for (uint32_t k = 0; k < 2 * s->nback; k++) {
        if (!t->file[k] || ++named > NAMED) continue;
        iml__str_addf(out, "%s%s: %s", named > 1 ? "; " : " (", why[k % 2], s->back[k / 2].path);
    }
    if (named > NAMED) iml__str_addf(out, "; and %u more", named - NAMED);
    if (named) iml__str_addc(out, ')');
}

static void counted(iml__str *out, const char *before, uint64_t n, const char *what,
                    const char *behind)
{
    iml__str_adds(out, before);
    iml__text_count(out, n);
    iml__str_addf(out, " %s%s%s", what, n == 1 ? "" : "s", behind);
}

// Where the corpora that are too large to be read before the run are broken.
static void name_corpora(const iml__synth *s, iml__str *out)
{
    const char *before = " in ";
    size_t bad;
    for (uint32_t k = 0; k < s->corpora->n; k++) {
        const iml__corpus *c = &s->corpora->item[k];
        if (c->n <= IML__CORPUS_CHECKED || iml__corpus_valid(c, &bad)) continue;
        iml__str_addf(out, "%s%s (first at byte %zu)", before, c->name, bad);
        before = ", ";
    }
}

// Recognition formats that have less than the set has pictures.
static void left_out(const iml__synth *s, uint64_t n, iml__str *out)
{
    unsigned which = 0;
    for (int k = 0; k < IML__LABELS; k++)
        if (iml__formats[k].flags & IML__FORMAT_RECOGNISES)
            which |= s->config->output.labels & 1u << k;
    iml__str_addc(out, ' ');
    iml__text_count(out, n);
    iml__str_addf(out, " picture%s of several lines left out of ", n == 1 ? "" : "s");
    iml__output_names(IML__LIST_LABELS, which, ", ", out);
    iml__str_adds(out, " (--crops lines cuts them).");
}

bool iml__redrawn_line(void *user, const iml_report *r, iml__str *out)
{
    const struct iml__redrawn *w = user;
    struct sums t = {0};
    if (!r->complete || !w->out) return false;
    t.file = iml__calloc(2 * (size_t)w->synth->nback + 1, sizeof *t.file);
    if (t.file) read_sums(w, &t);
    const char *before = " Redrawn: ";
    if (t.texts) counted(out, before, t.texts, "text", " no face covered"), before = ", ";
    if (t.backgrounds) {
        counted(out, before, t.backgrounds, "background", "");
        name_files(w->synth, &t, out);
    }
    if (t.texts || t.backgrounds) iml__str_addc(out, '.');
    if (t.skipped) counted(out, " Left out: ", t.skipped, "character", " no face draws.");
    if (t.invalid) counted(out, " Invalid UTF-8: ", t.invalid, "byte", " skipped or replaced.");
    if (t.windows) {
        counted(out, " Passed over: ", t.windows, "text", " of invalid UTF-8");
        name_corpora(w->synth, out);
        iml__str_addc(out, '.');
    }
    if (t.left_out) left_out(w->synth, t.left_out, out);
    IML_FREE(t.file);
    return t.windows > 0;
}
