// fontjob.c: the proof of unknown font files as a job of the engine, in worker processes.
//
// A font file that hangs or crashes FreeType or HarfBuzz costs a worker and is listed with that as
// its reason. The job's items are the index's unknown files; an item's one output is the file's
// rows. Where there are no worker processes nothing is proved here: iml__fontindex_finish does it
// then.
#include "src/synth/fontindex.h"

#include <stdio.h>
#include <string.h>

#include "src/base/err.h"

enum { ROWS_MAX = 16 << 20 };

static iml_status prove_item(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                             iml_err *e)
{
    const iml__fontindex *x = user;
    iml__str rows;
    iml_frag *frag = iml_arena_alloc(it->arena, sizeof *frag);
    *n = 0;
    if (!frag || !cap) return IML_FAIL(e, IML_ENOMEM, "no memory for a font's proof");
    iml__str_init(&rows, ROWS_MAX);
    iml_status st =
        iml__font_prove_file(iml__fontindex_unknown_path(x, it->index), &rows, it->arena, e);
    *frag = (iml_frag){.len = rows.n};
    if (st == IML_OK) st = iml_buf_new(it, rows.n, &frag->data, e);
    if (st == IML_OK) {
        memcpy(iml_buf_data(frag->data), rows.p, rows.n);
        iml_buf_set_size(frag->data, rows.n);
        out[0] = (iml_out){.name = "rows", .frag = frag, .nfrag = 1};
        *n = 1;
    }
    iml__str_free(&rows);
    return st;
}

static void label(void *user, uint64_t i, char *text, size_t cap)
{
    (void)snprintf(text, cap, "%s", iml__fontindex_unknown_path(user, i));
}

static iml_status take(iml__fontindex *x, iml_run_t *r, iml_err *e)
{
    for (;;) {
        iml_out *out;
        size_t n = 0;
        uint64_t i = 0;
        iml_err why = {0};
        iml_status st = iml_run_next(r, -1, &out, &n, &i, &why);
        if (st == IML_END) return IML_OK;
        if (st == IML_ECANCEL || st == IML_EBUG || st == IML_ESINK || st == IML_EARG ||
            st == IML_ENOMEM)
            return IML_FAIL(e, st, "%s", why.msg);
        if (st == IML_OK && n == 1 && out->nfrag == 1)
            st = iml__fontindex_answer(x, i,
                                       (const char *)iml_buf_data(out->frag->data) + out->frag->off,
                                       out->frag->len, e);
        else
            st = iml__fontindex_blame(x, i, why.msg[0] ? why.msg : "its proof did not end", e);
        iml_run_free(r, i);
        IML_TRY(st);
    }
}

iml_status iml__fontindex_prove_apart(iml__fontindex *x, int mode, double timeout_s,
                                      const char *inject, bool *done, iml_err *e)
{
    iml_ctx *ctx = NULL;
    iml_run_t *run = NULL;
    iml_run_opts o;
    iml_job job = {.name = "fonts",
                   .count = iml__fontindex_unknown(x),
                   .user = x,
                   .foreign = true,
                   .run = prove_item,
                   .label = label};
    iml_err why = {0};
    *done = !job.count;
    if (*done) return IML_OK;
    iml_run_opts_default(&o);
    o.mode = mode, o.timeout_s = timeout_s, o.retries = 1, o.inject = inject;
    o.max_error_rate = -1, o.max_errors = UINT64_MAX; // a tree of broken fonts is no reason to stop
    IML_TRY(iml_ctx_new(&ctx, e));
    iml_status st = iml_run_open(ctx, &job, &o, &run, &why);
    if (st == IML_OK) {
        st = take(x, run, e);
        iml_status closed = iml_run_close(&run, NULL, st == IML_OK ? e : NULL);
        st = st == IML_OK ? closed : st;
        *done = st == IML_OK;
    } else if (st == IML_EARG && mode == IML_MODE_PROCESS) {
        st = IML_OK; // no worker processes here: finish proves
    } else {
        st = IML_FAIL(e, st, "%s", why.msg);
    }
    iml_ctx_free(&ctx);
    return st;
}
