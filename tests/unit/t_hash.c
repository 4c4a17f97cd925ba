#include "tests/unit/iml_test.h"

#include "src/base/hash.h"

static void published_values_come_out(void **state)
{
    (void)state;
    char hex[65];
    assert_ok(iml__sha256_of("abc", 3, hex));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_ok(iml__sha256_of("", 0, hex));
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_true(iml__xxh3("", 0) == 0x2D06800538D394C2ull);
    assert_int_equal(iml__crc32(0, "123456789", 9), 0xCBF43926);
}

static void streams_equal_one_call(void **state)
{
    (void)state;
    uint8_t data[5000];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 7 >> 3);
    iml__xxh3_state *x = iml__xxh3_new();
    iml__sha256 *s = iml__sha256_new();
    char a[65], b[65];
    assert_non_null(x);
    assert_non_null(s);
    for (int round = 0; round < 2; round++) {
        for (size_t at = 0, n = 1; at < sizeof data; at += n, n = n * 3 % 700 + 1) {
            if (n > sizeof data - at) n = sizeof data - at;
            iml__xxh3_add(x, data + at, n);
            assert_ok(iml__sha256_add(s, data + at, n));
        }
        assert_true(iml__xxh3_end(x) == iml__xxh3(data, sizeof data));
        assert_ok(iml__sha256_end(s, a));
        assert_ok(iml__sha256_of(data, sizeof data, b));
        assert_string_equal(a, b);
        iml__xxh3_reset(x);
    }
    iml__xxh3_free(&x);
    iml__sha256_free(&s);
    assert_null(x);
}

static void joined_crcs_equal_the_whole(void **state)
{
    (void)state;
    static uint8_t data[70000];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * i >> 5);
    for (size_t n = 0; n <= sizeof data; n = n * 2 + 1)
        for (size_t k = 0; k <= n; k = k * 3 + 1) {
            uint32_t a = iml__crc32(0, data, k), b = iml__crc32(0, data + k, n - k);
            assert_int_equal(iml__crc32_join(iml__crc32_op(n - k), a, b), iml__crc32(0, data, n));
        }
    // Steps add up, also far beyond what can be hashed here.
    const uint64_t far = (uint64_t)1 << 41, third = far / 3;
    uint32_t a = iml__crc32(0, "abc", 3), b = iml__crc32_join(iml__crc32_op(third), a, 0);
    b = iml__crc32_join(iml__crc32_op(far - third), b, 0);
    assert_int_equal(b, iml__crc32_join(iml__crc32_op(far), a, 0));
    assert_int_equal(iml__crc32_join(iml__crc32_op(0), a, 5), a ^ 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values_come_out),
        cmocka_unit_test(streams_equal_one_call),
        cmocka_unit_test(joined_crcs_equal_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
