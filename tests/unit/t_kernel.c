// t_kernel.c: kernels_equal_scalar: every fast twin gives the bytes of its scalar truth.
//
// Each row of kernel.def: random input, every tail length from 0 to past two vectors, any
// alignment, and buffers that end (then begin) at a page nobody may touch, so one byte too many is
// a crash.
#include "tests/unit/iml_test.h"

#include "src/io/deflate_block.h"
#include "src/kernel/kernel.h"

#include <math.h>
#include <sys/mman.h>

enum { CAP = 1 << 14, PAGE = 4096, BUFFERS = 6, TAIL = 140 };

static uint8_t *room[BUFFERS]; // CAP bytes between two forbidden pages
static uint8_t *twin_out;
static const iml__kernels *scalar, *fast; // the same one where IML_CPU=scalar
static int twin;                          // which of them TWINS runs: 0, 1
static uint64_t seed = 12345;

static uint32_t rnd(void)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

// n bytes of noise (or of few values) that end or begin at a forbidden page.
static uint8_t *bytes(int buffer, size_t n, bool at_end)
{
    uint8_t *p = at_end ? room[buffer] + CAP - n : room[buffer];
    uint32_t kind = rnd() % 4, value = rnd();
    for (size_t i = 0; i < n; i++) {
        uint32_t v = rnd();
        p[i] = (uint8_t)(kind == 0 ? v & 1 ? 0 : 255 : kind == 1 ? value : v);
    }
    return p;
}

// Runs both twins on equal output buffers; nothing but the first n bytes may differ from before.
#define TWINS(out_buffer, n, at_end, call)                                                         \
    do {                                                                                           \
        size_t n_ = (n);                                                                           \
        uint8_t *out = (at_end) ? room[out_buffer] + CAP - n_ : room[out_buffer];                  \
        const iml__kernels *k = scalar;                                                            \
        twin = 0;                                                                                  \
        memcpy(twin_out, room[out_buffer], CAP);                                                   \
        call;                                                                                      \
        for (size_t i_ = 0; i_ < CAP; i_++) {                                                      \
            uint8_t t_ = twin_out[i_];                                                             \
            twin_out[i_] = room[out_buffer][i_];                                                   \
            room[out_buffer][i_] = t_;                                                             \
        }                                                                                          \
        k = fast;                                                                                  \
        twin = 1;                                                                                  \
        call;                                                                                      \
        if (memcmp(twin_out, room[out_buffer], CAP))                                               \
            fail_msg("twins differ: %s, n %zu, %s", #call, n_, (at_end) ? "end" : "start");        \
    } while (0)

// Lengths 0..TAIL at both ends, then a few long ones.
#define LENGTHS(n, at_end)                                                                         \
    for (int at_end = 0; at_end < 2; at_end++)                                                     \
        for (size_t n = 0; n < TAIL + 200; n = n < TAIL ? n + 1 : n + 61)

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < BUFFERS; i++) {
        uint8_t *p = mmap(NULL, CAP + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED || mprotect(p + PAGE, CAP, PROT_READ | PROT_WRITE)) return -1;
        room[i] = p + PAGE;
        for (size_t k = 0; k < CAP; k++) room[i][k] = (uint8_t)rnd();
    }
    twin_out = malloc(CAP);
    scalar = iml__kernel_at(IML__SIMD_SCALAR);
    fast = iml__kernel(); // IML_CPU picks a lower table
    return twin_out ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(twin_out);
    for (int i = 0; i < BUFFERS; i++) munmap(room[i] - PAGE, CAP + 2 * PAGE);
    return 0;
}

static void the_machine_s_twins_are_tested(void **state)
{
    (void)state;
    if (iml__cpu_simd() >= IML__SIMD_AVX2) assert_ptr_not_equal(scalar, fast);
    assert_ptr_equal(iml__kernel(), iml__kernel_at(iml__cpu_simd()));
}

