// synth_item.c: one item: plan, text, face, layout, parameters, picture.
//
// The redraw chain (synth.md 4.3) is pure in (seed, index): up to 16 texts, each with up to 4
// faces; whether a face can draw a text is a property of both, so workers and history change
// nothing. Only when all fail is the item bad. Backgrounds have a chain of their own.
#include "src/synth/replay.h"

#include "src/base/err.h"
#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/synth/missing.h"
#include "src/synth/coverage.h"
#include "src/synth/ucd.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum { LABEL_MAX = 64 << 20 };

iml_status iml__synth_worker_new(const iml__synth *s, iml__synth_worker **out, iml_err *e)
{
    iml__synth_worker *w = iml__calloc(1, sizeof *w);
    *out = NULL;
    if (!w) return IML_FAIL(e, IML_ENOMEM, "no memory for a worker");
    iml__str_init(&w->label, LABEL_MAX);
    iml_status st = iml__setter_new(&w->setter, IML__GLYPH_CACHE, e);
    w->row = iml__calloc(iml__fontindex_words(s->fonts), sizeof *w->row);
    if (!st && !w->row) st = IML_FAIL(e, IML_ENOMEM, "no memory for a worker");
    if (st) iml__synth_worker_free(&w);
    *out = w;
    return st;
}

void iml__synth_worker_free(iml__synth_worker **w)
{
    if (!*w) return;
    iml__setter_free(&(*w)->setter);
    iml__str_free(&(*w)->label);
    iml__coverage_free(&(*w)->coverage);
    IML_FREE((*w)->row);
    IML_FREE(*w);
}

// ---- Faces

static iml_status code_points(const iml__text *t, iml_arena *a, uint32_t **out, size_t *n,
                              iml_err *e)
{
    uint32_t *cp = iml_arena_alloc(a, ((size_t)t->len + 1) * sizeof *cp);
    if (!cp) return IML_FAIL(e, IML_ENOMEM, "no memory for a text");
    *n = 0;
    for (uint32_t at = 0; at < t->len;) {
        utf8proc_int32_t v;
        utf8proc_ssize_t len =
            utf8proc_iterate((const utf8proc_uint8_t *)t->utf8 + at, t->len - at, &v);
        if (len <= 0) break; // iml__text_draw wrote it: never
        cp[(*n)++] = (uint32_t)v, at += (uint32_t)len;
    }
    *out = cp;
    return IML_OK;
}

// One of the faces of the row by weight; false: none is left. The row loses it.
static bool pick_face(const iml__synth *s, const iml__item_plan *p, uint32_t attempt, uint64_t *row,
                      size_t *out)
{
    size_t words = iml__fontindex_words(s->fonts);
    const double *weight = s->spec[p->spec].font_weight;
    double total = 0, run = 0;
    for (size_t k = 0; k < words; k++)
        for (uint64_t bits = row[k]; bits; bits &= bits - 1)
            total += weight ? weight[k * 64 + (size_t)__builtin_ctzll(bits)] : 1;
    if (total <= 0) return false;
    char name[40] = "synth.font";
    if (attempt) (void)snprintf(name, sizeof name, "synth.font#%u", attempt);
    iml_rng g = iml__rng_slot(p->seed, p->index, iml_stream(name), 0);
    double u = iml_rng_unit(&g) * total;
    for (size_t k = 0; k < words; k++)
        for (uint64_t bits = row[k]; bits; bits &= bits - 1) {
            size_t i = k * 64 + (size_t)__builtin_ctzll(bits);
            *out = i;
            if ((run += weight ? weight[i] : 1) > u) goto found;
        }
found:
    row[*out / 64] &= ~((uint64_t)1 << (*out % 64));
    return true;
}

double iml__synth_unit_value(const iml__synth *s, const iml__item_plan *p, int key, uint32_t unit)
{
    int k = iml__unit_key(key);
    if (p->given)
        return !p->by_unit[k]          ? p->num[key]
               : unit < p->nby_unit[k] ? p->by_unit[k][unit]
                                       : iml__key_nums[key].rule.neutral;
    return iml__value_draw(&s->config->spec[p->spec].num[key], p->seed, p->index,
                           s->streams.num[key], 2 * (1 + unit));
}

