// t_map.c: labels follow pixels through every map, whatever it is made of.
#include "tests/unit/iml_test.h"

#include "src/image/map.h"
#include "src/image/map_steps.h"
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

// Runs that stand for all: each op alone at moderate and strong values, then compositions.
struct run {
    const char *name;
    struct {
        enum iml__op_id id;
        double v[3];
    } op[4];
};

static const struct run runs[] = {
    {"rotate 7", {{IML__OP_ROTATE, {7}}}},
    {"rotate -123", {{IML__OP_ROTATE, {-123}}}},
    {"rotate 90", {{IML__OP_ROTATE, {90}}}},
    {"rotate keep", {{IML__OP_ROTATE, {12, IML__ROTATE_KEEP}}}},
    {"rotate crop", {{IML__OP_ROTATE, {12, IML__ROTATE_CROP}}}},
    {"skew", {{IML__OP_SKEW, {20, -10}}}},
    {"skew 45 45", {{IML__OP_SKEW, {45, 45}}}},
    {"trapezoid", {{IML__OP_TRAPEZOID, {0.4, -0.3}}}},
    {"perspective", {{IML__OP_PERSPECTIVE, {0.4}}}},
    {"perspective 0.9", {{IML__OP_PERSPECTIVE, {0.9}}}},
    {"barrel", {{IML__OP_LENS, {0.3, 0.1}}}},
    {"pincushion", {{IML__OP_LENS, {-0.3, 0}}}},
    {"strong pincushion", {{IML__OP_LENS, {-0.9, 0, IML__LENS_SIZE}}}},
    {"elastic", {{IML__OP_ELASTIC, {60, 8}}}},
    {"elastic fine", {{IML__OP_ELASTIC, {12, 2}}}},
    {"grid", {{IML__OP_GRID, {6, 5}}}},
    {"grid too strong", {{IML__OP_GRID, {9, 60}}}},
    {"all",
     {{IML__OP_ROTATE, {5}},
      {IML__OP_PERSPECTIVE, {0.2}},
      {IML__OP_ELASTIC, {40, 6}},
      {IML__OP_LENS, {0.1, 0.1, 1}}}},
    {"all others",
     {{IML__OP_SKEW, {8, 2}}, {IML__OP_TRAPEZOID, {0.2, 0.1}}, {IML__OP_GRID, {5, 4}}}},
};

static iml__map make(const struct run *r, int32_t w, int32_t h, uint64_t index)
{
    iml__map m;
    iml__map_init(&m, w, h);
    for (int k = 0; k < 4; k++) {
        iml__op op;
        if (k && r->op[k].id == 0 && r->op[k].v[0] == 0) break;
        iml__op_init(&op, r->op[k].id, 42, index, "test.op");
        for (int i = 0; i < 3 && i < (int)iml__op_row_of(op.id)->nparams - 2; i++)
            op.v[i] = r->op[k].v[i];
        assert_ok(iml__map_add(&m, &op, e));
    }
    return m;
}

// The middle of mass of what is dark on white.
static bool centre(const iml_image *m, double *x, double *y)
{
    double sum = 0, sx = 0, sy = 0;
    for (int32_t j = 0; j < m->h; j++)
        for (int32_t i = 0; i < m->w; i++) {
            double v = 255 - iml__image_row(m, j)[i];
            sum += v, sx += v * (i + 0.5), sy += v * (j + 0.5);
        }
    if (sum < 200) return false;
    *x = sx / sum, *y = sy / sum;
    return true;
}

