// png.c: PNG, read by libpng under our limits; the writer is png_write.c.
//
// Order of defence: our own walk over the chunks up to the first IDAT (sizes, counts, what
// compressed text would unfold to) decides before libpng sees a byte; libpng then skips every
// ancillary chunk but tRNS unread, allocates through a counted and limited allocator, and stops at
// the first error. Sample order on leaving: native 16-bit words, alpha last, palette and 1-, 2-,
// 4-bit unpacked. Rejected: libspng (measured 37 MP/s against 44), png_image's simplified API (no
// row by row, no limits).
#include "src/codec/png.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/image/convert.h"
#include "src/io/fdeflate.h"

#include <libdeflate.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

enum {
    CHUNK_MAX = 16 << 20,   // bytes of one ancillary chunk
    CHUNKS_MAX = 10000,     // before the first IDAT
    INFLATED_MAX = 4 << 20, // of one compressed text or profile
    SMALL = 4000,           // deflate gains at most 1032:1, so less than this cannot unfold to more
};

static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is(const uint8_t *type, const char *name) { return !memcmp(type, name, 4); }

static bool probe(const uint8_t *p, size_t n) { return n >= 8 && !memcmp(p, signature, 8); }

static void *z_alloc(void *user, unsigned count, unsigned size)
{
    (void)user;
    return iml__calloc(count, size);
}

static void z_free(void *user, void *p)
{
    (void)user;
    iml__free_(p);
}

// Does the deflate stream unfold to more than INFLATED_MAX? What is broken does not.
static iml_status unfold_check(const uint8_t *type, const uint8_t *p, size_t n, iml_err *e)
{
    z_stream z = {.zalloc = z_alloc, .zfree = z_free};
    uint8_t out[16384];
    size_t total = 0;
    if (inflateInit(&z) != Z_OK) return IML_FAIL(e, IML_ENOMEM, "no memory for inflate");
    z.next_in = p, z.avail_in = (unsigned)n;
    int r;
    do {
        z.next_out = out, z.avail_out = sizeof out;
        r = inflate(&z, Z_NO_FLUSH);
        total += sizeof out - z.avail_out;
    } while (r == Z_OK && total <= INFLATED_MAX);
    inflateEnd(&z);
    if (total <= INFLATED_MAX) return IML_OK;
    return IML_FAIL(e, IML_ELIMIT, "its %.4s chunk of %zu bytes unfolds to more than %d MiB",
                    (const char *)type, n, INFLATED_MAX >> 20);
}

static iml_status ancillary(const uint8_t *type, const uint8_t *d, size_t len,
                            struct iml__png_head *h, iml_err *e)
{
    if (is(type, "tRNS"))
        h->trns = true;
    else if (is(type, "iCCP"))
        h->info.has_icc = true;
    else if (is(type, "acTL"))
        h->info.animated = true;
    else if (is(type, "eXIf"))
        h->info.orientation = iml__exif_orientation(d, len);
    bool text = is(type, "zTXt"), itxt = is(type, "iTXt");
    if (len <= SMALL || !(text || itxt || is(type, "iCCP"))) return IML_OK;
    // keyword, 0, method (zTXt, iCCP); keyword, 0, flag, method, language, 0, translated, 0 (iTXt).
    const uint8_t *end = d + len, *q = memchr(d, 0, len);
    if (!q || end - q < 3) return IML_OK;
    if (!itxt) return unfold_check(type, q + 2, (size_t)(end - q - 2), e);
    if (q[1] != 1) return IML_OK;
    for (int k = 0; k < 2 && q; k++) {
        q += k ? 1 : 3;
        q = q < end ? memchr(q, 0, (size_t)(end - q)) : NULL;
    }
    return q ? unfold_check(type, q + 1, (size_t)(end - q - 1), e) : IML_OK;
}

