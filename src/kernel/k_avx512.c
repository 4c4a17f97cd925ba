// k_avx512.c: twins of the rows where 64 bytes at a time pay: tables, blurs, the elastic field.
//
// A table of 256 entries is four registers, which VBMI's vpermi2b reads two at a time: a byte costs
// an eighth of the sixteen shuffles of AVX2. The blurs and the Gaussian are the AVX2 loops at twice
// the width; what they leave over goes to those.
#include "src/kernel/kernel_twins.h"

#include <immintrin.h>

static inline __m512i load(const void *p) { return _mm512_loadu_si512(p); }

void iml__lut_u8_avx512(uint8_t *d, const uint8_t *s, size_t n, const uint8_t lut[256])
{
    const __m512i a = load(lut), b = load(lut + 64), c = load(lut + 128), e = load(lut + 192);
    for (size_t i = 0; i < n; i += 64) {
        __mmask64 k = n - i < 64 ? ((__mmask64)1 << (n - i)) - 1 : ~(__mmask64)0;
        __m512i x = _mm512_maskz_loadu_epi8(k, s + i);
        __m512i low = _mm512_permutex2var_epi8(a, x, b), high = _mm512_permutex2var_epi8(c, x, e);
        _mm512_mask_storeu_epi8(d + i, k,
                                _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high));
    }
}

void iml__gauss_f64_avx512(double *d, const double *s, size_t n, size_t step, const double *w,
                           int r)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m512d a = _mm512_setzero_pd(), b = a, c = a, e = a;
        const double *p = s + i;
        for (int k = -r; k <= r; k++, p += step) {
            __m512d v = _mm512_set1_pd(w[k < 0 ? -k : k]);
            a = _mm512_add_pd(a, _mm512_mul_pd(v, _mm512_loadu_pd(p)));
            b = _mm512_add_pd(b, _mm512_mul_pd(v, _mm512_loadu_pd(p + 8)));
            c = _mm512_add_pd(c, _mm512_mul_pd(v, _mm512_loadu_pd(p + 16)));
            e = _mm512_add_pd(e, _mm512_mul_pd(v, _mm512_loadu_pd(p + 24)));
        }
        _mm512_storeu_pd(d + i, a), _mm512_storeu_pd(d + i + 8, b);
        _mm512_storeu_pd(d + i + 16, c), _mm512_storeu_pd(d + i + 24, e);
    }
    iml__gauss_f64_avx2(d + i, s + i, n - i, step, w, r);
}

// ---- Blur: two samples of a weight added, two weights in a pmaddwd, as in k_blur_avx2.c

