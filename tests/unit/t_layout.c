// From UTF-8 to placed ink: every script through the whole path, checked by its own pixels.
#include "tests/unit/iml_test.h"

#include <math.h>
#include <unistd.h>

#include "src/base/arena.h"
#include "src/base/mem.h"
#include "src/synth/face.h"
#include "src/synth/layout.h"

#define FONTS "/usr/share/fonts/"
enum { SIZE = 32, FACES = 8 };

static const struct {
    const char *name, *path;
} fonts[] = {
    {"dejavu", FONTS "truetype/dejavu/DejaVuSans.ttf"},
    {"sans", FONTS "truetype/noto/NotoSans-Regular.ttf"},
    {"naskh", FONTS "truetype/noto/NotoNaskhArabic-Regular.ttf"},
    {"arab", FONTS "truetype/noto/NotoSansArabic-Regular.ttf"},
    {"nastaliq", FONTS "truetype/noto/NotoNastaliqUrdu-Regular.ttf"},
    {"hebr", FONTS "truetype/noto/NotoSansHebrew-Regular.ttf"},
    {"deva", FONTS "truetype/noto/NotoSansDevanagari-Regular.ttf"},
    {"beng", FONTS "truetype/noto/NotoSansBengali-Regular.ttf"},
    {"taml", FONTS "truetype/noto/NotoSansTamil-Regular.ttf"},
    {"thai", FONTS "truetype/noto/NotoSansThai-Regular.ttf"},
    {"droid", FONTS "truetype/droid/DroidSansFallbackFull.ttf"},
    {"ipag", FONTS "opentype/ipafont-gothic/ipag.ttf"},
    {"nanum", FONTS "truetype/nanum/NanumGothic.ttf"},
    {"emoji", FONTS "truetype/noto/NotoColorEmoji.ttf"},
    {"mong", FONTS "truetype/noto/NotoSansMongolian-Regular.ttf"},
};

typedef struct sample {
    const char *name, *faces, *text;
    iml__lay_opt o;
} sample;
#define O(...)                                                                                     \
    {                                                                                              \
        .line_spacing = 1, .max_span = 180, .dir = __VA_ARGS__                                     \
    }
#define ONE(...) O(__VA_ARGS__, .lines = 1)
static const sample samples[] = {
    {"latin", "sans", "Office AVATAR, fjord 12.50 To.", ONE(IML__LAY_LTR)},
    {"latin_nfd", "sans", "Cafe\u0301 a\u0302\u0301 Zu\u0308rich n\u0303", ONE(IML__LAY_LTR)},
    {"latin_liga", "dejavu", "office affluent fi fl", ONE(IML__LAY_LTR)},
    {"greek", "sans", "Καλημέρα κόσμε, ΕΛΛΑΣ 42", ONE(IML__LAY_LTR)},
    {"cyrillic", "sans", "Съешь ещё этих булок й", ONE(IML__LAY_LTR)},
    {"arabic", "naskh,sans", "السَّلامُ عليكم لا إله", ONE(IML__LAY_RTL)},
    {"arabic_sans", "arab,sans", "مرحباً بالعالم (١٢٣) لأ", ONE(IML__LAY_RTL)},
    {"nastaliq", "nastaliq,sans", "اردو نستعلیق میں", ONE(IML__LAY_RTL)},
    {"hebrew", "hebr,sans", "שָׁלוֹם עוֹלָם, (אבג) 12.5", ONE(IML__LAY_RTL)},
    {"devanagari", "deva,sans", "हिन्दी में क्षत्रिय र्कि स्त्री", ONE(IML__LAY_LTR)},
    {"bengali", "beng,sans", "বাংলা ভাষা ক্ষুদ্র কোনো র্ক", ONE(IML__LAY_LTR)},
    {"tamil", "taml,sans", "தமிழ் மொழி கொடு ஸ்ரீ", ONE(IML__LAY_LTR)},
    {"thai", "thai,sans", "น้ำใจที่ปั๊ม กำลังซ่อม 12,5", ONE(IML__LAY_LTR)},
    {"han", "droid,sans", "天地玄黄，宇宙洪荒。「日月」", ONE(IML__LAY_LTR)},
    {"kana", "ipag,sans", "ひらがなとカタカナー、がぎょう。", ONE(IML__LAY_LTR)},
    {"hangul", "nanum,sans", "안녕하세요 세계, 한글 100%", ONE(IML__LAY_LTR)},
    {"emoji", "sans,emoji", "Go 👩‍🚀 ❤️ 👍🏽 🇩🇪 ok",
     ONE(IML__LAY_LTR, .fallback_any = true)},
    {"mixed_rtl", "hebr,sans", "אבג ABC (def) 12.5% גדה [x1]",
     ONE(IML__LAY_RTL, .fallback_any = true)},
    {"mixed_ltr", "sans,naskh", "abc (مرحبا 123) xyz ٣٤", ONE(IML__LAY_LTR, .fallback_any = true)},
    {"torn_word", "sans,hebr", "one aאב גדb two", ONE(IML__LAY_LTR, .fallback_any = true)},
    {"bidi_marks", "sans,hebr", "\u200eabc\u200f אב\u200e \u2067גד\u2069 x\u00adyz",
     ONE(IML__LAY_LTR, .fallback_any = true)},
    {"zwnj", "naskh,sans", "می\u200cخواهم نامه\u200cها", ONE(IML__LAY_RTL)},
    {"latin3", "sans", "The quick brown fox jumps over the well-known lazy dog (twice).",
     O(IML__LAY_LTR, .lines = 3)},
    {"arab2", "naskh,sans", "مرحبا بالعالم هذا نص طويل abc def في سطرين",
     O(IML__LAY_RTL, .lines = 2, .fallback_any = true)},
    {"han3", "droid,sans", "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。", O(IML__LAY_LTR, .lines = 3)},
    {"wrap", "sans", "Greedy filling to a width, justified between both of the edges.",
     O(IML__LAY_LTR, .wrap = 260, .align = IML__LAY_JUSTIFY)},
    {"unit_arab", "naskh", "العربية", O(IML__LAY_RTL, .lines = 2, .by_unit = true)},
    {"han_v", "droid,sans,ipag", "天地，「玄黄」。…ABC 12",
     ONE(IML__LAY_TTB, .fallback_any = true)},
    {"han_novert", "droid,sans", "天地「玄黄」！…12", ONE(IML__LAY_TTB)},
    {"kana_v", "ipag,sans", "ラーメン、ちょっと（辛）。!?", ONE(IML__LAY_TTB)},
    {"kana_v2", "ipag,sans", "ひらがなの縦書き、二列ですよ。", O(IML__LAY_TTB, .lines = 2)},
    {"hangul_v", "nanum,sans", "안녕 세계 Hi", ONE(IML__LAY_TTB)},
    {"latin_v", "sans", "Type fi", ONE(IML__LAY_TTB)},
    {"deva_v", "deva", "हिन्दी क्ष", ONE(IML__LAY_TTB)},
    {"thai_v", "thai", "น้ำกี่", ONE(IML__LAY_TTB)},
    {"latin_side", "sans", "Sideways", ONE(IML__LAY_TTB, .vertical = IML__LAY_SIDEWAYS)},
    {"latin_btt", "sans", "Sideways up two",
     O(IML__LAY_BTT, .vertical = IML__LAY_SIDEWAYS, .lines = 2)},
    {"arab_ttb", "naskh", "مرحبا لك", ONE(IML__LAY_TTB)},
    {"han_btt", "ipag", "天地「玄」。AB", ONE(IML__LAY_BTT)},
    {"latin_bttu", "sans", "Up (x)", ONE(IML__LAY_BTT)},
    {"mong", "mong,sans", "ᠮᠣᠩᠭᠣᠯ ᠬᠡᠯᠡ", O(IML__LAY_TTB, .lines = 2)},
    {"smile", "sans", "Smiling baseline, yes",
     ONE(IML__LAY_LTR, .curve = IML__LAY_ARC, .radius = 180, .concave = true)},
    {"arch2", "sans", "An arch in two lines that stay parallel",
     O(IML__LAY_LTR, .lines = 2, .curve = IML__LAY_ARC, .radius = 220)},
    {"sine", "sans", "A sine wave by arc length",
     ONE(IML__LAY_LTR, .curve = IML__LAY_SINE, .amplitude = 20, .frequency = 0.025)},
    {"tight", "sans", "Far too tight to draw so",
     ONE(IML__LAY_LTR, .curve = IML__LAY_SINE, .amplitude = 50, .frequency = 0.06)},
    {"arab_bend", "naskh", "السلام عليكم ورحمة",
     ONE(IML__LAY_RTL, .curve = IML__LAY_ARC, .radius = 150)},
    {"arab_rigid", "naskh", "السلام عليكم ورحمة",
     ONE(IML__LAY_RTL, .curve = IML__LAY_ARC, .radius = 150, .bend = IML__LAY_RIGID)},
    {"deva_bend", "deva", "हिन्दी में क्षत्रिय",
     ONE(IML__LAY_LTR, .curve = IML__LAY_SINE, .amplitude = 15, .frequency = 0.03)},
    {"han_v_arc", "ipag,sans", "天地「玄黄」。ABC",
     ONE(IML__LAY_TTB, .curve = IML__LAY_ARC, .radius = 200, .concave = true)},
    {"han_v_bend", "ipag,sans", "天地「玄黄」。ABC",
     ONE(IML__LAY_TTB, .curve = IML__LAY_ARC, .radius = 200, .bend = IML__LAY_BEND)},
    {"emoji_arc", "sans,emoji", "Go 🎈 up 👍🏽",
     ONE(IML__LAY_LTR, .curve = IML__LAY_ARC, .radius = 150, .fallback_any = true)},
    {"span", "sans", "R far too small for this text",
     ONE(IML__LAY_LTR, .curve = IML__LAY_ARC, .radius = 30)},
};
enum { NSAMPLES = sizeof samples / sizeof *samples };

