// coverage.c: an item's lines of the table, and what the files need to know of the job.
//
// A line is UNIT, tab, FACE, tab, times, pictures, faces that could: the key is the unit's text
// (tab, line ends and backslash escaped) and the number of the face in the job's index. A picture
// counts for the first face that drew the unit in it, so that pictures add up too. Lines with an
// empty unit count the pictures that a face took part in. Faces that could: usable faces that cover
// all characters of the unit, a property of the unit alone, so the largest is the one all agree on.
#include "src/synth/coverage.h"

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/synth/ucd.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { WHOLE = 1 << 20, STRETCHES = 64, STRETCH = 1 << 14, DRAWS = 256, SEEN_MAX = 1 << 20 };
enum { SET_WORDS = 0x110000 / 64 };

// ---- Faces that could

struct seen {
    uint64_t unit; // hash of its text; 0: free
    uint32_t could;
};

struct iml__coverage {
    struct seen *seen;
    uint32_t n, cap; // a power of two
    uint64_t *row;
};

void iml__coverage_free(iml__coverage **pc)
{
    iml__coverage *c = *pc;
    if (!c) return;
    IML_FREE(c->seen), IML_FREE(c->row);
    IML_FREE(*pc);
}

static struct seen *place_of(const iml__coverage *c, uint64_t unit)
{
    uint32_t k = (uint32_t)unit & (c->cap - 1);
    while (c->seen[k].unit && c->seen[k].unit != unit) k = (k + 1) & (c->cap - 1);
    return &c->seen[k];
}

static bool grow(iml__coverage *c)
{
    if (4 * (c->n + 1) <= 3 * c->cap) return true;
    uint32_t cap = c->cap ? 2 * c->cap : 256, old = c->cap;
    struct seen *was = c->seen, *more = iml__calloc(cap, sizeof *more);
    if (!more) return false;
    c->seen = more, c->cap = cap;
    if (old >= SEEN_MAX) old = 0, c->n = 0; // a vocabulary without end is not remembered for ever
    for (uint32_t k = 0; k < old; k++)
        if (was[k].unit) *place_of(c, was[k].unit) = was[k];
    IML_FREE(was);
    return true;
}

static iml_status count_faces(const iml__synth *s, iml__synth_worker *w, const char *text, size_t n,
                              iml_arena *a, uint32_t *could, iml_err *e)
{
    size_t words = iml__fontindex_words(s->fonts), faces = iml__fontindex_count(s->fonts), k = 0;
    uint32_t *cp = iml_arena_alloc(a, (n + 1) * sizeof *cp);
    if (!cp) return IML_FAIL(e, IML_ENOMEM, "no memory for coverage");
    for (size_t at = 0; at < n;) {
        utf8proc_int32_t v;
        utf8proc_ssize_t len =
            utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(n - at), &v);
        if (len <= 0) break; // it was drawn: never
        cp[k++] = (uint32_t)v, at += (size_t)len;
    }
    uint64_t *row = w->coverage->row;
    for (size_t i = 0; i < words; i++) row[i] = ~(uint64_t)0;
    if (faces % 64) row[words - 1] = ((uint64_t)1 << (faces % 64)) - 1;
    IML_TRY(iml__fontindex_cover(s->fonts, w->setter, cp, k, NULL, 0, row, e));
    *could = 0;
    for (size_t i = 0; i < words; i++) *could += (uint32_t)__builtin_popcountll(row[i]);
    return IML_OK;
}

static iml_status could_draw(const iml__synth *s, iml__synth_worker *w, const char *text, size_t n,
                             iml_arena *a, uint32_t *could, iml_err *e)
{
    iml__coverage *c = w->coverage;
    uint64_t unit = iml__xxh3(text, n) | 1;
    if (!grow(c)) return IML_FAIL(e, IML_ENOMEM, "no memory for coverage");
    struct seen *p = place_of(c, unit);
    if (!p->unit) {
        IML_TRY(count_faces(s, w, text, n, a, &p->could, e));
        p->unit = unit, c->n++;
    }
    *could = p->could;
    return IML_OK;
}

// ---- Lines

struct drawn {
    const char *text;
    uint32_t len, face; // face: of the index
    uint32_t place;     // in the picture
};

