// slice_emit.c: planes to files. A plane is cut, normalised and coded once; the files of all slices
// that show it share the bytes (slice.md 4.7).
//
// Parts of the split are blocks of planes. A part codes its planes, then hands over whatever slices
// have become complete: those whose highest plane lies below the frontier, the first block that is
// not done. Slices are handed out in order under the lock and written outside it, so writing is
// shared by the workers too, and a plane's memory goes as soon as its last file has taken it.
// Behind the blocks of a split come parts that only hand over: the block that ends last may free
// the slices of all others, and workers that have no block left would go away before (one of eight
// then wrote a whole case). They wait for blocks that somebody has begun, never for one that nobody
// has. Rejected: a second split for writing (every coded plane of the case would wait in memory).
#include "src/slice/case.h"

#include <stdio.h>

#include "src/base/arena.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/npy.h"
#include "src/io/wdeflate.h"
#include "src/io/zip.h"

enum {
    BLOCK = 32,            // planes a part takes where they lie along the file's fastest axis,
    BLOCK_BYTES = 4 << 20, // and as many as fill this elsewhere
    TAKE = 8,              // slices handed over in one go
    WRITERS = 31,          // most parts that only hand over
    MEMBERS = 4,
};

struct coded { // a whole member that one slice has for itself
    iml_buf *b;
    size_t packed[2]; // label, one-hot: one behind the other
    uint64_t size[2];
    uint32_t crc[2];
};

struct emitter {
    struct iml__case *c;
    struct iml__meta meta;
    enum iml__out_type type;
    size_t item, plane_bytes, pixels;
    enum iml__splice rule;
    int level, w, step;
    enum iml__padding pad;
    uint8_t head[IML__NPY_MAX];
    size_t nhead;
    uint32_t head_crc, join; // join: of plane_bytes
    struct iml__window_uses uses;
    struct iml__plane *plane; // [ngroups][depth + 2]
    struct coded *own;        // [nslices]
    int64_t *slice_at;        // [depth]: place in c->slice, or -1
    struct iml__raster cut, label_cut, hot_cut;
    int64_t block, held_from;    // the first plane in memory
    uint32_t nparts;
    uint32_t first_part, end_part; // of this round
    size_t part_bytes;

    pthread_mutex_t lock; // guards what follows
    uint8_t *done;        // [nparts]
    uint32_t frontier;    // the first part that is not
    size_t next;          // slice to hand over
    bool failed;          // a part has
    pthread_cond_t more;  // frontier or failed has changed
};

static iml_status no_memory(iml_err *e) { return IML_FAIL(e, IML_ENOMEM, "no memory for a slice"); }

static struct iml__plane *plane_at(const struct emitter *m, uint32_t g, int64_t p)
{
    return &m->plane[(size_t)g * (size_t)(m->c->depth + 2) + iml__plane_slot(p, m->c->depth)];
}

// ---- Groups: channels under norms

static float stored_value(const struct iml__case *c, const struct iml__group *g, float v)
{
    enum iml__mask mask = (enum iml__mask)c->conf->o.norm_mask;
    if (c->conf->o.norm_outside_zero && mask != IML__MASK_LABEL &&
        !iml__in_mask(v, 0, mask, g->ch->stats.min))
        return 0;
    return iml__norm_value(&g->normer, v);
}

static iml_status no_integer(struct iml__case *c, const struct iml__channel *ch, iml_err *e)
{
    return iml__case_fail(c, e, ch->path, "dtype",
                          "--dtype i16 needs whole numbers within -32768..32767");
}

static iml_status make_table(struct iml__case *c, struct iml__group *g, iml_err *e)
{
    enum iml__out_type t = (enum iml__out_type)c->conf->o.dtype;
    const struct iml__channel *ch = g->ch;
    size_t n = ch->n->info.item_bytes == 1 ? 256 : 65536, item = iml__out_bytes(t);
    if (!ch->value) return IML_OK;
    g->table = iml_arena_alloc(c->a, n * item);
    if (!g->table) return no_memory(e);
    for (size_t k = 0; k < n; k++) {
        float v = stored_value(c, g, ch->value[k]);
        // Values that the volume does not hold need not fit.
        bool there = ch->value[k] >= ch->stats.min && ch->value[k] <= ch->stats.max;
        if (!iml__out_store(t, &v, 1, (uint8_t *)g->table + k * item) && there)
            return no_integer(c, ch, e);
    }
    return IML_OK;
}

