// format_det.c: labels of detectors: a polygon and a text for each line or word (det_unit).
//
// Sources: PaddleOCR, "text detection" (label file); ICDAR 2015 task 4.1 (ground truth files); COCO
// "data format", object detection; MMOCR 1.x, "dataset preparation" (annotation format).
#include "src/synth/label_formats.h"

#include "src/base/err.h"
#include "src/base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { IDS = 1000000 }; // room for the annotations of a picture: it cannot have more words

static void key(iml__jsonw *w, const char *k) { iml__jsonw_key(w, k); }

static void key_strn(iml__jsonw *w, const char *k, const char *v, size_t n)
{
    iml__jsonw_key(w, k), iml__jsonw_strn(w, v, n);
}

// The outline: a curved line's polygon, else the quad.
static const double *outline(const iml__region *r, size_t *n)
{
    *n = r->npolygon ? r->npolygon : 4;
    return r->npolygon ? r->polygon : r->quad;
}

static void numbers(iml__jsonw *w, const double *v, size_t n)
{
    iml__jsonw_array(w);
    for (size_t k = 0; k < n; k++) iml__jsonw_fixed(w, v[k], 2);
    iml__jsonw_end(w);
}

static void bounds(const double *xy, size_t n, double box[4])
{
    box[0] = box[2] = xy[0], box[1] = box[3] = xy[1];
    for (size_t k = 1; k < n; k++) {
        box[0] = IML_MIN(box[0], xy[2 * k]), box[2] = IML_MAX(box[2], xy[2 * k]);
        box[1] = IML_MIN(box[1], xy[2 * k + 1]), box[3] = IML_MAX(box[3], xy[2 * k + 1]);
    }
}

// ---- PaddleOCR: FILE, tab, JSON

iml_status iml__format_paddle_det(const iml__labelled *l, iml_err *e)
{
    const iml__region *r;
    uint32_t n;
    iml__jsonw w;
    IML_TRY(iml__format_regions(l, &r, &n, e));
    iml__str_addf(l->text, "%s\t", l->file);
    iml__jsonw_init(&w, l->text, 0);
    iml__jsonw_array(&w);
    for (uint32_t k = 0; k < n; k++) {
        iml__jsonw_object(&w);
        key_strn(&w, "transcription", r[k].text, r[k].len);
        key(&w, "points"), iml__jsonw_array(&w);
        for (int c = 0; c < 4; c++) {
            iml__jsonw_array(&w);
            iml__jsonw_i64(&w, iml__format_round(r[k].quad[2 * c]));
            iml__jsonw_i64(&w, iml__format_round(r[k].quad[2 * c + 1]));
            iml__jsonw_end(&w);
        }
        iml__jsonw_end(&w), iml__jsonw_end(&w);
    }
    iml__jsonw_end(&w);
    iml__str_addc(l->text, '\n');
    return iml__format_piece(l, "paddle_det", e);
}

// ---- ICDAR 2015: x1,y1,..,x4,y4,TEXT a line

iml_status iml__format_icdar15(const iml__labelled *l, iml_err *e)
{
    const iml__region *r;
    uint32_t n;
    IML_TRY(iml__format_regions(l, &r, &n, e));
    for (uint32_t k = 0; k < n; k++) {
        for (int c = 0; c < 8; c++)
            iml__str_addf(l->text, "%lld,", (long long)iml__format_round(r[k].quad[c]));
        iml__str_add(l->text, r[k].text, r[k].len);
        iml__str_addc(l->text, '\n');
    }
    if (l->s->tar) return iml__format_file(l, ".icdar15.txt", e); // a name of its sample
    char name[64];
    (void)snprintf(name, sizeof name, "gt/gt_%09llu.txt", (unsigned long long)l->item->plan.index);
    return iml__outputs_text(l->out, name, 0, l->text, e);
}

// ---- COCO

