// face.c: one face of a font file, what it covers (proved, not believed), and the face at a size.
//
// 1. A character counts as covered if the cmap maps it to a glyph that is not 0, has ink unless it
// is
//    white space, and does not equal .notdef's outline. Default-ignorable characters need no glyph.
// 2. A vertical form is believed only if its ink has the size of the character's own, turned for
// Tr.
//    (The vert of one widespread face has wrong glyph numbers and draws ideographs for brackets;
//    nothing else shows it.) One wrong form among five witnesses condemns the feature.
// 3. Proofs are made at font units and default axes, so they do not depend on who asked first.
// FreeType and HarfBuzz read the same mapped bytes. A font file is foreign: whatever they refuse is
// the file's fault (IML_EINPUT) unless memory ran out.
#include "src/synth/face.h"

#include <hb-ot.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include FT_MULTIPLE_MASTERS_H
#include FT_OUTLINE_H
#include FT_TRUETYPE_TABLES_H

#include "src/base/err.h"
#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/io/vfs.h"

enum { FILE_MAX = 256 << 20, GLYPHS_MAX = 65536 };
enum { COVERED = 1, NOT_COVERED = 2, VERT = 4, NO_VERT = 8 };

iml_status iml__font_blob(const char *path, hb_blob_t **blob, iml_err *e)
{
    struct stat st;
    // Looked at before it is opened: opening a FIFO would wait for ever.
    if (iml__fstatat(AT_FDCWD, path, &st, 0))
        return IML_FAIL_SYS(e, IML_EINPUT, errno, "%s: cannot be read", path);
    if (!S_ISREG(st.st_mode)) return IML_FAIL(e, IML_EINPUT, "%s: not a regular file", path);
    if (st.st_size < 12 || st.st_size > FILE_MAX)
        return IML_FAIL(e, IML_EINPUT, "%s: %lld bytes; a font has 12 bytes to 256 MB", path,
                        (long long)st.st_size);
    *blob = hb_blob_create_from_file_or_fail(path);
    if (!*blob) return IML_FAIL(e, IML_EINPUT, "%s: cannot be read", path);
    return IML_OK;
}

void iml__fontfile_close(iml__fontfile **pf)
{
    iml__fontfile *f = *pf;
    if (!f) return;
    if (f->ft) FT_Done_Face(f->ft);
    hb_set_destroy(f->vert);
    hb_font_destroy(f->units);
    hb_face_destroy(f->hb);
    hb_blob_destroy(f->blob);
    IML_FREE(f->seen);
    IML_FREE(f->notdef);
    IML_FREE(f->path);
    IML_FREE(*pf);
}

static iml_status judge(iml__fontfile *f, iml_err *e)
{
    FT_Face ft = f->ft;
    bool layers = hb_ot_color_has_layers(f->hb),
         strikes = FT_HAS_COLOR(ft) && ft->num_fixed_sizes > 0;
    if (!FT_IS_SFNT(ft)) return IML_FAIL(e, IML_EINPUT, "%s: not TrueType or OpenType", f->path);
    if (!FT_IS_SCALABLE(ft) && !strikes)
        return IML_FAIL(e, IML_EINPUT, "%s: has bitmaps only", f->path);
    if (ft->num_glyphs < 2 || ft->num_glyphs > GLYPHS_MAX)
        return IML_FAIL(e, IML_EINPUT, "%s: has %ld glyphs", f->path, ft->num_glyphs);
    unsigned upem = hb_face_get_upem(f->hb);
    if (upem < 16 || upem > 16384)
        return IML_FAIL(e, IML_EINPUT, "%s: %u units in the em", f->path, upem);
    if (hb_face_get_glyph_count(f->hb) == 0)
        return IML_FAIL(e, IML_EINPUT, "%s: HarfBuzz finds no glyphs", f->path);
    f->colour = strikes ? IML__COLOUR_STRIKES : layers ? IML__COLOUR_LAYERS : IML__COLOUR_NONE;
    return IML_OK;
}

