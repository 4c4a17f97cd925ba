// kernel.h: the table of inner loops, one table a SIMD level.
//
// The scalar function is the truth; a twin gives its bytes and has its row in
// tests/unit/t_kernel.c. Kernels know nothing of pictures: pointers, counts, weights. They neither
// allocate nor fail, read nothing beyond what they are told, and may be called from any thread.
#ifndef IML_KERNEL_KERNEL_H
#define IML_KERNEL_KERNEL_H

#include "src/base/cpu.h"
#include "src/base/iml_attr.h"
#include "src/kernel/map_row.h"
#include "src/kernel/noise.h"
#include "src/kernel/word_match.h"

struct iml__dblock; // src/io/deflate_block.h
struct iml__bits;
enum { IML__LZ_BITS = 14 }; // lz_greedy's table; more is beyond a first-level cache

typedef struct iml__kernels {
#define IML_KERNEL(result, name, args) result(*name) args;
#include "src/kernel/kernel.def"
#undef IML_KERNEL
} iml__kernels;

const iml__kernels *iml__kernel(void);                    // of this machine, by iml__cpu_simd()
const iml__kernels *iml__kernel_at(enum iml__simd level); // tests: the best up to that level

// (x + 127) / 255 for 0 <= x <= 65535, without a division.
static inline uint32_t iml__div255(uint32_t x)
{
    x += 127;
    return (x + 1 + (x >> 8)) >> 8;
}

// Where a tap outside 0..n-1 falls: reflect-101, any distance. n >= 1.
int32_t iml__reflect101(int64_t i, int32_t n);

#endif
