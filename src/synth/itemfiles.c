// itemfiles.c: what an item writes, and under which names (synth.md 3.1).
//
// Loose files stand in folders of 1,000. In shards the key is nine digits and nothing else, so that
// all files of a picture are one sample.
#include "src/synth/itemfiles.h"

#include "src/base/err.h"
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

// What recognisers may see: a picture of one line as it is.
static void samples(const iml__labelled *l, iml__sample *one, iml__labelled *out)
{
    const iml__synth_item *x = l->item;
    *one = (iml__sample){.file = l->file,
                         .stem = l->stem,
                         .text = x->text.utf8,
                         .len = x->text.len,
                         .w = x->out.image.w,
                         .h = x->out.image.h};
    out->sample = one, out->nsamples = x->block.nlines == 1;
}

iml_status iml__synth_files(const iml__synth *s, iml_item *it, iml__str *scratch,
                            const iml__synth_item *x, iml__outputs *out, bool *left_out, iml_err *e)
{
    const iml__output *o = &s->config->output;
    char stem[IML__STEM], file[IML__STEM + 8];
    iml_buf *picture;
    iml__sample one;
    iml__synth_stem(s, x->plan.index, stem);
    (void)snprintf(file, sizeof file, "%s.%s", stem, iml__synth_suffix(s));
    if (it) iml_stage(it, IML_STAGE_ENCODE);
    IML_TRY(iml__synth_encode(s, it, out->a, x, &picture, e));
    if (it) iml_stage(it, IML__STAGE_LABEL);
    iml__labelled l = {.s = s,
                       .item = x,
                       .file = file,
                       .stem = stem,
                       .bytes = iml_buf_data(picture),
                       .nbytes = iml_buf_size(picture),
                       .text = scratch,
                       .out = out};
    IML_TRY(iml__outputs_add(out, file, 0, picture, e));
    samples(&l, &one, &l);
    *left_out = !l.nsamples && iml__formats_recognise(o->labels);
    IML_TRY(iml__formats_write(&l, o->labels, e));
    if (!s->tar) return IML_OK;
    iml__str_clear(scratch);
    iml__str_add(scratch, x->text.utf8, x->text.len);
    return iml__format_file(&l, ".txt", e);
}
