// iml_attr.h: attributes, checked arithmetic and the few macros that everyone uses.
#ifndef IML_BASE_ATTR_H
#define IML_BASE_ATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define IML_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define IML_UNUSED __attribute__((unused))
#define IML_NONNULL __attribute__((nonnull))
#define IML_MUST_USE __attribute__((warn_unused_result))
#define IML_COLD __attribute__((cold))
#define IML_ALWAYS_INLINE inline __attribute__((always_inline)) // where an argument is to fold

// clang's has no branch in it, so that its analyzer follows even at the end of its depth.
#if defined(__clang__)
#define IML_ASSUME(x) __builtin_assume(x)
#else
#define IML_ASSUME(x)                                                                              \
    do {                                                                                           \
        if (!(x)) __builtin_unreachable();                                                         \
    } while (0)
#endif

#define IML_MIN(a, b) ((a) < (b) ? (a) : (b))
#define IML_MAX(a, b) ((a) > (b) ? (a) : (b))
#define IML_CLAMP(x, lo, hi) ((x) < (lo) ? (lo) : (x) > (hi) ? (hi) : (x))
#define IML_COUNT_OF(a) (sizeof(a) / sizeof *(a))

// Equal bits: the same NaN is the same, -0 is not 0. What is cached or written by value asks this.
static inline bool iml__same_double(double a, double b)
{
    uint64_t x, y;
    memcpy(&x, &a, sizeof x), memcpy(&y, &b, sizeof y);
    return x == y;
}

// True if the result does not fit; *out is then undefined.
static inline bool iml__mul_overflow(size_t a, size_t b, size_t *out)
{
    return __builtin_mul_overflow(a, b, out);
}

static inline bool iml__add_overflow(size_t a, size_t b, size_t *out)
{
    return __builtin_add_overflow(a, b, out);
}

#endif