bool iml__synth_by_unit(const iml__synth *s, const iml__item_plan *p, int key)
{
    int k = iml__unit_key(key);
    if (k < 0) return false;
    if (p->given) return p->by_unit[k] != NULL;
    return !iml__value_is(&s->config->spec[p->spec].num[key], iml__key_nums[key].rule.neutral);
}

struct jitter {
    const iml__synth *s;
    const iml__item_plan *p;
};

static void jitter_unit(void *user, uint32_t unit, iml__lay_jitter *j)
{
    const struct jitter *k = user;
    j->dy = iml__synth_unit_value(k->s, k->p, IML__N_baseline_jitter, unit);
    j->angle = -iml__synth_unit_value(k->s, k->p, IML__N_glyph_rotation, unit) * IML__DEG;
    j->scale = iml__synth_unit_value(k->s, k->p, IML__N_glyph_scale, unit);
}

static void layout_options(const iml__synth *s, iml__synth_item *it)
{
    static const enum iml__lay_align align[] = {IML__LAY_LEFT, IML__LAY_CENTER, IML__LAY_RIGHT,
                                                IML__LAY_TOP,  IML__LAY_BOTTOM, IML__LAY_START,
                                                IML__LAY_END,  IML__LAY_JUSTIFY};
    const iml__item_plan *p = &it->plan;
    const double *num = p->num;
    iml__lay_opt *o = &it->opt;
    iml__lay_opt_default(o);
    o->dir = (enum iml__lay_dir)p->en[IML__E_text_direction];
    o->vertical = (enum iml__lay_vertical)p->en[IML__E_vertical_orientation];
    o->columns = (enum iml__lay_columns)p->en[IML__E_column_order];
    o->faces = it->face, o->nfaces = it->nfaces;
    o->language = s->config->spec[p->spec].language;
    o->features = s->config->spec[p->spec].feature;
    o->nfeatures = s->config->spec[p->spec].nfeatures;
    o->fallback_any = p->en[IML__E_on_missing_glyph] == 1;
    o->wrap = num[IML__N_wrap_width];
    o->lines = o->wrap > 0 ? 0 : (uint32_t)num[IML__N_lines];
    o->by_unit = p->en[IML__E_line_break_mode] == 1;
    o->line_spacing = num[IML__N_line_spacing];
    o->letter_spacing = num[IML__N_letter_spacing], o->word_spacing = num[IML__N_word_spacing];
    o->overlap = num[IML__N_glyph_overlap_intensity];
    o->align = align[p->en[IML__E_text_alignment]];
    o->curve = (enum iml__lay_curve)p->en[IML__E_curve_type];
    o->concave = p->en[IML__E_arc_concave] == 1;
    o->radius = num[IML__N_arc_radius], o->max_span = num[IML__N_arc_max_span];
    o->amplitude = num[IML__N_sine_amplitude];
    o->frequency = num[IML__N_sine_frequency], o->phase = num[IML__N_sine_phase];
    o->bend = (enum iml__lay_bend)p->en[IML__E_curve_glyphs];
    // Limits of the older tool: an arc of radius <= 1 and a wave of A <= 0.1 are straight.
    if (o->curve == IML__LAY_ARC && o->radius <= 1) o->curve = IML__LAY_STRAIGHT;
    if (o->curve == IML__LAY_SINE && (o->amplitude <= 0.1 || o->frequency <= 0))
        o->curve = IML__LAY_STRAIGHT;
}

static bool jitters(const iml__synth *s, const iml__item_plan *p)
{
    static const int keys[] = {IML__N_baseline_jitter, IML__N_glyph_rotation, IML__N_glyph_scale};
    for (size_t k = 0; k < IML_COUNT_OF(keys); k++)
        if (iml__synth_by_unit(s, p, keys[k]) ||
            (p->given && p->num[keys[k]] != iml__key_nums[keys[k]].rule.neutral))
            return true;
    return false;
}

