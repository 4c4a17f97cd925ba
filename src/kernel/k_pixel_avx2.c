// k_pixel_avx2.c: AVX2 twins of k_pixel.c. Whole vectors here, the rest of a row by the scalar
// twin.
#include "src/kernel/kernel_twins.h"

#include <immintrin.h>
#include <string.h>

static inline __m256i load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline __m128i load16(const void *p) { return _mm_loadu_si128((const __m128i *)p); }
static inline void store(void *p, __m256i v) { _mm256_storeu_si256((__m256i *)p, v); }
static inline void store16(void *p, __m128i v) { _mm_storeu_si128((__m128i *)p, v); }

// 16 words, each <= 255, to bytes.
static inline __m128i narrow(__m256i v)
{
    return _mm_packus_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

// (x + 127) / 255 in words; x <= 65025.
static inline __m256i div255(__m256i x)
{
    x = _mm256_add_epi16(x, _mm256_set1_epi16(127));
    x = _mm256_add_epi16(x, _mm256_add_epi16(_mm256_srli_epi16(x, 8), _mm256_set1_epi16(1)));
    return _mm256_srli_epi16(x, 8);
}

// 16 samples: c a + d (255 - a), divided.
static inline __m128i over(__m128i d, __m128i c, __m128i a)
{
    __m256i dw = _mm256_cvtepu8_epi16(d), cw = _mm256_cvtepu8_epi16(c),
            aw = _mm256_cvtepu8_epi16(a);
    __m256i rest = _mm256_sub_epi16(_mm256_set1_epi16(255), aw);
    return narrow(
        div255(_mm256_add_epi16(_mm256_mullo_epi16(cw, aw), _mm256_mullo_epi16(dw, rest))));
}

void iml__max_u8_avx2(uint8_t *d, const uint8_t *a, const uint8_t *b, size_t n)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32) store(d + i, _mm256_max_epu8(load(a + i), load(b + i)));
    iml__max_u8_scalar(d + i, a + i, b + i, n - i);
}

void iml__min_u8_avx2(uint8_t *d, const uint8_t *a, const uint8_t *b, size_t n)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32) store(d + i, _mm256_min_epu8(load(a + i), load(b + i)));
    iml__min_u8_scalar(d + i, a + i, b + i, n - i);
}

void iml__over_colour_u8_avx2(uint8_t *d, const uint8_t *mask, size_t n, int channels,
                              const uint8_t c[4])
{
    uint8_t spread[4][16], colour[4][16]; // of block k of 16 samples: which mask byte, which colour
    for (int k = 0; k < channels; k++)
        for (int i = 0; i < 16; i++) {
            spread[k][i] = (uint8_t)((16 * k + i) / channels);
            colour[k][i] = c[(16 * k + i) % channels];
        }
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m128i m = load16(mask + i);
        if (_mm_testz_si128(m, m)) continue; // most of a text layer
        for (int k = 0; k < channels; k++) {
            uint8_t *p = d + i * (size_t)channels + 16 * (size_t)k;
            __m128i a = _mm_shuffle_epi8(m, load16(spread[k]));
            store16(p, over(load16(p), load16(colour[k]), a));
        }
    }
    iml__over_colour_u8_scalar(d + i * (size_t)channels, mask + i, n - i, channels, c);
}

void iml__over_rgba_rgb_u8_avx2(uint8_t *d, const uint8_t *s, size_t n)
{
    const __m128i rgb = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    const __m128i alpha = _mm_setr_epi8(3, 3, 3, 7, 7, 7, 11, 11, 11, 15, 15, 15, -1, -1, -1, -1);
    size_t i = 0;
    for (; i + 6 <= n; i += 4) { // reads 16 bytes of d, of which 12 are these pixels'
        __m128i v = load16(s + 4 * i), a = _mm_shuffle_epi8(v, alpha);
        if (_mm_testz_si128(a, a)) continue;
        __m128i r = over(load16(d + 3 * i), _mm_shuffle_epi8(v, rgb), a);
        _mm_storel_epi64((__m128i *)(void *)(d + 3 * i), r);
        uint32_t last = (uint32_t)_mm_extract_epi32(r, 2);
        memcpy(d + 3 * i + 8, &last, 4);
    }
    iml__over_rgba_rgb_u8_scalar(d + 3 * i, s + 4 * i, n - i);
}

