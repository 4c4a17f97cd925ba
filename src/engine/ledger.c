// ledger.c: loading journals and lists, and folding them into what stands.
//
// Lists are read whole and their lines looked at in place; records stay in memory (48 bytes a unit
// or a batch). Nothing here changes a file: a run cuts its own journal, merge and verify only look.
// ledger_check.c holds the files against it, ledger_orphans.c finds names that do not count.
#include "src/engine/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/engine/commit_in.h"
#include "src/engine/ledger_in.h"
#include "src/engine/parts.h"
#include "src/engine/times.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"
#include "src/io/walk.h"

#define LIST_MAX ((uint64_t)1 << 38)

iml_status iml__ledger_no_memory(iml_err *e)
{
    return IML_FAIL(e, IML_ENOMEM, "no memory to read the journals of the output directory");
}

bool iml__ledger_grow(void **p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) return true;
    size_t more = *cap ? *cap * 2 : 32;
    void *q = iml__realloc(*p, more, size);
    if (!q) return false;
    *p = q, *cap = more;
    return true;
}

// ---- Reading

// A file below .imloom into heap memory; missing: NULL and 0.
static iml_status slurp(struct iml__dirs *d, const char *name, char **p, size_t *n, iml_err *e)
{
    struct stat st;
    *p = NULL, *n = 0;
    if (iml__fstatat(iml__dirs_root_fd(d), name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return IML_OK;
    return iml__file_read_heap(iml__dirs_root_fd(d), name, LIST_MAX, p, n, e);
}

static iml_status load_node(struct iml__ledger *l, struct iml__ledger_node *k, iml_err *e)
{
    char name[128], *bytes;
    size_t n;
    (void)snprintf(name, sizeof name, ".imloom/journal.%s", k->name);
    IML_TRY(slurp(l->dirs, name, &bytes, &n, e));
    k->size = n;
    iml_status st = iml__journal_parse((const uint8_t *)bytes, n, &k->rec, &k->n, &k->good, e);
    IML_FREE(bytes);
    if (st) return st;
    (void)snprintf(name, sizeof name, ".imloom/files.%s.jsonl", k->name);
    IML_TRY(slurp(l->dirs, name, &k->list, &n, e));
    k->list_size = k->list_n = n;
    while (k->list_n && k->list[k->list_n - 1] != '\n') k->list_n--; // a torn last line
    return IML_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct iml__ledger_node *)a)->name,
                  ((const struct iml__ledger_node *)b)->name);
}

static iml_status find_nodes(struct iml__ledger *l, iml_err *e)
{
    static const char prefix[] = "journal.";
    struct iml__dirread r;
    const char *name;
    enum iml__entry_type type;
    size_t cap = 0;
    int more = iml__dirread_open(&r, iml__dirs_root_fd(l->dirs), ".imloom");
    if (more < 0 && errno == ENOENT) return IML_OK;
    iml_status st = IML_OK;
    while (!st && more >= 0 && (more = iml__dirread_next(&r, &name, &type)) > 0) {
        if (strncmp(name, prefix, sizeof prefix - 1) != 0 || type != IML__ENTRY_FILE) continue;
        if (strlen(name) - (sizeof prefix - 1) >= sizeof l->node->name) continue;
        if (!iml__ledger_grow((void **)&l->node, l->nodes, &cap, sizeof *l->node)) {
            st = iml__ledger_no_memory(e);
            break;
        }
        struct iml__ledger_node *k = &l->node[l->nodes++];
        *k = (struct iml__ledger_node){0};
        memcpy(k->name, name + sizeof prefix - 1, strlen(name) - (sizeof prefix - 1) + 1);
    }
    int sys = errno;
    iml__dirread_close(&r);
    if (!st && more < 0)
        st = IML_FAIL_SYS(e, iml__input_status(sys), sys, "cannot list %.120s/.imloom",
                          iml__dirs_root(l->dirs));
    if (l->nodes) qsort(l->node, l->nodes, sizeof *l->node, by_name);
    for (size_t i = 0; i < l->nodes && !st; i++) st = load_node(l, &l->node[i], e);
    return st;
}

// ---- Segments

static int by_generation(const void *a, const void *b)
{
    const struct iml__segment *x = a, *y = b;
    if (x->generation != y->generation) return x->generation < y->generation ? -1 : 1;
    if (x->node != y->node) return x->node < y->node ? -1 : 1;
    return x->from < y->from ? -1 : x->from > y->from;
}

