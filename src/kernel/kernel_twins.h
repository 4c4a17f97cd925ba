// kernel_twins.h: declares all twins of every row of kernel.def; for the files that define them.
#ifndef IML_KERNEL_KERNEL_TWINS_H
#define IML_KERNEL_KERNEL_TWINS_H

#include "src/kernel/kernel.h"

#define IML_KERNEL(result, name, args) result iml__##name##_scalar args;
#include "src/kernel/kernel.def"
#undef IML_KERNEL

#ifdef IML_KERNEL_AVX2
#define IML_HAVE_AVX2 1
#define IML_KERNEL(result, name, args) result iml__##name##_avx2 args;
#include "src/kernel/kernel.def"
#undef IML_KERNEL

// The rows with a third twin (F BW DQ VL, VBMI and BMI2).
// clang-format off
#define IML_KERNEL_AVX512(ROW) \
    ROW(lut_u8) ROW(gauss_f64) ROW(blur_row_u8) ROW(blur_col_u8) ROW(word_matches) \
    ROW(lattice_row) ROW(warp_row_u8) ROW(feistel) ROW(displace_f64)
// clang-format on
#define IML_ROW(name) __typeof__(iml__##name##_scalar) iml__##name##_avx512;
IML_KERNEL_AVX512(IML_ROW)
#undef IML_ROW
#endif

#endif
