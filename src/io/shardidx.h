// shardidx.h: the two indexes beside a shard: T.idx (DALI's text form) and T.imx (ours, binary).
//
// Both group members into samples as WebDataset does: adjacent members whose key (the path up to
// the first dot of its last part) is equal; the suffix is what follows that dot, in lower case. A
// last part without a dot, or beginning with one, belongs to no sample. Layout: docs/formats.md.
#ifndef IML_IO_SHARDIDX_H
#define IML_IO_SHARDIDX_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"
#include "src/base/str.h"

struct iml__tarw;

// Splits a member's name: length of the key, and where the suffix begins. false: in no sample.
bool iml__sample_key(const char *name, size_t n, size_t *key_len, size_t *suffix);

// What is wrong with a member's name for an index (a blank, a control byte, not UTF-8), or NULL.
const char *iml__member_name_fault(const char *name);

// The two indexes of a shard that was just written. first and last: the first and last MiB of the
// archive (all of it, if it is smaller). *samples: how many. IML_EBUG: a key stands twice (two
// samples would become one), or a name cannot stand in an index; IML_ENOMEM.
struct iml__shard_ends {
    const void *first, *last;
    size_t n;
};
iml_status iml__shard_index(const struct iml__tarw *w, uint64_t tar_size,
                            const struct iml__shard_ends *ends, iml__str *idx, iml__str *imx,
                            uint64_t *samples, iml_err *e);

// ---- T.idx read back

struct iml__idx_member {
    const char *ext, *name;
    size_t ext_len, name_len;
    uint64_t offset, size;
};
// Calls member(user, sample, m) for each; v1.1 has no names (name NULL). IML_EINPUT with the line.
iml_status iml__idx_read(const char *label, const char *text, size_t n,
                         iml_status (*member)(void *user, uint64_t sample,
                                              const struct iml__idx_member *m, iml_err *e),
                         void *user, uint64_t *samples, iml_err *e);

// ---- T.imx read back; everything *borrowed* from the bytes, which stay in place and 8-aligned

struct iml__imx_sample {
    uint64_t key_hash;
    uint32_t key_off;
    uint16_t key_len, members;
    uint32_t first_member, width, height;
    uint8_t orientation, format;
    uint16_t zero;
};
struct iml__imx_member {
    uint64_t offset, size, hash;
    uint32_t ext_off;
    uint16_t ext_len, flags;
};
struct iml__imx {
    uint64_t tar_size, first_hash, last_hash, samples, members, set_hash;
    int64_t mtime_ns;
    const struct iml__imx_sample *sample;
    const struct iml__imx_member *member;
    const char *names;
    size_t names_len;
    const uint32_t *table;
    uint64_t table_n; // a power of two
};
// Every offset is checked here, once, so that users need no checks. IML_EINPUT.
iml_status iml__imx_read(const char *label, const void *p, size_t n, struct iml__imx *x,
                         iml_err *e);
// The sample with this key, or UINT64_MAX.
uint64_t iml__imx_find(const struct iml__imx *x, const char *key, size_t n);

#endif
