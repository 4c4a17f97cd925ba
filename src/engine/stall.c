// stall.c: delays by dice, for tests of ordering (I8) and for whoever hunts a race.
//
// The dice are thrown per call, so that no two runs stall alike; only who is slow follows the seed.
// Bytes must not depend on any of it: that is what it is for. Rejected: delays at every lock (tsan
// does that better), and one fixed sleep (libvips' half a second is too long for a thousand runs).
#include "src/engine/stall.h"

#include <stdlib.h>
#include <time.h>

#include "src/base/rng.h"
#include "src/base/str.h"

uint64_t iml__stall_seed(void)
{
    const char *text = getenv("IML_STALL");
    uint64_t seed;
    return text && iml__parse_u64(text, &seed) ? seed : 0;
}

void iml__stall(uint64_t seed, uint32_t who)
{
    static uint32_t calls; // atomic, relaxed: a counter for the dice, shared or not
    if (!seed) return;
    iml_rng person = iml_rng_at(seed, who, iml_stream("engine.stall.who"));
    bool slow = iml_rng_bounded(&person, 3) == 0;
    uint64_t call = __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
    iml_rng r = iml_rng_at(seed, call << 20 | who, iml_stream("engine.stall"));
    if (iml_rng_bounded(&r, slow ? 2 : 8)) return;
    struct timespec t = {0, (long)iml_rng_bounded(&r, slow ? 4000000 : 250000)};
    (void)nanosleep(&t, NULL);
}
