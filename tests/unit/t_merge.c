#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"

#include "src/engine/journal.h"
#include "src/engine/merge.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"
#include "tests/fault/script.h"

static char dir[64], other[64], third[64];

static struct script plain(enum script_kind kind)
{
    return (struct script){.out = dir, .kind = kind, .count = 57, .seed = 3};
}

static void again(void) { test_rm(dir), test_rm(other), test_rm(third); }

static uint64_t undisturbed(struct script s)
{
    test_rm(other);
    s.out = other, s.shards = 1, s.stop_after = 0;
    assert_ok(script_run(&s, NULL, e));
    return script_digest(other, NULL);
}

static void nodes_of_one_directory_are_merged(void **state)
{
    (void)state;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        struct iml__merged m;
        const char *out[] = {dir};
        int tmp;
        again();
        s.shards = 3;
        for (s.shard = 0; s.shard < 3; s.shard++) {
            if (s.shard == 1) continue;
            assert_ok(script_run(&s, NULL, e));
        }
        s.shard = 1, s.stop_after = 7; // killed: part of its units, and a stale temporary file
        assert_ok(script_run(&s, NULL, e));
        test_write(dir, ".stale.png.1-of-3.tmp", "x", 1);
        assert_ok(iml__merge(out, 1, IML_DURABILITY_PROCESS, &script_renderers, &m, e));
        assert_true(m.missing > 0 && m.missing < 30);
        assert_int_equal(m.temporaries, 1);
        assert_false(test_exists(dir, "manifest.json"));
        s.stop_after = 0;
        assert_ok(script_run(&s, NULL, e));
        assert_ok(iml__merge(out, 1, IML_DURABILITY_BATCH, &script_renderers, &m, e));
        assert_int_equal(m.missing, 0);
        assert_int_equal(m.items, 57);
        assert_int_equal(m.bad, 4);
        s.shards = 3;
        assert_true(script_digest(dir, &tmp) == undisturbed(s));
        assert_int_equal(tmp, 0);
        assert_ok(
            iml__merge(out, 1, IML_DURABILITY_BATCH, &script_renderers, &m, e)); // again: the same
        assert_true(script_digest(dir, &tmp) == undisturbed(s));
        s = plain(k); // and a plain run finds nothing to do
        struct script_result r;
        assert_ok(script_run(&s, &r, e));
        assert_int_equal(r.made, 0);
        assert_true(r.sums.content == m.content);
        s.flags = IML_RUN_OVERWRITE, s.seed = 4;
        assert_ok(script_run(&s, &r, e));
        s.flags = 0;
        assert_true(script_digest(dir, NULL) == undisturbed(s));
    }
}

static void shares_that_lack_items_are_named(void **state)
{
    (void)state;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        struct iml__merged m;
        const char *out[] = {dir};
        uint64_t sum = 0;
        again();
        s.shards = 3, s.shard = 0;
        assert_ok(script_run(&s, NULL, e));
        s.shard = 2, s.stop_after = 12; // share 1 never begins
        assert_ok(script_run(&s, NULL, e));
        assert_ok(iml__merge(out, 1, 0, &script_renderers, &m, e));
        assert_int_equal(m.planned, s.count);
        assert_int_equal(m.of, 3);
        assert_int_equal(m.shares, 2);
        assert_int_equal(m.share[0].share, 1);
        assert_false(m.share[0].begun);
        assert_int_equal(m.share[1].share, 2);
        assert_true(m.share[1].begun);
        for (uint32_t i = 0; i < m.shares; i++) sum += m.share[i].missing;
        assert_int_equal(sum, m.missing);
        assert_false(test_exists(dir, "manifest.json"));
        s.stop_after = 0;
        assert_ok(script_run(&s, NULL, e));
        s.shard = 1;
        assert_ok(script_run(&s, NULL, e));
        assert_ok(iml__merge(out, 1, 0, &script_renderers, &m, e));
        assert_int_equal(m.shares, 0);
        assert_int_equal(m.missing, 0);
        assert_true(script_digest(dir, NULL) == undisturbed(s));
    }
}

