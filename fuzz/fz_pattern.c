// Any bytes as a pattern: refused with a sentence, or a text that is UTF-8 and not endless.
#include "fuzz/fz_target.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/rng.h"
#include "src/base/str.h"
#include "src/synth/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    iml_arena a;
    iml_err e = {0};
    iml__pattern *p;
    const char *text;
    size_t len, bad;
    if (iml__arena_open(&a, (size_t)256 << 20, -1, &e)) return 0;
    iml_status st = iml__pattern_make((const char *)data, n, &a, &p, &e);
    if (st == IML_EARG && !e.msg[0]) __builtin_trap();
    for (uint64_t i = 0; !st && i < 3; i++) {
        iml_rng g = iml__rng_slot(1, i, 2, 3);
        st = iml__pattern_draw(p, &g, &a, &text, &len, &e);
        if (!st && (len > 400000 || !iml__utf8_valid(text, len, &bad))) __builtin_trap();
    }
    iml__arena_close(&a);
    return 0;
}
