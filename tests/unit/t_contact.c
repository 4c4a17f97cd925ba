// t_contact.c: tiles: fit, grey, labels, letters; the legend's lines.
#include "tests/unit/iml_test.h"

#include "src/base/arena.h"
#include "src/image/font8x16.h"
#include "src/image/contact.h"

static uint8_t tile[IML__TILE_BYTES];
static const uint8_t *at(int x, int y) { return tile + 3 * (y * IML__TILE + x); }

static void a_plane_keeps_its_aspect(void **state)
{
    (void)state;
    struct iml__fit f = iml__sheet_fit(100, 50, 1, 1);
    assert_int_equal(f.h, 192), assert_int_equal(f.w, 96), assert_int_equal(f.x, 48);
    f = iml__sheet_fit(10, 100, 5, 0.5); // 50 mm each way
    assert_int_equal(f.h, 192), assert_int_equal(f.w, 192);
    f = iml__sheet_fit(1, 5000, 1, 1);
    assert_int_equal(f.h, 1), assert_int_equal(f.w, 192);
    f = iml__sheet_fit(7, 7, 0, -3); // no sizes: square pixels
    assert_int_equal(f.h, 192), assert_int_equal(f.w, 192);
}

static void grey_runs_from_low_to_high(void **state)
{
    (void)state;
    static float v[4 * 8], scratch[4 * IML__TILE];
    for (int k = 0; k < 32; k++) v[k] = (float)(k % 8);
    struct iml__fit f = iml__sheet_fit(4, 8, 1, 1);
    iml__sheet_grey(tile, &f, v, 4, 8, 0, 7, scratch);
    assert_int_equal(at(0, 96)[0], 0);
    assert_int_equal(at(191, 96)[0], 255);
    for (int x = 1; x < 192; x++) assert_true(at(x, 96)[1] >= at(x - 1, 96)[1]);
    assert_int_equal(at(10, f.y - 1)[0], 0);           // beside the plane
    iml__sheet_grey(tile, &f, v, 4, 8, 3, 3, scratch); // no range: above or not
    assert_int_equal(at(0, 96)[0], 0), assert_int_equal(at(191, 96)[0], 255);
}

static void shrinking_takes_every_pixel(void **state)
{
    (void)state;
    enum { SIDE = 3 * IML__TILE };
    static float v[SIDE * SIDE], scratch[SIDE * IML__TILE];
    for (int k = 0; k < SIDE * SIDE; k++) v[k] = (k / SIDE + k % SIDE) % 2 ? 200.0f : 0.0f;
    struct iml__fit f = iml__sheet_fit(SIDE, SIDE, 1, 1);
    iml__sheet_grey(tile, &f, v, SIDE, SIDE, 0, 200, scratch);
    for (int k = 5; k < 180; k++) assert_in_range(at(k, k)[0], 110, 145); // a chequerboard is grey
}

static void labels_are_tinted_and_edged(void **state)
{
    (void)state;
    static int32_t label[16] = {0, 0, 0, 0, 0, 7, 7, 0, 0, 7, 7, 0, 0, 0, 0, 0};
    struct iml__fit f = iml__sheet_fit(4, 4, 1, 1);
    memset(tile, 100, sizeof tile);
    iml__sheet_labels(tile, &f, label, 4, 4);
    const uint8_t *c = iml__sheet_colour(7);
    assert_memory_equal(at(48, 96), c, 3);  // left edge
    assert_memory_equal(at(143, 96), c, 3); // right edge
    for (int k = 0; k < 3; k++) assert_int_equal(at(96, 96)[k], (600 + 4 * c[k]) / 10);
    assert_int_equal(at(47, 96)[0], 100);
    assert_memory_equal(iml__sheet_colour(27), c, 3);
    assert_memory_equal(iml__sheet_colour(-13), c, 3);
    assert_non_null(iml__sheet_colour(INT32_MIN));
    assert_non_null(iml__sheet_colour(INT32_MAX));
}

static void text_is_cut_at_the_edges(void **state)
{
    (void)state;
    static uint8_t px[3 * 20 * 20];
    static const uint8_t white[3] = {255, 255, 255};
    iml_image m = {.w = 20, .h = 20, .channels = 3, .stride = 60, .px = px};
    assert_int_equal(iml__text8x16(&m, -5, -5, "W\xc3\xa9\x7f|", 5, white), -5 + 4 * 8);
    assert_int_equal(iml__text8x16(&m, 15, 15, "###", 3, white), 39);
    for (int c = 32; c < 127; c++) { // every sign but the space has ink, within its cell
        char s = (char)c;
        memset(px, 0, sizeof px);
        iml__text8x16(&m, 6, 2, &s, 1, white);
        int ink = 0;
        for (int k = 0; k < 400; k++) {
            ink += px[3 * k] == 255;
            if (px[3 * k]) assert_true(k % 20 >= 6 && k % 20 < 13 && k / 20 >= 2 && k / 20 < 18);
        }
        assert_int_equal(ink > 0, c != 32);
    }
}

static void a_legend_wraps(void **state)
{
    (void)state;
    iml_arena a = {.fd = -1};
    struct iml__sheet s;
    struct iml__sheet_entry entry[12];
    for (int k = 0; k < 12; k++) entry[k] = (struct iml__sheet_entry){k, "left upper lobe"};
    assert_int_equal(iml__sheet_legend_lines(2, entry, 0), 0);
    assert_int_equal(iml__sheet_legend_lines(2, entry, 1), 1);
    assert_int_equal(iml__sheet_legend_lines(2, entry, 12), 6);
    assert_int_equal(iml__sheet_legend_lines(1, entry, 12), 12);
    assert_ok(iml__arena_open(&a, (size_t)1 << 30, -1, e));
    assert_ok(iml__sheet_new(&a, 3, 2, 6, &s, e));
    iml__sheet_put(&s, 2, 1, tile, "a caption that is far too long for a tile");
    iml__sheet_say(&s, 1, "why not");
    for (uint32_t r = 0; r < 3; r++) iml__sheet_frame(&s, r);
    iml__sheet_legend(&s, entry, 12);
    iml__arena_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plane_keeps_its_aspect),
        cmocka_unit_test(grey_runs_from_low_to_high),
        cmocka_unit_test(shrinking_takes_every_pixel),
        cmocka_unit_test(labels_are_tinted_and_edged),
        cmocka_unit_test(text_is_cut_at_the_edges),
        cmocka_unit_test(a_legend_wraps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