// Not asked for later: a proof has no way to say that memory ran out.
static iml_status load_notdef(iml__fontfile *f, iml_err *e)
{
    if (!FT_IS_SCALABLE(f->ft) || FT_Load_Glyph(f->ft, 0, FT_LOAD_NO_SCALE | FT_LOAD_NO_BITMAP))
        return IML_OK;
    const FT_Outline *o = &f->ft->glyph->outline;
    if (o->n_points <= 0) return IML_OK;
    f->notdef = iml__alloc((size_t)o->n_points * sizeof *f->notdef);
    if (!f->notdef) return IML_FAIL(e, IML_ENOMEM, "%s: no memory for the font", f->path);
    memcpy(f->notdef, o->points, (size_t)o->n_points * sizeof *f->notdef);
    f->nnotdef = o->n_points;
    return IML_OK;
}

iml_status iml__fontfile_open(FT_Library ft, hb_blob_t *blob, const char *path, int32_t index,
                              iml__fontfile **out, int32_t *nfaces, iml_err *e)
{
    iml_status st;
    unsigned n, faces = hb_face_count(blob);
    const char *data = hb_blob_get_data(blob, &n);
    if (nfaces) *nfaces = faces > 1 ? (int32_t)IML_MIN(faces, 4096u) : 1;
    iml__fontfile *f = iml__calloc(1, sizeof *f);
    *out = NULL;
    if (!f) {
        hb_blob_destroy(blob);
        return IML_FAIL(e, IML_ENOMEM, "%s: no memory for the font", path);
    }
    f->blob = blob, f->index = index;
    if (!(f->path = iml__strdup(path))) {
        st = IML_FAIL(e, IML_ENOMEM, "%s: no memory for the font", path);
        goto done;
    }
    FT_Error error = FT_New_Memory_Face(ft, (const FT_Byte *)data, (FT_Long)n, index, &f->ft);
    if (error) {
        st = IML_FAIL(e, error == FT_Err_Out_Of_Memory ? IML_ENOMEM : IML_EINPUT,
                      "%s: FreeType refuses it (error 0x%02x)", path, (unsigned)error);
        goto done;
    }
    f->hb = hb_face_create(blob, (unsigned)index);
    f->units = hb_font_create(f->hb);
    f->vert = hb_set_create();
    if (IML_FAILS(st = judge(f, e)) || IML_FAILS(st = load_notdef(f, e))) goto done;
    hb_face_make_immutable(f->hb);
    *out = f, f = NULL;
    st = IML_OK;
done:
    iml__fontfile_close(&f);
    return st;
}

// ---- Coverage

// Proofs are asked for again and again; 0 cannot stand for a code point's entry since a state is
// set.
static uint32_t *seen_at(iml__fontfile *f, uint32_t cp)
{
    if (4 * (f->seen_n + 1) > 3 * f->seen_cap) {
        uint32_t cap = f->seen_cap ? 2 * f->seen_cap : 256,
                 *grown = iml__calloc(cap, sizeof *grown);
        if (!grown) return NULL;
        for (uint32_t i = 0; i < f->seen_cap; i++) {
            if (!f->seen[i]) continue;
            uint32_t h = (f->seen[i] >> 8) * 2654435761u & (cap - 1);
            while (grown[h]) h = (h + 1) & (cap - 1);
            grown[h] = f->seen[i];
        }
        IML_FREE(f->seen);
        f->seen = grown, f->seen_cap = cap;
    }
    uint32_t h = cp * 2654435761u & (f->seen_cap - 1);
    while (f->seen[h] && f->seen[h] >> 8 != cp) h = (h + 1) & (f->seen_cap - 1);
    return &f->seen[h];
}

static void mark_seen(iml__fontfile *f, uint32_t cp, uint32_t state)
{
    uint32_t *at = seen_at(f, cp);
    if (!at) return; // no memory: asked anew the next time
    f->seen_n += !*at;
    *at |= cp << 8 | state;
}

static void default_axes(iml__fontfile *f)
{
    if (!f->varied) return;
    (void)FT_Set_Var_Design_Coordinates(f->ft, 0, NULL);
    f->varied = false;
    f->active = NULL;
}

