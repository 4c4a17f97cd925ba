#include "tests/unit/iml_test.h"

#include "src/base/err.h"
#include "src/base/json.h"
#include "src/base/mem.h"

// Reads to the end or the first error; events as letters: { [ } k s n t f 0 .
static iml_status events(const char *text, size_t n, char *out, size_t cap, iml_err *e)
{
    iml__jsonr r;
    enum iml__json_type type;
    iml_status st;
    size_t at = 0;
    iml__jsonr_init(&r, "a.json", text, n);
    do {
        st = iml__jsonr_next(&r, &type, e);
        if (!st && at + 1 < cap) out[at++] = "{[}ksntf0."[type];
    } while (!st && type != IML__JSON_DONE);
    out[at] = 0;
    iml__jsonr_free(&r);
    return st;
}

static void every_kind_of_value_is_read(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {" {\"a\" : [1, -2.5e+3, true,false , null,\"x\"] ,\"b\":{}}\n", "{k[nntf0s}k{}}."},
        {"[]", "[}."},
        {"[[],[[]]]", "[[}[[}}}."},
        {"0", "n."},
        {"\t\r\n\"\"", "s."},
        {"{\"\":{\"\":[{}]}}", "{k{k[{}}}}."},
    };
    for (size_t i = 0; i < IML_COUNT_OF(cases); i++) {
        char got[64];
        assert_ok(events(cases[i][0], strlen(cases[i][0]), got, sizeof got, e));
        assert_string_equal(got, cases[i][1]);
    }
}

static void strings_are_unescaped(void **state)
{
    (void)state;
    static const char text[] =
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u20AC\\ud83d\\ude00 \xC3\xA4\\u0000z\"";
    static const char want[] = "\"\\/\b\f\n\r\tA\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80 \xC3\xA4\0z";
    iml__jsonr r;
    enum iml__json_type type;
    iml__jsonr_init(&r, "s", text, sizeof text - 1);
    assert_ok(iml__jsonr_next(&r, &type, e));
    assert_int_equal(type, IML__JSON_STRING);
    assert_int_equal(r.token.n, sizeof want - 1);
    assert_memory_equal(r.token.p, want, sizeof want);
    iml__jsonr_free(&r);
}

static void what_json_forbids_is_refused_at_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where, *says;
    } bad[] = {
        {"", "a.json:1:1:", "ends"},
        {"  \n ", "a.json:2:2:", "ends"},
        {"{\"a\":1,}", "a.json:1:8:", "'}' where a key"},
        {"[1,]", "a.json:1:4:", "a value"},
        {"[1 2]", "a.json:1:4:", "',' or ']'"},
        {"[1\n,\n 2}", "a.json:3:3:", "',' or ']'"},
        {"{\"a\" 1}", "a.json:1:6:", "':'"},
        {"{a:1}", "a.json:1:2:", "a key in quotes"},
        {"{1:1}", "a.json:1:2:", "a key in quotes"},
        {"[01]", "a.json:1:3:", "',' or ']'"},
        {"[-]", "a.json:1:3:", "a digit"},
        {"[1.]", "a.json:1:4:", "a digit"},
        {"[.5]", "a.json:1:2:", "a value"},
        {"[+1]", "a.json:1:2:", "a value"},
        {"[1e]", "a.json:1:4:", "a digit"},
        {"[0x10]", "a.json:1:3:", "',' or ']'"},
        {"[NaN]", "a.json:1:2:", "a value"},
        {"[Infinity]", "a.json:1:2:", "a value"},
        {"[tru]", "a.json:1:2:", "a value"},
        {"[truex]", "a.json:1:6:", "',' or ']'"},
        {"[nul", "a.json:1:2:", "a value"},
        {"'a'", "a.json:1:1:", "a value"},
        {"\"a", "a.json:1:3:", "inside a string"},
        {"\"a\\", "a.json:1:3:", "escape"},
        {"\"\\x41\"", "a.json:1:2:", "escape"},
        {"\"\\u12g4\"", "a.json:1:2:", "hexadecimal"},
        {"\"\\u12", "a.json:1:2:", "hexadecimal"},
        {"\"\\ud83d\"", "a.json:1:2:", "high surrogate"},
        {"\"\\ud83d\\u0041\"", "a.json:1:2:", "high surrogate"},
        {"\"\\ud83d\\ud83d\"", "a.json:1:2:", "high surrogate"},
        {"\"\\ude00\"", "a.json:1:2:", "low surrogate"},
        {"\"a\tb\"", "a.json:1:3:", "control character 0x09"},
        {"\"a\nb\"", "a.json:1:3:", "control character 0x0a"},
        {"\"ab\xFFz\"", "a.json:1:4:", "0xff is no UTF-8"},
        {"\"\xC0\x80\"", "a.json:1:2:", "no UTF-8"},
        {"\"\xED\xA0\x80\"", "a.json:1:2:", "no UTF-8"},
        {"\"\xE2\x82\"", "a.json:1:2:", "no UTF-8"},
        {"\xEF\xBB\xBF[]", "a.json:1:1:", "byte order mark"},
        {"[] []", "a.json:1:4:", "the end of the text"},
        {"1 x", "a.json:1:3:", "the end of the text"},
        {"[1] // c", "a.json:1:5:", "the end of the text"},
        {"]", "a.json:1:1:", "a value"},
        {"{\"a\":}", "a.json:1:6:", "a value"},
        {"[\x01]", "a.json:1:2:", "byte 0x01"},
        {"{\"a\":[1,{\"b\":2", "a.json:1:15:", "ends"},
        {"[,1]", "a.json:1:2:", "a value"},
    };
    for (size_t i = 0; i < IML_COUNT_OF(bad); i++) {
        char got[64];
        iml_err e = {0};
        assert_int_equal(events(bad[i].text, strlen(bad[i].text), got, sizeof got, &e), IML_EINPUT);
        if (strncmp(e.msg, bad[i].where, strlen(bad[i].where)) || !strstr(e.msg, bad[i].says))
            fail_msg("%s: '%s', wanted '%s ... %s'", bad[i].text, e.msg, bad[i].where, bad[i].says);
    }
    char got[8];
    iml_err e = {0}; // a 0 byte is no end of the text
    assert_int_equal(events("1\0", 2, got, sizeof got, &e), IML_EINPUT);
    assert_int_equal(events("\"\0\"", 3, got, sizeof got, &e), IML_EINPUT);
}

