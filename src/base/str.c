// str.c: growing strings and locale-proof numbers.
#include "src/base/str.h"

#include "src/base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void iml__str_init(iml__str *s, size_t max) { *s = (iml__str){.max = max}; }

void iml__str_free(iml__str *s)
{
    IML_FREE(s->p);
    *s = (iml__str){.max = s->max};
}

void iml__str_clear(iml__str *s)
{
    s->n = 0, s->failed = IML_OK;
    if (s->p) s->p[0] = 0;
}

char *iml__str_more(iml__str *s, size_t n)
{
    if (s->failed) return NULL;
    if (n > s->max || s->n > s->max - n) {
        s->failed = IML_ELIMIT;
        return NULL;
    }
    size_t need = s->n + n + 1;
    if (need > s->cap) {
        size_t cap = s->cap ? s->cap : 64;
        while (cap < need) cap *= 2;
        if (cap > s->max) cap = s->max + 1; // so room for n within cap is room within max
        char *p = iml__realloc(s->p, cap, 1);
        if (!p) {
            s->failed = IML_ENOMEM;
            return NULL;
        }
        s->p = p, s->cap = cap;
    }
    return s->p + s->n;
}

void iml__str_add(iml__str *s, const void *p, size_t n)
{
    char *to = iml__str_room(s, n);
    if (!to) return;
    if (n) memcpy(to, p, n);
    iml__str_put(s, n);
}

void iml__str_adds(iml__str *s, const char *text) { iml__str_add(s, text, strlen(text)); }

void iml__str_flat(iml__str *s, const void *p, size_t n)
{
    for (const unsigned char *c = p, *end = c + n; c < end; c++)
        iml__str_addc(s, *c < 0x20 || *c == 0x7F ? '?' : (char)*c);
}
const char *iml__str_text(const iml__str *s) { return s->p ? s->p : ""; }

void iml__str_vaddf(iml__str *s, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n >= 0 && iml__str_room(s, (size_t)n)) {
        (void)vsnprintf(s->p + s->n, (size_t)n + 1, fmt, again);
        s->n += (size_t)n;
    }
    va_end(again);
}

void iml__str_addf(iml__str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    iml__str_vaddf(s, fmt, ap);
    va_end(ap);
}

// ---- Numbers. snprintf and strtod follow the caller's locale (an embedding program may have set
// one); the point is put back afterwards.

static void to_point(char *s)
{
    for (; *s; s++)
        if (!((*s >= '0' && *s <= '9') || *s == '-' || *s == '+' || *s == 'e' ||
              (*s >= 'a' && *s <= 'z')))
            *s = '.';
}

// Two digits at a time.
static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536"
    "37383940414243444546474849505152535455565758596061626364656667686970717273"
    "7475767778798081828384858687888990919293949596979899";

enum { NUM = 32 };

// v's digits, the last before end; where the first is.
static inline char *digits_before(char *end, uint64_t v)
{
    for (; v >= 100; v /= 100) memcpy(end -= 2, pairs + 2 * (v % 100), 2);
    if (v >= 10)
        memcpy(end -= 2, pairs + 2 * v, 2);
    else
        *--end = (char)('0' + v);
    return end;
}

// What stands in [at, back + NUM), and a 0: NUM bytes whatever their number, which is faster.
static inline size_t hand_over(char out[NUM], char back[2 * NUM], char *at)
{
    size_t n = (size_t)(back + NUM - at);
    back[NUM] = 0;
    memcpy(out, at, NUM);
    return n;
}

size_t iml__num_u64(char out[NUM], uint64_t v)
{
    char back[2 * NUM] = {0};
    return hand_over(out, back, digits_before(back + NUM, v));
}

