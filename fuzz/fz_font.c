// Any bytes as a font: proved or refused, never more.
#include "fuzz/fz_target.h"

#include "src/base/arena.h"
#include "src/synth/fontindex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    iml_arena a;
    if (iml__arena_open(&a, (size_t)64 << 20, -1, NULL)) return 0;
    int32_t faces = 1;
    for (int32_t i = 0; i < faces && i < 3; i++) {
        iml__font f;
        iml_err e = {0};
        iml_status st = iml__font_prove_bytes(data, n, i, &f, &faces, &a, &e);
        if (st != IML_OK && !e.msg[0]) __builtin_trap(); // every refusal has its reason
    }
    iml__arena_close(&a);
    return 0;
}
