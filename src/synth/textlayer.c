// textlayer.c: fill, border, ink bleed and shadows (the first half of synth.md 4.7's order).
//
// Text of one colour needs one channel: coverage is stamped, blurred and blended as a mask, which
// is a third of the work. Several colours (a colour a unit, gradients, colour glyphs) or a border
// under half-transparent or bled ink need an RGBA layer, because such a layer must be flattened
// before it is blended. Where units overlap, the colour with more coverage wins, and coverage is
// the larger one (max-blend), so a joint between two letters is never darker than its parts.
//
// Everything is only as large as the ink and its blur: a shadow costs its own area, not the
// picture's. Shadows are silhouettes of the ink after bleed, before opacity. They never move or
// enlarge anything (synth.md 2.5); what falls outside the picture is not seen.
#include "src/synth/textlayer.h"

#include <math.h>
#include <string.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/image/compose.h"
#include "src/image/ops.h"
#include "src/kernel/kernel.h"
#include "src/synth/colour.h"

static int32_t reach(double sigma)
{
    return sigma > 0 ? (int32_t)IML_MIN(ceil(3 * sigma), 300) : 0;
}

static iml_status new_clear(iml_arena *a, int32_t x, int32_t y, int32_t w, int32_t h, int channels,
                            iml__layer *l, iml_err *e)
{
    l->x = x, l->y = y;
    IML_TRY(iml__image_new(a, w, h, channels, IML__U8, &l->m, e));
    memset(l->m.px, 0, l->m.stride * (size_t)h);
    return IML_OK;
}

// The pixels of all stamps of a layer, widened by margin, within part. False: none.
static bool stamps_box(const iml__lay_block *b, int32_t ox, int32_t oy, int32_t margin,
                       const int32_t part[4], int32_t box[4])
{
    int64_t x0 = INT64_MAX, y0 = INT64_MAX, x1 = INT64_MIN, y1 = INT64_MIN;
    for (uint32_t i = 0; i < b->nstamps; i++) {
        const iml__lay_stamp *s = &b->stamps[i];
        int64_t x = (int64_t)s->x + s->bm->left + ox, y = (int64_t)s->y + s->bm->top + oy;
        if (s->bm->ink[2] <= s->bm->ink[0]) continue;
        x0 = IML_MIN(x0, x + s->bm->ink[0]), x1 = IML_MAX(x1, x + s->bm->ink[2]);
        y0 = IML_MIN(y0, y + s->bm->ink[1]), y1 = IML_MAX(y1, y + s->bm->ink[3]);
    }
    x0 = IML_MAX(x0 - margin, part[0]), y0 = IML_MAX(y0 - margin, part[1]);
    x1 = IML_MIN(x1 + margin, part[2]), y1 = IML_MIN(y1 + margin, part[3]);
    if (x0 >= x1 || y0 >= y1) return false;
    box[0] = (int32_t)x0, box[1] = (int32_t)y0, box[2] = (int32_t)x1, box[3] = (int32_t)y1;
    return true;
}

static iml__lay_plane plane_of(const iml__layer *l, int32_t ox, int32_t oy)
{
    return (iml__lay_plane){l->m.px, l->m.w, l->m.h, l->m.stride, l->x - ox, l->y - oy};
}

static bool has_layer(const iml__lay_block *b, uint32_t layer)
{
    for (uint32_t i = 0; i < b->nstamps; i++)
        if (b->stamps[i].layer == layer) return true;
    return false;
}

// A stamp of one colour: where it covers more than what is there, it takes the pixel.
static void colour_stamp(const iml__lay_stamp *s, const iml__lay_plane *p, const uint8_t rgb[3])
{
    const iml__lay_bitmap *m = s->bm;
    int32_t x0 = s->x + m->left - p->ox, y0 = s->y + m->top - p->oy;
    int32_t from = IML_MAX(0, -x0), to = IML_MIN(m->w, p->w - x0);
    for (int32_t y = IML_MAX(0, -y0); y < m->h && y0 + y < p->h; y++) {
        const uint8_t *c = m->px + (size_t)y * (size_t)m->w;
        uint8_t *d = p->px + (size_t)(y0 + y) * p->stride + 4 * (ptrdiff_t)(x0 + from);
        for (int32_t x = from; x < to; x++, d += 4)
            if (c[x] > d[3]) d[0] = rgb[0], d[1] = rgb[1], d[2] = rgb[2], d[3] = c[x];
    }
}

