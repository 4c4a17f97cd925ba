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
#include "src/slice/emit.h"

#include "src/base/arena.h"
#include "src/base/hash.h"
#include "src/base/mem.h"

enum {
    BLOCK = 32,            // planes a part takes where they lie along the file's fastest axis,
    BLOCK_BYTES = 4 << 20, // and as many as fill this elsewhere
    TAKE = 8,              // slices handed over in one go
    WRITERS = 31,          // most parts that only hand over
};

static iml_status no_memory(iml_err *e) { return IML_FAIL(e, IML_ENOMEM, "no memory for a slice"); }

// ---- Parts

// Up to TAKE slices that are complete; how many. wait: for blocks of this round that are not done.
static size_t take_ready(struct iml__emitter *m, bool wait, size_t *first)
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

static iml_status hand_over_some(struct iml__emitter *m, size_t first, size_t n, iml_arena *a,
                                 struct iml__emit_bench *s, iml_err *e)
{
    for (size_t j = first; j < first + n; j++) {
        size_t mark = iml__arena_mark(a);
        iml_status st = iml__emit_slice(m, j, a, s, e);
        iml__arena_release(a, mark);
        if (st) return st;
    }
    return IML_OK;
}

static iml_status only_hand_over(struct iml__emitter *m, iml_arena *a, iml_err *e)
{
    struct iml__emit_bench s = {.enc = NULL};
    size_t first, n;
    while ((n = take_ready(m, true, &first))) {
        if (!s.enc && !iml__emit_take_bench(m, a, 1, &s)) return no_memory(e);
        IML_TRY(hand_over_some(m, first, n, a, &s, e));
    }
    return IML_OK;
}

static iml_status block(struct iml__emitter *m, uint32_t k, iml_arena *a, iml_err *e)
{
    struct iml__emit_bench s;
    size_t first, n;
    int64_t from = (int64_t)k * m->block, to = IML_MIN(from + m->block, m->c->depth);
    if (iml_cancelled(m->c->it)) return IML_FAIL(e, IML_ECANCEL, "the run stops");
    if (!iml__emit_take_bench(m, a, m->block + m->step, &s)) return no_memory(e);
    IML_TRY(iml__emit_block(m, from, to, &s, e));
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
    struct iml__emitter *m = arg;
    k += m->first_part;
    iml_status st = k < m->end_part ? block(m, k, a, e) : only_hand_over(m, a, e);
    if (!st) return IML_OK;
    pthread_mutex_lock(&m->lock);
    m->failed = true;
    pthread_cond_broadcast(&m->more);
    pthread_mutex_unlock(&m->lock);
    return st;
}

static iml_status round_of(struct iml__emitter *m, uint32_t first, uint32_t n, iml_err *e)
{
    size_t writers = IML_MIN(m->c->nslices / TAKE, (size_t)WRITERS);
    m->first_part = first, m->end_part = first + n;
    return iml_split(m->c->it, n + (uint32_t)writers, m->part_bytes, part, m, e);
}

// ---- Beginning and end

static iml_status constant_planes(struct iml__emitter *m, iml_err *e)
{
    struct iml__case *c = m->c;
    struct iml__emit_bench s;
    size_t mark = iml__arena_mark(c->a);
    if (!m->uses.uses[c->depth] && !m->uses.uses[c->depth + 1]) return IML_OK;
    if (!iml__emit_take_bench(m, c->a, 1, &s)) return no_memory(e);
    for (uint32_t g = 0; g < c->ngroups; g++)
        for (int64_t p = IML__PLANE_BACKGROUND; p < 0; p++) {
            const uint8_t *v = p == IML__PLANE_ZERO ? c->group[g].zero : c->group[g].fill;
            if (!m->uses.uses[iml__plane_slot(p, c->depth)]) continue;
            for (size_t i = 0; i < m->pixels; i++) memcpy(s.planes + i * m->item, v, m->item);
            IML_TRY(iml__emit_plane(m, g, p, s.planes, NULL, &s, e));
        }
    iml__arena_release(c->a, mark);
    return IML_OK;
}

static void set_rasters(struct iml__emitter *m, const struct iml__layout *l)
{
    const struct iml__label *label = m->c->label;
    m->cut = iml__raster_of(l, 0);
    if (!label) return;
    m->hot_cut = m->c->residence == IML__IN_MEMORY
                     ? iml__raster_turned(l, &label->turn, label->n->info.dim)
                     : m->cut;
    m->label_cut = iml__raster_transposed(&m->hot_cut);
}

static iml_status prepare(struct iml__emitter *m, iml_err *e)
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
    // A block's planes lie beside the voxels that --memory bounds.
    if (c->residence == IML__SLABS)
        m->block = IML_CLAMP((int64_t)(c->conf->o.memory_bytes / 4 / (m->pixels * 4)), 1, m->block);
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

static void release(struct iml__emitter *m)
{
    struct iml__case *c = m->c;
    for (size_t k = 0; m->plane && k < (size_t)(c->depth + 2) * c->ngroups; k++)
        for (int f = 0; f < 2; f++)
            if (m->plane[k].form[f]) iml_buf_unref(&m->plane[k].form[f]);
    for (size_t j = 0; m->own && j < c->nslices; j++)
        if (m->own[j].b) iml_buf_unref(&m->own[j].b);
    iml__meta_free(&m->meta);
}

static iml_status in_rounds(struct iml__emitter *m, iml_err *e)
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
    struct iml__emitter *m = iml_arena_calloc(c->a, 1, sizeof *m);
    if (!m) return no_memory(e);
    m->c = c;
    m->type = (enum iml__out_type)c->conf->o.dtype, m->item = iml__out_bytes(m->type);
    m->pixels = iml__layout_pixels(&c->layout), m->plane_bytes = m->pixels * m->item;
    m->rule = iml__splice_rule(m->plane_bytes);
    m->level = c->conf->o.level, m->w = c->conf->o.window, m->step = c->conf->o.step;
    m->pad = (enum iml__padding)c->conf->o.padding;
    IML_TRY(iml__emit_groups(c, e));
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
