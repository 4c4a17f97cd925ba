// case.c: one case: open, check, load, select, slice; and how it fails.
#include "src/slice/case.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "src/base/buf.h"
#include "src/base/mem.h"

// ---- Failing

static const char *leaf(const char *path)
{
    // Folder and file: "labelsTr/s0431.nii.gz".
    const char *slash = strrchr(path, '/');
    if (!slash) return path;
    while (slash > path && slash[-1] != '/') slash--;
    return slash;
}

static iml_status fail_with(const struct iml__case *c, iml_err *e, const char *file,
                            const char *code, const char *text)
{
    const char *where = file ? leaf(file) : "";
    // The code must fit whatever the names are; what is too long is the sentence's end.
    int fixed = (int)sizeof e->msg - (int)strlen("slice: case : : ; case not sliced []") - 1;
    int left =
        fixed - (int)strlen(code) - (int)strnlen(c->files->name, 40) - (int)strnlen(where, 60);
    return IML_FAIL(e, IML_EINPUT, "slice: case %.40s: %.60s%s%.*s; case not sliced [%s]",
                    c->files->name, where, file ? ": " : "", left, text, code);
}

iml_status iml__case_fail_as(const struct iml__case *c, iml_err *e, const char *file,
                             const char *code, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return fail_with(c, e, file, code, text);
}

iml_status iml__case_wrap(const struct iml__case *c, iml_err *e, const char *file, iml_status st)
{
    char code[24], text[sizeof e->msg];
    size_t n;
    if (!st || !e) return st;
    iml__coded_split(e->msg, code, &n);
    if (!strcmp(code, "changed") && c->it->attempt == 0) return st; // once more
    if (iml_status_class(st) != IML_CLASS_ITEM && strcmp(code, "changed") != 0) return st;
    (void)snprintf(text, sizeof text, "%.*s", (int)n, e->msg);
    return fail_with(c, e, file, code[0] ? code : "unreadable", text);
}

iml_status iml__case_warn(struct iml__case *c, iml_err *e, const char *file, const char *code,
                          const char *fmt, ...)
{
    char text[200], line[320];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (c->conf->o.strict) return fail_with(c, e, file, code, text);
    (void)snprintf(line, sizeof line, "%.80s%s%s", file ? leaf(file) : "", file ? ": " : "", text);
    if (c->nwarnings == IML_COUNT_OF(c->warning)) return IML_OK;
    char *copy = iml__arena_strdup(c->a, line);
    if (!copy) return IML_FAIL(e, IML_ENOMEM, "no memory for a warning");
    c->warning[c->nwarnings++] = (struct iml__warning){code, copy};
    return IML_OK;
}

// ---- Opening

static iml_status open_volume(struct iml__case *c, const char *path, iml_nifti **out, iml_err *e)
{
    iml_nifti *n;
    *out = NULL;
    IML_TRY(iml__case_wrap(c, e, path, iml__nifti_open(path, c->conf->o.affine, &n, e)));
    const uint64_t *d = n->info.dim;
    uint64_t most = IML_MAX(IML_MAX(d[0] * d[1], d[0] * d[2]), d[1] * d[2]);
    if (most > c->conf->o.max_pixels) {
        iml_nifti_close(&n);
        return iml__case_fail(c, e, path, "dims",
                              "a plane has %llu pixels, --max-pixels allows %llu",
                              (unsigned long long)most, (unsigned long long)c->conf->o.max_pixels);
    }
    *out = n;
    return IML_OK;
}

static iml_status tell_header(struct iml__case *c, const iml_nifti *n, const char *path, iml_err *e)
{
    static const struct {
        unsigned bit;
        const char *code, *text;
    } known[] = {
        {IML__NIFTI_WARN_ANALYZE, "analyze", "Analyze 7.5 says nothing about orientation"},
        {IML__NIFTI_WARN_ZOOM, "zoom", "a voxel size of 0"},
        {IML__NIFTI_WARN_FORMS, "forms", "sform and qform differ by more than 0.1 voxel"},
        {IML__NIFTI_WARN_SHEAR, "shear",
         "its axes are not at right angles (ITK refuses such files)"},
        {IML__NIFTI_WARN_LONGER, "longer", "bytes stand behind the last voxel"},
    };
    for (size_t k = 0; k < IML_COUNT_OF(known); k++)
        if (n->warnings & known[k].bit)
            IML_TRY(iml__case_warn(c, e, path, known[k].code, "%s", known[k].text));
    return IML_OK;
}

