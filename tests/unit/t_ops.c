// t_ops.c: the rows of ops.def: formulas against brute force, identities, and golden bytes.
//
// CTest runs this program twice, with the machine's SIMD level and with IML_CPU=scalar, against the
// same tests/golden/ops.xxh: so whole ops are equal at both. IML_GOLDEN_OUT=FILE writes what was
// found.
#include "tests/unit/iml_test.h"

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/image/compose.h"
#include "src/image/convert.h"
#include "src/image/map.h"
#include "src/image/ops.h"
#include "src/image/resample.h"
#include "src/kernel/kernel.h"
#include "tests/unit/pictures.h"

#include <math.h>

static iml_arena arena;

static int open_arena(void **state)
{
    (void)state;
    return iml__arena_open(&arena, 0, -1, NULL) != IML_OK;
}

static int reset_arena(void **state)
{
    (void)state;
    iml__arena_reset(&arena);
    return 0;
}

// One telling setting a row; the name is that of the golden line.
struct setting {
    const char *name;
    enum iml__op_id id;
    double v[4];
};

static const struct setting settings[] = {
    {"rotate", IML__OP_ROTATE, {7.5}},
    {"rotate-crop-bicubic", IML__OP_ROTATE, {-20, IML__ROTATE_CROP, 0, 1}},
    {"skew-replicate", IML__OP_SKEW, {9, 4, IML__EDGE_REPLICATE}},
    {"trapezoid-constant", IML__OP_TRAPEZOID, {0.3, -0.2, IML__EDGE_CONSTANT}},
    {"perspective", IML__OP_PERSPECTIVE, {0.5}},
    {"lens", IML__OP_LENS, {0.2, 0.1}},
    {"elastic", IML__OP_ELASTIC, {40, 5}},
    {"grid", IML__OP_GRID, {5, 4}},
    {"resize-triangle", IML__OP_RESIZE, {41, 67}},
    {"resize-box", IML__OP_RESIZE, {30, 20, IML__FILTER_BOX}},
    {"resize-area", IML__OP_RESIZE, {37, 0, IML__FILTER_AREA}},
    {"resize-nearest", IML__OP_RESIZE, {120, 11, IML__FILTER_NEAREST}},
    {"brightness", IML__OP_BRIGHTNESS, {1.3}},
    {"contrast", IML__OP_CONTRAST, {1.4}},
    {"gamma", IML__OP_GAMMA, {0.45}},
    {"invert", IML__OP_INVERT, {0}},
    {"blur-1", IML__OP_BLUR, {0, 1}},
    {"blur-7.3", IML__OP_BLUR, {0, 7.3}},
    {"morph-min", IML__OP_MORPH, {IML__MORPH_MIN, 3}},
    {"morph-max", IML__OP_MORPH, {IML__MORPH_MAX, 6}},
    {"noise-gauss", IML__OP_NOISE, {IML__NOISE_GAUSS, 20}},
    {"noise-gauss-gray", IML__OP_NOISE, {IML__NOISE_GAUSS, 8, 0, 1}},
    {"noise-uniform", IML__OP_NOISE, {IML__NOISE_UNIFORM, 30}},
    {"noise-salt-pepper", IML__OP_NOISE, {IML__NOISE_SALT_PEPPER, 0, 0.05}},
};

static iml__op op_of(const struct setting *s, uint64_t index)
{
    iml__op op;
    iml__op_init(&op, s->id, 42, index, "test.op");
    for (int i = 0; i < 4; i++) op.v[i] = s->v[i];
    return op;
}

static void goldens(void **state)
{
    (void)state;
    const char *out = getenv("IML_GOLDEN_OUT");
    FILE *f = fopen(out ? out : IML_SOURCE_DIR "/tests/golden/ops.xxh", out ? "w" : "r");
    assert_non_null(f);
    static const char *const depths[] = {"u8", "u16", "f32"};
    int seen = 0;
    for (size_t s = 0; s < IML_COUNT_OF(settings); s++)
        for (int depth = IML__U8; depth <= IML__F32; depth++)
            for (int ch = 1; ch <= 4; ch++) {
                if (!(iml__op_row_of(settings[s].id)->types & 1u << depth)) continue;
                iml_image m = test_picture(&arena, 83, 47, ch, (enum iml__depth)depth, 1, 11);
                iml__op op = op_of(&settings[s], 7);
                assert_ok(iml__op_apply(&op, &arena, &m, e));
                char line[128], want[128] = "";
                snprintf(line, sizeof line, "%s %s %d %dx%d %016llx\n", settings[s].name,
                         depths[depth], ch, (int)m.w, (int)m.h,
                         (unsigned long long)iml__image_hash(&m));
                if (out)
                    fputs(line, f);
                else if (!fgets(want, sizeof want, f) || strcmp(line, want))
                    fail_msg("is %s, was %s", line, want);
                seen++;
                iml__arena_reset(&arena);
            }
    fclose(f);
    assert_true(seen > 200);
}

