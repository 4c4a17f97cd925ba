// outdir.c: the output directory against mistakes that cannot be taken back.
//
// A data set in `/` or in a home directory would stand among files that are not its own, and its
// thousands of names with them; one sentence is kinder than the cleaning-up. Paths are compared
// after links and `..` are resolved; what does not exist yet is taken as it is written. `-o .` is
// allowed: the engine never replaces a user's file there (claim.c), and the log then goes into
// .imloom/logs, for a file that belongs to no item is a finding of verify.
#include "src/cmd/outdir.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/err.h"
#include "src/io/atomic.h"

enum { PATH_CAP = PATH_MAX };

// Lexically: no "//", ".", "..", no slash at the end. path is absolute.
static void tidy(char *path)
{
    char *to = path;
    for (char *p = path; *p;) {
        while (*p == '/') p++;
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            while (to > path && *--to != '/') continue;
        } else if (n && !(n == 1 && *p == '.')) {
            *to++ = '/';
            memmove(to, p, n);
            to += n;
        }
        p += n;
    }
    if (to == path) *to++ = '/';
    *to = 0;
}

static bool joined(const char *base, const char *rest, char out[PATH_CAP])
{
    int len = snprintf(out, PATH_CAP, "%s/%s", base, rest);
    if (len < 0 || len >= PATH_CAP) return false;
    tidy(out);
    return true;
}

// The place that path means, however it is written; false: it cannot be said.
static bool resolve(const char *path, char out[PATH_CAP])
{
    char head[PATH_CAP], base[PATH_MAX];
    if (!*path || strlen(path) >= sizeof head) return false;
    memcpy(head, path, strlen(path) + 1);
    // The longest part that exists is resolved by the system, the rest is appended.
    for (size_t n = strlen(head); n > 0; n--) {
        if (path[n] && path[n] != '/') continue;
        head[n] = 0;
        if (realpath(head, base)) return joined(base, path + n, out);
    }
    base[0] = 0;
    if (*path != '/' && !getcwd(base, sizeof base)) return false;
    return joined(base, path, out);
}

iml_status iml__outdir_check(const char *out, iml_err *e)
{
    static const char *const system_dirs[] = {
        "/",      "/bin",     "/boot",    "/dev",     "/etc",       "/home",     "/lib", "/lib32",
        "/lib64", "/libx32",  "/proc",    "/run",     "/sbin",      "/sys",      "/tmp", "/usr",
        "/var",   "/var/tmp", "/usr/bin", "/usr/lib", "/usr/local", "/usr/share"};
    char place[PATH_CAP], home[PATH_CAP];
    if (!out || !resolve(out, place)) return IML_OK; // the engine says what is wrong with it
    const char *whose = NULL, *user = getenv("HOME");
    for (size_t k = 0; k < IML_COUNT_OF(system_dirs); k++)
        if (!strcmp(place, system_dirs[k])) whose = "the system's";
    if (!whose && user && *user == '/' && resolve(user, home) && !strcmp(place, home))
        whose = "your own (it is your home directory)";
    if (!whose) return IML_OK;
    return IML_FAIL(e, IML_EARG,
                    "-o %.80s: the files of a data set would lie among %s; choose a directory of "
                    "its own",
                    out, whose);
}

bool iml__outdir_holds(const char *out, const char *path)
{
    char a[PATH_CAP], b[PATH_CAP];
    if (!out || !resolve(out, a) || !resolve(path, b)) return false;
    size_t n = strlen(a);
    if (n == 1) n = 0; // the root holds everything
    if (strncmp(a, b, n) != 0 || (b[n] && b[n] != '/')) return false;
    const char *rest = b + n;
    return strncmp(rest, "/.imloom", 8) != 0 || (rest[8] && rest[8] != '/');
}

iml_status iml__outdir_keep_out(const char *out, const char *option, const char *path, iml_err *e)
{
    if (!path || !iml__outdir_holds(out, path)) return IML_OK;
    return IML_FAIL(e, IML_EARG,
                    "%s %.80s lies in the data set -o %.80s, where it would be a file that belongs "
                    "to no item; choose another place",
                    option, path, out);
}

iml_status iml__outfile_check(const char *option, const char *path, const char *input, iml_err *e)
{
    char file[IML__PATH_CAP];
    struct stat a, b;
    iml_err why;
    if (!path) return IML_OK;
    if (iml__path_behind(path, file, &why)) return IML_FAIL(e, IML_EARG, "%s: %s", option, why.msg);
    if (input && !stat(file, &a) && !stat(input, &b) && a.st_dev == b.st_dev &&
        a.st_ino == b.st_ino)
        return IML_FAIL(e, IML_EARG, "%s %.200s is the configuration, which would be overwritten",
                        option, path);
    return IML_OK;
}
