// items.h: a job of synth opened in a test, and its items made one by one.
#ifndef IML_TEST_ITEMS_H
#define IML_TEST_ITEMS_H

#include "tests/unit/iml_test.h"

#include "src/synth/synth.h"

#include <unistd.h>

#define DEJAVU "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"

static iml__complaints talk;
static iml_arena arena;

struct job {
    iml__synth *s;
    iml__synth_worker *w;
};

static inline iml__synth_opts options(void)
{
    return (iml__synth_opts){
        .format = -1, .colour = -1, .container = -1, .det_unit = -1, .coverage = -1, .count = 100};
}

static inline iml_status open_job(const iml__synth_opts *o, struct job *j)
{
    iml_err e = {0};
    iml__complaints_free(&talk);
    iml__complaints_init(&talk);
    *j = (struct job){0};
    iml_status st = iml__synth_open(o, &talk, &j->s, &e);
    if (st && !talk.n) iml__yaml_complain(&talk, NULL, "%s", e.msg);
    if (!st) st = iml__synth_worker_new(j->s, &j->w, &e);
    return st;
}

static inline void close_job(struct job *j)
{
    iml__synth_worker_free(&j->w);
    iml__synth_close(&j->s);
}

static inline struct job must_open(const iml__synth_opts *o)
{
    struct job j;
    if (open_job(o, &j)) fail_msg("%s", iml__str_text(&talk.text));
    return j;
}

static inline struct job open_text(const char *text, const char *const *set, size_t nset)
{
    static const char *const fonts[] = {DEJAVU};
    iml__synth_opts o = options();
    o.texts = &text, o.ntexts = 1, o.fonts = fonts, o.nfonts = 1, o.set = set, o.nset = nset;
    o.background = "white";
    return must_open(&o);
}

static inline void make(struct job *j, uint64_t i, iml__synth_item *it)
{
    iml__arena_reset(&arena);
    assert_ok(iml__synth_item_make(j->s, j->w, i, &arena, NULL, it, e));
}

static inline bool have_fonts(void) { return !access(DEJAVU, R_OK); }

// All specifications as YAML, on a white background, in DejaVu Sans.
static inline struct job open_yaml(const char *yaml)
{
    static const char *const fonts[] = {DEJAVU};
    iml__synth_opts o = options();
    o.config = "t.yaml", o.text = yaml, o.ntext = strlen(yaml);
    o.fonts = fonts, o.nfonts = 1, o.background = "white";
    return must_open(&o);
}

// Runs the tests with what they share.
static inline int run_with_items(int (*all)(void))
{
    iml_err e;
    if (iml__arena_open(&arena, (size_t)1 << 32, -1, &e)) return 1;
    int failed = all();
    iml__arena_close(&arena);
    iml__complaints_free(&talk);
    return failed;
}

#endif
