// replay.c: runs a fuzz target over the files of a directory, without libFuzzer: what was found
// once stays found. Each file is read into a block of its own size, so that reading on is seen.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fz_target.h"

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return 1;
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    uint8_t *p = n >= 0 ? malloc(n ? (size_t)n : 1) : NULL;
    int bad = !p || fread(p, 1, (size_t)n, f) != (size_t)n;
    if (!bad) (void)LLVMFuzzerTestOneInput(p, (size_t)n);
    free(p);
    fclose(f);
    return bad;
}

int main(int argc, char **argv)
{
    int bad = 0, files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *d = opendir(argv[i]);
        for (struct dirent *e; d && (e = readdir(d));) {
            char path[4096];
            if (e->d_name[0] == '.') continue;
            if (snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name) >= (int)sizeof path)
                continue;
            bad += replay(path), files++;
        }
        if (d) closedir(d);
    }
    printf("%d files, %d unreadable\n", files, bad);
    return bad || !files;
}