static void every_cut_of_a_text_is_refused(void **state)
{
    (void)state;
    static const char text[] =
        "{\"k\\u20ac\":[1.5e3,{\"x\":\"\xC3\xA4\\ud83d\\ude00\"},true,null,false,-0]}";
    char got[64];
    for (size_t n = 0; n < sizeof text - 1; n++) {
        // A copy of exactly n bytes, so that address checks see a read beyond them.
        char *copy = malloc(n ? n : 1);
        memcpy(copy, text, n);
        assert_int_equal(events(copy, n, got, sizeof got, NULL), IML_EINPUT);
        free(copy);
    }
    assert_ok(events(text, sizeof text - 1, got, sizeof got, e));
}

static void depth_is_limited_to_64(void **state)
{
    (void)state;
    char text[200], got[200];
    for (unsigned depth = 63; depth <= 66; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        iml_err e = {0};
        iml_status st = events(text, 2 * depth, got, sizeof got, &e);
        assert_int_equal(st, depth <= 64 ? IML_OK : IML_EINPUT);
        if (st) assert_string_equal(e.msg, "a.json:1:65: nested deeper than 64 levels");
    }
    size_t n = 1 << 20; // and hostile nesting costs nothing
    char *deep = malloc(n);
    memset(deep, '[', n);
    assert_int_equal(events(deep, n, got, sizeof got, NULL), IML_EINPUT);
    free(deep);
}

static void typed_reads_refuse_what_does_not_fit(void **state)
{
    (void)state;
    static const char text[] = "[18446744073709551615,18446744073709551616,-1,1.0,1e400,1e3,"
                               "\"a\\u0000\",\"t\",true,1,[{\"a\":[]}],7,{}]";
    iml__jsonr r;
    enum iml__json_type type;
    uint64_t u;
    double d;
    bool b;
    const char *s;
    iml_err err = {0};
    iml__jsonr_init(&r, "n.json", text, sizeof text - 1);
    assert_ok(iml__jsonr_next(&r, &type, e));
    assert_ok(iml__jsonr_u64(&r, &u, e));
    assert_true(u == UINT64_MAX);
    assert_int_equal(iml__jsonr_u64(&r, &u, &err), IML_EINPUT);
    assert_string_equal(
        err.msg, "n.json:1:23: '18446744073709551616' is no whole number from 0 to 2^64 - 1");
    assert_int_equal(iml__jsonr_u64(&r, &u, NULL), IML_EINPUT);
    assert_int_equal(iml__jsonr_u64(&r, &u, NULL), IML_EINPUT);
    assert_int_equal(iml__jsonr_double(&r, &d, &err), IML_EINPUT);
    assert_non_null(strstr(err.msg, "'1e400' does not fit a double"));
    assert_ok(iml__jsonr_double(&r, &d, e));
    assert_true(d == 1000);
    assert_int_equal(iml__jsonr_str(&r, &s, &err), IML_EINPUT);
    assert_non_null(strstr(err.msg, "NUL"));
    assert_ok(iml__jsonr_str(&r, &s, e));
    assert_string_equal(s, "t");
    assert_ok(iml__jsonr_bool(&r, &b, e));
    assert_true(b);
    assert_int_equal(iml__jsonr_bool(&r, &b, &err), IML_EINPUT);
    assert_non_null(strstr(err.msg, "a number where true or false should stand"));
    assert_ok(iml__jsonr_skip(&r, e));
    assert_ok(iml__jsonr_u64(&r, &u, e));
    assert_int_equal(u, 7);
    assert_ok(iml__jsonr_skip(&r, e));
    assert_int_equal(iml__jsonr_skip(&r, &err), IML_EINPUT); // the array's end is no value
    assert_ok(iml__jsonr_next(&r, &type, e));
    assert_int_equal(type, IML__JSON_DONE);
    assert_ok(iml__jsonr_next(&r, &type, e));
    assert_int_equal(type, IML__JSON_DONE);
    iml__jsonr_free(&r);

    char *huge = malloc(100002); // a number of 100,000 digits is a token, and no crash
    memset(huge, '9', 100000);
    iml__jsonr_init(&r, "h", huge, 100000);
    assert_int_equal(iml__jsonr_double(&r, &d, &err), IML_EINPUT);
    iml__jsonr_free(&r);
    free(huge);
}

