// format_own.c: labels with everything in them: ours (label.c) and those of the older tool,
// ML-OCR-Synthetic-Training-Data, whose readers find their keys here.
#include "src/synth/label_formats.h"

#include "src/base/err.h"
#include "src/base/json.h"

#include <string.h>

iml_status iml__format_json(const iml__labelled *l, iml_err *e)
{
    iml__synth_label(l->s, l->item, l->file, l->bytes, l->nbytes, 1, l->text);
    return iml__format_file(l, ".json", e);
}

iml_status iml__format_jsonl(const iml__labelled *l, iml_err *e)
{
    iml__synth_label(l->s, l->item, l->file, l->bytes, l->nbytes, 0, l->text);
    return iml__format_piece(l, "jsonl", e);
}

// ---- The older tool's: what it planned, flat, and `bboxes`. Options of effects that are off are
// null, as there.

static void key(iml__jsonw *w, const char *k) { iml__jsonw_key(w, k); }

static void key_str(iml__jsonw *w, const char *k, const char *v)
{
    key(w, k), iml__jsonw_str(w, v);
}

static void key_num(iml__jsonw *w, const iml__labelled *l, const char *k, int num)
{
    const iml__value_rule *rule = &iml__key_nums[num].rule;
    double v = l->item->plan.num[num];
    key(w, k);
    if (rule->integer)
        iml__jsonw_i64(w, (int64_t)v);
    else
        iml__jsonw_g17(w, v);
}

static void key_enum(iml__jsonw *w, const iml__labelled *l, const char *k, int en)
{
    key_str(w, k, iml__key_enums[en].names[l->item->plan.en[en]]);
}

// An object that is null where the effect is off; true: it is open.
static bool options(iml__jsonw *w, const char *k, bool on)
{
    key(w, k);
    if (!on) iml__jsonw_null(w);
    if (on) iml__jsonw_object(w), iml__jsonw_inline(w);
    return on;
}

static void shadow(iml__jsonw *w, const iml__labelled *l, const char *k, int x, int y, int radius,
                   int colour)
{
    const iml__item_plan *p = &l->item->plan;
    if (!options(w, k, p->num[x] != 0 || p->num[y] != 0)) return;
    key(w, "offset"), iml__jsonw_array(w);
    iml__jsonw_i64(w, (int64_t)p->num[x]), iml__jsonw_i64(w, (int64_t)p->num[y]);
    iml__jsonw_end(w);
    key_num(w, l, "radius", radius);
    key(w, "color"), iml__jsonw_array(w);
    for (int c = 0; c < 4; c++) iml__jsonw_u64(w, p->colour[colour][c]);
    iml__jsonw_end(w), iml__jsonw_end(w);
}

static void write_lines(iml__jsonw *w, const iml__labelled *l)
{
    const iml__synth_item *it = l->item;
    key(w, "lines"), iml__jsonw_array(w);
    for (uint32_t k = 0; k < it->block.nlines; k++) {
        const iml__lay_line *line = &it->block.lines[k];
        iml__jsonw_strn(w, it->text.utf8 + line->byte0, line->byte1 - line->byte0);
    }
    iml__jsonw_end(w);
    key(w, "num_lines"), iml__jsonw_u64(w, it->block.nlines);
    key_enum(w, l, "line_break_mode", IML__E_line_break_mode);
    key_num(w, l, "line_spacing", IML__N_line_spacing);
    key_enum(w, l, "text_alignment", IML__E_text_alignment);
}

static void palette(iml__jsonw *w, const iml__labelled *l)
{
    const iml__synth_item *it = l->item;
    const iml__ink *ink = &it->params.ink[it->out.ink_used];
    key_enum(w, l, "color_mode", IML__E_color_mode);
    key(w, "color_palette"), iml__jsonw_array(w), iml__jsonw_inline(w);
    for (uint32_t k = 0; k < (it->out.ink_forced ? 1 : ink->n); k++) {
        const uint8_t *rgb = it->out.ink_forced ? it->out.forced_rgb : ink->rgb + 3 * (size_t)k;
        iml__jsonw_array(w);
        for (int c = 0; c < 3; c++) iml__jsonw_u64(w, rgb[c]);
        iml__jsonw_end(w);
    }
    iml__jsonw_end(w);
}

static void distortions(iml__jsonw *w, const iml__labelled *l)
{
    const double *num = l->item->plan.num;
    if (options(w, "elastic_distortion_options",
                num[IML__N_elastic_distortion_alpha] > 0 &&
                    num[IML__N_elastic_distortion_sigma] > 0)) {
        key_num(w, l, "alpha", IML__N_elastic_distortion_alpha);
        key_num(w, l, "sigma", IML__N_elastic_distortion_sigma);
        iml__jsonw_end(w);
    }
    if (options(w, "grid_distortion_options",
                num[IML__N_grid_distortion_steps] >= 2 && num[IML__N_grid_distortion_limit] > 0)) {
        key_num(w, l, "num_steps", IML__N_grid_distortion_steps);
        key_num(w, l, "distort_limit", IML__N_grid_distortion_limit);
        iml__jsonw_end(w);
    }
    if (options(w, "optical_distortion_options", num[IML__N_optical_distortion_limit] != 0)) {
        key_num(w, l, "distort_limit", IML__N_optical_distortion_limit);
        iml__jsonw_end(w);
    }
}

