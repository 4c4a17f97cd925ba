// fz_deflate.c: any bytes as a plane: what wdeflate makes of it inflates to it, at every unit and
// level, whole and as F and G parts.
#include "fuzz/fz_target.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "src/io/wdeflate.h"

static struct iml__wdeflate *coder[4]; // kept: making them costs more than a round trip
static struct libdeflate_decompressor *unpack;

static void check(const uint8_t *z, size_t n, const uint8_t *want, size_t want_n)
{
    size_t used, got;
    uint8_t *back = malloc(want_n + 1);
    if (libdeflate_deflate_decompress_ex(unpack, z, n, back, want_n + 1, &used, &got)) abort();
    if (used != n || got != want_n || memcmp(back, want, want_n) != 0) abort();
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const int levels[4] = {0, 1, 6, 9};
    if (!unpack) {
        unpack = libdeflate_alloc_decompressor();
        for (int i = 0; i < 4; i++)
            if (!(coder[i] = iml__wdeflate_new(levels[i]))) abort();
    }
    if (n < 4) return 0;
    // Level, unit, row, and how often the rest is repeated (long inputs are slow to come by).
    struct iml__wdeflate *c = coder[data[0] & 3];
    unsigned unit = 1u << (data[0] >> 2) % 3;
    size_t times = data[2] < 128 ? 1 : 1 + data[2] % 64, m = (n - 4) * times, half = m / 2, z;
    uint8_t *raw = malloc(m ? m : 1), *out = malloc(2 * iml__wdeflate_bound(m));
    for (size_t i = 0; i < m; i++)
        raw[i] = (uint8_t)(data[4 + i % (n - 4)] + i / (n - 4) * data[3]);
    struct iml__wd_plane in = {raw, m, unit, data[1]};
    z = iml__wdeflate_whole(c, &in, out);
    if (z > iml__wdeflate_bound(m)) abort();
    check(out, z, raw, m);
    in.n = half;
    z = iml__wdeflate_part(c, &in, 0, out);
    in.p = raw + half, in.n = m - half;
    z += iml__wdeflate_part(c, &in, half, out + z);
    memcpy(out + z, iml__splice_end, IML__SPLICE_END);
    check(out, z + IML__SPLICE_END, raw, m);
    free(raw), free(out);
    return 0;
}
