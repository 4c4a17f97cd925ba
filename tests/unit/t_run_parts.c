// t_run_parts.c: items whose parts hand files over, and units of one item that append pieces.
#include "tests/unit/iml_test.h"

#include "src/base/arena.h"
#include "src/base/err.h"
#include "src/engine/run.h"
#include "tests/unit/iml_dir.h"

static char dir[64];

enum { PARTS = 24, ITEMS = 9 };

struct world {
    iml_item *it;
    bool splits, appends, mended, asked;
    uint64_t version; // of item 4's input
};

static bool still(void *user, uint64_t i, const char *piece, size_t n)
{
    const struct world *w = user;
    char want[64];
    size_t len = (size_t)snprintf(want, sizeof want, "%04u\tnote of %u", (unsigned)i,
                                  (unsigned)(i + (i == 4 ? w->version : 0)));
    return n > len && memcmp(piece, want, len) == 0;
}

static iml_status put(iml_item *it, iml_arena *a, const char *name, uint32_t flags,
                      const char *text, iml_out *o, iml_err *e)
{
    iml_buf *b;
    iml_frag *f = iml_arena_alloc(a, sizeof *f);
    char *copy = iml__arena_strdup(a, name);
    size_t n = strlen(text);
    if (!f || !copy) return IML_FAIL(e, IML_ENOMEM, "no memory for a name");
    IML_TRY(iml_buf_new(it, n, &b, e));
    memcpy(iml_buf_data(b), text, n);
    iml_buf_set_size(b, n);
    *f = (iml_frag){b, 0, n};
    *o = (iml_out){copy, f, 1, flags};
    return IML_OK;
}

static iml_status part(void *arg, uint32_t k, iml_arena *a, iml_err *e)
{
    iml_item *it = arg;
    char name[64], text[64];
    iml_out o;
    (void)snprintf(name, sizeof name, "%02u/%02u.txt", (unsigned)it->index, (k * 7 + 3) % PARTS);
    (void)snprintf(text, sizeof text, "item %u part %u\n", (unsigned)it->index, k);
    IML_TRY(put(it, a, name, 0, text, &o, e));
    return iml_emit(it, &o, e);
}

static iml_status make(void *user, iml_item *it, iml_out out[], size_t cap, size_t *n, iml_err *e)
{
    const struct world *w = user;
    char line[64];
    (void)cap;
    if (w->splits) IML_TRY(iml_split(it, PARTS, 4096, part, it, e));
    if (!w->appends) return IML_OK;
    if (it->index % 4 == 2 && !w->mended)
        return IML_FAIL(e, IML_EINPUT, "item %u is bad\tfor a reason", (unsigned)it->index);
    (void)snprintf(line, sizeof line, "%04u\tnote of %u\n", (unsigned)it->index,
                   (unsigned)(it->index + (it->index == 4 ? w->version : 0)));
    IML_TRY(put(it, it->arena, "notes", IML_OUT_APPEND, line, &out[*n], e));
    ++*n;
    return IML_OK;
}

static void label(void *user, uint64_t i, char *text, size_t cap)
{
    (void)user;
    (void)snprintf(text, cap, "case%u", (unsigned)i);
}

static iml_status render(const char *context, const iml_table_row *row, size_t rows,
                         void (*add)(void *to, const char *p, size_t n), void *to, iml_err *e)
{
    (void)e;
    add(to, context, strlen(context));
    for (size_t k = 0; k < rows; k++) add(to, "|", 1), add(to, row[k].key, strlen(row[k].key));
    return IML_OK;
}

static const iml_pieces pieces[] = {{"notes", NULL, ""}};
static const iml_aggregate files[] = {
    {.name = "all.txt", .table = "notes", .render_name = "r", .render = render, .bad = "bad"}};

static iml_report go(struct world *w, const char *out, int workers, const iml_sink_ops *sink,
                     unsigned flags, iml_status want)
{
    iml_run_opts o;
    iml_report r = {.size = sizeof r};
    iml_ctx *ctx;
    iml_err err = {0};
    iml_job j = {
        .name = "test", .count = ITEMS, .user = w, .run = make, .config_hash = 7, .label = label};
    j.splits = w->splits, j.context_json = "{}";
    if (w->appends) {
        j.part_items = 1, j.appends = true;
        if (w->asked) j.still = still;
        j.pieces = pieces, j.npieces = 1, j.aggregates = files, j.naggregates = 1;
    }
    iml_run_opts_default(&o);
    o.workers = workers, o.out_dir = out, o.durability = IML_DURABILITY_PROCESS, o.flags |= flags;
    assert_ok(iml_ctx_new(&ctx, e));
    iml_status st = iml_run(ctx, &j, sink, &o, &r, &err);
    if (st != want) fail_msg("%s: %s", iml_status_name(st), err.msg);
    iml_ctx_free(&ctx);
    return r;
}

static const char *fresh(void)
{
    static char path[128];
    static int n;
    (void)snprintf(path, sizeof path, "%s/out-%d", dir, n++);
    return path;
}