static void neutral_values_change_nothing(void **state)
{
    (void)state;
    static const struct setting neutral[] = {
        {"", IML__OP_ROTATE, {0}},         {"", IML__OP_ROTATE, {360}},
        {"", IML__OP_SKEW, {0}},           {"", IML__OP_TRAPEZOID, {0}},
        {"", IML__OP_PERSPECTIVE, {0.05}}, {"", IML__OP_LENS, {0, 0}},
        {"", IML__OP_ELASTIC, {0, 9}},     {"", IML__OP_ELASTIC, {9, 0}},
        {"", IML__OP_GRID, {1, 9}},        {"", IML__OP_GRID, {5, 0}},
        {"", IML__OP_RESIZE, {83, 0}},     {"", IML__OP_BRIGHTNESS, {1}},
        {"", IML__OP_CONTRAST, {1}},       {"", IML__OP_GAMMA, {1}},
        {"", IML__OP_BLUR, {0, 0}},        {"", IML__OP_MORPH, {0, 1}},
        {"", IML__OP_NOISE, {0, 0}},       {"", IML__OP_NOISE, {4, 9, 0.0001}},
        {"", IML__OP_RESIZE, {83, 47}},
    };
    for (size_t s = 0; s < IML_COUNT_OF(neutral); s++)
        for (int ch = 1; ch <= 4; ch++) {
            iml_image m = test_picture(&arena, 83, 47, ch, IML__U8, 0, 5), r;
            iml__op op = op_of(&neutral[s], 1);
            assert_ok(iml__image_copy(&arena, &m, &r, e));
            assert_ok(iml__op_apply(&op, &arena, &r, e));
            assert_true(test_equal(&m, &r));
        }
}

static void values_out_of_range_are_refused_by_name(void **state)
{
    (void)state;
    for (int id = 0; id < IML__OP_COUNT; id++) {
        const iml__op_row *row = iml__op_row_of((enum iml__op_id)id);
        assert_ptr_equal(row, iml__op_find(row->name));
        assert_true(row->own >= 1 + (row->nparams ? 1u : 0u));
        for (uint32_t p = 0; p < row->nparams; p++) {
            iml__op op;
            iml_err err = {0};
            iml__op_init(&op, (enum iml__op_id)id, 0, 0, "x");
            assert_int_equal(iml__op_check(&op, &err), IML_OK);
            op.v[p] = row->param[p].hi + 1;
            assert_int_equal(iml__op_check(&op, &err), IML_EARG);
            assert_non_null(strstr(err.msg, row->param[p].name));
            op.v[p] = NAN;
            assert_int_equal(iml__op_check(&op, &err), IML_EARG);
        }
    }
    assert_null(iml__op_find("sharpen?"));
    iml__op op;
    iml__op_init(&op, IML__OP_BLUR, 0, 0, "x");
    iml_image m = test_picture(&arena, 8, 8, 1, IML__F32, 0, 1);
    assert_int_equal(iml__op_apply(&op, &arena, &m, NULL), IML_EARG);
}

// The corners of a perspective are drawn from eight slots of their own, behind the parameters.
static void new_parameter_shifts_no_draw(void **state)
{
    (void)state;
    const iml__op_row *row = iml__op_find("perspective");
    assert_int_equal(row->own, 4);
    iml__op op;
    iml__op_init(&op, IML__OP_PERSPECTIVE, 42, 9, "synth.perspective_warp_magnitude");
    op.v[IML__PERSPECTIVE_AMOUNT] = 0.4;
    iml__map m;
    iml__map_init(&m, 200, 100);
    assert_ok(iml__map_add(&m, &op, e));
    assert_ok(iml__map_build(&m, &arena, e));
    double u[2], x, y;
    for (uint32_t k = 0; k < 2; k++) {
        iml_rng r = iml__rng_slot(42, 9, iml_stream("synth.perspective_warp_magnitude"), 4 + k);
        u[k] = iml_rng_unit(&r);
    }
    iml__map_point(&m, 0, 0, &x, &y);
    assert_true(fabs(x - u[0] * 20) < 0.05 && fabs(y - u[1] * 20) < 0.05);
}

