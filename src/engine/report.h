// report.h: what a run has done, as JSON for people and programs.
#ifndef IML_ENGINE_REPORT_H
#define IML_ENGINE_REPORT_H

#include "imloom/imloom.h"
#include "src/base/json.h"

struct iml__report_more {      // what only the program knows; everything *borrowed*
    const char *settings_json; // the effective settings, an object; or NULL
    int exit_code;
    int argc;
    char *const *argv;
    void *user;
    // Members of the command's own, inside the report's object; or NULL.
    void (*members)(void *user, const iml_report *r, iml__jsonw *w);
};

// Writes OUT/.imloom/report.json whole. IML_ESINK.
iml_status iml__report_write(const iml_run_opts *o, const iml_job *j, const iml_report *r,
                             const struct iml__report_more *m, iml_err *e);

struct iml__merged;
// The same for a merged set, with the nodes' own reports in it. IML_ESINK.
iml_status iml__report_merged(const char *out, const struct iml__merged *m, double wall_s, int argc,
                              char *const *argv, int exit_code, int durability, iml_err *e);

#endif
