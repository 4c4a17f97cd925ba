// iml_dir.h: directories for tests: made below the build's temporary place, removed at the end.
#ifndef IML_TEST_DIR_H
#define IML_TEST_DIR_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int test_rm_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st, (void)flag, (void)f;
    return remove(path);
}

static inline void test_rm(const char *dir)
{
    (void)nftw(dir, test_rm_one, 32, FTW_DEPTH | FTW_PHYS);
}

static inline void test_dir(char out[64])
{
    (void)snprintf(out, 64, "%s/iml-test-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(out)) abort();
}

static inline void test_write(const char *dir, const char *name, const void *p, size_t n)
{
    char path[8192];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(p, 1, n, f) != n || fclose(f)) abort();
}

// Contents in static memory, 0-terminated; NULL: no such file.
static inline char *test_read(const char *dir, const char *name, size_t *n)
{
    static char text[1 << 22];
    char path[8192];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    size_t got = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[got] = 0;
    if (n) *n = got;
    return text;
}

static inline bool test_exists(const char *dir, const char *name)
{
    char path[8192];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return lstat(path, &st) == 0;
}

static int test_tmp_seen, test_files_seen;
static inline int test_look(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    size_t n = strlen(path);
    (void)st, (void)f;
    test_files_seen += flag == FTW_F;
    test_tmp_seen += n > 4 && strcmp(path + n - 4, ".tmp") == 0;
    return 0;
}

// Files whose name ends in .tmp, anywhere below dir.
static inline int test_count_tmp(const char *dir)
{
    test_tmp_seen = test_files_seen = 0;
    (void)nftw(dir, test_look, 32, FTW_PHYS);
    return test_tmp_seen;
}

#endif
