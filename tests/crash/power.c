// power.c: the power fails after any operation of a run, and with it goes what was not synced.
//
// A run is logged operation by operation; for prefixes of the log and each way of losing what was
// not synced the tree is built that would be found after the next start, and the run is resumed
// there with another boot id. It must end in the bytes of an undisturbed run, so no record may be
// believed whose files are empty, short, zeros or torn. Where every commit is synced to its end, no
// item of a commit whose journal had been synced may be made again. Runs that are themselves
// resumes, and such that grow (VOID), are logged too. Usage: power [STEP]: every STEP-th prefix.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/engine/merge.h"
#include "tests/fault/script.h"
#include "tests/unit/iml_dir.h"
#include "tests/vfs_crash.h"

enum { COUNT = 30, LOOSE_BATCH = 4, UNIT = 10 };
enum story { STRAIGHT, RESUMED, GROWN, STORIES };

static const char *const story_names[STORIES] = {"straight", "resumed", "grown"};
static const char *const durability_names[] = {"process", "batch", "item"};

static char dir[64], reference[64];
static unsigned long images, wrong;

static void found(void *user, const struct iml__finding *f)
{
    (void)user;
    printf("  %s: %s\n", f->path, f->cause);
}

static void complain(const struct script *s, enum story y, size_t n, enum crash_mode m,
                     const char *what, const char *msg)
{
    char op[320] = "nothing";
    if (n) crash_say(n - 1, op);
    printf("WRONG: kind %d, %s, %s, after %zu operations (%s), %s: %s %s\n", (int)s->kind,
           durability_names[s->durability], story_names[y], n, op, crash_mode_name(m), what,
           msg ? msg : "");
    if (getenv("IML_KEEP") && rename(dir, getenv("IML_KEEP")) == 0) exit(1); // to look at
    if (++wrong > 20) exit(1);
}

// Logs the story of a run in dir.
static size_t tell(struct script s, enum story y)
{
    test_rm(dir);
    if (mkdir(dir, 0777)) abort();
    s.out = dir;
    crash_record(dir);
    if (y != STRAIGHT) {
        struct script first = s;
        if (y == RESUMED) first.stop_after = 17;
        if (y == GROWN) first.count = 25;
        if (script_run(&first, NULL, NULL)) abort();
    }
    if (script_run(&s, NULL, NULL)) abort();
    return crash_recorded();
}

// Items that were on disk for good when the power failed; 0 where nothing is said.
static uint64_t kept(const struct script *s, enum story y, size_t n)
{
    bool shards = s->kind >= SCRIPT_SHARDS;
    if (y != STRAIGHT || !(s->durability == IML_DURABILITY_ITEM ||
                           (shards && s->durability == IML_DURABILITY_BATCH)))
        return 0;
    uint64_t per = s->kind == SCRIPT_LOOSE ? LOOSE_BATCH : UNIT;
    return IML_MIN((uint64_t)COUNT, crash_syncs(n, "journal.0") * per);
}

static void lose(struct script s, enum story y, size_t n, enum crash_mode m, uint64_t want)
{
    struct script_result r = {0};
    struct iml__verified v = {0};
    iml_err e = {0};
    int tmp;
    iml_rng rng = iml_rng_at(n, (uint64_t)m, iml_stream("power"));
    test_rm(dir);
    if (mkdir(dir, 0777)) abort();
    crash_image(dir, n, m, &rng);
    images++;
    s.out = dir;
    crash_reboot(true);
    iml_status st = script_run(&s, &r, &e);
    crash_reboot(false);
    if (st)
        complain(&s, y, n, m, "the run after it fails:", e.msg);
    else if (script_digest(dir, &tmp) != want)
        complain(&s, y, n, m, "the run after it gives other bytes", NULL);
    else if (tmp)
        complain(&s, y, n, m, "temporary files are left", NULL);
    else if (iml__verify(dir, false, &script_renderers, found, NULL, &v, &e) || v.findings ||
             !v.complete)
        complain(&s, y, n, m, "verify finds faults", e.msg);
    else if (r.made > COUNT - kept(&s, y, n))
        complain(&s, y, n, m, "items are made again that were on disk for good", NULL);
}

static void story(struct script s, enum story y, size_t step, uint64_t want)
{
    size_t n = tell(s, y);
    for (size_t k = 0; k <= n; k += k == n ? 1 : IML_MIN(step, n - k))
        for (int m = 0; m < CRASH_MODES; m++) lose(s, y, k, (enum crash_mode)m, want);
    printf("kind %d, %-7s, %-8s: %3zu operations\n", (int)s.kind, durability_names[s.durability],
           story_names[y], n);
    fflush(stdout);
    crash_forget();
}

int main(int argc, char **argv)
{
    size_t step = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    test_dir(dir), test_dir(reference);
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = {.kind = k, .count = COUNT, .seed = 9, .batch = LOOSE_BATCH};
        s.out = reference;
        test_rm(reference);
        if (script_run(&s, NULL, NULL)) abort();
        uint64_t want = script_digest(reference, NULL);
        for (int d = IML_DURABILITY_PROCESS; d <= IML_DURABILITY_ITEM; d++) {
            s.durability = d;
            for (int y = 0; y < STORIES; y++)
                story(s, (enum story)y, y == STRAIGHT ? step : step * 3, want);
        }
    }
    test_rm(dir), test_rm(reference);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%lu images, %lu wrong, %.1f s\n", images, wrong,
           (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
    return wrong != 0;
}
