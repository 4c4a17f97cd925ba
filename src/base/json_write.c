// json_write.c: the JSON writer: key order kept, two layouts (one line, or indented with inline
// levels), numbers without locale.
#include "src/base/json.h"

#include <math.h>
#include <string.h>

void iml__jsonw_init(iml__jsonw *w, iml__str *out, int indent)
{
    *w = (iml__jsonw){.out = out, .indent = indent};
}

static bool bit(uint32_t set, unsigned depth) { return depth < 32 && (set >> depth & 1u); }

enum { INDENT_MAX = 64 };

static size_t new_line_size(const iml__jsonw *w)
{
    return 1 + IML_MIN((size_t)w->indent * w->depth, (size_t)INDENT_MAX);
}

static char *new_line(char *to, size_t size)
{
    *to++ = '\n';
    for (size_t i = 1; i < size; i++) *to++ = ' ';
    return to;
}

// Room for n bytes behind what stands before a value or a key of the innermost level; that is
// written. NULL: failed.
static char *lead(iml__jsonw *w, size_t n)
{
    if (w->after_key || !w->depth) {
        w->after_key = false;
        return iml__str_room(w->out, n);
    }
    bool first = !bit(w->filled, w->depth), flat = !w->indent || bit(w->inline_, w->depth);
    size_t comma = first ? 0 : flat && w->indent ? 2 : 1, line = flat ? 0 : new_line_size(w);
    w->filled |= 1u << w->depth;
    char *to = iml__str_room(w->out, comma + line + n);
    if (!to) return NULL;
    memcpy(to, ", ", 2); // there is room for n and a 0
    to += comma;
    if (line) to = new_line(to, line);
    iml__str_put(w->out, comma + line);
    return to;
}

// A finished value of n bytes.
static void value(iml__jsonw *w, const char *p, size_t n)
{
    char *to = lead(w, n);
    if (!to) return;
    memcpy(to, p, n);
    iml__str_put(w->out, n);
}

// A number of n bytes in a buffer of 32: copied whole where that fits, which is a call less.
static void digits(iml__jsonw *w, const char num[32], size_t n)
{
    char *to = lead(w, n);
    if (!to) return;
    if (w->out->cap - w->out->n > 32)
        memcpy(to, num, 32);
    else
        memcpy(to, num, n);
    iml__str_put(w->out, n);
}

static void open_level(iml__jsonw *w, char c, bool array)
{
    value(w, &c, 1);
    bool flat = bit(w->inline_, w->depth);
    if (w->depth == 31) { // no room in the bit sets: the string says that it is no good
        w->out->failed = IML_ELIMIT;
        return;
    }
    w->depth++;
    uint32_t me = 1u << w->depth;
    w->filled &= ~me;
    w->arrays = array ? w->arrays | me : w->arrays & ~me;
    w->inline_ = flat ? w->inline_ | me : w->inline_ & ~me;
}

void iml__jsonw_object(iml__jsonw *w) { open_level(w, '{', false); }
void iml__jsonw_array(iml__jsonw *w) { open_level(w, '[', true); }
void iml__jsonw_inline(iml__jsonw *w) { w->inline_ |= 1u << w->depth; }

void iml__jsonw_end(iml__jsonw *w)
{
    if (!w->depth) return;
    bool filled = bit(w->filled, w->depth), flat = !w->indent || bit(w->inline_, w->depth);
    char c = bit(w->arrays, w->depth) ? ']' : '}';
    w->depth--;
    size_t line = filled && !flat ? new_line_size(w) : 0;
    char *to = iml__str_room(w->out, line + 1);
    if (!to) return;
    if (line) to = new_line(to, line);
    *to = c;
    iml__str_put(w->out, line + 1);
}

