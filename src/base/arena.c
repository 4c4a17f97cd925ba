// arena.c: a bump allocator over one reserved range.
//
// Invariants: base..base+used and the last top bytes are handed out; used + top <= cap; pages above
// max(keep, used), and below what is kept at the far end, hold nothing after a reset. Blocks carry
// a 64-byte redzone under ASan, where everything not handed out is poisoned. Rejected: a list of
// chunks (a pointer into a dead chunk cannot be handed to another process by offset), malloc per
// block (323 us against 28 us an item, engine.md 15).
#include "src/base/arena.h"

#include "src/base/asan.h"
#include "src/base/err.h"
#include "src/base/mem.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#ifdef IML_ASAN
#define REDZONE 64u
#define RESERVE_MAX ((size_t)1 << 32) // poisoning writes shadow for what it covers
#else
#define REDZONE 0u
#ifdef __SANITIZE_THREAD__
#define RESERVE_MAX ((size_t)1 << 32) // its shadow leaves little address space
#else
#define RESERVE_MAX IML__ARENA_RESERVE
#endif
#endif

enum { KEEP = 32 << 20 };

// The kernel gives a process 2^47 bytes of addresses; a quarter is for arenas, or a quarter of what
// ulimit -v leaves.
size_t iml__arena_reserve(uint32_t arenas)
{
    struct rlimit lim;
    size_t share = ((size_t)1 << 45) / (arenas ? arenas : 1), least = (size_t)16 << 20;
    if (!getrlimit(RLIMIT_AS, &lim) && lim.rlim_cur != RLIM_INFINITY)
        share = IML_MIN(share, (size_t)lim.rlim_cur / 4 / (arenas ? arenas : 1));
    share = IML_CLAMP(share, least, RESERVE_MAX);
    return share & ~(size_t)0xffff;
}

iml_status iml__arena_open(iml_arena *a, size_t reserve, int fd, iml_err *e)
{
    *a = (iml_arena){.keep = KEEP, .fd = fd};
    if (!reserve) reserve = iml__arena_reserve(1);
    if (iml__mem_should_fail()) return IML_FAIL(e, IML_ENOMEM, "no memory for an arena");
    int flags = fd >= 0 ? MAP_SHARED | MAP_NORESERVE : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    // Under a small address-space limit (ulimit -v) less will do.
    for (;; reserve /= 2) {
        void *p = mmap(NULL, reserve, PROT_READ | PROT_WRITE, flags, fd, 0);
        if (p != MAP_FAILED) {
            a->base = p, a->cap = reserve;
            break;
        }
        if (reserve <= (size_t)16 << 20 || fd >= 0)
            return IML_FAIL(e, IML_ENOMEM,
                            "no address space for %zu MiB of scratch memory; use fewer workers "
                            "(-j) or raise ulimit -v",
                            reserve >> 20);
    }
    return IML_OK;
}

void iml__arena_close(iml_arena *a)
{
    if (!a->base) return;
    IML_UNPOISON(a->base, a->touched);
    IML_UNPOISON(a->base + a->cap - a->touched_top, a->touched_top);
    munmap(a->base, a->cap);
    *a = (iml_arena){.fd = -1};
}

static void give_back(iml_arena *a, size_t from)
{
    from = (from + 0xffff) & ~(size_t)0xffff;
    if (from >= a->touched) return;
    IML_UNPOISON(a->base + from, a->touched - from);
    // A shared mapping keeps its pages until they are removed from the file itself.
    (void)madvise(a->base + from, a->touched - from, a->fd >= 0 ? MADV_REMOVE : MADV_DONTNEED);
    a->touched = from;
}

void iml__arena_release(iml_arena *a, size_t mark)
{
    if (mark > a->used) return;
    IML_POISON(a->base + mark, a->used - mark);
    a->used = mark;
}

static void give_back_top(iml_arena *a)
{
    const size_t page = 0xffff;
    size_t from = (a->cap - a->touched_top + page) & ~page, to = (a->cap - a->keep) & ~page;
    a->touched_top = a->keep;
    if (to <= from) return;
    IML_UNPOISON(a->base + from, to - from);
    (void)madvise(a->base + from, to - from, a->fd >= 0 ? MADV_REMOVE : MADV_DONTNEED);
}

void iml__arena_reset(iml_arena *a)
{
    iml__arena_release(a, 0);
    IML_POISON(a->base + a->cap - a->top, a->top);
    a->top = 0;
    if (a->touched > a->keep) give_back(a, a->keep);
    if (a->touched_top > a->keep) give_back_top(a);
}

void *iml__arena_far(iml_arena *a, size_t n)
{
    size_t room = a->cap - a->used - a->top, need;
    if (iml__add_overflow(n ? n : 1, REDZONE + IML__ARENA_ALIGN - 1, &need)) return NULL;
    need &= ~(size_t)(IML__ARENA_ALIGN - 1);
    if (need > room || iml__mem_should_fail()) return NULL;
    a->top += need;
    if (a->top > a->touched_top) a->touched_top = a->top;
    uint8_t *p = a->base + a->cap - a->top;
    IML_UNPOISON(p, n);
    IML_POISON(p + n, need - n);
    return p;
}

size_t iml__arena_mark(const iml_arena *a) { return a->used; }

bool iml__arena_holds(const iml_arena *a, const void *p)
{
    return a->base && (const uint8_t *)p >= a->base && (const uint8_t *)p < a->base + a->cap;
}

void *iml_arena_alloc(iml_arena *a, size_t n)
{
    size_t room = a->cap - a->used - a->top, need;
    if (iml__add_overflow(n ? n : 1, REDZONE + IML__ARENA_ALIGN - 1, &need)) return NULL;
    need &= ~(size_t)(IML__ARENA_ALIGN - 1);
    if (need > room || iml__mem_should_fail()) return NULL;
    uint8_t *p = a->base + a->used;
    a->used += need;
    if (a->used > a->touched) a->touched = a->used;
    if (a->used > a->peak) a->peak = a->used;
    IML_UNPOISON(p, n);
    IML_POISON(p + n, need - n);
    return p;
}

void *iml_arena_calloc(iml_arena *a, size_t count, size_t size)
{
    size_t n;
    if (iml__mul_overflow(count, size, &n)) return NULL;
    void *p = iml_arena_alloc(a, n);
    return p ? memset(p, 0, n) : NULL;
}

char *iml__arena_strndup(iml_arena *a, const char *s, size_t n)
{
    char *p = iml_arena_alloc(a, n + 1);
    if (!p) return NULL;
    memcpy(p, s, n);
    p[n] = 0;
    return p;
}

char *iml__arena_strdup(iml_arena *a, const char *s) { return iml__arena_strndup(a, s, strlen(s)); }