static iml_arena arena;
static iml__setter *setter;

static void needs(const char *path)
{
    if (access(path, R_OK) == 0) return;
    print_message("skipped: %s is not there\n", path);
    skip();
}

static iml__face *face_with(const char *name, size_t len, iml__face_spec spec)
{
    for (size_t i = 0; i < IML_COUNT_OF(fonts); i++)
        if (strlen(fonts[i].name) == len && !memcmp(fonts[i].name, name, len)) {
            iml__face *f;
            iml_err e = {0};
            needs(fonts[i].path);
            spec.path = fonts[i].path;
            if (iml__setter_face(setter, &spec, &f, &e) != IML_OK) fail_msg("%s", e.msg);
            return f;
        }
    fail_msg("no font %s", name);
    return NULL;
}

static iml__face *face(const char *name)
{
    return face_with(name, strlen(name), (iml__face_spec){.size = SIZE});
}

static iml__lay_opt options_with(const sample *s, iml__face **faces, iml__face_spec spec)
{
    iml__lay_opt o = s->o;
    o.faces = faces, o.nfaces = 0;
    for (const char *p = s->faces; *p;) {
        size_t k = strcspn(p, ",");
        faces[o.nfaces++] = face_with(p, k, spec);
        p += k + (p[k] == ',');
    }
    return o;
}

static iml__lay_opt options(const sample *s, iml__face **faces)
{
    return options_with(s, faces, (iml__face_spec){.size = SIZE});
}

static iml__lay_block lay_with(const char *text, const iml__lay_opt *o)
{
    iml__lay_block b;
    assert_ok(iml__lay_text(setter, &b, text, strlen(text), o, &arena, e));
    return b;
}

static const sample *named(const char *name)
{
    for (int i = 0; i < NSAMPLES; i++)
        if (!strcmp(samples[i].name, name)) return &samples[i];
    fail_msg("no sample %s", name);
    return NULL;
}

static iml__lay_block lay(const char *name, iml__lay_opt *o, iml__face **faces)
{
    const sample *s = named(name);
    *o = options(s, faces);
    iml__lay_block b = lay_with(s->text, o);
    assert_int_equal(b.problem, IML__LAY_FINE);
    return b;
}

static bool in_quad(const double *q, double x, double y)
{
    for (int i = 0; i < 4; i++) {
        double ax = q[2 * i], ay = q[2 * i + 1], bx = q[(2 * i + 2) % 8], by = q[(2 * i + 3) % 8];
        if ((bx - ax) * (y - ay) - (by - ay) * (x - ax) < -1e-6 * hypot(bx - ax, by - ay))
            return false;
    }
    return true;
}

// Runs check on each sample's block; the arena is emptied after each.
static void each_sample(void (*check)(const sample *s, const iml__lay_block *b,
                                      const iml__lay_opt *o))
{
    for (int i = 0; i < NSAMPLES; i++) {
        iml__face *faces[FACES];
        iml__lay_opt o = options(&samples[i], faces);
        iml__lay_block b = lay_with(samples[i].text, &o);
        if (b.problem) fail_msg("%s: %s", samples[i].name, iml__lay_problem_name(b.problem));
        check(&samples[i], &b, &o);
        iml__arena_reset(&arena);
        iml__setter_tidy(setter);
    }
}

// ---- Labels

static void check_ink(const sample *s, const iml__lay_block *b, const iml__lay_opt *o)
{
    double sum = 0, out = 0;
    (void)o;
    for (uint32_t i = 0; i < b->nstamps; i++) {
        const iml__lay_stamp *t = &b->stamps[i];
        const iml__lay_line *l = &b->lines[t->line];
        const iml__lay_word *w = NULL;
        for (uint32_t k = 0; k < l->nwords; k++)
            if (t->unit >= l->words[k].unit && t->unit < l->words[k].unit + l->words[k].units)
                w = &l->words[k];
        assert_non_null(w);
        for (int y = 0; y < t->bm->h; y++)
            for (int x = 0; x < t->bm->w; x++) {
                double v = t->bm->px[(y * t->bm->w + x + 1) * t->bm->channels - 1];
                double px = t->x + t->bm->left + x + 0.5, py = t->y + t->bm->top + y + 0.5;
                sum += v;
                out += v * (!in_quad(l->units[t->unit].quad, px, py) || !in_quad(w->quad, px, py) ||
                            !in_quad(l->quad, px, py));
                if (v > 0)
                    assert_true(px > b->box[0] && px < b->box[2] && py > b->box[1] &&
                                py < b->box[3]);
            }
    }
    if (out > 0 || sum < 1000) fail_msg("%s: %g of %g ink outside a quad", s->name, out, sum);
}

