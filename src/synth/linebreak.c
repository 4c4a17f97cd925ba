// linebreak.c: where a line may end: UAX 14 of Unicode 15.0, and Thai by dictionary.
//
// The rules are taken in their order, on classes that LB1 has resolved in the generated table; the
// first that speaks decides. Numbers follow example 7 of section 8.2 (regular expression), as the
// conformance test does. Rejected: the pair table of older versions; it cannot say LB15-17, LB21a,
// LB25 or LB30a without the same states beside it, and hides which rule fired.
#include "src/synth/uax.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"

#ifdef IML_LIBTHAI
#include <thai/thbrk.h>
#endif

#define LB(x) (1ull << IML__LB_##x)
_Static_assert(IML__LB_COUNT <= 64, "line break classes fit a 64-bit set");
static inline bool in(uint8_t c, uint64_t set) { return set >> c & 1; }

#define ALPHA (LB(AL) | LB(HL) | LB(SA))
#define HANGUL (LB(JL) | LB(JV) | LB(JT) | LB(H2) | LB(H3))

// What is known when a boundary is judged. prev, next: classes after LB9 and LB10.
typedef struct state {
    uint8_t prev, prev_flags; // of the last character that is not a combining mark
    uint8_t prev2;            // of the one before it
    uint8_t before;           // class before a run of spaces, prev if there is none
    uint8_t number;           // 1: NU (NU|SY|IS)*, 2: ... (CL|CP)
    bool odd_flags;           // regional indicators so far in this run
} state;

enum verdict { PASS, BREAK, HOLD };

// LB11 to LB18: rules that look through spaces.
static enum verdict spaced(const state *s, uint8_t b)
{
    uint8_t a = s->prev, w = s->before;
    if (b == IML__LB_WJ || a == IML__LB_WJ || a == IML__LB_GL) return HOLD;
    if (b == IML__LB_GL && !in(a, LB(SP) | LB(BA) | LB(HY))) return HOLD;
    if (in(b, LB(CL) | LB(CP) | LB(EX) | LB(IS) | LB(SY))) return HOLD;
    if (w == IML__LB_OP) return HOLD;
    if (w == IML__LB_QU && b == IML__LB_OP) return HOLD;
    if (in(w, LB(CL) | LB(CP)) && b == IML__LB_NS) return HOLD;
    if (w == IML__LB_B2 && b == IML__LB_B2) return HOLD;
    return a == IML__LB_SP ? BREAK : PASS;
}

// LB19 to LB25.
static enum verdict words(const state *s, uint8_t b, uint8_t after)
{
    uint8_t a = s->prev;
    if (b == IML__LB_QU || a == IML__LB_QU) return HOLD;
    if (b == IML__LB_CB || a == IML__LB_CB) return BREAK;
    if (in(b, LB(BA) | LB(HY) | LB(NS)) || a == IML__LB_BB) return HOLD;
    if (s->prev2 == IML__LB_HL && in(a, LB(HY) | LB(BA))) return HOLD;
    if (a == IML__LB_SY && b == IML__LB_HL) return HOLD;
    if (b == IML__LB_IN) return HOLD;
    if (in(a, ALPHA) && b == IML__LB_NU) return HOLD;
    if (a == IML__LB_NU && in(b, ALPHA)) return HOLD;
    if (a == IML__LB_PR && in(b, LB(ID) | LB(EB) | LB(EM))) return HOLD;
    if (in(a, LB(ID) | LB(EB) | LB(EM)) && b == IML__LB_PO) return HOLD;
    if (in(a, LB(PR) | LB(PO)) && in(b, ALPHA)) return HOLD;
    if (in(a, ALPHA) && in(b, LB(PR) | LB(PO))) return HOLD;
    if (in(a, LB(PR) | LB(PO)) &&
        (b == IML__LB_NU || (in(b, LB(OP) | LB(HY)) && after == IML__LB_NU)))
        return HOLD;
    if (in(a, LB(OP) | LB(HY)) && b == IML__LB_NU) return HOLD;
    if (s->number == 1 && in(b, LB(NU) | LB(SY) | LB(IS) | LB(CL) | LB(CP))) return HOLD;
    if (s->number && in(b, LB(PO) | LB(PR))) return HOLD;
    return PASS;
}

