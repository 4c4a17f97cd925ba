#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"

#include "src/base/err.h"
#include "src/base/iml_attr.h"
#include "src/engine/journal.h"
#include "src/io/atomic.h"
#include "src/io/vfs.h"
#include "tests/fault/script.h"

static char dir[64], other[64];
static const char *const kind_names[] = {"loose", "parts", "shards", "shard_parts"};

static struct script plain(enum script_kind kind)
{
    return (struct script){.out = dir, .kind = kind, .count = 57, .seed = 3};
}

// The digest of an undisturbed run of s in a directory of its own.
static uint64_t undisturbed(struct script s)
{
    struct script_result r;
    int tmp;
    test_rm(other);
    s.out = other;
    assert_ok(script_run(&s, &r, e));
    assert_true(r.sums.complete);
    uint64_t d = script_digest(other, &tmp);
    assert_int_equal(tmp, 0);
    return d;
}

static void again(void)
{
    test_rm(dir);
    test_rm(other);
}

static void a_run_makes_a_whole_data_set(void **state)
{
    (void)state;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        struct script_result r;
        int tmp;
        again();
        assert_ok(script_run(&s, &r, e));
        assert_int_equal(r.made, 57);
        assert_true(r.sums.complete);
        assert_true(r.sums.content != 0);
        assert_true(test_exists(dir, "manifest.json"));
        char *m = test_read(dir, "manifest.json", NULL);
        assert_non_null(strstr(m, "\"imloom\": 1"));
        assert_non_null(strstr(m, "\"items\": 57"));
        assert_non_null(strstr(m, "\"ok\": 53"));
        assert_non_null(strstr(m, "\"bad\": 4"));
        assert_int_equal(strstr(m, "shard-000005.tar") != NULL, k >= SCRIPT_SHARDS);
        bool parts = k == SCRIPT_PARTS || k == SCRIPT_SHARD_PARTS;
        assert_int_equal(strstr(m, "\"counters\"") != NULL, parts);
        assert_int_equal(test_exists(dir, "labels.tsv"), parts);
        assert_int_equal(test_exists(dir, "sub/boxes.bin"), parts);
        char *bad = test_read(dir, ".imloom/bad.jsonl", NULL);
        assert_non_null(bad);
        assert_int_equal(strncmp(bad, "{\"index\":5,\"path\":\"in/5.png\",\"class\":\"ITEM\"", 40),
                         0);
        script_digest(dir, &tmp);
        assert_int_equal(tmp, 0);
    }
}

static void a_finished_set_is_left_alone(void **state)
{
    (void)state;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        struct script_result r, again_r;
        struct stat before, after;
        char path[128];
        again();
        assert_ok(script_run(&s, &r, e));
        (void)snprintf(path, sizeof path, "%s/.imloom/journal.0", dir);
        assert_int_equal(stat(path, &before), 0);
        assert_ok(script_run(&s, &again_r, e));
        assert_int_equal(again_r.made, 0);
        assert_int_equal(stat(path, &after), 0);
        assert_int_equal(before.st_size, after.st_size);
        assert_true(again_r.sums.complete);
        assert_true(again_r.sums.content == r.sums.content);
        assert_int_equal(again_r.sums.files, r.sums.files);
        s.count = 30; // asked for less than is there: nothing
        assert_ok(script_run(&s, &again_r, e));
        assert_int_equal(again_r.made, 0);
        assert_true(again_r.sums.content == r.sums.content);
    }
}

static void nodes_and_orders_give_the_same_manifest(void **state)
{
    (void)state;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        again();
        uint64_t want = undisturbed(s);
        s.reverse = true, s.batch = 7, s.durability = IML_DURABILITY_BATCH;
        assert_ok(script_run(&s, NULL, e));
        assert_true(script_digest(dir, NULL) == want);
        test_rm(dir); // three nodes, then one that finds nothing but the manifest to make
        s.shards = 3;
        struct script_result r;
        for (uint32_t i = 0; i < 3; i++) {
            s.shard = 2 - i;
            assert_ok(script_run(&s, &r, e));
            assert_false(r.sums.complete);
            assert_false(test_exists(dir, "manifest.json"));
        }
        s.shards = 1;
        assert_ok(script_run(&s, &r, e));
        assert_int_equal(r.made, 0);
        assert_true(r.sums.complete);
        assert_true(script_digest(dir, NULL) == want);
    }
}

