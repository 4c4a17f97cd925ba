// case_stream.c: cases that do not lie in memory: read once to be checked and measured, again to be
// sliced.
//
// Where slices run along the slowest axis of the file, planes come in their order, so a few of them
// are enough: 2,000 planes of a scan take as much memory as 50 (SEQUENCE). Along another axis a
// pass over the file gathers a slab of planes (SLABS): one pass for each --memory that the voxels
// fill. Every pass looks at the whole file again, and its checksum must be that of the first: a
// file that changed in between fails its case, whose files are not renamed yet. What needs more
// than planes in order stays in memory: boxes found by content, masks by label, turned labels,
// empty slices.
#include "src/slice/case.h"

#include "src/base/arena.h"

enum { WORTHWHILE = 24 << 20, ROUND_BYTES = 8 << 20 };

static iml_status no_memory(iml_err *e) { return IML_FAIL(e, IML_ENOMEM, "no memory for a case"); }

static size_t label_item(const struct iml__label *l)
{
    return l->n->info.item_bytes <= 2 ? (size_t)l->n->info.item_bytes : 4;
}

static bool turned(const struct iml__turn *t)
{
    for (int k = 0; k < 3; k++)
        if (t->from[k] != k || t->flip[k]) return true;
    return false;
}

void iml__case_residence(struct iml__case *c)
{
    const struct iml__slice_conf *conf = c->conf;
    const iml_nifti_info *i = &c->ch[0].n->info;
    int f = c->layout.turn.from[c->layout.axis];
    uint64_t bytes = 0;
    c->residence = IML__IN_MEMORY, c->res_axis = 2;
    for (uint32_t k = 0; k < c->nch; k++)
        bytes += i->voxels * (uint64_t)c->ch[k].n->info.item_bytes;
    if (c->label) bytes += i->voxels * label_item(c->label);
    c->held_bytes = bytes;
    if (c->hold || (conf->crop != IML__CROP_NONE && conf->crop != IML__CROP_BOX) ||
        conf->o.skip_empty || conf->o.norm_mask == IML__MASK_LABEL ||
        (c->label && turned(&c->label->turn)))
        return;
    bool much = conf->o.memory_bytes && bytes > conf->o.memory_bytes;
    if (f == 2 && !c->layout.turn.flip[c->layout.axis] && (much || bytes > WORTHWHILE))
        c->residence = IML__SEQUENCE;
    else if (much)
        c->residence = IML__SLABS, c->res_axis = f;
}

// ---- One pass over a volume, plane by plane of the file

struct pass {
    struct iml__case *c;
    iml_nifti *n;
    const char *path;
    uint32_t *crc; // of the first pass; 0 and *seen false: there was none
    bool *seen;
    struct iml__nifti_stream *s;
    size_t plane; // bytes
};

static iml_status wrap(struct pass *p, iml_status st, iml_err *e)
{
    return iml__case_wrap(p->c, e, p->path, st);
}

static iml_status pass_open(struct pass *p, struct iml__case *c, iml_nifti *n, uint64_t frame,
                            const char *path, uint32_t *crc, bool *seen, iml_err *e)
{
    *p = (struct pass){.c = c, .n = n, .path = path, .crc = crc, .seen = seen};
    p->plane = (size_t)(n->info.dim[0] * n->info.dim[1]) * (size_t)n->info.item_bytes;
    return wrap(p, iml__nifti_stream_open(n, frame, &p->s, e), e);
}

static iml_status pass_plane(struct pass *p, void *out, iml_err *e)
{
    if (iml_cancelled(p->c->it)) return IML_FAIL(e, IML_ECANCEL, "the run stops");
    return wrap(p, iml__nifti_stream_read(p->s, out, p->plane, e), e);
}

