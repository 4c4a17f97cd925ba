// fz_journal.c: journals and lists as a crash, a bad disk or a stranger may have left them.
#include "fuzz/fz_target.h"

#include <stdlib.h>

#include "src/base/mem.h"
#include "src/engine/journal.h"
#include "src/engine/list.h"
#include "src/engine/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct iml__record *r;
    size_t count;
    uint64_t good;
    if (iml__journal_parse(data, n, &r, &count, &good, NULL) == IML_OK) {
        if (good != count * IML__RECORD || good > n) abort();
        // What was read writes back as it was.
        for (size_t i = 0; i < count; i++) {
            uint8_t b[IML__RECORD];
            iml__record_encode(b, &r[i]);
            for (size_t k = 0; k < IML__RECORD; k++)
                if (b[k] != data[i * IML__RECORD + k]) abort();
        }
    }
    IML_FREE(r);
    struct iml__lines it;
    struct iml__line line;
    size_t at = 0;
    iml__lines_begin(&it, (const char *)data, 0, n);
    while (iml__lines_next(&it, &line)) {
        if (line.off != at || !line.len) abort();
        at += line.len;
    }
    struct iml__unit_file u = {0};
    if (iml__unit_parse((const char *)data, n, &u, NULL) == IML_OK) iml__unit_file_free(&u);
    return 0;
}
