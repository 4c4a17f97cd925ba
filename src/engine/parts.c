// parts.c: pieces, parts and unit files; join.c makes aggregates of them.
//
// Pieces lie in the order in which their items were done; only their places (24 bytes each) stay in
// memory. A part is written in index order, a table's sorted, when its unit is whole, so its bytes
// do not depend on the order of work.
#include "src/engine/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/json.h"
#include "src/base/mem.h"
#include "src/engine/aggregate.h"
#include "src/engine/table.h"
#include "src/io/atomic.h"
#include "src/io/safe.h"
#include "src/io/vfs.h"

enum { CHUNK = 1 << 16 };

static iml_status no_memory(iml_err *e)
{
    return iml__sink_error(e, ENOMEM, "keep", NULL, "the pieces of label files");
}

void iml__unit_name(char out[64], uint64_t unit)
{
    (void)snprintf(out, 64, ".imloom/units/%06llu.json", (unsigned long long)unit);
}

bool iml__part_name(char out[320], const char *name, uint64_t unit)
{
    char leaf[256];
    size_t n = 0;
    for (; *name; name++) {
        const char *as = *name == '/' ? "%2F" : *name == '%' ? "%25" : NULL;
        if (n + 4 >= 220) return false; // room for the number and the temporary name
        if (as)
            memcpy(leaf + n, as, 3), n += 3;
        else
            leaf[n++] = *name;
    }
    leaf[n] = 0;
    (void)snprintf(out, 320, ".imloom/parts/%s.%06llu", leaf, (unsigned long long)unit);
    return n > 0;
}

// ---- Pieces

static iml_status name_id(struct iml__parts *p, const char *name, uint32_t *id, iml_err *e)
{
    char part[320];
    for (size_t i = 0; i < p->names; i++)
        if (strcmp(p->name[i], name) == 0) {
            *id = (uint32_t)i;
            return IML_OK;
        }
    const char *fault = iml__name_fault(name, strlen(name));
    if (!fault && !iml__part_name(part, name, 0)) fault = "it is too long";
    if (fault) return IML_FAIL(e, IML_EBUG, "\"%.100s\" cannot name an aggregate: %s", name, fault);
    char **grown = iml__realloc(p->name, p->names + 1, sizeof *grown);
    if (!grown) return no_memory(e);
    p->name = grown;
    if (!(p->name[p->names] = iml__strdup(name))) return no_memory(e);
    *id = (uint32_t)p->names++;
    return IML_OK;
}

iml_status iml__parts_add(struct iml__parts *p, struct iml__dirs *d, uint64_t index,
                          const iml_out *out, iml_err *e)
{
    struct iml__piece piece = {.index = index, .off = p->at};
    uint64_t len = 0;
    IML_TRY(name_id(p, out->name, &piece.name, e));
    if (p->fd < 0) IML_TRY(iml__tmp_nameless(d, ".imloom", &p->fd, e));
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 64;
        struct iml__piece *grown = iml__realloc(p->piece, cap, sizeof *grown);
        if (!grown) return no_memory(e);
        p->piece = grown, p->cap = cap;
    }
    for (uint32_t i = 0; i < out->nfrag; i++) {
        const iml_frag *f = &out->frag[i];
        if (iml__pwrite_all(p->fd, iml_buf_data(f->data) + f->off, f->len, p->at + len) < 0)
            return iml__sink_error(e, errno, "write a piece of", iml__dirs_root(d), out->name);
        len += f->len;
    }
    if (len > UINT32_MAX)
        return IML_FAIL(e, IML_EBUG, "a piece of %.100s has 4 GiB or more", out->name);
    piece.len = (uint32_t)len;
    p->at += len;
    p->piece[p->n++] = piece;
    return IML_OK;
}

void iml__parts_drop(struct iml__parts *p, uint64_t index)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->piece[i].index != index) p->piece[n++] = p->piece[i];
    p->n = n;
}

void iml__parts_free(struct iml__parts *p)
{
    iml__close(&p->fd);
    IML_FREE(p->piece);
    for (size_t i = 0; i < p->names; i++) IML_FREE(p->name[i]);
    IML_FREE(p->name);
    IML_FREE(p->sum);
    *p = (struct iml__parts){.fd = -1};
}

// ---- Writing a unit's parts

