// slice.c: fails the n-th file call and the n-th allocation of a slice run, for every n, once and
// for ever, and then runs again undisturbed: the set must be the one of a run without faults.
//
// While the fault lasts the run may end in success, with a failure that names its reason, or, where
// a volume could not be read, with that case alone as bad and none of its files there. No memory
// and a full disk are no case's fault: they never book one bad. Only some n; IML_LONG=1
// takes every one, of more kinds of faults. fault_slice [KIND]: that kind of run alone.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "imloom/slice.h"
#include "src/base/mem.h"
#include "tests/fault/script.h"
#include "tests/tools/nifti_make.h"
#include "tests/unit/iml_dir.h"
#include "tests/vfs_fault.h"

static char dir[64], out[80], in[80], sheet[80];
static unsigned long runs, struck_runs, failures;
static iml_ctx *ctx;

enum kind { PLAIN, STREAMED, FINGERPRINT, KINDS };
static const char *const kind_names[] = {"in memory", "streamed", "fingerprint and sheet"};

// ---- The input: three cases, one of them in two files, one compressed

static void volume(const char *name, int type, int bytes, bool label)
{
    char path[200];
    uint8_t head[544];
    struct test_nifti t = test_nifti(1, type, 8 * bytes, 2, 5, 3);
    uint8_t body[352 + 30 * 4] = {0};
    t.pair = strstr(name, ".hdr") != NULL;
    if (t.pair) t.vox_offset = 0;
    (void)test_nifti_head(&t, head);
    memcpy(body, head, 352);
    for (size_t k = 0; k < 30; k++) {
        uint64_t v = label ? k % 7 == 3 : k * 37 % 91;
        if (type == IML_NIFTI_F32)
            test_put_real(body, 352 + 4 * k, 4, false, (double)v / 8);
        else
            test_put(body, 352 + (size_t)bytes * k, bytes, false, v);
    }
    size_t n = 352 + 30 * (size_t)bytes;
    (void)snprintf(path, sizeof path, "%s/%s", in, name);
    if (strstr(name, ".gz")) {
        gzFile f = gzopen(path, "wb6");
        if (!f || gzwrite(f, body, (unsigned)n) != (int)n || gzclose(f) != Z_OK) abort();
        return;
    }
    if (!t.pair) return test_write(in, name, body, n);
    test_write(in, name, body, 348);
    (void)snprintf(path, sizeof path, "%.*s.img", (int)strlen(name) - 4, name);
    test_write(in, path, body + 352, n - 352);
}

static void make_input(void)
{
    char path[200];
    static const char *const folders[] = {"", "/imagesTr", "/labelsTr"};
    for (int k = 0; k < 3; k++) {
        (void)snprintf(path, sizeof path, "%s%s", in, folders[k]);
        if (mkdir(path, 0700)) abort();
    }
    volume("imagesTr/a_0000.nii.gz", IML_NIFTI_I16, 2, false);
    volume("imagesTr/b_0000.nii", IML_NIFTI_F32, 4, false);
    volume("imagesTr/c_0000.hdr", IML_NIFTI_U8, 1, false);
    volume("labelsTr/a.nii", IML_NIFTI_U8, 1, true);
    volume("labelsTr/b.nii.gz", IML_NIFTI_U8, 1, true);
    volume("labelsTr/c.nii.gz", IML_NIFTI_I16, 2, true);
    static const char json[] = "{\"labels\": {\"background\": 0, \"one\": 1}}";
    test_write(in, "dataset.json", json, sizeof json - 1);
}

// ---- Runs

static iml_status run(enum kind kind, unsigned flags, uint64_t limit, iml_report *r, iml_err *e)
{
    static const char *const ct[] = {"ct"};
    iml_slice_opts o;
    iml_run_opts ro;
    iml_slice_opts_default(&o);
    iml_run_opts_default(&ro);
    o.input = in, o.window = 1, o.level = 1;
    o.splits = "0.4,0.3", o.folds = 2;
    if (kind != PLAIN) o.axis = "2", o.layout = IML_SLICE_BY_CASE;
    if (kind == STREAMED) o.memory_bytes = 1;
    if (kind == FINGERPRINT) o.norms = ct, o.nnorms = 1, o.sheet = sheet, o.sheet_slices = 2;
    ro.out_dir = out, ro.workers = 0, ro.flags = flags, ro.limit = limit;
    ro.durability = kind == PLAIN ? IML_DURABILITY_ITEM : IML_DURABILITY_BATCH;
    ro.max_error_rate = -1, ro.max_errors = UINT64_MAX;
    *r = (iml_report){.size = sizeof *r};
    return iml_slice_run(ctx, &o, &ro, r, e);
}

static int open_fds(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n;
}

static void wrong(const char *what, enum kind k, const char *mode, unsigned long n, const char *msg)
{
    printf("WRONG %s, %s at %lu: %s (%s)\n", kind_names[k], mode, n, what, msg ? msg : "");
    if (++failures > 20) exit(1);
}

// Slices of the cases that bad.jsonl names: there may be none. -1: no case is named.
static int files_of_bad_cases(void)
{
    char path[400];
    const char *list = test_read(out, ".imloom/bad.jsonl", NULL);
    int n = 0, cases = 0;
    if (!list) return -1;
    for (const char *name = "abc"; *name; name++) {
        (void)snprintf(path, sizeof path, "\"path\":\"%c\"", *name);
        if (!strstr(list, path)) continue;
        cases++;
        for (int k = 0; k < 5; k++) {
            (void)snprintf(path, sizeof path, "%c_%03d.npz", *name, k), n += test_exists(out, path);
            (void)snprintf(path, sizeof path, "%c/%c_%03d.npz", *name, *name, k);
            n += test_exists(out, path);
        }
    }
    return cases ? n : -1;
}

