// slice_conf.c: settings from words: what each option of slice.md 2 means, or one sentence why not.
#include "src/slice/slicer.h"

#include <math.h>
#include <stdio.h>

#include "src/base/err.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/io/vfs.h"
#include "src/slice/orient.h"

void iml_slice_opts_default(iml_slice_opts *o)
{
    *o = (iml_slice_opts){.size = sizeof *o,
                          .channels = "0",
                          .volume = -1,
                          .axis = "0",
                          .orient = "native",
                          .crop = "none",
                          .clip_min = NAN,
                          .clip_max = NAN,
                          .window = 2,
                          .step = 1,
                          .padding = IML__PAD_REPLICATE,
                          .slices = "all",
                          .min_label_pixels = 1,
                          .level = 6,
                          .digits = 3,
                          .split_method = "numpy",
                          .split_seed = 42,
                          .sheet_cases = 12,
                          .sheet_slices = 8,
                          .max_pixels = 500000000};
}

// ---- Words

static bool number(const char *p, size_t n, double *out)
{
    char word[40];
    if (!n || n >= sizeof word) return false;
    memcpy(word, p, n), word[n] = 0;
    return iml__parse_double(word, out) && isfinite(*out);
}

static bool integer(const char *p, size_t n, int64_t *out)
{
    char word[24];
    if (!n || n >= sizeof word) return false;
    memcpy(word, p, n), word[n] = 0;
    return iml__parse_i64(word, out) && *out > -INT64_C(1000000000) && *out < INT64_C(1000000000);
}

static iml_status read_axis(struct iml__slice_conf *c, iml_err *e)
{
    static const char *const names[] = {"sagittal", "coronal", "axial"};
    const char *t = c->o.axis;
    if (strlen(t) == 1 && *t >= '0' && *t <= '2') return c->axis = *t - '0', IML_OK;
    if (!strcmp(t, "auto")) return c->axis_wish = IML__AXIS_AUTO, IML_OK;
    for (int k = 0; k < 3; k++)
        if (!strcmp(t, names[k])) {
            c->axis_wish = IML__AXIS_ANATOMY, c->axis = k;
            return IML_OK;
        }
    return IML_FAIL(e, IML_EARG, "--axis %.40s: 0, 1, 2, sagittal, coronal, axial or auto", t);
}

static iml_status read_orient(struct iml__slice_conf *c, iml_err *e)
{
    if (!strcmp(c->o.orient, "native")) return IML_OK;
    c->turn = true;
    if (iml__orient_letters(c->o.orient, c->orient_axis, c->orient_sign)) return IML_OK;
    return IML_FAIL(
        e, IML_EARG,
        "--orient %.40s: native, or three letters such as RAS or LPS (R or L, A or P, S or I)",
        c->o.orient);
}

// a:b, an end may be left out.
static bool range(const char *p, size_t n, int64_t out[2])
{
    size_t colon = 0;
    while (colon < n && p[colon] != ':') colon++;
    out[0] = 0, out[1] = INT64_MAX;
    if (colon == n) return false;
    if (colon && !integer(p, colon, &out[0])) return false;
    return colon + 1 == n || integer(p + colon + 1, n - colon - 1, &out[1]);
}

static iml_status read_crop(struct iml__slice_conf *c, iml_err *e)
{
    static const char *const names[] = {"none", "nonzero", "foreground", "", "label"};
    const char *t = c->o.crop;
    for (int k = 0; k < 5; k++)
        if (*names[k] && !strcmp(t, names[k])) return c->crop = (enum iml__crop_kind)k, IML_OK;
    if (!strncmp(t, "above:", 6) && number(t + 6, strlen(t + 6), &c->above))
        return c->crop = IML__CROP_ABOVE, IML_OK;
    c->crop = IML__CROP_BOX;
    for (int k = 0; k < 3; k++) {
        size_t n = strcspn(t, ",");
        if (!range(t, n, c->box[k]) || (k < 2 && !t[n]) || (k == 2 && t[n]))
            return IML_FAIL(
                e, IML_EARG,
                "--crop %.60s: none, nonzero, foreground, above:T, label, or i0:i1,j0:j1,k0:k1",
                c->o.crop);
        int64_t from = c->box[k][0], to = c->box[k][1];
        if (from >= to && (from < 0) == (to < 0)) // else the volume's size decides
            return IML_FAIL(e, IML_EARG, "--crop %.60s: nothing lies in %.*s", c->o.crop, (int)n,
                            t);
        t += n + (t[n] == ',');
    }
    return IML_OK;
}

