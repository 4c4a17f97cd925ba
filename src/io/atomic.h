// atomic.h: files that appear whole or not at all: a temporary name in the same directory, then a
// rename; directories by cached descriptors; three levels of durability.
//
// A temporary name is ".NAME.NODE.tmp" (NODE: which run of several owns it); where that would be
// longer than a file name may be, NAME's xxh3 stands for it. Names handed in here are relative,
// already checked (iml__name_check), and are never followed through a symbolic link.
#ifndef IML_IO_ATOMIC_H
#define IML_IO_ATOMIC_H

#include "imloom/imloom.h"
#include "src/base/err.h"

enum { IML__TMP_CAP = 256, IML__PATH_CAP = 4096 };

// A directory tree that files are written into. Descriptors of its directories are cached (64),
// counted while in use, and given out to any thread.
struct iml__dirs;
struct iml__dir { // one use of a directory: *borrowed* until iml__dirs_put
    int fd;
    void *entry;
};

// root is made if it is not there (with its parents). IML_ESINK. *owned*.
iml_status iml__dirs_open(struct iml__dirs **d, const char *root, iml_err *e);
void iml__dirs_close(struct iml__dirs **d);
int iml__dirs_root_fd(const struct iml__dirs *d);
const char *iml__dirs_root(const struct iml__dirs *d); // *borrowed* until close
void iml__dirs_durable(struct iml__dirs *d, bool on); // fsync the parent of a new directory at once
// The directory that name's last component stands in; *leaf points into name. make: it and its
// parents are created. false in make: a missing one is IML_EINPUT, else failures are IML_ESINK.
iml_status iml__dirs_get(struct iml__dirs *d, const char *name, bool make, struct iml__dir *out,
                         const char **leaf, iml_err *e);
void iml__dirs_put(struct iml__dirs *d, struct iml__dir *use);
void iml__dirs_put_changed(struct iml__dirs *d, struct iml__dir *use); // it got or lost a name
void iml__dirs_forget(struct iml__dirs *d); // descriptors in the cache: directories were removed
// Directories that got or lost a name since the last call are fsynced.
iml_status iml__dirs_sync(struct iml__dirs *d, iml_err *e);

void iml__tmp_name(char out[IML__TMP_CAP], const char *leaf, const char *node);
bool iml__tmp_is(const char *leaf, const char *node); // node NULL: of any node

// name's temporary file, opened for writing and new; *fd *owned*. A stale one is replaced.
iml_status iml__tmp_create(struct iml__dirs *d, const char *name, const char *node, int *fd,
                           iml_err *e);
iml_status iml__tmp_rename(struct iml__dirs *d, const char *name, const char *node, iml_err *e);
void iml__tmp_remove(struct iml__dirs *d, const char *name, const char *node);  // cannot fail
iml_status iml__dirs_unlink(struct iml__dirs *d, const char *name, iml_err *e); // missing is fine
// A nameless file for reading and writing below d's root; *fd *owned*.
iml_status iml__tmp_nameless(struct iml__dirs *d, const char *in_dir, int *fd, iml_err *e);

// Writes a whole small file (reports, manifests): temporary, fdatasync unless durability is
// IML_DURABILITY_PROCESS, rename, fsync of the directory likewise. IML_ESINK.
iml_status iml__file_write(struct iml__dirs *d, const char *name, const char *node, const void *p,
                           size_t n, int durability, iml_err *e);
// The file that path names, or will name, behind symbolic links. IML_EARG: it names a device, a
// pipe or the like, in whose place a rename would put a file; a link that leads nowhere.
iml_status iml__path_behind(const char *path, char out[IML__PATH_CAP], iml_err *e);
// The same for any path ("dir/report.json"), outside a tree. IML_EARG of iml__path_behind too.
iml_status iml__file_write_path(const char *path, const void *p, size_t n, int durability,
                                iml_err *e);

// One sentence of class SINK: what failed, on which file, why, and what to do about it. verb:
// "write", "rename" ...; root may be NULL.
iml_status iml__sink_error_set(iml_err *e, int sys, const char *verb, const char *root,
                               const char *name);
static inline iml_status iml__sink_error(iml_err *e, int sys, const char *verb, const char *root,
                                         const char *name)
{
    return iml__failed(iml__sink_error_set(e, sys, verb, root, name));
}

#endif
