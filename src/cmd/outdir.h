// outdir.h: where a data set or a file must not go, and what must not go into a data set.
#ifndef IML_CMD_OUTDIR_H
#define IML_CMD_OUTDIR_H

#include "imloom/imloom.h"

// Refuses /, the system's own directories and the user's home as an output directory. IML_EARG.
iml_status iml__outdir_check(const char *out, iml_err *e);
// Whether path (which need not exist) is out or lies below it; what lies in OUT/.imloom does not
// count, for no reader of a data set looks there.
bool iml__outdir_holds(const char *out, const char *path);
// "--metrics FILE lies in the data set ...", IML_EARG, if it does. path NULL: nothing to check.
iml_status iml__outdir_keep_out(const char *out, const char *option, const char *path, iml_err *e);
// What can be told of a file that the run will write by option: it is no device, pipe or directory,
// and not input (NULL: none), which is read. IML_EARG. path NULL: nothing to check.
iml_status iml__outfile_check(const char *option, const char *path, const char *input, iml_err *e);

#endif
