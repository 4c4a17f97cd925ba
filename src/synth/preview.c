// preview.c: the contact sheet (synth.md 3.5).
//
// Every item becomes a thumbnail with its outlines as soon as it comes, so only thumbnails are
// kept; rows are as high as their highest one. Lines are drawn after scaling, 1 px wide, from
// integers: the sheet's bytes are stable. Pictures are never enlarged, and no thumbnail is higher
// than a cell is wide, so a column of vertical text does not stretch its row.
#include "src/synth/preview.h"

#include <math.h>
#include <string.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/image/compose.h"
#include "src/image/resample.h"
#include "src/kernel/kernel.h"

enum { GAP = 8, PAPER = 236, DASH = 3 };

static const struct {
    const char *name;
    unsigned bit;
} layer_names[] = {
    {"units", IML__SHEET_UNITS},       {"lines", IML__SHEET_LINES}, {"words", IML__SHEET_WORDS},
    {"baseline", IML__SHEET_BASELINE}, {"cells", IML__SHEET_CELLS}, {"polygon", IML__SHEET_POLYGON},
};

static const uint8_t line_rgb[3] = {40, 80, 255}, word_rgb[3] = {235, 190, 0};
static const uint8_t base_rgb[3] = {110, 110, 110}, cell_rgb[3] = {165, 165, 165};
static const uint8_t polygon_rgb[3] = {90, 170, 255};
static const uint8_t first_rgb[3] = {0, 170, 40}, last_rgb[3] = {230, 20, 50};

void iml__sheet_defaults(iml__sheet_opts *o)
{
    *o = (iml__sheet_opts){
        .count = 24, .columns = 4, .width = 320, .layers = IML__SHEET_UNITS | IML__SHEET_LINES};
}

iml_status iml__sheet_layers(const char *list, unsigned *layers, iml_err *e)
{
    *layers = 0;
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ","), k = 0;
        while (k < IML_COUNT_OF(layer_names) &&
               (strlen(layer_names[k].name) != n || memcmp(layer_names[k].name, p, n) != 0))
            k++;
        if (k == IML_COUNT_OF(layer_names))
            return IML_FAIL(e, IML_EARG,
                            "%.*s is no layer of a preview: units, lines, words, baseline, cells, "
                            "polygon",
                            (int)IML_MIN(n, 40), p);
        *layers |= layer_names[k].bit;
        p += n + (p[n] == ',');
    }
    return IML_OK;
}

// ---- Lines

typedef struct pen {
    iml_image *m; // RGB
    double sx, sy;
    uint8_t rgb[3];
    bool dashed;
} pen;

static int64_t fixed(double v) { return (int64_t)floor(IML_CLAMP(v, -1e6, 1e6) * 256 + 0.5); }

static void stroke(const pen *p, const double *from, const double *to)
{
    int64_t x0 = fixed(from[0] * p->sx), y0 = fixed(from[1] * p->sy);
    int64_t x1 = fixed(to[0] * p->sx), y1 = fixed(to[1] * p->sy);
    int64_t dx = x1 - x0, dy = y1 - y0;
    int64_t n = (IML_MAX(dx < 0 ? -dx : dx, dy < 0 ? -dy : dy) >> 8) + 1;
    for (int64_t t = 0; t <= n; t++) {
        int64_t x = (x0 * n + dx * t) / n >> 8, y = (y0 * n + dy * t) / n >> 8;
        // The right and lower edge of the picture itself belong to its last pixels.
        x = x == p->m->w ? x - 1 : x, y = y == p->m->h ? y - 1 : y;
        if (x < 0 || y < 0 || x > p->m->w - 1 || y > p->m->h - 1) continue;
        if (p->dashed && (t / DASH & 1)) continue;
        memcpy(iml__image_row(p->m, (int32_t)y) + 3 * x, p->rgb, 3);
    }
}

static void outline(const pen *p, const double *xy, size_t n)
{
    for (size_t i = 0; i < n; i++) stroke(p, xy + 2 * i, xy + 2 * ((i + 1) % n));
}

static void quads(const pen *p, const double *q, size_t n)
{
    for (size_t i = 0; q && i < n; i++)
        if (!isnan(q[8 * i])) outline(p, q + 8 * i, 4);
}

static pen pen_of(const pen *p, const uint8_t rgb[3])
{
    pen q = *p;
    memcpy(q.rgb, rgb, 3);
    return q;
}

