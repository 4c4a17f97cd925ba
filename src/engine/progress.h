// progress.h: what the calling thread tells while a run goes on.
#ifndef IML_ENGINE_PROGRESS_H
#define IML_ENGINE_PROGRESS_H

#include "src/engine/run.h"

struct iml__progress { // the calling thread's own
    uint64_t next_us, next_metrics_us;
    uint64_t last_us, last_done; // where the rate was last looked at
    double rate;                 // items/s, an exponential mean over 10 s
    double cost_rate, byte_rate; // the same in cost and in bytes written
    uint64_t last_cost, last_bytes;
    bool started;
};

// Calls back at 10 Hz and writes the metrics file every 10 s; last: now, whatever the time.
void iml__progress_tick(struct iml_run_t *r, uint64_t now_us, bool last);
void iml__progress_now(struct iml_run_t *r, iml_progress *p); // lock not held
// The numbers of the report in Prometheus' text format; last: the stages' times with them, which
// only rest when the workers do.
iml_status iml__metrics_write(struct iml_run_t *r, const iml_progress *p, bool last, iml_err *e);

#endif
