// label.c: the label of an item as JSON, version 1 (synth.md 3.2).
//
// Key order is fixed, text stays UTF-8, coordinates have two decimals (floor(100 v + 1/2)), sampled
// values have all 17 digits, so a label can make its picture again. `params` has every key of
// keys.def, neutral ones too: a constant feature vector. What the program had to change stands
// beside the drawn value as KEY_effective.
#include "src/synth/synth.h"

#include "src/base/hash.h"
#include "src/base/json.h"

#include <hb.h>
#include <stdio.h>
#include <string.h>

static void key_str(iml__jsonw *w, const char *key, const char *v)
{
    iml__jsonw_key(w, key);
    iml__jsonw_str(w, v);
}

static void key_u64(iml__jsonw *w, const char *key, uint64_t v)
{
    iml__jsonw_key(w, key);
    iml__jsonw_u64(w, v);
}

// ---- Geometry

static void numbers(iml__jsonw *w, const double *v, size_t n)
{
    iml__jsonw_array(w), iml__jsonw_inline(w);
    for (size_t i = 0; i < n; i++) iml__jsonw_fixed(w, v[i], 2);
    iml__jsonw_end(w);
}

static void points(iml__jsonw *w, const double *v, size_t n)
{
    iml__jsonw_array(w), iml__jsonw_inline(w);
    for (size_t i = 0; i < n; i++) numbers(w, v + 2 * i, 2);
    iml__jsonw_end(w);
}

static void quad(iml__jsonw *w, const char *key, bool inked, const double q[8])
{
    iml__jsonw_key(w, key);
    if (inked)
        numbers(w, q, 8);
    else
        iml__jsonw_null(w);
}

static void range(iml__jsonw *w, const char *key, uint32_t from, uint32_t to)
{
    iml__jsonw_key(w, key);
    iml__jsonw_array(w), iml__jsonw_inline(w);
    iml__jsonw_u64(w, from), iml__jsonw_u64(w, to);
    iml__jsonw_end(w);
}

static void text_of(iml__jsonw *w, const iml__synth_item *it, uint32_t from, uint32_t to)
{
    iml__jsonw_key(w, "text");
    iml__jsonw_strn(w, it->text.utf8 + from, to - from);
}

static void write_word(iml__jsonw *w, const iml__synth_item *it, const iml__lay_word *word,
                       const iml__render_word *r)
{
    iml__jsonw_object(w), iml__jsonw_inline(w);
    text_of(w, it, word->byte0, word->byte1);
    range(w, "range", word->byte0, word->byte1);
    quad(w, "quad", r->inked, r->quad);
    iml__jsonw_key(w, "clusters");
    iml__jsonw_array(w);
    for (uint32_t u = 0; u < word->units; u++) iml__jsonw_u64(w, word->unit + u);
    iml__jsonw_end(w), iml__jsonw_end(w);
}

static void write_unit(iml__jsonw *w, const iml__synth_item *it, const iml__lay_unit *u,
                       const iml__render_unit *r)
{
    iml__jsonw_object(w), iml__jsonw_inline(w);
    text_of(w, it, u->byte0, u->byte1);
    range(w, "range", u->byte0, u->byte1);
    key_u64(w, "graphemes", u->graphemes);
    quad(w, "quad", r->inked, r->quad);
    quad(w, "cell", true, r->cell);
    iml__jsonw_key(w, "visible"), iml__jsonw_fixed(w, r->visible, 3);
    iml__jsonw_key(w, "colour"), iml__jsonw_array(w);
    for (int k = 0; k < 3; k++) iml__jsonw_u64(w, r->rgb[k]);
    iml__jsonw_end(w);
    key_u64(w, "font", u->face);
    iml__jsonw_end(w);
}

static void write_lines(iml__jsonw *w, const iml__synth_item *it)
{
    iml__jsonw_key(w, "lines");
    iml__jsonw_array(w);
    for (uint32_t k = 0; k < it->block.nlines; k++) {
        const iml__lay_line *l = &it->block.lines[k];
        const iml__render_line *r = &it->out.lines[k];
        iml__jsonw_object(w);
        text_of(w, it, l->byte0, l->byte1);
        range(w, "byte_range", l->byte0, l->byte1);
        quad(w, "quad", r->inked, r->quad);
        iml__jsonw_key(w, "polygon"), points(w, r->polygon, r->npolygon);
        quad(w, "cell", true, r->cell);
        iml__jsonw_key(w, "baseline"), points(w, r->baseline, 2);
        iml__jsonw_key(w, "words"), iml__jsonw_array(w);
        for (uint32_t i = 0; i < l->nwords; i++) write_word(w, it, &l->words[i], &r->words[i]);
        iml__jsonw_end(w);
        iml__jsonw_key(w, "clusters"), iml__jsonw_array(w);
        for (uint32_t i = 0; i < l->nunits; i++) write_unit(w, it, &l->units[i], &r->units[i]);
        iml__jsonw_end(w);
        iml__jsonw_end(w);
    }
    iml__jsonw_end(w);
}