// ---- Formulas

static void blur_equals_its_formula(void **state)
{
    (void)state;
    static const double sigmas[] = {0.4, 1, 2.7, 9};
    for (size_t s = 0; s < 4; s++)
        for (int depth = IML__U8; depth <= IML__U16; depth++) {
            iml_image m = test_picture(&arena, 23, 17, 1, (enum iml__depth)depth, 0, s), b;
            int16_t w[IML__GAUSS_TAPS];
            int r = iml__gauss_weights(sigmas[s], w), total = 0;
            assert_int_equal(r, (int)ceil(3 * sigmas[s]));
            for (int k = 0; k <= 2 * r; k++) total += w[k];
            assert_int_equal(total, 1 << 14);
            assert_ok(iml__image_copy(&arena, &m, &b, e));
            assert_ok(iml__blur_gauss(sigmas[s], &arena, &b, e));
            for (int y = 0; y < 17; y++)
                for (int x = 0; x < 23; x++) {
                    int64_t sum = 1 << 19;
                    for (int j = -r; j <= r; j++) {
                        int64_t row = 128;
                        const uint8_t *p = iml__image_row(&m, iml__reflect101(y + j, 17));
                        for (int i = -r; i <= r; i++) {
                            int at = iml__reflect101(x + i, 23);
                            row +=
                                w[r + i] * (int64_t)(depth == IML__U8
                                                         ? p[at]
                                                         : ((const uint16_t *)(const void *)p)[at]);
                        }
                        sum += w[r + j] * (row >> 8);
                    }
                    const uint8_t *q = iml__image_row(&b, y);
                    assert_int_equal(depth == IML__U8 ? q[x]
                                                      : ((const uint16_t *)(const void *)q)[x],
                                     sum >> 20);
                }
        }
}

static void morph_equals_its_formula(void **state)
{
    (void)state;
    for (int k = 2; k <= 31; k += k < 8 ? 1 : 7)
        for (int mode = 0; mode < 2; mode++)
            for (int ch = 1; ch <= 3; ch += 2) {
                iml_image m = test_picture(&arena, 29, 15, ch, IML__U8, 0, (uint64_t)k), r;
                struct setting s = {"", IML__OP_MORPH, {mode, k}};
                iml__op op = op_of(&s, 1);
                assert_ok(iml__image_copy(&arena, &m, &r, e));
                assert_ok(iml__op_apply(&op, &arena, &r, e));
                for (int y = 0; y < 15; y++)
                    for (int x = 0; x < 29; x++)
                        for (int c = 0; c < ch; c++) {
                            int best = mode ? 0 : 255;
                            for (int j = -(k / 2); j < k - k / 2; j++)
                                for (int i = -(k / 2); i < k - k / 2; i++) {
                                    if (x + i < 0 || x + i >= 29 || y + j < 0 || y + j >= 15)
                                        continue;
                                    int v = iml__image_row(&m, y + j)[(x + i) * ch + c];
                                    best = mode ? IML_MAX(best, v) : IML_MIN(best, v);
                                }
                            assert_int_equal(iml__image_row(&r, y)[x * ch + c], best);
                        }
            }
}

