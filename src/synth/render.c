// render.c: the order in which a picture is made (synth.md 4.7).
//
// Canvas -> background -> colours against it -> text layer -> one map -> effects on pixels -> size
// -> channels. Each stage is skipped whole where its values are neutral, so plain text on a plain
// background costs a fill, the stamps and one blend.
//
// A picture in which everything is grey (white paper, black text: the common case) is worked on in
// one channel and spread to three at the end. This changes no byte: every op treats channels alike
// and the luma of a grey is itself. Noise with a value of its own a channel ends that shortcut.
#include "src/synth/render.h"

#include <math.h>
#include <string.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/image/ops.h"
#include "src/image/resample.h"
#include "src/kernel/kernel.h"
#include "src/synth/colour.h"
#include "src/synth/geometry.h"
#include "src/synth/idmask.h"
#include "src/synth/textlayer.h"

typedef struct work {
    const iml__render_params *p;
    iml_arena *a;
    iml__render_out *out;
    iml__geometry geo;
    const iml__ink *ink; // in use
    iml__ink forced;
    iml__textlayer text;
    iml_image pic, mask;
    uint32_t mean;  // luma that contrast was taken about
    bool text_free; // a second time, without the text
} work;

void iml__render_defaults(iml__render_params *p)
{
    static const uint8_t black[3] = {0, 0, 0};
    static const iml__ink ink = {IML__INK_UNIFORM, 1, black};
    *p = (iml__render_params){.ink = &ink,
                              .ninks = 1,
                              .opacity = 1,
                              .bg = {.kind = IML__BG_COLOUR, .rgb = {255, 255, 255}},
                              .pad = {10, 10, 10, 10},
                              .brightness = 1,
                              .contrast = 1,
                              .gamma = 1,
                              .morph_k = 1,
                              .grid_steps = 2,
                              .max_canvas = 64000000};
}

static bool grey3(const uint8_t c[3]) { return c[0] == c[1] && c[1] == c[2]; }

static bool shadow_is_grey(const iml__render_shadow *s)
{
    return (!s->dx && !s->dy) || grey3(s->rgba);
}

// One channel is worth its spreading at the end if something walks over all pixels before.
static bool stays_grey(const work *w, const iml__lay_block *b)
{
    const iml__render_params *p = w->p;
    bool busy = w->geo.moves || p->blur > 0 || p->morph_k > 1 || p->brightness != 1 ||
                p->contrast != 1 || p->gamma != 1 || p->channels == IML__OUT_GREY;
    return busy && p->bg.kind == IML__BG_COLOUR && grey3(p->bg.rgb) && !b->colour &&
           iml__ink_is_grey(w->ink) && w->ink->mode == IML__INK_UNIFORM &&
           shadow_is_grey(&p->drop) && shadow_is_grey(&p->block) && grey3(p->border_rgba);
}

// The ink's box on the canvas, where contrast looks at the background.
static void ink_box(const iml__lay_block *b, const iml__geometry *g, int32_t box[4])
{
    box[0] = (int32_t)floor(b->box[0]) + g->ox, box[1] = (int32_t)floor(b->box[1]) + g->oy;
    box[2] = (int32_t)ceil(b->box[2]) + g->ox, box[3] = (int32_t)ceil(b->box[3]) + g->oy;
}

static void expand_grey(const iml_image *m, iml_image *out)
{
    for (int32_t y = 0; y < m->h; y++) {
        const uint8_t *s = iml__image_row(m, y);
        uint8_t *d = iml__image_row(out, y);
        for (int32_t x = 0; x < m->w; x++, d += 3) d[0] = d[1] = d[2] = s[x];
    }
}

static iml_status to_rgb(work *w, iml_err *e)
{
    iml_image rgb;
    if (w->pic.channels != 1) return IML_OK;
    IML_TRY(iml__image_new(w->a, w->pic.w, w->pic.h, 3, IML__U8, &rgb, e));
    expand_grey(&w->pic, &rgb);
    w->pic = rgb;
    return IML_OK;
}

