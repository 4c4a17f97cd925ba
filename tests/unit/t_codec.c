// t_codec.c: what is written reads back equal, what is broken fails with its reason and class ITEM.
#include "tests/unit/iml_test.h"

#include "src/base/mem.h"
#include "src/codec/codec.h"
#include "src/codec/formats.h"
#include "src/image/convert.h"
#include "tests/unit/pictures.h"

#include <libdeflate.h>
#include <png.h>

#include <jpeglib.h>

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

static uint8_t *encode(const char *codec, const iml_image *m, const iml__encode_opts *o, size_t *n)
{
    const iml__codec *c = iml__codec_by_name(codec);
    size_t cap = c->bound(m, o);
    uint8_t *p = iml_arena_alloc(&arena, cap);
    assert_non_null(p);
    assert_ok(c->encode(m, o, &arena, p, cap, n, e));
    assert_true(*n <= cap);
    return p;
}

static iml_image decode(const uint8_t *p, size_t n)
{
    iml__decode_opts o;
    iml__decode_opts_default(&o);
    iml_image m;
    assert_ok(iml__picture_decode("test", p, n, &o, &arena, &m, e));
    return m;
}

// libpng's simplified reader: another path through another library's defaults.
static void assert_libpng_reads(const uint8_t *p, size_t n, const iml_image *m)
{
    static const uint32_t format[5] = {0, PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB,
                                       PNG_FORMAT_RGBA};
    png_image im = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_memory(&im, p, n));
    im.format = format[m->channels];
    uint8_t *out = malloc(PNG_IMAGE_SIZE(im));
    assert_true(png_image_finish_read(&im, NULL, out, 0, NULL));
    size_t row = (size_t)m->w * (size_t)m->channels;
    for (int32_t y = 0; y < m->h; y++)
        assert_memory_equal(out + (size_t)y * row, iml__image_row(m, y), row);
    free(out);
}

static void png_reads_back_equal_in_every_format(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{1, 1}, {2, 3}, {33, 5}, {131, 40}};
    for (int channels = 1; channels <= 4; channels++)
        for (int depth = IML__U8; depth <= IML__U16; depth++)
            for (size_t s = 0; s < 4; s++)
                for (int kind = 0; kind < 2; kind++) {
                    iml__encode_opts o;
                    iml__encode_opts_default(&o);
                    iml_image m = test_picture(&arena, sizes[s][0], sizes[s][1], channels,
                                               (enum iml__depth)depth, kind, s);
                    size_t n;
                    uint8_t *p = encode("png", &m, &o, &n);
                    iml_image back = decode(p, n);
                    assert_true(test_equal(&m, &back));
                    if (depth == IML__U8) assert_libpng_reads(p, n, &m);
                }
}

static void every_png_level_gives_the_same_pixels(void **state)
{
    (void)state;
    iml_image m = test_picture(&arena, 200, 60, 3, IML__U8, 1, 7);
    size_t size[10];
    for (int level = 0; level <= 9; level++) {
        iml__encode_opts o;
        iml__encode_opts_default(&o);
        o.level = level;
        uint8_t *p = encode("png", &m, &o, &size[level]);
        iml_image back = decode(p, size[level]);
        assert_true(test_equal(&m, &back));
    }
    assert_true(size[0] > 200 * 60 * 3 && size[1] < size[0] && size[9] <= size[1]);
    iml__encode_opts bad;
    iml__encode_opts_default(&bad);
    bad.level = 10;
    uint8_t out[64];
    assert_int_equal(iml__codec_by_name("png")->encode(&m, &bad, &arena, out, 64, size, NULL),
                     IML_EARG);
}

