// webp.c: WebP by libwebp: still pictures, lossy and lossless.
//
// Our own walk over the RIFF chunks finds EXIF and animation; sizes are checked before libwebp
// decodes, straight into our picture. Animated files are refused: their first frame alone would be
// a guess. Encoding is single-threaded, method 4; quality 100 means lossless, with the colours
// under clear pixels kept.
#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/codec/formats.h"
#include "src/image/convert.h"
#include "src/image/ops.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/encode.h>

enum { SIDE_MAX = 16383 }; // of the format

static bool probe(const uint8_t *p, size_t n)
{
    return n >= 12 && !memcmp(p, "RIFF", 4) && !memcmp(p + 8, "WEBP", 4);
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void walk(const uint8_t *p, size_t n, iml__picture_info *out)
{
    for (size_t at = 12; n - at >= 8;) {
        size_t len = le32(p + at + 4), room = n - at - 8;
        const uint8_t *d = p + at + 8;
        size_t have = IML_MIN(len, room);
        if (!memcmp(p + at, "ICCP", 4)) out->has_icc = true;
        if (!memcmp(p + at, "EXIF", 4)) {
            // Some writers put JPEG's prefix before the block.
            size_t skip = have > 6 && !memcmp(d, "Exif\0\0", 6) ? 6 : 0;
            out->orientation = iml__exif_orientation(d + skip, have - skip);
        }
        if (len >= room) break;
        at += 8 + len + (len & 1);
        if (at > n) break;
    }
}

static iml_status header(const uint8_t *p, size_t n, const iml__limits *l, iml__picture_info *out,
                         iml_err *e)
{
    WebPBitstreamFeatures f;
    if (!probe(p, n)) return IML_FAIL(e, IML_EINPUT, "no WebP signature");
    VP8StatusCode st = WebPGetFeatures(p, n, &f);
    if (st == VP8_STATUS_NOT_ENOUGH_DATA)
        return IML_FAIL(e, IML_EINPUT, "ends at byte %zu before any pixels", n);
    if (st != VP8_STATUS_OK) return IML_FAIL(e, IML_EINPUT, "its header makes no sense");
    IML_TRY(
        iml__codec_size_check((uint64_t)f.width, (uint64_t)f.height, f.has_alpha ? 4 : 3, n, l, e));
    *out = (iml__picture_info){.w = f.width,
                               .h = f.height,
                               .channels = f.has_alpha ? 4 : 3,
                               .depth = IML__U8,
                               .orientation = 1,
                               .animated = f.has_animation};
    walk(p, n, out);
    return IML_OK;
}

static const char *reason(VP8StatusCode st)
{
    switch (st) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED: return "the file ends too early";
    case VP8_STATUS_UNSUPPORTED_FEATURE: return "uses a feature that libwebp does not read";
    default: return "its data is damaged";
    }
}

static iml_status read_pixels(const uint8_t *p, size_t n, const iml_image *m, iml_err *e)
{
    WebPDecoderConfig c;
    if (!WebPInitDecoderConfig(&c))
        return IML_FAIL(e, IML_EBUG, "libwebp is of another version than its header");
    c.output.colorspace = m->channels == 4 ? MODE_RGBA : MODE_RGB;
    c.output.is_external_memory = 1;
    if (m->stride > INT32_MAX) return IML_FAIL(e, IML_ELIMIT, "a row of %zu bytes", m->stride);
    c.output.u.RGBA = (WebPRGBABuffer){m->px, (int)m->stride, m->stride * (size_t)m->h};
    VP8StatusCode st = WebPDecode(p, n, &c);
    WebPFreeDecBuffer(&c.output);
    if (st == VP8_STATUS_OK) return IML_OK;
    if (st == VP8_STATUS_OUT_OF_MEMORY) return IML_FAIL(e, IML_ENOMEM, "no memory to decode it");
    return IML_FAIL(e, IML_EINPUT, "%s", reason(st));
}

