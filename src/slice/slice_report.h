// slice_report.h: what a user reads of a slice run.
#ifndef IML_SLICE_SLICE_REPORT_H
#define IML_SLICE_SLICE_REPORT_H

#include "src/slice/slicer.h"

// The older tool's configuration block, and what is sliced.
void iml__slice_headline(const iml__slicer *s, const iml_run_opts *run, iml__str *text);

void iml__slice_size(iml__str *t, uint64_t bytes); // 19.6 GB, powers of 1,000

struct iml__slice_closing {
    const iml__slicer *slicer;
    const char *out;
};
// "sliced 98 of 100 cases ...", the labels found, warnings, and the failed ones with their codes.
bool iml__slice_closing_line(void *user, const iml_report *r, iml__str *text);

#endif
