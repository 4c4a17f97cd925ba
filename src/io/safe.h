// safe.h: names that come from a job, an archive or a list, and opening them below a root without
// ever leaving it.
#ifndef IML_IO_SAFE_H
#define IML_IO_SAFE_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

enum { IML__NAME_MAX = 4095 };

// A relative name made of plain parts: not empty, no leading or trailing '/', no empty, "." or ".."
// part, no NUL or other control byte, parts of at most 255 bytes. NULL if it is fine, else what is
// wrong with it ("it leads out of the directory"); *borrowed* for ever.
const char *iml__name_fault(const char *name, size_t n);
// The same as a status (IML_EINPUT); also refuses ".imloom" as the first part (the engine's own).
iml_status iml__name_check(const char *name, iml_err *e);

// Opens name below the directory dir: no part may be a symbolic link, nothing leads out. openat2
// where the kernel has it, else part by part with O_NOFOLLOW. -1 and errno (ELOOP or ENOTDIR: a
// link; EXDEV: leads out). flags as for openat.
int iml__open_beneath(int dir, const char *name, int flags, unsigned mode) IML_MUST_USE;
// Tests: use the fallback although the kernel has openat2.
void iml__safe_without_openat2(bool on);

#endif
