// fontprove.c: whether a font file is what it says, one face at a time.
//
// Pure in the file's bytes, so that a worker process under a time limit can do it. Both libraries
// have to open the face, every table has to end inside the file (FreeType drops a table that does
// not and goes on with less, so a truncated font would lose some of its glyphs silently), some
// character of the cmap has to have ink, and one has to survive shaping and drawing.
#include "src/synth/face.h"
#include "src/synth/fontindex.h"

#include <hb-ot.h>
#include <string.h>

#include FT_OUTLINE_H

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/io/vfs.h"
#include "src/synth/fontcache.h"

enum { TRIES = 2000, TABLES_MAX = 4096, FACES_MAX = 256 };

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// The table directory of one face: every table ends inside the file.
static iml_status tables_are_whole(const uint8_t *p, size_t n, int32_t index, const char *path,
                                   iml_err *e)
{
    size_t at = 0;
    if (n >= 12 && !memcmp(p, "ttcf", 4)) {
        uint32_t faces = be32(p + 8);
        size_t entry = 12 + 4 * (size_t)index;
        if (index < 0 || (uint32_t)index >= faces || entry + 4 > n)
            return IML_FAIL(e, IML_EINPUT, "%s: has no face %d", path, index);
        at = be32(p + entry);
    } else if (index) {
        return IML_FAIL(e, IML_EINPUT, "%s: has no face %d", path, index);
    }
    if (at > n || n - at < 12)
        return IML_FAIL(e, IML_EINPUT, "%s: truncated before its table list", path);
    uint32_t version = be32(p + at), count = (uint32_t)p[at + 4] << 8 | p[at + 5];
    if (version != 0x00010000 && version != HB_TAG('O', 'T', 'T', 'O') &&
        version != HB_TAG('t', 'r', 'u', 'e'))
        return IML_FAIL(e, IML_EINPUT, "%s: not TrueType or OpenType", path);
    if (!count || count > TABLES_MAX || (n - at - 12) / 16 < count)
        return IML_FAIL(e, IML_EINPUT, "%s: truncated in its table list", path);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *t = p + at + 12 + 16 * (size_t)i;
        uint64_t end = (uint64_t)be32(t + 8) + be32(t + 12);
        if (end > n)
            return IML_FAIL(e, IML_EINPUT, "%s: truncated: table %.4s ends at byte %llu of %zu",
                            path, t[0] >= 32 && t[0] < 127 ? (const char *)t : "????",
                            (unsigned long long)end, n);
    }
    return IML_OK;
}

// FreeType's names are ASCII; what is not printable becomes a question mark.
static const char *name_of(const char *s, iml_arena *a)
{
    char *copy = iml__arena_strndup(a, s ? s : "", strnlen(s ? s : "", 127));
    for (char *p = copy; p && *p; p++)
        if (*p < 32 || *p > 126) *p = '?';
    return copy;
}

static bool draws(iml__fontfile *f, hb_buffer_t *b, uint32_t cp)
{
    hb_buffer_clear_contents(b);
    hb_buffer_add_codepoints(b, &cp, 1, 0, 1);
    hb_buffer_guess_segment_properties(b);
    hb_shape(f->units, b, NULL, 0);
    if (!hb_buffer_allocation_successful(b) || !hb_buffer_get_length(b)) return false;
    uint32_t gid = hb_buffer_get_glyph_infos(b, NULL)->codepoint;
    if (!gid) return false;
    if (f->colour == IML__COLOUR_STRIKES)
        return !FT_Select_Size(f->ft, 0) && !FT_Load_Glyph(f->ft, gid, FT_LOAD_COLOR);
    return !FT_Set_Pixel_Sizes(f->ft, 0, 32) &&
           !FT_Load_Glyph(f->ft, gid, FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP);
}

// The pages of 256 code points that the cmap speaks of, and whether any character can be drawn.
static iml_status look_through(iml__fontfile *f, hb_buffer_t *b, uint64_t *pages, iml_err *e)
{
    hb_set_t *all = hb_set_create();
    uint32_t tries = 0;
    bool ink = false;
    hb_face_collect_unicodes(f->hb, all);
    hb_codepoint_t cp = HB_SET_VALUE_INVALID;
    while (hb_set_next(all, &cp)) {
        if (cp >= 0x110000) break;
        pages[cp >> 14] |= 1ull << (cp >> 8 & 63);
        uint8_t flags = iml__ucd_get(cp)->flags;
        if (ink || tries >= TRIES || flags & (IML__UCD_WHITE | IML__UCD_IGNORABLE | IML__UCD_MARK))
            continue;
        tries++;
        ink = iml__fontfile_covers(f, cp) && draws(f, b, cp);
    }
    bool empty = hb_set_is_empty(all);
    hb_set_destroy(all);
    if (empty) return IML_FAIL(e, IML_EINPUT, "%s: maps no characters", f->path);
    if (!ink) return IML_FAIL(e, IML_EINPUT, "%s: no character of its map has ink", f->path);
    return IML_OK;
}

