// cmd_info.c: `imloom info`: what this machine gives, what this build has, and the settings that
// suit.
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "src/base/cpu.h"
#include "src/base/err.h"
#include "src/base/gpu.h"
#include "src/cmd/command.h"
#include "src/cmd/session.h"
#include "src/codec/codec.h"
#include "src/io/gunzip.h"
#include "src/io/vfs.h"

static struct options {
    bool json;
    const char *out;
} options;

static const iml__opt rows[] = {
    {"json", 0, IML__OPT_FLAG, offsetof(struct options, json), NULL, NULL, 0, 0, NULL, NULL,
     "as JSON on stdout", 0, NULL},
    {"output", 'o', IML__OPT_DIR, offsetof(struct options, out), "DIR", ".", 0, 0, NULL,
     "output-dir", "the file system that data sets will go to", 0, NULL},
};

const iml__command_doc iml__doc_info = {
    .name = "info",
    .summary = "this machine, and the settings that suit it",
    .usage = "[-o DIR] [--json]\n",
    .about =
        "Shows the CPUs, memory and limits that a run here may use, the file system behind DIR,\n"
        "the formats and options of this build, and the settings that imloom would choose.",
    .examples = "  imloom info -o /data/sets",
    .table = {{rows, IML_COUNT_OF(rows)}},
    .ntables = 1,
};

// ---- One list of facts, said as lines or as JSON.

enum kind { TEXT, COUNT, BYTES, FLAG, NUMBER };
struct fact {
    const char *group, *key, *why;
    enum kind kind;
    char text[128];
    uint64_t n;
    double d;
};
struct facts {
    struct fact f[96];
    size_t n;
};

static struct fact *add(struct facts *l, const char *group, const char *key, enum kind kind)
{
    struct fact *f = &l->f[l->n < IML_COUNT_OF(l->f) - 1 ? l->n++ : l->n];
    *f = (struct fact){.group = group, .key = key, .kind = kind};
    return f;
}

static void add_n(struct facts *l, const char *group, const char *key, enum kind kind, uint64_t n)
{
    add(l, group, key, kind)->n = n;
}

static void add_text(struct facts *l, const char *group, const char *key, const char *text)
{
    (void)snprintf(add(l, group, key, TEXT)->text, sizeof l->f[0].text, "%s", text);
}

static void machine(struct facts *l)
{
    char model[64];
    struct rlimit files = {0}, core = {0};
    add_text(l, "cpu", "model", iml__cpu_model(model));
    add_n(l, "cpu", "present", COUNT, (uint64_t)iml__cpu_present());
    add_n(l, "cpu", "allowed", COUNT, (uint64_t)iml__cpu_allowed());
    if (iml__cpu_quota() > 0) add(l, "cpu", "cgroup_quota", NUMBER)->d = iml__cpu_quota();
    add_n(l, "cpu", "numa_nodes", COUNT, (uint64_t)iml__cpu_numa_nodes());
    add_text(l, "cpu", "simd", iml__simd_name(iml__cpu_simd()));
    add_n(l, "memory", "total", BYTES, iml__mem_total());
    add_n(l, "memory", "available", BYTES, iml__mem_available());
    if (iml__mem_cgroup_limit()) add_n(l, "memory", "cgroup_limit", BYTES, iml__mem_cgroup_limit());
    if (!getrlimit(RLIMIT_NOFILE, &files)) add_n(l, "limits", "open_files", COUNT, files.rlim_cur);
    if (!getrlimit(RLIMIT_CORE, &core)) add_n(l, "limits", "core_bytes", BYTES, core.rlim_cur);
}

static void gpus(struct facts *l)
{
    static struct iml__gpus g;
    iml__gpus_look(&g);
    if (g.driver[0]) add_text(l, "gpu", "driver", g.driver);
    if (!g.n) add_text(l, "gpu", "devices", g.why);
    for (uint32_t k = 0; k < g.n && k < 8; k++) {
        static const char *const keys[][3] = {
            {"0", "0_memory", "0_free"}, {"1", "1_memory", "1_free"}, {"2", "2_memory", "2_free"},
            {"3", "3_memory", "3_free"}, {"4", "4_memory", "4_free"}, {"5", "5_memory", "5_free"},
            {"6", "6_memory", "6_free"}, {"7", "7_memory", "7_free"}};
        add_text(l, "gpu", keys[k][0], g.gpu[k].name);
        add_n(l, "gpu", keys[k][1], BYTES, g.gpu[k].total);
        add_n(l, "gpu", keys[k][2], BYTES, g.gpu[k].free);
    }
}

