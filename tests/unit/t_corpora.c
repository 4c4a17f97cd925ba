// t_corpora.c: the built-in corpora hold what synth.md 2.8 says of them.
#include "tests/unit/iml_test.h"

#include "src/base/err.h"
#include "src/synth/corpus.h"
#include "src/synth/uax.h"
#include "src/synth/ucd.h"

#include <utf8proc.h>

enum { MOST = 20000 };

typedef struct text {
    uint32_t cp[MOST], n;
} text;

static const iml__builtin_corpus *corpus_of(const char *name)
{
    for (size_t k = 0; k < iml__nbuiltin_corpora; k++)
        if (!strcmp(iml__builtin_corpora[k].name, name)) return &iml__builtin_corpora[k];
    fail_msg("no corpus %s", name);
    return NULL;
}

static void decode(const void *p, size_t bytes, text *t)
{
    const utf8proc_uint8_t *s = p;
    t->n = 0;
    for (size_t at = 0; at < bytes;) {
        utf8proc_int32_t v;
        utf8proc_ssize_t len = utf8proc_iterate(s + at, (utf8proc_ssize_t)(bytes - at), &v);
        assert_true(len > 0 && t->n < MOST);
        t->cp[t->n++] = (uint32_t)v, at += (size_t)len;
    }
}

static const text *text_of(const char *name)
{
    static text t;
    const iml__builtin_corpus *b = corpus_of(name);
    decode(b->p, b->n, &t);
    return &t;
}

static bool has(const text *t, uint32_t cp)
{
    for (uint32_t k = 0; k < t->n; k++)
        if (t->cp[k] == cp) return true;
    return false;
}

static uint32_t distinct(const text *t, uint32_t lo, uint32_t hi)
{
    uint32_t n = 0;
    for (uint32_t cp = lo; cp <= hi; cp++) n += has(t, cp);
    return n;
}

static const char *const names[] = {
    "latin", "greek", "cyrillic", "arabic", "hebrew", "devanagari",   "bengali",
    "tamil", "thai",  "han",      "kana",   "hangul", "han_vertical", "kana_vertical"};

