// fault.c: fails the n-th file call and the n-th allocation of a run, for every n, once and for
// ever, and then runs again undisturbed: the data set must be the one of a run without faults.
//
// While the fault lasts, the run may only end in success (the call was of no consequence, or was
// retried) or with a failure of class SINK that names a reason (I6): never with an item booked
// bad, a crash, or a descriptor left open. IML_LONG=1 steps through more kinds of faults.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/mem.h"
#include "tests/fault/script.h"
#include "tests/unit/iml_dir.h"
#include "tests/vfs_fault.h"

static char dir[64], reference[64];
static unsigned long runs, struck_runs, failures;

static int open_fds(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n;
}

static void wrong(const char *what, int kind, const char *mode, unsigned long n, const char *msg)
{
    printf("WRONG kind %d, %s at %lu: %s (%s)\n", kind, mode, n, what, msg ? msg : "");
    if (++failures > 20) exit(1);
}

// One disturbed run and one undisturbed. true: the fault struck, so a larger n is worth a try.
static bool one(struct script s, const char *mode, bool memory, enum fault_mode m, unsigned long n,
                bool forever, bool prepare, uint64_t want)
{
    struct script_result r = {0};
    iml_err e = {0};
    int tmp, fds;
    test_rm(dir);
    s.out = dir;
    if (prepare) { // the fault meets a resume, not a fresh start
        struct script first = s;
        first.stop_after = 9;
        if (script_run(&first, NULL, NULL)) abort();
    }
    fds = open_fds();
    if (memory)
        iml__mem_fail(n, forever);
    else
        fault_begin(m, n, forever);
    iml_status st = script_run(&s, &r, &e);
    bool hit = memory ? iml__mem_asked() >= n : fault_struck();
    if (memory)
        iml__mem_fail(0, false);
    else
        (void)fault_end();
    if (open_fds() != fds) wrong("descriptors were left open", (int)s.kind, mode, n, e.msg);
    if (st != IML_OK && st != IML_ESINK && !(memory && st == IML_ENOMEM))
        wrong(iml_status_name(st), (int)s.kind, mode, n, e.msg);
    if (st == IML_ESINK && (!*e.msg || !e.sys))
        wrong("no reason is given", (int)s.kind, mode, n, e.msg);
    if (st == IML_OK && r.sums.complete && script_digest(dir, NULL) != want)
        wrong("it said success, but the data set is wrong", (int)s.kind, mode, n, e.msg);
    e = (iml_err){0};
    if (script_run(&s, &r, &e))
        wrong("the run after it fails", (int)s.kind, mode, n, e.msg);
    else if (script_digest(dir, &tmp) != want)
        wrong("the run after it gives other bytes", (int)s.kind, mode, n, NULL);
    else if (tmp)
        wrong("temporary files are left", (int)s.kind, mode, n, NULL);
    runs++, struck_runs += hit;
    return hit;
}

static void sweep(struct script s, bool memory, enum fault_mode m, bool forever, bool prepare,
                  uint64_t want)
{
    char mode[64];
    (void)snprintf(mode, sizeof mode, "%s%s%s", memory ? "no memory" : fault_name(m),
                   forever ? " for ever" : "", prepare ? ", resumed" : "");
    unsigned long n = 1;
    while (one(s, mode, memory, m, n, forever, prepare, want)) n++;
    printf("kind %d, %-24s %4lu points\n", (int)s.kind, mode, n - 1);
    fflush(stdout);
}

int main(void)
{
    bool all = getenv("IML_LONG") != NULL;
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    test_dir(dir), test_dir(reference);
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = {.out = reference,
                           .kind = k,
                           .count = 17,
                           .seed = 11,
                           .batch = 3,
                           .durability = k % 2 ? IML_DURABILITY_BATCH : IML_DURABILITY_ITEM};
        struct script_result r;
        iml_err e = {0};
        test_rm(reference);
        if (script_run(&s, &r, &e) || !r.sums.complete) return printf("%s\n", e.msg), 1;
        uint64_t want = script_digest(reference, NULL);
        sweep(s, false, FAULT_EIO, false, false, want);
        sweep(s, false, FAULT_EIO, true, true, want);
        sweep(s, false, FAULT_ENOSPC, true, false, want);
        sweep(s, false, FAULT_ENOSPC, false, true, want);
        sweep(s, false, FAULT_EINTR, false, true, want);
        sweep(s, false, FAULT_SHORT, true, false, want);
        sweep(s, true, FAULT_NONE, false, true, want);
        sweep(s, true, FAULT_NONE, true, false, want);
        if (!all) continue;
        for (int m = FAULT_EIO; m < FAULT_MODES; m++)
            for (int v = 0; v < 4; v++) sweep(s, false, m, v & 1, v & 2, want);
    }
    test_rm(dir), test_rm(reference);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("every_failing_call_is_a_sink_failure: %lu runs, %lu struck, %lu wrong, %.1f s\n", runs,
           struck_runs, failures,
           (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
    return failures != 0;
}