static iml_status pass_end(struct pass *p, iml_err *e)
{
    uint32_t crc;
    iml_status st = iml__nifti_stream_end(p->s, &crc, e);
    if (!st && *p->seen && crc != *p->crc) {
        p->n->changed = true;
        st = iml__coded(e, IML_EAGAIN, "changed", "the file changed while it was read");
    }
    if (st) return wrap(p, st, e);
    if (!*p->seen && p->n->warnings & IML__NIFTI_WARN_LONGER)
        st = iml__case_warn(p->c, e, p->path, "longer", "bytes stand behind the last voxel");
    *p->crc = crc, *p->seen = true;
    return st;
}

static void pass_close(struct pass *p) { iml__nifti_stream_close(&p->s); }

// ---- Blocks of voxels, for statistics

struct blocks {
    uint8_t *raw;
    size_t fill;
    uint64_t next;
    void (*fn)(void *arg, uint64_t block, const void *raw, size_t n);
    void *arg;
};

static void add_voxels(struct blocks *b, size_t item, const uint8_t *p, size_t n)
{
    while (n) {
        size_t k = IML_MIN(n, (size_t)IML__STAT_BLOCK - b->fill);
        memcpy(b->raw + b->fill * item, p, k * item);
        b->fill += k, n -= k, p += k * item;
        if (b->fill < IML__STAT_BLOCK) return;
        b->fn(b->arg, b->next++, b->raw, b->fill);
        b->fill = 0;
    }
}

iml_status iml__stream_blocks(struct iml__case *c, struct iml__channel *ch,
                              void (*fn)(void *arg, uint64_t block, const void *raw, size_t n),
                              void *arg, iml_err *e)
{
    const iml_nifti_info *i = &ch->n->info;
    const struct iml__box *box = &c->box;
    size_t item = (size_t)i->item_bytes, mark = iml__arena_mark(c->a);
    struct pass p;
    struct blocks b = {.fn = fn, .arg = arg};
    IML_TRY(pass_open(&p, c, ch->n, ch->frame, ch->path, &ch->crc, &ch->seen, e));
    uint8_t *plane = iml_arena_alloc(c->a, p.plane);
    b.raw = iml_arena_alloc(c->a, (size_t)IML__STAT_BLOCK * item);
    iml_status st = plane && b.raw ? IML_OK : no_memory(e);
    for (uint64_t z = 0; z < i->dim[2] && !st; z++) {
        st = pass_plane(&p, plane, e);
        if (st || z < box->lo[2] || z >= box->lo[2] + box->n[2]) continue;
        for (uint64_t y = box->lo[1]; y < box->lo[1] + box->n[1]; y++)
            add_voxels(&b, item, plane + (size_t)(y * i->dim[0] + box->lo[0]) * item,
                       (size_t)box->n[0]);
    }
    if (!st && b.fill) fn(arg, b.next, b.raw, b.fill);
    if (!st) st = pass_end(&p, e);
    pass_close(&p);
    iml__arena_release(c->a, mark);
    return st;
}

// ---- Labels

static iml_status odd_label(struct pass *p, const void *raw, size_t at, uint64_t voxel, iml_err *e)
{
    struct iml__box all = iml__box_all(p->n->info.dim);
    char text[32], where[72];
    iml__num_short(text, iml__label_raw(&p->n->info, raw, at));
    return iml__case_fail(p->c, e, p->path, "label-values",
                          "value %s at voxel %s is no label (a whole number of 32 bits)", text,
                          iml__box_voxel(&all, voxel + at, where));
}

// A plane's labels: looked up, or converted.
static void labels_of(const struct iml__label *l, const struct iml__label_map *map, const void *raw,
                      size_t n, int32_t *out)
{
    const uint8_t *a = raw;
    const uint16_t *b = raw;
    if (!l->table)
        iml__label_convert(&l->n->info, map, raw, n, out);
    else if (l->n->info.item_bytes == 1)
        for (size_t k = 0; k < n; k++) out[k] = l->table[a[k]];
    else
        for (size_t k = 0; k < n; k++) out[k] = l->table[b[k]];
}

