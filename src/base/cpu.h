// cpu.h: what this machine gives us: CPUs, SIMD level, memory, pressure.
#ifndef IML_BASE_CPU_H
#define IML_BASE_CPU_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

enum iml__simd { IML__SIMD_SCALAR, IML__SIMD_AVX2, IML__SIMD_AVX512 }; // AVX512 = F BW DQ VL

enum iml__simd iml__cpu_simd(void); // CPUID, lowered by IML_CPU=scalar|avx2|avx512; settled once
const char *iml__simd_name(enum iml__simd s);
const char *iml__cpu_model(char out[64]);

int iml__cpu_present(void);
int iml__cpu_allowed(void);  // by affinity
double iml__cpu_quota(void); // by cgroup cpu.max; 0: none
int iml__cpu_workers(void);  // what `auto` means: min(allowed, ceil(quota)), at least 1
int iml__cpu_numa_nodes(void);

uint64_t iml__mem_total(void);
uint64_t iml__mem_available(void);
uint64_t iml__mem_cgroup_limit(void); // 0: none
// Of the limit that is fullest: the share in use, without what the kernel drops first; 0: none.
double iml__mem_cgroup_used(void);
uint64_t iml__mem_default_budget(void); // engine.md 4
uint64_t iml__mem_rss(void);
uint64_t iml__mem_peak_rss(void);
uint64_t iml__mem_peak_rss_child(void); // of the largest child that was waited for; 0: none
double iml__mem_pressure(void); // PSI memory some avg10; negative: unknown

uint64_t iml__now_us(void); // monotonic
uint64_t iml__cpu_us(void); // of this process and its waited-for children

#endif
