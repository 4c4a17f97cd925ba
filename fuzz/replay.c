// replay.c: main() for a fuzz target without libFuzzer: feeds it every file of the directories and
// every file named. Any build can so replay what was once found, in every test run.
//
// An input is copied into memory of exactly its size, so that address checks see a read beyond it.
// A directory without files is an error: a corpus that went missing must not pass.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int one(const char *path)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    if (!f || fstat(fileno(f), &st)) {
        fprintf(stderr, "%s: cannot read it\n", path);
        if (f) fclose(f);
        return -1;
    }
    size_t n = (size_t)st.st_size;
    uint8_t *data = malloc(n ? n : 1);
    int ok = data && fread(data, 1, n, f) == n;
    fclose(f);
    if (ok) {
        fprintf(stderr, "%s: %zu bytes\n", path, n); // before: a crash must leave the name
        (void)LLVMFuzzerTestOneInput(data, n);
    }
    free(data);
    return ok ? 1 : -1;
}

static int directory(const char *path) // the number of files replayed, -1: failed
{
    DIR *d = opendir(path);
    char **names = NULL;
    size_t n = 0;
    int count = 0;
    if (!d) return -1;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        char **grown = realloc(names, (n + 1) * sizeof *names);
        if (!grown) break;
        names = grown;
        names[n++] = strdup(e->d_name);
    }
    closedir(d);
    if (n) qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        char file[4096];
        int len = snprintf(file, sizeof file, "%s/%s", path, names[i]);
        if (count >= 0 && len < (int)sizeof file) count = one(file) < 0 ? -1 : count + 1;
        free(names[i]);
    }
    free(names);
    if (!count) fprintf(stderr, "%s: no files to replay\n", path);
    return count > 0 ? count : -1;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        int n = !stat(argv[i], &st) && S_ISDIR(st.st_mode) ? directory(argv[i]) : one(argv[i]);
        if (n < 0) return 1;
        total += n;
    }
    printf("%d inputs replayed\n", total);
    return total ? 0 : 1;
}