static iml_status open_face(const iml__synth *s, iml__synth_worker *w, iml__synth_item *it,
                            size_t i, iml_err *e)
{
    const iml__font *f = iml__fontindex_font(s->fonts, i);
    iml__face_spec spec = {.path = f->path,
                           .stamp = f->stamp,
                           .index = f->index,
                           .size = (int32_t)it->plan.num[IML__N_font_size],
                           .bold = it->plan.num[IML__N_bold],
                           .oblique = it->plan.num[IML__N_oblique],
                           .border = it->plan.num[IML__N_border]};
    const iml__spec *from = &s->config->spec[it->plan.spec];
    for (uint32_t k = 0; f->variable && k < from->naxes; k++, spec.naxes++) {
        const char *tag = from->axis[k].tag;
        spec.axis[k].tag = HB_TAG(tag[0], tag[1], tag[2], tag[3]);
        spec.axis[k].value = (float)it->plan.axis[k];
    }
    for (uint32_t k = 0; k < it->nfaces; k++)
        if (it->font[k] == i) return IML_OK;
    IML_TRY(iml__setter_face(w->setter, &spec, &it->face[it->nfaces], e));
    it->font[it->nfaces++] = i;
    return IML_OK;
}

// Sets the text in one face. *fine = false: another face or text.
static iml_status set_in(const iml__synth *s, iml__synth_worker *w, iml__synth_item *it,
                         size_t face, const size_t *more, size_t nmore, iml_arena *a, bool *fine,
                         iml_err *e)
{
    struct jitter j = {s, &it->plan};
    size_t mark = iml__arena_mark(a);
    iml_err why;
    it->nfaces = 0, *fine = false;
    if (open_face(s, w, it, face, &why))
        return IML_OK; // it was proved, and went bad since: as if not there
    for (size_t k = 0; k < nmore; k++) IML_TRY(open_face(s, w, it, more[k], e));
    layout_options(s, it);
    if (jitters(s, &it->plan)) it->opt.jitter = jitter_unit, it->opt.jitter_user = &j;
    IML_TRY(iml__lay_text(w->setter, &it->block, it->text.utf8, it->text.len, &it->opt, a, e));
    it->opt.jitter = NULL, it->opt.jitter_user = NULL; // j ends here
    *fine = !it->block.problem && it->block.nlines && it->block.nunits;
    if (!*fine) iml__arena_release(a, mark);
    return IML_OK;
}

static bool of_a_script(uint32_t cp)
{
    uint8_t script = iml__ucd_get(cp)->script;
    return script != IML__SC_Zyyy && script != IML__SC_Zinh;
}

// The faces that can draw all of a text, in the worker's row.
static iml_status faces_for(const iml__synth *s, iml__synth_worker *w, const iml__synth_item *it,
                            const uint32_t *cp, size_t n, iml_err *e)
{
    const iml__synth_spec *own = &s->spec[it->plan.spec];
    const uint32_t *en = it->plan.en;
    memcpy(w->row, own->row, iml__fontindex_words(s->fonts) * sizeof *w->row);
    IML_TRY(
        iml__fontindex_cover(s->fonts, w->setter, cp, n, own->fallback, own->nfallback, w->row, e));
    if (en[IML__E_text_direction] != IML__DIR_TTB) return IML_OK;
    return iml__fontindex_cover_column( // small kana must have their vertical forms
        s->fonts, w->setter, cp, n, (enum iml__lay_vertical)en[IML__E_vertical_orientation],
        own->fallback, own->nfallback, w->row, e);
}

static const char too_wide[] = "wider than max_width", too_short[] = "too_short",
                  torn[] = "invalid UTF-8";

// What to do about a specification none of whose texts could be drawn.
static const char *advice(const char *problem)
{
    if (problem == too_wide)
        return "raise max_width, lower font_size or max_text_length, or let fit shrink them";
    if (problem == too_short) return "lower min_text_length, or give a corpus of longer texts";
    if (problem == torn) return "repair its corpus, or set on_invalid_utf8 to skip or replace";
    if (problem == iml__lay_problem_name(IML__LAY_TOO_LARGE))
        return "lower font_size, max_text_length or the spacings";
    return "give fonts that cover its corpus";
}

