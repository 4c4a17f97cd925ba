// retext.c: what a drawn text becomes: letters, normal form, allowed characters (synth.md 4.2, 3).
//
// In this order, after the text's length was counted. Letters change one for one (a sharp s stays
// one letter), so a label's text is what is drawn. Characters that are not allowed go with their
// whole cluster: no mark is left without its base. A text that is too short then is drawn again.
#include "src/synth/corpus.h"

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/synth/uax.h"

#include <string.h>
#include <utf8proc.h>

struct iml__charset {
    uint64_t only; // not 0: `bits` are all that is allowed; white space always is
    uint64_t bits[0x110000 / 64], but[0x110000 / 64];
};

static bool has(const uint64_t *set, uint32_t cp) { return set[cp / 64] >> (cp % 64) & 1; }

static void enlist(const char *text, size_t n, uint64_t *set)
{
    utf8proc_int32_t v;
    for (size_t at = 0; at < n;) {
        utf8proc_ssize_t len =
            utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(n - at), &v);
        if (len <= 0) return; // was checked
        set[v / 64] |= (uint64_t)1 << (v % 64), at += (size_t)len;
    }
}

iml_status iml__charset_make(const char *only, size_t nonly, const char *but, size_t nbut,
                             iml_arena *a, const struct iml__charset **out, iml_err *e)
{
    struct iml__charset *c = iml_arena_calloc(a, 1, sizeof *c);
    if (!c) return IML_FAIL(e, IML_ENOMEM, "no memory for a charset");
    c->only = nonly > 0;
    if (nonly) enlist(only, nonly, c->bits);
    if (nbut) enlist(but, nbut, c->but);
    *out = c;
    return IML_OK;
}

uint64_t iml__charset_hash(const struct iml__charset *c) { return iml__xxh3(c, sizeof *c); }

// ---- Letters

static bool is_letter(uint32_t cp)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)cp);
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

static bool continues_word(uint32_t cp)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)cp);
    return is_letter(cp) || (k >= UTF8PROC_CATEGORY_MN && k <= UTF8PROC_CATEGORY_ND) ||
           cp == '\'' || cp == 0x2019;
}

static void change_letters(uint32_t *cp, size_t n, uint32_t to)
{
    enum { SIGMA = 0x3A3, FINAL = 0x3C2 };
    for (size_t k = 0; k < n; k++) {
        bool first = !k || !continues_word(cp[k - 1]);
        bool last = k + 1 == n || !continues_word(cp[k + 1]);
        utf8proc_int32_t c = (utf8proc_int32_t)cp[k];
        if (to == IML__CASE_UPPER)
            cp[k] = (uint32_t)utf8proc_toupper(c);
        else if (to == IML__CASE_TITLE && first)
            cp[k] = (uint32_t)utf8proc_totitle(c);
        else // Greek has a sigma of its own at a word's end
            cp[k] = c == SIGMA && last && !first ? FINAL : (uint32_t)utf8proc_tolower(c);
    }
}

// ---- Characters that are not allowed

const uint64_t *iml__charset_only(const struct iml__charset *c) { return c->only ? c->bits : NULL; }

bool iml__charset_allows(const struct iml__charset *c, uint32_t cp)
{
    if (has(c->but, cp)) return false;
    return !c->only || cp == ' ' || has(c->bits, cp) ||
           utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_CF;
}

static size_t leave_out(const struct iml__charset *c, bool keep, uint32_t *cp, size_t n,
                        uint8_t *start)
{
    size_t to = 0;
    iml__lay_graphemes(cp, (uint32_t)n, start);
    for (size_t k = 0, end; k < n; k = end) {
        bool fine = true;
        for (end = k; end < n && (end == k || !(start[end] & 1)); end++)
            fine &= iml__charset_allows(c, cp[end]);
        if (!fine || (cp[k] == ' ' && !keep && (!to || cp[to - 1] == ' '))) continue;
        memmove(cp + to, cp + k, (end - k) * sizeof *cp);
        to += end - k;
    }
    while (to && cp[to - 1] == ' ') to--;
    return to;
}

// ---- The whole