static int by_index(const void *a, const void *b)
{
    const struct iml__piece *x = a, *y = b;
    if (x->index != y->index) return x->index < y->index ? -1 : 1;
    return x->off < y->off ? -1 : x->off > y->off;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Sorts names, and pieces by index; pieces refer to names by number, so those are mapped.
static iml_status arrange(struct iml__parts *p, iml_err *e)
{
    char **sorted = iml__calloc(p->names, sizeof *sorted);
    if (!sorted) return no_memory(e);
    if (p->names) memcpy(sorted, p->name, p->names * sizeof *sorted);
    if (p->names) qsort(sorted, p->names, sizeof *sorted, by_text);
    for (size_t i = 0; i < p->n; i++)
        for (uint32_t k = 0; k < p->names; k++)
            if (sorted[k] == p->name[p->piece[i].name]) {
                p->piece[i].name = k;
                break;
            }
    IML_FREE(p->name);
    p->name = sorted;
    if (p->n) qsort(p->piece, p->n, sizeof *p->piece, by_index);
    return IML_OK;
}

// Copies n bytes at off of in to out. 0, or -1.
static int copy(int in, uint64_t off, int out, uint64_t n, iml__xxh3_state *h, uint8_t *chunk)
{
    while (n) {
        size_t k = (size_t)IML_MIN(n, (uint64_t)CHUNK);
        ssize_t r = iml__pread_all(in, chunk, k, off);
        if (r < 0) return -1;
        if ((size_t)r < k) return errno = EIO, -1; // shorter than it was
        if (iml__write_all(out, chunk, k) < 0) return -1;
        iml__xxh3_add(h, chunk, k);
        n -= k, off += k;
    }
    return 0;
}

// The pieces of one name, joined. 0, or -1.
static int write_joined(const struct iml__parts *p, uint32_t which, const char *between, int fd,
                        iml__xxh3_state *h, struct iml__part *part)
{
    uint8_t *chunk = iml__alloc(CHUNK);
    size_t gap = between ? strlen(between) : 0;
    int r = chunk ? 0 : (errno = ENOMEM, -1);
    for (size_t i = 0; i < p->n && r == 0; i++) {
        if (p->piece[i].name != which || !p->piece[i].len) continue;
        if (part->size && gap) {
            r = iml__write_all(fd, between, gap);
            iml__xxh3_add(h, between, gap);
            part->size += gap;
        }
        if (r == 0) r = copy(p->fd, p->piece[i].off, fd, p->piece[i].len, h, chunk);
        part->size += p->piece[i].len;
    }
    int sys = errno;
    IML_FREE(chunk);
    return errno = sys, r;
}

// The pieces of one name, added up. IML_EBUG: not lines of the table; IML_ENOMEM; else *sys.
static iml_status write_table(const struct iml__parts *p, uint32_t which, const char *columns,
                              int fd, iml__xxh3_state *h, struct iml__part *part, int *sys,
                              iml_err *e)
{
    struct iml__table *t = NULL;
    iml__str text;
    char *piece = NULL;
    iml__str_init(&text, (size_t)1 << 40);
    iml_status st = iml__table_new(&t, columns, e);
    for (size_t i = 0; i < p->n && !st && !*sys; i++) {
        size_t n = p->piece[i].len;
        if (p->piece[i].name != which || !n) continue;
        char *more = iml__realloc(piece, n, 1);
        if (!more) {
            st = IML_ENOMEM;
            break;
        }
        piece = more;
        ssize_t r = iml__pread_all(p->fd, piece, n, p->piece[i].off);
        if (r != (ssize_t)n)
            *sys = r < 0 ? errno : EIO;
        else
            st = iml__table_add(t, piece, n, e);
    }
    if (!st && !*sys) st = iml__table_text(t, &text, e);
    if (!st && !*sys && iml__write_all(fd, text.p, text.n) < 0) *sys = errno;
    if (!st && text.n) iml__xxh3_add(h, text.p, text.n);
    part->size = text.n;
    IML_FREE(piece);
    iml__str_free(&text);
    iml__table_free(&t);
    if (st == IML_EINPUT && e) e->status = IML_EBUG; // the job's own mistake
    return st == IML_EINPUT ? IML_EBUG : st;
}

static iml_status write_part(struct iml__parts *p, struct iml__dirs *d, const char *node,
                             const struct iml__aggregates *g, uint32_t which, uint64_t unit,
                             bool sync, struct iml__part *part, iml_err *e)
{
    char name[320];
    int fd = -1, sys = 0;
    const iml_pieces *how = iml__pieces_find(g, p->name[which]);
    (void)iml__part_name(name, p->name[which], unit); // its length was checked by name_id
    IML_TRY(iml__tmp_create(d, name, node, &fd, e));
    iml__xxh3_state *h = iml__xxh3_new();
    iml_status st = h ? IML_OK : IML_ENOMEM;
    part->size = 0;
    if (h && how && how->columns)
        st = write_table(p, which, how->columns, fd, h, part, &sys, e);
    else if (h && write_joined(p, which, how ? how->between : NULL, fd, h, part) < 0)
        sys = errno;
    if (!st && !sys && sync && iml__fdatasync(fd) < 0) sys = errno;
    if (h) part->xxh3 = iml__xxh3_end(h);
    iml__xxh3_free(&h);
    if (iml__close(&fd) < 0 && !sys) sys = errno;
    if (st == IML_ENOMEM) return no_memory(e);
    return st ? st : sys ? iml__sink_error(e, sys, "write", iml__dirs_root(d), name) : IML_OK;
}

static void unit_text(const struct iml__parts *p, const struct iml__part *part, uint64_t unit,
                      uint32_t ncounters, iml__str *text)
{
    iml__jsonw w;
    iml__jsonw_init(&w, text, 0);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "imloom"), iml__jsonw_u64(&w, 1);
    iml__jsonw_key(&w, "unit"), iml__jsonw_u64(&w, unit);
    iml__jsonw_key(&w, "parts"), iml__jsonw_array(&w);
    for (size_t i = 0; i < p->names; i++) {
        iml__jsonw_object(&w);
        iml__jsonw_key(&w, "name"), iml__jsonw_str(&w, p->name[i]);
        iml__jsonw_key(&w, "size"), iml__jsonw_u64(&w, part[i].size);
        iml__jsonw_key(&w, "xxh3"), iml__jsonw_hex64(&w, part[i].xxh3);
        iml__jsonw_end(&w);
    }
    iml__jsonw_end(&w);
    iml__jsonw_key(&w, "counters"), iml__jsonw_array(&w);
    for (uint32_t i = 0; p->sum && i < ncounters; i++) {
        if (!p->sum[i]) continue;
        iml__jsonw_array(&w);
        iml__jsonw_u64(&w, i), iml__jsonw_u64(&w, p->sum[i]);
        iml__jsonw_end(&w);
    }
    iml__jsonw_end(&w);
    iml__jsonw_end(&w);
    iml__str_addc(text, '\n');
}