static void directories_of_several_machines_are_united(void **state)
{
    (void)state;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        struct iml__merged m;
        const char *out[] = {dir, third};
        again();
        s.shards = 2;
        assert_ok(script_run(&s, NULL, e));
        s.shard = 1, s.out = third;
        assert_ok(script_run(&s, NULL, e));
        uint64_t before = script_digest(third, NULL);
        assert_ok(iml__merge(out, 2, IML_DURABILITY_PROCESS, &script_renderers, &m, e));
        assert_int_equal(m.missing, 0);
        assert_true(script_digest(dir, NULL) == undisturbed(s));
        assert_true(script_digest(third, NULL) == before);
    }
}

// ---- What is brought in is on the disk before the manifest says that it stands.

static struct {
    unsigned at, imported, synced, manifest; // when each came last
    unsigned syncs, each;
    bool no_syncfs;
} seen;

static int no_link(int d, const char *a, int d2, const char *b, int flags)
{
    (void)d, (void)a, (void)d2, (void)b, (void)flags;
    errno = EXDEV;
    return -1;
}

static int see_rename(int d, const char *a, int d2, const char *b)
{
    if (strstr(a, ".merge.tmp") && strcmp(b, "manifest.json") != 0 && strcmp(b, "bad.jsonl") != 0)
        seen.imported = ++seen.at;
    if (!strcmp(b, "manifest.json")) seen.manifest = ++seen.at;
    return iml__vfs_posix.renameat(d, a, d2, b);
}

static int see_syncfs(int fd)
{
    (void)fd;
    if (seen.no_syncfs) return errno = ENOSYS, -1;
    seen.synced = ++seen.at, seen.syncs++;
    return 0;
}

static int see_fdatasync(int fd)
{
    (void)fd;
    seen.each++;
    return 0;
}

static void imported_files_are_synced_as_durability_asks(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {               // process; batch; batch where syncfs is unknown
        struct script s = plain(SCRIPT_SHARDS); // without aggregates, which are merge's own
        struct iml__merged m;
        const char *out[] = {dir, third};
        iml__vfs v = iml__vfs_posix;
        again();
        s.shards = 2;
        assert_ok(script_run(&s, NULL, e));
        s.shard = 1, s.out = third;
        assert_ok(script_run(&s, NULL, e));
        memset(&seen, 0, sizeof seen);
        seen.no_syncfs = k == 2;
        v.linkat = no_link, v.renameat = see_rename, v.syncfs = see_syncfs;
        v.fdatasync = see_fdatasync;
        const iml__vfs *was = iml__vfs_swap(&v);
        assert_ok(iml__merge(out, 2, k == 0 ? IML_DURABILITY_PROCESS : IML_DURABILITY_BATCH,
                             &script_renderers, &m, e));
        (void)iml__vfs_swap(was);
        assert_int_equal(m.missing, 0);
        assert_true(seen.imported > 0 && seen.manifest > seen.imported);
        if (k == 0) assert_int_equal(seen.syncs + seen.each, 0);
        if (k == 1) assert_true(seen.synced > seen.imported && seen.synced < seen.manifest);
        if (k == 2) assert_true(seen.syncs == 0 && seen.each >= 4);
        assert_true(script_digest(dir, NULL) == undisturbed(s));
    }
}

static void nodes_that_do_not_belong_together_are_refused(void **state)
{
    (void)state;
    iml_err err = {0};
    struct iml__merged m;
    const char *out[] = {dir, third};
    struct script s = plain(SCRIPT_LOOSE);
    again();
    s.shards = 2;
    assert_ok(script_run(&s, NULL, e));
    s.shard = 1, s.out = third, s.config = 1, s.settings = "{\"size\":13}";
    assert_ok(script_run(&s, NULL, e));
    assert_int_equal(iml__merge(out, 2, 0, &script_renderers, &m, &err), IML_EARG);
    assert_non_null(strstr(err.msg, "node 1-of-2"));
    assert_non_null(strstr(err.msg, "size: 12 there, 13 now"));
    again();
    assert_int_equal(mkdir(third, 0777), 0);
    out[0] = third;
    assert_int_equal(iml__merge(out, 1, 0, &script_renderers, &m, &err), IML_EARG);
    assert_non_null(strstr(err.msg, "holds no data set"));
}

