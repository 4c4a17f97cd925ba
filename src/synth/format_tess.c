// format_tess.c: box files for the training of Tesseract's LSTM.
//
// A row a unit: UNIT left bottom right top page, origin at the bottom left; a tab row ends a line.
// Tesseract reads and writes a line from left to right whatever its script, so a line with
// right-to-left text is one WordStr row whose text stands in the order of the picture, brackets as
// they look; vertical lines are one WordStr row too. Sources: tessdoc "Make Box Files" (4.1.1 and
// 5), tesstrain.
#include "src/synth/label_formats.h"

#include <hb.h>
#include <utf8proc.h>

static void row(const iml__labelled *l, int32_t box[4])
{
    int32_t w = l->item->out.image.w, h = l->item->out.image.h;
    iml__format_within(box, w, h);
    iml__str_addf(l->text, " %d %d %d %d 0", box[0], h - box[3], box[2], h - box[1]);
}

static bool leftward(const iml__lay_line *line)
{
    for (uint32_t k = 0; k < line->nruns; k++)
        if (line->runs[k].level & 1) return true;
    return false;
}

// A unit's characters; in a run to the left each as it looks.
static void add_unit(const iml__labelled *l, const iml__lay_line *line, const iml__lay_unit *u)
{
    const char *p = l->item->text.utf8 + u->byte0, *end = l->item->text.utf8 + u->byte1;
    bool mirror = line->runs[u->run].level & 1;
    while (p < end) {
        utf8proc_int32_t cp;
        utf8proc_uint8_t out[4];
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)p, end - p, &cp);
        if (n <= 0) return; // it was drawn: never
        if (mirror)
            cp = (utf8proc_int32_t)hb_unicode_mirroring(hb_unicode_funcs_get_default(),
                                                        (hb_codepoint_t)cp);
        iml__str_add(l->text, out, (size_t)utf8proc_encode_char(cp, out));
        p += n;
    }
}

static void whole_line(const iml__labelled *l, uint32_t k, int32_t box[4], bool as_seen)
{
    const iml__lay_line *line = &l->item->block.lines[k];
    iml__str_adds(l->text, "WordStr"), row(l, box), iml__str_adds(l->text, " #");
    for (uint32_t i = 0; as_seen && i < line->nunits; i++)
        add_unit(l, line, &line->units[line->visual[i]]);
    if (!as_seen)
        iml__str_add(l->text, l->item->text.utf8 + line->byte0, line->byte1 - line->byte0);
    iml__str_addc(l->text, '\n');
}

static void units(const iml__labelled *l, uint32_t k)
{
    const iml__lay_line *line = &l->item->block.lines[k];
    for (uint32_t i = 0; i < line->nunits; i++) {
        const iml__lay_unit *u = &line->units[i];
        const iml__render_unit *r = &l->item->out.lines[k].units[i];
        int32_t box[4];
        iml__format_box(r->inked ? r->quad : r->cell, 4, box); // a space has no ink
        iml__str_add(l->text, l->item->text.utf8 + u->byte0, u->byte1 - u->byte0);
        row(l, box), iml__str_addc(l->text, '\n');
    }
}

iml_status iml__format_tesseract_box(const iml__labelled *l, iml_err *e)
{
    const iml__synth_item *it = l->item;
    bool vertical = it->opt.dir == IML__LAY_TTB || it->opt.dir == IML__LAY_BTT;
    for (uint32_t k = 0; k < it->block.nlines; k++) {
        const iml__lay_line *line = &it->block.lines[k];
        int32_t box[4];
        if (!it->out.lines[k].inked) continue;
        iml__format_box(it->out.lines[k].quad, 4, box);
        if (vertical || leftward(line))
            whole_line(l, k, box, !vertical);
        else
            units(l, k);
        int32_t end[4] = {box[2], box[1], box[2] + 1, box[3]};
        iml__str_addc(l->text, '\t'), row(l, end), iml__str_addc(l->text, '\n');
    }
    return iml__format_file(l, ".box", e);
}