// LB26 to LB31.
static enum verdict rest(const state *s, uint8_t b, uint8_t b_flags)
{
    uint8_t a = s->prev;
    if (a == IML__LB_JL && in(b, LB(JL) | LB(JV) | LB(H2) | LB(H3))) return HOLD;
    if (in(a, LB(JV) | LB(H2)) && in(b, LB(JV) | LB(JT))) return HOLD;
    if (in(a, LB(JT) | LB(H3)) && b == IML__LB_JT) return HOLD;
    if (in(a, HANGUL) && b == IML__LB_PO) return HOLD;
    if (a == IML__LB_PR && in(b, HANGUL)) return HOLD;
    if (in(a, ALPHA | LB(IS)) && in(b, ALPHA)) return HOLD;
    if (in(a, ALPHA | LB(NU)) && b == IML__LB_OP && !(b_flags & IML__UCD_WIDE)) return HOLD;
    if (a == IML__LB_CP && !(s->prev_flags & IML__UCD_WIDE) && in(b, ALPHA | LB(NU))) return HOLD;
    if (a == IML__LB_RI && b == IML__LB_RI && s->odd_flags) return HOLD;
    if (b == IML__LB_EM && (a == IML__LB_EB || s->prev_flags & IML__UCD_PICTURE)) return HOLD;
    return BREAK;
}

static void step(state *s, uint8_t c, uint8_t flags)
{
    bool goes_on = s->number == 1 && in(c, LB(NU) | LB(SY) | LB(IS));
    s->number = c == IML__LB_NU || goes_on ? 1 : s->number == 1 && in(c, LB(CL) | LB(CP)) ? 2 : 0;
    s->odd_flags = c == IML__LB_RI && !(s->prev == IML__LB_RI && s->odd_flags);
    if (c != IML__LB_SP) s->before = c;
    s->prev2 = s->prev, s->prev = c, s->prev_flags = flags;
}

void iml__lay_breaks(const uint32_t *cp, uint32_t n, uint8_t *may)
{
    const uint64_t hard = LB(BK) | LB(CR) | LB(LF) | LB(NL), mark = LB(CM) | LB(ZWJ);
    state s = {0};
    for (uint32_t i = 0; i < n; i++) {
        const iml__ucd_rec *r = iml__ucd_get(cp[i]);
        uint8_t raw = i ? iml__ucd_get(cp[i - 1])->lb : 0, b = r->lb, after = IML__LB_COUNT - 1;
        may[i] = 0;
        bool attaches = i && in(b, mark) && !in(raw, hard | LB(SP) | LB(ZW)); // LB9
        if (attaches) continue;
        if (in(b, mark)) b = IML__LB_AL; // LB10
        if (!i) {
            s = (state){.prev = IML__LB_BK, .before = IML__LB_BK}; // LB2: start of text
            step(&s, b, r->flags);
            continue;
        }
        for (uint32_t k = i + 1; k < n; k++)
            if (!in(after = iml__ucd_get(cp[k])->lb, mark)) break;
        enum verdict v = PASS;
        if (in(raw, hard)) // LB4, LB5
            v = raw == IML__LB_CR && b == IML__LB_LF ? HOLD : BREAK;
        else if (in(b, hard | LB(SP) | LB(ZW))) // LB6, LB7
            v = HOLD;
        else if (s.before == IML__LB_ZW) // LB8
            v = BREAK;
        else if (raw == IML__LB_ZWJ) // LB8a
            v = HOLD;
        if (v == PASS) v = spaced(&s, b);
        if (v == PASS) v = words(&s, b, after);
        if (v == PASS) v = rest(&s, b, r->flags);
        may[i] = v == BREAK;
        step(&s, b, r->flags);
    }
}

// ---- Thai

