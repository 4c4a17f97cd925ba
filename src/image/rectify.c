// rectify.c: perspective rectification (synth.md 3.1, crops).
//
// The map from the unit square to a quad is the projective one of Heckbert, "Fundamentals of
// Texture Mapping and Image Warping" (1989), 2.2.3. Pixels are taken as the map's warp takes them,
// so a cut along whole pixels copies them.
#include "src/image/rectify.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/fmath.h"
#include "src/image/ops.h"
#include "src/kernel/kernel.h"

#include <math.h>

enum { PIECE = 256, SIDE_MAX = 1 << 20 };

static double side(const double *a, const double *b)
{
    return iml__hypot(b[0] - a[0], b[1] - a[1]);
}

// All four turns the same way, and by more than nothing.
static bool convex(const double q[8])
{
    for (int k = 0; k < 4; k++) {
        const double *a = q + 2 * k, *b = q + 2 * ((k + 1) & 3), *c = q + 2 * ((k + 2) & 3);
        double turn = (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]);
        if (!(turn > 1e-6)) return false;
    }
    return true;
}

// From (0, 0) .. (1, 1) to the quad.
static void of_square(const double q[8], double m[9])
{
    double dx1 = q[2] - q[4], dx2 = q[6] - q[4], sx = q[0] - q[2] + q[4] - q[6];
    double dy1 = q[3] - q[5], dy2 = q[7] - q[5], sy = q[1] - q[3] + q[5] - q[7];
    double det = dx1 * dy2 - dx2 * dy1;
    double g = (sx * dy2 - dx2 * sy) / det, h = (dx1 * sy - sx * dy1) / det;
    m[0] = q[2] - q[0] + g * q[2], m[1] = q[6] - q[0] + h * q[6], m[2] = q[0];
    m[3] = q[3] - q[1] + g * q[3], m[4] = q[7] - q[1] + h * q[7], m[5] = q[1];
    m[6] = g, m[7] = h, m[8] = 1;
}

static void adjugate(const double m[9], double out[9])
{
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) {
            int i = (c + 1) % 3, k = (c + 2) % 3, j = (r + 1) % 3, l = (r + 2) % 3;
            out[3 * r + c] = m[3 * i + j] * m[3 * k + l] - m[3 * i + l] * m[3 * k + j];
        }
}

bool iml__cut_of(const double q[8], iml__cut *c)
{
    for (int k = 0; k < 8; k++)
        if (!(fabs(q[k]) < SIDE_MAX)) return false;
    if (!convex(q)) return false;
    double w = ceil(IML_MAX(side(q, q + 2), side(q + 6, q + 4)) - 1e-9);
    double h = ceil(IML_MAX(side(q, q + 6), side(q + 2, q + 4)) - 1e-9);
    c->w = (int32_t)IML_MAX(w, 1.0), c->h = (int32_t)IML_MAX(h, 1.0);
    of_square(q, c->from);
    for (int r = 0; r < 9; r += 3) c->from[r] /= c->w, c->from[r + 1] /= c->h;
    adjugate(c->from, c->to);
    return true;
}

// Coordinates of a piece of row y, pixel centres at whole numbers, in 1/256 px.
static void coordinates(const iml_image *m, const iml__cut *c, int32_t x, int32_t y, int32_t n,
                        int32_t *cx, int32_t *cy)
{
    double right = 256.0 * (m->w - 1), bottom = 256.0 * (m->h - 1);
    for (int32_t i = 0; i < n; i++) {
        double u = x + i + 0.5, v = y + 0.5;
        iml__project(c->from, &u, &v);
        double fx = floor((u - 0.5) * 256 + 0.5), fy = floor((v - 0.5) * 256 + 0.5);
        cx[i] = (int32_t)IML_CLAMP(fx, 0.0, right), cy[i] = (int32_t)IML_CLAMP(fy, 0.0, bottom);
    }
}

iml_status iml__rectify(const iml_image *m, const iml__cut *c, iml_arena *a, iml_image *out,
                        iml_err *e)
{
    bool alpha = m->channels == 2 || m->channels == 4;
    iml_image r, copy;
    if (m->depth != IML__U8 || m->channels == 2)
        return IML_FAIL(e, IML_EARG, "crops are made of pictures of 8 bits");
    IML_TRY(iml__image_new(a, c->w, c->h, m->channels, IML__U8, &r, e));
    size_t mark = iml__arena_mark(a);
    const iml_image *s = m;
    if (alpha) {
        IML_TRY(iml__image_copy(a, m, &copy, e));
        iml__premultiply(&copy);
        s = &copy;
    }
    int32_t cx[PIECE], cy[PIECE];
    for (int32_t y = 0; y < r.h; y++)
        for (int32_t x = 0; x < r.w; x += PIECE) {
            int32_t n = IML_MIN(r.w - x, (int32_t)PIECE);
            coordinates(m, c, x, y, n, cx, cy);
            iml__kernel()->warp_row_u8(iml__image_row(&r, y) + (size_t)x * (size_t)m->channels,
                                       (size_t)n, cx, cy, s->px, s->stride, s->w, s->h, m->channels,
                                       NULL);
        }
    if (alpha) iml__unpremultiply(&r);
    iml__arena_release(a, mark);
    *out = r;
    return IML_OK;
}
