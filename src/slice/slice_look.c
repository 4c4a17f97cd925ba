// slice_look.c: looking before a run: what stands in OUT, and what --dry-run says.
#include "src/slice/slicer.h"

#include <math.h>
#include <stdio.h>

#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/codec/nifti.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"
#include "src/slice/orient.h"

// ---- OUT

// CASE_digits.npz of a case of this plan, in the root, or in a folder of the plan's layout.
static bool of_plan(const iml__slicer *s, const char *path)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t n = strlen(name), stem = n - 4;
    while (stem > 0 && name[stem - 1] >= '0' && name[stem - 1] <= '9') stem--;
    if (n - 4 - stem < (size_t)s->conf.o.digits || stem < 2 || name[stem - 1] != '_') return false;
    for (size_t k = 0; k < s->cases.n; k++)
        if (strlen(s->cases.item[k].name) == stem - 1 &&
            !memcmp(s->cases.item[k].name, name, stem - 1))
            return true;
    return false;
}

static iml_status remove_planned(const iml__slicer *s, const char *out, const struct iml__walk *w,
                                 iml_err *e)
{
    static const char *const own[] = {"dataset_info.json", "splits.json", "splits_final.json",
                                      "dataset_fingerprint.json"};
    char path[8192];
    for (size_t k = 0; k < IML_COUNT_OF(own); k++) {
        (void)snprintf(path, sizeof path, "%s/%s", out, own[k]);
        (void)iml__unlinkat(AT_FDCWD, path, 0); // the older tool's; what stays is in the run's way
    }
    for (size_t k = 0; k < w->n; k++) {
        if (!of_plan(s, w->entry[k].path)) continue;
        (void)snprintf(path, sizeof path, "%s/%s", out, w->entry[k].path);
        if (iml__unlinkat(AT_FDCWD, path, 0) < 0)
            return IML_FAIL_SYS(e, IML_EARG, errno, "%.120s cannot be removed", path);
    }
    return IML_OK;
}

// A run of ours has begun here: it wrote its settings before anything else.
static bool holds_a_set(const char *out)
{
    char path[4096];
    struct iml__dirread r;
    const char *name;
    enum iml__entry_type type;
    bool found = false;
    (void)snprintf(path, sizeof path, "%s/.imloom", out);
    if (iml__dirread_open(&r, AT_FDCWD, path) < 0) return false;
    while (!found && iml__dirread_next(&r, &name, &type) > 0)
        found = strncmp(name, "settings.", 9) == 0;
    iml__dirread_close(&r);
    return found;
}

iml_status iml__slice_out_check(const iml__slicer *s, const char *out, bool overwrite, bool dry,
                                iml_err *e)
{
    static const char *const npz[] = {".npz", NULL};
    const struct iml__walk_opts o = {.suffixes = npz,
                                     .no_links = true,
                                     .max_depth = 2,
                                     .flat = s->conf.o.layout == IML_SLICE_FLAT};
    struct iml__walk *w;
    struct stat st;
    if (holds_a_set(out)) return IML_OK; // its journal decides
    if (iml__fstatat(AT_FDCWD, out, &st, 0) < 0 || !S_ISDIR(st.st_mode)) return IML_OK;
    if (iml__walk(out, &o, &w, e)) return IML_OK; // what cannot be read is told by the run
    size_t n = w->n;
    iml_status r = IML_OK;
    if (n && !overwrite)
        r = IML_FAIL(e, IML_EARG,
                     "%.100s holds %zu .npz files that no run here made, and a loader would train "
                     "on them; choose "
                     "another -o, or --overwrite",
                     out, n);
    else if (n && !dry)
        r = remove_planned(s, out, w, e);
    iml__walk_free(&w);
    return r;
}

// ---- --dry-run

struct totals {
    uint64_t cases, bad, slices, bytes, memory;
};

static void dims(iml__str *t, const uint64_t *d)
{
    iml__str_addf(t, "%llux%llux%llu", (unsigned long long)d[0], (unsigned long long)d[1],
                  (unsigned long long)d[2]);
}

