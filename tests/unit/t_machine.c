// t_machine.c: what the readers of cgroups, PSI and /proc make of machines that we made up.
#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"

#include "src/base/cpu.h"
#include "src/engine/run.h"

#include <unistd.h>

static char root[64];

// A file of the made-up machine, its directories with it.
static void put(const char *path, const char *text)
{
    char full[512];
    (void)snprintf(full, sizeof full, "%s%s", root, path);
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        (void)mkdir(full, 0777);
        *p = '/';
    }
    test_write(root, path, text, strlen(text));
}

static int begin(void **state)
{
    (void)state;
    test_dir(root);
    return setenv("IML_MACHINE", root, 1);
}

static int end(void **state)
{
    (void)state;
    test_rm(root);
    return unsetenv("IML_MACHINE");
}

static bool near(double a, double b) { return a - b < 1e-9 && b - a < 1e-9; }

static void a_machine_that_says_nothing_has_no_limits(void **state)
{
    (void)state;
    assert_true(near(iml__cpu_quota(), 0));
    assert_true(iml__mem_cgroup_limit() == 0 && near(iml__mem_cgroup_used(), 0));
    assert_true(iml__mem_total() == 0 && iml__mem_available() == 0);
    assert_true(iml__mem_pressure() < 0);
    assert_int_equal(iml__cpu_numa_nodes(), 1);
    assert_int_equal(iml__cpu_workers(), iml__cpu_allowed());
    assert_true(iml__mem_default_budget() >= 64u << 20);
    char model[64];
    assert_string_equal(iml__cpu_model(model), "unknown");
}

static void a_v2_group_is_as_strict_as_its_strictest_ancestor(void **state)
{
    (void)state;
    put("/proc/meminfo",
        "MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\n");
    put("/proc/self/cgroup", "0::/user.slice/job\n");
    put("/sys/fs/cgroup/user.slice/job/cpu.max", "150000 100000\n");
    put("/sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/user.slice/job/memory.max", "max\n");
    put("/sys/fs/cgroup/user.slice/memory.max", "4294967296\n");
    put("/sys/fs/cgroup/memory.max", "8589934592\n");
    assert_true(near(iml__cpu_quota(), 1.5));
    assert_int_equal(iml__cpu_workers(), IML_MIN(2, iml__cpu_allowed()));
    assert_true(iml__mem_total() == 16ull << 30 && iml__mem_available() == 8ull << 30);
    assert_true(iml__mem_cgroup_limit() == 4ull << 30);
    assert_true(iml__mem_default_budget() == 2ull << 30); // a quarter of 8 G, half of 4 G
    put("/sys/fs/cgroup/user.slice/cpu.max", "40000 100000\n");
    put("/sys/fs/cgroup/user.slice/job/memory.max", "1073741824\n");
    assert_true(near(iml__cpu_quota(), 0.4));
    assert_int_equal(iml__cpu_workers(), 1);
    assert_true(iml__mem_default_budget() == 512ull << 20);
    // The share in use of the fullest, without what the kernel drops first.
    put("/sys/fs/cgroup/user.slice/memory.current", "3221225472\n");
    put("/sys/fs/cgroup/user.slice/memory.stat",
        "anon 5\ninactive_file 2147483648\nactive_file 7\n");
    assert_true(near(iml__mem_cgroup_used(), 0.25));
    put("/sys/fs/cgroup/user.slice/job/memory.current", "966367641\n");
    put("/sys/fs/cgroup/user.slice/job/memory.stat", "anon 1\n");
    assert_true(iml__mem_cgroup_used() > 0.899 && iml__mem_cgroup_used() < 0.901);
    put("/sys/fs/cgroup/user.slice/job/memory.current", "2147483648\n"); // above its limit
    assert_true(iml__mem_cgroup_used() > 0.999 && iml__mem_cgroup_used() <= 1);
}

