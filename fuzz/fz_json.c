// fz_json.c: the JSON reader on any bytes. What it accepts must survive writing and reading again
// token by token, or one of the two sides is wrong.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
    if (!ok) abort();
}

static void write_token(iml__jsonw *w, const iml__jsonr *r, enum iml__json_type type)
{
    switch (type) {
    case IML__JSON_OBJECT: iml__jsonw_object(w); break;
    case IML__JSON_ARRAY: iml__jsonw_array(w); break;
    case IML__JSON_END: iml__jsonw_end(w); break;
    case IML__JSON_KEY: iml__jsonw_key(w, iml__str_text(&r->token)); break;
    case IML__JSON_STRING: iml__jsonw_strn(w, iml__str_text(&r->token), r->token.n); break;
    case IML__JSON_NUMBER: iml__jsonw_raw(w, iml__str_text(&r->token)); break;
    case IML__JSON_TRUE: iml__jsonw_bool(w, true); break;
    case IML__JSON_FALSE: iml__jsonw_bool(w, false); break;
    case IML__JSON_NULL: iml__jsonw_null(w); break;
    case IML__JSON_DONE: break;
    }
}

// A key with a 0 byte cannot be written again (keys are C strings), and the writer has 31 levels.
static bool copy(const char *text, size_t n, int indent, iml__str *out, bool *whole)
{
    iml__jsonr r;
    iml__jsonw w;
    enum iml__json_type type = IML__JSON_NULL;
    iml_err e;
    iml_status st;
    iml__jsonr_init(&r, "input", text, n);
    iml__jsonw_init(&w, out, indent);
    *whole = true;
    while (!(st = iml__jsonr_next(&r, &type, &e)) && type != IML__JSON_DONE) {
        if (r.depth > 31) *whole = false;
        if (type == IML__JSON_KEY && strlen(iml__str_text(&r.token)) != r.token.n) *whole = false;
        if (*whole) write_token(&w, &r, type);
    }
    if (st) must(st == IML_EINPUT && strstr(e.msg, "input:") == e.msg);
    iml__jsonr_free(&r);
    return !st;
}

static void ask_types(const char *text, size_t n)
{
    iml__jsonr r;
    enum iml__json_type type;
    iml_err e;
    uint64_t u;
    double d;
    const char *s;
    bool b;
    for (int kind = 0; kind < 5; kind++) {
        iml__jsonr_init(&r, "input", text, n);
        for (int k = 0; k < 3 && !iml__jsonr_next(&r, &type, &e); k++) {
            iml_status st = kind == 0   ? iml__jsonr_u64(&r, &u, &e)
                            : kind == 1 ? iml__jsonr_double(&r, &d, &e)
                            : kind == 2 ? iml__jsonr_str(&r, &s, &e)
                            : kind == 3 ? iml__jsonr_bool(&r, &b, &e)
                                        : iml__jsonr_skip(&r, &e);
            if (!st && kind == 1) must(d - d == 0);
        }
        iml__jsonr_free(&r);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *text = (const char *)data;
    iml__str once, again;
    bool whole;
    iml__str_init(&once, 8 * n + 64), iml__str_init(&again, 8 * n + 64);
    if (copy(text, n, 0, &once, &whole) && whole) {
        must(!once.failed);
        must(copy(iml__str_text(&once), once.n, 0, &again, &whole) && whole);
        must(once.n == again.n && !memcmp(once.p, again.p, once.n));
    }
    iml__str_free(&once), iml__str_free(&again);
    ask_types(text, n);
    return 0;
}
