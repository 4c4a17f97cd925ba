// Backgrounds: built-in kinds as functions of the plane, cuts of pictures, the cache of files.
#include "tests/unit/iml_test.h"

#include <fcntl.h>
#include <pthread.h>

#include "src/base/hash.h"
#include "src/codec/codec.h"
#include "src/io/vfs.h"
#include "src/synth/background.h"
#include "tests/unit/iml_dir.h"
#include "tests/unit/pictures.h"

enum { W = 200, H = 90 };
static iml_arena arena;
static char dir[64];

static int setup(void **state)
{
    (void)state;
    iml_err e;
    test_dir(dir);
    return iml__arena_open(&arena, 0, -1, &e) != IML_OK;
}

static int teardown(void **state)
{
    (void)state;
    test_rm(dir);
    iml__arena_close(&arena);
    return 0;
}

static iml_image draw(const iml__render_bg *bg, uint64_t index, int32_t x, int32_t y, int32_t w,
                      int32_t h, int32_t crop[4])
{
    iml_image m;
    double scale;
    assert_ok(iml__image_new(&arena, w, h, 3, IML__U8, &m, e));
    memset(m.px, 7, m.stride * (size_t)h);
    assert_ok(iml__bg_draw(bg, 11, index, W, H, x, y, &m, crop, &scale, &arena, e));
    return m;
}

// ---- Kinds

// Any rectangle shows what the whole plane has there.
static void kinds_are_functions_of_the_plane(void **state)
{
    (void)state;
    static const int32_t part[][4] = {{0, 0, W, H},      {-67, -41, 31, 29},  {13, 7, 64, 5},
                                      {150, 60, 90, 70}, {-1, -1, 2, 2},      {-130, 88, 300, 1},
                                      {63, -64, 1, 128}, {-200, -100, 64, 64}};
    for (int k = IML__BG_COLOUR; k < IML__BG_KINDS; k++) {
        if (k == IML__BG_IMAGE) continue;
        for (uint64_t index = 0; index < 4; index++) {
            iml__render_bg bg = {.kind = (enum iml__bg_kind)k, .rgb = {1, 2, 3}};
            int32_t crop[4];
            iml__arena_reset(&arena);
            iml_image whole = draw(&bg, index, -220, -120, 520, 300, crop);
            for (size_t i = 0; i < IML_COUNT_OF(part); i++) {
                const int32_t *q = part[i];
                iml_image m = draw(&bg, index, q[0], q[1], q[2], q[3], crop);
                for (int32_t y = 0; y < m.h; y++)
                    if (memcmp(iml__image_row(&m, y),
                               iml__image_row(&whole, q[1] + y + 120) + 3 * (q[0] + 220),
                               3 * (size_t)m.w))
                        fail_msg("%s %d: part %zu differs in row %d",
                                 iml__bg_kind_name((enum iml__bg_kind)k), (int)index, i, y);
            }
        }
    }
}

static void kinds_differ_by_index_and_stay_pale(void **state)
{
    (void)state;
    for (int k = IML__BG_BUILTIN; k < IML__BG_KINDS; k++) {
        iml__render_bg bg = {.kind = (enum iml__bg_kind)k};
        uint64_t seen[12];
        int32_t crop[4];
        for (int i = 0; i < 12; i++) {
            iml__arena_reset(&arena);
            iml_image m = draw(&bg, (uint64_t)i, 0, 0, W, H, crop);
            uint64_t sum = 0;
            seen[i] = iml__image_hash(&m);
            for (int j = 0; j < i; j++) assert_true(seen[j] != seen[i]);
            for (int32_t y = 0; y < H; y++)
                for (int32_t x = 0; x < 3 * W; x++) sum += iml__image_row(&m, y)[x];
            assert_true(sum / (3 * W * H) > 150); // black text can be read on any of them
            assert_true(crop[0] == 0 && crop[2] == W && crop[3] == H);
        }
    }
}

