// inject.h: faults on purpose, in builds with IML_INJECT.
#ifndef IML_ENGINE_INJECT_H
#define IML_ENGINE_INJECT_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

enum iml__fault {
    IML__FAULT_NONE,
    IML__FAULT_CRASH,
    IML__FAULT_HANG,
    IML__FAULT_OOM,
    IML__FAULT_FAIL
};

struct iml__inject {
    double crash, hang, oom, fail;
}; // probabilities of an attempt

// "crash=p,hang=p,oom=p,fail=p", each at most once; text NULL: none. IML_EARG.
iml_status iml__inject_parse(struct iml__inject *x, const char *text, iml_err *e);
// What befalls this attempt: a function of (seed, index, attempt) alone.
enum iml__fault iml__inject_at(const struct iml__inject *x, uint64_t seed, uint64_t index,
                               uint32_t attempt);
// Carries it out in a worker process; threads take FAIL only, which their worker carries out.
// Returns for NONE and FAIL only.
void iml__inject_do(enum iml__fault f);

#endif
