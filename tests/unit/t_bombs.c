// t_bombs.c: twelve files made to exhaust a reader are refused within 50 ms and 64 MiB, class ITEM.
//
// Each file is made here, then read in a process of its own, whose CPU time and growth of resident
// memory are measured around header() and decode(). Sanitizers are given more of both.
#include "tests/unit/iml_test.h"

#include "src/base/arena.h"
#include "src/codec/codec.h"

#include <libdeflate.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jpeglib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MS = 1000, MIB = 512 };
#else
enum { MS = 50, MIB = 64 };
#endif

// ---- Making the files

static uint8_t *file;
static size_t used, room;

static void put(const void *p, size_t n)
{
    if (used + n > room) {
        room = 2 * room + n + 4096;
        file = realloc(file, room);
        if (!file) abort();
    }
    memcpy(file + used, p, n);
    used += n;
}

static void put32(uint32_t v)
{
    put(((const uint8_t[]){(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}),
        4);
}

static void chunk(const char *type, const void *p, size_t n)
{
    put32((uint32_t)n);
    size_t at = used;
    put(type, 4);
    put(p, n);
    put32(libdeflate_crc32(0, file + at, n + 4));
}

static void png_begin(uint32_t w, uint32_t h, int bits, int type, int interlace)
{
    used = 0;
    put("\x89PNG\r\n\x1a\n", 8);
    uint8_t d[13] = {(uint8_t)(w >> 24),
                     (uint8_t)(w >> 16),
                     (uint8_t)(w >> 8),
                     (uint8_t)w,
                     (uint8_t)(h >> 24),
                     (uint8_t)(h >> 16),
                     (uint8_t)(h >> 8),
                     (uint8_t)h,
                     (uint8_t)bits,
                     (uint8_t)type,
                     0,
                     0,
                     (uint8_t)interlace};
    chunk("IHDR", d, 13);
}

// A zlib stream of n zero bytes, behind `head`.
static void zeros_chunk(const char *type, const char *head, size_t head_n, size_t n)
{
    uint8_t *zero = calloc(1, n), *z;
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(9);
    size_t cap = libdeflate_zlib_compress_bound(c, n);
    z = malloc(head_n + cap);
    memcpy(z, head, head_n);
    size_t size = libdeflate_zlib_compress(c, zero, n, z + head_n, cap);
    chunk(type, z, head_n + size);
    libdeflate_free_compressor(c);
    free(z);
    free(zero);
}

static void png_end(void)
{
    zeros_chunk("IDAT", "", 0, 4 << 20); // about 4 KB: far less than any of these pictures
    chunk("IEND", "", 0);
}

static void png_64k(void) { png_begin(65535, 65535, 8, 2, 0), png_end(); }
static void png_20k(void) { png_begin(20000, 20000, 8, 0, 0), png_end(); }
static void png_one_bit(void) { png_begin(60000, 8000, 1, 0, 0), png_end(); }
static void png_interlaced(void) { png_begin(8000, 8000, 16, 6, 1), png_end(); }

static void png_profile(void)
{
    png_begin(8, 8, 8, 2, 0);
    zeros_chunk("iCCP", "icc\0\0", 5, 48 << 20);
    png_end();
}

static void png_text(void)
{
    png_begin(8, 8, 8, 2, 0);
    zeros_chunk("zTXt", "Comment\0\0", 9, 48 << 20);
    png_end();
}

static void png_international_text(void)
{
    png_begin(8, 8, 8, 2, 0);
    zeros_chunk("iTXt", "Comment\0\1\0en\0c\0", 15, 48 << 20);
    png_end();
}

static void png_long_text(void)
{
    png_begin(8, 8, 8, 2, 0);
    uint8_t *text = malloc(32 << 20);
    memset(text, 'a', 32 << 20);
    chunk("tEXt", text, 32 << 20);
    free(text);
    png_end();
}

static void png_many_chunks(void)
{
    png_begin(8, 8, 8, 2, 0);
    for (int i = 0; i < 100000; i++) chunk("tEXt", "a\0b", 3);
    png_end();
}

static void jpeg_begin(int sof, int w, int h)
{
    used = 0;
    uint8_t d[] = {0xff,       0xd8,
                   0xff,       (uint8_t)sof,
                   0,          17,
                   8,          (uint8_t)(h >> 8),
                   (uint8_t)h, (uint8_t)(w >> 8),
                   (uint8_t)w, 3,
                   1,          0x22,
                   0,          2,
                   0x11,       0,
                   3,          0x11,
                   0};
    put(d, sizeof d);
}

static void jpeg_padding(int segments) // comments of 64 KB
{
    uint8_t com[65537] = {0xff, 0xfe, 0xff, 0xff};
    for (int i = 0; i < segments; i++) put(com, sizeof com);
}

static void jpeg_scan(void) { put("\xff\xda\0\x0c\3\1\0\2\0\3\0\0\x3f\0\1\2\3\4", 18); }

static void jpeg_65500(void) { jpeg_begin(0xc0, 65500, 65500), jpeg_scan(); }
// Backed by enough bytes for the ratio, but the coefficients would take 1.5 GB.
static void jpeg_progressive(void)
{
    jpeg_begin(0xc2, 16000, 16000), jpeg_padding(16), jpeg_scan();
}

// A real picture by libjpeg; n_scans 0: baseline.
static size_t libjpeg_write(unsigned char **p, unsigned w, unsigned h, const jpeg_scan_info *script,
                            int n_scans)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr mgr;
    c.err = jpeg_std_error(&mgr);
    jpeg_create_compress(&c);
    unsigned long n = 0;
    *p = NULL;
    jpeg_mem_dest(&c, p, &n);
    c.image_width = w, c.image_height = h, c.input_components = 3, c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    if (n_scans) c.scan_info = script, c.num_scans = n_scans;
    jpeg_start_compress(&c, TRUE);
    uint8_t row[3 * 640];
    for (unsigned i = 0; i < 3 * w; i++) row[i] = (uint8_t)(i * 7);
    JSAMPROW r = row;
    while (c.next_scanline < h) jpeg_write_scanlines(&c, &r, 1);
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return n;
}

