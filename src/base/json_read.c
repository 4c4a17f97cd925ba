// json_read.c: a strict pull reader for JSON that others wrote (labels, manifests, journals).
//
// It never builds a tree: a label file of a million boxes is read token by token in the memory of
// its longest string. The grammar is a small state machine over a stack of open levels, without
// recursion, so that hostile nesting costs 64 bytes. Every byte is looked at once, and everything
// that RFC 8259 does not allow is an error at its line and column: a data set that one tool reads
// and another refuses is worse than an early complaint. Numbers stay text until a caller says which
// type they have, so 2^63 and 1e400 are no errors by themselves.
#include "src/base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/err.h"

enum state {
    VALUE,       // a value must come
    FIRST_VALUE, // after '[': a value or ']'
    FIRST_KEY,   // after '{': a key or '}'
    AFTER,       // after a value inside a level: ',' or the end
    OVER,        // the one value is complete
    BROKEN       // an error was found
};

void iml__jsonr_init(iml__jsonr *r, const char *name, const char *text, size_t n)
{
    *r = (iml__jsonr){.name = name, .text = text, .n = n, .line = 1, .state = VALUE};
    iml__str_init(&r->token, n);
}

void iml__jsonr_free(iml__jsonr *r) { iml__str_free(&r->token); }

static iml_status complain(const iml__jsonr *r, size_t at, iml_err *e, const char *fmt, va_list ap)
{
    char text[120];
    size_t len = strlen(r->name), keep = 80; // a long path's end says more than its start
    (void)vsnprintf(text, sizeof text, fmt, ap);
    return IML_FAIL(e, IML_EINPUT, "%s%s:%u:%zu: %s", len > keep ? "..." : "",
                    len > keep ? r->name + len - keep : r->name, r->line, at - r->line_start + 1,
                    text);
}

iml_status iml__jsonr_fail(const iml__jsonr *r, iml_err *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    iml_status st = complain(r, r->began, e, fmt, ap);
    va_end(ap);
    return st;
}

// At the byte the reader stands on; ends the reading.
static iml_status broken(iml__jsonr *r, iml_err *e, const char *fmt, ...) IML_PRINTF(3, 4);
static iml_status broken(iml__jsonr *r, iml_err *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    iml_status st = complain(r, r->at, e, fmt, ap);
    va_end(ap);
    r->state = BROKEN;
    return st;
}

static bool more(const iml__jsonr *r) { return r->at < r->n; }
static char peek(const iml__jsonr *r) { return more(r) ? r->text[r->at] : 0; }

static void skip_space(iml__jsonr *r)
{
    for (; more(r); r->at++) {
        char c = r->text[r->at];
        if (c == '\n')
            r->line++, r->line_start = r->at + 1;
        else if (c != ' ' && c != '\t' && c != '\r')
            return;
    }
}

// What stands where something else should: for messages.
static iml_status unexpected(iml__jsonr *r, iml_err *e, const char *wanted)
{
    if (!more(r)) return broken(r, e, "the text ends where %s should stand", wanted);
    uint8_t c = (uint8_t)peek(r);
    if (c == 0xEF && !r->at) return broken(r, e, "a byte order mark: JSON has none");
    if (c > 0x20 && c < 0x7F) return broken(r, e, "'%c' where %s should stand", c, wanted);
    return broken(r, e, "byte 0x%02x where %s should stand", c, wanted);
}

// ---- Strings

static bool hex4(const iml__jsonr *r, size_t at, uint32_t *v)
{
    if (r->n - at < 4) return false;
    *v = 0;
    for (size_t k = at; k < at + 4; k++) {
        char c = r->text[k];
        uint32_t d = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                            : 16;
        if (d > 15) return false;
        *v = *v << 4 | d;
    }
    return true;
}

static void add_utf8(iml__str *s, uint32_t c)
{
    char b[4];
    size_t n = 0;
    if (c < 0x80) {
        b[n++] = (char)c;
    } else if (c < 0x800) {
        b[n++] = (char)(0xC0 | c >> 6), b[n++] = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        b[n++] = (char)(0xE0 | c >> 12), b[n++] = (char)(0x80 | (c >> 6 & 63));
        b[n++] = (char)(0x80 | (c & 63));
    } else {
        b[n++] = (char)(0xF0 | c >> 18), b[n++] = (char)(0x80 | (c >> 12 & 63));
        b[n++] = (char)(0x80 | (c >> 6 & 63)), b[n++] = (char)(0x80 | (c & 63));
    }
    iml__str_add(s, b, n);
}