// "H,W" or "WxH".
static iml_status read_size(struct iml__slice_conf *c, iml_err *e)
{
    const char *t = c->o.plane_size;
    int64_t a, b;
    if (!t) return IML_OK;
    size_t n = strcspn(t, ",x");
    if (!t[n] || !integer(t, n, &a) || !integer(t + n + 1, strlen(t + n + 1), &b) || a < 1 ||
        b < 1 || (uint64_t)a * (uint64_t)b > c->o.max_pixels)
        return IML_FAIL(e, IML_EARG,
                        "--size %.40s: rows,columns or WIDTHxHEIGHT, up to --max-pixels", t);
    c->height = (uint64_t)(t[n] == ',' ? a : b), c->width = (uint64_t)(t[n] == ',' ? b : a);
    return IML_OK;
}

static iml_status read_norms(struct iml__slice_conf *c, iml_err *e)
{
    if (c->o.nnorms > IML__NORMS_MAX)
        return IML_FAIL(e, IML_EARG, "--norm: at most %d windows", IML__NORMS_MAX);
    for (size_t k = 0; k < c->o.nnorms; k++) {
        IML_TRY(iml__norm_parse(c->o.norms[k], &c->norm[k], e));
        c->any_ct |= c->norm[k].kind == IML__NORM_CT;
        if (c->o.nnorms > 1 && c->norm[k].kind != IML__NORM_WINDOW)
            return IML_FAIL(e, IML_EARG,
                            "--norm %.40s: only windows stand beside each other as channels",
                            c->o.norms[k]);
    }
    c->nnorms = (uint32_t)c->o.nnorms;
    if (!c->nnorms) c->norm[0].kind = IML__NORM_ZSCORE, c->nnorms = 1;
    c->unit = iml__norm_unit(c->norm[0].kind);
    if (c->o.clip_min > c->o.clip_max)
        return IML_FAIL(e, IML_EARG, "--clip_min is above --clip_max");
    if (c->o.dtype == IML__OUT_I16 && c->norm[0].kind != IML__NORM_NONE)
        return IML_FAIL(e, IML_EARG,
                        "--dtype i16 keeps whole numbers; it goes with --norm none only");
    if (c->o.dtype == IML__OUT_U8 && !c->unit)
        return IML_FAIL(e, IML_EARG,
                        "--dtype u8 needs a norm into 0..1: percentile:A,B, minmax or window:...");
    if (c->o.norm_mask == IML__MASK_LABEL && c->o.no_label)
        return IML_FAIL(e, IML_EARG, "--norm-mask label needs labels; leave --no-label out");
    return IML_OK;
}

static iml_status read_channels(struct iml__slice_conf *c, iml_err *e)
{
    if (!strcmp(c->o.channels, "all")) return IML_OK;
    for (const char *p = c->o.channels; *p;) {
        size_t n = strcspn(p, ",");
        int64_t v;
        if (!integer(p, n, &v) || v < 0 || v > 9999 || c->nchannels == IML__CHANNELS_MAX)
            return IML_FAIL(e, IML_EARG,
                            "--channels %.40s: numbers such as 0,1 (at most %d), or all",
                            c->o.channels, IML__CHANNELS_MAX);
        for (uint32_t k = 0; k < c->nchannels; k++)
            if (c->channel[k] == v)
                return IML_FAIL(e, IML_EARG, "--channels %.40s: %lld is named twice", c->o.channels,
                                (long long)v);
        c->channel[c->nchannels++] = (int)v;
        p += n + (p[n] == ',');
    }
    return c->nchannels ? IML_OK : IML_FAIL(e, IML_EARG, "--channels: numbers, or all");
}

static iml_status read_slices(struct iml__slice_conf *c, iml_err *e)
{
    const char *t = c->o.slices;
    int64_t r[2];
    c->slice_from = c->slice_to = INT64_MAX, c->slice_step = 1;
    if (!strcmp(t, "all")) return IML_OK;
    if (!strcmp(t, "mid")) return c->slice_mid = true, IML_OK;
    const char *second = strchr(t, ':'), *third = second ? strchr(second + 1, ':') : NULL;
    size_t n = third ? (size_t)(third - t) : strlen(t);
    if (!range(t, n, r) || (third && !integer(third + 1, strlen(third + 1), &c->slice_step)) ||
        c->slice_step < 1)
        return IML_FAIL(e, IML_EARG, "--slices %.40s: all, mid, or A:B[:STEP] as in Python", t);
    c->slice_from = r[0], c->slice_to = r[1];
    return IML_OK;
}

