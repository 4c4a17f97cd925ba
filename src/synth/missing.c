// missing.c: on_missing_glyph `skip` and `error` (synth.md 4.3): characters that no face draws.
//
// skip: the face is chosen by the first character of a script that any face draws; clusters that
// neither it nor, for Common characters, a fallback draws are left out of the text, and counted.
// error: every character of the corpora is asked for before the first item; what is found is a
// complaint. Of a corpus over 256 MB only that much is looked at: an item that meets such a text
// later is bad.
#include "src/synth/missing.h"

#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/synth/ucd.h"
#include "src/synth/uax.h"

#include <string.h>
#include <utf8proc.h>

enum { SCAN = 256 << 20, NAMED = 3 };

static bool of_a_script(uint32_t cp)
{
    uint8_t script = iml__ucd_get(cp)->script;
    return script != IML__SC_Zyyy && script != IML__SC_Zinh;
}

static bool any(const uint64_t *row, size_t words)
{
    uint64_t bits = 0;
    for (size_t k = 0; k < words; k++) bits |= row[k];
    return bits != 0;
}

iml_status iml__missing_faces(const iml__synth *s, uint32_t spec, iml__setter *set,
                              const uint32_t *cp, size_t n, uint64_t *row, iml_err *e)
{
    const iml__synth_spec *own = &s->spec[spec];
    size_t words = iml__fontindex_words(s->fonts);
    for (int pass = 0; pass < 2; pass++) // its own script first, then anything
        for (size_t i = 0; i < n; i++) {
            if (of_a_script(cp[i]) != !pass) continue;
            memcpy(row, own->row, words * sizeof *row);
            IML_TRY(iml__fontindex_cover(s->fonts, set, cp + i, 1, own->fallback, own->nfallback,
                                         row, e));
            if (any(row, words)) return IML_OK;
        }
    memset(row, 0, words * sizeof *row);
    return IML_OK;
}

iml_status iml__missing_skip(const iml__synth *s, const iml__item_plan *p, iml__setter *set,
                             size_t face, iml__text *t, iml_arena *a, bool *fine, iml_err *e)
{
    const iml__synth_spec *own = &s->spec[p->spec];
    size_t words = iml__fontindex_words(s->fonts), n = 0;
    uint32_t *cp = iml_arena_alloc(a, ((size_t)t->len + 1) * sizeof *cp), clusters = 0, dropped = 0;
    uint8_t *start = iml_arena_calloc(a, (size_t)t->len + 1, 1);
    uint8_t *drop = iml_arena_calloc(a, (size_t)t->len + 1, 1);
    uint64_t *row = iml_arena_alloc(a, words * sizeof *row);
    if (!cp || !start || !drop || !row) return IML_FAIL(e, IML_ENOMEM, "no memory for a text");
    for (uint32_t at = 0; at < t->len;) {
        utf8proc_int32_t v;
        utf8proc_ssize_t len =
            utf8proc_iterate((const utf8proc_uint8_t *)t->utf8 + at, t->len - at, &v);
        if (len <= 0) break; // iml__text_draw wrote it: never
        cp[n++] = (uint32_t)v, at += (uint32_t)len;
    }
    iml__lay_graphemes(cp, (uint32_t)n, start);
    for (size_t i = 0, end; i < n; i = end, clusters++) {
        for (end = i + 1; end < n && !(start[end] & 1);) end++;
        memset(row, 0, words * sizeof *row);
        row[face / 64] = (uint64_t)1 << (face % 64);
        IML_TRY(iml__fontindex_cover(s->fonts, set, cp + i, end - i, own->fallback, own->nfallback,
                                     row, e));
        if (p->en[IML__E_text_direction] == IML__DIR_TTB)
            IML_TRY(iml__fontindex_cover_column(
                s->fonts, set, cp + i, end - i,
                (enum iml__lay_vertical)p->en[IML__E_vertical_orientation], own->fallback,
                own->nfallback, row, e));
        drop[clusters] = !any(row, words);
        dropped += drop[clusters];
    }
    t->skipped = dropped, *fine = true;
    return dropped ? iml__text_leave_out(drop, clusters, t->least, a, t, fine, e) : IML_OK;
}

// ---- Before the first item

typedef struct looker {
    iml__synth *s;
    iml__setter *set;
    uint64_t *seen; // bit per code point, of this specification
    uint64_t *row;
    uint32_t found;
    iml__complaints *talk;
} looker;

static iml_status look_at(looker *l, uint32_t spec, uint32_t cp, const iml__corpus *c, size_t at,
                          iml_err *e)
{
    iml__synth *s = l->s;
    const iml__synth_spec *own = &s->spec[spec];
    size_t words = iml__fontindex_words(s->fonts);
    if (l->seen[cp / 64] >> (cp % 64) & 1) return IML_OK;
    l->seen[cp / 64] |= (uint64_t)1 << (cp % 64);
    if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || cp == 0xAD || cp == 0xFEFF) return IML_OK;
    memcpy(l->row, own->row, words * sizeof *l->row);
    IML_TRY(
        iml__fontindex_cover(s->fonts, l->set, &cp, 1, own->fallback, own->nfallback, l->row, e));
    if (any(l->row, words)) return IML_OK;
    char text[8] = "";
    text[utf8proc_encode_char((utf8proc_int32_t)cp, (utf8proc_uint8_t *)text)] = 0;
    if (l->found++ < NAMED)
        iml__yaml_complain(l->talk, s->config->spec[spec].at,
                           "specification '%s': no face draws U+%04X (%s), %s at byte %zu; give a "
                           "font that does, or another on_missing_glyph",
                           s->config->spec[spec].name, (unsigned)cp, text, c->name, at + c->bom);
    return IML_OK;
}

