// buf.c: reference counts. A buffer and its bytes are one allocation, the bytes 64-byte aligned.
#include "src/base/buf.h"

#include "src/base/mem.h"
#include "src/base/slab.h"

enum { HEAD = (sizeof(iml_buf) + 63) / 64 * 64 };

iml_buf *iml__buf_heap(size_t cap)
{
    size_t n;
    if (iml__add_overflow(cap, HEAD + 64, &n)) return NULL;
    iml_buf *b = iml__alloc(n);
    if (!b) return NULL;
    uintptr_t at = ((uintptr_t)b + HEAD + 63) & ~(uintptr_t)63;
    *b = (iml_buf){.refs = 1, .data = (uint8_t *)at, .cap = cap, .heap = true};
    return b;
}

void iml__buf_wrap(iml_buf *b, uint8_t *data, size_t size)
{
    *b = (iml_buf){.refs = 1, .data = data, .size = size, .cap = size};
}

iml_buf *iml_buf_ref(iml_buf *b)
{
    __atomic_fetch_add(&b->refs, 1, __ATOMIC_RELAXED); // whoever refs already holds one
    return b;
}

void iml_buf_unref(iml_buf **bp)
{
    iml_buf *b = *bp;
    *bp = NULL;
    if (!b || __atomic_fetch_sub(&b->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    if (b->on_free) b->on_free(b->user, b);
    if (b->slab)
        iml__slab_give(b);
    else if (b->heap)
        IML_FREE(b);
}

uint8_t *iml_buf_data(iml_buf *b) { return b->data; }
size_t iml_buf_size(const iml_buf *b) { return b->size; }
size_t iml_buf_cap(const iml_buf *b) { return b->cap; }
void iml_buf_set_size(iml_buf *b, size_t n) { b->size = n <= b->cap ? n : b->cap; }
