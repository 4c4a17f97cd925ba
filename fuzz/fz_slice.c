// fz_slice.c: a whole file as a case: header, gzip, voxels, statistics, planes; the image is its
// own label too. Settings come from the length, so that a plain volume is an input. Whatever it
// holds, a case is sliced or refused with a code.
#include "fuzz/fz_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/codec/nifti.h"
#include "src/slice/slice_pass.h"

static char dir[64];

static void sweep(void)
{
    char path[96];
    static const char *const names[] = {"v.nii", "v.nii.gz", "x_0000.nii", "s.json"};
    for (size_t k = 0; k < 4; k++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[k]);
        (void)remove(path);
    }
    (void)rmdir(dir);
}

static void write_file(const char *path, const uint8_t *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f)) abort();
}

static void settings(size_t n, iml_slice_opts *o)
{
    static const char *const axes[] = {"0", "1", "2", "axial", "auto", "sagittal", "2", "coronal"};
    static const char *const norms[] = {"zscore", "percentile:1,99", "none", "window:lung"};
    static const char *const crops[] = {"none", "foreground", "label", "0:2,0:2,0:2"};
    static const char *one[1];
    iml_slice_opts_default(o);
    o->max_pixels = 1 << 18;
    o->axis = axes[n % 8], o->crop = crops[n / 8 % 4], one[0] = norms[n / 32 % 4];
    o->norms = one, o->nnorms = 1;
    o->nan = n / 128 % 2 ? IML_SLICE_NAN_BACKGROUND : IML_SLICE_NAN_AUTO;
    o->orient = n % 3 ? "native" : "LPS", o->display = n % 5 == 1;
    o->level = n % 7 ? 1 : 0, o->window = (int)(n % 4), o->volume = n % 11 ? -1 : 0;
    o->memory_bytes = n % 13 ? 0 : 4096;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static iml_ctx *ctx;
    iml_slice_opts o;
    iml__slicer *s;
    iml_run_opts ro;
    iml_report r = {.size = sizeof r};
    iml_err e = {0};
    char path[96];
    if (!dir[0]) {
        (void)snprintf(dir, sizeof dir, "/tmp/iml-fz-slice-XXXXXX");
        if (!mkdtemp(dir) || iml_ctx_new(&ctx, &e) || atexit(sweep)) abort();
    }
    bool gz = n > 1 && data[0] == 0x1f && data[1] == 0x8b;
    (void)snprintf(path, sizeof path, "%s/%s", dir, gz ? "v.nii.gz" : "v.nii");
    write_file(path, data, n);
    settings(n, &o);
    o.input = path;
    if (n % 2) o.label = path;
    if (iml__slicer_open(&o, &s, &e) || iml__slicer_settle(s, ctx, &(iml_run_opts){0}, NULL, &e))
        abort();
    iml_run_opts_default(&ro);
    ro.workers = 0, ro.max_error_rate = -1, ro.max_errors = UINT64_MAX;
    if (iml_run(ctx, &s->job, iml_sink_null(), &ro, &r, &e)) abort();
    if (r.ok + r.bad != 1 || r.bad_class[IML_CLASS_BUG]) abort();
    iml__slicer_close(&s);
    return 0;
}
