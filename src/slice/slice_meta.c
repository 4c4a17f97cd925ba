// slice_meta.c: the JSON of a slice and of a case, spelt as Python's json.dumps spells it.
//
// The older tool's keys come first, in its order; then ours (slice.md 3.2). All but the slice's
// number and the place of its plane is the same for a whole case, so it is written once.
#include "src/slice/case.h"

#include <math.h>
#include <stdio.h>

#include "src/base/json.h"
#include "src/engine/parts.h"
#include "src/io/vfs.h"

static const char *const plane_names[] = {"sagittal", "coronal", "axial"};
static const char *const pads[] = {"zero",   "background", "replicate",
                                   "mirror", "reflect",    "symmetric"};
static const char *const masks[] = {"foreground", "all", "nonzero", "label"};
static const char *const types[] = {"f32", "f16", "i16", "u8"};

// The shortest digits that read back, laid out as repr does: exponents below 1e-4 and from 1e16.
size_t iml__py_float(char out[32], double v)
{
    char digits[40];
    int exp = 0, n = 0;
    if (!isfinite(v)) return (size_t)snprintf(out, 32, "null");
    if (!(v < 0) && !(v > 0)) return (size_t)snprintf(out, 32, "%s", signbit(v) ? "-0.0" : "0.0");
    for (int p = 0; p < 17; p++) {
        double back;
        (void)snprintf(digits, sizeof digits, "%.*e", p, fabs(v));
        char *dot = strchr(digits, ',');
        if (dot) *dot = '.';
        if (iml__parse_double(digits, &back) && iml__same_double(back, fabs(v))) break;
    }
    char *e = strchr(digits, 'e');
    int64_t parsed = 0;
    (void)iml__parse_i64(e[1] == '+' ? e + 2 : e + 1, &parsed);
    exp = (int)parsed;
    char plain[24];
    for (const char *p = digits; p < e; p++)
        if (*p != '.') plain[n++] = *p;
    while (n > 1 && plain[n - 1] == '0') n--;
    plain[n] = 0;
    const char *sign = v < 0 ? "-" : "";
    if (exp < -4 || exp >= 16)
        return (size_t)snprintf(out, 32, "%s%c%s%se%c%02d", sign, plain[0], n > 1 ? "." : "",
                                plain + 1, exp < 0 ? '-' : '+', exp < 0 ? -exp : exp);
    if (exp < 0) return (size_t)snprintf(out, 32, "%s0.%.*s%s", sign, -exp - 1, "0000", plain);
    if (n <= exp + 1)
        return (size_t)snprintf(out, 32, "%s%s%.*s.0", sign, plain, exp + 1 - n,
                                "0000000000000000");
    return (size_t)snprintf(out, 32, "%s%.*s.%s", sign, exp + 1, plain, plain + exp + 1);
}

// ---- Pieces

static void num(iml__str *s, double v)
{
    char text[32];
    iml__str_add(s, text, iml__py_float(text, v));
}

static void nums(iml__str *s, const double *v, size_t n)
{
    iml__str_addc(s, '[');
    for (size_t k = 0; k < n; k++) {
        if (k) iml__str_adds(s, ", ");
        num(s, v[k]);
    }
    iml__str_addc(s, ']');
}

// json.dumps(text): ASCII with \uXXXX, surrogates in pairs; text is UTF-8.
static void quoted(iml__str *s, const char *text)
{
    iml__str_addc(s, '"');
    for (const uint8_t *p = (const uint8_t *)text; *p;) {
        uint32_t c = *p++;
        int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        if (more) c &= 0x3fu >> more;
        for (; more && (*p & 0xc0) == 0x80; more--) c = c << 6 | (*p++ & 0x3fu);
        if (c == '"' || c == '\\')
            iml__str_addf(s, "\\%c", (char)c);
        else if (c == '\n')
            iml__str_adds(s, "\\n");
        else if (c == '\r')
            iml__str_adds(s, "\\r");
        else if (c == '\t')
            iml__str_adds(s, "\\t");
        else if (c == '\b')
            iml__str_adds(s, "\\b");
        else if (c == '\f')
            iml__str_adds(s, "\\f");
        else if (c >= 0x10000)
            iml__str_addf(s, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                          0xdc00 + ((c - 0x10000) & 0x3ff));
        else if (c < 32 || c > 126)
            iml__str_addf(s, "\\u%04x", c);
        else
            iml__str_addc(s, (char)c);
    }
    iml__str_addc(s, '"');
}