// Background and chosen colours.
static iml_status under(work *w, const iml__lay_block *b, iml_err *e)
{
    const iml__render_params *p = w->p;
    const int32_t *part = w->geo.part;
    int32_t pw = part[2] - part[0], ph = part[3] - part[1], box[4];
    iml__render_out *o = w->out;
    ink_box(b, &w->geo, box);
    o->crop_scale = 1;
    w->ink = &p->ink[0];
    if (p->bg.kind == IML__BG_NONE) {
        IML_TRY(iml__image_new(w->a, pw, ph, 4, IML__U8, &w->pic, e));
        memset(w->pic.px, 0, w->pic.stride * (size_t)ph);
        return IML_OK;
    }
    o->has_contrast = true;
    if (p->bg.kind == IML__BG_COLOUR) {
        memcpy(o->bg_mean, p->bg.rgb, 3);
        w->ink = iml__ink_choose(p, o->bg_mean, &w->forced, o);
    }
    bool grey = stays_grey(w, b);
    IML_TRY(iml__image_new(w->a, pw, ph, grey ? 1 : 3, IML__U8, &w->pic, e));
    if (grey) {
        memset(w->pic.px, p->bg.rgb[0], w->pic.stride * (size_t)ph);
        return IML_OK;
    }
    IML_TRY(iml__bg_draw(&p->bg, p->seed, p->index, w->geo.canvas_w, w->geo.canvas_h, part[0],
                         part[1], &w->pic, o->crop, &o->crop_scale, w->a, e));
    if (p->bg.kind != IML__BG_COLOUR) {
        iml__mean_colour(&w->pic, box[0] - part[0], box[1] - part[1], box[2] - box[0],
                         box[3] - box[1], o->bg_mean);
        w->ink = iml__ink_choose(p, o->bg_mean, &w->forced, o);
    }
    return IML_OK;
}

static iml_status moved(work *w, iml_err *e)
{
    const iml__render_params *p = w->p;
    const iml__geometry *g = &w->geo;
    iml_image m;
    if (!g->moves) return IML_OK;
    enum iml__edge edge = g->part_cut ? IML__EDGE_REPLICATE : IML__EDGE_REFLECT;
    IML_TRY(iml__map_warp(&g->map, w->a, &w->pic, -g->part[0], -g->part[1],
                          p->bg.kind == IML__BG_NONE ? IML__EDGE_CONSTANT : edge, NULL, &m, e));
    w->pic = m;
    if (!w->mask.px) return IML_OK;
    IML_TRY(iml__map_warp(&g->map, w->a, &w->mask, -g->part[0], -g->part[1], IML__EDGE_CONSTANT,
                          NULL, &m, e));
    w->mask = m;
    return IML_OK;
}

// Text on its background, then the map over both and over the coverage for the mask.
static iml_status compose(work *w, const iml__lay_block *b, iml_err *e)
{
    const iml__render_params *p = w->p;
    const iml__geometry *g = &w->geo;
    IML_TRY(under(w, b, e));
    IML_TRY(iml__textlayer_make(p, w->ink, b, g->ox, g->oy, g->part, w->a, &w->text, e));
    IML_TRY(iml__textlayer_draw(p, &w->text, &w->pic, g->part[0], g->part[1], w->a, e));
    // The whole part, so that warping it needs no thought about edges.
    if (p->mask || p->unit_mask || p->line_mask) {
        IML_TRY(iml__image_new(w->a, w->pic.w, w->pic.h, 1, IML__U8, &w->mask, e));
        memset(w->mask.px, 0, w->mask.stride * (size_t)w->mask.h);
        const iml__layer *l = &w->text.ink;
        for (int32_t y = 0; !w->text.empty && y < l->m.h; y++)
            memcpy(iml__image_row(&w->mask, l->y - g->part[1] + y) + (l->x - g->part[0]),
                   iml__image_row(&l->m, y), (size_t)l->m.w);
    }
    return moved(w, e);
}

// ---- Effects on the finished composition

static void cutout(work *w)
{
    const iml__render_params *p = w->p;
    int32_t cw = p->cutout_w, ch = p->cutout_h;
    if (cw <= 0 || ch <= 0 || cw >= w->pic.w || ch >= w->pic.h) return;
    int32_t x = (int32_t)floor(p->cutout_u[0] * (w->pic.w - cw + 1));
    int32_t y = (int32_t)floor(p->cutout_u[1] * (w->pic.h - ch + 1));
    if (p->cutout_given) x = p->cutout_at[0], y = p->cutout_at[1];
    x = IML_CLAMP(x, 0, w->pic.w - cw), y = IML_CLAMP(y, 0, w->pic.h - ch);
    iml_image hole = iml__image_view(&w->pic, x, y, cw, ch);
    iml__image_fill(&hole, (const uint8_t[4]){0, 0, 0, 255});
    int32_t *c = w->out->cutout;
    c[0] = x, c[1] = y, c[2] = cw, c[3] = ch;
}