// Two zlib-level facts: one IDAT right behind IHDR, and each row's filter is the better of Sub and
// Up.
static void png_rows_take_the_better_filter_and_no_metadata(void **state)
{
    (void)state;
    iml_image m = test_picture(&arena, 50, 20, 3, IML__U8, 1, 3);
    iml__encode_opts o;
    iml__encode_opts_default(&o);
    size_t n;
    uint8_t *p = encode("png", &m, &o, &n);
    assert_memory_equal(p + 12, "IHDR", 4);
    assert_memory_equal(p + 37, "IDAT", 4);
    assert_memory_equal(p + n - 8, "IEND", 4);
    size_t z = (size_t)p[33] << 24 | (size_t)p[34] << 16 | (size_t)p[35] << 8 | p[36];
    assert_int_equal(n, 33 + 12 + z + 12);
    uint8_t raw[20 * 151];
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    assert_int_equal(libdeflate_zlib_decompress(d, p + 41, z, raw, sizeof raw, NULL),
                     LIBDEFLATE_SUCCESS);
    libdeflate_free_decompressor(d);
    for (int y = 0; y < 20; y++) {
        long sub = 0, up = 0;
        const uint8_t *s = iml__image_row(&m, y), *t = y ? iml__image_row(&m, y - 1) : NULL;
        for (int i = 0; i < 150; i++) {
            sub += abs((int8_t)(uint8_t)(s[i] - (i < 3 ? 0 : s[i - 3])));
            up += t ? abs((int8_t)(uint8_t)(s[i] - t[i])) : 0;
        }
        assert_int_equal(raw[y * 151], t && up < sub ? 2 : 1);
    }
}

static void equal_colours_become_grey_only_when_asked(void **state)
{
    (void)state;
    iml__encode_opts o;
    iml__encode_opts_default(&o);
    iml_image m = test_picture(&arena, 40, 30, 3, IML__U8, 2, 1);
    size_t n, g;
    uint8_t *p = encode("png", &m, &o, &n);
    assert_int_equal(p[25], 2);
    o.grey_if_equal = true;
    p = encode("png", &m, &o, &g);
    assert_int_equal(p[25], 0);
    assert_true(g < n);
    iml__decode_opts d;
    iml__decode_opts_default(&d);
    d.channels = 3;
    iml_image back;
    assert_ok(iml__picture_decode("grey", p, g, &d, &arena, &back, e));
    assert_true(test_equal(&m, &back));
    iml__image_row(&m, 29)[119] ^= 1; // the last sample decides
    p = encode("png", &m, &o, &g);
    assert_int_equal(p[25], 2);
}

// Writes through libpng what our writer never writes: palettes, few bits, tRNS, interlace.
static size_t libpng_write(uint8_t *out, int type, int bits, bool interlace, bool trns, int32_t w,
                           int32_t h)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    FILE *f = fmemopen(out, 1 << 20, "wb");
    png_init_io(png, f);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, bits, type,
                 interlace ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
    png_color pal[16];
    png_byte alpha[16];
    for (int i = 0; i < 16; i++) {
        pal[i] = (png_color){(png_byte)(i * 16), (png_byte)(255 - i), (png_byte)(i * 3)};
        alpha[i] = (png_byte)(i * 17);
    }
    png_color_16 key = {.gray = 1};
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, pal, bits == 1 ? 2 : bits == 2 ? 4 : 16);
    if (trns && type == PNG_COLOR_TYPE_PALETTE)
        png_set_tRNS(png, info, alpha, bits == 1 ? 2 : 4, NULL);
    else if (trns)
        png_set_tRNS(png, info, NULL, 0, &key);
    png_write_info(png, info);
    uint8_t row[256];
    int passes = png_set_interlace_handling(png);
    for (int k = 0; k < passes; k++)
        for (int32_t y = 0; y < h; y++) {
            for (size_t i = 0; i < sizeof row; i++) row[i] = (uint8_t)(i * 37 + (size_t)y * 11);
            if (type == PNG_COLOR_TYPE_PALETTE && bits == 8)
                for (size_t i = 0; i < sizeof row; i++) row[i] &= 15;
            png_write_row(png, row);
        }
    png_write_end(png, info);
    long n = ftell(f);
    png_destroy_write_struct(&png, &info);
    fclose(f);
    return (size_t)n;
}