size_t iml__num_i64(char out[NUM], int64_t v)
{
    char back[2 * NUM] = {0},
                  *at = digits_before(back + NUM, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
    if (v < 0) *--at = '-';
    return hand_over(out, back, at);
}

// v in [1e-4, 2^53), not a whole number: 17 digits rounded to nearest even as a product of whole
// numbers, v = m 2^e, so m 5^p < 2^100. Half a microsecond less than snprintf, a hundred times a
// label.
static size_t seventeen(char *out, double v)
{
    static const double ten[] = {1e-3, 1e-2, 1e-1, 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,
                                 1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};
    const uint64_t least = 10000000000000000;
    int e, x = -4;
    uint64_t m = (uint64_t)ldexp(frexp(v, &e), 53), digits;
    while (x < 16 && v >= ten[x + 4])
        x++; // 10^x <= v < 10^(x + 1), but for what 0.1 is not exactly
    for (;;) {
        unsigned __int128 q = m;
        for (int p = 16 - x; p > 0; p--) q *= 5;
        int shift = 53 - e - (16 - x);
        if (shift > 0) {
            unsigned __int128 rest = q & (((unsigned __int128)1 << shift) - 1), half = 1;
            half <<= shift - 1, q >>= shift;
            digits = (uint64_t)q;
            digits += rest > half || (rest == half && (digits & 1));
        } else {
            digits = (uint64_t)(q << -shift);
        }
        if (digits >= 10 * least) // all nines became a one
            x++;
        else if (digits < least)
            x--;
        else
            break;
    }
    char text[NUM];
    size_t n = iml__num_u64(text, digits), whole = x >= 0 ? (size_t)x + 1 : 0, len = 0;
    while (n > 1 && text[n - 1] == '0') n--;
    if (!whole) {
        memcpy(out, "0.0000", 6);
        len = 1 + (size_t)-x;
    }
    memcpy(out + len, text, whole), len += whole;
    if (whole) out[len++] = '.';
    memcpy(out + len, text + whole, n - whole), len += n - whole;
    out[len] = 0;
    return len;
}

size_t iml__num_g17(char out[32], double v)
{
    double a = fabs(v);
    bool exact = a < 9007199254740992.0;    // above, every double is a whole number
    if (exact && a == (double)(int64_t)a) { // most sampled values are at neutral
        char back[2 * NUM] = {0}, *at = digits_before(back + NUM, (uint64_t)a);
        if (signbit(v)) *--at = '-'; // -0 too
        return hand_over(out, back, at);
    }
    if (exact && a >= 1e-4) {
        bool minus = v < 0;
        if (minus) *out = '-';
        return minus + seventeen(out + minus, a);
    }
    (void)snprintf(out, 32, "%.17g", v);
    to_point(out);
    return strlen(out);
}

size_t iml__num_short(char out[32], double v)
{
    if (fabs(v) < 1e15 && v == floor(v)) { // 100, not 1e+02
        (void)snprintf(out, 32, "%.0f", v);
        return strlen(out);
    }
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(out, 32, "%.*g", digits, v);
        if (strtod(out, NULL) == v) break; // both sides in the same locale
    }
    to_point(out);
    return strlen(out);
}

size_t iml__num_fixed(char out[32], double v, int digits)
{
    static const int64_t pow10[] = {1,      10,      100,      1000,      10000,
                                    100000, 1000000, 10000000, 100000000, 1000000000};
    if (!(fabs(v) * (double)pow10[digits] < 9007199254740992.0)) return iml__num_g17(out, v);
    // By hand: labels hold hundreds of these, and snprintf takes most of a label's time.
    double up = v * (double)pow10[digits] + 0.5;
    int64_t n = (int64_t)up;
    n -= (double)n > up; // floor without a call
    uint64_t a = n < 0 ? (uint64_t)-n : (uint64_t)n;
    char back[2 * NUM] = {0}, *at = back + NUM;
    for (int k = digits; k > 0; k--, a /= 10) *--at = (char)('0' + a % 10);
    if (digits) *--at = '.';
    at = digits_before(at, a);
    if (n < 0) *--at = '-';
    return hand_over(out, back, at);
}

bool iml__parse_u64(const char *s, uint64_t *out)
{
    uint64_t v = 0;
    if (!*s) return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9') return false;
        if (__builtin_mul_overflow(v, (uint64_t)10, &v)) return false;
        if (__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v)) return false;
    }
    *out = v;
    return true;
}

