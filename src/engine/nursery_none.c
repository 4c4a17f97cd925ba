// nursery_none.c: refuses process mode until nursery.c, which replaces this file, is in the build.
#include "src/engine/nursery.h"

#include "src/base/err.h"

iml_status iml__nursery_open(struct iml__nursery **n, const struct iml__nursery_conf *c, iml_err *e)
{
    (void)c;
    *n = NULL;
    return IML_FAIL(e, IML_EARG, "this build has no worker processes; use --mode thread");
}

void iml__nursery_close(struct iml__nursery **n) { *n = NULL; }

bool iml__nursery_post(struct iml__nursery *n, uint32_t w, uint64_t index, uint32_t attempt)
{
    (void)n, (void)w, (void)index, (void)attempt;
    return false;
}

enum iml__event iml__nursery_wait(struct iml__nursery *n, uint32_t w, uint64_t timeout_us,
                                  struct iml__reply *r)
{
    (void)n, (void)w, (void)timeout_us, (void)r;
    return IML__EVENT_NONE;
}

void iml__nursery_ack(struct iml__nursery *n, uint32_t w, iml_status st, const char *msg)
{
    (void)n, (void)w, (void)st, (void)msg;
}

void iml__nursery_stop(struct iml__nursery *n) { (void)n; }
void iml__nursery_kill(struct iml__nursery *n, uint32_t w) { (void)n, (void)w; }
