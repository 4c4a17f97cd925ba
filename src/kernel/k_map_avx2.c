// k_map_avx2.c: AVX2 twins of k_map.c.
//
// Displacements are not gathered: dx and dy of two neighbouring nodes are four doubles that lie
// side by side, so two loads a point fetch all eight, and both axes share the arithmetic.
#include "src/kernel/kernel_twins.h"

#include <immintrin.h>

static inline __m256d all(double v) { return _mm256_set1_pd(v); }
static inline __m256d mul(__m256d a, __m256d b) { return _mm256_mul_pd(a, b); }
static inline __m256d add(__m256d a, __m256d b) { return _mm256_add_pd(a, b); }
static inline __m256d sub(__m256d a, __m256d b) { return _mm256_sub_pd(a, b); }

void iml__gauss_f64_avx2(double *d, const double *s, size_t n, size_t step, const double *w, int r)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256d a = all(0), b = a, c = a, e = a;
        const double *p = s + i;
        for (int k = -r; k <= r; k++, p += step) {
            __m256d v = all(w[k < 0 ? -k : k]);
            a = add(a, mul(v, _mm256_loadu_pd(p))), b = add(b, mul(v, _mm256_loadu_pd(p + 4)));
            c = add(c, mul(v, _mm256_loadu_pd(p + 8))), e = add(e, mul(v, _mm256_loadu_pd(p + 12)));
        }
        _mm256_storeu_pd(d + i, a), _mm256_storeu_pd(d + i + 4, b);
        _mm256_storeu_pd(d + i + 8, c), _mm256_storeu_pd(d + i + 12, e);
    }
    iml__gauss_f64_scalar(d + i, s + i, n - i, step, w, r);
}

static inline __m256d row_of(__m256d x, __m256d y, const double m[3])
{
    return add(add(mul(all(m[0]), x), mul(all(m[1]), y)), all(m[2]));
}

void iml__project_f64_avx2(double *x, double *y, size_t n, const double m[9])
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        __m256d px = _mm256_loadu_pd(x + i), py = _mm256_loadu_pd(y + i);
        __m256d w = _mm256_max_pd(row_of(px, py, m + 6), all(1e-6));
        _mm256_storeu_pd(x + i, _mm256_div_pd(row_of(px, py, m), w));
        _mm256_storeu_pd(y + i, _mm256_div_pd(row_of(px, py, m + 3), w));
    }
    iml__project_f64_scalar(x + i, y + i, n - i, m);
}

// Cell along one axis: its number to at[], what is left of the place to the result.
static inline __m256d cell(__m256d v, const iml__field *f, double pitch, int32_t nodes,
                           int32_t at[4])
{
    v = _mm256_div_pd(sub(v, all(f->half)), all(pitch));
    v = _mm256_min_pd(_mm256_max_pd(v, all(0)), all((double)(nodes - 1)));
    __m128i i = _mm256_cvttpd_epi32(_mm256_min_pd(v, all((double)(nodes - 2))));
    _mm_storeu_si128((__m128i *)(void *)at, i);
    return sub(v, _mm256_cvtepi32_pd(i));
}

static inline __m128d along(const double *p, __m256d w)
{
    __m256d v = mul(_mm256_loadu_pd(p), w);
    return _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
}

// The displacements at four places.
static inline void field4(const iml__field *f, __m256d px, __m256d py, __m256d *dx, __m256d *dy)
{
    int32_t col[4], row[4];
    double u[4], v[4], d[8];
    _mm256_storeu_pd(u, cell(px, f, f->px, f->nx, col));
    _mm256_storeu_pd(v, cell(py, f, f->py, f->ny, row));
    for (int k = 0; k < 4; k++) {
        const double *a = f->d + 2 * ((size_t)row[k] * (size_t)f->nx + (size_t)col[k]);
        __m256d w = _mm256_setr_pd(1 - u[k], 1 - u[k], u[k], u[k]);
        __m128d top = along(a, w), low = along(a + 2 * (size_t)f->nx, w);
        _mm_storeu_pd(d + 2 * k, _mm_add_pd(_mm_mul_pd(top, _mm_set1_pd(1 - v[k])),
                                            _mm_mul_pd(low, _mm_set1_pd(v[k]))));
    }
    // x0 y0 x1 y1, x2 y2 x3 y3 to x0 x2 x1 x3, then into order.
    __m256d a = _mm256_loadu_pd(d), b = _mm256_loadu_pd(d + 4);
    *dx = _mm256_permute4x64_pd(_mm256_unpacklo_pd(a, b), 0xd8);
    *dy = _mm256_permute4x64_pd(_mm256_unpackhi_pd(a, b), 0xd8);
}

void iml__displace_f64_avx2(double *x, double *y, size_t n, const iml__field *f)
{
    size_t i = 0;
    const __m256d scale = all(f->scale);
    for (; i + 4 <= n; i += 4) {
        __m256d px = _mm256_loadu_pd(x + i), py = _mm256_loadu_pd(y + i), dx, dy;
        field4(f, px, py, &dx, &dy);
        _mm256_storeu_pd(x + i, add(px, mul(scale, dx)));
        _mm256_storeu_pd(y + i, add(py, mul(scale, dy)));
    }
    iml__displace_f64_scalar(x + i, y + i, n - i, f);
}

static inline __m256d size_of(__m256d v) { return _mm256_andnot_pd(all(-0.0), v); }

