// case_load.c: a case's voxels and labels, checked to the last, the box that counts, and which
// slices are written.
//
// Order: every voxel and label is read (and its file verified to the end), the box is found, labels
// are checked and counted; case_stats.c then measures what is left. A case that need not
// lie in memory is read pass by pass instead (case_stream.c).
#include "src/slice/case.h"

#include <math.h>
#include <stdio.h>

#include "src/base/arena.h"
#include "src/base/mem.h"

static iml_status no_memory(iml_err *e) { return IML_FAIL(e, IML_ENOMEM, "no memory for a case"); }

// ---- Reading

static bool small(const iml_nifti_info *i) { return i->item_bytes <= 2; }

static iml_status load_channels(struct iml__case *c, iml_err *e)
{
    for (uint32_t k = 0; k < c->nch; k++) {
        struct iml__channel *ch = &c->ch[k];
        void *p;
        bool ahead = k == 0 && ch->n->info.gzip;
        iml_status st = iml__nifti_load(ch->n, ch->frame, ahead ? c->it->input : NULL, c->a, &p, e);
        IML_TRY(iml__case_wrap(c, e, ch->path, st));
        ch->data = p;
        if (ch->n->warnings & IML__NIFTI_WARN_LONGER && (!k || c->ch[k - 1].n != ch->n))
            IML_TRY(iml__case_warn(c, e, ch->path, "longer", "bytes stand behind the last voxel"));
    }
    return IML_OK;
}

static iml_status stream_label(struct iml__case *c, struct iml__label *l, iml_err *e)
{
    const iml_nifti_info *i = &l->n->info;
    struct iml__nifti_stream *s;
    uint32_t crc;
    int32_t *to = iml_arena_alloc(c->a, i->voxels * sizeof *to);
    uint8_t *raw = iml_arena_alloc(c->a, (size_t)IML__STAT_BLOCK * 8);
    if (!to || !raw) return no_memory(e);
    l->data = (const uint8_t *)to, l->bytes = 4;
    IML_TRY(iml__nifti_stream_open(l->n, 0, &s, e));
    iml_status st = IML_OK;
    for (uint64_t at = 0; at < i->voxels && !st;) {
        size_t n = (size_t)IML_MIN(i->voxels - at, (uint64_t)IML__STAT_BLOCK);
        st = iml__nifti_stream_read(s, raw, n * (size_t)i->item_bytes, e);
        if (!st) iml__label_convert(i, &c->conf->label_map, raw, n, to + at);
        for (size_t k = 0; k < n && !st; k++)
            if (to[at + k] == IML__LABEL_ODD) {
                struct iml__box all = iml__box_all(i->dim);
                char text[32], voxel[72];
                iml__num_short(text, iml__label_raw(i, raw, k));
                st = iml__coded(e, IML_EINPUT, "label-values",
                                "value %s at voxel %s is no label (a whole number of 32 bits)",
                                text, iml__box_voxel(&all, at + k, voxel));
            }
        at += n;
    }
    if (!st) st = iml__nifti_stream_end(s, &crc, e);
    iml__nifti_stream_close(&s);
    return st;
}

static iml_status load_label(struct iml__case *c, iml_err *e)
{
    struct iml__label *l = c->label;
    void *p;
    if (!l) return IML_OK;
    iml_status st;
    if (!small(&l->n->info)) {
        st = stream_label(c, l, e);
    } else {
        l->bytes = l->n->info.item_bytes;
        l->table = iml_arena_alloc(c->a, IML__STAT_BINS * sizeof *l->table);
        if (!l->table) return no_memory(e);
        iml__label_table(&l->n->info, &c->conf->label_map, l->table);
        st = iml__nifti_load(l->n, 0, NULL, c->a, &p, e);
        if (!st) l->data = p;
    }
    IML_TRY(iml__case_wrap(c, e, c->files->label, st));
    if (l->n->warnings & IML__NIFTI_WARN_LONGER)
        IML_TRY(
            iml__case_warn(c, e, c->files->label, "longer", "bytes stand behind the last voxel"));
    return IML_OK;
}

// ---- Labels

// Strides of the image's axes in the label's memory.
static int64_t label_strides(const struct iml__label *l, int64_t stride[3])
{
    const uint64_t *d = l->n->info.dim;
    int64_t own[3] = {1, (int64_t)d[0], (int64_t)(d[0] * d[1])}, origin = 0;
    for (int k = 0; k < 3; k++) {
        int f = l->turn.from[k];
        stride[k] = l->turn.flip[k] ? -own[f] : own[f];
        if (l->turn.flip[k]) origin += (int64_t)(d[f] - 1) * own[f];
    }
    return origin;
}

