// cpu.c: reads what the kernel says of this machine: affinity, cgroups (v1 and v2), PSI, /proc.
//
// A cgroup's limits are those of its strictest ancestor. Values that cannot be read are "none",
// never an error: imloom then assumes that the whole machine is its own. IML_MACHINE=DIR (for
// developers) has /proc and /sys read below DIR: a made-up machine for tests.
#include "src/base/cpu.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "src/base/str.h"

// ---- Small files

// path as this machine knows it, below IML_MACHINE.
static const char *machine(const char *path, char full[1600])
{
    const char *root = getenv("IML_MACHINE");
    (void)snprintf(full, 1600, "%.300s%s", root ? root : "", path);
    return full;
}

static bool slurp(const char *path, char *out, size_t cap)
{
    char full[1600];
    int fd = open(machine(path, full), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    size_t n = 0;
    for (ssize_t got; n < cap - 1 && (got = read(fd, out + n, cap - 1 - n)) > 0;) n += (size_t)got;
    (void)close(fd);
    out[n] = 0;
    return n > 0;
}

// The number after KEY at a line's start ("MemAvailable:  123 kB" -> 123).
static bool field(const char *text, const char *key, double *v)
{
    size_t n = strlen(key);
    for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
        if (strncmp(p, key, n) != 0) continue;
        char *end;
        *v = strtod(p + n, &end);
        return end != p + n;
    }
    return false;
}

static uint64_t meminfo(const char *key)
{
    char text[8192];
    double kb;
    return slurp("/proc/meminfo", text, sizeof text) && field(text, key, &kb) ? (uint64_t)kb * 1024
                                                                              : 0;
}

// ---- SIMD

static enum iml__simd detect(void)
{
    enum iml__simd have = IML__SIMD_SCALAR;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) have = IML__SIMD_AVX2;
    if (have && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        have = IML__SIMD_AVX512;
#endif
    const char *ask = getenv("IML_CPU");
    for (enum iml__simd s = IML__SIMD_SCALAR; ask && s < have; s++)
        if (!strcmp(ask, iml__simd_name(s))) return s;
    return have;
}

enum iml__simd iml__cpu_simd(void)
{
    static int settled; // atomic, relaxed: every thread would settle on the same value
    int s = __atomic_load_n(&settled, __ATOMIC_RELAXED);
    if (!s) {
        s = (int)detect() + 1;
        __atomic_store_n(&settled, s, __ATOMIC_RELAXED);
    }
    return (enum iml__simd)(s - 1);
}

const char *iml__simd_name(enum iml__simd s)
{
    return s == IML__SIMD_AVX512 ? "avx512" : s == IML__SIMD_AVX2 ? "avx2" : "scalar";
}

const char *iml__cpu_model(char out[64])
{
    char text[4096];
    (void)snprintf(out, 64, "unknown");
    if (!slurp("/proc/cpuinfo", text, sizeof text)) return out;
    const char *p = strstr(text, "model name");
    p = p ? strchr(p, ':') : NULL;
    if (p)
        (void)snprintf(out, 64, "%.*s", (int)strcspn(p + 1 + (p[1] == ' '), "\n"),
                       p + 1 + (p[1] == ' '));
    return out;
}

// ---- CPUs

int iml__cpu_present(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

int iml__cpu_allowed(void)
{
    // A machine of more CPUs than the set holds answers EINVAL: ask with a larger one.
    for (int most = 1024; most <= 1 << 16; most *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)most);
        if (!set) break;
        int n = sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)most), set)
                    ? 0
                    : CPU_COUNT_S(CPU_ALLOC_SIZE((size_t)most), set);
        CPU_FREE(set);
        if (n > 0) return n;
    }
    return iml__cpu_present();
}

