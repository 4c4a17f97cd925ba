#include "tests/unit/iml_test.h"

#include <errno.h>

#include "src/base/err.h"

static iml_status inner(iml_err *e)
{
    return IML_FAIL_SYS(e, IML_ESINK, ENOSPC, "cannot write %s", "a.png");
}

static iml_status outer(iml_err *e)
{
    IML_TRY(inner(e));
    return IML_OK;
}

static void failure_names_what_and_why(void **state)
{
    (void)state;
    iml_err e = {0};
    assert_int_equal(outer(&e), IML_ESINK);
    assert_string_equal(e.msg, "cannot write a.png: No space left on device");
    assert_int_equal(e.sys, ENOSPC);
    assert_int_equal(outer(NULL), IML_ESINK);
}

static void long_message_is_cut_not_overrun(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    iml_err e = {0};
    assert_int_equal(IML_FAIL_SYS(&e, IML_EINPUT, EIO, "%s", text), IML_EINPUT);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
}

static void every_status_has_a_class(void **state)
{
    (void)state;
    assert_int_equal(sizeof(iml_err), 256);
    assert_int_equal(iml_status_class(IML_EINPUT), IML_CLASS_ITEM);
    assert_int_equal(iml_status_class(IML_ENOMEM), IML_CLASS_RETRY);
    assert_int_equal(iml_status_class(IML_ESINK), IML_CLASS_SINK);
    assert_int_equal(iml_status_class(IML_EARG), IML_CLASS_STOP);
    assert_int_equal(iml_status_class(IML_END), IML_CLASS_NONE);
    assert_int_equal(iml_status_class(-1), IML_CLASS_BUG);
    assert_int_equal(iml_status_class(999), IML_CLASS_BUG);
    assert_string_equal(iml_status_name(IML_EBUG), "EBUG");
}

static void a_failure_is_never_ok(void **state)
{
    (void)state;
    iml_err e = {0};
    assert_int_equal(IML_FAIL(&e, IML_OK, "a caller that forgot the status"), IML_EBUG);
    assert_int_equal(e.status, IML_EBUG);
    assert_int_equal(IML_FAIL(NULL, IML_OK, "and wants no detail"), IML_EBUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_never_ok),
        cmocka_unit_test(failure_names_what_and_why),
        cmocka_unit_test(long_message_is_cut_not_overrun),
        cmocka_unit_test(every_status_has_a_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