static void points_follow_pixels(void **state)
{
    (void)state;
    static const double dots[][2] = {{150, 60}, {31, 22}, {262, 100}, {90, 95}, {220, 17}};
    uint8_t white = 255;
    for (size_t r = 0; r < IML_COUNT_OF(runs); r++) {
        int seen = 0;
        for (size_t d = 0; d < IML_COUNT_OF(dots); d++) {
            iml_image src, out;
            assert_ok(iml__image_new(&arena, 300, 120, 1, IML__U8, &src, e));
            iml__image_fill(&src, &white);
            for (int y = -1; y < 1; y++)
                for (int x = -1; x < 1; x++)
                    iml__image_row(&src, (int)dots[d][1] + y)[(int)dots[d][0] + x] = 0;
            iml__map m = make(&runs[r], 300, 120, r);
            assert_ok(iml__map_grow(&m, &arena, dots[d], 1, 14, 0, e));
            assert_ok(iml__map_build(&m, &arena, e));
            assert_ok(iml__map_warp(&m, &arena, &src, 0, 0, IML__EDGE_CONSTANT, &white, &out, e));
            double x, y, px, py;
            iml__map_point(&m, dots[d][0], dots[d][1], &px, &py);
            assert_true(px >= 1 && py >= 1 && px <= m.w - 1 && py <= m.h - 1);
            if (!centre(&out, &x, &y)) continue; // shrunk to nothing
            seen++;
            if (fabs(x - px) > 0.5 || fabs(y - py) > 0.5)
                fail_msg("%s: the dot is at %.2f %.2f, its label at %.2f %.2f", runs[r].name, x, y,
                         px, py);
        }
        if (seen < 4) fail_msg("%s: only %d dots seen", runs[r].name, seen);
        iml__arena_reset(&arena);
    }
}

static void newton_inverts_the_lattice(void **state)
{
    (void)state;
    uint64_t s = 5;
    for (size_t r = 0; r < IML_COUNT_OF(runs); r++) {
        iml__map m = make(&runs[r], 300, 120, r);
        assert_ok(iml__map_build(&m, &arena, e));
        for (int i = 0; i < 300; i++) {
            double x = 5 + test_rand(&s) % 2900 / 10.0, y = 5 + test_rand(&s) % 1100 / 10.0, dx, dy,
                   bx, by;
            iml__map_point(&m, x, y, &dx, &dy);
            if (dx < 0 || dy < 0 || dx > m.w || dy > m.h) continue;
            iml__map_back(&m, dx, dy, &bx, &by);
            // 1/1024 px of the destination is a few of the source where the map shrinks.
            if (fabs(bx - x) > 8.0 / 1024 || fabs(by - y) > 8.0 / 1024)
                fail_msg("%s: %.3f %.3f -> %.3f %.3f -> %.4f %.4f", runs[r].name, x, y, dx, dy, bx,
                         by);
        }
        iml__arena_reset(&arena);
    }
}

// An outline with jumps, as the boundary of letters is.
static void trail_finds_what_points_find(void **state)
{
    (void)state;
    enum { N = 400 };
    for (size_t r = 0; r < IML_COUNT_OF(runs); r++) {
        iml__map m = make(&runs[r], 300, 120, r);
        double one[2 * N], two[2 * N];
        assert_ok(iml__map_build(&m, &arena, e));
        for (int i = 0; i < N; i++) {
            one[2 * i] = 20 + 60 * (i / 100) + i % 25 + 0.5;
            one[2 * i + 1] = 20 + i / 25 % 4 * 20 + (i % 7) / 2.0;
        }
        memcpy(two, one, sizeof one);
        iml__map_points(&m, one, N);
        iml__map_trail(&m, two, N);
        for (int i = 0; i < 2 * N; i++)
            if (fabs(one[i] - two[i]) > 8.0 / 1024)
                fail_msg("%s: point %d: %.4f %.4f", runs[r].name, i / 2, one[i], two[i]);
        iml__arena_reset(&arena);
    }
}

static void steps_invert_exactly(void **state)
{
    (void)state;
    uint64_t s = 9;
    for (size_t r = 0; r < IML_COUNT_OF(runs); r++) {
        iml__map m = make(&runs[r], 300, 120, r);
        assert_ok(iml__map_build(&m, &arena, e));
        for (int k = 0; k < m.nsteps; k++)
            for (int i = 0; i < 200; i++) {
                double x = test_rand(&s) % 3000 / 10.0, y = test_rand(&s) % 1200 / 10.0, px = x,
                       py = y;
                iml__step_forth(&m.step[k], m.distortion_scale, &px, &py, 1);
                iml__step_back(&m.step[k], m.distortion_scale, &px, &py, 1);
                if (fabs(px - x) > 1e-3 || fabs(py - y) > 1e-3)
                    fail_msg("%s: %.3f %.3f came back as %.4f %.4f", runs[r].name, x, y, px, py);
            }
        iml__arena_reset(&arena);
    }
}