static void key(iml__str *s, const char *k) { iml__str_addf(s, ", \"%s\": ", k); }

static void norm_stats(const struct iml__case *c, iml__str *s)
{
    const struct iml__stats *x = &c->ch[0].stats;
    if (c->conf->norm[0].kind == IML__NORM_NONE) {
        iml__str_adds(s, "{}");
        return;
    }
    iml__str_adds(s, "{\"mean\": "), num(s, (double)x->mean);
    iml__str_adds(s, ", \"std\": "), num(s, (double)x->std);
    iml__str_adds(s, ", \"min\": "), num(s, (double)x->min);
    iml__str_adds(s, ", \"max\": "), num(s, (double)x->max);
    iml__str_addc(s, '}');
}

static void one_norm(const struct iml__group *g, iml__str *s)
{
    switch (g->norm->kind) {
    case IML__NORM_ZSCORE:
        iml__str_adds(s, "{\"mean\": "), num(s, (double)g->normer.sub);
        iml__str_adds(s, ", \"std\": "), num(s, (double)g->normer.div);
        break;
    case IML__NORM_PERCENTILE:
        iml__str_adds(s, "{\"low\": "), num(s, (double)g->ch->stats.percentile[0]);
        iml__str_adds(s, ", \"high\": "), num(s, (double)g->ch->stats.percentile[1]);
        break;
    case IML__NORM_WINDOW:
        iml__str_adds(s, "{\"level\": "), num(s, g->norm->a);
        iml__str_adds(s, ", \"width\": "), num(s, g->norm->b);
        break;
    case IML__NORM_CT:
        iml__str_adds(s, "{\"mean\": "), num(s, (double)g->normer.sub);
        iml__str_adds(s, ", \"std\": "), num(s, (double)g->normer.div);
        iml__str_adds(s, ", \"low\": "), num(s, (double)g->normer.lo);
        iml__str_adds(s, ", \"high\": "), num(s, (double)g->normer.hi);
        break;
    case IML__NORM_NONE: iml__str_addc(s, '{'); break;
    }
    iml__str_addc(s, '}');
}

static void norm(const struct iml__case *c, iml__str *s)
{
    static const char *const methods[] = {"zscore", "percentile", "window", "ct", "none"};
    iml__str_addf(s, "{\"method\": \"%s\", \"mask\": \"%s\", \"channels\": [",
                  methods[c->conf->norm[0].kind], masks[c->conf->o.norm_mask]);
    for (uint32_t k = 0; k < c->ngroups; k++) {
        if (k) iml__str_adds(s, ", ");
        one_norm(&c->group[k], s);
    }
    iml__str_adds(s, "]}");
}

static uint64_t odd_count(const struct iml__case *c)
{
    uint64_t n = 0;
    for (uint32_t k = 0; k < c->nch; k++) n += c->ch[k].odd;
    return n;
}

static void crop_of(const struct iml__case *c, iml__str *s)
{
    if (!c->cropped) {
        iml__str_adds(s, "null");
        return;
    }
    for (int k = 0; k < 3; k++)
        iml__str_addf(s, "%s[%llu, %llu]", k ? ", " : "[", (unsigned long long)c->crop_lo[k],
                      (unsigned long long)c->crop_lo[k] + c->layout.n[k]);
    iml__str_addc(s, ']');
}

