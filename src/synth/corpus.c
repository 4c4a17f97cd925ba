// corpus.c: taking texts out of corpora.
//
// A position is a uniform byte of the file, accepted only where a unit starts, so every unit is as
// likely as any other without an index, in 64 bits and with the touched pages alone in memory.
// Clusters are never cut: boundaries come from the same rules that the layout uses, with up to 128
// code points before the position to settle the state. An index of lines was rejected: it costs a
// scan of the whole file at every start.
#include "src/synth/corpus.h"

#include "src/base/err.h"
#include "src/base/rng.h"
#include "src/synth/uax.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <utf8proc.h>

enum {
    TRIES = 4096,
    BACK = 128,
    SCAN = 1 << 20,
    DRAWS = 64,
    TOUCHED_MAX = 256 // pages; the kernel may map 16 about each
};

// ---- Characters

// One code point at p[at]; 0 bytes of progress never. bad: the bytes are no UTF-8.
static size_t decode(const iml__corpus *c, size_t at, uint32_t *cp, bool *bad)
{
    utf8proc_int32_t v;
    utf8proc_ssize_t n =
        utf8proc_iterate(c->p + at, (utf8proc_ssize_t)IML_MIN(c->n - at, (size_t)4), &v);
    *bad = n <= 0;
    *cp = n <= 0 ? 0xFFFD : (uint32_t)v;
    return n <= 0 ? 1 : (size_t)n;
}

static bool is_break_space(uint32_t cp)
{
    return cp == ' ' || (cp >= 9 && cp <= 13) || cp == 0x85 || cp == 0x2028 || cp == 0x2029;
}

static bool is_white(uint32_t cp)
{
    return is_break_space(cp) || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) ||
           cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

static bool is_dropped(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || cp == 0xAD || cp == 0xFEFF || cp == 0xFFFE ||
           cp == 0xFFFF;
}

static bool is_mark(uint32_t cp)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)cp);
    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_MC || k == UTF8PROC_CATEGORY_ME;
}

// ---- Positions

static bool starts(const iml__corpus *c, size_t at, uint32_t unit)
{
    const uint8_t *p = c->p;
    if ((p[at] & 0xC0) == 0x80) return false;
    switch (unit) {
    case IML__UNIT_WORDS: return p[at] > ' ' && (!at || p[at - 1] <= ' ');
    case IML__UNIT_LINES: return p[at] > ' ' && (!at || p[at - 1] == '\n');
    case IML__UNIT_PARAGRAPHS:
        return p[at] > ' ' &&
               (!at || (at > 1 && p[at - 1] == '\n' && p[at - 2] == '\n') ||
                (at > 2 && p[at - 1] == '\n' && p[at - 2] == '\r' && p[at - 3] == '\n'));
    default: return true;
    }
}

// Counts a page. Whose count reaches the limit gives all pages back; they are the file's, so that
// another worker in the middle of them just meets them again.
static void touch(const iml__corpus *c)
{
    if (atomic_fetch_add_explicit(c->touched, 1, memory_order_relaxed) < TOUCHED_MAX) return;
    atomic_store_explicit(c->touched, 0, memory_order_relaxed);
    (void)madvise((void *)(uintptr_t)(c->p - c->bom), c->n + c->bom, MADV_DONTNEED);
}

static bool find_start(const iml__corpus *c, iml_rng *g, uint32_t unit, size_t *out)
{
    size_t at = 0;
    for (int k = 0; k < TRIES; k++) {
        at = (size_t)iml_rng_bounded(g, c->n);
        if (c->n > IML__CORPUS_FRUGAL) touch(c);
        if (starts(c, at, unit)) return *out = at, true;
    }
    for (size_t i = at; i < c->n && i - at < SCAN; i++)
        if (starts(c, i, unit)) return *out = i, true;
    for (size_t i = 0; i < c->n && i < SCAN; i++) // a file of one endless line has its beginning
        if (starts(c, i, unit)) return *out = i, true;
    return false;
}

// The first cluster boundary at or after the code point at `at`.
static size_t cluster_start(const iml__corpus *c, size_t at)
{
    size_t from = at;
    for (int k = 0; k < BACK && from > 0; k++) {
        from--;
        for (int j = 0; j < 3 && from > 0 && (c->p[from] & 0xC0) == 0x80; j++) from--;
    }
    uint32_t cp[BACK + 64];
    uint8_t start[BACK + 64];
    size_t where[BACK + 64], n = 0;
    bool bad;
    for (size_t i = from; n < BACK + 64 && i < c->n; n++) {
        where[n] = i;
        i += decode(c, i, &cp[n], &bad);
    }
    iml__lay_graphemes(cp, (uint32_t)n, start);
    for (size_t k = 0; k < n; k++)
        if (where[k] >= at && (start[k] & 1)) return where[k];
    return n < BACK + 64 ? c->n : at;
}

