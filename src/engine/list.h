// list.h: `.imloom/files.<node>.jsonl`: which files which item has, a JSON object a line.
//
//     {"imloom":1,"begin":3,"sum":"..."}                        a run begins (its generation)
//     {"item":5,"name":"000000/000000005.png","size":812,"xxh3":"...","sum":"..."}  a file of item
//     5
//     {"item":6,"sum":"..."}                                    item 6 has no file
//     {"name":"labels.tsv","size":912,"xxh3":"...","sum":"..."} a joined aggregate
//
// sum: eight hex digits, the low half of xxh3-64 of the line's bytes before `,"sum"`. Lines are
// appended before the first rename, so every final name that may exist stands in a list;
// which lines count is said by the journal. Within one run the lines of a unit stand together.
#ifndef IML_ENGINE_LIST_H
#define IML_ENGINE_LIST_H

#include "imloom/imloom.h"
#include "src/base/str.h"

enum iml__line_kind {
    IML__LINE_BEGIN,
    IML__LINE_FILE,
    IML__LINE_EMPTY,
    IML__LINE_JOINED,
    IML__LINE_BAD
};

struct iml__line {
    enum iml__line_kind kind; // BAD: not one of ours (damaged)
    uint64_t item;            // or the generation
    uint64_t size, xxh3;
    const char *name; // *borrowed* until the next call
    size_t off, len;  // of the line in the list, its newline included
};

struct iml__lines { // begin by iml__lines_begin
    const char *text;
    size_t n, at;
    char name[4096];
};

void iml__lines_begin(struct iml__lines *l, const char *text, size_t from, size_t to);
bool iml__lines_next(struct iml__lines *l, struct iml__line *out); // false: the end, or a torn line
// From the start of a line to the next one that looks like the beginning of a run, or to the end;
// without reading what lies between.
void iml__lines_to_begin(struct iml__lines *l);

#define IML__LINE_SUM ",\"sum\":"
uint32_t iml__line_sum(const char *p, size_t n); // of a line's bytes before IML__LINE_SUM

void iml__line_begin(iml__str *s, uint64_t generation);
void iml__line_file(iml__str *s, uint64_t item, const char *name, uint64_t size, uint64_t xxh3);
void iml__line_empty(iml__str *s, uint64_t item);
void iml__line_joined(iml__str *s, const char *name, uint64_t size, uint64_t xxh3);

#endif
