#include "tests/unit/iml_test.h"

#include <math.h>

#include "src/base/cpu.h"
#include "src/base/rng.h"

// kat_vectors of Random123 1.14, lines "philox4x32 10".
static void philox_gives_the_published_vectors(void **state)
{
    (void)state;
    static const struct {
        uint32_t ctr[4], key[2], out[4];
    } kat[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < IML_COUNT_OF(kat); i++) {
        uint32_t out[4];
        iml__philox(kat[i].ctr, kat[i].key, out);
        assert_memory_equal(out, kat[i].out, sizeof out);
    }
}

static void words_come_from_their_blocks_in_order(void **state)
{
    (void)state;
    const uint64_t seed = 0x0123456789abcdef, index = 0xfedcba9876543210;
    const uint32_t key[2] = {0x89abcdef, 0x01234567}, stream = iml_stream("synth.blur_radius");
    iml_rng r = iml_rng_at(seed, index, stream), s = iml__rng_slot(seed, index, stream, 3);
    for (uint32_t block = 0; block < 300; block++) {
        uint32_t out[4];
        iml__philox((uint32_t[4]){block, stream, 0x76543210, 0xfedcba98}, key, out);
        for (int k = 0; k < 4; k++) assert_int_equal(iml_rng_u32(&r), out[k]);
        iml__philox((uint32_t[4]){768 + block, stream, 0x76543210, 0xfedcba98}, key, out);
        uint64_t low = iml_rng_u64(&s), high = iml_rng_u64(&s);
        assert_true(low == (out[0] | (uint64_t)out[1] << 32));
        assert_true(high == (out[2] | (uint64_t)out[3] << 32));
    }
}

static void stream_is_the_low_half_of_xxh3(void **state)
{
    (void)state;
    assert_int_equal(iml_stream(""), 0x38D394C2); // xxh3_64 of nothing: 2D06800538D394C2
    assert_int_not_equal(iml_stream("a"), iml_stream("b"));
}

// A generator whose next words are given: used counts down in out[].
static iml_rng words(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return (iml_rng){.out = {a, b, c, d}};
}

static void unit_lies_between_0_and_1(void **state)
{
    (void)state;
    iml_rng r = words(0, 0, UINT32_MAX, UINT32_MAX);
    assert_true(iml_rng_unit(&r) == 0x1p-54);
    assert_true(iml_rng_unit(&r) == 1 - 0x1p-53);
    r = words(0x800, 0, 0, 0x80000000);
    assert_true(iml_rng_unit(&r) == 1.5 * 0x1p-53);
    assert_true(iml_rng_unit(&r) == 0.5); // the half of 2^-53 rounds to even
    r = iml_rng_at(1, 2, 3);
    double sum = 0;
    for (int i = 0; i < 10000; i++) sum += iml_rng_unit(&r);
    assert_true(fabs(sum / 10000 - 0.5) < 0.015);
}

static void bounded_rejects_what_would_bias_it(void **state)
{
    (void)state;
    // n = 6: 2^32 mod 6 = 4. Word 0 gives the low half 0 < 4: refused; word 2^31 + 1 gives 6.
    iml_rng r = words(0, 0x80000001, 0, 0);
    assert_int_equal(iml_rng_bounded(&r, 6), 3);
    assert_int_equal(r.used, 2);
    // n = 2^32 - 1: 2^32 mod n = 1, so only the low half 0 (word 0) is refused.
    r = words(0, 1, UINT32_MAX, 0);
    assert_int_equal(iml_rng_bounded(&r, UINT32_MAX), 0);
    assert_int_equal(r.used, 2);
    assert_int_equal(iml_rng_bounded(&r, UINT32_MAX), UINT32_MAX - 1);
    r = words(7, 8, 9, 10);
    assert_int_equal(iml_rng_bounded(&r, 1), 0);
    assert_true(iml_rng_bounded(&r, (uint64_t)1 << 32) == 8);
    assert_int_equal(r.used, 2);
    // Above 2^32 a draw is two words. n = 2^33: no rejection, the top 33 bits.
    assert_true(iml_rng_bounded(&r, (uint64_t)1 << 33) == ((uint64_t)10 << 1));
    assert_int_equal(r.used, 4);
    // n = 3 * 2^62: 2^64 mod n = 2^62, so exactly the draws divisible by 4 are refused.
    r = words(4, 0, 1, 0x80000000);
    assert_true(iml_rng_bounded(&r, (uint64_t)3 << 62) == (uint64_t)3 << 61);
    assert_int_equal(r.used, 4);
}