// ---- Head

static void write_font(iml__jsonw *w, const iml__synth *s, const iml__synth_item *it, uint32_t k,
                       bool whole)
{
    const iml__font *f = iml__fontindex_font(s->fonts, it->font[k]);
    iml__jsonw_object(w), iml__jsonw_inline(w);
    key_str(w, "path", f->path);
    iml__jsonw_key(w, "face"), iml__jsonw_i64(w, f->index);
    key_str(w, "family", f->family);
    key_str(w, "style", f->style);
    key_str(w, "sha256", f->sha256);
    if (whole) {
        key_u64(w, "size_px", (uint64_t)it->plan.num[IML__N_font_size]);
        const iml__spec *spec = &s->config->spec[it->plan.spec];
        iml__jsonw_key(w, "variations"), iml__jsonw_object(w);
        for (uint32_t i = 0; f->variable && i < spec->naxes; i++)
            iml__jsonw_key(w, spec->axis[i].tag), iml__jsonw_g17(w, it->plan.axis[i]);
        iml__jsonw_end(w);
        iml__jsonw_key(w, "features"), iml__jsonw_array(w);
        for (uint32_t i = 0; i < spec->nfeatures; i++) {
            hb_feature_t feature = spec->feature[i];
            char text[128];
            hb_feature_to_string(&feature, text, sizeof text);
            iml__jsonw_str(w, text);
        }
        iml__jsonw_end(w);
    }
    iml__jsonw_end(w);
}

// The script most units are written in.
static const char *main_script(const iml__synth_item *it, char out[8])
{
    hb_script_t best = HB_SCRIPT_COMMON, at[8];
    uint32_t count[8] = {0}, n = 0, most = 0;
    for (uint32_t k = 0; k < it->block.nlines; k++)
        for (uint32_t i = 0; i < it->block.lines[k].nruns; i++) {
            const iml__lay_run *run = &it->block.lines[k].runs[i];
            uint32_t j = 0;
            while (j < n && at[j] != run->script) j++;
            if (j == n && n < 8) at[n++] = run->script;
            if (j < n && (count[j] += run->end - run->start) > most) most = count[j], best = at[j];
        }
    hb_tag_t tag = hb_script_to_iso15924_tag(best);
    for (int k = 0; k < 4; k++) out[k] = (char)(tag >> (24 - 8 * k));
    out[4] = 0;
    return out;
}

// Faces up to the last one that drew a unit; those behind it were only ready to.
static uint32_t faces_used(const iml__synth_item *it)
{
    uint32_t n = 1;
    for (uint32_t k = 0; k < it->block.nlines; k++)
        for (uint32_t i = 0; i < it->block.lines[k].nunits; i++)
            n = IML_MAX(n, it->block.lines[k].units[i].face + 1);
    return n;
}

static void write_image(iml__jsonw *w, const iml__synth_item *it, const char *file,
                        const uint8_t *bytes, size_t n)
{
    static const char *const modes[] = {"", "L", "LA", "RGB", "RGBA"};
    const iml_image *m = &it->out.image;
    iml__jsonw_key(w, "image"), iml__jsonw_object(w), iml__jsonw_inline(w);
    key_str(w, "file", file);
    key_u64(w, "width", (uint64_t)m->w), key_u64(w, "height", (uint64_t)m->h);
    key_str(w, "mode", modes[m->channels]);
    iml__jsonw_key(w, "xxh3");
    if (bytes)
        iml__jsonw_hex64(w, iml__xxh3(bytes, n));
    else
        iml__jsonw_null(w);
    iml__jsonw_end(w);
}

// ---- Parameters

static void effective(iml__jsonw *w, const char *key, double v)
{
    char name[80];
    (void)snprintf(name, sizeof name, "%s_effective", key);
    iml__jsonw_key(w, name);
    iml__jsonw_g17(w, v);
}