static void png_palettes_few_bits_keys_and_interlace_are_unpacked(void **state)
{
    (void)state;
    static const int types[][2] = {
        {PNG_COLOR_TYPE_PALETTE, 1}, {PNG_COLOR_TYPE_PALETTE, 2}, {PNG_COLOR_TYPE_PALETTE, 4},
        {PNG_COLOR_TYPE_PALETTE, 8}, {PNG_COLOR_TYPE_GRAY, 1},    {PNG_COLOR_TYPE_GRAY, 2},
        {PNG_COLOR_TYPE_GRAY, 4},    {PNG_COLOR_TYPE_GRAY, 8},    {PNG_COLOR_TYPE_RGB, 8},
        {PNG_COLOR_TYPE_RGB, 16},    {PNG_COLOR_TYPE_GRAY, 16},   {PNG_COLOR_TYPE_RGBA, 8}};
    uint8_t *buf = malloc(1 << 20);
    for (size_t i = 0; i < IML_COUNT_OF(types); i++)
        for (int k = 0; k < 4; k++) {
            bool trns = k & 1 && types[i][0] != PNG_COLOR_TYPE_RGBA;
            size_t n = libpng_write(buf, types[i][0], types[i][1], k & 2, trns, 29, 17);
            iml_image m = decode(buf, n);
            bool grey = types[i][0] == PNG_COLOR_TYPE_GRAY;
            bool alpha = trns || types[i][0] == PNG_COLOR_TYPE_RGBA;
            assert_int_equal(m.channels, (grey ? 1 : 3) + alpha);
            assert_int_equal(m.depth, types[i][1] == 16 ? IML__U16 : IML__U8);
            if (m.depth == IML__U8) assert_libpng_reads(buf, n, &m);
            iml__picture_info info;
            iml__limits l;
            iml__limits_default(&l);
            assert_ok(iml__codec_by_name("png")->header(buf, n, &l, &info, e));
            assert_int_equal(info.channels, m.channels);
            assert_int_equal(info.w, 29);
        }
    free(buf);
}

static void channels_and_depth_convert_as_documented(void **state)
{
    (void)state;
    iml_image m = test_picture(&arena, 31, 9, 3, IML__U16, 0, 5);
    iml__encode_opts o;
    iml__encode_opts_default(&o);
    size_t n;
    uint8_t *p = encode("png", &m, &o, &n);
    iml__decode_opts d;
    iml__decode_opts_default(&d);
    d.depth8 = true, d.channels = 1;
    iml_image g;
    assert_ok(iml__picture_decode("t", p, n, &d, &arena, &g, e));
    assert_int_equal(g.depth, IML__U8);
    for (int y = 0; y < 9; y++)
        for (int x = 0; x < 31; x++) {
            const uint16_t *s = (const uint16_t *)(void *)iml__image_row(&m, y) + 3 * x;
            uint64_t luma = (19595ull * s[0] + 38470ull * s[1] + 7471ull * s[2] + 32768) >> 16;
            assert_int_equal(iml__image_row(&g, y)[x], (luma + 128) / 257);
        }
    d.depth8 = false, d.channels = 4;
    assert_ok(iml__picture_decode("t", p, n, &d, &arena, &g, e));
    assert_int_equal(((const uint16_t *)(void *)iml__image_row(&g, 3))[7], 65535);
}

// ---- JPEG

