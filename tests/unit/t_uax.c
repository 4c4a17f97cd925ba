// Conformance of text properties against the Unicode Character Database (Debian's unicode-data).
#include "tests/unit/iml_test.h"

#include <utf8proc.h>

#include "src/base/arena.h"
#include "src/synth/uax.h"

#define UCD "/usr/share/unicode/"
enum { MAX = 1024 };
static iml_arena arena;

static FILE *open_or_skip(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f) {
        print_message("skipped: %s is not there (package unicode-data)\n", path);
        skip();
    }
    return f;
}

static uint32_t hex_list(char **p, uint32_t *cp)
{
    uint32_t n = 0;
    while (**p && **p != ';' && n < MAX) {
        char *end;
        cp[n++] = (uint32_t)strtoul(*p, &end, 16);
        *p = end + (*end == ' ');
    }
    return n;
}

static bool bidi_case(char *p)
{
    uint32_t cp[MAX], n = hex_list(&p, cp), keep[MAX], visual[MAX], kept = 0;
    uint8_t levels[MAX], shown[MAX];
    int dir = (int)strtol(p + 1, &p, 10), base = dir == 2 ? -1 : dir;
    int resolved = (int)strtol(p + 1, &p, 10);
    assert_ok(iml__lay_levels(cp, n, &base, levels, &arena, e));
    bool good = base == resolved;
    p++;
    for (uint32_t i = 0; i < n; i++, p += *p == ' ') {
        if (*p == 'x') {
            p++;
            continue;
        }
        good = good && (int)strtol(p, &p, 10) == levels[i];
        shown[kept] = levels[i], keep[kept++] = i;
    }
    iml__lay_reorder(shown, kept, visual);
    p++;
    for (uint32_t i = 0; i < kept; i++, p += *p == ' ')
        good = good && (uint32_t)strtoul(p, &p, 10) == keep[visual[i]];
    return good;
}

static void bidi_passes_BidiCharacterTest(void **state)
{
    (void)state;
    FILE *f = open_or_skip(UCD "BidiCharacterTest.txt");
    char line[8192];
    unsigned total = 0, bad = 0;
    while (fgets(line, sizeof line, f)) {
        if (*line == '#' || *line == '\n') continue;
        bool good = bidi_case(line);
        if (!good && bad++ < 4) print_message("wrong: %s", line);
        total++;
        iml__arena_reset(&arena);
    }
    fclose(f);
    print_message("%u of %u lines\n", total - bad, total);
    assert_int_equal(bad, 0);
    assert_true(total >= 90000);
}

// "÷ 0020 × 0308 ÷": code points and, before each and at the end, whether there is a boundary.
static uint32_t boundary_case(const char *p, uint32_t *cp, uint8_t *want)
{
    uint32_t n = 0;
    while (*p && *p != '#' && *p != '\n') {
        if (!strncmp(p, "\u00f7", 2) || !strncmp(p, "\u00d7", 2)) {
            want[n] = !strncmp(p, "\u00f7", 2);
            p += 2;
        } else if (*p == ' ' || *p == '\t') {
            p++;
        } else {
            char *end;
            cp[n++] = (uint32_t)strtoul(p, &end, 16);
            p = end;
        }
    }
    return n;
}

static void boundaries(const char *path, void (*find)(const uint32_t *, uint32_t, uint8_t *),
                       unsigned least)
{
    FILE *f = open_or_skip(path);
    char line[4096];
    unsigned total = 0, bad = 0;
    while (fgets(line, sizeof line, f)) {
        uint32_t cp[MAX], n;
        uint8_t want[MAX] = {0}, got[MAX] = {0};
        if (*line == '#' || *line == '\n') continue;
        n = boundary_case(line, cp, want);
        find(cp, n, got);
        bool good = !memcmp(want + 1, got + 1, n - 1);
        if (!good && bad++ < 8) print_message("wrong: %s", line);
        total++;
    }
    fclose(f);
    print_message("%u of %u lines\n", total - bad, total);
    assert_int_equal(bad, 0);
    assert_true(total >= least);
}

static void clusters_pass_GraphemeBreakTest(void **state)
{
    (void)state;
    boundaries(UCD "auxiliary/GraphemeBreakTest.txt", iml__lay_graphemes, 600);
}

