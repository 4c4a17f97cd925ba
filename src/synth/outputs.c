// outputs.c: see outputs.h. The first file of a sample is its picture; pieces of aggregates come
// last, in the order in which they were added.
#include "src/synth/outputs.h"

#include "src/base/arena.h"
#include "src/base/err.h"

#include <stdlib.h>
#include <string.h>

enum { PICTURE, JSON, OTHER };

struct iml__outfile {
    const char *name, *suffix;
    iml_buf *data;
    unsigned flags;
    uint32_t sample, rank, place; // place: among those that were added
};

void iml__outputs_init(iml__outputs *o, iml_item *it, iml_arena *a)
{
    *o = (iml__outputs){.it = it, .a = a};
}

// Up to the first dot of the last part.
static size_t key_of(const char *name)
{
    const char *slash = strrchr(name, '/'), *leaf = slash ? slash + 1 : name;
    return (size_t)(leaf - name) + strcspn(leaf, ".");
}

static bool make_room(iml__outputs *o)
{
    if (o->n < o->cap) return true;
    size_t cap = o->cap ? 2 * o->cap : 32;
    struct iml__outfile *more = iml_arena_alloc(o->a, cap * sizeof *more);
    if (!more) return false;
    if (o->n) memcpy(more, o->file, o->n * sizeof *more);
    o->file = more, o->cap = cap;
    return true;
}

iml_status iml__outputs_add(iml__outputs *o, const char *name, unsigned flags, iml_buf *b,
                            iml_err *e)
{
    const char *copy = iml__arena_strdup(o->a, name);
    if (!copy || !make_room(o)) {
        iml_buf_unref(&b);
        return IML_FAIL(e, IML_ENOMEM, "no memory for the name of an output");
    }
    size_t key = key_of(copy);
    struct iml__outfile f = {.name = copy,
                             .suffix = copy + key,
                             .data = b,
                             .flags = flags,
                             .sample = o->samples,
                             .place = (uint32_t)o->n};
    for (size_t k = o->n; k-- > 0 && !(flags & IML_OUT_APPEND);) {
        const struct iml__outfile *g = &o->file[k];
        if (g->flags & IML_OUT_APPEND || (size_t)(g->suffix - g->name) != key ||
            memcmp(g->name, copy, key) != 0)
            continue;
        f.sample = g->sample, f.rank = strcmp(f.suffix, ".json") == 0 ? JSON : OTHER;
        break;
    }
    if (f.sample == o->samples && !(flags & IML_OUT_APPEND)) o->samples++; // its first: the picture
    o->file[o->n++] = f;
    return IML_OK;
}

iml_status iml__outputs_text(iml__outputs *o, const char *name, unsigned flags, const iml__str *s,
                             iml_err *e)
{
    iml_buf *b;
    if (s->failed) return IML_FAIL(e, s->failed, "%s does not fit in memory", name);
    IML_TRY(iml_buf_new(o->it, s->n ? s->n : 1, &b, e));
    if (s->n) memcpy(iml_buf_data(b), s->p, s->n);
    iml_buf_set_size(b, s->n);
    return iml__outputs_add(o, name, flags, b, e);
}

static int in_order(const void *a, const void *b)
{
    const struct iml__outfile *x = a, *y = b;
    if (x->flags != y->flags) return x->flags < y->flags ? -1 : 1;
    if (x->flags & IML_OUT_APPEND) return x->place < y->place ? -1 : x->place > y->place;
    if (x->sample != y->sample) return x->sample < y->sample ? -1 : 1;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    return strcmp(x->suffix, y->suffix);
}

iml_status iml__outputs_hand(iml__outputs *o, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    size_t early = o->n > cap ? o->n - cap : 0, k = 0;
    iml_frag *frag = iml_arena_calloc(o->a, o->n ? o->n : 1, sizeof *frag);
    iml_status st = frag ? IML_OK : IML_FAIL(e, IML_ENOMEM, "no memory for an item's files");
    *n = 0;
    if (!st && o->n) qsort(o->file, o->n, sizeof *o->file, in_order);
    for (; k < o->n && !st; k++) {
        struct iml__outfile *f = &o->file[k];
        frag[k] = (iml_frag){f->data, 0, iml_buf_size(f->data)};
        iml_out one = {.name = f->name, .frag = &frag[k], .nfrag = 1, .flags = f->flags};
        if (k < early)
            st = iml_emit(o->it, &one, e);
        else
            out[(*n)++] = one;
        f->data = NULL; // moved
    }
    iml__outputs_drop(o);
    return st;
}

void iml__outputs_drop(iml__outputs *o)
{
    for (size_t k = 0; k < o->n; k++)
        if (o->file[k].data) iml_buf_unref(&o->file[k].data);
    o->n = 0;
}
