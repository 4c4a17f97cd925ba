// glyph.c: glyphs as coverage: from the cache, turned, bent along a curve, stroked, in colour.
//
// 1. No hinting: an outline's shape does not depend on where it stands; x is quantised to quarter
//    pixels so that a face has at most four bitmaps a glyph and layer.
// 2. Ink is found in the pixels: FreeType's bitmap box comes from the control points and may have
//    empty borders.
// 3. A cached bitmap is never freed while a line that uses it is alive: a full cache takes nothing
//    more until it is emptied between items. Its key holds all that makes the pixels: the face's
//    serial stands for file, size, weight, slant, axes and border.
#include "src/synth/glyph.h"

#include <math.h>
#include <string.h>

#include FT_OUTLINE_H

#include "src/base/err.h"
#include "src/base/fmath.h"

enum { SIDE_MAX = 16000, AREA_MAX = 64 << 20 };

static iml_status refused(const iml__face *f, uint32_t gid, FT_Error error, iml_err *e)
{
    return IML_FAIL(e, error == FT_Err_Out_Of_Memory ? IML_ENOMEM : IML_EINPUT,
                    "%s: glyph %u cannot be drawn (FreeType error 0x%02x)", f->spec.path, gid,
                    (unsigned)error);
}

static iml_status no_memory(const iml__face *f, iml_err *e)
{
    return IML_FAIL(e, IML_ENOMEM, "%s: no memory for a glyph", f->spec.path);
}

static void find_ink(iml__lay_bitmap *b)
{
    const int32_t n = b->channels;
    int32_t l = b->w, t = b->h, r = 0, d = 0;
    for (int32_t y = 0; y < b->h; y++) {
        const uint8_t *row = b->px + (size_t)y * (size_t)b->w * (size_t)n + n - 1;
        int32_t x = 0, z = b->w;
        while (x < z && !row[(size_t)x * (size_t)n]) x++;
        if (x == z) continue;
        while (!row[(size_t)(z - 1) * (size_t)n]) z--;
        l = IML_MIN(l, x), r = IML_MAX(r, z);
        t = IML_MIN(t, y), d = y + 1;
    }
    if (r <= l) l = t = r = d = 0;
    b->ink[0] = l, b->ink[1] = t, b->ink[2] = r, b->ink[3] = d;
}

// *out NULL without an error: no memory in a; the caller may try another arena.
static FT_Error outline_bitmap(FT_Library ft, FT_Outline *o, iml_arena *a, iml__lay_bitmap **out)
{
    FT_BBox box;
    *out = NULL;
    iml__lay_bitmap *b = iml_arena_calloc(a, 1, sizeof *b);
    if (!b) return 0;
    b->channels = 1;
    if (o->n_points <= 0) {
        *out = b;
        return 0;
    }
    FT_Outline_Get_CBox(o, &box);
    box.xMin &= ~63, box.yMin &= ~63, box.xMax = (box.xMax + 63) & ~63,
                                      box.yMax = (box.yMax + 63) & ~63;
    FT_Pos w = (box.xMax - box.xMin) >> 6, h = (box.yMax - box.yMin) >> 6;
    if (w > SIDE_MAX || h > SIDE_MAX || w * h > AREA_MAX) return FT_Err_Raster_Overflow;
    b->left = (int32_t)(box.xMin >> 6), b->top = (int32_t) - (box.yMax >> 6);
    if (w < 1 || h < 1) {
        *out = b;
        return 0;
    }
    uint8_t *px = iml_arena_calloc(a, (size_t)w, (size_t)h);
    if (!px) return 0;
    b->w = (int32_t)w, b->h = (int32_t)h, b->px = px;
    FT_Bitmap bm = {.rows = (unsigned)h,
                    .width = (unsigned)w,
                    .pitch = (int)w,
                    .buffer = px,
                    .num_grays = 256,
                    .pixel_mode = FT_PIXEL_MODE_GRAY};
    FT_Outline_Translate(o, -box.xMin, -box.yMin);
    FT_Error error = FT_Outline_Get_Bitmap(ft, o, &bm);
    if (error) return error;
    find_ink(b);
    *out = b;
    return 0;
}