static void a_stopped_run_goes_on_where_it_was(void **state)
{
    (void)state;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        struct script_result r;
        int tmp;
        again();
        uint64_t want = undisturbed(s), made = 0;
        for (int runs = 0; runs < 100 && !test_exists(dir, "manifest.json"); runs++) {
            s.stop_after = 13;
            assert_ok(script_run(&s, &r, e));
            made += r.made;
        }
        assert_true(script_digest(dir, &tmp) == want);
        assert_int_equal(tmp, 0);
        assert_true(made < 57 + 57 / 2); // what was committed is not made again
    }
}

static void a_cut_journal_gives_no_generation_twice(void **state)
{
    (void)state;
    struct script s = plain(SCRIPT_SHARDS);
    char path[128], line[64];
    again();
    uint64_t want = undisturbed(s);
    for (int i = 0; i < 4; i++) {
        s.stop_after = 12;
        assert_ok(script_run(&s, NULL, e));
        (void)snprintf(path, sizeof path, "%s/.imloom/journal.0", dir);
        assert_int_equal(truncate(path, 48 + 20),
                         0); // later runs are forgotten, their lines are not
    }
    s.stop_after = 0;
    assert_ok(script_run(&s, NULL, e));
    assert_true(script_digest(dir, NULL) == want);
    for (int i = 1; i <= 5; i++) {
        (void)snprintf(line, sizeof line, "{\"imloom\":1,\"begin\":%d,", i);
        char *text = test_read(dir, ".imloom/files.0.jsonl", NULL), *at = strstr(text, line);
        assert_non_null(at);
        assert_null(strstr(at + 1, line));
    }
}

// ---- I1, looked at after every system call that changes something.

static struct {
    bool looking;
    uint64_t looks, files;
    char wrong[4096];
} watched;

static int look_at(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    const char *name = path + strlen(dir) + 1;
    size_t n = strlen(path), have = 0, want = 0;
    char there[8192];
    (void)f;
    if (flag != FTW_F || !strncmp(name, ".imloom/", 8) || !strcmp(path + n - 4, ".tmp")) return 0;
    (void)snprintf(there, sizeof there, "%s/%s", other, name);
    struct stat ref;
    watched.files++;
    if (stat(there, &ref) || ref.st_size != st->st_size) goto wrong;
    char *a = malloc((size_t)ref.st_size + 1), *got = test_read(dir, name, &have);
    if (a && got) memcpy(a, got, have);
    got = test_read(other, name, &want);
    bool same = a && got && have == want && !memcmp(a, got, have);
    free(a);
    if (same) return 0;
wrong:
    (void)snprintf(watched.wrong, sizeof watched.wrong, "%s", path);
    return 0;
}

static void look(void)
{
    int sys = errno;
    if (watched.looking) return; // our own calls
    watched.looking = true, watched.looks++;
    (void)nftw(dir, look_at, 32, FTW_PHYS);
    watched.looking = false;
    errno = sys;
}

#define WATCHED(type, name, params, args)                                                          \
    static type w_##name params                                                                    \
    {                                                                                              \
        type r = iml__vfs_posix.name args;                                                         \
        look();                                                                                    \
        return r;                                                                                  \
    }
