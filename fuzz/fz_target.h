// fz_target.h: what every fuzz target is.
#ifndef IML_FUZZ_TARGET_H
#define IML_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n); // always 0

#endif
