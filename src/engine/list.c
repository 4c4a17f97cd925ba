// list.c: writing and reading the lines of files.<node>.jsonl.
//
// The lines are JSON for everyone else's tools; our own reader takes exactly the form that we write
// and calls everything else damaged, which makes it a dozen times faster than the general reader
// (ten million lines are read at a resume). Every line ends in its own check sum: the journal's
// hashes cover only lines that count, and the names of all the others may be removed when their
// item is made again, so a flipped bit there could take another item's file. Bytes of a name that
// are not UTF-8 are written as \udc80..\udcff, as Python's surrogateescape does, so that the file
// is valid JSON and no name is lost.
#include "src/engine/list.h"

#include <string.h>

#include "src/base/hash.h"

static void name_out(iml__str *s, const char *name)
{
    size_t n = strlen(name), bad;
    iml__str_addc(s, '"');
    while (n) {
        size_t valid = iml__utf8_valid(name, n, &bad) ? n : bad;
        for (size_t i = 0; i < valid; i++) {
            unsigned char c = (unsigned char)name[i];
            if (c == '"' || c == '\\') iml__str_addc(s, '\\');
            if (c < 0x20)
                iml__str_addf(s, "\\u%04x", c);
            else
                iml__str_addc(s, (char)c);
        }
        if (valid < n) iml__str_addf(s, "\\udc%02x", (unsigned char)name[valid]), valid++;
        name += valid, n -= valid;
    }
    iml__str_addc(s, '"');
}

uint32_t iml__line_sum(const char *p, size_t n) { return (uint32_t)iml__xxh3(p, n); }

// Closes the line that began at from.
static void seal(iml__str *s, size_t from)
{
    if (s->failed) return;
    uint32_t sum = iml__line_sum(s->p + from, s->n - from);
    iml__str_addf(s, IML__LINE_SUM "\"%08x\"}\n", (unsigned)sum);
}

void iml__line_begin(iml__str *s, uint64_t generation)
{
    size_t from = s->n;
    iml__str_addf(s, "{\"imloom\":1,\"begin\":%llu", (unsigned long long)generation);
    seal(s, from);
}

static void file_out(iml__str *s, const char *name, uint64_t size, uint64_t xxh3)
{
    char hex[17];
    iml__hex64(hex, xxh3);
    iml__str_adds(s, "\"name\":");
    name_out(s, name);
    iml__str_addf(s, ",\"size\":%llu,\"xxh3\":\"%s\"", (unsigned long long)size, hex);
}

void iml__line_file(iml__str *s, uint64_t item, const char *name, uint64_t size, uint64_t xxh3)
{
    size_t from = s->n;
    iml__str_addf(s, "{\"item\":%llu,", (unsigned long long)item);
    file_out(s, name, size, xxh3);
    seal(s, from);
}

void iml__line_empty(iml__str *s, uint64_t item)
{
    size_t from = s->n;
    iml__str_addf(s, "{\"item\":%llu", (unsigned long long)item);
    seal(s, from);
}

void iml__line_joined(iml__str *s, const char *name, uint64_t size, uint64_t xxh3)
{
    size_t from = s->n;
    iml__str_addc(s, '{');
    file_out(s, name, size, xxh3);
    seal(s, from);
}

// ---- Reading. p moves on; each returns false where the text is not of our form.

static bool word(const char **p, const char *end, const char *w)
{
    size_t n = strlen(w);
    if ((size_t)(end - *p) < n || memcmp(*p, w, n) != 0) return false;
    *p += n;
    return true;
}

