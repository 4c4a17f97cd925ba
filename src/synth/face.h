// face.h: what a setter holds: opened font files, faces at a size, FreeType, the glyph cache.
#ifndef IML_SYNTH_FACE_H
#define IML_SYNTH_FACE_H

#include <hb.h>

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_STROKER_H

#include "src/base/arena.h"
#include "src/synth/layout.h"
#include "src/synth/uax.h"

enum { IML__COORDS_MAX = 32 };
enum { IML__COLOUR_NONE, IML__COLOUR_STRIKES, IML__COLOUR_LAYERS }; // CBDT and sbix; COLR version 0

typedef struct iml__fontfile { // one face of one file, at no size
    char *path;
    int32_t index;
    hb_blob_t *blob; // the mapped file; ft and hb read from it
    hb_face_t *hb;
    hb_font_t *units; // at font units, for proofs
    FT_Face ft;
    hb_set_t *vert;      // lookups of the feature vert, once it was asked for
    uint8_t vert_proved; // 0 not asked, 1 yes, 2 no
    uint8_t colour;
    uint32_t seen_n, seen_cap,
        *seen;         // open hash of code point << 8 | 1 covered, 2 not, 4 vertical form, 8 none
    FT_Vector *notdef; // outline of glyph 0, in font units
    int32_t nnotdef;
    const iml__face *active; // whose size and axes ft has; NULL: the default ones
    bool varied;             // ft's axes are not the default ones
    uint32_t users;          // faces
} iml__fontfile;

struct iml__face {
    iml__face_spec spec; // path points into file
    iml__fontfile *file;
    iml__setter *setter;
    hb_font_t *hb;
    int32_t ascent, descent; // 26.6, descent negative
    int32_t column;          // 26.6: vhea ascender - descender, 0 without
    int32_t bold, border;    // 26.6
    FT_Fixed slant;
    FT_Fixed coord[IML__COORDS_MAX]; // of a variable font, in FreeType's order
    uint32_t ncoords;
    int32_t strike;      // of FT's fixed sizes
    double colour_scale; // strike to size, 0 for outlines
    uint32_t hash;       // of spec, to find it again
    uint32_t serial;     // never used twice in a setter: part of the cache key
};

typedef struct iml__glyph_slot {
    uint64_t key; // 0: free
    const iml__lay_bitmap *bm;
} iml__glyph_slot;

enum { IML__GLYPH_SLOTS = 1 << 15, IML__FILES_MAX = 512, IML__FACES_MAX = 1024 };
enum { IML__SCRATCH_POINTS = 32000, IML__SCRATCH_CONTOURS = 8000 };

struct iml__setter {
    FT_Library ft;
    FT_Stroker stroker;
    hb_buffer_t *buffer, *proof; // of shaping; of proofs
    iml__thai *thai;
    iml__fontfile **files;
    iml__fontfile *last; // the file that was asked for last
    iml__face **faces;
    uint32_t nfiles, nfaces, cap_files, cap_faces, serial;
    iml_arena cache; // bitmaps; reserve = the limit
    size_t cache_bytes;
    bool cache_full;
    iml__glyph_slot *slots;
    uint32_t nslots;
    FT_Vector *points; // scratch of bent and stroked outlines
    void *tags, *contours;
    void *cover; // fontindex.c's rows
    void (*cover_free)(void **cover);
};

// One face of bytes (the blob is *moved*). IML_EINPUT: FreeType or HarfBuzz refuse it, or it has
// neither outlines nor colour pictures. *nfaces: faces of the file; set on failure too if known.
iml_status iml__fontfile_open(FT_Library ft, hb_blob_t *blob, const char *path, int32_t index,
                              iml__fontfile **f, int32_t *nfaces, iml_err *e);
void iml__fontfile_close(iml__fontfile **f);
// A regular file of at most 256 MB as a blob; *owned*: hb_blob_destroy.
iml_status iml__font_blob(const char *path, hb_blob_t **blob, iml_err *e);
// fontprove.c: the core of iml__font_prove, with the caller's library and buffer; no sha-256.
struct iml__font;
iml_status iml__font_prove_blob(FT_Library ft, hb_buffer_t *b, hb_blob_t *blob, const char *path,
                                int32_t index, struct iml__font *font, int32_t *nfaces,
                                iml_arena *a, iml_err *e);
// All faces of a file as rows of fontcache.h; a is only scratch.
struct iml__str;
iml_status iml__font_rows(FT_Library ft, hb_buffer_t *b, const char *path, struct iml__str *rows,
                          iml_arena *a, iml_err *e);
bool iml__fontfile_covers(iml__fontfile *f, uint32_t cp);
bool iml__fontfile_vert(iml__fontfile *f, hb_buffer_t *proof, uint32_t cp);
// Opened or found again; *borrowed* until iml__setter_tidy. IML_EAGAIN: not the file of the stamp.
iml_status iml__setter_file(iml__setter *s, const char *path, const iml__file_stamp *stamp,
                            int32_t index, iml__fontfile **f, iml_err *e);
// Makes face's size and axes those of its FT_Face.
iml_status iml__face_activate(iml__face *f, iml_err *e);
void iml__setter_trim(iml__setter *s); // closes files without faces while there are too many

#endif