static void max_and_min(void **state)
{
    (void)state;
    LENGTHS(n, e)
    {
        uint8_t *a = bytes(0, n, e), *b = bytes(1, n, e);
        TWINS(2, n, e, k->max_u8(out, a, b, n));
        TWINS(2, n, e, k->min_u8(out, a, b, n));
        TWINS(2, n, e, k->max_u8(out, out, b, n)); // in place, as layers are
    }
}

static void compositing(void **state)
{
    (void)state;
    static const int channels[] = {1, 3, 4};
    LENGTHS(n, e)
    {
        for (int c = 0; c < 3; c++) {
            uint8_t *m = bytes(0, n, e),
                    colour[4] = {(uint8_t)rnd(), (uint8_t)rnd(), (uint8_t)rnd(), 255};
            bytes(2, n * (size_t)channels[c], e);
            TWINS(2, n * (size_t)channels[c], e, k->over_colour_u8(out, m, n, channels[c], colour));
        }
        uint8_t *s = bytes(0, 4 * n, e);
        bytes(2, 3 * n, e);
        TWINS(2, 3 * n, e, k->over_rgba_rgb_u8(out, s, n));
        TWINS(2, 4 * n, e, k->premultiply_u8(out, s, n));
        bytes(2, 4 * n, e);
        TWINS(2, 4 * n, e, k->premultiply_u8(out, out, n));
    }
}

static void compositing_rounds_by_its_formula(void **state)
{
    (void)state;
    for (uint32_t a = 0; a < 256; a++)
        for (uint32_t c = 0; c < 256; c += 5)
            for (uint32_t d0 = 0; d0 < 256; d0 += 3) {
                uint8_t d[16], m[16], colour[4] = {(uint8_t)c, 0, 0, 0};
                memset(d, (int)d0, 16), memset(m, (int)a, 16);
                fast->over_colour_u8(d, m, 16, 1, colour);
                if (d[7] != (c * a + d0 * (255 - a) + 127) / 255)
                    fail_msg("a %u c %u d %u: %u", a, c, d0, d[7]);
            }
}

static void tables_and_luma(void **state)
{
    (void)state;
    LENGTHS(n, e)
    {
        uint8_t *s = bytes(0, 4 * n, e), *lut = bytes(1, 256, e);
        TWINS(2, n, e, k->lut_u8(out, s, n, lut));
        TWINS(2, n, e, k->luma_u8(out, s, n, 4));
        s = bytes(0, 3 * n, e);
        TWINS(2, n, e, k->luma_u8(out, s, n, 3));
        assert_int_equal(scalar->sum_u8(s, 3 * n), fast->sum_u8(s, 3 * n));
        uint64_t a[3] = {rnd(), 1, 2}, b[3] = {a[0], 1, 2};
        scalar->sum_rgb_u8(s, n, a);
        fast->sum_rgb_u8(s, n, b);
        assert_memory_equal(a, b, sizeof a);
        int16_t *k16 = (int16_t *)(void *)bytes(0, 2 * n, e);
        bytes(2, n, e);
        TWINS(2, n, e, k->add_s16_u8(out, k16, n));
        for (size_t i = 0; i < n; i++) k16[i] = (int16_t)(rnd() % 511 - 255);
        TWINS(2, n, e, k->add_s16_u8(out, k16, n));
        uint16_t *s16 = (uint16_t *)(void *)bytes(0, 2 * n, e);
        TWINS(2, n, e, k->depth_16_to_8(out, s16, n));
        TWINS(2, 2 * n, e, k->swap_u16(out, (uint8_t *)s16, n));
    }
}

static void every_depth_value_is_exact(void **state)
{
    (void)state;
    uint16_t *s = malloc(65536 * 2);
    uint8_t *d = malloc(65536);
    for (int i = 0; i < 65536; i++) s[i] = (uint16_t)i;
    fast->depth_16_to_8(d, s, 65536);
    for (int i = 0; i < 65536; i++)
        if (d[i] != (i + 128) / 257) fail_msg("%d -> %d", i, d[i]);
    free(s);
    free(d);
}