static iml_status decoded(const iml__text *t, const iml__text_want *want, iml_arena *a,
                          uint32_t **out, size_t *n, iml_err *e)
{
    static const utf8proc_option_t forms[] = {0, UTF8PROC_STABLE | UTF8PROC_COMPOSE,
                                              UTF8PROC_STABLE | UTF8PROC_DECOMPOSE};
    size_t cap = 18 * (size_t)t->len + 1; // no character becomes more than 18
    uint32_t *cp = iml_arena_alloc(a, cap * sizeof *cp);
    utf8proc_int32_t v;
    *n = 0, *out = cp;
    if (!cp) return IML_FAIL(e, IML_ENOMEM, "no memory for a text");
    for (size_t at = 0; at < t->len;) {
        utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)t->utf8 + at,
                                                (utf8proc_ssize_t)(t->len - at), &v);
        if (len <= 0) break; // iml__text_draw wrote it: never
        cp[(*n)++] = (uint32_t)v, at += (size_t)len;
    }
    if (want->letters) change_letters(cp, *n, want->letters);
    if (!want->form) return IML_OK;
    utf8proc_int32_t *split = iml_arena_alloc(a, cap * sizeof *split);
    if (!split) return IML_FAIL(e, IML_ENOMEM, "no memory for a text");
    utf8proc_ssize_t count = 0;
    int boundary = 0;
    for (size_t k = 0; k < *n; k++)
        count +=
            utf8proc_decompose_char((utf8proc_int32_t)cp[k], split + count,
                                    (utf8proc_ssize_t)cap - count, UTF8PROC_DECOMPOSE, &boundary);
    // Sorts the marks, too, which utf8proc does in its whole-string function alone.
    for (utf8proc_ssize_t k = 1; k < count; k++)
        for (utf8proc_ssize_t j = k; j > 0; j--) {
            utf8proc_propval_t b = utf8proc_get_property(split[j])->combining_class;
            utf8proc_propval_t before = utf8proc_get_property(split[j - 1])->combining_class;
            if (!b || before <= b) break;
            v = split[j], split[j] = split[j - 1], split[j - 1] = v;
        }
    count = utf8proc_normalize_utf32(split, count, forms[want->form]);
    for (utf8proc_ssize_t k = 0; k < count; k++) cp[k] = (uint32_t)split[k];
    *n = (size_t)count;
    return IML_OK;
}

iml_status iml__text_rework(const iml__spec *s, const iml__text_want *want, uint32_t least,
                            iml_arena *a, iml__text *t, bool *fine, iml_err *e)
{
    uint32_t *cp;
    size_t n, len = 0;
    if (!want->letters && !want->form && !s->chars) return IML_OK;
    IML_TRY(decoded(t, want, a, &cp, &n, e));
    uint8_t *start = iml_arena_calloc(a, n + 1, 1), *p = iml_arena_alloc(a, 4 * n + 1);
    if (!start || !p) return IML_FAIL(e, IML_ENOMEM, "no memory for a text");
    if (s->chars) n = leave_out(s->chars, want->keep, cp, n, start);
    iml__lay_graphemes(cp, (uint32_t)n, start);
    t->clusters = 0;
    for (size_t k = 0; k < n; k++) {
        t->clusters += start[k] & 1;
        len += (size_t)utf8proc_encode_char((utf8proc_int32_t)cp[k], p + len);
    }
    p[len] = 0;
    t->utf8 = (const char *)p, t->len = (uint32_t)len;
    *fine = n && t->clusters >= least;
    return IML_OK;
}

static bool begins_with_mark(const uint32_t *cp, size_t n)
{
    size_t k = 0;
    while (k < n &&
           (cp[k] == ' ' || utf8proc_category((utf8proc_int32_t)cp[k]) == UTF8PROC_CATEGORY_CF))
        k++;
    if (k == n) return true; // nothing visible
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp[k]);
    return c >= UTF8PROC_CATEGORY_MN && c <= UTF8PROC_CATEGORY_ME;
}

iml_status iml__text_leave_out(const uint8_t *drop, uint32_t n, uint32_t least, iml_arena *a,
                               iml__text *t, bool *fine, iml_err *e)
{
    const iml__text_want plain = {0};
    uint32_t *cp, cluster = 0;
    size_t total, to = 0, len = 0;
    IML_TRY(decoded(t, &plain, a, &cp, &total, e));
    uint8_t *start = iml_arena_calloc(a, total + 1, 1), *p = iml_arena_alloc(a, 4 * total + 1);
    if (!start || !p) return IML_FAIL(e, IML_ENOMEM, "no memory for a text");
    iml__lay_graphemes(cp, (uint32_t)total, start);
    for (size_t k = 0, end; k < total; k = end, cluster++) {
        for (end = k + 1; end < total && !(start[end] & 1);) end++;
        if (cluster < n && drop[cluster]) continue;
        if (cp[k] == ' ' && (!to || cp[to - 1] == ' ')) continue;
        memmove(cp + to, cp + k, (end - k) * sizeof *cp);
        to += end - k;
    }
    while (to && cp[to - 1] == ' ') to--;
    iml__lay_graphemes(cp, (uint32_t)to, start);
    t->clusters = 0;
    for (size_t k = 0; k < to; k++) {
        t->clusters += start[k] & 1;
        len += (size_t)utf8proc_encode_char((utf8proc_int32_t)cp[k], p + len);
    }
    p[len] = 0;
    t->utf8 = (const char *)p, t->len = (uint32_t)len;
    *fine = t->clusters >= least && !begins_with_mark(cp, to);
    return IML_OK;
}
