// slice_plan.c: which cases there are: nnU-Net and MSD folders, one volume, a CSV.
//
// A case is named by its first image's file less the final _CCCC.EXT; cases stand in bytewise order
// of that file's name, so an item's index depends on nothing else. What is wrong with one case
// (a label that is missing, two files for one channel, a name that cannot be) is told when that
// case runs; the others go on. The plan hash covers names, not paths, sizes or times.
#include "src/slice/slicer.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/io/safe.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"
#include "src/slice/slice_channel.h"

static const char *const endings[] = {".nii.gz", ".nii", ".hdr", ".img.gz", ".img", NULL};

struct listing { // while it is made; strings in the arena, arrays on the heap
    iml_arena *a;
    const struct iml__slice_conf *c;
    struct iml__case_files *item;
    size_t n, cap;
    iml__str *notes;
    const char *file_ending; // of dataset.json, or NULL
    bool no_memory;          // for some text: without it, the cases might be other ones
};

static iml_status no_memory(iml_err *e)
{
    return IML_FAIL(e, IML_ENOMEM, "no memory to list cases");
}

static char *text(struct listing *l, const char *fmt, ...) IML_PRINTF(2, 3);
static char *text(struct listing *l, const char *fmt, ...)
{
    char b[8192];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(b, sizeof b, fmt, ap);
    va_end(ap);
    char *copy = n < 0 || n >= (int)sizeof b ? NULL : iml__arena_strdup(l->a, b);
    l->no_memory |= !copy;
    return copy;
}

static size_t ending_of(const char *name)
{
    size_t n = strlen(name);
    for (size_t k = 0; endings[k]; k++) {
        size_t t = strlen(endings[k]);
        if (n > t && !strcasecmp(name + n - t, endings[k])) return t;
    }
    return 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// The length of CASE in a file name, and its channel (-1: it has none).
static size_t stem_of(const char *name, int *channel)
{
    size_t n = strlen(name) - ending_of(name);
    *channel = -1;
    if (n <= 5 || name[n - 5] != '_') return n;
    int v = 0;
    for (size_t k = n - 4; k < n; k++) {
        if (name[k] < '0' || name[k] > '9') return n;
        v = v * 10 + (name[k] - '0');
    }
    *channel = v;
    return n - 5;
}

static struct iml__case_files *new_case(struct listing *l)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        struct iml__case_files *grown = iml__realloc(l->item, cap, sizeof *grown);
        if (!grown) return NULL;
        l->item = grown, l->cap = cap;
    }
    l->item[l->n] = (struct iml__case_files){0};
    return &l->item[l->n++];
}

static void spoil(struct iml__case_files *c, const char *code, const char *why)
{
    if (!c->bad_code) c->bad_code = code, c->bad_text = why ? why : "no memory to say why";
}

static uint64_t size_of(const char *path) // for the cost alone
{
    struct stat st;
    return iml__fstatat(AT_FDCWD, path, &st, 0) == 0 ? (uint64_t)st.st_size : 0;
}

// Whether path is there, and a folder. What cannot be looked at is no absent file: taken for one,
// the cases would silently be other ones.
static iml_status look(const char *path, bool *there, bool *folder, iml_err *e)
{
    struct stat st = {0};
    *there = iml__fstatat(AT_FDCWD, path, &st, 0) == 0, *folder = S_ISDIR(st.st_mode);
    int sys = errno;
    if (*there || sys == ENOENT || sys == ENOTDIR) return IML_OK;
    return IML_FAIL_SYS(e, IML_EARG, sys, "%s cannot be read", path);
}

// ---- Folders