static iml_status look_at_all(looker *l, uint32_t spec, const iml__corpus *c, iml_err *e)
{
    enum { PIECE = 1 << 16 };
    uint8_t piece[PIECE];
    size_t end = IML_MIN(c->n, (size_t)SCAN), n;
    for (size_t from = 0; from < end; from += n) {
        size_t got = iml__corpus_read(c, from, piece, IML_MIN(end - from, (size_t)PIECE));
        for (n = 0; n < got;) {
            utf8proc_int32_t v;
            if (got - n < 4 && from + got < end) break; // a character that the next piece has whole
            utf8proc_ssize_t len =
                utf8proc_iterate(piece + n, (utf8proc_ssize_t)IML_MIN(got - n, (size_t)4), &v);
            if (len > 0) IML_TRY(look_at(l, spec, (uint32_t)v, c, from + n, e));
            n += len > 0 ? (size_t)len : 1;
        }
        if (!n) break; // it cannot be read any more: items will tell
    }
    return IML_OK;
}

static iml_status look_through(looker *l, uint32_t spec, iml_err *e)
{
    const iml__spec *x = &l->s->config->spec[spec];
    l->found = 0;
    memset(l->seen, 0, 0x110000 / 8);
    for (uint32_t k = 0; k < x->ncorpora; k++) {
        const iml__corpus *c = &l->s->corpora->item[x->corpus[k].corpus];
        if (c->kind == IML__CORPUS_PATTERN) continue; // its texts are drawn again
        IML_TRY(look_at_all(l, spec, c, e));
    }
    if (l->found > NAMED)
        iml__yaml_complain(l->talk, x->at, "specification '%s': %u characters more", x->name,
                           l->found - NAMED);
    return IML_OK;
}

static bool asked_for(const iml__synth *s, uint32_t spec)
{
    return s->config->spec[spec].en[IML__E_on_missing_glyph].weight[IML__MISSING_ERROR] > 0;
}

static iml_status open_looker(looker *l, iml_err *e)
{
    IML_TRY(iml__setter_new(&l->set, 0, e));
    l->seen = iml__calloc(0x110000 / 64, sizeof *l->seen);
    l->row = iml__calloc(iml__fontindex_words(l->s->fonts), sizeof *l->row);
    return l->seen && l->row ? IML_OK : IML_FAIL(e, IML_ENOMEM, "no memory to look at the corpora");
}

static void close_looker(looker *l)
{
    IML_FREE(l->seen);
    IML_FREE(l->row);
    iml__setter_free(&l->set);
}

iml_status iml__missing_check(iml__synth *s, iml__complaints *talk, iml_err *e)
{
    looker l = {.s = s, .talk = talk};
    bool asked = false;
    for (uint32_t k = 0; k < s->config->nspec; k++) asked |= asked_for(s, k);
    if (!asked) return IML_OK;
    iml_status st = open_looker(&l, e);
    for (uint32_t k = 0; !st && k < s->config->nspec; k++)
        if (asked_for(s, k)) st = look_through(&l, k, e);
    close_looker(&l);
    return st;
}

// ---- Patterns

static iml_status some_face_draws(void *user, uint32_t cp, bool *yes, iml_err *e)
{
    looker *l = user;
    size_t words = iml__fontindex_words(l->s->fonts);
    const uint64_t *own = l->s->spec[l->found].row;
    *yes = false;
    for (size_t k = 0; k < words && !*yes; k++) { // 64 faces at a time: the first are mostly enough
        memset(l->row, 0, words * sizeof *l->row);
        l->row[k] = own[k];
        IML_TRY(iml__fontindex_cover(l->s->fonts, l->set, &cp, 1, NULL, 0, l->row, e));
        *yes = any(l->row, words);
    }
    return IML_OK;
}

iml_status iml__missing_patterns(iml__synth *s, iml__complaints *talk, iml_err *e)
{
    looker l = {.s = s, .talk = talk};
    iml_status st = IML_OK;
    for (uint32_t k = 0; !st && k < s->config->nspec; k++)
        for (uint32_t i = 0; !st && i < s->config->spec[k].ncorpora; i++) {
            const iml__corpus_ref *r = &s->config->spec[k].corpus[i];
            iml_err why;
            if (r->kind != IML__CORPUS_PATTERN) continue;
            if (!l.set) st = open_looker(&l, e);
            l.found = k;
            if (!st)
                st = iml__pattern_keep(s->corpora->item[r->corpus].pattern, &s->arena,
                                       some_face_draws, &l, &why);
            if (st != IML_EARG) continue;
            iml__yaml_complain(talk, r->at, "specification '%s': pattern '%.*s': %s",
                               s->config->spec[k].name, iml__utf8_head(r->name, 40), r->name,
                               why.msg);
            st = IML_OK;
        }
    if (l.set) close_looker(&l);
    return st;
}