static void ink_lies_in_quads(void **state)
{
    (void)state;
    each_sample(check_ink);
}

// Each edge of a unit's quad has ink within half a pixel: the nearest pixel centre lies 1/2 inside.
static void check_touch(const sample *s, const iml__lay_block *b, const iml__lay_opt *o)
{
    (void)o;
    for (uint32_t i = 0; i < b->nlines; i++)
        for (uint32_t k = 0; k < b->lines[i].nunits; k++) {
            const iml__lay_unit *u = &b->lines[i].units[k];
            double near[4] = {1e9, 1e9, 1e9, 1e9};
            for (uint32_t g = u->stamp; g < u->stamp + u->stamps; g++) {
                const iml__lay_stamp *t = &b->stamps[g];
                for (int y = 0; y < t->bm->h; y++)
                    for (int x = 0; x < t->bm->w; x++) {
                        if (!t->bm->px[(y * t->bm->w + x + 1) * t->bm->channels - 1]) continue;
                        double px = t->x + t->bm->left + x + 0.5, py = t->y + t->bm->top + y + 0.5;
                        for (int q = 0; q < 4; q++) {
                            const double *p = u->quad + 2 * q, *n = u->quad + (2 * q + 2) % 8;
                            double d = hypot(n[0] - p[0], n[1] - p[1]);
                            double off =
                                ((n[0] - p[0]) * (py - p[1]) - (n[1] - p[1]) * (px - p[0])) / d;
                            near[q] = fmin(near[q], off);
                        }
                    }
            }
            for (int q = 0; u->inked && q < 4; q++)
                if (fabs(near[q] - 0.5) > 1e-6)
                    fail_msg("%s: unit %u, edge %d: %g", s->name, k, q, near[q]);
        }
}

static void quads_touch_ink(void **state)
{
    (void)state;
    each_sample(check_touch);
}

static void check_units(const sample *s, const iml__lay_block *b, const iml__lay_opt *o)
{
    uint32_t at = 0, stamps = 0;
    (void)o;
    for (uint32_t i = 0; i < b->nlines; i++) {
        const iml__lay_line *l = &b->lines[i];
        for (uint32_t k = at; k < l->start; k++) // only white space lies between lines
            assert_true(b->par.flags[k] & IML__LAY_WHITE);
        at = l->start;
        assert_int_equal(l->byte0, b->par.byte[l->start]);
        for (uint32_t k = 0; k < l->nunits; k++) {
            const iml__lay_unit *u = &l->units[k];
            assert_int_equal(u->start, at);
            assert_int_equal(u->byte0, b->par.byte[u->start]);
            assert_int_equal(u->byte1, b->par.byte[u->end]);
            assert_true(u->end > u->start && u->graphemes >= 1);
            assert_int_equal(u->stamp, stamps);
            at = u->end, stamps += u->stamps;
            if (!u->white && (!u->inked || u->adv <= 0))
                fail_msg("%s: unit %u has no ink or advance", s->name, k);
        }
        assert_int_equal(at, l->end);
        assert_int_equal(l->byte1, b->par.byte[l->end]);
    }
    assert_int_equal(at, b->par.n);
    assert_int_equal(stamps, b->nstamps);
    assert_int_equal(b->par.byte[at], strlen(s->text));
}

static void unit_texts_concatenate(void **state)
{
    (void)state;
    each_sample(check_units);
}

static void check_marks(const sample *s, const iml__lay_block *b, const iml__lay_opt *o)
{
    (void)o;
    for (uint32_t i = 0; i < b->nlines; i++)
        for (uint32_t k = 0; k < b->lines[i].nunits; k++)
            if (b->par.flags[b->lines[i].units[k].start] & IML__LAY_IS_MARK)
                fail_msg("%s: unit %u", s->name, k);
}

static void no_unit_starts_with_a_mark(void **state)
{
    (void)state;
    each_sample(check_marks);
}

static bool in_polygon(const double *poly, uint32_t n, double x, double y)
{
    bool in = false;
    for (uint32_t i = 0, j = n - 1; i < n; j = i++)
        if ((poly[2 * i + 1] > y) != (poly[2 * j + 1] > y) &&
            x < (poly[2 * j] - poly[2 * i]) * (y - poly[2 * i + 1]) /
                        (poly[2 * j + 1] - poly[2 * i + 1]) +
                    poly[2 * i])
            in = !in;
    return in;
}

static int polygons;
static void check_polygon(const sample *s, const iml__lay_block *b, const iml__lay_opt *o)
{
    for (uint32_t i = 0; i < b->nlines; i++) {
        const iml__lay_line *l = &b->lines[i];
        assert_int_equal(l->npolygon > 0, o->curve != IML__LAY_STRAIGHT);
        if (!l->npolygon) continue;
        double area = 0; // clockwise with y down: positive
        for (uint32_t k = 0, j = l->npolygon - 1; k < l->npolygon; j = k++)
            area += l->polygon[2 * j] * l->polygon[2 * k + 1] -
                    l->polygon[2 * k] * l->polygon[2 * j + 1];
        if (area <= 0) fail_msg("%s: line %u is not clockwise", s->name, i);
        polygons++;
        for (uint32_t k = 0; k < l->nunits; k++)
            for (int c = 0; c < 8 && l->units[k].inked; c += 2)
                if (!in_polygon(l->polygon, l->npolygon, l->units[k].quad[c],
                                l->units[k].quad[c + 1]))
                    fail_msg("%s: unit %u", s->name, k);
    }
}

static void polygon_contains_units(void **state)
{
    (void)state;
    polygons = 0;
    each_sample(check_polygon);
    assert_true(polygons >= 10);
}

// Its ends lie over each other: the polygon must not flee from that.
static void a_whole_circle_keeps_its_polygon_at_the_ink(void **state)
{
    static const char *const texts[] = {"Around the small circle we go again",
                                        "jumping around the circle and off",
                                        "VAN GOING ROUND TO AV"};
    (void)state;
    for (size_t k = 0; k < IML_COUNT_OF(texts); k++) {
        iml__face *faces[FACES];
        iml__lay_opt o;
        (void)lay("latin_liga", &o, faces); // its V and j are wider than their advances
        o.curve = IML__LAY_ARC, o.radius = 10, o.max_span = 360;
        iml__lay_block b = lay_with(texts[k], &o);
        assert_int_equal(b.problem, IML__LAY_FINE);
        double most = 2 * b.radius + 4 * o.faces[0]->spec.size;
        if (b.box[2] - b.box[0] > most || b.box[3] - b.box[1] > most) fail_msg("%s", texts[k]);
        iml__arena_reset(&arena);
        iml__setter_tidy(setter);
    }
}

// ---- Shape

// The font as hb-shape opens it: from the file, its own functions, 1/64 px; nothing of ours.
static hb_font_t *hb_shape_s_font(const iml__face_spec *f)
{
    hb_blob_t *blob = hb_blob_create_from_file(f->path);
    hb_face_t *face = hb_face_create(blob, (unsigned)f->index);
    hb_font_t *font = hb_font_create(face);
    hb_font_set_scale(font, f->size * 64, f->size * 64);
    hb_face_destroy(face);
    hb_blob_destroy(blob);
    return font;
}