static void jpeg_is_near_and_exact_in_size(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 4; channels++)
        for (int sub = 0; sub < 4; sub++) {
            static const int subs[4] = {0, 444, 422, 420};
            iml__encode_opts o;
            iml__encode_opts_default(&o);
            o.quality = 95, o.subsample = subs[sub];
            iml_image m = test_picture(&arena, 77, 43, channels, IML__U8, 1, 2);
            size_t n, again;
            uint8_t *p = encode("jpeg", &m, &o, &n), *q = encode("jpeg", &m, &o, &again);
            assert_int_equal(n, again);
            assert_memory_equal(p, q, n); // nothing of clock or place in it
            iml_image back = decode(p, n);
            assert_int_equal(back.w, 77);
            assert_int_equal(back.h, 43);
            assert_int_equal(back.channels, channels < 3 ? 1 : 3);
            double err = 0;
            for (int y = 0; y < 43; y++)
                for (int x = 0; x < 77; x++)
                    err += abs(iml__image_row(&back, y)[x * back.channels] -
                               iml__image_row(&m, y)[x * channels]);
            assert_true(err / (77 * 43) < 8);
        }
}

// SOF's sampling factors of the first component, from the bytes.
static int first_sampling(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 11 < n; i++)
        if (p[i] == 0xff && p[i + 1] == 0xc0) return p[i + 11];
    return -1;
}

static size_t grey_jpeg(uint8_t **out, const iml_image *m)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr mgr;
    c.err = jpeg_std_error(&mgr);
    jpeg_create_compress(&c);
    unsigned long n = 0;
    *out = NULL;
    jpeg_mem_dest(&c, out, &n);
    c.image_width = (JDIMENSION)m->w, c.image_height = (JDIMENSION)m->h;
    c.input_components = m->channels;
    c.in_color_space = m->channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&c);
    jpeg_set_colorspace(&c, JCS_GRAYSCALE);
    jpeg_set_quality(&c, 100, TRUE);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        JSAMPROW r = iml__image_row(m, (int32_t)c.next_scanline);
        jpeg_write_scanlines(&c, &r, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return n;
}

// libjpeg makes the same file of a colour picture turned grey by itself and of the one we turned.
static void y_equals_libjpeg(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        iml_image m = test_picture(&arena, 256, 256, 3, IML__U8, kind, 6), y = m;
        assert_ok(iml__convert(&arena, &y, 1, false, e));
        uint8_t *a, *b;
        size_t na = grey_jpeg(&a, &m), nb = grey_jpeg(&b, &y);
        assert_int_equal(na, nb);
        assert_memory_equal(a, b, na);
        free(a);
        free(b);
    }
}

static void subsampling_follows_quality_92(void **state)
{
    (void)state;
    iml_image m = test_picture(&arena, 32, 32, 3, IML__U8, 1, 2);
    iml__encode_opts o;
    iml__encode_opts_default(&o);
    size_t n;
    for (int q = 90; q <= 93; q++) {
        o.quality = q;
        uint8_t *p = encode("jpeg", &m, &o, &n);
        assert_int_equal(first_sampling(p, n), q < 92 ? 0x22 : 0x11);
    }
}

static void truncated_and_damaged_jpeg_is_a_bad_item(void **state)
{
    (void)state;
    iml_image m = test_picture(&arena, 120, 90, 3, IML__U8, 0, 2), out;
    iml__encode_opts o;
    iml__encode_opts_default(&o);
    size_t n;
    uint8_t *p = encode("jpeg", &m, &o, &n);
    iml__decode_opts d;
    iml__decode_opts_default(&d);
    static const double cuts[] = {0.0005, 0.01, 0.02, 0.05, 0.2, 0.5, 0.9, 0.99};
    for (size_t i = 0; i < IML_COUNT_OF(cuts); i++) {
        iml_err err = {0};
        size_t mark = iml__arena_mark(&arena);
        iml_status st = iml__picture_decode("cut.jpg", p, (size_t)((double)n * cuts[i]), &d, &arena,
                                            &out, &err);
        assert_int_equal(iml_status_class(st), IML_CLASS_ITEM);
        assert_non_null(strstr(err.msg, "cut.jpg"));
        assert_int_equal(iml__arena_mark(&arena), mark); // a failure leaves nothing behind
    }
    memset(p + n / 2, 0, 64); // damaged entropy data, or a picture of other pixels: never a crash
    (void)iml__picture_decode("bad.jpg", p, n, &d, &arena, &out, NULL);
}