static iml_status make_groups(struct iml__case *c, iml_err *e)
{
    const struct iml__slice_conf *conf = c->conf;
    enum iml__out_type t = (enum iml__out_type)conf->o.dtype;
    const float zero = 0;
    c->ngroups = c->nch * conf->nnorms;
    c->group = iml_arena_calloc(c->a, c->ngroups, sizeof *c->group);
    if (!c->group) return no_memory(e);
    for (uint32_t k = 0; k < c->ngroups; k++) {
        struct iml__group *g = &c->group[k];
        uint32_t channel = k / conf->nnorms;
        g->ch = &c->ch[channel], g->norm = &conf->norm[k % conf->nnorms];
        if (g->norm->kind == IML__NORM_CT && channel >= conf->nct)
            return iml__case_fail(c, e, g->ch->path, "channel",
                                  "the fingerprint knows %u channels; this is the %uth", conf->nct,
                                  channel + 1);
        g->normer = iml__normer_of(g->norm, &g->ch->stats, &conf->ct[channel]);
        float least = stored_value(c, g, g->ch->stats.min);
        if (!iml__out_store(t, &least, 1, g->fill)) return no_integer(c, g->ch, e);
        (void)iml__out_store(t, &zero, 1, g->zero);
        IML_TRY(make_table(c, g, e));
    }
    return IML_OK;
}

// ---- Planes

struct bench { // a part's scratch
    uint8_t *planes, *raw, *packed, *behind;
    float *value;
    int32_t *label;
    struct iml__wdeflate *enc;
};

// from..to-1 of group g into out, stored values.
static iml_status cut(struct emitter *m, uint32_t k, int64_t from, int64_t to, struct bench *s,
                      uint8_t *out, iml_err *e)
{
    struct iml__case *c = m->c;
    const struct iml__group *g = &c->group[k];
    const struct iml__channel *ch = g->ch;
    int in = ch->n->info.item_bytes;
    bool by_label = c->conf->o.norm_outside_zero && c->conf->o.norm_mask == IML__MASK_LABEL;
    if (g->table) {
        iml__raster_planes(&m->cut, ch->data, from, to, in, (int)m->item, g->table, g->fill, out);
    } else {
        // What shows no voxel has no raw value; it is filled in behind the conversion.
        const uint64_t nothing = 0;
        for (int64_t p = from; p < to; p++) {
            uint8_t *o = out + (size_t)(p - from) * m->plane_bytes;
            iml__raster_planes(&m->cut, ch->data, p, p + 1, in, in, NULL, &nothing, s->raw);
            iml__channel_values(c, ch, s->raw, m->pixels, s->value);
            for (size_t i = 0; i < m->pixels; i++) s->value[i] = stored_value(c, g, s->value[i]);
            bool whole = m->cut.row_n == m->cut.height && m->cut.col_n == m->cut.width;
            for (int64_t i = 0; i < m->cut.height && !whole; i++)
                for (int64_t j = 0; j < m->cut.width; j++) {
                    bool shown = i >= m->cut.row_lo && i < m->cut.row_lo + m->cut.row_n &&
                                 j >= m->cut.col_lo && j < m->cut.col_lo + m->cut.col_n;
                    if (!shown) s->value[i * m->cut.width + j] = stored_value(c, g, ch->stats.min);
                }
            if (!iml__out_store(m->type, s->value, m->pixels, o)) return no_integer(c, ch, e);
        }
    }
    for (int64_t p = from; p < to && by_label; p++) {
        uint8_t *o = out + (size_t)(p - from) * m->plane_bytes;
        iml__label_plane(c->label, &m->hot_cut, p, s->label);
        for (size_t i = 0; i < m->pixels; i++)
            if (s->label[i] <= 0) memcpy(o + i * m->item, g->zero, m->item);
    }
    return IML_OK;
}

static iml_status keep(struct emitter *m, const uint8_t *p, size_t n, iml_buf **out, iml_err *e)
{
    IML_TRY(iml_buf_new(m->c->it, n, out, e));
    memcpy(iml_buf_data(*out), p, n);
    iml_buf_set_size(*out, n);
    return IML_OK;
}

