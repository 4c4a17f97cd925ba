// slice_dry.c: --dry-run: headers of all cases, and what a run would write and need.
//
// Cases are opened by the engine's workers exactly as a run opens them, so what a header shows to
// be wrong (frames, a label of another shape, a channel that is missing) is said here in the same
// words.
#include <stdio.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/codec/nifti.h"
#include "src/engine/each.h"
#include "src/io/vfs.h"
#include "src/slice/case.h"
#include "src/slice/slice_pass.h"
#include "src/slice/slice_report.h"

struct seen { // of a case, before its line
    uint64_t slices, bytes, memory;
};

struct totals {
    uint64_t cases, bad, slices, bytes, memory;
    iml__str *lines;
};

// Planes of z-scored or windowed scans are coded to about what gzip makes of the voxels.
static uint64_t coded_bytes(const struct iml__case *c, uint64_t slices)
{
    const struct iml__layout *l = &c->layout;
    uint64_t pixels = l->height * l->width, w = 2 * (uint64_t)c->conf->o.window + 1, total = 0;
    for (uint32_t k = 0; k < c->nch; k++) {
        const iml_nifti_info *i = &c->ch[k].n->info;
        struct stat st;
        uint64_t raw = i->voxels * i->frames * (uint64_t)i->item_bytes;
        double rate = 0.4; // of a file that is not compressed
        if (i->gzip && iml__fstatat(AT_FDCWD, c->ch[k].path, &st, 0) == 0)
            rate = (double)st.st_size / (double)IML_MAX(raw, 1u);
        uint64_t plane = c->conf->o.level
                             ? (uint64_t)(rate * (double)(pixels * (uint64_t)i->item_bytes))
                             : pixels * iml__out_bytes((enum iml__out_type)c->conf->o.dtype);
        total += slices * plane * w * c->conf->nnorms;
    }
    uint64_t label = !c->label ? 0 : c->conf->o.level ? pixels / 50 : pixels;
    return total + slices * (label + 800); // metadata and the directory
}

static void line_of(const struct iml__case *c, const struct seen *f, iml__str *t)
{
    const iml_nifti_info *i = &c->ch[0].n->info;
    iml_orient view = c->orient;
    if (c->oriented) iml__turn_orient(&c->layout.turn, &c->orient, &view);
    iml__str_addf(t, "%s: %llux%llux%llu %s %s, %llu slices of %llux%llu with %llu channels, ",
                  c->files->name, (unsigned long long)i->dim[0], (unsigned long long)i->dim[1],
                  (unsigned long long)i->dim[2], iml__nifti_type_name(i->datatype),
                  c->oriented ? view.letters : "(no orientation)", (unsigned long long)f->slices,
                  (unsigned long long)c->layout.height, (unsigned long long)c->layout.width,
                  (unsigned long long)c->nch * c->conf->nnorms *
                      (unsigned long long)(2 * c->conf->o.window + 1));
    iml__slice_size(t, f->bytes);
    iml__str_adds(t, c->label ? " (estimate)\n" : " (estimate), no label\n");
    for (uint32_t k = 0; k < c->nwarnings; k++)
        iml__str_addf(t, "  warning: %s [%s]\n", c->warning[k].text, c->warning[k].code);
}

static iml_status run_item(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                           iml_err *e)
{
    const iml__slicer *s = user;
    struct iml__case *c;
    struct iml__foresight f;
    struct seen seen;
    iml__str text;
    (void)cap; // one is used
    *n = 0;
    IML_TRY(iml__case_begin(s, it->index, false, it, &c, e));
    iml__str_init(&text, 1 << 20);
    iml_status st = iml__case_foresee(c, &f, e);
    if (!st) {
        seen = (struct seen){f.slices, coded_bytes(c, f.slices), f.memory};
        iml__str_add(&text, (const char *)&seen, sizeof seen);
        line_of(c, &seen, &text);
        st = text.failed ? IML_FAIL(e, IML_ENOMEM, "no memory for a report")
                         : iml__hand_over(it, "line", text.p, text.n, out, n, e);
    }
    iml__str_free(&text);
    iml__case_end(&c);
    return st;
}

static void label(void *user, uint64_t i, char *text, size_t cap)
{
    const iml__slicer *s = user;
    (void)snprintf(text, cap, "%s", s->cases.item[i].name);
}

static iml_status take(void *user, uint64_t i, const uint8_t *p, size_t n, iml_status st,
                       const iml_err *why, iml_err *e)
{
    struct totals *sum = user;
    struct seen f;
    (void)i, (void)e;
    if (st) {
        sum->bad++, iml__str_addf(sum->lines, "%s\n", why->msg);
        return IML_OK;
    }
    memcpy(&f, p, sizeof f);
    iml__str_add(sum->lines, (const char *)p + sizeof f, n - sizeof f);
    sum->cases++, sum->slices += f.slices, sum->bytes += f.bytes;
    sum->memory = IML_MAX(sum->memory, f.memory);
    return IML_OK;
}

iml_status iml__slice_dry_run(const iml__slicer *s, iml_ctx *ctx, const iml_run_opts *from,
                              iml__str *t, uint64_t *bad, iml_err *e)
{
    struct totals sum = {.lines = t};
    iml_job job = {.name = "slice",
                   .count = s->cases.n,
                   .user = (void *)(uintptr_t)s,
                   .run = run_item,
                   .label = label};
    iml_run_opts o;
    iml__pull_opts(from, &o);
    o.only = from->only, o.n_only = from->n_only, o.limit = from->limit;
    IML_TRY(iml__run_each(ctx, &job, &o, take, &sum, e));
    bool most = s->conf.o.skip_empty || (s->conf.crop && s->conf.crop != IML__CROP_BOX);
    iml__str_addf(t, "%llu cases, %llu slices%s, about ", (unsigned long long)sum.cases,
                  (unsigned long long)sum.slices, most ? " at most" : "");
    iml__slice_size(t, sum.bytes);
    iml__str_adds(t, "; the largest case needs about ");
    iml__slice_size(t, sum.memory);
    iml__str_adds(t, " of memory\n");
    if (sum.bad)
        iml__str_addf(t, "%llu case%s cannot be sliced\n", (unsigned long long)sum.bad,
                      sum.bad == 1 ? "" : "s");
    *bad = sum.bad;
    return t->failed ? IML_FAIL(e, IML_ENOMEM, "no memory for a report") : IML_OK;
}
