#include "tests/unit/iml_test.h"

#include <math.h>

#include "src/base/json.h"

static void write_all(iml__jsonw *w)
{
    iml__jsonw_object(w);
    iml__jsonw_key(w, "a"), iml__jsonw_u64(w, UINT64_MAX);
    iml__jsonw_key(w, "b"), iml__jsonw_array(w);
    iml__jsonw_i64(w, -1), iml__jsonw_fixed(w, 2.345, 2), iml__jsonw_num(w, 0.1),
        iml__jsonw_g17(w, 0.1);
    iml__jsonw_num(w, NAN), iml__jsonw_bool(w, true), iml__jsonw_null(w);
    iml__jsonw_end(w);
    iml__jsonw_key(w, "c"), iml__jsonw_object(w), iml__jsonw_inline(w);
    iml__jsonw_key(w, "q"), iml__jsonw_array(w), iml__jsonw_u64(w, 1), iml__jsonw_u64(w, 2),
        iml__jsonw_end(w);
    iml__jsonw_key(w, "h"), iml__jsonw_hex64(w, 255);
    iml__jsonw_end(w);
    iml__jsonw_key(w, "d"), iml__jsonw_object(w), iml__jsonw_end(w);
    iml__jsonw_key(w, "e"), iml__jsonw_raw(w, "{\"x\":1}");
    iml__jsonw_end(w);
}

static void one_line_has_no_spaces(void **state)
{
    (void)state;
    iml__str s;
    iml__jsonw w;
    iml__str_init(&s, 4096);
    iml__jsonw_init(&w, &s, 0);
    write_all(&w);
    assert_string_equal(
        iml__str_text(&s),
        "{\"a\":18446744073709551615,\"b\":[-1,2.35,0.1,0.10000000000000001,null,true,null],"
        "\"c\":{\"q\":[1,2],\"h\":\"00000000000000ff\"},\"d\":{},\"e\":{\"x\":1}}");
    iml__str_free(&s);
}

static void inline_levels_stay_on_their_line(void **state)
{
    (void)state;
    iml__str s;
    iml__jsonw w;
    iml__str_init(&s, 4096);
    iml__jsonw_init(&w, &s, 2);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "c"), iml__jsonw_object(&w), iml__jsonw_inline(&w);
    iml__jsonw_key(&w, "q"), iml__jsonw_array(&w), iml__jsonw_u64(&w, 1), iml__jsonw_u64(&w, 2),
        iml__jsonw_end(&w);
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "l"), iml__jsonw_array(&w), iml__jsonw_u64(&w, 1), iml__jsonw_end(&w);
    iml__jsonw_end(&w);
    assert_string_equal(iml__str_text(&s),
                        "{\n  \"c\": {\"q\": [1, 2]},\n  \"l\": [\n    1\n  ]\n}");
    iml__str_free(&s);
}

static void text_is_escaped_and_always_valid(void **state)
{
    (void)state;
    iml__str s;
    iml__jsonw w;
    iml__str_init(&s, 4096);
    iml__jsonw_init(&w, &s, 0);
    iml__jsonw_array(&w);
    iml__jsonw_str(&w, "a\"\\\n\t\r\x01 \xC3\xA4");
    iml__jsonw_str(&w, "x\xFFy\xC3");
    iml__jsonw_strn(&w, "\0z", 2);
    iml__jsonw_str(&w, NULL);
    iml__jsonw_end(&w);
    assert_string_equal(iml__str_text(&s),
                        "[\"a\\\"\\\\\\n\\t\\r\\u0001 "
                        "\xC3\xA4\",\"x\xEF\xBF\xBDy\xEF\xBF\xBD\",\"\\u0000z\",null]");
    iml__str_free(&s);
}

static void too_deep_is_an_error_not_wrong_json(void **state)
{
    (void)state;
    iml__str s;
    iml__jsonw w;
    iml__str_init(&s, 4096);
    iml__jsonw_init(&w, &s, 0);
    for (int k = 0; k < 31; k++) iml__jsonw_array(&w);
    assert_int_equal(s.failed, IML_OK);
    iml__jsonw_array(&w);
    assert_int_equal(s.failed, IML_ELIMIT);
    iml__str_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_has_no_spaces),
        cmocka_unit_test(inline_levels_stay_on_their_line),
        cmocka_unit_test(text_is_escaped_and_always_valid),
        cmocka_unit_test(too_deep_is_an_error_not_wrong_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
