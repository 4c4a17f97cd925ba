// kernel_twins.h: declares both twins of every row of kernel.def; for the files that define them.
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
#endif

#endif