static const char *fs_name(long type)
{
    static const struct {
        long type;
        const char *name;
    } known[] = {{0xEF53, "ext4"},       {0x58465342, "xfs"},    {0x9123683E, "btrfs"},
                 {0x01021994, "tmpfs"},  {0x6969, "nfs"},        {0x794c7630, "overlayfs"},
                 {0x65735546, "fuse"},   {0x2FC12FC1, "zfs"},    {0xFF534D42, "cifs"},
                 {0x0BD00BD0, "lustre"}, {0x19830326, "beegfs"}, {0x47504653, "gpfs"}};
    for (size_t k = 0; k < IML_COUNT_OF(known); k++)
        if (known[k].type == type) return known[k].name;
    return "unknown";
}

static void build(struct facts *l)
{
    iml__str s;
    iml__str_init(&s, 1024);
    for (size_t k = 0; k < iml__codec_count(); k++) {
        const iml__codec *c = iml__codec_at(k);
        iml__str_addf(&s, "%s%s", k ? " " : "", c->name);
    }
    add_text(l, "build", "version", IML_VERSION);
    add_text(l, "build", "codecs", iml__str_text(&s));
    for (size_t k = 0; k < iml__codec_count(); k++) {
        const iml__codec *c = iml__codec_at(k);
        add_text(l, "build", c->name, c->version ? c->version() : "built in");
    }
    iml__str_free(&s);
    static const struct {
        const char *name;
        bool on;
    } options_[] = {
#ifdef IML_FONTCONFIG
        {"fontconfig", true},
#else
        {"fontconfig", false},
#endif
#ifdef IML_LIBTHAI
        {"libthai", true},
#else
        {"libthai", false},
#endif
#ifndef IML_WEBP
        {"webp", false},
#endif
#ifdef IML_ISAL
        {"isal", true},
#else
        {"isal", false},
#endif
#ifdef IML_INJECT
        {"inject", true},
#else
        {"inject", false},
#endif
    };
    for (size_t k = 0; k < IML_COUNT_OF(options_); k++)
        add_n(l, "build", options_[k].name, FLAG, options_[k].on);
    add_text(l, "build", "gzip_streams", iml__gzr_library());
}

// Microseconds of writing and syncing 4 KiB in a nameless file: the median of five.
static bool fsync_probe(const char *dir, uint64_t *us)
{
    static const char block[4096];
    uint64_t t[5];
    int fd = iml__openat(AT_FDCWD, dir, O_TMPFILE | O_WRONLY, 0600);
    bool ok = fd >= 0;
    for (size_t k = 0; ok && k < 5; k++) {
        uint64_t begun = iml__now_us();
        ok = !iml__write_all(fd, block, sizeof block) && !iml__fdatasync(fd);
        t[k] = iml__now_us() - begun;
        for (size_t i = k; i > 0 && t[i] < t[i - 1]; i--) {
            uint64_t x = t[i];
            t[i] = t[i - 1], t[i - 1] = x;
        }
    }
    (void)iml__close(&fd);
    *us = ok ? t[2] : 0;
    return ok;
}

// What fsync costs at DIR, in microseconds; 0: unknown. It decides whether --durability item is
// bearable.
static uint64_t file_system(struct facts *l, const char *dir)
{
    struct statfs s;
    if (statfs(dir, &s)) {
        (void)snprintf(add(l, "output", "error", TEXT)->text, sizeof l->f[0].text,
                       "%.80s cannot be looked at", dir);
        return 0;
    }
    add_text(l, "output", "file_system", fs_name((long)s.f_type));
    add_n(l, "output", "free", BYTES, (uint64_t)s.f_bavail * (uint64_t)s.f_bsize);
    uint64_t us;
    if (fsync_probe(dir, &us))
        add_n(l, "output", "fsync_us", COUNT, us);
    else
        add_text(l, "output", "fsync_us", "not writable");
    return us;
}

static void recommend(struct facts *l, const char *option, const char *value, const char *why)
{
    add_text(l, "recommended", option, value);
    l->f[l->n - 1].why = why;
}

