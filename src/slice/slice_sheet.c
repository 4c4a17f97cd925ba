// slice_sheet.c: a row a case, a column a plane.
//
// Cases are looked at by the engine's workers, which hand over finished tiles; the caller puts them
// together in order. The sheet is made after the run, of the inputs: it shows what was read, and
// with the anatomical sides of the file's own affine, so a wrong side or label is seen.
#include "src/slice/slice_sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/codec/png.h"
#include "src/engine/each.h"
#include "src/image/contact.h"
#include "src/io/atomic.h"
#include "src/slice/case.h"
#include "src/slice/slice_pass.h"

// ---- One case

struct message { // then cols times caption and tile, then labels
    uint32_t cols, labels, warned, pad;
};
enum { CAPTION = IML__TILE / 8 + 1 };

struct sheet_job {
    const iml__slicer *s;
    uint64_t *item; // chosen cases
    uint32_t rows, cols;
};

static char opposite(char c)
{
    static const char pairs[] = "RLAPSI";
    const char *at = c ? strchr(pairs, c) : NULL;
    return at ? pairs[(at - pairs) ^ 1] : 0;
}

static void sides_of(const struct iml__case *c, const iml_orient *view, char side[4])
{
    const struct iml__layout *l = &c->layout;
    memset(side, 0, 4);
    if (!c->oriented) return;
    char right = view->letters[l->col], down = view->letters[l->row];
    if (l->col_flip) right = opposite(right);
    if (l->row_flip) down = opposite(down);
    side[0] = opposite(right), side[1] = right, side[2] = opposite(down), side[3] = down;
}

// Where the middle of plane k lies along its anatomical axis.
static double millimetres(const struct iml__case *c, const iml_orient *view, int64_t k)
{
    const struct iml__layout *l = &c->layout;
    int row = view->axis[l->axis];
    double at[3], mm;
    for (int i = 0; i < 3; i++) at[i] = (double)(l->n[i] - 1) / 2;
    at[l->axis] = (double)k;
    mm = c->affine[4 * row + 3];
    for (int i = 0; i < 3; i++) mm += c->affine[4 * row + i] * at[i];
    return mm * c->ch[0].n->info.unit_mm;
}

static void caption_of(const struct iml__case *c, const iml_orient *view, int64_t k, char *out)
{
    char place[48], mm[32] = "";
    double v = c->oriented ? millimetres(c, view, k) : NAN;
    if (fabs(v) < 1e6) mm[iml__num_fixed(mm, v, 1)] = 0;
    size_t n = (size_t)snprintf(place, sizeof place, " %03lld%s%s%s", (long long)k,
                                mm[0] ? " " : "", mm, mm[0] ? " mm" : "");
    size_t room = n < CAPTION ? CAPTION - 1 - n : 0, name = strnlen(c->files->name, room);
    memcpy(out, c->files->name, name);
    memcpy(out + name, place, IML_MIN(n, (size_t)CAPTION - 1 - name));
}

struct look { // a case's buffers
    struct iml__raster cut, label_cut;
    float *value, *scratch;
    int32_t *label;
    uint8_t *raw, *tile;
    size_t pixels;
};

static iml_status take_look(struct iml__case *c, struct look *k, iml_err *e)
{
    *k = (struct look){.cut = iml__raster_of(&c->layout, 0)};
    k->pixels = iml__layout_pixels(&c->layout);
    if (c->label)
        k->label_cut = iml__raster_turned(&c->layout, &c->label->turn, c->label->n->info.dim);
    k->value = iml_arena_alloc(c->a, k->pixels * sizeof *k->value);
    k->scratch = iml_arena_alloc(c->a, (size_t)c->layout.height * IML__TILE * sizeof *k->scratch);
    k->label = iml_arena_alloc(c->a, k->pixels * sizeof *k->label);
    k->raw = iml_arena_alloc(c->a, k->pixels * 8);
    k->tile = iml_arena_alloc(c->a, IML__TILE_BYTES);
    if (!k->value || !k->scratch || !k->label || !k->raw || !k->tile)
        return IML_FAIL(e, IML_ENOMEM, "no memory for tiles");
    return IML_OK;
}

static void draw(struct iml__case *c, const struct look *k, const iml_orient *view, int64_t plane)
{
    const struct iml__channel *ch = &c->ch[0];
    const struct iml__layout *l = &c->layout;
    const uint64_t nothing = 0;
    int item = ch->n->info.item_bytes;
    size_t rows = (size_t)l->height, cols = (size_t)l->width;
    char side[4];
    struct iml__fit fit = iml__sheet_fit(rows, cols, fabs(c->zoom[l->row]), fabs(c->zoom[l->col]));
    iml__raster_planes(&k->cut, ch->data, plane, plane + 1, item, item, NULL, &nothing, k->raw);
    iml__channel_values(c, ch, k->raw, k->pixels, k->value);
    iml__sheet_grey(k->tile, &fit, k->value, rows, cols, ch->stats.percentile[0],
                    ch->stats.percentile[1], k->scratch);
    if (c->label) {
        iml__label_plane(c->label, &k->label_cut, plane, k->label);
        iml__sheet_labels(k->tile, &fit, k->label, rows, cols);
    }
    sides_of(c, view, side);
    iml__sheet_sides(k->tile, side);
}

