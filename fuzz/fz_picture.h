// fz_picture.h: what the targets of picture formats check. The options come from the length, so
// that a plain file of the format is an input.
#ifndef IML_FUZZ_PICTURE_H
#define IML_FUZZ_PICTURE_H

#include <stdlib.h>
#include <string.h>

#include "src/base/arena.h"
#include "src/codec/codec.h"

static void must(bool ok)
{
    if (!ok) abort();
}

static void write_again(const iml__codec *c, iml_arena *a, const iml_image *m)
{
    iml__encode_opts o;
    iml__encode_opts_default(&o);
    if (m->depth != IML__U8 && strcmp(c->name, "png")) return;
    size_t cap = c->bound(m, &o), n = 0;
    uint8_t *out = iml_arena_alloc(a, cap);
    if (!out) return;
    must(c->encode(m, &o, a, out, cap, &n, NULL) == IML_OK && n <= cap);
    iml__decode_opts d;
    iml_image back;
    iml__decode_opts_default(&d);
    d.limits.max_ratio = 1e9;
    must(c->decode(out, n, &d, a, &back, NULL) == IML_OK);
    must(back.w == m->w && back.h == m->h);
    if (strcmp(c->name, "png")) return;
    size_t row = (size_t)m->w * (size_t)m->channels * iml__depth_bytes(m->depth);
    must(back.channels == m->channels && back.depth == m->depth);
    for (int32_t y = 0; y < m->h; y++)
        must(!memcmp(iml__image_row(m, y), iml__image_row(&back, y), row));
}

static void fuzz_picture(const iml__codec *c, const uint8_t *data, size_t n)
{
    static const int channels[4] = {0, 1, 3, 4};
    static iml_arena a;
    if (!a.base) must(iml__arena_open(&a, (size_t)1 << 30, -1, NULL) == IML_OK);
    iml__decode_opts o;
    iml__picture_info info;
    iml_image m;
    iml_err e = {0};
    iml__decode_opts_default(&o);
    o.limits.max_pixels = 1 << 20;
    o.limits.max_memory = 64 << 20;
    o.channels = channels[n & 3], o.depth8 = n & 4, o.orient = n & 8, o.max_side = n & 16 ? 9 : 0;
    iml_status head = c->header(data, n, &o.limits, &info, &e);
    iml_status st = c->decode(data, n, &o, &a, &m, &e);
    must(head == IML_OK || iml_status_class(head) == IML_CLASS_ITEM);
    must(st == IML_OK || iml_status_class(st) == IML_CLASS_ITEM);
    must(st == IML_OK || e.msg[0]);
    if (st == IML_OK) {
        must(head == IML_OK && (!o.channels || m.channels == o.channels));
        bool turned = o.orient && info.orientation >= 5;
        if (!o.max_side)
            must(m.w == (turned ? info.h : info.w) && m.h == (turned ? info.w : info.h));
        write_again(c, &a, &m);
    }
    iml__arena_reset(&a);
}

#endif