static void check_advance(const sample *s, const iml__lay_block *b, const iml__lay_opt *o)
{
    for (uint32_t i = 0; i < b->nlines; i++) {
        const iml__lay_line *l = &b->lines[i];
        const iml__lay_run *r = &l->runs[0];
        if (l->nruns > 1 || r->upright || o->align == IML__LAY_JUSTIFY) continue;
        hb_buffer_t *hb = hb_buffer_create();
        hb_buffer_add_utf8(hb, s->text + l->byte0, (int)(l->byte1 - l->byte0), 0, -1);
        hb_buffer_guess_segment_properties(hb);
        hb_buffer_set_language(hb, hb_language_from_string("und", -1));
        hb_font_t *font = hb_shape_s_font(&o->faces[r->face]->spec);
        hb_shape(font, hb, NULL, 0);
        hb_font_destroy(font);
        unsigned n;
        const hb_glyph_position_t *p = hb_buffer_get_glyph_positions(hb, &n);
        const hb_glyph_info_t *g = hb_buffer_get_glyph_infos(hb, NULL);
        int64_t sum = 0;
        assert_int_equal(n, l->nglyphs);
        for (unsigned k = 0; k < n; k++) {
            sum += p[k].x_advance;
            assert_int_equal(g[k].codepoint, l->glyphs[k].gid);
            assert_int_equal(p[k].x_offset, l->glyphs[k].dx);
            assert_int_equal(p[k].y_offset, l->glyphs[k].dy);
        }
        hb_buffer_destroy(hb);
        if (sum != l->width) fail_msg("%s: %lld, not %d", s->name, (long long)sum, l->width);
        polygons++;
    }
}

static void advance_equals_hb_shape(void **state)
{
    (void)state;
    polygons = 0;
    each_sample(check_advance);
    assert_true(polygons >= 20); // lines of one run
}

static uint32_t nominal(const char *font, uint32_t cp)
{
    hb_codepoint_t g = 0;
    hb_font_get_nominal_glyph(face(font)->hb, cp, &g);
    return g;
}

static void arabic_joins(void **state)
{
    (void)state;
    iml__face *faces[] = {face("naskh")};
    iml__lay_opt o = ONE(IML__LAY_RTL, .faces = faces, .nfaces = 1);
    iml__lay_block b = lay_with("\u0628\u0628\u0628 \u0628", &o); // three joined, one alone
    const iml__lay_line *l = &b.lines[0];
    assert_int_equal(l->nunits, 5);
    uint32_t g[5], alone = nominal("naskh", 0x628);
    for (int i = 0; i < 5; i++) g[i] = l->glyphs[l->units[i].glyph].gid;
    assert_true(g[0] != g[1] && g[1] != g[2] && g[0] != g[2]); // initial, medial, final
    assert_true(g[0] != alone && g[1] != alone && g[2] != alone);
    assert_int_equal(g[4], alone);
    assert_int_equal(l->units[0].joins, IML__LAY_JOINS);
    assert_int_equal(l->units[2].joins, 0);
    int32_t width = l->width;
    o.letter_spacing = 10; // opens only the two gaps beside the space
    b = lay_with("\u0628\u0628\u0628 \u0628", &o);
    assert_int_equal(b.lines[0].width, width + 2 * 640);
    iml__arena_reset(&arena);
}

static void devanagari_reorders(void **state)
{
    (void)state;
    iml__face *faces[] = {face("deva")};
    iml__lay_opt o = ONE(IML__LAY_LTR, .faces = faces, .nfaces = 1);
    iml__lay_block b = lay_with("\u0915\u093f", &o); // ka + i: the vowel sign is drawn first
    assert_int_equal(b.lines[0].nunits, 1);
    assert_int_equal(b.lines[0].nglyphs, 2);
    assert_int_equal(b.lines[0].glyphs[1].gid, nominal("deva", 0x915));
    b = lay_with("\u0915\u094d\u0937", &o); // ka + virama + ssa: one conjunct, one unit
    assert_int_equal(b.lines[0].nunits, 1);
    assert_int_equal(b.lines[0].units[0].graphemes, 2);
    iml__arena_reset(&arena);
}

static void thai_marks_stack(void **state)
{
    (void)state;
    iml__face *faces[] = {face("thai")};
    iml__lay_opt o = ONE(IML__LAY_LTR, .faces = faces, .nfaces = 1);
    iml__lay_block b = lay_with("\u0e01\u0e35\u0e48", &o); // ko kai, sara ii, mai ek
    assert_int_equal(b.lines[0].nunits, 1);
    assert_int_equal(b.nstamps, 3);
    int32_t top[3], bottom[3];
    for (int i = 0; i < 3; i++) {
        const iml__lay_stamp *s = &b.stamps[i];
        top[i] = s->y + s->bm->top + s->bm->ink[1], bottom[i] = s->y + s->bm->top + s->bm->ink[3];
    }
    assert_true(bottom[1] <= top[0] + 2 && bottom[2] <= top[1] + 2); // each above the one before
    iml__arena_reset(&arena);
}

static void nfd_is_as_wide_as_nfc(void **state)
{
    (void)state;
    iml__face *faces[] = {face("sans")};
    iml__lay_opt o = ONE(IML__LAY_LTR, .faces = faces, .nfaces = 1);
    iml__lay_block c = lay_with("Caf\u00e9 Z\u00fcrich \u00f1", &o);
    iml__lay_block d = lay_with("Cafe\u0301 Zu\u0308rich n\u0303", &o);
    assert_int_equal(c.lines[0].width, d.lines[0].width);
    assert_int_equal(c.lines[0].nunits, d.lines[0].nunits);
    iml__arena_reset(&arena);
}

static void vertical_punctuation_uses_vert(void **state)
{
    (void)state;
    iml__lay_opt o;
    iml__face *faces[FACES];
    iml__lay_block b = lay("kana_v", &o, faces);
    unsigned seen = 0;
    for (uint32_t k = 0; k < b.nunits; k++) {
        const iml__lay_unit *u = &b.lines[0].units[k];
        uint32_t cp = b.par.cp[u->start];
        if (cp != 0x3001 && cp != 0x30FC && cp != 0xFF08 && cp != 0x3063) continue;
        seen++;
        assert_true(b.lines[0].glyphs[u->glyph].gid != nominal("ipag", cp));
        assert_int_equal(b.lines[0].runs[u->run].upright, IML__LAY_TTB_RUN);
    }
    assert_int_equal(seen, 4);
    iml__arena_reset(&arena);
}

static void broken_vert_is_refused(void **state)
{
    (void)state;
    static const uint32_t cp[] = {0x3001, 0x3002, 0x300C, 0x300D, 0xFF08};
    for (size_t i = 0; i < IML_COUNT_OF(cp); i++) {
        assert_true(iml__face_covers(face("droid"), cp[i]));
        assert_false(iml__face_vert(face("droid"), cp[i]));
        assert_true(iml__face_vert(face("ipag"), cp[i]));
    }
    iml__lay_opt o;
    iml__face *faces[FACES];
    iml__lay_block b = lay("han_v", &o, faces); // its punctuation comes from the face that has it
    for (uint32_t k = 0; k < b.nunits; k++) {
        const iml__lay_unit *u = &b.lines[0].units[k];
        uint32_t c = b.par.cp[u->start];
        if (c == 0x300C || c == 0x3002) assert_int_equal(u->face, 2);
        if (c == 0x5929) assert_int_equal(u->face, 0);
    }
    iml__arena_reset(&arena);
}