int iml__cpu_numa_nodes(void)
{
    int n = 0;
    char full[1600];
    DIR *d = opendir(machine("/sys/devices/system/node", full));
    for (struct dirent *e; d && (e = readdir(d));)
        n += !strncmp(e->d_name, "node", 4) && e->d_name[4] >= '0' && e->d_name[4] <= '9';
    if (d) (void)closedir(d);
    return n ? n : 1;
}

// ---- Cgroups. visit() is shown the text of `file` of our group and of each ancestor.

struct group_walk {
    double best; // the strictest so far, 0: none
    double (*value)(const char *text, const char *dir);
};

static void walk_up(const char *root, const char *path, const char *file, struct group_walk *g)
{
    char dir[1024], name[1200], text[256];
    if (snprintf(dir, sizeof dir, "%s%s", root, path) >= (int)sizeof dir) return;
    for (size_t stop = strlen(root);;) {
        (void)snprintf(name, sizeof name, "%s/%s", dir, file);
        if (slurp(name, text, sizeof text)) {
            double v = g->value(text, dir);
            if (v > 0 && (g->best <= 0 || v < g->best)) g->best = v;
        }
        char *slash = strrchr(dir, '/');
        if (!slash || (size_t)(slash - dir) < stop) return;
        *slash = 0;
    }
}

// The line of /proc/self/cgroup for controller ("" = v2): "0::/path", "4:cpu,cpuacct:/path".
static bool group_path(const char *controller, char *out, size_t cap)
{
    char text[8192];
    if (!slurp("/proc/self/cgroup", text, sizeof text)) return false;
    for (char *p = text; p && *p;) {
        char *end = strchr(p, '\n'), *names = strchr(p, ':'),
             *path = names ? strchr(names + 1, ':') : NULL;
        if (end) *end = 0;
        if (path && (!end || path < end)) {
            *path++ = 0, names++;
            bool hit = !*controller ? !*names : false;
            for (char *n = names; *controller && n;) {
                size_t len = strcspn(n, ",");
                hit = hit || (len == strlen(controller) && !strncmp(n, controller, len));
                n = n[len] ? n + len + 1 : NULL;
            }
            if (hit) {
                (void)snprintf(out, cap, "%s", !strcmp(path, "/") ? "" : path);
                return true;
            }
        }
        p = end ? end + 1 : NULL;
    }
    return false;
}

static double quota_v2(const char *text, const char *dir)
{
    (void)dir;
    double quota, period = 100000;
    if (!strncmp(text, "max", 3)) return 0;
    char *end;
    quota = strtod(text, &end);
    if (*end == ' ') period = strtod(end, NULL);
    return period > 0 ? quota / period : 0;
}

static double quota_v1(const char *text, const char *dir)
{
    char name[1200], period[64];
    double quota = strtod(text, NULL);
    (void)snprintf(name, sizeof name, "%s/cpu.cfs_period_us", dir);
    if (quota <= 0 || !slurp(name, period, sizeof period)) return 0;
    double p = strtod(period, NULL);
    return p > 0 ? quota / p : 0;
}

static double memory_limit(const char *text, const char *dir)
{
    (void)dir;
    double v = strtod(text, NULL); // "max" reads as 0; v1 says "none" as almost 2^63
    return v > 0 && v < 9e18 ? v : 0;
}

static double strictest(const char *v1, const char *v1_file, const char *v2_file,
                        double (*value1)(const char *, const char *),
                        double (*value2)(const char *, const char *))
{
    char path[1024], root[64];
    struct group_walk g = {.value = value2};
    if (group_path("", path, sizeof path)) walk_up("/sys/fs/cgroup", path, v2_file, &g);
    if (g.best > 0) return g.best;
    g.value = value1;
    (void)snprintf(root, sizeof root, "/sys/fs/cgroup/%s", v1);
    if (group_path(v1, path, sizeof path)) walk_up(root, path, v1_file, &g);
    return g.best;
}

double iml__cpu_quota(void)
{
    return strictest("cpu", "cpu.cfs_quota_us", "cpu.max", quota_v1, quota_v2);
}

