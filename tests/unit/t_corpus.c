// t_corpus.c: texts out of corpora: never inside a cluster, clean, as long as asked, repeatable.
#include "tests/unit/iml_test.h"

#include "src/base/mem.h"
#include "src/synth/corpus.h"
#include "src/synth/uax.h"

#include <unistd.h>
#include <utf8proc.h>

static iml_arena arena;
static iml__complaints talk;
static iml__config *config;
static iml__corpora *corpora;
static char path[] = "/tmp/iml_corpus_XXXXXX";

static int setup(void **state)
{
    (void)state;
    iml_err e;
    int fd = mkstemp(path);
    if (fd < 0 || close(fd)) return -1;
    return iml__arena_open(&arena, (size_t)1 << 30, -1, &e);
}

static void close_all(void)
{
    iml__corpora_free(&corpora);
    iml__config_free(&config);
    iml__complaints_free(&talk);
}

static int teardown(void **state)
{
    (void)state;
    close_all();
    (void)unlink(path);
    iml__arena_close(&arena);
    return 0;
}

static iml_status open_with(const char *bytes, size_t n, const char *keys)
{
    char text[4096];
    iml_err e = {0};
    bool own = strstr(keys, "corpora") != NULL; // keys then name where texts come from
    close_all();
    iml__complaints_init(&talk);
    iml__arena_reset(&arena);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    (void)snprintf(text, sizeof text,
                   "total_images: 1\nspecifications:\n  - {name: a, proportion: 1, text_direction: "
                   "left_to_right, %s%s%s}\n",
                   own ? "" : "corpus_file: ", own ? "" : path, own ? keys + 2 : keys);
    if (iml__config_read(&config, "t.yaml", text, strlen(text), NULL, 0, true, &talk, &e))
        fail_msg("%s", iml__str_text(&talk.text));
    return iml__corpora_load(config, NULL, NULL, &corpora, &talk, &e);
}

static void open_good(const char *bytes, const char *keys)
{
    if (open_with(bytes, strlen(bytes), keys)) fail_msg("%s", iml__str_text(&talk.text));
}

static bool draw(uint64_t i, uint32_t unit, uint32_t length, int invalid, iml__text *t)
{
    bool found;
    const iml__text_want want = {.unit = unit,
                                 .length = length,
                                 .most = iml__text_most(&config->spec[0]),
                                 .invalid = invalid};
    assert_ok(iml__text_draw(corpora, &config->spec[0], 5, i, 0, &want, &arena, t, &found, e));
    return found;
}

static uint32_t clusters_of(const iml__text *t)
{
    uint32_t cp[4096] = {0}, n = 0, k = 0;
    uint8_t start[4096] = {0};
    for (uint32_t at = 0; at < t->len; n++) {
        utf8proc_int32_t v;
        at += (uint32_t)utf8proc_iterate((const utf8proc_uint8_t *)t->utf8 + at, t->len - at, &v);
        cp[n] = (uint32_t)v;
    }
    iml__lay_graphemes(cp, n, start);
    for (uint32_t i = 0; i < n; i++) k += start[i] & 1;
    return k;
}

static void lengths_are_obeyed_and_ends_are_trimmed(void **state)
{
    (void)state;
    open_good("  The quick\tbrown\r\n fox   jumps over \n\n the lazy dog, again and again.  ",
              ", text_length: [3, 9]");
    int met = 0;
    for (uint64_t i = 0; i < 300; i++) {
        iml__text t;
        if (!draw(i, IML__UNIT_CHARS, 9, 0, &t)) continue;
        met++;
        assert_in_range(t.clusters, 3, 9);
        assert_int_equal(t.clusters, clusters_of(&t));
        assert_true(t.utf8[0] != ' ' && t.utf8[t.len - 1] != ' ');
        assert_null(strstr(t.utf8, "  "));
        assert_null(strpbrk(t.utf8, "\t\r\n"));
    }
    assert_true(met > 290);
}

static void clusters_are_never_cut(void **state)
{
    (void)state;
    // Flags, Hindi conjuncts, stacked marks, emoji sequences.
    open_good("\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa\xf0\x9f\x87\xab\xf0\x9f\x87\xb7 "
              "\xe0\xa4\x95\xe0\xa5\x8d\xe0\xa4\xb7\xe0\xa4\xbf "
              "e\xcc\x81\xcc\xa7x \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7 "
              "\xe0\xb8\x99\xe0\xb9\x89\xe0\xb8\xb3 abc",
              ", text_length: [1, 4]");
    for (uint64_t i = 0; i < 400; i++) {
        iml__text t;
        if (!draw(i, IML__UNIT_CHARS, 1 + (uint32_t)(i % 4), 0, &t)) continue;
        // Were a cluster cut, its remainder would begin with a mark, a joiner or half a flag pair.
        utf8proc_int32_t v;
        (void)utf8proc_iterate((const utf8proc_uint8_t *)t.utf8, t.len, &v);
        utf8proc_category_t cat = utf8proc_category(v);
        assert_true(cat != UTF8PROC_CATEGORY_MN && cat != UTF8PROC_CATEGORY_MC && v != 0x200D);
        assert_int_equal(t.clusters, clusters_of(&t));
        if (v >= 0x1F1E6 && v <= 0x1F1FF) assert_true(v == 0x1F1E9 || v == 0x1F1EB);
        if (v == 0x1F467) fail_msg("cut behind a joiner");
    }
}