// Codes one plane in the forms that slices want. before: bytes that stand directly before px and
// are those of the plane `step` below, else they are copied together.
static iml_status code(struct emitter *m, uint32_t g, int64_t p, const uint8_t *px,
                       const uint8_t *below, struct bench *s, iml_err *e)
{
    struct iml__plane *to = plane_at(m, g, p);
    size_t slot = iml__plane_slot(p, m->c->depth), n = m->plane_bytes;
    uint8_t forms = m->uses.forms[slot];
    to->uses = m->uses.uses[slot];
    to->crc = iml__crc32(0, px, n);
    if (m->rule == IML__SPLICE_WHOLE) return keep(m, px, n, &to->form[0], e);
    bool behind = (forms & IML__FORM_BEHIND) && below && m->rule == IML__SPLICE_FG;
    if (forms & IML__FORM_ALONE || !behind) {
        struct iml__wd_plane in = {.p = px, .n = n, .unit = (unsigned)m->item};
        size_t k = iml__wdeflate_part(s->enc, &in, 0, s->packed);
        IML_TRY(keep(m, s->packed, k, &to->form[0], e));
    }
    if (behind) {
        size_t history = IML_MIN(n, (size_t)IML__WDEFLATE_HISTORY);
        const uint8_t *at = px;
        if (below + n != px) {
            memcpy(s->behind, below + n - history, history);
            memcpy(s->behind + history, px, n);
            at = s->behind + history;
        }
        struct iml__wd_plane in = {.p = at, .n = n, .unit = (unsigned)m->item};
        size_t k = iml__wdeflate_part(s->enc, &in, history, s->packed);
        IML_TRY(keep(m, s->packed, k, &to->form[1], e));
    }
    return IML_OK;
}

// ---- Labels and one-hot planes

// in: a plane that is to stand behind head; it is joined with it in `joined`.
static size_t whole_member(struct bench *s, struct iml__wd_plane in, const uint8_t *head,
                           size_t nhead, uint8_t *joined, uint8_t *out, uint32_t *crc)
{
    memcpy(joined, head, nhead);
    memcpy(joined + nhead, in.p, in.n);
    in.p = joined, in.n += nhead;
    *crc = iml__crc32(0, joined, in.n);
    return iml__wdeflate_whole(s->enc, &in, out);
}

// s->label: one plane, column by column, stored items.
static iml_status code_label(struct emitter *m, size_t j, const uint8_t *px, struct bench *s,
                             iml_err *e)
{
    struct iml__case *c = m->c;
    const struct iml__label *l = c->label;
    struct coded *o = &m->own[j];
    size_t item = (size_t)iml__label_bytes(l->type), at;
    uint8_t head[IML__NPY_MAX];
    uint64_t shape[3] = {c->layout.height, c->layout.width, 0};
    size_t n = iml__npy_head(head, iml__label_descr(l->type), true, shape, 2);
    o->size[0] = n + m->pixels * item;
    struct iml__wd_plane in = {px, m->pixels * item, (unsigned)item, (size_t)c->layout.height};
    at = whole_member(s, in, head, n, s->raw, s->packed, &o->crc[0]);
    o->packed[0] = at;
    if (c->conf->o.one_hot) {
        uint32_t classes = c->conf->o.one_hot;
        uint8_t *hot = s->behind;
        iml__label_plane(l, &m->hot_cut, c->slice[j], s->label);
        for (size_t i = 0; i < m->pixels; i++)
            for (uint32_t k = 0; k < classes; k++)
                hot[k * m->pixels + i] = s->label[i] == (int32_t)k;
        uint64_t shape3[3] = {classes, c->layout.height, c->layout.width};
        n = iml__npy_head(head, "|u1", false, shape3, 3);
        o->size[1] = n + classes * m->pixels;
        in = (struct iml__wd_plane){hot, classes * m->pixels, 1, (size_t)c->layout.width};
        o->packed[1] = whole_member(s, in, head, n, s->raw, s->packed + at, &o->crc[1]);
    }
    return keep(m, s->packed, o->packed[0] + o->packed[1], &o->b, e);
}