// Green to red in logical order.
static void draw_units(const pen *p, const iml__sheet_item *it)
{
    for (size_t i = 0; it->units && i < it->nunits; i++) {
        pen q = *p;
        size_t n = it->nunits > 1 ? it->nunits - 1 : 1;
        for (int c = 0; c < 3; c++)
            q.rgb[c] = (uint8_t)((first_rgb[c] * (n - i) + last_rgb[c] * i) / n);
        quads(&q, it->units + 8 * i, 1);
    }
}

static void draw_layers(const iml__sheet_item *it, unsigned layers, const pen *p)
{
    pen cells = pen_of(p, cell_rgb), words = pen_of(p, word_rgb), lines = pen_of(p, line_rgb);
    pen base = pen_of(p, base_rgb), poly = pen_of(p, polygon_rgb);
    base.dashed = true;
    if (layers & IML__SHEET_CELLS) quads(&cells, it->cells, it->nunits);
    for (size_t i = 0; layers & IML__SHEET_BASELINE && it->baselines && i < it->nlines; i++)
        if (!isnan(it->baselines[4 * i]))
            stroke(&base, it->baselines + 4 * i, it->baselines + 4 * i + 2);
    if (layers & IML__SHEET_WORDS) quads(&words, it->words, it->nwords);
    if (layers & IML__SHEET_LINES) quads(&lines, it->lines, it->nlines);
    for (size_t i = 0; layers & IML__SHEET_POLYGON && it->polygons && i < it->nlines; i++)
        if (it->polygons[i] && it->npolygon[i]) outline(&poly, it->polygons[i], it->npolygon[i]);
    if (layers & IML__SHEET_UNITS) draw_units(p, it);
}

// ---- Thumbnails

static iml_status to_rgb(const iml_image *m, iml_arena *a, iml_image *out, iml_err *e)
{
    IML_TRY(iml__image_new(a, m->w, m->h, 3, IML__U8, out, e));
    iml__image_fill(out, (const uint8_t[3]){255, 255, 255});
    for (int32_t y = 0; y < m->h; y++) {
        const uint8_t *s = iml__image_row(m, y);
        uint8_t *d = iml__image_row(out, y);
        size_t n = (size_t)m->channels;
        if (n == 3) memcpy(d, s, 3 * (size_t)m->w);
        if (n == 4) iml__kernel()->over_rgba_rgb_u8(d, s, (size_t)m->w);
        for (int32_t x = 0; x < m->w && n < 3; x++, s += n, d += 3) {
            uint32_t a255 = n == 2 ? s[1] : 255;
            d[0] = d[1] = d[2] = (uint8_t)iml__div255(s[0] * a255 + 255 * (255 - a255));
        }
    }
    return IML_OK;
}

static iml_status thumbnail(const iml__sheet_opts *o, const iml__sheet_item *it, iml_arena *a,
                            iml_arena *scratch, iml_image *out, iml_err *e)
{
    const iml_image *m = &it->image;
    iml_image rgb;
    if (m->depth != IML__U8 || m->w < 1 || m->h < 1)
        return IML_FAIL(e, IML_EARG, "the preview takes 8-bit pictures only");
    double s = IML_MIN(1.0, IML_MIN((double)o->width / m->w, (double)o->width / m->h));
    int32_t w = IML_MIN(iml__scaled_side(m->w, s), o->width);
    int32_t h = IML_MIN(iml__scaled_side(m->h, s), o->width);
    bool same = w == m->w && h == m->h;
    IML_TRY(to_rgb(m, same ? a : scratch, &rgb, e));
    if (same)
        *out = rgb;
    else
        IML_TRY(iml__resize(&rgb, w, h, IML__FILTER_AREA, a, out, e));
    pen p = {.m = out, .sx = (double)w / m->w, .sy = (double)h / m->h};
    draw_layers(it, o->layers, &p);
    return IML_OK;
}

// ---- Captions

static int32_t caption_height(const iml__sheet_opts *o)
{
    iml__face_lines f;
    if (!o->nfaces) return 0;
    iml__face_metrics(o->faces[0], &f);
    return (int32_t)ceil(f.ascent - f.descent) + 2;
}