static int by_unit(const void *a, const void *b)
{
    const struct drawn *x = a, *y = b;
    int d = memcmp(x->text, y->text, IML_MIN(x->len, y->len));
    if (d || x->len != y->len) return d ? d : x->len < y->len ? -1 : 1;
    if (x->face != y->face) return x->face < y->face ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static void escaped(iml__str *o, const char *p, size_t n)
{
    bool plain = true;
    for (size_t k = 0; k < n; k++)
        plain &= p[k] != '\\' && p[k] != '\t' && p[k] != '\n' && p[k] != '\r';
    if (plain) iml__str_add(o, p, n);
    for (; n && !plain; p++, n--) switch (*p) {
        case '\t': iml__str_adds(o, "\\t"); break;
        case '\n': iml__str_adds(o, "\\n"); break;
        case '\r': iml__str_adds(o, "\\r"); break;
        case '\\': iml__str_adds(o, "\\\\"); break;
        default: iml__str_addc(o, *p);
        }
}

static void line(iml__str *o, const struct drawn *d, uint64_t times, unsigned pictures,
                 uint32_t could)
{
    const uint64_t numbers[] = {d->face, times, pictures, could};
    char text[32];
    if (d->len) escaped(o, d->text, d->len);
    for (size_t k = 0; k < IML_COUNT_OF(numbers); k++) {
        iml__str_addc(o, '\t');
        iml__str_add(o, text, iml__num_u64(text, numbers[k]));
    }
    iml__str_addc(o, '\n');
}

// Units with ink, and the faces that drew them.
static iml_status collect(const iml__labelled *l, struct drawn **out, size_t *n, iml_err *e)
{
    const iml__synth_item *it = l->item;
    struct drawn *d = iml_arena_alloc(l->out->a, ((size_t)it->block.nunits + 1) * sizeof *d);
    if (!d) return IML_FAIL(e, IML_ENOMEM, "no memory for coverage");
    *out = d, *n = 0;
    for (uint32_t k = 0; k < it->block.nlines; k++)
        for (uint32_t i = 0; i < it->block.lines[k].nunits; i++) {
            const iml__lay_unit *u = &it->block.lines[k].units[i];
            if (!it->out.lines[k].units[i].inked) continue;
            d[*n] = (struct drawn){it->text.utf8 + u->byte0, u->byte1 - u->byte0,
                                   (uint32_t)it->font[u->face], (uint32_t)*n};
            ++*n;
        }
    if (*n) qsort(d, *n, sizeof *d, by_unit);
    return IML_OK;
}

static iml_status unit_lines(const iml__labelled *l, iml__synth_worker *w, const struct drawn *d,
                             size_t n, iml_err *e)
{
    for (size_t k = 0, end; k < n; k = end) {
        uint32_t could, first = UINT32_MAX, face = 0;
        for (end = k;
             end < n && d[end].len == d[k].len && !memcmp(d[end].text, d[k].text, d[k].len); end++)
            if (d[end].place < first) first = d[end].place, face = d[end].face;
        IML_TRY(could_draw(l->s, w, d[k].text, d[k].len, l->out->a, &could, e));
        for (size_t i = k, to; i < end; i = to) {
            for (to = i; to < end && d[to].face == d[i].face;) to++;
            line(l->text, &d[i], to - i, d[i].face == face, could);
        }
    }
    return IML_OK;
}

static iml_status make(const iml__synth *s, iml__coverage **out, iml_err *e)
{
    iml__coverage *c = iml__calloc(1, sizeof *c);
    if (c) c->row = iml__calloc(iml__fontindex_words(s->fonts) + 1, sizeof *c->row);
    if (!c || !c->row) {
        IML_FREE(c);
        return IML_FAIL(e, IML_ENOMEM, "no memory for coverage");
    }
    *out = c;
    return IML_OK;
}

iml_status iml__coverage_add(const iml__labelled *l, iml__synth_worker *w, iml_err *e)
{
    struct drawn *d;
    size_t n;
    bool met[IML__FACES] = {false};
    if (!w->coverage) IML_TRY(make(l->s, &w->coverage, e));
    IML_TRY(collect(l, &d, &n, e));
    iml__str_clear(l->text);
    IML_TRY(unit_lines(l, w, d, n, e));
    for (size_t k = 0; k < n; k++)
        for (uint32_t f = 0; f < l->item->nfaces; f++) met[f] |= l->item->font[f] == d[k].face;
    for (uint32_t f = 0; f < l->item->nfaces; f++)
        if (met[f]) line(l->text, &(struct drawn){"", 0, (uint32_t)l->item->font[f], 0}, 0, 1, 0);
    return l->text->n ? iml__format_piece(l, "coverage", e) : IML_OK;
}

// ---- Characters that are asked for

static void ask(uint64_t *set, utf8proc_int32_t v)
{
    const iml__ucd_rec *r = iml__ucd_get((uint32_t)v);
    utf8proc_category_t k = utf8proc_category(v);
    if (r->flags & (IML__UCD_WHITE | IML__UCD_IGNORABLE)) return;
    if (k == UTF8PROC_CATEGORY_CN || k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CS) return;
    set[v / 64] |= (uint64_t)1 << (v % 64);
}

// What text_case and normalization may make of a character, in any of a specification's choices.
static void ask_as_drawn(const iml__spec *spec, uint64_t *set, utf8proc_int32_t v)
{
    const double *letters = spec->en[IML__E_text_case].weight,
                 *form = spec->en[IML__E_normalization].weight;
    utf8proc_int32_t as[3], parts[16];
    size_t n = 0;
    if (letters[IML__CASE_NONE] > 0) as[n++] = v;
    if (letters[IML__CASE_UPPER] > 0 || letters[IML__CASE_TITLE] > 0) as[n++] = utf8proc_toupper(v);
    if (letters[IML__CASE_LOWER] > 0 || letters[IML__CASE_TITLE] > 0) as[n++] = utf8proc_tolower(v);
    for (size_t k = 0; k < n; k++) {
        if (spec->chars && !iml__charset_allows(spec->chars, (uint32_t)as[k])) continue;
        if (form[IML__FORM_NONE] > 0 || form[IML__FORM_NFC] > 0) ask(set, as[k]);
        if (form[IML__FORM_NFD] <= 0) continue;
        int last = 0;
        utf8proc_ssize_t m =
            utf8proc_decompose_char(as[k], parts, 16, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &last);
        for (utf8proc_ssize_t i = 0; i < m && i < 16; i++) ask(set, parts[i]);
    }
}

static void ask_text(const iml__spec *spec, uint64_t *set, const uint8_t *p, size_t n)
{
    utf8proc_int32_t v;
    for (size_t at = 0; at < n;) {
        utf8proc_ssize_t len = utf8proc_iterate(p + at, (utf8proc_ssize_t)(n - at), &v);
        if (len > 0) ask_as_drawn(spec, set, v);
        at += len > 0 ? (size_t)len : 1; // cut by the stretch, or no UTF-8
    }
}

static iml_status ask_corpus(const iml__spec *spec, const iml__corpus *c, uint64_t *set,
                             iml_arena *a, iml_err *e)
{
    if (c->pattern) {
        for (uint64_t k = 0; k < DRAWS; k++) {
            const char *text;
            iml_rng g = iml_rng_at(0, k, iml_stream("synth.coverage"));
            size_t mark = iml__arena_mark(a), n;
            IML_TRY(iml__pattern_draw(c->pattern, &g, a, &text, &n, e));
            ask_text(spec, set, (const uint8_t *)text, n);
            iml__arena_release(a, mark);
        }
        return IML_OK;
    }
    if (c->p && c->n <= WHOLE) {
        ask_text(spec, set, c->p, c->n);
        return IML_OK;
    }
    for (uint64_t k = 0; k < STRETCHES; k++) { // a large corpus is not in memory
        uint8_t stretch[STRETCH];
        size_t n = iml__corpus_read(c, (c->n - STRETCH) / (STRETCHES - 1) * k, stretch, STRETCH);
        ask_text(spec, set, stretch, n);
    }
    return IML_OK;
}

static iml_status asked(iml__synth *s, uint64_t *set, iml_err *e)
{
    for (uint32_t k = 0; k < s->config->nspec; k++) {
        const iml__spec *spec = &s->config->spec[k];
        const uint64_t *only = spec->chars ? iml__charset_only(spec->chars) : NULL;
        for (uint32_t v = 0; only && v < 0x110000; v++)
            if (only[v / 64] >> (v % 64) & 1) ask_as_drawn(spec, set, (utf8proc_int32_t)v);
        for (uint32_t i = 0; !only && i < spec->ncorpora; i++)
            IML_TRY(ask_corpus(spec, &s->corpora->item[spec->corpus[i].corpus], set, &s->arena, e));
    }
    return IML_OK;
}

// ---- Declaring

static void write_font(iml__jsonw *w, const iml__font *f, bool usable)
{
    iml__jsonw_array(w);
    iml__jsonw_str(w, f->path), iml__jsonw_i64(w, f->index);
    if (usable)
        iml__jsonw_str(w, f->family), iml__jsonw_str(w, f->style);
    else
        iml__jsonw_str(w, f->reason);
    iml__jsonw_end(w);
}

static void write_context(const iml__synth *s, const uint64_t *set, iml__str *out)
{
    iml__jsonw w;
    iml__str text;
    iml__str_init(&text, 8 << 20);
    for (uint32_t v = 0; v < 0x110000; v++) {
        utf8proc_uint8_t b[4];
        if (!set[v / 64]) v |= 63;
        if (set[v / 64] >> (v % 64) & 1)
            iml__str_add(&text, b, (size_t)utf8proc_encode_char((utf8proc_int32_t)v, b));
    }
    iml__jsonw_init(&w, out, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "fonts"), iml__jsonw_array(&w);
    for (size_t i = 0; i < iml__fontindex_count(s->fonts); i++)
        write_font(&w, iml__fontindex_font(s->fonts, i), true);
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "rejected"), iml__jsonw_array(&w);
    for (size_t i = 0; i < iml__fontindex_bad_count(s->fonts); i++)
        write_font(&w, iml__fontindex_bad(s->fonts, i), false);
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "asked"), iml__jsonw_strn(&w, iml__str_text(&text), text.n);
    iml__jsonw_end(&w);
    if (text.failed) out->failed = text.failed;
    iml__str_free(&text);
}

