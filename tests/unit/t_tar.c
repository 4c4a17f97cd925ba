#include "tests/unit/iml_test.h"
#include "tests/unit/iml_dir.h"

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/iml_attr.h"
#include "src/base/mem.h"
#include "src/io/atomic.h"
#include "src/io/shardidx.h"
#include "src/io/tar.h"
#include "src/io/vfs.h"

static char dir[64], outside[64];

// ---- Writing and reading back

static char *repeat(char *out, char c, size_t n)
{
    memset(out, c, n);
    out[n] = 0;
    return out;
}

static void members_read_back_whatever_their_names(void **state)
{
    (void)state;
    static char long_name[9][5000];
    size_t n = 0;
    const char *name[16];
    char path[128], a[300], b[300];
    name[n++] = "000000001.png";
    name[n++] = repeat(long_name[0], 'a', 99);
    name[n++] = repeat(long_name[1], 'b', 100);
    name[n++] = repeat(long_name[2], 'c', 101); // no slash: pax
    (void)snprintf(long_name[3], 5000, "%s/%s", repeat(a, 'p', 155),
                   repeat(b, 'n', 100)); // just fits
    name[n++] = long_name[3];
    (void)snprintf(long_name[4], 5000, "%s/%s", repeat(a, 'p', 156), repeat(b, 'n', 100)); // pax
    name[n++] = long_name[4];
    for (size_t i = 0; i < 4095; i++) long_name[5][i] = i % 200 == 199 ? '/' : 'x';
    name[n++] = long_name[5];
    name[n++] = "\xC3\xA4/\xE2\x82\xAC.jpg";
    (void)snprintf(path, sizeof path, "%s/t.tar", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    struct iml__tarw w;
    uint64_t size, hash;
    assert_int_equal(iml__tarw_begin(&w, fd), 0);
    static uint8_t data[3 << 20];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 7 + i / 251);
    const size_t sizes[] = {0, 1, 511, 512, 513, 3 << 20, 10, 1 << 20};
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(iml__tarw_member(&w, name[i], sizes[i]), 0);
        assert_int_equal(iml__tarw_data(&w, data, sizes[i] / 3), 0);
        assert_int_equal(iml__tarw_data(&w, data + sizes[i] / 3, sizes[i] - sizes[i] / 3), 0);
    }
    assert_int_equal(iml__tarw_end(&w, &size, &hash), 0);
    assert_int_equal(size % 10240, 0);
    struct iml__tarr r;
    struct iml__tar_member m;
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    iml__tarr_begin_fd(&r, &fd, "t.tar");
    static uint8_t back[3 << 20];
    for (size_t i = 0; i < n; i++) {
        size_t got;
        assert_ok(iml__tarr_next(&r, &m, e));
        assert_string_equal(m.name, name[i]);
        assert_int_equal(m.size, sizes[i]);
        assert_int_equal(m.offset, w.member[i].offset);
        assert_int_equal(m.offset % 512, 0);
        assert_true(w.member[i].hash == iml__xxh3(data, sizes[i]));
        if (i % 2) continue; // skipped members leave the reader in step
        assert_ok(iml__tarr_read(&r, back, sizeof back, &got, e));
        assert_int_equal(got, sizes[i]);
        assert_memory_equal(back, data, got);
    }
    assert_int_equal(iml__tarr_next(&r, &m, NULL), IML_END);
    assert_int_equal(iml__tarr_next(&r, &m, NULL), IML_END);
    iml__tarr_free(&r);
    iml__tarw_free(&w);
    uint8_t *all = malloc(size);
    assert_int_equal(pread(fd, all, size, 0), size);
    assert_true(iml__xxh3(all, size) == hash);
    free(all);
    close(fd);
}

