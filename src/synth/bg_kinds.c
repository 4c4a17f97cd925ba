// bg_kinds.c: the eight built-in backgrounds (synth.md 4.8).
//
// Each kind is a function of the plane's (x, y): the value of a pixel never depends on the
// rectangle that is drawn, so a map may ask for any part. All arithmetic is in integers. Smooth
// structure is value noise: bytes of a hashed lattice (Philox, in the stream synth.bg.proc.field),
// joined with smoothstep weights. Choices (colours, pitches, angles) are drawn in order from
// synth.bg.proc. Colours are pale: what has to be read lies on top.
//
// Speed is the point of most of the shapes below: rows of int16, lattice rows made once and used
// for a whole pitch, inner loops of constant length that a compiler turns into vectors.
#include "src/synth/bg_kinds.h"

#include <string.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/rng.h"
#include "src/kernel/kernel.h"

// Q15 cosine of a quarter turn, 257 entries of floor(32767 cos(2 pi i / 1024) + 1/2).
static const int16_t quarter[257] = {
    32767, 32766, 32765, 32761, 32757, 32752, 32745, 32737, 32728, 32717, 32705, 32692, 32678,
    32663, 32646, 32628, 32609, 32589, 32567, 32545, 32521, 32495, 32469, 32441, 32412, 32382,
    32351, 32318, 32285, 32250, 32213, 32176, 32137, 32098, 32057, 32014, 31971, 31926, 31880,
    31833, 31785, 31736, 31685, 31633, 31580, 31526, 31470, 31414, 31356, 31297, 31237, 31176,
    31113, 31050, 30985, 30919, 30852, 30783, 30714, 30643, 30571, 30498, 30424, 30349, 30273,
    30195, 30117, 30037, 29956, 29874, 29791, 29706, 29621, 29534, 29447, 29358, 29268, 29177,
    29085, 28992, 28898, 28803, 28706, 28609, 28510, 28411, 28310, 28208, 28105, 28001, 27896,
    27790, 27683, 27575, 27466, 27356, 27245, 27133, 27019, 26905, 26790, 26674, 26556, 26438,
    26319, 26198, 26077, 25955, 25832, 25708, 25582, 25456, 25329, 25201, 25072, 24942, 24811,
    24680, 24547, 24413, 24279, 24143, 24007, 23870, 23731, 23592, 23452, 23311, 23170, 23027,
    22884, 22739, 22594, 22448, 22301, 22154, 22005, 21856, 21705, 21554, 21403, 21250, 21096,
    20942, 20787, 20631, 20475, 20317, 20159, 20000, 19841, 19680, 19519, 19357, 19195, 19032,
    18868, 18703, 18537, 18371, 18204, 18037, 17869, 17700, 17530, 17360, 17189, 17018, 16846,
    16673, 16499, 16325, 16151, 15976, 15800, 15623, 15446, 15269, 15090, 14912, 14732, 14553,
    14372, 14191, 14010, 13828, 13645, 13462, 13279, 13094, 12910, 12725, 12539, 12353, 12167,
    11980, 11793, 11605, 11417, 11228, 11039, 10849, 10659, 10469, 10278, 10087, 9896,  9704,
    9512,  9319,  9126,  8933,  8739,  8545,  8351,  8157,  7962,  7767,  7571,  7375,  7179,
    6983,  6786,  6590,  6393,  6195,  5998,  5800,  5602,  5404,  5205,  5007,  4808,  4609,
    4410,  4210,  4011,  3811,  3612,  3412,  3212,  3012,  2811,  2611,  2410,  2210,  2009,
    1809,  1608,  1407,  1206,  1005,  804,   603,   402,   201,   0,
};

static int cos1024(uint32_t i)
{
    i &= 1023;
    if (i > 512) i = 1024 - i;
    return i <= 256 ? quarter[i] : -quarter[512 - i];
}

static int sin1024(uint32_t i) { return cos1024(i + 768); }

