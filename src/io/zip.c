// zip.c: local headers, the central directory and its end records.
//
// Field order and sizes: APPNOTE 4.3.7 (local), 4.3.12 (central), 4.3.14-16 (ends), 4.5.3 (zip64).
// A zip64 extra field holds, in this order, those of size, packed size and offset whose 32-bit
// field is all ones; a local header that needs one must give both sizes.
#include "src/io/zip.h"

enum { LOCAL = 30, CENTRAL = 46, END = 22, END64 = 56, LOCATOR = 20 };
enum { VERSION = 20, VERSION64 = 45, UNIX = 3, UTF8 = 1 << 11 };
enum { DATE_1980 = 1 << 5 | 1 }; // month 1, day 1
#define MODE_0600 (0600u << 16)
#define ONES 0xFFFFFFFFu

static uint8_t *put2(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)v, p[1] = (uint8_t)(v >> 8);
    return p + 2;
}

static uint8_t *put4(uint8_t *p, uint32_t v) { return put2(put2(p, v & 0xFFFF), v >> 16); }

static uint8_t *put8(uint8_t *p, uint64_t v)
{
    return put4(put4(p, (uint32_t)v), (uint32_t)(v >> 32));
}

static uint32_t low(uint64_t v) { return v < ONES ? (uint32_t)v : ONES; }

static unsigned flags_of(const char *name)
{
    for (; *name; name++)
        if ((uint8_t)*name > 127) return UTF8;
    return 0;
}

static bool large(const struct iml__zip_member *m) { return m->size >= ONES || m->packed >= ONES; }

static size_t local_extra(const struct iml__zip_member *m) { return large(m) ? 4 + 16 : 0; }

static size_t central_extra(const struct iml__zip_member *m)
{
    size_t n = 8 * ((m->size >= ONES) + (m->packed >= ONES) + (m->offset >= ONES));
    return n ? 4 + n : 0;
}

// From "flags" to the length of the name: the same in both headers.
static uint8_t *common(uint8_t *p, const struct iml__zip_member *m, uint64_t packed, uint64_t size)
{
    p = put2(p, flags_of(m->name));
    p = put2(p, m->method);
    p = put2(p, 0);
    p = put2(p, DATE_1980);
    p = put4(p, m->crc);
    p = put4(p, low(packed));
    p = put4(p, low(size));
    return put2(p, (unsigned)strlen(m->name));
}

size_t iml__zip_local_size(const struct iml__zip_member *m)
{
    return LOCAL + strlen(m->name) + local_extra(m);
}

size_t iml__zip_add(struct iml__zip *z, const struct iml__zip_member *m, uint8_t *out)
{
    if (z->n == z->cap) return 0;
    struct iml__zip_member *mine = &z->member[z->n++];
    *mine = *m;
    mine->offset = z->at;
    size_t name = strlen(m->name), extra = local_extra(m);
    uint8_t *p = put4(out, 0x04034B50);
    p = put2(p, extra ? VERSION64 : VERSION);
    // Where one size needs zip64 the other goes there too.
    p = common(p, m, extra ? ONES : m->packed, extra ? ONES : m->size);
    p = put2(p, (unsigned)extra);
    memcpy(p, m->name, name);
    p += name;
    if (extra) p = put8(put8(put2(put2(p, 1), 16), m->size), m->packed);
    size_t n = (size_t)(p - out);
    z->at += n + m->packed;
    return n;
}

static uint8_t *central(uint8_t *p, const struct iml__zip_member *m)
{
    size_t name = strlen(m->name), extra = central_extra(m);
    unsigned version = extra ? VERSION64 : VERSION;
    p = put4(p, 0x02014B50);
    p = put2(p, version | UNIX << 8);
    p = put2(p, version);
    p = common(p, m, m->packed, m->size);
    p = put2(p, (unsigned)extra);
    memset(p, 0, 6); // no comment, disk 0, no internal attributes
    p = put4(p + 6, MODE_0600);
    p = put4(p, low(m->offset));
    memcpy(p, m->name, name);
    p += name;
    if (!extra) return p;
    p = put2(put2(p, 1), (unsigned)extra - 4);
    if (m->size >= ONES) p = put8(p, m->size);
    if (m->packed >= ONES) p = put8(p, m->packed);
    if (m->offset >= ONES) p = put8(p, m->offset);
    return p;
}

static size_t directory_size(const struct iml__zip *z)
{
    size_t sum = 0;
    for (size_t i = 0; i < z->n; i++)
        sum += CENTRAL + strlen(z->member[i].name) + central_extra(&z->member[i]);
    return sum;
}

static bool needs_end64(const struct iml__zip *z, size_t directory)
{
    return z->n >= 0xFFFF || directory >= ONES || z->at >= ONES;
}

size_t iml__zip_end_size(const struct iml__zip *z)
{
    size_t n = directory_size(z);
    return n + (needs_end64(z, n) ? END64 + LOCATOR : 0) + END;
}

size_t iml__zip_end(struct iml__zip *z, uint8_t *out)
{
    size_t directory = directory_size(z);
    uint8_t *p = out;
    for (size_t i = 0; i < z->n; i++) p = central(p, &z->member[i]);
    if (needs_end64(z, directory)) {
        p = put8(put4(p, 0x06064B50), END64 - 12);
        p = put2(put2(p, VERSION64 | UNIX << 8), VERSION64);
        p = put4(put4(p, 0), 0); // disks
        p = put8(put8(p, z->n), z->n);
        p = put8(put8(p, directory), z->at);
        p = put4(put4(p, 0x07064B50), 0);
        p = put4(put8(p, z->at + directory), 1);
    }
    unsigned count = z->n < 0xFFFF ? (unsigned)z->n : 0xFFFF;
    p = put2(put2(put4(p, 0x06054B50), 0), 0); // disks
    p = put2(put2(p, count), count);
    p = put4(put4(p, low(directory)), low(z->at));
    p = put2(p, 0); // no comment
    z->at += (uint64_t)(p - out);
    return (size_t)(p - out);
}