static void a_header_has_nothing_that_varies(void **state)
{
    (void)state;
    uint8_t h[IML__TAR_HEADER_MAX];
    assert_int_equal(iml__tar_header(h, "a.png", 1234), 512);
    assert_memory_equal(h + 100,
                        "0000444\0"
                        "0000000\0"
                        "0000000\0"
                        "00000002322\0"
                        "00000000000\0",
                        48);
    assert_memory_equal(h + 156, "0", 1);
    assert_memory_equal(h + 257,
                        "ustar\0"
                        "00",
                        8);
    for (int i = 265; i < 512; i++) assert_int_equal(h[i], 0);
    uint32_t sum = 0;
    for (int i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? ' ' : h[i];
    char want[9];
    (void)snprintf(want, sizeof want, "%06o", sum);
    assert_memory_equal(h + 148, want, 7);
    assert_int_equal(h[155], ' ');
    assert_int_equal(iml__tar_header(h, "big", (uint64_t)8 << 30), 1536); // pax size
    assert_memory_equal(h + 512, "19 size=8589934592\n", 19);
    assert_int_equal(iml__tar_header(h, "big", ((uint64_t)8 << 30) - 1), 512);
    assert_int_equal(iml__tar_header(h, "", 1), 0);
}

static void a_member_must_have_the_size_it_promised(void **state)
{
    (void)state;
    char path[128];
    struct iml__tarw w;
    uint64_t size, hash;
    (void)snprintf(path, sizeof path, "%s/s.tar", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    assert_int_equal(iml__tarw_begin(&w, fd), 0);
    assert_int_equal(iml__tarw_member(&w, "a", 4), 0);
    assert_int_equal(iml__tarw_data(&w, "12345", 5), -1);
    assert_int_equal(iml__tarw_data(&w, "123", 3), 0);
    assert_int_equal(iml__tarw_member(&w, "b", 4), -1);
    assert_int_equal(iml__tarw_end(&w, &size, &hash), -1);
    iml__tarw_free(&w);
    close(fd);
}

// ---- Archives by hand

static uint8_t arc[1 << 20];
static size_t arc_n;

static uint8_t *add_block(const char *name, uint64_t size, char type, const char *link)
{
    uint8_t *h = arc + arc_n;
    (void)iml__tar_header(h, "x", size);
    memset(h, 0, 100);
    memcpy(h, name, IML_MIN(strlen(name), (size_t)100));
    h[156] = (uint8_t)type;
    if (link) memcpy(h + 157, link, strlen(link));
    arc_n += 512;
    return h;
}

static void seal(uint8_t *h)
{
    uint32_t sum = 0;
    memset(h + 148, ' ', 8);
    for (int i = 0; i < 512; i++) sum += h[i];
    (void)snprintf((char *)h + 148, 8, "%06o", sum);
}

static void add_data(const void *p, size_t n)
{
    memcpy(arc + arc_n, p, n);
    arc_n += (n + 511) / 512 * 512;
}

static void add(const char *name, char type, const char *link, const char *data)
{
    size_t n = data ? strlen(data) : 0;
    seal(add_block(name, n, type, link));
    if (data) add_data(data, n);
}

static void add_pax(char type, const char *key, const char *value, size_t n)
{
    char rec[8192];
    size_t body = strlen(key) + n + 3, digits = 1;
    while ((size_t)snprintf(NULL, 0, "%zu", body + digits) != digits) digits++;
    int head = snprintf(rec, sizeof rec, "%zu %s=", body + digits, key);
    memcpy(rec + head, value, n);
    rec[(size_t)head + n] = '\n';
    seal(add_block("pax", (size_t)head + n + 1, type, NULL));
    add_data(rec, (size_t)head + n + 1);
}

static void begin(void) { memset(arc, 0, sizeof arc), arc_n = 0; }

struct source {
    size_t at;
};
static int64_t from_arc(void *user, void *p, size_t n)
{
    struct source *s = user;
    size_t k = IML_MIN(n, arc_n - s->at);
    k = IML_MIN(k, (size_t)1000); // reads come in pieces
    memcpy(p, arc + s->at, k);
    s->at += k;
    return (int64_t)k;
}

static char skipped[4096];
static void note(void *user, const char *name, const char *why)
{
    (void)user;
    size_t n = strlen(skipped);
    (void)snprintf(skipped + n, sizeof skipped - n, "%.40s: %s\n", name, why);
}

static iml_status unpack(uint64_t *files)
{
    struct source s = {0};
    struct iml__tarr r;
    struct iml__dirs *d;
    skipped[0] = 0;
    assert_ok(iml__dirs_open(&d, dir, e));
    iml__tarr_begin(&r, from_arc, &s, "hostile.tar");
    iml_status st = iml__tar_unpack(&r, d, "0", 1 << 20, note, NULL, files, NULL);
    iml__tarr_free(&r);
    iml__dirs_close(&d);
    return st;
}

static int bad_kind(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)path, (void)f;
    if (flag == FTW_SL && strstr(path, "/planted")) return 0; // the test's own
    if (flag != FTW_F && flag != FTW_D) return 1;
    return flag == FTW_F && (st->st_mode & 07111);
}

// Whatever the archive was: nothing outside, nothing but plain files inside.
static void assert_harmless(const char *which)
{
    assert_int_equal(test_count_tmp(outside), 0);
    if (test_files_seen) fail_msg("%s wrote outside", which);
    if (test_count_tmp(dir)) fail_msg("%s left a temporary file", which);
    if (nftw(dir, bad_kind, 32, FTW_PHYS)) fail_msg("%s made more than a plain file", which);
}

static void deep(char *out, int n)
{
    for (int i = 0; i < n; i++) memcpy(out + 2 * i, "d/", 2);
    memcpy(out + 2 * n, "f", 2);
}

static void hostile(int which)
{
    char name[1000], link[200];
    uint8_t *h;
    switch (which) {
    case 0: add("../evil", '0', NULL, "x"); break;
    case 1: (void)snprintf(name, sizeof name, "%s/evil", outside), add(name, '0', NULL, "x"); break;
    case 2: add("a/../../evil", '0', NULL, "x"); break;
    case 3: add_pax('x', "path", "ok\0../evil", 10), add("n", '0', NULL, "x"); break;
    case 4:
        add("dev", '3', NULL, NULL), add("blk", '4', NULL, NULL), add("fifo", '6', NULL, NULL);
        break;
    case 5: add("hard", '1', "/etc/passwd", NULL); break;
    case 6: add("link", '2', outside, NULL), add("link/evil", '0', NULL, "x"); break;
    case 7: add("link", '2', "..", NULL), add("link/evil", '0', NULL, "x"); break;
    case 8:
        deep(name, 300), add_pax('x', "path", name, strlen(name)), add("n", '0', NULL, "x");
        break;
    case 9: add("Case.txt", '0', NULL, "1"), add("cASE.TXT", '0', NULL, "2"); break;
    case 10: add_pax('x', "path", "../evil", 7), add("fine", '0', NULL, "x"); break;
    case 11: add_pax('g', "path", "../evil", 7), add("fine", '0', NULL, "x"); break;
    case 12:
        add("././@LongLink", 'L', NULL, "../../../../../../../../tmp/evil"),
            add("fine", '0', NULL, "x");
        break;
    case 13: add(".imloom/journal.0", '0', NULL, "x"); break;
    case 14: // a link planted in the destination before
        (void)snprintf(link, sizeof link, "%s/planted", dir);
        (void)symlink(outside, link);
        add("planted/evil", '0', NULL, "x");
        break;
    case 15: // set-user-id and executable
        h = add_block("suid", 1, '0', NULL);
        memcpy(h + 100, "0006755", 7), seal(h), add_data("x", 1);
        break;
    case 16: h = add_block("huge", 077777777777, '0', NULL), seal(h), add_data("x", 1); break;
    case 17: // base 256, negative
        h = add_block("neg", 0, '0', NULL);
        memset(h + 124, 0xFF, 12), seal(h);
        break;
    case 18: h = add_block("sum", 1, '0', NULL), h[148] ^= 1, add_data("x", 1); break;
    case 19:
        add("sparse", 'S', NULL, "x"), add_pax('x', "GNU.sparse.major", "1", 1),
            add("s2", '0', NULL, "x");
        break;
    case 20: h = add_block("pax", (uint64_t)1 << 31, 'x', NULL), seal(h); break;
    case 21:
        add("a\nb", '0', NULL, "x"), add("a//b", '0', NULL, "x"), add("", '0', NULL, "x");
        break;
    case 22:
        for (int i = 0; i < 100; i++) add_pax('x', "comment", "y", 1);
        add("n", '0', NULL, "x");
        break;
    case 23: add_pax('x', "size", "999999999999999999", 18), add("n", '0', NULL, "x"); break;
    case 24:
        seal(add_block("pax", 9, 'x', NULL)), add_data("99999 a=b\n", 9), add("n", '0', NULL, "x");
        break;
    case 25: add("file", '0', NULL, "x"), add("file/evil", '0', NULL, "x"); break;
    default: break;
    }
}

static void hostile_archives_stay_inside_their_directory(void **state)
{
    (void)state;
    for (int i = 0; i < 26; i++) {
        char which[32];
        uint64_t files = 0;
        test_rm(dir), test_rm(outside);
        assert_int_equal(mkdir(dir, 0777), 0);
        assert_int_equal(mkdir(outside, 0777), 0);
        begin();
        hostile(i);
        add("last", '0', NULL, "y");
        arc_n += 1024;
        iml_status st = unpack(&files);
        (void)snprintf(which, sizeof which, "archive %d", i);
        assert_harmless(which);
        bool damaged = i == 16 || i == 17 || i == 18 || i == 20 || i == 22 || i == 23 || i == 24;
        bool sink = i == 14 || i == 25; // the destination itself is in the way
        if (sink) {
            assert_int_equal(st, IML_ESINK);
        } else if (damaged) {
            if (st != IML_EINPUT && st != IML_ELIMIT) fail_msg("%s: %d", which, st);
        } else {
            if (st) fail_msg("%s: %s", which, iml_status_name(st));
            if (i != 11) assert_true(test_exists(dir, "last")); // what is safe is unpacked
            if (i != 8 && i != 15) assert_true(skipped[0] != 0);
        }
    }
    test_rm(outside), test_rm(dir);
    assert_int_equal(mkdir(dir, 0777), 0);
    assert_int_equal(mkdir(outside, 0777), 0);
}

static void other_programs_archives_are_read(void **state)
{
    (void)state;
    struct source s = {0};
    struct iml__tarr r;
    struct iml__tar_member m;
    begin();
    uint8_t *h = add_block("v7.txt", 2, 0, NULL); // v7: no magic, type NUL
    memset(h + 257, 0, 255), seal(h), add_data("v7", 2);
    h = add_block("gnu.txt", 3, '0', NULL); // GNU: its prefix field holds times
    memcpy(h + 257, "ustar  \0", 8), memcpy(h + 345, "12345670123", 11), seal(h),
        add_data("gnu", 3);
    h = add_block("b256", 0, '0', NULL);
    memset(h + 124, 0, 12), h[124] = 0x80, h[135] = 4, seal(h), add_data("b256", 4);
    char longest[300];
    add("././@LongLink", 'L', NULL, repeat(longest, 'q', 299)), add("qqq", '0', NULL, "long");
    h = add_block("blank", 0, '0', NULL);
    memcpy(h + 124, "         12 ", 12), seal(h), add_data("1234567890", 10); // octal 12 = 10
    add("dir/", '0', NULL, NULL);
    add_pax('x', "path", "p\xC3\xA4x", 4), add("short", '0', NULL, "pax");
    // No end blocks; then what follows two zero blocks is junk.
    iml__tarr_begin(&r, from_arc, &s, "others.tar");
    const struct {
        const char *name;
        uint64_t size;
        char type;
    } want[] = {{"v7.txt", 2, '0'}, {"gnu.txt", 3, '0'}, {"b256", 4, '0'},      {longest, 4, '0'},
                {"blank", 10, '0'}, {"dir/", 0, '5'},    {"p\xC3\xA4x", 3, '0'}};
    for (size_t i = 0; i < IML_COUNT_OF(want); i++) {
        assert_ok(iml__tarr_next(&r, &m, e));
        assert_string_equal(m.name, want[i].name);
        assert_int_equal(m.size, want[i].size);
        assert_int_equal(m.type, want[i].type);
    }
    assert_int_equal(iml__tarr_next(&r, &m, NULL), IML_END);
    iml__tarr_free(&r);
    begin();
    add("one", '0', NULL, "1");
    arc_n += 1024;
    memset(arc + arc_n, 0xAA, 700), arc_n += 700;
    s.at = 0;
    iml__tarr_begin(&r, from_arc, &s, "junk.tar");
    assert_ok(iml__tarr_next(&r, &m, e));
    assert_int_equal(iml__tarr_next(&r, &m, NULL), IML_END);
    iml__tarr_free(&r);
}

static void unpacking_stops_at_its_limit(void **state)
{
    (void)state;
    struct source s = {0};
    struct iml__tarr r;
    struct iml__dirs *d;
    uint64_t files;
    begin();
    add("a", '0', NULL, "0123456789");
    assert_ok(iml__dirs_open(&d, dir, e));
    iml__tarr_begin(&r, from_arc, &s, "bomb.tar");
    assert_int_equal(iml__tar_unpack(&r, d, "0", 9, NULL, NULL, &files, NULL), IML_ELIMIT);
    iml__tarr_free(&r);
    iml__dirs_close(&d);
    assert_int_equal(test_count_tmp(dir), 0);
    assert_false(test_exists(dir, "a"));
}

// ---- Indexes

static void keys_are_cut_as_webdataset_does(void **state)
{
    (void)state;
    size_t key, suffix;
    assert_true(iml__sample_key("a/b.c/0001.jpg", 14, &key, &suffix));
    assert_int_equal(key, 10);
    assert_int_equal(suffix, 11);
    assert_true(iml__sample_key("x.seg.png", 9, &key, &suffix));
    assert_int_equal(key, 1);
    assert_false(iml__sample_key("nodot", 5, &key, &suffix));
    assert_false(iml__sample_key("a.b/nodot", 9, &key, &suffix));
    assert_false(iml__sample_key("a/.hidden", 9, &key, &suffix));
    assert_non_null(iml__member_name_fault("a b.png"));
    assert_non_null(iml__member_name_fault("a\xFF.png"));
    assert_null(iml__member_name_fault("\xC3\xA4.png"));
}

static iml_status count_members(void *user, uint64_t sample, const struct iml__idx_member *m,
                                iml_err *e)
{
    (void)sample, (void)e, (void)m;
    ++*(uint64_t *)user;
    return IML_OK;
}

static void both_indexes_read_back(void **state)
{
    (void)state;
    char path[128], name[64];
    struct iml__tarw w;
    uint64_t size, hash, samples, members = 0;
    iml__str idx, imx;
    iml__str_init(&idx, 1 << 24), iml__str_init(&imx, 1 << 24);
    (void)snprintf(path, sizeof path, "%s/i.tar", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    assert_int_equal(iml__tarw_begin(&w, fd), 0);
    for (int i = 0; i < 500; i++)
        for (int k = 0; k < 2; k++) {
            (void)snprintf(name, sizeof name, "s/%05d.%s", i, k ? "JSON" : "png");
            assert_int_equal(iml__tarw_member(&w, name, 5), 0);
            assert_int_equal(iml__tarw_data(&w, "bytes", 5), 0);
        }
    assert_int_equal(iml__tarw_member(&w, "README", 0), 0); // in no sample
    assert_int_equal(iml__tarw_end(&w, &size, &hash), 0);
    struct iml__shard_ends ends = {"first", "last!", 5};
    assert_ok(iml__shard_index(&w, size, &ends, &idx, &imx, &samples, e));
    assert_int_equal(samples, 500);
    assert_int_equal(
        strncmp(idx.p, "v1.2 500\npng 512 5 s/00000.png json 1536 5 s/00000.JSON\n", 55), 0);
    assert_ok(iml__idx_read("i.idx", idx.p, idx.n, count_members, &members, &samples, e));
    assert_int_equal(samples, 500);
    assert_int_equal(members, 1000);
    struct iml__imx x;
    assert_ok(iml__imx_read("i.imx", imx.p, imx.n, &x, e));
    assert_int_equal(x.samples, 500);
    assert_int_equal(x.members, 1000);
    assert_int_equal(x.tar_size, size);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof name, "s/%05d", i);
        uint64_t at = iml__imx_find(&x, name, strlen(name));
        assert_int_equal(at, i);
        assert_int_equal(x.sample[at].members, 2);
        assert_int_equal(x.member[x.sample[at].first_member].hash, iml__xxh3("bytes", 5));
    }
    assert_true(iml__imx_find(&x, "s/00500", 7) == UINT64_MAX);
    // Every byte of the binary index is covered by a check.
    char *copy = malloc(imx.n);
    for (size_t i = 0; i < imx.n; i += i < 128 ? 1 : 97) {
        memcpy(copy, imx.p, imx.n);
        copy[i] ^= 1;
        bool free_field = (i >= 16 && i < 40) || (i >= 88 && i < 96) || (i >= 104 && i < 128);
        iml_status st = iml__imx_read("i.imx", copy, imx.n, &x, NULL);
        if (!free_field && i >= 8 && i < 16)
            continue; // the archive's size: compared with the archive
        if (!free_field && st != IML_EINPUT) fail_msg("byte %zu", i);
    }
    free(copy);
    // A key that stands twice would merge two samples.
    iml__tarw_free(&w);
    assert_int_equal(iml__tarw_begin(&w, fd), 0);
    const char *const twice[] = {"a.png", "b.png", "a.json"};
    for (int i = 0; i < 3; i++) assert_int_equal(iml__tarw_member(&w, twice[i], 0), 0);
    iml_err err = {0};
    assert_int_equal(iml__shard_index(&w, 0, &ends, &idx, &imx, &samples, &err), IML_EBUG);
    assert_non_null(strstr(err.msg, "the key \"a\""));
    iml__tarw_free(&w);
    iml__str_free(&idx), iml__str_free(&imx);
    close(fd);
}

