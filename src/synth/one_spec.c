// one_spec.c: --text, --pattern, --corpus, or --corpus-dir alone, as one specification without
// YAML.
//
// What is written here is ordinary YAML (JSON) and goes through the same reader as a user's. The
// paragraph direction is that of the first strong character of the texts, else of the first file
// that has one.
#include "src/synth/resources.h"

#include "src/base/err.h"
#include "src/base/json.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum { HEAD = 4096 };
enum reads { NEITHER, RIGHTWARD, LEFTWARD };

// The direction of the first strong character.
static enum reads direction_of(const uint8_t *s, size_t n)
{
    utf8proc_int32_t cp;
    for (size_t i = 0; i < n;) {
        utf8proc_ssize_t len = utf8proc_iterate(s + i, (utf8proc_ssize_t)(n - i), &cp);
        if (len <= 0) return NEITHER;
        utf8proc_propval_t bidi = utf8proc_get_property(cp)->bidi_class;
        if (bidi == UTF8PROC_BIDI_CLASS_L) return RIGHTWARD;
        if (bidi == UTF8PROC_BIDI_CLASS_R || bidi == UTF8PROC_BIDI_CLASS_AL) return LEFTWARD;
        i += (size_t)len;
    }
    return NEITHER;
}

static enum reads direction_of_file(const char *path)
{
    uint8_t head[HEAD];
    int fd;
    uint64_t size;
    iml_err why;
    if (iml__file_open(AT_FDCWD, path, &fd, &size, &why)) return NEITHER; // told with the corpora
    ssize_t n = iml__pread_all(fd, head, sizeof head, 0);
    (void)iml__close(&fd);
    return n > 0 ? direction_of(head, (size_t)n) : NEITHER;
}

static void entry(iml__jsonw *w, const char *key, const char *value, double weight)
{
    iml__jsonw_object(w);
    iml__jsonw_key(w, key), iml__jsonw_str(w, value);
    if (weight != 1) iml__jsonw_key(w, "weight"), iml__jsonw_num(w, weight);
    iml__jsonw_end(w);
}

// Every *.txt below --corpus-dir.
static iml_status all_below(const char *dir, iml__jsonw *w, enum reads *reads,
                            iml__complaints *talk, iml_err *e)
{
    static const char *const suffixes[] = {".txt", NULL};
    const struct iml__walk_opts wo = {.suffixes = suffixes};
    struct iml__walk *found;
    iml_err why;
    iml__str path;
    iml_status st = iml__walk(dir, &wo, &found, &why);
    if (st && iml_status_class(st) != IML_CLASS_ITEM) return IML_FAIL(e, st, "%s", why.msg);
    if (st) {
        iml__yaml_complain(talk, NULL, "--corpus-dir: %s", why.msg);
        return IML_OK;
    }
    if (!found->n) iml__yaml_complain(talk, NULL, "--corpus-dir %s: no *.txt lies below it", dir);
    iml__str_init(&path, 1 << 16);
    for (size_t i = 0; i < found->n; i++) {
        entry(w, "file", found->entry[i].path, 1);
        iml__str_clear(&path);
        iml__str_addf(&path, "%s/%s", dir, found->entry[i].path);
        if (*reads == NEITHER) *reads = direction_of_file(iml__str_text(&path));
    }
    iml__str_free(&path);
    iml__walk_free(&found);
    return IML_OK;
}

static iml_status entries(const iml__synth_opts *o, iml_arena *a, iml__jsonw *w, enum reads *reads,
                          iml__complaints *talk, iml_err *e)
{
    for (size_t i = 0; i < o->ntexts; i++) {
        size_t n = strlen(o->texts[i]);
        if (*reads == NEITHER) *reads = direction_of((const uint8_t *)o->texts[i], n);
        size_t bad;
        if (!iml__utf8_valid(o->texts[i], n, &bad))
            iml__yaml_complain(talk, NULL, "--text: it is not UTF-8 (byte %zu)", bad + 1);
        else if (!iml__text_visible(o->texts[i], n))
            iml__yaml_complain(talk, NULL, "--text '%.*s': it has no visible character",
                               iml__utf8_head(o->texts[i], 40), o->texts[i]);
        entry(w, "text", talk->n ? " " : o->texts[i], 1);
    }
    for (size_t i = 0; i < o->npatterns; i++) {
        if (!*o->patterns[i]) iml__yaml_complain(talk, NULL, "--pattern: it is empty");
        entry(w, "pattern", *o->patterns[i] ? o->patterns[i] : "x", 1);
    }
    for (size_t i = 0; i < o->ncorpora; i++) {
        const char *path;
        double weight;
        IML_TRY(iml__split_weight(a, "--corpus", o->corpora[i], &path, &weight, e));
        if (*reads == NEITHER) *reads = direction_of_file(path);
        entry(w, "file", path, weight);
    }
    if (o->ntexts + o->npatterns + o->ncorpora) return IML_OK;
    return all_below(o->corpus_dir, w, reads, talk, e);
}

iml_status iml__one_spec_yaml(const iml__synth_opts *o, iml_arena *a, iml__str *out,
                              iml__complaints *talk, iml_err *e)
{
    iml__jsonw w;
    enum reads reads = NEITHER;
    iml__jsonw_init(&w, out, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "specifications"), iml__jsonw_array(&w), iml__jsonw_object(&w);
    iml__jsonw_key(&w, "name"), iml__jsonw_str(&w, "text");
    iml__jsonw_key(&w, "proportion"), iml__jsonw_u64(&w, 1);
    iml__jsonw_key(&w, "text_alignment"), iml__jsonw_str(&w, "start");
    iml__jsonw_key(&w, "corpora"), iml__jsonw_array(&w);
    IML_TRY(entries(o, a, &w, &reads, talk, e));
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "text_direction");
    iml__jsonw_str(&w, reads == LEFTWARD ? "right_to_left" : "left_to_right");
    iml__jsonw_end(&w), iml__jsonw_end(&w), iml__jsonw_end(&w);
    return out->failed ? IML_FAIL(e, out->failed, "the texts of the command line are too long")
                       : IML_OK;
}