static void dct_scaling_gives_the_smallest_side_that_is_enough(void **state)
{
    (void)state;
    iml_image m = test_picture(&arena, 803, 401, 3, IML__U8, 1, 2), out;
    iml__encode_opts o;
    iml__encode_opts_default(&o);
    size_t n;
    uint8_t *p = encode("jpeg", &m, &o, &n);
    static const int32_t want[][3] = {{0, 803, 401},   {100, 101, 51},  {102, 201, 101},
                                      {201, 201, 101}, {202, 402, 201}, {403, 803, 401},
                                      {5000, 803, 401}};
    for (size_t i = 0; i < IML_COUNT_OF(want); i++) {
        iml__decode_opts d;
        iml__decode_opts_default(&d);
        d.max_side = want[i][0];
        assert_ok(iml__picture_decode("t", p, n, &d, &arena, &out, e));
        assert_int_equal(out.w, want[i][1]);
        assert_int_equal(out.h, want[i][2]);
    }
}

// A JPEG with an EXIF block of one tag, in both byte orders.
static void exif_orientation_turns_the_picture(void **state)
{
    (void)state;
    iml_image m = test_picture(&arena, 16, 8, 1, IML__U8, 0, 2), out;
    memset(m.px, 0, m.stride * 8);
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) iml__image_row(&m, y)[x] = 255; // left half white
    iml__encode_opts o;
    iml__encode_opts_default(&o);
    o.quality = 100;
    size_t n;
    uint8_t *p = encode("jpeg", &m, &o, &n);
    for (int orient = 1; orient <= 8; orient++)
        for (int big = 0; big < 2; big++) {
            uint8_t app[36] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0};
            static const uint8_t le[26] = {'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12,
                                           1,   3,   0,   1, 0, 0, 0, 0, 0, 0, 0};
            static const uint8_t be[26] = {'M',  'M', 0, '*', 0, 0, 0, 8, 0, 1, 1,
                                           0x12, 0,   3, 0,   0, 0, 1, 0, 0, 0, 0};
            memcpy(app + 10, big ? be : le, 26);
            app[10 + (big ? 19 : 18)] = (uint8_t)orient;
            uint8_t *q = iml_arena_alloc(&arena, n + 36);
            memcpy(q, p, 2);
            memcpy(q + 2, app, 36);
            memcpy(q + 38, p + 2, n - 2);
            iml_image r = decode(q, n + 36);
            assert_int_equal(r.w, orient >= 5 ? 8 : 16);
            // Where the white half must be seen: left, right, right, left, top, top, bottom,
            // bottom.
            int x = orient >= 5 ? 4 : orient == 2 || orient == 3 ? 12 : 3;
            int y = orient < 5 ? 4 : orient == 5 || orient == 6 ? 3 : 12;
            assert_true(iml__image_row(&r, y)[x] > 200);
            assert_true(iml__image_row(&r, r.h - 1 - y)[r.w - 1 - x] < 50 || orient < 5 ||
                        iml__image_row(&r, r.h - 1 - y)[x] < 50);
            iml__decode_opts d;
            iml__decode_opts_default(&d);
            d.orient = false;
            assert_ok(iml__picture_decode("t", q, n + 36, &d, &arena, &out, e));
            assert_int_equal(out.w, 16);
        }
}

static size_t cmyk_jpeg(uint8_t **out, const uint8_t ink[4])
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr mgr;
    c.err = jpeg_std_error(&mgr);
    jpeg_create_compress(&c);
    unsigned long n = 0;
    *out = NULL;
    jpeg_mem_dest(&c, out, &n);
    c.image_width = c.image_height = 16, c.input_components = 4, c.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 100, TRUE);
    jpeg_set_colorspace(&c, JCS_YCCK);
    jpeg_start_compress(&c, TRUE);
    uint8_t row[64];
    for (int i = 0; i < 64; i++) row[i] = (uint8_t)(255 - ink[i & 3]); // Adobe's way
    JSAMPROW r = row;
    while (c.next_scanline < 16) jpeg_write_scanlines(&c, &r, 1);
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return n;
}

