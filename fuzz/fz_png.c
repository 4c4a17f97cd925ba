// fz_png.c: the PNG reader on any bytes: header and decode must agree, failures are class ITEM, and
// what was read must survive our own writer.
#include "fuzz/fz_target.h"

#include "fuzz/fz_picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_picture(iml__codec_by_name("png"), data, n);
    return 0;
}