static iml_status find_segments(struct iml__ledger *l, iml_err *e)
{
    size_t cap = 0;
    for (uint32_t i = 0; i < l->nodes; i++) {
        const struct iml__ledger_node *k = &l->node[i];
        for (size_t r = 0; r < k->n; r++) {
            if (k->rec[r].type == IML__REC_BEGIN) {
                if (!iml__ledger_grow((void **)&l->segment, l->segments, &cap, sizeof *l->segment))
                    return iml__ledger_no_memory(e);
                l->segment[l->segments++] = (struct iml__segment){
                    .node = i, .generation = k->rec[r].ok, .from = r, .synced = r};
                l->generation = IML_MAX(l->generation, k->rec[r].ok);
            }
            struct iml__segment *s = &l->segment[l->segments - 1];
            s->to = r + 1;
            bool mark = k->rec[r].type == IML__REC_END ||
                        (k->rec[r].type == IML__REC_BATCH && k->rec[r].id == k->rec[r].bytes);
            if (mark && k->rec[s->from].bad != IML_DURABILITY_PROCESS) s->synced = r;
        }
    }
    if (l->segments) qsort(l->segment, l->segments, sizeof *l->segment, by_generation);
    return IML_OK;
}

// ---- The lines of a segment, and the blocks of units in them

struct block { // consecutive lines of a unit within one run's lines
    uint32_t node, generation;
    uint64_t unit;
    size_t off, len;
};

struct blocks {
    struct block *b;
    size_t n, cap;
};

static struct iml__segment *segment_of(struct iml__ledger *l, uint32_t node, uint64_t generation)
{
    for (size_t i = 0; i < l->segments; i++)
        if (l->segment[i].node == node && l->segment[i].generation == generation)
            return &l->segment[i];
    return NULL;
}

// One pass over a node's list: where each run's lines begin and end, and (units of several items)
// the blocks.
static iml_status scan_list(struct iml__ledger *l, uint32_t node, struct blocks *bs, iml_err *e)
{
    struct iml__lines it;
    struct iml__line line;
    struct iml__segment *s = NULL;
    struct block *open = NULL;
    iml__lines_begin(&it, l->node[node].list, 0, l->node[node].list_n);
    uint64_t generation = 0;
    for (;;) {
        if (l->unit_items == 1 && !l->parts) { // what lies between is looked at batch by batch
            iml__lines_to_begin(&it);
            if (s) s->list_to = it.at;
        }
        if (!iml__lines_next(&it, &line)) break;
        if (line.kind == IML__LINE_BEGIN) {
            s = segment_of(l, node, line.item);
            generation = line.item, open = NULL;
            // A journal that was cut may have lost the runs whose lines still stand here; their
            // numbers must not be given again.
            if (generation < UINT32_MAX)
                l->generation = IML_MAX(l->generation, (uint32_t)generation);
            if (s) s->list_from = s->list_to = line.off + line.len;
            continue;
        }
        if (s) s->list_to = line.off + line.len;
        bool item = line.kind == IML__LINE_FILE || line.kind == IML__LINE_EMPTY;
        if ((l->unit_items == 1 && !l->parts) || !item || !generation) {
            open = NULL;
            continue;
        }
        uint64_t unit = line.item / l->unit_items;
        if (open && open->unit == unit) {
            open->len += line.len;
            continue;
        }
        if (!iml__ledger_grow((void **)&bs->b, bs->n, &bs->cap, sizeof *bs->b))
            return iml__ledger_no_memory(e);
        open = &bs->b[bs->n++];
        *open = (struct block){node, (uint32_t)generation, unit, line.off, line.len};
    }
    return IML_OK;
}

static int by_block(const void *a, const void *b)
{
    const struct block *x = a, *y = b;
    if (x->node != y->node) return x->node < y->node ? -1 : 1;
    if (x->generation != y->generation) return x->generation < y->generation ? -1 : 1;
    if (x->unit != y->unit) return x->unit < y->unit ? -1 : 1;
    return x->off < y->off ? -1 : x->off > y->off;
}