static void unit_values(iml__jsonw *w, const iml__synth *s, const iml__synth_item *it, int key)
{
    iml__jsonw_array(w), iml__jsonw_inline(w);
    for (uint32_t u = 0; u < it->block.nunits; u++)
        iml__jsonw_g17(w, iml__synth_unit_value(s, &it->plan, key, u));
    iml__jsonw_end(w);
}

static void write_num(iml__jsonw *w, const iml__synth *s, const iml__synth_item *it, int k)
{
    const iml__value_rule *rule = &iml__key_nums[k].rule;
    double d = it->plan.num[k];
    iml__jsonw_key(w, rule->key);
    if (iml__synth_by_unit(s, &it->plan, k)) {
        unit_values(w, s, it, k);
    } else if (k == IML__N_padding) {
        iml__jsonw_array(w), iml__jsonw_inline(w);
        for (int side = 0; side < 4; side++) iml__jsonw_i64(w, it->plan.padding[side]);
        iml__jsonw_end(w);
    } else if (rule->integer) {
        iml__jsonw_i64(w, (int64_t)d);
    } else {
        iml__jsonw_g17(w, d);
    }
    const iml__lay_block *b = &it->block;
    if (k == IML__N_lines && b->nlines != (uint32_t)d) effective(w, rule->key, b->nlines);
    if (k == IML__N_arc_radius && it->opt.curve == IML__LAY_ARC && b->radius != d)
        effective(w, rule->key, b->radius);
    if (k == IML__N_sine_amplitude && it->opt.curve == IML__LAY_SINE && b->amplitude != d)
        effective(w, rule->key, b->amplitude);
    if ((k == IML__N_elastic_distortion_alpha || k == IML__N_grid_distortion_limit) && d > 0 &&
        it->out.distortion_scale != 1)
        effective(w, rule->key, d * it->out.distortion_scale);
    if (k == IML__N_image_height && d > 0 && it->out.image.h != (int32_t)d) // max_width shrank it
        effective(w, rule->key, it->out.image.h);
    if (k == IML__N_perspective_warp_magnitude && d > 0 && it->out.perspective_scale != 1)
        effective(w, rule->key, d * it->out.perspective_scale);
}

static void colour(iml__jsonw *w, const uint8_t *c, int n)
{
    iml__jsonw_array(w), iml__jsonw_inline(w);
    for (int k = 0; k < n; k++) iml__jsonw_u64(w, c[k]);
    iml__jsonw_end(w);
}

// The colours that were used where contrast chose others than the first draw.
static void write_ink(iml__jsonw *w, const iml__synth_item *it)
{
    const iml__ink *ink = &it->params.ink[it->out.ink_used];
    if (it->out.ink_forced) {
        iml__jsonw_key(w, "text_color_effective");
        colour(w, it->out.forced_rgb, 3);
    } else if (it->out.ink_used || ink->mode == IML__INK_PER_GLYPH) {
        iml__jsonw_key(w, "text_color_effective");
        iml__jsonw_array(w), iml__jsonw_inline(w);
        for (uint32_t k = 0; k < ink->n; k++) colour(w, ink->rgb + 3 * k, 3);
        iml__jsonw_end(w);
    }
}

static void write_params(iml__jsonw *w, const iml__synth *s, const iml__synth_item *it)
{
    iml__jsonw_key(w, "params"), iml__jsonw_object(w);
    for (int k = 0; k < IML__NUMS; k++) write_num(w, s, it, k);
    for (int k = 0; k < IML__ENUMS; k++) {
        if (k == IML__E_arc_concave) {
            iml__jsonw_key(w, iml__key_enums[k].key), iml__jsonw_bool(w, it->plan.en[k] == 1);
            continue;
        }
        bool morph = k == IML__E_erosion_dilation_mode;
        key_str(w, iml__key_enums[k].key,
                morph ? it->plan.dilate ? "dilate" : "erode"
                      : iml__key_enums[k].names[it->plan.en[k]]);
    }
    for (int k = 0; k < IML__COLOURS; k++) {
        iml__jsonw_key(w, iml__key_colours[k].key);
        colour(w, it->plan.colour[k], iml__key_colours[k].channels);
        if (k == IML__C_text_color) write_ink(w, it);
    }
    iml__jsonw_key(w, "cutout"), iml__jsonw_array(w), iml__jsonw_inline(w);
    for (int k = 0; k < 4; k++) iml__jsonw_i64(w, it->out.cutout[k]);
    iml__jsonw_end(w);
    if (s->config->output.format != IML__FORMAT_PNG)
        key_u64(w, "quality", (uint64_t)it->plan.quality);
    iml__jsonw_end(w);
}

