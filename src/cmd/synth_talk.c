// synth_talk.c: what `imloom synth` says of a job before its first picture: one line, lists, sums.
#include "src/cmd/synth_talk.h"

#include <stdio.h>
#include <string.h>

#include "src/base/err.h"
#include "src/cmd/command.h"
#include "src/cmd/session.h"

void iml__synth_headline(const iml__synth *s, const char *to, iml__str *out)
{
    static const char *const formats[] = {"png", "jpeg", "webp"};
    const iml__output *o = &s->config->output;
    iml__str_addf(out, "%u specification%s, ", s->config->nspec, s->config->nspec == 1 ? "" : "s");
    iml__text_count(out, s->count);
    iml__str_addf(out, " image%s, seed %llu", s->count == 1 ? "" : "s",
                  (unsigned long long)s->seed);
    if (to) iml__str_addf(out, " -> %s", to);
    size_t faces = iml__fontindex_count(s->fonts);
    iml__str_addf(out, " (%s: %s + ", s->tar ? "tar" : "dir", formats[o->format]);
    iml__output_names(IML__LIST_LABELS, o->labels, " + ", out);
    iml__str_addf(out, "); %zu face%s", faces, faces == 1 ? "" : "s");
    if (iml__fontindex_bad_count(s->fonts))
        iml__str_addf(out, " (%zu rejected)", iml__fontindex_bad_count(s->fonts));
    iml__str_addf(out, ", %u corp%s ", s->corpora->n, s->corpora->n == 1 ? "us" : "ora");
    iml__text_size(out, s->corpora->bytes);
    if (s->images)
        iml__str_addf(out, ", %u background%s", s->nback, s->nback == 1 ? "" : "s");
    else
        iml__str_addf(out, ", background %s",
                      s->spec[0].bg == IML__BG_KINDS ? "builtin"
                                                     : iml__bg_kind_name(s->spec[0].bg));
}

static const char *const listed[] = {"fonts", "corpora", "backgrounds", "scripts", "keys", NULL};

// A row of names and numbers that a script can split at tabs, whatever a file is called.
static void field(const char *text, char end)
{
    iml__str l;
    iml__str_init(&l, 1 << 16);
    iml__str_flat(&l, text, strlen(text)), iml__str_addc(&l, end);
    (void)fputs(iml__str_text(&l), stdout);
    iml__str_free(&l);
}

int iml__synth_list(const iml__synth *s, const char *what)
{
    if (!strcmp(what, "fonts")) {
        for (size_t i = 0; i < iml__fontindex_count(s->fonts); i++) {
            const iml__font *f = iml__fontindex_font(s->fonts, i);
            field(f->path, '\t'), (void)printf("%d\t", f->index);
            field(f->family, '\t'), field(f->style, '\t'), (void)puts("usable");
        }
        for (size_t i = 0; i < iml__fontindex_bad_count(s->fonts); i++) {
            const iml__font *f = iml__fontindex_bad(s->fonts, i);
            field(f->path, '\t'), (void)printf("%d\t\t\t", f->index), field(f->reason, '\n');
        }
    } else if (!strcmp(what, "corpora")) {
        for (uint32_t i = 0; i < s->corpora->n; i++) {
            const iml__corpus *c = &s->corpora->item[i];
            field(c->name, '\t'), (void)printf("%zu\t%s\n", c->n, c->identity);
        }
    } else if (!strcmp(what, "backgrounds")) {
        for (uint32_t i = 0; i < s->nback; i++)
            field(s->back[i].path, '\t'), (void)puts(s->back[i].sha256);
        for (int k = IML__BG_BUILTIN; !s->nback && k < IML__BG_KINDS; k++)
            (void)puts(iml__bg_kind_name((enum iml__bg_kind)k));
    } else if (!strcmp(what, "scripts")) {
        for (uint32_t k = 0; k < s->config->nspec; k++) (void)puts(s->config->spec[k].name);
    }
    return IML__EXIT_OK;
}

bool iml__synth_knows_list(const char *what, iml_err *e)
{
    for (size_t k = 0; listed[k]; k++)
        if (!strcmp(listed[k], what)) return true;
    const char *near = iml__nearest(what, listed);
    (void)IML_FAIL(e, IML_EARG, "--list %s: fonts, corpora, backgrounds, scripts or keys%s%s%s",
                   what, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return false;
}

static int print_text(const iml__str *text, int code)
{
    (void)fputs(iml__str_text(text), stdout);
    return text->failed ? IML__EXIT_FAILED : code;
}

int iml__synth_list_keys(void)
{
    iml__str text;
    iml__str_init(&text, 1 << 20);
    iml__config_list_keys(&text);
    int code = print_text(&text, IML__EXIT_OK);
    iml__str_free(&text);
    return code;
}

int iml__synth_print_config(const iml__synth *s)
{
    iml__str text;
    iml__str_init(&text, 1 << 22);
    iml__config_print(s->config, false, &text);
    int code = print_text(&text, IML__EXIT_OK);
    iml__str_free(&text);
    return code;
}

// What each specification would draw, of what.
void iml__synth_sum_up(const iml__synth *s)
{
    iml__str l;
    iml__str_init(&l, 1 << 20);
    for (uint32_t k = 0; k < s->config->nspec; k++) {
        const iml__spec *spec = &s->config->spec[k];
        const iml__synth_spec *x = &s->spec[k];
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < spec->ncorpora; i++)
            bytes += s->corpora->item[spec->corpus[i].corpus].n;
        iml__str_addf(&l, "%s: ", spec->name);
        iml__text_count(&l, iml__seats_of_first(&s->seats, s->count, k));
        iml__str_addf(&l, " images, %u face%s, %u corp%s ", x->faces, x->faces == 1 ? "" : "s",
                      spec->ncorpora, spec->ncorpora == 1 ? "us" : "ora");
        iml__text_size(&l, bytes);
        if (x->bg == IML__BG_IMAGE)
            iml__str_addf(&l, ", %u background%s\n", x->nback, x->nback == 1 ? "" : "s");
        else
            iml__str_addf(&l, ", background %s\n",
                          x->bg == IML__BG_KINDS ? "builtin" : iml__bg_kind_name(x->bg));
    }
    (void)fputs(iml__str_text(&l), stdout);
    iml__str_free(&l);
}