// count labels of the box from place `from` on, through tmp (count items of up to 4 bytes).
void iml__case_labels(const struct iml__case *c, uint64_t from, size_t count, void *tmp,
                      int32_t *out)
{
    const struct iml__label *l = c->label;
    int64_t stride[3], origin = label_strides(l, stride);
    iml__box_take_strided(&c->box, (size_t)l->bytes, l->data, origin, stride, from, count, tmp);
    if (l->bytes == 4) {
        memcpy(out, tmp, count * 4);
    } else if (l->bytes == 1) {
        for (size_t k = 0; k < count; k++) out[k] = l->table[((uint8_t *)tmp)[k]];
    } else {
        for (size_t k = 0; k < count; k++) out[k] = l->table[((uint16_t *)tmp)[k]];
    }
}

static iml_status odd_label(struct iml__case *c, iml_err *e)
{
    const struct iml__label *l = c->label;
    uint64_t at = 0;
    for (; at < l->n->info.voxels; at++)
        if (l->table[l->bytes == 1 ? l->data[at] : ((const uint16_t *)(const void *)l->data)[at]] ==
            IML__LABEL_ODD)
            break;
    struct iml__box all = iml__box_all(l->n->info.dim);
    char text[32], voxel[72];
    iml__num_short(text, iml__label_raw(&l->n->info, l->data, at));
    return iml__case_fail(c, e, c->files->label, "label-values",
                          "value %s at voxel %s is no label (a whole number of 32 bits)", text,
                          iml__box_voxel(&all, at, voxel));
}

static iml_status count_label(struct iml__case *c, int32_t v, uint64_t n, iml_err *e)
{
    return iml__case_wrap(c, e, c->files->label,
                          iml__label_counts_add(&c->label->counts, c->a, v, n, e));
}

// Every label of the file is one; how many voxels of the box have which.
static iml_status count_labels(struct iml__case *c, iml_err *e)
{
    struct iml__label *l = c->label;
    uint64_t voxels = l->n->info.voxels, count = iml__box_count(&c->box);
    bool whole = iml__box_whole(&c->box);
    if (l->bytes < 4) {
        uint64_t *bins = iml_arena_calloc(c->a, IML__STAT_BINS, sizeof *bins);
        if (!bins) return no_memory(e);
        iml__bins_add(bins, l->bytes, l->data, voxels, NULL);
        for (uint32_t b = 0; b < IML__STAT_BINS; b++) {
            if (!bins[b]) continue;
            if (l->table[b] == IML__LABEL_ODD) return odd_label(c, e);
            if (whole) IML_TRY(count_label(c, l->table[b], bins[b], e));
        }
        if (whole) return IML_OK;
    }
    int32_t *v = iml_arena_alloc(c->a, IML__STAT_BLOCK * sizeof *v);
    void *tmp = iml_arena_alloc(c->a, (size_t)IML__STAT_BLOCK * 4);
    if (!v || !tmp) return no_memory(e);
    for (uint64_t at = 0; at < count;) {
        size_t n = (size_t)IML_MIN(count - at, (uint64_t)IML__STAT_BLOCK);
        iml__case_labels(c, at, n, tmp, v);
        for (size_t k = 0; k < n;) { // runs, since most neighbours are equal
            size_t from = k++;
            while (k < n && v[k] == v[from]) k++;
            IML_TRY(count_label(c, v[from], k - from, e));
        }
        at += n;
    }
    return IML_OK;
}

static iml_status known_labels(struct iml__case *c, iml_err *e)
{
    const struct iml__cases *s = &c->s->cases;
    if (!s->nlabel_names || c->conf->label_map.n || c->conf->label_map.other) return IML_OK;
    for (uint32_t k = 0; k < c->label->counts.n; k++) {
        bool named = c->label->counts.value[k] == 0;
        for (size_t i = 0; i < s->nlabel_names && !named; i++)
            named = s->label_name[i].value == c->label->counts.value[k];
        if (!named)
            return iml__case_warn(c, e, c->files->label, "label-unnamed",
                                  "label %d is not in dataset.json", c->label->counts.value[k]);
    }
    return IML_OK;
}

// A voxel whose label has no plane is in none of label_onehot's.
static iml_status hot_labels(struct iml__case *c, iml_err *e)
{
    int64_t classes = c->conf->o.one_hot;
    for (uint32_t k = 0; k < c->label->counts.n && classes; k++) {
        int32_t v = c->label->counts.value[k];
        if (v < 0 || v >= classes)
            return iml__case_warn(c, e, c->files->label, "one-hot",
                                  "label %d has no plane in --one-hot %lld (0 to %lld)", v,
                                  (long long)classes, (long long)classes - 1);
    }
    return IML_OK;
}

