// The contact sheet: where things stand, which colours they have, and that its bytes are stable.
#include "tests/unit/iml_test.h"

#include <math.h>

#include "src/synth/preview.h"
#include "tests/unit/typeset.h"

static typeset set;
static iml_arena items;

static int setup(void **state)
{
    (void)state;
    iml_err e;
    typeset_open(&set);
    return iml__arena_open(&items, 0, -1, &e) != IML_OK;
}

static int teardown(void **state)
{
    (void)state;
    iml__arena_close(&items);
    typeset_close(&set);
    return 0;
}

enum { W = 100, H = 40 };
typedef struct source {
    int channels, w, h;
    uint32_t count, asked;
    const char *caption;
} source;

// Two units, the first of one word and line with them; a third without ink.
static iml_status get(void *user, uint32_t k, iml_arena *a, iml__sheet_item *it, iml_err *e)
{
    source *s = user;
    static const double units[24] = {10, 10, 30, 10, 30,  30, 10, 30, 50, 10, 80, 10,
                                     80, 30, 50, 30, NAN, 0,  0,  0,  0,  0,  0,  0};
    static const double cells[24] = {8,  6,  34, 6,  34, 34, 8, 34, 46, 6, 84, 6,
                                     84, 34, 46, 34, 0,  0,  0, 0,  0,  0, 0,  0};
    static const double word[8] = {10, 8, 80, 8, 80, 32, 10, 32}, base[4] = {4, 28, 96, 28};
    static const double line[8] = {5, 5, 90, 5, 90, 36, 5, 36};
    static const double poly[6] = {2, 2, 60, 2, 60, 38};
    static const double *const polygons[1] = {poly};
    static const uint32_t npolygon[1] = {3};
    s->asked++;
    if (k >= s->count) return IML_END;
    *it = (iml__sheet_item){.caption = s->caption,
                            .units = units,
                            .cells = cells,
                            .nunits = 3,
                            .words = word,
                            .nwords = 1,
                            .lines = line,
                            .baselines = base,
                            .nlines = 1,
                            .polygons = polygons,
                            .npolygon = npolygon};
    IML_TRY(iml__image_new(a, s->w, s->h, s->channels, IML__U8, &it->image, e));
    memset(it->image.px, s->channels == 4 ? 0 : 255, it->image.stride * (size_t)s->h);
    return IML_OK;
}

static iml_image sheet(source *s, iml__sheet_opts *o)
{
    iml_image m;
    assert_ok(iml__sheet_make(o, get, s, &set.arena, &items, &m, e));
    return m;
}

static bool is(const iml_image *m, int32_t x, int32_t y, int r, int g, int b)
{
    const uint8_t *c = iml__image_row(m, y) + 3 * x;
    return c[0] == r && c[1] == g && c[2] == b;
}

static void layers_are_read(void **state)
{
    (void)state;
    unsigned l;
    assert_ok(iml__sheet_layers("units,lines", &l, e));
    assert_int_equal(l, IML__SHEET_UNITS | IML__SHEET_LINES);
    assert_ok(iml__sheet_layers("words,baseline,cells,polygon", &l, e));
    assert_int_equal(l, IML__SHEET_WORDS | IML__SHEET_BASELINE | IML__SHEET_CELLS |
                            IML__SHEET_POLYGON);
    iml_err why = {0};
    assert_int_equal(iml__sheet_layers("units,glyphs", &l, &why), IML_EARG);
    assert_non_null(strstr(why.msg, "glyphs"));
}

static void outlines_have_their_places_and_colours(void **state)
{
    (void)state;
    source s = {3, W, H, 1, 0, NULL};
    iml__sheet_opts o;
    iml__sheet_defaults(&o);
    o.count = 1, o.columns = 1, o.layers = 63;
    iml_image m = sheet(&s, &o);
    enum { X = 8, Y = 8 }; // the gap
    assert_int_equal(m.w, 8 + 320 + 8);
    assert_int_equal(m.h, 8 + H + 8);
    assert_true(is(&m, 0, 0, 236, 236, 236) && is(&m, X + 1, Y + 20, 255, 255, 255));
    assert_true(is(&m, X + 20, Y + 10, 0, 170, 40));   // first unit, upper edge
    assert_true(is(&m, X + 10, Y + 20, 0, 170, 40));   // left edge
    assert_true(is(&m, X + 30, Y + 20, 0, 170, 40));   // right edge
    assert_true(is(&m, X + 60, Y + 30, 115, 95, 45));  // second of three, lower edge
    assert_true(is(&m, X + 20, Y + 5, 40, 80, 255));   // line
    assert_true(is(&m, X + 40, Y + 8, 235, 190, 0));   // word
    assert_true(is(&m, X + 8, Y + 20, 165, 165, 165)); // cell
    assert_true(is(&m, X + 20, Y + 2, 90, 170, 255));  // polygon
    int dark = 0, light = 0;
    for (int32_t x = 35; x < 41; x++)
        dark += is(&m, X + x, Y + 28, 110, 110, 110), light += is(&m, X + x, Y + 28, 255, 255, 255);
    assert_true(dark == 3 && light == 3); // the baseline is dashed
}