static void stacked_clusters_stay_whole(void **state)
{
    (void)state;
    iml__lay_opt o;
    iml__face *faces[FACES];
    iml__lay_block v = lay("deva_v", &o, faces);
    iml__lay_opt row = o;
    row.dir = IML__LAY_LTR;
    iml__lay_block h = lay_with(named("deva_v")->text, &row);
    assert_int_equal(v.nunits, h.nunits);
    double y = -1e9;
    for (uint32_t k = 0; k < v.nunits; k++) {
        const iml__lay_unit *a = &v.lines[0].units[k], *c = &h.lines[0].units[k];
        if (a->white) continue;
        assert_int_equal(v.lines[0].runs[a->run].upright, IML__LAY_STACKED);
        // As wide and high as in the row, upright, below the one before, in the middle of the
        // column.
        assert_true(fabs((a->quad[2] - a->quad[0]) - (c->quad[2] - c->quad[0])) <= 1);
        assert_true(fabs((a->quad[5] - a->quad[1]) - (c->quad[5] - c->quad[1])) <= 1);
        assert_true(a->y > y && fabs(a->x) < 1e-9 && a->quad[1] == a->quad[3]);
        y = a->y;
    }
    iml__arena_reset(&arena);
}

static void torn_words_split(void **state)
{
    (void)state;
    iml__lay_opt o;
    iml__face *faces[FACES];
    iml__lay_block b = lay("torn_word", &o, faces);
    static const char *const want[] = {"one", "a", "אב", "גד", "b", "two"};
    const iml__lay_line *l = &b.lines[0];
    const char *text = named("torn_word")->text;
    assert_int_equal(l->nwords, IML_COUNT_OF(want));
    for (uint32_t i = 0; i < l->nwords; i++) {
        assert_int_equal(l->words[i].byte1 - l->words[i].byte0, strlen(want[i]));
        assert_memory_equal(text + l->words[i].byte0, want[i], strlen(want[i]));
    }
    iml__arena_reset(&arena);
}

static void rtl_units_go_left(void **state)
{
    (void)state;
    static const char *const names[] = {"arabic", "hebrew", "nastaliq", "unit_arab"};
    for (size_t i = 0; i < IML_COUNT_OF(names); i++) {
        iml__lay_opt o;
        iml__face *faces[FACES];
        iml__lay_block b = lay(names[i], &o, faces);
        for (uint32_t k = 1; k < b.lines[0].nunits; k++) {
            const iml__lay_unit *u = &b.lines[0].units[k], *p = u - 1;
            if (b.par.level[u->start] == 1 && b.par.level[p->start] == 1) assert_true(u->x < p->x);
        }
    }
    iml__arena_reset(&arena);
}

static void btt_units_go_up(void **state)
{
    (void)state;
    static const char *const names[] = {"latin_btt", "han_btt", "latin_bttu"};
    for (size_t i = 0; i < IML_COUNT_OF(names); i++) {
        iml__lay_opt o;
        iml__face *faces[FACES];
        iml__lay_block b = lay(names[i], &o, faces);
        for (uint32_t k = 1; k < b.lines[0].nunits; k++)
            assert_true(b.lines[0].units[k].y < b.lines[0].units[k - 1].y);
    }
    iml__arena_reset(&arena);
}

static void emoji_keep_colour(void **state)
{
    (void)state;
    iml__lay_opt o;
    iml__face *faces[FACES];
    iml__lay_block b = lay("emoji", &o, faces);
    assert_true(b.colour);
    unsigned pictures = 0;
    for (uint32_t i = 0; i < b.nstamps; i++) pictures += b.stamps[i].bm->channels == 4;
    assert_int_equal(pictures, 4); // each sequence is one picture
    int32_t w = (int32_t)(b.box[2] - b.box[0]) + 2, h = (int32_t)(b.box[3] - b.box[1]) + 2;
    uint8_t *px = iml_arena_calloc(&arena, (size_t)w * (size_t)h, 4);
    iml__lay_plane p = {
        px, w, h, 4 * (size_t)w, (int32_t)floor(b.box[0]), (int32_t)floor(b.box[1])};
    iml__lay_colours(&b, &p);
    size_t red = 0, grey = 0, clear = 0;
    for (size_t i = 0; i < (size_t)w * (size_t)h; i++) {
        const uint8_t *c = px + 4 * i;
        clear += c[3] == 0;
        red += c[3] > 200 && c[0] > 180 && c[1] < 90;
        grey += c[3] > 200 && c[0] == c[1] && c[1] == c[2];
    }
    assert_true(red > 50 && clear > 1000); // the heart
    assert_true(grey < (size_t)w * (size_t)h / 8);
    iml__arena_reset(&arena);
}

// Dots of a Latin fallback would stand on the column's edge.
static void dots_of_a_column_stand_in_its_middle(void **state)
{
    (void)state;
    iml__face *faces[] = {face("droid"), face("sans"), face("ipag")};
    iml__lay_opt o = ONE(IML__LAY_TTB, .faces = faces, .nfaces = 3);
    iml__lay_block b = lay_with("夜深了……", &o);
    assert_int_equal(b.problem, IML__LAY_FINE);
    const iml__lay_unit *dots = &b.lines[0].units[b.lines[0].nunits - 1];
    assert_int_equal(dots->face, 2);
    double middle = (b.lines[0].units[0].cell[0] + b.lines[0].units[0].cell[2]) / 2;
    double at = (dots->quad[0] + dots->quad[2] + dots->quad[4] + dots->quad[6]) / 4;
    assert_true(fabs(at - middle) < 3);
    iml__arena_reset(&arena);
}

// A script of its own comes from the first face or from none; with fallback_any from any.
static void fallback_only_for_common_characters(void **state)
{
    (void)state;
    iml__face *both[] = {face("thai"), face("sans")};
    iml__lay_opt o = ONE(IML__LAY_LTR, .faces = both, .nfaces = 2);
    iml__lay_block b = lay_with("ไทย 12, (3)", &o);
    assert_int_equal(b.problem, IML__LAY_FINE);
    uint32_t from[2] = {0};
    for (uint32_t u = 0; u < b.lines[0].nunits; u++) {
        const iml__lay_unit *unit = &b.lines[0].units[u];
        uint8_t script = iml__ucd_get(b.par.cp[unit->start])->script;
        if (unit->white) continue;
        from[unit->face]++;
        assert_true(unit->face == 0 || script == IML__SC_Zyyy || script == IML__SC_Zinh);
    }
    assert_true(from[0] == 3 && from[1] > 3); // Noto Sans Thai has no digit, comma or bracket
    assert_int_equal(lay_with("ไทย abc", &o).problem, IML__LAY_NO_FACE);
    o.fallback_any = true;
    b = lay_with("ไทย abc", &o);
    assert_int_equal(b.problem, IML__LAY_FINE);
    assert_int_equal(b.lines[0].units[b.lines[0].nunits - 1].face, 1);
    iml__arena_reset(&arena);
}

