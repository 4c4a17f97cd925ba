// contact.c: tiles and their sheet.
#include "src/image/contact.h"

#include <math.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/image/font8x16.h"

enum { GAP = 6, ROW = IML__TILE + IML__GLYPH_H + GAP, SWATCH = 12, LINE = IML__GLYPH_H + 2 };

static const uint8_t paper[3] = {24, 24, 24}, ink[3] = {230, 230, 230}, black[3] = {0, 0, 0},
                     red[3] = {230, 40, 40}, yellow[3] = {255, 230, 90};

// Neighbours differ in hue; the second ten are lighter.
static const uint8_t colours[IML__SHEET_COLOURS][3] = {
    {226, 50, 54},   {46, 160, 67},   {56, 108, 224},  {240, 178, 38},  {160, 70, 200},
    {30, 180, 190},  {238, 120, 40},  {222, 74, 150},  {140, 170, 30},  {128, 88, 60},
    {250, 150, 150}, {140, 220, 150}, {150, 184, 255}, {255, 226, 140}, {212, 164, 240},
    {150, 230, 235}, {255, 190, 140}, {250, 170, 210}, {210, 226, 120}, {200, 170, 150},
};

const uint8_t *iml__sheet_colour(int32_t label)
{
    int64_t k = ((int64_t)label - 1) % IML__SHEET_COLOURS;
    return colours[k < 0 ? k + IML__SHEET_COLOURS : k];
}

// ---- Planes

struct iml__fit iml__sheet_fit(uint64_t rows, uint64_t cols, double dy, double dx)
{
    double h = (double)rows * (dy > 0 && isfinite(dy) ? dy : 1),
           w = (double)cols * (dx > 0 && isfinite(dx) ? dx : 1), by = IML__TILE / fmax(h, w);
    struct iml__fit f = {.w = (int32_t)floor(w * by + 0.5), .h = (int32_t)floor(h * by + 0.5)};
    f.w = IML_CLAMP(f.w, 1, IML__TILE), f.h = IML_CLAMP(f.h, 1, IML__TILE);
    f.x = (IML__TILE - f.w) / 2, f.y = (IML__TILE - f.h) / 2;
    return f;
}

// Output i of n out of `in` values: the taps of a triangle around its centre.
struct taps {
    int64_t from, to; // to: one beyond
    double at, reach;
};
static struct taps taps_of(int32_t i, int32_t n, size_t in)
{
    double by = (double)in / n, at = (i + 0.5) * by - 0.5, reach = fmax(by, 1);
    struct taps t = {.at = at, .reach = reach};
    t.from = IML_MAX((int64_t)floor(at - reach) + 1, (int64_t)0);
    t.to = IML_MIN((int64_t)ceil(at + reach), (int64_t)in);
    if (t.from >= t.to) { // beyond an edge: its nearest value
        t.from = IML_CLAMP((int64_t)floor(at + 0.5), (int64_t)0, (int64_t)in - 1);
        t.to = t.from + 1;
    }
    return t;
}

static float weighted(const struct taps *t, const float *v, size_t stride)
{
    double sum = 0, weight = 0;
    for (int64_t k = t->from; k < t->to; k++) {
        double w = 1 - fabs((double)k - t->at) / t->reach, x = (double)v[(size_t)k * stride];
        if (!(w > 0)) continue;
        weight += w, sum += w * (isfinite(x) ? x : 0);
    }
    return (float)(weight > 0 ? sum / weight : (double)v[(size_t)t->from * stride]);
}

static uint8_t *pixel(uint8_t *tile, int32_t x, int32_t y)
{
    return tile + 3 * ((size_t)y * IML__TILE + (size_t)x);
}

static uint8_t grey_of(float v, float lo, float hi)
{
    if (!(hi > lo)) return v > lo ? 255 : 0;
    float x = (v - lo) / (hi - lo);
    return (uint8_t)(x > 0 ? (x < 1 ? x * 255.0f + 0.5f : 255.0f) : 0.0f);
}

