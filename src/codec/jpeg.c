// jpeg.c: JPEG by libjpeg's API (libjpeg-turbo): islow DCT, fancy upsampling, integer colour.
//
// libjpeg reports by callback and leaves by longjmp; everything that may jump runs in a function of
// its own whose locals are not used after the jump. Defence, in this order: a walk over the markers
// (scans are counted before one is decoded), sizes against the limits, the coefficients a
// progressive picture keeps, libjpeg's own memory limit. Its warnings about missing or damaged data
// are failures: half a picture trained on as a whole one is worse than none. Others are ignored.
#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/codec/formats.h"
#include "src/image/convert.h"
#include "src/image/ops.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

static bool probe(const uint8_t *p, size_t n)
{
    return n >= 3 && p[0] == 0xff && p[1] == 0xd8 && p[2] == 0xff;
}

// ---- The markers

struct head {
    iml__picture_info info;
    bool progressive;
    uint32_t scans;
};

static uint32_t be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }

static bool is_sof(int m) { return m >= 0xc0 && m <= 0xcf && m != 0xc4 && m != 0xc8 && m != 0xcc; }

static void read_app(int marker, const uint8_t *d, size_t n, struct head *h)
{
    if (marker == 0xe1 && n > 6 && !memcmp(d, "Exif\0\0", 6))
        h->info.orientation = iml__exif_orientation(d + 6, n - 6);
    if (marker == 0xe2 && n > 12 && !memcmp(d, "ICC_PROFILE", 12)) h->info.has_icc = true;
}

static iml_status read_sof(int marker, const uint8_t *d, size_t n, size_t file,
                           const iml__limits *l, struct head *h, iml_err *e)
{
    if (n < 6) return IML_FAIL(e, IML_EINPUT, "its frame header is too short");
    if (h->info.w) return IML_FAIL(e, IML_EINPUT, "has two frame headers");
    if (d[0] != 8) return IML_FAIL(e, IML_EINPUT, "%d bits a sample; only 8 are read", d[0]);
    int c = d[5];
    if (c != 1 && c != 3 && c != 4)
        return IML_FAIL(e, IML_EINPUT, "%d colour components; 1, 3 and 4 are read", c);
    IML_TRY(iml__codec_size_check(be16(d + 3), be16(d + 1), (uint64_t)c, file, l, e));
    h->info.w = (int32_t)be16(d + 3), h->info.h = (int32_t)be16(d + 1);
    h->info.channels = c == 4 ? 3 : c;
    h->info.cmyk = c == 4;
    h->progressive = marker == 0xc2 || marker == 0xc6 || marker == 0xca || marker == 0xce;
    return IML_OK;
}

// The next marker from `at` on; entropy-coded data and padding are stepped over. n: none.
static size_t next_marker(const uint8_t *p, size_t n, size_t at)
{
    while (at < n) {
        const uint8_t *q = memchr(p + at, 0xff, n - at);
        if (!q) break;
        at = (size_t)(q - p);
        if (n - at < 2) break;
        int m = q[1];
        if (m != 0 && m != 0xff && !(m >= 0xd0 && m <= 0xd7) && m != 0x01) return at;
        at += m == 0xff ? 1 : 2;
    }
    return n;
}

// Up to the end, so that scans are counted (whole: true), or up to the first scan.
static iml_status walk(const uint8_t *p, size_t n, const iml__limits *l, bool whole, struct head *h,
                       iml_err *e)
{
    if (!probe(p, n)) return IML_FAIL(e, IML_EINPUT, "no JPEG signature");
    *h = (struct head){.info = {.orientation = 1, .depth = IML__U8}};
    for (size_t at = next_marker(p, n, 2); at < n; at = next_marker(p, n, at)) {
        int m = p[at + 1];
        if (m == 0xd9) break;
        if (m == 0xd8) {
            at += 2;
            continue;
        }
        if (n - at < 4) break;
        size_t len = be16(p + at + 2);
        if (len < 2 || n - at - 2 < len) break;
        const uint8_t *d = p + at + 4;
        if (is_sof(m))
            IML_TRY(read_sof(m, d, len - 2, n, l, h, e));
        else if (m >= 0xe0 && m <= 0xef)
            read_app(m, d, len - 2, h);
        else if (m == 0xda && ++h->scans > l->max_scans)
            return IML_FAIL(e, IML_ELIMIT, "more than %u scans", l->max_scans);
        if (m == 0xda && !whole) break;
        at += 2 + len;
    }
    if (!h->info.w) return IML_FAIL(e, IML_EINPUT, "ends at byte %zu before a frame header", n);
    return IML_OK;
}

