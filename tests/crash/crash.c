// crash.c: kill -9 at random moments, torn and flipped journals in between, and the data set must
// come out as if nothing had happened.
//
// Each data set is made by child processes that run the scripted job; the parent kills them after
// a random time, damages what a crash or a bad disk may damage, and starts the next, until one
// ends by itself. Then: the digest of an undisturbed run, no temporary file, nothing that verify
// finds. Some sets are made by two nodes and merged. With `run`, children run the items through
// iml_run in threads, else they drive the commit protocol directly. Usage: crash KILLS [SEED
// [run]].
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "src/engine/merge.h"
#include "tests/fault/script.h"
#include "tests/unit/iml_dir.h"

static char dir[64], reference[64];
static unsigned long kills, sets, tears, wrong, runs;
static iml_rng rng;
static bool engine;

// engine: workers in threads; the reference is made in the calling thread.
static iml_status make(const struct script *s, int workers, iml_err *e)
{
    return engine ? script_engine_run(s, workers, NULL, e) : script_run(s, NULL, e);
}

static uint64_t below(uint64_t n) { return iml_rng_bounded(&rng, n); }

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// What a child does: a node's run, or (after all nodes) the merge.
static int work(const struct script *s, bool merging)
{
    iml_err e = {0};
    iml_status st;
    if (merging) {
        struct iml__merged m;
        const char *out[] = {s->out};
        st = iml__merge(out, 1, s->durability, &script_renderers, &m, &e);
        if (!st && m.missing) return 3;
    } else {
        st = make(s, 1 + (int)(getpid() % 3), &e);
    }
    if (st) fprintf(stderr, "child: %s: %s\n", iml_status_name(st), e.msg);
    return st ? 1 : 0;
}