// ---- Options

static void problems_are_told(void **state)
{
    (void)state;
    iml__face *latin[] = {face("sans")}, *thai[] = {face("thai")}, *deva[] = {face("deva")};
    iml__lay_opt o = ONE(IML__LAY_LTR, .faces = latin, .nfaces = 1);
    assert_int_equal(lay_with("a\u5929", &o).problem, IML__LAY_NO_FACE);
    assert_int_equal(lay_with("a\u5929", &o).problem_cp, 1);
    assert_int_equal(lay_with("  ", &o).problem, IML__LAY_BAD_UTF8);
    assert_int_equal(lay_with("\xff", &o).problem, IML__LAY_BAD_UTF8);
    o.faces = deva;
    assert_int_equal(lay_with("\u0915\u094d\u0940", &o).problem, IML__LAY_DOTTED_CIRCLE);
    o.faces = thai;
    assert_int_equal(lay_with("1", &o).problem, IML__LAY_NO_FACE); // this face has no digits
    char marks[2 * 80 + 2] = "a";
    for (int i = 0; i < 80; i++) memcpy(marks + 1 + 2 * i, "\u0301", 2);
    marks[161] = 0;
    o.faces = latin;
    assert_int_equal(lay_with(marks, &o).problem, IML__LAY_LONG_UNIT);
    o.radius = NAN;
    iml__lay_block b;
    assert_int_equal(iml__lay_text(setter, &b, "a", 1, &o, &arena, NULL), IML_EARG);
    iml__arena_reset(&arena);
}

static void lines_come_as_asked(void **state)
{
    (void)state;
    iml__face *faces[FACES];
    iml__lay_opt o;
    assert_int_equal(lay("latin3", &o, faces).nlines, 3);
    assert_int_equal(lay("han3", &o, faces).nlines, 3);
    o = options(named("latin"), faces);
    o.lines = 40; // fewer words than lines
    iml__lay_block b = lay_with("one two three", &o);
    assert_int_equal(b.nlines, 3);
    iml__lay_block w = lay("wrap", &o, faces);
    assert_true(w.nlines >= 3);
    for (uint32_t i = 0; i < w.nlines; i++) {
        assert_true(w.lines[i].width / 64.0 <= 260 + 1);
        if (i + 1 < w.nlines)
            assert_true(fabs(w.lines[i].width / 64.0 - w.length) < 0.1); // justified
    }
    // Thai breaks at words, and with more lines than spaces.
    faces[0] = face("thai");
    o = (iml__lay_opt)O(IML__LAY_LTR, .lines = 3, .faces = faces, .nfaces = 1);
    assert_int_equal(
        lay_with("\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22\u0e2a\u0e27\u0e22\u0e07\u0e32\u0e21",
                 &o)
            .nlines,
        3);
    iml__arena_reset(&arena);
}

static void alignment_is_physical(void **state)
{
    (void)state;
    iml__face *faces[FACES];
    static const struct {
        const char *name;
        enum iml__lay_align align;
        int axis, corner; // lines 0 and 1 agree in this coordinate of this corner of their cells
    } rows[] = {{"latin3", IML__LAY_LEFT, 0, 0},    {"latin3", IML__LAY_RIGHT, 0, 1},
                {"arab2", IML__LAY_START, 0, 1},    {"arab2", IML__LAY_LEFT, 0, 0},
                {"arab2", IML__LAY_END, 0, 0},      {"kana_v2", IML__LAY_TOP, 1, 0},
                {"kana_v2", IML__LAY_BOTTOM, 1, 2}, {"latin3", IML__LAY_TOP, 0, 0}};
    for (size_t i = 0; i < IML_COUNT_OF(rows); i++) {
        iml__lay_opt o = options(named(rows[i].name), faces);
        o.align = rows[i].align;
        iml__lay_block b = lay_with(named(rows[i].name)->text, &o);
        double best[2];
        for (int k = 0; k < 2; k++) {
            best[k] = rows[i].corner ? -1e9 : 1e9;
            for (uint32_t u = 0; u < b.lines[k].nunits; u++)
                for (int c = 0; c < 4; c++) {
                    double v = b.lines[k].units[u].cell[2 * c + rows[i].axis];
                    best[k] = rows[i].corner ? fmax(best[k], v) : fmin(best[k], v);
                }
        }
        if (fabs(best[0] - best[1]) > 0.02) fail_msg("row %zu: %g %g", i, best[0], best[1]);
        assert_true(b.lines[0].width != b.lines[1].width);
    }
    iml__arena_reset(&arena);
}

static void columns_go_left(void **state)
{
    (void)state;
    iml__face *faces[FACES];
    iml__lay_opt o;
    iml__lay_block b = lay("kana_v2", &o, faces);
    assert_true(b.lines[1].units[0].x < b.lines[0].units[0].x - SIZE);
    b = lay("mong", &o, faces);
    assert_true(b.lines[1].units[0].x > b.lines[0].units[0].x + SIZE);
    o = options(named("kana_v2"), faces);
    o.columns = IML__LAY_COLUMNS_LTR;
    b = lay_with(named("kana_v2")->text, &o);
    assert_true(b.lines[1].units[0].x > b.lines[0].units[0].x + SIZE);
    iml__arena_reset(&arena);
}

static double ink_of(const iml__lay_block *b, uint32_t layer)
{
    int32_t w = (int32_t)(b->box[2] - b->box[0]) + 2, h = (int32_t)(b->box[3] - b->box[1]) + 2;
    uint8_t *px = iml_arena_calloc(&arena, (size_t)w, (size_t)h);
    iml__lay_plane p = {px, w, h, (size_t)w, (int32_t)floor(b->box[0]), (int32_t)floor(b->box[1])};
    double sum = 0;
    iml__lay_coverage(b, layer, &p);
    for (size_t i = 0; i < (size_t)w * (size_t)h; i++) sum += px[i] / 255.0;
    return sum;
}

static void strokes_grow_ink_and_quads(void **state)
{
    (void)state;
    iml__face *faces[FACES];
    const sample *s = named("latin");
    static const char *const names[] = {"latin",     "arabic", "smile",
                                        "arab_bend", "kana_v", "latin_side"};
    for (size_t i = 0; i < IML_COUNT_OF(names); i++) {
        s = named(names[i]);
        iml__lay_opt o = options(s, faces);
        iml__lay_block plain = lay_with(s->text, &o);
        o = options_with(s, faces, (iml__face_spec){.size = SIZE, .border = 2});
        iml__lay_block border = lay_with(s->text, &o);
        assert_int_equal(border.problem, IML__LAY_FINE);
        assert_true(ink_of(&border, IML__LAY_BORDER) > ink_of(&plain, IML__LAY_FILL));
        assert_true(fabs(ink_of(&border, IML__LAY_FILL) - ink_of(&plain, IML__LAY_FILL)) < 0.5);
        check_ink(s, &border, &o);
        check_touch(s, &border, &o);
        const double *p = plain.lines[0].quad, *q = border.lines[0].quad;
        assert_true(hypot(p[0] - p[2], p[1] - p[3]) + 3 < hypot(q[0] - q[2], q[1] - q[3]));
        o = options_with(s, faces, (iml__face_spec){.size = SIZE, .bold = 0.03});
        iml__lay_block bold = lay_with(s->text, &o);
        assert_int_equal(bold.problem, IML__LAY_FINE);
        assert_true(ink_of(&bold, IML__LAY_FILL) > 1.1 * ink_of(&plain, IML__LAY_FILL));
        assert_true(bold.lines[0].width > plain.lines[0].width);
        check_ink(s, &bold, &o);
        o = options_with(s, faces, (iml__face_spec){.size = SIZE, .oblique = 12});
        iml__lay_block slant = lay_with(s->text, &o);
        assert_int_equal(slant.problem, IML__LAY_FINE);
        assert_int_equal(slant.lines[0].width, plain.lines[0].width);
        check_ink(s, &slant, &o);
        iml__arena_reset(&arena);
    }
}

