// fontcover.c: which faces of the index can draw a text.
//
// A setter remembers, per code point it met, two bit rows over the faces: who was asked, who
// covers. Rows are filled for the faces that a question is about and not before: the proof of a
// character loads its outline (1-4 us), and a run meets a few hundred characters of the 60,000 that
// its faces have. The index's page bits spare the opening of faces that cannot have the character
// at all.
#include "src/synth/fontindex.h"

#include <string.h>

#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/synth/face.h"
#include "src/synth/fontindex_in.h"

typedef struct cover {
    uint64_t id;  // of the index
    size_t words; // of a row
    uint32_t n, cap;
    uint32_t *key; // open hash: code point + 1
    uint64_t *row; // cap x {asked[words], covers[words]}
} cover;

static void cover_free(void **p)
{
    cover *c = *p;
    if (!c) return;
    IML_FREE(c->key);
    IML_FREE(c->row);
    iml__free_(c);
    *p = NULL;
}

static uint32_t slot_of(const uint32_t *key, uint32_t cap, uint32_t cp)
{
    uint32_t h = cp * 2654435761u & (cap - 1);
    while (key[h] && key[h] != cp + 1) h = (h + 1) & (cap - 1);
    return h;
}

static iml_status grow(cover *c, iml_err *e)
{
    uint32_t cap = c->cap ? 2 * c->cap : 256, *key = iml__calloc(cap, sizeof *key);
    size_t one = 2 * c->words, n;
    uint64_t *row = iml__mul_overflow(cap, one, &n) ? NULL : iml__calloc(n, sizeof *row);
    if (!key || !row) {
        IML_FREE(key);
        IML_FREE(row);
        return IML_FAIL(e, IML_ENOMEM, "no memory for the coverage of %u characters", cap);
    }
    for (uint32_t i = 0; i < c->cap; i++) {
        if (!c->key[i]) continue;
        uint32_t h = slot_of(key, cap, c->key[i] - 1);
        key[h] = c->key[i];
        memcpy(row + h * one, c->row + i * one, one * sizeof *row);
    }
    IML_FREE(c->key);
    IML_FREE(c->row);
    c->key = key, c->row = row, c->cap = cap;
    return IML_OK;
}

// The rows of the setter for this index; another index's are thrown away.
static iml_status cover_of(const iml__fontindex *x, iml__setter *s, cover **out, iml_err *e)
{
    cover *c = s->cover;
    if (c && c->id != x->id) cover_free(&s->cover), c = NULL;
    if (!c) {
        if (!(c = iml__calloc(1, sizeof *c)))
            return IML_FAIL(e, IML_ENOMEM, "no memory for font coverage");
        c->id = x->id, c->words = iml__fontindex_words(x);
        s->cover = c, s->cover_free = cover_free;
    }
    *out = c;
    return IML_OK;
}

size_t iml__fontindex_words(const iml__fontindex *x) { return (x->nfont + 63) / 64; }

static bool has_page(const iml__font *f, uint32_t cp)
{
    return cp < 0x110000 && f->pages[cp >> 14] >> (cp >> 8 & 63) & 1;
}

// The rows of cp: who was asked, and behind it who covers.
static iml_status rows_of(cover *c, uint32_t cp, uint64_t **asked, iml_err *e)
{
    if (4 * (c->n + 1) > 3 * c->cap) IML_TRY(grow(c, e));
    uint32_t h = slot_of(c->key, c->cap, cp);
    if (!c->key[h]) c->key[h] = cp + 1, c->n++;
    *asked = c->row + 2 * c->words * h;
    return IML_OK;
}

// Whether face i covers cp; asks the face if nobody has yet.
static iml_status covers(const iml__fontindex *x, iml__setter *s, cover *c, size_t i, uint32_t cp,
                         bool *yes, iml_err *e)
{
    const iml__font *f = &x->font[i];
    uint64_t *asked, *has, bit = 1ull << (i & 63);
    *yes = true;
    if (iml__ucd_get(cp)->flags & IML__UCD_IGNORABLE) return IML_OK;
    *yes = false;
    IML_TRY(rows_of(c, cp, &asked, e));
    has = asked + c->words;
    if (!(asked[i / 64] & bit)) {
        if (has_page(f, cp)) {
            iml__fontfile *file;
            iml_status st = iml__setter_file(s, f->path, &f->stamp, f->index, &file, e);
            if (IML_FAILS(st) && st != IML_EINPUT) return st;
            if (st == IML_OK && iml__fontfile_covers(file, cp)) has[i / 64] |= bit;
        }
        asked[i / 64] |= bit;
    }
    *yes = (has[i / 64] & bit) != 0;
    return IML_OK;
}

static iml_status any_covers(const iml__fontindex *x, iml__setter *s, cover *c, const size_t *faces,
                             size_t n, uint32_t cp, bool *yes, iml_err *e)
{
    *yes = false;
    for (size_t i = 0; i < n && !*yes; i++) IML_TRY(covers(x, s, c, faces[i], cp, yes, e));
    return IML_OK;
}

