// tar.h: tar shards: a writer that gives the same bytes for the same members, a reader that takes
// what other programs write, and unpacking that cannot leave its directory.
//
// Written: POSIX ustar, mtime, uid and gid 0, mode 0444, no names; a pax header only where a name
// does not fit 155 + '/' + 100 bytes or the size is 8 GiB or more; two zero blocks, the whole
// padded to 10,240. Read: v7, ustar, GNU (L, K, base-256 sizes), pax x and g (path, size), members
// without end blocks, trailing junk. Sparse members are refused: their raw bytes are not their
// content.
#ifndef IML_IO_TAR_H
#define IML_IO_TAR_H

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"
#include "src/base/str.h"

struct iml__dirs;

enum { IML__TAR_BLOCK = 512, IML__TAR_RECORD = 10240, IML__TAR_HEADER_MAX = 512 * 12 };

// ---- Writer

// The header blocks of a regular file into out; returns their size, 0 if the name cannot be
// written (longer than 4,095 bytes).
size_t iml__tar_header(uint8_t out[IML__TAR_HEADER_MAX], const char *name, uint64_t size);

struct iml__tarw_member {
    size_t name;                 // offset in the writer's names, 0-terminated
    uint64_t offset, size, hash; // of the data; hash: xxh3-64
};

struct iml__tarw { // begin .. (member, data ...)* .. end
    int fd;        // *borrowed*
    uint8_t *buf;
    size_t fill;
    uint64_t at;              // bytes written so far, those in buf included
    uint64_t data_left;       // of the member that is open
    void *hash, *member_hash; // iml__xxh3_state
    struct iml__tarw_member *member;
    size_t n, cap;
    iml__str names;
};

// Each returns 0, or -1 and errno (EINVAL: a member's data does not match its size).
int iml__tarw_begin(struct iml__tarw *w, int fd);
int iml__tarw_member(struct iml__tarw *w, const char *name, uint64_t size);
int iml__tarw_data(struct iml__tarw *w, const void *p, size_t n);
int iml__tarw_end(struct iml__tarw *w, uint64_t *size, uint64_t *hash); // closes the archive
void iml__tarw_free(struct iml__tarw *w); // also of one that was never begun (all zero)
const char *iml__tarw_name(const struct iml__tarw *w, size_t member);

// ---- Reader

struct iml__tar_member {
    const char *name; // *borrowed* until the next call; not checked: iml__name_fault
    size_t name_len;
    uint64_t size, offset; // of the data; offset counts from the start of the archive
    char type; // '0' file (also '\0', '7'), '1' hard link, '2' symbolic link, '5' directory, ...
    bool sparse;
};

struct iml__tarr { // begin .. next .. read
    // Gives up to n bytes, 0 at the end, -1 and errno.
    int64_t (*read)(void *user, void *p, size_t n);
    void *user;
    const char *label; // for messages; *borrowed*
    uint64_t at, data_left, pad;
    iml__str name, long_name, pax; // of the member; of L or x records before it
    iml__str global_path;
    uint64_t pax_size;
    bool has_pax_size, has_global_path, pax_sparse, done;
};

void iml__tarr_begin(struct iml__tarr *r, int64_t (*read)(void *, void *, size_t), void *user,
                     const char *label);
void iml__tarr_begin_fd(struct iml__tarr *r, const int *fd, const char *label); // fd *borrowed*
void iml__tarr_free(struct iml__tarr *r);
// The next member of any type; what is left of the one before is skipped. IML_END at the end.
// IML_EINPUT: damaged; IML_ELIMIT: a name or pax header above its limit.
iml_status iml__tarr_next(struct iml__tarr *r, struct iml__tar_member *m, iml_err *e);
iml_status iml__tarr_read(struct iml__tarr *r, void *p, size_t n, size_t *got, iml_err *e);

// Unpacks the regular files of an archive below d (names checked, no link followed or made, modes
// not restored); each by a temporary name and rename. What is left out is told by skipped(user,
// name, why). Names that differ only in letter case are refused, as they would be one file
// elsewhere. IML_EINPUT, IML_ELIMIT (more than max_bytes in all), IML_ESINK.
iml_status iml__tar_unpack(struct iml__tarr *r, struct iml__dirs *d, const char *node,
                           uint64_t max_bytes, void (*skipped)(void *, const char *, const char *),
                           void *user, uint64_t *files, iml_err *e);

#endif