static void kinds_give_golden_bytes(void **state)
{
    (void)state;
    static const uint64_t golden[IML__BG_KINDS] = {
        [IML__BG_SOLID] = 0x626169306cc19a13,          [IML__BG_GRADIENT] = 0x52d35c47848cc96c,
        [IML__BG_PAPER] = 0x51a4a7e574c0ddd8,          [IML__BG_RULED] = 0x8e16d29a56d87f86,
        [IML__BG_NOISE] = 0x44d184cc99c107a8,          [IML__BG_CRYSTAL] = 0x54e0285284d1548c,
        [IML__BG_STRIPES_SHAPES] = 0x0f8af9e66111b8fd, [IML__BG_BLOBS] = 0x0032b4e0bebbfa76};
    int bad = 0;
    for (int k = IML__BG_BUILTIN; k < IML__BG_KINDS; k++) {
        uint64_t h[6];
        for (uint64_t i = 0; i < 6; i++) {
            iml__render_bg bg = {.kind = (enum iml__bg_kind)k};
            int32_t crop[4];
            iml__arena_reset(&arena);
            iml_image m = draw(&bg, i, -20, -10, W + 40, H + 20, crop);
            h[i] = iml__image_hash(&m);
        }
        uint64_t all = iml__xxh3(h, sizeof h);
        if (all == golden[k]) continue;
        bad++;
        print_error("%s: 0x%016llx\n", iml__bg_kind_name((enum iml__bg_kind)k),
                    (unsigned long long)all);
    }
    assert_int_equal(bad, 0);
}

static void names_and_colours_are_read(void **state)
{
    (void)state;
    uint8_t c[3];
    for (int k = 0; k < IML__BG_KINDS; k++)
        assert_int_equal(iml__bg_kind_find(iml__bg_kind_name((enum iml__bg_kind)k)), k);
    assert_int_equal(iml__bg_kind_find("marble"), -1);
    assert_true(iml__bg_colour_parse("white", c) && c[0] == 255 && c[2] == 255);
    assert_true(iml__bg_colour_parse("#0aF310", c) && c[0] == 10 && c[1] == 243 && c[2] == 16);
    assert_false(iml__bg_colour_parse("#12345", c));
    assert_false(iml__bg_colour_parse("#1234567", c));
    assert_false(iml__bg_colour_parse("#12345g", c));
    assert_false(iml__bg_colour_parse("black", c));
    assert_false(iml__bg_colour_parse("", c));
}

// ---- Pictures

static iml_image ramp(int32_t w, int32_t h)
{
    iml_image m;
    assert_ok(iml__image_new(&arena, w, h, 3, IML__U8, &m, e));
    for (int32_t y = 0; y < h; y++)
        for (int32_t x = 0; x < w; x++) {
            uint8_t *d = iml__image_row(&m, y) + 3 * x;
            d[0] = (uint8_t)x, d[1] = (uint8_t)y, d[2] = (uint8_t)(x >> 8 | y >> 8 << 4);
        }
    return m;
}

static int32_t fold(int32_t i, int32_t n) // reflect-101, written down once more
{
    while (i < 0 || i >= n) i = i < 0 ? -i : 2 * (n - 1) - i;
    return i;
}

