// t_slice_run.c: the public functions of imloom/slice.h as a program uses them, and one case that
// all workers share.
#include "tests/unit/iml_test.h"

#include <imloom/slice.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/slice/slice_pass.h"
#include "tests/tools/nifti_make.h"
#include "tests/unit/iml_dir.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NX = 256, NY = 40, NZ = 30, VOXELS = NX * NY * NZ };

static char dir[64];

static int16_t voxel(size_t x, size_t y, size_t z)
{
    return (int16_t)((x * 7 + y * y + z * 31) % 1500 - 700);
}

// A CT of 256 planes along x, and its label.
static void write_case(void)
{
    struct test_nifti t = test_nifti(1, 4, 16, NX, NY, NZ);
    static uint8_t file[544 + 2 * VOXELS];
    size_t at = test_nifti_head(&t, file);
    for (size_t k = 0; k < VOXELS; k++) {
        int16_t v = voxel(k % NX, k / NX % NY, k / NX / NY);
        memcpy(file + at + 2 * k, &v, 2);
    }
    test_write(dir, "ct.nii", file, at + (size_t)2 * VOXELS);
    t.datatype = 2, t.bitpix = 8;
    at = test_nifti_head(&t, file);
    for (size_t k = 0; k < VOXELS; k++) file[at + k] = voxel(k % NX, 3, 4) > 200;
    test_write(dir, "seg.nii", file, at + VOXELS);
}