static iml_status count_row(struct iml__case *c, const int32_t *v, size_t n, iml_err *e)
{
    for (size_t k = 0; k < n;) {
        size_t from = k++;
        while (k < n && v[k] == v[from]) k++;
        IML_TRY(iml__label_counts_add(&c->label->counts, c->arena_counts, v[from], k - from, e));
    }
    return IML_OK;
}

static iml_status label_plane(struct pass *p, const uint8_t *raw, int32_t *v, uint64_t z,
                              iml_err *e)
{
    struct iml__case *c = p->c;
    const struct iml__box *box = &c->box;
    const uint64_t *d = p->n->info.dim;
    size_t n = (size_t)(d[0] * d[1]);
    labels_of(c->label, &c->conf->label_map, raw, n, v);
    for (size_t k = 0; k < n; k++)
        if (v[k] == IML__LABEL_ODD) return odd_label(p, raw, k, z * n, e);
    if (z < box->lo[2] || z >= box->lo[2] + box->n[2]) return IML_OK;
    for (uint64_t y = box->lo[1]; y < box->lo[1] + box->n[1]; y++)
        IML_TRY(wrap(p, count_row(c, v + y * d[0] + box->lo[0], (size_t)box->n[0], e), e));
    return IML_OK;
}

iml_status iml__stream_labels(struct iml__case *c, iml_err *e)
{
    struct iml__label *l = c->label;
    struct pass p;
    l->bytes = (int)label_item(l);
    if (l->bytes < 4) {
        l->table = iml_arena_alloc(c->a, IML__STAT_BINS * sizeof *l->table);
        if (!l->table) return no_memory(e);
        iml__label_table(&l->n->info, &c->conf->label_map, l->table);
    }
    c->arena_counts = c->a;
    IML_TRY(pass_open(&p, c, l->n, 0, c->files->label, &l->crc, &l->seen, e));
    uint8_t *raw = iml_arena_alloc(c->a, p.plane);
    int32_t *v = iml_arena_alloc(c->a, p.plane / (size_t)l->n->info.item_bytes * sizeof *v);
    iml_status st = raw && v ? IML_OK : no_memory(e);
    for (uint64_t z = 0; z < l->n->info.dim[2] && !st; z++) {
        st = pass_plane(&p, raw, e);
        if (!st) st = label_plane(&p, raw, v, z, e);
    }
    if (!st) st = pass_end(&p, e);
    pass_close(&p);
    return st;
}

// ---- Rounds: planes that lie in memory together

struct source { // a channel or the label
    struct pass p;
    struct iml__channel *ch; // NULL: the label
    size_t item;             // in memory
    uint8_t *data, *plane;   // what is held; one plane of the file, as it is stored
    int32_t *convert;        // of labels of other types
    bool open;
};

struct iml__rounds {
    struct iml__case *c;
    struct source src[IML__CHANNELS_MAX + 1];
    uint32_t n;
    int64_t step;     // planes a round
    int64_t lead;     // planes before a round's first that it holds too
    int64_t from, to; // held, view planes
    uint64_t at;      // SEQUENCE: next plane of the file
};

// File indices [*a, *b) along the sliced axis of view planes from..to-1.
static void file_range(const struct iml__case *c, int64_t from, int64_t to, uint64_t *a,
                       uint64_t *b)
{
    const struct iml__layout *l = &c->layout;
    int f = l->turn.from[l->axis];
    uint64_t lo = l->lo[l->axis];
    *a = l->turn.flip[l->axis] ? l->dim[f] - lo - (uint64_t)to : lo + (uint64_t)from;
    *b = *a + (uint64_t)(to - from);
}

// The layout of the part that is held, whose planes keep their numbers.
static struct iml__layout held_layout(const struct iml__case *c, uint64_t a, uint64_t b)
{
    struct iml__layout l = c->layout;
    int f = l.turn.from[l.axis];
    uint64_t dim = l.dim[f];
    l.dim[f] = b - a;
    // May wrap below 0 for the planes before the first; sums come out right.
    l.lo[l.axis] -= l.turn.flip[l.axis] ? dim - b : a;
    return l;
}