static bool decimal(const char **p, const char *end, uint64_t *v)
{
    const char *from = *p;
    *v = 0;
    for (; *p < end && **p >= '0' && **p <= '9'; ++*p)
        if (__builtin_mul_overflow(*v, (uint64_t)10, v) ||
            __builtin_add_overflow(*v, (uint64_t)(**p - '0'), v))
            return false;
    return *p > from;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex(const char **p, const char *end, int digits, uint64_t *v)
{
    *v = 0;
    if (end - *p < digits) return false;
    for (int i = 0; i < digits; i++) {
        int d = hex_digit(*(*p)++);
        if (d < 0) return false;
        *v = *v << 4 | (uint64_t)d;
    }
    return true;
}

static bool name_in(const char **p, const char *end, char *out, size_t cap)
{
    size_t n = 0;
    if (!word(p, end, "\"")) return false;
    while (*p < end && **p != '"') {
        char c = *(*p)++;
        uint64_t v;
        if (c == '\\') {
            if (*p >= end) return false;
            c = *(*p)++;
            if (c == 'u') {
                if (!hex(p, end, 4, &v)) return false;
                if (v >= 0xDC80 && v <= 0xDCFF)
                    v -= 0xDC00;
                else if (v >= 0x20)
                    return false;
                c = (char)v;
            } else if (c != '"' && c != '\\') {
                return false;
            }
        }
        if (!c || n + 1 >= cap) return false;
        out[n++] = c;
    }
    out[n] = 0;
    return n > 0 && word(p, end, "\"");
}

// Takes the check sum off the line's end; false: it has none, or another one.
static bool sealed(const char *p, const char **end)
{
    enum { TAIL = sizeof IML__LINE_SUM - 1 + 11 }; // "01234567"}
    uint64_t sum;
    if (*end - p < TAIL) return false;
    const char *tail = *end - TAIL, *at = tail;
    if (!word(&at, *end, IML__LINE_SUM "\"") || !hex(&at, *end, 8, &sum)) return false;
    if (!word(&at, *end, "\"}") || sum != iml__line_sum(p, (size_t)(tail - p))) return false;
    *end = tail;
    return true;
}

static bool parse(struct iml__lines *l, const char *p, const char *end, struct iml__line *out)
{
    if (!sealed(p, &end)) return false;
    if (word(&p, end, "{\"imloom\":1,\"begin\":")) {
        out->kind = IML__LINE_BEGIN;
        return decimal(&p, end, &out->item) && p == end;
    }
    if (!word(&p, end, "{")) return false;
    out->kind = IML__LINE_JOINED;
    if (word(&p, end, "\"item\":")) {
        if (!decimal(&p, end, &out->item)) return false;
        out->kind = IML__LINE_EMPTY;
        if (p == end) return true;
        out->kind = IML__LINE_FILE;
        if (!word(&p, end, ",")) return false;
    }
    if (!word(&p, end, "\"name\":") || !name_in(&p, end, l->name, sizeof l->name)) return false;
    if (!word(&p, end, ",\"size\":") || !decimal(&p, end, &out->size)) return false;
    if (!word(&p, end, ",\"xxh3\":\"") || !hex(&p, end, 16, &out->xxh3)) return false;
    return word(&p, end, "\"") && p == end;
}

void iml__lines_begin(struct iml__lines *l, const char *text, size_t from, size_t to)
{
    l->text = text, l->at = from, l->n = to;
}

void iml__lines_to_begin(struct iml__lines *l)
{
    static const char head[] = "\n{\"imloom\":";
    const char *p = l->text + l->at;
    size_t left = l->n - l->at;
    if (l->at >= l->n) return;
    if (left >= sizeof head - 2 && !memcmp(p, head + 1, sizeof head - 2)) return;
    const char *hit = memmem(p, left, head, sizeof head - 1);
    l->at = hit ? (size_t)(hit + 1 - l->text) : l->n;
}

bool iml__lines_next(struct iml__lines *l, struct iml__line *out)
{
    *out = (struct iml__line){.name = l->name, .off = l->at};
    if (l->at >= l->n) return false;
    const char *from = l->text + l->at, *end = memchr(from, '\n', l->n - l->at);
    if (!end) return false;
    out->len = (size_t)(end - from) + 1;
    l->at += out->len;
    l->name[0] = 0;
    if (!parse(l, from, end, out)) out->kind = IML__LINE_BAD;
    return true;
}