static void cuts_lie_inside_and_go_on_as_reflections(void **state)
{
    (void)state;
    static const double u[] = {0, 0.37, 0.999999999};
    static const int32_t sizes[][2] = {{700, 300}, {W, H}, {50, 400}, {37, 23}, {2, 2}};
    for (size_t i = 0; i < IML_COUNT_OF(sizes); i++)
        for (int mode = IML__BG_CROP_RANDOM; mode <= IML__BG_TILE; mode++)
            for (int k = 0; k < 3; k++) {
                int32_t crop[4];
                iml__arena_reset(&arena);
                iml_image pic = ramp(sizes[i][0], sizes[i][1]);
                iml__render_bg bg = {.kind = IML__BG_IMAGE,
                                     .mode = (enum iml__bg_mode)mode,
                                     .picture = iml__bg_wrap(&pic, &arena),
                                     .u = {u[k], u[2 - k]}};
                iml_image m = draw(&bg, 0, -30, -20, W + 60, H + 40, crop);
                assert_true(crop[0] >= 0 && crop[1] >= 0);
                assert_true(crop[0] + W <= pic.w || crop[0] == 0);
                assert_true(crop[1] + H <= pic.h || crop[1] == 0);
                if (mode != IML__BG_CROP_RANDOM) assert_true(crop[0] == 0 && crop[1] == 0);
                if (mode == IML__BG_CROP_RANDOM && k == 2 && pic.w >= W)
                    assert_int_equal(crop[0], pic.w - W);
                for (int32_t y = 0; y < m.h; y++)
                    for (int32_t x = 0; x < m.w; x++) {
                        int32_t sx = fold(crop[0] + x - 30, pic.w);
                        int32_t sy = fold(crop[1] + y - 20, pic.h);
                        assert_memory_equal(iml__image_row(&m, y) + 3 * x,
                                            iml__image_row(&pic, sy) + 3 * sx, 3);
                    }
                // A label's crop draws the same again.
                bg.crop_given = true, bg.crop[0] = crop[0], bg.crop[1] = crop[1];
                bg.u[0] = bg.u[1] = 0.5;
                iml_image again = draw(&bg, 0, -30, -20, W + 60, H + 40, crop);
                assert_true(iml__image_hash(&m) == iml__image_hash(&again));
            }
}

static void scaled_pictures_cover_the_canvas(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{20, 20}, {700, 100}, {100, 700}, {W, H}};
    for (size_t i = 0; i < IML_COUNT_OF(sizes); i++) {
        int32_t crop[4];
        double scale;
        iml__arena_reset(&arena);
        iml_image pic = test_picture(&arena, sizes[i][0], sizes[i][1], 3, IML__U8, 1, 5), m;
        iml__render_bg bg = {.kind = IML__BG_IMAGE,
                             .mode = IML__BG_SCALE,
                             .picture = iml__bg_wrap(&pic, &arena),
                             .u = {0.5, 0.5}};
        assert_ok(iml__image_new(&arena, W, H, 3, IML__U8, &m, e));
        assert_ok(iml__bg_draw(&bg, 1, 1, W, H, 0, 0, &m, crop, &scale, &arena, e));
        double want = (double)W / pic.w > (double)H / pic.h ? (double)W / pic.w : (double)H / pic.h;
        assert_true(scale == want);
        assert_true(crop[0] >= 0 && crop[0] + W <= pic.w * scale + 1);
        assert_true(crop[1] >= 0 && crop[1] + H <= pic.h * scale + 1);
    }
}

// ---- Files

static const char *path_of(const char *name)
{
    static char path[4][200];
    static int k;
    k = (k + 1) % 4;
    (void)snprintf(path[k], sizeof path[k], "%s/%s", dir, name);
    return path[k];
}

static void write_picture(const char *name, const char *format, int32_t w, int32_t h, uint64_t seed)
{
    iml_image m = test_picture(&arena, w, h, 3, IML__U8, 1, seed);
    const iml__codec *c = iml__codec_by_name(format);
    iml__encode_opts o;
    size_t n, cap;
    iml__encode_opts_default(&o);
    cap = c->bound(&m, &o);
    uint8_t *p = iml_arena_alloc(&arena, cap);
    assert_ok(c->encode(&m, &o, &arena, p, cap, &n, e));
    test_write(dir, name, p, n);
}

static void broken_files_are_told_and_remembered(void **state)
{
    (void)state;
    iml__bg_cache *c;
    const iml__bg_picture *p = NULL;
    iml_err one = {0}, two = {0};
    iml__arena_reset(&arena);
    assert_ok(iml__bg_cache_new(&c, 1 << 20, e));
    test_write(dir, "broken.png", "\x89PNG\r\n\x1a\n and no more", 20);
    test_write(dir, "text.jpg", "hello", 5);
    assert_int_equal(iml__bg_get(c, path_of("broken.png"), NULL, &p, &arena, &one), IML_EINPUT);
    assert_int_equal(iml__bg_get(c, path_of("text.jpg"), NULL, &p, &arena, &two), IML_EINPUT);
    assert_null(p);
    // The answer stands although the file is mended: every worker sees the same.
    write_picture("broken.png", "png", 20, 20, 1);
    assert_int_equal(iml__bg_get(c, path_of("broken.png"), NULL, &p, &arena, &two), IML_EINPUT);
    assert_string_equal(one.msg, two.msg);
    assert_int_equal(iml__bg_get(c, path_of("missing.png"), NULL, &p, &arena, &two), IML_EINPUT);
    assert_int_equal(iml__bg_cache_bytes(c), 0);
    iml__bg_cache_free(&c);
}

