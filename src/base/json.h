// json.h: a writer into a string and a strict pull reader.
//
// The writer keeps key order, escapes only what JSON asks for, and is locale-proof. The reader
// checks UTF-8, duplicate keys are the caller's affair, depth is limited, numbers stay text tokens
// until asked for, and every error has line:column.
#ifndef IML_BASE_JSON_H
#define IML_BASE_JSON_H

#include "src/base/str.h"

// ---- Writer. Commas and indentation are its own affair.
typedef struct iml__jsonw {
    iml__str *out; // *borrowed*
    int indent;    // spaces a level; 0: one line, no spaces
    uint8_t depth;
    uint32_t filled, inline_, arrays; // a bit a level: something stands there; on one line; [ ]
    bool after_key;
} iml__jsonw;

void iml__jsonw_init(iml__jsonw *w, iml__str *out, int indent);
void iml__jsonw_object(iml__jsonw *w);
void iml__jsonw_array(iml__jsonw *w);
void iml__jsonw_inline(iml__jsonw *w); // the level just opened stays on one line
void iml__jsonw_end(iml__jsonw *w);    // of the innermost object or array
void iml__jsonw_key(iml__jsonw *w, const char *key);
void iml__jsonw_str(iml__jsonw *w, const char *s);            // NULL: null
void iml__jsonw_strn(iml__jsonw *w, const char *s, size_t n); // invalid UTF-8 becomes U+FFFD
void iml__jsonw_u64(iml__jsonw *w, uint64_t v);
void iml__jsonw_i64(iml__jsonw *w, int64_t v);
void iml__jsonw_g17(iml__jsonw *w, double v); // %.17g; NaN and infinities: null
void iml__jsonw_num(iml__jsonw *w, double v); // shortest that reads back
void iml__jsonw_fixed(iml__jsonw *w, double v, int digits);
void iml__jsonw_bool(iml__jsonw *w, bool v);
void iml__jsonw_null(iml__jsonw *w);
void iml__jsonw_hex64(iml__jsonw *w, uint64_t v);
void iml__jsonw_raw(iml__jsonw *w, const char *json); // a finished value

// ---- Reader. Strict RFC 8259 text in UTF-8: no byte order mark, no comments, no lone surrogates,
// nothing after the value, at most 64 levels. The text is *borrowed* while the reader is used.
enum iml__json_type {
    IML__JSON_OBJECT,
    IML__JSON_ARRAY,
    IML__JSON_END, // END closes the innermost
    IML__JSON_KEY,
    IML__JSON_STRING,
    IML__JSON_NUMBER,
    IML__JSON_TRUE,
    IML__JSON_FALSE,
    IML__JSON_NULL,
    IML__JSON_DONE // again and again once the text is over
};

typedef struct iml__jsonr {
    const char *name, *text; // name: of the file, for messages; *borrowed*
    size_t n, at;
    size_t began; // of the last token, for messages
    uint32_t line;
    size_t line_start;
    uint8_t stack[64], depth, state;
    iml__str token; // the last string, key (unescaped, may hold 0 bytes) or number (raw)
} iml__jsonr;

void iml__jsonr_init(iml__jsonr *r, const char *name, const char *text, size_t n);
void iml__jsonr_free(iml__jsonr *r);
// IML_EINPUT with "NAME:LINE:COLUMN: ..." (column in bytes, both from 1), then for ever;
// IML_ENOMEM.
iml_status iml__jsonr_next(iml__jsonr *r, enum iml__json_type *type, iml_err *e);
iml_status iml__jsonr_skip(iml__jsonr *r, iml_err *e); // the next value, whatever it is
// The next value must be of this kind.
iml_status iml__jsonr_u64(iml__jsonr *r, uint64_t *v, iml_err *e);
iml_status iml__jsonr_double(iml__jsonr *r, double *v, iml_err *e); // finite
iml_status iml__jsonr_str(iml__jsonr *r, const char **s,
                          iml_err *e); // no 0 bytes; *borrowed* until the next call
iml_status iml__jsonr_bool(iml__jsonr *r, bool *v, iml_err *e);
// A caller's own complaint (unknown key, duplicate) about the last token: IML_EINPUT.
iml_status iml__jsonr_fail(const iml__jsonr *r, iml_err *e, const char *fmt, ...) IML_PRINTF(3, 4);

#endif