// U+FFFD for each byte that is not part of valid UTF-8; only what JSON asks for is escaped.
static void text(iml__str *out, const char *s, size_t n)
{
    iml__str_addc(out, '"');
    for (size_t i = 0; i < n;) {
        size_t run = i, bad = 0;
        uint8_t all = 0;
        while (run < n && (uint8_t)s[run] >= 0x20 && s[run] != '"' && s[run] != '\\')
            all |= (uint8_t)s[run++];
        if (all < 0x80 || iml__utf8_valid(s + i, run - i, &bad)) bad = run - i;
        iml__str_add(out, s + i, bad);
        i += bad;
        if (i < run) {
            iml__str_adds(out, "\xEF\xBF\xBD");
            i++;
        } else if (i < n) {
            char c = s[i++];
            if (c == '"' || c == '\\')
                iml__str_addf(out, "\\%c", c);
            else if (c == '\n')
                iml__str_adds(out, "\\n");
            else if (c == '\t')
                iml__str_adds(out, "\\t");
            else if (c == '\r')
                iml__str_adds(out, "\\r");
            else
                iml__str_addf(out, "\\u%04x", (unsigned)c & 0xff);
        }
    }
    iml__str_addc(out, '"');
}

// Of the first n bytes, how many are ASCII that stands in JSON as it is.
static size_t plain(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && (uint8_t)s[i] >= 0x20 && (uint8_t)s[i] < 0x80 && s[i] != '"' && s[i] != '\\')
        i++;
    return i;
}

// A text behind what leads to it; `behind` follows its closing quote.
static void led_text(iml__jsonw *w, const char *s, size_t n, const char *behind, size_t nbehind)
{
    bool easy = plain(s, n) == n;
    char *to = lead(w, easy ? n + 2 + nbehind : 0);
    if (!to) return;
    if (easy) { // nearly all are
        *to++ = '"';
        memcpy(to, s, n);
        to[n] = '"';
        memcpy(to + n + 1, behind, nbehind);
        iml__str_put(w->out, n + 2 + nbehind);
        return;
    }
    text(w->out, s, n);
    iml__str_add(w->out, behind, nbehind);
}

void iml__jsonw_key(iml__jsonw *w, const char *key)
{
    led_text(w, key, strlen(key), ": ", w->indent ? 2 : 1);
    w->after_key = true;
}

void iml__jsonw_strn(iml__jsonw *w, const char *s, size_t n) { led_text(w, s, n, "", 0); }

void iml__jsonw_str(iml__jsonw *w, const char *s)
{
    if (s)
        iml__jsonw_strn(w, s, strlen(s));
    else
        iml__jsonw_null(w);
}

void iml__jsonw_raw(iml__jsonw *w, const char *json) { value(w, json, strlen(json)); }
void iml__jsonw_null(iml__jsonw *w) { value(w, "null", 4); }
void iml__jsonw_bool(iml__jsonw *w, bool v) { value(w, v ? "true" : "false", v ? 4 : 5); }

void iml__jsonw_u64(iml__jsonw *w, uint64_t v)
{
    char num[32] = {0};
    digits(w, num, iml__num_u64(num, v));
}

void iml__jsonw_i64(iml__jsonw *w, int64_t v)
{
    char num[32] = {0};
    digits(w, num, iml__num_i64(num, v));
}

static void number(iml__jsonw *w, double v, size_t (*form)(char *, double))
{
    char num[32] = {0};
    if (isfinite(v))
        digits(w, num, form(num, v));
    else
        iml__jsonw_null(w);
}

void iml__jsonw_g17(iml__jsonw *w, double v) { number(w, v, iml__num_g17); }
void iml__jsonw_num(iml__jsonw *w, double v) { number(w, v, iml__num_short); }

void iml__jsonw_fixed(iml__jsonw *w, double v, int places)
{
    char num[32] = {0};
    if (isfinite(v))
        digits(w, num, iml__num_fixed(num, v, places));
    else
        iml__jsonw_null(w);
}

void iml__jsonw_hex64(iml__jsonw *w, uint64_t v)
{
    char hex[17];
    iml__hex64(hex, v);
    iml__jsonw_str(w, hex);
}