static void quarter_turns_move_samples_unchanged(void **state)
{
    (void)state;
    for (int q = -4; q <= 4; q++)
        for (int ch = 1; ch <= 4; ch++) {
            iml_image src = test_picture(&arena, 37, 21, ch == 4 ? 3 : ch, IML__U8, 0, 3), out;
            if (ch == 2) continue; // alpha rounds colours of nearly clear pixels
            iml__op op;
            iml__op_init(&op, IML__OP_ROTATE, 1, 1, "r");
            op.v[IML__ROTATE_DEG] = 90 * q;
            out = src;
            assert_ok(iml__op_apply(&op, &arena, &out, e));
            int k = ((q % 4) + 4) % 4; // counter-clockwise
            assert_int_equal(out.w, k & 1 ? 21 : 37);
            for (int y = 0; y < out.h; y++)
                for (int x = 0; x < out.w; x++) {
                    int sx = k == 0 ? x : k == 1 ? 36 - y : k == 2 ? 36 - x : y;
                    int sy = k == 0 ? y : k == 1 ? x : k == 2 ? 20 - y : 20 - x;
                    assert_memory_equal(iml__image_row(&out, y) + x * out.channels,
                                        iml__image_row(&src, sy) + sx * out.channels,
                                        (size_t)out.channels);
                }
        }
}

static void positive_degrees_turn_counter_clockwise(void **state)
{
    (void)state;
    iml__map m;
    iml__op op;
    iml__map_init(&m, 100, 100);
    iml__op_init(&op, IML__OP_ROTATE, 0, 0, "r");
    op.v[IML__ROTATE_DEG] = 30, op.v[IML__ROTATE_BORDER] = IML__ROTATE_KEEP;
    assert_ok(iml__map_add(&m, &op, e));
    assert_ok(iml__map_build(&m, &arena, e));
    double x, y;
    iml__map_point(&m, 90, 50, &x, &y); // right of the middle: goes up
    assert_true(fabs(x - (50 + 40 * 0.8660254)) < 0.01 && fabs(y - (50 - 20)) < 0.01);
}

static void nothing_folds_however_strong(void **state)
{
    (void)state;
    iml__map m = make(&runs[16], 300, 120, 3);
    assert_ok(iml__map_build(&m, &arena, e));
    assert_true(m.distortion_scale < 1 && m.distortion_scale > 0);
    double k = log(m.distortion_scale) / log(0.8);
    assert_true(fabs(k - rint(k)) < 1e-9); // whole steps of 0.8
    for (int j = 0; j + 1 < m.ny; j++)
        for (int i = 0; i + 1 < m.nx; i++) {
            int64_t o = (int64_t)j * m.nx + i;
            double ax = (double)(m.x[o + 1] - m.x[o]), ay = (double)(m.y[o + 1] - m.y[o]);
            double bx = (double)(m.x[o + m.nx] - m.x[o]), by = (double)(m.y[o + m.nx] - m.y[o]);
            double g = 65536.0 * (1 << m.lg);
            assert_true((ax * by - ay * bx) / (g * g) > 0.25);
        }
    iml__map gentle = make(&runs[13], 300, 120, 3);
    assert_ok(iml__map_build(&gentle, &arena, e));
    assert_true(gentle.distortion_scale == 1);
}

static void grow_keeps_every_point_inside(void **state)
{
    (void)state;
    static const double pts[] = {0, 0, 300, 0, 300, 120, 0, 120, 150, -20};
    for (size_t r = 0; r < IML_COUNT_OF(runs); r++) {
        if (strstr(runs[r].name, "0.9")) continue; // its far side is at the horizon
        iml__map m = make(&runs[r], 300, 120, r);
        assert_ok(iml__map_grow(&m, &arena, pts, 5, 1, 0, e));
        assert_ok(iml__map_build(&m, &arena, e));
        for (int i = 0; i < 5; i++) {
            double x, y;
            iml__map_point(&m, pts[2 * i], pts[2 * i + 1], &x, &y);
            if (!(x > 0.4 && y > 0.4 && x < m.w - 0.4 && y < m.h - 0.4))
                fail_msg("%s: point %d is at %.2f %.2f of %d x %d", runs[r].name, i, x, y, m.w,
                         m.h);
        }
        iml__arena_reset(&arena);
    }
    iml__map m = make(&runs[0], 300, 120, 0);
    assert_int_equal(iml__map_grow(&m, &arena, pts, 5, 1, 1000, NULL), IML_ELIMIT);
}

