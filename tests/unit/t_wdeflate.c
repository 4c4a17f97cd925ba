// t_wdeflate.c: planes through the encoder and back, the splice, and the bytes of version 1.
//
// IML_LONG=1: ten times as many random arrays; with IML_CPU (a second run) a tenth.
#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"
#include "tests/unit/iml_prog.h"

#include <libdeflate.h>
#include <sys/mman.h>
#include <zlib.h>
#ifdef IML_ISAL
#include <isa-l.h>
#endif

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/io/deflate_block.h"
#include "src/io/gunzip.h"
#include "src/io/npy.h"
#include "src/io/wdeflate.h"
#include "src/io/zip.h"
#include "src/slice/window.h"

enum { PAGE = 4096, ROOM = 40 * PAGE, LONGEST = 70000 };

static uint8_t *room; // ROOM bytes between two forbidden pages
static uint8_t raw[3 * LONGEST + 1024], back[1 << 18], member[sizeof raw + (1 << 16)];
static struct iml__wdeflate *coder[4];
static const int levels[4] = {0, 1, 6, 9};
static struct libdeflate_decompressor *unpack;
static iml_rng rng;
static char dir[64];

static uint32_t below(uint32_t n) { return (uint32_t)iml_rng_bounded(&rng, n); }

// ---- Planes

static void put(uint8_t *p, uint32_t v, size_t n) { memcpy(p, &v, n); }

// A value as volumes have them: whole numbers, floats of few values, z-scores, or anything.
static uint32_t value(unsigned kind, uint32_t v)
{
    float f;
    uint32_t bits;
    if (kind == 0) return v;
    if (kind == 1) return v * 0x9E3779B1u;
    f = kind == 2 ? (float)v : ((float)v - 77.25f) / 13.7f;
    memcpy(&bits, &f, 4);
    return bits;
}

// n bytes of words of `unit`: noise, few values, one value, runs, rows that follow the row above,
// repeats of what came earlier.
static void fill(uint8_t *p, size_t n, unsigned unit, size_t row)
{
    unsigned how = below(7), kind = below(4), values = 1 + below(below(2) ? 4 : 3000);
    uint32_t v = 0;
    for (size_t i = 0; i < n; i += unit) {
        size_t left = IML_MIN(n - i, (size_t)unit), period = unit * (row ? row : 40);
        switch (how) {
        case 0: v = iml_rng_u32(&rng); break;
        case 1: v = value(kind, below(values)); break;
        case 2: v = value(kind, values); break;
        case 3: v = below(1 + values % 500) ? v : value(kind, below(values)); break;
        case 4:
            if (i >= period && below(30)) {
                memcpy(&v, p + i - period, left);
                break;
            }
            v = value(kind, below(1 + values % 5));
            break;
        case 5:
            if (i > 64 * unit && !below(20)) { // a piece of what stands before
                size_t len = unit * (1 + below(200)), from = unit * below((uint32_t)(i / unit));
                for (size_t k = 0; k < len && i + k < n; k++) p[i + k] = p[from + k];
                i += (IML_MIN(len, n - i) + unit - 1) / unit * unit - unit;
                continue;
            }
            v = value(kind, below(values));
            break;
        default: v = value(kind, (uint32_t)(i / unit / 50 + below(8))); break; // a slope with noise
        }
        put(p + i, v, left);
    }
}

static uint32_t size_at_random(void)
{
    uint32_t how = below(60);
    return below(how == 0 ? LONGEST + 1 : how < 5 ? 8000 : how < 15 ? 20 : 1000);
}

// ---- Decoding

static void same_with_libdeflate(const uint8_t *z, size_t n, const uint8_t *want, size_t want_n)
{
    size_t used, got;
    memset(back, 0xA5, want_n + 1);
    assert_int_equal(libdeflate_deflate_decompress_ex(unpack, z, n, back, want_n + 1, &used, &got),
                     0);
    assert_int_equal(used, n);
    assert_int_equal(got, want_n);
    assert_memory_equal(back, want, want_n);
}