static void cmyk_jpeg_becomes_rgb(void **state)
{
    (void)state;
    static const uint8_t inks[][7] = {{0, 0, 0, 0, 255, 255, 255},
                                      {0, 255, 255, 0, 255, 0, 0},
                                      {255, 0, 0, 0, 0, 255, 255},
                                      {0, 0, 0, 255, 0, 0, 0},
                                      {0, 0, 0, 128, 127, 127, 127}};
    for (size_t i = 0; i < IML_COUNT_OF(inks); i++) {
        uint8_t *p;
        size_t n = cmyk_jpeg(&p, inks[i]);
        iml_image m = decode(p, n);
        assert_int_equal(m.channels, 3);
        for (int c = 0; c < 3; c++) assert_true(abs(m.px[c] - inks[i][4 + c]) <= 3);
        iml__picture_info info;
        iml__limits l;
        iml__limits_default(&l);
        assert_ok(iml__codec_by_name("jpeg")->header(p, n, &l, &info, e));
        assert_true(info.cmyk);
        free(p);
    }
}

static void webp_is_exact_at_100_and_near_below(void **state)
{
    (void)state;
    if (!iml__codec_by_name("webp")) skip();
    for (int channels = 1; channels <= 4; channels++)
        for (int quality = 80; quality <= 100; quality += 20) {
            iml__encode_opts o;
            iml__encode_opts_default(&o);
            o.quality = quality;
            iml_image m = test_picture(&arena, 67, 31, channels, IML__U8, 1, 9), back;
            size_t n, again;
            uint8_t *p = encode("webp", &m, &o, &n), *q = encode("webp", &m, &o, &again);
            assert_int_equal(n, again);
            assert_memory_equal(p, q, n);
            iml__decode_opts d;
            iml__decode_opts_default(&d);
            if (channels == 1 || channels == 3) d.channels = channels;
            assert_ok(iml__picture_decode("t", p, n, &d, &arena, &back, e));
            if (quality == 100 && channels != 2) assert_true(test_equal(&m, &back));
            double err = 0;
            for (int y = 0; y < 31; y++)
                for (int x = 0; x < 67; x++)
                    err += abs(iml__image_row(&m, y)[x * channels] -
                               iml__image_row(&back, y)[x * back.channels]);
            assert_true(err / (67 * 31) < (quality == 100 ? 0.001 : 12));
            for (size_t cut = 0; cut < n; cut += 7) {
                size_t mark = iml__arena_mark(&arena);
                iml_status st = iml__picture_decode("cut", p, cut, &d, &arena, &back, NULL);
                assert_int_equal(iml_status_class(st), IML_CLASS_ITEM);
                assert_int_equal(iml__arena_mark(&arena), mark);
            }
        }
}

static void formats_are_found_by_content_not_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(iml__codec_by_ext("a/b.PnG"), iml__codec_by_name("png"));
    assert_ptr_equal(iml__codec_by_ext("x.JPEG"), iml__codec_by_name("jpeg"));
    assert_null(iml__codec_by_ext("x.png/readme"));
    assert_null(iml__codec_by_ext("x.pn"));
    iml_image m = test_picture(&arena, 9, 9, 3, IML__U8, 1, 2), out;
    iml__encode_opts o;
    iml__encode_opts_default(&o);
    size_t n;
    uint8_t *p = encode("png", &m, &o, &n);
    iml__decode_opts d;
    iml__decode_opts_default(&d);
    assert_ok(iml__picture_decode("lies.jpg", p, n, &d, &arena, &out, e));
    iml_err err = {0};
    assert_int_equal(
        iml__picture_decode("x.png", (const uint8_t *)"hello", 5, &d, &arena, &out, &err),
        IML_EINPUT);
    assert_int_equal(iml__picture_decode("x.png", p, 0, &d, &arena, &out, &err), IML_EINPUT);
    assert_non_null(strstr(err.msg, "empty"));
}

