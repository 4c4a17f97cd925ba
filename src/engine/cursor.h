// cursor.h: the order in which a run's items are claimed: units, and items inside a unit.
#ifndef IML_ENGINE_CURSOR_H
#define IML_ENGINE_CURSOR_H

#include "src/engine/plan.h"

struct iml__ranked {
    uint64_t cost, id;
};

struct iml__cursor {
    const struct iml__plan_conf *c;
    uint64_t units;  // of the whole index space
    uint64_t at, n;  // place in the order, and its end
    uint64_t *order; // by size: open units, largest first; else NULL
    // At random: the open units are those of gaps, then those of extra.
    struct iml__gaps gaps;
    uint64_t *extra, nextra, extra_cap;
    uint32_t order_stream, inside_stream;
    // The unit that is open: its items from inside_at on are still to come.
    uint64_t unit;
    uint32_t count, inside_at;
    struct iml__ranked *inside; // by size in a part; else NULL
    uint64_t left;              // items to come, of this unit and all after it
};

bool iml__cursor_open(struct iml__cursor *k, const struct iml__plan_conf *c); // false: no memory
void iml__cursor_close(struct iml__cursor *k);
bool iml__cursor_in_unit(const struct iml__cursor *k);   // the open unit has items to come
bool iml__cursor_next_unit(struct iml__cursor *k);       // opens the next one; false: no more
uint64_t iml__cursor_index(const struct iml__cursor *k); // of the item that comes next
void iml__cursor_pass(struct iml__cursor *k);            // it has been admitted
uint32_t iml__unit_count(const struct iml__plan_conf *c, uint64_t unit); // indices it has now

#endif
