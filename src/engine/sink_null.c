// sink_null.c: the sink that forgets: for measuring, and for jobs whose results leave another way.
#include "src/engine/commit.h"

static iml_status put(void *s, uint64_t index, iml_out *out, size_t n, iml_err *e)
{
    (void)s, (void)index, (void)e;
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < out[i].nfrag; k++) {
            iml_buf *b = out[i].frag[k].data;
            iml_buf_unref(&b);
        }
    return IML_OK;
}

static const iml_sink_ops ops = {.name = "null", .ordered = false, .put = put};

const iml_sink_ops *iml_sink_null(void) { return &ops; }
