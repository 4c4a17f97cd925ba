// sheet.c: feeds items of a job to the contact sheet.
//
// The items are made again, by one worker in the calling thread: the sheet shows what the data set
// holds because items are pure functions of their index, and it needs no finished data set.
#include "src/synth/sheet.h"

#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/codec/codec.h"
#include "src/io/atomic.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ARENA = 1 << 30, CAPTION = 200 };

struct feeder {
    const iml__synth *s;
    iml__synth_worker *w;
    uint32_t count;
    uint64_t *index; // [count]: what is shown
    iml__synth_shown *shown;
};

static void remember(iml__synth_shown *shown, uint64_t index, const iml_err *why)
{
    if (!shown->bad++) shown->first = index, shown->why = *why;
}

static double *take(iml_arena *a, size_t n, size_t width)
{
    return iml_arena_calloc(a, n ? n : 1, width * sizeof(double));
}

static void put_quad(double *to, bool inked, const double *q)
{
    memcpy(to, q, 8 * sizeof *to);
    if (!inked) to[0] = NAN;
}

static iml_status geometry(const iml__synth_item *it, iml_arena *a, iml__sheet_item *out,
                           iml_err *e)
{
    size_t units = it->block.nunits, words = 0, lines = it->block.nlines;
    for (uint32_t k = 0; k < lines; k++) words += it->block.lines[k].nwords;
    double *u = take(a, units, 8), *c = take(a, units, 8), *w = take(a, words, 8),
           *l = take(a, lines, 8), *b = take(a, lines, 4);
    const double **poly = iml_arena_calloc(a, lines, sizeof *poly);
    uint32_t *npoly = iml_arena_calloc(a, lines, sizeof *npoly);
    if (!u || !c || !w || !l || !b || !poly || !npoly)
        return IML_FAIL(e, IML_ENOMEM, "no memory for the preview");
    size_t nu = 0, nw = 0;
    for (uint32_t k = 0; k < lines; k++) {
        const iml__render_line *r = &it->out.lines[k];
        const iml__lay_line *y = &it->block.lines[k];
        put_quad(l + 8 * k, r->inked, r->quad);
        memcpy(b + 4 * k, r->baseline, 4 * sizeof *b);
        poly[k] = r->polygon, npoly[k] = r->npolygon;
        for (uint32_t i = 0; i < y->nunits && nu < units; i++, nu++) {
            put_quad(u + 8 * nu, r->units[i].inked, r->units[i].quad);
            memcpy(c + 8 * nu, r->units[i].cell, 8 * sizeof *c);
        }
        for (uint32_t i = 0; i < y->nwords; i++, nw++)
            put_quad(w + 8 * nw, r->words[i].inked, r->words[i].quad);
    }
    out->units = u, out->cells = c, out->nunits = nu;
    out->words = w, out->nwords = nw;
    out->lines = l, out->baselines = b, out->nlines = lines;
    out->polygons = poly, out->npolygon = npoly;
    return IML_OK;
}

static iml_status get(void *user, uint32_t k, iml_arena *a, iml__sheet_item *out, iml_err *e)
{
    struct feeder *f = user;
    uint64_t index = f->index[k];
    iml__synth_item *it = iml_arena_alloc(a, sizeof *it);
    char *caption = iml_arena_alloc(a, CAPTION);
    if (!it || !caption) return IML_FAIL(e, IML_ENOMEM, "no memory for the preview");
    iml_status st = iml__synth_item_make(f->s, f->w, index, a, NULL, it, e);
    iml__synth_item_done(f->s, it);
    if (iml_status_class(st) == IML_CLASS_ITEM) {
        remember(f->shown, index, e);
        return IML_END;
    }
    IML_TRY(st);
    f->shown->pictures++;
    const iml__font *font = iml__fontindex_font(f->s->fonts, it->font[0]);
    (void)snprintf(caption, CAPTION, "%llu %s %s", (unsigned long long)index,
                   f->s->config->spec[it->plan.spec].name, font->family);
    *out = (iml__sheet_item){.image = it->out.image, .caption = caption};
    return geometry(it, a, out, e);
}