static iml_status decode(const uint8_t *p, size_t n, const iml__decode_opts *o, iml_arena *a,
                         iml_image *out, iml_err *e)
{
    iml__picture_info info;
    iml_image m;
    IML_TRY(header(p, n, &o->limits, &info, e));
    if (info.animated) return IML_FAIL(e, IML_EINPUT, "is animated; only still pictures are read");
    // libwebp keeps a lossless picture's pixels, 4 bytes each, beside ours.
    uint64_t own = (uint64_t)info.w * (uint64_t)info.h * 4;
    if (own > o->limits.max_memory)
        return IML_FAIL(e, IML_ELIMIT, "needs %llu bytes to decode, the limit is %llu",
                        (unsigned long long)own, (unsigned long long)o->limits.max_memory);
    size_t mark = iml__arena_mark(a);
    iml_status st = iml__image_new(a, info.w, info.h, info.channels, IML__U8, &m, e);
    if (st == IML_OK) st = read_pixels(p, n, &m, e);
    if (st == IML_OK) st = iml__convert(a, &m, o->channels, false, e);
    if (st == IML_OK && o->orient) st = iml__orient(a, &m, info.orientation, e);
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
    return (size_t)m->w * (size_t)m->h * 5 + 65536;
}

struct sink {
    uint8_t *out;
    size_t cap, n;
};

static int put(const uint8_t *p, size_t n, const WebPPicture *pic)
{
    struct sink *s = pic->custom_ptr;
    if (n > s->cap - s->n) return 0;
    memcpy(s->out + s->n, p, n);
    s->n += n;
    return 1;
}

static iml_status encode_rgb(const iml_image *m, const iml__encode_opts *o, struct sink *s,
                             iml_err *e)
{
    WebPConfig c;
    WebPPicture pic;
    if (!WebPConfigInit(&c) || !WebPPictureInit(&pic))
        return IML_FAIL(e, IML_EBUG, "libwebp is of another version than its header");
    c.quality = (float)o->quality;
    c.lossless = o->quality == 100;
    if (c.lossless) c.quality = 75; // effort, there
    c.method = 4, c.exact = 1, c.thread_level = 0;
    pic.use_argb = c.lossless;
    pic.width = m->w, pic.height = m->h;
    pic.writer = put, pic.custom_ptr = s;
    bool ok = m->channels == 4 ? WebPPictureImportRGBA(&pic, m->px, (int)m->stride)
                               : WebPPictureImportRGB(&pic, m->px, (int)m->stride);
    ok = ok && WebPEncode(&c, &pic);
    WebPEncodingError why = pic.error_code;
    WebPPictureFree(&pic);
    if (ok) return IML_OK;
    if (why == VP8_ENC_ERROR_OUT_OF_MEMORY || why == VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY)
        return IML_FAIL(e, IML_ENOMEM, "no memory to encode a WebP");
    if (why == VP8_ENC_ERROR_BAD_WRITE)
        return IML_FAIL(e, IML_EARG, "a WebP of %d x %d does not fit its buffer of %zu bytes",
                        (int)m->w, (int)m->h, s->cap);
    return IML_FAIL(e, IML_EARG, "cannot encode a WebP (libwebp's error %d)", (int)why);
}

static iml_status encode(const iml_image *m, const iml__encode_opts *o, iml_arena *scratch,
                         uint8_t *out, size_t cap, size_t *n, iml_err *e)
{
    struct sink s = {.out = out, .cap = cap};
    if (m->depth != IML__U8) return IML_FAIL(e, IML_EARG, "WebP holds 8 bits a sample");
    if (o->quality < 1 || o->quality > 100)
        return IML_FAIL(e, IML_EARG, "WebP quality %d is not in 1..100", o->quality);
    if (m->w > SIDE_MAX || m->h > SIDE_MAX)
        return IML_FAIL(e, IML_EARG, "WebP sides end at %d, this picture is %d x %d", SIDE_MAX,
                        (int)m->w, (int)m->h);
    iml_image rgb = *m; // WebP knows no grey: the samples are repeated
    size_t mark = iml__arena_mark(scratch);
    iml_status st =
        m->channels < 3 ? iml__convert(scratch, &rgb, m->channels + 2, false, e) : IML_OK;
    if (st == IML_OK) st = encode_rgb(&rgb, o, &s, e);
    iml__arena_release(scratch, mark);
    *n = s.n;
    return st;
}

static char version_text[32];
static pthread_once_t version_once = PTHREAD_ONCE_INIT;

static void make_version(void)
{
    int v = WebPGetEncoderVersion(); // of the library that is loaded: its bytes are what matters
    snprintf(version_text, sizeof version_text, "libwebp %d.%d.%d", v >> 16, v >> 8 & 255, v & 255);
}

static const char *version(void)
{
    pthread_once(&version_once, make_version);
    return version_text;
}

const iml__codec iml__codec_webp = {
    .name = "webp",
    .exts = ".webp",
    .probe = probe,
    .header = header,
    .decode = decode,
    .bound = bound,
    .encode = encode,
    .version = version,
};