static FT_Error load(iml__face *f, uint32_t gid)
{
    FT_Face ft = f->file->ft;
    FT_Error error = FT_Load_Glyph(ft, gid, FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP);
    if (error) return error;
    if (ft->glyph->format != FT_GLYPH_FORMAT_OUTLINE) return FT_Err_Invalid_Glyph_Format;
    // An outline without a direction cannot grow; it stays as it is.
    if (f->bold) (void)FT_Outline_Embolden(&ft->glyph->outline, f->bold);
    if (f->slant) {
        FT_Matrix m = {.xx = 0x10000, .xy = f->slant, .yx = 0, .yy = 0x10000};
        FT_Outline_Transform(&ft->glyph->outline, &m);
    }
    return 0;
}

// The ring of so many pixels to both sides of the outline, in the setter's scratch.
static FT_Error stroke(iml__face *f, const FT_Outline *o, FT_Outline *ring)
{
    iml__setter *s = f->setter;
    FT_UInt points = 0, contours = 0;
    *ring = (FT_Outline){.points = s->points, .tags = s->tags, .contours = s->contours};
    if (o->n_points <= 0) return 0;
    FT_Stroker_Set(s->stroker, f->border, FT_STROKER_LINECAP_ROUND, FT_STROKER_LINEJOIN_ROUND, 0);
    FT_Error error = FT_Stroker_ParseOutline(s->stroker, (FT_Outline *)(uintptr_t)o, 0);
    if (!error) error = FT_Stroker_GetCounts(s->stroker, &points, &contours);
    if (error) return error;
    if (points > IML__SCRATCH_POINTS || contours > IML__SCRATCH_CONTOURS)
        return FT_Err_Raster_Overflow;
    FT_Stroker_Export(s->stroker, ring);
    return 0;
}

// o may be the setter's scratch itself: a bent outline is copied before it is stroked.
static FT_Error draw(iml__face *f, FT_Outline *o, uint32_t layer, iml_arena *a,
                     iml__lay_bitmap **out)
{
    FT_Outline ring;
    if (layer == IML__LAY_FILL) return outline_bitmap(f->setter->ft, o, a, out);
    FT_Error error = stroke(f, o, &ring);
    *out = NULL;
    return error ? error : outline_bitmap(f->setter->ft, &ring, a, out);
}

// ---- Colour: BGRA, premultiplied, brought to size by box areas: RGBA with straight alpha.

typedef struct tap {
    int32_t first, n;  // source columns or rows
    double head, tail; // weights of the first and the last; 1 between
} tap;

static tap tap_of(int32_t i, double k, int32_t limit)
{
    double lo = i / k, hi = IML_MIN((i + 1) / k, (double)limit);
    int32_t a = IML_MIN((int32_t)floor(lo), limit - 1), b = IML_MIN((int32_t)ceil(hi), limit);
    tap t = {.first = a, .n = IML_MAX(b - a, 1)};
    t.head = IML_MIN(a + 1.0, hi) - lo;
    t.tail = t.n > 1 ? hi - (b - 1) : 0;
    if (t.head <= 0) t.head = 1e-9; // a row past the end repeats the last one
    return t;
}

static double weight(const tap *t, int32_t i) { return !i ? t->head : i == t->n - 1 ? t->tail : 1; }

static void scale_colour(const FT_Bitmap *src, double k, iml__lay_bitmap *b, uint8_t *px)
{
    for (int32_t y = 0; y < b->h; y++) {
        tap v = tap_of(y, k, (int32_t)src->rows);
        for (int32_t x = 0; x < b->w; x++) {
            tap u = tap_of(x, k, (int32_t)src->width);
            double sum[4] = {0}, area = 0;
            for (int32_t j = 0; j < v.n; j++)
                for (int32_t i = 0; i < u.n; i++) {
                    const uint8_t *s = src->buffer + (ptrdiff_t)(v.first + j) * src->pitch +
                                       4 * (ptrdiff_t)(u.first + i);
                    double w = weight(&v, j) * weight(&u, i);
                    for (int c = 0; c < 4; c++) sum[c] += w * s[c];
                    area += w;
                }
            uint8_t *p = px + 4 * ((size_t)y * (size_t)b->w + (size_t)x);
            for (int c = 0; c < 3; c++) {
                double straight = sum[3] > 0 ? sum[2 - c] / sum[3] * 255 + 0.5 : 0;
                p[c] = (uint8_t)IML_MIN(straight, 255.0);
            }
            p[3] = (uint8_t)(area > 0 ? sum[3] / area + 0.5 : 0);
        }
    }
}