WATCHED(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
WATCHED(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
WATCHED(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
WATCHED(int, openat, (int d, const char *p, int f, mode_t m), (d, p, f, m))
WATCHED(int, renameat, (int d, const char *a, int d2, const char *b), (d, a, d2, b))
WATCHED(int, unlinkat, (int d, const char *p, int f), (d, p, f))
WATCHED(int, ftruncate, (int fd, off_t n), (fd, n))

static void a_final_name_is_never_half_written(void **state)
{
    (void)state;
    iml__vfs v = iml__vfs_posix;
    v.write = w_write, v.pwrite = w_pwrite, v.writev = w_writev, v.openat = w_openat;
    v.renameat = w_renameat, v.unlinkat = w_unlinkat, v.ftruncate = w_ftruncate;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        s.count = 17;
        again();
        (void)undisturbed(s);
        memset(&watched, 0, sizeof watched);
        const iml__vfs *was = iml__vfs_swap(&v);
        s.stop_after = 9; // and goes on, with what the first run has left
        iml_status first = script_run(&s, NULL, NULL);
        s.stop_after = 0;
        iml_status second = script_run(&s, NULL, NULL);
        (void)iml__vfs_swap(was);
        assert_true(first == IML_OK && second == IML_OK);
        if (watched.wrong[0]) fail_msg("%s held something else", watched.wrong);
        print_message("%llu looks, %llu files\n", (unsigned long long)watched.looks,
                      (unsigned long long)watched.files);
        assert_true(watched.looks > 50 && watched.files > 50);
        assert_true(test_exists(dir, "manifest.json"));
    }
}

static void the_manifest_goes_before_any_change(void **state)
{
    (void)state;
    struct script s = plain(SCRIPT_PARTS);
    again();
    assert_ok(script_run(&s, NULL, e));
    s.count = 80, s.stop_after = 1;
    assert_ok(script_run(&s, NULL, e));
    assert_false(test_exists(dir, "manifest.json"));
}

static void a_set_grows_and_redoes_its_last_unit(void **state)
{
    (void)state;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        struct script_result r;
        again();
        assert_ok(script_run(&s, NULL, e));
        s.count = 84;
        assert_ok(script_run(&s, &r, e));
        // The 57 were 5 whole units and 7 items of the sixth, none of them bad.
        assert_int_equal(r.made, k == SCRIPT_LOOSE ? 27 : 34);
        assert_true(script_digest(dir, NULL) == undisturbed(s));
    }
}

static void retry_bad_makes_only_units_that_hold_one(void **state)
{
    (void)state;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        struct script_result r;
        again();
        assert_ok(script_run(&s, NULL, e));
        s.mended = true;
        assert_ok(script_run(&s, &r, e));
        assert_int_equal(r.made, 0);
        s.flags = IML_RUN_RETRY_BAD;
        assert_ok(script_run(&s, &r, e));
        assert_int_equal(r.made, k == SCRIPT_LOOSE ? 4 : 40); // 5, 18, 31, 44 of 57
        s.flags = 0;
        assert_true(script_digest(dir, NULL) == undisturbed(s));
        assert_false(test_exists(dir, ".imloom/bad.jsonl"));
    }
}

static void files_of_an_item_that_turns_bad_are_removed(void **state)
{
    (void)state;
    struct script s = plain(SCRIPT_PARTS);
    again();
    assert_ok(script_run(&s, NULL, e));
    assert_true(test_exists(dir, "000/000000002.bin"));
    s.deadly = true, s.flags = IML_RUN_RETRY_BAD; // item 2 dies when its unit is made again
    assert_ok(script_run(&s, NULL, e));
    assert_false(test_exists(dir, "000/000000002.bin"));
    s.flags = 0;
    assert_true(script_digest(dir, NULL) == undisturbed(s));
}

static void a_missing_or_changed_file_is_made_again(void **state)
{
    (void)state;
    static const char *const victims[][3] = {
        {"000/000000003.bin", "001/000000030.bin", NULL},
        {"000/000000003.bin", ".imloom/parts/labels.tsv.000003", ".imloom/units/000004.json"},
        {"shard-000001.tar", "shard-000002.idx", "shard-000004.imx"},
        {"shard-000001.tar", ".imloom/parts/sub%2Fboxes.bin.000003", ".imloom/units/000000.json"},
    };
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        struct script_result r;
        again();
        uint64_t want = undisturbed(s);
        s.stop_after = 57; // everything is committed but the manifest
        assert_ok(script_run(&s, NULL, e));
        char path[200];
        size_t n = 0;
        for (; n < 3 && victims[k][n]; n++) {
            (void)snprintf(path, sizeof path, "%s/%s", dir, victims[k][n]);
            if (n % 2)
                assert_int_equal(truncate(path, 3), 0);
            else
                assert_int_equal(unlink(path), 0);
        }
        (void)snprintf(path, sizeof path, "%s/manifest.json", dir);
        (void)unlink(path);
        s.stop_after = 0;
        assert_ok(script_run(&s, &r, e));
        assert_true(r.made >= n);
        assert_true(r.made <= 10 * n);
        if (script_digest(dir, NULL) != want) fail_msg("%s differs", kind_names[k]);
    }
}

// The machine has another boot id.
static int other_boot(int d, const char *path, int flags, mode_t mode)
{
    bool id = strcmp(path, "/proc/sys/kernel/random/boot_id") == 0;
    return iml__vfs_posix.openat(d, id ? "/proc/version" : path, flags, mode);
}