static void grey_test_sees_the_one_that_differs(void **state)
{
    (void)state;
    LENGTHS(n, e)
    {
        uint8_t *s = bytes(0, 3 * n, e);
        for (size_t i = 0; i < n; i++) s[3 * i + 1] = s[3 * i + 2] = s[3 * i];
        assert_true(fast->is_grey_rgb_u8(s, n) && scalar->is_grey_rgb_u8(s, n));
        for (size_t i = 0; i < 3 * n; i++) {
            s[i] ^= 4;
            assert_false(fast->is_grey_rgb_u8(s, n));
            assert_false(scalar->is_grey_rgb_u8(s, n));
            s[i] ^= 4;
        }
    }
}

// Symmetric weights of sum 2^14, as a Gaussian has them, and the extreme of one weight alone.
static void random_gauss(int16_t *w, int r)
{
    int rest = 16384;
    for (int k = 0; k < r; k++) {
        int v = (int)(rnd() % (uint32_t)(rest / (2 * (r - k)) + 1));
        w[k] = w[2 * r - k] = (int16_t)v;
        rest -= 2 * v;
    }
    w[r] = (int16_t)rest;
}

static void blur_passes(void **state)
{
    (void)state;
    int16_t w[64];
    for (int r = 0; r <= 9; r++) LENGTHS(n, e)
        {
            random_gauss(w, r);
            for (size_t step = 1; step <= 4; step++) {
                uint8_t *s = bytes(0, n + 2 * (size_t)r * step, e);
                TWINS(2, 2 * n, e, k->blur_row_u8((uint16_t *)(void *)out, s, n, step, w, r));
            }
            uint16_t *all = (uint16_t *)(void *)bytes(0, 2 * n * 19, e);
            for (size_t i = 0; i < 19 * n; i++)
                all[i] = (uint16_t)(all[i] == 0xffff ? 16320 : all[i] % 16321);
            const uint16_t *rows[19];
            for (int i = 0; i <= 2 * r; i++) rows[i] = all + (size_t)(e ? 18 - i : i) * n;
            TWINS(2, n, e, k->blur_col_u8(out, rows, n, w, r));
        }
}

static void resample_passes(void **state)
{
    (void)state;
    for (int taps = 1; taps <= 19; taps++) LENGTHS(n, e)
        {
            int16_t w[19] = {0};
            int rest = 16384;
            for (int i = 0; i < taps; i++) w[i] = (int16_t)(rnd() % 9000 - 2000), rest -= w[i];
            w[taps / 2] = (int16_t)IML_CLAMP(w[taps / 2] + rest, -16384, 16384);
            uint8_t *all = bytes(0, n * 19, e);
            const uint8_t *rows[19];
            for (int i = 0; i < taps; i++) rows[i] = all + (size_t)(e ? 18 - i : i) * n;
            TWINS(2, n, e, k->resample_col_u8(out, rows, n, w, taps));
        }
    for (int ch = 1; ch <= 4; ch++)
        for (int taps = 1; taps <= 19; taps++)
            for (int e = 0; e < 2; e++) {
                enum { N = 40 };
                int32_t first[N], count[N];
                int16_t w[N * 19];
                size_t width = 60;
                for (int i = 0; i < N; i++) {
                    count[i] = 1 + (int32_t)(rnd() % (uint32_t)taps);
                    first[i] = i == N - 1 ? (int32_t)width - count[i]
                                          : (int32_t)(rnd() % (60 - (uint32_t)count[i] + 1));
                    for (int t = 0; t < 19; t++) w[i * 19 + t] = (int16_t)(rnd() % 9000 - 2000);
                }
                uint8_t *s = bytes(0, width * (size_t)ch, e);
                TWINS(2, N * (size_t)ch, e, k->resample_row_u8(out, s, N, ch, first, count, w, 19));
            }
}

static void png_filters(void **state)
{
    (void)state;
    for (int bpp = 1; bpp <= 8; bpp++) LENGTHS(len, e)
        {
            size_t n = len + (size_t)bpp;
            uint8_t *s = bytes(0, n, e), *prev = bytes(1, n, e);
            uint64_t a[2], b[2];
            scalar->png_sums(s, prev, n, bpp, a);
            fast->png_sums(s, prev, n, bpp, b);
            assert_memory_equal(a, b, sizeof a);
            TWINS(2, n, e, k->png_sub(out, s, n, bpp));
            TWINS(2, n, e, k->png_up(out, s, prev, n));
        }
}

