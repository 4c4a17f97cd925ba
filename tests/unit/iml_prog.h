// iml_prog.h: other programs as witnesses: unzip, 7z, bsdtar, python3. One that is not there is
// named and left out; a fresh Debian has none but python3.
#ifndef IML_PROG_H
#define IML_PROG_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static inline bool test_says(const char *command) // true: it exits 0
{
    char quiet[9000];
    (void)snprintf(quiet, sizeof quiet, "( %s ) >/dev/null 2>&1 </dev/null", command);
    return system(quiet) == 0;
}

// True if `probe` exits 0; else says that what is skipped.
static inline bool test_have(const char *what, const char *probe)
{
    if (test_says(probe)) return true;
    printf("skipped: %s is not installed\n", what);
    return false;
}

#define TEST_PYTHON "/usr/bin/python3" // the system's, for its python3-numpy

// A shell command, as by printf; its output is shown if it fails.
static inline void test_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline void test_run(const char *fmt, ...)
{
    char command[8192], all[9000];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    assert_true(n > 0 && n < (int)sizeof command);
    if (test_says(command)) return;
    (void)snprintf(all, sizeof all, "( %s ) 2>&1 </dev/null", command);
    int again = system(all);
    fail_msg("%s: exit status %d", command, again);
}

#endif
