// shardidx.c: making and reading the two indexes of a shard.
//
// Both are made from what the writer remembers of its members, so that the archive is not read
// again; both are pure functions of the archive's bytes (T.imx stores the modification time 0:
// "unknown"), so that they obey the promise of same bytes like the data. The binary index is read
// in place: every offset and count is checked once when it is opened, and used unchecked after.
#include "src/io/shardidx.h"

#include <stdio.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/io/tar.h"

enum { HEADER = 128 };
_Static_assert(sizeof(struct iml__imx_sample) == 32, "the file's layout, no padding");
_Static_assert(sizeof(struct iml__imx_member) == 32, "the file's layout, no padding");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "T.imx is read in place");

struct header {
    char magic[8];
    uint64_t tar_size;
    int64_t mtime_ns;
    uint64_t first_hash, last_hash, samples, members;
    uint64_t sample_off, member_off, names_off, table_off;
    uint64_t set_hash, rest_hash, zero[3];
};
_Static_assert(sizeof(struct header) == HEADER, "the file's layout, no padding");

bool iml__sample_key(const char *name, size_t n, size_t *key_len, size_t *suffix)
{
    size_t from = n;
    while (from && name[from - 1] != '/') from--;
    const char *dot = memchr(name + from, '.', n - from);
    if (!dot || dot == name + from) return false;
    *key_len = (size_t)(dot - name), *suffix = *key_len + 1;
    return true;
}

const char *iml__member_name_fault(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++) {
        if (name[i] == ' ') return "it holds a blank";
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F) return "it holds a control byte";
    }
    return iml__utf8_valid(name, n, NULL) ? NULL : "it is not UTF-8";
}

static void add_lower(iml__str *s, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        iml__str_addc(s, p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i]);
}

// ---- Making

struct making {
    const struct iml__tarw *w;
    iml__str sample, member, names, text; // arrays of the file's structs, and T.idx's lines
    uint64_t samples, members;
};

// One sample: members from..to-1 of the writer, all with this key.
static iml_status add_sample(struct making *k, size_t from, size_t to, size_t key_len, iml_err *e)
{
    const char *first = iml__tarw_name(k->w, from);
    struct iml__imx_sample s = {
        .key_hash = iml__xxh3(first, key_len),
        .key_off = (uint32_t)k->names.n,
        .key_len = (uint16_t)key_len,
        .members = (uint16_t)(to - from),
        .first_member = (uint32_t)k->members,
    };
    if (key_len > UINT16_MAX || to - from > UINT16_MAX || k->names.n > UINT32_MAX - 8192)
        return IML_FAIL(e, IML_EBUG, "%.100s: a sample too large for an index", first);
    iml__str_add(&k->names, first, key_len);
    for (size_t i = from; i < to; i++) {
        const struct iml__tarw_member *m = &k->w->member[i];
        const char *name = iml__tarw_name(k->w, i), *ext = name + key_len + 1;
        struct iml__imx_member row = {
            m->offset, m->size, m->hash, (uint32_t)k->names.n, (uint16_t)strlen(ext), 0};
        size_t at = k->names.n;
        add_lower(&k->names, ext, row.ext_len);
        iml__str_add(&k->member, &row, sizeof row);
        if (k->names.failed) return IML_FAIL(e, IML_ENOMEM, "no memory for a shard's index");
        iml__str_addf(&k->text, "%s%.*s %llu %llu %s", i > from ? " " : "", (int)row.ext_len,
                      k->names.p + at, (unsigned long long)m->offset, (unsigned long long)m->size,
                      name);
        k->members++;
    }
    iml__str_addc(&k->text, '\n');
    iml__str_add(&k->sample, &s, sizeof s);
    k->samples++;
    return IML_OK;
}