static bool equals_notdef(iml__fontfile *f, const FT_Outline *o)
{
    return f->nnotdef == o->n_points &&
           !memcmp(f->notdef, o->points, (size_t)o->n_points * sizeof *o->points);
}

static bool has_picture(iml__fontfile *f, hb_codepoint_t gid)
{
    // No decoding: a picture that is there and not empty will do.
    hb_blob_t *png = hb_ot_color_glyph_reference_png(f->units, gid);
    bool ink = hb_blob_get_length(png) > 0;
    hb_blob_destroy(png);
    return ink;
}

static bool covers(iml__fontfile *f, uint32_t cp)
{
    uint8_t flags = iml__ucd_get(cp)->flags;
    hb_codepoint_t gid;
    if (flags & IML__UCD_IGNORABLE) return true;
    if (!hb_font_get_nominal_glyph(f->units, cp, &gid) || !gid) return false;
    if (flags & IML__UCD_WHITE) return true;
    if (f->colour == IML__COLOUR_STRIKES) return has_picture(f, gid);
    if (f->colour == IML__COLOUR_LAYERS &&
        hb_ot_color_glyph_get_layers(f->hb, gid, 0, NULL, NULL) > 0)
        return true;
    default_axes(f);
    if (FT_Load_Glyph(f->ft, gid, FT_LOAD_NO_SCALE | FT_LOAD_NO_BITMAP)) return false;
    return f->ft->glyph->outline.n_points >= 3 && !equals_notdef(f, &f->ft->glyph->outline);
}

bool iml__fontfile_covers(iml__fontfile *f, uint32_t cp)
{
    uint32_t *at = seen_at(f, cp);
    if (at && *at & (COVERED | NOT_COVERED)) return *at & COVERED;
    bool yes = covers(f, cp);
    mark_seen(f, cp, yes ? COVERED : NOT_COVERED);
    return yes;
}

// ---- Vertical forms

static bool near(int a, int b, int most) { return abs(abs(a) - abs(b)) <= most; }

static bool vertical_form(iml__fontfile *f, hb_buffer_t *b, uint32_t cp)
{
    hb_codepoint_t gid, lookup = HB_SET_VALUE_INVALID, form;
    hb_glyph_extents_t x, y;
    bool found = false, turned = iml__ucd_get(cp)->vo == IML__VO_Tr;
    if (!hb_font_get_nominal_glyph(f->units, cp, &gid)) return false;
    while (!found && hb_set_next(f->vert, &lookup))
        found = hb_ot_layout_lookup_would_substitute(f->hb, lookup, &gid, 1, true);
    if (!found) return false;
    hb_buffer_clear_contents(b);
    hb_buffer_add_codepoints(b, &cp, 1, 0, 1);
    hb_buffer_set_direction(b, HB_DIRECTION_TTB);
    hb_buffer_set_script(b, HB_SCRIPT_HAN);
    hb_shape(f->units, b, NULL, 0);
    form = hb_buffer_get_length(b) == 1 ? hb_buffer_get_glyph_infos(b, NULL)->codepoint : 0;
    if (!form || form == gid || !hb_font_get_glyph_extents(f->units, gid, &x) ||
        !hb_font_get_glyph_extents(f->units, form, &y))
        return false;
    int most = (int)hb_face_get_upem(f->hb) / 4;
    return near(x.width, turned ? y.height : y.width, most) &&
           near(x.height, turned ? y.width : y.height, most);
}