static void same_with_zlib(const uint8_t *z, size_t n, const uint8_t *want, size_t want_n)
{
    z_stream s = {.next_in = (uint8_t *)(uintptr_t)z,
                  .avail_in = (uInt)n,
                  .next_out = back,
                  .avail_out = sizeof back};
    memset(back, 0x5A, want_n);
    assert_int_equal(inflateInit2(&s, -15), Z_OK);
    assert_int_equal(inflate(&s, Z_FINISH), Z_STREAM_END);
    assert_int_equal(s.avail_in, 0);
    assert_int_equal(s.total_out, want_n);
    assert_memory_equal(back, want, want_n);
    inflateEnd(&s);
}

static void same_with_isal(const uint8_t *z, size_t n, const uint8_t *want, size_t want_n)
{
#ifdef IML_ISAL
    static struct inflate_state s;
    isal_inflate_init(&s);
    s.next_in = (uint8_t *)(uintptr_t)z, s.avail_in = (uint32_t)n;
    s.next_out = back, s.avail_out = sizeof back;
    memset(back, 0x77, want_n);
    assert_int_equal(isal_inflate(&s), ISAL_DECOMP_OK);
    assert_int_equal(s.total_out, want_n);
    assert_memory_equal(back, want, want_n);
#else
    (void)z, (void)n, (void)want, (void)want_n;
#endif
}

// ---- Round trips

// Codes plane `in` so that reads beyond it are crashes, into exactly the promised room.
static uint8_t *code(struct iml__wdeflate *c, struct iml__wd_plane in, size_t history, bool whole,
                     size_t *n)
{
    size_t bound = iml__wdeflate_bound(in.n);
    uint8_t *out = malloc(bound);
    assert_non_null(out);
    uint8_t *p = below(2) ? room + ROOM - in.n - history : room;
    memcpy(p, in.p - history, in.n + history);
    in.p = p + history;
    uint64_t asked = iml__mem_asked();
    *n = whole ? iml__wdeflate_whole(c, &in, out) : iml__wdeflate_part(c, &in, history, out);
    asked = iml__mem_asked();
    assert_int_equal(asked, 0);
    assert_true(*n <= bound);
    return out;
}

// One to three planes, as F or G by chance, behind a header; or one plane whole.
static void one_array(void)
{
    static const unsigned units[3] = {4, 2, 1};
    unsigned unit = units[below(3)], planes = below(4);
    struct iml__wdeflate *c = coder[below(8) ? 2 : below(4)];
    size_t row = below(2) ? 1 + below(300) : 0, head = below(2) ? 128 : below(300), at = 0;
    size_t size = size_at_random(), z = 0, n;
    if (planes == 0) {
        fill(raw, size, unit, row);
        uint8_t *out = code(c, (struct iml__wd_plane){raw, size, unit, row}, 0, true, &n);
        memcpy(member, out, n);
        free(out);
        z = n, at = size;
    } else {
        for (; at < head; at++) raw[at] = (uint8_t)below(256);
        z = iml__splice_head(member, raw, head);
        for (unsigned k = 0; k < planes; k++) {
            struct iml__wd_plane in = {raw + at, size, unit, row};
            if (k && below(2)) // resembles the one before
                for (size_t i = 0; i < size; i++) raw[at + i] = raw[at + i - size];
            else
                fill(raw + at, size, unit, row);
            for (unsigned i = 0; i < 5 && size; i++) raw[at + below((uint32_t)size)]++;
            // Also less than the plane before, and what is no multiple of the unit.
            size_t history = k && below(2) ? size - (below(2) ? 0 : below((uint32_t)size + 1)) : 0;
            uint8_t *out = code(c, in, history, false, &n);
            memcpy(member + z, out, n);
            free(out);
            z += n, at += size;
        }
        memcpy(member + z, iml__splice_end, IML__SPLICE_END);
        z += IML__SPLICE_END;
    }
    same_with_libdeflate(member, z, raw, at);
    if (!below(8)) same_with_zlib(member, z, raw, at);
    if (!below(8)) same_with_isal(member, z, raw, at);
}

static void random_arrays_come_back(void **state)
{
    (void)state;
    int rounds = getenv("IML_LONG") ? 1000000 : getenv("IML_CPU") ? 10000 : 100000;
    for (int i = 0; i < rounds; i++) one_array();
}

