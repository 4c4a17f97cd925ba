// prefetch.c: io threads ask the plan which item comes next, which admits it, and read its input.
//
// Only admitted items are read ahead: their estimate covers the input, so what waits here can never
// hold bytes that the head of the line needs. A whole file of up to 8 MiB becomes it->input; of a
// larger one, and in process mode (the worker could not see the buffer), the kernel is asked to
// read ahead. A failure to read is not this thread's affair: the job opens the file itself and says
// what is wrong with it, in its own words and with its own retries.
#include "src/engine/prefetch.h"

#include "src/base/cpu.h"
#include "src/base/mem.h"
#include "src/base/str.h"
#include "src/io/vfs.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

enum { WHOLE = 8 << 20, ADVISE = 64 << 20 };

static bool rotational(int fd)
{
    struct stat st;
    char path[64], text[8] = {0};
    if (iml__fstat(fd, &st)) return false;
    // A partition's queue is its disk's, one level up.
    for (int up = 0; up < 2; up++) {
        (void)snprintf(path, sizeof path, "/sys/dev/block/%u:%u/%squeue/rotational",
                       major(st.st_dev), minor(st.st_dev), up ? "../" : "");
        int f = iml__openat(AT_FDCWD, path, O_RDONLY, 0);
        if (f < 0) continue;
        ssize_t n = iml__read_all(f, text, 1);
        iml__close(&f);
        return n == 1 && text[0] == '1';
    }
    return false;
}

uint32_t iml__prefetch_auto(const iml_job *j, int root_fd)
{
    char path[4096];
    if (!j->input || !j->count) return 0;
    int fd = root_fd;
    bool opened = false;
    if (j->input(j->user, 0, path, sizeof path) == IML_OK) {
        int f = iml__openat(root_fd, path, O_RDONLY | O_NONBLOCK, 0);
        if (f >= 0) fd = f, opened = true;
    }
    uint32_t n = 2;
    if (fd >= 0 && iml__fs_is_network(fd))
        n = IML_MIN(32u, 4 * (uint32_t)iml__cpu_workers());
    else if (fd >= 0 && rotational(fd))
        n = 1;
    if (opened) iml__close(&fd);
    return n;
}

static iml_buf *read_input(struct iml_run_t *r, uint64_t index)
{
    char path[4096];
    iml_buf *b = NULL;
    iml_err e;
    int fd = -1;
    uint64_t size = 0;
    if (r->job->input(r->job->user, index, path, sizeof path) != IML_OK) return NULL;
    if (!r->process && iml__file_read(r->input_dir, path, WHOLE, &b, &e) == IML_OK) return b;
    if (!r->process && e.status != IML_ELIMIT) return NULL;
    if (iml__file_open(r->input_dir, path, &fd, &size, &e) != IML_OK) return NULL;
    (void)iml__fadvise(fd, 0, IML_MIN(size, (uint64_t)ADVISE), POSIX_FADV_WILLNEED);
    iml__close(&fd);
    return NULL;
}

static void *io_main(void *run)
{
    struct iml_run_t *r = run;
    iml__run_lock(r);
    while (!r->over && !iml__plan_finished(r->plan)) {
        struct iml__view before = iml__plan_view(r->plan);
        iml__slot s = iml__plan_ahead(r->plan);
        if (s == IML__NONE) {
            iml__run_wait(r, &r->ahead, UINT64_MAX);
            continue;
        }
        struct iml__view v = iml__plan_view(r->plan);
        iml__run_admitted(r, &before, &v);
        struct iml__flight *f = &r->flight[s];
        uint64_t index = iml__plan_item(r->plan, s)->index;
        f->reading = true;
        iml__run_unlock(r);
        iml__stall(r->stall, IML__STALL_AHEAD);
        iml_buf *b = read_input(r, index);
        iml__run_lock(r);
        f->reading = false, f->input = b;
        if (r->input.waiting) pthread_cond_broadcast(&r->input.cv);
        if (!f->orphan) continue;
        f->orphan = false;
        iml__run_clear(r, s);
        iml__plan_forget(r->plan, s);
    }
    iml__run_unlock(r);
    return NULL;
}

bool iml__prefetch_start(struct iml_run_t *r)
{
    if (!r->nio) return true;
    r->io_thread = iml__calloc(r->nio, sizeof *r->io_thread);
    uint32_t want = r->nio;
    r->nio = 0;
    for (; r->io_thread && r->nio < want; r->nio++)
        if (pthread_create(&r->io_thread[r->nio], NULL, io_main, r)) break;
    return true; // a run goes on without: it only reads later
}

void iml__prefetch_join(struct iml_run_t *r)
{
    iml__run_lock(r);
    r->over = true;
    pthread_cond_broadcast(&r->ahead.cv);
    iml__run_unlock(r);
    for (uint32_t k = 0; k < r->nio; k++) pthread_join(r->io_thread[k], NULL);
    r->nio = 0;
    IML_FREE(r->io_thread);
}
