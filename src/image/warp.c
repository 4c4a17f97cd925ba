// warp.c: the one resampling of a map: pixels of every type, edge and filter (ops.md 3).
//
// u8 bilinear with reflect or constant edges, what nearly every picture takes, goes through the
// kernels in pieces of a row; everything else through one plain loop below, which is also their
// truth in the tests.
#include "src/image/map.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/kernel/kernel.h"

#include <string.h>

enum { PIECE = 256 };

struct warp {
    const iml__map *m;
    const iml_image *src;
    enum iml__edge edge;
    const uint8_t *fill; // a pixel as stored; NULL: the edge is not constant
    bool bicubic;
};

// Where tap i of n falls; -1: outside.
static int32_t tap(int64_t i, int32_t n, enum iml__edge edge)
{
    if (i >= 0 && i < n) return (int32_t)i;
    switch (edge) {
    case IML__EDGE_REFLECT: return iml__reflect101(i, n);
    case IML__EDGE_REPLICATE: return i < 0 ? 0 : n - 1;
    case IML__EDGE_SYMMETRIC:
        i %= 2 * (int64_t)n;
        if (i < 0) i += 2 * (int64_t)n;
        return (int32_t)(i < n ? i : 2 * (int64_t)n - 1 - i);
    case IML__EDGE_CONSTANT: break;
    }
    return -1;
}

static double sample(const struct warp *w, const uint8_t *p, int c)
{
    (void)w;
    switch (w->src->depth) {
    case IML__U8: return p[c];
    case IML__U16: return ((const uint16_t *)(const void *)p)[c];
    default: return (double)((const float *)(const void *)p)[c];
    }
}

// Catmull-Rom at t = f / 256 in Q14, the residual on the largest (first of equals).
static void cubic(int64_t f, int32_t w[4])
{
    int64_t n[4] = {-f * f * f + 2 * 256 * f * f - 65536 * f,
                    3 * f * f * f - 5 * 256 * f * f + 2 * (1 << 24),
                    -3 * f * f * f + 4 * 256 * f * f + 65536 * f, f * f * f - 256 * f * f};
    int32_t sum = 0, largest = 0;
    for (int k = 0; k < 4; k++) {
        w[k] = (int32_t)((n[k] + 1024) >> 11);
        sum += w[k];
        if (w[k] > w[largest]) largest = k;
    }
    w[largest] += 16384 - sum;
}

// Whole-number samples: rows first, then columns.
static int64_t blend(const double v[16], int taps, const int32_t *wx, const int32_t *wy,
                     int64_t top)
{
    int64_t sum = 0;
    for (int j = 0; j < taps; j++) {
        int64_t row = 0;
        for (int i = 0; i < taps; i++) row += wx[i] * (int64_t)v[4 * j + i];
        sum += wy[j] * (taps == 2 ? row : (row + 32) >> 6);
    }
    sum = taps == 2 ? (sum + 32768) >> 16 : (sum + (1 << 21)) >> 22;
    return IML_CLAMP(sum, 0, top);
}

static float blend_f32(const double v[16], int taps, const int32_t *wx, const int32_t *wy)
{
    float unit = taps == 2 ? 1.0f / 256 : 1.0f / 16384, sum = 0;
    for (int j = 0; j < taps; j++) {
        float row = 0;
        for (int i = 0; i < taps; i++) row += (float)wx[i] * unit * (float)v[4 * j + i];
        sum += (float)wy[j] * unit * row;
    }
    return sum;
}

