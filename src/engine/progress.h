// progress.h: what the calling thread tells while a run goes on.
#ifndef IML_ENGINE_PROGRESS_H
#define IML_ENGINE_PROGRESS_H

#include "src/engine/run.h"

struct iml__progress { // the calling thread's own
    uint64_t next_us, next_metrics_us;
    uint64_t last_us, last_done; // where the rate was last looked at
    double rate;                 // items/s, an exponential mean over 10 s
    double cost_rate;            // the same in cost
    uint64_t last_cost;
    bool started;
};

// Calls back at 10 Hz and writes the metrics file every 10 s; last: now, whatever the time.
void iml__progress_tick(struct iml_run_t *r, uint64_t now_us, bool last);
void iml__progress_now(struct iml_run_t *r, iml_progress *p); // lock not held
// One metrics text in Prometheus' format.
iml_status iml__metrics_write(struct iml_run_t *r, const iml_progress *p, iml_err *e);

#endif
