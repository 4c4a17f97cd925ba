// background.c: names of kinds, plain colours, and the place of a picture under the canvas.
//
// The canvas (0, 0, w, h) shows crop (x, y, w, h) of the picture. What a map asks for beyond that
// is the picture's own surroundings as far as they go, then its reflection (101: the edge pixel is
// not repeated), the same that tiles a picture that is too small. So one rule serves crops, tiles
// and warps, and nothing ever shows a hole or a seam of colour.
#include "src/synth/background.h"

#include <math.h>
#include <string.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/image/resample.h"
#include "src/kernel/kernel.h"
#include "src/synth/bg_kinds.h"

static const char *const names[IML__BG_KINDS] = {"none",     "colour",         "image", "solid",
                                                 "gradient", "paper",          "ruled", "noise",
                                                 "crystal",  "stripes_shapes", "blobs"};

const char *iml__bg_kind_name(enum iml__bg_kind k) { return names[k]; }

int iml__bg_kind_find(const char *name)
{
    for (int k = 0; k < IML__BG_KINDS; k++)
        if (!strcmp(name, names[k])) return k;
    return -1;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool iml__bg_colour_parse(const char *s, uint8_t rgb[3])
{
    if (!strcmp(s, "white")) {
        memset(rgb, 255, 3);
        return true;
    }
    if (*s++ != '#' || strlen(s) != 6) return false;
    for (int c = 0; c < 3; c++) {
        int hi = hex(s[2 * c]), lo = hex(s[2 * c + 1]);
        if (hi < 0 || lo < 0) return false;
        rgb[c] = (uint8_t)(16 * hi + lo);
    }
    return true;
}

// Where the canvas begins along one side of the picture.
static int32_t origin(const iml__render_bg *bg, int axis, int32_t side, int32_t want)
{
    if (bg->crop_given) return bg->crop[axis];
    if (bg->mode == IML__BG_CROP_TOP_LEFT || bg->mode == IML__BG_TILE) return 0;
    int32_t room = side > want ? side - want + 1 : 1;
    return (int32_t)floor(bg->u[axis] * room);
}

// Copies the picture's plane, continued by reflection, from (x, y).
static iml_status copy_reflected(const iml_image *m, int64_t x, int64_t y, iml_image *out,
                                 iml_arena *scratch, iml_err *e)
{
    int32_t *col = NULL;
    bool inside = x >= 0 && x + out->w <= m->w;
    if (!inside && !(col = iml_arena_alloc(scratch, (size_t)out->w * sizeof *col)))
        return IML_FAIL(e, IML_ENOMEM, "no memory for a row of background");
    for (int32_t i = 0; i < out->w && !inside; i++) col[i] = 3 * iml__reflect101(x + i, m->w);
    for (int32_t j = 0; j < out->h; j++) {
        const uint8_t *s = iml__image_row(m, iml__reflect101(y + j, m->h));
        uint8_t *d = iml__image_row(out, j);
        if (inside) {
            memcpy(d, s + 3 * x, 3 * (size_t)out->w);
            continue;
        }
        for (int32_t i = 0; i < out->w; i++, d += 3) {
            const uint8_t *q = s + col[i];
            d[0] = q[0], d[1] = q[1], d[2] = q[2];
        }
    }
    return IML_OK;
}

static iml_status draw_picture(const iml__render_bg *bg, int32_t w, int32_t h, int32_t x, int32_t y,
                               iml_image *out, int32_t crop[4], double *scale, iml_arena *scratch,
                               iml_err *e)
{
    iml_image m = *iml__bg_image(bg->picture);
    if (bg->mode == IML__BG_SCALE) { // The smallest size that covers the canvas.
        double sx = (double)w / m.w, sy = (double)h / m.h;
        *scale = sx > sy ? sx : sy;
        int32_t sw = IML_MAX(iml__scaled_side(m.w, *scale), w);
        int32_t sh = IML_MAX(iml__scaled_side(m.h, *scale), h);
        if (sw != m.w || sh != m.h)
            IML_TRY(iml__resize(iml__bg_image(bg->picture), sw, sh, IML__FILTER_TRIANGLE, scratch,
                                &m, e));
    }
    crop[0] = origin(bg, 0, m.w, w), crop[1] = origin(bg, 1, m.h, h);
    return copy_reflected(&m, (int64_t)crop[0] + x, (int64_t)crop[1] + y, out, scratch, e);
}

iml_status iml__bg_draw(const iml__render_bg *bg, uint64_t seed, uint64_t index, int32_t w,
                        int32_t h, int32_t x, int32_t y, iml_image *out, int32_t crop[4],
                        double *scale, iml_arena *scratch, iml_err *e)
{
    iml__bg_plane plane = {seed, index, w, h, x, y};
    size_t mark = iml__arena_mark(scratch);
    iml_status st = IML_OK;
    crop[0] = crop[1] = 0, crop[2] = w, crop[3] = h;
    *scale = 1;
    switch (bg->kind) {
    case IML__BG_NONE: return IML_FAIL(e, IML_EARG, "a transparent background draws nothing");
    case IML__BG_COLOUR: iml__image_fill(out, bg->rgb); break;
    case IML__BG_IMAGE:
        if (!bg->picture) return IML_FAIL(e, IML_EARG, "a background picture is missing");
        st = draw_picture(bg, w, h, x, y, out, crop, scale, scratch, e);
        break;
    default: st = iml__bg_kind_draw(bg->kind, &plane, out, scratch, e); break;
    }
    iml__arena_release(scratch, mark);
    return st;
}