static void plain_pixel(const struct warp *w, int32_t cx, int32_t cy, uint8_t *d)
{
    const iml_image *s = w->src;
    int taps = w->bicubic ? 4 : 2;
    int32_t wx[4] = {256 - (cx & 255), cx & 255}, wy[4] = {256 - (cy & 255), cy & 255};
    if (w->bicubic) cubic(cx & 255, wx), cubic(cy & 255, wy);
    const uint8_t *p[16];
    size_t size = (size_t)s->channels * iml__depth_bytes(s->depth);
    for (int j = 0; j < taps; j++)
        for (int i = 0; i < taps; i++) {
            int32_t x = tap((int64_t)(cx >> 8) + i - w->bicubic, s->w, w->edge);
            int32_t y = tap((int64_t)(cy >> 8) + j - w->bicubic, s->h, w->edge);
            p[4 * j + i] = x < 0 || y < 0 ? w->fill : iml__image_row(s, y) + (size_t)x * size;
        }
    for (int c = 0; c < s->channels; c++) {
        double v[16] = {0};
        for (int j = 0; j < taps; j++)
            for (int i = 0; i < taps; i++) v[4 * j + i] = sample(w, p[4 * j + i], c);
        if (s->depth == IML__F32)
            ((float *)(void *)d)[c] = blend_f32(v, taps, wx, wy);
        else if (s->depth == IML__U16)
            ((uint16_t *)(void *)d)[c] = (uint16_t)blend(v, taps, wx, wy, 65535);
        else
            d[c] = (uint8_t)blend(v, taps, wx, wy, 255);
    }
}

static void kernel_piece(const struct warp *w, const int32_t *cx, const int32_t *cy, size_t n,
                         uint8_t *d)
{
    const iml_image *s = w->src;
    iml__kernel()->warp_row_u8(d, n, cx, cy, s->px, s->stride, s->w, s->h, s->channels, w->fill);
}

static bool inside(const iml_image *s, int32_t cx, int32_t cy)
{
    return cx >= 0 && cy >= 0 && cx >> 8 < s->w - 1 && cy >> 8 < s->h - 1;
}

static void piece(const struct warp *w, const int32_t *cx, const int32_t *cy, size_t n, uint8_t *d)
{
    const iml_image *s = w->src;
    size_t size = (size_t)s->channels * iml__depth_bytes(s->depth);
    bool kernel = s->depth == IML__U8 && !w->bicubic && s->channels != 2;
    if (kernel && (w->edge == IML__EDGE_REFLECT || w->edge == IML__EDGE_CONSTANT)) {
        kernel_piece(w, cx, cy, n, d);
        return;
    }
    for (size_t i = 0, run; i < n; i += run) {
        // What needs no edge is the kernel's under any edge.
        for (run = 0; kernel && i + run < n && inside(s, cx[i + run], cy[i + run]);) run++;
        if (run)
            kernel_piece(w, cx + i, cy + i, run, d + i * size);
        else
            plain_pixel(w, cx[i], cy[i], d + i * size), run = 1;
    }
}

// Nodes of lattice row j, moved so that whole numbers are sample centres of src.
static void shift_row(const iml__map *m, int32_t j, int64_t sx, int64_t sy, int64_t *x, int64_t *y)
{
    size_t at = (size_t)j * (size_t)m->nx;
    for (int32_t i = 0; i < m->nx; i++) {
        x[i] = m->x[at + (size_t)i] - 32768 + sx * 65536;
        y[i] = m->y[at + (size_t)i] - 32768 + sy * 65536;
    }
}