static double area_of(const double *xy, size_t n)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++) {
        const double *a = xy + 2 * k, *b = xy + 2 * ((k + 1) % n);
        sum += a[0] * b[1] - b[0] * a[1];
    }
    return fabs(sum) / 2;
}

static void coco_annotation(iml__jsonw *w, const iml__region *r, uint64_t image, uint64_t id)
{
    double box[4];
    size_t n;
    const double *xy = outline(r, &n);
    bounds(xy, n, box);
    box[2] -= box[0], box[3] -= box[1];
    iml__jsonw_object(w);
    key(w, "id"), iml__jsonw_u64(w, id);
    key(w, "image_id"), iml__jsonw_u64(w, image);
    key(w, "category_id"), iml__jsonw_u64(w, 1);
    key(w, "iscrowd"), iml__jsonw_u64(w, 0);
    key(w, "bbox"), numbers(w, box, 4);
    key(w, "segmentation"), iml__jsonw_array(w), numbers(w, xy, 2 * n), iml__jsonw_end(w);
    key(w, "area"), iml__jsonw_fixed(w, area_of(xy, n), 2);
    key_strn(w, "text", r->text, r->len);
    iml__jsonw_end(w);
}

// Identities are a function of the index, so that a set can grow: images by it, annotations from
// index * 1,000,000 + 1 on (0 is no identity for some readers).
iml_status iml__format_coco(const iml__labelled *l, iml_err *e)
{
    const iml__region *r;
    uint32_t n;
    iml__jsonw w;
    uint64_t index = l->item->plan.index;
    IML_TRY(iml__format_regions(l, &r, &n, e));
    iml__jsonw_init(&w, l->text, 0);
    iml__jsonw_object(&w);
    key(&w, "id"), iml__jsonw_u64(&w, index);
    key_strn(&w, "file_name", l->file, strlen(l->file));
    key(&w, "width"), iml__jsonw_i64(&w, l->item->out.image.w);
    key(&w, "height"), iml__jsonw_i64(&w, l->item->out.image.h);
    iml__jsonw_end(&w);
    IML_TRY(iml__format_piece(l, "coco.images", e));
    iml__str_clear(l->text);
    for (uint32_t k = 0; k < n && k < IDS; k++) {
        iml__jsonw_init(&w, l->text, 0);
        if (k) iml__str_adds(l->text, ",\n");
        coco_annotation(&w, &r[k], index, index * IDS + k + 1);
    }
    return n ? iml__format_piece(l, "coco.annotations", e) : IML_OK;
}

// ---- MMOCR

iml_status iml__format_mmocr_det(const iml__labelled *l, iml_err *e)
{
    const iml__region *r;
    uint32_t n;
    iml__jsonw w;
    IML_TRY(iml__format_regions(l, &r, &n, e));
    iml__jsonw_init(&w, l->text, 0);
    iml__jsonw_object(&w);
    key_strn(&w, "img_path", l->file, strlen(l->file));
    key(&w, "height"), iml__jsonw_i64(&w, l->item->out.image.h);
    key(&w, "width"), iml__jsonw_i64(&w, l->item->out.image.w);
    key(&w, "instances"), iml__jsonw_array(&w);
    for (uint32_t k = 0; k < n; k++) {
        double box[4];
        size_t points;
        const double *xy = outline(&r[k], &points);
        bounds(xy, points, box);
        iml__jsonw_object(&w);
        key(&w, "polygon"), numbers(&w, xy, 2 * points);
        key(&w, "bbox"), numbers(&w, box, 4);
        key(&w, "bbox_label"), iml__jsonw_u64(&w, 0);
        key(&w, "ignore"), iml__jsonw_bool(&w, false);
        key_strn(&w, "text", r[k].text, r[k].len);
        iml__jsonw_end(&w);
    }
    iml__jsonw_end(&w), iml__jsonw_end(&w);
    return iml__format_piece(l, "mmocr_det", e);
}