static const iml_renderer renderers[] = {{"synth.coverage_tsv", iml__coverage_tsv},
                                         {"synth.coverage_json", iml__coverage_json},
                                         {"synth.fonts_tsv", iml__coverage_fonts}};
const struct iml__renderers iml__synth_renderers = {renderers, IML_COUNT_OF(renderers)};
static const char *const files[] = {"coverage.tsv", "coverage.json", "fonts.tsv"};

iml_status iml__coverage_declare(iml__synth *s, iml_err *e)
{
    iml_job *job = &s->job;
    uint64_t *set = iml__calloc(SET_WORDS, sizeof *set);
    size_t more = IML_COUNT_OF(files);
    iml_pieces *p = iml_arena_calloc(&s->arena, job->npieces + 1, sizeof *p);
    iml_aggregate *g = iml_arena_calloc(&s->arena, job->naggregates + more, sizeof *g);
    iml_status st = set && p && g ? asked(s, set, e) : IML_ENOMEM;
    if (!st) write_context(s, set, &s->context);
    IML_FREE(set);
    if (!st && s->context.failed) st = IML_ENOMEM;
    if (st == IML_ENOMEM) return IML_FAIL(e, st, "no memory for coverage");
    IML_TRY(st);
    if (job->npieces) memcpy(p, job->pieces, job->npieces * sizeof *p);
    if (job->naggregates) memcpy(g, job->aggregates, job->naggregates * sizeof *g);
    p[job->npieces++] = (iml_pieces){"coverage", NULL, "++^"};
    for (size_t k = 0; k < more; k++)
        g[job->naggregates++] = (iml_aggregate){.name = files[k],
                                                .table = "coverage",
                                                .render_name = renderers[k].name,
                                                .render = renderers[k].render};
    job->pieces = p, job->aggregates = g, job->appends = true;
    job->context_json = iml__str_text(&s->context);
    return IML_OK;
}