static void lengths_to_600_come_back_at_every_unit_and_level(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 600; n++)
        for (unsigned k = 0; k < 24; k++) {
            unsigned unit = 1u << k % 3;
            size_t z, row = k & 1 ? 16 : 0;
            fill(raw, n, unit, row);
            struct iml__wd_plane in = {raw, n, unit, row};
            uint8_t *out = code(coder[k % 4], in, 0, k < 12, &z);
            memcpy(member, out, z);
            free(out);
            if (k >= 12) {
                memcpy(member + z, iml__splice_end, IML__SPLICE_END);
                z += IML__SPLICE_END;
            }
            same_with_libdeflate(member, z, raw, n);
        }
}

static void long_runs_are_cut_into_legal_pieces(void **state)
{
    (void)state;
    for (unsigned unit = 1; unit <= 4; unit *= 2)
        for (size_t n = 1; n < 140000; n = n < 1100 ? n + 1 : n + n / 3) {
            size_t z;
            memset(raw, 7, n);
            raw[0] = 9;
            struct iml__wd_plane in = {raw, n, unit, 0};
            uint8_t *out = code(coder[2], in, 0, true, &z);
            same_with_zlib(out, z, raw, n);
            if (n > 1100) assert_true(z < n / 258 + 60);
            free(out);
        }
}

static void nothing_that_came_before_changes_the_bytes(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        unsigned unit = 1u << below(3);
        size_t n = size_at_random(), first, again;
        size_t row = below(2) ? 50 : 0;
        struct iml__wdeflate *c = coder[1 + below(3)], *fresh;
        fill(raw, n, unit, row);
        struct iml__wd_plane in = {raw, n, unit, row};
        uint8_t *a = code(c, in, 0, false, &first);
        for (uint32_t k = below(3); k > 0; k--) { // other planes in between
            size_t m = size_at_random(), z;
            fill(raw + LONGEST, m, 1u << below(3), 0);
            free(code(c, (struct iml__wd_plane){raw + LONGEST, m, 1u << below(3), below(60)}, 0,
                      below(2), &z));
        }
        uint8_t *b = code(c, in, 0, false, &again);
        assert_int_equal(first, again);
        assert_memory_equal(a, b, first);
        free(b);
        // Nor the place, nor a context that was full of dirt.
        for (int k = 0; k < 4; k++)
            if (coder[k] == c) {
                size_t size = iml__wdeflate_size(levels[k]);
                uint8_t *mem = aligned_alloc(64, size);
                assert_non_null(mem);
                memset(mem, (int)below(256), size);
                fresh = iml__wdeflate_init(mem, levels[k]);
                b = code(fresh, in, 0, false, &again);
                assert_int_equal(first, again);
                assert_memory_equal(a, b, first);
                free(b);
                free(mem);
            }
        free(a);
    }
}

// ---- The splice

static void part_rule_by_size(void **state)
{
    (void)state;
    assert_int_equal(iml__splice_rule(0), IML__SPLICE_WHOLE);
    assert_int_equal(iml__splice_rule(8191), IML__SPLICE_WHOLE);
    assert_int_equal(iml__splice_rule(8192), IML__SPLICE_FG);
    assert_int_equal(iml__splice_rule(131071), IML__SPLICE_FG);
    assert_int_equal(iml__splice_rule(131072), IML__SPLICE_F);
}

enum { DEPTH = 7, PLANE = 90 * 100 * 4 };
static struct part {
    uint8_t *f, *g;
    size_t f_n, g_n;
    uint32_t crc;
} part[DEPTH + 2]; // and the constant planes
static uint8_t planes[DEPTH + 2][PLANE];

// F of every plane, G of those that have one `step` below.
static void code_planes(int step)
{
    for (int k = 0; k < DEPTH; k++)
        for (size_t i = 0; i < PLANE / 4; i++) {
            size_t x = i % 100, y = i / 100;
            bool body = (x - 50) * (x - 50) + (y - 45) * (y - 45) < 1600 + 40 * (size_t)k;
            put(planes[k] + 4 * i, value(3, body ? 1000 + below(60) : 24), 4);
        }
    for (int k = 0; k < DEPTH + 2; k++) {
        struct iml__wd_plane in = {planes[k], PLANE, 4, 0};
        part[k] = (struct part){.f = malloc(iml__wdeflate_bound(PLANE)),
                                .crc = iml__crc32(0, planes[k], PLANE)};
        part[k].f_n = iml__wdeflate_part(coder[2], &in, 0, part[k].f);
        if (k < step || k >= DEPTH) continue;
        uint8_t *both = malloc(2 * PLANE);
        memcpy(both, planes[k - step], PLANE);
        memcpy(both + PLANE, planes[k], PLANE);
        part[k].g = malloc(iml__wdeflate_bound(PLANE));
        in.p = both + PLANE;
        part[k].g_n = iml__wdeflate_part(coder[2], &in, IML_MIN(PLANE, (int)IML__WDEFLATE_HISTORY),
                                         part[k].g);
        free(both);
    }
}