static iml_status settle_text(const iml__synth *s, iml__synth_worker *w, iml__synth_item *it,
                              iml_arena *a, iml_err *e)
{
    const iml__spec *spec = &s->config->spec[it->plan.spec];
    const iml__synth_spec *own = &s->spec[it->plan.spec];
    const uint32_t *en = it->plan.en;
    size_t mark = iml__arena_mark(a);
    const uint32_t missing = en[IML__E_on_missing_glyph];
    const char *problem = it->text_attempt ? too_wide : "no_face";
    const iml__text_want want = {.unit = en[IML__E_text_unit],
                                 .length = (uint32_t)it->plan.num[IML__N_text_length],
                                 .most = iml__text_most(spec),
                                 .invalid = (int)en[IML__E_on_invalid_utf8],
                                 .keep = en[IML__E_whitespace] == 1,
                                 .letters = en[IML__E_text_case],
                                 .form = en[IML__E_normalization]};
    for (; it->text_attempt < IML__TEXT_ATTEMPTS; it->text_attempt++) {
        bool found, fine;
        uint32_t *cp = NULL;
        size_t n = 0, face = 0;
        iml__arena_release(a, mark);
        IML_TRY(iml__text_draw(s->corpora, spec, it->plan.seed, it->plan.index, it->text_attempt,
                               &want, a, &it->text, &found, e));
        it->windows += it->text.windows;
        if (!found) {
            problem = it->text.windows ? torn : too_short;
            continue;
        }
        IML_TRY(code_points(&it->text, a, &cp, &n, e));
        const iml__text drawn = it->text;
        if (missing == IML__MISSING_FALLBACK) { // its own script is enough, the rest may be others'
            size_t first = 0;
            while (first < n && !of_a_script(cp[first])) first++;
            cp += IML_MIN(first, n - 1), n = 1;
        }
        if (missing == IML__MISSING_SKIP)
            IML_TRY(iml__missing_faces(s, it->plan.spec, w->setter, cp, n, w->row, e));
        else
            IML_TRY(faces_for(s, w, it, cp, n, e));
        for (it->face_attempt = 0; it->face_attempt < IML__FACE_ATTEMPTS; it->face_attempt++) {
            uint32_t attempt = it->text_attempt * IML__FACE_ATTEMPTS + it->face_attempt;
            if (!pick_face(s, &it->plan, attempt, w->row, &face)) break;
            it->text = drawn, fine = true;
            if (missing == IML__MISSING_SKIP)
                IML_TRY(iml__missing_skip(s, &it->plan, w->setter, face, &it->text, a, &fine, e));
            if (!fine) {
                problem = too_short;
                continue;
            }
            IML_TRY(set_in(s, w, it, face, own->fallback, own->nfallback, a, &fine, e));
            if (fine) return IML_OK;
            problem = iml__lay_problem_name(it->block.problem);
        }
        if (missing == IML__MISSING_ERROR)
            return IML_FAIL(e, IML_EINPUT,
                            "specification '%s': no face draws the whole of \"%.*s\" (%s), and "
                            "on_missing_glyph is error",
                            spec->name, iml__utf8_head(drawn.utf8, 60), drawn.utf8, problem);
    }
    return IML_FAIL(e, IML_EINPUT,
                    "specification '%s': none of %d texts could be drawn (last: %s); %s",
                    spec->name, IML__TEXT_ATTEMPTS, problem, advice(problem));
}

// ---- Background