static inline __m512i bytes(const uint8_t *p)
{
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline __m512i pair(const int16_t *w, int k, int r)
{
    return _mm512_set1_epi32(
        (int)((uint32_t)(uint16_t)w[k] | (k < r ? (uint32_t)(uint16_t)w[k + 1] << 16 : 0)));
}

// ---- Displacements: the eight numbers of a cell are gathered, eight points at a time.

struct axis {
    __m512d w, rest; // share of the farther node, and of the nearer
    __m256i at;      // the nearer
};

static inline struct axis axis_of(__m512d v, double half, double pitch, int32_t nodes)
{
    v = _mm512_div_pd(_mm512_sub_pd(v, _mm512_set1_pd(half)), _mm512_set1_pd(pitch));
    v = _mm512_min_pd(_mm512_max_pd(v, _mm512_setzero_pd()), _mm512_set1_pd((double)(nodes - 1)));
    struct axis a = {
        .at = _mm512_cvttpd_epi32(_mm512_min_pd(v, _mm512_set1_pd((double)(nodes - 2))))};
    a.w = _mm512_sub_pd(v, _mm512_cvtepi32_pd(a.at));
    a.rest = _mm512_sub_pd(_mm512_set1_pd(1), a.w);
    return a;
}

static inline __m512d mix(__m512d a, __m512d b, const struct axis *x)
{
    return _mm512_add_pd(_mm512_mul_pd(a, x->rest), _mm512_mul_pd(b, x->w));
}

static inline void field8(const iml__field *f, __m512d px, __m512d py, __m512d *dx, __m512d *dy)
{
    struct axis x = axis_of(px, f->half, f->px, f->nx), y = axis_of(py, f->half, f->py, f->ny);
    __m256i at = _mm256_add_epi32(_mm256_mullo_epi32(y.at, _mm256_set1_epi32(f->nx)), x.at);
    at = _mm256_slli_epi32(at, 1);
    const double *p = f->d, *q = f->d + 2 * (size_t)f->nx;
#define NODE(from, k) _mm512_i32gather_pd(at, (from) + (k), 8)
    *dx = mix(mix(NODE(p, 0), NODE(p, 2), &x), mix(NODE(q, 0), NODE(q, 2), &x), &y);
    *dy = mix(mix(NODE(p, 1), NODE(p, 3), &x), mix(NODE(q, 1), NODE(q, 3), &x), &y);
#undef NODE
}

static bool near(const iml__field *f) // its places fit the gather's 32 bits
{
    return (uint64_t)f->nx * (uint64_t)f->ny < (uint64_t)1 << 30;
}

void iml__displace_f64_avx512(double *x, double *y, size_t n, const iml__field *f)
{
    size_t i = 0;
    const __m512d scale = _mm512_set1_pd(f->scale);
    for (; i + 8 <= n && near(f); i += 8) {
        __m512d px = _mm512_loadu_pd(x + i), py = _mm512_loadu_pd(y + i), dx, dy;
        field8(f, px, py, &dx, &dy);
        _mm512_storeu_pd(x + i, _mm512_add_pd(px, _mm512_mul_pd(scale, dx)));
        _mm512_storeu_pd(y + i, _mm512_add_pd(py, _mm512_mul_pd(scale, dy)));
    }
    iml__displace_f64_avx2(x + i, y + i, n - i, f);
}

struct acc {
    __m512i lo, hi;
};

static inline void add(struct acc *a, __m512i x, __m512i y, __m512i w)
{
    a->lo = _mm512_add_epi32(a->lo, _mm512_madd_epi16(_mm512_unpacklo_epi16(x, y), w));
    a->hi = _mm512_add_epi32(a->hi, _mm512_madd_epi16(_mm512_unpackhi_epi16(x, y), w));
}

void iml__blur_row_u8_avx512(uint16_t *d, const uint8_t *s, size_t n, size_t step, const int16_t *w,
                             int r)
{
    size_t i = 0, last = 2 * (size_t)r;
    for (; i + 32 <= n; i += 32) {
        struct acc a = {_mm512_set1_epi32(128), _mm512_set1_epi32(128)};
        const uint8_t *p = s + i;
        for (int k = 0; k <= r; k += 2) {
            size_t j = (size_t)k;
            __m512i x = bytes(p + j * step), y = _mm512_setzero_si512();
            if (k < r) {
                x = _mm512_add_epi16(x, bytes(p + (last - j) * step));
                y = bytes(p + (j + 1) * step);
                if (k + 1 < r) y = _mm512_add_epi16(y, bytes(p + (last - j - 1) * step));
            }
            add(&a, x, y, pair(w, k, r));
        }
        _mm512_storeu_si512(
            d + i, _mm512_packs_epi32(_mm512_srli_epi32(a.lo, 8), _mm512_srli_epi32(a.hi, 8)));
    }
    iml__blur_row_u8_avx2(d + i, s + i, n - i, step, w, r);
}

void iml__blur_col_u8_avx512(uint8_t *d, const uint16_t *const *rows, size_t n, const int16_t *w,
                             int r)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        struct acc a = {_mm512_set1_epi32(1 << 19), _mm512_set1_epi32(1 << 19)};
        for (int k = 0; k <= r; k += 2) {
            __m512i x = load(rows[k] + i), y = _mm512_setzero_si512();
            if (k < r) {
                x = _mm512_add_epi16(x, load(rows[2 * r - k] + i)); // at most 32640
                y = load(rows[k + 1] + i);
                if (k + 1 < r) y = _mm512_add_epi16(y, load(rows[2 * r - k - 1] + i));
            }
            add(&a, x, y, pair(w, k, r));
        }
        __m512i v = _mm512_packs_epi32(_mm512_srli_epi32(a.lo, 20), _mm512_srli_epi32(a.hi, 20));
        _mm256_storeu_si256((__m256i *)(void *)(d + i), _mm512_cvtepi16_epi8(v));
    }
    for (; i < n; i++) {
        int32_t sum = 1 << 19;
        for (int k = 0; k <= 2 * r; k++) sum += w[k] * rows[k][i];
        d[i] = (uint8_t)(sum >> 20);
    }
}
