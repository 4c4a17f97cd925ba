// fz_gunzip.c: any bytes as a gzip file: both ways in say the same, and keep to their buffers.
#include "fuzz/fz_target.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/hash.h"
#include "src/io/gunzip.h"

struct source {
    const uint8_t *p;
    size_t n, piece;
};

static int64_t take(void *user, void *p, size_t n)
{
    struct source *s = user;
    if (n > s->n) n = s->n;
    if (n > s->piece) n = s->piece;
    if (n) memcpy(p, s->p, n);
    s->p += n, s->n -= n;
    return (int64_t)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct iml__gz_sum a;
    struct iml__gzr *r;
    size_t cap = n ? (size_t)data[n - 1] * 700 : 0, all = 0, got;
    uint8_t *out = malloc(cap ? cap : 1), chunk[999];
    iml_status st = iml__gunzip("fuzz", data, n, out, cap, &a, NULL);
    if ((st == IML_OK) != (a.fault == IML__GZ_FINE)) abort();
    if (!st && a.size > iml__gz_most(n)) abort();
    struct source s = {data, n, n ? 1 + data[0] % 40 : 1};
    if (iml__gzr_open(&r, take, &s, "fuzz", NULL)) abort();
    iml_status other;
    do {
        other = iml__gzr_read(r, chunk, sizeof chunk, &got, NULL);
        // What both gave before anything was wrong is the same.
        size_t known = all < cap ? cap - all : 0;
        if (!st && memcmp(out + (known ? all : 0), chunk, got < known ? got : known) != 0) abort();
        all += got;
    } while (!other && got == sizeof chunk);
    if (other != st || iml__gzr_sum(r)->fault != a.fault) abort();
    if (!st && (iml__gzr_sum(r)->crc != a.crc || all != a.size)) abort();
    iml__gzr_close(&r);
    free(out);
    return 0;
}