// Every byte cut and a sweep of single damaged bytes: a reason or a picture, never anything else.
static void every_cut_and_flip_of_a_png_is_clean(void **state)
{
    (void)state;
    iml_image m = test_picture(&arena, 24, 12, 4, IML__U8, 1, 2), out;
    iml__encode_opts o;
    iml__encode_opts_default(&o);
    size_t n;
    uint8_t *p = encode("png", &m, &o, &n);
    iml__decode_opts d;
    iml__decode_opts_default(&d);
    for (size_t i = 0; i < n; i++) {
        size_t mark = iml__arena_mark(&arena);
        iml_status st = iml__picture_decode("cut", p, i, &d, &arena, &out, NULL);
        assert_int_equal(iml_status_class(st), IML_CLASS_ITEM);
        assert_int_equal(iml__arena_mark(&arena), mark);
        p[i] ^= 0x55;
        st = iml__picture_decode("flip", p, n, &d, &arena, &out, NULL);
        assert_true(st == IML_OK || iml_status_class(st) == IML_CLASS_ITEM);
        p[i] ^= 0x55;
        iml__arena_release(&arena, mark);
    }
}

static void any_failing_allocation_is_clean(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        const char *name = k ? "jpeg" : "png";
        iml_image m = test_picture(&arena, 60, 30, 3, IML__U8, 1, 2), out;
        iml__encode_opts o;
        iml__encode_opts_default(&o);
        size_t n;
        uint8_t *p = encode(name, &m, &o, &n);
        iml__decode_opts d;
        iml__decode_opts_default(&d);
        d.channels = 4;
        const iml__codec *c = iml__codec_by_name(name);
        size_t cap = c->bound(&m, &o), size, mark = iml__arena_mark(&arena);
        uint8_t *buf = malloc(cap);
        uint64_t asked = 1;
        for (uint64_t i = 1; i <= asked; i++) {
            iml__mem_fail(i, false);
            iml_status st = iml__picture_decode("t", p, n, &d, &arena, &out, NULL);
            if (st == IML_OK) st = c->encode(&m, &o, &arena, buf, cap, &size, NULL);
            asked = iml__mem_asked();
            iml__mem_fail(0, false);
            // The failing call says so; libpng may also do without what it asked for.
            assert_true(st == IML_OK || st == IML_ENOMEM);
            if (st != IML_OK) asked = IML_MAX(asked, i + 1);
            iml__arena_release(&arena, mark);
            if (i > 200) fail_msg("more than 200 allocations");
        }
        free(buf);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, NULL, reset_arena)
    const struct CMUnitTest tests[] = {
        T(png_reads_back_equal_in_every_format),
        T(every_png_level_gives_the_same_pixels),
        T(png_rows_take_the_better_filter_and_no_metadata),
        T(equal_colours_become_grey_only_when_asked),
        T(png_palettes_few_bits_keys_and_interlace_are_unpacked),
        T(channels_and_depth_convert_as_documented),
        T(jpeg_is_near_and_exact_in_size),
        T(y_equals_libjpeg),
        T(subsampling_follows_quality_92),
        T(truncated_and_damaged_jpeg_is_a_bad_item),
        T(dct_scaling_gives_the_smallest_side_that_is_enough),
        T(exif_orientation_turns_the_picture),
        T(cmyk_jpeg_becomes_rgb),
        T(webp_is_exact_at_100_and_near_below),
        T(formats_are_found_by_content_not_by_name),
        T(every_cut_and_flip_of_a_png_is_clean),
        T(any_failing_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, open_arena, NULL);
}
