// prefetch.h: threads that read inputs before their workers need them.
#ifndef IML_ENGINE_PREFETCH_H
#define IML_ENGINE_PREFETCH_H

#include "src/engine/run.h"

// How many: 2 locally, 1 on a rotational disk, min(32, 4 x CPUs) on a network file system; 0 where
// the job names no inputs. root: directory of the inputs, or NULL.
uint32_t iml__prefetch_auto(const iml_job *j, int root_fd);
bool iml__prefetch_start(struct iml_run_t *r); // false: no thread at all could be made
void iml__prefetch_join(struct iml_run_t *r);

#endif
