// volume.c: boxes, layouts, and the transposing copy that cuts planes.
//
// A plane along the file's fastest axis touches a cache line for each of its pixels, so planes are
// cut in blocks: of the two directions that matter (along the fastest axis of the file, and along a
// row of the output) tiles of 16 columns are walked along the first. Then every line that is loaded
// is used to its end. Rejected: one plane at a time (four times the time at 512 x 512 x 300).
#include "src/slice/volume.h"

#include <stdio.h>

enum { TILE = 16 };

// ---- Boxes

// Walks the box's items from `from` on in runs along x: fn-like by hand, since both takers differ
// in the copy alone.
struct walk {
    uint64_t x, y, z;
};

static struct walk walk_at(const struct iml__box *b, uint64_t from)
{
    struct walk w = {from % b->n[0], from / b->n[0] % b->n[1], from / b->n[0] / b->n[1]};
    return w;
}

static void walk_on(const struct iml__box *b, struct walk *w, uint64_t run)
{
    w->x += run;
    if (w->x < b->n[0]) return;
    w->x = 0;
    if (++w->y < b->n[1]) return;
    w->y = 0, w->z++;
}

static size_t item_at(const struct iml__box *b, const struct walk *w)
{
    return (size_t)((w->x + b->lo[0]) +
                    b->dim[0] * ((w->y + b->lo[1]) + b->dim[1] * (w->z + b->lo[2])));
}

const char *iml__box_voxel(const struct iml__box *b, uint64_t at, char text[72])
{
    struct walk w = walk_at(b, at);
    const unsigned long long x = w.x + b->lo[0], y = w.y + b->lo[1], z = w.z + b->lo[2];
    (void)snprintf(text, 72, "(%llu, %llu, %llu)", x, y, z);
    return text;
}

const void *iml__box_take(const struct iml__box *b, size_t item, const void *data, uint64_t from,
                          size_t count, void *tmp)
{
    const uint8_t *p = data;
    if (b->n[0] == b->dim[0] && b->n[1] == b->dim[1]) {
        struct walk w = walk_at(b, from);
        return p + item_at(b, &w) * item;
    }
    struct walk w = walk_at(b, from);
    for (size_t done = 0; done < count;) {
        size_t run = (size_t)IML_MIN((uint64_t)(count - done), b->n[0] - w.x);
        memcpy((uint8_t *)tmp + done * item, p + item_at(b, &w) * item, run * item);
        done += run;
        walk_on(b, &w, run);
    }
    return tmp;
}

void iml__box_take_strided(const struct iml__box *b, size_t item, const void *data, int64_t origin,
                           const int64_t stride[3], uint64_t from, size_t count, void *out)
{
    struct walk w = walk_at(b, from);
    for (size_t done = 0; done < count;) {
        size_t run = (size_t)IML_MIN((uint64_t)(count - done), b->n[0] - w.x);
        int64_t at = origin + (int64_t)(w.x + b->lo[0]) * stride[0] +
                     (int64_t)(w.y + b->lo[1]) * stride[1] + (int64_t)(w.z + b->lo[2]) * stride[2];
        for (size_t k = 0; k < run; k++, at += stride[0])
            memcpy((uint8_t *)out + (done + k) * item, (const uint8_t *)data + (size_t)at * item,
                   item);
        done += run;
        walk_on(b, &w, run);
    }
}

// ---- Layouts

struct iml__layout iml__layout_of(const uint64_t dim[3], const struct iml__turn *turn, int axis)
{
    struct iml__layout l = {.turn = *turn, .axis = axis};
    memcpy(l.dim, dim, sizeof l.dim);
    iml__turn_u64(turn, dim, l.n);
    l.row = axis == 0 ? 1 : 0, l.col = axis == 2 ? 1 : 2;
    l.height = l.n[l.row], l.width = l.n[l.col];
    return l;
}

void iml__layout_crop(struct iml__layout *l, const uint64_t lo[3], const uint64_t n[3])
{
    for (int k = 0; k < 3; k++) l->lo[k] += lo[k], l->n[k] = n[k];
    l->height = l->n[l->row], l->width = l->n[l->col];
}