static iml_status group(struct making *k, iml_err *e)
{
    size_t key, suffix, other;
    for (size_t i = 0; i < k->w->n;) {
        const char *name = iml__tarw_name(k->w, i);
        const char *fault = iml__member_name_fault(name);
        if (fault)
            return IML_FAIL(e, IML_EBUG, "\"%.120s\" cannot stand in a shard: %s", name, fault);
        if (!iml__sample_key(name, strlen(name), &key, &suffix)) {
            i++;
            continue;
        }
        size_t to = i + 1;
        for (; to < k->w->n; to++) {
            const char *next = iml__tarw_name(k->w, to);
            if (!iml__sample_key(next, strlen(next), &other, &suffix)) break;
            if (other != key || memcmp(next, name, key) != 0) break;
        }
        IML_TRY(add_sample(k, i, to, key, e));
        i = to;
    }
    return IML_OK;
}

static size_t table_size(uint64_t n)
{
    size_t size = 1;
    while (2 * size < 3 * n) size *= 2;
    return size;
}

// Row numbers + 1 at the key's hash, 0 free. A key that stands twice would be one sample to some
// readers and two to others.
static iml_status fill_table(const struct making *k, uint32_t *table, size_t n, iml_err *e)
{
    const struct iml__imx_sample *s = (const void *)k->sample.p;
    for (uint64_t i = 0; i < k->samples; i++) {
        size_t at = (size_t)s[i].key_hash & (n - 1);
        for (; table[at]; at = (at + 1) & (n - 1)) {
            const struct iml__imx_sample *o = &s[table[at] - 1];
            if (o->key_hash == s[i].key_hash && o->key_len == s[i].key_len &&
                memcmp(k->names.p + o->key_off, k->names.p + s[i].key_off, s[i].key_len) == 0)
                return IML_FAIL(e, IML_EBUG, "two samples of a shard have the key \"%.*s\"",
                                (int)IML_MIN(s[i].key_len, 120), k->names.p + s[i].key_off);
        }
        table[at] = (uint32_t)i + 1;
    }
    return IML_OK;
}

// The content hash of a manifest, over the shard's members: xxh3 of {xxh3(name), size, xxh3} in
// the order of the archive.
static uint64_t set_hash(const struct making *k, iml__str *imx)
{
    iml__xxh3_state *h = iml__xxh3_new();
    if (!h) {
        imx->failed = IML_ENOMEM;
        return 0;
    }
    for (size_t i = 0; i < k->w->n; i++) {
        const struct iml__tarw_member *m = &k->w->member[i];
        uint64_t row[3] = {iml__xxh3_text(iml__tarw_name(k->w, i)), m->size, m->hash};
        iml__xxh3_add(h, row, sizeof row);
    }
    uint64_t v = iml__xxh3_end(h);
    iml__xxh3_free(&h);
    return v;
}

static void pad8(iml__str *s)
{
    while (s->n & 7) iml__str_addc(s, 0);
}

static void assemble(const struct making *k, const uint32_t *table, size_t table_n,
                     uint64_t tar_size, const struct iml__shard_ends *ends, iml__str *imx)
{
    struct header h = {.magic = {'I', 'M', 'L', 'X', '0', '0', '0', '1'},
                       .tar_size = tar_size,
                       .first_hash = iml__xxh3(ends->first, ends->n),
                       .last_hash = iml__xxh3(ends->last, ends->n),
                       .samples = k->samples,
                       .members = k->members};
    iml__str_clear(imx);
    h.set_hash = set_hash(k, imx);
    iml__str_add(imx, &h, sizeof h);
    h.sample_off = imx->n;
    iml__str_add(imx, k->sample.p, k->sample.n);
    h.member_off = imx->n;
    iml__str_add(imx, k->member.p, k->member.n);
    h.names_off = imx->n;
    iml__str_add(imx, k->names.p, k->names.n);
    pad8(imx);
    h.table_off = imx->n;
    iml__str_add(imx, table, table_n * sizeof *table);
    if (imx->failed) return;
    h.rest_hash = iml__xxh3(imx->p + HEADER, imx->n - HEADER);
    memcpy(imx->p, &h, sizeof h);
}