// at stands on the backslash.
static iml_status escape(iml__jsonr *r, iml_err *e)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = r->n - r->at > 1 ? r->text[r->at + 1] : 0;
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) {
        iml__str_addc(&r->token, to[simple - from]);
        r->at += 2;
        return IML_OK;
    }
    uint32_t u, low;
    if (c != 'u') return broken(r, e, "an unknown escape in a string");
    if (!hex4(r, r->at + 2, &u)) return broken(r, e, "\\u without four hexadecimal digits");
    if (u >= 0xDC00 && u < 0xE000) return broken(r, e, "a low surrogate without a high one");
    if (u >= 0xD800 && u < 0xDC00) {
        bool pair = r->n - r->at >= 12 && r->text[r->at + 6] == '\\' && r->text[r->at + 7] == 'u' &&
                    hex4(r, r->at + 8, &low) && low >= 0xDC00 && low < 0xE000;
        if (!pair) return broken(r, e, "a high surrogate without a low one");
        u = 0x10000 + ((u - 0xD800) << 10) + (low - 0xDC00);
        r->at += 6;
    }
    add_utf8(&r->token, u);
    r->at += 6;
    return IML_OK;
}

static iml_status string(iml__jsonr *r, iml_err *e)
{
    iml__str_clear(&r->token);
    for (r->at++;;) {
        size_t from = r->at, bad;
        while (more(r) && (uint8_t)peek(r) >= 0x20 && peek(r) != '"' && peek(r) != '\\') r->at++;
        if (!iml__utf8_valid(r->text + from, r->at - from, &bad)) {
            r->at = from + bad;
            return broken(r, e, "byte 0x%02x is no UTF-8", (uint8_t)peek(r));
        }
        iml__str_add(&r->token, r->text + from, r->at - from);
        if (!more(r)) return broken(r, e, "the text ends inside a string");
        if (peek(r) == '"') break;
        if (peek(r) != '\\')
            return broken(r, e, "control character 0x%02x in a string", (uint8_t)peek(r));
        IML_TRY(escape(r, e));
    }
    r->at++;
    iml__str_add(&r->token, "", 0); // an empty string is text too, not NULL
    if (r->token.failed) return IML_FAIL(e, r->token.failed, "%s: no memory for a string", r->name);
    return IML_OK;
}

// ---- Numbers, words

static size_t digits(iml__jsonr *r)
{
    size_t from = r->at;
    while (peek(r) >= '0' && peek(r) <= '9') r->at++;
    return r->at - from;
}

static iml_status number(iml__jsonr *r, iml_err *e)
{
    if (peek(r) == '-') r->at++;
    if (peek(r) == '0')
        r->at++; // and no digit after it: what follows is then refused as no comma
    else if (!digits(r))
        return unexpected(r, e, "a digit");
    if (peek(r) == '.') {
        r->at++;
        if (!digits(r)) return unexpected(r, e, "a digit");
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        r->at++;
        if (peek(r) == '-' || peek(r) == '+') r->at++;
        if (!digits(r)) return unexpected(r, e, "a digit");
    }
    iml__str_clear(&r->token);
    iml__str_add(&r->token, r->text + r->began, r->at - r->began);
    if (r->token.failed) return IML_FAIL(e, r->token.failed, "%s: no memory for a number", r->name);
    return IML_OK;
}

static bool word(iml__jsonr *r, const char *w)
{
    size_t n = strlen(w);
    if (r->n - r->at < n || memcmp(r->text + r->at, w, n) != 0) return false;
    r->at += n;
    return true;
}

// ---- The machine

static void value_ended(iml__jsonr *r) { r->state = r->depth ? AFTER : OVER; }

static iml_status open_level(iml__jsonr *r, enum iml__json_type *type, iml_err *e)
{
    bool object = peek(r) == '{';
    if (r->depth >= sizeof r->stack)
        return broken(r, e, "nested deeper than %zu levels", sizeof r->stack);
    r->stack[r->depth++] = object;
    r->at++;
    r->state = object ? FIRST_KEY : FIRST_VALUE;
    *type = object ? IML__JSON_OBJECT : IML__JSON_ARRAY;
    return IML_OK;
}

static iml_status value(iml__jsonr *r, enum iml__json_type *type, iml_err *e)
{
    char c = peek(r);
    if (c == '{' || c == '[') return open_level(r, type, e);
    if (c == '"') {
        *type = IML__JSON_STRING;
        IML_TRY(string(r, e));
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        *type = IML__JSON_NUMBER;
        IML_TRY(number(r, e));
    } else if (word(r, "true")) {
        *type = IML__JSON_TRUE;
    } else if (word(r, "false")) {
        *type = IML__JSON_FALSE;
    } else if (word(r, "null")) {
        *type = IML__JSON_NULL;
    } else {
        return unexpected(r, e, "a value");
    }
    value_ended(r);
    return IML_OK;
}