// Rows of little, half or no order: pieces of earlier bytes, runs, what stood a row above, and
// noise.
static void deflatable(uint8_t *p, size_t n, size_t row)
{
    uint32_t noise = rnd() % 3;
    for (size_t i = 0; i < n;) {
        size_t len = 1 + rnd() % 40, from = i ? rnd() % i : 0, kind = rnd() % 4;
        if (rnd() % 8 == 0) len *= 20;
        for (size_t k = 0; k < len && i < n; k++, i++) {
            uint8_t old = kind == 0 && i          ? p[i - 1]
                          : kind == 1 && i >= row ? p[i - row]
                                                  : p[from + k];
            p[i] = kind == 3 && noise ? (uint8_t)(rnd() & (noise == 1 ? 3 : 255)) : i ? old : 7;
        }
    }
}

static void matches_are_found_alike_and_spell_the_bytes(void **state)
{
    (void)state;
    enum { N = 1 << IML__LZ_BITS };
    static uint32_t table[2][N];
    static iml__tok tok[2][CAP];
    for (int round = 0; round < 1500; round++) {
        bool at_end = round & 1;
        size_t n = round < 300 ? (size_t)round / 2 : rnd() % CAP, row = 1 + rnd() % 700;
        uint8_t *p = at_end ? room[0] + CAP - n : room[0], *back = room[1];
        size_t at[2] = {0, 0}, ntok = 1 + rnd() % 3000, spelt = 0;
        deflatable(p, n, row);
        memset(table, 0, sizeof table);
        while (at[0] < n) {
            size_t a = scalar->lz_greedy(tok[0], ntok, &at[0], p, n, row, table[0]);
            size_t b = fast->lz_greedy(tok[1], ntok, &at[1], p, n, row, table[1]);
            assert_true(a == b && at[0] == at[1] && a <= ntok && (a == ntok || at[0] == n));
            assert_memory_equal(tok[0], tok[1], a * sizeof **tok);
            for (size_t i = 0; i < a; i++) {
                iml__tok t = tok[0][i];
                if (!iml__tok_is_match(t)) {
                    back[spelt++] = (uint8_t)t;
                    continue;
                }
                uint32_t sym = t >> 10 & 31, len = iml__tok_length(t);
                uint32_t d = (sym < 4 ? sym : (2 + (sym & 1)) << (sym / 2 - 1)) + (t >> 15) + 1;
                assert_true(len >= 6 && d <= spelt && d <= IML__DEFLATE_WINDOW);
                for (uint32_t k = 0; k < len; k++, spelt++) back[spelt] = back[spelt - d];
            }
            assert_int_equal(spelt, at[0]);
        }
        assert_memory_equal(table[0], table[1], sizeof *table);
        assert_memory_equal(back, p, n);
    }
}

static void put_bits(const iml__kernels *k, const struct iml__dblock *b, const iml__tok *tok,
                     size_t n, iml__bits *end, uint8_t *out, uint64_t acc)
{
    *end = (iml__bits){out, acc, 7};
    k->deflate_put(b, end, tok, n);
}

