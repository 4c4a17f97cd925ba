// quarantine.h: links to the inputs of bad items, in one directory, for whoever looks at them.
#ifndef IML_ENGINE_QUARANTINE_H
#define IML_ENGINE_QUARANTINE_H

#include "src/engine/run.h"

iml_status iml__quarantine_open(struct iml_run_t *r, iml_err *e); // makes the directory. IML_EARG
void iml__quarantine_link(struct iml_run_t *r, uint64_t index);   // no lock; a failure is logged

#endif
