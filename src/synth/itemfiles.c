// itemfiles.c: what an item writes, and under which names (synth.md 3.1).
//
// Loose files stand in folders of 1,000. In shards the key is nine digits and nothing else, so that
// all files of a picture are one sample.
#include "src/synth/itemfiles.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/image/rectify.h"
#include "src/synth/coverage.h"
#include "src/synth/label_formats.h"
#include "src/synth/synth_job.h"

#include <stdio.h>
#include <string.h>

void iml__synth_stem(const iml__synth *s, uint64_t index, char out[IML__STEM])
{
    unsigned long long i = index;
    if (s->tar)
        (void)snprintf(out, IML__STEM, "%09llu", i);
    else
        (void)snprintf(out, IML__STEM, "%06llu/%09llu", i / 1000, i);
}

const char *iml__synth_suffix(const iml__synth *s)
{
    static const char *const suffix[] = {"png", "jpg", "webp"};
    return suffix[s->config->output.format];
}

// ---- Pictures

static iml_status encode(const iml__labelled *l, iml_item *it, const iml_image *m, bool lossless,
                         const char *name, iml_err *e)
{
    iml_buf *b;
    IML_TRY(iml__synth_encode_as(l->s, it, l->out->a, m, lossless, l->item->plan.quality, &b, e));
    return iml__outputs_add(l->out, name, 0, b, e);
}

// Masks and extras are PNG whatever the picture is: they are exact.
static iml_status extras(const iml__labelled *l, iml_item *it, iml_err *e)
{
    const iml__render_out *o = &l->item->out;
    const struct {
        const iml_image *m;
        const char *suffix;
    } all[] = {{&o->mask, "text"},
               {&o->unit_mask, "unit"},
               {&o->line_mask, "line"},
               {&o->text_free, "background"},
               {&o->text_alone, "textlayer"}};
    char name[IML__STEM + 24];
    for (size_t k = 0; k < IML_COUNT_OF(all); k++) {
        if (!all[k].m->px) continue;
        (void)snprintf(name, sizeof name, "%s.%s.png", l->stem, all[k].suffix);
        IML_TRY(encode(l, it, all[k].m, true, name, e));
    }
    return IML_OK;
}

// ---- Crops: samples of their own. In shards each has its text beside it, as the pictures have.

static iml_status crop(const iml__labelled *l, iml_item *it, const iml__cut *cut,
                       const iml__sample *s, iml_err *e)
{
    iml_image m;
    char name[IML__STEM + 32];
    IML_TRY(iml__rectify(&l->item->out.image, cut, l->out->a, &m, e));
    iml_buf *b;
    IML_TRY(iml__synth_encode_as(l->s, it, l->out->a, &m, false, l->item->plan.quality, &b, e));
    IML_TRY(iml__outputs_add(l->out, s->file, 0, b, e));
    if (!l->s->tar) return IML_OK;
    iml__str_clear(l->text);
    iml__str_add(l->text, s->text, s->len);
    (void)snprintf(name, sizeof name, "%s.txt", s->stem);
    return iml__outputs_text(l->out, name, 0, l->text, e);
}

// The sample of a line or word; false: its quad cannot be cut out.
static bool sample_of(const iml__labelled *l, const double quad[8], const char *stem, uint32_t line,
                      iml__cut *cut, iml__sample *s)
{
    iml_arena *a = l->out->a;
    size_t n = strlen(stem) + 8;
    char *file = iml_arena_alloc(a, n);
    double *to = iml_arena_alloc(a, sizeof cut->to);
    if (!iml__cut_of(quad, cut) || !file || !to) return false;
    if ((double)cut->w * cut->h > l->item->plan.num[IML__N_max_canvas]) return false;
    memcpy(to, cut->to, sizeof cut->to);
    (void)snprintf(file, n, "%s.%s", stem, iml__synth_suffix(l->s));
    *s = (iml__sample){.file = file,
                       .stem = iml__arena_strdup(a, stem),
                       .line = line,
                       .w = cut->w,
                       .h = cut->h,
                       .to = to};
    return s->stem != NULL;
}