static iml_status read_label_map(struct iml__slice_conf *c, iml_arena *a, iml_err *e)
{
    const char *text = c->o.label_map;
    char *file = NULL;
    size_t n;
    if (!text) return IML_OK;
    c->label_pair = iml_arena_calloc(a, IML__LABEL_PAIRS, sizeof *c->label_pair);
    if (!c->label_pair) return IML_FAIL(e, IML_ENOMEM, "no memory for --label-map");
    if (!strchr(text, ':')) {
        if (iml__file_read_heap(AT_FDCWD, text, 1 << 20, &file, &n, e)) {
            if (e) e->status = IML_EARG;
            return IML_EARG;
        }
        text = file;
    }
    iml_status st = iml__label_map_parse(text, c->label_pair, IML__LABEL_PAIRS, &c->label_map, e);
    IML_FREE(file);
    return st;
}

static iml_status read_splits(struct iml__slice_conf *c, iml_err *e)
{
    const char *t = c->o.splits, *m = c->o.split_method;
    if (t) {
        double sum = 0;
        int k = 0;
        for (const char *p = t; *p && k < 3; k++) {
            size_t n = strcspn(p, ",");
            if (!number(p, n, &c->split[k]) || c->split[k] < 0 || c->split[k] > 1) break;
            sum += c->split[k];
            p += n + (p[n] == ',');
            if (!*p && k >= 1) c->has_splits = true;
        }
        if (!c->has_splits || sum > 1 + 1e-9)
            return IML_FAIL(e, IML_EARG,
                            "--splits %.40s: shares of train, val and test such as 0.8,0.1,0.1; "
                            "together at most 1",
                            t);
    }
    c->split_method = !strcmp(m, "hash") ? IML__SPLIT_HASH : IML__SPLIT_NUMPY;
    if (!strncmp(m, "file:", 5) && m[5])
        c->split_method = IML__SPLIT_FILE, c->split_file = m + 5, c->has_splits = true;
    else if (strcmp(m, "numpy") != 0 && strcmp(m, "hash") != 0)
        return IML_FAIL(e, IML_EARG, "--split-method %.40s: numpy, hash or file:F", m);
    if (c->split_method == IML__SPLIT_NUMPY && c->o.split_seed > UINT32_MAX)
        return IML_FAIL(e, IML_EARG, "--split-seed: numpy's seeds are below 2^32");
    if (c->o.layout == IML_SLICE_BY_SPLIT && !c->has_splits)
        return IML_FAIL(e, IML_EARG, "--layout split needs --splits (or --split-method file:F)");
    if (c->o.folds == 1 || c->o.folds > 1000) return IML_FAIL(e, IML_EARG, "--folds: 2..1000");
    return IML_OK;
}

static iml_status copy_text(iml_arena *a, const char **s, iml_err *e)
{
    if (!*s) return IML_OK;
    *s = iml__arena_strdup(a, *s);
    return *s ? IML_OK : IML_FAIL(e, IML_ENOMEM, "no memory for settings");
}

static iml_status copy_list(iml_arena *a, const char *const **list, size_t n, iml_err *e)
{
    const char **to = iml_arena_calloc(a, n + 1, sizeof *to);
    if (!to) return IML_FAIL(e, IML_ENOMEM, "no memory for settings");
    for (size_t k = 0; k < n; k++) {
        to[k] = (*list)[k];
        IML_TRY(copy_text(a, &to[k], e));
    }
    *list = to;
    return IML_OK;
}

// Lists may be written with commas. A comma before a digit or a sign is a norm's own
// (window:40,80).
static bool parts_norms(const char *p)
{
    return *p != '-' && *p != '.' && !(*p >= '0' && *p <= '9');
}

static bool parts_cases(const char *p)
{
    (void)p;
    return true;
}

