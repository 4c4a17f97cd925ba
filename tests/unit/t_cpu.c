#include "tests/unit/iml_test.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/cpu.h"
#include "src/base/log.h"

static void machine_has_cpus_and_memory(void **state)
{
    (void)state;
    assert_true(iml__cpu_present() >= 1);
    assert_in_range(iml__cpu_allowed(), 1, 1 << 16);
    assert_in_range(iml__cpu_workers(), 1, iml__cpu_allowed());
    assert_true(iml__mem_total() > 64u << 20);
    assert_true(iml__mem_available() <= iml__mem_total());
    assert_true(iml__mem_default_budget() >= 64u << 20);
    assert_true(iml__mem_rss() > 100000);
    assert_true(iml__mem_peak_rss() >= iml__mem_rss() / 2);
    uint64_t t = iml__now_us(), c = iml__cpu_us();
    while (iml__cpu_us() < c + 20000) {
    }
    assert_true(iml__now_us() >= t + 15000);
}

// A large parent is not counted: ru_maxrss would be kept over exec.
static void peak_is_of_this_program(void **state)
{
    (void)state;
    enum { MANY = 300 << 20 };
    char *p = malloc(MANY);
    assert_non_null(p);
    memset(p, 1, MANY);
    assert_true(iml__mem_peak_rss() >= MANY);
    pid_t kid = fork();
    if (!kid) {
        (void)setenv("IML_T_CPU_PEAK", "1", 1);
        (void)execl("/proc/self/exe", "t_cpu", (char *)NULL);
        _exit(2);
    }
    int status = -1;
    assert_int_equal(waitpid(kid, &status, 0), kid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    free(p);
}

static void level_can_only_be_lowered(void **state)
{
    (void)state;
    const char *ask = getenv("IML_CPU"); // settled at the first call of this process
    if (ask && !strcmp(ask, "scalar")) assert_int_equal(iml__cpu_simd(), IML__SIMD_SCALAR);
    assert_string_equal(iml__simd_name(IML__SIMD_AVX2), "avx2");
    assert_in_range(iml__cpu_simd(), IML__SIMD_SCALAR, IML__SIMD_AVX512);
}

static struct heard {
    int lines;
    int last;
    char text[1200];
} heard;

static void listen(void *user, int level, const char *line)
{
    struct heard *h = user;
    h->lines++, h->last = level;
    (void)snprintf(h->text, sizeof h->text, "%s", line);
}

static void repeats_are_counted_not_said(void **state)
{
    (void)state;
    iml_ctx *c = NULL;
    assert_ok(iml_ctx_new(&c, e));
    iml_ctx_log(c, IML__LOG_INFO, listen, &heard);
    iml__log(c, IML__LOG_DEBUG, "not wanted");
    assert_int_equal(heard.lines, 0);
    for (int k = 0; k < 100; k++) iml__log_item(c, IML__LOG_WARN, 3, 17, "decode", "bad %d", k);
    assert_int_equal(heard.lines, 20);
    assert_string_equal(heard.text, "warn [w3 i17 decode] bad 19");
    iml__log(c, IML__LOG_INFO, "another kind");
    assert_string_equal(heard.text, "info another kind");
    iml_ctx_free(&c);
    assert_non_null(strstr(heard.text, "80 more of this kind, the last: [w3 i17 decode] bad 99"));
}

static void a_relayed_line_is_one_line_whatever_its_sender_made_of_it(void **state)
{
    (void)state;
    iml_ctx *c = NULL;
    struct iml__log_line l;
    assert_ok(iml_ctx_new(&c, e));
    iml_ctx_log(c, IML_LOG_DEBUG, listen, &heard);
    heard.lines = 0;
    memset(&l, 0xff, sizeof l); // no such level
    iml__log_relayed(c, &l);
    assert_int_equal(heard.lines, 0);
    memset(&l, 'x', sizeof l); // no string ends
    l.level = IML_LOG_DEBUG, l.item = true;
    memcpy(l.text, "two\nlines\x1b[2J", 13);
    iml__log_relayed(c, &l);
    assert_int_equal(heard.lines, 1);
    assert_non_null(strstr(heard.text, "xxx] two lines [2Jx"));
    assert_true(strlen(heard.text) < 1100);
    iml_ctx_free(&c);
}

static void *shout(void *c)
{
    for (int k = 0; k < 1000; k++) iml__log(c, IML__LOG_INFO, "line %d", k);
    return NULL;
}

static void threads_may_log_together(void **state)
{
    (void)state;
    iml_ctx *c = NULL;
    pthread_t t[4];
    heard.lines = 0;
    assert_ok(iml_ctx_new(&c, e));
    iml_ctx_log(c, IML__LOG_INFO, listen, &heard);
    for (int k = 0; k < 4; k++) assert_int_equal(pthread_create(&t[k], NULL, shout, c), 0);
    for (int k = 0; k < 4; k++) assert_int_equal(pthread_join(t[k], NULL), 0);
    assert_int_equal(heard.lines, 20);
    iml_ctx_free(&c);
    assert_int_equal(heard.lines, 21);
}

int main(void)
{
    if (getenv("IML_T_CPU_PEAK")) return iml__mem_peak_rss() >= 200 << 20;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine_has_cpus_and_memory),
        cmocka_unit_test(peak_is_of_this_program),
        cmocka_unit_test(level_can_only_be_lowered),
        cmocka_unit_test(repeats_are_counted_not_said),
        cmocka_unit_test(a_relayed_line_is_one_line_whatever_its_sender_made_of_it),
        cmocka_unit_test(threads_may_log_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