static void noise_equals_its_formula_and_strips_have_the_same_field(void **state)
{
    (void)state;
    static const double sigmas[] = {0.7, 6, 51, 200};
    for (size_t s = 0; s < 4; s++)
        for (int kind = IML__NOISE_GAUSS; kind <= IML__NOISE_UNIFORM; kind++)
            for (int ch = 1; ch <= 4; ch++) {
                iml_image m = test_picture(&arena, 61, 33, ch, IML__U8, 1, 3), r;
                struct setting t = {"", IML__OP_NOISE, {kind, sigmas[s], 0, s == 1}};
                iml__op op = op_of(&t, 5);
                assert_ok(iml__image_copy(&arena, &m, &r, e));
                assert_ok(iml__op_apply(&op, &arena, &r, e));
                int colours = ch <= 2 ? 1 : 3, per = s == 1 ? 1 : colours;
                for (int y = 0; y < 33; y++)
                    for (int x = 0; x < 61; x++)
                        for (int c = 0; c < ch; c++) {
                            int v = iml__image_row(&m, y)[x * ch + c];
                            uint32_t word; // asked for alone: a strip starts at its own sample
                            iml__rng_field(42, 5, iml_stream("test.op.field"),
                                           (uint64_t)((y * 61 + x) * per + (per > 1 ? c : 0)),
                                           &word, 1);
                            double u = (word + 0.5) * 0x1p-32;
                            double z =
                                kind ? 1.7320508075688772935 * (2 * u - 1) : iml__norm_inv(u);
                            if (c < colours)
                                v = IML_CLAMP(v + (int)floor(sigmas[s] * z + 0.5), 0, 255);
                            assert_int_equal(iml__image_row(&r, y)[x * ch + c], v);
                        }
            }
}

static void salt_and_pepper_hits_exactly_its_share(void **state)
{
    (void)state;
    for (int kind = IML__NOISE_SALT; kind <= IML__NOISE_SALT_PEPPER; kind++)
        for (int ch = 1; ch <= 4; ch++) {
            iml_image m;
            uint8_t grey[4] = {100, 100, 100, 100};
            assert_ok(iml__image_new(&arena, 97, 41, ch, IML__U8, &m, e));
            iml__image_fill(&m, grey);
            struct setting t = {"", IML__OP_NOISE, {kind, 0, 0.0333}};
            iml__op op = op_of(&t, 5);
            assert_ok(iml__op_apply(&op, &arena, &m, e));
            int white = 0, black = 0;
            for (int y = 0; y < 41; y++)
                for (int x = 0; x < 97; x++) {
                    const uint8_t *p = iml__image_row(&m, y) + x * ch;
                    white += p[0] == 255, black += p[0] == 0;
                    for (int c = 1; c < (ch <= 2 ? 1 : 3); c++) assert_int_equal(p[c], p[0]);
                    if (ch == 2 || ch == 4) assert_int_equal(p[ch - 1], 100);
                }
            assert_int_equal(white + black, (int)floor(0.0333 * 97 * 41));
            if (kind == IML__NOISE_SALT) assert_int_equal(black, 0);
            if (kind == IML__NOISE_PEPPER) assert_int_equal(white, 0);
            if (kind == IML__NOISE_SALT_PEPPER) assert_true(white > 30 && black > 30);
        }
}

static void tone_follows_its_formulas(void **state)
{
    (void)state;
    iml_image m = test_picture(&arena, 40, 20, 4, IML__U8, 1, 2), r;
    uint64_t sum = 0;
    for (int y = 0; y < 20; y++)
        for (int x = 0; x < 40; x++) {
            const uint8_t *p = iml__image_row(&m, y) + 4 * x;
            sum += (19595u * p[0] + 38470u * p[1] + 7471u * p[2] + 32768u) >> 16;
        }
    double mean = floor((double)sum / 800 + 0.5);
    assert_int_equal(iml__mean_luma(&m), (int)mean);
    static const struct setting t[] = {{"", IML__OP_BRIGHTNESS, {1.37}},
                                       {"", IML__OP_CONTRAST, {0.6}},
                                       {"", IML__OP_CONTRAST, {2.5}},
                                       {"", IML__OP_GAMMA, {2.2}},
                                       {"", IML__OP_INVERT, {0}}};
    for (size_t s = 0; s < IML_COUNT_OF(t); s++) {
        iml__op op = op_of(&t[s], 1);
        assert_ok(iml__image_copy(&arena, &m, &r, e));
        assert_ok(iml__op_apply(&op, &arena, &r, e));
        for (int y = 0; y < 20; y++)
            for (int x = 0; x < 160; x++) {
                double v = iml__image_row(&m, y)[x], x0 = t[s].v[0], want = 255 - v;
                if (t[s].id == IML__OP_BRIGHTNESS) want = v * x0;
                if (t[s].id == IML__OP_CONTRAST) want = mean + (v - mean) * x0;
                if (t[s].id == IML__OP_GAMMA) want = 255 * pow(v / 255, x0);
                want = (x & 3) == 3 ? v : IML_CLAMP(floor(want + 0.5), 0.0, 255.0);
                assert_int_equal(iml__image_row(&r, y)[x], (int)want);
            }
    }
}