bool iml__parse_i64(const char *s, int64_t *out)
{
    bool neg = *s == '-';
    uint64_t v;
    if (!iml__parse_u64(s + (neg || *s == '+'), &v)) return false;
    if (v > (uint64_t)INT64_MAX + neg) return false;
    *out = neg ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

// The grammar is ours (no hex, no "nan", no locale); strtod then only sees what both agree on.
static size_t double_span(const char *s)
{
    const char *p = s;
    size_t digits = 0;
    if (*p == '-' || *p == '+') p++;
    for (; *p >= '0' && *p <= '9'; p++) digits++;
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9'; p++) digits++;
    if (!digits) return 0;
    if (*p == 'e' || *p == 'E') {
        const char *q = p + 1;
        if (*q == '-' || *q == '+') q++;
        if (*q >= '0' && *q <= '9') {
            while (*q >= '0' && *q <= '9') q++;
            p = q;
        }
    }
    return (size_t)(p - s);
}

static bool double_prefix(const char *s, size_t n, double *out)
{
    char text[256], *end;
    if (!n || n >= sizeof text) return false;
    memcpy(text, s, n);
    text[n] = 0;
    char *point = strchr(text, '.');
    double v = strtod(text, &end);
    if (*end && point) { // the locale has another decimal separator: ask it which
        char probe[8];
        (void)snprintf(probe, sizeof probe, "%.1f", 0.5);
        *point = probe[1];
        v = strtod(text, &end);
    }
    if (*end) return false;
    *out = v;
    return isfinite(v);
}

bool iml__parse_double(const char *s, double *out)
{
    size_t n = double_span(s);
    return n && !s[n] && double_prefix(s, n, out);
}

static bool scaled(const char *s, double base, uint64_t *out)
{
    static const char units[] = "KMGTP";
    size_t n = double_span(s);
    double v;
    if (!n || *s == '-' || !double_prefix(s, n, &v)) return false;
    const char *u = s + n;
    if (*u) {
        char up = *u >= 'a' && *u <= 'z' ? (char)(*u - 32) : *u;
        const char *at = up == 'B' ? NULL : strchr(units, up);
        if (!at && up != 'B') return false;
        for (int k = 0; at && k <= (int)(at - units); k++) v *= base;
        if (at) u++;
        if (*u == 'i') u++;
        if (*u == 'B' || *u == 'b') u++;
        if (*u) return false;
    }
    if (v >= 18446744073709551615.0 || v != floor(v)) return false;
    *out = (uint64_t)v;
    if (!s[n]) return iml__parse_u64(s, out) || v < 9007199254740992.0;
    return true;
}

bool iml__parse_bytes(const char *s, uint64_t *out) { return scaled(s, 1024, out); }
bool iml__parse_count(const char *s, uint64_t *out) { return scaled(s, 1000, out); }

// ---- Text

int iml__utf8_head(const char *s, int most)
{
    int n = 0;
    while (n < most && s[n]) n++;
    while (n && s[n] && ((unsigned char)s[n] & 0xC0) == 0x80) n--;
    return n;
}

bool iml__utf8_valid(const char *text, size_t n, size_t *bad)
{
    const uint8_t *s = (const uint8_t *)text;
    for (size_t i = 0; i < n;) {
        uint8_t c = s[i];
        size_t k = c < 0x80                ? 1
                   : c >= 0xC2 && c < 0xE0 ? 2
                   : (c & 0xF0) == 0xE0    ? 3
                   : c >= 0xF0 && c < 0xF5 ? 4
                                           : 0;
        bool ok = k && k <= n - i;
        for (size_t j = 1; ok && j < k; j++) ok = (s[i + j] & 0xC0) == 0x80;
        if (ok && k == 3) ok = !(c == 0xE0 && s[i + 1] < 0xA0) && !(c == 0xED && s[i + 1] >= 0xA0);
        if (ok && k == 4) ok = !(c == 0xF0 && s[i + 1] < 0x90) && !(c == 0xF4 && s[i + 1] >= 0x90);
        if (!ok) {
            if (bad) *bad = i;
            return false;
        }
        i += k;
    }
    return true;
}

int iml__edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > 63 || m > 63) return 99;
    int row[64];
    for (size_t j = 0; j <= m; j++) row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int keep = diagonal + (a[i - 1] != b[j - 1]), edit = 1 + IML_MIN(row[j], row[j - 1]);
            diagonal = row[j];
            row[j] = IML_MIN(keep, edit);
        }
    }
    return row[m];
}

const char *iml__nearest(const char *word, const char *const *names)
{
    const char *best = NULL;
    int least = 4, third = (int)(strlen(word) + 2) / 3;
    if (third < 1) third = 1;
    for (; *names; names++) {
        int d = iml__edit_distance(word, *names);
        if (d < least && d <= third) least = d, best = *names;
    }
    return best;
}

void iml__hex64(char out[17], uint64_t v)
{
    for (int k = 15; k >= 0; k--, v >>= 4) out[k] = "0123456789abcdef"[v & 15];
    out[16] = 0;
}
