// layout.h: from UTF-8 to placed ink with quads. The order of this file is the order of the stages:
//
//   text -> iml__lay_par    code points, grapheme clusters, bidi levels, scripts, break
//   opportunities  uax.c
//        -> iml__lay_line   a range of the paragraph. The whole paragraph is shaped once, to find
//        where
//                           units and widths allow a break; then each line once more, alone lines.c
//        -> iml__lay_run    same level, script, face, orientation: what HarfBuzz gets shape.c
//        -> iml__lay_glyph  HarfBuzz's output, visual order within its run
//        -> iml__lay_unit   what a label is made of, logical order; owns a range of glyphs of one
//        run
//        -> places          of units on straight lines, columns, arcs and waves place.c
//        -> iml__lay_stamp  a coverage bitmap at an integer place; the picture is the union of
//        stamps ink.c
//        -> quads           of units, words, lines, from the stamps' own pixels quads.c
//
// Invariants. 1: runs never cut a grapheme cluster. 2: the units of a line partition its code
// points. 3: a unit holds whole grapheme clusters and whole HarfBuzz clusters, and at least one
// code point that is not default ignorable. 4: only iml__lay_par knows bytes; only stamps know
// pixels. 5: everything is a pure function of (text, options, bytes of the fonts); the glyph cache
// changes no bit.
//
// Lengths along a line are 26.6 fixed point up to the units; places in the picture are doubles, y
// down, origin = the middle of the first line's baseline. A line has its own frame: u along the
// line, v across it. All results lie in the caller's arena; stamps may also borrow bitmaps from the
// setter's glyph cache, so a block is valid until the arena is reset or iml__setter_tidy is called.
#ifndef IML_SYNTH_LAYOUT_H
#define IML_SYNTH_LAYOUT_H

#include <hb.h>

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

// ---- Faces. A setter (typesetter) belongs to one worker: FreeType, HarfBuzz's buffer, open faces,
// glyph cache. Nothing here is shared between threads.

typedef struct iml__setter iml__setter;
typedef struct iml__face
    iml__face; // one face at one size, weight, slant; *borrowed* from its setter

enum { IML__AXES_MAX = 8 };
typedef struct iml__file_stamp { // a file that has not changed; all 0: not asked
    uint64_t size, ino;
    int64_t mtime_ns;
} iml__file_stamp;

typedef struct iml__face_spec {
    const char *path;      // what is opened
    iml__file_stamp stamp; // of that file when it was looked at; no part of what the face is
    int32_t index;    // of the face in a collection
    int32_t size;     // em in px, 1..4000
    double bold;      // share of the em added to stems; the advance grows alike
    double oblique;   // degrees, x += y tan
    double border;    // px; > 0: stamps of layer BORDER are made as well
    uint32_t naxes;   // of a variable font
    struct {
        uint32_t tag;
        float value;
    } axis[IML__AXES_MAX];
} iml__face_spec;

enum { IML__GLYPH_CACHE = 16 << 20 };                                        // bytes
iml_status iml__setter_new(iml__setter **s, size_t cache_bytes, iml_err *e); // 0: no cache
void iml__setter_free(iml__setter **s);
void iml__setter_tidy(
    iml__setter *s); // between items: a full cache is emptied, faces over the limit closed
// IML_EINPUT if the file is not a usable font. Valid until iml__setter_tidy.
iml_status iml__setter_face(iml__setter *s, const iml__face_spec *spec, iml__face **f, iml_err *e);

bool iml__face_covers(iml__face *f, uint32_t cp); // proved: mapped, with ink, not .notdef's outline
bool iml__face_vert(iml__face *f, uint32_t cp);   // has a proved vertical form
bool iml__face_colour(const iml__face *f);
typedef struct iml__face_lines { // px at the face's size; positions are centres, y up from the
                                 // baseline
    double ascent, descent;      // descent negative
    double underline, underline_thick, strike, strike_thick, overline;
} iml__face_lines;
void iml__face_metrics(const iml__face *f, iml__face_lines *m);

// ---- Options

enum iml__lay_dir { IML__LAY_LTR, IML__LAY_RTL, IML__LAY_TTB, IML__LAY_BTT };
enum iml__lay_align {
    IML__LAY_START,
    IML__LAY_CENTER,
    IML__LAY_END,
    IML__LAY_JUSTIFY,
    IML__LAY_LEFT,
    IML__LAY_RIGHT,
    IML__LAY_TOP,
    IML__LAY_BOTTOM
};
enum iml__lay_vertical { IML__LAY_AUTO, IML__LAY_MIXED, IML__LAY_UPRIGHT, IML__LAY_SIDEWAYS };
enum iml__lay_columns { IML__LAY_COLUMNS_AUTO, IML__LAY_COLUMNS_RTL, IML__LAY_COLUMNS_LTR };
enum iml__lay_curve { IML__LAY_STRAIGHT, IML__LAY_ARC, IML__LAY_SINE };
enum iml__lay_bend { IML__LAY_BEND_AUTO, IML__LAY_RIGID, IML__LAY_BEND };