static void parts_of_a_split_hand_over_files(void **state)
{
    (void)state;
    struct world w = {.splits = true};
    static char first[1 << 16];
    uint64_t content = 0;
    for (int workers = 0; workers < 6; workers++) {
        const char *out = fresh();
        size_t n;
        iml_report r = go(&w, out, workers, iml_sink_file(), 0, IML_OK);
        assert_true(r.complete);
        assert_int_equal(r.files, ITEMS * PARTS);
        if (!workers) content = r.content;
        assert_true(r.content == content);
        assert_int_equal(test_count_tmp(out), 0);
        // Of one item the list has its files by name, whichever part came first.
        char *list = test_read(out, ".imloom/files.0.jsonl", &n);
        char *at = strstr(list, "{\"item\":3,");
        assert_non_null(at);
        char *end = at;
        for (int k = 0; k < PARTS; k++) end = strchr(end, '\n') + 1;
        if (!workers) memcpy(first, at, (size_t)(end - at));
        assert_memory_equal(first, at, (size_t)(end - at));
    }
}

static void an_ordered_sink_takes_no_files_of_parts(void **state)
{
    (void)state;
    struct world w = {.splits = true};
    (void)go(&w, fresh(), 2, iml_sink_tar(), 0, IML_EBUG);
}

static void units_of_one_item_keep_their_pieces(void **state)
{
    (void)state;
    static const char want[] =
        "{}|0000\tnote of 0|0001\tnote of 1|0003\tnote of 3|0004\tnote of 4|0005\tnote of 5|"
        "0007\tnote of 7|0008\tnote of 8|bad\t000000000002\t0\tcase2\titem 2 is bad for a reason|"
        "bad\t000000000006\t0\tcase6\titem 6 is bad for a reason";
    struct world w = {.appends = true};
    const char *out = fresh();
    iml_report r = go(&w, out, 2, iml_sink_file(), 0, IML_OK);
    assert_true(r.complete);
    assert_int_equal(r.bad, 2);
    assert_string_equal(test_read(out, "all.txt", NULL), want);
    r = go(&w, out, 2, iml_sink_file(), 0, IML_OK);
    assert_int_equal(r.resumed, ITEMS);
    // A unit file, or a part, that is lost or damaged is made again, and no other.
    static const char *const lost[] = {"units/000003.json", "parts/notes.000004"};
    for (int k = 0; k < 4; k++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/.imloom/%s", out, lost[k / 2]);
        if (k % 2)
            assert_int_equal(truncate(path, 3), 0);
        else
            assert_int_equal(unlink(path), 0);
        (void)snprintf(path, sizeof path, "%s/manifest.json", out);
        r = go(&w, out, 2, iml_sink_file(), 0, IML_OK);
        assert_int_equal(r.resumed, ITEMS - 1);
        assert_string_equal(test_read(out, "all.txt", NULL), want);
    }
    w.mended = true;
    r = go(&w, out, 2, iml_sink_file(), IML_RUN_RETRY_BAD, IML_OK);
    assert_int_equal(r.bad, 0);
    assert_null(strstr(test_read(out, "all.txt", NULL), "bad"));
}

static void flip(const char *out, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", out, name);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fputc('#', f), '#');
    assert_int_equal(fclose(f), 0);
}

static void a_file_written_to_since_is_read_and_made_again(void **state)
{
    (void)state;
    struct world w = {.splits = true};
    const char *out = fresh();
    iml_report r = go(&w, out, 2, iml_sink_file(), 0, IML_OK);
    uint64_t content = r.content;
    flip(out, "05/07.txt"); // of the same size
    r = go(&w, out, 2, iml_sink_file(), 0, IML_OK);
    assert_int_equal(r.resumed, ITEMS - 1);
    assert_true(r.complete && r.content == content);
    assert_int_equal(test_read(out, "05/07.txt", NULL)[0], 'i');
    // Touched, but the same: read, and believed. Times that are lost or torn cost no more.
    char path[256];
    (void)snprintf(path, sizeof path, "%s/03/03.txt", out);
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){{1, 0}, {1, 0}}, 0), 0);
    (void)snprintf(path, sizeof path, "%s/.imloom/times.0", out);
    for (int k = 0; k < 3; k++) {
        r = go(&w, out, 2, iml_sink_file(), 0, IML_OK);
        assert_int_equal(r.resumed, ITEMS);
        if (k == 0) assert_int_equal(truncate(path, 16 * PARTS + 5), 0);
        if (k == 1) assert_int_equal(unlink(path), 0);
    }
}

static void a_job_may_ask_for_an_item_again(void **state)
{
    (void)state;
    struct world w = {.appends = true, .asked = true};
    const char *out = fresh();
    iml_report r = go(&w, out, 2, iml_sink_file(), 0, IML_OK);
    r = go(&w, out, 2, iml_sink_file(), 0, IML_OK);
    assert_int_equal(r.resumed, ITEMS);
    w.version = 100;
    r = go(&w, out, 2, iml_sink_file(), 0, IML_OK);
    assert_int_equal(r.resumed, ITEMS - 1);
    assert_non_null(strstr(test_read(out, "all.txt", NULL), "|0004\tnote of 104|"));
    r = go(&w, out, 2, iml_sink_file(), 0, IML_OK);
    assert_int_equal(r.resumed, ITEMS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_a_split_hand_over_files),
        cmocka_unit_test(an_ordered_sink_takes_no_files_of_parts),
        cmocka_unit_test(units_of_one_item_keep_their_pieces),
        cmocka_unit_test(a_file_written_to_since_is_read_and_made_again),
        cmocka_unit_test(a_job_may_ask_for_an_item_again),
    };
    test_dir(dir);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_rm(dir);
    return failed;
}
