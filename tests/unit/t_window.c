// t_window.c: borders: every padding against its definition, and how often a plane is wanted.
#include "tests/unit/iml_test.h"

#include "src/slice/window.h"

static void row(enum iml__padding pad, int64_t k, int w, int64_t depth, const int64_t *want)
{
    for (int c = 0; c <= 2 * w; c++)
        assert_int_equal(iml__window_plane(pad, k, c, w, 1, depth), want[c]);
}

static void borders_of_each_padding(void **state)
{
    (void)state;
    row(IML__PAD_REPLICATE, 0, 2, 5, (int64_t[]){0, 0, 0, 1, 2});
    row(IML__PAD_REPLICATE, 4, 2, 5, (int64_t[]){2, 3, 4, 4, 4});
    row(IML__PAD_ZERO, 0, 2, 5, (int64_t[]){-1, -1, 0, 1, 2});
    row(IML__PAD_BACKGROUND, 4, 2, 5, (int64_t[]){2, 3, 4, -2, -2});
    row(IML__PAD_REFLECT, 0, 2, 5, (int64_t[]){2, 1, 0, 1, 2});
    row(IML__PAD_REFLECT, 4, 2, 5, (int64_t[]){2, 3, 4, 3, 2});
    row(IML__PAD_SYMMETRIC, 0, 2, 5, (int64_t[]){1, 0, 0, 1, 2});
    row(IML__PAD_SYMMETRIC, 4, 2, 5, (int64_t[]){2, 3, 4, 4, 3});
    // numpy.pad(range(3), 9, mode)[0:19] at k = 0: windows wider than the volume.
    row(IML__PAD_REFLECT, 0, 9, 3,
        (int64_t[]){1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1});
    row(IML__PAD_SYMMETRIC, 0, 9, 3,
        (int64_t[]){2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2});
    row(IML__PAD_REFLECT, 0, 3, 1, (int64_t[]){0, 0, 0, 0, 0, 0, 0});
}

static void mirror_is_the_older_tools(void **state)
{
    (void)state;
    row(IML__PAD_MIRROR, 0, 2, 7, (int64_t[]){2, 1, 0, 1, 2});
    row(IML__PAD_MIRROR, 6, 2, 7, (int64_t[]){4, 5, 6, 6, 5});
    row(IML__PAD_MIRROR, 0, 3, 1, (int64_t[]){0, 0, 0, 0, 0, 0, 0});
    row(IML__PAD_MIRROR, 1, 9, 3,
        (int64_t[]){2, 2, 2, 2, 2, 2, 2, 1, 0, 1, 2, 2, 1, 0, 0, 0, 0, 0, 0});
}

static void uses_are_what_the_windows_show(void **state)
{
    (void)state;
    static const int64_t depths[] = {1, 2, 3, 7, 40};
    for (int pad = 0; pad <= IML__PAD_SYMMETRIC; pad++)
        for (size_t d = 0; d < IML_COUNT_OF(depths); d++)
            for (int w = 0; w < 10; w++)
                for (int step = 1; step < 4; step++) {
                    int64_t depth = depths[d], slice[40], need[40];
                    uint32_t uses[42], all = 0;
                    uint8_t forms[42];
                    struct iml__window_uses u = {uses, forms, need};
                    size_t n = 0;
                    for (int64_t k = 0; k < depth; k += step) slice[n++] = k;
                    iml__window_uses((enum iml__padding)pad, w, step, depth, slice, n, &u);
                    for (int64_t p = 0; p < depth + 2; p++) all += uses[p];
                    assert_int_equal(all, n * (size_t)(2 * w + 1));
                    for (size_t j = 0; j < n; j++) {
                        int64_t top = -1, before = INT64_MIN;
                        for (int c = 0; c <= 2 * w; c++) {
                            int64_t p = iml__window_plane((enum iml__padding)pad, slice[j], c, w,
                                                          step, depth);
                            size_t at = iml__plane_slot(p, depth);
                            assert_in_range(p + 2, 0, depth + 1);
                            assert_true(uses[at] && at < (size_t)depth + 2);
                            bool behind = iml__window_behind((enum iml__padding)pad, slice[j], c, w,
                                                             step, depth);
                            assert_int_equal(behind,
                                             c > 0 && p >= 0 && before >= 0 && before == p - step);
                            assert_true(forms[at] & (behind ? IML__FORM_BEHIND : IML__FORM_ALONE));
                            before = p;
                            top = IML_MAX(top, p);
                        }
                        assert_int_equal(need[j], top);
                    }
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(borders_of_each_padding),
        cmocka_unit_test(mirror_is_the_older_tools),
        cmocka_unit_test(uses_are_what_the_windows_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