void iml__sheet_grey(uint8_t *tile, const struct iml__fit *f, const float *v, size_t rows,
                     size_t cols, float lo, float hi, float *scratch)
{
    memset(tile, 0, IML__TILE_BYTES);
    for (int32_t x = 0; x < f->w; x++) {
        struct taps t = taps_of(x, f->w, cols);
        for (size_t r = 0; r < rows; r++)
            scratch[r * (size_t)f->w + (size_t)x] = weighted(&t, v + r * cols, 1);
    }
    for (int32_t y = 0; y < f->h; y++) {
        struct taps t = taps_of(y, f->h, rows);
        for (int32_t x = 0; x < f->w; x++) {
            float g = weighted(&t, scratch + x, (size_t)f->w);
            memset(pixel(tile, f->x + x, f->y + y), grey_of(g, lo, hi), 3);
        }
    }
}

static int32_t label_at(const struct iml__fit *f, const int32_t *label, size_t rows, size_t cols,
                        int32_t x, int32_t y)
{
    if (x < 0 || y < 0 || x >= f->w || y >= f->h) return 0;
    size_t r = ((size_t)y * 2 + 1) * rows / ((size_t)f->h * 2),
           c = ((size_t)x * 2 + 1) * cols / ((size_t)f->w * 2);
    return label[r * cols + c];
}

void iml__sheet_labels(uint8_t *tile, const struct iml__fit *f, const int32_t *label, size_t rows,
                       size_t cols)
{
    for (int32_t y = 0; y < f->h; y++)
        for (int32_t x = 0; x < f->w; x++) {
            int32_t v = label_at(f, label, rows, cols, x, y);
            if (!v) continue;
            bool edge = label_at(f, label, rows, cols, x - 1, y) != v ||
                        label_at(f, label, rows, cols, x + 1, y) != v ||
                        label_at(f, label, rows, cols, x, y - 1) != v ||
                        label_at(f, label, rows, cols, x, y + 1) != v;
            const uint8_t *c = iml__sheet_colour(v);
            uint8_t *p = pixel(tile, f->x + x, f->y + y);
            for (int k = 0; k < 3; k++) p[k] = edge ? c[k] : (uint8_t)((6 * p[k] + 4 * c[k]) / 10);
        }
}

void iml__sheet_sides(uint8_t *tile, const char side[4])
{
    enum { MIDDLE_X = (IML__TILE - IML__GLYPH_W) / 2, MIDDLE_Y = (IML__TILE - IML__GLYPH_H) / 2 };
    static const int32_t place[4][2] = {{2, MIDDLE_Y},
                                        {IML__TILE - IML__GLYPH_W - 1, MIDDLE_Y},
                                        {MIDDLE_X, 0},
                                        {MIDDLE_X, IML__TILE - IML__GLYPH_H + 1}};
    iml_image m = {
        .w = IML__TILE, .h = IML__TILE, .channels = 3, .stride = 3 * IML__TILE, .px = tile};
    for (int k = 0; k < 4; k++) {
        if (!side[k]) continue;
        for (int32_t d = 0; d < 9; d++) // a dark rim, then the letter
            iml__text8x16(&m, place[k][0] + d % 3 - 1, place[k][1] + d / 3 - 1, &side[k], 1, black);
        iml__text8x16(&m, place[k][0], place[k][1], &side[k], 1, yellow);
    }
}

// ---- The sheet

static int32_t width_of(uint32_t cols) { return (int32_t)cols * (IML__TILE + GAP) + GAP; }

iml_status iml__sheet_new(iml_arena *a, uint32_t rows, uint32_t cols, uint32_t legend_lines,
                          struct iml__sheet *s, iml_err *e)
{
    *s = (struct iml__sheet){
        .cols = (int32_t)cols, .rows = (int32_t)rows, .legend = (int32_t)rows * ROW + GAP};
    int32_t h = s->legend + (int32_t)legend_lines * LINE + (legend_lines ? GAP : 0);
    IML_TRY(iml__image_new(a, width_of(cols), h, 3, IML__U8, &s->m, e));
    iml__image_fill(&s->m, paper);
    return IML_OK;
}