static iml_status warp_all(const struct warp *w, iml_arena *a, int32_t sx, int32_t sy,
                           iml_image *out, iml_err *e)
{
    const iml__map *m = w->m;
    size_t nx = (size_t)m->nx, size = (size_t)out->channels * iml__depth_bytes(out->depth);
    int64_t *row[4]; // above x, y; below x, y
    for (int k = 0; k < 4; k++)
        if (!(row[k] = iml_arena_alloc(a, nx * sizeof *row[k])))
            return IML_FAIL(e, IML_ENOMEM, "no memory for a row of the map");
    int32_t cx[PIECE], cy[PIECE], g = 1 << m->lg;
    for (int32_t y = 0; y < out->h; y++) {
        int32_t v = y & (g - 1);
        if (v == 0) {
            shift_row(m, y >> m->lg, sx, sy, row[0], row[1]);
            shift_row(m, (y >> m->lg) + 1, sx, sy, row[2], row[3]);
        }
        for (int32_t x = 0; x < out->w; x += PIECE) {
            size_t n = (size_t)IML_MIN(out->w - x, (int32_t)PIECE), at = (size_t)(x >> m->lg);
            iml__kernel()->lattice_row(cx, cy, n, row[0] + at, row[1] + at, row[2] + at,
                                       row[3] + at, 0, v, m->lg);
            piece(w, cx, cy, n, iml__image_row(out, y) + (size_t)x * size);
        }
    }
    return IML_OK;
}

void iml__map_taps(const iml__map *m, int32_t x, int32_t y, int32_t n, int32_t sx, int32_t sy,
                   int32_t *cx, int32_t *cy)
{
    enum { CELLS = 64 };
    int32_t g = 1 << m->lg;
    int64_t node[4][CELLS + 2];
    for (int32_t done = 0; done < n;) {
        int32_t cell = (x + done) >> m->lg, u0 = (x + done) & (g - 1);
        int32_t k = IML_MIN(n - done, CELLS * g - u0), cells = (u0 + k + g - 1) >> m->lg;
        for (int32_t j = 0; j < 2; j++)
            for (int32_t i = 0; i <= cells; i++) {
                size_t at = (size_t)((y >> m->lg) + j) * (size_t)m->nx + (size_t)(cell + i);
                node[2 * j][i] = m->x[at] - 32768 + (int64_t)sx * 65536;
                node[2 * j + 1][i] = m->y[at] - 32768 + (int64_t)sy * 65536;
            }
        iml__kernel()->lattice_row(cx + done, cy + done, (size_t)k, node[0], node[1], node[2],
                                   node[3], u0, y & (g - 1), m->lg);
        done += k;
    }
}

static iml_status with_alpha(const iml_image *src, iml_arena *a, iml_image *copy, iml_err *e)
{
    IML_TRY(iml__image_copy(a, src, copy, e));
    iml__premultiply(copy);
    return IML_OK;
}

iml_status iml__map_warp(const iml__map *m, iml_arena *a, const iml_image *src, int32_t sx,
                         int32_t sy, enum iml__edge edge, const void *value, iml_image *out,
                         iml_err *e)
{
    if (!m->x) return IML_FAIL(e, IML_EARG, "the map is not built yet");
    if (iml__map_identity(m) && !sx && !sy && src->w == m->w && src->h == m->h)
        return iml__image_copy(a, src, out, e);
    bool alpha = src->channels == 2 || src->channels == 4;
    _Alignas(16) uint8_t fill[16] = {0};
    size_t size = (size_t)src->channels * iml__depth_bytes(src->depth), before = iml__arena_mark(a);
    if (value) memcpy(fill, value, size);
    if (alpha) { // the fill is a pixel like others
        iml_image one = *src;
        one.w = one.h = 1, one.px = fill, one.stride = size;
        iml__premultiply(&one);
    }
    iml_image r, copy;
    IML_TRY(iml__image_new(a, m->w, m->h, src->channels, src->depth, &r, e));
    size_t mark = iml__arena_mark(a);
    struct warp w = {.m = m, .src = src, .edge = edge, .bicubic = m->bicubic};
    w.fill = edge == IML__EDGE_CONSTANT ? fill : NULL;
    iml_status st = alpha ? with_alpha(src, a, &copy, e) : IML_OK;
    if (alpha) w.src = &copy;
    if (st == IML_OK) st = warp_all(&w, a, sx, sy, &r, e);
    if (st == IML_OK) iml__unpremultiply(&r);
    iml__arena_release(a, st == IML_OK ? mark : before);
    if (st == IML_OK) *out = r;
    return st;
}