struct entry {
    const char *name, *path;
    size_t stem;
    int channel;
    uint64_t size;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

// The files of dir that may be volumes, sorted by name; *owned* on the heap. A dead link, a pipe or
// a folder of such a name stands for a case too: left out, it would be missed by nobody.
static iml_status list_dir(struct listing *l, const char *dir, struct entry **out, size_t *n,
                           iml_err *e)
{
    struct iml__walk *w;
    const struct iml__walk_opts o = {.suffixes = endings, .flat = true, .odd = true};
    *out = NULL, *n = 0;
    IML_TRY(iml__walk(dir, &o, &w, e));
    struct entry *list = iml__calloc(w->n + 1, sizeof *list);
    iml_status st = list ? IML_OK : no_memory(e);
    for (size_t k = 0; k < w->n && !st; k++) {
        struct entry *x = &list[*n];
        const char *name = w->entry[k].path;
        size_t end = ending_of(name);
        // Of a pair, the .hdr stands for both; a lone .img is told of when it is opened.
        if (end && !strncasecmp(name + strlen(name) - end, ".img", 4)) {
            struct stat head;
            char *hdr = text(l, "%s/%.*s.hdr", dir, (int)(strlen(name) - end), name);
            if (!hdr) st = no_memory(e);
            if (st || !iml__fstatat(AT_FDCWD, hdr, &head, AT_SYMLINK_NOFOLLOW)) continue;
            if (errno != ENOENT) st = IML_FAIL_SYS(e, IML_EARG, errno, "%s cannot be read", hdr);
            if (st) continue;
        }
        if (l->file_ending && strcasecmp(name + strlen(name) - end, l->file_ending) != 0) continue;
        x->name = iml__arena_strdup(l->a, name);
        x->path = text(l, "%s/%s", dir, name);
        x->size = w->entry[k].size;
        if (!x->name || !x->path)
            st = no_memory(e);
        else
            x->stem = stem_of(x->name, &x->channel), ++*n;
    }
    iml__walk_free(&w);
    if (!st && *n) qsort(list, *n, sizeof *list, by_name);
    if (st) IML_FREE(list);
    *out = list;
    return st;
}

// Cases out of a sorted folder: files with one stem are one case. Other stems may stand between
// (a_0000 < a_b_0000 < a_0001), so cases are found by name.
static iml_status gather(struct listing *l, const struct entry *x, size_t n, iml_err *e)
{
    size_t *slot = iml__calloc(2 * n + 1, sizeof *slot); // open hashing: case number + 1
    if (!slot) return no_memory(e);
    iml_status st = IML_OK;
    for (size_t k = 0; k < n && !st; k++) {
        size_t at = (size_t)(iml__xxh3(x[k].name, x[k].stem) % (2 * n));
        struct iml__case_files *c = NULL;
        for (; slot[at]; at = (at + 1) % (2 * n)) {
            c = &l->item[slot[at] - 1];
            if (strlen(c->name) == x[k].stem && !memcmp(c->name, x[k].name, x[k].stem)) break;
            c = NULL;
        }
        if (!c) {
            c = new_case(l);
            slot[at] = l->n;
            if (c) c->name = iml__arena_strndup(l->a, x[k].name, x[k].stem), c->source = x[k].name;
            if (!c || !c->name) {
                st = no_memory(e);
                break;
            }
        }
        iml__channel_take(l->c, c, x[k].channel, x[k].path, l->a);
        c->bytes += x[k].size;
    }
    IML_FREE(slot);
    return st;
}

static void find_label(struct listing *l, struct iml__case_files *c, const struct entry *x,
                       size_t n)
{
    size_t len = strlen(c->name), lo = 0, hi = n;
    while (lo < hi) { // the first name that is not below CASE
        size_t mid = lo + (hi - lo) / 2;
        if (strncmp(x[mid].name, c->name, len) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < n && !strncmp(x[lo].name, c->name, len); lo++) {
        if (strlen(x[lo].name) - ending_of(x[lo].name) != len) continue;
        if (c->label)
            spoil(c, "duplicate",
                  text(l, "%.80s and %.80s are both its label", base_name(c->label), x[lo].name));
        c->label = x[lo].path;
        c->bytes += x[lo].size;
    }
    if (!c->label) spoil(c, "label-missing", "it has no label; --no-label slices without");
}

static void check_case(struct listing *l, struct iml__case_files *c)
{
    size_t bad;
    iml__channels_settle(l->c, c, l->a);
    const char *fault = iml__name_fault(c->name, strlen(c->name));
    if (strchr(c->name, '/'))
        spoil(c, "name", "its name holds a slash");
    else if (!iml__utf8_valid(c->name, strlen(c->name), &bad))
        spoil(c, "name", "its name is no UTF-8");
    else if (fault)
        spoil(c, "name", text(l, "its name cannot be a file's: %s", fault));
}

static iml_status folder(struct listing *l, const char *images, const char *labels, iml_err *e)
{
    struct entry *image = NULL, *label = NULL;
    size_t n = 0, m = 0, first = l->n;
    iml_status st = list_dir(l, images, &image, &n, e);
    if (!st && labels) st = list_dir(l, labels, &label, &m, e);
    if (!st && n) st = gather(l, image, n, e);
    for (size_t k = first; k < l->n && !st; k++) {
        if (labels) find_label(l, &l->item[k], label, m);
        check_case(l, &l->item[k]);
    }
    IML_FREE(image);
    IML_FREE(label);
    return st;
}

// ---- dataset.json: names of labels, the ending of files

static iml_status read_labels(iml__jsonr *r, struct iml__cases *out, iml_arena *a, iml_err *e)
{
    enum iml__json_type t;
    size_t cap = 0;
    IML_TRY(iml__jsonr_next(r, &t, e));
    if (t != IML__JSON_OBJECT) return iml__jsonr_fail(r, e, "labels is no object");
    while (!iml__jsonr_next(r, &t, e)) {
        if (t == IML__JSON_END) return IML_OK;
        if (t != IML__JSON_KEY) return IML_EINPUT;
        char *key = iml__arena_strdup(a, iml__str_text(&r->token));
        if (!key) return no_memory(e);
        int64_t v = -1;
        bool known = false;
        IML_TRY(iml__jsonr_next(r, &t, e));
        // nnU-Net 2: {"name": 1}; nnU-Net 1 and MSD: {"1": "name"}; regions ([1, 2]) name no label.
        const char *name = key;
        if (t == IML__JSON_NUMBER)
            known = iml__parse_i64(iml__str_text(&r->token), &v);
        else if (t == IML__JSON_STRING)
            known = iml__parse_i64(key, &v), name = iml__arena_strdup(a, iml__str_text(&r->token));
        else if (t == IML__JSON_ARRAY || t == IML__JSON_OBJECT)
            for (int depth = 1; depth;) {
                IML_TRY(iml__jsonr_next(r, &t, e));
                depth += t == IML__JSON_ARRAY || t == IML__JSON_OBJECT;
                depth -= t == IML__JSON_END;
            }
        if (!name) return no_memory(e);
        if (!known || v < INT32_MIN || v > INT32_MAX) continue;
        if (out->nlabel_names == cap) {
            cap = cap ? 2 * cap : 16;
            struct iml__label_name *grown = iml_arena_alloc(a, cap * sizeof *grown);
            if (!grown) return no_memory(e);
            if (out->nlabel_names)
                memcpy(grown, out->label_name, out->nlabel_names * sizeof *grown);
            out->label_name = grown;
        }
        out->label_name[out->nlabel_names++] = (struct iml__label_name){(int32_t)v, name};
    }
    return e ? e->status : IML_EINPUT;
}

static iml_status parse_dataset(struct listing *l, struct iml__cases *out, const char *name,
                                const char *p, size_t n, iml_err *e)
{
    iml__jsonr r;
    enum iml__json_type t;
    const char *s;
    iml__jsonr_init(&r, name, p, n);
    iml_status st = iml__jsonr_next(&r, &t, e);
    if (!st && t != IML__JSON_OBJECT) st = iml__jsonr_fail(&r, e, "it is no object");
    while (!st && !(st = iml__jsonr_next(&r, &t, e)) && t == IML__JSON_KEY) {
        if (!strcmp(iml__str_text(&r.token), "labels")) {
            st = read_labels(&r, out, l->a, e);
        } else if (!strcmp(iml__str_text(&r.token), "file_ending")) {
            st = iml__jsonr_str(&r, &s, e);
            if (!st && ending_of(s) == 0 && *s == '.') {
                char probe[64];
                (void)snprintf(probe, sizeof probe, "x%.60s", s);
                if (!ending_of(probe))
                    st = iml__jsonr_fail(&r, e, "file_ending %.20s is none that slice reads", s);
            }
            if (!st) l->file_ending = text(l, "%s", s);
        } else {
            st = iml__jsonr_skip(&r, e);
        }
    }
    iml__jsonr_free(&r);
    return st;
}

static iml_status read_dataset(struct listing *l, struct iml__cases *out, const char *dir,
                               iml_err *e)
{
    char *p;
    size_t n;
    bool there, folder;
    const char *path = text(l, "%s/dataset.json", dir);
    if (!path) return no_memory(e);
    IML_TRY(look(path, &there, &folder, e));
    if (!there) return IML_OK;
    iml_status st = iml__file_read_heap(AT_FDCWD, path, 64 << 20, &p, &n, e);
    if (st) return st;
    st = parse_dataset(l, out, path, p, n, e);
    IML_FREE(p);
    if (st && e && st != IML_ENOMEM) e->status = st = IML_EARG;
    return st;
}

// ---- A CSV of cases: case,image[,image...],label,patient

enum { CSV_COLUMNS = IML__CHANNELS_MAX + 3, CSV_FIELD = 4096 };

struct csv {
    const char *p, *end;
    uint32_t line;
    char field[CSV_FIELD];
};

// One field; *last: the line ends behind it. false: it is too long, or quotes do not match.
static bool csv_field(struct csv *c, bool *last)
{
    size_t n = 0;
    bool quoted = c->p < c->end && *c->p == '"';
    if (quoted) c->p++;
    for (;; c->p++) {
        if (c->p >= c->end) {
            if (quoted) return false;
            break;
        }
        if (quoted && *c->p == '"') {
            if (c->p + 1 < c->end && c->p[1] == '"')
                c->p++;
            else {
                c->p++;
                break;
            }
        } else if (!quoted && (*c->p == ',' || *c->p == '\n' || *c->p == '\r')) {
            break;
        }
        if (n + 1 >= CSV_FIELD || !*c->p) return false;
        c->field[n++] = *c->p;
    }
    c->field[n] = 0;
    if (c->p < c->end && *c->p == '\r') c->p++;
    *last = c->p >= c->end || *c->p == '\n';
    if (!*last && *c->p != ',') return false;
    if (c->p < c->end) c->p++;
    return true;
}

enum { COLUMN_CASE, COLUMN_IMAGE, COLUMN_LABEL, COLUMN_PATIENT, COLUMN_OTHER };

static iml_status csv_head(struct csv *c, const char *name, int kind[CSV_COLUMNS], int *n,
                           iml_err *e)
{
    bool last = false, image = false, named = false;
    for (*n = 0; !last; ++*n) {
        if (*n == CSV_COLUMNS || !csv_field(c, &last))
            return IML_FAIL(e, IML_EARG, "%s:1: its first line is no list of columns", name);
        kind[*n] = !strcasecmp(c->field, "case")        ? COLUMN_CASE
                   : !strncasecmp(c->field, "image", 5) ? COLUMN_IMAGE
                   : !strcasecmp(c->field, "label")     ? COLUMN_LABEL
                   : !strcasecmp(c->field, "patient")   ? COLUMN_PATIENT
                                                        : COLUMN_OTHER;
        image |= kind[*n] == COLUMN_IMAGE, named |= kind[*n] == COLUMN_CASE;
    }
    c->line = 2;
    if (image && named) return IML_OK;
    return IML_FAIL(e, IML_EARG,
                    "%s:1: columns case and image are needed; case,image,label,patient is usual",
                    name);
}

static const char *beside(struct listing *l, const char *dir, const char *path)
{
    return *path == '/' ? text(l, "%s", path) : text(l, "%s%s", dir, path);
}

static iml_status csv_line(struct listing *l, struct csv *c, const char *name, const char *dir,
                           const int *kind, int n, bool *labels, iml_err *e)
{
    struct iml__case_files x = {0};
    bool last = false;
    int images = 0, columns = 0;
    for (int k = 0; k < n; k++) columns += kind[k] == COLUMN_IMAGE;
    for (int k = 0; !last; k++) {
        if (!csv_field(c, &last) || k >= n)
            return IML_FAIL(e, IML_EARG,
                            "%s:%u: the line has too many fields, or quotes that do not match",
                            name, c->line);
        if (!*c->field && n == 1 + k) continue;
        switch (kind[k]) {
        case COLUMN_CASE: x.name = text(l, "%s", c->field); break;
        case COLUMN_PATIENT: x.patient = *c->field ? text(l, "%s", c->field) : NULL; break;
        case COLUMN_LABEL:
            *labels = true;
            x.label = *c->field ? beside(l, dir, c->field) : NULL;
            break;
        case COLUMN_IMAGE: {
            int channel = images++;
            const char *path = *c->field ? beside(l, dir, c->field) : NULL;
            if (!*c->field) break;
            if (!path) return no_memory(e);
            iml__channel_take(l->c, &x, columns > 1 ? channel : -1, path, l->a);
            x.bytes += size_of(path);
            break;
        }
        default: break;
        }
    }
    if (!x.name || !*x.name) {
        if (!x.nimages && !x.plain) return c->line++, IML_OK; // an empty line
        return IML_FAIL(e, IML_EARG, "%s:%u: the case has no name", name, c->line);
    }
    c->line++;
    if (x.label) x.bytes += size_of(x.label);
    struct iml__case_files *to = new_case(l);
    if (!to) return no_memory(e);
    *to = x;
    if (*labels && !to->label && !l->c->o.no_label)
        spoil(to, "label-missing", "it has no label; --no-label slices without");
    check_case(l, to);
    to->source = to->image[0] ? base_name(to->image[0]) : to->name;
    return IML_OK;
}

static iml_status read_csv(struct listing *l, const char *path, bool *labels, iml_err *e)
{
    char *p;
    size_t n;
    int kind[CSV_COLUMNS], columns = 0;
    struct csv *c = iml__calloc(1, sizeof *c);
    if (!c) return no_memory(e);
    iml_status st = iml__file_read_heap(AT_FDCWD, path, 1 << 30, &p, &n, e);
    if (st) {
        IML_FREE(c);
        return st;
    }
    size_t bom = n >= 3 && !memcmp(p, "\xef\xbb\xbf", 3) ? 3 : 0;
    c->p = p + bom, c->end = p + n, c->line = 1;
    const char *dir = text(l, "%.*s", (int)(base_name(path) - path), path);
    st = dir ? csv_head(c, path, kind, &columns, e) : no_memory(e);
    while (!st && c->p < c->end) st = csv_line(l, c, path, dir, kind, columns, labels, e);
    IML_FREE(p);
    IML_FREE(c);
    return st;
}

// ---- One volume

static iml_status one_volume(struct listing *l, const char *path, iml_err *e)
{
    struct iml__case_files *c = new_case(l);
    int channel;
    if (!c) return no_memory(e);
    const char *name = text(l, "%s", base_name(path));
    if (!name) return no_memory(e);
    c->source = name;
    c->name = iml__arena_strndup(l->a, name, stem_of(name, &channel));
    // A number counts where --channels names it alone: x_0001.nii.gz is channel 1.
    bool named = l->c->nchannels == 1 && l->c->channel[0] == channel;
    iml__channel_take(l->c, c, named ? channel : -1, path, l->a);
    c->bytes = size_of(path);
    if (l->c->o.label) c->label = l->c->o.label, c->bytes += size_of(c->label);
    if (!c->name) return no_memory(e);
    check_case(l, c);
    return IML_OK;
}

// ---- All of it

static iml_status subsets(struct listing *l, struct iml__cases *out, const char *root, iml_err *e)
{
    static const char *const sets[] = {"Tr", "Ts"};
    IML_TRY(read_dataset(l, out, root, e));
    for (int k = 0; k < 2; k++) {
        if (l->c->o.subset != IML_SLICE_ALL && l->c->o.subset != k) continue;
        const char *images = text(l, "%s/images%s", root, sets[k]),
                   *labels = text(l, "%s/labels%s", root, sets[k]);
        bool there, is_folder, with;
        if (!images || !labels) return no_memory(e);
        IML_TRY(look(images, &there, &is_folder, e));
        if (!is_folder) {
            if (l->c->o.subset == IML_SLICE_ALL && k) continue;
            return IML_FAIL(
                e, IML_EARG,
                "%s is not there; an nnU-Net or MSD folder has one, a folder of volumes "
                "goes to --images",
                images);
        }
        IML_TRY(look(labels, &there, &with, e));
        with &= !l->c->o.no_label;
        if (!with && !l->c->o.no_label && k == IML_SLICE_TR)
            return IML_FAIL(e, IML_EARG, "%s is not there; --no-label slices images alone", labels);
        out->labels |= with;
        IML_TRY(folder(l, images, with ? labels : NULL, e));
    }
    return IML_OK;
}

static iml_status list_input(struct listing *l, struct iml__cases *out, iml_err *e)
{
    const iml_slice_opts *o = &l->c->o;
    if (o->images) {
        bool there, is_folder;
        out->root = o->images;
        IML_TRY(look(o->images, &there, &is_folder, e));
        if (!is_folder) return IML_FAIL(e, IML_EARG, "--images %s is no folder", o->images);
        if (o->labels) IML_TRY(look(o->labels, &there, &is_folder, e));
        if (!is_folder) return IML_FAIL(e, IML_EARG, "--labels %s is no folder", o->labels);
        out->labels = o->labels && !o->no_label;
        return folder(l, o->images, out->labels ? o->labels : NULL, e);
    }
    const char *in = o->input;
    struct stat st;
    if (!in)
        return IML_FAIL(
            e, IML_EARG,
            "what is to be sliced? give an nnU-Net folder, a volume, a CSV, or --images DIR");
    out->root = in;
    if (iml__fstatat(AT_FDCWD, in, &st, 0) < 0)
        return IML_FAIL_SYS(e, IML_EARG, errno, "%s cannot be read", in);
    size_t n = strlen(in);
    if (o->label && (S_ISDIR(st.st_mode) || (n > 4 && !strcasecmp(in + n - 4, ".csv"))))
        return IML_FAIL(e, IML_EARG,
                        "--label is of one volume; %.100s is a set, which has labels of its own",
                        in);
    if (S_ISDIR(st.st_mode)) return subsets(l, out, in, e);
    if (n > 4 && !strcasecmp(in + n - 4, ".csv")) {
        bool labels = false;
        IML_TRY(read_csv(l, in, &labels, e));
        out->labels = labels && !o->no_label;
        return IML_OK;
    }
    out->labels = o->label && !o->no_label;
    return one_volume(l, in, e);
}

static int by_source(const void *a, const void *b)
{
    const struct iml__case_files *x = a, *y = b;
    int k = strcmp(x->source, y->source);
    return k ? k : strcmp(x->name, y->name);
}

static void filter(struct listing *l)
{
    const iml_slice_opts *o = &l->c->o;
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        bool keep = !o->ncases;
        for (size_t k = 0; k < o->ncases && !keep; k++)
            keep = fnmatch(o->cases[k], l->item[i].name, 0) == 0;
        if (keep) l->item[n++] = l->item[i];
    }
    l->n = n;
}

// The same name twice (both subsets, a CSV): every file of the second would be the first's.
static void refuse_twins(struct listing *l)
{
    for (size_t k = 1; k < l->n; k++)
        for (size_t i = k; i-- > 0 && !strcmp(l->item[i].name, l->item[k].name);)
            spoil(&l->item[k], "duplicate", "another case has the same name");
}

// Names alone: an input that was mended or replaced keeps its place, and its case is made again
// (iml__case_still).
static uint64_t plan_hash(const struct listing *l, bool labels)
{
    iml__xxh3_state *h = iml__xxh3_new();
    if (!h) return 0;
    for (size_t k = 0; k < l->n; k++) {
        const struct iml__case_files *c = &l->item[k];
        iml__xxh3_add(h, c->name, strlen(c->name) + 1);
        for (uint32_t i = 0; i < c->nimages + 1; i++) {
            const char *path = i < c->nimages ? c->image[i] : labels ? c->label : NULL;
            const char *name = path ? base_name(path) : "";
            iml__xxh3_add(h, name, strlen(name) + 1);
        }
        if (c->patient) iml__xxh3_add(h, c->patient, strlen(c->patient) + 1);
    }
    uint64_t v = iml__xxh3_end(h);
    iml__xxh3_free(&h);
    return v ? v : 1;
}

static void notes(struct listing *l)
{
    size_t more = 0;
    for (size_t k = 0; k < l->n; k++) more += l->item[k].unused > 0;
    if (more)
        iml__str_addf(l->notes, "note: %zu case%s channels that --channels %s leaves out\n", more,
                      more == 1 ? " has" : "s have", l->c->o.channels);
}

iml_status iml__cases_list(const struct iml__slice_conf *c, iml_arena *a, struct iml__cases *out,
                           iml__str *talk, iml_err *e)
{
    struct listing l = {.a = a, .c = c, .notes = talk};
    *out = (struct iml__cases){0};
    iml_status st = list_input(&l, out, e);
    if (!st && l.no_memory) st = no_memory(e);
    if (!st && l.n) {
        qsort(l.item, l.n, sizeof *l.item, by_source);
        filter(&l);
        refuse_twins(&l);
        notes(&l);
    }
    if (!st && !l.n)
        st = IML_FAIL(e, IML_EARG, "%s: no volume was found (%s)", out->root,
                      c->o.ncases ? "--case leaves none"
                                  : "looked for *.nii, *.nii.gz, *.hdr with *.img");
    if (!st) {
        out->item = iml_arena_alloc(a, l.n * sizeof *l.item);
        if (out->item) memcpy(out->item, l.item, l.n * sizeof *l.item);
        out->n = l.n, out->hash = plan_hash(&l, out->labels);
        st = !out->item || !out->hash ? no_memory(e) : iml__channels_agree(c, out, a, e);
    }
    IML_FREE(l.item);
    if (st && e && st != IML_ENOMEM) e->status = st = IML_EARG;
    return st;
}