void iml__lut_u8_avx2(uint8_t *d, const uint8_t *s, size_t n, const uint8_t lut[256])
{
    // Sixteen tables of sixteen: the one whose number is the high nibble answers, the others give
    // 0.
    const __m256i reach = _mm256_set1_epi8(0x70);
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        __m256i x = load(s + i), y = load(s + i + 32), rx = _mm256_setzero_si256(), ry = rx;
        for (int k = 0; k < 16; k++) {
            __m256i t = _mm256_broadcastsi128_si256(load16(lut + 16 * k)),
                    high = _mm256_set1_epi8((char)(16 * k));
            __m256i ix = _mm256_adds_epu8(_mm256_xor_si256(x, high), reach);
            __m256i iy = _mm256_adds_epu8(_mm256_xor_si256(y, high), reach);
            rx = _mm256_or_si256(rx, _mm256_shuffle_epi8(t, ix));
            ry = _mm256_or_si256(ry, _mm256_shuffle_epi8(t, iy));
        }
        store(d + i, rx);
        store(d + i + 32, ry);
    }
    iml__lut_u8_scalar(d + i, s + i, n - i, lut);
}

// Eight pixels, four in each half, to eight words of luma in 32 bits. 38470 = 2 * 19235.
static inline __m256i luma8(__m256i v, __m256i rg, __m256i gb)
{
    const __m256i w_rg = _mm256_set1_epi32(19595 | 19235 << 16),
                  w_gb = _mm256_set1_epi32(19235 | 7471 << 16);
    __m256i sum = _mm256_add_epi32(_mm256_madd_epi16(_mm256_shuffle_epi8(v, rg), w_rg),
                                   _mm256_madd_epi16(_mm256_shuffle_epi8(v, gb), w_gb));
    return _mm256_srli_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(32768)), 16);
}

void iml__luma_u8_avx2(uint8_t *d, const uint8_t *s, size_t n, int channels)
{
    const __m256i rg3 = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, -1, 1, -1, 3, -1, 4, -1, 6, -1, 7, -1, 9, -1, 10, -1));
    const __m256i gb3 = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(1, -1, 2, -1, 4, -1, 5, -1, 7, -1, 8, -1, 10, -1, 11, -1));
    const __m256i rg4 = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
    const __m256i gb4 = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(1, -1, 2, -1, 5, -1, 6, -1, 9, -1, 10, -1, 13, -1, 14, -1));
    const __m256i rg = channels == 3 ? rg3 : rg4, gb = channels == 3 ? gb3 : gb4;
    size_t i = 0, ch = (size_t)channels;
    // Of three channels the last load reads four bytes of the next two pixels.
    for (size_t need = channels == 3 ? 18 : 16; i + need <= n; i += 16) {
        const uint8_t *p = s + i * ch;
        __m256i a =
            _mm256_inserti128_si256(_mm256_castsi128_si256(load16(p)), load16(p + 4 * ch), 1);
        __m256i b = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(p + 8 * ch)),
                                            load16(p + 12 * ch), 1);
        __m256i w = _mm256_packs_epi32(luma8(a, rg, gb), luma8(b, rg, gb));
        store16(d + i, narrow(_mm256_permute4x64_epi64(w, 0xd8)));
    }
    iml__luma_u8_scalar(d + i, s + i * ch, n - i, channels);
}

uint64_t iml__sum_u8_avx2(const uint8_t *s, size_t n)
{
    __m256i sum = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        sum = _mm256_add_epi64(sum, _mm256_sad_epu8(load(s + i), _mm256_setzero_si256()));
    uint64_t v[4];
    store(v, sum);
    return v[0] + v[1] + v[2] + v[3] + iml__sum_u8_scalar(s + i, n - i);
}