iml_status iml__shard_index(const struct iml__tarw *w, uint64_t tar_size,
                            const struct iml__shard_ends *ends, iml__str *idx, iml__str *imx,
                            uint64_t *samples, iml_err *e)
{
    struct making k = {.w = w};
    uint32_t *table = NULL;
    iml__str_init(&k.sample, (size_t)1 << 36);
    iml__str_init(&k.member, (size_t)1 << 36);
    iml__str_init(&k.names, UINT32_MAX);
    iml__str_init(&k.text, (size_t)1 << 36);
    iml_status st = group(&k, e);
    size_t n = table_size(k.samples);
    if (!st && !(table = iml__calloc(n, sizeof *table))) st = IML_ENOMEM;
    if (!st && k.sample.failed) st = IML_ENOMEM; // the table reads the samples
    if (!st) st = fill_table(&k, table, n, e);
    if (!st) {
        iml__str_clear(idx);
        iml__str_addf(idx, "v1.2 %llu\n", (unsigned long long)k.samples);
        iml__str_add(idx, k.text.p, k.text.n);
        assemble(&k, table, n, tar_size, ends, imx);
        *samples = k.samples;
        if (idx->failed || imx->failed || k.member.failed || k.text.failed) st = IML_ENOMEM;
    }
    if (st == IML_ENOMEM) st = IML_FAIL(e, IML_ENOMEM, "no memory for a shard's index");
    IML_FREE(table);
    iml__str_free(&k.sample);
    iml__str_free(&k.member);
    iml__str_free(&k.names);
    iml__str_free(&k.text);
    return st;
}

// ---- T.idx

static iml_status idx_error(const char *label, uint64_t line, const char *what, iml_err *e)
{
    return IML_FAIL(e, IML_EINPUT, "%.100s:%llu: %s", label, (unsigned long long)line, what);
}

static bool digits(const char *p, size_t n, uint64_t *v)
{
    char text[24];
    if (n == 0 || n >= sizeof text) return false;
    memcpy(text, p, n);
    text[n] = 0;
    return iml__parse_u64(text, v);
}

// The next blank-separated word of a line; 0: there is none.
static size_t word(const char **p, const char *end, const char **out)
{
    while (*p < end && **p == ' ') ++*p;
    *out = *p;
    while (*p < end && **p != ' ') ++*p;
    return (size_t)(*p - *out);
}

iml_status iml__idx_read(const char *label, const char *text, size_t n,
                         iml_status (*member)(void *user, uint64_t sample,
                                              const struct iml__idx_member *m, iml_err *e),
                         void *user, uint64_t *samples, iml_err *e)
{
    const char *p = text, *end = text + n, *w;
    const char *stop = n ? memchr(p, '\n', n) : NULL;
    bool named = n >= 5 && memcmp(p, "v1.2 ", 5) == 0;
    uint64_t want, line = 1;
    *samples = 0;
    if (!stop || (!named && (n < 5 || memcmp(p, "v1.1 ", 5) != 0)))
        return idx_error(label, 1, "not an index of DALI's form v1.1 or v1.2", e);
    if (!digits(p + 5, (size_t)(stop - p) - 5, &want))
        return idx_error(label, 1, "the number of samples is no number", e);
    for (p = stop + 1; p < end; p = stop + 1) {
        line++;
        stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop) return idx_error(label, line, "the line is cut off", e);
        uint64_t in_line = 0;
        struct iml__idx_member m = {0};
        while ((m.ext_len = word(&p, stop, &m.ext))) {
            size_t k = word(&p, stop, &w);
            if (!digits(w, k, &m.offset))
                return idx_error(label, line, "an offset is no number", e);
            k = word(&p, stop, &w);
            if (!digits(w, k, &m.size)) return idx_error(label, line, "a size is no number", e);
            if (m.offset % IML__TAR_BLOCK)
                return idx_error(label, line, "an offset is no multiple of 512", e);
            if (m.size > INT64_MAX || m.offset > INT64_MAX - m.size)
                return idx_error(label, line, "a size is too large", e);
            if (named && !(m.name_len = word(&p, stop, &m.name)))
                return idx_error(label, line, "a name is missing", e);
            if (member) IML_TRY(member(user, *samples, &m, e));
            in_line++;
        }
        if (!in_line) return idx_error(label, line, "an empty line", e);
        ++*samples;
    }
    if (*samples != want)
        return idx_error(label, 1, "the number of samples is not that of the lines", e);
    return IML_OK;
}