iml_status iml__font_prove_blob(FT_Library ft, hb_buffer_t *b, hb_blob_t *blob, const char *path,
                                int32_t index, iml__font *font, int32_t *nfaces, iml_arena *a,
                                iml_err *e)
{
    unsigned n;
    const uint8_t *bytes = (const uint8_t *)hb_blob_get_data(blob, &n);
    iml__fontfile *f = NULL;
    iml_status st;
    *nfaces = (int32_t)IML_CLAMP(hb_face_count(blob), 1u, 4096u);
    font->index = index, font->size = n;
    IML_TRY(tables_are_whole(bytes, n, index, path, e));
    IML_TRY(iml__fontfile_open(ft, hb_blob_reference(blob), path, index, &f, NULL, e));
    uint64_t *pages = iml_arena_calloc(a, IML__FONT_PAGES, sizeof *pages);
    font->family = name_of(f->ft->family_name, a);
    font->style = name_of(f->ft->style_name, a);
    if (!pages || !font->family || !font->style) {
        st = IML_FAIL(e, IML_ENOMEM, "%s: no memory for its names", path);
        goto done;
    }
    font->pages = pages;
    font->colour = f->colour != IML__COLOUR_NONE;
    font->variable = FT_HAS_MULTIPLE_MASTERS(f->ft) != 0;
    font->vert = iml__fontfile_vert(f, b, 0x3001);
    st = look_through(f, b, pages, e);
done:
    iml__fontfile_close(&f);
    return st;
}

static iml_status prove(hb_blob_t *blob, const char *path, int32_t index, iml__font *font,
                        int32_t *nfaces, iml_arena *a, iml_err *e)
{
    FT_Library ft = NULL;
    hb_buffer_t *b = hb_buffer_create();
    iml_status st;
    unsigned n;
    const char *bytes = hb_blob_get_data(blob, &n);
    *nfaces = 0;
    *font = (iml__font){.path = path, .name = path};
    if (FT_Init_FreeType(&ft) || !hb_buffer_allocation_successful(b)) {
        st = IML_FAIL(e, IML_ENOMEM, "%s: no memory to look at it", path);
        goto done;
    }
    if (IML_FAILS(st = iml__sha256_of(bytes, n, font->sha256))) goto done;
    st = iml__font_prove_blob(ft, b, blob, path, index, font, nfaces, a, e);
done:
    if (ft) FT_Done_FreeType(ft);
    hb_buffer_destroy(b);
    hb_blob_destroy(blob);
    return st;
}

iml_status iml__font_prove_bytes(const uint8_t *bytes, size_t n, int32_t index, iml__font *f,
                                 int32_t *nfaces, iml_arena *a, iml_err *e)
{
    if (n > UINT32_MAX / 2) return IML_FAIL(e, IML_EINPUT, "a font of %zu bytes is too large", n);
    hb_blob_t *blob =
        hb_blob_create((const char *)bytes, (unsigned)n, HB_MEMORY_MODE_READONLY, NULL, NULL);
    return prove(blob, "font", index, f, nfaces, a, e);
}

iml_status iml__font_prove(const char *path, int32_t index, iml__font *f, int32_t *nfaces,
                           iml_arena *a, iml_err *e)
{
    hb_blob_t *blob;
    *nfaces = 0;
    *f = (iml__font){.path = path, .name = path, .index = index};
    IML_TRY(iml__font_blob(path, &blob, e));
    return prove(blob, path, index, f, nfaces, a, e);
}

// ---- A whole file, as rows

static void refused(iml__str *rows, iml__font *f, const struct stat *st, const iml_err *why)
{
    f->reason = why->msg;
    iml__fontcache_add(rows, f, st);
}

iml_status iml__font_rows(FT_Library ft, hb_buffer_t *b, const char *path, iml__str *rows,
                          iml_arena *a, iml_err *e)
{
    iml_err why = {0};
    struct stat st = {0};
    hb_blob_t *blob;
    int32_t faces = 1;
    iml__font f = {.path = path, .name = path};
    size_t mark = iml__arena_mark(a);
    // The time of the file is taken before its bytes: a change in between is seen the next time.
    if (iml__fstatat(AT_FDCWD, path, &st, 0)) st = (struct stat){0};
    iml_status rc = iml__font_blob(path, &blob, &why);
    if (rc == IML_EINPUT) refused(rows, &f, &st, &why);
    if (IML_FAILS(rc)) return rc == IML_EINPUT ? IML_OK : IML_FAIL(e, rc, "%s", why.msg);
    unsigned n;
    const char *bytes = hb_blob_get_data(blob, &n);
    rc = iml__sha256_of(bytes, n, f.sha256);
    for (int32_t i = 0; i < faces && rc == IML_OK; i++) {
        iml__font one = f;
        rc = iml__font_prove_blob(ft, b, blob, path, i, &one, &faces, a, &why);
        faces = IML_MIN(faces, FACES_MAX);
        if (rc == IML_OK)
            iml__fontcache_add(rows, &one, &st);
        else if (rc == IML_EINPUT)
            refused(rows, &one, &st, &why), rc = IML_OK;
        iml__arena_release(a, mark);
    }
    hb_blob_destroy(blob);
    if (rc == IML_OK && rows->failed)
        return IML_FAIL(e, rows->failed, "%s: no memory for its faces", path);
    return rc == IML_OK ? IML_OK : IML_FAIL(e, rc, "%s", why.msg);
}

iml_status iml__font_prove_file(const char *path, iml__str *rows, iml_arena *a, iml_err *e)
{
    FT_Library ft = NULL;
    hb_buffer_t *b = hb_buffer_create();
    iml_status st = IML_OK;
    if (FT_Init_FreeType(&ft) || !hb_buffer_allocation_successful(b))
        st = IML_FAIL(e, IML_ENOMEM, "%s: no memory to look at it", path);
    if (st == IML_OK) st = iml__font_rows(ft, b, path, rows, a, e);
    if (ft) FT_Done_FreeType(ft);
    hb_buffer_destroy(b);
    return st;
}