// As a loss of power does it: the time of the file stays.
static void flip_byte(const char *name)
{
    size_t n = 0;
    char path[8192];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(stat(path, &st), 0);
    char *text = test_read(dir, name, &n);
    assert_non_null(text);
    text[n / 2] ^= 1;
    test_write(dir, name, text, n);
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){st.st_atim, st.st_mtim}, 0), 0);
}

static void after_a_power_loss_what_was_not_synced_is_read(void **state)
{
    (void)state;
    static const int levels[] = {IML_DURABILITY_PROCESS, IML_DURABILITY_BATCH, IML_DURABILITY_ITEM};
    for (int k = 0; k < SCRIPT_KINDS; k++)
        for (int level = 0; level < 3; level++) {
            struct script s = plain(k);
            struct script_result r;
            again();
            uint64_t want = undisturbed(s);
            s.durability = levels[level], s.stop_after = 40; // closed without the last sync
            assert_ok(script_run(&s, NULL, e));
            flip_byte(k < SCRIPT_SHARDS ? "000/000000008.bin" : "shard-000001.tar");
            if (k == SCRIPT_PARTS) flip_byte(".imloom/parts/labels.tsv.000002");
            s.stop_after = 0;
            iml__vfs v = iml__vfs_posix;
            v.openat = other_boot;
            iml__vfs_swap(&v);
            iml_err err = {0};
            iml_status st = script_run(&s, &r, &err);
            iml__vfs_swap(NULL);
            if (st) fail_msg("%s", err.msg);
            // Everything of `item` had reached the disk: only sizes are looked at. The rest was
            // read, and made again; shards of `batch` too, which had, but whose run never ended.
            bool synced = level == 2;
            if ((script_digest(dir, NULL) == want) == synced)
                fail_msg("kind %d, level %d, made %d", k, level, (int)r.made);
        }
}

static void a_bad_item_whose_line_is_lost_is_tried_again(void **state)
{
    (void)state;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        struct script_result r;
        uint64_t want = undisturbed(s);
        test_rm(dir);
        assert_ok(script_run(&s, NULL, e));
        size_t n = 0;
        char *lines = test_read(dir, ".imloom/bad.0.jsonl", &n);
        memset(lines + n / 2, 0, n - n / 2); // zeros in the middle of the second of four
        test_write(dir, ".imloom/bad.0.jsonl", lines, n);
        assert_ok(script_run(&s, &r, e));
        assert_int_equal(r.made, k == SCRIPT_LOOSE ? 2 : 20);
        assert_true(r.sums.complete);
        assert_true(script_digest(dir, NULL) == want);
        assert_ok(script_run(&s, &r, e));
        assert_int_equal(r.made, 0);
    }
}

static void other_settings_are_refused_and_named(void **state)
{
    (void)state;
    iml_err err = {0};
    struct script s = plain(SCRIPT_LOOSE);
    again();
    assert_ok(script_run(&s, NULL, e));
    uint64_t before = script_digest(dir, NULL);
    s.settings = "{\"size\":14}", s.config = 1;
    assert_int_equal(script_run(&s, NULL, &err), IML_EARG);
    assert_non_null(strstr(err.msg, "(size: 12 there, 14 now)"));
    s = plain(SCRIPT_LOOSE), s.seed = 4;
    assert_int_equal(script_run(&s, NULL, &err), IML_EARG);
    assert_non_null(strstr(err.msg, "(seed: 3 there, 4 now)"));
    s = plain(SCRIPT_SHARDS);
    assert_int_equal(script_run(&s, NULL, &err), IML_EARG);
    assert_non_null(strstr(err.msg, "(output: file there, tar now)"));
    assert_true(script_digest(dir, NULL) == before);
    s.flags = IML_RUN_OVERWRITE;
    assert_ok(script_run(&s, NULL, e));
    s.flags = 0;
    assert_true(script_digest(dir, NULL) == undisturbed(s));
}

static void overwrite_leaves_nothing_of_the_old_set(void **state)
{
    (void)state;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        again();
        s.count = 90, s.stop_after = 70;
        assert_ok(script_run(&s, NULL, e));
        s = plain(k), s.seed = 9, s.flags = IML_RUN_OVERWRITE;
        assert_ok(script_run(&s, NULL, e));
        s.flags = 0;
        assert_true(script_digest(dir, NULL) == undisturbed(s));
    }
}

