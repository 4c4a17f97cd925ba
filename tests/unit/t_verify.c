#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"

#include "src/engine/merge.h"
#include "tests/fault/script.h"

static char dir[64];
static char seen[1 << 16]; // "path: cause\n" of each finding

static void note(void *user, const struct iml__finding *f)
{
    size_t n = strlen(seen);
    (void)user;
    (void)snprintf(seen + n, sizeof seen - n, "%s: %s\n", f->path, f->cause);
}

static struct iml__verified look(bool quick)
{
    struct iml__verified v;
    seen[0] = 0;
    assert_ok(iml__verify(dir, quick, &script_renderers, note, NULL, &v, e));
    return v;
}

static struct script fresh(enum script_kind kind)
{
    struct script s = {.out = dir, .kind = kind, .count = 57, .seed = 3};
    test_rm(dir);
    assert_ok(script_run(&s, NULL, e));
    return s;
}

static void flip(const char *name, long at)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_true(fputc(c ^ 1, f) != EOF);
    assert_int_equal(fclose(f), 0);
}

static void cut(const char *name, long n)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(truncate(path, n), 0);
}

static void a_finished_set_has_no_findings(void **state)
{
    (void)state;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        (void)fresh(k);
        for (int quick = 0; quick < 2; quick++) {
            struct iml__verified v = look(quick);
            if (v.findings) fail_msg("%s", seen);
            assert_true(v.complete);
            assert_int_equal(v.items, 57);
            assert_true(v.files > 10);
        }
    }
}

static void every_fault_is_named_with_its_file(void **state)
{
    (void)state;
    char path[200];
    (void)fresh(SCRIPT_LOOSE);
    flip("001/000000030.bin", 5);
    assert_int_equal(look(true).findings, 0);
    assert_int_equal(look(false).findings, 1);
    assert_non_null(strstr(seen, "001/000000030.bin: its content is not the recorded one"));
    cut("000/000000003.bin", 7);
    (void)snprintf(path, sizeof path, "%s/000/000000004.bin", dir);
    assert_int_equal(unlink(path), 0);
    test_write(dir, "000/stranger.png", "x", 1);
    test_write(dir, "000/.left.png.9-of-9.tmp", "x", 1);
    assert_int_equal(look(true).findings, 4);
    assert_non_null(strstr(seen, "000/000000003.bin: its size is not the recorded one"));
    assert_non_null(strstr(seen, "000/000000004.bin: it is missing"));
    assert_non_null(strstr(seen, "000/stranger.png: it belongs to no item"));
    assert_non_null(strstr(seen, "000/.left.png.9-of-9.tmp: a temporary file was left"));

    (void)fresh(SCRIPT_SHARD_PARTS);
    flip("shard-000001.tar", 1024);
    flip("shard-000002.imx", 200);
    flip("labels.tsv", 1);
    struct iml__verified v = look(false);
    assert_int_equal(v.findings, 4); // the binary index twice: its bytes, and what it says
    assert_non_null(strstr(seen, "shard-000001.tar: its content"));
    assert_non_null(strstr(seen, "shard-000002.imx: its content"));
    assert_non_null(strstr(seen, "labels.tsv: its content"));
}

static void indexes_out_of_step_are_found(void **state)
{
    (void)state;
    // Quick does not hash, but still reads the small indexes.
    (void)fresh(SCRIPT_SHARDS);
    flip("shard-000002.imx", 200);
    assert_int_equal(look(true).findings, 1);
    assert_non_null(strstr(seen, "checksum does not fit"));
    (void)fresh(SCRIPT_SHARDS);
    char *idx = test_read(dir, "shard-000003.idx", NULL), *size = strstr(idx, " 512 ");
    assert_non_null(size);
    size[5] = size[5] == '9' ? '8' : (char)(size[5] + 1);
    test_write(dir, "shard-000003.idx", idx, strlen(idx));
    assert_int_equal(look(true).findings, 1);
    assert_non_null(strstr(seen, "shard-000003.idx: it does not say what the other index says"));
}

static void an_unfinished_set_says_how_far_it_is(void **state)
{
    (void)state;
    struct script s = {.out = dir, .kind = SCRIPT_SHARDS, .count = 57, .seed = 3, .stop_after = 25};
    test_rm(dir);
    assert_ok(script_run(&s, NULL, e));
    struct iml__verified v = look(false);
    assert_false(v.complete);
    assert_int_equal(v.missing, 37);
    assert_non_null(strstr(seen, "manifest.json: the data set is incomplete: 20 of 57 items"));
    assert_int_equal(v.items, 20);
    assert_int_equal(v.planned, 57);
    iml_err err = {0};
    assert_int_equal(iml__verify("/no/such", false, &script_renderers, note, NULL, &v, &err),
                     IML_EARG);
    test_rm(dir);
    assert_int_equal(mkdir(dir, 0777), 0);
    assert_int_equal(iml__verify(dir, false, &script_renderers, note, NULL, &v, &err), IML_EARG);
    assert_non_null(strstr(err.msg, "holds no data set"));
}

static void a_manifest_that_was_edited_is_found(void **state)
{
    (void)state;
    (void)fresh(SCRIPT_LOOSE);
    char *m = test_read(dir, "manifest.json", NULL), *c = strstr(m, "\"content\": \"");
    assert_non_null(c);
    c[12] = c[12] == '0' ? '1' : '0';
    test_write(dir, "manifest.json", m, strlen(m));
    assert_int_equal(look(false).findings, 1);
    assert_non_null(strstr(seen, "manifest.json: it was changed since it was written"));
}

static int setup(void **s)
{
    (void)s;
    test_dir(dir);
    return 0;
}
static int teardown(void **s)
{
    (void)s;
    test_rm(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finished_set_has_no_findings),
        cmocka_unit_test(every_fault_is_named_with_its_file),
        cmocka_unit_test(indexes_out_of_step_are_found),
        cmocka_unit_test(an_unfinished_set_says_how_far_it_is),
        cmocka_unit_test(a_manifest_that_was_edited_is_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