static void free_planes(void)
{
    for (int k = 0; k < DEPTH + 2; k++) free(part[k].f), free(part[k].g);
}

// The member image.npy of slice k with window w: what it holds in `raw`, its stream in `member`.
static size_t spliced(enum iml__padding pad, int k, int w, int step, size_t *size, uint32_t *crc)
{
    const uint64_t shape[3] = {(uint64_t)(2 * w + 1), 90, 100};
    uint32_t op = iml__crc32_op(PLANE);
    size_t n = iml__npy_head(raw, "<f4", false, shape, 3), z = iml__splice_head(member, raw, n);
    *crc = iml__crc32(0, raw, n);
    for (int c = 0; c < 2 * w + 1; c++) {
        size_t t = iml__plane_slot(iml__window_plane(pad, k, c, w, step, DEPTH), DEPTH);
        bool g = iml__window_behind(pad, k, c, w, step, DEPTH);
        memcpy(member + z, g ? part[t].g : part[t].f, g ? part[t].g_n : part[t].f_n);
        z += g ? part[t].g_n : part[t].f_n;
        memcpy(raw + n, planes[t], PLANE);
        n += PLANE;
        *crc = iml__crc32_join(op, *crc, part[t].crc);
    }
    memcpy(member + z, iml__splice_end, IML__SPLICE_END);
    *size = n;
    return z + IML__SPLICE_END;
}

// Every padding, window and step: the parts that the window asks for give its planes.
static void every_window(void (*check)(size_t z, size_t n, uint32_t crc))
{
    for (int step = 1; step <= 3; step++) {
        code_planes(step);
        for (int pad = IML__PAD_ZERO; pad <= IML__PAD_SYMMETRIC; pad++)
            for (int w = 0; w <= 2; w++)
                for (int k = 0; k < DEPTH; k++) {
                    size_t n;
                    uint32_t crc;
                    size_t z = spliced((enum iml__padding)pad, k, w, step, &n, &crc);
                    check(z, n, crc);
                }
        free_planes();
    }
}

static void crc_is_that_of_raw(size_t z, size_t n, uint32_t crc)
{
    (void)z;
    assert_int_equal(crc, iml__crc32(0, raw, n));
}

static void crc_equals_whole(void **state)
{
    (void)state;
    every_window(crc_is_that_of_raw);
}

static void member_is_raw(size_t z, size_t n, uint32_t crc)
{
    (void)crc;
    same_with_libdeflate(member, z, raw, n);
    if (!below(4)) same_with_zlib(member, z, raw, n);
    if (!below(4)) same_with_isal(member, z, raw, n);
}

static void G_never_follows_a_foreign_plane(void **state)
{
    (void)state;
    every_window(member_is_raw);
    // It matters: behind another plane than its own, G gives another plane.
    code_planes(1);
    size_t z = part[0].f_n + part[2].g_n + IML__SPLICE_END, used, got;
    memcpy(member, part[0].f, part[0].f_n);
    memcpy(member + part[0].f_n, part[2].g, part[2].g_n);
    memcpy(member + z - IML__SPLICE_END, iml__splice_end, IML__SPLICE_END);
    (void)libdeflate_deflate_decompress_ex(unpack, member, z, back, sizeof back, &used, &got);
    assert_true(memcmp(back + PLANE, planes[2], PLANE) != 0);
    assert_true(part[2].g_n < part[2].f_n); // and it is worth it
    free_planes();
}

