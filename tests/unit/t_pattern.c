// t_pattern.c: patterns: what they accept and refuse, and that each class is even.
#include "tests/unit/iml_test.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/rng.h"
#include "src/synth/pattern.h"

#include <regex.h>

static iml_arena arena;

static int setup(void **state)
{
    (void)state;
    return iml__arena_open(&arena, (size_t)1 << 28, -1, NULL);
}

static int teardown(void **state)
{
    (void)state;
    iml__arena_close(&arena);
    return 0;
}

static iml__pattern *made(const char *text)
{
    iml__pattern *p = NULL;
    assert_ok(iml__pattern_make(text, strlen(text), &arena, &p, e));
    return p;
}

static const char *drawn(const iml__pattern *p, uint64_t index)
{
    const char *text = NULL;
    size_t n;
    iml_rng g = iml__rng_slot(7, index, 1, 0);
    assert_ok(iml__pattern_draw(p, &g, &arena, &text, &n, e));
    assert_int_equal(strlen(text), n);
    return text;
}

static void texts_have_the_form_that_was_asked_for(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"[A-Z]{2}-\\d{3,5}", "^[A-Z]{2}-[0-9]{3,5}$"},
        {"(Nr|No)\\. \\w{1,3}", "^N[ro]\\. [0-9A-Za-z_]{1,3}$"},
        {"a?(b|cd){2}(|x)", "^a?(b|cd){2}x?$"},
        {"[^a-zA-Z0-9]{4}", "^[^a-zA-Z0-9 ]{4}$"},
        {"[\\-\\]x-z]{9}", "^[]x-z-]{9}$"},
        {"\\x41\\u{42}\\u0043", "^ABC$"},
        {"((a|b){0,2}-){3}", "^([ab]{0,2}-){3}$"},
        {"(?:x|y)", "^[xy]$"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        regex_t re;
        assert_int_equal(regcomp(&re, rows[k][1], REG_EXTENDED | REG_NOSUB), 0);
        iml__pattern *p = made(rows[k][0]);
        for (uint64_t i = 0; i < 300; i++)
            if (regexec(&re, drawn(p, i), 0, NULL, 0))
                fail_msg("%s gave '%s'", rows[k][0], drawn(p, i));
        regfree(&re);
        iml__arena_reset(&arena);
    }
}

static void what_has_no_end_or_no_meaning_is_refused_with_its_place(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"a*", "character 2: '*' has no end"},
        {"xy+", "character 3: '+' has no end"},
        {"x{3,}", "{m,} has no end"},
        {"a.b", "character 2: '.' stands for no text"},
        {"^a", "character 1"},
        {"[b", "']' is missing"},
        {"(a", "')' is missing"},
        {"a)", "no '(' before it"},
        {"a{2", "'}' is missing"},
        {"a{3,2}", "m is above n"},
        {"a{2}{3}", "one count is enough"},
        {"\\w{1,3}?", "one count is enough"},
        {"?a", "nothing stands before"},
        {"[z-a]", "from the lower to the higher"},
        {"[]", "a class without characters"},
        {"[^!-~]", "a class without characters"},
        {"\\p{Script=Klingon}", "there is no script 'Klingon'"},
        {"\\p{Xx}", "are known"},
        {"\\q", "\\q has no meaning"},
        {"\\", "nothing stands behind"},
        {"\\x4", "hexadecimal"},
        {"\\u{D800}", "hexadecimal"},
        {"(?=x)", "only (?:"},
        {"x{10001}", "more than 10000 times"},
        {"(x{1000}){1000}", "100000 are enough"},
        {"((a{0}){10000}){10000}|x", "repeat too often"},
        {" {3}", "no text that can be seen"},
        {"(|)", "no text that can be seen"},
        {"((((((((((((((((((((((((((((((((((x))))))))))))))))))))))))))))))))))", "32 deep"},
        {"\xff", "invalid UTF-8 at its byte 0"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        iml__pattern *p;
        iml_err e = {0};
        assert_int_equal(iml__pattern_make(rows[k][0], strlen(rows[k][0]), &arena, &p, &e),
                         IML_EARG);
        if (!strstr(e.msg, rows[k][1])) fail_msg("%s: %s", rows[k][0], e.msg);
        iml__arena_reset(&arena);
    }
}

// Chi-square at p = 0.001: 9 degrees of freedom 27.9, 2: 13.8.
static void classes_alternatives_and_counts_are_even(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    uint32_t digit[10] = {0}, way[3] = {0}, count[3] = {0};
    iml__pattern *p = made("[0-90-55](a|b|c)x{2,4}"); // named twice is no likelier
    for (uint64_t i = 0; i < DRAWS; i++) {
        const char *t = drawn(p, i);
        digit[t[0] - '0']++, way[t[1] - 'a']++, count[strlen(t) - 4]++;
        if (i % 1000 == 999) iml__arena_reset(&arena), p = made("[0-90-55](a|b|c)x{2,4}");
    }
    double a = 0, b = 0, c = 0;
    for (int k = 0; k < 10; k++) a += (digit[k] - DRAWS / 10.0) * (digit[k] - DRAWS / 10.0);
    for (int k = 0; k < 3; k++) b += (way[k] - DRAWS / 3.0) * (way[k] - DRAWS / 3.0);
    for (int k = 0; k < 3; k++) c += (count[k] - DRAWS / 3.0) * (count[k] - DRAWS / 3.0);
    assert_true(a / (DRAWS / 10.0) < 27.9 && b / (DRAWS / 3.0) < 13.8 && c / (DRAWS / 3.0) < 13.8);
    iml__arena_reset(&arena);
}

static iml_status capitals(void *user, uint32_t cp, bool *keep, iml_err *e)
{
    (void)user, (void)e;
    *keep = cp >= 0x391 && cp <= 0x3A9;
    return IML_OK;
}

static iml_status nothing(void *user, uint32_t cp, bool *keep, iml_err *e)
{
    (void)user, (void)cp, (void)e;
    *keep = false;
    return IML_OK;
}

static void properties_are_cut_to_what_can_be_drawn(void **state)
{
    (void)state;
    iml__pattern *p = made("\\p{Script=Greek}{40}[x]");
    assert_ok(iml__pattern_keep(p, &arena, capitals, NULL, e));
    for (uint64_t i = 0; i < 50; i++) {
        const char *t = drawn(p, i);
        assert_int_equal(strlen(t), 81);
        for (int k = 0; k < 40; k++) {
            uint32_t cp = (uint32_t)(t[2 * k] & 0x1F) << 6 | (t[2 * k + 1] & 0x3F);
            assert_in_range(cp, 0x391, 0x3A9);
            assert_int_not_equal(cp, 0x3A2); // not assigned
        }
    }
    iml_err e = {0};
    assert_int_equal(iml__pattern_keep(p, &arena, nothing, NULL, &e), IML_EARG);
    assert_non_null(strstr(e.msg, "no face draws any"));
    iml__arena_reset(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_have_the_form_that_was_asked_for),
        cmocka_unit_test(what_has_no_end_or_no_meaning_is_refused_with_its_place),
        cmocka_unit_test(classes_alternatives_and_counts_are_even),
        cmocka_unit_test(properties_are_cut_to_what_can_be_drawn),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
