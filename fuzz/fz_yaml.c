// Any bytes as YAML, and as a configuration of synth: read or refused with its reasons, never more.
#include "fuzz/fz_target.h"

#include "src/synth/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    iml_arena a;
    iml_err e = {0};
    iml__ynode *root;
    iml__config *c;
    iml__complaints talk;
    if (iml__arena_open(&a, (size_t)256 << 20, -1, &e)) return 0;
    iml__complaints_init(&talk);
    iml_status st = iml__yaml_parse(&a, "fuzz", (const char *)data, n, &talk, &root, &e);
    if (st == IML_EARG && !talk.n) __builtin_trap(); // every refusal has its reason
    iml__arena_close(&a);
    uint32_t before = talk.n;
    st = iml__config_read(&c, "fuzz", (const char *)data, n, NULL, 0, false, &talk, &e);
    if (st == IML_EARG && talk.n == before) __builtin_trap();
    if (!st) {
        iml__str text;
        iml__config *again;
        iml__str_init(&text, (size_t)1 << 26);
        iml__config_print(c, false, &text);
        // What is printed reads back.
        if (!text.failed && text.n < IML__YAML_BYTES &&
            iml__config_read(&again, "again", iml__str_text(&text), text.n, NULL, 0, false, &talk,
                             &e) == IML_EARG)
            __builtin_trap();
        else if (!text.failed && text.n < IML__YAML_BYTES)
            iml__config_free(&again);
        iml__str_free(&text);
        iml__config_free(&c);
    }
    iml__complaints_free(&talk);
    return 0;
}