static void bits_of_tokens(void **state)
{
    (void)state;
    static iml__tok tok[400];
    static uint8_t raw[400 * 258], scrap[sizeof raw + 1024];
    struct iml__dblock b;
    for (int round = 0; round < 400; round++) {
        size_t n = (size_t)round, nraw = 0;
        uint32_t literals = rnd() % 101;
        for (size_t i = 0; i < n; i++) {
            bool match = rnd() % 100 >= literals;
            uint32_t len = match ? 3 + rnd() % 256 : 1;
            tok[i] =
                match ? iml__tok_match(len, 1 + (rnd() & 32767)) : iml__tok_literal((uint8_t)rnd());
            nraw += len;
        }
        iml__bits w;
        iml__bits_init(&w, scrap);
        iml__dblock_write(&b, &w, tok, n, raw, nraw, true); // makes the tables
        uint64_t acc = rnd() & 127, bits = 7;
        for (size_t i = 0; i < n; i++)
            bits += (b.litlen_put[tok[i] & 1023] + b.dist_put[tok[i] >> 10 & 31]) & 255;
        iml__bits end[2];
        if (bits / 8 + 8 > CAP) continue;
        TWINS(2, bits / 8 + 8, 1, put_bits(k, &b, tok, n, &end[twin], out, acc));
        assert_true(end[0].at == end[1].at && end[0].acc == end[1].acc && end[0].n == end[1].n);
        assert_true(end[0].at == room[2] + CAP - 8 && end[0].n == bits % 8);
    }
}

static void lattice_rows(void **state)
{
    (void)state;
    for (int lg = 0; lg <= 3; lg++)
        for (int kind = 0; kind < 4; kind++) // gentle, strong, wild, beyond 32 bits
            LENGTHS(n, e)
            {
                static const int64_t spread[] = {1 << 16, 1 << 22, 1 << 28, (int64_t)1 << 44};
                size_t nodes = n / (1u << lg) + 2;
                int64_t *q[4];
                for (int b = 0; b < 4; b++) {
                    size_t size = nodes * 8;
                    q[b] = (int64_t *)(void *)(e ? room[b] + CAP - size : room[b]);
                    for (size_t i = 0; i < nodes; i++) {
                        int64_t v = (int64_t)((uint64_t)rnd() << 32 | rnd()) % spread[kind];
                        q[b][i] = v + (int64_t)i * 65536 * (1 << lg) - 100000;
                    }
                }
                int v = (int)(rnd() % (1u << lg)), u0 = rnd() & 1 ? 0 : (int)(rnd() % (1u << lg));
                if (u0 && n < 2) u0 = 0;
                int32_t *cy = malloc(4 * (n + 1)), *cy2 = malloc(4 * (n + 1));
                TWINS(4, 4 * n, e,
                      k->lattice_row((int32_t *)(void *)out, twin ? cy2 : cy,
                                     n - (u0 && n > 8 ? 8 : 0), q[0], q[1], q[2], q[3],
                                     n > 8 ? u0 : 0, v, lg));
                assert_memory_equal(cy, cy2, 4 * (n - (u0 && n > 8 ? 8 : 0)));
                free(cy);
                free(cy2);
            }
}

static double between(double lo, double hi) { return lo + (hi - lo) * (rnd() * 0x1p-32); }

// n doubles in lo..hi that end or begin at a forbidden page.
static double *doubles(int buffer, size_t n, bool at_end, double lo, double hi)
{
    double *p = (double *)(void *)(at_end ? room[buffer] + CAP - 8 * n : room[buffer]);
    for (size_t i = 0; i < n; i++) p[i] = between(lo, hi);
    return p;
}

static void gauss_in_double(void **state)
{
    (void)state;
    LENGTHS(n, e)
    {
        int r = (int)(rnd() % 20);
        size_t step = 1 + rnd() % 30;
        double *s = doubles(0, n + 2 * (size_t)r * step, e, -50, 50);
        double *w = doubles(1, (size_t)r + 1, e, 0, 1);
        TWINS(2, 8 * n, e, k->gauss_f64((double *)(void *)out, s, n, step, w, r));
    }
}

// A kernel that moves points in place: both axes' bytes, from the same start.
static void moved(const iml__kernels *k, int which, const void *how, const double *from, size_t n,
                  double *x, double *y)
{
    memcpy(x, from, 8 * n), memcpy(y, from + n, 8 * n);
    if (which == 0) k->project_f64(x, y, n, how);
    if (which == 1) k->displace_f64(x, y, n, how);
    if (which == 2) k->lens_f64(x, y, n, how);
    if (which == 3) k->undisplace_f64(x, y, n, how);
}