bool iml__fontfile_vert(iml__fontfile *f, hb_buffer_t *proof, uint32_t cp)
{
    static const uint32_t witness[] = {0x3001, 0x3002, 0x300C, 0x300D, 0x30FC};
    if (!f->vert_proved) { // not at the opening: it is a third of what opening a font costs
        hb_tag_t vert[] = {HB_TAG('v', 'e', 'r', 't'), HB_TAG_NONE};
        hb_ot_layout_collect_lookups(f->hb, HB_OT_TAG_GSUB, NULL, NULL, vert, f->vert);
        f->vert_proved = hb_set_is_empty(f->vert) ? 2 : 1;
        for (size_t i = 0; i < IML_COUNT_OF(witness) && f->vert_proved == 1; i++)
            if (iml__fontfile_covers(f, witness[i]) && !vertical_form(f, proof, witness[i]))
                f->vert_proved = 2;
    }
    if (f->vert_proved == 2 || !iml__fontfile_covers(f, cp)) return false;
    uint32_t *at = seen_at(f, cp);
    if (at && *at & (VERT | NO_VERT)) return *at & VERT;
    bool yes = vertical_form(f, proof, cp);
    mark_seen(f, cp, yes ? VERT : NO_VERT);
    return yes;
}

bool iml__face_covers(iml__face *f, uint32_t cp) { return iml__fontfile_covers(f->file, cp); }
bool iml__face_vert(iml__face *f, uint32_t cp)
{
    return iml__fontfile_vert(f->file, f->setter->proof, cp);
}
bool iml__face_colour(const iml__face *f) { return f->file->colour != IML__COLOUR_NONE; }

// ---- A face at a size

iml_status iml__face_activate(iml__face *f, iml_err *e)
{
    iml__fontfile *file = f->file;
    if (file->active == f) return IML_OK;
    FT_Error error = 0;
    if (f->ncoords)
        file->varied = true, error = FT_Set_Var_Design_Coordinates(file->ft, f->ncoords, f->coord);
    else
        default_axes(file);
    file->active = NULL;
    if (!error)
        error = file->colour == IML__COLOUR_STRIKES
                    ? FT_Select_Size(file->ft, f->strike)
                    : FT_Set_Pixel_Sizes(file->ft, 0, (FT_UInt)f->spec.size);
    if (error)
        return IML_FAIL(e, error == FT_Err_Out_Of_Memory ? IML_ENOMEM : IML_EINPUT,
                        "%s: cannot be set to %d px (FreeType error 0x%02x)", file->path,
                        f->spec.size, (unsigned)error);
    file->active = f;
    return IML_OK;
}

static int32_t scaled(const iml__face *f, double units)
{
    double em = hb_face_get_upem(f->file->hb);
    return (int32_t)floor(units * f->spec.size * 64 / em + 0.5);
}

static void measure(iml__face *f)
{
    const TT_OS2 *os2 = FT_Get_Sfnt_Table(f->file->ft, FT_SFNT_OS2);
    const TT_HoriHeader *hhea = FT_Get_Sfnt_Table(f->file->ft, FT_SFNT_HHEA);
    const TT_VertHeader *vhea = FT_Get_Sfnt_Table(f->file->ft, FT_SFNT_VHEA);
    int up = hhea ? hhea->Ascender : 0, down = hhea ? hhea->Descender : 0,
        em = (int)hb_face_get_upem(f->file->hb);
    if (os2 && os2->version != 0xFFFF && (os2->fsSelection & 128 || (!up && !down)))
        up = os2->sTypoAscender, down = os2->sTypoDescender;
    if (up - down <= 0 || up - down > 8 * em) // a lie: four fifths and one fifth of the em
        up = em * 4 / 5, down = -em / 5;
    f->ascent = scaled(f, up), f->descent = scaled(f, down);
    int column = vhea ? vhea->Ascender - vhea->Descender : 0;
    f->column = column > 0 && column <= 8 * em ? scaled(f, column) : 0;
}

// The smallest strike that is not smaller than asked, else the largest.
static void choose_strike(iml__face *f)
{
    const FT_Face ft = f->file->ft;
    FT_Pos best = 0, want = f->spec.size * 64;
    for (int i = 0; i < ft->num_fixed_sizes; i++) {
        FT_Pos have = ft->available_sizes[i].y_ppem;
        if (have <= 0) continue;
        bool better =
            !best || (have >= want ? best < want || have < best : best < want && have > best);
        if (better) best = have, f->strike = i;
    }
    f->colour_scale = best ? f->spec.size * 64.0 / (double)best : 1;
}

