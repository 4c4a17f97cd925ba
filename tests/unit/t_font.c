// Font files are foreign: what is proved, what is refused and why, what the index says.
#include "tests/unit/iml_test.h"

#include <hb.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/arena.h"
#include "src/base/cpu.h"
#include "src/synth/fontindex.h"

#define FONTS "/usr/share/fonts/"
#define DEJAVU FONTS "truetype/dejavu/DejaVuSans.ttf"
static iml_arena arena;
static char dir[64];

static uint8_t *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    uint8_t *p = malloc(*n);
    assert_int_equal(fread(p, 1, *n, f), *n);
    fclose(f);
    return p;
}

static const char *put(const char *name, const void *p, size_t n)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
    return path;
}

static iml_status prove(const uint8_t *p, size_t n, iml__font *f, iml_err *e)
{
    int32_t faces;
    return iml__font_prove_bytes(p, n, 0, f, &faces, &arena, e);
}

static void a_good_font_is_proved(void **state)
{
    (void)state;
    iml__font f;
    int32_t faces;
    assert_ok(iml__font_prove(DEJAVU, 0, &f, &faces, &arena, e));
    assert_int_equal(faces, 1);
    assert_string_equal(f.family, "DejaVu Sans");
    assert_string_equal(f.style, "Book");
    assert_int_equal(strlen(f.sha256), 64);
    assert_true(f.pages[0] & 1);
    assert_false(f.colour || f.variable || f.vert || f.reason);
    assert_ok(iml__font_prove(FONTS "opentype/ipafont-gothic/ipag.ttf", 0, &f, &faces, &arena, e));
    assert_true(f.vert);
    assert_ok(iml__font_prove(FONTS "truetype/droid/DroidSansFallbackFull.ttf", 0, &f, &faces,
                              &arena, e));
    assert_false(f.vert); // it has the feature, with wrong glyphs
    iml__arena_reset(&arena);
}

static void truncated_fonts_are_refused_with_a_reason(void **state)
{
    (void)state;
    size_t n, last = 0;
    uint8_t *p = slurp(DEJAVU, &n);
    for (int i = 0; i < 60; i++) {
        size_t cut = i < 20 ? (size_t)i * 13 : n - 1 - (size_t)(i - 20) * (n / 45);
        iml__font f;
        iml_err e = {0};
        // The bytes end where the heap block ends, so that reading on is seen by the sanitizers.
        uint8_t *q = malloc(cut ? cut : 1);
        memcpy(q, p, cut);
        assert_int_equal(prove(q, cut, &f, &e), IML_EINPUT);
        assert_true(strlen(e.msg) > 10);
        last = cut;
        free(q);
        iml__arena_reset(&arena);
    }
    assert_true(last > 1000);
    free(p);
}

static uint8_t *table(uint8_t *p, const char *tag, uint32_t *len)
{
    int count = p[4] << 8 | p[5];
    for (int i = 0; i < count; i++) {
        uint8_t *t = p + 12 + 16 * i;
        if (memcmp(t, tag, 4)) continue;
        *len = (uint32_t)t[12] << 24 | (uint32_t)t[13] << 16 | (uint32_t)t[14] << 8 | t[15];
        return p + ((uint32_t)t[8] << 24 | (uint32_t)t[9] << 16 | (uint32_t)t[10] << 8 | t[11]);
    }
    return NULL;
}

static void lying_fonts_are_refused(void **state)
{
    (void)state;
    size_t n;
    uint8_t *p = slurp(DEJAVU, &n), *copy = malloc(n);
    static const struct {
        const char *tag;
        uint8_t fill;
    } rows[] = {{"glyf", 0},    {"glyf", 0xFF}, {"loca", 0}, {"cmap", 0},
                {"cmap", 0xFF}, {"head", 0},    {"maxp", 0}};
    for (size_t i = 0; i < IML_COUNT_OF(rows); i++) { // a whole map, and nothing behind it
        iml__font f;
        iml_err e = {0};
        uint32_t len = 0;
        memcpy(copy, p, n);
        uint8_t *t = table(copy, rows[i].tag, &len);
        assert_non_null(t);
        memset(t, rows[i].fill, len);
        if (prove(copy, n, &f, &e) != IML_EINPUT)
            fail_msg("%s filled with %d is taken", rows[i].tag, rows[i].fill);
        assert_true(strlen(e.msg) > 10);
        iml__arena_reset(&arena);
    }
    free(p);
    free(copy);
}