static void points_move_alike(void **state)
{
    (void)state;
    double from[2 * (TAIL + 260)], got[2 * (TAIL + 260)], m[9];
    LENGTHS(n, e) for (int which = 0; which < 4; which++)
    {
        for (size_t i = 0; i < 2 * n; i++) from[i] = between(-200, 900);
        if (n > 5) from[5] = 350, from[n + 5] = 350; // a lens's centre
        for (int i = 0; i < 9; i++) m[i] = i < 6 ? between(-1, 1) : between(-0.002, 0.002);
        m[8] = 1; // some points lie behind the horizon
        int32_t nx = 2 + (int32_t)(rnd() % 30), ny = 2 + (int32_t)(rnd() % 20);
        iml__field f = {.nx = nx, .ny = ny, .px = between(1, 60), .py = 8, .half = 0.5};
        f.d = doubles(4, 2 * (size_t)(nx * ny), e, -9, 9), f.scale = between(0, 1);
        iml__lens l = {350, 350, 700, 500, between(-0.5, 1), between(-0.5, 1), INFINITY, 0, 0};
        if (rnd() & 1) l.end = between(0, 1), l.rest = sqrt(l.end), l.base = between(0, 1);
        const void *how = which == 0 ? (const void *)m : which == 2 ? (const void *)&l : &f;
        double *x = doubles(0, n, e, 0, 0), *y = doubles(1, n, e, 0, 0);
        moved(scalar, which, how, from, n, x, y);
        memcpy(got, x, 8 * n), memcpy(got + n, y, 8 * n);
        if (n > 5 && which == 2) assert_true(x[5] == 350 && y[5] == 350);
        moved(fast, which, how, from, n, x, y);
        assert_memory_equal(got, x, 8 * n);
        assert_memory_equal(got + n, y, 8 * n);
    }
}

static void nodes_are_rounded_alike(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) LENGTHS(n, e)
        {
            double far = kind == 0 ? 1 : kind == 1 ? 1e4 : 1e12; // the last is clamped
            double *s = doubles(0, n, e, -far, far);
            for (size_t i = 0; i < n; i += 3) s[i] = rint(s[i] * 131072) / 131072; // halves
            TWINS(2, 8 * n, e, k->fixed_f64((int64_t *)(void *)out, s, n));
        }
}

static void the_first_fold_is_found(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) LENGTHS(n, e)
        {
            int64_t *q[4], spread = kind == 0 ? 1 << 14 : kind == 1 ? 1 << 18 : (int64_t)1 << 44;
            for (int b = 0; b < 4; b++) {
                q[b] = (int64_t *)(void *)(e ? room[b] + CAP - 8 * (n + 1) : room[b]);
                for (size_t i = 0; i <= n; i++)
                    q[b][i] = (b & 1 ? b / 2 : (int64_t)i) * 524288 +
                              (int64_t)((uint64_t)rnd() << 32 | rnd()) % spread;
            }
            double one = 0x1p38, limit = 0.25 * one;
            size_t at = scalar->fold_row(q[0], q[1], q[2], q[3], n, limit);
            assert_int_equal(fast->fold_row(q[0], q[1], q[2], q[3], n, limit), at);
            if (kind == 0) assert_int_equal(at, n);
            if (kind == 2 && n > 100) assert_true(at < n);
        }
}

