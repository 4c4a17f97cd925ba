// fz_ledger.c: a whole .imloom as a stranger may have written it: journal, list, list of bad items,
// settings and manifest, loaded and held against a directory without any of the files.
//
// Input: a byte (items a unit), a byte (records), 8 bytes a record, then the four texts, each
// behind a byte of its length / 4. Checksums, sums of the list's lines and content hashes are made
// to fit, or nothing would get past them.
#include "fuzz/fz_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/engine/commit_in.h"
#include "src/io/vfs.h"

static struct iml__dirs *dirs;

static char name[64];

static void clean_up(void)
{
    static const char *const files[] = {".imloom/files.0.jsonl", ".imloom/journal.0",
                                        ".imloom/bad.0.jsonl", ".imloom/settings.0.json",
                                        "manifest.json"};
    int root = iml__dirs_root_fd(dirs);
    for (size_t i = 0; i < IML_COUNT_OF(files); i++) (void)iml__unlinkat(root, files[i], 0);
    (void)iml__unlinkat(root, ".imloom", AT_REMOVEDIR);
    (void)iml__unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
    iml__dirs_close(&dirs);
}

static void open_once(void)
{
    if (dirs) return;
    (void)snprintf(name, sizeof name, "%s/iml-fuzz-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(name) || iml__dirs_open(&dirs, name, NULL)) abort();
    if (iml__mkdirat(iml__dirs_root_fd(dirs), ".imloom", 0777)) abort();
    if (atexit(clean_up)) abort();
}

static void put(const char *file, const void *p, size_t n)
{
    int fd = iml__openat(iml__dirs_root_fd(dirs), file, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || iml__write_all(fd, p, n)) abort();
    iml__close(&fd);
}

static size_t text(const uint8_t **p, const uint8_t *end, const uint8_t **out)
{
    size_t n = *p < end ? (size_t) * (*p)++ * 4 : 0;
    n = IML_MIN(n, (size_t)(end - *p));
    *out = *p, *p += n;
    return n;
}

// A list whose lines have their sums: `}` at the end of a line becomes `,"sum":"..."}`.
static size_t seal(const uint8_t *p, size_t n, char out[8192])
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *end = memchr(p + i, '\n', n - i);
        size_t len = end ? (size_t)(end - p) - i : n - i;
        bool whole = end && len && p[i + len - 1] == '}';
        if (k + len + 24 > 8192) break;
        memcpy(out + k, p + i, len);
        if (whole) {
            uint32_t sum = iml__line_sum(out + k, len - 1);
            k += len - 1;
            k += (size_t)snprintf(out + k, 24, IML__LINE_SUM "\"%08x\"}", (unsigned)sum);
        } else {
            k += len;
        }
        if (end) out[k++] = '\n';
        i += len;
    }
    return k;
}

// The journal of the records at p; list: their lines.
static void put_journal(const uint8_t *p, size_t records, const uint8_t *list, size_t n)
{
    uint8_t *b = iml__calloc(records + 1, IML__RECORD);
    if (!b) abort();
    struct iml__record begin = {.type = IML__REC_BEGIN, .ok = 1, .bad = 1, .content = 7};
    iml__record_encode(b, &begin);
    for (size_t i = 0; i < records; i++, p += 8) {
        struct iml__record r = {.type = (enum iml__rec)(1 + p[0] % 7), .ok = p[1], .bad = p[2] & 3};
        r.id = p[3] | (p[2] & 4 ? (uint64_t)p[4] << 8 * (p[2] >> 5) : 0);
        r.bytes = p[5] | (uint64_t)p[6] << 8;
        if (r.type == IML__REC_BEGIN) r.bytes = 0, r.content = p[7];
        if (r.type == IML__REC_BATCH && r.id < r.bytes && r.bytes <= n)
            r.content = iml__xxh3(list + r.id, (size_t)(r.bytes - r.id));
        size_t from = p[6], to = IML_MIN((size_t)p[5] + p[7], n);
        if (r.type == IML__REC_UNIT && from < to) r.content = iml__xxh3(list + from, to - from);
        iml__record_encode(b + (i + 1) * IML__RECORD, &r);
    }
    put(".imloom/journal.0", b, (records + 1) * IML__RECORD);
    IML_FREE(b);
}

static bool redo(void *user, uint64_t unit)
{
    (void)user;
    return unit & 1;
}

static iml_status line_fits(void *user, const struct iml__ledger_node *node,
                            const struct iml__line *line, iml_err *e)
{
    const uint64_t *extent = user;
    (void)e;
    if (line->off + line->len > node->list_n) abort();
    return line->item < *extent || line->kind != IML__LINE_FILE ? IML_OK : IML_EBUG;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *end = data + n, *p = data + 2, *list, *other;
    static char sealed[8192];
    struct iml__ledger *l;
    struct iml__set set;
    struct iml__manifest m;
    bool found;
    if (n < 2) return 0;
    open_once();
    uint32_t unit_items = 1 + data[0] % 12;
    size_t records = IML_MIN((size_t)data[1], (n - 2) / 8), k;
    p += records * 8;
    k = text(&p, end, &list);
    k = seal(list, k, sealed);
    put(".imloom/files.0.jsonl", sealed, k);
    put_journal(data + 2, records, (const uint8_t *)sealed, k);
    k = text(&p, end, &other), put(".imloom/bad.0.jsonl", other, k);
    k = text(&p, end, &other), put(".imloom/settings.0.json", other, k);
    k = text(&p, end, &other), put("manifest.json", other, k);
    if (iml__ledger_load(&l, dirs, unit_items, false, NULL) == IML_OK) {
        uint64_t extent = iml__ledger_extent(l);
        if (unit_items == 1 && iml__ledger_each(l, line_fits, &extent, NULL)) abort();
        if (iml__ledger_check(l, 8, NULL) == IML_OK) {
            (void)iml__ledger_orphans(l, redo, NULL, NULL);
            // None of the files is there, so no unit that has one is covered any more.
            for (size_t i = 0; i < l->nredo; i++)
                if (iml__past_span(l->past, l->redo[i])) abort();
        }
        iml__ledger_free(&l);
    }
    (void)iml__set_read(&set, dirs, "0", &found, NULL);
    iml__set_free(&set);
    (void)iml__manifest_read(dirs, &m, &found, NULL);
    return 0;
}
