// slab.h: buffers of 64 KiB to 1 GiB that are used again instead of going back to the system.
#ifndef IML_BASE_SLAB_H
#define IML_BASE_SLAB_H

#include "src/base/buf.h"

struct iml__slabs;

// keep: most bytes that lie idle at any time. NULL: no memory.
struct iml__slabs *iml__slabs_open(size_t keep) IML_MUST_USE;
// Idle memory goes back at once; buffers still out give theirs back by themselves.
void iml__slabs_close(struct iml__slabs **s);

// refs 1; any thread. Small ones, and all where s is NULL, come from the heap. NULL: no memory.
iml_buf *iml__slab_buf(struct iml__slabs *s, size_t cap) IML_MUST_USE;
void iml__slab_give(iml_buf *b); // buf.c: the last reference is gone

struct iml__slab_sums {
    uint64_t idle, live;   // bytes kept idle; buffers out
    uint64_t made, reused; // slabs taken from the system, and found idle
};
struct iml__slab_sums iml__slab_sums(struct iml__slabs *s);

#endif