// The k-th item of a specification uses file permutation(floor(k / reuse)): neighbours share a
// decode. Every round through the files has an order of its own.
static uint32_t file_of(const iml__synth *s, const iml__item_plan *p, uint32_t attempt)
{
    uint64_t group = p->ordinal / (uint64_t)p->num[IML__N_background_reuse];
    const iml__synth_spec *x = &s->spec[p->spec];
    if (x->back_weight) {
        iml_rng g = iml__rng_slot(p->seed, group, x->bg_stream, 8 + attempt);
        return x->back[iml__rng_choice(&g, x->back_weight, x->nback)];
    }
    if (!attempt)
        return x
            ->back[iml__perm(p->seed, group / x->nback, x->bg_stream, x->nback, group % x->nback)];
    iml_rng g = iml__rng_slot(p->seed, group, x->bg_stream, 8 + attempt);
    return x->back[iml_rng_bounded(&g, x->nback)];
}

static iml_status settle_background(const iml__synth *s, iml__synth_item *it, iml_arena *a,
                                    iml_err *e)
{
    iml__render_bg *bg = &it->params.bg;
    const iml__item_plan *p = &it->plan;
    bg->mode = (enum iml__bg_mode)p->en[IML__E_background_mode];
    bg->u[0] = p->crop[0], bg->u[1] = p->crop[1];
    memcpy(bg->rgb, s->bg_rgb, 3);
    enum iml__bg_kind kind = s->spec[p->spec].bg;
    bg->kind = kind;
    if (kind == IML__BG_KINDS)
        bg->kind =
            (enum iml__bg_kind)(IML__BG_BUILTIN + (int)iml__plan_pick("synth.bg", p->seed, p->index,
                                                                      0, NULL, IML__BG_BUILTINS));
    if (kind != IML__BG_IMAGE) return IML_OK;
    iml_err why = {0};
    iml_status last = IML_EINPUT;
    for (it->back_attempt = 0; it->back_attempt < IML__BACK_ATTEMPTS; it->back_attempt++) {
        it->back = (int32_t)file_of(s, p, it->back_attempt);
        const iml__back_file *f = &s->back[it->back];
        iml_status st = iml__bg_get(s->cache, f->path, f->sha256, &it->picture, a, &why);
        last = st;
        if (!st) {
            bg->picture = it->picture;
            return IML_OK;
        }
        if (iml_status_class(st) != IML_CLASS_ITEM) {
            if (e) *e = why;
            return st;
        }
        it->refused[it->back_attempt] =
            IML__SYNTH_COUNTERS + 2 * (uint32_t)it->back + (st == IML_ELIMIT);
    }
    return IML_FAIL(e, last, "none of %d backgrounds could be read (last: %.120s)",
                    IML__BACK_ATTEMPTS, why.msg);
}

// ---- Parameters

static void effects(const iml__item_plan *p, iml__render_params *r)
{
    const double *n = p->num;
    r->opacity = n[IML__N_opacity];
    r->ink_bleed = n[IML__N_ink_bleed_radius];
    r->drop = (iml__render_shadow){.dx = (int32_t)n[IML__N_drop_shadow_offset_x],
                                   .dy = (int32_t)n[IML__N_drop_shadow_offset_y],
                                   .sigma = n[IML__N_drop_shadow_radius]};
    r->block = (iml__render_shadow){.dx = (int32_t)n[IML__N_block_shadow_offset_x],
                                    .dy = (int32_t)n[IML__N_block_shadow_offset_y],
                                    .sigma = n[IML__N_block_shadow_radius]};
    memcpy(r->drop.rgba, p->colour[IML__C_drop_shadow_color], 4);
    memcpy(r->block.rgba, p->colour[IML__C_block_shadow_color], 4);
    memcpy(r->pad, p->padding, sizeof r->pad);
    memcpy(r->border_rgba, p->colour[IML__C_border_color], 4);
    r->image_height = (int32_t)n[IML__N_image_height], r->max_width = (int32_t)n[IML__N_max_width];
    r->fit = (enum iml__render_fit)p->en[IML__E_fit];
    r->clip_allow = p->en[IML__E_clip] == 1, r->bicubic = p->en[IML__E_interpolation] == 1;
    r->skew_x = n[IML__N_skew_x], r->skew_y = n[IML__N_skew_y];
    r->trapezoid_x = n[IML__N_trapezoid_x], r->trapezoid_y = n[IML__N_trapezoid_y];
    r->rotation = n[IML__N_rotation_angle];
    r->perspective = n[IML__N_perspective_warp_magnitude];
    r->elastic_alpha = n[IML__N_elastic_distortion_alpha],
    r->elastic_sigma = n[IML__N_elastic_distortion_sigma];
    r->grid_steps = (int32_t)n[IML__N_grid_distortion_steps],
    r->grid_limit = n[IML__N_grid_distortion_limit];
    r->optical = n[IML__N_optical_distortion_limit];
    r->cutout_w = (int32_t)n[IML__N_cutout_width], r->cutout_h = (int32_t)n[IML__N_cutout_height];
    r->cutout_u[0] = p->cutout[0], r->cutout_u[1] = p->cutout[1];
    r->morph_k = (int32_t)n[IML__N_erosion_dilation_kernel], r->morph_erode = !p->dilate;
    r->gaussian_noise = n[IML__N_gaussian_noise], r->noise_amount = n[IML__N_noise_amount];
    r->blur = n[IML__N_blur_radius];
    r->brightness = n[IML__N_brightness_factor], r->contrast = n[IML__N_contrast_factor];
    r->gamma = n[IML__N_gamma];
    r->max_canvas = (uint64_t)n[IML__N_max_canvas];
}