static FT_Error colour_bitmap(iml__face *f, uint32_t gid, iml_arena *a, iml__lay_bitmap **out)
{
    FT_GlyphSlot s = f->file->ft->glyph;
    bool strikes = f->file->colour == IML__COLOUR_STRIKES;
    double k = strikes ? f->colour_scale : 1;
    *out = NULL;
    FT_Error error = FT_Load_Glyph(
        f->file->ft, gid, FT_LOAD_COLOR | (strikes ? 0 : FT_LOAD_NO_HINTING | FT_LOAD_RENDER));
    if (error) return error;
    iml__lay_bitmap *b = iml_arena_calloc(a, 1, sizeof *b);
    if (!b) return 0;
    b->channels = 4;
    if (s->format != FT_GLYPH_FORMAT_BITMAP || s->bitmap.pixel_mode != FT_PIXEL_MODE_BGRA ||
        !s->bitmap.width || !s->bitmap.rows) {
        b->channels = 1; // white space, or a glyph without layers in a layered face
        if (!strikes) {
            error = load(f, gid);
            return error ? error : draw(f, &s->outline, IML__LAY_FILL, a, out);
        }
        *out = b;
        return 0;
    }
    double w = ceil(s->bitmap.width * k), h = ceil(s->bitmap.rows * k);
    if (w > SIDE_MAX || h > SIDE_MAX || w * h * 4 > AREA_MAX) return FT_Err_Raster_Overflow;
    b->left = (int32_t)floor(s->bitmap_left * k + 0.5);
    b->top = -(int32_t)floor(s->bitmap_top * k + 0.5);
    b->w = (int32_t)w, b->h = (int32_t)h;
    uint8_t *px = iml_arena_alloc(a, (size_t)b->w * (size_t)b->h * 4);
    if (!px) return 0;
    scale_colour(&s->bitmap, k, b, px);
    b->px = px;
    find_ink(b);
    *out = b;
    return 0;
}

// ---- The cache

static FT_Error render(iml__face *f, uint32_t gid, uint32_t phase, uint32_t layer, iml_arena *a,
                       iml__lay_bitmap **out)
{
    if (f->file->colour) {
        if (layer == IML__LAY_FILL) return colour_bitmap(f, gid, a, out);
        *out = iml_arena_calloc(a, 1, sizeof **out); // pictures have no border
        if (*out) (*out)->channels = 1;
        return 0;
    }
    FT_Error error = load(f, gid);
    if (error) return error;
    FT_Outline *o = &f->file->ft->glyph->outline;
    FT_Outline_Translate(o, (FT_Pos)phase * 16, 0);
    return draw(f, o, layer, a, out);
}

iml_status iml__glyph_bitmap(iml__face *f, uint32_t gid, uint32_t phase, uint32_t layer,
                             iml_arena *a, const iml__lay_bitmap **bm, iml_err *e)
{
    iml__setter *s = f->setter;
    if (f->file->colour) phase = 0; // pictures stand on whole pixels
    uint64_t key = (uint64_t)f->serial << 32 | (uint64_t)gid << 3 | layer << 2 | phase;
    uint32_t h = (uint32_t)(key * 0x9E3779B97F4A7C15u >> 49);
    iml__lay_bitmap *made = NULL;
    if (s->slots) {
        while (s->slots[h].key && s->slots[h].key != key) h = (h + 1) & (IML__GLYPH_SLOTS - 1);
        if (s->slots[h].key) {
            *bm = s->slots[h].bm;
            return IML_OK;
        }
    }
    IML_TRY(iml__face_activate(f, e));
    FT_Error error = 0;
    if (s->slots && !s->cache_full) {
        size_t mark = iml__arena_mark(&s->cache);
        error = render(f, gid, phase, layer, &s->cache, &made);
        if (!error && made) {
            s->slots[h] = (iml__glyph_slot){key, made};
            s->cache_full = ++s->nslots > IML__GLYPH_SLOTS * 3 / 4;
        } else {
            iml__arena_release(&s->cache, mark);
            s->cache_full = !error;
        }
    }
    if (!error && !made) error = render(f, gid, phase, layer, a, &made);
    if (error) return refused(f, gid, error, e);
    if (!made) return no_memory(f, e);
    *bm = made;
    return IML_OK;
}