// floor((3 t^2 - 2 t^3) 128 + 1/2) at t = k / n, for a pitch of n.
static void smoothstep(int n, int16_t *w)
{
    for (int k = 0; k < n; k++) {
        int64_t cube = (int64_t)n * n * n, v = 3 * (int64_t)k * k * n - 2 * (int64_t)k * k * k;
        w[k] = (int16_t)((v * 256 + cube) / (2 * cube));
    }
}

static int32_t between(iml_rng *r, int32_t lo, int32_t hi)
{
    return lo + (int32_t)iml_rng_bounded(r, (uint64_t)(hi - lo) + 1);
}

static uint8_t clamp8(int32_t v) { return (uint8_t)IML_CLAMP(v, 0, 255); }

// A colour around a level, no channel further from it than tint.
static void draw_colour(iml_rng *r, int32_t lo, int32_t hi, int32_t tint, uint8_t rgb[3])
{
    int32_t v = between(r, lo, hi);
    for (int c = 0; c < 3; c++) rgb[c] = clamp8(v + between(r, -tint, tint));
}

// from..to in n steps.
static void ramp(const uint8_t from[3], const uint8_t to[3], int n, uint8_t (*out)[3])
{
    for (int k = 0; k < n; k++)
        for (int c = 0; c < 3; c++)
            out[k][c] =
                (uint8_t)((2 * (from[c] * (n - 1 - k) + to[c] * k) + n - 1) / (2 * (n - 1)));
}

static void fill_row(uint8_t *d, int32_t n, const uint8_t rgb[3])
{
    for (int32_t i = 0; i < n; i++, d += 3) d[0] = rgb[0], d[1] = rgb[1], d[2] = rgb[2];
}

static void put(uint8_t *d, const uint8_t rgb[3]) { d[0] = rgb[0], d[1] = rgb[1], d[2] = rgb[2]; }

// ---- Value noise

typedef struct octave {
    uint32_t number; // which lattice
    int lg;          // log2 of the pitch: 3..6
    int32_t amp;     // what a byte of 0..255 becomes: (v - 128) amp / 128
    int32_t col0;    // lattice column of node[0]
    int32_t first;   // first node of interest
    int32_t n;       // nodes a row
    int32_t row;     // lattice row in above
    uint8_t *above, *below;
    int16_t *mixed; // the row between them
    int16_t w[64];
} octave;

// 16 nodes a block. Lattices repeat after 2^14 nodes, far beyond any picture.
static void lattice_bytes(const iml__bg_plane *p, uint32_t number, int32_t row, int32_t col0,
                          int32_t n, uint8_t *out)
{
    uint32_t key[2] = {(uint32_t)p->seed, (uint32_t)(p->seed >> 32)};
    uint32_t ctr[4] = {0, iml_stream("synth.bg.proc.field"), (uint32_t)p->index,
                       (uint32_t)(p->index >> 32)};
    for (int32_t i = 0; i < n; i += 16) {
        uint32_t word[4], col = (uint32_t)(col0 + i) >> 4;
        ctr[0] = number << 28 | ((uint32_t)row & 0x3fff) << 14 | (col & 0x3fff);
        iml__philox(ctr, key, word);
        for (int k = 0; k < 16; k++) out[i + k] = (uint8_t)(word[k / 4] >> 8 * (k % 4));
    }
}

static iml_status octave_open(const iml__bg_plane *p, octave *o, uint32_t number, int lg,
                              int32_t amp, int32_t width, iml_arena *a, iml_err *e)
{
    o->number = number, o->lg = lg, o->amp = amp, o->row = INT32_MIN;
    o->col0 = (p->x >> lg) & ~15; // Blocks of 16 begin at multiples of 16.
    o->first = (p->x >> lg) - o->col0;
    o->n = ((p->x + width - 1) >> lg) + 2 - o->col0;
    int32_t room = (o->n + 15) & ~15;
    o->above = iml_arena_alloc(a, 2 * (size_t)room);
    o->mixed = iml_arena_alloc(a, (size_t)room * sizeof *o->mixed);
    if (!o->above || !o->mixed) return IML_FAIL(e, IML_ENOMEM, "no memory for a lattice");
    o->below = o->above + room;
    smoothstep(1 << lg, o->w);
    return IML_OK;
}