static iml_status code_labels(struct emitter *m, int64_t from, int64_t to, struct bench *s,
                              iml_err *e)
{
    const struct iml__label *l = m->c->label;
    size_t item = (size_t)iml__label_bytes(l->type), plane = m->pixels * item;
    const uint32_t zero = 0;
    int in = l->bytes;
    // Stored items: looked up, or (int32 labels) narrowed plane by plane.
    if (l->stored)
        iml__raster_planes(&m->label_cut, l->data, from, to, in, (int)item, l->stored, &zero,
                           s->planes);
    for (int64_t p = from; p < to; p++) {
        int64_t j = m->slice_at[p];
        uint8_t *px = s->planes + (size_t)(p - from) * plane;
        if (j < 0) continue;
        if (!l->stored) {
            iml__label_plane(l, &m->label_cut, p, s->label);
            iml__label_store(l->type, s->label, m->pixels, px);
        }
        IML_TRY(code_label(m, (size_t)j, px, s, e));
    }
    return IML_OK;
}

// ---- Handing slices over

struct file {      // one npz while it is put together
    iml_buf *text; // headers, metadata, directory
    uint8_t *p;
    size_t n;
    iml_frag *frag;
    uint32_t nfrag;
    struct iml__zip zip;
    struct iml__zip_member member[MEMBERS];
};

// What was written to text since `from` becomes a fragment.
static void cut_text(struct file *f, size_t from)
{
    if (f->n == from) return;
    f->frag[f->nfrag++] = (iml_frag){iml_buf_ref(f->text), from, f->n - from};
}

static void use_plane(struct iml__plane *p, bool behind, struct file *f)
{
    iml_buf *b = behind && p->form[1] ? p->form[1] : p->form[0];
    f->frag[f->nfrag++] = (iml_frag){iml_buf_ref(b), 0, iml_buf_size(b)};
}

static void plane_used(struct iml__plane *p)
{
    if (__atomic_sub_fetch(&p->uses, 1, __ATOMIC_ACQ_REL)) return;
    for (int k = 0; k < 2; k++)
        if (p->form[k]) iml_buf_unref(&p->form[k]);
}

static iml_status image_spliced(struct emitter *m, int64_t k, struct file *f)
{
    struct iml__case *c = m->c;
    struct iml__zip_member z = {
        .name = "image.npy", .method = IML__ZIP_DEFLATE, .crc = m->head_crc};
    z.size = m->nhead, z.packed = m->nhead + IML__SPLICE_HEAD + IML__SPLICE_END;
    for (uint32_t g = 0; g < c->ngroups; g++)
        for (int ch = 0; ch <= 2 * m->w; ch++) {
            const struct iml__plane *p =
                plane_at(m, g, iml__window_plane(m->pad, k, ch, m->w, m->step, c->depth));
            bool behind = iml__window_behind(m->pad, k, ch, m->w, m->step, c->depth) && p->form[1];
            z.packed += iml_buf_size(p->form[behind]), z.size += m->plane_bytes;
            z.crc = iml__crc32_join(m->join, z.crc, p->crc);
        }
    f->n += iml__zip_add(&f->zip, &z, f->p + f->n);
    f->n += iml__splice_head(f->p + f->n, m->head, m->nhead);
    cut_text(f, 0);
    for (uint32_t g = 0; g < c->ngroups; g++)
        for (int ch = 0; ch <= 2 * m->w; ch++) {
            struct iml__plane *p =
                plane_at(m, g, iml__window_plane(m->pad, k, ch, m->w, m->step, c->depth));
            use_plane(p, iml__window_behind(m->pad, k, ch, m->w, m->step, c->depth), f);
        }
    memcpy(f->p + f->n, iml__splice_end, IML__SPLICE_END);
    f->n += IML__SPLICE_END;
    return IML_OK;
}

// Small planes: the member is coded as a whole, for this file alone.
static iml_status image_whole(struct emitter *m, int64_t k, struct file *f, iml_arena *a,
                              struct bench *s, iml_err *e)
{
    struct iml__case *c = m->c;
    size_t channels = (size_t)c->ngroups * (size_t)(2 * m->w + 1),
           n = m->nhead + channels * m->plane_bytes;
    uint8_t *joined = iml_arena_alloc(a, n), *packed = iml_arena_alloc(a, iml__wdeflate_bound(n)),
            *at = joined;
    if (!joined || !packed) return no_memory(e);
    memcpy(at, m->head, m->nhead), at += m->nhead;
    for (uint32_t g = 0; g < c->ngroups; g++)
        for (int ch = 0; ch <= 2 * m->w; ch++, at += m->plane_bytes) {
            const struct iml__plane *p =
                plane_at(m, g, iml__window_plane(m->pad, k, ch, m->w, m->step, c->depth));
            memcpy(at, iml_buf_data(p->form[0]), m->plane_bytes);
        }
    struct iml__zip_member z = {.name = "image.npy", .method = IML__ZIP_DEFLATE, .size = n};
    z.crc = iml__crc32(0, joined, n);
    struct iml__wd_plane in = {.p = joined, .n = n, .unit = (unsigned)m->item};
    z.packed = iml__wdeflate_whole(s->enc, &in, packed);
    f->n += iml__zip_add(&f->zip, &z, f->p + f->n);
    cut_text(f, 0);
    iml_buf *b;
    IML_TRY(keep(m, packed, z.packed, &b, e));
    f->frag[f->nfrag++] = (iml_frag){b, 0, z.packed};
    return IML_OK;
}

