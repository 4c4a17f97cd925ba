// soak.c: runs of every kind, one after the other in one process, for as long as is asked: memory,
// descriptors and threads must stay as they were, and every set must be the same set.
//
//     soak SECONDS [SEED]
//
// Items are of 1 byte to 4 MiB, some are bad, some fail once, some grow; workers are threads and
// processes, of which some die by dice. In builds with IML_DEBUG every visit to the plan is
// audited, and what is admitted above the budget (I7) is a bug that ends the run. A day of it:
// soak 86400.
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/buf.h"
#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/engine/item.h"
#include "src/engine/run.h"
#include "tests/unit/iml_dir.h"

enum { COUNT = 300, KINDS = 5 };

static char root[64];
static uint64_t seed = 1;

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static iml_status make(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    uint64_t h = mix(it->index * 31 + 7), size = 1 + h % (1u << h % 23);
    (void)user, (void)cap;
    iml_stage(it, IML_STAGE_COMPUTE);
    if (h % 97 == 0) return IML_FAIL(e, IML_EINPUT, "item %u is bad", (unsigned)it->index);
    if (h % 289 == 0 && it->attempt < 1) return IML_FAIL(e, IML_EAGAIN, "not yet");
    if (h % 5 == 0) iml_item_grow(it, 3 * size + 65536);
    iml_count(it, (uint32_t)(h % 3), size);
    iml_frag *f = iml_arena_alloc(it->arena, 2 * sizeof *f);
    char *name = iml_arena_alloc(it->arena, 64);
    if (!f || !name) return IML_FAIL(e, IML_ENOMEM, "no memory for a name");
    iml_stage(it, IML_STAGE_ENCODE);
    for (unsigned k = 0; k < 2; k++) {
        IML_TRY(iml_buf_new(it, k ? 40 : size, &f[k].data, e));
        iml_buf_set_size(f[k].data, k ? 40 : size);
        memset(iml_buf_data(f[k].data), (int)('a' + h % 26), iml_buf_size(f[k].data));
        f[k].off = 0, f[k].len = iml_buf_size(f[k].data);
    }
    iml_buf_data(f[1].data)[39] = '\n';
    (void)snprintf(name, 64, "%03u/%05u.bin", (unsigned)it->index / 100, (unsigned)it->index);
    out[0] = (iml_out){name, &f[0], 1, 0};
    out[1] = (iml_out){"labels.txt", &f[1], 1, IML_OUT_APPEND};
    *n = 2;
    return IML_OK;
}

static const char *const counters[] = {"a", "b", "c"};

static iml_job job(bool appends)
{
    iml_job j = {.name = "soak", .count = COUNT, .run = make, .config_hash = 5, .appends = appends};
    j.ncounters = 3, j.counter_names = counters, j.part_items = 50;
    return j;
}

// Takes everything and keeps a few for a while.
static int pulled(const iml_run_opts *o, uint64_t *digest)
{
    iml_job j = job(false);
    iml_run_t *r;
    iml_err e = {0};
    uint64_t kept[7], have = 0, index;
    iml_run_opts mine = *o;
    mine.out_dir = NULL;
    if (iml_run_open(NULL, &j, &mine, &r, &e)) return printf("pull: %s\n", e.msg), 1;
    for (;;) {
        iml_out *out;
        size_t n;
        iml_status st = iml_run_next(r, 60000, &out, &n, &index, &e);
        if (st == IML_END) break;
        if (index == UINT64_MAX) return printf("pull: %s\n", e.msg), 1;
        *digest = mix(*digest ^ index ^ (uint64_t)st << 32);
        for (size_t k = 0; k < n; k++)
            for (uint32_t f = 0; f < out[k].nfrag; f++) *digest = mix(*digest ^ out[k].frag[f].len);
        kept[have++] = index;
        if (have == 7 || (o->chunk_items && have == 3))
            while (have) iml_run_free(r, kept[--have]);
    }
    return iml_run_close(&r, NULL, &e) != IML_OK;
}

