// Microseconds from UTF-8 to quads of a line of about 25 units, with and without the glyph cache,
// and of opening a face's first line; CPU time, the best of several rounds. One JSON line a case.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "src/base/arena.h"
#include "src/synth/layout.h"

#define FONTS "/usr/share/fonts/"
static const struct row {
    const char *name, *font, *fallback, *text;
    enum iml__lay_dir dir;
    enum iml__lay_curve curve;
} rows[] = {
    {"latin", FONTS "truetype/noto/NotoSans-Regular.ttf", NULL, "Office hours 12.50 on To.",
     IML__LAY_LTR, 0},
    {"arabic", FONTS "truetype/noto/NotoNaskhArabic-Regular.ttf", NULL,
     "السلام عليكم ورحمة الله وبركات", IML__LAY_RTL, 0},
    {"devanagari", FONTS "truetype/noto/NotoSansDevanagari-Regular.ttf", NULL,
     "हिन्दी में क्षत्रिय स्त्री और पुस्तक का नाम लिखो", IML__LAY_LTR, 0},
    {"han_vertical", FONTS "truetype/droid/DroidSansFallbackFull.ttf",
     FONTS "opentype/ipafont-gothic/ipag.ttf", "天地玄黄，宇宙洪荒。日月盈昃，「辰宿列张」。寒来暑",
     IML__LAY_TTB, 0},
    {"latin_arc", FONTS "truetype/noto/NotoSans-Regular.ttf", NULL, "Office hours 12.50 on To.",
     IML__LAY_LTR, IML__LAY_ARC},
    {"arabic_bent", FONTS "truetype/noto/NotoNaskhArabic-Regular.ttf", NULL,
     "السلام عليكم ورحمة الله وبركات", IML__LAY_RTL, IML__LAY_SINE},
};

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int face(iml__setter *s, const char *path, iml__face **f)
{
    iml__face_spec spec = {.path = path, .size = 32};
    return iml__setter_face(s, &spec, f, NULL);
}

typedef struct result {
    double us, first_us;
    uint32_t units;
    size_t arena;
} result;

static int run(const struct row *r, size_t cache, iml_arena *a, result *out)
{
    iml__setter *s;
    iml__face *faces[2] = {NULL};
    iml__lay_opt o;
    iml__lay_block b = {0};
    enum { ROUNDS = 15, TIMES = 100 };
    iml__lay_opt_default(&o);
    o.dir = r->dir, o.curve = r->curve, o.faces = faces, o.nfaces = r->fallback ? 2 : 1;
    o.radius = 250, o.amplitude = 10, o.frequency = 0.02;
    if (iml__setter_new(&s, cache, NULL)) return 1;
    double t = now_us();
    int bad = face(s, r->font, &faces[0]) || (r->fallback && face(s, r->fallback, &faces[1]));
    bad = bad || iml__lay_text(s, &b, r->text, strlen(r->text), &o, a, NULL) || b.problem;
    *out = (result){.us = 1e30, .first_us = now_us() - t, .units = b.nunits, .arena = a->used};
    for (int i = 0; i < ROUNDS && !bad; i++) {
        t = now_us();
        for (int k = 0; k < TIMES && !bad; k++) {
            iml__arena_reset(a);
            bad = iml__lay_text(s, &b, r->text, strlen(r->text), &o, a, NULL) || b.problem;
            iml__setter_tidy(s);
        }
        t = (now_us() - t) / TIMES;
        if (t < out->us) out->us = t;
    }
    iml__arena_reset(a);
    iml__setter_free(&s);
    return bad;
}

int main(void)
{
    iml_arena a;
    if (iml__arena_open(&a, (size_t)1 << 30, -1, NULL)) return 1;
    for (size_t i = 0; i < IML_COUNT_OF(rows); i++) {
        result with, without;
        if (run(&rows[i], IML__GLYPH_CACHE, &a, &with) || run(&rows[i], 0, &a, &without)) {
            printf("{\"bench\":\"text\",\"case\":\"%s\",\"skipped\":\"a font is missing\"}\n",
                   rows[i].name);
            continue;
        }
        printf("{\"bench\":\"text\",\"case\":\"%s\",\"units\":%u,\"us_cached\":%.1f,\"us_"
               "uncached\":%.1f,"
               "\"us_first\":%.0f,\"arena_kb\":%zu}\n",
               rows[i].name, with.units, with.us, without.us, with.first_us, with.arena / 1024);
    }
    iml__arena_close(&a);
    return 0;
}