static void a_second_run_on_the_same_output_is_refused(void **state)
{
    (void)state;
    iml_err err = {0};
    struct script s = plain(SCRIPT_LOOSE);
    struct iml__dirs *d;
    struct iml__journal j;
    again();
    assert_ok(iml__dirs_open(&d, dir, e));
    assert_ok(iml__journal_open(&j, d, "0", e));
    assert_int_equal(script_run(&s, NULL, &err), IML_EARG);
    assert_non_null(strstr(err.msg, "another run is writing to"));
    iml__journal_close(&j);
    iml__dirs_close(&d);
    assert_ok(script_run(&s, NULL, e));
}

static void only_makes_single_items(void **state)
{
    (void)state;
    const uint64_t only[] = {1, 5, 30};
    struct script_result r;
    struct script s = plain(SCRIPT_LOOSE);
    again();
    s.only = only, s.n_only = 3;
    assert_ok(script_run(&s, &r, e));
    assert_false(r.sums.complete);
    assert_true(test_exists(dir, "000/000000001.bin"));
    assert_true(test_exists(dir, "001/000000030.bin"));
    s = plain(SCRIPT_LOOSE);
    assert_ok(script_run(&s, &r, e));
    assert_int_equal(r.made, 54);
    assert_true(script_digest(dir, NULL) == undisturbed(s));
    for (int k = SCRIPT_PARTS; k < SCRIPT_KINDS; k++) { // loose files without record
        again();
        s = plain(k), s.only = only, s.n_only = 3;
        assert_ok(script_run(&s, &r, e));
        assert_int_equal(r.made, 3);
        assert_false(r.sums.complete);
        assert_true(test_exists(dir, k == SCRIPT_PARTS ? "001/000000030.bin" : "000000030.bin"));
        assert_false(test_exists(dir, "labels.tsv"));
    }
    again();
    iml_err err = {0};
    s = plain(SCRIPT_SHARDS), s.stop_after = 20;
    assert_ok(script_run(&s, &r, e));
    s.only = only, s.n_only = 3, s.stop_after = 0;
    assert_int_equal(script_run(&s, &r, &err), IML_EARG);
    assert_non_null(strstr(err.msg, "--only"));
}

static void names_that_cannot_be_are_the_jobs_mistake(void **state)
{
    (void)state;
    iml_err err = {0};
    struct iml__commit *c;
    struct iml__past *past;
    iml_run_opts o = {.out_dir = dir, .shard_count = 1};
    iml_job job = {.name = "x", .count = 9};
    const char *const names[] = {"../x", "/x", ".imloom/journal.0", "a//b"};
    again();
    for (int tar = 0; tar < 2; tar++) {
        struct iml__commit_conf conf = {.job = &job,
                                        .opts = &o,
                                        .count = 9,
                                        .unit_items = 1,
                                        .sink = tar ? iml_sink_tar() : iml_sink_file()};
        test_rm(dir);
        assert_ok(iml__commit_open(&c, &conf, &past, e));
        for (size_t i = 0; i < 4; i++) {
            iml_out out = {.name = names[i]};
            assert_int_equal(iml__commit_put(c, 0, &out, 1, &err), IML_EBUG);
        }
        iml_out twice[2] = {{.name = "same"}, {.name = "same"}};
        if (!tar) assert_int_equal(iml__commit_put(c, 1, twice, 2, &err), IML_EBUG);
        iml_out blank = {.name = "a b.png"};
        assert_int_equal(iml__commit_put(c, 2, &blank, 1, &err), tar ? IML_EBUG : IML_OK);
        iml__commit_close(&c);
        assert_int_equal(test_count_tmp(dir), 0);
    }
}

static void one_name_of_two_items_is_found(void **state)
{
    (void)state;
    iml_err err = {0};
    struct iml__commit *c;
    struct iml__past *past;
    iml_run_opts o = {.out_dir = dir, .shard_count = 1};
    iml_job job = {.name = "x", .count = 2};
    struct iml__commit_conf conf = {
        .job = &job, .opts = &o, .count = 2, .unit_items = 1, .sink = iml_sink_file()};
    again();
    assert_ok(iml__commit_open(&c, &conf, &past, e));
    for (uint64_t i = 0; i < 2; i++) {
        iml_out out = {.name = "same"};
        assert_ok(iml__commit_put(c, i, &out, 1, e));
        assert_ok(iml__commit_item_ok(c, i, NULL, 0, e));
        assert_ok(iml__commit_units(c, &i, 1, e));
    }
    assert_int_equal(iml__commit_finish(c, NULL, &err), IML_EBUG);
    assert_non_null(strstr(err.msg, "same was written by two items, 0 and 1"));
    assert_false(test_exists(dir, "manifest.json"));
    iml__commit_close(&c);
}