static iml_status part_list(iml_arena *a, const char *const **list, size_t *n,
                            bool (*parts)(const char *behind), iml_err *e)
{
    size_t commas = 0, m = 0;
    for (size_t k = 0; k < *n; k++)
        for (const char *p = (*list)[k]; *p; p++) commas += *p == ',';
    if (!commas) return IML_OK;
    const char **to = iml_arena_calloc(a, *n + commas + 1, sizeof *to);
    if (!to) return IML_FAIL(e, IML_ENOMEM, "no memory for settings");
    for (size_t k = 0; k < *n; k++)
        for (const char *from = (*list)[k], *p = from;; p++) {
            if (*p && (*p != ',' || !parts(p + 1))) continue;
            to[m] = iml__arena_strndup(a, from, (size_t)(p - from));
            if (!to[m++]) return IML_FAIL(e, IML_ENOMEM, "no memory for settings");
            if (!*p) break;
            from = p + 1;
        }
    *list = to, *n = m;
    return IML_OK;
}

// What would be without effect is a mistake.
static iml_status check_pairs(const struct iml__slice_conf *c, iml_err *e)
{
    const iml_slice_opts *o = &c->o;
    bool by_content = c->crop != IML__CROP_NONE && c->crop != IML__CROP_BOX;
    const struct {
        bool wrong;
        const char *text;
    } all[] = {
        {o->margin_mm > 0 && !by_content,
         "--margin goes around what --crop nonzero, foreground, above:T or label finds"},
        {o->min_label_pixels != 1 && o->skip_empty != IML_SLICE_SKIP_LABEL,
         "--min-label-pixels says which planes --skip-empty label leaves out; give that too"},
        {o->keep_empty > 0 && !o->skip_empty,
         "--keep-empty keeps a share of what --skip-empty leaves out; give that too"},
        {o->no_label && c->crop == IML__CROP_LABEL,
         "--crop label needs labels; leave --no-label out"},
        {o->no_label && o->skip_empty == IML_SLICE_SKIP_LABEL,
         "--skip-empty label needs labels; leave --no-label out"},
        {o->no_label && o->one_hot, "--one-hot needs labels; leave --no-label out"},
        {o->no_label && o->label_map, "--label-map needs labels; leave --no-label out"},
        {c->split_method == IML__SPLIT_HASH && !c->has_splits,
         "--split-method hash needs --splits"},
    };
    for (size_t k = 0; k < IML_COUNT_OF(all); k++)
        if (all[k].wrong) return IML_FAIL(e, IML_EARG, "%s", all[k].text);
    return IML_OK;
}

// What the command line cannot get wrong, but a program can.
static iml_status check_ranges(const iml_slice_opts *o, iml_err *e)
{
    const struct {
        const char *name;
        int value, least, most;
    } all[] = {
        {"subset", o->subset, 0, IML_SLICE_ALL},
        {"affine", o->affine, 0, IML_AFFINE_QFORM},
        {"nan", o->nan, 0, IML_SLICE_NAN_KEEP},
        {"norm_mask", o->norm_mask, 0, IML__MASK_LABEL},
        {"dtype", o->dtype, 0, IML__OUT_U8},
        {"padding", o->padding, 0, IML__PAD_SYMMETRIC},
        {"skip_empty", o->skip_empty, 0, IML_SLICE_SKIP_IMAGE},
        {"label_type", o->label_type, 0, 4},
        {"layout", o->layout, 0, IML_SLICE_BY_CASE},
        {"digits", o->digits, 3, 6},
        {"one_hot", (int)IML_MIN(o->one_hot, 1u << 20), 0, 256},
    };
    for (size_t k = 0; k < IML_COUNT_OF(all); k++)
        if (all[k].value < all[k].least || all[k].value > all[k].most)
            return IML_FAIL(e, IML_EARG, "iml_slice_opts.%s is %d; %d to %d are known", all[k].name,
                            all[k].value, all[k].least, all[k].most);
    if (!o->channels || !o->axis || !o->orient || !o->crop || !o->slices || !o->split_method)
        return IML_FAIL(e, IML_EARG,
                        "iml_slice_opts: a word is missing; begin with iml_slice_opts_default");
    return IML_OK;
}

