// window.c: neighbours with borders.
#include "src/slice/window.h"

// Into 0..period-1, whatever the sign.
static int64_t wrap(int64_t t, int64_t period)
{
    int64_t r = t % period;
    return r < 0 ? r + period : r;
}

int64_t iml__window_plane(enum iml__padding pad, int64_t k, int c, int w, int step, int64_t depth)
{
    int64_t t = k + (int64_t)step * (c - w);
    if (t >= 0 && t < depth) return t;
    switch (pad) {
    case IML__PAD_ZERO: return IML__PLANE_ZERO;
    case IML__PAD_BACKGROUND: return IML__PLANE_BACKGROUND;
    case IML__PAD_REPLICATE: return t < 0 ? 0 : depth - 1;
    case IML__PAD_MIRROR:
        // Left of the volume -1 is 1, right of it depth is depth - 1: as the older tool has it.
        return t < 0 ? IML_MIN(-t, depth - 1) : IML_MAX(2 * depth - t - 1, 0);
    case IML__PAD_REFLECT:
        if (depth == 1) return 0;
        t = wrap(t, 2 * (depth - 1));
        return t < depth ? t : 2 * (depth - 1) - t;
    case IML__PAD_SYMMETRIC: break;
    }
    t = wrap(t, 2 * depth);
    return t < depth ? t : 2 * depth - 1 - t;
}

bool iml__window_behind(enum iml__padding pad, int64_t k, int c, int w, int step, int64_t depth)
{
    if (!c) return false;
    int64_t p = iml__window_plane(pad, k, c, w, step, depth);
    return p >= 0 && iml__window_plane(pad, k, c - 1, w, step, depth) == p - step && p >= step;
}

void iml__window_uses(enum iml__padding pad, int w, int step, int64_t depth, const int64_t *slice,
                      size_t nslices, struct iml__window_uses *out)
{
    memset(out->uses, 0, (size_t)(depth + 2) * sizeof *out->uses);
    memset(out->forms, 0, (size_t)(depth + 2));
    for (size_t j = 0; j < nslices; j++) {
        out->need[j] = -1;
        for (int c = 0; c <= 2 * w; c++) {
            int64_t p = iml__window_plane(pad, slice[j], c, w, step, depth);
            size_t at = iml__plane_slot(p, depth);
            bool behind = iml__window_behind(pad, slice[j], c, w, step, depth);
            out->uses[at]++;
            out->forms[at] |= behind ? IML__FORM_BEHIND : IML__FORM_ALONE;
            out->need[j] = IML_MAX(out->need[j], p);
        }
    }
}