static int by_line(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void eighty_lines_1500_units_and_no_repeats(void **state)
{
    (void)state;
    for (size_t k = 0; k < IML_COUNT_OF(names); k++) {
        const iml__builtin_corpus *b = corpus_of(names[k]);
        static char copy[1 << 16];
        char *line[512];
        uint32_t lines = 0, units = 0;
        assert_true(b->n < sizeof copy);
        memcpy(copy, b->p, b->n), copy[b->n] = 0;
        for (char *p = copy, *next; *p; p = next) {
            next = p + strcspn(p, "\n");
            if (*next) *next++ = 0;
            if (*p) line[lines++] = p;
            assert_true(lines < 512);
        }
        const text *t = text_of(names[k]);
        static uint8_t start[MOST];
        iml__lay_graphemes(t->cp, t->n, start);
        for (uint32_t i = 0; i < t->n; i++)
            units += (start[i] & 1) && !(iml__ucd_get(t->cp[i])->flags & IML__UCD_WHITE);
        if (lines < 80 || units < 1500) fail_msg("%s: %u lines, %u units", names[k], lines, units);
        qsort(line, lines, sizeof *line, by_line);
        for (uint32_t i = 1; i < lines; i++)
            if (!strcmp(line[i - 1], line[i])) fail_msg("%s has '%s' twice", names[k], line[i]);
    }
}

static void every_base_letter_is_in_use(void **state)
{
    (void)state;
    static const char *const letters[][2] = {
        {"latin", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"},
        {"greek", "αβγδεζηθικλμνξοπρσςτυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ"},
        {"cyrillic", "абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЭЮЯ"},
        {"arabic", "ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئةى٠١٢٣٤٥٦٧٨٩"},
        {"hebrew", "אבגדהוזחטיכלמנסעפצקרשתךםןףץ"},
        {"devanagari", "अआइईउऊऋएऐओऔकखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसह"},
        {"bengali", "অআইঈউঊঋএঐওঔকখগঘঙচছজঝঞটঠডঢণতথদধনপফবভমযরলশষসহ"},
        {"tamil", "அஆஇஈஉஊஎஏஐஒஓகஙசஞடணதநபமயரலவழளறன"},
        {"thai", "กขคฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ"},
        {"kana", "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらり"
                 "るれろわをん"
                 "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリ"
                 "ルレロワヲンゃゅょっァィュョッー"},
        {"kana_vertical", "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもや"
                          "ゆよらりるれろわをん"
                          "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤ"
                          "ユヨラリルレロワヲンゃゅょっァィュョッー"},
    };
    static text want;
    for (size_t k = 0; k < IML_COUNT_OF(letters); k++) {
        const text *t = text_of(letters[k][0]);
        decode(letters[k][1], strlen(letters[k][1]), &want);
        for (uint32_t i = 0; i < want.n; i++)
            if (!has(t, want.cp[i])) fail_msg("%s lacks U+%04X", letters[k][0], want.cp[i]);
    }
}

static bool leads(uint32_t cp) { return iml__ucd_get(cp)->jt == IML__JT_D; }
static bool follows(uint32_t cp)
{
    uint8_t j = iml__ucd_get(cp)->jt;
    return j == IML__JT_D || j == IML__JT_R;
}

static void arabic_has_all_joining_forms(void **state)
{
    (void)state;
    static const char letters[] = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي";
    static text want, bare;
    const text *t = text_of("arabic");
    bare.n = 0;
    for (uint32_t k = 0; k < t->n; k++) // without what is transparent to joining
        if (iml__ucd_get(t->cp[k])->jt != IML__JT_T) bare.cp[bare.n++] = t->cp[k];
    decode(letters, strlen(letters), &want);
    for (uint32_t i = 0; i < want.n; i++) {
        unsigned forms = 0;
        for (uint32_t k = 1; k + 1 < bare.n; k++) {
            if (bare.cp[k] != want.cp[i]) continue;
            unsigned before = leads(bare.cp[k - 1]);
            unsigned behind = leads(bare.cp[k]) && follows(bare.cp[k + 1]);
            forms |= 1u << (before + 2 * behind);
        }
        unsigned all = leads(want.cp[i]) ? 15 : 3;
        if (forms != all) fail_msg("U+%04X has forms %x", want.cp[i], forms);
    }
    bool lam_alef = false;
    for (uint32_t k = 1; k < bare.n; k++)
        lam_alef |= bare.cp[k - 1] == 0x644 && bare.cp[k] == 0x627;
    assert_true(lam_alef && distinct(t, 'a', 'z') > 5);
}

static bool pair(const text *t, uint32_t lo, uint32_t hi, uint32_t then)
{
    for (uint32_t k = 1; k < t->n; k++)
        if (t->cp[k - 1] >= lo && t->cp[k - 1] <= hi && t->cp[k] == then) return true;
    return false;
}

static void what_is_hard_to_set_is_there(void **state)
{
    (void)state;
    const text *t = text_of("hebrew");
    assert_true(distinct(t, 0x5B0, 0x5BC) > 5); // points
    t = text_of("devanagari");
    assert_true(pair(t, 0x930, 0x930, 0x94D) && has(t, 0x93F)); // reph, the vowel before its letter
    t = text_of("bengali");
    assert_true(pair(t, 0x9B0, 0x9B0, 0x9CD) && has(t, 0x9BF) && has(t, 0x9C7) && has(t, 0x9CB));
    t = text_of("tamil");
    assert_true(has(t, 0xBCA) && has(t, 0xBCB) && has(t, 0xBCC)); // vowels in two parts
    t = text_of("thai");
    assert_true(has(t, 0xE33) && pair(t, 0xE34, 0xE39, 0xE48)); // sara am, a tone on a vowel
    assert_true(distinct(text_of("han"), 0x4E00, 0x9FA5) >= 400);
    assert_true(distinct(text_of("han_vertical"), 0x4E00, 0x9FA5) >= 400);
    assert_true(distinct(text_of("hangul"), 0xAC00, 0xD7A3) >= 300);
    static const char *const columns[] = {"han_vertical", "kana_vertical"};
    static const uint32_t signs[] = {0x300C, 0x300D, 0x3001, 0x3002, 0x2026, 0xFF08, 0xFF09};
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < IML_COUNT_OF(signs); i++)
            assert_true(has(text_of(columns[k]), signs[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eighty_lines_1500_units_and_no_repeats),
        cmocka_unit_test(every_base_letter_is_in_use),
        cmocka_unit_test(arabic_has_all_joining_forms),
        cmocka_unit_test(what_is_hard_to_set_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