// A font that passes may still lie in what the proof does not look at: layout has to bear it.
static bool lay_in(const char *path)
{
    static const char text[] = "\u0e01\u0e35\u0e48 \u0e19\u0e49\u0e33 \u0e1b\u0e31\u0e4a\u0e21";
    iml__setter *s;
    iml__face *f;
    iml__lay_opt o;
    iml__lay_block b = {0};
    iml__face_spec spec = {.path = path, .size = 40, .border = 1, .bold = 0.02};
    iml__lay_opt_default(&o);
    assert_ok(iml__setter_new(&s, 1 << 20, e));
    bool drawn = iml__setter_face(s, &spec, &f, NULL) == IML_OK;
    if (drawn) {
        o.faces = &f, o.nfaces = 1;
        assert_ok(iml__lay_text(s, &b, text, sizeof text - 1, &o, &arena, e));
        drawn = !b.problem;
    }
    iml__setter_free(&s);
    return drawn;
}

static void garbage_never_crashes(void **state)
{
    (void)state;
    size_t n;
    uint8_t *p = slurp(FONTS "truetype/noto/NotoSansThai-Regular.ttf", &n), *copy = malloc(n);
    uint32_t seed = 5, usable = 0, drawn = 0;
    for (int i = 0; i < 300; i++) {
        memcpy(copy, p, n);
        uint32_t hits = 1 + i % 40;
        for (uint32_t k = 0; k < hits; k++) {
            seed = seed * 1664525u + 1013904223u;
            uint32_t at = (seed >> 4) % (i % 2 ? (uint32_t)n : 2048);
            seed = seed * 1664525u + 1013904223u;
            copy[at] = (uint8_t)(seed >> 16);
        }
        iml__font f;
        iml_err e = {0};
        iml_status st = prove(copy, n, &f, &e);
        assert_true(st == IML_OK || st == IML_EINPUT);
        usable += st == IML_OK;
        if (st == IML_OK) drawn += lay_in(put("mutant.ttf", copy, n));
        iml__arena_reset(&arena);
    }
    print_message("%u of 300 proved, %u of these draw a line\n", usable, drawn);
    assert_int_equal(remove(put("mutant.ttf", "", 0)), 0);
    assert_true(drawn > 5);
    assert_true(usable > 10 && usable < 290);
    free(p);
    free(copy);
}