static void bounded_is_flat(void **state)
{
    (void)state;
    static const uint64_t ns[] = {2, 3, 5, 6, 7, 10, 100};
    for (size_t t = 0; t < IML_COUNT_OF(ns); t++) {
        uint64_t n = ns[t];
        uint32_t seen[100] = {0};
        iml_rng r = iml_rng_at(42, n, 7);
        for (uint64_t i = 0; i < 1000 * n; i++) seen[iml_rng_bounded(&r, n)]++;
        double chi = 0;
        for (uint64_t k = 0; k < n; k++) chi += (seen[k] - 1000.0) * (seen[k] - 1000.0) / 1000;
        double dof = (double)n - 1;
        assert_true(chi < dof + 4 * sqrt(2 * dof) + 4);
    }
}

static void fires_as_often_as_p_says(void **state)
{
    (void)state;
    iml_rng r = words(0, UINT32_MAX, 0x7fffffff, 0x80000000);
    assert_true(!iml__rng_fires(&r, 0)); // not even at word 0
    assert_true(iml__rng_fires(&r, 1));  // even at the last word
    assert_true(iml__rng_fires(&r, 0.5));
    assert_true(!iml__rng_fires(&r, 0.5));
    assert_int_equal(r.used, 4); // one word each, whatever p
    r = words(5, 6, 7, 8);
    assert_true(!iml__rng_fires(&r, NAN));
    assert_true(!iml__rng_fires(&r, -1));
    assert_true(iml__rng_fires(&r, 1e300));
}

static void choice_follows_its_weights(void **state)
{
    (void)state;
    const double w[] = {0, 1, 0, 3, 0};
    uint32_t seen[5] = {0};
    iml_rng r = iml_rng_at(5, 0, 1);
    for (int i = 0; i < 8000; i++) seen[iml__rng_choice(&r, w, 5)]++;
    assert_int_equal(seen[0] + seen[2] + seen[4], 0);
    assert_in_range(seen[1], 1850, 2150);
    r = words(UINT32_MAX, UINT32_MAX, 0, 0);
    assert_int_equal(iml__rng_choice(&r, w, 5), 3); // never a weight of 0, at either end
    assert_int_equal(iml__rng_choice(&r, w, 5), 1);
}

static void normal_has_mean_0_and_deviation_1(void **state)
{
    (void)state;
    iml_rng r = iml_rng_at(9, 9, 9);
    double s1 = 0, s2 = 0, s4 = 0;
    for (int i = 0; i < 20000; i++) {
        double z = iml__rng_normal(&r);
        s1 += z, s2 += z * z, s4 += z * z * z * z;
    }
    assert_true(fabs(s1 / 20000) < 0.03);
    assert_true(fabs(s2 / 20000 - 1) < 0.04);
    assert_true(fabs(s4 / 20000 - 3) < 0.3);
}

// The definition of ops.md 2, sample by sample.
static uint32_t field_word(uint64_t seed, uint64_t index, uint32_t stream, uint64_t s)
{
    uint32_t out[4];
    iml__philox((uint32_t[4]){(uint32_t)(8 * (s / 32) + s % 8), stream, (uint32_t)index,
                              (uint32_t)(index >> 32)},
                (uint32_t[2]){(uint32_t)seed, (uint32_t)(seed >> 32)}, out);
    return out[s / 8 % 4];
}

static void strips_have_the_same_field(void **state)
{
    (void)state;
    const uint64_t seed = 77, index = (uint64_t)5 << 40 | 3;
    static uint32_t want[512], got[512 + 2];
    for (uint64_t s = 0; s < 512; s++) want[s] = field_word(seed, index, 11, s);
    for (uint64_t first = 0; first < 70; first++) {
        for (size_t n = 0; n <= 140; n++) {
            memset(got, 0xA5, sizeof got);
            iml__rng_field(seed, index, 11, first, got + 1, n);
            assert_memory_equal(got + 1, want + first, n * sizeof *got);
            assert_int_equal(got[0], 0xA5A5A5A5);
            assert_int_equal(got[n + 1], 0xA5A5A5A5);
        }
    }
    const uint64_t far = ((uint64_t)1 << 34) - 100; // the last words of a stream
    iml__rng_field(seed, index, 11, far, got, 100);
    for (uint64_t s = 0; s < 100; s++)
        assert_int_equal(got[s], field_word(seed, index, 11, far + s));
}

static void avx2_field_equals_scalar(void **state)
{
    (void)state;
    if (iml__cpu_simd() < IML__SIMD_AVX2) skip();
#if defined(__x86_64__)
    static uint32_t a[32 * 40 + 1], b[32 * 40 + 1];
    for (uint32_t t = 0; t < 200; t++) {
        uint32_t w[8];
        iml__rng_field_scalar((uint32_t[2]){t, 1}, (uint32_t[4]){0}, 1, a);
        memcpy(w, a, sizeof w);
        if (t % 3 == 0) w[2] = UINT32_MAX - t; // the block counter wraps inside the field
        size_t groups = t % 41;
        memset(a, 0, sizeof a), memset(b, 0, sizeof b);
        iml__rng_field_scalar(w, w + 2, groups, a + t % 2); // also off its alignment
        iml__rng_field_avx2(w, w + 2, groups, b + t % 2);
        assert_memory_equal(a, b, sizeof a);
    }
#endif
}