// ---- Decisions

static uint64_t bits_of(double v)
{
    uint64_t b;
    v += 0.0; // -0 reads back as either zero
    memcpy(&b, &v, sizeof b);
    return b;
}

static uint64_t chain(uint64_t h, uint64_t v)
{
    uint64_t two[2] = {h, v};
    return iml__xxh3(two, sizeof two);
}

static uint64_t of_text(const char *s) { return s ? iml__xxh3_text(s) : 0; }

// How the first font is held: 0 as it comes.
static uint64_t font_decision(const iml__spec *spec, const iml__font *f, const iml__item_plan *p)
{
    uint64_t h = 0;
    for (uint32_t k = 0; f->variable && k < spec->naxes; k++)
        h = chain(chain(h, of_text(spec->axis[k].tag)), bits_of(p->axis[k]));
    for (uint32_t k = 0; k < spec->nfeatures; k++) {
        const hb_feature_t *t = &spec->feature[k];
        h = chain(chain(h, (uint64_t)t->tag << 32 | t->value), (uint64_t)t->start << 32 | t->end);
    }
    return h;
}

static uint64_t ink_decision(const iml__synth_item *it)
{
    const iml__render_out *o = &it->out;
    const iml__ink *ink = &it->params.ink[o->ink_used];
    if (o->ink_forced) return chain(1, iml__xxh3(o->forced_rgb, 3));
    if (!o->ink_used && ink->mode != IML__INK_PER_GLYPH) return 0;
    return chain(2, iml__xxh3(ink->rgb, 3 * (size_t)ink->n));
}

static uint64_t back_decision(const iml__synth *s, const iml__synth_item *it)
{
    const iml__render_bg *bg = &it->params.bg;
    uint64_t h = chain(3, (uint64_t)bg->kind);
    if (bg->kind == IML__BG_COLOUR) h = chain(h, iml__xxh3(bg->rgb, 3));
    if (bg->kind != IML__BG_IMAGE) return h;
    const int32_t *crop = bg->crop_given ? bg->crop : it->out.crop;
    h = chain(h, of_text(s->back[it->back].sha256));
    return chain(chain(h, (uint64_t)crop[0]), (uint64_t)crop[1]);
}

uint64_t iml__synth_decisions(const iml__synth *s, const iml__synth_item *it)
{
    enum { MORE = 32 };
    const iml__item_plan *p = &it->plan;
    uint64_t v[IML__NUMS + IML__ENUMS + IML__COLOURS + MORE], h = 0;
    size_t n = 0;
    for (int k = 0; k < IML__NUMS; k++) {
        bool units = iml__synth_by_unit(s, p, k);
        if (k != IML__N_padding) v[n++] = units ? 1 : bits_of(p->num[k]);
        for (uint32_t u = 0; units && u < it->block.nunits; u++)
            h = chain(h, bits_of(iml__synth_unit_value(s, p, k, u)));
    }
    for (int k = 0; k < IML__ENUMS; k++)
        v[n++] = k == IML__E_erosion_dilation_mode ? p->dilate : p->en[k];
    for (int k = 0; k < IML__COLOURS; k++)
        v[n++] = iml__xxh3(p->colour[k], (size_t)iml__key_colours[k].channels);
    for (int k = 0; k < 4; k++) v[n++] = (uint64_t)p->padding[k];
    v[n++] = p->seed, v[n++] = p->index, v[n++] = h;
    v[n++] = iml__xxh3(it->text.utf8, it->text.len);
    v[n++] = of_text(s->config->spec[p->spec].language);
    for (uint32_t k = 0; k < faces_used(it); k++) {
        const iml__font *f = iml__fontindex_font(s->fonts, it->font[k]);
        v[n++] = chain(of_text(f->sha256), (uint64_t)f->index);
        uint64_t held = k ? 0 : font_decision(&s->config->spec[p->spec], f, p);
        if (held) v[n - 1] = chain(v[n - 1], held);
    }
    v[n++] = ink_decision(it), v[n++] = back_decision(s, it);
    v[n++] = (uint64_t)it->out.cutout[2];
    const int32_t *at = it->params.cutout_given ? it->params.cutout_at : it->out.cutout;
    v[n++] = (uint64_t)at[0], v[n++] = (uint64_t)at[1];
    v[n++] = (uint64_t)s->config->output.format, v[n++] = (uint64_t)it->out.image.channels;
    v[n++] = s->config->output.format == IML__FORMAT_PNG ? 0 : (uint64_t)p->quality;
    return iml__xxh3(v, n * sizeof v[0]);
}

