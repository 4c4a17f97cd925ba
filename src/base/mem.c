// mem.c: malloc and friends with a failure hook.
#include "src/base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

// Relaxed throughout: a test sets the hook before it starts threads, and only the count matters.
static _Atomic uint64_t asked, fail_at;
static _Atomic bool fail_on;

void iml__mem_fail(uint64_t n, bool forever)
{
    atomic_store_explicit(&fail_at, n, memory_order_relaxed);
    atomic_store_explicit(&fail_on, forever, memory_order_relaxed);
    atomic_store_explicit(&asked, 0, memory_order_relaxed);
}

uint64_t iml__mem_asked(void) { return atomic_load_explicit(&asked, memory_order_relaxed); }

bool iml__mem_should_fail(void)
{
    uint64_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    if (!at) return false; // the common case does not touch the counter's cache line
    uint64_t n = atomic_fetch_add_explicit(&asked, 1, memory_order_relaxed) + 1;
    return n == at || (n > at && atomic_load_explicit(&fail_on, memory_order_relaxed));
}

void *iml__alloc(size_t n) { return iml__mem_should_fail() ? NULL : malloc(n ? n : 1); }

void *iml__calloc(size_t count, size_t size)
{
    return iml__mem_should_fail() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *iml__realloc(void *p, size_t count, size_t size)
{
    size_t n;
    if (iml__mul_overflow(count, size, &n) || iml__mem_should_fail()) return NULL;
    return realloc(p, n ? n : 1);
}

char *iml__strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = iml__alloc(n);
    if (p) memcpy(p, s, n);
    return p;
}

void iml__free_(void *p) { free(p); }