void iml__layout_size(struct iml__layout *l, uint64_t height, uint64_t width)
{
    // Odd differences: the smaller half stands first, for cropping and padding alike.
    if (height) {
        l->row_shift = height < l->n[l->row] ? (int64_t)(l->n[l->row] - height) / 2
                                             : -(int64_t)(height - l->n[l->row]) / 2;
        l->height = height;
    }
    if (width) {
        l->col_shift = width < l->n[l->col] ? (int64_t)(l->n[l->col] - width) / 2
                                            : -(int64_t)(width - l->n[l->col]) / 2;
        l->width = width;
    }
}

struct iml__box iml__layout_box(const struct iml__layout *l)
{
    struct iml__box b;
    memcpy(b.dim, l->dim, sizeof b.dim);
    for (int k = 0; k < 3; k++) {
        int f = l->turn.from[k];
        b.n[f] = l->n[k];
        b.lo[f] = l->turn.flip[k] ? l->dim[f] - l->lo[k] - l->n[k] : l->lo[k];
    }
    return b;
}

// ---- Cuts

// Strides of the view's axes on memory with these strides along its own axes.
static struct iml__raster cut(const struct iml__layout *l, const struct iml__turn *t,
                              const uint64_t dim[3])
{
    int64_t stride[3] = {1, (int64_t)dim[0], (int64_t)(dim[0] * dim[1])}, view[3];
    struct iml__raster c = {.height = (int64_t)l->height, .width = (int64_t)l->width};
    for (int k = 0; k < 3; k++) {
        int f = t->from[k];
        view[k] = t->flip[k] ? -stride[f] : stride[f];
        int64_t first = t->flip[k] ? (int64_t)(dim[f] - 1 - l->lo[k]) : (int64_t)l->lo[k];
        c.origin += first * stride[f];
    }
    c.plane = view[l->axis], c.row = view[l->row], c.col = view[l->col];
    if (l->row_flip) c.origin += (int64_t)(l->n[l->row] - 1) * c.row, c.row = -c.row;
    if (l->col_flip) c.origin += (int64_t)(l->n[l->col] - 1) * c.col, c.col = -c.col;
    c.origin += l->row_shift * c.row + l->col_shift * c.col; // of pixel (0, 0), shown or not
    c.row_lo = IML_MAX(0, -l->row_shift), c.col_lo = IML_MAX(0, -l->col_shift);
    int64_t row_end = IML_MIN(c.height, (int64_t)l->n[l->row] - l->row_shift);
    int64_t col_end = IML_MIN(c.width, (int64_t)l->n[l->col] - l->col_shift);
    c.row_n = row_end - c.row_lo, c.col_n = col_end - c.col_lo;
    return c;
}

struct iml__raster iml__raster_of(const struct iml__layout *l, uint64_t first)
{
    struct iml__raster c = cut(l, &l->turn, l->dim);
    c.origin -= (int64_t)(first * l->dim[0] * l->dim[1]);
    return c;
}

struct iml__raster iml__raster_turned(const struct iml__layout *l, const struct iml__turn *label,
                                      const uint64_t label_dim[3])
{
    // View axis k is file axis turn.from[k] of l's volume, which is axis label->from[...] of the
    // other.
    struct iml__turn t;
    for (int k = 0; k < 3; k++) {
        int f = l->turn.from[k];
        t.from[k] = label->from[f];
        t.flip[k] = l->turn.flip[k] != label->flip[f];
    }
    return cut(l, &t, label_dim);
}

struct iml__raster iml__raster_transposed(const struct iml__raster *c)
{
    struct iml__raster t = *c;
    t.row = c->col, t.col = c->row;
    t.height = c->width, t.width = c->height;
    t.row_lo = c->col_lo, t.row_n = c->col_n, t.col_lo = c->row_lo, t.col_n = c->row_n;
    return t;
}