static void lines_pass_LineBreakTest(void **state)
{
    (void)state;
    boundaries(UCD "auxiliary/LineBreakTest.txt", iml__lay_breaks, 7000);
}

static iml__lay_par paragraph(const char *text, enum iml__lay_dir dir, enum iml__lay_problem *bad)
{
    iml__lay_par p;
    iml__lay_opt o = {.dir = dir};
    *bad = IML__LAY_FINE;
    assert_ok(iml__lay_paragraph(&p, text, strlen(text), &o, NULL, bad, &arena, e));
    return p;
}

static void ignorables_join_their_neighbours(void **state)
{
    (void)state;
    enum iml__lay_problem bad;
    // LRM, a, RLM, space, word joiner + mark, b: clusters start at LRM, space, b... but never at
    // ignorables.
    iml__lay_par p = paragraph("\u200ea\u200f \u2060\u0301b", IML__LAY_LTR, &bad);
    assert_int_equal(bad, IML__LAY_FINE);
    const uint8_t want[] = {1, 0, 0, 1, 0, 0, 1};
    assert_int_equal(p.n, 7);
    for (uint32_t i = 0; i < p.n; i++) assert_int_equal(p.flags[i] & IML__LAY_CLUSTER, want[i]);
    for (uint32_t i = 0; i < p.n; i++) assert_int_equal(p.level[i], 0);
    iml__arena_reset(&arena);
}

static void bad_texts_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum iml__lay_problem want;
    } rows[] = {{"", IML__LAY_BAD_UTF8},
                {"\xff", IML__LAY_BAD_UTF8},
                {"a\xc3", IML__LAY_BAD_UTF8},
                {"\xed\xa0\x80", IML__LAY_BAD_UTF8},
                {"\u200b\u2060", IML__LAY_BAD_UTF8},
                {"\u0301a", IML__LAY_LEADING_MARK},
                {"\u200e\u0301", IML__LAY_LEADING_MARK},
                {"abc", IML__LAY_FINE}};
    for (size_t i = 0; i < IML_COUNT_OF(rows); i++) {
        enum iml__lay_problem bad;
        (void)paragraph(rows[i].text, IML__LAY_LTR, &bad);
        assert_int_equal(bad, rows[i].want);
        iml__arena_reset(&arena);
    }
}

static void common_takes_the_script_around_it(void **state)
{
    (void)state;
    enum iml__lay_problem bad;
    iml__lay_par p = paragraph("(\u05d0 (abc) 1)", IML__LAY_RTL, &bad);
    for (uint32_t i = 0; i < p.n; i++) // the closing bracket goes with its opening one: Hebrew
        assert_int_equal(p.script[i], i >= 4 && i <= 6 ? IML__SC_Latn : IML__SC_Hebr);
    iml__arena_reset(&arena);
}

static void thai_breaks_between_words(void **state)
{
    (void)state;
    iml__thai *t;
    assert_ok(iml__thai_new(&t, e));
    if (!t) {
        print_message("skipped: built without libthai\n");
        skip();
    }
    // "phasa" + "thai": two words without a space.
    const uint32_t cp[] = {0xE20, 0xE32, 0xE29, 0xE32, 0xE44, 0xE17, 0xE22};
    uint8_t may[7];
    iml__lay_breaks(cp, 7, may);
    for (int i = 0; i < 7; i++) assert_int_equal(may[i], 0);
    assert_ok(iml__thai_breaks(t, cp, 7, may, &arena, e));
    for (int i = 0; i < 7; i++) assert_int_equal(may[i], i == 4);
    iml__thai_free(&t);
    assert_null(t);
    iml__arena_reset(&arena);
}

static int open_arena(void **state)
{
    (void)state;
    return iml__arena_open(&arena, (size_t)1 << 28, -1, NULL);
}

static int close_arena(void **state)
{
    (void)state;
    iml__arena_close(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bidi_passes_BidiCharacterTest),
        cmocka_unit_test(clusters_pass_GraphemeBreakTest),
        cmocka_unit_test(lines_pass_LineBreakTest),
        cmocka_unit_test(ignorables_join_their_neighbours),
        cmocka_unit_test(bad_texts_are_named),
        cmocka_unit_test(common_takes_the_script_around_it),
        cmocka_unit_test(thai_breaks_between_words),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