static bool may_vary(const iml__colour_range *r) { return memcmp(r->lo, r->hi, 3) != 0; }

// The colours as drawn and, where contrast may ask for them, eight more draws.
static iml_status inks(const iml__synth *s, iml__synth_item *it, iml_arena *a, iml_err *e)
{
    const iml__item_plan *p = &it->plan;
    const iml__colour_range *range = s->config->spec[p->spec].colour;
    uint32_t mode = p->en[IML__E_color_mode];
    uint32_t n = mode == IML__COLOR_UNIFORM    ? 1
                 : mode == IML__COLOR_GRADIENT ? 2
                                               : (uint32_t)p->num[IML__N_per_glyph_palette_size];
    bool vary = mode == IML__COLOR_GRADIENT ? may_vary(&range[IML__C_gradient_start_color]) ||
                                                  may_vary(&range[IML__C_gradient_end_color])
                                            : may_vary(&range[IML__C_text_color]);
    iml__render_params *r = &it->params;
    r->min_contrast = p->num[IML__N_min_contrast];
    r->contrast_force = p->en[IML__E_contrast_action] == 1;
    r->ninks = r->min_contrast > 0 && vary ? IML__CONTRAST_DRAWS : 1;
    iml__ink *ink = iml_arena_calloc(a, r->ninks, sizeof *ink);
    uint8_t *rgb = iml_arena_alloc(a, (size_t)3 * n * r->ninks);
    if (!ink || !rgb) return IML_FAIL(e, IML_ENOMEM, "no memory for colours");
    for (uint32_t k = 0; k < r->ninks; k++, rgb += 3 * n) {
        uint8_t c[IML__PALETTE_MAX][4];
        if (mode == IML__COLOR_PER_GLYPH) {
            iml__plan_palette(s->config, &s->streams, p, n, k, c);
        } else if (mode == IML__COLOR_GRADIENT) {
            iml__plan_colour(s->config, &s->streams, p, IML__C_gradient_start_color, k, c[0]);
            iml__plan_colour(s->config, &s->streams, p, IML__C_gradient_end_color, k, c[1]);
        } else {
            iml__plan_colour(s->config, &s->streams, p, IML__C_text_color, k, c[0]);
        }
        for (uint32_t i = 0; i < n; i++) memcpy(rgb + 3 * i, c[i], 3);
        ink[k] = (iml__ink){.mode = (enum iml__ink_mode)mode, .n = n, .rgb = rgb};
    }
    r->ink = ink;
    return IML_OK;
}

static void also(const iml__output *o, iml__render_params *p)
{
    p->mask = o->masks & IML__MASK_TEXT;
    p->unit_mask = o->masks & IML__MASK_UNIT, p->line_mask = o->masks & IML__MASK_LINE;
    p->text_free = o->extras & IML__EXTRA_BACKGROUND;
    p->text_alone = o->extras & IML__EXTRA_TEXTLAYER;
}