// Coverage of the caption, cut at the cell's width; px NULL: it cannot be drawn.
static iml_status caption(const iml__sheet_opts *o, const char *text, int32_t height, iml_arena *a,
                          iml_arena *scratch, iml_image *out, iml_err *e)
{
    iml__lay_opt lay;
    iml__lay_block b;
    iml__face_lines f;
    size_t n = text ? strlen(text) : 0;
    out->px = NULL;
    if (!height || !n) return IML_OK;
    iml__lay_opt_default(&lay);
    lay.faces = o->faces, lay.nfaces = o->nfaces, lay.fallback_any = true, lay.lines = 1;
    IML_TRY(iml__lay_text(o->setter, &b, text, n, &lay, scratch, e));
    if (b.problem) { // No face knows a character: what is ASCII says enough.
        char *plain = iml__arena_strndup(scratch, text, n);
        if (!plain) return IML_FAIL(e, IML_ENOMEM, "no memory for a caption");
        for (size_t i = 0; i < n; i++)
            if (plain[i] < ' ' || plain[i] > '~') plain[i] = '?';
        IML_TRY(iml__lay_text(o->setter, &b, plain, n, &lay, scratch, e));
    }
    if (b.problem) return IML_OK;
    iml__face_metrics(o->faces[0], &f);
    IML_TRY(iml__image_new(a, o->width, height, 1, IML__U8, out, e));
    memset(out->px, 0, out->stride * (size_t)height);
    iml__lay_plane plane = {
        out->px, out->w, out->h, out->stride, (int32_t)floor(b.box[0]), -(int32_t)ceil(f.ascent)};
    iml__lay_coverage(&b, IML__LAY_FILL, &plane);
    return IML_OK;
}

// ----

typedef struct cell {
    iml_image picture, caption; // px NULL: none
} cell;

static iml_status make_cell(const iml__sheet_opts *o, uint32_t k, iml__sheet_get *get, void *user,
                            int32_t height, iml_arena *a, iml_arena *scratch, cell *c, iml_err *e)
{
    iml__sheet_item it;
    memset(&it, 0, sizeof it);
    c->picture.px = c->caption.px = NULL;
    iml_status st = get(user, k, scratch, &it, e);
    if (st == IML_END) return IML_OK;
    if (st != IML_OK) return st;
    IML_TRY(thumbnail(o, &it, a, scratch, &c->picture, e));
    return caption(o, it.caption, height, a, scratch, &c->caption, e);
}

// The caption stands right under its picture.
static void paste(iml_image *sheet, int32_t x, int32_t y, const cell *c)
{
    const iml_image *m = &c->picture;
    for (int32_t j = 0; m->px && j < m->h; j++)
        memcpy(iml__image_row(sheet, y + j) + 3 * (size_t)x, iml__image_row(m, j),
               3 * (size_t)m->w);
    if (c->caption.px)
        iml__over_colour(sheet, x, y + m->h, &c->caption, (const uint8_t[4]){30, 30, 30, 255});
}

iml_status iml__sheet_make(const iml__sheet_opts *o, iml__sheet_get *get, void *user, iml_arena *a,
                           iml_arena *scratch, iml_image *out, iml_err *e)
{
    if (!o->count || !o->columns || o->width < 16)
        return IML_FAIL(e, IML_EARG, "a preview needs items, columns and cells of 16 px or more");
    uint32_t columns = IML_MIN(o->columns, o->count), rows = (o->count + columns - 1) / columns;
    cell *cells = iml_arena_calloc(a, (size_t)rows * columns, sizeof *cells);
    int32_t *high = iml_arena_calloc(a, rows, sizeof *high), text = caption_height(o);
    if (!cells || !high) return IML_FAIL(e, IML_ENOMEM, "no memory for a preview");
    for (uint32_t k = 0; k < o->count; k++) {
        size_t mark = iml__arena_mark(scratch);
        iml_status st = make_cell(o, k, get, user, text, a, scratch, &cells[k], e);
        iml__arena_release(scratch, mark);
        if (st != IML_OK) return st;
        if (cells[k].picture.px) high[k / columns] = IML_MAX(high[k / columns], cells[k].picture.h);
    }
    int64_t w = GAP + (int64_t)columns * (o->width + GAP), h = GAP;
    for (uint32_t r = 0; r < rows; r++) h += high[r] + text + GAP;
    if (w > INT32_MAX || h > INT32_MAX)
        return IML_FAIL(e, IML_ELIMIT, "the preview would be %lld x %lld px", (long long)w,
                        (long long)h);
    IML_TRY(iml__image_new(a, (int32_t)w, (int32_t)h, 3, IML__U8, out, e));
    iml__image_fill(out, (const uint8_t[3]){PAPER, PAPER, PAPER});
    int32_t y = GAP;
    for (uint32_t r = 0; r < rows; y += high[r] + text + GAP, r++)
        for (uint32_t c = 0; c < columns; c++)
            paste(out, GAP + (int32_t)c * (o->width + GAP), y, &cells[r * columns + c]);
    return IML_OK;
}