static void swing(void *user, uint32_t unit, iml__lay_jitter *j)
{
    (void)user;
    j->dy = unit % 3 - 1.0, j->angle = (unit % 5 - 2.0) * 0.1, j->scale = 1 + (unit % 4) * 0.1;
}

static void jitter_moves_units_with_their_quads(void **state)
{
    (void)state;
    static const char *const names[] = {"latin", "arabic", "smile", "kana_v", "emoji", "latin_btt"};
    for (size_t i = 0; i < IML_COUNT_OF(names); i++) {
        iml__face *faces[FACES];
        const sample *s = named(names[i]);
        iml__lay_opt o = options(s, faces);
        iml__lay_block plain = lay_with(s->text, &o);
        o.jitter = swing;
        iml__lay_block b = lay_with(s->text, &o);
        check_ink(s, &b, &o);
        check_touch(s, &b, &o);
        const iml__lay_unit *u = &b.lines[0].units[1], *p = &plain.lines[0].units[1];
        assert_true(fabs(u->angle - p->angle + 0.1) < 1e-9);
        assert_true(u->scale > 1.09 && u->scale < 1.11);
        iml__arena_reset(&arena);
    }
}

static void curves_are_bounded(void **state)
{
    (void)state;
    iml__face *faces[FACES];
    iml__lay_opt o;
    iml__lay_block b = lay("span", &o, faces);
    assert_true(b.radius > 30 && fabs(b.length / b.radius - 3.14159265358979323846) < 1e-9);
    b = lay("tight", &o, faces);
    assert_true(b.amplitude < 50 && b.amplitude * o.frequency <= 1.7321);
    // Arc length: neighbouring points of the table lie one pixel apart.
    for (int k = 1; k < b.table_n; k++)
        assert_true(fabs(hypot(b.table[k].x - b.table[k - 1].x, b.table[k].y - b.table[k - 1].y) -
                         1) < 0.01);
    // A smile's ends are above its middle (y down), an arch's below.
    b = lay("smile", &o, faces);
    assert_true(b.lines[0].baseline[1] < -10 && b.lines[0].baseline[3] < -10);
    b = lay("arch2", &o, faces);
    assert_true(b.lines[0].baseline[1] > 10 && b.lines[0].baseline[3] > 10);
    iml__arena_reset(&arena);
}

static void overlap_removes_its_share(void **state)
{
    (void)state;
    iml__face *faces[FACES];
    iml__lay_opt o = options(named("latin"), faces);
    int32_t plain = lay_with("aaaaa", &o).lines[0].width;
    o.overlap = 0.25;
    int32_t less = lay_with("aaaaa", &o).lines[0].width;
    assert_true(abs(plain - plain / 5 - less) <= 5 + 64 || less == plain - 4 * (plain / 20));
    assert_true(abs(less - (plain - 4 * plain / 20)) <= 4);
    faces[0] = face("naskh");
    int32_t joined = lay_with("\u0628\u0628\u0628", &o).lines[0].width;
    o.overlap = 0;
    assert_int_equal(lay_with("\u0628\u0628\u0628", &o).lines[0].width, joined);
    iml__arena_reset(&arena);
}

// ---- Robustness

static uint64_t picture_hash(const iml__lay_block *b)
{
    uint64_t h = 1469598103934665603u;
    for (uint32_t i = 0; i < b->nstamps; i++) {
        const iml__lay_stamp *s = &b->stamps[i];
        size_t n = (size_t)s->bm->w * (size_t)s->bm->h * (size_t)s->bm->channels;
        h = (h ^ (uint32_t)(s->x + s->bm->left)) * 1099511628211u;
        h = (h ^ (uint32_t)(s->y + s->bm->top)) * 1099511628211u;
        for (size_t k = 0; k < n; k++) h = (h ^ s->bm->px[k]) * 1099511628211u;
    }
    return h;
}

static void cache_size_changes_nothing(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1 << 16, IML__GLYPH_CACHE};
    uint64_t want[NSAMPLES];
    iml__setter *own = setter;
    for (size_t k = 0; k < IML_COUNT_OF(sizes); k++) {
        assert_ok(iml__setter_new(&setter, sizes[k], e));
        for (int round = 0; round < 2; round++)
            for (int i = 0; i < NSAMPLES; i++) {
                iml__face *faces[FACES];
                iml__lay_opt o = options(&samples[i], faces);
                iml__lay_block b = lay_with(samples[i].text, &o);
                uint64_t h = picture_hash(&b);
                if (!k && !round) want[i] = h;
                if (h != want[i])
                    fail_msg("%s differs with a cache of %zu bytes", samples[i].name, sizes[k]);
                iml__arena_reset(&arena);
                iml__setter_tidy(setter);
            }
        iml__setter_free(&setter);
    }
    setter = own;
}

static uint32_t lcg(uint32_t *s) { return (*s = *s * 1664525u + 1013904223u) >> 8; }

