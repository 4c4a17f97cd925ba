// buf.h: refcounted bytes that cross threads, and (in process mode) processes.
//
// The engine owns where a buffer's bytes live and who is told when the last reference goes:
// `owner` is called once, then the bytes are freed (heap) or left (arena).
#ifndef IML_BASE_BUF_H
#define IML_BASE_BUF_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

struct iml_buf {
    uint32_t refs; // atomic: release on unref, acquire before the bytes go
    uint8_t *data;
    size_t size, cap;
    bool slab;                               // of a pool (slab.h)
    bool heap;                               // data and this struct came from one iml__alloc
    void (*on_free)(void *user, iml_buf *b); // told before the bytes go; or NULL
    void *user;
    uint64_t charge; // the engine's: which charge it belongs to
};

iml_buf *iml__buf_heap(size_t cap) IML_MUST_USE; // refs 1; NULL: no memory
// Describes bytes that live elsewhere; b itself is the caller's memory. refs 1.
void iml__buf_wrap(iml_buf *b, uint8_t *data, size_t size);

#endif