// Nodes of the row at y.
static void octave_row(const iml__bg_plane *p, octave *o, int32_t y)
{
    int32_t row = y >> o->lg;
    if (row != o->row) {
        if (row == o->row + 1 && o->row != INT32_MIN)
            memcpy(o->above, o->below, ((size_t)o->n + 15) & ~(size_t)15);
        else
            lattice_bytes(p, o->number, row, o->col0, o->n, o->above);
        lattice_bytes(p, o->number, row + 1, o->col0, o->n, o->below);
        o->row = row;
    }
    int32_t w = o->w[y & ((1 << o->lg) - 1)];
    for (int32_t i = o->first; i < o->n; i++) {
        int32_t v = o->above[i] * (128 - w) + o->below[i] * w - 128 * 128;
        o->mixed[i] = (int16_t)((v * o->amp) >> 7); // amp <= 128, so 2^14 times 128 at most.
    }
}

// acc[k] += the values between two nodes; they are in 1/128 level.
static inline void add_span(int16_t *restrict acc, int16_t a, int16_t b, const int16_t *restrict w,
                            int n)
{
    int16_t d = (int16_t)((b - a + 64) >> 7); // 8 bits, so that d w fits 16.
    for (int k = 0; k < n; k++) acc[k] = (int16_t)(acc[k] + ((a + d * w[k]) >> 7));
}

enum { OCTAVES = 3, COARSEST = 6 };
typedef struct noise {
    octave oct[OCTAVES];
    int n;
    size_t room;     // values in buffer
    int16_t *buffer; // a row of the sum, from a whole step of the coarsest lattice on
    int16_t *sum;    // the same from the rectangle's left edge on
} noise;

// d stands at the octave's first node.
static void octave_add(const octave *o, int16_t *d)
{
    const int16_t *m = o->mixed;
    for (int32_t i = o->first; i + 1 < o->n; i++, d += (size_t)1 << o->lg) {
        switch (o->lg) {
        case 3: add_span(d, m[i], m[i + 1], o->w, 8); break;
        case 4: add_span(d, m[i], m[i + 1], o->w, 16); break;
        case 5: add_span(d, m[i], m[i + 1], o->w, 32); break;
        default: add_span(d, m[i], m[i + 1], o->w, 64); break;
        }
    }
}

static iml_status noise_open(const iml__bg_plane *p, noise *z, int n, const int *lg,
                             const int32_t *amp, int32_t width, iml_arena *a, iml_err *e)
{
    z->n = n, z->room = (size_t)width + (2 << COARSEST);
    for (int k = 0; k < n; k++)
        IML_TRY(octave_open(p, &z->oct[k], (uint32_t)k, lg[k], amp[k], width, a, e));
    z->buffer = iml_arena_alloc(a, z->room * sizeof *z->buffer);
    if (!z->buffer) return IML_FAIL(e, IML_ENOMEM, "no memory for a row of noise");
    z->sum = z->buffer + (p->x & ((1 << COARSEST) - 1));
    return IML_OK;
}

// z->sum = levels of the row at y.
static void noise_row(const iml__bg_plane *p, noise *z, int32_t y)
{
    int32_t left = p->x & ~((1 << COARSEST) - 1);
    memset(z->buffer, 0, z->room * sizeof *z->buffer);
    for (int k = 0; k < z->n; k++) {
        octave *o = &z->oct[k];
        octave_row(p, o, y);
        octave_add(o, z->buffer + ((p->x & ~((1 << o->lg) - 1)) - left));
    }
}

