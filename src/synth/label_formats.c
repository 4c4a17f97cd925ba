// label_formats.c: the table of label formats, the files they share between items, and what writers
// share.
#include "src/synth/label_formats.h"

#include "src/base/err.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const iml__format iml__formats[IML__LABELS] = {
#define IML_LABELS(name, alias, flags, writer, about) {#name, alias, about, flags, writer},
#include "src/synth/label_formats.def"
};

// ---- Files that all items append to

static const struct {
    int label;
    iml_pieces pieces;
} all_pieces[] = {
    {IML__L_jsonl, {"jsonl", NULL, NULL}},
    {IML__L_paddle_det, {"paddle_det", NULL, NULL}},
    {IML__L_paddle_rec, {"paddle_rec", NULL, NULL}},
    {IML__L_paddle_rec, {"dict", NULL, ""}},
    {IML__L_coco, {"coco.images", ",\n", NULL}},
    {IML__L_coco, {"coco.annotations", ",\n", NULL}},
    {IML__L_mmocr_det, {"mmocr_det", ",\n", NULL}},
    {IML__L_mmocr_rec, {"mmocr_rec", ",\n", NULL}},
    {IML__L_easyocr_csv, {"easyocr_csv", NULL, NULL}},
    {IML__L_hf_metadata, {"hf_metadata", NULL, NULL}},
    {IML__L_synthtiger, {"synthtiger.gt", NULL, NULL}},
    {IML__L_synthtiger, {"synthtiger.coords", NULL, NULL}},
    {IML__L_synthtiger, {"synthtiger.glyph_coords", NULL, NULL}},
    {IML__L_trdg, {"trdg", NULL, NULL}},
};

enum { SECTIONS = 3 };
static const struct {
    int label;
    const char *name;
    iml_section section[SECTIONS];
} all_files[] = {
    {IML__L_jsonl, "labels.jsonl", {{NULL, "jsonl"}}},
    {IML__L_paddle_det, "paddle_det.txt", {{NULL, "paddle_det"}}},
    {IML__L_paddle_rec, "paddle_rec.txt", {{NULL, "paddle_rec"}}},
    {IML__L_paddle_rec, "dict.txt", {{NULL, "dict"}}},
    {IML__L_coco,
     "coco.json",
     {{"{\"info\":{\"description\":\"made by imloom synth\",\"version\":\"1\"},\n\"images\":[\n",
       "coco.images"},
      {"\n],\n\"annotations\":[\n", "coco.annotations"},
      {"\n],\n\"categories\":[{\"id\":1,\"name\":\"text\",\"supercategory\":\"text\"}]}\n", NULL}}},
    {IML__L_mmocr_det,
     "mmocr_det.json",
     {{"{\"metainfo\":{\"dataset_type\":\"TextDetDataset\",\"task_name\":\"textdet\","
       "\"category\":[{\"id\":0,\"name\":\"text\"}]},\n\"data_list\":[\n",
       "mmocr_det"},
      {"\n]}\n", NULL}}},
    {IML__L_mmocr_rec,
     "mmocr_rec.json",
     {{"{\"metainfo\":{\"dataset_type\":\"TextRecogDataset\",\"task_name\":\"textrecog\"},\n"
       "\"data_list\":[\n",
       "mmocr_rec"},
      {"\n]}\n", NULL}}},
    {IML__L_easyocr_csv, "labels.csv", {{"filename,words\r\n", "easyocr_csv"}}},
    {IML__L_hf_metadata, "metadata.jsonl", {{NULL, "hf_metadata"}}},
    {IML__L_synthtiger, "gt.txt", {{NULL, "synthtiger.gt"}}},
    {IML__L_synthtiger, "coords.txt", {{NULL, "synthtiger.coords"}}},
    {IML__L_synthtiger, "glyph_coords.txt", {{NULL, "synthtiger.glyph_coords"}}},
    {IML__L_trdg, "labels.txt", {{NULL, "trdg"}}},
};

static uint32_t sections_of(const iml_section *s)
{
    uint32_t n = 0;
    while (n < SECTIONS && (s[n].text || s[n].pieces)) n++;
    return n;
}