static iml_status frames_fit(struct iml__case *c, const iml_nifti_info *i, const char *path,
                             bool many, iml_err *e)
{
    const struct iml__slice_conf *conf = c->conf;
    const struct iml__cases *set = &c->s->cases;
    unsigned long long frames = i->frames;
    int64_t volume = conf->o.volume;
    if (i->ndim > 4)
        return iml__case_fail(c, e, path, "frames",
                              "it has %d dimensions; slices come from 3, or 4 with --volume",
                              i->ndim);
    if (volume >= (int64_t)i->frames)
        return iml__case_fail(c, e, path, "frames", "--volume %lld, but it has frames 0..%llu",
                              (long long)volume, frames - 1);
    if (volume >= 0 && many && conf->nchannels)
        return iml__case_fail(c, e, path, "channel",
                              "--volume takes one of its frames, --channels %.40s others",
                              conf->o.channels);
    if (volume >= 0 || (frames == 1 && !many)) return IML_OK;
    if (!many)
        return iml__case_fail(c, e, path, "frames",
                              c->files->framed
                                  ? "it has %llu frames; choose one with --volume N, or make "
                                    "channels of them with --channels 0,1 or all"
                                  : "it has %llu frames; choose one with --volume N",
                              frames);
    if (!conf->nchannels && frames > IML__CHANNELS_MAX)
        return iml__case_fail(c, e, path, "frames",
                              "it has %llu frames, and up to %d can be channels; choose with "
                              "--channels 0,1 or --volume N",
                              frames, IML__CHANNELS_MAX);
    if (!conf->nchannels && set->frames && frames != set->frames)
        return iml__case_fail(c, e, path, "channel",
                              "it has %llu frames, %.60s %u; --channels all needs as many of each",
                              frames, set->framed_as, set->frames);
    return IML_OK;
}

// The frames that become channels: of a 3-D file its only one, of a 4-D file --volume, or as many
// as --channels says where no other file of the case has a number.
static iml_status frames_of(struct iml__case *c, iml_nifti *n, const char *path, iml_err *e)
{
    const iml_nifti_info *i = &n->info;
    const struct iml__slice_conf *conf = c->conf;
    bool many = conf->nchannels ? c->files->framed && (conf->nchannels > 1 || conf->channel[0] > 0)
                                : c->files->nimages == 1;
    IML_TRY(frames_fit(c, i, path, many, e));
    bool pick = many && conf->o.volume < 0;
    uint32_t count = !pick ? 1 : conf->nchannels ? conf->nchannels : (uint32_t)i->frames;
    for (uint32_t k = 0; k < count; k++) {
        uint64_t frame = !pick             ? (uint64_t)IML_MAX(conf->o.volume, 0)
                         : conf->nchannels ? (uint64_t)conf->channel[k]
                                           : k;
        if (frame >= i->frames)
            return iml__case_fail(c, e, path, "channel",
                                  "channel %llu is missing; it has %llu frame%s",
                                  (unsigned long long)frame, (unsigned long long)i->frames,
                                  i->frames == 1 ? "" : "s");
        c->ch[c->nch++] = (struct iml__channel){.n = n, .path = path, .frame = frame};
    }
    return IML_OK;
}

static iml_status open_images(struct iml__case *c, iml_err *e)
{
    for (uint32_t k = 0; k < c->files->nimages; k++) {
        iml_nifti *n = NULL;
        const char *path = c->files->image[k];
        IML_TRY(open_volume(c, path, &n, e));
        c->image[c->nimages++] = n;
        IML_TRY(frames_of(c, n, path, e));
        IML_TRY(tell_header(c, n, path, e));
        const iml_nifti_info *a = &c->ch[0].n->info, *b = &n->info;
        if (memcmp(a->dim, b->dim, 3 * sizeof a->dim[0]) != 0)
            return iml__case_fail(c, e, path, "channel",
                                  "it is %llux%llux%llu, the first channel %llux%llux%llu",
                                  (unsigned long long)b->dim[0], (unsigned long long)b->dim[1],
                                  (unsigned long long)b->dim[2], (unsigned long long)a->dim[0],
                                  (unsigned long long)a->dim[1], (unsigned long long)a->dim[2]);
    }
    return IML_OK;
}

