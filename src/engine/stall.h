// stall.h: IML_STALL=SEED: threads and worker processes that are slow on purpose, to shake out
// whatever depends on who is first.
#ifndef IML_ENGINE_STALL_H
#define IML_ENGINE_STALL_H

#include <stdint.h>

// Who stalls, beside worker k (k).
enum { IML__STALL_SINK = 0x10000, IML__STALL_COMMIT, IML__STALL_AHEAD, IML__STALL_PROXY };

// The seed that the environment gives; 0: nobody stalls (unset, 0, or not a number).
uint64_t iml__stall_seed(void);
// Perhaps sleeps, if seed is not 0. One of three is chosen to be slow: up to 4 ms at every second
// call; the others up to 250 us at every eighth. Any thread.
void iml__stall(uint64_t seed, uint32_t who);

#endif