// A text that cannot be drawn truly is no error: the caller draws another face or text.
enum iml__lay_problem {
    IML__LAY_FINE,
    IML__LAY_BAD_UTF8,      // or no text at all
    IML__LAY_NO_FACE,       // no face covers a cluster
    IML__LAY_TOFU,          // glyph 0 after shaping
    IML__LAY_DOTTED_CIRCLE, // U+25CC that is not in the text
    IML__LAY_LEADING_MARK,
    IML__LAY_LONG_UNIT, // over 64 code points
    IML__LAY_BAD_GLYPH, // FreeType refuses a glyph
    IML__LAY_TOO_LARGE, // over 2^30 px, or a glyph over 16,000
    IML__LAY_PROBLEMS
};
const char *iml__lay_problem_name(enum iml__lay_problem p); // "no_face"

typedef struct iml__lay_jitter { // of one unit
    double dy;                   // px, down, in the unit's reading frame
    double angle; // radians, clockwise, about the middle of its advance on the baseline
    double scale; // 1
} iml__lay_jitter;

typedef struct iml__lay_opt { // iml__lay_opt_default, then faces
    enum iml__lay_dir dir;
    enum iml__lay_vertical vertical;
    enum iml__lay_columns columns;
    iml__face *const *faces; // faces[0] draws what it can; the rest are fallbacks, in order
    uint32_t nfaces;
    bool fallback_any;    // fallbacks may draw any script, not only Common and Inherited
    const char *language; // BCP 47; NULL: und
    uint32_t script;      // ISO 15924 tag for text without a script of its own; 0: none
    const hb_feature_t *features;
    uint32_t nfeatures;
    uint32_t lines;                      // wanted number, 0: by wrap
    bool by_unit;                        // break between any units, not at opportunities only
    double wrap;                         // px; 0: never
    double line_spacing;                 // x line height; columns: x column pitch
    double letter_spacing, word_spacing; // px
    double overlap; // 0..0.95 of each advance removed, never inside a joined sequence
    enum iml__lay_align align;
    enum iml__lay_curve curve;
    bool concave;                       // arc: ends bend up
    double radius, max_span;            // px; degrees
    double amplitude, frequency, phase; // px, rad/px, rad
    enum iml__lay_bend bend;
    // Or NULL. unit counts through all lines, logical order; *j comes neutral.
    void (*jitter)(void *user, uint32_t unit, iml__lay_jitter *j);
    void *jitter_user;
} iml__lay_opt;
void iml__lay_opt_default(iml__lay_opt *o);

// ---- The paragraph

enum {
    IML__LAY_CLUSTER = 1,
    IML__LAY_BREAK = 2,
    IML__LAY_WHITE = 4,
    IML__LAY_IGNORABLE = 8,
    IML__LAY_IS_MARK = 16,
    IML__LAY_COMMON = 32
}; // iml__lay_par.flags
typedef struct iml__lay_par {
    const char *utf8;       // *borrowed*
    uint32_t n, *cp, *byte; // byte has n + 1 entries
    uint8_t *level, base_level;
    uint8_t *script, *vo, *flags; // script: index of iml__ucd_script, Common and Inherited resolved
    bool upright_all, sideways, ccw; // columns: how the whole is held
    enum iml__lay_dir dir;
} iml__lay_par;

// ---- Lines

enum { IML__LAY_TTB_RUN = 1, IML__LAY_STACKED = 2 };
typedef struct iml__lay_run {
    uint32_t start, end; // code points of the paragraph
    uint32_t face;       // of options.faces
    hb_script_t script;
    uint8_t level;
    uint8_t
        upright; // in a column: 0 turned with it, TTB_RUN, STACKED (a row whose units are stacked)
    uint32_t glyph, glyphs;
} iml__lay_run;

typedef struct iml__lay_glyph {
    uint32_t gid, cluster;
    int32_t adv, dx, dy; // y up
} iml__lay_glyph;

