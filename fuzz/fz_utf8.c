// Any bytes as a corpus: what is drawn of it is UTF-8, as long as asked, begins with no mark, and
// comes from within it.
#include "fuzz/fz_target.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/str.h"
#include "src/synth/config_keys.h"
#include "src/synth/corpus.h"

#include <utf8proc.h>

static void check(const iml__text *t, const iml__text_want *want, const iml__corpus *c)
{
    size_t bad;
    utf8proc_int32_t cp = 0;
    if (!t->len || !iml__utf8_valid(t->utf8, t->len, &bad)) __builtin_trap();
    if (t->clusters > (want->unit == IML__UNIT_CHARS ? want->length : want->most)) __builtin_trap();
    if (t->offset > c->n || t->bytes > c->n - t->offset) __builtin_trap();
    (void)utf8proc_iterate((const utf8proc_uint8_t *)t->utf8, t->len, &cp);
    utf8proc_category_t k = utf8proc_category(cp);
    if (k >= UTF8PROC_CATEGORY_MN && k <= UTF8PROC_CATEGORY_ME) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    iml_arena a;
    iml_err e = {0};
    iml__text t;
    bool found;
    if (!n || n > 1 << 13 || iml__arena_open(&a, (size_t)256 << 20, -1, &e)) return 0;
    iml__corpus item = {.kind = IML__CORPUS_FILE, .name = "fuzz", .p = data, .n = n, .fd = -1};
    const iml__corpora corpora = {.item = &item, .n = 1, .bytes = n};
    iml__corpus_ref ref = {.kind = IML__CORPUS_FILE, .name = "fuzz", .weight = 1};
    iml__spec spec;
    iml__spec_default(&spec);
    spec.corpus = &ref, spec.ncorpora = 1;
    spec.num[IML__N_text_length].lo = 1, spec.num[IML__N_text_length].hi = 40;
    // Four of the sixteen ways a time: a corpus that gives no text is asked for one a million
    // times.
    for (uint32_t k = n & 3; k < 16; k += 4) {
        const iml__text_want want = {.unit = (k + k / 4) % 4,
                                     .length = 1 + data[0] % 40,
                                     .most = 40,
                                     .invalid = 1 + (int)(k / 4) % 2,
                                     .keep = k / 8,
                                     .form = k % 3};
        if (iml__text_draw(&corpora, &spec, 1, k, 0, &want, &a, &t, &found, &e)) continue;
        if (found && !want.form) check(&t, &want, &item);
        iml__arena_reset(&a);
    }
    iml__arena_close(&a);
    return 0;
}