iml_status iml__formats_declare(unsigned labels, iml_arena *a, iml_job *job, iml_err *e)
{
    iml_pieces *pieces = iml_arena_calloc(a, IML_COUNT_OF(all_pieces), sizeof *pieces);
    iml_aggregate *file = iml_arena_calloc(a, IML_COUNT_OF(all_files), sizeof *file);
    if (!pieces || !file) return IML_FAIL(e, IML_ENOMEM, "no memory for a job");
    job->pieces = pieces, job->aggregates = file;
    for (size_t k = 0; k < IML_COUNT_OF(all_pieces); k++)
        if (labels >> all_pieces[k].label & 1) pieces[job->npieces++] = all_pieces[k].pieces;
    for (size_t k = 0; k < IML_COUNT_OF(all_files); k++)
        if (labels >> all_files[k].label & 1)
            file[job->naggregates++] =
                (iml_aggregate){.name = all_files[k].name,
                                .section = all_files[k].section,
                                .nsections = sections_of(all_files[k].section)};
    job->appends = job->npieces > 0;
    return IML_OK;
}

// ---- Writing

bool iml__formats_recognise(unsigned labels)
{
    for (int k = 0; k < IML__LABELS; k++)
        if (labels >> k & 1 && iml__formats[k].flags & IML__FORMAT_RECOGNISES) return true;
    return false;
}

iml_status iml__formats_write(const iml__labelled *l, unsigned labels, iml_err *e)
{
    for (int k = 0; k < IML__LABELS; k++) {
        const iml__format *f = &iml__formats[k];
        if (!(labels >> k & 1)) continue;
        if (f->flags & IML__FORMAT_RECOGNISES && !l->nsamples) continue; // counted by the job
        iml__str_clear(l->text);
        IML_TRY(f->write(l, e));
    }
    return IML_OK;
}

iml_status iml__format_file(const iml__labelled *l, const char *suffix, iml_err *e)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%s%s", l->stem, suffix);
    return iml__outputs_text(l->out, name, 0, l->text, e);
}

iml_status iml__format_piece(const iml__labelled *l, const char *pieces, iml_err *e)
{
    return iml__outputs_text(l->out, pieces, IML_OUT_APPEND, l->text, e);
}

// ---- Places

int64_t iml__format_round(double v) { return (int64_t)floor(v + 0.5); }

void iml__format_box(const double *xy, size_t n, int32_t box[4])
{
    double x0 = xy[0], y0 = xy[1], x1 = xy[0], y1 = xy[1];
    for (size_t k = 1; k < n; k++) {
        x0 = IML_MIN(x0, xy[2 * k]), x1 = IML_MAX(x1, xy[2 * k]);
        y0 = IML_MIN(y0, xy[2 * k + 1]), y1 = IML_MAX(y1, xy[2 * k + 1]);
    }
    box[0] = (int32_t)floor(x0), box[1] = (int32_t)floor(y0);
    box[2] = (int32_t)ceil(x1), box[3] = (int32_t)ceil(y1);
}

void iml__format_within(int32_t box[4], int32_t w, int32_t h)
{
    box[0] = IML_CLAMP(box[0], 0, w - 1), box[2] = IML_CLAMP(box[2], box[0] + 1, w);
    box[1] = IML_CLAMP(box[1], 0, h - 1), box[3] = IML_CLAMP(box[3], box[1] + 1, h);
}

iml_status iml__format_regions(const iml__labelled *l, const iml__region **out, uint32_t *n,
                               iml_err *e)
{
    const iml__synth_item *it = l->item;
    bool words = l->s->config->output.det_unit == IML__DET_WORD;
    size_t room = 1;
    for (uint32_t k = 0; k < it->block.nlines; k++) room += words ? it->block.lines[k].nwords : 1;
    iml__region *r = iml_arena_calloc(l->out->a, room, sizeof *r);
    if (!r) return IML_FAIL(e, IML_ENOMEM, "no memory for the places of lines");
    *out = r, *n = 0;
    for (uint32_t k = 0; k < it->block.nlines; k++) {
        const iml__lay_line *line = &it->block.lines[k];
        const iml__render_line *at = &it->out.lines[k];
        for (uint32_t i = 0; words && i < line->nwords; i++)
            if (at->words[i].inked)
                r[(*n)++] = (iml__region){.text = it->text.utf8 + line->words[i].byte0,
                                          .len = line->words[i].byte1 - line->words[i].byte0,
                                          .quad = at->words[i].quad};
        if (!words && at->inked)
            r[(*n)++] = (iml__region){.text = it->text.utf8 + line->byte0,
                                      .len = line->byte1 - line->byte0,
                                      .quad = at->quad,
                                      .polygon = at->polygon,
                                      .npolygon = at->npolygon};
    }
    return IML_OK;
}
