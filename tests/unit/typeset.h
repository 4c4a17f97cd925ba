// typeset.h: real text laid out with Debian's fonts, for the tests of what draws it.
#ifndef IML_TEST_TYPESET_H
#define IML_TEST_TYPESET_H

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/synth/layout.h"

#define FONTS "/usr/share/fonts/"

typedef struct sample {
    const char *name, *faces, *text; // faces: names of `fonts`, with commas
    enum iml__lay_dir dir;
    uint32_t lines;
    enum iml__lay_curve curve;
} sample;

static const struct {
    const char *name, *path;
} fonts[] = {
    {"dejavu", FONTS "truetype/dejavu/DejaVuSans.ttf"},
    {"sans", FONTS "truetype/noto/NotoSans-Regular.ttf"},
    {"serif", FONTS "truetype/noto/NotoSerif-Regular.ttf"},
    {"naskh", FONTS "truetype/noto/NotoNaskhArabic-Regular.ttf"},
    {"deva", FONTS "truetype/noto/NotoSansDevanagari-Regular.ttf"},
    {"thai", FONTS "truetype/noto/NotoSansThai-Regular.ttf"},
    {"ipag", FONTS "opentype/ipafont-gothic/ipag.ttf"},
    {"nanum", FONTS "truetype/nanum/NanumGothic.ttf"},
    {"emoji", FONTS "truetype/noto/NotoColorEmoji.ttf"},
};

// Scripts that differ in what they ask of a renderer: plain rows, joins, marks, columns, curves.
static const sample samples[] = {
    {"latin", "dejavu", "Office AVATAR, fjord 12.50 To.", IML__LAY_LTR, 1, IML__LAY_STRAIGHT},
    {"lines", "serif", "The quick brown fox jumps over the lazy dog (twice).", IML__LAY_LTR, 3,
     IML__LAY_STRAIGHT},
    {"arabic", "naskh,sans", "السَّلامُ عليكم لا إله", IML__LAY_RTL, 1, IML__LAY_STRAIGHT},
    {"devanagari", "deva,sans", "हिन्दी में क्षत्रिय र्कि स्त्री", IML__LAY_LTR, 1, IML__LAY_STRAIGHT},
    {"thai", "thai,sans", "น้ำใจที่ปั๊ม กำลังซ่อม 12,5", IML__LAY_LTR, 1, IML__LAY_STRAIGHT},
    {"kana_v", "ipag,sans", "ラーメン、ちょっと（辛）。", IML__LAY_TTB, 1, IML__LAY_STRAIGHT},
    {"arc", "sans", "Smiling baseline, yes", IML__LAY_LTR, 1, IML__LAY_ARC},
    {"sine", "sans", "A sine wave by arc length", IML__LAY_LTR, 1, IML__LAY_SINE},
};

typedef struct typeset {
    iml_arena arena;
    iml__setter *setter;
} typeset;

static inline void typeset_open(typeset *t)
{
    assert_ok(iml__arena_open(&t->arena, 0, -1, e));
    assert_ok(iml__setter_new(&t->setter, IML__GLYPH_CACHE, e));
}

static inline void typeset_close(typeset *t)
{
    iml__setter_free(&t->setter);
    iml__arena_close(&t->arena);
}

static inline iml__face *typeset_face(typeset *t, const char *name, size_t len, int32_t size,
                                      double border)
{
    iml__face *f = NULL;
    for (size_t i = 0; i < IML_COUNT_OF(fonts); i++)
        if (strlen(fonts[i].name) == len && !memcmp(fonts[i].name, name, len)) {
            iml__face_spec spec = {.path = fonts[i].path, .size = size, .border = border};
            assert_ok(iml__setter_face(t->setter, &spec, &f, e));
        }
    assert_non_null(f);
    return f;
}

// Empties the arena and sets one sample. False: its font is not installed here.
static inline bool typeset_set(typeset *t, const sample *s, int32_t size, double border,
                               iml__lay_block *b)
{
    iml__face *faces[4];
    iml__lay_opt o;
    iml__lay_opt_default(&o);
    o.dir = s->dir, o.lines = s->lines, o.curve = s->curve;
    o.radius = 180, o.concave = true, o.amplitude = 14, o.frequency = 0.03;
    o.faces = faces;
    for (const char *p = s->faces; *p;) {
        size_t k = strcspn(p, ",");
        for (size_t i = 0; i < IML_COUNT_OF(fonts); i++)
            if (strlen(fonts[i].name) == k && !memcmp(fonts[i].name, p, k)) {
                FILE *f = fopen(fonts[i].path, "rb");
                if (!f) return false;
                fclose(f);
            }
        faces[o.nfaces++] = typeset_face(t, p, k, size, border);
        p += k + (p[k] == ',');
    }
    iml__arena_reset(&t->arena);
    assert_ok(iml__lay_text(t->setter, b, s->text, strlen(s->text), &o, &t->arena, e));
    assert_int_equal(b->problem, IML__LAY_FINE);
    return true;
}

#endif
