// err.h: how a function fails. Detail goes to a caller-owned iml_err; nothing is allocated.
//
//     if (n > max) return IML_FAIL(e, IML_ELIMIT, "%s: %zu pixels, the limit is %zu", path, n,
//     max); IML_TRY(header_read(f, &h, e));                        // Passes a failure on. if
//     (IML_FAILS(st = decode(f, e))) goto done;           // Fails over to the one label.
#ifndef IML_BASE_ERR_H
#define IML_BASE_ERR_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

// Fills e (which may be NULL) and returns st; IML_EBUG for an st of IML_OK. sys: errno or 0.
iml_status iml__err_set(iml_err *e, iml_status st, int sys, const char *file, int line,
                        const char *fmt, ...) IML_PRINTF(6, 7) IML_COLD;
void iml__err_clear(iml_err *e);

// Says in the caller's own file that a failure is never IML_OK: compilers and clang's analyzer look
// into one file at a time, and would follow paths on which iml__err_set returns 0.
static inline iml_status iml__failed(iml_status st)
{
    IML_ASSUME(st != IML_OK);
    return st;
}

#define IML_FAIL(e, st, ...) IML_FAIL_SYS(e, st, 0, __VA_ARGS__)
#define IML_FAIL_SYS(e, st, sys, ...)                                                              \
    iml__failed(iml__err_set((e), (st), (sys), __FILE__, __LINE__, __VA_ARGS__))
#define IML_FAILS(call) ((call) != IML_OK)
#define IML_TRY(call)                                                                              \
    do {                                                                                           \
        iml_status try_status_ = (call);                                                           \
        if (try_status_ != IML_OK) return try_status_;                                             \
    } while (0)

// strerror without its shared buffer; *borrowed* for ever for known values.
const char *iml__errno_text(int sys);

#endif