static void a_file_that_changed_or_went_is_no_refusal(void **state)
{
    (void)state;
    char sum[65];
    uint8_t *bytes;
    size_t n;
    iml__bg_cache *c;
    const iml__bg_picture *p = NULL;
    iml_err why = {0};
    iml__arena_reset(&arena);
    assert_ok(iml__bg_cache_new(&c, 0, e));
    write_picture("same.png", "png", 20, 20, 1);
    assert_ok(iml__file_read_arena(AT_FDCWD, path_of("same.png"), 1 << 20, &arena, &bytes, &n, e));
    assert_ok(iml__sha256_of(bytes, n, sum));
    write_picture("same.png", "png", 20, 20, 2);
    assert_int_equal(iml__bg_get(c, path_of("same.png"), sum, &p, &arena, &why), IML_EAGAIN);
    assert_non_null(strstr(why.msg, "is another file now than when the run began"));
    assert_int_equal(remove(path_of("same.png")), 0);
    assert_int_equal(iml__bg_get(c, path_of("same.png"), sum, &p, &arena, &why), IML_EAGAIN);
    assert_non_null(strstr(why.msg, "No such file"));
    write_picture("same.png", "png", 20, 20, 1); // put back
    assert_ok(iml__bg_get(c, path_of("same.png"), sum, &p, &arena, e));
    iml__bg_release(c, &p);
    iml__bg_cache_free(&c);
}

static void large_jpegs_are_decoded_small(void **state)
{
    (void)state;
    iml__bg_cache *c;
    const iml__bg_picture *p = NULL;
    int32_t w, h;
    iml__arena_reset(&arena);
    assert_ok(iml__bg_cache_new(&c, 64 << 20, e));
    write_picture("large.jpg", "jpeg", 4200, 100, 3);
    assert_ok(iml__bg_get(c, path_of("large.jpg"), NULL, &p, &arena, e));
    iml__bg_size(p, &w, &h);
    assert_true(w == 1050 && h == 25);
    iml__bg_release(c, &p);
    assert_null(p);
    write_picture("fits.jpg", "jpeg", 2048, 64, 3);
    assert_ok(iml__bg_get(c, path_of("fits.jpg"), NULL, &p, &arena, e));
    iml__bg_size(p, &w, &h);
    assert_true(w == 2048 && h == 64);
    iml__bg_release(c, &p);
    iml__bg_cache_free(&c);
}

static uint64_t look(iml__bg_cache *c, const char *name, iml_arena *a)
{
    const iml__bg_picture *p = NULL;
    size_t mark = iml__arena_mark(a);
    if (iml__bg_get(c, path_of(name), NULL, &p, a, NULL) != IML_OK) return 0;
    uint64_t h = iml__image_hash(iml__bg_image(p));
    iml__bg_release(c, &p);
    iml__arena_release(a, mark);
    return h;
}

static void cache_size_changes_nothing(void **state)
{
    (void)state;
    uint64_t first[8] = {0};
    char name[32];
    iml__arena_reset(&arena);
    for (int k = 0; k < 8; k++) {
        (void)snprintf(name, sizeof name, "%d.png", k);
        write_picture(name, "png", 60 + k, 40, (uint64_t)k + 1);
    }
    static const size_t sizes[] = {0, 1, 20000, 1 << 20};
    for (size_t s = 0; s < IML_COUNT_OF(sizes); s++) {
        iml__bg_cache *c;
        assert_ok(iml__bg_cache_new(&c, sizes[s], e));
        for (int round = 0; round < 3; round++)
            for (int k = 0; k < 8; k++) {
                (void)snprintf(name, sizeof name, "%d.png", k);
                uint64_t h = look(c, name, &arena);
                assert_true(h != 0);
                if (s == 0 && round == 0) first[k] = h;
                assert_true(h == first[k]);
                assert_true(iml__bg_cache_bytes(c) <= sizes[s]); // nothing is held now
            }
        iml__bg_cache_free(&c);
    }
}

