// walk.h: directory listings that are the same on every machine and file system.
#ifndef IML_IO_WALK_H
#define IML_IO_WALK_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

// ---- One directory, in the file system's own order

enum iml__entry_type { IML__ENTRY_FILE, IML__ENTRY_DIR, IML__ENTRY_LINK, IML__ENTRY_OTHER };

struct iml__dirread { // begins with iml__dirread_open
    int fd;
    size_t n, at;
    _Alignas(8) char buf[16384];
};

// name relative to dir ("." : dir itself), no link as its last part. -1 and errno.
int iml__dirread_open(struct iml__dirread *r, int dir, const char *name);
// 1: an entry (never "." or ".."); 0: the end; -1 and errno. name *borrowed* until the next call.
int iml__dirread_next(struct iml__dirread *r, const char **name, enum iml__entry_type *type);
void iml__dirread_close(struct iml__dirread *r);

// ---- A tree

struct iml__walk_entry {
    const char *path; // relative to the root, parts joined by '/'
    uint64_t size;
    int64_t mtime_ns;
};

struct iml__walk {                 // *owned*: iml__walk_free
    struct iml__walk_entry *entry; // sorted by the bytes of path
    size_t n;
    uint64_t hash; // of all paths and sizes, in order: the plan hash of a listing
    uint64_t skipped_loops, skipped_other; // directories met again; sockets, devices, dead links
    void *memory;
};

struct iml__walk_opts {
    const char *const *suffixes; // lower case, with the dot, NULL-terminated; NULL: every file
    bool flat;                   // only the root's own files
    bool hidden;        // names that begin with a dot too (never .imloom, never *.tmp of ours)
    bool no_links;      // leave symbolic links out instead of following them
    bool odd;           // list what is no file too: dead links, pipes, directories; their size is 0
    uint64_t max_files; // 0: 2^40; more is IML_ELIMIT
    uint32_t max_depth; // 0: 256; deeper is IML_ELIMIT
};

// Regular files below root. Links are followed; a directory that is its own ancestor is left out.
// Directories named .imloom are never entered. IML_EINPUT, IML_ELIMIT, IML_ENOMEM.
iml_status iml__walk(const char *root, const struct iml__walk_opts *o, struct iml__walk **out,
                     iml_err *e);
void iml__walk_free(struct iml__walk **w);

// Removes what a run of this node left behind: regular files that iml__tmp_is(name, node) says are
// its own, below the directory dir (which is an open descriptor), through no link. Returns how many
// by *removed; IML_ESINK.
iml_status iml__walk_remove_tmp(int dir, const char *root, const char *node, uint64_t *removed,
                                iml_err *e);

#endif
