// watch.h: how many workers had better rest: the decision, and the look around it.
#ifndef IML_ENGINE_WATCH_H
#define IML_ENGINE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/iml_attr.h"

struct iml_run_t;

struct iml__watch { // zeroed but for workers
    uint32_t workers, parked;
    uint32_t hold, calm; // quiet looks that are asked for before one returns; seen so far
    uint32_t since;      // looks since the last return, if any
    bool returned;       // ... after which none has been parked yet
};

struct iml__watch_look { // of two seconds
    double pressure;     // PSI memory some avg10 in percent; negative: unknown
    double cgroup;       // share of the cgroup's limit that is in use; 0: no limit
    uint32_t starved;    // workers that waited for bytes or input for more than half of it,
                         // those that are parked among them
    bool more;           // there is something left to claim
};

// How many workers are to be parked from now on: 0..workers-1.
uint32_t iml__watch_step(struct iml__watch *w, const struct iml__watch_look *l);
// Looks around every two seconds and tells the plan. By the calling thread, without the lock.
void iml__watch_tick(struct iml_run_t *r, uint64_t now_us);

#endif
