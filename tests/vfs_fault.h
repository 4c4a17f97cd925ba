// vfs_fault.h: a file call table that fails the n-th call.
#ifndef IML_TEST_VFS_FAULT_H
#define IML_TEST_VFS_FAULT_H

#include "src/io/vfs.h"

enum fault_mode {
    FAULT_NONE,
    FAULT_EIO,
    FAULT_ENOSPC,
    FAULT_EROFS,
    FAULT_EINTR,
    FAULT_SHORT,
    FAULT_MODES
};

// Swaps the table in. The n-th call from now on fails (every later one too, if forever). ENOSPC
// and EROFS only hit calls that make or write, SHORT only transfers (which then move one byte);
// EINTR for ever means every second call. FAULT_NONE: counts only.
void fault_begin(enum fault_mode mode, uint64_t n, bool forever);
uint64_t fault_end(void); // back to posix; how many calls were counted
bool fault_struck(void);  // since fault_begin
const char *fault_name(enum fault_mode mode);

#endif