static void an_error_ends_the_reading(void **state)
{
    (void)state;
    iml__jsonr r;
    enum iml__json_type type;
    iml_err err = {0};
    iml__jsonr_init(&r, "x", "[}", 2);
    assert_ok(iml__jsonr_next(&r, &type, e));
    assert_int_equal(iml__jsonr_next(&r, &type, &err), IML_EINPUT);
    assert_int_equal(iml__jsonr_next(&r, &type, &err), IML_EINPUT);
    iml__jsonr_free(&r);
    char name[400];
    memset(name, 'd', sizeof name);
    memcpy(name + sizeof name - 8, "/e.json", 8);
    iml__jsonr_init(&r, name, "x", 1);
    assert_int_equal(iml__jsonr_next(&r, &type, &err), IML_EINPUT);
    assert_non_null(strstr(err.msg, "/e.json:1:1: 'x' where a value should stand"));
    iml__jsonr_free(&r);
}

static void no_memory_is_said_and_nothing_leaks(void **state)
{
    (void)state;
    char got[8];
    iml__mem_fail(1, true);
    assert_int_equal(events("[\"a\"]", 5, got, sizeof got, NULL), IML_ENOMEM);
    iml__mem_fail(0, false);
}

// Writes what it reads.
static iml_status copy(iml__jsonr *r, iml__jsonw *w, iml_err *e)
{
    enum iml__json_type type;
    double d;
    for (;;) {
        IML_TRY(iml__jsonr_next(r, &type, e));
        switch (type) {
        case IML__JSON_OBJECT: iml__jsonw_object(w); break;
        case IML__JSON_ARRAY: iml__jsonw_array(w); break;
        case IML__JSON_END: iml__jsonw_end(w); break;
        case IML__JSON_KEY: iml__jsonw_key(w, iml__str_text(&r->token)); break;
        case IML__JSON_STRING: iml__jsonw_strn(w, iml__str_text(&r->token), r->token.n); break;
        case IML__JSON_NUMBER:
            assert_true(iml__parse_double(iml__str_text(&r->token), &d));
            iml__jsonw_num(w, d);
            break;
        case IML__JSON_TRUE:
        case IML__JSON_FALSE: iml__jsonw_bool(w, type == IML__JSON_TRUE); break;
        case IML__JSON_NULL: iml__jsonw_null(w); break;
        case IML__JSON_DONE: return IML_OK;
        }
    }
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[0.1,-1e+300,5e-324,[],{}],\"\xE2\x82\xAC\\n\":"
                               "\"q\\\"\\\\\\u0001\\u0000\",\"t\":[true,false,null]}";
    for (int indent = 0; indent <= 4; indent += 2) {
        iml__str out, back;
        iml__jsonw w;
        iml__jsonr r;
        iml__str_init(&out, 4096), iml__str_init(&back, 4096);
        iml__jsonw_init(&w, &out, indent);
        iml__jsonr_init(&r, "in", text, sizeof text - 1);
        assert_ok(copy(&r, &w, e));
        iml__jsonr_free(&r);
        iml__jsonw_init(&w, &back, 0);
        iml__jsonr_init(&r, "back", iml__str_text(&out), out.n);
        assert_ok(copy(&r, &w, e));
        assert_string_equal(iml__str_text(&back), text);
        iml__jsonr_free(&r);
        iml__str_free(&out), iml__str_free(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(what_json_forbids_is_refused_at_its_place),
        cmocka_unit_test(every_cut_of_a_text_is_refused),
        cmocka_unit_test(depth_is_limited_to_64),
        cmocka_unit_test(typed_reads_refuse_what_does_not_fit),
        cmocka_unit_test(an_error_ends_the_reading),
        cmocka_unit_test(no_memory_is_said_and_nothing_leaks),
        cmocka_unit_test(what_is_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