static void judge(enum kind k, const char *mode, unsigned long n, bool memory, enum fault_mode m,
                  iml_status st, const iml_report *r, const iml_err *e, uint64_t want)
{
    bool input = !memory && m == FAULT_EIO; // may be a volume that cannot be read
    if (st && !e->msg[0]) wrong("no reason is given", k, mode, n, NULL);
    bool refused = !memory && m == FAULT_EROFS && st == IML_EARG; // before the first case
    if (st && st != IML_ESINK && !(memory && st == IML_ENOMEM) && !refused &&
        !(input && (st == IML_EARG || iml_status_class(st) == IML_CLASS_ITEM)))
        wrong(iml_status_name(st), k, mode, n, e->msg);
    if (st) return;
    if (r->bad && !input) wrong("a case is booked bad", k, mode, n, e->msg);
    if (r->bad_class[IML_CLASS_BUG]) wrong("a bug", k, mode, n, e->msg);
    if (r->bad && files_of_bad_cases() > 0) wrong("a bad case has files", k, mode, n, NULL);
    if (!r->bad && (!r->complete || script_digest(out, NULL) != want))
        wrong("it said success, but the set is wrong", k, mode, n, NULL);
}

// One disturbed run and one undisturbed. true: the fault struck, so a larger n is worth a try.
static bool one(enum kind k, const char *mode, bool memory, enum fault_mode m, unsigned long n,
                bool forever, bool resumed, uint64_t want)
{
    iml_report r;
    iml_err e = {0};
    int tmp;
    test_rm(out), test_rm(sheet);
    if (resumed && run(k, 0, 1, &r, &e)) wrong("the first case fails", k, mode, n, e.msg);
    int fds = open_fds();
    if (memory)
        iml__mem_fail(n, forever);
    else
        fault_begin(m, n, forever);
    iml_status st = run(k, IML_RUN_RESUME, UINT64_MAX, &r, &e);
    bool hit = memory ? iml__mem_asked() >= n : fault_struck();
    if (memory)
        iml__mem_fail(0, false);
    else
        (void)fault_end();
    if (open_fds() != fds) wrong("descriptors were left open", k, mode, n, e.msg);
    judge(k, mode, n, memory, m, st, &r, &e, want);
    e = (iml_err){0};
    if (run(k, IML_RUN_RESUME | IML_RUN_RETRY_BAD, UINT64_MAX, &r, &e))
        wrong("the run after it fails", k, mode, n, e.msg);
    else if (!r.complete || r.bad || script_digest(out, &tmp) != want)
        wrong("the run after it gives other bytes", k, mode, n, NULL);
    else if (tmp)
        wrong("temporary files are left", k, mode, n, NULL);
    runs++, struck_runs += hit;
    return hit;
}

static void sweep(enum kind k, unsigned long step, bool memory, enum fault_mode m, bool forever,
                  bool resumed, uint64_t want)
{
    char mode[64];
    (void)snprintf(mode, sizeof mode, "%s%s%s", memory ? "no memory" : fault_name(m),
                   forever ? " for ever" : "", resumed ? ", resumed" : "");
    unsigned long n = 1;
    while (one(k, mode, memory, m, n, forever, resumed, want)) n += step;
    printf("%s, %-24s %4lu points, every %lu\n", kind_names[k], mode, n - 1, step);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    bool all = getenv("IML_LONG") != NULL;
    iml_err e = {0};
    iml_report r;
    test_dir(dir);
    (void)snprintf(out, sizeof out, "%s/out", dir), (void)snprintf(in, sizeof in, "%s/in", dir);
    (void)snprintf(sheet, sizeof sheet, "%s/sheet.png", dir);
    make_input();
    if (iml_ctx_new(&ctx, &e)) abort();
    for (enum kind k = PLAIN; k < KINDS; k++) {
        if (argc > 1 && atoi(argv[1]) != (int)k) continue;
        test_rm(out);
        if (run(k, 0, UINT64_MAX, &r, &e) || !r.complete || r.bad) return printf("%s\n", e.msg), 1;
        uint64_t want = script_digest(out, NULL);
        if (!all) {
            static const unsigned long steps[KINDS] = {2, 6, 12};
            unsigned long step = steps[k];
            sweep(k, step, false, FAULT_EIO, false, false, want);
            sweep(k, step, false, FAULT_ENOSPC, k != PLAIN, k == STREAMED, want);
            sweep(k, step, true, FAULT_NONE, k == STREAMED, k == PLAIN, want);
            if (k == PLAIN) sweep(k, 6, false, FAULT_SHORT, true, false, want);
            continue;
        }
        for (int m = FAULT_EIO; m < FAULT_MODES; m++)
            for (int v = 0; v < 4; v++) sweep(k, 1, false, m, v & 1, v & 2, want);
        for (int v = 0; v < 4; v++) sweep(k, 1, true, FAULT_NONE, v & 1, v & 2, want);
    }
    iml_ctx_free(&ctx);
    test_rm(dir);
    printf("every_failing_call_leaves_cases_whole_or_absent: %lu runs, %lu struck, %lu wrong\n",
           runs, struck_runs, failures);
    return failures != 0;
}
