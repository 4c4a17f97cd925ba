// Any bytes as a text with any options, in a handful of faces: laid out or told why not. Fonts of
// the default set that are not there are left out; without any the target does nothing.
#include "fuzz/fz_target.h"

#include <string.h>
#include <unistd.h>

#include "src/base/arena.h"
#include "src/synth/layout.h"

#define FONTS "/usr/share/fonts/truetype/"
static const char *const paths[] = {
    FONTS "noto/NotoSans-Regular.ttf",        FONTS "noto/NotoSansHebrew-Regular.ttf",
    FONTS "noto/NotoNaskhArabic-Regular.ttf", FONTS "noto/NotoSansDevanagari-Regular.ttf",
    FONTS "noto/NotoSansThai-Regular.ttf",    "/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf",
    FONTS "droid/DroidSansFallbackFull.ttf",  FONTS "noto/NotoSansMongolian-Regular.ttf",
};

static uint8_t take(const uint8_t **p, size_t *n) { return *n ? ((*n)--, *(*p)++) : 0; }

static void options(iml__lay_opt *o, const uint8_t **p, size_t *n)
{
    uint8_t b[16];
    for (size_t i = 0; i < sizeof b; i++) b[i] = take(p, n);
    iml__lay_opt_default(o);
    o->dir = b[0] & 3, o->vertical = b[0] >> 2 & 3, o->align = b[0] >> 4 & 7,
    o->fallback_any = b[0] >> 7;
    o->curve = b[1] % 3, o->bend = b[2] % 3, o->concave = b[3] & 1, o->by_unit = b[3] >> 1 & 1;
    o->columns = b[4] % 3, o->lines = b[5] % 9, o->wrap = b[6] * 4.0;
    o->radius = b[7] * 3.0, o->amplitude = b[8], o->frequency = b[9] / 256.0,
    o->phase = b[10] / 40.0;
    o->overlap = (b[11] % 96) / 100.0, o->letter_spacing = b[12] - 128.0,
    o->word_spacing = b[13] - 128.0;
    o->line_spacing = b[14] / 64.0, o->max_span = 1 + b[15];
}

static void check(const iml__lay_block *b)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < b->nlines; i++)
        for (uint32_t k = 0; k < b->lines[i].nunits; k++) {
            const iml__lay_unit *u = &b->lines[i].units[k];
            if (u->byte0 < at || u->byte1 <= u->byte0) __builtin_trap();
            if (u->stamp + u->stamps > b->nstamps) __builtin_trap();
            at = u->byte1;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static iml__setter *s; // kept between inputs, as a worker keeps its own
    iml__face *faces[IML_COUNT_OF(paths)];
    iml__lay_opt o;
    iml__lay_block b;
    iml_arena a;
    uint32_t count = 0;
    uint8_t px[64 * 64] = {0};
    iml__lay_plane plane = {px, 64, 64, 64, -8, -32};
    if (n > 4096 || (!s && iml__setter_new(&s, 1 << 20, NULL))) return 0;
    iml__setter_tidy(s);
    iml__face_spec spec = {.size = 1 + take(&data, &n) % 64};
    uint8_t strokes = take(&data, &n);
    spec.bold = (strokes & 7) / 64.0, spec.border = (strokes >> 3 & 7) / 2.0,
    spec.oblique = (strokes >> 6) * 8.0;
    for (size_t i = 0; i < IML_COUNT_OF(paths); i++) {
        spec.path = paths[i];
        if (!access(paths[i], R_OK) && !iml__setter_face(s, &spec, &faces[count], NULL)) count++;
    }
    options(&o, &data, &n);
    o.faces = faces, o.nfaces = count;
    if (!count || iml__arena_open(&a, (size_t)256 << 20, -1, NULL)) return 0;
    if (!iml__lay_text(s, &b, (const char *)data, n, &o, &a, NULL) && !b.problem) {
        check(&b);
        iml__lay_coverage(&b, IML__LAY_FILL, &plane);
    }
    iml__arena_close(&a);
    return 0;
}