static iml_status key(iml__jsonr *r, enum iml__json_type *type, iml_err *e)
{
    if (peek(r) != '"') return unexpected(r, e, "a key in quotes");
    IML_TRY(string(r, e));
    size_t began = r->began;
    skip_space(r);
    if (peek(r) != ':') return unexpected(r, e, "':' after a key");
    r->at++;
    // A colon on a later line would put the key's column beside the wrong line.
    r->began = began >= r->line_start ? began : r->at - 1;
    r->state = VALUE;
    *type = IML__JSON_KEY;
    return IML_OK;
}

static iml_status close_level(iml__jsonr *r, enum iml__json_type *type)
{
    r->at++, r->depth--;
    value_ended(r);
    *type = IML__JSON_END;
    return IML_OK;
}

iml_status iml__jsonr_next(iml__jsonr *r, enum iml__json_type *type, iml_err *e)
{
    *type = IML__JSON_DONE;
    if (r->state == BROKEN) return IML_FAIL(e, IML_EINPUT, "%s: read on after an error", r->name);
    skip_space(r);
    r->began = r->at;
    if (r->state == OVER) return more(r) ? unexpected(r, e, "the end of the text") : IML_OK;
    bool object = r->depth && r->stack[r->depth - 1];
    if (r->state == AFTER || r->state == FIRST_KEY || r->state == FIRST_VALUE) {
        if (r->depth && peek(r) == (object ? '}' : ']')) return close_level(r, type);
    }
    if (r->state == AFTER) {
        if (peek(r) != ',') return unexpected(r, e, object ? "',' or '}'" : "',' or ']'");
        r->at++;
        skip_space(r);
        r->began = r->at;
        return object ? key(r, type, e) : value(r, type, e);
    }
    return r->state == FIRST_KEY ? key(r, type, e) : value(r, type, e);
}

// ---- Whole values

static const char *const type_names[] = {
    "an object", "an array", "the end of a level", "a key", "a string", "a number", "true", "false",
    "null",      "the end"};

static iml_status expect(iml__jsonr *r, enum iml__json_type want, iml_err *e)
{
    enum iml__json_type type;
    IML_TRY(iml__jsonr_next(r, &type, e));
    if (type == want) return IML_OK;
    return iml__jsonr_fail(r, e, "%s where %s should stand", type_names[type], type_names[want]);
}

iml_status iml__jsonr_skip(iml__jsonr *r, iml_err *e)
{
    enum iml__json_type type;
    unsigned depth = r->depth;
    IML_TRY(iml__jsonr_next(r, &type, e));
    if (type == IML__JSON_END || type == IML__JSON_KEY || type == IML__JSON_DONE)
        return iml__jsonr_fail(r, e, "%s where a value should stand", type_names[type]);
    while (r->depth > depth) IML_TRY(iml__jsonr_next(r, &type, e));
    return IML_OK;
}

iml_status iml__jsonr_u64(iml__jsonr *r, uint64_t *v, iml_err *e)
{
    IML_TRY(expect(r, IML__JSON_NUMBER, e));
    if (iml__parse_u64(iml__str_text(&r->token), v)) return IML_OK;
    return iml__jsonr_fail(r, e, "'%.40s' is no whole number from 0 to 2^64 - 1",
                           iml__str_text(&r->token));
}

iml_status iml__jsonr_double(iml__jsonr *r, double *v, iml_err *e)
{
    IML_TRY(expect(r, IML__JSON_NUMBER, e));
    if (iml__parse_double(iml__str_text(&r->token), v)) return IML_OK;
    return iml__jsonr_fail(r, e, "'%.40s' does not fit a double", iml__str_text(&r->token));
}

iml_status iml__jsonr_str(iml__jsonr *r, const char **s, iml_err *e)
{
    IML_TRY(expect(r, IML__JSON_STRING, e));
    *s = iml__str_text(&r->token);
    if (strlen(*s) == r->token.n) return IML_OK;
    return iml__jsonr_fail(r, e, "a NUL character in a text");
}

iml_status iml__jsonr_bool(iml__jsonr *r, bool *v, iml_err *e)
{
    enum iml__json_type type;
    IML_TRY(iml__jsonr_next(r, &type, e));
    *v = type == IML__JSON_TRUE;
    if (*v || type == IML__JSON_FALSE) return IML_OK;
    return iml__jsonr_fail(r, e, "%s where true or false should stand", type_names[type]);
}
