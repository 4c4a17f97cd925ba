// ops.c: the rows of ops.def as a table, checks of parameters, and the way to each op's file.
#include "src/image/ops.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/image/map.h"
#include "src/image/op_files.h"

#include <math.h>
#include <string.h>

#define P(id, param, name_, type_, def_, lo_, hi_, choices_)                                       \
    {.name = name_,                                                                                \
     .type = IML__OP_##type_,                                                                      \
     .def = def_,                                                                                  \
     .lo = lo_,                                                                                    \
     .hi = hi_,                                                                                    \
     .choices = choices_},
#define IML_OP(id, name, cls, kind, types, own, params)                                            \
    static const iml__op_param params_##id[IML__OP_PARAMS_MAX] = {params};
#include "src/image/ops.def"
#undef IML_OP
#undef P

static const iml__op_row rows[] = {
#define IML_OP(id, name_, cls_, kind_, types_, own_, params)                                       \
    {.name = name_,                                                                                \
     .cls = IML__OP_##cls_,                                                                        \
     .kind = #kind_[0],                                                                            \
     .types = IML__OP_##types_,                                                                    \
     .own = own_,                                                                                  \
     .nparams = IML__##id##_PARAMS,                                                                \
     .param = params_##id},
#include "src/image/ops.def"
#undef IML_OP
};

const iml__op_row *iml__op_row_of(enum iml__op_id id)
{
    return (unsigned)id < IML__OP_COUNT ? &rows[id] : NULL;
}

const iml__op_row *iml__op_find(const char *name)
{
    for (size_t i = 0; i < IML_COUNT_OF(rows); i++)
        if (!strcmp(rows[i].name, name)) return &rows[i];
    return NULL;
}

void iml__op_init(iml__op *op, enum iml__op_id id, uint64_t seed, uint64_t index, const char *name)
{
    *op = (iml__op){.id = id, .seed = seed, .index = index, .stream = iml_stream(name)};
    for (uint32_t i = 0; i < rows[id].nparams; i++) op->v[i] = rows[id].param[i].def;
    char field[256];
    size_t n = strlen(name);
    if (n > sizeof field - 7) n = sizeof field - 7;
    memcpy(field, name, n);
    memcpy(field + n, ".field", 7);
    op->field = iml_stream(field);
}

iml_status iml__op_check(const iml__op *op, iml_err *e)
{
    const iml__op_row *r = iml__op_row_of(op->id);
    if (!r) return IML_FAIL(e, IML_EARG, "there is no transform %d", (int)op->id);
    for (uint32_t i = 0; i < r->nparams; i++) {
        const iml__op_param *p = &r->param[i];
        double v = op->v[i];
        if (!(v >= p->lo && v <= p->hi) || (p->type != IML__OP_NUMBER && v != floor(v)))
            return IML_FAIL(e, IML_EARG, "%s: %s is %g, but takes %s%g to %g", r->name, p->name, v,
                            p->type == IML__OP_NUMBER ? "" : "whole numbers from ", p->lo, p->hi);
    }
    return IML_OK;
}

bool iml__op_neutral(const iml__op *op, int32_t w, int32_t h)
{
    const double *v = op->v;
    int32_t side = IML_MIN(w, h);
    switch (op->id) {
    case IML__OP_ROTATE: return fmod(v[IML__ROTATE_DEG], 360) == 0;
    case IML__OP_SKEW: return v[IML__SKEW_X] == 0 && v[IML__SKEW_Y] == 0;
    case IML__OP_TRAPEZOID: return v[IML__TRAPEZOID_X] == 0 && v[IML__TRAPEZOID_Y] == 0;
    // The farthest that a corner may move is below 2 px.
    case IML__OP_PERSPECTIVE: return side * v[IML__PERSPECTIVE_AMOUNT] / 2 < 2;
    case IML__OP_LENS: return v[IML__LENS_K1] == 0 && v[IML__LENS_K2] == 0;
    case IML__OP_ELASTIC: return v[IML__ELASTIC_ALPHA] == 0 || v[IML__ELASTIC_SIGMA] == 0;
    case IML__OP_GRID: return v[IML__GRID_STEPS] < 2 || v[IML__GRID_LIMIT] == 0;
    case IML__OP_RESIZE:
        return (v[IML__RESIZE_W] == 0 || v[IML__RESIZE_W] == w) &&
               (v[IML__RESIZE_H] == 0 || v[IML__RESIZE_H] == h);
    case IML__OP_BRIGHTNESS: return v[IML__BRIGHTNESS_X] == 1;
    case IML__OP_CONTRAST: return v[IML__CONTRAST_X] == 1;
    case IML__OP_GAMMA: return v[IML__GAMMA_G] == 1;
    case IML__OP_BLUR: return v[IML__BLUR_RADIUS] == 0;
    case IML__OP_MORPH: return v[IML__MORPH_K] <= 1;
    case IML__OP_NOISE:
        return v[IML__NOISE_KIND] <= IML__NOISE_UNIFORM ? v[IML__NOISE_SIGMA] == 0
                                                        : floor(v[IML__NOISE_SHARE] * w * h) == 0;
    case IML__OP_INVERT:
    case IML__OP_COUNT: break;
    }
    return false;
}

static iml_status apply_map(const iml__op *op, iml_arena *a, iml_image *m, iml_err *e)
{
    iml__map map;
    iml_image out;
    iml__map_init(&map, m->w, m->h);
    IML_TRY(iml__map_add(&map, op, e));
    IML_TRY(iml__map_build(&map, a, e));
    IML_TRY(iml__map_warp(&map, a, m, 0, 0, map.edge, NULL, &out, e));
    *m = out;
    return IML_OK;
}

iml_status iml__op_apply(const iml__op *op, iml_arena *a, iml_image *m, iml_err *e)
{
    IML_TRY(iml__op_check(op, e));
    const iml__op_row *r = &rows[op->id];
    if (!(r->types & 1u << m->depth))
        return IML_FAIL(e, IML_EARG, "%s does not work on float pictures", r->name);
    if (iml__op_neutral(op, m->w, m->h)) return IML_OK;
    if (r->cls == IML__OP_M) return apply_map(op, a, m, e);
    switch (op->id) {
    case IML__OP_RESIZE: return iml__op_resize(op, a, m, e);
    case IML__OP_BLUR: return iml__blur_gauss(op->v[IML__BLUR_RADIUS], a, m, e);
    case IML__OP_MORPH: return iml__op_morph(op, a, m, e);
    case IML__OP_NOISE: return iml__op_noise(op, a, m, e);
    default: return iml__op_tone(op, m, e);
    }
}
