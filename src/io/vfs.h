// vfs.h: every file call of the library behind one table, so that tests can swap it.
//
// The table holds the bare system calls; the functions below it are what the library uses: they
// retry EINTR (except close, whose descriptor is gone either way on Linux) and finish short reads
// and writes. All follow POSIX: -1 and errno on failure. Reading and writing of pipes to child
// processes stay outside; they are not files that must survive anything.
#ifndef IML_IO_VFS_H
#define IML_IO_VFS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "imloom/imloom.h"
#include "src/base/iml_attr.h"

struct open_how; // <linux/openat2.h>

typedef struct iml__vfs {
    int (*openat)(int dir, const char *path, int flags, mode_t mode);
    int (*openat2)(int dir, const char *path, const struct open_how *how, size_t size);
    int (*close)(int fd);
    ssize_t (*read)(int fd, void *p, size_t n);
    ssize_t (*pread)(int fd, void *p, size_t n, off_t at);
    ssize_t (*write)(int fd, const void *p, size_t n);
    ssize_t (*pwrite)(int fd, const void *p, size_t n, off_t at);
    ssize_t (*writev)(int fd, const struct iovec *v, int n);
    int (*fstat)(int fd, struct stat *st);
    int (*fstatat)(int dir, const char *path, struct stat *st, int flags);
    int (*fstatfs)(int fd, struct statfs *st);
    ssize_t (*readlinkat)(int dir, const char *path, char *text, size_t cap);
    int (*renameat)(int from_dir, const char *from, int to_dir, const char *to);
    int (*linkat)(int from_dir, const char *from, int to_dir, const char *to, int flags);
    int (*symlinkat)(const char *text, int dir, const char *path);
    int (*faccessat)(int dir, const char *path, int mode, int flags);
    int (*unlinkat)(int dir, const char *path, int flags);
    int (*mkdirat)(int dir, const char *path, mode_t mode);
    int (*ftruncate)(int fd, off_t n);
    int (*fsync)(int fd);
    int (*fdatasync)(int fd);
    int (*syncfs)(int fd);
    int (*flock)(int fd, int op);
    ssize_t (*getdents)(int fd, void *p, size_t n); // struct dirent64 records
    int (*fadvise)(int fd, off_t at, off_t n, int advice);
} iml__vfs;

extern const iml__vfs iml__vfs_posix;
// Tests: the table for the whole process from now on (NULL: posix). Returns the one before. Not
// while another thread is inside a file call.
const iml__vfs *iml__vfs_swap(const iml__vfs *v);

// O_CLOEXEC is added to flags.
int iml__openat(int dir, const char *path, int flags, mode_t mode) IML_MUST_USE;
int iml__openat2(int dir, const char *path, const struct open_how *how) IML_MUST_USE;
int iml__close(int *fd); // *fd < 0: nothing; sets -1
int iml__fstat(int fd, struct stat *st);
int iml__fstatat(int dir, const char *path, struct stat *st, int flags);
int iml__fstatfs(int fd, struct statfs *st);
ssize_t iml__readlinkat(int dir, const char *path, char *text, size_t cap);
int iml__renameat(int from_dir, const char *from, int to_dir, const char *to);
int iml__linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int iml__symlinkat(const char *text, int dir, const char *path);
int iml__may_write(const char *dir); // 0: names can be made in it
int iml__unlinkat(int dir, const char *path, int flags);
int iml__mkdirat(int dir, const char *path, mode_t mode);
int iml__ftruncate(int fd, uint64_t n);
int iml__fsync(int fd);     // EINVAL and ENOTSUP (pipes, some network mounts) count as done
int iml__fdatasync(int fd); // likewise
int iml__syncfs(int fd);    // where the kernel lacks it: fails with ENOSYS
int iml__flock(int fd, int op);
ssize_t iml__getdents(int fd, void *p, size_t n);
int iml__fadvise(int fd, uint64_t at, uint64_t n, int advice); // a hint: failure is of no concern

// Whole transfers. Reads return how many bytes came before the end of the file. A write that the
// kernel answers with 0 fails with EIO. iov is used up.
ssize_t iml__read_all(int fd, void *p, size_t n);
ssize_t iml__pread_all(int fd, void *p, size_t n, uint64_t at);
int iml__write_all(int fd, const void *p, size_t n);
int iml__pwrite_all(int fd, const void *p, size_t n, uint64_t at);
int iml__writev_all(int fd, struct iovec *iov, int n);

// ---- Whole files. A failure to read is IML_EINPUT, or IML_EAGAIN where a retry may help (ESTALE,
// EAGAIN, ETIMEDOUT, EMFILE ...); larger than limit: IML_ELIMIT; IML_ENOMEM. Only regular files: a
// FIFO would hang a worker. dir: AT_FDCWD or a directory that path is relative to.
iml_status iml__file_read(int dir, const char *path, uint64_t limit, iml_buf **out, iml_err *e);
// Into the arena; one 0 byte follows the n bytes (not counted).
iml_status iml__file_read_arena(int dir, const char *path, uint64_t limit, iml_arena *a,
                                uint8_t **p, size_t *n, iml_err *e);
// Heap memory, 0-terminated; *owned*: IML_FREE.
iml_status iml__file_read_heap(int dir, const char *path, uint64_t limit, char **p, size_t *n,
                               iml_err *e);
// Opens a regular file for reading; *fd *owned*: iml__close.
iml_status iml__file_open(int dir, const char *path, int *fd, uint64_t *size, iml_err *e);
iml_status iml__input_status(int sys); // which status a failed read of an input has
bool iml__fs_is_network(int fd);       // NFS, Lustre, GPFS, CIFS, 9p, FUSE ...

#endif
