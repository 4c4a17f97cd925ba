// exif.c: the one EXIF tag that moves pixels: orientation. Every offset is checked; a block that
// makes no sense counts as upright, since so many cameras and editors write broken ones.
#include "src/codec/formats.h"

#include <string.h>

static uint32_t get(const uint8_t *p, int bytes, bool big)
{
    uint32_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint32_t)p[i] << 8 * (big ? bytes - 1 - i : i);
    return v;
}

int iml__exif_orientation(const uint8_t *p, size_t n)
{
    if (n < 14) return 1;
    bool big = p[0] == 'M';
    if (memcmp(p, big ? "MM\0*" : "II*\0", 4) != 0) return 1;
    size_t at = get(p + 4, 4, big);
    if (at > n - 2) return 1;
    size_t count = get(p + at, 2, big);
    for (at += 2; count && at <= n && n - at >= 12; count--, at += 12) {
        if (get(p + at, 2, big) != 0x0112) continue;
        uint32_t type = get(p + at + 2, 2, big), v = get(p + at + 8, 2, big);
        return type == 3 && v >= 1 && v <= 8 ? (int)v : 1;
    }
    return 1;
}
