// emit.h: a case on its way from voxels to files: what slice_emit.c (blocks of planes, and who
// hands slices over), slice_code.c (planes and labels to coded bytes) and slice_hand.c (coded bytes
// to a file) share.
#ifndef IML_SLICE_EMIT_H
#define IML_SLICE_EMIT_H

#include "src/io/npy.h"
#include "src/io/wdeflate.h"
#include "src/slice/case.h"

struct iml__emit_coded { // a whole member that one slice has for itself
    iml_buf *b;
    size_t packed[2]; // label, one-hot: one behind the other
    uint64_t size[2];
    uint32_t crc[2];
};

struct iml__emitter {
    struct iml__case *c;
    struct iml__meta meta;
    enum iml__out_type type;
    size_t item, plane_bytes, pixels;
    enum iml__splice rule;
    int level, w, step;
    enum iml__padding pad;
    uint8_t head[IML__NPY_MAX];
    size_t nhead;
    uint32_t head_crc, join; // join: of plane_bytes
    struct iml__window_uses uses;
    struct iml__plane *plane;    // [ngroups][depth + 2]
    struct iml__emit_coded *own; // [nslices]
    int64_t *slice_at;           // [depth]: place in c->slice, or -1
    struct iml__raster cut, label_cut, hot_cut;
    int64_t block, held_from; // the first plane in memory
    uint32_t nparts;
    uint32_t first_part, end_part; // of this round
    size_t part_bytes;

    pthread_mutex_t lock; // guards what follows
    uint8_t *done;        // [nparts]
    uint32_t frontier;    // the first part that is not
    size_t next;          // slice to hand over
    bool failed;          // a part has
    pthread_cond_t more;  // frontier or failed has changed
};

struct iml__emit_bench { // a part's scratch
    uint8_t *planes, *raw, *packed, *behind;
    float *value;
    int32_t *label;
    struct iml__wdeflate *enc;
};

static inline struct iml__plane *iml__emit_plane_at(const struct iml__emitter *m, uint32_t g,
                                                    int64_t p)
{
    return &m->plane[(size_t)g * (size_t)(m->c->depth + 2) + iml__plane_slot(p, m->c->depth)];
}

// slice_code.c
iml_status iml__emit_groups(struct iml__case *c, iml_err *e); // channels under norms: c->group
// Scratch for `planes` planes in a; false: no memory.
bool iml__emit_take_bench(const struct iml__emitter *m, iml_arena *a, int64_t planes,
                          struct iml__emit_bench *s);
// Codes one plane px in the forms that slices want. below: the plane `step` below it, or NULL.
iml_status iml__emit_plane(struct iml__emitter *m, uint32_t g, int64_t p, const uint8_t *px,
                           const uint8_t *below, struct iml__emit_bench *s, iml_err *e);
// n bytes of p as a buffer of the item's; *owned*.
iml_status iml__emit_keep(struct iml__emitter *m, const uint8_t *p, size_t n, iml_buf **out,
                          iml_err *e);
// Planes from..to-1 of all groups, and the labels of their slices.
iml_status iml__emit_block(struct iml__emitter *m, int64_t from, int64_t to,
                           struct iml__emit_bench *s, iml_err *e);

// slice_hand.c: the file of slice c->slice[j], whose planes are coded, goes to the sink.
iml_status iml__emit_slice(struct iml__emitter *m, size_t j, iml_arena *a,
                           struct iml__emit_bench *s, iml_err *e);

#endif