static hb_position_t bold_advance(hb_font_t *font, void *data, hb_codepoint_t gid, void *user)
{
    const iml__face *f = data;
    (void)user;
    hb_position_t adv = hb_font_get_glyph_h_advance(hb_font_get_parent(font), gid);
    return adv > 0 ? adv + f->bold : adv; // marks keep advance 0
}

static hb_position_t bold_advance_down(hb_font_t *font, void *data, hb_codepoint_t gid, void *user)
{
    const iml__face *f = data;
    (void)user;
    hb_position_t adv = hb_font_get_glyph_v_advance(hb_font_get_parent(font), gid);
    return adv < 0 ? adv - f->bold : adv;
}

// HarfBuzz has to know the grown advances itself: it places marks by them.
static bool embolden(iml__face *f)
{
    hb_font_t *sub = hb_font_create_sub_font(f->hb);
    hb_font_funcs_t *fn = hb_font_funcs_create();
    hb_font_funcs_set_glyph_h_advance_func(fn, bold_advance, NULL, NULL);
    hb_font_funcs_set_glyph_v_advance_func(fn, bold_advance_down, NULL, NULL);
    hb_font_set_funcs(sub, fn, f, NULL);
    hb_font_funcs_destroy(fn);
    hb_font_destroy(f->hb);
    f->hb = sub;
    return sub != hb_font_get_empty();
}

static iml_status set_axes(iml__face *f, iml_err *e)
{
    const iml__face_spec *spec = &f->spec;
    FT_MM_Var *mm = NULL;
    if (!spec->naxes) return IML_OK;
    if (spec->naxes > IML__AXES_MAX || FT_Get_MM_Var(f->file->ft, &mm) ||
        mm->num_axis > IML__COORDS_MAX) {
        if (mm) FT_Done_MM_Var(f->file->ft->glyph->library, mm);
        return IML_FAIL(e, IML_EINPUT, "%s: is not a variable font", f->file->path);
    }
    hb_variation_t v[IML__AXES_MAX];
    f->ncoords = mm->num_axis;
    for (uint32_t i = 0; i < mm->num_axis; i++) f->coord[i] = mm->axis[i].def;
    for (uint32_t k = 0; k < spec->naxes; k++) {
        v[k] = (hb_variation_t){spec->axis[k].tag, spec->axis[k].value};
        for (uint32_t i = 0; i < mm->num_axis; i++)
            if (mm->axis[i].tag == spec->axis[k].tag) {
                FT_Fixed want = (FT_Fixed)floor((double)spec->axis[k].value * 65536 + 0.5);
                f->coord[i] = IML_CLAMP(want, mm->axis[i].minimum, mm->axis[i].maximum);
            }
    }
    FT_Done_MM_Var(f->file->ft->glyph->library, mm);
    hb_font_set_variations(f->hb, v, spec->naxes);
    return IML_OK;
}

static void face_close(iml__face **pf)
{
    iml__face *f = *pf;
    if (!f) return;
    if (f->file->active == f) f->file->active = NULL;
    f->file->users--;
    hb_font_destroy(f->hb);
    IML_FREE(*pf);
}

static iml_status face_open(iml__setter *s, const iml__face_spec *spec, iml__face **out, iml_err *e)
{
    iml__fontfile *file;
    iml_status st;
    IML_TRY(iml__setter_file(s, spec->path, &spec->stamp, spec->index, &file, e));
    iml__face *f = iml__calloc(1, sizeof *f);
    if (!f) return IML_FAIL(e, IML_ENOMEM, "%s: no memory for the face", spec->path);
    f->spec = *spec, f->spec.path = file->path;
    f->file = file, f->setter = s, f->serial = ++s->serial;
    file->users++;
    f->hb = hb_font_create(file->hb);
    hb_font_set_scale(f->hb, spec->size * 64, spec->size * 64);
    if (IML_FAILS(st = set_axes(f, e))) goto done;
    f->bold = (int32_t)floor(spec->bold * spec->size * 64 + 0.5);
    f->border = (int32_t)floor(spec->border * 64 + 0.5);
    if (spec->oblique != 0) {
        double slant = iml__tan(spec->oblique * IML__DEG);
        f->slant = (FT_Fixed)floor(slant * 65536 + 0.5);
        hb_font_set_synthetic_slant(f->hb, (float)slant);
    }
    if (f->bold && !embolden(f)) {
        st = IML_FAIL(e, IML_ENOMEM, "%s: no memory for the face", spec->path);
        goto done;
    }
    measure(f);
    if (file->colour == IML__COLOUR_STRIKES) choose_strike(f);
    if (IML_FAILS(st = iml__face_activate(f, e))) goto done;
    *out = f, f = NULL;
done:
    face_close(&f);
    return st;
}