static iml_status crops_of_line(iml__labelled *l, iml_item *it, uint32_t k, iml__sample *next,
                                iml_err *e)
{
    const iml__synth_item *x = l->item;
    const iml__lay_line *line = &x->block.lines[k];
    const iml__render_line *r = &x->out.lines[k];
    unsigned which = l->s->config->output.crops;
    const char *dir = l->s->tar ? "" : "crops/";
    char stem[IML__STEM + 24];
    iml__cut cut;
    (void)snprintf(stem, sizeof stem, "%s%s_l%02u", dir, l->stem, k);
    if (which & IML__CROPS_LINES && r->inked && sample_of(l, r->quad, stem, k, &cut, next)) {
        next->text = x->text.utf8 + line->byte0, next->len = line->byte1 - line->byte0;
        IML_TRY(crop(l, it, &cut, next, e));
        if (x->block.nlines > 1) l->nsamples++;
    }
    for (uint32_t i = 0; which & IML__CROPS_WORDS && i < line->nwords; i++) {
        const iml__lay_word *w = &line->words[i];
        iml__sample s;
        (void)snprintf(stem, sizeof stem, "%s%s_l%02uw%02u", dir, l->stem, k, i);
        if (!r->words[i].inked || !sample_of(l, r->words[i].quad, stem, k, &cut, &s)) continue;
        s.text = x->text.utf8 + w->byte0, s.len = w->byte1 - w->byte0;
        IML_TRY(crop(l, it, &cut, &s, e));
    }
    return IML_OK;
}

// What recognisers may see: a picture of one line as it is, of several lines their crops.
static iml_status samples(iml__labelled *l, iml_item *it, iml_err *e)
{
    const iml__synth_item *x = l->item;
    uint32_t lines = x->block.nlines;
    iml__sample *all = iml_arena_calloc(l->out->a, (size_t)lines + 1, sizeof *all);
    if (!all) return IML_FAIL(e, IML_ENOMEM, "no memory for crops");
    l->sample = all, l->nsamples = lines == 1;
    all[0] = (iml__sample){.file = l->file,
                           .stem = l->stem,
                           .text = x->text.utf8,
                           .len = x->text.len,
                           .w = x->out.image.w,
                           .h = x->out.image.h};
    for (uint32_t k = 0; k < lines && l->s->config->output.crops; k++)
        IML_TRY(crops_of_line(l, it, k, &all[l->nsamples], e));
    return IML_OK;
}

static uint32_t inked_lines(const iml__synth_item *x)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < x->block.nlines; k++) n += x->out.lines[k].inked;
    return x->block.nlines == 1 ? 1 : n;
}

iml_status iml__synth_files(const iml__synth *s, iml_item *it, iml__synth_worker *w,
                            const iml__synth_item *x, iml__outputs *out, bool *left_out, iml_err *e)
{
    const iml__output *o = &s->config->output;
    char stem[IML__STEM], file[IML__STEM + 8];
    iml_buf *picture;
    iml__synth_stem(s, x->plan.index, stem);
    (void)snprintf(file, sizeof file, "%s.%s", stem, iml__synth_suffix(s));
    if (it) iml_stage(it, IML_STAGE_ENCODE);
    IML_TRY(iml__synth_encode(s, it, out->a, x, &picture, e));
    iml__labelled l = {.s = s,
                       .item = x,
                       .file = file,
                       .stem = stem,
                       .bytes = iml_buf_data(picture),
                       .nbytes = iml_buf_size(picture),
                       .text = &w->label,
                       .out = out};
    IML_TRY(iml__outputs_add(out, file, 0, picture, e));
    IML_TRY(extras(&l, it, e));
    IML_TRY(samples(&l, it, e));
    if (it) iml_stage(it, IML__STAGE_LABEL);
    *left_out = l.nsamples < inked_lines(x) && iml__formats_recognise(o->labels);
    IML_TRY(iml__formats_write(&l, o->labels, e));
    if (!o->no_coverage) IML_TRY(iml__coverage_add(&l, w, e));
    if (!s->tar) return IML_OK;
    iml__str_clear(l.text);
    iml__str_add(l.text, x->text.utf8, x->text.len);
    return iml__format_file(&l, ".txt", e);
}