static bool same_dims(const uint64_t a[3], const uint64_t b[3])
{
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

// --label-geometry world: the turn that lays the label's axes on the image's.
static iml_status turn_label(struct iml__case *c, const iml_nifti_info *i, const iml_nifti_info *l,
                             iml_err *e)
{
    iml_orient o;
    double turned[12];
    uint64_t dim[3];
    const char *path = c->files->label;
    if (!c->oriented) return IML_OK;
    iml_status st = iml_orient_from_affine(l->affine, &o, e);
    if (st) return iml__case_wrap(c, e, path, st);
    struct iml__turn t = iml__turn_to(&o, c->orient.axis, c->orient.sign);
    iml__turn_u64(&t, l->dim, dim);
    iml__turn_affine(&t, l->dim, l->affine, turned);
    if (!same_dims(dim, i->dim))
        return iml__case_fail(
            c, e, path, "label-shape", "turned to the image's axes it is %llux%llux%llu",
            (unsigned long long)dim[0], (unsigned long long)dim[1], (unsigned long long)dim[2]);
    if (iml__affine_corner_distance(i->affine, turned, dim) > 0.01)
        return iml__case_fail(
            c, e, path, "label-shape",
            "its affine differs from the image's by more than flips and permutation");
    c->label->turn = t;
    return IML_OK;
}

static iml_status open_label(struct iml__case *c, iml_err *e)
{
    const char *path = c->files->label;
    const iml_nifti_info *i = &c->ch[0].n->info;
    if (!path || c->conf->o.no_label) return IML_OK;
    c->label = iml_arena_calloc(c->a, 1, sizeof *c->label);
    if (!c->label) return IML_FAIL(e, IML_ENOMEM, "no memory for a label");
    c->label->turn = iml__turn_none;
    IML_TRY(open_volume(c, path, &c->label->n, e));
    const iml_nifti_info *l = &c->label->n->info;
    if (l->frames > 1 || l->ndim > 3)
        return iml__case_fail(c, e, path, "label-shape",
                              "a label is one volume; this has %llu frames",
                              (unsigned long long)l->frames);
    if (c->conf->o.label_world) IML_TRY(turn_label(c, i, l, e));
    uint64_t dim[3];
    iml__turn_u64(&c->label->turn, l->dim, dim);
    if (!same_dims(dim, i->dim))
        return iml__case_fail(c, e, path, "label-shape",
                              "it is %llux%llux%llu, the image %llux%llux%llu",
                              (unsigned long long)l->dim[0], (unsigned long long)l->dim[1],
                              (unsigned long long)l->dim[2], (unsigned long long)i->dim[0],
                              (unsigned long long)i->dim[1], (unsigned long long)i->dim[2]);
    if (!c->conf->o.label_world && i->version && l->version) {
        double d = iml__affine_corner_distance(i->affine, l->affine, i->dim);
        if (d > 0.01) {
            char text[32];
            text[iml__num_fixed(text, IML_MIN(d, 1e6), 2)] = 0;
            IML_TRY(iml__case_warn(c, e, path, "label-geometry",
                                   "its corners lie up to %s voxels from the image's", text));
        }
    }
    return IML_OK;
}

// ---- Axes

static const char *const axis_names[] = {"sagittal", "coronal", "axial"};

static iml_status choose_axis(struct iml__case *c, const struct iml__turn *turn,
                              const iml_orient *view, int *axis, iml_err *e)
{
    const struct iml__slice_conf *conf = c->conf;
    *axis = conf->axis;
    if (conf->axis_wish == IML__AXIS_INDEX) return IML_OK;
    if (conf->axis_wish == IML__AXIS_ANATOMY) {
        if (!c->oriented)
            return iml__case_fail(c, e, c->files->image[0], "orient",
                                  "--axis %s needs an orientation, and it has none",
                                  axis_names[conf->axis]);
        *axis = iml__orient_find(view, conf->axis);
        return IML_OK;
    }
    double zoom[3];
    iml__turn_double(turn, c->ch[0].n->info.zoom, zoom);
    *axis = iml__axis_auto(zoom, c->oriented ? view : NULL);
    return IML_OK;
}

// Display: rows run from anterior to posterior (axial) or superior to inferior, columns from the
// patient's right to left, of sagittal planes from anterior to posterior.
static void lay_out_for_display(struct iml__layout *l, const iml_orient *view)
{
    int across = view->axis[l->axis];
    int down = across == 2 ? 1 : 2, along = across == 0 ? 1 : 0;
    l->row = iml__orient_find(view, down), l->col = iml__orient_find(view, along);
    // An index that grows toward R, A, S must be walked backwards.
    l->row_flip = view->sign[l->row] > 0;
    l->col_flip = view->sign[l->col] > 0;
    l->height = l->n[l->row], l->width = l->n[l->col];
}

static iml_status orient(struct iml__case *c, iml_err *e)
{
    const iml_nifti_info *i = &c->ch[0].n->info;
    const struct iml__slice_conf *conf = c->conf;
    struct iml__turn turn = iml__turn_none;
    iml_orient view;
    int axis;
    iml_err ignored;
    c->oriented = i->version && iml_orient_from_affine(i->affine, &c->orient, &ignored) == IML_OK;
    if (!c->oriented && (conf->turn || conf->o.display))
        return iml__case_fail(c, e, c->files->image[0], "orient",
                              "--%s needs an orientation, and it has none",
                              conf->turn ? "orient" : "plane display");
    if (conf->turn) turn = iml__turn_to(&c->orient, conf->orient_axis, conf->orient_sign);
    if (c->oriented) iml__turn_orient(&turn, &c->orient, &view);
    if (i->affine_source == IML_AFFINE_PIXDIM && i->version &&
        (conf->turn || conf->o.display || conf->axis_wish == IML__AXIS_ANATOMY))
        IML_TRY(iml__case_warn(
            c, e, c->files->image[0], "no-orientation",
            "neither sform nor qform is set; axes are taken as R, A, S with x flipped"));
    IML_TRY(choose_axis(c, &turn, &view, &axis, e));
    c->layout = iml__layout_of(i->dim, &turn, axis);
    if (conf->o.display || (c->show && c->oriented)) lay_out_for_display(&c->layout, &view);
    iml__turn_affine(&turn, i->dim, i->affine, c->affine);
    iml__turn_double(&turn, i->zoom, c->zoom);
    c->box = iml__box_all(i->dim);
    return IML_OK;
}

// ---- The run

static void close_all(struct iml__case *c)
{
    for (uint32_t k = 0; k < c->nimages; k++) iml_nifti_close(&c->image[k]);
    if (c->label) iml_nifti_close(&c->label->n);
    iml__str_free(&c->note);
}

static iml_status open_all(struct iml__case *c, iml_err *e)
{
    if (c->files->bad_code)
        return iml__case_fail(c, e, NULL, c->files->bad_code, "%s", c->files->bad_text);
    iml_stage(c->it, IML_STAGE_READ);
    IML_TRY(open_images(c, e));
    IML_TRY(orient(c, e));
    return open_label(c, e);
}

iml_status iml__case_begin(const iml__slicer *s, uint64_t index, bool show, iml_item *it,
                           struct iml__case **out, iml_err *e)
{
    struct iml__case *c = *out = iml_arena_calloc(it->arena, 1, sizeof *c);
    if (!c) return IML_FAIL(e, IML_ENOMEM, "no memory for a case");
    c->s = s, c->conf = &s->conf, c->files = &s->cases.item[index], c->index = index;
    c->show = c->hold = show;
    c->it = it, c->a = it->arena;
    iml__str_init(&c->note, 64 << 20);
    iml_status st = open_all(c, e);
    if (!st) return st;
    iml__case_end(out);
    return st;
}

void iml__case_end(struct iml__case **c)
{
    if (*c) close_all(*c);
    *c = NULL;
}

iml_status iml__hand_over(iml_item *it, const char *name, const void *p, size_t bytes, iml_out *out,
                          size_t *n, iml_err *e)
{
    iml_buf *b;
    iml_frag *f = iml_arena_alloc(it->arena, sizeof *f);
    if (!f) return IML_FAIL(e, IML_ENOMEM, "no memory for %s", name);
    IML_TRY(iml_buf_new(it, bytes, &b, e));
    memcpy(iml_buf_data(b), p, bytes);
    iml_buf_set_size(b, bytes);
    *f = (iml_frag){.data = b, .len = bytes};
    out[(*n)++] = (iml_out){.name = name, .frag = f, .nfrag = 1};
    return IML_OK;
}

static iml_status run_case(struct iml__case *c, iml_err *e)
{
    IML_TRY(iml__case_load(c, e));
    IML_TRY(iml__case_measure_all(c, e));
    IML_TRY(iml__case_select(c, e));
    iml_stage(c->it, IML__STAGE_SLICES);
    IML_TRY(iml__case_emit(c, e));
    return iml__case_note(c, e);
}

iml_status iml__case_run(const iml__slicer *s, iml_item *it, iml_out out[], size_t *n, iml_err *e)
{
    struct iml__case *c;
    *n = 0;
    IML_TRY(iml__case_begin(s, it->index, false, it, &c, e));
    iml_status st = run_case(c, e);
    if (!st) st = iml__hand_over(it, "cases", c->note.p, c->note.n, out, n, e);
    if (!st) out[0].flags = IML_OUT_APPEND;
    iml__case_end(&c);
    return st;
}