static void a_held_picture_is_decoded_once_and_stays(void **state)
{
    (void)state;
    iml__bg_cache *c;
    const iml__bg_picture *p = NULL, *q = NULL;
    iml__arena_reset(&arena);
    write_picture("a.png", "png", 50, 50, 9);
    write_picture("b.png", "png", 50, 50, 10);
    assert_ok(iml__bg_cache_new(&c, 0, e));
    assert_ok(iml__bg_get(c, path_of("a.png"), NULL, &p, &arena, e));
    uint64_t h = iml__image_hash(iml__bg_image(p));
    (void)remove(path_of("a.png"));
    assert_ok(iml__bg_get(c, path_of("a.png"), NULL, &q, &arena, e));
    assert_ptr_equal(p, q);
    iml__bg_release(c, &q);
    assert_true(look(c, "b.png", &arena) != 0); // pushes nothing out that is held
    assert_true(iml__image_hash(iml__bg_image(p)) == h);
    assert_int_equal(iml__bg_cache_bytes(c), 50 * 50 * 3);
    iml__bg_release(c, &p);
    assert_int_equal(iml__bg_cache_bytes(c), 0);
    iml__bg_cache_free(&c);
}

typedef struct worker {
    iml__bg_cache *c;
    uint64_t want[4];
    unsigned seed;
    int bad;
} worker;

static void *work(void *arg)
{
    worker *w = arg;
    iml_arena a;
    char path[200];
    if (iml__arena_open(&a, 1 << 26, -1, NULL) != IML_OK) return NULL;
    for (int i = 0; i < 400; i++) {
        unsigned k = (w->seed = w->seed * 1103515245u + 12345u) >> 16 & 3;
        const iml__bg_picture *p = NULL;
        (void)snprintf(path, sizeof path, "%s/%u.png", dir, k);
        iml__arena_reset(&a);
        if (iml__bg_get(w->c, path, NULL, &p, &a, NULL) != IML_OK) {
            w->bad++;
            continue;
        }
        w->bad += iml__image_hash(iml__bg_image(p)) != w->want[k];
        iml__bg_release(w->c, &p);
    }
    iml__arena_close(&a);
    return NULL;
}

static void workers_share_the_cache(void **state)
{
    (void)state;
    worker w[3];
    pthread_t t[3];
    iml__bg_cache *c;
    char name[32];
    iml__arena_reset(&arena);
    assert_ok(iml__bg_cache_new(&c, 16000, e)); // room for two of four
    for (int k = 0; k < 4; k++) {
        (void)snprintf(name, sizeof name, "%d.png", k);
        write_picture(name, "png", 60 + k, 40, (uint64_t)k + 1);
    }
    for (int i = 0; i < 3; i++) {
        w[i] = (worker){.c = c, .seed = (unsigned)i + 1};
        for (int k = 0; k < 4; k++) {
            (void)snprintf(name, sizeof name, "%d.png", k);
            w[i].want[k] = look(c, name, &arena);
        }
    }
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(w[i].bad, 0);
    }
    assert_true(iml__bg_cache_bytes(c) <= 16000);
    iml__bg_cache_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_functions_of_the_plane),
        cmocka_unit_test(kinds_differ_by_index_and_stay_pale),
        cmocka_unit_test(kinds_give_golden_bytes),
        cmocka_unit_test(names_and_colours_are_read),
        cmocka_unit_test(cuts_lie_inside_and_go_on_as_reflections),
        cmocka_unit_test(scaled_pictures_cover_the_canvas),
        cmocka_unit_test(broken_files_are_told_and_remembered),
        cmocka_unit_test(a_file_that_changed_or_went_is_no_refusal),
        cmocka_unit_test(large_jpegs_are_decoded_small),
        cmocka_unit_test(cache_size_changes_nothing),
        cmocka_unit_test(a_held_picture_is_decoded_once_and_stays),
        cmocka_unit_test(workers_share_the_cache),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