static void warps(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{1, 1}, {2, 2}, {3, 3}, {4, 5}, {9, 7}, {40, 30}};
    static const int channels[] = {1, 3, 4};
    int32_t cx[TAIL + 200], cy[TAIL + 200];
    for (int c = 0; c < 3; c++)
        for (size_t s = 0; s < IML_COUNT_OF(sizes); s++)
            for (int kind = 0; kind < 4; kind++) LENGTHS(n, e)
                {
                    int32_t w = sizes[s][0], h = sizes[s][1];
                    size_t stride = (size_t)(w * channels[c]);
                    uint8_t *src = bytes(0, stride * (size_t)h, e), *fill = bytes(1, 4, e);
                    for (size_t i = 0; i < n; i++) {
                        uint32_t far = kind == 3 ? 0x7fffffff : kind == 2 ? 512 : 0;
                        uint32_t x = rnd() % ((uint32_t)w * 256 - (kind ? 0 : 255) + far);
                        uint32_t y = rnd() % ((uint32_t)h * 256 - (kind ? 0 : 255) + far);
                        cx[i] = (int32_t)((int64_t)x - far / 2);
                        cy[i] = (int32_t)((int64_t)y - far / 2);
                    }
                    size_t bytes_out = n * (size_t)channels[c];
                    TWINS(2, bytes_out, e,
                          k->warp_row_u8(out, n, cx, cy, src, stride, w, h, channels[c], NULL));
                    TWINS(2, bytes_out, e,
                          k->warp_row_u8(out, n, cx, cy, src, stride, w, h, channels[c], fill));
                }
}

// Neighbours that are neighbours in the source too, as a rotation, a lens or a waving field has
// them.
static void gentle_warps(void **state)
{
    (void)state;
    static const int channels[] = {1, 3, 4};
    int32_t cx[200], cy[200];
    for (int round = 0; round < 6000; round++) {
        int ch = channels[round % 3], e = round / 3 & 1;
        int32_t w = 1 + (int32_t)(rnd() % 100), h = 1 + (int32_t)(rnd() % 40);
        size_t n = rnd() % 200, stride = (size_t)(w * ch);
        int32_t step = 256 + (int32_t)(rnd() % 140) - 60, slope = (int32_t)(rnd() % 80) - 40;
        int32_t x = (int32_t)(rnd() % (uint32_t)(w * 256));
        int32_t y = (int32_t)(rnd() % (uint32_t)(h * 256)), wave = (int32_t)(rnd() % 3);
        if (rnd() & 1) step = -step;
        uint8_t *src = bytes(0, stride * (size_t)h, e), *fill = bytes(1, 4, e);
        for (size_t i = 0; i < n; i++) {
            int32_t j = (int32_t)i;
            // Most of them inside, some at the very edge.
            cx[i] =
                (int32_t)((uint32_t)(x + step * j + (1 << 20)) % (uint32_t)(w * 256 + 200)) - 100;
            cy[i] = y + slope * j + (wave == 2 ? (int32_t)(rnd() % 200) : 0);
        }
        size_t bytes_out = n * (size_t)ch;
        TWINS(2, bytes_out, e, k->warp_row_u8(out, n, cx, cy, src, stride, w, h, ch, NULL));
        TWINS(2, bytes_out, e, k->warp_row_u8(out, n, cx, cy, src, stride, w, h, ch, fill));
    }
}

static void noise_levels(void **state)
{
    (void)state;
    static const double sigmas[] = {0, 0.01, 0.3, 1, 5, 51, 255};
    iml__noise_table *t = malloc(sizeof *t);
    for (size_t s = 0; s < IML_COUNT_OF(sigmas); s++)
        for (int uniform = 0; uniform < 2; uniform++) {
            (uniform ? iml__noise_uniform : iml__noise_gauss)(t, sigmas[s]);
            LENGTHS(n, e)
            {
                uint32_t *words = (uint32_t *)(void *)bytes(0, 4 * n, e);
                for (size_t i = 0; i < n; i += 3)
                    words[i] = rnd() % 3 ? rnd() : (uint32_t) - (int32_t)(rnd() % 2000);
                TWINS(2, 2 * n, e, k->noise_s16((int16_t *)(void *)out, words, n, t));
            }
        }
    free(t);
}