static void elastic_pitch_follows_sigma_and_spread_its_formula(void **state)
{
    (void)state;
    static const double sigma[] = {1, 3.9, 4, 7.9, 8, 15.9, 16, 100};
    static const int lg[] = {0, 0, 1, 1, 2, 2, 3, 3};
    for (int i = 0; i < 8; i++) assert_int_equal(iml__elastic_lg(sigma[i]), lg[i]);
    struct run r = {"elastic", {{IML__OP_ELASTIC, {80, 8}}}};
    iml__map m = make(&r, 2000, 1000, 1);
    assert_ok(iml__step_field(&m.step[0], &arena, e));
    double sum = 0;
    size_t n = (size_t)m.step[0].nx * (size_t)m.step[0].ny;
    for (size_t i = 0; i < n; i++) sum += m.step[0].d[2 * i] * m.step[0].d[2 * i];
    assert_true(fabs(sqrt(sum / (double)n) / (0.163 * 80 / 8) - 1) < 0.05);
}

static bool same_nodes(const iml__map *a, const iml__map *b)
{
    size_t n = (size_t)a->nx * (size_t)a->ny * sizeof *a->x;
    return a->nx == b->nx && a->ny == b->ny && a->w == b->w && a->h == b->h &&
           !memcmp(a->x, b->x, n) && !memcmp(a->y, b->y, n);
}

static void copies_of_a_prepared_map_build_what_it_builds_alone(void **state)
{
    (void)state;
    static const double near[2] = {150, 60}, far[2] = {-7, 130};
    for (size_t r = 0; r < IML_COUNT_OF(runs); r++)
        for (int grows = 0; grows < 2; grows++) {
            const double *xy = grows ? far : near;
            iml__map alone = make(&runs[r], 300, 120, r), first = make(&runs[r], 300, 120, r);
            assert_ok(iml__map_grow(&alone, &arena, xy, 1, 1, 0, e));
            assert_ok(iml__map_build(&alone, &arena, e));
            assert_ok(iml__map_prepare(&first, &arena, e));
            for (int k = 0; k < 2; k++) {
                iml__map copy = first;
                assert_ok(iml__map_grow(&copy, &arena, xy, 1, 1, 0, e));
                assert_ok(iml__map_build(&copy, &arena, e));
                assert_true(same_nodes(&alone, &copy));
                assert_true(alone.distortion_scale == copy.distortion_scale);
            }
            iml__arena_reset(&arena);
        }
}

static void source_box_covers_every_tap(void **state)
{
    (void)state;
    iml__map m = make(&runs[17], 300, 120, 2);
    assert_ok(iml__map_build(&m, &arena, e));
    int64_t box[4];
    iml__map_source_box(&m, box);
    // A source drawn that large never meets its edge: reflecting and filling give the same picture.
    int32_t w = (int32_t)(box[2] - box[0]), h = (int32_t)(box[3] - box[1]);
    iml_image big = test_picture(&arena, w, h, 3, IML__U8, 1, 4), a, b;
    assert_ok(iml__map_warp(&m, &arena, &big, (int32_t)-box[0], (int32_t)-box[1], IML__EDGE_REFLECT,
                            NULL, &a, e));
    assert_ok(iml__map_warp(&m, &arena, &big, (int32_t)-box[0], (int32_t)-box[1],
                            IML__EDGE_CONSTANT, NULL, &b, e));
    assert_true(test_equal(&a, &b));
}