static void damaged_text_indexes_are_refused_with_their_line(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "v1.2",
                                      "v1.3 0\n",
                                      "v1.2 x\n",
                                      "v1.2 1\n",
                                      "v1.2 1\njpg 512 5\n",
                                      "v1.2 1\njpg 513 5 a.jpg\n",
                                      "v1.2 1\njpg x 5 a.jpg\n",
                                      "v1.2 1\njpg 512 y a.jpg\n",
                                      "v1.2 1\njpg 512 5 a.jpg",
                                      "v1.2 1\n\n",
                                      "v1.2 1\njpg 512 99999999999999999999 a.jpg\n"};
    uint64_t n;
    iml_err err = {0};
    for (size_t i = 0; i < IML_COUNT_OF(bad); i++)
        assert_int_equal(iml__idx_read("b.idx", bad[i], strlen(bad[i]), NULL, NULL, &n, &err),
                         IML_EINPUT);
    assert_int_equal(iml__idx_read("b.idx", bad[6], strlen(bad[6]), NULL, NULL, &n, &err),
                     IML_EINPUT);
    assert_string_equal(err.msg, "b.idx:2: an offset is no multiple of 512");
    assert_ok(iml__idx_read("v1.idx", "v1.1 1\njpg 512 5 json 1536 7\n", 29, NULL, NULL, &n, e));
    assert_int_equal(n, 1);
}

static int setup(void **s)
{
    (void)s;
    test_dir(dir), test_dir(outside);
    return 0;
}
static int teardown(void **s)
{
    (void)s;
    test_rm(dir), test_rm(outside);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_read_back_whatever_their_names),
        cmocka_unit_test(a_header_has_nothing_that_varies),
        cmocka_unit_test(a_member_must_have_the_size_it_promised),
        cmocka_unit_test(other_programs_archives_are_read),
        cmocka_unit_test(keys_are_cut_as_webdataset_does),
        cmocka_unit_test(both_indexes_read_back),
        cmocka_unit_test(damaged_text_indexes_are_refused_with_their_line),
        cmocka_unit_test(hostile_archives_stay_inside_their_directory),
        cmocka_unit_test(unpacking_stops_at_its_limit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