static const struct block *find_block(const struct blocks *bs, uint32_t node, uint32_t generation,
                                      uint64_t unit)
{
    struct block key = {.node = node, .generation = generation, .unit = unit};
    size_t lo = 0, hi = bs->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (by_block(&bs->b[mid], &key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    const struct block *b = lo < bs->n ? &bs->b[lo] : NULL;
    return b && b->node == node && b->generation == generation && b->unit == unit ? b : NULL;
}

// ---- The fold

iml_status iml__ledger_push(uint64_t **p, size_t *n, size_t *cap, uint64_t v, iml_err *e)
{
    if (!iml__ledger_grow((void **)p, *n, cap, sizeof **p)) return iml__ledger_no_memory(e);
    (*p)[(*n)++] = v;
    return IML_OK;
}

static iml_status push_live(struct iml__ledger *l, struct iml__live v, iml_err *e)
{
    if (!iml__ledger_grow((void **)&l->live, l->lives, &l->lives_cap, sizeof v))
        return iml__ledger_no_memory(e);
    l->live[l->lives++] = v;
    return IML_OK;
}

// Whether the lines of a block and the unit's file are what the record was written of.
static iml_status block_fits(struct iml__ledger *l, const struct block *b,
                             const struct iml__record *r, bool *fits, iml_err *e)
{
    iml__xxh3_state *h = iml__xxh3_new();
    iml__str text;
    if (!h) return iml__ledger_no_memory(e);
    iml__str_init(&text, (size_t)1 << 30);
    iml__xxh3_add(h, l->node[b->node].list + b->off, b->len);
    iml_err why = {0};
    iml_status st = l->parts ? iml__unit_text(l->dirs, r->id, &text, &why) : IML_OK;
    if (!st) iml__xxh3_add(h, iml__str_text(&text), text.n);
    *fits = iml__xxh3_end(h) == r->content;
    iml__str_free(&text);
    iml__xxh3_free(&h);
    // A damaged unit file is one that does not match. What the system fails to give says nothing
    // about it: taken for damage at a run's end, its unit would silently be missing.
    if (st != IML_ENOMEM && why.sys != EIO) return IML_OK;
    if (e) *e = why;
    return st;
}

static iml_status fold_unit(struct iml__ledger *l, uint32_t seg, const struct iml__record *r,
                            uint64_t seq, const struct blocks *bs, iml_err *e)
{
    const struct iml__segment *s = &l->segment[seg];
    const struct block *b = find_block(bs, s->node, s->generation, r->id);
    bool fits = false;
    // A damaged line may have cut a unit's lines in two, so there may be more than one block.
    for (; b && b < bs->b + bs->n; b++) {
        if (b->node != s->node || b->generation != s->generation || b->unit != r->id) break;
        IML_TRY(block_fits(l, b, r, &fits, e));
        if (fits) break;
    }
    if (!fits) return iml__ledger_push(&l->redo, &l->nredo, &l->redo_cap, r->id, e);
    if (iml__past_unit(l->past, r->id, r->ok + r->bad)) return iml__ledger_no_memory(e);
    return push_live(l, (struct iml__live){false, r->id, seq, seg, r, b->off, b->len}, e);
}

static iml_status fold_batch(struct iml__ledger *l, uint32_t seg, const struct iml__record *r,
                             uint64_t seq, iml_err *e)
{
    const struct iml__segment *s = &l->segment[seg];
    const struct iml__ledger_node *k = &l->node[s->node];
    if (r->id == r->bytes) return IML_OK;
    if (r->id > r->bytes || r->bytes > k->list_n || r->id < s->list_from || r->bytes > s->list_to)
        return IML_OK; // its lines are gone
    if (iml__xxh3(k->list + r->id, (size_t)(r->bytes - r->id)) != r->content) return IML_OK;
    struct iml__lines it;
    struct iml__line line;
    uint64_t last = UINT64_MAX;
    iml__lines_begin(&it, k->list, (size_t)r->id, (size_t)r->bytes);
    while (iml__lines_next(&it, &line)) {
        bool item = line.kind == IML__LINE_FILE || line.kind == IML__LINE_EMPTY;
        if (!item || line.item == last) continue;
        last = line.item;
        if (iml__past_unit(l->past, line.item, 1)) return iml__ledger_no_memory(e);
    }
    return push_live(
        l, (struct iml__live){true, 0, seq, seg, r, (size_t)r->id, (size_t)(r->bytes - r->id)}, e);
}

static iml_status fold(struct iml__ledger *l, const struct blocks *bs, iml_err *e)
{
    uint64_t seq = 0;
    for (uint32_t i = 0; i < l->segments; i++) {
        const struct iml__segment *s = &l->segment[i];
        for (size_t k = s->from; k < s->to; k++, seq++) {
            const struct iml__record *r = &l->node[s->node].rec[k];
            iml_status st = IML_OK;
            switch (r->type) {
            case IML__REC_VOID:
                st = iml__past_void(l->past, r->id, l->unit_items);
                if (!st && !iml__ledger_grow((void **)&l->voids, l->nvoids, &l->voids_cap,
                                             sizeof *l->voids))
                    st = IML_ENOMEM;
                if (!st) l->voids[l->nvoids++] = (struct iml__void){r->id, seq};
                break;
            case IML__REC_UNIT: st = fold_unit(l, i, r, seq, bs, e); break;
            case IML__REC_BATCH: st = fold_batch(l, i, r, seq, e); break;
            case IML__REC_BAD: st = iml__past_bad(l->past, r->id); break;
            case IML__REC_SUSPECT: st = iml__past_suspect(l->past, r->id); break;
            default: break;
            }
            if (st) return st == IML_ENOMEM ? iml__ledger_no_memory(e) : st;
        }
    }
    return IML_OK;
}

static int by_void(const void *a, const void *b)
{
    const struct iml__void *x = a, *y = b;
    if (x->unit != y->unit) return x->unit < y->unit ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

// Place of the last VOID of a unit in the fold, + 1; 0: none.
static uint64_t voided_at(const struct iml__ledger *l, uint64_t unit)
{
    size_t lo = 0, hi = l->nvoids;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (l->voids[mid].unit <= unit)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo && l->voids[lo - 1].unit == unit ? l->voids[lo - 1].seq + 1 : 0;
}

static int by_unit(const void *a, const void *b)
{
    const struct iml__live *x = a, *y = b;
    if (x->batch != y->batch) return x->batch ? 1 : -1;
    if (!x->batch && x->unit != y->unit) return x->unit < y->unit ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

int iml__by_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

// One live record a unit: those before its last VOID go, later equal ones too. Two different ones
// break I3; the unit is then redone.
static iml_status settle(struct iml__ledger *l, iml_err *e)
{
    size_t n = 0;
    if (l->nvoids) qsort(l->voids, l->nvoids, sizeof *l->voids, by_void);
    if (l->lives) qsort(l->live, l->lives, sizeof *l->live, by_unit);
    for (size_t i = 0; i < l->lives; i++) {
        struct iml__live *v = &l->live[i];
        if (!v->batch && v->seq < voided_at(l, v->unit)) continue;
        struct iml__live *before = n && !v->batch ? &l->live[n - 1] : NULL;
        if (before && !before->batch && before->unit == v->unit) {
            if (before->rec->content != v->rec->content && !l->conflict) {
                l->conflict = true, l->conflict_unit = v->unit;
                l->conflict_node[0] = l->segment[before->segment].node;
                l->conflict_node[1] = l->segment[v->segment].node;
            }
            *before = *v;
            continue;
        }
        l->live[n++] = *v;
    }
    l->lives = n;
    for (size_t i = 0; i < n; i++)
        if (!l->live[i].batch)
            l->units++, l->ok += l->live[i].rec->ok, l->bad += l->live[i].rec->bad;
    if (l->conflict) {
        if (iml__past_clear(l->past, l->conflict_unit)) return iml__ledger_no_memory(e);
        IML_TRY(iml__ledger_push(&l->redo, &l->nredo, &l->redo_cap, l->conflict_unit, e));
    }
    return IML_OK;
}

// A record that did not match and that a later run replaced is of no concern. What is left is not
// covered, whatever else the journal of a stranger says of it.
static iml_status settle_redo(struct iml__ledger *l)
{
    size_t n = 0;
    if (l->nredo) qsort(l->redo, l->nredo, sizeof *l->redo, iml__by_u64);
    for (size_t i = 0; i < l->nredo; i++)
        if (!iml__ledger_unit(l, l->redo[i]) || (l->conflict && l->redo[i] == l->conflict_unit))
            l->redo[n++] = l->redo[i];
    l->nredo = n;
    for (size_t i = 0; i < n; i++)
        if (iml__past_clear(l->past, l->redo[i])) return IML_ENOMEM;
    return IML_OK;
}

iml_status iml__ledger_load(struct iml__ledger **out, struct iml__dirs *d, uint32_t unit_items,
                            bool parts, iml_err *e)
{
    struct iml__ledger *l = iml__calloc(1, sizeof *l);
    struct blocks bs = {0};
    *out = NULL;
    if (!l) return iml__ledger_no_memory(e);
    l->dirs = d, l->unit_items = unit_items ? unit_items : 1, l->parts = parts;
    iml__str_init(&l->names, (size_t)1 << 40);
    iml_status st = IML_OK;
    if (!(l->past = iml__past_new(l->unit_items))) st = iml__ledger_no_memory(e);
    if (!st) st = find_nodes(l, e);
    if (!st) st = find_segments(l, e);
    for (uint32_t i = 0; i < l->nodes && !st; i++) st = scan_list(l, i, &bs, e);
    if (bs.n) qsort(bs.b, bs.n, sizeof *bs.b, by_block);
    if (!st) st = fold(l, &bs, e);
    if (!st) st = settle(l, e);
    if (!st && settle_redo(l)) st = iml__ledger_no_memory(e);
    IML_FREE(bs.b);
    if (st) iml__ledger_free(&l);
    *out = l;
    return st;
}

void iml__ledger_free(struct iml__ledger **out)
{
    struct iml__ledger *l = *out;
    *out = NULL;
    if (!l) return;
    for (size_t i = 0; i < l->nodes; i++) {
        IML_FREE(l->node[i].rec);
        IML_FREE(l->node[i].list);
    }
    IML_FREE(l->node);
    IML_FREE(l->segment);
    IML_FREE(l->live);
    IML_FREE(l->voids);
    IML_FREE(l->redo);
    IML_FREE(l->orphan);
    iml__str_free(&l->names);
    iml__past_free(&l->past);
    IML_FREE(l);
}

bool iml__ledger_redone(const struct iml__ledger *l, uint64_t unit)
{
    return l->nredo && bsearch(&unit, l->redo, l->nredo, sizeof *l->redo, iml__by_u64);
}

const struct iml__live *iml__ledger_unit(const struct iml__ledger *l, uint64_t unit)
{
    size_t lo = 0, hi = l->lives;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (!l->live[mid].batch && l->live[mid].unit < unit)
            lo = mid + 1;
        else
            hi = mid;
    }
    const struct iml__live *v = lo < l->lives ? &l->live[lo] : NULL;
    return v && !v->batch && v->unit == unit ? v : NULL;
}

// ---- Lines that count

bool iml__ledger_counts(const struct iml__ledger *l, const struct iml__live *v,
                        const struct iml__line *line)
{
    if (line->kind != IML__LINE_FILE && line->kind != IML__LINE_EMPTY) return false;
    if (!v->batch) return !iml__ledger_redone(l, v->unit);
    return v->seq >= voided_at(l, line->item) && !iml__ledger_redone(l, line->item);
}

iml_status iml__ledger_each(const struct iml__ledger *l,
                            iml_status (*fn)(void *user, const struct iml__ledger_node *node,
                                             const struct iml__line *line, iml_err *e),
                            void *user, iml_err *e)
{
    for (size_t i = 0; i < l->lives; i++) {
        const struct iml__live *v = &l->live[i];
        const struct iml__ledger_node *k = &l->node[l->segment[v->segment].node];
        struct iml__lines it;
        struct iml__line line;
        iml__lines_begin(&it, k->list, v->off, v->off + v->len);
        while (iml__lines_next(&it, &line))
            if (iml__ledger_counts(l, v, &line)) IML_TRY(fn(user, k, &line, e));
    }
    return IML_OK;
}

static iml_status highest(void *user, const struct iml__ledger_node *node,
                          const struct iml__line *line, iml_err *e)
{
    uint64_t *max = user;
    (void)node, (void)e;
    *max = IML_MAX(*max, line->item + 1);
    return IML_OK;
}

uint64_t iml__ledger_extent(const struct iml__ledger *l)
{
    uint64_t max = 0;
    if (l->unit_items == 1) {
        (void)iml__ledger_each(l, highest, &max, NULL); // highest cannot fail
        return max;
    }
    for (size_t i = 0; i < l->lives; i++) {
        const struct iml__record *r = l->live[i].rec;
        if (!l->live[i].batch) max = IML_MAX(max, r->id * l->unit_items + r->ok + r->bad);
    }
    return max;
}