static void odd_files_are_named_not_read(void **state)
{
    (void)state;
    char path[128], loop[128];
    size_t n;
    uint8_t *p = slurp(DEJAVU, &n);
    snprintf(path, sizeof path, "%s/sub", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    put("good.TTF", p, n);
    put("sub/again.ttf", p, n);
    put("cut.ttf", p, n / 2);
    put("empty.otf", "", 0);
    put("text.ttc", "this is no font at all, but long enough", 39);
    put("other.txt", p, n);
    snprintf(path, sizeof path, "%s/fifo.ttf", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/dead.ttf", dir);
    assert_int_equal(symlink("nowhere", path), 0);
    snprintf(loop, sizeof loop, "%s/sub/loop", dir);
    assert_int_equal(symlink("..", loop), 0);
    iml__fontindex *x;
    assert_ok(iml__fontindex_new(&x, e));
    assert_ok(iml__fontindex_add_dir(x, dir, e));
    assert_ok(iml__fontindex_finish(x, e));
    assert_int_equal(iml__fontindex_count(x), 2);
    assert_string_equal(iml__fontindex_font(x, 0)->name, "good.TTF");
    assert_string_equal(iml__fontindex_font(x, 1)->name, "sub/again.ttf");
    assert_string_equal(iml__fontindex_font(x, 0)->sha256, iml__fontindex_font(x, 1)->sha256);
    static const char *const bad[] = {"cut.ttf", "dead.ttf", "empty.otf", "fifo.ttf", "text.ttc"};
    assert_int_equal(iml__fontindex_bad_count(x), IML_COUNT_OF(bad));
    for (size_t i = 0; i < IML_COUNT_OF(bad); i++) {
        const iml__font *f = iml__fontindex_bad(x, i);
        assert_string_equal(f->name, bad[i]);
        assert_non_null(strstr(f->reason, bad[i]));
        assert_true(strlen(f->reason) > strlen(f->path) + 5);
    }
    iml__fontindex_free(&x);
    assert_null(x);
    free(p);
}

static void nothing_usable_is_an_error(void **state)
{
    (void)state;
    iml__fontindex *x;
    iml_err e = {0};
    assert_int_equal(iml__fontindex_new(&x, &e), IML_OK);
    assert_int_equal(iml__fontindex_add_dir(x, "/nowhere/at/all", &e), IML_EINPUT);
    assert_int_equal(iml__fontindex_add_file(x, "/nowhere.ttf", &e), IML_EINPUT);
    assert_int_equal(iml__fontindex_finish(x, &e), IML_EINPUT);
    iml__fontindex_free(&x);
}

static iml__fontindex *index_of(const char *const *paths, size_t n)
{
    iml__fontindex *x;
    assert_ok(iml__fontindex_new(&x, e));
    for (size_t i = 0; i < n; i++) assert_ok(iml__fontindex_add_file(x, paths[i], e));
    assert_ok(iml__fontindex_finish(x, e));
    return x;
}

static uint64_t covering(const iml__fontindex *x, iml__setter *s, const uint32_t *cp, size_t n,
                         const size_t *common, size_t ncommon)
{
    uint64_t row = ~0ull >> (64 - iml__fontindex_count(x));
    assert_int_equal(iml__fontindex_words(x), 1);
    assert_ok(iml__fontindex_cover(x, s, cp, n, common, ncommon, &row, e));
    return row;
}

static void rows_tell_who_covers_a_text(void **state)
{
    (void)state;
    // Sorted: DejaVuSans 0, NotoSans 1, NotoSansHebrew 2, NotoSansThai 3.
    static const char *const paths[] = {FONTS "truetype/noto/NotoSansThai-Regular.ttf", DEJAVU,
                                        FONTS "truetype/noto/NotoSansHebrew-Regular.ttf",
                                        FONTS "truetype/noto/NotoSans-Regular.ttf"};
    iml__fontindex *x = index_of(paths, IML_COUNT_OF(paths));
    iml__setter *s;
    assert_ok(iml__setter_new(&s, 0, e));
    const uint32_t latin[] = {'a', 'b', ' '}, thai[] = {0xE01, 0xE35}, both[] = {0xE01, '5'},
                   hebrew[] = {0x5D0, '.', '1'}, mixed[] = {0x5D0, 0xE01};
    const size_t common[] = {1};
    for (int round = 0; round < 2; round++) { // the second time from memory
        assert_int_equal(covering(x, s, latin, 3, NULL, 0) & 3, 3);
        assert_int_equal(covering(x, s, thai, 2, NULL, 0), 8);
        assert_int_equal(covering(x, s, both, 2, NULL, 0), 0); // Noto Sans Thai has no digits
        assert_int_equal(covering(x, s, both, 2, common, 1), 8);
        assert_int_equal(covering(x, s, hebrew, 3, common, 1) & 4, 4);
        assert_int_equal(covering(x, s, mixed, 2, common, 1), 0);
    }
    iml__fontindex *y = index_of(paths, 1); // another index through the same setter
    assert_int_equal(covering(y, s, thai, 2, NULL, 0), 1);
    size_t fall[3];
    assert_int_equal(iml__fontindex_fallbacks(x, fall), 1);
    assert_int_equal(fall[0], 1);
    iml__face *f;
    assert_ok(iml__fontindex_face(x, 3, s, 40, &f, e));
    assert_true(iml__face_covers(f, 0xE01));
    assert_false(iml__face_covers(f, '5'));
    iml__setter_free(&s);
    iml__fontindex_free(&x);
    iml__fontindex_free(&y);
    assert_null(s);
}

static void the_default_set_is_used_alone(void **state)
{
    (void)state;
    iml__fontindex *x;
    assert_ok(iml__fontindex_new(&x, e));
    assert_ok(iml__fontindex_add_system(x, e));
    uint64_t t = iml__now_us();
    assert_ok(iml__fontindex_finish(x, e));
    t = iml__now_us() - t;
    print_message("%zu faces, %zu refused, %llu ms%s\n", iml__fontindex_count(x),
                  iml__fontindex_bad_count(x), (unsigned long long)t / 1000,
                  iml__fontindex_default_set(x) ? ", default set" : "");
    if (!iml__fontindex_default_set(x)) {
        iml__fontindex_free(&x);
        print_message("skipped: the default font set is not whole here\n");
        skip();
    }
    size_t fall[3];
    assert_int_equal(iml__fontindex_fallbacks(x, fall), 3);
    assert_true(iml__fontindex_count(x) >= 290);
    for (size_t i = 0; i < iml__fontindex_count(x); i++) {
        const iml__font *f = iml__fontindex_font(x, i);
        assert_null(strstr(f->name, "Emoji"));
        assert_null(strstr(f->name, "ExtraLight")); // of another package in the same directory
        if (i) assert_true(strcmp(iml__fontindex_font(x, i - 1)->name, f->name) <= 0);
    }
    iml__fontindex_free(&x);
}

static iml__fontindex *cached_index(const char *const *paths, size_t n, const char *cache)
{
    iml__fontindex *x;
    assert_ok(iml__fontindex_new(&x, e));
    for (size_t i = 0; i < n; i++) assert_ok(iml__fontindex_add_file(x, paths[i], e));
    assert_ok(iml__fontindex_use_cache(x, cache, e));
    assert_ok(iml__fontindex_finish(x, e));
    return x;
}

static void same_faces(const iml__fontindex *x, const iml__fontindex *y)
{
    assert_int_equal(iml__fontindex_count(x), iml__fontindex_count(y));
    assert_int_equal(iml__fontindex_bad_count(x), iml__fontindex_bad_count(y));
    for (size_t i = 0; i < iml__fontindex_count(x); i++) {
        const iml__font *a = iml__fontindex_font(x, i), *b = iml__fontindex_font(y, i);
        assert_string_equal(a->path, b->path);
        assert_string_equal(a->name, b->name);
        assert_string_equal(a->family, b->family);
        assert_string_equal(a->style, b->style);
        assert_string_equal(a->sha256, b->sha256);
        assert_memory_equal(a->pages, b->pages, IML__FONT_PAGES * sizeof *a->pages);
        assert_true(a->index == b->index && a->size == b->size && a->vert == b->vert);
        assert_true(a->colour == b->colour && a->variable == b->variable && !b->reason);
    }
    for (size_t i = 0; i < iml__fontindex_bad_count(x); i++)
        assert_string_equal(iml__fontindex_bad(x, i)->reason, iml__fontindex_bad(y, i)->reason);
}

static void a_warm_cache_changes_nothing(void **state)
{
    (void)state;
    char cache[128], own[128];
    size_t n;
    uint8_t *p = slurp(DEJAVU, &n);
    snprintf(own, sizeof own, "%s", put("other.ttf", p, n));
    snprintf(cache, sizeof cache, "%s/fonts.tsv", dir);
    const char *paths[] = {DEJAVU, FONTS "opentype/ipafont-gothic/ipag.ttf", own, NULL};
    put("cut.ttf", p, n / 2);
    char cut[128];
    snprintf(cut, sizeof cut, "%s/cut.ttf", dir);
    paths[3] = cut;
    iml__fontindex *cold = cached_index(paths, 4, cache), *warm = cached_index(paths, 4, cache);
    assert_int_equal(iml__fontindex_proved(cold), 4);
    assert_int_equal(iml__fontindex_proved(warm), 0);
    assert_int_equal(iml__fontindex_bad_count(warm), 1);
    same_faces(cold, warm);
    iml__fontindex_free(&warm);
    // A file that changed is looked at again; one that is whole again is taken.
    put("cut.ttf", p, n);
    warm = cached_index(paths, 4, cache);
    assert_int_equal(iml__fontindex_proved(warm), 1);
    assert_int_equal(iml__fontindex_count(warm), 4);
    iml__fontindex_free(&warm);
    put("cut.ttf", p, n / 2);
    // A cache cut short, edited or of rubbish is not believed.
    size_t len;
    char *text = (char *)slurp(cache, &len);
    for (int k = 0; k < 4; k++) {
        text[len / 2] ^= k == 1;
        put("fonts.tsv", k == 2 ? "imloom fonts" : text,
            k == 2   ? 12
            : k == 3 ? 0
                     : len - (k == 0 ? 30 : 0));
        warm = cached_index(paths, 4, cache);
        assert_int_equal(iml__fontindex_proved(warm), 4);
        same_faces(cold, warm);
        iml__fontindex_free(&warm);
    }
    free(text);
    // A place that cannot be written is no error.
    warm = cached_index(paths, 4, DEJAVU "/fonts.tsv");
    same_faces(cold, warm);
    iml__fontindex_free(&warm);
    iml__fontindex_free(&cold);
    free(p);
}

static uint32_t decode(const char *s, size_t n, uint32_t *cp)
{
    uint32_t out = 0;
    for (size_t i = 0; i < n;) {
        uint8_t c = (uint8_t)s[i];
        int more = c < 0x80 ? 0 : c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
        uint32_t v = more ? c & (0x3Fu >> more) : c;
        for (i++; more--; i++) v = v << 6 | ((uint8_t)s[i] & 63);
        cp[out++] = v;
    }
    return out;
}

// Every line of every corpus we bring along, in every face of the default set that says it covers
// it.
static void no_tofu_in_default_pictures(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum iml__lay_dir dir;
    } rows[] = {{"latin", IML__LAY_LTR},        {"greek", IML__LAY_LTR},
                {"cyrillic", IML__LAY_LTR},     {"arabic", IML__LAY_RTL},
                {"hebrew", IML__LAY_RTL},       {"devanagari", IML__LAY_LTR},
                {"bengali", IML__LAY_LTR},      {"tamil", IML__LAY_LTR},
                {"thai", IML__LAY_LTR},         {"han", IML__LAY_LTR},
                {"kana", IML__LAY_LTR},         {"hangul", IML__LAY_LTR},
                {"han_vertical", IML__LAY_TTB}, {"kana_vertical", IML__LAY_TTB}};
    iml__fontindex *x;
    iml__setter *s;
    assert_ok(iml__fontindex_new(&x, e));
    assert_ok(iml__fontindex_add_system(x, e));
    if (!iml__fontindex_default_set(x)) {
        iml__fontindex_free(&x);
        print_message("skipped: the default font set is not whole here\n");
        skip();
    }
    assert_ok(iml__fontindex_finish(x, e));
    assert_ok(iml__setter_new(&s, IML__GLYPH_CACHE, e));
    size_t fall[3], nfall = iml__fontindex_fallbacks(x, fall), words = iml__fontindex_words(x);
    uint64_t row[16];
    assert_true(words <= 16);
    for (size_t r = 0; r < IML_COUNT_OF(rows); r++) {
        char path[256];
        size_t n;
        snprintf(path, sizeof path, "%s/src/synth/corpora/%s.txt", IML_SOURCE_DIR, rows[r].name);
        char *text = (char *)slurp(path, &n);
        unsigned lines = 0, none = 0, drawn = 0, refused = 0;
        for (char *p = text, *end = text + n, *next; p < end; p = next) {
            char *nl = memchr(p, '\n', (size_t)(end - p));
            next = nl ? nl + 1 : end;
            size_t len = (size_t)((nl ? nl : end) - p);
            uint32_t cp[2048], ncp;
            if (!len || len > 2000 || *p == '#') continue;
            ncp = decode(p, len, cp);
            memset(row, 0xFF, sizeof row);
            row[words - 1] = ~0ull >> (64 * words - iml__fontindex_count(x));
            assert_ok(iml__fontindex_cover(x, s, cp, ncp, fall, nfall, row, e));
            if (rows[r].dir == IML__LAY_TTB)
                assert_ok(
                    iml__fontindex_cover_column(x, s, cp, ncp, IML__LAY_AUTO, fall, nfall, row, e));
            unsigned here = 0, tried = 0, can = 0;
            for (size_t i = 0; i < words; i++) can += (unsigned)__builtin_popcountll(row[i]);
            none += !can;
            lines++;
            for (size_t i = 0; i < iml__fontindex_count(x) && tried < 6; i++) {
                if (!(row[i / 64] >> (i & 63) & 1) || (can > 6 && (i + lines) % 3))
                    continue; // each line other faces
                iml__face *face[4];
                iml__lay_opt o;
                iml__lay_block b;
                iml__lay_opt_default(&o);
                assert_ok(iml__fontindex_face(x, i, s, 24, &face[0], e));
                for (size_t k = 0; k < nfall; k++)
                    assert_ok(iml__fontindex_face(x, fall[k], s, 24, &face[1 + k], e));
                o.dir = rows[r].dir, o.faces = face, o.nfaces = 1 + (uint32_t)nfall;
                assert_ok(iml__lay_text(s, &b, p, len, &o, &arena, e));
                tried++;
                if (b.problem) {
                    refused++;
                    if (refused < 4)
                        print_message("%s: %s: %s at %u: %.*s\n", rows[r].name,
                                      iml__fontindex_font(x, i)->name,
                                      iml__lay_problem_name(b.problem), b.problem_cp, (int)len, p);
                } else {
                    here++;
                    // The main face draws everything but Common and Inherited characters.
                    for (uint32_t u = 0; u < b.lines[0].nunits; u++) {
                        const iml__lay_unit *v = &b.lines[0].units[u];
                        if (v->face) assert_true(b.par.flags[v->start] & IML__LAY_COMMON);
                    }
                }
                iml__arena_reset(&arena);
                iml__setter_tidy(s);
            }
            drawn += here;
        }
        print_message("%-13s %3u lines, %u drawn, %u refused by layout, %u without a face\n",
                      rows[r].name, lines, drawn, refused, none);
        assert_true(lines >= 80 && drawn >= lines && !refused && !none);
        free(text);
    }
    iml__setter_free(&s);
    iml__fontindex_free(&x);
}

static void proofs_made_elsewhere_are_the_same(void **state)
{
    (void)state;
    size_t n;
    uint8_t *p = slurp(DEJAVU, &n);
    char cut[128], odd[128];
    snprintf(cut, sizeof cut, "%s", put("cut.ttf", p, n / 2));
    snprintf(odd, sizeof odd, "%s", put("tab\there.ttf", p, n));
    const char *paths[] = {DEJAVU, cut, odd, FONTS "opentype/ipafont-gothic/ipag.ttf"};
    iml__fontindex *here = index_of(paths, 4), *there;
    assert_ok(iml__fontindex_new(&there, e));
    for (int i = 0; i < 4; i++) assert_ok(iml__fontindex_add_file(there, paths[i], e));
    assert_ok(iml__fontindex_add_file(there, DEJAVU, e)); // a double
    assert_ok(iml__fontindex_prepare(there, e));
    assert_int_equal(iml__fontindex_unknown(there), 4);
    for (size_t k = 0; k < 4; k++) {
        iml__str rows;
        iml__str_init(&rows, 1 << 20);
        assert_ok(iml__font_prove_file(iml__fontindex_unknown_path(there, k), &rows, &arena, e));
        assert_ok(iml__fontindex_answer(there, k, rows.p, rows.n, e));
        assert_int_equal(iml__fontindex_answer(there, k, rows.p, rows.n - 1, NULL), IML_EBUG);
        assert_int_equal(iml__fontindex_answer(there, k, "a\tb\n", 4, NULL), IML_EBUG);
        iml__str_free(&rows);
    }
    assert_ok(iml__fontindex_finish(there, e));
    assert_int_equal(iml__fontindex_proved(there), 0);
    same_faces(here, there);
    assert_int_equal(iml__fontindex_count(there), 3);
    iml__fontindex_free(&there);
    assert_ok(iml__fontindex_new(&there, e));
    for (int i = 0; i < 4; i++) assert_ok(iml__fontindex_add_file(there, paths[i], e));
    assert_ok(iml__fontindex_prepare(there, e));
    assert_ok(iml__fontindex_blame(there, 0, "its worker died", e));
    assert_ok(iml__fontindex_finish(there, e));
    assert_int_equal(iml__fontindex_proved(there), 3);
    assert_int_equal(iml__fontindex_bad_count(there), 2);
    assert_string_equal(iml__fontindex_bad(there, 0)->reason, "its worker died");
    iml__fontindex_free(&here);
    iml__fontindex_free(&there);
    assert_int_equal(remove(odd) | remove(cut), 0);
    iml__arena_reset(&arena);
    free(p);
}

static iml__fontindex *apart(const char *const *paths, size_t n, int mode, int limit,
                             const char *inject, bool *done)
{
    iml__fontindex *x;
    assert_ok(iml__fontindex_new(&x, e));
    for (size_t i = 0; i < n; i++) assert_ok(iml__fontindex_add_file(x, paths[i], e));
    assert_ok(iml__fontindex_prepare(x, e));
    assert_ok(iml__fontindex_prove_apart(x, mode, limit, inject, done, e));
    return x;
}

static void workers_prove_fonts(void **state)
{
    (void)state;
    size_t n;
    uint8_t *p = slurp(DEJAVU, &n);
    char cut[128];
    bool done;
    snprintf(cut, sizeof cut, "%s", put("cut.ttf", p, n / 2));
    const char *paths[] = {DEJAVU, cut, FONTS "opentype/ipafont-gothic/ipag.ttf",
                           FONTS "truetype/noto/NotoSansThai-Regular.ttf"};
    iml__fontindex *here = index_of(paths, 4),
                   *x = apart(paths, 4, IML_MODE_THREAD, 20, NULL, &done);
    assert_true(done);
    assert_ok(iml__fontindex_finish(x, e));
    assert_int_equal(iml__fontindex_proved(x), 0);
    same_faces(here, x);
    iml__fontindex_free(&x);
    x = apart(paths, 4, IML_MODE_PROCESS, 20, NULL, &done);
    assert_ok(iml__fontindex_finish(x, e));
    same_faces(here, x);
    assert_int_equal(iml__fontindex_proved(x), done ? 0 : 4);
    iml__fontindex_free(&x);
    iml__fontindex_free(&here);
    assert_int_equal(remove(cut), 0);
    free(p);
    if (!done) print_message("skipped: worker processes (not in this build)\n");
#ifdef IML_INJECT
    // Every worker dies or hangs: each file has its reason, and nothing is left to use.
    static const char *const how[][2] = {{"crash=1", "signal"}, {"hang=1", "time"}};
    for (size_t k = 0; done && k < IML_COUNT_OF(how); k++) {
        iml_err e = {0};
        x = apart(paths, 1, IML_MODE_PROCESS, 1, how[k][0], &done);
        assert_int_equal(iml__fontindex_finish(x, &e), IML_EINPUT);
        assert_int_equal(iml__fontindex_bad_count(x), 1);
        const char *why = iml__fontindex_bad(x, 0)->reason;
        if (!strstr(why, how[k][1])) fail_msg("%s: %s", how[k][0], why);
        iml__fontindex_free(&x);
    }
#endif
}

static int begin(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/iml_font_XXXXXX");
    return !mkdtemp(dir) || iml__arena_open(&arena, (size_t)1 << 28, -1, NULL);
}

static int end(void **state)
{
    (void)state;
    static const char *const names[] = {
        "good.TTF", "sub/again.ttf", "cut.ttf", "empty.otf", "text.ttc",  "other.txt", "fifo.ttf",
        "dead.ttf", "sub/loop",      "sub",     "other.ttf", "fonts.tsv", ""};
    char path[128];
    for (size_t i = 0; i < IML_COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)remove(path);
    }
    iml__arena_close(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_font_is_proved),
        cmocka_unit_test(truncated_fonts_are_refused_with_a_reason),
        cmocka_unit_test(lying_fonts_are_refused),
        cmocka_unit_test(garbage_never_crashes),
        cmocka_unit_test(odd_files_are_named_not_read),
        cmocka_unit_test(nothing_usable_is_an_error),
        cmocka_unit_test(rows_tell_who_covers_a_text),
        cmocka_unit_test(a_warm_cache_changes_nothing),
        cmocka_unit_test(proofs_made_elsewhere_are_the_same),
        cmocka_unit_test(workers_prove_fonts),
        cmocka_unit_test(the_default_set_is_used_alone),
        cmocka_unit_test(no_tofu_in_default_pictures),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