// ---- Taking

typedef struct taken {
    uint32_t *cp;
    uint64_t *from; // byte of each code point; one more entry than code points
    uint8_t *start;
    size_t n, cap;
    size_t end; // byte behind the last code point looked at
    uint32_t bad;
    bool whole; // the corpus (or line, paragraph) ends here
} taken;

// Cleaned code points from byte `at` on: at most cap of them. stop: 1 at a line's end, 2 at a
// paragraph's.
static void take(const iml__corpus *c, size_t at, int stop, const iml__text_want *want, taken *t)
{
    uint64_t space_from = 0;
    bool space = false, bad;
    t->n = 0, t->whole = false;
    size_t i = at;
    while (i < c->n && t->n + 1 < t->cap) {
        uint32_t cp;
        if (stop == 1 && c->p[i] == '\n') break;
        if (stop == 2 && c->p[i] == '\n' && i + 1 < c->n &&
            (c->p[i + 1] == '\n' || (c->p[i + 1] == '\r' && i + 2 < c->n && c->p[i + 2] == '\n')))
            break;
        size_t len = decode(c, i, &cp, &bad);
        t->bad += bad;
        if (is_break_space(cp)) {
            if (want->keep && t->n && cp != '\r') t->cp[t->n] = ' ', t->from[t->n++] = i;
            if (!space) space_from = i;
            space = !want->keep;
        } else if (!(bad && want->invalid == 1) && !(is_dropped(cp) && !bad)) {
            if (space && t->n) t->cp[t->n] = ' ', t->from[t->n++] = space_from;
            space = false;
            if (t->n || !is_white(cp)) t->cp[t->n] = cp, t->from[t->n++] = i;
        }
        i += len;
    }
    t->whole = i >= c->n || (stop && t->n + 1 < t->cap);
    t->end = i;
    while (t->n && is_white(t->cp[t->n - 1])) t->n--;
}

// How many code points the first `want` clusters are; *clusters: what there is of them.
static size_t cut(taken *t, uint32_t want, uint32_t *clusters)
{
    iml__lay_graphemes(t->cp, (uint32_t)t->n, t->start);
    uint32_t n = 0;
    size_t k = 0;
    for (; k < t->n; k++)
        if ((t->start[k] & 1) && ++n > want) {
            n = want;
            break;
        }
    while (k && is_white(t->cp[k - 1])) k--, n--;
    *clusters = n;
    return k;
}

// The last white space at or before cut point k, so that whole words stay.
static size_t cut_words(const taken *t, size_t k, uint32_t *clusters)
{
    if (k == t->n || is_white(t->cp[k])) return k;
    size_t w = k;
    while (w && !is_white(t->cp[w - 1])) w--;
    while (w && is_white(t->cp[w - 1])) w--;
    if (!w) return k; // one word, longer than asked: cut between clusters
    uint32_t n = 0;
    for (size_t i = 0; i < w; i++) n += t->start[i] & 1;
    *clusters = n;
    return w;
}

static iml_status make_room(taken *t, size_t cap, iml_arena *a, iml_err *e)
{
    t->cap = cap;
    t->cp = iml_arena_calloc(a, cap, sizeof *t->cp);
    t->from = iml_arena_calloc(a, cap + 1, sizeof *t->from);
    t->start = iml_arena_calloc(a, cap, 1);
    if (!t->cp || !t->from || !t->start)
        return IML_FAIL(e, IML_ENOMEM, "no memory for a text of %zu characters", cap);
    return IML_OK;
}

static iml_status write_utf8(const taken *t, size_t n, iml_arena *a, iml__text *out, iml_err *e)
{
    uint8_t *p = iml_arena_alloc(a, 4 * n + 1);
    if (!p) return IML_FAIL(e, IML_ENOMEM, "no memory for a text");
    size_t len = 0;
    for (size_t k = 0; k < n; k++)
        len += (size_t)utf8proc_encode_char((utf8proc_int32_t)t->cp[k], p + len);
    p[len] = 0;
    out->utf8 = (const char *)p, out->len = (uint32_t)len;
    return IML_OK;
}