static iml_status settle_labels(struct iml__case *c, iml_err *e)
{
    struct iml__label *l = c->label;
    if (!l) return IML_OK;
    if (c->residence == IML__IN_MEMORY)
        IML_TRY(count_labels(c, e));
    else
        IML_TRY(iml__stream_labels(c, e));
    iml__label_counts_sort(&l->counts);
    IML_TRY(known_labels(c, e));
    IML_TRY(hot_labels(c, e));
    l->type = (enum iml__label_type)c->conf->o.label_type;
    if (!l->type) l->type = iml__label_fit(&l->counts);
    for (uint32_t k = 0; k < l->counts.n; k++)
        if (!iml__label_fits(l->type, l->counts.value[k]))
            return iml__case_fail(c, e, c->files->label, "label-values",
                                  "label %d does not fit --label-dtype %s", l->counts.value[k],
                                  iml__label_type_name(l->type));
    if (l->bytes == 4) return IML_OK;
    l->stored = iml_arena_alloc(c->a, (size_t)IML__STAT_BINS * 4);
    if (!l->stored) return no_memory(e);
    iml__label_store(l->type, l->table, l->bytes == 1 ? 256 : 65536, l->stored);
    return IML_OK;
}

// ---- The box

static iml_status crop_to(struct iml__case *c, const uint64_t lo[3], const uint64_t n[3])
{
    double shift[3];
    for (int k = 0; k < 3; k++) shift[k] = (double)lo[k], c->crop_lo[k] = lo[k];
    c->cropped = true;
    iml__layout_crop(&c->layout, lo, n);
    iml__shift_affine(c->affine, shift);
    c->box = iml__layout_box(&c->layout);
    return IML_OK;
}

static iml_status crop_explicit(struct iml__case *c, iml_err *e)
{
    uint64_t lo[3], n[3];
    for (int k = 0; k < 3; k++) {
        int64_t dim = (int64_t)c->layout.n[k], a = c->conf->box[k][0], b = c->conf->box[k][1];
        if (a < 0) a += dim;
        if (b < 0) b += dim;
        b = IML_MIN(b, dim);
        if (a < 0 || a >= b)
            return iml__case_fail(c, e, c->files->image[0], "crop",
                                  "--crop leaves nothing of axis %d (0..%lld)", k,
                                  (long long)dim - 1);
        lo[k] = (uint64_t)a, n[k] = (uint64_t)(b - a);
    }
    return crop_to(c, lo, n);
}

struct bounds {
    uint64_t lo[3], hi[3]; // hi: one beyond
    bool any;
};

static void widen(struct bounds *b, const uint8_t *in, size_t n, uint64_t y, uint64_t z)
{
    size_t first = 0, last = n;
    while (first < n && !in[first]) first++;
    if (first == n) return;
    while (!in[last - 1]) last--;
    uint64_t lo[3] = {first, y, z}, hi[3] = {last, y + 1, z + 1};
    for (int k = 0; k < 3; k++) {
        b->lo[k] = b->any ? IML_MIN(b->lo[k], lo[k]) : lo[k];
        b->hi[k] = b->any ? IML_MAX(b->hi[k], hi[k]) : hi[k];
    }
    b->any = true;
}

static bool inside(const struct iml__slice_conf *conf, float v, float min)
{
    switch (conf->crop) {
    case IML__CROP_NONZERO: return v > 0 || v < 0;
    case IML__CROP_FOREGROUND: return v > min;
    default: return (double)v > conf->above;
    }
}

static float least_of(const struct iml__channel *ch, float *row, size_t nx, uint64_t rows)
{
    float least = INFINITY;
    size_t item = (size_t)ch->n->info.item_bytes;
    for (uint64_t r = 0; r < rows; r++) {
        iml__nifti_to_f32(&ch->n->info, ch->data + r * nx * item, nx, row);
        for (size_t k = 0; k < nx; k++)
            if (row[k] < least) least = row[k];
    }
    return least;
}