static size_t held_bytes(const struct iml__rounds *r, size_t item, int64_t planes)
{
    const struct iml__layout *l = &r->c->layout;
    int f = l->turn.from[l->axis];
    return (size_t)(l->dim[0] * l->dim[1] * l->dim[2] / l->dim[f]) * (size_t)planes * item;
}

static iml_status add_source(struct iml__rounds *r, struct iml__channel *ch, iml_err *e)
{
    struct iml__case *c = r->c;
    struct source *s = &r->src[r->n++];
    const iml_nifti_info *i = ch ? &ch->n->info : &c->label->n->info;
    size_t pixels = (size_t)(i->dim[0] * i->dim[1]);
    *s = (struct source){.ch = ch, .item = ch ? (size_t)i->item_bytes : (size_t)c->label->bytes};
    s->data = iml_arena_alloc(c->a, held_bytes(r, s->item, r->step + r->lead));
    s->plane = iml_arena_alloc(c->a, pixels * (size_t)i->item_bytes);
    if (!ch && c->label->bytes == 4)
        s->convert = iml_arena_alloc(c->a, pixels * sizeof *s->convert);
    if (!s->data || !s->plane || (!ch && c->label->bytes == 4 && !s->convert)) return no_memory(e);
    return IML_OK;
}

iml_status iml__rounds_open(struct iml__case *c, int64_t block, int64_t lead,
                            struct iml__rounds **out, iml_err *e)
{
    struct iml__rounds *r = *out = iml_arena_calloc(c->a, 1, sizeof *r);
    if (!r) return no_memory(e);
    r->c = c, r->lead = lead;
    uint64_t a_plane = IML_MAX(
        c->held_bytes / (uint64_t)IML_MAX(c->layout.dim[c->layout.turn.from[c->layout.axis]], 1u),
        1u);
    uint64_t room = c->conf->o.memory_bytes;
    if (c->residence == IML__SEQUENCE) room = ROUND_BYTES;
    r->step = (int64_t)IML_CLAMP(room / a_plane, 1u, (uint64_t)IML_MAX(c->depth, 1));
    r->step = IML_MAX(r->step / block, 1) * block;
    for (uint32_t k = 0; k < c->nch; k++) IML_TRY(add_source(r, &c->ch[k], e));
    return c->label ? add_source(r, NULL, e) : IML_OK;
}

static iml_status source_open(struct iml__rounds *r, struct source *s, iml_err *e)
{
    struct iml__case *c = r->c;
    if (s->open) return IML_OK;
    iml_status st = s->ch ? pass_open(&s->p, c, s->ch->n, s->ch->frame, s->ch->path, &s->ch->crc,
                                      &s->ch->seen, e)
                          : pass_open(&s->p, c, c->label->n, 0, c->files->label, &c->label->crc,
                                      &c->label->seen, e);
    s->open = !st;
    return st;
}

// The next plane of the file, as it is held.
static iml_status next_plane(struct iml__rounds *r, struct source *s, const uint8_t **out,
                             iml_err *e)
{
    size_t n = (size_t)(s->p.n->info.dim[0] * s->p.n->info.dim[1]);
    IML_TRY(pass_plane(&s->p, s->plane, e));
    *out = s->plane;
    if (!s->convert) return IML_OK;
    iml__label_convert(&s->p.n->info, &r->c->conf->label_map, s->plane, n, s->convert);
    *out = (const uint8_t *)s->convert;
    return IML_OK;
}

