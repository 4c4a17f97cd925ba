// colour.c: the colours of text against what lies under them.
//
// Contrast is WCAG 2's ratio of the text's colour and the mean of the background under the block,
// with the committed table of the sRGB curve, so it is the same number everywhere. It is judged by
// the worst colour in use: a palette with one invisible colour is invisible text. Judging by every
// pixel of the background was rejected: the mean is what can be told in one number in a label, and
// is what a reader of the label can check.
#include "src/synth/colour.h"

#include <math.h>

#include "src/kernel/kernel.h"

// floor(65535 f(i / 255) + 1/2), f = the sRGB curve (IEC 61966-2-1).
static const uint16_t lin16[256] = {
    0,     20,    40,    60,    80,    99,    119,   139,   159,   179,   199,   219,   241,
    264,   288,   313,   340,   367,   396,   427,   458,   491,   526,   562,   599,   637,
    677,   718,   761,   805,   851,   898,   947,   997,   1048,  1101,  1156,  1212,  1270,
    1330,  1391,  1453,  1517,  1583,  1651,  1720,  1790,  1863,  1937,  2013,  2090,  2170,
    2250,  2333,  2418,  2504,  2592,  2681,  2773,  2866,  2961,  3058,  3157,  3258,  3360,
    3464,  3570,  3678,  3788,  3900,  4014,  4129,  4247,  4366,  4488,  4611,  4736,  4864,
    4993,  5124,  5257,  5392,  5530,  5669,  5810,  5953,  6099,  6246,  6395,  6547,  6700,
    6856,  7014,  7174,  7335,  7500,  7666,  7834,  8004,  8177,  8352,  8528,  8708,  8889,
    9072,  9258,  9445,  9635,  9828,  10022, 10219, 10417, 10619, 10822, 11028, 11235, 11446,
    11658, 11873, 12090, 12309, 12530, 12754, 12980, 13209, 13440, 13673, 13909, 14146, 14387,
    14629, 14874, 15122, 15371, 15623, 15878, 16135, 16394, 16656, 16920, 17187, 17456, 17727,
    18001, 18277, 18556, 18837, 19121, 19407, 19696, 19987, 20281, 20577, 20876, 21177, 21481,
    21787, 22096, 22407, 22721, 23038, 23357, 23678, 24002, 24329, 24658, 24990, 25325, 25662,
    26001, 26344, 26688, 27036, 27386, 27739, 28094, 28452, 28813, 29176, 29542, 29911, 30282,
    30656, 31033, 31412, 31794, 32179, 32567, 32957, 33350, 33745, 34143, 34544, 34948, 35355,
    35764, 36176, 36591, 37008, 37429, 37852, 38278, 38706, 39138, 39572, 40009, 40449, 40891,
    41337, 41785, 42236, 42690, 43147, 43606, 44069, 44534, 45002, 45473, 45947, 46423, 46903,
    47385, 47871, 48359, 48850, 49344, 49841, 50341, 50844, 51349, 51858, 52369, 52884, 53401,
    53921, 54445, 54971, 55500, 56032, 56567, 57105, 57646, 58190, 58737, 59287, 59840, 60396,
    60955, 61517, 62082, 62650, 63221, 63795, 64372, 64952, 65535,
};

double iml__luminance(const uint8_t rgb[3])
{
    uint64_t l = 13933 * (uint64_t)lin16[rgb[0]] + 46871 * (uint64_t)lin16[rgb[1]] +
                 4732 * (uint64_t)lin16[rgb[2]];
    return (double)l / 65536;
}

double iml__contrast(const uint8_t a[3], const uint8_t b[3])
{
    double la = iml__luminance(a) + 3276.75, lb = iml__luminance(b) + 3276.75;
    return la > lb ? la / lb : lb / la;
}

void iml__mean_colour(const iml_image *m, int32_t x, int32_t y, int32_t w, int32_t h,
                      uint8_t rgb[3])
{
    int32_t x0 = IML_MAX(x, 0), y0 = IML_MAX(y, 0);
    int32_t x1 = IML_MIN(x + w, m->w), y1 = IML_MIN(y + h, m->h);
    uint64_t sum[3] = {0, 0, 0}, n = 0;
    for (int32_t j = y0; j < y1; j++) {
        const uint8_t *s = iml__image_row(m, j) + (size_t)x0 * (size_t)m->channels;
        size_t px = (size_t)IML_MAX(x1 - x0, 0);
        if (m->channels == 1)
            sum[0] += iml__kernel()->sum_u8(s, px);
        else if (m->channels == 3)
            iml__kernel()->sum_rgb_u8(s, px, sum);
        else
            for (size_t i = 0; i < px; i++, s += m->channels)
                sum[0] += s[0], sum[1] += s[1], sum[2] += s[2];
        n += px;
    }
    for (int c = 0; c < 3; c++) {
        uint64_t s = m->channels == 1 ? sum[0] : sum[c];
        rgb[c] = n ? (uint8_t)((2 * s + n) / (2 * n)) : 255;
    }
}

void iml__ink_at(const iml__ink *ink, uint32_t k, uint32_t i, uint32_t n, uint8_t rgb[3])
{
    const uint8_t *c = ink->rgb;
    if (ink->mode == IML__INK_PER_GLYPH) c += 3 * (size_t)(k % ink->n);
    for (int j = 0; j < 3; j++) {
        rgb[j] = c[j];
        if (ink->mode == IML__INK_GRADIENT && n > 1) { // t = i / (n - 1), rounded to nearest.
            uint64_t m = n - 1, v = (uint64_t)c[j] * (m - i) + (uint64_t)c[3 + j] * i;
            rgb[j] = (uint8_t)((2 * v + m) / (2 * m));
        }
    }
}

double iml__ink_contrast(const iml__ink *ink, const uint8_t bg[3])
{
    uint32_t n = ink->mode == IML__INK_GRADIENT ? 9 : ink->mode == IML__INK_PER_GLYPH ? ink->n : 1;
    double worst = 21;
    for (uint32_t k = 0; k < n; k++) {
        uint8_t rgb[3];
        iml__ink_at(ink, k, k, n, rgb);
        double r = iml__contrast(rgb, bg);
        if (r < worst) worst = r;
    }
    return worst;
}

bool iml__ink_is_grey(const iml__ink *ink)
{
    for (uint32_t k = 0; k < ink->n; k++) {
        const uint8_t *c = ink->rgb + 3 * (size_t)k;
        if (c[0] != c[1] || c[1] != c[2]) return false;
    }
    return true;
}

const iml__ink *iml__ink_choose(const iml__render_params *p, const uint8_t bg[3], iml__ink *forced,
                                iml__render_out *out)
{
    static const uint8_t black[3] = {0, 0, 0}, white[3] = {255, 255, 255};
    uint32_t best = 0;
    double most = 0;
    for (uint32_t k = 0; k < p->ninks; k++) {
        double r = iml__ink_contrast(&p->ink[k], bg);
        if (k == 0 || r > most) most = r, best = k;
        if (most >= p->min_contrast) break;
    }
    out->ink_used = best, out->contrast = most;
    if (most >= p->min_contrast || !p->contrast_force) return &p->ink[best];

    double rb = iml__contrast(black, bg), rw = iml__contrast(white, bg);
    const uint8_t *c = rb >= rw ? black : white;
    out->contrast = rb >= rw ? rb : rw, out->ink_forced = true, out->ink_used = 0;
    for (int j = 0; j < 3; j++) out->forced_rgb[j] = c[j];
    *forced = (iml__ink){IML__INK_UNIFORM, 1, c};
    return forced;
}