// ---- Kinds

static void solid(iml_rng *r, iml_image *out)
{
    uint8_t rgb[3];
    draw_colour(r, 190, 250, 16, rgb);
    iml__image_fill(out, rgb);
}

static void gradient(const iml__bg_plane *p, iml_rng *r, iml_image *out)
{
    uint8_t a[3], b[3], lut[256][3];
    draw_colour(r, 175, 250, 24, a);
    draw_colour(r, 175, 250, 24, b);
    uint32_t turn = (uint32_t)between(r, 0, 1023);
    int64_t c = cos1024(turn), s = sin1024(turn);
    int64_t lo = IML_MIN(0, c * p->w) + IML_MIN(0, s * p->h);
    int64_t hi = IML_MAX(0, c * p->w) + IML_MAX(0, s * p->h);
    int64_t span = IML_MAX(hi - lo, 1), step = (c * ((int64_t)1 << 32)) / span;
    ramp(a, b, 256, lut);
    for (int32_t j = 0; j < out->h; j++) {
        uint8_t *d = iml__image_row(out, j);
        // t in 2^-32 of the way, in steps from column 0; beyond the canvas the end colours go on.
        int64_t t = (s * ((int64_t)p->y + j) - lo) * ((int64_t)1 << 16) / span * 65536;
        t += step * p->x;
        for (int32_t i = 0; i < out->w; i++, d += 3, t += step) {
            int64_t k = t >> 24;
            put(d, lut[k < 0 ? 0 : k > 255 ? 255 : k]);
        }
    }
}

typedef struct vignette { // falls from 0 at the middle to amount / 65536 at the corners, then stays
    int64_t amount, sum;  // sum = W^2 + H^2
    int32_t w, h;
} vignette;

static int32_t vignette_part(const vignette *v, int64_t q, int32_t side)
{
    int64_t d = IML_CLAMP(2 * q + 1 - side, -(int64_t)side, (int64_t)side);
    return (int32_t)(d * d * v->amount / v->sum);
}

// Fibres: up to two a cell of 64 px, each a short bent line that darkens or lightens what is there.
static void fibres(const iml__bg_plane *p, iml_image *out)
{
    enum { CELL = 64, REACH = 48 };
    int32_t r0 = (p->y - REACH) >> 6, r1 = (p->y + out->h + REACH) >> 6;
    int32_t c0 = ((p->x - REACH) >> 6) & ~15, c1 = (p->x + out->w + REACH) >> 6;
    for (int32_t row = r0; row <= r1; row++)
        for (int32_t col = c0; col <= c1; col += 16)
            for (int32_t k = 0; k < 16; k++) {
                uint8_t h[16];
                if ((col + k) * CELL > p->x + out->w + REACH || (col + k + 1) * CELL < p->x - REACH)
                    continue;
                // A block of its own a cell: lattice 14, sixteen columns apart.
                lattice_bytes(p, 14, row, (col + k) * 16, 16, h);
                for (int f = 0; f < 2; f++) {
                    const uint8_t *b = h + 8 * f;
                    if (b[0] & 1) continue;
                    int32_t x = ((col + k) * CELL + (b[1] & 63)) * 32768;
                    int32_t y = (row * CELL + (b[2] & 63)) * 32768;
                    uint32_t turn = 4u * b[3];
                    int32_t bend = (b[4] % 9) - 4, delta = (b[5] & 1 ? 1 : -2) * (3 + b[6] % 5);
                    for (int32_t s = 0, len = 8 + (b[7] & 31); s < len; s++) {
                        x += cos1024(turn), y += sin1024(turn), turn += (uint32_t)bend;
                        int32_t i = (x >> 15) - p->x, j = (y >> 15) - p->y;
                        if (i < 0 || j < 0 || i >= out->w || j >= out->h) continue;
                        uint8_t *d = iml__image_row(out, j) + 3 * (size_t)i;
                        for (int c = 0; c < 3; c++) d[c] = clamp8(d[c] + delta);
                    }
                }
            }
}