static enum iml__render_channels channels_of(const iml__synth *s, uint32_t spec)
{
    const iml__output *o = &s->config->output;
    switch (o->colour) {
    case IML__COLOUR_RGBA: return o->format == IML__FORMAT_JPEG ? IML__OUT_RGB : IML__OUT_RGBA;
    case IML__COLOUR_AUTO: return IML__OUT_AUTO;
    case IML__COLOUR_GREY: return IML__OUT_GREY;
    case IML__COLOUR_RGB: return IML__OUT_RGB;
    default:
        return s->spec[spec].bg == IML__BG_NONE && o->format != IML__FORMAT_JPEG ? IML__OUT_RGBA
                                                                                 : IML__OUT_RGB;
    }
}

// Says which keys made the picture so large: all that enlarge one and are away from neutral, with
// their values.
static iml_status too_large(const iml__synth *s, const iml__synth_item *it, iml_status st,
                            iml_err *e)
{
    static const int growing[] = {IML__N_font_size,
                                  IML__N_skew_x,
                                  IML__N_skew_y,
                                  IML__N_trapezoid_x,
                                  IML__N_trapezoid_y,
                                  IML__N_perspective_warp_magnitude,
                                  IML__N_rotation_angle,
                                  IML__N_elastic_distortion_alpha,
                                  IML__N_grid_distortion_limit,
                                  IML__N_optical_distortion_limit};
    char keys[240] = "", num[32];
    size_t n = 0;
    for (size_t k = 0; k < IML_COUNT_OF(growing); k++) {
        const iml__value_rule *rule = &iml__key_nums[growing[k]].rule;
        double v = it->plan.num[growing[k]];
        if (v == rule->neutral && growing[k] != IML__N_font_size) continue;
        num[iml__num_short(num, floor(v * 1000 + 0.5) / 1000)] = 0;
        int len = snprintf(keys + n, sizeof keys - n, "%s%s %s", n ? ", " : "", rule->key, num);
        if (len < 0 || (size_t)len >= sizeof keys - n) break;
        n += (size_t)len;
    }
    char why[200];
    (void)snprintf(why, sizeof why, "%.199s", e ? e->msg : "the picture is too large");
    return IML_FAIL(
        e, st, "specification '%s': %s (max_canvas %.0f); lower %s, or raise max_canvas",
        s->config->spec[it->plan.spec].name, why, it->plan.num[IML__N_max_canvas], keys);
}

iml_status iml__synth_item_make(const iml__synth *s, iml__synth_worker *w, uint64_t index,
                                iml_arena *a, iml_item *mark, iml__synth_item *it, iml_err *e)
{
    memset(it, 0, sizeof *it);
    it->back = -1;
    iml__setter_tidy(w->setter);
    if (mark) iml_stage(mark, IML__STAGE_LAYOUT);
    iml__plan_draw(s->config, &s->streams, &s->seats, s->seed, index, &it->plan);
    IML_TRY(settle_text(s, w, it, a, e));
    iml__render_defaults(&it->params);
    it->params.seed = s->seed, it->params.index = index;
    it->params.channels = channels_of(s, it->plan.spec);
    also(&s->config->output, &it->params);
    effects(&it->plan, &it->params);
    IML_TRY(inks(s, it, a, e));
    if (mark) iml_stage(mark, IML_STAGE_DECODE);
    IML_TRY(settle_background(s, it, a, e));
    if (mark) iml_stage(mark, IML__STAGE_RENDER);
    iml_status st = iml__render(&it->params, &it->block, a, &it->out, e);
    while (!st && it->out.rejected) { // fit reject: another text
        it->text_attempt++;
        if (!(st = settle_text(s, w, it, a, e)))
            st = iml__render(&it->params, &it->block, a, &it->out, e);
    }
    return st == IML_ELIMIT ? too_large(s, it, st, e) : st;
}

// ---- Replay

