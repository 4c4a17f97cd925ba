// parcel.c: what an item hands over: files, counts, and why it failed, until it is written.
//
// Names and fragments are copied (a job's stand in its arena, which is reset), bytes are not: a
// parcel holds references. A parcel keeps its arrays when it is reused, so that the steady state
// allocates nothing.
#include "src/engine/run.h"

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/mem.h"
#include "src/base/slab.h"

#include <string.h>

struct iml__parcel *iml__parcel_get(struct iml_run_t *r)
{
    struct iml__parcel *p = r->parcels;
    if (p)
        r->parcels = p->next;
    else
        p = iml__calloc(1, sizeof *p);
    if (p) p->next = NULL, p->slabs = r->slabs, p->stage = IML__STAGE_NONE;
    return p;
}

void iml__parcel_clear(struct iml__parcel *p)
{
    for (uint32_t k = 0; k < p->nfrag; k++) iml_buf_unref(&p->frag[k].data);
    p->nout = p->nfrag = p->ntally = p->tries = 0, p->nname = 0;
    p->charge = (struct iml__charge){0};
    p->spooled = false, p->tag = p->bytes = 0;
    p->status = IML_OK, p->stage = IML__STAGE_NONE, p->signal = 0, p->msg[0] = 0;
}

void iml__parcel_put(struct iml_run_t *r, struct iml__parcel **pp)
{
    struct iml__parcel *p = *pp;
    *pp = NULL;
    if (!p) return;
    iml__parcel_clear(p);
    p->next = r->parcels, r->parcels = p;
}

void iml__parcel_free(struct iml__parcel **pp)
{
    struct iml__parcel *p = *pp;
    *pp = NULL;
    if (!p) return;
    iml__parcel_clear(p);
    IML_FREE(p->out);
    IML_FREE(p->frag);
    IML_FREE(p->name);
    IML_FREE(p->tally);
    IML_FREE(p);
}

static bool room(void **array, uint32_t *cap, uint32_t want, size_t size)
{
    if (want <= *cap) return true;
    uint32_t n = *cap * 2 > want ? *cap * 2 : want + 4;
    void *p = iml__realloc(*array, n, size);
    if (!p) return false;
    *array = p, *cap = n;
    return true;
}

static bool room_for_name(struct iml__parcel *p, size_t more)
{
    if (p->nname + more <= p->cap_name) return true;
    size_t n = IML_MAX(p->cap_name * 2, p->nname + more + 64);
    char *t = iml__realloc(p->name, n, 1);
    if (!t) return false;
    p->name = t, p->cap_name = n;
    return true;
}

static iml_buf *copy_of(struct iml__slabs *s, const iml_frag *f)
{
    iml_buf *b = iml__slab_buf(s, f->len);
    if (!b) return NULL;
    memcpy(b->data, iml_buf_data(f->data) + f->off, f->len);
    iml_buf_set_size(b, f->len);
    return b;
}

static bool copy_frags(struct iml__slabs *s, iml_frag *to, const iml_out *o)
{
    for (uint32_t k = 0; k < o->nfrag; k++) {
        to[k] = (iml_frag){copy_of(s, &o->frag[k]), 0, o->frag[k].len};
        if (to[k].data) continue;
        while (k > 0) iml_buf_unref(&to[--k].data);
        return false;
    }
    return true;
}

// Until the seal, out[].name and out[].frag are offsets: the arrays may still move.
iml_status iml__parcel_add(struct iml__parcel *p, const iml_out *o, bool copy, iml_err *e)
{
    size_t len = strlen(o->name) + 1;
    void *out = p->out, *frag = p->frag;
    bool ok = room(&out, &p->cap_out, p->nout + 1, sizeof *p->out);
    p->out = out;
    ok = ok && room(&frag, &p->cap_frag, p->nfrag + o->nfrag, sizeof *p->frag);
    p->frag = frag;
    ok = ok && room_for_name(p, len) && (!copy || copy_frags(p->slabs, p->frag + p->nfrag, o));
    if (!ok) {
        iml__out_release(o, 1);
        return IML_FAIL(e, IML_ENOMEM, "no memory to keep the file %s", o->name);
    }
    memcpy(p->name + p->nname, o->name, len);
    p->out[p->nout] = (iml_out){.name = (const char *)(uintptr_t)p->nname,
                                .frag = (const iml_frag *)(uintptr_t)p->nfrag,
                                .nfrag = o->nfrag,
                                .flags = o->flags};
    if (copy)
        iml__out_release(o, 1);
    else if (o->nfrag)
        memcpy(p->frag + p->nfrag, o->frag, o->nfrag * sizeof *p->frag);
    p->bytes += iml__parcel_weigh(p, p->frag + p->nfrag, o->nfrag, true);
    p->nout++, p->nfrag += o->nfrag, p->nname += len;
    return IML_OK;
}

iml_status iml__parcel_tally(struct iml__parcel *p, const struct iml__tally *t, uint32_t n,
                             iml_err *e)
{
    void *array = p->tally;
    bool ok = room(&array, &p->cap_tally, n, sizeof *p->tally);
    p->tally = array;
    if (!ok) return IML_FAIL(e, IML_ENOMEM, "no memory for an item's counts");
    if (n) memcpy(p->tally, t, n * sizeof *t);
    p->ntally = n;
    return IML_OK;
}

void iml__parcel_seal(struct iml__parcel *p)
{
    for (uint32_t i = 0; i < p->nout; i++) {
        p->out[i].name = p->name + (uintptr_t)p->out[i].name;
        p->out[i].frag = p->frag + (uintptr_t)p->out[i].frag;
    }
}

// A buffer that stands in several files counts once. The mark in the buffer makes this linear; it
// is a hint: where two items share a buffer they overwrite each other's, and it counts twice.
uint64_t iml__parcel_weigh(struct iml__parcel *p, const iml_frag *frag, uint32_t n, bool take)
{
    static uint64_t tags; // atomic
    uint64_t bytes = 0;
    if (!p->tag) p->tag = __atomic_add_fetch(&tags, 1, __ATOMIC_RELAXED);
    for (uint32_t k = 0; k < n; k++) {
        iml_buf *b = frag[k].data;
        if (!b) continue;
        uint64_t tag = take ? __atomic_exchange_n(&b->charge, p->tag, __ATOMIC_RELAXED)
                            : __atomic_load_n(&b->charge, __ATOMIC_RELAXED);
        if (tag != p->tag) bytes += b->cap;
    }
    return bytes;
}