static void a_users_own_files_are_never_replaced(void **state)
{
    (void)state;
    for (int k = 0; k < SCRIPT_KINDS; k++) {
        struct script s = plain(k);
        struct stat was, is;
        char path[200], name[128] = "shard-000002.tar";
        iml_err err = {0};
        again();
        assert_ok(script_run(&s, NULL, e)); // which names there are
        if (k < SCRIPT_SHARDS) {
            const char *p = strstr(test_read(dir, ".imloom/files.0.jsonl", NULL), "\"item\":20,");
            assert_int_equal(sscanf(p, "\"item\":20,\"name\":\"%120[^\"]", name), 1);
        }
        test_rm(dir);
        assert_int_equal(mkdir(dir, 0777), 0);
        test_write(dir, "manifest.json", "mine", 4);
        for (int over = 0; over < 2; over++) {
            s.flags = over ? IML_RUN_OVERWRITE : 0;
            assert_int_equal(script_run(&s, NULL, &err), IML_EARG);
            assert_string_equal(test_read(dir, "manifest.json", NULL), "mine");
            assert_false(test_exists(dir, ".imloom"));
        }
        (void)snprintf(path, sizeof path, "%s/manifest.json", dir);
        assert_int_equal(unlink(path), 0);
        (void)snprintf(path, sizeof path, "%s/%s", dir, name);
        if (strchr(name, '/')) {
            *strrchr(path, '/') = 0;
            assert_int_equal(mkdir(path, 0777), 0);
            (void)snprintf(path, sizeof path, "%s/%s", dir, name);
        }
        test_write(dir, name, "mine", 4);
        assert_int_equal(stat(path, &was), 0);
        for (int i = 0; i < 3; i++) { // nor do later runs take it
            s.flags = i == 2 ? IML_RUN_OVERWRITE : 0;
            assert_int_equal(script_run(&s, NULL, &err), IML_ESINK);
            assert_non_null(strstr(err.msg, name));
            assert_int_equal(stat(path, &is), 0);
            assert_true(was.st_ino == is.st_ino && is.st_size == 4);
        }
        assert_int_equal(unlink(path), 0);
        s.flags = 0;
        uint64_t want = undisturbed(s);
        assert_ok(script_run(&s, NULL, e));
        assert_true(script_digest(dir, NULL) == want);
    }
}

static int setup(void **s)
{
    (void)s;
    test_dir(dir), test_dir(other);
    return 0;
}
static int teardown(void **s)
{
    (void)s;
    test_rm(dir), test_rm(other);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_makes_a_whole_data_set),
        cmocka_unit_test(a_finished_set_is_left_alone),
        cmocka_unit_test(nodes_and_orders_give_the_same_manifest),
        cmocka_unit_test(a_stopped_run_goes_on_where_it_was),
        cmocka_unit_test(a_cut_journal_gives_no_generation_twice),
        cmocka_unit_test(a_final_name_is_never_half_written),
        cmocka_unit_test(the_manifest_goes_before_any_change),
        cmocka_unit_test(a_set_grows_and_redoes_its_last_unit),
        cmocka_unit_test(retry_bad_makes_only_units_that_hold_one),
        cmocka_unit_test(files_of_an_item_that_turns_bad_are_removed),
        cmocka_unit_test(a_missing_or_changed_file_is_made_again),
        cmocka_unit_test(after_a_power_loss_what_was_not_synced_is_read),
        cmocka_unit_test(a_bad_item_whose_line_is_lost_is_tried_again),
        cmocka_unit_test(other_settings_are_refused_and_named),
        cmocka_unit_test(overwrite_leaves_nothing_of_the_old_set),
        cmocka_unit_test(a_second_run_on_the_same_output_is_refused),
        cmocka_unit_test(only_makes_single_items),
        cmocka_unit_test(names_that_cannot_be_are_the_jobs_mistake),
        cmocka_unit_test(one_name_of_two_items_is_found),
        cmocka_unit_test(a_users_own_files_are_never_replaced),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
