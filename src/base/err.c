// err.c: the status table and the one function that fills an iml_err.
#include "src/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct row {
    const char *name, *text;
    iml_class cls;
} rows[] = {
#define ROW(n, value, class_, t) [value] = {#n, t, IML_CLASS_##class_},
    IML_STATUS_MAP(ROW)
#undef ROW
};

static const struct row *row_of(iml_status s)
{
    static const struct row unknown = {"UNKNOWN", "unknown status", IML_CLASS_BUG};
    return s >= 0 && (size_t)s < IML_COUNT_OF(rows) ? &rows[s] : &unknown;
}

iml_class iml_status_class(iml_status s) { return row_of(s)->cls; }
const char *iml_status_name(iml_status s) { return row_of(s)->name; }
const char *iml_status_text(iml_status s) { return row_of(s)->text; }

const char *iml_class_name(iml_class c)
{
    static const char *const names[] = {"NONE", "ITEM", "RETRY", "SINK", "STOP", "BUG"};
    return (size_t)c < IML_COUNT_OF(names) ? names[c] : "BUG";
}

const char *iml__errno_text(int sys)
{
    const char *t = strerrordesc_np(sys);
    return t ? t : "unknown error";
}

void iml__err_clear(iml_err *e)
{
    if (e) *e = (iml_err){0};
}

iml_status iml__err_set(iml_err *e, iml_status st, int sys, const char *file, int line,
                        const char *fmt, ...)
{
    if (st == IML_OK) st = IML_EBUG; // iml__failed relies on it
    if (!e) return st;
    e->status = st, e->sys = sys, e->file = file, e->line = line;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    if (n < 0) n = 0;
    size_t at = (size_t)n < sizeof e->msg ? (size_t)n : sizeof e->msg - 1;
    if (sys && at < sizeof e->msg - 1)
        (void)snprintf(e->msg + at, sizeof e->msg - at, ": %s", iml__errno_text(sys));
    return st;
}
