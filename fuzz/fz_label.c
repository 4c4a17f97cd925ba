// Any bytes as a label of synth: read or refused with a reason; what is read is within its ranges.
#include "fuzz/fz_target.h"

#include <math.h>
#include <string.h>

#include "src/io/safe.h"
#include "src/synth/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    iml_arena a;
    iml_err e = {0};
    iml__replay r;
    if (iml__arena_open(&a, (size_t)256 << 20, -1, &e)) return 0;
    iml_status st = iml__replay_read("fuzz", (const char *)data, n, &a, &r, &e);
    if (st && !e.msg[0]) __builtin_trap(); // every refusal has its reason
    if (!st) {
        if (!r.text[0] || !r.nfonts || r.nfonts > IML__FACES || !r.file) __builtin_trap();
        if (iml__name_fault(r.file, strlen(r.file))) __builtin_trap();
        for (int k = 0; k < IML__NUMS; k++)
            if (!isfinite(r.plan.num[k])) __builtin_trap();
        for (int k = 0; k < IML__ENUMS; k++) {
            uint32_t names = 0;
            while (iml__key_enums[k].names[names]) names++;
            if (r.plan.en[k] >= names) __builtin_trap();
        }
        for (uint32_t k = 0; k < r.nfonts; k++)
            if (strlen(r.font[k].sha256) != 64) __builtin_trap();
    }
    iml__arena_close(&a);
    return 0;
}