// dst[a * da + b] = T(src[a * sa + b * sb]) for a < na, b < nb: b in tiles, a along the fast axis.
#define COPY_TILES(name, in, out, value)                                                           \
    static void name(const in *src, int64_t sa, int64_t sb, int64_t na, int64_t nb, out *dst,      \
                     int64_t da, const out *table)                                                 \
    {                                                                                              \
        (void)table;                                                                               \
        for (int64_t b0 = 0; b0 < nb; b0 += TILE) {                                                \
            int64_t n = IML_MIN(nb - b0, (int64_t)TILE);                                           \
            for (int64_t a = 0; a < na; a++) {                                                     \
                const in *s = src + a * sa + b0 * sb;                                              \
                out *d = dst + a * da + b0;                                                        \
                for (int64_t b = 0; b < n; b++) d[b] = value(s[b * sb]);                           \
            }                                                                                      \
        }                                                                                          \
    }
#define LOOK(v) table[v]
#define SAME(v) (v)
COPY_TILES(look_1_1, uint8_t, uint8_t, LOOK)
COPY_TILES(look_1_2, uint8_t, uint16_t, LOOK)
COPY_TILES(look_1_4, uint8_t, uint32_t, LOOK)
COPY_TILES(look_2_1, uint16_t, uint8_t, LOOK)
COPY_TILES(look_2_2, uint16_t, uint16_t, LOOK)
COPY_TILES(look_2_4, uint16_t, uint32_t, LOOK)
COPY_TILES(same_1, uint8_t, uint8_t, SAME)
COPY_TILES(same_2, uint16_t, uint16_t, SAME)
COPY_TILES(same_4, uint32_t, uint32_t, SAME)
COPY_TILES(same_8, uint64_t, uint64_t, SAME)

static void copy_tiles(const uint8_t *src, int64_t sa, int64_t sb, int64_t na, int64_t nb,
                       uint8_t *dst, int64_t da, int in, int out, const void *t)
{
    const void *s = src;
    void *d = dst;
    if (!t) {
        if (in == 1) same_1(s, sa, sb, na, nb, d, da, NULL);
        if (in == 2) same_2(s, sa, sb, na, nb, d, da, NULL);
        if (in == 4) same_4(s, sa, sb, na, nb, d, da, NULL);
        if (in == 8) same_8(s, sa, sb, na, nb, d, da, NULL);
    } else if (in == 1) {
        if (out == 1) look_1_1(s, sa, sb, na, nb, d, da, t);
        if (out == 2) look_1_2(s, sa, sb, na, nb, d, da, t);
        if (out == 4) look_1_4(s, sa, sb, na, nb, d, da, t);
    } else {
        if (out == 1) look_2_1(s, sa, sb, na, nb, d, da, t);
        if (out == 2) look_2_2(s, sa, sb, na, nb, d, da, t);
        if (out == 4) look_2_4(s, sa, sb, na, nb, d, da, t);
    }
}

static void fill_plane(const struct iml__raster *c, int bytes, const void *fill, uint8_t *out)
{
    size_t n = (size_t)(c->height * c->width);
    if (c->row_n == c->height && c->col_n == c->width) return;
    for (size_t k = 0; k < n; k++) memcpy(out + k * (size_t)bytes, fill, (size_t)bytes);
}

void iml__raster_planes(const struct iml__raster *c, const void *data, int64_t from, int64_t to,
                        int in_bytes, int out_bytes, const void *table, const void *fill, void *out)
{
    int64_t pixels = c->height * c->width, rows = c->row_n, cols = c->col_n;
    for (int64_t p = 0; p < to - from; p++)
        fill_plane(c, out_bytes, fill, (uint8_t *)out + p * pixels * out_bytes);
    if (rows <= 0 || cols <= 0) return;
    int64_t first = c->origin + from * c->plane + c->row_lo * c->row + c->col_lo * c->col;
    const uint8_t *src = (const uint8_t *)data + first * in_bytes;
    uint8_t *dst = (uint8_t *)out + (c->row_lo * c->width + c->col_lo) * out_bytes;
    if (c->plane == 1 || c->plane == -1) {
        for (int64_t i = 0; i < rows; i++)
            copy_tiles(src + i * c->row * in_bytes, c->plane, c->col, to - from, cols,
                       dst + i * c->width * out_bytes, pixels, in_bytes, out_bytes, table);
        return;
    }
    for (int64_t p = 0; p < to - from; p++)
        copy_tiles(src + p * c->plane * in_bytes, c->row, c->col, rows, cols,
                   dst + p * pixels * out_bytes, c->width, in_bytes, out_bytes, table);
}