static size_t put_utf8(char *p, uint32_t c)
{
    if (c < 0x80) return p[0] = (char)c, 1;
    if (c < 0x800) return p[0] = (char)(0xC0 | c >> 6), p[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000) {
        p[0] = (char)(0xE0 | c >> 12), p[1] = (char)(0x80 | (c >> 6 & 63)),
        p[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    p[0] = (char)(0xF0 | c >> 18), p[1] = (char)(0x80 | (c >> 12 & 63));
    p[2] = (char)(0x80 | (c >> 6 & 63)), p[3] = (char)(0x80 | (c & 63));
    return 4;
}

// Letters, marks, controls, brackets, bidi controls, emoji, surrogates and bytes that are no UTF-8.
static size_t random_text(uint32_t *seed, char *text)
{
    static const uint32_t wild[] = {0x00,   0x20,   0x300,  0x5D0,  0x620,   0x900,
                                    0xE00,  0x1100, 0x2000, 0x200B, 0x3000,  0x4E00,
                                    0xAC00, 0xD7F0, 0xFE00, 0xFF00, 0x1F300, 0xE0100};
    static const uint32_t tame[][2] = {{0x20, 1},     {0x41, 26},  {0x5D0, 26}, {0x628, 32},
                                       {0x915, 36},   {0x93E, 12}, {0xE01, 46}, {0x4E00, 80},
                                       {0xAC00, 90},  {0x300, 5},  {0x28, 2},   {0x200C, 4},
                                       {0x1F600, 50}, {0x64B, 8}};
    size_t n = 0, want = 1 + lcg(seed) % 40;
    bool rough = lcg(seed) % 4 == 0;
    size_t row[3] = {0, 0, lcg(seed) % IML_COUNT_OF(tame)};
    row[1] = lcg(seed) % IML_COUNT_OF(tame);
    for (size_t i = 0; i < want; i++) {
        const uint32_t *t = tame[row[lcg(seed) % 3]];
        uint32_t c = t[0] + lcg(seed) % t[1];
        if (rough && lcg(seed) % 3 == 0) c = wild[lcg(seed) % IML_COUNT_OF(wild)] + lcg(seed) % 96;
        n += put_utf8(text + n, c);
        if (rough && lcg(seed) % 200 == 0) text[n++] = (char)lcg(seed);
    }
    return n;
}

static void random_texts_are_clean(void **state)
{
    (void)state;
    uint32_t seed = 7, fine = 0;
    iml__face *faces[] = {face("sans"), face("hebr"),  face("naskh"), face("deva"),
                          face("thai"), face("droid"), face("nanum"), face("emoji")};
    for (int i = 0; i < 1500; i++) {
        char text[256];
        size_t n = random_text(&seed, text);
        iml__lay_opt o;
        iml__lay_opt_default(&o);
        o.faces = faces, o.nfaces = IML_COUNT_OF(faces), o.fallback_any = true;
        o.dir = lcg(&seed) % 4, o.vertical = lcg(&seed) % 4, o.align = lcg(&seed) % 8,
        o.bend = lcg(&seed) % 3;
        o.curve = lcg(&seed) % 3, o.radius = lcg(&seed) % 300, o.amplitude = lcg(&seed) % 60;
        o.frequency = (lcg(&seed) % 100) / 1000.0, o.phase = lcg(&seed) % 7;
        o.lines = lcg(&seed) % 4, o.by_unit = lcg(&seed) % 2, o.wrap = lcg(&seed) % 400;
        o.overlap = (lcg(&seed) % 10) / 12.0, o.letter_spacing = lcg(&seed) % 5;
        iml__lay_block b;
        assert_ok(iml__lay_text(setter, &b, text, n, &o, &arena, e));
        if (!b.problem) {
            fine++;
            (void)ink_of(&b, IML__LAY_FILL);
            sample s = {.name = "random"};
            if (b.nstamps) // sums of no ink are not an error here
                for (uint32_t k = 0; k < b.nstamps; k++) {
                    const iml__lay_stamp *t = &b.stamps[k];
                    const double *q = b.lines[t->line].units[t->unit].quad;
                    assert_true(
                        in_quad(q, t->x + t->bm->left + t->bm->ink[0] + 0.5, (q[1] + q[5]) / 2) ||
                        b.table || b.par.dir != IML__LAY_LTR);
                }
            check_marks(&s, &b, &o);
        }
        iml__arena_reset(&arena);
        iml__setter_tidy(setter);
    }
    print_message("%u of 1500 texts drawn\n", fine);
    assert_true(fine > 400);
}

// Each allocation of our own fails once, in turn: an error or the right picture, and nothing leaks.
static void failing_memory_is_an_error(void **state)
{
    (void)state;
    static const char *const names[] = {"mixed_rtl", "kana_v", "arab_bend", "emoji"};
    iml__setter *own = setter;
    unsigned failed = 0;
    for (size_t f = 0; f < IML_COUNT_OF(fonts); f++) needs(fonts[f].path);
    for (size_t i = 0; i < IML_COUNT_OF(names); i++) {
        const sample *s = named(names[i]);
        uint64_t want = 0;
        for (uint64_t n = 0; n < 2000; n++) {
            iml_err e = {0};
            iml__lay_block b = {0};
            iml__face *faces[FACES] = {NULL};
            iml__lay_opt o = s->o;
            setter = NULL;
            iml__mem_fail(n, false); // 0: none, for the picture that is wanted
            iml_status st = iml__setter_new(&setter, 1 << 20, &e);
            o.faces = faces, o.nfaces = 0;
            for (const char *p = s->faces; *p && st == IML_OK;) {
                size_t k = strcspn(p, ",");
                for (size_t f = 0; f < IML_COUNT_OF(fonts) && st == IML_OK; f++)
                    if (strlen(fonts[f].name) == k && !memcmp(fonts[f].name, p, k)) {
                        iml__face_spec spec = {.path = fonts[f].path, .size = SIZE};
                        st = iml__setter_face(setter, &spec, &faces[o.nfaces++], &e);
                    }
                p += k + (p[k] == ',');
            }
            if (st == IML_OK)
                st = iml__lay_text(setter, &b, s->text, strlen(s->text), &o, &arena, &e);
            bool used_up = n && iml__mem_asked() < n;
            iml__mem_fail(0, false);
            if (st == IML_OK && !n) want = picture_hash(&b);
            if (st == IML_OK && (b.problem || picture_hash(&b) != want))
                fail_msg("%s: allocation %u", s->name, (unsigned)n);
            if (st != IML_OK) assert_true(st == IML_ENOMEM && e.msg[0]);
            failed += st != IML_OK;
            iml__setter_free(&setter);
            iml__arena_reset(&arena);
            if (used_up) break;
        }
    }
    setter = own;
    assert_true(failed > 100);
}

static int begin(void **state)
{
    (void)state;
    return iml__arena_open(&arena, (size_t)1 << 30, -1, NULL) ||
           iml__setter_new(&setter, IML__GLYPH_CACHE, NULL);
}

static int end(void **state)
{
    (void)state;
    iml__setter_free(&setter);
    iml__arena_close(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ink_lies_in_quads),
        cmocka_unit_test(quads_touch_ink),
        cmocka_unit_test(unit_texts_concatenate),
        cmocka_unit_test(no_unit_starts_with_a_mark),
        cmocka_unit_test(polygon_contains_units),
        cmocka_unit_test(a_whole_circle_keeps_its_polygon_at_the_ink),
        cmocka_unit_test(advance_equals_hb_shape),
        cmocka_unit_test(arabic_joins),
        cmocka_unit_test(devanagari_reorders),
        cmocka_unit_test(thai_marks_stack),
        cmocka_unit_test(nfd_is_as_wide_as_nfc),
        cmocka_unit_test(vertical_punctuation_uses_vert),
        cmocka_unit_test(broken_vert_is_refused),
        cmocka_unit_test(stacked_clusters_stay_whole),
        cmocka_unit_test(torn_words_split),
        cmocka_unit_test(rtl_units_go_left),
        cmocka_unit_test(btt_units_go_up),
        cmocka_unit_test(emoji_keep_colour),
        cmocka_unit_test(dots_of_a_column_stand_in_its_middle),
        cmocka_unit_test(fallback_only_for_common_characters),
        cmocka_unit_test(problems_are_told),
        cmocka_unit_test(lines_come_as_asked),
        cmocka_unit_test(alignment_is_physical),
        cmocka_unit_test(columns_go_left),
        cmocka_unit_test(strokes_grow_ink_and_quads),
        cmocka_unit_test(jitter_moves_units_with_their_quads),
        cmocka_unit_test(curves_are_bounded),
        cmocka_unit_test(overlap_removes_its_share),
        cmocka_unit_test(cache_size_changes_nothing),
        cmocka_unit_test(random_texts_are_clean),
        cmocka_unit_test(failing_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