// The colours of the label, where it says that others than the first draw were used.
static iml_status given_ink(iml__synth_item *it, const iml__replay *r, iml_arena *a, iml_err *e)
{
    const iml__item_plan *p = &it->plan;
    enum iml__ink_mode mode = (enum iml__ink_mode)p->en[IML__E_color_mode];
    iml__ink *ink = iml_arena_calloc(a, 2, sizeof *ink);
    uint8_t *rgb = iml_arena_alloc(a, 6);
    if (!ink || !rgb) return IML_FAIL(e, IML_ENOMEM, "no memory for colours");
    if (mode == IML__INK_GRADIENT) {
        memcpy(rgb, p->colour[IML__C_gradient_start_color], 3);
        memcpy(rgb + 3, p->colour[IML__C_gradient_end_color], 3);
    } else {
        memcpy(rgb, p->colour[IML__C_text_color], 3);
    }
    ink[0] = (iml__ink){.mode = mode, .n = mode == IML__INK_GRADIENT ? 2 : 1, .rgb = rgb};
    if (r->ink)
        ink[0] = (iml__ink){
            .mode = r->ink_forced ? IML__INK_UNIFORM : mode, .n = r->nink, .rgb = r->ink};
    ink[1] = ink[0]; // what the label calls another draw than the first
    it->params.ink = ink, it->params.ninks = 1;
    return IML_OK;
}

static iml_status given_background(const iml__synth *s, iml__synth_item *it, const iml__replay *r,
                                   int32_t back, iml_arena *a, iml_err *e)
{
    iml__render_bg *bg = &it->params.bg;
    bg->mode = (enum iml__bg_mode)it->plan.en[IML__E_background_mode];
    bg->kind = r->bg;
    memcpy(bg->rgb, r->bg_rgb, 3);
    if (r->bg != IML__BG_IMAGE) return IML_OK;
    it->back = back;
    bg->crop_given = true, bg->crop[0] = r->crop[0], bg->crop[1] = r->crop[1];
    IML_TRY(iml__bg_get(s->cache, s->back[back].path, s->back[back].sha256, &it->picture, a, e));
    bg->picture = it->picture;
    return IML_OK;
}

iml_status iml__synth_item_replay(const iml__synth *s, iml__synth_worker *w, const iml__replay *r,
                                  const size_t *font, int32_t back, iml_arena *a,
                                  iml__synth_item *it, iml_err *e)
{
    bool fine;
    memset(it, 0, sizeof *it);
    it->back = -1;
    iml__setter_tidy(w->setter);
    it->plan = r->plan;
    it->text_attempt = r->attempt[0], it->face_attempt = r->attempt[1];
    it->back_attempt = r->attempt[2];
    it->text = (iml__text){
        .utf8 = r->text, .len = (uint32_t)strlen(r->text), .offset = r->offset, .bytes = r->bytes};
    IML_TRY(set_in(s, w, it, font[0], font + 1, r->nfonts - 1, a, &fine, e));
    if (!fine)
        return IML_FAIL(e, IML_EINPUT, "its text cannot be set in its font (%s)",
                        it->nfaces ? iml__lay_problem_name(it->block.problem) : "which is broken");
    iml__render_defaults(&it->params);
    it->params.seed = r->plan.seed, it->params.index = r->plan.index;
    it->params.channels = r->channels;
    effects(&it->plan, &it->params);
    it->params.cutout_given = r->cutout[2] > 0;
    it->params.cutout_at[0] = r->cutout[0], it->params.cutout_at[1] = r->cutout[1];
    IML_TRY(given_ink(it, r, a, e));
    IML_TRY(given_background(s, it, r, back, a, e));
    IML_TRY(iml__render(&it->params, &it->block, a, &it->out, e));
    if (r->ink_forced)
        it->out.ink_forced = true, memcpy(it->out.forced_rgb, r->ink, 3);
    else if (r->ink && it->params.ink[0].mode != IML__INK_PER_GLYPH)
        it->out.ink_used = 1;
    return IML_OK;
}

void iml__synth_item_done(const iml__synth *s, iml__synth_item *it)
{
    if (it->picture) iml__bg_release(s->cache, &it->picture);
}