// ---- Tail

static void write_background(iml__jsonw *w, const iml__synth *s, const iml__synth_item *it)
{
    iml__jsonw_key(w, "background"), iml__jsonw_object(w), iml__jsonw_inline(w);
    key_str(w, "kind", iml__bg_kind_name(it->params.bg.kind));
    if (it->params.bg.kind == IML__BG_COLOUR)
        iml__jsonw_key(w, "colour"), colour(w, it->params.bg.rgb, 3);
    if (it->params.bg.kind == IML__BG_IMAGE) {
        key_str(w, "path", s->back[it->back].path);
        key_str(w, "sha256", s->back[it->back].sha256);
        iml__jsonw_key(w, "crop"), iml__jsonw_array(w);
        for (int k = 0; k < 4; k++) iml__jsonw_i64(w, it->out.crop[k]);
        iml__jsonw_end(w);
        iml__jsonw_key(w, "scale"), iml__jsonw_g17(w, it->out.crop_scale);
    }
    iml__jsonw_end(w);
}

static void write_replay(iml__jsonw *w, const iml__synth *s, const iml__synth_item *it)
{
    char hex[17];
    iml__hex64(hex, s->config_hash);
    iml__jsonw_key(w, "replay"), iml__jsonw_object(w), iml__jsonw_inline(w);
    key_u64(w, "tables", IML__SYNTH_TABLES);
    key_str(w, "config", hex);
    iml__jsonw_key(w, "attempt"), iml__jsonw_object(w);
    key_u64(w, "text", it->text_attempt), key_u64(w, "font", it->face_attempt),
        key_u64(w, "background", it->back_attempt);
    iml__jsonw_end(w);
    key_str(w, "freetype", s->freetype);
    key_str(w, "harfbuzz", hb_version_string());
    iml__jsonw_key(w, "decisions"), iml__jsonw_hex64(w, iml__synth_decisions(s, it));
    iml__jsonw_end(w);
}

void iml__synth_label(const iml__synth *s, const iml__synth_item *it, const char *file,
                      const uint8_t *bytes, size_t nbytes, int indent, iml__str *out)
{
    const iml__spec *spec = &s->config->spec[it->plan.spec];
    const iml__corpus *corpus = &s->corpora->item[it->text.corpus];
    char script[8];
    iml__jsonw j, *w = &j;
    iml__jsonw_init(w, out, indent);
    iml__jsonw_object(w);
    key_u64(w, "imloom", 1), key_u64(w, "index", it->plan.index), key_u64(w, "seed", it->plan.seed);
    key_str(w, "spec", spec->name);
    write_image(w, it, file, bytes, nbytes);
    text_of(w, it, 0, it->text.len);
    key_str(w, "direction",
            iml__key_enums[IML__E_text_direction].names[it->plan.en[IML__E_text_direction]]);
    key_str(w, "script", main_script(it, script));
    key_str(w, "language", spec->language);
    key_u64(w, "num_lines", it->block.nlines);
    iml__jsonw_key(w, "font"), write_font(w, s, it, 0, true);
    iml__jsonw_key(w, "fallback_fonts"), iml__jsonw_array(w);
    for (uint32_t k = 1; k < faces_used(it); k++) write_font(w, s, it, k, false);
    iml__jsonw_end(w);
    write_lines(w, it);
    write_params(w, s, it);
    write_background(w, s, it);
    iml__jsonw_key(w, "corpus"), iml__jsonw_object(w), iml__jsonw_inline(w);
    key_str(w, "file", corpus->name), key_u64(w, "offset", it->text.offset),
        key_u64(w, "bytes", it->text.bytes);
    iml__jsonw_end(w);
    iml__jsonw_key(w, "contrast");
    if (it->out.has_contrast)
        iml__jsonw_fixed(w, it->out.contrast, 2);
    else
        iml__jsonw_null(w);
    write_replay(w, s, it);
    iml__jsonw_end(w);
    iml__str_addc(out, '\n');
}