static iml_status show(const struct sheet_job *j, struct iml__case *c, iml__str *out, iml_err *e)
{
    struct look k;
    iml_orient view = {.axis = {0, 1, 2}};
    IML_TRY(iml__case_load(c, e));
    IML_TRY(iml__case_grey_range(c, &c->ch[0], 1, 99, e));
    IML_TRY(take_look(c, &k, e));
    if (c->oriented) iml__turn_orient(&c->layout.turn, &c->orient, &view);
    struct message m = {j->cols, c->label ? c->label->counts.n : 0, c->nwarnings > 0, 0};
    iml__str_add(out, (const char *)&m, sizeof m);
    for (uint32_t i = 0; i < j->cols; i++) {
        char caption[CAPTION] = "";
        int64_t plane = (int64_t)((2 * (uint64_t)i + 1) * (uint64_t)c->depth / (2 * j->cols));
        draw(c, &k, &view, plane);
        caption_of(c, &view, plane, caption);
        iml__str_add(out, caption, sizeof caption);
        iml__str_add(out, (const char *)k.tile, IML__TILE_BYTES);
    }
    if (m.labels) iml__str_add(out, (const char *)c->label->counts.value, m.labels * 4);
    return IML_OK;
}

static void label(void *user, uint64_t i, char *text, size_t cap)
{
    const struct sheet_job *j = user;
    (void)snprintf(text, cap, "%s", j->s->cases.item[j->item[i]].name);
}

static iml_status run_item(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n,
                           iml_err *e)
{
    const struct sheet_job *j = user;
    struct iml__case *c;
    iml__str text;
    (void)cap; // one is used
    *n = 0;
    IML_TRY(iml__case_begin(j->s, j->item[it->index], true, it, &c, e));
    iml__str_init(&text, (size_t)1 << 30);
    iml_status st = show(j, c, &text, e);
    if (!st && text.failed) st = IML_FAIL(e, IML_ENOMEM, "no memory for tiles");
    if (!st) st = iml__hand_over(it, "tiles", text.p, text.n, out, n, e);
    iml__str_free(&text);
    iml__case_end(&c);
    return st;
}

// ---- All of them

struct rows { // what came of each
    iml__str *text;
    bool *failed;
};

static iml_status take_row(void *user, uint64_t i, const uint8_t *p, size_t n, iml_status st,
                           const iml_err *why, iml_err *e)
{
    struct rows *rows = user;
    iml__str_init(&rows->text[i], (size_t)1 << 30);
    rows->failed[i] = st != IML_OK;
    if (st)
        iml__str_adds(&rows->text[i], why->msg);
    else
        iml__str_add(&rows->text[i], (const char *)p, n);
    return rows->text[i].failed ? IML_FAIL(e, IML_ENOMEM, "no memory for tiles") : IML_OK;
}

static iml_status look_at_all(struct sheet_job *j, iml_ctx *ctx, const iml_run_opts *from,
                              struct rows *rows, iml_err *e)
{
    iml_job job = {.name = "slice",
                   .count = j->rows,
                   .user = j,
                   .splits = true,
                   .run = run_item,
                   .label = label};
    iml_run_opts o;
    iml__pull_opts(from, &o);
    return iml__run_each(ctx, &job, &o, take_row, rows, e);
}

static int by_label(const void *a, const void *b)
{
    const struct iml__sheet_entry *x = a, *y = b;
    return x->label < y->label ? -1 : x->label > y->label;
}

static const char *name_of(const iml__slicer *s, int32_t v, iml_arena *a)
{
    char text[32];
    for (size_t k = 0; k < s->cases.nlabel_names && !s->conf.label_map.n; k++)
        if (s->cases.label_name[k].value == v) return s->cases.label_name[k].name;
    (void)snprintf(text, sizeof text, "label %d", v);
    return iml__arena_strdup(a, text);
}

static const uint8_t *tiles_of(const iml__str *row, struct message *m)
{
    memcpy(m, row->p, sizeof *m);
    return (const uint8_t *)row->p + sizeof *m;
}