static iml_status header(const uint8_t *p, size_t n, const iml__limits *l, iml__picture_info *out,
                         iml_err *e)
{
    struct head h;
    IML_TRY(walk(p, n, l, false, &h, e));
    *out = h.info;
    return IML_OK;
}

// ---- libjpeg's callbacks

struct session {
    struct jpeg_error_mgr mgr; // first: cinfo->err points here
    jmp_buf jump;
    bool no_memory, over;
    char why[JMSG_LENGTH_MAX];
};

static void on_exit_(j_common_ptr c)
{
    struct session *s = (struct session *)c->err;
    s->no_memory = c->err->msg_code == JERR_OUT_OF_MEMORY;
    s->over = c->err->msg_code == JERR_NO_BACKING_STORE;
    c->err->format_message(c, s->why);
    longjmp(s->jump, 1);
}

static bool harmless(int code)
{
    return code == JWRN_EXTRANEOUS_DATA || code == JWRN_TOO_MUCH_DATA || code == JWRN_ADOBE_XFORM ||
           code == JWRN_JFIF_MAJOR;
}

static void on_message(j_common_ptr c, int level)
{
    if (level < 0 && !harmless(c->err->msg_code)) on_exit_(c);
}

static void on_output(j_common_ptr c) { (void)c; }

static struct jpeg_error_mgr *session_begin(struct session *s)
{
    jpeg_std_error(&s->mgr);
    s->mgr.error_exit = on_exit_;
    s->mgr.emit_message = on_message;
    s->mgr.output_message = on_output;
    return &s->mgr;
}

// ---- Decoding

struct job {
    const uint8_t *p;
    size_t n;
    const iml__decode_opts *o;
    iml_arena *a;
    iml_image *out;
    unsigned scale;  // of 8
    bool grey, cmyk; // decode to grey; convert from CMYK by ourselves
    JSAMPLE *row;
};

// Adobe's files hold inverted inks, so a byte is 255 - ink. feed.md 4.1, `pil`.
static void cmyk_to_rgb(uint8_t *d, const uint8_t *s, size_t n)
{
    for (size_t i = 0; i < n; i++, d += 3, s += 4) {
        int k = s[3];
        for (int c = 0; c < 3; c++) {
            int t = (255 - s[c]) * k + 128;
            int v = k - ((t + (t >> 8)) >> 8);
            d[c] = (uint8_t)IML_CLAMP(v, 0, 255);
        }
    }
}

static bool decode_body(struct jpeg_decompress_struct *c, struct session *s, struct job *j)
{
    if (setjmp(s->jump)) return false;
    jpeg_create_decompress(c);
    c->mem->max_memory_to_use =
        j->o->limits.max_memory > INT32_MAX ? INT32_MAX : (long)j->o->limits.max_memory;
    jpeg_mem_src(c, j->p, j->n);
    jpeg_read_header(c, TRUE);
    c->dct_method = JDCT_ISLOW;
    c->do_fancy_upsampling = TRUE;
    c->scale_num = j->scale, c->scale_denom = 8;
    c->out_color_space = j->cmyk ? JCS_CMYK : j->grey ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(c);
    if ((int32_t)c->output_width != j->out->w || (int32_t)c->output_height != j->out->h ||
        c->output_components != (j->cmyk   ? 4
                                 : j->grey ? 1
                                           : 3))
        ERREXIT(c, JERR_BAD_LENGTH);
    while (c->output_scanline < c->output_height) {
        uint8_t *d = iml__image_row(j->out, (int32_t)c->output_scanline);
        JSAMPROW row = j->cmyk ? j->row : d;
        jpeg_read_scanlines(c, &row, 1);
        if (j->cmyk) cmyk_to_rgb(d, j->row, (size_t)j->out->w);
    }
    jpeg_finish_decompress(c);
    return true;
}