static iml_status read_ihdr(const uint8_t *d, size_t file, const iml__limits *l,
                            struct iml__png_head *h, iml_err *e)
{
    static const uint8_t channels[7] = {1, 0, 3, 3, 2, 0, 4};
    int bits = d[8], type = d[9];
    if (type > 6 || !channels[type])
        return IML_FAIL(e, IML_EINPUT, "colour type %d does not exist", type);
    h->bits = bits, h->type = type, h->interlaced = d[12] != 0;
    h->info = (iml__picture_info){.channels = channels[type], .orientation = 1};
    h->info.depth = bits == 16 ? IML__U16 : IML__U8;
    uint64_t w = be32(d), hh = be32(d + 4);
    // Room for the alpha that a tRNS chunk may add.
    uint64_t pixel = ((uint64_t)channels[type] + (type < 4)) * (bits == 16 ? 2 : 1);
    IML_TRY(iml__codec_size_check(w, hh, pixel, file, l, e));
    h->info.w = (int32_t)w, h->info.h = (int32_t)hh;
    return IML_OK;
}

iml_status iml__png_head_read(const uint8_t *p, size_t n, const iml__limits *l,
                              struct iml__png_head *h, iml_err *e)
{
    if (!probe(p, n)) return IML_FAIL(e, IML_EINPUT, "no PNG signature");
    *h = (struct iml__png_head){0};
    size_t at = 8;
    for (int count = 0;; count++) {
        if (n - at < 12) return IML_FAIL(e, IML_EINPUT, "ends at byte %zu before any pixels", n);
        uint32_t len = be32(p + at);
        const uint8_t *type = p + at + 4, *d = p + at + 8;
        if (count == 0 && (!is(type, "IHDR") || len != 13))
            return IML_FAIL(e, IML_EINPUT, "does not begin with an IHDR chunk");
        if (is(type, "IDAT")) break;
        if (is(type, "IEND")) return IML_FAIL(e, IML_EINPUT, "has no pixels (no IDAT chunk)");
        if (len > CHUNK_MAX)
            return IML_FAIL(e, IML_ELIMIT, "a chunk of %u bytes before the pixels, the limit is %d",
                            len, CHUNK_MAX);
        if (count > CHUNKS_MAX)
            return IML_FAIL(e, IML_ELIMIT, "more than %d chunks before the pixels", CHUNKS_MAX);
        if (n - at - 12 < len) return IML_FAIL(e, IML_EINPUT, "ends inside a chunk at byte %zu", n);
        if (count == 0)
            IML_TRY(read_ihdr(d, n, l, h, e));
        else
            IML_TRY(ancillary(type, d, len, h, e));
        at += 12 + (size_t)len;
    }
    if (h->trns && h->type < 4) h->info.channels++;
    return IML_OK;
}

static iml_status header(const uint8_t *p, size_t n, const iml__limits *l, iml__picture_info *out,
                         iml_err *e)
{
    struct iml__png_head h;
    IML_TRY(iml__png_head_read(p, n, l, &h, e));
    *out = h.info;
    return IML_OK;
}

// ---- Decoding. What libpng's callbacks share; lives outside the frame that setjmp returns to.

struct reader {
    const uint8_t *p;
    size_t n, at;
    uint64_t used, max_memory; // of libpng's own
    bool no_memory, over;      // an allocation failed; was refused
    char why[96];
    jmp_buf jump;
};

static void on_error(png_structp png, png_const_charp msg)
{
    struct reader *r = png_get_error_ptr(png);
    snprintf(r->why, sizeof r->why, "%s", msg);
    longjmp(r->jump, 1);
}

static void on_warning(png_structp png, png_const_charp msg) { (void)png, (void)msg; }

static void on_read(png_structp png, png_bytep out, size_t n)
{
    struct reader *r = png_get_io_ptr(png);
    if (n > r->n - r->at) png_error(png, "the file ends too early");
    memcpy(out, r->p + r->at, n);
    r->at += n;
}