static void megabytes(iml__str *t, uint64_t n)
{
    char text[32];
    iml__str_add(t, text, iml__num_fixed(text, (double)n / 1e6, n < 100000000));
    iml__str_adds(t, " MB");
}

// The axis without voxels: crop by content is not known, so it is the most there can be.
static int axis_of(const iml__slicer *s, const iml_nifti_info *i, const iml_orient *o,
                   bool oriented)
{
    const struct iml__slice_conf *c = &s->conf;
    struct iml__turn turn = iml__turn_none;
    iml_orient view = *o;
    if (c->turn && oriented)
        turn = iml__turn_to(o, c->orient_axis, c->orient_sign), iml__turn_orient(&turn, o, &view);
    if (c->axis_wish == IML__AXIS_ANATOMY)
        return oriented ? turn.from[iml__orient_find(&view, c->axis)] : -1;
    if (c->axis_wish == IML__AXIS_INDEX) return turn.from[c->axis];
    int best = 0;
    for (int k = 1; k < 3; k++)
        if (fabs(i->zoom[k]) > fabs(i->zoom[best]) * 1.01) best = k;
    return best;
}

static void one_case(const iml__slicer *s, const struct iml__case_files *f, struct totals *sum,
                     iml__str *t)
{
    iml_nifti *n = NULL;
    iml_err e = {0};
    iml_orient o = {.axis = {0, 1, 2}};
    uint64_t size = 0;
    iml__str_addf(t, "%s: ", f->name);
    if (f->bad_code) {
        iml__str_addf(t, "%s [%s]\n", f->bad_text, f->bad_code);
        sum->bad++;
        return;
    }
    if (iml_nifti_open(f->image[0], s->conf.o.affine, &n, &e)) {
        iml__str_addf(t, "%s\n", e.msg);
        sum->bad++;
        return;
    }
    const iml_nifti_info *i = &n->info;
    bool oriented = i->version && iml_orient_from_affine(i->affine, &o, NULL) == IML_OK;
    int axis = axis_of(s, i, &o, oriented);
    uint64_t slices = axis < 0 ? 0 : i->dim[axis],
             channels = (uint64_t)(2 * s->conf.o.window + 1) * s->conf.nnorms * f->nimages;
    // Planes of z-scored or windowed scans are coded to about what gzip makes of the voxels.
    for (uint32_t k = 0; k < f->nimages; k++) {
        struct stat st;
        if (iml__fstatat(AT_FDCWD, f->image[k], &st, 0) == 0) size += (uint64_t)st.st_size;
    }
    uint64_t out =
        (i->gzip ? size : size * 2 / 5) * (uint64_t)(2 * s->conf.o.window + 1) * s->conf.nnorms;
    uint64_t memory =
        f->bytes + i->voxels * (uint64_t)i->item_bytes * f->nimages + (f->label ? i->voxels : 0);
    dims(t, i->dim);
    iml__str_addf(t, " %s %s, %llu slices of %llu channels, ", iml__nifti_type_name(i->datatype),
                  oriented ? o.letters : "(no orientation)", (unsigned long long)slices,
                  (unsigned long long)channels);
    megabytes(t, out);
    iml__str_adds(t, " (estimate)\n");
    sum->cases++, sum->slices += slices, sum->bytes += out;
    sum->memory = IML_MAX(sum->memory, memory);
    iml_nifti_close(&n);
}

iml_status iml__slice_dry_run(const iml__slicer *s, iml__str *t, iml_err *e)
{
    struct totals sum = {0};
    for (size_t k = 0; k < s->cases.n; k++) one_case(s, &s->cases.item[k], &sum, t);
    iml__str_addf(t, "%llu cases, %llu slices at most, about ", (unsigned long long)sum.cases,
                  (unsigned long long)sum.slices);
    megabytes(t, sum.bytes);
    iml__str_adds(t, "; the largest case needs about ");
    megabytes(t, sum.memory);
    iml__str_adds(t, " of memory\n");
    if (sum.bad)
        iml__str_addf(t, "%llu case%s cannot be sliced\n", (unsigned long long)sum.bad,
                      sum.bad == 1 ? "" : "s");
    return t->failed ? IML_FAIL(e, IML_ENOMEM, "no memory for a report") : IML_OK;
}
