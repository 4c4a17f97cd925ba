// asan.h: memory that nobody may touch for now, known to AddressSanitizer where it is built in.
#ifndef IML_BASE_ASAN_H
#define IML_BASE_ASAN_H

#if defined(__SANITIZE_ADDRESS__)
#define IML_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IML_ASAN 1
#endif
#endif

#ifdef IML_ASAN
#include <sanitizer/asan_interface.h>
#define IML_POISON(p, n) ASAN_POISON_MEMORY_REGION((p), (n))
#define IML_UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define IML_POISON(p, n) ((void)0)
#define IML_UNPOISON(p, n) ((void)0)
#endif

#endif
