// op_tone.c: brightness, contrast, gamma, invert: u8 and u16 by tables, f32 direct (ops.md 5).
// Alpha is left alone. m of contrast is floor(mean Y + 1/2) of the picture as it comes.
#include "src/image/op_files.h"

#include "src/base/err.h"
#include "src/base/fmath.h"
#include "src/base/mem.h"

#include <math.h>

struct tone {
    enum iml__op_id id;
    double x, mean, top; // top: the largest level
};

static double tone(const struct tone *t, double v)
{
    switch (t->id) {
    case IML__OP_BRIGHTNESS: return v * t->x;
    case IML__OP_CONTRAST: return t->mean + (v - t->mean) * t->x;
    case IML__OP_GAMMA: return t->top * iml__pow(v / t->top, t->x);
    default: return t->top - v;
    }
}

static double level(const struct tone *t, double v)
{
    double r = floor(tone(t, v) + 0.5);
    return r < 0 ? 0 : r > t->top ? t->top : r;
}

static iml_status tone_u16(const struct tone *t, iml_image *m, iml_err *e)
{
    uint16_t *lut = iml__alloc(65536 * sizeof *lut);
    if (!lut) return IML_FAIL(e, IML_ENOMEM, "no memory for a table of levels");
    for (int i = 0; i < 65536; i++) lut[i] = (uint16_t)level(t, i);
    int colours = m->channels <= 2 ? 1 : 3;
    for (int32_t y = 0; y < m->h; y++) {
        uint16_t *d = (uint16_t *)(void *)iml__image_row(m, y);
        for (int32_t x = 0; x < m->w; x++, d += m->channels)
            for (int c = 0; c < colours; c++) d[c] = lut[d[c]];
    }
    IML_FREE(lut);
    return IML_OK;
}

static float luma_f32(const float *s, int channels)
{
    return channels <= 2 ? s[0]
                         : (float)((19595.0 * s[0] + 38470.0 * s[1] + 7471.0 * s[2]) / 65536.0);
}

static void tone_f32(struct tone *t, iml_image *m)
{
    int colours = m->channels <= 2 ? 1 : 3;
    double sum = 0;
    for (int32_t y = 0; y < m->h && t->id == IML__OP_CONTRAST; y++) {
        const float *s = (const float *)(void *)iml__image_row(m, y);
        for (int32_t x = 0; x < m->w; x++)
            sum += luma_f32(s + (size_t)x * (size_t)m->channels, m->channels);
    }
    t->mean = sum / ((double)m->w * m->h);
    for (int32_t y = 0; y < m->h; y++) {
        float *d = (float *)(void *)iml__image_row(m, y);
        for (int32_t x = 0; x < m->w; x++, d += m->channels)
            for (int c = 0; c < colours; c++) {
                double v = tone(t, t->id == IML__OP_GAMMA && d[c] < 0 ? 0 : d[c]);
                d[c] = (float)(v < 0 ? 0 : v > 1 ? 1 : v);
            }
    }
}

static void tone_u8(const struct tone *t, iml_image *m)
{
    uint8_t lut[256];
    for (int i = 0; i < 256; i++) lut[i] = (uint8_t)level(t, i);
    iml__apply_lut(m, lut);
}

void iml__contrast_about(iml_image *m, double x, double mean)
{
    struct tone t = {.id = IML__OP_CONTRAST, .x = x, .mean = mean, .top = 255};
    tone_u8(&t, m);
}

iml_status iml__op_tone(const iml__op *op, iml_image *m, iml_err *e)
{
    struct tone t = {.id = op->id, .x = op->v[0]};
    t.top = m->depth == IML__U8 ? 255 : m->depth == IML__U16 ? 65535 : 1;
    if (m->depth == IML__F32) {
        tone_f32(&t, m);
        return IML_OK;
    }
    if (t.id == IML__OP_CONTRAST) t.mean = iml__mean_luma(m);
    if (m->depth == IML__U16) return tone_u16(&t, m, e);
    tone_u8(&t, m);
    return IML_OK;
}