static void jpeg_scans(void)
{
    static jpeg_scan_info script[1000];
    script[0] = (jpeg_scan_info){.comps_in_scan = 3, .component_index = {0, 1, 2}};
    int s = 1;
    for (int comp = 0; comp < 3; comp++)
        for (int k = 1; k < 64; k++)
            for (int al = 9; al >= 0 && s < 1000; al--)
                script[s++] = (jpeg_scan_info){1, {comp}, k, k, al == 9 ? 0 : al + 1, al};
    unsigned char *p;
    size_t n = libjpeg_write(&p, 64, 64, script, 1000);
    used = 0;
    put(p, n);
    free(p);
}

// A real 640 x 480 that says 20000 x 20000, in a file large enough for that.
static void jpeg_ends_early(void)
{
    unsigned char *p;
    size_t n = libjpeg_write(&p, 640, 480, NULL, 0), at = 2;
    while (p[at + 1] != 0xc0) at += 2 + ((size_t)p[at + 2] << 8 | p[at + 3]);
    p[at + 5] = p[at + 7] = 20000 >> 8, p[at + 6] = p[at + 8] = 20000 & 255;
    used = 0;
    put(p, 2);
    jpeg_padding(20);
    put(p + 2, n - 2);
    free(p);
}

static const struct bomb {
    const char *name;
    void (*make)(void);
    const char *reason; // in the message
} bombs[] = {
    {"png of 65535 x 65535 in 5 KB", png_64k, "--max-pixels"},
    {"png of 20000 x 20000 in 5 KB", png_20k, "times its size"},
    {"png of 60000 x 8000 bits in 5 KB", png_one_bit, "times its size"},
    {"png of 16-bit interlaced RGBA in 5 KB", png_interlaced, "times its size"},
    {"png with a profile of 48 MiB", png_profile, "iCCP"},
    {"png with a text of 48 MiB", png_text, "zTXt"},
    {"png with an international text of 48 MiB", png_international_text, "iTXt"},
    {"png with a plain text of 32 MiB", png_long_text, "chunk of 33554432 bytes"},
    {"png with 100,000 chunks", png_many_chunks, "chunks"},
    {"jpeg of 65500 x 65500", jpeg_65500, "--max-pixels"},
    {"progressive jpeg whose coefficients take 1.5 GB", jpeg_progressive, "several scans"},
    {"jpeg of 1,000 scans", jpeg_scans, "100 scans"},
};

// ---- Reading them

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static long peak_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

// In the child: 0, or what was wrong.
static int explode(const struct bomb *b)
{
    iml_arena a;
    iml_image m;
    iml_err err = {0};
    iml__decode_opts o;
    iml__picture_info info;
    iml__decode_opts_default(&o);
    if (iml__arena_open(&a, 0, -1, NULL) != IML_OK) return 1;
    const iml__codec *c = iml__codec_probe(file, used);
    if (!c) return 2;
    long before = peak_kib();
    double begin = cpu_ms();
    (void)c->header(file, used, &o.limits, &info, NULL);
    iml_status st = iml__picture_decode("bomb", file, used, &o, &a, &m, &err);
    double ms = cpu_ms() - begin;
    long grown = peak_kib() - before;
    fprintf(stderr, "%-50s %8zu bytes %6.2f ms %6ld KiB: %s\n", b->name, used, ms, grown, err.msg);
    if (iml_status_class(st) != IML_CLASS_ITEM) return 3;
    if (!strstr(err.msg, b->reason)) return 4;
    if (ms > MS) return 5;
    if (grown > MIB * 1024L) return 6;
    return 0;
}

static void twelve_bombs_are_refused_in_time_and_memory(void **state)
{
    (void)state;
    assert_int_equal(IML_COUNT_OF(bombs), 12);
    for (size_t i = 0; i < IML_COUNT_OF(bombs); i++) {
        bombs[i].make();
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) _exit(explode(&bombs[i]));
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || WEXITSTATUS(status))
            fail_msg("%s: check %d failed (3 class, 4 reason, 5 time, 6 memory)", bombs[i].name,
                     WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    }
}

// What is claimed is not touched: a large picture whose data ends early costs what it held.
static void truncated_giants_cost_what_they_hold(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        if (kind == 0) {
            png_begin(10000, 10000, 8, 2, 0);
            uint8_t *noise = malloc(400000);
            uint32_t v = 1;
            for (int i = 0; i < 400000; i++)
                v = v * 1664525 + 1013904223, noise[i] = i % 30001 ? (uint8_t)(v >> 24) : 1;
            struct libdeflate_compressor *c = libdeflate_alloc_compressor(1);
            uint8_t *z = malloc(500000);
            size_t n = libdeflate_zlib_compress(c, noise, 400000, z, 500000);
            chunk("IDAT", z, n);
            libdeflate_free_compressor(c);
            free(z);
            free(noise);
        } else {
            jpeg_ends_early();
        }
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            struct bomb b = {kind ? "truncated jpeg of 20000 x 20000"
                                  : "truncated png of 10000 x 10000",
                             NULL, "bomb"};
            _exit(explode(&b));
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twelve_bombs_are_refused_in_time_and_memory),
        cmocka_unit_test(truncated_giants_cost_what_they_hold),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    free(file);
    return r;
}