static void resizing_keeps_flat_pictures_flat_and_means_exact(void **state)
{
    (void)state;
    static const int32_t to[][2] = {{1, 1}, {5, 90}, {90, 5}, {31, 17}, {62, 34}, {300, 200}};
    for (size_t s = 0; s < IML_COUNT_OF(to); s++)
        for (int f = 0; f < 4; f++)
            for (int ch = 1; ch <= 4; ch++) {
                iml_image m, r;
                uint8_t px[4] = {17, 200, 93, 255};
                assert_ok(iml__image_new(&arena, 62, 34, ch, IML__U8, &m, e));
                if (ch == 2) px[1] = 255;
                iml__image_fill(&m, px);
                assert_ok(iml__resize(&m, to[s][0], to[s][1], (enum iml__filter)f, &arena, &r, e));
                for (int y = 0; y < r.h; y++)
                    for (int x = 0; x < r.w; x++)
                        assert_memory_equal(iml__image_row(&r, y) + x * ch, px, (size_t)ch);
                px[1] = 200;
            }
    iml_image m = test_picture(&arena, 60, 40, 3, IML__U8, 0, 1), r;
    for (int f = IML__FILTER_BOX; f <= IML__FILTER_AREA; f++) {
        assert_ok(iml__resize(&m, 30, 20, (enum iml__filter)f, &arena, &r, e));
        for (int y = 0; y < 20; y++)
            for (int x = 0; x < 90; x++) {
                int a = x / 3 * 6 + x % 3;
                const uint8_t *p = iml__image_row(&m, 2 * y), *q = iml__image_row(&m, 2 * y + 1);
                int left = (p[a] + q[a] + 1) / 2,
                    right = (p[a + 3] + q[a + 3] + 1) / 2; // vertical first
                assert_int_equal(iml__image_row(&r, y)[x], (left + right + 1) / 2);
            }
    }
    assert_int_equal(iml__scaled_side(5, 0.5), 2);
    assert_int_equal(iml__scaled_side(7, 0.5), 4);
    assert_int_equal(iml__scaled_side(3, 0.001), 1);
}

// A dot's middle scales with the picture, and no P op moves it.
static void points_follow_pixels(void **state)
{
    (void)state;
    for (int f = 0; f < 3; f++) {
        iml_image m, r;
        uint8_t white = 255;
        assert_ok(iml__image_new(&arena, 120, 80, 1, IML__U8, &m, e));
        iml__image_fill(&m, &white);
        for (int y = 30; y < 36; y++)
            for (int x = 70; x < 76; x++) iml__image_row(&m, y)[x] = 0;
        assert_ok(iml__resize(&m, 77, 133, (enum iml__filter)f, &arena, &r, e));
        if (f == 0) assert_ok(iml__blur_gauss(1.5, &arena, &r, e));
        double sum = 0, sx = 0, sy = 0;
        for (int y = 0; y < 133; y++)
            for (int x = 0; x < 77; x++) {
                double v = 255 - iml__image_row(&r, y)[x];
                sum += v, sx += v * (x + 0.5), sy += v * (y + 0.5);
            }
        assert_true(fabs(sx / sum - 73.0 * 77 / 120) < 0.5 &&
                    fabs(sy / sum - 33.0 * 133 / 80) < 0.5);
    }
}