static iml_status find_box(struct iml__case *c, struct bounds *b, iml_err *e)
{
    const uint64_t *d = c->ch[0].n->info.dim;
    size_t nx = (size_t)d[0];
    float *row = iml_arena_alloc(c->a, nx * sizeof *row);
    uint8_t *in = iml_arena_alloc(c->a, nx);
    int32_t *label = iml_arena_alloc(c->a, nx * sizeof *label);
    void *tmp = iml_arena_alloc(c->a, nx * 4);
    if (!row || !in || !label || !tmp) return no_memory(e);
    bool by_label = c->conf->crop == IML__CROP_LABEL;
    for (uint32_t k = 0; k < (by_label ? 1 : c->nch); k++) {
        const struct iml__channel *ch = &c->ch[k];
        size_t item = (size_t)ch->n->info.item_bytes;
        float min = c->conf->crop == IML__CROP_FOREGROUND ? least_of(ch, row, nx, d[1] * d[2]) : 0;
        for (uint64_t r = 0; r < d[1] * d[2]; r++) {
            if (by_label) {
                iml__case_labels(c, r * nx, nx, tmp, label);
                for (size_t x = 0; x < nx; x++) in[x] = label[x] > 0;
            } else {
                iml__nifti_to_f32(&ch->n->info, ch->data + r * nx * item, nx, row);
                for (size_t x = 0; x < nx; x++) in[x] = inside(c->conf, row[x], min);
            }
            widen(b, in, nx, r % d[1], r / d[1]);
        }
    }
    return IML_OK;
}

static iml_status crop(struct iml__case *c, iml_err *e)
{
    struct bounds b = {.any = false};
    const iml_nifti_info *i = &c->ch[0].n->info;
    if (c->conf->crop == IML__CROP_NONE) return IML_OK;
    if (c->conf->crop == IML__CROP_BOX) return crop_explicit(c, e);
    if (c->conf->crop == IML__CROP_LABEL && !c->label)
        return iml__case_fail(c, e, c->files->image[0], "label-missing",
                              "--crop label needs a label");
    IML_TRY(find_box(c, &b, e));
    if (!b.any)
        return iml__case_warn(c, e, c->files->image[0], "crop",
                              "--crop %s finds nothing; the case is not cropped", c->conf->o.crop);
    uint64_t lo[3], n[3];
    for (int k = 0; k < 3; k++) {
        int f = c->layout.turn.from[k];
        double mm = fabs(i->zoom[f]) * i->unit_mm;
        uint64_t more = mm > 0 ? (uint64_t)IML_MIN(ceil(c->conf->o.margin_mm / mm), 1e9) : 0;
        uint64_t from = b.lo[f] > more ? b.lo[f] - more : 0,
                 to = IML_MIN(b.hi[f] + more, i->dim[f]);
        lo[k] = c->layout.turn.flip[k] ? i->dim[f] - to : from;
        n[k] = to - from;
    }
    return crop_to(c, lo, n);
}

// What the case will hold: all of it, or what is held of it at a time; planes in the making
// besides.
static uint64_t needs(const struct iml__case *c)
{
    const iml_nifti_info *i = &c->ch[0].n->info;
    uint64_t planes = IML_MAX(iml__layout_planes(&c->layout), (uint64_t)1);
    uint64_t bytes = 64 * (i->voxels / planes) * 4 + ((uint64_t)16 << 20);
    if (c->residence == IML__IN_MEMORY) bytes += c->files->bytes + c->held_bytes;
    if (c->residence == IML__SLABS) bytes += c->conf->o.memory_bytes;
    return bytes;
}

iml_status iml__case_load(struct iml__case *c, iml_err *e)
{
    iml_stage(c->it, IML__STAGE_LOAD);
    if (c->conf->crop == IML__CROP_BOX) IML_TRY(crop(c, e)); // by numbers, not by content
    iml__case_residence(c);
    iml_item_grow(c->it, (size_t)needs(c));
    if (c->residence == IML__IN_MEMORY) {
        IML_TRY(load_channels(c, e));
        IML_TRY(load_label(c, e));
    }
    iml_stage(c->it, IML__STAGE_STATS);
    if (c->conf->crop != IML__CROP_BOX) IML_TRY(crop(c, e));
    IML_TRY(settle_labels(c, e));
    if (!c->show) iml__layout_size(&c->layout, c->conf->height, c->conf->width);
    c->depth = (int64_t)iml__layout_planes(&c->layout);
    if (c->layout.height < 2 || c->layout.width < 2)
        IML_TRY(iml__case_warn(c, e, c->files->image[0], "thin",
                               "planes are one pixel wide; is --axis 2 meant?"));
    return IML_OK;
}

// ---- Selection