static iml_status decode_into(struct job *j, iml_err *e)
{
    struct session s = {0};
    struct jpeg_decompress_struct c = {0};
    c.err = session_begin(&s);
    bool ok = decode_body(&c, &s, j);
    jpeg_destroy_decompress(&c);
    if (ok) return IML_OK;
    if (s.no_memory) return IML_FAIL(e, IML_ENOMEM, "no memory to decode it");
    if (s.over)
        return IML_FAIL(e, IML_ELIMIT, "needs more than %llu bytes to decode",
                        (unsigned long long)j->o->limits.max_memory);
    return IML_FAIL(e, IML_EINPUT, "%s", s.why);
}

// n of 8: the smallest of 1, 2, 4, 8 whose longer side is still at least max_side.
static unsigned scale_for(const struct head *h, int32_t max_side)
{
    int64_t side = IML_MAX(h->info.w, h->info.h);
    for (unsigned n = 1; max_side > 0 && n < 8; n *= 2)
        if ((side * n + 7) / 8 >= max_side) return n;
    return 8;
}

static iml_status check(const struct head *h, const iml__limits *l, iml_err *e)
{
    uint64_t pixels = (uint64_t)h->info.w * (uint64_t)h->info.h;
    uint64_t kept = pixels * 2 * (h->info.cmyk ? 4 : (uint64_t)h->info.channels);
    if ((h->progressive || h->scans > 1) && kept > l->max_memory)
        return IML_FAIL(e, IML_ELIMIT,
                        "%d x %d in several scans needs %llu bytes, the limit is %llu",
                        (int)h->info.w, (int)h->info.h, (unsigned long long)kept,
                        (unsigned long long)l->max_memory);
    return IML_OK;
}

static iml_status decode_all(struct job *j, const struct head *h, iml_err *e)
{
    j->scale = scale_for(h, j->o->max_side);
    j->cmyk = h->info.cmyk;
    j->grey = h->info.channels == 1 || (j->o->channels == 1 && !j->cmyk);
    int32_t w = (int32_t)(((int64_t)h->info.w * j->scale + 7) / 8);
    int32_t hh = (int32_t)(((int64_t)h->info.h * j->scale + 7) / 8);
    IML_TRY(iml__image_new(j->a, w, hh, j->grey ? 1 : 3, IML__U8, j->out, e));
    if (j->cmyk && !(j->row = iml_arena_alloc(j->a, (size_t)w * 4)))
        return IML_FAIL(e, IML_ENOMEM, "no memory for a row");
    IML_TRY(decode_into(j, e));
    IML_TRY(iml__convert(j->a, j->out, j->o->channels, false, e));
    return j->o->orient ? iml__orient(j->a, j->out, h->info.orientation, e) : IML_OK;
}

static iml_status decode(const uint8_t *p, size_t n, const iml__decode_opts *o, iml_arena *a,
                         iml_image *out, iml_err *e)
{
    struct head h;
    IML_TRY(walk(p, n, &o->limits, true, &h, e));
    IML_TRY(check(&h, &o->limits, e));
    iml_image m;
    struct job j = {.p = p, .n = n, .o = o, .a = a, .out = &m};
    size_t mark = iml__arena_mark(a);
    iml_status st = decode_all(&j, &h, e);
    if (st != IML_OK)
        iml__arena_release(a, mark);
    else
        *out = m;
    return st;
}

// ---- Encoding

static size_t bound(const iml_image *m, const iml__encode_opts *o)
{
    (void)o;
    // TurboJPEG's worst case for 4:4:4 (tjBufSize): sides rounded up to 16, six bytes a pixel.
    size_t w = ((size_t)m->w + 15) & ~(size_t)15, h = ((size_t)m->h + 15) & ~(size_t)15;
    return w * h * 6 + 2048;
}

struct sink {
    struct jpeg_destination_mgr mgr; // first: cinfo->dest points here
    bool full;
};

static void sink_begin(j_compress_ptr c) { (void)c; }
static void sink_end(j_compress_ptr c) { (void)c; }

static boolean sink_full(j_compress_ptr c)
{
    ((struct sink *)c->dest)->full = true;
    ERREXIT(c, JERR_BUFFER_SIZE);
    return FALSE;
}

