// slice_hand.c: one npz put together of shared planes and its own members, as a list of fragments.
#include "src/slice/emit.h"

#include <stdio.h>

#include "src/base/arena.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/zip.h"

enum { MEMBERS = 4 };

static iml_status no_memory(iml_err *e) { return IML_FAIL(e, IML_ENOMEM, "no memory for a slice"); }

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

static iml_status image_spliced(struct iml__emitter *m, int64_t k, struct file *f)
{
    struct iml__case *c = m->c;
    struct iml__zip_member z = {
        .name = "image.npy", .method = IML__ZIP_DEFLATE, .crc = m->head_crc};
    z.size = m->nhead, z.packed = m->nhead + IML__SPLICE_HEAD + IML__SPLICE_END;
    for (uint32_t g = 0; g < c->ngroups; g++)
        for (int ch = 0; ch <= 2 * m->w; ch++) {
            const struct iml__plane *p =
                iml__emit_plane_at(m, g, iml__window_plane(m->pad, k, ch, m->w, m->step, c->depth));
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
                iml__emit_plane_at(m, g, iml__window_plane(m->pad, k, ch, m->w, m->step, c->depth));
            use_plane(p, iml__window_behind(m->pad, k, ch, m->w, m->step, c->depth), f);
        }
    memcpy(f->p + f->n, iml__splice_end, IML__SPLICE_END);
    f->n += IML__SPLICE_END;
    return IML_OK;
}

// Small planes: the member is coded as a whole, for this file alone.
static iml_status image_whole(struct iml__emitter *m, int64_t k, struct file *f, iml_arena *a,
                              struct iml__emit_bench *s, iml_err *e)
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
                iml__emit_plane_at(m, g, iml__window_plane(m->pad, k, ch, m->w, m->step, c->depth));
            memcpy(at, iml_buf_data(p->form[0]), m->plane_bytes);
        }
    struct iml__zip_member z = {.name = "image.npy", .method = IML__ZIP_DEFLATE, .size = n};
    z.crc = iml__crc32(0, joined, n);
    struct iml__wd_plane in = {.p = joined, .n = n, .unit = (unsigned)m->item};
    z.packed = iml__wdeflate_whole(s->enc, &in, packed);
    f->n += iml__zip_add(&f->zip, &z, f->p + f->n);
    cut_text(f, 0);
    iml_buf *b;
    IML_TRY(iml__emit_keep(m, packed, z.packed, &b, e));
    f->frag[f->nfrag++] = (iml_frag){b, 0, z.packed};
    return IML_OK;
}

static iml_status other_members(struct iml__emitter *m, size_t j, struct file *f, size_t from,
                                iml_arena *a, struct iml__emit_bench *s, iml_err *e)
{
    struct iml__emit_coded *o = &m->own[j];
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

static void name_of(const struct iml__emitter *m, int64_t k, char out[4096])
{
    static const char *const parts[] = {"train/", "val/", "test/"};
    const struct iml__case *c = m->c;
    const char *dir = "", *sub = "";
    if (c->conf->o.layout == IML_SLICE_BY_SPLIT) dir = parts[c->s->part[c->index]];
    if (c->conf->o.layout == IML_SLICE_BY_CASE) dir = c->files->name, sub = "/";
    (void)snprintf(out, 4096, "%s%s%s_%0*lld.npz", dir, sub, c->files->name, c->conf->o.digits,
                   (long long)k);
}

iml_status iml__emit_slice(struct iml__emitter *m, size_t j, iml_arena *a,
                           struct iml__emit_bench *s, iml_err *e)
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
            plane_used(iml__emit_plane_at(
                m, g, iml__window_plane(m->pad, k, ch, m->w, m->step, c->depth)));
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