static iml_status other_members(struct emitter *m, size_t j, struct file *f, size_t from,
                                iml_arena *a, struct bench *s, iml_err *e)
{
    struct coded *o = &m->own[j];
    iml__str text;
    iml__str_init(&text, 1 << 20);
    iml__meta_text(&m->meta, m->c->slice[j], &text);
    uint8_t *npy = text.failed ? NULL : iml_arena_alloc(a, IML__NPY_MAX + 4 * text.n);
    uint8_t *packed =
        npy ? iml_arena_alloc(a, iml__wdeflate_bound(IML__NPY_MAX + 4 * text.n)) : NULL;
    size_t n = packed ? iml__npy_text(npy, text.p, text.n) : 0;
    iml__str_free(&text);
    if (!n) return no_memory(e);
    struct iml__zip_member z = {.name = "metadata.npy", .method = IML__ZIP_DEFLATE, .size = n};
    z.crc = iml__crc32(0, npy, n);
    struct iml__wd_plane in = {.p = npy, .n = n, .unit = 4};
    z.packed = iml__wdeflate_whole(s->enc, &in, packed);
    for (int k = 0; k < 2; k++) {
        if (o->packed[k]) {
            struct iml__zip_member y = {.name = k ? "label_onehot.npy" : "label.npy",
                                        .method = IML__ZIP_DEFLATE,
                                        .size = o->size[k],
                                        .packed = o->packed[k],
                                        .crc = o->crc[k]};
            f->n += iml__zip_add(&f->zip, &y, f->p + f->n);
            cut_text(f, from);
            from = f->n;
            f->frag[f->nfrag++] = (iml_frag){iml_buf_ref(o->b), k ? o->packed[0] : 0, o->packed[k]};
        }
        if (k) break;
        f->n += iml__zip_add(&f->zip, &z, f->p + f->n);
        memcpy(f->p + f->n, packed, z.packed), f->n += z.packed;
    }
    f->n += iml__zip_end(&f->zip, f->p + f->n);
    cut_text(f, from);
    if (o->b) iml_buf_unref(&o->b);
    return IML_OK;
}

static void name_of(const struct emitter *m, int64_t k, char out[4096])
{
    static const char *const parts[] = {"train/", "val/", "test/"};
    const struct iml__case *c = m->c;
    const char *dir = "", *sub = "";
    if (c->conf->o.layout == IML_SLICE_BY_SPLIT) dir = parts[c->s->part[c->index]];
    if (c->conf->o.layout == IML_SLICE_BY_CASE) dir = c->files->name, sub = "/";
    (void)snprintf(out, 4096, "%s%s%s_%0*lld.npz", dir, sub, c->files->name, c->conf->o.digits,
                   (long long)k);
}

