// vfs_crash.h: a file call table that logs what a run does to one directory tree, and builds the
// trees that a power loss at any point of that log may leave.
#ifndef IML_TEST_VFS_CRASH_H
#define IML_TEST_VFS_CRASH_H

#include "src/base/rng.h"
#include "src/io/vfs.h"

// What of the operations before the loss has reached the disk. What was synced always has.
enum crash_mode {
    CRASH_ALL,    // everything
    CRASH_DATA,   // names, but of a file only what was synced: files are empty or short
    CRASH_NAMES,  // bytes, but no name, rename or removal that was not synced
    CRASH_BOTH,   // only what was synced
    CRASH_TORN,   // everything, but the last write is cut at a multiple of 512 bytes
    CRASH_ZEROS,  // names and sizes; bytes that were not synced are zeros
    CRASH_RANDOM, // of each file and each directory some prefix
    CRASH_MODES
};

// root must exist and be empty. One thread makes file calls while the log is on.
void crash_record(const char *root);
size_t crash_recorded(void); // back to posix; how many operations there are
void crash_forget(void);     // the log

// The log up to and with operation n - 1, as mode leaves it, into the empty directory dir.
void crash_image(const char *dir, size_t n, enum crash_mode mode, iml_rng *rng);
// How many syncs of files with this name are among the first n operations.
size_t crash_syncs(size_t n, const char *name);
// The n-th operation in words, for whoever reads a failure.
void crash_say(size_t n, char text[320]);
const char *crash_mode_name(enum crash_mode mode);

// The table for the run after the loss: syncs cost nothing, and the boot id is another one.
void crash_reboot(bool on);

#endif
