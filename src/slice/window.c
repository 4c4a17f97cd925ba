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

void iml__window_uses(enum iml__padding pad, int w, int step, int64_t depth, const int64_t *slice,
                      size_t nslices, uint32_t *until, int64_t *need)
{
    memset(until, 0, (size_t)depth * sizeof *until);
    for (size_t j = 0; j < nslices; j++) {
        need[j] = -1;
        for (int c = 0; c <= 2 * w; c++) {
            int64_t p = iml__window_plane(pad, slice[j], c, w, step, depth);
            if (p < 0) continue;
            until[p] = (uint32_t)j + 1;
            need[j] = IML_MAX(need[j], p);
        }
    }
}