static void degradations(iml__jsonw *w, const iml__labelled *l)
{
    const iml__synth_item *it = l->item;
    if (options(w, "cutout_options", it->out.cutout[2] > 0)) {
        key(w, "cutout_size"), iml__jsonw_array(w);
        iml__jsonw_i64(w, it->out.cutout[2]), iml__jsonw_i64(w, it->out.cutout[3]);
        iml__jsonw_end(w), iml__jsonw_end(w);
    }
    key_num(w, l, "noise_amount", IML__N_noise_amount);
    key_num(w, l, "blur_radius", IML__N_blur_radius);
    key_num(w, l, "brightness_factor", IML__N_brightness_factor);
    key_num(w, l, "contrast_factor", IML__N_contrast_factor);
    if (options(w, "erosion_dilation_options", it->plan.num[IML__N_erosion_dilation_kernel] > 1)) {
        key_str(w, "mode", it->plan.dilate ? "dilate" : "erode");
        key_num(w, l, "kernel_size", IML__N_erosion_dilation_kernel);
        iml__jsonw_end(w);
    }
}

// One box a unit: the outermost pixels of its cell (advance by line height), as the older tool had.
static void boxes(iml__jsonw *w, const iml__labelled *l)
{
    const iml__synth_item *it = l->item;
    static const char *const sides[] = {"x0", "y0", "x1", "y1"};
    key(w, "bboxes"), iml__jsonw_array(w);
    for (uint32_t k = 0; k < it->block.nlines; k++)
        for (uint32_t i = 0; i < it->block.lines[k].nunits; i++) {
            const iml__lay_unit *u = &it->block.lines[k].units[i];
            int32_t box[4];
            iml__format_box(it->out.lines[k].units[i].cell, 4, box);
            iml__jsonw_object(w), iml__jsonw_inline(w);
            key(w, "char"), iml__jsonw_strn(w, it->text.utf8 + u->byte0, u->byte1 - u->byte0);
            for (int s = 0; s < 4; s++) key(w, sides[s]), iml__jsonw_i64(w, box[s]);
            key(w, "line_index"), iml__jsonw_u64(w, k);
            iml__jsonw_end(w);
        }
    iml__jsonw_end(w);
}

iml_status iml__format_mlocr(const iml__labelled *l, iml_err *e)
{
    const iml__synth_item *it = l->item;
    const iml__item_plan *p = &it->plan;
    iml__jsonw j, *w = &j;
    iml__jsonw_init(w, l->text, 2);
    iml__jsonw_object(w);
    key(w, "text"), iml__jsonw_strn(w, it->text.utf8, it->text.len);
    write_lines(w, l);
    key_str(w, "font_path", iml__fontindex_font(l->s->fonts, it->font[0])->path);
    key_num(w, l, "font_size", IML__N_font_size);
    key_enum(w, l, "direction", IML__E_text_direction);
    key(w, "seed"), iml__jsonw_u64(w, p->seed);
    key(w, "canvas_w"), iml__jsonw_i64(w, it->out.canvas_w);
    key(w, "canvas_h"), iml__jsonw_i64(w, it->out.canvas_h);
    key(w, "placement_x"), iml__jsonw_i64(w, p->padding[IML__SIDE_LEFT]);
    key(w, "placement_y"), iml__jsonw_i64(w, p->padding[IML__SIDE_TOP]);
    key_num(w, l, "glyph_overlap_intensity", IML__N_glyph_overlap_intensity);
    key_num(w, l, "ink_bleed_radius", IML__N_ink_bleed_radius);
    shadow(w, l, "drop_shadow_options", IML__N_drop_shadow_offset_x, IML__N_drop_shadow_offset_y,
           IML__N_drop_shadow_radius, IML__C_drop_shadow_color);
    shadow(w, l, "block_shadow_options", IML__N_block_shadow_offset_x, IML__N_block_shadow_offset_y,
           IML__N_block_shadow_radius, IML__C_block_shadow_color);
    palette(w, l);
    key_enum(w, l, "curve_type", IML__E_curve_type);
    key_num(w, l, "arc_radius", IML__N_arc_radius);
    key(w, "arc_concave"), iml__jsonw_bool(w, p->en[IML__E_arc_concave] == 1);
    key_num(w, l, "sine_amplitude", IML__N_sine_amplitude);
    key_num(w, l, "sine_frequency", IML__N_sine_frequency);
    key_num(w, l, "sine_phase", IML__N_sine_phase);
    key_num(w, l, "rotation_angle", IML__N_rotation_angle);
    key_num(w, l, "perspective_warp_magnitude", IML__N_perspective_warp_magnitude);
    distortions(w, l);
    degradations(w, l);
    key_str(w, "background_path",
            it->params.bg.kind == IML__BG_IMAGE ? l->s->back[it->back].path : NULL);
    key_str(w, "image_file", l->file);
    boxes(w, l);
    iml__jsonw_end(w);
    iml__str_addc(l->text, '\n');
    bool beside = l->s->config->output.labels & IML__LABEL(json);
    return iml__format_file(l, beside ? ".mlocr.json" : ".json", e);
}
