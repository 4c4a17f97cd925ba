// mem.h: the heap behind one door, so that tests can make the n-th allocation fail.
//
// Counters and hook are the process's own (atomics): the one exception to "no hidden globals",
// since a failing allocation has no context to ask. Third-party libraries allocate by themselves.
#ifndef IML_BASE_MEM_H
#define IML_BASE_MEM_H

#include "src/base/iml_attr.h"

void *iml__alloc(size_t n) IML_MUST_USE;                   // NULL: no memory; n 0 gives 1 byte
void *iml__calloc(size_t count, size_t size) IML_MUST_USE; // cleared, checked product
void *iml__realloc(void *p, size_t count, size_t size) IML_MUST_USE; // p stays valid on failure
char *iml__strdup(const char *s) IML_MUST_USE;
void iml__free_(void *p);
#define IML_FREE(p) (iml__free_((void *)(p)), (void)((p) = NULL))

// Tests: the n-th allocation from now on (1 = the next) fails; every later one too if forever.
// n 0: none. Count of allocations asked for since the last call of this function.
void iml__mem_fail(uint64_t n, bool forever);
uint64_t iml__mem_asked(void);
bool iml__mem_should_fail(void); // for other allocators (arena, mmap): asks the hook

#endif