// Names that lost all their pieces (their items failed) have no part.
static void forget_unused(struct iml__parts *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->names; i++) {
        bool used = false;
        for (size_t k = 0; k < p->n && !used; k++) used = p->piece[k].name == i;
        if (!used) {
            IML_FREE(p->name[i]);
            continue;
        }
        for (size_t k = 0; k < p->n; k++)
            if (p->piece[k].name == i) p->piece[k].name = (uint32_t)n;
        p->name[n++] = p->name[i];
    }
    p->names = n;
}

iml_status iml__parts_write(struct iml__parts *p, struct iml__dirs *d, const char *node,
                            const struct iml__aggregates *g, uint64_t unit, uint32_t ncounters,
                            bool sync, iml__str *text, iml_err *e)
{
    char name[64];
    int fd = -1;
    IML_TRY(arrange(p, e));
    forget_unused(p);
    struct iml__part *part = iml__calloc(p->names, sizeof *part);
    if (!part) return no_memory(e);
    iml_status st = IML_OK;
    for (uint32_t i = 0; i < p->names && !st; i++)
        st = write_part(p, d, node, g, i, unit, sync, &part[i], e);
    iml__str_clear(text);
    if (!st) unit_text(p, part, unit, ncounters, text);
    IML_FREE(part);
    if (!st && text->failed) st = no_memory(e);
    iml__unit_name(name, unit);
    if (!st) st = iml__tmp_create(d, name, node, &fd, e);
    if (!st) {
        int r = iml__write_all(fd, text->p, text->n);
        if (r == 0 && sync) r = iml__fdatasync(fd);
        int sys = errno;
        if (iml__close(&fd) < 0 && r == 0) r = -1, sys = errno;
        if (r < 0) st = iml__sink_error(e, sys, "write", iml__dirs_root(d), name);
    }
    return st;
}

iml_status iml__parts_rename(struct iml__parts *p, struct iml__dirs *d, const char *node,
                             uint64_t unit, iml_err *e)
{
    char name[320], file[64];
    for (size_t i = 0; i < p->names; i++) {
        (void)iml__part_name(name, p->name[i], unit);
        IML_TRY(iml__tmp_rename(d, name, node, e));
    }
    iml__unit_name(file, unit);
    return iml__tmp_rename(d, file, node, e);
}

void iml__parts_abandon(struct iml__parts *p, struct iml__dirs *d, const char *node, uint64_t unit)
{
    char name[320], file[64];
    for (size_t i = 0; i < p->names; i++)
        if (iml__part_name(name, p->name[i], unit)) iml__tmp_remove(d, name, node);
    iml__unit_name(file, unit);
    iml__tmp_remove(d, file, node);
}

// ---- Unit files