static void a_unit_made_twice_with_other_bytes_is_found(void **state)
{
    (void)state;
    iml_err err = {0};
    struct iml__merged m;
    const char *out[] = {dir, third};
    // The same settings and seed, but the second node's item 2 dies: its unit has other content.
    struct script s = plain(SCRIPT_SHARDS);
    again();
    assert_ok(script_run(&s, NULL, e));
    s.out = third, s.deadly = true, s.shards = 2, s.shard = 0;
    assert_ok(script_run(&s, NULL, e));
    assert_int_equal(iml__merge(out, 2, 0, &script_renderers, &m, &err), IML_EBUG);
    assert_non_null(
        strstr(err.msg, "unit 0 was made by node 0 and node 0-of-2 with different bytes"));
}

static void a_node_at_work_is_waited_for(void **state)
{
    (void)state;
    iml_err err = {0};
    struct iml__merged m;
    struct iml__dirs *d;
    struct iml__journal j;
    const char *out[] = {dir};
    struct script s = plain(SCRIPT_LOOSE);
    again();
    assert_ok(script_run(&s, NULL, e));
    assert_ok(iml__dirs_open(&d, dir, e));
    assert_ok(iml__journal_open(&j, d, "0", e));
    assert_int_equal(iml__merge(out, 1, 0, &script_renderers, &m, &err), IML_EARG);
    assert_non_null(strstr(err.msg, "node 0 is still writing"));
    iml__journal_close(&j);
    iml__dirs_close(&d);
}

static void a_refused_merge_links_nothing(void **state)
{
    (void)state;
    struct iml__merged m;
    iml_err err = {0};
    const char *out[] = {dir, third};
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        for (int same = 0; same < 2; same++) { // other seeds; the same node twice
            struct script s = plain(k);
            again();
            s.shards = 2, s.shard = 0;
            assert_ok(script_run(&s, NULL, e));
            s.out = third, s.shard = same ? 0 : 1, s.seed += same ? 0 : 1, s.stop_after = same * 20;
            assert_ok(script_run(&s, NULL, e));
            uint64_t before = script_digest(dir, NULL);
            assert_int_equal(
                iml__merge(out, 2, IML_DURABILITY_PROCESS, &script_renderers, &m, &err), IML_EARG);
            assert_true(script_digest(dir, NULL) == before);
            assert_false(test_exists(dir, ".imloom/journal.1-of-2"));
            s = plain(k), s.shards = 2; // and the target is still good
            s.shard = 1;
            assert_ok(script_run(&s, NULL, e));
            assert_ok(iml__merge(out, 1, IML_DURABILITY_PROCESS, &script_renderers, &m, e));
            assert_int_equal(m.missing, 0);
        }
    }
}

static int setup(void **s)
{
    (void)s;
    test_dir(dir), test_dir(other), test_dir(third);
    return 0;
}
static int teardown(void **s)
{
    (void)s;
    again();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_of_one_directory_are_merged),
        cmocka_unit_test(shares_that_lack_items_are_named),
        cmocka_unit_test(directories_of_several_machines_are_united),
        cmocka_unit_test(imported_files_are_synced_as_durability_asks),
        cmocka_unit_test(nodes_that_do_not_belong_together_are_refused),
        cmocka_unit_test(a_unit_made_twice_with_other_bytes_is_found),
        cmocka_unit_test(a_node_at_work_is_waited_for),
        cmocka_unit_test(a_refused_merge_links_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