static void compositing_clips_and_blends(void **state)
{
    (void)state;
    uint8_t stamp[5 * 7];
    for (int i = 0; i < 35; i++) stamp[i] = (uint8_t)(i * 7 + 1);
    for (int ch = 1; ch <= 4; ch++)
        for (int x = -7; x <= 20; x++)
            for (int y = -6; y <= 12; y += 3) {
                iml_image layer, d;
                uint8_t zero = 0, paper[4] = {200, 150, 100, 255}, ink[4] = {10, 20, 30, 128};
                assert_ok(iml__image_new(&arena, 19, 11, 1, IML__U8, &layer, e));
                iml__image_fill(&layer, &zero);
                iml__stamp_max(&layer, x, y, stamp, 7, 7, 5);
                iml__stamp_max(&layer, x, y, stamp, 7, 7, 4); // a second time changes nothing
                for (int j = 0; j < 11; j++)
                    for (int i = 0; i < 19; i++) {
                        bool in = i >= x && i < x + 7 && j >= y && j < y + 5;
                        assert_int_equal(iml__image_row(&layer, j)[i],
                                         in ? stamp[(j - y) * 7 + i - x] : 0);
                    }
                assert_ok(iml__image_new(&arena, 25, 15, ch, IML__U8, &d, e));
                if (ch == 2) paper[1] = 255;
                iml__image_fill(&d, paper);
                iml__over_colour(&d, x, y, &layer, ink);
                for (int j = 0; j < 15; j++)
                    for (int i = 0; i < 25; i++) {
                        bool in = i >= x && i < x + 19 && j >= y && j < y + 11;
                        int a = in ? iml__image_row(&layer, j - y)[i - x] : 0;
                        a = (a * 128 + 127) / 255;
                        int c = ch <= 2 ? (19595 * 10 + 38470 * 20 + 7471 * 30 + 32768) >> 16 : 10;
                        int want = (c * a + 200 * (255 - a) + 127) / 255;
                        int got = iml__image_row(&d, j)[i * ch];
                        assert_true(abs(got - want) <=
                                    (ch == 2 || ch == 4)); // one division there, two here
                        if (ch == 2 || ch == 4)
                            assert_int_equal(iml__image_row(&d, j)[i * ch + ch - 1], 255);
                    }
                iml__arena_reset(&arena);
            }
}

static void over_with_alpha_keeps_the_ink(void **state)
{
    (void)state;
    iml_image d, s, rgb;
    assert_ok(iml__image_new(&arena, 9, 3, 4, IML__U8, &d, e));
    assert_ok(iml__image_new(&arena, 9, 3, 4, IML__U8, &s, e));
    assert_ok(iml__image_new(&arena, 9, 3, 3, IML__U8, &rgb, e));
    iml__image_fill(&d, (const uint8_t[]){9, 9, 9, 0}); // clear
    iml__image_fill(&s, (const uint8_t[]){50, 100, 200, 77});
    iml__image_fill(&rgb, (const uint8_t[]){255, 255, 255});
    iml__over(&d, 0, 0, &s);
    assert_memory_equal(d.px, ((const uint8_t[]){50, 100, 200, 77}),
                        4); // nothing of the clear colour
    iml__over(&rgb, 0, 0, &s);
    for (int c = 0; c < 3; c++) assert_int_equal(rgb.px[c], (s.px[c] * 77 + 255 * 178 + 127) / 255);
}

static void any_failing_allocation_is_clean(void **state)
{
    (void)state;
    for (size_t s = 0; s < IML_COUNT_OF(settings); s++)
        for (int depth = IML__U8; depth <= IML__U16; depth++) {
            iml_image m = test_picture(&arena, 40, 30, 4, (enum iml__depth)depth, 1, 1);
            iml__op op = op_of(&settings[s], 1);
            iml_status st = IML_ENOMEM;
            size_t mark = iml__arena_mark(&arena);
            for (uint64_t i = 1; st != IML_OK; i++) {
                iml_image r = m;
                assert_true(i < 200);
                iml__mem_fail(i, false);
                st = iml__op_apply(&op, &arena, &r, NULL);
                bool hit = iml__mem_asked() >= i;
                iml__mem_fail(0, false);
                assert_int_equal(st, hit ? IML_ENOMEM : IML_OK);
                iml__arena_release(&arena, mark);
            }
            iml__arena_reset(&arena);
        }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, NULL, reset_arena)
    const struct CMUnitTest tests[] = {
        T(goldens),
        T(neutral_values_change_nothing),
        T(values_out_of_range_are_refused_by_name),
        T(new_parameter_shifts_no_draw),
        T(blur_equals_its_formula),
        T(morph_equals_its_formula),
        T(noise_equals_its_formula_and_strips_have_the_same_field),
        T(salt_and_pepper_hits_exactly_its_share),
        T(tone_follows_its_formulas),
        T(resizing_keeps_flat_pictures_flat_and_means_exact),
        T(points_follow_pixels),
        T(compositing_clips_and_blends),
        T(over_with_alpha_keeps_the_ink),
        T(any_failing_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, open_arena, NULL);
}