static const char *path_of(const char *name)
{
    static char path[4][128];
    static int n;
    char *p = path[n++ % 4];
    (void)snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

// ---- A program's use

static void a_volume_is_opened_read_and_closed(void **state)
{
    (void)state;
    iml_nifti *n;
    iml_orient o;
    static int16_t raw[VOXELS];
    static float value[VOXELS];
    assert_ok(iml_nifti_open(path_of("ct.nii"), IML_AFFINE_AUTO, &n, e));
    const iml_nifti_info *i = iml_nifti_about(n);
    assert_int_equal(i->version, 1);
    assert_int_equal(i->datatype, IML_NIFTI_I16);
    assert_true(i->dim[0] == NX && i->dim[1] == NY && i->dim[2] == NZ && i->voxels == VOXELS);
    assert_int_equal(i->affine_source, IML_AFFINE_SFORM);
    assert_ok(iml_nifti_read(n, 0, raw, sizeof raw, e));
    assert_ok(iml_nifti_read_f32(n, 0, value, VOXELS, e));
    for (size_t k = 0; k < VOXELS; k += 97) {
        assert_int_equal(raw[k], voxel(k % NX, k / NX % NY, k / NX / NY));
        assert_int_equal((int)value[k], raw[k]);
    }
    assert_ok(iml_orient_from_affine(i->affine, &o, e));
    assert_string_equal(o.letters, "RAS");
    // What cannot be is an error with a sentence, not a crash.
    iml_err err = {0};
    assert_int_equal(iml_nifti_read(n, 0, raw, sizeof raw - 1, &err), IML_EARG);
    assert_int_equal(iml_nifti_read(n, 1, raw, sizeof raw, &err), IML_EINPUT); // it has one frame
    assert_int_equal(iml_nifti_read_f32(n, 0, value, VOXELS - 1, &err), IML_EARG);
    iml_nifti_close(&n);
    assert_null(n);
    iml_nifti_close(&n);
    assert_int_equal(iml_nifti_open(path_of("absent.nii"), 0, &n, &err), IML_EINPUT);
    assert_null(n);
    assert_non_null(strstr(err.msg, "absent.nii"));
    const double flat[12] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    assert_int_equal(iml_orient_from_affine(flat, &o, &err), IML_EINPUT);
}

static iml_status slice(const iml_slice_opts *o, const char *out, int workers, iml_report *r,
                        iml_err *why)
{
    iml_run_opts run;
    iml_ctx *ctx;
    iml_run_opts_default(&run);
    run.out_dir = out, run.workers = workers, run.durability = IML_DURABILITY_PROCESS;
    assert_ok(iml_ctx_new(&ctx, e));
    *r = (iml_report){.size = sizeof *r};
    iml_status st = iml_slice_run(ctx, o, &run, r, why);
    iml_ctx_free(&ctx);
    return st;
}

static void a_set_is_sliced_by_a_program(void **state)
{
    (void)state;
    iml_slice_opts o;
    iml_report r;
    iml_err err = {0};
    uint64_t content = 0;
    iml_slice_opts_default(&o);
    o.input = path_of("ct.nii"), o.label = path_of("seg.nii");
    for (int workers = 0; workers < 4; workers++) {
        char out[128];
        (void)snprintf(out, sizeof out, "%s/out%d", dir, workers);
        assert_int_equal(slice(&o, out, workers, &r, &err), IML_OK);
        assert_true(r.complete && r.ok == 1 && r.bad == 0);
        assert_int_equal(r.files, NX + 1); // slices, and the note of the case
        if (!workers) content = r.content;
        assert_true(r.content && r.content == content);
    }
    // A refused case is no failure of the call.
    o.label_type = 1, o.label_map = "1:200";
    assert_int_equal(slice(&o, path_of("bad"), 1, &r, &err), IML_OK);
    assert_true(r.bad == 1 && r.ok == 0);
}

// What has not been committed is lost with the power: of large cases that is one.
static void a_batch_is_some_megabytes(void **state)
{
    (void)state;
    static const struct {
        long bytes;
        uint64_t batch;
    } sets[] = {{64 << 20, 1}, {3 << 20, 2}, {100 << 10, 81}, {4000, 100}};
    char images[128], path[160];
    (void)snprintf(images, sizeof images, "%s/big", dir);
    assert_int_equal(mkdir(images, 0700), 0);
    for (size_t k = 0; k < IML_COUNT_OF(sets); k++) {
        iml_slice_opts o;
        iml__slicer *s;
        iml_slice_opts_default(&o);
        o.images = images, o.no_label = true;
        for (int c = 0; c < 3; c++) {
            (void)snprintf(path, sizeof path, "%s/c%d.nii", images, c);
            FILE *f = fopen(path, "wb");
            assert_non_null(f);
            assert_int_equal(ftruncate(fileno(f), sets[k].bytes), 0);
            assert_int_equal(fclose(f), 0);
        }
        assert_ok(iml__slicer_open(&o, &s, e));
        assert_int_equal(iml__slicer_batch(s), sets[k].batch);
        iml__slicer_close(&s);
    }
}

static void settings_that_cannot_be_are_refused(void **state)
{
    (void)state;
    iml_slice_opts o, d;
    iml_report r;
    iml_err err = {0};
    iml_slice_opts_default(&d);
    d.input = path_of("ct.nii"), d.no_label = true;
#define REFUSED(change, text)                                                                      \
    do {                                                                                           \
        o = d;                                                                                     \
        change;                                                                                    \
        assert_int_equal(slice(&o, path_of("none"), 0, &r, &err), IML_EARG);                       \
        if (!strstr(err.msg, text)) fail_msg("%s", err.msg);                                       \
    } while (0)
    REFUSED(o.size--, "iml_slice_opts_default");
    REFUSED(o.padding = 6, "padding is 6");
    REFUSED(o.dtype = -1, "dtype is -1");
    REFUSED(o.digits = 7, "digits is 7");
    REFUSED(o.one_hot = UINT32_MAX, "one_hot");
    REFUSED(o.crop = NULL, "a word is missing");
    REFUSED(o.axis = "z", "--axis z");
    REFUSED(o.input = path_of("nothing"), "cannot be read");
#undef REFUSED
    o = d;
    assert_int_equal(slice(&o, NULL, 0, &r, &err), IML_EARG);
    assert_int_equal(access(path_of("none"), F_OK), -1);
}

// ---- The work of one case, shared

enum { THREADS = 16 };

struct hall { // where the files of a run arrive
    pthread_mutex_t lock;
    pthread_t who[THREADS];
    size_t n;       // threads that brought something
    uint64_t files; // slices
    uint64_t sum;   // of hashes of name and bytes, in any order
};
static struct hall hall;

static iml_status hall_open(void **s, const iml_run_opts *o, iml_err *e)
{
    (void)o, (void)e;
    *s = &hall;
    return IML_OK;
}

static uint64_t hash_of(const iml_out *out)
{
    iml__xxh3_state *h = iml__xxh3_new();
    iml__xxh3_add(h, out->name, strlen(out->name) + 1);
    for (uint32_t k = 0; k < out->nfrag; k++)
        iml__xxh3_add(h, (const uint8_t *)iml_buf_data(out->frag[k].data) + out->frag[k].off,
                      out->frag[k].len);
    uint64_t v = iml__xxh3_end(h);
    iml__xxh3_free(&h);
    return v;
}

static iml_status hall_put(void *s, uint64_t index, iml_out *out, size_t n, iml_err *e)
{
    struct hall *h = s;
    (void)index, (void)e;
    // Whoever is first waits a little, so that the others come to their share on a busy machine.
    (void)usleep(2000);
    pthread_mutex_lock(&h->lock);
    for (size_t k = 0; k < n; k++) {
        if (!strcmp(out[k].name, "cases")) continue;
        h->files++, h->sum += hash_of(&out[k]);
    }
    size_t k = 0;
    while (k < h->n && !pthread_equal(h->who[k], pthread_self())) k++;
    if (k == h->n && h->n < THREADS) h->who[h->n++] = pthread_self();
    pthread_mutex_unlock(&h->lock);
    for (k = 0; k < n; k++)
        for (uint32_t f = 0; f < out[k].nfrag; f++) {
            iml_buf *b = out[k].frag[f].data;
            iml_buf_unref(&b);
        }
    return IML_OK;
}

static iml_status hall_commit(void *s, const uint64_t *item, size_t n, iml_err *e)
{
    (void)s, (void)item, (void)n, (void)e;
    return IML_OK;
}

static void hall_close(void **s) { *s = NULL; }

static const iml_sink_ops hall_sink = {
    .name = "hall", .open = hall_open, .put = hall_put, .commit = hall_commit, .close = hall_close};

static void run_into_hall(int workers)
{
    iml_slice_opts o;
    iml_run_opts run;
    iml__slicer *s;
    iml_ctx *ctx;
    iml__str notes;
    iml_report r = {.size = sizeof r};
    iml_slice_opts_default(&o);
    iml_run_opts_default(&run);
    o.input = path_of("ct.nii"), o.label = path_of("seg.nii");
    run.workers = workers;
    hall = (struct hall){.lock = PTHREAD_MUTEX_INITIALIZER};
    iml__str_init(&notes, 4096);
    assert_ok(iml__slicer_open(&o, &s, e));
    assert_ok(iml_ctx_new(&ctx, e));
    assert_ok(iml__slicer_settle(s, ctx, &run, &notes, e));
    assert_ok(iml_run(ctx, &s->job, &hall_sink, &run, &r, e));
    assert_int_equal(r.ok, 1);
    iml_ctx_free(&ctx);
    iml__slicer_close(&s);
    iml__str_free(&notes);
}

static void one_case_is_sliced_by_all_workers(void **state)
{
    (void)state;
    run_into_hall(0);
    assert_int_equal(hall.n, 1);
    assert_int_equal(hall.files, NX);
    uint64_t sum = hall.sum;
    for (int workers = 1; workers <= 8; workers *= 2) {
        run_into_hall(workers);
        assert_int_equal(hall.files, NX);
        assert_true(hall.sum == sum); // the same names and bytes, whoever made them
        if (workers == 1) assert_int_equal(hall.n, 1);
        if (workers > 1) assert_in_range(hall.n, 2, (size_t)workers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_volume_is_opened_read_and_closed),
        cmocka_unit_test(a_set_is_sliced_by_a_program),
        cmocka_unit_test(a_batch_is_some_megabytes),
        cmocka_unit_test(settings_that_cannot_be_are_refused),
        cmocka_unit_test(one_case_is_sliced_by_all_workers),
    };
    test_dir(dir);
    write_case();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_rm(dir);
    return failed;
}
