// iml_test.h: what every unit test includes first; cmocka wants these headers before it.
#ifndef IML_TEST_H
#define IML_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        iml_err test_err_ = {0};                                                                   \
        iml_err *e = &test_err_;                                                                   \
        (void)e;                                                                                   \
        iml_status test_st_ = (call);                                                              \
        if (test_st_ != IML_OK)                                                                    \
            fail_msg("%s: %s: %s", #call, iml_status_name(test_st_), test_err_.msg);               \
    } while (0)

#endif