// ---- T.imx

static iml_status imx_error(const char *label, const char *what, iml_err *e)
{
    return IML_FAIL(e, IML_EINPUT, "%.100s is no usable shard index: %s; make it again with pack",
                    label, what);
}

// count elements of size bytes at offset off lie within n bytes, aligned to 8.
static bool lies_in(uint64_t off, uint64_t count, uint64_t size, uint64_t n)
{
    return off >= HEADER && off <= n && (off & 7) == 0 && count <= (n - off) / size;
}

static const char *rows_fault(const struct iml__imx *x)
{
    for (uint64_t i = 0; i < x->samples; i++) {
        const struct iml__imx_sample *s = &x->sample[i];
        if (s->key_off > x->names_len || s->key_len > x->names_len - s->key_off)
            return "a key lies outside of it";
        if (s->first_member > x->members || s->members > x->members - s->first_member)
            return "a sample's members lie outside of it";
    }
    for (uint64_t i = 0; i < x->members; i++) {
        const struct iml__imx_member *m = &x->member[i];
        if (m->ext_off > x->names_len || m->ext_len > x->names_len - m->ext_off)
            return "a suffix lies outside of it";
        if (m->offset > x->tar_size || m->size > x->tar_size - m->offset)
            return "a member lies outside of the archive";
    }
    uint64_t used = 0;
    for (uint64_t i = 0; i < x->table_n; i++) {
        if (x->table[i] > x->samples) return "a row of its table lies outside of it";
        used += x->table[i] != 0;
    }
    // Without a free row a search for a key that is not there would not end.
    return used == x->table_n && x->table_n > 1 ? "its table is full" : NULL;
}

iml_status iml__imx_read(const char *label, const void *p, size_t n, struct iml__imx *x, iml_err *e)
{
    struct header h;
    *x = (struct iml__imx){0};
    if (n < HEADER) return imx_error(label, "it is too short", e);
    memcpy(&h, p, sizeof h);
    if (memcmp(h.magic, "IMLX0001", 8) != 0)
        return imx_error(label, "it does not begin with IMLX0001", e);
    const uint8_t *b = p;
    if (iml__xxh3(b + HEADER, n - HEADER) != h.rest_hash)
        return imx_error(label, "its checksum does not fit", e);
    if (!lies_in(h.sample_off, h.samples, sizeof *x->sample, n) ||
        !lies_in(h.member_off, h.members, sizeof *x->member, n) || !lies_in(h.names_off, 0, 1, n) ||
        !lies_in(h.table_off, 0, 1, n) || h.table_off < h.names_off || h.samples >= UINT32_MAX)
        return imx_error(label, "a section lies outside of it", e);
    x->tar_size = h.tar_size, x->mtime_ns = h.mtime_ns;
    x->first_hash = h.first_hash, x->last_hash = h.last_hash, x->set_hash = h.set_hash;
    x->samples = h.samples, x->members = h.members;
    x->sample = (const void *)(b + h.sample_off), x->member = (const void *)(b + h.member_off);
    x->names = (const char *)(b + h.names_off), x->names_len = (size_t)(h.table_off - h.names_off);
    x->table = (const void *)(b + h.table_off), x->table_n = table_size(h.samples);
    if (x->table_n > (n - h.table_off) / sizeof *x->table)
        return imx_error(label, "its table is cut off", e);
    const char *fault = rows_fault(x);
    if (fault) return imx_error(label, fault, e);
    return IML_OK;
}

uint64_t iml__imx_find(const struct iml__imx *x, const char *key, size_t n)
{
    uint64_t h = iml__xxh3(key, n);
    uint64_t at = h & (x->table_n - 1);
    for (uint64_t steps = 0; steps < x->table_n && x->table[at]; steps++) {
        const struct iml__imx_sample *s = &x->sample[x->table[at] - 1];
        if (s->key_hash == h && s->key_len == n && memcmp(x->names + s->key_off, key, n) == 0)
            return x->table[at] - 1;
        at = (at + 1) & (x->table_n - 1);
    }
    return UINT64_MAX;
}
