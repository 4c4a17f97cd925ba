// only_backs.c: item i is the background that a text picture of this size, seed and index would
// get.
//
// The same kinds, streams and files as synth's own pictures, without fonts, texts and labels: the
// older tool had two scripts for this, which wrote pictures that its generator then read back.
#include "src/synth/only_backs.h"

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/codec/codec.h"
#include "src/kernel/kernel.h"
#include "src/synth/background.h"
#include "src/synth/itemplan.h"
#include "src/synth/synth.h"

#include <stdio.h>
#include <string.h>

enum { NAME = 64, TAR_FROM = 100000 };
static const char *const formats[] = {"png", "jpeg", "webp"};

static iml_status picture(const iml__backs *b, iml_item *it, iml_image *m, iml_err *e)
{
    iml__render_bg bg = {.kind = (enum iml__bg_kind)b->kind};
    int32_t crop[4];
    double scale;
    if (b->kind == IML__BG_KINDS)
        bg.kind = (enum iml__bg_kind)(IML__BG_BUILTIN + (int)iml__plan_pick("synth.bg", b->o.seed,
                                                                            it->index, 0, NULL,
                                                                            IML__BG_BUILTINS));
    IML_TRY(iml__image_new(it->arena, b->o.w, b->o.h, 3, IML__U8, m, e));
    IML_TRY(iml__bg_draw(&bg, b->o.seed, it->index, b->o.w, b->o.h, 0, 0, m, crop, &scale,
                         it->arena, e));
    if (b->o.output.colour != IML__COLOUR_GREY) return IML_OK;
    iml_image grey;
    IML_TRY(iml__image_new(it->arena, b->o.w, b->o.h, 1, IML__U8, &grey, e));
    for (int32_t y = 0; y < b->o.h; y++)
        iml__kernel()->luma_u8(iml__image_row(&grey, y), iml__image_row(m, y), (size_t)b->o.w, 3);
    *m = grey;
    return IML_OK;
}

static iml_status encode(const iml__backs *b, iml_item *it, const iml_image *m, iml_buf **out,
                         iml_err *e)
{
    const iml__codec *c = iml__codec_by_name(formats[b->o.output.format]);
    iml__encode_opts o;
    size_t n;
    iml__encode_opts_default(&o);
    iml_rng g = iml__rng_slot(b->o.seed, it->index, iml_stream("synth.quality"), 1);
    o.quality =
        b->o.output.quality_lo +
        (int)iml_rng_bounded(&g, (uint64_t)(b->o.output.quality_hi - b->o.output.quality_lo) + 1);
    o.grey_if_equal = b->o.output.colour == IML__COLOUR_AUTO;
    iml_stage(it, IML_STAGE_ENCODE);
    IML_TRY(iml_buf_new(it, c->bound(m, &o), out, e));
    iml_status st = c->encode(m, &o, it->arena, iml_buf_data(*out), iml_buf_cap(*out), &n, e);
    if (st)
        iml_buf_unref(out);
    else
        iml_buf_set_size(*out, n);
    return st;
}

static iml_status run(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    static const char *const suffix[] = {"png", "jpg", "webp"};
    const iml__backs *b = user;
    iml_image m;
    iml_buf *bytes;
    (void)cap;
    *n = 0;
    iml_stage(it, IML__STAGE_RENDER);
    iml_frag *f = iml_arena_alloc(it->arena, sizeof *f);
    char *name = iml_arena_alloc(it->arena, NAME);
    if (!f || !name) return IML_FAIL(e, IML_ENOMEM, "no memory for the name of an output");
    unsigned long long i = it->index;
    if (b->tar)
        (void)snprintf(name, NAME, "%09llu.%s", i, suffix[b->o.output.format]);
    else
        (void)snprintf(name, NAME, "%06llu/%09llu.%s", i / 1000, i, suffix[b->o.output.format]);
    IML_TRY(picture(b, it, &m, e));
    IML_TRY(encode(b, it, &m, &bytes, e));
    *f = (iml_frag){.data = bytes, .off = 0, .len = iml_buf_size(bytes)};
    out[(*n)++] = (iml_out){.name = name, .frag = f, .nfrag = 1};
    return IML_OK;
}