static bool leading_mark(const taken *t, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        utf8proc_category_t cat = utf8proc_category((utf8proc_int32_t)t->cp[k]);
        if (cat == UTF8PROC_CATEGORY_CF || is_white(t->cp[k])) continue;
        return is_mark(t->cp[k]);
    }
    return true; // nothing visible
}

bool iml__text_visible(const char *s, size_t n)
{
    const iml__corpus c = {.p = (const uint8_t *)s, .n = n};
    bool bad;
    uint32_t cp;
    for (size_t at = 0; at < n;) {
        at += decode(&c, at, &cp, &bad);
        if (!bad && !is_white(cp) && !is_dropped(cp) &&
            utf8proc_category((utf8proc_int32_t)cp) != UTF8PROC_CATEGORY_CF)
            return true;
    }
    return false;
}

uint32_t iml__text_least(const iml__spec *s)
{
    double lo, hi;
    iml__value_bounds(&s->num[IML__N_text_length], &lo, &hi);
    return (uint32_t)lo;
}

static iml_status draw_once(const iml__corpus *c, iml_rng *g, bool all, uint32_t least,
                            const iml__text_want *want, iml_arena *a, iml__text *t, bool *found,
                            iml_err *e)
{
    uint32_t unit = want->unit, length = want->length;
    size_t at = 0, n, cap = all ? c->n + 2 : (size_t)length * 2 + 64, mark = iml__arena_mark(a);
    taken k = {0};
    uint32_t clusters;
    if (!all && !find_start(c, g, unit, &at)) return IML_OK;
    if (!all && unit == IML__UNIT_CHARS) at = cluster_start(c, at);
    for (;; cap *= 4) { // clusters of many marks need more code points than that
        IML_TRY(make_room(&k, cap, a, e));
        k.bad = 0;
        take(c, at, unit < IML__UNIT_LINES || all ? 0 : (int)unit - 1, want, &k);
        n = cut(&k, all ? UINT32_MAX : length, &clusters);
        if (k.whole || n < k.n || cap > (size_t)length * 64 + 4096) break;
    }
    if (!all && unit != IML__UNIT_CHARS) n = cut_words(&k, n, &clusters);
    bool broken = k.bad && want->invalid == 0;
    t->windows += broken;
    if (broken || !n || clusters < least || leading_mark(&k, n)) {
        iml__arena_release(a, mark);
        return IML_OK;
    }
    IML_TRY(write_utf8(&k, n, a, t, e));
    t->clusters = clusters, t->dropped = k.bad;
    t->offset = k.from[0] + c->bom;
    t->bytes = (n < k.n ? k.from[n] : k.end) - k.from[0];
    *found = true;
    return IML_OK;
}

iml_status iml__text_draw(const iml__corpora *c, const iml__spec *s, uint64_t seed, uint64_t index,
                          uint32_t attempt, const iml__text_want *want, iml_arena *a, iml__text *t,
                          bool *found, iml_err *e)
{
    char name[32] = "synth.text";
    if (attempt) (void)snprintf(name, sizeof name, "synth.text#%u", attempt);
    uint32_t stream = iml_stream(name), which = 0;
    *found = false, *t = (iml__text){0};
    if (s->ncorpora > 1) {
        double sum = 0;
        iml_rng g = iml__rng_slot(seed, index, stream, 0);
        for (uint32_t k = 0; k < s->ncorpora; k++) sum += s->corpus[k].weight;
        double u = iml_rng_unit(&g) * sum, run = 0;
        while (which + 1 < s->ncorpora && (run += s->corpus[which].weight) <= u) which++;
    }
    const iml__corpus_ref *ref = &s->corpus[which];
    const iml__corpus *corpus = &c->item[ref->corpus];
    bool made = ref->kind == IML__CORPUS_PATTERN, all = made || ref->kind == IML__CORPUS_TEXT;
    uint32_t least = all ? 1 : iml__text_least(s);
    iml_rng g = iml__rng_slot(seed, index, stream, 1);
    // Texts that are too short are drawn again here; what no face can draw comes back as an
    // attempt.
    for (int k = 0; k < (all && !made ? 1 : DRAWS) && !*found; k++) {
        iml__corpus text = *corpus;
        if (made) {
            const char *p;
            IML_TRY(iml__pattern_draw(corpus->pattern, &g, a, &p, &text.n, e));
            text.p = (const uint8_t *)p;
        }
        IML_TRY(draw_once(&text, &g, all, least, want, a, t, found, e));
        if (made) t->offset = t->bytes = 0;
        if (*found) IML_TRY(iml__text_rework(s, want, least, a, t, found, e));
    }
    t->corpus = ref->corpus, t->least = least;
    return IML_OK;
}
