// fz_idx.c: both shard indexes. A binary one that is accepted is used without further checks, so
// everything in it is looked at here; its checksum is made to fit, or nothing would get past it.
#include "fuzz/fz_target.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/hash.h"
#include "src/io/shardidx.h"

static iml_status member(void *user, uint64_t sample, const struct iml__idx_member *m, iml_err *e)
{
    uint64_t *sum = user;
    (void)e;
    *sum += sample + m->offset + m->size + (unsigned char)m->ext[m->ext_len - 1];
    if (m->name) *sum += (unsigned char)m->name[m->name_len - 1];
    return IML_OK;
}

static uint64_t use(const struct iml__imx *x)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < x->samples; i++) {
        const struct iml__imx_sample *s = &x->sample[i];
        for (unsigned k = 0; k < s->key_len; k++) sum += (unsigned char)x->names[s->key_off + k];
        for (unsigned k = 0; k < s->members; k++) {
            const struct iml__imx_member *m = &x->member[s->first_member + k];
            for (unsigned j = 0; j < m->ext_len; j++)
                sum += (unsigned char)x->names[m->ext_off + j];
        }
        sum += iml__imx_find(x, x->names + s->key_off, s->key_len);
    }
    return sum + iml__imx_find(x, "no such key", 11);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint64_t sum = 0, samples;
    struct iml__imx x;
    (void)iml__idx_read("fuzz.idx", (const char *)data, n, member, &sum, &samples, NULL);
    uint8_t *copy = malloc(n ? n : 1); // exactly as long as the file, for the sanitizer
    if (!copy) return 0;
    if (n) memcpy(copy, data, n);
    if (n >= 128) {
        uint64_t h = iml__xxh3(copy + 128, n - 128);
        memcpy(copy + 96, &h, 8);
    }
    if (iml__imx_read("fuzz.imx", copy, n, &x, NULL) == IML_OK) sum += use(&x);
    free(copy);
    return (int)(sum & 0); // the sums keep every access alive
}
