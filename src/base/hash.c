// hash.c: fronts of xxhash and libcrypto, so that no other file knows either.
#include "src/base/hash.h"

#include <string.h>

#include <libdeflate.h>
#include <openssl/evp.h>
#include <xxhash.h>

#include "src/base/err.h"
#include "src/base/mem.h"

uint64_t iml__xxh3(const void *p, size_t n) { return XXH3_64bits(p, n); }
uint64_t iml__xxh3_text(const char *s) { return XXH3_64bits(s, strlen(s)); }
uint64_t iml__xxh3_seeded(const void *p, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(p, n, seed);
}

struct iml__xxh3_state {
    XXH3_state_t *s;
};

iml__xxh3_state *iml__xxh3_new(void)
{
    iml__xxh3_state *s = iml__alloc(sizeof *s);
    if (!s) return NULL;
    s->s = iml__mem_should_fail() ? NULL : XXH3_createState(); // aligned as it needs
    if (!s->s) {
        IML_FREE(s);
        return NULL;
    }
    iml__xxh3_reset(s);
    return s;
}

void iml__xxh3_reset(iml__xxh3_state *s) { (void)XXH3_64bits_reset(s->s); }
void iml__xxh3_add(iml__xxh3_state *s, const void *p, size_t n)
{
    (void)XXH3_64bits_update(s->s, p, n);
}
uint64_t iml__xxh3_end(const iml__xxh3_state *s) { return XXH3_64bits_digest(s->s); }

void iml__xxh3_free(iml__xxh3_state **s)
{
    if (!*s) return;
    (void)XXH3_freeState((*s)->s);
    IML_FREE(*s);
}

struct iml__sha256 {
    EVP_MD_CTX *c;
};

iml__sha256 *iml__sha256_new(void)
{
    iml__sha256 *s = iml__alloc(sizeof *s);
    if (!s) return NULL;
    s->c = EVP_MD_CTX_new();
    if (!s->c || EVP_DigestInit_ex(s->c, EVP_sha256(), NULL) != 1) iml__sha256_free(&s);
    return s;
}

void iml__sha256_free(iml__sha256 **s)
{
    if (!*s) return;
    EVP_MD_CTX_free((*s)->c);
    IML_FREE(*s);
}

iml_status iml__sha256_add(iml__sha256 *s, const void *p, size_t n)
{
    return EVP_DigestUpdate(s->c, p, n) == 1 ? IML_OK : IML_EBUG;
}

iml_status iml__sha256_end(iml__sha256 *s, char hex[65])
{
    static const char digit[] = "0123456789abcdef";
    uint8_t md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_DigestFinal_ex(s->c, md, &n) != 1 || n != 32) return IML_EBUG;
    for (unsigned k = 0; k < 32; k++)
        hex[2 * k] = digit[md[k] >> 4], hex[2 * k + 1] = digit[md[k] & 15];
    hex[64] = 0;
    return EVP_DigestInit_ex(s->c, EVP_sha256(), NULL) == 1 ? IML_OK : IML_EBUG;
}

iml_status iml__sha256_of(const void *p, size_t n, char hex[65])
{
    iml__sha256 *s = iml__sha256_new();
    if (!s) return IML_ENOMEM;
    iml_status st = iml__sha256_add(s, p, n);
    if (!st) st = iml__sha256_end(s, hex);
    iml__sha256_free(&s);
    return st;
}

uint32_t iml__crc32(uint32_t crc, const void *p, size_t n) { return libdeflate_crc32(crc, p, n); }

uint32_t iml__adler32(uint32_t sum, const void *p, size_t n)
{
    return n ? libdeflate_adler32(sum, p, n) : sum;
}

// Polynomials over GF(2) modulo CRC-32's, reflected: bit 31 is x^0.
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t sum = 0;
    for (int i = 31; i >= 0; i--) {
        sum ^= b & -(a >> i & 1);
        b = b >> 1 ^ (0xEDB88320u & -(b & 1));
    }
    return sum;
}

// Appending a byte multiplies by x^8.
uint32_t iml__crc32_op(uint64_t n)
{
    uint32_t op = 1u << 31, power = 1u << 23; // x^0, x^8
    for (; n; n >>= 1, power = multiply(power, power))
        if (n & 1) op = multiply(op, power);
    return op;
}

uint32_t iml__crc32_join(uint32_t op, uint32_t a, uint32_t b) { return multiply(op, a) ^ b; }