static iml_status hand_over(struct emitter *m, size_t j, iml_arena *a, struct bench *s, iml_err *e)
{
    struct iml__case *c = m->c;
    int64_t k = c->slice[j];
    size_t channels = (size_t)c->ngroups * (size_t)(2 * m->w + 1);
    struct file f = {.n = 0};
    char name[4096];
    iml_status st = iml_buf_new(c->it,
                                16384 + (m->meta.part[0].n + m->meta.part[1].n + m->meta.part[2].n +
                                         m->meta.part[3].n + 512) *
                                            5,
                                &f.text, e);
    if (st) return st;
    f.p = iml_buf_data(f.text);
    f.frag = iml_arena_alloc(a, (channels + 8) * sizeof *f.frag);
    iml__zip_begin(&f.zip, f.member, MEMBERS);
    if (!f.frag) st = no_memory(e);
    if (!st)
        st =
            m->rule == IML__SPLICE_WHOLE ? image_whole(m, k, &f, a, s, e) : image_spliced(m, k, &f);
    size_t from = m->rule == IML__SPLICE_WHOLE ? f.n : f.n - IML__SPLICE_END;
    if (!st) st = other_members(m, j, &f, from, a, s, e);
    if (f.p) iml_buf_set_size(f.text, f.n);
    for (uint32_t g = 0; g < c->ngroups && !st; g++)
        for (int ch = 0; ch <= 2 * m->w; ch++)
            plane_used(plane_at(m, g, iml__window_plane(m->pad, k, ch, m->w, m->step, c->depth)));
    name_of(m, k, name);
    iml_out out = {.name = name, .frag = f.frag, .nfrag = f.nfrag};
    if (!st) {
        st = iml_emit(c->it, &out, e);
    } else {
        for (uint32_t i = 0; i < f.nfrag; i++) iml_buf_unref(&f.frag[i].data);
    }
    iml_buf_unref(&f.text);
    return st;
}

// ---- Parts

static bool take_bench(const struct emitter *m, iml_arena *a, int64_t planes, struct bench *s)
{
    const struct iml__case *c = m->c;
    size_t one = m->pixels * 8, hot = IML__NPY_MAX + m->pixels * IML_MAX(4u, c->conf->o.one_hot);
    size_t raw = IML_MAX(one, hot), behind = IML_MAX(m->plane_bytes + IML__WDEFLATE_HISTORY, hot);
    *s = (struct bench){
        .planes = iml_arena_alloc(a, (size_t)planes * m->pixels * IML_MAX(m->item, (size_t)4)),
        .raw = iml_arena_alloc(a, raw),
        .packed =
            iml_arena_alloc(a, iml__wdeflate_bound(m->plane_bytes) + 2 * iml__wdeflate_bound(hot)),
        .behind = iml_arena_alloc(a, behind),
        .value = iml_arena_alloc(a, m->pixels * sizeof *s->value),
        .label = iml_arena_alloc(a, m->pixels * sizeof *s->label)};
    void *enc = iml_arena_alloc(a, iml__wdeflate_size(m->level));
    if (enc) s->enc = iml__wdeflate_init(enc, m->level);
    return s->planes && s->raw && s->packed && s->behind && s->value && s->label && s->enc;
}

static iml_status code_block(struct emitter *m, int64_t from, int64_t to, struct bench *s,
                             iml_err *e)
{
    struct iml__case *c = m->c;
    int64_t lead = m->rule == IML__SPLICE_FG ? IML_MIN((int64_t)m->step, from - m->held_from) : 0;
    bool any = false;
    for (int64_t p = from; p < to; p++) any |= m->uses.uses[p] > 0;
    for (uint32_t g = 0; g < c->ngroups && any; g++) {
        IML_TRY(cut(m, g, from - lead, to, s, s->planes, e));
        for (int64_t p = from; p < to; p++) {
            if (!m->uses.uses[p]) continue;
            const uint8_t *px = s->planes + (size_t)(p - from + lead) * m->plane_bytes;
            const uint8_t *below =
                p - m->step >= from - lead ? px - (size_t)m->step * m->plane_bytes : NULL;
            IML_TRY(code(m, g, p, px, below, s, e));
        }
    }
    return c->label ? code_labels(m, from, to, s, e) : IML_OK;
}

// Up to TAKE slices that are complete; how many. wait: for blocks of this round that are not done.
static size_t take_ready(struct emitter *m, bool wait, size_t *first)
{
    size_t n = 0;
    pthread_mutex_lock(&m->lock);
    for (;;) {
        int64_t below = m->frontier == m->nparts ? m->c->depth : (int64_t)m->frontier * m->block;
        for (*first = m->next; m->next < m->c->nslices && n < TAKE; n++, m->next++)
            if (m->uses.need[m->next] >= below || m->c->slice[m->next] >= below) break;
        if (n || !wait || m->failed || m->frontier >= m->end_part) break;
        pthread_cond_wait(&m->more, &m->lock);
    }
    pthread_mutex_unlock(&m->lock);
    return n;
}

static iml_status hand_over_some(struct emitter *m, size_t first, size_t n, iml_arena *a,
                                 struct bench *s, iml_err *e)
{
    for (size_t j = first; j < first + n; j++) {
        size_t mark = iml__arena_mark(a);
        iml_status st = hand_over(m, j, a, s, e);
        iml__arena_release(a, mark);
        if (st) return st;
    }
    return IML_OK;
}

