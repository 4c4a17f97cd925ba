// inject.c: crashes, hangs, kills and failures by dice, for `--inject` and the tests.
//
// One draw decides an attempt: the probabilities divide the unit interval. A kill from outside
// (oom) is a SIGKILL that the engine has not sent: it must look like the system's OOM killer.
#include "src/engine/inject.h"

#include "src/base/err.h"
#include "src/base/rng.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

iml_status iml__inject_parse(struct iml__inject *x, const char *text, iml_err *e)
{
    const struct {
        const char *name;
        double *p;
    } row[] = {{"crash=", &x->crash}, {"hang=", &x->hang}, {"oom=", &x->oom}, {"fail=", &x->fail}};
    *x = (struct iml__inject){0};
    for (const char *s = text; s && *s;) {
        size_t k = 0;
        while (k < IML_COUNT_OF(row) && strncmp(s, row[k].name, strlen(row[k].name)) != 0) k++;
        char *end = NULL;
        double p = k < IML_COUNT_OF(row) ? strtod(s + strlen(row[k].name), &end) : -1;
        if (!(p >= 0 && p <= 1) || end == s + strlen(row[k].name) || (*end && *end != ','))
            return IML_FAIL(e, IML_EARG,
                            "inject: '%s' is not crash=, hang=, oom= or fail= and a "
                            "probability from 0 to 1",
                            s);
        *row[k].p = p;
        s = *end ? end + 1 : end;
    }
    if (x->crash + x->hang + x->oom + x->fail > 1)
        return IML_FAIL(e, IML_EARG, "inject: the probabilities in '%s' sum to more than 1", text);
    return IML_OK;
}

enum iml__fault iml__inject_at(const struct iml__inject *x, uint64_t seed, uint64_t index,
                               uint32_t attempt)
{
    iml_rng r = iml__rng_slot(seed, index, iml_stream("engine.inject"), attempt);
    double u = iml_rng_unit(&r);
    if (u < x->crash) return IML__FAULT_CRASH;
    if (u < x->crash + x->hang) return IML__FAULT_HANG;
    if (u < x->crash + x->hang + x->oom) return IML__FAULT_OOM;
    return u < x->crash + x->hang + x->oom + x->fail ? IML__FAULT_FAIL : IML__FAULT_NONE;
}

void iml__inject_do(enum iml__fault f)
{
    if (f == IML__FAULT_CRASH) (void)raise(SIGSEGV);
    if (f == IML__FAULT_OOM) (void)raise(SIGKILL);
    if (f == IML__FAULT_HANG)
        for (;;) (void)pause();
}