// ---- Glyphs in a frame of their own: turned as they are, or bent along a curve

iml_status iml__glyph_turned(iml__face *f, uint32_t gid, const iml__glyph_move *m, uint32_t layer,
                             iml_arena *a, const iml__lay_bitmap **bm, iml_err *e)
{
    iml__lay_bitmap *made;
    IML_TRY(iml__face_activate(f, e));
    FT_Error error = load(f, gid);
    if (error) return refused(f, gid, error, e);
    FT_Outline *o = &f->file->ft->glyph->outline;
    FT_Matrix t = {.xx = (FT_Fixed)floor(m->xx * 65536 + 0.5),
                   .xy = (FT_Fixed)floor(m->xy * 65536 + 0.5),
                   .yx = (FT_Fixed)floor(m->yx * 65536 + 0.5),
                   .yy = (FT_Fixed)floor(m->yy * 65536 + 0.5)};
    FT_Outline_Transform(o, &t);
    FT_Outline_Translate(o, (FT_Pos)floor(m->dx * 64 + 0.5), (FT_Pos)floor(m->dy * 64 + 0.5));
    error = draw(f, o, layer, a, &made);
    if (error) return refused(f, gid, error, e);
    if (!made) return no_memory(f, e);
    *bm = made;
    return IML_OK;
}

typedef struct pen {
    FT_Outline *o;
    iml__glyph_map map;
    void *cookie;
    FT_Vector at;
    double step;
    bool full;
} pen;

static void put(pen *p, FT_Vector v)
{
    if (p->o->n_points >= IML__SCRATCH_POINTS) {
        p->full = true;
        return;
    }
    double x = (double)v.x / 64, y = (double)v.y / 64;
    p->map(p->cookie, &x, &y);
    FT_Vector *to = &p->o->points[p->o->n_points];
    to->x = (FT_Pos)floor(x * 64 + 0.5), to->y = (FT_Pos)floor(y * 64 + 0.5);
    p->o->tags[p->o->n_points++] = FT_CURVE_TAG_ON;
}

static double distance(FT_Vector a, FT_Vector b)
{
    return iml__hypot((double)(b.x - a.x), (double)(b.y - a.y));
}

// Cubic, in steps short enough to be straight after bending.
static int curve_to(pen *p, FT_Vector a, FT_Vector b, FT_Vector c)
{
    double len = distance(p->at, a) + distance(a, b) + distance(b, c);
    int n = 1 + (int)IML_MIN(len / 64 / p->step, 30000.0);
    for (int i = 1; i <= n; i++) {
        double t = (double)i / n, u = 1 - t, k0 = u * u * u, k1 = 3 * u * u * t, k2 = 3 * u * t * t,
               k3 = t * t * t;
        double x = k0 * (double)p->at.x + k1 * (double)a.x + k2 * (double)b.x + k3 * (double)c.x;
        double y = k0 * (double)p->at.y + k1 * (double)a.y + k2 * (double)b.y + k3 * (double)c.y;
        put(p, (FT_Vector){(FT_Pos)floor(x + 0.5), (FT_Pos)floor(y + 0.5)});
    }
    p->at = c;
    return 0;
}

static FT_Vector mix(FT_Vector a, FT_Vector b, int thirds)
{
    return (FT_Vector){a.x + (b.x - a.x) * thirds / 3, a.y + (b.y - a.y) * thirds / 3};
}

static void close_contour(pen *p)
{
    if (p->o->n_contours) p->o->contours[p->o->n_contours - 1] = (short)(p->o->n_points - 1);
}

static int on_move(const FT_Vector *to, void *cookie)
{
    pen *p = cookie;
    close_contour(p);
    if (p->o->n_contours >= IML__SCRATCH_CONTOURS) {
        p->full = true;
        return 1;
    }
    p->o->n_contours++;
    p->at = *to;
    put(p, *to);
    return 0;
}

static int on_line(const FT_Vector *to, void *cookie)
{
    pen *p = cookie;
    return curve_to(p, mix(p->at, *to, 1), mix(p->at, *to, 2), *to);
}