static void colour_stamps(const iml__ink *ink, const iml__lay_block *b, const iml__lay_plane *p)
{
    uint32_t before = 0, line = 0; // units of earlier lines
    for (uint32_t i = 0; i < b->nstamps; i++) {
        const iml__lay_stamp *s = &b->stamps[i];
        for (; line < s->line; line++) before += b->lines[line].nunits;
        if (s->layer != IML__LAY_FILL || s->bm->channels != 1) continue;
        uint8_t rgb[3];
        iml__ink_at(ink, before + s->unit, s->unit, b->lines[s->line].nunits, rgb);
        colour_stamp(s, p, rgb);
    }
    if (b->colour) iml__lay_colours(b, p);
}

static void scale_alpha(iml_image *m, uint32_t by)
{
    for (int32_t y = 0; y < m->h; y++) {
        uint8_t *d = iml__image_row(m, y) + 3;
        for (int32_t x = 0; x < m->w; x++, d += 4) *d = (uint8_t)iml__div255(*d * by);
    }
}

static void alpha_of(const iml_image *m, iml_image *out)
{
    for (int32_t y = 0; y < m->h; y++) {
        const uint8_t *s = iml__image_row(m, y) + 3;
        uint8_t *d = iml__image_row(out, y);
        for (int32_t x = 0; x < m->w; x++) d[x] = s[4 * (size_t)x];
    }
}

// border: coverage of the border, or px NULL.
static iml_status make_colours(const iml__render_params *p, const iml__ink *ink,
                               const iml__lay_block *b, int32_t ox, int32_t oy,
                               const int32_t box[4], iml_arena *a, iml__textlayer *t, iml_err *e)
{
    int32_t w = box[2] - box[0], h = box[3] - box[1];
    iml__layer fill;
    IML_TRY(new_clear(a, box[0], box[1], w, h, 4, &fill, e));
    iml__lay_plane plane = plane_of(&fill, ox, oy);
    colour_stamps(ink, b, &plane);
    t->colour = fill;
    if (t->border.m.px) {
        IML_TRY(new_clear(a, box[0], box[1], w, h, 4, &t->colour, e));
        iml__over_colour(&t->colour.m, 0, 0, &t->border.m, p->border_rgba);
        iml__over(&t->colour.m, 0, 0, &fill.m);
    }
    if (p->ink_bleed > 0) IML_TRY(iml__blur_gauss(p->ink_bleed, a, &t->colour.m, e));
    IML_TRY(new_clear(a, box[0], box[1], w, h, 1, &t->soft, e));
    alpha_of(&t->colour.m, &t->soft.m);
    if (t->rgba[3] != 255) scale_alpha(&t->colour.m, t->rgba[3]);
    t->border.m.px = NULL;
    return IML_OK;
}

iml_status iml__textlayer_make(const iml__render_params *p, const iml__ink *ink,
                               const iml__lay_block *b, int32_t ox, int32_t oy,
                               const int32_t part[4], iml_arena *a, iml__textlayer *t, iml_err *e)
{
    int32_t box[4];
    memset(t, 0, sizeof *t);
    iml__ink_at(ink, 0, 0, 1, t->rgba);
    t->rgba[3] = (uint8_t)floor(255 * p->opacity + 0.5);
    t->empty = !stamps_box(b, ox, oy, reach(p->ink_bleed), part, box);
    if (t->empty) return IML_OK;

    int32_t w = box[2] - box[0], h = box[3] - box[1];
    IML_TRY(new_clear(a, box[0], box[1], w, h, 1, &t->ink, e));
    iml__lay_plane plane = plane_of(&t->ink, ox, oy);
    iml__lay_coverage(b, IML__LAY_FILL, &plane);
    bool border = has_layer(b, IML__LAY_BORDER);
    if (border) {
        IML_TRY(new_clear(a, box[0], box[1], w, h, 1, &t->border, e));
        plane = plane_of(&t->border, ox, oy);
        iml__lay_coverage(b, IML__LAY_BORDER, &plane);
        IML_TRY(iml__image_copy(a, &t->ink.m, &t->fill.m, e));
        t->fill.x = box[0], t->fill.y = box[1];
        iml__stamp_max(&t->ink.m, 0, 0, t->border.m.px, t->border.m.stride, w, h);
    }
    if (ink->mode != IML__INK_UNIFORM || b->colour ||
        (border && (p->ink_bleed > 0 || t->rgba[3] != 255)))
        return make_colours(p, ink, b, ox, oy, box, a, t, e);

    t->soft = t->ink;
    if (p->ink_bleed > 0) {
        IML_TRY(iml__image_copy(a, &t->ink.m, &t->soft.m, e));
        IML_TRY(iml__blur_gauss(p->ink_bleed, a, &t->soft.m, e));
    }
    return IML_OK;
}

