// defaults.c: what `imloom synth -o out` makes with nothing else given (synth.md 2.8).
//
// Fourteen specifications over the built-in corpora, mild effects, colours that can be read. The
// text is ordinary YAML and goes through the same reader as a user's; `--print-config` shows it, so
// it is also the example that people start from.
#include "src/synth/synth.h"

#include "src/base/err.h"

#include <string.h>

static const struct row {
    const char *name, *direction, *language, *proportion, *package;
} rows[] = {
    {"latin", "left_to_right", "en", "0.07", "fonts-noto-core"},
    {"greek", "left_to_right", "el", "0.07", "fonts-noto-core"},
    {"cyrillic", "left_to_right", "ru", "0.07", "fonts-noto-core"},
    {"arabic", "right_to_left", "ar", "0.07", "fonts-noto-core"},
    {"hebrew", "right_to_left", "he", "0.07", "fonts-noto-core"},
    {"devanagari", "left_to_right", "hi", "0.07", "fonts-noto-core"},
    {"bengali", "left_to_right", "bn", "0.07", "fonts-noto-core"},
    {"tamil", "left_to_right", "ta", "0.07", "fonts-noto-core"},
    {"thai", "left_to_right", "th", "0.07", "fonts-noto-core"},
    {"han", "left_to_right", "zh", "0.07", "fonts-droid-fallback"},
    {"kana", "left_to_right", "ja", "0.07", "fonts-ipafont-gothic"},
    {"hangul", "left_to_right", "ko", "0.07", "fonts-nanum"},
    {"han_vertical", "top_to_bottom", "zh", "0.08", "fonts-droid-fallback"},
    {"kana_vertical", "top_to_bottom", "ja", "0.08", "fonts-ipafont-gothic"},
};

const char *const iml__default_names[] = {
    "latin", "greek", "cyrillic", "arabic", "hebrew",       "devanagari",    "bengali", "tamil",
    "thai",  "han",   "kana",     "hangul", "han_vertical", "kana_vertical", NULL};

static const char head[] = "imloom: 1\n"
                           "defaults:\n"
                           "  text_unit: lines\n"
                           "  text_length: [4, 40]\n"
                           "  lines: [1, 3]\n"
                           "  font_size: [24, 56]\n"
                           "  padding: [6, 24]\n"
                           "  text_alignment: {start: 2, center: 1}\n"
                           "  text_color: {min: [0, 0, 0], max: [255, 255, 255]}\n"
                           "  color_mode: {uniform: 8, per_glyph: 1, gradient: 1}\n"
                           "  gradient_start_color: {min: [0, 0, 0], max: [255, 255, 255]}\n"
                           "  gradient_end_color: {min: [0, 0, 0], max: [255, 255, 255]}\n"
                           "  min_contrast: 3\n"
                           "  contrast_action: force\n"
                           "  curve_type: {none: 4, arc: 1, sine: 1}\n"
                           "  arc_radius: [300, 1200]\n"
                           "  arc_concave: [true, false]\n"
                           "  sine_amplitude: [3, 12]\n"
                           "  sine_frequency: [0.01, 0.02]\n"
                           "  sine_phase: [0, 6.28]\n"
                           "  drop_shadow_offset_x: {min: -3, max: 3, p: 0.15}\n"
                           "  drop_shadow_offset_y: {min: 1, max: 3, p: 0.15}\n"
                           "  drop_shadow_radius: [0, 2]\n"
                           "  rotation_angle: [-3, 3]\n"
                           "  perspective_warp_magnitude: [0, 0.1]\n"
                           "  noise_amount: [0, 0.01]\n"
                           "  blur_radius: [0, 1]\n"
                           "  brightness_factor: [0.9, 1.1]\n"
                           "  contrast_factor: [0.9, 1.1]\n"
                           "specifications:\n";

const char *iml__default_package(const char *name)
{
    for (size_t k = 0; k < IML_COUNT_OF(rows); k++)
        if (!strcmp(rows[k].name, name)) return rows[k].package;
    return NULL;
}

iml_status iml__default_yaml(const char *const *names, size_t n, iml__str *out, iml_err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!iml__default_package(names[i])) {
            const char *near = iml__nearest(names[i], iml__default_names);
            return IML_FAIL(e, IML_EARG, "--script %s: no such specification%s%s%s", names[i],
                            near ? "; did you mean '" : " (see --list scripts)", near ? near : "",
                            near ? "'?" : "");
        }
    double sum = 0, v;
    char text[32];
    for (int pass = 0; pass < 2; pass++) {
        if (pass) iml__str_adds(out, head);
        for (size_t k = 0; k < IML_COUNT_OF(rows); k++) {
            const struct row *r = &rows[k];
            bool wanted = !n;
            for (size_t i = 0; i < n; i++) wanted |= !strcmp(names[i], r->name);
            if (!wanted || !iml__parse_double(r->proportion, &v)) continue;
            if (!pass) {
                sum += v;
                continue;
            }
            text[iml__num_short(text, n ? v / sum : v)] = 0; // all of them make 1
            iml__str_addf(out,
                          "  - {name: %s, proportion: %s, text_direction: %s, language: %s, "
                          "corpus_file: 'builtin:%s'}\n",
                          r->name, text, r->direction, r->language, r->name);
        }
    }
    return out->failed ? IML_FAIL(e, out->failed, "no memory for the default configuration")
                       : IML_OK;
}
