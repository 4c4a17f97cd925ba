// ledger_orphans.c: names that stand in a list, but in no record that counts: what a killed or
// voided attempt may have left under a final name.
#include "src/engine/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/engine/ledger_in.h"

static int by_item(const void *a, const void *b)
{
    const struct iml__orphan *x = a, *y = b;
    if (x->item != y->item) return x->item < y->item ? -1 : 1;
    return x->name < y->name ? -1 : x->name > y->name;
}

static iml_status push_orphan(struct iml__ledger *l, const struct iml__line *line, iml_err *e)
{
    if (!iml__ledger_grow((void **)&l->orphan, l->orphans, &l->orphans_cap, sizeof *l->orphan))
        return iml__ledger_no_memory(e);
    l->orphan[l->orphans++] = (struct iml__orphan){line->item, l->names.n};
    iml__str_add(&l->names, line->name, strlen(line->name) + 1);
    return l->names.failed ? iml__ledger_no_memory(e) : IML_OK;
}

// The live record whose lines hold offset off of this node's list, by a sorted table.
struct range {
    uint32_t node;
    size_t off, len;
    const struct iml__live *v;
};

static int by_range(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    if (x->node != y->node) return x->node < y->node ? -1 : 1;
    return x->off < y->off ? -1 : x->off > y->off;
}

static const struct iml__live *holder(const struct range *r, size_t n, uint32_t node, size_t off)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        bool before = r[mid].node < node || (r[mid].node == node && r[mid].off <= off);
        if (before)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!lo || r[lo - 1].node != node || off >= r[lo - 1].off + r[lo - 1].len) return NULL;
    return r[lo - 1].v;
}

iml_status iml__ledger_orphans(struct iml__ledger *l, bool (*redo)(void *user, uint64_t unit),
                               void *user, iml_err *e)
{
    struct range *r = iml__calloc(l->lives, sizeof *r);
    if (!r) return iml__ledger_no_memory(e);
    bool all_count = !redo && !l->nvoids && !l->nredo;
    for (size_t i = 0; i < l->lives; i++)
        r[i] = (struct range){l->segment[l->live[i].segment].node, l->live[i].off, l->live[i].len,
                              &l->live[i]};
    if (l->lives) qsort(r, l->lives, sizeof *r, by_range);
    iml_status st = IML_OK;
    for (uint32_t k = 0; k < l->nodes && !st; k++) {
        struct iml__lines it;
        struct iml__line line;
        iml__lines_begin(&it, l->node[k].list, 0, l->node[k].list_n);
        while (!st && iml__lines_next(&it, &line)) {
            if (line.kind != IML__LINE_FILE) continue;
            const struct iml__live *v = holder(r, l->lives, k, line.off);
            if (v && all_count && v->batch) { // so do all the others of its batch
                it.at = v->off + v->len;
                continue;
            }
            if (v && iml__ledger_counts(l, v, &line) &&
                !(redo && redo(user, line.item / l->unit_items)))
                continue;
            st = push_orphan(l, &line, e);
        }
    }
    if (l->orphans) qsort(l->orphan, l->orphans, sizeof *l->orphan, by_item);
    IML_FREE(r);
    return st;
}