// One run of a kind into a fresh directory; its digest.
static int run(int kind, int workers, int mode, uint64_t *digest)
{
    char out[128];
    iml_job j = job(kind == 1 || kind == 3);
    iml_run_opts o;
    iml_report rep;
    iml_err e = {0};
    const iml_sink_ops *sink[] = {iml_sink_file(), iml_sink_file(), iml_sink_tar(), iml_sink_tar()};
    (void)snprintf(out, sizeof out, "%s/set", root);
    test_rm(out);
    iml_run_opts_default(&o);
    o.workers = workers, o.mode = mode, o.out_dir = out, o.shard_samples = 120;
    o.order = (int)(mix(seed) % 4), o.memory_bytes = 8 << 20, o.durability = IML_DURABILITY_PROCESS;
    o.chunk_items = mix(seed + 1) % 3 ? 0 : 5;
    o.seed = 11; // the same dice in every run, so that bad lists are equal
    *digest = 1;
    if (kind == 4) return pulled(&o, digest);
#ifdef IML_INJECT
    if (mode == IML_MODE_PROCESS) o.inject = "crash=0.002,fail=0.01";
#endif
    if (iml_run(NULL, &j, sink[kind], &o, &rep, &e)) return printf("%s\n", e.msg), 1;
    if (!rep.complete || test_count_tmp(out)) return printf("incomplete, or litter\n"), 1;
    *digest = rep.content;
    return 0;
}

static int entries(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    while (d && readdir(d)) n++;
    if (d) (void)closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 60;
    uint64_t begun = iml__now_us(), now = begun, rounds = 0, warm = 0, most = 0;
    size_t held = 0;
    uint64_t want[KINDS][2] = {{0}};
    int fds = 0, threads = 0;
    // An arena of the allocator a thread would make what rests in it depend on who ran what.
    (void)mallopt(M_ARENA_MAX, 1);
    // Blocks in a thread's cache count as in use.
    if (!getenv("GLIBC_TUNABLES")) {
        (void)setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
        (void)execv("/proc/self/exe", argv);
        return perror("soak"), 1;
    }
    if (argc > 2) seed = strtoull(argv[2], NULL, 10);
    test_dir(root);
    for (; (double)(now - begun) < seconds * 1e6 || rounds < 60; now = iml__now_us(), rounds++) {
        int kind = (int)(rounds % KINDS), workers = (int)(mix(++seed) % 5);
        bool process = kind != 4 && workers && mix(seed + 2) % 3 == 0;
        uint64_t digest;
        if (run(kind, workers, process ? IML_MODE_PROCESS : IML_MODE_THREAD, &digest)) return 1;
        // Who dies by dice is bad in process mode only: two references.
        uint64_t *reference = &want[kind][process];
        if (!*reference) *reference = digest;
        if (*reference != digest)
            return printf("round %lu, kind %d: another set\n", (unsigned long)rounds, kind), 1;
        // The first third warms caches and pools.
        // What the allocator keeps for later is its own; what is in use must not grow by a block.
        (void)malloc_trim(0);
        uint64_t rss = iml__mem_rss();
        struct mallinfo2 heap = mallinfo2();
        if (rounds == 20) held = heap.uordblks + heap.hblkhd;
        if (rounds > 20 && heap.uordblks + heap.hblkhd > held + 1024)
            return printf("round %lu: %zu bytes are in use, after 20 rounds %zu\n",
                          (unsigned long)rounds, heap.uordblks + heap.hblkhd, held),
                   1;
        bool warming = rounds < 30 || (double)(now - begun) < seconds * 1e6 / 3;
        if (warming && rss > warm) warm = rss;
        if (rss > most) most = rss;
        if (rounds == 20) fds = entries("/proc/self/fd"), threads = entries("/proc/self/task");
        if (rounds > 20 &&
            (entries("/proc/self/fd") != fds || entries("/proc/self/task") != threads))
            return printf("round %lu: descriptors or threads were left\n", (unsigned long)rounds),
                   1;
    }
    test_rm(root);
    printf("%lu runs of %d items in %.0f s; resident %lu KiB warm, %lu KiB at most\n",
           (unsigned long)rounds, COUNT, (double)(now - begun) / 1e6, (unsigned long)(warm >> 10),
           (unsigned long)(most >> 10));
    if (most > warm + warm / 20) return printf("memory is not flat\n"), 1;
    return 0;
}