static iml_status only_hand_over(struct emitter *m, iml_arena *a, iml_err *e)
{
    struct bench s = {.enc = NULL};
    size_t first, n;
    while ((n = take_ready(m, true, &first))) {
        if (!s.enc && !take_bench(m, a, 1, &s)) return no_memory(e);
        IML_TRY(hand_over_some(m, first, n, a, &s, e));
    }
    return IML_OK;
}

static iml_status block(struct emitter *m, uint32_t k, iml_arena *a, iml_err *e)
{
    struct bench s;
    size_t first, n;
    int64_t from = (int64_t)k * m->block, to = IML_MIN(from + m->block, m->c->depth);
    if (iml_cancelled(m->c->it)) return IML_FAIL(e, IML_ECANCEL, "the run stops");
    if (!take_bench(m, a, m->block + m->step, &s)) return no_memory(e);
    IML_TRY(code_block(m, from, to, &s, e));
    pthread_mutex_lock(&m->lock);
    m->done[k] = 1;
    while (m->frontier < m->nparts && m->done[m->frontier]) m->frontier++;
    pthread_cond_broadcast(&m->more);
    pthread_mutex_unlock(&m->lock);
    while ((n = take_ready(m, false, &first))) IML_TRY(hand_over_some(m, first, n, a, &s, e));
    return IML_OK;
}

static iml_status part(void *arg, uint32_t k, iml_arena *a, iml_err *e)
{
    struct emitter *m = arg;
    k += m->first_part;
    iml_status st = k < m->end_part ? block(m, k, a, e) : only_hand_over(m, a, e);
    if (!st) return IML_OK;
    pthread_mutex_lock(&m->lock);
    m->failed = true;
    pthread_cond_broadcast(&m->more);
    pthread_mutex_unlock(&m->lock);
    return st;
}

static iml_status round_of(struct emitter *m, uint32_t first, uint32_t n, iml_err *e)
{
    size_t writers = IML_MIN(m->c->nslices / TAKE, (size_t)WRITERS);
    m->first_part = first, m->end_part = first + n;
    return iml_split(m->c->it, n + (uint32_t)writers, m->part_bytes, part, m, e);
}

// ---- Beginning and end

static iml_status constant_planes(struct emitter *m, iml_err *e)
{
    struct iml__case *c = m->c;
    struct bench s;
    size_t mark = iml__arena_mark(c->a);
    if (!m->uses.uses[c->depth] && !m->uses.uses[c->depth + 1]) return IML_OK;
    if (!take_bench(m, c->a, 1, &s)) return no_memory(e);
    for (uint32_t g = 0; g < c->ngroups; g++)
        for (int64_t p = IML__PLANE_BACKGROUND; p < 0; p++) {
            const uint8_t *v = p == IML__PLANE_ZERO ? c->group[g].zero : c->group[g].fill;
            if (!m->uses.uses[iml__plane_slot(p, c->depth)]) continue;
            for (size_t i = 0; i < m->pixels; i++) memcpy(s.planes + i * m->item, v, m->item);
            IML_TRY(code(m, g, p, s.planes, NULL, &s, e));
        }
    iml__arena_release(c->a, mark);
    return IML_OK;
}

static void set_rasters(struct emitter *m, const struct iml__layout *l)
{
    const struct iml__label *label = m->c->label;
    m->cut = iml__raster_of(l, 0);
    if (!label) return;
    m->hot_cut = m->c->residence == IML__IN_MEMORY
                     ? iml__raster_turned(l, &label->turn, label->n->info.dim)
                     : m->cut;
    m->label_cut = iml__raster_transposed(&m->hot_cut);
}

