// arena.h: scratch memory of one attempt at an item, given back in O(1).
//
// An arena reserves address space once and hands it out from the front; pages are touched when
// used and kept for the next item up to a mark. In process mode the range is a shared mapping of a
// memfd, so that what a worker writes can be read by the parent at the same offsets.
#ifndef IML_BASE_ARENA_H
#define IML_BASE_ARENA_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

#define IML__ARENA_ALIGN 64u
#define IML__ARENA_RESERVE ((size_t)1 << 36) // address space, not memory

struct iml_arena {
    uint8_t *base;
    size_t used, cap; // bytes handed out; reserved
    size_t peak;      // most ever used since its user last set it back
    size_t keep;      // what a reset leaves mapped
    size_t touched;   // highest byte that may hold pages
    size_t top; // bytes handed out at the far end (iml__arena_far); touched_top: that may hold
    size_t touched_top; // pages
    int fd;           // -1: private memory
};

// Private memory of up to reserve bytes (0: the default). fd >= 0: that memfd, already sized to
// reserve, mapped shared; the fd is *borrowed*. IML_ENOMEM.
iml_status iml__arena_open(iml_arena *a, size_t reserve, int fd, iml_err *e);
// The default for one of several arenas: IML__ARENA_RESERVE, less under ASan, a small ulimit -v or
// where there are very many.
size_t iml__arena_reserve(uint32_t arenas);
void iml__arena_close(iml_arena *a);
void iml__arena_reset(iml_arena *a); // O(1); gives pages above `keep` back to the system
size_t iml__arena_mark(const iml_arena *a);
void iml__arena_release(iml_arena *a, size_t mark); // back to a mark taken earlier
// n bytes aligned to 64 from the far end: no release to a mark takes them, only a reset. For what
// is handed on while scratch memory comes and goes. NULL: no memory.
void *iml__arena_far(iml_arena *a, size_t n);
bool iml__arena_holds(const iml_arena *a, const void *p);

char *iml__arena_strdup(iml_arena *a, const char *s);
char *iml__arena_strndup(iml_arena *a, const char *s, size_t n);

#endif
