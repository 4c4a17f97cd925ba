// str.h: bytes that grow up to a maximum, and small pieces of text handling without locale.
//
// A dynamic string remembers its first failure (no memory, too big): append freely, look once.
#ifndef IML_BASE_STR_H
#define IML_BASE_STR_H

#include <stdarg.h>

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

typedef struct iml__str {
    char *p; // always 0-terminated once anything was added; NULL before
    size_t n, cap, max;
    iml_status failed; // IML_ENOMEM or IML_ELIMIT; then later appends do nothing
} iml__str;

void iml__str_init(iml__str *s, size_t max); // no allocation
void iml__str_free(iml__str *s);
void iml__str_clear(iml__str *s); // keeps memory
void iml__str_add(iml__str *s, const void *p, size_t n);
void iml__str_adds(iml__str *s, const char *text);
// On one line: control characters, which names of files may hold, become '?'.
void iml__str_flat(iml__str *s, const void *p, size_t n);

// To write in place: where n more bytes fit (NULL: failed), then how many of them were written.
char *iml__str_more(iml__str *s, size_t n);
static inline char *iml__str_room(iml__str *s, size_t n)
{
    return s->cap - s->n > n && !s->failed ? s->p + s->n : iml__str_more(s, n);
}
static inline void iml__str_put(iml__str *s, size_t n) { s->p[s->n += n] = 0; }

static inline void iml__str_addc(iml__str *s, char c)
{
    char *to = iml__str_room(s, 1);
    if (!to) return;
    *to = c;
    iml__str_put(s, 1);
}
void iml__str_addf(iml__str *s, const char *fmt, ...) IML_PRINTF(2, 3); // no floats: iml__str_num
void iml__str_vaddf(iml__str *s, const char *fmt, va_list ap);
const char *iml__str_text(const iml__str *s); // never NULL

// All write at most 32 bytes, the 0 among them, whatever the locale, and return the length.
size_t iml__num_u64(char out[32], uint64_t v);
size_t iml__num_i64(char out[32], int64_t v);
size_t iml__num_g17(char out[32], double v); // %.17g
// Shortest form that reads back as the same double ("0.1", "1e+300").
size_t iml__num_short(char out[32], double v);
// Fixed: digits decimals (0..9), rounded floor(v*10^digits + 1/2); from 2^53 / 10^digits on: %.17g.
size_t iml__num_fixed(char out[32], double v, int digits);

// Numbers from text, locale-proof, whole string: false if it is none or does not fit.
bool iml__parse_u64(const char *s, uint64_t *out);
bool iml__parse_i64(const char *s, int64_t *out);
bool iml__parse_double(const char *s, double *out);
bool iml__parse_bytes(const char *s, uint64_t *out); // 12, 4K, 1.5G, 64MiB: 1024^n
bool iml__parse_count(const char *s, uint64_t *out); // 12, 4K, 500M: 1000^n

int iml__utf8_head(const char *s, int most); // bytes of s, at most so many, that cut no character
bool iml__utf8_valid(const char *s, size_t n, size_t *bad); // *bad: offset of the first bad byte
int iml__edit_distance(const char *a, const char *b);       // Levenshtein; 99 above 63 bytes
// The nearest of names (NULL-terminated) within distance 3 and a third of the length, or NULL.
const char *iml__nearest(const char *word, const char *const *names);
void iml__hex64(char out[17], uint64_t v);

#endif