static iml_status prepare(struct emitter *m, iml_err *e)
{
    struct iml__case *c = m->c;
    size_t depth = (size_t)c->depth;
    uint64_t shape[3] = {(uint64_t)c->ngroups * (uint64_t)(2 * m->w + 1), c->layout.height,
                         c->layout.width};
    m->nhead = iml__npy_head(m->head, iml__out_descr(m->type), false, shape, 3);
    m->head_crc = iml__crc32(0, m->head, m->nhead), m->join = iml__crc32_op(m->plane_bytes);
    m->uses.uses = iml_arena_calloc(c->a, depth + 2, sizeof *m->uses.uses);
    m->uses.forms = iml_arena_calloc(c->a, depth + 2, 1);
    m->uses.need = iml_arena_calloc(c->a, c->nslices + 1, sizeof *m->uses.need);
    m->plane = iml_arena_calloc(c->a, (depth + 2) * c->ngroups, sizeof *m->plane);
    m->own = iml_arena_calloc(c->a, c->nslices + 1, sizeof *m->own);
    m->slice_at = iml_arena_alloc(c->a, (depth + 1) * sizeof *m->slice_at);
    set_rasters(m, &c->layout);
    bool fastest = m->cut.plane == 1 || m->cut.plane == -1;
    m->block = fastest ? BLOCK : IML_CLAMP((int64_t)(BLOCK_BYTES / m->plane_bytes), 1, BLOCK);
    m->nparts = (uint32_t)((c->depth + m->block - 1) / m->block);
    m->done = iml_arena_calloc(c->a, m->nparts + 1, 1);
    if (!m->uses.uses || !m->uses.forms || !m->uses.need || !m->plane || !m->own || !m->slice_at ||
        !m->done)
        return no_memory(e);
    for (size_t p = 0; p < depth; p++) m->slice_at[p] = -1;
    for (size_t j = 0; j < c->nslices; j++) m->slice_at[c->slice[j]] = (int64_t)j;
    iml__window_uses(m->pad, m->w, m->step, c->depth, c->slice, c->nslices, &m->uses);
    m->part_bytes = (size_t)(m->block + m->step) * m->pixels * 4 + 8 * m->plane_bytes + (4u << 20);
    return IML_OK;
}

static void release(struct emitter *m)
{
    struct iml__case *c = m->c;
    for (size_t k = 0; m->plane && k < (size_t)(c->depth + 2) * c->ngroups; k++)
        for (int f = 0; f < 2; f++)
            if (m->plane[k].form[f]) iml_buf_unref(&m->plane[k].form[f]);
    for (size_t j = 0; m->own && j < c->nslices; j++)
        if (m->own[j].b) iml_buf_unref(&m->own[j].b);
    iml__meta_free(&m->meta);
}

static iml_status in_rounds(struct emitter *m, iml_err *e)
{
    struct iml__case *c = m->c;
    struct iml__rounds *r;
    struct iml__layout held;
    int64_t from, to;
    iml_status st = iml__rounds_open(c, m->block, m->rule == IML__SPLICE_FG ? m->step : 0, &r, e);
    while (!st && !(st = iml__rounds_next(r, &from, &to, &held, e))) {
        set_rasters(m, &held);
        m->held_from = IML_MAX(from - (m->rule == IML__SPLICE_FG ? m->step : 0), 0);
        uint32_t n = (uint32_t)((to - from + m->block - 1) / m->block);
        st = round_of(m, (uint32_t)(from / m->block), n, e);
    }
    if (st == IML_END) st = iml__rounds_end(r, e);
    iml__rounds_close(r);
    return st;
}

iml_status iml__case_emit(struct iml__case *c, iml_err *e)
{
    struct emitter *m = iml_arena_calloc(c->a, 1, sizeof *m);
    if (!m) return no_memory(e);
    m->c = c;
    m->type = (enum iml__out_type)c->conf->o.dtype, m->item = iml__out_bytes(m->type);
    m->pixels = iml__layout_pixels(&c->layout), m->plane_bytes = m->pixels * m->item;
    m->rule = iml__splice_rule(m->plane_bytes);
    m->level = c->conf->o.level, m->w = c->conf->o.window, m->step = c->conf->o.step;
    m->pad = (enum iml__padding)c->conf->o.padding;
    IML_TRY(make_groups(c, e));
    if (pthread_mutex_init(&m->lock, NULL)) return no_memory(e);
    if (pthread_cond_init(&m->more, NULL)) {
        pthread_mutex_destroy(&m->lock);
        return no_memory(e);
    }
    iml_status st = prepare(m, e);
    if (!st) st = iml__meta_make(c, &m->meta, e);
    if (!st) st = constant_planes(m, e);
    if (!st && c->nslices)
        st = c->residence == IML__IN_MEMORY ? round_of(m, 0, m->nparts, e) : in_rounds(m, e);
    release(m);
    pthread_cond_destroy(&m->more);
    pthread_mutex_destroy(&m->lock);
    return st;
}