// Four at a time, which hides the two divisions that every turn of one waits for; a point that has
// come to rest stays where it is.
void iml__undisplace_f64_avx2(double *x, double *y, size_t n, const iml__field *f)
{
    size_t i = 0;
    const __m256d scale = all(f->scale), rest = all(1e-6);
    for (; i + 4 <= n; i += 4) {
        __m256d x0 = _mm256_loadu_pd(x + i), y0 = _mm256_loadu_pd(y + i), px = x0, py = y0;
        __m256d moves = _mm256_castsi256_pd(_mm256_set1_epi64x(-1));
        for (int k = 0; k < 60 && _mm256_movemask_pd(moves); k++) {
            __m256d dx, dy;
            field4(f, px, py, &dx, &dy);
            __m256d nx = sub(x0, mul(scale, dx)), ny = sub(y0, mul(scale, dy));
            __m256d move = add(size_of(sub(nx, px)), size_of(sub(ny, py)));
            px = _mm256_blendv_pd(px, nx, moves), py = _mm256_blendv_pd(py, ny, moves);
            moves = _mm256_andnot_pd(_mm256_cmp_pd(move, rest, _CMP_LT_OQ), moves);
        }
        _mm256_storeu_pd(x + i, px);
        _mm256_storeu_pd(y + i, py);
    }
    iml__undisplace_f64_scalar(x + i, y + i, n - i, f);
}

void iml__lens_f64_avx2(double *x, double *y, size_t n, const iml__lens *l)
{
    size_t i = 0;
    const __m256d cx = all(l->cx), cy = all(l->cy), ux = all(l->ux), uy = all(l->uy), one = all(1);
    for (; i + 4 <= n; i += 4) {
        __m256d x0 = _mm256_loadu_pd(x + i), y0 = _mm256_loadu_pd(y + i);
        __m256d px = _mm256_div_pd(sub(x0, cx), ux), py = _mm256_div_pd(sub(y0, cy), uy);
        __m256d r = _mm256_sqrt_pd(add(mul(px, px), mul(py, py))), q = mul(r, r);
        __m256d k2 = mul(mul(all(l->k2), q), q);
        __m256d near = mul(r, add(add(one, mul(all(l->k1), q)), k2));
        __m256d far = add(all(l->base), mul(all(0.25), sub(r, all(l->rest))));
        __m256d to = _mm256_blendv_pd(near, far, _mm256_cmp_pd(q, all(l->end), _CMP_GT_OQ));
        __m256d s = _mm256_div_pd(to, r), still = _mm256_cmp_pd(r, all(0), _CMP_EQ_OQ);
        __m256d x1 = add(cx, mul(mul(px, s), ux)), y1 = add(cy, mul(mul(py, s), uy));
        _mm256_storeu_pd(x + i, _mm256_blendv_pd(x1, x0, still));
        _mm256_storeu_pd(y + i, _mm256_blendv_pd(y1, y0, still));
    }
    iml__lens_f64_scalar(x + i, y + i, n - i, l);
}

// Whole numbers within +-2^51 and their doubles differ by a constant once 2^52 + 2^51 is added.
static const double magic = 0x1.8p52;

void iml__fixed_f64_avx2(int64_t *d, const double *s, size_t n)
{
    size_t i = 0;
    const __m256i bits = _mm256_castpd_si256(all(magic));
    for (; i + 4 <= n; i += 4) {
        __m256d v = _mm256_max_pd(_mm256_loadu_pd(s + i), all(-(double)(1 << 28)));
        v = _mm256_min_pd(v, all((double)(1 << 28)));
        v = add(_mm256_floor_pd(add(mul(v, all(65536)), all(0.5))), all(magic));
        _mm256_storeu_si256((__m256i *)(void *)(d + i),
                            _mm256_sub_epi64(_mm256_castpd_si256(v), bits));
    }
    iml__fixed_f64_scalar(d + i, s + i, n - i);
}

static inline __m256d step(const int64_t *to, const int64_t *from)
{
    __m256i v = _mm256_sub_epi64(_mm256_loadu_si256((const __m256i *)(const void *)to),
                                 _mm256_loadu_si256((const __m256i *)(const void *)from));
    v = _mm256_add_epi64(v, _mm256_castpd_si256(all(magic)));
    return sub(_mm256_castsi256_pd(v), all(magic));
}

static inline __m256d cross(__m256d ax, __m256d ay, __m256d bx, __m256d by)
{
    return sub(mul(ax, by), mul(ay, bx));
}

size_t iml__fold_row_avx2(const int64_t *ax, const int64_t *ay, const int64_t *bx,
                          const int64_t *by, size_t n, double limit)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const int64_t *a = ax + i, *b = ay + i, *c = bx + i, *d = by + i;
        __m256d tx = step(a + 1, a), ty = step(b + 1, b), ux = step(c + 1, c), uy = step(d + 1, d);
        __m256d lx = step(c, a), ly = step(d, b), rx = step(c + 1, a + 1), ry = step(d + 1, b + 1);
        __m256d least = _mm256_min_pd(cross(tx, ty, lx, ly), cross(tx, ty, rx, ry));
        least = _mm256_min_pd(least, cross(ux, uy, lx, ly));
        least = _mm256_min_pd(least, cross(ux, uy, rx, ry));
        int low = _mm256_movemask_pd(_mm256_cmp_pd(least, all(limit), _CMP_LE_OQ));
        if (low) return i + (size_t)__builtin_ctz((unsigned)low);
    }
    return i + iml__fold_row_scalar(ax + i, ay + i, bx + i, by + i, n - i, limit);
}
