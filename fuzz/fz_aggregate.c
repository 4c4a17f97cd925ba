// fz_aggregate.c: descriptions, tables and contexts of aggregates from a set that a stranger made:
// three texts with a 1 byte between them.
#include "fuzz/fz_target.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/engine/table.h"
#include "src/synth/coverage.h"

static void add(void *to, const char *p, size_t n) { iml__str_add(to, p, n); }

static void render(const char *lines, size_t n, const char *context)
{
    iml_render *const all[] = {iml__coverage_tsv, iml__coverage_json, iml__coverage_fonts};
    struct iml__table *t;
    const iml_table_row *row;
    size_t rows;
    iml_err e = {0};
    if (iml__table_new(&t, "++^", &e)) return;
    iml_status st = iml__table_add(t, lines, n, &e);
    if (st && !e.msg[0]) abort();
    if (!st && iml__table_rows(t, &row, &rows, &e) == IML_OK) {
        for (size_t k = 1; k < rows; k++)
            if (strcmp(row[k - 1].key, row[k].key) >= 0) abort();
        for (size_t k = 0; k < IML_COUNT_OF(all); k++) {
            iml__str out;
            iml__str_init(&out, 1 << 24);
            e.msg[0] = 0;
            if (all[k](context, row, rows, add, &out, &e) && !e.msg[0]) abort();
            iml__str_free(&out);
        }
    }
    iml__table_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = iml__alloc(n + 1);
    if (!text) return 0;
    memcpy(text, data, n), text[n] = 0;
    char *lines = memchr(text, 1, n);
    size_t first = lines ? (size_t)(lines - text) : n;
    if (lines) *lines++ = 0;
    char *context = lines ? memchr(lines, 1, n - first - 1) : NULL;
    size_t second = lines ? (context ? (size_t)(context - lines) : n - first - 1) : 0;
    if (context) *context++ = 0;
    iml__jsonr r;
    iml_err e = {0};
    struct iml__aggregates a = {0};
    iml__jsonr_init(&r, "fuzz", text, first);
    if (iml__aggregates_read(&a, &r, &e) == IML_OK) {
        if (iml__aggregates_bind(&a, &iml__synth_renderers, &e) == IML_OK)
            if (iml__aggregates_check(&a, &e)) abort(); // what is read is what could be declared
        iml__aggregates_free(&a);
    } else if (!e.msg[0]) {
        abort();
    }
    iml__jsonr_free(&r);
    if (lines) render(lines, second, context ? context : "{}");
    IML_FREE(text);
    return 0;
}
