// corpus.c: taking texts out of corpora.
//
// A position is a uniform byte of the file, accepted only where a unit starts, so every unit is as
// likely as any other without an index. A file over 16 MB is not mapped but read about the position
// alone: measured, mapping it costs up to 300 KB of memory a touched page where the kernel caches
// files in large folios (307 MB after a thousand texts of a 400 MB file). Clusters are never cut:
// boundaries come from the same rules that the layout uses, with up to 128 code points before the
// position to settle the state. An index of lines was rejected: it costs a scan of the whole file
// at every start.
#include "src/synth/corpus.h"

#include "src/base/err.h"
#include "src/base/rng.h"
#include "src/synth/uax.h"

#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <utf8proc.h>

enum { TRIES = 4096, BACK = 128, SCAN = 1 << 20, PIECE = 1 << 16, DRAWS = 64 };

// ---- Characters

// One code point at p[at]; 0 bytes of progress never. bad: the bytes are no UTF-8.
static size_t decode(const uint8_t *p, size_t n, size_t at, uint32_t *cp, bool *bad)
{
    utf8proc_int32_t v;
    utf8proc_ssize_t len =
        utf8proc_iterate(p + at, (utf8proc_ssize_t)IML_MIN(n - at, (size_t)4), &v);
    *bad = len <= 0;
    *cp = len <= 0 ? 0xFFFD : (uint32_t)v;
    return len <= 0 ? 1 : (size_t)len;
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

// Does a unit start at p[at]? There are at least three bytes before it, or it is p[0] of the
// corpus.
static bool starts(const uint8_t *p, size_t at, uint32_t unit)
{
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

static bool starts_at(const iml__corpus *c, size_t at, uint32_t unit)
{
    uint8_t p[4];
    if (c->p) return starts(c->p, at, unit);
    size_t before = IML_MIN(at, (size_t)3);
    return iml__corpus_read(c, at - before, p, before + 1) == before + 1 && starts(p, before, unit);
}

// The first start from `from` on, within SCAN bytes.
static bool scan(const iml__corpus *c, size_t from, uint32_t unit, size_t *out)
{
    uint8_t piece[PIECE];
    size_t end = IML_MIN(c->n, from + SCAN);
    for (size_t at = from; at < end;) {
        size_t before = IML_MIN(at, (size_t)3), n = IML_MIN(end - at, (size_t)PIECE - 3);
        const uint8_t *p = c->p ? c->p + at - before : piece;
        if (!c->p && iml__corpus_read(c, at - before, piece, before + n) < before + n) return false;
        for (size_t i = 0; i < n; i++)
            if (starts(p, before + i, unit)) return *out = at + i, true;
        at += n;
    }
    return false;
}

static bool find_start(const iml__corpus *c, iml_rng *g, uint32_t unit, size_t *out)
{
    size_t at = 0;
    for (int k = 0; k < TRIES; k++) {
        at = (size_t)iml_rng_bounded(g, c->n);
        if (starts_at(c, at, unit)) return *out = at, true;
    }
    // A file of one endless line has its beginning.
    return scan(c, at, unit, out) || scan(c, 0, unit, out);
}

typedef struct view { // of a corpus: all of it, or the bytes about a position
    const uint8_t *p;
    size_t n, base; // base: of p[0] in the corpus
    bool last;      // the corpus ends with it
} view;

static iml_status view_of(const iml__corpus *c, size_t at, size_t n, iml_arena *a, view *v,
                          iml_err *e)
{
    *v = (view){c->p, c->n, 0, true};
    if (c->p) return IML_OK;
    size_t before = IML_MIN(at, (size_t)4 * (BACK + 1));
    n = IML_MIN(n, c->n - at) + before;
    uint8_t *p = iml_arena_alloc(a, n);
    if (!p) return IML_FAIL(e, IML_ENOMEM, "no memory for a text");
    if (iml__corpus_read(c, at - before, p, n) < n)
        return errno == ESTALE ? IML_FAIL(e, IML_EAGAIN,
                                          "%s is another text now than when the run began", c->name)
                               : IML_FAIL_SYS(e, IML_EAGAIN, errno, "%s: cannot be read", c->name);
    *v = (view){p, n, at - before, at - before + n == c->n};
    return IML_OK;
}

// The first cluster boundary at or after the code point at `at`.
static size_t cluster_start(const view *v, size_t at)
{
    size_t from = at;
    for (int k = 0; k < BACK && from > 0; k++) {
        from--;
        for (int j = 0; j < 3 && from > 0 && (v->p[from] & 0xC0) == 0x80; j++) from--;
    }
    uint32_t cp[BACK + 64];
    uint8_t start[BACK + 64];
    size_t where[BACK + 64], n = 0;
    bool bad;
    for (size_t i = from; n < BACK + 64 && i < v->n; n++) {
        where[n] = i;
        i += decode(v->p, v->n, i, &cp[n], &bad);
    }
    iml__lay_graphemes(cp, (uint32_t)n, start);
    for (size_t k = 0; k < n; k++)
        if (where[k] >= at && (start[k] & 1)) return where[k];
    return n < BACK + 64 ? v->n : at;
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
static void take(const view *c, size_t at, int stop, const iml__text_want *want, taken *t)
{
    uint64_t space_from = 0;
    bool space = false, bad;
    t->n = 0, t->whole = false;
    size_t i = at;
    // Of what is left out (NUL, white space) there may be gigabytes.
    const size_t end = c->n - at > 16 * t->cap + PIECE ? at + 16 * t->cap + PIECE : c->n;
    while (i < end && t->n + 1 < t->cap) {
        uint32_t cp;
        if (stop == 1 && c->p[i] == '\n') break;
        if (stop == 2 && c->p[i] == '\n' && i + 1 < c->n &&
            (c->p[i + 1] == '\n' || (c->p[i + 1] == '\r' && i + 2 < c->n && c->p[i + 2] == '\n')))
            break;
        size_t len = decode(c->p, c->n, i, &cp, &bad);
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
    bool out = i >= c->n && !c->last; // the view ends, the corpus does not
    t->whole = !out && (i >= c->n || (stop && i < end && t->n + 1 < t->cap));
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

// The first end of a word that gives least to most clusters; 0: there is none.
static size_t grow_words(const taken *t, uint32_t least, uint32_t most, uint32_t *clusters)
{
    uint32_t n = 0;
    for (size_t k = 0; k <= t->n; k++) {
        bool end = k == t->n ? t->whole : is_white(t->cp[k]);
        if (end && n >= least && n <= most) return *clusters = n, k;
        if (k < t->n) n += t->start[k] & 1;
    }
    return 0;
}

// How much of what was taken becomes the text, by the rules of its unit.
static size_t cut_unit(taken *t, uint32_t least, const iml__text_want *want, uint32_t *clusters)
{
    bool lines = want->unit >= IML__UNIT_LINES;
    size_t n = cut(t, lines ? want->most : want->length, clusters), whole = n;
    uint32_t all = *clusters;
    if (want->unit == IML__UNIT_CHARS) return n;
    n = cut_words(t, n, clusters);
    if (*clusters >= least) return n;
    if (lines) return *clusters = all, whole; // no word of it is short enough
    return grow_words(t, least, want->most, clusters);
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
    bool bad;
    uint32_t cp;
    for (size_t at = 0; at < n;) {
        at += decode((const uint8_t *)s, n, at, &cp, &bad);
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

uint32_t iml__text_most(const iml__spec *s)
{
    double lo, hi;
    iml__value_bounds(&s->num[IML__N_text_length], &lo, &hi);
    return (uint32_t)hi;
}

// *none: no unit starts in it, as far as was looked.
static iml_status draw_once(const iml__corpus *c, iml_rng *g, bool all, uint32_t least,
                            const iml__text_want *want, iml_arena *a, iml__text *t, bool *found,
                            bool *none, iml_err *e)
{
    const uint32_t unit = want->unit;
    const int stop = unit < IML__UNIT_LINES || all ? 0 : (int)unit - 1;
    const size_t limit = unit == IML__UNIT_CHARS ? want->length : want->most;
    size_t at = 0, n, cap = all ? c->n + 2 : 2 * IML_MIN(limit, (size_t)1000) + 64;
    size_t mark = iml__arena_mark(a);
    taken k = {0};
    view v;
    uint32_t clusters;
    if (!all && !find_start(c, g, unit, &at)) return *none = true, IML_OK;
    for (;; cap *= 4) { // clusters of many marks need more code points than that
        iml__arena_release(a, mark);
        IML_TRY(view_of(c, at, 8 * cap + PIECE / 16, a, &v, e));
        IML_TRY(make_room(&k, cap, a, e));
        k.bad = 0;
        size_t from = at - v.base;
        take(&v, !all && unit == IML__UNIT_CHARS ? cluster_start(&v, from) : from, stop, want, &k);
        n = all ? cut(&k, UINT32_MAX, &clusters) : cut_unit(&k, least, want, &clusters);
        if (k.whole || n < k.n || cap > limit * 64 + 4096) break;
    }
    bool broken = k.bad && want->invalid == 0;
    t->windows += broken;
    if (broken || !n || clusters < least || leading_mark(&k, n)) {
        iml__arena_release(a, mark);
        return IML_OK;
    }
    IML_TRY(write_utf8(&k, n, a, t, e));
    t->clusters = clusters, t->dropped = k.bad;
    t->offset = v.base + k.from[0] + c->bom;
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
    bool none = false;
    for (int k = 0; k < (all && !made ? 1 : DRAWS) && !*found && !none; k++) {
        iml__corpus text = *corpus;
        if (made) {
            const char *p;
            IML_TRY(iml__pattern_draw(corpus->pattern, &g, a, &p, &text.n, e));
            text.p = (const uint8_t *)p;
        }
        IML_TRY(draw_once(&text, &g, all, least, want, a, t, found, &none, e));
        if (made) t->offset = t->bytes = 0;
        if (*found) IML_TRY(iml__text_rework(s, want, least, a, t, found, e));
    }
    t->corpus = ref->corpus, t->least = least;
    return IML_OK;
}