// Along file axis f only [a, b) of each plane is held.
static void keep_part(const struct iml__rounds *r, const struct source *s, const uint8_t *plane,
                      uint64_t z, uint64_t a, uint64_t b)
{
    const uint64_t *d = r->c->layout.dim;
    size_t item = s->item, n = (size_t)(b - a);
    if (r->c->res_axis == 2) {
        if (z >= a && z < b)
            memcpy(s->data + (size_t)(z - a) * (size_t)(d[0] * d[1]) * item, plane,
                   (size_t)(d[0] * d[1]) * item);
    } else if (r->c->res_axis == 1) {
        memcpy(s->data + (size_t)z * (size_t)d[0] * n * item, plane + (size_t)(a * d[0]) * item,
               n * (size_t)d[0] * item);
    } else {
        for (uint64_t y = 0; y < d[1]; y++)
            memcpy(s->data + (size_t)(z * d[1] + y) * n * item,
                   plane + (size_t)(y * d[0] + a) * item, n * item);
    }
}

static iml_status read_slab(struct iml__rounds *r, struct source *s, uint64_t a, uint64_t b,
                            iml_err *e)
{
    const uint8_t *plane;
    IML_TRY(source_open(r, s, e));
    for (uint64_t z = 0; z < r->c->layout.dim[2]; z++) {
        IML_TRY(next_plane(r, s, &plane, e));
        keep_part(r, s, plane, z, a, b);
    }
    IML_TRY(pass_end(&s->p, e));
    pass_close(&s->p);
    s->open = false;
    return IML_OK;
}

// Planes come in order; of the last round the lead stays.
static iml_status read_on(struct iml__rounds *r, struct source *s, uint64_t a, uint64_t b,
                          uint64_t had, iml_err *e)
{
    const uint8_t *plane;
    size_t bytes = (size_t)(r->c->layout.dim[0] * r->c->layout.dim[1]) * s->item;
    uint64_t keep = r->at > a ? r->at - a : 0; // planes of [a, at) are held already, from had on
    IML_TRY(source_open(r, s, e));
    if (keep) memmove(s->data, s->data + (size_t)(a - had) * bytes, (size_t)keep * bytes);
    for (uint64_t z = r->at; z < b; z++) {
        IML_TRY(next_plane(r, s, &plane, e));
        if (z >= a) memcpy(s->data + (size_t)(z - a) * bytes, plane, bytes);
    }
    return IML_OK;
}

iml_status iml__rounds_next(struct iml__rounds *r, int64_t *from, int64_t *to,
                            struct iml__layout *layout, iml_err *e)
{
    struct iml__case *c = r->c;
    uint64_t a, b, had = 0, ignored;
    *from = r->to, *to = IML_MIN(r->to + r->step, c->depth);
    if (*from >= *to) return IML_END;
    int64_t first = IML_MAX(*from - r->lead, 0);
    file_range(c, first, *to, &a, &b);
    if (r->to) file_range(c, r->from, r->to, &had, &ignored);
    for (uint32_t k = 0; k < r->n; k++) {
        struct source *s = &r->src[k];
        IML_TRY(c->residence == IML__SLABS ? read_slab(r, s, a, b, e)
                                           : read_on(r, s, a, b, had, e));
        if (s->ch)
            s->ch->data = s->data;
        else
            c->label->data = s->data;
    }
    r->at = b, r->from = first, r->to = *to;
    *layout = held_layout(c, a, b);
    return IML_OK;
}

// What is left of the files is read and checked.
iml_status iml__rounds_end(struct iml__rounds *r, iml_err *e)
{
    for (uint32_t k = 0; k < r->n; k++) {
        struct source *s = &r->src[k];
        if (!s->open) continue;
        const uint8_t *plane;
        for (uint64_t z = r->at; z < r->c->layout.dim[2]; z++) IML_TRY(next_plane(r, s, &plane, e));
        IML_TRY(pass_end(&s->p, e));
    }
    return IML_OK;
}

void iml__rounds_close(struct iml__rounds *r)
{
    for (uint32_t k = 0; r && k < r->n; k++) pass_close(&r->src[k].p);
}