static void advice(struct facts *l, const char *dir, uint64_t fsync_us)
{
    char text[32];
    iml__str s;
    int allowed = iml__cpu_allowed();
    bool quota = iml__cpu_quota() > 0 && iml__cpu_workers() < allowed;
    (void)snprintf(text, sizeof text, "%d", iml__cpu_workers());
    recommend(l, "--workers", text,
              quota                          ? "the cgroup's quota of CPU time"
              : allowed < iml__cpu_present() ? "the CPUs that this process may use"
                                             : "a worker a CPU");
    iml__str_init(&s, 64);
    iml__text_bytes(&s, iml__mem_default_budget());
    bool half = iml__mem_cgroup_limit() && iml__mem_cgroup_limit() / 2 < iml__mem_available() / 4;
    recommend(l, "--memory", iml__str_text(&s),
              half ? "half the cgroup's limit" : "a quarter of what is available");
    iml__str_free(&s);
    int fd = iml__openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0);
    bool network = fd >= 0 && iml__fs_is_network(fd);
    (void)iml__close(&fd);
    (void)snprintf(text, sizeof text, "%d", network ? IML_MIN(32, 4 * iml__cpu_workers()) : 2);
    recommend(l, "--io-workers", text,
              network ? "a network file system answers late"
                      : "a local file system; 1 on a turning disk");
    recommend(l, "--mode", "auto",
              "processes where foreign files are decoded or --timeout is set, else threads");
    recommend(l, "--durability", "batch",
              fsync_us && fsync_us < 100
                  ? "a sync costs so little here that --durability item is bearable, too"
                  : "a sync of each item would cost more than the item");
    struct rlimit files = {0};
    if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < 1024)
        recommend(l, "ulimit -n", "1024", "open files: directories are kept open");
    recommend(l, "--container", network ? "tar" : "auto",
              network ? "a file by itself is dear on a network file system"
                      : "loose files; shards where there are very many");
}

static void value_text(const struct fact *f, iml__str *s)
{
    char num[32];
    switch (f->kind) {
    case TEXT: iml__str_adds(s, f->text); break;
    case FLAG: iml__str_adds(s, f->n ? "yes" : "no"); break;
    case COUNT: iml__text_count(s, f->n); break;
    case BYTES:
        if (f->n == RLIM_INFINITY)
            iml__str_adds(s, "unlimited");
        else
            iml__text_bytes(s, f->n);
        break;
    case NUMBER: iml__num_short(num, f->d), iml__str_adds(s, num); break;
    }
    if (f->why) iml__str_addf(s, "   (%s)", f->why);
}

static void print_lines(const struct facts *l)
{
    iml__str s;
    iml__str_init(&s, 1024);
    for (size_t k = 0; k < l->n; k++) {
        bool first = !k || strcmp(l->f[k].group, l->f[k - 1].group) != 0;
        iml__str_clear(&s);
        value_text(&l->f[k], &s);
        (void)printf("%-12s %-13s %s\n", first ? l->f[k].group : "", l->f[k].key,
                     iml__str_text(&s));
    }
    iml__str_free(&s);
}

static void print_json(const struct facts *l)
{
    iml__str s;
    iml__jsonw w;
    iml__str_init(&s, 1 << 16);
    iml__jsonw_init(&w, &s, 2);
    iml__jsonw_object(&w);
    iml__jsonw_key(&w, "imloom"), iml__jsonw_u64(&w, 1);
    for (size_t k = 0; k < l->n; k++) {
        const struct fact *f = &l->f[k];
        if (!k || strcmp(f->group, f[-1].group) != 0) {
            if (k) iml__jsonw_end(&w);
            iml__jsonw_key(&w, f->group), iml__jsonw_object(&w);
        }
        iml__jsonw_key(&w, f->key);
        if (f->kind == TEXT)
            iml__jsonw_str(&w, f->text);
        else if (f->kind == FLAG)
            iml__jsonw_bool(&w, f->n != 0);
        else if (f->kind == NUMBER)
            iml__jsonw_num(&w, f->d);
        else if (f->kind == BYTES && f->n == RLIM_INFINITY)
            iml__jsonw_null(&w);
        else
            iml__jsonw_u64(&w, f->n);
    }
    if (l->n) iml__jsonw_end(&w);
    iml__jsonw_end(&w);
    (void)puts(iml__str_text(&s));
    iml__str_free(&s);
}

int iml__cmd_info(int argc, char **argv)
{
    iml_err e = {0};
    iml__opts o = {.command = "info",
                   .table = iml__doc_info.table,
                   .structs = (void *[]){&options},
                   .ntables = 1};
    int code = IML__EXIT_OK;
    static struct facts l;
    if (iml__opts_parse(&o, argc, argv, &e))
        code = iml__complain(&e, IML__EXIT_USAGE);
    else if (o.args.n)
        code = iml__complain(
            (IML_FAIL(&e, IML_EARG, "info takes no argument '%.60s'", o.args.item[0]), &e),
            IML__EXIT_USAGE);
    if (!code) {
        machine(&l), gpus(&l), build(&l);
        advice(&l, options.out, file_system(&l, options.out));
        options.json ? print_json(&l) : print_lines(&l);
    }
    iml__opts_free(&o);
    return code;
}