static uint32_t luma(const uint8_t c[3])
{
    return (19595u * c[0] + 38470u * c[1] + 7471u * c[2] + 32768) >> 16;
}

// Mean luma of the ink in use, each of its colours alike. An ink without a colour counts as black.
static uint32_t ink_luma(const iml__ink *ink)
{
    uint32_t sum = 0;
    for (uint32_t k = 0; k < ink->n; k++) sum += luma(ink->rgb + 3 * (size_t)k);
    return ink->n ? sum / ink->n : 0;
}

static iml_status apply(work *w, iml__op *op, iml_image *m, iml_err *e)
{
    if (iml__op_neutral(op, m->w, m->h)) return IML_OK;
    return iml__op_apply(op, w->a, m, e);
}

// Without a background the ink's own alpha gets thinner or thicker, and its colours with it.
static iml_status morph_alpha(work *w, iml__op *op, iml_err *e)
{
    iml_image alpha, *m = &w->pic;
    op->v[IML__MORPH_MODE] = w->p->morph_erode ? IML__MORPH_MIN : IML__MORPH_MAX;
    IML_TRY(iml__image_new(w->a, m->w, m->h, 1, IML__U8, &alpha, e));
    iml__premultiply(m);
    for (int32_t y = 0; y < m->h; y++)
        for (int32_t x = 0; x < m->w; x++)
            iml__image_row(&alpha, y)[x] = iml__image_row(m, y)[4 * (size_t)x + 3];
    IML_TRY(apply(w, op, m, e));
    IML_TRY(apply(w, op, &alpha, e));
    for (int32_t y = 0; y < m->h; y++)
        for (int32_t x = 0; x < m->w; x++)
            iml__image_row(m, y)[4 * (size_t)x + 3] = iml__image_row(&alpha, y)[x];
    iml__unpremultiply(m);
    return IML_OK;
}

static iml_status morph(work *w, iml_err *e)
{
    const iml__render_params *p = w->p;
    iml__op op;
    if (p->morph_k <= 1) return IML_OK;
    iml__op_init(&op, IML__OP_MORPH, p->seed, p->index, "synth.erosion_dilation_kernel");
    op.v[IML__MORPH_K] = p->morph_k;
    if (w->pic.channels == 4) return morph_alpha(w, &op, e);
    // Thicker text is the minimum where the ink is the darker of the two, else the maximum.
    bool darker = ink_luma(w->ink) < luma(w->out->bg_mean);
    op.v[IML__MORPH_MODE] = darker != p->morph_erode ? IML__MORPH_MIN : IML__MORPH_MAX;
    return apply(w, &op, &w->pic, e);
}

static iml_status contrast(work *w, iml_err *e)
{
    const iml__render_params *p = w->p;
    iml__op op;
    if (w->text_free) {
        if (p->contrast != 1) iml__contrast_about(&w->pic, p->contrast, w->mean);
        return IML_OK;
    }
    if (p->text_free && p->contrast != 1) w->mean = iml__mean_luma(&w->pic);
    iml__op_init(&op, IML__OP_CONTRAST, p->seed, p->index, "synth.contrast_factor");
    op.v[IML__CONTRAST_X] = p->contrast;
    return apply(w, &op, &w->pic, e);
}

static iml_status effects(work *w, iml_err *e)
{
    const iml__render_params *p = w->p;
    iml__op op;
    cutout(w);
    IML_TRY(morph(w, e));
    if (p->gaussian_noise > 0) {
        IML_TRY(to_rgb(w, e));
        iml__op_init(&op, IML__OP_NOISE, p->seed, p->index, "synth.gaussian_noise");
        op.v[IML__NOISE_KIND] = IML__NOISE_GAUSS;
        op.v[IML__NOISE_SIGMA] = p->gaussian_noise;
        IML_TRY(apply(w, &op, &w->pic, e));
    }
    if (p->noise_amount > 0) {
        iml__op_init(&op, IML__OP_NOISE, p->seed, p->index, "synth.noise_amount");
        op.v[IML__NOISE_KIND] = IML__NOISE_SALT_PEPPER;
        op.v[IML__NOISE_SHARE] = p->noise_amount;
        IML_TRY(apply(w, &op, &w->pic, e));
    }
    if (p->blur > 0) {
        iml__op_init(&op, IML__OP_BLUR, p->seed, p->index, "synth.blur_radius");
        op.v[IML__BLUR_RADIUS] = p->blur;
        IML_TRY(apply(w, &op, &w->pic, e));
    }
    iml__op_init(&op, IML__OP_BRIGHTNESS, p->seed, p->index, "synth.brightness_factor");
    op.v[IML__BRIGHTNESS_X] = p->brightness;
    IML_TRY(apply(w, &op, &w->pic, e));
    IML_TRY(contrast(w, e));
    iml__op_init(&op, IML__OP_GAMMA, p->seed, p->index, "synth.gamma");
    op.v[IML__GAMMA_G] = p->gamma;
    return apply(w, &op, &w->pic, e);
}

