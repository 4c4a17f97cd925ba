// fz_slice_text.c: texts that come with volumes: the first byte says which. d dataset.json, c a CSV
// of cases, p a CSV of patients, s a split file, l a label map, f a fingerprint.
#include "fuzz/fz_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/slice/slicer.h"

static char dir[64];
static const char *const files[] = {"in/dataset.json", "in/imagesTr/a_0000.nii",
                                    "in/imagesTr/b_0000.nii", "text.csv", "text"};
static const char *const folders[] = {"in/imagesTr", "in", ""};

static void path_of(char out[128], const char *name)
{
    (void)snprintf(out, 128, "%s/%s", dir, name);
}

static void sweep(void)
{
    char path[128];
    for (size_t k = 0; k < IML_COUNT_OF(files); k++) path_of(path, files[k]), (void)remove(path);
    for (size_t k = 0; k < IML_COUNT_OF(folders); k++) path_of(path, folders[k]), (void)rmdir(path);
}

static void write_file(const char *name, const void *data, size_t n)
{
    char path[128];
    path_of(path, name);
    FILE *f = fopen(path, "wb");
    if (!f || (n && fwrite(data, 1, n, f) != n) || fclose(f)) abort();
}

static void make_folders(void)
{
    char path[128];
    (void)snprintf(dir, sizeof dir, "/tmp/iml-fz-text-XXXXXX");
    if (!mkdtemp(dir) || atexit(sweep)) abort();
    path_of(path, "in");
    if (mkdir(path, 0700)) abort();
    path_of(path, "in/imagesTr");
    if (mkdir(path, 0700)) abort();
    for (int k = 0; k < 2; k++) write_file(files[1 + k], "volume", 6); // only looked for
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const ct[] = {"ct"};
    char in[128], text[128], method[136], *map = NULL;
    iml_slice_opts o;
    iml__slicer *s = NULL;
    iml_err e = {0};
    if (!dir[0]) make_folders();
    if (!n) return 0;
    const uint8_t *body = data + 1;
    n--;
    iml_slice_opts_default(&o);
    path_of(in, "in"), path_of(text, "text");
    o.input = in, o.no_label = true;
    write_file("in/dataset.json", "{}", 2);
    switch (data[0]) {
    case 'd': write_file("in/dataset.json", body, n); break;
    case 'c':
        write_file("text.csv", body, n);
        path_of(text, "text.csv");
        o.input = text, o.no_label = n % 2;
        break;
    case 'p': o.patient_map = text; break;
    case 's':
        (void)snprintf(method, sizeof method, "file:%s", text);
        o.split_method = method;
        break;
    case 'l':
        map = malloc(n + 1);
        if (!map) abort();
        memcpy(map, body, n), map[n] = 0;
        o.label_map = map;
        break;
    case 'f': o.stats = text, o.norms = ct, o.nnorms = 1; break;
    default: return 0;
    }
    if (strchr("psf", data[0])) write_file("text", body, n);
    iml_status st = iml__slicer_open(&o, &s, &e);
    if (st && (iml_status_class(st) == IML_CLASS_BUG || !e.msg[0])) abort();
    if (!st) iml__slicer_close(&s);
    free(map);
    return 0;
}