static void letters_of(const struct iml__case *c, iml_orient *view)
{
    *view = (iml_orient){.axis = {0, 1, 2}};
    if (c->oriented) iml__turn_orient(&c->layout.turn, &c->orient, view);
}

static double spacing_of(const struct iml__case *c, int axis)
{
    return fabs(c->zoom[axis]) * c->ch[0].n->info.unit_mm;
}

// ---- A slice

// slice_affine of plane k: columns for one row down, one column along, and the place of pixel (0,
// 0).
static void plane_affine(struct iml__case *c, struct iml__meta *m)
{
    const struct iml__layout *l = &c->layout;
    for (int r = 0; r < 3; r++) {
        double down = c->affine[4 * r + l->row], along = c->affine[4 * r + l->col],
               at = c->affine[4 * r + 3];
        if (l->row_flip) at += down * (double)(l->n[l->row] - 1), down = -down;
        if (l->col_flip) at += along * (double)(l->n[l->col] - 1), along = -along;
        at += down * (double)l->row_shift + along * (double)l->col_shift;
        m->row[r] = down, m->col[r] = along;
        m->plane_first[r] = at, m->plane_step[r] = c->affine[4 * r + l->axis];
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void before_index(const struct iml__case *c, iml__str *s)
{
    iml__str_adds(s, "{\"source_file\": ");
    quoted(s, base_name(c->files->image[0])); // of the first channel that is used
    iml__str_adds(s, ", \"slice_index\": ");
}

static void until_slice_affine(struct iml__case *c, iml__str *s)
{
    const iml_slice_opts *o = &c->conf->o;
    const struct iml__layout *l = &c->layout;
    iml_orient view;
    letters_of(c, &view);
    uint64_t channels = (uint64_t)c->ngroups * (uint64_t)(2 * o->window + 1);
    bool normal = c->conf->norm[0].kind != IML__NORM_NONE;
    iml__str_addf(s,
                  ", \"total_slices\": %lld, \"window_size\": %d, \"padding_mode\": \"%s\", "
                  "\"num_channels\": %llu",
                  (long long)c->depth, o->window, pads[o->padding], (unsigned long long)channels);
    key(s, "spacing"), nums(s, c->zoom, 3);
    key(s, "normalized"), iml__str_adds(s, normal ? "true" : "false");
    key(s, "norm_stats"), norm_stats(c, s);
    key(s, "shape");
    iml__str_addf(s, "{\"image\": [%llu, %llu, %llu], \"label\": ", (unsigned long long)channels,
                  (unsigned long long)l->height, (unsigned long long)l->width);
    if (c->label)
        iml__str_addf(s, "[%llu, %llu]}", (unsigned long long)l->height,
                      (unsigned long long)l->width);
    else
        iml__str_adds(s, "null}");
    key(s, "affine"), iml__str_addc(s, '[');
    static const double last[4] = {0, 0, 0, 1};
    for (int r = 0; r < 4; r++) {
        if (r) iml__str_adds(s, ", ");
        nums(s, r < 3 ? c->affine + 4 * r : last, 4);
    }
    iml__str_addc(s, ']');
    key(s, "axis"), iml__str_addf(s, "%d", l->axis);
    key(s, "plane"),
        iml__str_addf(s, c->oriented ? "\"%s\"" : "null", plane_names[view.axis[l->axis]]);
    key(s, "orient"), iml__str_addf(s, c->oriented ? "\"%s\"" : "null", view.letters);
    key(s, "dtype"), iml__str_addf(s, "\"%s\"", types[o->dtype]);
    key(s, "slice_affine");
}

static void after_slice_affine(struct iml__case *c, iml__str *s)
{
    const struct iml__layout *l = &c->layout;
    double plane[2] = {spacing_of(c, l->row), spacing_of(c, l->col)};
    key(s, "plane_spacing"), nums(s, plane, 2);
    key(s, "slice_spacing"), num(s, spacing_of(c, l->axis));
    key(s, "case"), quoted(s, c->files->name);
    key(s, "step"), iml__str_addf(s, "%d", c->conf->o.step);
    key(s, "norm"), norm(c, s);
    key(s, "nan_count"), iml__str_addf(s, "%llu", (unsigned long long)odd_count(c));
    key(s, "crop"), crop_of(c, s);
    key(s, "resampled_from"), iml__str_adds(s, "null");
    iml__str_adds(s, ", \"imloom\": 1}");
}

iml_status iml__meta_make(struct iml__case *c, struct iml__meta *m, iml_err *e)
{
    for (int k = 0; k < 4; k++) iml__str_init(&m->part[k], 1 << 20);
    plane_affine(c, m);
    before_index(c, &m->part[0]);
    until_slice_affine(c, &m->part[1]);
    after_slice_affine(c, &m->part[2]);
    for (int k = 0; k < 3; k++)
        if (m->part[k].failed) return IML_FAIL(e, IML_ENOMEM, "no memory for metadata");
    return IML_OK;
}

void iml__meta_text(const struct iml__meta *m, int64_t k, iml__str *out)
{
    iml__str_add(out, m->part[0].p, m->part[0].n);
    iml__str_addf(out, "%lld", (long long)k);
    iml__str_add(out, m->part[1].p, m->part[1].n);
    for (int r = 0; r < 3; r++) {
        double row[3] = {m->row[r], m->col[r], m->plane_first[r] + (double)k * m->plane_step[r]};
        iml__str_adds(out, r ? ", " : "[");
        nums(out, row, 3);
    }
    iml__str_addc(out, ']');
    iml__str_add(out, m->part[2].p, m->part[2].n);
}

void iml__meta_free(struct iml__meta *m)
{
    for (int k = 0; k < 4; k++) iml__str_free(&m->part[k]);
}

// ---- A case: "%012d TAB {...} LF", read again by slice_info.c

static void note_stats(const struct iml__case *c, iml__jsonw *w)
{
    iml__jsonw_key(w, "stats"), iml__jsonw_array(w);
    for (uint32_t k = 0; k < c->nch; k++) {
        const struct iml__stats *s = &c->ch[k].stats;
        iml__jsonw_object(w);
        iml__jsonw_key(w, "mean"), iml__jsonw_num(w, (double)s->mean);
        iml__jsonw_key(w, "std"), iml__jsonw_num(w, (double)s->std);
        iml__jsonw_key(w, "min"), iml__jsonw_num(w, (double)s->min);
        iml__jsonw_key(w, "max"), iml__jsonw_num(w, (double)s->max);
        iml__jsonw_end(w);
    }
    iml__jsonw_end(w);
}

// Sizes of the files that a case is made of: enough to see that one was mended or replaced.
static void input_sizes(const struct iml__case_files *f, bool label, iml__str *s)
{
    iml__str_addc(s, '[');
    for (uint32_t k = 0; k < f->nimages + label; k++) {
        struct stat st;
        const char *path = k < f->nimages ? f->image[k] : f->label;
        uint64_t size =
            path && iml__fstatat(AT_FDCWD, path, &st, 0) == 0 ? (uint64_t)st.st_size : 0;
        iml__str_addf(s, "%s%llu", k ? "," : "", (unsigned long long)size);
    }
    iml__str_addc(s, ']');
}

// As make does: an input that was written after the case was recorded. A label that is painted on
// keeps its size.
static bool written_since(const iml__slicer *s, uint64_t index)
{
    char leaf[64], path[4200];
    struct stat made, st;
    const struct iml__case_files *f = &s->cases.item[index];
    bool label = s->cases.labels && !s->conf.o.no_label;
    iml__unit_name(leaf, index);
    (void)snprintf(path, sizeof path, "%s/%s", s->out ? s->out : ".", leaf);
    if (!s->out || iml__fstatat(AT_FDCWD, path, &made, 0)) return false;
    for (uint32_t k = 0; k < f->nimages + label; k++) {
        const char *input = k < f->nimages ? f->image[k] : f->label;
        if (!input || iml__fstatat(AT_FDCWD, input, &st, 0)) continue;
        if (st.st_mtim.tv_sec > made.st_mtim.tv_sec ||
            (st.st_mtim.tv_sec == made.st_mtim.tv_sec && st.st_mtim.tv_nsec > made.st_mtim.tv_nsec))
            return true;
    }
    return false;
}

bool iml__case_still(const iml__slicer *s, uint64_t index, const char *note, size_t n)
{
    iml__str now;
    iml__str_init(&now, 1 << 16);
    iml__str_adds(&now, "\t{\"inputs\":");
    input_sizes(&s->cases.item[index], s->cases.labels && !s->conf.o.no_label, &now);
    // The note begins "%012d" and then with exactly this.
    bool same = !now.failed && n > 12 + now.n && memcmp(note + 12, now.p, now.n) == 0;
    iml__str_free(&now);
    return same && !written_since(s, index);
}

iml_status iml__case_note(struct iml__case *c, iml_err *e)
{
    const struct iml__layout *l = &c->layout;
    iml_orient view;
    iml__jsonw w;
    letters_of(c, &view);
    iml__str_addf(&c->note, "%012llu\t", (unsigned long long)c->index);
    iml__jsonw_init(&w, &c->note, 0);
    iml__str sizes;
    iml__str_init(&sizes, 1 << 16);
    input_sizes(c->files, c->s->cases.labels && !c->conf->o.no_label, &sizes);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "inputs"), iml__jsonw_raw(&w, iml__str_text(&sizes));
    if (sizes.failed) c->note.failed = sizes.failed;
    iml__str_free(&sizes);
    iml__jsonw_key(&w, "case"), iml__jsonw_str(&w, c->files->name);
    iml__jsonw_key(&w, "patient"), iml__jsonw_str(&w, c->files->patient);
    if (c->conf->o.layout == IML_SLICE_BY_SPLIT || c->conf->split_method == IML__SPLIT_FILE)
        iml__jsonw_key(&w, "part"), iml__jsonw_u64(&w, c->s->part[c->index]);
    iml__jsonw_key(&w, "slices"), iml__jsonw_u64(&w, c->nslices);
    iml__jsonw_key(&w, "channels");
    iml__jsonw_u64(&w, (uint64_t)c->ngroups * (uint64_t)(2 * c->conf->o.window + 1));
    iml__jsonw_key(&w, "shape"), iml__jsonw_array(&w);
    for (int k = 0; k < 3; k++) iml__jsonw_u64(&w, l->n[k]);
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "spacing"), iml__jsonw_array(&w);
    for (int k = 0; k < 3; k++) iml__jsonw_num(&w, c->zoom[k]);
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "orient"), iml__jsonw_str(&w, c->oriented ? view.letters : NULL);
    iml__jsonw_key(&w, "plane"),
        iml__jsonw_str(&w, c->oriented ? plane_names[view.axis[l->axis]] : NULL);
    iml__jsonw_key(&w, "label_dtype"),
        iml__jsonw_str(&w, c->label ? iml__label_type_name(c->label->type) : NULL);
    note_stats(c, &w);
    iml__jsonw_key(&w, "labels"), iml__jsonw_array(&w);
    for (uint32_t k = 0; c->label && k < c->label->counts.n; k++) {
        iml__jsonw_i64(&w, c->label->counts.value[k]);
        iml__jsonw_u64(&w, c->label->counts.count[k]);
    }
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "warnings"), iml__jsonw_array(&w);
    for (uint32_t k = 0; k < c->nwarnings; k++) {
        iml__jsonw_str(&w, c->warning[k].code);
        iml__jsonw_str(&w, c->warning[k].text);
    }
    iml__jsonw_end(&w);
    iml__jsonw_end(&w);
    iml__str_addc(&c->note, '\n');
    return c->note.failed ? IML_FAIL(e, IML_ENOMEM, "no memory for a case's note") : IML_OK;
}