static int on_quad(const FT_Vector *c, const FT_Vector *to, void *cookie)
{
    pen *p = cookie;
    return curve_to(p, mix(p->at, *c, 2), mix(*to, *c, 2), *to);
}

static int on_cubic(const FT_Vector *c, const FT_Vector *d, const FT_Vector *to, void *cookie)
{
    return curve_to(cookie, *c, *d, *to);
}

iml_status iml__glyph_bent(iml__face *f, uint32_t gid, iml__glyph_map map, void *cookie,
                           double step, uint32_t layer, iml_arena *a, const iml__lay_bitmap **bm,
                           iml_err *e)
{
    static const FT_Outline_Funcs fn = {
        .move_to = on_move, .line_to = on_line, .conic_to = on_quad, .cubic_to = on_cubic};
    iml__setter *s = f->setter;
    iml__lay_bitmap *made;
    IML_TRY(iml__face_activate(f, e));
    FT_Error error = load(f, gid);
    if (error) return refused(f, gid, error, e);
    const FT_Outline *src = &f->file->ft->glyph->outline;
    FT_Outline out;
    pen p;
    do { // an outline with too many steps is cut into fewer
        out = (FT_Outline){
            .points = s->points, .tags = s->tags, .contours = s->contours, .flags = src->flags};
        p = (pen){.o = &out, .map = map, .cookie = cookie, .step = step};
        if (src->n_points > 0) error = FT_Outline_Decompose((FT_Outline *)(uintptr_t)src, &fn, &p);
        close_contour(&p);
        step *= 2;
    } while (p.full && step < 1024);
    if (error || p.full) return refused(f, gid, error ? error : FT_Err_Raster_Overflow, e);
    if (layer == IML__LAY_BORDER) { // the stroker's result goes where the bent outline lies
        size_t n = (size_t)out.n_points, c = (size_t)out.n_contours;
        FT_Vector *points = iml_arena_alloc(a, n * sizeof *points + 1);
        char *tags = iml_arena_alloc(a, n + 1);
        short *contours = iml_arena_alloc(a, c * sizeof *contours + 1);
        if (!points || !tags || !contours) return no_memory(f, e);
        memcpy(points, out.points, n * sizeof *points);
        memcpy(tags, out.tags, n);
        memcpy(contours, out.contours, c * sizeof *contours);
        out.points = points, out.tags = (void *)tags, out.contours = (void *)contours;
    }
    error = draw(f, &out, layer, a, &made);
    if (error) return refused(f, gid, error, e);
    if (!made) return no_memory(f, e);
    *bm = made;
    return IML_OK;
}

iml_status iml__glyph_quarter(const iml__lay_bitmap *b, int quarter, iml_arena *a,
                              const iml__lay_bitmap **bm, iml_err *e)
{
    iml__lay_bitmap *t = iml_arena_alloc(a, sizeof *t);
    size_t n = (size_t)b->channels;
    uint8_t *px = iml_arena_alloc(a, (size_t)b->w * (size_t)b->h * n);
    bool cw = quarter == 1;
    if (!t || !px) return IML_FAIL(e, IML_ENOMEM, "no memory for a turned glyph");
    *t = (iml__lay_bitmap){.w = b->h, .h = b->w, .channels = b->channels, .px = px};
    t->left = cw ? -b->top - b->h : b->top;
    t->top = cw ? b->left : -b->left - b->w;
    for (int32_t y = 0; y < b->h; y++)
        for (int32_t x = 0; x < b->w; x++) {
            int32_t tx = cw ? b->h - 1 - y : y, ty = cw ? x : b->w - 1 - x;
            const uint8_t *from = b->px + ((size_t)y * (size_t)b->w + (size_t)x) * n;
            uint8_t *to = px + ((size_t)ty * (size_t)t->w + (size_t)tx) * n;
            for (size_t c = 0; c < n; c++) to[c] = from[c];
        }
    int32_t ink[2][4] = {{b->h - b->ink[3], b->ink[0], b->h - b->ink[1], b->ink[2]},
                         {b->ink[1], b->w - b->ink[2], b->ink[3], b->w - b->ink[0]}};
    memcpy(t->ink, ink[!cw], sizeof t->ink);
    *bm = t;
    return IML_OK;
}
