// json_write.c: the JSON writer: key order kept, two layouts (one line, or indented with inline
// levels), numbers without locale.
#include "src/base/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void iml__jsonw_init(iml__jsonw *w, iml__str *out, int indent)
{
    *w = (iml__jsonw){.out = out, .indent = indent};
}

static bool bit(uint32_t set, unsigned depth) { return depth < 32 && (set >> depth & 1u); }

static void new_line(iml__jsonw *w)
{
    static const char spaces[] = "                                                                ";
    size_t n = (size_t)w->indent * w->depth;
    iml__str_addc(w->out, '\n');
    iml__str_add(w->out, spaces, n < sizeof spaces - 1 ? n : sizeof spaces - 1);
}

// Before a value or a key of the innermost level.
static void separate(iml__jsonw *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (!w->depth) return;
    bool first = !bit(w->filled, w->depth), flat = !w->indent || bit(w->inline_, w->depth);
    w->filled |= 1u << w->depth;
    if (!first) iml__str_adds(w->out, flat && w->indent ? ", " : ",");
    if (!flat) new_line(w);
}

static void open_level(iml__jsonw *w, char c, bool array)
{
    separate(w);
    iml__str_addc(w->out, c);
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
    if (filled && !flat) new_line(w);
    iml__str_addc(w->out, c);
}

// U+FFFD for each byte that is not part of valid UTF-8; only what JSON asks for is escaped.
static void text(iml__jsonw *w, const char *s, size_t n)
{
    iml__str_addc(w->out, '"');
    for (size_t i = 0; i < n;) {
        size_t run = i, bad = 0;
        while (run < n && (uint8_t)s[run] >= 0x20 && s[run] != '"' && s[run] != '\\') run++;
        if (iml__utf8_valid(s + i, run - i, &bad)) bad = run - i;
        iml__str_add(w->out, s + i, bad);
        i += bad;
        if (i < run) {
            iml__str_adds(w->out, "\xEF\xBF\xBD");
            i++;
        } else if (i < n) {
            char c = s[i++];
            if (c == '"' || c == '\\')
                iml__str_addf(w->out, "\\%c", c);
            else if (c == '\n')
                iml__str_adds(w->out, "\\n");
            else if (c == '\t')
                iml__str_adds(w->out, "\\t");
            else if (c == '\r')
                iml__str_adds(w->out, "\\r");
            else
                iml__str_addf(w->out, "\\u%04x", (unsigned)c & 0xff);
        }
    }
    iml__str_addc(w->out, '"');
}

void iml__jsonw_key(iml__jsonw *w, const char *key)
{
    separate(w);
    text(w, key, strlen(key));
    iml__str_adds(w->out, w->indent ? ": " : ":");
    w->after_key = true;
}

void iml__jsonw_strn(iml__jsonw *w, const char *s, size_t n)
{
    separate(w);
    text(w, s, n);
}

void iml__jsonw_str(iml__jsonw *w, const char *s)
{
    if (s)
        iml__jsonw_strn(w, s, strlen(s));
    else
        iml__jsonw_null(w);
}

void iml__jsonw_raw(iml__jsonw *w, const char *json)
{
    separate(w);
    iml__str_adds(w->out, json);
}

void iml__jsonw_null(iml__jsonw *w) { iml__jsonw_raw(w, "null"); }
void iml__jsonw_bool(iml__jsonw *w, bool v) { iml__jsonw_raw(w, v ? "true" : "false"); }

void iml__jsonw_u64(iml__jsonw *w, uint64_t v)
{
    separate(w);
    iml__str_addf(w->out, "%" PRIu64, v);
}

void iml__jsonw_i64(iml__jsonw *w, int64_t v)
{
    separate(w);
    iml__str_addf(w->out, "%" PRId64, v);
}

static void number(iml__jsonw *w, double v, size_t (*form)(char *, double))
{
    char num[32];
    if (!isfinite(v)) {
        iml__jsonw_null(w);
        return;
    }
    form(num, v);
    iml__jsonw_raw(w, num);
}

void iml__jsonw_g17(iml__jsonw *w, double v) { number(w, v, iml__num_g17); }
void iml__jsonw_num(iml__jsonw *w, double v) { number(w, v, iml__num_short); }

void iml__jsonw_fixed(iml__jsonw *w, double v, int digits)
{
    char num[32];
    if (!isfinite(v)) {
        iml__jsonw_null(w);
        return;
    }
    iml__num_fixed(num, v, digits);
    iml__jsonw_raw(w, num);
}

void iml__jsonw_hex64(iml__jsonw *w, uint64_t v)
{
    char hex[17];
    iml__hex64(hex, v);
    iml__jsonw_str(w, hex);
}