// ---- Size and channels

static iml_status fit(work *w, iml_err *e)
{
    const iml__render_params *p = w->p;
    int32_t fw = w->pic.w, fh = w->pic.h;
    if (p->image_height > 0 && p->image_height != fh)
        fw = iml__scaled_side(fw, (double)p->image_height / fh), fh = p->image_height;
    if (p->max_width > 0 && fw > p->max_width) {
        if (p->fit == IML__FIT_REJECT) w->out->rejected = true;
        if (p->fit == IML__FIT_SHRINK) fh = iml__scaled_side(fh, (double)p->max_width / fw);
        if (p->fit != IML__FIT_REJECT) fw = p->max_width;
    }
    w->out->fit_x = (double)fw / w->pic.w, w->out->fit_y = (double)fh / w->pic.h;
    if (fw == w->pic.w && fh == w->pic.h) return IML_OK;
    iml_image m;
    IML_TRY(iml__resize(&w->pic, fw, fh, IML__FILTER_TRIANGLE, w->a, &m, e));
    w->pic = m;
    if (w->mask.px) {
        IML_TRY(iml__resize(&w->mask, fw, fh, IML__FILTER_TRIANGLE, w->a, &m, e));
        w->mask = m;
    }
    return IML_OK;
}

static iml_status to_grey(work *w, iml_err *e)
{
    iml_image m;
    if (w->pic.channels == 1) return IML_OK;
    IML_TRY(iml__image_new(w->a, w->pic.w, w->pic.h, 1, IML__U8, &m, e));
    for (int32_t y = 0; y < m.h; y++)
        iml__kernel()->luma_u8(iml__image_row(&m, y), iml__image_row(&w->pic, y), (size_t)m.w,
                               w->pic.channels);
    w->pic = m;
    return IML_OK;
}

static iml_status over_white(work *w, iml_err *e)
{
    iml_image m;
    if (w->pic.channels != 4) return IML_OK;
    IML_TRY(iml__image_new(w->a, w->pic.w, w->pic.h, 3, IML__U8, &m, e));
    iml__image_fill(&m, (const uint8_t[3]){255, 255, 255});
    for (int32_t y = 0; y < m.h; y++)
        iml__kernel()->over_rgba_rgb_u8(iml__image_row(&m, y), iml__image_row(&w->pic, y),
                                        (size_t)m.w);
    w->pic = m;
    return IML_OK;
}

static iml_status to_rgba(work *w, iml_err *e)
{
    iml_image m;
    if (w->pic.channels == 4) return IML_OK;
    IML_TRY(iml__image_new(w->a, w->pic.w, w->pic.h, 4, IML__U8, &m, e));
    for (int32_t y = 0; y < m.h; y++) {
        const uint8_t *s = iml__image_row(&w->pic, y);
        uint8_t *d = iml__image_row(&m, y);
        int step = w->pic.channels, g = step == 1 ? 0 : 1, b = step == 1 ? 0 : 2;
        for (int32_t x = 0; x < m.w; x++, s += step, d += 4)
            d[0] = s[0], d[1] = s[g], d[2] = s[b], d[3] = 255;
    }
    w->pic = m;
    return IML_OK;
}

static iml_status channels(work *w, iml_err *e)
{
    enum iml__render_channels want = w->p->channels;
    if (want == IML__OUT_RGBA) return to_rgba(w, e);
    IML_TRY(over_white(w, e));
    if (want == IML__OUT_GREY || (want == IML__OUT_AUTO && iml__is_grey(&w->pic)))
        return to_grey(w, e);
    return to_rgb(w, e);
}

// ---- The same once more, without its text, and its text alone