static iml_status paper(const iml__bg_plane *p, iml_rng *r, iml_image *out, iml_arena *a,
                        iml_err *e)
{
    static const int lg[OCTAVES] = {6, 4, 3};
    uint8_t base[3], lut[256][3];
    int32_t amp[OCTAVES];
    draw_colour(r, 215, 248, 10, base);
    for (int k = 0; k < OCTAVES; k++) amp[k] = between(r, 2, 10);
    vignette v = {between(r, 0, 9000), (int64_t)p->w * p->w + (int64_t)p->h * p->h, p->w, p->h};
    noise z;
    IML_TRY(noise_open(p, &z, OCTAVES, lg, amp, out->w, a, e));
    int32_t *dark = iml_arena_alloc(a, (size_t)out->w * sizeof *dark);
    if (!dark) return IML_FAIL(e, IML_ENOMEM, "no memory for a row of background");
    for (int32_t i = 0; i < out->w; i++) dark[i] = vignette_part(&v, (int64_t)p->x + i, p->w);
    for (int k = 0; k < 256; k++)
        for (int c = 0; c < 3; c++) lut[k][c] = clamp8(base[c] + k - 128);
    for (int32_t j = 0; j < out->h; j++) {
        uint8_t *d = iml__image_row(out, j);
        int32_t down = 65536 - vignette_part(&v, (int64_t)p->y + j, p->h);
        noise_row(p, &z, p->y + j);
        for (int32_t i = 0; i < out->w; i++, d += 3) {
            const uint8_t *q = lut[128 + z.sum[i]]; // |sum| <= 3 times 10.
            uint32_t light = (uint32_t)(down - dark[i]);
            for (int c = 0; c < 3; c++) d[c] = (uint8_t)((q[c] * light + 32768) >> 16);
        }
    }
    fibres(p, out);
    return IML_OK;
}

static int32_t modulo(int64_t v, int32_t n) { return (int32_t)(v % n < 0 ? v % n + n : v % n); }

static void ruled(const iml__bg_plane *p, iml_rng *r, iml_image *out)
{
    uint8_t base[3], line[3], margin[3];
    draw_colour(r, 235, 253, 6, base);
    line[0] = (uint8_t)between(r, 140, 200), line[1] = (uint8_t)between(r, 170, 215);
    line[2] = (uint8_t)between(r, 205, 240);
    margin[0] = (uint8_t)between(r, 215, 240), margin[1] = (uint8_t)between(r, 130, 175);
    margin[2] = (uint8_t)between(r, 130, 180);
    int32_t pitch = between(r, 14, 44), thick = between(r, 1, 2), from = between(r, 0, 43);
    bool grid = between(r, 0, 2) == 0, red = between(r, 0, 1) == 0;
    int32_t at = between(r, 8, 60);
    for (int32_t j = 0; j < out->h; j++) {
        uint8_t *d = iml__image_row(out, j);
        bool on = modulo((int64_t)p->y + j + from, pitch) < thick;
        fill_row(d, out->w, on ? line : base);
        // From the line before the left edge, which may reach in.
        int32_t first = modulo(-((int64_t)p->x + from), pitch) - pitch;
        for (int32_t i = grid && !on ? first : out->w; i < out->w; i += pitch)
            for (int32_t k = IML_MAX(i, 0); k < IML_MIN(i + thick, out->w); k++)
                put(d + 3 * k, line);
        for (int32_t k = 0; k < 2 && red; k++)
            if (at + k >= p->x && at + k < p->x + out->w) put(d + 3 * (at + k - p->x), margin);
    }
}

