// kernel.c: the tables, one a SIMD level, constant; the choice is the CPU's (or IML_CPU's).
//
// The table of AVX-512 is that of AVX2 but for the few rows of k_*avx512.c: at 552 x 120 the AVX2
// twins take 0.02 to 0.3 ms a picture, deflate 0.4 to 1.5, so a third copy of every loop has
// nothing to win.
#include "src/kernel/kernel.h"

#include "src/kernel/kernel_twins.h"

static const iml__kernels scalar = {
#define IML_KERNEL(result, name, args) .name = iml__##name##_scalar,
#include "src/kernel/kernel.def"
#undef IML_KERNEL
};

#ifdef IML_HAVE_AVX2
static const iml__kernels avx2 = {
#define IML_KERNEL(result, name, args) .name = iml__##name##_avx2,
#include "src/kernel/kernel.def"
#undef IML_KERNEL
};
// A row set twice takes the second, which is the point here.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const iml__kernels avx512 = {
#define IML_KERNEL(result, name, args) .name = iml__##name##_avx2,
#include "src/kernel/kernel.def"
#undef IML_KERNEL
#define IML_ROW(name) .name = iml__##name##_avx512,
    IML_KERNEL_AVX512(IML_ROW)
#undef IML_ROW
};
#pragma GCC diagnostic pop
#endif

const iml__kernels *iml__kernel_at(enum iml__simd level)
{
#ifdef IML_HAVE_AVX2
    if (level >= IML__SIMD_AVX512 && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("bmi2"))
        return &avx512;
    if (level >= IML__SIMD_AVX2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
        return &avx2;
#endif
    (void)level;
    return &scalar;
}

const iml__kernels *iml__kernel(void) { return iml__kernel_at(iml__cpu_simd()); }

int32_t iml__reflect101(int64_t i, int32_t n)
{
    if (n == 1) return 0;
    int64_t period = 2 * ((int64_t)n - 1);
    i %= period;
    if (i < 0) i += period;
    return (int32_t)(i < n ? i : period - i);
}