static void decodes_with_zlib_libdeflate_isal_python_unzip_7z_bsdtar(void **state)
{
    (void)state;
    static uint8_t file[1 << 20], meta[4096];
    static const char json[] = "{\"source_file\": \"a_0000.nii.gz\", \"slice_index\": 3}";
    code_planes(1);
    size_t n, m, z;
    struct iml__zip zip;
    struct iml__zip_member members[3];
    uint32_t crc;
    z = spliced(IML__PAD_REPLICATE, 3, 2, 1, &n, &crc);
    same_with_zlib(member, z, raw, n);
    same_with_libdeflate(member, z, raw, n);
#ifdef IML_ISAL
    same_with_isal(member, z, raw, n);
#else
    printf("skipped: built without ISA-L\n");
#endif
    uint8_t *p = file;
    iml__zip_begin(&zip, members, 3);
    p += iml__zip_add(
        &zip,
        &(struct iml__zip_member){
            .name = "image.npy", .size = n, .packed = z, .crc = crc, .method = IML__ZIP_DEFLATE},
        p);
    memcpy(p, member, z);
    p += z;
    // A label and the metadata, each coded whole.
    const uint64_t shape[2] = {90, 100};
    n = iml__npy_head(raw, "|i1", true, shape, 2);
    for (size_t i = 0; i < 9000; i++) raw[n + i] = i % 90 > 30 && i % 90 < 60 + i / 900;
    m = iml__npy_text(meta, json, sizeof json - 1);
    const struct iml__wd_plane in[2] = {{raw, n + 9000, 1, 90}, {meta, m, 4, 0}};
    for (int i = 0; i < 2; i++) {
        z = iml__wdeflate_whole(coder[2], &in[i], member);
        same_with_libdeflate(member, z, in[i].p, in[i].n);
        p += iml__zip_add(&zip,
                          &(struct iml__zip_member){.name = i ? "metadata.npy" : "label.npy",
                                                    .size = in[i].n,
                                                    .packed = z,
                                                    .crc = iml__crc32(0, in[i].p, in[i].n),
                                                    .method = IML__ZIP_DEFLATE},
                          p);
        memcpy(p, member, z);
        p += z;
    }
    p += iml__zip_end(&zip, p);
    test_write(dir, "a_003.npz", file, (size_t)(p - file));
    test_write(dir, "planes", planes[1], 5 * PLANE);
    free_planes();
    if (test_have("unzip", "command -v unzip")) test_run("unzip -tq %s/a_003.npz", dir);
    if (test_have("7z", "command -v 7z")) test_run("7z t %s/a_003.npz", dir);
    if (test_have("bsdtar", "command -v bsdtar"))
        test_run("bsdtar -xOf %s/a_003.npz image.npy | tail -c %d | cmp - %s/planes", dir,
                 5 * PLANE, dir);
    if (test_have("python3", TEST_PYTHON " -c 0"))
        test_run(TEST_PYTHON " -c '\n"
                             "import zipfile\n"
                             "z = zipfile.ZipFile(\"%s/a_003.npz\")\n"
                             "assert z.testzip() is None\n"
                             "assert z.read(\"image.npy\")[-%d:] == open(\"%s/planes\", "
                             "\"rb\").read()\n"
                             "'",
                 dir, 5 * PLANE, dir);
    if (test_have("python3-numpy", TEST_PYTHON " -c 'import numpy'"))
        test_run(TEST_PYTHON " -c '\n"
                             "import json, numpy\n"
                             "d = numpy.load(\"%s/a_003.npz\")\n"
                             "p = numpy.fromfile(\"%s/planes\", \"<f4\").reshape(5, 90, 100)\n"
                             "assert (d[\"image\"] == p).all() and d[\"image\"].dtype == p.dtype\n"
                             "l = d[\"label\"]\n"
                             "assert l.shape == (90, 100) and l.flags.f_contiguous\n"
                             "assert l[31, 0] == 1 and l[30, 0] == 0 and l[68, 99] == 1\n"
                             "assert json.loads(str(d[\"metadata\"]))[\"slice_index\"] == 3\n"
                             "'",
                 dir, dir);
}

// ---- Real volumes

struct volume {
    uint8_t *raw;
    size_t n[3], at, size;
    int type; // 2 u8, 4 i16, 16 f32
};