static iml_status grain(const iml__bg_plane *p, iml_image *out, iml_arena *a, iml_err *e)
{
    enum { CHUNK = 1024 };
    uint32_t words[CHUNK], stream = iml_stream("synth.bg.proc.field");
    int16_t k[CHUNK];
    iml__noise_table *t = iml_arena_alloc(a, sizeof *t);
    if (!t) return IML_FAIL(e, IML_ENOMEM, "no memory for a table of noise");
    iml__noise_gauss(t, 10);
    for (int32_t j = 0; j < out->h; j++)
        for (int32_t x = 0; x < out->w; x += CHUNK) {
            int32_t n = IML_MIN(out->w - x, CHUNK);
            uint8_t *d = iml__image_row(out, j) + 3 * (size_t)x;
            // Samples of a plane of 2^15 px a row: their blocks fit 32 bits.
            uint64_t row = (uint64_t)((int64_t)p->y + j + (1 << 17)) & ((1 << 18) - 1);
            uint64_t first = row << 15 | ((uint64_t)((int64_t)p->x + x + (1 << 13)) & 0x7fff);
            iml__rng_field(p->seed, p->index, stream, first, words, (size_t)n);
            iml__kernel()->noise_s16(k, words, (size_t)n, t);
            for (int32_t i = 0; i < n; i++, d += 3) d[0] = d[1] = d[2] = clamp8(235 + k[i]);
        }
    return IML_OK;
}

typedef struct wave { // phases in 2^-32 of a turn; they wrap
    uint32_t phase, fx, fy;
} wave;
enum { WAVES = 20, WAVE_LG = 2, WAVE_PITCH = 1 << WAVE_LG };
typedef struct waves {
    wave v[WAVES];
    int n;
    int32_t unit; // a deviation of the sum of n cosines of 1, rounded up
    int16_t table[1024];
} waves;

static void draw_waves(iml_rng *r, waves *z)
{
    z->n = between(r, 10, WAVES);
    for (int k = 0; k < z->n; k++) {
        int32_t period = between(r, 24, 120);
        uint32_t turn = (uint32_t)between(r, 0, 1023);
        int64_t f = ((int64_t)1 << 32) / period;
        z->v[k] = (wave){iml_rng_u32(r), (uint32_t)(f * cos1024(turn) / 32768),
                         (uint32_t)(f * sin1024(turn) / 32768)};
    }
    // A wave's mean square is a half.
    for (z->unit = 1; 2 * z->unit * z->unit < z->n; z->unit++) {
    }
    for (uint32_t i = 0; i < 1024; i++) z->table[i] = (int16_t)cos1024(i);
}

static void wave_row(const waves *z, int32_t col, int32_t row, int32_t n, int32_t *out)
{
    memset(out, 0, (size_t)n * sizeof *out);
    for (int q = 0; q < z->n; q++) {
        const wave *v = &z->v[q];
        uint32_t ph =
            v->phase + v->fx * (uint32_t)(col * WAVE_PITCH) + v->fy * (uint32_t)(row * WAVE_PITCH);
        for (int32_t i = 0; i < n; i++, ph += v->fx * WAVE_PITCH) out[i] += z->table[ph >> 22];
    }
}