// 32 pixels: byte j of the k-th register is of channel (2 k + j) % 3.
void iml__sum_rgb_u8_avx2(const uint8_t *s, size_t n, uint64_t sum[3])
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i of[3], total[3] = {zero, zero, zero};
    uint8_t mask[3][32];
    for (int k = 0; k < 3; k++)
        for (int j = 0; j < 32; j++) mask[k][j] = (j + 2 * k) % 3 == 0 ? 255 : 0;
    for (int k = 0; k < 3; k++) of[k] = load(mask[k]); // channel 0 of register k
    size_t i = 0;
    for (; i + 32 <= n; i += 32, s += 96)
        for (int k = 0; k < 3; k++) {
            __m256i v = load(s + 32 * k);
            for (int c = 0; c < 3; c++) // channel c of it stands where 0 stands in k + c
                total[c] = _mm256_add_epi64(
                    total[c], _mm256_sad_epu8(_mm256_and_si256(v, of[(k + c) % 3]), zero));
        }
    for (int c = 0; c < 3; c++) {
        uint64_t v[4];
        store(v, total[c]);
        sum[c] += v[0] + v[1] + v[2] + v[3];
    }
    iml__sum_rgb_u8_scalar(s, n - i, sum);
}

void iml__add_s16_u8_avx2(uint8_t *d, const int16_t *k, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        store16(d + i, narrow(_mm256_adds_epi16(_mm256_cvtepu8_epi16(load16(d + i)), load(k + i))));
    iml__add_s16_u8_scalar(d + i, k + i, n - i);
}

bool iml__is_grey_rgb_u8_avx2(const uint8_t *s, size_t n)
{
    // Ten pixels: byte i against byte i + 1; every third comparison is between two pixels.
    const uint32_t want = 0x1b6db6db;
    size_t i = 0;
    for (; i + 11 <= n; i += 10, s += 30) {
        uint32_t equal = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(load(s), load(s + 1)));
        if ((equal & want) != want) return false;
    }
    return iml__is_grey_rgb_u8_scalar(s, n - i);
}

void iml__depth_16_to_8_avx2(uint8_t *d, const uint16_t *s, size_t n)
{
    // (v + 128) / 257 = (255 v + 32895) >> 16: the high half, and one if the low half carries.
    const __m256i w = _mm256_set1_epi16(255), limit = _mm256_set1_epi16((short)(65536 - 32895));
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i v = load(s + i), lo = _mm256_mullo_epi16(v, w), hi = _mm256_mulhi_epu16(v, w);
        __m256i carry = _mm256_cmpeq_epi16(_mm256_max_epu16(lo, limit), lo);
        store16(d + i, narrow(_mm256_sub_epi16(hi, carry)));
    }
    iml__depth_16_to_8_scalar(d + i, s + i, n - i);
}

void iml__premultiply_u8_avx2(uint8_t *d, const uint8_t *s, size_t n)
{
    const __m128i alpha = _mm_setr_epi8(3, 3, 3, -1, 7, 7, 7, -1, 11, 11, 11, -1, 15, 15, 15, -1);
    const __m128i one = _mm_set1_epi32((int)0xff000000); // alpha times 255 / 255
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        __m128i v = load16(s + 4 * i), a = _mm_or_si128(_mm_shuffle_epi8(v, alpha), one);
        __m256i p = _mm256_mullo_epi16(_mm256_cvtepu8_epi16(v), _mm256_cvtepu8_epi16(a));
        store16(d + 4 * i, narrow(div255(p)));
    }
    iml__premultiply_u8_scalar(d + 4 * i, s + 4 * i, n - i);
}

void iml__swap_u16_avx2(uint8_t *d, const uint8_t *s, size_t n)
{
    const __m256i swap = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
    size_t i = 0;
    for (; i + 16 <= n; i += 16) store(d + 2 * i, _mm256_shuffle_epi8(load(s + 2 * i), swap));
    iml__swap_u16_scalar(d + 2 * i, s + 2 * i, n - i);
}