// 0..: the child's exit code; -1: it was killed.
static int child(const struct script *s, bool merging, double limit)
{
    pid_t p = fork();
    if (p < 0) abort();
    if (p == 0) _exit(work(s, merging));
    runs++;
    struct timespec nap = {(time_t)limit, (long)((limit - (double)(time_t)limit) * 1e9)};
    nanosleep(&nap, NULL);
    (void)kill(p, SIGKILL);
    int status;
    while (waitpid(p, &status, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    if (WTERMSIG(status) != SIGKILL) return 99; // died of itself
    kills++;
    return -1;
}

static void damage(const char *name, bool flip)
{
    char path[256];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (stat(path, &st) < 0 || st.st_size == 0) return;
    tears++;
    off_t at = (off_t)below((uint64_t)st.st_size);
    if (!flip) {
        if (truncate(path, at)) abort();
        return;
    }
    int fd = open(path, O_RDWR);
    uint8_t b;
    if (fd < 0 || pread(fd, &b, 1, at) != 1) abort();
    b ^= (uint8_t)(1 << below(8));
    if (pwrite(fd, &b, 1, at) != 1) abort();
    close(fd);
}

// Journals and lists are flipped or cut; data and parts cut, since only a hash of everything would
// show a flip there (verify does that).
static void tear(const struct script *s)
{
    char name[128], node[32] = "0";
    if (s->shards > 1)
        (void)snprintf(node, sizeof node, "%u-of-%u", (unsigned)below(s->shards), s->shards);
    uint64_t unit = below(s->count / 10), item = below(s->count), what = below(50);
    if (what < 10)
        (void)snprintf(name, sizeof name, ".imloom/journal.%s", node);
    else if (what < 16)
        (void)snprintf(name, sizeof name, ".imloom/files.%s.jsonl", node);
    else if (what < 18)
        (void)snprintf(name, sizeof name, ".imloom/units/%06u.json", (unsigned)unit);
    else if (what < 20)
        (void)snprintf(name, sizeof name, ".imloom/parts/labels.tsv.%06u", (unsigned)unit);
    else if (what < 23)
        (void)snprintf(name, sizeof name, "shard-%06u.%s", (unsigned)unit,
                       what == 20 ? "idx" : "tar");
    else if (what < 26)
        (void)snprintf(name, sizeof name, "%03u/%09u.bin", (unsigned)(item / 20), (unsigned)item);
    else
        return;
    damage(name, what < 18 && below(2));
}

static void found(void *user, const struct iml__finding *f)
{
    (void)user;
    printf("  %s: %s\n", f->path, f->cause);
}

static void judge(const struct script *s, uint64_t want)
{
    struct iml__verified v = {0};
    int tmp;
    bool same = script_digest(dir, &tmp) == want;
    iml_status st = iml__verify(dir, false, &script_renderers, found, NULL, &v, NULL);
    sets++;
    if (same && !tmp && !st && v.complete && !v.findings) return;
    wrong++;
    if (getenv("IML_KEEP") && rename(dir, getenv("IML_KEEP")) == 0) exit(1); // to look at
    printf("WRONG: kind %d, %u nodes: %s bytes, %d temporary files, %llu findings\n", (int)s->kind,
           s->shards, same ? "same" : "other", tmp, (unsigned long long)v.findings);
}

// Makes one data set through kills. limit: about how long an undisturbed run takes.
static void one_set(struct script s, double limit, uint64_t want)
{
    test_rm(dir);
    s.out = dir;
    bool done[2] = {false, false}, merging = false;
    for (int steps = 0; steps < 5000; steps++) {
        // Now and then the node that is done runs again: it must find its damaged units.
        if (s.shards > 1) {
            merging = done[0] && done[1];
            s.shard = (uint32_t)(done[0] ? 1 : done[1] ? 0 : below(2));
        }
        s.reverse = below(2);
        double patience = steps > 300 ? 2.0 : limit * (double)(1 + below(1400)) / 1000;
        int rc = child(&s, merging, patience);
        if (rc == 3)
            done[0] = done[1] = false; // units were damaged after their node had ended
        else if (rc > 0) {
            wrong++;
            printf("WRONG: kind %d: a run failed with %d\n", (int)s.kind, rc);
            return;
        } else if (rc == 0 && s.shards > 1 && !merging) {
            done[s.shard] = true;
        } else if (rc == 0) {
            judge(&s, want);
            return;
        }
        if (rc < 0) tear(&s);
    }
    wrong++;
    printf("WRONG: kind %d does not come to an end\n", (int)s.kind);
}

int main(int argc, char **argv)
{
    unsigned long target = argc > 1 ? strtoul(argv[1], NULL, 10) : 300;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    engine = argc > 3 && strcmp(argv[3], "run") == 0;
    double begun = now(), limit[SCRIPT_KINDS];
    uint64_t want[SCRIPT_KINDS];
    rng = iml_rng_at(seed, 0, iml_stream("crash"));
    test_dir(dir), test_dir(reference);
    struct script s = {.count = 150, .seed = 5};
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        s.kind = k, s.out = reference;
        test_rm(reference);
        double t = now();
        iml_err e = {0};
        if (make(&s, 0, &e)) return printf("%s\n", e.msg), 1;
        limit[k] = now() - t + 0.002; // and the fork
        want[k] = script_digest(reference, NULL);
    }
    while (kills < target && now() - begun < 3600) {
        s.kind = (int)below(SCRIPT_KINDS);
        s.shards = below(3) ? 1 : 2, s.shard = 0;
        s.durability = (int)below(3);
        s.batch = 1 + (size_t)below(9);
        one_set(s, limit[s.kind], want[s.kind]);
    }
    test_rm(dir), test_rm(reference);
    printf("kill_and_resume_give_the_same_bytes: %lu kills in %lu runs over %lu data sets, %lu "
           "journals or files torn, %lu wrong, %.1f s\n",
           kills, runs, sets, tears, wrong, now() - begun);
    return wrong != 0;
}