static void a_v1_group_and_its_mount_are_understood(void **state)
{
    (void)state;
    put("/proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 8388608 kB\n");
    put("/proc/self/cgroup",
        "12:pids:/a\n4:cpu,cpuacct:/docker/abc\n7:memory:/docker/abc\n1:name=systemd:/x\n0::/\n");
    put("/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "250000\n");
    put("/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu/docker/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n"); // none
    put("/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "2147483648\n");
    put("/sys/fs/cgroup/memory/docker/memory.usage_in_bytes", "1610612736\n");
    put("/sys/fs/cgroup/memory/docker/memory.stat", "cache 3\ntotal_inactive_file 536870912\n");
    assert_true(near(iml__cpu_quota(), 2.5));
    assert_true(iml__mem_cgroup_limit() == 2ull << 30);
    assert_true(near(iml__mem_cgroup_used(), 0.5));
}

// Without a namespace of its own a container is told the host's path, which it does not see.
static void a_container_sees_its_limits_at_the_root_of_the_mount(void **state)
{
    (void)state;
    put("/proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 8388608 kB\n");
    put("/proc/self/cgroup", "0::/system.slice/docker-0123456789abcdef.scope\n");
    put("/sys/fs/cgroup/cpu.max", "300000 100000\n");
    put("/sys/fs/cgroup/memory.max", "1073741824\n");
    assert_true(near(iml__cpu_quota(), 3));
    assert_true(iml__mem_cgroup_limit() == 1ull << 30);
    put("/proc/self/cgroup", "0::/\n");
    assert_true(near(iml__cpu_quota(), 3));
    // A limit above the memory that there is limits nothing.
    put("/sys/fs/cgroup/memory.max", "109951162777600\n");
    assert_true(iml__mem_cgroup_limit() == 0);
}

static void nonsense_is_no_limit(void **state)
{
    (void)state;
    static const char *const cpu[] = {"", "\n", "x", "100000 0", "-1 100000", "0 100000", "nan 5"};
    static const char *const mem[] = {"", "\n", "max", "-5", "nan", "1e300", "x"};
    put("/proc/self/cgroup", "0::/a\n");
    for (size_t k = 0; k < IML_COUNT_OF(cpu); k++) {
        put("/sys/fs/cgroup/a/cpu.max", cpu[k]);
        assert_true(near(iml__cpu_quota(), 0));
    }
    for (size_t k = 0; k < IML_COUNT_OF(mem); k++) {
        put("/sys/fs/cgroup/a/memory.max", mem[k]);
        assert_true(iml__mem_cgroup_limit() == 0 && near(iml__mem_cgroup_used(), 0));
    }
    static const char *const groups[] = {"", "0", "0:", "0::", ":::", "::\n::", "0:x:/\n"};
    for (size_t k = 0; k < IML_COUNT_OF(groups); k++) {
        put("/proc/self/cgroup", groups[k]);
        (void)iml__cpu_quota(), (void)iml__mem_cgroup_limit();
    }
    put("/proc/meminfo", "MemTotal: many kB\nMemAvailable");
    assert_true(iml__mem_total() == 0 && iml__mem_available() == 0);
}

static void pressure_nodes_and_model_are_read(void **state)
{
    (void)state;
    put("/proc/pressure/memory", "some avg10=12.34 avg60=5.00 avg300=1.00 total=99\nfull "
                                 "avg10=3.00 avg60=0 avg300=0 total=1\n");
    assert_true(near(iml__mem_pressure(), 12.34));
    put("/proc/pressure/memory", "some\n");
    assert_true(iml__mem_pressure() < 0);
    put("/sys/devices/system/node/node0/cpulist", "0-3\n");
    put("/sys/devices/system/node/node11/cpulist", "4-7\n");
    put("/sys/devices/system/node/online", "0,11\n");
    assert_int_equal(iml__cpu_numa_nodes(), 2);
    char model[64];
    put("/proc/cpuinfo", "processor\t: 0\nmodel name\t: A CPU of ours, with a name that is much "
                         "longer than sixty-three bytes\n");
    assert_int_equal(strlen(iml__cpu_model(model)), 63);
    assert_int_equal(strncmp(model, "A CPU of ours, with", 19), 0);
}

// ---- A run on such a machine.

static iml_status nap(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    (void)user, (void)it, (void)out, (void)cap, (void)n, (void)e;
    (void)usleep(20000);
    return IML_OK;
}

static char heard[4096];
static void listen(void *user, int level, const char *line)
{
    (void)user, (void)level;
    size_t n = strlen(heard);
    (void)snprintf(heard + n, sizeof heard - n, "%s\n", line);
}

static void a_run_under_memory_pressure_rests_workers_and_ends_whole(void **state)
{
    (void)state;
    iml_job j = {.name = "t", .count = 800, .run = nap};
    iml_report rep;
    iml_run_opts o;
    iml_ctx *c = NULL;
    put("/proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 8388608 kB\n");
    put("/proc/pressure/memory", "some avg10=40.00 avg60=5.00 avg300=1.00 total=99\n");
    iml_run_opts_default(&o);
    o.workers = 4;
    assert_ok(iml_ctx_new(&c, e));
    iml_ctx_log(c, IML_LOG_INFO, listen, NULL);
    assert_ok(iml_run(c, &j, iml_sink_null(), &o, &rep, e));
    iml_ctx_free(&c);
    assert_int_equal(rep.ok, 800);
    assert_true(rep.budget == 2ull << 30);
    assert_non_null(strstr(heard, "1 of 4 workers rest (memory pressure 40 %"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_machine_that_says_nothing_has_no_limits, begin, end),
        cmocka_unit_test_setup_teardown(a_v2_group_is_as_strict_as_its_strictest_ancestor, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_v1_group_and_its_mount_are_understood, begin, end),
        cmocka_unit_test_setup_teardown(a_container_sees_its_limits_at_the_root_of_the_mount, begin,
                                        end),
        cmocka_unit_test_setup_teardown(nonsense_is_no_limit, begin, end),
        cmocka_unit_test_setup_teardown(pressure_nodes_and_model_are_read, begin, end),
        cmocka_unit_test_setup_teardown(a_run_under_memory_pressure_rests_workers_and_ends_whole,
                                        begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