// Takes from row every face that is known not to cover cp. *open: somebody in it is not asked yet.
static iml_status drop_known(const iml__fontindex *x, iml__setter *s, cover *c, uint32_t cp,
                             const size_t *common, size_t ncommon, uint64_t *row, bool *open,
                             iml_err *e)
{
    const iml__ucd_rec *r = iml__ucd_get(cp);
    uint64_t *asked, out = 0, unknown = 0;
    if (r->flags & IML__UCD_IGNORABLE) return IML_OK;
    IML_TRY(rows_of(c, cp, &asked, e));
    for (size_t k = 0; k < c->words; k++)
        out |= row[k] & asked[k] & ~asked[c->words + k], unknown |= row[k] & ~asked[k];
    *open |= unknown != 0;
    if (!out) return IML_OK;
    if (r->script == IML__SC_Zyyy || r->script == IML__SC_Zinh) {
        bool given;
        IML_TRY(any_covers(x, s, c, common, ncommon, cp, &given, e));
        if (given) return IML_OK;
        IML_TRY(rows_of(c, cp, &asked, e)); // they may have moved
    }
    for (size_t k = 0; k < c->words; k++) row[k] &= ~(asked[k] & ~asked[c->words + k]);
    return IML_OK;
}

iml_status iml__fontindex_cover(const iml__fontindex *x, iml__setter *s, const uint32_t *cp,
                                size_t n, const size_t *common, size_t ncommon, uint64_t *row,
                                iml_err *e)
{
    cover *c = NULL;
    bool open = false;
    IML_TRY(cover_of(x, s, &c, e));
    // All faces at once where they were asked before: after some pictures that is always so.
    for (size_t k = 0; k < n; k++)
        IML_TRY(drop_known(x, s, c, cp[k], common, ncommon, row, &open, e));
    if (!open) return IML_OK;
    for (size_t i = 0; i < x->nfont; i++) { // a face at a time: it may have to be opened
        if (!(row[i / 64] >> (i & 63) & 1)) continue;
        bool all = true;
        for (size_t k = 0; k < n && all; k++) {
            uint8_t script = iml__ucd_get(cp[k])->script;
            IML_TRY(covers(x, s, c, i, cp[k], &all, e));
            if (!all && (script == IML__SC_Zyyy || script == IML__SC_Zinh))
                IML_TRY(any_covers(x, s, c, common, ncommon, cp[k], &all, e));
        }
        if (!all) row[i / 64] &= ~(1ull << (i & 63));
        iml__setter_trim(s);
    }
    return IML_OK;
}

static bool set_mixed(const uint32_t *cp, size_t n, enum iml__lay_vertical v)
{
    for (size_t k = 0; k < n && v == IML__LAY_AUTO; k++) {
        const iml__ucd_rec *r = iml__ucd_get(cp[k]);
        bool common = r->script == IML__SC_Zyyy || r->script == IML__SC_Zinh;
        if (!common && (r->vo == IML__VO_U || r->vo == IML__VO_Tu)) return true;
    }
    return v == IML__LAY_MIXED;
}

static iml_status has_vert(const iml__fontindex *x, iml__setter *s, size_t i, uint32_t cp,
                           bool *yes, iml_err *e)
{
    iml__fontfile *file;
    const iml__font *f = &x->font[i];
    iml_status st = iml__setter_file(s, f->path, &f->stamp, f->index, &file, e);
    *yes = st == IML_OK && iml__fontfile_vert(file, s->proof, cp);
    return st == IML_EINPUT ? IML_OK : st;
}

iml_status iml__fontindex_cover_column(const iml__fontindex *x, iml__setter *s, const uint32_t *cp,
                                       size_t n, enum iml__lay_vertical vertical,
                                       const size_t *common, size_t ncommon, uint64_t *row,
                                       iml_err *e)
{
    if (!set_mixed(cp, n, vertical)) return IML_OK;
    for (size_t k = 0; k < n; k++) {
        uint8_t script = iml__ucd_get(cp[k])->script;
        bool given = false;
        if (!iml__lay_needs_vert(cp[k])) continue;
        for (size_t i = 0;
             i < ncommon && !given && (script == IML__SC_Zyyy || script == IML__SC_Zinh); i++)
            IML_TRY(has_vert(x, s, common[i], cp[k], &given, e));
        for (size_t i = 0; i < x->nfont && !given; i++) {
            bool yes = true;
            if (!(row[i / 64] >> (i & 63) & 1)) continue;
            IML_TRY(has_vert(x, s, i, cp[k], &yes, e));
            if (!yes) row[i / 64] &= ~(1ull << (i & 63));
        }
    }
    return IML_OK;
}

iml_status iml__fontindex_face(const iml__fontindex *x, size_t i, iml__setter *s, int32_t size,
                               iml__face **f, iml_err *e)
{
    iml__face_spec spec = {.path = x->font[i].path,
                           .stamp = x->font[i].stamp,
                           .index = x->font[i].index,
                           .size = size};
    return iml__setter_face(s, &spec, f, e);
}
