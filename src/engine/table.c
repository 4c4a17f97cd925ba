// table.c: an open hash of keys with a row of numbers each; sorted only when it is asked for.
//
// The order in which lines come shows nowhere: sums and maxima commute, and rows leave sorted by
// the bytes of their keys. Rejected: merging sorted parts one after the other, which walks all keys
// again for every part (a data set of 1,000 parts has a hundred thousand of them).
#include "src/engine/table.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/hash.h"
#include "src/base/mem.h"

struct iml__table {
    const char *columns;
    size_t ncolumns;
    iml__str keys;   // one after the other, each with a 0
    size_t *key;     // [cap]: offset of row k's key
    uint64_t *value; // [cap x ncolumns]
    uint32_t *slot;  // [slots]: row + 1, 0 free; a power of two, at most three quarters full
    iml_table_row *row;
    uint32_t n, cap, slots;
};

static iml_status no_memory(iml_err *e)
{
    return IML_FAIL(e, IML_ENOMEM, "no memory for the table of an aggregate");
}

iml_status iml__table_new(struct iml__table **out, const char *columns, iml_err *e)
{
    struct iml__table *t = *out = iml__calloc(1, sizeof *t);
    if (!t) return no_memory(e);
    t->columns = columns, t->ncolumns = strlen(columns);
    iml__str_init(&t->keys, (size_t)1 << 40);
    return IML_OK;
}

void iml__table_free(struct iml__table **pt)
{
    struct iml__table *t = *pt;
    if (!t) return;
    iml__str_free(&t->keys);
    IML_FREE(t->key), IML_FREE(t->value), IML_FREE(t->slot), IML_FREE(t->row);
    IML_FREE(*pt);
}

static const char *key_of(const struct iml__table *t, uint32_t row)
{
    return t->keys.p + t->key[row];
}

static uint32_t *place_of(const struct iml__table *t, const char *key, size_t n)
{
    uint32_t k = (uint32_t)iml__xxh3(key, n) & (t->slots - 1);
    for (; t->slot[k]; k = (k + 1) & (t->slots - 1)) {
        const char *there = key_of(t, t->slot[k] - 1);
        if (strncmp(there, key, n) == 0 && !there[n]) break;
    }
    return &t->slot[k];
}

// Room for one more row.
static bool grow(struct iml__table *t)
{
    if (t->n < t->cap) return true;
    if (t->cap > 1u << 29) return false;
    uint32_t cap = t->cap ? 2 * t->cap : 48, slots = t->slots ? 2 * t->slots : 64;
    size_t *key = iml__realloc(t->key, cap, sizeof *key);
    if (key) t->key = key;
    size_t columns = t->ncolumns ? t->ncolumns : 1;
    uint64_t *value = iml__realloc(t->value, cap, columns * sizeof *value);
    if (value) t->value = value;
    uint32_t *slot = iml__calloc(slots, sizeof *slot);
    if (!key || !value || !slot) {
        IML_FREE(slot);
        return false;
    }
    IML_FREE(t->slot);
    t->slot = slot, t->slots = slots, t->cap = cap;
    for (uint32_t k = 0; k < t->n; k++) {
        const char *s = key_of(t, k);
        *place_of(t, s, strlen(s)) = k + 1;
    }
    return true;
}

static bool number(const char *p, const char *end, uint64_t *v)
{
    char text[24];
    size_t n = (size_t)(end - p);
    if (!n || n >= sizeof text) return false;
    memcpy(text, p, n), text[n] = 0;
    return iml__parse_u64(text, v);
}

// A line without its LF. *fine false: it is none of this table.
static bool add_line(struct iml__table *t, const char *line, size_t n, bool *fine)
{
    enum { COLUMNS = 16 };
    uint64_t v[COLUMNS] = {0};
    const char *end = line + n;
    *fine = t->ncolumns <= COLUMNS && !memchr(line, 0, n);
    for (size_t c = t->ncolumns; c-- > 0 && *fine;) {
        const char *tab = end;
        while (tab > line && tab[-1] != '\t') tab--;
        *fine = tab > line && number(tab, end, &v[c]);
        end = tab - 1;
    }
    if (!*fine) return true;
    if (!grow(t)) return false;
    size_t len = (size_t)(end - line);
    uint32_t *slot = place_of(t, line, len);
    if (!*slot) {
        t->key[t->n] = t->keys.n;
        iml__str_add(&t->keys, line, len), iml__str_add(&t->keys, "", 1);
        if (t->keys.failed) return false;
        memset(t->value + t->n * t->ncolumns, 0, t->ncolumns * sizeof *t->value);
        *slot = ++t->n;
    }
    uint64_t *to = t->value + (size_t)(*slot - 1) * t->ncolumns;
    for (size_t c = 0; c < t->ncolumns; c++)
        to[c] = t->columns[c] == '^' ? IML_MAX(to[c], v[c]) : to[c] + v[c];
    return true;
}

iml_status iml__table_add(struct iml__table *t, const char *text, size_t n, iml_err *e)
{
    while (n) {
        const char *eol = memchr(text, '\n', n);
        size_t len = eol ? (size_t)(eol - text) : n;
        bool fine = eol != NULL;
        if (fine && !add_line(t, text, len, &fine)) return no_memory(e);
        if (!fine)
            return IML_FAIL(e, IML_EINPUT, "\"%.*s\" is no line of a key and %zu numbers",
                            (int)IML_MIN(len, (size_t)80), text, t->ncolumns);
        text += len + 1, n -= len + 1;
    }
    return IML_OK;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const iml_table_row *)a)->key, ((const iml_table_row *)b)->key);
}

iml_status iml__table_rows(struct iml__table *t, const iml_table_row **row, size_t *n, iml_err *e)
{
    IML_FREE(t->row);
    t->row = iml__calloc(t->n, sizeof *t->row);
    if (!t->row) return no_memory(e);
    for (uint32_t k = 0; k < t->n; k++)
        t->row[k] = (iml_table_row){key_of(t, k), t->value + k * t->ncolumns};
    if (t->n) qsort(t->row, t->n, sizeof *t->row, by_key);
    *row = t->row, *n = t->n;
    return IML_OK;
}

iml_status iml__table_text(struct iml__table *t, iml__str *out, iml_err *e)
{
    const iml_table_row *row;
    size_t n;
    IML_TRY(iml__table_rows(t, &row, &n, e));
    for (size_t k = 0; k < n; k++) {
        iml__str_adds(out, row[k].key);
        for (size_t c = 0; c < t->ncolumns; c++) {
            char text[32];
            iml__str_addc(out, '\t');
            iml__str_add(out, text, iml__num_u64(text, row[k].value[c]));
        }
        iml__str_addc(out, '\n');
    }
    return out->failed ? no_memory(e) : IML_OK;
}
