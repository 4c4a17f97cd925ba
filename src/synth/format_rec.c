// format_rec.c: labels of recognisers: a picture of one line and its text, and for SynthTIGER the
// boxes of its characters.
//
// A sample is the whole picture, or a line cut out of it: then places go through the crop's map.
// Sources: PaddleOCR, "text recognition" (label file, dictionary); MMOCR 1.x, annotation format;
// tesstrain, "provide ground truth"; EasyOCR trainer, dataset.py; Hugging Face datasets, "image
// folder"; SynthTIGER, README and examples; TextRecognitionDataGenerator, -na 2.
#include "src/synth/label_formats.h"

#include "src/base/err.h"
#include "src/base/json.h"

#include "src/synth/tighten.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

// FILE, a separator, TEXT a line.
static iml_status lines(const iml__labelled *l, char between, const char *pieces, iml_err *e)
{
    for (uint32_t k = 0; k < l->nsamples; k++) {
        const iml__sample *s = &l->sample[k];
        iml__str_adds(l->text, s->file), iml__str_addc(l->text, between);
        iml__str_add(l->text, s->text, s->len), iml__str_addc(l->text, '\n');
    }
    return iml__format_piece(l, pieces, e);
}

iml_status iml__format_trdg(const iml__labelled *l, iml_err *e) { return lines(l, ' ', "trdg", e); }

// The dictionary has every character but the space, which PaddleOCR adds by use_space_char.
iml_status iml__format_paddle_rec(const iml__labelled *l, iml_err *e)
{
    IML_TRY(lines(l, '\t', "paddle_rec", e));
    iml__str_clear(l->text);
    for (uint32_t k = 0; k < l->nsamples; k++) {
        const iml__sample *s = &l->sample[k];
        for (size_t at = 0; at < s->len;) {
            utf8proc_int32_t cp;
            utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s->text + at,
                                                  (utf8proc_ssize_t)(s->len - at), &cp);
            if (n <= 0) break; // it was drawn: never
            if (cp != ' ') {
                iml__str_add(l->text, s->text + at, (size_t)n);
                iml__str_addc(l->text, '\n');
            }
            at += (size_t)n;
        }
    }
    return iml__format_piece(l, "dict", e);
}

iml_status iml__format_mmocr_rec(const iml__labelled *l, iml_err *e)
{
    for (uint32_t k = 0; k < l->nsamples; k++) {
        const iml__sample *s = &l->sample[k];
        iml__jsonw w;
        if (k) iml__str_adds(l->text, ",\n");
        iml__jsonw_init(&w, l->text, 0);
        iml__jsonw_object(&w);
        iml__jsonw_key(&w, "img_path"), iml__jsonw_str(&w, s->file);
        iml__jsonw_key(&w, "instances"), iml__jsonw_array(&w), iml__jsonw_object(&w);
        iml__jsonw_key(&w, "text"), iml__jsonw_strn(&w, s->text, s->len);
        iml__jsonw_end(&w), iml__jsonw_end(&w), iml__jsonw_end(&w);
    }
    return iml__format_piece(l, "mmocr_rec", e);
}

iml_status iml__format_hf_metadata(const iml__labelled *l, iml_err *e)
{
    for (uint32_t k = 0; k < l->nsamples; k++) {
        const iml__sample *s = &l->sample[k];
        iml__jsonw w;
        iml__jsonw_init(&w, l->text, 0);
        iml__jsonw_object(&w);
        iml__jsonw_key(&w, "file_name"), iml__jsonw_str(&w, s->file);
        iml__jsonw_key(&w, "text"), iml__jsonw_strn(&w, s->text, s->len);
        iml__jsonw_end(&w);
        iml__str_addc(l->text, '\n');
    }
    return iml__format_piece(l, "hf_metadata", e);
}

// RFC 4180: quoted only where it must be, lines end in CR LF.
static void csv_field(iml__str *o, const char *p, size_t n)
{
    bool quote = false;
    for (size_t k = 0; k < n; k++)
        quote |= p[k] == ',' || p[k] == '"' || p[k] == '\n' || p[k] == '\r';
    if (quote) iml__str_addc(o, '"');
    for (size_t k = 0; k < n; k++) {
        if (p[k] == '"') iml__str_addc(o, '"');
        iml__str_addc(o, p[k]);
    }
    if (quote) iml__str_addc(o, '"');
}

iml_status iml__format_easyocr_csv(const iml__labelled *l, iml_err *e)
{
    for (uint32_t k = 0; k < l->nsamples; k++) {
        const iml__sample *s = &l->sample[k];
        csv_field(l->text, s->file, strlen(s->file)), iml__str_addc(l->text, ',');
        csv_field(l->text, s->text, s->len), iml__str_adds(l->text, "\r\n");
    }
    return iml__format_piece(l, "easyocr_csv", e);
}

iml_status iml__format_tesseract_gt(const iml__labelled *l, iml_err *e)
{
    char name[128];
    for (uint32_t k = 0; k < l->nsamples; k++) {
        const iml__sample *s = &l->sample[k];
        iml__str_clear(l->text);
        iml__str_add(l->text, s->text, s->len), iml__str_addc(l->text, '\n');
        (void)snprintf(name, sizeof name, "%s.gt.txt", s->stem);
        IML_TRY(iml__outputs_text(l->out, name, 0, l->text, e));
    }
    return IML_OK;
}

// ---- SynthTIGER: FILE, then x0,y0,x1,y1 of each character

static void through(const double *to, const double in[8], double out[8])
{
    for (int k = 0; k < 8; k += 2) {
        double x = in[k], y = in[k + 1];
        if (!to) {
            out[k] = x, out[k + 1] = y;
            continue;
        }
        double w = to[6] * x + to[7] * y + to[8];
        out[k] = (to[0] * x + to[1] * y + to[2]) / w;
        out[k + 1] = (to[3] * x + to[4] * y + to[5]) / w;
    }
}

// With the text's effects (its border), or the glyphs alone.
static iml_status coords(const iml__labelled *l, bool glyphs, const char *pieces, iml_err *e)
{
    const iml__synth_item *it = l->item;
    iml__str_clear(l->text);
    for (uint32_t k = 0; k < l->nsamples; k++) {
        const iml__sample *s = &l->sample[k];
        const iml__lay_line *line = &it->block.lines[s->line];
        iml__str_adds(l->text, s->file);
        for (uint32_t u = 0; u < line->nunits; u++) {
            const iml__render_unit *r = &it->out.lines[s->line].units[u];
            double q[8];
            int32_t box[4];
            if (!r->inked) continue;
            memcpy(q, r->quad, sizeof q);
            if (glyphs && it->plan.num[IML__N_border] > 0) {
                double before = iml__quad_area(line->units[u].quad), after = iml__quad_area(q);
                double scale = before > 0 ? sqrt(after / before) : 1;
                iml__quad_push(q, -it->plan.num[IML__N_border] * scale);
            }
            through(s->to, q, q);
            iml__format_box(q, 4, box);
            iml__format_within(box, s->w, s->h); // a unit may lean out of its line's crop
            iml__str_addf(l->text, "\t%d,%d,%d,%d", box[0], box[1], box[2], box[3]);
        }
        iml__str_addc(l->text, '\n');
    }
    return iml__format_piece(l, pieces, e);
}

iml_status iml__format_synthtiger(const iml__labelled *l, iml_err *e)
{
    IML_TRY(lines(l, '\t', "synthtiger.gt", e));
    IML_TRY(coords(l, false, "synthtiger.coords", e));
    return coords(l, true, "synthtiger.glyph_coords", e);
}