// ---- Shadows

static bool casts(const iml__render_shadow *s) { return (s->dx || s->dy) && s->rgba[3]; }

// What the silhouette of l throws: shifted and blurred, as far as it can be seen in part (widened
// by the blur's reach, so that the edge of part changes nothing inside). px NULL: nothing.
static iml_status throw_shadow(const iml__layer *l, const iml__render_shadow *s,
                               const int32_t part[4], iml_arena *a, iml__layer *out, iml_err *e)
{
    int32_t r = reach(s->sigma);
    int32_t x0 = IML_MAX(l->x + s->dx - r, part[0] - r);
    int32_t y0 = IML_MAX(l->y + s->dy - r, part[1] - r);
    int32_t x1 = IML_MIN(l->x + s->dx + l->m.w + r, part[2] + r);
    int32_t y1 = IML_MIN(l->y + s->dy + l->m.h + r, part[3] + r);
    memset(out, 0, sizeof *out);
    if (x0 >= x1 || y0 >= y1) return IML_OK;
    IML_TRY(new_clear(a, x0, y0, x1 - x0, y1 - y0, 1, out, e));
    iml__stamp_max(&out->m, l->x + s->dx - x0, l->y + s->dy - y0, l->m.px, l->m.stride, l->m.w,
                   l->m.h);
    return iml__blur_gauss(s->sigma, a, &out->m, e);
}

// Alpha of the ink over its drop shadow: what throws the block shadow.
static iml_status block_of(const iml__layer *ink, const iml__layer *drop, uint32_t alpha,
                           iml_arena *a, iml__layer *out, iml_err *e)
{
    int32_t x0 = IML_MIN(ink->x, drop->x), y0 = IML_MIN(ink->y, drop->y);
    int32_t x1 = IML_MAX(ink->x + ink->m.w, drop->x + drop->m.w);
    int32_t y1 = IML_MAX(ink->y + ink->m.h, drop->y + drop->m.h);
    IML_TRY(new_clear(a, x0, y0, x1 - x0, y1 - y0, 1, out, e));
    iml__stamp_max(&out->m, ink->x - x0, ink->y - y0, ink->m.px, ink->m.stride, ink->m.w, ink->m.h);
    for (int32_t y = 0; y < drop->m.h; y++) {
        const uint8_t *s = iml__image_row(&drop->m, y);
        uint8_t *d = iml__image_row(&out->m, drop->y - y0 + y) + (drop->x - x0);
        for (int32_t x = 0; x < drop->m.w; x++) {
            uint32_t under = iml__div255(s[x] * alpha);
            d[x] = (uint8_t)(d[x] + iml__div255(under * (255u - d[x])));
        }
    }
    return IML_OK;
}

iml_status iml__textlayer_draw(const iml__render_params *p, const iml__textlayer *t, iml_image *pic,
                               int32_t x, int32_t y, iml_arena *a, iml_err *e)
{
    if (t->empty) return IML_OK;
    int32_t part[4] = {x, y, x + pic->w, y + pic->h};
    iml__layer drop = {.m.px = NULL}, block = {.m.px = NULL}, whole = t->soft;
    if (casts(&p->drop)) IML_TRY(throw_shadow(&t->soft, &p->drop, part, a, &drop, e));
    if (casts(&p->block)) {
        if (drop.m.px) IML_TRY(block_of(&t->soft, &drop, p->drop.rgba[3], a, &whole, e));
        IML_TRY(throw_shadow(&whole, &p->block, part, a, &block, e));
    }
    if (block.m.px) iml__over_colour(pic, block.x - x, block.y - y, &block.m, p->block.rgba);
    if (drop.m.px) iml__over_colour(pic, drop.x - x, drop.y - y, &drop.m, p->drop.rgba);
    if (t->colour.m.px) {
        iml__over(pic, t->colour.x - x, t->colour.y - y, &t->colour.m);
        return IML_OK;
    }
    if (t->border.m.px) {
        iml__over_colour(pic, t->border.x - x, t->border.y - y, &t->border.m, p->border_rgba);
        iml__over_colour(pic, t->fill.x - x, t->fill.y - y, &t->fill.m, t->rgba);
        return IML_OK;
    }
    iml__over_colour(pic, t->soft.x - x, t->soft.y - y, &t->soft.m, t->rgba);
    return IML_OK;
}