static iml_status text_free(const work *done, const iml__lay_block *b, iml_image *out, iml_err *e)
{
    static const enum iml__render_channels like[] = {IML__OUT_GREY, IML__OUT_GREY, IML__OUT_GREY,
                                                     IML__OUT_RGB, IML__OUT_RGBA};
    iml__render_params p = *done->p;
    iml__render_out o = *done->out;
    work w = *done;
    p.channels = like[done->pic.channels];
    w.p = &p, w.out = &o, w.mask.px = NULL, w.text_free = true;
    IML_TRY(under(&w, b, e));
    IML_TRY(moved(&w, e));
    IML_TRY(effects(&w, e));
    IML_TRY(fit(&w, e));
    IML_TRY(channels(&w, e));
    *out = w.pic;
    return IML_OK;
}

static iml_status text_alone(const work *done, iml_image *out, iml_err *e)
{
    iml__render_params p = *done->p;
    iml__render_out o = *done->out;
    work w = *done;
    const int32_t *part = w.geo.part;
    p.bg.kind = IML__BG_NONE;
    w.p = &p, w.out = &o, w.mask.px = NULL;
    IML_TRY(iml__image_new(w.a, part[2] - part[0], part[3] - part[1], 4, IML__U8, &w.pic, e));
    memset(w.pic.px, 0, w.pic.stride * (size_t)w.pic.h);
    IML_TRY(iml__textlayer_draw(&p, &w.text, &w.pic, part[0], part[1], w.a, e));
    IML_TRY(moved(&w, e));
    IML_TRY(fit(&w, e));
    *out = w.pic;
    return IML_OK;
}

// All that params ask for beside the picture. The map's places are not scaled yet.
static iml_status extras(const work *w, const iml__lay_block *b, iml__render_out *out, iml_err *e)
{
    const iml__render_params *p = w->p;
    if (p->unit_mask) IML_TRY(iml__idmask(&w->geo, false, &w->mask, w->a, &out->unit_mask, e));
    if (p->line_mask) IML_TRY(iml__idmask(&w->geo, true, &w->mask, w->a, &out->line_mask, e));
    if (p->text_free) IML_TRY(text_free(w, b, &out->text_free, e));
    return p->text_alone ? text_alone(w, &out->text_alone, e) : IML_OK;
}

// ----

static iml_status check(const iml__render_params *p, const iml__lay_block *b, iml_err *e)
{
    if (b->problem || !b->nlines) return IML_FAIL(e, IML_EARG, "there is no text to draw");
    if (!p->ninks) return IML_FAIL(e, IML_EARG, "there is no colour to draw the text in");
    for (uint32_t k = 0; k < p->ninks; k++)
        if (p->ink[k].n < (p->ink[k].mode == IML__INK_GRADIENT ? 2u : 1u))
            return IML_FAIL(e, IML_EARG, "draw %u of the text's colours is empty", (unsigned)k);
    if (!(p->opacity >= 0 && p->opacity <= 1))
        return IML_FAIL(e, IML_EARG, "the text's opacity is not in 0..1");
    for (int k = 0; k < 4; k++)
        if (p->pad[k] < 0) return IML_FAIL(e, IML_EARG, "padding cannot be negative");
    return IML_OK;
}

iml_status iml__render(const iml__render_params *p, const iml__lay_block *b, iml_arena *a,
                       iml__render_out *out, iml_err *e)
{
    work w = {.p = p, .a = a, .out = out};
    memset(out, 0, sizeof *out);
    IML_TRY(check(p, b, e));
    IML_TRY(iml__geometry_make(p, b, a, &w.geo, e));
    IML_TRY(compose(&w, b, e));
    IML_TRY(effects(&w, e));
    IML_TRY(fit(&w, e));
    IML_TRY(channels(&w, e));

    iml__geometry *g = &w.geo;
    IML_TRY(iml__geometry_visible(g, out->cutout, a, e));
    IML_TRY(extras(&w, b, out, e));
    iml__geometry_scale(g, out->fit_x, out->fit_y);
    out->image = w.pic;
    if (p->mask) out->mask = w.mask;
    out->lines = g->lines, out->nlines = b->nlines;
    out->canvas_w = g->canvas_w, out->canvas_h = g->canvas_h;
    out->distortion_scale = g->moves ? g->map.distortion_scale : 1;
    out->perspective_scale = g->moves ? g->map.perspective_scale : 1;
    uint32_t k = 0;
    for (uint32_t i = 0; i < b->nlines; i++)
        for (uint32_t j = 0; j < b->lines[i].nunits; j++, k++)
            iml__ink_at(w.ink, k, j, b->lines[i].nunits, out->lines[i].units[j].rgb);
    if (out->ink_forced) memcpy(out->forced_rgb, w.forced.rgb, 3);
    return IML_OK;
}
