// npy.c: numpy/lib/format.py's _write_array_header and _wrap_header, as of numpy 1.24.
#include "src/io/npy.h"

#include <inttypes.h>
#include <stdio.h>

enum { ALIGN = 64, PREFIX = 10, GROWTH_DIGITS = 21 };

static size_t digits(uint64_t v)
{
    size_t n = 1;
    for (; v >= 10; v /= 10) n++;
    return n;
}

size_t iml__npy_head(uint8_t out[IML__NPY_MAX], const char *descr, bool fortran,
                     const uint64_t *shape, unsigned ndim)
{
    char text[IML__NPY_MAX], *at = text, *end = text + sizeof text;
    if (ndim > IML__NPY_DIMS || strlen(descr) > 16 || (ndim == 0 && fortran)) return 0;
    at += snprintf(at, (size_t)(end - at), "{'descr': '%s', 'fortran_order': %s, 'shape': (", descr,
                   fortran ? "True" : "False");
    for (unsigned i = 0; i < ndim; i++)
        at += snprintf(at, (size_t)(end - at), "%s%" PRIu64, i ? ", " : "", shape[i]);
    at += snprintf(at, (size_t)(end - at), "%s), }", ndim == 1 ? "," : "");
    size_t n = (size_t)(at - text);
    if (ndim) n += GROWTH_DIGITS - digits(shape[fortran ? ndim - 1 : 0]);
    size_t total = (PREFIX + n + 1) / ALIGN * ALIGN + ALIGN; // a whole 64 where nothing is missing
    memcpy(out, "\x93NUMPY\x01", 8);                         // and the minor version, 0
    out[8] = (uint8_t)(total - PREFIX), out[9] = (uint8_t)((total - PREFIX) >> 8);
    memcpy(out + PREFIX, text, (size_t)(at - text));
    memset(out + PREFIX + (at - text), ' ', total - PREFIX - (size_t)(at - text) - 1);
    out[total - 1] = '\n';
    return total;
}

size_t iml__npy_text(uint8_t *out, const char *text, size_t n)
{
    char descr[24];
    if (n == 0 || n > 999999999) return 0;
    (void)snprintf(descr, sizeof descr, "<U%zu", n);
    size_t head = iml__npy_head(out, descr, false, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        if ((uint8_t)text[i] > 127) return 0;
        memcpy(out + head + 4 * i, (uint8_t[]){(uint8_t)text[i], 0, 0, 0}, 4);
    }
    return head + 4 * n;
}
