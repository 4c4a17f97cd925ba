// alloc.h: which specification draws item i (synth.md 4.1).
#ifndef IML_SYNTH_ALLOC_H
#define IML_SYNTH_ALLOC_H

#include "src/synth/config.h"

typedef struct iml__seats {
    uint32_t n;
    double *share;   // of each specification, sum 1
    uint32_t *order; // specifications by name (bytes): ties go to the first
} iml__seats;

iml_status iml__seats_of(const iml__config *c, iml_arena *a, iml__seats *s, iml_err *e);
// Item i's specification, and which of that specification's items it is (from 0). A pure function
// of the shares: it does not depend on how many items there are.
uint32_t iml__seat(const iml__seats *s, uint64_t i, uint64_t *k);

// How many of the items 0..n-1 specification spec draws.
uint64_t iml__seats_of_first(const iml__seats *s, uint64_t n, uint32_t spec);

#endif