// Plane waves summed at the nodes of a lattice of pitch 4, bilinear between them: no wave is
// shorter than 24 px.
static iml_status crystal(const iml__bg_plane *p, iml_rng *r, iml_image *out, iml_arena *a,
                          iml_err *e)
{
    uint8_t from[3], to[3], lut[256][3];
    draw_colour(r, 165, 215, 26, from);
    draw_colour(r, 215, 252, 20, to);
    ramp(from, to, 256, lut);
    waves z;
    draw_waves(r, &z);
    int32_t col = p->x >> WAVE_LG, n = ((p->x + out->w) >> WAVE_LG) + 2 - col, have = INT32_MIN;
    int32_t *above = iml_arena_alloc(a, 2 * (size_t)n * sizeof *above), *below = above + n;
    uint8_t *line = iml_arena_alloc(a, (size_t)n * WAVE_PITCH);
    if (!above || !line) return IML_FAIL(e, IML_ENOMEM, "no memory for a lattice");
    for (int32_t j = 0; j < out->h; j++) {
        int32_t row = (p->y + j) >> WAVE_LG, w = (p->y + j) & (WAVE_PITCH - 1);
        if (row != have) {
            int32_t *t = above;
            above = below, below = t;
            if (have == INT32_MIN || row != have + 1) wave_row(&z, col, row, n, above);
            wave_row(&z, col, row + 1, n, below);
            have = row;
        }
        for (int32_t i = 0; i + 1 < n; i++) {
            // Two deviations fill the ramp: 64 levels to one.
            int32_t s0 = (above[i] * (WAVE_PITCH - w) + below[i] * w) / z.unit;
            int32_t s1 = (above[i + 1] * (WAVE_PITCH - w) + below[i + 1] * w) / z.unit;
            for (int32_t k = 0; k < WAVE_PITCH; k++)
                line[i * WAVE_PITCH + k] =
                    clamp8(128 + ((s0 * (WAVE_PITCH - k) + s1 * k) >> (2 * WAVE_LG + 9)));
        }
        uint8_t *d = iml__image_row(out, j);
        const uint8_t *s = line + (p->x - col * WAVE_PITCH);
        for (int32_t i = 0; i < out->w; i++, d += 3) put(d, lut[s[i]]);
    }
    return IML_OK;
}

static int64_t root(int64_t v) // floor(sqrt(v))
{
    int64_t r = 0;
    for (int64_t b = (int64_t)1 << 31; b; b >>= 1)
        if ((r + b) * (r + b) <= v) r += b;
    return r;
}

typedef struct shape { // on the canvas, px
    int32_t kind;      // rectangle, ellipse, triangle
    int32_t x[3], y[3];
    uint8_t rgb[3];
} shape;

static void draw_shape(const iml__bg_plane *p, iml_rng *r, shape *s)
{
    int32_t side = IML_MAX(p->w, p->h);
    s->kind = between(r, 0, 2);
    draw_colour(r, 165, 250, 30, s->rgb);
    // Middle and half sides, or three corners within them.
    int32_t cx = between(r, 0, p->w), cy = between(r, 0, p->h);
    int32_t rx = between(r, 4, IML_MAX(8, side / 4)), ry = between(r, 4, IML_MAX(8, side / 4));
    s->x[0] = cx, s->y[0] = cy, s->x[1] = rx, s->y[1] = ry;
    if (s->kind == 2)
        for (int k = 0; k < 3; k++)
            s->x[k] = cx + between(r, -rx, rx), s->y[k] = cy + between(r, -ry, ry);
}

// The shape's pixels of row y: from..to; none if from >= to.
static void shape_span(const shape *s, int32_t y, int64_t *from, int64_t *to)
{
    *from = 0, *to = 0;
    if (s->kind < 2) {
        int64_t rx = s->x[1], ry = s->y[1], dy = (int64_t)y - s->y[0];
        if (dy < -ry || dy >= ry) return;
        int64_t half = s->kind == 0 ? rx : rx * root(ry * ry - dy * dy) / ry;
        *from = s->x[0] - half, *to = s->x[0] + half;
        return;
    }
    *from = INT64_MAX, *to = INT64_MIN;
    for (int k = 0; k < 3; k++) {
        int64_t x0 = s->x[k], y0 = s->y[k], x1 = s->x[(k + 1) % 3], y1 = s->y[(k + 1) % 3];
        if ((y < y0) == (y < y1)) continue;
        int64_t x = x0 + (x1 - x0) * (y - y0) / (y1 - y0);
        *from = IML_MIN(*from, x), *to = IML_MAX(*to, x);
    }
    if (*from > *to) *from = *to = 0;
}

