// fz_webp.c: the WebP reader on any bytes: header and decode must agree, failures are class ITEM,
// and what was read can be written again.
#include "fuzz/fz_target.h"

#include "fuzz/fz_picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_picture(iml__codec_by_name("webp"), data, n);
    return 0;
}