static bool read_volume(const char *name, struct volume *v)
{
    char path[512];
    static uint8_t file[1 << 22];
    struct iml__gz_sum sum;
    float offset;
    (void)snprintf(path, sizeof path, "%s/../shared/data/nifti/%s.nii.gz", IML_SOURCE_DIR, name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        printf("skipped: there is no %s\n", path);
        return false;
    }
    size_t n = fread(file, 1, sizeof file, f);
    (void)fclose(f);
    assert_ok(iml__gunzip(name, file, n, back, 352, &sum, e));
    v->raw = malloc((size_t)sum.size);
    v->size = (size_t)sum.size;
    assert_ok(iml__gunzip(name, file, n, v->raw, v->size, &sum, e));
    for (int k = 0; k < 3; k++) v->n[k] = v->raw[42 + 2 * k] | (size_t)v->raw[43 + 2 * k] << 8;
    memcpy(&offset, v->raw + 108, 4);
    v->at = (size_t)offset, v->type = v->raw[70];
    return true;
}

static float voxel(const struct volume *v, size_t x, size_t y, size_t z)
{
    const uint8_t *p = v->raw + v->at;
    size_t i = x + v->n[0] * (y + v->n[1] * z);
    float f;
    if (v->type == 2) return p[i];
    if (v->type == 4) return (float)(int16_t)(p[2 * i] | p[2 * i + 1] << 8);
    memcpy(&f, p + 4 * i, 4);
    return f;
}

static size_t zlib_size(const uint8_t *p, size_t n)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)p,
                  .avail_in = (uInt)n,
                  .next_out = back,
                  .avail_out = sizeof back};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, 0), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    n = z.total_out;
    deflateEnd(&z);
    return n;
}

// All planes of axis 0, as f32 (z-scored by fixed numbers), i16 or labels: they come back, each as
// F and behind the plane before as G; and their bytes against zlib's at level 6.
static void real_volumes_come_back_and_are_no_larger(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned unit;
        double most; // of zlib 6's bytes
    } rows[] = {{"odd/chris_mra_u8", 4, 1.06},           {"odd/mr_gd_u8_scaled", 4, 1.0},
                {"nnunet/imagesTr/aorta_0000", 4, 1.0},  {"nnunet/imagesTr/ctsm_0000", 4, 1.0},
                {"nnunet/imagesTr/t2cord_0000", 4, 1.0}, {"nnunet/imagesTr/aorta_0000", 2, 1.03},
                {"nnunet/labelsTr/aorta", 1, 1.05},      {"nnunet/labelsTr/ctsm", 1, 1.05},
                {"nnunet/labelsTr/t2cord", 1, 1.05}};
    for (size_t r = 0; r < IML_COUNT_OF(rows); r++) {
        struct volume v;
        if (!read_volume(rows[r].name, &v)) continue;
        const unsigned unit = rows[r].unit;
        const size_t n = v.n[1] * v.n[2] * unit, row = unit == 1 ? v.n[1] : 0;
        uint8_t *two = malloc(2 * n), *out = malloc(2 * iml__wdeflate_bound(n));
        uint64_t ours = 0, zlibs = 0;
        assert_true(2 * n <= sizeof back);
        for (size_t x = 0; x < v.n[0]; x++) {
            memcpy(two, two + n, x ? n : 0);
            for (size_t i = 0; i < v.n[1] * v.n[2]; i++) {
                size_t y = unit == 1 ? i % v.n[1] : i / v.n[2],
                       z = unit == 1 ? i / v.n[1] : i % v.n[2];
                float f = voxel(&v, x, y, z);
                int16_t whole = (int16_t)f;
                if (unit == 4) f = (f - 61.7f) / 211.3f;
                memcpy(two + n + unit * i, unit == 4 ? (void *)&f : (void *)&whole, unit);
            }
            const struct iml__wd_plane a = {two, n, unit, row}, b = {two + n, n, unit, row};
            size_t k = iml__wdeflate_whole(coder[2], &b, out);
            same_with_libdeflate(out, k, b.p, n);
            ours += k, zlibs += zlib_size(b.p, n);
            if (x % 16 == 0) // the way of level 9 is never longer
                assert_true(iml__wdeflate_whole(coder[3], &b, out) <= k);
            if (!x) continue;
            k = iml__wdeflate_part(coder[2], &a, 0, out);
            k += iml__wdeflate_part(coder[2], &b, n, out + k);
            memcpy(out + k, iml__splice_end, IML__SPLICE_END);
            same_with_libdeflate(out, k + IML__SPLICE_END, two, 2 * n);
        }
        printf("%s, unit %u: %.4f of zlib 6\n", rows[r].name, unit, (double)ours / (double)zlibs);
        assert_true((double)ours <= rows[r].most * (double)zlibs);
        free(two), free(out), free(v.raw);
    }
}