static void permutations_reach_every_number_once(void **state)
{
    (void)state;
    static uint32_t all[2000];
    static uint8_t seen[2][2000];
    const uint32_t stream = iml_stream("feed/full");
    for (uint32_t n = 1; n <= 2000; n++) {
        memset(seen, 0, sizeof seen);
        iml__perm_fill(3, n, stream, n, all);
        for (uint32_t k = 0; k < n; k++) {
            uint64_t f = iml__feistel(3, n, stream, n, k);
            assert_true(f < n && all[k] < n);
            assert_int_equal(seen[0][f]++, 0);
            assert_int_equal(seen[1][all[k]]++, 0);
        }
        // A single value costs O(n): every place of the small ones, a few of the large ones.
        for (uint32_t k = 0; k < n; k += n <= 130 ? 1 : 1 + n / 3)
            assert_int_equal(iml__perm(3, n, stream, n, k), all[k]);
    }
}

static uint64_t unfeistel(uint64_t seed, uint64_t index, uint32_t stream, uint64_t n, uint64_t v)
{
    unsigned b = (64 - (unsigned)__builtin_clzll(n - 1) + 1) / 2;
    uint32_t mask = (uint32_t)(((uint64_t)1 << b) - 1);
    do {
        uint32_t left = (uint32_t)(v >> b) & mask, right = (uint32_t)v & mask, w[4];
        for (uint32_t r = 8; r-- > 0;) {
            uint32_t before = left;
            iml__philox(
                (uint32_t[4]){before << 3 | r, stream, (uint32_t)index, (uint32_t)(index >> 32)},
                (uint32_t[2]){(uint32_t)seed, (uint32_t)(seed >> 32)}, w);
            left = right ^ (w[0] & mask), right = before;
        }
        v = (uint64_t)left << b | right;
    } while (v >= n);
    return v;
}

static void huge_permutations_can_be_undone(void **state)
{
    (void)state;
    const uint64_t ns[] = {65537,
                           1000003,
                           (uint64_t)1 << 32,
                           ((uint64_t)1 << 32) + 1,
                           ((uint64_t)1 << 40) - 1,
                           ((uint64_t)3 << 56) + 7,
                           UINT64_MAX};
    for (size_t t = 0; t < IML_COUNT_OF(ns); t++) {
        uint64_t n = ns[t];
        for (uint64_t i = 0; i < 500; i++) {
            uint64_t k = i < 250 ? i : n - 1 - (i - 250), v = iml__perm(1, 2, 3, n, k);
            assert_true(v < n);
            assert_true(unfeistel(1, 2, 3, n, v) == k);
        }
    }
    static uint8_t seen[70001];
    static uint32_t all[70001];
    iml__perm_fill(8, 8, 8, 70001, all);
    for (uint32_t k = 0; k < 70001; k++) assert_int_equal(seen[all[k]]++, 0);
    assert_int_equal(all[70000], iml__perm(8, 8, 8, 70001, 70000));
}

static void small_permutations_are_all_equally_likely(void **state)
{
    (void)state;
    uint32_t seen[125] = {0};
    for (uint64_t t = 0; t < 24000; t++) {
        uint32_t p[4];
        iml__perm_fill(1, t, 2, 4, p);
        seen[p[0] * 25 + p[1] * 5 + p[2]]++;
    }
    double chi = 0;
    int kinds = 0;
    for (int k = 0; k < 125; k++)
        if (seen[k]) kinds++, chi += (seen[k] - 1000.0) * (seen[k] - 1000.0) / 1000;
    assert_int_equal(kinds, 24);
    assert_true(chi < 23 + 4 * sqrt(46));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_vectors),
        cmocka_unit_test(words_come_from_their_blocks_in_order),
        cmocka_unit_test(stream_is_the_low_half_of_xxh3),
        cmocka_unit_test(unit_lies_between_0_and_1),
        cmocka_unit_test(bounded_rejects_what_would_bias_it),
        cmocka_unit_test(bounded_is_flat),
        cmocka_unit_test(fires_as_often_as_p_says),
        cmocka_unit_test(choice_follows_its_weights),
        cmocka_unit_test(normal_has_mean_0_and_deviation_1),
        cmocka_unit_test(strips_have_the_same_field),
        cmocka_unit_test(avx2_field_equals_scalar),
        cmocka_unit_test(permutations_reach_every_number_once),
        cmocka_unit_test(huge_permutations_can_be_undone),
        cmocka_unit_test(small_permutations_are_all_equally_likely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
