// slab.c: size classes of image buffers, a list of idle slabs each.
//
// A worker thread that mallocs and frees a picture per item may pay for it in the system: glibc
// takes it by mmap or grows a heap for it, gives it back at the free, and every page faults in
// anew. Here a slab that comes back lies idle until the next buffer of its class wants it.
//
// Classes are powers of two: what is never written is never resident, so a class that is too large
// costs address space alone. Below 2 MiB a slab is one allocation of the heap (a mapping each could
// exhaust vm.max_map_count); from there on it is a mapping of its own, aligned for huge pages.
//
// Invariants (guarded by `lock`): idle is the sum of the slabs in the lists and never above keep;
// a pool lives until it has been closed and the last buffer has come back. Under ASan an idle slab
// is poisoned, and so is what lies behind a buffer's capacity. Rejected: lists per thread (a buffer
// is made on a worker's thread and dropped on the sink's, so they would fill on the wrong side).
#include "src/base/slab.h"

#include "src/base/asan.h"
#include "src/base/mem.h"

#include <pthread.h>
#include <sys/mman.h>

enum { CLASS_MIN = 16, CLASS_MAX = 30, CLASSES = CLASS_MAX - CLASS_MIN + 1 }; // log2 of bytes
enum { MAP_FROM = 21 };

struct slab {          // the head of a slab; bytes follow
    iml_buf buf;       // first: a buffer is its slab
    struct slab *next; // while idle
    struct iml__slabs *pool;
    void *block; // what the heap gave; NULL: a mapping
    uint32_t class;
};
enum { HEAD = (sizeof(struct slab) + 63) / 64 * 64 };

struct iml__slabs {
    pthread_mutex_t lock;
    struct slab *free[CLASSES];
    size_t idle, keep;
    uint64_t live, made, reused;
    bool closed;
};

static size_t bytes_of(uint32_t class) { return (size_t)1 << (class + CLASS_MIN); }

// ---- To and from the system.

static struct slab *map(size_t n)
{
    if (iml__mem_should_fail()) return NULL;
    size_t align = (size_t)1 << MAP_FROM;
    uint8_t *p = mmap(NULL, n + align, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return NULL;
    size_t before = (align - (uintptr_t)p % align) % align;
    if (before) munmap(p, before);
    if (align > before) munmap(p + before + n, align - before);
    // A wish: where huge pages are off, small ones do.
    (void)madvise(p + before, n, MADV_HUGEPAGE);
    return (struct slab *)(void *)(p + before);
}

static struct slab *take(uint32_t class)
{
    size_t n = bytes_of(class);
    struct slab *s;
    if (class + CLASS_MIN >= MAP_FROM) {
        s = map(n);
        if (s) s->block = NULL;
    } else {
        uint8_t *block = iml__alloc(n + 64);
        if (!block) return NULL;
        s = (struct slab *)(void *)(block + (64 - (uintptr_t)block % 64) % 64);
        s->block = block;
    }
    if (s) s->class = class;
    return s;
}

static void give_back(struct slab *s)
{
    size_t n = bytes_of(s->class);
    IML_UNPOISON(s, n);
    if (s->block)
        iml__free_(s->block);
    else
        munmap(s, n);
}

static void give_back_all(struct slab *list)
{
    while (list) {
        struct slab *s = list;
        IML_UNPOISON(s, HEAD);
        list = s->next;
        give_back(s);
    }
}

// ---- The pool.

struct iml__slabs *iml__slabs_open(size_t keep)
{
    struct iml__slabs *p = iml__calloc(1, sizeof *p);
    if (!p) return NULL;
    if (pthread_mutex_init(&p->lock, NULL)) {
        IML_FREE(p);
        return NULL;
    }
    p->keep = keep;
    return p;
}

static void end(struct iml__slabs *p)
{
    pthread_mutex_destroy(&p->lock);
    iml__free_(p);
}

static struct slab *pop(struct iml__slabs *p, uint32_t class)
{
    struct slab *s = p->free[class];
    if (!s) return NULL;
    IML_UNPOISON(s, HEAD);
    p->free[class] = s->next, p->idle -= bytes_of(class);
    return s;
}

void iml__slabs_close(struct iml__slabs **pp)
{
    struct iml__slabs *p = *pp;
    *pp = NULL;
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    struct slab *list[CLASSES];
    for (uint32_t k = 0; k < CLASSES; k++) list[k] = p->free[k], p->free[k] = NULL;
    p->closed = true, p->idle = 0;
    bool last = !p->live;
    pthread_mutex_unlock(&p->lock);
    for (uint32_t k = 0; k < CLASSES; k++) give_back_all(list[k]);
    if (last) end(p);
}

iml_buf *iml__slab_buf(struct iml__slabs *p, size_t cap)
{
    size_t need;
    if (iml__add_overflow(cap, HEAD, &need)) return NULL;
    if (!p || need < bytes_of(0) || need > bytes_of(CLASSES - 1)) return iml__buf_heap(cap);
    uint32_t class = 64 - (uint32_t)__builtin_clzll(need - 1) - CLASS_MIN;
    pthread_mutex_lock(&p->lock);
    struct slab *s = pop(p, class);
    p->live++, p->reused += s != NULL, p->made += !s;
    pthread_mutex_unlock(&p->lock);
    if (!s) s = take(class);
    if (!s) {
        pthread_mutex_lock(&p->lock);
        p->live--, p->made--;
        pthread_mutex_unlock(&p->lock);
        return NULL;
    }
    uint8_t *data = (uint8_t *)s + HEAD;
    s->pool = p, s->next = NULL;
    s->buf = (iml_buf){.refs = 1, .data = data, .cap = cap, .slab = true};
    IML_UNPOISON(data, cap);
    IML_POISON(data + cap, bytes_of(class) - HEAD - cap);
    return &s->buf;
}

// Room for a slab that comes back is made among the other classes first: what was in use last is
// what will be wanted next.
static struct slab *make_room(struct iml__slabs *p, uint32_t class)
{
    struct slab *out = NULL;
    size_t n = bytes_of(class);
    if (n > p->keep) return NULL;
    for (uint32_t k = CLASSES; k-- > 0 && p->idle + n > p->keep;) {
        if (k == class) continue;
        for (struct slab *s; p->idle + n > p->keep && (s = pop(p, k)) != NULL;)
            s->next = out, out = s;
    }
    return out;
}

void iml__slab_give(iml_buf *b)
{
    struct slab *s = (struct slab *)(void *)b, *out = NULL;
    struct iml__slabs *p = s->pool;
    uint32_t class = s->class;
    pthread_mutex_lock(&p->lock);
    if (!p->closed) out = make_room(p, class);
    bool keep = !p->closed && p->idle + bytes_of(class) <= p->keep;
    if (keep) {
        s->next = p->free[class], p->free[class] = s;
        p->idle += bytes_of(class);
        IML_POISON(s, bytes_of(class));
    }
    bool last = --p->live == 0 && p->closed;
    pthread_mutex_unlock(&p->lock);
    give_back_all(out);
    if (!keep) give_back(s);
    if (last) end(p);
}

struct iml__slab_sums iml__slab_sums(struct iml__slabs *p)
{
    pthread_mutex_lock(&p->lock);
    struct iml__slab_sums x = {p->idle, p->live, p->made, p->reused};
    pthread_mutex_unlock(&p->lock);
    return x;
}