static void bicubic_and_other_edges_agree_inside(void **state)
{
    (void)state;
    iml_image src = test_picture(&arena, 80, 60, 3, IML__U8, 1, 4), a, b;
    for (int pass = 0; pass < 2; pass++) {
        iml__op op;
        iml__map m;
        iml__map_init(&m, 80, 60);
        iml__op_init(&op, IML__OP_SKEW, 0, 0, "s");
        op.v[IML__SKEW_X] = 3, op.v[IML__SKEW_FILTER] = pass;
        assert_ok(iml__map_add(&m, &op, e));
        assert_ok(iml__map_build(&m, &arena, e));
        assert_ok(iml__map_warp(&m, &arena, &src, 0, 0, IML__EDGE_REFLECT, NULL, &a, e));
        for (int edge = IML__EDGE_SYMMETRIC; edge <= IML__EDGE_REPLICATE; edge++) {
            assert_ok(iml__map_warp(&m, &arena, &src, 0, 0, (enum iml__edge)edge, NULL, &b, e));
            for (int y = 4; y < 56; y++) // the same but near the sides
                assert_memory_equal(iml__image_row(&a, y) + 18, iml__image_row(&b, y) + 18, 3 * 68);
        }
    }
}

static void alpha_is_premultiplied(void **state)
{
    (void)state;
    iml_image src, out;
    assert_ok(iml__image_new(&arena, 40, 40, 4, IML__U8, &src, e));
    iml__image_fill(&src, (const uint8_t[]){255, 0, 0, 0}); // clear red around opaque green
    for (int y = 10; y < 30; y++)
        for (int x = 10; x < 30; x++)
            memcpy(iml__image_row(&src, y) + 4 * x, (const uint8_t[]){0, 200, 0, 255}, 4);
    iml__op op;
    iml__op_init(&op, IML__OP_ROTATE, 0, 0, "r");
    op.v[0] = 13;
    out = src;
    assert_ok(iml__op_apply(&op, &arena, &out, e));
    for (int y = 0; y < out.h; y++)
        for (int x = 0; x < out.w; x++) {
            const uint8_t *p = iml__image_row(&out, y) + 4 * x;
            assert_int_equal(p[0], 0); // no red bleeds in
            if (p[3] > 8) assert_true(abs(p[1] - 200) < 20);
        }
}

static void impossible_orders_are_refused(void **state)
{
    (void)state;
    iml__map m;
    iml__op op;
    iml__map_init(&m, 10, 10);
    iml__op_init(&op, IML__OP_BLUR, 0, 0, "b");
    assert_int_equal(iml__map_add(&m, &op, NULL), IML_EARG);
    iml__op_init(&op, IML__OP_ROTATE, 0, 0, "r");
    op.v[0] = NAN;
    assert_int_equal(iml__map_add(&m, &op, NULL), IML_EARG);
    op.v[0] = 361;
    assert_int_equal(iml__map_add(&m, &op, NULL), IML_EARG);
    op.v[0] = 20;
    for (int i = 0; i < IML__MAP_STEPS; i++) {
        op.v[1] = IML__ROTATE_KEEP;
        assert_ok(iml__map_add(&m, &op, e));
    }
    assert_int_equal(iml__map_add(&m, &op, NULL), IML_EARG);
    assert_ok(iml__map_build(&m, &arena, e));
    assert_int_equal(iml__map_build(&m, &arena, NULL), IML_EARG);
    assert_int_equal(iml__map_grow(&m, &arena, NULL, 0, 1, 0, NULL), IML_EARG);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, NULL, reset_arena)
    const struct CMUnitTest tests[] = {
        T(points_follow_pixels),
        T(newton_inverts_the_lattice),
        T(trail_finds_what_points_find),
        T(steps_invert_exactly),
        T(quarter_turns_move_samples_unchanged),
        T(positive_degrees_turn_counter_clockwise),
        T(nothing_folds_however_strong),
        T(grow_keeps_every_point_inside),
        T(elastic_pitch_follows_sigma_and_spread_its_formula),
        T(copies_of_a_prepared_map_build_what_it_builds_alone),
        T(source_box_covers_every_tap),
        T(bicubic_and_other_edges_agree_inside),
        T(alpha_is_premultiplied),
        T(impossible_orders_are_refused),
    };
    return cmocka_run_group_tests(tests, open_arena, NULL);
}