static void outlines_are_scaled_with_their_picture(void **state)
{
    (void)state;
    source s = {3, W, H, 1, 0, NULL};
    iml__sheet_opts o;
    iml__sheet_defaults(&o);
    o.count = 1, o.columns = 1, o.width = 50, o.layers = IML__SHEET_UNITS;
    iml_image m = sheet(&s, &o);
    assert_int_equal(m.w, 66);
    assert_int_equal(m.h, 8 + 20 + 8);
    assert_true(is(&m, 8 + 10, 8 + 5, 0, 170, 40));
    assert_true(is(&m, 8 + 15, 8 + 10, 0, 170, 40));
    assert_true(is(&m, 8 + 16, 8 + 10, 255, 255, 255));
}

static void rows_are_as_high_as_their_highest(void **state)
{
    (void)state;
    source s = {1, 40, 200, 5, 0, NULL};
    iml__sheet_opts o;
    iml__sheet_defaults(&o);
    o.count = 6, o.columns = 4, o.width = 120, o.layers = 0;
    iml_image m = sheet(&s, &o);
    assert_int_equal(s.asked, 6); // the sixth is not there, its cell stays empty
    assert_int_equal(m.w, 8 + 4 * 128);
    assert_int_equal(m.h, 8 + 2 * 128); // no thumbnail is higher than a cell is wide
    assert_true(is(&m, 8 + 5, 8 + 60, 255, 255, 255));
    assert_true(is(&m, 8 + 128 + 5, 8 + 128 + 60, 236, 236, 236));
}

static void transparent_pictures_stand_on_white(void **state)
{
    (void)state;
    source s = {4, W, H, 1, 0, NULL};
    iml__sheet_opts o;
    iml__sheet_defaults(&o);
    o.count = 1, o.columns = 1, o.layers = 0;
    iml_image m = sheet(&s, &o);
    assert_true(is(&m, 8 + 50, 8 + 20, 255, 255, 255));
    s.channels = 2;
    m = sheet(&s, &o);
    assert_true(is(&m, 8 + 50, 8 + 20, 255, 255, 255));
}

static void captions_are_set_below_and_cut(void **state)
{
    (void)state;
    source s = {3, W, H, 2, 0, "000000017 latin DejaVu Sans, and a name far too long for a cell"};
    iml__sheet_opts o;
    iml__lay_block b;
    if (!typeset_set(&set, &samples[0], 14, 0, &b)) skip();
    iml__face *face = typeset_face(&set, "dejavu", 6, 14, 0);
    iml__sheet_defaults(&o);
    o.count = 2, o.columns = 2, o.width = 120, o.layers = 0;
    o.faces = &face, o.nfaces = 1, o.setter = set.setter;
    iml_image m = sheet(&s, &o);
    long ink = 0;
    assert_true(m.h > 8 + H + 14);
    for (int32_t y = 8 + H; y < m.h; y++)
        for (int32_t x = 0; x < m.w; x++) {
            bool dark = iml__image_row(&m, y)[3 * x] < 120;
            ink += dark;
            if (x < 8 || (x >= 128 && x < 136) || x >= 256) assert_false(dark);
        }
    assert_true(ink > 200);
    uint64_t h = iml__image_hash(&m);
    iml_image again = sheet(&s, &o);
    assert_true(iml__image_hash(&again) == h);
    // What no face has is shown as question marks, not refused.
    s.caption = "17 \u0f40\u0f41";
    (void)sheet(&s, &o);
}

static void preview_is_stable(void **state)
{
    (void)state;
    source s = {3, W, H, 3, 0, NULL};
    iml__sheet_opts o;
    iml__sheet_defaults(&o);
    o.count = 3, o.columns = 2, o.width = 77, o.layers = 63;
    iml_image m = sheet(&s, &o);
    if (iml__image_hash(&m) != 0x3b32a4053d7a2f35)
        fail_msg("0x%016llx", (unsigned long long)iml__image_hash(&m));
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    source s = {3, W, H, 1, 0, NULL};
    iml__sheet_opts o;
    iml_image m;
    iml__sheet_defaults(&o);
    o.columns = 0;
    assert_int_equal(iml__sheet_make(&o, get, &s, &set.arena, &items, &m, NULL), IML_EARG);
    o.columns = 4, o.width = 3;
    assert_int_equal(iml__sheet_make(&o, get, &s, &set.arena, &items, &m, NULL), IML_EARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_are_read),
        cmocka_unit_test(outlines_have_their_places_and_colours),
        cmocka_unit_test(outlines_are_scaled_with_their_picture),
        cmocka_unit_test(rows_are_as_high_as_their_highest),
        cmocka_unit_test(transparent_pictures_stand_on_white),
        cmocka_unit_test(captions_are_set_below_and_cut),
        cmocka_unit_test(preview_is_stable),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