static void by_range(const struct iml__slice_conf *conf, int64_t depth, int64_t *from, int64_t *to,
                     int64_t *step)
{
    *from = 0, *to = depth, *step = 1;
    if (conf->slice_mid) {
        *from = depth / 2, *to = *from + 1;
        return;
    }
    if (conf->slice_from == INT64_MAX) return;
    *from = conf->slice_from < 0 ? IML_MAX(conf->slice_from + depth, 0) : conf->slice_from;
    *to = conf->slice_to < 0 ? conf->slice_to + depth : IML_MIN(conf->slice_to, depth);
    *step = conf->slice_step;
}

iml_status iml__case_foresee(struct iml__case *c, struct iml__foresight *f, iml_err *e)
{
    int64_t from, to, step;
    if (c->conf->crop == IML__CROP_BOX) IML_TRY(crop(c, e));
    iml__case_residence(c);
    iml__layout_size(&c->layout, c->conf->height, c->conf->width);
    c->depth = (int64_t)iml__layout_planes(&c->layout);
    by_range(c->conf, c->depth, &from, &to, &step);
    f->slices = from < to ? (uint64_t)((to - from + step - 1) / step) : 0;
    f->memory = needs(c);
    return IML_OK;
}

void iml__label_plane(const struct iml__label *l, const struct iml__raster *cut, int64_t p,
                      int32_t *out)
{
    const uint32_t zero = 0;
    iml__raster_planes(cut, l->data, p, p + 1, l->bytes, 4, l->bytes < 4 ? l->table : NULL, &zero,
                       out);
}

static bool label_plane_is_empty(struct iml__case *c, const struct iml__raster *cut, int64_t p,
                                 int32_t *plane)
{
    size_t n = iml__layout_pixels(&c->layout);
    uint64_t seen = 0;
    iml__label_plane(c->label, cut, p, plane);
    for (size_t k = 0; k < n; k++) seen += plane[k] != 0;
    return seen < c->conf->o.min_label_pixels;
}

static bool image_plane_is_constant(struct iml__case *c, const struct iml__raster *cut, int64_t p,
                                    uint8_t *plane)
{
    const uint64_t zero = 0;
    int64_t rows = cut->row_n, cols = cut->col_n;
    for (uint32_t k = 0; k < c->nch; k++) {
        size_t item = (size_t)c->ch[k].n->info.item_bytes;
        iml__raster_planes(cut, c->ch[k].data, p, p + 1, (int)item, (int)item, NULL, &zero, plane);
        const uint8_t *first = plane + (size_t)(cut->row_lo * cut->width + cut->col_lo) * item;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < cols; j++)
                if (memcmp(plane +
                               (size_t)((cut->row_lo + i) * cut->width + cut->col_lo + j) * item,
                           first, item) != 0)
                    return false;
    }
    return true;
}

static bool keeps_empty(const struct iml__case *c, int64_t k)
{
    double f = c->conf->o.keep_empty;
    if (!(f > 0)) return false;
    iml_rng g = iml_rng_at(c->conf->o.seed, c->index, iml_stream("slice.empty"));
    g.ctr[0] = (uint32_t)k;
    return iml_rng_unit(&g) < f;
}

iml_status iml__case_select(struct iml__case *c, iml_err *e)
{
    int64_t from, to, step;
    int skip = c->conf->o.skip_empty;
    struct iml__raster cut = iml__raster_of(&c->layout, 0);
    if (skip == IML_SLICE_SKIP_LABEL && !c->label)
        return iml__case_fail(c, e, c->files->image[0], "label-missing",
                              "--skip-empty label needs a label");
    if (skip == IML_SLICE_SKIP_LABEL)
        cut = iml__raster_turned(&c->layout, &c->label->turn, c->label->n->info.dim);
    uint8_t *plane = skip ? iml_arena_alloc(c->a, iml__layout_pixels(&c->layout) * 8) : NULL;
    c->slice = iml_arena_alloc(c->a, (size_t)(c->depth + 1) * sizeof *c->slice);
    if (!c->slice || (skip && !plane)) return no_memory(e);
    by_range(c->conf, c->depth, &from, &to, &step);
    for (int64_t k = from; k < to; k += step) {
        bool empty = skip == IML_SLICE_SKIP_LABEL
                         ? label_plane_is_empty(c, &cut, k, (int32_t *)(void *)plane)
                     : skip == IML_SLICE_SKIP_IMAGE ? image_plane_is_constant(c, &cut, k, plane)
                                                    : false;
        if (!empty || keeps_empty(c, k)) c->slice[c->nslices++] = k;
    }
    if (!c->nslices)
        return iml__case_warn(c, e, c->files->image[0], "empty",
                              "no slice is left by --slices and --skip-empty");
    return IML_OK;
}