static png_voidp on_alloc(png_structp png, png_alloc_size_t n)
{
    struct reader *r = png_get_mem_ptr(png);
    if (n > r->max_memory || r->used > r->max_memory - n) {
        r->over = true;
        return NULL;
    }
    r->used += n; // frees are not taken back: the sum is what is limited
    void *q = iml__alloc(n);
    if (!q) r->no_memory = true;
    return q;
}

static void on_free(png_structp png, png_voidp p)
{
    (void)png;
    iml__free_(p);
}

static void set_up(png_structp png, struct reader *r, const struct iml__png_head *h)
{
    png_set_read_fn(png, r, on_read);
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff); // ours are checked already
    png_set_chunk_malloc_max(png, 1 << 20);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
    (void)h;
}

// Everything that may jump. out is allocated by the caller; rows are read straight into it.
static bool read_rows(png_structp png, png_infop info, struct reader *r,
                      const struct iml__png_head *h, const iml_image *out)
{
    if (setjmp(r->jump)) return false;
    set_up(png, r, h);
    png_read_info(png, info);
    png_set_expand(png); // palette, 1-, 2-, 4-bit, tRNS
    if (h->bits == 16) png_set_swap(png);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t row = (size_t)out->w * (size_t)out->channels * iml__depth_bytes(out->depth);
    if (png_get_rowbytes(png, info) != row)
        png_error(png, "rows are not of the size that the header promises");
    for (int pass = 0; pass < passes; pass++)
        for (int32_t y = 0; y < out->h; y++) png_read_row(png, iml__image_row(out, y), NULL);
    png_read_end(png, NULL);
    return true;
}

static iml_status read_pixels(const uint8_t *p, size_t n, const iml__limits *l,
                              const struct iml__png_head *h, const iml_image *out, iml_err *e)
{
    struct reader r = {.p = p, .n = n, .max_memory = l->max_memory};
    png_structp png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning, &r,
                                               on_alloc, on_free);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    bool ok = info && read_rows(png, info, &r, h, out);
    png_destroy_read_struct(&png, &info, NULL);
    if (ok) return IML_OK;
    if (r.no_memory) return IML_FAIL(e, IML_ENOMEM, "no memory to decode it");
    if (r.over)
        return IML_FAIL(e, IML_ELIMIT, "needs more than %llu bytes to decode",
                        (unsigned long long)l->max_memory);
    return IML_FAIL(e, IML_EINPUT, "%s", r.why[0] ? r.why : "libpng gave up");
}

static iml_status decode(const uint8_t *p, size_t n, const iml__decode_opts *o, iml_arena *a,
                         iml_image *out, iml_err *e)
{
    struct iml__png_head h;
    IML_TRY(iml__png_head_read(p, n, &o->limits, &h, e));
    iml_image m;
    size_t mark = iml__arena_mark(a);
    iml_status st = iml__image_new(a, h.info.w, h.info.h, h.info.channels, h.info.depth, &m, e);
    // A truncated interlaced picture would else show what the arena held before.
    if (st == IML_OK) st = read_pixels(p, n, &o->limits, &h, &m, e);
    if (st == IML_OK) st = iml__convert(a, &m, o->channels, o->depth8, e);
    if (st == IML_OK && o->orient) st = iml__orient(a, &m, h.info.orientation, e);
    if (st != IML_OK)
        iml__arena_release(a, mark);
    else
        *out = m;
    return st;
}

// What is written depends on our encoder or on libdeflate, which tells its version in its header
// only.
static const char *version(void)
{
    _Static_assert(IML__FDEFLATE_VERSION == 1, "say the new version below");
    return "imloom deflate 1, libdeflate " LIBDEFLATE_VERSION_STRING
           ", libpng " PNG_LIBPNG_VER_STRING;
}

const iml__codec iml__codec_png = {
    .name = "png",
    .exts = ".png",
    .probe = probe,
    .header = header,
    .decode = decode,
    .bound = iml__png_bound,
    .encode = iml__png_encode,
    .version = version,
};