static void words_stay_whole(void **state)
{
    (void)state;
    open_good("alpha beta gamma delta epsilon zeta eta theta iota kappa", ", text_length: [4, 20]");
    for (uint64_t i = 0; i < 200; i++) {
        iml__text t;
        char padded[128];
        if (!draw(i, IML__UNIT_WORDS, 20, 0, &t)) continue;
        (void)snprintf(padded, sizeof padded, " %s ", t.utf8);
        assert_non_null(
            strstr(" alpha beta gamma delta epsilon zeta eta theta iota kappa ", padded));
        assert_true(t.clusters <= 20);
    }
}

// Where the length that was drawn ends inside every second word, another word is added.
static void whole_words_are_never_too_few(void **state)
{
    (void)state;
    open_good("line 000001 of a book line 000002 of a book", ", text_length: [10, 30]");
    for (uint64_t i = 0; i < 100; i++) {
        iml__text t;
        assert_true(draw(i, IML__UNIT_WORDS, 10, 0, &t));
        assert_in_range(t.clusters, 10, 30);
    }
    open_good("incomprehensibilities and more of them than fit\n", ", text_length: [10, 15]");
    iml__text t;
    assert_true(draw(1, IML__UNIT_LINES, 10, 0, &t));
    assert_string_equal(t.utf8, "incomprehensibi"); // no word of it is short enough
}

// A file over 16 MB is not mapped.
static void large_files_give_the_texts_of_mapped_ones(void **state)
{
    (void)state;
    enum { N = (16 << 20) + 12345 };
    char *bytes = malloc(N);
    assert_non_null(bytes);
    for (size_t k = 0, n; k < N; k += n) {
        char line[80];
        int len =
            snprintf(line, sizeof line,
                     "line %zu of a lo\u0301ng b\u00f6ok, \u0936\u094d\u0930\u0940 and more%s\n", k,
                     k % 7 ? "" : "\n");
        n = IML_MIN((size_t)len, N - k);
        memcpy(bytes + k, line, n);
    }
    memset(bytes + 5000000, '\n', 9000), memset(bytes + 7000000, 'x', 300000);
    while ((bytes[N - 1] & 0x80) != 0) bytes[N - 1] = '\n';
    assert_ok(open_with(bytes, N, ", text_length: [2, 40], on_invalid_utf8: skip"));
    iml__corpus *c = &corpora->item[0];
    assert_null(c->p);
    for (uint64_t i = 0; i < 400; i++) {
        iml__text a, b;
        uint32_t unit = (uint32_t)(i % 4);
        c->p = NULL;
        bool found = draw(i, unit, 30, 1, &a);
        c->p = (const uint8_t *)bytes;
        assert_int_equal(draw(i, unit, 30, 1, &b), found);
        if (!found) continue;
        assert_string_equal(a.utf8, b.utf8);
        assert_true(a.offset == b.offset && a.bytes == b.bytes);
    }
    c->p = NULL;
    close_all();
    free(bytes);
}

static void lines_come_whole_or_cut_at_a_word(void **state)
{
    (void)state;
    open_good("one line\nanother short line\nx\nthis one is longer than it may be\n",
              ", text_length: [3, 18]");
    bool whole = false, cut = false;
    for (uint64_t i = 0; i < 200; i++) {
        iml__text t;
        assert_true(draw(i, IML__UNIT_LINES, 18, 0, &t));
        whole |= !strcmp(t.utf8, "another short line");
        cut |= !strcmp(t.utf8, "this one is longer");
        assert_true(!strcmp(t.utf8, "one line") || !strcmp(t.utf8, "another short line") ||
                    !strcmp(t.utf8, "this one is longer"));
    }
    assert_true(whole && cut);
}

