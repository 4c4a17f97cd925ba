// hash.h: xxh3-64 (journal, index, content) and SHA-256 (resources in labels, digests).
#ifndef IML_BASE_HASH_H
#define IML_BASE_HASH_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

uint64_t iml__xxh3(const void *p, size_t n);
uint64_t iml__xxh3_text(const char *s);
uint64_t iml__xxh3_seeded(const void *p, size_t n, uint64_t seed);

typedef struct iml__xxh3_state iml__xxh3_state; // streaming; *owned*
iml__xxh3_state *iml__xxh3_new(void);           // NULL: no memory
void iml__xxh3_reset(iml__xxh3_state *s);
void iml__xxh3_add(iml__xxh3_state *s, const void *p, size_t n);
uint64_t iml__xxh3_end(const iml__xxh3_state *s);
void iml__xxh3_free(iml__xxh3_state **s);

// SHA-256 as 64 lower-case hex digits and a 0. IML_EBUG if libcrypto refuses.
typedef struct iml__sha256 iml__sha256;
iml__sha256 *iml__sha256_new(void); // NULL: no memory
iml_status iml__sha256_add(iml__sha256 *s, const void *p, size_t n);
iml_status iml__sha256_end(iml__sha256 *s, char hex[65]); // and starts anew
void iml__sha256_free(iml__sha256 **s);
iml_status iml__sha256_of(const void *p, size_t n, char hex[65]);

uint32_t iml__crc32(uint32_t crc, const void *p, size_t n);   // zlib's, from 0; libdeflate
uint32_t iml__adler32(uint32_t sum, const void *p, size_t n); // zlib's, from 1; libdeflate
// The crc of a followed by b, from those of a and b: join(op(size of b), a, b). op depends on the
// size alone; made once for many.
uint32_t iml__crc32_op(uint64_t n);
uint32_t iml__crc32_join(uint32_t op, uint32_t a, uint32_t b);

#endif