int iml__cpu_workers(void)
{
    int n = iml__cpu_allowed();
    double quota = iml__cpu_quota();
    if (quota > 0 && quota < n) n = (int)quota + (quota > (int)quota);
    return n < 1 ? 1 : n;
}

// ---- Memory

uint64_t iml__mem_total(void) { return meminfo("MemTotal:"); }
uint64_t iml__mem_available(void) { return meminfo("MemAvailable:"); }

uint64_t iml__mem_cgroup_limit(void)
{
    double v =
        strictest("memory", "memory.limit_in_bytes", "memory.max", memory_limit, memory_limit);
    uint64_t total = iml__mem_total();
    return v > 0 && (!total || v < (double)total) ? (uint64_t)v : 0;
}

// What is left of a limit, as a share; never 0, which would mean "none".
static double memory_left(const char *limit, const char *dir, const char *now, const char *cold)
{
    char name[1200], text[8192];
    double most = memory_limit(limit, dir);
    (void)snprintf(name, sizeof name, "%s/%s", dir, now);
    if (most <= 0 || !slurp(name, text, sizeof text)) return 0;
    double used = strtod(text, NULL);
    (void)snprintf(name, sizeof name, "%s/memory.stat", dir);
    const char *row = slurp(name, text, sizeof text) ? strstr(text, cold) : NULL;
    if (row) used -= strtod(row + strlen(cold), NULL);
    double left = 1 - used / most;
    return left < 1e-9 ? 1e-9 : left > 1 ? 1 : left;
}

static double memory_left_v1(const char *limit, const char *dir)
{
    return memory_left(limit, dir, "memory.usage_in_bytes", "\ntotal_inactive_file ");
}

static double memory_left_v2(const char *limit, const char *dir)
{
    return memory_left(limit, dir, "memory.current", "\ninactive_file ");
}

double iml__mem_cgroup_used(void)
{
    double left =
        strictest("memory", "memory.limit_in_bytes", "memory.max", memory_left_v1, memory_left_v2);
    return left > 0 ? 1 - left : 0;
}

uint64_t iml__mem_default_budget(void)
{
    uint64_t quarter = iml__mem_available() / 4, half = iml__mem_cgroup_limit() / 2,
             least = (64u << 20) + 2 * (4u << 20); // and two items of unknown size
    uint64_t b = half && half < quarter ? half : quarter;
    return b < least ? least : b;
}

uint64_t iml__mem_rss(void)
{
    char text[256];
    char *end;
    if (!slurp("/proc/self/statm", text, sizeof text)) return 0;
    (void)strtoull(text, &end, 10);
    return strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

// Of the program that runs now: ru_maxrss is kept over exec, so it may be a large parent's.
uint64_t iml__mem_peak_rss(void)
{
    char text[4096];
    struct rusage u;
    const char *at = slurp("/proc/self/status", text, sizeof text) ? strstr(text, "VmHWM:") : NULL;
    if (at) return strtoull(at + 6, NULL, 10) * 1024;
    return getrusage(RUSAGE_SELF, &u) ? 0 : (uint64_t)u.ru_maxrss * 1024;
}

uint64_t iml__mem_peak_rss_child(void)
{
    struct rusage u;
    return getrusage(RUSAGE_CHILDREN, &u) ? 0 : (uint64_t)u.ru_maxrss * 1024;
}

double iml__mem_pressure(void)
{
    char text[512];
    if (!slurp("/proc/pressure/memory", text, sizeof text)) return -1;
    const char *p = strstr(text, "avg10=");
    return p ? strtod(p + 6, NULL) : -1;
}

// ---- Time

uint64_t iml__now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t iml__cpu_us(void)
{
    uint64_t us = 0;
    const int who[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    for (size_t k = 0; k < 2; k++) {
        struct rusage u;
        if (getrusage(who[k], &u)) continue;
        us += (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
              (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
    }
    return us;
}
