// slice_split.c: MT19937 as numpy's legacy generator seeds and draws it.
//
// The one generator in imloom that is not Philox: the older tool's loader draws its own split when
// training starts, and a split that is told must be the one that it draws. Matsumoto and Nishimura,
// ACM TOMACS 8 (1998); seeding by init_genrand.
#include "src/slice/slice_split.h"

#include "src/base/hash.h"

enum { N = 624, M = 397 };

struct twister {
    uint32_t s[N];
    uint32_t at;
};

static void seed_it(struct twister *t, uint32_t seed)
{
    for (uint32_t i = 0; i < N; i++) {
        t->s[i] = seed;
        seed = 1812433253u * (seed ^ seed >> 30) + i + 1;
    }
    t->at = N;
}

static uint32_t mixed(uint32_t high, uint32_t low, uint32_t far)
{
    uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
    return far ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
}

static uint32_t draw(struct twister *t)
{
    if (t->at == N) {
        uint32_t *s = t->s;
        for (uint32_t i = 0; i < N; i++) s[i] = mixed(s[i], s[(i + 1) % N], s[(i + M) % N]);
        t->at = 0;
    }
    uint32_t y = t->s[t->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

void iml__numpy_permutation(uint32_t seed, uint32_t n, uint32_t *out)
{
    struct twister t;
    seed_it(&t, seed);
    for (uint32_t i = 0; i < n; i++) out[i] = i;
    for (uint32_t i = n; i-- > 1;) {
        uint32_t mask = i, j;
        for (uint32_t k = 1; k < 32; k *= 2) mask |= mask >> k;
        do j = draw(&t) & mask;
        while (j > i);
        uint32_t swap = out[i];
        out[i] = out[j], out[j] = swap;
    }
}

struct iml__split_sizes iml__split_sizes(uint32_t n, double a, double b)
{
    struct iml__split_sizes s;
    s.train = (uint32_t)((double)n * a);
    s.val = IML_MIN((uint32_t)((double)n * b), n - s.train);
    s.test = n - s.train - s.val;
    return s;
}

void iml__kfold(uint32_t seed, uint32_t n, uint32_t k, uint32_t *fold)
{
    // The permutation first, then its places in order: the first n mod k folds get one more. The
    // inverse is written over it by following each cycle once.
    iml__numpy_permutation(seed, n, fold);
    uint32_t size = n / k, more = n % k;
    for (uint32_t i = 0; i < n; i++) {
        if (fold[i] & 0x80000000u) continue;
        for (uint32_t at = i, next = fold[i];;) {
            uint32_t after = fold[next];
            fold[next] = at | 0x80000000u; // place of element `next`
            if (next == i) break;
            at = next, next = after;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t place = fold[i] & 0x7fffffffu, big = more * (size + 1);
        fold[i] = place < big ? place / (size + 1) : more + (place - big) / size;
    }
}

int iml__split_hash(const char *patient, uint64_t seed, double a, double b)
{
    double u = (double)(iml__xxh3_seeded(patient, strlen(patient), seed) >> 11) * 0x1p-53;
    return u < a ? 0 : u < a + b ? 1 : 2;
}
