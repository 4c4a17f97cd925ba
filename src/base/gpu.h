// gpu.h: which GPUs there are, as their driver's management library tells; nothing is linked.
#ifndef IML_BASE_GPU_H
#define IML_BASE_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IML__GPUS = 64 };

struct iml__gpu {
    char name[96];
    uint64_t total, free; // bytes of memory
};

struct iml__gpus {
    char driver[64]; // "535.104.05"; empty: none
    char why[96];    // why there are none, in words
    uint32_t n;
    struct iml__gpu gpu[IML__GPUS];
};

// Asks the driver; makes no context on any device, so that a process may still fork (engine.md 5).
void iml__gpus_look(struct iml__gpus *g);

#endif