// The sheet has a picture of each of `count` equal stretches of the data set. Taking the first of
// each would beat against the order of the specifications and show few of them (of fourteen, six at
// 24 of 2,000): in its stretch the first picture of the specification shown least so far is taken.
static iml_status choose(struct feeder *f, iml_arena *a, iml_err *e)
{
    enum { LOOK = 1024 };
    uint32_t nspec = f->s->config->nspec;
    uint32_t *shown = iml_arena_calloc(a, nspec, sizeof *shown);
    f->index = iml_arena_calloc(a, f->count, sizeof *f->index);
    if (!shown || !f->index) return IML_FAIL(e, IML_ENOMEM, "no memory for the preview");
    for (uint32_t k = 0; k < f->count; k++) {
        uint64_t from = (uint64_t)((__uint128_t)k * f->s->count / f->count),
                 to = (uint64_t)((__uint128_t)(k + 1) * f->s->count / f->count), nth;
        uint32_t best = iml__seat(&f->s->seats, from, &nth);
        f->index[k] = from;
        for (uint64_t i = from + 1; i < to && i < from + LOOK; i++) {
            uint32_t spec = iml__seat(&f->s->seats, i, &nth);
            if (shown[spec] < shown[best]) best = spec, f->index[k] = i;
        }
        shown[best]++;
    }
    return IML_OK;
}

static iml_status write_png(const char *path, const iml_image *m, iml_arena *a, iml_err *e)
{
    const iml__codec *c = iml__codec_by_name("png");
    iml__encode_opts o;
    size_t n, cap;
    iml__encode_opts_default(&o);
    cap = c->bound(m, &o);
    uint8_t *bytes = iml_arena_alloc(a, cap);
    if (!bytes) return IML_FAIL(e, IML_ENOMEM, "%s: no memory to encode it", path);
    IML_TRY(c->encode(m, &o, a, bytes, cap, &n, e));
    return iml__file_write_path(path, bytes, n, IML_DURABILITY_PROCESS, e);
}

// Latin faces for the captions: the fallbacks for Common characters, else the first face.
static iml_status caption_faces(const iml__synth *s, iml__setter *set, iml__face **face,
                                uint32_t *n, iml_err *e)
{
    for (size_t k = 0; k < s->nfallback; k++) {
        IML_TRY(iml__fontindex_face(s->fonts, s->fallback[k], set, 14, &face[*n], e));
        (*n)++;
    }
    if (*n) return IML_OK;
    *n = 1;
    return iml__fontindex_face(s->fonts, 0, set, 14, &face[0], e);
}

iml_status iml__synth_sheet_write(const iml__synth *s, const iml__synth_sheet *o,
                                  iml__synth_shown *shown, iml_err *e)
{
    iml_arena a = {.fd = -1}, scratch = {.fd = -1};
    struct feeder f = {
        .s = s, .count = (uint32_t)IML_MIN((uint64_t)o->count, s->count), .shown = shown};
    iml__setter *set = NULL;
    iml__face *face[IML__FACES];
    iml__sheet_opts so;
    iml_image sheet;
    *shown = (iml__synth_shown){0};
    iml__sheet_defaults(&so);
    so.count = f.count, so.columns = IML_MIN(o->columns, f.count), so.width = o->width,
    so.layers = o->layers;
    iml_status st = iml__arena_open(&a, ARENA, -1, e);
    if (!st) st = iml__arena_open(&scratch, ARENA, -1, e);
    if (!st) st = iml__synth_worker_new(s, &f.w, e);
    if (!st) st = iml__setter_new(&set, IML__GLYPH_CACHE, e);
    if (!st) st = caption_faces(s, set, face, &so.nfaces, e);
    so.faces = face, so.setter = set;
    if (!st) st = choose(&f, &a, e);
    if (!st) st = iml__sheet_make(&so, get, &f, &a, &scratch, &sheet, e);
    if (!st) st = write_png(o->path, &sheet, &a, e);
    iml__synth_worker_free(&f.w);
    iml__setter_free(&set);
    if (scratch.base) iml__arena_close(&scratch);
    if (a.base) iml__arena_close(&a);
    return st;
}
