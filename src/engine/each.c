// each.c: a pull run from its opening to its end.
#include "src/engine/each.h"

#include "src/base/err.h"

static iml_status take_all(iml_run_t *r, iml__each_fn *take, void *user, iml_err *e)
{
    for (;;) {
        iml_out *out;
        size_t n = 0;
        uint64_t i = 0;
        iml_err why = {0};
        iml_status st = iml_run_next(r, -1, &out, &n, &i, &why);
        if (st == IML_END) return IML_OK;
        enum iml_class cls = iml_status_class(st);
        if (i == UINT64_MAX || (st && cls != IML_CLASS_ITEM && cls != IML_CLASS_RETRY))
            return IML_FAIL_SYS(e, st, why.sys, "%s", why.msg);
        if (!st && (n != 1 || out->nfrag != 1))
            st = IML_FAIL(&why, IML_EBUG, "item %llu handed over no single piece",
                          (unsigned long long)i);
        const iml_frag *f = st ? NULL : out->frag;
        st = take(user, i, f ? (const uint8_t *)iml_buf_data(f->data) + f->off : NULL,
                  f ? f->len : 0, st, &why, e);
        iml_run_free(r, i);
        IML_TRY(st);
    }
}

iml_status iml__run_each(iml_ctx *ctx, const iml_job *j, const iml_run_opts *o, iml__each_fn *take,
                         void *user, iml_err *e)
{
    iml_run_t *run = NULL;
    IML_TRY(iml_run_open(ctx, j, o, &run, e));
    iml_status st = take_all(run, take, user, e);
    iml_status closed = iml_run_close(&run, NULL, st == IML_OK ? e : NULL);
    return st ? st : closed;
}