static void offsets_say_where_a_text_came_from(void **state)
{
    (void)state;
    const char *bytes = "\xEF\xBB\xBF"
                        "alpha beta gamma\ndelta epsilon";
    open_good(bytes, ", text_length: [4, 9]");
    for (uint64_t i = 0; i < 50; i++) {
        iml__text t;
        if (!draw(i, IML__UNIT_CHARS, 9, 0, &t)) continue;
        char raw[64];
        (void)snprintf(raw, sizeof raw, "%.*s", (int)t.bytes, bytes + t.offset);
        for (char *p = raw; *p; p++)
            if (*p == '\n') *p = ' ';
        assert_int_equal(strncmp(raw, t.utf8, t.len), 0);
    }
}

static void every_position_is_as_likely(void **state)
{
    (void)state;
    char bytes[201];
    int seen[10] = {0};
    for (int i = 0; i < 200; i++) bytes[i] = (char)('a' + i / 20);
    bytes[200] = 0;
    open_good(bytes, ", text_length: 1");
    for (uint64_t i = 0; i < 5000; i++) {
        iml__text t;
        assert_true(draw(i, IML__UNIT_CHARS, 1, 0, &t));
        seen[t.utf8[0] - 'a']++;
    }
    for (int k = 0; k < 10; k++) assert_in_range(seen[k], 425, 575); // 500 +- 3.5 sigma
}

static void bad_files_are_refused_with_their_reason(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *keys, *want;
    } cases[] = {
        {"", 0, "", "the corpus is empty"},
        {"h\0i\0", 4, "", "UTF-16"},
        {"abc", 3, "", "3 characters, but specification 'a' asks for texts of at least 10"},
        {"good text that is long\xff enough", 29, "", "invalid UTF-8 at byte 22"},
    };
    for (size_t k = 0; k < IML_COUNT_OF(cases); k++) {
        assert_int_equal(open_with(cases[k].bytes, cases[k].n, cases[k].keys), IML_EARG);
        if (!strstr(iml__str_text(&talk.text), cases[k].want))
            fail_msg("%s", iml__str_text(&talk.text));
    }
    assert_int_equal(open_with("x", 1, ", corpora: ['/nowhere/at/all.txt']"), IML_EARG);
    assert_non_null(strstr(iml__str_text(&talk.text), "t.yaml:3:"));
    assert_non_null(strstr(iml__str_text(&talk.text), "/nowhere/at/all.txt"));
    assert_int_equal(open_with("x", 1, ", corpora: ['builtin:klingon']"), IML_EARG);
    assert_non_null(strstr(iml__str_text(&talk.text), "no such built-in corpus"));
}

static void invalid_bytes_are_skipped_or_replaced_when_asked(void **state)
{
    (void)state;
    static const char bytes[] = "ab\xff"
                                "cd";
    assert_ok(open_with(bytes, 5, ", text_length: [1, 9], on_invalid_utf8: skip"));
    iml__text t;
    for (uint64_t i = 0; i < 40; i++)
        if (draw(i, IML__UNIT_CHARS, 9, 1, &t)) assert_true(strspn(t.utf8, "abcd") == t.len);
    bool replaced = false;
    for (uint64_t i = 0; i < 40; i++)
        if (draw(i, IML__UNIT_CHARS, 9, 2, &t)) replaced |= strstr(t.utf8, "\xef\xbf\xbd") != NULL;
    assert_true(replaced);
}

static void built_in_corpora_give_texts(void **state)
{
    (void)state;
    assert_true(iml__nbuiltin_corpora >= 14);
    for (size_t k = 0; k < iml__nbuiltin_corpora; k++) {
        char keys[128];
        size_t bad;
        const iml__builtin_corpus *b = &iml__builtin_corpora[k];
        assert_true(iml__utf8_valid((const char *)b->p, b->n, &bad));
        (void)snprintf(keys, sizeof keys, ", corpora: ['builtin:%s'], text_length: [4, 40]",
                       b->name);
        open_good("x", keys);
        int met = 0;
        for (uint64_t i = 0; i < 50; i++) {
            iml__text t, again;
            if (!draw(i, IML__UNIT_LINES, 40, 0, &t)) continue;
            met++;
            assert_true(draw(i, IML__UNIT_LINES, 40, 0, &again));
            assert_string_equal(t.utf8, again.utf8);
        }
        assert_true(met >= 48);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_obeyed_and_ends_are_trimmed),
        cmocka_unit_test(clusters_are_never_cut),
        cmocka_unit_test(words_stay_whole),
        cmocka_unit_test(whole_words_are_never_too_few),
        cmocka_unit_test(large_files_give_the_texts_of_mapped_ones),
        cmocka_unit_test(lines_come_whole_or_cut_at_a_word),
        cmocka_unit_test(offsets_say_where_a_text_came_from),
        cmocka_unit_test(every_position_is_as_likely),
        cmocka_unit_test(bad_files_are_refused_with_their_reason),
        cmocka_unit_test(invalid_bytes_are_skipped_or_replaced_when_asked),
        cmocka_unit_test(built_in_corpora_give_texts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