// Labels that are seen anywhere, each once.
static iml_status entries(const struct sheet_job *j, const struct rows *rows, iml_arena *a,
                          struct iml__sheet_entry **out, size_t *n, iml_err *e)
{
    struct message m;
    size_t most = 0;
    for (uint32_t r = 0; r < j->rows; r++)
        if (!rows->failed[r]) (void)tiles_of(&rows->text[r], &m), most += m.labels;
    struct iml__sheet_entry *v = *out = iml_arena_calloc(a, most + 1, sizeof *v);
    *n = 0;
    if (!v) return IML_FAIL(e, IML_ENOMEM, "no memory for a legend");
    for (uint32_t r = 0; r < j->rows; r++) {
        if (rows->failed[r]) continue;
        const uint8_t *p = tiles_of(&rows->text[r], &m);
        p += (size_t)m.cols * (CAPTION + IML__TILE_BYTES);
        for (uint32_t k = 0; k < m.labels; k++) {
            int32_t value;
            memcpy(&value, p + (size_t)k * sizeof value, sizeof value);
            if (value) v[(*n)++].label = value;
        }
    }
    qsort(v, *n, sizeof *v, by_label);
    size_t kept = 0;
    for (size_t k = 0; k < *n; k++)
        if (!kept || v[kept - 1].label != v[k].label) v[kept++] = v[k];
    *n = IML_MIN(kept, (size_t)120); // more do not help anybody
    for (size_t k = 0; k < *n; k++)
        if (!(v[k].name = name_of(j->s, v[k].label, a)))
            return IML_FAIL(e, IML_ENOMEM, "no memory for a legend");
    return IML_OK;
}

static void put_row(struct iml__sheet *sheet, uint32_t r, const struct rows *rows)
{
    struct message m;
    if (rows->failed[r]) {
        const char *text = iml__str_text(&rows->text[r]), *head = "slice: case ";
        iml__sheet_say(sheet, r, strncmp(text, head, strlen(head)) ? text : text + strlen(head));
        iml__sheet_frame(sheet, r);
        return;
    }
    const uint8_t *p = tiles_of(&rows->text[r], &m);
    for (uint32_t k = 0; k < m.cols; k++, p += CAPTION + IML__TILE_BYTES)
        iml__sheet_put(sheet, r, k, p + CAPTION, (const char *)p);
    if (m.warned) iml__sheet_frame(sheet, r);
}

static iml_status write_png(const iml_image *m, iml_arena *a, const char *path, iml_err *e)
{
    iml__encode_opts o;
    iml__encode_opts_default(&o);
    size_t cap = iml__png_bound(m, &o), n;
    uint8_t *png = iml_arena_alloc(a, cap);
    if (!png) return IML_FAIL(e, IML_ENOMEM, "no memory for a sheet");
    IML_TRY(iml__png_encode(m, &o, a, png, cap, &n, e));
    return iml__file_write_path(path, png, n, IML_DURABILITY_PROCESS, e);
}

static iml_status compose(const struct sheet_job *j, const struct rows *rows, iml_err *e)
{
    iml_arena a = {.fd = -1};
    struct iml__sheet sheet;
    struct iml__sheet_entry *entry;
    size_t n;
    IML_TRY(iml__arena_open(&a, (size_t)16 << 30, -1, e)); // address space
    iml_status st = entries(j, rows, &a, &entry, &n, e);
    if (!st)
        st = iml__sheet_new(&a, j->rows, j->cols, iml__sheet_legend_lines(j->cols, entry, n),
                            &sheet, e);
    for (uint32_t r = 0; r < j->rows && !st; r++) put_row(&sheet, r, rows);
    if (!st) iml__sheet_legend(&sheet, entry, n);
    if (!st) st = write_png(&sheet.m, &a, j->s->conf.o.sheet, e);
    iml__arena_close(&a);
    return st;
}

iml_status iml__slice_sheet(const iml__slicer *s, iml_ctx *ctx, const iml_run_opts *o, iml_err *e)
{
    struct sheet_job j = {.s = s, .cols = s->conf.o.sheet_slices};
    j.rows = (uint32_t)IML_MIN((size_t)s->conf.o.sheet_cases, s->cases.n);
    struct rows rows = {.text = iml__calloc(j.rows + 1, sizeof *rows.text),
                        .failed = iml__calloc(j.rows + 1, sizeof *rows.failed)};
    j.item = iml__calloc(j.rows + 1, sizeof *j.item);
    iml_status st = IML_OK;
    if (!rows.text || !rows.failed || !j.item)
        st = IML_FAIL(e, IML_ENOMEM, "no memory for a sheet");
    for (uint32_t r = 0; r < j.rows && !st; r++)
        j.item[r] = (2 * (uint64_t)r + 1) * s->cases.n / (2 * (uint64_t)j.rows);
    if (!st) st = look_at_all(&j, ctx, o, &rows, e);
    if (!st) st = compose(&j, &rows, e);
    for (uint32_t r = 0; rows.text && r < j.rows; r++) iml__str_free(&rows.text[r]);
    IML_FREE(rows.text);
    IML_FREE(rows.failed);
    IML_FREE(j.item);
    return st;
}