static void caption(struct iml__sheet *s, int32_t x, int32_t y, int32_t width, const char *text)
{
    size_t n = strlen(text), most = (size_t)width / IML__GLYPH_W;
    iml__text8x16(&s->m, x, y, text, IML_MIN(n, most), ink);
}

void iml__sheet_put(struct iml__sheet *s, uint32_t row, uint32_t col, const uint8_t *tile,
                    const char *text)
{
    int32_t x = (int32_t)col * (IML__TILE + GAP) + GAP, y = (int32_t)row * ROW + GAP;
    for (int32_t i = 0; i < IML__TILE; i++)
        memcpy(iml__image_row(&s->m, y + i) + 3 * (size_t)x, tile + (size_t)i * 3 * IML__TILE,
               3 * (size_t)IML__TILE);
    caption(s, x, y + IML__TILE, IML__TILE, text);
}

void iml__sheet_say(struct iml__sheet *s, uint32_t row, const char *text)
{
    int32_t y = (int32_t)row * ROW + 3 * GAP;
    size_t n = strlen(text), most = IML_MAX((size_t)(s->m.w - 4 * GAP) / IML__GLYPH_W, (size_t)1);
    for (size_t from = 0; from < n && y < ((int32_t)row + 1) * ROW - LINE; y += LINE) {
        size_t len = IML_MIN(most, n - from), word = len;
        while (word > most / 2 && from + len < n && text[from + word] != ' ') word--;
        if (word > most / 2) len = word; // else there is no good place
        iml__text8x16(&s->m, 2 * GAP, y, text + from, len, ink);
        from += len;
        while (text[from] == ' ') from++;
    }
}

static void bar(struct iml__sheet *s, int32_t x, int32_t y, int32_t w, int32_t h,
                const uint8_t rgb[3])
{
    iml_image part = iml__image_view(&s->m, x, y, w, h);
    iml__image_fill(&part, rgb);
}

void iml__sheet_frame(struct iml__sheet *s, uint32_t row)
{
    enum { THICK = 3 };
    int32_t y = (int32_t)row * ROW + (GAP - THICK) / 2, h = ROW, w = s->m.w - 2;
    bar(s, 1, y, w, THICK, red);
    bar(s, 1, y + h - THICK + 1, w, THICK, red);
    bar(s, 1, y, THICK, h, red);
    bar(s, w - THICK + 1, y, THICK, h, red);
}

static int32_t entry_width(const struct iml__sheet_entry *e)
{
    return SWATCH + GAP + (int32_t)IML_MIN(strlen(e->name), (size_t)40) * IML__GLYPH_W + 3 * GAP;
}

// Walks the entries over lines; s NULL: only counts.
static uint32_t legend(struct iml__sheet *s, uint32_t cols, const struct iml__sheet_entry *entry,
                       size_t n)
{
    int32_t x = GAP, line = 0, right = width_of(cols);
    for (size_t k = 0; k < n; k++) {
        int32_t w = entry_width(&entry[k]);
        if (x + w > right && x > GAP) x = GAP, line++;
        if (s) {
            int32_t y = s->legend + line * LINE;
            bar(s, x, y + 2, SWATCH, SWATCH, iml__sheet_colour(entry[k].label));
            caption(s, x + SWATCH + GAP, y,
                    IML_MIN(40 * IML__GLYPH_W, right - x - SWATCH - 2 * GAP), entry[k].name);
        }
        x += w;
    }
    return n ? (uint32_t)line + 1 : 0;
}

uint32_t iml__sheet_legend_lines(uint32_t cols, const struct iml__sheet_entry *entry, size_t n)
{
    return legend(NULL, cols, entry, n);
}

void iml__sheet_legend(struct iml__sheet *s, const struct iml__sheet_entry *entry, size_t n)
{
    (void)legend(s, (uint32_t)s->cols, entry, n);
}
