# info_names_the_machine_and_the_build: engine.md 7, line by line
expect 0 '^cpu +model +[^ ]' "$imloom" info
for line in ' present +[0-9]+$' ' allowed +[0-9]+$' ' numa_nodes +[0-9]+$' ' simd +(scalar|avx2|avx512)$' '^memory +total +[0-9.]+[KMGT]$' \
    ' available +[0-9.]+[KMGT]$' '^limits +open_files +([0-9,]+|unlimited)$' ' core_bytes ' '^gpu +(driver|devices) ' '^build +version +[0-9.]+$' \
    ' codecs +png jpeg' ' png +.*libpng ' ' jpeg +libjpeg-turbo ' ' gzip_streams +(isa-l|zlib) [0-9]' ' fontconfig +(yes|no)$' ' libthai +(yes|no)$' ' inject +(yes|no)$' \
    '^output +file_system +[a-z0-9]+$' ' free +[0-9.]+[KMGT]$' ' fsync_us +([0-9,]+|not writable)$' '^recommended +--workers +[0-9]+ +\(.+\)$' \
    ' --memory +[0-9.]+[MGT] +\(.+\)$' ' --io-workers +[0-9]+ +\(' ' --mode +auto +\(' ' --durability +batch +\(' ' --container +(auto|tar) +\('; do
    grep -qE -- "$line" out.txt || { cat out.txt; fail "no line '$line'"; }
done
expect 0 '"imloom": 1' "$imloom" info --json
if command -v python3 >/dev/null; then python3 -c 'import json; d = json.load(open("out.txt")); assert d["cpu"]["allowed"] >= 1 and "jpeg" in d["build"]["codecs"] and d["output"]["free"] > 0'; fi
expect 0 'cannot be looked at' "$imloom" info -o /no/such/place
IML_CPU=scalar expect 0 'simd +scalar' "$imloom" info
expect 1 "takes no argument 'x'" "$imloom" info x; one_sentence
# A made-up machine: a container with half a CPU and 512 MiB of eight.
mkdir -p m/proc/self m/sys/fs/cgroup m/sys/devices/system/node/node0 m/sys/devices/system/node/node1
echo '0::/' >m/proc/self/cgroup; echo '50000 100000' >m/sys/fs/cgroup/cpu.max; echo 536870912 >m/sys/fs/cgroup/memory.max
printf 'MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n' >m/proc/meminfo; printf 'model name\t: A CPU of ours\n' >m/proc/cpuinfo
IML_MACHINE=$PWD/m expect 0 'model +A CPU of ours' "$imloom" info
for line in ' cgroup_quota +0.5$' ' numa_nodes +2$' ' total +8.0G$' ' available +4.0G$' ' cgroup_limit +512M$' ' --workers +1 +\((the cgroup|a worker a CPU)' ' --memory +256M +\(half the cgroup'; do
    grep -qE -- "$line" out.txt || { cat out.txt; fail "no line '$line' for a made-up machine"; }
done
# A made-up driver: two devices, the second without a name.
cat >nvml.c <<'C'
#include <string.h>
struct memory { unsigned long long total, free, used; };
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *t, unsigned n) { strncpy(t, "535.104.05", n); return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned k, void **d) { *d = (void *)(unsigned long)(k + 1); return 0; }
int nvmlDeviceGetName(void *d, char *t, unsigned n) { if (d == (void *)2) return 999; strncpy(t, "NVIDIA H200", n); return 0; }
int nvmlDeviceGetMemoryInfo(void *d, struct memory *m) { *m = (struct memory){150ull << 30, 149ull << 30, 1ull << 30}; return d == (void *)2; }
C
if cc -shared -fPIC -o libnvidia-ml.so.1 nvml.c 2>/dev/null && ! grep -q __asan <<<"$(nm -D "$imloom")"; then
    LD_LIBRARY_PATH=$PWD expect 0 'driver +535.104.05' "$imloom" info
    for line in ' 0 +NVIDIA H200$' ' 0_memory +150G$' ' 0_free +149G$' ' 1 +\?$'; do grep -qE -- "$line" out.txt || { cat out.txt; fail "no line '$line' for a made-up driver"; }; done
fi