static uint32_t hash_of(const iml__face_spec *s) // FNV-1a; bold and the like are left to same_spec
{
    uint32_t h = 2166136261u ^ (uint32_t)s->size * 31 ^ (uint32_t)s->index;
    for (const char *p = s->path; *p; p++) h = (h ^ (uint8_t)*p) * 16777619u;
    return h;
}

static bool same_spec(const iml__face_spec *a, const iml__face_spec *b)
{
    bool same = a->index == b->index && a->size == b->size && a->naxes == b->naxes &&
                iml__same_double(a->bold, b->bold) && iml__same_double(a->oblique, b->oblique) &&
                iml__same_double(a->border, b->border) && !strcmp(a->path, b->path);
    for (uint32_t i = 0; same && i < a->naxes; i++)
        same = a->axis[i].tag == b->axis[i].tag &&
               iml__same_double((double)a->axis[i].value, (double)b->axis[i].value);
    return same;
}

iml_status iml__setter_face(iml__setter *s, const iml__face_spec *spec, iml__face **f, iml_err *e)
{
    uint32_t hash = hash_of(spec);
    *f = NULL;
    if (spec->size < 1 || spec->size > 4000 || !(spec->bold >= 0 && spec->bold <= 1) ||
        !(spec->oblique >= -80 && spec->oblique <= 80) ||
        !(spec->border >= 0 && spec->border <= 1000))
        return IML_FAIL(e, IML_EARG, "%s: size, bold, oblique or border is out of range",
                        spec->path);
    for (uint32_t i = s->nfaces; i-- > 0;) // the latest are asked for most
        if (s->faces[i]->hash == hash && same_spec(&s->faces[i]->spec, spec)) {
            *f = s->faces[i];
            return IML_OK;
        }
    if (s->nfaces == s->cap_faces) {
        uint32_t cap = s->cap_faces ? 2 * s->cap_faces : 64;
        iml__face **grown = iml__realloc(s->faces, cap, sizeof(iml__face *));
        if (!grown) return IML_FAIL(e, IML_ENOMEM, "no memory for %u faces", cap);
        s->faces = grown, s->cap_faces = cap;
    }
    IML_TRY(face_open(s, spec, f, e));
    (*f)->hash = hash;
    s->faces[s->nfaces++] = *f;
    return IML_OK;
}

void iml__face_metrics(const iml__face *f, iml__face_lines *m)
{
    const TT_OS2 *os2 = FT_Get_Sfnt_Table(f->file->ft, FT_SFNT_OS2);
    const TT_Postscript *post = FT_Get_Sfnt_Table(f->file->ft, FT_SFNT_POST);
    double k = f->spec.size / (double)hb_face_get_upem(f->file->hb);
    *m = (iml__face_lines){.ascent = f->ascent / 64.0, .descent = f->descent / 64.0};
    m->underline_thick =
        post && post->underlineThickness > 0 ? post->underlineThickness * k : f->spec.size / 20.0;
    m->underline =
        post && post->underlinePosition < 0 ? post->underlinePosition * k : -f->spec.size / 10.0;
    bool strike = os2 && os2->version != 0xFFFF && os2->yStrikeoutSize > 0;
    m->strike_thick = strike ? os2->yStrikeoutSize * k : m->underline_thick;
    // OS/2 gives the top of the stroke, post the middle.
    m->strike = strike ? os2->yStrikeoutPosition * k - m->strike_thick / 2 : f->spec.size * 0.28;
    m->overline = m->ascent;
}
