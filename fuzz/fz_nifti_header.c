// fz_nifti_header.c: the first bytes of a volume: whatever they claim, sizes stay checked.
#include "fuzz/fz_target.h"

#include <math.h>
#include <stdlib.h>

#include "src/codec/nifti.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    iml_nifti_info i;
    iml_err e;
    char code[24];
    size_t len;
    int affine = n ? data[n - 1] % 4 : 0;
    if (iml__nifti_header(data, n, affine, &i, &e)) {
        iml__coded_split(e.msg, code, &len);
        if (!code[0]) abort(); // every refusal has its code
        return 0;
    }
    if (i.voxels < 1 || i.dim[0] * i.dim[1] * i.dim[2] != i.voxels || !i.item_bytes) abort();
    for (int k = 0; k < 12; k++)
        if (!isfinite(i.affine[k])) abort();
    (void)iml__nifti_warnings(&i);
    if (!iml__nifti_sizes(&i, n, false, &e) && i.voxels * (unsigned)i.item_bytes > n) abort();
    if (!iml__nifti_extensions(data, n, &i, &e) && i.extension_bytes > i.data_offset) abort();
    return 0;
}