// ---- Version 1

// xxh3 over streams of fixed planes: any change of these numbers is a change of the format's bytes
// and needs another IML__WDEFLATE_VERSION.
static void bytes_of_version_1(void **state)
{
    (void)state;
    static const uint64_t want[4][3] = {
        {0x503F337E9B0B1797, 0x74AA7849B0606C21, 0xF52C93F63CF2B53B},
        {0xFF90F356B34D34D2, 0xD30166223C82720F, 0xA0CA89FFCB4F70AD},
        {0xFF90F356B34D34D2, 0xD30166223C82720F, 0xA0CA89FFCB4F70AD},
        {0xE0C62EB787C71702, 0x9440AD13FAAE3A10, 0xBB8AD3058092AEC2},
    };
    iml_rng saved = rng;
    int wrong = 0;
    for (int l = 0; l < 4; l++)
        for (int u = 0; u < 3; u++) {
            iml__xxh3_state *x = iml__xxh3_new();
            rng = iml_rng_at(7, 1, iml_stream("bytes_of_version_1"));
            for (int k = 0; k < 60; k++) {
                size_t n = ((size_t)LONGEST >> k % 14) - (size_t)k % 5, z, row = k & 1 ? 64 : 0;
                fill(raw, n, 1u << u, row);
                fill(raw + n, n, 1u << u, row);
                struct iml__wd_plane in = {raw + n, n, 1u << u, row};
                uint8_t *out = malloc(iml__wdeflate_bound(n));
                z = iml__wdeflate_part(coder[l], &in, k & 2 ? n : 0, out);
                iml__xxh3_add(x, out, z);
                z = iml__wdeflate_whole(coder[l], &in, out);
                iml__xxh3_add(x, out, z);
                free(out);
            }
            uint64_t got = iml__xxh3_end(x);
            iml__xxh3_free(&x);
            if (got == want[l][u]) continue;
            print_error("level %d, unit %d: 0x%016llX\n", levels[l], 1 << u,
                        (unsigned long long)got);
            wrong++;
        }
    rng = saved;
    assert_int_equal(wrong, 0);
}

static void a_context_that_cannot_be_allocated_is_null(void **state)
{
    (void)state;
    iml__mem_fail(1, false);
    struct iml__wdeflate *c = iml__wdeflate_new(6);
    iml__mem_fail(0, false);
    assert_null(c);
    iml__wdeflate_free(&c);
}

static int setup(void **s)
{
    (void)s;
    uint8_t *p = mmap(NULL, ROOM + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + PAGE, ROOM, PROT_READ | PROT_WRITE)) return -1;
    room = p + PAGE;
    for (int i = 0; i < 4; i++)
        if (!(coder[i] = iml__wdeflate_new(levels[i]))) return -1;
    unpack = libdeflate_alloc_decompressor();
    rng = iml_rng_at(1, 5, iml_stream("t_wdeflate"));
    (void)iml__mem_asked();
    test_dir(dir);
    return unpack ? 0 : -1;
}

static int teardown(void **s)
{
    (void)s;
    for (int i = 0; i < 4; i++) iml__wdeflate_free(&coder[i]);
    libdeflate_free_decompressor(unpack);
    munmap(room - PAGE, ROOM + 2 * PAGE);
    test_rm(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_version_1),
        cmocka_unit_test(lengths_to_600_come_back_at_every_unit_and_level),
        cmocka_unit_test(long_runs_are_cut_into_legal_pieces),
        cmocka_unit_test(nothing_that_came_before_changes_the_bytes),
        cmocka_unit_test(part_rule_by_size),
        cmocka_unit_test(crc_equals_whole),
        cmocka_unit_test(G_never_follows_a_foreign_plane),
        cmocka_unit_test(decodes_with_zlib_libdeflate_isal_python_unzip_7z_bsdtar),
        cmocka_unit_test(real_volumes_come_back_and_are_no_larger),
        cmocka_unit_test(a_context_that_cannot_be_allocated_is_null),
        cmocka_unit_test(random_arrays_come_back),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