iml_status iml__unit_text(struct iml__dirs *d, uint64_t unit, iml__str *text, iml_err *e)
{
    char name[64], *p;
    size_t n;
    struct stat st;
    iml__unit_name(name, unit);
    iml__str_clear(text);
    if (iml__fstatat(iml__dirs_root_fd(d), name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return IML_OK;
    IML_TRY(iml__file_read_heap(iml__dirs_root_fd(d), name, (size_t)1 << 30, &p, &n, e));
    iml__str_add(text, p, n);
    IML_FREE(p);
    return text->failed ? IML_FAIL(e, IML_ENOMEM, "no memory to read %s", name) : IML_OK;
}

void iml__unit_file_free(struct iml__unit_file *u)
{
    for (size_t i = 0; i < u->parts; i++) IML_FREE(u->part[i].name);
    IML_FREE(u->part);
    IML_FREE(u->counter);
    u->parts = u->counters = 0;
}

static bool hex_of(const char *s, uint64_t *v)
{
    *v = 0;
    size_t n = 0;
    for (; s[n]; n++) {
        char c = s[n];
        int k = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (k < 0 || n >= 16) return false;
        *v = *v << 4 | (uint64_t)k;
    }
    return n == 16;
}

static iml_status malformed(iml_err *e)
{
    return IML_FAIL(e, IML_EINPUT, "a unit file is malformed");
}

static iml_status parse_part(iml__jsonr *r, struct iml__unit_file *u, iml_err *e)
{
    enum iml__json_type t;
    const char *text;
    struct iml__part *grown = iml__realloc(u->part, u->parts + 1, sizeof *grown);
    if (!grown) return IML_FAIL(e, IML_ENOMEM, "no memory for a unit file");
    u->part = grown;
    struct iml__part *p = &u->part[u->parts++];
    *p = (struct iml__part){0};
    for (;;) {
        IML_TRY(iml__jsonr_next(r, &t, e));
        if (t == IML__JSON_END) break;
        if (t != IML__JSON_KEY) return malformed(e);
        char key = iml__str_text(&r->token)[0];
        if (key == 's') {
            IML_TRY(iml__jsonr_u64(r, &p->size, e));
            continue;
        }
        IML_TRY(iml__jsonr_str(r, &text, e));
        if (key == 'n' && !p->name && !(p->name = iml__strdup(text)))
            return IML_FAIL(e, IML_ENOMEM, "no memory for a unit file");
        if (key == 'x' && !hex_of(text, &p->xxh3)) return malformed(e);
    }
    return p->name && !iml__name_fault(p->name, strlen(p->name)) ? IML_OK : malformed(e);
}

static iml_status parse_counter(iml__jsonr *r, struct iml__unit_file *u, iml_err *e)
{
    enum iml__json_type t;
    uint64_t id, sum;
    IML_TRY(iml__jsonr_u64(r, &id, e));
    IML_TRY(iml__jsonr_u64(r, &sum, e));
    IML_TRY(iml__jsonr_next(r, &t, e));
    if (t != IML__JSON_END || id >= IML_COUNTERS_MAX) return malformed(e);
    void *grown = iml__realloc(u->counter, u->counters + 1, sizeof *u->counter);
    if (!grown) return IML_FAIL(e, IML_ENOMEM, "no memory for a unit file");
    u->counter = grown;
    u->counter[u->counters].id = (uint32_t)id, u->counter[u->counters++].sum = sum;
    return IML_OK;
}

iml_status iml__unit_parse(const char *text, size_t n, struct iml__unit_file *u, iml_err *e)
{
    iml__jsonr r;
    enum iml__json_type t = IML__JSON_DONE;
    *u = (struct iml__unit_file){0};
    iml__jsonr_init(&r, "unit file", text, n);
    iml_status st = iml__jsonr_next(&r, &t, e);
    if (!st && t != IML__JSON_OBJECT) st = malformed(e);
    while (!st && !(st = iml__jsonr_next(&r, &t, e)) && t == IML__JSON_KEY) {
        bool parts = strcmp(iml__str_text(&r.token), "parts") == 0;
        if (!parts && strcmp(iml__str_text(&r.token), "counters") != 0) {
            st = iml__jsonr_skip(&r, e);
            continue;
        }
        st = iml__jsonr_next(&r, &t, e);
        if (!st && t != IML__JSON_ARRAY) st = malformed(e);
        while (!st && !(st = iml__jsonr_next(&r, &t, e)) && t != IML__JSON_END) {
            if (parts && t == IML__JSON_OBJECT)
                st = parse_part(&r, u, e);
            else if (!parts && t == IML__JSON_ARRAY)
                st = parse_counter(&r, u, e);
            else
                st = malformed(e);
        }
    }
    if (!st && t != IML__JSON_END) st = malformed(e);
    iml__jsonr_free(&r);
    if (st) iml__unit_file_free(u);
    return st;
}