static void permutations(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {
        1, 2, 3, 17, 256, 257, 66240, 1 << 20, 0xffffffff, (uint64_t)1 << 32, (uint64_t)1 << 40};
    for (size_t s = 0; s < IML_COUNT_OF(sizes); s++)
        for (size_t count = 0; count <= 120; count += count < 20 ? 1 : 7)
            for (int at_end = 0; at_end < 2; at_end++) {
                if (count > sizes[s]) continue;
                uint64_t first = sizes[s] - count, key = (uint64_t)rnd() << 32 | rnd();
                if (at_end) first /= 3;
                TWINS(
                    2, 8 * count, at_end,
                    k->feistel((uint64_t *)(void *)out, count, first, sizes[s], key, key ^ 77, 5));
            }
    // And it is one: every pixel once.
    uint8_t hit[1000] = {0};
    uint64_t out[1000];
    fast->feistel(out, 1000, 0, 1000, 42, 7, 9);
    for (int i = 0; i < 1000; i++) {
        assert_true(out[i] < 1000 && !hit[out[i]]);
        hit[out[i]] = 1;
    }
}

// Words up to a forbidden page, in chunks of any size with gaps between; more words than positions
// have numbers.
static void word_candidates(void **state)
{
    (void)state;
    enum { WORDS = 70 * PAGE / 4 * 4 };
    static struct iml__word_tables a, b;
    uint8_t *map = mmap(NULL, 4 * WORDS + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED && !mprotect(map, 4 * WORDS, PROT_READ | PROT_WRITE));
    for (int round = 0; round < 12; round++) {
        size_t n = round & 1 ? WORDS : 1000 + rnd() % 4000;
        unsigned bits = round & 1 ? 16 : 1 + rnd() % 16;
        uint8_t *p = map + 4 * (WORDS - n);
        uint32_t values = 1 + rnd() % (round < 6 ? 6 : 900), run = 0, v = 0;
        for (size_t i = 0; i < n; i++) {
            if (run == 0) v = rnd() % values * 0x10003, run = 1 + rnd() % (round % 3 ? 2 : 40);
            memcpy(p + 4 * i, &v, 4);
            run--;
        }
        memset(&a, 0, sizeof a), memset(&b, 0, sizeof b);
        for (size_t from = 0, to; from < n - 3; from = to + (rnd() % 4 ? 0 : rnd() % 3000)) {
            struct iml__word_found x, y;
            to = from + rnd() % (IML__WORD_CHUNK + 1);
            to = IML_MIN(to, n - 3);
            bool found = rnd() % 8;
            scalar->word_matches(found ? &x : NULL, &a, bits, p, from, to);
            fast->word_matches(found ? &y : NULL, &b, bits, p, from, to);
            if (!found) continue;
            assert_memory_equal(x.back, y.back, 8 * (to - from));
            assert_memory_equal(x.best, y.best, 4 * (to - from));
            for (size_t i = from; i < to; i++) { // what it says is so
                size_t words = x.best[i - from] >> 16, back = x.best[i - from] & 0xFFFF;
                assert_true(words <= 4 && back <= i && (back > 0) == (words > 0));
                assert_memory_equal(p + 4 * i, p + 4 * (i - back), 4 * words);
            }
        }
        assert_memory_equal(&a, &b, sizeof a);
    }
    munmap(map, 4 * WORDS + PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machine_s_twins_are_tested),
        cmocka_unit_test(max_and_min),
        cmocka_unit_test(compositing),
        cmocka_unit_test(compositing_rounds_by_its_formula),
        cmocka_unit_test(tables_and_luma),
        cmocka_unit_test(every_depth_value_is_exact),
        cmocka_unit_test(grey_test_sees_the_one_that_differs),
        cmocka_unit_test(blur_passes),
        cmocka_unit_test(resample_passes),
        cmocka_unit_test(png_filters),
        cmocka_unit_test(matches_are_found_alike_and_spell_the_bytes),
        cmocka_unit_test(bits_of_tokens),
        cmocka_unit_test(lattice_rows),
        cmocka_unit_test(gauss_in_double),
        cmocka_unit_test(points_move_alike),
        cmocka_unit_test(nodes_are_rounded_alike),
        cmocka_unit_test(the_first_fold_is_found),
        cmocka_unit_test(warps),
        cmocka_unit_test(gentle_warps),
        cmocka_unit_test(noise_levels),
        cmocka_unit_test(permutations),
        cmocka_unit_test(word_candidates),
    };
    return cmocka_run_group_tests_name("kernels_equal_scalar", tests, set_up, tear_down);
}
