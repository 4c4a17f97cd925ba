// slice_code.c: planes are cut, normalised and coded once each, alone or behind the plane below
// (slice.md 4.7); labels and one-hot planes are whole members of their slice.
#include "src/slice/emit.h"

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/zip.h"

static iml_status no_memory(iml_err *e) { return IML_FAIL(e, IML_ENOMEM, "no memory for a slice"); }

// ---- Groups: channels under norms

static float stored_value(const struct iml__case *c, const struct iml__group *g, float v)
{
    enum iml__mask mask = (enum iml__mask)c->conf->o.norm_mask;
    if (c->conf->o.norm_outside_zero && mask != IML__MASK_LABEL &&
        !iml__in_mask(v, 0, mask, g->ch->stats.min))
        return 0;
    return iml__norm_value(&g->normer, v);
}

static iml_status too_wide(struct iml__case *c, const struct iml__channel *ch, iml_err *e)
{
    return iml__case_fail(c, e, ch->path, "dtype",
                          c->conf->o.dtype == IML__OUT_F16
                              ? "--dtype f16 holds values within -65504..65504, and it has others"
                              : "--dtype i16 needs whole numbers within -32768..32767");
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
            return too_wide(c, ch, e);
    }
    return IML_OK;
}

iml_status iml__emit_groups(struct iml__case *c, iml_err *e)
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
        if (!iml__out_store(t, &least, 1, g->fill)) return too_wide(c, g->ch, e);
        (void)iml__out_store(t, &zero, 1, g->zero);
        IML_TRY(make_table(c, g, e));
    }
    return IML_OK;
}

// ---- Planes

// from..to-1 of group g into out, stored values.
static iml_status cut(struct iml__emitter *m, uint32_t k, int64_t from, int64_t to,
                      struct iml__emit_bench *s, uint8_t *out, iml_err *e)
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
            if (!iml__out_store(m->type, s->value, m->pixels, o)) return too_wide(c, ch, e);
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

iml_status iml__emit_keep(struct iml__emitter *m, const uint8_t *p, size_t n, iml_buf **out,
                          iml_err *e)
{
    IML_TRY(iml_buf_new(m->c->it, n, out, e));
    memcpy(iml_buf_data(*out), p, n);
    iml_buf_set_size(*out, n);
    return IML_OK;
}

// Codes one plane in the forms that slices want. before: bytes that stand directly before px and
// are those of the plane `step` below, else they are copied together.
iml_status iml__emit_plane(struct iml__emitter *m, uint32_t g, int64_t p, const uint8_t *px,
                           const uint8_t *below, struct iml__emit_bench *s, iml_err *e)
{
    struct iml__plane *to = iml__emit_plane_at(m, g, p);
    size_t slot = iml__plane_slot(p, m->c->depth), n = m->plane_bytes;
    uint8_t forms = m->uses.forms[slot];
    to->uses = m->uses.uses[slot];
    to->crc = iml__crc32(0, px, n);
    if (m->rule == IML__SPLICE_WHOLE) return iml__emit_keep(m, px, n, &to->form[0], e);
    bool behind = (forms & IML__FORM_BEHIND) && below && m->rule == IML__SPLICE_FG;
    if (forms & IML__FORM_ALONE || !behind) {
        struct iml__wd_plane in = {.p = px, .n = n, .unit = (unsigned)m->item};
        size_t k = iml__wdeflate_part(s->enc, &in, 0, s->packed);
        IML_TRY(iml__emit_keep(m, s->packed, k, &to->form[0], e));
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
        IML_TRY(iml__emit_keep(m, s->packed, k, &to->form[1], e));
    }
    return IML_OK;
}

// ---- Labels and one-hot planes

// in: a plane that is to stand behind head; it is joined with it in `joined`.
static size_t whole_member(struct iml__emit_bench *s, struct iml__wd_plane in, const uint8_t *head,
                           size_t nhead, uint8_t *joined, uint8_t *out, uint32_t *crc)
{
    memcpy(joined, head, nhead);
    memcpy(joined + nhead, in.p, in.n);
    in.p = joined, in.n += nhead;
    *crc = iml__crc32(0, joined, in.n);
    return iml__wdeflate_whole(s->enc, &in, out);
}

// s->label: one plane, column by column, stored items.
static iml_status code_label(struct iml__emitter *m, size_t j, const uint8_t *px,
                             struct iml__emit_bench *s, iml_err *e)
{
    struct iml__case *c = m->c;
    const struct iml__label *l = c->label;
    struct iml__emit_coded *o = &m->own[j];
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
    return iml__emit_keep(m, s->packed, o->packed[0] + o->packed[1], &o->b, e);
}

static iml_status code_labels(struct iml__emitter *m, int64_t from, int64_t to,
                              struct iml__emit_bench *s, iml_err *e)
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

// ---- Blocks

bool iml__emit_take_bench(const struct iml__emitter *m, iml_arena *a, int64_t planes,
                          struct iml__emit_bench *s)
{
    const struct iml__case *c = m->c;
    size_t one = m->pixels * 8, hot = IML__NPY_MAX + m->pixels * IML_MAX(4u, c->conf->o.one_hot);
    size_t raw = IML_MAX(one, hot), behind = IML_MAX(m->plane_bytes + IML__WDEFLATE_HISTORY, hot);
    *s = (struct iml__emit_bench){
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

iml_status iml__emit_block(struct iml__emitter *m, int64_t from, int64_t to,
                           struct iml__emit_bench *s, iml_err *e)
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
            IML_TRY(iml__emit_plane(m, g, p, px, below, s, e));
        }
    }
    return c->label ? code_labels(m, from, to, s, e) : IML_OK;
}
