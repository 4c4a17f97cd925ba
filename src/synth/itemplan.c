// itemplan.c: drawing the parameters of an item.
//
// A key's stream is named `synth.KEY`; its n-th repetition (another text, another colour) is
// `synth.KEY#n`. Slots keep draws apart inside a stream, so adding a key, a channel or a side moves
// no other draw. Nothing here looks at text, faces or pictures.
#include "src/synth/itemplan.h"

#include "src/base/rng.h"

#include <stdio.h>
#include <string.h>

static uint32_t stream_of(const char *key)
{
    char name[80];
    (void)snprintf(name, sizeof name, "synth.%s", key);
    return iml_stream(name);
}

static uint32_t repeated(const char *name, uint32_t attempt)
{
    char full[96];
    if (!attempt) return iml_stream(name);
    (void)snprintf(full, sizeof full, "%s#%u", name, attempt);
    return iml_stream(full);
}

void iml__streams_init(iml__streams *s)
{
    for (int k = 0; k < IML__NUMS; k++) s->num[k] = stream_of(iml__key_nums[k].rule.key);
    for (int k = 0; k < IML__ENUMS; k++) s->en[k] = stream_of(iml__key_enums[k].key);
    for (int k = 0; k < IML__COLOURS; k++) s->colour[k] = stream_of(iml__key_colours[k].key);
}

int iml__unit_key(int key)
{
    return key == IML__N_baseline_jitter  ? 0
           : key == IML__N_glyph_rotation ? 1
           : key == IML__N_glyph_scale    ? 2
                                          : -1;
}

// Channel ch of the n-th colour of a stream: slot 1 + 4 n + ch.
static void draw_colour(const iml__colour_range *r, uint64_t seed, uint64_t index, uint32_t stream,
                        uint32_t n, uint8_t out[4])
{
    for (uint32_t ch = 0; ch < 4; ch++) {
        out[ch] = r->lo[ch];
        if (r->hi[ch] == r->lo[ch]) continue;
        iml_rng g = iml__rng_slot(seed, index, stream, 1 + 4 * n + ch);
        out[ch] = (uint8_t)(r->lo[ch] + iml_rng_bounded(&g, (uint64_t)(r->hi[ch] - r->lo[ch]) + 1));
    }
}

void iml__plan_colour(const iml__config *c, const iml__streams *s, const iml__item_plan *p,
                      uint32_t colour, uint32_t attempt, uint8_t out[4])
{
    char name[80];
    (void)snprintf(name, sizeof name, "synth.%s", iml__key_colours[colour].key);
    draw_colour(&c->spec[p->spec].colour[colour], p->seed, p->index,
                attempt ? repeated(name, attempt) : s->colour[colour], 0, out);
}

void iml__plan_palette(const iml__config *c, const iml__streams *s, const iml__item_plan *p,
                       uint32_t n, uint32_t attempt, uint8_t (*out)[4])
{
    uint32_t stream =
        attempt ? repeated("synth.text_color", attempt) : s->colour[IML__C_text_color];
    for (uint32_t k = 0; k < n; k++)
        draw_colour(&c->spec[p->spec].colour[IML__C_text_color], p->seed, p->index, stream, 1 + k,
                    out[k]);
}

size_t iml__plan_pick(const char *name, uint64_t seed, uint64_t index, uint32_t attempt,
                      const double *weight, size_t n)
{
    iml_rng g = iml__rng_slot(seed, index, repeated(name, attempt), 0);
    return weight ? iml__rng_choice(&g, weight, n) : (size_t)iml_rng_bounded(&g, n);
}

static double unit_at(uint64_t seed, uint64_t index, uint32_t stream, uint32_t slot)
{
    iml_rng g = iml__rng_slot(seed, index, stream, slot);
    return iml_rng_unit(&g);
}

// The sides as drawn give the room around the text; placement says where in it the text stands.
static void place(const iml__spec *spec, iml__item_plan *p)
{
    double lo, hi;
    int32_t *pad = p->padding;
    uint32_t where = p->en[IML__E_placement];
    if (where == IML__PLACE_RANDOM) return;
    iml__value_bounds(&spec->num[IML__N_padding], &lo, &hi);
    for (int k = 0; k < 2; k++) { // left and right, top and bottom
        int32_t room = pad[k] + pad[k + 2];
        pad[k] = where == IML__PLACE_CENTER ? room / 2 : (int32_t)lo;
        pad[k + 2] = room - pad[k];
    }
}

void iml__plan_draw(const iml__config *c, const iml__streams *s, const iml__seats *seats,
                    uint64_t seed, uint64_t index, iml__item_plan *p)
{
    memset(p, 0, sizeof *p);
    p->seed = seed, p->index = index;
    p->spec = iml__seat(seats, index, &p->ordinal);
    const iml__spec *spec = &c->spec[p->spec];
    for (int k = 0; k < IML__NUMS; k++)
        p->num[k] = iml__value_draw(&spec->num[k], seed, index, s->num[k], 0);
    for (int k = 0; k < IML__ENUMS; k++)
        p->en[k] = iml__choice_draw(&spec->en[k], seed, index, s->en[k], 0);
    for (uint32_t k = 0; k < IML__COLOURS; k++) iml__plan_colour(c, s, p, k, 0, p->colour[k]);
    for (uint32_t side = 0; side < 4; side++)
        p->padding[side] = (int32_t)iml__value_draw(&spec->num[IML__N_padding], seed, index,
                                                    s->num[IML__N_padding], 2 * side);
    place(spec, p);
    for (uint32_t k = 0; k < spec->naxes; k++)
        p->axis[k] = iml__value_draw(&spec->axis[k].value, seed, index, spec->axis[k].stream, 0);
    uint32_t bg = iml_stream("synth.bg"), cutout = iml_stream("synth.cutout");
    for (uint32_t k = 0; k < 2; k++) {
        p->crop[k] = unit_at(seed, index, bg, 1 + k);
        p->cutout[k] = unit_at(seed, index, cutout, 1 + k);
    }
    uint32_t mode = p->en[IML__E_erosion_dilation_mode];
    p->dilate = mode == 2 ||
                (mode == 0 && unit_at(seed, index, s->en[IML__E_erosion_dilation_mode], 2) < 0.5);
    iml_rng g = iml__rng_slot(seed, index, iml_stream("synth.quality"), 1);
    p->quality =
        c->output.quality_lo +
        (int)iml_rng_bounded(&g, (uint64_t)(c->output.quality_hi - c->output.quality_lo) + 1);
}
