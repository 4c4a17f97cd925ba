// slice_look.c: looking before a run: what stands in OUT, and how slices will lie.
#include "src/slice/slicer.h"

#include <stdio.h>

#include "src/base/err.h"
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
bool iml__slice_holds_set(const char *out)
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
    if (iml__slice_holds_set(out)) return IML_OK; // its journal decides
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

// ---- Headers

enum { LOOKED_AT = 64, GROUPS = 16 };

struct group {       // cases whose slices lie alike
    int axis, plane; // of the array; anatomical, -1: no orientation
    uint32_t cases;
    char letters[40];
};

static void add_letters(struct group *g, const char *letters)
{
    size_t n = strlen(g->letters);
    if (strstr(g->letters, letters) || n + 5 > sizeof g->letters) return;
    (void)snprintf(g->letters + n, sizeof g->letters - n, "%s%s", n ? " " : "", letters);
}

static void look_at(const iml__slicer *s, const char *path, struct group *g, uint32_t *n)
{
    const struct iml__slice_conf *c = &s->conf;
    iml_nifti *file = NULL;
    iml_err ignored = {0};
    iml_orient o = {.axis = {0, 1, 2}}, view;
    struct iml__turn turn = iml__turn_none;
    if (iml_nifti_open(path, c->o.affine, &file, &ignored)) return; // its case will say it
    const iml_nifti_info *i = &file->info;
    bool oriented = i->version && iml_orient_from_affine(i->affine, &o, &ignored) == IML_OK;
    double zoom[3];
    if (oriented && c->turn) turn = iml__turn_to(&o, c->orient_axis, c->orient_sign);
    view = o;
    if (oriented) iml__turn_orient(&turn, &o, &view);
    iml__turn_double(&turn, i->zoom, zoom);
    iml_nifti_close(&file);
    if (!oriented && (c->turn || c->axis_wish == IML__AXIS_ANATOMY)) return; // refused, likewise
    int axis = c->axis_wish == IML__AXIS_INDEX     ? c->axis
               : c->axis_wish == IML__AXIS_ANATOMY ? iml__orient_find(&view, c->axis)
                                                   : iml__axis_auto(zoom, oriented ? &view : NULL);
    int plane = oriented ? view.axis[axis] : -1;
    uint32_t k = 0;
    while (k < *n && (g[k].axis != axis || g[k].plane != plane)) k++;
    if (k == GROUPS) return;
    if (k == *n) g[(*n)++] = (struct group){.axis = axis, .plane = plane};
    g[k].cases++;
    if (oriented) add_letters(&g[k], view.letters);
}

void iml__slice_axes(const iml__slicer *s, iml__str *t)
{
    static const char *const names[] = {"sagittal", "coronal", "axial"};
    struct group g[GROUPS];
    uint32_t n = 0;
    size_t looks = IML_MIN(s->cases.n, (size_t)LOOKED_AT);
    for (size_t k = 0; k < looks; k++) {
        const struct iml__case_files *f = &s->cases.item[k * s->cases.n / looks];
        if (!f->bad_code) look_at(s, f->image[0], g, &n);
    }
    iml__str_addf(t, "Axis: %s", s->conf.o.axis);
    for (uint32_t k = 0; k < n; k++) {
        iml__str_addf(t, "%s array axis %d, %s, in %u case%s", k ? ";" : ":", g[k].axis,
                      g[k].plane < 0 ? "no orientation" : names[g[k].plane], g[k].cases,
                      g[k].cases == 1 ? "" : "s");
        if (g[k].plane >= 0) iml__str_addf(t, " (%s)", g[k].letters);
    }
    if (n && looks < s->cases.n) iml__str_addf(t, " of %zu that were looked at", looks);
}