static void stripes_shapes(const iml__bg_plane *p, iml_rng *r, iml_image *out)
{
    uint8_t rgb[2][3];
    shape s[5];
    draw_colour(r, 190, 250, 20, rgb[0]);
    draw_colour(r, 190, 250, 20, rgb[1]);
    int32_t width = between(r, 10, 50), n = between(r, 1, 5);
    uint32_t turn = (uint32_t)between(r, 0, 1023), phase = iml_rng_u32(r);
    for (int k = 0; k < n; k++) draw_shape(p, r, &s[k]);
    int64_t f = ((int64_t)1 << 32) / (2 * width);
    uint32_t fx = (uint32_t)(f * cos1024(turn) / 32768), fy = (uint32_t)(f * sin1024(turn) / 32768);
    for (int32_t j = 0; j < out->h; j++) {
        uint8_t *row = iml__image_row(out, j), *d = row;
        uint32_t ph = phase + fx * (uint32_t)p->x + fy * (uint32_t)(p->y + j);
        for (int32_t i = 0; i < out->w; i++, d += 3, ph += fx) put(d, rgb[ph >> 31]);
        for (int k = 0; k < n; k++) {
            int64_t from, to;
            shape_span(&s[k], p->y + j, &from, &to);
            from = IML_MAX(from - p->x, 0), to = IML_MIN(to - p->x, out->w);
            if (from < to) fill_row(row + 3 * from, (int32_t)(to - from), s[k].rgb);
        }
    }
}

static iml_status blobs(const iml__bg_plane *p, iml_rng *r, iml_image *out, iml_arena *a,
                        iml_err *e)
{
    static const int lg[2] = {6, 5};
    static const int32_t amp[2] = {112, 56};
    uint8_t rgb[3][3], lut[512][3];
    noise z;
    for (int k = 0; k < 3; k++) draw_colour(r, 180, 250, 26, rgb[k]);
    // Plateaus with soft edges 24 levels wide.
    int32_t low = between(r, 200, 250), high = between(r, 262, 320);
    for (int k = 0; k < 512; k++) {
        int32_t t1 = IML_CLAMP(k - low + 12, 0, 24), t2 = IML_CLAMP(k - high + 12, 0, 24);
        for (int c = 0; c < 3; c++) {
            int32_t v = rgb[0][c] * (24 - t1) + rgb[1][c] * t1;
            lut[k][c] = (uint8_t)((v * (24 - t2) + 24 * rgb[2][c] * t2 + 288) / 576);
        }
    }
    IML_TRY(noise_open(p, &z, 2, lg, amp, out->w, a, e));
    for (int32_t j = 0; j < out->h; j++) {
        uint8_t *d = iml__image_row(out, j);
        noise_row(p, &z, p->y + j);
        for (int32_t i = 0; i < out->w; i++, d += 3) put(d, lut[256 + z.sum[i]]);
    }
    return IML_OK;
}

iml_status iml__bg_kind_draw(enum iml__bg_kind kind, const iml__bg_plane *p, iml_image *out,
                             iml_arena *scratch, iml_err *e)
{
    iml_rng r = iml_rng_at(p->seed, p->index, iml_stream("synth.bg.proc"));
    switch (kind) {
    case IML__BG_SOLID: solid(&r, out); return IML_OK;
    case IML__BG_GRADIENT: gradient(p, &r, out); return IML_OK;
    case IML__BG_PAPER: return paper(p, &r, out, scratch, e);
    case IML__BG_RULED: ruled(p, &r, out); return IML_OK;
    case IML__BG_NOISE: return grain(p, out, scratch, e);
    case IML__BG_CRYSTAL: return crystal(p, &r, out, scratch, e);
    case IML__BG_STRIPES_SHAPES: stripes_shapes(p, &r, out); return IML_OK;
    case IML__BG_BLOBS: return blobs(p, &r, out, scratch, e);
    default: return IML_FAIL(e, IML_EARG, "background %d is none of the built-in kinds", (int)kind);
    }
}