static void set_quality(struct jpeg_compress_struct *c, const iml__encode_opts *o)
{
    jpeg_set_defaults(c);
    jpeg_set_quality(c, o->quality, TRUE);
    c->dct_method = JDCT_ISLOW;
    int sub = o->subsample ? o->subsample : o->quality < 92 ? 420 : 444;
    if (c->num_components == 3) {
        c->comp_info[0].h_samp_factor = sub == 444 ? 1 : 2;
        c->comp_info[0].v_samp_factor = sub == 420 ? 2 : 1;
    }
}

static bool encode_body(struct jpeg_compress_struct *c, struct session *s, const iml_image *m,
                        int channels, const iml__encode_opts *o, struct sink *k, uint8_t *tmp)
{
    if (setjmp(s->jump)) return false;
    jpeg_create_compress(c);
    c->dest = &k->mgr;
    c->image_width = (JDIMENSION)m->w, c->image_height = (JDIMENSION)m->h;
    c->input_components = channels;
    c->in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    set_quality(c, o);
    jpeg_start_compress(c, TRUE);
    while (c->next_scanline < c->image_height) {
        JSAMPROW row = iml__image_row(m, (int32_t)c->next_scanline);
        if (tmp) {
            iml__convert_row(tmp, channels, row, m->channels, IML__U8, (size_t)m->w);
            row = tmp;
        }
        jpeg_write_scanlines(c, &row, 1);
    }
    jpeg_finish_compress(c);
    return true;
}

static iml_status encode_into(const iml_image *m, int channels, const iml__encode_opts *o,
                              uint8_t *tmp, uint8_t *out, size_t cap, size_t *n, iml_err *e)
{
    struct session s = {0};
    struct jpeg_compress_struct c = {0};
    struct sink k = {.mgr = {.next_output_byte = out,
                             .free_in_buffer = cap,
                             .init_destination = sink_begin,
                             .empty_output_buffer = sink_full,
                             .term_destination = sink_end}};
    c.err = session_begin(&s);
    bool ok = encode_body(&c, &s, m, channels, o, &k, tmp);
    jpeg_destroy_compress(&c);
    if (ok) {
        *n = cap - k.mgr.free_in_buffer;
        return IML_OK;
    }
    if (k.full)
        return IML_FAIL(e, IML_EARG, "a JPEG of %d x %d does not fit its buffer of %zu bytes",
                        (int)m->w, (int)m->h, cap);
    if (s.no_memory) return IML_FAIL(e, IML_ENOMEM, "no memory to encode a JPEG");
    return IML_FAIL(e, IML_EARG, "cannot encode a JPEG: %s", s.why);
}

static iml_status encode(const iml_image *m, const iml__encode_opts *o, iml_arena *scratch,
                         uint8_t *out, size_t cap, size_t *n, iml_err *e)
{
    int sub = o->subsample;
    if (m->depth != IML__U8) return IML_FAIL(e, IML_EARG, "JPEG holds 8 bits a sample");
    if (o->quality < 1 || o->quality > 100)
        return IML_FAIL(e, IML_EARG, "JPEG quality %d is not in 1..100", o->quality);
    if (sub && sub != 444 && sub != 422 && sub != 420)
        return IML_FAIL(e, IML_EARG, "JPEG subsampling %d is not 444, 422 or 420", sub);
    if (m->w > 65535 || m->h > 65535)
        return IML_FAIL(e, IML_EARG, "JPEG sides end at 65535, this picture is %d x %d", (int)m->w,
                        (int)m->h);
    int channels = m->channels < 3 || (o->grey_if_equal && iml__is_grey(m)) ? 1 : 3;
    size_t mark = iml__arena_mark(scratch);
    uint8_t *tmp = NULL;
    if (channels != m->channels && !(tmp = iml_arena_alloc(scratch, (size_t)m->w * 3)))
        return IML_FAIL(e, IML_ENOMEM, "no memory for a row");
    iml_status st = encode_into(m, channels, o, tmp, out, cap, n, e);
    iml__arena_release(scratch, mark);
    return st;
}

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
static const char *version(void)
{
#ifdef LIBJPEG_TURBO_VERSION
    return "libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION);
#else
    return "libjpeg " TEXT(JPEG_LIB_VERSION);
#endif
}

const iml__codec iml__codec_jpeg = {
    .name = "jpeg",
    .exts = ".jpg .jpeg",
    .probe = probe,
    .header = header,
    .decode = decode,
    .bound = bound,
    .encode = encode,
    .version = version,
};