iml_status iml__slice_conf_read(const iml_slice_opts *o, iml_arena *a, struct iml__slice_conf *c,
                                iml_err *e)
{
    if (!o || o->size != sizeof *o)
        return IML_FAIL(e, IML_EARG,
                        "iml_slice_opts of %zu bytes; iml_slice_opts_default sets them",
                        o ? o->size : 0);
    IML_TRY(check_ranges(o, e));
    *c = (struct iml__slice_conf){.o = *o};
    const char **text[] = {
        &c->o.input,       &c->o.images,    &c->o.labels, &c->o.label,        &c->o.channels,
        &c->o.axis,        &c->o.orient,    &c->o.crop,   &c->o.plane_size,   &c->o.stats,
        &c->o.slices,      &c->o.label_map, &c->o.splits, &c->o.split_method, &c->o.patient_regex,
        &c->o.patient_map, &c->o.sheet};
    for (size_t k = 0; k < IML_COUNT_OF(text); k++) IML_TRY(copy_text(a, text[k], e));
    IML_TRY(copy_list(a, &c->o.cases, c->o.ncases, e));
    IML_TRY(copy_list(a, &c->o.norms, c->o.nnorms, e));
    IML_TRY(part_list(a, &c->o.cases, &c->o.ncases, parts_cases, e));
    IML_TRY(part_list(a, &c->o.norms, &c->o.nnorms, parts_norms, e));
    IML_TRY(read_axis(c, e));
    IML_TRY(read_orient(c, e));
    IML_TRY(read_crop(c, e));
    IML_TRY(read_size(c, e));
    IML_TRY(read_norms(c, e));
    IML_TRY(read_channels(c, e));
    IML_TRY(read_slices(c, e));
    IML_TRY(read_label_map(c, a, e));
    IML_TRY(read_splits(c, e));
    IML_TRY(check_pairs(c, e));
    if (o->level != 0 && o->level != 1 && o->level != 6 && o->level != 9)
        return IML_FAIL(e, IML_EARG, "--level %d: 0, 1, 6 or 9", o->level);
    if (o->sheet && (strlen(o->sheet) < 5 || strcmp(o->sheet + strlen(o->sheet) - 4, ".png") != 0))
        return IML_FAIL(e, IML_EARG, "--sheet %.100s: a sheet is a PNG; end its name in .png",
                        o->sheet);
    if (o->sheet && (o->sheet_cases < 1 || o->sheet_cases > 1000 || o->sheet_slices < 1 ||
                     o->sheet_slices > 64))
        return IML_FAIL(e, IML_EARG, "--sheet-cases 1..1000 and --sheet-slices 1..64");
    if (o->window < 0 || o->window > 127 || o->step < 1 || o->step > 64)
        return IML_FAIL(e, IML_EARG, "--window_size 0..127 and --step 1..64");
    if (!(o->keep_empty >= 0 && o->keep_empty <= 1) || !(o->margin_mm >= 0))
        return IML_FAIL(e, IML_EARG, "--keep-empty lies within 0..1, --margin is not negative");
    return IML_OK;
}

// ---- The settings that bytes depend on

static void put_number(iml__jsonw *w, const char *key, double v)
{
    iml__jsonw_key(w, key);
    iml__jsonw_num(w, v); // NaN: null
}

