// journal.h: the journal of one node: fixed records, appended, locked, cut where damage begins.
#ifndef IML_ENGINE_JOURNAL_H
#define IML_ENGINE_JOURNAL_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"
#include "src/engine/past.h"

struct iml__dirs;

enum { IML__RECORD = 48 };

// 48 bytes, little-endian: u16 magic, u8 type, u8 0, u32 ok, u32 bad, u32 run (low half), u64 id,
// u64 bytes, u64 content, u64 xxh3-64 of the 40 bytes before. What the fields mean by type:
//   BEGIN    ok = generation, bad = durability, id = plan hash, bytes = run hash, content = boot
//   VOID     id = unit: what was recorded of it before no longer counts
//   UNIT     id = unit, ok + bad = indices covered, bytes = of its files, content = xxh3 of its
//            lines in the list and its unit file
//   BATCH    single items: id, bytes = from, to in the list, content = xxh3 of those lines; empty
//            (from = to): everything before it has reached the disk
//   BAD      id = index, bytes = tries, content = xxh3 of its message
//   SUSPECT  id = index of an item that was running when a worker died
//   END      id = indices covered, content = the manifest's content hash or 0
struct iml__record {
    enum iml__rec type;
    uint32_t ok, bad, run;
    uint64_t id, bytes, content;
};

void iml__record_encode(uint8_t out[IML__RECORD], const struct iml__record *r);
bool iml__record_decode(const uint8_t in[IML__RECORD], struct iml__record *r);
// The records of a journal's bytes up to the first that is damaged, or that does not follow a BEGIN
// of its run (I4). *rec *owned*; *good: how many bytes they take. IML_ENOMEM.
iml_status iml__journal_parse(const uint8_t *p, size_t n, struct iml__record **rec, size_t *count,
                              uint64_t *good, iml_err *e);

struct iml__journal {
    struct iml__dirs *dirs; // *borrowed*
    char name[96];          // ".imloom/journal.NODE"
    int fd;
    uint64_t size; // of what is known to be whole
};

// Opens or makes the node's journal and locks it. IML_EARG: another run holds it; IML_ESINK.
iml_status iml__journal_open(struct iml__journal *j, struct iml__dirs *d, const char *node,
                             iml_err *e);
iml_status iml__journal_cut(struct iml__journal *j, uint64_t size, iml_err *e);
// All records or none: what a full disk left of them is cut off again.
iml_status iml__journal_append(struct iml__journal *j, const struct iml__record *r, size_t n,
                               iml_err *e);
iml_status iml__journal_sync(struct iml__journal *j, iml_err *e);
void iml__journal_close(struct iml__journal *j); // gives the lock back

uint64_t iml__boot_hash(void); // of this boot of the machine; 0: unknown

#endif