enum { IML__LAY_JOINS = 1, IML__LAY_HEADLINE = 2 };
typedef struct iml__lay_unit {
    uint32_t start, end, graphemes; // code points of the paragraph
    uint32_t byte0, byte1;          // of the text
    uint32_t run, glyph, glyphs, face;
    int32_t u, adv; // left end and advance along the line
    int32_t wide;   // of stacked units: the row's advance
    bool white;
    bool inked;      // has a quad
    uint8_t joins;   // IML__LAY_JOINS, _HEADLINE: with the next unit; nothing may move them apart
    uint32_t visual; // place in the line from its visual start
    uint32_t stamp, stamps;
    double x, y, angle; // anchor in the picture; how far its own frame is turned, radians clockwise
    double c, n;        // cosine and sine of angle; exact for quarter turns
    double scale;       // 1, or jitter's
    double quad[8], cell[8]; // top-left, top-right, bottom-right, bottom-left as read upright
} iml__lay_unit;

typedef struct iml__lay_word {
    uint32_t unit, units, byte0, byte1;
    bool inked;
    double quad[8];
} iml__lay_word;

typedef struct iml__lay_line {
    uint32_t start, end, byte0, byte1; // white space that a break ate is in no line
    iml__lay_run *runs;
    iml__lay_glyph *glyphs;
    iml__lay_unit *units; // logical order
    uint32_t *visual;     // visual[i] = unit at place i
    iml__lay_word *words;
    uint32_t nruns, nglyphs, nunits, nwords;
    int32_t width;
    bool inked;
    double u0, v0; // left end along the block; offset of the baseline across it, positive down
    double baseline[4], quad[8],
        cell[8];       // two ends; cell: the box of the units' cells, as the quad is framed
    double *polygon;   // clockwise; only on curves
    uint32_t npolygon; // points
} iml__lay_line;

typedef struct iml__lay_bitmap {       // coverage; or RGBA with straight alpha for colour glyphs
    int32_t left, top, w, h, channels; // left, top: of the first pixel from the origin, y down
    int32_t ink[4]; // first and one past last column and row with coverage, in this bitmap's pixels
    const uint8_t *px;
} iml__lay_bitmap;

enum { IML__LAY_FILL, IML__LAY_BORDER };
typedef struct iml__lay_stamp {
    const iml__lay_bitmap *bm;
    int32_t x, y; // origin of the bitmap in the picture
    uint32_t line, unit;
    uint32_t layer;
} iml__lay_stamp;

typedef struct iml__lay_spot { // a point of a curve and its direction
    double x, y, c, n;
} iml__lay_spot;

typedef struct iml__lay_block {
    iml__lay_par par;
    iml__lay_line *lines;
    iml__lay_stamp *stamps; // by line, unit, glyph; border and fill of a glyph side by side
    uint32_t nlines, nstamps, nunits;
    double ascent, descent, pitch, length; // largest over the faces in use; px
    double radius, amplitude;              // effective
    const iml__lay_spot *table; // the curve at whole pixels of arc length k - table_n / 2
    int32_t table_n;
    bool bent, colour; // outlines follow the curve; some stamp is RGBA
    enum iml__lay_problem problem;
    uint32_t problem_cp; // code point (index of the text) it was seen at
    double box[4];       // x0 y0 x1 y1: union of ink, cells, quads, polygons
} iml__lay_block;

// All stages. IML_OK with b->problem set if the text cannot be drawn truly (b's other members are
// then not to be used); IML_ENOMEM; IML_EARG for options out of range.
iml_status iml__lay_text(iml__setter *s, iml__lay_block *b, const char *utf8, size_t len,
                         const iml__lay_opt *o, iml_arena *a, iml_err *e);

// ---- From stamps to pixels. Pixel (x, y) of a plane is the picture's (x + ox, y + oy); what lies
// outside is left out. Max-blend.

typedef struct iml__lay_plane {
    uint8_t *px;
    int32_t w, h;
    size_t stride;  // bytes
    int32_t ox, oy; // the picture's coordinates of pixel 0, 0
} iml__lay_plane;
// Coverage of all units of a layer, colour glyphs by their alpha.
void iml__lay_coverage(const iml__lay_block *b, uint32_t layer, const iml__lay_plane *p);
// Colour glyphs alone, straight alpha, source over; p has 4 bytes a pixel.
void iml__lay_colours(const iml__lay_block *b, const iml__lay_plane *p);
// Coverage of one stamp (max); for masks by unit and colours by unit.
void iml__lay_stamp_coverage(const iml__lay_stamp *s, const iml__lay_plane *p);

// ---- The map from a line's own arc length to the picture (for rules, polygons, labels): s from
// the block's middle, along the baseline.
void iml__lay_curve_at(const iml__lay_block *b, const iml__lay_opt *o, const iml__lay_line *l,
                       double s, double *x, double *y, double *angle);

#endif