void iml__slice_conf_json(const struct iml__slice_conf *c, iml__str *out)
{
    static const char *const masks[] = {"foreground", "all", "nonzero", "label"};
    static const char *const types[] = {"f32", "f16", "i16", "u8"};
    static const char *const pads[] = {"zero",   "background", "replicate",
                                       "mirror", "reflect",    "symmetric"};
    static const char *const nans[] = {"auto", "error", "background", "keep"};
    static const char *const skips[] = {"none", "label", "image"};
    static const char *const layouts[] = {"flat", "split", "case"};
    static const char *const sources[] = {"auto", "sform", "qform"};
    const iml_slice_opts *o = &c->o;
    iml__jsonw w;
    iml__jsonw_init(&w, out, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "channels"), iml__jsonw_str(&w, o->channels);
    iml__jsonw_key(&w, "volume"), iml__jsonw_i64(&w, o->volume);
    iml__jsonw_key(&w, "no_label"), iml__jsonw_bool(&w, o->no_label);
    iml__jsonw_key(&w, "label_geometry"), iml__jsonw_str(&w, o->label_world ? "world" : "index");
    iml__jsonw_key(&w, "affine_source"), iml__jsonw_str(&w, sources[o->affine]);
    iml__jsonw_key(&w, "nan"), iml__jsonw_str(&w, nans[o->nan]);
    iml__jsonw_key(&w, "strict"), iml__jsonw_bool(&w, o->strict);
    iml__jsonw_key(&w, "axis"), iml__jsonw_str(&w, o->axis);
    iml__jsonw_key(&w, "orient"), iml__jsonw_str(&w, o->orient);
    iml__jsonw_key(&w, "plane"), iml__jsonw_str(&w, o->display ? "display" : "native");
    iml__jsonw_key(&w, "crop"), iml__jsonw_str(&w, o->crop);
    put_number(&w, "margin", o->margin_mm);
    iml__jsonw_key(&w, "size"), iml__jsonw_str(&w, o->plane_size);
    put_number(&w, "clip_min", o->clip_min), put_number(&w, "clip_max", o->clip_max);
    iml__jsonw_key(&w, "norm"), iml__jsonw_array(&w);
    for (uint32_t k = 0; k < c->nnorms; k++) {
        char text[96];
        iml__norm_text(&c->norm[k], text);
        iml__jsonw_str(&w, text);
    }
    iml__jsonw_end(&w);
    if (c->nct) { // of the fingerprint, channel by channel
        iml__jsonw_key(&w, "stats"), iml__jsonw_array(&w);
        for (uint32_t k = 0; k < c->nct; k++) {
            iml__jsonw_object(&w), iml__jsonw_inline(&w);
            put_number(&w, "mean", c->ct[k].mean), put_number(&w, "std", c->ct[k].std);
            put_number(&w, "percentile_00_5", c->ct[k].p_low);
            put_number(&w, "percentile_99_5", c->ct[k].p_high);
            iml__jsonw_end(&w);
        }
        iml__jsonw_end(&w);
    }
    iml__jsonw_key(&w, "norm_mask"), iml__jsonw_str(&w, masks[o->norm_mask]);
    iml__jsonw_key(&w, "norm_outside"), iml__jsonw_str(&w, o->norm_outside_zero ? "zero" : "same");
    iml__jsonw_key(&w, "dtype"), iml__jsonw_str(&w, types[o->dtype]);
    iml__jsonw_key(&w, "window_size"), iml__jsonw_i64(&w, o->window);
    iml__jsonw_key(&w, "step"), iml__jsonw_i64(&w, o->step);
    iml__jsonw_key(&w, "padding_mode"), iml__jsonw_str(&w, pads[o->padding]);
    iml__jsonw_key(&w, "slices"), iml__jsonw_str(&w, o->slices);
    iml__jsonw_key(&w, "skip_empty"), iml__jsonw_str(&w, skips[o->skip_empty]);
    iml__jsonw_key(&w, "min_label_pixels"), iml__jsonw_u64(&w, o->min_label_pixels);
    put_number(&w, "keep_empty", o->keep_empty);
    iml__jsonw_key(&w, "label_map"), iml__jsonw_array(&w), iml__jsonw_inline(&w);
    for (uint32_t k = 0; k < c->label_map.n; k++) {
        iml__jsonw_array(&w);
        iml__jsonw_i64(&w, c->label_map.pair[k][0]), iml__jsonw_i64(&w, c->label_map.pair[k][1]);
        iml__jsonw_end(&w);
    }
    if (c->label_map.other) iml__jsonw_i64(&w, c->label_map.other_to);
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "label_dtype");
    iml__jsonw_str(&w, o->label_type ? iml__label_type_name((enum iml__label_type)o->label_type)
                                     : "auto");
    iml__jsonw_key(&w, "one_hot"), iml__jsonw_u64(&w, o->one_hot);
    iml__jsonw_key(&w, "level"), iml__jsonw_i64(&w, o->level);
    iml__jsonw_key(&w, "layout"), iml__jsonw_str(&w, layouts[o->layout]);
    iml__jsonw_key(&w, "digits"), iml__jsonw_i64(&w, o->digits);
    iml__jsonw_key(&w, "splits"), iml__jsonw_str(&w, o->splits);
    iml__jsonw_key(&w, "folds"), iml__jsonw_u64(&w, o->folds);
    iml__jsonw_key(&w, "split_method");
    iml__jsonw_str(&w, c->split_method == IML__SPLIT_FILE ? "file" : o->split_method);
    iml__jsonw_key(&w, "split_seed"), iml__jsonw_u64(&w, o->split_seed);
    iml__jsonw_key(&w, "patient_regex"), iml__jsonw_str(&w, o->patient_regex);
    iml__jsonw_key(&w, "max_pixels"), iml__jsonw_u64(&w, o->max_pixels);
    iml__jsonw_end(&w);
}