#ifdef IML_LIBTHAI
// The dictionary is read when the first Thai letter is met: it costs 15 ms.
struct iml__thai {
    ThBrk *brk;
    bool asked;
};

iml_status iml__thai_new(iml__thai **out, iml_err *e)
{
    *out = iml__calloc(1, sizeof **out);
    return *out ? IML_OK : IML_FAIL(e, IML_ENOMEM, "no memory for the Thai dictionary");
}

bool iml__thai_ready(iml__thai *t)
{
    if (!t) return false;
    if (!t->asked) t->brk = th_brk_new(NULL); // NULL: the dictionary is not installed
    t->asked = true;
    return t->brk != NULL;
}

void iml__thai_free(iml__thai **t)
{
    if (!*t) return;
    if ((*t)->brk) th_brk_delete((*t)->brk);
    IML_FREE(*t);
}

iml_status iml__thai_breaks(iml__thai *t, const uint32_t *cp, uint32_t n, uint8_t *may,
                            iml_arena *a, iml_err *e)
{
    for (uint32_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && cp[j] >= 0xE01 && cp[j] <= 0xE5B;) j++;
        if (j == i) {
            j++;
            continue;
        }
        if (!iml__thai_ready(t)) return IML_OK;
        size_t mark = iml__arena_mark(a);
        thchar_t *tis = iml_arena_alloc(a, j - i + 1);
        int *pos = iml_arena_alloc(a, (j - i + 1) * sizeof *pos), found;
        if (!tis || !pos)
            return IML_FAIL(e, IML_ENOMEM, "no memory to break %u Thai letters", j - i);
        for (uint32_t k = i; k < j; k++) tis[k - i] = (thchar_t)(cp[k] - 0xE00 + 0xA0);
        tis[j - i] = 0;
        found = th_brk_find_breaks(t->brk, tis, pos, j - i);
        for (int k = 0; k < found; k++)
            if (pos[k] > 0 && (uint32_t)pos[k] < j - i) may[i + (uint32_t)pos[k]] = 1;
        iml__arena_release(a, mark);
    }
    return IML_OK;
}

void iml__thai_version(const char *utf8, size_t n, char *out, size_t cap)
{
    iml__thai *t = NULL;
    iml_arena a;
    utf8proc_int32_t v;
    uint32_t count = 0;
    out[0] = 0;
    if (iml__thai_new(&t, NULL)) return;
    if (iml__thai_ready(t) && !iml__arena_open(&a, ((size_t)1 << 20) + 16 * n, -1, NULL)) {
        uint32_t *cp = iml_arena_alloc(&a, (n + 1) * sizeof *cp);
        uint8_t *may = iml_arena_calloc(&a, n + 1, 1);
        for (size_t at = 0; cp && at < n; count++) {
            utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)utf8 + at,
                                                    (utf8proc_ssize_t)(n - at), &v);
            if (len <= 0) break;
            cp[count] = (uint32_t)v, at += (size_t)len;
        }
        if (cp && may && !iml__thai_breaks(t, cp, count, may, &a, NULL))
            (void)snprintf(out, cap, "libthai %s, breaks %016llx", IML_LIBTHAI_VERSION,
                           (unsigned long long)iml__xxh3(may, count));
        iml__arena_close(&a);
    }
    iml__thai_free(&t);
}
#else
void iml__thai_version(const char *utf8, size_t n, char *out, size_t cap)
{
    (void)utf8, (void)n, (void)cap;
    out[0] = 0;
}
iml_status iml__thai_new(iml__thai **out, iml_err *e)
{
    (void)e;
    *out = NULL;
    return IML_OK;
}
void iml__thai_free(iml__thai **t) { *t = NULL; }
bool iml__thai_ready(iml__thai *t)
{
    (void)t;
    return false;
}
iml_status iml__thai_breaks(iml__thai *t, const uint32_t *cp, uint32_t n, uint8_t *may,
                            iml_arena *a, iml_err *e)
{
    (void)t, (void)cp, (void)n, (void)may, (void)a, (void)e;
    return IML_OK;
}
#endif