static iml_status choose(iml__backs *b, iml_err *e)
{
    const char *want = b->o.background ? b->o.background : "builtin";
    b->kind = !strcmp(want, "builtin") ? IML__BG_KINDS : iml__bg_kind_find(want);
    if (b->kind < IML__BG_BUILTIN)
        return IML_FAIL(e, IML_EARG,
                        "--backgrounds-only with --background %s: builtin, or one of solid "
                        "gradient paper ruled noise crystal stripes_shapes blobs",
                        want);
    if (b->o.output.colour == IML__COLOUR_RGBA)
        return IML_FAIL(e, IML_EARG,
                        "--backgrounds-only: backgrounds have no alpha; rgb auto grey");
    if (!iml__codec_by_name(formats[b->o.output.format]))
        return IML_FAIL(e, IML_EARG, "format webp: this build writes png and jpeg only");
    return IML_OK;
}

static iml_status settle(iml__backs *b, iml_err *e)
{
    iml__jsonw w;
    char size[48];
    const iml__output *o = &b->o.output;
    (void)snprintf(size, sizeof size, "%dx%d", (int)b->o.w, (int)b->o.h);
    iml__jsonw_init(&w, &b->settings, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "backgrounds_only"), iml__jsonw_str(&w, size);
    iml__jsonw_key(&w, "background"), iml__jsonw_i64(&w, b->kind);
    iml__jsonw_key(&w, "format"), iml__jsonw_str(&w, formats[o->format]);
    iml__jsonw_key(&w, "colour"), iml__jsonw_i64(&w, o->colour);
    iml__jsonw_key(&w, "quality"), iml__jsonw_array(&w);
    iml__jsonw_i64(&w, o->quality_lo), iml__jsonw_i64(&w, o->quality_hi), iml__jsonw_end(&w);
    iml__jsonw_end(&w);
    iml__jsonw_init(&w, &b->versions, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "tables"), iml__jsonw_u64(&w, IML__SYNTH_TABLES);
    iml__jsonw_key(&w, formats[o->format]),
        iml__jsonw_str(&w, iml__codec_by_name(formats[o->format])->version());
    iml__jsonw_end(&w);
    if (b->settings.failed || b->versions.failed)
        return IML_FAIL(e, IML_ENOMEM, "no memory for the settings");
    static const char *const stages[IML_STAGE_MAX] = {
        [IML_STAGE_ENCODE] = "encode", [IML_STAGE_WRITE] = "write", [IML__STAGE_RENDER] = "render"};
    uint64_t parts[2] = {iml__xxh3(b->settings.p, b->settings.n),
                         iml__xxh3(b->versions.p, b->versions.n)};
    b->tar = o->container == IML__CONTAINER_TAR ||
             (o->container == IML__CONTAINER_AUTO && b->o.count > TAR_FROM);
    b->job = (iml_job){.name = "synth",
                       .count = b->o.count,
                       .user = b,
                       .config_hash = iml__xxh3(parts, sizeof parts),
                       .stage_names = stages,
                       .grows = true,
                       .run = run,
                       .settings_json = iml__str_text(&b->settings),
                       .versions_json = iml__str_text(&b->versions)};
    return IML_OK;
}

iml_status iml__backs_open(const iml__backs_opts *o, iml__backs **out, iml_err *e)
{
    iml__backs *b = iml__calloc(1, sizeof *b);
    *out = NULL;
    if (!b) return IML_FAIL(e, IML_ENOMEM, "no memory for a job");
    b->o = *o;
    iml__str_init(&b->settings, 1 << 16), iml__str_init(&b->versions, 1 << 16);
    iml_status st = choose(b, e);
    if (!st) st = settle(b, e);
    if (st) iml__backs_close(&b);
    *out = b;
    return st;
}

void iml__backs_close(iml__backs **b)
{
    if (!*b) return;
    iml__str_free(&(*b)->settings), iml__str_free(&(*b)->versions);
    IML_FREE(*b);
}
